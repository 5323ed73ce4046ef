/* SPDX-License-Identifier: Apache-2.0
 * What has its own length: labels, packets inside records, and extra. */
#include "flow_scene.h"

static void elements_without_a_column_are_extra(void **state) {
    (void)state;
    struct result r =
        IPFIX({{31, 4, 0}, 5}, {{999, 2, 0}, 0xbeef}, {{7, 2, 4711}, 1}, {{210, 3, 0}, 0});
    ASSERT_ROW(r.rows[0], "extra={\"flowLabelIPv6\":5,\"0:999\":\"beef\",\"4711:7\":\"0001\"}");
    result_reset(&r);
}

static void names_that_come_again_are_numbered(void **state) {
    (void)state;
    struct result r = IPFIX({{31, 4, 0}, 5}, {{999, 1, 0}, 1}, {{31, 4, 0}, 6}, {{8, 4, 0}, 1},
                            {{999, 1, 0}, 2}, {{8, 4, 0}, 0}, {{31, 4, 0}, 7});
    ASSERT_ROW(r.rows[0], "extra={\"flowLabelIPv6\":5,\"0:999\":\"01\",\"flowLabelIPv6_2\":6,"
                          "\"0:999_2\":\"02\",\"flowLabelIPv6_3\":7}");
    result_reset(&r);
}

static void labels_are_listed_top_first(void **state) {
    (void)state;
    struct result r = IPFIX({{71, 3, 0}, 200 << 4 | 1}, {{70, 3, 0}, 100 << 4}, {{72, 3, 0}, 0});
    ASSERT_ROW(r.rows[0], "mpls_labels=100,200");
    result_reset(&r);
}

static void frames_inside_are_taken_apart(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_ipfix);
    static const struct made_field f[] = {{315, 65535, 0}, {312, 2, 0}, {10, 4, 0}};
    struct bytes b = ipfix(1, 5);
    put_template(&b, 256, f, COUNT(f));
    uint32_t at = set_begin(&b, 256);
    put_be(&b, 42, 1);
    put_be(&b, 0x020000000001, 6), put_be(&b, 0x020000000002, 6), put_be(&b, 0x0800, 2);
    put_be(&b, 0x4500, 2), put_be(&b, 500, 2), put_be(&b, 0, 4), put_be(&b, 64, 1);
    put_be(&b, 17, 1), put_be(&b, 0, 2), put_be(&b, 0x0a000001, 4), put_be(&b, 0x0a000002, 4);
    put_be(&b, 53, 2), put_be(&b, 4000, 2), put_be(&b, 480, 2), put_be(&b, 0, 2);
    put_be(&b, 514, 2), put_be(&b, 3, 4);
    set_end(&b, at);
    session_send(&s, &b);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 1);
    ASSERT_ROW(r.rows[0], "src_ip=" V4("0a000001"), "dst_ip=" V4("0a000002"), "src_port=53",
               "proto=17", "bytes=500", "packets=1", "in_if=3",
               "extra={\"dataLinkFrameSize\":514}");
    result_reset(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_without_a_column_are_extra),
        cmocka_unit_test(names_that_come_again_are_numbered),
        cmocka_unit_test(labels_are_listed_top_first),
        cmocka_unit_test(frames_inside_are_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
