/* SPDX-License-Identifier: Apache-2.0
 * Locks between processes: flock on a small file that says who holds it. The kernel gives the lock
 * back when its holder dies, so a lock is never stale; the file may be, and is removed by whoever
 * can lock it. */
#ifndef EG_STORE_LOCK_H
#define EG_STORE_LOCK_H

#include "base/status.h"

struct eg_lock {
    int fd;     /* -1: not held (and for one that is all zero: see `path`) */
    char *path; /* NULL: not held */
};

#define EG_LOCK_NAME 500 /* so much of a name is kept */

/* Who holds a lock, as its file says; pid 0: not known. */
struct eg_lock_holder {
    long pid;
    char name[EG_LOCK_NAME + 1];
};

enum eg_lock_kind {
    EG_LOCK_TRY,         /* exclusive; EG_E_LOCKED at once when it is held */
    EG_LOCK_WAIT,        /* exclusive; waits */
    EG_LOCK_SHARED,      /* shared with others of this kind; EG_E_LOCKED when held exclusively */
    EG_LOCK_SHARED_WAIT, /* the same; waits */
};

/* `name` is what the holder is doing, for others to read. `holder` (may be NULL) is filled when the
 * answer is EG_E_LOCKED; *err then says no more than the path. Errors: EG_E_LOCKED, EG_E_NOENT (no
 * directory), EG_E_ACCESS, EG_E_NOSPACE, EG_E_IO, EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_lock_take(struct eg_lock *out, const char *path, enum eg_lock_kind,
                                          const char *name, struct eg_lock_holder *holder,
                                          struct eg_error *err);
/* Gives it back; `remove`: and removes the file, while the lock still is ours. */
void eg_lock_give(struct eg_lock *, bool remove);
static inline bool eg_lock_held(const struct eg_lock *lock) { return lock->path != NULL; }
/* Whether somebody holds the lock, without changing anything (readers on a read-only disk). */
bool eg_lock_busy(const char *path, struct eg_lock_holder *holder);

#endif
