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

struct scene {
    struct spool_case c;
    struct eg_intake *intake;
    struct eg_spooler *spooler;
    struct eg_filler filler;
    uint64_t next; /* number of a datagram */
    int64_t give_up_us;
};

/* A spooler on the case's spool. */
static void scene_begin(struct scene *s, uint64_t intake_bytes, int64_t sync_interval_us,
                        uint64_t sync_bytes) {
    struct eg_spooler_options options = {.sync_interval_us = sync_interval_us,
                                         .sync_bytes = sync_bytes,
                                         .give_up_us = s->give_up_us};
    assert_int_equal(eg_intake_new(&s->intake, intake_bytes, NULL), EG_OK);
    assert_int_equal(
        eg_spooler_start(&s->spooler, &s->c.env, s->intake, s->c.spool, &options, NULL), EG_OK);
    eg_filler_init(&s->filler, s->intake);
    s->next = 0;
}

/* Nothing more comes; what is there is stored, if it can be. */
static void scene_finish(struct scene *s, int64_t wait_us) {
    eg_filler_finish(&s->filler, wait_us);
    eg_intake_close(s->intake);
    eg_spooler_free(s->spooler);
}

static void scene_end(struct scene *s) {
    eg_intake_free(s->intake);
    case_end(&s->c);
}

/* Puts `count` numbered datagrams; answers how many found room. */
static uint64_t put(struct scene *s, uint32_t count, size_t size) {
    static uint8_t bytes[2000];
    uint64_t fitted = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t number = s->next++;
        memcpy(bytes, &number, 8);
        struct eg_received r = {.transport = 17, .payload = eg_span(bytes, size)};
        fitted += eg_filler_put(&s->filler, &r);
        if (i % 100 == 0) eg_filler_rest(&s->filler);
    }
    return fitted;
}

static void everything_is_stored_and_synced(void **state) {
    (void)state;
    struct scene s = {.give_up_us = 0};
    case_begin(&s.c);
    scene_begin(&s, 64 << 20, 50000, 1 << 30);
    assert_int_equal(put(&s, 5000, 1464), 5000);
    struct eg_spool_state spool = {0};
    for (int i = 0; i < 100 && (spool.sequence < 5000 || spool.synced < spool.written); i++) {
        pause_ms(20);
        eg_filler_rest(&s.filler);
        eg_spool_state(s.c.spool, &spool);
    }
    assert_int_equal(spool.sequence, 5000);
    assert_int_equal(spool.synced, spool.written); /* by the interval alone */
    scene_finish(&s, 0);
    assert_int_equal(case_read_from(&s.c, 0).count, 5000);
    scene_end(&s);
}

static void a_sync_comes_when_asked_for_and_by_bytes(void **state) {
    (void)state;
    struct scene s = {.give_up_us = 0};
    case_begin(&s.c);
    scene_begin(&s, 64 << 20, 3600000000, 1 << 20);
    assert_int_equal(put(&s, 100, 1464), 100);
    pause_ms(30);
    eg_filler_rest(&s.filler);
    pause_ms(200);
    struct eg_spool_state spool;
    eg_spool_state(s.c.spool, &spool);
    assert_int_equal(spool.sequence, 100);
    assert_int_equal(spool.syncs, 0);
    assert_true(eg_spooler_sync(s.spooler, 5000000));
    eg_spool_state(s.c.spool, &spool);
    assert_int_equal(spool.syncs, 1);
    assert_int_equal(spool.synced, spool.written);
    put(&s, 1400, 1464); /* 2 MiB */
    for (int i = 0; i < 100 && spool.syncs < 2; i++) {
        pause_ms(20);
        eg_spool_state(s.c.spool, &spool);
    }
    assert_true(spool.syncs >= 2);
    assert_false(eg_spooler_over(s.spooler));
    eg_filler_finish(&s.filler, 0);
    eg_intake_close(s.intake);
    for (int i = 0; i < 100 && !eg_spooler_over(s.spooler); i++) pause_ms(20);
    assert_true(eg_spooler_over(s.spooler));
    assert_true(eg_spooler_sync(s.spooler, 1000)); /* all there ever will be is synced */
    eg_spooler_free(s.spooler);
    eg_spooler_free(NULL);
    scene_end(&s);
}

/* Who asks while the last sync is under way would wait for one that never comes. */
static void asked_at_the_end_it_answers(void **state) {
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct scene s = {.give_up_us = 0};
        struct eg_spool_state spool;
        case_begin(&s.c);
        scene_begin(&s, 64 << 20, 3600000000, 1 << 30);
        put(&s, 500, 1464);
        eg_filler_finish(&s.filler, 0);
        eg_intake_close(s.intake);
        do eg_spool_state(s.c.spool, &spool);
        while (spool.sequence < 500 && !eg_spooler_over(s.spooler));
        int64_t began_us = eg_tick_us();
        assert_true(eg_spooler_sync(s.spooler, 20000000));
        assert_in_range(eg_tick_us() - began_us, 0, 15000000);
        eg_spooler_free(s.spooler);
        scene_end(&s);
    }
}

