/* SPDX-License-Identifier: Apache-2.0
 * Listeners on loopback: several endpoints and workers, multicast, counts, warnings, draining. */
#include "source/listener.h"

#include "torture.h"

#include "spool_case.h"
#include "udp_case.h"

#include <net/if.h>

#define URIS(...)                                                                                  \
    (struct eg_text_list) {                                                                        \
        (char *[]){__VA_ARGS__}, sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)                  \
    }

static struct eg_listener *listen_on(const struct eg_listener_options *options) {
    struct eg_listener *listener;
    struct eg_error err;
    if (eg_listener_open(&listener, &eg_env_plain, options, &err) != EG_OK)
        fail_msg("%s", err.message);
    return listener;
}

static uint64_t queue_count(struct eg_listener *listener) {
    struct eg_intake *intake = eg_listener_intake(listener);
    struct eg_block block;
    uint64_t count = 0;
    while (!eg_intake_over(intake)) {
        if (!eg_intake_take(intake, &block, 100000)) continue;
        count += block.count;
        eg_buffer_unref(block.buffer);
    }
    return count;
}

static void endpoints_are_counted_apart_and_together(void **state) {
    (void)state;
    struct eg_listener_options options = {
        .endpoints = URIS("udp://127.0.0.1:0", "udp://[::1]:0", "udp://:0")};
    struct eg_listener *listener = listen_on(&options);
    struct eg_listener_counts counts;
    eg_listener_counts(listener, &counts);
    assert_int_equal(counts.endpoint_count, 3);
    assert_null(eg_listener_spool(listener));
    assert_true(eg_listener_sync(listener, 0));
    char name[100];
    snprintf(name, sizeof name, "udp://127.0.0.1:%u udp://[::1]:%u udp://:%u",
             counts.endpoints[0].port, counts.endpoints[1].port, counts.endpoints[2].port);
    assert_string_equal(eg_listener_name(listener), name);
    int a = case_sender(AF_INET, SOCK_DGRAM, counts.endpoints[0].port);
    int b = case_sender(AF_INET6, SOCK_DGRAM, counts.endpoints[1].port);
    int c = case_sender(AF_INET, SOCK_DGRAM, counts.endpoints[2].port);
    uint64_t next = 0;
    case_send(a, &next, 10, 100);
    case_send(b, &next, 20, 200);
    case_send(c, &next, 30, 300);
    assert_false(eg_listener_drained(listener));
    eg_listener_drain(listener);
    assert_int_equal(queue_count(listener), 60);
    assert_true(eg_listener_drained(listener));
    eg_listener_counts(listener, &counts);
    assert_int_equal(counts.endpoints[0].datagrams, 10);
    assert_int_equal(counts.endpoints[1].bytes, 4000);
    assert_int_equal(counts.endpoints[2].datagrams, 30);
    assert_int_equal(counts.datagrams, 60);
    assert_int_equal(counts.bytes, 14000);
    assert_int_equal(counts.kernel_drops, 0);
    eg_listener_close(listener);
    eg_listener_close(NULL);
    close(a);
    close(b);
    close(c);
}

static void workers_share_a_port_and_lose_nothing(void **state) {
    (void)state;
    static const int64_t workers[] = {4, 16};
    for (int i = 0; i < 2; i++) {
        struct eg_listener_options options = {.endpoints = URIS("udp://127.0.0.1:0"),
                                              .workers = workers[i],
                                              .receive_buffer = 1 << 20};
        struct eg_listener *listener = listen_on(&options);
        struct eg_listener_counts counts;
        eg_listener_counts(listener, &counts);
        assert_int_equal(counts.endpoints[0].sockets, workers[i]);
        int fds[32];
        uint64_t next = 0;
        for (int k = 0; k < 32; k++) {
            fds[k] = case_sender(AF_INET, SOCK_DGRAM, counts.endpoints[0].port);
            case_send(fds[k], &next, 100, 1000);
        }
        eg_listener_drain(listener);
        uint64_t received = queue_count(listener);
        eg_listener_counts(listener, &counts);
        assert_int_equal(received + counts.kernel_drops, next);
        assert_int_equal(counts.datagrams, received);
        eg_listener_close(listener);
        for (int k = 0; k < 32; k++) close(fds[k]);
    }
}

