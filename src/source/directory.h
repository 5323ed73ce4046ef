/* SPDX-License-Identifier: Apache-2.0
 * Which files below some directories are there to be read: told by the system where it tells, found
 * by looking where it does not. No source itself: who follows a directory hands what is offered here
 * to the `file` source, whose positions see to it that every row comes once
 * (docs/internals/directory.md).
 *
 *     eg_directory_wait ─▶ paths ─▶ read, made durable ─▶ eg_directory_done for each */
#ifndef EG_SOURCE_DIRECTORY_H
#define EG_SOURCE_DIRECTORY_H

#include "table/stage.h"

struct eg_directory;

enum eg_directory_after { EG_AFTER_KEEP, EG_AFTER_MOVE, EG_AFTER_DELETE };

struct eg_directory_options {
    const char *const *roots;
    size_t root_count;
    bool flat;           /* only the files right in the roots */
    const char *pattern; /* of names, or with a slash in it of paths below the root; NULL: all */
    bool latest_first;   /* else the oldest first, by the time of their last change */
    size_t offer_max;    /* files in one answer; 0: no limit */
    int64_t look_ms;     /* how often to look at everything; 0: every 10 s */
    size_t files_max;    /* remembered; 0: 1,000,000. Files beyond wait until others are gone */
    enum eg_directory_after after;
    const char *move_to; /* EG_AFTER_MOVE: a directory on the same file system */
    int64_t rest_ms; /* where the system cannot tell whether somebody still writes to a file: how
                            long it must not have changed before it is moved or deleted; 0: 60 s */
};

struct eg_paths {
    char **paths;
    size_t count, room;
};
void eg_paths_reset(struct eg_paths *);

/* Whether a name is one of those nobody means: hidden (. or _ in front), or of a file that is not yet
 * what it will be (.tmp .part .partial .filepart .crdownload .swp, ~ at the end). */
bool eg_directory_ignores(const char *name);

/* The roots must be directories now; they may go and come back later. The options are copied. Errors:
 * EG_E_NOENT, EG_E_ACCESS, EG_E_USAGE (no directory; a place to move to on another file system),
 * EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_directory_open(struct eg_directory **out, const struct eg_env *,
                                               const struct eg_directory_options *,
                                               struct eg_error *err);
void eg_directory_close(struct eg_directory *); /* NULL is fine */

/* Adds the files to be read now to `out` (reset by the caller): new ones, and those that changed since
 * they were last offered. Each is then the caller's until eg_directory_done. EG_AGAIN: there was none
 * in `timeout_ms` (0: looks once, does not wait; < 0: waits until there is one). A directory that
 * cannot be read is told to the log, once, and looked at again. Errors: EG_E_CANCELLED, EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_directory_wait(struct eg_directory *, int64_t timeout_ms,
                                               struct eg_paths *out, struct eg_error *err);

enum eg_directory_outcome {
    EG_DIRECTORY_READ,   /* all of it, and it is durable */
    EG_DIRECTORY_CUT,    /* what was there: it ends in the middle of a record */
    EG_DIRECTORY_FAILED, /* no use before it changes */
    EG_DIRECTORY_LATER,  /* not read; offer it again */
};
/* A file that was offered is done with. One that has changed since is offered again, whatever the
 * outcome. One that was read, has not changed, and to which nobody writes any more is moved or
 * deleted when that was asked for; where somebody still may, that is done by a later wait. What
 * fails in that is told to the log; the file stays. */
void eg_directory_done(struct eg_directory *, const char *path, enum eg_directory_outcome);
/* Whether this is asked for the first time of a file that was offered. */
bool eg_directory_first(struct eg_directory *, const char *path);

struct eg_directory_account {
    size_t known;    /* files remembered */
    size_t ready;    /* of these, to be offered */
    size_t left_out; /* in the last look at everything: beyond files_max */
    uint64_t offered, moved, deleted;
    uint64_t looks, lost; /* at everything; of these, since events had been lost */
    bool watching;        /* the system tells of changes */
};
struct eg_directory_account eg_directory_account(const struct eg_directory *);

#endif
