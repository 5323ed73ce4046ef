/* SPDX-License-Identifier: Apache-2.0
 * Sending datagrams as their exporters did. Source: udp(7): an address of 127.0.0.0/8 can be bound
 * without being configured. */
#include "sink/sender.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/strbuf.h"
#include "sink/udp_target.h"
#include "table/address.h"
#include "wire/datagram_frame.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKETS_MAX 512u     /* exporters with a socket of their own; others share */
#define EXPORTERS_MAX 65536u /* a power of two; half of them are told apart */
#define FULL_TRIES 100000

struct exporter {
    struct eg_addr address;
    uint32_t number; /* from 1; 0: free */
};

struct eg_sender {
    enum eg_sender_as as;
    struct eg_udp_target target;
    int raw;              /* EG_SEND_SPOOFED */
    int fds[SOCKETS_MAX]; /* by number - 1, modulo; -1: not open yet */
    struct exporter *exporters;
    uint32_t count;
    uint64_t refusals;
    struct eg_strbuf packet;
};

/* ---- opening ---- */

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
    if (status >= 0) status = eg_udp_target_find(&sender->target, target, err);
    bool loopback = eg_addr_is_v4(&sender->target.ip) && sender->target.ip.bytes[12] == 127;
    if (status >= 0 && as == EG_SEND_LOOPBACK && !loopback)
        status = eg_fail(err, EG_E_USAGE,
                         "exporters get addresses of their own only towards 127.0.0.0/8, which %s "
                         "is not in; elsewhere their real ones can be sent as root",
                         target);
    if (status >= 0 && as == EG_SEND_SPOOFED)
        status = eg_udp_target_raw(&sender->target, &sender->raw, err);
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
    int fd = socket(sender->target.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return eg_fail_errno(err, errno, "cannot open a socket");
    struct sockaddr_in own = {.sin_family = AF_INET};
    own.sin_addr.s_addr = htonl(0x7f000000 + (number / 250 + 1) * 256 + number % 250 + 1);
    int size = 4 << 20;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    const char *what = NULL;
    if (sender->as == EG_SEND_LOOPBACK && bind(fd, (const struct sockaddr *)&own, sizeof own) != 0)
        what = "cannot take an address of 127.0.0.0/8";
    else if (connect(fd, (const struct sockaddr *)&sender->target.address, sender->target.size) !=
             0)
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
        ssize_t size =
            raw ? sendto(fd, bytes.at, bytes.size, MSG_NOSIGNAL,
                         (const struct sockaddr *)&sender->target.address, sender->target.size)
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
    struct eg_udp_ends ends = {from->address, sender->target.ip, from->port, sender->target.port};
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
