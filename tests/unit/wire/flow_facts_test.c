/* SPDX-License-Identifier: Apache-2.0
 * Sampling and names: the record before options, a rule before both. */
#include "flow_scene.h"

static void a_record_may_say_its_rate(void **state) {
    (void)state;
    struct result r = IPFIX({{34, 4, 0}, 100});
    ASSERT_ROW(r.rows[0], "sampling_rate=100");
    result_reset(&r);
    r = IPFIX({{305, 4, 0}, 1}, {{306, 4, 0}, 999});
    ASSERT_ROW(r.rows[0], "sampling_rate=1000");
    result_reset(&r);
    r = IPFIX({{34, 4, 0}, 0});
    assert_lacks(r.rows[0], "sampling_rate");
    result_reset(&r);
    r = IPFIX({{311, 8, 0}, UINT64_C(0x3f847ae147ae147b)}); /* 0.01 */
    ASSERT_ROW(r.rows[0], "sampling_rate=100");
    result_reset(&r);
}

static const struct made_field FLOW[] = {{10, 4, 0}, {14, 4, 0}, {61, 1, 0}, {48, 1, 0}};
struct flow {
    uint32_t in_if, out_if;
    uint8_t direction, sampler;
};

/* A flow after options of rates: of interface 7, of samplers 1 and 2, and of all. */
static struct result flow_with(const struct eg_book_rule *rules, uint32_t rule_count,
                               struct flow f) {
    struct session s = session_new(&eg_decoder_ipfix);
    assert_int_equal(eg_book_rules(s.book, rules, rule_count, NULL), EG_OK);
    static const struct made_field by_if[] = {{10, 4, 0}, {34, 4, 0}};
    static const struct made_field by_sampler[] = {{48, 1, 0}, {34, 4, 0}};
    static const struct made_field of_all[] = {{144, 4, 0}, {34, 4, 0}};
    struct bytes b = ipfix(1, 5);
    put_template(&b, 256, FLOW, COUNT(FLOW));
    put_options_template(&b, 300, by_if, 1, 2);
    put_options_template(&b, 301, by_sampler, 1, 2);
    put_options_template(&b, 302, of_all, 1, 2);
    uint32_t at = set_begin(&b, 300);
    put_be(&b, 7, 4), put_be(&b, 70, 4);
    set_end(&b, at);
    at = set_begin(&b, 301);
    put_be(&b, 1, 1), put_be(&b, 10, 4), put_be(&b, 2, 1), put_be(&b, 20, 4);
    set_end(&b, at);
    at = set_begin(&b, 302);
    put_be(&b, 0, 4), put_be(&b, 30, 4);
    set_end(&b, at);
    at = set_begin(&b, 256);
    put_be(&b, f.in_if, 4), put_be(&b, f.out_if, 4), put_be(&b, f.direction, 1);
    put_be(&b, f.sampler, 1);
    set_end(&b, at);
    session_send(&s, &b);
    return session_end(&s);
}

static void the_nearest_scope_counts(void **state) {
    (void)state;
    const struct {
        struct flow flow;
        const char *rate;
    } cases[] = {
        {{7, 1, 0, 1}, "sampling_rate=10"}, {{7, 1, 0, 2}, "sampling_rate=20"},
        {{7, 1, 0, 9}, "sampling_rate=70"}, {{1, 7, 0, 9}, "sampling_rate=30"},
        {{1, 7, 1, 9}, "sampling_rate=70"}, {{1, 1, 0, 9}, "sampling_rate=30"},
    };
    for (uint32_t i = 0; i < COUNT(cases); i++) {
        struct result r = flow_with(NULL, 0, cases[i].flow);
        ASSERT_ROW(r.rows[0], cases[i].rate);
        result_reset(&r);
    }
}

static void a_rule_wins_over_all(void **state) {
    (void)state;
    const struct eg_book_rule rules[] = {{{{[10] = 0xff, 0xff, 192, 0, 2, 1}}, 7, 5}};
    struct result r = flow_with(rules, 1, (struct flow){7, 1, 0, 1});
    ASSERT_ROW(r.rows[0], "sampling_rate=5");
    result_reset(&r);
    r = flow_with(rules, 1, (struct flow){8, 1, 0, 1});
    ASSERT_ROW(r.rows[0], "sampling_rate=10");
    result_reset(&r);
}

static void domain_0_speaks_for_all_domains(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_ipfix);
    static const struct made_field of_all[] = {{144, 4, 0}, {34, 4, 0}}, flow[] = {{1, 4, 0}};
    struct bytes whole = ipfix(1, 0), b = ipfix(1, 5);
    put_options_template(&whole, 302, of_all, 1, 2);
    uint32_t at = set_begin(&whole, 302);
    put_be(&whole, 0, 4), put_be(&whole, 30, 4);
    set_end(&whole, at);
    put_template(&b, 256, flow, 1);
    at = set_begin(&b, 256);
    put_be(&b, 1, 4);
    set_end(&b, at);
    session_send(&s, &whole);
    session_send(&s, &b);
    struct result r = session_end(&s);
    ASSERT_ROW(r.rows[0], "sampling_rate=30", "domain=5");
    result_reset(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_may_say_its_rate),
        cmocka_unit_test(the_nearest_scope_counts),
        cmocka_unit_test(a_rule_wins_over_all),
        cmocka_unit_test(domain_0_speaks_for_all_domains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
