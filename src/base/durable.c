/* SPDX-License-Identifier: Apache-2.0
 * Files made durable in the right order. Source: fsync(2), rename(2), open(2) of Linux. */
#include "base/durable.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *eg_path_join(const char *directory, const char *name) {
    size_t size = strlen(directory), name_size = strlen(name);
    bool slash = size && directory[size - 1] != '/';
    char *path = eg_malloc(size + slash + name_size + 1);
    if (!path) return NULL;
    memcpy(path, directory, size);
    if (slash) path[size] = '/';
    memcpy(path + size + slash, name, name_size + 1);
    return path;
}

char *eg_path_directory(const char *path) {
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/') size--;
    while (size && path[size - 1] != '/') size--;
    if (!size) return eg_strdup(".");
    while (size > 1 && path[size - 1] == '/') size--;
    return eg_strndup(path, size);
}

bool eg_path_same(const char *one, const char *other) {
    struct stat a, b;
    return stat(one, &a) == 0 && S_ISREG(a.st_mode) && stat(other, &b) == 0 &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static enum eg_status no_memory(const char *path, struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "%s: no memory", path);
}

static enum eg_status parent_sync(const char *path, struct eg_error *err) {
    char *parent = eg_path_directory(path);
    if (!parent) return no_memory(path, err);
    enum eg_status status = eg_dir_sync(parent, err);
    eg_free(parent);
    return status;
}

static int open_again(const char *path, int flags, mode_t mode) {
    int fd;
    do fd = open(path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* 0, or the errno of the first thing that failed. */
static int write_all(int fd, const char *bytes, size_t size) {
    while (size) {
        ssize_t wrote = write(fd, bytes, size);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return errno;
        bytes += wrote;
        size -= (size_t)wrote;
    }
    return 0;
}

enum eg_status eg_file_create(const char *path, const void *bytes, size_t size,
                              struct eg_error *err) {
    int fd = open_again(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (fd < 0) return eg_fail_errno(err, errno, "cannot create %s", path);
    int failed = write_all(fd, bytes, size);
    if (!failed && fsync(fd) != 0) failed = errno;
    if (close(fd) != 0 && !failed) failed = errno;
    if (!failed) return EG_OK;
    unlink(path);
    return eg_fail_errno(err, failed, "cannot write %s", path);
}

static enum eg_status replace_by(const char *path, const char *other, const void *bytes,
                                 size_t size, struct eg_error *err) {
    unlink(other); /* what a crash left */
    EG_TRY(eg_file_create(other, bytes, size, err));
    enum eg_status status = eg_file_rename(other, path, err);
    if (status < 0) {
        unlink(other);
        return status;
    }
    return parent_sync(path, err);
}

enum eg_status eg_file_replace(const char *path, const void *bytes, size_t size,
                               struct eg_error *err) {
    size_t path_size = strlen(path);
    char *other = eg_malloc(path_size + sizeof ".tmp");
    if (!other) return no_memory(path, err);
    memcpy(other, path, path_size);
    memcpy(other + path_size, ".tmp", sizeof ".tmp");
    enum eg_status status = replace_by(path, other, bytes, size, err);
    eg_free(other);
    return status;
}

static enum eg_status sync_path(const char *path, int flags, struct eg_error *err) {
    int fd = open_again(path, flags, 0);
    if (fd < 0) return eg_fail_errno(err, errno, "cannot open %s", path);
    int failed = fsync(fd) != 0 ? errno : 0;
    close(fd);
    /* Some network file systems have no fsync of a directory; they keep names at once. */
    if (failed == EINVAL && (flags & O_DIRECTORY)) failed = 0;
    return failed ? eg_fail_errno(err, failed, "cannot make %s durable", path) : EG_OK;
}

enum eg_status eg_file_sync(const char *path, struct eg_error *err) {
    return sync_path(path, O_RDONLY, err);
}

enum eg_status eg_dir_sync(const char *path, struct eg_error *err) {
    return sync_path(path, O_RDONLY | O_DIRECTORY, err);
}

enum eg_status eg_file_rename(const char *from, const char *to, struct eg_error *err) {
    if (rename(from, to) != 0) return eg_fail_errno(err, errno, "cannot rename %s to %s", from, to);
    return EG_OK;
}

static enum eg_status make_one(const char *path, struct eg_error *err) {
    if (mkdir(path, 0777) == 0) return parent_sync(path, err);
    int failed = errno;
    struct stat found;
    if (stat(path, &found) == 0) {
        if (S_ISDIR(found.st_mode)) return EG_OK;
        failed = ENOTDIR;
    }
    return eg_fail_errno(err, failed, "cannot make the directory %s", path);
}

enum eg_status eg_dir_make(const char *path, struct eg_error *err) {
    char *part = eg_strdup(path);
    if (!part) return no_memory(path, err);
    enum eg_status status = EG_OK;
    for (char *at = part + (*part == '/'); status == EG_OK && *at; at++) {
        if (*at != '/') continue;
        *at = 0;
        if (at[-1]) status = make_one(part, err);
        *at = '/';
    }
    if (status == EG_OK) status = make_one(part, err);
    eg_free(part);
    return status;
}

/* Reads to the end, whatever the size was said to be: it may be a pipe, or growing. */
static enum eg_status read_all(int fd, char **out, size_t *size, const char *path, size_t size_max,
                               struct eg_error *err) {
    size_t room = 4096, used = 0;
    char *text = eg_malloc(room);
    if (!text) return no_memory(path, err);
    for (;;) {
        ssize_t got = read(fd, text + used, room - 1 - used);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            int failed = got < 0 ? errno : 0;
            if (!failed) break;
            eg_free(text);
            return eg_fail_errno(err, failed, "cannot read %s", path);
        }
        used += (size_t)got;
        if (used > size_max) {
            eg_free(text);
            return eg_fail(err, EG_E_FORMAT, "%s is larger than %zu bytes", path, size_max);
        }
        if (used < room - 1) continue;
        char *grown = eg_realloc(text, room, 2);
        if (!grown) {
            eg_free(text);
            return no_memory(path, err);
        }
        text = grown;
        room *= 2;
    }
    text[used] = 0;
    *out = text;
    *size = used;
    return EG_OK;
}

enum eg_status eg_file_read(char **out, size_t *size, const char *path, size_t size_max,
                            struct eg_error *err) {
    int fd = open_again(path, O_RDONLY, 0);
    if (fd < 0) return eg_fail_errno(err, errno, "cannot open %s", path);
    enum eg_status status = read_all(fd, out, size, path, size_max, err);
    close(fd);
    return status;
}
