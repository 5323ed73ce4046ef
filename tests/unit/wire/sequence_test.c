/* SPDX-License-Identifier: Apache-2.0
 * Sequence accounts: what was exported is what was decoded and the gap, whatever the network did. */
#include "exports_make.h"
#include "numbers.h"
#include "torture.h"
#include "wire/sequence.h"

static uint64_t seed = 1;
static uint32_t chance(uint32_t below) { return xorshift_below(&seed, below); }

static struct eg_sequences *all;
static struct eg_tally tally;

static int begin(void **state) {
    (void)state;
    all = eg_sequences_new();
    return all ? 0 : -1;
}
static int end(void **state) {
    (void)state;
    eg_sequences_free(all);
    eg_tally_reset(&tally);
    return 0;
}

static void feed(uint32_t first, uint32_t count, uint32_t boot_ms) {
    struct eg_datagram d = {.time_us = BASE_US, .exporter = {{1}}};
    struct eg_sequence_note note = {"netflow5", 1, first, count, boot_ms, true, true, false};
    struct eg_sequence_run run = eg_sequence_run_of(&d, 0, &note);
    eg_sequences_feed(all, &run, &tally);
}
static void feed_plain(uint32_t first, uint32_t count) {
    struct eg_datagram d = {.time_us = BASE_US, .exporter = {{1}}};
    struct eg_sequence_note note = {"netflow9", 1, first, count, 0, true, false, false};
    struct eg_sequence_run run = eg_sequence_run_of(&d, 0, &note);
    eg_sequences_feed(all, &run, &tally);
}
static int64_t records(enum eg_cause cause) { return eg_tally_sum(&tally, cause).records; }
static int64_t packets(enum eg_cause cause) { return eg_tally_sum(&tally, cause).packets; }
static void expect(int64_t gap, int64_t late, int64_t resets) {
    eg_sequences_drain(all, &tally);
    assert_int_equal(records(EG_CAUSE_sequence_gap), gap);
    assert_int_equal(records(EG_CAUSE_sequence_late), late);
    assert_int_equal(packets(EG_CAUSE_sequence_reset), resets);
}

/* What is old by the clock is counted, though no more datagrams come. */
static void a_gap_closes_by_time(void **state) {
    (void)state;
    feed(1000, 30, 0);
    feed(1100, 30, 0); /* 70 are missing */
    eg_sequences_age(all, BASE_US + EG_SEQUENCE_OPEN_US, &tally);
    assert_int_equal(records(EG_CAUSE_sequence_gap), 0); /* it may still come */
    eg_sequences_age(all, BASE_US + EG_SEQUENCE_OPEN_US + 1, &tally);
    assert_int_equal(records(EG_CAUSE_sequence_gap), 70);
    feed(1130, 30, 0); /* and the numbering goes on */
    expect(70, 0, 0);
}

static void counts_what_never_came(void **state) {
    (void)state;
    feed(1000, 30, 0);
    feed(1030, 30, 0);
    feed(1100, 30, 0); /* 40 are missing */
    feed(1130, 5, 0);
    assert_int_equal(records(EG_CAUSE_sequence_gap), 0); /* it may still come */
    expect(40, 0, 0);
    struct eg_tally_entry sum = eg_tally_sum(&tally, EG_CAUSE_sequence_gap);
    assert_int_equal(sum.start_us, BASE_US);
    assert_int_equal(tally.entries[0].domain, 1);
    assert_string_equal(tally.entries[0].source, "netflow5");
    assert_int_equal(tally.entries[0].exporter.bytes[0], 1);
}

static void late_ones_are_taken_off(void **state) {
    (void)state;
    feed(0, 30, 0);
    feed(90, 30, 0);
    feed(60, 30, 0); /* the second half of the gap */
    feed(60, 30, 0); /* and again: nothing */
    feed(120, 30, 0);
    expect(30, 30, 0);
}

