/* SPDX-License-Identifier: Apache-2.0
 * Where a question's rows come from: the FROM part of every analysis, over a dataset or straight
 * over captures, out of exports or out of packets. */
#include "query/analysis.h"

#include "base/timetext.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <string.h>

const struct eg_counted *eg_counted_get(enum eg_table_id table) {
    static const struct eg_counted counted[] = {
        {EG_TABLE_FLOWS, "start_time", "end_time", "packets", "bytes", "flows"},
        {EG_TABLE_PACKETS, "time", "time", "CAST(1 AS BIGINT)", "length", NULL},
    };
    return &counted[table == EG_TABLE_PACKETS];
}

void eg_sql_time(int64_t time_us, struct eg_strbuf *sql) {
    char text[40];
    eg_time_text(time_us, text);
    eg_strbuf_printf(sql, "CAST('%s' AS TIMESTAMP WITH TIME ZONE)", text);
}

static void bound(const char *column, const char *op, int64_t time_us, struct eg_strbuf *sql) {
    eg_strbuf_printf(sql, " AND %s %s ", column, op);
    eg_sql_time(time_us, sql);
}

void eg_sql_moments(const struct eg_origin *origin, const char *column, struct eg_strbuf *sql) {
    if (origin->from_us != INT64_MIN) bound(column, ">=", origin->from_us, sql);
    if (origin->to_us != INT64_MAX) bound(column, "<=", origin->to_us, sql);
}

void eg_sql_times(const struct eg_origin *origin, struct eg_strbuf *sql) {
    const char *match = origin->match ? origin->match : "overlaps";
    /* overlaps: the flow's last packet is not before the range and its first one not behind it */
    const char *low =
        strcmp(match, "start") == 0 || strcmp(match, "inside") == 0 ? "start_time" : "end_time";
    const char *high =
        strcmp(match, "end") == 0 || strcmp(match, "inside") == 0 ? "end_time" : "start_time";
    if (origin->from_us != INT64_MIN) bound(low, ">=", origin->from_us, sql);
    if (origin->to_us != INT64_MAX) bound(high, "<=", origin->to_us, sql);
    if (!origin->bounded) return;
    if (origin->begin_us != INT64_MIN) bound("start_time", ">=", origin->begin_us, sql);
    if (origin->before_us != INT64_MAX) bound("start_time", "<", origin->before_us, sql);
    if (origin->alive_us != INT64_MIN)
        bound("greatest(coalesce(end_time, start_time), start_time)", ">=", origin->alive_us, sql);
}

void eg_sql_window(const char *time, int64_t window_us, struct eg_strbuf *sql) {
    eg_strbuf_printf(sql, "CAST(floor(unix_micros(%s) / CAST(%" PRId64 " AS DOUBLE)) AS BIGINT)",
                     time, window_us);
}

void eg_sql_rates(const char *prefix, int64_t width_us, struct eg_strbuf *sql) {
    static const struct {
        const char *of, *name;
        int each;
    } rates[] = {{"packets", "packets", 1}, {"bytes", "bits", 8}};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        eg_strbuf_printf(
            sql, ", CAST(%s%s AS DOUBLE) * %d000000 / CAST(%" PRId64 " AS DOUBLE) AS %s%s_per_s",
            prefix, rates[i].of, rates[i].each, width_us, prefix, rates[i].name);
}

/* A list is of one type: where one name is no text, all stand there as bytes. */
static bool all_text(const struct eg_origin *origin) {
    bool text = true;
    for (size_t i = 0; i < origin->capture_count; i++) {
        size_t size = strlen(origin->captures[i]);
        text = text && eg_utf8_good(eg_span(origin->captures[i], size)) == size;
    }
    return text;
}

