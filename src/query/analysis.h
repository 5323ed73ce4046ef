/* SPDX-License-Identifier: Apache-2.0
 * The questions: each one SQL text, kept here and nowhere else, that runs on DuckDB and on Spark SQL
 * with the same answer (explicit casts, no partition columns, no engine-only syntax). */
#ifndef EG_QUERY_ANALYSIS_H
#define EG_QUERY_ANALYSIS_H

#include "base/strbuf.h"
#include "engine/engine.h"
#include "filter/filter.h"
#include "store/dataset.h"

/* Where a question's rows come from. Either a dataset or captures. */
struct eg_origin {
    struct eg_dataset *dataset;    /* NULL: captures */
    const char *const *captures;
    size_t capture_count;
    const uint16_t *netflow_ports;
    uint32_t netflow_port_count;
    const char *source;            /* only rows of this source ("packet", …); NULL: exports win */
    int64_t from_us, to_us;        /* INT64_MIN/MAX: open */
    const char *match;             /* overlaps|start|end|inside */
    const struct eg_filter *filter; /* NULL: all */
};

struct eg_top_request {
    struct eg_origin origin;
    const char *const *by;  /* columns, or "pair" (both directions merged) alone */
    size_t by_count;
    const char *metric;     /* bytes|packets|flows */
    int64_t limit;
    bool raw;               /* counters as reported; else scaled by the sampling rate */
};
struct eg_trend_request {
    struct eg_origin origin;
    const char *host;       /* address or CIDR: in and out are seen from there; NULL: total */
    int64_t by_us;          /* width of an interval */
    bool raw;
    bool spread;            /* a flow's bytes over the intervals it spans; else at its end */
};

/* The SQL text of each question; EG_E_USAGE for an unknown column or metric. */
EG_MUST_CHECK enum eg_status eg_sql_top(const struct eg_top_request *, struct eg_strbuf *sql,
                                        struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_sql_flows(const struct eg_origin *, const char *fields,
                                          int64_t limit, const char *order, bool raw,
                                          struct eg_strbuf *sql, struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_sql_trend(const struct eg_trend_request *, struct eg_strbuf *sql,
                                          struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_sql_losses(const struct eg_origin *, struct eg_strbuf *sql,
                                           struct eg_error *err);
/* The views flows, packets, counters, losses over a dataset (derived columns included), for `sql`. */
EG_MUST_CHECK enum eg_status eg_sql_views(struct eg_dataset *, struct eg_strbuf *sql,
                                          struct eg_error *err);

/* Whether the captures hold flow exports and how many packets: decides what answers. */
struct eg_capture_kind {
    uint64_t exports, packets;
};

#endif
