/* SPDX-License-Identifier: Apache-2.0
 * Packets by reading: the same in the same order with any number of threads and any units; the first so
 * many; what is cut gives what was whole. */
#include "few_packets.h"
#include "make_seqfile.h"

#define COUNT 2000u
static char one[] = "/tmp/earlgrey-scan1-XXXXXX", two[] = "/tmp/earlgrey-scan2-XXXXXX";
static const char *const paths[] = {one, two};

static int setup(void **state) {
    (void)state;
    static struct few_packet packets[COUNT];
    for (uint32_t i = 0; i < COUNT; i++)
        packets[i] =
            (struct few_packet){i * 10, (uint8_t)(i % 100), 9, 1000, (uint16_t)(i % 7), (uint16_t)i,
                                0,      (uint8_t)(i % 90)};
    memcpy(one, "/tmp/earlgrey-scan1-XXXXXX", sizeof one);
    memcpy(two, "/tmp/earlgrey-scan2-XXXXXX", sizeof two);
    few_capture(one, packets, COUNT);
    few_capture(two, packets, 5);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    unlink(one);
    unlink(two);
    return 0;
}

static struct few_found scan(const struct eg_packets_request *request, uint32_t threads,
                             uint64_t unit_bytes, uint64_t count_max,
                             struct eg_retrieved *account) {
    struct few_found found = {.paths = paths};
    struct eg_env env = eg_env_plain;
    struct eg_error err;
    env.unit_bytes = unit_bytes;
    struct eg_retrieval how = {.packets = request,
                               .count_max = count_max,
                               .threads = threads,
                               .put = few_put,
                               .put_to = &found};
    if (eg_retrieve_scan(&env, &how, account, &err) < 0) fail_msg("%s", err.message);
    return found;
}

static void in_order(void **state) {
    (void)state;
    struct eg_filter *filter;
    struct eg_packets_request request = few_request(paths, 2, &filter, "dst port 3");
    struct eg_retrieved account = {0};
    struct few_found want = scan(&request, 1, 0, 0, &account);
    assert_int_equal(want.count, 286 + 1);
    assert_int_equal(account.frames, COUNT + 5);
    assert_int_equal(account.capture_count, 2);
    assert_int_equal(account.captures[1].found, 1);
    eg_retrieved_reset(&account);
    for (uint32_t threads = 1; threads <= 4; threads++)
        for (uint64_t unit = 500; unit < 100000; unit *= 13) {
            struct few_found found = scan(&request, threads, unit, 0, &account);
            assert_string_equal(found.text.text, want.text.text);
            assert_int_equal(account.frames, COUNT + 5);
            eg_strbuf_reset(&found.text);
            eg_retrieved_reset(&account);
            found = scan(&request, threads, unit, 10, &account);
            assert_int_equal(found.count, 10);
            assert_memory_equal(found.text.text, want.text.text, found.text.size);
            eg_strbuf_reset(&found.text);
            eg_retrieved_reset(&account);
        }
    eg_strbuf_reset(&want.text);
    eg_filter_free(filter);
}

static void cut(void **state) {
    (void)state;
    struct eg_filter *filter;
    struct eg_packets_request request = few_request(paths, 2, &filter, NULL);
    struct eg_retrieved account = {0};
    assert_int_equal(truncate(one, 24 + 58 + 59 + 20), 0);
    struct few_found found = scan(&request, 2, 0, 0, &account);
    assert_int_equal(found.count, 2 + 5); /* and the next capture is read */
    assert_non_null(strstr(account.trouble, "is cut"));
    eg_strbuf_reset(&found.text);
    eg_retrieved_reset(&account);
}

/* So much that threads share it: the packets come in the order of the capture all the same. */
static void in_order_of_threads(void **state) {
    (void)state;
    enum { MANY = 30000 };
    struct few_packet *packets = calloc(MANY, sizeof *packets);
    for (uint32_t i = 0; i < MANY; i++)
        packets[i] =
            (struct few_packet){i * 10, 1, 9, 1000, (uint16_t)(i % 7), (uint16_t)i, 0, 250};
    static char path[] = "/tmp/earlgrey-scan3-XXXXXX";
    few_capture(path, packets, MANY);
    const char *const large[] = {path, two};
    struct eg_filter *filter;
    struct eg_packets_request request = few_request(large, 2, &filter, "dst port 3");
    for (uint32_t threads = 1; threads <= 4; threads += 3) {
        struct few_found found = {.paths = large};
        struct eg_env env = eg_env_plain;
        struct eg_retrieved account = {0};
        struct eg_error err;
        env.unit_bytes = 20000;
        struct eg_retrieval how = {
            .packets = &request, .threads = threads, .put = few_put, .put_to = &found};
        if (eg_retrieve_scan(&env, &how, &account, &err) < 0) fail_msg("%s", err.message);
        char line[64], *at = found.text.text;
        for (uint32_t i = 3; i < MANY; i += 7) {
            int size = snprintf(line, sizeof line, "0 %u %u 292\n", 24 + i * 308, i * 10);
            if (strncmp(at, line, (size_t)size) != 0) fail_msg("%.40s: not %s", at, line);
            at += size;
        }
        assert_true(*at == '1');
        assert_int_equal(account.frames, MANY + 5);
        eg_strbuf_reset(&found.text);
        eg_retrieved_reset(&account);
    }
    unlink(path);
    free(packets);
    eg_filter_free(filter);
}

