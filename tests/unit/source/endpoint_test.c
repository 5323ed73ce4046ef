/* SPDX-License-Identifier: Apache-2.0
 * Endpoints and senders as they are written, and what is no endpoint. */
#include "source/endpoint.h"
#include "source/sockets.h"

#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void what_is_an_endpoint(void **state) {
    (void)state;
    static const struct {
        const char *uri, *address;
        uint16_t port;
        bool tcp, every, multicast;
        uint32_t interface;
    } cases[] = {
        {"udp://0.0.0.0:2055", "0.0.0.0", 2055, false, false, false, 0},
        {"udp://192.0.2.7:9995", "192.0.2.7", 9995, false, false, false, 0},
        {"udp://[2001:db8::1]:6343", "2001:db8::1", 6343, false, false, false, 0},
        {"udp://[::]:0", "::", 0, false, false, false, 0},
        {"udp://:4739", "::", 4739, false, true, false, 0},
        {"udp://:4739/", "::", 4739, false, true, false, 0},
        {"tcp://127.0.0.1:4739", "127.0.0.1", 4739, true, false, false, 0},
        {"udp://239.1.1.1:2055?interface=lo", "239.1.1.1", 2055, false, false, true, 1},
        {"udp://[ff05::1]:2055/?interface=lo", "ff05::1", 2055, false, false, true, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eg_endpoint e;
        struct eg_error err;
        if (eg_endpoint_parse(&e, cases[i].uri, NULL, &err) != EG_OK) fail_msg("%s", err.message);
        struct eg_addr address;
        uint16_t port;
        char text[EG_ADDR_TEXT];
        eg_sockaddr_split(&e.address, &address, &port);
        eg_addr_text(&address, text);
        assert_string_equal(text, cases[i].address);
        assert_int_equal(port, cases[i].port);
        assert_int_equal(e.tcp, cases[i].tcp);
        assert_int_equal(e.every, cases[i].every);
        assert_int_equal(e.multicast, cases[i].multicast);
        assert_int_equal(e.interface, cases[i].interface);
        assert_null(strchr(e.text, '?'));
    }
}

static void an_option_names_the_interface_where_the_uri_does_not(void **state) {
    (void)state;
    struct eg_endpoint e;
    struct eg_error err;
    assert_int_equal(eg_endpoint_parse(&e, "udp://239.1.1.1:1", "lo", &err), EG_OK);
    assert_int_equal(e.interface, 1);
    assert_int_equal(eg_endpoint_parse(&e, "udp://239.1.1.1:1?interface=lo", "no-such", &err),
                     EG_OK);
    assert_int_equal(eg_endpoint_parse(&e, "udp://239.1.1.1:1", "no-such", &err), EG_E_NOENT);
    assert_non_null(strstr(err.message, "no-such"));
}

static void what_is_none(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "udp:",
        "udp://",
        "udp://127.0.0.1",
        "udp://127.0.0.1:",
        "udp://127.0.0.1:x",
        "udp://127.0.0.1:-1",
        "udp://127.0.0.1:65536",
        "udp://127.0.0.1:0000002055",
        "udp://2001:db8::1:2055",
        "udp://[2001:db8::1]",
        "udp://[2001:db8::1]2055",
        "udp://[2001:db8::1:2055",
        "udp://[]x:1",
        "udp://256.1.1.1:2055",
        "udp://127.0.0.1:2055?workers=3",
        "http://127.0.0.1:80",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eg_endpoint e;
        struct eg_error err;
        enum eg_status status = eg_endpoint_parse(&e, cases[i], NULL, &err);
        if (status != EG_E_USAGE) fail_msg("%s: %d", cases[i], status);
        assert_int_equal(eg_endpoint_parse(&e, cases[i], NULL, NULL), EG_E_USAGE);
    }
    char longer[2000] = "udp://";
    memset(longer + 6, 'a', sizeof longer - 20);
    memcpy(longer + sizeof longer - 14, ":1", 3);
    struct eg_endpoint e;
    assert_int_equal(eg_endpoint_parse(&e, longer, NULL, NULL), EG_E_USAGE);
}

static void senders_are_prefixes(void **state) {
    (void)state;
    char *words[] = {"10.0.0.0/8", "192.0.2.7", "2001:db8::/32"};
    struct eg_text_list list = {words, 3};
    struct eg_senders senders;
    assert_int_equal(eg_senders_parse(&senders, &list, NULL), EG_OK);
    static const struct {
        const char *address;
        bool held;
    } cases[] = {{"10.255.0.1", true},     {"11.0.0.1", false},   {"192.0.2.7", true},
                 {"192.0.2.8", false},     {"2001:db8::9", true}, {"2001:db9::", false},
                 {"::ffff:10.1.1.1", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eg_addr address;
        assert_true(eg_addr_parse(&address, cases[i].address, strlen(cases[i].address)));
        assert_int_equal(eg_senders_hold(&senders, &address), cases[i].held);
    }
    eg_senders_reset(&senders);
    struct eg_text_list none = {NULL, 0};
    struct eg_addr any = {{0}};
    assert_int_equal(eg_senders_parse(&senders, &none, NULL), EG_OK);
    assert_true(eg_senders_hold(&senders, &any));
    eg_senders_reset(&senders);
    char *wrong[] = {"10.0.0.0/8", "10.0.0.0/33"};
    struct eg_text_list bad = {wrong, 2};
    struct eg_error err;
    assert_int_equal(eg_senders_parse(&senders, &bad, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "10.0.0.0/33"));
    torture_fail_after(0);
    assert_int_equal(eg_senders_parse(&senders, &list, &err), EG_E_NOMEM);
    assert_true(torture_off());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_an_endpoint),
        cmocka_unit_test(an_option_names_the_interface_where_the_uri_does_not),
        cmocka_unit_test(what_is_none),
        cmocka_unit_test(senders_are_prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
