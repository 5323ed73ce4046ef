/* SPDX-License-Identifier: Apache-2.0
 * Passing datagrams on, over loopback: unchanged, in order, under the first sender's
 * address where that is asked for; what cannot be sent is told and stops nothing. */
#include "base/alloc.h"
#include "table/address.h"
#include "table/stage.h"

#include "torture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

extern const struct eg_sink_type eg_sink_udp;

static void last_line(void *to, int level, const char *message) {
    assert_int_equal(level, 4);
    snprintf(to, 400, "%s", message);
}

struct run {
    struct eg_env env;
    char line[400];
    void *options;
    struct eg_sink *sink;
};

static enum eg_status run_open(struct run *run, const char *uri, const char *option,
                               const char *value, struct eg_error *err) {
    memset(run, 0, sizeof *run);
    run->env = eg_env_plain;
    run->env.log = last_line;
    run->env.log_to = run->line;
    run->options = calloc(1, eg_sink_udp.options_size);
    assert_int_equal(eg_options_preset(eg_sink_udp.options, run->options, NULL), EG_OK);
    if (option)
        assert_int_equal(eg_option_set(eg_sink_udp.options, run->options, option, value, NULL),
                         EG_OK);
    return eg_sink_udp.open(&run->env, uri, run->options, &run->sink, err);
}

static void run_end(struct run *run) {
    if (run->sink) eg_sink_udp.close(run->sink);
    free(run->options);
}

/* A socket to receive on, and its port. */
static int receiver(int family, uint16_t *port) {
    int fd = socket(family, SOCK_DGRAM, 0);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (family == AF_INET) memcpy(&address, &v4, sizeof v4);
    socklen_t size = family == AF_INET ? sizeof v4 : sizeof address;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin6_port); /* both families have it in the same place */
    int bytes = 4 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    struct timeval wait = {.tv_usec = 300000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    return fd;
}

/* `rows` datagrams of `size` bytes, numbered from `first` on, of that sender. */
static struct eg_batch *batch_of(uint32_t first, uint32_t rows, size_t size, const char *peer) {
    static uint8_t bytes[4096][1500];
    static uint8_t longer[70000];
    struct eg_builder *b;
    struct eg_batch *batch;
    struct eg_addr address;
    assert_true(eg_addr_parse(&address, peer, strlen(peer)));
    assert_int_equal(
        eg_builder_new(&b, eg_table_get(EG_TABLE_RAW), EG_TABLE_RAW, rows, EG_COLUMNS_ALL, NULL),
        EG_OK);
    for (uint32_t i = 0; i < rows; i++) {
        uint32_t number = first + i;
        uint8_t *at = size > 1500 ? longer : bytes[i];
        memcpy(at, &number, 4);
        eg_put_int(b, EG_COL(RAW, time_ns), 1);
        eg_put_int(b, EG_COL(RAW, length), (int64_t)size);
        eg_put_view(b, EG_COL(RAW, payload), eg_span(at, size));
        eg_put_addr(b, EG_COL(RAW, peer), &address);
        eg_put_int(b, EG_COL(RAW, peer_port), 9999);
        eg_put_int(b, EG_COL(RAW, transport), 17);
        eg_builder_row(b, 1);
    }
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    eg_builder_free(b);
    return batch;
}

static void datagrams_go_as_they_are(void **state) {
    (void)state;
    static const char *const uris[] = {"udp://127.0.0.1:%u", "udp://[::1]:%u",
                                       "udp://localhost:%u/"};
    for (int k = 0; k < 3; k++) {
        uint16_t port;
        int fd = receiver(k == 1 ? AF_INET6 : AF_INET, &port);
        char uri[100];
        snprintf(uri, sizeof uri, uris[k], port);
        struct run run;
        assert_int_equal(run_open(&run, uri, NULL, NULL, NULL), EG_OK);
        struct eg_batch *batch = batch_of(0, 1000, 1464, "192.0.2.1");
        assert_int_equal(eg_sink_udp.write(run.sink, batch, NULL), EG_OK);
        eg_batch_unref(batch);
        assert_int_equal(eg_sink_udp.flush(run.sink, NULL, 0, NULL), EG_OK);
        assert_string_equal(run.line, "");
        for (uint32_t i = 0; k < 2 && i < 1000; i++) { /* a name may mean the other family */
            uint8_t got[2000];
            uint32_t number;
            assert_int_equal(recv(fd, got, sizeof got, 0), 1464);
            memcpy(&number, got, 4);
            assert_int_equal(number, i);
        }
        close(fd);
        run_end(&run);
    }
}

