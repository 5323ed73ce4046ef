/* SPDX-License-Identifier: Apache-2.0
 * What the reporting verbs share: where the rows come from (-d, -r, -t, FILTER), and how answers
 * leave (-o, --fields, -w). */
#ifndef EG_CLI_REPORT_H
#define EG_CLI_REPORT_H

#include "cli/captures_below.h"
#include "cli/metering.h"
#include "cli/ports.h"
#include "cli/spool.h"
#include "cli/verb.h"
#include "query/analysis.h"
#include "table/encode.h"

struct eg_report_options {
    const char *dataset;
    struct eg_text_list read;
    const char *time;
    const char *match;
    const char *source;
    const char *dedup; /* NULL: a verb without it */
    struct eg_text_list netflow_port;
    const char *output;
    bool json;
    const char *fields;
    const char *write;
    bool no_header, raw, explain, exit_status, utc, epoch;
    const char *units;
    int64_t threads;
    const char *memory_limit;
    struct eg_metering_options metering; /* of the verbs that name them */
    const char *attribute;               /* likewise */
    bool packets;                        /* packets are counted, by fields of theirs; not flows */
    bool records; /* no option: the verb is about flow records, which packets are metered for */
};

/* The table entries of the options above, for a struct S whose member `report` they are. */
#define EG_REPORT_AT(S, member) (offsetof(S, report) + offsetof(struct eg_report_options, member))
#define EG_REPORT_ROWS_OPTIONS(S)                                                                  \
    {.name = "dataset",                                                                            \
     .letter = 'd',                                                                                \
     .type = EG_OPT_TEXT,                                                                          \
     .offset = EG_REPORT_AT(S, dataset),                                                           \
     .preset = "./earlgrey-data",                                                                  \
     .value_name = "DATASET",                                                                      \
     .help = "The dataset to answer from."},                                                       \
        {.name = "time",                                                                           \
         .letter = 't',                                                                            \
         .type = EG_OPT_TEXT,                                                                      \
         .offset = EG_REPORT_AT(S, time),                                                          \
         .value_name = "FROM[,TO]",                                                                \
         .help = "Only this time, in UTC unless it says otherwise: RFC 3339, 2026-01-02 13:00, "   \
                 "epoch, now-6h, -15m."},                                                          \
        {.name = "match",                                                                          \
         .type = EG_OPT_CHOICE,                                                                    \
         .offset = EG_REPORT_AT(S, match),                                                         \
         .preset = "overlaps",                                                                     \
         .choices = "overlaps|start|end|inside",                                                   \
         .help = "When a flow belongs to the time given with -t."},                                \
        {.name = "source",                                                                         \
         .type = EG_OPT_TEXT,                                                                      \
         .offset = EG_REPORT_AT(S, source),                                                        \
         .value_name = "SOURCE",                                                                   \
         .help = "Only rows of this source: netflow5, …; packet: flows made "                    \
                 "of packets, even where there are exports."},                                     \
        {.name = "threads",                                                                        \
         .type = EG_OPT_INT,                                                                       \
         .offset = EG_REPORT_AT(S, threads),                                                       \
         .preset = "0",                                                                            \
         .min = 0,                                                                                 \
         .max = 1024,                                                                              \
         .value_name = "N",                                                                        \
         .help = "Threads to use; 0 is one per core."},                                            \
    {                                                                                              \
        .name = "memory-limit", .type = EG_OPT_TEXT, .offset = EG_REPORT_AT(S, memory_limit),      \
        .value_name = "SIZE", .help = "Most memory the SQL engine may take, as 2GB."               \
    }
/* For the verbs that add up flows. */
#define EG_REPORT_DEDUP_OPTION(S)                                                                  \
    {                                                                                              \
        .name = "dedup", .type = EG_OPT_CHOICE, .offset = EG_REPORT_AT(S, dedup),                  \
        .preset = "none", .choices = "none|exporter|path",                                         \
        .help = "Counts traffic that several exporters reported once, or also what one exporter "  \
                "reported at several interfaces (docs/deduplication.md)."                          \
    }
/* For those that count packets as well. */
#define EG_REPORT_PACKETS_OPTION(S)                                                                \
    {                                                                                              \
        .name = "packets", .type = EG_OPT_FLAG, .offset = EG_REPORT_AT(S, packets),                \
        .help = "Counts packets, each when it came, by any field of theirs (earlgrey fields "      \
                "packets), instead of flows; the filter is about packets, too."                    \
    }
#define EG_REPORT_ORIGIN_OPTIONS(S)                                                                \
    {.name = "read",                                                                               \
     .letter = 'r',                                                                                \
     .type = EG_OPT_LIST,                                                                          \
     .offset = EG_REPORT_AT(S, read),                                                              \
     .value_name = "FILE",                                                                         \
     .help = "Answers straight from this capture, or from all below this directory; may be "       \
             "repeated. Words behind it that name files are read too."},                           \
        {.name = "netflow-port",                                                                   \
         .type = EG_OPT_LIST,                                                                      \
         .offset = EG_REPORT_AT(S, netflow_port),                                                  \
         .value_name = "PORT",                                                                     \
         .help = "UDP port that carries flow exports in the captures read with "                   \
                 "-r; others are recognised by content."},                                         \
        EG_REPORT_ROWS_OPTIONS(S)
