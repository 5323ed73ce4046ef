/* SPDX-License-Identifier: Apache-2.0
 * The runner: rounds of reading, each ended by a durable flush of all sinks. */
#include "table/pump.h"

#include "base/alloc.h"
#include "base/timetext.h"
#include "table/ahead.h"
#include "table/outlet.h"
#include "table/troubles.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define ROUND_BYTES ((uint64_t)192 << 20)
#define THREADS_MAX 256
#define POSITIONS_MAX 4096 /* that wait for one flush */
#define PROGRESS_MS 200
#define LIVE_NICE 10
#define DRAIN_ROUND_US 500000 /* a full spool has room for what still waits only after a flush */

struct pump;

struct pump_thread {
    struct pump *pump;
    struct eg_scan_worker *worker;
    pthread_t thread;
    char name[16];
    uint64_t rows[EG_TABLE_COUNT]; /* handed to the sinks in this round */
    uint64_t metered;              /* of the flows */
    int64_t first_us, last_us;
};

struct pump {
    const struct eg_env *env;
    const struct eg_pump_request *request;
    struct eg_pump_account *account;
    struct eg_scan *scan;
    struct egi_outlet *outlets;
    struct pump_thread *threads;
    uint32_t thread_count;
    uint64_t round_bytes;
    atomic_ullong bytes;     /* handed to the sinks since the last flush */
    atomic_bool raw_given;   /* to sinks that take it, since the last flush */
    atomic_ullong raw_rows;  /* so many */
    bool tables_taken;       /* some sink takes batches of tables, or records */
    struct timespec flushed; /* monotonic: when a round began */
    /* what stands in the sinks, not flushed */
    struct eg_position *positions;
    size_t position_count, position_room;
    uint64_t rows[EG_TABLE_COUNT], metered;
    int64_t first_us, last_us;
    bool dirty;
    uint64_t frames_flushed; /* as many had been read at the last flush */
    /* of the threads */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t running;
    struct eg_error error; /* the first */
};

/* ---- threads ---- */

static void pump_fail(struct pump *pump, const struct eg_error *err) {
    pthread_mutex_lock(&pump->lock);
    if (pump->error.status >= 0) pump->error = *err;
    pthread_mutex_unlock(&pump->lock);
}

/* Widens the range of start times by those of the batch. */
static void times_note(struct pump_thread *self, const struct eg_batch *batch) {
    const struct eg_pump_request *request = self->pump->request;
    bool all = !request->usable_us && !request->beyond_us;
    bool flows = batch->table_id == EG_TABLE_FLOWS, live = request->interval_us;
    if (!flows && batch->table_id != EG_TABLE_PACKETS) return;
    const uint32_t at = flows ? EG_COL(FLOWS, start_time) : EG_COL(PACKETS, time);
    int64_t now_us = self->pump->env->now_us(self->pump->env->clock);
    const struct eg_column *col = &batch->columns[at];
    if (!col->values) return;
    for (uint32_t row = 0; row < batch->rows; row++) {
        if (col->valid && !eg_bit(col->valid, row)) continue;
        int64_t time_us = eg_col_i64(col)[row];
        if (!all && (time_us < request->usable_us || time_us >= request->beyond_us)) continue;
        if (!all && flows && eg_flow_ahead(batch, row, time_us, now_us, live)) continue;
        if (time_us < self->first_us) self->first_us = time_us;
        if (time_us > self->last_us) self->last_us = time_us;
    }
}

/* A batch is of one extract, and flows of packets are of no other. */
static bool metered(const struct eg_batch *batch) {
    const uint32_t col = EG_COL(FLOWS, source);
    if (batch->table_id != EG_TABLE_FLOWS || !batch->rows || !eg_batch_valid(batch, col, 0))
        return false;
    struct eg_span source = eg_col_text(&batch->columns[col], 0);
    return source.size == 6 && memcmp(source.at, "packet", 6) == 0;
}

