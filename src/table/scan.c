/* SPDX-License-Identifier: Apache-2.0
 * Reading in parallel: workers, who reads what next, and when joins run.
 *
 * A unit belongs to a call, not to a worker: a worker that returns with a batch parks the unit it
 * was in, and any worker may go on with it. So nothing ever waits for a worker that is not inside
 * a call, however the callers interleave; and how far reading runs ahead of joining can be bounded:
 * a worker that finds the bound reached goes on with a parked unit, or waits for the others, all of
 * which are inside calls then. */
#include "table/scan.h"

#include "base/alloc.h"
#include "table/scan_input.h"
#include "table/troubles.h"

#include <pthread.h>
#include <string.h>

#define TOLD_MAX 2048 /* of an input that is known */
#define UNITS_AHEAD_MIN 8
#define UNITS_AHEAD_EACH 4 /* units a worker may have open: begun, not joined */

struct eg_scan {
    struct eg_env env;
    struct eg_scan_request request; /* a copy, texts included; what is known stands below */
    struct egi_known known;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* all of these with the lock */
    struct egi_input *inputs;  /* not wholly joined, in order; the last one may be `current` */
    struct egi_input *current; /* the one that units are taken from */
    size_t next_input;
    struct egi_pass passes[EG_SCAN_PARTS_MAX]; /* over the input at next_input */
    uint32_t pass, pass_count;                 /* the next of them; equal: not told yet */
    struct egi_unit *parked;                   /* in no order */
    uint64_t open_units;
    uint32_t workers;
    bool reading; /* a worker is opening an input, or reading a stream, without the lock */
    bool held;
    struct eg_tally tally; /* of inputs that are over */
    struct egi_troubles troubles;
    struct eg_error error;
    atomic_bool failed; /* `error` is set; written with the lock */
    /* progress */
    atomic_ullong bytes_done, bytes_total, frames, datagrams, rows[EG_TABLE_COUNT];
    atomic_ullong known_bytes, known_frames, known_datagrams;
};

struct eg_scan_worker {
    struct eg_scan *scan;
    struct egi_unit *unit; /* only inside a call */
    struct egi_batches ready;
    struct egi_scratch scratch;
};

/* ---- errors and troubles ---- */

static enum eg_status scan_fail(struct eg_scan *scan, enum eg_status status,
                                const struct eg_error *err) {
    if (!atomic_load(&scan->failed)) {
        scan->error = *err;
        scan->error.status = status;
        atomic_store(&scan->failed, true);
    }
    pthread_cond_broadcast(&scan->changed);
    return status;
}

static enum eg_status scan_error(struct eg_scan *scan, struct eg_error *err) {
    pthread_mutex_lock(&scan->lock);
    enum eg_status status = scan->error.status;
    if (err) *err = scan->error;
    pthread_mutex_unlock(&scan->lock);
    return status;
}

/* With the lock. */
static void trouble_note(struct eg_scan *scan, size_t index, enum eg_status status,
                         enum eg_plan_state state, bool rest, const char *message) {
    struct eg_error err = {0};
    struct eg_trouble what = {.input = (char *)(uintptr_t)scan->request.inputs[index],
                              .status = status,
                              .state = state,
                              .rest = rest,
                              .message = (char *)(uintptr_t)message};
    if (egi_troubles_note(&scan->troubles, index, &what, &err) < 0)
        scan_fail(scan, EG_E_NOMEM, &err);
}

/* An input's source failed: a trouble of that input, or the end of the scan. With the lock. */
static void source_failed(struct eg_scan *scan, size_t index, enum eg_plan_state state,
                          enum eg_status status, const struct eg_error *why) {
    bool mild = status == EG_E_CUT ||
                (scan->request.keep_going && status != EG_E_CANCELLED && status != EG_E_NOMEM);
    if (mild)
        trouble_note(scan, index, status, state, false, why->message);
    else
        scan_fail(scan, status, why);
}

/* ---- progress ---- */

static void add(atomic_ullong *to, uint64_t more) {
    if (more) atomic_fetch_add_explicit(to, more, memory_order_relaxed);
}

