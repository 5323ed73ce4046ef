/* SPDX-License-Identifier: Apache-2.0
 * Where datagrams are sent to, and the raw socket that sends them under others' addresses. */
#ifndef EG_SINK_UDP_TARGET_H
#define EG_SINK_UDP_TARGET_H

#include "table/batch.h"

#include <sys/socket.h>

struct eg_udp_target {
    struct sockaddr_storage address;
    socklen_t size;
    struct eg_addr ip;
    uint16_t port;
};

/* `text` is "HOST:PORT" or "[ADDRESS]:PORT"; what follows behind a '/' or '?' does not count. Errors:
 * EG_E_USAGE for what is no target, EG_E_NOENT for a host nobody knows. */
EG_MUST_CHECK enum eg_status eg_udp_target_find(struct eg_udp_target *out, const char *text,
                                                struct eg_error *err);
/* Whether what is sent there stays on this machine: an address of it, or none (0.0.0.0, ::), which Linux
 * takes for loopback. Groups and broadcasts are not. */
bool eg_udp_target_here(const struct eg_udp_target *);
/* A raw socket of the target's family that takes packets with their headers; the target's address
 * becomes one that such a socket takes. Errors: EG_E_ACCESS with the remedy. */
EG_MUST_CHECK enum eg_status eg_udp_target_raw(struct eg_udp_target *, int *fd,
                                               struct eg_error *err);

#endif
