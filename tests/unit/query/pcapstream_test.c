/* SPDX-License-Identifier: Apache-2.0
 * The view packets_pcapstream: names, nested values, and what a packet has not. */
#include "query/analysis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

static struct eg_engine *engine;

static void is(const char *question, const char *expected) {
    struct eg_result *result;
    struct eg_batch *batch;
    struct eg_error err;
    if (eg_engine_query(engine, question, &result, &err) < 0) fail_msg("%s", err.message);
    assert_int_equal(eg_result_next(result, &batch, NULL), EG_OK);
    struct eg_span text = eg_col_text(&batch->columns[0], 0);
    if (text.size != strlen(expected) || memcmp(text.at, expected, text.size) != 0)
        fail_msg("%.*s, not %s", (int)text.size, (const char *)text.at, expected);
    eg_batch_unref(batch);
    eg_result_free(result);
}

/* A packet as the view packets has it, its columns given; the others are null. */
static void packet(const char *columns) {
    static const char *const all[][2] = {
        {"time", "TIMESTAMPTZ"},      {"src_ip", "VARCHAR"},         {"dst_ip", "VARCHAR"},
        {"src_port", "INTEGER"},      {"dst_port", "INTEGER"},       {"proto", "SMALLINT"},
        {"protocol", "VARCHAR"},      {"ttl", "SMALLINT"},           {"ip_version", "SMALLINT"},
        {"payload_length", "BIGINT"}, {"length", "BIGINT"},          {"captured", "BIGINT"},
        {"tcp_seq", "BIGINT"},        {"tcp_ack", "BIGINT"},         {"tcp_flags", "INTEGER"},
        {"dont_fragment", "BOOLEAN"}, {"more_fragments", "BOOLEAN"},
    };
    struct eg_strbuf sql = {0};
    struct eg_error err;
    eg_strbuf_printf(&sql, "CREATE OR REPLACE TEMP VIEW packets AS SELECT * FROM (SELECT %s)",
                     columns);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        eg_strbuf_printf(&sql, "%s CAST(NULL AS %s) AS %s", i ? "," : " UNION ALL BY NAME SELECT",
                         all[i][1], all[i][0]);
    }
    eg_strbuf_text(&sql, " WHERE FALSE;\n");
    eg_sql_pcapstream_view(&sql);
    if (eg_engine_run(engine, sql.text, &err) < 0) fail_msg("%s", err.message);
    eg_strbuf_reset(&sql);
}

#define ROW "SELECT CAST(to_json(p) AS VARCHAR) FROM packets_pcapstream AS p"

static void a_row(void **state) {
    (void)state;
    packet(
        "TIMESTAMPTZ '2026-03-04 05:06:07.008999Z' AS time, '10.0.0.1' AS src_ip, "
        "'10.0.0.2' AS dst_ip, 1000 AS src_port, 443 AS dst_port, 6 AS proto, 'tcp' AS protocol, "
        "64 AS ttl, 4 AS ip_version, 100 AS payload_length, 154 AS length, 124 AS captured, "
        "4294967295 AS tcp_seq, 7 AS tcp_ack, 18 AS tcp_flags, TRUE AS dont_fragment");
    is(ROW,
       "{\"timestamp\":1772600767008,\"year\":2026,\"month\":3,\"day\":4,\"hour\":5,\"minute\":6,"
       "\"src\":\"10.0.0.1\",\"srcPort\":1000,\"dst\":\"10.0.0.2\",\"dstPort\":443,"
       "\"protocol\":\"TCP\",\"ttl\":64,\"ipVersion\":4,\"length\":70,\"tcpSeq\":4294967295,"
       "\"tcpAck\":7,\"udpSum\":0,\"udpLength\":0,\"reassembledTcpFragments\":null,"
       "\"reassembledUdpFragments\":null,\"ipFlags\":{\"ipFlagsDf\":true,\"ipFlagsMf\":false},"
       "\"tcpFlags\":{\"tcpFlagNs\":false,\"tcpFlagCwr\":false,\"tcpFlagEce\":false,"
       "\"tcpFlagUrg\":false,\"tcpFlagAck\":true,\"tcpFlagPsh\":false,\"tcpFlagRst\":false,"
       "\"tcpFlagSyn\":true,\"tcpFlagFin\":false},\"frameLength\":124,\"wireLength\":154}");
}

/* Times before 1970 are rounded down, too; what is not there is 0, false or null. */
static void what_is_not_there(void **state) {
    (void)state;
    packet("TIMESTAMPTZ '1969-12-31 23:59:59.999999Z' AS time, 17 AS proto, 'udp' AS protocol, "
           "8 AS payload_length, 60 AS length, 60 AS captured");
    is("SELECT CAST(timestamp AS VARCHAR) || ' ' || year || ' ' || length || ' ' || \"udpLength\" "
       "|| ' ' || "
       "coalesce(src, 'none') || ' ' || \"srcPort\" || ' ' || \"tcpSeq\" || ' ' || "
       "\"tcpFlags\".\"tcpFlagSyn\" FROM packets_pcapstream",
       "-1 1969 8 16 none 0 0 false");
    packet("CAST(NULL AS TIMESTAMPTZ) AS time, 5 AS length, 5 AS captured");
    is("SELECT coalesce(CAST(timestamp AS VARCHAR), 'none') || coalesce(protocol, 'none') || "
       "length "
       "FROM packets_pcapstream",
       "nonenone0");
}

static int setup(void **state) {
    (void)state;
    const struct eg_engine_options options = {.threads = 1};
    return eg_engine_open(&engine, &eg_env_plain, &options, NULL) < 0;
}
static int teardown(void **state) {
    (void)state;
    eg_engine_close(engine);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_row),
                                       cmocka_unit_test(what_is_not_there)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