void eg_sql_captures(const struct eg_origin *origin, struct eg_strbuf *sql) {
    bool text = all_text(origin);
    eg_strbuf_char(sql, '[');
    for (size_t i = 0; i < origin->capture_count; i++) {
        if (i) eg_strbuf_text(sql, ", ");
        if (text)
            eg_sql_quote(origin->captures[i], sql);
        else
            eg_sql_bytes(origin->captures[i], sql);
    }
    eg_strbuf_char(sql, ']');
    if (!origin->netflow_port_count) return;
    eg_strbuf_text(sql, ", netflow_ports := [");
    for (uint32_t i = 0; i < origin->netflow_port_count; i++)
        eg_strbuf_printf(sql, "%s%u", i ? ", " : "", (unsigned)origin->netflow_ports[i]);
    eg_strbuf_char(sql, ']');
}

/* What packets tell of a flow that they are one of, and of one that each of them is. */
static const struct {
    const char *column, *expression, *each;
} told[] = {
    {"start_time", "min(time)", "time"},
    {"end_time", "max(time)", "time"},
    {"received_time", "min(time)", "time"},
    {"src_ip", "src_ip", "src_ip"},
    {"dst_ip", "dst_ip", "dst_ip"},
    {"src_port", "src_port", "src_port"},
    {"dst_port", "dst_port", "dst_port"},
    {"proto", "proto", "proto"},
    {"packets", "CAST(count(*) AS BIGINT)", "CAST(1 AS BIGINT)"},
    {"bytes", "CAST(least(sum(length), 9223372036854775807) AS BIGINT)", "length"},
    {"sampling_rate", "CAST(1 AS BIGINT)", "CAST(1 AS BIGINT)"},
    {"tcp_flags", "bit_or(tcp_flags)", "tcp_flags"},
    {"icmp_type", "icmp_type", "icmp_type"},
    {"icmp_code", "icmp_code", "icmp_code"},
    {"min_ttl", "min(ttl)", "ttl"},
    {"max_ttl", "max(ttl)", "ttl"},
    {"vlan", "vlan", "vlan"},
    {"tunnel", "min(tunnel)", "tunnel"}, /* where there were several, of one */
    {"tunnel_id", "min(tunnel_id)", "tunnel_id"},
    {"outer_src_ip", "min(outer_src_ip)", "outer_src_ip"},
    {"outer_dst_ip", "min(outer_dst_ip)", "outer_dst_ip"},
    {"min_length", "min(length)", "length"},
    {"max_length", "max(length)", "length"},
    {"source", "'packet'", "'packet'"},
};

bool eg_sql_packets_tell(const char *column) {
    for (size_t k = 0; k < sizeof told / sizeof *told; k++)
        if (strcmp(told[k].column, column) == 0) return true;
    return false;
}

/* Packets shaped as flows, of the time asked for: one row a 5-tuple (and ICMP type), its bytes those on
 * the wire; or one row a packet. A column that packets cannot tell is null. */
static void packets_as_flows(const char *packets, const struct eg_origin *origin,
                             struct eg_strbuf *sql) {
    bool each = origin->each_packet;
    const struct eg_table *flows = eg_table_get(EG_TABLE_FLOWS);
    static const char *const sql_types[] = {[EG_TYPE_TIME] = "TIMESTAMP WITH TIME ZONE",
                                            [EG_TYPE_I16] = "SMALLINT",
                                            [EG_TYPE_I32] = "INTEGER",
                                            [EG_TYPE_I64] = "BIGINT",
                                            [EG_TYPE_F64] = "DOUBLE",
                                            [EG_TYPE_BOOL] = "BOOLEAN",
                                            [EG_TYPE_TEXT] = "VARCHAR",
                                            [EG_TYPE_NAME] = "VARCHAR",
                                            [EG_TYPE_ADDR] = "VARCHAR",
                                            [EG_TYPE_MAC] = "VARCHAR",
                                            [EG_TYPE_BIN] = "BLOB",
                                            [EG_TYPE_VIEW] = "BLOB"};
    eg_strbuf_text(sql, "(SELECT ");
    for (uint32_t i = 0; i < flows->count; i++) {
        const char *expression = NULL;
        for (size_t k = 0; k < sizeof told / sizeof *told; k++)
            if (strcmp(told[k].column, flows->columns[i].name) == 0)
                expression = each ? told[k].each : told[k].expression;
        if (i) eg_strbuf_text(sql, ", ");
        if (expression)
            eg_strbuf_printf(sql, "%s AS %s", expression, flows->columns[i].name);
        else
            eg_strbuf_printf(sql, "CAST(NULL AS %s) AS %s", sql_types[flows->columns[i].type],
                             flows->columns[i].name);
    }
    eg_strbuf_text(sql, " FROM ");
    eg_strbuf_text(sql, packets);
    eg_strbuf_text(sql, " AS p_ WHERE TRUE");
    eg_sql_moments(origin, "time", sql);
    if (!each)
        eg_strbuf_text(sql, " GROUP BY src_ip, dst_ip, src_port, dst_port, proto, icmp_type,"
                            " icmp_code, vlan");
    if (!each && origin->window_us) {
        eg_strbuf_text(sql, ", ");
        eg_sql_window("time", origin->window_us, sql);
    }
    eg_strbuf_char(sql, ')');
}

