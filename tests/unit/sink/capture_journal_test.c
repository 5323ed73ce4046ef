/* SPDX-License-Identifier: Apache-2.0
 * The list of capture files: what it remembers over restarts and cuts, and who may hold it. */
#include "sink/capture_journal.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "sink/captures.h"
#include "torture.h"

static void file_made(struct eg_capture_journal *j, const char *temp, const char *name) {
    assert_int_equal(eg_capture_journal_begin(j, temp, NULL), EG_OK);
    if (name) write_text(j->directory, name, "12345", 5);
    if (name) assert_int_equal(eg_capture_journal_end(j, temp, name, 5, NOON, NULL), EG_OK);
}

static void remembers(void **state) {
    struct eg_capture_journal *j = journal_of(*state);
    file_made(j, ".a.tmp", "a");
    file_made(j, ".b.tmp", NULL);
    file_made(j, ".c.tmp", "c");
    file_made(j, ".d.tmp", NULL);
    assert_int_equal(eg_capture_journal_end(j, ".d.tmp", NULL, 0, 0, NULL), EG_OK);
    for (int again = 0; again < 3; again++) { /* as it is, reopened, and once it was written anew */
        assert_int_equal(j->count, 2);
        assert_string_equal(j->files[0].name, "a");
        assert_string_equal(j->files[1].name, "c");
        assert_int_equal(j->files[1].time_us, NOON);
        assert_int_equal(j->bytes, 10);
        assert_int_equal(j->open_count, 1);
        assert_string_equal(j->open[0], ".b.tmp");
        eg_capture_journal_close(j);
        j = journal_of(*state);
    }
    eg_capture_journal_close(j);
}

static void drops_the_oldest(void **state) {
    char deep[1200];
    struct eg_capture_journal *j = journal_of(*state);
    snprintf(deep, sizeof deep, "%s/x/y", (char *)*state);
    assert_int_equal(eg_dir_make(deep, NULL), EG_OK);
    file_made(j, "x/y/.a.tmp", "x/y/a");
    file_made(j, ".b.tmp", "b");
    assert_int_equal(eg_capture_journal_drop(j, NULL), EG_OK);
    assert_string_equal(listing(*state), "b");
    assert_int_equal(access(deep, F_OK), -1); /* directories that became empty are gone */
    assert_int_equal(j->bytes, 5);
    eg_capture_journal_close(j);
    j = journal_of(*state);
    assert_int_equal(j->count, 1);
    assert_int_equal(eg_capture_journal_drop(j, NULL), EG_OK);
    assert_int_equal(eg_capture_journal_drop(j, NULL), EG_END);
    assert_int_equal(access(*state, F_OK), 0);
    eg_capture_journal_close(j);
}

static void what_others_removed(void **state) {
    char path[1200];
    struct eg_capture_journal *j = journal_of(*state);
    file_made(j, ".a.tmp", "a");
    file_made(j, ".b.tmp", "b");
    eg_capture_journal_close(j);
    snprintf(path, sizeof path, "%s/a", (char *)*state);
    unlink(path);
    j = journal_of(*state);
    assert_int_equal(j->count, 1);
    assert_string_equal(j->files[0].name, "b");
    assert_int_equal(j->bytes, 5);
    eg_capture_journal_close(j);
}

/* Two recorders of one directory have a list each; who comes later takes over what nobody holds. */
static void several_at_a_time(void **state) {
    struct eg_capture_journal *many[EG_CAPTURE_JOURNALS_MAX], *j;
    struct eg_error err;
    for (int i = 0; i < EG_CAPTURE_JOURNALS_MAX; i++) {
        char temp[20], name[20];
        many[i] = journal_of(*state);
        snprintf(temp, sizeof temp, ".t%d.tmp", i);
        snprintf(name, sizeof name, "n%d", i);
        file_made(many[i], ".x.tmp", name);
        file_made(many[i], temp, NULL);
        assert_int_equal(many[i]->count, 1);
    }
    assert_int_equal(eg_capture_journal_open(&j, *state, &err), EG_E_LOCKED);
    assert_non_null(strstr(err.message, "16 recorders write there already"));
    for (int i = 3; i < EG_CAPTURE_JOURNALS_MAX; i++) eg_capture_journal_close(many[i]);
    j = journal_of(*state);
    assert_int_equal(j->count, EG_CAPTURE_JOURNALS_MAX - 3);
    assert_int_equal(j->open_count, EG_CAPTURE_JOURNALS_MAX - 3);
    for (int i = 0; i < 3; i++) eg_capture_journal_close(many[i]);
    eg_capture_journal_close(j);
    j = journal_of(*state);
    assert_int_equal(j->count, EG_CAPTURE_JOURNALS_MAX);
    assert_int_equal(j->bytes, EG_CAPTURE_JOURNALS_MAX * 5);
    assert_int_equal(j->open_count, EG_CAPTURE_JOURNALS_MAX);
    eg_capture_journal_close(j);
    assert_int_equal(size_of(*state, ".earlgrey-captures-1"), -1); /* all in one again */
    assert_true(size_of(*state, ".earlgrey-captures") > 0);
}

