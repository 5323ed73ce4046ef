/* SPDX-License-Identifier: Apache-2.0
 * Community ID against the baselines that come with its specification. */
#include "wire/community_id.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct eg_addr addr_of(const char *text) {
    struct eg_addr addr = {.bytes = {[10] = 0xff, [11] = 0xff}};
    if (strchr(text, ':'))
        assert_int_equal(inet_pton(AF_INET6, text, addr.bytes), 1);
    else
        assert_int_equal(inet_pton(AF_INET, text, addr.bytes + 12), 1);
    return addr;
}

static void assert_id(const struct eg_community_tuple *tuple, uint16_t seed, bool hex,
                      const char *want) {
    char got[EG_COMMUNITY_ID_TEXT];
    assert_int_equal(eg_community_id(tuple, seed, hex, got), strlen(want));
    assert_string_equal(got, want);
}

static struct eg_community_tuple tuple_of(const char *src, const char *dst, uint8_t proto,
                                          uint16_t src_port, uint16_t dst_port) {
    return (struct eg_community_tuple){addr_of(src), addr_of(dst), proto, true, src_port, dst_port};
}

static void test_both_directions_are_one(void **state) {
    (void)state;
    struct eg_community_tuple out = tuple_of("192.168.1.52", "8.8.8.8", 17, 54585, 53);
    struct eg_community_tuple back = tuple_of("8.8.8.8", "192.168.1.52", 17, 53, 54585);
    assert_id(&out, 0, false, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
    assert_id(&back, 0, false, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
    char one[EG_COMMUNITY_ID_TEXT], two[EG_COMMUNITY_ID_TEXT];
    struct eg_community_tuple same = tuple_of("10.0.0.1", "10.0.0.1", 6, 80, 1024);
    struct eg_community_tuple turned = tuple_of("10.0.0.1", "10.0.0.1", 6, 1024, 80);
    eg_community_id(&same, 0, false, one);
    eg_community_id(&turned, 0, false, two);
    assert_string_equal(one, two); /* told apart by the ports alone */
    eg_community_id(&same, 1, false, two);
    assert_string_not_equal(one, two);
}

static void test_icmp(void **state) {
    (void)state;
    char ask[EG_COMMUNITY_ID_TEXT], answer[EG_COMMUNITY_ID_TEXT];
    struct eg_community_tuple tuple = tuple_of("10.0.0.1", "10.0.0.2", 1, 8, 0);
    eg_community_id(&tuple, 0, false, ask);
    tuple = tuple_of("10.0.0.2", "10.0.0.1", 1, 0, 0);
    eg_community_id(&tuple, 0, false, answer);
    assert_string_equal(ask, answer);
    /* what has no answer is one way: the other direction is another conversation */
    tuple = tuple_of("10.0.0.1", "10.0.0.2", 1, 3, 1);
    eg_community_id(&tuple, 0, false, ask);
    tuple = tuple_of("10.0.0.2", "10.0.0.1", 1, 3, 1);
    eg_community_id(&tuple, 0, false, answer);
    assert_string_not_equal(ask, answer);
}

static void test_without_ports(void **state) {
    (void)state;
    struct eg_community_tuple tuple = tuple_of("10.1.24.4", "10.1.12.1", 46, 7, 9);
    tuple.has_ports = false;
    char text[EG_COMMUNITY_ID_TEXT], other[EG_COMMUNITY_ID_TEXT];
    eg_community_id(&tuple, 0, false, text);
    tuple.src_port = 8; /* counts for nothing */
    eg_community_id(&tuple, 0, false, other);
    assert_string_equal(text, other);
    assert_string_equal(text, "1:/nQI4Rh/TtY3mf0R2gJFBkVlgS4=");
}

static void check_baseline(const char *name, uint16_t seed, bool hex) {
    const char *shared = getenv("EG_SHARED");
    char path[1100];
    snprintf(path, sizeof path, "%s/data/packets/community-id/%s", shared ? shared : "../shared",
             name);
    json_t *list = json_load_file(path, 0, NULL);
    if (!list) {
        const char *ci = getenv("CI");
        if (ci && strcmp(ci, "true") == 0) fail_msg("no baseline at %s", path);
        print_message("no baseline at %s (EG_SHARED names another place)\n", path);
        skip();
    }
    assert_true(json_array_size(list) > 15);
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item) {
        const char *src, *dst, *want;
        int proto;
        assert_int_equal(json_unpack(item, "{s:i,s:s,s:s,s:s}", "proto", &proto, "saddr", &src,
                                     "daddr", &dst, "communityid", &want),
                         0);
        json_t *ports = json_object_get(item, "sport");
        json_int_t sport = json_integer_value(ports);
        json_int_t dport = json_integer_value(json_object_get(item, "dport"));
        struct eg_community_tuple tuple =
            tuple_of(src, dst, (uint8_t)proto, (uint16_t)sport, (uint16_t)dport);
        tuple.has_ports = json_is_integer(ports);
        assert_id(&tuple, seed, hex, want);
    }
    json_decref(list);
}

static void test_baseline(void **state) {
    (void)state;
    check_baseline("baseline_deflt.json", 0, false);
}
static void test_baseline_seed(void **state) {
    (void)state;
    check_baseline("baseline_seed1.json", 1, false);
}
static void test_baseline_hex(void **state) {
    (void)state;
    check_baseline("baseline_nob64.json", 0, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_directions_are_one), cmocka_unit_test(test_icmp),
        cmocka_unit_test(test_without_ports),           cmocka_unit_test(test_baseline),
        cmocka_unit_test(test_baseline_seed),           cmocka_unit_test(test_baseline_hex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
