/* SPDX-License-Identifier: Apache-2.0
 * Sequence files through the source `file`: the same packets in every layout, cut anywhere and taken
 * up again anywhere, damaged anywhere. */
#include "source/seqfile.h"

#include "make_seqfile.h"
#include "source/read_source.h"
#include "source/temp_file.h"
#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The rows without their offsets. */
static void rows_bare(struct eg_strbuf *to, const struct reading *r) {
    for (const char *line = reading_text(&r->rows); *line;) {
        const char *rest = strchr(line, ' '), *end = strchr(line, '\n');
        eg_strbuf_add(to, rest, (size_t)(end - rest) + 1);
        line = end + 1;
    }
}

static void every_layout_has_the_same_packets(void **state) {
    (void)state;
    struct eg_strbuf first = {0};
    static const uint32_t rows[] = {1, 7, 4096};
    for (int layout = EG_SEQFILE_PLAIN; layout <= EG_SEQFILE_BLOCKS; layout++) {
        struct made m = seq_file((enum eg_seqfile_layout)layout, 20000, 5000);
        file_write(path, m.bytes, m.size);
        for (int k = 0; k < 3; k++) {
            struct reading r = reading_of(path, (struct reading_how){.batch_rows = rows[k]});
            struct eg_strbuf bare = {0};
            assert_int_equal(r.open, EG_OK);
            assert_int_equal(r.last, EG_END);
            assert_int_equal(r.row_count, 20000);
            assert_string_equal(reading_text(&r.account), "");
            assert_int_equal(r.position.offset, m.size);
            rows_bare(&bare, &r);
            if (!first.size) rows_bare(&first, &r);
            assert_string_equal(bare.text, first.text);
            eg_strbuf_reset(&bare);
            reading_reset(&r);
        }
        made_free(&m);
    }
    assert_non_null(strstr(first.text, " 1700000000000000000 1 20 20 "));
    assert_non_null(strstr(first.text, " 1700000000019999000 1 69 69 "));
    eg_strbuf_reset(&first);
}

/* Places grow, no two rows have the same one, and those of a block are in it. */
static void places_are_unique(void **state) {
    (void)state;
    for (int layout = EG_SEQFILE_PLAIN; layout <= EG_SEQFILE_BLOCKS; layout++) {
        struct made m = seq_file((enum eg_seqfile_layout)layout, 300, 100);
        file_write(path, m.bytes, m.size);
        struct reading r = reading_of(path, (struct reading_how){0});
        long long last = 0;
        for (const char *line = reading_text(&r.rows); *line; line = strchr(line, '\n') + 1) {
            long long place = atoll(line);
            assert_true(place > last && place < (long long)m.size);
            bool row_of_block = layout == EG_SEQFILE_BLOCKS && last && place == last + 1;
            if (!row_of_block && layout == EG_SEQFILE_BLOCKS)
                assert_int_equal(m.bytes[place], 0xff); /* the mark that begins the block */
            last = place;
        }
        assert_int_equal(r.row_count, 300);
        reading_reset(&r);
        made_free(&m);
    }
}

/* Cut at every byte: what was whole is there, the rest is counted; unchanged it is known, and grown
 * it gives the others and no row twice. */
static void cut_anywhere_and_grown(void **state) {
    (void)state;
    for (int layout = EG_SEQFILE_PLAIN; layout <= EG_SEQFILE_BLOCKS; layout++) {
        struct made m = seq_file((enum eg_seqfile_layout)layout, 40, 20);
        file_write(path, m.bytes, m.size);
        struct reading all = reading_of(path, (struct reading_how){0});
        uint64_t rows = 0;
        assert_int_equal(all.row_count, 40);
        for (size_t cut = 150; cut < m.size; cut++) {
            file_write(path, m.bytes, cut);
            struct reading r = reading_of(path, (struct reading_how){.batch_rows = 3});
            assert_int_equal(r.open, EG_OK);
            bool whole = r.position.offset == cut;
            assert_int_equal(r.last, whole ? EG_END : EG_E_CUT);
            assert_true(r.row_count >= rows && r.row_count <= 40);
            assert_memory_equal(reading_text(&r.rows), reading_text(&all.rows), r.rows.size);
            rows = r.row_count;
            char lost[100] = "";
            if (!whole)
                snprintf(lost, sizeof lost, "capture_cut 1 1 %llu\n",
                         (unsigned long long)(cut - r.position.offset));
            assert_string_equal(reading_text(&r.account), lost);
            struct reading_how known = {.batch_rows = 3, .known = &r.position, .known_count = 1};
            if (rows) {
                struct reading same = reading_of(path, known);
                assert_int_equal(same.plan.state, EG_PLAN_KNOWN);
                assert_int_equal(same.plan.rest, !whole);
                reading_reset(&same);
                file_write(path, m.bytes, m.size);
                struct reading grown = reading_of(path, known);
                assert_int_equal(grown.plan.state, EG_PLAN_GROWN);
                assert_int_equal(grown.known_rows, rows);
                assert_int_equal(grown.row_count, 40);
                assert_string_equal(reading_text(&grown.rows), reading_text(&all.rows));
                reading_reset(&grown);
            }
            reading_reset(&r);
        }
        assert_true(rows > (layout == EG_SEQFILE_BLOCKS ? 20 : 38));
        reading_reset(&all);
        made_free(&m);
    }
}

