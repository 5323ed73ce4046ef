/* SPDX-License-Identifier: Apache-2.0
 * Fragments to flows. Both tables are rings in the order of arrival with chains of equal hashes, so
 * that the oldest is always the one to go. */
#include "meter/flow_fragments.h"

#include "base/alloc.h"
#include "base/hash.h"

#define CHAINS 1024
#define AWAITED 16384
#define NONE UINT32_MAX

struct name { /* of a datagram; no padding */
    struct eg_addr src, dst;
    uint32_t id, proto;
};

struct datagram { /* whose first fragment was seen */
    struct name name;
    struct eg_flow_key key; /* of its flow */
    int64_t seen_us;        /* in the meter's time */
    uint32_t hash;
    uint32_t older; /* in its chain */
    uint8_t way;
};

struct waiting {
    struct name name;
    struct eg_flow_piece piece;
    bool taken;
};

struct eg_flow_fragments {
    eg_flow_piece_fn settled;
    void *to;
    struct eg_flow_secret secret;
    uint64_t seed;
    int64_t clock_us;        /* latest time of a fragment, in the meter's time */
    uint32_t chains[CHAINS]; /* number of the newest datagram of each, NONE */
    uint64_t datagrams_seen;
    struct datagram datagrams[EG_FLOW_DATAGRAMS_MAX];
    uint64_t waiting_first, waiting_behind; /* of those that wait, in order of arrival */
    uint16_t awaited[AWAITED];              /* how many wait, by the hash of the name */
    struct waiting *waiting;                /* EG_FLOW_PIECES_MAX of them, once one waits */
};

struct eg_flow_fragments *eg_flow_fragments_new(const struct eg_flow_secret *secret,
                                                eg_flow_piece_fn settled, void *to) {
    struct eg_flow_fragments *f = eg_calloc(1, sizeof *f);
    if (!f) return NULL;
    f->secret = *secret;
    f->seed = secret->key[0];
    f->settled = settled;
    f->to = to;
    f->clock_us = EG_NO_TIME;
    memset(f->chains, 0xff, sizeof f->chains);
    return f;
}

static struct name name_of(const struct eg_flow_piece *piece) {
    const struct eg_flow_key *key = &piece->sighting.key;
    bool down = piece->sighting.way == EG_WAY_DOWN;
    return (struct name){down ? key->high : key->low, down ? key->low : key->high, piece->id,
                         piece->proto};
}

static uint64_t hash_of(const struct eg_flow_fragments *f, const struct name *name) {
    return eg_hash64(name, sizeof *name, f->seed);
}
static uint32_t chain_of(const struct eg_flow_fragments *f, const struct name *name) {
    return (uint32_t)(hash_of(f, name) % CHAINS);
}
static uint16_t *awaited_at(struct eg_flow_fragments *f, const struct name *name) {
    return &f->awaited[(hash_of(f, name) >> 32) % AWAITED];
}

static bool too_old(const struct eg_flow_fragments *f, int64_t seen_us) {
    return seen_us != EG_NO_TIME && f->clock_us != EG_NO_TIME &&
           f->clock_us - seen_us > EG_FLOW_PIECES_US;
}

/* The latest datagram of that name that is still to be believed; NULL. */
static const struct datagram *find(const struct eg_flow_fragments *f, const struct name *name) {
    uint32_t at = f->chains[chain_of(f, name)];
    for (int steps = 0; at != NONE && steps < 64; steps++) {
        const struct datagram *d = &f->datagrams[at];
        if (memcmp(&d->name, name, sizeof *name) == 0) return too_old(f, d->seen_us) ? NULL : d;
        at = d->older;
    }
    return NULL;
}

