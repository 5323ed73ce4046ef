/* SPDX-License-Identifier: Apache-2.0
 * What `compact` and `expire` did, hour by hour and in all: for people, or as one JSON object. */
#ifndef EG_CLI_UPKEEP_REPORT_H
#define EG_CLI_UPKEEP_REPORT_H

#include "base/strbuf.h"
#include "cli/verb.h"
#include "store/upkeep.h"

struct eg_upkeep_report {
    const struct eg_call *call;
    const char *did, *would; /* "compacted", "would compact" */
    bool json, dry_run;
    bool captures;          /* the JSON says what became of captures, too */
    struct eg_strbuf hours; /* the JSON of those told so far */
};

/* For struct eg_upkeep_call: told, with a report as `to`. */
void eg_upkeep_report_hour(void *report, const struct eg_upkeep_hour *);
/* The end; answers the exit code. `status` and `err`: of the whole. Frees what the report holds. */
enum eg_exit eg_upkeep_report_end(struct eg_upkeep_report *, const struct eg_upkeep_account *,
                                  enum eg_status status, const struct eg_error *err);
/* The tables of --table as a set; 0: all. Errors: EG_E_USAGE. */
EG_MUST_CHECK enum eg_status eg_upkeep_tables(const struct eg_text_list *names, uint32_t *out,
                                              struct eg_error *err);
/* "10%", "0.5%", "10" of --min-free. Errors: EG_E_USAGE. */
EG_MUST_CHECK enum eg_status eg_upkeep_percent(const char *text, uint32_t *permille,
                                               struct eg_error *err);

#endif
