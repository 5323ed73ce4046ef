/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey sql`: one read-only statement over the tables. */
#include "cli/report.h"

#include <string.h>
#include <sys/stat.h>

struct sql_options {
    struct eg_report_options report;
};

static const struct eg_option options[] = {
    EG_REPORT_ORIGIN_OPTIONS(struct sql_options),
    EG_REPORT_OUTPUT_OPTIONS(struct sql_options),
    EG_OPTION_END,
};

static const char *const examples[] = {
    "earlgrey sql -d data 'select protocol, sum(bytes) from flows group by all order by 2 desc'",
    "Any question over a dataset.",
    "earlgrey sql \"select src_ip, count(*) from read_packets('capture.pcap') group by 1\"",
    "The same straight from a capture below the current directory.", NULL};

static enum eg_status views(struct eg_report *report, struct eg_strbuf *sql, struct eg_error *err) {
    eg_strbuf_text(sql, EG_SQL_MACROS);
    if (report->capture_count) return eg_sql_capture_views(&report->origin, sql, err);
    if (report->origin.dataset) return eg_sql_views(&report->origin, sql, err);
    return EG_OK;
}

static enum eg_exit ask(struct eg_report *report, const char *statement) {
    struct eg_strbuf before = {0};
    struct eg_error err;
    enum eg_exit code;
    if (views(report, &before, &err) < 0)
        code = eg_complain(report->call, &err);
    else if (report->options->explain)
        code = eg_report_explain(report, statement);
    else
        code = eg_report_run(report, before.text, statement, true);
    eg_strbuf_reset(&before);
    return code;
}

static enum eg_exit run(struct eg_call *call) {
    struct sql_options *o = call->options;
    if (call->word_count != 1) return eg_complain_usage(call, "give one statement, in quotes");
    const char *statement = call->words[0];
    call->word_count = 0;
    struct eg_report report = {.call = call, .options = &o->report};
    /* without a dataset there are no views, but captures can still be asked */
    struct stat info;
    enum eg_exit code = EG_EXIT_DONE;
    if (o->report.read.count || stat(o->report.dataset, &info) == 0 ||
        strcmp(o->report.dataset, "./earlgrey-data") != 0)
        code = eg_report_open(&report, call, &o->report, EG_TABLE_RAW);
    if (code == EG_EXIT_DONE) {
        do code = ask(&report, statement);
        while (eg_report_again(&report));
    }
    eg_report_close(&report);
    return code;
}

const struct eg_verb eg_verb_sql = {
    .name = "sql",
    .summary = "read-only SQL over the tables and captures",
    .synopsis = "STATEMENT",
    .description =
        "Runs one SELECT. The tables flows, packets, counters and losses are those of the dataset "
        "(-d) or of captures (-r), packets_pcapstream is packets in the shape of mapr-pcapstream; "
        "read_flows('FILE') and read_packets('FILE') read captures (read_flows takes source := "
        "'auto', 'exports', 'packet' or 'all': docs/packets.md). Files below "
        "the current directory, in the dataset, and named with -r can be read; no other file, and "
        "nothing can be written.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct sql_options),
    .run = run,
};
