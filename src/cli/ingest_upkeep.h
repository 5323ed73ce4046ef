/* SPDX-License-Identifier: Apache-2.0
 * Compaction and expiry beside a running ingest. */
#ifndef EG_CLI_INGEST_UPKEEP_H
#define EG_CLI_INGEST_UPKEEP_H

#include "cli/verb.h"
#include "store/upkeep.h"

/* Part of the verb's options; the table names them with EG_INGEST_UPKEEP_OPTIONS. */
struct eg_ingest_upkeep {
    bool compact;
    int64_t expire_older_us, max_bytes, every_us;
    const char *min_free;
};

#define EG_INGEST_UPKEEP_OPTIONS(S, field)                                                         \
    {.name = "compact",                                                                            \
     .type = EG_OPT_FLAG,                                                                          \
     .offset = offsetof(S, field.compact),                                                         \
     .help = "Meanwhile makes each closed hour of the dataset one sorted file, as 'earlgrey "      \
             "compact' does."},                                                                    \
        {.name = "expire-older",                                                                   \
         .type = EG_OPT_DURATION,                                                                  \
         .offset = offsetof(S, field.expire_older_us),                                             \
         .value_name = "DURATION",                                                                 \
         .help = "Meanwhile removes hours whose end lies so far back, as 'earlgrey expire' "       \
                 "does."},                                                                         \
        {.name = "max-bytes",                                                                      \
         .type = EG_OPT_INT,                                                                       \
         .offset = offsetof(S, field.max_bytes),                                                   \
         .max = INT64_MAX,                                                                         \
         .value_name = "BYTES",                                                                    \
         .help = "Meanwhile removes the oldest hours so that the tables, and captures kept as "    \
                 "copies, take no more (500G)."},                                                  \
        {.name = "min-free",                                                                       \
         .type = EG_OPT_TEXT,                                                                      \
         .offset = offsetof(S, field.min_free),                                                    \
         .value_name = "PERCENT",                                                                  \
         .help = "Meanwhile removes the oldest hours so that so much of the disk is free (10%)."}, \
    {                                                                                              \
        .name = "upkeep-every", .type = EG_OPT_DURATION, .offset = offsetof(S, field.every_us),    \
        .preset = "10m", .min = 1000, .max = 86400000000, .value_name = "DURATION",                \
        .help = "How often --compact, --expire-older, --max-bytes and --min-free take a turn."     \
    }

/* Starts it when any of that is asked for; *out is NULL otherwise. `dataset` NULL: there is none,
 * which is EG_E_USAGE when something is asked for. */
EG_MUST_CHECK enum eg_status eg_ingest_upkeep_start(struct eg_upkeep **out, const struct eg_call *,
                                                    const struct eg_ingest_upkeep *,
                                                    const char *dataset, struct eg_error *err);
/* Ends it and tells what it did. NULL is fine. */
void eg_ingest_upkeep_stop(struct eg_upkeep *, const struct eg_call *);

#endif
