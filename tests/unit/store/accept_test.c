/* SPDX-License-Identifier: Apache-2.0
 * What is gone is accepted; what is only out of reach is not. */
#include "parquet.h"
#include "store/accept.h"

static enum eg_status accept_at(const char *root, struct eg_accepted *out) {
    struct eg_dataset *ds = open_reader(root);
    struct eg_journal journal = {0};
    must(eg_journal_refresh(&journal, ds->path, &test_env, ERR));
    enum eg_status status = eg_accept_missing(ds, &journal, out, ERR);
    eg_journal_reset(&journal);
    eg_dataset_close(ds);
    return status;
}

static void gone(void **state) {
    char *root = filled_once(*state);
    struct eg_accepted accepted;
    must(accept_at(root, &accepted));
    assert_int_equal(accepted.files, 0);
    assert_int_equal(scratch_count(root, ".done"), 1); /* nothing is written for nothing */
    char *hour = eg_path_join(root, "flows/date=2026-01-02/hour=13");
    scratch_clear(hour);
    eg_free(hour);
    must(accept_at(root, &accepted));
    assert_int_equal(accepted.files, 1);
    assert_int_equal(accepted.rows[EG_TABLE_FLOWS], 1);
    assert_int_equal(accepted.rows[EG_TABLE_PACKETS], 0);
    assert_int_equal(scratch_count(root, "_earlgrey/positions"), 1);
    must(accept_at(root, &accepted));
    assert_int_equal(accepted.files, 0);
    eg_free(root);
}

/* A name that leads nowhere any more is no file that is gone: the disk may come back. */
static void out_of_reach(void **state) {
    char *root = filled_once(*state), *flows = eg_path_join(root, "flows");
    struct eg_accepted accepted;
    scratch_clear(flows);
    assert_int_equal(symlink("flows", flows), 0); /* ELOOP */
    assert_true(accept_at(root, &accepted) < 0);
    assert_non_null(strstr(scratch_err.message, "cannot see whether"));
    assert_int_equal(scratch_count(root, ".done"), 1);
    unlink(flows);
    must(accept_at(root, &accepted));
    assert_int_equal(accepted.files, 3);
    eg_free(flows);
    eg_free(root);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(gone), IN_SCRATCH(out_of_reach)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
