/* SPDX-License-Identifier: Apache-2.0
 * Patterns, and every way out of the allowed directories that we could think of. */
#include "engine_make.h"

#include <fcntl.h>

static void touch(const char *directory, const char *name) {
    char path[256];
    int fd = open(made_path(path, sizeof path, directory, name), O_CREAT | O_WRONLY, 0666);
    assert_true(fd >= 0);
    close(fd);
}
static void make_directory(const char *directory, const char *name) {
    char path[256];
    assert_int_equal(mkdir(made_path(path, sizeof path, directory, name), 0777), 0);
}

/* What a pattern gives, without the directory, separated by blanks; or the status. */
static char *expanded(const struct eg_allow *allow, const char *directory, const char *name) {
    char pattern[512];
    struct eg_path_list list = {0};
    struct eg_error err = {.status = EG_OK};
    struct eg_strbuf text = {0};
    made_path(pattern, sizeof pattern, directory, name);
    enum eg_status status = eg_paths_expand(allow, pattern, &list, &err);
    if (status < 0) {
        assert_non_null(strstr(err.message, pattern));
        eg_strbuf_text(&text, eg_status_name(status));
    }
    for (size_t i = 0; status >= 0 && i < list.count; i++)
        eg_strbuf_printf(&text, "%s%s", i ? " " : "", list.paths[i] + strlen(directory) + 1);
    eg_path_list_reset(&list);
    return eg_strbuf_take(&text);
}

