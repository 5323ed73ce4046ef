/* SPDX-License-Identifier: Apache-2.0
 * Packets as they are indexed: which rows a question selects, as rows to show, and as places (file and
 * offset) in the order of time to fetch them from. */
#include "query/analysis.h"

#include "base/timetext.h"

#include <stdio.h>
#include <string.h>

static const char *const usual = "time,src_ip,src_port,dst_ip,dst_port,proto,length,payload_length,"
                                 "tcp_flags,vlan,tunnel,file,offset";

/* ---- fields ---- */

static enum eg_status add_field(const char *name, struct eg_strbuf *sql, struct eg_error *err) {
    const char *field = eg_sql_field(EG_TABLE_PACKETS, name, NULL);
    if (!field) return eg_sql_unknown_field(EG_TABLE_PACKETS, name, NULL, 0, err);
    if (eg_derived_find(EG_TABLE_PACKETS, name))
        eg_strbuf_printf(sql, "%s AS %s", field, name);
    else
        eg_strbuf_text(sql, field);
    return EG_OK;
}

static enum eg_status add_fields(const char *fields, struct eg_strbuf *sql, struct eg_error *err) {
    const struct eg_table *packets = eg_table_get(EG_TABLE_PACKETS);
    if (fields && strcmp(fields, "all") == 0) {
        for (uint32_t i = 0; i < packets->count; i++)
            eg_strbuf_printf(sql, "%s\"%s\"", i ? ", " : "", packets->columns[i].name);
        return EG_OK;
    }
    char name[64];
    bool first = true;
    for (const char *at = fields && *fields ? fields : usual; *at;) {
        size_t size = strcspn(at, ", ");
        if (size >= sizeof name) return eg_fail(err, EG_E_USAGE, "unknown field '%.40s…'", at);
        memcpy(name, at, size);
        name[size] = 0;
        if (size && !first) eg_strbuf_text(sql, ", ");
        if (size) EG_TRY(add_field(name, sql, err));
        first = first && !size;
        at += size;
        at += strspn(at, ", ");
    }
    return EG_OK;
}

/* ---- rows ---- */

enum eg_status eg_sql_packet_relation(const struct eg_origin *origin, struct eg_strbuf *sql,
                                      struct eg_error *err) {
    if (origin->dataset)
        return eg_sql_relation(origin, EG_TABLE_PACKETS, origin->from_us, origin->to_us, sql, err);
    eg_strbuf_text(sql, "read_packets(");
    eg_sql_captures(origin, sql);
    eg_strbuf_char(sql, ')');
    return EG_OK;
}

/* "SELECT * FROM base WHERE …" */
static void selected(const struct eg_packets_request *request, const char *base,
                     const char *condition, struct eg_strbuf *sql) {
    const struct eg_origin *origin = &request->origin;
    eg_strbuf_printf(sql, "SELECT * FROM ");
    eg_strbuf_text(sql, base);
    eg_strbuf_text(sql, " AS p_ WHERE TRUE");
    eg_sql_moments(origin, "time", sql);
    if (condition && request->outermost) {
        /* what tunnels hold is looked at in the frame */
        eg_strbuf_text(sql, " AND (tunnel IS NOT NULL OR (");
        eg_strbuf_text(sql, condition);
        eg_strbuf_text(sql, "))");
    } else if (condition) {
        eg_strbuf_text(sql, " AND (");
        eg_strbuf_text(sql, condition);
        eg_strbuf_char(sql, ')');
    }
    if (request->condition) {
        eg_strbuf_text(sql, " AND (");
        eg_strbuf_text(sql, request->condition);
        eg_strbuf_char(sql, ')');
    }
}

