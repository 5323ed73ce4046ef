/* SPDX-License-Identifier: Apache-2.0
 * Who keeps captures while they are ingested: points to them or copies them as their bytes go by, and
 * has their lines ready for the commit that makes their packets visible (captures.h;
 * docs/internals/packet-store.md). One thread at a time. */
#ifndef EG_STORE_CAPTURE_KEEPER_H
#define EG_STORE_CAPTURE_KEEPER_H

#include "store/captures.h"
#include "store/journal.h"

struct eg_source;
struct eg_keeper;

/* What is to become of what is read. */
struct eg_keep_rule {
    bool choose; /* a plain file is pointed to, what comes compressed or through a pipe is copied */
    enum eg_keep keep; /* else this */
    bool leaves;       /* it does not stay where it is */
};

/* The dataset outlives it. */
EG_MUST_CHECK enum eg_status eg_keeper_new(struct eg_keeper **out, struct eg_dataset *,
                                           const struct eg_keep_rule *, struct eg_error *err);
/* Copies that no commit has named are removed. NULL is fine. */
void eg_keeper_free(struct eg_keeper *);

/* For eg_scan_request.keep_source; the source is of the type `file`. */
EG_MUST_CHECK enum eg_status eg_keeper_take(struct eg_keeper *, struct eg_source *, char *file,
                                            size_t room, struct eg_error *err);
/* For eg_scan_request.keep_known. A link to the same bytes whose file is gone, or is another one by
 * now, points to this input from the next commit on. */
EG_MUST_CHECK enum eg_status eg_keeper_known(struct eg_keeper *, struct eg_source *, char *told,
                                             size_t room, struct eg_error *err);
/* ---- captures that are made, not read ---- */

struct eg_kept;
struct eg_file_reach;
/* A new copy, as it comes, named after `stem` and the day of `first_us`. The keeper owns it. */
EG_MUST_CHECK enum eg_status eg_keeper_make(struct eg_keeper *, const char *stem, int64_t first_us,
                                            int32_t link_type, struct eg_kept **out,
                                            struct eg_error *err);
const char *eg_kept_name(const struct eg_kept *);
/* At its end. What goes wrong is told by eg_kept_reach, and all that follows. */
void eg_kept_write(struct eg_kept *, const void *bytes, size_t size);
/* What stands in it now belongs to the next commit. */
EG_MUST_CHECK enum eg_status eg_kept_reach(struct eg_kept *, const struct eg_file_reach *,
                                           struct eg_error *err);
void eg_kept_close(struct eg_kept *); /* the last call */

/* ---- commits ---- */

/* Whether there is something to commit. */
bool eg_keeper_waits(const struct eg_keeper *);
/* Makes durable what was reached since the last commit, and adds a line for each capture to `lines`.
 * Within a commit, so that nothing is removed meanwhile. */
EG_MUST_CHECK enum eg_status eg_keeper_lines(struct eg_keeper *, struct eg_journal *lines,
                                             struct eg_error *err);
/* Those lines were committed. */
void eg_keeper_committed(struct eg_keeper *);

/* What was done so far, each capture once. */
struct eg_keep_account {
    uint64_t linked, copied;
    uint64_t bytes, stored; /* of the copies: what they hold, and what they take */
};
void eg_keeper_account(const struct eg_keeper *, struct eg_keep_account *out);

#endif
