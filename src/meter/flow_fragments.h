/* SPDX-License-Identifier: Apache-2.0
 * Fragments to flows: only the first fragment of a datagram has ports; the others learn its flow here.
 *
 * Bounded: so many datagrams are remembered and so many fragments wait for their first one, for
 * EG_FLOW_PIECES_US of packet time. One that waited in vain is given back without ports, and counts
 * as a flow without them: nothing is lost. */
#ifndef EG_METER_FLOW_FRAGMENTS_H
#define EG_METER_FLOW_FRAGMENTS_H

#include "meter/sighting.h"

#define EG_FLOW_PIECES_US (30 * INT64_C(1000000))
#define EG_FLOW_DATAGRAMS_MAX 4096
#define EG_FLOW_PIECES_MAX 4096

/* A fragment, on its way from feed() to join(). */
struct eg_flow_piece {
    struct eg_sighting sighting; /* of a later one: by a key without ports */
    struct eg_extras extras;
    bool has_extras;
    bool first;    /* it begins the datagram; its ports are known */
    uint32_t id;   /* of the IP packet, as is */
    uint8_t proto; /* what its data begins with */
};

/* Takes a fragment whose place is settled: `number` is that of the packet that settled it. */
typedef void (*eg_flow_piece_fn)(void *to, const struct eg_flow_piece *);

struct eg_flow_fragments; /* of one input */

struct eg_flow_fragments *eg_flow_fragments_new(const struct eg_flow_secret *,
                                                eg_flow_piece_fn settled, void *to);
/* A fragment in the order of the input. First ones only teach: they are not given back. */
void eg_flow_fragments_add(struct eg_flow_fragments *, const struct eg_flow_piece *);
/* The input is over: all that wait are given back. */
void eg_flow_fragments_drain(struct eg_flow_fragments *);
void eg_flow_fragments_free(struct eg_flow_fragments *); /* NULL is fine */

#endif
