/* SPDX-License-Identifier: Apache-2.0
 * Where a report's rows come from: datasets, captures, filters, times. */
#include "cli/report.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/timetext.h"
#include "cli/config_file.h"
#include "cli/missing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *saved_filter(void *from, const char *name) {
    const struct eg_settings *settings = from;
    char key[128];
    snprintf(key, sizeof key, "filters.%s", name);
    for (size_t i = settings->count; i-- > 0;)
        if (strcmp(settings->items[i].key, key) == 0) return settings->items[i].value;
    return NULL;
}

static enum eg_exit read_filter(struct eg_report *report, enum eg_table_id table, char **words,
                                size_t count) {
    struct eg_strbuf text = {0};
    for (size_t i = 0; i < count; i++) {
        if (i) eg_strbuf_char(&text, ' ');
        eg_strbuf_text(&text, words[i]);
    }
    struct eg_filter_names names = {
        .lookup = saved_filter,
        .from = (void *)(uintptr_t)report->call->settings,
        .now_us = report->call->env.now_us(report->call->env.clock),
    };
    struct eg_error err;
    enum eg_exit code = EG_EXIT_DONE;
    if (eg_filter_parse(&report->filter, text.text ? text.text : "", table, &names, &err) < 0) {
        code = count && access(words[0], F_OK) == 0
                   ? eg_complain_usage(report->call,
                                       "%s (there is a file %s: to read it, put -r before it)",
                                       err.message, words[0])
                   : eg_complain(report->call, &err);
        if (err.position >= 0 && text.text) {
            struct eg_strbuf caret = {0};
            eg_filter_caret(text.text, err.position, &caret);
            if (caret.text) fputs(caret.text, stderr);
            eg_strbuf_reset(&caret);
        }
    }
    eg_strbuf_reset(&text);
    report->origin.filter = report->filter;
    return code;
}

enum eg_exit eg_report_times(struct eg_report *report) {
    struct eg_origin *origin = &report->origin;
    origin->from_us = INT64_MIN;
    origin->to_us = INT64_MAX;
    origin->match = report->options->match;
    if (!report->options->time) return EG_EXIT_DONE;
    char text[128];
    snprintf(text, sizeof text, "%s", report->options->time);
    char *comma = strchr(text, ',');
    if (comma) *comma = 0;
    int64_t now = report->call->env.now_us(report->call->env.clock);
    struct eg_error err;
    if (text[0] && eg_time_parse(&origin->from_us, text, now, &err) < 0)
        return eg_complain(report->call, &err);
    if (comma && comma[1] && eg_time_parse(&origin->to_us, comma + 1, now, &err) < 0)
        return eg_complain(report->call, &err);
    if (origin->from_us > origin->to_us)
        return eg_complain_usage(report->call, "-t %s: the range ends before it begins",
                                 report->options->time);
    return EG_EXIT_DONE;
}

static enum eg_exit read_dedup(struct eg_report *report) {
    struct eg_error err;
    if (!report->options->dedup) return EG_EXIT_DONE;
    if (eg_dedup_by_name(report->options->dedup, &report->origin.dedup, &err) < 0)
        return eg_complain(report->call, &err);
    return EG_EXIT_DONE;
}

static enum eg_exit read_ports(struct eg_report *report) {
    struct eg_error err;
    if (eg_ports_read(&report->ports, &report->options->netflow_port, &err) < 0)
        return eg_complain(report->call, &err);
    report->origin.netflow_ports = report->ports.list;
    report->origin.netflow_port_count = report->ports.count;
    return EG_EXIT_DONE;
}

static bool capture_add(struct eg_report *report, char *path) {
    char **more = eg_realloc(report->captures, report->capture_count + 1, sizeof(char *));
    if (!more) return false;
    report->captures = more;
    report->captures[report->capture_count++] = path;
    return true;
}

