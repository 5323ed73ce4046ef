/* SPDX-License-Identifier: Apache-2.0
 * The flow cache: pools, a table with linear probing, and lists in the order of touching. */
#include "meter/flow_cache.h"

#include "base/alloc.h"

#define SLOTS_MIN 256

/* ---- pools ---- */

static bool pool_grow(struct eg_pool *pool, struct eg_flow_cache *cache) {
    uint64_t bytes = (uint64_t)EG_POOL_CHUNK * pool->item_bytes;
    if (cache->bytes + bytes > cache->bytes_max && pool->chunk_count) return false;
    if (pool->chunk_count == pool->chunk_room) {
        uint32_t room = pool->chunk_room ? pool->chunk_room * 2 : 16;
        uint8_t **chunks = eg_realloc(pool->chunks, room, sizeof *chunks);
        if (!chunks) return false;
        pool->chunks = chunks;
        pool->chunk_room = room;
    }
    uint8_t *chunk = eg_aligned((size_t)bytes);
    if (!chunk) return false;
    pool->chunks[pool->chunk_count] = chunk;
    uint32_t first = pool->chunk_count++ * EG_POOL_CHUNK;
    for (uint32_t i = EG_POOL_CHUNK; i-- > 0;) { /* the lowest is given first */
        memcpy(chunk + (size_t)i * pool->item_bytes, &pool->free, sizeof pool->free);
        pool->free = first + i;
    }
    cache->bytes += bytes;
    return true;
}

uint32_t eg_pool_take(struct eg_pool *pool, struct eg_flow_cache *cache) {
    if (pool->free == EG_NONE && !pool_grow(pool, cache)) return EG_NONE;
    uint32_t item = pool->free;
    void *at = eg_pool_at(pool, item);
    memcpy(&pool->free, at, sizeof pool->free);
    memset(at, 0, pool->item_bytes);
    pool->used++;
    return item;
}

void eg_pool_give(struct eg_pool *pool, uint32_t item) {
    memcpy(eg_pool_at(pool, item), &pool->free, sizeof pool->free);
    pool->free = item;
    pool->used--;
}

static void pool_reset(struct eg_pool *pool) {
    for (uint32_t i = 0; i < pool->chunk_count; i++) eg_free(pool->chunks[i]);
    eg_free(pool->chunks);
    *pool = (struct eg_pool){.item_bytes = pool->item_bytes, .free = EG_NONE};
}

/* ---- keys ---- */

/* What of a key does not fit a flow. */
struct wide {
    struct eg_addr low, high;
    uint64_t tunnel_id;
};

/* Two IPv4 addresses and `ends` are all of the key. */
static inline bool is_narrow(uint8_t kind) {
    return (kind & (EG_KEY_V4 | EG_KEY_TUNNEL)) == EG_KEY_V4;
}

/* Ports, protocol, kind and VLAN as one number. */
static inline uint64_t ends_of(const struct eg_flow_key *key) {
    uint64_t ends;
    memcpy(&ends, &key->low_port, sizeof ends);
    return ends;
}

static inline uint64_t narrow_of(const struct eg_flow_key *key) {
    uint32_t low, high;
    memcpy(&low, key->low.bytes + 12, sizeof low);
    memcpy(&high, key->high.bytes + 12, sizeof high);
    return (uint64_t)high << 32 | low;
}

static struct wide wide_of(const struct eg_flow_key *key) {
    return (struct wide){key->low, key->high, key->tunnel_id};
}

static bool key_is(const struct eg_flow_cache *cache, const struct eg_flow *flow,
                   const struct eg_flow_key *key) {
    if (flow->ends != ends_of(key)) return false;
    if (is_narrow(key->kind)) return flow->narrow == narrow_of(key);
    struct wide wide = wide_of(key);
    return memcmp(eg_pool_at(&cache->wides, flow->wide), &wide, sizeof wide) == 0;
}

static uint8_t kind_of(const struct eg_flow *flow) {
    struct eg_flow_key key;
    memcpy(&key.low_port, &flow->ends, sizeof flow->ends);
    return key.kind;
}

struct eg_flow_key eg_flow_key_get(const struct eg_flow_cache *cache, const struct eg_flow *flow) {
    struct eg_flow_key key = {.tunnel_id = 0};
    memcpy(&key.low_port, &flow->ends, sizeof flow->ends);
    if (is_narrow(key.kind)) {
        uint32_t low = (uint32_t)flow->narrow, high = (uint32_t)(flow->narrow >> 32);
        memset(key.low.bytes + 10, 0xff, 2);
        memset(key.high.bytes + 10, 0xff, 2);
        memcpy(key.low.bytes + 12, &low, sizeof low);
        memcpy(key.high.bytes + 12, &high, sizeof high);
        return key;
    }
    const struct wide *wide = eg_pool_at(&cache->wides, flow->wide);
    key.low = wide->low;
    key.high = wide->high;
    key.tunnel_id = wide->tunnel_id;
    return key;
}

