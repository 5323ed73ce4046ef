/* SPDX-License-Identifier: Apache-2.0
 * The exports of fixed records beside NetFlow v5: what versions 1 and 7 have in common. Their headers
 * begin alike, and the first 36 bytes of their records are those of version 5 (netflow5.c). */
#ifndef EG_WIRE_NETFLOW_FIXED_H
#define EG_WIRE_NETFLOW_FIXED_H

#include "table/stage.h"

/* Where a version has what; an offset of 0: it has none. */
struct eg_netflow_fixed {
    const char *source;
    uint16_t version;
    uint8_t header, record; /* sizes */
    uint8_t count_max;      /* records in a datagram */
    uint8_t sequence_at;    /* in the header: number of the first record */
    uint8_t tcp_flags_at, tos_at, as_at /* source, then destination */, mask_at, router_at;
};

enum eg_probe eg_netflow_fixed_probe(const struct eg_netflow_fixed *, const struct eg_datagram *);
void eg_netflow_fixed_decode(const struct eg_netflow_fixed *, const struct eg_datagram *,
                             struct eg_out *, struct eg_sequence_note *);

#endif
