/* SPDX-License-Identifier: Apache-2.0
 * A frame's layers in the columns of a flow. */
#include "exports_make.h"
#include "torture.h"
#include "wire/flow_layers.h"

static char *row_of(const struct eg_layers *layers, eg_column_set wanted) {
    struct eg_out out;
    assert_true(out_new(&out, 1, wanted));
    eg_put_int(out.rows, EG_COL(FLOWS, tos), 99);
    eg_put_int(out.rows, EG_COL(FLOWS, packets), 1);
    eg_flow_put_layers(out.rows, layers);
    eg_builder_row(out.rows, 1);
    struct result r = {0};
    result_take(&r, &out);
    assert_int_equal(r.row_count, 1);
    char *text = strdup(r.rows[0]);
    result_reset(&r);
    return text;
}

/* Ethernet, one tag, two labels, IPv4, TCP. */
static const uint8_t
    frame[] = {0x02, 0,    0,    0,    0,    2,    0x02, 0,    0,  0,
               0,    1,    0x81, 0x00, 0x00, 0x64, 0x88, 0x47, /* tag 100 */
               0xff, 0xff, 0xf0, 64,   0,    0,    0x71, 64,   /* labels 1048575 and 7 */
               0x45, 0x1c, 0,    40,   0,    1,    0,    0,    57, 6,
               0,    0,    10,   0,    0,    1,    10,   0,    0,  2, /* ttl 57 */
               0x04, 0,    0x01, 0xbb, 0,    0,    0,    1,    0,  0,
               0,    2,    0x50, 0x12, 1,    0,    0,    0,    0,  0};

static void every_layer_has_its_column(void **state) {
    (void)state;
    struct eg_layers layers;
    eg_dissect(EG_LINK_ETHERNET, eg_span(frame, sizeof frame), sizeof frame, &layers);
    char *row = row_of(&layers, EG_COLUMNS_ALL);
    assert_string_equal(
        row, "src_ip=00000000000000000000ffff0a000001 dst_ip=00000000000000000000ffff0a000002 "
             "src_port=1024 dst_port=443 proto=6 packets=1 tcp_flags=18 tos=28 min_ttl=57 "
             "max_ttl=57 src_mac=2199023255553 dst_mac=2199023255554 vlan=100 "
             "mpls_labels=1048575,7 ");
    free(row);
    row = row_of(&layers, EG_SET(FLOWS, vlan) | EG_SET(FLOWS, tos));
    assert_string_equal(row, "tos=28 vlan=100 ");
    free(row);
}

static void what_was_not_seen_stays(void **state) {
    (void)state;
    struct eg_layers layers;
    eg_dissect(EG_LINK_ETHERNET, eg_span(frame, 16), sizeof frame, &layers);
    char *row = row_of(&layers, EG_COLUMNS_ALL);
    assert_string_equal(row, "packets=1 tos=99 src_mac=2199023255553 dst_mac=2199023255554 "
                             "vlan=100 ");
    free(row);
    const uint8_t icmp[] = {0x45, 0, 0,  28, 0, 1, 0, 0, 1, 1, 0, 0, 10, 0,
                            0,    1, 10, 0,  0, 2, 3, 4, 0, 0, 0, 0, 0,  0};
    eg_dissect(EG_LINK_IPV4, eg_span(icmp, sizeof icmp), sizeof icmp, &layers);
    row = row_of(&layers, EG_COLUMNS_ALL & ~(EG_SET(FLOWS, src_ip) | EG_SET(FLOWS, dst_ip)));
    assert_string_equal(row, "proto=1 packets=1 tos=0 icmp_type=3 icmp_code=4 min_ttl=1 "
                             "max_ttl=1 ");
    free(row);
}

static void tunnels_have_their_columns(void **state) {
    (void)state;
    const uint8_t gre[] = {0x45, 0,    0,  56, 0, 1, 0,  0, 64, 47,   0, 0, 11, 0,  0, 1, 11, 0, 0,
                           2,    0x20, 0,  8,  0, 0, 0,  0, 5,  0x45, 0, 0, 28, 0,  1, 0, 0,  9, 17,
                           0,    0,    10, 0,  0, 1, 10, 0, 0,  2,    4, 0, 0,  53, 0, 8, 0,  0};
    eg_column_set four = EG_SET(FLOWS, tunnel) | EG_SET(FLOWS, tunnel_id) |
                         EG_SET(FLOWS, outer_src_ip) | EG_SET(FLOWS, outer_dst_ip);
    struct eg_layers layers;
    eg_dissect(EG_LINK_IPV4, eg_span(gre, sizeof gre), sizeof gre, &layers);
    char *row = row_of(&layers, four | EG_SET(FLOWS, src_ip) | EG_SET(FLOWS, dst_port));
    assert_string_equal(row, "src_ip=00000000000000000000ffff0a000001 dst_port=53 tunnel=gre "
                             "tunnel_id=5 outer_src_ip=00000000000000000000ffff0b000001 "
                             "outer_dst_ip=00000000000000000000ffff0b000002 ");
    free(row);
    eg_dissect_as(EG_VIEW_OUTERMOST, EG_LINK_IPV4, eg_span(gre, sizeof gre), sizeof gre, NULL,
                  &layers);
    row = row_of(&layers, four | EG_SET(FLOWS, src_ip));
    assert_string_equal(row, "src_ip=00000000000000000000ffff0b000001 tunnel=gre tunnel_id=5 ");
    free(row);
}

static void as_many_labels_as_are_kept(void **state) {
    (void)state;
    uint32_t labels[20];
    for (uint32_t i = 0; i < 20; i++) labels[i] = 1000000 + i;
    struct eg_out out;
    assert_true(out_new(&out, 1, EG_COLUMNS_ALL));
    eg_flow_put_labels(out.rows, labels, 0);
    eg_flow_put_labels(out.rows, labels, 20);
    eg_builder_row(out.rows, 1);
    struct result r = {0};
    result_take(&r, &out);
    assert_int_equal(strlen(r.rows[0]), strlen("mpls_labels= ") + 16 * 8 - 1);
    assert_non_null(strstr(r.rows[0], "mpls_labels=1000000,1000001,"));
    assert_non_null(strstr(r.rows[0], ",1000015 "));
    result_reset(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_has_its_column),
        cmocka_unit_test(what_was_not_seen_stays),
        cmocka_unit_test(tunnels_have_their_columns),
        cmocka_unit_test(as_many_labels_as_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