static uint64_t load(const atomic_ullong *from) {
    return atomic_load_explicit((atomic_ullong *)(uintptr_t)from, memory_order_relaxed);
}

static void counts_add(struct eg_scan *scan, const struct egi_counts *counts) {
    add(&scan->frames, counts->frames);
    add(&scan->datagrams, counts->datagrams);
    add(&scan->known_frames, counts->known_frames);
    add(&scan->known_datagrams, counts->known_datagrams);
}

/* The input was read up to `done` of its bytes; a pipe's are as many as it gives. With the lock. */
static void bytes_note(struct eg_scan *scan, struct egi_input *input, uint64_t done) {
    bool endless = !input->plan.bytes && input->plan.bytes_read;
    if (!endless && done > input->plan.bytes) done = input->plan.bytes;
    if (done <= input->bytes_done) return;
    add(&scan->bytes_done, done - input->bytes_done);
    input->bytes_done = done;
}

/* Where a stream stands: as the source tells it, else as far as its records tell. With the lock. */
static void stream_note(struct eg_scan *scan, struct egi_input *input, const struct eg_batch *raw) {
    const uint32_t col = EG_COL(RAW, offset);
    if (input->plan.bytes_read)
        bytes_note(scan, input, load(input->plan.bytes_read));
    else if (raw->rows && eg_batch_valid(raw, col, raw->rows - 1))
        bytes_note(scan, input, (uint64_t)eg_col_i64(&raw->columns[col])[raw->rows - 1]);
}

struct eg_scan_progress eg_scan_progress(const struct eg_scan *scan) {
    struct eg_scan_progress seen = {load(&scan->bytes_done),
                                    load(&scan->bytes_total),
                                    load(&scan->frames),
                                    load(&scan->datagrams),
                                    {0},
                                    load(&scan->known_bytes),
                                    load(&scan->known_frames),
                                    load(&scan->known_datagrams)};
    for (int i = 0; i < EG_TABLE_COUNT; i++) seen.rows[i] = load(&scan->rows[i]);
    return seen;
}

/* ---- joining ---- */

/* Lets go of inputs that are over, in order; the one that is current stays for its position. */
static void inputs_settle(struct eg_scan *scan) {
    while (scan->inputs && scan->inputs->drained && scan->inputs != scan->current) {
        struct egi_input *input = scan->inputs;
        scan->inputs = input->next;
        eg_tally_merge(&scan->tally, &input->tally);
        egi_input_free(input);
    }
}

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
            bytes_note(scan, input, endless ? load(plan->bytes_read) : plan->bytes);
        } else {
            break;
        }
        counts_add(scan, &counts);
        if (status < 0) scan_fail(scan, status, &err);
        pthread_cond_broadcast(&scan->changed);
    }
    input->joining = false;
    inputs_settle(scan);
}

/* ---- taking ---- */

static enum eg_status pass_open_now(struct eg_scan *scan, struct egi_input **input,
                                    enum eg_plan_state *state, struct eg_error *err) {
    if (scan->pass == scan->pass_count) {
        scan->pass_count = egi_input_passes(&scan->env, &scan->request, &scan->known,
                                            scan->next_input, scan->passes);
        scan->pass = 0;
    }
    return egi_input_open(input, &scan->env, &scan->request, &scan->known, scan->next_input,
                          &scan->passes[scan->pass++], state, err);
}

/* Plans the next pass over the input at next_input, and opens it for that. */
static enum eg_status pass_open(struct eg_scan *scan, struct egi_input **input,
                                enum eg_plan_state *state, struct eg_error *err) {
    bool first = scan->pass == scan->pass_count;
    *input = NULL;
    *state = EG_PLAN_NEW;
    if (!first) EG_TRY(egi_known_settle(&scan->known, &scan->request, err));
    enum eg_status status = pass_open_now(scan, input, state, err);
    if (!first || status < 0 || !(*input)->plan.key[0] || /* a pipe cannot be opened again */
        !egi_known_waits(&scan->known, (*input)->plan.key))
        return status;
    egi_input_free(*input);
    *input = NULL;
    scan->pass = scan->pass_count = 0;
    EG_TRY(egi_known_settle(&scan->known, &scan->request, err));
    return pass_open_now(scan, input, state, err);
}

