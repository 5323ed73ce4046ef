/* SPDX-License-Identifier: Apache-2.0
 * Sets: what is learned in which order, what waits, and what is counted. */
#include "messages_random.h"

static void data_before_its_template_waits(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_ipfix);
    struct bytes set = ipfix(10, 5), define = ipfix(12, 5);
    put_usual_set(&set, 256, 0, 2);
    put_template(&define, 256, USUAL, COUNT(USUAL));
    session_send(&s, &set);
    assert_true(s.note.open);
    assert_int_equal(s.note.count, 0);
    assert_int_equal(s.out.rows->rows, 0);
    session_send(&s, &define);
    assert_int_equal(s.out.rows->rows, 2);
    session_send(&s, &define);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 2);
    ASSERT_ROW(r.rows[0], "sequence=10", "bytes=100", "time_flag=8");
    assert_int_equal(records_of(&r, EG_CAUSE_template_awaited), 1);
    assert_int_equal(records_of(&r, EG_CAUSE_template_missing), 0);
    assert_int_equal(records_of(&r, EG_CAUSE_message_length_bad), 0);
    result_reset(&r);
}

static void order_counts_inside_a_datagram(void **state) {
    (void)state;
    /* Data, its template, data, the template with other fields, data. */
    static const struct made_field other[] = {
        {12, 4, 0}, {8, 4, 0},  {11, 2, 0}, {7, 2, 0},  {4, 1, 0},  {6, 1, 0}, {1, 4, 0},
        {2, 4, 0},  {22, 4, 0}, {21, 4, 0}, {10, 2, 0}, {14, 2, 0}, {5, 1, 0}};
    struct session s = session_new(&eg_decoder_netflow9);
    struct bytes b = v9(1, 5);
    put_template(&b, 256, USUAL, COUNT(USUAL));
    put_usual_set(&b, 256, 0, 1);
    put_template(&b, 256, other, COUNT(other));
    put_usual_set(&b, 256, 0, 1);
    session_send(&s, &b);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 2);
    ASSERT_ROW(r.rows[0], "src_ip=" V4("0a000001"), "bytes=100");
    ASSERT_ROW(r.rows[1], "src_ip=" V4("0a000002"), "bytes=3", "packets=100");
    assert_int_equal(records_of(&r, EG_CAUSE_template_changed), 1);
    result_reset(&r);
}

static void one_datagram_may_bring_data_first(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_netflow9);
    struct bytes b = v9(1, 5);
    put_usual_set(&b, 256, 0, 1);
    put_template(&b, 256, USUAL, COUNT(USUAL));
    put_usual_set(&b, 256, 5, 1);
    session_send(&s, &b);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 2); /* neither lost nor twice */
    assert_int_equal(records_of(&r, EG_CAUSE_template_awaited), 1);
    result_reset(&r);
}

static void a_bad_redefinition_forgets_the_old_one(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_netflow9);
    static const struct made_field empty[] = {{8, 0, 0}};
    struct bytes b = v9(1, 5), bad = v9(2, 5), set = v9(3, 5);
    put_template(&b, 256, USUAL, COUNT(USUAL));
    put_template(&bad, 256, empty, 1);
    put_usual_set(&set, 256, 0, 1);
    session_send(&s, &b);
    session_send(&s, &set);
    session_send(&s, &bad);
    session_send(&s, &set);
    assert_int_equal(s.out.rows->rows, 1);
    session_send(&s, &b);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 2);
    assert_int_equal(records_of(&r, EG_CAUSE_template_bad), 1);
    assert_int_equal(records_of(&r, EG_CAUSE_template_awaited), 1);
    result_reset(&r);
}

static void set_lengths_are_not_trusted(void **state) {
    (void)state;
    const uint32_t lengths[] = {0, 1, 3, 4000};
    for (uint32_t i = 0; i < COUNT(lengths); i++) {
        struct session s = session_new(&eg_decoder_netflow9);
        struct bytes b = v9(1, 5);
        put_template(&b, 256, USUAL, COUNT(USUAL));
        put_usual_set(&b, 256, 0, 1);
        uint32_t at = b.size;
        put_usual_set(&b, 256, 0, 1);
        patch_be16(&b, at + 2, lengths[i]);
        session_send(&s, &b);
        struct result r = session_end(&s);
        assert_int_equal(r.row_count, 1);
        assert_int_equal(records_of(&r, EG_CAUSE_set_length_bad), 1);
        assert_int_equal(eg_tally_sum(&r.tally, EG_CAUSE_set_length_bad).bytes, 4 + USUAL_SIZE);
        result_reset(&r);
    }
}

