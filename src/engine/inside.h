/* SPDX-License-Identifier: Apache-2.0
 * What the files of this room share and nobody else sees. */
#ifndef EG_ENGINE_INSIDE_H
#define EG_ENGINE_INSIDE_H

#include "base/strbuf.h"
#include "engine/duckdb_late.h"
#include "engine/engine.h"
#include "table/scan.h"
#include "table/tally.h"

#include <pthread.h>

/* ---- paths.c: which files may be read, and which files a pattern names ------------------------ */

struct eg_allow {
    bool any;     /* no list: everything may be read */
    char **roots; /* absolute, as given and with symbolic links resolved; no slash at the end */
    size_t count;
};
EG_MUST_CHECK enum eg_status eg_allow_make(struct eg_allow *, const char *const *paths,
                                           size_t count, struct eg_error *err);
void eg_allow_reset(struct eg_allow *);
/* Whether an absolute path without links, "." and ".." is one of the roots or below one. */
bool eg_allow_holds(const struct eg_allow *, const char *resolved);

struct eg_path_list {
    char **paths;
    size_t count, room;
};
void eg_path_list_reset(struct eg_path_list *);
/* Adds the files that `pattern` names, in order of their names: itself when it exists, the visible
 * files of a directory, what a pattern of * ? [] ** matches (hidden names are skipped). Errors:
 * EG_E_NOENT, EG_E_ACCESS, each naming the pattern; EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_paths_expand(const struct eg_allow *, const char *pattern,
                                             struct eg_path_list *to, struct eg_error *err);

/* ---- address_code.c: addresses as 64-bit numbers, for grouping -------------------------------- */

/* IPv4: the address as a number. IPv6: 2^32 plus its place in this table. */
struct eg_address_codes;
struct eg_address_codes *eg_address_codes_new(void); /* NULL: no memory */
void eg_address_codes_free(struct eg_address_codes *);
/* -1: no memory. Safe from any thread. */
int64_t eg_address_code(struct eg_address_codes *, const struct eg_addr *);
/* False: a number that stands for no address. Safe from any thread. */
bool eg_address_of_code(struct eg_address_codes *, int64_t code, struct eg_addr *out);

/* ---- scans of the running query (account.c) ------------------------------------------------------ */

/* One call of a table function inside a query, alive while the engine or DuckDB needs it. */
struct eg_engine_scan {
    struct eg_engine_scan *next;
    struct eg_engine *engine;
    struct eg_scan *scan;
    struct eg_book *book; /* templates, from one file to the next */
    struct eg_env env; /* the engine's, with batches that fit DuckDB's vectors */
    struct eg_owner *call; /* holds the filter that the scan reads */
    atomic_uint refs;
};
void eg_engine_scan_unref(struct eg_engine_scan *);
/* The engine takes a reference of its own, and keeps it until the next query (account.c). */
void eg_engine_scan_enlist(struct eg_engine *, struct eg_engine_scan *);
/* Drops what is kept of the last query. */
void eg_engine_forget(struct eg_engine *);

/* ---- engine.c --------------------------------------------------------------------------------- */

struct eg_engine {
    struct eg_env env;
    duckdb_database database;
    duckdb_connection connection;
    bool locks; /* a user's SQL: locked before the first query at the latest */
    bool locked;
    uint32_t threads;
    struct eg_allow allow;
    struct eg_address_codes *codes;
    struct eg_address_map *mapping; /* of mapped_ip() and mapped_mac(); borrowed */
    struct eg_result *open_result;

    pthread_mutex_t mutex; /* guards what follows */
    bool mutex_made;
    pthread_cond_t wake;
    pthread_t watcher;
    bool watching, busy, closing;
    struct eg_engine_scan *scans; /* of the query that runs or ran last */
    struct eg_error fault;        /* the first error of a table function; status EG_OK: none */

    struct eg_tally tally; /* made by eg_engine_tally */
    struct eg_trouble *troubles;
    size_t trouble_count;
};

/* Between these two the watcher interrupts the connection when the env says cancel. */
void eg_engine_begin(struct eg_engine *);
void eg_engine_end(struct eg_engine *);
/* A table function failed: its own words are kept, since DuckDB only passes a text. What is left in
 * *fault is for DuckDB, and UTF-8, whatever names stand in it. */
