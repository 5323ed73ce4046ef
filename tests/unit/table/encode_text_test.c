/* SPDX-License-Identifier: Apache-2.0
 * Tables and Markdown, letter by letter. */
#include "table/encode.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "every.h"

/* Three rows: numbers, texts that are wide, long, hostile, empty, and nulls. */
static struct eg_batch *rows(void) {
    struct eg_builder *b;
    struct eg_batch *batch;
    assert_int_equal(eg_builder_new(&b, &every, EG_TABLE_COUNT, 3, EG_COLUMNS_ALL, NULL), EG_OK);
    eg_put_int(b, TIME, INT64_C(1767358800123456));
    eg_put_int(b, I64, 1234567890);
    eg_put_f64(b, F64, 2.0 / 3);
    eg_put_text(b, TEXT, "日本", 6);
    eg_builder_row(b, 1);
    eg_put_int(b, I64, 7);
    eg_put_text(b, TEXT, "\x1b[31m|a_b|", 10);
    eg_builder_row(b, 1);
    eg_put_int(b, TIME, -1);
    eg_put_f64(b, F64, 5);
    eg_put_text(b, TEXT, "", 0);
    eg_builder_row(b, 1);
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    eg_builder_free(b);
    return batch;
}

static void is(struct eg_encode_style style, const uint32_t *columns, uint32_t count,
               const char *expected) {
    struct eg_batch *batch = rows();
    struct eg_encoder *e;
    struct eg_strbuf to = {0};
    assert_int_equal(eg_encoder_new(&e, &every, columns, count, &style, NULL), EG_OK);
    eg_encoder_begin(e, &to);
    eg_encoder_rows(e, batch, &to);
    eg_encoder_end(e, &to);
    assert_false(to.failed);
    assert_string_equal(to.text ? to.text : "", expected);
    eg_strbuf_reset(&to);
    eg_encoder_free(e);
    eg_batch_unref(batch);
}

static const uint32_t columns[] = {TIME, I64, F64, TEXT};

static void plain_table(void **state) {
    (void)state;
    struct eg_encode_style style = {.format = EG_FORMAT_TABLE, .header = true};
    is(style, columns, 4,
       "time                             i64   f64  text\n"
       "2026-01-02T13:00:00.123Z  1234567890  0.67  日本\n"
       "-                                  7     -  \\x1b[31m|a_b|\n"
       "1969-12-31T23:59:59.999Z           -     5  \n");
    style.header = false;
    is(style, columns + 1, 2, "1234567890  0.67\n         7     -\n         -     5\n");
}

/* A terminal too narrow: the column nobody asked for goes, the widths of the others stay. */
static void narrow_table(void **state) {
    (void)state;
    struct eg_encode_style style = {.format = EG_FORMAT_TABLE, .header = true, .width = 50};
    is(style, columns, 4,
       "time                             i64   f64\n"
       "2026-01-02T13:00:00.123Z  1234567890  0.67\n"
       "-                                  7     -\n"
       "1969-12-31T23:59:59.999Z           -     5\n"
       "... 1 column not shown; -o wide shows all\n");
    const uint32_t with_empty[] = {ABSENT, I64, TEXT};
    style.unicode = true;
    style.width = 26;
    is(style, with_empty, 3,
       "       i64 │ text\n───────────┼──────────────\n1234567890 │ 日本\n         7 │ "
       "\\x1b[31m|a_b|\n"
       "         - │ \n… 1 column not shown; -o wide shows all\n");
    style.format = EG_FORMAT_WIDE; /* never */
    style.unicode = false;
    style.width = 5;
    is(style, columns + 1, 2,
       "       i64                 f64\n1234567890  0.6666666666666666\n         7                 "
       "  -\n         -                   5\n");
}

static void dressed_table(void **state) {
    (void)state;
    struct eg_encode_style style = {
        .format = EG_FORMAT_TABLE, .header = true, .human = true, .unicode = true, .color = true};
    const uint32_t two[] = {TEXT, I64};
    is(style, two, 2,
       "\x1b[1mtext\x1b[0m          │     \x1b[1mi64\x1b[0m\n"
       "──────────────┼────────\n"
       "日本          │ 1.23 GB\n"
       "\\x1b[31m|a_b| │     7 B\n"
       "              │       -\n");
}

