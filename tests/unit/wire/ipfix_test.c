/* SPDX-License-Identifier: Apache-2.0
 * IPFIX: header and length, numbers, variable fields, withdrawals by transport. */
#include "messages_make.h"

static struct bytes good(uint32_t sequence) {
    struct bytes b = ipfix(sequence, 5);
    put_template(&b, 256, USUAL, COUNT(USUAL));
    put_usual_set(&b, 256, 0, 2);
    return b;
}

static void records_become_rows(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_ipfix);
    struct bytes b = good(77);
    session_send(&s, &b);
    assert_true(s.note.present && !s.note.has_boot && !s.note.open);
    assert_int_equal(s.note.first, 77);
    assert_int_equal(s.note.count, 2);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 2);
    /* No header says when it booted: what is known is how long it took, and when it was sent. */
    ASSERT_ROW(r.rows[0], "source=ipfix", "bytes=100", "start_time=1699999996000000",
               "end_time=1700000000000000", "time_flag=8");
    result_reset(&r);
}

static enum eg_probe probe(const struct bytes *b) {
    struct eg_datagram d = {
        .payload = eg_span(b->at, b->size), .length = b->size, .time_us = BASE_US, .transport = 17};
    return eg_decoder_ipfix.probe(&d);
}

static void probes_strictly(void **state) {
    (void)state;
    struct bytes b = good(1);
    assert_int_equal(probe(&b), EG_PROBE_YES);
    b.size++;
    assert_int_equal(probe(&b), EG_PROBE_MAYBE);
    b.size -= 2;
    assert_int_equal(probe(&b), EG_PROBE_MAYBE);
    b.at[1] = 9;
    assert_int_equal(probe(&b), EG_PROBE_NO);
    struct bytes clock = good(1);
    clock.at[4] = 1;
    assert_int_equal(probe(&clock), EG_PROBE_MAYBE);
}

static void lengths_that_are_not_the_datagram_s(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_ipfix);
    struct bytes b = good(1);
    patch_be16(&b, 2, 15);
    session_send(&s, &b);
    patch_be16(&b, 2, b.size + 9);
    session_send(&s, &b);
    struct bytes tail = good(1);
    put_be(&tail, 0, 4), put_be(&tail, 0, 3);
    session_send(&s, &tail);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 6);
    assert_int_equal(records_of(&r, EG_CAUSE_message_length_bad), 3);
    assert_int_equal(eg_tally_sum(&r.tally, EG_CAUSE_message_length_bad).bytes, 7);
    result_reset(&r);
}

static const struct made_field NAMED[] = {{8, 4, 0}, {96, 65535, 0}, {1, 8, 0}};

static void variable_fields(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_ipfix);
    struct bytes b = ipfix(1, 0);
    put_template(&b, 256, NAMED, COUNT(NAMED));
    uint32_t at = set_begin(&b, 256);
    put_be(&b, 0x0a000001, 4), put_be(&b, 3, 1), put_be(&b, 0x646e73, 3), put_be(&b, 7, 8);
    put_be(&b, 0x0a000002, 4), put_be(&b, 255, 1), put_be(&b, 2, 2), put_be(&b, 0x7632, 2);
    put_be(&b, 8, 8);
    put_be(&b, 0x0a000003, 4), put_be(&b, 0, 1), put_be(&b, 9, 8);
    put_be(&b, 0, 3); /* padding */
    set_end(&b, at);
    session_send(&s, &b);
    assert_int_equal(s.note.count, 3);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 3);
    ASSERT_ROW(r.rows[0], "src_ip=" V4("0a000001"), "application=dns", "bytes=7");
    ASSERT_ROW(r.rows[1], "src_ip=" V4("0a000002"), "application=v2", "bytes=8");
    ASSERT_ROW(r.rows[2], "src_ip=" V4("0a000003"), "bytes=9");
    assert_lacks(r.rows[2], "application");
    assert_int_equal(records_of(&r, EG_CAUSE_record_cut), 0);
    result_reset(&r);
}

static void a_field_beyond_its_set_ends_it(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_ipfix);
    struct bytes b = ipfix(1, 0);
    put_template(&b, 256, NAMED, COUNT(NAMED));
    uint32_t at = set_begin(&b, 256);
    put_be(&b, 0x0a000001, 4), put_be(&b, 1, 1), put_be(&b, 'x', 1), put_be(&b, 7, 8);
    put_be(&b, 0x0a000002, 4), put_be(&b, 200, 1), put_be(&b, 8, 8), put_be(&b, 8, 8);
    set_end(&b, at);
    put_template(&b, 257, USUAL, COUNT(USUAL));
    put_usual_set(&b, 257, 0, 1);
    session_send(&s, &b);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 2);
    assert_int_equal(records_of(&r, EG_CAUSE_record_cut), 1);
    result_reset(&r);
}

static void every_cut_is_accounted_for(void **state) {
    (void)state;
    struct bytes b = good(1);
    for (uint32_t cut = 0; cut <= b.size; cut++) {
        struct session s = session_new(&eg_decoder_ipfix);
        session_send_cut(&s, &b, cut, b.size);
        struct result r = session_end(&s);
        if ((records_of(&r, EG_CAUSE_datagram_cut) > 0) == (cut == b.size))
            fail_msg("cut at %u", cut);
        assert_int_equal(r.row_count, cut == b.size ? 2 : cut >= b.size - USUAL_SIZE ? 1 : 0);
        result_reset(&r);
    }
}

static struct bytes withdrawal(uint16_t set, uint16_t id) {
    struct bytes b = ipfix(1, 5);
    uint32_t at = set_begin(&b, set);
    put_be(&b, id, 2), put_be(&b, 0, 2);
    set_end(&b, at);
    return b;
}

static void withdrawals_count_where_there_can_be_some(void **state) {
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        struct session s = session_new(&eg_decoder_ipfix);
        if (tcp) s.next.transport = 6;
        struct bytes b = good(1), gone = withdrawal(2, 256), options = withdrawal(3, 3),
                     set = ipfix(1, 5);
        put_usual_set(&set, 256, 0, 1);
        session_send(&s, &b);
        session_send(&s, &options); /* there are none */
        session_send(&s, &gone);
        session_send(&s, &set);
        assert_int_equal(s.note.open, tcp);
        session_send(&s, &b);
        session_send(&s, &gone);
        struct bytes all = withdrawal(2, 2);
        session_send(&s, &b);
        session_send(&s, &all);
        session_send(&s, &set);
        struct result r = session_end(&s);
        assert_int_equal(records_of(&r, EG_CAUSE_template_withdrawn), tcp ? 3 : 0);
        assert_int_equal(records_of(&r, EG_CAUSE_withdrawal_ignored), tcp ? 1 : 4);
        /* What came between waited for the template to come again. */
        assert_int_equal(records_of(&r, EG_CAUSE_template_awaited), tcp ? 1 : 0);
        assert_int_equal(records_of(&r, EG_CAUSE_template_missing), tcp ? 1 : 0);
        assert_int_equal(r.row_count, tcp ? 7 : 8);
        result_reset(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_become_rows),
        cmocka_unit_test(probes_strictly),
        cmocka_unit_test(lengths_that_are_not_the_datagram_s),
        cmocka_unit_test(variable_fields),
        cmocka_unit_test(a_field_beyond_its_set_ends_it),
        cmocka_unit_test(every_cut_is_accounted_for),
        cmocka_unit_test(withdrawals_count_where_there_can_be_some),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