static void what_cannot_be_sent_is_told_once(void **state) {
    (void)state;
    uint16_t port;
    int fd = receiver(AF_INET, &port);
    char uri[100];
    snprintf(uri, sizeof uri, "udp://127.0.0.1:%u", port);
    struct run run;
    assert_int_equal(run_open(&run, uri, NULL, NULL, NULL), EG_OK);
    struct eg_batch *longer = batch_of(0, 3, 65520, "192.0.2.1"),
                    *good = batch_of(5, 2, 100, "::1");
    assert_int_equal(eg_sink_udp.write(run.sink, longer, NULL), EG_OK);
    assert_int_equal(eg_sink_udp.write(run.sink, good, NULL), EG_OK);
    assert_int_equal(eg_sink_udp.flush(run.sink, NULL, 0, NULL), EG_OK);
    assert_non_null(strstr(run.line, "3 datagrams were not passed on (Message too long); 2 were"));
    run.line[0] = 0;
    assert_int_equal(eg_sink_udp.flush(run.sink, NULL, 0, NULL), EG_OK);
    assert_string_equal(run.line, "");
    uint8_t got[200];
    assert_int_equal(recv(fd, got, sizeof got, 0), 100);
    /* Frames of a capture are no datagrams; nobody listens any more: neither stops anything. */
    int32_t *links = eg_calloc(2, sizeof *links);
    assert_non_null(links);
    good->columns[EG_COL(RAW, link_type)].values = links;
    assert_int_equal(eg_sink_udp.write(run.sink, good, NULL), EG_OK);
    assert_int_equal(eg_sink_udp.flush(run.sink, NULL, 0, NULL), EG_OK);
    assert_non_null(strstr(run.line, "2 datagrams were not passed on"));
    eg_batch_unref(longer);
    eg_batch_unref(good);
    close(fd);
    run_end(&run);
}

/* An address where nobody listens (any more). */
static void uri_of_nobody(char uri[100]) {
    uint16_t port;
    close(receiver(AF_INET, &port));
    snprintf(uri, 100, "udp://127.0.0.1:%u", port);
}

static void nobody_there_stops_nothing(void **state) {
    (void)state;
    char uri[100];
    uri_of_nobody(uri);
    struct run run;
    assert_int_equal(run_open(&run, uri, NULL, NULL, NULL), EG_OK);
    struct eg_batch *batch = batch_of(0, 500, 100, "192.0.2.1");
    for (int i = 0; i < 3; i++) assert_int_equal(eg_sink_udp.write(run.sink, batch, NULL), EG_OK);
    eg_batch_unref(batch);
    run_end(&run);
}

static void senders_are_kept(void **state) {
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        uint16_t port;
        int fd = receiver(v6 ? AF_INET6 : AF_INET, &port);
        char uri[100];
        snprintf(uri, sizeof uri, v6 ? "udp://[::1]:%u" : "udp://127.0.0.1:%u", port);
        struct run run;
        struct eg_error err;
        enum eg_status status = run_open(&run, uri, "spoof", "true", &err);
        if (status == EG_E_ACCESS) {
            assert_non_null(strstr(err.message, "CAP_NET_RAW"));
            print_message("skipped: %s\n", err.message);
            run_end(&run);
            close(fd);
            skip();
        }
        assert_int_equal(status, EG_OK);
        struct eg_batch *batch = batch_of(7, 10, 1001, v6 ? "::1" : "127.0.0.9");
        struct eg_batch *other = batch_of(7, 4, 1001, v6 ? "127.0.0.9" : "::1");
        assert_int_equal(eg_sink_udp.write(run.sink, batch, NULL), EG_OK);
        assert_int_equal(eg_sink_udp.write(run.sink, other, NULL), EG_OK);
        for (uint32_t i = 0; i < 10; i++) {
            uint8_t got[2000];
            struct sockaddr_in6 from;
            socklen_t size = sizeof from;
            assert_int_equal(recvfrom(fd, got, sizeof got, 0, (struct sockaddr *)&from, &size),
                             1001);
            assert_int_equal(ntohs(from.sin6_port), 9999);
            if (!v6)
                assert_int_equal(ntohl(((struct sockaddr_in *)&from)->sin_addr.s_addr), 0x7f000009);
        }
        assert_int_equal(eg_sink_udp.flush(run.sink, NULL, 0, NULL), EG_OK);
        assert_non_null(strstr(run.line, "4 datagrams were not passed on (Address family"));
        eg_batch_unref(batch);
        eg_batch_unref(other);
        run_end(&run);
        close(fd);
    }
}