/* `-r DIR`: all captures below it. */
static enum eg_exit read_directory(struct eg_report *report, const char *path) {
    struct eg_error err;
    size_t before = report->below.count;
    if (eg_captures_below(report->call, path, &report->below, &err) < 0)
        return eg_complain(report->call, &err);
    for (size_t i = before; i < report->below.count; i++)
        if (!capture_add(report, report->below.paths[i])) return EG_EXIT_FAILED;
    return EG_EXIT_DONE;
}

/* `-r a.pcap b.pcap 'host 10.1.2.3'`: words in front of the filter that name files are captures. */
static enum eg_exit read_captures(struct eg_report *report, size_t *first_word) {
    const struct eg_text_list *list = &report->options->read;
    struct stat info;
    *first_word = 0;
    for (size_t i = 0; i < list->count; i++) {
        bool directory = stat(list->items[i], &info) == 0 && S_ISDIR(info.st_mode);
        enum eg_exit code = EG_EXIT_DONE;
        if (directory)
            code = read_directory(report, list->items[i]);
        else if (!capture_add(report, list->items[i]))
            code = EG_EXIT_FAILED;
        if (code != EG_EXIT_DONE) return code;
    }
    while (list->count && *first_word < report->call->word_count) {
        char *word = report->call->words[*first_word];
        if (stat(word, &info) != 0 || S_ISDIR(info.st_mode)) break;
        if (!capture_add(report, word)) return EG_EXIT_FAILED;
        (*first_word)++;
    }
    report->origin.captures = (const char *const *)report->captures;
    report->origin.capture_count = report->capture_count;
    return EG_EXIT_DONE;
}

/* Whose answer is asked: of captures, or of a dataset that was named. And never over what is read. */
static enum eg_exit check_places(const struct eg_report *report) {
    const struct eg_report_options *o = report->options;
    const struct eg_call *call = report->call;
    if (!o->read.count) return EG_EXIT_DONE;
    if (eg_call_given(call, "dataset"))
        return eg_complain_usage(call, "-r answers from captures, -d from a dataset: give one");
    for (size_t i = 0; o->write && i < report->capture_count; i++)
        if (eg_path_same(report->captures[i], o->write))
            return eg_complain_usage(
                call, "%s is one of the captures that are read: name another file", o->write);
    return EG_EXIT_DONE;
}

/* Packets are read in the order of time as far as that goes without looking further: the capture that
 * begins first is first. */
static void sort_captures(struct eg_report *report) {
    for (size_t i = 0; i < report->capture_count; i++)
        if (eg_spool_needed(report->captures[i])) return;
    report->first_ns = eg_calloc(report->capture_count + 1, sizeof *report->first_ns);
    if (report->first_ns)
        eg_captures_sort(report->call, report->captures, report->first_ns, report->capture_count);
}

static enum eg_exit check_readable(struct eg_report *report) {
    for (size_t i = 0; i < report->capture_count; i++) {
        if (strcmp(report->captures[i], "-") == 0) continue;
        struct stat info;
        struct eg_error err;
        if (stat(report->captures[i], &info) != 0 || access(report->captures[i], R_OK) != 0) {
            eg_fail_errno(&err, errno, "cannot read %s", report->captures[i]);
            return eg_complain(report->call, &err);
        }
    }
    return EG_EXIT_DONE;
}

/* "packet", or the name of a decoder. */
static enum eg_exit check_source(struct eg_report *report) {
    const char *source = report->options->source;
    if (!source || strcmp(source, "packet") == 0) return EG_EXIT_DONE;
    const struct eg_stage *found = eg_registry_find(EG_STAGE_decoder, source);
    if (found) return EG_EXIT_DONE;
    struct eg_strbuf names = {0};
    size_t count;
    const struct eg_stage *stages = eg_registry(&count);
    for (size_t i = 0; i < count; i++)
        if (stages[i].kind == EG_STAGE_decoder) eg_strbuf_printf(&names, ", %s", stages[i].name);
    enum eg_exit code =
        eg_complain_usage(report->call, "there is no source '%s'; there are packet%s", source,
                          names.text ? names.text : "");
    eg_strbuf_reset(&names);
    return code;
}

