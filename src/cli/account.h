/* SPDX-License-Identifier: Apache-2.0
 * The account at the end of an ingest: what was read, decoded, kept, and what was lost and why. */
#ifndef EG_CLI_ACCOUNT_H
#define EG_CLI_ACCOUNT_H

#include "cli/verb.h"
#include "store/capture_keeper.h"
#include "table/pump.h"

/* What an account is told with. */
struct eg_account_how {
    const struct eg_tally *quarantined;     /* may be NULL */
    const struct eg_keep_account *captures; /* may be NULL */
    const char *read;                       /* what was read: "packets", "datagrams" */
    bool tables;                            /* some sink takes rows of tables */
    bool json;
    bool live;             /* what sinks did not take is no failure of the run */
    enum eg_status status; /* how it ended */
};
/* Prints it (to standard error, or as JSON to standard output) and answers the exit code that the
 * troubles call for. */
enum eg_exit eg_account_tell(const struct eg_call *, const struct eg_pump_account *,
                             const struct eg_account_how *);

/* The counters of a run that goes on: what was seen, and what was counted by the last flush. */
void eg_account_counters(const struct eg_call *, const struct eg_pump_account *so_far);

#endif
