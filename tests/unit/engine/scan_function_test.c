/* SPDX-License-Identifier: Apache-2.0
 * Captures as tables: rows, types, projections, filters, threads, batch capacities. */
#include "engine_make.h"

#include <time.h>

#define RECORDS 6007u

static int open_capture(void **state) {
    static char directory[64]; /* for the tests of this program */
    made_directory(directory);
    char path[128];
    made_flows(made_path(path, sizeof path, directory, "a.pcap"), RECORDS);
    *state = directory;
    return 0;
}
static int close_capture(void **state) {
    made_remove(*state);
    return 0;
}

static char *query(const char *directory, const char *format) {
    struct eg_strbuf sql = {0};
    for (const char *at = format; *at; at++) {
        if (*at == '@') eg_strbuf_printf(&sql, "'%s/a.pcap'", directory);
        else eg_strbuf_char(&sql, *at);
    }
    return eg_strbuf_take(&sql);
}
#define ask(engine, format, expected)                                                              \
    do {                                                                                           \
        char *made_sql = query(*state, format);                                                    \
        answers(engine, made_sql, expected);                                                       \
        eg_free(made_sql);                                                                         \
    } while (0)

/* What the rows must sum to. */
struct truth {
    uint64_t bytes, packets, tcp, tcp_bytes;
};
static struct truth truth(void) {
    struct truth t = {0};
    for (uint32_t n = 0; n < RECORDS; n++) {
        t.bytes += made_octets(n);
        t.packets += made_packets(n);
        if (made_proto(n) != 6) continue;
        t.tcp++;
        t.tcp_bytes += made_octets(n);
    }
    return t;
}

static void rows_are_all_there(void **state) {
    struct eg_engine *engine = made_engine();
    struct truth t = truth();
    char expected[128];
    snprintf(expected, sizeof expected, "%u\t%llu\t%llu", RECORDS, (unsigned long long)t.bytes,
             (unsigned long long)t.packets);
    ask(engine, "SELECT count(*), sum(bytes), sum(packets) FROM read_flows(@)", expected);
    snprintf(expected, sizeof expected, "%u", RECORDS);
    ask(engine, "SELECT count(*) FROM read_flows(@)", expected);
    snprintf(expected, sizeof expected, "%u", 2 * RECORDS);
    ask(engine, "SELECT count(*) FROM read_flows([@, @])", expected);
    ask(engine, "SELECT count(*), count(src_mac), count(extra) FROM read_packets(@)", "201\t201\t0");
    struct eg_scan_progress seen = eg_engine_progress(engine);
    assert_true(seen.bytes_total > 0 && seen.bytes_done == seen.bytes_total);
    assert_int_equal(seen.frames, 201);
    eg_engine_close(engine);
}

static void columns_have_their_types(void **state) {
    struct eg_engine *engine = made_engine();
    ask(engine, "SELECT typeof(start_time), typeof(time_flag), typeof(src_port), typeof(bytes), typeof(src_ip), "
                "typeof(initiator), typeof(source), typeof(src_mac) FROM read_flows(@) LIMIT 1",
        "TIMESTAMP WITH TIME ZONE\tSMALLINT\tINTEGER\tBIGINT\tVARCHAR\tBOOLEAN\tVARCHAR\tVARCHAR");
    ask(engine, "SELECT start_time, end_time, src_ip, dst_ip, src_port, dst_port, proto, packets, bytes, "
                "tcp_flags, exporter, domain, sequence, source, src_as, vlan FROM read_flows(@) LIMIT 1",
        "2025-12-31T23:59:50.000000Z\t2025-12-31T23:59:55.000000Z\t10.0.0.0\t192.168.0.0\t1024\t443\t17\t1\t"
        "40\t\t192.0.2.1\t258\t0\tnetflow5\t64512\t");
    const struct eg_table *table = eg_table_get(EG_TABLE_FLOWS);
    char *sql = query(*state, "SELECT * FROM read_flows(@) LIMIT 0");
    struct eg_result *result = NULL;
    struct eg_error err;
    assert_int_equal(eg_engine_query(engine, sql, &result, &err), EG_OK);
    const struct eg_table *got = eg_result_table(result);
    assert_int_equal(got->count, table->count);
    for (uint32_t i = 0; i < table->count; i++) {
        assert_string_equal(got->columns[i].name, table->columns[i].name);
        assert_string_equal(got->columns[i].unit, table->columns[i].unit);
    }
    eg_result_free(result);
    eg_free(sql);
    eg_engine_close(engine);
}

