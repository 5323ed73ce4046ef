/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey ingest`: moves the records of sources into sinks, and accounts for every one. */
#include "cli/ingest.h"
#include "base/alloc.h"
#include "cli/account.h"
#include "cli/signals.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct eg_option options[] = {
    {.name = "dataset",
     .letter = 'd',
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct eg_ingest_options, dataset),
     .value_name = "DATASET",
     .help = "Where to keep the records; made when it does not exist. Default: ./earlgrey-data, "
             "unless --to names something."},
    {.name = "to",
     .type = EG_OPT_LIST,
     .offset = offsetof(struct eg_ingest_options, to),
     .value_name = "SINK",
     .help = "Also or instead (without -d) into this sink: a dataset directory, - (standard "
             "output), udp://HOST:PORT (datagrams passed on), pcap:DIR (rotating capture files), "
             "pcap:- (a capture to standard output), "
             "seqfile:DIR (Hadoop sequence files), "
             "null:; may be repeated."},
    {.name = "tables",
     .type = EG_OPT_CHOICE,
     .offset = offsetof(struct eg_ingest_options, tables),
     .preset = "auto",
     .choices = "auto|exports|flows|packets|all",
     .help = "Which tables to fill. auto: exports become flows, all other packets become both rows "
             "of packets and flows metered from them. exports: only flows of exports. flows: flows "
             "of both kinds. packets: only packets, those that carried exports too. all: exports "
             "become flows, and they are packets, metered ones, too."},
    EG_METERING_OPTIONS(struct eg_ingest_options, metering),
    {.name = "keep",
     .type = EG_OPT_CHOICE,
     .offset = offsetof(struct eg_ingest_options, keep),
     .preset = "auto",
     .choices = "auto|link|copy|none",
     .help =
         "What becomes of a capture whose packets are kept: link points to it where it is, copy "
         "puts a copy into the dataset, none keeps the index alone. auto links plain files, and "
         "copies what comes compressed, through a pipe, or does not stay (--after); of "
         "an interface it keeps none."},
    {.name = "netflow-port",
     .type = EG_OPT_LIST,
     .offset = offsetof(struct eg_ingest_options, netflow_port),
     .value_name = "PORT",
     .help = "UDP port that carries flow exports; others are recognised by content."},
    {.name = "output",
     .letter = 'o',
     .type = EG_OPT_CHOICE,
     .offset = offsetof(struct eg_ingest_options, format),
     .preset = "jsonl",
     .choices = "jsonl|json|csv|tsv",
     .help = "How records are written to standard output (--to -)."},
    {.name = "json",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct eg_ingest_options, json),
     .help = "The account as one JSON object on standard output."},
    {.name = "threads",
     .type = EG_OPT_INT,
     .offset = offsetof(struct eg_ingest_options, threads),
     .preset = "0",
     .max = 1024,
     .value_name = "N",
     .help = "Threads to use; 0 is one per core."},
    {.name = "round-bytes",
     .type = EG_OPT_INT,
     .offset = offsetof(struct eg_ingest_options, round_bytes),
     .preset = "0",
     .max = INT64_MAX,
     .value_name = "BYTES",
     .help = "Rows held in memory between two commits; 0 is 192 MiB."},
    {.name = "interval",
     .type = EG_OPT_DURATION,
     .offset = offsetof(struct eg_ingest_options, interval_us),
     .preset = "10s",
     .min = 100000,
     .max = 86400000000,
     .value_name = "TIME",
     .help = "How often what a live source gave is made durable and visible."},
    {.name = "forget-exporters",
     .type = EG_OPT_DURATION,
     .offset = offsetof(struct eg_ingest_options, forget_us),
     .preset = "7d",
     .max = INT64_MAX / 2,
     .value_name = "TIME",
     .help = "Live sources: an exporter that was silent for so long is forgotten with its "
             "templates; 0 keeps all."},
    {.name = "follow",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct eg_ingest_options, follow),
     .help = "Directories: go on with files that come or grow, until told to end."},
    {.name = "once",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct eg_ingest_options, once),
     .help = "Directories: read what is there and end. This is the default."},
    {.name = "every",
     .type = EG_OPT_DURATION,
     .offset = offsetof(struct eg_ingest_options, every_us),
     .preset = "0s",
     .max = 86400000000,
     .value_name = "TIME",
     .help = "With --follow: leave so much time between two readings."},
    {.name = "max-files-per-trigger",
     .type = EG_OPT_INT,
     .offset = offsetof(struct eg_ingest_options, files_max),
     .preset = "1000",
     .min = 1,
     .max = 100000,
     .value_name = "N",
     .help = "Directories: at most so many files in one reading, which ends with a commit."},
    {.name = "latest-first",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct eg_ingest_options, latest_first),
     .help = "Directories: the file that changed last is read first; else the oldest."},
    {.name = "flat",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct eg_ingest_options, flat),
     .help = "Directories: not those below them."},
    {.name = "pattern",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct eg_ingest_options, pattern),
     .value_name = "GLOB",
     .help =
         "Directories: only files with such names (*.pcap), or, with a slash in it, such paths."},
    {.name = "after",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct eg_ingest_options, after),
     .preset = "keep",
     .value_name = "ACTION",
     .help =
         "Directories: what to do with a file once all of it is durable: keep, move:DIR, delete."},
    {.name = "sampling",
     .type = EG_OPT_LIST,
     .offset = offsetof(struct eg_ingest_options, sampling),
     .value_name = "EXPORTER[/IF]=RATE",
     .help =
         "The sampling rate of an exporter, or of what comes in on one of its interfaces, where "
         "the exports tell none or a wrong one; * is every exporter."},
    {.name = "exporter-ports",
     .type = EG_OPT_LIST,
     .offset = offsetof(struct eg_ingest_options, exporter_ports),
     .value_name = "ADDRESS",
     .help = "Exporters behind this address (NAT, several on one host) are told apart by their "
             "source port, each with templates and numbers of its own; * is every address. Else "
             "the port does not count, since many exporters change it when they restart."},
    {.name = "record",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct eg_ingest_options, record),
     .value_name = "DIR",
     .help = "Also keep what is read as it came, in rotating capture files below this directory "
             "(as --to pcap:DIR, whose options may follow: DIR?rotate=1h&size=100M)."},
    {.name = "spool",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct eg_ingest_options, spool),
     .value_name = "DIR",
     .help = "Where received exports are kept until they are stored; off keeps them in memory. "
             "Default: in the dataset."},
    EG_INGEST_UPKEEP_OPTIONS(struct eg_ingest_options, upkeep),
    EG_OPTION_END,
};

static const char *const examples[] = {"earlgrey ingest capture.pcap -d data",
                                       "Keeps a capture's flows and packets as Parquet.",
                                       "earlgrey ingest captures/*.pcap.gz -d data",
                                       "Many files; those already there add nothing.",
                                       "earlgrey ingest udp://:2055 udp://:6343 -d data",
                                       "A collector of NetFlow, IPFIX and sFlow.",
                                       "earlgrey ingest captures --follow -d data",
                                       "A directory into which captures are written.",
                                       "earlgrey ingest iface:eth0 -d data",
                                       "The packets of an interface.",
                                       "zcat old.pcap.gz | earlgrey ingest - --to -",
                                       "From standard input to JSON lines.",
                                       NULL};

/* Groups that are read one after the other, in a thread of theirs. */
struct strand {
    struct eg_ingest *in;
    struct eg_group *groups[EG_SINKS_MAX];
    size_t count;
    pthread_t thread;
};

static void *strand_run(void *arg) {
    const struct strand *strand = arg;
    struct eg_ingest *in = strand->in;
    for (size_t i = 0; i < strand->count; i++) {
        struct eg_error err = {0};
        enum eg_status status = eg_ingest_group(in, strand->groups[i], &err);
        pthread_mutex_lock(&in->lock);
        err.status = status;
        if (status < 0 && in->error.status >= 0) in->error = err;
        pthread_mutex_unlock(&in->lock);
        if (status < 0 && in->live) eg_signals_end(); /* whoever runs it sees that, and can act */
    }
    return NULL;
}

/* Files and directories that end are read in the order of the words, as if their files were named;
 * everything else, which may go on for ever, is read at once. */
static size_t strands_make(struct eg_ingest *in, struct strand *strands) {
    struct strand *files = NULL;
    size_t count = 0;
    for (size_t i = 0; i < in->group_count; i++) {
        struct eg_group *group = &in->groups[i];
        bool goes_on = group->kind == EG_GROUP_DIRECTORY && in->options->follow;
        bool waits = !goes_on && eg_ingest_takes_turns(group);
        struct strand *to = waits && files ? files : &strands[count++];
        if (waits) files = to;
        to->in = in;
        to->groups[to->count++] = group;
    }
    return count;
}

/* Answers the first failure when all are over. */
static enum eg_status groups_run(struct eg_ingest *in, struct eg_error *err) {
    struct strand strands[EG_SINKS_MAX] = {0};
    size_t started = 0;
    if (in->group_count == 1) return eg_ingest_group(in, &in->groups[0], err);
    size_t count = strands_make(in, strands);
    for (; started < count; started++)
        if (pthread_create(&strands[started].thread, NULL, strand_run, &strands[started]) != 0)
            break;
    enum eg_status status = EG_OK;
    if (started < count) status = eg_fail(err, EG_E_NOMEM, "cannot start a thread");
    for (size_t i = 0; i < started; i++) pthread_join(strands[i].thread, NULL);
    if (status >= 0 && in->error.status < 0) {
        *err = in->error;
        status = err->status;
    }
    return status;
}

/* What is to be done with what is read. */
static enum eg_status choose_sinks(struct eg_ingest *in, struct eg_error *err) {
    const struct eg_ingest_options *o = in->options;
    if (o->to.count >= EG_SINKS_MAX)
        return eg_fail(err, EG_E_USAGE, "at most %d sinks", EG_SINKS_MAX);
    in->dataset = o->dataset || o->to.count ? o->dataset : "./earlgrey-data";
    for (size_t i = 0; i < o->to.count; i++) in->to_items[in->to.count++] = o->to.items[i];
    if (o->record) {
        eg_strbuf_printf(&in->record, "pcap:%s", o->record);
        if (in->record.failed) return eg_fail(err, EG_E_NOMEM, "out of memory");
        in->to_items[in->to.count++] = in->record.text;
    }
    in->to.items = in->to_items;
    for (size_t i = 0; i < o->to.count; i++)
        if (in->group_count > 1 && strcmp(o->to.items[i], "-") == 0)
            return eg_fail(err, EG_E_USAGE,
                           "several sources that are read at once cannot share standard output");
    if (in->group_count == 1 && !in->live) return EG_OK; /* they are opened at once */
    struct eg_sinks sinks; /* that they can be opened is known before anything is read */
    enum eg_status status =
        eg_sinks_open(&sinks, &in->call->env, in->dataset, &in->to, o->format, err);
    eg_sinks_close(&sinks);
    return status;
}

/* What the account calls that which was read. */
static const char *read_what(const struct eg_ingest *in) {
    bool listened = false, other = false;
    for (size_t i = 0; i < in->group_count; i++) {
        listened |= in->groups[i].kind == EG_GROUP_LISTEN;
        other |= in->groups[i].kind != EG_GROUP_LISTEN;
    }
    return !listened ? "packets" : other ? "packets and datagrams" : "datagrams";
}

/* Whether rows go anywhere; else only what came as it came. */
static bool tables_wanted(const struct eg_ingest *in) {
    if (in->dataset) return true;
    for (size_t i = 0; i < in->to.count; i++) {
        char name[32] = "dataset";
        const char *uri = in->to.items[i], *colon = strchr(uri, ':');
        if (strcmp(uri, "-") == 0) return true;
        if (colon && (size_t)(colon - uri) < sizeof name)
            snprintf(name, sizeof name, "%.*s", (int)(colon - uri), uri);
        const struct eg_stage *stage = eg_registry_find(EG_STAGE_sink, name);
        const struct eg_sink_type *type = stage ? stage->type : NULL;
        if (!type || type->takes != EG_TAKES_RAW) return true;
    }
    return in->to.count == 0;
}

static enum eg_exit ingest(struct eg_ingest *in) {
    struct eg_call *call = in->call;
    struct eg_error err;
    struct eg_upkeep *upkeep = NULL;
    if (in->options->once && in->options->follow)
        return eg_complain_usage(call, "--once ends where --follow goes on; choose one");
    if (eg_ingest_groups(in, &err) < 0) return eg_complain(call, &err);
    if (in->live) (void)eg_signals_live(); /* from here on a SIGHUP ends nothing */
    if (eg_ingest_loops(in, &err) < 0 ||
        eg_ports_read(&in->ports, &in->options->netflow_port, &err) < 0 ||
        eg_metering_choose(&in->options->metering, &in->metering, &err) < 0 ||
        choose_sinks(in, &err) < 0 ||
        eg_ingest_upkeep_start(&upkeep, call, &in->options->upkeep, in->dataset, &err) < 0)
        return eg_complain(call, &err);
    for (size_t i = 0; i < call->word_count && in->dataset; i++)
        if (strcmp(call->words[i], "-") == 0)
            eg_note(call, "earlgrey: standard input has no identity: what is read from it is kept "
                          "again when it comes again; a file is known by its content");
    if (in->group_count == 1) in->progress = eg_progress_manual(call);
    enum eg_status status = groups_run(in, &err);
    eg_progress_stop(in->progress);
    eg_ingest_upkeep_stop(upkeep, call);
    struct eg_account_how how = {.quarantined = &in->quarantined,
                                 .captures = in->dataset ? &in->captures : NULL,
                                 .read = read_what(in),
                                 .tables = tables_wanted(in),
                                 .json = in->options->json,
                                 .live = in->live,
                                 .status = status};
    enum eg_exit code = eg_account_tell(call, &in->account, &how);
    /* a reader that had enough of standard output is no failure */
    bool reader_left = status == EG_E_CANCELLED && !eg_env_cancelled(&call->env);
    if (status < 0 && !reader_left) code = eg_complain(call, &err);
    bool some = in->account.kept[EG_TABLE_FLOWS] || in->account.kept[EG_TABLE_PACKETS];
    if (in->live && some && eg_ingest_may_pass(status)) code = EG_EXIT_PARTIAL;
    return code;
}

static enum eg_exit run(struct eg_call *call) {
    struct eg_ingest in = {.call = call, .options = call->options};
    in.account.first_us = INT64_MAX;
    in.account.last_us = INT64_MIN;
    if (!call->word_count)
        return eg_complain_usage(call, "name a capture to read, or - for standard input");
    pthread_mutex_init(&in.turn, NULL);
    pthread_mutex_init(&in.lock, NULL);
    enum eg_exit code = ingest(&in);
    eg_ingest_groups_free(&in);
    eg_strbuf_reset(&in.record);
    eg_pump_account_reset(&in.account);
    eg_tally_reset(&in.quarantined);
    pthread_mutex_destroy(&in.lock);
    pthread_mutex_destroy(&in.turn);
    return code;
}

const struct eg_verb eg_verb_ingest = {
    .name = "ingest",
    .summary = "moves captures, and what arrives live, into a dataset or other sinks",
    .synopsis = "SOURCE...",
    .description =
        "A SOURCE is a capture file, - for standard input, a directory, udp://ADDRESS:PORT or "
        "tcp://ADDRESS:PORT (flow exports of routers and probes; :PORT alone is every address), or "
        "iface:NAME (packets of an interface; iface:any). Options of live sources follow as "
        "?name=value&name=value; docs/receiving.md and docs/live-capture.md list them. What is "
        "live "
        "goes on until SIGINT or SIGTERM, which end it in order; SIGUSR1 prints the counters, "
        "SIGHUP "
        "reads the configuration again.\n\n"
        "Reads captures (pcap or pcapng; plain, gzip, zstd, lz4 or xz, told by content; - is "
        "standard input) and keeps the flow exports in them as the table flows. The other packets "
        "become the table packets, and flows as well, metered from them (their column source says "
        "packet); --idle, --active and those behind them say how. At the end it accounts for all "
        "it saw: what was read, decoded, kept, and lost, by cause.\n\n"
        "A file that was ingested before adds nothing, under another name too; one that has grown "
        "adds what is new. An interrupted ingest is completed by running it again.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct eg_ingest_options),
    .run = run,
};
