/* SPDX-License-Identifier: Apache-2.0
 * Sockets that receive: made, bound, and asked what the kernel gave them and what it dropped. */
#ifndef EG_SOURCE_SOCKETS_H
#define EG_SOURCE_SOCKETS_H

#include "source/endpoint.h"

/* A bound UDP socket with kernel timestamps and drop counts. `shared`: one of several on the same
 * port (SO_REUSEPORT). Errors: EG_E_ACCESS, EG_E_LOCKED (somebody has the port), EG_E_IO. */
EG_MUST_CHECK enum eg_status eg_socket_udp(int *out, const struct eg_endpoint *, bool shared,
                                           uint64_t receive_bytes, struct eg_error *err);
/* A listening TCP socket that does not block. */
EG_MUST_CHECK enum eg_status eg_socket_tcp(int *out, const struct eg_endpoint *,
                                           struct eg_error *err);
uint64_t eg_socket_receive_bytes(int fd); /* the receive buffer in effect */
uint16_t eg_socket_port(int fd);
void eg_endpoint_port_set(struct eg_endpoint *, uint16_t port);
uint16_t eg_endpoint_port(const struct eg_endpoint *);
/* How many datagrams the kernel dropped on the socket since it was made, modulo 2^32. False: it
 * does not tell. */
bool eg_socket_drops(int fd, uint32_t *out);

#endif