static enum eg_status batch_deliver(struct pump_thread *self, struct eg_batch *batch,
                                    struct eg_error *err) {
    struct pump *pump = self->pump;
    for (size_t i = 0; i < pump->request->sink_count; i++)
        if (pump->request->sinks[i].type->takes != EG_TAKES_RAW)
            EG_TRY(egi_outlet_write(&pump->outlets[i], batch, err));
    if (pump->tables_taken) self->rows[batch->table_id] += batch->rows;
    if (pump->tables_taken && metered(batch)) self->metered += batch->rows;
    times_note(self, batch);
    uint64_t bytes = eg_batch_bytes(batch);
    if (atomic_fetch_add(&pump->bytes, bytes) + bytes >= pump->round_bytes)
        eg_scan_hold(pump->scan, true);
    return EG_OK;
}

static enum eg_status raw_deliver(void *to, struct eg_batch *raw, struct eg_error *err) {
    struct pump *pump = to;
    for (size_t i = 0; i < pump->request->sink_count; i++)
        if (pump->request->sinks[i].type->takes == EG_TAKES_RAW)
            EG_TRY(egi_outlet_write(&pump->outlets[i], raw, err));
    atomic_store(&pump->raw_given, true);
    atomic_fetch_add(&pump->raw_rows, raw->rows);
    return EG_OK;
}

static void *thread_run(void *arg) {
    struct pump_thread *self = arg;
    struct pump *pump = self->pump;
    struct eg_batch *batch;
    struct eg_error err = {0};
    enum eg_status status;
    /* decoding can wait, receiving cannot */
    if (pump->request->interval_us) setpriority(PRIO_PROCESS, (id_t)gettid(), LIVE_NICE);
    while ((status = eg_scan_next(self->worker, &batch, &err)) == EG_OK) {
        status = batch_deliver(self, batch, &err);
        eg_batch_unref(batch);
        if (status < 0) break;
    }
    if (status < 0) {
        err.status = status;
        pump_fail(pump, &err);
        eg_scan_stop(pump->scan, &err);
    }
    pthread_mutex_lock(&pump->lock);
    pump->running--;
    pthread_cond_broadcast(&pump->changed);
    pthread_mutex_unlock(&pump->lock);
    return NULL;
}

/* Ends the round of a live source when its time is over, and any where that is asked for. */
static void interval_watch(struct pump *pump, const struct timespec *now) {
    int64_t since_us = (now->tv_sec - pump->flushed.tv_sec) * INT64_C(1000000) +
                       (now->tv_nsec - pump->flushed.tv_nsec) / 1000;
    int64_t interval_us = pump->request->interval_us;
    if (interval_us > DRAIN_ROUND_US && eg_env_draining(pump->env)) interval_us = DRAIN_ROUND_US;
    bool hurries = pump->request->hurrying && pump->request->hurrying(pump->request->flushed_to);
    if (hurries || (interval_us && since_us >= interval_us)) eg_scan_hold(pump->scan, true);
}

static void progress_wait(struct pump *pump) {
    pthread_mutex_lock(&pump->lock);
    while (pump->running) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        interval_watch(pump, &until);
        until.tv_nsec += PROGRESS_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&pump->changed, &pump->lock, &until);
        if (!pump->running || !pump->request->progress) continue;
        pthread_mutex_unlock(&pump->lock);
        struct eg_scan_progress seen = eg_scan_progress(pump->scan);
        pump->request->progress(pump->request->progress_to, &seen);
        pthread_mutex_lock(&pump->lock);
    }
    pthread_mutex_unlock(&pump->lock);
}

