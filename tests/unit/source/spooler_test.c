/* SPDX-License-Identifier: Apache-2.0
 * From the intake to the spool: everything arrives, syncs come when they should, and a spool without
 * room keeps, drops, counts, and goes on. */
#include "source/spooler.h"

#include "spool_case.h"

#include "torture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <time.h>

struct log {
    atomic_int warnings, remarks, errors;
};
static void log_count(void *to, int level, const char *message) {
    (void)message;
    struct log *log = to;
    atomic_fetch_add(level == 4 ? &log->warnings : level == 6 ? &log->remarks : &log->errors, 1);
}

static void pause_ms(long ms) {
    struct timespec nap = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&nap, NULL);
}

/* Puts `count` numbered datagrams; answers how many found room. */
static uint64_t put(struct eg_filler *filler, uint64_t *next, uint32_t count, size_t size) {
    static uint8_t bytes[2000];
    uint64_t fitted = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t number = (*next)++;
        memcpy(bytes, &number, 8);
        struct eg_received r = {.transport = 17, .payload = eg_span(bytes, size)};
        fitted += eg_filler_put(filler, &r);
        if (i % 100 == 0) eg_filler_rest(filler);
    }
    return fitted;
}

static void everything_is_stored_and_synced(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    struct eg_intake *intake;
    struct eg_spooler *spooler;
    struct eg_spooler_options options = {.sync_interval_us = 50000, .sync_bytes = 1 << 30};
    assert_int_equal(eg_intake_new(&intake, 64 << 20, NULL), EG_OK);
    assert_int_equal(eg_spooler_start(&spooler, &c.env, intake, c.spool, &options, NULL), EG_OK);
    struct eg_filler filler;
    eg_filler_init(&filler, intake);
    uint64_t next = 0;
    assert_int_equal(put(&filler, &next, 5000, 1464), 5000);
    struct eg_spool_state s = {0};
    for (int i = 0; i < 100 && (s.sequence < 5000 || s.synced < s.written); i++) {
        pause_ms(20);
        eg_filler_rest(&filler);
        eg_spool_state(c.spool, &s);
    }
    assert_int_equal(s.sequence, 5000);
    assert_int_equal(s.synced, s.written); /* by the interval alone */
    eg_filler_finish(&filler, 0);
    eg_intake_close(intake);
    eg_spooler_free(spooler);
    assert_int_equal(case_read_from(&c, 0).count, 5000);
    eg_intake_free(intake);
    case_end(&c);
}

static void a_sync_comes_when_asked_for_and_by_bytes(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    struct eg_intake *intake;
    struct eg_spooler *spooler;
    struct eg_spooler_options options = {.sync_interval_us = 3600000000, .sync_bytes = 1 << 20};
    assert_int_equal(eg_intake_new(&intake, 64 << 20, NULL), EG_OK);
    assert_int_equal(eg_spooler_start(&spooler, &c.env, intake, c.spool, &options, NULL), EG_OK);
    struct eg_filler filler;
    eg_filler_init(&filler, intake);
    uint64_t next = 0;
    assert_int_equal(put(&filler, &next, 100, 1464), 100);
    pause_ms(30);
    eg_filler_rest(&filler);
    pause_ms(200);
    struct eg_spool_state s;
    eg_spool_state(c.spool, &s);
    assert_int_equal(s.sequence, 100);
    assert_int_equal(s.syncs, 0);
    assert_true(eg_spooler_sync(spooler, 5000000));
    eg_spool_state(c.spool, &s);
    assert_int_equal(s.syncs, 1);
    assert_int_equal(s.synced, s.written);
    put(&filler, &next, 1400, 1464); /* 2 MiB */
    for (int i = 0; i < 100 && s.syncs < 2; i++) {
        pause_ms(20);
        eg_spool_state(c.spool, &s);
    }
    assert_true(s.syncs >= 2);
    assert_false(eg_spooler_over(spooler));
    eg_filler_finish(&filler, 0);
    eg_intake_close(intake);
    for (int i = 0; i < 100 && !eg_spooler_over(spooler); i++) pause_ms(20);
    assert_true(eg_spooler_over(spooler));
    assert_true(eg_spooler_sync(spooler, 1000)); /* all there ever will be is synced */
    eg_spooler_free(spooler);
    eg_spooler_free(NULL);
    eg_intake_free(intake);
    case_end(&c);
}