#define EG_REPORT_OUTPUT_OPTIONS(S)                                                                \
    {.name = "output",                                                                             \
     .letter = 'o',                                                                                \
     .type = EG_OPT_CHOICE,                                                                        \
     .offset = EG_REPORT_AT(S, output),                                                            \
     .choices = "table|wide|csv|tsv|json|jsonl|markdown|parquet|arrow",                            \
     .help = "How the answer is written. Without it: as the ending of -w says; table on a "        \
             "terminal; else tsv."},                                                               \
        {.name = "json",                                                                           \
         .type = EG_OPT_FLAG,                                                                      \
         .offset = EG_REPORT_AT(S, json),                                                          \
         .help = "The same as -o json."},                                                          \
        {.name = "write",                                                                          \
         .letter = 'w',                                                                            \
         .type = EG_OPT_TEXT,                                                                      \
         .offset = EG_REPORT_AT(S, write),                                                         \
         .value_name = "FILE",                                                                     \
         .help = "Writes the answer to this file, whole or not at all; - is "                      \
                 "standard output."},                                                              \
        {.name = "no-header",                                                                      \
         .type = EG_OPT_FLAG,                                                                      \
         .offset = EG_REPORT_AT(S, no_header),                                                     \
         .help = "Leaves out the line of column names."},                                          \
        {.name = "explain",                                                                        \
         .type = EG_OPT_FLAG,                                                                      \
         .offset = EG_REPORT_AT(S, explain),                                                       \
         .help = "Shows the filter's normal form and the SQL instead of running it."},             \
        {.name = "exit-status",                                                                    \
         .type = EG_OPT_FLAG,                                                                      \
         .offset = EG_REPORT_AT(S, exit_status),                                                   \
         .help = "Exits with 4 when there are no rows."},                                          \
        {.name = "utc",                                                                            \
         .type = EG_OPT_FLAG,                                                                      \
         .offset = EG_REPORT_AT(S, utc),                                                           \
         .help = "Times in UTC in tables too, not with the local offset."},                        \
        {.name = "epoch",                                                                          \
         .type = EG_OPT_FLAG,                                                                      \
         .offset = EG_REPORT_AT(S, epoch),                                                         \
         .help = "Times as microseconds since 1970."},                                             \
    {                                                                                              \
        .name = "units", .type = EG_OPT_CHOICE, .offset = EG_REPORT_AT(S, units), .preset = "si",  \
        .choices = "si|raw", .help = "How tables show bytes and packets: 1.23 GB, or all digits."  \
    }

/* What a reporting verb works with while it runs. */
struct eg_report {
    struct eg_call *call;
    const struct eg_report_options *options;
    struct eg_origin origin;
    struct eg_filter *filter;
    struct eg_ports ports;
    struct eg_metering metering;
    struct eg_engine *engine; /* of our own questions; NULL: none was asked yet */
    char **captures;          /* the texts are the call's, or of `below` */
    size_t capture_count;
    struct eg_paths below;       /* of directories */
    int64_t *first_ns;           /* of packets: when each capture begins; NULL: not looked at */
    struct eg_spool spool;       /* the copy of a pipe; at most one capture can be one */
    bool about_flows, about_any; /* any: of tables that only the statement names */
    bool about_packets;          /* they are counted; nothing is told of flows then */
    bool again; /* a file of the dataset went away before the first row: to be asked anew */
    int tries;
    /* The answer has sums over exporters: tells where these may count traffic twice. */
    bool adds_up;
};

/* Reads the filter words, the times, the ports; opens the dataset or looks at the captures. On
 * failure the complaint is printed and the exit code answered; EG_EXIT_DONE: go on.
 * `table` is what the filter is about. */
/* A question may read a capture more than once: a pipe becomes a file. */
enum eg_exit eg_report_spool(struct eg_report *);
enum eg_exit eg_report_open(struct eg_report *, struct eg_call *, const struct eg_report_options *,
                            enum eg_table_id table);
void eg_report_close(struct eg_report *);
/* Reads -t (again), as of now. */
enum eg_exit eg_report_times(struct eg_report *);

/* Runs the query and writes the answer. `before`: statements to run first (views); `locked`: a
 * user's SQL. */
enum eg_exit eg_report_run(struct eg_report *, const char *before, const char *sql, bool locked);
/* The same in an engine that is open. */
enum eg_exit eg_report_run_in(struct eg_report *, struct eg_engine *, const char *sql);
/* The first row of a query as whole numbers; a null is 0. For questions asked before the question. */
enum eg_exit eg_report_numbers(struct eg_report *, const char *sql, int64_t *out, uint32_t count);
/* The engine of a report: set up as its options say, `before` run, then locked if that is asked for. */
EG_MUST_CHECK enum eg_status eg_report_engine(struct eg_report *, const char *before, bool locked,
                                              struct eg_engine **out, struct eg_error *err);
/* What -o, --json and the ending of -w ask for, and how it is dressed. */
enum eg_format eg_report_format(const struct eg_report_options *);
struct eg_encode_style eg_report_style(const struct eg_report *, enum eg_format);
/* After a failed question that gave so many rows: complains, unless it is to be asked anew. */
enum eg_exit eg_report_failed(struct eg_report *, const struct eg_error *, uint64_t rows);
/* After a question: whether files that it was about went away (compacted, expired) before there was
 * any answer. Then nothing was complained of, and it is to be asked anew: of the files there are now. */
bool eg_report_again(struct eg_report *);
/* --explain. */
enum eg_exit eg_report_explain(struct eg_report *, const char *sql);

/* A reporting verb from its options to its exit code: opens the report, has the question make its
 * SQL text, explains or runs that, and closes. The question tells of its own failures. Where packets
 * are to be counted the table is theirs, whatever it says. */
typedef enum eg_exit (*eg_question)(struct eg_report *, struct eg_strbuf *sql);
enum eg_exit eg_report_answer(struct eg_call *, const struct eg_report_options *, enum eg_table_id,
                              eg_question);

#endif