void eg_engine_blame(struct eg_engine *, struct eg_error *fault);

/* ---- fault.c: DuckDB's errors as ours ---------------------------------------------------------- */

/* Fills *err from DuckDB's text (JSON, see errors_as_json). `shift` is how far our text stands
 * before the user's; NULL text: no words were given. */
enum eg_status eg_engine_fault(struct eg_engine *, const char *text, size_t shift,
                               struct eg_error *err);

/* ---- statement.c ------------------------------------------------------------------------------- */

/* Prepares one statement. On a locked engine: one SELECT, or EXPLAIN of one, that calls no function
 * with effects. */
EG_MUST_CHECK enum eg_status eg_statement_prepare(struct eg_engine *, const char *sql,
                                                  duckdb_prepared_statement *out,
                                                  struct eg_error *err);

/* ---- registering what SQL sees ------------------------------------------------------------------ */

EG_MUST_CHECK enum eg_status eg_register_scans(struct eg_engine *, struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_register_losses(struct eg_engine *, struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_register_addresses(struct eg_engine *, struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_register_identities(struct eg_engine *, struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_register_mapping(struct eg_engine *, struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_register_words(struct eg_engine *, struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_register_macros(struct eg_engine *, struct eg_error *err);

/* One scalar function for registering. */
struct eg_scalar {
    const char *name;
    duckdb_type result;
    duckdb_type parameters[8];
    uint32_t parameter_count; /* 0: any number, of any type */
    duckdb_scalar_function_t function;
};
/* Functions of one name and several signatures stand one behind the other. */
EG_MUST_CHECK enum eg_status eg_register_scalars(struct eg_engine *, const struct eg_scalar *,
                                                 size_t count, struct eg_error *err);

/* ---- chunk.c: rows of batches into DuckDB's vectors --------------------------------------------- */

enum eg_address_form { EG_ADDRESS_TEXT, EG_ADDRESS_CODE };

struct eg_chunk_column {
    uint32_t col;      /* of the batch */
    duckdb_vector vector;
    void *values;
    uint64_t *valid;   /* NULL: no null in it so far */
    duckdb_string_t *names; /* NAME: strings of the dictionary made in this chunk, by index */
    uint8_t *named;
    uint32_t name_room;
    const struct eg_dict *dict;
    struct eg_chunk_seen *seen; /* addresses made text in this chunk */
};

struct eg_chunk {
    duckdb_data_chunk chunk;
    struct eg_chunk_column *columns;
    uint32_t column_count;
    uint32_t rows, room;
    uint64_t number; /* counts chunks */
    enum eg_address_form addresses;
    struct eg_address_codes *codes;
    struct eg_strbuf scratch;
    bool failed; /* no memory */
};
/* `cols`: which columns of the batch the chunk has, in order; UINT32_MAX: one that nobody reads. */
EG_MUST_CHECK enum eg_status eg_chunk_init(struct eg_chunk *, const uint32_t *cols, uint32_t count,
                                           enum eg_address_form, struct eg_address_codes *,
                                           struct eg_error *err);
void eg_chunk_reset(struct eg_chunk *);
void eg_chunk_begin(struct eg_chunk *, duckdb_data_chunk);
/* Rows [from, from + count) of the batch; they must fit `room - rows`. */
void eg_chunk_add(struct eg_chunk *, const struct eg_batch *, uint32_t from, uint32_t count);
void eg_chunk_end(struct eg_chunk *);
/* The SQL type of a column. Free with duckdb_destroy_logical_type. */
duckdb_logical_type eg_column_sql_type(const struct eg_column_info *, enum eg_address_form);
/* A text of at most 12 bytes, as DuckDB keeps it in place. */
duckdb_string_t eg_inline_string(const char *text, size_t size);
#define EG_INLINE_MAX 12

/* ---- cell_text.c: values of DuckDB's other types as text ---------------------------------------- */

/* What can be written: false for a type this version does not know. */
bool eg_cell_known(duckdb_logical_type);
/* The text of one value; inside lists and structs as JSON. Null gives "null". */
void eg_cell_text(duckdb_vector, duckdb_logical_type, idx_t row, bool json, struct eg_strbuf *to);

#endif
