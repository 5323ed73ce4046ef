/* SPDX-License-Identifier: Apache-2.0
 * Times of records: absolute, relative to boot, or relative to the export.
 * Sources: RFC 3954 section 8 (FIRST_SWITCHED, LAST_SWITCHED); RFC 5102 sections 5.9 and 5.11. */
#include "wire/flow_block.h"

#include <string.h>

/* A sum that stays in range. */
static int64_t plus(int64_t a, int64_t b) {
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum)) return b > 0 ? INT64_MAX : INT64_MIN + 1;
    return sum;
}

static void absolute(const struct eg_rows *r, const struct eg_step *s, int64_t *to) {
    if (s->type == EG_ELEMENT_dateTimeMilliseconds && s->length == 8) {
        struct eg_stride f = eg_block_stride(r, s);
        for (uint32_t k = 0; k < r->count; k++) {
            uint64_t ms = eg_stride_be64(f, k);
            to[k] = ms > INT64_MAX / 1000 ? INT64_MAX : (int64_t)ms * 1000;
        }
        return;
    }
    for (uint32_t k = 0; k < r->count; k++) {
        to[k] = eg_element_time_us(s->type, eg_block_value(r, s, k));
        /* NTP's zero is none either. */
        if (s->length == 8 && eg_block_number(r, s, k) == 0) to[k] = 0;
    }
}

/* Where the boot is not known the differences between such times still are: as if it had booted
 * long ago, and put right when all of the record is known. */
static void since_boot(struct eg_rows *r, const struct eg_step *s, int64_t *to) {
    const struct eg_message *m = r->m;
    bool header = m->has_uptime && !r->booted;
    uint64_t uptimes[EG_BLOCK];
    r->relative |= !m->has_uptime && !r->booted;
    eg_block_numbers(r, s, uptimes);
    for (uint32_t k = 0; k < r->count; k++) {
        uint32_t uptime = (uint32_t)uptimes[k];
        if (header)
            to[k] = m->now_us - eg_uptime_ago(m->uptime_ms, uptime) * INT64_C(1000);
        else
            to[k] = plus(r->booted ? r->boot[k] : 0, uptime * INT64_C(1000));
    }
}

static void before_export(const struct eg_rows *r, const struct eg_step *s, int64_t *to) {
    for (uint32_t k = 0; k < r->count; k++)
        to[k] = r->m->now_us - (int64_t)(uint32_t)eg_block_number(r, s, k);
}

/* The boot that options told, where records do not. */
static void boot_of_options(struct eg_rows *r) {
    if (r->booted || r->m->has_uptime) return;
    const struct eg_book_version *v = eg_rows_find(r, EG_FACT_BOOT, 0);
    if (!v) return;
    for (uint32_t k = 0; k < r->count; k++) r->boot[k] = eg_book_fact(v).number;
    r->booted = true;
}

static void duration(struct eg_rows *r, const struct eg_step *s, int64_t unit_us) {
    for (uint32_t k = 0; k < r->count; k++) {
        int64_t long_us = (int64_t)(eg_block_number(r, s, k) & UINT32_MAX) * unit_us;
        if (r->started)
            r->end[k] = plus(r->start[k], long_us);
        else
            r->start[k] = plus(r->end[k], -long_us);
    }
    r->started = r->ended = true;
}

void eg_flow_time(struct eg_rows *r, const struct eg_step *s) {
    switch (s->what) {
    case EG_STEP_START: absolute(r, s, r->start), r->started = true; break;
    case EG_STEP_END: absolute(r, s, r->end), r->ended = true; break;
    case EG_STEP_BOOT: absolute(r, s, r->boot), r->booted = true; break;
    case EG_STEP_START_UPTIME:
        boot_of_options(r);
        since_boot(r, s, r->start), r->started = true;
        break;
    case EG_STEP_END_UPTIME:
        boot_of_options(r);
        since_boot(r, s, r->end), r->ended = true;
        break;
    case EG_STEP_START_DELTA: before_export(r, s, r->start), r->started = true; break;
    case EG_STEP_END_DELTA: before_export(r, s, r->end), r->ended = true; break;
    case EG_STEP_OBSERVED:
        absolute(r, s, r->start);
        memcpy(r->end, r->start, sizeof *r->end * r->count);
        r->started = r->ended = true;
        break;
    case EG_STEP_DURATION_MS:
        if (r->started != r->ended) duration(r, s, 1000);
        break;
    case EG_STEP_DURATION_US:
        if (r->started != r->ended) duration(r, s, 1);
        break;
    case EG_STEP_REVERSE_DELAY:
        for (uint32_t k = 0; r->started && k < r->count; k++)
            r->start[k] =
                plus(r->start[k], (int64_t)(eg_block_number(r, s, k) & UINT32_MAX) * 1000);
        break;
    case EG_STEP_RECEIVED: {
        int64_t *to = eg_builder_slots(r->b, EG_COL(FLOWS, received_time), r->count);
        if (to) absolute(r, s, to);
        break;
    }
    default: break;
    }
}

