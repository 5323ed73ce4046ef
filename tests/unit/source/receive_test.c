/* SPDX-License-Identifier: Apache-2.0
 * One receiving thread: what was sent is what came out plus what the kernel says it dropped. */
#include "source/receive.h"
#include "source/sockets.h"

#include "torture.h"
#include "udp_case.h"

struct receiving {
    struct eg_intake *intake;
    struct eg_traffic traffic;
    struct eg_senders allow;
    struct eg_receiver *receiver;
    atomic_bool stop, ended;
    int fd;
    uint16_t port;
};

static void ended(void *to) { atomic_store(&((struct receiving *)to)->ended, true); }

static void receiving_begin(struct receiving *r, const char *uri, uint64_t buffer) {
    struct eg_endpoint e;
    *r = (struct receiving){.fd = -1};
    assert_int_equal(eg_endpoint_parse(&e, uri, NULL, NULL), EG_OK);
    assert_int_equal(eg_socket_udp(&r->fd, &e, false, buffer, NULL), EG_OK);
    r->port = eg_socket_port(r->fd);
    assert_int_equal(eg_intake_new(&r->intake, 64 << 20, NULL), EG_OK);
}

static enum eg_status receiving_start(struct receiving *r) {
    struct eg_receiver_options options = {
        .env = &eg_env_plain,
        .fd = r->fd,
        .allow = &r->allow,
        .traffic = &r->traffic,
        .intake = r->intake,
        .stop = &r->stop,
        .ended = ended,
        .ended_to = r,
    };
    return eg_receiver_start(&r->receiver, &options, NULL);
}

/* Stops, and counts what is in the queue: numbers that go up. */
static uint64_t receiving_end(struct receiving *r, int64_t after_ns) {
    atomic_store(&r->stop, true);
    eg_receiver_free(r->receiver);
    assert_true(atomic_load(&r->ended));
    struct eg_block block;
    uint64_t count = 0, next = 0;
    while (eg_intake_take(r->intake, &block, 0)) {
        struct eg_received got;
        size_t at = EG_BLOCK_HEAD;
        while (eg_block_next(eg_span(block.buffer->bytes, block.size), &at, &got)) {
            uint64_t number;
            memcpy(&number, got.payload.at, 8);
            assert_true(number >= next);
            next = number + 1;
            assert_int_equal(got.local_port, r->port);
            assert_int_equal(got.transport, 17);
            assert_true(got.peer_port != 0);
            assert_true(got.time_ns >= after_ns && got.time_ns - after_ns < INT64_C(60000000000));
            count++;
        }
        eg_buffer_unref(block.buffer);
    }
    eg_intake_free(r->intake);
    close(r->fd);
    return count;
}

static int64_t now_ns(void) { return eg_env_plain.now_us(NULL) * 1000; }

static void all_of_it_in_order(void **state) {
    (void)state;
    static const struct {
        const char *uri;
        int family;
    } cases[] = {{"udp://127.0.0.1:0", AF_INET},
                 {"udp://[::1]:0", AF_INET6},
                 {"udp://:0", AF_INET},
                 {"udp://:0", AF_INET6}};
    for (size_t i = 0; i < 4; i++) {
        struct receiving r;
        int64_t began = now_ns() - 1000000;
        receiving_begin(&r, cases[i].uri, 16 << 20);
        assert_int_equal(receiving_start(&r), EG_OK);
        int fd = case_sender(cases[i].family, SOCK_DGRAM, r.port);
        uint64_t next = 0;
        case_send(fd, &next, 1000, 1464);
        case_pause(60);
        case_send(fd, &next, 1000, 100);
        assert_int_equal(receiving_end(&r, began), 2000);
        assert_int_equal(atomic_load(&r.traffic.datagrams), 2000);
        assert_int_equal(atomic_load(&r.traffic.bytes), 1564000);
        assert_int_equal(atomic_load(&r.traffic.kernel_drops), 0);
        close(fd);
    }
}

/* P16: bursts into a small buffer, also one behind which nothing more comes. */
static void sent_is_received_and_dropped(void **state) {
    (void)state;
    for (int round = 0; round < 5; round++) {
        struct receiving r;
        receiving_begin(&r, "udp://127.0.0.1:0", 16384);
        int fd = case_sender(AF_INET, SOCK_DGRAM, r.port);
        uint64_t next = 0;
        case_send(fd, &next, 201, 1464); /* before anybody reads */
        assert_int_equal(receiving_start(&r), EG_OK);
        for (int burst = 0; burst < 20; burst++) {
            case_send(fd, &next, 500, 1464);
            if (round % 2) case_pause(3);
        }
        uint64_t received = receiving_end(&r, now_ns() - INT64_C(30000000000));
        assert_int_equal(received + atomic_load(&r.traffic.kernel_drops), next);
        assert_int_equal(atomic_load(&r.traffic.datagrams), received);
        assert_true(atomic_load(&r.traffic.kernel_drops) > 0);
        close(fd);
    }
}

static void senders_not_allowed_are_counted(void **state) {
    (void)state;
    struct receiving r;
    int64_t began = now_ns() - 1000000;
    receiving_begin(&r, "udp://:0", 1 << 20);
    char *words[] = {"127.0.0.0/8"};
    struct eg_text_list list = {words, 1};
    assert_int_equal(eg_senders_parse(&r.allow, &list, NULL), EG_OK);
    assert_int_equal(receiving_start(&r), EG_OK);
    int v4 = case_sender(AF_INET, SOCK_DGRAM, r.port);
    int v6 = case_sender(AF_INET6, SOCK_DGRAM, r.port);
    uint64_t next = 0;
    case_send(v4, &next, 10, 100);
    case_send(v6, &next, 7, 50);
    case_send(v4, &next, 10, 100);
    assert_int_equal(receiving_end(&r, began), 20);
    assert_int_equal(atomic_load(&r.traffic.datagrams), 27);
    assert_int_equal(atomic_load(&r.traffic.refused), 7);
    assert_int_equal(atomic_load(&r.traffic.refused_bytes), 350);
    close(v4);
    close(v6);
    eg_senders_reset(&r.allow);
}

static void the_longest_come_whole(void **state) {
    (void)state;
    struct receiving r;
    receiving_begin(&r, "udp://127.0.0.1:0", 4 << 20);
    assert_int_equal(receiving_start(&r), EG_OK);
    int fd = case_sender(AF_INET, SOCK_DGRAM, r.port);
    uint64_t next = 0;
    case_send(fd, &next, 3, 65507);
    assert_int_equal(receiving_end(&r, now_ns() - INT64_C(30000000000)), 3);
    assert_int_equal(atomic_load(&r.traffic.bytes), 3 * 65507);
    close(fd);
}

static void lack_of_memory_is_told(void **state) {
    (void)state;
    struct receiving r;
    receiving_begin(&r, "udp://127.0.0.1:0", 0);
    for (long n = 0; n < 2; n++) {
        torture_fail_after(n);
        assert_int_equal(receiving_start(&r), EG_E_NOMEM);
        assert_true(torture_off());
    }
    eg_receiver_free(NULL);
    eg_intake_free(r.intake);
    close(r.fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_in_order),
        cmocka_unit_test(sent_is_received_and_dropped),
        cmocka_unit_test(senders_not_allowed_are_counted),
        cmocka_unit_test(the_longest_come_whole),
        cmocka_unit_test(lack_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
