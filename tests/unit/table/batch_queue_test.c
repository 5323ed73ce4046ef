/* SPDX-License-Identifier: Apache-2.0
 * Batches come out in the order in which they went in. */
#include "table/batch_queue.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "torture.h"

static void in_order(void **state) {
    (void)state;
    struct egi_batches batches = {0};
    struct eg_batch items[100];
    assert_null(egi_batches_pop(&batches));
    size_t in = 0, out = 0;
    while (out < 100) { /* in threes, out in twos */
        for (int i = 0; i < 3 && in < 100; i++)
            assert_true(egi_batches_push(&batches, &items[in++]));
        for (int i = 0; i < 2 && out < in; i++)
            assert_ptr_equal(egi_batches_pop(&batches), &items[out++]);
    }
    assert_null(egi_batches_pop(&batches));
    torture_fail_after(0);
    struct egi_batches other = {0};
    bool pushed = egi_batches_push(&other, &items[0]);
    torture_off();
    assert_false(pushed);
    egi_batches_reset(&other);
    egi_batches_reset(&batches);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