static void after_the_window_a_gap_is_final(void **state) {
    (void)state;
    feed(0, 10, 0);
    feed(20, 10, 0);
    for (uint32_t i = 0; i < EG_SEQUENCE_WINDOW; i++) feed(30 + 10 * i, 10, 0);
    feed(10, 10, 0); /* the 66th after it was noticed */
    assert_int_equal(records(EG_CAUSE_sequence_gap), 10);
    feed(30 + 10 * EG_SEQUENCE_WINDOW, 10, 0);
    expect(10, 0, 0);
}

static void numbers_wrap(void **state) {
    (void)state;
    feed(UINT32_MAX - 29, 30, 0); /* next: 0 */
    feed(0, 30, 0);
    expect(0, 0, 0);
    feed(UINT32_MAX - 9, 30, 0); /* next: 20 */
    feed(50, 30, 0);
    expect(30, 0, 0);
    feed(UINT32_MAX - 9, 5, 0);
    feed(10, 5, 0); /* [UINT32_MAX - 4, 10) is missing */
    feed(UINT32_MAX - 4, 10, 0);
    expect(30 + 5, 10, 0);
}

static void a_reboot_is_no_loss(void **state) {
    (void)state;
    feed(5000, 30, 0);
    feed(5030, 30, 3);
    feed(0, 30, 700000);
    feed(30, 30, 700001);
    feed(90, 30, 700001); /* but after it, gaps count */
    expect(30, 0, 1);
}

/* The exporter's clock is set while it runs: a late datagram of before is late, no reboot. */
static void a_clock_that_is_set_is_no_reboot(void **state) {
    (void)state;
    feed(5000, 30, 0);
    feed(5060, 30, 60000);
    feed(5030, 30, 0);
    feed(5090, 30, 60000);
    expect(0, 30, 0);
}

/* Without a boot time, two datagrams must agree that the numbers began anew. */
static void new_numbers_need_two_witnesses(void **state) {
    (void)state;
    feed_plain(500000, 1);
    feed_plain(500001, 1);
    feed_plain(17, 1); /* a stray */
    feed_plain(500002, 1);
    feed_plain(3, 1);
    feed_plain(4, 1);
    feed_plain(6, 1);
    expect(1, 0, 1);
    feed_plain(1, 1);
    feed_plain(2, 1);
    feed_plain(0x7fffffff, 1); /* far ahead */
    feed_plain(0x80000000, 1);
    expect(1, 0, 2);
}

static void repeated_datagrams_change_nothing(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        feed(30 * i, 30, 0);
        feed(30 * i, 30, 0);
        if (i % 8 == 7)
            for (uint32_t k = 6; k > 0; k--) feed(30 * (i - k), 30, 0);
    }
    expect(0, 0, 0);
}

static void exporters_without_numbers_lose_nothing(void **state) {
    (void)state;
    for (int i = 0; i < 300; i++) feed(0, 1 + (uint32_t)i % 30, (uint32_t)i * 1000000);
    expect(0, 0, 0);
    assert_int_equal(tally.count, 0);
    for (int i = 0; i < 300; i++) feed(77, 1, 0); /* nor those whose number stands still */
    expect(0, 0, 0);
}

static void streams_are_apart(void **state) {
    (void)state;
    struct eg_datagram d = {.time_us = BASE_US};
    for (uint32_t i = 0; i < 3000; i++) {
        d.exporter.bytes[0] = (uint8_t)(i % 100);
        uint32_t engine = i % 3, round = i / 300;
        struct eg_sequence_note note = {"netflow5", engine, engine * 1000 + 30 * round, 30, 0, true,
                                        true,       false};
        struct eg_sequence_run run = eg_sequence_run_of(&d, 0, &note);
        eg_sequences_feed(all, &run, &tally);
    }
    expect(0, 0, 0);
    assert_int_equal(tally.count, 0);
}

