/* SPDX-License-Identifier: Apache-2.0
 * A sighting: what the meter keeps of a packet on its way to its flow, and lists of them.
 *
 * Lists are made of chunks of one size, which are taken from a stock and go back to it: what is in
 * flight between reading and metering is memory that was used before. */
#ifndef EG_METER_SIGHTING_H
#define EG_METER_SIGHTING_H

#include "meter/flow_key.h"

#include <pthread.h>

#define EG_NO_TIME INT64_MIN
#define EG_PAYLOAD_MAX 256 /* first bytes that may be kept */

enum {
    EG_SEEN_TTL = 1 << 0,
    EG_SEEN_TOS = 1 << 1,
    EG_SEEN_SRC_MAC = 1 << 2,
    EG_SEEN_DST_MAC = 1 << 3,
    EG_SEEN_VLAN = 1 << 4,
    EG_SEEN_TCP = 1 << 5,     /* flags */
    EG_SEEN_SEGMENT = 1 << 6, /* and numbers, window, length */
    EG_SEEN_ICMP = 1 << 7,
};

/* What few packets have. Followed by `payload_size` bytes in a chunk. */
struct eg_extras {
    struct eg_addr outer_src, outer_dst;
    uint64_t tunnel_id;
    uint32_t mpls[EG_MPLS_LABELS_MAX];
    uint32_t has; /* EG_HAS_OUTER, _TUNNEL, _TUNNEL_ID, _MPLS */
    uint16_t payload_size;
    uint8_t mpls_count, tunnel;
};

struct eg_sighting {
    struct eg_flow_key key;
    int64_t time_us;   /* EG_NO_TIME */
    uint32_t hash;     /* eg_flow_hash */
    uint32_t number;   /* of the packet in its unit */
    uint32_t length;   /* of the frame on the wire */
    uint32_t seq, ack; /* SEGMENT */
    uint32_t payload;  /* its length on the wire */
    uint32_t extras;   /* their place in the chunk, plus one; 0: none */
    uint16_t flags;    /* TCP: flags; ICMP: type * 256 + code */
    uint16_t window;
    uint16_t vlan;
    uint8_t tos, ttl;
    uint8_t way; /* enum eg_way */
    uint8_t has; /* EG_SEEN_… */
    uint8_t src_mac[6], dst_mac[6];
    int32_t shift_s; /* from its time to the meter's (meter/live_clock.h); 0 but on a live input */
};
/* When it was seen, in the meter's time, which has no steps; EG_NO_TIME. */
static inline int64_t eg_sighting_us(const struct eg_sighting *s) {
    return s->time_us == EG_NO_TIME ? EG_NO_TIME : s->time_us + s->shift_s * INT64_C(1000000);
}

#define EG_SIGHTINGS_CHUNK 256

struct eg_sightings {
    struct eg_sightings *next;
    uint32_t count;
    uint32_t extras_size, extras_room; /* bytes */
    uint8_t *extras;
    struct eg_sighting items[EG_SIGHTINGS_CHUNK];
};

struct eg_sighting_list {
    struct eg_sightings *first, *last;
};

/* Chunks that wait for use; any thread. */
struct eg_sighting_stock {
    pthread_mutex_t lock;
    struct eg_sightings *idle;
};
void eg_sighting_stock_init(struct eg_sighting_stock *);
void eg_sighting_stock_reset(struct eg_sighting_stock *);

/* What a frame says of its flow, `key`, `hash` and `way` included, `number` and `extras` not. */
struct eg_frame {
    uint32_t link_type, length;
    int64_t time_us;
    int32_t shift_s; /* see eg_sighting */
};
void eg_sighting_of(const struct eg_metering *, const struct eg_flow_secret *,
                    const struct eg_frame *, const struct eg_layers *, struct eg_sighting *out);
/* The same of a plain frame, which says nothing else but what it carries; `number` and `extras` not. */
void eg_sighting_plain(const struct eg_flow_quick *, const struct eg_frame *, struct eg_span bytes,
                       const struct eg_plain *, struct eg_sighting *out);
/* What else it says; false: nothing. */
bool eg_extras_of(const struct eg_metering *, const struct eg_layers *, struct eg_extras *out);

/* The place of one more, without extras; NULL: no memory. */
struct eg_sighting *eg_sighting_next(struct eg_sighting_list *, struct eg_sighting_stock *);
/* Appends a copy, with its extras (NULL: none) and so many bytes of payload. False: no memory. */
bool eg_sighting_add(struct eg_sighting_list *, struct eg_sighting_stock *,
                     const struct eg_sighting *, const struct eg_extras *, struct eg_span payload);
/* The extras of a sighting in its chunk; false: it has none. `payload` may be NULL. */
bool eg_sighting_extras(const struct eg_sightings *, const struct eg_sighting *,
                        struct eg_extras *out, struct eg_span *payload);
/* Puts the sightings of `late` between those of the list, by number; takes them. False: no memory
 * (what could not be placed is dropped, `*lost` of them). */
bool eg_sighting_merge(struct eg_sighting_list *, struct eg_sighting_list *late,
                       struct eg_sighting_stock *, uint64_t *lost);
/* Gives all chunks back. */
void eg_sighting_list_reset(struct eg_sighting_list *, struct eg_sighting_stock *);

#endif
