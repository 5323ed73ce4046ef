/* SPDX-License-Identifier: Apache-2.0
 * Progress, losses and remarks of the last query. */
#include "engine_make.h"

static void the_last_query_is_remembered(void **state) {
    (void)state;
    char directory[64], whole[128], cut[128], sql[512];
    made_directory(directory);
    made_flows(made_path(whole, sizeof whole, directory, "whole.pcap"), 900);
    made_flows(made_path(cut, sizeof cut, directory, "cut.pcap"), 900);
    assert_int_equal(truncate(cut, 20000), 0);
    struct eg_engine *engine = made_engine();
    struct eg_scan_progress none = eg_engine_progress(engine);
    assert_int_equal(none.bytes_done, 0);
    assert_int_equal(eg_engine_tally(engine)->count, 0);
    snprintf(sql, sizeof sql, "SELECT count(*) > 900 FROM (FROM read_flows('%s') UNION ALL FROM read_flows('%s'))",
             whole, cut);
    answers(engine, sql, "true");
    assert_int_equal(eg_tally_sum(eg_engine_tally(engine), EG_CAUSE_capture_cut).cause, EG_CAUSE_capture_cut);
    bool told = false;
    for (uint32_t i = 0; i < eg_engine_tally(engine)->count; i++)
        told |= eg_engine_tally(engine)->entries[i].cause == EG_CAUSE_capture_cut;
    assert_true(told);
    size_t count = 0;
    const struct eg_trouble *troubles = eg_engine_troubles(engine, &count);
    bool found = false;
    for (size_t i = 0; i < count; i++) found |= strcmp(troubles[i].input, cut) == 0;
    assert_true(found);
    struct eg_scan_progress seen = eg_engine_progress(engine);
    assert_true(seen.bytes_done > 20000 && seen.rows[EG_TABLE_FLOWS] > 900);
    answers(engine, "SELECT 1", "1");
    assert_int_equal(eg_engine_progress(engine).bytes_done, 0);
    assert_int_equal(eg_engine_tally(engine)->count, 0);
    assert_null(eg_engine_troubles(engine, &count));
    assert_int_equal(count, 0);
    eg_engine_close(engine);
    made_remove(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_query_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
