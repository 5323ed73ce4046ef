/* SPDX-License-Identifier: Apache-2.0
 * Looking packets up: threads take the files first, then the row groups that are left of them; what they
 * find is put in order. */
#include "query/packet_lookup.h"

#include "base/alloc.h"
#include "engine/parquet_lookup.h"
#include "query/frame_rows.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLACES_MAX (1u << 18) /* for more the engine is as fast, and it can spill */
#define ASKED_MAX (1u << 18)  /* rows of which the filter is asked: the engine does that faster */
#define LOOKED_MAX (1u << 21) /* rows of the row groups of a time */
#define THREADS_MAX 16
#define PLACE_COLUMNS                                                                              \
    (EG_SET(PACKETS, time) | EG_SET(PACKETS, time_ns) | EG_SET(PACKETS, file) |                    \
     EG_SET(PACKETS, offset) | EG_SET(PACKETS, captured) | EG_SET(PACKETS, interface))

struct asking {
    const struct eg_env *env;
    const struct eg_packets_request *request;
    const struct eg_predicate *predicate; /* NULL: none */
    struct eg_needs needs;
    struct eg_lookup lookup;
    struct eg_dataset_file *files;
    size_t file_count, group_count;
    struct eg_lookup_group **groups; /* of all workers */
    atomic_size_t next, found, asked;
    atomic_bool stop;
};

struct worker {
    struct asking *a;
    void (*task)(struct worker *, size_t);
    size_t task_count;
    pthread_t thread;
    bool running;
    struct eg_lookup_scratch scratch;
    struct eg_lookup_groups groups;
    struct eg_builder *rows;
    struct eg_batch **batches;
    size_t batch_count, batch_room;
    enum eg_status status;
    struct eg_error error;
};

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory to look packets up");
}

void eg_packet_places_reset(struct eg_packet_places *places) {
    for (size_t i = 0; i < places->batch_count; i++) eg_batch_unref(places->batches[i]);
    eg_free(places->batches);
    eg_free(places->order);
    *places = (struct eg_packet_places){0};
}

/* ---- the question ---- */

/* Rows of a batch for which the filter holds, from one end or, where that is asked, from the other. */
static uint32_t rows_select(void *from, const struct eg_batch *batch, uint32_t *rows) {
    struct asking *a = from;
    if (atomic_fetch_add(&a->asked, batch->rows) > ASKED_MAX) atomic_store(&a->stop, true);
    uint32_t count = a->predicate->select(a->predicate, batch, rows);
    if (!a->request->both) return count;
    struct eg_column columns[EG_COLUMNS_MAX];
    struct eg_batch other = eg_packets_other_end(batch, columns);
    uint32_t back[EG_BATCH_ROWS], merged[EG_BATCH_ROWS];
    uint32_t back_count = a->predicate->select(a->predicate, &other, back), made = 0;
    for (uint32_t i = 0, k = 0; i < count || k < back_count; made++) {
        uint32_t one = i < count ? rows[i] : UINT32_MAX,
                 two = k < back_count ? back[k] : UINT32_MAX;
        merged[made] = one < two ? one : two;
        i += one <= two;
        k += two <= one;
    }
    if (made) memcpy(rows, merged, made * sizeof *rows);
    return made;
}

static void need_exchanged(const struct eg_need *need, struct eg_need *out) {
    *out = *need;
    for (uint32_t k = 0; k < need->count; k++)
        out->keys[k].col = eg_packet_column_other_end(need->keys[k].col);
}

/* Whether each alternative names an address. */
static bool names_addresses(const struct asking *a) {
    for (uint32_t i = 0; i < a->needs.count; i++) {
        bool address = false;
        for (uint32_t k = 0; k < a->needs.any[i].count; k++)
            address |= a->needs.any[i].keys[k].type == EG_TYPE_ADDR;
        if (!address) return false;
    }
    return true;
}