/* The same relation, seen from the other end. */
static void exchanged(const char *base, struct eg_strbuf *sql) {
    static const char *const ends[] = {"ip", "port", "mac"};
    eg_strbuf_text(sql, "(SELECT * EXCLUDE (src_ip, dst_ip, src_port, dst_port, src_mac, dst_mac, "
                        "outer_src_ip, outer_dst_ip)");
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        eg_strbuf_printf(sql, ", dst_%s AS src_%s, src_%s AS dst_%s", ends[i], ends[i], ends[i],
                         ends[i]);
    eg_strbuf_text(sql, ", outer_dst_ip AS outer_src_ip, outer_src_ip AS outer_dst_ip FROM ");
    eg_strbuf_text(sql, base);
    eg_strbuf_text(sql, " AS x_)");
}

/* "(SELECT …)": the rows that are selected, whole ones; of an address on either side as two questions,
 * each of which statistics and Bloom filters can answer. */
static enum eg_status one_way(const struct eg_packets_request *request, const char *base,
                              struct eg_strbuf *sql, struct eg_error *err) {
    const struct eg_origin *origin = &request->origin;
    struct eg_strbuf one = {0}, two = {0};
    bool filtered = origin->filter && !eg_filter_is_all(origin->filter);
    bool sides = filtered && origin->dataset && !request->outermost &&
                 eg_filter_sides(origin->filter, &one, &two);
    if (filtered && !sides) eg_filter_sql(origin->filter, &one);
    eg_strbuf_char(sql, '(');
    selected(request, base, filtered ? one.text : NULL, sql);
    if (sides) {
        eg_strbuf_text(sql, " UNION ALL ");
        selected(request, base, two.text, sql);
    }
    eg_strbuf_char(sql, ')');
    bool failed = one.failed || two.failed || sql->failed;
    eg_strbuf_reset(&one);
    eg_strbuf_reset(&two);
    return failed ? eg_fail(err, EG_E_NOMEM, "no memory for a query") : EG_OK;
}

enum eg_status eg_sql_packet_rows(const struct eg_origin *origin, struct eg_strbuf *sql,
                                  struct eg_error *err) {
    struct eg_packets_request request = {.origin = *origin};
    struct eg_strbuf base = {0};
    enum eg_status status = eg_sql_packet_relation(origin, &base, err);
    if (status >= 0) status = one_way(&request, base.text, sql, err);
    if (status >= 0 && base.failed) status = eg_fail(err, EG_E_NOMEM, "no memory for a query");
    eg_strbuf_reset(&base);
    return status;
}

#define PLACE "time, time_ns, file, \"offset\", captured, interface"

/* "(SELECT …)": the places of the rows that are selected, each once. */
static enum eg_status places(const struct eg_packets_request *request, const char *base,
                             struct eg_strbuf *sql, struct eg_error *err) {
    bool filtered = request->origin.filter && !eg_filter_is_all(request->origin.filter);
    eg_strbuf_text(sql, "(SELECT " PLACE " FROM ");
    EG_TRY(one_way(request, base, sql, err));
    if (request->both && filtered) {
        struct eg_strbuf other = {0};
        exchanged(base, &other);
        eg_strbuf_text(sql, " UNION SELECT " PLACE " FROM ");
        enum eg_status status = other.failed ? eg_fail(err, EG_E_NOMEM, "no memory for a query")
                                             : one_way(request, other.text, sql, err);
        eg_strbuf_reset(&other);
        EG_TRY(status);
    }
    eg_strbuf_char(sql, ')');
    return EG_OK;
}

static enum eg_status ordered(const struct eg_packets_request *request, struct eg_strbuf *sql,
                              struct eg_error *err) {
    eg_strbuf_text(sql, " ORDER BY time NULLS LAST, time_ns, file, \"offset\"");
    if (request->limit > 0) eg_strbuf_printf(sql, " LIMIT %lld", (long long)request->limit);
    return sql->failed ? eg_fail(err, EG_E_NOMEM, "no memory for a query") : EG_OK;
}

enum eg_status eg_sql_packet_places(const struct eg_packets_request *request, struct eg_strbuf *sql,
                                    struct eg_error *err) {
    struct eg_strbuf base = {0};
    enum eg_status status = eg_sql_packet_relation(&request->origin, &base, err);
    eg_strbuf_text(sql, "SELECT " PLACE " FROM ");
    if (status >= 0) status = places(request, base.text, sql, err);
    eg_strbuf_text(sql, " AS s_");
    if (status >= 0) status = ordered(request, sql, err);
    eg_strbuf_reset(&base);
    return status;
}

