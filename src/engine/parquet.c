/* SPDX-License-Identifier: Apache-2.0
 * Finished Parquet files: of batches in memory, and of a query's rows. The file is complete and
 * fsynced, or removed; the caller gives it its final name. */
#include "base/durable.h"
#include "engine/inside.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPTIONS "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 122880"

/* Runs one COPY on a connection of its own, so that an open result is not disturbed. */
static enum eg_status copy(struct eg_engine *engine, const char *sql, struct eg_error *err) {
    duckdb_connection connection = NULL;
    if (duckdb_connect(engine->database, &connection) != DuckDBSuccess)
        return eg_fail(err, EG_E_ENGINE, "the SQL engine takes no connection");
    duckdb_result result = {0};
    enum eg_status status = EG_OK;
    if (duckdb_query(connection, sql, &result) != DuckDBSuccess)
        status = eg_engine_fault(engine, duckdb_result_error(&result), 0, err);
    duckdb_destroy_result(&result);
    duckdb_disconnect(&connection);
    return status;
}

/* Runs the COPY, makes the file durable, or removes it. */
static enum eg_status finish(struct eg_engine *engine, struct eg_strbuf *sql, const char *path,
                             struct eg_error *err) {
    enum eg_status status = sql->failed ? eg_fail(err, EG_E_NOMEM, "no memory to write %s", path)
                                        : copy(engine, sql->text, err);
    eg_strbuf_reset(sql);
    if (status < 0) eg_error_prefix(err, "%s", path);
    else status = eg_file_sync(path, err);
    if (status < 0) (void)unlink(path);
    return status;
}

enum eg_status eg_parquet_write(struct eg_engine *engine, const char *path, enum eg_table_id table,
                                struct eg_batch *const *batches, size_t batch_count,
                                const char *note, struct eg_parquet_stats *out,
                                struct eg_error *err) {
    struct eg_batch_job job = {.table = table, .batches = batches, .count = batch_count};
    eg_batch_job_enlist(engine, &job);
    struct eg_strbuf sql = {0};
    eg_strbuf_printf(&sql, "COPY (SELECT * FROM earlgrey_batches(%lld)) TO ",
                     (long long)job.ticket);
    eg_sql_quote(path, &sql);
    eg_strbuf_text(&sql, " (" OPTIONS ", KV_METADATA {earlgrey: ");
    eg_sql_quote(note ? note : "", &sql);
    eg_strbuf_text(&sql, "})");
    enum eg_status status = finish(engine, &sql, path, err);
    eg_batch_job_strike(engine, &job);
    EG_TRY(status);
    struct stat st;
    if (stat(path, &st) != 0) return eg_fail(err, EG_E_IO, "%s is gone", path);
    *out = (struct eg_parquet_stats){.bytes = (uint64_t)st.st_size};
    for (size_t i = 0; i < batch_count; i++) out->rows += batches[i]->rows;
    return EG_OK;
}

enum eg_status eg_parquet_copy(struct eg_engine *engine, const char *sql, const char *path,
                               struct eg_error *err) {
    duckdb_prepared_statement checked = NULL; /* a locked engine takes one SELECT, here too */
    if (engine->locks) EG_TRY(eg_engine_lock(engine, err));
    EG_TRY(eg_statement_prepare(engine, sql, &checked, err));
    bool select = duckdb_prepared_statement_type(checked) == DUCKDB_STATEMENT_TYPE_SELECT;
    duckdb_destroy_prepare(&checked);
    if (!select) return eg_fail(err, EG_E_USAGE, "only the rows of a SELECT can be written");
    struct eg_strbuf text = {0};
    eg_strbuf_printf(&text, "COPY (%s\n) TO ", sql);
    eg_sql_quote(path, &text);
    eg_strbuf_text(&text, " (" OPTIONS ")");
    return finish(engine, &text, path, err);
}
