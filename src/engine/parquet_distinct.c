/* SPDX-License-Identifier: Apache-2.0
 * Distinct values. Integers of a narrow range are counted in a table (and come out sorted for
 * nothing); all else goes through open addressing. IPv4 addresses are sorted afterwards, since
 * their texts then share beginnings and compress well. */
#include "engine/parquet_distinct.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <string.h>

#define NARROW 131072   /* a range that a table is made for */
#define SAMPLE 4096u    /* rows looked at before a dictionary is given up ... */
#define SAMPLE_MAX 3000u /* ... when so many of them differ */
#define INTS_MAX 65536u /* more different integers than that are no dictionary */

void eg_distinct_reset(struct eg_distinct *d) {
    eg_free(d->places);
    eg_free(d->ints);
    eg_free(d->addrs);
    eg_free(d->texts);
    eg_free(d->slots);
    eg_free(d->order);
    *d = (struct eg_distinct){0};
}

bool eg_distinct_room(void *memory, size_t *room, size_t need, size_t width) {
    void **at = memory;
    if (need <= *room) return true;
    eg_free(*at);
    *room = 0;
    *at = eg_malloc((need + need / 4) * width);
    if (*at) *room = need + need / 4;
    return *at != NULL;
}

static bool begin(struct eg_distinct *d, uint32_t rows, uint32_t slots) {
    d->count = 0;
    d->slot_count = slots;
    if (!eg_distinct_room(&d->places, &d->place_room, rows, sizeof *d->places)) return false;
    if (!eg_distinct_room(&d->slots, &d->slot_room, slots, sizeof *d->slots)) return false;
    memset(d->slots, 0, (size_t)slots * sizeof *d->slots);
    return true;
}

/* Every bit of the value reaches the low bits of the answer. */
static uint32_t mix(uint64_t value) {
    unsigned __int128 product = (unsigned __int128)value * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)product ^ (uint32_t)(product >> 64) ^ (uint32_t)(product >> 32);
}

/* When half of the slots are taken there are made four times as many. `hash` of a place. */
static bool grow(struct eg_distinct *d, uint32_t (*hash)(const struct eg_distinct *, uint32_t)) {
    if (d->count * 2 < d->slot_count) return true;
    uint32_t slots = d->slot_count * 4, mask = slots - 1;
    if (!eg_distinct_room(&d->slots, &d->slot_room, slots, sizeof *d->slots)) return false;
    memset(d->slots, 0, (size_t)slots * sizeof *d->slots);
    d->slot_count = slots;
    for (uint32_t place = 0; place < d->count; place++) {
        uint32_t slot = hash(d, place) & mask;
        while (d->slots[slot]) slot = (slot + 1) & mask;
        d->slots[slot] = place + 1;
    }
    return true;
}
#define FIRST_SLOTS 4096u

/* ---- integers ---- */

static enum eg_distinct_end narrow(struct eg_distinct *d, const int64_t *values, uint32_t rows,
                                   int64_t least, uint32_t range) {
    if (!begin(d, rows, range + 1) ||
        !eg_distinct_room(&d->ints, &d->int_room, (size_t)range + 1, sizeof *d->ints))
        return EG_DISTINCT_NO_MEMORY;
    uint32_t *table = d->slots;
    for (uint32_t i = 0; i < rows; i++) table[(uint64_t)values[i] - (uint64_t)least] = 1;
    for (uint32_t v = 0; v <= range; v++) {
        if (!table[v]) continue;
        table[v] = d->count;
        d->ints[d->count++] = (int64_t)((uint64_t)least + v);
    }
    for (uint32_t i = 0; i < rows; i++)
        d->places[i] = table[(uint64_t)values[i] - (uint64_t)least];
    return EG_DISTINCT_FOUND;
}

static uint32_t hash_int(const struct eg_distinct *d, uint32_t place) {
    return mix((uint64_t)d->ints[place]);
}

static enum eg_distinct_end wide(struct eg_distinct *d, const int64_t *values, uint32_t rows) {
    uint32_t most = rows < INTS_MAX ? rows : INTS_MAX;
    if (!begin(d, rows, FIRST_SLOTS) ||
        !eg_distinct_room(&d->ints, &d->int_room, most, sizeof *d->ints))
        return EG_DISTINCT_NO_MEMORY;
    uint32_t last = 0;
    for (uint32_t i = 0; i < rows; i++) {
        if (i == SAMPLE && d->count > SAMPLE_MAX) return EG_DISTINCT_MANY;
        if (i && values[i] == values[i - 1]) {
            d->places[i] = last;
            continue;
        }
        uint32_t mask = d->slot_count - 1, slot = mix((uint64_t)values[i]) & mask;
        while (d->slots[slot] && d->ints[d->slots[slot] - 1] != values[i]) slot = (slot + 1) & mask;
        if (!d->slots[slot]) {
            if (d->count == most) return EG_DISTINCT_MANY;
            d->ints[d->count++] = values[i];
            d->slots[slot] = d->count;
            d->places[i] = last = d->count - 1;
            if (!grow(d, hash_int)) return EG_DISTINCT_NO_MEMORY;
            continue;
        }
        d->places[i] = last = d->slots[slot] - 1;
    }
    return d->count > rows / 2 + 16 ? EG_DISTINCT_MANY : EG_DISTINCT_FOUND;
}

enum eg_distinct_end eg_distinct_ints(struct eg_distinct *d, const int64_t *values, uint32_t rows,
                                      int64_t least, int64_t most) {
    uint64_t range = (uint64_t)most - (uint64_t)least;
    if (range < NARROW && range / 8 <= rows) return narrow(d, values, rows, least, (uint32_t)range);
    return wide(d, values, rows);
}

