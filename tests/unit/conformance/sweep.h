/* SPDX-License-Identifier: Apache-2.0
 * What the sweeps share: finding captures, putting them (and pieces of them) where a scan can read
 * them, and what a scan gave: rows as digests, counts, troubles. */
#ifndef EG_SWEEP_H
#define EG_SWEEP_H

#include "base/hash.h"
#include "make_capture.h"
#include "table/scan.h"
#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <fts.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SWEEP_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SWEEP_ASAN 1
#endif
#endif

#if defined(SWEEP_ASAN) || defined(__SANITIZE_THREAD__)
#define SWEEP_SLOW 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SWEEP_SLOW 1
#endif
#endif

#ifdef SWEEP_ASAN
/* A sweep frees megabytes thousands of times: a short quarantine keeps that in the caches. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "quarantine_size_mb=4"; }
int __lsan_do_recoverable_leak_check(void);
static inline bool sweep_leaks(void) { return __lsan_do_recoverable_leak_check() != 0; }
#else
static inline bool sweep_leaks(void) { return false; }
#endif

/* The test's own memory, which is there also while the library's is made to fail. */
void *__real_realloc(void *, size_t);
static inline void *sweep_grow(void *old, size_t count, size_t *room, size_t size) {
    if (count < *room) return old;
    *room = *room ? *room * 2 : 64;
    void *grown = __real_realloc(old, *room * size);
    if (!grown) abort();
    return grown;
}

/* ---- captures ---- */

struct sweep_capture {
    char *path; /* below its root */
    uint8_t *bytes;
    size_t size;
    bool ng;
};

struct sweep_captures {
    struct sweep_capture *items;
    size_t count, room;
};

static inline uint32_t sweep_u32(const uint8_t *at, bool big) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return big ? __builtin_bswap32(value) : value;
}

static inline bool sweep_is_ng(const uint8_t *bytes, size_t size) {
    return size >= 12 && sweep_u32(bytes, false) == 0x0a0d0d0a;
}

static inline bool sweep_is_pcap(const uint8_t *bytes, size_t size) {
    static const uint32_t magics[] = {0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34};
    for (size_t i = 0; size >= 24 && i < 3; i++)
        if (sweep_u32(bytes, false) == magics[i] || sweep_u32(bytes, true) == magics[i])
            return true;
    return false;
}

static inline bool sweep_load(const char *path, size_t size, struct sweep_capture *to) {
    *to = (struct sweep_capture){.size = size, .bytes = malloc(size + 1)};
    FILE *file = fopen(path, "rb");
    bool whole = file && to->bytes && fread(to->bytes, 1, size, file) == size;
    if (file) fclose(file);
    to->ng = whole && sweep_is_ng(to->bytes, size);
    if (whole && (to->ng || sweep_is_pcap(to->bytes, size))) return true;
    free(to->bytes);
    return false;
}