/* P16: far more than the buffers hold, from several senders, in bursts. */
static void what_overloads_is_counted_exactly(void **state) {
    (void)state;
    static const int64_t workers[] = {1, 4, 16};
    for (int i = 0; i < 3; i++) {
        struct eg_listener_options options = {.endpoints = URIS("udp://127.0.0.1:0"),
                                              .workers = workers[i],
                                              .receive_buffer = 8192,
                                              .queue = 1};
        struct eg_listener *listener = listen_on(&options);
        struct eg_listener_counts counts;
        eg_listener_counts(listener, &counts);
        int fds[8];
        uint64_t next = 0;
        for (int k = 0; k < 8; k++)
            fds[k] = case_sender(AF_INET, SOCK_DGRAM, counts.endpoints[0].port);
        for (int burst = 0; burst < 100; burst++) {
            case_send(fds[burst % 8], &next, 300, 1464);
            if (burst % 10 == 9) case_pause(5);
        }
        eg_listener_drain(listener);
        uint64_t received = queue_count(listener);
        eg_listener_counts(listener, &counts);
        assert_int_equal(counts.datagrams + counts.kernel_drops, next);
        assert_int_equal(received + counts.queue_dropped, counts.datagrams);
        assert_true(counts.kernel_drops + counts.queue_dropped > 0);
        eg_listener_close(listener);
        for (int k = 0; k < 8; k++) close(fds[k]);
    }
}

static void a_group_is_joined(void **state) {
    (void)state;
    struct eg_listener_options options = {.endpoints = URIS("udp://239.77.1.1:0?interface=lo"),
                                          .workers = 4};
    struct eg_listener *listener = listen_on(&options);
    struct eg_listener_counts counts;
    eg_listener_counts(listener, &counts);
    assert_int_equal(counts.endpoints[0].sockets, 1); /* more would each get everything */
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct ip_mreqn through = {.imr_ifindex = 1};
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &through, sizeof through);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(counts.endpoints[0].port)};
    to.sin_addr.s_addr = htonl(0xef4d0101);
    assert_int_equal(sendto(fd, "12345678", 8, 0, (struct sockaddr *)&to, sizeof to), 8);
    to.sin_addr.s_addr = htonl(0xef4d0102); /* another group: not ours */
    assert_int_equal(sendto(fd, "12345678", 8, 0, (struct sockaddr *)&to, sizeof to), 8);
    eg_listener_drain(listener);
    assert_int_equal(queue_count(listener), 1);
    eg_listener_close(listener);
    close(fd);
}

/* The scope ff01 never leaves this machine, whatever the interface; lo itself takes no groups. */
static bool group_of_ipv6_works(unsigned interface, const char *name) {
    char uri[100];
    snprintf(uri, sizeof uri, "udp://[ff01::77]:0?interface=%s", name);
    struct eg_listener_options options = {.endpoints = URIS(uri)};
    struct eg_listener *listener;
    if (eg_listener_open(&listener, &eg_env_plain, &options, NULL) != EG_OK) return false;
    struct eg_listener_counts counts;
    eg_listener_counts(listener, &counts);
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &interface, sizeof interface);
    struct sockaddr_in6 to = {.sin6_family = AF_INET6,
                              .sin6_port = htons(counts.endpoints[0].port),
                              .sin6_scope_id = interface};
    to.sin6_addr.s6_addr[0] = 0xff;
    to.sin6_addr.s6_addr[1] = 1;
    to.sin6_addr.s6_addr[15] = 0x77;
    ssize_t sent = sendto(fd, "12345678", 8, 0, (struct sockaddr *)&to, sizeof to);
    eg_listener_drain(listener);
    uint64_t received = queue_count(listener);
    eg_listener_close(listener);
    close(fd);
    if (sent == 8) assert_int_equal(received, 1);
    return sent == 8;
}

static void a_group_of_ipv6_is_joined(void **state) {
    (void)state;
    struct if_nameindex *all = if_nameindex();
    bool works = false;
    for (struct if_nameindex *one = all; one && one->if_index && !works; one++)
        works = group_of_ipv6_works(one->if_index, one->if_name);
    if_freenameindex(all);
    if (!works) {
        print_message("skipped: no interface here takes IPv6 multicast\n");
        skip();
    }
}