/* Two that are told apart by their ports, each with its own numbers; and one beside them that is not. */
static void ports_number_by_themselves(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 100; i++) {
        struct eg_datagram d = {.time_us = BASE_US};
        struct eg_sequence_note note = {"ipfix", 7, i / 2 * 5, 5, 0, true, false, false};
        struct eg_sequence_run run = eg_sequence_run_of(&d, (uint16_t)(1000 + i % 2), &note);
        eg_sequences_feed(all, &run, &tally);
        note.first = i * 5;
        run = eg_sequence_run_of(&d, 0, &note);
        eg_sequences_feed(all, &run, &tally);
    }
    expect(0, 0, 0);
    assert_int_equal(tally.count, 0);
}

static void more_streams_than_are_kept(void **state) {
    (void)state;
    struct eg_datagram d = {.time_us = BASE_US};
    struct eg_sequence_note note = {"netflow5", 0, 5, 1, 0, true, true, false};
    for (int64_t i = 0; i < EG_SEQUENCE_STREAMS_MAX + 10; i++) {
        note.domain = i;
        note.first = 5;
        struct eg_sequence_run run = eg_sequence_run_of(&d, 0, &note);
        eg_sequences_feed(all, &run, &tally);
        note.first = 7;
        run = eg_sequence_run_of(&d, 0, &note);
        eg_sequences_feed(all, &run, &tally);
    }
    assert_int_equal(records(EG_CAUSE_sequence_gap),
                     EG_SEQUENCE_STREAMS_MAX); /* closed, none lost */
    expect(EG_SEQUENCE_STREAMS_MAX + 10, 0, 0);
}

/* Who sent most keeps its account, and what it misses is not told early, twice or never. */
static void a_flood_of_streams_ends_its_own(void **state) {
    (void)state;
    struct eg_datagram d = {.time_us = BASE_US};
    uint32_t number = 1;
    for (int64_t i = 0; i < 5 * EG_SEQUENCE_STREAMS_MAX; i++) {
        struct eg_sequence_note note = {"netflow9", i, 5, 1, 0, true, true, false};
        struct eg_sequence_run run = eg_sequence_run_of(&d, 0, &note);
        eg_sequences_feed(all, &run, &tally);
        if (i % 100) continue;
        note = (struct eg_sequence_note){"netflow5", -7, number, 3, 0, true, true, false};
        run = eg_sequence_run_of(&d, 0, &note);
        eg_sequences_feed(all, &run, &tally);
        number += i % 1000 ? 3 : 5; /* two are missing behind each tenth */
    }
    expect(2 * ((5 * EG_SEQUENCE_STREAMS_MAX - 1) / 1000 + 1), 0, 0);
}

/* exported = decoded + gap, exactly: drops, repetitions, reordering inside the window, wraps. */
static void the_account_is_exact(void **state) {
    (void)state;
    for (uint64_t round = 1; round <= 400; round++) {
        seed = round * UINT64_C(0x9e3779b97f4a7c15);
        uint32_t count = 50 + chance(400), dropped = 0;
        uint32_t first = chance(2) ? UINT32_MAX - chance(3000) : 1 + chance(UINT32_MAX / 2);
        uint32_t *starts = zeroed(count * 2, 4), *sizes = zeroed(count * 2, 4), n = 0;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t size = 1 + chance(30);
            bool edge = i == 0 || i == count - 1; /* what is lost there nobody can know */
            if (!edge && chance(8) == 0) {
                dropped += size;
            } else {
                uint32_t late = n > 1 && chance(5) == 0 && !edge ? chance(n < 20 ? n : 20) : 0;
                memmove(starts + n - late + 1, starts + n - late, late * 4);
                memmove(sizes + n - late + 1, sizes + n - late, late * 4);
                starts[n - late] = first;
                sizes[n - late] = size;
                n++;
                if (chance(10) == 0) { /* twice */
                    starts[n] = first;
                    sizes[n] = size;
                    n++;
                }
            }
            first += size;
        }
        for (uint32_t i = 0; i < n; i++) feed(starts[i], sizes[i], 0);
        eg_sequences_drain(all, &tally);
        assert_int_equal(records(EG_CAUSE_sequence_gap), dropped);
        assert_int_equal(packets(EG_CAUSE_sequence_reset), 0);
        eg_tally_reset(&tally);
        free(starts);
        free(sizes);
    }
}

