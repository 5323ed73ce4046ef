/* SPDX-License-Identifier: Apache-2.0
 * The workers of a scan, who reads what next, and when joins run.
 *
 * A unit belongs to a call, not to a worker: a worker that returns with a batch parks the unit it
 * was in, and any worker may go on with it. So nothing ever waits for a worker that is not inside
 * a call, however the callers interleave; and how far reading runs ahead of joining can be bounded:
 * a worker that finds the bound reached goes on with a parked unit, or waits for the others, all of
 * which are inside calls then. */
#include "table/scan_inside.h"

#include "base/alloc.h"

#define UNITS_AHEAD_MIN 8
#define UNITS_AHEAD_EACH 4 /* units a worker may have open: begun, not joined */

struct eg_scan_worker {
    struct eg_scan *scan;
    struct egi_unit *unit; /* only inside a call */
    struct egi_batches ready;
    struct egi_scratch scratch;
};

/* ---- progress ---- */

static void counts_add(struct eg_scan *scan, const struct egi_counts *counts) {
    egi_scan_add(&scan->frames, counts->frames);
    egi_scan_add(&scan->datagrams, counts->datagrams);
    egi_scan_add(&scan->known_frames, counts->known_frames);
    egi_scan_add(&scan->known_datagrams, counts->known_datagrams);
    egi_scan_add(&scan->others, counts->others);
    egi_scan_add(&scan->other_bytes, counts->other_bytes);
}

/* The input was read up to `done` of its bytes; a pipe's are as many as it gives. With the lock. */
static void bytes_note(struct eg_scan *scan, struct egi_input *input, uint64_t done) {
    bool endless = !input->plan.bytes && input->plan.bytes_read;
    if (!endless && done > input->plan.bytes) done = input->plan.bytes;
    if (done <= input->bytes_done) return;
    egi_scan_add(&scan->bytes_done, done - input->bytes_done);
    input->bytes_done = done;
}

/* Where a stream stands: as the source tells it, else as far as its records tell. With the lock. */
static void stream_note(struct eg_scan *scan, struct egi_input *input, const struct eg_batch *raw) {
    const uint32_t col = EG_COL(RAW, offset);
    if (input->plan.bytes_read)
        bytes_note(scan, input, egi_scan_seen(input->plan.bytes_read));
    else if (raw->rows && eg_batch_valid(raw, col, raw->rows - 1))
        bytes_note(scan, input, (uint64_t)eg_col_i64(&raw->columns[col])[raw->rows - 1]);
}

/* ---- joining ---- */

static bool drainable(const struct egi_input *input) {
    return input->exhausted && input->settled == input->taken && !input->drained;
}

/* What one input leaves in a book is for the next one, so that comes second. With the lock. */
static bool its_turn(const struct eg_scan *scan, const struct egi_input *input) {
    return !scan->request.book || scan->inputs == input;
}

/* Whether an input waits for somebody to run its joins. With the lock. */
static bool joinable(const struct eg_scan *scan, const struct egi_input *input) {
    return input && !input->joining && its_turn(scan, input) &&
           (drainable(input) || (input->pending && input->pending->number == input->joined));
}

/* Runs the joins that have become possible, unless another worker is at it: that one, being inside
 * a call, will see what was put into the queue. With the lock, which is given up meanwhile. */
