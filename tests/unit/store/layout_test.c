/* SPDX-License-Identifier: Apache-2.0
 * Names and places: Hive partitions by UTC hour, quarantine outside of them, and a walk that sees
 * nothing that is not one of ours. */
#include "store/layout.h"

#include "scratch.h"

static void places(void **state) {
    (void)state;
    struct eg_strbuf text = {0};
    eg_layout_partition(EG_TABLE_FLOWS, NOON + HOUR, &text);
    assert_string_equal(text.text, "flows/date=2026-01-02/hour=13");
    eg_strbuf_clear(&text);
    eg_layout_partition(EG_TABLE_PACKETS, EG_LAYOUT_FIRST_US, &text);
    assert_string_equal(text.text, "packets/date=1990-01-01/hour=00");
    eg_strbuf_clear(&text);
    eg_layout_partition(EG_TABLE_LOSSES, EG_LAYOUT_BEYOND_US - HOUR, &text);
    assert_string_equal(text.text, "losses/date=2099-12-31/hour=23");
    eg_strbuf_clear(&text);
    eg_layout_partition(EG_TABLE_COUNTERS, INT64_MIN, &text);
    assert_string_equal(text.text, "quarantine/counters");
    eg_strbuf_reset(&text);
    assert_true(eg_layout_has_hour(EG_LAYOUT_FIRST_US));
    assert_false(eg_layout_has_hour(EG_LAYOUT_FIRST_US - 1));
    assert_true(eg_layout_has_hour(EG_LAYOUT_BEYOND_US - 1));
    assert_false(eg_layout_has_hour(EG_LAYOUT_BEYOND_US));
}

static void names(void **state) {
    (void)state;
    char commit[EG_COMMIT_TEXT], session[EG_SESSION_TEXT];
    eg_layout_commit("0123456789abcdef", 7, commit);
    assert_string_equal(commit, "0123456789abcdef-000007");
    struct eg_strbuf part = {0};
    eg_layout_part(commit, 12, &part);
    assert_string_equal(part.text, "part-0123456789abcdef-000007-0012.parquet");
    char other[EG_COMMIT_TEXT];
    assert_true(eg_layout_commit_of(part.text, other, session));
    assert_string_equal(other, commit);
    assert_string_equal(session, "0123456789abcdef");
    struct eg_strbuf tmp = {0};
    eg_layout_tmp(part.text, &tmp);
    assert_string_equal(tmp.text, "_part-0123456789abcdef-000007-0012.parquet.tmp");
    assert_true(eg_layout_commit_of(tmp.text, other, session));
    assert_string_equal(other, commit);
    eg_strbuf_clear(&tmp);
    eg_layout_tmp("a/b/c.parquet", &tmp);
    assert_string_equal(tmp.text, "a/b/_c.parquet.tmp");
    eg_strbuf_reset(&tmp);
    eg_strbuf_reset(&part);
    assert_true(eg_layout_commit_of("0123456789abcdef-000007.intent", other, session));
    assert_true(eg_layout_commit_of("0123456789abcdef-1000007.done", other, session));
    assert_string_equal(other, "0123456789abcdef-1000007");
    static const char *const foreign[] = {
        "", "part-", "data.parquet", "part-0.parquet", "snapshot", "0123456789abcdef",
        "0123456789abcdeF-000007.done", "part-0123456789abcdef-00007-0012.parquet",
        "0123456789abcdef-000007", "0123456789abcdef-99999999999999999999.done"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        assert_false(eg_layout_commit_of(foreign[i], other, session));
}

static enum eg_status note(void *to, const char *relative, const char *name, int64_t hour_us,
                           struct eg_error *err) {
    (void)name, (void)err;
    eg_strbuf_printf(to, "%s %lld\n", relative,
                     hour_us == INT64_MIN ? -1 : (long long)((hour_us - NOON) / HOUR));
    return EG_OK;
}

static void walk(void **state) {
    const char *root = *state;
    static const char *const made[] = {
        "flows/date=2026-01-02/hour=12/b.parquet", "flows/date=2026-01-02/hour=12/a.parquet",
        "flows/date=2026-01-02/hour=13/c.parquet", "flows/date=2026-01-03/hour=00/d.parquet",
        "flows/date=2026-01-02/hour=24/no.parquet", "flows/date=2026-13-02/hour=12/no.parquet",
        "flows/date=26-01-02/hour=12/no.parquet",  "flows/tmp/hour=12/no.parquet",
        "flows/date=2026-01-02/no.parquet",        "packets/date=2026-01-02/hour=12/no.parquet",
        "quarantine/flows/q.parquet",
    };
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        char *path = eg_path_join(root, made[i]);
        char *slash = strrchr(path, '/');
        *slash = 0;
        must(eg_dir_make(path, ERR));
        *slash = '/';
        must(eg_file_create(path, "", 0, ERR));
        eg_free(path);
    }
    struct eg_strbuf seen = {0};
    struct eg_layout_walk all = {note, &seen, INT64_MAX, false};
    must(eg_layout_walk(root, EG_TABLE_FLOWS, &all, ERR));
    assert_string_equal(seen.text, "flows/date=2026-01-02/hour=12/a.parquet 0\n"
                                   "flows/date=2026-01-02/hour=12/b.parquet 0\n"
                                   "flows/date=2026-01-02/hour=13/c.parquet 1\n"
                                   "flows/date=2026-01-03/hour=00/d.parquet 12\n");
    eg_strbuf_clear(&seen);
    all.last_us = NOON + HOUR - 1;
    must(eg_layout_walk(root, EG_TABLE_FLOWS, &all, ERR));
    assert_string_equal(seen.text, "flows/date=2026-01-02/hour=12/a.parquet 0\n"
                                   "flows/date=2026-01-02/hour=12/b.parquet 0\n");
    eg_strbuf_clear(&seen);
    all.quarantine = true;
    must(eg_layout_walk(root, EG_TABLE_FLOWS, &all, ERR));
    assert_string_equal(seen.text, "quarantine/flows/q.parquet -1\n");
    eg_strbuf_clear(&seen);
    all.quarantine = false;
    must(eg_layout_walk(root, EG_TABLE_COUNTERS, &all, ERR)); /* no directory: nothing */
    assert_int_equal(seen.size, 0);
    eg_strbuf_reset(&seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places), cmocka_unit_test(names),
        cmocka_unit_test_setup_teardown(walk, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
