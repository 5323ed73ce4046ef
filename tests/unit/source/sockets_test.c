/* SPDX-License-Identifier: Apache-2.0
 * Receiving sockets on loopback: bound, shared, refused, sized, and their count of drops. */
#include "source/sockets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static struct eg_endpoint endpoint(const char *uri) {
    struct eg_endpoint e;
    struct eg_error err;
    if (eg_endpoint_parse(&e, uri, NULL, &err) != EG_OK) fail_msg("%s", err.message);
    return e;
}

static int udp(const char *uri, bool shared, uint64_t bytes) {
    struct eg_endpoint e = endpoint(uri);
    struct eg_error err;
    int fd;
    if (eg_socket_udp(&fd, &e, shared, bytes, &err) != EG_OK) fail_msg("%s", err.message);
    return fd;
}

static void a_port_is_chosen_and_told(void **state) {
    (void)state;
    static const char *const uris[] = {"udp://127.0.0.1:0", "udp://[::1]:0", "udp://:0"};
    for (size_t i = 0; i < 3; i++) {
        int fd = udp(uris[i], false, 0);
        assert_int_not_equal(eg_socket_port(fd), 0);
        close(fd);
    }
}

static void a_port_that_is_taken_is_told(void **state) {
    (void)state;
    int fd = udp("udp://127.0.0.1:0", false, 0), again;
    char uri[40];
    snprintf(uri, sizeof uri, "udp://127.0.0.1:%u", eg_socket_port(fd));
    struct eg_endpoint e = endpoint(uri);
    struct eg_error err;
    assert_int_equal(eg_socket_udp(&again, &e, false, 0, &err), EG_E_LOCKED);
    assert_non_null(strstr(err.message, uri));
    assert_int_equal(eg_socket_udp(&again, &e, true, 0, &err), EG_E_LOCKED);
    close(fd);
    fd = udp(uri, true, 0);
    assert_int_equal(eg_socket_udp(&again, &e, true, 0, &err), EG_OK);
    close(again);
    close(fd);
    struct eg_endpoint foreign = endpoint("udp://192.0.2.1:2055");
    assert_int_equal(eg_socket_udp(&again, &foreign, false, 0, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "192.0.2.1"));
}

static void the_buffer_is_what_the_kernel_grants(void **state) {
    (void)state;
    int fd = udp("udp://127.0.0.1:0", false, 65536);
    assert_int_equal(eg_socket_receive_bytes(fd), 65536);
    close(fd);
    fd = udp("udp://127.0.0.1:0", false, 1);
    assert_true(eg_socket_receive_bytes(fd) > 1); /* there is a least one */
    close(fd);
    fd = udp("udp://127.0.0.1:0", false, UINT64_MAX);
    assert_true(eg_socket_receive_bytes(fd) > 65536);
    close(fd);
    assert_int_equal(eg_socket_receive_bytes(-1), 0);
    assert_int_equal(eg_socket_port(-1), 0);
}

static void drops_are_counted_while_nobody_reads(void **state) {
    (void)state;
    int to = udp("udp://127.0.0.1:0", false, 1), from = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    assert_int_equal(getsockname(to, (struct sockaddr *)&address, &size), 0);
    char bytes[1400] = {0};
    for (int i = 0; i < 200; i++)
        assert_int_equal(sendto(from, bytes, sizeof bytes, 0, (struct sockaddr *)&address, size),
                         sizeof bytes);
    uint32_t drops = 0, got = 0;
    assert_true(eg_socket_drops(to, &drops));
    while (recv(to, bytes, sizeof bytes, MSG_DONTWAIT) > 0) got++;
    assert_int_equal(got + drops, 200);
    assert_true(drops > 100);
    close(from);
    close(to);
    assert_false(eg_socket_drops(-1, &drops));
}

static void tcp_listens(void **state) {
    (void)state;
    struct eg_endpoint e = endpoint("tcp://127.0.0.1:0");
    int fd, again;
    struct eg_error err;
    assert_int_equal(eg_socket_tcp(&fd, &e, &err), EG_OK);
    eg_endpoint_port_set(&e, eg_socket_port(fd));
    assert_int_not_equal(eg_endpoint_port(&e), 0);
    assert_int_equal(eg_socket_tcp(&again, &e, &err), EG_E_LOCKED);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&e.address, e.address_size), 0);
    close(client);
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_is_chosen_and_told),
        cmocka_unit_test(a_port_that_is_taken_is_told),
        cmocka_unit_test(the_buffer_is_what_the_kernel_grants),
        cmocka_unit_test(drops_are_counted_while_nobody_reads),
        cmocka_unit_test(tcp_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
