/* SPDX-License-Identifier: Apache-2.0
 * The tables as views, with their derived columns, for `earlgrey sql`. */
#include "query/analysis.h"

static const char *const derived_flows =
    ", protocol_name(proto) AS protocol, unix_micros(end_time) - unix_micros(start_time) AS "
    "duration_us, ";
static const char *const derived_packets = ", protocol_name(proto) AS protocol";

static void view_columns(enum eg_table_id table, struct eg_strbuf *sql) {
    eg_strbuf_printf(sql, "CREATE OR REPLACE TEMP VIEW %s AS SELECT *", eg_table_name(table));
    if (table == EG_TABLE_FLOWS) {
        eg_strbuf_text(sql, derived_flows);
        eg_sql_counter("bytes", false, sql);
        eg_strbuf_text(sql, " AS scaled_bytes, ");
        eg_sql_counter("packets", false, sql);
        eg_strbuf_text(sql, " AS scaled_packets");
    }
    if (table == EG_TABLE_PACKETS) eg_strbuf_text(sql, derived_packets);
    eg_strbuf_text(sql, " FROM ");
}

enum eg_status eg_sql_views(struct eg_dataset *dataset, struct eg_strbuf *sql,
                            struct eg_error *err) {
    for (enum eg_table_id table = EG_TABLE_FLOWS; table < EG_TABLE_RAW; table++) {
        view_columns(table, sql);
        EG_TRY(eg_dataset_relation(dataset, table, INT64_MIN, INT64_MAX, sql, err));
        eg_strbuf_text(sql, ";\n");
    }
    return sql->failed ? eg_fail(err, EG_E_NOMEM, "no memory for a query") : EG_OK;
}

enum eg_status eg_sql_capture_views(const struct eg_origin *origin, struct eg_strbuf *sql,
                                    struct eg_error *err) {
    static const enum eg_table_id tables[] = {EG_TABLE_FLOWS, EG_TABLE_PACKETS, EG_TABLE_LOSSES};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        view_columns(tables[i], sql);
        eg_strbuf_printf(sql, "read_%s(", eg_table_name(tables[i]));
        eg_sql_captures(origin, sql);
        eg_strbuf_text(sql, ");\n");
    }
    return sql->failed ? eg_fail(err, EG_E_NOMEM, "no memory for a query") : EG_OK;
}
