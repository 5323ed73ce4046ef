/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey ingest`: moves the records of sources into sinks, and accounts for every one. */
#include "base/alloc.h"
#include "cli/account.h"
#include "cli/ports.h"
#include "cli/progress.h"
#include "store/dataset_sink.h"
#include "table/pump.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SINKS_MAX 16

struct ingest_options {
    const char *dataset;
    struct eg_text_list to;
    const char *tables;
    struct eg_text_list netflow_port;
    const char *format;
    bool json;
    int64_t threads, round_bytes;
};

static const struct eg_option options[] = {
    {.name = "dataset",
     .letter = 'd',
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct ingest_options, dataset),
     .value_name = "DATASET",
     .help = "Where to keep the records; made when it does not exist. Default: ./earlgrey-data, "
             "unless --to names something."},
    {.name = "to",
     .type = EG_OPT_LIST,
     .offset = offsetof(struct ingest_options, to),
     .value_name = "SINK",
     .help = "Also or instead (without -d) into this sink: a dataset directory, - (standard "
             "output), null:; may be repeated."},
    {.name = "tables",
     .type = EG_OPT_CHOICE,
     .offset = offsetof(struct ingest_options, tables),
     .preset = "auto",
     .choices = "auto|flows|packets|both",
     .help = "Which tables to fill: auto keeps the flows of exports, and the packets that carried "
             "none; both keeps the packets that carried exports too."},
    {.name = "netflow-port",
     .type = EG_OPT_LIST,
     .offset = offsetof(struct ingest_options, netflow_port),
     .value_name = "PORT",
     .help = "UDP port that carries flow exports; others are recognised by content."},
    {.name = "output",
     .letter = 'o',
     .type = EG_OPT_CHOICE,
     .offset = offsetof(struct ingest_options, format),
     .preset = "jsonl",
     .choices = "jsonl|json|csv|tsv",
     .help = "How records are written to standard output (--to -)."},
    {.name = "json",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct ingest_options, json),
     .help = "The account as one JSON object on standard output."},
    {.name = "threads",
     .type = EG_OPT_INT,
     .offset = offsetof(struct ingest_options, threads),
     .preset = "0",
     .max = 1024,
     .value_name = "N",
     .help = "Threads to use; 0 is one per core."},
    {.name = "round-bytes",
     .type = EG_OPT_INT,
     .offset = offsetof(struct ingest_options, round_bytes),
     .preset = "0",
     .max = INT64_MAX,
     .value_name = "BYTES",
     .help = "Rows held in memory between two commits; 0 is 192 MiB."},
    EG_OPTION_END,
};

static const char *const examples[] = {"earlgrey ingest capture.pcap -d data",
                                       "Keeps a capture's flows and packets as Parquet.",
                                       "earlgrey ingest captures/*.pcap.gz -d data",
                                       "Many files; those already there add nothing.",
                                       "zcat old.pcap.gz | earlgrey ingest - --to -",
                                       "From standard input to JSON lines.",
                                       NULL};

/* ---- sinks ---- */

struct ingest {
    struct eg_call *call;
    const struct ingest_options *options;
    struct eg_pump_sink sinks[SINKS_MAX];
    void *sink_options[SINKS_MAX];
    size_t sink_count;
    struct eg_sink *dataset_sink; /* the first dataset among them: it holds the locks */
};

/* "NAME:rest" names a sink, "-" is standard output, anything else a dataset's directory. */
static enum eg_status find_sink(const char *uri, const struct eg_stage **out,
                                struct eg_error *err) {
    const char *colon = strchr(uri, ':');
    const char *name = "dataset";
    char scheme[32] = "";
    if (strcmp(uri, "-") == 0) name = "stdout";
    if (colon && (size_t)(colon - uri) < sizeof scheme &&
        !memchr(uri, '/', (size_t)(colon - uri))) {
        memcpy(scheme, uri, (size_t)(colon - uri));
        name = scheme;
    }
    *out = eg_registry_find(EG_STAGE_sink, name);
    if (!*out)
        return eg_fail(err, EG_E_USAGE,
                       "there is no sink '%s:'; 'earlgrey doctor' lists what this "
                       "build has, and a directory's name with a colon is written ./%s",
                       name, uri);
    if (!(*out)->type)
        return eg_fail(err, EG_E_USAGE, "the sink %s is not in this build: %s", name,
                       (*out)->unavailable);
    return EG_OK;
}

/* Options from the URI's query, "?name=value&…"; `format` comes from -o where the sink has it. */
static enum eg_status fill_options(const struct ingest *in, const struct eg_sink_type *type,
                                   const char *query, void *to, struct eg_error *err) {
    EG_TRY(eg_options_preset(type->options, to, err));
    if (eg_option_find(type->options, "format"))
        EG_TRY(eg_option_set(type->options, to, "format", in->options->format, err));
    while (query && *query) {
        char name[64], value[512];
        size_t pair = strcspn(query, "&"), eq = strcspn(query, "=");
        if (eq >= pair) eq = pair;
        if (eq >= sizeof name || pair - eq >= sizeof value)
            return eg_fail(err, EG_E_USAGE, "the sink's option '%.40s…' is too long", query);
        snprintf(name, sizeof name, "%.*s", (int)eq, query);
        snprintf(value, sizeof value, "%.*s", eq < pair ? (int)(pair - eq - 1) : 0, query + eq + 1);
        EG_TRY(eg_option_set(type->options, to, name, eq < pair ? value : "true", err));
        query += pair + (query[pair] == '&');
    }
    return EG_OK;
}

static enum eg_status open_sink(struct ingest *in, const char *uri, struct eg_error *err) {
    if (in->sink_count == SINKS_MAX) return eg_fail(err, EG_E_USAGE, "at most %d sinks", SINKS_MAX);
    const struct eg_stage *stage;
    EG_TRY(find_sink(uri, &stage, err));
    const struct eg_sink_type *type = stage->type;
    struct eg_pump_sink *sink = &in->sinks[in->sink_count];
    void *sink_options = eg_calloc(1, type->options_size + 1);
    char *path = eg_strdup(uri);
    enum eg_status status = EG_OK;
    if (!sink_options || !path) status = eg_fail(err, EG_E_NOMEM, "out of memory");
    char *query = path && strchr(uri, ':') ? strchr(path, '?') : NULL;
    if (query) *query++ = 0;
    if (status >= 0) status = fill_options(in, type, query, sink_options, err);
    if (status >= 0) status = type->open(&in->call->env, path, sink_options, &sink->sink, err);
    eg_free(path);
    if (status < 0) {
        if (sink_options) eg_options_reset(type->options, sink_options);
        eg_free(sink_options);
        return status;
    }
    sink->type = type;
    sink->name = uri;
    sink->format = in->options->format;
    in->sink_options[in->sink_count++] = sink_options;
    if (type == &eg_sink_dataset && !in->dataset_sink) in->dataset_sink = sink->sink;
    return EG_OK;
}

static enum eg_status open_sinks(struct ingest *in, struct eg_error *err) {
    const struct ingest_options *o = in->options;
    if (o->dataset || !o->to.count)
        EG_TRY(open_sink(in, o->dataset ? o->dataset : "./earlgrey-data", err));
    for (size_t i = 0; i < o->to.count; i++) EG_TRY(open_sink(in, o->to.items[i], err));
    return EG_OK;
}

static void close_sinks(struct ingest *in) {
    for (size_t i = 0; i < in->sink_count; i++) {
        in->sinks[i].type->close(in->sinks[i].sink);
        eg_options_reset(in->sinks[i].type->options, in->sink_options[i]);
        eg_free(in->sink_options[i]);
    }
}

/* ---- what to read ---- */

static enum eg_status check_sources(const struct eg_call *call, struct eg_error *err) {
    for (size_t i = 0; i < call->word_count; i++) {
        const char *word = call->words[i];
        if (strcmp(word, "-") == 0 || strncmp(word, "file:", 5) == 0) continue;
        struct stat info;
        if (stat(word, &info) != 0) return eg_fail_errno(err, errno, "cannot read %s", word);
        if (S_ISDIR(info.st_mode))
            return eg_fail(err, EG_E_USAGE, "%s is a directory; name the captures in it: %s/*",
                           word, word);
        if (access(word, R_OK) != 0) return eg_fail_errno(err, errno, "cannot read %s", word);
    }
    return EG_OK;
}

static void choose_parts(const struct ingest *in, struct eg_scan_request *scan) {
    const char *tables = in->options->tables;
    const struct eg_stage *exports = eg_registry_find(EG_STAGE_extract, "exports");
    const struct eg_stage *packets = eg_registry_find(EG_STAGE_extract, "packets");
    if (strcmp(tables, "packets") != 0)
        scan->parts[scan->part_count++] =
            (struct eg_scan_part){.extract = exports->type, .columns = EG_COLUMNS_ALL};
    if (strcmp(tables, "flows") != 0)
        scan->parts[scan->part_count++] =
            (struct eg_scan_part){.extract = packets->type, .columns = EG_COLUMNS_ALL};
    scan->claim = strcmp(tables, "auto") == 0;
}

static enum eg_exit ingest(struct ingest *in) {
    struct eg_call *call = in->call;
    struct eg_error err;
    struct eg_ports ports;
    if (check_sources(call, &err) < 0 ||
        eg_ports_read(&ports, &in->options->netflow_port, &err) < 0 || open_sinks(in, &err) < 0)
        return eg_complain(call, &err);
    struct eg_progress *progress = eg_progress_manual(call);
    const struct eg_stage *file = eg_registry_find(EG_STAGE_source, "file");
    struct eg_pump_request request = {
        .scan = {.source = file->type,
                 .inputs = (const char *const *)call->words,
                 .input_count = call->word_count,
                 .netflow_ports = ports.list,
                 .netflow_port_count = ports.count,
                 .keep_going = call->word_count > 1,
                 .claim_source = in->dataset_sink ? eg_dataset_sink_claim : NULL,
                 .claim_to = in->dataset_sink},
        .sinks = in->sinks,
        .sink_count = in->sink_count,
        .threads = (uint32_t)in->options->threads,
        .round_bytes = (uint64_t)in->options->round_bytes,
        .progress = progress ? eg_progress_draw : NULL,
        .progress_to = progress,
    };
    choose_parts(in, &request.scan);
    for (size_t i = 0; i < call->word_count && in->dataset_sink; i++)
        if (strcmp(call->words[i], "-") == 0)
            eg_note(call, "earlgrey: standard input has no identity: what is read from it is kept "
                          "again when it comes again; a file is known by its content");
    struct eg_pump_account account = {0};
    enum eg_status status = eg_pump_run(&call->env, &request, &account, &err);
    eg_progress_stop(progress);
    const struct eg_tally *quarantined =
        in->dataset_sink ? eg_dataset_sink_tally(in->dataset_sink) : NULL;
    enum eg_exit code = eg_account_tell(call, &account, quarantined, in->options->json, status);
    /* a reader that had enough of standard output is no failure */
    bool reader_left = status == EG_E_CANCELLED && !eg_env_cancelled(&call->env);
    if (status < 0 && !reader_left) code = eg_complain(call, &err);
    eg_pump_account_reset(&account);
    return code;
}

static enum eg_exit run(struct eg_call *call) {
    struct ingest in = {.call = call, .options = call->options};
    if (!call->word_count)
        return eg_complain_usage(call, "name a capture to read, or - for standard input");
    enum eg_exit code = ingest(&in);
    close_sinks(&in);
    return code;
}

const struct eg_verb eg_verb_ingest = {
    .name = "ingest",
    .summary = "moves captures into a dataset or another sink",
    .synopsis = "SOURCE...",
    .description =
        "Reads captures (pcap or pcapng; plain, gzip, zstd, lz4 or xz, told by content; - is "
        "standard input) and keeps the flow exports in them as the table flows and the other "
        "packets as the table packets. At the end it accounts for all it saw: what was read, "
        "decoded, kept, and lost, by cause.\n\n"
        "A file that was ingested before adds nothing, under another name too; one that has grown "
        "adds what is new. An interrupted ingest is completed by running it again.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct ingest_options),
    .run = run,
};
