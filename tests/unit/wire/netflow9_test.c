/* SPDX-License-Identifier: Apache-2.0
 * NetFlow v9: header, flowsets, numbers; and what becomes of bad ones. */
#include "messages_make.h"
#include "torture.h"

static struct bytes good(uint32_t sequence) {
    struct bytes b = v9(sequence, 5);
    put_template(&b, 256, USUAL, COUNT(USUAL));
    put_usual_set(&b, 256, 0, 2);
    return b;
}

static void records_become_rows(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_netflow9);
    struct bytes b = good(77);
    session_send(&s, &b);
    assert_true(s.note.present && s.note.has_boot && !s.note.open);
    assert_int_equal(s.note.first, 77);
    assert_int_equal(s.note.count, 1);
    assert_int_equal(s.note.domain, 5);
    assert_int_equal(s.note.boot_ms, (uint32_t)(BASE_SECONDS * 1000u - 3600000u));
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 2);
    ASSERT_ROW(r.rows[1], "src_ip=" V4("0a000001"), "dst_ip=" V4("0a000002"), "src_port=1024",
               "dst_port=443", "proto=6", "tcp_flags=27", "packets=3", "bytes=101", "in_if=1",
               "out_if=2", "tos=0", "start_time=1699999995000000", "end_time=1699999999000000",
               "received_time=1700000000000000", "exporter=" V4("c0000201"), "domain=5",
               "sequence=77", "source=netflow9");
    assert_lacks(r.rows[1], "time_flag");
    assert_lacks(r.rows[1], "extra");
    assert_int_equal(r.tally.count, 0);
    result_reset(&r);
}

static enum eg_probe probe(const struct bytes *b, uint32_t captured) {
    struct eg_datagram d = {.payload = eg_span(b->at, captured),
                            .length = b->size,
                            .time_us = BASE_US,
                            .transport = 17};
    return eg_decoder_netflow9.probe(&d);
}

static void probes_strictly(void **state) {
    (void)state;
    struct bytes b = good(1);
    assert_int_equal(probe(&b, b.size), EG_PROBE_YES);
    assert_int_equal(probe(&b, b.size - 1), EG_PROBE_MAYBE);
    struct bytes empty = v9(1, 5);
    assert_int_equal(probe(&empty, empty.size), EG_PROBE_MAYBE);
    struct bytes other = b;
    other.at[1] = 8;
    assert_int_equal(probe(&other, other.size), EG_PROBE_NO);
    struct bytes clock = b;
    clock.at[8] = 1;
    assert_int_equal(probe(&clock, clock.size), EG_PROBE_MAYBE);
    struct bytes length = b;
    patch_be16(&length, 22, 3);
    assert_int_equal(probe(&length, length.size), EG_PROBE_MAYBE);
    struct bytes reserved = b;
    patch_be16(&reserved, 20, 7);
    assert_int_equal(probe(&reserved, reserved.size), EG_PROBE_MAYBE);
}

static void the_count_is_advisory(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_netflow9);
    const uint32_t counts[] = {0, 1, 3, 65535};
    for (uint32_t i = 0; i < 4; i++) {
        struct bytes b = good(i);
        patch_be16(&b, 2, counts[i]);
        session_send(&s, &b);
    }
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 8);
    assert_int_equal(r.tally.count, 0);
    result_reset(&r);
}

static void every_cut_is_accounted_for(void **state) {
    (void)state;
    struct bytes b = good(1);
    for (uint32_t cut = 0; cut <= b.size; cut++) {
        struct session s = session_new(&eg_decoder_netflow9);
        session_send_cut(&s, &b, cut, b.size);
        struct result r = session_end(&s);
        bool whole = cut == b.size;
        uint32_t expected =
            cut < b.size - 2 * USUAL_SIZE ? 0 : (cut - (b.size - 2 * USUAL_SIZE)) / USUAL_SIZE;
        if (r.row_count != expected) fail_msg("cut at %u: %u rows", cut, r.row_count);
        if ((records_of(&r, EG_CAUSE_datagram_cut) > 0) == whole) fail_msg("cut at %u", cut);
        result_reset(&r);
    }
}

static void short_ones_are_counted(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_netflow9);
    struct bytes b = good(1);
    session_send_cut(&s, &b, 19, 19);
    struct result r = session_end(&s);
    assert_int_equal(records_of(&r, EG_CAUSE_short_header), 1);
    result_reset(&r);
}

static void memory_may_run_out(void **state) {
    (void)state;
    struct bytes b = good(1);
    for (long n = 0; n < 60; n++) {
        struct session s = session_new(&eg_decoder_netflow9);
        torture_fail_after(n);
        session_send(&s, &b);
        session_send(&s, &b);
        torture_off();
        struct result r = session_end(&s);
        result_reset(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_become_rows),    cmocka_unit_test(probes_strictly),
        cmocka_unit_test(the_count_is_advisory),  cmocka_unit_test(every_cut_is_accounted_for),
        cmocka_unit_test(short_ones_are_counted), cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
