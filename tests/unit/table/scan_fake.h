/* SPDX-License-Identifier: Apache-2.0
 * A source and two extracts for tests of the scan and the pump, with a model that says what they
 * must give in whatever way the work is divided.
 *
 * An input is a text "NAME:RECORDS:UNIT:FLAGS", UNIT records a unit. Flags: s a stream; o cannot be
 * opened; f it cannot be read from its fifth unit (batch) on; b its fifth unit fails behind its second
 * batch; c it is cut at its end; l a live stream, which has nothing every other time, and no end before
 * the env drains. Record i of an input
 * stands at offset 10 i, and its number is a hash of i. Numbers divisible by 7 are "special": their
 * row names the special number before, in whatever unit that was, which only join() can know.
 * Numbers divisible by 5 are exports: a row of flows; the others are rows of packets. Numbers
 * divisible by 11 are also counted under time_order. At the end, drain gives one row more.
 *
 * A third extract holds rows back, as a meter does: three records that fall to one shard become one row
 * of flows (the first one's time, the sum of their numbers), and what is left at the end as well, a shard at
 * each call of drain. */
#ifndef EG_SCAN_FAKE_H
#define EG_SCAN_FAKE_H

#include "base/alloc.h"
#include "table/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_FAILS_AT 4

static inline uint64_t fake_number(uint64_t i) {
    uint64_t x = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
    x ^= x >> 31;
    return x % 1000000;
}

/* ---- source ---- */

struct eg_source {
    const struct eg_env *env;
    char name[32];
    unsigned long records, unit, resume;
    bool stream, fails, late, cut, pipe; /* of a pipe nobody knows the size */
    bool live, quiet;                    /* quiet: it has nothing this time */
    atomic_ullong stored;
    unsigned long read;        /* a stream's */
    unsigned long places[512]; /* of units: the next record */
    atomic_ullong commits;
};

/* Counted over all fakes, looked at by tests. */
static atomic_int fake_open_units, fake_most_open_units, fake_open_sources, fake_open_extracts;
static atomic_ullong fake_committed;

static inline enum eg_status fake_open(const struct eg_env *env, const char *uri,
                                       const void *options, struct eg_source **out,
                                       struct eg_error *err) {
    (void)options;
    struct eg_source *source = eg_calloc(1, sizeof *source);
    if (!source) return eg_fail(err, EG_E_NOMEM, "no memory");
    char flags[16] = "";
    int read =
        sscanf(uri, "%31[^:]:%lu:%lu:%15s", source->name, &source->records, &source->unit, flags);
    source->env = env;
    source->live = strchr(flags, 'l');
    source->stream = source->live || strchr(flags, 's');
    source->fails = strchr(flags, 'f');
    source->late = strchr(flags, 'b');
    source->cut = strchr(flags, 'c');
    source->pipe = strchr(flags, 'p');
    if (read < 3 || strchr(flags, 'o')) {
        eg_free(source);
        return eg_fail(err, EG_E_NOENT, "%s: no such input", uri);
    }
    fake_open_sources++;
    *out = source;
    return EG_OK;
}

/* Units do not cross the place where reading goes on. */
static inline unsigned long fake_units_before(const struct eg_source *s) {
    return (s->resume + s->unit - 1) / s->unit;
}
static inline void fake_unit_range(const struct eg_source *s, uint64_t unit, unsigned long *from,
                                   unsigned long *to) {
    unsigned long before = fake_units_before(s);
    *from = unit < before ? unit * s->unit : s->resume + (unit - before) * s->unit;
    *to = *from + s->unit;
    unsigned long most = unit < before ? s->resume : s->records;
    if (*to > most) *to = most;
}

