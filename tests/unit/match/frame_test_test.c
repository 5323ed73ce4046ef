/* SPDX-License-Identifier: Apache-2.0
 * Questions about whole frames: each kind, on the frame, its payload, and as it is stored; frames
 * without an answer; Stellar and the flow filter agree where both can say it. */
#include "match/frame_test.h"

#include "filter/filter.h"
#include "filter/tree.h"
#include "table/address.h"
#include "torture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "numbers.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Ethernet, IPv4, UDP 10.0.0.1:5353 -> 10.0.0.2:53 with "hello" behind it, and padding. */
static const uint8_t udp[60] = {0, 1,  2,    3,    4, 5,  6,  7,  8, 9, 10,  11,  8,   0,   0x45, 0,
                                0, 33, 0,    0,    0, 0,  64, 17, 0, 0, 10,  0,   0,   1,   10,   0,
                                0, 2,  0x14, 0xe9, 0, 53, 0,  13, 0, 0, 'h', 'e', 'l', 'l', 'o'};
static const uint8_t arp[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 6, 7, 8, 9, 10, 11, 8, 6, 0, 1};

static struct eg_frame frame_of(const uint8_t *bytes, size_t size) {
    return (struct eg_frame){.time_ns = INT64_C(1700000000123456789),
                             .link_type = 1,
                             .length = size,
                             .payload = eg_span(bytes, size)};
}

enum kind { BYTES, BPF, STELLAR };

static struct eg_frame_test *made(enum kind kind, const char *text, enum eg_match_on on) {
    struct eg_frame_test *test = NULL;
    struct eg_error err;
    enum eg_status status = kind == BYTES ? eg_frame_test_bytes(&test, text, on, &err)
                            : kind == BPF ? eg_frame_test_bpf(&test, text, &err)
                                          : eg_frame_test_stellar(&test, text, on, NULL, &err);
    if (status < 0) fail_msg("%s: %s", text, err.message);
    return test;
}

