/* SPDX-License-Identifier: Apache-2.0
 * Captures leave with the last of their packets, and never earlier; one that is written to stays. */
#include "capture_made.h"
#include "store/capture_expire.h"
#include "torture.h"
#include "upkeep_make.h"

#include <fcntl.h>
#include <sys/file.h>

/* Packets a minute apart from `start` on. */
static void minutes_write(const char *path, int64_t start, unsigned count, uint8_t mark) {
    struct made m = {0};
    uint8_t payload[60] = {mark};
    made_pcap_head(&m, 0xa1b2c3d4, 65535, 1);
    for (unsigned i = 0; i < count; i++)
        made_record(&m, (uint32_t)(start / 1000000) + i * 60, 0, 60, 60, payload);
    capture_write(path, &m, m.size, false);
    made_free(&m);
}

static size_t registered(const char *root) {
    struct eg_capture *list;
    size_t count = captures_of(root, &list);
    eg_free(list);
    return count;
}

static enum eg_status expire_at(const char *root, int64_t hours, const struct eg_upkeep_call *call,
                                struct eg_expire_rule rule, struct eg_upkeep_account *account) {
    struct eg_env env = env_hours_on(&hours);
    return eg_expire(root, &env, call, &rule, account, ERR);
}
#define BY(...) ((struct eg_expire_rule){__VA_ARGS__})

/* One of the first hour, one of the first two, one of the second. */
static void three(void **state, const char *root, enum eg_keep keep) {
    static const struct {
        int64_t start;
        unsigned count;
    } cases[] = {{NOON, 30}, {NOON + 30 * 60000000LL, 60}, {NOON + HOUR, 30}};
    for (uint8_t i = 0; i < 3; i++) {
        char name[20];
        snprintf(name, sizeof name, "%u.pcap", i);
        minutes_write(path_of(*state, name), cases[i].start, cases[i].count, i);
        ingest_as(root, path_of(*state, name), keep);
    }
    assert_int_equal(registered(root), 3);
}

static void by_age(void **state) {
    struct eg_upkeep_account account;
    char root[256];
    snprintf(root, sizeof root, "%s/d", (const char *)*state);
    three(state, root, EG_KEEP_COPY);
    assert_int_equal(scratch_count(root, "captures/"), 3);
    must(expire_at(root, 6, &dry, BY(.older_us = 5 * HOUR), &account));
    assert_int_equal(account.captures, 1);
    assert_int_equal(account.captures_bytes, 24 + 30 * RECORD);
    assert_int_equal(registered(root), 3);
    /* flows alone: not a capture goes */
    struct eg_upkeep_call flows = {.tables = 1u << EG_TABLE_FLOWS};
    must(expire_at(root, 9, &flows, BY(.older_us = HOUR), &account));
    assert_int_equal(account.captures, 0);
    must(expire_at(root, 6, &at_once, BY(.older_us = 5 * HOUR), &account));
    assert_int_equal(account.captures, 1);
    assert_int_equal(account.captures_unlinked, 0);
    assert_int_equal(registered(root), 2);
    assert_int_equal(scratch_count(root, "captures/"), 2);
    assert_int_equal(scratch_count(root, "captures/2026-01-02/0-"), 0);
    must(expire_at(root, 6, &at_once, BY(.older_us = 5 * HOUR), &account));
    assert_int_equal(account.captures, 0);
    must(expire_at(root, 9, &at_once, BY(.older_us = 5 * HOUR), &account));
    assert_int_equal(account.captures, 2);
    assert_int_equal(registered(root), 0);
    assert_int_equal(scratch_count(root, "captures"), 0);
    /* they stay gone when the journal is made again */
    scratch_clear(path_of(root, "_earlgrey/commits"));
    struct eg_finding *findings;
    size_t count;
    must(eg_dataset_doctor(root, true, &test_env, &findings, &count, ERR));
    eg_findings_free(findings, count);
    assert_int_equal(registered(root), 0);
}