/* A crash while a list is taken over: the file stands in both, and is counted once. */
static void in_two_lists(void **state) {
    struct eg_capture_journal *j = journal_of(*state);
    file_made(j, ".a.tmp", "a");
    file_made(j, ".b.tmp", "b");
    eg_capture_journal_close(j);
    static const char line[] = "=\t5\t1767355200000000\ta\t\n=\t5\t7\tolder\t\n";
    write_text(*state, ".earlgrey-captures-7", line, sizeof line - 1);
    write_text(*state, "older", "12345", 5);
    j = journal_of(*state);
    assert_int_equal(j->count, 3);
    assert_int_equal(j->bytes, 15);
    assert_string_equal(j->files[0].name, "older");
    eg_capture_journal_close(j);
}

static void not_there(void **state) {
    char path[1200];
    struct eg_capture_journal *j;
    struct eg_error err;
    write_text(*state, "file", "x", 1);
    snprintf(path, sizeof path, "%s/file", (char *)*state);
    assert_int_equal(eg_capture_journal_open(&j, path, &err), EG_E_NOENT);
}

/* Cut at every byte, or with lines that make no sense, it is read as far as it tells something. */
static void cut_anywhere(void **state) {
    static const char text[] = "=\t5\t7\ta\t.a.tmp\n+\t.b.tmp\nnonsense\n=\t1\n-\tzz\n=\t5\t7\tb\t.b.tmp\n";
    for (size_t size = 0; size <= sizeof text - 1; size++) {
        char path[1200];
        snprintf(path, sizeof path, "%s/.earlgrey-captures", (char *)*state);
        unlink(path);
        write_text(*state, ".earlgrey-captures", text, size);
        if (size == 0) write_text(*state, "a", "12345", 5);
        if (size == 0) write_text(*state, "b", "12345", 5);
        struct eg_capture_journal *j = journal_of(*state);
        assert_int_equal(j->count, (size >= 15) + (size == sizeof text - 1));
        assert_int_equal(j->open_count, size >= 24 && size < sizeof text - 1);
        eg_capture_journal_close(j);
    }
}

static void without_memory(void **state) {
    struct eg_capture_journal *j = journal_of(*state);
    file_made(j, ".a.tmp", "a");
    file_made(j, ".b.tmp", NULL);
    eg_capture_journal_close(j);
    bool failed = true;
    j = NULL;
    for (long n = 0; failed; n++) {
        torture_fail_after(n);
        enum eg_status status = eg_capture_journal_open(&j, *state, NULL);
        if (status == EG_OK) status = eg_capture_journal_begin(j, ".c.tmp", NULL);
        if (status == EG_OK) status = eg_capture_journal_end(j, ".c.tmp", NULL, 0, 0, NULL);
        failed = torture_off();
        if (status != EG_OK) assert_int_equal(status, EG_E_NOMEM);
        eg_capture_journal_close(j);
        j = NULL;
    }
    j = journal_of(*state);
    assert_int_equal(j->count, 1);
    assert_string_equal(j->open[0], ".b.tmp");
    eg_capture_journal_close(j);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(remembers, captures_setup, captures_teardown),
        cmocka_unit_test_setup_teardown(drops_the_oldest, captures_setup, captures_teardown),
        cmocka_unit_test_setup_teardown(what_others_removed, captures_setup, captures_teardown),
        cmocka_unit_test_setup_teardown(several_at_a_time, captures_setup, captures_teardown),
        cmocka_unit_test_setup_teardown(in_two_lists, captures_setup, captures_teardown),
        cmocka_unit_test_setup_teardown(not_there, captures_setup, captures_teardown),
        cmocka_unit_test_setup_teardown(cut_anywhere, captures_setup, captures_teardown),
        cmocka_unit_test_setup_teardown(without_memory, captures_setup, captures_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
