/* SPDX-License-Identifier: Apache-2.0
 * Addresses mapped by a key: the published vectors of Crypto-PAn, prefixes, and what stays. */
#include "wire/address_map.h"

#include "table/address.h"
#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The key of the sample that comes with the reference implementation. */
static const uint8_t sample_key[EG_ADDRESS_KEY_BYTES] = {
    21,  34,  23,  141, 51,  164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16,
    216, 152, 143, 131, 121, 121, 101, 39,  98, 87, 76, 45, 42, 132, 34,  2};

static void assert_maps(struct eg_address_map *map, const char *from, const char *to) {
    struct eg_addr addr;
    char text[EG_ADDR_TEXT];
    assert_true(eg_addr_parse(&addr, from, strlen(from)));
    addr = eg_address_map_ip(map, addr);
    eg_addr_text(&addr, text);
    assert_string_equal(text, to);
}

static void test_published_vectors(void **state) {
    (void)state;
    static const char *const vectors[][2] = {
        {"128.11.68.132", "135.242.180.132"},  {"129.118.74.4", "134.136.186.123"},
        {"130.132.252.244", "133.68.164.234"}, {"141.223.7.43", "141.167.8.160"},
        {"141.233.145.108", "141.129.237.235"}, {"152.163.225.39", "151.140.114.167"},
        {"156.29.3.236", "147.225.12.42"},     {"165.247.96.84", "162.9.99.234"},
        {"166.107.77.190", "160.132.178.185"}, {"192.102.249.13", "252.138.62.131"},
        {"192.215.32.125", "252.43.47.189"},   {"192.233.80.103", "252.25.108.8"},
        {"192.41.57.43", "252.222.221.184"},   {"193.150.244.223", "253.169.52.216"},
        {"195.205.63.100", "255.186.223.5"},   {"198.200.171.101", "249.199.68.213"},
        {"202.49.198.20", "245.206.7.234"},    {"203.12.160.252", "244.248.163.4"},
        {"204.184.162.189", "243.192.77.90"},  {"207.105.49.5", "241.118.205.138"},
        {"208.147.89.59", "227.237.98.191"},   {"209.12.231.7", "226.243.167.8"},
        {"212.120.124.31", "228.135.163.231"}, {"216.148.237.145", "235.84.194.111"},
        {"24.0.250.221", "100.15.198.226"},    {"24.94.26.44", "100.88.228.35"},
        {"38.15.67.68", "64.3.66.187"},        {"4.3.88.225", "124.60.155.63"},
        {"63.14.55.111", "95.9.215.7"},        {"64.14.118.196", "0.255.183.58"},
        {"64.39.15.238", "0.219.7.41"},        {"10.185.25.118", "117.161.29.118"},
        {"::1", "78ff:f001:9fc0:20df:8380:b1f1:704:ed"},
        {"::2", "78ff:f001:9fc0:20df:8380:b1f1:704:ef"},
        {"::ffff", "78ff:f001:9fc0:20df:8380:b1f1:704:f838"},
        {"2001:db8::1", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e"},
        {"2001:db8::2", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1c"},
    };
    struct eg_address_map *map = eg_address_map_new(sample_key, true);
    assert_non_null(map);
    for (int twice = 0; twice < 2; twice++) /* the second time they are remembered */
        for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
            assert_maps(map, vectors[i][0], vectors[i][1]);
    eg_address_map_free(map);
}

static struct eg_addr mapped_v4(struct eg_address_map *map, uint32_t address) {
    return eg_address_map_ip(map, eg_addr_v4(address));
}

static int shared_bits(const struct eg_addr *a, const struct eg_addr *b) {
    for (int i = 0; i < 128; i++)
        if ((a->bytes[i / 8] ^ b->bytes[i / 8]) & 0x80 >> i % 8) return i;
    return 128;
}

static void test_prefixes_are_preserved_and_no_more(void **state) {
    (void)state;
    struct eg_address_map *map = eg_address_map_new(sample_key, true);
    for (uint32_t i = 0, one = 12345; i < 2000; i++) {
        one = one * 1103515245u + 12345u;
        uint32_t two = one ^ 1u << i % 32;
        struct eg_addr a = eg_addr_v4(one), b = eg_addr_v4(two);
        struct eg_addr x = mapped_v4(map, one), y = mapped_v4(map, two);
        assert_int_equal(shared_bits(&a, &b), shared_bits(&x, &y));
        assert_true(eg_addr_is_v4(&x));
    }
    eg_address_map_free(map);
}

static void test_what_names_no_host_stays_and_is_never_made(void **state) {
    (void)state;
    static const char *const staying[] = {"0.0.0.0", "127.0.0.1", "127.255.1.2", "224.0.0.251",
                                          "239.255.255.250", "255.255.255.255", "::", "::1",
                                          "ff02::1", "ff05::2"};
    struct eg_address_map *map = eg_address_map_new(sample_key, false);
    for (size_t i = 0; i < sizeof staying / sizeof *staying; i++)
        assert_maps(map, staying[i], staying[i]);
    bool walked = false;
    for (uint32_t i = 0, one = 99; i < 20000; i++) {
        one = one * 1664525u + 1013904223u;
        if (one >> 28 == 14 || one >> 24 == 127) continue;
        struct eg_addr to = mapped_v4(map, one);
        assert_true(to.bytes[12] >> 4 != 14 && to.bytes[12] != 127);
        walked = walked || to.bytes[12] != 0;
    }
    assert_true(walked);
    eg_address_map_free(map);
}

static void test_parts_of_a_host_are_mapped_where_the_rest_stays(void **state) {
    (void)state;
    struct eg_address_map *map = eg_address_map_new(sample_key, false);
    struct eg_addr link, solicited, out;
    assert_true(eg_addr_parse(&link, "fe80::211:22ff:fe33:4455", 24));
    out = eg_address_map_ip(map, link);
    assert_memory_equal(out.bytes, link.bytes, 8);
    assert_memory_not_equal(out.bytes + 8, link.bytes + 8, 8);
    assert_true(eg_addr_parse(&solicited, "ff02::1:ff33:4455", 17));
    out = eg_address_map_ip(map, solicited);
    assert_memory_equal(out.bytes, solicited.bytes, 13);
    assert_memory_not_equal(out.bytes + 13, solicited.bytes + 13, 3);
    eg_address_map_free(map);
}

static void test_macs(void **state) {
    (void)state;
    struct eg_address_map *map = eg_address_map_new(sample_key, false);
    uint64_t mac = 0x001122334455, near = 0x001122334456;
    uint64_t one = eg_address_map_mac(map, mac), two = eg_address_map_mac(map, near);
    assert_true(one != mac && one != two);
    assert_int_equal(one >> 8, two >> 8); /* as long a prefix */
    assert_int_equal(one >> 40 & 1, 0);   /* still a host's */
    assert_int_equal(eg_address_map_mac(map, mac), one);
    assert_int_equal(eg_address_map_mac(map, 0xffffffffffff), 0xffffffffffff);
    assert_int_equal(eg_address_map_mac(map, 0x01005e0000fb), 0x01005e0000fb);
    assert_int_equal(eg_address_map_mac(map, 0), 0);
    uint64_t group = eg_address_map_mac(map, 0x3333ff334455);
    assert_int_equal(group >> 24, 0x3333ff);
    assert_int_not_equal(group, 0x3333ff334455);
    eg_address_map_free(map);
}

static void test_another_key_maps_otherwise(void **state) {
    (void)state;
    uint8_t key[EG_ADDRESS_KEY_BYTES] = {1};
    struct eg_address_map *map = eg_address_map_new(key, true);
    struct eg_addr to = mapped_v4(map, 0x0a000001), not = eg_addr_v4(0x0a000001);
    assert_memory_not_equal(&to, &not, sizeof to);
    eg_address_map_free(map);
    eg_address_map_free(NULL);
}

static void test_no_memory(void **state) {
    (void)state;
    for (int at = 1; at <= 2; at++) {
        torture_fail_after(at - 1);
        struct eg_address_map *map = eg_address_map_new(sample_key, false);
        assert_true(torture_off());
        assert_null(map);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_vectors),
        cmocka_unit_test(test_prefixes_are_preserved_and_no_more),
        cmocka_unit_test(test_what_names_no_host_stays_and_is_never_made),
        cmocka_unit_test(test_parts_of_a_host_are_mapped_where_the_rest_stays),
        cmocka_unit_test(test_macs),
        cmocka_unit_test(test_another_key_maps_otherwise),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