/* A position behind any batch is one that reading goes on from. */
static void stopped_anywhere(void **state) {
    (void)state;
    for (int layout = EG_SEQFILE_PLAIN; layout <= EG_SEQFILE_BLOCKS; layout++) {
        struct made m = seq_file((enum eg_seqfile_layout)layout, 700, 300);
        file_write(path, m.bytes, m.size);
        struct reading all = reading_of(path, (struct reading_how){0});
        for (uint64_t stop = 1; stop <= 70; stop++) {
            struct eg_env env = eg_env_plain;
            struct eg_source *source;
            struct eg_plan plan;
            struct eg_tally tally = {0};
            struct eg_position position;
            env.batch_rows = 10;
            assert_int_equal(eg_source_file.open(&env, path, NULL, &source, NULL), EG_OK);
            assert_int_equal(eg_source_file.plan(source, NULL, 0, &plan, NULL), EG_OK);
            for (uint64_t k = 0; k < stop; k++) {
                struct eg_batch *batch;
                assert_int_equal(eg_source_file.next(source, k, &batch, &tally, NULL), EG_OK);
                eg_batch_unref(batch);
            }
            assert_int_equal(eg_source_file.position(source, stop - 1, &position, NULL), EG_OK);
            eg_source_file.close(source);
            eg_tally_reset(&tally);
            struct reading_how known = {.batch_rows = 7, .known = &position, .known_count = 1};
            struct reading rest = reading_of(path, known);
            /* behind the last row of a block its end is still to be seen */
            bool more = stop < 70 || layout == EG_SEQFILE_BLOCKS;
            assert_int_equal(rest.plan.state, more ? EG_PLAN_GROWN : EG_PLAN_KNOWN);
            if (more) assert_int_equal(rest.known_rows, stop * 10);
            assert_string_equal(reading_text(&rest.rows), reading_text(&all.rows));
            reading_reset(&rest);
        }
        reading_reset(&all);
        made_free(&m);
    }
}

/* Any byte of the file behind the header wrong: never more than what stands up to the next mark is
 * lost, and something is counted where a row is missing. */
static void damaged_anywhere(void **state) {
    (void)state;
    for (int layout = EG_SEQFILE_PLAIN; layout <= EG_SEQFILE_BLOCKS; layout++) {
        struct made m = seq_file((enum eg_seqfile_layout)layout, 60, 20);
        struct eg_seqfile file;
        assert_int_equal(eg_seqfile_open(&file, eg_span(m.bytes, m.size), NULL), EG_OK);
        size_t others = 0;
        for (size_t at = file.head_size; at < m.size; at++) {
            m.bytes[at] ^= 0x81;
            file_write(path, m.bytes, m.size);
            struct reading r = reading_of(path, (struct reading_how){0});
            assert_int_equal(r.open, EG_OK);
            /* a mark that is itself damaged is none: two stretches are lost then */
            assert_true(r.row_count >= 60 - 2 * 20);
            /* where only packets are damaged, only they are lost */
            if (layout != EG_SEQFILE_BLOCKS && at % 97 == 0) others += r.row_count >= 59;
            if (r.row_count < 60) assert_true(r.account.size > 0);
            m.bytes[at] ^= 0x81;
            reading_reset(&r);
        }
        if (layout != EG_SEQFILE_BLOCKS)
            assert_true(others > (m.size - file.head_size) / 97 * 3 / 4);
        made_free(&m);
    }
}

