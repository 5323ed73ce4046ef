/* SPDX-License-Identifier: Apache-2.0
 * What a dataset lost in the time that an answer is about: told beside it. */
#ifndef EG_CLI_MISSING_H
#define EG_CLI_MISSING_H

#include "cli/report.h"

/* What the answer is made of. */
enum eg_missing {
    EG_MISSING_FLOWS,
    EG_MISSING_PACKETS, /* their quarantine is told by who looks for them */
    EG_MISSING_ANY,     /* only the statement knows: what all of the dataset misses */
};

/* "7 records (cause)\n" */
void eg_missing_amount(long long records, long long packets, const struct eg_cause_info *,
                       struct eg_span name, struct eg_strbuf *lines);
/* A line for each cause, without what nobody calls a loss. */
void eg_missing_lines(const struct eg_report *, struct eg_engine *, enum eg_missing,
                      struct eg_strbuf *lines);
void eg_missing_say(const struct eg_report *, const struct eg_strbuf *lines);
/* Both. */
void eg_missing_tell(const struct eg_report *, struct eg_engine *, enum eg_missing);
/* The packets whose times cannot be, which no question about a dataset finds. */
void eg_missing_quarantine(const struct eg_report *);
/* Complains where a dataset's index of packets was taken away: it would answer as if there were none. */
enum eg_exit eg_packets_indexed(const struct eg_report *);
/* For who has no engine: one is made if there is anything in `losses`. */
void eg_missing_look(struct eg_report *, enum eg_missing);

#endif
