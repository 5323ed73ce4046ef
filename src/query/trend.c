/* SPDX-License-Identifier: Apache-2.0
 * Traffic over time: bytes and packets per interval, in and out of a host or network, or in all; of
 * each value of a field, or in all. A packet counts where it came; a flow's counters are spread over
 * the intervals it spans, in proportion to time; the shares are rounded so that they add up to the
 * whole. */
#include "query/analysis.h"

#include "table/address.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static enum eg_status side_condition(const char *host, const char *column, struct eg_strbuf *sql,
                                     struct eg_error *err) {
    struct eg_addr address;
    int bits;
    if (!eg_prefix_parse(&address, &bits, host, strlen(host)))
        return eg_fail(err, EG_E_USAGE,
                       "--host takes an address or a network like 10.0.0.0/8, not "
                       "'%s'",
                       host);
    if (bits == 128) {
        char text[EG_ADDR_TEXT];
        eg_addr_text(&address, text);
        eg_strbuf_printf(sql, "coalesce(%s = '%s', FALSE)", column, text);
    } else {
        eg_strbuf_printf(sql, "coalesce(in_subnet(%s, ", column);
        eg_sql_quote(host, sql);
        eg_strbuf_text(sql, "), FALSE)");
    }
    return EG_OK;
}

/* What goes along with a row, from flow to sum: its side of the host, and the value that it counts for. */
static const char *carried(const struct eg_trend_request *request) {
    if (request->per) return request->host ? ", is_in, is_out, d" : ", d";
    return request->host ? ", is_in, is_out" : "";
}

/* ", … AS is_in, … AS is_out, … AS d": the same, made. */
static enum eg_status carried_part(const struct eg_trend_request *request, struct eg_strbuf *sql,
                                   struct eg_error *err) {
    if (request->host) {
        eg_strbuf_text(sql, ", ");
        EG_TRY(side_condition(request->host, "dst_ip", sql, err));
        eg_strbuf_text(sql, " AS is_in, ");
        EG_TRY(side_condition(request->host, "src_ip", sql, err));
        eg_strbuf_text(sql, " AS is_out");
    }
    if (!request->per) return EG_OK;
    const char *field = eg_sql_field(request->origin.table, request->per, NULL);
    if (!field) return eg_sql_unknown_field(request->origin.table, request->per, NULL, 0, err);
    static const char *const shown[] = {"time", "bytes", "packets"};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (strcmp(request->per, shown[i]) == 0)
            return eg_fail(err, EG_E_USAGE,
                           "%s are in each row of a trend: --per takes another field",
                           i ? shown[i] : "times");
    eg_strbuf_printf(sql, ", %s AS d", field);
    return EG_OK;
}

/* f: one row a flow, times in µs, counters scaled, `w` the interval it begins in, `x` it ends in. */
static enum eg_status flow_part(const struct eg_trend_request *request, struct eg_strbuf *sql,
                                struct eg_error *err) {
    const struct eg_counted *counted = eg_counted_get(request->origin.table);
    eg_strbuf_printf(sql, "WITH f AS (SELECT s, greatest(e, s) AS e, b, p%s", carried(request));
    eg_strbuf_printf(sql,
                     " FROM (SELECT unix_micros(%s) AS s, unix_micros(coalesce(%s, %s)) AS e, ",
                     counted->start, counted->end, counted->start);
    eg_sql_counter(counted->bytes, request->raw, sql);
    eg_strbuf_text(sql, " AS b, ");
    eg_sql_counter(counted->packets, request->raw, sql);
    eg_strbuf_text(sql, " AS p");
    EG_TRY(carried_part(request, sql, err));
    eg_strbuf_text(sql, " FROM ");
    EG_TRY(eg_sql_rows(&request->origin, sql, err));
    eg_strbuf_printf(sql, " AS r WHERE %s IS NOT NULL) AS t", counted->start);
    if (request->host) eg_strbuf_text(sql, " WHERE is_in OR is_out");
    eg_strbuf_text(sql, ")");
    return EG_OK;
}

/* The intervals that are shown, or asked about; INT64_MIN, INT64_MAX: open. */
static void asked_times(const struct eg_trend_request *request, int64_t *from, int64_t *to) {
    *from = request->origin.from_us;
    *to = request->origin.to_us;
    if (request->part && request->first_us > *from) *from = request->first_us;
    if (request->part && request->before_us - 1 < *to) *to = request->before_us - 1;
}

static int64_t interval_of(int64_t time_us, int64_t by) {
    return time_us / by - (time_us % by < 0);
}

/* i: one row a flow and interval that is shown. What a flow has elsewhere is not made, however long it
 * lasted. */