/* Asks for the input before its first pass, and plans it again where that brings news. Answers as
 * pass_open; `refused`: it is the claim that failed. */
static enum eg_status input_claim(struct eg_scan *scan, struct egi_input **input,
                                  enum eg_plan_state *state, bool *refused, struct eg_error *err) {
    const struct eg_scan_request *request = &scan->request;
    const struct eg_plan *plan = &(*input)->plan;
    struct eg_position *news = NULL;
    size_t count = 0;
    enum eg_status status =
        request->claim_source(request->claim_to, plan->key, plan->lock[0] ? plan->lock : plan->key,
                              (*input)->name, &news, &count, err);
    for (size_t i = 0; i < count && status >= 0; i++)
        status = egi_known_add(&scan->known, request, &news[i], err);
    if (status >= 0 && count) status = egi_known_settle(&scan->known, request, err);
    eg_free(news);
    *refused = status < 0;
    if (status < 0 || !count) return status;
    egi_input_free(*input);
    scan->pass = scan->pass_count = 0;
    return pass_open(scan, input, state, err);
}

/* Opens the next input, or begins the next pass over one. With the lock, which is given up
 * meanwhile. */
static void input_next(struct eg_scan *scan) {
    size_t index = scan->next_input;
    struct egi_input *input;
    enum eg_plan_state state;
    struct eg_error err = {0};
    bool refused = false;
    char told[TOLD_MAX] = "";
    scan->reading = true;
    pthread_mutex_unlock(&scan->lock);
    enum eg_status status = pass_open(scan, &input, &state, &err);
    if (status == EG_OK && scan->request.claim_source && input->plan.key[0] && scan->pass == 1)
        status = input_claim(scan, &input, &state, &refused, &err);
    if (status == EG_OK) status = egi_input_begin(input, &scan->known, &refused, &err);
    if (status == EG_END) {
        enum eg_status kept = egi_input_known(input, told, sizeof told, &err);
        refused = kept < 0;
        if (refused) status = kept;
    }
    pthread_mutex_lock(&scan->lock);
    scan->reading = false;
    pthread_cond_broadcast(&scan->changed);
    if (scan->pass == scan->pass_count) scan->next_input++;
    scan->current = NULL;
    inputs_settle(scan);
    if (status < 0) {
        if (refused)
            scan_fail(scan, status, &err);
        else
            source_failed(scan, index, state, status, &err);
        egi_input_free(input);
        return;
    }
    const char *warning = input->plan.warning;
    if (status == EG_END && !warning) {
        if (input->plan.like[0])
            eg_fail(&err, EG_OK, "%s: already ingested, it is the beginning of %s%s", input->name,
                    input->plan.like, told);
        else
            eg_fail(&err, EG_OK, "%s: already ingested, nothing in it is new%s", input->name, told);
        warning = err.message;
    }
    if (warning) trouble_note(scan, index, EG_OK, state, input->plan.rest, warning);
    if (status == EG_END) {
        egi_input_free(input);
        return;
    }
    add(&scan->bytes_total, input->plan.bytes);
    if (input->plan.resume_offset <= input->plan.bytes) /* else it is packed: nobody can tell */
        add(&scan->known_bytes, input->plan.resume_offset);
    scan->current = input;
    struct egi_input **at = &scan->inputs;
    while (*at) at = &(*at)->next;
    *at = input;
}

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
    int64_t now_us = scan->env.now_us(scan->env.clock), since_us = now_us - input->ticked_us;
    if (since_us >= 0 && since_us < TICK_US) return false;
    input->ticked_us = now_us;
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
            scan_fail(scan, eg_fail(&err, EG_E_CANCELLED, "interrupted"), &err);
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
        source_failed(scan, input->index, input->plan.state, status, &err);
    } else if (status < 0) {
        scan_fail(scan, status, &err);
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
        scan_fail(worker->scan, EG_E_NOMEM, &err);
        return;
    }
    unit_given(worker, unit);
    if (input->taken == input->plan.units) input->exhausted = true;
}