static void kinds(void **state) {
    (void)state;
    static const struct {
        enum kind kind;
        const char *text;
        enum eg_match_on on;
        bool udp, arp;
    } rows[] = {
        {BYTES, "'hello'", EG_MATCH_FRAME, true, false},
        {BYTES, "'hello'", EG_MATCH_PAYLOAD, true, false},
        {BYTES, "'hello' 00", EG_MATCH_FRAME, true, false},
        {BYTES, "'hello' 00", EG_MATCH_PAYLOAD, false, false}, /* padding is no payload */
        {BYTES, "00 35 00 0d", EG_MATCH_FRAME, true, false},
        {BYTES, "00 35 00 0d", EG_MATCH_PAYLOAD, false, false},
        {BYTES, "06 07 08 09", EG_MATCH_FRAME, true, true},
        {BYTES, "d4 c3 b2 a1 02 00 04 00", EG_MATCH_FRAME, false, false},
        {BYTES, "d4 c3 b2 a1 02 00 04 00", EG_MATCH_STORED, true, true},
        {BYTES, "ff ff 00 00 01 00 00 00 00 f1 53 65 40 e2 01 00", EG_MATCH_STORED, true, true},
        {BYTES, "3c 00 00 00 3c 00 00 00 00 01 02", EG_MATCH_STORED, true, false},
        {BYTES, "2a 00 00 00 2a 00 00 00 ff ff", EG_MATCH_STORED, false, true},
        {BYTES, "'hello'", EG_MATCH_STORED, true, false},
        {BPF, "udp port 53", EG_MATCH_FRAME, true, false},
        {BPF, "arp", EG_MATCH_FRAME, false, true},
        {BPF, "", EG_MATCH_FRAME, true, true},
        {STELLAR, "", EG_MATCH_FRAME, true, true},
        {STELLAR, "ip_dst_port == 53", EG_MATCH_FRAME, true, false},
        {STELLAR, "ip_dst_port != 53", EG_MATCH_FRAME, false, true},
        {STELLAR, "not(exists(ip_src_port))", EG_MATCH_FRAME, false, true},
        {STELLAR, "IN_SUBNET(ip_src_addr, '10.0.0.0/8')", EG_MATCH_FRAME, true, false},
        {STELLAR, "protocol == 17 and ip_src_port == 5353", EG_MATCH_FRAME, true, false},
        {STELLAR, "BYTEARRAY_MATCHER(\"'hello'\", packet)", EG_MATCH_FRAME, true, false},
        {STELLAR, "LENGTH(packet) == 60", EG_MATCH_FRAME, true, false},
        {STELLAR, "LENGTH(packet) == 5", EG_MATCH_PAYLOAD, true, false},
        {STELLAR, "LENGTH(packet) == 0", EG_MATCH_PAYLOAD, false, true},
        {STELLAR, "LENGTH(packet) == 100", EG_MATCH_STORED, true, false},
        {STELLAR, "BYTEARRAY_MATCHER('d4 c3 b2 a1', packet)", EG_MATCH_STORED, true, true},
        {STELLAR, "BYTEARRAY_MATCHER('3c 00 00 00 00 01', packet)", EG_MATCH_STORED, true, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct eg_frame_test *test = made(rows[i].kind, rows[i].text, rows[i].on);
        struct eg_frame frames[] = {frame_of(udp, sizeof udp), frame_of(arp, sizeof arp)};
        for (int which = 0; which < 2; which++) {
            struct eg_layers layers;
            bool expected = which ? rows[i].arp : rows[i].udp;
            eg_dissect(1, frames[which].payload, (uint32_t)frames[which].length, &layers);
            if (eg_frame_test_holds(test, &frames[which], &layers) != expected ||
                eg_frame_test_holds(test, &frames[which], NULL) != expected)
                fail_msg("%s on %d, frame %d", rows[i].text, (int)rows[i].on, which);
        }
        assert_int_equal(eg_frame_test_unanswered(test, NULL), 0);
        eg_frame_test_free(test);
    }
    eg_frame_test_free(NULL);
}

static void reads_layers(void **state) {
    (void)state;
    static const struct {
        enum kind kind;
        const char *text;
        enum eg_match_on on;
        bool reads;
    } rows[] = {
        {BYTES, "00", EG_MATCH_FRAME, false},
        {BYTES, "00", EG_MATCH_PAYLOAD, true},
        {BYTES, "00", EG_MATCH_STORED, false},
        {BPF, "tcp", EG_MATCH_FRAME, false},
        {STELLAR, "true", EG_MATCH_FRAME, false},
        {STELLAR, "true", EG_MATCH_PAYLOAD, true},
        {STELLAR, "protocol == 6", EG_MATCH_FRAME, true},
        {STELLAR, "LENGTH(packet) > 1", EG_MATCH_FRAME, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct eg_frame_test *test = made(rows[i].kind, rows[i].text, rows[i].on);
        assert_int_equal(eg_frame_test_reads_layers(test), rows[i].reads);
        eg_frame_test_free(test);
    }
}

/* 10.0.0.1 -> 10.0.0.2 in an IP-in-IP tunnel from 192.0.2.1. */
static void views(void **state) {
    (void)state;
    static const uint8_t tunnel[] = {0x45, 0, 0, 48, 0,    0, 0, 0,  64, 4, 0, 0, 192, 0,  2, 1,
                                     192,  0, 2, 2,  0x45, 0, 0, 28, 0,  0, 0, 0, 64,  17, 0, 0,
                                     10,   0, 0, 1,  10,   0, 0, 2,  0,  7, 0, 9, 0,   8,  0, 0};
    struct eg_frame frame = frame_of(tunnel, sizeof tunnel);
    frame.link_type = 101;
    for (int outermost = 0; outermost < 2; outermost++) {
        const char *text = outermost ? "ip_src_addr == '192.0.2.1' and protocol == 4"
                                     : "ip_src_addr == '10.0.0.1' and ip_dst_port == 9";
        struct eg_frame_test *test = made(STELLAR, text, EG_MATCH_FRAME);
        if (outermost) assert_false(eg_frame_test_holds(test, &frame, NULL));
        eg_frame_test_view(test, outermost ? EG_VIEW_OUTERMOST : EG_VIEW_INNERMOST);
        assert_true(eg_frame_test_holds(test, &frame, NULL));
        eg_frame_test_free(test);
    }
}

static void unanswered(void **state) {
    (void)state;
    struct eg_frame frame = frame_of(udp, sizeof udp);
    struct eg_strbuf why = {0};
    struct eg_frame_test *test = made(BPF, "vlan 5", EG_MATCH_FRAME);
    frame.link_type = 101;
    for (int i = 0; i < 3; i++) assert_false(eg_frame_test_holds(test, &frame, NULL));
    assert_false(eg_frame_test_answered(test));
    frame.link_type = 1;
    assert_false(eg_frame_test_holds(test, &frame, NULL));
    assert_true(eg_frame_test_answered(test));
    assert_int_equal(eg_frame_test_unanswered(test, &why), 3);
    assert_non_null(strstr(why.text, "link type 101: no VLAN support"));
    eg_frame_test_free(test);
    eg_strbuf_clear(&why);
    test = made(STELLAR, "GET_FIRST([ip_src_addr]) > 5", EG_MATCH_FRAME);
    assert_false(eg_frame_test_holds(test, &frame, NULL));
    assert_int_equal(eg_frame_test_unanswered(test, &why), 1);
    assert_string_equal(why.text, "text and a number have no order");
    assert_false(eg_frame_test_answered(test));
    frame.payload = eg_span(udp, 14); /* no address: null > 5 does not hold, which is an answer */
    assert_false(eg_frame_test_holds(test, &frame, NULL));
    assert_true(eg_frame_test_answered(test));
    eg_frame_test_free(test);
    eg_strbuf_reset(&why);
}

static void refused(void **state) {
    (void)state;
    struct eg_frame_test *test = NULL;
    struct eg_error err;
    enum eg_match_on on = EG_MATCH_FRAME;
    assert_int_equal(eg_frame_test_bytes(&test, "00*", EG_MATCH_FRAME, &err), EG_E_USAGE);
    assert_int_equal(err.position, 2);
    assert_int_equal(eg_frame_test_bpf(&test, "tcp and", &err), EG_E_USAGE);
    assert_int_equal(eg_frame_test_stellar(&test, "TO_UPPER('a')", EG_MATCH_FRAME, NULL, &err),
                     EG_E_USAGE);
    assert_non_null(strstr(err.message, "it gives text, not true or false"));
    assert_null(test);
    assert_int_equal(
        eg_frame_test_stellar(&test, "ip_scr_addr == '1.2.3.4'", EG_MATCH_FRAME, NULL, &err),
        EG_OK_WARN);
    assert_non_null(strstr(err.message, "'ip_scr_addr' is null for every packet"));
    assert_non_null(strstr(err.message, "did you mean 'ip_src_addr'?"));
    eg_frame_test_free(test);
    assert_true(eg_match_on_parse(&on, "stored") && on == EG_MATCH_STORED);
    assert_true(eg_match_on_parse(&on, "payload") && on == EG_MATCH_PAYLOAD);
    assert_true(eg_match_on_parse(&on, "frame") && on == EG_MATCH_FRAME);
    assert_false(eg_match_on_parse(&on, "header"));
}

/* ---- Stellar and the flow filter ---- */

/* What both can say, each in its words. Null rules differ in one place: there "not" of what is
 * unknown does not hold, here it does; so negations stand only before what is never null. */
static const char *const pairs[][2] = {
    {"ip_src_addr == '10.0.0.1'", "src_ip = 10.0.0.1"},
    {"ip_dst_addr == '2001:db8::1'", "dst_ip = 2001:db8::1"},
    {"IN_SUBNET(ip_src_addr, '10.0.0.0/30')", "src_ip in (10.0.0.0/30)"},
    {"IN_SUBNET(ip_dst_addr, '2001:db8::/32', '10.0.0.2/32')",
     "dst_ip in (2001:db8::/32, 10.0.0.2)"},
    {"ip_src_port == 80", "src_port = 80"},
    {"ip_dst_port in [53, 80, 443]", "dst_port in (53, 80, 443)"},
    {"ip_dst_port > 100", "dst_port > 100"},
    {"ip_src_port <= 80", "src_port <= 80"},
    {"ip_src_port >= 53 and ip_src_port < 443", "src_port >= 53 and src_port < 443"},
    {"protocol == 17", "proto = 17"},
    {"protocol in [6, 17]", "proto in (6, 17)"},
    {"exists(ip_src_port)", "exists src_port"},
    {"not(exists(ip_src_addr))", "not exists src_ip"},
    {"not(exists(ip_src_port))", "not exists src_port"},
    {"PROTOCOL_TO_NAME(protocol) == 'TCP'", "proto = tcp"},
    {"REGEXP_MATCH(ip_src_addr, '^10\\\\.')", "src_ip in (10.0.0.0/8)"},
};

static uint64_t seed;
static uint32_t draw(uint32_t below) { return xorshift_below(&seed, below); }

/* Two or three of the pairs, bracketed alike in both languages. */
static void both(char stellar[600], char flow[600]) {
    static const char *const joins[] = {"and", "or"};
    uint32_t a = draw(COUNT(pairs)), b = draw(COUNT(pairs)), c = draw(COUNT(pairs));
    const char *first = joins[draw(2)], *second = joins[draw(2)];
    snprintf(stellar, 600, "(%s) %s ((%s) %s (%s))", pairs[a][0], first, pairs[b][0], second,
             pairs[c][0]);
    snprintf(flow, 600, "(%s) %s ((%s) %s (%s))", pairs[a][1], first, pairs[b][1], second,
             pairs[c][1]);
}

static struct eg_layers random_layers(void) {
    static const uint16_t ports[] = {53, 80, 443, 100, 101, 65535};
    static const uint8_t protocols[] = {1, 6, 17, 58};
    struct eg_layers layers = {0};
    if (draw(8) == 0) return layers;
    layers.has = EG_HAS_SRC | EG_HAS_DST | EG_HAS_PROTO;
    layers.src = eg_addr_v4(0x0a000000 + draw(6));
    layers.dst = eg_addr_v4(0x0a000000 + draw(6));
    if (draw(3) == 0) assert_true(eg_addr_parse(&layers.dst, "2001:db8::1", 11));
    layers.proto = protocols[draw(COUNT(protocols))];
    if (draw(4) == 0) return layers;
    layers.has |= EG_HAS_PORTS;
    layers.src_port = ports[draw(COUNT(ports))];
    layers.dst_port = ports[draw(COUNT(ports))];
    return layers;
}

static uint32_t column(const struct eg_table *table, const char *name) {
    for (uint32_t i = 0; i < table->count; i++)
        if (strcmp(table->columns[i].name, name) == 0) return i;
    fail_msg("no column %s", name);
    return 0;
}

static struct eg_batch *rows_of(const struct eg_layers *layers, uint32_t count) {
    const struct eg_table *table = eg_table_get(EG_TABLE_PACKETS);
    struct eg_builder *b = NULL;
    struct eg_batch *batch = NULL;
    assert_int_equal(eg_builder_new(&b, table, EG_TABLE_PACKETS, count, EG_COLUMNS_ALL, NULL),
                     EG_OK);
    for (uint32_t i = 0; i < count; i++) {
        if (layers[i].has & EG_HAS_SRC) {
            eg_put_addr(b, column(table, "src_ip"), &layers[i].src);
            eg_put_addr(b, column(table, "dst_ip"), &layers[i].dst);
            eg_put_int(b, column(table, "proto"), layers[i].proto);
        }
        if (layers[i].has & EG_HAS_PORTS) {
            eg_put_int(b, column(table, "src_port"), layers[i].src_port);
            eg_put_int(b, column(table, "dst_port"), layers[i].dst_port);
        }
        eg_builder_row(b, 1);
    }
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    eg_builder_free(b);
    return batch;
}

#define PACKETS 500

static void as_the_filter(void **state) {
    (void)state;
    static struct eg_layers layers[PACKETS];
    uint32_t selected[PACKETS], all = 0;
    struct eg_frame frame = frame_of(udp, sizeof udp);
    seed = 20261121;
    for (int i = 0; i < PACKETS; i++) layers[i] = random_layers();
    struct eg_batch *batch = rows_of(layers, PACKETS);
    for (int round = 0; round < 1000; round++) {
        char stellar[600], flow[600];
        struct eg_filter *filter = NULL;
        struct eg_error err;
        both(stellar, flow);
        if (eg_filter_parse(&filter, flow, EG_TABLE_PACKETS, NULL, &err) != EG_OK)
            fail_msg("%s: %s", flow, err.message);
        const struct eg_predicate *predicate = eg_filter_predicate(filter);
        uint32_t count = predicate->select(predicate, batch, selected), at = 0;
        struct eg_frame_test *test = made(STELLAR, stellar, EG_MATCH_FRAME);
        for (uint32_t i = 0; i < PACKETS; i++) {
            bool holds = at < count && selected[at] == i;
            at += holds;
            if (eg_frame_test_holds(test, &frame, &layers[i]) != holds)
                fail_msg("packet %u: %s | %s", i, stellar, flow);
        }
        all += count;
        assert_int_equal(eg_frame_test_unanswered(test, NULL), 0);
        eg_frame_test_free(test);
        eg_filter_free(filter);
    }
    assert_in_range(all, 50000, 450000);
    eg_batch_unref(batch);
}

/* ---- threads and memory ---- */

static void *ask_often(void *of) {
    struct eg_frame_test *test = of;
    struct eg_frame frame = frame_of(udp, sizeof udp);
    uintptr_t held = 0;
    for (int i = 0; i < 2000; i++) held += eg_frame_test_holds(test, &frame, NULL);
    return (void *)held;
}

static void threads(void **state) {
    (void)state;
    struct eg_frame_test *tests[] = {
        made(BYTES, "`HELLO`", EG_MATCH_PAYLOAD),
        made(BPF, "udp", EG_MATCH_FRAME),
        made(STELLAR, "JOIN(MAP(SPLIT(ip_src_addr, '.'), x -> x), '') == '10001'", EG_MATCH_FRAME),
    };
    for (size_t k = 0; k < COUNT(tests); k++) {
        pthread_t ids[4];
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&ids[i], NULL, ask_often, tests[k]), 0);
        for (int i = 0; i < 4; i++) {
            void *held;
            pthread_join(ids[i], &held);
            assert_int_equal((uintptr_t)held, 2000);
        }
        eg_frame_test_free(tests[k]);
    }
}

static void no_memory(void **state) {
    (void)state;
    for (int kind = BYTES; kind <= STELLAR; kind++)
        for (long n = 0; n < 40; n++) {
            struct eg_frame_test *test = NULL;
            struct eg_frame frame = frame_of(udp, sizeof udp);
            torture_fail_after(n);
            enum eg_status status =
                kind == BYTES ? eg_frame_test_bytes(&test, "'hello'", EG_MATCH_FRAME, NULL)
                : kind == BPF ? eg_frame_test_bpf(&test, "udp", NULL)
                              : eg_frame_test_stellar(&test, "TO_UPPER(ip_src_addr) == '10.0.0.1'",
                                                      EG_MATCH_FRAME, NULL, NULL);
            bool holds = status == EG_OK && eg_frame_test_holds(test, &frame, NULL);
            bool failed = torture_off();
            assert_true(failed || holds);
            eg_frame_test_free(test);
            if (!failed) break;
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),   cmocka_unit_test(reads_layers),
        cmocka_unit_test(views),   cmocka_unit_test(unanswered),
        cmocka_unit_test(refused), cmocka_unit_test(as_the_filter),
        cmocka_unit_test(threads), cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
