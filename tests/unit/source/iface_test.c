/* SPDX-License-Identifier: Apache-2.0
 * The `iface` source: batches, EG_AGAIN, draining, counters, users. In a network of the test's own. */
#include "table/stage.h"

#include "base/privileges.h"
#include "source/iface.h"
#include "source/lone_network.h"
#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

static atomic_bool draining, cancelled;
static char logged[4096];
static void keep_log(void *to, int level, const char *message) {
    (void)to;
    size_t at = strlen(logged);
    snprintf(logged + at, sizeof logged - at, "<%d>%s\n", level, message);
}

static struct eg_env env;
static int setup(void **state) {
    (void)state;
    env = eg_env_plain;
    env.drain = &draining;
    env.cancel = &cancelled;
    env.log = keep_log;
    atomic_store(&draining, false);
    atomic_store(&cancelled, false);
    logged[0] = 0;
    return 0;
}

static enum eg_status open_with(struct eg_source **source, const char *uri, const char *name,
                                const char *value, struct eg_error *err) {
    void *options = calloc(1, eg_source_iface.options_size);
    assert_int_equal(eg_options_preset(eg_source_iface.options, options, err), EG_OK);
    if (!name || strcmp(name, "bpf") != 0)
        assert_int_equal(eg_option_set(eg_source_iface.options, options, "bpf", "udp port 9", err),
                         EG_OK);
    if (name)
        assert_int_equal(eg_option_set(eg_source_iface.options, options, name, value, err), EG_OK);
    enum eg_status status = eg_source_iface.open(&env, uri, options, source, err);
    eg_options_reset(eg_source_iface.options, options);
    free(options);
    return status;
}

static struct eg_source *opened(const char *uri) {
    struct eg_source *source;
    struct eg_error err;
    if (open_with(&source, uri, "bpf", "udp port 9", &err) != EG_OK) fail_msg("%s", err.message);
    struct eg_plan plan;
    assert_int_equal(eg_source_iface.plan(source, NULL, 0, &plan, NULL), EG_OK);
    assert_true(plan.live);
    assert_true(plan.units == EG_UNITS_STREAM && plan.key[0] == 0);
    assert_true(plan.bytes_read && *plan.bytes_read == 0);
    return source;
}

/* Calls next() until it answers something else than rows or (with `until`) that many rows came. */
static enum eg_status read_rows(struct eg_source *source, uint64_t until, uint64_t *rows,
                                struct eg_tally *tally, struct eg_error *err) {
    for (uint64_t unit = 0;; unit++) {
        struct eg_batch *batch;
        enum eg_status status = eg_source_iface.next(source, unit, &batch, tally, err);
        if (status != EG_OK) {
            if (status == EG_AGAIN && until && *rows < until && unit < 50) continue;
            return status;
        }
        assert_int_equal(batch->unit, unit);
        assert_in_range(batch->rows, 1, env.batch_rows);
        for (uint32_t i = 0; i < batch->rows; i++) {
            struct eg_span name = eg_col_text(&batch->columns[EG_COL(RAW, interface)], i);
            struct eg_span bytes = eg_col_view(&batch->columns[EG_COL(RAW, payload)])[i];
            assert_int_equal(name.size, 2);
            assert_memory_equal(name.at, "lo", 2);
            assert_int_equal(eg_col_int(&batch->columns[EG_COL(RAW, length)], i), bytes.size);
            assert_int_equal(eg_u8(bytes, 42), 0x55);
        }
        *rows += batch->rows;
        eg_batch_unref(batch);
        if (until && *rows >= until) return EG_OK;
    }
}