/* Takes the place of the oldest. */
static void learn(struct eg_flow_fragments *f, const struct name *name,
                  const struct eg_sighting *first) {
    uint32_t at = (uint32_t)(f->datagrams_seen % EG_FLOW_DATAGRAMS_MAX);
    if (f->datagrams_seen++ >=
        EG_FLOW_DATAGRAMS_MAX) { /* the last of its chain, being the oldest */
        uint32_t *link = &f->chains[chain_of(f, &f->datagrams[at].name)];
        while (*link != at) link = &f->datagrams[*link].older;
        *link = NONE;
    }
    uint32_t chain = chain_of(f, name);
    f->datagrams[at] = (struct datagram){*name,       first->key,       eg_sighting_us(first),
                                         first->hash, f->chains[chain], first->way};
    f->chains[chain] = at;
}

static void settle(struct eg_flow_fragments *f, struct eg_flow_piece *piece,
                   const struct datagram *d) {
    uint8_t own = piece->sighting.key.kind & EG_KEY_UNDATED;
    bool alike = (d->key.kind & EG_KEY_UNDATED) == own;
    piece->sighting.key = d->key;
    piece->sighting.way = d->way;
    piece->sighting.key.kind = (uint8_t)((d->key.kind & ~EG_KEY_UNDATED) | own);
    piece->sighting.hash = alike ? d->hash : eg_flow_hash(&f->secret, &piece->sighting.key);
    f->settled(f->to, piece);
}

static struct waiting *waiting_at(struct eg_flow_fragments *f, uint64_t at) {
    return &f->waiting[at % EG_FLOW_PIECES_MAX];
}

/* Gives back the one that has waited the longest, without ports. */
static void give_up(struct eg_flow_fragments *f, uint32_t number) {
    struct waiting *w = waiting_at(f, f->waiting_first++);
    if (w->taken) return;
    --*awaited_at(f, &w->name);
    w->piece.sighting.number = number;
    f->settled(f->to, &w->piece);
}

static void wait(struct eg_flow_fragments *f, const struct name *name,
                 const struct eg_flow_piece *piece) {
    if (!f->waiting) f->waiting = eg_calloc(EG_FLOW_PIECES_MAX, sizeof *f->waiting);
    if (!f->waiting) {
        f->settled(f->to, piece);
        return;
    }
    if (f->waiting_behind - f->waiting_first == EG_FLOW_PIECES_MAX)
        give_up(f, piece->sighting.number);
    *waiting_at(f, f->waiting_behind++) = (struct waiting){*name, *piece, false};
    ++*awaited_at(f, name);
}

/* The first fragment came: those that waited for it go where it goes, behind it. */
static void release(struct eg_flow_fragments *f, const struct name *name, uint32_t number) {
    const struct datagram *d = find(f, name);
    uint16_t *awaited = awaited_at(f, name);
    for (uint64_t at = f->waiting_first; d && *awaited && at < f->waiting_behind; at++) {
        struct waiting *w = waiting_at(f, at);
        if (w->taken || memcmp(&w->name, name, sizeof *name) != 0) continue;
        w->taken = true;
        --*awaited;
        w->piece.sighting.number = number;
        settle(f, &w->piece, d);
    }
}

void eg_flow_fragments_add(struct eg_flow_fragments *f, const struct eg_flow_piece *piece) {
    const struct eg_sighting *s = &piece->sighting;
    struct name name = name_of(piece);
    int64_t seen_us = eg_sighting_us(s);
    if (seen_us != EG_NO_TIME && seen_us > f->clock_us) f->clock_us = seen_us;
    while (f->waiting_first < f->waiting_behind) {
        const struct waiting *w = waiting_at(f, f->waiting_first);
        if (!w->taken && !too_old(f, eg_sighting_us(&w->piece.sighting))) break;
        give_up(f, s->number);
    }
    if (piece->first) {
        learn(f, &name, s);
        release(f, &name, s->number);
        return;
    }
    const struct datagram *d = find(f, &name);
    struct eg_flow_piece copy = *piece;
    if (d)
        settle(f, &copy, d);
    else
        wait(f, &name, piece);
}

void eg_flow_fragments_drain(struct eg_flow_fragments *f) {
    while (f->waiting_first < f->waiting_behind) give_up(f, UINT32_MAX);
}

void eg_flow_fragments_free(struct eg_flow_fragments *f) {
    if (!f) return;
    eg_free(f->waiting);
    eg_free(f);
}
