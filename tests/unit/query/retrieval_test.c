/* SPDX-License-Identifier: Apache-2.0
 * Packets by an index: in the order of time over several captures, just their bytes; a capture that was
 * changed or went away is told. */
#include "few_packets.h"

#include <fcntl.h>

#define EACH 100u
static char one[] = "/tmp/earlgrey-retr1-XXXXXX", two[] = "/tmp/earlgrey-retr2-XXXXXX";
static const char *const paths[] = {one, two};

static int setup(void **state) {
    (void)state;
    struct few_packet packets[2][EACH];
    for (uint32_t i = 0; i < EACH; i++)
        for (uint32_t k = 0; k < 2; k++)
            packets[k][i] = (struct few_packet){2000 * i + 1000 * k, (uint8_t)(1 + k), 9, 1000,
                                                (uint16_t)(i % 10),  (uint16_t)i,      0, 20};
    memcpy(one, "/tmp/earlgrey-retr1-XXXXXX", sizeof one);
    memcpy(two, "/tmp/earlgrey-retr2-XXXXXX", sizeof two);
    few_capture(one, packets[0], EACH);
    few_capture(two, packets[1], EACH);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    unlink(one);
    unlink(two);
    return 0;
}

static enum eg_status retrieve(const struct eg_packets_request *request, struct few_found *found,
                               uint64_t count_max, struct eg_retrieved *account,
                               struct eg_error *err) {
    struct eg_engine *engine;
    struct eg_engine_options options = {0};
    assert_int_equal(eg_engine_open(&engine, &eg_env_plain, &options, err), EG_OK);
    assert_int_equal(eg_engine_run(engine, EG_SQL_MACROS, err), EG_OK);
    struct eg_retrieval how = {
        .packets = request, .count_max = count_max, .put = few_put, .put_to = found};
    enum eg_status status = eg_retrieve(engine, &eg_env_plain, &how, account, err);
    eg_engine_close(engine);
    return status;
}

static void merged_in_time(void **state) {
    (void)state;
    struct eg_filter *filter;
    struct eg_packets_request request = few_request(paths, 2, &filter, "dst port 3");
    struct few_found found = {.paths = paths};
    struct eg_retrieved account = {0};
    struct eg_strbuf want = {0};
    struct eg_error err;
    for (uint32_t i = 3; i < EACH; i += 10)
        for (uint32_t k = 0; k < 2; k++)
            eg_strbuf_printf(&want, "%u %u %u 62\n", k, 24 + i * 78, 2000 * i + 1000 * k);
    if (retrieve(&request, &found, 0, &account, &err) < 0) fail_msg("%s", err.message);
    assert_string_equal(found.text.text, want.text);
    assert_int_equal(account.rows, 20);
    assert_int_equal(account.frames, 20);
    assert_int_equal(account.found, 20);
    assert_int_equal(account.capture_count, 2);
    assert_int_equal(account.captures[0].found, 10);
    assert_int_equal(account.bytes, account.captures[0].bytes + account.captures[1].bytes);
    eg_retrieved_reset(&account);
    eg_strbuf_clear(&found.text);
    eg_filter_free(filter);

    request = few_request(paths, 2, &filter, NULL);
    assert_int_equal(retrieve(&request, &found, 3, &account, &err), EG_OK);
    assert_string_equal(found.text.text, "0 24 0 62\n1 24 1000 62\n0 102 2000 62\n");
    eg_retrieved_reset(&account);
    eg_strbuf_clear(&found.text);
    found.enough = found.count + 1; /* who puts has enough */
    assert_int_equal(retrieve(&request, &found, 0, &account, &err), EG_OK);
    assert_string_equal(found.text.text, "0 24 0 62\n");
    eg_retrieved_reset(&account);
    eg_strbuf_reset(&found.text);
    eg_strbuf_reset(&want);
}

/* Captures have no index to look into. */
static void not_looked_up(void **state) {
    (void)state;
    struct eg_filter *filter;
    struct eg_packets_request request = few_request(paths, 2, &filter, "host 10.0.0.1");
    struct few_found found = {.paths = paths};
    struct eg_retrieval how = {.packets = &request, .put = few_put, .put_to = &found};
    struct eg_retrieved account = {0};
    struct eg_error err;
    assert_int_equal(eg_retrieve_few(&eg_env_plain, &how, &account, &err), EG_END);
    assert_int_equal(found.count, 0);
    eg_filter_free(filter);
}

/* An index by itself, as a dataset keeps it, of a capture that is not that one any more. */
static void expect_failure(const char *rows, enum eg_status status, const char *text) {
    struct eg_filter *filter;
    struct eg_packets_request request = few_request(paths, 2, &filter, NULL);
    struct few_found found = {.paths = paths};
    struct eg_retrieved account = {0};
    struct eg_error err;
    request.condition = rows;
    assert_int_equal(retrieve(&request, &found, 0, &account, &err), status);
    if (!strstr(err.message, text)) fail_msg("%s: not in %s", text, err.message);
    eg_retrieved_reset(&account);
    eg_strbuf_reset(&found.text);
}

static void interrupted(void **state) {
    (void)state;
    struct eg_filter *filter;
    struct eg_packets_request request = few_request(paths, 2, &filter, NULL);
    expect_failure("no_such_column", EG_E_USAGE, "no_such_column");
    const char *const gone[] = {one, "/nowhere/x.pcap"};
    request.origin.captures = gone;
    struct few_found found = {.paths = gone};
    struct eg_retrieved account = {0};
    struct eg_error err;
    assert_int_equal(retrieve(&request, &found, 0, &account, &err), EG_E_NOENT);
    assert_non_null(strstr(err.message, "/nowhere/x.pcap"));
    eg_retrieved_reset(&account);
    eg_strbuf_reset(&found.text);
}

