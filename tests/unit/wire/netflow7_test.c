/* SPDX-License-Identifier: Apache-2.0
 * NetFlow version 7: every field in its column, what it has not, and the probe. */
#include "netflow_make.h"
#include "torture.h"

extern const struct eg_decoder_type eg_decoder_netflow7;

static void every_field_stands_in_its_column(void **state) {
    (void)state;
    struct bytes b = make_old(plain_old(7, 3));
    struct eg_datagram d = datagram(&b);
    struct eg_sequence_note note;
    struct result r = decode_by(&eg_decoder_netflow7, &d, 4096, EG_COLUMNS_ALL, &note);
    assert_int_equal(r.row_count, 3);
#define V4 "00000000000000000000ffff"
#define ROUTES "src_as=64512 dst_as=64513 src_mask=24 dst_mask=16 in_if=3 out_if=4 "
#define SHARED OLD_FROM "sequence=77 source=netflow7 "
    assert_string_equal(r.rows[0], OLD_TIMES
                        "src_ip=" V4 "0a000001 dst_ip=" V4 "0a000101 src_port=1024 dst_port=443 "
                        "proto=6 packets=9 bytes=1000 tcp_flags=27 tos=32 " ROUTES SHARED);
    assert_string_equal(r.rows[1], OLD_TIMES
                        "src_ip=" V4 "0a000002 dst_ip=" V4 "0a000101 src_port=1025 dst_port=443 "
                        "proto=17 packets=9 bytes=1001 tos=32 next_hop=" V4
                        "0a0000fe " ROUTES SHARED "extra={\"router\":\"192.0.2.1\"} ");
    assert_string_equal(r.rows[2], OLD_TIMES "src_ip=" V4 "0a000003 dst_ip=" V4
                                             "0a000101 proto=1 packets=9 bytes=1002 "
                                             "tos=32 icmp_type=3 icmp_code=4 " ROUTES SHARED);
    assert_int_equal(r.tally.count, 0);
    assert_true(note.present && note.has_boot);
    assert_int_equal(note.first, 77);
    assert_int_equal(note.count, 3);
    assert_int_equal(note.domain, -1);
    assert_int_equal(note.boot_ms, (uint32_t)(BASE_US / 1000 + 500 - 3600000));
    result_reset(&r);
}

static void probes_strictly(void **state) {
    (void)state;
    for (uint32_t count = 1; count < 35; count++) {
        struct bytes b = make_old(plain_old(7, count));
        struct eg_datagram d = datagram(&b);
        assert_int_equal(eg_decoder_netflow7.probe(&d),
                         count <= 28 ? EG_PROBE_YES : EG_PROBE_MAYBE);
    }
    struct bytes b = make_old(plain_old(1, 2));
    struct eg_datagram d = datagram(&b);
    assert_int_equal(eg_decoder_netflow7.probe(&d), EG_PROBE_NO);
}

static void version_8_is_counted(void **state) {
    (void)state;
    struct bytes b = make_old(plain_old(7, 2));
    b.at[1] = 8;
    struct eg_datagram d = datagram(&b);
    assert_int_equal(eg_decoder_netflow7.probe(&d), EG_PROBE_MAYBE);
    struct eg_sequence_note note;
    struct result r = decode_by(&eg_decoder_netflow7, &d, 1, EG_COLUMNS_ALL, &note);
    assert_int_equal(r.row_count, 0);
    assert_int_equal(r.tally.count, 1);
    assert_int_equal(records_of(&r, EG_CAUSE_version_unsupported), 1);
    assert_string_equal(r.tally.entries[0].source, "netflow8");
    assert_false(note.present);
    result_reset(&r);
    d.payload.size = d.length = 27;
    assert_int_equal(eg_decoder_netflow7.probe(&d), EG_PROBE_NO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_stands_in_its_column),
        cmocka_unit_test(probes_strictly),
        cmocka_unit_test(version_8_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
