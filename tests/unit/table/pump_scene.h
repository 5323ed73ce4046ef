/* SPDX-License-Identifier: Apache-2.0
 * What tests of the pump share: a sink that remembers as a disk would, requests, and what must come of them. */
#ifndef EG_TEST_PUMP_SCENE_H
#define EG_TEST_PUMP_SCENE_H

#include "table/pump.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "table/scan_fake.h"
#include "numbers.h"

static uint64_t seed = 20261122;
static inline uint32_t random_below(uint32_t n) { return xorshift_below(&seed, n); }

/* ---- a sink that remembers, as a disk would ---- */

#define PLACES 64

struct eg_sink {
    /* durable */
    struct fake_rows rows;
    struct eg_position places[PLACES]; /* one a key and table */
    size_t place_count;
    /* written, not flushed */
    struct fake_rows written;
    int64_t lost_packets, lost_flushed, loss_rows;
    char extra[64];
    struct eg_strbuf text;
    /* what is to go wrong */
    int fail_write_after, fail_flush_after, retriable; /* < 0: never */
    int writes, flushes;
    atomic_int inside;
};

static inline enum eg_status remember_write(struct eg_sink *sink, struct eg_batch *batch,
                                            struct eg_error *err) {
    assert_int_equal(atomic_fetch_add(&sink->inside, 1), 0); /* never two at once */
    enum eg_status status = EG_OK;
    sink->writes++;
    if (sink->retriable > 0) {
        sink->retriable--;
        status = eg_fail(err, EG_E_IO, "memory: busy");
        err->retriable = true;
    } else if (sink->fail_write_after >= 0 && sink->fail_write_after-- == 0) {
        status = eg_fail(err, EG_E_NOSPACE, "memory: full");
    } else if (batch->table_id == EG_TABLE_LOSSES) {
        for (uint32_t i = 0; i < batch->rows; i++) {
            sink->loss_rows++;
            sink->lost_packets += fake_value(batch, EG_COL(LOSSES, packets), i);
            struct eg_span extra = eg_col_text(&batch->columns[EG_COL(LOSSES, extra)], i);
            snprintf(sink->extra, sizeof sink->extra, "%.*s", (int)extra.size,
                     (const char *)extra.at);
        }
    } else if (batch->table_id == EG_TABLE_COUNT) {
        for (uint32_t i = 0; i < batch->rows; i++) {
            struct eg_span record = eg_col_text(&batch->columns[0], i);
            eg_strbuf_add(&sink->text, record.at, record.size);
        }
    } else {
        fake_add_batch(&sink->written, batch);
    }
    atomic_fetch_sub(&sink->inside, 1);
    return status;
}

static pthread_mutex_t flush_lock = PTHREAD_MUTEX_INITIALIZER; /* of `flushes`, for who looks on */

static inline enum eg_status remember_flush(struct eg_sink *sink,
                                            const struct eg_position *positions, size_t count,
                                            struct eg_error *err) {
    if (sink->fail_flush_after >= 0 && sink->fail_flush_after-- == 0)
        return eg_fail(err, EG_E_NOSPACE, "memory: full at the barrier");
    pthread_mutex_lock(&flush_lock);
    sink->flushes++;
    pthread_mutex_unlock(&flush_lock);
    for (size_t i = 0; i < sink->written.count; i++) fake_add(&sink->rows, sink->written.rows[i]);
    sink->written.count = 0;
    sink->lost_flushed = sink->lost_packets;
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < sink->place_count && (strcmp(sink->places[at].key, positions[i].key) != 0 ||
                                          strcmp(sink->places[at].table, positions[i].table) != 0))
            at++;
        if (at == sink->place_count)
            sink->place_count++;
        else
            assert_true(positions[i].offset >= sink->places[at].offset);
        assert_in_range(at, 0, PLACES - 1);
        sink->places[at] = positions[i];
    }
    return EG_OK;
}

static inline enum eg_status remember_positions(struct eg_sink *sink, struct eg_position **out,
                                                size_t *count, struct eg_error *err) {
    *count = sink->place_count;
    *out = eg_calloc(sink->place_count + 1, sizeof **out);
    if (!*out) return eg_fail(err, EG_E_NOMEM, "no memory");
    memcpy(*out, sink->places, sink->place_count * sizeof **out);
    return EG_OK;
}

/* The contract's other slots are the test's own business. */
static inline enum eg_status remember_open(const struct eg_env *env, const char *uri,
                                           const void *options, struct eg_sink **out,
                                           struct eg_error *err) {
    (void)env;
    (void)uri;
    (void)options;
    (void)out;
    return eg_fail(err, EG_E_USAGE, "not here");
}
static inline void remember_close(struct eg_sink *sink) { /* also what a kill does */
    sink->written.count = 0;
    sink->lost_packets = sink->lost_flushed;
    sink->fail_write_after = sink->fail_flush_after = -1;
}

static const struct eg_sink_type memory = {
    .abi = EG_STAGE_ABI,
    .name = "memory",
    .help = "",
    .options = fake_options,
    .options_size = 1,
    .takes = EG_TAKES_BATCH,
    .open = remember_open,
    .write = remember_write,
    .flush = remember_flush,
    .positions = remember_positions,
    .losses = eg_sink_losses_none,
    .close = remember_close,
};

static inline struct eg_sink_type text_memory(void) {
    struct eg_sink_type type = memory;
    type.takes = EG_TAKES_RECORDS;
    return type;
}

static inline struct eg_sink sink_new(void) {
    return (struct eg_sink){.fail_write_after = -1, .fail_flush_after = -1};
}

static inline void sink_reset(struct eg_sink *sink) {
    fake_rows_reset(&sink->rows);
    fake_rows_reset(&sink->written);
    eg_strbuf_reset(&sink->text);
    *sink = sink_new();
}

static inline struct eg_pump_request request_of(struct eg_pump_sink *sinks, size_t sink_count,
                                                const char *const *inputs, size_t count) {
    struct eg_pump_request request = {
        .scan = fake_request(inputs, count),
        .sinks = sinks,
        .sink_count = sink_count,
        .threads = 2,
    };
    request.scan.keep_going = true;
    return request;
}

/* One of a row of runs, stopped by the sink at a random place or not at all; `life` counts them. Answers as
 * the run, and adds what it kept. */
static inline enum eg_status stopped_run(const struct eg_env *env,
                                         const struct eg_pump_request *request, int life,
                                         uint64_t *kept) {
    struct eg_sink *sink = request->sinks[0].sink;
    struct eg_pump_account account;
    struct eg_error err = {0};
    if (random_below(2))
        sink->fail_write_after = (int)random_below(30 + (uint32_t)life);
    else
        sink->fail_flush_after = (int)random_below(4);
    enum eg_status status = eg_pump_run(env, request, &account, &err);
    if (status < 0) {
        assert_int_equal(status, EG_E_NOSPACE);
        assert_non_null(strstr(err.message, "memory: full"));
    }
    *kept += account.kept[EG_TABLE_FLOWS] + account.kept[EG_TABLE_PACKETS];
    eg_pump_account_reset(&account);
    remember_close(sink);
    fake_all_closed();
    assert_in_range(life, 0, 1000);
    return status;
}

static const char *const three[] = {"a:1000:70:c", "b:333:5:s", "c:901:900:"};
static const unsigned long three_records[] = {1000, 333, 901};

static inline void three_expected(struct fake_rows *expected) {
    for (int i = 0; i < 3; i++) fake_expect(expected, three_records[i], true, true, true, true);
}

#endif
