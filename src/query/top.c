/* SPDX-License-Identifier: Apache-2.0
 * Top talkers: flows, or packets, grouped by one or more columns, the largest first. */
#include "query/analysis.h"

#include <inttypes.h>
#include <string.h>

/* Groupings that are no columns. A row counts for both its ends where there is a right side. */
static const struct grouping {
    const char *name;
    const char *keys[3];            /* names in the result */
    const char *left[3], *right[3]; /* expression of each, per side */
    bool address;
} groupings[] = {
    {"pair", {"ip_a", "ip_b"}, {"least(src_ip, dst_ip)", "greatest(src_ip, dst_ip)"}, {NULL}, true},
    {"ip", {"ip"}, {"src_ip"}, {"dst_ip"}, true},
    {"host", {"ip"}, {"src_ip"}, {"dst_ip"}, true},
    {"port", {"port"}, {"src_port"}, {"dst_port"}, false},
    {"as", {"asn"}, {"src_as"}, {"dst_as"}, false},
};

static const struct grouping *grouping_find(const char *name) {
    for (size_t i = 0; i < sizeof groupings / sizeof *groupings; i++)
        if (strcmp(groupings[i].name, name) == 0) return &groupings[i];
    return NULL;
}

/* What is grouped by: keys and the expressions that make them. */
struct keys {
    size_t count;
    const char *name[EG_COLUMNS_MAX];
    const char *left[EG_COLUMNS_MAX], *right[EG_COLUMNS_MAX];
    bool address[EG_COLUMNS_MAX];
    bool both_sides, pair;
};

/* Neither a column nor made of columns. */
static enum eg_status no_field(const struct eg_top_request *request, const char *name,
                               struct eg_error *err) {
    const char *names[sizeof groupings / sizeof *groupings];
    size_t count = sizeof groupings / sizeof *groupings;
    for (size_t i = 0; i < count; i++) names[i] = groupings[i].name;
    const struct grouping *g = grouping_find(name);
    if (g && request->by_count > 1)
        return eg_fail(err, EG_E_USAGE, "'%s' cannot be combined with other fields", name);
    return eg_sql_unknown_field(request->origin.table, g ? g->left[0] : name, names, count, err);
}

static enum eg_status find_keys(const struct eg_top_request *request, struct keys *keys,
                                struct eg_error *err) {
    enum eg_table_id table = request->origin.table;
    const struct grouping *g = request->by_count == 1 ? grouping_find(request->by[0]) : NULL;
    /* one by a column that only flows have is none of packets */
    if (g && g->right[0] && !eg_sql_field(table, g->left[0], NULL)) g = NULL;
    if (g) {
        keys->pair = strcmp(g->name, "pair") == 0;
        keys->both_sides = g->right[0] != NULL;
        for (; g->keys[keys->count]; keys->count++) {
            keys->name[keys->count] = g->keys[keys->count];
            keys->left[keys->count] = g->left[keys->count];
            keys->right[keys->count] = g->right[keys->count];
            keys->address[keys->count] = g->address;
        }
        return EG_OK;
    }
    for (size_t i = 0; i < request->by_count && i < EG_COLUMNS_MAX; i++) {
        const char *name = request->by[i];
        keys->left[i] = eg_sql_field(table, name, &keys->address[i]);
        if (!keys->left[i]) return no_field(request, name, err);
        if (request->window_us && strcmp(name, "time") == 0)
            return eg_fail(err, EG_E_USAGE, "windows are of 'time': group by something else");
        keys->name[i] = eg_sql_name(name);
        keys->count++;
    }
    return EG_OK;
}

static bool resent(const struct eg_top_request *request) {
    return strcmp(request->metric, "retransmissions") == 0;
}

