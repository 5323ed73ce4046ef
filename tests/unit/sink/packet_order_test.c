/* SPDX-License-Identifier: Apache-2.0
 * Packets in the order of time: however little memory there is, whole and each once; those of one time as they
 * came, those without one last; and nothing is left behind. */
#include "sink/packet_order.h"

#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PACKETS 5000

static char folder[64], path[128];

static int setup(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/earlgrey-order-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/out.pcap", folder);
    return 0;
}

/* Only an empty one can be removed. */
static int teardown(void **state) {
    (void)state;
    return rmdir(folder);
}

/* Of packet i: a few times that many share, none for every 50th. */
static int64_t time_of(uint32_t i) {
    if (i % 50 == 49) return EG_FRAME_NO_TIME;
    return (int64_t)(i * 2654435761u % 700) * 1000000007 - 100000000000;
}

static uint32_t size_of(uint32_t i) { return i % 777 == 5 ? 200000 : i * 7919u % 300; }

struct seen {
    uint32_t count, most;
    int64_t last_ns;
    uint32_t last;
    uint8_t *given; /* a byte a packet */
};

static enum eg_status take(void *to, const struct eg_frame *frame, struct eg_span interface,
                           struct eg_error *err) {
    struct seen *seen = to;
    (void)err;
    if (seen->count == seen->most) return EG_END;
    int64_t time_ns = frame->time_ns == EG_FRAME_NO_TIME ? INT64_MAX : frame->time_ns;
    uint32_t i = (uint32_t)frame->length - 1000000;
    assert_true(i < PACKETS && !seen->given[i]);
    assert_int_equal(frame->time_ns, time_of(i));
    assert_int_equal(frame->link_type, 1 + (int32_t)(i % 3));
    assert_int_equal(frame->payload.size, size_of(i));
    for (size_t k = 0; k < frame->payload.size; k++)
        assert_int_equal(frame->payload.at[k], (uint8_t)(i + k));
    assert_int_equal(interface.size, i % 2 ? 4 : 0);
    if (interface.size) assert_memory_equal(interface.at, "eth1", 4);
    if (seen->count)
        assert_true(time_ns > seen->last_ns || (time_ns == seen->last_ns && i > seen->last));
    seen->last_ns = time_ns;
    seen->last = i;
    seen->given[i] = 1;
    seen->count++;
    return EG_OK;
}

static enum eg_status order(uint32_t packets, uint64_t memory, struct seen *seen) {
    static uint8_t bytes[200000];
    struct eg_packet_order *o;
    enum eg_status status = eg_packet_order_new(&o, path, memory, NULL);
    if (status < 0) return status;
    for (uint32_t i = 0; i < packets && status == EG_OK; i++) {
        for (uint32_t k = 0; k < size_of(i); k++) bytes[k] = (uint8_t)(i + k);
        struct eg_frame frame = {time_of(i), 1 + (int32_t)(i % 3), -1, 1000000 + i,
                                 eg_span(bytes, size_of(i))};
        status = eg_packet_order_put(o, &frame, eg_span("eth1", i % 2 ? 4 : 0), NULL);
    }
    if (status == EG_OK) status = eg_packet_order_give(o, take, seen, NULL);
    eg_packet_order_free(o);
    return status;
}

static void in_any_memory(void **state) {
    (void)state;
    static const uint64_t memory[] = {1, 5000, 300000, 0};
    for (size_t m = 0; m < sizeof memory / sizeof *memory; m++) {
        uint32_t packets = memory[m] == 1 ? 300 : PACKETS;
        struct seen seen = {.most = UINT32_MAX, .given = calloc(PACKETS, 1)};
        assert_int_equal(order(packets, memory[m], &seen), EG_OK);
        assert_int_equal(seen.count, packets);
        free(seen.given);
    }
}

static void enough_is_enough(void **state) {
    (void)state;
    for (uint64_t memory = 0; memory < 10000; memory += 5000) {
        struct seen seen = {.most = 17, .given = calloc(PACKETS, 1)};
        assert_int_equal(order(PACKETS, memory, &seen), EG_OK);
        assert_int_equal(seen.count, 17);
        free(seen.given);
    }
    struct seen none = {.most = 1};
    assert_int_equal(order(0, 0, &none), EG_OK);
    assert_int_equal(none.count, 0);
}

static void nowhere_to_put_them(void **state) {
    (void)state;
    struct eg_packet_order *o;
    struct eg_error err;
    static const uint8_t bytes[100];
    struct eg_frame frame = {1, 1, -1, 100, eg_span(bytes, sizeof bytes)};
    assert_int_equal(eg_packet_order_new(&o, "/nowhere/at/all.pcap", 1, NULL), EG_OK);
    assert_int_equal(eg_packet_order_put(o, &frame, eg_span(NULL, 0), NULL), EG_OK);
    assert_int_equal(eg_packet_order_put(o, &frame, eg_span(NULL, 0), &err), EG_E_NOENT);
    assert_non_null(strstr(err.message, "/nowhere/at"));
    eg_packet_order_free(o);
    eg_packet_order_free(NULL);
}

static void without_memory(void **state) {
    (void)state;
    for (uint64_t memory = 0; memory < 10000; memory += 2000)
        for (long n = 0;; n++) {
            struct seen seen = {.most = UINT32_MAX, .given = calloc(PACKETS, 1)};
            torture_fail_after(n);
            enum eg_status status = order(100, memory, &seen);
            bool failed = torture_off();
            free(seen.given);
            if (failed) assert_int_equal(status, EG_E_NOMEM);
            if (failed) continue;
            assert_int_equal(status, EG_OK);
            assert_int_equal(seen.count, 100);
            break;
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_any_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(enough_is_enough, setup, teardown),
        cmocka_unit_test_setup_teardown(nowhere_to_put_them, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
