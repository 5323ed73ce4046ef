/* SPDX-License-Identifier: Apache-2.0
 * Sightings: from a frame's layers, and in lists of chunks. */
#include "meter/sighting.h"

#include "base/alloc.h"
#include "base/timetext.h"

/* ---- from layers ---- */

static void put_mac(uint8_t out[6], uint64_t mac) {
    for (int i = 0; i < 6; i++) out[i] = (uint8_t)(mac >> (40 - 8 * i));
}

void eg_sighting_of(const struct eg_metering *how, const struct eg_flow_secret *secret,
                    const struct eg_frame *frame, const struct eg_layers *layers,
                    struct eg_sighting *out) {
    uint32_t has = layers->has, seen = 0;
    out->way = (uint8_t)eg_flow_key_of(how, layers, frame->link_type, &out->key);
    if (!eg_time_possible(frame->time_us)) out->key.kind |= EG_KEY_UNDATED;
    out->hash = eg_flow_hash(secret, &out->key);
    out->time_us = frame->time_us;
    out->shift_s = frame->shift_s;
    out->length = frame->length;
    out->extras = 0;
    out->tos = layers->tos;
    out->ttl = layers->ttl;
    out->vlan = layers->vlan;
    put_mac(out->src_mac, layers->src_mac);
    put_mac(out->dst_mac, layers->dst_mac);
    seen |= has & EG_HAS_TTL ? EG_SEEN_TTL : 0;
    seen |= has & EG_HAS_TOS ? EG_SEEN_TOS : 0;
    seen |= has & EG_HAS_SRC_MAC ? EG_SEEN_SRC_MAC : 0;
    seen |= has & EG_HAS_DST_MAC ? EG_SEEN_DST_MAC : 0;
    seen |= has & EG_HAS_VLAN ? EG_SEEN_VLAN : 0;
    out->flags = layers->tcp_flags;
    out->seq = layers->tcp_seq;
    out->ack = layers->tcp_ack;
    out->window = layers->tcp_window;
    out->payload = layers->payload_length;
    if (has & EG_HAS_TCP_FLAGS) {
        const uint32_t segment = EG_HAS_TCP_WINDOW | EG_HAS_PAYLOAD;
        seen |= EG_SEEN_TCP;
        if ((has & segment) == segment && !layers->fragment) seen |= EG_SEEN_SEGMENT;
    } else if (has & EG_HAS_ICMP) {
        seen |= EG_SEEN_ICMP;
        out->flags = (uint16_t)(layers->icmp_type << 8 | layers->icmp_code);
    }
    out->has = (uint8_t)seen;
}

void eg_sighting_plain(const struct eg_flow_quick *quick, const struct eg_frame *frame,
                       struct eg_span bytes, const struct eg_plain *plain,
                       struct eg_sighting *out) {
    memset(&out->key.low, 0, 8); /* one by one: together they would be read back from memory */
    memcpy(out->key.low.bytes + 8, &quick->low, 8);
    memset(&out->key.high, 0, 8);
    memcpy(out->key.high.bytes + 8, &quick->high, 8);
    memcpy(&out->key.low_port, &quick->ends, 8);
    out->key.tunnel_id = 0;
    out->time_us = frame->time_us;
    out->shift_s = frame->shift_s;
    out->hash = quick->hash;
    out->length = frame->length;
    out->seq = out->ack = 0;
    out->payload = plain->total - 20 - plain->header;
    out->extras = 0;
    out->flags = out->window = out->vlan = 0;
    out->tos = eg_u8(bytes, 15);
    out->ttl = eg_u8(bytes, 22);
    out->way = (uint8_t)quick->way;
    out->has = EG_SEEN_TTL | EG_SEEN_TOS | EG_SEEN_SRC_MAC | EG_SEEN_DST_MAC;
    (void)eg_span_copy(bytes, 0, out->dst_mac, sizeof out->dst_mac);
    (void)eg_span_copy(bytes, 6, out->src_mac, sizeof out->src_mac);
    if (plain->proto == EG_PLAIN_TCP) {
        out->seq = eg_be32(bytes, 38);
        out->ack = eg_be32(bytes, 42);
        out->flags = eg_be16(bytes, 46) & 0x0fff;
        out->window = eg_be16(bytes, 48);
        out->has |= EG_SEEN_TCP | EG_SEEN_SEGMENT;
    } else if (plain->proto == EG_PLAIN_ICMP) {
        out->flags = eg_be16(bytes, 34);
        out->has |= EG_SEEN_ICMP;
    }
}

bool eg_extras_of(const struct eg_metering *how, const struct eg_layers *layers,
                  struct eg_extras *out) {
    const uint32_t rare = EG_HAS_MPLS | EG_HAS_TUNNEL | EG_HAS_TUNNEL_ID | EG_HAS_OUTER;
    size_t payload =
        layers->payload.size < how->payload_bytes ? layers->payload.size : how->payload_bytes;
    if (!(layers->has & rare) && !payload) return false;
    *out = (struct eg_extras){
        .outer_src = layers->outer_src,
        .outer_dst = layers->outer_dst,
        .tunnel_id = layers->tunnel_id,
        .has = layers->has & rare,
        .payload_size = (uint16_t)(payload < EG_PAYLOAD_MAX ? payload : EG_PAYLOAD_MAX),
        .mpls_count = layers->mpls_count,
        .tunnel = layers->tunnel,
    };
    for (uint32_t i = 0; i < layers->mpls_count; i++) out->mpls[i] = layers->mpls[i];
    return true;
}

/* ---- the stock ---- */

void eg_sighting_stock_init(struct eg_sighting_stock *stock) {
    pthread_mutex_init(&stock->lock, NULL);
    stock->idle = NULL;
}

