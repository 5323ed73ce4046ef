/* SPDX-License-Identifier: Apache-2.0
 * CSV and TSV: read back by a reader of the test's own, written after RFC 4180. */
#include "table/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/timetext.h"
#include "encoded.h"

/* The next field into `field`; *quoted tells "" from nothing; answers what ended it. */
static char next_field(const char **at, char field[200], bool *quoted) {
    size_t size = 0;
    *quoted = **at == '"';
    if (*quoted) {
        for (++*at; **at != '"' || (*at)[1] == '"'; ++*at) {
            if (**at == '"') ++*at;
            field[size++] = **at;
        }
        ++*at;
    } else {
        while (**at != ',' && **at != '\n') {
            assert_true(**at != '"' && **at != 0 && **at != '\r');
            field[size++] = *(*at)++;
        }
    }
    field[size] = 0;
    return *(*at)++;
}

/* What a text looks like in a line: its control characters shown. */
static const char *shown(const char *text) {
    if (strcmp(text, "two\nlines") == 0) return "two\\x0alines";
    if (strcmp(text, "tab\there") == 0) return "tab\\x09here";
    return text;
}

static void expected_of(uint32_t n, uint32_t col, char text[200]) {
    struct every_row r = every_row(n);
    *text = 0;
    if (every_null(n, col)) return;
    switch (col) {
    case TIME: eg_time_text(r.time, text); break;
    case I16: snprintf(text, 200, "%d", r.i16); break;
    case I32: snprintf(text, 200, "%d", r.i32); break;
    case I64: snprintf(text, 200, "%lld", (long long)r.i64); break;
    case F64: snprintf(text, 200, "%.15g", r.f64); break;
    case FLAG: snprintf(text, 200, "%s", r.flag ? "true" : "false"); break;
    case TEXT: snprintf(text, 200, "%s", shown(r.text)); break;
    case NAME: snprintf(text, 200, "%s", r.name); break;
    case ADDR: eg_addr_text(&r.addr, text); break;
    case MAC: eg_mac_text(r.mac, text); break;
    case EXTRA: snprintf(text, 200, "%s", "{ \"a\" : [1, {}] }"); break;
    default:
        for (size_t i = 0; i < r.bin.size; i++) snprintf(text + 2 * i, 3, "3%u", (unsigned)i % 10);
    }
}

static void csv_reads_back(void **state) {
    (void)state;
    struct eg_batch *batch = every_batch(0, 1000);
    struct eg_strbuf to =
        encoded(batch, (struct eg_encode_style){.format = EG_FORMAT_CSV, .header = true});
    const char *at = to.text;
    char field[200], expected[200];
    bool quoted;
    for (uint32_t col = 0; col < EVERY_COLUMNS; col++) {
        char end = next_field(&at, field, &quoted);
        assert_string_equal(field, every_columns[col].name);
        assert_int_equal(end, col + 1 < EVERY_COLUMNS ? ',' : '\n');
    }
    for (uint32_t n = 0; n < 1000; n++) {
        for (uint32_t col = 0; col < EVERY_COLUMNS; col++) {
            char end = next_field(&at, field, &quoted);
            expected_of(n, col, expected);
            assert_string_equal(field, expected);
            assert_int_equal(end, col + 1 < EVERY_COLUMNS ? ',' : '\n');
            bool is_empty = !every_null(n, col) && !*expected;
            if (!*field) assert_int_equal(quoted, is_empty); /* "" is a text, nothing is null */
        }
    }
    assert_int_equal(*at, 0);
    eg_strbuf_reset(&to);
    eg_batch_unref(batch);
}

static void tsv_reads_back(void **state) {
    (void)state;
    struct eg_batch *batch = every_batch(0, 1000);
    struct eg_strbuf to =
        encoded(batch, (struct eg_encode_style){.format = EG_FORMAT_TSV, .header = false});
    char *at = to.text, expected[200];
    for (uint32_t n = 0; n < 1000; n++) {
        for (uint32_t col = 0; col < EVERY_COLUMNS; col++) {
            size_t size = strcspn(at, "\t\n");
            assert_int_equal(at[size], col + 1 < EVERY_COLUMNS ? '\t' : '\n');
            at[size] = 0;
            expected_of(n, col, expected);
            assert_string_equal(at, expected);
            at += size + 1;
        }
    }
    assert_int_equal(*at, 0);
    eg_strbuf_reset(&to);
    eg_batch_unref(batch);
}

static void headers(void **state) {
    (void)state;
    struct eg_strbuf to = encoded(NULL, (struct eg_encode_style){.format = EG_FORMAT_CSV});
    assert_int_equal(to.size, 0);
    eg_strbuf_reset(&to);
    to = encoded(NULL, (struct eg_encode_style){.format = EG_FORMAT_TSV, .header = true});
    assert_int_equal(strncmp(to.text, "time\ti16\ti32\t", 13), 0);
    eg_strbuf_reset(&to);
    struct eg_batch *batch = every_batch(1, 1);
    to = encoded(batch, (struct eg_encode_style){.format = EG_FORMAT_CSV, .epoch = true});
    char expected[32];
    snprintf(expected, sizeof expected, "%lld,", (long long)every_row(1).time);
    assert_false(every_null(1, TIME));
    assert_int_equal(strncmp(to.text, expected, strlen(expected)), 0);
    eg_strbuf_reset(&to);
    eg_batch_unref(batch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_reads_back),
        cmocka_unit_test(tsv_reads_back),
        cmocka_unit_test(headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