static void filters_hold_while_decoding(void **state) {
    struct eg_engine *engine = made_engine();
    struct truth t = truth();
    char expected[64];
    snprintf(expected, sizeof expected, "%llu\t%llu", (unsigned long long)t.tcp,
             (unsigned long long)t.tcp_bytes);
    ask(engine, "SELECT count(*), sum(bytes) FROM read_flows(@, filter := 'proto tcp')", expected);
    ask(engine, "SELECT count(*), sum(bytes) FROM read_flows(@) WHERE proto = 6", expected);
    ask(engine, "SELECT count(*) FROM read_flows(@, filter := 'src ip 10.0.0.5 and not src ip 10.0.0.5')", "0");
    snprintf(expected, sizeof expected, "%u", RECORDS);
    ask(engine, "SELECT count(*) FROM read_flows(@, filter := '')", expected);
    ask(engine, "SELECT count(*) FROM read_flows(@, filter := NULL)", expected);
    char *sql = query(*state, "SELECT * FROM read_flows(@, filter := 'sorce = 1')");
    refuses(engine, sql, "EG_E_USAGE", "sorce");
    eg_free(sql);
    eg_engine_close(engine);
}

static void codes_group_like_texts(void **state) {
    struct eg_engine *engine = made_engine();
    char *texts = query(*state, "SELECT src_ip, sum(bytes) b FROM read_flows(@) GROUP BY 1 ORDER BY b DESC, 1 LIMIT 20");
    char *codes = query(*state, "SELECT ip_text(src_ip) AS src_ip, sum(bytes) b FROM read_flows(@, addresses := 'code') "
                                "GROUP BY 1 ORDER BY b DESC, 1 LIMIT 20");
    char *a = asked(engine, texts), *b = asked(engine, codes);
    assert_string_equal(a, b);
    assert_true(strlen(a) > 100);
    eg_free(a);
    eg_free(b);
    eg_free(texts);
    eg_free(codes);
    eg_engine_close(engine);
}

static void any_capacity_gives_the_same(void **state) {
    char *sql = query(*state, "SELECT start_time, src_ip, dst_ip, src_port, proto, bytes, source, exporter FROM read_flows(@)");
    struct eg_engine *usual = made_engine();
    char *expected = asked(usual, sql);
    eg_engine_close(usual);
    const uint32_t capacities[] = {1, 7, 2048, 4096, 100000};
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        struct eg_env env = eg_env_plain;
        env.batch_rows = capacities[i];
        env.unit_bytes = i % 2 ? 5000 : 0;
        const struct eg_engine_options options = {.threads = 1};
        struct eg_engine *engine = made_engine_with(&env, &options);
        char *text = asked(engine, sql);
        assert_string_equal(text, expected);
        eg_free(text);
        eg_engine_close(engine);
    }
    eg_free(expected);
    eg_free(sql);
}

