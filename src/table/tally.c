/* SPDX-License-Identifier: Apache-2.0
 * Counting by cause, source, exporter, domain and hour: a small open-addressing table. */
#include "table/tally.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/timetext.h"

#include <string.h>

#define NO_SLOT UINT32_MAX

static const struct eg_cause_info causes[] = {
#define EG_CAUSE(name, kind, meaning) {#name, (kind) > 0, (kind) == 2, (kind) != 0, meaning},
#include "table/causes.def"
#undef EG_CAUSE
};

const struct eg_cause_info *eg_cause_info(enum eg_cause cause) {
    return (unsigned)cause < EG_CAUSE_COUNT ? &causes[cause] : NULL;
}

void eg_tally_reset(struct eg_tally *tally) {
    eg_free(tally->entries);
    eg_free(tally->slots);
    *tally = (struct eg_tally){0};
}

/* ---- finding an entry ---- */

static bool same_key(const struct eg_tally_entry *a, const struct eg_tally_entry *b) {
    return a->cause == b->cause && a->hour == b->hour && a->domain == b->domain &&
           a->has_exporter == b->has_exporter &&
           memcmp(&a->exporter, &b->exporter, sizeof a->exporter) == 0 &&
           (a->source == b->source || strcmp(a->source, b->source) == 0);
}

static uint32_t key_hash(const struct eg_tally_entry *key) {
    uint64_t hash = eg_hash64(key->source, strlen(key->source), (uint64_t)key->cause);
    const int64_t numbers[] = {key->hour, key->domain, key->has_exporter};
    hash = eg_hash64(numbers, sizeof numbers, hash);
    hash = eg_hash64(&key->exporter, sizeof key->exporter, hash);
    return (uint32_t)(hash ^ hash >> 32);
}

/* The slot that holds the key's entry, or the free one where it belongs. */
static uint32_t slot_find(const struct eg_tally *tally, const struct eg_tally_entry *key) {
    uint32_t mask = tally->slot_count - 1;
    uint32_t slot = key_hash(key) & mask;
    while (tally->slots[slot] != NO_SLOT && !same_key(&tally->entries[tally->slots[slot]], key))
        slot = (slot + 1) & mask;
    return slot;
}

/* Room for one more entry, and twice as many slots as entries. */
static bool reserve(struct eg_tally *tally) {
    if (tally->count < tally->room) return true;
    uint32_t room = tally->room ? tally->room * 2 : 16;
    struct eg_tally_entry *entries = eg_realloc(tally->entries, room, sizeof *entries);
    if (!entries) return false;
    tally->entries = entries;
    uint32_t *slots = eg_malloc((size_t)room * 2 * sizeof *slots);
    if (!slots) return false;
    eg_free(tally->slots);
    tally->slots = slots;
    tally->slot_count = room * 2;
    tally->room = room;
    memset(slots, 0xff, (size_t)tally->slot_count * sizeof *slots);
    for (uint32_t i = 0; i < tally->count; i++) slots[slot_find(tally, &entries[i])] = i;
    return true;
}

/* The entry of that key, made where there is none yet; NULL: no memory. Beyond EG_TALLY_MAX
 * entries (many senders of rubbish) the count goes to the cause and source alone. */
static struct eg_tally_entry *entry_of(struct eg_tally *tally, struct eg_tally_entry key) {
    if (tally->latest < tally->count && same_key(&tally->entries[tally->latest], &key))
        return &tally->entries[tally->latest];
    uint32_t slot = NO_SLOT;
    if (tally->count) slot = slot_find(tally, &key);
    if (slot == NO_SLOT || tally->slots[slot] == NO_SLOT) {
        bool whole = !key.has_exporter && key.domain == -1 && key.hour == INT64_MIN;
        if (tally->count >= EG_TALLY_MAX && !whole) {
            key.has_exporter = false;
            memset(&key.exporter, 0, sizeof key.exporter);
            key.domain = -1;
            key.hour = INT64_MIN;
            return entry_of(tally, key);
        }
        if (!reserve(tally)) return NULL;
        slot = slot_find(tally, &key);
        tally->slots[slot] = tally->count;
        tally->entries[tally->count++] = key;
    }
    tally->latest = tally->slots[slot];
    return &tally->entries[tally->latest];
}

/* ---- adding ---- */

static void widen(struct eg_tally_entry *entry, int64_t start_us, int64_t end_us) {
    if (start_us != INT64_MIN && (entry->start_us == INT64_MIN || start_us < entry->start_us))
        entry->start_us = start_us;
    if (end_us > entry->end_us) entry->end_us = end_us;
}

/* What hostile records claim may not fit: it stays at the most there is. */
static int64_t plus(int64_t a, int64_t b) {
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum)) return a > 0 ? INT64_MAX : INT64_MIN;
    return sum;
}