/* Records without times, or with zeros for them, have the other one or the export's. */
static uint64_t fill(struct eg_rows *r) {
    uint64_t filled = 0;
    int64_t now = r->m->now_us;
    for (uint32_t k = 0; k < r->count; k++) {
        bool start = r->started && (r->start[k] || r->relative);
        bool end = r->ended && (r->end[k] || r->relative);
        if (start && end && !r->relative) continue;
        filled |= (uint64_t)(r->relative || (!start && !end)) << k;
        if (r->relative) { /* as if it had ended when it was sent */
            int64_t long_us = start && end ? r->end[k] - r->start[k] : 0;
            r->end[k] = now;
            r->start[k] = long_us > 0 ? now - long_us : now;
        } else if (start) {
            r->end[k] = r->start[k];
        } else {
            if (!end) r->end[k] = now;
            r->start[k] = r->end[k];
        }
    }
    return filled;
}

static void put(struct eg_rows *r, uint32_t col, const int64_t *from) {
    int64_t *to = eg_builder_slots(r->b, col, r->count);
    if (to) memcpy(to, from, sizeof *to * r->count);
}

/* Whether the header's clock gave the times of these rows. */
static bool by_header(const struct eg_rows *r) {
    const uint64_t steps = UINT64_C(1) << EG_STEP_START_UPTIME | UINT64_C(1) << EG_STEP_END_UPTIME |
                           UINT64_C(1) << EG_STEP_START_DELTA | UINT64_C(1) << EG_STEP_END_DELTA;
    return !r->booted && r->has & steps;
}

void eg_flow_times_put(struct eg_rows *r) {
    uint64_t filled = fill(r), order = 0, range = 0;
    for (uint32_t k = 0; k < r->count; k++) {
        order |= (uint64_t)(r->end[k] < r->start[k]) << k;
        if (r->end[k] < r->start[k]) r->end[k] = r->start[k];
        range |= (uint64_t)(r->start[k] < EG_YEAR_1990_US || r->end[k] >= EG_YEAR_2100_US) << k;
    }
    put(r, EG_COL(FLOWS, start_time), r->start);
    put(r, EG_COL(FLOWS, end_time), r->end);
    uint64_t receipt = !r->m->time_flag ? 0 : by_header(r) ? r->all : filled;
    uint64_t flagged = filled | order | range | receipt;
    if (!flagged) return;
    int16_t *to = eg_builder_slots(r->b, EG_COL(FLOWS, time_flag), r->count);
    for (uint32_t k = 0; to && k < r->count; k++)
        to[k] =
            (int16_t)((receipt >> k & 1 ? EG_TIME_RECEIPT : 0) |
                      (order >> k & 1 ? EG_TIME_ORDER : 0) | (range >> k & 1 ? EG_TIME_RANGE : 0) |
                      (filled >> k & 1 ? EG_TIME_EXPORT : 0));
    eg_builder_nulls(r->b, EG_COL(FLOWS, time_flag), ~flagged);
    struct eg_blame blame = eg_message_blame(r->m);
    int64_t time_us = r->m->datagram->time_us;
    if (order)
        eg_tally_add(&r->out->tally, EG_CAUSE_time_order, &blame, time_us,
                     __builtin_popcountll(order), 0, 0);
    if (receipt)
        eg_tally_add(&r->out->tally, EG_CAUSE_time_corrected, &blame, time_us,
                     __builtin_popcountll(receipt), 1, 0);
}