static inline enum eg_status fake_plan(struct eg_source *s, const struct eg_position *known,
                                       size_t known_count, struct eg_plan *out,
                                       struct eg_error *err) {
    (void)err;
    for (size_t i = 0; i < known_count; i++)
        if (strcmp(known[i].key, s->name) == 0 && known[i].offset / 10 > s->resume &&
            known[i].offset / 10 <= s->records)
            s->resume = known[i].offset / 10;
    unsigned long rest = s->records - s->resume;
    unsigned long units = fake_units_before(s) + (rest + s->unit - 1) / s->unit;
    *out = (struct eg_plan){
        .state = !s->resume ? EG_PLAN_NEW
                 : rest     ? EG_PLAN_GROWN
                            : EG_PLAN_KNOWN,
        .resume_offset = s->resume * 10,
        .units = s->stream ? EG_UNITS_STREAM : units,
        .live = s->live,
        .bytes = s->pipe || s->live ? 0 : s->records * 10,
        .bytes_read = s->pipe ? &s->stored : NULL,
    };
    for (size_t i = 0; i < known_count; i++)
        if (strcmp(known[i].key, s->name) == 0 && known[i].offset / 10 > s->records)
            out->ends = s->records * 10;
    snprintf(out->key, sizeof out->key, "%s", s->name);
    if (strcmp(s->name, "b") == 0) snprintf(out->lock, sizeof out->lock, "lock of b");
    return EG_OK;
}

static inline enum eg_status fake_raw(struct eg_source *s, unsigned long from, unsigned long to,
                                      struct eg_batch **out, struct eg_error *err) {
    struct eg_builder *b;
    EG_TRY(eg_builder_new(&b, eg_table_get(EG_TABLE_RAW), EG_TABLE_RAW, s->env->batch_rows,
                          EG_COLUMNS_ALL, err));
    for (unsigned long i = from; i < to; i++) {
        eg_put_int(b, EG_COL(RAW, time_ns), (int64_t)i * 1000000);
        eg_put_int(b, EG_COL(RAW, length), (int64_t)fake_number(i));
        eg_put_int(b, EG_COL(RAW, offset), (int64_t)i * 10);
        eg_builder_row(b, 1);
    }
    enum eg_status status = eg_builder_seal(b, out, err);
    eg_builder_free(b);
    return status;
}

static inline enum eg_status fake_next(struct eg_source *s, uint64_t unit, struct eg_batch **out,
                                       struct eg_tally *tally, struct eg_error *err) {
    unsigned long from, to, *at = s->stream ? &s->read : &s->places[unit];
    unsigned long most = s->stream && s->unit < s->env->batch_rows ? s->unit : s->env->batch_rows;
    if (s->stream)
        from = 0, to = *at < s->resume ? s->resume : s->records;
    else
        fake_unit_range(s, unit, &from, &to);
    if (*at < from) *at = from;
    if ((s->fails && unit >= FAKE_FAILS_AT) ||
        (s->late && unit == FAKE_FAILS_AT && *at >= from + 2 * most))
        return eg_fail(err, EG_E_IO, "%s: input/output error", s->name);
    if (s->live && ((s->quiet = !s->quiet) || (*at == to && !eg_env_draining(s->env))))
        return EG_AGAIN;
    if (*at == to) {
        if (!s->cut || to != s->records) return EG_END;
        eg_tally_add(tally, EG_CAUSE_capture_cut, NULL, INT64_MIN, 0, 1, 5);
        return eg_fail(err, EG_E_CUT, "%s: ends in the middle of a record", s->name);
    }
    unsigned long end = to - *at < most ? to : *at + most;
    EG_TRY(fake_raw(s, *at, end, out, err));
    *at = end;
    atomic_store(&s->stored, end * 10);
    return EG_OK;
}

static inline enum eg_status fake_position(struct eg_source *s, uint64_t last,
                                           struct eg_position *out, struct eg_error *err) {
    (void)err;
    unsigned long from, to = s->read;
    if (!s->stream) fake_unit_range(s, last, &from, &to);
    *out = (struct eg_position){.offset = to * 10};
    memcpy(out->key, s->name, sizeof s->name);
    memcpy(out->name, s->name, sizeof s->name);
    return EG_OK;
}