static void a_smaller_buffer_than_asked_for_is_told(void **state) {
    (void)state;
    struct eg_listener_options options = {.endpoints = URIS("udp://127.0.0.1:0"),
                                          .receive_buffer = 1 << 16};
    struct eg_listener *listener = listen_on(&options);
    assert_null(eg_listener_warning(listener, 0));
    struct eg_listener_counts counts;
    eg_listener_counts(listener, &counts);
    assert_int_equal(counts.endpoints[0].receive_buffer, 1 << 16);
    eg_listener_close(listener);
    options.receive_buffer = INT64_C(1) << 40; /* nobody gets that */
    listener = listen_on(&options);
    assert_non_null(strstr(eg_listener_warning(listener, 0), "net.core.rmem_max"));
    assert_null(eg_listener_warning(listener, 1));
    eg_listener_close(listener);
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    struct eg_listener *listener = NULL;
    struct eg_error err;
    struct eg_listener_options none = {.workers = 1};
    assert_int_equal(eg_listener_open(&listener, &eg_env_plain, &none, &err), EG_E_USAGE);
    struct eg_listener_options many = {.endpoints = URIS("udp://127.0.0.1:0"), .workers = 17};
    assert_int_equal(eg_listener_open(&listener, &eg_env_plain, &many, &err), EG_E_USAGE);
    struct eg_listener_options bad = {.endpoints = URIS("udp://127.0.0.1:0", "udp://x")};
    assert_int_equal(eg_listener_open(&listener, &eg_env_plain, &bad, &err), EG_E_USAGE);
    struct eg_listener_options senders = {.endpoints = URIS("udp://127.0.0.1:0"),
                                          .allow = URIS("nobody")};
    assert_int_equal(eg_listener_open(&listener, &eg_env_plain, &senders, &err), EG_E_USAGE);
    struct eg_listener_options first = {.endpoints = URIS("udp://127.0.0.1:0")};
    struct eg_listener *one = listen_on(&first);
    char *taken = strdup(eg_listener_name(one));
    struct eg_listener_options second = {.endpoints = URIS(taken), .workers = 4};
    assert_int_equal(eg_listener_open(&listener, &eg_env_plain, &second, &err), EG_E_LOCKED);
    eg_listener_close(one);
    free(taken);
    assert_null(listener);
}

static void with_a_spool_everything_is_on_disk(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    eg_spool_close(c.spool);
    c.spool = NULL;
    struct eg_listener_options options = {.endpoints = URIS("udp://127.0.0.1:0"),
                                          .spool = c.directory};
    struct eg_listener *listener = listen_on(&options);
    struct eg_listener *second = NULL;
    assert_int_equal(eg_listener_open(&second, &eg_env_plain, &options, NULL), EG_E_LOCKED);
    struct eg_listener_counts counts;
    eg_listener_counts(listener, &counts);
    int fd = case_sender(AF_INET, SOCK_DGRAM, counts.endpoints[0].port);
    uint64_t next = 0;
    case_send(fd, &next, 3000, 1464);
    for (int i = 0; i < 100 && counts.spool.sequence < 3000; i++) {
        case_pause(20);
        eg_listener_counts(listener, &counts);
    }
    assert_int_equal(counts.spool.sequence, 3000);
    assert_true(eg_listener_sync(listener, 5000000));
    eg_listener_counts(listener, &counts);
    assert_int_equal(counts.spool.synced, counts.spool.written);
    assert_true(counts.spool.bytes > 3000 * 1464);
    case_send(fd, &next, 100, 1464);
    eg_listener_drain(listener);
    for (int i = 0; i < 200 && !eg_listener_drained(listener); i++) case_pause(20);
    assert_true(eg_listener_drained(listener));
    eg_listener_close(listener);
    case_open(&c);
    assert_int_equal(case_read_from(&c, 0).count, 3100);
    close(fd);
    case_end(&c);
}