/* EG_END: it is not for us. */
static enum eg_status question_make(struct asking *a) {
    const struct eg_packets_request *request = a->request;
    const struct eg_origin *origin = &request->origin;
    bool filtered = origin->filter && !eg_filter_is_all(origin->filter);
    if (!origin->dataset || origin->snapshot || request->condition || request->places ||
        (request->outermost && filtered))
        return EG_END;
    a->needs = (struct eg_needs){.count = 1};
    if (filtered) {
        a->predicate = eg_filter_predicate(origin->filter);
        eg_filter_needs(origin->filter, &a->needs);
    }
    bool timed = origin->from_us != INT64_MIN && origin->to_us != INT64_MAX;
    if (!timed && !names_addresses(a)) return EG_END;
    a->lookup = (struct eg_lookup){
        .table = eg_table_get(EG_TABLE_PACKETS),
        .table_id = EG_TABLE_PACKETS,
        .needs = &a->needs,
        .time = EG_COL(PACKETS, time),
        .from_us = origin->from_us,
        .to_us = origin->to_us,
        .select_from = a,
        .gives = PLACE_COLUMNS,
    };
    if (!filtered) return EG_OK;
    a->lookup.select = rows_select;
    a->lookup.asks = a->predicate->columns;
    if (!request->both) return EG_OK;
    uint32_t count = a->needs.count;
    for (uint32_t i = 0; i < count; i++) need_exchanged(&a->needs.any[i], &a->needs.any[count + i]);
    a->needs.count = 2 * count;
    for (uint32_t col = 0; col < a->lookup.table->count; col++)
        if (a->predicate->columns >> col & 1)
            a->lookup.asks |= UINT64_C(1) << eg_packet_column_other_end(col);
    return EG_OK;
}

/* ---- working ---- */

static void worker_fail(struct worker *w, enum eg_status status) {
    w->status = status;
    atomic_store(&w->a->stop, true);
}

static void *worker_run(void *given) {
    struct worker *w = given;
    while (!atomic_load(&w->a->stop)) {
        size_t task = atomic_fetch_add(&w->a->next, 1);
        if (task >= w->task_count) break;
        if (eg_env_cancelled(w->a->env))
            worker_fail(w, eg_fail(&w->error, EG_E_CANCELLED, "interrupted"));
        else
            w->task(w, task);
    }
    return NULL;
}

/* Does all the tasks, with as many of the workers as may run. */
static enum eg_status workers_run(struct worker *workers, uint32_t count, size_t tasks,
                                  void (*task)(struct worker *, size_t), struct eg_error *err) {
    struct asking *a = workers[0].a;
    atomic_store(&a->next, 0);
    for (uint32_t i = 0; i < count; i++) {
        workers[i].task = task;
        workers[i].task_count = tasks;
        workers[i].running = i > 0 && i < tasks &&
                             pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]) == 0;
    }
    worker_run(&workers[0]);
    enum eg_status status = EG_OK;
    for (uint32_t i = 0; i < count; i++) {
        if (workers[i].running) pthread_join(workers[i].thread, NULL);
        if (workers[i].status == EG_OK || status < 0) continue;
        status = workers[i].status;
        if (err) *err = workers[i].error;
    }
    return status;
}

static void file_task(struct worker *w, size_t task) {
    enum eg_status status =
        eg_lookup_file(&w->a->lookup, &w->scratch, w->a->files[task].path, &w->groups, &w->error);
    if (status < 0) worker_fail(w, status);
}

/* ---- what is found ---- */

/* Keeps what a worker has built; EG_END: there is more than is for us. */
static enum eg_status rows_keep(void *to, struct eg_error *err) {
    struct worker *w = to;
    struct eg_batch *batch;
    enum eg_status status = eg_builder_seal(w->rows, &batch, err);
    if (status != EG_OK) return status < 0 ? status : EG_OK;
    if (w->batch_count == w->batch_room) {
        size_t room = w->batch_room ? w->batch_room * 2 : 16;
        struct eg_batch **batches = eg_realloc(w->batches, room, sizeof *batches);
        if (!batches) {
            eg_batch_unref(batch);
            return no_memory(err);
        }
        w->batches = batches;
        w->batch_room = room;
    }
    w->batches[w->batch_count++] = batch;
    size_t found = atomic_fetch_add(&w->a->found, batch->rows) + batch->rows;
    return found > PLACES_MAX ? EG_END : EG_OK;
}