enum eg_status eg_sql_relation(const struct eg_origin *origin, enum eg_table_id table,
                               int64_t from_us, int64_t to_us, struct eg_strbuf *sql,
                               struct eg_error *err) {
    if (origin->snapshot)
        return eg_snapshot_relation(origin->snapshot, table, from_us, to_us, sql, err);
    return eg_dataset_relation(origin->dataset, table, from_us, to_us, sql, err);
}

/* The files that may hold rows of the origin's times and bounds. */
static enum eg_status relation(const struct eg_origin *origin, enum eg_table_id table,
                               struct eg_strbuf *sql, struct eg_error *err) {
    int64_t from = origin->from_us, to = origin->to_us;
    if (origin->bounded && origin->begin_us > from) from = origin->begin_us;
    if (origin->bounded && origin->alive_us > from) from = origin->alive_us;
    if (origin->bounded && origin->before_us < to) to = origin->before_us;
    return eg_sql_relation(origin, table, from, to, sql, err);
}

/* What read_flows is to make of captures. */
static void captured_source(const struct eg_origin *origin, struct eg_strbuf *sql) {
    static const char *const counts[] = {
        [EG_COUNT_ALL] = "auto", [EG_COUNT_EXPORTS] = "exports", [EG_COUNT_METERED] = "packet"};
    const char *source = counts[origin->count];
    if (origin->source) source = strcmp(origin->source, "packet") == 0 ? "packet" : "exports";
    eg_strbuf_printf(sql, ", source := '%s'", source);
    const struct eg_metering *m = origin->metering;
    if (!m || strcmp(source, "exports") == 0) return;
    if (m->idle_us) eg_strbuf_printf(sql, ", idle_us := %" PRId64, m->idle_us);
    if (m->active_us) eg_strbuf_printf(sql, ", active_us := %" PRId64, m->active_us);
    if (m->one_way) eg_strbuf_text(sql, ", one_way := true");
    if (m->outermost) eg_strbuf_text(sql, ", outermost := true");
    if (m->payload_bytes) eg_strbuf_printf(sql, ", payload := %u", m->payload_bytes);
    if (m->memory_max) eg_strbuf_printf(sql, ", flow_memory := %" PRIu64, m->memory_max);
    if (m->vlan_key || m->tunnel_key)
        eg_strbuf_printf(sql, ", flow_key := '%s%s%s'", m->vlan_key ? "vlan" : "",
                         m->vlan_key && m->tunnel_key ? "," : "", m->tunnel_key ? "tunnel" : "");
}

static void captured_flows(const struct eg_origin *origin, struct eg_strbuf *sql) {
    eg_strbuf_text(sql, "read_flows(");
    eg_sql_captures(origin, sql);
    captured_source(origin, sql);
    if (origin->filter && !eg_filter_is_all(origin->filter)) {
        struct eg_strbuf text = {0};
        eg_filter_text(origin->filter, &text);
        eg_strbuf_text(sql, ", filter := ");
        eg_sql_quote(text.text ? text.text : "", sql);
        eg_strbuf_reset(&text);
    }
    if (origin->codes) eg_strbuf_text(sql, ", addresses := 'code'");
    eg_strbuf_char(sql, ')');
}

