/* SPDX-License-Identifier: Apache-2.0
 * For the tests of exports: makes NetFlow v5 datagrams, frames and fragments of them, raw batches;
 * runs them through the extract cut into units; renders what came out so that it can be compared. */
#ifndef EG_TEST_EXPORTS_MAKE_H
#define EG_TEST_EXPORTS_MAKE_H

#include "base/alloc.h"
#include "base/strbuf.h"
#include "table/stage.h"
#include "wire/dissect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define BASE_SECONDS 1700000000u
#define BASE_US (BASE_SECONDS * INT64_C(1000000))

/* Memory of the test itself, which never fails (torture.h fails only the plain allocators). */
static inline void *zeroed(size_t count, size_t size) {
    void *memory = reallocarray(NULL, count + 1, size);
    memset(memory, 0, (count + 1) * size);
    return memory;
}

/* ---- bytes ---- */

struct bytes {
    uint8_t at[2048];
    uint32_t size;
};

static inline void put_be(struct bytes *b, uint64_t value, int width) {
    for (int i = width - 1; i >= 0; i--) b->at[b->size++] = (uint8_t)(value >> (8 * i));
}

struct v5 {
    uint32_t count, claimed, uptime, seconds, nanoseconds, sequence;
    uint16_t engine, sampling;
};

/* Records that differ, so that rows can be told apart: bytes is `mark` + its place. */
static inline struct bytes make_v5(struct v5 h, uint32_t mark) {
    struct bytes b = {.size = 0};
    put_be(&b, 5, 2), put_be(&b, h.claimed ? h.claimed : h.count, 2), put_be(&b, h.uptime, 4);
    put_be(&b, h.seconds, 4), put_be(&b, h.nanoseconds, 4), put_be(&b, h.sequence, 4);
    put_be(&b, h.engine, 2), put_be(&b, h.sampling, 2);
    for (uint32_t i = 0; i < h.count; i++) {
        put_be(&b, 0x0a000001 + i, 4), put_be(&b, 0xc0a80001 + mark % 7, 4);
        put_be(&b, i % 3 ? 0x0a0000fe : 0, 4), put_be(&b, 3, 2), put_be(&b, 4, 2);
        put_be(&b, 1 + i, 4), put_be(&b, mark + i, 4);
        put_be(&b, h.uptime - 5000, 4), put_be(&b, h.uptime - 1000, 4);
        put_be(&b, 1024 + i, 2), put_be(&b, i % 5 == 4 ? 0x0800 : 443, 2);
        put_be(&b, 0x1b, 2), put_be(&b, i % 5 == 4 ? 1 : i % 2 ? 17 : 6, 1), put_be(&b, 0x20, 1);
        put_be(&b, 64512, 2), put_be(&b, 64513, 2), put_be(&b, 24, 1), put_be(&b, 16, 1);
        put_be(&b, 0, 2);
    }
    return b;
}

/* A piece [offset, offset + size) of the IPv4 payload "UDP header + payload", as a RAW frame. */
static inline struct bytes make_piece(uint32_t src, uint16_t sport, uint16_t dport, uint16_t id,
                                      const struct bytes *payload, uint32_t offset, uint32_t size) {
    struct bytes udp = {.size = 0};
    put_be(&udp, sport, 2), put_be(&udp, dport, 2), put_be(&udp, payload->size + 8, 2);
    put_be(&udp, 0, 2);
    memcpy(udp.at + 8, payload->at, payload->size);
    udp.size += payload->size;
    if (size > udp.size - offset) size = udp.size - offset;
    struct bytes b = {.size = 0};
    put_be(&b, 0x4500, 2), put_be(&b, 20 + size, 2), put_be(&b, id, 2);
    put_be(&b, offset / 8 | (offset + size < udp.size ? 0x2000 : 0), 2);
    put_be(&b, 64, 1), put_be(&b, 17, 1), put_be(&b, 0, 2);
    put_be(&b, src, 4), put_be(&b, 0xc6336401, 4);
    memcpy(b.at + 20, udp.at + offset, size);
    b.size += size;
    return b;
}
static inline struct bytes make_frame(uint32_t src, uint16_t sport, uint16_t dport,
                                      const struct bytes *payload) {
    return make_piece(src, sport, dport, 1, payload, 0, UINT32_MAX);
}