static void group_task(struct worker *w, size_t task) {
    struct eg_lookup_output out = {NULL, rows_keep, w};
    enum eg_status status = EG_OK;
    if (!w->rows)
        status = eg_builder_new(&w->rows, w->a->lookup.table, EG_TABLE_PACKETS, EG_BATCH_ROWS,
                                PLACE_COLUMNS, &w->error);
    out.rows = w->rows;
    if (status >= 0)
        status =
            eg_lookup_group_rows(&w->a->lookup, &w->scratch, w->a->groups[task], &out, &w->error);
    if (status != EG_OK) worker_fail(w, status);
}

static enum eg_status groups_gather(struct asking *a, struct worker *workers, uint32_t count,
                                    struct eg_error *err) {
    for (uint32_t i = 0; i < count; i++) a->group_count += workers[i].groups.count;
    if (!a->group_count) return EG_OK;
    a->groups = eg_calloc(a->group_count, sizeof *a->groups);
    if (!a->groups) return no_memory(err);
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++)
        for (size_t k = 0; k < workers[i].groups.count; k++)
            a->groups[at++] = &workers[i].groups.all[k];
    return EG_OK;
}

static uint64_t rows_of(const struct asking *a) {
    uint64_t rows = 0;
    for (size_t i = 0; i < a->group_count; i++) rows += a->groups[i]->rows;
    return rows;
}

/* ---- order ---- */

/* null is behind all numbers */
static int number_order(const struct eg_batch *a, uint32_t i, const struct eg_batch *b, uint32_t k,
                        uint32_t col) {
    bool x = eg_batch_valid(a, col, i), y = eg_batch_valid(b, col, k);
    if (!x || !y) return y - x;
    int64_t one = eg_col_int(&a->columns[col], i), two = eg_col_int(&b->columns[col], k);
    return (one > two) - (one < two);
}

static int text_order(const struct eg_batch *a, uint32_t i, const struct eg_batch *b, uint32_t k,
                      uint32_t col) {
    bool x = eg_batch_valid(a, col, i), y = eg_batch_valid(b, col, k);
    if (!x || !y) return y - x;
    return eg_span_order(eg_col_text(&a->columns[col], i), eg_col_text(&b->columns[col], k));
}

static int place_order(const void *x, const void *y, void *from) {
    const struct eg_packet_places *places = from;
    const struct eg_packet_place *one = x, *two = y;
    const struct eg_batch *a = places->batches[one->batch], *b = places->batches[two->batch];
    int order = number_order(a, one->row, b, two->row, EG_COL(PACKETS, time));
    if (!order) order = number_order(a, one->row, b, two->row, EG_COL(PACKETS, time_ns));
    if (!order) order = text_order(a, one->row, b, two->row, EG_COL(PACKETS, file));
    if (!order) order = number_order(a, one->row, b, two->row, EG_COL(PACKETS, offset));
    if (!order) order = number_order(a, one->row, b, two->row, EG_COL(PACKETS, captured));
    if (!order) order = text_order(a, one->row, b, two->row, EG_COL(PACKETS, interface));
    return order;
}

/* As UNION does: rows that cannot be told from each other are one. */
static void same_drop(struct eg_packet_places *places) {
    size_t kept = places->count ? 1 : 0;
    for (size_t i = 1; i < places->count; i++)
        if (place_order(&places->order[kept - 1], &places->order[i], places) != 0)
            places->order[kept++] = places->order[i];
    places->count = kept;
}

