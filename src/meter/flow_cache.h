/* SPDX-License-Identifier: Apache-2.0
 * The flows of one shard that live: found by key, in the order in which they were last touched, in
 * memory that is bounded by bytes. What makes a flow end is decided elsewhere (shard.h). */
#ifndef EG_METER_FLOW_CACHE_H
#define EG_METER_FLOW_CACHE_H

#include "meter/sighting.h"

#define EG_NONE UINT32_MAX

/* Items of one size, by number; they never move. Memory once taken stays with the pool. */
struct eg_pool {
    uint8_t **chunks;
    uint32_t chunk_count, chunk_room;
    uint32_t item_bytes;
    uint32_t free; /* first of the free ones, EG_NONE: none */
    uint32_t used;
};

/* What one direction showed. */
struct eg_flow_way {
    int64_t first_us, last_us; /* earliest and latest; EG_NO_TIME */
    uint64_t packets, bytes;
    uint32_t min_length, max_length;
    uint32_t more;  /* in the pool `mores`; EG_NONE */
    uint16_t flags; /* TCP: union of flags; ICMP: type * 256 + code of the first packet */
    uint16_t vlan;
    uint8_t tos, min_ttl, max_ttl;
    uint8_t has; /* EG_SEEN_… */
    uint8_t src_mac[6], dst_mac[6];
};
_Static_assert(sizeof(struct eg_flow_way) == 64, "a direction takes more than it should");

enum {
    EG_FLOW_FIN_UP = 1 << EG_WAY_UP,
    EG_FLOW_FIN_DOWN = 1 << EG_WAY_DOWN,
    EG_FLOW_CLOSED = 1 << 2,
    EG_FLOW_OPENER_KNOWN = 1 << 3, /* a SYN told who began */
    EG_FLOW_OPENER_DOWN = 1 << 4,  /* it was the higher end */
    EG_FLOW_FIRST_DOWN = 1 << 5,   /* `first` is the direction EG_WAY_DOWN */
    EG_FLOW_BASE_UP = 1 << 6,      /* base[EG_WAY_UP] is known */
    EG_FLOW_BASE_DOWN = 1 << 7,
    EG_FLOW_SECOND_EARLIER = 1 << 8, /* the other direction has the earliest time */
};

/* Two cache lines; a packet of the first direction touches both, one of the other the first alone. The
 * key of most flows is two IPv4 addresses and `ends`; of the others the rest stands in a pool of its
 * own (eg_flow_key_get). */
struct eg_flow {
    union {
        uint64_t narrow; /* both addresses */
        uint32_t wide;   /* in the pool `wides` */
    };
    uint64_t ends; /* of the key: ports, protocol, kind, VLAN */
    uint32_t hash;
    uint32_t older, newer; /* in the order of touching; EG_NONE at the ends */
    uint32_t second;       /* the other direction, in the pool `ways`; EG_NONE */
    int64_t last_us;       /* of the packet that came last, in the meter's time */
    int64_t touched_us;    /* by the shard's clock: when it was put at the end of its list */
    uint32_t base[2];      /* TCP: of each direction, the number before its first byte */
    uint32_t talk;         /* what TCP showed, in the pool `talks`; EG_NONE */
    uint16_t state;        /* EG_FLOW_… */
    uint16_t began;        /* its earliest time, likewise, in ticks of EG_FLOW_TICK, modulo 2^16 */
    struct eg_flow_way first;
};
#define EG_FLOW_TICK 23 /* bits of a time in µs: 8.4 s, 6 days until they begin anew */
_Static_assert(sizeof(struct eg_flow) == 128 && offsetof(struct eg_flow, first) == 64,
               "a flow takes more than it should");

/* Extras of a direction's first packet that had any. */
struct eg_flow_more {
    struct eg_extras extras;
    uint8_t *payload; /* extras.payload_size bytes, NULL: none */
};

enum eg_flow_list { EG_FLOWS_LIVE, EG_FLOWS_CLOSED, EG_FLOW_LISTS };

struct eg_flow_slot {
    uint32_t hash, flow; /* flow EG_NONE: empty */
};

struct eg_flow_cache {
    struct eg_pool flows, ways, mores, talks, wides;
    struct eg_flow_slot *slots; /* open addressing; a power of two of them */
    uint32_t slot_count;
    struct {
        uint32_t oldest, newest;
    } lists[EG_FLOW_LISTS];
    uint64_t bytes, bytes_max; /* of memory taken; growing stops at the maximum */
};

void eg_flow_cache_init(struct eg_flow_cache *, uint64_t bytes_max, uint32_t talk_bytes);
void eg_flow_cache_reset(struct eg_flow_cache *);

