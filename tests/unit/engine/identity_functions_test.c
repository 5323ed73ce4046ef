/* SPDX-License-Identifier: Apache-2.0
 * community_id and flow_id. */
#include "engine_make.h"

static void community_ids(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    /* the examples of the Community ID specification */
    answers(engine, "SELECT community_id('128.232.110.120', '66.35.250.204', 34855, 80, 6), "
                    "community_id('66.35.250.204', '128.232.110.120', 80, 34855, 6)",
            "1:LQU9qZlK+B5F3KDmev6m5PMibrg=\t1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
    answers(engine, "SELECT community_id(NULL, '1.1.1.1', 1, 2, 6), community_id('x', '1.1.1.1', 1, 2, 6), "
                    "community_id('1.1.1.1', '2.2.2.2', 1, 2, NULL), community_id('1.1.1.1', '2.2.2.2', 1, 2, 300)",
            "\t\t\t");
    answers(engine, "SELECT community_id('1.1.1.1', '2.2.2.2', NULL, NULL, 47) LIKE '1:%'", "true");
    eg_engine_close(engine);
}

static void flow_ids(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    answers(engine, "SELECT length(flow_id(1, 'a')), flow_id(1, 'a') = flow_id(1, 'a'), "
                    "flow_id(1, 'a') = flow_id('a', 1), flow_id('ab', 'c') = flow_id('a', 'bc'), "
                    "flow_id(NULL) = flow_id(''), flow_id(NULL, 1) = flow_id(1, NULL)",
            "32\ttrue\tfalse\tfalse\tfalse\tfalse");
    /* a time is its microseconds, whatever the time zone of the session */
    answers(engine, "SELECT flow_id(TIMESTAMPTZ '2026-01-01 00:00:00+00') = flow_id(1767225600000000)", "true");
    answers(engine, "SELECT count(DISTINCT flow_id(range, 'x')) FROM range(10000)", "10000");
    answers(engine, "SELECT flow_id(1::SMALLINT, 'a', NULL) = flow_id(1::BIGINT, 'a', NULL::VARCHAR)", "true");
    eg_engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(community_ids),
        cmocka_unit_test(flow_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
