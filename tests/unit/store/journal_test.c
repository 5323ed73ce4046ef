/* SPDX-License-Identifier: Apache-2.0
 * The journal: which positions replace which, reading again only what is new, folding, damage. */
#include "store/journal.h"

#include "scratch.h"

#define A "aaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbb"

static void marks(void **state) {
    (void)state;
    struct eg_journal journal = {0};
    struct eg_position p = position_at("k", 100), q = position_at("k", 200);
    must(eg_journal_add_mark(&journal, &q, A, 2, ERR));
    must(eg_journal_add_mark(&journal, &p, A, 1, ERR)); /* older: read later, changes nothing */
    assert_int_equal(journal.mark_count, 1);
    assert_int_equal(journal.marks[0].position->offset, 200);
    must(eg_journal_add_mark(&journal, &p, B, 1, ERR)); /* another session's stays beside it */
    assert_int_equal(journal.mark_count, 2);
    struct eg_position other = q;
    snprintf(other.table, sizeof other.table, "packets");
    must(eg_journal_add_mark(&journal, &other, A, 2, ERR));
    assert_int_equal(journal.mark_count, 3);
    uint64_t version = journal.version;
    must(eg_journal_add_mark(&journal, &other, A, 2, ERR)); /* the same again: nothing new */
    assert_int_equal(journal.version, version);
    eg_journal_reset(&journal);
}

static void refresh(void **state) {
    const char *root = *state;
    struct eg_journal journal = {0};
    must(eg_journal_refresh(&journal, root, &test_env, ERR)); /* nothing there: nothing */
    assert_int_equal(journal.file_count, 0);
    commit_times(root, 2);
    must(eg_journal_refresh(&journal, root, &test_env, ERR));
    assert_int_equal(journal.file_count, 4);
    assert_int_equal(journal.mark_count, 1);
    assert_int_equal(journal.marks[0].position->offset, 2);
    assert_int_equal(journal.done_count, 2);
    commit_times(root, 1);
    must(eg_journal_refresh(&journal, root, &test_env, ERR));
    assert_int_equal(journal.file_count, 6);
    assert_int_equal(journal.mark_count, 2);
    eg_journal_reset(&journal);
}

/* Folded, the journal says the same, whoever reads it and in whatever state the fold was left. */
static void fold(void **state) {
    const char *root = *state;
    commit_times(root, 5);
    struct eg_journal before = {0}, after = {0};
    must(eg_journal_refresh(&before, root, &test_env, ERR));
    char kept[600], back[600];
    snprintf(kept, sizeof kept, "cp -r '%s/_earlgrey/commits' '%s/kept'", root, root);
    snprintf(back, sizeof back, "cp '%s'/kept/*.done '%s/_earlgrey/commits/'", root, root);
    assert_int_equal(system(kept), 0);
    must(eg_journal_fold(&before, root, NOON, ERR));
    assert_int_equal(scratch_count(root, "_earlgrey/commits/S"), 0);
    assert_int_equal(scratch_count(root, "_earlgrey/commits/snapshot"), 1);
    must(eg_journal_refresh(&after, root, &test_env, ERR));
    assert_int_equal(after.file_count, 10);
    assert_int_equal(after.mark_count, 1);
    assert_int_equal(after.marks[0].position->offset, 5);
    assert_string_equal(after.snapshot, before.snapshot);
    assert_int_equal(strlen(after.snapshot), 32);
    eg_journal_reset(&after);
    assert_int_equal(system(back), 0); /* as a kill before their removal leaves it */
    must(eg_journal_refresh(&after, root, &test_env, ERR));
    assert_int_equal(after.file_count, 10);
    assert_int_equal(after.mark_count, 1);
    assert_int_equal(after.marks[0].position->offset, 5);
    eg_journal_reset(&after);
    eg_journal_reset(&before);
}

/* A long-lived writer folds by itself; its files and positions are all still there. */
static void many_commits(void **state) {
    const char *root = *state;
    struct eg_dataset *ds = open_writer(root);
    for (int i = 0; i < 150; i++) {
        struct eg_position p = position_at("k", (uint64_t)i + 1);
        must(try_commit(ds, 1, &p, ERR));
    }
    eg_dataset_close(ds);
    assert_true(scratch_count(root, "_earlgrey/commits/S") < 70);
    struct eg_journal journal = {0};
    must(eg_journal_refresh(&journal, root, &test_env, ERR));
    assert_int_equal(journal.file_count, 150);
    assert_int_equal(journal.mark_count, 1);
    assert_int_equal(journal.marks[0].position->offset, 150);
    eg_journal_reset(&journal);
}

