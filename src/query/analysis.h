/* SPDX-License-Identifier: Apache-2.0
 * The questions: each one SQL text, kept here and nowhere else, that runs on DuckDB and on Spark SQL
 * with the same answer (explicit casts, no partition columns, no engine-only syntax). */
#ifndef EG_QUERY_ANALYSIS_H
#define EG_QUERY_ANALYSIS_H

#include "base/strbuf.h"
#include "engine/engine.h"
#include "filter/filter.h"
#include "query/snapshot.h"
#include "store/dataset.h"

/* Functions that Spark SQL has by these names and DuckDB under others; run before a question. */
#define EG_SQL_MACROS                                                                              \
    "CREATE OR REPLACE TEMP MACRO unix_micros(t) AS epoch_us(t);"                                  \
    "CREATE OR REPLACE TEMP MACRO timestamp_micros(n) AS make_timestamptz(CAST(n AS BIGINT));"     \
    "CREATE OR REPLACE TEMP MACRO sequence(a, b) AS generate_series(a, b);"                        \
    "CREATE OR REPLACE TEMP MACRO explode(l) AS unnest(l);"                                        \
    "CREATE OR REPLACE TEMP MACRO get_json_object(j, p) AS json_extract_string(j, p);"             \
    "CREATE OR REPLACE TEMP MACRO xxhash64(a, b, c, d, e, f, g, h) AS hash(a, b, c, d, e, f, g, "  \
    "h);"

/* A column that comes from others: the views of `sql` have it, `top` and `flows` take it as a field. */
struct eg_derived {
    enum eg_table_id table;
    struct eg_column_info info;
    const char *expression; /* SQL over the columns of its table */
};
const struct eg_derived *eg_derived_all(size_t *count);
const struct eg_derived *eg_derived_find(enum eg_table_id, const char *name); /* NULL: none */

/* Which reports of the same traffic count: docs/deduplication.md. */
enum eg_dedup { EG_DEDUP_NONE, EG_DEDUP_EXPORTER, EG_DEDUP_PATH };
EG_MUST_CHECK enum eg_status eg_dedup_by_name(const char *, enum eg_dedup *out,
                                              struct eg_error *err);

/* Which flows count where exports and packets tell of traffic: nothing is added up unasked. */
enum eg_count {
    EG_COUNT_ALL,     /* of captures: each one's exports or, where it holds none, what is metered */
    EG_COUNT_EXPORTS, /* what exporters reported */
    EG_COUNT_METERED, /* what was metered from packets */
};

/* What the rows of a table count for where they are added up; of flows and of packets. */
struct eg_counted {
    enum eg_table_id table;
    const char *start, *end;     /* columns: when */
    const char *packets, *bytes; /* SQL over its columns: how much */
    const char *flows; /* the name under which its rows are counted; NULL: they are packets */
};
const struct eg_counted *eg_counted_get(enum eg_table_id);

/* Where a question's rows come from. Either a dataset or captures. */
struct eg_origin {
    enum eg_table_id table; /* of top and trend: flows, or packets as they are, each one a row */
    struct eg_dataset *dataset;         /* NULL: captures */
    const struct eg_snapshot *snapshot; /* its files as they were; NULL: as they are */
    const char *const *captures;
    size_t capture_count;
    const uint16_t *netflow_ports;
    uint32_t netflow_port_count;
    bool from_packets;   /* flows made of packets: the captures hold no exports, or the
                                      user asked for `--source packet` */
    const char *source;  /* only rows of this source ("netflow5", …; "packet": metered);
                                       NULL: all */
    enum eg_count count; /* without a source: which of them count */
    const struct eg_metering *metering; /* of captures; NULL: as usual */
    int64_t from_us, to_us;             /* INT64_MIN/MAX: open */
    const char *match;                  /* overlaps|start|end|inside */
    const struct eg_filter *filter;     /* NULL: all */
    bool bounded;                       /* only rows that start in [begin, before) … */
    int64_t begin_us, before_us;        /* … (INT64_MIN/MAX: open) … */
    int64_t alive_us;                   /* … and have not ended before (INT64_MIN: any) */
    int64_t window_us;   /* with from_packets: no row lies in two windows; 0: any may */
    enum eg_dedup dedup; /* of flow records; packets are not reported twice */
    bool each_packet;    /* with from_packets: a row a packet instead of a row a flow */
    bool codes; /* captures only: address columns as numbers that ip_text() turns into text, which
                   group many times as fast; for questions that know of it */
};

