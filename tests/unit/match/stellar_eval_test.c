/* SPDX-License-Identifier: Apache-2.0
 * The table of expressions; null rules for packets that lack what is asked for; the bounds of an
 * evaluation. */
#include "stellar_make.h"
#include "torture.h"

#define TABLE "tests/unit/match/stellar_expressions.tsv"

typedef void (*row_take)(const char *expression, const char *expected, int line);

static int table_read(row_take take) {
    char line[1000];
    int rows = 0, number = 0;
    FILE *file = fopen(TABLE, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        number++;
        char *end = strchr(line, '\n');
        assert_non_null(end); /* no line is longer */
        *end = 0;
        if (line[0] == '#' || line[0] == 0) continue;
        char *tab = strchr(line, '\t');
        if (!tab) fail_msg(TABLE ":%d: no tab", number);
        *tab = 0;
        take(line, tab + 1, number);
        rows++;
    }
    fclose(file);
    return rows;
}

static int wrong;

static void check(const char *expression, const char *expected, int line) {
    char text[600];
    const char *got = stellar_about(expression, false, text);
    bool same = expected[0] == '!' ? got[0] == '!' && strstr(got, expected + 1)
                : expected[0] == '?'
                    ? got[0] == '?' &&
                          strtol(got + 1, NULL, 10) == strtol(expected + 1, NULL, 10) &&
                          strstr(got, strchr(expected, ' ') + 1)
                    : strcmp(got, expected) == 0;
    if (same) return;
    print_error("%s:%d: %s: is %s, not %s\n", TABLE, line, expression, got, expected);
    wrong++;
}

static void table(void **state) {
    (void)state;
    wrong = 0;
    assert_true(table_read(check) >= 300);
    assert_int_equal(wrong, 0);
}

/* Whatever is asked of a packet without addresses, there is an answer or a reason. */
static void check_bare(const char *expression, const char *expected, int line) {
    char text[600];
    (void)expected;
    (void)line;
    assert_true(strlen(stellar_about(expression, true, text)) > 0);
}

static void bare(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"ip_src_addr", "null"},
        {"ip_dst_port", "null"},
        {"protocol", "null"},
        {"exists(ip_src_addr)", "false"},
        {"ip_dst_port == 443", "false"},
        {"ip_dst_port != 443", "true"},
        {"ip_dst_port < 443", "false"},
        {"not(ip_dst_port < 443)", "true"},
        {"ip_dst_port in [443]", "false"},
        {"IN_SUBNET(ip_src_addr, '10.0.0.0/8')", "false"},
        {"STARTS_WITH(ip_src_addr, '10.')", "false"},
        {"TO_UPPER(ip_src_addr)", "null"},
        {"exists(packet)", "true"},
        {"BYTEARRAY_MATCHER('47', packet)", "true"},
    };
    char text[600];
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(stellar_about(rows[i][0], true, text), rows[i][1]);
    table_read(check_bare);
}

static enum eg_truth ask(const char *expression, char why[EG_STELLAR_WHY]) {
    struct eg_arena arena = {0};
    struct eg_stellar *stellar = NULL;
    struct eg_error err;
    struct eg_layers layers = packet_layers();
    struct eg_stellar_facts facts = {.layers = &layers,
                                     .packet = eg_span(packet_bytes, sizeof packet_bytes)};
    if (eg_stellar_parse(&stellar, expression, NULL, &arena, &err) < 0)
        fail_msg("%s: %s", expression, err.message);
    enum eg_truth truth = eg_stellar_ask(stellar, &facts, why);
    eg_arena_reset(&arena);
    return truth;
}

static void truths(void **state) {
    (void)state;
    char why[EG_STELLAR_WHY] = "";
    assert_int_equal(ask("", why), EG_TRUE);
    assert_int_equal(ask("  // nothing", why), EG_TRUE);
    assert_int_equal(ask("true", why), EG_TRUE);
    assert_int_equal(ask("false", why), EG_UNTRUE);
    assert_int_equal(ask("null", why), EG_UNTRUE);
    assert_int_equal(ask("nothing", why), EG_UNTRUE);
    assert_string_equal(why, "");
    assert_int_equal(ask("1 / (protocol - 6) == 1", why), EG_UNANSWERED);
    assert_string_equal(why, "a division by zero");
    assert_int_equal(ask("if protocol == 6 then GET_FIRST([ip_src_addr]) else false", why), EG_UNANSWERED);
    assert_string_equal(why, "it gives text, not true or false");
}