static void joins_run(struct eg_scan_worker *worker, struct egi_input *input) {
    struct eg_scan *scan = worker->scan;
    if (input->joining || !its_turn(scan, input)) return;
    input->joining = true;
    while (!atomic_load(&scan->failed)) {
        struct egi_unit *unit = input->pending;
        struct egi_counts counts = {0};
        struct eg_error err = {0};
        enum eg_status status;
        if (unit && unit->number == input->joined) {
            input->pending = unit->next;
            pthread_mutex_unlock(&scan->lock);
            status = egi_unit_join(unit, &worker->scratch, &worker->ready, &counts, &err);
            pthread_mutex_lock(&scan->lock);
            input->joined++;
            unit->next = scan->parked; /* for whoever comes by to finish it */
            scan->parked = unit;
            if (input->plan.units != EG_UNITS_STREAM)
                bytes_note(scan, input,
                           (uint64_t)((double)input->plan.bytes * (double)input->joined /
                                      (double)input->plan.units));
        } else if (drainable(input)) {
            pthread_mutex_unlock(&scan->lock);
            status = egi_input_drain(input, &worker->scratch, &worker->ready, &counts, &err);
            pthread_mutex_lock(&scan->lock);
            if (status == EG_AGAIN) { /* what came is given out before the next piece */
                counts_add(scan, &counts);
                pthread_cond_broadcast(&scan->changed);
                break;
            }
            input->drained = true;
            const struct eg_plan *plan = &input->plan;
            bool endless = !plan->bytes && plan->bytes_read;
            bytes_note(scan, input, endless ? egi_scan_seen(plan->bytes_read) : plan->bytes);
        } else {
            break;
        }
        counts_add(scan, &counts);
        if (status < 0) egi_scan_fail(scan, status, &err);
        pthread_cond_broadcast(&scan->changed);
    }
    input->joining = false;
    egi_scan_settle(scan);
}

/* ---- taking ---- */

static void unit_given(struct eg_scan_worker *worker, struct egi_unit *unit) {
    unit->input->taken++;
    worker->scan->open_units++;
    worker->unit = unit;
}

#define TICK_US 1000000

/* Where nothing comes, extracts that wait for time to pass are told now and then, by a batch without
 * rows. */
static bool tick_due(const struct eg_scan *scan, struct egi_input *input) {
    if (!input->plan.live || !egi_input_ticks(input)) return false;
    int64_t steady_us = eg_env_steady_us(&scan->env);
    if (input->ticked && steady_us - input->ticked_us < TICK_US) return false;
    input->ticked = true;
    input->ticked_us = steady_us;
    return true;
}

/* Reads the next unit of a stream, or learns that it is over. With the lock, which is given up
 * meanwhile. `ahead`: the unit is kept for later, with the position before it. */
static void stream_read(struct eg_scan_worker *worker, struct egi_input *input, bool ahead) {
    struct eg_scan *scan = worker->scan;
    const struct eg_source_type *source = scan->request.source;
    struct egi_unit *unit = NULL;
    struct eg_error err = {0};
    scan->reading = true;
    pthread_mutex_unlock(&scan->lock);
    enum eg_status status = egi_unit_new(&unit, input, input->taken, &err);
    bool of_source = status >= 0;
    if (of_source && ahead)
        status = source->position(input->source, input->taken - 1, &input->before, &err);
    if (of_source && status >= 0)
        status = source->next(input->source, unit->number, &unit->raw, &unit->tally, &err);
    if (status == EG_AGAIN && !ahead && tick_due(scan, input)) {
        status = eg_batch_empty(&unit->raw, EG_TABLE_RAW, &err);
        of_source = false;
    }
    if (input->counted && unit) eg_tally_reset(&unit->tally);
    pthread_mutex_lock(&scan->lock);
    scan->reading = false;
    pthread_cond_broadcast(&scan->changed);
    if (status == EG_AGAIN) { /* the caller looks whether there is something else to do */
        eg_tally_merge(&scan->tally, &unit->tally);
        egi_unit_free(unit);
        if (eg_env_cancelled(&scan->env))
            egi_scan_fail(scan, eg_fail(&err, EG_E_CANCELLED, "interrupted"), &err);
        return;
    }
    if (status == EG_OK) {
        stream_note(scan, input, unit->raw);
        if (ahead)
            input->ahead = unit;
        else
            unit_given(worker, unit);
        return;
    }
    if (unit) { /* what the source counted at its end is settled behind the last unit */
        input->end_tally = unit->tally;
        eg_free(unit);
    }
    input->exhausted = true;
    if (status < 0 && of_source) {
        if (status != EG_E_CUT) atomic_store(&input->failed_at, input->taken);
        egi_scan_source_failed(scan, input->index, input->plan.state, status, &err);
    } else if (status < 0) {
        egi_scan_fail(scan, status, &err);
    }
    joins_run(worker, input);
}

