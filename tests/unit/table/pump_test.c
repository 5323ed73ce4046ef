/* SPDX-License-Identifier: Apache-2.0
 * The pump: every row once in the sink, whatever stops it; losses, positions, commits, the account. */
#include "table/pump.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "table/scan_fake.h"
#include "torture.h"

static uint64_t seed = 20261122;
static uint32_t random_below(uint32_t n) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 20) % n;
}

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

static enum eg_status remember_write(struct eg_sink *sink, struct eg_batch *batch,
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

static enum eg_status remember_flush(struct eg_sink *sink, const struct eg_position *positions,
                                     size_t count, struct eg_error *err) {
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

static enum eg_status remember_positions(struct eg_sink *sink, struct eg_position **out,
                                         size_t *count, struct eg_error *err) {
    *count = sink->place_count;
    *out = eg_calloc(sink->place_count + 1, sizeof **out);
    if (!*out) return eg_fail(err, EG_E_NOMEM, "no memory");
    memcpy(*out, sink->places, sink->place_count * sizeof **out);
    return EG_OK;
}

/* The contract's other slots are the test's own business. */
static enum eg_status remember_open(const struct eg_env *env, const char *uri, const void *options,
                                    struct eg_sink **out, struct eg_error *err) {
    (void)env;
    (void)uri;
    (void)options;
    (void)out;
    return eg_fail(err, EG_E_USAGE, "not here");
}
static void remember_close(struct eg_sink *sink) { /* also what a kill does */
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

static struct eg_sink_type text_memory(void) {
    struct eg_sink_type type = memory;
    type.takes = EG_TAKES_RECORDS;
    return type;
}

static void sink_reset(struct eg_sink *sink) {
    fake_rows_reset(&sink->rows);
    fake_rows_reset(&sink->written);
    eg_strbuf_reset(&sink->text);
    *sink = (struct eg_sink){.fail_write_after = -1, .fail_flush_after = -1};
}

static struct eg_pump_request request_of(struct eg_pump_sink *sinks, size_t sink_count,
                                         const char *const *inputs, size_t count) {
    return (struct eg_pump_request){
        .scan = {.source = &fake_source,
                 .inputs = inputs,
                 .input_count = count,
                 .parts = {{.extract = &fake_exports, .columns = EG_COLUMNS_ALL},
                           {.extract = &fake_packets, .columns = EG_COLUMNS_ALL}},
                 .part_count = 2,
                 .claim = true,
                 .keep_going = true},
        .sinks = sinks,
        .sink_count = sink_count,
        .threads = 2,
    };
}

static struct eg_env env_of(uint32_t batch_rows) {
    struct eg_env env = eg_env_plain;
    env.batch_rows = batch_rows;
    return env;
}

static void all_closed(void) {
    assert_int_equal(fake_open_sources, 0);
    assert_int_equal(fake_open_extracts, 0);
    assert_int_equal(fake_open_units, 0);
}

static void rows_are(struct fake_rows *got, struct fake_rows *expected) {
    fake_sort(got);
    fake_sort(expected);
    assert_int_equal(got->count, expected->count);
    if (got->count) /* an empty list may have no memory at all */
        for (size_t i = 0; i < got->count; i++)
            assert_int_equal(fake_compare(&got->rows[i], &expected->rows[i]), 0);
    fake_rows_reset(expected);
}

static const char *const three[] = {"a:1000:70:c", "b:333:5:s", "c:901:900:"};
static const unsigned long three_records[] = {1000, 333, 901};

static void three_expected(struct fake_rows *expected) {
    for (int i = 0; i < 3; i++) fake_expect(expected, three_records[i], true, true, true, true);
}

/* ---- all goes well ---- */

static void rows_and_account(void **state) {
    (void)state;
    for (uint32_t threads = 1; threads <= 3; threads++) {
        struct eg_env env = env_of(64);
        struct eg_sink first, second;
        memset(&first, 0, sizeof first);
        memset(&second, 0, sizeof second);
        sink_reset(&first);
        sink_reset(&second);
        struct eg_pump_sink sinks[] = {{&memory, &first, "first", NULL, false},
                                       {&memory, &second, "second", NULL, false}};
        struct eg_pump_request request = request_of(sinks, 2, three, 3);
        request.threads = threads;
        request.round_bytes = 20000;
        struct eg_pump_account account;
        assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
        struct fake_rows expected = {0};
        three_expected(&expected);
        size_t total = expected.count;
        rows_are(&first.rows, &expected);
        three_expected(&expected);
        rows_are(&second.rows, &expected);
        assert_in_range(first.flushes, 3,
                        30); /* rounds, and this source wants to hear of each input */
        assert_int_equal(account.kept[EG_TABLE_FLOWS] + account.kept[EG_TABLE_PACKETS], total);
        assert_int_equal(account.kept[EG_TABLE_LOSSES], 1);
        assert_int_equal(account.seen.frames, 1000 + 333 + 901);
        assert_int_equal(account.inputs, 3);
        assert_int_equal(account.inputs_known, 0);
        assert_int_equal(account.inputs_failed, 0);
        assert_int_equal(account.first_us, 0);
        assert_int_equal(account.last_us, INT64_C(1) << 40);
        assert_int_equal(account.trouble_count, 1); /* it is cut */
        assert_int_equal(account.troubles[0].status, EG_E_CUT);
        assert_int_equal(eg_tally_sum(&account.tally, EG_CAUSE_capture_cut).packets, 1);
        assert_int_equal(eg_tally_sum(&account.tally, EG_CAUSE_record_empty).records, 2234);
        /* only losses become rows, not what is merely noted */
        assert_int_equal(first.loss_rows, 1);
        assert_int_equal(first.lost_packets, 1);
        /* it has no time: the one at which it is told of stands beside the file */
        assert_memory_equal(first.extra, "{\"file\":\"a:1000:70:c\",\"ingested\":\"2", 35);
        /* a position per input and table, and the source was told of the last one */
        assert_int_equal(first.place_count, 6);
        for (size_t i = 0; i < 6; i++)
            assert_int_equal(first.places[i].offset, three_records[i / 2] * 10);
        assert_int_equal(fake_committed, 9010);
        eg_pump_account_reset(&account);

        /* again: nothing is new */
        request.threads = 2;
        int writes = first.writes, flushes = first.flushes;
        assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
        assert_int_equal(first.writes, writes);
        assert_int_equal(first.flushes, flushes);
        assert_int_equal(account.inputs_known, 3);
        assert_int_equal(account.trouble_count, 3);
        assert_string_equal(account.troubles[1].message,
                            "b:333:5:s: already ingested, nothing in it is new");
        assert_int_equal(account.kept[EG_TABLE_FLOWS], 0);
        assert_true(account.first_us > account.last_us);
        eg_pump_account_reset(&account);

        /* one has grown */
        const char *const grown[] = {"a:1100:70:", "b:333:5:s"};
        request.scan.inputs = grown;
        request.scan.input_count = 2;
        assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
        assert_int_equal(account.inputs_known, 1);
        /* the row that drain gave at the first end stands; a second one tells of all */
        assert_int_equal(account.kept[EG_TABLE_FLOWS] + account.kept[EG_TABLE_PACKETS], 100 + 2);
        eg_pump_account_reset(&account);
        sink_reset(&first);
        sink_reset(&second);
        all_closed();
    }
}

struct flush_heard {
    const struct eg_sink *sink;
    int count;
    size_t positions;
};
static void flush_hear(void *to, const struct eg_position *positions, size_t count) {
    struct flush_heard *heard = to;
    assert_int_equal(heard->sink->flushes, heard->count++); /* before it */
    heard->positions += count;
    assert_int_equal(positions[count - 1].offset, 9010);
}

/* A source that need not hear of commits: small inputs share a flush. */
static void small_inputs_share(void **state) {
    (void)state;
    struct eg_env env = env_of(64);
    struct eg_source_type quiet = fake_source;
    quiet.commit = eg_source_commit_nop;
    struct eg_sink sink;
    memset(&sink, 0, sizeof sink);
    sink_reset(&sink);
    struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
    struct eg_pump_request request = request_of(sinks, 1, three, 3);
    request.scan.source = &quiet;
    struct flush_heard heard = {.sink = &sink};
    request.flushing = flush_hear;
    request.flushed_to = &heard;
    struct eg_pump_account account;
    assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
    assert_int_equal(sink.flushes, 1);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.positions, 6);
    assert_int_equal(sink.place_count, 6);
    struct fake_rows expected = {0};
    three_expected(&expected);
    rows_are(&sink.rows, &expected);
    eg_pump_account_reset(&account);
    sink_reset(&sink);
}

/* ---- live ---- */

struct ender {
    struct eg_sink *sink;
    atomic_bool drain;
    int flushes; /* before it was told to end */
};

static void *end_it(void *arg) {
    struct ender *ender = arg;
    struct timespec nap = {.tv_nsec = 600 * 1000 * 1000};
    nanosleep(&nap, NULL);
    pthread_mutex_lock(&flush_lock);
    ender->flushes = ender->sink->flushes;
    pthread_mutex_unlock(&flush_lock);
    atomic_store(&ender->drain, true);
    return NULL;
}

static enum eg_status raw_ignore(struct eg_sink *sink, struct eg_batch *batch,
                                 struct eg_error *err) {
    (void)sink;
    (void)batch;
    (void)err;
    return EG_OK;
}

/* A live source is flushed by the clock, leaves no trace while idle, and ends when told to. */
static void live_until_drained(void **state) {
    (void)state;
    const char *const live[] = {"a:1000:70:l"};
    struct eg_sink sink;
    memset(&sink, 0, sizeof sink);
    sink_reset(&sink);
    struct ender ender = {.sink = &sink};
    struct eg_env env = env_of(64);
    env.drain = &ender.drain;
    struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
    struct eg_pump_request request = request_of(sinks, 1, live, 1);
    request.interval_us = 1000;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, end_it, &ender), 0);
    struct eg_pump_account account;
    assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
    pthread_join(thread, NULL);
    assert_in_range(ender.flushes, 1, 3); /* then idle */
    assert_in_range(sink.flushes, ender.flushes, ender.flushes + 1);
    struct fake_rows expected = {0};
    fake_expect(&expected, 1000, true, true, true, true);
    rows_are(&sink.rows, &expected);
    assert_int_equal(sink.places[0].offset, 10000);
    eg_pump_account_reset(&account);
    sink_reset(&sink);
    all_closed();
}