static void runs_say_what_their_datagrams_say(void **state) {
    (void)state;
    struct eg_datagram d = {.time_us = BASE_US};
    struct eg_sequence_note note = {"netflow5", 0, 100, 30, 9, true, true, false};
    struct eg_sequence_run run = eg_sequence_run_of(&d, 0, &note);
    assert_false(eg_sequence_run_extend(&run, &note, BASE_US)); /* the same again does not follow */
    note.first = 130;
    note.boot_ms = 10;
    assert_false(eg_sequence_run_extend(&run, &note, BASE_US));
    note.boot_ms = 9;
    assert_false(eg_sequence_run_extend(&run, &note, BASE_US + 1000000)); /* in another second */
    assert_false(eg_sequence_run_extend(&run, &note, BASE_US - 1));
    assert_false(eg_sequence_run_extend(&run, &note, INT64_MIN));
    assert_true(eg_sequence_run_extend(&run, &note, BASE_US + 999999));
    note.first = 160;
    note.count = 7;
    assert_true(eg_sequence_run_extend(&run, &note, BASE_US));
    note.first = 167;
    assert_false(eg_sequence_run_extend(&run, &note, BASE_US)); /* a shorter one ends it */
    assert_int_equal(run.datagrams, 3);
    feed(100, 1, 9);
    eg_sequences_feed(all, &run, &tally);
    feed(200, 1, 9);
    assert_int_equal(tally.count, 0);
}

static void memory_may_run_out(void **state) {
    (void)state;
    for (long n = 0;; n++) {
        torture_fail_after(n);
        for (uint32_t i = 0; i < 60; i++) {
            struct eg_datagram d = {.time_us = BASE_US, .exporter = {{(uint8_t)i}}};
            struct eg_sequence_note note = {"netflow5", 0, i, 1, 0, true, true, false};
            struct eg_sequence_run run = eg_sequence_run_of(&d, 0, &note);
            eg_sequences_feed(all, &run, &tally);
        }
        bool failed = torture_off();
        assert_int_equal(tally.lost > 0, failed);
        tally.lost = 0;
        if (!failed) break;
        eg_sequences_free(all);
        all = eg_sequences_new();
    }
}

/* An exporter that counts a datagram's own records into its number: no gap, and a real one is told. */
static void numbers_of_ends(void **state) {
    (void)state;
    static const uint32_t counts[] = {24, 32, 33, 29, 31, 7, 7, 7, 30};
    uint32_t total = 0;
    all = eg_sequences_new();
    tally = (struct eg_tally){0};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        total += counts[i];
        if (i != 7) feed_plain(total, counts[i]);
    }
    eg_sequences_drain(all, &tally);
    assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_sequence_gap).records, 7);
    eg_tally_reset(&tally);
    eg_sequences_free(all);
    /* one that numbers starts is not taken for it, whatever is lost */
    all = eg_sequences_new();
    total = 0;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (i != 2) feed_plain(total, counts[i]);
        total += counts[i];
    }
    eg_sequences_drain(all, &tally);
    assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_sequence_gap).records, 33);
    eg_tally_reset(&tally);
    eg_sequences_free(all);
}

