/* SPDX-License-Identifier: Apache-2.0
 * Records are read as commits are, and stay on a disk where nothing else does. */
#include "parquet.h"
#include "store/record.h"
#include "torture.h"

static void written_and_read(void **state) {
    char *root = filled_once(*state);
    struct eg_dataset *ds = open_reader(root);
    struct eg_journal journal = {0}, change = {0};
    must(eg_journal_refresh(&journal, ds->path, &test_env, ERR));
    assert_int_equal(journal.file_count, 3);
    must(eg_journal_add_gone(&change, journal.files[0].path, 0, ERR));
    must(eg_record_write(ds, &change, ERR));
    must(eg_journal_refresh(&journal, ds->path, &test_env, ERR));
    assert_int_equal(journal.file_count, 2);
    must(eg_record_write(ds, &change, ERR)); /* under a name of its own */
    assert_int_equal(scratch_count(root, ".done"), 3);
    eg_journal_reset(&change);
    eg_journal_reset(&journal);
    eg_dataset_close(ds);
    eg_free(root);
}

static void positions(void **state) {
    char *root = filled_once(*state), *path = eg_path_join(root, EG_LAYOUT_POSITIONS), digest[33];
    struct eg_dataset *ds = open_reader(root);
    struct eg_journal journal = {0}, kept = {0};
    must(eg_journal_refresh(&journal, ds->path, &test_env, ERR));
    must(eg_record_positions(ds, &journal, ERR));
    must(eg_journal_read(&kept, path, digest, ERR));
    assert_int_equal(kept.file_count, 0); /* those may go */
    assert_int_equal(kept.mark_count, 1);
    assert_int_equal(kept.marks[0].position->offset, 100);
    assert_int_equal(journal.file_count, 3);
    eg_journal_reset(&kept);
    eg_journal_reset(&journal);
    eg_dataset_close(ds);
    eg_free(path);
    eg_free(root);
}

static void no_memory(void **state) {
    char *root = filled_once(*state);
    struct eg_dataset *ds = open_reader(root);
    struct eg_journal journal = {0};
    must(eg_journal_refresh(&journal, ds->path, &test_env, ERR));
    enum eg_status status = EG_E_NOMEM;
    for (long n = 0; status < 0 && n < 10000; n++) {
        torture_fail_after(n);
        status = eg_record_positions(ds, &journal, ERR);
        if (status >= 0) status = eg_record_write(ds, &journal, ERR);
        torture_off();
        assert_true(status == EG_OK || status == EG_E_NOMEM);
    }
    assert_int_equal(status, EG_OK);
    eg_journal_reset(&journal);
    eg_dataset_close(ds);
    eg_free(root);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(written_and_read), IN_SCRATCH(positions),
                                       IN_SCRATCH(no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
