/* SPDX-License-Identifier: Apache-2.0
 * Receiving sockets. Source: socket(7), udp(7), ip(7), ipv6(7) of Linux. */
#include "source/sockets.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <unistd.h>

#define BACKLOG 128

static enum eg_status bind_failed(const struct eg_endpoint *endpoint, int failed,
                                  struct eg_error *err) {
    if (failed == EADDRINUSE)
        return eg_fail(err, EG_E_LOCKED,
                       "cannot listen on %s: something else has the port already (ss -lpn 'sport = "
                       ":%u' names it)",
                       endpoint->text, eg_endpoint_port(endpoint));
    if (failed == EACCES)
        return eg_fail(err, EG_E_ACCESS,
                       "cannot listen on %s: ports below 1024 need root or CAP_NET_BIND_SERVICE",
                       endpoint->text);
    if (failed == EADDRNOTAVAIL)
        return eg_fail(err, EG_E_USAGE, "cannot listen on %s: this machine has no such address",
                       endpoint->text);
    return eg_fail_errno(err, failed, "cannot listen on %s", endpoint->text);
}

static int switch_on(int fd, int level, int option) {
    int on = 1;
    return setsockopt(fd, level, option, &on, sizeof on);
}

/* A socket of the endpoint's family; where "all addresses" is wanted and there is no IPv6, of IPv4. */
static int socket_make(struct eg_endpoint *endpoint, int type) {
    int fd = socket(endpoint->address.ss_family, type | SOCK_CLOEXEC, 0);
    if (fd < 0 && endpoint->every && errno == EAFNOSUPPORT) {
        uint16_t port = eg_endpoint_port(endpoint);
        endpoint->address = (struct sockaddr_storage){.ss_family = AF_INET};
        endpoint->address_size = sizeof(struct sockaddr_in);
        eg_endpoint_port_set(endpoint, port);
        fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    }
    if (fd >= 0 && endpoint->address.ss_family == AF_INET6) {
        int only = !endpoint->every;
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    }
    return fd;
}

static int group_join(int fd, const struct eg_endpoint *endpoint) {
    if (endpoint->address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 =
            (const struct sockaddr_in6 *)(const void *)&endpoint->address;
        struct ipv6_mreq request = {.ipv6mr_multiaddr = v6->sin6_addr,
                                    .ipv6mr_interface = endpoint->interface};
        return setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request);
    }
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&endpoint->address;
    struct ip_mreqn request = {.imr_multiaddr = v4->sin_addr,
                               .imr_ifindex = (int)endpoint->interface};
    int others = 0; /* groups that other sockets joined are not ours */
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &others, sizeof others);
    return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request);
}

static void receive_bytes_set(int fd, uint64_t bytes) {
    int size = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes;
    if (size <= 0) return;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) == 0) return;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

static enum eg_status udp_set_up(int fd, const struct eg_endpoint *endpoint, bool shared,
                                 uint64_t receive_bytes, struct eg_error *err) {
    if (shared && switch_on(fd, SOL_SOCKET, SO_REUSEPORT) != 0)
        return eg_fail_errno(err, errno, "cannot share %s among workers", endpoint->text);
    if (endpoint->multicast) switch_on(fd, SOL_SOCKET, SO_REUSEADDR);
    receive_bytes_set(fd, receive_bytes);
    switch_on(fd, SOL_SOCKET, SO_TIMESTAMPNS); /* where it is not offered, the clock serves */
    switch_on(fd, SOL_SOCKET, SO_RXQ_OVFL);
    if (bind(fd, (const struct sockaddr *)&endpoint->address, endpoint->address_size) != 0)
        return bind_failed(endpoint, errno, err);
    if (endpoint->multicast && group_join(fd, endpoint) != 0)
        return eg_fail_errno(err, errno, "cannot join the group of %s (?interface=NAME says where)",
                             endpoint->text);
    return EG_OK;
}

enum eg_status eg_socket_udp(int *out, const struct eg_endpoint *wanted, bool shared,
                             uint64_t receive_bytes, struct eg_error *err) {
    struct eg_endpoint endpoint = *wanted;
    int fd = socket_make(&endpoint, SOCK_DGRAM);
    if (fd < 0) return eg_fail_errno(err, errno, "cannot make a socket for %s", endpoint.text);
    enum eg_status status = udp_set_up(fd, &endpoint, shared, receive_bytes, err);
    if (status < 0)
        close(fd);
    else
        *out = fd;
    return status;
}

enum eg_status eg_socket_tcp(int *out, const struct eg_endpoint *wanted, struct eg_error *err) {
    struct eg_endpoint endpoint = *wanted;
    int fd = socket_make(&endpoint, SOCK_STREAM | SOCK_NONBLOCK);
    if (fd < 0) return eg_fail_errno(err, errno, "cannot make a socket for %s", endpoint.text);
    switch_on(fd, SOL_SOCKET, SO_REUSEADDR); /* sessions of a process before this one linger */
    enum eg_status status = EG_OK;
    if (bind(fd, (const struct sockaddr *)&endpoint.address, endpoint.address_size) != 0 ||
        listen(fd, BACKLOG) != 0)
        status = bind_failed(&endpoint, errno, err);
    if (status < 0)
        close(fd);
    else
        *out = fd;
    return status;
}

uint64_t eg_socket_receive_bytes(int fd) {
    int size = 0;
    socklen_t length = sizeof size;
    if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &length) != 0 || size < 0) return 0;
    return (uint64_t)size / 2; /* Linux doubles what was asked, for its own bookkeeping */
}

uint16_t eg_socket_port(int fd) {
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) return 0;
    struct eg_addr ignored;
    uint16_t port;
    eg_sockaddr_split(&address, &ignored, &port);
    return port;
}

uint16_t eg_endpoint_port(const struct eg_endpoint *endpoint) {
    struct eg_addr ignored;
    uint16_t port;
    eg_sockaddr_split(&endpoint->address, &ignored, &port);
    return port;
}

void eg_endpoint_port_set(struct eg_endpoint *endpoint, uint16_t port) {
    if (endpoint->address.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)&endpoint->address)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)(void *)&endpoint->address)->sin_port = htons(port);
}

bool eg_socket_drops(int fd, uint32_t *out) {
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t size = sizeof info;
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size) != 0) return false;
    if (size <= SK_MEMINFO_DROPS * sizeof *info) return false;
    *out = info[SK_MEMINFO_DROPS];
    return true;
}