static void rows_come_and_stop(void **state) {
    (void)state;
    if (!lone) skip();
    struct eg_source *source = opened("iface:lo");
    struct eg_tally tally = {0};
    struct eg_batch *batch;
    struct eg_position position;
    uint64_t rows = 0;
    int64_t before = env.now_us(NULL);
    assert_int_equal(eg_source_iface.next(source, 0, &batch, &tally, NULL), EG_AGAIN);
    assert_in_range(env.now_us(NULL) - before, 50000, 400000);
    datagrams_send(1000, 9, 100);
    assert_int_equal(read_rows(source, 1000, &rows, &tally, NULL), EG_OK);
    assert_int_equal(rows, 1000);
    assert_int_equal(eg_source_iface.position(source, 0, &position, NULL), EG_OK);
    assert_int_equal(position.offset, 1000);
    assert_string_equal(position.key, "");
    assert_string_equal(position.name, "iface:lo");
    assert_int_equal(tally.count, 0);
    eg_source_iface.close(source);
}

/* What had arrived is given out, then it ends, although packets go on coming. */
static void drains(void **state) {
    (void)state;
    if (!lone) skip();
    env.batch_rows = 7;
    struct eg_source *source = opened("iface:lo,lo");
    struct eg_tally tally = {0};
    uint64_t rows = 0;
    datagrams_send(100, 9, 100);
    atomic_store(&draining, true);
    struct eg_batch *batch;
    enum eg_status status;
    while ((status = eg_source_iface.next(source, 0, &batch, &tally, NULL)) != EG_END) {
        assert_true(status == EG_OK || status == EG_AGAIN);
        if (status == EG_OK) rows += batch->rows;
        if (status == EG_OK) eg_batch_unref(batch);
        datagrams_send(1, 9, 100);
    }
    assert_in_range(rows, 200, 260); /* both handles saw all of them */
    eg_source_iface.close(source);
}

/* The kernel hands packets over 100 ms late; that it was quiet before they came ends nothing. */
static void drains_after_a_quiet_time(void **state) {
    (void)state;
    if (!lone) skip();
    struct eg_source *source = opened("iface:lo");
    struct eg_tally tally = {0};
    struct eg_batch *batch;
    uint64_t rows = 0;
    for (int i = 0; i < 5; i++)
        assert_int_equal(eg_source_iface.next(source, 0, &batch, &tally, NULL), EG_AGAIN);
    datagrams_send(100, 9, 100);
    atomic_store(&draining, true);
    assert_int_equal(read_rows(source, 100, &rows, &tally, NULL), EG_OK);
    assert_int_equal(rows, 100);
    assert_int_equal(tally.count, 0);
    eg_source_iface.close(source);
}

static int64_t ahead_us;
static int64_t clock_ahead(void *clock) { return eg_env_plain.now_us(clock) + ahead_us; }

/* A sink too slow for what waits in the ring: the rest is counted. */
static void what_draining_leaves_is_counted(void **state) {
    (void)state;
    if (!lone) skip();
    struct eg_source *source;
    struct eg_tally tally = {0};
    struct eg_batch *batch;
    struct eg_error err;
    ahead_us = 0;
    env.now_us = clock_ahead;
    env.batch_rows = 7;
    assert_int_equal(open_with(&source, "iface:lo", "bpf", "", &err), EG_OK);
    datagrams_send(100, 9, 100);
    atomic_store(&draining, true);
    enum eg_status status;
    while ((status = eg_source_iface.next(source, 0, &batch, &tally, NULL)) == EG_AGAIN) continue;
    assert_int_equal(status, EG_OK);
    assert_int_equal(batch->rows, 7);
    eg_batch_unref(batch);
    assert_int_equal(tally.count, 0);
    ahead_us = 3000000;
    assert_int_equal(eg_source_iface.next(source, 0, &batch, &tally, NULL), EG_END);
    assert_int_equal(tally.count, 1);
    assert_int_equal(tally.entries[0].cause, EG_CAUSE_capture_drop);
    assert_in_range(tally.entries[0].packets, 93, 193); /* and what was said of the closed port */
    eg_tally_reset(&tally);
    eg_source_iface.close(source);
}

