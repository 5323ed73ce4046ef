/* SPDX-License-Identifier: Apache-2.0
 * An hour's directory exchanged for another, or taken away, in one step that every reader sees whole:
 * renameat2(RENAME_EXCHANGE) or rename. What it was lies in _earlgrey/aside until a grace time is over
 * (docs/internals/compaction.md, docs/decisions/0009-compaction.md). */
#ifndef EG_STORE_SWAP_H
#define EG_STORE_SWAP_H

#include "store/dataset_own.h"

#define EG_SWAP_GRACE_US INT64_C(5000000) /* a listing that has begun ends by then */

/* Both locks that a swap needs: that for upkeep, and swap.lock alone. Writers that are in the middle
 * of a commit are waited for, 30 s at most. Errors: EG_E_LOCKED (retriable), EG_E_CANCELLED, … */
struct eg_swap_hold {
    struct eg_lock upkeep, swap;
};
EG_MUST_CHECK enum eg_status eg_swap_begin(struct eg_swap_hold *, const struct eg_dataset *,
                                           struct eg_error *err);
void eg_swap_end(struct eg_swap_hold *);

/* With both locks held. `change` says which files come and which are gone.
 *   files come: the directory _earlgrey/aside/COMMIT.hour, which holds them, trades places with the
 *               partition; what else stands in the partition (files of late commits) is linked into
 *               it first.
 *   none come:  the partition becomes _earlgrey/aside/COMMIT.hour.
 * EG_END: the partition does not hold what should go any more, or, where nothing is to stay, files of
 * late commits too; nothing was changed. After an error
 * with ds->unsettled set, the outcome is for the next writer to settle. */
EG_MUST_CHECK enum eg_status eg_swap_hour(struct eg_dataset *, const char *partition,
                                          const char *commit, const struct eg_journal *change,
                                          struct eg_error *err);
/* After a crash, with the lock for upkeep held: what was exchanged is written down, what was not is
 * forgotten. Errors: EG_E_FORMAT (the note is damaged; it stays). */
EG_MUST_CHECK enum eg_status eg_swap_recover(const char *root, const char *commit, bool *done,
                                             struct eg_error *err);

/* Removes directories from _earlgrey/aside that have been there for the grace time; `spare` says of
 * which sessions none may be touched. Answers how many are left; with `look`, removes none. */
struct eg_sweep {
    const char *root;
    bool (*spare)(void *to, const char *session);
    void *to;
    int64_t grace_us;
    bool look;
};
EG_MUST_CHECK enum eg_status eg_swap_sweep(const struct eg_sweep *, size_t *left,
                                           struct eg_error *err);
/* A directory of _earlgrey/aside that was given up, with all in it. */
void eg_swap_drop(const char *root, const char *commit);

#endif