static void without_room_it_keeps_then_drops_then_goes_on(void **state) {
    (void)state;
    struct spool_case c;
    struct log log = {0};
    case_begin(&c);
    c.env.log = log_count;
    c.env.log_to = &log;
    c.options.bytes_max = 4 * EG_SPOOL_SEGMENT_LEAST; /* 2 MiB */
    case_again(&c);
    struct eg_intake *intake;
    struct eg_spooler *spooler;
    struct eg_spooler_options options = {.sync_interval_us = 50000, .sync_bytes = 1 << 30};
    assert_int_equal(eg_intake_new(&intake, 1 << 20, NULL), EG_OK);
    assert_int_equal(eg_spooler_start(&spooler, &c.env, intake, c.spool, &options, NULL), EG_OK);
    struct eg_filler filler;
    eg_filler_init(&filler, intake);
    uint64_t next = 0, fitted = 0;
    for (int i = 0; i < 100 && !eg_spooler_stuck(spooler); i++) {
        fitted += put(&filler, &next, 50, 1464);
        pause_ms(5);
    }
    assert_true(eg_spooler_stuck(spooler));
    fitted += put(&filler, &next, 3000, 1464);
    struct eg_intake_counts counts;
    eg_intake_counts(intake, &counts);
    assert_true(counts.spool_dropped > 0);
    assert_int_equal(counts.queue_dropped, 0);
    assert_int_equal(fitted + counts.spool_dropped, next);
    /* Reading makes room: what was kept is stored, within 5 s. */
    struct eg_spool_reader *reader;
    struct case_seen seen = {0};
    assert_int_equal(eg_spool_reader_new(&reader, c.spool, 0, NULL), EG_OK);
    int64_t began = eg_tick_us();
    while (seen.count < fitted - filler.block.count && eg_tick_us() - began < 5000000) {
        case_read(reader, &seen);
        eg_spool_forget(c.spool, seen.end);
        pause_ms(10);
    }
    assert_false(eg_spooler_stuck(spooler));
    assert_int_equal(put(&filler, &next, 50, 1464), 50);
    fitted += 50;
    eg_filler_finish(&filler, 1000000);
    eg_intake_close(intake);
    eg_spooler_free(spooler);
    case_read(reader, &seen);
    assert_int_equal(seen.count, fitted);
    assert_int_equal(seen.damage.places + seen.damage.datagrams, 0);
    assert_int_equal(atomic_load(&log.warnings), atomic_load(&log.remarks));
    assert_true(atomic_load(&log.warnings) >= 1);
    assert_int_equal(atomic_load(&log.errors), 0);
    eg_spool_reader_free(reader);
    eg_intake_free(intake);
    case_end(&c);
}

static void at_the_end_it_does_not_wait_for_ever(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    c.options.bytes_max = 1;
    case_again(&c);
    struct eg_intake *intake;
    struct eg_spooler *spooler;
    struct eg_spooler_options options = {.sync_interval_us = 50000, .sync_bytes = 1 << 30};
    assert_int_equal(eg_intake_new(&intake, 1 << 20, NULL), EG_OK);
    assert_int_equal(eg_spooler_start(&spooler, &c.env, intake, c.spool, &options, NULL), EG_OK);
    struct eg_filler filler;
    eg_filler_init(&filler, intake);
    uint64_t next = 0;
    assert_int_equal(put(&filler, &next, 10, 1464), 10);
    eg_filler_finish(&filler, 0);
    eg_intake_close(intake);
    int64_t began = eg_tick_us();
    eg_spooler_free(spooler);
    assert_true(eg_tick_us() - began < 10000000);
    struct eg_intake_counts counts;
    eg_intake_counts(intake, &counts);
    assert_int_equal(counts.spool_dropped, 10);
    eg_intake_free(intake);
    case_end(&c);
}

static void lack_of_memory_is_told(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    struct eg_spooler *spooler;
    struct eg_spooler_options options = {.sync_interval_us = 1, .sync_bytes = 1};
    torture_fail_after(0);
    assert_int_equal(eg_spooler_start(&spooler, &c.env, NULL, c.spool, &options, NULL), EG_E_NOMEM);
    assert_true(torture_off());
    case_end(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_stored_and_synced),
        cmocka_unit_test(a_sync_comes_when_asked_for_and_by_bytes),
        cmocka_unit_test(without_room_it_keeps_then_drops_then_goes_on),
        cmocka_unit_test(at_the_end_it_does_not_wait_for_ever),
        cmocka_unit_test(lack_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
