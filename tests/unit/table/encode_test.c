/* SPDX-License-Identifier: Apache-2.0
 * Formats by name, single values as text, and encoders that are refused or run out of memory. */
#include "table/encode.h"

#include "table/encoding.h"
#include "torture.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "every.h"

static void formats(void **state) {
    (void)state;
    for (unsigned f = 0; f < EG_FORMAT_COUNT; f++)
        assert_int_equal(eg_format_by_name(eg_format_name((enum eg_format)f)), f);
    assert_int_equal(eg_format_by_name("xml"), EG_FORMAT_COUNT);
    assert_null(eg_format_name(EG_FORMAT_COUNT));
    assert_string_equal(eg_format_name(EG_FORMAT_JSONL), "jsonl");
    assert_int_equal(eg_records_table.count, 1);
    assert_int_equal(eg_records_table.columns[0].type, EG_TYPE_TEXT);
}

static void refused(void **state) {
    (void)state;
    const enum eg_format not_text[] = {EG_FORMAT_PARQUET, EG_FORMAT_ARROW, EG_FORMAT_COUNT};
    for (size_t i = 0; i < 3; i++) {
        struct eg_encoder *e = NULL;
        struct eg_error err;
        struct eg_encode_style style = {.format = not_text[i]};
        assert_int_equal(eg_encoder_new(&e, &every, NULL, 0, &style, &err), EG_E_USAGE);
        assert_null(e);
        assert_non_null(strstr(err.message, "is not a text format"));
    }
}

static void i64_is(int64_t value, const char *expected) {
    char text[EG_VALUE_TEXT];
    *eg_write_i64(text, value) = 0;
    assert_string_equal(text, expected);
}

static void integers(void **state) {
    (void)state;
    i64_is(0, "0");
    i64_is(-1, "-1");
    i64_is(1234567890, "1234567890");
    i64_is(INT64_MAX, "9223372036854775807");
    i64_is(INT64_MIN, "-9223372036854775808");
}

static void reals(void **state) {
    (void)state;
    static const double values[] = {
        0,         -0.0,    1.5,     0.1,  1.0 / 3, -2.5e-300, 1e15,
        123456789, DBL_MAX, DBL_MIN, 1e22, -1e-7,   5e-324,    999999999999999.5};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[EG_VALUE_TEXT];
        char *end = eg_write_f64(text, values[i]);
        assert_true(end - text < EG_VALUE_TEXT);
        *end = 0;
        assert_true(strtod(text, NULL) == values[i]);
    }
    char text[EG_VALUE_TEXT];
    *eg_write_f64(text, 0.1) = 0;
    assert_string_equal(text, "0.1");
    *eg_write_f64(text, 3) = 0;
    assert_string_equal(text, "3");
}

static void value_is(const struct eg_batch *batch, uint32_t col, const char *expected) {
    struct eg_strbuf to = {0};
    eg_encode_value(batch, col, 0, &to);
    assert_string_equal(to.text ? to.text : "", expected);
    eg_strbuf_reset(&to);
}

static void values(void **state) {
    (void)state;
    struct eg_builder *b;
    struct eg_batch *batch;
    struct eg_addr addr = eg_addr_v4(0x0a000001);
    assert_int_equal(eg_builder_new(&b, &every, EG_TABLE_COUNT, 2, EG_COLUMNS_ALL, NULL), EG_OK);
    eg_put_int(b, TIME, 1);
    eg_put_int(b, I16, -7);
    eg_put_int(b, I64, INT64_MIN);
    eg_put_f64(b, F64, NAN);
    eg_put_int(b, FLAG, 1);
    eg_put_text(b, TEXT, "a\tb\x7f\xc2\x85\xff\xc3\xa9", 9);
    eg_put_name(b, NAME, "eth0\n", 5);
    eg_put_addr(b, ADDR, &addr);
    eg_put_int(b, MAC, 0x010203040506);
    eg_put_text(b, BIN, "\x00\xff", 2);
    eg_put_view(b, VIEW, eg_span("\x0a", 1));
    eg_builder_row(b, 1);
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    eg_builder_free(b);
    value_is(batch, TIME, "1970-01-01T00:00:00.000001Z");
    value_is(batch, I16, "-7");
    value_is(batch, I32, "");
    value_is(batch, I64, "-9223372036854775808");
    value_is(batch, F64, "nan");
    value_is(batch, FLAG, "true");
    value_is(batch, TEXT, "a\\x09b\\x7f\\x85\xef\xbf\xbd\xc3\xa9");
    value_is(batch, NAME, "eth0\\x0a");
    value_is(batch, ADDR, "10.0.0.1");
    value_is(batch, MAC, "01:02:03:04:05:06");
    value_is(batch, BIN, "00ff");
    value_is(batch, VIEW, "0a");
    value_is(batch, ABSENT, "");
    eg_batch_unref(batch);
}

