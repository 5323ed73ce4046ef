/* SPDX-License-Identifier: Apache-2.0
 * Preloaded into the program under test: once a read of EG_CHANGE_NAME (how a path ends) has touched byte
 * EG_CHANGE_AFTER, that file is cut to EG_CHANGE_SIZE bytes, or its byte EG_CHANGE_BYTE becomes another. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int changed;

static ssize_t read_really(int fd, void *to, size_t size, off_t offset) {
    return ((__typeof__(&pread))(void *)dlsym(RTLD_NEXT, "pread"))(fd, to, size, offset);
}

static void change(const char *path) {
    const char *size = getenv("EG_CHANGE_SIZE"), *place = getenv("EG_CHANGE_BYTE");
    if (size && truncate(path, atol(size)) != 0) abort();
    if (!place) return;
    char byte;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || read_really(fd, &byte, 1, atol(place)) != 1) abort();
    byte = (char)~byte;
    if (pwrite(fd, &byte, 1, atol(place)) != 1) abort();
    close(fd);
}

static ssize_t seen(int fd, off_t offset, ssize_t got) {
    const char *name = getenv("EG_CHANGE_NAME"), *after = getenv("EG_CHANGE_AFTER");
    char link[64], path[4096];
    if (!name || !after || got <= 0 || offset > atol(after) || offset + got <= atol(after))
        return got;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    size_t end = strlen(name);
    if ((size_t)length >= end && strcmp(path + length - end, name) == 0 &&
        !atomic_exchange(&changed, 1))
        change(path);
    return got;
}

ssize_t pread(int fd, void *to, size_t size, off_t offset) {
    return seen(fd, offset, read_really(fd, to, size, offset));
}

ssize_t read(int fd, void *to, size_t size) {
    off_t offset = lseek(fd, 0, SEEK_CUR); /* -1: a pipe */
    ssize_t got = ((__typeof__(&read))(void *)dlsym(RTLD_NEXT, "read"))(fd, to, size);
    return offset < 0 ? got : seen(fd, offset, got);
}

ssize_t pread64(int fd, void *to, size_t size, off_t offset) { return pread(fd, to, size, offset); }
