/* SPDX-License-Identifier: Apache-2.0
 * Times: absolute in four units, since boot, before the export; and where there are none. */
#include "flow_scene.h"

#define NOW "1700000000000000"
static void absolute_times_have_four_units(void **state) {
    (void)state;
    const uint64_t ntp = (uint64_t)(BASE_SECONDS + 2208988800u) << 32 | 0x80000000u;
    struct result r = IPFIX({{150, 4, 0}, BASE_SECONDS}, {{151, 4, 0}, BASE_SECONDS + 1});
    ASSERT_ROW(r.rows[0], "start_time=" NOW, "end_time=1700000001000000");
    assert_lacks(r.rows[0], "time_flag");
    result_reset(&r);
    r = IPFIX({{152, 8, 0}, BASE_US / 1000}, {{153, 8, 0}, BASE_US / 1000 + 7});
    ASSERT_ROW(r.rows[0], "start_time=" NOW, "end_time=1700000000007000");
    result_reset(&r);
    for (uint16_t i = 154; i <= 156; i = (uint16_t)(i + 2)) {
        r = IPFIX({{i, 8, 0}, ntp}, {{(uint16_t)(i + 1), 8, 0}, ntp});
        ASSERT_ROW(r.rows[0], "start_time=1700000000500000", "end_time=1700000000500000");
        result_reset(&r);
    }
}

static void uptimes_are_right_across_the_wrap(void **state) {
    (void)state;
    struct result r = V9({{22, 4, 0}, 3600000 - 4000}, {{21, 4, 0}, 3600000 + 250});
    ASSERT_ROW(r.rows[0], "start_time=1699999996000000", "end_time=1700000000250000");
    result_reset(&r);
    r = V9({{22, 4, 0}, 0xfffff000}, {{21, 4, 0}, 0}); /* an hour and 4 s ago */
    ASSERT_ROW(r.rows[0], "start_time=1699996395904000", "end_time=1699996400000000");
    result_reset(&r);
}

static void ipfix_has_its_boot_in_the_record_or_in_options(void **state) {
    (void)state;
    struct result r =
        IPFIX({{160, 8, 0}, BASE_US / 1000 - 10000}, {{22, 4, 0}, 1000}, {{21, 4, 0}, 4000});
    ASSERT_ROW(r.rows[0], "start_time=1699999991000000", "end_time=1699999994000000");
    assert_lacks(r.rows[0], "time_flag");
    result_reset(&r);
    struct session s = session_new(&eg_decoder_ipfix);
    static const struct made_field boot[] = {{144, 4, 0}, {160, 8, 0}};
    static const struct made_field flow[] = {{22, 4, 0}, {21, 4, 0}};
    struct bytes b = ipfix(1, 5);
    put_options_template(&b, 300, boot, 1, 2);
    put_template(&b, 256, flow, 2);
    uint32_t at = set_begin(&b, 300);
    put_be(&b, 0, 4), put_be(&b, BASE_US / 1000 - 10000, 8);
    set_end(&b, at);
    at = set_begin(&b, 256);
    put_be(&b, 1000, 4), put_be(&b, 4000, 4);
    set_end(&b, at);
    session_send(&s, &b);
    r = session_end(&s);
    ASSERT_ROW(r.rows[0], "start_time=1699999991000000", "end_time=1699999994000000");
    result_reset(&r);
}

static void before_the_export(void **state) {
    (void)state;
    struct result r = IPFIX({{158, 4, 0}, 3000000}, {{159, 4, 0}, 5});
    ASSERT_ROW(r.rows[0], "start_time=1699999997000000", "end_time=1699999999999995");
    result_reset(&r);
}

static void a_duration_stands_for_the_other_time(void **state) {
    (void)state;
    struct result r = IPFIX({{152, 8, 0}, BASE_US / 1000}, {{161, 4, 0}, 30});
    ASSERT_ROW(r.rows[0], "start_time=" NOW, "end_time=1700000000030000");
    result_reset(&r);
    r = IPFIX({{153, 8, 0}, BASE_US / 1000}, {{162, 4, 0}, 30});
    ASSERT_ROW(r.rows[0], "start_time=1699999999999970", "end_time=" NOW);
    result_reset(&r);
}

static void events_have_one_time(void **state) {
    (void)state;
    struct result r = V9({{323, 8, 0}, BASE_US / 1000 - 1}, {{233, 1, 0}, 2});
    ASSERT_ROW(r.rows[0], "start_time=1699999999999000", "end_time=1699999999999000", "event=2");
    result_reset(&r);
}

static void without_times_the_export_s_stand_there(void **state) {
    (void)state;
    struct result r = IPFIX({{1, 4, 0}, 1});
    ASSERT_ROW(r.rows[0], "start_time=" NOW, "end_time=" NOW, "time_flag=8");
    result_reset(&r);
    r = IPFIX({{152, 8, 0}, 0}, {{153, 8, 0}, 0});
    ASSERT_ROW(r.rows[0], "start_time=" NOW, "end_time=" NOW, "time_flag=8");
    result_reset(&r);
    r = IPFIX({{152, 8, 0}, BASE_US / 1000 - 5}, {{153, 8, 0}, 0});
    ASSERT_ROW(r.rows[0], "start_time=1699999999995000", "end_time=1699999999995000");
    assert_lacks(r.rows[0], "time_flag");
    result_reset(&r);
}

static void what_cannot_be_is_marked(void **state) {
    (void)state;
    struct result r = IPFIX({{152, 8, 0}, BASE_US / 1000}, {{153, 8, 0}, BASE_US / 1000 - 1});
    ASSERT_ROW(r.rows[0], "end_time=" NOW, "time_flag=2");
    assert_int_equal(records_of(&r, EG_CAUSE_time_order), 1);
    result_reset(&r);
    r = IPFIX({{152, 8, 0}, BASE_SECONDS}, {{153, 8, 0}, BASE_SECONDS});
    ASSERT_ROW(r.rows[0], "start_time=1700000000000", "time_flag=4");
    result_reset(&r);
    r = IPFIX({{152, 8, 0}, UINT64_MAX}, {{153, 8, 0}, UINT64_MAX});
    ASSERT_ROW(r.rows[0], "time_flag=4");
    result_reset(&r);
}

static void implausible_headers_give_way_to_the_receipt(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_netflow9);
    struct bytes b = v9(1, 5);
    put_template(&b, 256, USUAL, COUNT(USUAL));
    put_usual_set(&b, 256, 0, 1);
    memset(b.at + 8, 0, 4);
    s.next.time_us = BASE_US + 77000000;
    session_send(&s, &b);
    struct result r = session_end(&s);
    ASSERT_ROW(r.rows[0], "start_time=1700000072000000", "time_flag=1");
    assert_int_equal(records_of(&r, EG_CAUSE_time_corrected), 1);
    result_reset(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absolute_times_have_four_units),
        cmocka_unit_test(uptimes_are_right_across_the_wrap),
        cmocka_unit_test(ipfix_has_its_boot_in_the_record_or_in_options),
        cmocka_unit_test(before_the_export),
        cmocka_unit_test(a_duration_stands_for_the_other_time),
        cmocka_unit_test(events_have_one_time),
        cmocka_unit_test(without_times_the_export_s_stand_there),
        cmocka_unit_test(what_cannot_be_is_marked),
        cmocka_unit_test(implausible_headers_give_way_to_the_receipt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
