/* SPDX-License-Identifier: Apache-2.0
 * The catalog: fresh after each commit; missing, old or damaged it is noticed and made again, and
 * says the same as before. */
#include "store/catalog.h"

#include "scratch.h"

#include <sqlite3.h>

static enum eg_status sum(void *to, const struct eg_journal_file *file, struct eg_error *err) {
    (void)err;
    *(uint64_t *)to += file->rows;
    return EG_OK;
}

/* Rows of flows as the catalog knows them; -1: it is not in that state. */
static int64_t rows_when(const char *root, enum eg_catalog_state expected) {
    uint64_t rows = 0;
    enum eg_catalog_state state;
    struct eg_catalog_visit visit = {sum, &rows};
    enum eg_status status = eg_catalog_files(root, EG_TABLE_FLOWS, &visit, &state, ERR);
    assert_int_equal(status, expected == EG_CATALOG_FRESH ? EG_OK : EG_END);
    if (state != expected)
        fail_msg("the catalog is %s, not %s", eg_catalog_state_name(state),
                 eg_catalog_state_name(expected));
    return (int64_t)rows;
}

static void replace(const char *root, const char *text) {
    char *path = eg_path_join(root, "_earlgrey/catalog.sqlite");
    unlink(path);
    if (text) must(eg_file_create(path, text, strlen(text), ERR));
    eg_free(path);
}

static void remade_because(const char *root, const char *why) {
    struct eg_strbuf text = {0};
    must(eg_catalog_remade(root, &text, ERR));
    if (why && (!text.text || !strstr(text.text, why))) fail_msg("\"%s\": no %s", text.text, why);
    if (!why) assert_int_equal(text.size, 0);
    eg_strbuf_reset(&text);
}

static void follows_commits(void **state) {
    char *root = eg_path_join(*state, "d");
    commit_times(root, 1);
    assert_int_equal(rows_when(root, EG_CATALOG_FRESH), 20);
    commit_times(root, 3);
    assert_int_equal(rows_when(root, EG_CATALOG_FRESH), 80);
    remade_because(root, NULL);
    sqlite3 *db;
    sqlite3_stmt *statement;
    char *path = eg_path_join(root, "_earlgrey/catalog.sqlite");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "select count(*), sum(offset) from positions", -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(statement, 0), 2); /* two sessions */
    assert_int_equal(sqlite3_column_int(statement, 1), 1 + 3);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    eg_free(path);
    eg_free(root);
}

static void made_again(void **state) {
    char *root = eg_path_join(*state, "d");
    commit_times(root, 2);
    replace(root, NULL);
    rows_when(root, EG_CATALOG_MISSING);
    commit_times(root, 1);
    assert_int_equal(rows_when(root, EG_CATALOG_FRESH), 60);
    remade_because(root, "missing");
    replace(root, "SQLite format 3, or so it says; the rest is rubbish, rubbish, rubbish.");
    rows_when(root, EG_CATALOG_DAMAGED);
    commit_times(root, 1);
    assert_int_equal(rows_when(root, EG_CATALOG_FRESH), 80);
    remade_because(root, "damaged");
    replace(root, ""); /* empty: what a power loss leaves */
    rows_when(root, EG_CATALOG_UNFINISHED);
    commit_times(root, 1);
    assert_int_equal(rows_when(root, EG_CATALOG_FRESH), 100);
    remade_because(root, "unfinished");
    replace(root, "half of it");
    char *left = eg_path_join(root, "_earlgrey/catalog.sqlite-journal");
    must(eg_file_create(left, "begun", 5, ERR));
    rows_when(root, EG_CATALOG_UNFINISHED);
    assert_non_null(strstr(eg_catalog_state_name(EG_CATALOG_UNFINISHED), "a run was killed"));
    commit_times(root, 1);
    assert_int_equal(rows_when(root, EG_CATALOG_FRESH), 120);
    remade_because(root, "unfinished");
    assert_int_not_equal(access(left, F_OK), 0);
    eg_free(left);
    eg_free(root);
}

/* A commit that came without it (a writer killed in between): noticed by name. */
static void old(void **state) {
    char *root = eg_path_join(*state, "d"), command[800];
    commit_times(root, 1);
    snprintf(command, sizeof command, "cp '%s/_earlgrey/catalog.sqlite' '%s/kept'", root,
             (char *)*state);
    assert_int_equal(system(command), 0);
    commit_times(root, 1);
    snprintf(command, sizeof command, "cp '%s/kept' '%s/_earlgrey/catalog.sqlite'", (char *)*state,
             root);
    assert_int_equal(system(command), 0);
    rows_when(root, EG_CATALOG_OLD);
    commit_times(root, 1);
    assert_int_equal(rows_when(root, EG_CATALOG_FRESH), 60);
    commit_times(root, 150); /* folded on the way: the snapshot is another one, the rows are the same */
    assert_int_equal(rows_when(root, EG_CATALOG_FRESH), 60 + 150 * 20);
    eg_free(root);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(follows_commits), IN_SCRATCH(made_again),
                                       IN_SCRATCH(old)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