/* A late number that splits the newest gap when no more can be open: the oldest is final then. */
static void a_gap_splits_when_all_are_open(void **state) {
    (void)state;
    uint32_t next = 1000;
    feed_plain(next, 1);
    for (int i = 0; i < 64; i++, next += 11)
        feed_plain(next + 11, 1); /* ten are missing each time */
    assert_int_equal(records(EG_CAUSE_sequence_gap), 0);
    feed_plain(next - 5, 1);
    assert_int_equal(records(EG_CAUSE_sequence_late), 1);
    assert_int_equal(records(EG_CAUSE_sequence_gap), 10);
    feed_plain(next - 7, 1); /* both parts of it are still open */
    feed_plain(next - 2, 1);
    expect(640 - 3, 3, 0);
}

/* How far back a repeated datagram may lie depends on how many records one has had, also the last of many
 * that came as one. */
static void the_longest_of_a_run_counts(void **state) {
    (void)state;
    struct eg_datagram d = {.time_us = BASE_US, .exporter = {{1}}};
    struct eg_sequence_note note = {"netflow9", 1, 1001, 1, 0, true, false, false};
    struct eg_sequence_run run = eg_sequence_run_of(&d, 0, &note);
    run.datagrams = 3;
    run.last = 50;
    feed_plain(1000, 1);
    eg_sequences_feed(all, &run, &tally);
    feed_plain(1053 - 500, 1);
    assert_int_equal(packets(EG_CAUSE_sequence_repeated), 1);
    expect(0, 0, 0);
}

/* A file of such an exporter may hold a few datagrams only: no gap while nothing speaks against it. */
static void numbers_of_ends_in_a_short_file(void **state) {
    (void)state;
    feed_plain(1015, 15);
    feed_plain(1037, 22); /* 22 more than the one before: its own records */
    feed_plain(1059, 22);
    for (uint32_t i = 0; i < 2 * EG_SEQUENCE_WINDOW; i++) feed_plain(1081 + 22 * i, 22);
    eg_sequences_age(all, BASE_US + 2 * EG_SEQUENCE_OPEN_US, &tally);
    expect(0, 0, 0);
    feed_plain(1015, 15);
    feed_plain(1037, 10); /* nothing speaks for it: some are missing */
    expect(7, 0, 0);
}

/* The same beginning, but then it is seen that the starts are numbered: so they are missing. */
static void doubt_ends_when_starts_are_numbered(void **state) {
    (void)state;
    feed_plain(1015, 15);
    feed_plain(1037, 22);
    for (uint32_t i = 0; i < 2 * EG_SEQUENCE_WINDOW; i++) feed_plain(1059 + 22 * i, 22);
    assert_int_equal(records(EG_CAUSE_sequence_gap), 0);
    uint32_t next = 1059 + 44 * EG_SEQUENCE_WINDOW;
    feed_plain(next, 3);
    feed_plain(next + 3, 22);
    assert_int_equal(records(EG_CAUSE_sequence_gap), 7); /* it is old enough */
    eg_sequences_drain(all, &tally);
    feed_plain(1015, 15);
    feed_plain(1037, 22);
    feed_plain(1030, 7); /* or what seemed to be missing comes, late */
    expect(7, 7, 0);
}

static void repeated_ones_have_a_time(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct eg_datagram d = {.time_us = BASE_US + i * 700000, .exporter = {{1}}};
        struct eg_sequence_note note = {"netflow5", 1, i < 2 ? 60 : 0, 30, 0, true, true, false};
        struct eg_sequence_run run = eg_sequence_run_of(&d, 0, &note);
        eg_sequences_feed(all, &run, &tally);
    }
    struct eg_tally_entry sum = eg_tally_sum(&tally, EG_CAUSE_sequence_repeated);
    assert_int_equal(sum.packets, 3);
    assert_int_equal(sum.start_us, BASE_US);
    assert_int_equal(sum.end_us, BASE_US + 2000000);
}

struct sent {
    uint32_t number, count;
    int64_t time_us;
};

