/* SPDX-License-Identifier: Apache-2.0
 * Settling: what the dead left is completed or removed, what the living have is not touched, what
 * is damaged is kept and told. (Crashes at each step: commit_test.) */
#include "scratch.h"

#include <signal.h>
#include <sys/wait.h>

/* A writer in a process of its own, in the middle of a commit; answers its pid. */
static pid_t writer_busy(const char *root, const char *key) {
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct eg_dataset *ds;
        struct eg_commit *commit;
        const char *path;
        char ok = eg_dataset_open(&ds, root, EG_DATASET_WRITE, &test_env, NULL) >= 0 &&
                  eg_dataset_lock_source(ds, key, key, key, NULL) >= 0 &&
                  eg_commit_begin(&commit, ds, NULL) >= 0 &&
                  eg_commit_file(commit, EG_TABLE_FLOWS, NOON, &path, NULL) >= 0 &&
                  eg_file_create(path, "half", 4, NULL) >= 0;
        if (write(ready[1], &ok, 1) != 1) _exit(1);
        pause();
        _exit(0);
    }
    char ok = 0;
    assert_int_equal(read(ready[0], &ok, 1), 1);
    assert_int_equal(ok, 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void end(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void living_are_left_alone(void **state) {
    char *root = eg_path_join(*state, "d");
    pid_t child = writer_busy(root, "k");
    struct eg_dataset *ds = open_writer(root);
    must(try_commit(ds, 1, NULL, ERR));
    struct eg_leftovers found;
    must(eg_settle(root, "", EG_SETTLE_LOOK, &test_env, &found, ERR));
    assert_int_equal(found.writers_alive, 2);
    assert_int_equal(found.temporary, 0);
    eg_dataset_close(ds);
    assert_int_equal(scratch_count(root, ".parquet.tmp"), 1);
    end(child);
    must(eg_settle(root, "", EG_SETTLE_LOOK, &test_env, &found, ERR));
    assert_int_equal(found.writers_dead, 1);
    assert_int_equal(found.temporary, 1);
    assert_int_equal(scratch_count(root, ".parquet.tmp"), 1); /* looking changes nothing */
    ds = open_writer(root);
    assert_int_equal(scratch_count(root, ".parquet.tmp"), 0);
    assert_int_equal(scratch_count(root, "writer-"), 0);
    assert_int_equal(scratch_count(root, "source-"), 0);
    assert_int_equal(scratch_count(root, ".parquet"), 1);
    eg_dataset_close(ds);
    eg_free(root);
}

/* A decided commit, cut off: by hand, as the renames of commit_test leave it. */
static void make_intent(const char *root) {
    struct eg_dataset *ds = open_writer(root);
    must(try_commit(ds, 2, NULL, ERR));
    eg_dataset_close(ds);
    char command[800];
    snprintf(command, sizeof command,
             "cd '%s' && for f in _earlgrey/commits/*.done; do mv $f ${f%%done}intent; done && "
             "for f in flows/*/*/*.parquet; do mv $f ${f%%/*}/_${f##*/}.tmp; done", root);
    assert_int_equal(system(command), 0);
}

static void intents_go_forward(void **state) {
    char *root = eg_path_join(*state, "d");
    make_intent(root);
    struct eg_dataset *ds = open_writer(root);
    assert_int_equal(scratch_count(root, ".tmp"), 0);
    assert_int_equal(scratch_count(root, ".done"), 1);
    assert_int_equal(scratch_count(root, ".parquet"), 2);
    assert_non_null(strstr(last_log, "completed the commit"));
    eg_dataset_close(ds);
    eg_free(root);
}

/* The outcome of a damaged intent is not ours to guess: its files stay as they are. */
static void damaged_intent_is_kept(void **state) {
    char *root = eg_path_join(*state, "d"), command[600];
    make_intent(root);
    snprintf(command, sizeof command, "sed -i 's/rows/rowz/' '%s'/_earlgrey/commits/*.intent", root);
    assert_int_equal(system(command), 0);
    struct eg_dataset *ds = open_writer(root);
    must(try_commit(ds, 1, NULL, ERR)); /* and work goes on */
    eg_dataset_close(ds);
    struct eg_leftovers found;
    must(eg_settle(root, "", EG_SETTLE_WHOLE, &test_env, &found, ERR));
    assert_int_equal(found.damaged, 1);
    assert_int_equal(found.temporary, 0);
    assert_int_equal(scratch_count(root, ".parquet.tmp"), 2);
    assert_int_equal(scratch_count(root, ".intent"), 1);
    assert_non_null(strstr(last_log, "damaged"));
    eg_free(root);
}

/* A partition that somebody removed with a crash's leftovers in it does not stop anything. */
static void lost_files_are_told(void **state) {
    char *root = eg_path_join(*state, "d"), command[600];
    make_intent(root);
    snprintf(command, sizeof command, "rm -r '%s'/flows/date=2026-01-02/hour=13", root);
    assert_int_equal(system(command), 0);
    struct eg_leftovers found;
    must(eg_settle(root, "", EG_SETTLE_DEAD, &test_env, &found, ERR));
    assert_int_equal(found.intents, 1);
    assert_int_equal(found.lost_files, 1);
    assert_int_equal(scratch_count(root, ".parquet"), 1);
    assert_int_equal(scratch_count(root, ".done"), 1);
    eg_free(root);
}

/* Names that are not ours are never removed, .tmp or not. */
static void strangers_are_left_alone(void **state) {
    char *root = eg_path_join(*state, "d"), command[600];
    make_intent(root);
    snprintf(command, sizeof command, "touch '%s'/flows/date=2026-01-02/hour=13/x.parquet.tmp", root);
    assert_int_equal(system(command), 0);
    struct eg_leftovers found;
    must(eg_settle(root, "", EG_SETTLE_WHOLE, &test_env, &found, ERR));
    assert_int_equal(scratch_count(root, "x.parquet.tmp"), 1);
    assert_int_equal(scratch_count(root, ".tmp"), 1);
    eg_free(root);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(living_are_left_alone), IN_SCRATCH(intents_go_forward),
        IN_SCRATCH(damaged_intent_is_kept), IN_SCRATCH(lost_files_are_told),
        IN_SCRATCH(strangers_are_left_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