struct eg_top_request {
    struct eg_origin origin;
    const char *const *by; /* columns, or "pair" (both directions merged) alone */
    size_t by_count;
    const char *metric; /* bytes|packets|flows|retransmissions; of packets the first two */
    int64_t limit;
    bool raw;          /* counters as reported; else scaled by the sampling rate */
    bool rates;        /* of windows: how much a second, too */
    int64_t window_us; /* the largest of each window of this width, by start; 0: of all */
};
/* Packets: of a dataset's index, or of captures that are read. */
struct eg_packets_request {
    struct eg_origin origin; /* its filter is about packets */
    const char *condition;   /* of SQL, besides the filter; NULL: none */
    const char *places;      /* a relation with file and "offset": these, whatever the rest says */
    bool both;               /* also where the filter holds with source and destination exchanged */
    bool outermost;          /* what is tunnelled is selected, whatever its addresses are */
    int64_t limit;           /* 0: all */
};
struct eg_trend_request {
    struct eg_origin origin;
    const char *host; /* address or CIDR: in and out are seen from there; NULL: total */
    int64_t by_us;    /* width of an interval */
    const char *per;  /* a row for each interval and value of this field; NULL: for each interval */
    int64_t values;   /* … of the so many values with most bytes; 0: of all */
    bool raw;
    bool rates;  /* how much a second, too */
    bool spread; /* a flow's bytes over the intervals it spans; else at its end */
    /* Only the intervals from first (INT64_MIN: where the flows begin) up to before, idle ones too; what
     * does not touch them is not read. */
    bool part;
    int64_t first_us, before_us;
};

