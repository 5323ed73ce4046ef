/* SPDX-License-Identifier: Apache-2.0
 * JSON: what is written reads back, by an independent reader (jansson), as what was put in. */
#include "table/encode.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/timetext.h"
#include "encoded.h"

static void same_integer(json_t *object, uint32_t n, uint32_t col, int64_t value) {
    json_t *got = json_object_get(object, every_columns[col].name);
    assert_non_null(got);
    if (every_null(n, col))
        assert_true(json_is_null(got));
    else
        assert_true(json_is_integer(got) && json_integer_value(got) == value);
}
static void same_text(json_t *object, uint32_t n, uint32_t col, const char *value) {
    json_t *got = json_object_get(object, every_columns[col].name);
    assert_non_null(got);
    if (every_null(n, col))
        assert_true(json_is_null(got));
    else
        assert_string_equal(json_string_value(got), value);
}

static void check_object(json_t *object, uint32_t n) {
    struct every_row r = every_row(n);
    char text[64];
    assert_int_equal(json_object_size(object), EVERY_COLUMNS);
    eg_time_text(r.time, text);
    same_text(object, n, TIME, text);
    same_integer(object, n, I16, r.i16);
    same_integer(object, n, I32, r.i32);
    same_integer(object, n, I64, r.i64);
    json_t *real = json_object_get(object, "f64"), *flag = json_object_get(object, "flag");
    if (!every_null(n, F64)) assert_true(json_number_value(real) == r.f64);
    if (!every_null(n, FLAG)) assert_true(json_is_boolean(flag) && json_is_true(flag) == r.flag);
    same_text(object, n, TEXT, r.text);
    same_text(object, n, NAME, r.name);
    eg_addr_text(&r.addr, text);
    same_text(object, n, ADDR, text);
    eg_mac_text(r.mac, text);
    same_text(object, n, MAC, text);
    static const char *const base64[] = {
        "",         "MA==",     "MDE=",         "MDEy",         "MDEyMw==",
        "MDEyMzQ=", "MDEyMzQ1", "MDEyMzQ1Ng==", "MDEyMzQ1Njc=", "MDEyMzQ1Njc4"};
    same_text(object, n, BIN, base64[n % 10]);
    same_text(object, n, VIEW, base64[n % 10]);
    json_t *extra = json_object_get(object, "extra");
    if (!every_null(n, EXTRA))
        assert_int_equal(json_integer_value(json_array_get(json_object_get(extra, "a"), 0)), 1);
    assert_true(json_is_null(json_object_get(object, "absent")));
    assert_true(json_is_null(json_object_get(object, "absent_name")));
}

static void documents(void **state) {
    (void)state;
    const uint32_t counts[] = {0, 1, 2, 500};
    for (size_t i = 0; i < 4; i++) {
        struct eg_batch *batch = every_batch(0, counts[i]);
        struct eg_strbuf to = encoded(batch, (struct eg_encode_style){.format = EG_FORMAT_JSON});
        json_error_t error;
        json_t *root = json_loadb(to.text, to.size, JSON_REJECT_DUPLICATES, &error);
        if (!root) fail_msg("%s at %d", error.text, error.position);
        assert_int_equal(json_array_size(root), counts[i]);
        for (uint32_t n = 0; n < counts[i]; n++) check_object(json_array_get(root, n), n);
        json_decref(root);
        eg_strbuf_reset(&to);
        eg_batch_unref(batch);
    }
}

static void lines(void **state) {
    (void)state;
    struct eg_batch *batch = every_batch(0, 500);
    struct eg_strbuf to = encoded(batch, (struct eg_encode_style){.format = EG_FORMAT_JSONL});
    uint32_t n = 0;
    for (char *at = to.text; *at; n++) {
        char *end = strchr(at, '\n');
        json_t *object = json_loadb(at, (size_t)(end - at), 0, NULL);
        assert_non_null(object);
        check_object(object, n);
        json_decref(object);
        at = end + 1;
    }
    assert_int_equal(n, 500);
    eg_strbuf_reset(&to);
    eg_batch_unref(batch);
    to = encoded(NULL, (struct eg_encode_style){.format = EG_FORMAT_JSONL});
    assert_int_equal(to.size, 0);
    eg_strbuf_reset(&to);
}