static void wide_keeps_all(void **state) {
    (void)state;
    struct eg_encode_style style = {.format = EG_FORMAT_WIDE, .header = true, .human = true};
    is(style, columns, 3,
       "time                                i64                 f64\n"
       "2026-01-02T13:00:00.123456Z  1234567890  0.6666666666666666\n"
       "-                                     7                   -\n"
       "1969-12-31T23:59:59.999999Z           -                   5\n");
    style.epoch = true;
    is(style, columns, 1, "time\n1767358800123456\n-\n-1\n");
}

static void local_times(void **state) {
    (void)state;
    const char *old = getenv("TZ");
    char *kept = old ? strdup(old) : NULL;
    setenv("TZ", "AAA-05:30", 1); /* east of Greenwich */
    tzset();
    struct eg_encode_style style = {.format = EG_FORMAT_TABLE, .utc_offset = true};
    is(style, columns, 1, "2026-01-02T18:30:00.123+05:30\n-\n1970-01-01T05:29:59.999+05:30\n");
    setenv("TZ", "BBB3", 1);
    tzset();
    style.format = EG_FORMAT_WIDE;
    is(style, columns, 1,
       "2026-01-02T10:00:00.123456-03:00\n-\n1969-12-31T20:59:59.999999-03:00\n");
    kept ? setenv("TZ", kept, 1) : unsetenv("TZ");
    tzset();
    free(kept);
}

static void markdown(void **state) {
    (void)state;
    struct eg_encode_style style = {.format = EG_FORMAT_MARKDOWN};
    is(style, columns, 4,
       "| time | i64 | f64 | text |\n"
       "| --- | ---: | ---: | --- |\n"
       "| 2026-01-02T13:00:00.123456Z | 1234567890 | 0.6666666666666666 | 日本 |\n"
       "|  | 7 |  | \\\\x1b\\[31m\\|a_b\\| |\n"
       "| 1969-12-31T23:59:59.999999Z |  | 5 |  |\n");
}

static void long_texts_are_cut_in_tables_only(void **state) {
    (void)state;
    char text[101];
    memset(text, 'x', 100);
    text[100] = 0;
    for (int f = 0; f < 3; f++) {
        struct eg_builder *b;
        struct eg_batch *batch;
        struct eg_encoder *e;
        struct eg_strbuf to = {0};
        const uint32_t column = TEXT;
        struct eg_encode_style style = {.format = f < 2 ? EG_FORMAT_TABLE : EG_FORMAT_WIDE,
                                        .unicode = f == 1};
        assert_int_equal(eg_builder_new(&b, &every, EG_TABLE_COUNT, 1, EG_COLUMNS_ALL, NULL),
                         EG_OK);
        eg_put_text(b, TEXT, text, 100);
        eg_builder_row(b, 1);
        assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
        assert_int_equal(eg_encoder_new(&e, &every, &column, 1, &style, NULL), EG_OK);
        eg_encoder_begin(e, &to);
        eg_encoder_rows(e, batch, &to);
        eg_encoder_end(e, &to);
        const size_t sizes[] = {48 + 1, 47 + 3 + 1, 101};
        assert_int_equal(to.size, sizes[f]);
        const char *ends[] = {"x...\n", "x…\n", "xxx\n"};
        assert_string_equal(to.text + to.size - strlen(ends[f]), ends[f]);
        eg_strbuf_reset(&to);
        eg_encoder_free(e);
        eg_batch_unref(batch);
        eg_builder_free(b);
    }
}

static void no_rows_no_columns(void **state) {
    (void)state;
    const enum eg_format formats[] = {EG_FORMAT_TABLE, EG_FORMAT_MARKDOWN};
    for (int f = 0; f < 2; f++) {
        struct eg_encoder *e;
        struct eg_strbuf to = {0};
        struct eg_encode_style style = {.format = formats[f], .header = true};
        assert_int_equal(eg_encoder_new(&e, &every, columns, 2, &style, NULL), EG_OK);
        eg_encoder_begin(e, &to);
        eg_encoder_end(e, &to);
        assert_string_equal(to.text, f ? "| time | i64 |\n| --- | ---: |\n" : "time  i64\n");
        eg_encoder_free(e);
        eg_strbuf_reset(&to);
    }
    is((struct eg_encode_style){.format = EG_FORMAT_TABLE, .header = true}, columns, 0, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_table),
        cmocka_unit_test(narrow_table),
        cmocka_unit_test(dressed_table),
        cmocka_unit_test(wide_keeps_all),
        cmocka_unit_test(local_times),
        cmocka_unit_test(markdown),
        cmocka_unit_test(long_texts_are_cut_in_tables_only),
        cmocka_unit_test(no_rows_no_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