static void links_are_forgotten(void **state) {
    struct eg_upkeep_account account;
    char root[256];
    snprintf(root, sizeof root, "%s/d", (const char *)*state);
    three(state, root, EG_KEEP_LINK);
    must(expire_at(root, 6, &at_once, BY(.older_us = 5 * HOUR), &account));
    assert_int_equal(account.captures, 0);
    assert_int_equal(account.captures_unlinked, 1);
    assert_int_equal(registered(root), 2);
    assert_int_equal(access(path_of(*state, "0.pcap"), F_OK), 0);
    /* it grows, and is pointed to again */
    minutes_write(path_of(*state, "0.pcap"), NOON, 200, 0);
    ingest_as(root, path_of(*state, "0.pcap"), EG_KEEP_LINK);
    assert_int_equal(registered(root), 3);
    struct eg_capture found;
    must(capture_find(root, path_of(*state, "0.pcap"), true, &found));
    assert_int_equal(found.packets, 200);
}

/* A copy counts for the last hour of its packets. */
static void by_size(void **state) {
    struct eg_upkeep_account all, account;
    char root[256];
    snprintf(root, sizeof root, "%s/d", (const char *)*state);
    three(state, root, EG_KEEP_COPY);
    must(expire_at(root, 9, &dry, BY(.max_bytes = 1), &all));
    assert_int_equal(all.hours, 2);
    assert_int_equal(all.captures, 3);
    assert_int_equal(all.captures_bytes, 3 * 24 + 120 * RECORD);
    uint64_t total = all.bytes_before + all.captures_bytes;
    must(expire_at(root, 9, &dry, BY(.max_bytes = total), &account));
    assert_int_equal(account.hours, 0);
    must(expire_at(root, 9, &at_once, BY(.max_bytes = total - 1), &account));
    assert_int_equal(account.hours, 1);
    assert_int_equal(account.captures, 1);
    must(expire_at(root, 9, &at_once, BY(.max_bytes = 1), &account));
    assert_int_equal(account.captures, 2);
    assert_int_equal(registered(root), 0);
}

static void in_use(void **state) {
    struct eg_upkeep_account account;
    char root[256];
    struct eg_capture *list;
    snprintf(root, sizeof root, "%s/d", (const char *)*state);
    three(state, root, EG_KEEP_COPY);
    assert_int_equal(captures_of(root, &list), 3);
    int fd = open(list[0].place, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_SH), 0);
    must(expire_at(root, 9, &at_once, BY(.older_us = HOUR), &account));
    assert_int_equal(account.captures, 2);
    assert_int_equal(access(list[0].place, F_OK), 0);
    assert_int_equal(registered(root), 1);
    close(fd);
    must(expire_at(root, 9, &at_once, BY(.older_us = HOUR), &account));
    assert_int_equal(account.captures, 1);
    assert_int_equal(access(list[0].place, F_OK), -1);
    eg_free(list);
}

/* The line was written, and the file not removed: the next expiry does that. */
static void cut_off(void **state) {
    struct eg_upkeep_account account;
    char root[256];
    struct eg_capture *list;
    snprintf(root, sizeof root, "%s/d", (const char *)*state);
    three(state, root, EG_KEEP_COPY);
    captures_of(root, &list);
    must(expire_at(root, 6, &at_once, BY(.older_us = 5 * HOUR), &account));
    bytes_write(list[0].place, "left", 4);
    must(expire_at(root, 6, &at_once, BY(.older_us = 5 * HOUR), &account));
    assert_int_equal(access(list[0].place, F_OK), -1);
    eg_free(list);
}

static void no_memory(void **state) {
    char root[256];
    snprintf(root, sizeof root, "%s/d", (const char *)*state);
    three(state, root, EG_KEEP_COPY);
    for (long n = 0;; n++) {
        struct eg_upkeep_account account;
        int64_t hours = 9;
        struct eg_env env = env_hours_on(&hours);
        torture_fail_after(n);
        enum eg_status status = eg_expire(root, &env, &dry, &BY(.older_us = HOUR), &account, ERR);
        bool failed = torture_off();
        if (!failed) {
            assert_int_equal(status, EG_OK);
            assert_int_equal(account.captures, 3);
            break;
        }
        if (status < 0) assert_int_equal(status, EG_E_NOMEM);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(by_age, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(links_are_forgotten, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(by_size, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(in_use, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(cut_off, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(no_memory, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
