/* SPDX-License-Identifier: Apache-2.0
 * The tally: sums by key, merging, its bound, its rows, and memory that runs out. */
#include "table/address.h"
#include "table/tally.h"

#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR INT64_C(3600000000)

static void every_cause_has_a_name_and_a_sentence(void **state) {
    (void)state;
    for (int i = 0; i < EG_CAUSE_COUNT; i++) {
        const struct eg_cause_info *info = eg_cause_info((enum eg_cause)i);
        size_t size = strlen(info->meaning);
        assert_true(size > 10 && info->meaning[size - 1] == '.');
        for (int k = 0; k < i; k++)
            assert_string_not_equal(info->name, eg_cause_info((enum eg_cause)k)->name);
    }
    assert_null(eg_cause_info(EG_CAUSE_COUNT));
    assert_true(eg_cause_info(EG_CAUSE_sequence_gap)->is_loss);
    assert_false(eg_cause_info(EG_CAUSE_record_empty)->is_loss);
    assert_false(eg_cause_info(EG_CAUSE_sequence_gap)->is_unseen);
    assert_true(eg_cause_info(EG_CAUSE_spool_damaged)->is_unseen);
    assert_true(eg_cause_info(EG_CAUSE_spool_damaged)->is_loss);
}

static void sums_by_key(void **state) {
    (void)state;
    struct eg_tally tally = {0};
    struct eg_addr a = eg_addr_v4(1), b = eg_addr_v4(2);
    char copy[] = "netflow5"; /* the text counts, not the pointer */
    struct eg_blame from_a = {"netflow5", &a, 7}, also_a = {copy, &a, 7},
                    from_b = {"netflow5", &b, 7};
    eg_tally_add(&tally, EG_CAUSE_short_header, &from_a, 2 * HOUR + 5, 1, 2, 30);
    eg_tally_add(&tally, EG_CAUSE_short_header, &also_a, 2 * HOUR + 1, 1, 2, 30);
    eg_tally_add(&tally, EG_CAUSE_short_header, &from_a, 3 * HOUR, 1, 0, 0);
    eg_tally_add(&tally, EG_CAUSE_short_header, &from_b, 2 * HOUR + 9, 4, 0, 0);
    eg_tally_add(&tally, EG_CAUSE_trailing_bytes, NULL, INT64_MIN, 0, 0, 3);
    eg_tally_add(&tally, EG_CAUSE_short_header, &from_a, -1, 1, 0, 0);
    assert_int_equal(tally.count, 5);
    const struct eg_tally_entry *first = &tally.entries[0];
    assert_int_equal(first->records, 2);
    assert_int_equal(first->packets, 4);
    assert_int_equal(first->bytes, 60);
    assert_int_equal(first->hour, 2);
    assert_int_equal(first->start_us, 2 * HOUR + 1);
    assert_int_equal(first->end_us, 2 * HOUR + 5);
    assert_int_equal(first->domain, 7);
    assert_memory_equal(&first->exporter, &a, sizeof a);
    assert_int_equal(tally.entries[4].hour, -1); /* before 1970 */
    const struct eg_tally_entry *note = &tally.entries[3];
    assert_string_equal(note->source, "packet");
    assert_false(note->has_exporter);
    assert_int_equal(note->domain, -1);
    assert_int_equal(note->start_us, INT64_MIN);
    assert_int_equal(note->bytes, 3);
    struct eg_tally_entry sum = eg_tally_sum(&tally, EG_CAUSE_short_header);
    assert_int_equal(sum.records, 8);
    assert_int_equal(sum.start_us, -1);
    assert_int_equal(sum.end_us, 3 * HOUR);
    assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_no_memory).records, 0);
    assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_no_memory).start_us, INT64_MIN);
    assert_int_equal(tally.lost, 0);
    eg_tally_reset(&tally);
    assert_int_equal(tally.count, 0);
}

static void add_numbered(struct eg_tally *tally, uint32_t n) {
    struct eg_addr exporter = eg_addr_v4(n % 97);
    struct eg_blame blame = {n % 2 ? "netflow5" : "ipfix", n % 5 ? &exporter : NULL, n % 3};
    eg_tally_add(tally, (enum eg_cause)(n % EG_CAUSE_COUNT), &blame, (int64_t)(n % 11) * HOUR + n,
                 1, n, 2);
}

/* However the work is divided, merging in order gives what counting in order gives. */
static void merge_as_one(void **state) {
    (void)state;
    struct eg_tally whole = {0};
    for (uint32_t n = 0; n < 30000; n++) add_numbered(&whole, n * 2654435761u >> 7);
    uint32_t cuts[] = {1, 1000, 7777, 29999};
    for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
        struct eg_tally merged = {0};
        for (uint32_t from = 0; from < 30000; from += cuts[c]) {
            struct eg_tally part = {0};
            for (uint32_t n = from; n < 30000 && n < from + cuts[c]; n++)
                add_numbered(&part, n * 2654435761u >> 7);
            eg_tally_merge(&merged, &part);
            eg_tally_reset(&part);
        }
        assert_int_equal(merged.count, whole.count);
        for (uint32_t i = 0; i < whole.count; i++) {
            const struct eg_tally_entry *a = &merged.entries[i], *b = &whole.entries[i];
            assert_int_equal(a->cause, b->cause);
            assert_string_equal(a->source, b->source);
            assert_int_equal(a->hour, b->hour);
            assert_int_equal(a->start_us, b->start_us);
            assert_int_equal(a->end_us, b->end_us);
            assert_int_equal(a->records, b->records);
            assert_int_equal(a->packets, b->packets);
            assert_int_equal(a->bytes, b->bytes);
        }
        eg_tally_reset(&merged);
    }
    assert_true(whole.count > 5000);
    eg_tally_reset(&whole);
}

