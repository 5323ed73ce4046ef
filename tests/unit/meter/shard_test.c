/* SPDX-License-Identifier: Apache-2.0
 * What makes a flow begin, go on and end, packet by packet. */
#include "meter/shard.h"

#include "meter_rows.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sightings.h"

struct bench {
    struct eg_metering how;
    struct eg_shard shard;
    struct eg_out out;
    uint64_t given;
};

static void setup(struct bench *b, bool one_way, uint64_t leave) {
    *b = (struct bench){
        .how = {.idle_us = 30 * SECOND, .active_us = 300 * SECOND, .one_way = one_way}};
    eg_shard_init(&b->shard, &b->how, 1 << 20, true, &b->given, leave);
    out_open(&b->out, 16, EG_COLUMNS_ALL);
}

static void feed(struct bench *b, struct eg_sighting s) {
    static struct eg_sightings chunk;
    chunk.count = 1;
    chunk.items[0] = s;
    eg_shard_run(&b->shard, &chunk, &b->out);
}

static void end(struct bench *b) {
    eg_shard_reset(&b->shard);
    out_close(&b->out);
}

static int64_t cell(struct bench *b, uint32_t col, uint64_t row) {
    return out_value(&b->out, col, row);
}

static void test_one_conversation_two_rows(void **state) {
    (void)state;
    struct bench b;
    setup(&b, false, 0);
    feed(&b, seen(17, 2, 53, 1, 1000, 0)); /* the answer comes first */
    feed(&b, seen(17, 1, 1000, 2, 53, 10));
    feed(&b, seen(17, 1, 1000, 2, 53, 20));
    assert_int_equal(out_rows(&b.out), 0);
    assert_true(eg_shard_drain(&b.shard, 9, &b.out));
    assert_int_equal(out_rows(&b.out), 2);
    static const int64_t want[2][8] = {{53, 1000, 1, 100, 0, 0, 1, 62},
                                       {1000, 53, 2, 200, 10, 20, 0, 61}};
    for (uint64_t row = 0; row < 2; row++) {
        assert_int_equal(cell(&b, FLOW(src_port), row), want[row][0]);
        assert_int_equal(cell(&b, FLOW(dst_port), row), want[row][1]);
        assert_int_equal(cell(&b, FLOW(packets), row), want[row][2]);
        assert_int_equal(cell(&b, FLOW(bytes), row), want[row][3]);
        assert_int_equal(cell(&b, FLOW(start_time), row), T0 + want[row][4]);
        assert_int_equal(cell(&b, FLOW(end_time), row), T0 + want[row][5]);
        assert_int_equal(cell(&b, FLOW(initiator), row), want[row][6]);
        assert_int_equal(cell(&b, FLOW(min_ttl), row), want[row][7]);
        assert_int_equal(cell(&b, FLOW(end_reason), row), EG_END_FORCED);
        assert_int_equal(cell(&b, FLOW(tcp_flags), row), INT64_MIN);
    }
    end(&b);
}