/* The engine takes what it cannot mean (negative sizes, bare numbers); we do not. */
static enum eg_exit check_memory(const struct eg_report *report) {
    static const char *const units[] = {"MB", "GB", "TB", "MiB", "GiB", "TiB"};
    const char *text = report->options->memory_limit;
    if (!text) return EG_EXIT_DONE;
    size_t digits = strspn(text, "0123456789.");
    for (size_t i = 0; digits && i < sizeof units / sizeof *units; i++)
        if (strcmp(text + digits, units[i]) == 0) return EG_EXIT_DONE;
    return eg_complain_usage(report->call,
                             "--memory-limit takes a size like 500MB or 2GB, not '%s'", text);
}

enum eg_exit eg_report_spool(struct eg_report *report) {
    for (size_t i = 0; i < report->capture_count; i++) {
        struct eg_error err;
        if (!eg_spool_needed(report->captures[i])) continue;
        if (report->spool.path[0])
            return eg_complain_usage(report->call,
                                     "only one input can be a pipe; keep %s in a file "
                                     "first",
                                     report->captures[i]);
        if (eg_spool_keep(&report->spool, &report->call->env, report->captures[i], &err) < 0)
            return eg_complain(report->call, &err);
        report->captures[i] = report->spool.path;
    }
    return EG_EXIT_DONE;
}

static enum eg_exit look_at_captures(struct eg_report *report) {
    enum eg_exit code = eg_report_spool(report);
    if (code != EG_EXIT_DONE) return code;
    bool asked = report->options->source && strcmp(report->options->source, "packet") == 0;
    report->origin.from_packets = asked && !report->options->records;
    code = check_readable(report);
    if (code != EG_EXIT_DONE || asked || report->options->source || report->options->explain)
        return code;
    struct eg_capture_kind kind;
    struct eg_error err;
    if (eg_capture_look(&report->call->env, &report->origin, &kind, &err) < 0)
        return eg_complain(report->call, &err);
    report->origin.count = kind.without ? EG_COUNT_ALL : EG_COUNT_EXPORTS;
    if (kind.with && kind.without)
        eg_note(report->call,
                "earlgrey: %zu of %zu captures hold no flow exports: their packets are metered; of "
                "the others only the exports count (--source packet meters all packets)",
                kind.without, kind.with + kind.without);
    if (kind.with) return EG_EXIT_DONE;
    report->origin.from_packets = !report->options->records;
    report->origin.count = EG_COUNT_METERED;
    const char *name = report->capture_count == 1 ? report->captures[0] : "captures";
    if (name == report->spool.path) name = report->spool.name;
    if (kind.frames) /* else the query says what is wrong with it */
        eg_note(report->call,
                "earlgrey: %s: no flow exports in %s; %s (bytes are those on the wire)", name,
                report->capture_count == 1 ? "it" : "them",
                report->options->records ? "these flows are metered from its packets"
                                         : "answered from its packets");
    return EG_EXIT_DONE;
}

/* Whether a table has files in the time asked for. */
static enum eg_status has_files(const struct eg_report *report, enum eg_table_id table, bool *out,
                                struct eg_error *err) {
    struct eg_dataset_file *files = NULL;
    size_t count = 0;
    EG_TRY(eg_dataset_files(report->origin.dataset, table, report->origin.from_us,
                            report->origin.to_us, &files, &count, err));
    eg_dataset_files_free(files, count);
    *out = count > 0;
    return EG_OK;
}

/* Whose flows a dataset holds, in the time asked for. A file that went away meanwhile is for the
 * question itself to look for anew: then all count. */
static enum eg_exit whose_flows(struct eg_report *report, int64_t found[2]) {
    struct eg_strbuf sql = {0};
    struct eg_error err;
    enum eg_exit code = EG_EXIT_DONE;
    if (eg_sql_sources(&report->origin, true, &sql, &err) < 0)
        code = eg_complain(report->call, &err);
    else
        code = eg_report_numbers(report, sql.text, found, 2);
    eg_strbuf_reset(&sql);
    return report->again ? EG_EXIT_DONE : code;
}

