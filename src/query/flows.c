/* SPDX-License-Identifier: Apache-2.0
 * Flow records as they are: chosen columns, in the order of their start. */
#include "query/analysis.h"

#include "base/alloc.h"

#include <string.h>

static const char *const usual = "start_time,end_time,proto,src_ip,src_port,dst_ip,dst_port,"
                                 "packets,bytes,tcp_flags,sampling_rate,exporter,source";

static enum eg_status add_field(const char *name, bool raw, struct eg_strbuf *sql,
                                struct eg_error *err) {
    const struct eg_table *flows = eg_table_get(EG_TABLE_FLOWS);
    const struct eg_derived *derived = eg_derived_find(EG_TABLE_FLOWS, name);
    if (derived) {
        eg_strbuf_printf(sql, "%s AS %s", derived->expression, name);
        return EG_OK;
    }
    if (eg_column_find(flows, name) >= 0) {
        bool counter = strcmp(name, "bytes") == 0 || strcmp(name, "packets") == 0;
        if (counter && !raw) {
            eg_sql_counter(name, false, sql);
            eg_strbuf_printf(sql, " AS %s", name);
        } else {
            eg_strbuf_text(sql, name);
        }
        return EG_OK;
    }
    return eg_sql_unknown_field(EG_TABLE_FLOWS, name, NULL, 0, err);
}

static enum eg_status add_fields(const char *fields, bool raw, struct eg_strbuf *sql,
                                 struct eg_error *err) {
    char name[64];
    for (const char *at = fields; *at;) {
        size_t size = strcspn(at, ", ");
        if (size >= sizeof name) return eg_fail(err, EG_E_USAGE, "unknown field '%.40s…'", at);
        memcpy(name, at, size);
        name[size] = 0;
        if (size) {
            if (at != fields) eg_strbuf_text(sql, ", ");
            EG_TRY(add_field(name, raw, sql, err));
        }
        at += size;
        at += strspn(at, ", ");
    }
    return EG_OK;
}

enum eg_status eg_sql_flows(const struct eg_origin *origin, const char *fields, int64_t limit,
                            const char *order, bool raw, struct eg_strbuf *sql,
                            struct eg_error *err) {
    eg_strbuf_text(sql, "SELECT ");
    if (fields && strcmp(fields, "all") == 0) {
        const struct eg_table *flows = eg_table_get(EG_TABLE_FLOWS);
        for (uint32_t i = 0; i < flows->count; i++) {
            if (i) eg_strbuf_text(sql, ", ");
            EG_TRY(add_field(flows->columns[i].name, raw, sql, err));
        }
    } else {
        EG_TRY(add_fields(fields && *fields ? fields : usual, raw, sql, err));
    }
    eg_strbuf_text(sql, " FROM ");
    EG_TRY(eg_sql_rows(origin, sql, err));
    eg_strbuf_text(sql, " AS f");
    if (!order || strcmp(order, "none") != 0) {
        bool descending = order && strchr("-", order[0]) && order[0];
        const char *column = order ? order + descending : "start_time";
        if (eg_column_find(eg_table_get(EG_TABLE_FLOWS), column) < 0)
            return eg_fail(err, EG_E_USAGE,
                           "cannot sort by '%s'; 'earlgrey fields flows' lists "
                           "what there is, and 'none' keeps the stored order",
                           column);
        eg_strbuf_printf(sql,
                         " ORDER BY f.%s%s NULLS LAST, f.end_time, f.src_ip, f.dst_ip, "
                         "f.src_port, f.dst_port",
                         column, descending ? " DESC" : "");
    }
    if (limit > 0) {
        eg_strbuf_text(sql, " LIMIT ");
        eg_strbuf_i64(sql, limit);
    }
    return sql->failed ? eg_fail(err, EG_E_NOMEM, "no memory for a query") : EG_OK;
}