static struct egi_unit *unparked(struct egi_unit **at) {
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
        if ((*at)->joined || (!any && (*at)->parked_by == own)) return unparked(at);
        size_t a = (*at)->input->index, b = (*first)->input->index;
        if (a < b || (a == b && (*at)->number < (*first)->number)) first = at;
    }
    return any ? unparked(first) : NULL;
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
            input_next(scan);
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
    if (status < 0) scan_fail(scan, status, &err);
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
        source_failed(scan, input->index, input->plan.state, status, &err);
    } else if (status < 0) {
        scan_fail(scan, status, &err);
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
            add(&scan->rows[batch->table_id], batch->rows);
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
    return scan_error(scan, err);
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

/* ---- from outside ---- */

void eg_scan_hold(struct eg_scan *scan, bool hold) {
    pthread_mutex_lock(&scan->lock);
    scan->held = hold;
    if (!hold && scan->current && scan->current->exhausted && scan->current->drained) {
        scan->current = NULL;
        inputs_settle(scan);
    }
    pthread_cond_broadcast(&scan->changed);
    pthread_mutex_unlock(&scan->lock);
}

static bool input_over(const struct egi_input *input) { return input->exhausted && input->drained; }

bool eg_scan_over(struct eg_scan *scan) {
    pthread_mutex_lock(&scan->lock);
    bool over = scan->next_input == scan->request.input_count;
    for (struct egi_input *input = scan->inputs; input; input = input->next)
        over = over && input_over(input);
    pthread_mutex_unlock(&scan->lock);
    return over;
}

const char *eg_scan_input(struct eg_scan *scan) {
    pthread_mutex_lock(&scan->lock);
    const char *name = scan->current ? scan->current->name : NULL;
    pthread_mutex_unlock(&scan->lock);
    return name;
}

bool eg_scan_mark(struct eg_scan *scan, const struct eg_extract_type *extract,
                  const struct eg_position *reached, struct eg_position *out) {
    for (uint32_t i = 0; scan->current && i < scan->request.part_count; i++)
        if (scan->request.parts[i].extract == extract)
            return egi_input_mark(scan->current, i, reached, out);
    return false;
}

enum eg_status eg_scan_position(struct eg_scan *scan, struct eg_position *out,
                                struct eg_error *err) {
    struct egi_input *input = scan->current;
    if (!input || input->muted || input->settled == 0) return EG_END;
    uint64_t behind = input->settled, failed = atomic_load(&input->failed_at);
    if (failed < atomic_load(&input->given))
        return eg_fail(err, EG_E_IO,
                       "%s: a read failed before a place that had been read already: nothing of "
                       "this step is kept; run the same command again",
                       input->name);
    if (failed < behind) behind = failed;
    if (behind == 0) return EG_END;
    if (input->ahead) {
        *out = input->before;
        return EG_OK;
    }
    return scan->request.source->position(input->source, behind - 1, out, err);
}

enum eg_status eg_scan_know(struct eg_scan *scan, const struct eg_position *position,
                            struct eg_error *err) {
    return egi_known_add(&scan->known, &scan->request, position, err);
}

enum eg_status eg_scan_commit(struct eg_scan *scan, const struct eg_position *position,
                              struct eg_error *err) {
    struct egi_input *input = scan->current;
    return input ? scan->request.source->commit(input->source, position, err) : EG_OK;
}

void eg_scan_losses(struct eg_scan *scan, struct eg_tally *out) {
    eg_tally_merge(out, &scan->tally);
    eg_tally_reset(&scan->tally);
    for (struct egi_input *input = scan->inputs; input; input = input->next) {
        eg_tally_merge(out, &input->tally);
        eg_tally_reset(&input->tally);
    }
}

void eg_scan_stop(struct eg_scan *scan, const struct eg_error *err) {
    pthread_mutex_lock(&scan->lock);
    scan_fail(scan, err->status < 0 ? err->status : EG_E_CANCELLED, err);
    pthread_mutex_unlock(&scan->lock);
}

const struct eg_tally *eg_scan_tally(struct eg_scan *scan) {
    for (struct egi_input *input = scan->inputs; input; input = input->next) {
        eg_tally_merge(&scan->tally, &input->tally);
        eg_tally_reset(&input->tally);
    }
    return &scan->tally;
}

const struct eg_trouble *eg_scan_troubles(struct eg_scan *scan, size_t *count) {
    *count = scan->troubles.count;
    return scan->troubles.items;
}

/* ---- opening ---- */

static void *copy_of(const void *from, size_t count, size_t size) {
    void *copy = eg_calloc(count ? count : 1, size);
    if (copy && count) memcpy(copy, from, count * size);
    return copy;
}

static int part_order(const struct eg_scan_part *part) {
    return (int)part->extract->table * 2 + part->extract->holds;
}

static bool request_copy(struct eg_scan_request *to, const struct eg_scan_request *from) {
    *to = *from;
    char **inputs = eg_calloc(from->input_count + 1, sizeof(char *));
    to->inputs = (const char *const *)inputs;
    to->netflow_ports =
        copy_of(from->netflow_ports, from->netflow_port_count, sizeof *from->netflow_ports);
    to->known = NULL;
    if (from->input_parts)
        to->input_parts = copy_of(from->input_parts, from->input_count, sizeof *from->input_parts);
    bool whole = inputs && to->netflow_ports && (to->input_parts || !from->input_parts);
    for (size_t i = 0; whole && i < from->input_count; i++)
        whole = (inputs[i] = eg_strdup(from->inputs[i])) != NULL;
    /* a frame that held an export is claimed before its packet is looked at */
    for (uint32_t i = 1; i < to->part_count; i++)
        for (uint32_t k = i; k; k--) {
            struct eg_scan_part before = to->parts[k - 1];
            if (part_order(&to->parts[k]) >= part_order(&before)) break;
            to->parts[k - 1] = to->parts[k];
            to->parts[k] = before;
        }
    return whole;
}

static void request_reset(struct eg_scan_request *request) {
    for (size_t i = 0; request->inputs && i < request->input_count; i++)
        eg_free((void *)(uintptr_t)request->inputs[i]);
    eg_free((void *)(uintptr_t)request->inputs);
    eg_free((void *)(uintptr_t)request->netflow_ports);
    eg_free((void *)(uintptr_t)request->input_parts);
}

enum eg_status eg_scan_open(struct eg_scan **out, const struct eg_env *env,
                            const struct eg_scan_request *request, struct eg_error *err) {
    EG_ASSERT(request->part_count > 0 && request->part_count <= EG_SCAN_PARTS_MAX);
    EG_ASSERT(request->source->abi == EG_STAGE_ABI);
    struct eg_scan *scan = eg_calloc(1, sizeof *scan);
    if (!scan) return eg_fail(err, EG_E_NOMEM, "no memory for a scan");
    scan->env = *env;
    if (scan->env.batch_rows == 0) scan->env.batch_rows = EG_BATCH_ROWS;
    pthread_mutex_init(&scan->lock, NULL);
    pthread_cond_init(&scan->changed, NULL);
    if (!request_copy(&scan->request, request) ||
        egi_known_init(&scan->known, &scan->request, request->known, request->known_count, NULL) <
            0) {
        eg_scan_free(scan);
        return eg_fail(err, EG_E_NOMEM, "no memory for a scan");
    }
    if (request->input_count) {
        pthread_mutex_lock(&scan->lock);
        input_next(scan);
        pthread_mutex_unlock(&scan->lock);
    }
    if (atomic_load(&scan->failed)) {
        enum eg_status status = scan_error(scan, err);
        eg_scan_free(scan);
        return status;
    }
    *out = scan;
    return EG_OK;
}

void eg_scan_free(struct eg_scan *scan) {
    if (!scan) return;
    EG_ASSERT(scan->workers == 0);
    struct egi_unit *unit;
    while ((unit = unparked(&scan->parked))) egi_unit_pend(unit); /* freed with its input */
    while (scan->inputs) {
        struct egi_input *input = scan->inputs;
        scan->inputs = input->next;
        egi_input_free(input);
    }
    egi_troubles_reset(&scan->troubles);
    eg_tally_reset(&scan->tally);
    egi_known_reset(&scan->known);
    request_reset(&scan->request);
    pthread_cond_destroy(&scan->changed);
    pthread_mutex_destroy(&scan->lock);
    eg_free(scan);
}