static void chunk_free(struct eg_sightings *chunk) {
    eg_free(chunk->extras);
    eg_free(chunk);
}

void eg_sighting_stock_reset(struct eg_sighting_stock *stock) {
    for (struct eg_sightings *chunk = stock->idle, *next; chunk; chunk = next) {
        next = chunk->next;
        chunk_free(chunk);
    }
    stock->idle = NULL;
    pthread_mutex_destroy(&stock->lock);
}

static struct eg_sightings *chunk_take(struct eg_sighting_stock *stock) {
    pthread_mutex_lock(&stock->lock);
    struct eg_sightings *chunk = stock->idle;
    if (chunk) stock->idle = chunk->next;
    pthread_mutex_unlock(&stock->lock);
    if (!chunk) {
        chunk = eg_malloc(sizeof *chunk);
        if (!chunk) return NULL;
        chunk->extras = NULL;
        chunk->extras_room = 0;
    }
    chunk->next = NULL;
    chunk->count = chunk->extras_size = 0;
    return chunk;
}

void eg_sighting_list_reset(struct eg_sighting_list *list, struct eg_sighting_stock *stock) {
    if (!list->first) return;
    pthread_mutex_lock(&stock->lock);
    list->last->next = stock->idle;
    stock->idle = list->first;
    pthread_mutex_unlock(&stock->lock);
    *list = (struct eg_sighting_list){0};
}

/* ---- lists ---- */

/* Puts extras and payload behind those of the chunk; answers their place plus one, 0: no memory. */
static uint32_t extras_add(struct eg_sightings *chunk, const struct eg_extras *extras,
                           struct eg_span payload) {
    uint32_t need = (uint32_t)sizeof *extras + extras->payload_size;
    if (chunk->extras_room - chunk->extras_size < need) {
        uint32_t room = chunk->extras_room ? chunk->extras_room * 2 : 4096;
        uint8_t *grown = eg_realloc(chunk->extras, room, 1);
        if (!grown) return 0;
        chunk->extras = grown;
        chunk->extras_room = room;
    }
    uint32_t at = chunk->extras_size;
    memcpy(chunk->extras + at, extras, sizeof *extras);
    (void)eg_span_copy(payload, 0, chunk->extras + at + sizeof *extras, extras->payload_size);
    chunk->extras_size += need;
    return at + 1;
}

/* The last chunk with room for one more; NULL: no memory. */
static inline struct eg_sightings *chunk_open(struct eg_sighting_list *list,
                                              struct eg_sighting_stock *stock) {
    struct eg_sightings *chunk = list->last;
    if (__builtin_expect(chunk && chunk->count < EG_SIGHTINGS_CHUNK, 1)) return chunk;
    chunk = chunk_take(stock);
    if (!chunk) return NULL;
    if (list->last)
        list->last->next = chunk;
    else
        list->first = chunk;
    list->last = chunk;
    return chunk;
}

struct eg_sighting *eg_sighting_next(struct eg_sighting_list *list,
                                     struct eg_sighting_stock *stock) {
    struct eg_sightings *chunk = chunk_open(list, stock);
    if (!chunk) return NULL;
    struct eg_sighting *slot = &chunk->items[chunk->count++];
    slot->extras = 0;
    return slot;
}

bool eg_sighting_add(struct eg_sighting_list *list, struct eg_sighting_stock *stock,
                     const struct eg_sighting *sighting, const struct eg_extras *extras,
                     struct eg_span payload) {
    struct eg_sightings *chunk = chunk_open(list, stock);
    if (!chunk) return false;
    uint32_t at = 0;
    if (extras && !(at = extras_add(chunk, extras, payload))) return false;
    struct eg_sighting *slot = &chunk->items[chunk->count++];
    *slot = *sighting;
    slot->extras = at;
    return true;
}

bool eg_sighting_extras(const struct eg_sightings *chunk, const struct eg_sighting *sighting,
                        struct eg_extras *out, struct eg_span *payload) {
    if (!sighting->extras) return false;
    const uint8_t *at = chunk->extras + sighting->extras - 1;
    memcpy(out, at, sizeof *out);
    if (payload) *payload = eg_span(at + sizeof *out, out->payload_size);
    return true;
}

static bool copy_into(struct eg_sighting_list *list, struct eg_sighting_stock *stock,
                      const struct eg_sightings *chunk, uint32_t i) {
    struct eg_extras extras;
    struct eg_span payload = {NULL, 0};
    bool has = eg_sighting_extras(chunk, &chunk->items[i], &extras, &payload);
    return eg_sighting_add(list, stock, &chunk->items[i], has ? &extras : NULL, payload);
}

/* A chunk is empty where memory ran out just then. */
static const struct eg_sightings *not_empty(const struct eg_sightings *chunk) {
    while (chunk && chunk->count == 0) chunk = chunk->next;
    return chunk;
}

bool eg_sighting_merge(struct eg_sighting_list *list, struct eg_sighting_list *late,
                       struct eg_sighting_stock *stock, uint64_t *lost) {
    struct eg_sighting_list merged = {0};
    const struct eg_sightings *here = list->first, *there = late->first;
    uint64_t before = *lost;
    uint32_t i = 0, k = 0;
    for (;;) {
        here = not_empty(here);
        there = not_empty(there);
        if (!here && !there) break;
        bool from_list = here && (!there || here->items[i].number <= there->items[k].number);
        const struct eg_sightings **from = from_list ? &here : &there;
        uint32_t *at = from_list ? &i : &k;
        if (!copy_into(&merged, stock, *from, *at)) ++*lost;
        if (++*at == (*from)->count) {
            *from = (*from)->next;
            *at = 0;
        }
    }
    eg_sighting_list_reset(list, stock);
    eg_sighting_list_reset(late, stock);
    *list = merged;
    return *lost == before;
}
