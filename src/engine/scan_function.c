/* SPDX-License-Identifier: Apache-2.0
 * Captures as table functions: read_flows(paths, …) and read_packets(paths, …), read in parallel,
 * only the columns asked for, the filter evaluated while decoding.
 *
 *   bind   names and types of the columns, which files, the filter      (once a statement)
 *   init   one eg_scan                                                  (once a run)
 *   local  one eg_scan_worker                                           (once a thread)
 *   rows   batches into chunks                                          (until EG_END) */
#include "base/alloc.h"
#include "engine/scan_call.h"

#include <string.h>

struct rows_init {
    struct eg_engine_scan *scan;
    uint32_t *cols;
    uint32_t col_count;
    enum eg_address_form addresses;
};

struct rows_local {
    struct eg_engine_scan *scan;
    struct eg_scan_worker *worker;
    struct eg_chunk chunk;
    struct eg_batch *batch; /* not given out to the end yet */
    uint32_t at;
};

static void init_free(void *given) {
    struct rows_init *init = given;
    if (!init) return;
    eg_engine_scan_unref(init->scan);
    eg_free(init->cols);
    eg_free(init);
}

static void local_free(void *given) {
    struct rows_local *local = given;
    if (!local) return;
    eg_batch_unref(local->batch);
    eg_chunk_reset(&local->chunk);
    eg_scan_worker_free(local->worker);
    eg_engine_scan_unref(local->scan);
    eg_free(local);
}

static void rows_bind(duckdb_bind_info info, enum eg_table_id table) {
    struct eg_scan_call *call = eg_scan_call_bind(info, table);
    if (!call) return;
    const struct eg_table *columns = eg_table_get(table);
    for (uint32_t i = 0; i < columns->count; i++) {
        duckdb_logical_type type = eg_column_sql_type(&columns->columns[i], call->addresses);
        duckdb_bind_add_result_column(info, columns->columns[i].name, type);
        duckdb_destroy_logical_type(&type);
    }
    duckdb_bind_set_bind_data(info, call, eg_scan_call_free);
}

static void flows_bind(duckdb_bind_info info) { rows_bind(info, EG_TABLE_FLOWS); }
static void packets_bind(duckdb_bind_info info) { rows_bind(info, EG_TABLE_PACKETS); }

/* Which columns DuckDB wants; it may name one that is none (for count(*)). */
static enum eg_status want_columns(duckdb_init_info info, const struct eg_table *table,
                                   struct rows_init *init, eg_column_set *set,
                                   struct eg_error *err) {
    init->col_count = (uint32_t)duckdb_init_get_column_count(info);
    init->cols = eg_calloc(init->col_count ? init->col_count : 1, sizeof *init->cols);
    if (!init->cols) return eg_fail(err, EG_E_NOMEM, "no memory to begin reading");
    *set = 0;
    for (uint32_t i = 0; i < init->col_count; i++) {
        idx_t col = duckdb_init_get_column_index(info, i);
        init->cols[i] = col < table->count ? (uint32_t)col : UINT32_MAX;
        if (col < table->count) *set |= UINT64_C(1) << col;
    }
    return EG_OK;
}

static void rows_init(duckdb_init_info info) {
    struct eg_scan_call *call = duckdb_init_get_bind_data(info);
    struct eg_error err = {.status = EG_OK};
    struct rows_init *init = eg_calloc(1, sizeof *init);
    eg_column_set set = 0;
    enum eg_status status = init ? want_columns(info, eg_table_get(call->table), init, &set, &err)
                                 : eg_fail(&err, EG_E_NOMEM, "no memory to begin reading");
    if (status >= 0) {
        status = eg_scan_call_rows(call, set, &init->scan, &err);
    }
    if (status < 0) {
        eg_engine_blame(call->engine, &err);
        duckdb_init_set_error(info, err.message);
        init_free(init);
        return;
    }
    init->addresses = call->addresses;
    duckdb_init_set_init_data(info, init, init_free);
    duckdb_init_set_max_threads(info, eg_scan_call_threads(call->engine));
}

