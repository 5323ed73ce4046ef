/* SPDX-License-Identifier: Apache-2.0
 * What the scans inside a query have seen, kept until the next query: progress, losses, remarks. */
#include "base/alloc.h"
#include "engine/inside.h"
#include "wire/book.h"

#include <string.h>

void eg_engine_scan_unref(struct eg_engine_scan *scan) {
    if (!scan || atomic_fetch_sub_explicit(&scan->refs, 1, memory_order_acq_rel) != 1) return;
    eg_scan_free(scan->scan);
    eg_book_free(scan->book);
    eg_owner_unref(scan->call);
    eg_free(scan);
}

void eg_engine_scan_enlist(struct eg_engine *engine, struct eg_engine_scan *scan) {
    atomic_fetch_add_explicit(&scan->refs, 1, memory_order_relaxed);
    pthread_mutex_lock(&engine->mutex);
    struct eg_engine_scan **last = &engine->scans;
    while (*last) last = &(*last)->next;
    *last = scan;
    pthread_mutex_unlock(&engine->mutex);
}

static void troubles_reset(struct eg_engine *engine) {
    for (size_t i = 0; i < engine->trouble_count; i++) {
        eg_free(engine->troubles[i].input);
        eg_free(engine->troubles[i].message);
    }
    eg_free(engine->troubles);
    engine->troubles = NULL;
    engine->trouble_count = 0;
}

void eg_engine_forget(struct eg_engine *engine) {
    if (engine->mutex_made) pthread_mutex_lock(&engine->mutex);
    struct eg_engine_scan *scan = engine->scans;
    engine->scans = NULL;
    engine->fault = (struct eg_error){.status = EG_OK};
    if (engine->mutex_made) pthread_mutex_unlock(&engine->mutex);
    while (scan) {
        struct eg_engine_scan *next = scan->next;
        eg_engine_scan_unref(scan);
        scan = next;
    }
    eg_tally_reset(&engine->tally);
    troubles_reset(engine);
}

struct eg_scan_progress eg_engine_progress(struct eg_engine *engine) {
    struct eg_scan_progress sum = {0};
    bool unknown = false;
    pthread_mutex_lock(&engine->mutex);
    for (struct eg_engine_scan *scan = engine->scans; scan; scan = scan->next) {
        struct eg_scan_progress one = eg_scan_progress(scan->scan);
        sum.bytes_done += one.bytes_done;
        sum.bytes_total += one.bytes_total;
        if (!one.bytes_total) unknown = true;
        sum.frames += one.frames;
        sum.datagrams += one.datagrams;
        for (size_t i = 0; i < EG_TABLE_COUNT; i++) sum.rows[i] += one.rows[i];
    }
    pthread_mutex_unlock(&engine->mutex);
    if (unknown) sum.bytes_total = 0;
    return sum;
}

const struct eg_tally *eg_engine_tally(struct eg_engine *engine) {
    eg_tally_reset(&engine->tally);
    pthread_mutex_lock(&engine->mutex);
    for (struct eg_engine_scan *scan = engine->scans; scan; scan = scan->next)
        eg_tally_merge(&engine->tally, eg_scan_tally(scan->scan));
    pthread_mutex_unlock(&engine->mutex);
    return &engine->tally;
}

/* A scan without memory for its remark drops the remark, not the answer. */
static void add_trouble(struct eg_engine *engine, const struct eg_trouble *from) {
    struct eg_trouble copy = *from;
    copy.input = from->input ? eg_strdup(from->input) : NULL;
    copy.message = from->message ? eg_strdup(from->message) : NULL;
    struct eg_trouble *grown =
        eg_realloc(engine->troubles, engine->trouble_count + 1, sizeof *grown);
    if (grown) engine->troubles = grown;
    if (!grown || (from->input && !copy.input)) {
        eg_free(copy.input);
        eg_free(copy.message);
        return;
    }
    engine->troubles[engine->trouble_count++] = copy;
}

const struct eg_trouble *eg_engine_troubles(struct eg_engine *engine, size_t *count) {
    troubles_reset(engine);
    pthread_mutex_lock(&engine->mutex);
    for (struct eg_engine_scan *scan = engine->scans; scan; scan = scan->next) {
        size_t found = 0;
        const struct eg_trouble *troubles = eg_scan_troubles(scan->scan, &found);
        for (size_t i = 0; i < found; i++) add_trouble(engine, &troubles[i]);
    }
    pthread_mutex_unlock(&engine->mutex);
    *count = engine->trouble_count;
    return engine->troubles;
}
