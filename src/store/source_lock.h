/* SPDX-License-Identifier: Apache-2.0
 * Locks of sources: a file for each in _earlgrey/locks/sources/ that names the session of the writer
 * that reads it. It counts as long as that writer's own lock is held, so that a run over very many
 * inputs holds no descriptor for each. All under the upkeep lock, but for giving back. */
#ifndef EG_STORE_SOURCE_LOCK_H
#define EG_STORE_SOURCE_LOCK_H

#include "store/layout.h"
#include "store/lock.h"

enum eg_source_holding {
    EG_SOURCE_FREE,
    EG_SOURCE_OURS,
    EG_SOURCE_TAKEN, /* by a writer that lives */
};

/* Who holds the lock of a source; `holder` (may be NULL) is filled when it is taken. */
enum eg_source_holding eg_source_lock_look(const char *root, const char *session, const char *lock,
                                           struct eg_lock_holder *holder);
/* Takes one that is free (or ours). `name` is what the source is called, for others to read.
 * Errors: EG_E_NOSPACE, EG_E_ACCESS, EG_E_IO, EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_source_lock_take(const char *root, const char *session,
                                                 const char *lock, const char *name,
                                                 struct eg_error *err);
/* Gives it back, if it is ours. */
void eg_source_lock_give(const char *root, const char *session, const char *lock);
/* Removes those of writers that are neither `session` nor among `alive`. */
EG_MUST_CHECK enum eg_status eg_source_locks_settle(const char *root, const char *session,
                                                    const struct eg_names *alive,
                                                    struct eg_error *err);

#endif