/* A thousand million steps, and more memory than there may be, end soon and with a reason. */
static void bounds(void **state) {
    (void)state;
    char why[EG_STELLAR_WHY] = "";
    const char *ten = "SPLIT('0 1 2 3 4 5 6 7 8 9', ' ')";
    char text[2000];
    snprintf(
        text, sizeof text,
        "REDUCE(%s, (a, b) -> REDUCE(%s, (c, d) -> REDUCE(%s, (e, f) -> REDUCE(%s, (g, h) -> "
        "REDUCE(%s, (i, j) -> REDUCE(%s, (k, l) -> REDUCE(%s, (m, n) -> 1, 0), 0), 0), 0), 0), "
        "0), 0) == 1",
        ten, ten, ten, ten, ten, ten, ten);
    assert_int_equal(ask(text, why), EG_UNANSWERED);
    assert_true(strstr(why, "too much memory") || strstr(why, "too many steps"));
    snprintf(text, sizeof text,
             "LENGTH(REDUCE(%s, (a, b) -> JOIN([a,a,a,a,a,a,a,a,a,a], a), '123')) > 1", ten);
    assert_int_equal(ask(text, why), EG_UNANSWERED);
    assert_non_null(strstr(why, "too much memory"));
    assert_int_equal(ask("MAP([x -> MAP([x], x)], f -> MAP([f], f)) == [1]", why), EG_UNANSWERED);
    /* a lambda that is given itself */
    assert_int_equal(ask("GET_FIRST(MAP([f -> MAP([f], f)], g -> MAP([g], g))) == 1", why),
                     EG_UNANSWERED);
    assert_string_equal(why, "it is nested too deep");
    /* few calls, of which each has much to do */
    static const char *const costly[] = {"COUNT_MATCHES(t, 'y') == 5", "REGEXP_MATCH(t, '(x|y)+z')",
                                         "t == JOIN([t], '')", "'y' in t",
                                         "BYTEARRAY_MATCHER(TO_LOWER('00{4000}'), packet)"};
    for (size_t i = 0; i < COUNT(costly); i++) {
        snprintf(
            text, sizeof text,
            "LENGTH(MAP([FILL_LEFT('', 'x', 60000)], t -> MAP(%s, a -> MAP(%s, b -> MAP(%s, c -> "
            "MAP(%s, d -> %s)))))) == 1",
            ten, ten, ten, ten, costly[i]);
        assert_int_equal(ask(text, why), EG_UNANSWERED);
        assert_true(strstr(why, "too many steps") || strstr(why, "too much memory"));
    }
    /* lists in lists, deeper than they may be compared */
    snprintf(text, sizeof text, "%s",
             "REDUCE(SPLIT(FILL_LEFT('', 'x ', 2000), ' '), (a, b) -> [a], 0) == "
             "REDUCE(SPLIT(FILL_LEFT('', 'x ', 2000), ' '), (a, b) -> [a], 0)");
    assert_int_equal(ask(text, why), EG_UNANSWERED);
    assert_string_equal(why, "it is nested too deep");
}

static void torture_row(const char *expression, const char *expected, int line) {
    (void)expected;
    struct eg_layers layers = packet_layers();
    struct eg_stellar_facts facts = {.layers = &layers,
                                     .packet = eg_span(packet_bytes, sizeof packet_bytes)};
    if (line % 7) return; /* some of them */
    for (long n = 0; n < 60; n++) {
        struct eg_arena arena = {0};
        struct eg_stellar *stellar = NULL;
        struct eg_strbuf to = {0};
        struct eg_error err;
        char why[EG_STELLAR_WHY];
        torture_fail_after(n);
        if (eg_stellar_parse_any(&stellar, expression, NULL, &arena, &err) >= 0)
            (void)!eg_stellar_value(stellar, &facts, &to, why);
        bool failed = torture_off();
        eg_strbuf_reset(&to);
        eg_arena_reset(&arena);
        if (!failed) break;
    }
}

static void no_memory(void **state) {
    (void)state;
    table_read(torture_row);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),  cmocka_unit_test(bare),      cmocka_unit_test(truths),
        cmocka_unit_test(bounds), cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