static enum eg_status base_rows(const struct eg_origin *origin, struct eg_strbuf *sql,
                                struct eg_error *err) {
    struct eg_strbuf packets = {0};
    enum eg_status status = EG_OK;
    if (origin->from_packets) {
        if (origin->dataset) {
            status = relation(origin, EG_TABLE_PACKETS, &packets, err);
        } else {
            eg_strbuf_text(&packets, "read_packets(");
            eg_sql_captures(origin, &packets);
            eg_strbuf_char(&packets, ')');
        }
        if (status >= 0 && packets.text) packets_as_flows(packets.text, origin, sql);
    } else if (origin->dataset) {
        status = relation(origin, EG_TABLE_FLOWS, sql, err);
    } else {
        captured_flows(origin, sql);
    }
    eg_strbuf_reset(&packets);
    return status;
}

/* SELECT from `base` what matches times, source and `condition` (NULL: no more). */
static void selected(const struct eg_origin *origin, const char *base, const char *condition,
                     struct eg_strbuf *sql) {
    eg_strbuf_text(sql, "SELECT * FROM ");
    eg_strbuf_text(sql, base);
    eg_strbuf_text(sql, " AS rows_ WHERE TRUE");
    eg_sql_times(origin, sql);
    if (origin->source && !origin->from_packets) {
        eg_strbuf_text(sql, " AND source = ");
        eg_sql_quote(origin->source, sql);
    } else if (origin->dataset && !origin->from_packets && origin->count != EG_COUNT_ALL) {
        eg_strbuf_text(sql, origin->count == EG_COUNT_METERED
                                ? " AND source = 'packet'"
                                : " AND source IS DISTINCT FROM 'packet'");
    }
    if (condition) {
        eg_strbuf_text(sql, " AND (");
        eg_strbuf_text(sql, condition);
        eg_strbuf_char(sql, ')');
    }
}

static enum eg_status plain_rows(const struct eg_origin *origin, struct eg_strbuf *sql,
                                 struct eg_error *err) {
    struct eg_strbuf base = {0}, one = {0}, two = {0};
    enum eg_status status = base_rows(origin, &base, err);
    /* read_flows takes the filter itself; everything else gets it as SQL */
    bool pushed = !origin->dataset && !origin->from_packets;
    bool filtered = origin->filter && !eg_filter_is_all(origin->filter) && !pushed;
    bool sides = filtered && origin->dataset && eg_filter_sides(origin->filter, &one, &two);
    if (filtered && !sides) eg_filter_sql(origin->filter, &one);
    if (status >= 0 && (base.failed || one.failed || two.failed))
        status = eg_fail(err, EG_E_NOMEM, "no memory for a query");
    if (status >= 0) {
        eg_strbuf_char(sql, '(');
        selected(origin, base.text, filtered ? one.text : NULL, sql);
        if (sides) {
            eg_strbuf_text(sql, " UNION ALL ");
            selected(origin, base.text, two.text, sql);
        }
        eg_strbuf_char(sql, ')');
        if (sql->failed) status = eg_fail(err, EG_E_NOMEM, "no memory for a query");
    }
    eg_strbuf_reset(&base);
    eg_strbuf_reset(&one);
    eg_strbuf_reset(&two);
    return status;
}

enum eg_status eg_sql_rows(const struct eg_origin *origin, struct eg_strbuf *sql,
                           struct eg_error *err) {
    if (origin->table == EG_TABLE_PACKETS) return eg_sql_packet_rows(origin, sql, err);
    if (origin->dedup == EG_DEDUP_NONE || origin->from_packets) return plain_rows(origin, sql, err);
    struct eg_strbuf rows = {0};
    enum eg_status status = plain_rows(origin, &rows, err);
    if (status >= 0) eg_sql_dedup(origin->dedup, origin->codes, rows.text, sql);
    if (status >= 0 && sql->failed) status = eg_fail(err, EG_E_NOMEM, "no memory for a query");
    eg_strbuf_reset(&rows);
    return status;
}
