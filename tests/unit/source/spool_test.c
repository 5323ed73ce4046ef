/* SPDX-License-Identifier: Apache-2.0
 * Writing the spool: what is appended is there after reopening, numbers never come back, limits hold
 * and room comes back, what is kept elsewhere is given up. */
#include "source/spool_own.h"

#include "spool_case.h"

#include "torture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

static void what_is_appended_is_read_now_and_later(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    struct eg_spool_state s;
    eg_spool_state(c.spool, &s);
    assert_int_equal(s.bytes, 0);
    for (int i = 0; i < 50; i++) assert_int_equal(case_append(&c, 100, 1464, NULL), EG_OK);
    eg_spool_state(c.spool, &s);
    assert_int_equal(s.sequence, 5000);
    assert_true(s.segments > 10);
    assert_true(s.synced < s.written);
    assert_int_equal(eg_spool_sync(c.spool, NULL), EG_OK);
    eg_spool_state(c.spool, &s);
    assert_int_equal(s.synced, s.written);
    uint64_t syncs = s.syncs;
    assert_int_equal(eg_spool_sync(c.spool, NULL), EG_OK);
    eg_spool_state(c.spool, &s);
    assert_int_equal(s.syncs, syncs); /* nothing to do */
    struct case_seen seen = case_read_from(&c, 0);
    assert_int_equal(seen.count, 5000);
    assert_int_equal(seen.end, s.written);
    char key[33];
    memcpy(key, eg_spool_key(c.spool), 33);
    case_again(&c);
    assert_string_equal(eg_spool_key(c.spool), key);
    seen = case_read_from(&c, 0);
    assert_int_equal(seen.count, 5000);
    assert_int_equal(seen.damage.places + seen.damage.bytes + seen.damage.datagrams, 0);
    assert_int_equal(case_append(&c, 1, 8, NULL), EG_OK);
    eg_spool_state(c.spool, &s);
    assert_int_equal(s.sequence, 5001);
    seen = case_read_from(&c, seen.end);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.next, 5001);
    case_end(&c);
}

static void offsets_grow_whatever_the_clock_does(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    int64_t clock = 1800000000000000;
    c.env.now_us = case_clock;
    c.env.clock = &clock;
    uint64_t last = 0;
    for (int i = 0; i < 6; i++) {
        if (i == 3) clock = -1; /* back before everything */
        case_again(&c);
        assert_int_equal(case_append(&c, 1, 8, NULL), EG_OK);
        struct eg_spool_state s;
        eg_spool_state(c.spool, &s);
        assert_true(s.written > last);
        last = s.written;
    }
    /* Even where all segments are gone, a clock that goes on keeps numbers from coming back. */
    clock = 1900000000000000;
    char path[400];
    while (case_segment(&c, 0, path), path[0]) unlink(path);
    case_again(&c);
    assert_int_equal(case_append(&c, 1, 8, NULL), EG_OK);
    struct eg_spool_state s;
    eg_spool_state(c.spool, &s);
    assert_true(s.written > last);
    case_end(&c);
}

static void what_is_kept_elsewhere_is_given_up(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    for (int i = 0; i < 20; i++) assert_int_equal(case_append(&c, 100, 1464, NULL), EG_OK);
    int before = case_segments(&c);
    struct case_seen seen = case_read_from(&c, 0);
    char first[400];
    case_segment(&c, 0, first);
    eg_spool_forget(c.spool, 1);
    assert_int_equal(case_segments(&c), before);
    struct eg_spool_state s;
    eg_spool_state(c.spool, &s);
    uint64_t bytes = s.bytes;
    eg_spool_forget(c.spool, seen.end - 1); /* all but the one that is written to */
    assert_int_equal(case_segments(&c), 1);
    assert_int_not_equal(access(first, F_OK), 0);
    eg_spool_state(c.spool, &s);
    assert_true(s.bytes < bytes);
    assert_int_equal(s.segments, 1);
    assert_int_equal(case_read_from(&c, seen.end - 1).count, 100);
    eg_spool_forget(c.spool, seen.end);
    assert_int_equal(case_segments(&c), 1); /* it is being written to */
    case_again(&c);                         /* closing empties it; its name stays, for its number */
    assert_int_equal(case_segments(&c), 1);
    eg_spool_state(c.spool, &s);
    assert_int_equal(s.bytes, 0);
    assert_int_equal(case_read_from(&c, 0).count, 0);
    assert_int_equal(case_append(&c, 5, 8, NULL), EG_OK);
    assert_int_equal(case_read_from(&c, 0).count, 5);
    assert_int_equal(case_read_from(&c, seen.end).count, 5);
    case_end(&c);
}

