/* SPDX-License-Identifier: Apache-2.0
 * Becoming a writer: nothing on disk before there is something to say, nothing left when nothing
 * came, and many at once do not trip over each other. */
#include "scratch.h"

#include <sys/wait.h>

static void opening_makes_nothing(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_dataset *ds = open_writer(root);
    struct eg_position *positions;
    struct eg_dataset_file *files;
    size_t count;
    must(eg_dataset_positions(ds, &positions, &count, ERR));
    must(eg_dataset_files(ds, EG_TABLE_FLOWS, INT64_MIN, INT64_MAX, &files, &count, ERR));
    assert_int_equal(count, 0);
    eg_dataset_close(ds);
    assert_int_equal(access(root, F_OK), -1);
    eg_free(root);
}

static void an_empty_dataset_goes_again(void **state) {
    char *root = eg_path_join(*state, "a/b/d");
    struct eg_dataset *ds = open_writer(root);
    must(eg_dataset_ready(ds, ERR));
    must(eg_dataset_ready(ds, ERR));
    char *list = scratch_list(root);
    assert_non_null(strstr(list, "_earlgrey/dataset.json\n"));
    assert_non_null(strstr(list, "_earlgrey/locks/writer-"));
    eg_free(list);
    eg_dataset_close(ds);
    assert_int_equal(access(root, F_OK), -1);
    must(eg_dir_make(root, ERR)); /* one that its owner made stays */
    ds = open_writer(root);
    must(eg_dataset_ready(ds, ERR));
    eg_dataset_close(ds);
    list = scratch_list(root);
    assert_string_equal(list, "");
    assert_int_equal(access(root, F_OK), 0);
    eg_free(list);
    eg_free(root);
}

/* One that was asked for stays, whoever comes and goes without a word; asked for again nothing changes. */
static void an_empty_dataset_that_is_wanted(void **state) {
    char *root = eg_path_join(*state, "a/d");
    struct eg_dataset *ds = open_writer(root);
    must(eg_dataset_lock_source(ds, "k", "k", "k", ERR)); /* it is there by then */
    must(eg_dataset_make(ds, ERR));
    eg_dataset_close(ds);
    char *list = scratch_list(root);
    assert_non_null(strstr(list, "_earlgrey/dataset.json\n"));
    ds = open_writer(root);
    must(eg_dataset_ready(ds, ERR));
    eg_dataset_close(ds);
    ds = open_writer(root);
    must(eg_dataset_make(ds, ERR));
    eg_dataset_close(ds);
    char *again = scratch_list(root);
    assert_int_equal(scratch_count(root, ".done"), 1);
    assert_non_null(strstr(again, "_earlgrey/dataset.json\n"));
    struct eg_position *positions;
    size_t count;
    ds = open_reader(root);
    must(eg_dataset_positions(ds, &positions, &count, ERR));
    assert_int_equal(count, 0);
    eg_dataset_close(ds);
    eg_free(list);
    eg_free(again);
    eg_free(root);
}

/* Four processes make the same dataset, some put something in, some go without: it ends whole. */
static void many_at_once(void **state) {
    char *root = eg_path_join(*state, "d");
    for (int i = 0; i < 4; i++) {
        if (fork() != 0) continue;
        for (int j = 0; j < 12; j++) {
            struct eg_dataset *ds;
            struct eg_error err;
            if (eg_dataset_open(&ds, root, EG_DATASET_WRITE, &test_env, &err) < 0) _exit(1);
            char key[16];
            snprintf(key, sizeof key, "%d", i);
            if (eg_dataset_lock_source(ds, key, key, key, &err) < 0) _exit(2);
            struct eg_position p = position_at(key, (uint64_t)j + 1);
            if ((i + j) % 3 == 0 && try_commit(ds, 2, &p, &err) < 0) {
                fprintf(stderr, "%s\n", err.message);
                _exit(3);
            }
            eg_dataset_close(ds);
        }
        _exit(0);
    }
    for (int i = 0; i < 4; i++) {
        int result;
        wait(&result);
        assert_int_equal(result, 0);
    }
    assert_int_equal(scratch_count(root, ".parquet"), 4 * 4 * 2);
    assert_int_equal(scratch_count(root, ".tmp"), 0);
    assert_int_equal(scratch_count(root, "writer-"), 0);
    struct eg_dataset *ds = open_reader(root);
    struct eg_position *positions;
    size_t count;
    must(eg_dataset_positions(ds, &positions, &count, ERR));
    assert_int_equal(count, 16); /* each session's own */
    eg_free(positions);
    eg_dataset_close(ds);
    eg_free(root);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(opening_makes_nothing),
                                       IN_SCRATCH(an_empty_dataset_goes_again),
                                       IN_SCRATCH(an_empty_dataset_that_is_wanted),
                                       IN_SCRATCH(many_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
