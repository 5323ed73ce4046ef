/* SPDX-License-Identifier: Apache-2.0
 * What the files of this room know of an open dataset, and what they do for each other.
 *
 * Locks, in _earlgrey/locks/ (lock.h):
 *   dataset.lock          shared by writers; a migration takes it alone
 *   upkeep.lock           short: making the dataset, settling leftovers, folding, taking locks
 *   writer-SESSION.lock   held by a writer as long as it lives; its .tmp files and intents carry SESSION
 *   source-DIGEST.lock    held by the writer that ingests that source
 *   swap.lock             shared by each commit, from its begin to its last rename; alone, and with the
 *                         lock for upkeep, by whoever exchanges an hour's directory (swap.h)
 *   compact.lock          held by whoever compacts or expires, one at a time
 * Nobody waits for upkeep.lock while it holds swap.lock. */
#ifndef EG_STORE_DATASET_OWN_H
#define EG_STORE_DATASET_OWN_H

#include "store/dataset.h"
#include "store/journal.h"
#include "store/lock.h"
#include "store/source_lock.h"

struct eg_dataset {
    char *path; /* absolute, no slash at its end */
    enum eg_dataset_mode mode;
    const struct eg_env *env;
    bool ready;          /* a writer that has its locks; until then nothing was changed on disk */
    bool made_directory; /* it was not there before; goes again if nothing is put in */
    bool made;           /* it was no dataset before */
    bool committed;      /* at least one commit of this session was finished */
    bool unsettled;      /* a commit failed after it was decided: the next writer settles it */
    char session[EG_SESSION_TEXT];
    uint32_t commits;
    struct eg_lock shared, writer;
    struct eg_names sources; /* locked; struct eg_plan.lock */
    struct eg_journal journal;
    bool positions_given;   /* eg_dataset_positions was asked … */
    uint64_t given_version; /* … or eg_dataset_news, when the journal had this version */
};

/* ROOT/_earlgrey/locks/NAME; NULL: no memory. */
char *eg_lock_path(const char *root, const char *name);
/* The lock for upkeep; waits for it. */
EG_MUST_CHECK enum eg_status eg_upkeep_begin(struct eg_lock *out, const char *root,
                                             struct eg_error *err);

/* The share of swap.lock that a commit holds; waits for an exchange under way (swap.c). */
EG_MUST_CHECK enum eg_status eg_swap_share(struct eg_lock *out, const char *root,
                                           struct eg_error *err);

/* Makes a writer of an open dataset: directories, dataset.json, locks. Does nothing the second time. */
EG_MUST_CHECK enum eg_status eg_dataset_ready(struct eg_dataset *, struct eg_error *err);
/* Gives the locks back; a dataset that this writer made and put nothing into is removed again. */
void eg_dataset_unready(struct eg_dataset *);
/* Reads _earlgrey/dataset.json. Errors: EG_E_NOENT (not a dataset), EG_E_TOO_NEW, EG_E_FORMAT, … */
EG_MUST_CHECK enum eg_status eg_dataset_about(const char *path, int *schema, char program[64],
                                              struct eg_error *err);

/* What a look at the leftovers of dead writers found (and did, unless only looking). */
struct eg_leftovers {
    size_t writers_alive, writers_dead;
    size_t intents;    /* rolled forward, or to be */
    size_t temporary;  /* .tmp files removed, or to be */
    size_t damaged;    /* intents whose digest is wrong: nothing of them is touched */
    size_t lost_files; /* of an intent: neither there as .tmp nor finished */
    size_t swaps;      /* exchanges of an hour that were cut off: written down or forgotten */
    size_t aside;      /* directories that were replaced and wait to be removed */
};
enum eg_settle_mode {
    EG_SETTLE_LOOK,  /* changes nothing, takes no lock */
    EG_SETTLE_DEAD,  /* settles what dead writers left; walks the tree only if there is one */
    EG_SETTLE_WHOLE, /* the same, and walks the tree in any case */
};
/* `session`: the caller's own, which is alive; "" for none. The caller holds the lock for upkeep
 * unless it only looks. */
EG_MUST_CHECK enum eg_status eg_settle(const char *root, const char *session, enum eg_settle_mode,
                                       const struct eg_env *, struct eg_leftovers *out,
                                       struct eg_error *err);

/* Renames the files of a journal text from their .tmp to their names, makes that durable, and marks the
 * intent done: the second half of a commit, and all of a recovery. */
EG_MUST_CHECK enum eg_status eg_roll_forward(const char *root, const char *commit,
                                             const struct eg_journal *, size_t *lost,
                                             struct eg_error *err);
/* Brings the catalog up to the journal, and folds the journal when it has grown long. A failure is
 * only logged: nothing depends on either. */
void eg_dataset_tidy(struct eg_dataset *);

#endif
