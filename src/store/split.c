/* SPDX-License-Identifier: Apache-2.0
 * Batches cut by the hour of their rows. */
#include "store/split.h"

#include "base/alloc.h"
#include "base/timetext.h"
#include "store/layout.h"
#include "table/ahead.h"

#include <string.h>

#define NONE UINT32_MAX

/* The columns that say when; `instead` stands in for a null start. */
struct clock_columns {
    uint32_t start, end, instead;
};

static struct clock_columns columns_of(enum eg_table_id table) {
    switch (table) {
    case EG_TABLE_FLOWS:
        return (struct clock_columns){EG_COL(FLOWS, start_time), EG_COL(FLOWS, end_time),
                                      EG_COL(FLOWS, received_time)};
    case EG_TABLE_PACKETS:
        return (struct clock_columns){EG_COL(PACKETS, time), EG_COL(PACKETS, time), NONE};
    case EG_TABLE_COUNTERS:
        return (struct clock_columns){EG_COL(COUNTERS, time), EG_COL(COUNTERS, time), NONE};
    default:
        return (struct clock_columns){EG_COL(LOSSES, start_time), EG_COL(LOSSES, end_time), NONE};
    }
}

static int64_t hour_floor(int64_t time_us) {
    int64_t rest = time_us % EG_HOUR_US;
    return time_us - (rest < 0 ? rest + EG_HOUR_US : rest);
}

void eg_shares_clear(struct eg_shares *shares) {
    for (uint32_t i = 0; i < shares->count; i++) eg_batch_unref(shares->list[i].batch);
    shares->count = 0;
}

void eg_shares_reset(struct eg_shares *shares) {
    eg_shares_clear(shares);
    eg_free(shares->list);
    *shares = (struct eg_shares){0};
}

/* Takes the reference over, also when it fails. */
static bool shares_add(struct eg_shares *shares, struct eg_share share) {
    if (shares->count == shares->room) {
        uint32_t room = shares->room ? shares->room * 2 : 8;
        struct eg_share *grown = eg_realloc(shares->list, room, sizeof *grown);
        if (!grown) {
            eg_batch_unref(share.batch);
            return false;
        }
        shares->list = grown;
        shares->room = room;
    }
    shares->list[shares->count++] = share;
    return true;
}

/* ---- the whole batch in one hour ---- */

static bool range_of(const struct eg_batch *batch, uint32_t column, int64_t *low, int64_t *high) {
    const struct eg_column *col = &batch->columns[column];
    if (!col->values || col->nulls) return false;
    const int64_t *times = eg_col_i64(col);
    int64_t min = times[0], max = times[0];
    for (uint32_t i = 1; i < batch->rows; i++) {
        min = times[i] < min ? times[i] : min;
        max = times[i] > max ? times[i] : max;
    }
    *low = min;
    *high = max;
    return true;
}

static bool one_hour(const struct eg_batch *batch, struct clock_columns at,
                     const struct eg_far_hours *far, int64_t now_us, struct eg_share *out) {
    int64_t low, high, end_low, end_high;
    if (!range_of(batch, at.start, &low, &high) || !range_of(batch, at.end, &end_low, &end_high))
        return false;
    if (!eg_layout_has_hour(low) || !eg_layout_has_hour(high) || !eg_layout_has_hour(end_low) ||
        !eg_layout_has_hour(end_high) || hour_floor(low) != hour_floor(high))
        return false;
    if (batch->table_id == EG_TABLE_FLOWS && high >= eg_ahead_from(now_us)) return false;
    if (far && !eg_far_hours_none(low, high, now_us)) return false;
    out->hour_us = hour_floor(low);
    out->start_us = low;
    out->end_us = end_high > high ? end_high : high;
    return true;
}

/* ---- row by row ---- */

struct row_time {
    int64_t hour_us, start_us, end_us; /* hour INT64_MIN: quarantine; start INT64_MIN: no time */
};

static struct row_time time_of(const struct eg_batch *batch, struct clock_columns at, uint32_t row,
                               struct eg_far_hours *far, int64_t now_us) {
    const struct row_time none = {INT64_MIN, INT64_MIN, INT64_MIN};
    uint32_t column = at.start;
    if (!eg_batch_valid(batch, column, row)) {
        if (batch->table_id == EG_TABLE_LOSSES)
            return (struct row_time){hour_floor(now_us), now_us, now_us}; /* it counts as of now */
        if (at.instead == NONE || !eg_batch_valid(batch, at.instead, row)) return none;
        column = at.instead;
    }
    int64_t start = eg_col_i64(&batch->columns[column])[row], end = start;
    if (eg_batch_valid(batch, at.end, row)) end = eg_col_i64(&batch->columns[at.end])[row];
    if (!eg_layout_has_hour(start) || !eg_layout_has_hour(end)) return none;
    /* each forged record could make an hour, and those ahead would never be old */
    if (batch->table_id == EG_TABLE_FLOWS && eg_flow_ahead(batch, row, start, now_us, far))
        return none;
    if (far && !eg_far_hours_admit(far, start, now_us)) return none;
    return (struct row_time){hour_floor(start), start, end > start ? end : start};
}

/* Whether these are flows that somebody else says there were. Those of packets are no others' words; a
 * batch has one kind. */
