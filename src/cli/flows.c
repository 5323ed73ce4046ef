/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey flows`: flow records. */
#include "cli/packets.h"

struct flows_options {
    struct eg_report_options report;
    int64_t number;
    const char *sort, *receipt, *format;
    bool packets, both, force;
};

static const struct eg_option options[] = {
    EG_REPORT_ORIGIN_OPTIONS(struct flows_options),
    EG_REPORT_DEDUP_OPTION(struct flows_options),
    EG_METERING_OPTIONS(struct flows_options, report.metering),
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
    {.name = "packets",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct flows_options, packets),
     .help = "Their packets instead, as a capture (-w), or as rows."},
    {.name = "both",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct flows_options, both),
     .help = "With --packets: both directions."},
    {.name = "format",
     .type = EG_OPT_CHOICE,
     .offset = offsetof(struct flows_options, format),
     .choices = "pcap|pcapng",
     .help = "With --packets: what capture is written; without it, as -w ends, else pcap. pcapng "
             "holds several link types."},
    {.name = "force",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct flows_options, force),
     .help = "With --packets: writes over a capture that exists."},
    {.name = "receipt",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct flows_options, receipt),
     .value_name = "FILE",
     .help = "With --packets: says in this file, as JSON, what was asked, read and written."},
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
    "earlgrey flows -d data 'host 10.1.2.3' -s -bytes -n 1 --packets --both -w largest.pcap",
    "The packets of a host's largest flow, both directions.",
    NULL};

static enum eg_exit question(struct eg_report *report, struct eg_strbuf *sql) {
    const struct flows_options *o = report->call->options;
    struct eg_error err;
    enum eg_status status = eg_sql_flows(&report->origin, o->report.fields, o->number, o->sort,
                                         o->report.raw, sql, &err);
    return status < 0 ? eg_complain(report->call, &err) : EG_EXIT_DONE;
}

/* The packets of the flows that were asked for. */
static enum eg_exit packets_of(struct eg_report *report, const struct flows_options *o) {
    struct eg_strbuf sql = {0}, condition = {0};
    struct eg_error err;
    struct eg_origin flows = report->origin, packets = flows;
    struct eg_flows_found found = {0};
    packets.filter = NULL;
    packets.from_us =
        INT64_MIN; /* a flow overlaps the time that was asked for; all of it is meant */
    packets.to_us = INT64_MAX;
    bool rows = eg_packets_rows_wanted(&o->report);
    struct eg_packets_ask ask = {.path = rows ? NULL : o->report.write,
                                 .format = o->format,
                                 .replace = o->force,
                                 .receipt = o->receipt};
    if (rows && (o->format || o->receipt || o->force))
        return eg_complain_usage(report->call, "--%s is of captures: name one with -w",
                                 o->format    ? "format"
                                 : o->receipt ? "receipt"
                                              : "force");
    enum eg_exit code = EG_EXIT_DONE;
    if (eg_sql_flows(&flows, EG_FLOW_KEY_FIELDS, o->number, o->sort, true, &sql, &err) < 0)
        code = eg_complain(report->call, &err);
    if (code == EG_EXIT_DONE)
        code = eg_packets_of_flows(report, sql.text, o->both, &packets, &condition, &found);
    struct eg_flows_asked asked = {&flows, o->sort, o->number, o->both, found.count};
    ask.flows = &asked;
    ask.condition = found.count ? condition.text : "FALSE";
    ask.exported = found.exported;
    report->origin = packets;
    if (code == EG_EXIT_DONE) code = eg_packets_run(report, &ask);
    report->origin = flows;
    eg_strbuf_reset(&sql);
    eg_strbuf_reset(&condition);
    return code;
}

static enum eg_exit run(struct eg_call *call) {
    struct flows_options *o = call->options;
    o->report.records = true;
    if (!o->packets && (o->both || o->force || o->receipt || o->format))
        return eg_complain_usage(call, "--%s goes with --packets",
                                 o->both     ? "both"
                                 : o->force  ? "force"
                                 : o->format ? "format"
                                             : "receipt");
    if (!o->packets) return eg_report_answer(call, &o->report, EG_TABLE_FLOWS, question);
    struct eg_report report;
    enum eg_exit opened = eg_report_open(&report, call, &o->report, EG_TABLE_FLOWS), code = opened;
    if (opened == EG_EXIT_DONE) {
        do code = packets_of(&report, o);
        while (eg_report_again(&report));
    }
    eg_report_close(&report);
    return code;
}

const struct eg_verb eg_verb_flows = {
    .name = "flows",
    .summary = "flow records",
    .synopsis = "[FILTER]",
    .description = "Shows the flow records that a filter selects. A flow belongs to the time given "
                   "with -t when it overlaps it; --match chooses otherwise.\n\n"
                   "With -r they come straight from captures: the flow exports in them or, where "
                   "there are none, flows metered from their packets (--source packet meters "
                   "packets beside exports, too). Of a dataset that holds both, the exports are "
                   "shown, and the others with --source packet.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct flows_options),
    .run = run,
};