/* One side: SELECT keys and counters FROM rows. */
static enum eg_status side(const struct eg_top_request *request, const struct keys *keys,
                           bool right, struct eg_strbuf *sql, struct eg_error *err) {
    const struct eg_counted *counted = eg_counted_get(request->origin.table);
    eg_strbuf_text(sql, "SELECT ");
    for (size_t i = 0; i < keys->count; i++)
        eg_strbuf_printf(sql, "%s AS k%zu, ", right ? keys->right[i] : keys->left[i], i);
    if (request->window_us) {
        eg_sql_window(counted->start, request->window_us, sql);
        eg_strbuf_text(sql, " AS w, ");
    }
    eg_sql_counter(counted->packets, request->raw, sql);
    eg_strbuf_text(sql, " AS p, ");
    eg_sql_counter(counted->bytes, request->raw, sql);
    eg_strbuf_text(sql, " AS b");
    if (resent(request)) eg_strbuf_text(sql, ", retransmissions AS r");
    eg_strbuf_text(sql, " FROM ");
    EG_TRY(eg_sql_rows(&request->origin, sql, err));
    eg_strbuf_text(sql, right ? " AS r WHERE TRUE" : " AS l WHERE TRUE");
    if (request->window_us) eg_strbuf_printf(sql, " AND %s IS NOT NULL", counted->start);
    /* a row whose two ends are the same counts once */
    if (right) eg_strbuf_printf(sql, " AND %s IS DISTINCT FROM %s", keys->left[0], keys->right[0]);
    return EG_OK;
}

/* The keys as they are shown: codes as text, and the pair in the order of its texts. */
static void shown_keys(const struct keys *keys, bool codes, struct eg_strbuf *sql) {
    for (size_t i = 0; i < keys->count; i++) {
        if (keys->pair && codes)
            eg_strbuf_printf(sql, "%s(ip_text(k0), ip_text(k1)) AS %s, ", i ? "greatest" : "least",
                             keys->name[i]);
        else if (keys->address[i] && codes)
            eg_strbuf_printf(sql, "ip_text(k%zu) AS %s, ", i, keys->name[i]);
        else
            eg_strbuf_printf(sql, "k%zu AS %s, ", i, keys->name[i]);
    }
}

static void key_names(const struct keys *keys, bool internal, struct eg_strbuf *sql) {
    for (size_t i = 0; i < keys->count; i++) {
        if (i) eg_strbuf_text(sql, ", ");
        if (internal)
            eg_strbuf_printf(sql, "k%zu", i);
        else
            eg_strbuf_text(sql, keys->name[i]);
    }
}

/* SELECT keys and sums FROM both sides GROUP BY keys (and window). */
static enum eg_status groups(const struct eg_top_request *request, const struct keys *keys,
                             struct eg_strbuf *sql, struct eg_error *err) {
    eg_strbuf_text(sql, "SELECT ");
    if (request->window_us)
        eg_strbuf_printf(sql, "timestamp_micros(w * %" PRId64 ") AS time, ", request->window_us);
    shown_keys(keys, request->origin.codes, sql);
    const char *flows = eg_counted_get(request->origin.table)->flows;
    if (flows) eg_strbuf_printf(sql, "CAST(count(*) AS BIGINT) AS %s, ", flows);
    eg_strbuf_text(sql, "CAST(least(sum(p), 9223372036854775807) AS BIGINT) AS packets, "
                        "CAST(least(sum(b), 9223372036854775807) AS BIGINT) AS bytes");
    if (resent(request)) eg_strbuf_text(sql, ", CAST(sum(r) AS BIGINT) AS retransmissions");
    eg_strbuf_text(sql, " FROM (");
    EG_TRY(side(request, keys, false, sql, err));
    if (keys->both_sides) {
        eg_strbuf_text(sql, " UNION ALL ");
        EG_TRY(side(request, keys, true, sql, err));
    }
    eg_strbuf_text(sql, request->window_us ? ") AS g GROUP BY w, " : ") AS g GROUP BY ");
    key_names(keys, true, sql);
    return EG_OK;
}