static bool exported(const struct eg_batch *batch) {
    const uint32_t source = EG_COL(FLOWS, source);
    return batch->table_id == EG_TABLE_FLOWS &&
           (!eg_batch_valid(batch, source, 0) ||
            !eg_span_is(eg_col_text(&batch->columns[source], 0), "packet"));
}

struct bucket {
    struct eg_share share;
    uint32_t rows, at;
};

struct cutting {
    struct bucket *buckets;
    uint32_t count, room;
    uint32_t *slots;            /* which bucket an hour has: its number and 1 */
    uint32_t slot_count;        /* a power of two */
    uint32_t *bucket_of, *rows; /* per row; and the rows, bucket by bucket */
};

/* The slot of that hour, or the free one where it goes. */
static uint32_t slot_of(const struct cutting *c, int64_t hour_us) {
    uint32_t at = (uint32_t)(((uint64_t)hour_us * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
    for (at &= c->slot_count - 1; c->slots[at]; at = (at + 1) & (c->slot_count - 1))
        if (c->buckets[c->slots[at] - 1].share.hour_us == hour_us) break;
    return at;
}

static bool more_room(struct cutting *c) {
    uint32_t room = c->room ? c->room * 2 : 8;
    struct bucket *grown = eg_realloc(c->buckets, room, sizeof *grown);
    if (grown) c->buckets = grown;
    uint32_t *slots = eg_calloc(room * (size_t)2, sizeof *slots);
    if (!grown || !slots) {
        eg_free(slots);
        return false;
    }
    eg_free(c->slots);
    c->slots = slots;
    c->slot_count = room * 2;
    c->room = room;
    for (uint32_t i = 0; i < c->count; i++) slots[slot_of(c, c->buckets[i].share.hour_us)] = i + 1;
    return true;
}

static struct bucket *bucket_for(struct cutting *c, int64_t hour_us, uint32_t *last) {
    if (*last < c->count && c->buckets[*last].share.hour_us == hour_us) return &c->buckets[*last];
    if (c->count == c->room && !more_room(c)) return NULL;
    uint32_t slot = slot_of(c, hour_us);
    if (!c->slots[slot]) {
        c->buckets[c->count] = (struct bucket){.share = {hour_us, NULL, INT64_MAX, INT64_MIN}};
        c->slots[slot] = ++c->count;
    }
    *last = c->slots[slot] - 1;
    return &c->buckets[*last];
}

static bool sort_rows(struct cutting *c, const struct eg_batch *batch, struct eg_far_hours *far,
                      int64_t now_us) {
    struct clock_columns at = columns_of(batch->table_id);
    if (!exported(batch)) far = NULL;
    uint32_t last = 0;
    for (uint32_t row = 0; row < batch->rows; row++) {
        struct row_time when = time_of(batch, at, row, far, now_us);
        struct bucket *bucket = bucket_for(c, when.hour_us, &last);
        if (!bucket) return false;
        bucket->rows++;
        if (when.start_us != INT64_MIN) {
            if (when.start_us < bucket->share.start_us) bucket->share.start_us = when.start_us;
            if (when.end_us > bucket->share.end_us) bucket->share.end_us = when.end_us;
        }
        c->bucket_of[row] = last;
    }
    uint32_t at_row = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        c->buckets[i].at = at_row;
        at_row += c->buckets[i].rows;
    }
    for (uint32_t row = 0; row < batch->rows; row++)
        c->rows[c->buckets[c->bucket_of[row]].at++] = row;
    return true;
}

static enum eg_status cut(struct eg_shares *out, struct eg_batch *batch, struct eg_far_hours *far,
                          int64_t now_us, struct eg_error *err) {
    struct cutting c = {0};
    c.bucket_of = eg_calloc(batch->rows, sizeof *c.bucket_of);
    c.rows = eg_calloc(batch->rows, sizeof *c.rows);
    uint32_t before = out->count;
    enum eg_status status = EG_OK;
    if (!c.bucket_of || !c.rows || !sort_rows(&c, batch, far, now_us)) status = EG_E_NOMEM;
    for (uint32_t i = 0; status == EG_OK && i < c.count; i++) {
        struct bucket *bucket = &c.buckets[i];
        if (bucket->rows == batch->rows)
            bucket->share.batch = eg_batch_ref(batch);
        else
            status = eg_batch_pick(&bucket->share.batch, batch,
                                   c.rows + (bucket->at - bucket->rows), bucket->rows, err);
        if (status == EG_OK && !shares_add(out, bucket->share)) status = EG_E_NOMEM;
    }
    eg_free(c.buckets);
    eg_free(c.slots);
    eg_free(c.bucket_of);
    eg_free(c.rows);
    if (status >= 0) return EG_OK;
    while (out->count > before) eg_batch_unref(out->list[--out->count].batch);
    return eg_fail(err, status, "no memory to sort %u rows into their hours", batch->rows);
}

enum eg_status eg_split(struct eg_shares *out, struct eg_batch *batch, struct eg_far_hours *far,
                        int64_t now_us, struct eg_error *err) {
    EG_ASSERT(batch->table_id < EG_TABLE_RAW);
    if (batch->rows == 0) return EG_OK;
    struct eg_share share = {0};
    if (!one_hour(batch, columns_of(batch->table_id), far, now_us, &share))
        return cut(out, batch, far, now_us, err);
    share.batch = eg_batch_ref(batch);
    if (shares_add(out, share)) return EG_OK;
    return eg_fail(err, EG_E_NOMEM, "no memory to sort %u rows into their hours", batch->rows);
}