/* A sink of raw rows is flushed while idle too: in it files end by the clock. */
static void idle_raw_sinks_are_flushed(void **state) {
    (void)state;
    struct eg_sink_type raw = memory;
    raw.takes = EG_TAKES_RAW;
    raw.write = raw_ignore;
    const char *const live[] = {"a:10:7:l"};
    struct eg_sink sink, other;
    memset(&sink, 0, sizeof sink);
    memset(&other, 0, sizeof other);
    sink_reset(&sink);
    sink_reset(&other);
    struct ender ender = {.sink = &other};
    struct eg_env env = env_of(64);
    env.drain = &ender.drain;
    struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false},
                                   {&raw, &other, "r", NULL, false}};
    struct eg_pump_request request = request_of(sinks, 2, live, 1);
    request.interval_us = 1000;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, end_it, &ender), 0);
    struct eg_pump_account account;
    assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
    pthread_join(thread, NULL);
    assert_true(other.flushes >= sink.flushes + 1);
    eg_pump_account_reset(&account);
    sink_reset(&sink);
    sink_reset(&other);
    all_closed();
}

/* ---- raw sinks ---- */

static int64_t raw_next; /* the offset that must come */
static enum eg_status raw_write(struct eg_sink *sink, struct eg_batch *batch,
                                struct eg_error *err) {
    (void)sink;
    (void)err;
    assert_int_equal(batch->table_id, EG_TABLE_RAW);
    for (uint32_t i = 0; i < batch->rows; i++, raw_next += 10)
        assert_int_equal(eg_col_i64(&batch->columns[EG_COL(RAW, offset)])[i], raw_next);
    return EG_OK;
}

