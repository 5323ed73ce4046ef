/* SPDX-License-Identifier: Apache-2.0
 * Stands between the code and the system: the n-th call that changes a file kills the process, or
 * fails with an errno. A test program that includes this has these calls instead of libc's. Nothing
 * is really fsynced, so that a thousand crashes take a second. */
#ifndef EG_TEST_INTERPOSE_H
#define EG_TEST_INTERPOSE_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CRASHED 99

static long steps_taken, step_at = -1; /* -1: never */
static int step_errno;                 /* 0: the process dies there */
static const char *step_call;          /* only calls of this name count; NULL: all */

/* True: fail with errno. */
static int step(const char *call) {
    if (step_at < 0 || (step_call && strcmp(step_call, call) != 0)) return 0;
    if (steps_taken++ != step_at) return 0;
    if (!step_errno) _exit(CRASHED);
    errno = step_errno;
    return 1;
}
static void steps_set(long at, int errnum, const char *call) {
    steps_taken = 0;
    step_at = at;
    step_errno = errnum;
    step_call = call;
}
/* True: the step came. */
static int steps_off(void) {
    int came = step_at >= 0 && steps_taken > step_at;
    step_at = -1;
    return came;
}

int rename(const char *from, const char *to) {
    if (step("rename")) return -1;
    return (int)syscall(SYS_rename, from, to);
}
int fsync(int fd) {
    (void)fd;
    return step("fsync") ? -1 : 0;
}
int fdatasync(int fd) { return fsync(fd); } /* SQLite's */
int unlink(const char *path) {
    if (step("unlink")) return -1;
    return (int)syscall(SYS_unlink, path);
}
int mkdir(const char *path, mode_t mode) {
    if (step("mkdir")) return -1;
    return (int)syscall(SYS_mkdir, path, mode);
}
int rmdir(const char *path) {
    if (step("rmdir")) return -1;
    return (int)syscall(SYS_rmdir, path);
}
int open(const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    int mode = flags & O_CREAT ? va_arg(args, int) : 0;
    va_end(args);
    if ((flags & O_CREAT) && step("create")) return -1;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}
/* Half of what is asked is written before the process dies. */
ssize_t write(int fd, const void *bytes, size_t size) {
    if (step_at >= 0 && fd > 2) {
        if (!step_errno && steps_taken == step_at && (!step_call || !strcmp(step_call, "write")))
            syscall(SYS_write, fd, bytes, size / 2);
        if (step("write")) return -1;
    }
    return syscall(SYS_write, fd, bytes, size);
}

#endif
