/* SPDX-License-Identifier: Apache-2.0
 * NetFlow version 1: every field in its column, what it has not, and the probe. */
#include "netflow_make.h"
#include "torture.h"

extern const struct eg_decoder_type eg_decoder_netflow1;

static void every_field_stands_in_its_column(void **state) {
    (void)state;
    struct bytes b = make_old(plain_old(1, 3));
    struct eg_datagram d = datagram(&b);
    struct eg_sequence_note note;
    struct result r = decode_by(&eg_decoder_netflow1, &d, 4096, EG_COLUMNS_ALL, &note);
    assert_int_equal(r.row_count, 3);
#define V4 "00000000000000000000ffff"
#define SHARED "in_if=3 out_if=4 " OLD_FROM "source=netflow1 "
    assert_string_equal(r.rows[0], OLD_TIMES
                        "src_ip=" V4 "0a000001 dst_ip=" V4 "0a000101 src_port=1024 dst_port=443 "
                        "proto=6 packets=9 bytes=1000 tcp_flags=27 tos=32 " SHARED);
    assert_string_equal(r.rows[1], OLD_TIMES
                        "src_ip=" V4 "0a000002 dst_ip=" V4 "0a000101 src_port=1025 dst_port=443 "
                        "proto=17 packets=9 bytes=1001 tos=32 next_hop=" V4 "0a0000fe " SHARED);
    assert_string_equal(r.rows[2], OLD_TIMES "src_ip=" V4 "0a000003 dst_ip=" V4
                                             "0a000101 proto=1 packets=9 bytes=1002 "
                                             "tos=32 icmp_type=3 icmp_code=4 " SHARED);
    assert_int_equal(r.tally.count, 0);
    assert_false(note.present); /* it numbers nothing */
    result_reset(&r);
}

static void probes_strictly(void **state) {
    (void)state;
    for (uint32_t count = 1; count < 30; count++) {
        struct bytes b = make_old(plain_old(1, count));
        struct eg_datagram d = datagram(&b);
        assert_int_equal(eg_decoder_netflow1.probe(&d),
                         count <= 24 ? EG_PROBE_YES : EG_PROBE_MAYBE);
    }
    struct bytes b = make_old(plain_old(7, 2));
    struct eg_datagram d = datagram(&b);
    assert_int_equal(eg_decoder_netflow1.probe(&d), EG_PROBE_NO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_stands_in_its_column),
        cmocka_unit_test(probes_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