static void stream_take(struct eg_scan_worker *worker, struct egi_input *input) {
    struct egi_unit *unit = input->ahead;
    input->ahead = NULL;
    if (unit)
        unit_given(worker, unit);
    else
        stream_read(worker, input, false);
}

/* Whether a held stream may be at its end without knowing it. Its position would say that all of it
 * is known, while join(NULL) has not been run; so one unit is read ahead. Not where the size is not
 * known: there the next unit may be long in coming. */
static bool end_is_near(const struct eg_scan *scan, const struct egi_input *input) {
    return input && input->plan.units == EG_UNITS_STREAM && input->plan.bytes &&
           !input->exhausted && !input->ahead && !scan->reading && input->taken &&
           input->settled == input->taken;
}

static void unit_take(struct eg_scan_worker *worker, struct egi_input *input) {
    struct egi_unit *unit;
    struct eg_error err = {0};
    if (egi_unit_new(&unit, input, input->taken, &err) < 0) {
        egi_scan_fail(worker->scan, EG_E_NOMEM, &err);
        return;
    }
    unit_given(worker, unit);
    if (input->taken == input->plan.units) input->exhausted = true;
}

struct egi_unit *egi_scan_unpark(struct egi_unit **at) {
    struct egi_unit *unit = *at;
    if (unit) {
        *at = unit->next;
        unit->next = NULL;
        unit->parked_by = NULL;
    }
    return unit;
}

/* A parked unit: the worker's own, one that is joined (it holds memory and needs nobody else), or
 * (`any`) the one that joining waits for the longest. */
static struct egi_unit *unit_unpark(struct eg_scan *scan, const void *own, bool any) {
    struct egi_unit **first = &scan->parked;
    for (struct egi_unit **at = &scan->parked; *at; at = &(*at)->next) {
        if ((*at)->joined || (!any && (*at)->parked_by == own)) return egi_scan_unpark(at);
        size_t a = (*at)->input->index, b = (*first)->input->index;
        if (a < b || (a == b && (*at)->number < (*first)->number)) first = at;
    }
    return any ? egi_scan_unpark(first) : NULL;
}

/* Gives the worker something to do. EG_END: there is nothing that it may do now. */
static enum eg_status work_take(struct eg_scan_worker *worker) {
    struct eg_scan *scan = worker->scan;
    enum eg_status status = EG_OK;
    pthread_mutex_lock(&scan->lock);
    while (!atomic_load(&scan->failed) && !worker->unit && status == EG_OK &&
           worker->ready.first == worker->ready.count) {
        struct egi_input *input = scan->current;
        uint64_t ahead = (uint64_t)UNITS_AHEAD_EACH * scan->workers;
        bool full = scan->open_units >= (ahead > UNITS_AHEAD_MIN ? ahead : UNITS_AHEAD_MIN);
        bool over = !input || input->exhausted;
        bool none = scan->held || (over && (scan->next_input == scan->request.input_count ||
                                            (input && scan->request.pause)));
        if ((worker->unit = unit_unpark(scan, worker, full || none))) break;
        if (input && drainable(input) && !input->joining && its_turn(scan, input))
            joins_run(worker, input); /* it had no unit at all */
        else if (joinable(scan, scan->inputs))
            joins_run(worker, scan->inputs); /* the one before it is over now */
        else if (none && end_is_near(scan, input))
            stream_read(worker, input, true);
        else if (none)
            status = EG_END;
        else if (scan->reading || full)
            pthread_cond_wait(&scan->changed, &scan->lock);
        else if (over)
            egi_scan_begin(scan);
        else if (input->plan.units == EG_UNITS_STREAM)
            stream_take(worker, input);
        else
            unit_take(worker, input);
    }
    pthread_mutex_unlock(&scan->lock);
    return status;
}

/* ---- the worker's call ---- */

static void unit_park(struct eg_scan_worker *worker) {
    struct eg_scan *scan = worker->scan;
    pthread_mutex_lock(&scan->lock);
    worker->unit->parked_by = worker;
    worker->unit->next = scan->parked;
    scan->parked = worker->unit;
    worker->unit = NULL;
    pthread_cond_broadcast(&scan->changed);
    pthread_mutex_unlock(&scan->lock);
}