static void sum_up(struct eg_tally_entry *into, const struct eg_tally_entry *from) {
    widen(into, from->start_us, from->end_us);
    into->records = plus(into->records, from->records);
    into->packets = plus(into->packets, from->packets);
    into->bytes = plus(into->bytes, from->bytes);
}

/* `what` is a whole entry: its key, and what to add under it. */
static void add(struct eg_tally *tally, const struct eg_tally_entry *what) {
    struct eg_tally_entry key = *what;
    key.start_us = key.end_us = INT64_MIN;
    key.records = key.packets = key.bytes = 0;
    struct eg_tally_entry *entry = entry_of(tally, key);
    if (entry)
        sum_up(entry, what);
    else
        tally->lost++;
}

void eg_tally_add(struct eg_tally *tally, enum eg_cause cause, const struct eg_blame *blame,
                  int64_t time_us, int64_t records, int64_t packets, int64_t bytes) {
    struct eg_tally_entry what = {
        .cause = cause,
        .source = blame && blame->source ? blame->source : "packet",
        .has_exporter = blame && blame->exporter,
        .domain = blame ? blame->domain : -1,
        .hour =
            time_us == INT64_MIN ? INT64_MIN : time_us / EG_HOUR_US - (time_us % EG_HOUR_US < 0),
        .start_us = time_us,
        .end_us = time_us,
        .records = records,
        .packets = packets,
        .bytes = bytes,
    };
    if (what.has_exporter) what.exporter = *blame->exporter;
    add(tally, &what);
}

/* What found no memory has no key any more, but a place where there is memory again. */
static void lost_settle(struct eg_tally *into, int64_t lost) {
    struct eg_tally_entry what = {.cause = EG_CAUSE_no_memory,
                                  .source = "packet",
                                  .domain = -1,
                                  .hour = INT64_MIN,
                                  .start_us = INT64_MIN,
                                  .end_us = INT64_MIN};
    struct eg_tally_entry *entry = lost ? entry_of(into, what) : NULL;
    if (entry)
        entry->records += lost;
    else
        into->lost += lost;
}

void eg_tally_merge(struct eg_tally *into, const struct eg_tally *from) {
    for (uint32_t i = 0; i < from->count; i++) add(into, &from->entries[i]);
    lost_settle(into, from->lost);
}

struct eg_tally_entry eg_tally_sum(const struct eg_tally *tally, enum eg_cause cause) {
    struct eg_tally_entry sum = {.cause = cause,
                                 .domain = -1,
                                 .hour = INT64_MIN,
                                 .start_us = INT64_MIN,
                                 .end_us = INT64_MIN};
    for (uint32_t i = 0; i < tally->count; i++)
        if (tally->entries[i].cause == cause) sum_up(&sum, &tally->entries[i]);
    return sum;
}

/* ---- as rows ---- */

static void put_count(struct eg_builder *losses, uint32_t col, int64_t count) {
    if (count) eg_put_int(losses, col, count); /* 0: of this kind nothing is known */
}

static void put_row(struct eg_builder *losses, const struct eg_tally_entry *entry) {
    const char *cause = causes[entry->cause].name;
    if (entry->start_us != INT64_MIN) {
        eg_put_int(losses, EG_COL(LOSSES, start_time), entry->start_us);
        eg_put_int(losses, EG_COL(LOSSES, end_time), entry->end_us);
    }
    eg_put_name(losses, EG_COL(LOSSES, source), entry->source, strlen(entry->source));
    if (entry->has_exporter) eg_put_addr(losses, EG_COL(LOSSES, exporter), &entry->exporter);
    if (entry->domain != -1) eg_put_int(losses, EG_COL(LOSSES, domain), entry->domain);
    eg_put_name(losses, EG_COL(LOSSES, cause), cause, strlen(cause));
    put_count(losses, EG_COL(LOSSES, records), entry->records);
    put_count(losses, EG_COL(LOSSES, packets), entry->packets);
    put_count(losses, EG_COL(LOSSES, bytes), entry->bytes);
    eg_builder_row(losses, 1);
}

enum eg_status eg_tally_rows(const struct eg_tally *tally, bool notes, struct eg_builder *losses,
                             struct eg_error *err) {
    for (uint32_t i = 0; i < tally->count; i++) {
        const struct eg_tally_entry *entry = &tally->entries[i];
        if (!notes && !causes[entry->cause].is_kept) continue;
        /* A gap that late records closed again is none. */
        if (!entry->records && !entry->packets && !entry->bytes) continue;
        EG_ASSERT(eg_builder_room(losses) > 0);
        put_row(losses, entry);
    }
    if (losses->failed) return eg_fail(err, EG_E_NOMEM, "no memory for the rows of losses");
    return EG_OK;
}
