/* SPDX-License-Identifier: Apache-2.0
 * SQL in both dialects. (The normal form: parse_test.c and condition_test.c.) */
#include "filter/render.h"

#include "filter_make.h"

#define DURATION "(epoch_us(end_time) - epoch_us(start_time))"

static void duckdb(void **state) {
    (void)state;
    static const struct {
        const char *text, *sql;
    } cases[] = {
        {"any", "true"},
        {"not any", "false"},
        {"host 10.0.0.1", "(src_ip = '10.0.0.1' OR dst_ip = '10.0.0.1')"},
        {"src net 10.1.2.3/8", "in_subnet(src_ip, '10.0.0.0/8')"},
        {"src_ip in (10.0.0.1, 10.0.0.2)", "src_ip IN ('10.0.0.1', '10.0.0.2')"},
        {"src_ip in (1.1.1.1, 10.0.0.0/8, 2001:db8::/32)",
         "(src_ip IN ('1.1.1.1') OR in_subnet(src_ip, '10.0.0.0/8') OR "
         "in_subnet(src_ip, '2001:db8::/32'))"},
        {"src_port in (80, 443, 1000-2000)",
         "(src_port IN (80, 443) OR src_port BETWEEN 1000 AND 2000)"},
        {"src_port = 1..5", "src_port BETWEEN 1 AND 5"},
        {"src_port != 80", "src_port <> 80"},
        {"src_port not in (80, 443)", "NOT (src_port IN (80, 443))"},
        {"src_port is null", "src_port IS NULL"},
        {"exists src_port", "src_port IS NOT NULL"},
        {"src_port < dst_port", "src_port < dst_port"},
        {"flags SA", "(tcp_flags & 18) = 18"},
        {"initiator", "initiator = true"},
        {"src_mac = AA:00:00:00:00:01", "src_mac = 'aa:00:00:00:00:01'"},
        {"application = 'it''s'", "application = 'it''s'"},
        {"application = \"a\\b\"", "application = 'a\\b'"},
        {"application ~ '^a.$'", "regexp_matches(application, '^a[^\\x0a]\\z')"},
        {"application !~ \"'\"", "NOT (regexp_matches(application, '\\'''))"},
        {"start_time >= now", "start_time >= TIMESTAMPTZ '2026-01-01T00:00:00.000000Z'"},
        {"duration > 10s", DURATION " > 10000000"},
        {"duration is null", DURATION " IS NULL"},
        {"bps > 1M", "(CASE WHEN " DURATION " > 0 THEN CAST(bytes AS DOUBLE) * 8e6 / "
                     "CAST(" DURATION " AS DOUBLE) END) > 1e+06"},
        {"pps < 0.5", "(CASE WHEN " DURATION " > 0 THEN CAST(packets AS DOUBLE) * 1e6 / "
                      "CAST(" DURATION " AS DOUBLE) END) < 5e-01"},
        {"bpp = 40", "(CASE WHEN packets > 0 THEN CAST(bytes AS DOUBLE) / CAST(packets AS DOUBLE) "
                     "END) = 4e+01"},
        {"tcp and not (port 80 or udp)",
         "(proto = 6 AND NOT ((src_port = 80 OR dst_port = 80 OR proto = 17)))"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        sql_is(cases[i].text, cases[i].sql, EG_SQL_DUCKDB, EG_TABLE_FLOWS);
    sql_is("offset > 5", "\"offset\" > 5", EG_SQL_DUCKDB, EG_TABLE_PACKETS);
}

static void spark(void **state) {
    (void)state;
    sql_is("start_time >= now", "start_time >= TIMESTAMP '2026-01-01T00:00:00.000000Z'",
           EG_SQL_SPARK, EG_TABLE_FLOWS);
    sql_is("duration > 1s", "(unix_micros(end_time) - unix_micros(start_time)) > 1000000",
           EG_SQL_SPARK, EG_TABLE_FLOWS);
    sql_is("application = 'it''s a\\b'", "application = 'it\\'s a\\\\b'", EG_SQL_SPARK,
           EG_TABLE_FLOWS);
    sql_is("application ~ '\\.com$'", "application RLIKE '\\\\.com\\\\z'", EG_SQL_SPARK,
           EG_TABLE_FLOWS);
    sql_is("offset > 5", "`offset` > 5", EG_SQL_SPARK, EG_TABLE_PACKETS);
    sql_is("src_ip in 10.0.0.0/8", "in_subnet(src_ip, '10.0.0.0/8')", EG_SQL_SPARK, EG_TABLE_FLOWS);
}

/* A buffer that failed stays so; nothing is written past it. */
static void no_memory(void **state) {
    (void)state;
    struct eg_filter *filter =
        test_filter("application ~ 'a' or src_ip in (1.1.1.1, 2.0.0.0/8)", EG_TABLE_FLOWS);
    struct eg_strbuf to = {.failed = true};
    eg_filter_sql(filter, &to);
    eg_filter_text(filter, &to);
    assert_true(to.failed && !to.text);
    eg_filter_free(filter);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(duckdb), cmocka_unit_test(spark),
                                       cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
