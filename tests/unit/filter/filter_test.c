/* SPDX-License-Identifier: Apache-2.0
 * The filter as others see it: its columns, its caret, memory that runs out at any point. */
#include "filter_make.h"
#include "torture.h"

static void columns(void **state) {
    (void)state;
    struct eg_filter *filter = test_filter("host 10.0.0.1 and duration > 1s", EG_TABLE_FLOWS);
    assert_true(eg_filter_columns(filter) == (EG_SET(FLOWS, src_ip) | EG_SET(FLOWS, dst_ip) |
                                              EG_SET(FLOWS, start_time) | EG_SET(FLOWS, end_time)));
    assert_true(eg_filter_predicate(filter)->columns == eg_filter_columns(filter));
    assert_false(eg_filter_is_all(filter));
    eg_filter_free(filter);
    static const char *const all[] = {"", "any", "ALL", "any or tcp", "not not any", "@nothing"};
    for (size_t i = 0; i < 6; i++) {
        filter = test_filter(all[i], EG_TABLE_FLOWS);
        assert_true(eg_filter_is_all(filter));
        assert_true(eg_filter_columns(filter) == 0);
        eg_filter_free(filter);
    }
    filter = test_filter("not any", EG_TABLE_FLOWS);
    assert_false(eg_filter_is_all(filter));
    eg_filter_free(filter);
    eg_filter_free(NULL);
}

static void now(void **state) {
    (void)state;
    struct eg_filter *filter;
    struct eg_strbuf text = {0};
    assert_int_equal(eg_filter_parse(&filter, "start_time > now", EG_TABLE_FLOWS, NULL, NULL),
                     EG_OK); /* the clock's own */
    eg_filter_text(filter, &text);
    assert_true(strcmp(text.text, "start_time > '2024-01-01T00:00:00.000000Z'") > 0);
    eg_strbuf_reset(&text);
    eg_filter_free(filter);
    assert_int_equal(eg_filter_parse(&filter, "tcp and", EG_TABLE_FLOWS, NULL, NULL), EG_E_USAGE);
}

static void caret_is(const char *text, int64_t position, const char *expected) {
    struct eg_strbuf got = {0};
    eg_filter_caret(text, position, &got);
    assert_string_equal(got.text, expected);
    eg_strbuf_reset(&got);
}

static void caret(void **state) {
    (void)state;
    caret_is("tcp and prot 5", 8, "tcp and prot 5\n        ^\n");
    caret_is("tcp", 3, "tcp\n   ^\n");
    caret_is("", 0, "\n^\n");
    caret_is("tcp", 99, "tcp\n   ^\n");
    caret_is("tcp", -1, "tcp\n^\n");
    caret_is("tcp and\nprot 5 or\nudp", 8, "prot 5 or\n^\n");
    caret_is("tcp\tand x", 8, "tcp and x\n        ^\n");
    caret_is("a = '\xc3\xa9\xc3\xa9' x", 11, "a = '\xc3\xa9\xc3\xa9' x\n         ^\n");
    char text[301], expected[400];
    memset(text, 'a', 300);
    text[300] = 0;
    snprintf(expected, sizeof expected, "%.90s\n%60s^\n", text, "");
    caret_is(text, 150, expected);
}

static void sides_are(const char *text, const char *first, const char *second) {
    struct eg_filter *filter;
    struct eg_error err;
    struct eg_strbuf one = {0}, two = {0};
    assert_int_equal(eg_filter_parse(&filter, text, EG_TABLE_FLOWS, NULL, &err), EG_OK);
    assert_int_equal(eg_filter_sides(filter, &one, &two), first != NULL);
    if (first) {
        assert_string_equal(one.text, first);
        assert_string_equal(two.text, second);
    }
    eg_strbuf_reset(&one);
    eg_strbuf_reset(&two);
    eg_filter_free(filter);
}

static void either_side_of_an_address(void **state) {
    (void)state;
    sides_are("host 10.0.0.1", "src_ip = '10.0.0.1'",
              "dst_ip = '10.0.0.1' AND (src_ip = '10.0.0.1') IS NOT TRUE");
    sides_are("proto tcp and host 10.0.0.1 and (port 80 or bytes > 5)",
              "src_ip = '10.0.0.1' AND proto = 6 AND (src_port = 80 OR dst_port = 80 OR bytes > 5)",
              "dst_ip = '10.0.0.1' AND proto = 6 AND (src_port = 80 OR dst_port = 80 OR bytes > 5)"
              " AND (src_ip = '10.0.0.1') IS NOT TRUE");
    sides_are("src ip 10.0.0.1", NULL, NULL);
    sides_are("net 10.0.0.0/8", NULL, NULL);
    sides_are("not host 10.0.0.1", NULL, NULL);
    sides_are("host 10.0.0.1 or host 10.0.0.2", NULL, NULL);
    sides_are("any", NULL, NULL);
}

/* Every allocation fails once: the parse says so, leaks nothing, and works the next time. */
static void torture(void **state) {
    (void)state;
    static const char *const texts[] = {
        "@deep and src_ip in (10.0.0.1, 10.0.0.0/8, 1.1.1.1, 2.2.2.2, 3.3.3.3, ::/0)",
        "application ~ '^(a|b)+[[:digit:]]{2,3}$' or application in (a, b, 'c')",
        "not (port in (1, 3, 5, 7, 9, 11) and duration > 1s and bps < 1M) or start_time > now-1h",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (long n = 0;; n++) {
            struct eg_filter *filter = NULL;
            struct eg_error err = {0};
            torture_fail_after(n);
            enum eg_status status = test_parse(&filter, texts[i], EG_TABLE_FLOWS, &err);
            bool failed = torture_off();
            if (!failed) {
                assert_int_equal(status, EG_OK);
                eg_filter_free(filter);
                assert_true(n > 1);
                break;
            }
            assert_int_equal(status, EG_E_NOMEM);
            assert_int_equal(err.status, EG_E_NOMEM);
            assert_null(filter);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(columns), cmocka_unit_test(now),
                                       cmocka_unit_test(caret), cmocka_unit_test(torture),
                                       cmocka_unit_test(either_side_of_an_address)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