static enum eg_status places_make(const struct asking *a, struct worker *workers, uint32_t count,
                                  struct eg_packet_places *out, struct eg_error *err) {
    size_t batches = 0, rows = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (workers[i].rows && workers[i].rows->rows) EG_TRY(rows_keep(&workers[i], err));
        batches += workers[i].batch_count;
        for (size_t k = 0; k < workers[i].batch_count; k++) rows += workers[i].batches[k]->rows;
    }
    if (rows > PLACES_MAX) return EG_END;
    out->batches = eg_calloc(batches + 1, sizeof(struct eg_batch *));
    out->order = eg_calloc(rows + 1, sizeof *out->order);
    if (!out->batches || !out->order) return no_memory(err);
    for (uint32_t i = 0; i < count; i++)
        for (size_t k = 0; k < workers[i].batch_count; k++) {
            struct eg_batch *batch = eg_batch_ref(workers[i].batches[k]);
            for (uint32_t row = 0; row < batch->rows; row++)
                out->order[out->count++] =
                    (struct eg_packet_place){(uint32_t)out->batch_count, row};
            out->batches[out->batch_count++] = batch;
        }
    qsort_r(out->order, out->count, sizeof *out->order, place_order, out);
    const struct eg_packets_request *request = a->request;
    if (request->both && a->predicate) same_drop(out);
    if (request->limit > 0 && out->count > (uint64_t)request->limit)
        out->count = (size_t)request->limit;
    return EG_OK;
}

/* ---- all of it ---- */

static void worker_reset(struct worker *w) {
    eg_lookup_scratch_reset(&w->scratch);
    eg_lookup_groups_reset(&w->groups);
    eg_builder_free(w->rows);
    for (size_t i = 0; i < w->batch_count; i++) eg_batch_unref(w->batches[i]);
    eg_free(w->batches);
}

static enum eg_status files_look(struct asking *a, struct worker *workers, uint32_t count,
                                 struct eg_packet_places *out, struct eg_error *err) {
    const struct eg_origin *origin = &a->request->origin;
    EG_TRY(eg_dataset_files(origin->dataset, EG_TABLE_PACKETS, origin->from_us, origin->to_us,
                            &a->files, &a->file_count, err));
    EG_TRY(workers_run(workers, count, a->file_count, file_task, err));
    EG_TRY(groups_gather(a, workers, count, err));
    if (!names_addresses(a) && rows_of(a) > LOOKED_MAX) return EG_END;
    enum eg_status status = workers_run(workers, count, a->group_count, group_task, err);
    if (status == EG_OK && atomic_load(&a->asked) > ASKED_MAX) return EG_END;
    return status == EG_OK ? places_make(a, workers, count, out, err) : status;
}

static uint32_t threads_of(uint32_t threads) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (!threads) threads = cores > 0 ? (uint32_t)cores : 1;
    return threads < THREADS_MAX ? threads : THREADS_MAX;
}

enum eg_status eg_packet_lookup(const struct eg_env *env, const struct eg_packets_request *request,
                                uint32_t threads, struct eg_packet_places *out,
                                struct eg_error *err) {
    struct asking a = {.env = env, .request = request};
    uint32_t count = threads_of(threads);
    *out = (struct eg_packet_places){0};
    if (question_make(&a) != EG_OK) return EG_END;
    struct worker *workers = eg_calloc(count, sizeof *workers);
    if (!workers) return no_memory(err);
    for (uint32_t i = 0; i < count; i++) workers[i].a = &a;
    enum eg_status status = files_look(&a, workers, count, out, err);
    for (uint32_t i = 0; i < count; i++) worker_reset(&workers[i]);
    eg_free(workers);
    eg_free(a.groups);
    eg_dataset_files_free(a.files, a.file_count);
    if (status != EG_OK) eg_packet_places_reset(out);
    if (status < 0 && status != EG_E_NOMEM && status != EG_E_CANCELLED) return EG_END;
    return status;
}
