/* SPDX-License-Identifier: Apache-2.0
 * The progress line. */
#include "cli/progress.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct eg_progress {
    struct eg_engine *engine;
    pthread_t thread;
    bool threaded, json, drawn;
    atomic_bool over;
    double started, last;
};

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool wanted(const struct eg_call *call, bool *json) {
    const char *when = call->common->progress;
    *json = strcmp(when, "json") == 0;
    if (call->common->quiet || strcmp(when, "never") == 0) return false;
    return *json || strcmp(when, "always") == 0 || isatty(STDERR_FILENO);
}

static void draw_json(const struct eg_scan_progress *seen, double elapsed) {
    fprintf(stderr,
            "{\"bytes\":%llu,\"bytes_total\":%llu,\"frames\":%llu,\"flows\":%llu,"
            "\"packets\":%llu,\"seconds\":%.1f}\n",
            (unsigned long long)seen->bytes_done, (unsigned long long)seen->bytes_total,
            (unsigned long long)seen->frames, (unsigned long long)seen->rows[EG_TABLE_FLOWS],
            (unsigned long long)seen->rows[EG_TABLE_PACKETS], elapsed);
}

static void draw_line(const struct eg_scan_progress *seen, double elapsed) {
    char left[64] = "";
    double rate = (double)seen->bytes_done / elapsed;
    if (seen->bytes_total > seen->bytes_done && rate > 0)
        snprintf(left, sizeof left, " of %.0f MB, %.0f s left", (double)seen->bytes_total / 1e6,
                 (double)(seen->bytes_total - seen->bytes_done) / rate);
    fprintf(stderr, "\r\033[K%.0f MB%s, %.0f MB/s, %.2f M packets, %.2f M flows",
            (double)seen->bytes_done / 1e6, left, rate / 1e6, (double)seen->frames / 1e6,
            (double)seen->rows[EG_TABLE_FLOWS] / 1e6);
    fflush(stderr);
}

void eg_progress_draw(void *to, const struct eg_scan_progress *seen) {
    struct eg_progress *p = to;
    if (!p) return;
    double now = seconds();
    if (now - p->started < 0.5 || now - p->last < 0.1) return;
    p->last = now;
    p->drawn = true;
    if (p->json)
        draw_json(seen, now - p->started);
    else
        draw_line(seen, now - p->started);
}

static void *watch(void *from) {
    struct eg_progress *p = from;
    while (!atomic_load(&p->over)) {
        struct timespec nap = {.tv_nsec = 50 * 1000 * 1000};
        nanosleep(&nap, NULL);
        struct eg_scan_progress seen = eg_engine_progress(p->engine);
        if (seen.bytes_done) eg_progress_draw(p, &seen);
    }
    return NULL;
}

struct eg_progress *eg_progress_manual(const struct eg_call *call) {
    bool json;
    if (!wanted(call, &json)) return NULL;
    struct eg_progress *p = eg_calloc(1, sizeof *p);
    if (!p) return NULL;
    p->json = json;
    p->started = seconds();
    return p;
}

struct eg_progress *eg_progress_start(const struct eg_call *call, struct eg_engine *engine) {
    struct eg_progress *p = eg_progress_manual(call);
    if (!p) return NULL;
    p->engine = engine;
    p->threaded = pthread_create(&p->thread, NULL, watch, p) == 0;
    return p;
}

void eg_progress_stop(struct eg_progress *p) {
    if (!p) return;
    atomic_store(&p->over, true);
    if (p->threaded) pthread_join(p->thread, NULL);
    if (p->drawn && !p->json) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    eg_free(p);
}