static void damage_is_counted(void **state) {
    (void)state;
    struct made m = seq_file(EG_SEQFILE_PLAIN, 10, 4);
    struct made value = {0};
    struct eg_seqfile file;
    seq_packet(&value, 0);
    assert_int_equal(eg_seqfile_open(&file, eg_span(m.bytes, m.size), NULL), EG_OK);
    size_t second = file.head_size + 16 + value.size;
    bool found;
    size_t next = eg_seqfile_mark_find(&file, eg_span(m.bytes, m.size), second, &found);
    made_set32(&m, second, 0x7ffffff0);
    file_write(path, m.bytes, m.size);
    struct reading r = reading_of(path, (struct reading_how){0});
    char lost[100];
    snprintf(lost, sizeof lost, "capture_damaged 1 0 %zu\n", next - second);
    assert_int_equal(r.last, EG_E_CUT); /* told, though all of it was read */
    assert_int_equal(r.error.position, second);
    assert_int_equal(r.row_count, 7);
    assert_string_equal(reading_text(&r.account), lost);
    assert_int_equal(r.position.offset, m.size);
    reading_reset(&r);

    /* no mark behind it: the rest is lost, and the position stays before it */
    size_t last = m.size;
    seq_record(&m, SEQ_T0, &value, false);
    seq_record(&m, SEQ_T0, &value, false);
    made_set32(&m, last, 3);
    file_write(path, m.bytes, m.size);
    r = reading_of(path, (struct reading_how){0});
    assert_int_equal(r.last, EG_E_CUT);
    assert_int_equal(r.position.offset, last);
    assert_int_equal(r.error.position, last);
    assert_non_null(strstr(r.error.message, "is damaged at byte"));
    assert_non_null(strstr(r.error.message, "passed over; "));
    assert_non_null(strstr(r.error.message, "a record of an impossible length"));
    snprintf(lost, sizeof lost, "capture_damaged 2 0 %zu\n", next - second + m.size - last);
    assert_string_equal(reading_text(&r.account), lost);
    /* unchanged it is known; and when a mark comes, reading goes on behind it */
    struct reading_how known = {.known = &r.position, .known_count = 1};
    struct reading same = reading_of(path, known);
    assert_int_equal(same.plan.state, EG_PLAN_KNOWN);
    reading_reset(&same);
    seq_mark_put(&m);
    seq_record(&m, SEQ_T0 + 5, &value, false);
    file_write(path, m.bytes, m.size);
    struct reading grown = reading_of(path, known);
    assert_int_equal(grown.plan.state, EG_PLAN_GROWN);
    assert_int_equal(grown.row_count, 8);
    assert_int_equal(grown.known_rows, 7);
    reading_reset(&grown);
    reading_reset(&r);
    made_free(&m);
    made_free(&value);
}

/* The file's own mark inside a packet is a part of the packet. */
static void marks_inside_values(void **state) {
    (void)state;
    struct made m = {0}, inner = {0}, value = {0};
    seq_head(&m, SEQ_LONG, NULL, false);
    seq_mark_put(&inner);
    seq_value(&value, false, 0xa1b2c3d4, SEQ_T0, "inner", 5);
    seq_record(&inner, SEQ_T0, &value, false);
    made_free(&value);
    seq_value(&value, false, 0xa1b2c3d4, SEQ_T0, inner.bytes, (uint32_t)inner.size);
    for (int i = 0; i < 3; i++) seq_record(&m, SEQ_T0, &value, false);
    file_write(path, m.bytes, m.size);
    struct reading r = reading_of(path, (struct reading_how){0});
    assert_int_equal(r.row_count, 3);
    assert_string_equal(reading_text(&r.account), "");
    reading_reset(&r);
    made_free(&m);
    made_free(&inner);
    made_free(&value);
}

/* A block that is longer than any buffer, most of whose memory is its packets'. */
static void large_blocks(void **state) {
    (void)state;
    struct made m = {0};
    struct seq_block block = {0};
    uint8_t *payload = malloc(200000);
    uint64_t seed = 9;
    seq_head(&m, SEQ_LONG, SEQ_DEFAULT, true);
    for (uint32_t i = 0; i < 40; i++) {
        struct made value = {0};
        for (uint32_t k = 0; k < 200000; k++) payload[k] = (uint8_t)made_random(&seed);
        seq_value(&value, false, 0xa1b2c3d4, SEQ_T0 + i * INT64_C(1000), payload, 200000 - i);
        seq_block_add(&block, SEQ_T0 + i * INT64_C(1000), &value);
        made_free(&value);
    }
    seq_block_put(&m, &block);
    file_write(path, m.bytes, m.size);
    struct reading r = reading_of(path, (struct reading_how){0});
    assert_int_equal(r.row_count, 40);
    assert_true(r.batch_count >= 2); /* 8 MB do not stand in one batch */
    assert_string_equal(reading_text(&r.account), "");
    assert_int_equal(r.position.offset, m.size);
    reading_reset(&r);
    free(payload);
    made_free(&m);
}