/* As it came to this port from 1.2.3.4. */
static inline struct eg_datagram datagram_to(const struct bytes *b, uint16_t port) {
    return (struct eg_datagram){.payload = eg_span(b->at, b->size),
                                .length = b->size,
                                .time_us = BASE_US + 7,
                                .exporter = {{[10] = 0xff, [11] = 0xff, 1, 2, 3, 4}},
                                .exporter_port = 4000,
                                .local_port = port,
                                .transport = 17};
}

/* ---- frames in a row ---- */

struct frame {
    struct bytes bytes;
    uint32_t wire; /* 0: all of it was captured */
    int64_t time_us;
};
struct frames {
    struct frame *at;
    uint32_t count, room;
};
static inline void frames_add(struct frames *f, const struct bytes *bytes, int64_t time_us) {
    if (f->count == f->room) {
        f->room = f->room ? f->room * 2 : 64;
        f->at = reallocarray(f->at, f->room, sizeof *f->at);
    }
    f->at[f->count++] = (struct frame){*bytes, 0, time_us};
}

static inline struct eg_batch *make_raw(const struct frame *frames, uint32_t count) {
    struct eg_builder *b;
    if (eg_builder_new(&b, eg_table_get(EG_TABLE_RAW), EG_TABLE_RAW, count, EG_COLUMNS_ALL, NULL) <
        0)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        eg_put_int(b, EG_COL(RAW, time_ns), frames[i].time_us * 1000);
        eg_put_int(b, EG_COL(RAW, link_type), EG_LINK_RAW);
        eg_put_int(b, EG_COL(RAW, length), frames[i].wire ? frames[i].wire : frames[i].bytes.size);
        eg_put_view(b, EG_COL(RAW, payload), eg_span(frames[i].bytes.at, frames[i].bytes.size));
        eg_builder_row(b, 1);
    }
    struct eg_batch *batch = NULL;
    if (eg_builder_seal(b, &batch, NULL) != EG_OK) batch = NULL;
    eg_builder_free(b);
    return batch;
}

/* ---- what came out ---- */

struct result {
    char **rows; /* one text a row, sorted */
    uint32_t row_count, room;
    struct eg_tally tally;
    uint64_t datagrams, claimed;
    uint32_t surveys; /* how often the input was read once more, in two rounds */
    bool failed;
};

static inline void result_text(struct result *r, char *text) {
    if (r->row_count == r->room) {
        r->room = r->room ? r->room * 2 : 64;
        r->rows = reallocarray(r->rows, r->room, sizeof *r->rows);
    }
    r->rows[r->row_count++] = text;
}

static inline char *row_text(const struct eg_batch *batch, uint32_t row) {
    char text[4096] = "";
    size_t n = 0;
    for (uint32_t c = 0; c < batch->table->count; c++) {
        const struct eg_column *col = &batch->columns[c];
        if (!eg_batch_valid(batch, c, row)) continue;
        n += (size_t)snprintf(text + n, sizeof text - n, "%s=", batch->table->columns[c].name);
        if (col->type == EG_TYPE_ADDR) {
            for (int i = 0; i < 16; i++)
                n += (size_t)snprintf(text + n, sizeof text - n, "%02x",
                                      eg_col_addr(col)[row].bytes[i]);
        } else if (col->type == EG_TYPE_TEXT || col->type == EG_TYPE_NAME) {
            struct eg_span s = eg_col_text(col, row);
            n += (size_t)snprintf(text + n, sizeof text - n, "%.*s", (int)s.size,
                                  (const char *)s.at);
        } else {
            n += (size_t)snprintf(text + n, sizeof text - n, "%lld",
                                  (long long)eg_col_int(col, row));
        }
        n += (size_t)snprintf(text + n, sizeof text - n, " ");
    }
    return strdup(text);
}