static inline enum eg_status fake_commit(struct eg_source *s, const struct eg_position *position,
                                         struct eg_error *err) {
    (void)s;
    (void)err;
    atomic_store(&fake_committed, position->offset);
    return EG_OK;
}

static inline void fake_close(struct eg_source *s) {
    fake_open_sources--;
    eg_free(s);
}

static const struct eg_option fake_options[] = {EG_OPTION_END};
static const struct eg_source_type fake_source = {
    .abi = EG_STAGE_ABI,
    .name = "fake",
    .help = "",
    .options = fake_options,
    .options_size = 1,
    .open = fake_open,
    .plan = fake_plan,
    .next = fake_next,
    .position = fake_position,
    .commit = fake_commit,
    .close = fake_close,
};

/* ---- extracts ---- */

struct eg_extract {
    bool exports;
    int64_t special; /* the last one; the joiner's */
    uint64_t next_unit;
    int64_t rows;
    /* of the one that holds rows back */
    struct eg_extract_state *state;
    struct fake_held {
        int64_t first_us, sum;
        int count;
    } held[EG_SHARDS];
};
static atomic_ullong fake_ticks, fake_drains;

struct fake_late {
    int64_t time_us, number, before; /* before -1: to be told by join */
};
struct eg_extract_unit {
    struct eg_extract *extract;
    uint64_t unit;
    int64_t special; /* the last one in this unit; -1: none yet */
    struct fake_late first;
    bool has_first;
    int64_t rows;
    int64_t (*kept)[2]; /* time and number, until the join */
    size_t kept_count;
};

static inline enum eg_status fake_extract_open(struct eg_extract **out, bool exports,
                                               struct eg_error *err) {
    *out = eg_calloc(1, sizeof **out);
    if (!*out) return eg_fail(err, EG_E_NOMEM, "no memory");
    (*out)->exports = exports;
    (*out)->special = -1;
    fake_open_extracts++;
    return EG_OK;
}
static inline enum eg_status fake_exports_open(const struct eg_env *env,
                                               const struct eg_extract_options *options,
                                               struct eg_extract **out, struct eg_error *err) {
    (void)env;
    (void)options;
    return fake_extract_open(out, true, err);
}
static inline enum eg_status fake_packets_open(const struct eg_env *env,
                                               const struct eg_extract_options *options,
                                               struct eg_extract **out, struct eg_error *err) {
    (void)env;
    (void)options;
    return fake_extract_open(out, false, err);
}

static inline enum eg_status fake_begin(struct eg_extract *extract, uint64_t unit,
                                        struct eg_extract_unit **out, struct eg_error *err) {
    struct eg_extract_unit *u = eg_calloc(1, sizeof *u);
    if (!u) return eg_fail(err, EG_E_NOMEM, "no memory");
    *u = (struct eg_extract_unit){.extract = extract, .unit = unit, .special = -1};
    int open = ++fake_open_units, most = fake_most_open_units;
    while (open > most && !atomic_compare_exchange_weak(&fake_most_open_units, &most, open)) {
    }
    *out = u;
    return EG_OK;
}

/* One row: the number as bytes (length), the special one before as next_hop's stand-in, domain. */
static inline void fake_row(bool exports, struct eg_out *out, int64_t time_us, int64_t number,
                            int64_t before) {
    (void)eg_out_room(out, 1);
    if (exports) {
        eg_put_int(out->rows, EG_COL(FLOWS, start_time), time_us);
        eg_put_int(out->rows, EG_COL(FLOWS, bytes), number);
        if (before >= 0) eg_put_int(out->rows, EG_COL(FLOWS, domain), before);
    } else {
        eg_put_int(out->rows, EG_COL(PACKETS, time), time_us);
        eg_put_int(out->rows, EG_COL(PACKETS, length), number);
        if (before >= 0) eg_put_int(out->rows, EG_COL(PACKETS, tunnel_id), before);
    }
    eg_builder_row(out->rows, 1);
}