/* They see all input, in order, and nothing else; of a grown input what is new. */
static void raw_sinks_see_the_input(void **state) {
    (void)state;
    struct eg_sink_type raw = memory;
    raw.takes = EG_TAKES_RAW;
    raw.write = raw_write;
    const char *const inputs[] = {"a:1000:70:", "a:1300:70:", "a:1305:70:s"};
    for (uint32_t threads = 1; threads <= 3; threads++) {
        struct eg_sink sink, none;
        memset(&sink, 0, sizeof sink);
        memset(&none, 0, sizeof none);
        sink_reset(&sink);
        sink_reset(&none);
        struct eg_env env = env_of(64);
        struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false},
                                       {&raw, &none, "r", NULL, false}};
        raw_next = 0;
        for (int i = 0; i < 3; i++) {
            struct eg_pump_request request = request_of(sinks, 2, &inputs[i], 1);
            request.threads = threads;
            request.round_bytes = 5000;
            struct eg_pump_account account;
            assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
            eg_pump_account_reset(&account);
        }
        assert_int_equal(raw_next, 13050);
        sink_reset(&sink);
        sink_reset(&none);
        all_closed();
    }
}

/* ---- and when it does not ---- */

/* Stopped by a sink at a random place, again and again: in the end every row is there once. */
static void stopped_and_resumed(void **state) {
    (void)state;
    for (int round = 0; round < 40; round++) {
        struct eg_env env = env_of(16);
        struct eg_source_type quiet = fake_source;
        quiet.commit = eg_source_commit_nop;
        struct eg_sink sink;
        memset(&sink, 0, sizeof sink);
        sink_reset(&sink);
        struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
        struct eg_pump_request request = request_of(sinks, 1, three, 3);
        if (round % 2) request.scan.source = &quiet;
        request.threads = 1 + random_below(3);
        request.round_bytes = 1000 + random_below(20000);
        uint64_t kept = 0;
        enum eg_status status = EG_E_IO;
        for (int life = 0; status < 0; life++) {
            struct eg_pump_account account;
            struct eg_error err = {0};
            if (random_below(2))
                sink.fail_write_after = (int)random_below(30 + (uint32_t)life);
            else
                sink.fail_flush_after = (int)random_below(4);
            status = eg_pump_run(&env, &request, &account, &err);
            if (status < 0) {
                assert_int_equal(status, EG_E_NOSPACE);
                assert_non_null(strstr(err.message, "memory: full"));
            }
            kept += account.kept[EG_TABLE_FLOWS] + account.kept[EG_TABLE_PACKETS];
            eg_pump_account_reset(&account);
            remember_close(&sink);
            all_closed();
            assert_in_range(life, 0, 1000);
        }
        struct fake_rows expected = {0};
        three_expected(&expected);
        assert_int_equal(kept, expected.count);
        rows_are(&sink.rows, &expected);
        sink_reset(&sink);
    }
}