/* False: no room. */
static bool key_put(struct eg_flow_cache *cache, struct eg_flow *flow,
                    const struct eg_flow_key *key) {
    flow->ends = ends_of(key);
    if (is_narrow(key->kind)) {
        flow->narrow = narrow_of(key);
        return true;
    }
    flow->wide = eg_pool_take(&cache->wides, cache);
    if (flow->wide == EG_NONE) return false;
    *(struct wide *)eg_pool_at(&cache->wides, flow->wide) = wide_of(key);
    return true;
}

/* ---- opening and closing ---- */

/* Items begin at the beginning of a cache line. */
static uint32_t lines(size_t bytes) {
    return (uint32_t)((bytes + EG_ALIGN - 1) / EG_ALIGN * EG_ALIGN);
}

void eg_flow_cache_init(struct eg_flow_cache *cache, uint64_t bytes_max, uint32_t talk_bytes) {
    *cache = (struct eg_flow_cache){
        .flows = {.item_bytes = lines(sizeof(struct eg_flow)), .free = EG_NONE},
        .ways = {.item_bytes = lines(sizeof(struct eg_flow_way)), .free = EG_NONE},
        .mores = {.item_bytes = lines(sizeof(struct eg_flow_more)), .free = EG_NONE},
        .talks = {.item_bytes = lines(talk_bytes), .free = EG_NONE},
        .wides = {.item_bytes = sizeof(struct wide), .free = EG_NONE},
        .bytes_max = bytes_max,
    };
    for (int i = 0; i < EG_FLOW_LISTS; i++)
        cache->lists[i].oldest = cache->lists[i].newest = EG_NONE;
}

static void more_drop(struct eg_flow_cache *cache, struct eg_flow_way *way) {
    if (way->more == EG_NONE) return;
    struct eg_flow_more *more = eg_pool_at(&cache->mores, way->more);
    if (more->payload) cache->bytes -= more->extras.payload_size;
    eg_free(more->payload);
    eg_pool_give(&cache->mores, way->more);
    way->more = EG_NONE;
}

void eg_flow_cache_reset(struct eg_flow_cache *cache) {
    for (int i = 0; i < EG_FLOW_LISTS; i++)
        while (cache->lists[i].oldest != EG_NONE) eg_flow_drop(cache, cache->lists[i].oldest);
    pool_reset(&cache->flows);
    pool_reset(&cache->ways);
    pool_reset(&cache->mores);
    pool_reset(&cache->talks);
    pool_reset(&cache->wides);
    eg_free(cache->slots);
    cache->slots = NULL;
    cache->slot_count = 0;
    cache->bytes = 0;
}

/* ---- the table ---- */

uint32_t eg_flow_find(const struct eg_flow_cache *cache, uint32_t hash,
                      const struct eg_flow_key *key) {
    if (!cache->slot_count) return EG_NONE;
    uint32_t mask = cache->slot_count - 1;
    for (uint32_t at = hash & mask;; at = (at + 1) & mask) {
        const struct eg_flow_slot *slot = &cache->slots[at];
        if (slot->flow == EG_NONE) return EG_NONE;
        if (slot->hash == hash && key_is(cache, eg_flow_at(cache, slot->flow), key))
            return slot->flow;
    }
}

static void slot_put(struct eg_flow_slot *slots, uint32_t mask, uint32_t hash, uint32_t flow) {
    uint32_t at = hash & mask;
    while (slots[at].flow != EG_NONE) at = (at + 1) & mask;
    slots[at] = (struct eg_flow_slot){hash, flow};
}

/* Room for one more, at most three quarters full. */
static bool slots_grow(struct eg_flow_cache *cache) {
    if ((uint64_t)(cache->flows.used + 1) * 4 <= (uint64_t)cache->slot_count * 3) return true;
    uint32_t count = cache->slot_count ? cache->slot_count * 2 : SLOTS_MIN;
    uint64_t bytes = (uint64_t)count * sizeof *cache->slots;
    if (count > UINT32_C(1) << 30) return false;
    if (cache->bytes + bytes > cache->bytes_max && cache->slot_count) return false;
    struct eg_flow_slot *slots = eg_malloc((size_t)bytes);
    if (!slots) return false;
    memset(slots, 0xff, (size_t)bytes);
    for (uint32_t i = 0; i < cache->slot_count; i++)
        if (cache->slots[i].flow != EG_NONE)
            slot_put(slots, count - 1, cache->slots[i].hash, cache->slots[i].flow);
    cache->bytes += bytes - (uint64_t)cache->slot_count * sizeof *slots;
    eg_free(cache->slots);
    cache->slots = slots;
    cache->slot_count = count;
    return true;
}

