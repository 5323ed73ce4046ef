/* SPDX-License-Identifier: Apache-2.0
 * Datagrams to a collector: who they seem to come from in each way of sending, and what cannot be
 * sent. In a network of the test's own. */
#include "sink/sender.h"

#include "source/lone_network.h"
#include "table/address.h"
#include "torture.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

static int listener(int family, char target[64]) {
    int fd = socket(family, SOCK_DGRAM, 0);
    struct sockaddr_storage own = {.ss_family = (sa_family_t)family};
    socklen_t size = sizeof own;
    struct timeval second = {.tv_sec = 2};
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&own;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&own;
    if (family == AF_INET)
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        v6->sin6_addr = in6addr_loopback;
    assert_int_equal(bind(fd, (struct sockaddr *)&own, family == AF_INET ? sizeof *v4 : sizeof *v6),
                     0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &size), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second), 0);
    if (family == AF_INET)
        snprintf(target, 64, "127.0.0.1:%u", ntohs(v4->sin_port));
    else
        snprintf(target, 64, "[::1]:%u", ntohs(v6->sin6_port));
    return fd;
}

static struct eg_sender_exporter exporter(const char *text, uint16_t port) {
    struct eg_sender_exporter e = {.port = port};
    assert_true(eg_addr_parse(&e.address, text, strlen(text)));
    return e;
}