static void bombs_are_refused(void **state) {
    (void)state;
    struct made m = {0}, value = {0};
    struct seq_block block = {0};
    seq_head(&m, SEQ_LONG, SEQ_DEFAULT, true);
    size_t begin = m.size;
    seq_value(&value, false, 0xa1b2c3d4, SEQ_T0, "same", 4);
    for (uint32_t i = 0; i < 100000; i++) seq_block_add(&block, SEQ_T0, &value);
    seq_block_put(&m, &block);
    size_t lost = m.size - begin;
    seq_block_add(&block, SEQ_T0, &value);
    seq_block_put(&m, &block);
    file_write(path, m.bytes, m.size);
    struct reading r = reading_of(path, (struct reading_how){0});
    char account[100];
    snprintf(account, sizeof account, "capture_damaged 1 100000 %zu\n", lost);
    assert_int_equal(r.row_count, 1);
    assert_string_equal(reading_text(&r.account), account);
    reading_reset(&r);
    made_free(&m);

    /* a value that expands to more than any packet */
    made_free(&value);
    value.big = true;
    made_u32(&value, 1000000);
    made_add(&value, NULL, 1000000);
    seq_head(&m, SEQ_LONG, SEQ_DEFAULT, false);
    seq_record(&m, SEQ_T0, &value, true);
    file_write(path, m.bytes, m.size);
    r = reading_of(path, (struct reading_how){0});
    assert_int_equal(r.row_count, 0);
    assert_int_equal(r.last, EG_E_CUT);
    assert_non_null(strstr(reading_text(&r.account), "capture_damaged 1 1 "));
    reading_reset(&r);
    made_free(&m);
    made_free(&value);
}

static void ends_inside_its_header(void **state) {
    (void)state;
    struct made m = seq_file(EG_SEQFILE_PLAIN, 1, 1);
    for (size_t size = 4; size < 95; size += 13) {
        file_write(path, m.bytes, size);
        struct reading r = reading_of(path, (struct reading_how){0});
        assert_int_equal(r.open, EG_E_FORMAT);
        assert_non_null(strstr(r.error.message, "ends inside its header"));
    }
    file_write(path, m.bytes, 95);
    struct reading r = reading_of(path, (struct reading_how){0});
    assert_int_equal(r.open, EG_OK);
    assert_int_equal(r.last, EG_END);
    reading_reset(&r);
    made_free(&m);
}

static void memory_runs_out(void **state) {
    (void)state;
    for (int layout = EG_SEQFILE_PLAIN; layout <= EG_SEQFILE_BLOCKS; layout++) {
        struct made m = seq_file((enum eg_seqfile_layout)layout, 30, 10);
        struct made head = {0};
        struct eg_seqfile file;
        assert_int_equal(eg_seqfile_open(&file, eg_span(m.bytes, m.size), NULL), EG_OK);
        for (long n = 0, failed = 1; failed; n++) {
            struct eg_seqfile_reader *reader = NULL;
            struct eg_builder *builder = NULL;
            struct eg_tally tally = {0};
            uint32_t rows = 0;
            size_t at = file.head_size;
            torture_fail_after(n);
            enum eg_record record = EG_RECORD_OTHER;
            if (eg_seqfile_reader_new(&reader, &file, NULL) == EG_OK &&
                eg_builder_new(&builder, eg_table_get(EG_TABLE_RAW), EG_TABLE_RAW, 64,
                               EG_COLUMNS_ALL, NULL) == EG_OK)
                while (record != EG_RECORD_MORE && record != EG_RECORD_NO_MEMORY) {
                    struct eg_seqfile_step step;
                    struct eg_record_note note;
                    record = eg_seqfile_reader_step(reader, eg_span(m.bytes + at, m.size - at), at,
                                                    builder, &step, &note, &tally);
                    at += step.took;
                    rows += record == EG_RECORD_FRAME;
                }
            failed = torture_off();
            if (!failed) assert_int_equal(rows, 30);
            eg_seqfile_reader_free(reader);
            eg_builder_free(builder);
            eg_tally_reset(&tally);
        }
        made_free(&m);
        made_free(&head);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout_has_the_same_packets),
        cmocka_unit_test(places_are_unique),
        cmocka_unit_test(cut_anywhere_and_grown),
        cmocka_unit_test(stopped_anywhere),
        cmocka_unit_test(damaged_anywhere),
        cmocka_unit_test(damage_is_counted),
        cmocka_unit_test(marks_inside_values),
        cmocka_unit_test(large_blocks),
        cmocka_unit_test(bombs_are_refused),
        cmocka_unit_test(ends_inside_its_header),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, path_make, path_remove);
}
