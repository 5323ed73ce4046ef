/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey packets fixed` and `earlgrey packets query`: the options, defaults and file names of Metron's
 * pcap_query.sh, for scripts that call it. What was a defect there is not repeated: docs/retrieval.md. */
#include "base/alloc.h"
#include "base/timetext.h"
#include "cli/date_pattern.h"
#include "cli/packets.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

struct metron_options {
    const char *source, *destination, *source_port, *destination_port, *protocol, *pattern,
        *pattern_on;
    const char *query, *geo, *asn;
    bool reverse, force, status;
    const char *start, *end, *date_format, *base, *output_base, *prefix, *threads, *queue;
    const char *dataset, *receipt, *output_format;
    int64_t reducers, records;
};

#define AT(member) offsetof(struct metron_options, member)
#define TEXT(long_name, short_name, member, value, words)                                          \
    {                                                                                              \
        .name = long_name, .brief = short_name, .type = EG_OPT_TEXT, .offset = AT(member),         \
        .value_name = value, .help = words                                                         \
    }
#define PATTERN_ON(words)                                                                          \
    {                                                                                              \
        .name = "packet_filter_on", .brief = "pfo", .type = EG_OPT_CHOICE,                         \
        .offset = AT(pattern_on), .preset = "frame", .choices = "frame|payload|stored",            \
        .help = words                                                                              \
    }
#define COMMON_OPTIONS                                                                             \
    TEXT("start_time", "st", start, "TIME",                                                        \
         "From this time on, itself included: milliseconds since 1970, or as -df says, or RFC "    \
         "3339. Required."),                                                                       \
        TEXT("end_time", "et", end, "TIME", "Up to this time, itself included. Without it, now."), \
        TEXT("date_format", "df", date_format, "PATTERN",                                          \
             "How times are written, as java.text.SimpleDateFormat has it; local time where it "   \
             "names no zone."),                                                                    \
        TEXT("base_path", "bp", base, "PATH",                                                      \
             "Where the packets are: a dataset, or a directory of captures or sequence files, or " \
             "one such file. Without it, -d."),                                                    \
        {.name = "records_per_file",                                                               \
         .brief = "rpf",                                                                           \
         .type = EG_OPT_INT,                                                                       \
         .offset = AT(records),                                                                    \
         .preset = "10000",                                                                        \
         .min = 1,                                                                                 \
         .max = INT64_MAX,                                                                         \
         .value_name = "N",                                                                        \
         .help = "Packets in a file of results."},                                                 \
        {.name = "output_format",                                                                  \
         .brief = "of",                                                                            \
         .type = EG_OPT_CHOICE,                                                                    \
         .offset = AT(output_format),                                                              \
         .preset = "pcap",                                                                         \
         .choices = "pcap|pcapng",                                                                 \
         .help =                                                                                   \
             "What the results are. A pcap file holds one link type; where packets of several "    \
             "are asked for, pcapng holds them, in files whose names end in .pcapng."},            \
        TEXT("prefix", "pre", prefix, "TEXT",                                                      \
             "In the names of the results, pcap-data-TEXT+0001.pcap. Without it, the time and a "  \
             "random number."),                                                                    \
        {.name = "dataset",                                                                        \
         .brief = "d",                                                                             \
         .type = EG_OPT_TEXT,                                                                      \
         .offset = AT(dataset),                                                                    \
         .preset = "./earlgrey-data",                                                              \
         .value_name = "DATASET",                                                                  \
         .help = "The dataset that is asked without -bp."},                                        \
        TEXT("receipt", "rec", receipt, "FILE",                                                    \
             "Says in this file, as JSON, what was asked, read and written."),                     \
        {.name = "force",                                                                          \
         .brief = "f",                                                                             \
         .type = EG_OPT_FLAG,                                                                      \
         .offset = AT(force),                                                                      \
         .help = "Writes over captures, and a receipt, that exist."},                              \
        TEXT("base_output_path", "bop", output_base, "PATH",                                       \
             "Taken and not needed: nothing is kept between."),                                    \
        {.name = "num_reducers",                                                                   \
         .brief = "nr",                                                                            \
         .type = EG_OPT_INT,                                                                       \
         .offset = AT(reducers),                                                                   \
         .preset = "10",                                                                           \
         .max = INT64_MAX,                                                                         \
         .value_name = "N",                                                                        \
         .help = "Taken and not needed: there is no job to divide."},                              \
        TEXT("finalizer_threads", "ft", threads, "N", "Taken and not needed."),                    \
        TEXT("yarn_queue", "yq", queue, "NAME", "Taken and not needed."), {                        \
        .name = "print_status", .brief = "ps", .type = EG_OPT_FLAG, .offset = AT(status),          \
        .help = "Taken and not needed: progress is shown in any case."                             \
    }

static const struct eg_option fixed_options[] = {
    TEXT("ip_src_addr", "sa", source, "IP", "Source address."),
    TEXT("ip_dst_addr", "da", destination, "IP", "Destination address."),
    TEXT("ip_src_port", "sp", source_port, "PORT", "Source port."),
    TEXT("ip_dst_port", "dp", destination_port, "PORT", "Destination port."),
    TEXT("protocol", "p", protocol, "PROTOCOL", "Number or name of the protocol: 6, tcp, TCP."),
    {.name = "include_reverse",
     .brief = "ir",
     .type = EG_OPT_FLAG,
     .offset = AT(reverse),
     .help = "Also packets the other way: source and destination, address and port, exchanged."},
    TEXT("packet_filter", "pf", pattern, "PATTERN",
         "Only packets that hold these bytes (docs/byte-patterns.md)."),
    PATTERN_ON(
        "Where -pf looks: the frame, what is behind the transport header, or the frame behind "
        "the 40 bytes that Metron stores before it."),
    COMMON_OPTIONS,
    EG_OPTION_END,
};

static const struct eg_option query_options[] = {
    TEXT("query", "q", query, "EXPR",
         "A Stellar expression (docs/stellar.md); empty is all packets."),
    TEXT("geo", "geo", geo, "FILE",
         "The database of places (a MaxMind DB, .mmdb) that Stellar's GEO_GET asks."),
    TEXT("asn", "asn", asn, "FILE",
         "The database of AS numbers (a MaxMind DB, .mmdb) that Stellar's ASN_GET asks."),
    PATTERN_ON(
        "What the variable packet is: the frame, what is behind the transport header, or the "
        "frame behind the 40 bytes that Metron stores before it."),
    COMMON_OPTIONS,
    EG_OPTION_END,
};

static bool given(const char *text) { return text && *text; }

/* ---- times ---- */

static enum eg_status time_read(const struct metron_options *o, const char *text, int64_t now_us,
                                int64_t *out, struct eg_error *err) {
    if (given(o->date_format)) return eg_date_pattern_read(out, o->date_format, text, err);
    size_t digits = strspn(text, "0123456789");
    bool date = digits == 14 && eg_time_parse(out, text, now_us, NULL) >= 0; /* yyyyMMddHHmmss */
    if (date && !text[digits]) return EG_OK;
    if (!text[digits] && digits && digits <= 15) {
        *out = strtoll(text, NULL, 10) * 1000;
        return EG_OK;
    }
    return eg_time_parse(out, text, now_us, err);
}

static enum eg_exit times_set(struct eg_call *call, const struct metron_options *o,
                              struct eg_origin *origin) {
    struct eg_error err;
    int64_t now = call->env.now_us(call->env.clock);
    origin->to_us = now;
    if (time_read(o, o->start, now, &origin->from_us, &err) < 0) return eg_complain(call, &err);
    if (given(o->end) && time_read(o, o->end, now, &origin->to_us, &err) < 0)
        return eg_complain(call, &err);
    if (origin->from_us > origin->to_us)
        return eg_complain_usage(call, "the end time is before the start time");
    return EG_EXIT_DONE;
}

/* ---- where the packets are ---- */

static bool list_add(struct eg_text_list *list, const char *path) {
    char **more = eg_realloc(list->items, list->count + 1, sizeof *more);
    if (more) list->items = more;
    if (more) more[list->count] = eg_strdup(path);
    if (!more || !more[list->count]) return false;
    list->count++;
    return true;
}

static void list_reset(struct eg_text_list *list) {
    for (size_t i = 0; i < list->count; i++) eg_free(list->items[i]);
    eg_free(list->items);
}

static bool is_dataset(const char *path) {
    char inside[4096];
    struct stat info;
    snprintf(inside, sizeof inside, "%s/_earlgrey", path);
    return stat(inside, &info) == 0;
}

static enum eg_exit place_set(struct eg_call *call, const struct metron_options *o,
                              struct eg_report_options *report) {
    struct stat info;
    report->dataset = given(o->base) ? o->base : o->dataset;
    if (!given(o->base) || is_dataset(o->base)) return EG_EXIT_DONE;
    if (stat(o->base, &info) != 0)
        return eg_complain_usage(call, "there is nothing at %s", o->base);
    if (!list_add(&report->read, o->base))
        return eg_complain_usage(call, "%s cannot be listed", o->base);
    return EG_EXIT_DONE;
}

/* ---- the question ---- */

/* One word, as these options take: it becomes part of a filter, which it must not say more in. */
static enum eg_exit word_check(struct eg_call *call, const char *option, const char *value) {
    static const char fit[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.:/-_%";
    if (!given(value) || value[strspn(value, fit)] == 0) return EG_EXIT_DONE;
    return eg_complain_usage(call, "-%s takes one value, not '%s'", option, value);
}

static enum eg_exit words_check(struct eg_call *call, const struct metron_options *o) {
    const char *const words[][2] = {{"sa", o->source},
                                    {"da", o->destination},
                                    {"sp", o->source_port},
                                    {"dp", o->destination_port},
                                    {"p", o->protocol}};
    enum eg_exit code = EG_EXIT_DONE;
    for (size_t i = 0; code == EG_EXIT_DONE && i < sizeof words / sizeof *words; i++)
        code = word_check(call, words[i][0], words[i][1]);
    return code;
}

static void part(struct eg_strbuf *filter, const char *field, const char *value) {
    if (!given(value)) return;
    eg_strbuf_printf(filter, "%s%s ", filter->size ? " and " : "", field);
    for (; *value; value++) eg_strbuf_char(filter, (char)tolower((unsigned char)*value));
}

static void filter_make(const struct metron_options *o, struct eg_strbuf *filter) {
    part(filter, "src_ip =", o->source);
    part(filter, "dst_ip =", o->destination);
    part(filter, "src_port =", o->source_port);
    part(filter, "dst_port =", o->destination_port);
    part(filter, "proto", o->protocol);
}

/* "pcap-data-PREFIX.pcap" or ".pcapng", to which the files' numbers are added. */
static void path_make(const struct eg_call *call, const struct metron_options *o,
                      struct eg_strbuf *path) {
    eg_strbuf_text(path, "pcap-data-");
    if (given(o->prefix)) {
        eg_strbuf_text(path, o->prefix);
    } else {
        time_t now = (time_t)(call->env.now_us(call->env.clock) / EG_SECOND_US);
        struct tm tm;
        char text[32];
        uint64_t random[2] = {0};
        strftime(text, sizeof text, "%Y%m%d%H%M", localtime_r(&now, &tm));
        if (getrandom(random, sizeof random, 0) != sizeof random) random[0] = (uint64_t)now;
        eg_strbuf_printf(path, "%s-%016llx%016llx", text, (unsigned long long)random[0],
                         (unsigned long long)random[1]);
    }
    eg_strbuf_printf(path, ".%s", o->output_format);
}

static enum eg_exit ask(struct eg_call *call, const struct metron_options *o,
                        const struct eg_report_options *place, struct eg_strbuf *filter,
                        const char *path) {
    struct eg_report report;
    struct eg_packets_ask ask = {
        .bytes = given(o->pattern) ? o->pattern : NULL,
        .bytes_on = o->pattern_on,
        .stellar = given(o->query) ? o->query : NULL,
        .geo = o->geo,
        .asn = o->asn,
        .condition =
            place->read.count ? "TRUE" : NULL, /* in the order of time, merged over files */
        .both = o->reverse,
        .path = path,
        .format = o->output_format,
        .format_option = "-of",
        .records = o->records,
        .replace = o->force,
        .receipt = given(o->receipt) ? o->receipt : NULL,
    };
    call->words[0] = filter->text;
    call->word_count = filter->size > 0;
    enum eg_exit code = eg_report_open(&report, call, place, EG_TABLE_PACKETS);
    if (code == EG_EXIT_DONE) code = times_set(call, o, &report.origin);
    if (code == EG_EXIT_DONE) {
        do code = eg_packets_run(&report, &ask);
        while (eg_report_again(&report));
    }
    eg_report_close(&report);
    return code;
}

static enum eg_exit run(struct eg_call *call) {
    const struct metron_options *o = call->options;
    struct eg_report_options place = {.units = "raw"};
    struct eg_strbuf filter = {0}, path = {0};
    if (call->word_count)
        return eg_complain_usage(call, "'%s' belongs to no option", call->words[0]);
    if (!given(o->start)) return eg_complain_usage(call, "-st (--start_time) is required");
    if (given(o->prefix) && strchr(o->prefix, '/'))
        return eg_complain_usage(call,
                                 "-pre is a part of the results' names, which stand in the current "
                                 "directory: '%s' must hold no slash",
                                 o->prefix);
    enum eg_exit code = words_check(call, o);
    if (code == EG_EXIT_DONE) code = place_set(call, o, &place);
    filter_make(o, &filter);
    path_make(call, o, &path);
    if (code == EG_EXIT_DONE && (filter.failed || path.failed))
        code = EG_EXIT_FAILED;
    else if (code == EG_EXIT_DONE)
        code = ask(call, o, &place, &filter, path.text);
    list_reset(&place.read);
    eg_strbuf_reset(&filter);
    eg_strbuf_reset(&path);
    return code;
}

#define DESCRIPTION                                                                                \
    " Takes the options of Metron's pcap_query.sh, with their defaults, and writes files "         \
    "of the same names into the current directory, the packets in the order of time. docs/"        \
    "retrieval.md lists what is different on purpose."

static const char *const fixed_examples[] = {
    "earlgrey packets fixed -st 1458240269373 -sa 10.0.0.1 -dp 80 -p tcp -ir -bp data",
    "What one host asked web servers, and their answers, since that millisecond.",
    "earlgrey packets fixed -st 20260102 -et 20260103 -df yyyyMMdd -pf \"'GET '\" -rpf 500",
    "A day's packets that hold these bytes, 500 a file.", NULL};
static const struct eg_verb fixed = {
    .name = "packets fixed",
    .summary =
        "packets by addresses, ports, protocol and bytes, as Metron's pcap_query.sh takes them",
    .synopsis = "",
    .description = "Finds packets by fields that all must be equal." DESCRIPTION,
    .examples = fixed_examples,
    .options = fixed_options,
    .options_size = sizeof(struct metron_options),
    .one_dash = true,
    .run = run,
};

static const char *const query_examples[] = {
    "earlgrey packets query -st 1458240269373 -q \"ip_dst_port in [8080, 80]\" -bp data",
    "Packets to either port since that millisecond.", NULL};
static const struct eg_verb query = {
    .name = "packets query",
    .summary = "packets by a Stellar expression, as Metron's pcap_query.sh takes it",
    .synopsis = "",
    .description = "Finds packets for which an expression holds." DESCRIPTION,
    .examples = query_examples,
    .options = query_options,
    .options_size = sizeof(struct metron_options),
    .one_dash = true,
    .run = run,
};

const struct eg_verb *const eg_packets_forms[] = {&fixed, &query, NULL};
