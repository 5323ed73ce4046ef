/* SPDX-License-Identifier: Apache-2.0
 * A Parquet file being written: row groups of batches, encoded by a crew of threads
 * (parquet_crew.h), then the footer. docs/decisions/0007-parquet-encoder.md says why this is ours. */
#ifndef EG_ENGINE_PARQUET_FILE_H
#define EG_ENGINE_PARQUET_FILE_H

#include "engine/engine.h"
#include "engine/parquet_column.h"

#define EG_PARQUET_GROUP_ROWS 131072u
#define EG_PARQUET_ZSTD 6 /* the number of the one compression that is written */

struct eg_parquet_file;

struct eg_parquet_setup {
    const struct eg_table *table; /* must live as long as the file */
    eg_column_set blooms;         /* columns that get a Bloom filter */
};

/* Of one of our tables: with filters for its addresses. */
struct eg_parquet_setup eg_parquet_setup_for(enum eg_table_id);

/* Nothing is made on disk yet. `path` NULL: what is encoded is not written, until the file has its place. */
EG_MUST_CHECK enum eg_status eg_parquet_file_new(struct eg_parquet_file **out, const char *path,
                                                 const struct eg_parquet_setup *,
                                                 struct eg_error *err);
/* Makes the file, which must not exist or be ours to overwrite, unless it was made before; the
 * first bytes written do so otherwise. Errors: EG_E_ACCESS, EG_E_NOENT, EG_E_NOSPACE, …, each
 * naming the path. */
EG_MUST_CHECK enum eg_status eg_parquet_file_make(struct eg_parquet_file *, struct eg_error *err);

/* Cuts the rows of the batches into row groups of about EG_PARQUET_GROUP_ROWS, to be encoded next;
 * those before must be written. The batches must live until these are. */
EG_MUST_CHECK enum eg_status eg_parquet_file_plan(struct eg_parquet_file *,
                                                  struct eg_batch *const *batches, size_t count,
                                                  struct eg_error *err);
/* How many tasks that is: one a column and group. */
size_t eg_parquet_file_tasks(const struct eg_parquet_file *);
/* Does one of them. Any thread; each task once. */
EG_MUST_CHECK enum eg_status eg_parquet_file_encode(struct eg_parquet_file *, size_t task,
                                                    struct eg_parquet_scratch *,
                                                    struct eg_error *err);
/* Writes the groups that are whole and next. Any thread, after each task. *last: this call wrote
 * the last planned group. */
EG_MUST_CHECK enum eg_status eg_parquet_file_settle(struct eg_parquet_file *, bool *last,
                                                    struct eg_error *err);
bool eg_parquet_file_written(const struct eg_parquet_file *);

/* Writes the footer, makes the file durable and closes it. */
EG_MUST_CHECK enum eg_status eg_parquet_file_finish(struct eg_parquet_file *, const char *note,
                                                    struct eg_parquet_stats *,
                                                    struct eg_error *err);
/* Of a file without a place: what was planned and encoded so far stays encoded in memory until it is freed. */
void eg_parquet_file_store(struct eg_parquet_file *);
/* Gives it a place: what is in store is written there, and what is planned from here on behind it. It
 * may be called again, after a failure: then nothing stays at the place it had. */
EG_MUST_CHECK enum eg_status eg_parquet_file_place(struct eg_parquet_file *, const char *path,
                                                   struct eg_error *err);
/* As it was when something was put into store the last time: without a place, nothing of it on disk
 * unless it was finished. */
void eg_parquet_file_rewind(struct eg_parquet_file *);

/* From now on it was not finished. */
void eg_parquet_file_undo(struct eg_parquet_file *); /* may be NULL */
/* Frees; a file that was made and not finished is removed. */
void eg_parquet_file_free(struct eg_parquet_file *);

#endif
