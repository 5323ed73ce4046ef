/* SPDX-License-Identifier: Apache-2.0
 * What was lost, by cause, source and exporter. */
#include "query/analysis.h"

#include "base/timetext.h"

/* What has no time counts as of when it was ingested; of captures, which are read now, in any time. */
static void timeless(const struct eg_origin *origin, struct eg_strbuf *sql) {
    const int64_t bounds[] = {origin->from_us, origin->to_us};
    eg_strbuf_text(sql, ") OR (start_time IS NULL");
    for (int i = 0; i < 2 && origin->dataset; i++) {
        char text[40];
        if (bounds[i] == (i ? INT64_MAX : INT64_MIN)) continue;
        eg_time_text(bounds[i], text);
        eg_strbuf_printf(sql,
                         " AND CAST(get_json_object(extra, '$.ingested') AS TIMESTAMP WITH TIME "
                         "ZONE) %s CAST('%s' AS TIMESTAMP WITH TIME ZONE)",
                         i ? "<=" : ">=", text);
    }
    eg_strbuf_text(sql, "))");
}

enum eg_status eg_sql_losses(const struct eg_origin *origin, struct eg_strbuf *sql,
                             struct eg_error *err) {
    eg_strbuf_text(sql,
                   "SELECT min(start_time) AS start_time, max(end_time) AS end_time, source, "
                   "exporter, domain, cause, CAST(sum(records) AS BIGINT) AS records, "
                   "CAST(sum(packets) AS BIGINT) AS packets, CAST(sum(bytes) AS BIGINT) AS bytes "
                   "FROM (SELECT * FROM ");
    if (origin->dataset) {
        EG_TRY(eg_sql_relation(origin, EG_TABLE_LOSSES, origin->from_us, origin->to_us, sql, err));
    } else {
        eg_strbuf_text(sql, "read_losses(");
        eg_sql_captures(origin, sql);
        eg_strbuf_char(sql, ')');
    }
    eg_strbuf_text(sql, " AS r WHERE ((TRUE");
    eg_sql_times(origin, sql);
    timeless(origin, sql);
    if (origin->filter && !eg_filter_is_all(origin->filter)) {
        eg_strbuf_text(sql, " AND (");
        eg_filter_sql(origin->filter, sql);
        eg_strbuf_char(sql, ')');
    }
    eg_strbuf_text(
        sql, ") AS l GROUP BY source, exporter, domain, cause "
             /* what came after all was taken back */
             "HAVING coalesce(sum(records), 0) <> 0 OR coalesce(sum(packets), 0) <> 0 OR "
             "coalesce(sum(bytes), 0) <> 0 "
             "ORDER BY records DESC NULLS LAST, packets DESC NULLS LAST, cause, exporter, domain");
    return sql->failed ? eg_fail(err, EG_E_NOMEM, "no memory for a query") : EG_OK;
}