/* Rows that are held back over the whole input: a run that was stopped anywhere, taken up by any number
 * of threads and units of any size, gives those it had not given yet, and of the others none. So it is
 * also when the input has grown since, whose flows end where it did. */
static void held_rows_stopped_and_resumed(void **state) {
    (void)state;
    static const char *const inputs[][3] = {{"a:1000:70:", "b:333:5:s", "c:901:900:"},
                                            {"a:1000:13:", "b:333:9:s", "c:901:100:"},
                                            {"a:1500:70:", "b:700:5:s", "c:1901:333:"}};
    static const unsigned long records[2][3] = {{1000, 333, 901}, {1500, 700, 1901}};
    for (int round = 0; round < 60; round++) {
        struct eg_env env = env_of(16);
        struct eg_source_type quiet = fake_source;
        quiet.commit = eg_source_commit_nop;
        struct eg_sink sink;
        memset(&sink, 0, sizeof sink);
        sink_reset(&sink);
        struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
        struct fake_rows expected = {0};
        for (int grown = 0; grown < 2; grown++) {
            enum eg_status status = EG_E_IO;
            for (int life = 0; status < 0; life++) {
                struct eg_pump_request request =
                    request_of(sinks, 1, inputs[grown ? 2 : life % 2], 3);
                request.scan.parts[2] =
                    (struct eg_scan_part){.extract = &fake_metered, .columns = EG_COLUMNS_ALL};
                request.scan.part_count = 3;
                request.scan.claim = round % 3 != 0;
                if (round % 2) request.scan.source = &quiet;
                request.threads = 1 + random_below(3);
                request.round_bytes = 1000 + random_below(20000);
                struct eg_pump_account account;
                struct eg_error err = {0};
                if (random_below(2))
                    sink.fail_write_after = (int)random_below(30 + (uint32_t)life);
                else
                    sink.fail_flush_after = (int)random_below(4);
                status = eg_pump_run(&env, &request, &account, &err);
                if (status < 0) assert_int_equal(status, EG_E_NOSPACE);
                eg_pump_account_reset(&account);
                remember_close(&sink);
                all_closed();
                assert_in_range(life, 0, 1000);
            }
            for (int i = 0; i < 3; i++) {
                unsigned long from = grown ? records[0][i] : 0, to = records[grown][i];
                struct fake_rows whole = {0};
                fake_expect(&whole, to, true, true, round % 3 != 0, true);
                for (size_t k = 0; k < whole.count;
                     k++) /* the rows drained at each end are there */
                    if (whole.rows[k].time_us >= (int64_t)from * 1000)
                        fake_add(&expected, whole.rows[k]);
                fake_rows_reset(&whole);
                fake_expect_held(&expected, from, to, round % 3 != 0);
            }
        }
        rows_are(&sink.rows, &expected);
        sink_reset(&sink);
    }
}

