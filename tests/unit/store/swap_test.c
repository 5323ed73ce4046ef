/* SPDX-License-Identifier: Apache-2.0
 * An hour exchanged or taken away: whole or not at all, wherever it is cut off and whichever call
 * fails; late files stay; writers and exchanges wait for each other. */
#include "store/swap.h"

#include "crash.h"
#include "torture.h"

#include <pthread.h>

static char put_before[600]; /* a file that appears right before the exchange; "": none */

int renameat2(int from, const char *path, int into, const char *to, unsigned flags) {
    if (step("renameat2")) return -1;
    if (put_before[0]) must(eg_file_create(put_before, "mine", 4, ERR));
    put_before[0] = 0;
    return (int)syscall(SYS_renameat2, from, path, into, to, flags);
}
int link(const char *from, const char *to) {
    if (step("link")) return -1;
    return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

#define PARTITION "flows/date=2026-01-02/hour=12"

/* A dataset of two commits to the same hour. */
static void fill(const char *root) {
    struct eg_dataset *ds = open_writer(root);
    struct eg_position p = position_at("k", 100);
    must(try_commit(ds, 1, &p, ERR));
    p.offset = 200;
    must(try_commit(ds, 1, &p, ERR));
    eg_dataset_close(ds);
}

static void gone_all(struct eg_journal *change, const char *root) {
    struct eg_names names;
    char *path = eg_path_join(root, PARTITION);
    must(eg_names_read(&names, path, ERR));
    for (size_t i = 0; i < names.count; i++) {
        struct eg_strbuf relative = {0};
        eg_strbuf_printf(&relative, PARTITION "/%s", names.names[i]);
        must(eg_journal_add_gone(change, relative.text, 0, ERR));
        eg_strbuf_reset(&relative);
    }
    eg_names_reset(&names);
    eg_free(path);
}

/* What compaction does once it has merged: `exchange`, or the hour is taken away. */
static enum eg_status swap_one(struct eg_dataset *ds, const struct eg_journal *gone, bool exchange,
                               struct eg_error *err) {
    char commit[EG_COMMIT_TEXT];
    eg_layout_commit(ds->session, ++ds->commits, commit);
    struct eg_journal change = {0};
    struct eg_strbuf file = {0}, relative = {0};
    enum eg_status status = EG_OK;
    eg_strbuf_printf(&file, "%s/" EG_LAYOUT_ASIDE "/%s.hour", ds->path, commit);
    if (file.failed) return eg_fail(err, EG_E_NOMEM, "memory");
    if (exchange) status = eg_dir_make(file.text, err);
    eg_strbuf_char(&file, '/');
    eg_layout_sorted(commit, 0, &file);
    eg_strbuf_text(&relative, PARTITION "/");
    eg_layout_sorted(commit, 0, &relative);
    if (status >= 0 && (file.failed || relative.failed))
        status = eg_fail(err, EG_E_NOMEM, "memory");
    if (status >= 0 && exchange) status = eg_file_create(file.text, "whole", 5, err);
    struct eg_journal_file entry = {relative.text, EG_TABLE_FLOWS, 20, 5, NOON, NOON + HOUR - 1};
    if (status >= 0 && exchange) status = eg_journal_add_file(&change, &entry, err);
    for (size_t i = 0; status >= 0 && i < gone->gone_count; i++)
        status = eg_journal_add_gone(&change, gone->gone[i].path, 0, err);
    struct eg_swap_hold hold;
    if (status >= 0) status = eg_swap_begin(&hold, ds, err);
    if (status >= 0) {
        status = eg_swap_hour(ds, PARTITION, commit, &change, err);
        eg_swap_end(&hold);
    }
    if (status != EG_OK && !ds->unsettled) eg_swap_drop(ds->path, commit);
    eg_journal_reset(&change);
    eg_strbuf_reset(&file);
    eg_strbuf_reset(&relative);
    if (status == EG_OK) eg_dataset_tidy(ds);
    return status;
}

static enum eg_status swap_at(const char *root, bool exchange, struct eg_error *err) {
    struct eg_dataset *ds = NULL;
    struct eg_journal gone = {0};
    EG_TRY(eg_dataset_open(&ds, root, EG_DATASET_WRITE, &test_env, err));
    enum eg_status status = eg_dataset_ready(ds, err);
    if (status >= 0) {
        gone_all(&gone, root);
        status = swap_one(ds, &gone, exchange, err);
    }
    eg_journal_reset(&gone);
    eg_dataset_close(ds);
    return status;
}

static int files_in(const char *root) {
    char *hour = eg_path_join(root, "flows");
    int count = scratch_count(hour, ".parquet");
    eg_free(hour);
    return count;
}

static bool none_spared(void *to, const char *session) {
    (void)to, (void)session;
    return false;
}
static size_t swept(const char *root, int64_t grace_us) {
    size_t left = 99;
    struct eg_sweep sweep = {.root = root, .spare = none_spared, .grace_us = grace_us};
    must(eg_swap_sweep(&sweep, &left, ERR));
    return left;
}

static void exchanged(void **state) {
    const char *root = *state;
    fill(root);
    must(swap_at(root, true, ERR));
    assert_int_equal(files_in(root), 1);
    assert_int_equal(scratch_count(root, PARTITION "/sorted-S-000001-0000.parquet"), 1);
    assert_int_equal(scratch_count(root, ".swap"), 0);
    assert_int_equal(scratch_count(root, EG_LAYOUT_ASIDE "/"), 2); /* the old files */
    struct eg_dataset *ds = open_reader(root);
    struct eg_dataset_file *files;
    struct eg_position *positions;
    size_t count;
    must(eg_dataset_files(ds, EG_TABLE_FLOWS, NOON, NOON, &files, &count, ERR));
    assert_int_equal(count, 1);
    assert_int_equal(files[0].rows, 20);
    eg_dataset_files_free(files, count);
    must(eg_dataset_positions(ds, &positions, &count, ERR));
    assert_int_equal(count, 1);
    assert_int_equal(positions[0].offset, 200);
    eg_free(positions);
    eg_dataset_close(ds);
    assert_int_equal(swept(root, 60000000), 1); /* not yet */
    assert_int_equal(swept(root, 0), 0);
    assert_int_equal(scratch_count(root, EG_LAYOUT_ASIDE "/"), 0);
}

static void taken_away(void **state) {
    const char *root = *state;
    fill(root);
    must(swap_at(root, false, ERR));
    assert_int_equal(files_in(root), 0);
    assert_int_equal(scratch_count(root, "date="), 0);
    assert_int_equal(scratch_count(root, EG_LAYOUT_ASIDE "/"), 2);
    assert_int_equal(swept(root, 0), 0);
    fill(root); /* late rows: the hour is there again */
    assert_int_equal(files_in(root), 2);
}

/* A file that came after the merge began is in the hour afterwards, too. */
static void late_files_stay(void **state) {
    const char *root = *state;
    struct eg_journal gone = {0};
    fill(root);
    gone_all(&gone, root);
    fill(root); /* two more */
    struct eg_dataset *ds = open_writer(root);
    must(eg_dataset_ready(ds, ERR));
    assert_int_equal(swap_one(ds, &gone, true, ERR), EG_OK);
    assert_int_equal(files_in(root), 3);
    /* none of those that should go is there any more: nothing is done */
    assert_int_equal(swap_one(ds, &gone, true, ERR), EG_END);
    assert_int_equal(files_in(root), 3);
    /* to be taken away, an hour must hold nothing else */
    struct eg_journal none = {0};
    assert_int_equal(swap_one(ds, &none, false, ERR), EG_END);
    assert_int_equal(files_in(root), 3);
    struct eg_strbuf other = {0};
    eg_strbuf_printf(&other, "%s/" PARTITION "/notes", root);
    must(eg_file_create(other.text, "mine", 4, ERR));
    assert_int_equal(swap_one(ds, &none, false, ERR), EG_E_FORMAT);
    assert_int_equal(files_in(root), 3);
    eg_strbuf_reset(&other);
    eg_dataset_close(ds);
    eg_journal_reset(&gone);
}

/* Somebody who knows nothing of our locks copies a file there in the last moment. */
static void files_put_by_hand_stay(void **state) {
    const char *root = *state;
    fill(root);
    snprintf(put_before, sizeof put_before, "%s/" PARTITION "/hand.parquet", root);
    must(swap_at(root, true, ERR));
    assert_string_equal(put_before, "");
    assert_int_equal(swept(root, 0), 0);
    assert_int_equal(files_in(root), 2);
    assert_int_equal(scratch_count(root, "hand.parquet"), 1);
}

/* ---- crashes ---- */

/* After a crash: the hour is as it was, or as it should become, and the journal knows which. */
static void settles(const char *root, int after) {
    struct eg_dataset *ds = open_writer(root);
    assert_int_equal(scratch_count(root, ".swap"), 0);
    int files = files_in(root);
    if (files != 2 && files != after) fail_msg("%d files", files);
    must(eg_journal_refresh(&ds->journal, root, &test_env, ERR));
    assert_int_equal(ds->journal.file_count, files);
    assert_int_equal(ds->journal.mark_count, 1);
    eg_dataset_close(ds);
    swept(root, 0);
    assert_int_equal(scratch_count(root, "aside/"), 0);
    assert_int_equal(scratch_count(root, "writer-"), 0);
    assert_int_equal(files_in(root), files);
    if (files == 2) must(swap_at(root, after == 1, ERR));
    assert_int_equal(files_in(root), after);
}

static void exchange_once(const char *root) {
    if (swap_at(root, true, NULL) < 0) _exit(1);
}
static void take_once(const char *root) {
    if (swap_at(root, false, NULL) < 0) _exit(1);
}

static void crash_anywhere(void **state) {
    char *root = eg_path_join(*state, "d");
    for (int after = 0; after < 2; after++) {
        long at = 0, undecided = 0;
        for (;; at++) {
            scratch_clear(root);
            fill(root);
            if (!crashes(after ? exchange_once : take_once, root, at)) break;
            undecided += scratch_count(root, ".swap\n") > 0;
            settles(root, after);
        }
        assert_true(at > 30);
        assert_true(undecided >= 3);
    }
    eg_free(root);
}

static void crash_in_recovery(void **state) {
    char *root = eg_path_join(*state, "d");
    long recoveries = 0;
    for (long at = 1;; at += 2) {
        bool again = true, first = true;
        for (long then = 0; again && first; then++) {
            scratch_clear(root);
            fill(root);
            first = crashes(exchange_once, root, at);
            again = first && crashes(only_open, root, then);
            recoveries += again;
            if (first) settles(root, 1);
        }
        if (!first) break;
    }
    assert_true(recoveries > 40);
    eg_free(root);
}

/* ---- calls that fail ---- */

static void failing(const char *root, const char *call, int errnum) {
    long failed = 0;
    for (long at = 0;; at++) {
        scratch_clear(root);
        fill(root);
        struct eg_error err = {0};
        steps_set(at, errnum, call);
        enum eg_status status = swap_at(root, true, &err);
        if (!steps_off()) break;
        failed += status < 0;
        if (status < 0) assert_true(err.message[0] != 0);
        settles(root, 1);
    }
    if (!failed) fail_msg("no failing %s was told", call);
}

static void failed_calls(void **state) {
    char *root = eg_path_join(*state, "d");
    failing(root, "renameat2", EINVAL);
    failing(root, "fsync", EIO);
    failing(root, "rename", EIO);
    failing(root, "create", ENOSPC);
    failing(root, "write", ENOSPC);
    failing(root, "mkdir", ENOSPC);
    eg_free(root);
}

static void survives_no_memory(void **state) {
    char *root = eg_path_join(*state, "d");
    long at = 0;
    for (bool failed = true; failed; at++) {
        scratch_clear(root);
        fill(root);
        struct eg_dataset *ds = open_writer(root);
        must(eg_dataset_ready(ds, ERR));
        struct eg_journal gone = {0};
        gone_all(&gone, root);
        torture_fail_after(at);
        (void)!swap_one(ds, &gone, true, ERR);
        failed = torture_off();
        eg_dataset_close(ds);
        eg_journal_reset(&gone);
        settles(root, 1);
    }
    assert_true(at > 20);
    eg_free(root);
}

/* A writer in the middle of a commit is waited for, and its file is in the hour. */
static void *commit_slowly(void *of) {
    struct eg_dataset *ds = NULL;
    struct eg_commit *commit = NULL;
    struct eg_error own = {0};
    const char *path;
    bool whole = eg_dataset_open(&ds, of, EG_DATASET_WRITE, &test_env, &own) >= 0 &&
                 eg_commit_begin(&commit, ds, &own) >= 0 &&
                 eg_commit_file(commit, EG_TABLE_FLOWS, NOON, &path, &own) >= 0 &&
                 eg_file_create(path, "whole", 5, &own) >= 0;
    usleep(200000);
    whole = whole && eg_commit_file_done(commit, path, 10, NOON, NOON + 1, &own) >= 0 &&
            eg_commit_finish(commit, NULL, 0, &own) >= 0;
    eg_commit_free(commit);
    eg_dataset_close(ds);
    return whole ? of : NULL;
}

static void waits_for_commits(void **state) {
    char *root = *state;
    struct eg_journal gone = {0};
    fill(root);
    gone_all(&gone, root);
    struct eg_dataset *ds = open_writer(root);
    must(eg_dataset_ready(ds, ERR));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, commit_slowly, root), 0);
    while (scratch_count(root, ".parquet.tmp") == 0) usleep(1000);
    assert_int_equal(swap_one(ds, &gone, true, ERR), EG_OK);
    void *whole = NULL;
    pthread_join(thread, &whole);
    assert_ptr_equal(whole, root);
    assert_int_equal(scratch_count(root, ".tmp"), 0);
    assert_int_equal(files_in(root), 2);
    eg_dataset_close(ds);
    eg_journal_reset(&gone);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(exchanged),        IN_SCRATCH(taken_away),
        IN_SCRATCH(late_files_stay),  IN_SCRATCH(files_put_by_hand_stay),
        IN_SCRATCH(crash_anywhere),   IN_SCRATCH(crash_in_recovery),
        IN_SCRATCH(failed_calls),     IN_SCRATCH(survives_no_memory),
        IN_SCRATCH(waits_for_commits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
