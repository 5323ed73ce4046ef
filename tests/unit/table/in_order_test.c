/* SPDX-License-Identifier: Apache-2.0
 * One input in its order: every record once, ends of units told, an end before the end, failures of
 * source and taker, interruption. */
#include "table/in_order.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "table/scan_fake.h"
#include "torture.h"

struct seen {
    uint64_t rows, units, rows_of_unit;
    uint64_t stop_at; /* rows after which `stop` is answered; 0: never */
    enum eg_status stop;
    bool stop_between; /* answered at the end of a unit instead */
    bool order;
};

static enum eg_status take(void *to, struct eg_batch *raw, struct eg_error *err) {
    struct seen *s = to;
    bool over = s->stop_at && s->rows >= s->stop_at;
    if (!raw) {
        s->units++;
        s->rows_of_unit = 0;
        return over && s->stop_between ? s->stop : EG_OK;
    }
    s->rows_of_unit += raw->rows;
    for (uint32_t i = 0; i < raw->rows; i++, s->rows++)
        s->order &= eg_col_i64(&raw->columns[EG_COL(RAW, offset)])[i] == (int64_t)s->rows * 10;
    over = s->stop_at && s->rows >= s->stop_at;
    if (!over || s->stop_between) return EG_OK;
    return s->stop == EG_END ? EG_END : eg_fail(err, s->stop, "the taker had enough");
}

static enum eg_status read_all(const char *uri, bool interrupted, struct seen *seen) {
    struct eg_env env = eg_env_plain;
    atomic_bool cancel = interrupted;
    struct eg_error err = {0};
    struct eg_tally tally = {0};
    struct eg_in_order how = {.source = &fake_source, .uri = uri, .take = take, .to = seen};
    env.batch_rows = 16;
    env.cancel = &cancel;
    seen->rows = seen->units = seen->rows_of_unit = 0;
    seen->order = true;
    enum eg_status status = eg_in_order(&env, &how, &tally, &err);
    assert_int_equal(fake_open_sources, 0);
    assert_true(seen->order);
    assert_true(status >= 0 || *err.message);
    eg_tally_reset(&tally);
    return status;
}

static void all_in_order(void **state) {
    (void)state;
    static const struct {
        const char *uri;
        uint64_t rows, units;
    } cases[] = {
        {"a:100:30:", 100, 4}, {"a:100:30:s", 100, 7}, {"a:0:30:", 0, 0}, {"a:1:1:", 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct seen seen = {0};
        assert_int_equal(read_all(cases[i].uri, false, &seen), EG_OK);
        assert_int_equal(seen.rows, cases[i].rows);
        assert_int_equal(seen.units, cases[i].units);
        assert_int_equal(seen.rows_of_unit, 0);
    }
}

static void enough_is_no_error(void **state) {
    (void)state;
    struct seen seen = {.stop_at = 40, .stop = EG_END};
    assert_int_equal(read_all("a:1000:100:", false, &seen), EG_OK);
    assert_in_range(seen.rows, 40, 40 + 15);
    assert_int_equal(seen.units, 0); /* the unit is not over: nobody is told that it were */
    assert_int_equal(read_all("a:1000:100:s", false, &seen), EG_OK);
    assert_in_range(seen.rows, 40, 40 + 15);
    seen.stop_between = true;
    assert_int_equal(read_all("a:1000:100:", false, &seen), EG_OK);
    assert_int_equal(seen.rows, 100);
    assert_int_equal(seen.units, 1);
}

static void failures(void **state) {
    (void)state;
    struct seen seen = {0};
    assert_int_equal(read_all("a:1:1:o", false, &seen), EG_E_NOENT);
    assert_int_equal(read_all("a:1000:100:f", false, &seen), EG_E_IO);
    assert_int_equal(seen.rows, 400);
    assert_int_equal(read_all("a:100:30:c", false, &seen), EG_E_CUT);
    assert_int_equal(seen.rows, 100); /* all that is whole was given */
    assert_int_equal(read_all("a:100:30:", true, &seen), EG_E_CANCELLED);
    assert_int_equal(seen.rows, 0);
    seen.stop_at = 40;
    seen.stop = EG_E_NOSPACE;
    assert_int_equal(read_all("a:1000:100:", false, &seen), EG_E_NOSPACE);
    assert_in_range(seen.rows, 40, 40 + 15);
}

static void without_memory(void **state) {
    (void)state;
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct seen seen = {0};
        torture_fail_after(n);
        enum eg_status status = read_all("a:100:30:", false, &seen);
        failed = torture_off();
        assert_int_equal(status, failed ? EG_E_NOMEM : EG_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_in_order),
        cmocka_unit_test(enough_is_no_error),
        cmocka_unit_test(failures),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