static void explode_part(const struct eg_trend_request *request, struct eg_strbuf *sql) {
    int64_t from, to;
    char lo[60] = "w", hi[60] = "x";
    asked_times(request, &from, &to);
    if (from != INT64_MIN)
        snprintf(lo, sizeof lo, "greatest(w, CAST(%" PRId64 " AS BIGINT))",
                 interval_of(from, request->by_us));
    if (to != INT64_MAX)
        snprintf(hi, sizeof hi, "least(x, CAST(%" PRId64 " AS BIGINT))",
                 interval_of(to, request->by_us));
    eg_strbuf_printf(sql,
                     ", i AS (SELECT s, e, b, p, w%s, explode(sequence(%s, %s)) AS k FROM h "
                     "WHERE x > w AND %s <= %s)",
                     carried(request), lo, hi, lo, hi);
}

/* g: one row a flow and interval. The share of [s, e] that lies before an interval's edge, times the
 * counter, rounded down: differences of neighbouring edges add up exactly. */
static void spread_part(const struct eg_trend_request *request, struct eg_strbuf *sql) {
    int64_t by = request->by_us;
    const char *sides = carried(request);
    if (!request->spread) {
        eg_strbuf_printf(sql,
                         ", g AS (SELECT CAST(floor(e / CAST(%" PRId64
                         " AS DOUBLE)) AS BIGINT) AS k, b, p, "
                         "1 AS n%s FROM f)",
                         by, sides);
        return;
    }
    eg_strbuf_printf(sql,
                     ", h AS (SELECT *, CAST(floor(s / CAST(%" PRId64
                     " AS DOUBLE)) AS BIGINT) AS w, "
                     "CAST(floor(e / CAST(%" PRId64 " AS DOUBLE)) AS BIGINT) AS x FROM f)",
                     by, by);
    explode_part(request, sql);
    eg_strbuf_printf(
        sql,
        ", g AS (SELECT w AS k, b, p, 1 AS n%s FROM h WHERE x = w UNION ALL "
        "SELECT k, CAST(floor(b * least(CAST((k + 1) * %" PRId64 " - s AS DOUBLE) / (e - s), 1.0)) "
        "- floor(b * greatest(CAST(k * %" PRId64 " - s AS DOUBLE) / (e - s), 0.0)) AS BIGINT), "
        "CAST(floor(p * least(CAST((k + 1) * %" PRId64 " - s AS DOUBLE) / (e - s), 1.0)) "
        "- floor(p * greatest(CAST(k * %" PRId64 " - s AS DOUBLE) / (e - s), 0.0)) AS BIGINT), "
        "CASE WHEN k = w THEN 1 ELSE 0 END%s FROM i)",
        sides, by, by, by, by, sides);
}

/* The first or last interval: where the asked time lies, else where the flows do. */
static void edge(int64_t asked_us, int64_t open, const char *otherwise, int64_t by,
                 struct eg_strbuf *sql) {
    if (asked_us == open) {
        eg_strbuf_text(sql, otherwise);
        return;
    }
    int64_t interval = interval_of(asked_us, by);
    /* an aggregate, so that there is one row, with or without flows */
    eg_strbuf_printf(sql, "CAST(%" PRId64 " AS BIGINT) + 0 * coalesce(%s, 0)", interval, otherwise);
}

/* ", CAST(sum … AS BIGINT) AS name": of an expression over the rows of g. */
static void sum_column(const char *of, const char *name, struct eg_strbuf *sql) {
    eg_strbuf_printf(sql, ", CAST(least(sum(%s), 9223372036854775807) AS BIGINT) AS %s", of, name);
}

/* c: the sums of each interval that has any; a: the intervals; v: the values that are shown. Of g each row
 * is wanted once, so that none needs to be kept. */
static void sum_part(const struct eg_trend_request *request, struct eg_strbuf *sql) {
    eg_strbuf_printf(sql, ", c AS (SELECT k%s", request->per ? ", d" : "");
    if (request->host) {
        sum_column("CASE WHEN is_in THEN b ELSE 0 END", "in_bytes", sql);
        sum_column("CASE WHEN is_in THEN p ELSE 0 END", "in_packets", sql);
        sum_column("CASE WHEN is_out THEN b ELSE 0 END", "out_bytes", sql);
        sum_column("CASE WHEN is_out THEN p ELSE 0 END", "out_packets", sql);
    } else {
        sum_column("b", "bytes", sql);
        sum_column("p", "packets", sql);
    }
    sum_column("n", "flows", sql);
    eg_strbuf_printf(sql, " FROM g GROUP BY k%s)", request->per ? ", d" : "");
    /* every interval between the first and the last one: idle ones are zero, not missing */
    eg_strbuf_text(sql, ", a AS (SELECT explode(sequence(lo, hi)) AS k FROM (SELECT ");
    int64_t from, to;
    asked_times(request, &from, &to);
    edge(from, INT64_MIN, "min(k)", request->by_us, sql);
    eg_strbuf_text(sql, " AS lo, ");
    edge(to, INT64_MAX, "max(k)", request->by_us, sql);
    eg_strbuf_text(sql, " AS hi FROM c) AS r WHERE lo IS NOT NULL AND hi IS NOT NULL");
    eg_strbuf_text(sql, request->part ? " AND lo <= hi)" : ")");
    if (!request->per) return;
    eg_strbuf_printf(sql, ", v AS (SELECT d FROM c GROUP BY d ORDER BY sum(%s) DESC NULLS LAST, d",
                     request->host ? "in_bytes + out_bytes" : "bytes");
    if (request->values) eg_strbuf_printf(sql, " LIMIT %" PRId64, request->values);
    eg_strbuf_char(sql, ')');
}

