/* SPDX-License-Identifier: Apache-2.0
 * Sequence files piece by piece: headers that are refused and why, records, marks, packets. */
#include "wire/seqfile.h"

#include "make_seqfile.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct eg_span span_of(const struct made *m) { return eg_span(m->bytes, m->size); }

static void numbers_of_variable_length(void **state) {
    (void)state;
    static const int64_t cases[] = {0,      1,       127,       128,       255,       256,
                                    -1,     -112,    -113,      -256,      INT32_MAX, INT32_MIN,
                                    100000, -100000, INT64_MAX, INT64_MIN, 1 << 24,   65535};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct made m = {0};
        int64_t value = 7;
        size_t size = 0;
        seq_vint(&m, cases[i]);
        assert_true(eg_seqfile_number(span_of(&m), &value, &size));
        assert_int_equal(size, m.size);
        assert_true(value == cases[i]);
        m.size--;
        assert_false(eg_seqfile_number(span_of(&m), &value, &size));
        made_free(&m);
    }
}

static void headers_are_read(void **state) {
    (void)state;
    static const struct {
        const char *key, *codec;
        bool blocks;
        enum eg_seqfile_layout layout;
        enum eg_seqfile_codec kind;
    } cases[] = {
        {SEQ_LONG, NULL, false, EG_SEQFILE_PLAIN, EG_SEQFILE_ZLIB},
        {SEQ_INT, NULL, false, EG_SEQFILE_PLAIN, EG_SEQFILE_ZLIB},
        {SEQ_LONG, SEQ_DEFAULT, false, EG_SEQFILE_RECORDS, EG_SEQFILE_ZLIB},
        {SEQ_LONG, "org.apache.hadoop.io.compress.GzipCodec", true, EG_SEQFILE_BLOCKS,
         EG_SEQFILE_GZIP},
        {SEQ_LONG, "org.apache.hadoop.io.compress.ZStandardCodec", true, EG_SEQFILE_BLOCKS,
         EG_SEQFILE_ZSTD},
        {SEQ_LONG, "org.apache.hadoop.io.compress.Lz4Codec", false, EG_SEQFILE_RECORDS,
         EG_SEQFILE_LZ4},
        {SEQ_LONG, "org.apache.hadoop.io.compress.SnappyCodec", false, EG_SEQFILE_RECORDS,
         EG_SEQFILE_SNAPPY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct made m = {0};
        struct eg_seqfile file;
        seq_head(&m, cases[i].key, cases[i].codec, cases[i].blocks);
        assert_int_equal(eg_seqfile_open(&file, span_of(&m), NULL), EG_OK);
        assert_int_equal(file.layout, cases[i].layout);
        assert_int_equal(file.codec, cases[i].kind);
        assert_int_equal(file.key_size, cases[i].key[21] == 'L' ? 8 : 4);
        assert_int_equal(file.head_size, m.size);
        assert_memory_equal(file.mark, seq_mark, 16);
        if (cases[i].codec) assert_string_equal(eg_seqfile_codec_name(file.codec), cases[i].codec);
        for (size_t cut = 0; cut < m.size; cut++)
            assert_int_equal(eg_seqfile_open(&file, eg_span(m.bytes, cut), NULL),
                             cut < 4 ? EG_E_FORMAT : EG_E_CUT);
        made_free(&m);
    }
}

static void metadata_is_passed_over(void **state) {
    (void)state;
    struct made m = {0};
    struct eg_seqfile file;
    seq_head(&m, SEQ_LONG, NULL, false);
    m.size -= 20;
    made_u32(&m, 2);
    for (int i = 0; i < 4; i++) seq_word(&m, "a word, and another one");
    made_add(&m, seq_mark, 16);
    assert_int_equal(eg_seqfile_open(&file, span_of(&m), NULL), EG_OK);
    assert_int_equal(file.head_size, m.size);
    assert_memory_equal(file.mark, seq_mark, 16);
    made_free(&m);
}

static void headers_are_refused(void **state) {
    (void)state;
    struct made m = {0};
    struct eg_seqfile file;
    struct eg_error err;
    seq_head(&m, SEQ_LONG, "org.apache.hadoop.io.compress.BZip2Codec", false);
    assert_int_equal(eg_seqfile_open(&file, span_of(&m), &err), EG_E_FORMAT);
    assert_non_null(
        strstr(err.message, "compressed with org.apache.hadoop.io.compress.BZip2Codec"));
    m.bytes[3] = 5;
    assert_int_equal(eg_seqfile_open(&file, span_of(&m), &err), EG_E_FORMAT);
    assert_non_null(strstr(err.message, "version 5; only 6"));
    assert_int_equal(err.position, 3);
    made_free(&m);

    seq_head(&m, "org.apache.hadoop.io.Te\1t", NULL, false);
    assert_int_equal(eg_seqfile_open(&file, span_of(&m), &err), EG_E_FORMAT);
    assert_non_null(strstr(err.message, "whose keys are org.apache.hadoop.io.Te?t;"));
    assert_int_equal(err.position, 4);
    made_free(&m);

    seq_head(&m, SEQ_LONG, NULL, false);
    m.bytes[4 + 34 + 1] = 'x';
    assert_int_equal(eg_seqfile_open(&file, span_of(&m), &err), EG_E_FORMAT);
    assert_non_null(strstr(err.message, "whose values are"));
    made_free(&m);

    /* metadata that would be longer than any header; a word of a length below 0 */
    seq_head(&m, SEQ_LONG, NULL, false);
    made_set32(&m, m.size - 20, 1000000);
    made_add(&m, NULL, EG_SEQFILE_HEAD_MAX);
    assert_int_equal(eg_seqfile_open(&file, span_of(&m), &err), EG_E_FORMAT);
    assert_non_null(strstr(err.message, "header is longer than 65536 bytes"));
    m.bytes[4] = 0xff;
    assert_int_equal(eg_seqfile_open(&file, span_of(&m), &err), EG_E_FORMAT);
    made_free(&m);
}

static void records_and_marks(void **state) {
    (void)state;
    struct made m = {0}, value = {0};
    struct eg_seqfile file;
    struct eg_seqfile_record record;
    struct eg_record_note note;
    seq_head(&m, SEQ_LONG, NULL, false);
    assert_int_equal(eg_seqfile_open(&file, span_of(&m), NULL), EG_OK);
    m.size = 0;
    seq_value(&value, false, 0xa1b2c3d4, 5, "abcde", 5);
    seq_record(&m, 77, &value, false);
    for (size_t cut = 0; cut < m.size; cut++) {
        assert_int_equal(eg_seqfile_next(&file, eg_span(m.bytes, cut), &record, &note),
                         EG_RECORD_MORE);
        assert_true(note.size > cut && note.size <= m.size);
    }
    assert_int_equal(eg_seqfile_next(&file, span_of(&m), &record, &note), EG_RECORD_FRAME);
    assert_int_equal(note.size, m.size);
    assert_int_equal(eg_be64(record.key, 0), 77);
    assert_int_equal(record.value.size, 4 + 24 + 16 + 5);
    static const struct {
        size_t at;
        uint32_t value;
    } lies[] = {{0, 7},          {0, 0},           {0, 0xfffffffe}, {0, EG_SEQFILE_RECORD_MAX + 1},
                {0, 0x7fffffff}, {4, 9},           {4, 0},          {4, UINT32_MAX},
                {16, 44},        {16, UINT32_MAX}, {0, 60},         {0, UINT32_MAX}};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        uint32_t before = eg_be32(span_of(&m), lies[i].at);
        made_set32(&m, lies[i].at, lies[i].value);
        assert_int_equal(eg_seqfile_next(&file, span_of(&m), &record, &note), EG_RECORD_DAMAGED);
        assert_non_null(note.why);
        made_set32(&m, lies[i].at, before);
    }
    size_t size = m.size;
    bool found;
    assert_int_equal(eg_seqfile_mark_find(&file, span_of(&m), 1, &found), size - 19);
    assert_false(found);
    seq_mark_put(&m);
    assert_int_equal(eg_seqfile_mark_find(&file, span_of(&m), 1, &found), size);
    assert_true(found);
    assert_int_equal(eg_seqfile_next(&file, eg_span(m.bytes + size, 20), &record, &note),
                     EG_RECORD_OTHER);
    assert_int_equal(note.size, EG_SEQFILE_MARK);
    assert_int_equal(eg_seqfile_next(&file, eg_span(m.bytes + size, 19), &record, &note),
                     EG_RECORD_MORE);
    made_free(&m);
    made_free(&value);
}