static void zeros_behind_the_sets_are_padding(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_ipfix);
    struct bytes b = ipfix(1, 5);
    put_template(&b, 256, USUAL, COUNT(USUAL));
    put_usual_set(&b, 256, 0, 1);
    for (int i = 0; i < 100; i++) put_be(&b, 0, 8);
    patch_be16(&b, 2, b.size);
    session_send(&s, &b);
    assert_false(s.note.open);
    b.at[b.size - 1] = 1;
    session_send(&s, &b);
    assert_true(s.note.open);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 2);
    assert_int_equal(eg_tally_sum(&r.tally, EG_CAUSE_trailing_bytes).bytes, 800);
    assert_int_equal(records_of(&r, EG_CAUSE_set_length_bad), 1);
    result_reset(&r);
}

static void sets_that_mean_nothing_are_skipped(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_netflow9);
    struct bytes b = v9(1, 5);
    uint32_t at = set_begin(&b, 100);
    put_be(&b, 1, 4);
    set_end(&b, at);
    put_template(&b, 256, USUAL, COUNT(USUAL));
    put_usual_set(&b, 256, 0, 1);
    put_be(&b, 0, 3);
    session_send(&s, &b);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 1);
    assert_int_equal(records_of(&r, EG_CAUSE_set_unknown), 1);
    assert_int_equal(eg_tally_sum(&r.tally, EG_CAUSE_trailing_bytes).bytes, 3);
    result_reset(&r);
}

static void any_remainder_smaller_than_a_record_is_padding(void **state) {
    (void)state;
    for (uint32_t pad = 0; pad < USUAL_SIZE; pad++) {
        struct session s = session_new(&eg_decoder_ipfix);
        struct bytes b = ipfix(1, 5);
        put_template(&b, 256, USUAL, COUNT(USUAL));
        uint32_t at = set_begin(&b, 256);
        put_usual(&b, 0);
        for (uint32_t i = 0; i < pad; i++) put_be(&b, 0xee, 1);
        set_end(&b, at);
        session_send(&s, &b);
        assert_int_equal(s.note.count, 1);
        struct result r = session_end(&s);
        assert_int_equal(r.row_count, 1);
        assert_int_equal(records_of(&r, EG_CAUSE_record_cut), 0);
        result_reset(&r);
    }
}

static void exporters_and_domains_are_told_apart(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_netflow9);
    struct bytes b = v9(1, 5), set = v9(2, 5), elsewhere = v9(2, 6);
    put_template(&b, 256, USUAL, COUNT(USUAL));
    put_usual_set(&set, 256, 0, 1);
    put_usual_set(&elsewhere, 256, 0, 1);
    session_send(&s, &b);
    session_send(&s, &elsewhere);
    assert_int_equal(s.out.rows->rows, 0);
    s.next.exporter.bytes[15]++;
    session_send(&s, &set);
    assert_int_equal(s.out.rows->rows, 0);
    s.next.exporter.bytes[15]--;
    s.next.exporter_port++;
    session_send(&s, &set);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 1);
    assert_int_equal(records_of(&r, EG_CAUSE_template_missing), 2);
    result_reset(&r);
}

