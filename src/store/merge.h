/* SPDX-License-Identifier: Apache-2.0
 * Several Parquet files of a table made one, sorted for look-ups, and proven to hold the same rows. */
#ifndef EG_STORE_MERGE_H
#define EG_STORE_MERGE_H

#include "engine/engine.h"
#include "store/journal.h"

struct eg_merge {
    struct eg_engine *engine;
    const char *root;
    enum eg_table_id table;
    const struct eg_names *files; /* relative to the dataset */
    const char *commit;           /* that makes the file; the positions of the old ones are kept */
    const char *path;             /* of the new file */
};

/* Fills rows, bytes and times of `out`. The file is fsynced, or removed. Errors: EG_E_FORMAT (a
 * column that this version does not know; or the new file does not hold the same rows, by their
 * number and the sum of their digests), those of the engine. */
EG_MUST_CHECK enum eg_status eg_merge(const struct eg_merge *, struct eg_journal_file *out,
                                      struct eg_error *err);

#endif
