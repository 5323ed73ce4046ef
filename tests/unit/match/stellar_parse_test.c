/* SPDX-License-Identifier: Apache-2.0
 * Parsing: what must be true or false, odd variables, bounds of depth and length, memory. What the
 * grammar means is in the table (stellar_eval_test.c). */
#include "stellar_make.h"
#include "torture.h"

static enum eg_status parsed(const char *text, struct eg_error *err, bool *reads) {
    struct eg_arena arena = {0};
    struct eg_stellar *stellar = NULL;
    *err = (struct eg_error){.position = -1};
    enum eg_status status = eg_stellar_parse(&stellar, text, NULL, &arena, err);
    if (status >= 0 && reads) *reads = eg_stellar_reads_layers(stellar);
    eg_arena_reset(&arena);
    return status;
}

static void truths(void **state) {
    (void)state;
    static const char *const good[] = {
        "",
        "true",
        "null",
        "1 < 2",
        "not(true)",
        "'a' in 'b'",
        "exists(packet)",
        "IS_IP('a')",
        "if true then true else 2",
        "GET([true], 0)",
        "false and 1",
        "match{default => true}",
    };
    static const struct {
        const char *text, *message;
        int position;
    } bad[] = {
        {"1", "a number", 0},
        {"'a'", "text", 0},
        {"[true]", "a list", 0},
        {"{}", "a map", 0},
        {"x -> true", "a lambda", 0},
        {"1 + 1", "a number", 2},
        {"ip_src_addr", "text", 0},
        {"packet", "the packet's bytes", 0},
        {"protocol", "a number", 0},
        {"  TO_UPPER('a')", "text", 2},
        {"MAP([1], x -> x)", "a list", 0},
        {"if true then 1 else 2", "a number where true or false is wanted", 0},
        {"true and 1", "a number where true or false is wanted", 9},
    };
    struct eg_error err;
    for (size_t i = 0; i < COUNT(good); i++)
        if (parsed(good[i], &err, NULL) != EG_OK) fail_msg("%s: %s", good[i], err.message);
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(parsed(bad[i].text, &err, NULL), EG_E_USAGE);
        if (!strstr(err.message, bad[i].message) || err.position != bad[i].position)
            fail_msg("%s: %s at %d", bad[i].text, err.message, (int)err.position);
    }
}

static void variables(void **state) {
    (void)state;
    struct eg_error err;
    bool reads = true;
    assert_int_equal(parsed("ip_src_prt == 5", &err, NULL), EG_OK_WARN);
    assert_string_equal(err.message, "the Stellar variable 'ip_src_prt' is null for every packet: "
                                     "there is none of that name (did you mean 'ip_src_port'?)");
    assert_int_equal(parsed("exists(country)", &err, NULL), EG_OK_WARN);
    assert_null(strstr(err.message, "did you mean"));
    assert_int_equal(parsed("MAP([1], country -> country) == [1]", &err, &reads), EG_OK);
    assert_false(reads);
    assert_int_equal(parsed("LENGTH(packet) > 5", &err, &reads), EG_OK);
    assert_false(reads);
    assert_int_equal(parsed("protocol == 6", &err, &reads), EG_OK);
    assert_true(reads);
}

static void repeated(char *to, const char *part, int times) {
    size_t size = strlen(part);
    for (int i = 0; i < times; i++) memcpy(to + (size_t)i * size, part, size);
    to[(size_t)times * size] = 0;
}

/* Whatever is nested has a bound; what only follows each other has none but the length's. */
static void bounds(void **state) {
    (void)state;
    static char text[200000];
    static const char *const nested[] = {
        "(",     "[",     "{1 : ",  "not(",      "if true then ", "true ? ", "x -> ",
        "1 in ", "TRIM(", "() -> ", "match{ ",   "exists((",      "{",       "match{ {",
        "{[",    "-(",    "{not(",  "1 not in ", "(x) -> ",       "- "};
    struct eg_error err;
    for (size_t i = 0; i < COUNT(nested); i++) {
        repeated(text, nested[i], 5000);
        assert_int_equal(parsed(text, &err, NULL), EG_E_USAGE);
        assert_true(err.position >= 0 && (size_t)err.position <= strlen(text));
    }
    repeated(text, "(", 60);
    strcat(text, "true");
    repeated(text + strlen(text), ")", 60);
    assert_int_equal(parsed(text, &err, NULL), EG_OK);
    repeated(text, "true and ", 7000);
    strcat(text, "true");
    assert_int_equal(parsed(text, &err, NULL), EG_OK);
    value_is(text, "true");
    repeated(text, "1 + ", 9000);
    strcat(text, "1 == 9001");
    value_is(text, "true");
    repeated(text, "true and ", 9000);
    strcat(text, "true");
    assert_int_equal(parsed(text, &err, NULL), EG_E_USAGE);
    assert_non_null(strstr(err.message, "longer than 64 KiB"));
    value_is("MAP([1], (a, b, c, d, e, f, g, h, i) -> a)", "?too many arguments");
}

static void no_memory(void **state) {
    (void)state;
    const char *text = "if REGEXP_MATCH('a', 'b+') then [1, {'a\\n' : x -> x}] == null else "
                       "BYTEARRAY_MATCHER('00{9}', packet) and protocol in [6, 17]";
    for (long n = 0;; n++) {
        struct eg_error err;
        torture_fail_after(n);
        enum eg_status status = parsed(text, &err, NULL);
        bool failed = torture_off();
        assert_int_equal(status, failed ? EG_E_NOMEM : EG_OK);
        if (!failed) break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truths),
        cmocka_unit_test(variables),
        cmocka_unit_test(bounds),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
