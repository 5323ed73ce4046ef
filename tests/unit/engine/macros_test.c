/* SPDX-License-Identifier: Apache-2.0
 * Macros: rates and durations. */
#include "engine_make.h"

static void rates(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    answers(engine, "SELECT duration(TIMESTAMPTZ '2026-01-01 00:00:00+00', TIMESTAMPTZ '2026-01-01 00:00:02.5+00')",
            "2.5");
    answers(engine, "SELECT bps(1000, TIMESTAMPTZ '2026-01-01 00:00:00+00', TIMESTAMPTZ '2026-01-01 00:00:02+00'), "
                    "pps(10, TIMESTAMPTZ '2026-01-01 00:00:00+00', TIMESTAMPTZ '2026-01-01 00:00:04+00'), "
                    "bps(1000, now(), now()), pps(NULL, now(), now()), bpp(100, 8), bpp(100, 0)",
            "4000\t2.5\t\t\t12.5\t");
    eg_engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
