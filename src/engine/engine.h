/* SPDX-License-Identifier: Apache-2.0
 * The embedded SQL engine (DuckDB, C API). Knows batches, scans and filters; knows no dataset.
 *
 * Inside, captures are table functions: read_flows(paths, …), read_packets(paths, …), read_losses.
 * Two kinds of connection: *trusted* for our own SQL, *locked* for a user's: one SELECT statement,
 * no writes, no files outside the allowed directories, no settings. */
#ifndef EG_ENGINE_ENGINE_H
#define EG_ENGINE_ENGINE_H

#include "base/strbuf.h"
#include "table/scan.h"

struct eg_engine;
struct eg_result;
struct eg_address_map; /* wire/address_map.h */

struct eg_engine_options {
    const char *memory_limit;   /* "2GB"; NULL: DuckDB's default */
    uint32_t threads;           /* 0: one per core */
    const char *temp_directory; /* for spilling; NULL: none (it fails instead of spilling) */
    const char *const *allowed; /* directories and files that SQL may read; NULL: any */
    size_t allowed_count;
    bool locked; /* a user's SQL: see above */
    /* SQL has mapped_ip(text) and mapped_mac(text) then; outlives the engine, which uses it from one
     * thread at a time. */
    struct eg_address_map *mapping;
};

EG_MUST_CHECK enum eg_status eg_engine_open(struct eg_engine **out, const struct eg_env *,
                                            const struct eg_engine_options *, struct eg_error *err);
void eg_engine_close(struct eg_engine *);

/* Runs our own statements (trusted); several may stand in one text. Call before eg_engine_lock. */
EG_MUST_CHECK enum eg_status eg_engine_run(struct eg_engine *, const char *sql,
                                           struct eg_error *err);
/* From here on only locked statements are taken. Cannot be undone. */
EG_MUST_CHECK enum eg_status eg_engine_lock(struct eg_engine *, struct eg_error *err);

/* Runs one query; rows come streaming. On a locked engine anything but one SELECT (or EXPLAIN of
 * one) is EG_E_USAGE, with the engine's position where it gives one. Cancellation by the env's flag
 * (checked while rows are made, too) answers EG_E_CANCELLED at once. */
EG_MUST_CHECK enum eg_status eg_engine_query(struct eg_engine *, const char *sql,
                                             struct eg_result **out, struct eg_error *err);
/* The columns of the result: names as in SQL; types mapped (HUGEINT and DECIMAL of scale 0 to I64
 * where they fit, else text; lists, structs as JSON text). Units are carried over for columns of
 * ours, found by name. */
const struct eg_table *eg_result_table(const struct eg_result *);
EG_MUST_CHECK enum eg_status eg_result_next(struct eg_result *, struct eg_batch **out,
                                            struct eg_error *err); /* EG_END after the last */
void eg_result_free(struct eg_result *);
/* For queries that have one row: the first batch, which is the caller's; EG_END: there is no row. */
EG_MUST_CHECK enum eg_status eg_engine_first(struct eg_engine *, const char *sql,
                                             struct eg_batch **out, struct eg_error *err);
/* The same as whole numbers, one a column; `null` where there is none. */
EG_MUST_CHECK enum eg_status eg_engine_numbers(struct eg_engine *, const char *sql, int64_t null,
                                               int64_t *out, uint32_t count, struct eg_error *err);
/* What the scans inside the running query have seen (bytes, rows, losses); for progress and for
 * "what was not answered". Safe from another thread. */
struct eg_scan_progress eg_engine_progress(struct eg_engine *);
/* Losses of the scans of the last query, merged. Valid until the next query. */
const struct eg_tally *eg_engine_tally(struct eg_engine *);
/* Remarks of the scans of the last query (cut files, inputs left out). */
const struct eg_trouble *eg_engine_troubles(struct eg_engine *, size_t *count);

/* ---- Parquet ---- */

/* The threads that encode Parquet, with the memory they work in: a crew is kept from one write to
 * the next. `threads` 0: one a core. One write at a time. */
struct eg_parquet_crew;
EG_MUST_CHECK enum eg_status eg_parquet_crew_new(struct eg_parquet_crew **out,
                                                 const struct eg_env *, uint32_t threads,
                                                 struct eg_error *err);
void eg_parquet_crew_free(struct eg_parquet_crew *);

/* Sealed batches of one table that become one file: zstd, row groups of about 128 Ki rows,
 * dictionaries, statistics; every column of the table, absent ones as null. `note` is kept in the
 * file's metadata under "earlgrey". */
struct eg_parquet_file;
struct eg_parquet_stats {
    uint64_t rows, bytes;
};
struct eg_parquet_job {
    const char *path;
    enum eg_table_id table;
    struct eg_batch *const *batches;
    size_t batch_count;
    const char *note;              /* may be NULL */
    struct eg_parquet_file *early; /* rows that stand before those of the batches; NULL: none */
    struct eg_parquet_stats stats; /* filled by eg_parquet_write */
};
/* Writes all the files, the crew being at work on several at once. Each is complete and fsynced;
 * when one fails all are removed. */
EG_MUST_CHECK enum eg_status eg_parquet_write(struct eg_parquet_crew *, struct eg_parquet_job *,
                                              size_t count, struct eg_error *err);
/* Encodes the job's batches in memory, behind what is in job->early already (made where it is NULL), for an
 * eg_parquet_write to come, which leaves it as it is, whether it fails or not: a fraction of what the
 * batches take, and they need not live until then. A failure leaves what was there. */
EG_MUST_CHECK enum eg_status eg_parquet_encode_early(struct eg_parquet_crew *,
                                                     struct eg_parquet_job *, struct eg_error *err);
void eg_parquet_early_free(struct eg_parquet_file *); /* may be NULL */
/* Writes a query's result as Parquet (`-o parquet`) to a path. Same promises. */
EG_MUST_CHECK enum eg_status eg_parquet_copy(struct eg_engine *, const char *sql, const char *path,
                                             struct eg_error *err);

/* Writes a query's rows as a file of one of our tables, as eg_parquet_write does, a row group at a
 * time: columns by their names, with the types that reading such a file gives. Errors: EG_E_FORMAT
 * for a column, or a text, that the table cannot hold. */
EG_MUST_CHECK enum eg_status eg_parquet_rewrite(struct eg_engine *, const char *sql,
                                                const char *path, enum eg_table_id,
                                                const char *note, struct eg_parquet_stats *out,
                                                struct eg_error *err);

/* A SQL text literal: quoted, quotes doubled. */
void eg_sql_quote(const char *text, struct eg_strbuf *to);
/* The same bytes as a SQL literal of type BLOB: for paths that are no text, which our table functions take. */
void eg_sql_bytes(const char *text, struct eg_strbuf *to);

#endif
