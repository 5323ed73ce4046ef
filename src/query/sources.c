/* SPDX-License-Identifier: Apache-2.0
 * Where exports and packets both tell of traffic, whose flows there are: asked before a question, so
 * that nothing is added up unasked. */
#include "query/analysis.h"

static void count_of(const struct eg_origin *origin, const char *rows, const char *condition,
                     bool any, struct eg_strbuf *sql) {
    eg_strbuf_printf(sql, "(SELECT CAST(count(*) AS BIGINT) FROM (SELECT 1 FROM %s AS r WHERE %s",
                     rows, condition);
    eg_sql_times(origin, sql);
    eg_strbuf_text(sql, any ? " LIMIT 1) AS a)" : ") AS a)");
}

enum eg_status eg_sql_sources(const struct eg_origin *origin, bool any, struct eg_strbuf *sql,
                              struct eg_error *err) {
    struct eg_strbuf rows = {0};
    enum eg_status status =
        eg_sql_relation(origin, EG_TABLE_FLOWS, origin->from_us, origin->to_us, &rows, err);
    if (status >= 0 && rows.text) {
        eg_strbuf_text(sql, "SELECT ");
        count_of(origin, rows.text, "source IS DISTINCT FROM 'packet'", any, sql);
        eg_strbuf_text(sql, " AS exports, ");
        count_of(origin, rows.text, "source = 'packet'", any, sql);
        eg_strbuf_text(sql, " AS metered");
    }
    if (status >= 0 && (rows.failed || sql->failed))
        status = eg_fail(err, EG_E_NOMEM, "no memory for a query");
    eg_strbuf_reset(&rows);
    return status;
}