/* The sender of the next datagram, as "ADDRESS" and port; its text must be what was sent. */
static const char *received(int fd, const char *want, uint16_t *port) {
    static char address[64];
    char text[100] = "";
    struct sockaddr_storage from;
    socklen_t size = sizeof from;
    if (recvfrom(fd, text, sizeof text - 1, 0, (struct sockaddr *)&from, &size) < 0)
        return "nothing";
    assert_string_equal(text, want);
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&from;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&from;
    *port = ntohs(from.ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
    if (from.ss_family == AF_INET)
        inet_ntop(AF_INET, &v4->sin_addr, address, sizeof address);
    else
        inet_ntop(AF_INET6, &v6->sin6_addr, address, sizeof address);
    return address;
}

static void send_text(struct eg_sender *sender, const char *from, const char *text) {
    struct eg_sender_exporter e = exporter(from, 50000);
    struct eg_error err;
    if (eg_sender_send(sender, &e, eg_span(text, strlen(text)), &err) != EG_OK)
        fail_msg("%s", err.message);
}

static void told_apart_by_port(void **state) {
    (void)state;
    if (!lone) skip();
    for (int family = 0; family < 2; family++) {
        char target[64];
        uint16_t ports[4];
        struct eg_sender *sender;
        int fd = listener(family ? AF_INET6 : AF_INET, target);
        assert_int_equal(eg_sender_open(&sender, target, EG_SEND_BY_PORT, NULL), EG_OK);
        const char *from[] = {"192.0.2.1", "2001:db8::1", "192.0.2.1", "192.0.2.2"};
        for (int i = 0; i < 4; i++) {
            send_text(sender, from[i], "one");
            assert_string_equal(received(fd, "one", &ports[i]), family ? "::1" : "127.0.0.1");
        }
        assert_int_equal(ports[0], ports[2]);
        assert_true(ports[0] != ports[1] && ports[0] != ports[3] && ports[1] != ports[3]);
        assert_int_equal(eg_sender_exporters(sender), 3);
        eg_sender_close(sender);
        close(fd);
    }
}

static void addresses_of_their_own(void **state) {
    (void)state;
    if (!lone) skip();
    char target[64], text[32], seen[600][16];
    uint16_t port;
    struct eg_sender *sender;
    struct eg_error err;
    int fd = listener(AF_INET, target);
    assert_int_equal(eg_sender_open(&sender, target, EG_SEND_LOOPBACK, NULL), EG_OK);
    for (uint32_t i = 0; i < 600; i++) { /* more than there are sockets: the last ones share */
        snprintf(text, sizeof text, "10.0.%u.%u", i / 256, i % 256);
        send_text(sender, text, "x");
        snprintf(seen[i], sizeof seen[i], "%s", received(fd, "x", &port));
    }
    assert_string_equal(seen[0], "127.0.1.1");
    assert_string_equal(seen[250], "127.0.2.1");
    assert_string_equal(seen[512], seen[0]);
    for (int i = 1; i < 512; i++) assert_string_not_equal(seen[i], seen[i - 1]);
    assert_int_equal(eg_sender_exporters(sender), 600);
    eg_sender_close(sender);
    assert_int_equal(eg_sender_open(&sender, "192.0.2.1:2055", EG_SEND_LOOPBACK, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "only towards 127.0.0.0/8"));
    assert_int_equal(eg_sender_open(&sender, "[::1]:2055", EG_SEND_LOOPBACK, &err), EG_E_USAGE);
    close(fd);
}

static void as_they_were(void **state) {
    (void)state;
    if (!lone) skip();
    for (int family = 0; family < 2; family++) {
        char target[64];
        uint16_t port;
        struct eg_sender *sender;
        struct eg_error err;
        int fd = listener(family ? AF_INET6 : AF_INET, target);
        enum eg_status status = eg_sender_open(&sender, target, EG_SEND_SPOOFED, &err);
        if (status == EG_E_ACCESS) skip();
        assert_int_equal(status, EG_OK);
        const char *from = family ? "2001:db8::7" : "192.0.2.7";
        send_text(sender, from, "spoofed");
        assert_string_equal(received(fd, "spoofed", &port), from);
        assert_int_equal(port, 50000);
        struct eg_sender_exporter other = exporter(family ? "192.0.2.7" : "2001:db8::7", 1);
        assert_int_equal(eg_sender_send(sender, &other, eg_span("x", 1), &err), EG_E_USAGE);
        assert_non_null(strstr(err.message, "another family"));
        eg_sender_close(sender);
        close(fd);
    }
}

static void nobody_listens(void **state) {
    (void)state;
    if (!lone) skip();
    struct eg_sender *sender;
    assert_int_equal(eg_sender_open(&sender, "127.0.0.1:9", EG_SEND_BY_PORT, NULL), EG_OK);
    for (int i = 0; i < 20; i++) send_text(sender, "192.0.2.1", "x");
    assert_in_range(eg_sender_refusals(sender), 5, 20);
    eg_sender_close(sender);
}

static void too_large(void **state) {
    (void)state;
    if (!lone) skip();
    static const uint8_t bytes[70000];
    struct eg_sender *sender;
    struct eg_error err;
    struct eg_sender_exporter e = exporter("192.0.2.1", 1);
    assert_int_equal(eg_sender_open(&sender, "127.0.0.1:9", EG_SEND_BY_PORT, NULL), EG_OK);
    assert_int_equal(eg_sender_send(sender, &e, eg_span(bytes, sizeof bytes), &err), EG_E_USAGE);
    assert_int_equal(err.status, EG_E_USAGE);
    eg_sender_close(sender);
}

static void bad_targets(void **state) {
    (void)state;
    struct eg_sender *sender;
    struct eg_error err;
    const char *bad[] = {"", "127.0.0.1", ":2055", "127.0.0.1:", "::1:2055", "[]:2055", "[::1]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(eg_sender_open(&sender, bad[i], EG_SEND_BY_PORT, &err), EG_E_USAGE);
        assert_non_null(strstr(err.message, "is no target"));
    }
    assert_int_equal(eg_sender_open(&sender, "127.0.0.1:no-such-service", EG_SEND_BY_PORT, &err),
                     EG_E_USAGE);
}

static int without_rights(void) {
    struct eg_sender *sender;
    struct eg_error err;
    if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0) return 0;
    if (eg_sender_open(&sender, "127.0.0.1:9", EG_SEND_SPOOFED, &err) != EG_E_ACCESS) return 1;
    return strstr(err.message, "cap_net_raw") ? 0 : 2;
}

static void without_permission(void **state) {
    (void)state;
    pid_t pid = fork();
    if (pid == 0) _exit(without_rights());
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void without_memory(void **state) {
    (void)state;
    for (long n = 0; n < 2; n++) {
        struct eg_sender *sender;
        torture_fail_after(n);
        enum eg_status status = eg_sender_open(&sender, "127.0.0.1:9", EG_SEND_BY_PORT, NULL);
        assert_true(torture_off());
        assert_int_equal(status, EG_E_NOMEM);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(told_apart_by_port), cmocka_unit_test(addresses_of_their_own),
        cmocka_unit_test(as_they_were),       cmocka_unit_test(nobody_listens),
        cmocka_unit_test(too_large),          cmocka_unit_test(bad_targets),
        cmocka_unit_test(without_permission), cmocka_unit_test(without_memory),
    };
    lone_network();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