static void test_timeouts(void **state) {
    (void)state;
    static const struct {
        int64_t second_us; /* after the first, of one flow */
        int reason;        /* 0: it goes on */
    } cases[] = {
        {30 * SECOND, 0},
        {30 * SECOND + 1, EG_END_IDLE},
        {-30 * SECOND, 0},
        {-30 * SECOND - 1, EG_END_IDLE},
        {86400 * SECOND, EG_END_IDLE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench b;
        setup(&b, false, 0);
        feed(&b, seen(17, 1, 1, 2, 2, 0));
        feed(&b, seen(17, 1, 1, 2, 2, cases[i].second_us));
        assert_int_equal(out_rows(&b.out), cases[i].reason != 0);
        if (cases[i].reason) assert_int_equal(cell(&b, FLOW(end_reason), 0), cases[i].reason);
        end(&b);
    }
    struct bench b; /* no packet more than the active timeout behind the first */
    setup(&b, false, 0);
    for (int i = 0; i <= 31; i++)
        feed(&b, seen(17, 1 + (i & 1), 1, 2 - (i & 1), 1, i * 10 * SECOND));
    assert_int_equal(out_rows(&b.out), 2);
    assert_int_equal(cell(&b, FLOW(end_reason), 0), EG_END_ACTIVE);
    assert_int_equal(out_sum(&b.out, FLOW(packets)), 31);
    eg_shard_drain(&b.shard, 9, &b.out);
    assert_int_equal(cell(&b, FLOW(initiator), 2), 0); /* it goes on: the other end had begun */
    end(&b);
}

/* The active timeout counts from the earliest packet of either direction, whenever that came; to the
 * microsecond, wherever the beginning stands among the ticks in which it is remembered. */
static void test_the_beginning_is_the_earliest_packet(void **state) {
    (void)state;
    static const struct {
        int64_t first_us, second_us, again_us, start_us;
    } cases[] = {
        {0, 5, 10, 0},
        {10 * SECOND, 0, 12 * SECOND, 0},
        {10 * SECOND, 5 * SECOND, 3 * SECOND, 3 * SECOND},
        {EG_NO_TIME, 4 * SECOND, 7 * SECOND, 4 * SECOND},
    };
    for (int64_t shift = 0; shift < 9 * SECOND; shift += 333333)
        for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) {
            struct bench b;
            bool late = i & 1;
            int64_t start = cases[i / 2].start_us + shift;
            setup(&b, false, 0);
            struct eg_sighting s = seen(17, 1, 1, 2, 2, cases[i / 2].first_us + shift);
            if (cases[i / 2].first_us == EG_NO_TIME) s.time_us = EG_NO_TIME;
            feed(&b, s);
            feed(&b, seen(17, 2, 2, 1, 1, cases[i / 2].second_us + shift));
            feed(&b, seen(17, 1, 1, 2, 2, cases[i / 2].again_us + shift));
            for (int64_t us = 25; us < 300; us += 25)
                feed(&b, seen(17, 2, 2, 1, 1, start + us * SECOND));
            feed(&b, seen(17, 1, 1, 2, 2, start + 300 * SECOND + late));
            assert_int_equal(out_rows(&b.out), late ? 2 : 0);
            if (late) assert_int_equal(cell(&b, FLOW(end_reason), 0), EG_END_ACTIVE);
            end(&b);
        }
}

static void test_the_clock_ends_what_is_idle(void **state) {
    (void)state;
    struct bench b;
    setup(&b, false, 0);
    feed(&b, seen(17, 1, 1, 2, 2, 0));
    feed(&b, seen(17, 3, 1, 4, 2, 35 * SECOND)); /* late packets may still come */
    assert_int_equal(out_rows(&b.out), 0);
    feed(&b, seen(17, 3, 1, 4, 2, 35 * SECOND + 1));
    assert_int_equal(out_rows(&b.out), 1);
    assert_int_equal(cell(&b, FLOW(end_reason), 0), EG_END_IDLE);
    feed(&b, seen(17, 5, 1, 6, 2, 2 * 86400 * SECOND)); /* one leap is not believed */
    feed(&b, seen(17, 7, 1, 8, 2, 36 * SECOND));
    assert_int_equal(out_rows(&b.out), 1);
    feed(&b, seen(17, 5, 1, 6, 2, 2 * 86400 * SECOND));
    feed(&b, seen(17, 5, 1, 6, 2, 2 * 86400 * SECOND + 1)); /* what goes on there is */
    assert_int_equal(out_rows(&b.out), 3);
    end(&b);
}

/* A leap of the clock ends many flows, and each packet that comes then gives out four of them. */
static void test_a_leap_is_no_burst(void **state) {
    (void)state;
    struct bench b;
    setup(&b, false, 0);
    for (unsigned i = 0; i < 1000; i++) feed(&b, seen(17, 1, i, 2, 2, i));
    for (unsigned i = 1; i <= 252; i++) {
        feed(&b, seen(17, 3, 1, 4, 2, 100 * SECOND + i));
        assert_int_equal(out_rows(&b.out), i < 250 ? 4 * i : 1000);
    }
    end(&b);
}

