/* SPDX-License-Identifier: Apache-2.0
 * Opening, our own statements, the lock, cancelling. */
#include "engine/engine.h"

#include "engine_make.h"

#include <pthread.h>
#include <time.h>

static void opens_and_answers(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    answers(engine, "SELECT 42, 'x'", "42\tx");
    answers(engine, "SELECT current_setting('TimeZone')", "UTC");
    answers(engine, "SELECT current_setting('threads')", "2");
    eg_engine_close(engine);
    eg_engine_close(NULL);
}

static void bad_options_are_named(void **state) {
    (void)state;
    struct eg_engine *engine = NULL;
    struct eg_error err;
    const struct eg_engine_options options = {.memory_limit = "much"};
    assert_true(eg_engine_open(&engine, &eg_env_plain, &options, &err) < 0);
    assert_null(engine);
    assert_non_null(strstr(err.message, "memory_limit"));
}

static void own_statements_run_until_the_lock(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    struct eg_error err;
    assert_int_equal(eg_engine_run(engine, "CREATE VIEW v AS SELECT 1 AS a; CREATE VIEW w AS FROM v",
                                   &err), EG_OK);
    answers(engine, "SELECT a FROM w", "1");
    assert_int_equal(eg_engine_run(engine, "CREATE VIEW v AS SELECT 2", &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "already exists"));
    assert_int_equal(eg_engine_lock(engine, &err), EG_OK);
    assert_int_equal(eg_engine_lock(engine, &err), EG_OK);
    assert_int_equal(eg_engine_run(engine, "SELECT 1", &err), EG_E_USAGE);
    answers(engine, "SELECT a FROM w", "1");
    refuses(engine, "SET threads = 1", "EG_E_USAGE", "only SELECT");
    eg_engine_close(engine);
}

static void a_user_engine_is_locked_by_its_first_query(void **state) {
    (void)state;
    const struct eg_engine_options options = {.threads = 1, .locked = true};
    struct eg_engine *engine = made_engine_with(&eg_env_plain, &options);
    struct eg_error err;
    assert_int_equal(eg_engine_run(engine, "CREATE TABLE t AS SELECT 7 AS a", &err), EG_OK);
    answers(engine, "SELECT a FROM t", "7");
    refuses(engine, "INSERT INTO t VALUES (8)", "EG_E_USAGE", "only SELECT");
    refuses(engine, "DROP TABLE t", "EG_E_USAGE", "only SELECT");
    answers(engine, "SELECT a FROM t", "7");
    eg_engine_close(engine);
}

static void quotes_are_doubled(void **state) {
    (void)state;
    struct eg_strbuf text = {0};
    eg_sql_quote("it's", &text);
    assert_string_equal(text.text, "'it''s'");
    eg_strbuf_reset(&text);
}

static void bytes_are_all_escaped(void **state) {
    (void)state;
    struct eg_strbuf text = {0};
    eg_sql_bytes("a'\xff", &text);
    assert_string_equal(text.text, "CAST('\\x61\\x27\\xFF' AS BLOB)");
    eg_strbuf_reset(&text);
}

struct canceller {
    atomic_bool *flag;
};
static void *cancel_soon(void *given) {
    struct canceller *c = given;
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    atomic_store(c->flag, true);
    return NULL;
}

/* Of processors, which a busy machine does not change. */
static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void a_running_query_ends_at_once(void **state) {
    (void)state;
    atomic_bool flag = false;
    struct eg_env env = eg_env_plain;
    env.cancel = &flag;
    const struct eg_engine_options options = {.threads = 2};
    struct eg_engine *engine = made_engine_with(&env, &options);
    answers(engine, "SELECT 1", "1");
    struct canceller c = {&flag};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &c), 0);
    double before = seconds();
    refuses(engine, "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b",
            "EG_E_CANCELLED", "interrupted");
    double took = seconds() - before;
    pthread_join(thread, NULL);
    if (took > 2 * (0.2 + 0.5 * 2)) fail_msg("it took %.2f s of two processors", took);
    refuses(engine, "SELECT 1", "EG_E_CANCELLED", "interrupted");
    atomic_store(&flag, false);
    answers(engine, "SELECT 2", "2");
    eg_engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_and_answers),
        cmocka_unit_test(bad_options_are_named),
        cmocka_unit_test(own_statements_run_until_the_lock),
        cmocka_unit_test(a_user_engine_is_locked_by_its_first_query),
        cmocka_unit_test(quotes_are_doubled),
        cmocka_unit_test(bytes_are_all_escaped),
        cmocka_unit_test(a_running_query_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