/* ---- addresses ---- */

struct words {
    uint64_t high, low;
};
static struct words words_of(const struct eg_addr *addr) {
    struct words words;
    memcpy(&words, addr, sizeof words);
    return words;
}

static bool is_v4(const struct eg_addr *addr) {
    struct words words = words_of(addr);
    return words.high == 0 && (words.low & 0xffffffff) == UINT64_C(0xffff0000);
}

#define RADIX 2048u

/* Sorts the IPv4 addresses by number and gives the rows their new places. */
static bool sort_v4(struct eg_distinct *d, uint32_t rows) {
    uint32_t n = d->count;
    if (!eg_distinct_room(&d->order, &d->order_room, (size_t)n * 4, sizeof *d->order)) return false;
    uint32_t *keys = d->order, *from = keys + n, *to = from + n, *place = to + n;
    for (uint32_t i = 0; i < n; i++) {
        keys[i] = eg_be32(eg_span(d->addrs[i].bytes, sizeof d->addrs[i].bytes), 12);
        from[i] = i;
    }
    for (uint32_t shift = 0; shift < 33; shift += 11) {
        uint32_t starts[RADIX] = {0}, sum = 0;
        for (uint32_t i = 0; i < n; i++) starts[keys[i] >> shift & (RADIX - 1)]++;
        for (uint32_t b = 0; b < RADIX; b++) {
            uint32_t here = starts[b];
            starts[b] = sum;
            sum += here;
        }
        for (uint32_t i = 0; i < n; i++)
            to[starts[keys[from[i]] >> shift & (RADIX - 1)]++] = from[i];
        uint32_t *swap = from;
        from = to;
        to = swap;
    }
    for (uint32_t i = 0; i < n; i++) place[from[i]] = i;
    for (uint32_t i = 0; i < n; i++) to[i] = keys[from[i]];
    for (uint32_t i = 0; i < n; i++)
        for (int k = 0; k < 4; k++) d->addrs[i].bytes[12 + k] = (uint8_t)(to[i] >> (24 - 8 * k));
    for (uint32_t i = 0; i < rows; i++) d->places[i] = place[d->places[i]];
    return true;
}

static uint32_t hash_words(struct words words) { return mix(words.low ^ mix(words.high)); }

static uint32_t hash_addr(const struct eg_distinct *d, uint32_t place) {
    return hash_words(words_of(&d->addrs[place]));
}

enum eg_distinct_end eg_distinct_addrs(struct eg_distinct *d, const struct eg_addr *values,
                                       uint32_t rows) {
    if (!begin(d, rows, FIRST_SLOTS) ||
        !eg_distinct_room(&d->addrs, &d->addr_room, rows, sizeof *d->addrs))
        return EG_DISTINCT_NO_MEMORY;
    bool all_v4 = true;
    for (uint32_t i = 0; i < rows; i++) {
        struct words words = words_of(&values[i]);
        uint32_t mask = d->slot_count - 1, slot = hash_words(words) & mask;
        while (d->slots[slot]) {
            struct words there = words_of(&d->addrs[d->slots[slot] - 1]);
            if (there.low == words.low && there.high == words.high) break;
            slot = (slot + 1) & mask;
        }
        if (!d->slots[slot]) {
            all_v4 &= is_v4(&values[i]);
            d->addrs[d->count++] = values[i];
            d->slots[slot] = d->count;
            d->places[i] = d->count - 1;
            if (!grow(d, hash_addr)) return EG_DISTINCT_NO_MEMORY;
            continue;
        }
        d->places[i] = d->slots[slot] - 1;
    }
    if (all_v4 && !sort_v4(d, rows)) return EG_DISTINCT_NO_MEMORY;
    return EG_DISTINCT_FOUND;
}

/* ---- texts ---- */

static uint32_t hash_span(struct eg_span text) { return (uint32_t)eg_hash64(text.at, text.size, 0); }

static uint32_t hash_text(const struct eg_distinct *d, uint32_t place) {
    return hash_span(d->texts[place]);
}

enum eg_distinct_end eg_distinct_texts(struct eg_distinct *d, const struct eg_span *values,
                                       uint32_t rows) {
    uint32_t most = rows < INTS_MAX ? rows : INTS_MAX;
    if (!begin(d, rows, FIRST_SLOTS) ||
        !eg_distinct_room(&d->texts, &d->text_room, most, sizeof *d->texts))
        return EG_DISTINCT_NO_MEMORY;
    uint32_t last = 0;
    for (uint32_t i = 0; i < rows; i++) {
        if (i == SAMPLE && d->count > SAMPLE_MAX) return EG_DISTINCT_MANY;
        if (i && values[i].at == values[i - 1].at && values[i].size == values[i - 1].size) {
            d->places[i] = last; /* a name of the batch's own dictionary again */
            continue;
        }
        uint32_t mask = d->slot_count - 1, slot = hash_span(values[i]) & mask;
        while (d->slots[slot]) {
            struct eg_span there = d->texts[d->slots[slot] - 1];
            if (there.size == values[i].size && memcmp(there.at, values[i].at, there.size) == 0)
                break;
            slot = (slot + 1) & mask;
        }
        if (!d->slots[slot]) {
            if (d->count == most) return EG_DISTINCT_MANY;
            d->texts[d->count++] = values[i];
            d->slots[slot] = d->count;
            d->places[i] = last = d->count - 1;
            if (!grow(d, hash_text)) return EG_DISTINCT_NO_MEMORY;
            continue;
        }
        d->places[i] = last = d->slots[slot] - 1;
    }
    return d->count > rows / 2 + 16 ? EG_DISTINCT_MANY : EG_DISTINCT_FOUND;
}
