/* SPDX-License-Identifier: Apache-2.0
 * A captured interface: what it gives out, what it refuses, and counters that wrap. */
#include "source/capture_device.h"

#include "source/lone_network.h"
#include "torture.h"

#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

/* What the interfaces say they dropped, in place of the system's answer. */
static struct rtnl_link_stats told;
static struct sockaddr packet_family = {.sa_family = AF_PACKET},
                       other_family = {.sa_family = AF_INET};
static struct ifaddrs own = {
    .ifa_name = (char[]){"lo"}, .ifa_addr = &packet_family, .ifa_data = &told};
static struct ifaddrs nothing = {
    .ifa_next = &own, .ifa_name = (char[]){"lo"}, .ifa_addr = &other_family, .ifa_data = &told};
static struct rtnl_link_stats of_another = {.rx_missed_errors = 7};
static struct ifaddrs another = {.ifa_next = &nothing,
                                 .ifa_name = (char[]){"l"},
                                 .ifa_addr = &packet_family,
                                 .ifa_data = &of_another};
int getifaddrs(struct ifaddrs **all) {
    *all = &another;
    of_another.rx_missed_errors++;
    return 0;
}
void freeifaddrs(struct ifaddrs *all) { (void)all; }

static const struct eg_device_options usual = {NULL, 4 << 20, 262144, false};

struct seen {
    uint32_t frames, max;
    uint64_t bytes, length;
    int32_t link_type;
    int64_t first_ns, last_ns;
    char interface[64];
};

static bool take(void *to, const struct eg_frame *frame, const char *interface) {
    struct seen *seen = to;
    if (!seen->frames) seen->first_ns = frame->time_ns;
    seen->frames++;
    seen->bytes += frame->payload.size;
    seen->length += frame->length;
    seen->link_type = frame->link_type;
    seen->last_ns = frame->time_ns;
    snprintf(seen->interface, sizeof seen->interface, "%s", interface);
    return seen->frames < seen->max;
}

static struct eg_device *opened(const char *name, const char *bpf, int64_t snaplen) {
    struct eg_device_options options = usual;
    struct eg_device *device;
    struct eg_error err;
    char warning[300];
    options.bpf = bpf;
    options.snaplen = snaplen;
    if (eg_device_open(&device, name, &options, warning, &err) != EG_OK)
        fail_msg("%s", err.message);
    return device;
}

/* Reads until `want` frames came, or nothing for a second. */
static struct seen read_all(struct eg_device *device, uint32_t want) {
    struct seen seen = {.max = UINT32_MAX};
    struct eg_error err;
    uint32_t taken, calls = 0;
    while (seen.frames < want && calls++ < 1000) {
        struct pollfd fd = {.fd = eg_device_fd(device), .events = POLLIN};
        if (poll(&fd, 1, 1000) <= 0) break;
        uint32_t before = seen.frames;
        if (eg_device_read(device, 100000, take, &seen, &taken, &err) != EG_OK)
            fail_msg("%s", err.message);
        assert_int_equal(seen.frames - before, taken);
    }
    return seen;
}

static void frames_come(void **state) {
    (void)state;
    if (!lone) skip();
    struct eg_device *device = opened("lo", "udp port 9", 262144);
    datagrams_send(200, 9, 100);
    struct seen seen = read_all(device, 200);
    assert_int_equal(seen.frames, 200);
    assert_int_equal(seen.bytes, 200 * (14 + 20 + 8 + 100));
    assert_int_equal(seen.link_type, 1);
    assert_string_equal(seen.interface, "lo");
    assert_string_equal(eg_device_name(device), "lo");
    assert_true(seen.first_ns > INT64_C(1600000000) * 1000000000 && seen.last_ns >= seen.first_ns);
    struct eg_device_drops drops = eg_device_drops(device);
    assert_int_equal(drops.kernel + drops.interface, 0);
    assert_int_equal(eg_device_arrived(device), 200);
    eg_device_close(device);
}

static void snapped(void **state) {
    (void)state;
    if (!lone) skip();
    struct eg_device *device = opened("lo", "udp port 9", 64);
    datagrams_send(3, 9, 1000);
    struct seen seen = read_all(device, 3);
    assert_int_equal(seen.frames, 3);
    assert_int_equal(seen.bytes, 3 * 64);
    assert_int_equal(seen.length, 3 * 1042);
    eg_device_close(device);
}

/* Every packet of `any` says which interface it came through. */
static void all_interfaces(void **state) {
    (void)state;
    if (!lone) skip();
    struct eg_device *device = opened("any", "udp port 9", 262144);
    datagrams_send(3, 9, 100);
    struct seen seen = read_all(device, 3);
    assert_true(seen.frames >= 3);
    assert_int_equal(seen.link_type, 276);
    assert_string_equal(seen.interface, "lo");
    eg_device_close(device);
}