static void bad_arguments_are_named(void **state) {
    struct eg_engine *engine = made_engine();
    refuses(engine, "SELECT * FROM read_flows('/eg/no.pcap')", "EG_E_NOENT", "/eg/no.pcap");
    refuses(engine, "SELECT * FROM read_flows('/eg/*.pcap')", "EG_E_NOENT", "/eg/*.pcap");
    refuses(engine, "SELECT * FROM read_flows(NULL)", "EG_E_USAGE", "path");
    refuses(engine, "SELECT * FROM read_flows(7)", "EG_E_USAGE", "path");
    refuses(engine, "SELECT * FROM read_flows([])", "EG_E_USAGE", "");
    refuses(engine, "SELECT * FROM read_flows([NULL])", "EG_E_USAGE", "");
    refuses(engine, "SELECT * FROM read_flows('')", "EG_E_USAGE", "empty");
    refuses(engine, "SELECT * FROM read_flows()", "EG_E_USAGE", "");
    const char *const calls[][2] = {
        {"SELECT * FROM read_flows(@, netflow_ports := [70000])", "65535"},
        {"SELECT * FROM read_flows(@, netflow_ports := [NULL])", "65535"},
        {"SELECT * FROM read_flows(@, addresses := 'blob')", "blob"},
        {"SELECT * FROM read_flows(@, nonsense := 1)", "nonsense"},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        char *sql = query(*state, calls[i][0]);
        refuses(engine, sql, "EG_E_USAGE", calls[i][1]);
        eg_free(sql);
    }
    refuses(engine, "SELECT * FROM read_packets('/etc/passwd')", "EG_E_FORMAT", "/etc/passwd");
    answers(engine, "SELECT count(*) FROM read_packets('/etc/passwd', keep_going := true)", "0");
    size_t count = 0;
    const struct eg_trouble *troubles = eg_engine_troubles(engine, &count);
    assert_int_equal(count, 1);
    assert_int_equal(troubles[0].status, EG_E_FORMAT);
    assert_non_null(strstr(troubles[0].input, "/etc/passwd"));
    eg_engine_close(engine);
}

/* A query that is left early lets go of its threads; the next one works. */
static void results_may_be_abandoned(void **state) {
    struct eg_engine *engine = made_engine();
    for (int i = 0; i < 20; i++) {
        char *sql = query(*state, "SELECT a.src_ip FROM read_flows([@, @, @]) a, range(10000)");
        struct eg_result *result = NULL;
        struct eg_batch *batch = NULL;
        struct eg_error err;
        assert_int_equal(eg_engine_query(engine, sql, &result, &err), EG_OK);
        assert_int_equal(eg_result_next(result, &batch, &err), EG_OK);
        struct eg_result *second = NULL;
        assert_int_equal(eg_engine_query(engine, "SELECT 1", &second, &err), EG_E_USAGE);
        eg_result_free(result);
        assert_true(batch->rows > 0); /* a batch outlives its result */
        assert_int_equal(batch->table->count, 1);
        eg_batch_unref(batch);
        eg_free(sql);
        assert_non_null(eg_engine_tally(engine));
    }
    ask(engine, "SELECT count(*) > 0 FROM read_flows(@)", "true");
    eg_engine_close(engine);
}

static void views_and_joins_work(void **state) {
    struct eg_engine *engine = made_engine();
    struct eg_error err;
    char *sql = query(*state, "CREATE VIEW f AS SELECT *, protocol_name(proto) AS protocol FROM read_flows(@)");
    assert_int_equal(eg_engine_run(engine, sql, &err), EG_OK);
    eg_free(sql);
    assert_int_equal(eg_engine_lock(engine, &err), EG_OK);
    answers(engine, "SELECT DISTINCT protocol FROM f ORDER BY 1", "tcp\nudp");
    answers(engine, "SELECT count(*) FROM f a JOIN f b USING (sequence, src_ip, dst_ip, bytes) "
                    "WHERE a.bytes = 40", "1");
    eg_engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_all_there),
        cmocka_unit_test(columns_have_their_types),
        cmocka_unit_test(filters_hold_while_decoding),
        cmocka_unit_test(codes_group_like_texts),
        cmocka_unit_test(any_capacity_gives_the_same),
        cmocka_unit_test(bad_arguments_are_named),
        cmocka_unit_test(results_may_be_abandoned),
        cmocka_unit_test(views_and_joins_work),
    };
    return cmocka_run_group_tests(tests, open_capture, close_capture);
}
