/* SPDX-License-Identifier: Apache-2.0
 * Rows of data sets: any number of records, in any piece of a batch. */
#include "flow_scene.h"

static struct result many(const struct eg_decoder_type *type, uint32_t capacity, uint32_t records,
                          bool variable) {
    struct session s = session_new(type);
    eg_builder_free(s.out.rows);
    assert_true(out_new(&s.out, capacity, EG_COLUMNS_ALL));
    static const struct made_field f[] = {{1, 4, 0}, {2, 4, 0}}, v[] = {{1, 65535, 0}, {2, 4, 0}};
    struct bytes b = type == &eg_decoder_ipfix ? ipfix(1, 5) : v9(1, 5);
    put_template(&b, 256, variable ? v : f, 2);
    uint32_t at = set_begin(&b, 256);
    for (uint32_t i = 0; i < records; i++) {
        if (variable) put_be(&b, 4, 1);
        put_be(&b, 1000 + i, 4), put_be(&b, 1, 4);
    }
    set_end(&b, at);
    session_send(&s, &b);
    struct result r = session_end(&s);
    qsort(r.rows, r.row_count, sizeof *r.rows, text_order);
    return r;
}

static void capacities_change_nothing(void **state) {
    (void)state;
    static const uint32_t capacities[] = {1, 7, 64, 4096};
    for (uint32_t i = 0; i < COUNT(capacities); i++)
        for (int variable = 0; variable < 2; variable++) {
            struct result r = many(&eg_decoder_ipfix, capacities[i], 200, variable);
            assert_int_equal(r.row_count, 200);
            for (uint32_t k = 0; k < 200; k++) {
                char bytes[40];
                snprintf(bytes, sizeof bytes, "bytes=%u", 1000 + k);
                ASSERT_ROW(r.rows[k], bytes, "packets=1");
            }
            result_reset(&r);
        }
}

static void columns_nobody_wants_cost_nothing_and_change_nothing(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_netflow9);
    eg_builder_free(s.out.rows);
    assert_true(out_new(&s.out, 64, UINT64_C(1) << EG_COL(FLOWS, bytes)));
    struct bytes b = v9(1, 5);
    put_template(&b, 256, USUAL, COUNT(USUAL));
    put_usual_set(&b, 256, 0, 3);
    session_send(&s, &b);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 3);
    assert_string_equal(r.rows[2], "bytes=102 ");
    result_reset(&r);
}

static void two_directions_are_two_rows(void **state) {
    (void)state;
    struct result r = IPFIX({{8, 4, 0}, 0x0a000001}, {{12, 4, 0}, 0x0a000002}, {{7, 2, 0}, 1000},
                            {{11, 2, 0}, 53}, {{4, 1, 0}, 17}, {{2, 4, 0}, 3}, {{1, 4, 0}, 300},
                            {{2, 4, 29305}, 4}, {{1, 4, 29305}, 400}, {{10, 4, 0}, 1},
                            {{14, 4, 0}, 2}, {{239, 1, 0}, 1}, {{5, 1, 0}, 7});
    assert_int_equal(r.row_count, 2);
    ASSERT_ROW(r.rows[0], "src_ip=" V4("0a000001"), "dst_port=53", "packets=3", "bytes=300",
               "in_if=1", "initiator=1", "tos=7");
    ASSERT_ROW(r.rows[1], "src_ip=" V4("0a000002"), "dst_ip=" V4("0a000001"), "src_port=53",
               "dst_port=1000", "packets=4", "bytes=400", "in_if=2", "out_if=1", "initiator=0");
    assert_lacks(r.rows[1], "tos");
    result_reset(&r);
}

static void a_direction_that_was_not_used_is_no_row(void **state) {
    (void)state;
    struct result r = IPFIX({{8, 4, 0}, 1}, {{12, 4, 0}, 2}, {{231, 4, 0}, 300}, {{232, 4, 0}, 0});
    assert_int_equal(r.row_count, 1);
    ASSERT_ROW(r.rows[0], "bytes=300", "initiator=1");
    result_reset(&r);
    r = IPFIX({{8, 4, 0}, 1}, {{12, 4, 0}, 2}, {{231, 4, 0}, 300}, {{232, 4, 0}, 9});
    assert_int_equal(r.row_count, 2);
    ASSERT_ROW(r.rows[1], "bytes=9", "initiator=0");
    result_reset(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capacities_change_nothing),
        cmocka_unit_test(columns_nobody_wants_cost_nothing_and_change_nothing),
        cmocka_unit_test(two_directions_are_two_rows),
        cmocka_unit_test(a_direction_that_was_not_used_is_no_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