static inline int text_order(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void result_reset(struct result *r) {
    for (uint32_t i = 0; i < r->row_count; i++) free(r->rows[i]);
    free(r->rows);
    eg_tally_reset(&r->tally);
    *r = (struct result){0};
}

/* Takes the rows of `out`, then forgets it. */
static inline void result_take(struct result *r, struct eg_out *out) {
    if (out->rows) eg_out_seal(out);
    for (uint32_t i = 0; i < out->ready_count; i++) {
        for (uint32_t row = 0; row < out->ready[i]->rows; row++)
            result_text(r, row_text(out->ready[i], row));
        eg_batch_unref(out->ready[i]);
    }
    eg_free(out->ready);
    eg_tally_merge(&r->tally, &out->tally);
    eg_tally_reset(&out->tally);
    r->datagrams += out->datagrams;
    r->failed |= out->failed;
    eg_builder_free(out->rows);
    *out = (struct eg_out){0};
}

static inline bool out_new(struct eg_out *out, uint32_t capacity, eg_column_set wanted) {
    *out = (struct eg_out){0};
    return eg_builder_new(&out->rows, eg_table_get(EG_TABLE_FLOWS), EG_TABLE_FLOWS, capacity,
                          wanted, NULL) == EG_OK;
}

/* The tally as sorted lines. */
static inline char *tally_text(const struct eg_tally *tally) {
    char **lines = zeroed(tally->count, sizeof *lines);
    size_t size = 1;
    for (uint32_t i = 0; i < tally->count; i++) {
        const struct eg_tally_entry *e = &tally->entries[i];
        char line[400];
        uint32_t address = (uint32_t)e->exporter.bytes[12] << 24 |
                           (uint32_t)e->exporter.bytes[13] << 16 |
                           (uint32_t)e->exporter.bytes[14] << 8 | e->exporter.bytes[15];
        snprintf(line, sizeof line, "%s %s %x %lld %lld..%lld %lld %lld %lld\n",
                 eg_cause_info(e->cause)->name, e->source, address, (long long)e->domain,
                 (long long)e->start_us, (long long)e->end_us, (long long)e->records,
                 (long long)e->packets, (long long)e->bytes);
        lines[i] = strdup(line);
        size += strlen(line);
    }
    qsort(lines, tally->count, sizeof *lines, text_order);
    char *text = zeroed(1, size);
    for (uint32_t i = 0; i < tally->count; i++) {
        strcat(text, lines[i]);
        free(lines[i]);
    }
    free(lines);
    return text;
}

struct run_how {
    const uint32_t *cuts; /* unit i is frames [cuts[i], cuts[i+1]) */
    uint32_t units;
    uint32_t capacity, batch; /* rows of an output and of a raw batch */
    uint16_t port;            /* known to carry exports; 0: none */
    bool backwards;           /* units are fed and finished last first, as parallel workers may */
    struct eg_book *book;     /* NULL: the extract's own */
    bool twice;               /* the frames can be read again */
};

extern const struct eg_extract_type eg_extract_exports;

/* The frames once more, in one batch a unit. */
struct frames_again {
    const struct frames *frames;
    const struct run_how *how;
    uint32_t reads;
};
static inline enum eg_status
frames_read(void *of, enum eg_status (*take)(void *to, struct eg_batch *, struct eg_error *),
            void *to, struct eg_error *err) {
    struct frames_again *again = of;
    enum eg_status status = EG_OK;
    again->reads++;
    for (uint32_t u = 0; u < again->how->units && status >= 0; u++) {
        uint32_t from = again->how->cuts[u], n = again->how->cuts[u + 1] - from;
        struct eg_batch *raw = n ? make_raw(&again->frames->at[from], n) : NULL;
        if (n && !raw) return eg_fail(err, EG_E_NOMEM, "no memory");
        if (n) status = take(to, raw, err);
        eg_batch_unref(raw);
        if (status >= 0) status = take(to, NULL, err);
    }
    return status;
}

/* Runs all frames through the extract. An error ends it early (only in tests of memory). */
static inline enum eg_status run_frames(const struct frames *frames, struct run_how how,
                                        struct result *r) {
    struct eg_env env = eg_env_plain;
    struct frames_again frames_again = {frames, &how, 0};
    struct eg_again again = {frames_read, &frames_again};
    struct eg_extract_options options = {.columns = EG_COLUMNS_ALL,
                                         .netflow_ports = &how.port,
                                         .netflow_port_count = how.port ? 1 : 0,
                                         .book = how.book,
                                         .again = how.twice ? &again : NULL};
    *r = (struct result){0};
    struct eg_extract *x = NULL;
    enum eg_status status = eg_extract_exports.open(&env, &options, &x, NULL);
    if (status < 0) return status;
    struct eg_extract_unit **units = zeroed(how.units, sizeof *units);
    for (uint32_t k = 0; k < how.units; k++) {
        uint32_t u = how.backwards ? how.units - 1 - k : k;
        struct eg_out out = {0};
        if ((status = eg_extract_exports.begin(x, u, &units[u], NULL)) < 0) break;
        if (!out_new(&out, how.capacity, EG_COLUMNS_ALL)) status = EG_E_NOMEM;
        for (uint32_t i = how.cuts[u]; status >= 0 && i < how.cuts[u + 1];) {
            uint32_t n = how.cuts[u + 1] - i < how.batch ? how.cuts[u + 1] - i : how.batch;
            struct eg_batch *raw = make_raw(&frames->at[i], n);
            uint64_t *claimed = zeroed(n / 64 + 1, 8);
            if (!raw)
                status = EG_E_NOMEM;
            else
                status = eg_extract_exports.feed(units[u], raw, claimed, &out, NULL);
            for (uint32_t w = 0; w <= n / 64; w++)
                r->claimed += (uint64_t)__builtin_popcountll(claimed[w]);
            free(claimed);
            eg_batch_unref(raw);
            i += n;
        }
        if (out.rows) result_take(r, &out);
    }
    struct eg_out out = {0};
    bool joins = out_new(&out, how.capacity, EG_COLUMNS_ALL);
    if (!joins) { /* a builder of a larger memory is needed to free the units */
        out_new(&out, how.capacity, EG_COLUMNS_ALL);
        status = EG_E_NOMEM;
    }
    for (uint32_t u = 0; u < how.units; u++) {
        if (!units[u]) continue;
        (void)eg_extract_exports.join(x, units[u], &out, NULL);
        if (!how.backwards) (void)eg_extract_exports.finish(units[u], &out, NULL);
    }
    for (uint32_t u = how.units; how.backwards && u-- > 0;)
        if (units[u]) (void)eg_extract_exports.finish(units[u], &out, NULL);
    (void)eg_extract_exports.join(x, NULL, &out, NULL);
    if (out.rows) result_take(r, &out);
    eg_extract_exports.close(x);
    free(units);
    r->surveys = frames_again.reads / 2;
    if (r->rows) qsort(r->rows, r->row_count, sizeof *r->rows, text_order);
    return status;
}

static inline struct run_how whole(const struct frames *frames, uint32_t cuts[2], uint16_t port) {
    cuts[0] = 0;
    cuts[1] = frames->count;
    return (struct run_how){
        .cuts = cuts, .units = 1, .capacity = EG_BATCH_ROWS, .batch = EG_BATCH_ROWS, .port = port};
}

static inline int64_t records_of(const struct result *r, enum eg_cause cause) {
    return eg_tally_sum(&r->tally, cause).records;
}
static inline int64_t packets_of(const struct result *r, enum eg_cause cause) {
    return eg_tally_sum(&r->tally, cause).packets;
}
#endif
