/* SPDX-License-Identifier: Apache-2.0
 * Top talkers: rows grouped by one or more columns, the largest first. */
#include "query/analysis.h"

#include <string.h>

/* Groupings that are no columns. `sides`: a row counts for both its ends. */
static const struct grouping {
    const char *name;
    const char *columns;   /* names in the result */
    const char *left, *right; /* expression per side; right NULL: one side */
} groupings[] = {
    {"pair", "ip_a, ip_b", "least(src_ip, dst_ip) AS ip_a, greatest(src_ip, dst_ip) AS ip_b", NULL},
    {"ip", "ip", "src_ip AS ip", "dst_ip AS ip"},
    {"host", "ip", "src_ip AS ip", "dst_ip AS ip"},
    {"port", "port", "src_port AS port", "dst_port AS port"},
    {"as", "asn", "src_as AS asn", "dst_as AS asn"},
};

static const struct grouping *grouping_find(const char *name) {
    for (size_t i = 0; i < sizeof groupings / sizeof *groupings; i++)
        if (strcmp(groupings[i].name, name) == 0) return &groupings[i];
    return NULL;
}

static enum eg_status unknown_field(const char *name, struct eg_error *err) {
    const struct eg_table *flows = eg_table_get(EG_TABLE_FLOWS);
    const char *names[EG_COLUMNS_MAX + 8];
    size_t count = 0;
    for (uint32_t i = 0; i < flows->count; i++) names[count++] = flows->columns[i].name;
    for (size_t i = 0; i < sizeof groupings / sizeof *groupings; i++)
        names[count++] = groupings[i].name;
    const char *near = eg_nearest(name, names, count);
    if (near)
        return eg_fail(err, EG_E_USAGE, "unknown field '%s' (did you mean '%s'?)", name, near);
    return eg_fail(err, EG_E_USAGE, "unknown field '%s'; 'earlgrey fields' lists them", name);
}

static void counters(const struct eg_top_request *request, struct eg_strbuf *sql) {
    eg_strbuf_text(sql, ", ");
    eg_sql_counter("packets", request->raw, sql);
    eg_strbuf_text(sql, " AS packets_, ");
    eg_sql_counter("bytes", request->raw, sql);
    eg_strbuf_text(sql, " AS bytes_ FROM ");
}

static enum eg_status group_rows(const struct eg_top_request *request,
                                 const struct grouping *grouping, const char *columns,
                                 struct eg_strbuf *sql, struct eg_error *err) {
    eg_strbuf_printf(sql, "(SELECT %s", grouping ? grouping->left : columns);
    counters(request, sql);
    EG_TRY(eg_sql_rows(&request->origin, sql, err));
    eg_strbuf_text(sql, " AS left_");
    if (grouping && grouping->right) {
        /* a row whose two ends are the same counts once */
        const char *space = strchr(grouping->left, ' ');
        int name = (int)(space - grouping->left);
        const char *end = strchr(grouping->right, ' ');
        eg_strbuf_printf(sql, " UNION ALL SELECT %s", grouping->right);
        counters(request, sql);
        EG_TRY(eg_sql_rows(&request->origin, sql, err));
        eg_strbuf_printf(sql, " AS right_ WHERE %.*s IS DISTINCT FROM %.*s", name, grouping->left,
                         (int)(end - grouping->right), grouping->right);
    }
    eg_strbuf_text(sql, ") AS grouped_");
    return EG_OK;
}

static enum eg_status join_columns(const struct eg_top_request *request, struct eg_strbuf *to,
                                   struct eg_error *err) {
    for (size_t i = 0; i < request->by_count; i++) {
        if (eg_column_find(eg_table_get(EG_TABLE_FLOWS), request->by[i]) < 0) {
            if (grouping_find(request->by[i]))
                return eg_fail(err, EG_E_USAGE, "'%s' cannot be combined with other fields",
                               request->by[i]);
            return unknown_field(request->by[i], err);
        }
        eg_strbuf_printf(to, "%s%s", i ? ", " : "", request->by[i]);
    }
    return EG_OK;
}

enum eg_status eg_sql_top(const struct eg_top_request *request, struct eg_strbuf *sql,
                          struct eg_error *err) {
    const struct grouping *grouping =
        request->by_count == 1 ? grouping_find(request->by[0]) : NULL;
    struct eg_strbuf columns = {0};
    enum eg_status status = EG_OK;
    if (grouping) eg_strbuf_text(&columns, grouping->columns);
    else status = join_columns(request, &columns, err);
    if (status >= 0 && strcmp(request->metric, "bytes") != 0 &&
        strcmp(request->metric, "packets") != 0 && strcmp(request->metric, "flows") != 0)
        status = eg_fail(err, EG_E_USAGE, "unknown metric '%s'; there are bytes, packets and flows",
                         request->metric);
    if (status >= 0) {
        eg_strbuf_printf(sql,
                         "SELECT %s, CAST(count(*) AS BIGINT) AS flows, "
                         "CAST(sum(packets_) AS BIGINT) AS packets, "
                         "CAST(sum(bytes_) AS BIGINT) AS bytes FROM ",
                         columns.text);
        status = group_rows(request, grouping, columns.text, sql, err);
    }
    if (status >= 0) {
        eg_strbuf_printf(sql, " GROUP BY %s ORDER BY %s DESC NULLS LAST, %s", columns.text,
                         request->metric, columns.text);
        if (request->limit > 0) {
            eg_strbuf_text(sql, " LIMIT ");
            eg_strbuf_i64(sql, request->limit);
        }
        if (sql->failed) status = eg_fail(err, EG_E_NOMEM, "no memory for a query");
    }
    eg_strbuf_reset(&columns);
    return status;
}
