/* SPDX-License-Identifier: Apache-2.0
 * An input read once more: all of it, in order, whatever was known; and its failures. */
#include "table/scan_input.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "table/scan_fake.h"
#include "torture.h"

static struct eg_env env;

struct seen {
    uint64_t rows, units, rows_of_unit, stop_at;
    bool order;
};
static enum eg_status take(void *to, struct eg_batch *raw, struct eg_error *err) {
    struct seen *s = to;
    if (!raw) {
        s->units++;
        s->rows_of_unit = 0;
        return EG_OK;
    }
    s->rows_of_unit += raw->rows;
    for (uint32_t i = 0; i < raw->rows; i++, s->rows++)
        s->order &= eg_col_i64(&raw->columns[EG_COL(RAW, offset)])[i] == (int64_t)s->rows * 10;
    if (s->stop_at && s->rows >= s->stop_at) return eg_fail(err, EG_E_NOMEM, "enough");
    return EG_OK;
}

static enum eg_status read_again(const char *uri, const char *known, bool closing,
                                 struct seen *seen) {
    env = fake_env(16);
    struct eg_position position = {.offset = 500};
    struct eg_scan_request request = {.source = &fake_source,
                                      .inputs = &uri,
                                      .input_count = 1,
                                      .known = &position,
                                      .known_count = known != NULL};
    struct egi_input input = {.env = &env, .request = &request, .name = uri, .closing = closing};
    uint64_t stop_at = seen->stop_at;
    if (known) snprintf(position.key, sizeof position.key, "%s", known);
    *seen = (struct seen){.order = true, .stop_at = stop_at};
    enum eg_status status = egi_again_read(&input, take, seen, NULL);
    assert_int_equal(fake_open_sources, 0);
    return status;
}

static void all_of_it(void **state) {
    (void)state;
    const char *uris[] = {"a:100:30:", "a:100:30:s", "a:0:30:"};
    for (int i = 0; i < 3; i++)
        for (int known = 0; known < 2; known++) {
            struct seen seen = {0};
            assert_int_equal(read_again(uris[i], known ? "a" : NULL, false, &seen), EG_OK);
            assert_true(seen.order && seen.rows_of_unit == 0);
            assert_int_equal(seen.rows, i == 2 ? 0 : 100);
            assert_int_equal(seen.units, i == 0 ? 4 : i == 1 ? 7 : 0);
        }
}

static void its_failures(void **state) {
    (void)state;
    struct seen seen = {0};
    assert_int_equal(read_again("a:1:1:o", NULL, false, &seen), EG_E_NOENT);
    assert_int_equal(read_again("a:1000:100:f", NULL, false, &seen), EG_E_IO);
    assert_int_equal(seen.rows, 400);
    seen.stop_at = 200;
    assert_int_equal(read_again("a:1000:100:", NULL, false, &seen), EG_E_NOMEM);
    assert_true(seen.rows >= 200 && seen.rows < 300);
    seen.stop_at = 0;
    assert_int_equal(read_again("a:1000:100:", NULL, true, &seen), EG_E_CANCELLED);
    assert_int_equal(seen.rows, 0);
    bool failed = true;
    for (long n = 0; failed; n++) {
        torture_fail_after(n);
        enum eg_status status = read_again("a:100:30:", NULL, false, &seen);
        failed = torture_off();
        assert_int_equal(status, failed ? EG_E_NOMEM : EG_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it),
        cmocka_unit_test(its_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