static void losses_are_told_once(void **state) {
    (void)state;
    struct eg_listener_options options = {.endpoints = URIS("udp://127.0.0.1:0"),
                                          .allow = URIS("192.0.2.0/24")};
    struct eg_listener *listener = listen_on(&options);
    struct eg_listener_counts counts;
    eg_listener_counts(listener, &counts);
    int fd = case_sender(AF_INET, SOCK_DGRAM, counts.endpoints[0].port);
    uint64_t next = 0;
    case_send(fd, &next, 5, 100);
    eg_listener_drain(listener);
    assert_int_equal(queue_count(listener), 0);
    struct eg_listener_losses losses;
    eg_listener_losses_take(listener, &losses);
    assert_int_equal(losses.refused, 5);
    assert_int_equal(losses.refused_bytes, 500);
    struct eg_listener_losses again;
    eg_listener_losses_take(listener, &again);
    assert_int_equal(again.refused + again.refused_bytes, 0);
    eg_listener_losses_return(listener, &losses);
    eg_listener_losses_take(listener, &again);
    assert_int_equal(again.refused, 5);
    eg_listener_close(listener);
    close(fd);
}

/* What ended sessions is told with the address that sent it; beyond so many addresses, without. */
static void bad_messages_have_a_sender(void **state) {
    (void)state;
    struct eg_listener_options options = {.endpoints = URIS("tcp://127.0.0.1:0")};
    struct eg_listener *listener = listen_on(&options);
    struct eg_listener_counts counts;
    eg_listener_counts(listener, &counts);
    for (int i = 0; i < EG_SESSIONS_BAD_MAX + 3; i++) {
        struct sockaddr_in from = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(0x7f000101u + (uint32_t)i)};
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons(counts.endpoints[0].port),
                                 .sin_addr.s_addr = htonl(0x7f000001)};
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
        assert_int_equal(send(fd, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL), 18);
        char byte;
        assert_true(recv(fd, &byte, 1, 0) <= 0);
        close(fd);
    }
    eg_listener_drain(listener);
    assert_int_equal(queue_count(listener), 0);
    struct eg_listener_losses losses, again;
    for (int turn = 0; turn < 2; turn++) { /* also when they are given back */
        struct eg_tally tally = {0};
        eg_listener_losses_take(listener, &losses);
        eg_listener_losses_count(&losses, "udp", INT64_C(1700000000000000), &tally);
        assert_int_equal(tally.count, EG_SESSIONS_BAD_MAX + 1);
        assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_stream_broken).packets,
                         EG_SESSIONS_BAD_MAX + 3);
        assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_stream_broken).bytes,
                         18 * (EG_SESSIONS_BAD_MAX + 3));
        uint32_t without = 0;
        for (uint32_t i = 0; i < tally.count; i++) {
            assert_string_equal(tally.entries[i].source, "tcp");
            assert_int_equal(tally.entries[i].start_us, INT64_C(1700000000000000));
            without += !tally.entries[i].has_exporter;
            if (tally.entries[i].has_exporter) assert_int_equal(tally.entries[i].packets, 1);
        }
        assert_int_equal(without, 1);
        eg_tally_reset(&tally);
        eg_listener_losses_take(listener, &again);
        assert_int_equal(again.messages_bad + again.bad_count, 0);
        if (turn == 0) eg_listener_losses_return(listener, &losses);
    }
    eg_listener_close(listener);
}

static void lack_of_memory_is_told(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    eg_spool_close(c.spool);
    c.spool = NULL;
    struct eg_listener_options options = {
        .endpoints = URIS("udp://127.0.0.1:0"), .spool = c.directory, .queue = 1};
    for (long n = 0; n < 200; n++) {
        struct eg_listener *listener = NULL;
        struct eg_error err;
        torture_fail_after(n);
        enum eg_status status = eg_listener_open(&listener, &eg_env_plain, &options, &err);
        bool failed = torture_off();
        if (status == EG_OK) eg_listener_close(listener);
        if (status == EG_OK && !failed) break;
        if (status != EG_OK && !failed) fail_msg("%s", err.message);
    }
    case_open(&c);
    case_end(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoints_are_counted_apart_and_together),
        cmocka_unit_test(workers_share_a_port_and_lose_nothing),
        cmocka_unit_test(what_overloads_is_counted_exactly),
        cmocka_unit_test(a_group_is_joined),
        cmocka_unit_test(a_group_of_ipv6_is_joined),
        cmocka_unit_test(a_smaller_buffer_than_asked_for_is_told),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(with_a_spool_everything_is_on_disk),
        cmocka_unit_test(losses_are_told_once),
        cmocka_unit_test(bad_messages_have_a_sender),
        cmocka_unit_test(lack_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
