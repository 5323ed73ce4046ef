/* SPDX-License-Identifier: Apache-2.0
 * A Parquet file being written: row groups of batches, encoded by several threads, then the footer.
 * docs/decisions/0007-parquet-encoder.md says why this is ours. */
#ifndef EG_ENGINE_PARQUET_FILE_H
#define EG_ENGINE_PARQUET_FILE_H

#include "engine/engine.h"

#define EG_PARQUET_GROUP_ROWS 131072u

struct eg_parquet_file;

struct eg_parquet_setup {
    const struct eg_table *table; /* must live as long as the file */
    uint32_t threads;             /* at least 1 */
    eg_column_set blooms;         /* columns that get a Bloom filter */
    const struct eg_env *env;     /* for cancelling */
};

/* Makes the file, which must not exist or be ours to overwrite. Errors: EG_E_ACCESS, EG_E_NOENT,
 * EG_E_NOSPACE, …, each naming the path. */
EG_MUST_CHECK enum eg_status eg_parquet_file_new(struct eg_parquet_file **out, const char *path,
                                                 const struct eg_parquet_setup *,
                                                 struct eg_error *err);
/* Writes the rows of the batches as row groups of about EG_PARQUET_GROUP_ROWS. */
EG_MUST_CHECK enum eg_status eg_parquet_file_rows(struct eg_parquet_file *,
                                                  struct eg_batch *const *batches, size_t count,
                                                  struct eg_error *err);
/* Writes the footer, makes the file durable and closes it. */
EG_MUST_CHECK enum eg_status eg_parquet_file_finish(struct eg_parquet_file *, const char *note,
                                                    struct eg_parquet_stats *, struct eg_error *err);
/* Frees; a file that was not finished is removed. */
void eg_parquet_file_free(struct eg_parquet_file *);

#endif
