/* SPDX-License-Identifier: Apache-2.0
 * Which clocks of exporters are believed. */
#include "exports_make.h"
#include "torture.h"
#include "wire/export_clock.h"

static int16_t corrected(int64_t header_us, int64_t received_us, int64_t *now_us) {
    struct eg_datagram d = {.time_us = received_us};
    *now_us = header_us;
    return eg_export_clock(&d, now_us);
}

static void the_receipt_corrects_what_cannot_be(void **state) {
    (void)state;
    static const struct {
        int64_t header_us, received_us;
        bool corrected;
    } cases[] = {
        {BASE_US, BASE_US, false},
        {BASE_US + EG_DAY_US, BASE_US, false},
        {BASE_US + EG_DAY_US + 1, BASE_US, true},
        {BASE_US - 20 * 365 * EG_DAY_US, BASE_US, false},
        {BASE_US - 20 * 365 * EG_DAY_US - 1, BASE_US, true},
        {0, BASE_US, true},
        {EG_YEAR_2100_US, EG_YEAR_2100_US - 1, true},
        {0, INT64_MIN, false}, /* nothing to correct it by */
        {0, EG_YEAR_1990_US - 1, false},
        {EG_YEAR_1990_US, EG_YEAR_1990_US, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t now_us;
        int16_t flag = corrected(cases[i].header_us, cases[i].received_us, &now_us);
        assert_int_equal(flag, cases[i].corrected ? EG_TIME_RECEIPT : 0);
        assert_int_equal(now_us, cases[i].corrected ? cases[i].received_us : cases[i].header_us);
    }
}

static void clocks_that_began_at_boot_are_plausible(void **state) {
    (void)state;
    assert_true(eg_export_clock_plausible(BASE_SECONDS, 0));
    assert_true(eg_export_clock_plausible(1000, 1000000));
    assert_true(eg_export_clock_plausible(1000 + 3599, 1000000));
    assert_false(eg_export_clock_plausible(1000 + 3600, 1000000));
    assert_false(eg_export_clock_plausible(100 * 86400, 3600000));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_receipt_corrects_what_cannot_be),
        cmocka_unit_test(clocks_that_began_at_boot_are_plausible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