/* Reads until the round is full or an input is over. */
static enum eg_status round_read(struct pump *pump, struct eg_error *err) {
    uint32_t started = 0;
    if (pump->request->starting) pump->request->starting(pump->request->flushed_to);
    for (; started < pump->thread_count; started++) {
        struct pump_thread *t = &pump->threads[started];
        pthread_mutex_lock(&pump->lock);
        pump->running++;
        pthread_mutex_unlock(&pump->lock);
        if (pthread_create(&t->thread, NULL, thread_run, t) == 0) {
            pthread_setname_np(t->thread, t->name);
            continue;
        }
        pthread_mutex_lock(&pump->lock);
        pump->running--;
        pthread_mutex_unlock(&pump->lock);
        break; /* those that run read all there is */
    }
    if (!started) return eg_fail(err, EG_E_NOMEM, "cannot start a thread");
    clock_gettime(CLOCK_MONOTONIC, &pump->flushed);
    progress_wait(pump);
    for (uint32_t i = 0; i < started; i++) {
        struct pump_thread *t = &pump->threads[i];
        pthread_join(t->thread, NULL);
        for (int table = 0; table < EG_TABLE_COUNT; table++) {
            pump->rows[table] += t->rows[table];
            if (t->rows[table]) pump->dirty = true;
            t->rows[table] = 0;
        }
        pump->metered += t->metered;
        t->metered = 0;
        if (t->first_us < pump->first_us) pump->first_us = t->first_us;
        if (t->last_us > pump->last_us) pump->last_us = t->last_us;
    }
    if (atomic_exchange(&pump->raw_given, false)) pump->dirty = true;
    if (pump->error.status < 0 && err) *err = pump->error;
    return pump->error.status;
}

/* ---- losses ---- */

/* Rows of `losses` for the tally, each with the input's name in `extra`; those without a time with that
 * of now, too (`extra_now`), which is when they are told of. */
static enum eg_status losses_write(struct pump *pump, const struct eg_tally *tally,
                                   const char *extra, const char *extra_now, struct eg_error *err) {
    struct eg_builder *rows;
    uint32_t room = pump->env->batch_rows ? pump->env->batch_rows : EG_BATCH_ROWS;
    EG_TRY(eg_builder_new(&rows, eg_table_get(EG_TABLE_LOSSES), EG_TABLE_LOSSES, room,
                          EG_COLUMNS_ALL, err));
    enum eg_status status = EG_OK;
    for (uint32_t i = 0; i <= tally->count && status >= 0; i++) {
        struct eg_tally one = {.entries = &tally->entries[i], .count = 1};
        if (i < tally->count) {
            bool timed = tally->entries[i].start_us != INT64_MIN;
            const char *more = timed ? extra : extra_now;
            eg_put_text(rows, EG_COL(LOSSES, extra), more, strlen(more));
            status = eg_tally_rows(&one, false, rows, err);
            eg_builder_abandon(rows); /* where the entry gave no row */
            if (status < 0 || eg_builder_room(rows)) continue;
        }
        struct eg_batch *batch;
        status = eg_builder_seal(rows, &batch, err);
        if (status != EG_OK) continue;
        for (size_t k = 0; k < pump->request->sink_count && status >= 0; k++)
            if (pump->request->sinks[k].type->takes == EG_TAKES_BATCH)
                status = egi_outlet_write(&pump->outlets[k], batch, err);
        if (pump->request->sink_count && pump->request->sinks[0].type->takes == EG_TAKES_BATCH)
            pump->rows[EG_TABLE_LOSSES] += batch->rows;
        pump->dirty = true;
        eg_batch_unref(batch);
    }
    eg_builder_free(rows);
    return status < 0 ? status : EG_OK;
}

/* What was counted since the last call goes to the account, and as rows to the sinks. */
static enum eg_status losses_settle(struct pump *pump, struct eg_error *err) {
    struct eg_tally fresh = {0};
    struct eg_strbuf extra = {0}, extra_now = {0};
    char now[40];
    eg_scan_losses(pump->scan, &fresh);
    for (size_t i = 0; i < pump->request->sink_count; i++)
        eg_pump_account_losses(pump->account, &pump->request->sinks[i], &fresh);
    eg_tally_merge(&pump->account->unflushed, &fresh);
    const char *input = eg_scan_input(pump->scan);
    eg_strbuf_text(&extra, "{\"file\":");
    eg_encode_json_name(input ? input : "", &extra);
    if (!extra.failed) eg_strbuf_text(&extra_now, extra.text);
    eg_strbuf_char(&extra, '}');
    eg_time_text(pump->env->now_us(pump->env->clock), now);
    eg_strbuf_printf(&extra_now, ",\"ingested\":\"%s\"}", now);
    enum eg_status status = extra.failed || extra_now.failed
                                ? eg_fail(err, EG_E_NOMEM, "no memory for the rows of losses")
                                : EG_OK;
    if (status >= 0 && fresh.count)
        status = losses_write(pump, &fresh, extra.text, extra_now.text, err);
    eg_strbuf_reset(&extra);
    eg_strbuf_reset(&extra_now);
    eg_tally_reset(&fresh);
    return status;
}