static void test_tcp_ends(void **state) {
    (void)state;
    struct bench b;
    setup(&b, false, 0);
    feed(&b, segment(true, 0, SYN | ACK, 500, 101, 0)); /* the SYN comes late */
    feed(&b, segment(false, 1, SYN, 100, 0, 0));
    feed(&b, segment(false, 2, FIN | ACK, 101, 501, 0));
    feed(&b, segment(true, 3, FIN | ACK, 501, 102, 0));
    feed(&b, segment(false, 4, ACK, 102, 502, 0)); /* still of it */
    assert_int_equal(out_rows(&b.out), 0);
    feed(&b, segment(false, 5, SYN, 9000, 0, 0)); /* another one */
    assert_int_equal(out_rows(&b.out), 2);
    assert_int_equal(cell(&b, FLOW(initiator), 0), 1);
    assert_int_equal(cell(&b, FLOW(src_port), 0), 1000);
    assert_int_equal(cell(&b, FLOW(packets), 0), 3);
    assert_int_equal(cell(&b, FLOW(packets), 1), 2);
    assert_int_equal(cell(&b, FLOW(tcp_flags), 1), FIN | SYN | ACK);
    assert_int_equal(cell(&b, FLOW(end_reason), 0), EG_END_SEEN);
    feed(&b, segment(true, 6, RST | ACK, 0, 9001, 0));
    feed(&b, segment(false, 7 * SECOND, ACK, 9001, 1, 0)); /* too late for it */
    assert_int_equal(out_rows(&b.out), 4);
    feed(&b, seen(17, 3, 1, 4, 2, 17 * SECOND));
    assert_int_equal(out_rows(&b.out), 4);
    feed(&b, seen(17, 3, 1, 4, 2, 17 * SECOND + 1)); /* what comes behind the end ends soon */
    assert_int_equal(out_rows(&b.out), 5);
    assert_int_equal(cell(&b, FLOW(initiator), 4), 1);
    end(&b);
}

static void test_one_way(void **state) {
    (void)state;
    struct bench b;
    setup(&b, true, 0);
    struct eg_sighting there = segment(false, 0, SYN, 100, 0, 0);
    struct eg_sighting back = segment(true, 1, SYN | ACK, 500, 101, 0);
    back.key.low = there.key.high; /* as eg_flow_key_of does for one way */
    back.key.high = there.key.low;
    back.key.low_port = 80;
    back.key.high_port = 1000;
    back.way = EG_WAY_UP;
    feed(&b, there);
    feed(&b, back);
    there.flags = FIN | ACK;
    feed(&b, there);
    eg_shard_drain(&b.shard, 9, &b.out);
    assert_int_equal(out_rows(&b.out), 2);
    assert_int_equal(cell(&b, FLOW(end_reason), 0), EG_END_FORCED);
    assert_int_equal(cell(&b, FLOW(initiator), 0), 0);
    assert_int_equal(cell(&b, FLOW(initiator), 1), 1);
    assert_int_equal(cell(&b, FLOW(end_reason), 1), EG_END_SEEN);
    end(&b);
}

static void test_rows_left_out_are_counted(void **state) {
    (void)state;
    struct bench b;
    setup(&b, false, 2);
    for (unsigned i = 0; i < 5; i++) feed(&b, seen(17, 1, i, 2, 2, i));
    assert_true(eg_shard_drain(&b.shard, 5, &b.out));
    assert_int_equal(b.given, 5);
    assert_int_equal(out_rows(&b.out), 3);
    assert_int_equal(cell(&b, FLOW(src_port), 0), 2);
    end(&b);
}

static void test_draining_in_pieces(void **state) {
    (void)state;
    struct bench b;
    setup(&b, false, 0);
    for (unsigned i = 0; i < 5; i++) feed(&b, seen(17, 1, i, 2, 2, i));
    assert_false(eg_shard_drain(&b.shard, 3, &b.out));
    assert_int_equal(out_rows(&b.out), 3);
    assert_true(eg_shard_drain(&b.shard, 3, &b.out));
    assert_int_equal(out_rows(&b.out), 5);
    end(&b);
}

/* The oldest makes room; a closed one before it, which is no emergency. */
static void test_room_is_made(void **state) {
    (void)state;
    struct bench b;
    setup(&b, false, 0);
    feed(&b, segment(false, 0, RST, 1, 0, 0));
    for (unsigned i = 0; i < 12000; i++) feed(&b, seen(17, 1 + (i >> 13), i & 8191, 200, 2, i));
    int64_t early = eg_tally_sum(&b.out.tally, EG_CAUSE_flow_emergency).records;
    assert_true(early > 1000);
    assert_int_equal(out_rows(&b.out), early + 1);
    assert_int_equal(cell(&b, FLOW(end_reason), 0), EG_END_SEEN);
    for (int64_t i = 1; i <= early; i++) {
        assert_int_equal(cell(&b, FLOW(end_reason), (uint64_t)i), EG_END_RESOURCES);
        assert_int_equal(cell(&b, FLOW(start_time), (uint64_t)i), T0 + i - 1);
    }
    assert_true(b.shard.cache.bytes <= 1 << 20);
    end(&b);
}

