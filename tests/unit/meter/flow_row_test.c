/* SPDX-License-Identifier: Apache-2.0
 * Rows of metered flows: every column that a flow can fill, and nulls where there is nothing. */
#include "meter/flow_row.h"

#include "meter/tcp_talk.h"
#include "meter_rows.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sightings.h"

static struct eg_flow *flow_in(struct eg_flow_cache *cache, const struct eg_flow_key *key) {
    eg_flow_cache_init(cache, 1 << 20, sizeof(struct eg_tcp_talk));
    uint32_t number = eg_flow_add(cache, 1, key);
    eg_flow_touch(cache, EG_FLOWS_LIVE, number);
    return eg_flow_at(cache, number);
}

static void assert_words(struct eg_out *out, uint32_t col, const char *want) {
    const struct eg_batch *b = out->ready[0];
    struct eg_span text = eg_col_text(&b->columns[col], 0);
    assert_int_equal(text.size, strlen(want));
    assert_memory_equal(text.at, want, text.size);
}

static void test_all_columns(void **state) {
    (void)state;
    struct eg_flow_cache cache;
    struct eg_sighting s = segment(true, 0, SYN, 1, 0, 0);
    struct eg_flow *flow = flow_in(&cache, &s.key);
    flow->state = EG_FLOW_FIRST_DOWN | EG_FLOW_OPENER_KNOWN;
    flow->first = (struct eg_flow_way){.first_us = 5,
                                       .last_us = 9,
                                       .packets = 3,
                                       .bytes = 300,
                                       .min_length = 60,
                                       .max_length = 180,
                                       .more = EG_NONE,
                                       .flags = 0x1b,
                                       .vlan = 12,
                                       .tos = 4,
                                       .min_ttl = 62,
                                       .max_ttl = 64,
                                       .has = (uint8_t)~EG_SEEN_ICMP,
                                       .src_mac = {1, 2, 3, 4, 5, 6},
                                       .dst_mac = {[5] = 7}};
    struct eg_extras extras = {.has = EG_HAS_MPLS | EG_HAS_OUTER | EG_HAS_TUNNEL_ID,
                               .mpls_count = 2,
                               .mpls = {16, 1048575},
                               .tunnel_id = 77,
                               .outer_src = v4(8),
                               .outer_dst = v4(9)};
    assert_true(eg_flow_keep_extras(&cache, &flow->first, &extras, eg_span("\x0a\xff", 2)));
    flow->talk = eg_pool_take(&cache.talks, &cache);
    struct eg_tcp_talk *talk = eg_pool_at(&cache.talks, flow->talk);
    eg_tcp_talk_begin(talk);
    talk->rtt_us = 1234;
    talk->sides[EG_WAY_DOWN].retransmissions = 6;
    talk->sides[EG_WAY_DOWN].out_of_order = 7;
    struct eg_out out;
    out_open(&out, 4, EG_COLUMNS_ALL);
    eg_flow_row_put(&cache, flow, &(struct eg_flow_row){.reason = 3}, &out);
    assert_int_equal(out_rows(&out), 1);
    static const int64_t want[][2] = {
        {FLOW(start_time), 5},
        {FLOW(end_time), 9},
        {FLOW(received_time), 9},
        {FLOW(src_port), 80},
        {FLOW(dst_port), 1000},
        {FLOW(proto), 6},
        {FLOW(packets), 3},
        {FLOW(bytes), 300},
        {FLOW(sampling_rate), 1},
        {FLOW(tcp_flags), 0x1b},
        {FLOW(tos), 4},
        {FLOW(icmp_type), INT64_MIN},
        {FLOW(min_ttl), 62},
        {FLOW(max_ttl), 64},
        {FLOW(src_mac), 0x010203040506},
        {FLOW(dst_mac), 7},
        {FLOW(vlan), 12},
        {FLOW(end_reason), 3},
        {FLOW(tunnel_id), 77},
        {FLOW(initiator), 0},
        {FLOW(rtt_us), 1234},
        {FLOW(retransmissions), 6},
        {FLOW(out_of_order), 7},
        {FLOW(min_length), 60},
        {FLOW(max_length), 180},
        {FLOW(exporter), INT64_MIN},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        if (want[i][0] == FLOW(exporter)) continue;
        assert_int_equal(out_value(&out, (uint32_t)want[i][0], 0), want[i][1]);
    }
    struct eg_addr source = v4(2), outer = v4(9);
    assert_memory_equal(eg_col_addr(&out.ready[0]->columns[FLOW(src_ip)]), &source, 16);
    assert_memory_equal(eg_col_addr(&out.ready[0]->columns[FLOW(outer_dst_ip)]), &outer, 16);
    assert_words(&out, FLOW(mpls_labels), "16,1048575");
    assert_words(&out, FLOW(extra), "{\"payload\":\"0aff\"}");
    assert_words(&out, FLOW(source), "packet");
    out_close(&out);
    eg_flow_cache_reset(&cache);
}

static void test_nulls(void **state) {
    (void)state;
    struct eg_flow_cache cache;
    struct eg_flow_key key = {.proto = 0};
    struct eg_flow *flow = flow_in(&cache, &key);
    flow->first = (struct eg_flow_way){
        .first_us = EG_NO_TIME, .last_us = EG_NO_TIME, .packets = 1, .more = EG_NONE};
    struct eg_out out;
    out_open(&out, 4, EG_COLUMNS_ALL);
    eg_flow_row_put(&cache, flow, &(struct eg_flow_row){.reason = 1, .one_way = true}, &out);
    assert_int_equal(out_rows(&out), 1);
    static const uint32_t nulls[] = {
        FLOW(start_time),      FLOW(end_time), FLOW(src_ip),    FLOW(dst_ip),
        FLOW(src_port),        FLOW(proto),    FLOW(tcp_flags), FLOW(tos),
        FLOW(icmp_type),       FLOW(min_ttl),  FLOW(src_mac),   FLOW(vlan),
        FLOW(mpls_labels),     FLOW(tunnel),   FLOW(initiator), FLOW(rtt_us),
        FLOW(retransmissions), FLOW(extra),    FLOW(exporter)};
    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++)
        assert_false(eg_batch_valid(out.ready[0], nulls[i], 0));
    out_close(&out);
    eg_flow_cache_reset(&cache);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_columns),
        cmocka_unit_test(test_nulls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
