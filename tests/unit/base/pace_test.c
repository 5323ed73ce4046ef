/* SPDX-License-Identifier: Apache-2.0
 * When the next thing is due. */
#include "base/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000000)
#define THEN (INT64_C(1767355200) * SECOND)

static void original(void **state) {
    (void)state;
    struct eg_pace pace = {.kind = EG_PACE_ORIGINAL, .rate = 1};
    assert_int_equal(eg_pace_due(&pace, THEN + 5, 10), 0);
    assert_int_equal(eg_pace_due(&pace, THEN + 5 + 123456789, 10), 123456789);
    assert_int_equal(eg_pace_due(&pace, THEN, 10), 0);      /* earlier than the first */
    assert_int_equal(eg_pace_due(&pace, INT64_MIN, 10), 0); /* not known */
    assert_int_equal(eg_pace_due(&pace, THEN + 5 + SECOND, 10), SECOND);
    pace = (struct eg_pace){.kind = EG_PACE_ORIGINAL, .rate = 2};
    assert_int_equal(eg_pace_due(&pace, INT64_MIN, 10), 0);
    assert_int_equal(eg_pace_due(&pace, THEN, 10), 0); /* the first with a time */
    assert_int_equal(eg_pace_due(&pace, THEN + SECOND, 10), SECOND / 2);
    pace.rate = 0.25;
    assert_int_equal(eg_pace_due(&pace, THEN + SECOND, 10), SECOND * 4);
}

static void steady(void **state) {
    (void)state;
    struct eg_pace pace = {.kind = EG_PACE_ITEMS, .rate = 1000};
    for (int64_t i = 0; i < 5000; i++)
        assert_int_equal(eg_pace_due(&pace, THEN - i, 1), i * (SECOND / 1000));
    pace = (struct eg_pace){.kind = EG_PACE_BITS, .rate = 8000};
    assert_int_equal(eg_pace_due(&pace, 0, 500), 0);
    assert_int_equal(eg_pace_due(&pace, 0, 1), SECOND / 2);
    assert_int_equal(eg_pace_due(&pace, 0, 1), SECOND / 2 + SECOND / 1000);
    pace = (struct eg_pace){.kind = EG_PACE_NONE};
    assert_int_equal(eg_pace_due(&pace, THEN, 1), 0);
    assert_int_equal(eg_pace_due(&pace, THEN + SECOND, 1), 0);
}

static void bounded(void **state) {
    (void)state;
    struct eg_pace pace = {.kind = EG_PACE_ORIGINAL, .rate = 0.0001};
    assert_int_equal(eg_pace_due(&pace, INT64_MIN + 1, 1), 0);
    assert_int_equal(eg_pace_due(&pace, INT64_MAX, 1), INT64_C(1) << 61);
    pace = (struct eg_pace){.kind = EG_PACE_ITEMS, .rate = 1e-6, .items = UINT64_MAX / 2};
    assert_int_equal(eg_pace_due(&pace, 0, 1), INT64_C(1) << 61);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(original),
        cmocka_unit_test(steady),
        cmocka_unit_test(bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