/* DuckDB gives a local init no way to the global one's data: the worker is made by the first call
 * of rows(), which has both. */
static void rows_local_init(duckdb_init_info info) {
    struct rows_local *local = eg_calloc(1, sizeof *local);
    if (local) duckdb_init_set_init_data(info, local, local_free);
    else duckdb_init_set_error(info, "no memory to begin reading");
}

static enum eg_status local_start(struct rows_local *local, const struct rows_init *init,
                                  struct eg_error *err) {
    EG_TRY(eg_chunk_init(&local->chunk, init->cols, init->col_count, init->addresses,
                         init->scan->engine->codes, err));
    atomic_fetch_add_explicit(&init->scan->refs, 1, memory_order_relaxed);
    local->scan = init->scan;
    return eg_scan_worker_new(&local->worker, init->scan->scan, err);
}

/* Fills the chunk with whole batches as long as the next one fits. */
static enum eg_status fill(struct rows_local *local, struct eg_error *err) {
    struct eg_chunk *chunk = &local->chunk;
    while (chunk->rows < chunk->room) {
        if (!local->batch) {
            enum eg_status status = eg_scan_next(local->worker, &local->batch, err);
            if (status == EG_END) return EG_OK;
            EG_TRY(status);
            local->at = 0;
        }
        uint32_t left = local->batch->rows - local->at, room = chunk->room - chunk->rows;
        if (left > room && chunk->rows) return EG_OK;
        uint32_t count = left < room ? left : room;
        eg_chunk_add(chunk, local->batch, local->at, count);
        local->at += count;
        if (local->at < local->batch->rows) continue;
        eg_batch_unref(local->batch);
        local->batch = NULL;
    }
    return EG_OK;
}

static void rows(duckdb_function_info info, duckdb_data_chunk output) {
    struct rows_init *init = duckdb_function_get_init_data(info);
    struct rows_local *local = duckdb_function_get_local_init_data(info);
    struct eg_error err = {.status = EG_OK};
    enum eg_status status = local->worker ? EG_OK : local_start(local, init, &err);
    if (status >= 0) {
        eg_chunk_begin(&local->chunk, output);
        status = fill(local, &err);
    }
    if (status >= 0 && local->chunk.failed)
        status = eg_fail(&err, EG_E_NOMEM, "no memory for the rows of a capture");
    if (status < 0) {
        eg_engine_blame(init->scan->engine, &err);
        duckdb_function_set_error(info, err.message);
        return;
    }
    eg_chunk_end(&local->chunk);
}

static enum eg_status add_function(struct eg_engine *engine, const char *name,
                                   duckdb_table_function_bind_t bind, struct eg_error *err) {
    duckdb_table_function function = duckdb_create_table_function();
    duckdb_table_function_set_name(function, name);
    duckdb_table_function_set_extra_info(function, engine, NULL);
    eg_scan_call_parameters(function);
    duckdb_table_function_set_bind(function, bind);
    duckdb_table_function_set_init(function, rows_init);
    duckdb_table_function_set_local_init(function, rows_local_init);
    duckdb_table_function_set_function(function, rows);
    duckdb_table_function_supports_projection_pushdown(function, true);
    duckdb_state state = duckdb_register_table_function(engine->connection, function);
    duckdb_destroy_table_function(&function);
    if (state != DuckDBSuccess)
        return eg_fail(err, EG_E_ENGINE, "the SQL engine does not take the function %s", name);
    return EG_OK;
}

enum eg_status eg_register_scans(struct eg_engine *engine, struct eg_error *err) {
    EG_TRY(add_function(engine, "read_flows", flows_bind, err));
    EG_TRY(add_function(engine, "read_packets", packets_bind, err));
    return eg_register_losses(engine, err);
}