static void cancelled_at_once(void **state) {
    (void)state;
    if (!lone) skip();
    struct eg_source *source = opened("iface:lo");
    struct eg_tally tally = {0};
    struct eg_batch *batch;
    atomic_store(&cancelled, true);
    assert_int_equal(eg_source_iface.next(source, 0, &batch, &tally, NULL), EG_E_CANCELLED);
    eg_source_iface.close(source);
}

static void drops_are_counted(void **state) {
    (void)state;
    if (!lone) skip();
    struct eg_source *source;
    struct eg_tally tally = {0};
    struct eg_error err;
    uint64_t rows = 0;
    assert_int_equal(open_with(&source, "iface:lo", "buffer", "1Mi", &err), EG_OK);
    datagrams_send(3000, 9, 8000);
    atomic_store(&draining, true);
    enum eg_status status;
    do status = read_rows(source, 0, &rows, &tally, &err);
    while (status == EG_AGAIN);
    assert_int_equal(status, EG_END);
    struct eg_tally_entry dropped = eg_tally_sum(&tally, EG_CAUSE_capture_drop);
    assert_true(dropped.packets > 0 && rows > 0);
    assert_int_equal(rows + (uint64_t)dropped.packets, 3000);
    assert_string_equal(tally.entries[0].source, "packet");
    eg_tally_reset(&tally);
    eg_source_iface.close(source);
}

static void goes_down_and_up(void **state) {
    (void)state;
    if (!lone) skip();
    struct eg_source *source = opened("iface:lo");
    struct eg_tally tally = {0};
    struct eg_batch *batch;
    uint64_t rows = 0;
    assert_true(loopback_set(false));
    for (int i = 0; i < 3; i++)
        assert_int_equal(eg_source_iface.next(source, 0, &batch, &tally, NULL), EG_AGAIN);
    assert_non_null(strstr(logged, "<4>the interface lo went down"));
    assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_interface_down).records, 1);
    assert_true(loopback_set(true));
    datagrams_send(5, 9, 100);
    assert_int_equal(read_rows(source, 5, &rows, &tally, NULL), EG_OK);
    eg_tally_reset(&tally);
    eg_source_iface.close(source);
}

static struct eg_source *opened_again(struct eg_iface_memory *memory, const char *bpf) {
    struct eg_iface_options options = {
        .bpf = bpf, .buffer = 8 << 20, .snaplen = 1000, .memory = memory};
    struct eg_source *source;
    struct eg_error err;
    if (eg_source_iface.open(&env, "iface:lo", &options, &source, &err) != EG_OK)
        fail_msg("%s", err.message);
    return source;
}

/* What a source had read and nobody stored, and what passed before the next one was there, is told by
 * that one, again and again until it is durable. */
static void opened_in_place_of_another(void **state) {
    (void)state;
    if (!lone) skip();
    for (int filtered = 0; filtered < 2; filtered++) {
        const char *bpf = filtered ? "udp port 9" : NULL;
        struct eg_iface_memory memory = {0};
        struct eg_tally tally = {0};
        struct eg_position position;
        uint64_t rows = 0;
        /* datagrams to port 9 are answered by ICMP, which a filter does not see */
        const uint64_t each = filtered ? 1 : 2;
        for (int life = 0; life < 3; life++) {
            struct eg_source *source = opened_again(&memory, bpf);
            struct eg_batch *batch = NULL;
            while (eg_source_iface.next(source, 0, &batch, &tally, NULL) == EG_OK)
                eg_batch_unref(batch);
            datagrams_send(10, 9, 100);
            for (rows = 0; rows < 10 * each;) {
                if (eg_source_iface.next(source, 0, &batch, &tally, NULL) != EG_OK) continue;
                rows += batch->rows;
                eg_batch_unref(batch);
            }
            assert_int_equal(eg_source_iface.position(source, 0, &position, NULL), EG_OK);
            if (life != 1) assert_int_equal(eg_source_iface.commit(source, &position, NULL), EG_OK);
            if (life == 0) datagrams_send(5, 9, 100); /* in the ring, read by nobody */
            struct eg_tally_entry told = eg_tally_sum(&tally, EG_CAUSE_interface_reopened);
            assert_int_equal(told.records, life > 0);
            if (life == 1) assert_int_equal(told.packets, filtered ? 5 : 2 * (5 + 7));
            if (life == 2) assert_int_equal(told.packets, filtered ? 5 + 10 : 2 * (5 + 7 + 10));
            eg_tally_reset(&tally);
            eg_source_iface.close(source);
            if (life == 0) datagrams_send(7, 9, 100); /* seen by nobody */
        }
        assert_int_equal(memory.owed, 0);
    }
}