/* A stream with losses, repetitions, late ones and a new numbering, by starts or by ends. */
static uint32_t stream_make(struct sent *to, uint32_t room, bool ends) {
    uint32_t number = chance(2) ? UINT32_MAX - chance(500) : 1 + chance(100000), n = 0, size = 20;
    int64_t time_us = BASE_US;
    while (n + 2 < room) {
        time_us += chance(300000);
        if (chance(3) == 0) size = 1 + chance(30);
        struct sent one = {ends ? number + size : number, size, time_us};
        number += size;
        if (chance(60) == 0) number = chance(UINT32_MAX);
        if (chance(12) == 0) continue;
        to[n++] = one;
        if (chance(12) == 0) {
            to[n] = to[chance(n)];
            n++;
        }
    }
    return n;
}

static void stream_feed(const struct sent *sent, uint32_t count, uint32_t cut_one_in) {
    struct eg_sequence_run run = {.datagrams = 0};
    for (uint32_t i = 0; i < count; i++) {
        struct eg_datagram d = {.time_us = sent[i].time_us, .exporter = {{1}}};
        struct eg_sequence_note note = {"ipfix", 1,    sent[i].number, sent[i].count,
                                        0,       true, false,          false};
        bool cut = cut_one_in && chance(cut_one_in) == 0;
        if (i && !cut && eg_sequence_run_extend(&run, &note, d.time_us)) continue;
        if (i) eg_sequences_feed(all, &run, &tally);
        run = eg_sequence_run_of(&d, 0, &note);
    }
    eg_sequences_feed(all, &run, &tally);
    eg_sequences_drain(all, &tally);
}

/* Where runs are cut is an accident of reading in parallel: it changes no count and no time. */
static void where_runs_are_cut_changes_nothing(void **state) {
    (void)state;
    struct sent sent[120];
    for (uint64_t round = 1; round <= 3000; round++) {
        seed = round * UINT64_C(0x9e3779b97f4a7c15);
        uint32_t count = stream_make(sent, 3 + chance(117), round % 2);
        stream_feed(sent, count, 1);
        struct eg_tally alone = tally;
        for (int how = 0; how < 3; how++) {
            tally = (struct eg_tally){0};
            stream_feed(sent, count, how ? 1 + (uint32_t)how : 0);
            for (int cause = 0; cause < EG_CAUSE_COUNT; cause++) {
                struct eg_tally_entry a = eg_tally_sum(&alone, (enum eg_cause)cause);
                struct eg_tally_entry b = eg_tally_sum(&tally, (enum eg_cause)cause);
                assert_int_equal(a.records, b.records);
                assert_int_equal(a.packets, b.packets);
                assert_int_equal(a.start_us, b.start_us);
                assert_int_equal(a.end_us, b.end_us);
            }
            eg_tally_reset(&tally);
        }
        eg_tally_reset(&alone);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_ends),
        TEST(numbers_of_ends_in_a_short_file),
        TEST(doubt_ends_when_starts_are_numbered),
        TEST(repeated_ones_have_a_time),
        TEST(where_runs_are_cut_changes_nothing),
        TEST(counts_what_never_came),
        TEST(a_gap_closes_by_time),
        TEST(a_gap_splits_when_all_are_open),
        TEST(the_longest_of_a_run_counts),
        TEST(late_ones_are_taken_off),
        TEST(after_the_window_a_gap_is_final),
        TEST(numbers_wrap),
        TEST(a_reboot_is_no_loss),
        TEST(a_clock_that_is_set_is_no_reboot),
        TEST(new_numbers_need_two_witnesses),
        TEST(repeated_datagrams_change_nothing),
        TEST(exporters_without_numbers_lose_nothing),
        TEST(streams_are_apart),
        TEST(ports_number_by_themselves),
        TEST(more_streams_than_are_kept),
        TEST(a_flood_of_streams_ends_its_own),
        TEST(the_account_is_exact),
        TEST(runs_say_what_their_datagrams_say),
        TEST(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