/* What the source and the extracts count is told once, however often the input was begun. */
static void held_counts_once(void **state) {
    (void)state;
    const char *const input[] = {"a:1000:70:c"};
    for (int round = 0; round < 30; round++) {
        struct eg_env env = env_of(16);
        struct eg_sink sink;
        memset(&sink, 0, sizeof sink);
        sink_reset(&sink);
        struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
        enum eg_status status = EG_E_IO;
        while (status < 0) {
            struct eg_pump_request request = request_of(sinks, 1, input, 1);
            request.scan.parts[1] =
                (struct eg_scan_part){.extract = &fake_metered, .columns = EG_COLUMNS_ALL};
            request.threads = 1 + random_below(3);
            request.round_bytes = 1000 + random_below(20000);
            struct eg_pump_account account;
            sink.fail_flush_after = (int)random_below(4);
            status = eg_pump_run(&env, &request, &account, NULL);
            eg_pump_account_reset(&account);
            remember_close(&sink);
        }
        assert_int_equal(sink.lost_packets, 1); /* that it is cut */
        sink_reset(&sink);
    }
}

/* A live input that nothing comes of tells those that hold rows back what time it is. */
static int64_t hurried_clock(void *clock) {
    atomic_llong *now = clock;
    return atomic_fetch_add(now, 400000);
}
static void live_ticks(void **state) {
    (void)state;
    const char *const input[] = {"l:100:7:l"};
    atomic_llong now = 1;
    atomic_bool drain = false;
    for (int holds = 0; holds < 2; holds++) {
        struct eg_env env = env_of(16);
        env.now_us = hurried_clock;
        env.clock = &now;
        env.drain = &drain;
        atomic_store(&drain, true);
        fake_ticks = 0;
        struct eg_sink sink;
        memset(&sink, 0, sizeof sink);
        sink_reset(&sink);
        struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
        struct eg_pump_request request = request_of(sinks, 1, input, 1);
        if (holds)
            request.scan.parts[request.scan.part_count++] =
                (struct eg_scan_part){.extract = &fake_metered, .columns = EG_COLUMNS_ALL};
        struct eg_pump_account account;
        assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
        assert_int_equal(fake_ticks > 0, holds);
        assert_int_equal(account.seen.frames, 100);
        struct fake_rows expected = {0};
        fake_expect(&expected, 100, true, true, true, true);
        if (holds) fake_expect_held(&expected, 0, 100, true);
        rows_are(&sink.rows, &expected);
        eg_pump_account_reset(&account);
        sink_reset(&sink);
        all_closed();
    }
}

/* The first sink, whose positions count, is never ahead of the others. */
static void first_sink_is_last(void **state) {
    (void)state;
    struct eg_env env = env_of(16);
    struct eg_sink first, second;
    memset(&first, 0, sizeof first);
    memset(&second, 0, sizeof second);
    sink_reset(&first);
    sink_reset(&second);
    second.fail_flush_after = 2;
    struct eg_pump_sink sinks[] = {{&memory, &first, "first", NULL, false},
                                   {&memory, &second, "second", NULL, false}};
    struct eg_pump_request request = request_of(sinks, 2, three, 3);
    request.round_bytes = 5000;
    struct eg_pump_account account;
    struct eg_error err;
    assert_int_equal(eg_pump_run(&env, &request, &account, &err), EG_E_NOSPACE);
    assert_string_equal(err.message, "memory: full at the barrier");
    assert_int_equal(first.flushes, 2);
    assert_int_equal(second.flushes, 2);
    assert_int_equal(account.kept[EG_TABLE_FLOWS] + account.kept[EG_TABLE_PACKETS],
                     first.rows.count);
    eg_pump_account_reset(&account);
    sink_reset(&first);
    sink_reset(&second);
    all_closed();
}