static inline int sweep_name_order(const FTSENT **a, const FTSENT **b) {
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Adds the captures (told by their content) of at most `size_max` bytes below a directory. */
static inline void sweep_find(struct sweep_captures *to, const char *root, const char *below,
                              size_t size_max) {
    char top[4096];
    snprintf(top, sizeof top, "%s/%s", root, below);
    char *tops[] = {top, NULL};
    FTS *walk = fts_open(tops, FTS_PHYSICAL | FTS_NOCHDIR, sweep_name_order);
    if (!walk) abort();
    for (FTSENT *entry; (entry = fts_read(walk));) {
        struct sweep_capture capture;
        if (entry->fts_info != FTS_F || (size_t)entry->fts_statp->st_size > size_max ||
            !sweep_load(entry->fts_path, (size_t)entry->fts_statp->st_size, &capture))
            continue;
        capture.path = strdup(entry->fts_path + strlen(root) + 1);
        to->items = sweep_grow(to->items, to->count, &to->room, sizeof *to->items);
        to->items[to->count++] = capture;
    }
    fts_close(walk);
}

/* The captures of the shared data; skips the test where they are not there. */
static inline struct sweep_captures sweep_shared(size_t size_max) {
    struct sweep_captures found = {0};
    char shared[512];
    snprintf(shared, sizeof shared, "%s/data",
             getenv("EG_SHARED") ? getenv("EG_SHARED") : "../shared");
    if (access(shared, R_OK) != 0) {
        const char *ci = getenv("CI");
        if (ci && strcmp(ci, "true") == 0) fail_msg("%s is missing", shared);
        print_message("the shared captures are not there: %s\n", shared);
        skip();
    }
    sweep_find(&found, shared, "flow-export", size_max);
    sweep_find(&found, shared, "packets", size_max);
    return found;
}

static inline void sweep_forget(struct sweep_captures *all) {
    for (size_t i = 0; i < all->count; i++) {
        free(all->items[i].path);
        free(all->items[i].bytes);
    }
    free(all->items);
    *all = (struct sweep_captures){0};
}

/* ---- a place to read from: one name, whatever is put there ---- */

struct sweep_place {
    int fd;
    char path[32];
};

static inline struct sweep_place sweep_place(void) {
    struct sweep_place place = {.fd = memfd_create("sweep", MFD_CLOEXEC)};
    if (place.fd < 0) abort();
    snprintf(place.path, sizeof place.path, "/proc/self/fd/%d", place.fd);
    return place;
}

static inline void sweep_put(const struct sweep_place *place, const void *bytes, size_t size) {
    if (ftruncate(place->fd, 0) != 0 || pwrite(place->fd, bytes, size, 0) != (ssize_t)size) abort();
}

/* Leaves the first `size` bytes of what is there. */
static inline void sweep_cut(const struct sweep_place *place, size_t size) {
    if (ftruncate(place->fd, (off_t)size) != 0) abort();
}

/* ---- reading ---- */

struct sweep_row {
    uint64_t digest;
    int64_t offset; /* of a packet; 0 else */
};

struct sweep_rows {
    struct sweep_row *items;
    size_t count, room;
};

struct sweep_how {
    uint32_t batch_rows, workers;
    uint64_t unit_bytes;
    bool turns; /* the workers take turns in one thread, the same way each time */
    bool place; /* ask for the position */
    bool fail;  /* the allocation behind fail_after others */
    long fail_after;
};

/* What a scan gave. To be zeroed once; the rows' memory is used again by the next reading. */
struct sweep_result {
    enum eg_status status; /* EG_OK: read to the end */
    struct eg_error err;
    enum eg_status trouble; /* of the input; EG_OK: none */
    size_t troubles;
    struct sweep_rows packets, flows;
    struct eg_tally tally;
    struct eg_scan_progress progress;
    uint64_t position; /* UINT64_MAX: none */
    bool failed;       /* an allocation was failed */
};

static inline void sweep_result_reset(struct sweep_result *r) {
    free(r->packets.items);
    free(r->flows.items);
    eg_tally_reset(&r->tally);
    *r = (struct sweep_result){0};
}

static inline uint64_t sweep_value_digest(const struct eg_column *column, uint32_t row,
                                          uint64_t seed) {
    switch (column->type) {
    case EG_TYPE_ADDR: return eg_hash64(&eg_col_addr(column)[row], 16, seed);
    case EG_TYPE_F64: return eg_hash64(&eg_col_f64(column)[row], 8, seed);
    case EG_TYPE_TEXT:
    case EG_TYPE_NAME:
    case EG_TYPE_BIN: {
        struct eg_span text = eg_col_text(column, row);
        return eg_hash64(text.at, text.size, seed);
    }
    default: {
        int64_t value = eg_col_int(column, row);
        return eg_hash64(&value, sizeof value, seed);
    }
    }
}

/* Of every value with its column; a null adds nothing. */
static inline uint64_t sweep_row_digest(const struct eg_batch *batch, uint32_t row) {
    uint64_t digest = 0;
    for (uint32_t col = 0; col < batch->table->count; col++)
        if (eg_batch_valid(batch, col, row))
            digest = sweep_value_digest(&batch->columns[col], row, digest * 31 + col + 1);
    return digest;
}

static inline void sweep_rows_add(struct sweep_rows *to, struct sweep_row row) {
    to->items = sweep_grow(to->items, to->count, &to->room, sizeof *to->items);
    to->items[to->count++] = row;
}

static inline void sweep_batch_add(struct sweep_rows *packets, struct sweep_rows *flows,
                                   const struct eg_batch *batch) {
    bool of_packets = batch->table_id == EG_TABLE_PACKETS;
    const uint32_t col = EG_COL(PACKETS, offset);
    for (uint32_t row = 0; row < batch->rows; row++) {
        struct sweep_row item = {sweep_row_digest(batch, row), 0};
        if (of_packets) item.offset = eg_col_int(&batch->columns[col], row);
        sweep_rows_add(of_packets ? packets : flows, item);
    }
}

struct sweep_thread {
    pthread_t thread;
    struct eg_scan_worker *worker;
    struct sweep_rows packets, flows;
    enum eg_status status;
    struct eg_error err;
};

static inline void *sweep_run(void *arg) {
    struct sweep_thread *t = arg;
    struct eg_batch *batch;
    while ((t->status = eg_scan_next(t->worker, &batch, &t->err)) == EG_OK) {
        sweep_batch_add(&t->packets, &t->flows, batch);
        eg_batch_unref(batch);
    }
    return NULL;
}

/* One worker, in this thread, into the rows of `to`. */
static inline void sweep_run_alone(struct eg_scan *scan, struct sweep_result *to) {
    struct sweep_thread t = {.packets = to->packets, .flows = to->flows};
    t.status = eg_scan_worker_new(&t.worker, scan, &t.err);
    if (t.worker) sweep_run(&t);
    eg_scan_worker_free(t.worker);
    to->packets = t.packets;
    to->flows = t.flows;
    to->status = t.status == EG_END ? EG_OK : t.status;
    to->err = t.err;
}

static inline void sweep_rows_move(struct sweep_rows *to, struct sweep_rows *from) {
    for (size_t i = 0; i < from->count; i++) sweep_rows_add(to, from->items[i]);
    free(from->items);
}

/* One call of one worker after the other: units are parked, taken over, and over in any order. */
static inline void sweep_run_turns(struct sweep_thread *threads, uint32_t workers) {
    uint64_t chance = 20261121;
    uint32_t left = 0;
    for (uint32_t i = 0; i < workers; i++) left += threads[i].worker != NULL;
    while (left) {
        struct sweep_thread *t = &threads[(made_random(&chance) >> 20) % workers];
        struct eg_batch *batch;
        if (!t->worker || t->status != EG_OK) continue;
        t->status = eg_scan_next(t->worker, &batch, &t->err);
        if (t->status != EG_OK) {
            left--;
            continue;
        }
        sweep_batch_add(&t->packets, &t->flows, batch);
        eg_batch_unref(batch);
    }
}

static inline void sweep_run_threads(struct sweep_thread *threads, uint32_t workers) {
    for (uint32_t i = 0; i < workers; i++)
        if (threads[i].worker &&
            pthread_create(&threads[i].thread, NULL, sweep_run, &threads[i]) != 0)
            abort();
    for (uint32_t i = 0; i < workers; i++)
        if (threads[i].worker) pthread_join(threads[i].thread, NULL);
}

#define SWEEP_WORKERS_MAX 4
/* The rows in any order. */
static inline void sweep_run_several(struct eg_scan *scan, const struct sweep_how *how,
                                     struct sweep_result *to) {
    struct sweep_thread threads[SWEEP_WORKERS_MAX] = {0};
    for (uint32_t i = 0; i < how->workers; i++)
        threads[i].status = eg_scan_worker_new(&threads[i].worker, scan, &threads[i].err);
    if (how->turns)
        sweep_run_turns(threads, how->workers);
    else
        sweep_run_threads(threads, how->workers);
    for (uint32_t i = 0; i < how->workers; i++) {
        struct sweep_thread *t = &threads[i];
        eg_scan_worker_free(t->worker);
        if (t->status < 0) {
            to->status = t->status;
            to->err = t->err;
        }
        sweep_rows_move(&to->packets, &t->packets);
        sweep_rows_move(&to->flows, &t->flows);
    }
}

static inline void sweep_told(struct eg_scan *scan, bool place, struct sweep_result *to) {
    size_t count;
    const struct eg_trouble *troubles = eg_scan_troubles(scan, &count);
    for (size_t i = 0; i < count; i++) {
        if (troubles[i].status >= 0) continue;
        to->trouble = troubles[i].status;
        to->troubles++;
    }
    struct eg_position position;
    if (place && to->status == EG_OK && eg_scan_position(scan, &position, NULL) == EG_OK)
        to->position = position.offset;
}

static inline void sweep_read(const char *path, const struct sweep_how *how,
                              struct sweep_result *to) {
    static const uint16_t ports[] = {2055, 9995};
    struct eg_env env = eg_env_plain;
    env.positions = true;
    env.batch_rows = how->batch_rows;
    env.unit_bytes = how->unit_bytes;
    struct eg_scan_request request = {
        .source = eg_registry_find(EG_STAGE_source, "file")->type,
        .inputs = &path,
        .input_count = 1,
        .netflow_ports = ports,
        .netflow_port_count = 2,
        .parts = {{eg_registry_find(EG_STAGE_extract, "exports")->type, EG_COLUMNS_ALL, NULL, 0},
                  {eg_registry_find(EG_STAGE_extract, "packets")->type, EG_COLUMNS_ALL, NULL, 0}},
        .part_count = 2,
        .pause = true,
    };
    eg_tally_reset(&to->tally);
    to->packets.count = to->flows.count = 0;
    to->trouble = EG_OK;
    to->troubles = 0;
    to->position = UINT64_MAX;
    to->progress = (struct eg_scan_progress){0};
    to->err = (struct eg_error){0};
    struct eg_scan *scan;
    if (how->fail) torture_fail_after(how->fail_after);
    to->status = eg_scan_open(&scan, &env, &request, &to->err);
    if (to->status < 0) {
        to->failed = torture_off();
        return;
    }
    if (how->workers > 1)
        sweep_run_several(scan, how, to);
    else
        sweep_run_alone(scan, to);
    eg_scan_losses(scan, &to->tally);
    to->failed = torture_off();
    to->progress = eg_scan_progress(scan);
    sweep_told(scan, how->place, to);
    eg_scan_free(scan);
}

/* ---- comparing ---- */

static inline int sweep_row_order(const void *left, const void *right) {
    const struct sweep_row *a = left, *b = right;
    if (a->offset != b->offset) return a->offset < b->offset ? -1 : 1;
    return (a->digest > b->digest) - (a->digest < b->digest);
}

static inline void sweep_sort(struct sweep_rows *rows) {
    if (rows->count) qsort(rows->items, rows->count, sizeof *rows->items, sweep_row_order);
}

/* Whether each row of `some` is one of `all`, as often; both sorted. */
static inline bool sweep_among(const struct sweep_rows *some, const struct sweep_rows *all) {
    size_t k = 0;
    for (size_t i = 0; i < some->count; i++, k++) {
        while (k < all->count && sweep_row_order(&all->items[k], &some->items[i]) < 0) k++;
        if (k == all->count || sweep_row_order(&all->items[k], &some->items[i]) != 0) return false;
    }
    return true;
}

static inline bool sweep_same(const struct sweep_rows *a, const struct sweep_rows *b) {
    return a->count == b->count &&
           (!a->count || memcmp(a->items, b->items, a->count * sizeof *a->items) == 0);
}

/* The first cause whose sums differ, EG_CAUSE_COUNT: none. */
static inline enum eg_cause sweep_tally_differs(const struct eg_tally *a,
                                                const struct eg_tally *b) {
    for (int cause = 0; cause < EG_CAUSE_COUNT; cause++) {
        struct eg_tally_entry x = eg_tally_sum(a, (enum eg_cause)cause);
        struct eg_tally_entry y = eg_tally_sum(b, (enum eg_cause)cause);
        if (x.records != y.records || x.packets != y.packets || x.bytes != y.bytes ||
            x.start_us != y.start_us || x.end_us != y.end_us)
            return (enum eg_cause)cause;
    }
    return EG_CAUSE_COUNT;
}

#endif
