/* SPDX-License-Identifier: Apache-2.0
 * The commit protocol: whole or not at all, wherever it is cut off; every failed call is told and
 * leaves the dataset as it was, or decided. */
#include "crash.h"
#include "torture.h"

static void makes_files_visible(void **state) {
    const char *root = *state;
    struct eg_dataset *ds = open_writer(root);
    struct eg_position p = position_at("k", 100);
    must(try_commit(ds, 3, &p, ERR));
    must(try_commit(ds, 0, &p, ERR)); /* positions alone */
    eg_dataset_close(ds);
    char *list = scratch_list(root);
    assert_string_equal(list, "_earlgrey/catalog.sqlite\n"
                              "_earlgrey/commits/S-000001.done\n"
                              "_earlgrey/commits/S-000002.done\n"
                              "_earlgrey/dataset.json\n"
                              "_earlgrey/locks/dataset.lock\n"
                              "_earlgrey/locks/swap.lock\n"
                              "_earlgrey/locks/upkeep.lock\n"
                              "flows/date=2026-01-02/hour=12/part-S-000001-0000.parquet\n"
                              "flows/date=2026-01-02/hour=13/part-S-000001-0001.parquet\n"
                              "flows/date=2026-01-02/hour=14/part-S-000001-0002.parquet\n");
    eg_free(list);
}

/* Given up before it was finished: the dataset is as before, directories and all. */
static void leaves_nothing_when_given_up(void **state) {
    const char *root = *state;
    struct eg_dataset *ds = open_writer(root);
    must(try_commit(ds, 1, NULL, ERR));
    char *before = scratch_list(root);
    struct eg_commit *commit;
    const char *path;
    must(eg_commit_begin(&commit, ds, ERR));
    must(eg_commit_file(commit, EG_TABLE_PACKETS, NOON, &path, ERR));
    must(eg_file_create(path, "half", 4, ERR));
    assert_int_equal(eg_commit_finish(commit, NULL, 0, ERR), EG_E_USAGE); /* not done */
    eg_commit_free(commit);
    char *after = scratch_list(root);
    assert_string_equal(after, before);
    char *packets = eg_path_join(root, "packets");
    assert_int_equal(access(packets, F_OK), -1);
    eg_free(packets);
    eg_free(before);
    eg_free(after);
    eg_dataset_close(ds);
}

/* ---- crashes ---- */

static void ingest_three_hours(const char *root) {
    struct eg_dataset *ds;
    struct eg_position p = position_at("k", 100);
    if (eg_dataset_open(&ds, root, EG_DATASET_WRITE, &test_env, NULL) < 0) _exit(1);
    if (eg_dataset_lock_source(ds, "k", "k", "k.pcap", NULL) < 0) _exit(2);
    if (try_commit(ds, 3, &p, NULL) < 0) _exit(3);
    eg_dataset_close(ds);
}

static int half_file(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)ftw;
    return flag == FTW_F && eg_layout_ends(path, ".parquet") && st->st_size != 5;
}

/* What any reader sees at any moment: whole files, and for our own readers all of them or none. */
static void readers_see_whole_files(const char *root) {
    if (access(root, F_OK) == 0)
        assert_int_equal(nftw(root, half_file, 16, FTW_PHYS), 0);
    struct eg_dataset *ds = NULL;
    if (eg_dataset_open(&ds, root, EG_DATASET_READ, &test_env, ERR) == EG_E_NOENT) return;
    struct eg_dataset_file *files;
    size_t count;
    must(eg_dataset_files(ds, EG_TABLE_FLOWS, INT64_MIN, INT64_MAX, &files, &count, ERR));
    if (count != 0 && count != 3) fail_msg("%zu of 3 files are visible", count);
    eg_dataset_files_free(files, count);
    eg_dataset_close(ds);
}

/* The next run settles, sees by the position whether anything is missing, and completes it. */
static void completes(const char *root) {
    struct eg_dataset *ds = open_writer(root);
    struct eg_position *positions;
    size_t count;
    assert_int_equal(scratch_count(root, ".tmp"), scratch_count(root, "dataset.json.tmp"));
    assert_int_equal(scratch_count(root, ".intent"), 0);
    must(eg_dataset_positions(ds, &positions, &count, ERR));
    int files = scratch_count(root, ".parquet");
    assert_int_equal(files, count ? 3 : 0);
    if (count) assert_int_equal(positions[0].offset, 100);
    eg_free(positions);
    struct eg_position p = position_at("k", 100);
    must(eg_dataset_lock_source(ds, "k", "k", "k.pcap", ERR)); /* the dead writer's is free */
    if (!count) must(try_commit(ds, 3, &p, ERR));
    eg_dataset_close(ds);
    assert_int_equal(scratch_count(root, ".parquet"), 3);
    assert_int_equal(scratch_count(root, "writer-"), 0);
    assert_int_equal(scratch_count(root, "source-"), 0);
    assert_int_equal(scratch_count(root, ".tmp"), 0);
}