static void bounded(void **state) {
    (void)state;
    struct eg_tally tally = {0};
    for (uint32_t n = 0; n < 2 * EG_TALLY_MAX; n++) {
        struct eg_addr exporter = eg_addr_v4(n);
        struct eg_blame blame = {"netflow5", &exporter, 0};
        eg_tally_add(&tally, EG_CAUSE_short_header, &blame, n, 1, 1, 10);
    }
    assert_int_equal(tally.count, EG_TALLY_MAX + 1);
    assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_short_header).bytes, 20 * EG_TALLY_MAX);
    assert_false(tally.entries[EG_TALLY_MAX].has_exporter);
    assert_int_equal(tally.entries[EG_TALLY_MAX].records, EG_TALLY_MAX);
    eg_tally_reset(&tally);
}

static struct eg_batch *rows_of(const struct eg_tally *tally, bool notes) {
    struct eg_builder *builder;
    struct eg_batch *batch;
    assert_int_equal(eg_builder_new(&builder, eg_table_get(EG_TABLE_LOSSES), EG_TABLE_LOSSES, 16,
                                    EG_COLUMNS_ALL, NULL),
                     EG_OK);
    assert_int_equal(eg_tally_rows(tally, notes, builder, NULL), EG_OK);
    assert_int_equal(eg_builder_seal(builder, &batch, NULL), EG_OK);
    eg_builder_free(builder);
    return batch;
}

static void as_rows(void **state) {
    (void)state;
    struct eg_tally tally = {0};
    struct eg_addr a = eg_addr_v4(1);
    struct eg_blame from_a = {"netflow5", &a, 7};
    eg_tally_add(&tally, EG_CAUSE_sequence_gap, &from_a, 5, 30, 0, 0);
    eg_tally_add(&tally, EG_CAUSE_record_empty, &from_a, 6, 1, 0, 0); /* a note */
    eg_tally_add(&tally, EG_CAUSE_capture_cut, NULL, INT64_MIN, 0, 1, 60);
    eg_tally_add(&tally, EG_CAUSE_sequence_gap, &from_a, HOUR, 4, 0, 0);
    eg_tally_add(&tally, EG_CAUSE_sequence_gap, &from_a, HOUR, -4, 0, 0); /* came late after all */
    struct eg_batch *batch = rows_of(&tally, false);
    assert_int_equal(batch->rows, 2);
    const struct eg_column *cols = batch->columns;
    assert_int_equal(eg_col_int(&cols[EG_COL(LOSSES, start_time)], 0), 5);
    assert_int_equal(eg_col_int(&cols[EG_COL(LOSSES, end_time)], 0), 5);
    assert_false(eg_batch_valid(batch, EG_COL(LOSSES, start_time), 1));
    assert_string_equal((const char *)eg_col_text(&cols[EG_COL(LOSSES, source)], 0).at, "netflow5");
    assert_string_equal((const char *)eg_col_text(&cols[EG_COL(LOSSES, source)], 1).at, "packet");
    assert_string_equal((const char *)eg_col_text(&cols[EG_COL(LOSSES, cause)], 0).at,
                        "sequence_gap");
    assert_string_equal((const char *)eg_col_text(&cols[EG_COL(LOSSES, cause)], 1).at,
                        "capture_cut");
    assert_memory_equal(&eg_col_addr(&cols[EG_COL(LOSSES, exporter)])[0], &a, sizeof a);
    assert_false(eg_batch_valid(batch, EG_COL(LOSSES, exporter), 1));
    assert_int_equal(eg_col_int(&cols[EG_COL(LOSSES, domain)], 0), 7);
    assert_false(eg_batch_valid(batch, EG_COL(LOSSES, domain), 1));
    assert_int_equal(eg_col_int(&cols[EG_COL(LOSSES, records)], 0), 30);
    assert_false(eg_batch_valid(batch, EG_COL(LOSSES, records), 1));
    assert_false(eg_batch_valid(batch, EG_COL(LOSSES, packets), 0));
    assert_int_equal(eg_col_int(&cols[EG_COL(LOSSES, bytes)], 1), 60);
    eg_batch_unref(batch);
    batch = rows_of(&tally, true);
    assert_int_equal(batch->rows, 3);
    eg_batch_unref(batch);
    eg_tally_reset(&tally);
}

/* Every addition is either in the sums or in `lost`; nothing leaks. */
static void memory_runs_out(void **state) {
    (void)state;
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct eg_tally tally = {0};
        torture_fail_after(n);
        for (uint32_t k = 0; k < 200; k++) {
            struct eg_addr exporter = eg_addr_v4(k);
            struct eg_blame blame = {"netflow5", &exporter, 0};
            eg_tally_add(&tally, EG_CAUSE_short_header, &blame, 1, 1, 0, 0);
        }
        failed = torture_off();
        assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_short_header).records + tally.lost, 200);
        assert_int_equal(tally.lost > 0, failed);
        struct eg_tally all = {0};
        eg_tally_merge(&all, &tally);
        assert_int_equal(eg_tally_sum(&all, EG_CAUSE_no_memory).records, tally.lost);
        assert_int_equal(eg_tally_sum(&all, EG_CAUSE_short_header).records + tally.lost, 200);
        assert_int_equal(all.lost, 0);
        eg_tally_reset(&all);
        eg_tally_reset(&tally);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cause_has_a_name_and_a_sentence),
        cmocka_unit_test(sums_by_key),
        cmocka_unit_test(merge_as_one),
        cmocka_unit_test(bounded),
        cmocka_unit_test(as_rows),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