static void without_room_it_keeps_then_drops_then_goes_on(void **state) {
    (void)state;
    struct scene s = {.give_up_us = 0};
    struct log log = {0};
    case_begin(&s.c);
    s.c.env.log = log_count;
    s.c.env.log_to = &log;
    s.c.options.bytes_max = 4 * EG_SPOOL_SEGMENT_LEAST; /* 2 MiB */
    case_again(&s.c);
    scene_begin(&s, 1 << 20, 50000, 1 << 30);
    uint64_t fitted = 0;
    for (int i = 0; i < 100 && !eg_spooler_stuck(s.spooler); i++) {
        fitted += put(&s, 50, 1464);
        pause_ms(5);
    }
    assert_true(eg_spooler_stuck(s.spooler));
    fitted += put(&s, 3000, 1464);
    struct eg_intake_counts counts;
    eg_intake_counts(s.intake, &counts);
    assert_true(counts.spool_dropped > 0);
    assert_int_equal(counts.queue_dropped, 0);
    assert_int_equal(fitted + counts.spool_dropped, s.next);
    /* Reading makes room: what was kept is stored, within 5 s. */
    struct eg_spool_reader *reader;
    struct case_seen seen = {0};
    assert_int_equal(eg_spool_reader_new(&reader, s.c.spool, 0, NULL), EG_OK);
    int64_t began = eg_tick_us();
    while (seen.count < fitted - s.filler.block.count && eg_tick_us() - began < 5000000) {
        case_read(reader, &seen);
        eg_spool_forget(s.c.spool, seen.end);
        pause_ms(10);
    }
    assert_false(eg_spooler_stuck(s.spooler));
    assert_int_equal(put(&s, 50, 1464), 50);
    fitted += 50;
    scene_finish(&s, 1000000);
    case_read(reader, &seen);
    assert_int_equal(seen.count, fitted);
    assert_int_equal(seen.damage.places + seen.damage.datagrams, 0);
    assert_int_equal(atomic_load(&log.warnings), atomic_load(&log.remarks));
    assert_true(atomic_load(&log.warnings) >= 1);
    assert_int_equal(atomic_load(&log.errors), 0);
    eg_spool_reader_free(reader);
    scene_end(&s);
}

/* More than one block waits for a spool that has no room at all: so many of its datagrams are dropped
 * when nothing more comes (`told`: or the run was told to end) as there were, soon, and counted. */
static void ends_without_room(bool told, int64_t give_up_us) {
    struct scene s = {.give_up_us = give_up_us};
    struct log log = {0};
    atomic_bool cancel = false;
    case_begin(&s.c);
    s.c.options.bytes_max = 1;
    s.c.env.cancel = &cancel;
    s.c.env.log = log_count;
    s.c.env.log_to = &log;
    case_again(&s.c);
    scene_begin(&s, 4 << 20, 50000, 1 << 30);
    assert_int_equal(put(&s, 2000, 1464), 2000);
    eg_filler_finish(&s.filler, 1000000);
    pause_ms(600);
    assert_true(eg_spooler_stuck(s.spooler));
    struct eg_intake_counts counts;
    eg_intake_counts(s.intake, &counts);
    assert_int_equal(counts.spool_dropped, 0); /* more might come, and room */
    if (told) atomic_store(&cancel, true);
    int64_t began = eg_tick_us();
    eg_intake_close(s.intake);
    while (!eg_spooler_over(s.spooler) && eg_tick_us() - began < 20000000) pause_ms(10);
    assert_true(eg_tick_us() - began < 20000000);
    assert_true(eg_tick_us() - began >= (told ? 0 : give_up_us));
    eg_spooler_free(s.spooler);
    eg_intake_counts(s.intake, &counts);
    assert_int_equal(counts.spool_dropped, 2000);
    assert_int_equal(counts.spool_dropped_bytes, 2000 * 1464);
    assert_int_equal(atomic_load(&log.warnings), 1);
    scene_end(&s);
}

static void at_the_end_it_does_not_wait_for_ever(void **state) {
    (void)state;
    ends_without_room(false, 700000);
}

static void told_to_end_it_does_not_wait_at_all(void **state) {
    (void)state;
    ends_without_room(true, 3600000000);
}

/* Nothing more comes, and room does, little by little: the wait for it begins anew each time, so nothing is
 * dropped however long all of it takes. */
static void at_the_end_it_waits_for_those_who_make_room(void **state) {
    (void)state;
    struct scene s = {.give_up_us = 3000000};
    case_begin(&s.c);
    s.c.options.bytes_max = 4 * EG_SPOOL_SEGMENT_LEAST; /* 2 MiB */
    case_again(&s.c);
    scene_begin(&s, 16 << 20, 50000, 1 << 30);
    assert_int_equal(put(&s, 6500, 1464), 6500); /* 9 MiB */
    eg_filler_finish(&s.filler, 1000000);
    eg_intake_close(s.intake);
    struct eg_spool_reader *reader;
    struct case_seen seen = {0};
    assert_int_equal(eg_spool_reader_new(&reader, s.c.spool, 0, NULL), EG_OK);
    int64_t began = eg_tick_us();
    while (!eg_spooler_over(s.spooler) && eg_tick_us() - began < 30000000) {
        pause_ms(999);
        case_read(reader, &seen);
        eg_spool_forget(s.c.spool, seen.end);
    }
    case_read(reader, &seen);
    assert_true(eg_tick_us() - began > s.give_up_us);
    struct eg_intake_counts counts;
    eg_intake_counts(s.intake, &counts);
    assert_int_equal(counts.spool_dropped, 0);
    assert_int_equal(seen.count, 6500);
    eg_spool_reader_free(reader);
    eg_spooler_free(s.spooler);
    scene_end(&s);
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
        cmocka_unit_test(asked_at_the_end_it_answers),
        cmocka_unit_test(without_room_it_keeps_then_drops_then_goes_on),
        cmocka_unit_test(at_the_end_it_does_not_wait_for_ever),
        cmocka_unit_test(told_to_end_it_does_not_wait_at_all),
        cmocka_unit_test(at_the_end_it_waits_for_those_who_make_room),
        cmocka_unit_test(lack_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
