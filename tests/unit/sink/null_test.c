/* SPDX-License-Identifier: Apache-2.0
 * The template sink: takes all, counts, fails where it was told to. */
#include "table/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "torture.h"

extern const struct eg_sink_type eg_sink_null;

static struct eg_batch *batch_of(int64_t rows) {
    struct eg_builder *b;
    struct eg_batch *batch;
    assert_int_equal(
        eg_builder_new(&b, eg_table_get(EG_TABLE_FLOWS), EG_TABLE_FLOWS, 100, EG_COLUMNS_ALL, NULL),
        EG_OK);
    for (int64_t i = 0; i < rows; i++) {
        eg_put_int(b, EG_COL(FLOWS, bytes), i);
        eg_builder_row(b, 1);
    }
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    eg_builder_free(b);
    return batch;
}

static enum eg_status open_with(const char *fail_after, struct eg_sink **sink) {
    char options[64] = {0};
    assert_in_range(eg_sink_null.options_size, 1, sizeof options);
    assert_int_equal(eg_options_preset(eg_sink_null.options, options, NULL), EG_OK);
    if (fail_after)
        assert_int_equal(
            eg_option_set(eg_sink_null.options, options, "fail-after", fail_after, NULL), EG_OK);
    return eg_sink_null.open(&eg_env_plain, "null:", options, sink, NULL);
}

static void takes_everything(void **state) {
    (void)state;
    struct eg_sink *sink;
    struct eg_batch *batch = batch_of(100);
    struct eg_position *positions;
    size_t count = 7;
    assert_int_equal(open_with(NULL, &sink), EG_OK);
    for (int i = 0; i < 100; i++) assert_int_equal(eg_sink_null.write(sink, batch, NULL), EG_OK);
    assert_int_equal(batch->refs, 1); /* borrowed, not kept */
    assert_int_equal(eg_sink_null.flush(sink, NULL, 0, NULL), EG_OK);
    assert_int_equal(eg_sink_null.positions(sink, &positions, &count, NULL), EG_OK);
    assert_int_equal(count, 0);
    assert_null(positions);
    eg_sink_null.close(sink);
    eg_batch_unref(batch);
}

static void fails_where_told(void **state) {
    (void)state;
    struct eg_sink *sink;
    struct eg_batch *batch = batch_of(100);
    struct eg_error err = {0};
    assert_int_equal(open_with("250", &sink), EG_OK);
    assert_int_equal(eg_sink_null.write(sink, batch, &err), EG_OK);
    assert_int_equal(eg_sink_null.write(sink, batch, &err), EG_OK);
    assert_int_equal(eg_sink_null.write(sink, batch, &err), EG_E_NOSPACE);
    assert_false(err.retriable);
    assert_non_null(strstr(err.message, "200 rows"));
    eg_sink_null.close(sink);
    eg_batch_unref(batch);
}

static void without_memory(void **state) {
    (void)state;
    struct eg_sink *sink;
    char options[64] = {0};
    torture_fail_after(0);
    enum eg_status status = eg_sink_null.open(&eg_env_plain, "null:", options, &sink, NULL);
    assert_true(torture_off());
    assert_int_equal(status, EG_E_NOMEM);
}

/* What everybody copies is whole: no slot is missing. */
static void no_slot_is_missing(void **state) {
    (void)state;
    assert_int_equal(eg_sink_null.abi, EG_STAGE_ABI);
    assert_true(eg_sink_null.open && eg_sink_null.write && eg_sink_null.flush &&
                eg_sink_null.positions && eg_sink_null.close && eg_sink_null.options);
    assert_string_equal(eg_sink_null.name, "null");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_everything),
        cmocka_unit_test(fails_where_told),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(no_slot_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
