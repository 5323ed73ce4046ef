/* SPDX-License-Identifier: Apache-2.0
 * Preloaded into the program under test: what it forces to the disk and renames, in order, a line each, into
 * the file EG_SYNC_LOG. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void note(const char *what, int fd, const char *to) {
    const char *log = getenv("EG_SYNC_LOG");
    char link[64], path[4096] = "", line[8300];
    if (!log) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = fd >= 0 ? readlink(link, path, sizeof path - 1) : 0;
    path[size > 0 ? size : 0] = 0;
    int length = snprintf(line, sizeof line, "%s %s\n", what, to ? to : path);
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (out >= 0 && write(out, line, (size_t)length) < 0) abort();
    if (out >= 0) close(out);
}

int fsync(int fd) {
    note("sync", fd, NULL);
    return ((__typeof__(&fsync))(void *)dlsym(RTLD_NEXT, "fsync"))(fd);
}

int fdatasync(int fd) {
    note("sync", fd, NULL);
    return ((__typeof__(&fdatasync))(void *)dlsym(RTLD_NEXT, "fdatasync"))(fd);
}

int rename(const char *from, const char *to) {
    note("name", -1, to);
    return ((__typeof__(&rename))(void *)dlsym(RTLD_NEXT, "rename"))(from, to);
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    note("name", -1, to);
    return ((__typeof__(&renameat2))(void *)dlsym(RTLD_NEXT, "renameat2"))(from_at, from, to_at, to,
                                                                           flags);
}
