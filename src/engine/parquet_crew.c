/* SPDX-License-Identifier: Apache-2.0
 * A crew of encoding threads: the tasks of all files stand in one line, in the order of the files,
 * and each thread takes the next. Who finds a file whole finishes it. */
#include "engine/parquet_crew.h"

#include "base/alloc.h"

#include <pthread.h>
#include <unistd.h>

struct eg_parquet_crew {
    const struct eg_env *env;
    uint32_t threads;
    struct eg_parquet_scratch *scratch; /* one a thread, kept from run to run */
};

enum eg_status eg_parquet_crew_new(struct eg_parquet_crew **out, const struct eg_env *env,
                                   uint32_t threads, struct eg_error *err) {
    long cores = threads ? (long)threads : sysconf(_SC_NPROCESSORS_ONLN);
    struct eg_parquet_crew *crew = eg_calloc(1, sizeof *crew);
    if (!crew) return eg_fail(err, EG_E_NOMEM, "no memory for the Parquet encoder");
    crew->env = env;
    crew->threads = cores > 0 ? (uint32_t)cores : 1;
    crew->scratch = eg_calloc(crew->threads, sizeof *crew->scratch);
    if (!crew->scratch) {
        eg_free(crew);
        return eg_fail(err, EG_E_NOMEM, "no memory for the Parquet encoder");
    }
    *out = crew;
    return EG_OK;
}

void eg_parquet_crew_free(struct eg_parquet_crew *crew) {
    if (!crew) return;
    for (uint32_t i = 0; i < crew->threads; i++) eg_parquet_scratch_reset(&crew->scratch[i]);
    eg_free(crew->scratch);
    eg_free(crew);
}

/* ---- a run ---- */

struct run {
    struct eg_parquet_crew *crew;
    struct eg_parquet_order *orders;
    size_t count;
    atomic_size_t next; /* task */
    atomic_bool failed;
    pthread_mutex_t lock;
    enum eg_status status; /* the first failure */
    struct eg_error err;
};

static void run_fail(struct run *run, enum eg_status status, const struct eg_error *err) {
    pthread_mutex_lock(&run->lock);
    if (run->status >= 0) {
        run->status = status;
        run->err = *err;
    }
    pthread_mutex_unlock(&run->lock);
    atomic_store(&run->failed, true);
}

static enum eg_status finish(struct eg_parquet_order *order, struct eg_error *err) {
    return eg_parquet_file_finish(order->file, order->note, &order->stats, err);
}

static enum eg_status task_do(struct eg_parquet_order *order, size_t task,
                              struct eg_parquet_scratch *scratch, struct eg_error *err) {
    bool last;
    EG_TRY(eg_parquet_file_encode(order->file, task, scratch, err));
    EG_TRY(eg_parquet_file_settle(order->file, &last, err));
    return last && order->finish ? finish(order, err) : EG_OK;
}

static void tasks_do(struct run *run, struct eg_parquet_scratch *scratch) {
    for (size_t at = 0;;) {
        size_t task = atomic_fetch_add(&run->next, 1);
        while (at < run->count && task >= run->orders[at].end) at++;
        if (at == run->count || atomic_load(&run->failed)) return;
        struct eg_parquet_order *order = &run->orders[at];
        struct eg_error err = {0};
        enum eg_status status;
        if (eg_env_cancelled(run->crew->env)) {
            status = eg_fail(&err, EG_E_CANCELLED, "interrupted");
        } else {
            size_t before = order->end - eg_parquet_file_tasks(order->file);
            status = task_do(order, task - before, scratch, &err);
        }
        if (status < 0) run_fail(run, status, &err);
    }
}

struct member {
    struct run *run;
    struct eg_parquet_scratch *scratch;
    pthread_t thread;
    bool running;
};

static void *member_run(void *given) {
    struct member *member = given;
    tasks_do(member->run, member->scratch);
    return NULL;
}

/* All tasks, by this thread and as many others of the crew as may be had. */
static void run_tasks(struct run *run, size_t tasks) {
    uint32_t others = run->crew->threads - 1;
    if (others >= tasks) others = tasks ? (uint32_t)tasks - 1 : 0;
    struct member *members = others ? eg_calloc(others, sizeof *members) : NULL;
    for (uint32_t i = 0; members && i < others; i++) {
        members[i].run = run;
        members[i].scratch = &run->crew->scratch[i + 1];
        members[i].running = pthread_create(&members[i].thread, NULL, member_run, &members[i]) == 0;
        if (members[i].running) pthread_setname_np(members[i].thread, "eg-parquet");
    }
    tasks_do(run, &run->crew->scratch[0]);
    for (uint32_t i = 0; members && i < others; i++)
        if (members[i].running) pthread_join(members[i].thread, NULL);
    eg_free(members);
}

enum eg_status eg_parquet_crew_run(struct eg_parquet_crew *crew, struct eg_parquet_order *orders,
                                   size_t count, struct eg_error *err) {
    struct run run = {.crew = crew, .orders = orders, .count = count};
    size_t tasks = 0;
    for (size_t i = 0; i < count; i++) {
        orders[i].end = tasks += eg_parquet_file_tasks(orders[i].file);
        /* a file without rows has no task that would finish it */
        if (orders[i].finish && !eg_parquet_file_tasks(orders[i].file))
            EG_TRY(finish(&orders[i], err));
    }
    pthread_mutex_init(&run.lock, NULL);
    run_tasks(&run, tasks);
    pthread_mutex_destroy(&run.lock);
    if (run.status < 0) {
        if (err) *err = run.err;
        return run.status;
    }
    for (size_t i = 0; i < count; i++) EG_ASSERT(eg_parquet_file_written(orders[i].file));
    return EG_OK;
}