/* At the addresses that the user names, or at any; in books that are made alike, too. */
static void ports_tell_exporters_apart(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_netflow9);
    const struct eg_addr any = {{0}};
    struct bytes b = v9(1, 5), set = v9(2, 5);
    put_template(&b, 256, USUAL, COUNT(USUAL));
    put_usual_set(&set, 256, 0, 1);
    assert_int_equal(eg_book_ports(s.book, &s.next.exporter, 1, NULL), EG_OK);
    assert_int_equal(eg_book_port(s.book, &s.next), 4000);
    session_send(&s, &b);
    s.next.exporter_port++;
    session_send(&s, &set);
    assert_int_equal(s.out.rows->rows, 0);
    s.next.exporter_port--;
    session_send(&s, &set);
    assert_int_equal(s.out.rows->rows, 1);
    s.next.exporter.bytes[15]++; /* one that nobody named */
    assert_int_equal(eg_book_port(s.book, &s.next), 0);
    session_send(&s, &b);
    s.next.exporter_port++;
    session_send(&s, &set);
    assert_int_equal(s.out.rows->rows, 2);
    s.next.transport = 6;
    assert_int_equal(eg_book_port(s.book, &s.next), 4001);
    s.next.transport = 17;
    assert_int_equal(eg_book_ports(s.book, &any, 1, NULL), EG_OK);
    struct eg_book *alike, *ahead;
    assert_int_equal(eg_book_alike(&alike, s.book, NULL), EG_OK);
    assert_int_equal(eg_book_new(&ahead, NULL), EG_OK);
    assert_int_equal(eg_book_survey(ahead, s.book, true, NULL), EG_OK);
    assert_int_equal(eg_book_port(s.book, &s.next), 4001);
    assert_int_equal(eg_book_port(alike, &s.next), 4001);
    assert_int_equal(eg_book_port(ahead, &s.next), 4001);
    eg_book_free(ahead);
    eg_book_free(alike);
    struct result r = session_end(&s);
    assert_int_equal(records_of(&r, EG_CAUSE_template_missing), 1);
    result_reset(&r);
}

/* ---- units ---- */

static void assert_same(const struct result *a, const struct result *b, uint64_t round) {
    char *x = tally_text(&a->tally), *y = tally_text(&b->tally);
    if (strcmp(x, y) != 0) fail_msg("round %d:\n%s---\n%s", (int)round, x, y);
    free(x);
    free(y);
    assert_int_equal(a->row_count, b->row_count);
    for (uint32_t i = 0; i < a->row_count; i++) assert_string_equal(a->rows[i], b->rows[i]);
}

/* Wherever the input is cut, and whichever piece is read first, the same template decodes the same
 * record. */
static void cuts_change_nothing(void **state) {
    (void)state;
    static const uint32_t capacities[] = {1, 7, 4096};
    int64_t rows = 0, awaited = 0, changed = 0, sampled = 0;
    for (uint64_t round = 1; round <= 60; round++) {
        seed = round * UINT64_C(0x9e3779b97f4a7c15);
        struct frames f = {0};
        for (uint32_t i = 0, n = 20 + chance(200); i < n; i++) {
            uint32_t exporter = chance(3);
            struct bytes b = random_message(exporter == 0, i);
            struct bytes frame = make_frame(0x0a000001 + exporter, 4000, 9995, &b);
            frames_add(&f, &frame, BASE_US + i * 1000);
        }
        uint32_t all[2];
        struct result one, many;
        assert_int_equal(run_frames(&f, whole(&f, all, 9995), &one), EG_OK);
        for (int k = 0; k < 3; k++) {
            uint32_t cuts[12] = {0}, units = 1 + chance(10);
            for (uint32_t i = 1; i < units; i++)
                cuts[i] = cuts[i - 1] + chance(f.count - cuts[i - 1] + 1);
            cuts[units] = f.count;
            struct run_how how = {.cuts = cuts,
                                  .units = units,
                                  .capacity = capacities[k],
                                  .batch = 1 + chance(50),
                                  .port = 9995,
                                  .backwards = chance(2)};
            assert_int_equal(run_frames(&f, how, &many), EG_OK);
            assert_same(&one, &many, round);
            result_reset(&many);
        }
        rows += one.row_count;
        awaited += records_of(&one, EG_CAUSE_template_awaited);
        changed += records_of(&one, EG_CAUSE_template_changed);
        for (uint32_t i = 0; i < one.row_count; i++)
            sampled += strstr(one.rows[i], "sampling_rate") != NULL;
        result_reset(&one);
        free(f.at);
    }
    assert_true(rows > 10000 && awaited > 500 && changed > 500 && sampled > 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_change_nothing),
        cmocka_unit_test(data_before_its_template_waits),
        cmocka_unit_test(order_counts_inside_a_datagram),
        cmocka_unit_test(one_datagram_may_bring_data_first),
        cmocka_unit_test(a_bad_redefinition_forgets_the_old_one),
        cmocka_unit_test(set_lengths_are_not_trusted),
        cmocka_unit_test(zeros_behind_the_sets_are_padding),
        cmocka_unit_test(sets_that_mean_nothing_are_skipped),
        cmocka_unit_test(any_remainder_smaller_than_a_record_is_padding),
        cmocka_unit_test(exporters_and_domains_are_told_apart),
        cmocka_unit_test(ports_tell_exporters_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
