/* SPDX-License-Identifier: Apache-2.0
 * What docs/byte-patterns.md and docs/stellar.md show, run: the examples are understood, the tables
 * of results hold, and every function that there is is named. */
#include "match/byte_pattern.h"
#include "stellar_make.h"

typedef void (*line_take)(const char *line, void *to);

/* Each line of the blocks that are tagged so. */
static int block_lines(const char *page, const char *tag, line_take take) {
    char line[1000], open[40];
    bool inside = false;
    int count = 0;
    FILE *file = fopen(page, "r");
    assert_non_null(file);
    snprintf(open, sizeof open, "```%s\n", tag);
    while (fgets(line, sizeof line, file)) {
        if (strcmp(line, open) == 0 || (inside && strcmp(line, "```\n") == 0)) {
            inside = !inside;
            continue;
        }
        line[strcspn(line, "\n")] = 0;
        if (!inside || !line[0]) continue;
        take(line, NULL);
        count++;
    }
    fclose(file);
    return count;
}

/* The next piece of code in a table's row, undone of its escapes; NULL: there is none. */
static const char *code(const char *at, char text[500]) {
    const char *tick = strchr(at, '`'), *tag = strstr(at, "<code>");
    bool tagged = tag && tag < tick;
    size_t size = 0;
    if (!tick) return NULL;
    at = tagged ? tag + 6 : tick + 1;
    while (*at && !(tagged ? strncmp(at, "</code>", 7) == 0 : *at == '`')) {
        if (*at == '\\' && (at[1] == '|' || (tagged && at[1] == '`'))) at++;
        text[size++] = *at++;
    }
    text[size] = 0;
    return at + (tagged ? 7 : 1);
}

typedef void (*row_take)(const char *first, const char *rest);

/* Each row of the tables that begin with that header: its first cell's first code, and the rest. */
static int table_rows(const char *page, const char *header, row_take take) {
    char line[1000], text[500];
    bool inside = false;
    int count = 0;
    FILE *file = fopen(page, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, header, strlen(header)) == 0) {
            inside = true;
        } else if (line[0] != '|') {
            inside = false;
        } else if (inside && strncmp(line, "|--", 3) != 0) {
            const char *rest = code(line, text);
            assert_non_null(rest);
            take(text, rest);
            count++;
        }
    }
    fclose(file);
    return count;
}

/* ---- byte patterns ---- */

#define BYTES "docs/byte-patterns.md"

static enum eg_status parsed(const char *text, struct eg_span in, bool *found,
                             struct eg_error *err) {
    struct eg_arena arena = {0};
    struct eg_byte_pattern *pattern = NULL;
    enum eg_status status = eg_byte_pattern_parse(&pattern, text, strlen(text), &arena, err);
    if (status == EG_OK) *found = eg_byte_pattern_found(pattern, in);
    eg_arena_reset(&arena);
    return status;
}

static void pattern_good(const char *line, void *to) {
    struct eg_error err;
    bool found;
    (void)to;
    if (parsed(line, eg_span(NULL, 0), &found, &err) != EG_OK)
        fail_msg("%s: %s", line, err.message);
}
/* All code of the first cell. */
static void patterns_good(const char *first, const char *rest) {
    char text[500];
    const char *end = strstr(rest, " | ");
    pattern_good(first, NULL);
    while ((rest = code(rest, text)) && rest < end) pattern_good(text, NULL);
}
static void pattern_found(const char *first, const char *rest) {
    struct eg_error err;
    bool found = false;
    if (parsed(first, eg_span("aXX00XX01", 9), &found, &err) != EG_OK)
        fail_msg("%s: %s", first, err.message);
    if (found != (strncmp(rest, " | yes", 6) == 0)) fail_msg("%s: %d", first, found);
}
static void pattern_bad(const char *first, const char *rest) {
    struct eg_error err;
    bool found;
    assert_int_equal(parsed(first, eg_span(NULL, 0), &found, &err), EG_E_USAGE);
    if (err.position != strtol(rest + 3, NULL, 10))
        fail_msg("%s: refused at %d", first, (int)err.position);
}

static void byte_patterns(void **state) {
    (void)state;
    assert_true(block_lines(BYTES, "pattern", pattern_good) >= 12);
    assert_true(table_rows(BYTES, "| write | means |", patterns_good) >= 10);
    assert_true(table_rows(BYTES, "| pattern | found in `aXX00XX01` |", pattern_found) >= 5);
    assert_true(table_rows(BYTES, "| pattern | is refused at byte |", pattern_bad) >= 8);
}

/* ---- Stellar ---- */

#define STELLAR "docs/stellar.md"

static void expression_good(const char *line, void *to) {
    struct eg_arena arena = {0};
    struct eg_stellar *stellar = NULL;
    struct eg_error err;
    (void)to;
    if (eg_stellar_parse(&stellar, line, NULL, &arena, &err) != EG_OK)
        fail_msg("%s: %s", line, err.message);
    eg_arena_reset(&arena);
}
static void expression_gives(const char *first, const char *rest) {
    char value[500];
    assert_non_null(code(rest, value));
    value_is(first, value);
}
static void values_good(const char *first, const char *rest) {
    char text[500], got[600];
    const char *end = strstr(rest, " | ");
    assert_int_not_equal(stellar_about(first, false, got)[0], '?');
    while ((rest = code(rest, text)) && rest < end)
        assert_int_not_equal(stellar_about(text, false, got)[0], '?');
}
static void variable_there(const char *first, const char *rest) {
    char text[100];
    (void)rest;
    snprintf(text, sizeof text, "exists(%s)", first);
    value_is(text, "true");
}

static void functions_named(void) {
    static const struct eg_stellar_function *const all[] = {
        eg_stellar_packet_functions, eg_stellar_text_functions, eg_stellar_list_functions,
        eg_stellar_number_functions, eg_stellar_place_functions};
    static char page[40000];
    char quoted[80], called[80];
    FILE *file = fopen(STELLAR, "r");
    assert_non_null(file);
    page[fread(page, 1, sizeof page - 1, file)] = 0;
    fclose(file);
    for (size_t i = 0; i < COUNT(all); i++)
        for (const struct eg_stellar_function *f = all[i]; f->name; f++) {
            snprintf(quoted, sizeof quoted, "`%s`", f->name);
            snprintf(called, sizeof called, "`%s(", f->name);
            if (!f->refused && !strstr(page, quoted) && !strstr(page, called))
                fail_msg("%s is not on the page", f->name);
        }
}

static void stellar(void **state) {
    (void)state;
    assert_true(block_lines(STELLAR, "stellar", expression_good) >= 7);
    assert_true(table_rows(STELLAR, "| expression | gives |", expression_gives) >= 36);
    assert_true(table_rows(STELLAR, "| write | is |", values_good) >= 7);
    assert_true(table_rows(STELLAR, "| name | is |", variable_there) >= 4);
    functions_named();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(byte_patterns), cmocka_unit_test(stellar)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