static void patterns_expand_in_order(void **state) {
    (void)state;
    char directory[64];
    made_directory(directory);
    make_directory(directory, "sub");
    make_directory(directory, "sub/deep");
    make_directory(directory, ".hidden");
    const char *const files[] = {"b.pcap", "a.pcap", "c.pcapng", ".d.pcap", "a.pcap.tmp", "sub/e.pcap",
                                 "sub/deep/f.pcap", ".hidden/g.pcap", "x[1].pcap"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) touch(directory, files[i]);
    const struct eg_allow any = {.any = true};
    static const struct {
        const char *pattern, *gives;
    } cases[] = {
        {"*.pcap", "a.pcap b.pcap x[1].pcap"},
        {"?.pcap", "a.pcap b.pcap"},
        {"[bc].pcap*", "b.pcap c.pcapng"},
        {".*.pcap", ".d.pcap"},
        {"x[1].pcap", "x[1].pcap"},
        {"*/e.pcap", "sub/e.pcap"},
        {"**/*.pcap", "a.pcap b.pcap sub/deep/f.pcap sub/e.pcap x[1].pcap"},
        {"sub/**", "sub/deep/f.pcap sub/e.pcap"},
        {"sub", "sub/e.pcap"},
        {"a.pcap", "a.pcap"},
        {"*.nothing", "EG_E_NOENT"},
        {"nothing.pcap", "EG_E_NOENT"},
        {"nothing/*.pcap", "EG_E_NOENT"},
        {".hidden", ".hidden/g.pcap"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = expanded(&any, directory, cases[i].pattern);
        assert_string_equal(text, cases[i].gives);
        eg_free(text);
    }
    make_directory(directory, "empty");
    char *text = expanded(&any, directory, "empty");
    assert_string_equal(text, "EG_E_NOENT");
    eg_free(text);
    made_remove(directory);
}

static void nothing_leads_out(void **state) {
    (void)state;
    char directory[64], path[256], link[256];
    made_directory(directory);
    make_directory(directory, "in");
    make_directory(directory, "inner"); /* begins like the allowed one */
    make_directory(directory, "out");
    touch(directory, "in/a.pcap");
    touch(directory, "inner/secret.pcap");
    touch(directory, "out/secret.pcap");
    assert_int_equal(symlink(made_path(path, sizeof path, directory, "out/secret.pcap"),
                             made_path(link, sizeof link, directory, "in/link.pcap")), 0);
    assert_int_equal(symlink(made_path(path, sizeof path, directory, "out"),
                             made_path(link, sizeof link, directory, "in/way")), 0);
    assert_int_equal(symlink("/", made_path(link, sizeof link, directory, "in/top")), 0);
    assert_int_equal(symlink("a.pcap", made_path(link, sizeof link, directory, "in/fine.pcap")), 0);
    const char *const roots[] = {made_path(path, sizeof path, directory, "in")};
    struct eg_allow allow;
    struct eg_error err;
    assert_int_equal(eg_allow_make(&allow, roots, 1, &err), EG_OK);
    static const struct {
        const char *pattern, *gives;
    } cases[] = {
        {"in/a.pcap", "in/a.pcap"},
        {"in//./a.pcap", "in/a.pcap"},
        {"in/../in/a.pcap", "in/a.pcap"},
        {"in/fine.pcap", "in/a.pcap"},
        {"in/nothing.pcap", "EG_E_NOENT"},
        {"in/link.pcap", "EG_E_ACCESS"},
        {"in/way/secret.pcap", "EG_E_ACCESS"},
        {"in/way/nothing.pcap", "EG_E_NOENT"},
        {"in/way/*", "EG_E_ACCESS"},
        {"in/*/secret.pcap", "EG_E_ACCESS"},
        {"in/top/etc/passwd", "EG_E_ACCESS"},
        {"in/../out/secret.pcap", "EG_E_ACCESS"},
        {"in/../out/*", "EG_E_ACCESS"},
        {"in/../out/nothing", "EG_E_ACCESS"},
        {"in/../ou*/secret.pcap", "EG_E_ACCESS"},
        {"in/*/../../out/secret.pcap", "EG_E_ACCESS"},
        {"inner/secret.pcap", "EG_E_ACCESS"},
        {"inn*/secret.pcap", "EG_E_ACCESS"},
        {"in", "in/a.pcap in/a.pcap"}, /* the link out is left out, the one inside is the same file */
        {"out", "EG_E_ACCESS"},
        {"", "EG_E_ACCESS"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = expanded(&allow, directory, cases[i].pattern);
        if (strcmp(text, cases[i].gives) != 0 && strcmp(cases[i].pattern, "in") != 0)
            fail_msg("%s gives %s, not %s", cases[i].pattern, text, cases[i].gives);
        assert_null(strstr(text, "secret"));
        eg_free(text);
    }
    const char *const absolute[] = {"/etc/passwd", "/etc/pass*", "/proc/self/environ",
                                    "/proc/self/root/etc/passwd", "/dev/stdin", "/dev/fd/0", "-", "/",
                                    "/eg-not-there", "etc/passwd", "../etc/passwd", "~/x",
                                    "file:///etc/passwd", "/*", "**"};
    for (size_t i = 0; i < sizeof absolute / sizeof *absolute; i++) {
        struct eg_path_list list = {0};
        if (eg_paths_expand(&allow, absolute[i], &list, &err) != EG_E_ACCESS)
            fail_msg("%s is not refused", absolute[i]);
        eg_path_list_reset(&list);
    }
    char self[256]; /* the process's own view of its working directory and descriptors */
    snprintf(self, sizeof self, "/proc/self/cwd/../../../../../../..%s/out/secret.pcap", directory);
    struct eg_path_list list = {0};
    assert_int_equal(eg_paths_expand(&allow, self, &list, &err), EG_E_ACCESS);
    eg_path_list_reset(&list);
    eg_allow_reset(&allow);
    made_remove(directory);
}

static void an_empty_list_allows_nothing(void **state) {
    (void)state;
    const char *const none[] = {NULL};
    struct eg_allow allow;
    struct eg_error err;
    struct eg_path_list list = {0};
    assert_int_equal(eg_allow_make(&allow, none, 0, &err), EG_OK);
    assert_false(eg_allow_holds(&allow, "/etc/passwd"));
    assert_int_equal(eg_paths_expand(&allow, "/etc/passwd", &list, &err), EG_E_ACCESS);
    eg_allow_reset(&allow);
    const char *const everything[] = {"/"};
    assert_int_equal(eg_allow_make(&allow, everything, 1, &err), EG_OK);
    assert_true(eg_allow_holds(&allow, "/etc/passwd"));
    eg_allow_reset(&allow);
    const char *const standard[] = {"-"};
    assert_int_equal(eg_allow_make(&allow, standard, 1, &err), EG_OK);
    assert_int_equal(eg_paths_expand(&allow, "-", &list, &err), EG_OK);
    assert_int_equal(list.count, 1);
    eg_path_list_reset(&list);
    eg_allow_reset(&allow);
}

/* The same through SQL: our functions, and DuckDB's own readers. */
static void sql_cannot_leave_either(void **state) {
    (void)state;
    char directory[64], path[256], sql[512];
    made_directory(directory);
    make_directory(directory, "in");
    make_directory(directory, "inner");
    made_flows(made_path(path, sizeof path, directory, "in/a.pcap"), 60);
    made_flows(made_path(path, sizeof path, directory, "inner/b.pcap"), 60);
    made_path(path, sizeof path, directory, "in");
    const char *const roots[] = {path};
    const struct eg_engine_options options = {
        .threads = 2, .allowed = roots, .allowed_count = 1, .locked = true};
    struct eg_engine *engine = made_engine_with(&eg_env_plain, &options);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM read_flows('%s/in/*.pcap')", directory);
    answers(engine, sql, "60");
    const char *const outside[] = {"inner/b.pcap", "in/../inner/b.pcap", "*/b.pcap", "inner/*"};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        snprintf(sql, sizeof sql, "SELECT count(*) FROM read_flows('%s/%s')", directory, outside[i]);
        refuses(engine, sql, "EG_E_ACCESS", outside[i]);
        snprintf(sql, sizeof sql, "SELECT count(*) FROM read_packets(['%s/in/a.pcap', '%s/%s'])",
                 directory, directory, outside[i]);
        refuses(engine, sql, "EG_E_ACCESS", outside[i]);
        snprintf(sql, sizeof sql, "SELECT count(*) FROM read_losses('%s/%s')", directory, outside[i]);
        refuses(engine, sql, "EG_E_ACCESS", outside[i]);
        snprintf(sql, sizeof sql, "SELECT count(*) FROM read_blob('%s/%s')", directory, outside[i]);
        refuses(engine, sql, "EG_E_ACCESS", "");
    }
    const char *const readers[] = {
        "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/proc/self/environ')", "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_json('/etc/passwd')", "SELECT * FROM read_parquet('/etc/passwd')",
        "SELECT * FROM parquet_metadata('/etc/passwd')", "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd.csv'", "SELECT * FROM read_csv('file:///etc/passwd')",
        "SELECT * FROM read_csv('https://127.0.0.1:1/x.csv')"};
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
        char *text = asked(engine, readers[i]);
        if (strncmp(text, "EG_E_ACCESS", 11) != 0 && strncmp(text, "EG_E_USAGE", 10) != 0)
            fail_msg("%s gives %s", readers[i], text);
        assert_null(strstr(text, "root:"));
        eg_free(text);
    }
    eg_engine_close(engine);
    made_remove(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_expand_in_order),
        cmocka_unit_test(nothing_leads_out),
        cmocka_unit_test(an_empty_list_allows_nothing),
        cmocka_unit_test(sql_cannot_leave_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