/* Of a dataset that holds flows of exports and packets, which of them answer: exports win. */
static enum eg_exit choose_rows(struct eg_report *report) {
    struct eg_origin *origin = &report->origin;
    struct eg_error err;
    bool flows, packets, asked = origin->source && strcmp(origin->source, "packet") == 0;
    int64_t found[2] = {0, 0}; /* exports, metered */
    if (origin->source && !asked) return EG_EXIT_DONE;
    if (has_files(report, EG_TABLE_FLOWS, &flows, &err) < 0 ||
        has_files(report, EG_TABLE_PACKETS, &packets, &err) < 0)
        return eg_complain(report->call, &err);
    enum eg_exit code = flows ? whose_flows(report, found) : EG_EXIT_DONE;
    report->again = false;
    if (code != EG_EXIT_DONE) return code;
    if (!asked && found[0]) {
        origin->count = found[1] ? EG_COUNT_EXPORTS : EG_COUNT_ALL;
        return EG_EXIT_DONE;
    }
    /* packets tell when each came, flows what metering has found out */
    origin->count = found[1] ? EG_COUNT_METERED : EG_COUNT_ALL;
    origin->from_packets = packets && !(report->options->records && found[1]);
    if (!asked && (found[1] || packets))
        eg_note(report->call,
                "earlgrey: %s: no flow exports in it; %s (bytes are those on the wire)",
                report->options->dataset,
                origin->from_packets ? "answered from its packets"
                                     : "answered from flows metered from packets");
    return EG_EXIT_DONE;
}

static enum eg_exit open_dataset(struct eg_report *report, bool about_flows) {
    struct eg_error err;
    if (report->call->word_count && access(report->call->words[0], R_OK) == 0 &&
        access(report->options->dataset, F_OK) != 0)
        return eg_complain_usage(report->call,
                                 "there is no dataset at %s; to read the file %s, "
                                 "put -r before it",
                                 report->options->dataset, report->call->words[0]);
    if (eg_dataset_open(&report->origin.dataset, report->options->dataset, EG_DATASET_READ,
                        &report->call->env, &err) < 0)
        return eg_complain(report->call, &err);
    report->origin.source = report->options->source;
    return about_flows ? choose_rows(report) : EG_EXIT_DONE;
}

/* A dataset may keep flows only: that is not the same as no traffic. */
static enum eg_exit find_packets(struct eg_report *report) {
    struct eg_error err;
    bool packets;
    if (report->options->explain) return EG_EXIT_DONE;
    enum eg_exit code = eg_packets_indexed(report);
    if (code != EG_EXIT_DONE) return code;
    if (has_files(report, EG_TABLE_PACKETS, &packets, &err) < 0)
        return eg_complain(report->call, &err);
    if (!packets)
        eg_note(report->call,
                "earlgrey: %s: no packets are kept in it%s (ingest --tables says what is)",
                report->options->dataset, report->options->time ? " of that time" : "");
    return EG_EXIT_DONE;
}

/* What says something of flows says nothing of packets. */
static enum eg_exit check_packets(struct eg_report *report) {
    const struct eg_report_options *o = report->options;
    const char *wrong = NULL;
    if (o->source && strcmp(o->source, "packet") != 0) wrong = "source";
    if (o->dedup && strcmp(o->dedup, "none") != 0) wrong = "dedup";
    if (strcmp(o->match, "overlaps") != 0) wrong = "match";
    if (o->attribute && strcmp(o->attribute, "spread") != 0) wrong = "attribute";
    if (eg_metering_given(&o->metering)) wrong = "idle (or another option of metering)";
    if (!wrong) return EG_EXIT_DONE;
    return eg_complain_usage(report->call, "--%s is about flows: it does not go with --packets",
                             wrong);
}