static void one_that_was_not_written_to_is_emptied(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    assert_int_equal(case_append(&c, 100, 1464, NULL), EG_OK);
    case_again(&c);
    struct case_seen seen = case_read_from(&c, 0);
    assert_int_equal(seen.count, 100);
    eg_spool_forget(c.spool, seen.end);
    struct eg_spool_state s;
    eg_spool_state(c.spool, &s);
    assert_int_equal(s.bytes, 0);
    assert_int_equal(case_segments(&c), 1);
    case_end(&c);
}

static void the_limit_holds_and_reading_makes_room(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    c.options.bytes_max = 4 * EG_SPOOL_SEGMENT_LEAST;
    case_again(&c);
    struct eg_error err;
    enum eg_status status;
    while ((status = case_append(&c, 100, 1464, &err)) == EG_OK) assert_true(c.next < 10000);
    assert_int_equal(status, EG_E_NOSPACE);
    assert_true(err.retriable);
    assert_non_null(strstr(err.message, "holds as much as it may"));
    struct eg_spool_state s;
    eg_spool_state(c.spool, &s);
    assert_true(s.bytes <= c.options.bytes_max);
    struct case_seen seen = case_read_from(&c, 0);
    assert_int_equal(seen.count, c.next);
    assert_int_equal(case_append(&c, 100, 1464, NULL), EG_E_NOSPACE);
    eg_spool_forget(c.spool, seen.end);
    for (int i = 0; i < 8; i++) assert_int_equal(case_append(&c, 100, 1464, NULL), EG_OK);
    struct case_seen more = case_read_from(&c, seen.end);
    assert_int_equal(more.count, 800);
    assert_int_equal(more.damage.datagrams, 0);
    assert_int_equal(more.next, c.next);
    case_end(&c);
}

static void a_file_that_may_not_grow_costs_nothing_that_was_there(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    assert_int_equal(case_append(&c, 10, 1464, NULL), EG_OK);
    struct rlimit old, small;
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 30000; /* in the middle of the second block */
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    struct eg_error err;
    enum eg_status status = case_append(&c, 20, 1464, &err);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(status, EG_E_NOSPACE);
    assert_true(err.retriable);
    assert_int_equal(case_append(&c, 20, 1464, NULL), EG_OK);
    struct case_seen seen = case_read_from(&c, 0);
    assert_int_equal(seen.count, 30);
    assert_int_equal(seen.damage.places, 0);
    case_end(&c);
}

static void a_full_disk_is_told_and_space_is_used_when_it_returns(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    eg_spool_close(c.spool);
    c.spool = NULL;
    if (mount("tmpfs", c.directory, "tmpfs", 0, "size=8m") != 0) {
        print_message("skipped: mounting a tmpfs: %s\n", strerror(errno));
        case_end(&c);
        skip();
    }
    char filler[400];
    snprintf(filler, sizeof filler, "%s/filler", c.directory);
    case_open(&c);
    assert_int_equal(case_append(&c, 100, 1464, NULL), EG_OK);
    int fd = open(filler, O_WRONLY | O_CREAT, 0600);
    static uint8_t zeros[65536];
    while (write(fd, zeros, sizeof zeros) > 0) {
    }
    close(fd);
    struct eg_error err;
    enum eg_status full;
    while ((full = case_append(&c, 100, 1464, &err)) == EG_OK) assert_true(c.next < 10000);
    assert_int_equal(full, EG_E_NOSPACE);
    assert_true(err.retriable);
    unlink(filler);
    assert_int_equal(case_append(&c, 100, 1464, NULL), EG_OK);
    struct case_seen seen = case_read_from(&c, 0);
    uint64_t wanted = c.next;
    /* A reserve of a twentieth of the disk is kept, however much is asked for. */
    c.options.reserve_bytes = UINT64_MAX;
    case_again(&c);
    while ((full = case_append(&c, 100, 1464, &err)) == EG_OK) assert_true(c.next < 10000);
    assert_non_null(strstr(err.message, "nearly full"));
    struct eg_spool_state s;
    eg_spool_state(c.spool, &s);
    uint64_t bytes = s.bytes;
    eg_spool_close(c.spool);
    c.spool = NULL;
    umount2(c.directory, MNT_DETACH);
    case_end(&c);
    assert_int_equal(seen.count, wanted);
    assert_int_equal(seen.damage.places, 0);
    assert_true(bytes > 6 << 20 && bytes < 8 << 20);
}