/* "METRIC DESC NULLS LAST, keys": largest first, and always in the same order. */
static void order(const struct eg_top_request *request, const struct keys *keys,
                  struct eg_strbuf *sql) {
    eg_strbuf_printf(sql, "%s DESC NULLS LAST, ", request->metric);
    key_names(keys, false, sql);
}

/* The first of each window. */
static enum eg_status windowed(const struct eg_top_request *request, const struct keys *keys,
                               struct eg_strbuf *sql, struct eg_error *err) {
    eg_strbuf_text(sql, "SELECT time, ");
    key_names(keys, false, sql);
    if (eg_counted_get(request->origin.table)->flows) eg_strbuf_text(sql, ", flows");
    eg_strbuf_text(sql, ", packets, bytes");
    if (resent(request)) eg_strbuf_text(sql, ", retransmissions");
    if (request->rates) eg_sql_rates("", request->window_us, sql);
    eg_strbuf_text(sql, " FROM (SELECT *, row_number() OVER (PARTITION BY time ORDER BY ");
    order(request, keys, sql);
    eg_strbuf_text(sql, ") AS place FROM (");
    EG_TRY(groups(request, keys, sql, err));
    eg_strbuf_text(sql, ") AS t) AS v");
    if (request->limit > 0) eg_strbuf_printf(sql, " WHERE place <= %" PRId64, request->limit);
    eg_strbuf_text(sql, " ORDER BY time, ");
    order(request, keys, sql);
    return EG_OK;
}

static enum eg_status check_metric(const struct eg_top_request *request, struct eg_error *err) {
    bool flows = strcmp(request->metric, "flows") == 0;
    if (strcmp(request->metric, "bytes") != 0 && strcmp(request->metric, "packets") != 0 &&
        !flows && !resent(request))
        return eg_fail(err, EG_E_USAGE,
                       "unknown metric '%s'; there are bytes, packets, flows and retransmissions",
                       request->metric);
    if (request->origin.table != EG_TABLE_PACKETS) return EG_OK;
    if (flows) return eg_fail(err, EG_E_USAGE, "packets are no flows: rank by packets or bytes");
    if (resent(request))
        return eg_fail(err, EG_E_USAGE,
                       "a packet does not tell whether it was sent again; the flows metered from "
                       "packets do (-m retransmissions without --packets)");
    return EG_OK;
}

/* Whether a field is made of addresses, which have to be there as texts then. */
static bool of_addresses(const struct eg_top_request *request) {
    for (size_t i = 0; i < request->by_count; i++) {
        const struct eg_derived *derived = eg_derived_find(EG_TABLE_FLOWS, request->by[i]);
        if (derived && strstr(derived->expression, "src_ip")) return true;
    }
    return false;
}

enum eg_status eg_sql_top(const struct eg_top_request *asked, struct eg_strbuf *sql,
                          struct eg_error *err) {
    struct eg_top_request request = *asked;
    struct keys keys = {0};
    EG_TRY(find_keys(&request, &keys, err));
    EG_TRY(check_metric(&request, err));
    request.origin.codes = !request.origin.dataset && !request.origin.from_packets &&
                           request.origin.table == EG_TABLE_FLOWS && !of_addresses(&request);
    request.origin.window_us = request.window_us;
    if (request.rates && (!request.window_us || request.origin.table != EG_TABLE_PACKETS))
        return eg_fail(err, EG_E_USAGE,
                       "rates are of packets in windows: --rates goes with --packets and --window "
                       "(those of flows, spread over their time: earlgrey trend --rates --per)");
    if (request.window_us) {
        EG_TRY(windowed(&request, &keys, sql, err));
    } else {
        EG_TRY(groups(&request, &keys, sql, err));
        eg_strbuf_text(sql, " ORDER BY ");
        order(&request, &keys, sql);
        if (request.limit > 0) eg_strbuf_printf(sql, " LIMIT %" PRId64, request.limit);
    }
    return sql->failed ? eg_fail(err, EG_E_NOMEM, "no memory for a query") : EG_OK;
}
