/* SPDX-License-Identifier: Apache-2.0
 * The arguments of a call; a scan of it; cancelling while rows are made. */
#include "engine/scan_call.h"

#include "engine_make.h"

#include <time.h>

static void ports_reach_the_decoders(void **state) {
    (void)state;
    char directory[64], path[128], sql[256];
    made_directory(directory);
    /* an export whose header promises more records than there are: taken only on a known port */
    struct made m = {0}, export = {0}, frame = {0};
    made_pcap_head(&m, 0xa1b2c3d4, 65535, 1);
    made_netflow5(&export, 0, 2, 1767225600);
    export.bytes[3] = 3;
    made_udp(&frame, &export);
    made_record(&m, 1767225600, 0, (uint32_t)frame.size, (uint32_t)frame.size, frame.bytes);
    made_write(made_path(path, sizeof path, directory, "a.pcap"), &m);
    made_free(&m);
    made_free(&export);
    made_free(&frame);
    struct eg_engine *engine = made_engine();
    snprintf(sql, sizeof sql, "SELECT count(*) FROM read_flows('%s', source := 'exports')", path);
    answers(engine, sql, "0");
    snprintf(sql, sizeof sql, "SELECT count(*) FROM read_flows('%s', netflow_ports := [9995, 2055])", path);
    answers(engine, sql, "2");
    snprintf(sql, sizeof sql, "SELECT cause, records FROM read_losses('%s', netflow_ports := [2055])", path);
    answers(engine, sql, "count_mismatch\t1");
    eg_engine_close(engine);
    made_remove(directory);
}

/* Paths as bytes, where they are no text; what rows call such a file, and what errors say of one. */
static void names_that_are_no_text(void **state) {
    (void)state;
    char directory[64], path[128];
    made_directory(directory);
    made_flows(made_path(path, sizeof path, directory, "caf\xe9 100%.pcap"), 3);
    struct eg_engine *engine = made_engine();
    struct eg_strbuf sql = {0};
    eg_strbuf_text(&sql, "SELECT count(*), any_value(file LIKE '%/caf%%E9 100%%25.pcap') FROM read_packets(");
    eg_sql_bytes(path, &sql);
    eg_strbuf_char(&sql, ')');
    answers(engine, sql.text, "1\ttrue");
    eg_strbuf_clear(&sql);
    eg_strbuf_text(&sql, "SELECT count(*) FROM read_flows([");
    eg_sql_bytes(path, &sql);
    eg_strbuf_text(&sql, ", ");
    eg_sql_bytes(path, &sql);
    eg_strbuf_text(&sql, "])");
    answers(engine, sql.text, "6");
    refuses(engine, "SELECT 1 FROM read_flows(CAST('/no\\xE9' AS BLOB))", "EG_E_NOENT", "/no\xe9: No such file");
    refuses(engine, "SELECT 1 FROM read_flows(CAST('a\\x00b' AS BLOB))", "EG_E_USAGE", "must be a path");
    eg_strbuf_reset(&sql);
    eg_engine_close(engine);
    /* and a user's SQL, whose own readers take no such name */
    const char *const allowed[] = {path, directory};
    const struct eg_engine_options options = {.allowed = allowed, .allowed_count = 2, .locked = true};
    engine = made_engine_with(&eg_env_plain, &options);
    answers(engine, "SELECT 7", "7");
    eg_engine_close(engine);
    made_remove(directory);
}

struct canceller {
    atomic_bool *flag;
};
static void *cancel_soon(void *given) {
    struct canceller *c = given;
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    atomic_store(c->flag, true);
    return NULL;
}

static void reading_is_cancelled(void **state) {
    (void)state;
    char directory[64], path[128];
    made_directory(directory);
    made_flows(made_path(path, sizeof path, directory, "a.pcap"), 3000);
    struct eg_strbuf sql = {0};
    eg_strbuf_text(&sql, "SELECT count(*), min(src_ip) FROM read_flows([");
    for (int i = 0; i < 20000; i++) eg_strbuf_printf(&sql, "%s'%s'", i ? "," : "", path);
    eg_strbuf_text(&sql, "])");
    atomic_bool flag = false;
    struct eg_env env = eg_env_plain;
    env.cancel = &flag;
    const struct eg_engine_options options = {.threads = 2};
    struct eg_engine *engine = made_engine_with(&env, &options);
    struct canceller c = {&flag};
    pthread_t thread;
    struct timespec before, after;
    pthread_create(&thread, NULL, cancel_soon, &c);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    refuses(engine, sql.text, "EG_E_CANCELLED", "");
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    pthread_join(thread, NULL);
    double took = (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
    if (took > 3) fail_msg("it took %.2f s of two processors", took);
    eg_strbuf_reset(&sql);
    eg_engine_close(engine);
    made_remove(directory);
}

static void extracts_and_threads(void **state) {
    (void)state;
    assert_int_equal(eg_scan_extract(EG_TABLE_FLOWS)->table, EG_TABLE_FLOWS);
    assert_int_equal(eg_scan_extract(EG_TABLE_PACKETS)->table, EG_TABLE_PACKETS);
    struct eg_engine engine = {.threads = 3};
    assert_int_equal(eg_scan_call_threads(&engine), 3);
    engine.threads = 0;
    assert_true(eg_scan_call_threads(&engine) >= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_reach_the_decoders),
        cmocka_unit_test(names_that_are_no_text),
        cmocka_unit_test(reading_is_cancelled),
        cmocka_unit_test(extracts_and_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
