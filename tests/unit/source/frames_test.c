/* SPDX-License-Identifier: Apache-2.0
 * Frames into raw batches: ordinary and remarkable records mixed, full batches, troubles. */
#include "source/frames.h"

#include "make_capture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void odd_records_among_ordinary_ones(void **state) {
    (void)state;
    struct made m = {0};
    made_pcap_head(&m, 0xa1b2c3d4, 65535, 1);
    for (uint32_t i = 0; i < 50; i++) /* every 7th has no time, every 5th is clamped */
        made_record(&m, i, i % 7 == 3 ? 2000000 : i, 10 + i, i % 5 == 2 ? 3 : 100, NULL);
    struct eg_pcap pcap;
    assert_int_equal(eg_pcap_open(&pcap, eg_span(m.bytes, m.size), NULL), EG_OK);
    for (uint32_t capacity = 1; capacity < 60; capacity += 8) {
        struct eg_builder *b;
        assert_int_equal(eg_frames_builder(&b, capacity, NULL), EG_OK);
        struct eg_tally tally = {0};
        struct eg_record_note note;
        size_t at = EG_PCAP_HEAD;
        uint32_t i = 0;
        enum eg_record record;
        do {
            record = eg_frames_fill(b, &pcap, eg_span(m.bytes, m.size), &at, m.size, 1000, &note,
                                    &tally);
            struct eg_batch *batch;
            if (eg_builder_seal(b, &batch, NULL) != EG_OK) break;
            assert_true(batch->rows == capacity || at == m.size);
            for (uint32_t row = 0; row < batch->rows; row++, i++) {
                const struct eg_column *c = batch->columns;
                bool timed = eg_batch_valid(batch, EG_COL(RAW, time_ns), row);
                assert_int_equal(timed, i % 7 != 3);
                if (timed)
                    assert_int_equal(eg_col_int(&c[EG_COL(RAW, time_ns)], row),
                                     i * INT64_C(1000001000));
                assert_int_equal(eg_col_int(&c[EG_COL(RAW, length)], row),
                                 i % 5 == 2 ? 10 + i : 100);
                assert_int_equal(eg_col_view(&c[EG_COL(RAW, payload)])[row].size, 10 + i);
                assert_true(eg_batch_valid(batch, EG_COL(RAW, link_type), row));
                assert_true(eg_batch_valid(batch, EG_COL(RAW, offset), row));
                assert_false(eg_batch_valid(batch, EG_COL(RAW, interface), row));
                assert_false(eg_batch_valid(batch, EG_COL(RAW, peer), row));
            }
            eg_batch_unref(batch);
        } while (record == EG_RECORD_FRAME);
        assert_int_equal(i, 50);
        assert_int_equal(record, EG_RECORD_OTHER);
        assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_time_impossible).records, 7);
        assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_capture_length_clamped).records, 10);
        eg_tally_reset(&tally);
        eg_builder_free(b);
    }
    made_free(&m);
}

static void troubles_name_file_and_place(void **state) {
    (void)state;
    struct eg_tally tally = {0};
    struct eg_error err;
    struct eg_record_note note = {.why = "a reason"};
    assert_int_equal(
        eg_frames_trouble("x.pcap", EG_RECORD_MORE, &note, 1234, 56, 7000000, &tally, &err),
        EG_E_CUT);
    assert_int_equal(err.position, 1234);
    assert_non_null(strstr(err.message, "x.pcap is cut"));
    assert_non_null(strstr(err.message, "at byte 1234;"));
    struct eg_tally_entry sum = eg_tally_sum(&tally, EG_CAUSE_capture_cut);
    assert_int_equal(sum.records, 1);
    assert_int_equal(sum.packets, 1);
    assert_int_equal(sum.bytes, 56);
    assert_int_equal(tally.entries[0].start_us, 7000000);
    assert_int_equal(
        eg_frames_trouble("x.pcap", EG_RECORD_DAMAGED, &note, 99, 1, INT64_MIN, &tally, &err),
        EG_E_CUT);
    assert_non_null(strstr(err.message, "x.pcap is damaged at byte 99: a reason"));
    assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_capture_damaged).records, 1);
    assert_int_equal(eg_frames_trouble("x", EG_RECORD_MORE, &note, 0, 0, 0, &tally, NULL),
                     EG_E_CUT);
    eg_tally_reset(&tally);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_records_among_ordinary_ones),
        cmocka_unit_test(troubles_name_file_and_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