static inline struct eg_flow *eg_flow_at(const struct eg_flow_cache *cache, uint32_t flow);
/* The flow of a key; EG_NONE. */
uint32_t eg_flow_find(const struct eg_flow_cache *, uint32_t hash, const struct eg_flow_key *);
/* Its key. */
struct eg_flow_key eg_flow_key_get(const struct eg_flow_cache *, const struct eg_flow *);
/* The earliest time of both directions; EG_NO_TIME. */
int64_t eg_flow_start(const struct eg_flow_cache *, const struct eg_flow *);
/* A new one, zeroed but for key, hash and links, not in a list; EG_NONE: no room, by the bound or in
 * fact. Pointers to flows stay as they are. */
uint32_t eg_flow_add(struct eg_flow_cache *, uint32_t hash, const struct eg_flow_key *);
/* Forgets a flow and all that hangs on it. */
void eg_flow_drop(struct eg_flow_cache *, uint32_t flow);
/* Makes it the newest of a list. */
void eg_flow_touch(struct eg_flow_cache *, enum eg_flow_list, uint32_t flow);
/* The other direction, zeroed; NULL: no room. */
struct eg_flow_way *eg_flow_second(struct eg_flow_cache *, struct eg_flow *);
/* Keeps extras for a direction; false: no room. */
bool eg_flow_keep_extras(struct eg_flow_cache *, struct eg_flow_way *, const struct eg_extras *,
                         struct eg_span payload);

/* The pools' own calls. */
uint32_t eg_pool_take(struct eg_pool *, struct eg_flow_cache *); /* zeroed; EG_NONE: no room */
void eg_pool_give(struct eg_pool *, uint32_t item);

#define EG_POOL_CHUNK 256
static inline void *eg_pool_at(const struct eg_pool *pool, uint32_t item) {
    return pool->chunks[item / EG_POOL_CHUNK] + (size_t)(item % EG_POOL_CHUNK) * pool->item_bytes;
}
static inline struct eg_flow *eg_flow_at(const struct eg_flow_cache *cache, uint32_t flow) {
    return eg_pool_at(&cache->flows, flow);
}
/* Bringing near what a packet that comes later will touch: its place in the table; the flow that
 * probably stands there (answered; EG_NONE: none); what hangs on that flow and the packet's way.
 * Inlined always: gcc leaves out a call that only prefetches, as one without an effect. */
#define EG_NEAR static inline __attribute__((always_inline))
EG_NEAR void eg_flow_prefetch_slot(const struct eg_flow_cache *cache, uint32_t hash) {
    if (cache->slot_count) __builtin_prefetch(&cache->slots[hash & (cache->slot_count - 1)]);
}
EG_NEAR uint32_t eg_flow_prefetch(const struct eg_flow_cache *cache, uint32_t hash) {
    if (!cache->slot_count) return EG_NONE;
    uint32_t mask = cache->slot_count - 1;
    for (uint32_t at = hash & mask, end = (at + 8) & mask; at != end; at = (at + 1) & mask) {
        uint32_t flow = cache->slots[at].flow;
        if (flow == EG_NONE) return EG_NONE;
        if (cache->slots[at].hash != hash) continue;
        __builtin_prefetch(eg_flow_at(cache, flow));
        return flow;
    }
    return EG_NONE;
}
EG_NEAR void eg_flow_prefetch_rest(const struct eg_flow_cache *cache, uint32_t number,
                                   uint8_t way) {
    if (number == EG_NONE)
        return; /* it may be gone, or another by now: its memory is still there */
    const struct eg_flow *flow = eg_flow_at(cache, number);
    if (!(flow->state & EG_FLOW_FIRST_DOWN) == (way == EG_WAY_UP))
        __builtin_prefetch(&flow->first);
    else if (flow->second < cache->ways.chunk_count * EG_POOL_CHUNK)
        __builtin_prefetch(eg_pool_at(&cache->ways, flow->second));
    if (flow->talk < cache->talks.chunk_count * EG_POOL_CHUNK) {
        const uint8_t *near = eg_pool_at(&cache->talks, flow->talk);
        __builtin_prefetch(near);
        __builtin_prefetch(near + 64);
    }
}
/* ... and what will be given out next of a list, first the flow and then its directions. */
EG_NEAR void eg_flow_prefetch_oldest(const struct eg_flow_cache *cache, enum eg_flow_list list) {
    uint32_t oldest = cache->lists[list].oldest;
    if (oldest != EG_NONE) __builtin_prefetch(eg_flow_at(cache, oldest));
}
EG_NEAR void eg_flow_prefetch_ways(const struct eg_flow_cache *cache, const struct eg_flow *flow) {
    __builtin_prefetch(&flow->first);
    if (flow->second != EG_NONE) __builtin_prefetch(eg_pool_at(&cache->ways, flow->second));
}

#endif
