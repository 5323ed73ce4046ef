/* SPDX-License-Identifier: Apache-2.0
 * Steps: bounds that leave no number, lists that become searches, "not" pushed down. */
#include "filter/step.h"

#include "filter_make.h"

static const struct eg_step *root(const struct eg_filter *filter) {
    const struct eg_predicate *predicate = eg_filter_predicate(filter);
    return ((const struct eg_program *)(const void *)predicate)->root;
}

static void step_is(const char *text, enum eg_step_kind kind, bool negate, uint32_t count) {
    struct eg_filter *filter = test_filter(text, EG_TABLE_FLOWS);
    const struct eg_step *step = root(filter);
    if (step->kind != kind || step->negate != negate || step->count != count)
        fail_msg("'%s': kind %d, negate %d, count %u", text, step->kind, step->negate, step->count);
    eg_filter_free(filter);
}

static void kinds(void **state) {
    (void)state;
    step_is("any", EG_STEP_CONST, false, 0);
    step_is("src_port = 80", EG_STEP_WHOLE, false, 1);
    step_is("src_port != 80", EG_STEP_WHOLE, true, 1);
    step_is("not src_port in (1, 3)", EG_STEP_WHOLE, true, 2);
    step_is("bytes > 9223372036854775807", EG_STEP_WHOLE, false, 0);
    step_is("src_ip = 10.0.0.1", EG_STEP_ADDR, false, 1);
    step_is("src_ip != 10.0.0.1", EG_STEP_ADDR, true, 1);
    step_is("src_ip in (1.1.1.1, 2.2.2.2, 3.3.3.3, 4.4.4.4)", EG_STEP_ADDR, false, 4);
    step_is("src_ip in (1.1.1.1, 2.2.2.2, 3.3.3.3, 4.4.4.4, 5.5.5.5)", EG_STEP_ADDRS, false, 5);
    /* ::/0 without IPv4 is two ranges, with four addresses between them */
    step_is("src_ip in (1.1.1.1, 2.2.2.2, 3.3.3.3, 4.4.4.4, ::/0)", EG_STEP_ADDRS, false, 6);
    step_is("duration > 1s", EG_STEP_MADE, false, 1);
    step_is("bps > 1", EG_STEP_REAL, false, 1);
    step_is("application in (a, b)", EG_STEP_TEXT, false, 2);
    step_is("application !~ 'a'", EG_STEP_MATCH, true, 0);
    step_is("src_port >= dst_port", EG_STEP_FIELDS, false, 0);
    step_is("exists vlan", EG_STEP_NULL, true, 0);
}

static void pushed_down(void **state) {
    (void)state;
    struct eg_filter *filter =
        test_filter("not (tcp and (udp or not src_port in (1, 3)))", EG_TABLE_FLOWS);
    const struct eg_step *step = root(filter);
    assert_int_equal(step->kind, EG_STEP_ANY);
    assert_int_equal(step->kid_count, 2);
    assert_true(step->kids[0]->negate);
    assert_int_equal(step->kids[1]->kind, EG_STEP_ALL);
    assert_true(step->kids[1]->kids[0]->negate);
    assert_false(step->kids[1]->kids[1]->negate);
    eg_filter_free(filter);
}

static void cheap_first(void **state) {
    (void)state;
    struct eg_filter *filter = test_filter(
        "application ~ 'a' and host 10.0.0.1 and duration > 1s and bytes > 5", EG_TABLE_FLOWS);
    static const enum eg_step_kind order[] = {EG_STEP_WHOLE, EG_STEP_ANY, EG_STEP_MADE,
                                              EG_STEP_MATCH};
    const struct eg_step *step = root(filter);
    assert_int_equal(step->kid_count, 4);
    for (uint32_t i = 0; i < 4; i++) assert_int_equal(step->kids[i]->kind, order[i]);
    eg_filter_free(filter);
}

/* The ranges of many addresses are in order and apart: what a search needs. */
static void ranges(void **state) {
    (void)state;
    struct eg_filter *filter = test_filter(
        "src_ip in (::/8, 10.0.0.0/8, 9.9.9.9, ::1, 2001:db8::/32, 10.1.1.1, 255.255.255.255, "
        "0.0.0.0, ffff::/16)",
        EG_TABLE_FLOWS);
    const struct eg_step *step = root(filter);
    assert_int_equal(step->kind, EG_STEP_ADDRS);
    for (uint32_t i = 0; i < step->count; i++) {
        assert_true(step->addrs[i].low <= step->addrs[i].high);
        assert_true(i == 0 || step->addrs[i - 1].high < step->addrs[i].low);
    }
    assert_int_equal(step->count, 8);
    eg_filter_free(filter);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(kinds), cmocka_unit_test(pushed_down),
                                       cmocka_unit_test(cheap_first), cmocka_unit_test(ranges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
