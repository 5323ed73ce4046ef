/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey trend`: traffic per interval. */
#include "cli/report.h"
#include "table/human.h"

#include <string.h>

struct trend_options {
    struct eg_report_options report;
    const char *host;
    int64_t by_us;
    const char *per;
    int64_t number;
    bool rates;
};

static const struct eg_option options[] = {
    EG_REPORT_ORIGIN_OPTIONS(struct trend_options),
    EG_REPORT_DEDUP_OPTION(struct trend_options),
    EG_REPORT_PACKETS_OPTION(struct trend_options),
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
    {.name = "per",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct trend_options, per),
     .value_name = "FIELD",
     .help = "A row for each interval and value of this field."},
    {.name = "number",
     .letter = 'n',
     .type = EG_OPT_INT,
     .offset = offsetof(struct trend_options, number),
     .preset = "0",
     .min = 0,
     .max = INT64_MAX,
     .value_name = "N",
     .help = "With --per: only the N values with most bytes in all; 0 is all."},
    {.name = "rates",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct trend_options, rates),
     .help = "packets_per_s and bits_per_s, too."},
    {.name = "attribute",
     .type = EG_OPT_CHOICE,
     .offset = EG_REPORT_AT(struct trend_options, attribute),
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
                                       "What goes in and out of a network, by day.",
                                       "earlgrey trend -r capture.pcap --packets --by 1ms udp",
                                       "What its UDP packets were in each millisecond.",
                                       "earlgrey trend -d data -t now-1h --by 1m --per protocol "
                                       "--rates",
                                       "Bits per second of each protocol, by minute.",
                                       NULL};

#define INTERVALS_MAX INT64_C(1000000) /* rows of an answer */
#define PARTS_MAX INT64_C(20000000)    /* shares of flows, in all */

/* The narrowest of the usual widths with which `amount`, made of widths of `by_us`, is at most `most`. */
static const char *width_for(int64_t by_us, int64_t amount, int64_t most) {
    static const struct {
        int64_t us;
        const char *text;
    } widths[] = {
        {1000, "1ms"},        {2000, "2ms"},         {5000, "5ms"},       {10000, "10ms"},
        {20000, "20ms"},      {50000, "50ms"},       {100000, "100ms"},   {200000, "200ms"},
        {500000, "500ms"},    {1000000, "1s"},       {2000000, "2s"},     {5000000, "5s"},
        {10000000, "10s"},    {30000000, "30s"},     {60000000, "1m"},    {300000000, "5m"},
        {900000000, "15m"},   {3600000000, "1h"},    {21600000000, "6h"}, {86400000000, "1d"},
        {604800000000, "7d"}, {2592000000000, "30d"}};
    const size_t count = sizeof widths / sizeof *widths;
    double least = (double)by_us * (double)amount / (double)most;
    for (size_t i = 0; i < count; i++)
        if ((double)widths[i].us >= least && widths[i].us > by_us) return widths[i].text;
    return "366d";
}

/* How many intervals there are, of so many values each, before it is tried. */
static enum eg_exit check_rows(struct eg_report *report, const struct eg_trend_request *request,
                               int64_t intervals, int64_t values) {
    char n[EG_HUMAN_TEXT], v[EG_HUMAN_TEXT], most[EG_HUMAN_TEXT];
    int64_t rows;
    if (__builtin_mul_overflow(intervals, values, &rows)) rows = INT64_MAX;
    if (rows <= INTERVALS_MAX) return EG_EXIT_DONE;
    eg_thousands_text(intervals, n);
    eg_thousands_text(values, v);
    eg_thousands_text(INTERVALS_MAX, most);
    if (values > 1)
        return eg_complain_usage(
            report->call,
            "%s intervals of %s values of %s are too many rows, and an answer has at most %s: take "
            "fewer values (-n N, a filter), a wider --by, or less time (-t FROM,TO)",
            n, v, request->per, most);
    return eg_complain_usage(
        report->call,
        "--by is too narrow for this time: it makes %s intervals, and an answer has at most "
        "%s: take --by %s or wider, or less time (-t FROM,TO)",
        n, most, width_for(request->by_us, intervals, INTERVALS_MAX));
}

/* Narrow intervals over a long time take memory without end: told before it is tried, with the limit
 * and the width that keeps it. */
static enum eg_exit check_cost(struct eg_report *report, const struct eg_trend_request *request) {
    bool wide = request->by_us >= 60 * INT64_C(1000000) && !request->per;
    if (wide || request->by_us < 1000) return EG_EXIT_DONE;
    struct eg_strbuf sql = {0};
    struct eg_error err;
    int64_t cost[4]; /* the first time, the last one, shares, values */
    enum eg_exit code = EG_EXIT_DONE;
    if (eg_sql_trend_cost(request, &sql, &err) < 0)
        code = eg_complain(report->call, &err);
    else
        code = eg_report_numbers(report, sql.text, cost, 4);
    eg_strbuf_reset(&sql);
    const struct eg_origin *origin = &request->origin;
    int64_t from = origin->from_us != INT64_MIN ? origin->from_us : cost[0];
    int64_t to = origin->to_us != INT64_MAX ? origin->to_us : cost[1];
    int64_t values = request->values && request->values < cost[3] ? request->values : cost[3];
    if (code == EG_EXIT_DONE)
        code =
            check_rows(report, request, to > from ? (to - from) / request->by_us + 1 : 1, values);
    bool spread = request->spread && !origin->from_packets && origin->table == EG_TABLE_FLOWS;
    if (code != EG_EXIT_DONE || !spread || cost[2] <= PARTS_MAX) return code;
    char n[EG_HUMAN_TEXT], most[EG_HUMAN_TEXT];
    eg_thousands_text(cost[2], n);
    eg_thousands_text(PARTS_MAX, most);
    return eg_complain_usage(
        report->call,
        "--by is too narrow to spread these flows: they have %s shares in its intervals, and "
        "at most %s are made: take --by %s or wider, less time (-t FROM,TO), fewer flows (a "
        "filter), or count each where it ends (--attribute end)",
        n, most, width_for(request->by_us, cost[2], PARTS_MAX));
}

static enum eg_exit question(struct eg_report *report, struct eg_strbuf *sql) {
    const struct trend_options *o = report->call->options;
    struct eg_trend_request request = {
        .origin = report->origin,
        .host = o->host,
        .by_us = o->by_us,
        .per = o->per,
        .values = o->number,
        .raw = o->report.raw,
        .rates = o->rates,
        .spread = strcmp(o->report.attribute, "spread") == 0,
    };
    struct eg_error err;
    if (eg_sql_trend(&request, sql, &err) < 0) return eg_complain(report->call, &err);
    return o->report.explain ? EG_EXIT_DONE : check_cost(report, &request);
}

static enum eg_exit run(struct eg_call *call) {
    const struct trend_options *o = call->options;
    if (o->number && !o->per) return eg_complain_usage(call, "--number goes with --per");
    return eg_report_answer(call, &o->report, EG_TABLE_FLOWS, question);
}

const struct eg_verb eg_verb_trend = {
    .name = "trend",
    .summary = "bytes and packets per interval",
    .synopsis = "[FILTER]",
    .description =
        "Shows traffic over time. With --host the intervals tell what went in and out of "
        "it, and with --per there is a row for each value of a field. Intervals without traffic "
        "are "
        "zero.\n\n"
        "Flows are spread over their time. With --packets each packet counts where it came, which "
        "is what a millisecond had.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct trend_options),
    .run = run,
};