enum eg_exit eg_report_open(struct eg_report *report, struct eg_call *call,
                            const struct eg_report_options *options, enum eg_table_id table) {
    *report = (struct eg_report){.call = call, .options = options};
    size_t first_word;
    enum eg_exit code = read_captures(report, &first_word);
    if (code == EG_EXIT_DONE) code = check_places(report);
    if (code == EG_EXIT_DONE)
        code = read_filter(report, table, call->words + first_word, call->word_count - first_word);
    if (code == EG_EXIT_DONE) code = eg_report_times(report);
    if (code == EG_EXIT_DONE) code = read_dedup(report);
    if (code == EG_EXIT_DONE) code = read_ports(report);
    if (code == EG_EXIT_DONE) code = check_source(report);
    if (code == EG_EXIT_DONE) code = check_memory(report);
    if (code == EG_EXIT_DONE && options->packets) code = check_packets(report);
    if (code != EG_EXIT_DONE) return code;
    report->origin.source = options->source;
    if (eg_metering_given(&options->metering)) {
        struct eg_error err;
        if (!options->read.count && eg_metering_unusual(&options->metering))
            eg_note(call,
                    "earlgrey: %s: options of metering are of captures (-r); the flows of a "
                    "dataset are as they were ingested",
                    options->dataset);
        if (eg_metering_choose(&options->metering, &report->metering, &err) < 0)
            return eg_complain(call, &err);
        report->origin.metering = &report->metering;
    }
    bool about_flows = report->about_flows = table == EG_TABLE_FLOWS;
    report->about_any = table == EG_TABLE_RAW;
    report->about_packets = options->packets;
    report->origin.table = options->packets ? EG_TABLE_PACKETS : EG_TABLE_FLOWS;
    if (options->packets) code = eg_report_spool(report);
    if (code != EG_EXIT_DONE) return code;
    if (table == EG_TABLE_PACKETS && !options->packets) sort_captures(report);
    if (report->capture_count)
        return about_flows ? look_at_captures(report) : check_readable(report);
    code = open_dataset(report, about_flows);
    return code == EG_EXIT_DONE && (options->packets || table == EG_TABLE_PACKETS)
               ? find_packets(report)
               : code;
}

void eg_report_close(struct eg_report *report) {
    eg_engine_close(report->engine);
    eg_dataset_close(report->origin.dataset);
    eg_filter_free(report->filter);
    eg_free(report->captures);
    eg_free(report->first_ns);
    eg_paths_reset(&report->below);
    eg_spool_drop(&report->spool);
}

enum eg_exit eg_report_explain(struct eg_report *report, const char *sql) {
    struct eg_strbuf text = {0};
    if (report->filter) eg_filter_text(report->filter, &text);
    printf("filter: %s\n", text.size ? text.text : "any");
    eg_strbuf_reset(&text);
    if (report->filter && !eg_filter_is_all(report->filter)) {
        eg_filter_sql(report->filter, &text);
        printf("where:  %s\n", text.text ? text.text : "");
        eg_strbuf_reset(&text);
    }
    printf("sql:    %s\n", sql);
    return EG_EXIT_DONE;
}

enum eg_exit eg_report_answer(struct eg_call *call, const struct eg_report_options *options,
                              enum eg_table_id table, eg_question question) {
    struct eg_report report;
    struct eg_strbuf sql = {0};
    if (options->packets) table = EG_TABLE_PACKETS;
    enum eg_exit opened = eg_report_open(&report, call, options, table), code;
    do {
        eg_strbuf_clear(&sql);
        code = opened == EG_EXIT_DONE ? question(&report, &sql) : opened;
        if (code == EG_EXIT_DONE)
            code = options->explain ? eg_report_explain(&report, sql.text)
                                    : eg_report_run(&report, EG_SQL_MACROS, sql.text, false);
    } while (eg_report_again(&report));
    eg_strbuf_reset(&sql);
    eg_report_close(&report);
    return code;
}
