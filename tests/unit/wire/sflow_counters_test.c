/* SPDX-License-Identifier: Apache-2.0
 * sFlow counter samples: every counter in its place, those an agent does not keep, and damage. */
#include "sflow_make.h"
#include "torture.h"

static struct result counters_of(const struct bytes *b, uint32_t entries) {
    struct eg_datagram d = datagram(b);
    struct result flows, counters;
    decode_into(&d, 4096, EG_COLUMNS_ALL, &flows, &counters, NULL);
    assert_int_equal(flows.row_count, 0);
    assert_int_equal(flows.tally.count, entries);
    counters.tally = flows.tally;
    flows.tally = (struct eg_tally){0};
    result_reset(&flows);
    return counters;
}

static void put_generic(struct bytes *b) {
    uint32_t record = block(b, 1);
    put_words(b, 6, 55, 117, 1, 0, 2, 3); /* index, type, speed 2^32, full duplex, up and up */
    put_words(b, 8, 0, 100, 101, 102, 103, 104, 105, 106);
    put_words(b, 8, 0xffffffff, 0xfffffffe, 201, 202, 203, 204, 205, 1);
    block_end(b, record);
}

#define FROM_9 "exporter=00000000000000000000ffff01020304 domain=9 "
#define GENERIC                                                                                    \
    "time=1700000000000007 " FROM_9 "interface=55 if_type=117 speed=4294967296 status=3 "          \
    "in_bytes=100 in_packets=101 in_multicast=102 in_broadcast=103 in_discards=104 "               \
    "in_errors=105 out_bytes=9223372036854775807 out_packets=201 out_multicast=202 "               \
    "out_broadcast=203 out_discards=204 out_errors=205 source=sflow "

static void every_counter(void **state) {
    (void)state;
    for (int expanded = 0; expanded < 2; expanded++) {
        struct bytes b = begin(1);
        uint32_t sample = block(&b, expanded ? 4 : 2);
        put_words(&b, expanded ? 4 : 3, 12, expanded ? 0u : 3u, expanded ? 3u : 3u, 3u);
        put_generic(&b);
        uint32_t record = block(&b, 2);
        put_words(&b, 13, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13);
        block_end(&b, record);
        record = block(&b, 1005);
        put_xdr_text(&b, "eth0");
        block_end(&b, record);
        block_end(&b, sample);
        struct result r = counters_of(&b, 0);
        assert_int_equal(r.row_count, 1);
        assert_string_equal(
            r.rows[0],
            GENERIC "extra={\"port_name\":\"eth0\",\"ifDirection\":2,\"ifInUnknownProtos\":106,"
                    "\"ifPromiscuousMode\":1,\"dot3StatsAlignmentErrors\":1,"
                    "\"dot3StatsFCSErrors\":2,\"dot3StatsSingleCollisionFrames\":3,"
                    "\"dot3StatsMultipleCollisionFrames\":4,\"dot3StatsSQETestErrors\":5,"
                    "\"dot3StatsDeferredTransmissions\":6,\"dot3StatsLateCollisions\":7,"
                    "\"dot3StatsExcessiveCollisions\":8,"
                    "\"dot3StatsInternalMacTransmitErrors\":9,\"dot3StatsCarrierSenseErrors\":10,"
                    "\"dot3StatsFrameTooLongs\":11,\"dot3StatsInternalMacReceiveErrors\":12,"
                    "\"dot3StatsSymbolErrors\":13} ");
        result_reset(&r);
    }
}

static void counters_that_are_not_kept(void **state) {
    (void)state;
    struct bytes b = begin(1);
    uint32_t sample = counter(&b, 1), record = block(&b, 1);
    put_words(&b, 6, 55, 117, 0xffffffff, 0xffffffff, 0, 3);
    for (int i = 0; i < 16; i++) put_be(&b, 0xffffffff, 4);
    block_end(&b, record);
    block_end(&b, sample);
    struct result r = counters_of(&b, 0);
    assert_string_equal(r.rows[0], "time=1700000000000007 " FROM_9
                                   "interface=55 if_type=117 status=3 source=sflow "
                                   "extra={\"ifDirection\":0} ");
    result_reset(&r);
}

