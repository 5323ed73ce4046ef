/* SPDX-License-Identifier: Apache-2.0
 * TCP analysis, segment by segment. */
#include "meter/tcp_talk.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sightings.h"

struct talking {
    struct eg_tcp_talk talk;
};

static struct talking begin(void) {
    struct talking t;
    eg_tcp_talk_begin(&t.talk);
    return t;
}

static void say(struct talking *t, struct eg_sighting s) { eg_tcp_talk_add(&t->talk, &s); }

/* A handshake of 2 ms, and 100 bytes from below. */
static struct talking shaken(void) {
    struct talking t = begin();
    say(&t, segment(false, 0, SYN, 100, 0, 0));
    say(&t, segment(true, 1000, SYN | ACK, 500, 101, 0));
    say(&t, segment(false, 2000, ACK, 101, 501, 0));
    say(&t, segment(false, 3000, ACK, 101, 501, 100));
    return t;
}

static void assert_counts(const struct talking *t, uint32_t again, uint32_t overtaken) {
    assert_int_equal(t->talk.sides[0].retransmissions, again);
    assert_int_equal(t->talk.sides[0].out_of_order, overtaken);
    assert_int_equal(t->talk.sides[1].retransmissions, 0);
    assert_int_equal(t->talk.sides[1].out_of_order, 0);
}

static void test_round_trip(void **state) {
    (void)state;
    struct talking t = shaken();
    assert_int_equal(t.talk.rtt_us, 2000);
    assert_counts(&t, 0, 0);
    t = begin(); /* a SYN that is sent again counts from then on */
    say(&t, segment(false, 0, SYN, 100, 0, 0));
    say(&t, segment(false, 1000000, SYN, 100, 0, 0));
    say(&t, segment(true, 1001000, SYN | ACK, 500, 101, 0));
    say(&t, segment(false, 1002000, ACK, 101, 501, 0));
    assert_int_equal(t.talk.rtt_us, 2000);
    assert_counts(&t, 1, 0);
    t = begin(); /* no handshake, no time */
    say(&t, segment(false, 0, ACK, 101, 501, 10));
    assert_true(t.talk.rtt_us == EG_NO_TIME);
}

static void test_sent_again(void **state) {
    (void)state;
    struct talking t = shaken();
    say(&t, segment(false, 500000, ACK, 101, 501, 100)); /* long after */
    assert_counts(&t, 1, 0);
    t = shaken();
    say(&t, segment(true, 4000, ACK, 501, 201, 0));
    say(&t, segment(false, 4500, ACK, 101, 501, 100)); /* had been acknowledged */
    assert_counts(&t, 1, 0);
    t = shaken();
    say(&t, segment(false, 3100, ACK, 301, 501, 100)); /* 201 is missing */
    say(&t, segment(true, 3200, ACK, 501, 201, 0));
    say(&t, segment(true, 3300, ACK, 501, 201, 0));
    say(&t, segment(true, 3400, ACK, 501, 201, 0));
    say(&t, segment(false, 3500, ACK, 201, 501, 100)); /* and asked for */
    assert_counts(&t, 1, 0);
}

static void test_out_of_order(void **state) {
    (void)state;
    struct talking t = shaken();
    say(&t, segment(false, 3100, ACK, 301, 501, 100));
    say(&t, segment(false, 3200, ACK, 201, 501, 100));
    assert_counts(&t, 0, 1);
    t = shaken();
    say(&t, segment(false, 3100, ACK, 301, 501, 100));
    say(&t, segment(false, 5100, ACK, 201, 501, 100)); /* a round trip later: not overtaken */
    assert_counts(&t, 1, 0);
}

/* What was asked for is sent at once; a segment that comes long after the repeated acknowledgements, but
 * within a round trip, was overtaken. */
static void test_asked_for_is_at_once(void **state) {
    (void)state;
    for (uint32_t late = 0; late < 2; late++) {
        struct talking t = begin();
        say(&t, segment(false, 0, SYN, 100, 0, 0));
        say(&t, segment(true, 50000, SYN | ACK, 500, 101, 0));
        say(&t, segment(false, 100000, ACK, 101, 501, 0)); /* a round trip of 100 ms */
        say(&t, segment(false, 101000, ACK, 101, 501, 100));
        say(&t, segment(false, 102000, ACK, 301, 501, 100));
        for (int i = 0; i < 4; i++) say(&t, segment(true, 103000, ACK, 501, 201, 0));
        say(&t, segment(false, late ? 124000 : 122000, ACK, 201, 501, 100));
        assert_counts(&t, !late, late);
    }
}

/* Behind a probe of one byte the same byte comes again with others: it is not sent again. */
static void test_behind_a_probe(void **state) {
    (void)state;
    struct talking t = shaken();
    say(&t, segment(false, 4000, ACK, 201, 501, 1));
    say(&t, segment(false, 900000, ACK, 201, 501, 100));
    assert_counts(&t, 0, 0);
    say(&t, segment(false, 1800000, ACK, 201, 501, 100)); /* but now it is */
    assert_counts(&t, 1, 0);
}

static void test_what_is_neither(void **state) {
    (void)state;
    struct talking t = shaken();
    say(&t, segment(false, 60000000, ACK, 200, 501, 1)); /* keeping alive */
    say(&t, segment(false, 61000000, ACK, 200, 501, 0));
    assert_counts(&t, 0, 0);
    t = shaken();
    say(&t, segment(false, 4000, ACK, 1201, 501, 100)); /* a hole */
    say(&t, segment(false, 5000, FIN | ACK, 1301, 501, 0));
    assert_counts(&t, 0, 0);
    t = begin(); /* numbers wrap */
    say(&t, segment(false, 0, ACK, UINT32_MAX - 9, 501, 100));
    say(&t, segment(false, 10, ACK, 90, 501, 100));
    assert_counts(&t, 0, 0);
}

static void test_going_on(void **state) {
    (void)state;
    struct talking t = shaken();
    say(&t, segment(false, 500000, ACK, 101, 501, 100));
    eg_tcp_talk_go_on(&t.talk);
    assert_true(t.talk.told);
    assert_counts(&t, 0, 0);
    say(&t, segment(false, 900000, ACK, 101, 501, 100)); /* what was sent is still known */
    assert_counts(&t, 1, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_sent_again),
        cmocka_unit_test(test_out_of_order),   cmocka_unit_test(test_what_is_neither),
        cmocka_unit_test(test_going_on),       cmocka_unit_test(test_asked_for_is_at_once),
        cmocka_unit_test(test_behind_a_probe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
