/* SPDX-License-Identifier: Apache-2.0
 * Packets in the order of time, whatever the order they came in, in bounded memory: so many bytes are kept,
 * sorted, and put aside in a file without a name; at the end all of these are merged. */
#ifndef EG_SINK_PACKET_ORDER_H
#define EG_SINK_PACKET_ORDER_H

#include "table/stage.h"
#include "wire/capture.h"

struct eg_packet_order;

/* What finds no room in `memory_max` bytes (0: 64 MiB) goes to the directory of `beside`, from which it is
 * gone with the process. Errors: EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_packet_order_new(struct eg_packet_order **out, const char *beside,
                                                 uint64_t memory_max, struct eg_error *err);
/* One packet; its bytes and the name are copied. Errors: EG_E_NOMEM, EG_E_NOSPACE, EG_E_ACCESS, EG_E_IO. */
EG_MUST_CHECK enum eg_status eg_packet_order_put(struct eg_packet_order *, const struct eg_frame *,
                                                 struct eg_span interface, struct eg_error *err);
/* All of them, by time, those of one time as they came, those without one last. They live until `put` returns,
 * whose EG_END is enough. Once. Errors: those of `put`, EG_E_NOMEM, EG_E_IO. */
EG_MUST_CHECK enum eg_status
eg_packet_order_give(struct eg_packet_order *,
                     enum eg_status (*put)(void *to, const struct eg_frame *,
                                           struct eg_span interface, struct eg_error *),
                     void *to, struct eg_error *err);
void eg_packet_order_free(struct eg_packet_order *); /* NULL is fine */

#endif
