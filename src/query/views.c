/* SPDX-License-Identifier: Apache-2.0
 * The tables as views, with their derived columns, for `earlgrey sql`. */
#include "query/analysis.h"

static void view_columns(enum eg_table_id table, struct eg_strbuf *sql) {
    size_t count;
    const struct eg_derived *derived = eg_derived_all(&count);
    eg_strbuf_printf(sql, "CREATE OR REPLACE TEMP VIEW %s AS SELECT *", eg_table_name(table));
    for (size_t i = 0; i < count; i++)
        if (derived[i].table == table)
            eg_strbuf_printf(sql, ", %s AS %s", derived[i].expression, derived[i].info.name);
    eg_strbuf_text(sql, " FROM ");
}

/* Only the rows of the time and source asked for. */
static void chosen(const struct eg_origin *origin, enum eg_table_id table, struct eg_strbuf *sql) {
    eg_strbuf_text(sql, " AS v_ WHERE TRUE");
    if (table == EG_TABLE_FLOWS || table == EG_TABLE_LOSSES)
        eg_sql_times(origin, sql);
    else
        eg_sql_moments(origin, "time", sql);
    if (!origin->source) return;
    eg_strbuf_text(sql, " AND source = ");
    eg_sql_quote(origin->source, sql);
}

enum eg_status eg_sql_views(const struct eg_origin *origin, struct eg_strbuf *sql,
                            struct eg_error *err) {
    for (enum eg_table_id table = EG_TABLE_FLOWS; table < EG_TABLE_RAW; table++) {
        view_columns(table, sql);
        EG_TRY(eg_sql_relation(origin, table, origin->from_us, origin->to_us, sql, err));
        chosen(origin, table, sql);
        eg_strbuf_text(sql, ";\n");
    }
    eg_sql_pcapstream_view(sql);
    return sql->failed ? eg_fail(err, EG_E_NOMEM, "no memory for a query") : EG_OK;
}

enum eg_status eg_sql_capture_views(const struct eg_origin *origin, struct eg_strbuf *sql,
                                    struct eg_error *err) {
    static const enum eg_table_id tables[] = {EG_TABLE_FLOWS, EG_TABLE_PACKETS, EG_TABLE_LOSSES};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        view_columns(tables[i], sql);
        eg_strbuf_printf(sql, "read_%s(", eg_table_name(tables[i]));
        eg_sql_captures(origin, sql);
        eg_strbuf_char(sql, ')');
        chosen(origin, tables[i], sql);
        eg_strbuf_text(sql, ";\n");
    }
    eg_sql_pcapstream_view(sql);
    return sql->failed ? eg_fail(err, EG_E_NOMEM, "no memory for a query") : EG_OK;
}
