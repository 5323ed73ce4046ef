/* SPDX-License-Identifier: Apache-2.0
 * How far time has come in rows that arrive out of order, which windows are closed by that, and how
 * many rows came too late for theirs. */
#ifndef EG_QUERY_WATERMARK_H
#define EG_QUERY_WATERMARK_H

#include "base/strbuf.h"

/* All of it goes through a restart. Times are µs; INT64_MIN: none yet. */
struct eg_watermark {
    int64_t seen_us;     /* the largest start; one in the future counts as now */
    int64_t closed_us;   /* windows that end here or before are closed */
    int64_t closed_rows; /* rows before closed_us that were there when their window was closed, or
                            were told as late */
    int64_t late;        /* rows that came behind closed_us, in all */
};
extern const struct eg_watermark eg_watermark_none;

/* "SELECT … FROM rows": the largest start, and the rows that start before `closed_us`, of an SQL
 * relation; `time` is its column of starts. */
void eg_sql_seen(const char *rows, const char *time, int64_t closed_us, struct eg_strbuf *sql);
/* The same for the rows that start in [from, before). */
void eg_sql_between(const char *rows, const char *time, int64_t from_us, int64_t before_us,
                    struct eg_strbuf *sql);

/* Where the windows would be closed up to, when the largest start is `seen_us` and rows may come
 * `late_us` late. Never goes back. */
int64_t eg_watermark_close(const struct eg_watermark *, int64_t seen_us, int64_t now_us,
                           int64_t window_us, int64_t late_us);

#endif