/* A sequence file of `count` packets; every `each`-th record holds none. */
static void damaged_write(char *path, uint32_t count, uint32_t each) {
    struct made m = {0}, none = {0};
    seq_head(&m, SEQ_LONG, NULL, false);
    made_u32(&none, 0);
    for (uint32_t i = 0; i < count; i++) {
        struct made value = {0};
        seq_packet(&value, i % 50);
        if (i % 100 == 99) seq_mark_put(&m);
        seq_record(&m, SEQ_T0 + i * INT64_C(1000), i % each ? &value : &none, false);
        made_free(&value);
    }
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, m.bytes, m.size), m.size);
    close(fd);
    made_free(&m);
    made_free(&none);
}

/* Records that hold no packet are passed over, counted for each capture, and the first capture that has
 * some is told of; whoever reads them. */
static void damaged(void **state) {
    (void)state;
    static char few[] = "/tmp/earlgrey-scan4-XXXXXX", more[] = "/tmp/earlgrey-scan5-XXXXXX";
    damaged_write(few, 300, 100);
    damaged_write(more, 80000, 500); /* of more than one thread */
    for (int order = 0; order < 3; order++) {
        const char *const captures[] = {order == 0 ? two : order == 1 ? few : more, few, more};
        struct eg_filter *filter;
        struct eg_packets_request request =
            few_request(captures + (order == 2 ? 2 : 0), order == 2 ? 1 : 3, &filter, "dst port 3");
        struct few_found found = {.paths = captures};
        struct eg_env env = eg_env_plain;
        struct eg_retrieved account = {0};
        struct eg_error err;
        char want[200];
        env.unit_bytes = 20000;
        struct eg_retrieval how = {
            .packets = &request, .threads = 4, .put = few_put, .put_to = &found};
        if (eg_retrieve_scan(&env, &how, &account, &err) < 0) fail_msg("%s", err.message);
        snprintf(want, sizeof want,
                 "%s is damaged at byte 95: an empty value, and in %d more places; what could not "
                 "be read was passed over",
                 order == 2 ? more : few, order == 2 ? 159 : 2);
        assert_string_equal(account.trouble, want);
        eg_strbuf_reset(&found.text);
        eg_retrieved_reset(&account);
        eg_filter_free(filter);
    }
    /* what was counted of one capture is not another's */
    const char *const captures[] = {few, two};
    struct eg_filter *filter;
    struct eg_packets_request request = few_request(captures, 1, &filter, NULL);
    struct few_found found = {.paths = captures};
    struct eg_retrieved account = {0};
    struct eg_retrieval how = {.packets = &request, .put = few_put, .put_to = &found};
    for (int round = 0; round < 2; round++) {
        assert_int_equal(eg_retrieve_scan(&eg_env_plain, &how, &account, NULL), EG_OK);
        if (!round) assert_non_null(strstr(account.trouble, ", and in 2 more places"));
        if (round) assert_string_equal(account.trouble, "");
        eg_retrieved_reset(&account);
        request.origin.captures = captures + 1;
    }
    eg_strbuf_reset(&found.text);
    unlink(few);
    unlink(more);
}

static enum eg_status put_fails(void *to, const struct eg_found *found, struct eg_error *err) {
    unsigned *left = to;
    (void)found;
    return (*left)-- ? EG_OK : eg_fail(err, EG_E_NOSPACE, "full");
}

static void failures_stop_all(void **state) {
    (void)state;
    struct eg_filter *filter;
    struct eg_packets_request request = few_request(paths, 2, &filter, NULL);
    struct eg_retrieved account = {0};
    struct eg_error err;
    struct eg_env env = eg_env_plain;
    env.unit_bytes = 1000;
    for (unsigned after = 0; after < 1000; after += 111) {
        unsigned left = after;
        struct eg_retrieval how = {
            .packets = &request, .threads = 3, .put = put_fails, .put_to = &left};
        assert_int_equal(eg_retrieve_scan(&env, &how, &account, &err), EG_E_NOSPACE);
        assert_string_equal(err.message, "full");
        assert_int_equal(account.found, after + 1);
        eg_retrieved_reset(&account);
    }
    const char *const gone[] = {"/nowhere/x.pcap"};
    request.origin.captures = gone;
    request.origin.capture_count = 1;
    struct eg_retrieval how = {.packets = &request, .put = put_fails};
    assert_int_equal(eg_retrieve_scan(&env, &how, &account, &err), EG_E_NOENT);
    atomic_bool cancel = true;
    env.cancel = &cancel;
    unsigned many = 100000;
    request.origin.captures = paths;
    how.put_to = &many;
    assert_int_equal(eg_retrieve_scan(&env, &how, &account, &err), EG_E_CANCELLED);
    eg_retrieved_reset(&account);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(in_order_of_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(cut, setup, teardown),
        cmocka_unit_test_setup_teardown(failures_stop_all, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
