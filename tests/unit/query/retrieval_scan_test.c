/* SPDX-License-Identifier: Apache-2.0
 * Packets by reading: the same in the same order with any number of threads and any units; the first so
 * many; what is cut gives what was whole. */
#include "few_packets.h"

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
        cmocka_unit_test_setup_teardown(cut, setup, teardown),
        cmocka_unit_test_setup_teardown(failures_stop_all, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
