/* SPDX-License-Identifier: Apache-2.0
 * A dataset's files as they were at one moment, so that all parts of an answer, and what is said about
 * it, speak of the same rows while others write. */
#ifndef EG_QUERY_SNAPSHOT_H
#define EG_QUERY_SNAPSHOT_H

#include "store/dataset.h"

struct eg_snapshot {
    struct eg_dataset_file *files[EG_TABLE_RAW]; /* of flows, packets, counters, losses; by path */
    size_t counts[EG_TABLE_RAW];
};

/* `out` is to be reset, also after a failure. */
EG_MUST_CHECK enum eg_status eg_snapshot_take(struct eg_snapshot *out, struct eg_dataset *,
                                              struct eg_error *err);
void eg_snapshot_reset(struct eg_snapshot *);
/* What `now` has and `before` had not; `gone`: how many of the files of `before` are no more. The
 * answer borrows its paths from `now`: free it with eg_snapshot_forget. */
EG_MUST_CHECK enum eg_status eg_snapshot_fresh(struct eg_snapshot *out,
                                               const struct eg_snapshot *now,
                                               const struct eg_snapshot *before, size_t *gone,
                                               struct eg_error *err);
void eg_snapshot_forget(struct eg_snapshot *fresh);
bool eg_snapshot_empty(const struct eg_snapshot *); /* neither flows nor packets */
/* As eg_dataset_relation. */
EG_MUST_CHECK enum eg_status eg_snapshot_relation(const struct eg_snapshot *, enum eg_table_id,
                                                  int64_t from_us, int64_t to_us,
                                                  struct eg_strbuf *sql, struct eg_error *err);

#endif
