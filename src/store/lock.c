/* SPDX-License-Identifier: Apache-2.0
 * flock on named files, safe against their removal. Source: flock(2). */
#include "store/lock.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int flock_again(int fd, int operation) {
    int result;
    do {
        result = flock(fd, operation);
    } while (result < 0 && errno == EINTR);
    return result;
}

/* The file says "PID NAME\n". */
static void holder_read(int fd, struct eg_lock_holder *holder) {
    if (!holder) return;
    *holder = (struct eg_lock_holder){0};
    char text[sizeof holder->name + 32];
    ssize_t size = pread(fd, text, sizeof text - 1, 0);
    if (size <= 0) return;
    text[size] = 0;
    text[strcspn(text, "\n")] = 0;
    char *rest;
    holder->pid = strtol(text, &rest, 10);
    if (*rest == ' ') snprintf(holder->name, sizeof holder->name, "%.*s", EG_LOCK_NAME, rest + 1);
}

/* A failure only costs others the name of the holder: a full disk must not stop a lock. */
static void holder_write(int fd, const char *name) {
    char text[sizeof((struct eg_lock_holder *)0)->name + 32];
    int size = snprintf(text, sizeof text, "%ld %.*s\n", (long)getpid(), EG_LOCK_NAME, name);
    if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)size, 0) < 0) return;
}

/* Between open and flock another process may have removed the file: then we hold a lock on
 * nothing, and must begin again. */
static bool still_named(int fd, const char *path) {
    struct stat held, named;
    return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino &&
           held.st_dev == named.st_dev;
}

enum eg_status eg_lock_take(struct eg_lock *out, const char *path, enum eg_lock_kind kind,
                            const char *name, struct eg_lock_holder *holder, struct eg_error *err) {
    bool shared = kind == EG_LOCK_SHARED || kind == EG_LOCK_SHARED_WAIT;
    bool waits = kind == EG_LOCK_WAIT || kind == EG_LOCK_SHARED_WAIT;
    int operation = (shared ? LOCK_SH : LOCK_EX) | (waits ? 0 : LOCK_NB);
    char *copy = eg_strdup(path);
    if (!copy) return eg_fail(err, EG_E_NOMEM, "no memory for a lock");
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0) {
            eg_free(copy);
            return eg_fail_errno(err, errno, "cannot open the lock %s", path);
        }
        if (flock_again(fd, operation) < 0) {
            int errnum = errno;
            holder_read(fd, holder);
            close(fd);
            eg_free(copy);
            if (errnum == EWOULDBLOCK) return eg_fail(err, EG_E_LOCKED, "%s is locked", path);
            return eg_fail_errno(err, errnum, "cannot lock %s", path);
        }
        if (!still_named(fd, path)) {
            close(fd);
            continue;
        }
        if (!shared) holder_write(fd, name);
        *out = (struct eg_lock){fd, copy};
        return EG_OK;
    }
}

void eg_lock_give(struct eg_lock *lock, bool remove) {
    if (!lock->path) return;
    if (remove) unlink(lock->path);
    close(lock->fd); /* the lock goes with it */
    eg_free(lock->path);
    *lock = (struct eg_lock){.fd = -1};
}

bool eg_lock_busy(const char *path, struct eg_lock_holder *holder) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    bool busy = flock_again(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    if (busy) holder_read(fd, holder);
    close(fd);
    return busy;
}