static void tried_again(void **state) {
    (void)state;
    for (int busy = 3; busy <= 5; busy += 2) {
        struct eg_env env = env_of(64);
        struct eg_sink sink;
        memset(&sink, 0, sizeof sink);
        sink_reset(&sink);
        sink.retriable = busy;
        const char *const input[] = {"a:10:10:"};
        struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
        struct eg_pump_request request = request_of(sinks, 1, input, 1);
        struct eg_pump_account account;
        struct eg_error err = {0};
        enum eg_status status = eg_pump_run(&env, &request, &account, &err);
        if (busy == 3) {
            struct fake_rows expected = {0};
            fake_expect(&expected, 10, true, true, true, true);
            assert_int_equal(status, EG_OK);
            rows_are(&sink.rows, &expected);
        } else {
            assert_int_equal(status, EG_E_IO);
            assert_string_equal(err.message, "memory: busy");
            assert_int_equal(sink.rows.count, 0);
        }
        eg_pump_account_reset(&account);
        sink_reset(&sink);
    }
}

static void inputs_that_fail(void **state) {
    (void)state;
    const char *const inputs[] = {"gone:1:1:o", "a:10:10:", "b:100:10:sf"};
    struct eg_env env = env_of(64);
    struct eg_sink sink;
    memset(&sink, 0, sizeof sink);
    sink_reset(&sink);
    struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
    struct eg_pump_request request = request_of(sinks, 1, inputs, 3);
    struct eg_pump_account account;
    assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
    assert_int_equal(account.inputs_failed, 2);
    assert_int_equal(account.trouble_count, 2);
    struct fake_rows expected = {0};
    fake_expect(&expected, 10, true, true, true, true);
    fake_expect(&expected, 40, true, true, true, true);
    rows_are(&sink.rows, &expected);
    for (size_t i = 0; i < sink.place_count; i++)
        assert_int_equal(sink.places[i].offset, i < 2 ? 100 : 400);
    eg_pump_account_reset(&account);
    sink_reset(&sink);

    request = request_of(sinks, 1, inputs, 1);
    request.scan.keep_going = false;
    assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_E_NOENT);
    assert_int_equal(sink.writes + sink.flushes, 0);
    eg_pump_account_reset(&account);
    all_closed();
}

/* Rows behind a failed read were already with the sink: nothing of the step is kept, and the next
 * run has every row once. */
static void failure_behind_what_was_given(void **state) {
    (void)state;
    const char *const inputs[] = {"a:10:10:", "b:100:10:b"}, *const again[] = {"a:10:10:",
                                                                               "b:100:10:"};
    struct eg_env env = env_of(4);
    struct eg_sink sink;
    memset(&sink, 0, sizeof sink);
    sink_reset(&sink);
    struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
    struct eg_pump_request request = request_of(sinks, 1, inputs, 2);
    struct eg_pump_account account;
    struct eg_error err;
    assert_int_equal(eg_pump_run(&env, &request, &account, &err), EG_E_IO);
    assert_non_null(strstr(err.message, "run the same command again"));
    remember_close(&sink);
    eg_pump_account_reset(&account);
    request = request_of(sinks, 1, again, 2);
    assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
    struct fake_rows expected = {0};
    fake_expect(&expected, 10, true, true, true, true);
    fake_expect(&expected, 100, true, true, true, true);
    rows_are(&sink.rows, &expected);
    eg_pump_account_reset(&account);
    sink_reset(&sink);
    all_closed();
}

static void cancel_it(void *to, const struct eg_scan_progress *seen) {
    if (seen->frames > 1000) atomic_store((atomic_bool *)to, true);
}

static void cancelled(void **state) {
    (void)state;
    const char *const inputs[] = {"a:200000000:400000:"};
    atomic_bool cancel = false;
    struct eg_env env = env_of(64);
    env.cancel = &cancel;
    struct eg_sink sink;
    memset(&sink, 0, sizeof sink);
    sink_reset(&sink);
    struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
    struct eg_pump_request request = request_of(sinks, 1, inputs, 1);
    request.round_bytes = 1 << 20;
    request.progress = cancel_it;
    request.progress_to = &cancel;
    struct eg_pump_account account;
    assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_E_CANCELLED);
    assert_int_equal(account.kept[EG_TABLE_FLOWS] + account.kept[EG_TABLE_PACKETS],
                     sink.rows.count);
    assert_true(account.seen.frames > 1000);
    eg_pump_account_reset(&account);
    sink_reset(&sink);
    all_closed();
}