static void blocks_begin(void **state) {
    (void)state;
    struct made m = {0};
    struct eg_seqfile file;
    struct eg_record_note note;
    uint32_t count;
    seq_head(&m, SEQ_LONG, SEQ_DEFAULT, true);
    assert_int_equal(eg_seqfile_open(&file, span_of(&m), NULL), EG_OK);
    static const struct {
        int64_t number;
        enum eg_record record;
    } cases[] = {{0, EG_RECORD_OTHER},
                 {1, EG_RECORD_OTHER},
                 {5000, EG_RECORD_OTHER},
                 {EG_SEQFILE_BLOCK_RECORDS_MAX, EG_RECORD_OTHER},
                 {EG_SEQFILE_BLOCK_RECORDS_MAX + 1, EG_RECORD_DAMAGED},
                 {-1, EG_RECORD_DAMAGED},
                 {INT64_MAX, EG_RECORD_DAMAGED}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        m.size = 0;
        seq_mark_put(&m);
        seq_vint(&m, cases[i].number);
        assert_int_equal(eg_seqfile_block(&file, span_of(&m), &count, &note), cases[i].record);
        if (cases[i].record == EG_RECORD_OTHER) {
            assert_int_equal(count, cases[i].number);
            assert_int_equal(note.size, m.size);
        }
        assert_int_equal(eg_seqfile_block(&file, eg_span(m.bytes, m.size - 1), &count, &note),
                         EG_RECORD_MORE);
        assert_true(note.size >= m.size);
    }
    m.bytes[0] = 0;
    assert_int_equal(eg_seqfile_block(&file, span_of(&m), &count, &note), EG_RECORD_DAMAGED);
    made_free(&m);
}

