/* SPDX-License-Identifier: Apache-2.0
 * Datagrams put together again from IP fragments (RFC 791, RFC 8200 section 4.5, RFC 5722).
 *
 * Bounded: EG_FRAGMENTS_MAX datagrams in progress of at most 64 KiB each, for EG_FRAGMENTS_US of
 * packet time. Fragments that overlap drop their datagram; a repeated fragment is ignored. */
#ifndef EG_WIRE_FRAGMENTS_H
#define EG_WIRE_FRAGMENTS_H

#include "table/tally.h"

#define EG_FRAGMENTS_MAX 256
#define EG_FRAGMENTS_US (30 * INT64_C(1000000))

struct eg_fragment {
    struct eg_addr src, dst;
    uint32_t id;
    uint8_t proto;
    bool more;       /* not the last one */
    uint32_t offset; /* of `bytes` in the datagram */
    uint32_t length; /* on the wire; more than bytes.size where the capture cut it */
    struct eg_span bytes;
    int64_t time_us;
};

/* A datagram that will not become whole. */
struct eg_fragments_lost {
    enum eg_cause cause; /* fragment_incomplete, fragment_overlap, fragment_overflow */
    struct eg_addr src, dst;
    struct eg_span head;    /* what its first fragment held; empty: that one never came */
    int64_t time_us;        /* of the first fragment seen */
    uint32_t pieces, bytes; /* that came */
};
typedef void (*eg_fragments_lost_fn)(void *to, const struct eg_fragments_lost *);

struct eg_fragments; /* the datagrams in progress of one input */

struct eg_fragments *eg_fragments_new(eg_fragments_lost_fn lost, void *to); /* NULL: no memory */
/* Adds a fragment. True: its datagram is whole now and stands in *whole until the next call. */
bool eg_fragments_add(struct eg_fragments *, const struct eg_fragment *, struct eg_span *whole);
/* The input is over: what is in progress is lost. */
void eg_fragments_drain(struct eg_fragments *);
void eg_fragments_free(struct eg_fragments *); /* NULL is fine; tells of no losses */

#endif