/* ---- positions and flushes ---- */

static bool positions_reserve(struct pump *pump, size_t more) {
    if (pump->position_count + more <= pump->position_room) return true;
    size_t room = (pump->position_room + more) * 2;
    void *grown = eg_realloc(pump->positions, room, sizeof *pump->positions);
    if (!grown) return false;
    pump->positions = grown;
    pump->position_room = room;
    return true;
}

/* Notes how far the current input was read, once for each part. An input that cannot be found again
 * (standard input) has no key, and nobody could use its position. */
static enum eg_status positions_note(struct pump *pump, struct eg_position *reached,
                                     struct eg_error *err) {
    const struct eg_scan_request *scan = &pump->request->scan;
    enum eg_status status = eg_scan_position(pump->scan, reached, err);
    if (status != EG_OK || !reached->key[0]) return status;
    if (!positions_reserve(pump, scan->part_count))
        return eg_fail(err, EG_E_NOMEM, "no memory for positions");
    for (uint32_t i = 0; i < scan->part_count; i++) {
        struct eg_position *at = &pump->positions[pump->position_count];
        if (!eg_scan_mark(pump->scan, scan->parts[i].extract, reached, at)) continue;
        pump->position_count++;
        EG_TRY(eg_scan_know(pump->scan, at, err)); /* the same file may be named twice */
    }
    return EG_OK;
}

/* What was read for the first time: the beginning of a file that grew was only read for its state. */
static struct eg_scan_progress seen_new(const struct pump *pump) {
    struct eg_scan_progress seen = eg_scan_progress(pump->scan);
    seen.frames -= seen.known_frames;
    seen.datagrams -= seen.known_datagrams;
    seen.bytes_done -= seen.known_bytes < seen.bytes_done ? seen.known_bytes : seen.bytes_done;
    return seen;
}

static void tally_settle(struct eg_pump_account *account) {
    eg_tally_merge(&account->tally, &account->unflushed);
    eg_tally_reset(&account->unflushed);
}

/* What goes with the positions is made ready for each attempt: a disk that has no room for the rows has
 * none for it either. */
static enum eg_status sink_flush(struct pump *pump, const struct eg_pump_sink *sink,
                                 struct eg_error *err) {
    const struct eg_pump_request *request = pump->request;
    bool vouches = sink == request->sinks;
    struct eg_error own = {0};
    if (!err) err = &own;
    for (;;) {
        enum eg_status status = EG_OK;
        if (vouches && request->flushing)
            status =
                request->flushing(request->flushed_to, pump->positions, pump->position_count, err);
        if (status >= 0)
            status = sink->type->flush(sink->sink, pump->positions, pump->position_count, err);
        if (status >= 0 || !request->again) return status;
        err->status = status;
        if (!request->again(request->flushed_to, sink, err)) return status;
        *err = (struct eg_error){0};
    }
}

/* The first sink is the one whose positions are asked for at the next start, so it is the last to
 * flush: what it vouches for is then in all of them. */
static enum eg_status sinks_flush(struct pump *pump, struct eg_error *err) {
    for (size_t i = pump->request->sink_count; i-- > 0;)
        EG_TRY(sink_flush(pump, &pump->request->sinks[i], err));
    struct eg_pump_account *account = pump->account;
    for (int table = 0; table < EG_TABLE_COUNT; table++) {
        account->kept[table] += pump->rows[table];
        pump->rows[table] = 0;
    }
    account->metered += pump->metered;
    pump->metered = 0;
    uint64_t raw_rows = atomic_exchange(&pump->raw_rows, 0);
    for (size_t i = 0; i < pump->request->sink_count; i++) {
        const struct eg_pump_sink *sink = &pump->request->sinks[i];
        bool takes = sink->type->takes == EG_TAKES_RAW;
        struct eg_pump_raw *raw = takes ? eg_pump_account_raw(account, sink->name) : NULL;
        if (raw) raw->rows += raw_rows;
    }
    if (pump->first_us < account->first_us) account->first_us = pump->first_us;
    if (pump->last_us > account->last_us) account->last_us = pump->last_us;
    tally_settle(account);
    account->seen = account->settled = seen_new(pump);
    if (pump->request->flushed) pump->request->flushed(pump->request->flushed_to, account);
    pump->position_count = 0;
    pump->frames_flushed = eg_scan_progress(pump->scan).frames;
    pump->dirty = false;
    atomic_store(&pump->bytes, 0);
    return EG_OK;
}

