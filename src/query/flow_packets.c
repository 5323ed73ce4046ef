/* SPDX-License-Identifier: Apache-2.0
 * From flows to their packets: by key and time. Both directions of a conversation are in the time of both
 * of its flows: the answer's packets begin before the answer does. A packet without ports that is a later fragment goes with
 * the first fragment, which has them. */
#include "query/analysis.h"

#include "table/stage.h"

#include <string.h>

/* Null is a value here: protocols without ports have none on either side. Frames that are not IP are told
 * apart by their MAC addresses. */
static const char *const keys[] = {"src_ip", "dst_ip", "proto", "src_port", "dst_port"};
static const char *const other[] = {"dst_ip", "src_ip", "proto", "dst_port", "src_port"};
#define KEYS (sizeof keys / sizeof *keys)

/* "a.src_ip IS NOT DISTINCT FROM f_.src_ip AND …" */
static void keys_equal(const char *packets, bool exchanged, struct eg_strbuf *sql) {
    for (size_t i = 0; i < KEYS; i++)
        eg_strbuf_printf(sql, "%s%s.%s IS NOT DISTINCT FROM f_.%s", i ? " AND " : "", packets,
                         keys[i], exchanged ? other[i] : keys[i]);
    const char *from = exchanged ? "dst_mac" : "src_mac", *to = exchanged ? "src_mac" : "dst_mac";
    eg_strbuf_printf(sql,
                     " AND (f_.src_ip IS NOT NULL OR f_.src_mac IS NULL OR (%s.src_mac IS NOT "
                     "DISTINCT FROM f_.%s AND "
                     "%s.dst_mac IS NOT DISTINCT FROM f_.%s))",
                     packets, from, packets, to);
}

static void times_overlap(const char *packets, struct eg_strbuf *sql) {
    eg_strbuf_printf(sql, " AND %s.time BETWEEN f_.from_ AND f_.to_", packets);
}

/* The flows, with the time in which their packets must lie. Exporters put ICMP's type and code where
 * ports are; packets do not. */
static void flows_timed(const char *flows, struct eg_strbuf *sql) {
    static const char clock[] = "CASE WHEN source = 'packet' THEN INTERVAL 0 SECOND ELSE "
                                "INTERVAL 1 SECOND END";
    eg_strbuf_printf(sql,
                     "(SELECT src_ip, dst_ip, src_mac, dst_mac, proto, CASE WHEN proto NOT IN (1, "
                     "58) THEN src_port END "
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

/* "CASE WHEN r_.proto … END": a port, where there are ports. */
static void port_of(const char *row, const char *port, struct eg_strbuf *sql) {
    eg_strbuf_printf(sql, "CASE WHEN %s.proto NOT IN (1, 58) THEN %s.%s END", row, row, port);
}

/* "… ON": r_ is of the other direction, and not further away than a conversation may pause. */
static void other_way(int64_t idle_us, struct eg_strbuf *sql) {
    static const char *const same[] = {"proto", "vlan", "tunnel", "source"};
    eg_strbuf_text(sql, "r_.src_ip IS NOT DISTINCT FROM g_.dst_ip AND r_.dst_ip IS NOT DISTINCT "
                        "FROM g_.src_ip AND ");
    port_of("r_", "src_port", sql);
    eg_strbuf_text(sql, " IS NOT DISTINCT FROM ");
    port_of("g_", "dst_port", sql);
    eg_strbuf_text(sql, " AND ");
    port_of("r_", "dst_port", sql);
    eg_strbuf_text(sql, " IS NOT DISTINCT FROM ");
    port_of("g_", "src_port", sql);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        eg_strbuf_printf(sql, " AND r_.%s IS NOT DISTINCT FROM g_.%s", same[i], same[i]);
    eg_strbuf_text(sql,
                   " AND (g_.src_ip IS NOT NULL OR (r_.src_mac IS NOT DISTINCT FROM g_.dst_mac "
                   "AND r_.dst_mac IS NOT DISTINCT FROM g_.src_mac))");
    eg_strbuf_printf(sql,
                     " AND epoch_us(r_.start_time) <= epoch_us(g_.last_) + %lld AND "
                     "epoch_us(r_.last_) >= epoch_us(g_.start_time) - %lld",
                     (long long)idle_us, (long long)idle_us);
}

#define LAST "greatest(coalesce(end_time, start_time), start_time) AS last_"

enum eg_status eg_sql_conversations(const struct eg_origin *origin, const char *flows,
                                    struct eg_strbuf *sql, struct eg_error *err) {
    int64_t idle_us = origin->metering ? origin->metering->idle_us : 0;
    if (!idle_us) idle_us = EG_METERING_IDLE_US;
    eg_strbuf_text(sql, "WITH g_ AS MATERIALIZED (SELECT row_number() OVER () AS n_, " LAST
                        ", " EG_FLOW_KEY_FIELDS " FROM (");
    eg_strbuf_text(sql, flows);
    eg_strbuf_text(sql, ") AS given_), o_ AS (SELECT g_.n_, r_.start_time AS from_, r_.last_ AS "
                        "to_, row_number() OVER (PARTITION BY g_.n_ ORDER BY "
                        "greatest(epoch_us(r_.start_time) - epoch_us(g_.last_), "
                        "epoch_us(g_.start_time) - epoch_us(r_.last_), 0), "
                        "abs(epoch_us(r_.start_time) - epoch_us(g_.start_time))) AS nearest_ "
                        "FROM g_ JOIN (SELECT *, " LAST " FROM ");
    EG_TRY(eg_sql_rows(origin, sql, err));
    eg_strbuf_text(sql, " AS all_) AS r_ ON ");
    other_way(idle_us, sql);
    eg_strbuf_text(sql, ") SELECT g_.* REPLACE (least(g_.start_time, coalesce(o_.from_, "
                        "g_.start_time)) AS start_time, greatest(g_.last_, coalesce(o_.to_, "
                        "g_.last_)) AS end_time) FROM g_ LEFT JOIN o_ ON o_.n_ = g_.n_ AND "
                        "o_.nearest_ = 1 ORDER BY g_.n_");
    return sql->failed ? eg_fail(err, EG_E_NOMEM, "no memory for a query") : EG_OK;
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