static void other_sources_and_kinds(void **state) {
    (void)state;
    static const struct {
        uint32_t source, format, words;
        const char *row;
    } cases[] = {
        {0x01000007, 5, 7,
         "source=sflow extra={\"source_type\":1,\"source_index\":7,\"vlan_id\":1,"
         "\"vlan_octets\":8589934595,\"vlan_ucast_packets\":4,\"vlan_multicast_packets\":5,"
         "\"vlan_broadcast_packets\":6,\"vlan_discards\":7} "},
        {0x02000001, 1001, 7,
         "source=sflow extra={\"source_type\":2,\"source_index\":1,\"cpu_5s\":1,\"cpu_1m\":2,"
         "\"cpu_5m\":3,\"total_memory\":17179869189,\"free_memory\":25769803783} "},
        {7, 3, 18,
         "interface=7 source=sflow extra={\"dot5StatsLineErrors\":1,\"dot5StatsBurstErrors\":2,"
         "\"dot5StatsACErrors\":3,\"dot5StatsAbortTransErrors\":4,\"dot5StatsInternalErrors\":5,"
         "\"dot5StatsLostFrameErrors\":6,\"dot5StatsReceiveCongestions\":7,"
         "\"dot5StatsFrameCopiedErrors\":8,\"dot5StatsTokenErrors\":9,\"dot5StatsSoftErrors\":10,"
         "\"dot5StatsHardErrors\":11,\"dot5StatsSignalLoss\":12,\"dot5StatsTransmitBeacons\":13,"
         "\"dot5StatsRecoverys\":14,\"dot5StatsLobeWires\":15,\"dot5StatsRemoves\":16,"
         "\"dot5StatsSingles\":17,\"dot5StatsFreqErrors\":18} "},
        {7, 4, 20,
         "interface=7 source=sflow extra={\"dot12InHighPriorityFrames\":1,"
         "\"dot12InHighPriorityOctets\":8589934595,\"dot12InNormPriorityFrames\":4,"
         "\"dot12InNormPriorityOctets\":21474836486,\"dot12InIPMErrors\":7,"
         "\"dot12InOversizeFrameErrors\":8,\"dot12InDataErrors\":9,"
         "\"dot12InNullAddressedFrames\":10,\"dot12OutHighPriorityFrames\":11,"
         "\"dot12OutHighPriorityOctets\":51539607565,\"dot12TransitionIntoTrainings\":14,"
         "\"dot12HCInHighPriorityOctets\":64424509456,"
         "\"dot12HCInNormPriorityOctets\":73014444050,"
         "\"dot12HCOutHighPriorityOctets\":81604378644} "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes b = begin(1);
        uint32_t sample = block(&b, 2);
        put_words(&b, 3, 12, cases[i].source, 1);
        uint32_t record = block(&b, cases[i].format);
        for (uint32_t k = 1; k <= cases[i].words; k++) put_be(&b, k, 4);
        block_end(&b, record);
        block_end(&b, sample);
        struct result r = counters_of(&b, 0);
        assert_int_equal(r.row_count, 1);
        assert_string_equal(strstr(r.rows[0], "domain=9 ") + 9, cases[i].row);
        result_reset(&r);
        /* one word short */
        b.size -= 4;
        block_end(&b, record);
        block_end(&b, sample);
        r = counters_of(&b, 1);
        assert_int_equal(r.row_count, 0);
        assert_int_equal(records_of(&r, EG_CAUSE_record_cut), 1);
        result_reset(&r);
    }
}

/* Numbers of 64 bits, indexes of 24; of two records of a kind the first counts. */
static void large_numbers_and_second_records(void **state) {
    (void)state;
    struct bytes b = begin(1);
    uint32_t sample = block(&b, 2);
    put_words(&b, 3, 12, 0x01abcdef, 2);
    for (uint32_t k = 0; k < 2; k++) {
        uint32_t record = block(&b, 5);
        put_words(&b, 7, 1 + k, 0xfffffffe, 5 + k, 4, 5, 0xffffffff, 7);
        block_end(&b, record);
    }
    block_end(&b, sample);
    struct result r = counters_of(&b, 1);
    assert_int_equal(r.row_count, 1);
    assert_string_equal(strstr(r.rows[0], "domain=9 ") + 9,
                        "source=sflow extra={\"source_type\":1,\"source_index\":11259375,"
                        "\"vlan_id\":1,\"vlan_octets\":18446744065119617029,"
                        "\"vlan_ucast_packets\":4,\"vlan_multicast_packets\":5,"
                        "\"vlan_discards\":7} ");
    assert_int_equal(records_of(&r, EG_CAUSE_sample_unknown), 1);
    result_reset(&r);
}

static void expect(const struct bytes *b, uint32_t rows, enum eg_cause cause, int64_t records) {
    struct result r = counters_of(b, 1);
    assert_int_equal(r.row_count, rows);
    assert_int_equal(records_of(&r, cause), records);
    assert_true(packets_of(&r, cause) >= 1);
    result_reset(&r);
}

static void damage(void **state) {
    (void)state;
    struct bytes b = begin(1); /* not even a header */
    uint32_t sample = block(&b, 2);
    put_words(&b, 2, 12, 3);
    block_end(&b, sample);
    expect(&b, 0, EG_CAUSE_set_length_bad, 1);
    b = begin(1); /* kinds that are not decoded */
    sample = counter(&b, 2);
    uint32_t record = block(&b, 2000);
    put_words(&b, 2, 1, 2);
    block_end(&b, record);
    record = block(&b, 0x00001001);
    put_words(&b, 2, 1, 2);
    block_end(&b, record);
    block_end(&b, sample);
    expect(&b, 0, EG_CAUSE_sample_unknown, 2);
    b = begin(1); /* a second one, longer than it is, and beyond the sample */
    sample = counter(&b, 3);
    put_generic(&b);
    put_generic(&b);
    block_end(&b, sample);
    struct result r = counters_of(&b, 2);
    assert_int_equal(r.row_count, 1);
    assert_int_equal(records_of(&r, EG_CAUSE_sample_unknown), 1);
    assert_int_equal(packets_of(&r, EG_CAUSE_count_mismatch), 1);
    result_reset(&r);
    b = begin(1);
    sample = counter(&b, 1);
    record = b.size + 8;
    put_generic(&b);
    put_words(&b, 2, 1, 2);
    block_end(&b, record);
    block_end(&b, sample);
    expect(&b, 1, EG_CAUSE_trailing_bytes, 0);
    length_set(&b, record, 0xfffffff0);
    expect(&b, 0, EG_CAUSE_record_cut, 1);
    length_set(&b, record, 60);
    r = counters_of(&b, 2); /* too short for what it is, and then there is more */
    assert_int_equal(r.row_count, 0);
    assert_int_equal(records_of(&r, EG_CAUSE_record_cut), 1);
    assert_int_equal(packets_of(&r, EG_CAUSE_trailing_bytes), 1);
    result_reset(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_counter),
        cmocka_unit_test(counters_that_are_not_kept),
        cmocka_unit_test(other_sources_and_kinds),
        cmocka_unit_test(large_numbers_and_second_records),
        cmocka_unit_test(damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
