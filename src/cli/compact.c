/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey compact`: the files of each closed hour become one, sorted for look-ups. */
#include "cli/upkeep_report.h"

#include <stddef.h>

struct compact_options {
    const char *dataset;
    struct eg_text_list table;
    int64_t older, grace, threads;
    bool all, dry_run, json;
    const char *memory_limit;
};

static const struct eg_option options[] = {
    {.name = "dataset",
     .letter = 'd',
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct compact_options, dataset),
     .preset = "./earlgrey-data",
     .value_name = "DATASET",
     .help = "The dataset."},
    {.name = "table",
     .type = EG_OPT_LIST,
     .offset = offsetof(struct compact_options, table),
     .value_name = "TABLE",
     .help = "Only this table: flows, packets, counters, losses; may be repeated."},
    {.name = "older",
     .type = EG_OPT_DURATION,
     .offset = offsetof(struct compact_options, older),
     .preset = "1h",
     .value_name = "DURATION",
     .help = "An hour is closed when its end lies so far back."},
    {.name = "all",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct compact_options, all),
     .help = "Every hour, closed or not."},
    {.name = "dry-run",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct compact_options, dry_run),
     .help = "Tells what would be done, and changes nothing."},
    {.name = "json",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct compact_options, json),
     .help = "What was done as one JSON object."},
    {.name = "grace",
     .type = EG_OPT_DURATION,
     .offset = offsetof(struct compact_options, grace),
     .preset = "5s",
     .value_name = "DURATION",
     .help = "Replaced files are kept aside so long, for readers that are listing them."},
    {.name = "memory-limit",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct compact_options, memory_limit),
     .preset = "512MB",
     .value_name = "SIZE",
     .help = "Memory the sort may take; beyond it, it uses the disk of the dataset."},
    {.name = "threads",
     .type = EG_OPT_INT,
     .offset = offsetof(struct compact_options, threads),
     .preset = "0",
     .max = 1024,
     .value_name = "N",
     .help = "Threads to use; 0 is one per core."},
    EG_OPTION_END,
};

static const char *const examples[] = {"earlgrey compact -d data",
                                       "Every hour that ended an hour ago or earlier.",
                                       "earlgrey compact -d data --dry-run",
                                       "What that would do.",
                                       "earlgrey compact -d data --table flows --older 1d",
                                       "Only flows, only what is a day old.",
                                       NULL};

static enum eg_exit run(struct eg_call *call) {
    const struct compact_options *o = call->options;
    struct eg_error err;
    if (call->word_count)
        return eg_complain_usage(call, "there is nothing to name; -d is the dataset");
    struct eg_upkeep_report report = {.call = call,
                                      .did = "compacted",
                                      .would = "would compact",
                                      .json = o->json,
                                      .dry_run = o->dry_run};
    struct eg_upkeep_call what = {
        .dry_run = o->dry_run, .grace_us = o->grace, .told = eg_upkeep_report_hour, .to = &report};
    struct eg_compact_rule rule = {.older_us = o->older,
                                   .all = o->all,
                                   .memory_limit = o->memory_limit,
                                   .threads = (uint32_t)o->threads};
    struct eg_upkeep_account account = {0};
    if (eg_upkeep_tables(&o->table, &what.tables, &err) < 0) return eg_complain(call, &err);
    enum eg_status status = eg_compact(o->dataset, &call->env, &what, &rule, &account, &err);
    return eg_upkeep_report_end(&report, &account, status, &err);
}

const struct eg_verb eg_verb_compact = {
    .name = "compact",
    .summary = "makes each closed hour one sorted file",
    .synopsis = "",
    .description =
        "Merges the small files of each hour that is closed into one, sorted by address, so that "
        "questions about a host read little. The new file takes the place of the old ones in one "
        "step; it is proven to hold the same rows before. Positions stay: what was ingested before "
        "still adds nothing when it comes again.\n\n"
        "Ingest and questions may go on meanwhile, and a kill at any moment harms nothing. Another "
        "program that had listed the files of an hour just before may find them gone, and reads "
        "them again.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct compact_options),
    .run = run,
};
