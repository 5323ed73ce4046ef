/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey packets`: packets as rows, or as a capture. */
#include "cli/packets.h"

#include <string.h>

struct packets_options {
    struct eg_report_options report;
    const char *bpf, *bytes, *bytes_on, *stellar, *geo, *asn, *format, *receipt;
    const char *flow;
    int64_t count, number, records;
    bool both, outermost, force, pdml, no_sync;
};

#define AT(member) offsetof(struct packets_options, member)
#define REPORT(member) EG_REPORT_AT(struct packets_options, member)

static const struct eg_option options[] = {
    {.name = "read",
     .letter = 'r',
     .type = EG_OPT_LIST,
     .offset = REPORT(read),
     .value_name = "FILE",
     .help =
         "Looks through this capture, or all below this directory; may be repeated. Words behind "
         "it that name files are read too."},
    {.name = "dataset",
     .letter = 'd',
     .type = EG_OPT_TEXT,
     .offset = REPORT(dataset),
     .preset = "./earlgrey-data",
     .value_name = "DATASET",
     .help = "The dataset whose index finds them."},
    {.name = "time",
     .letter = 't',
     .type = EG_OPT_TEXT,
     .offset = REPORT(time),
     .value_name = "FROM[,TO]",
     .help = "Only this time, in UTC unless it says otherwise: RFC 3339, 2026-01-02 13:00, epoch, "
             "now-6h, -15m."},
    {.name = "bpf",
     .type = EG_OPT_TEXT,
     .offset = AT(bpf),
     .value_name = "EXPR",
     .help = "Only packets for which this holds, as in tcpdump (pcap-filter(7))."},
    {.name = "bytes",
     .type = EG_OPT_TEXT,
     .offset = AT(bytes),
     .value_name = "PATTERN",
     .help =
         "Only packets that hold these bytes: 'ff(.){5}ff', \"'GET '\" (docs/byte-patterns.md)."},
    {.name = "bytes-on",
     .type = EG_OPT_CHOICE,
     .offset = AT(bytes_on),
     .preset = "frame",
     .choices = "frame|payload|stored",
     .help = "Where --bytes and Stellar's `packet` look: the frame, what is behind the transport "
             "header, or the frame behind the 40 bytes that Metron stores before it."},
    {.name = "stellar",
     .type = EG_OPT_TEXT,
     .offset = AT(stellar),
     .value_name = "EXPR",
     .help = "Only packets for which this Stellar expression holds (docs/stellar.md)."},
    {.name = "geo",
     .type = EG_OPT_TEXT,
     .offset = AT(geo),
     .value_name = "FILE",
     .help = "The database of places (a MaxMind DB, .mmdb) that Stellar's GEO_GET asks."},
    {.name = "asn",
     .type = EG_OPT_TEXT,
     .offset = AT(asn),
     .value_name = "FILE",
     .help = "The database of AS numbers (a MaxMind DB, .mmdb) that Stellar's ASN_GET asks."},
    {.name = "flow",
     .type = EG_OPT_TEXT,
     .offset = AT(flow),
     .value_name = "FLOW_ID",
     .help =
         "The packets of the flow with this id (the column flow_id of flows); the filter selects "
         "among them."},
    {.name = "both",
     .type = EG_OPT_FLAG,
     .offset = AT(both),
     .help = "Both directions: also packets that the filter, or the flow, fits with source and "
             "destination exchanged."},
    {.name = "outermost",
     .type = EG_OPT_FLAG,
     .offset = AT(outermost),
     .help = "Of tunnelled packets the outer addresses and ports count."},
    {.name = "count",
     .letter = 'c',
     .type = EG_OPT_INT,
     .offset = AT(count),
     .preset = "0",
     .max = INT64_MAX,
     .value_name = "N",
     .help = "The first so many; 0 is all."},
    {.name = "number",
     .letter = 'n',
     .type = EG_OPT_INT,
     .offset = AT(number),
     .preset = "0",
     .max = INT64_MAX,
     .value_name = "N",
     .help = "The same as --count, under the name that other reports have for it."},
    {.name = "write",
     .letter = 'w',
     .type = EG_OPT_TEXT,
     .offset = REPORT(write),
     .value_name = "FILE",
     .help =
         "Writes the packets to this capture, whole or not at all; - is standard output. With -o, "
         "or an ending like .csv, the rows."},
    {.name = "format",
     .type = EG_OPT_CHOICE,
     .offset = AT(format),
     .choices = "pcap|pcapng",
     .help =
         "What capture is written; without it, as -w ends, else pcap. pcapng holds several link "
         "types."},
    {.name = "records-per-file",
     .type = EG_OPT_INT,
     .offset = AT(records),
     .preset = "0",
     .max = INT64_MAX,
     .value_name = "N",
     .help = "Several captures of at most so many packets: NAME+0001.pcap, …; 0 is one."},
    {.name = "force",
     .type = EG_OPT_FLAG,
     .offset = AT(force),
     .help = "Writes over captures that exist."},
    {.name = "no-sync",
     .type = EG_OPT_FLAG,
     .offset = AT(no_sync),
     .help =
         "Does not wait until captures are on the disk: quicker where much is written, but a crash "
         "of the machine may lose them."},
    {.name = "receipt",
     .type = EG_OPT_TEXT,
     .offset = AT(receipt),
     .value_name = "FILE",
     .help = "Says in this file, as JSON, what was asked, read and written; - is standard output."},
    {.name = "pdml",
     .type = EG_OPT_FLAG,
     .offset = AT(pdml),
     .help =
         "Taken apart by tshark, every field of every layer: as PDML, or with -o json as JSON."},
    {.name = "fields",
     .type = EG_OPT_TEXT,
     .offset = REPORT(fields),
     .value_name = "A,B,…",
     .help = "Columns to show, in this order; all is every column."},
    {.name = "output",
     .letter = 'o',
     .type = EG_OPT_CHOICE,
     .offset = REPORT(output),
     .choices = "table|wide|csv|tsv|json|jsonl|markdown|parquet|arrow",
     .help =
         "How rows are written. Without it: as the ending of -w says; table on a terminal; else "
         "tsv."},
    {.name = "json", .type = EG_OPT_FLAG, .offset = REPORT(json), .help = "The same as -o json."},
    {.name = "no-header",
     .type = EG_OPT_FLAG,
     .offset = REPORT(no_header),
     .help = "Leaves out the line of column names."},
    {.name = "explain",
     .type = EG_OPT_FLAG,
     .offset = REPORT(explain),
     .help = "Shows the filter's normal form and the SQL instead of running it."},
    {.name = "exit-status",
     .type = EG_OPT_FLAG,
     .offset = REPORT(exit_status),
     .help = "Exits with 4 when there are no packets."},
    {.name = "utc",
     .type = EG_OPT_FLAG,
     .offset = REPORT(utc),
     .help = "Times in UTC in tables too, not with the local offset."},
    {.name = "epoch",
     .type = EG_OPT_FLAG,
     .offset = REPORT(epoch),
     .help = "Times as microseconds since 1970."},
    {.name = "units",
     .type = EG_OPT_CHOICE,
     .offset = REPORT(units),
     .preset = "si",
     .choices = "si|raw",
     .help = "How tables show bytes: 1.23 GB, or all digits."},
    {.name = "threads",
     .type = EG_OPT_INT,
     .offset = REPORT(threads),
     .preset = "0",
     .max = 1024,
     .value_name = "N",
     .help = "Threads to use; 0 is one per core."},
    {.name = "memory-limit",
     .type = EG_OPT_TEXT,
     .offset = REPORT(memory_limit),
     .value_name = "SIZE",
     .help = "Most memory the SQL engine may take, as 2GB."},
    EG_OPTION_END,
};

static const char *const examples[] = {
    "earlgrey packets -d data 'host 10.1.2.3 and port 443' -w web.pcap",
    "One host's web packets, out of all captures that were ingested.",
    "earlgrey packets -r capture.pcap --bpf 'tcp[13] & 2 != 0' -c 100 -w - | tshark -r -",
    "The first hundred SYNs of a capture, straight into tshark.",
    "earlgrey packets -d data -t 2026-01-02,2026-01-03 --bytes \"'GET /admin'\" -o csv",
    "Which packets of a day hold these bytes, as rows.",
    "earlgrey packets -d data 'host 10.1.2.3' -c 10 --pdml -o json",
    "Ten packets, every field of every layer.",
    NULL};

static enum eg_exit check(struct eg_call *call, const struct packets_options *o, bool rows) {
    if (!o->bytes && !o->stellar && o->bytes_on && strcmp(o->bytes_on, "frame") != 0)
        return eg_complain_usage(call,
                                 "--bytes-on says where --bytes and --stellar look: give one, too");
    if (o->count && o->number && o->count != o->number)
        return eg_complain_usage(call, "-c and -n are the same: give one of them");
    if (o->pdml && o->report.output && strcmp(o->report.output, "json") != 0)
        return eg_complain_usage(call, "--pdml is XML, or JSON with -o json; there is no %s of it",
                                 o->report.output);
    if (o->pdml && (o->report.fields || o->format || o->records || o->receipt))
        return eg_complain_usage(call, "--%s does not go with --pdml",
                                 o->report.fields ? "fields"
                                 : o->format      ? "format"
                                 : o->records     ? "records-per-file"
                                                  : "receipt");
    if (o->pdml) return EG_EXIT_DONE;
    if (rows && o->format)
        return eg_complain_usage(call, "--format is of captures: name one with -w");
    struct eg_error err;
    if (rows && o->report.write && eg_packets_place_free(o->report.write, o->force, &err) < 0)
        return eg_complain(call, &err);
    if (rows && (o->records || o->receipt || (o->force && !o->report.write) || o->no_sync))
        return eg_complain_usage(call, "--%s is of captures: name one with -w",
                                 o->records   ? "records-per-file"
                                 : o->receipt ? "receipt"
                                 : o->no_sync ? "no-sync"
                                              : "force");
    if (o->receipt && !rows && strcmp(o->receipt, "-") == 0 && strcmp(o->report.write, "-") == 0)
        return eg_complain_usage(call, "packets and receipt cannot both go to standard output");
    return EG_EXIT_DONE;
}

/* The flow with this id, out of the same dataset or captures, as a condition on packets. */
static enum eg_exit flow_find(struct eg_call *call, const struct packets_options *o,
                              struct eg_report *packets, struct eg_strbuf *condition,
                              bool *exported) {
    struct eg_report report;
    struct eg_strbuf sql = {0};
    struct eg_error err;
    char **words = call->words;
    size_t word_count = call->word_count;
    struct eg_flows_found found = {0};
    if (strspn(o->flow, "0123456789abcdef") != 32 || strlen(o->flow) != 32)
        return eg_complain_usage(call,
                                 "--flow takes 32 hex digits, as the column flow_id of flows "
                                 "has them, not '%s'",
                                 o->flow);
    for (size_t i = 0; i < packets->capture_count; i++)
        if (eg_spool_needed(packets->captures[i]))
            return eg_complain_usage(call, "--flow reads captures twice: keep %s in a file first",
                                     packets->captures[i]);
    call->word_count = 0; /* the filter is about packets */
    struct eg_report_options records = o->report;
    records.records = true;
    enum eg_exit code = eg_report_open(&report, call, &records, EG_TABLE_FLOWS);
    report.options = &o->report;
    if (report.origin.dataset) report.origin.count = EG_COUNT_ALL; /* whosever flow it is */
    if (code == EG_EXIT_DONE && packets->capture_count > report.capture_count) {
        report.origin.captures = packets->origin.captures; /* words that named files, too */
        report.origin.capture_count = packets->origin.capture_count;
    }
    eg_strbuf_text(&sql, "SELECT * FROM ");
    if (code == EG_EXIT_DONE && eg_sql_rows(&report.origin, &sql, &err) < 0)
        code = eg_complain(call, &err);
    eg_strbuf_printf(&sql, " AS id_ WHERE %s = '%s'",
                     eg_derived_find(EG_TABLE_FLOWS, "flow_id")->expression, o->flow);
    if (code == EG_EXIT_DONE)
        code = eg_packets_of_flows(&report, sql.text, o->both, &packets->origin, condition, &found);
    *exported = found.exported;
    if (code == EG_EXIT_DONE && !found.count) {
        eg_fail(&err, EG_E_NOENT, "there is no flow %s in %s%s", o->flow,
                report.capture_count ? "these captures" : o->report.dataset,
                o->report.time ? " at that time" : "");
        code = eg_complain(call, &err);
    }
    eg_strbuf_reset(&sql);
    eg_report_close(&report);
    call->words = words;
    call->word_count = word_count;
    return code;
}

static enum eg_exit run(struct eg_call *call) {
    const struct packets_options *o = call->options;
    bool rows = eg_packets_rows_wanted(&o->report);
    struct eg_strbuf condition = {0};
    struct eg_packets_ask ask = {
        .bpf = o->bpf,
        .bytes = o->bytes,
        .bytes_on = o->bytes_on,
        .stellar = o->stellar,
        .geo = o->geo,
        .asn = o->asn,
        .flow = o->flow,
        .both = o->both,
        .outermost = o->outermost,
        .count = o->count ? o->count : o->number,
        .path = rows && !o->pdml ? NULL : o->report.write,
        .pdml = !o->pdml                             ? EG_PDML_NONE
                : o->report.json || o->report.output ? EG_PDML_JSON
                                                     : EG_PDML_XML,
        .format = o->format,
        .records = o->records,
        .replace = o->force,
        .unsynced = o->no_sync,
        .receipt = o->receipt,
    };
    enum eg_exit code = check(call, o, rows);
    if (code != EG_EXIT_DONE) return code;
    struct eg_report report;
    code = eg_report_open(&report, call, &o->report, EG_TABLE_PACKETS);
    if (code == EG_EXIT_DONE && o->flow)
        code = flow_find(call, o, &report, &condition, &ask.exported);
    ask.condition = condition.text;
    if (code == EG_EXIT_DONE) {
        do code = eg_packets_run(&report, &ask);
        while (eg_report_again(&report));
    }
    eg_report_close(&report);
    eg_strbuf_reset(&condition);
    return code;
}

const struct eg_verb eg_verb_packets = {
    .name = "packets",
    .summary = "packets as rows, or as a capture",
    .synopsis = "[FILTER]",
    .description =
        "Finds packets: in a dataset (-d) by its index, reading only the bytes of those that are "
        "found; in captures (-r) by reading them. They come in the order of time, merged over all "
        "captures; but what is read from captures and goes to a stream (-w -), or comes from one, "
        "is as it was read. Without -w they are shown as rows; with it they are written as a "
        "capture, with every byte and nanosecond they had.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct packets_options),
    .forms = eg_packets_forms,
    .run = run,
};