static void refused(void **state) {
    (void)state;
    if (!lone) skip();
    struct eg_source *source;
    struct eg_error err;
    const char *bad[] = {"iface:", "iface:lo,", "iface:,lo"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(open_with(&source, bad[i], NULL, NULL, &err), EG_E_USAGE);
        assert_non_null(strstr(err.message, "names no interface"));
    }
    assert_int_equal(open_with(&source, "iface:lo,eth9", NULL, NULL, &err), EG_E_NOENT);
    assert_int_equal(open_with(&source, "iface:lo", "bpf", "nonsense here", &err), EG_E_USAGE);
    char many[200] = "iface:lo";
    for (int i = 0; i < 16; i++) snprintf(many + strlen(many), 8, ",lo");
    assert_int_equal(open_with(&source, many, NULL, NULL, &err), EG_E_USAGE);
}

/* For good, so in a process of its own. */
static int as_nobody(void) {
    struct eg_source *source;
    struct eg_error err;
    struct eg_tally tally = {0};
    uint64_t rows = 0;
    if (open_with(&source, "iface:lo", "user", "nobody", &err) != EG_OK) return 1;
    if (geteuid() == 0 || setuid(0) == 0) return 2;
    if (!strstr(logged, "<6>from here on this is the user nobody")) return 3;
    datagrams_send(10, 9, 100);
    if (read_rows(source, 10, &rows, &tally, &err) != EG_OK) return 4;
    eg_source_iface.close(source);
    return 0;
}

static void gives_up_privileges(void **state) {
    (void)state;
    if (!lone || !eg_privileges_root()) skip();
    struct eg_source *source;
    struct eg_error err;
    pid_t pid = fork();
    if (pid == 0) _exit(as_nobody());
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(open_with(&source, "iface:lo", "user", "no-such-user", &err), EG_E_USAGE);
    source = opened("iface:lo"); /* a hint, and nothing else */
    assert_non_null(strstr(logged, "<6>this runs as root; with user=NAME"));
    assert_true(eg_privileges_root());
    eg_source_iface.close(source);
}

static void without_memory(void **state) {
    (void)state;
    if (!lone) skip();
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct eg_source *source = NULL;
        struct eg_tally tally = {0};
        struct eg_batch *batch = NULL;
        torture_fail_after(n);
        enum eg_status status = eg_source_iface.open(&env, "iface:lo", NULL, &source, NULL);
        failed = torture_off();
        if (status == EG_OK) {
            datagrams_send(1, 9, 100);
            torture_fail_after(n);
            status = eg_source_iface.next(source, 0, &batch, &tally, NULL);
            failed = torture_off() || failed;
            eg_batch_unref(batch);
            eg_source_iface.close(source);
        }
        if (status < 0 && status != EG_E_IO) assert_int_equal(status, EG_E_NOMEM);
        eg_tally_reset(&tally);
    }
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(rows_come_and_stop),
        TEST(drains),
        TEST(drains_after_a_quiet_time),
        TEST(what_draining_leaves_is_counted),
        TEST(cancelled_at_once),
        TEST(drops_are_counted),
        TEST(goes_down_and_up),
        TEST(opened_in_place_of_another),
        TEST(refused),
        TEST(gives_up_privileges),
        TEST(without_memory),
    };
    lone_network();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
