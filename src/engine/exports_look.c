/* SPDX-License-Identifier: Apache-2.0
 * A first look at a capture: does it hold flow exports? One without any is read to its end for that,
 * so all cores take part. */
#include "engine/exports_look.h"

#include <pthread.h>
#include <unistd.h>

#define THREADS_MAX 64

/* What the threads share. */
struct looking {
    const struct eg_env *env;
    struct eg_scan *scan;
    atomic_bool over; /* an export was found, or there was an error */
    pthread_mutex_t lock;
    enum eg_status status; /* (lock) of the first error */
    struct eg_error error;
};

static void looking_ends(struct looking *l, enum eg_status status, const struct eg_error *err) {
    pthread_mutex_lock(&l->lock);
    bool first = !atomic_exchange(&l->over, true);
    if (first && status < 0) {
        l->status = status;
        l->error = *err;
    }
    pthread_mutex_unlock(&l->lock);
    if (first) eg_scan_stop(l->scan, err); /* the others look no further */
}

static enum eg_status worker_look(struct looking *l, struct eg_scan_worker *worker,
                                  struct eg_error *err) {
    for (;;) {
        struct eg_batch *batch = NULL;
        enum eg_status status = eg_scan_next(worker, &batch, err);
        eg_batch_unref(batch);
        if (status != EG_OK) return status;
        if (eg_scan_progress(l->scan).datagrams) return EG_OK;
        if (eg_env_cancelled(l->env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
    }
}

static void *worker_run(void *given) {
    struct looking *l = given;
    struct eg_scan_worker *worker;
    struct eg_error err = {0};
    enum eg_status status = eg_scan_worker_new(&worker, l->scan, &err);
    if (status >= 0) {
        status = worker_look(l, worker, &err);
        eg_scan_worker_free(worker);
    }
    if (status != EG_END) looking_ends(l, status, &err);
    return NULL;
}

static void workers_run(struct looking *l, uint32_t count) {
    pthread_t threads[THREADS_MAX];
    uint32_t started = 0;
    while (started + 1 < count && pthread_create(&threads[started], NULL, worker_run, l) == 0)
        started++;
    worker_run(l);
    for (uint32_t i = 0; i < started; i++) pthread_join(threads[i], NULL);
}

static uint32_t cores(void) {
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : (uint32_t)count;
}

enum eg_status eg_exports_look(const struct eg_env *env, const char *path, const uint16_t *ports,
                               uint32_t port_count, struct eg_exports_look *out,
                               struct eg_error *err) {
    const struct eg_stage *source = eg_registry_find(EG_STAGE_source, "file");
    const struct eg_stage *exports = eg_registry_find(EG_STAGE_extract, "exports");
    EG_ASSERT(source && source->type && exports && exports->type);
    struct eg_scan_request request = {
        .source = source->type,
        .inputs = &path,
        .input_count = 1,
        .parts = {{.extract = exports->type}},
        .part_count = 1,
        .netflow_ports = ports,
        .netflow_port_count = port_count,
        .keep_going = true,
    };
    struct looking l = {.env = env, .lock = PTHREAD_MUTEX_INITIALIZER, .status = EG_OK};
    *out = (struct eg_exports_look){.found = false};
    EG_TRY(eg_scan_open(&l.scan, env, &request, err));
    workers_run(&l, cores());
    out->found = eg_scan_progress(l.scan).datagrams > 0;
    out->frames = eg_scan_progress(l.scan).frames;
    eg_scan_free(l.scan);
    if (l.status < 0 && err) *err = l.error;
    return l.status;
}