/* An idle interval: what goes by the clock in a sink of raw rows (a capture file whose time is over)
 * is seen to although no row came. */
static enum eg_status raw_flush(struct pump *pump, struct eg_error *err) {
    for (size_t i = 0; i < pump->request->sink_count; i++) {
        const struct eg_pump_sink *sink = &pump->request->sinks[i];
        if (sink->type->takes == EG_TAKES_RAW) EG_TRY(sink->type->flush(sink->sink, NULL, 0, err));
    }
    return EG_OK;
}

/* What sinks of raw rows lose at their very end is settled with the rest, and among the rows of it. */
static enum eg_status raw_end(struct pump *pump, struct eg_error *err) {
    if (pump->dirty) EG_TRY(raw_flush(pump, err));
    if (pump->request->ending) pump->request->ending(pump->request->flushed_to);
    return EG_OK;
}

/* Ends a round: what was read is settled, and made durable when there is enough of it. */
static enum eg_status round_end(struct pump *pump, struct eg_error *err) {
    struct eg_position reached;
    bool last = eg_scan_over(pump->scan);
    if (last) EG_TRY(raw_end(pump, err));
    EG_TRY(losses_settle(pump, err));
    enum eg_status position = positions_note(pump, &reached, err);
    if (position < 0) return position;
    uint64_t frames = eg_scan_progress(pump->scan).frames;
    if (pump->request->interval_us && !pump->dirty && frames == pump->frames_flushed)
        pump->position_count = 0; /* an idle interval leaves no trace */
    if (last)
        for (size_t i = 0; i < pump->request->sink_count; i++) {
            EG_TRY(egi_outlet_finish(&pump->outlets[i], err));
            if (pump->request->sinks[i].type->takes == EG_TAKES_RECORDS) pump->dirty = true;
        }
    bool told = pump->request->scan.source->commit != eg_source_commit_nop;
    bool full = atomic_load(&pump->bytes) >= pump->round_bytes ||
                pump->position_count >= POSITIONS_MAX || pump->request->interval_us;
    /* inputs that were known whole may have been captures that are found again */
    bool found = last && pump->request->scan.keep_known;
    bool more = pump->request->flush_frames && frames != pump->frames_flushed;
    pump->account->seen = seen_new(pump);
    if ((last || told || full) && (pump->dirty || pump->position_count || found || more)) {
        EG_TRY(sinks_flush(pump, err));
        if (position == EG_OK && told) EG_TRY(eg_scan_commit(pump->scan, &reached, err));
    } else if (pump->request->interval_us) {
        EG_TRY(raw_flush(pump, err));
    }
    eg_scan_hold(pump->scan, false);
    return last ? EG_END : EG_OK;
}

/* ---- a run ---- */

static uint32_t core_count(void) {
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) != 0) return 1;
    return (uint32_t)CPU_COUNT(&cores);
}

static enum eg_status threads_make(struct pump *pump, struct eg_error *err) {
    uint32_t count = pump->request->threads ? pump->request->threads : core_count();
    if (count > THREADS_MAX) count = THREADS_MAX;
    pump->threads = eg_calloc(count, sizeof *pump->threads);
    if (!pump->threads) return eg_fail(err, EG_E_NOMEM, "no memory for threads");
    for (uint32_t i = 0; i < count; i++) {
        struct pump_thread *t = &pump->threads[i];
        t->pump = pump;
        t->first_us = INT64_MAX;
        t->last_us = INT64_MIN;
        snprintf(t->name, sizeof t->name, "eg-read-%u", i % 1000);
        EG_TRY(eg_scan_worker_new(&t->worker, pump->scan, err));
        pump->thread_count++;
    }
    return EG_OK;
}

