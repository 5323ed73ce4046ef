/* SPDX-License-Identifier: Apache-2.0
 * Reads a capture through the `file` source and writes down everything it says, as text that two
 * readings can be compared by. */
#ifndef EG_READ_SOURCE_H
#define EG_READ_SOURCE_H

#include "base/alloc.h"
#include "base/hash.h"
#include "base/strbuf.h"
#include "table/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct eg_source_type eg_source_file;

struct reading {
    enum eg_status open; /* what open() answered */
    enum eg_status last; /* EG_END, or the trouble of a unit */
    struct eg_error error;
    struct eg_plan plan;
    char warning[2048];
    struct eg_strbuf rows;                       /* a line a row, in the order of the units */
    struct eg_strbuf account;                    /* a line a cause */
    uint64_t row_count, batch_count, known_rows; /* known: in units before resume_offset */
    size_t rows_max;                             /* of a batch */
    struct eg_position position;
};

static inline void reading_reset(struct reading *r) {
    eg_strbuf_reset(&r->rows);
    eg_strbuf_reset(&r->account);
}

static inline void reading_rows(struct reading *r, const struct eg_batch *batch) {
    const struct eg_column *c = batch->columns;
    uint64_t resume = r->plan.resume_offset;
    bool known = (uint64_t)eg_col_int(&c[EG_COL(RAW, offset)], 0) < resume;
    for (uint32_t i = 0; i < batch->rows; i++) {
        struct eg_span payload = eg_col_view(&c[EG_COL(RAW, payload)])[i];
        int64_t offset = eg_col_int(&c[EG_COL(RAW, offset)], i);
        /* no batch holds rows from both sides of the offset where reading is taken up again */
        if (((uint64_t)offset < resume) != known) abort();
        if (known) r->known_rows++;
        eg_strbuf_printf(&r->rows, "%lld ", (long long)offset);
        if (eg_batch_valid(batch, EG_COL(RAW, time_ns), i))
            eg_strbuf_i64(&r->rows, eg_col_int(&c[EG_COL(RAW, time_ns)], i));
        else
            eg_strbuf_char(&r->rows, '-');
        struct eg_span name = {0};
        if (eg_batch_valid(batch, EG_COL(RAW, interface), i))
            name = eg_col_text(&c[EG_COL(RAW, interface)], i);
        eg_strbuf_printf(&r->rows, " %lld %lld %zu %016llx %.*s\n",
                         (long long)eg_col_int(&c[EG_COL(RAW, link_type)], i),
                         (long long)eg_col_int(&c[EG_COL(RAW, length)], i), payload.size,
                         (unsigned long long)eg_hash64(payload.at, payload.size, 0), (int)name.size,
                         name.size ? (const char *)name.at : "");
    }
    r->row_count += batch->rows;
    r->batch_count++;
    if (batch->rows > r->rows_max) r->rows_max = batch->rows;
}

/* Reads units in the order `order` gives (NULL: theirs); rows come out in the order of the units. */
static inline void reading_run(struct reading *r, struct eg_source *source, const uint64_t *order,
                               struct eg_tally *tally) {
    bool stream = r->plan.units == EG_UNITS_STREAM;
    uint64_t units = stream ? 1 : r->plan.units;
    struct eg_strbuf *parts = calloc(units, sizeof *parts);
    for (uint64_t k = 0; k < units; k++) {
        uint64_t unit = order ? order[k] : k;
        enum eg_status status;
        struct eg_batch *batch;
        r->rows = parts[unit];
        while ((status = eg_source_file.next(source, unit, &batch, tally, &r->error)) == EG_OK) {
            reading_rows(r, batch);
            eg_batch_unref(batch);
        }
        parts[unit] = r->rows;
        if (status < 0) r->last = status;
        struct eg_error again;
        if (eg_source_file.next(source, unit, &batch, tally, &again) != EG_END) abort();
    }
    r->rows = (struct eg_strbuf){0};
    for (uint64_t k = 0; k < units; k++) {
        if (parts[k].size) eg_strbuf_add(&r->rows, parts[k].text, parts[k].size);
        eg_strbuf_reset(&parts[k]);
    }
    free(parts);
}

static inline void reading_account(struct reading *r, const struct eg_tally *tally) {
    for (int cause = 0; cause < EG_CAUSE_COUNT; cause++) {
        struct eg_tally_entry sum = eg_tally_sum(tally, (enum eg_cause)cause);
        if (sum.records)
            eg_strbuf_printf(&r->account, "%s %lld %lld %lld\n",
                             eg_cause_info((enum eg_cause)cause)->name, (long long)sum.records,
                             (long long)sum.packets, (long long)sum.bytes);
    }
}

struct reading_how {
    uint64_t unit_bytes;
    uint32_t batch_rows;
    const uint64_t *order;
    const struct eg_position *known;
    size_t known_count;
};

static inline struct reading reading_of(const char *uri, struct reading_how how) {
    struct reading r = {.last = EG_END};
    struct eg_env env = eg_env_plain;
    env.positions = true;
    if (how.unit_bytes) env.unit_bytes = how.unit_bytes;
    if (how.batch_rows) env.batch_rows = how.batch_rows;
    struct eg_source *source;
    r.open = eg_source_file.open(&env, uri, NULL, &source, &r.error);
    if (r.open < 0) return r;
    r.open = eg_source_file.plan(source, how.known, how.known_count, &r.plan, &r.error);
    if (r.open == EG_OK) {
        if (r.plan.warning) snprintf(r.warning, sizeof r.warning, "%s", r.plan.warning);
        struct eg_tally tally = {0};
        reading_run(&r, source, how.order, &tally);
        reading_account(&r, &tally);
        eg_tally_reset(&tally);
        uint64_t last = r.plan.units == EG_UNITS_STREAM ? 0 : r.plan.units - 1;
        if (eg_source_file.position(source, last, &r.position, &r.error) != EG_OK) abort();
    }
    eg_source_file.close(source);
    return r;
}

static inline const char *reading_text(const struct eg_strbuf *text) {
    return text->text ? text->text : "";
}

static inline void file_write(const char *path, const void *bytes, size_t size) {
    unlink(path); /* else a file that is cut to nothing and closed goes to the disk, each time */
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) abort();
}

#endif
