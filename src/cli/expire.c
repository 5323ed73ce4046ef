/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey expire`: the oldest hours leave, by age, by size, or to make room. */
#include "cli/upkeep_report.h"

#include <stddef.h>

struct expire_options {
    const char *dataset;
    struct eg_text_list table;
    int64_t older, max_bytes, grace;
    const char *min_free;
    bool dry_run, json;
};

static const struct eg_option options[] = {
    {.name = "dataset",
     .letter = 'd',
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct expire_options, dataset),
     .preset = "./earlgrey-data",
     .value_name = "DATASET",
     .help = "The dataset."},
    {.name = "older",
     .type = EG_OPT_DURATION,
     .offset = offsetof(struct expire_options, older),
     .value_name = "DURATION",
     .help = "Removes hours whose end lies so far back."},
    {.name = "max-bytes",
     .type = EG_OPT_INT,
     .offset = offsetof(struct expire_options, max_bytes),
     .max = INT64_MAX,
     .value_name = "BYTES",
     .help = "Removes the oldest hours until the tables, and the captures kept as copies, take no "
             "more than this (500G)."},
    {.name = "min-free",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct expire_options, min_free),
     .value_name = "PERCENT",
     .help = "Removes the oldest hours until so much of the disk is free (10%)."},
    {.name = "table",
     .type = EG_OPT_LIST,
     .offset = offsetof(struct expire_options, table),
     .value_name = "TABLE",
     .help = "Only this table: flows, packets, counters, losses; may be repeated."},
    {.name = "dry-run",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct expire_options, dry_run),
     .help = "Tells what would be removed, and changes nothing."},
    {.name = "json",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct expire_options, json),
     .help = "What was removed as one JSON object."},
    {.name = "grace",
     .type = EG_OPT_DURATION,
     .offset = offsetof(struct expire_options, grace),
     .preset = "5s",
     .value_name = "DURATION",
     .help = "What leaves is kept aside so long, for readers that are listing it."},
    EG_OPTION_END,
};

static const char *const examples[] = {"earlgrey expire -d data --older 90d",
                                       "What is older than 90 days goes.",
                                       "earlgrey expire -d data --max-bytes 500G --dry-run",
                                       "What would have to go for the rest to fit 500 GB.",
                                       "earlgrey expire -d data --table packets --min-free 10%",
                                       "Packets make room until a tenth of the disk is free.",
                                       NULL};

static enum eg_exit run(struct eg_call *call) {
    const struct expire_options *o = call->options;
    struct eg_error err;
    if (call->word_count)
        return eg_complain_usage(call, "there is nothing to name; -d is the dataset");
    if (!o->older && !o->max_bytes && !o->min_free)
        return eg_complain_usage(call, "say what is to go: --older, --max-bytes or --min-free");
    struct eg_upkeep_report report = {.call = call,
                                      .did = "removed",
                                      .would = "would remove",
                                      .json = o->json,
                                      .captures = true,
                                      .dry_run = o->dry_run};
    struct eg_upkeep_call what = {
        .dry_run = o->dry_run, .grace_us = o->grace, .told = eg_upkeep_report_hour, .to = &report};
    struct eg_expire_rule rule = {.older_us = o->older, .max_bytes = (uint64_t)o->max_bytes};
    struct eg_upkeep_account account = {0};
    if (o->min_free && eg_upkeep_percent(o->min_free, &rule.min_free_permille, &err) < 0)
        return eg_complain(call, &err);
    if (eg_upkeep_tables(&o->table, &what.tables, &err) < 0) return eg_complain(call, &err);
    enum eg_status status = eg_expire(o->dataset, &call->env, &what, &rule, &account, &err);
    return eg_upkeep_report_end(&report, &account, status, &err);
}

const struct eg_verb eg_verb_expire = {
    .name = "expire",
    .summary = "removes the oldest hours, by age, size or room",
    .synopsis = "",
    .description =
        "Removes whole hours, the oldest first, of all tables or of those named. Of several rules "
        "the one that asks for most decides. An hour that ended, by the clock, less than an hour "
        "ago is never removed; nor are rows in quarantine, nor what a running ingest has not "
        "finished. Captures that were copied into "
        "the dataset are removed with the last of their packets; those elsewhere are forgotten, "
        "and stay where they are.\n\n"
        "What was read stays known: a capture whose rows expired adds nothing when it is ingested "
        "again into this dataset.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct expire_options),
    .run = run,
};