static inline enum eg_status fake_feed(struct eg_extract_unit *u, struct eg_batch *raw,
                                       uint64_t *claimed, struct eg_out *out,
                                       struct eg_error *err) {
    (void)err;
    bool exports = u->extract->exports;
    for (uint32_t row = 0; row < raw->rows; row++) {
        int64_t number = eg_col_i64(&raw->columns[EG_COL(RAW, length)])[row];
        int64_t time_us = eg_col_i64(&raw->columns[EG_COL(RAW, time_ns)])[row] / 1000;
        bool export = number % 5 == 0;
        if (exports && export && claimed) claimed[row / 64] |= UINT64_C(1) << (row % 64);
        if (exports ? !export : claimed ? (bool)eg_bit(claimed, row) : false) continue;
        if (exports) out->datagrams++;
        if (number % 11 == 0)
            eg_tally_add(&out->tally, EG_CAUSE_time_order, NULL, time_us, 1, 0, number);
        u->rows++;
        bool special = number % 7 == 0;
        if (special && u->special < 0) {
            u->first = (struct fake_late){time_us, number, -1};
            u->has_first = true;
        } else {
            fake_row(exports, out, time_us, number, special ? u->special : -1);
        }
        if (special) u->special = number;
    }
    return EG_OK;
}

static inline enum eg_status fake_join(struct eg_extract *extract, struct eg_extract_unit *u,
                                       struct eg_out *out, struct eg_error *err) {
    (void)err;
    if (!u) { /* drain: one row that says how many there were */
        fake_row(extract->exports, out, INT64_C(1) << 40, extract->rows, -1);
        eg_tally_add(&out->tally, EG_CAUSE_record_empty, NULL, INT64_MIN, extract->rows, 0, 0);
        return EG_OK;
    }
    /* in order, none left out */
    if (u->unit != extract->next_unit++ && atomic_load(&fake_open_units) >= 0) extract->rows = -1;
    if (u->has_first)
        fake_row(extract->exports, out, u->first.time_us, u->first.number, extract->special);
    if (u->special >= 0) extract->special = u->special;
    extract->rows += u->rows;
    return EG_OK;
}

static inline enum eg_status fake_finish(struct eg_extract_unit *u, struct eg_out *out,
                                         struct eg_error *err) {
    (void)out;
    (void)err;
    fake_open_units--;
    eg_free(u);
    return EG_OK;
}

static inline void fake_extract_close(struct eg_extract *extract) {
    fake_open_extracts--;
    eg_free(extract);
}

/* ---- one that holds rows back ---- */

static inline enum eg_status fake_metered_open(const struct eg_env *env,
                                               const struct eg_extract_options *options,
                                               struct eg_extract **out, struct eg_error *err) {
    (void)env;
    EG_TRY(fake_extract_open(out, true, err));
    (*out)->state = options->state;
    return EG_OK;
}

static inline enum eg_status fake_metered_feed(struct eg_extract_unit *u, struct eg_batch *raw,
                                               uint64_t *claimed, struct eg_out *out,
                                               struct eg_error *err) {
    (void)out;
    if (!raw->rows) {
        fake_ticks++;
        return EG_OK;
    }
    void *grown = eg_realloc(u->kept, u->kept_count + raw->rows, sizeof *u->kept);
    if (!grown) return eg_fail(err, EG_E_NOMEM, "no memory");
    u->kept = grown;
    for (uint32_t row = 0; row < raw->rows; row++) {
        if (claimed && eg_bit(claimed, row)) continue;
        u->kept[u->kept_count][0] = eg_col_i64(&raw->columns[EG_COL(RAW, time_ns)])[row] / 1000;
        u->kept[u->kept_count++][1] = eg_col_i64(&raw->columns[EG_COL(RAW, length)])[row];
    }
    return EG_OK;
}

static inline void fake_held_give(struct eg_extract *extract, int shard, struct eg_out *out) {
    struct fake_held *held = &extract->held[shard];
    struct eg_extract_state *state = extract->state;
    if (state->given[shard]++ >= state->leave[shard]) {
        fake_row(true, out, held->first_us, held->sum, held->count);
        eg_tally_add(&out->tally, EG_CAUSE_record_empty, NULL, INT64_MIN, 1, 0, 0);
    }
    *held = (struct fake_held){0, 0, 0};
}

