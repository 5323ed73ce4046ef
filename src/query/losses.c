/* SPDX-License-Identifier: Apache-2.0
 * What was lost, by cause, source and exporter. */
#include "query/analysis.h"

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
    eg_strbuf_text(sql, " AS r WHERE TRUE");
    eg_sql_times(origin, sql);
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