/* A table's position is of that table only: where tables are known to different places each one
 * gets what it lacks, and no row a second time. */
static void positions_are_of_tables(void **state) {
    (void)state;
    for (uint32_t threads = 1; threads <= 3; threads++) {
        struct eg_env env = env_of(16);
        struct eg_sink sink;
        memset(&sink, 0, sizeof sink);
        sink_reset(&sink);
        const char *const inputs[] = {"a:1000:70:", "b:333:5:s", "c:901:900:", "d:500:40:"};
        const struct eg_position places[] = {{.key = "b", .offset = 3330, .table = "packets"},
                                             {.key = "a", .offset = 10000, .table = "flows"},
                                             {.key = "c", .offset = 9010, .table = "packets"},
                                             {.key = "c", .offset = 9010, .table = "flows"},
                                             {.key = "d", .offset = 2000, .table = "flows"},
                                             {.key = "d", .offset = 3000, .table = "packets"}};
        memcpy(sink.places, places, sizeof places);
        sink.place_count = 6;
        struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
        struct eg_pump_request request = request_of(sinks, 1, inputs, 4);
        request.threads = threads;
        struct eg_pump_account account;
        assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
        assert_int_equal(account.inputs_known, 1);
        assert_int_equal(account.inputs, 4);
        assert_int_equal(account.seen.frames, 1000 + 333 + 300 + 200); /* what is new */
        struct fake_rows expected = {0}, all = {0};
        fake_expect(&expected, 1000, false, true, true, true);
        fake_expect(&expected, 333, true, false, true, true);
        fake_expect(&all, 500, true, true, true, true);
        for (size_t i = 0; i < all.count; i++)
            if (all.rows[i].time_us >= (all.rows[i].table == EG_TABLE_FLOWS ? 200000 : 300000))
                fake_add(&expected, all.rows[i]);
        fake_rows_reset(&all);
        rows_are(&sink.rows, &expected);
        assert_int_equal(sink.place_count, 8);
        for (size_t i = 0; i < 8; i++)
            assert_int_equal(sink.places[i].offset, sink.places[i].key[0] == 'a'   ? 10000
                                                    : sink.places[i].key[0] == 'b' ? 3330
                                                    : sink.places[i].key[0] == 'c' ? 9010
                                                                                   : 5000);
        eg_pump_account_reset(&account);

        assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK); /* and all is known */
        assert_int_equal(account.inputs_known, 4);
        assert_int_equal(account.seen.frames, 0);
        eg_pump_account_reset(&account);
        sink_reset(&sink);
        all_closed();
    }
}

/* ---- records ---- */

static char *document(const char *format, uint32_t batch_rows, const char *const *inputs,
                      size_t input_count, uint32_t part_count, bool bare) {
    struct eg_env env = env_of(batch_rows);
    struct eg_sink_type type = text_memory();
    struct eg_sink sink;
    memset(&sink, 0, sizeof sink);
    sink_reset(&sink);
    struct eg_pump_sink sinks[] = {{&type, &sink, "text", format, bare}};
    struct eg_pump_request request = request_of(sinks, 1, inputs, input_count);
    request.scan.parts[0].columns = EG_SET(FLOWS, start_time) | EG_SET(FLOWS, bytes);
    request.scan.parts[1].columns = EG_SET(PACKETS, length);
    request.scan.part_count = part_count;
    request.threads = 1;
    struct eg_pump_account account;
    struct eg_error err = {0};
    enum eg_status status = eg_pump_run(&env, &request, &account, &err);
    if (status < 0) print_message("%s\n", err.message);
    assert_int_equal(status, EG_OK);
    assert_int_equal(sink.loss_rows, 0);
    char *text = strdup(sink.text.text ? sink.text.text : "");
    eg_pump_account_reset(&account);
    sink_reset(&sink);
    return text;
}