static void string_is(const char *text, size_t size, const char *expected) {
    struct eg_strbuf to = {0};
    eg_encode_json_text(text, size, &to);
    assert_string_equal(to.text, expected);
    json_t *back = json_loadb(to.text, to.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    assert_non_null(back);
    json_decref(back);
    eg_strbuf_reset(&to);
}

static void strings(void **state) {
    (void)state;
    string_is("", 0, "\"\"");
    string_is("plain", 5, "\"plain\"");
    string_is("a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"");
    string_is("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
    string_is("\0\1\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\\u007f\"");
    string_is("\xc2\x80\xc2\x9f\xc2\xa0", 6, "\"\\u0080\\u009f\xc2\xa0\""); /* C1 */
    string_is("\xf0\x9f\x98\x80", 4, "\"\xf0\x9f\x98\x80\"");
    string_is("\xff", 1, "\"\xef\xbf\xbd\"");
    string_is("a\xe2\x82", 3, "\"a\xef\xbf\xbd\xef\xbf\xbd\"");               /* cut */
    string_is("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""); /* a surrogate */
    string_is("\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");                 /* overlong */
}

/* A name is told from others, whatever bytes it is of. */
static void names(void **state) {
    (void)state;
    struct eg_strbuf to = {0};
    eg_encode_json_name("50%\"\x1b", &to);
    eg_encode_json_name("50%\xe9\x1b", &to);
    assert_string_equal(to.text, "\"50%\\\"\\u001b\"\"50%25%E9\\u001b\"");
    eg_strbuf_reset(&to);
}

/* A column of unit JSON: the value itself where it is one, else a string. */
static void nested_is(const char *text, const char *expected) {
    struct eg_builder *b;
    struct eg_batch *batch;
    struct eg_encoder *e;
    struct eg_strbuf to = {0}, line = {0};
    uint32_t column = EXTRA;
    struct eg_encode_style style = {.format = EG_FORMAT_JSONL};
    assert_int_equal(eg_builder_new(&b, &every, EG_TABLE_COUNT, 1, EG_COLUMNS_ALL, NULL), EG_OK);
    eg_put_text(b, EXTRA, text, strlen(text));
    eg_builder_row(b, 1);
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    assert_int_equal(eg_encoder_new(&e, &every, &column, 1, &style, NULL), EG_OK);
    eg_encoder_rows(e, batch, &to);
    eg_strbuf_printf(&line, "{\"extra\":%s}\n", expected);
    assert_string_equal(to.text, line.text);
    json_t *back = json_loads(to.text, 0, NULL);
    assert_non_null(back);
    json_decref(back);
    eg_strbuf_reset(&to);
    eg_strbuf_reset(&line);
    eg_encoder_free(e);
    eg_batch_unref(batch);
    eg_builder_free(b);
}

static void nested(void **state) {
    (void)state;
    nested_is("{}", "{}");
    nested_is(" { \"a\" :\n [ 1 , -2.5e+3 , true,false,null , \"x\\u00e9\\n\" , { } , [ ] ] }\r\n",
              "{\"a\":[1,-2.5e+3,true,false,null,\"x\\u00e9\\n\",{},[]]}");
    nested_is("0", "0");
    nested_is("\"\xc3\xa9\x7f\"", "\"\xc3\xa9\\u007f\"");
    nested_is("", "\"\"");
    nested_is("{", "\"{\"");
    nested_is("{\"a\":1", "\"{\\\"a\\\":1\"");
    nested_is("{\"a\" 1}", "\"{\\\"a\\\" 1}\"");
    nested_is("[1,]", "\"[1,]\"");
    nested_is("[1}", "\"[1}\"");
    nested_is("01", "\"01\"");
    nested_is("1.", "\"1.\"");
    nested_is("-", "\"-\"");
    nested_is("1e", "\"1e\"");
    nested_is("nul", "\"nul\"");
    nested_is("{} {}", "\"{} {}\"");
    nested_is("\"a\nb\"", "\"\\\"a\\nb\\\"\"");
    nested_is("\"\\x\"", "\"\\\"\\\\x\\\"\"");
    nested_is("\"\\u12g4\"", "\"\\\"\\\\u12g4\\\"\"");
    nested_is("\"open", "\"\\\"open\"");
    char deep[101] = "", expected[110] = "\"";
    memset(deep, '[', 50);
    memset(deep + 50, ']', 50);
    memcpy(expected + 1, deep, 100);
    expected[101] = '"';
    nested_is(deep, expected); /* deeper than is followed */
}

static void odd_numbers_and_epoch(void **state) {
    (void)state;
    struct eg_builder *b;
    struct eg_batch *batch;
    const double values[] = {NAN, INFINITY, -INFINITY, 0.5};
    assert_int_equal(eg_builder_new(&b, &every, EG_TABLE_COUNT, 4, EG_COLUMNS_ALL, NULL), EG_OK);
    for (int i = 0; i < 4; i++) {
        eg_put_f64(b, F64, values[i]);
        eg_put_int(b, TIME, i - 1);
        eg_builder_row(b, 1);
    }
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    eg_builder_free(b);
    struct eg_encode_style style = {.format = EG_FORMAT_JSON, .epoch = true};
    struct eg_strbuf to = encoded(batch, style);
    json_t *root = json_loads(to.text, 0, NULL);
    for (int i = 0; i < 4; i++) {
        json_t *real = json_object_get(json_array_get(root, (size_t)i), "f64");
        json_t *time = json_object_get(json_array_get(root, (size_t)i), "time");
        assert_int_equal(json_is_null(real), i < 3);
        assert_true(json_is_integer(time) && json_integer_value(time) == i - 1);
    }
    json_decref(root);
    eg_strbuf_reset(&to);
    eg_batch_unref(batch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents),
        cmocka_unit_test(lines),
        cmocka_unit_test(strings),
        cmocka_unit_test(names),
        cmocka_unit_test(nested),
        cmocka_unit_test(odd_numbers_and_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