/* Empties the flow's slot; those behind it that had to stand aside move up. */
static void slot_drop(struct eg_flow_cache *cache, uint32_t flow) {
    uint32_t mask = cache->slot_count - 1, hole = eg_flow_at(cache, flow)->hash & mask;
    while (cache->slots[hole].flow != flow) hole = (hole + 1) & mask;
    for (uint32_t at = (hole + 1) & mask; cache->slots[at].flow != EG_NONE; at = (at + 1) & mask) {
        uint32_t home = cache->slots[at].hash & mask;
        if (((at - home) & mask) < ((at - hole) & mask)) continue; /* it may not stand that early */
        cache->slots[hole] = cache->slots[at];
        hole = at;
    }
    cache->slots[hole].flow = EG_NONE;
}

/* ---- flows ---- */

static void unlink_flow(struct eg_flow_cache *cache, uint32_t number) {
    struct eg_flow *flow = eg_flow_at(cache, number);
    for (int i = 0; i < EG_FLOW_LISTS; i++) {
        if (cache->lists[i].oldest == number) cache->lists[i].oldest = flow->newer;
        if (cache->lists[i].newest == number) cache->lists[i].newest = flow->older;
    }
    if (flow->older != EG_NONE) eg_flow_at(cache, flow->older)->newer = flow->newer;
    if (flow->newer != EG_NONE) eg_flow_at(cache, flow->newer)->older = flow->older;
    flow->older = flow->newer = EG_NONE;
}

uint32_t eg_flow_add(struct eg_flow_cache *cache, uint32_t hash, const struct eg_flow_key *key) {
    if (!slots_grow(cache)) return EG_NONE;
    uint32_t number = eg_pool_take(&cache->flows, cache);
    if (number == EG_NONE) return EG_NONE;
    struct eg_flow *flow = eg_flow_at(cache, number);
    if (!key_put(cache, flow, key)) {
        eg_pool_give(&cache->flows, number);
        return EG_NONE;
    }
    flow->hash = hash;
    flow->older = flow->newer = flow->second = flow->talk = flow->first.more = EG_NONE;
    slot_put(cache->slots, cache->slot_count - 1, hash, number);
    return number;
}

void eg_flow_drop(struct eg_flow_cache *cache, uint32_t number) {
    struct eg_flow *flow = eg_flow_at(cache, number);
    unlink_flow(cache, number);
    slot_drop(cache, number);
    more_drop(cache, &flow->first);
    if (flow->second != EG_NONE) {
        more_drop(cache, eg_pool_at(&cache->ways, flow->second));
        eg_pool_give(&cache->ways, flow->second);
    }
    if (flow->talk != EG_NONE) eg_pool_give(&cache->talks, flow->talk);
    if (!is_narrow(kind_of(flow))) eg_pool_give(&cache->wides, flow->wide);
    eg_pool_give(&cache->flows, number);
}

void eg_flow_touch(struct eg_flow_cache *cache, enum eg_flow_list list, uint32_t number) {
    if (cache->lists[list].newest == number) return;
    unlink_flow(cache, number);
    uint32_t before = cache->lists[list].newest;
    eg_flow_at(cache, number)->older = before;
    if (before == EG_NONE)
        cache->lists[list].oldest = number;
    else
        eg_flow_at(cache, before)->newer = number;
    cache->lists[list].newest = number;
}

int64_t eg_flow_start(const struct eg_flow_cache *cache, const struct eg_flow *flow) {
    const struct eg_flow_way *way = &flow->first;
    if (flow->state & EG_FLOW_SECOND_EARLIER) way = eg_pool_at(&cache->ways, flow->second);
    return way->first_us;
}

struct eg_flow_way *eg_flow_second(struct eg_flow_cache *cache, struct eg_flow *flow) {
    if (flow->second == EG_NONE) {
        flow->second = eg_pool_take(&cache->ways, cache);
        if (flow->second == EG_NONE) return NULL;
        struct eg_flow_way *way = eg_pool_at(&cache->ways, flow->second);
        way->more = EG_NONE;
    }
    return eg_pool_at(&cache->ways, flow->second);
}

bool eg_flow_keep_extras(struct eg_flow_cache *cache, struct eg_flow_way *way,
                         const struct eg_extras *extras, struct eg_span payload) {
    way->more = eg_pool_take(&cache->mores, cache);
    if (way->more == EG_NONE) return false;
    struct eg_flow_more *more = eg_pool_at(&cache->mores, way->more);
    more->extras = *extras;
    more->extras.payload_size = 0;
    if (!payload.size) return true;
    if (cache->bytes + payload.size > cache->bytes_max) return false;
    more->payload = eg_malloc(payload.size);
    if (!more->payload) return false;
    (void)eg_span_copy(payload, 0, more->payload, payload.size);
    more->extras.payload_size = (uint16_t)payload.size;
    cache->bytes += payload.size;
    return true;
}
