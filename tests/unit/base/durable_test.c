/* SPDX-License-Identifier: Apache-2.0
 * Durable files: what stands afterwards, and what each failure says and leaves behind. */
#include "base/durable.h"

#include "base/alloc.h"
#include "torture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Each test works in a directory of its own, and is its working directory. */
static int setup(void **state) {
    char name[] = P_tmpdir "/eg-durable-XXXXXX";
    if (!mkdtemp(name) || chdir(name) != 0) return -1;
    *state = strdup(name);
    return 0;
}
static int teardown(void **state) {
    char command[100];
    snprintf(command, sizeof command, "rm -r '%s'", (char *)*state);
    free(*state);
    return chdir("/") || system(command);
}

static void holds(const char *path, const char *expected) {
    char *text;
    size_t size;
    struct eg_error err;
    if (eg_file_read(&text, &size, path, 1 << 20, &err) != EG_OK) fail_msg("%s", err.message);
    assert_int_equal(size, strlen(expected));
    assert_string_equal(text, expected);
    eg_free(text);
}

static bool is_there(const char *path) { return access(path, F_OK) == 0; }

static void create(void **state) {
    (void)state;
    struct eg_error err;
    assert_int_equal(eg_file_create("a", "text", 4, &err), EG_OK);
    holds("a", "text");
    assert_int_equal(eg_file_create("a", "other", 5, &err), EG_E_IO);
    assert_string_equal(err.message, "cannot create a: File exists");
    holds("a", "text");
    assert_int_equal(eg_file_create("no/a", "", 0, &err), EG_E_NOENT);
    assert_string_equal(err.message, "cannot create no/a: No such file or directory");
    assert_int_equal(eg_file_create("empty", "", 0, &err), EG_OK);
    holds("empty", "");
}

static void replace(void **state) {
    (void)state;
    struct eg_error err;
    assert_int_equal(eg_file_replace("a", "one", 3, &err), EG_OK);
    holds("a", "one");
    assert_int_equal(eg_file_create("a.tmp", "left by a crash", 15, &err), EG_OK);
    assert_int_equal(eg_file_replace("a", "two", 3, &err), EG_OK);
    holds("a", "two");
    assert_false(is_there("a.tmp"));
    assert_int_equal(mkdir("full", 0777), 0);
    assert_int_equal(eg_file_create("full/x", "", 0, &err), EG_OK);
    assert_true(eg_file_replace("full", "", 0, &err) < 0); /* a directory stands there */
    assert_non_null(strstr(err.message, "cannot rename full.tmp to full: "));
    assert_false(is_there("full.tmp"));
}

/* A full disk, played by the limit on the size of files. */
static void no_space(void **state) {
    (void)state;
    struct rlimit old, small;
    struct eg_error err;
    static char zeros[10000];
    assert_int_equal(eg_file_replace("a", "before", 6, &err), EG_OK);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 4096;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    enum eg_status created = eg_file_create("b", zeros, sizeof zeros, &err);
    enum eg_status replaced = eg_file_replace("a", zeros, sizeof zeros, NULL);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(created, EG_E_NOSPACE);
    assert_string_equal(err.message, "cannot write b: File too large");
    assert_false(is_there("b"));
    assert_int_equal(replaced, EG_E_NOSPACE);
    holds("a", "before");
    assert_false(is_there("a.tmp"));
}

static void no_permission(void **state) {
    (void)state;
    struct eg_error err;
    char *text;
    size_t size;
    assert_int_equal(mkdir("locked", 0777), 0);
    assert_int_equal(eg_file_create("locked/a", "x", 1, &err), EG_OK);
    assert_int_equal(chmod("locked/a", 0), 0);
    assert_int_equal(chmod("locked", 0555), 0);
    assert_int_equal(chmod(".", 0755), 0);
    bool root = geteuid() == 0;
    if (root) assert_int_equal(seteuid(65534), 0);
    enum eg_status status = eg_file_create("locked/b", "", 0, &err);
    enum eg_status read = eg_file_read(&text, &size, "locked/a", 10, NULL);
    enum eg_status made = eg_dir_make("locked/x/y", NULL);
    if (root) assert_int_equal(seteuid(0), 0);
    assert_int_equal(status, EG_E_ACCESS);
    assert_string_equal(err.message, "cannot create locked/b: Permission denied");
    assert_int_equal(read, EG_E_ACCESS);
    assert_int_equal(made, EG_E_ACCESS);
    assert_int_equal(chmod("locked", 0777), 0);
}

static void sync_and_rename(void **state) {
    (void)state;
    struct eg_error err;
    assert_int_equal(eg_file_create("a", "x", 1, &err), EG_OK);
    assert_int_equal(eg_file_sync("a", &err), EG_OK);
    assert_int_equal(eg_dir_sync(".", &err), EG_OK);
    assert_int_equal(eg_dir_sync("a", &err), EG_E_NOENT);
    assert_int_equal(eg_file_sync("no", &err), EG_E_NOENT);
    assert_string_equal(err.message, "cannot open no: No such file or directory");
    assert_int_equal(eg_file_rename("a", "b", &err), EG_OK);
    holds("b", "x");
    assert_int_equal(eg_file_rename("a", "b", &err), EG_E_NOENT);
    assert_string_equal(err.message, "cannot rename a to b: No such file or directory");
}

