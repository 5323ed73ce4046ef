/* SPDX-License-Identifier: Apache-2.0
 * Sequence files as they are written: what was put comes back, marks stand as far apart as they
 * should, a file cut anywhere is whole up to a record. tests/system/test_seqfile.py holds the bytes
 * against Hadoop's. */
#include "wire/seqfile_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint8_t mark[16] = "0123456789abcdef";

static struct eg_span span_of(const struct eg_strbuf *text) {
    return eg_span(text->text, text->size);
}

static void what_was_put_comes_back(void **state) {
    (void)state;
    struct eg_strbuf out = {0};
    struct eg_seqfile_writer writer;
    uint8_t payload[1500];
    memset(payload, 'x', sizeof payload);
    eg_seqfile_begin(&writer, mark, &out);
    enum { COUNT = 1000 };
    for (uint32_t i = 0; i < COUNT; i++) {
        struct eg_frame frame = {.time_ns = INT64_C(1700000000000000000) + i,
                                 .link_type = i % 2 ? 1 : 101,
                                 .length = 2000,
                                 .payload = eg_span(payload, i % sizeof payload)};
        size_t before = out.size;
        eg_seqfile_put(&writer, &frame, &out);
        assert_true(out.size - before <= eg_seqfile_put_size(frame.payload.size));
        assert_int_equal(writer.size, out.size);
    }
    struct eg_seqfile file;
    assert_int_equal(eg_seqfile_open(&file, span_of(&out), NULL), EG_OK);
    assert_memory_equal(file.mark, mark, 16);
    uint32_t count = 0, marks = 0;
    size_t last = 0, at = file.head_size;
    while (at < out.size) {
        struct eg_seqfile_record record;
        struct eg_record_note note;
        enum eg_record found =
            eg_seqfile_next(&file, eg_span_from(span_of(&out), at), &record, &note);
        if (found == EG_RECORD_OTHER) {
            marks++;
            assert_true(at - last >= 102400 && at - last < 102400 + 1600);
            last = at + 20;
        } else {
            assert_int_equal(found, EG_RECORD_FRAME);
            assert_true(at - last < 102400); /* else a mark would stand before it */
            struct eg_frame frame;
            const char *why;
            struct eg_tally tally = {0};
            assert_true(eg_seqfile_packet(&file, record.key, eg_span_from(record.value, 4), &frame,
                                          &why, &tally));
            assert_int_equal(tally.count, 0);
            assert_true(frame.time_ns == INT64_C(1700000000000000000) + count);
            assert_int_equal(frame.length, 2000);
            assert_int_equal(frame.link_type, count % 2 ? 1 : 101);
            assert_int_equal(frame.payload.size, count % sizeof payload);
            count++;
        }
        at += note.size;
    }
    assert_int_equal(count, COUNT);
    assert_int_equal(marks, (out.size - 1) / 102400);
    eg_strbuf_reset(&out);
}

static void what_cannot_be_held_becomes_the_nearest(void **state) {
    (void)state;
    struct eg_strbuf out = {0};
    struct eg_seqfile_writer writer;
    uint8_t *payload = calloc(1, EG_FRAME_BYTES_MAX + 5);
    eg_seqfile_begin(&writer, mark, &out);
    size_t head = out.size;
    struct eg_frame frame = {.time_ns = -5,
                             .link_type = 1,
                             .length = UINT64_MAX,
                             .payload = eg_span(payload, EG_FRAME_BYTES_MAX + 5)};
    eg_seqfile_put(&writer, &frame, &out);
    struct eg_span record = eg_span_from(span_of(&out), head);
    assert_int_equal(record.size, 20 + 40 + EG_FRAME_BYTES_MAX);
    assert_int_equal(eg_be64(record, 8), 0);
    assert_int_equal(eg_le32(record, 20 + 16), EG_FRAME_BYTES_MAX); /* the snap length */
    assert_int_equal(eg_le32(record, 20 + 32), EG_FRAME_BYTES_MAX);
    assert_int_equal(eg_le32(record, 20 + 36), UINT32_MAX);
    eg_strbuf_reset(&out);
    free(payload);
}

static void whole_up_to_a_record(void **state) {
    (void)state;
    struct eg_strbuf out = {0};
    struct eg_seqfile_writer writer;
    size_t ends[4] = {0};
    eg_seqfile_begin(&writer, mark, &out);
    size_t head = ends[0] = out.size;
    for (int i = 1; i < 4; i++) {
        struct eg_frame frame = {
            .time_ns = i, .link_type = 1, .length = 9, .payload = eg_span("abcdefghi", 9)};
        eg_seqfile_put(&writer, &frame, &out);
        ends[i] = out.size;
    }
    struct eg_seqfile file;
    assert_int_equal(eg_seqfile_open(&file, span_of(&out), NULL), EG_OK);
    for (size_t size = head; size <= out.size; size++) {
        uint64_t records = 0;
        bool damaged;
        size_t whole =
            eg_seqfile_whole(&file, eg_span(out.text + head, size - head), &records, &damaged);
        assert_false(damaged);
        assert_int_equal(head + whole, ends[records]);
        assert_true(size >= ends[records] && (records == 3 || size < ends[records + 1]));
    }
    /* zeros, as a file may end that lost its power */
    memset(out.text + ends[2], 0, out.size - ends[2]);
    uint64_t records = 0;
    bool damaged;
    assert_int_equal(eg_seqfile_whole(&file, eg_span_from(span_of(&out), head), &records, &damaged),
                     ends[2] - head);
    assert_true(damaged && records == 2);
    eg_strbuf_reset(&out);
}

static void names(void **state) {
    (void)state;
    static const struct {
        const char *path, *topic, *run;
        uint64_t time_ns;
        uint32_t partition;
    } good[] = {
        {"pcap_pcap_1494965816000000000_0_pcap-8-1494965816", "pcap", "pcap-8-1494965816",
         1494965816000000000, 0},
        {"/data/pcap_x/pcap_a_b_c_7_12_r", "a_b_c", "r", 7, 12},
        {"pcap_t_18446744073709551615_4294967295_x-2", "t", "x-2", UINT64_MAX, UINT32_MAX},
        {"pcap_1_2_3_4", "1", "4", 2, 3},
    };
    static const char *const bad[] = {"",
                                      "pcap",
                                      "pcap_",
                                      "pcap_1_2_x",
                                      "pcap_t_1_2_",
                                      "pcap_t_x_2_r",
                                      "pcap_t_1__r",
                                      "pcap__1_2_r",
                                      "cap_t_1_2_r",
                                      "pcap_t_-1_2_r",
                                      "pcap_t_1_2_r/",
                                      "pcap_t_18446744073709551616_0_r",
                                      "pcap_t_1_4294967296_r"};
    struct eg_seqfile_name name;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(eg_seqfile_name_read(&name, good[i].path));
        assert_int_equal(name.topic.size, strlen(good[i].topic));
        assert_memory_equal(name.topic.at, good[i].topic, name.topic.size);
        assert_int_equal(name.run.size, strlen(good[i].run));
        assert_memory_equal(name.run.at, good[i].run, name.run.size);
        assert_true(name.time_ns == good[i].time_ns);
        assert_int_equal(name.partition, good[i].partition);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(eg_seqfile_name_read(&name, bad[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_comes_back),
        cmocka_unit_test(what_cannot_be_held_becomes_the_nearest),
        cmocka_unit_test(whole_up_to_a_record),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