/* One damaged file costs its own commit; nothing is removed, nothing is folded over it. */
static void damage(void **state) {
    const char *root = *state;
    commit_times(root, 3);
    char command[600];
    snprintf(command, sizeof command,
             "cd '%s/_earlgrey/commits' && f=$(ls | head -1) && sed -i 's/rows/rowz/' $f", root);
    assert_int_equal(system(command), 0);
    struct eg_journal journal = {0};
    must(eg_journal_refresh(&journal, root, &test_env, ERR));
    assert_int_equal(journal.file_count, 4);
    assert_int_equal(journal.damaged.count, 1);
    assert_non_null(strstr(last_log, "digest"));
    must(eg_journal_fold(&journal, root, NOON, ERR));
    assert_int_equal(scratch_count(root, "_earlgrey/commits/S"), 3);
    eg_journal_reset(&journal);
}

static bool has(const struct eg_journal *journal, const char *path) {
    uint32_t at = eg_index_find(&journal->file_index, path);
    if (at == EG_INDEX_NONE) return false;
    assert_string_equal(journal->files[at].path, path);
    return true;
}

/* A file that is gone stays so, in whatever order the lines come. */
static void gone(void **state) {
    (void)state;
    struct eg_journal journal = {0};
    char path[32];
    for (uint64_t i = 0; i < 20; i++) {
        snprintf(path, sizeof path, "flows/%llu", (unsigned long long)i);
        struct eg_journal_file file = {path, EG_TABLE_FLOWS, i, i, 0, 0};
        if (i % 4 == 0) must(eg_journal_add_gone(&journal, path, 0, ERR)); /* before */
        must(eg_journal_add_file(&journal, &file, ERR));
        if (i % 4 == 1) must(eg_journal_add_gone(&journal, path, 0, ERR)); /* after */
        must(eg_journal_add_file(&journal, &file, ERR)); /* and read once more */
    }
    must(eg_journal_add_gone(&journal, "flows/1", 1, ERR)); /* twice is once */
    assert_int_equal(journal.gone_count, 10);
    assert_int_equal(journal.file_count, 10);
    for (uint64_t i = 0; i < 20; i++) {
        snprintf(path, sizeof path, "flows/%llu", (unsigned long long)i);
        assert_int_equal(has(&journal, path), i % 4 > 1);
    }
    eg_journal_reset(&journal);
}

static void put_done(const char *root, const char *commit, const struct eg_journal *what) {
    struct eg_strbuf text = {0}, path = {0};
    eg_strbuf_printf(&path, "%s/_earlgrey/commits/%s.done", root, commit);
    must(eg_journal_text(what, commit, NOON, &text, ERR));
    must(eg_file_replace(path.text, text.text, text.size, ERR));
    eg_strbuf_reset(&text);
    eg_strbuf_reset(&path);
}

/* What is gone is remembered through two folds, then forgotten; a reader that had seen the file
 * before forgets it too, though it never saw the line that took it away. */
static void gone_is_folded(void **state) {
    const char *root = *state;
    commit_times(root, 2);
    struct eg_journal old = {0}, journal = {0}, change = {0};
    must(eg_journal_refresh(&old, root, &test_env, ERR));
    assert_int_equal(old.file_count, 4);
    must(eg_journal_fold(&old, root, NOON, ERR));
    must(eg_journal_add_gone(&change, old.files[2].path, 0, ERR));
    put_done(root, A "-000001", &change);
    for (int folds = 0; folds < 4; folds++) {
        must(eg_journal_refresh(&journal, root, &test_env, ERR));
        assert_int_equal(journal.file_count, 3);
        assert_int_equal(journal.gone_count, folds < 3);
        must(eg_journal_fold(&journal, root, NOON + folds, ERR));
        eg_journal_reset(&journal);
    }
    must(eg_journal_refresh(&old, root, &test_env, ERR));
    assert_int_equal(old.file_count, 3);
    assert_int_equal(old.mark_count, 1);
    uint64_t version = old.version;
    must(eg_journal_refresh(&old, root, &test_env, ERR));
    assert_int_equal(old.version, version); /* positions are not new because files were forgotten */
    eg_journal_reset(&old);
    eg_journal_reset(&change);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(marks), IN_SCRATCH(refresh),
                                       IN_SCRATCH(fold), IN_SCRATCH(many_commits),
                                       IN_SCRATCH(damage), cmocka_unit_test(gone),
                                       IN_SCRATCH(gone_is_folded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