/* More captures than may be open at once: the one that was not used for the longest is closed, and opened
 * again where it is needed again. The first is needed all the time. */
static void many_captures(void **state) {
    (void)state;
    enum { MANY = 70, ROUNDS = 3 };
    static char names[MANY][40];
    static struct few_packet packets[2 * MANY * ROUNDS];
    const char *many[MANY];
    struct eg_strbuf want = {0};
    uint32_t counts[MANY] = {0}, step = 0;
    for (uint32_t k = 0; k < MANY; k++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < MANY * ROUNDS; i++) {
            bool first = k == 0, own = i % MANY == k;
            if (first) packets[count++] = (struct few_packet){2000 * i, 1, 9, 1000, 3, 7, 0, 20};
            if (own)
                packets[count++] = (struct few_packet){2000 * i + 1000, 1, 9, 1000, 3, 7, 0, 20};
        }
        snprintf(names[k], sizeof names[k], "/tmp/earlgrey-many-XXXXXX");
        few_capture(names[k], packets, count);
        many[k] = names[k];
    }
    for (uint32_t i = 0; i < MANY * ROUNDS; i++) {
        const uint32_t of[] = {0, i % MANY};
        for (uint32_t n = 0; n < 2; n++, step++)
            eg_strbuf_printf(&want, "%u %u %u 62\n", of[n], 24 + counts[of[n]]++ * 78,
                             2000 * i + 1000 * n);
    }
    struct eg_filter *filter;
    struct eg_packets_request request = few_request(many, MANY, &filter, NULL);
    struct few_found found = {.paths = many};
    struct eg_retrieved account = {0};
    struct eg_error err;
    int before = dup(0);
    close(before);
    if (retrieve(&request, &found, 0, &account, &err) < 0) fail_msg("%s", err.message);
    assert_string_equal(found.text.text, want.text);
    assert_int_equal(account.found, step);
    assert_int_equal(account.capture_count, MANY);
    uint64_t bytes = 0;
    for (uint32_t k = 0; k < MANY; k++) bytes += account.captures[k].bytes;
    assert_string_equal(account.captures[0].name, names[0]);
    assert_true(account.captures[0].bytes <= 4096 + 24 + 78 * counts[0]); /* opened once */
    assert_int_equal(bytes, account.bytes);
    int after = dup(0); /* nothing of them stays open */
    close(after);
    assert_int_equal(after, before);
    for (uint32_t k = 0; k < MANY; k++) unlink(names[k]);
    eg_retrieved_reset(&account);
    eg_strbuf_reset(&found.text);
    eg_strbuf_reset(&want);
}

/* A capture of packets of 62 bytes, to the nanosecond. When the first is put, a number of a later one is
 * changed in it. */
struct changing {
    char path[40];
    long at;
    uint32_t by, count;
};

static enum eg_status put_changes(void *to, const struct eg_found *found, struct eg_error *err) {
    struct changing *c = to;
    uint32_t number = 0;
    (void)found, (void)err;
    if (c->count++ || !c->by) return EG_OK;
    int fd = open(c->path, O_RDWR);
    assert_int_equal(pread(fd, &number, 4, c->at), 4);
    number += c->by;
    assert_int_equal(pwrite(fd, &number, 4, c->at), 4);
    close(fd);
    return EG_OK;
}

/* What stands at the place is only given out when it is the packet of the row: of its time, to the
 * nanosecond, and of its length. */
static void changed_meanwhile(void **state) {
    (void)state;
    static const struct {
        uint32_t at, by;
    } changes[] = {{0, 0}, {0, 1}, {4, 1}, {4, 1000}, {8, UINT32_MAX}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct changing c = {.path = "/tmp/earlgrey-meanwhile-XXXXXX",
                             .at = 24 + 190 * 78 + changes[i].at,
                             .by = changes[i].by};
        struct made m = {0};
        const struct few_packet packet = {0, 1, 9, 1000, 3, 7, 0, 20};
        uint8_t frame[400];
        uint32_t size = few_frame(&packet, frame);
        made_pcap_head(&m, 0xa1b23c4d, 65535, 1);
        for (uint32_t k = 0; k < 200; k++)
            made_record(&m, FEW_START, 1000 * k + 7, size, size, frame);
        int fd = mkstemp(c.path);
        assert_int_equal(write(fd, m.bytes, m.size), m.size);
        close(fd);
        made_free(&m);
        const char *const one_path[] = {c.path};
        struct eg_filter *filter;
        struct eg_packets_request request = few_request(one_path, 1, &filter, NULL);
        struct eg_engine *engine;
        struct eg_engine_options options = {0};
        struct eg_retrieval how = {.packets = &request, .put = put_changes, .put_to = &c};
        struct eg_retrieved account = {0};
        struct eg_error err = {0};
        assert_int_equal(eg_engine_open(&engine, &eg_env_plain, &options, &err), EG_OK);
        assert_int_equal(eg_engine_run(engine, EG_SQL_MACROS, &err), EG_OK);
        enum eg_status status = eg_retrieve(engine, &eg_env_plain, &how, &account, &err);
        assert_int_equal(status, i ? EG_E_FORMAT : EG_OK);
        if (i) assert_non_null(strstr(err.message, "is not the one that was indexed"));
        assert_int_equal(c.count, i ? 190 : 200);
        eg_engine_close(engine);
        eg_retrieved_reset(&account);
        unlink(c.path);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(merged_in_time, setup, teardown),
        cmocka_unit_test_setup_teardown(not_looked_up, setup, teardown),
        cmocka_unit_test_setup_teardown(interrupted, setup, teardown),
        cmocka_unit_test(many_captures),
        cmocka_unit_test(changed_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
