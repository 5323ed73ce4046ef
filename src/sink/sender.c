/* SPDX-License-Identifier: Apache-2.0
 * Sending datagrams as their exporters did. Sources: udp(7), raw(7), ipv6(7): an address of
 * 127.0.0.0/8 can be bound without being configured; a raw socket takes the IP header as it is. */
#include "sink/sender.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/strbuf.h"
#include "table/address.h"
#include "wire/datagram_frame.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKETS_MAX 512u     /* exporters with a socket of their own; others share */
#define EXPORTERS_MAX 65536u /* a power of two; half of them are told apart */
#define IPV6_HEADER_INCLUDED                                                                       \
    36 /* IPV6_HDRINCL of linux/in6.h, which cannot stand beside netinet/in.h */

#define FULL_TRIES 100000

struct exporter {
    struct eg_addr address;
    uint32_t number; /* from 1; 0: free */
};

struct eg_sender {
    enum eg_sender_as as;
    struct sockaddr_storage target;
    socklen_t target_size;
    struct eg_addr target_address;
    uint16_t target_port;
    int raw;              /* EG_SEND_SPOOFED */
    int fds[SOCKETS_MAX]; /* by number - 1, modulo; -1: not open yet */
    struct exporter *exporters;
    uint32_t count;
    uint64_t refusals;
    struct eg_strbuf packet;
};

/* ---- opening ---- */

static enum eg_status target_split(const char *target, char host[256], char port[16],
                                   struct eg_error *err) {
    const char *colon = strrchr(target, ':');
    size_t size = colon ? (size_t)(colon - target) : 0;
    bool bracketed = size >= 2 && target[0] == '[' && target[size - 1] == ']';
    if (bracketed) size -= 2;
    if (!colon || !size || size >= 256 || !colon[1] || strlen(colon + 1) >= 16 ||
        (!bracketed && memchr(target, ':', size)))
        return eg_fail(err, EG_E_USAGE, "'%.200s' is no target: HOST:PORT or [ADDRESS]:PORT",
                       target);
    snprintf(host, 256, "%.*s", (int)size, target + bracketed);
    snprintf(port, 16, "%s", colon + 1);
    return EG_OK;
}

static enum eg_status target_find(struct eg_sender *sender, const char *target,
                                  struct eg_error *err) {
    char host[256], port[16];
    EG_TRY(target_split(target, host, port, err));
    struct addrinfo want = {.ai_socktype = SOCK_DGRAM}, *found;
    int failed = getaddrinfo(host, port, &want, &found);
    if (failed == EAI_SERVICE)
        return eg_fail(err, EG_E_USAGE, "'%.200s': %s is no port", target, port);
    if (failed) return eg_fail(err, EG_E_NOENT, "%s: %s", host, gai_strerror(failed));
    memcpy(&sender->target, found->ai_addr, found->ai_addrlen);
    sender->target_size = found->ai_addrlen;
    freeaddrinfo(found);
    if (sender->target.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&sender->target;
        sender->target_address = eg_addr_v4(ntohl(v4->sin_addr.s_addr));
        sender->target_port = ntohs(v4->sin_port);
    } else {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&sender->target;
        memcpy(sender->target_address.bytes, &v6->sin6_addr, 16);
        sender->target_port = ntohs(v6->sin6_port);
    }
    return EG_OK;
}

static enum eg_status raw_open(struct eg_sender *sender, struct eg_error *err) {
    bool v6 = sender->target.ss_family == AF_INET6;
    int on = 1;
    sender->raw = socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (sender->raw < 0 && (errno == EPERM || errno == EACCES))
        return eg_fail(err, EG_E_ACCESS,
                       "no permission to send with other addresses: run as root, or give the "
                       "program the right: setcap cap_net_raw+ep");
    int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP, option = v6 ? IPV6_HEADER_INCLUDED : IP_HDRINCL;
    if (sender->raw < 0 || setsockopt(sender->raw, level, option, &on, sizeof on) != 0)
        return eg_fail_errno(err, errno, "cannot open a raw socket");
    if (v6) /* the kernel takes no port here */
        ((struct sockaddr_in6 *)(void *)&sender->target)->sin6_port = 0;
    return EG_OK;
}

enum eg_status eg_sender_open(struct eg_sender **out, const char *target, enum eg_sender_as as,
                              struct eg_error *err) {
    struct eg_sender *sender = eg_calloc(1, sizeof *sender);
    if (!sender) return eg_fail(err, EG_E_NOMEM, "no memory to send");
    sender->as = as;
    sender->raw = -1;
    for (uint32_t i = 0; i < SOCKETS_MAX; i++) sender->fds[i] = -1;
    sender->exporters = eg_calloc(EXPORTERS_MAX, sizeof *sender->exporters);
    enum eg_status status =
        sender->exporters ? EG_OK : eg_fail(err, EG_E_NOMEM, "no memory to send");
    if (status >= 0) status = target_find(sender, target, err);
    bool loopback =
        eg_addr_is_v4(&sender->target_address) && sender->target_address.bytes[12] == 127;
    if (status >= 0 && as == EG_SEND_LOOPBACK && !loopback)
        status = eg_fail(err, EG_E_USAGE,
                         "exporters get addresses of their own only towards 127.0.0.0/8, which %s "
                         "is not in; elsewhere their real ones can be sent as root",
                         target);
    if (status >= 0 && as == EG_SEND_SPOOFED) status = raw_open(sender, err);
    if (status < 0) {
        eg_sender_close(sender);
        return status;
    }
    *out = sender;
    return EG_OK;
}

