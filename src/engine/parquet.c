/* SPDX-License-Identifier: Apache-2.0
 * Finished Parquet files: of batches in memory, several at once, and of a query's rows. A file is
 * complete and fsynced, or removed; the caller gives it its final name. */
#include "base/alloc.h"
#include "base/durable.h"
#include "engine/inside.h"
#include "engine/parquet_crew.h"

#include <sys/stat.h>
#include <unistd.h>

struct eg_parquet_setup eg_parquet_setup_for(enum eg_table_id table) {
    struct eg_parquet_setup setup = {.table = eg_table_get(table)};
    if (table == EG_TABLE_FLOWS) setup.blooms = EG_SET(FLOWS, src_ip) | EG_SET(FLOWS, dst_ip);
    if (table == EG_TABLE_PACKETS) setup.blooms = EG_SET(PACKETS, src_ip) | EG_SET(PACKETS, dst_ip);
    return setup;
}

static enum eg_status order_make(struct eg_parquet_order *order, const struct eg_parquet_job *job,
                                 struct eg_error *err) {
    struct eg_parquet_setup setup = eg_parquet_setup_for(job->table);
    order->finish = true;
    order->note = job->note ? job->note : "";
    if (job->early) {
        order->file = job->early;
        EG_TRY(eg_parquet_file_place(order->file, job->path, err));
    } else {
        EG_TRY(eg_parquet_file_new(&order->file, job->path, &setup, err));
    }
    return eg_parquet_file_plan(order->file, job->batches, job->batch_count, err);
}

enum eg_status eg_parquet_write(struct eg_parquet_crew *crew, struct eg_parquet_job *jobs,
                                size_t count, struct eg_error *err) {
    if (!count) return EG_OK;
    struct eg_parquet_order *orders = eg_calloc(count, sizeof *orders);
    if (!orders) return eg_fail(err, EG_E_NOMEM, "no memory to write %zu files", count);
    enum eg_status status = EG_OK;
    for (size_t i = 0; i < count && status >= 0; i++)
        status = order_make(&orders[i], &jobs[i], err);
    if (status >= 0) status = eg_parquet_crew_run(crew, orders, count, err);
    for (size_t i = 0; i < count; i++) {
        jobs[i].stats = orders[i].stats;
        if (status < 0) eg_parquet_file_undo(orders[i].file);
        if (!jobs[i].early)
            eg_parquet_file_free(orders[i].file);
        else if (orders[i].file)
            eg_parquet_file_rewind(orders[i].file);
    }
    eg_free(orders);
    return status;
}

enum eg_status eg_parquet_encode_early(struct eg_parquet_crew *crew, struct eg_parquet_job *job,
                                       struct eg_error *err) {
    struct eg_parquet_setup setup = eg_parquet_setup_for(job->table);
    if (!job->early) EG_TRY(eg_parquet_file_new(&job->early, NULL, &setup, err));
    struct eg_parquet_order order = {.file = job->early};
    enum eg_status status = eg_parquet_file_plan(job->early, job->batches, job->batch_count, err);
    if (status >= 0) status = eg_parquet_crew_run(crew, &order, 1, err);
    if (status >= 0) eg_parquet_file_store(job->early);
    eg_parquet_file_rewind(job->early);
    return status;
}

void eg_parquet_early_free(struct eg_parquet_file *early) { eg_parquet_file_free(early); }

/* Rows of a query gathered until they make a row group. */
struct gathered {
    struct eg_batch **batches;
    size_t count, room;
    uint64_t rows, bytes;
};

static void gathered_clear(struct gathered *g) {
    for (size_t i = 0; i < g->count; i++) eg_batch_unref(g->batches[i]);
    g->count = 0;
    g->rows = g->bytes = 0;
}

static enum eg_status gather(struct gathered *g, struct eg_batch *batch, struct eg_error *err) {
    if (g->count == g->room) {
        size_t room = g->room ? g->room * 2 : 64;
        struct eg_batch **batches = eg_realloc(g->batches, room, sizeof(struct eg_batch *));
        if (!batches) {
            eg_batch_unref(batch);
            return eg_fail(err, EG_E_NOMEM, "no memory for the rows of a file");
        }
        g->batches = batches;
        g->room = room;
    }
    g->batches[g->count++] = batch;
    g->rows += batch->rows;
    g->bytes += eg_batch_bytes(batch);
    return EG_OK;
}

static enum eg_status write_gathered(struct eg_parquet_crew *crew, struct eg_parquet_file *file,
                                     struct gathered *g, struct eg_error *err) {
    struct eg_parquet_order order = {.file = file};
    enum eg_status status = eg_parquet_file_plan(file, g->batches, g->count, err);
    if (status >= 0) status = eg_parquet_crew_run(crew, &order, 1, err);
    gathered_clear(g);
    return status;
}

static enum eg_status copy_rows(struct eg_parquet_crew *crew, struct eg_result *result,
                                struct eg_parquet_file *file, struct eg_error *err) {
    struct gathered g = {0};
    enum eg_status status = EG_OK;
    while (status == EG_OK) {
        struct eg_batch *batch = NULL;
        status = eg_result_next(result, &batch, err);
        if (status == EG_OK) status = gather(&g, batch, err);
        bool full = g.rows >= EG_PARQUET_GROUP_ROWS || g.bytes > (UINT64_C(256) << 20);
        if (status < 0 || !(full || status == EG_END)) continue;
        enum eg_status written = write_gathered(crew, file, &g, err);
        if (written < 0) status = written;
    }
    gathered_clear(&g);
    eg_free(g.batches);
    return status < 0 ? status : EG_OK;
}

/* A device or a pipe is written as it is; a file only takes its name when it is complete. */
static bool needs_own_name(const char *path) {
    struct stat st;
    return stat(path, &st) != 0 || S_ISREG(st.st_mode);
}

static enum eg_status copy_to(struct eg_engine *engine, struct eg_result *result, const char *path,
                              struct eg_error *err) {
    struct eg_parquet_setup setup = {.table = eg_result_table(result)};
    struct eg_parquet_crew *crew = NULL;
    struct eg_parquet_file *file = NULL;
    EG_TRY(eg_parquet_crew_new(&crew, &engine->env, engine->threads, err));
    enum eg_status status = eg_parquet_file_new(&file, path, &setup, err);
    if (status >= 0) status = eg_parquet_file_make(file, err);
    if (status >= 0) status = copy_rows(crew, result, file, err);
    if (status >= 0) status = eg_parquet_file_finish(file, NULL, NULL, err);
    eg_parquet_file_free(file);
    eg_parquet_crew_free(crew);
    return status;
}

enum eg_status eg_parquet_copy(struct eg_engine *engine, const char *sql, const char *path,
                               struct eg_error *err) {
    struct eg_result *result = NULL;
    EG_TRY(eg_engine_query(engine, sql, &result, err));
    struct eg_strbuf name = {0};
    bool renamed = needs_own_name(path);
    eg_strbuf_printf(&name, "%s%s", path, renamed ? ".tmp" : "");
    enum eg_status status = name.failed ? eg_fail(err, EG_E_NOMEM, "no memory to write %s", path)
                                        : copy_to(engine, result, name.text, err);
    if (status >= 0 && renamed) {
        status = eg_file_rename(name.text, path, err);
        if (status < 0) (void)unlink(name.text);
    }
    eg_strbuf_reset(&name);
    eg_result_free(result);
    return status;
}
