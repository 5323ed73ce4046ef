/* SPDX-License-Identifier: Apache-2.0
 * Reassembly: a buffer per datagram and a bit per block of 8 bytes, the unit of fragment offsets. */
#include "wire/fragments.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <string.h>

#define BYTES_MAX 65536u /* of a datagram */
#define BLOCK 8u

struct partial {
    struct eg_addr src, dst;
    uint32_t id;
    uint8_t proto;
    bool dropped, told; /* it overlapped; what follows of it is ignored, and its loss was told */
    uint64_t hash;
    int64_t time_us; /* of its first fragment */
    uint32_t total;  /* bytes, once the last fragment came; 0: not known */
    uint32_t blocks_have;
    uint32_t blocks_end; /* behind the last block that came */
    uint32_t head;       /* bytes that the first fragment held */
    uint32_t pieces, piece_bytes;
    uint8_t *bytes;
    uint32_t room;
    uint64_t blocks[BYTES_MAX / BLOCK / 64];
};

struct eg_fragments {
    eg_fragments_lost_fn lost;
    void *to;
    struct partial *partials[EG_FRAGMENTS_MAX]; /* oldest first */
    uint32_t count;
    struct partial *whole; /* handed out by the last call */
};

static void partial_free(struct partial *p) {
    if (!p) return;
    eg_free(p->bytes);
    eg_free(p);
}

static struct partial *take(struct eg_fragments *f, uint32_t i) {
    struct partial *p = f->partials[i];
    f->count--;
    memmove(&f->partials[i], &f->partials[i + 1], (f->count - i) * sizeof(struct partial *));
    return p;
}

static void tell(const struct eg_fragments *f, const struct partial *p, enum eg_cause cause) {
    struct eg_fragments_lost lost = {
        .cause = cause,
        .src = p->src,
        .dst = p->dst,
        .head = eg_span(p->bytes, p->bytes ? p->head : 0),
        .time_us = p->time_us,
        .pieces = p->pieces,
        .bytes = p->piece_bytes,
    };
    f->lost(f->to, &lost);
}

static void lose(struct eg_fragments *f, uint32_t i, enum eg_cause cause) {
    struct partial *p = take(f, i);
    if (!p->told) tell(f, p, p->dropped ? EG_CAUSE_fragment_overlap : cause);
    partial_free(p);
}

/* ---- finding ---- */

static uint64_t key_hash(const struct eg_fragment *piece) {
    uint64_t seed = (uint64_t)piece->id << 8 | piece->proto;
    return eg_hash64(&piece->dst, 16, eg_hash64(&piece->src, 16, seed));
}

static void expire(struct eg_fragments *f, int64_t now_us) {
    if (now_us == INT64_MIN) return;
    while (f->count && f->partials[0]->time_us < now_us - EG_FRAGMENTS_US)
        lose(f, 0, EG_CAUSE_fragment_incomplete);
}

/* The datagram of a fragment, begun where there is none; its place, or EG_FRAGMENTS_MAX where there
 * is no memory. */
static uint32_t find(struct eg_fragments *f, const struct eg_fragment *piece) {
    uint64_t hash = key_hash(piece);
    for (uint32_t i = 0; i < f->count; i++) {
        const struct partial *p = f->partials[i];
        if (p->hash == hash && p->id == piece->id && p->proto == piece->proto &&
            memcmp(&p->src, &piece->src, 16) == 0 && memcmp(&p->dst, &piece->dst, 16) == 0)
            return i;
    }
    if (f->count == EG_FRAGMENTS_MAX) lose(f, 0, EG_CAUSE_fragment_overflow);
    struct partial *p = eg_calloc(1, sizeof *p);
    if (!p) return EG_FRAGMENTS_MAX;
    p->src = piece->src;
    p->dst = piece->dst;
    p->id = piece->id;
    p->proto = piece->proto;
    p->hash = hash;
    p->time_us = piece->time_us;
    f->partials[f->count] = p;
    return f->count++;
}

/* ---- filling ---- */

static bool reserve(struct partial *p, uint32_t size) {
    if (size <= p->room) return true;
    uint32_t room = p->room ? p->room : 2048;
    while (room < size) room *= 2;
    uint8_t *bytes = eg_realloc(p->bytes, room, 1);
    if (!bytes) return false;
    memset(bytes + p->room, 0, room - p->room);
    p->bytes = bytes;
    p->room = room;
    return true;
}

/* How many of the blocks [from, to) are there already. */
static uint32_t blocks_there(const struct partial *p, uint32_t from, uint32_t to) {
    uint32_t there = 0;
    for (uint32_t i = from; i < to; i++) there += eg_bit(p->blocks, i);
    return there;
}