static void crash_anywhere(void **state) {
    char *root = eg_path_join(*state, "d");
    long at = 0, decided = 0;
    for (; crashes(ingest_three_hours, root, at); at++) {
        readers_see_whole_files(root);
        decided += scratch_count(root, ".intent");
        completes(root);
        scratch_clear(root);
    }
    assert_true(at > 40); /* the steps are really there */
    assert_true(decided > 6);
    assert_int_equal(scratch_count(root, ".parquet"), 3);
    eg_free(root);
}

/* … and the recovery is cut off too, at each of its steps (for every third of the first crash). */
static void crash_in_recovery(void **state) {
    char *root = eg_path_join(*state, "d");
    long recoveries = 0;
    for (long at = 1; crashes(ingest_three_hours, root, at); at += 3) {
        scratch_clear(root);
        for (long then = 0;; then++) {
            assert_true(crashes(ingest_three_hours, root, at));
            bool again = crashes(only_open, root, then);
            readers_see_whole_files(root);
            completes(root);
            scratch_clear(root);
            if (!again) break;
            recoveries++;
        }
    }
    assert_true(recoveries > 40);
    eg_free(root);
}

/* ---- calls that fail ---- */

static void failing(const char *root, const char *call, int errnum, enum eg_status expected) {
    for (long at = 0;; at++) {
        scratch_clear(root);
        struct eg_dataset *ds = open_writer(root);
        must(try_commit(ds, 1, NULL, ERR));
        struct eg_position p = position_at("k", 100);
        steps_set(at, errnum, call);
        enum eg_status status = try_commit(ds, 3, &p, ERR);
        bool came = steps_off();
        bool decided = scratch_count(root, ".intent") || scratch_count(root, ".done") == 2;
        if (status < 0) {
            assert_int_equal(status, expected);
            assert_int_equal(scratch_err.status, expected);
            if (!strstr(scratch_err.message, root)) fail_msg("no path: %s", scratch_err.message);
            if (!decided) assert_int_equal(scratch_count(root, ".tmp"), 0);
        }
        eg_dataset_close(ds);
        ds = open_writer(root); /* settles what was decided */
        if (status >= 0) assert_true(decided);
        int files = scratch_count(root, ".parquet");
        assert_int_equal(files, decided ? 4 : 1);
        assert_int_equal(scratch_count(root, ".tmp"), 0);
        eg_dataset_close(ds);
        if (!came) {
            assert_true(at > 2);
            break;
        }
    }
}

static void failed_calls(void **state) {
    char *root = eg_path_join(*state, "d");
    failing(root, "fsync", EIO, EG_E_IO);
    failing(root, "rename", EIO, EG_E_IO);
    failing(root, "write", ENOSPC, EG_E_NOSPACE);
    failing(root, "create", EDQUOT, EG_E_NOSPACE);
    failing(root, "mkdir", EACCES, EG_E_ACCESS);
    eg_free(root);
}

/* A commit that failed after the decision is for the next writer: this one takes no more. */
static void undecided_writer_stops(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_dataset *ds = open_writer(root);
    must(try_commit(ds, 1, NULL, ERR));
    steps_set(1, EIO, "rename"); /* the intent's comes first, then the first file's */
    assert_int_equal(try_commit(ds, 2, NULL, ERR), EG_E_IO);
    assert_true(steps_off());
    assert_int_equal(try_commit(ds, 2, NULL, ERR), EG_E_IO);
    assert_non_null(strstr(scratch_err.message, "half way"));
    eg_dataset_close(ds);
    assert_int_equal(scratch_count(root, ".parquet"), 3); /* two of them still .tmp */
    assert_int_equal(scratch_count(root, ".parquet.tmp"), 2);
    ds = open_writer(root);
    assert_int_equal(scratch_count(root, ".parquet.tmp"), 0);
    assert_int_equal(scratch_count(root, ".parquet"), 3);
    eg_dataset_close(ds);
    eg_free(root);
}

static void survives_no_memory(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_position p = position_at("k", 100);
    for (long n = 0;; n++) {
        scratch_clear(root);
        struct eg_dataset *ds = NULL;
        torture_fail_after(n);
        enum eg_status status = eg_dataset_open(&ds, root, EG_DATASET_WRITE, &test_env, ERR);
        if (status >= 0) status = try_commit(ds, 2, &p, ERR);
        eg_dataset_close(ds);
        bool failed = torture_off();
        if (!failed) {
            assert_int_equal(status, EG_OK);
            break;
        }
        ds = open_writer(root);
        int files = scratch_count(root, ".parquet");
        assert_true(files == 0 || files == 2);
        if (status >= 0) assert_int_equal(files, 2);
        eg_dataset_close(ds);
    }
    eg_free(root);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(makes_files_visible), IN_SCRATCH(leaves_nothing_when_given_up),
        IN_SCRATCH(crash_anywhere),      IN_SCRATCH(crash_in_recovery),
        IN_SCRATCH(failed_calls),        IN_SCRATCH(undecided_writer_stops),
        IN_SCRATCH(survives_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
