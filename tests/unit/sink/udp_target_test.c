/* SPDX-License-Identifier: Apache-2.0
 * What is a target and what is none; a raw socket where one may be had. */
#include "sink/udp_target.h"

#include "table/address.h"

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
    const struct CMUnitTest tests[] = {cmocka_unit_test(targets), cmocka_unit_test(raw_sockets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
