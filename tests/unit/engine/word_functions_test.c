/* SPDX-License-Identifier: Apache-2.0
 * Protocol names, TCP flags. */
#include "engine_make.h"

static void protocols(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    answers(engine, "SELECT protocol_name(6), protocol_name(17), protocol_name(1), protocol_name(132), "
                    "protocol_name(253), protocol_name(-1), protocol_name(70000), protocol_name(NULL)",
            "tcp\tudp\ticmp\tsctp\t253\t-1\t70000\t");
    answers(engine, "SELECT protocol_number('TCP'), protocol_number('udp'), protocol_number('nonsense'), "
                    "protocol_number(NULL), protocol_number('')", "6\t17\t\t\t");
    answers(engine, "SELECT count(*) FROM range(256) WHERE protocol_number(protocol_name(range::INTEGER)) = range "
                    "OR protocol_name(range::INTEGER) = range::VARCHAR", "256");
    eg_engine_close(engine);
}

static void flags(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    answers(engine, "SELECT tcp_flags_text(18), tcp_flags_text(0), tcp_flags_text(255), tcp_flags_text(NULL)",
            "...A..S.\t........\tCEUAPRSF\t");
    eg_engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(protocols),
        cmocka_unit_test(flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