/* Of flows that an earlier run has given out, and counted, nothing is counted again. */
static void test_room_made_once_more(void **state) {
    (void)state;
    struct bench b;
    setup(&b, false, 700);
    for (unsigned i = 0; i < 12000; i++) feed(&b, seen(17, 1 + (i >> 13), i & 8191, 200, 2, i));
    assert_true(b.given > 1700);
    assert_int_equal(out_rows(&b.out), b.given - 700);
    assert_int_equal(eg_tally_sum(&b.out.tally, EG_CAUSE_flow_emergency).records, b.given - 700);
    end(&b);
}

/* After an idle timeout whoever speaks first has begun. */
static void test_who_began_after_a_pause(void **state) {
    (void)state;
    struct bench b;
    setup(&b, false, 0);
    feed(&b, seen(17, 1, 1000, 2, 53, 0));
    feed(&b, seen(17, 2, 53, 1, 1000, 40 * SECOND));
    eg_shard_drain(&b.shard, 9, &b.out);
    assert_int_equal(out_rows(&b.out), 2);
    assert_int_equal(cell(&b, FLOW(src_port), 1), 53);
    assert_int_equal(cell(&b, FLOW(initiator), 1), 1);
    end(&b);
}

/* A SYN that comes behind the data it opened is of the same conversation; another one is not. */
static void test_a_late_syn(void **state) {
    (void)state;
    for (uint32_t seq = 100; seq <= 101; seq++) {
        struct bench b;
        setup(&b, false, 0);
        feed(&b, segment(false, 0, ACK, 101, 1, 5));
        feed(&b, segment(false, 1, SYN, seq, 0, 0));
        assert_int_equal(out_rows(&b.out), seq != 100);
        end(&b);
    }
}

/* A flow that goes on after the active timeout counts anew. */
static void test_talk_counts_anew(void **state) {
    (void)state;
    struct bench b;
    setup(&b, false, 0);
    feed(&b, segment(false, 0, ACK, 101, 1, 10));
    feed(&b, segment(false, 1 * SECOND, ACK, 101, 1, 10));
    for (int i = 1; i <= 16; i++) feed(&b, segment(true, i * 20 * SECOND, ACK, 1, 111, 0));
    feed(&b, segment(false, 321 * SECOND, ACK, 111, 1, 10));
    eg_shard_drain(&b.shard, 9, &b.out);
    int64_t again[2] = {0, 0};
    for (uint64_t row = 0; row < out_rows(&b.out); row++) {
        int64_t value = cell(&b, FLOW(retransmissions), row);
        bool first = cell(&b, FLOW(start_time), row) < T0 + 300 * SECOND;
        if (value > 0) again[!first] += value;
    }
    assert_int_equal(again[0], 1);
    assert_int_equal(again[1], 0);
    end(&b);
}

static void test_packets_without_a_time(void **state) {
    (void)state;
    struct bench b;
    setup(&b, false, 0);
    struct eg_sighting s = seen(17, 1, 1, 2, 2, 0);
    s.time_us = EG_NO_TIME;
    feed(&b, s);
    feed(&b, s);
    eg_shard_drain(&b.shard, 9, &b.out);
    assert_int_equal(out_rows(&b.out), 1);
    assert_int_equal(cell(&b, FLOW(start_time), 0), INT64_MIN);
    assert_int_equal(cell(&b, FLOW(packets), 0), 2);
    end(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_conversation_two_rows),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_the_beginning_is_the_earliest_packet),
        cmocka_unit_test(test_the_clock_ends_what_is_idle),
        cmocka_unit_test(test_a_leap_is_no_burst),
        cmocka_unit_test(test_tcp_ends),
        cmocka_unit_test(test_one_way),
        cmocka_unit_test(test_rows_left_out_are_counted),
        cmocka_unit_test(test_draining_in_pieces),
        cmocka_unit_test(test_room_is_made),
        cmocka_unit_test(test_room_made_once_more),
        cmocka_unit_test(test_who_began_after_a_pause),
        cmocka_unit_test(test_a_late_syn),
        cmocka_unit_test(test_talk_counts_anew),
        cmocka_unit_test(test_packets_without_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