/* The taker may stop; what it did not take is there at the next call. */
static void a_taker_that_stops(void **state) {
    (void)state;
    if (!lone) skip();
    struct eg_device *device = opened("lo", "udp port 9", 262144);
    datagrams_send(50, 9, 100);
    usleep(300000);
    uint32_t taken, all = 0;
    for (int i = 0; i < 5; i++) {
        struct seen seen = {.max = 7};
        assert_int_equal(eg_device_read(device, 100, take, &seen, &taken, NULL), EG_OK);
        assert_int_equal(taken, 7);
        all += taken;
    }
    struct seen seen = {.max = 100};
    assert_int_equal(eg_device_read(device, 9, take, &seen, &taken, NULL), EG_OK);
    assert_int_equal(taken, 9);
    all += taken;
    seen = read_all(device, 50 - all);
    assert_int_equal(seen.frames + all, 50);
    eg_device_close(device);
}

/* A ring that is too small: what was dropped is told, and nothing is missing in the sum. */
static void drops_are_told(void **state) {
    (void)state;
    if (!lone) skip();
    struct eg_device_options options = usual;
    struct eg_device *device;
    char warning[300];
    options.bpf = "udp port 9";
    options.buffer_bytes = 1 << 20;
    assert_int_equal(eg_device_open(&device, "lo", &options, warning, NULL), EG_OK);
    datagrams_send(3000, 9, 8000);
    struct eg_device_drops drops = eg_device_drops(device);
    assert_true(drops.kernel > 0);
    struct seen seen = read_all(device, UINT32_MAX);
    assert_int_equal(seen.frames + drops.kernel + eg_device_drops(device).kernel, 3000);
    assert_int_equal(eg_device_arrived(device), seen.frames);
    eg_device_close(device);
}

static void refused(void **state) {
    (void)state;
    if (!lone) skip();
    struct eg_device_options options = usual;
    struct eg_device *device;
    struct eg_error err;
    char warning[300];
    assert_int_equal(eg_device_open(&device, "loo", &usual, warning, &err), EG_E_NOENT);
    assert_string_equal(err.message,
                        "there is no interface 'loo' (did you mean 'lo'?); there are: lo, any");
    assert_int_equal(
        eg_device_open(&device, "an-interface-name-that-is-much-too-long", &usual, warning, &err),
        EG_E_NOENT);
    options.bpf = "udp prot 9";
    assert_int_equal(eg_device_open(&device, "lo", &options, warning, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "bpf filter 'udp prot 9': "));
    assert_non_null(strstr(err.message, "syntax error"));
}

static void without_permission(void **state) {
    (void)state;
    if (!lone) skip();
    pid_t pid = fork();
    if (pid == 0) {
        struct eg_device *device;
        struct eg_error err;
        char warning[300];
        if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0) _exit(9);
        if (eg_device_open(&device, "lo", &usual, warning, &err) != EG_E_ACCESS) _exit(1);
        _exit(strstr(err.message, "cap_net_raw") ? 0 : 2);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 9) skip();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Only what the interface dropped since it was opened, also where its counters wrap. */
static void interfaces_drop_too(void **state) {
    (void)state;
    if (!lone) skip();
    told = (struct rtnl_link_stats){.rx_missed_errors = UINT32_MAX - 1, .rx_fifo_errors = 50};
    struct eg_device *device = opened("lo", NULL, 262144), *any = opened("any", NULL, 262144);
    assert_int_equal(eg_device_drops(device).interface, 0);
    told.rx_missed_errors += 5;
    told.rx_fifo_errors += 2;
    told.rx_dropped += 1000; /* of no interest to anybody, not of the ring */
    assert_int_equal(eg_device_drops(device).interface, 7);
    assert_int_equal(eg_device_drops(device).interface, 0);
    assert_int_equal(eg_device_drops(any).interface, 0);
    eg_device_close(device);
    eg_device_close(any);
}

static void counters_wrap(void **state) {
    (void)state;
    struct eg_wide_counter counter = {0};
    assert_int_equal(eg_wide_advance(&counter, 10), 10);
    assert_int_equal(eg_wide_advance(&counter, 10), 0);
    assert_int_equal(eg_wide_advance(&counter, UINT32_MAX), UINT32_MAX - 10);
    assert_int_equal(eg_wide_advance(&counter, 4), 5);
    assert_int_equal(counter.sum, UINT64_C(1) << 32 | 4);
}

static void without_memory(void **state) {
    (void)state;
    if (!lone) skip();
    struct eg_device *device;
    char warning[300];
    torture_fail_after(0);
    enum eg_status status = eg_device_open(&device, "lo", &usual, warning, NULL);
    assert_true(torture_off());
    assert_int_equal(status, EG_E_NOMEM);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come),         cmocka_unit_test(snapped),
        cmocka_unit_test(all_interfaces),      cmocka_unit_test(a_taker_that_stops),
        cmocka_unit_test(drops_are_told),      cmocka_unit_test(refused),
        cmocka_unit_test(without_permission),  cmocka_unit_test(counters_wrap),
        cmocka_unit_test(interfaces_drop_too), cmocka_unit_test(without_memory),
    };
    lone_network();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
