/* SPDX-License-Identifier: Apache-2.0
 * From flows to their packets: by key and time. A packet without ports that is a later fragment goes with
 * the first fragment, which has them. */
#include "query/analysis.h"

#include <string.h>

/* Null is a value here: protocols without ports have none on either side. */
static const char *const keys[] = {"src_ip", "dst_ip", "proto", "src_port", "dst_port"};
static const char *const other[] = {"dst_ip", "src_ip", "proto", "dst_port", "src_port"};
#define KEYS (sizeof keys / sizeof *keys)

/* "a.src_ip IS NOT DISTINCT FROM f_.src_ip AND …" */
static void keys_equal(const char *packets, bool exchanged, struct eg_strbuf *sql) {
    for (size_t i = 0; i < KEYS; i++)
        eg_strbuf_printf(sql, "%s%s.%s IS NOT DISTINCT FROM f_.%s", i ? " AND " : "", packets,
                         keys[i], exchanged ? other[i] : keys[i]);
}

static void times_overlap(const char *packets, struct eg_strbuf *sql) {
    eg_strbuf_printf(sql, " AND %s.time BETWEEN f_.from_ AND f_.to_", packets);
}

/* The flows, with the time in which their packets must lie. Exporters put ICMP's type and code where
 * ports are; packets do not. */
static void flows_timed(const char *flows, struct eg_strbuf *sql) {
    static const char clock[] = "CASE WHEN source = 'packet' THEN INTERVAL 0 SECOND ELSE "
                                "INTERVAL 1 SECOND END";
    eg_strbuf_printf(
        sql,
        "(SELECT src_ip, dst_ip, proto, CASE WHEN proto NOT IN (1, 58) THEN src_port END "
        "AS src_port, CASE WHEN proto NOT IN (1, 58) THEN dst_port END AS dst_port, "
        "start_time - %s AS from_, "
        "greatest(coalesce(end_time, start_time), start_time) + %s AS to_ FROM (",
        clock, clock);
    eg_strbuf_text(sql, flows);
    eg_strbuf_text(sql, ") AS given_) AS f_");
}

/* EXISTS: a flow with the packet's own key. */
static void of_key(const char *flows, bool exchanged, struct eg_strbuf *sql) {
    eg_strbuf_text(sql, "EXISTS (SELECT 1 FROM ");
    flows_timed(flows, sql);
    eg_strbuf_text(sql, " WHERE ");
    keys_equal("p_", exchanged, sql);
    times_overlap("p_", sql);
    eg_strbuf_char(sql, ')');
}

/* A later fragment, whose first one has the key. */
static void of_first(const char *packets, const char *flows, bool exchanged,
                     struct eg_strbuf *sql) {
    eg_strbuf_text(sql,
                   "(p_.fragment_offset > 0 AND p_.src_port IS NULL AND EXISTS (SELECT 1 FROM ");
    eg_strbuf_text(sql, packets);
    eg_strbuf_text(sql, " AS o_, ");
    flows_timed(flows, sql);
    eg_strbuf_text(sql, " WHERE o_.more_fragments AND o_.fragment_offset = 0 AND o_.src_ip = "
                        "p_.src_ip AND o_.dst_ip = p_.dst_ip AND o_.ip_id = p_.ip_id AND "
                        "abs(epoch_us(o_.time) - epoch_us(p_.time)) <= 30000000 AND ");
    keys_equal("o_", exchanged, sql);
    times_overlap("o_", sql);
    eg_strbuf_text(sql, "))");
}

enum eg_status eg_sql_flow_packets(const struct eg_origin *packets, const char *flows, bool both,
                                   struct eg_strbuf *sql, struct eg_error *err) {
    struct eg_strbuf base = {0};
    enum eg_status status = eg_sql_packet_relation(packets, &base, err);
    for (int exchanged = 0; status >= 0 && exchanged <= both; exchanged++) {
        if (exchanged) eg_strbuf_text(sql, " OR ");
        of_key(flows, exchanged, sql);
        eg_strbuf_text(sql, " OR ");
        of_first(base.text, flows, exchanged, sql);
    }
    bool failed = base.failed || sql->failed;
    eg_strbuf_reset(&base);
    if (status >= 0 && failed) status = eg_fail(err, EG_E_NOMEM, "no memory for a query");
    return status;
}
