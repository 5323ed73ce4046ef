/* SPDX-License-Identifier: Apache-2.0
 * Batches in memory as a table function, so that COPY can write them: earlgrey_batches(ticket). It
 * is not among the functions that a user's SQL may call (statement.c). */
#include "base/alloc.h"
#include "engine/inside.h"

void eg_batch_job_enlist(struct eg_engine *engine, struct eg_batch_job *job) {
    pthread_mutex_lock(&engine->mutex);
    job->ticket = engine->jobs ? engine->jobs->ticket + 1 : 1;
    job->next = engine->jobs;
    engine->jobs = job;
    pthread_mutex_unlock(&engine->mutex);
}

void eg_batch_job_strike(struct eg_engine *engine, struct eg_batch_job *job) {
    pthread_mutex_lock(&engine->mutex);
    struct eg_batch_job **at = &engine->jobs;
    while (*at && *at != job) at = &(*at)->next;
    if (*at) *at = job->next;
    pthread_mutex_unlock(&engine->mutex);
}

static struct eg_batch_job *find(struct eg_engine *engine, int64_t ticket) {
    pthread_mutex_lock(&engine->mutex);
    struct eg_batch_job *job = engine->jobs;
    while (job && job->ticket != ticket) job = job->next;
    pthread_mutex_unlock(&engine->mutex);
    return job;
}

struct batches_init {
    const struct eg_batch_job *job;
    struct eg_engine *engine;
    atomic_size_t next; /* the batch that nobody has taken yet */
    uint32_t cols[EG_COLUMNS_MAX];
    uint32_t col_count;
};

struct batches_local {
    const struct eg_batch *batch;
    uint32_t at;
    bool started;
    struct eg_chunk chunk;
};

static void local_free(void *given) {
    struct batches_local *local = given;
    if (!local) return;
    eg_chunk_reset(&local->chunk);
    eg_free(local);
}

static void batches_bind(duckdb_bind_info info) {
    struct eg_engine *engine = duckdb_bind_get_extra_info(info);
    duckdb_value value = duckdb_bind_get_parameter(info, 0);
    struct eg_batch_job *job = find(engine, duckdb_get_int64(value));
    duckdb_destroy_value(&value);
    if (!job) {
        duckdb_bind_set_error(info, "there are no such batches");
        return;
    }
    const struct eg_table *table = eg_table_get(job->table);
    idx_t total = 0;
    for (size_t i = 0; i < job->count; i++) total += job->batches[i]->rows;
    for (uint32_t i = 0; i < table->count; i++) {
        duckdb_logical_type type = eg_column_sql_type(&table->columns[i], EG_ADDRESS_TEXT);
        duckdb_bind_add_result_column(info, table->columns[i].name, type);
        duckdb_destroy_logical_type(&type);
    }
    duckdb_bind_set_cardinality(info, total, true);
    duckdb_bind_set_bind_data(info, job, NULL);
}

static void batches_init(duckdb_init_info info) {
    struct batches_init *init = eg_calloc(1, sizeof *init);
    if (!init) {
        duckdb_init_set_error(info, "no memory for the rows of a file");
        return;
    }
    init->job = duckdb_init_get_bind_data(info);
    init->engine = duckdb_init_get_extra_info(info);
    uint32_t count = eg_table_get(init->job->table)->count;
    init->col_count = (uint32_t)duckdb_init_get_column_count(info);
    EG_ASSERT(init->col_count <= EG_COLUMNS_MAX);
    for (uint32_t i = 0; i < init->col_count; i++) {
        idx_t col = duckdb_init_get_column_index(info, i);
        init->cols[i] = col < count ? (uint32_t)col : UINT32_MAX;
    }
    duckdb_init_set_init_data(info, init, eg_free);
    duckdb_init_set_max_threads(info, init->job->count ? init->job->count : 1);
}

static void batches_local_init(duckdb_init_info info) {
    struct batches_local *local = eg_calloc(1, sizeof *local);
    if (local) duckdb_init_set_init_data(info, local, local_free);
    else duckdb_init_set_error(info, "no memory for the rows of a file");
}

static void batches(duckdb_function_info info, duckdb_data_chunk output) {
    struct batches_init *init = duckdb_function_get_init_data(info);
    struct batches_local *local = duckdb_function_get_local_init_data(info);
    struct eg_error err;
    if (eg_env_cancelled(&init->engine->env)) {
        duckdb_function_set_error(info, "interrupted");
        return;
    }
    if (!local->started) {
        if (eg_chunk_init(&local->chunk, init->cols, init->col_count, EG_ADDRESS_TEXT, NULL, &err) <
            0) {
            duckdb_function_set_error(info, err.message);
            return;
        }
        local->started = true;
    }
    struct eg_chunk *chunk = &local->chunk;
    eg_chunk_begin(chunk, output);
    while (chunk->rows < chunk->room) {
        if (!local->batch) {
            size_t next = atomic_fetch_add(&init->next, 1);
            if (next >= init->job->count) break;
            local->batch = init->job->batches[next];
            local->at = 0;
        }
        uint32_t left = local->batch->rows - local->at, room = chunk->room - chunk->rows;
        uint32_t count = left < room ? left : room;
        eg_chunk_add(chunk, local->batch, local->at, count);
        local->at += count;
        if (local->at == local->batch->rows) local->batch = NULL;
    }
    if (chunk->failed) duckdb_function_set_error(info, "no memory for the rows of a file");
    else eg_chunk_end(chunk);
}

enum eg_status eg_register_batch_table(struct eg_engine *engine, struct eg_error *err) {
    duckdb_table_function function = duckdb_create_table_function();
    duckdb_logical_type ticket = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    duckdb_table_function_set_name(function, "earlgrey_batches");
    duckdb_table_function_add_parameter(function, ticket);
    duckdb_destroy_logical_type(&ticket);
    duckdb_table_function_set_extra_info(function, engine, NULL);
    duckdb_table_function_set_bind(function, batches_bind);
    duckdb_table_function_set_init(function, batches_init);
    duckdb_table_function_set_local_init(function, batches_local_init);
    duckdb_table_function_set_function(function, batches);
    duckdb_table_function_supports_projection_pushdown(function, true);
    duckdb_state state = duckdb_register_table_function(engine->connection, function);
    duckdb_destroy_table_function(&function);
    if (state != DuckDBSuccess)
        return eg_fail(err, EG_E_ENGINE, "the SQL engine does not take our batches");
    return EG_OK;
}