static void documents(void **state) {
    (void)state;
    const char *const two[] = {"a:40:7:c", "b:20:5:s"};
    const char *const none[] = {"empty:0:10:"};
    const char *const formats[] = {"csv", "tsv", "json", "jsonl"};
    for (int f = 0; f < 4; f++) {
        char *whole = document(formats[f], 4096, two, 2, 1, false);
        char *sevens = document(formats[f], 7, two, 2, 1, false);
        /* rows may stand in another order, so lengths are compared, and the ends */
        assert_int_equal(strlen(whole), strlen(sevens));
        assert_int_equal(memcmp(whole, sevens, 8), 0);
        size_t size = strlen(whole);
        assert_string_equal(whole + size - 2, sevens + size - 2);
        free(whole);
        free(sevens);
    }
    char *text = document("json", 1, none, 1, 1, false);
    assert_string_equal(text,
                        "[\n{\"start_time\":\"1970-01-13T17:25:11.627776Z\",\"bytes\":0}\n]\n");
    free(text);
    text = document("csv", 4096, none, 1, 1, false);
    assert_string_equal(text, "start_time,bytes\n1970-01-13T17:25:11.627776Z,0\n");
    free(text);
    text = document("csv", 4096, none, 1, 1, true);
    assert_string_equal(text, "1970-01-13T17:25:11.627776Z,0\n");
    free(text);
    text = document("jsonl", 4096, none, 1, 2, false); /* the one format that mixes tables */
    assert_non_null(strstr(text, "{\"length\":0}\n"));
    free(text);
}

static void formats_refused(void **state) {
    (void)state;
    struct eg_env env = env_of(64);
    struct eg_sink_type type = text_memory();
    struct eg_sink sink;
    memset(&sink, 0, sizeof sink);
    sink_reset(&sink);
    struct eg_pump_sink sinks[] = {{&type, &sink, "-", "csv", false}};
    struct eg_pump_request request = request_of(sinks, 1, three, 3);
    struct eg_pump_account account;
    struct eg_error err;
    assert_int_equal(eg_pump_run(&env, &request, &account, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "csv holds one table"));
    eg_pump_account_reset(&account);
    sinks[0].format = "yaml";
    assert_int_equal(eg_pump_run(&env, &request, &account, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "yaml"));
    assert_int_equal(sink.writes + sink.flushes, 0);
    eg_pump_account_reset(&account);
}

/* ---- memory ---- */

static void torture(void **state) {
    (void)state;
    const char *const inputs[] = {"a:60:20:c", "b:20:5:s", "gone:1:1:o"};
    bool more = true;
    for (long n = 0; more; n++) {
        struct eg_env env = env_of(8);
        struct eg_sink_type type = text_memory();
        struct eg_sink sink, text;
        memset(&sink, 0, sizeof sink);
        memset(&text, 0, sizeof text);
        sink_reset(&sink);
        sink_reset(&text);
        struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false},
                                       {&type, &text, "t", "jsonl", false}};
        struct eg_pump_request request = request_of(sinks, 2, inputs, 3);
        request.threads = 1;
        struct eg_pump_account account;
        fake_add(&sink.rows, (struct fake_row){0}); /* the test's own lists are not to fail */
        sink.rows.count = 0;
        fake_add(&sink.written, (struct fake_row){0});
        sink.written.count = 0;
        eg_strbuf_reserve(&text.text, 1 << 16);
        torture_fail_after(n);
        enum eg_status status = eg_pump_run(&env, &request, &account, NULL);
        more = torture_off();
        if (status < 0)
            assert_int_equal(status, EG_E_NOMEM);
        else if (sink.rows.count != 84)
            assert_true(eg_tally_sum(&account.tally, EG_CAUSE_no_memory).records +
                            eg_tally_sum(&account.tally, EG_CAUSE_no_memory).packets +
                            account.tally.lost >
                        0);
        eg_pump_account_reset(&account);
        sink_reset(&sink);
        sink_reset(&text);
        all_closed();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_account),
        cmocka_unit_test(small_inputs_share),
        cmocka_unit_test(idle_raw_sinks_are_flushed),
        cmocka_unit_test(live_until_drained),
        cmocka_unit_test(raw_sinks_see_the_input),
        cmocka_unit_test(stopped_and_resumed),
        cmocka_unit_test(held_rows_stopped_and_resumed),
        cmocka_unit_test(held_counts_once),
        cmocka_unit_test(live_ticks),
        cmocka_unit_test(first_sink_is_last),
        cmocka_unit_test(tried_again),
        cmocka_unit_test(inputs_that_fail),
        cmocka_unit_test(failure_behind_what_was_given),
        cmocka_unit_test(cancelled),
        cmocka_unit_test(positions_are_of_tables),
        cmocka_unit_test(documents),
        cmocka_unit_test(formats_refused),
        cmocka_unit_test(torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