static inline enum eg_status fake_metered_join(struct eg_extract *extract,
                                               struct eg_extract_unit *u, struct eg_out *out,
                                               struct eg_error *err) {
    (void)err;
    fake_drains += !u;
    for (int shard = 0; !u && shard < EG_SHARDS; shard++) {
        if (!extract->held[shard].count) continue;
        fake_held_give(extract, shard, out);
        return EG_AGAIN;
    }
    for (size_t i = 0; u && i < u->kept_count; i++) {
        int shard = (int)(u->kept[i][1] % EG_SHARDS);
        struct fake_held *held = &extract->held[shard];
        if (!held->count++) held->first_us = u->kept[i][0];
        held->sum += u->kept[i][1];
        if (held->count == 3) fake_held_give(extract, shard, out);
    }
    return EG_OK;
}

static inline enum eg_status fake_metered_finish(struct eg_extract_unit *u, struct eg_out *out,
                                                 struct eg_error *err) {
    eg_free(u->kept);
    return fake_finish(u, out, err);
}

static const struct eg_extract_type fake_metered = {
    .abi = EG_STAGE_ABI,
    .name = "metered",
    .help = "",
    .table = EG_TABLE_FLOWS,
    .also = EG_TABLE_COUNT,
    .position = "metered",
    .holds = true,
    .open = fake_metered_open,
    .begin = fake_begin,
    .feed = fake_metered_feed,
    .join = fake_metered_join,
    .finish = fake_metered_finish,
    .close = fake_extract_close,
};

static const struct eg_extract_type fake_exports = {
    .abi = EG_STAGE_ABI,
    .name = "exports",
    .help = "",
    .position = "flows",
    .table = EG_TABLE_FLOWS,
    .also = EG_TABLE_COUNT,
    .open = fake_exports_open,
    .begin = fake_begin,
    .feed = fake_feed,
    .join = fake_join,
    .finish = fake_finish,
    .close = fake_extract_close,
};
static const struct eg_extract_type fake_packets = {
    .abi = EG_STAGE_ABI,
    .name = "packets",
    .help = "",
    .position = "packets",
    .table = EG_TABLE_PACKETS,
    .also = EG_TABLE_COUNT,
    .open = fake_packets_open,
    .begin = fake_begin,
    .feed = fake_feed,
    .join = fake_join,
    .finish = fake_finish,
    .close = fake_extract_close,
};

/* ---- rows as a sorted list ---- */

struct fake_row {
    int table;
    int64_t time_us, number, before;
};
struct fake_rows {
    struct fake_row *rows;
    size_t count, room;
};

static inline void fake_add(struct fake_rows *to, struct fake_row row) {
    if (to->count == to->room) {
        to->room = to->room ? to->room * 2 : 256;
        to->rows = realloc(to->rows, to->room * sizeof *to->rows);
        if (!to->rows) abort();
    }
    to->rows[to->count++] = row;
}

static inline int64_t fake_value(const struct eg_batch *b, uint32_t col, uint32_t row) {
    return eg_batch_valid(b, col, row) ? eg_col_int(&b->columns[col], row) : -1;
}

static inline void fake_add_batch(struct fake_rows *to, const struct eg_batch *b) {
    bool flows = b->table_id == EG_TABLE_FLOWS;
    for (uint32_t i = 0; i < b->rows; i++)
        fake_add(to,
                 (struct fake_row){
                     (int)b->table_id,
                     fake_value(b, flows ? EG_COL(FLOWS, start_time) : EG_COL(PACKETS, time), i),
                     fake_value(b, flows ? EG_COL(FLOWS, bytes) : EG_COL(PACKETS, length), i),
                     fake_value(b, flows ? EG_COL(FLOWS, domain) : EG_COL(PACKETS, tunnel_id), i)});
}

