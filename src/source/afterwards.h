/* SPDX-License-Identifier: Apache-2.0
 * What becomes of a file that was read: whether its writer is done with it, and putting it away. */
#ifndef EG_SOURCE_AFTERWARDS_H
#define EG_SOURCE_AFTERWARDS_H

#include "base/status.h"

enum eg_file_use {
    EG_FILE_FREE,    /* nobody has it open for writing */
    EG_FILE_WRITTEN, /* somebody has */
    EG_FILE_UNSURE,  /* the file system cannot tell, or does not tell us */
};
enum eg_file_use eg_file_in_use(const char *path);

/* Renames `path` to DIRECTORY/RELATIVE, making directories as needed; where that name is taken, to
 * the first that is free of NAME.1, NAME.2, … Nothing is ever written over. Errors: EG_E_NOENT (it is
 * gone), EG_E_ACCESS, EG_E_NOSPACE, EG_E_USAGE (another file system), EG_E_IO, EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_file_put_away(const char *path, const char *directory,
                                              const char *relative, struct eg_error *err);

#endif
