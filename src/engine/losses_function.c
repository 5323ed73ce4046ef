/* SPDX-License-Identifier: Apache-2.0
 * read_losses(paths): what a reading of the captures could not keep, as rows of `losses`. The
 * captures are read to the end by all threads; the last one to finish gives out the account. */
#include "base/alloc.h"
#include "engine/scan_call.h"

struct losses_init {
    struct eg_engine_scan *scan;
    bool notes;
    pthread_mutex_t mutex;
    uint32_t active; /* threads that are reading */
    bool given;      /* somebody gives out the rows */
};

struct losses_local {
    struct losses_init *init;
    struct eg_engine_scan *scan;
    struct eg_scan_worker *worker;
    bool started, done;
    struct eg_batch *batch;
    uint32_t at;
    struct eg_chunk chunk;
};

static void init_free(void *given) {
    struct losses_init *init = given;
    if (!init) return;
    eg_engine_scan_unref(init->scan);
    pthread_mutex_destroy(&init->mutex);
    eg_free(init);
}

static void local_free(void *given) {
    struct losses_local *local = given;
    if (!local) return;
    eg_scan_worker_free(local->worker);
    eg_batch_unref(local->batch);
    eg_chunk_reset(&local->chunk);
    eg_engine_scan_unref(local->scan);
    eg_free(local);
}

static void losses_bind(duckdb_bind_info info) {
    struct eg_scan_call *call = eg_scan_call_bind(info, EG_TABLE_LOSSES);
    if (!call) return;
    const struct eg_table *table = eg_table_get(EG_TABLE_LOSSES);
    for (uint32_t i = 0; i < table->count; i++) {
        duckdb_logical_type type = eg_column_sql_type(&table->columns[i], call->addresses);
        duckdb_bind_add_result_column(info, table->columns[i].name, type);
        duckdb_destroy_logical_type(&type);
    }
    duckdb_bind_set_bind_data(info, call, eg_scan_call_free);
}

static void losses_init(duckdb_init_info info) {
    struct eg_scan_call *call = duckdb_init_get_bind_data(info);
    struct eg_error err = {.status = EG_OK};
    struct losses_init *init = eg_calloc(1, sizeof *init);
    enum eg_status status = EG_OK;
    if (!init || pthread_mutex_init(&init->mutex, NULL) != 0) {
        eg_free(init);
        init = NULL;
        status = eg_fail(&err, EG_E_NOMEM, "no memory to begin reading");
    }
    if (status >= 0) {
        init->notes = call->notes;
        const struct eg_scan_part parts[] = {{.extract = eg_scan_extract(EG_TABLE_FLOWS)},
                                             {.extract = eg_scan_extract(EG_TABLE_PACKETS)}};
        status = eg_scan_call_open(call, parts, 2, &init->scan, &err);
    }
    if (status < 0) {
        eg_engine_blame(call->engine, &err);
        duckdb_init_set_error(info, err.message);
        init_free(init);
        return;
    }
    duckdb_init_set_init_data(info, init, init_free);
    duckdb_init_set_max_threads(info, eg_scan_call_threads(call->engine));
}

static void losses_local_init(duckdb_init_info info) {
    struct losses_local *local = eg_calloc(1, sizeof *local);
    if (local) duckdb_init_set_init_data(info, local, local_free);
    else duckdb_init_set_error(info, "no memory to begin reading");
}

static enum eg_status start(struct losses_local *local, struct losses_init *init,
                            struct eg_error *err) {
    local->init = init;
    local->started = true;
    atomic_fetch_add_explicit(&init->scan->refs, 1, memory_order_relaxed);
    local->scan = init->scan;
    pthread_mutex_lock(&init->mutex);
    init->active++;
    pthread_mutex_unlock(&init->mutex);
    uint32_t cols[EG_COLUMNS_MAX];
    uint32_t count = eg_table_get(EG_TABLE_LOSSES)->count;
    for (uint32_t i = 0; i < count; i++) cols[i] = i;
    EG_TRY(eg_chunk_init(&local->chunk, cols, count, EG_ADDRESS_TEXT, NULL, err));
    return eg_scan_worker_new(&local->worker, init->scan->scan, err);
}

/* Reads and drops rows until the scan has none left. */
static enum eg_status drain(struct losses_local *local, struct eg_error *err) {
    for (;;) {
        struct eg_batch *batch = NULL;
        enum eg_status status = eg_scan_next(local->worker, &batch, err);
        if (status < 0 || status == EG_END) return status;
        eg_batch_unref(batch);
    }
}

static enum eg_status make_rows(struct losses_local *local, struct eg_error *err) {
    const struct eg_tally *tally = eg_scan_tally(local->scan->scan);
    if (!tally->count) return EG_OK;
    struct eg_builder *rows = NULL;
    EG_TRY(eg_builder_new(&rows, eg_table_get(EG_TABLE_LOSSES), EG_TABLE_LOSSES, tally->count,
                          EG_COLUMNS_ALL, err));
    enum eg_status status = eg_tally_rows(tally, local->init->notes, rows, err);
    if (status >= 0) status = eg_builder_seal(rows, &local->batch, err);
    eg_builder_free(rows);
    return status < 0 ? status : EG_OK;
}

/* The last thread to come to the end, with the scan over, has the rows. */
static enum eg_status finish(struct losses_local *local, struct eg_error *err) {
    struct losses_init *init = local->init;
    local->done = true;
    pthread_mutex_lock(&init->mutex);
    init->active--;
    bool mine = init->active == 0 && !init->given && eg_scan_over(init->scan->scan);
    if (mine) init->given = true;
    pthread_mutex_unlock(&init->mutex);
    return mine ? make_rows(local, err) : EG_OK;
}

static void losses(duckdb_function_info info, duckdb_data_chunk output) {
    struct losses_init *init = duckdb_function_get_init_data(info);
    struct losses_local *local = duckdb_function_get_local_init_data(info);
    struct eg_error err = {.status = EG_OK};
    enum eg_status status = local->started ? EG_OK : start(local, init, &err);
    if (status >= 0 && !local->done) {
        status = drain(local, &err);
        if (status >= 0) status = finish(local, &err);
    }
    if (status >= 0) {
        eg_chunk_begin(&local->chunk, output);
        if (local->batch) {
            uint32_t left = local->batch->rows - local->at;
            uint32_t count = left < local->chunk.room ? left : local->chunk.room;
            eg_chunk_add(&local->chunk, local->batch, local->at, count);
            local->at += count;
        }
        if (local->chunk.failed) status = eg_fail(&err, EG_E_NOMEM, "no memory for losses");
    }
    if (status < 0) {
        eg_engine_blame(init->scan->engine, &err);
        duckdb_function_set_error(info, err.message);
        return;
    }
    eg_chunk_end(&local->chunk);
}

enum eg_status eg_register_losses(struct eg_engine *engine, struct eg_error *err) {
    duckdb_table_function function = duckdb_create_table_function();
    duckdb_table_function_set_name(function, "read_losses");
    duckdb_table_function_set_extra_info(function, engine, NULL);
    eg_scan_call_parameters(function);
    duckdb_table_function_set_bind(function, losses_bind);
    duckdb_table_function_set_init(function, losses_init);
    duckdb_table_function_set_local_init(function, losses_local_init);
    duckdb_table_function_set_function(function, losses);
    duckdb_state state = duckdb_register_table_function(engine->connection, function);
    duckdb_destroy_table_function(&function);
    if (state != DuckDBSuccess)
        return eg_fail(err, EG_E_ENGINE, "the SQL engine does not take the function read_losses");
    return EG_OK;
}