static inline int fake_compare(const void *a, const void *b) {
    const struct fake_row *x = a, *y = b;
    if (x->table != y->table) return x->table < y->table ? -1 : 1;
    if (x->time_us != y->time_us) return x->time_us < y->time_us ? -1 : 1;
    if (x->number != y->number) return x->number < y->number ? -1 : 1;
    return x->before < y->before ? -1 : x->before > y->before;
}
static inline void fake_sort(struct fake_rows *rows) {
    if (rows->count) qsort(rows->rows, rows->count, sizeof *rows->rows, fake_compare);
}

/* What `records` records of an input give: the model. */
static inline void fake_expect(struct fake_rows *to, unsigned long records, bool exports,
                               bool packets, bool claim, bool drained) {
    for (int table = 0; table < 2; table++) {
        if (!(table == 0 ? exports : packets)) continue;
        int64_t special = -1, rows = 0;
        for (unsigned long i = 0; i < records; i++) {
            int64_t number = (int64_t)fake_number(i);
            bool export = number % 5 == 0;
            if (table == 0 ? !export : export && claim) continue;
            rows++;
            fake_add(to, (struct fake_row){table, (int64_t)i * 1000, number,
                                           number % 7 == 0 ? special : -1});
            if (number % 7 == 0) special = number;
        }
        if (drained) fake_add(to, (struct fake_row){table, INT64_C(1) << 40, rows, -1});
    }
}

/* The same of the extract that holds rows back; it is taken up at record `from`. */
static inline void fake_expect_held(struct fake_rows *to, unsigned long from, unsigned long records,
                                    bool claim) {
    struct fake_row held[EG_SHARDS] = {{0}};
    for (unsigned long i = from; i < records; i++) {
        int64_t number = (int64_t)fake_number(i);
        struct fake_row *row = &held[number % EG_SHARDS];
        if (claim && number % 5 == 0) continue;
        if (!row->before++) row->time_us = (int64_t)i * 1000;
        row->number += number;
        if (row->before < 3) continue;
        fake_add(to, *row);
        *row = (struct fake_row){0};
    }
    for (int shard = 0; shard < EG_SHARDS; shard++)
        if (held[shard].before) fake_add(to, held[shard]);
}

static inline void fake_rows_reset(struct fake_rows *rows) {
    free(rows->rows);
    *rows = (struct fake_rows){0};
}

/* Both sorted, row by row; `expected` is freed. */
static inline void fake_rows_are(struct fake_rows *got, struct fake_rows *expected) {
    fake_sort(got);
    fake_sort(expected);
    for (size_t i = 0; i < got->count && i < expected->count; i++)
        if (fake_compare(&got->rows[i], &expected->rows[i]) != 0)
            fail_msg("row %zu: table %d time %ld number %ld before %ld, not %d %ld %ld %ld", i,
                     got->rows[i].table, got->rows[i].time_us, got->rows[i].number,
                     got->rows[i].before, expected->rows[i].table, expected->rows[i].time_us,
                     expected->rows[i].number, expected->rows[i].before);
    assert_int_equal(got->count, expected->count);
    fake_rows_reset(expected);
}

/* ---- running ---- */

static inline struct eg_scan_request fake_request(const char *const *inputs, size_t count) {
    return (struct eg_scan_request){
        .source = &fake_source,
        .inputs = inputs,
        .input_count = count,
        .parts = {{.extract = &fake_exports, .columns = EG_COLUMNS_ALL},
                  {.extract = &fake_packets, .columns = EG_COLUMNS_ALL}},
        .part_count = 2,
        .claim = true,
    };
}

static inline struct eg_env fake_env(uint32_t batch_rows) {
    struct eg_env env = eg_env_plain;
    env.batch_rows = batch_rows;
    return env;
}

static inline void fake_all_closed(void) {
    assert_int_equal(fake_open_sources, 0);
    assert_int_equal(fake_open_extracts, 0);
    assert_int_equal(fake_open_units, 0);
}

#endif
