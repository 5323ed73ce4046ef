/* SPDX-License-Identifier: Apache-2.0
 * A network of the test's own, with nothing in it but a loopback interface: packets that nobody else
 * sends. Where the kernel does not allow it, tests are skipped with the reason. */
#ifndef EG_TEST_LONE_NETWORK_H
#define EG_TEST_LONE_NETWORK_H

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static inline bool loopback_set(bool up) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof request.ifr_name, "lo");
    bool good = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0;
    if (good) {
        if (up)
            request.ifr_flags |= IFF_UP;
        else
            request.ifr_flags = (short)(request.ifr_flags & ~IFF_UP);
        good = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    }
    if (fd >= 0) close(fd);
    return good;
}

static bool lone; /* whether this process has such a network */
static inline void lone_network(void) {
    lone = (unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) &&
           loopback_set(true);
    if (lone) return;
    printf("a network namespace of our own is not allowed here: %s\n", strerror(errno));
    if (getenv("CI") && strcmp(getenv("CI"), "true") == 0) exit(1);
}

/* Sends datagrams of 100 bytes and more to a port of 127.0.0.1 where nobody listens. */
static inline void datagrams_send(unsigned count, uint16_t port, size_t size) {
    static const uint8_t bytes[9000] = {0x55};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (unsigned i = 0; i < count; i++)
        if (sendto(fd, bytes, size, 0, (struct sockaddr *)&to, sizeof to) < 0 &&
            errno != ECONNREFUSED)
            perror("sendto");
    close(fd);
}

#endif
