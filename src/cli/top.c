/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey top`: the largest talkers. */
#include "base/alloc.h"
#include "cli/report.h"

#include <string.h>

struct top_options {
    struct eg_report_options report;
    struct eg_text_list by;
    const char *metric;
    int64_t number;
    int64_t window_us;
    bool rates;
};

static const struct eg_option options[] = {
    EG_REPORT_ORIGIN_OPTIONS(struct top_options),
    EG_REPORT_DEDUP_OPTION(struct top_options),
    EG_REPORT_PACKETS_OPTION(struct top_options),
    EG_METERING_OPTIONS_ASKED(struct top_options, report.metering),
    {.name = "by",
     .letter = 's',
     .type = EG_OPT_LIST,
     .offset = offsetof(struct top_options, by),
     .value_name = "FIELD[,FIELD…]",
     .help =
         "What to group by: any column, or pair (both directions of an address pair merged, the "
         "default), ip, port, as (either side). FIELD/METRIC sets the metric too."},
    {.name = "metric",
     .letter = 'm',
     .type = EG_OPT_CHOICE,
     .offset = offsetof(struct top_options, metric),
     .preset = "bytes",
     .choices = "bytes|packets|flows|retransmissions",
     .help =
         "What to rank by; retransmissions are known of flows that are metered from packets. Of "
         "--packets: bytes or packets."},
    {.name = "number",
     .letter = 'n',
     .type = EG_OPT_INT,
     .offset = offsetof(struct top_options, number),
     .preset = "10",
     .min = 0,
     .max = INT64_MAX,
     .value_name = "N",
     .help = "How many; 0 is all."},
    {.name = "window",
     .type = EG_OPT_DURATION,
     .offset = offsetof(struct top_options, window_us),
     .min = 1000,
     .max = INT64_C(366) * 86400 * 1000000,
     .value_name = "WIDTH",
     .help = "The largest of each window of this width, by the start of flows or the time of "
             "packets, instead of all."},
    {.name = "rates",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct top_options, rates),
     .help = "With --packets and --window: packets_per_s and bits_per_s, too."},
    {.name = "raw",
     .type = EG_OPT_FLAG,
     .offset = EG_REPORT_AT(struct top_options, raw),
     .help = "Counters as reported, not scaled by the sampling rate."},
    EG_REPORT_OUTPUT_OPTIONS(struct top_options),
    EG_OPTION_END,
};

static const char *const examples[] = {
    "earlgrey top -r capture.pcap",
    "The ten address pairs with most bytes, straight from a capture.",
    "earlgrey top -d data -s src_ip,dst_port -m flows -n 20 'proto tcp'",
    "Who connects most, by port.",
    "earlgrey top -d data -t now-1h -s dst_ip --json",
    "The last hour's receivers, as JSON.",
    "earlgrey top -r capture.pcap --packets -s ttl -m packets",
    "The TTLs of its packets.",
    "earlgrey top -r capture.pcap --packets -s tcp_flags --window 100ms -n 3 --rates tcp",
    "Which TCP flags each tenth of a second had most of, and how many a second.",
    NULL};

static enum eg_exit question(struct eg_report *report, struct eg_strbuf *sql) {
    struct top_options *o = report->call->options;
    /* nfdump's habit: -s srcip/packets */
    const char *metric = o->metric;
    for (size_t i = 0; i < o->by.count; i++) {
        char *slash = strchr(o->by.items[i], '/');
        if (!slash) continue;
        *slash = 0;
        metric = slash + 1;
    }
    report->adds_up = !o->report.packets;
    for (size_t i = 0; i < o->by.count; i++)
        if (strcmp(o->by.items[i], "exporter") == 0) report->adds_up = false;
    static const char *const pair[] = {"pair"};
    struct eg_top_request request = {
        .origin = report->origin,
        .by = o->by.count ? (const char *const *)o->by.items : pair,
        .by_count = o->by.count ? o->by.count : 1,
        .metric = metric,
        .limit = o->number,
        .raw = o->report.raw,
        .window_us = o->window_us,
        .rates = o->rates,
    };
    struct eg_error err;
    return eg_sql_top(&request, sql, &err) < 0 ? eg_complain(report->call, &err) : EG_EXIT_DONE;
}

/* Fields that only metering finds out: who began, how it ended, which record it is. */
static bool about_records(const struct top_options *o) {
    static const char *const of_records[] = {"flow_id", "duration_us"};
    for (size_t i = 0; i < o->by.count; i++) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(o->by.items[i], "/"), o->by.items[i]);
        for (size_t k = 0; k < sizeof of_records / sizeof *of_records; k++)
            if (strcmp(name, of_records[k]) == 0) return true;
        if (eg_column_find(eg_table_get(EG_TABLE_FLOWS), name) >= 0 && !eg_sql_packets_tell(name))
            return true;
    }
    return false;
}

/* FIELD/METRIC or -m. */
static bool about_retransmissions(const struct top_options *o) {
    bool asked = strcmp(o->metric, "retransmissions") == 0;
    for (size_t i = 0; i < o->by.count; i++) {
        const char *slash = strchr(o->by.items[i], '/');
        if (slash) asked = strcmp(slash, "/retransmissions") == 0;
    }
    return asked;
}

static enum eg_exit run(struct eg_call *call) {
    struct top_options *o = call->options;
    bool retransmissions = about_retransmissions(o) && !o->report.packets;
    if (retransmissions && !o->report.source) o->report.source = eg_strdup("packet");
    o->report.records =
        !o->report.packets && (retransmissions || about_records(o) ||
                               (o->report.read.count && eg_metering_given(&o->report.metering)));
    return eg_report_answer(call, &o->report, EG_TABLE_FLOWS, question);
}

const struct eg_verb eg_verb_top = {
    .name = "top",
    .summary = "top talkers",
    .synopsis = "[FILTER]",
    .description =
        "Groups the flows by one or more fields and shows the largest groups. Counters are scaled "
        "by the sampling rate unless --raw is given.\n\n"
        "With -r the answer comes straight from captures: from the flow exports in them, or, where "
        "there are none, from their packets: a flow is then all packets with the same addresses, "
        "ports and protocol. With an option of metering (--idle, --one-way, …) they are metered "
        "first, as `flows -r` and `ingest` do it; what is not given is as usual there (30s idle, "
        "5m active).\n\n"
        "With --packets nothing is made of packets: each one is a row of its own, as `earlgrey "
        "fields packets` lists it, and so are those that carry flow exports in a capture.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct top_options),
    .run = run,
};
