/* SPDX-License-Identifier: Apache-2.0
 * Inputs one after another: known ones, those that cannot be read, those that others own or went on with. */
#include "table/scan_scene.h"

/* Known whole: nothing is read, and it is said. */
static void known_inputs(void **state) {
    (void)state;
    const char *const inputs[] = {"a:100:10:", "b:50:10:", "c:70:10:s"};
    struct eg_position known[] = {{.key = "a", .offset = 1000}, {.key = "c", .offset = 700}};
    struct eg_env env = fake_env(16);
    struct eg_scan_request request = request_of(inputs, 3);
    request.known = known;
    request.known_count = 2;
    struct eg_scan *scan;
    struct runner runner = {0};
    struct fake_rows expected = {0};
    assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
    threads_run(scan, &runner, 1);
    size_t troubles;
    const struct eg_trouble *trouble = eg_scan_troubles(scan, &troubles);
    assert_int_equal(troubles, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(trouble[i].status, EG_OK);
        assert_int_equal(trouble[i].state, EG_PLAN_KNOWN);
        assert_non_null(strstr(trouble[i].message, "already ingested"));
    }
    assert_string_equal(trouble[1].input, inputs[2]);
    eg_scan_free(scan);
    fake_expect(&expected, 50, true, true, true, true);
    rows_equal(&runner.got, &expected);
    fake_all_closed();
}

static void inputs_that_fail(void **state) {
    (void)state;
    const char *const inputs[] = {"a:100:10:", "gone:1:1:o", "b:200:10:f", "c:200:10:sf",
                                  "d:30:7:"};
    for (uint32_t workers = 1; workers <= 4; workers += 3) {
        struct eg_env env = fake_env(16);
        struct eg_scan_request request = request_of(inputs, 5);
        request.keep_going = true;
        struct fake_rows got = {0}, expected = {0};
        struct eg_scan *scan = threads_read(&env, &request, workers, &got);
        size_t count;
        const struct eg_trouble *trouble = eg_scan_troubles(scan, &count);
        assert_int_equal(count, 3);
        assert_string_equal(trouble[0].message, "gone:1:1:o: no such input");
        assert_int_equal(trouble[0].status, EG_E_NOENT);
        assert_string_equal(trouble[1].input, inputs[2]);
        assert_int_equal(trouble[1].status, EG_E_IO);
        assert_string_equal(trouble[2].message, "c: input/output error");
        eg_scan_free(scan);
        const unsigned long records[] = {100, 40, 40, 30};
        for (int i = 0; i < 4; i++) fake_expect(&expected, records[i], true, true, true, true);
        rows_equal(&got, &expected);
        fake_rows_reset(&got);
        fake_all_closed();
    }
}

static enum eg_status refuse(void *to, const char *key, const char *lock, const char *name,
                             struct eg_position **news, size_t *news_count, struct eg_error *err) {
    (void)name;
    assert_null(*news);
    assert_int_equal(*news_count, 0);
    if (strcmp(key, to) != 0) return strcmp(lock, key) == 0 ? EG_OK : EG_E_IO;
    return eg_fail(err, EG_E_LOCKED, "%s is being read (%s)", key, lock);
}

/* A source that another process owns ends the scan, keep_going or not. */
static void locked(void **state) {
    (void)state;
    const char *const inputs[] = {"a:100:10:", "b:100:10:"};
    struct eg_env env = fake_env(16);
    struct eg_scan_request request = request_of(inputs, 2);
    char owned[] = "b";
    request.keep_going = true;
    request.claim_source = refuse;
    request.claim_to = owned;
    struct eg_scan *scan;
    struct runner runner = {0};
    assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
    threads_run(scan, &runner, 1);
    assert_int_equal(runner.status, EG_E_LOCKED);
    assert_string_equal(runner.err.message, "b is being read (lock of b)");
    fake_rows_reset(&runner.got);
    eg_scan_free(scan);
    fake_all_closed();
}

/* What another process has made durable since the scan was opened, told with the claim. */
struct gossip {
    const char *of;
    uint64_t offset;
    int asked;
};

static enum eg_status tell(void *to, const char *key, const char *lock, const char *name,
                           struct eg_position **news, size_t *news_count, struct eg_error *err) {
    (void)name, (void)lock, (void)err;
    struct gossip *gossip = to;
    gossip->asked++;
    if (strcmp(key, gossip->of) != 0) return EG_OK;
    *news = eg_calloc(2, sizeof **news);
    snprintf((*news)[0].key, sizeof(*news)[0].key, "elsewhere");
    snprintf((*news)[1].key, sizeof(*news)[1].key, "%s", key);
    (*news)[1].offset = gossip->offset;
    *news_count = 2;
    return EG_OK;
}

/* An input that somebody else went on with is planned anew: nothing of it comes twice. */
static void news_of_others(void **state) {
    (void)state;
    const char *const inputs[] = {"a:100:10:", "b:100:10:", "c:100:10:"};
    const uint64_t offsets[] = {0, 400, 1000};
    for (int i = 0; i < 3; i++) {
        struct gossip gossip = {"b", offsets[i], 0};
        struct eg_env env = fake_env(16);
        struct eg_scan_request request = request_of(inputs, 3);
        request.claim_source = tell;
        request.claim_to = &gossip;
        struct eg_scan *scan;
        struct runner runner = {0};
        assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
        threads_run(scan, &runner, 1);
        assert_int_equal(runner.status, EG_END);
        struct eg_scan_progress seen = eg_scan_progress(scan);
        uint64_t least = 300 - offsets[i] / 10,
                 given = seen.rows[EG_TABLE_FLOWS] + seen.rows[EG_TABLE_PACKETS];
        if (given < least || given > least + 6)
            fail_msg("%llu rows, not %llu", (unsigned long long)given, (unsigned long long)least);
        assert_int_equal(gossip.asked, 3);
        size_t troubles;
        const struct eg_trouble *trouble = eg_scan_troubles(scan, &troubles);
        assert_int_equal(troubles, i == 2);
        if (troubles) assert_non_null(strstr(trouble->message, "already ingested"));
        fake_rows_reset(&runner.got);
        eg_scan_free(scan);
        fake_all_closed();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_inputs),
        cmocka_unit_test(inputs_that_fail),
        cmocka_unit_test(locked),
        cmocka_unit_test(news_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
