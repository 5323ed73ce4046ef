/* SPDX-License-Identifier: Apache-2.0
 * Preloaded into the program under test: reads of EG_FAIL_NAME (how a path ends) that touch byte
 * EG_FAIL_AT fail with EIO, the first EG_FAIL_TIMES of them. */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_long failed;

static int fails(int fd, size_t size, off_t offset) {
    const char *name = getenv("EG_FAIL_NAME"), *at = getenv("EG_FAIL_AT"),
               *times = getenv("EG_FAIL_TIMES");
    char link[64], path[4096];
    if (!name || !at || !times || offset > atol(at) || offset + (off_t)size <= atol(at)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    size_t end = strlen(name);
    if ((size_t)length < end || strcmp(path + length - end, name) != 0) return 0;
    return atomic_fetch_add(&failed, 1) < atol(times);
}

ssize_t pread(int fd, void *to, size_t size, off_t offset) {
    if (fails(fd, size, offset)) {
        errno = EIO;
        return -1;
    }
    return ((__typeof__(&pread))(void *)dlsym(RTLD_NEXT, "pread"))(fd, to, size, offset);
}

ssize_t pread64(int fd, void *to, size_t size, off_t offset) { return pread(fd, to, size, offset); }