/* The answer's rows: each interval, and value, with what it has. */
static void shown_part(const struct eg_trend_request *request, struct eg_strbuf *sql) {
    static const char *const with_host[] = {"in_bytes", "in_packets", "out_bytes", "out_packets"};
    static const char *const without[] = {"bytes", "packets"};
    const char *const *names = request->host ? with_host : without;
    const char *flows = eg_counted_get(request->origin.table)->flows;
    if (request->rates) eg_strbuf_text(sql, ", z AS (");
    eg_strbuf_printf(sql, " SELECT timestamp_micros(a.k * %" PRId64 ") AS time", request->by_us);
    if (request->per) eg_strbuf_printf(sql, ", v.d AS %s", eg_sql_name(request->per));
    for (size_t i = 0; i < (request->host ? 4U : 2U); i++)
        eg_strbuf_printf(sql, ", coalesce(c.%s, 0) AS %s", names[i], names[i]);
    if (flows && request->origin.each_packet)
        eg_strbuf_printf(sql, ", CAST(NULL AS BIGINT) AS %s", flows);
    else if (flows)
        eg_strbuf_printf(sql, ", coalesce(c.flows, 0) AS %s", flows);
    eg_strbuf_printf(sql, " FROM a%s LEFT JOIN c ON a.k = c.k%s",
                     request->per ? " CROSS JOIN v" : "",
                     request->per ? " AND v.d IS NOT DISTINCT FROM c.d" : "");
    if (request->rates) {
        eg_strbuf_text(sql, ") SELECT *");
        eg_sql_rates(request->host ? "in_" : "", request->by_us, sql);
        if (request->host) eg_sql_rates("out_", request->by_us, sql);
        eg_strbuf_text(sql, " FROM z");
    }
    eg_strbuf_printf(sql, " ORDER BY %s", request->rates ? "time" : "a.k");
    if (request->per)
        eg_strbuf_printf(sql, ", %s NULLS LAST",
                         request->rates ? eg_sql_name(request->per) : "v.d");
}

enum eg_status eg_sql_trend(const struct eg_trend_request *asked, struct eg_strbuf *sql,
                            struct eg_error *err) {
    /* packets have times of their own: nothing is spread, and no flows are counted */
    struct eg_trend_request own = *asked, *request = &own;
    own.origin.each_packet = own.origin.from_packets;
    if (own.origin.from_packets || own.origin.table == EG_TABLE_PACKETS) own.spread = false;
    if (own.part) {
        own.origin.bounded = true;
        own.origin.begin_us = INT64_MIN;
        own.origin.before_us = own.before_us;
        own.origin.alive_us = own.first_us;
    }
    if (request->by_us < 1000 || request->by_us > INT64_C(366) * 86400 * 1000000)
        return eg_fail(err, EG_E_USAGE, "--by takes 1ms to 366d");
    EG_TRY(flow_part(request, sql, err));
    spread_part(request, sql);
    sum_part(request, sql);
    shown_part(request, sql);
    return sql->failed ? eg_fail(err, EG_E_NOMEM, "no memory for a query") : EG_OK;
}

enum eg_status eg_sql_trend_cost(const struct eg_trend_request *request, struct eg_strbuf *sql,
                                 struct eg_error *err) {
    char lo[60] = "s", hi[60] = "e";
    int64_t from = request->origin.from_us, to = request->origin.to_us;
    if (from != INT64_MIN)
        snprintf(lo, sizeof lo, "greatest(s, CAST(%" PRId64 " AS BIGINT))", from);
    if (to != INT64_MAX) snprintf(hi, sizeof hi, "least(e, CAST(%" PRId64 " AS BIGINT))", to);
    const struct eg_counted *counted = eg_counted_get(request->origin.table);
    eg_strbuf_printf(
        sql,
        "SELECT min(s) AS earliest, max(e) AS latest, CAST(sum(floor((%s - %s) / CAST(%" PRId64
        " AS DOUBLE))) AS BIGINT) AS parts, CAST(%s AS BIGINT) AS held FROM (SELECT "
        "unix_micros(%s) AS s, unix_micros(coalesce(%s, %s)) AS e",
        hi, lo, request->by_us,
        request->per ? "count(DISTINCT d) + max(CASE WHEN d IS NULL THEN 1 ELSE 0 END)" : "1",
        counted->start, counted->end, counted->start);
    EG_TRY(carried_part(request, sql, err));
    eg_strbuf_text(sql, " FROM ");
    EG_TRY(eg_sql_rows(&request->origin, sql, err));
    eg_strbuf_printf(sql, " AS r) AS t%s", request->host ? " WHERE is_in OR is_out" : "");
    return sql->failed ? eg_fail(err, EG_E_NOMEM, "no memory for a query") : EG_OK;
}