static enum eg_status outlets_make(struct pump *pump, struct eg_error *err) {
    size_t count = pump->request->sink_count;
    pump->outlets = eg_calloc(count ? count : 1, sizeof *pump->outlets);
    if (!pump->outlets) return eg_fail(err, EG_E_NOMEM, "no memory for sinks");
    for (size_t i = 0; i < count; i++)
        EG_TRY(egi_outlet_init(&pump->outlets[i], pump->env, &pump->request->sinks[i],
                               &pump->request->scan, err));
    return EG_OK;
}

static enum eg_status rounds_run(struct pump *pump, struct eg_error *err) {
    struct eg_scan_request request = pump->request->scan;
    const struct eg_pump_sink *first = pump->request->sinks;
    struct eg_position *known = NULL;
    EG_TRY(outlets_make(pump, err));
    request.known_count = 0;
    if (pump->request->sink_count)
        EG_TRY(first->type->positions(first->sink, &known, &request.known_count, err));
    request.known = known;
    request.pause = true;
    for (size_t i = 0; i < pump->request->sink_count; i++)
        if (pump->request->sinks[i].type->takes == EG_TAKES_RAW)
            request.raw = raw_deliver;
        else
            pump->tables_taken = true;
    request.raw_to = pump;
    struct eg_env env = *pump->env; /* copied by the scan */
    env.positions = true;
    enum eg_status status = eg_scan_open(&pump->scan, &env, &request, err);
    eg_free(known);
    if (status >= 0) status = threads_make(pump, err);
    while (status >= 0 && status != EG_END) {
        status = round_read(pump, err);
        if (status >= 0) status = round_end(pump, err);
    }
    return status < 0 ? status : EG_OK;
}

/* ---- the account ---- */

static enum eg_status troubles_copy(struct eg_pump_account *account, struct eg_scan *scan,
                                    struct eg_error *err) {
    size_t count;
    const struct eg_trouble *all = eg_scan_troubles(scan, &count);
    for (size_t i = 0; i < count; i++) {
        if (all[i].status == EG_OK && all[i].state == EG_PLAN_KNOWN) account->inputs_known++;
        if (all[i].status < 0 && all[i].status != EG_E_CUT) account->inputs_failed++;
    }
    return egi_troubles_copy(&account->troubles, &account->trouble_count, all, count, err);
}

static enum eg_status pump_close(struct pump *pump, enum eg_status status, struct eg_error *err) {
    for (uint32_t i = 0; i < pump->thread_count; i++) eg_scan_worker_free(pump->threads[i].worker);
    if (pump->scan) {
        pump->account->seen = seen_new(pump);
        eg_scan_losses(pump->scan, &pump->account->unflushed);
        if (status >= 0) tally_settle(pump->account);
        enum eg_status copied = troubles_copy(pump->account, pump->scan, status < 0 ? NULL : err);
        if (status >= 0) status = copied;
    }
    eg_scan_free(pump->scan);
    for (size_t i = 0; pump->outlets && i < pump->request->sink_count; i++)
        egi_outlet_reset(&pump->outlets[i]);
    eg_free(pump->outlets);
    eg_free(pump->threads);
    eg_free(pump->positions);
    pthread_cond_destroy(&pump->changed);
    pthread_mutex_destroy(&pump->lock);
    return status;
}

enum eg_status eg_pump_run(const struct eg_env *env, const struct eg_pump_request *request,
                           struct eg_pump_account *account, struct eg_error *err) {
    struct pump pump = {.env = env,
                        .request = request,
                        .account = account,
                        .round_bytes = request->round_bytes ? request->round_bytes : ROUND_BYTES,
                        .first_us = INT64_MAX,
                        .last_us = INT64_MIN};
    *account = (struct eg_pump_account){
        .inputs = request->scan.input_count, .first_us = INT64_MAX, .last_us = INT64_MIN};
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&pump.changed, &clock);
    pthread_condattr_destroy(&clock);
    pthread_mutex_init(&pump.lock, NULL);
    enum eg_status status = rounds_run(&pump, err);
    return pump_close(&pump, status, err);
}