static void directories(void **state) {
    struct eg_error err;
    char absolute[200];
    assert_int_equal(eg_dir_make("x/y//z", &err), EG_OK);
    assert_true(is_there("x/y/z"));
    assert_int_equal(eg_dir_make("x/y/z/", &err), EG_OK);
    assert_int_equal(eg_dir_make("x/y/z/w/", &err), EG_OK);
    assert_true(is_there("x/y/z/w"));
    assert_int_equal(eg_dir_make(".", &err), EG_OK);
    assert_int_equal(eg_dir_make("/", &err), EG_OK);
    snprintf(absolute, sizeof absolute, "%s/p/q", (char *)*state);
    assert_int_equal(eg_dir_make(absolute, &err), EG_OK);
    assert_true(is_there("p/q"));
    assert_int_equal(eg_file_create("f", "", 0, &err), EG_OK);
    assert_int_equal(eg_dir_make("f/g", &err), EG_E_NOENT);
    assert_string_equal(err.message, "cannot make the directory f: Not a directory");
    assert_int_equal(eg_dir_make("", &err), EG_E_NOENT);
}

static void reading(void **state) {
    (void)state;
    struct eg_error err;
    char *text = NULL, bytes[20000];
    size_t size;
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 7);
    assert_int_equal(eg_file_create("a", bytes, sizeof bytes, &err), EG_OK);
    assert_int_equal(eg_file_read(&text, &size, "a", sizeof bytes, &err), EG_OK);
    assert_int_equal(size, sizeof bytes);
    assert_memory_equal(text, bytes, size);
    assert_int_equal(text[size], 0);
    eg_free(text);
    assert_int_equal(eg_file_read(&text, &size, "a", sizeof bytes - 1, &err), EG_E_FORMAT);
    assert_string_equal(err.message, "a is larger than 19999 bytes");
    assert_int_equal(eg_file_read(&text, &size, ".", 10, &err), EG_E_IO);
    assert_string_equal(err.message, "cannot read .: Is a directory");
    assert_int_equal(eg_file_read(&text, &size, "no", 10, &err), EG_E_NOENT);
}

static void joining(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        {"a/b", "c", "a/b/c"}, {"a/b/", "c", "a/b/c"}, {"/", "c", "/c"}, {"", "c", "c"}};
    for (size_t i = 0; i < 4; i++) {
        char *path = eg_path_join(cases[i][0], cases[i][1]);
        assert_string_equal(path, cases[i][2]);
        eg_free(path);
    }
}

static void directory_of(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"a/b", "a"},       {"b", "."},   {"/b", "/"},  {"a/b/", "a"}, {"a//b", "a"},
        {"/a/b/c", "/a/b"}, {"./b", "."}, {"//b", "/"}, {"", "."},     {"/", "/"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = eg_path_directory(cases[i][0]);
        assert_string_equal(path, cases[i][1]);
        eg_free(path);
    }
}

static void memory_runs_out(void **state) {
    (void)state;
    bool failed = true;
    for (long n = 0; failed; n++) {
        char *text = NULL, *path = NULL;
        size_t size;
        torture_fail_after(n);
        enum eg_status status = eg_dir_make("m/n", NULL);
        if (status == EG_OK) status = eg_file_replace("m/a", "text", 4, NULL);
        if (status == EG_OK) status = eg_file_read(&text, &size, "m/a", 10, NULL);
        if (status == EG_OK && !(path = eg_path_join("a", "b"))) status = EG_E_NOMEM;
        failed = torture_off();
        assert_int_equal(status, failed ? EG_E_NOMEM : EG_OK);
        eg_free(text);
        eg_free(path);
    }
}

static void the_same_file(void **state) {
    (void)state;
    assert_int_equal(close(creat("one", 0600)), 0);
    assert_int_equal(close(creat("two", 0600)), 0);
    assert_int_equal(link("one", "hard") || symlink("one", "soft"), 0);
    const char *const same[] = {"one", "./one", "hard", "soft"};
    for (int i = 0; i < 4; i++) assert_true(eg_path_same("one", same[i]));
    assert_false(eg_path_same("one", "two"));
    assert_false(eg_path_same("one", "none"));
    assert_false(eg_path_same("none", "none"));
    assert_false(eg_path_same("/dev/null", "/dev/null")); /* may be read and written */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_same_file), TEST(create),          TEST(replace),         TEST(no_space),
        TEST(no_permission), TEST(sync_and_rename), TEST(directories),     TEST(reading),
        TEST(joining),       TEST(directory_of),    TEST(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