static void base64(void **state) {
    (void)state;
    static const char *const vectors[][2] = {/* RFC 4648 section 10 */
                                             {"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct eg_strbuf to = {0};
        eg_add_base64(&to, eg_span(vectors[i][0], strlen(vectors[i][0])));
        assert_string_equal(to.text, vectors[i][1]);
        eg_strbuf_reset(&to);
    }
}

/* Every format, any capacity, the same text; with memory short, told and not leaked. */
static enum eg_status encode_all(enum eg_format format, uint32_t capacity, struct eg_strbuf *to) {
    struct eg_encoder *e;
    uint32_t columns[EVERY_COLUMNS];
    for (uint32_t i = 0; i < EVERY_COLUMNS; i++) columns[i] = EVERY_COLUMNS - 1 - i;
    struct eg_encode_style style = {.format = format, .header = true, .human = true};
    EG_TRY(eg_encoder_new(&e, &every, columns, EVERY_COLUMNS, &style, NULL));
    eg_encoder_begin(e, to);
    for (uint32_t from = 0; from < 100; from += capacity) {
        struct eg_batch *batch = every_batch(from, 100 - from < capacity ? 100 - from : capacity);
        if (!batch)
            to->failed = true;
        else
            eg_encoder_rows(e, batch, to);
        eg_batch_unref(batch);
    }
    eg_encoder_end(e, to);
    eg_encoder_free(e);
    return to->failed ? EG_E_NOMEM : EG_OK;
}

static const enum eg_format texts[] = {EG_FORMAT_TABLE,   EG_FORMAT_WIDE, EG_FORMAT_CSV,
                                       EG_FORMAT_TSV,     EG_FORMAT_JSON, EG_FORMAT_JSONL,
                                       EG_FORMAT_MARKDOWN};

static void capacity_does_not_show(void **state) {
    (void)state;
    const uint32_t capacities[] = {1, 7, 4096};
    for (size_t f = 0; f < sizeof texts / sizeof *texts; f++) {
        struct eg_strbuf first = {0};
        for (size_t c = 0; c < 3; c++) {
            struct eg_strbuf to = {0};
            assert_int_equal(encode_all(texts[f], capacities[c], &to), EG_OK);
            if (!c)
                first = to;
            else
                assert_string_equal(to.text, first.text);
            if (c) eg_strbuf_reset(&to);
        }
        assert_true(first.size > 1000);
        eg_strbuf_reset(&first);
    }
}

static void memory_runs_out(void **state) {
    (void)state;
    for (size_t f = 0; f < sizeof texts / sizeof *texts; f++) {
        bool failed = true;
        long n = 0;
        for (; failed; n++) {
            struct eg_strbuf to = {0};
            torture_fail_after(n);
            enum eg_status status = encode_all(texts[f], 50, &to);
            failed = torture_off();
            assert_int_equal(status, failed ? EG_E_NOMEM : EG_OK);
            eg_strbuf_reset(&to);
        }
        assert_true(n > 10);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats),
        cmocka_unit_test(refused),
        cmocka_unit_test(integers),
        cmocka_unit_test(reals),
        cmocka_unit_test(values),
        cmocka_unit_test(base64),
        cmocka_unit_test(capacity_does_not_show),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
