/* SPDX-License-Identifier: Apache-2.0
 * Frames selected without an index: the filter sees what rows would have, exchanged ends too, whatever
 * the batches' size; times and tests besides; a frame by itself gives the same answer. */
#include "few_packets.h"

#define COUNT 300u
static uint8_t bytes[COUNT][400];
static struct eg_frame frames[COUNT];

static void frames_make(void) {
    for (uint32_t i = 0; i < COUNT; i++) {
        struct few_packet p = {i * 1000,
                               (uint8_t)(i % 5),
                               (uint8_t)(i % 7),
                               (uint16_t)(1000 + i % 3),
                               (uint16_t)(i % 2 ? 53 : 1000),
                               (uint16_t)i,
                               0,
                               (uint8_t)(i % 50)};
        uint32_t size = few_frame(&p, bytes[i]);
        frames[i] =
            (struct eg_frame){.time_ns = (FEW_START * INT64_C(1000000) + p.time_us) * 1000 + 999,
                              .link_type = 1,
                              .interface = -1,
                              .length = size,
                              .payload = eg_span(bytes[i], size)};
    }
}

static struct eg_batch *batch_of(uint32_t from, uint32_t count, bool with_messages) {
    struct eg_builder *b;
    struct eg_batch *batch;
    assert_int_equal(eg_builder_new(&b, eg_table_get(EG_TABLE_RAW), EG_TABLE_RAW, 2 * count,
                                    EG_COLUMNS_ALL, NULL),
                     EG_OK);
    for (uint32_t i = from; i < from + count; i++) {
        if (with_messages && i % 3 == 0) { /* a datagram among them: no link type */
            eg_put_int(b, EG_COL(RAW, length), 4);
            eg_put_view(b, EG_COL(RAW, payload), eg_span("abcd", 4));
            eg_builder_row(b, 1);
        }
        eg_put_int(b, EG_COL(RAW, time_ns), frames[i].time_ns);
        eg_put_int(b, EG_COL(RAW, link_type), 1);
        eg_put_int(b, EG_COL(RAW, length), (int64_t)frames[i].length);
        eg_put_view(b, EG_COL(RAW, payload), frames[i].payload);
        eg_put_int(b, EG_COL(RAW, offset), i);
        eg_builder_row(b, 1);
    }
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    eg_builder_free(b);
    return batch;
}

/* What the question selects, by index, once by batches and once by single frames. */
static void expect(struct eg_frame_question question, bool (*want)(uint32_t i),
                   uint32_t batch_rows) {
    struct eg_frame_rows *rows;
    struct eg_env env = eg_env_plain;
    struct eg_error err;
    env.batch_rows = batch_rows;
    assert_int_equal(eg_frame_rows_new(&rows, &env, &question, &err), EG_OK);
    for (uint32_t from = 0; from < COUNT; from += 100) {
        struct eg_batch *batch = batch_of(from, 100, from == 100);
        uint32_t chosen[200], count, k = 0;
        assert_int_equal(eg_frame_rows_select(rows, batch, chosen, &count, &err), EG_OK);
        for (uint32_t i = from; i < from + 100; i++) {
            if (!want(i)) continue;
            assert_true(k < count);
            assert_int_equal(eg_col_i64(&batch->columns[EG_COL(RAW, offset)])[chosen[k++]], i);
        }
        assert_int_equal(k, count);
        eg_batch_unref(batch);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        bool holds;
        assert_int_equal(eg_frame_rows_holds(rows, &frames[i], &holds, &err), EG_OK);
        assert_int_equal(holds, want(i));
    }
    eg_frame_rows_free(rows);
}

static bool all(uint32_t i) { return i < COUNT; }
static bool in_time(uint32_t i) { return i >= 50 && i <= 60; }
static bool from_one(uint32_t i) { return i % 5 == 1 && i % 2; }
static bool either_one(uint32_t i) {
    return (i % 5 == 1 && i % 2) || (i % 7 == 1 && 1000 + i % 3 == 53);
}
static bool one_to_thousand(uint32_t i) {
    bool there = i % 5 == 1 && i % 2 == 0, back = i % 7 == 1 && i % 3 == 0;
    return there || back;
}

static void selects(void **state) {
    (void)state;
    frames_make();
    const uint32_t rows[] = {1, 7, 4096};
    for (size_t k = 0; k < 3; k++) {
        struct eg_frame_question question = {.from_us = INT64_MIN, .to_us = INT64_MAX};
        expect(question, all, rows[k]);
        question.from_us = FEW_START * INT64_C(1000000) + 50000;
        question.to_us = FEW_START * INT64_C(1000000) + 60000;
        expect(question, in_time, rows[k]);
        question.from_us = INT64_MIN;
        question.to_us = INT64_MAX;
        struct eg_filter *filter;
        (void)few_request(NULL, 0, &filter, "src ip 10.0.0.1 and dst port 53");
        question.filter = filter;
        expect(question, from_one, rows[k]);
        question.both = true;
        expect(question, either_one, rows[k]);
        eg_filter_free(filter);
        (void)few_request(NULL, 0, &filter, "src ip 10.0.0.1 and dst port 1000");
        question.filter = filter;
        expect(question, one_to_thousand, rows[k]);
        eg_filter_free(filter);
    }
}

static void a_frame_without_a_time(void **state) {
    (void)state;
    frames_make();
    struct eg_frame_rows *rows;
    struct eg_frame_question question = {.from_us = 0, .to_us = INT64_MAX};
    struct eg_frame frame = frames[0];
    bool holds;
    frame.time_ns = EG_FRAME_NO_TIME;
    assert_int_equal(eg_frame_rows_new(&rows, &eg_env_plain, &question, NULL), EG_OK);
    assert_int_equal(eg_frame_rows_holds(rows, &frame, &holds, NULL), EG_OK);
    assert_false(holds); /* it lies in no range */
    eg_frame_rows_free(rows);
    question.from_us = INT64_MIN;
    assert_int_equal(eg_frame_rows_new(&rows, &eg_env_plain, &question, NULL), EG_OK);
    assert_int_equal(eg_frame_rows_holds(rows, &frame, &holds, NULL), EG_OK);
    assert_true(holds);
    eg_frame_rows_free(rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selects),
        cmocka_unit_test(a_frame_without_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