/* One packet of a record: `key`, and a pcap whose own time is `own`. */
static int64_t time_of(int64_t key, uint32_t magic, int64_t own, bool big, struct eg_tally *tally) {
    struct made key_bytes = {.big = true}, value = {0};
    struct eg_seqfile file = {.key_size = 8};
    struct eg_frame frame;
    const char *why;
    made_number(&key_bytes, (uint64_t)key, 8);
    seq_value(&value, big, magic, own, "abc", 3);
    struct eg_span bytes = eg_span(value.bytes + 4, value.size - 4);
    assert_true(eg_seqfile_packet(&file, span_of(&key_bytes), bytes, &frame, &why, tally));
    assert_int_equal(frame.length, 3);
    assert_int_equal(frame.link_type, 1);
    assert_memory_equal(frame.payload.at, "abc", 3);
    made_free(&key_bytes);
    made_free(&value);
    return frame.time_ns;
}

static void keys_and_packets_know_the_time(void **state) {
    (void)state;
    struct eg_tally tally = {0};
    const int64_t t = INT64_C(1700000000123456789), us = t / 1000 * 1000;
    for (int big = 0; big < 2; big++) {
        assert_true(time_of(t, 0xa1b2c3d4, us, big, &tally) == t);
        assert_true(time_of(t, 0xa1b23c4d, t, big, &tally) == t);
        assert_true(time_of(us, 0xa1b2c3d4, us, big, &tally) == us);
    }
    assert_int_equal(tally.count, 0);
    assert_true(time_of(t / 1000, 0xa1b2c3d4, us, false, &tally) == us);
    assert_true(time_of(-5, 0xa1b2c3d4, us, false, &tally) == us);
    struct eg_tally_entry differs = eg_tally_sum(&tally, EG_CAUSE_key_differs);
    assert_int_equal(differs.records, 2);
    assert_int_equal(differs.packets, 2);
    eg_tally_reset(&tally);
    /* behind the end of what a pcap can say the key alone knows */
    const int64_t last = INT64_C(4294967295) * 1000000000 + 5000,
                  later = last + INT64_C(31536000000000789);
    assert_true(time_of(later, 0xa1b2c3d4, last, false, &tally) == later);
    assert_int_equal(tally.count, 0);
    assert_true(time_of(later, 0xa1b2c3d4, last - 1000000000, false, &tally) == last - 1000000000);
    assert_true(time_of(us, 0xa1b2c3d4, last, false, &tally) == last);
    assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_key_differs).packets, 2);
    eg_tally_reset(&tally);
}

