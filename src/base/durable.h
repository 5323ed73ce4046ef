/* SPDX-License-Identifier: Apache-2.0
 * Files that survive a crash: the few calls that make a file, its name, and its directory durable
 * in the right order (fsync the file, rename, fsync the directory). A failed fsync is final: the
 * caller gives the file up and does not try again. */
#ifndef EG_BASE_DURABLE_H
#define EG_BASE_DURABLE_H

#include "base/status.h"

/* Writes `size` bytes to a new file and fsyncs it. The name must not exist yet (O_EXCL). On failure
 * the file is removed. Errors: EG_E_NOSPACE, EG_E_ACCESS, EG_E_IO, each naming `path`. */
EG_MUST_CHECK enum eg_status eg_file_create(const char *path, const void *bytes, size_t size,
                                            struct eg_error *err);
/* As eg_file_create, but to PATH.tmp, then renamed over `path`, then the directory fsynced. */
EG_MUST_CHECK enum eg_status eg_file_replace(const char *path, const void *bytes, size_t size,
                                             struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_file_sync(const char *path, struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_dir_sync(const char *path, struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_file_rename(const char *from, const char *to, struct eg_error *err);
/* mkdir -p, mode 0777 less the umask; each new name is made durable in its parent. */
EG_MUST_CHECK enum eg_status eg_dir_make(const char *path, struct eg_error *err);
/* The whole file, NUL-terminated; at most `size_max` bytes (EG_E_FORMAT beyond). Free with eg_free. */
EG_MUST_CHECK enum eg_status eg_file_read(char **out, size_t *size, const char *path,
                                          size_t size_max, struct eg_error *err);
/* "a/b" + "c" -> "a/b/c", to be freed with eg_free; NULL: no memory. */
char *eg_path_join(const char *directory, const char *name);
/* The directory that holds the name: "a/b" -> "a", "b" -> ".", "/b" -> "/"; freed and NULL likewise. */
char *eg_path_directory(const char *path);
/* Whether both name the same file, a regular one that exists. */
bool eg_path_same(const char *one, const char *other);

#endif
