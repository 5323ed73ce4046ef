/* SPDX-License-Identifier: Apache-2.0
 * The options of upkeep as its plan, and its account. */
#include "cli/ingest_upkeep.h"

#include "cli/upkeep_report.h"

#include <inttypes.h>
#include <stdio.h>

#define GRACE_US INT64_C(5000000)

enum eg_status eg_ingest_upkeep_start(struct eg_upkeep **out, const struct eg_call *call,
                                      const struct eg_ingest_upkeep *o, const char *dataset,
                                      struct eg_error *err) {
    *out = NULL;
    struct eg_upkeep_plan plan = {
        .every_us = o->every_us,
        .compacts = o->compact,
        .compact = {.older_us = EG_UPKEEP_CLOSED_US, .threads = 1},
        .expires = o->expire_older_us || o->max_bytes || o->min_free,
        .expire = {.older_us = o->expire_older_us, .max_bytes = (uint64_t)o->max_bytes},
        .grace_us = GRACE_US,
    };
    if (o->min_free) EG_TRY(eg_upkeep_percent(o->min_free, &plan.expire.min_free_permille, err));
    if (!plan.compacts && !plan.expires) return EG_OK;
    if (!dataset)
        return eg_fail(
            err, EG_E_USAGE,
            "--compact, --expire-older, --max-bytes and --min-free are about the dataset "
            "of -d, and none is written");
    return eg_upkeep_start(out, dataset, &call->env, &plan, err);
}

static void tell(const struct eg_call *call, const char *did,
                 const struct eg_upkeep_account *account) {
    if (account->hours)
        eg_note(call,
                "earlgrey: %s %" PRIu64 " hour%s meanwhile, %" PRIu64 " rows in %" PRIu64 " files",
                did, account->hours, account->hours == 1 ? "" : "s", account->rows,
                account->files_before);
    if (account->captures)
        eg_note(call, "earlgrey: %s %" PRIu64 " captures without packets left, %" PRIu64 " bytes",
                did, account->captures, account->captures_bytes);
}

void eg_ingest_upkeep_stop(struct eg_upkeep *upkeep, const struct eg_call *call) {
    struct eg_upkeep_total total = {0};
    if (!upkeep) return;
    eg_upkeep_stop(upkeep, &total);
    tell(call, "compacted", &total.compacted);
    tell(call, "removed", &total.expired);
}
