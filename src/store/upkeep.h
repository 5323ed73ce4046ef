/* SPDX-License-Identifier: Apache-2.0
 * What keeps a dataset small and quick: compaction, which makes each closed hour one sorted file, and
 * expiry, which removes the oldest hours by rule. Once (`earlgrey compact`, `earlgrey expire`), or
 * again and again from a thread beside a running ingest. docs/internals/compaction.md. */
#ifndef EG_STORE_UPKEEP_H
#define EG_STORE_UPKEEP_H

#include "store/dataset.h"

/* One hour of one table that was dealt with (or, in a dry run, would be). */
struct eg_upkeep_hour {
    enum eg_table_id table;
    int64_t hour_us;
    uint64_t rows;                      /* of the files that the journal knows */
    uint64_t files_before, files_after; /* expired: 0 after */
    uint64_t bytes_before, bytes_after; /* of a dry run, after is not known: 0 */
    enum eg_status status; /* EG_OK; EG_END: it changed meanwhile and waits for the next
                                           time; below 0: left as it was, `problem` says why */
    const char *problem;
};

#define EG_UPKEEP_CLOSED_US INT64_C(3600000000) /* an hour that ended so long ago is closed */

struct eg_upkeep_account {
    uint64_t hours, files_before, files_after, rows, bytes_before, bytes_after;
    uint64_t failed, postponed;
    uint64_t captures, captures_bytes; /* expiry: copies that left with their packets … */
    uint64_t captures_unlinked;        /* … and captures that are not pointed to any more */
    int64_t from_us, to_us;            /* of the hours; from > to: none */
    bool short_of; /* expiry: the rules ask for more than there are closed hours */
};

/* What both take. `told` (may be NULL) is called after each hour. */
struct eg_upkeep_call {
    uint32_t tables;  /* a bit for each: 1 << EG_TABLE_FLOWS, …; 0: all */
    bool dry_run;     /* nothing is changed, no lock is taken */
    int64_t grace_us; /* what was replaced stays aside so long; 0: is removed at once */
    void (*told)(void *to, const struct eg_upkeep_hour *);
    void *to;
};

struct eg_compact_rule {
    int64_t older_us;         /* an hour is closed when its end lies so far back … */
    bool all;                 /* … or in any case */
    const char *memory_limit; /* of the sort, "512MB"; NULL: that */
    uint32_t threads;         /* 0: one a core */
};

/* Merges the files of closed hours, an hour at a time: each is whole before it takes the place of the
 * old ones. An hour that has one sorted file, or little beside it, is left alone. Waits out the grace
 * time at the end. Errors: EG_E_NOENT (no dataset), EG_E_LOCKED (somebody else compacts or expires),
 * EG_E_NOSPACE, EG_E_CANCELLED; what was done until then stands. An hour that cannot be merged is
 * told and passed over. */
EG_MUST_CHECK enum eg_status eg_compact(const char *path, const struct eg_env *,
                                        const struct eg_upkeep_call *,
                                        const struct eg_compact_rule *,
                                        struct eg_upkeep_account *out, struct eg_error *err);

/* Rules that are 0 do not apply; of several, the one that asks for most decides. Hours that ended less
 * than an hour ago are never removed. */
struct eg_expire_rule {
    int64_t older_us;           /* hours that ended so long ago */
    uint64_t max_bytes;         /* so many bytes of the tables and copies may stay */
    uint32_t min_free_permille; /* so much of the file system is to be free */
};

/* Removes whole hours, oldest first, and the captures all of whose packets left with them; a copy counts
 * for the last hour of its packets. The positions of what was read stay known, so that the same
 * source adds nothing when it comes again. Errors: as eg_compact; EG_E_USAGE without any rule. */
EG_MUST_CHECK enum eg_status eg_expire(const char *path, const struct eg_env *,
                                       const struct eg_upkeep_call *, const struct eg_expire_rule *,
                                       struct eg_upkeep_account *out, struct eg_error *err);

/* ---- in the background --------------------------------------------------------------------------- */

struct eg_upkeep_plan {
    int64_t every_us; /* from the end of one turn to the next; 0: 10 minutes */
    bool compacts;
    struct eg_compact_rule compact;
    bool expires;
    struct eg_expire_rule expire;
    int64_t grace_us;
};

struct eg_upkeep;
/* Starts a thread that keeps the dataset in order; the first turn comes after `every_us`. The dataset
 * need not exist yet. It is a writer of its own: what it does is safe beside any number of ingests,
 * of this process too. Its env is a copy: log and clock are called from that thread. Trouble is only
 * logged; the next turn tries again. `path` is copied, texts of the plan are not. */
EG_MUST_CHECK enum eg_status eg_upkeep_start(struct eg_upkeep **out, const char *path,
                                             const struct eg_env *, const struct eg_upkeep_plan *,
                                             struct eg_error *err);
/* What all turns did. */
struct eg_upkeep_total {
    struct eg_upkeep_account compacted, expired;
};
/* Ends the thread: an hour under way is given up and stays as it was. NULL is fine. `total` may be
 * NULL. */
void eg_upkeep_stop(struct eg_upkeep *, struct eg_upkeep_total *total);

#endif
