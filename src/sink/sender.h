/* SPDX-License-Identifier: Apache-2.0
 * Sending datagrams to a collector as if their exporters did: with the exporters' own addresses where
 * that is possible and asked for, else so that exporters can still be told apart. */
#ifndef EG_SINK_SENDER_H
#define EG_SINK_SENDER_H

#include "table/batch.h"

enum eg_sender_as {
    EG_SEND_BY_PORT,  /* one socket, that is one source port, for each exporter address */
    EG_SEND_LOOPBACK, /* and a source address 127.0.x.y of its own for each */
    EG_SEND_SPOOFED,  /* the exporter's address and port, through a raw socket */
};

struct eg_sender;

struct eg_sender_exporter {
    struct eg_addr address; /* as recorded */
    uint16_t port;
};

/* `target` is "HOST:PORT", "[ADDRESS]:PORT". Errors: EG_E_USAGE for what is no target, or cannot be
 * had with it; EG_E_NOENT for a host nobody knows; EG_E_ACCESS with the remedy. */
EG_MUST_CHECK enum eg_status eg_sender_open(struct eg_sender **out, const char *target,
                                            enum eg_sender_as, struct eg_error *err);
/* Sends one datagram; waits where the socket's buffer is full. Errors: EG_E_USAGE: it cannot be sent
 * to this target (too large, or another family when spoofing); EG_E_IO: it was not sent; each about
 * this one alone. EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_sender_send(struct eg_sender *, const struct eg_sender_exporter *,
                                            struct eg_span payload, struct eg_error *err);
uint32_t eg_sender_exporters(const struct eg_sender *); /* addresses seen */
uint64_t eg_sender_refusals(const struct eg_sender *);  /* answers that nobody listens */
void eg_sender_close(struct eg_sender *);               /* NULL is fine */

/* ---- whole frames, out of an interface ---- */

struct eg_frame_sender;

/* Errors: EG_E_NOENT, EG_E_ACCESS, EG_E_USAGE for an interface that takes no Ethernet frames. */
EG_MUST_CHECK enum eg_status eg_frame_sender_open(struct eg_frame_sender **out,
                                                  const char *interface, struct eg_error *err);
/* What it takes: frames of so many bytes behind the Ethernet header; 0: it did not say. */
#define EG_FRAME_HEAD 14
uint32_t eg_frame_sender_mtu(const struct eg_frame_sender *);
const char *eg_frame_sender_name(const struct eg_frame_sender *); /* the sender's */
/* As eg_sender_send; EG_E_USAGE: it is larger than the interface takes. */
EG_MUST_CHECK enum eg_status eg_frame_sender_send(struct eg_frame_sender *, struct eg_span frame,
                                                  struct eg_error *err);
void eg_frame_sender_close(struct eg_frame_sender *); /* NULL is fine */

#endif