static void values_without_a_packet(void **state) {
    (void)state;
    static const uint8_t key[8] = {0, 0, 0, 0, 0, 0, 0, 9};
    struct eg_seqfile file = {.key_size = 8}, numbered = {.key_size = 4};
    struct eg_frame frame;
    struct eg_tally tally = {0};
    const char *why;
    struct made value = {0};
    uint8_t *large = calloc(1, EG_FRAME_BYTES_MAX + 1);
    /* a bare frame, timed by its key or by nothing */
    assert_true(
        eg_seqfile_packet(&file, eg_span(key, 8), eg_span("a frame", 7), &frame, &why, &tally));
    assert_int_equal(frame.time_ns, 9);
    assert_int_equal(frame.length, 7);
    assert_true(
        eg_seqfile_packet(&numbered, eg_span(key, 4), eg_span("frame", 5), &frame, &why, &tally));
    assert_true(frame.time_ns == EG_FRAME_NO_TIME);
    assert_true(eg_seqfile_packet(&file, eg_span(key, 8), eg_span(large, EG_FRAME_BYTES_MAX),
                                  &frame, &why, &tally));
    assert_int_equal(tally.count, 0);

    assert_false(eg_seqfile_packet(&file, eg_span(key, 8), eg_span(large, EG_FRAME_BYTES_MAX + 1),
                                   &frame, &why, &tally));
    assert_string_equal(why, "a frame of more than 256 KiB");
    assert_int_equal(frame.time_ns, 9);
    assert_false(
        eg_seqfile_packet(&file, eg_span(key, 8), eg_span(large, 0), &frame, &why, &tally));
    assert_string_equal(why, "an empty value");
    seq_value(&value, false, 0xa1b2c3d4, 5, "abcde", 5);
    struct eg_span bytes = eg_span(value.bytes + 4, value.size - 4);
    for (size_t cut = 4; cut < bytes.size; cut++) {
        assert_false(eg_seqfile_packet(&file, eg_span(key, 8), eg_span(bytes.at, cut), &frame, &why,
                                       &tally));
        assert_string_equal(why,
                            cut < 24 ? "a pcap header that cannot be" : "a packet that ends early");
    }
    made_add(&value, "x", 1);
    assert_false(eg_seqfile_packet(&file, eg_span(key, 8), eg_span(value.bytes + 4, value.size - 4),
                                   &frame, &why, &tally));
    assert_string_equal(why, "more than one packet");
    assert_false(
        eg_seqfile_packet(&numbered, eg_span(key, 4), eg_span(large, 0), &frame, &why, &tally));
    assert_true(frame.time_ns == EG_FRAME_NO_TIME);
    assert_int_equal(tally.count, 0);
    made_free(&value);
    free(large);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_variable_length),
        cmocka_unit_test(headers_are_read),
        cmocka_unit_test(metadata_is_passed_over),
        cmocka_unit_test(headers_are_refused),
        cmocka_unit_test(records_and_marks),
        cmocka_unit_test(blocks_begin),
        cmocka_unit_test(keys_and_packets_know_the_time),
        cmocka_unit_test(values_without_a_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
