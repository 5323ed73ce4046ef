/* SPDX-License-Identifier: Apache-2.0
 * Packets of flows: key and time, both directions, an exporter's clock, later fragments with their first. */
#include "few_packets.h"

#define MORE 0x2000
static const struct few_packet few[] = {
    {1000000, 1, 2, 1000, 53, 1, 0, 10},   /* 24 */
    {1500000, 2, 1, 53, 1000, 2, 0, 10},   /* 92: the other direction */
    {2000000, 1, 2, 1000, 53, 3, MORE, 8}, /* 160: a first fragment */
    {2000001, 1, 2, 0, 0, 3, 2, 16},       /* 226: its second one */
    {2000002, 1, 2, 0, 0, 9, 2, 16},       /* 292: of another packet */
    {9000000, 1, 2, 1000, 53, 4, 0, 10},   /* 358: after the flow */
    {1000000, 1, 2, 1001, 53, 5, 0, 10},   /* 426: another flow */
};
static char path[] = "/tmp/earlgrey-flowpkts-XXXXXX";
static const char *const paths[] = {path};

static void expect(const char *source, double end, bool both, const char *answer) {
    struct eg_filter *filter;
    struct eg_packets_request request = few_request(paths, 1, &filter, NULL);
    struct eg_strbuf flows = {0}, condition = {0}, sql = {0};
    struct eg_error err;
    eg_strbuf_printf(
        &flows,
        "SELECT '10.0.0.1' AS src_ip, '10.0.0.2' AS dst_ip, CAST(1000 AS INTEGER) AS "
        "src_port, CAST(53 AS INTEGER) AS dst_port, CAST(17 AS SMALLINT) AS proto, "
        "make_timestamptz(%lld) AS start_time, make_timestamptz(%lld) AS end_time, '%s' "
        "AS source, CAST(NULL AS VARCHAR) AS src_mac, CAST(NULL AS VARCHAR) AS dst_mac",
        (long long)FEW_START * 1000000 + 1000000,
        (long long)FEW_START * 1000000 + (long long)(end * 1e6), source);
    if (eg_sql_flow_packets(&request.origin, flows.text, both, &condition, &err) < 0)
        fail_msg("%s", err.message);
    request.condition = condition.text;
    assert_int_equal(eg_sql_packets(&request, "offset", &sql, &err), EG_OK);
    little_expect(&sql, answer);
    eg_strbuf_reset(&flows);
    eg_strbuf_reset(&condition);
}

static void by_key_and_time(void **state) {
    (void)state;
    memcpy(path, "/tmp/earlgrey-flowpkts-XXXXXX", sizeof path);
    few_capture(path, few, sizeof few / sizeof *few);
    expect("packet", 2, false, "offset\n24\n160\n226\n");
    expect("packet", 2, true, "offset\n24\n92\n160\n226\n");
    expect("packet", 1, true, "offset\n24\n");
    expect("netflow5", 1, true, "offset\n24\n92\n160\n226\n"); /* a second more */
    expect("packet", 9, false, "offset\n24\n160\n226\n358\n");
    unlink(path);
}

/* A flow from src to dst that was seen from and to these µs. */
static void conversation_expect(int src, int dst, const char *source, int from, int to,
                                const char *answer) {
    struct eg_filter *filter;
    struct eg_packets_request request = few_request(paths, 1, &filter, NULL);
    struct eg_strbuf flows = {0}, inner = {0}, sql = {0};
    struct eg_error err;
    eg_strbuf_printf(
        &flows,
        "SELECT '10.0.0.%d' AS src_ip, '10.0.0.%d' AS dst_ip, CAST(%d AS INTEGER) AS src_port, "
        "CAST(%d AS INTEGER) AS dst_port, CAST(17 AS SMALLINT) AS proto, make_timestamptz(%lld) "
        "AS start_time, make_timestamptz(%lld) AS end_time, '%s' AS source, CAST(NULL AS VARCHAR) "
        "AS src_mac, CAST(NULL AS VARCHAR) AS dst_mac, CAST(NULL AS INTEGER) AS vlan, CAST(NULL AS "
        "VARCHAR) AS tunnel",
        src, dst, src == 1 ? 1000 : 53, dst == 1 ? 1000 : 53, (long long)FEW_START * 1000000 + from,
        (long long)FEW_START * 1000000 + to, source);
    if (eg_sql_conversations(&request.origin, flows.text, &inner, &err) < 0)
        fail_msg("%s", err.message);
    eg_strbuf_printf(&sql,
                     "SELECT src_port, epoch_us(start_time) - %lld AS a, epoch_us(end_time) - "
                     "%lld AS b FROM (%s)",
                     (long long)FEW_START * 1000000, (long long)FEW_START * 1000000, inner.text);
    little_expect(&sql, answer);
    eg_strbuf_reset(&flows);
    eg_strbuf_reset(&inner);
}

static void times_of_conversations(void **state) {
    static const struct few_packet talk[] = {
        {1000000, 1, 2, 1000, 53, 1, 0, 10},  {1500000, 2, 1, 53, 1000, 2, 0, 10},
        {4000000, 1, 2, 1000, 53, 3, 0, 10},  {61000000, 1, 2, 1000, 53, 4, 0, 10},
        {62000000, 2, 1, 53, 1000, 5, 0, 10}, {1000000, 1, 3, 1000, 53, 6, 0, 10},
    };
    (void)state;
    memcpy(path, "/tmp/earlgrey-flowpkts-XXXXXX", sizeof path);
    few_capture(path, talk, sizeof talk / sizeof *talk);
    conversation_expect(2, 1, "packet", 1500000, 1500000, "src_port\ta\tb\n53\t1000000\t4000000\n");
    conversation_expect(1, 2, "packet", 1000000, 4000000,
                        "src_port\ta\tb\n1000\t1000000\t4000000\n");
    conversation_expect(1, 2, "packet", 61000000, 61000000,
                        "src_port\ta\tb\n1000\t61000000\t62000000\n"); /* the nearer one */
    conversation_expect(2, 1, "packet", 35000000, 35000000,
                        "src_port\ta\tb\n53\t35000000\t61000000\n"); /* 26 s, not 31 */
    conversation_expect(2, 1, "netflow5", 1500000, 1500000,
                        "src_port\ta\tb\n53\t1500000\t1500000\n");
    conversation_expect(1, 3, "packet", 1000000, 1000000,
                        "src_port\ta\tb\n1000\t1000000\t1000000\n"); /* nobody answered */
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_key_and_time),
                                       cmocka_unit_test(times_of_conversations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