static void a_failed_sync_is_never_taken_for_one(void **state) {
    (void)state;
    struct spool_case c;
    struct eg_spool_state s;
    struct eg_error err;
    int ends[2];
    case_begin(&c);
    assert_int_equal(case_append(&c, 10, 100, NULL), EG_OK);
    assert_int_equal(eg_spool_sync(c.spool, NULL), EG_OK);
    eg_spool_state(c.spool, &s);
    uint64_t synced = s.synced;
    assert_int_equal(case_append(&c, 10, 100, NULL), EG_OK);
    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], c.spool->fd) >= 0); /* a pipe cannot be synced */
    assert_true(eg_spool_sync(c.spool, &err) < 0);
    assert_true(err.retriable);
    assert_int_equal(case_append(&c, 10, 100, NULL), EG_OK); /* into a segment of its own */
    assert_int_equal(case_segments(&c), 2);
    assert_int_equal(eg_spool_sync(c.spool, NULL), EG_OK);
    eg_spool_state(c.spool, &s);
    assert_int_equal(s.sync_failures, 1);
    assert_int_equal(s.synced, synced);
    struct case_seen seen = case_read_from(&c, 0);
    assert_int_equal(seen.count, 30);
    eg_spool_forget(c.spool, seen.end);
    assert_int_equal(case_append(&c, 10, 100, NULL), EG_OK);
    assert_int_equal(eg_spool_sync(c.spool, NULL), EG_OK);
    eg_spool_state(c.spool, &s);
    assert_int_equal(s.synced, s.written);
    close(ends[0]);
    close(ends[1]);
    case_end(&c);
}

static void lack_of_memory_is_told(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    for (int i = 0; i < 3; i++) assert_int_equal(case_append(&c, 10, 100, NULL), EG_OK);
    eg_spool_close(c.spool);
    struct eg_spool *spool = NULL;
    for (long n = 0;; n++) {
        struct eg_error err;
        torture_fail_after(n);
        enum eg_status status = eg_spool_open(&spool, &c.env, &c.options, &err);
        bool failed = torture_off();
        if (status == EG_OK && !failed) break;
        if (status == EG_OK)
            eg_spool_close(spool); /* counting what is there is not worth failing */
        else
            assert_int_equal(status, EG_E_NOMEM);
    }
    c.spool = spool;
    assert_int_equal(case_append(&c, 10, 100, NULL), EG_OK);
    assert_int_equal(case_read_from(&c, 0).count, 40);
    case_end(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_appended_is_read_now_and_later),
        cmocka_unit_test(offsets_grow_whatever_the_clock_does),
        cmocka_unit_test(what_is_kept_elsewhere_is_given_up),
        cmocka_unit_test(one_that_was_not_written_to_is_emptied),
        cmocka_unit_test(the_limit_holds_and_reading_makes_room),
        cmocka_unit_test(a_file_that_may_not_grow_costs_nothing_that_was_there),
        cmocka_unit_test(a_full_disk_is_told_and_space_is_used_when_it_returns),
        cmocka_unit_test(a_failed_sync_is_never_taken_for_one),
        cmocka_unit_test(lack_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
