/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey trend`: traffic per interval. */
#include "cli/report.h"

#include <string.h>

struct trend_options {
    struct eg_report_options report;
    const char *host;
    int64_t by_us;
    const char *attribute;
};

static const struct eg_option options[] = {
    EG_REPORT_ORIGIN_OPTIONS(struct trend_options),
    EG_REPORT_DEDUP_OPTION(struct trend_options),
    {.name = "host",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct trend_options, host),
     .value_name = "IP|CIDR",
     .help = "Tells traffic into and out of this host or network apart."},
    {.name = "by",
     .letter = 'b',
     .type = EG_OPT_DURATION,
     .offset = offsetof(struct trend_options, by_us),
     .preset = "5m",
     .value_name = "INTERVAL",
     .help = "Width of an interval, 1ms to 366d."},
    {.name = "attribute",
     .type = EG_OPT_CHOICE,
     .offset = offsetof(struct trend_options, attribute),
     .preset = "spread",
     .choices = "spread|end",
     .help = "Spreads a flow's bytes over the intervals it spans, or counts all at its end."},
    {.name = "raw",
     .type = EG_OPT_FLAG,
     .offset = EG_REPORT_AT(struct trend_options, raw),
     .help = "Counters as reported, not scaled by the sampling rate."},
    EG_REPORT_OUTPUT_OPTIONS(struct trend_options),
    EG_OPTION_END,
};

static const char *const examples[] = {"earlgrey trend -r capture.pcap --by 1s",
                                       "Bytes, packets and flows per second.",
                                       "earlgrey trend -d data --host 10.0.0.0/8 --by 1d",
                                       "What goes in and out of a network, by day.", NULL};

#define INTERVALS_MAX INT64_C(1000000) /* rows of an answer */
#define PARTS_MAX INT64_C(20000000)    /* shares of flows, in all */

/* Narrow intervals over a long time take memory without end: told before it is tried. */
static enum eg_exit check_cost(struct eg_report *report, const struct eg_trend_request *request) {
    if (request->by_us >= 60 * INT64_C(1000000) || request->by_us < 1000) return EG_EXIT_DONE;
    struct eg_strbuf sql = {0};
    struct eg_error err;
    int64_t cost[2];
    enum eg_exit code = EG_EXIT_DONE;
    if (eg_sql_trend_cost(request, &sql, &err) < 0)
        code = eg_complain(report->call, &err);
    else
        code = eg_report_numbers(report, sql.text, cost, 2);
    eg_strbuf_reset(&sql);
    if (code != EG_EXIT_DONE) return code;
    int64_t span = cost[0];
    if (request->origin.from_us != INT64_MIN && request->origin.to_us != INT64_MAX)
        span = request->origin.to_us - request->origin.from_us;
    int64_t intervals = span / request->by_us;
    bool spread = request->spread && !request->origin.from_packets;
    if (intervals <= INTERVALS_MAX && (!spread || cost[1] <= PARTS_MAX)) return EG_EXIT_DONE;
    return eg_complain_usage(report->call,
                             "--by is too narrow here: it would make %lld intervals; "
                             "widen it, narrow the time with -t, or count flows where they end "
                             "(--attribute end)",
                             (long long)intervals);
}

static enum eg_exit question(struct eg_report *report, struct eg_strbuf *sql) {
    const struct trend_options *o = report->call->options;
    struct eg_trend_request request = {
        .origin = report->origin,
        .host = o->host,
        .by_us = o->by_us,
        .raw = o->report.raw,
        .spread = strcmp(o->attribute, "spread") == 0,
    };
    struct eg_error err;
    if (eg_sql_trend(&request, sql, &err) < 0) return eg_complain(report->call, &err);
    return o->report.explain ? EG_EXIT_DONE : check_cost(report, &request);
}

static enum eg_exit run(struct eg_call *call) {
    const struct trend_options *o = call->options;
    return eg_report_answer(call, &o->report, EG_TABLE_FLOWS, question);
}

const struct eg_verb eg_verb_trend = {
    .name = "trend",
    .summary = "bytes and packets per interval",
    .synopsis = "[FILTER]",
    .description =
        "Shows traffic over time. With --host the intervals tell what went in and out of "
        "it. Intervals without traffic are zero.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct trend_options),
    .run = run,
};