/* The SQL text of each question; EG_E_USAGE for an unknown column or metric. */
EG_MUST_CHECK enum eg_status eg_sql_top(const struct eg_top_request *, struct eg_strbuf *sql,
                                        struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_sql_flows(const struct eg_origin *, const char *fields,
                                          int64_t limit, const char *order, bool raw,
                                          struct eg_strbuf *sql, struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_sql_packets(const struct eg_packets_request *, const char *fields,
                                            struct eg_strbuf *sql, struct eg_error *err);
/* Of flows as `flow_packets` wants them: the columns they are found by. */
#define EG_FLOW_KEY_FIELDS                                                                         \
    "src_ip,dst_ip,src_port,dst_port,proto,start_time,end_time,source,src_mac,dst_mac,vlan,tunnel"
/* The condition on rows of `packets` that they belong to one of the flows that `flows`, a query with
 * those columns, gives: the same addresses (MAC addresses where it is not IP and has them), ports and
 * protocol (`both`: or exchanged), within the flow's times (a second more each way where an exporter's
 * clock tells them); later fragments too, where the first one is there. */
EG_MUST_CHECK enum eg_status eg_sql_flow_packets(const struct eg_origin *packets, const char *flows,
                                                 bool both, struct eg_strbuf *sql,
                                                 struct eg_error *err);
/* The same flows, each with the times of its conversation: its own and those of the nearest flow with
 * addresses and ports exchanged, among the origin's, that overlaps it or is not further away than a
 * conversation may pause (as the origin's metering says, or as usual). Where there is none: its own. */
EG_MUST_CHECK enum eg_status eg_sql_conversations(const struct eg_origin *origin, const char *flows,
                                                  struct eg_strbuf *sql, struct eg_error *err);
/* Where they are: time, time_ns, file, "offset", captured, interface, in the order of time. */
EG_MUST_CHECK enum eg_status eg_sql_packet_places(const struct eg_packets_request *,
                                                  struct eg_strbuf *sql, struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_sql_trend(const struct eg_trend_request *, struct eg_strbuf *sql,
                                          struct eg_error *err);
/* What a trend would take, asked before it: `earliest` and `latest` (µs since 1970, of its flows), `parts`
 * (intervals that are shown and flows are spread over, in all) and `held` (values of the field it is per; else 1). */
EG_MUST_CHECK enum eg_status eg_sql_trend_cost(const struct eg_trend_request *,
                                               struct eg_strbuf *sql, struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_sql_losses(const struct eg_origin *, struct eg_strbuf *sql,
                                           struct eg_error *err);
/* The views flows, packets, counters, losses over a dataset (derived columns included), for `sql`;
 * all of it, whatever times the origin names. */
EG_MUST_CHECK enum eg_status eg_sql_views(const struct eg_origin *, struct eg_strbuf *sql,
                                          struct eg_error *err);
/* The same names over captures. */
EG_MUST_CHECK enum eg_status eg_sql_capture_views(const struct eg_origin *, struct eg_strbuf *sql,
                                                  struct eg_error *err);

/* How many flows, told by their addresses, ports and protocol, were reported by several exporters or in
 * several kinds of export, among at most `rows_max` rows (0: all): traffic that may be counted twice. */
EG_MUST_CHECK enum eg_status eg_sql_repeated(const struct eg_origin *, int64_t rows_max,
                                             struct eg_strbuf *sql, struct eg_error *err);

/* How many flows of a dataset, in the origin's times, are `exports` and how many `metered`; `any`: 1
 * instead where there are any, which is found at once. */
EG_MUST_CHECK enum eg_status eg_sql_sources(const struct eg_origin *, bool any,
                                            struct eg_strbuf *sql, struct eg_error *err);

/* What captures hold: decides whether their exports or their packets answer. Stops at the first export
 * of each. Errors: EG_E_NOMEM, EG_E_CANCELLED. */
struct eg_capture_kind {
    size_t with, without; /* captures that hold exports, that hold none */
    uint64_t frames;      /* read until that was known */
};
EG_MUST_CHECK enum eg_status eg_capture_look(const struct eg_env *, const struct eg_origin *,
                                             struct eg_capture_kind *out, struct eg_error *err);

/* ---- for the files of this room ---- */

/* A table's files that overlap [from, to], out of the origin's dataset or its snapshot. */
EG_MUST_CHECK enum eg_status eg_sql_relation(const struct eg_origin *, enum eg_table_id,
                                             int64_t from_us, int64_t to_us, struct eg_strbuf *sql,
                                             struct eg_error *err);
/* The packets of the origin's files, or captures; neither filter nor times are applied to rows. */
EG_MUST_CHECK enum eg_status eg_sql_packet_relation(const struct eg_origin *, struct eg_strbuf *sql,
                                                    struct eg_error *err);
/* A time as SQL has it. */
void eg_sql_time(int64_t time_us, struct eg_strbuf *sql);
/* "(SELECT …)": the rows of the origin's table, its filter, source and times applied. */
EG_MUST_CHECK enum eg_status eg_sql_rows(const struct eg_origin *, struct eg_strbuf *sql,
                                         struct eg_error *err);
/* The same of packets, whatever the origin's table. */
EG_MUST_CHECK enum eg_status eg_sql_packet_rows(const struct eg_origin *, struct eg_strbuf *sql,
                                                struct eg_error *err);
/* The counters of a row: "bytes" scaled by the sampling rate, or as reported. */
void eg_sql_counter(const char *column, bool raw, struct eg_strbuf *sql);
/* The view packets_pcapstream, over the view packets. */
void eg_sql_pcapstream_view(struct eg_strbuf *sql);
/* The condition that a row's times match [from, to]; nothing where the range is open. Starts with
 * " AND ". */
void eg_sql_times(const struct eg_origin *, struct eg_strbuf *sql);
/* The same of rows that have one time, in this column. */
void eg_sql_moments(const struct eg_origin *, const char *column, struct eg_strbuf *sql);
/* Whether a column of flows is known of packets that are not metered. */
bool eg_sql_packets_tell(const char *column);
/* ", … AS packets_per_s, … AS bits_per_s": from columns with this prefix ("in_"), over a width of time. */
void eg_sql_rates(const char *prefix, int64_t width_us, struct eg_strbuf *sql);
/* The number of the window of this width that a time lies in; windows are counted from 1970. */
void eg_sql_window(const char *time, int64_t window_us, struct eg_strbuf *sql);
/* "(…)": the same rows, a relation of flows, without those that were reported elsewhere too. */
void eg_sql_dedup(enum eg_dedup, bool codes, const char *rows, struct eg_strbuf *sql);
/* What a field of a table is in SQL: a column's name, or the expression that makes it; NULL: none has the
 * name. `address`, which may be NULL: whether it is a column of addresses. */
const char *eg_sql_field(enum eg_table_id, const char *name, bool *address);
/* EG_E_USAGE for a field that flows, or packets, do not have: says which of them do, or the nearest of its
 * fields and of `more`. */
enum eg_status eg_sql_unknown_field(enum eg_table_id, const char *name, const char *const *more,
                                    size_t count, struct eg_error *err);
/* A field as the name of a column of SQL: quoted where it is a word of SQL. */
const char *eg_sql_name(const char *field);
/* "['a', 'b']": the captures as a list literal, and ", netflow_ports := […]" behind it. */
void eg_sql_captures(const struct eg_origin *, struct eg_strbuf *sql);

#endif