void eg_sender_close(struct eg_sender *sender) {
    if (!sender) return;
    for (uint32_t i = 0; i < SOCKETS_MAX; i++)
        if (sender->fds[i] >= 0) close(sender->fds[i]);
    if (sender->raw >= 0) close(sender->raw);
    eg_strbuf_reset(&sender->packet);
    eg_free(sender->exporters);
    eg_free(sender);
}

/* ---- exporters ---- */

/* From 1, in the order in which they come; those beyond what is told apart share one. */
static uint32_t exporter_number(struct eg_sender *sender, const struct eg_addr *address) {
    uint64_t hash = eg_hash64(address, sizeof *address, 0);
    uint32_t slot = (uint32_t)(hash ^ hash >> 32) & (EXPORTERS_MAX - 1);
    for (;; slot = (slot + 1) & (EXPORTERS_MAX - 1)) {
        struct exporter *e = &sender->exporters[slot];
        if (e->number && memcmp(&e->address, address, sizeof *address) == 0) return e->number;
        if (e->number) continue;
        if (sender->count == EXPORTERS_MAX / 2) return sender->count;
        *e = (struct exporter){*address, ++sender->count};
        return e->number;
    }
}

uint32_t eg_sender_exporters(const struct eg_sender *sender) { return sender->count; }
uint64_t eg_sender_refusals(const struct eg_sender *sender) { return sender->refusals; }

static enum eg_status socket_open(const struct eg_sender *sender, uint32_t number, int *out,
                                  struct eg_error *err) {
    int fd = socket(sender->target.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return eg_fail_errno(err, errno, "cannot open a socket");
    struct sockaddr_in own = {.sin_family = AF_INET};
    own.sin_addr.s_addr = htonl(0x7f000000 + (number / 250 + 1) * 256 + number % 250 + 1);
    int size = 4 << 20;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    const char *what = NULL;
    if (sender->as == EG_SEND_LOOPBACK && bind(fd, (const struct sockaddr *)&own, sizeof own) != 0)
        what = "cannot take an address of 127.0.0.0/8";
    else if (connect(fd, (const struct sockaddr *)&sender->target, sender->target_size) != 0)
        what = "cannot reach the target";
    if (what) {
        int failed = errno;
        close(fd);
        return eg_fail_errno(err, failed, "%s", what);
    }
    *out = fd;
    return EG_OK;
}

/* ---- sending ---- */

static enum eg_status sent(struct eg_sender *sender, int fd, struct eg_span bytes,
                           struct eg_error *err) {
    bool raw = sender->as == EG_SEND_SPOOFED;
    for (int refused = 0, full = 0;;) {
        ssize_t size = raw ? sendto(fd, bytes.at, bytes.size, MSG_NOSIGNAL,
                                    (const struct sockaddr *)&sender->target, sender->target_size)
                           : send(fd, bytes.at, bytes.size, MSG_NOSIGNAL);
        if (size >= 0) return EG_OK;
        if (errno == EINTR || (errno == ENOBUFS && full++ < FULL_TRIES)) continue;
        if (errno == ECONNREFUSED && refused++ < 4) { /* about an earlier one; this was not sent */
            sender->refusals++;
            continue;
        }
        eg_fail_errno(err, errno, "cannot send %zu bytes", bytes.size);
        if (err) err->status = errno == EMSGSIZE ? EG_E_USAGE : EG_E_IO;
        return errno == EMSGSIZE ? EG_E_USAGE : EG_E_IO;
    }
}

static enum eg_status send_spoofed(struct eg_sender *sender, const struct eg_sender_exporter *from,
                                   struct eg_span payload, struct eg_error *err) {
    struct eg_udp_ends ends = {from->address, sender->target_address, from->port,
                               sender->target_port};
    if (eg_addr_is_v4(&ends.src) != eg_addr_is_v4(&ends.dst))
        return eg_fail(err, EG_E_USAGE,
                       "an exporter's address is of another family than the target");
    eg_strbuf_clear(&sender->packet);
    if (!eg_datagram_frame(&sender->packet, &ends, payload))
        return eg_fail(err, EG_E_USAGE, "%zu bytes are no datagram", payload.size);
    if (sender->packet.failed) return eg_fail(err, EG_E_NOMEM, "no memory to send");
    return sent(sender, sender->raw, eg_span(sender->packet.text, sender->packet.size), err);
}

enum eg_status eg_sender_send(struct eg_sender *sender, const struct eg_sender_exporter *from,
                              struct eg_span payload, struct eg_error *err) {
    uint32_t number = exporter_number(sender, &from->address);
    if (sender->as == EG_SEND_SPOOFED) return send_spoofed(sender, from, payload, err);
    int *fd = &sender->fds[(number - 1) % SOCKETS_MAX];
    if (*fd < 0) EG_TRY(socket_open(sender, number - 1, fd, err));
    return sent(sender, *fd, payload, err);
}