/* An index has of the outer packet of a tunnel the addresses; what else it has is of the inner one, and
 * unknown in this view. A row without outer addresses is of the outermost packet. */
static enum eg_status index_outermost(const struct eg_origin *origin, struct eg_strbuf *sql,
                                      struct eg_error *err) {
    static const char *const inner[] = {
        "src_port",      "dst_port",    "proto",           "payload_length",
        "ttl",           "tos",         "fragment_offset", "more_fragments",
        "dont_fragment", "ip_id",       "tcp_flags",       "tcp_seq",
        "tcp_ack",       "tcp_window",  "icmp_type",       "icmp_code",
        "vlan",          "mpls_labels", "src_mac",         "dst_mac"};
    eg_strbuf_text(
        sql, "(SELECT * REPLACE (CASE WHEN outer_src_ip IS NULL THEN src_ip ELSE outer_src_ip END "
             "AS src_ip, CASE WHEN outer_src_ip IS NULL THEN dst_ip ELSE outer_dst_ip END AS "
             "dst_ip, CAST(CASE WHEN outer_src_ip IS NULL THEN ip_version WHEN outer_src_ip LIKE "
             "'%:%' THEN 6 WHEN outer_src_ip IS NOT NULL THEN 4 END AS SMALLINT) AS "
             "ip_version, CAST(NULL AS VARCHAR) AS outer_src_ip, CAST(NULL AS VARCHAR) AS "
             "outer_dst_ip");
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
        eg_strbuf_printf(sql, ", CASE WHEN outer_src_ip IS NULL THEN %s END AS %s", inner[i],
                         inner[i]);
    eg_strbuf_text(sql, ") FROM ");
    EG_TRY(eg_sql_packet_relation(origin, sql, err));
    eg_strbuf_text(sql, " AS i_)");
    return EG_OK;
}

/* The packets as they are shown. */
static enum eg_status shown_relation(const struct eg_packets_request *request,
                                     struct eg_strbuf *sql, struct eg_error *err) {
    if (!request->outermost) return eg_sql_packet_relation(&request->origin, sql, err);
    if (request->origin.dataset) return index_outermost(&request->origin, sql, err);
    eg_strbuf_text(sql, "read_packets(");
    eg_sql_captures(&request->origin, sql);
    eg_strbuf_text(sql, ", outermost := true)");
    return EG_OK;
}

enum eg_status eg_sql_packets(const struct eg_packets_request *request, const char *fields,
                              struct eg_strbuf *sql, struct eg_error *err) {
    struct eg_strbuf base = {0}, shown = {0};
    enum eg_status status = eg_sql_packet_relation(&request->origin, &base, err);
    if (status >= 0) status = shown_relation(request, &shown, err);
    eg_strbuf_text(sql, "SELECT ");
    if (status >= 0) status = add_fields(fields, sql, err);
    eg_strbuf_text(sql, " FROM ");
    if (status >= 0 && (request->places || request->both)) {
        eg_strbuf_text(sql, shown.text);
        eg_strbuf_text(sql, " AS r_ SEMI JOIN ");
        if (request->places)
            eg_strbuf_text(sql, request->places);
        else
            status = places(request, base.text, sql, err);
        eg_strbuf_text(sql, " AS s_ USING (file, \"offset\")");
    } else if (status >= 0) {
        status = one_way(request, shown.text, sql, err);
        eg_strbuf_text(sql, " AS r_");
    }
    if (status >= 0 && (base.failed || shown.failed))
        status = eg_fail(err, EG_E_NOMEM, "no memory for a query");
    if (status >= 0) status = ordered(request, sql, err);
    eg_strbuf_reset(&base);
    eg_strbuf_reset(&shown);
    return status;
}
