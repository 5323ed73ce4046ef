/* SPDX-License-Identifier: Apache-2.0
 * Sampling rates: any of the numbers may be 0, missing, or absurd. */
#include "wire/sampling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int64_t rate(struct eg_sampling s) { return eg_sampling_rate(&s); }

static void each_way_of_saying_gives_a_rate(void **state) {
    (void)state;
    assert_int_equal(rate((struct eg_sampling){.interval = 1000}), 1000);
    assert_int_equal(rate((struct eg_sampling){.taken = 1, .space = 99, .spaced = true}), 100);
    assert_int_equal(rate((struct eg_sampling){.taken = 2, .space = 98, .spaced = true}), 50);
    assert_int_equal(rate((struct eg_sampling){.taken = 1, .spaced = true}), 1); /* all */
    assert_int_equal(rate((struct eg_sampling){.size = 1, .population = 512}), 512);
    assert_int_equal(rate((struct eg_sampling){.probability = 0.001}), 1000);
    assert_int_equal(rate((struct eg_sampling){.size = 3, .population = 8}), 3);
}

static void nothing_and_nonsense_are_unknown(void **state) {
    (void)state;
    assert_int_equal(rate((struct eg_sampling){0}), 0);
    assert_int_equal(rate((struct eg_sampling){.taken = 1}), 0);
    assert_int_equal(rate((struct eg_sampling){.space = 5, .spaced = true}), 0);
    assert_int_equal(rate((struct eg_sampling){.taken = UINT64_MAX, .space = 2, .spaced = true}),
                     0);
    assert_int_equal(rate((struct eg_sampling){.population = 2}), 0);
    assert_int_equal(rate((struct eg_sampling){.probability = -1}), 0);
    assert_int_equal(rate((struct eg_sampling){.probability = 1e-300}), 0);
    assert_int_equal(rate((struct eg_sampling){.probability = 1.5}), 0);
    assert_int_equal(rate((struct eg_sampling){.interval = UINT64_MAX}), INT64_MAX);
    assert_int_equal(rate((struct eg_sampling){.size = 9, .population = 1}), 1);
}

static void probabilities_come_in_two_sizes(void **state) {
    (void)state;
    const uint8_t wide[8] = {0x3f, 0xe0}, narrow[4] = {0x3f, 0};
    assert_true(eg_sampling_probability(eg_span(wide, 8)) == 0.5);
    assert_true(eg_sampling_probability(eg_span(narrow, 4)) == 0.5);
    assert_true(eg_sampling_probability(eg_span(wide, 3)) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_of_saying_gives_a_rate),
        cmocka_unit_test(nothing_and_nonsense_are_unknown),
        cmocka_unit_test(probabilities_come_in_two_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
