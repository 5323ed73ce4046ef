/* SPDX-License-Identifier: Apache-2.0
 * The pump with live inputs: flushed by the clock, without a trace while idle, told the time, ended when told. */
#include "table/pump_scene.h"

#include <time.h>

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

/* Pumps a live source, each millisecond flushed, until the ender says so. */
static void pump_until_ended(struct eg_pump_sink *sinks, size_t count, const char *const *live,
                             struct ender *ender) {
    struct eg_env env = fake_env(64);
    env.drain = &ender->drain;
    struct eg_pump_request request = request_of(sinks, count, live, 1);
    request.interval_us = 1000;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, end_it, ender), 0);
    struct eg_pump_account account;
    assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
    pthread_join(thread, NULL);
    eg_pump_account_reset(&account);
}

/* A live source is flushed by the clock, leaves no trace while idle, and ends when told to. */
static void live_until_drained(void **state) {
    (void)state;
    const char *const live[] = {"a:1000:70:l"};
    struct eg_sink sink = sink_new();
    struct ender ender = {.sink = &sink};
    struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
    pump_until_ended(sinks, 1, live, &ender);
    assert_in_range(ender.flushes, 1, 3); /* then idle */
    assert_in_range(sink.flushes, ender.flushes, ender.flushes + 1);
    struct fake_rows expected = {0};
    fake_expect(&expected, 1000, true, true, true, true);
    fake_rows_are(&sink.rows, &expected);
    assert_int_equal(sink.places[0].offset, 10000);
    sink_reset(&sink);
    fake_all_closed();
}

/* A sink of raw rows is flushed while idle too: in it files end by the clock. */
static void idle_raw_sinks_are_flushed(void **state) {
    (void)state;
    struct eg_sink_type raw = memory;
    raw.takes = EG_TAKES_RAW;
    raw.write = raw_ignore;
    const char *const live[] = {"a:10:7:l"};
    struct eg_sink sink = sink_new(), other = sink_new();
    struct ender ender = {.sink = &other};
    struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false},
                                   {&raw, &other, "r", NULL, false}};
    pump_until_ended(sinks, 2, live, &ender);
    assert_true(other.flushes >= sink.flushes + 1);
    sink_reset(&sink);
    sink_reset(&other);
    fake_all_closed();
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
        struct eg_env env = fake_env(16);
        env.now_us = hurried_clock;
        env.clock = &now;
        env.drain = &drain;
        atomic_store(&drain, true);
        fake_ticks = 0;
        struct eg_sink sink = sink_new();
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
        fake_rows_are(&sink.rows, &expected);
        eg_pump_account_reset(&account);
        sink_reset(&sink);
        fake_all_closed();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_until_drained),
        cmocka_unit_test(idle_raw_sinks_are_flushed),
        cmocka_unit_test(live_ticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
