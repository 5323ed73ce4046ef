/* SPDX-License-Identifier: Apache-2.0
 * How far time has come in rows that arrive out of order. */
#include "query/watermark.h"

#include "query/analysis.h"

const struct eg_watermark eg_watermark_none = {.seen_us = INT64_MIN, .closed_us = INT64_MIN};

void eg_sql_seen(const char *rows, const char *time, int64_t closed_us, struct eg_strbuf *sql) {
    eg_strbuf_printf(sql, "SELECT CAST(max(unix_micros(%s)) AS BIGINT) AS seen, ", time);
    if (closed_us == INT64_MIN) {
        eg_strbuf_text(sql, "CAST(0 AS BIGINT)");
    } else {
        eg_strbuf_printf(sql, "CAST(coalesce(sum(CASE WHEN %s < ", time);
        eg_sql_time(closed_us, sql);
        eg_strbuf_text(sql, " THEN 1 ELSE 0 END), 0) AS BIGINT)");
    }
    eg_strbuf_printf(sql, " AS behind FROM %s AS r", rows);
}

void eg_sql_between(const char *rows, const char *time, int64_t from_us, int64_t before_us,
                    struct eg_strbuf *sql) {
    eg_strbuf_printf(sql, "SELECT CAST(count(*) AS BIGINT) AS n FROM %s AS r WHERE %s < ", rows,
                     time);
    eg_sql_time(before_us, sql);
    if (from_us == INT64_MIN) return;
    eg_strbuf_printf(sql, " AND %s >= ", time);
    eg_sql_time(from_us, sql);
}

int64_t eg_watermark_close(const struct eg_watermark *mark, int64_t seen_us, int64_t now_us,
                           int64_t window_us, int64_t late_us) {
    if (seen_us > now_us) seen_us = now_us;
    if (seen_us < mark->seen_us) seen_us = mark->seen_us;
    int64_t at;
    if (seen_us == INT64_MIN || __builtin_sub_overflow(seen_us, late_us, &at))
        return mark->closed_us;
    at -= (at % window_us + window_us) % window_us;
    return at > mark->closed_us ? at : mark->closed_us;
}
