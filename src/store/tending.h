/* SPDX-License-Identifier: Apache-2.0
 * What compaction and expiry do alike: take the dataset as their own, count, clear away. */
#ifndef EG_STORE_TENDING_H
#define EG_STORE_TENDING_H

#include "store/hours.h"
#include "store/swap.h"
#include "store/upkeep.h"

struct eg_tending {
    struct eg_dataset *ds;
    const struct eg_upkeep_call *call;
    struct eg_upkeep_account *account;
    struct eg_lock lock;
    struct eg_hours hours;
    bool swapped; /* something was put aside */
};

/* Opens the dataset (for reading only in a dry run), takes compact.lock, reads the hours. Call
 * eg_tending_end in any case. */
EG_MUST_CHECK enum eg_status eg_tending_begin(struct eg_tending *, const char *path,
                                              const struct eg_env *, const struct eg_upkeep_call *,
                                              const char *name, struct eg_upkeep_account *,
                                              struct eg_error *err);
/* Counts an hour and tells of it. */
void eg_tending_tell(struct eg_tending *, const struct eg_upkeep_hour *);
/* With both locks: settles what dead writers left, so that nothing of theirs is in the way. */
EG_MUST_CHECK enum eg_status eg_tending_swap(struct eg_tending *, const struct eg_hour *,
                                             const char *commit, const struct eg_journal *change,
                                             struct eg_error *err);
/* Removes what lies aside once the grace time is over, and waits for that if something was put there. */
void eg_tending_end(struct eg_tending *, enum eg_status so_far);

#endif
