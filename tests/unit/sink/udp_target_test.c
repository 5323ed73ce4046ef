/* SPDX-License-Identifier: Apache-2.0
 * What is a target and what is none; a raw socket where one may be had. */
#include "sink/udp_target.h"

#include "table/address.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void targets(void **state) {
    (void)state;
    static const struct {
        const char *text, *ip;
        uint16_t port;
    } good[] = {{"127.0.0.1:2055", "127.0.0.1", 2055},
                {"[::1]:9995", "::1", 9995},
                {"192.0.2.7:1?rate=5", "192.0.2.7", 1},
                {"[2001:db8::7]:65535/", "2001:db8::7", 65535}};
    static const char *const bad[] = {
        "",          "127.0.0.1",   ":2055", "127.0.0.1:",  "::1:9995", "[::1]",
        "[::1:9995", "127.0.0.1:x", "[]:1",  "h:123456789", "[::1]x:1", "?a:1"};
    struct eg_udp_target target;
    struct eg_error err;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char text[EG_ADDR_TEXT];
        assert_int_equal(eg_udp_target_find(&target, good[i].text, &err), EG_OK);
        eg_addr_text(&target.ip, text);
        assert_string_equal(text, good[i].ip);
        assert_int_equal(target.port, good[i].port);
        assert_true(target.size > 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(eg_udp_target_find(&target, bad[i], &err), EG_E_USAGE);
    assert_int_equal(eg_udp_target_find(&target, "no.such.host.invalid:1", &err), EG_E_NOENT);
    assert_non_null(strstr(err.message, "no address of 'no.such.host.invalid' is known: "));
}

static void what_is_here(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool here;
    } targets[] = {{"127.0.0.1:9", true},  {"127.9.8.7:9", true},
                   {"0.0.0.0:9", true},    {"[::]:9", true},
                   {"[::1]:9", true},      {"192.0.2.1:9", false},
                   {"224.0.0.9:9", false}, {"[2001:db8::1]:9", false},
                   {"[ff02::9]:9", false}, {"[::ffff:127.0.0.1]:9", true}};
    struct eg_udp_target target;
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        if (eg_udp_target_find(&target, targets[i].text, NULL) < 0) continue; /* without IPv6 */
        bool here = eg_udp_target_here(&target);
        if (here != targets[i].here) fail_msg("%s: %d", targets[i].text, here);
    }
    /* whatever other address this machine has */
    struct ifaddrs *all = NULL;
    assert_int_equal(getifaddrs(&all), 0);
    for (const struct ifaddrs *at = all; at; at = at->ifa_next) {
        if (!at->ifa_addr || at->ifa_addr->sa_family != AF_INET) continue;
        target = (struct eg_udp_target){.size = sizeof(struct sockaddr_in), .port = 9};
        memcpy(&target.address, at->ifa_addr, target.size);
        struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&target.address;
        v4->sin_port = htons(9);
        target.ip = eg_addr_v4(ntohl(v4->sin_addr.s_addr));
        assert_true(eg_udp_target_here(&target));
    }
    freeifaddrs(all);
}

static void raw_sockets(void **state) {
    (void)state;
    static const char *const texts[] = {"127.0.0.1:2055", "[::1]:2055"};
    for (int i = 0; i < 2; i++) {
        struct eg_udp_target target;
        struct eg_error err;
        int fd = -1;
        assert_int_equal(eg_udp_target_find(&target, texts[i], &err), EG_OK);
        enum eg_status status = eg_udp_target_raw(&target, &fd, &err);
        if (status == EG_E_ACCESS) {
            assert_non_null(strstr(err.message, "setcap cap_net_raw+ep"));
            continue;
        }
        assert_int_equal(status, EG_OK);
        assert_int_equal(target.port, 2055);
        close(fd);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(targets), cmocka_unit_test(what_is_here),
                                       cmocka_unit_test(raw_sockets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
