/* SPDX-License-Identifier: Apache-2.0
 * Flow keys: both directions have one, whatever the frame holds; options; the hash and the shards. */
#include "meter/flow_key.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct eg_layers packet(uint8_t proto, unsigned src, unsigned src_port, unsigned dst,
                               unsigned dst_port) {
    struct eg_layers l = {.has = EG_HAS_SRC | EG_HAS_DST | EG_HAS_PROTO | EG_HAS_PORTS,
                          .proto = proto,
                          .src_port = (uint16_t)src_port,
                          .dst_port = (uint16_t)dst_port};
    l.src = l.dst = (struct eg_addr){{[10] = 255, [11] = 255, 10}};
    l.src.bytes[15] = (uint8_t)src;
    l.dst.bytes[15] = (uint8_t)dst;
    return l;
}

static void assert_conversation(const struct eg_metering *how, const struct eg_layers *a,
                                const struct eg_layers *b, bool want) {
    struct eg_flow_key one, other;
    enum eg_way there = eg_flow_key_of(how, a, 1, &one), back = eg_flow_key_of(how, b, 1, &other);
    assert_int_equal(eg_flow_key_same(&one, &other), want);
    if (want) assert_int_not_equal(there, back);
}

static void test_both_directions(void **state) {
    (void)state;
    struct eg_metering how = {0}, one_way = {.one_way = true};
    struct eg_layers a = packet(6, 1, 1000, 2, 80), b = packet(6, 2, 80, 1, 1000);
    assert_conversation(&how, &a, &b, true);
    assert_conversation(&one_way, &a, &b, false);
    b.proto = 17;
    assert_conversation(&how, &a, &b, false);
    struct eg_layers c = packet(17, 1, 5, 1, 6), d = packet(17, 1, 6, 1, 5); /* to oneself */
    assert_conversation(&how, &c, &d, true);
    struct eg_flow_key key;
    assert_int_equal(eg_flow_key_of(&how, &a, 1, &key), EG_WAY_UP);
    assert_int_equal(key.low_port, 1000);
    assert_int_equal(key.kind, EG_KEY_IP | EG_KEY_V4 | EG_KEY_PROTO | EG_KEY_PORTS);
    a.has &= ~(unsigned)EG_HAS_PORTS; /* ports of a packet that has none do not count */
    a.src_port = 77;
    eg_flow_key_of(&how, &a, 1, &key);
    assert_int_equal(key.low_port, 0);
}

static void test_icmp_answers_belong_to_their_requests(void **state) {
    (void)state;
    static const struct {
        uint8_t proto, request, answer;
    } pairs[] = {{1, 8, 0},      {1, 13, 14},    {1, 15, 16},    {1, 17, 18},    {1, 10, 9},
                 {58, 128, 129}, {58, 130, 131}, {58, 133, 134}, {58, 135, 136}, {58, 139, 140}};
    struct eg_metering how = {0};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct eg_layers a = packet(pairs[i].proto, 1, 0, 2, 0),
                         b = packet(pairs[i].proto, 2, 0, 1, 0);
        a.has = b.has = EG_HAS_SRC | EG_HAS_DST | EG_HAS_PROTO | EG_HAS_ICMP;
        a.icmp_type = pairs[i].request;
        b.icmp_type = pairs[i].answer;
        assert_conversation(&how, &a, &b, true);
        b.icmp_type = 3;
        assert_conversation(&how, &a, &b, false);
    }
}

static void test_frames_without_addresses(void **state) {
    (void)state;
    struct eg_metering how = {0};
    struct eg_layers a = {.has = EG_HAS_SRC_MAC | EG_HAS_DST_MAC, .src_mac = 1, .dst_mac = 2};
    struct eg_layers b = {.has = EG_HAS_SRC_MAC | EG_HAS_DST_MAC, .src_mac = 2, .dst_mac = 1};
    assert_conversation(&how, &a, &b, true);
    struct eg_flow_key one, other;
    eg_flow_key_of(&how, &a, 1, &one);
    eg_flow_key_of(&how, &a, 9, &other);
    assert_false(eg_flow_key_same(&one, &other));
    a.has = b.has = EG_HAS_SRC; /* the header is cut behind the source */
    a.src_mac = b.src_mac = a.dst_mac = b.dst_mac = 0;
    eg_flow_key_of(&how, &a, 1, &one);
    assert_int_equal(one.kind, 0);
}

static void test_options(void **state) {
    (void)state;
    struct eg_metering plain = {0}, vlan = {.vlan_key = true}, tunnel = {.tunnel_key = true};
    struct eg_layers a = packet(17, 1, 1, 2, 2), b = packet(17, 2, 2, 1, 1);
    a.has |= EG_HAS_VLAN | EG_HAS_TUNNEL_ID;
    b.has |= EG_HAS_VLAN | EG_HAS_TUNNEL_ID;
    a.vlan = b.vlan = 5;
    a.tunnel_id = b.tunnel_id = 9;
    assert_conversation(&plain, &a, &b, true);
    assert_conversation(&vlan, &a, &b, true);
    assert_conversation(&tunnel, &a, &b, true);
    b.vlan = 6;
    assert_conversation(&plain, &a, &b, true);
    assert_conversation(&vlan, &a, &b, false);
    b.tunnel_id = 8;
    assert_conversation(&plain, &a, &b, true);
    assert_conversation(&tunnel, &a, &b, false);
    a.vlan = b.vlan = 0; /* tagged with 0 is not untagged */
    b.has &= ~(unsigned)EG_HAS_VLAN;
    assert_conversation(&vlan, &a, &b, false);
}

/* Keys that differ in one byte: nearly all hashes differ, all shards get their share, and another
 * secret gives other hashes but the same shards. */
static void test_hashes(void **state) {
    (void)state;
    enum { KEYS = 4096 };
    static uint8_t marks[1 << 16];
    uint32_t shards[EG_SHARDS] = {0}, shared = 0, same = 0;
    struct eg_flow_secret one = {{1, 2}}, other = {{1, 3}};
    for (unsigned i = 0; i < KEYS; i++) {
        struct eg_layers l = packet(6, i & 255, 1000 + (i >> 8), 7, 80);
        struct eg_flow_key key;
        eg_flow_key_of(&(struct eg_metering){0}, &l, 1, &key);
        uint32_t hash = eg_flow_hash(&one, &key);
        same += hash == eg_flow_hash(&other, &key);
        shared += marks[hash & 0xffff]++ > 0;
        shards[eg_flow_shard(&key)]++;
    }
    assert_int_equal(same, 0);
    assert_true(shared < 200); /* about 125 of 4096 in 65536 places */
    for (int i = 0; i < EG_SHARDS; i++)
        assert_true(shards[i] > KEYS / EG_SHARDS / 2 && shards[i] < KEYS / EG_SHARDS * 2);
    struct eg_flow_key v6 = {.low = {{0x20, 1}}, .high = {{0x20, 2}}, .kind = EG_KEY_IP};
    uint32_t before = eg_flow_hash(&one, &v6);
    for (int i = 0; i < 16; i++) { /* each byte of an IPv6 address counts */
        v6.high.bytes[i] ^= 1;
        assert_int_not_equal(eg_flow_hash(&one, &v6), before);
        v6.high.bytes[i] ^= 1;
    }
    v6.kind |= EG_KEY_TUNNEL;
    before = eg_flow_hash(&one, &v6);
    v6.tunnel_id = 1;
    assert_int_not_equal(eg_flow_hash(&one, &v6), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_directions),
        cmocka_unit_test(test_icmp_answers_belong_to_their_requests),
        cmocka_unit_test(test_frames_without_addresses),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