/* Finishes the joined unit in hand; the last one of an input may have to drain it. */
static void unit_end(struct eg_scan_worker *worker) {
    struct eg_scan *scan = worker->scan;
    struct egi_unit *unit = worker->unit;
    struct egi_input *input = unit->input;
    struct egi_counts counts = {0};
    struct eg_error err = {0};
    enum eg_status status = egi_unit_finish(unit, &worker->scratch, &worker->ready, &counts, &err);
    counts_add(scan, &counts);
    pthread_mutex_lock(&scan->lock);
    if (status < 0) egi_scan_fail(scan, status, &err);
    egi_unit_settle(unit);
    scan->open_units--;
    worker->unit = NULL;
    pthread_cond_broadcast(&scan->changed);
    joins_run(worker, input);
    pthread_mutex_unlock(&scan->lock);
}

/* Reads one raw batch of the unit in hand; at its end, sees to the joins. */
static void unit_work(struct eg_scan_worker *worker) {
    struct eg_scan *scan = worker->scan;
    struct egi_unit *unit = worker->unit;
    struct egi_input *input = unit->input;
    struct egi_counts counts = {0};
    struct eg_error err = {0};
    bool of_source = false;
    enum eg_status status = EG_OK;
    if (eg_env_cancelled(&scan->env))
        status = eg_fail(&err, EG_E_CANCELLED, "interrupted");
    else
        status = egi_unit_step(unit, &worker->scratch, &worker->ready, &counts, &of_source, &err);
    counts_add(scan, &counts);
    if (status == EG_OK) return;
    pthread_mutex_lock(&scan->lock);
    if (status < 0 && of_source) {
        if (status != EG_E_CUT) {
            if (unit->number < atomic_load(&input->failed_at))
                atomic_store(&input->failed_at, unit->number);
            input->exhausted = true;
        }
        egi_scan_source_failed(scan, input->index, input->plan.state, status, &err);
    } else if (status < 0) {
        egi_scan_fail(scan, status, &err);
    }
    egi_unit_pend(unit);
    worker->unit = NULL;
    joins_run(worker, input);
    pthread_mutex_unlock(&scan->lock);
}

enum eg_status eg_scan_next(struct eg_scan_worker *worker, struct eg_batch **out,
                            struct eg_error *err) {
    struct eg_scan *scan = worker->scan;
    *out = NULL;
    while (!atomic_load_explicit(&scan->failed, memory_order_acquire)) {
        struct eg_batch *batch = egi_batches_pop(&worker->ready);
        if (batch) {
            if (worker->unit) unit_park(worker);
            egi_scan_add(&scan->rows[batch->table_id], batch->rows);
            *out = batch;
            return EG_OK;
        }
        if (worker->unit && worker->unit->joined)
            unit_end(worker);
        else if (worker->unit)
            unit_work(worker);
        else if (work_take(worker) == EG_END)
            return EG_END;
    }
    if (worker->unit) unit_park(worker);
    return egi_scan_error(scan, err);
}

enum eg_status eg_scan_worker_new(struct eg_scan_worker **out, struct eg_scan *scan,
                                  struct eg_error *err) {
    struct eg_scan_worker *worker = eg_calloc(1, sizeof *worker);
    if (!worker) return eg_fail(err, EG_E_NOMEM, "no memory for a worker");
    worker->scan = scan;
    pthread_mutex_lock(&scan->lock);
    scan->workers++;
    pthread_mutex_unlock(&scan->lock);
    *out = worker;
    return EG_OK;
}

void eg_scan_worker_free(struct eg_scan_worker *worker) {
    if (!worker) return;
    pthread_mutex_lock(&worker->scan->lock);
    worker->scan->workers--;
    pthread_mutex_unlock(&worker->scan->lock);
    egi_batches_reset(&worker->ready);
    egi_scratch_reset(&worker->scratch);
    eg_free(worker);
}
