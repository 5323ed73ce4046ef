/* SPDX-License-Identifier: Apache-2.0
 * Strays: which files the journal does not name, and what their footers say. (Through the doctor:
 * doctor_test.) */
#include "store/adopt.h"

#include "parquet.h"

static char *filled(void *state) {
    char *root = eg_path_join(state, "d");
    struct eg_sink *sink = sink_open_at(root);
    struct eg_position p = position_at("k", 100);
    sink_write_flows(sink, NOON, HOUR, 3);
    sink_write_flows(sink, INT64_C(9000000000000000000), 1, 2); /* quarantine, and a row of losses */
    must(eg_sink_dataset.flush(sink, &p, 1, ERR));
    eg_sink_dataset.close(sink);
    return root;
}

static void only_what_is_not_known(void **state) {
    char *root = filled(*state);
    struct eg_dataset *ds = open_writer(root);
    struct eg_journal known = {0}, nothing = {0};
    struct eg_strays strays;
    must(eg_journal_refresh(&known, root, &test_env, ERR));
    must(eg_strays(ds, &known, true, &strays, ERR));
    assert_int_equal(strays.count, 0);
    assert_int_equal(strays.adopted, 0);
    must(eg_strays(ds, &nothing, false, &strays, ERR));
    assert_int_equal(strays.count, 5); /* three hours, quarantine, losses */
    assert_int_equal(strays.adopted, 0);
    assert_int_equal(scratch_count(root, ".done"), 1); /* looking writes nothing */
    eg_journal_reset(&known);
    eg_dataset_close(ds);
    eg_free(root);
}

static void footers_say_the_same(void **state) {
    char *root = filled(*state);
    struct eg_dataset *ds = open_writer(root);
    struct eg_journal written = {0}, nothing = {0}, read = {0};
    struct eg_strays strays;
    must(eg_journal_refresh(&written, root, &test_env, ERR));
    char *bad = eg_path_join(root, "flows/date=2026-01-02/hour=12/bad.parquet");
    must(eg_file_create(bad, "PAR1 it is not", 14, ERR));
    char *done = eg_path_join(root, EG_LAYOUT_COMMITS);
    scratch_clear(done);
    must(eg_dir_make(done, ERR));
    must(eg_strays(ds, &nothing, true, &strays, ERR));
    assert_int_equal(strays.count, 6);
    assert_int_equal(strays.adopted, 5);
    assert_int_equal(strays.broken, 1);
    assert_string_equal(strays.first_broken, "flows/date=2026-01-02/hour=12/bad.parquet");
    must(eg_journal_refresh(&read, root, &test_env, ERR));
    assert_int_equal(read.file_count, written.file_count);
    for (size_t i = 0; i < written.file_count; i++) {
        const struct eg_journal_file *file = &written.files[i];
        uint32_t at = eg_index_find(&read.file_index, file->path);
        assert_true(at != EG_INDEX_NONE);
        assert_int_equal(read.files[at].table, file->table);
        assert_int_equal(read.files[at].rows, file->rows);
        assert_int_equal(read.files[at].bytes, file->bytes);
        if (strncmp(file->path, "flows/", 6) != 0) continue;
        assert_int_equal(read.files[at].start_us, file->start_us);
        assert_int_equal(read.files[at].end_us, file->end_us);
    }
    assert_int_equal(read.mark_count, 1);
    assert_memory_equal(read.marks[0].position, written.marks[0].position,
                        sizeof(struct eg_position));
    assert_string_equal(read.marks[0].session, written.marks[0].session);
    assert_int_equal(read.marks[0].commit, 1);
    eg_journal_reset(&read);
    eg_journal_reset(&written);
    eg_dataset_close(ds);
    eg_free(bad);
    eg_free(done);
    eg_free(root);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(only_what_is_not_known),
                                       IN_SCRATCH(footers_say_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
