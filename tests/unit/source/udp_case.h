/* SPDX-License-Identifier: Apache-2.0
 * Sending numbered datagrams over loopback, for several tests. */
#ifndef EG_UDP_CASE_H
#define EG_UDP_CASE_H

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static inline void case_pause(long ms) {
    struct timespec nap = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&nap, NULL);
}

/* A socket connected to a port of this machine. */
static inline int case_sender(int family, int type, uint16_t port) {
    int fd = socket(family, type, 0);
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v6.sin6_addr = in6addr_loopback;
    int failed = family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof v4)
                                   : connect(fd, (struct sockaddr *)&v6, sizeof v6);
    assert_int_equal(failed, 0);
    return fd;
}

/* `count` datagrams of `size` bytes (8 or more) that begin with *next, *next + 1, … */
static inline void case_send(int fd, uint64_t *next, uint32_t count, size_t size) {
    static uint8_t bytes[65535];
    for (uint32_t i = 0; i < count; i++, (*next)++) {
        memcpy(bytes, next, 8);
        assert_int_equal(send(fd, bytes, size, 0), size);
    }
}

#endif