static void the_rate_is_kept(void **state) {
    (void)state;
    uint16_t port;
    int fd = receiver(AF_INET, &port);
    char uri[100];
    snprintf(uri, sizeof uri, "127.0.0.1:%u", port);
    struct run run;
    assert_int_equal(run_open(&run, uri, "rate", "10k", NULL), EG_OK);
    struct eg_batch *batch = batch_of(0, 2000, 100, "192.0.2.1");
    int64_t began = eg_env_plain.now_us(NULL);
    assert_int_equal(eg_sink_udp.write(run.sink, batch, NULL), EG_OK);
    int64_t took = eg_env_plain.now_us(NULL) - began;
    assert_true(took > 150000 && took < 20000000);
    eg_batch_unref(batch);
    run_end(&run);
    close(fd);
}

static void hosts_that_cannot_be_are_told(void **state) {
    (void)state;
    static const char *const uris[] = {"udp://",
                                       "udp://127.0.0.1",
                                       "udp://:2055",
                                       "udp://127.0.0.1:",
                                       "udp://127.0.0.1:x",
                                       "udp://::1:2055",
                                       "udp://[::1]",
                                       "udp://[::1:2055",
                                       "udp://127.0.0.1:1,",
                                       "udp://127.0.0.1:1,x",
                                       "udp://127.0.0.1:99999"};
    for (size_t i = 0; i < sizeof uris / sizeof *uris; i++) {
        struct run run;
        struct eg_error err;
        if (run_open(&run, uris[i], NULL, NULL, &err) != EG_E_USAGE) fail_msg("%s", uris[i]);
        run_end(&run);
    }
}

/* Nobody listens there: the system says so of the datagram before. */
static void refusals_are_counted(void **state) {
    (void)state;
    char uri[100];
    uri_of_nobody(uri);
    struct run run;
    assert_int_equal(run_open(&run, uri, NULL, NULL, NULL), EG_OK);
    for (uint32_t i = 0; i < 5; i++) {
        struct eg_batch *batch = batch_of(i, 1, 100, "192.0.2.1");
        assert_int_equal(eg_sink_udp.write(run.sink, batch, NULL), EG_OK);
        eg_batch_unref(batch);
    }
    assert_int_equal(eg_sink_udp.flush(run.sink, NULL, 0, NULL), EG_OK);
    struct eg_tally tally = {0};
    eg_sink_udp.losses(run.sink, &tally);
    assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_not_passed_on).packets, 5);
    eg_tally_reset(&tally);
    run_end(&run);
}

static void lack_of_memory_is_told(void **state) {
    (void)state;
    struct run run;
    assert_int_equal(run_open(&run, "udp://127.0.0.1:1", NULL, NULL, NULL), EG_OK);
    struct eg_sink *second;
    torture_fail_after(0);
    assert_int_equal(eg_sink_udp.open(&run.env, "udp://127.0.0.1:1", run.options, &second, NULL),
                     EG_E_NOMEM);
    assert_true(torture_off());
    run_end(&run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagrams_go_as_they_are),
        cmocka_unit_test(what_cannot_be_sent_is_told_once),
        cmocka_unit_test(nobody_there_stops_nothing),
        cmocka_unit_test(senders_are_kept),
        cmocka_unit_test(the_rate_is_kept),
        cmocka_unit_test(hosts_that_cannot_be_are_told),
        cmocka_unit_test(lack_of_memory_is_told),
        cmocka_unit_test(refusals_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