enum fit { FITS, REPEATED, OVERLAPS };

static enum fit fit_of(const struct partial *p, const struct eg_fragment *piece, uint32_t from,
                       uint32_t to) {
    uint32_t end = piece->offset + piece->length;
    uint32_t there = blocks_there(p, from, to);
    if (there) {
        bool same = there == to - from && (piece->more || p->total == end) &&
                    eg_span_has(piece->bytes, 0, piece->length) &&
                    memcmp(p->bytes + piece->offset, piece->bytes.at, piece->length) == 0;
        return same ? REPEATED : OVERLAPS;
    }
    if (p->total && (end > p->total || !piece->more)) return OVERLAPS;
    if (!piece->more && p->blocks_end > to) return OVERLAPS;
    return FITS;
}

/* Puts the fragment into its place. A fragment that the capture cut gives its datagram away (the
 * head is remembered), since no later one can complete it. */
static void fill(struct partial *p, const struct eg_fragment *piece, uint32_t from, uint32_t to) {
    uint32_t size =
        (uint32_t)piece->bytes.size < piece->length ? (uint32_t)piece->bytes.size : piece->length;
    eg_span_copy(piece->bytes, 0, p->bytes + piece->offset, size);
    if (piece->offset == 0) p->head = size;
    p->pieces++;
    p->piece_bytes += size;
    if (!piece->more) p->total = piece->offset + piece->length;
    if (to > p->blocks_end) p->blocks_end = to;
    if (size < piece->length) return;
    for (uint32_t i = from; i < to; i++) p->blocks[i >> 6] |= UINT64_C(1) << (i & 63);
    p->blocks_have += to - from;
}

/* The datagram is lost; told once its head is known, which says whose loss it is. */
static void drop(const struct eg_fragments *f, struct partial *p, const struct eg_fragment *piece) {
    p->dropped = true;
    if (p->told) return;
    if (!p->head && piece->offset == 0 && reserve(p, (uint32_t)piece->bytes.size)) {
        p->head = (uint32_t)piece->bytes.size;
        eg_span_copy(piece->bytes, 0, p->bytes, p->head);
    }
    if (!p->head) return;
    tell(f, p, EG_CAUSE_fragment_overlap);
    p->told = true;
}

bool eg_fragments_add(struct eg_fragments *f, const struct eg_fragment *piece,
                      struct eg_span *whole) {
    partial_free(f->whole);
    f->whole = NULL;
    expire(f, piece->time_us);
    uint32_t end = piece->offset + piece->length;
    if (!piece->length || piece->offset % BLOCK || piece->offset >= BYTES_MAX ||
        piece->length > BYTES_MAX - piece->offset || (piece->more && piece->length % BLOCK))
        return false; /* no fragment of anything */
    uint32_t i = find(f, piece);
    if (i == EG_FRAGMENTS_MAX) {
        struct eg_fragments_lost lost = {EG_CAUSE_no_memory,
                                         piece->src,
                                         piece->dst,
                                         eg_span_sub(piece->bytes, 0, piece->offset ? 0 : SIZE_MAX),
                                         piece->time_us,
                                         1,
                                         (uint32_t)piece->bytes.size};
        f->lost(f->to, &lost);
        return false;
    }
    struct partial *p = f->partials[i];
    uint32_t from = piece->offset / BLOCK, to = (end + BLOCK - 1) / BLOCK;
    enum fit fit = p->dropped ? OVERLAPS : fit_of(p, piece, from, to);
    if (fit == REPEATED) return false;
    if (fit == OVERLAPS) {
        drop(f, p, piece);
        return false;
    }
    if (!reserve(p, end)) {
        lose(f, i, EG_CAUSE_no_memory);
        return false;
    }
    fill(p, piece, from, to);
    if (!p->total || p->blocks_have < (p->total + BLOCK - 1) / BLOCK) return false;
    f->whole = take(f, i);
    *whole = eg_span(p->bytes, p->total);
    return true;
}

/* ---- the whole ---- */

struct eg_fragments *eg_fragments_new(eg_fragments_lost_fn lost, void *to) {
    struct eg_fragments *f = eg_calloc(1, sizeof *f);
    if (!f) return NULL;
    f->lost = lost;
    f->to = to;
    return f;
}

void eg_fragments_drain(struct eg_fragments *f) {
    while (f->count) lose(f, 0, EG_CAUSE_fragment_incomplete);
}

void eg_fragments_free(struct eg_fragments *f) {
    if (!f) return;
    for (uint32_t i = 0; i < f->count; i++) partial_free(f->partials[i]);
    partial_free(f->whole);
    eg_free(f);
}
