/* SPDX-License-Identifier: Apache-2.0
 * Preloaded into the program under test: counts the system calls that change a file below
 * EG_KILL_ROOT, over all threads, and kills the process right after number EG_KILL_AT. Into the file
 * EG_KILL_LOG it writes a line for each: its name and the path. */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long calls;

#define REAL(name) ((__typeof__(&name))(void *)dlsym(RTLD_NEXT, #name))

static int below(const char *path) {
    const char *root = getenv("EG_KILL_ROOT");
    return root && strncmp(path, root, strlen(root)) == 0;
}

/* The path behind a descriptor; "" when there is none. */
static const char *path_of(int fd, char path[4096]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, 4095);
    path[size > 0 ? size : 0] = 0;
    return path;
}

static void note(const char *call, const char *path) {
    const char *log = getenv("EG_KILL_LOG");
    char line[4200];
    int fd = log ? REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;
    if (fd < 0) return;
    int size = snprintf(line, sizeof line, "%s %s\n", call, path);
    if (REAL(write)(fd, line, (size_t)size) != size) abort();
    REAL(close)(fd);
}

static void counted(const char *call, const char *path) {
    if (!below(path)) return;
    const char *at = getenv("EG_KILL_AT");
    note(call, path);
    long number = atomic_fetch_add(&calls, 1) + 1;
    if (at && number == atol(at)) kill(getpid(), SIGKILL);
}

#define OF_FD(type, name, arguments, ...)                                                          \
    type name arguments {                                                                          \
        char path[4096];                                                                           \
        path_of(fd, path); /* before the call: it may close it */                                  \
        type result = REAL(name)(__VA_ARGS__);                                                     \
        counted(#name, path);                                                                      \
        return result;                                                                             \
    }
#define OF_PATH(type, name, arguments, ...)                                                        \
    type name arguments {                                                                          \
        type result = REAL(name)(__VA_ARGS__);                                                     \
        counted(#name, path);                                                                      \
        return result;                                                                             \
    }

OF_FD(ssize_t, write, (int fd, const void *from, size_t size), fd, from, size)
OF_FD(ssize_t, pwrite, (int fd, const void *from, size_t size, off_t at), fd, from, size, at)
OF_FD(ssize_t, pwrite64, (int fd, const void *from, size_t size, off64_t at), fd, from, size, at)
OF_FD(int, fsync, (int fd), fd)
OF_FD(int, fdatasync, (int fd), fd)
OF_FD(int, ftruncate, (int fd, off_t size), fd, size)
OF_FD(int, ftruncate64, (int fd, off64_t size), fd, size)
OF_FD(int, flock, (int fd, int operation), fd, operation)
OF_FD(int, close, (int fd), fd)
OF_FD(int, fchmod, (int fd, mode_t mode), fd, mode)
OF_FD(int, fallocate, (int fd, int mode, off_t at, off_t size), fd, mode, at, size)
OF_PATH(int, rename, (const char *path, const char *to), path, to)
OF_PATH(int, link, (const char *path, const char *to), path, to)
OF_PATH(int, unlink, (const char *path), path)
OF_PATH(int, rmdir, (const char *path), path)
OF_PATH(int, mkdir, (const char *path, mode_t mode), path, mode)

int renameat2(int from, const char *path, int into, const char *to, unsigned flags) {
    int result = REAL(renameat2)(from, path, into, to, flags);
    counted("renameat2", path);
    return result;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...) {                                                   \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                    \
        va_end(rest);                                                                              \
        int result = REAL(name)(path, flags, mode);                                                \
        if (flags & (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR)) counted(#name, path);                  \
        return result;                                                                             \
    }
OPEN(open)
OPEN(open64)
