/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey flows`: flow records. */
#include "cli/report.h"

struct flows_options {
    struct eg_report_options report;
    int64_t number;
    const char *sort;
};

static const struct eg_option options[] = {
    EG_REPORT_ORIGIN_OPTIONS(struct flows_options),
    EG_REPORT_DEDUP_OPTION(struct flows_options),
    {.name = "number",
     .letter = 'n',
     .type = EG_OPT_INT,
     .offset = offsetof(struct flows_options, number),
     .preset = "0",
     .min = 0,
     .max = INT64_MAX,
     .value_name = "N",
     .help = "How many at most; 0 is all."},
    {.name = "sort",
     .letter = 's',
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct flows_options, sort),
     .preset = "start_time",
     .value_name = "FIELD",
     .help = "Column to sort by; -FIELD is descending, none keeps the stored order."},
    {.name = "fields",
     .type = EG_OPT_TEXT,
     .offset = EG_REPORT_AT(struct flows_options, fields),
     .value_name = "A,B,…",
     .help = "Columns to show, in this order; all is every column."},
    {.name = "raw",
     .type = EG_OPT_FLAG,
     .offset = EG_REPORT_AT(struct flows_options, raw),
     .help = "Counters as reported, not scaled by the sampling rate."},
    EG_REPORT_OUTPUT_OPTIONS(struct flows_options),
    EG_OPTION_END,
};

static const char *const examples[] = {
    "earlgrey flows -d data 'host 10.1.2.3'",
    "Everything one host did.",
    "earlgrey flows -r capture.pcap 'dst port in (80,443) and bytes > 1M' -s -bytes -n 20",
    "The twenty largest web flows of a capture.",
    "earlgrey flows -d data -t 2026-01-02,2026-01-03 --fields all -o parquet -w day.parquet",
    "A day of flows as one Parquet file.",
    NULL};

static enum eg_exit question(struct eg_report *report, struct eg_strbuf *sql) {
    const struct flows_options *o = report->call->options;
    struct eg_error err;
    enum eg_status status = eg_sql_flows(&report->origin, o->report.fields, o->number, o->sort,
                                         o->report.raw, sql, &err);
    return status < 0 ? eg_complain(report->call, &err) : EG_EXIT_DONE;
}

static enum eg_exit run(struct eg_call *call) {
    const struct flows_options *o = call->options;
    return eg_report_answer(call, &o->report, EG_TABLE_FLOWS, question);
}

const struct eg_verb eg_verb_flows = {
    .name = "flows",
    .summary = "flow records",
    .synopsis = "[FILTER]",
    .description = "Shows the flow records that a filter selects. A flow belongs to the time given "
                   "with -t when it overlaps it; --match chooses otherwise.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct flows_options),
    .run = run,
};
