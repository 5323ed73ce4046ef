/* SPDX-License-Identifier: Apache-2.0
 * Packets by reading captures from end to end. Threads take the units of a capture in turn (of one that
 * has none, its batches), look for what is asked, and give it out in the order of the capture: who is
 * done early waits for the turn. */
#include "query/retrieval.h"

#include "base/alloc.h"
#include "base/utf8.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MAX 64
#define RECORD_HEAD 16         /* bytes a packet takes besides itself, about */
#define SMALL_BYTES (8u << 20) /* for less, no thread is made */

/* A batch and those of its rows that are selected. */
struct piece {
    struct eg_batch *batch;
    uint32_t *rows;
    uint32_t count;
};

/* A unit on its way out. */
struct job {
    uint64_t number;
    struct piece *pieces;
    size_t count, room;
    enum eg_status status; /* how reading it ended */
    struct eg_error error;
};

struct scan {
    const struct eg_env *env;
    const struct eg_retrieval *how;
    struct eg_retrieved *account;
    struct eg_retrieved_capture *capture; /* of the account */
    const struct eg_source_type *type;
    void *options;
    struct eg_source *source;
    struct eg_plan plan;
    struct eg_frame_question question;
    pthread_mutex_t reading; /* guards `next`, `over`, and the next batch of a stream */
    uint64_t next;
    bool over;            /* there is no further job */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t turned;
    uint64_t turn;
    bool stop; /* for good: enough, or a failure */
    bool enough;
    enum eg_status status;
    struct eg_error error;
    int64_t damaged; /* records of the capture at hand that were passed over */
};

/* ---- reading ---- */

static enum eg_status piece_add(struct job *job, struct eg_frame_rows *rows, struct eg_batch *batch,
                                struct eg_error *err) {
    struct piece piece = {.batch = batch};
    if (job->count == job->room) {
        size_t room = job->room ? job->room * 2 : 4;
        struct piece *more = eg_realloc(job->pieces, room, sizeof *more);
        if (!more) return eg_fail(err, EG_E_NOMEM, "no memory to look for packets");
        job->pieces = more;
        job->room = room;
    }
    piece.rows = eg_calloc(batch->rows, sizeof *piece.rows);
    if (!piece.rows) return eg_fail(err, EG_E_NOMEM, "no memory to look for packets");
    enum eg_status status = eg_frame_rows_select(rows, batch, piece.rows, &piece.count, err);
    if (status < 0) {
        eg_free(piece.rows);
        return status;
    }
    job->pieces[job->count++] = piece;
    return EG_OK;
}

static void job_clear(struct job *job) {
    for (size_t i = 0; i < job->count; i++) {
        eg_batch_unref(job->pieces[i].batch);
        eg_free(job->pieces[i].rows);
    }
    job->count = 0;
}

/* The next batch of the job's unit into it. */
static enum eg_status batch_take(struct scan *s, struct job *job, struct eg_frame_rows *rows,
                                 struct eg_tally *tally, struct eg_error *err) {
    struct eg_batch *batch;
    enum eg_status status = s->type->next(s->source, job->number, &batch, tally, err);
    if (status != EG_OK) return status;
    status = piece_add(job, rows, batch, err);
    if (status < 0) eg_batch_unref(batch);
    return status;
}

static void unit_read(struct scan *s, struct job *job, struct eg_frame_rows *rows,
                      struct eg_tally *tally) {
    do {
        job->status = batch_take(s, job, rows, tally, &job->error);
        if (eg_env_cancelled(s->env) && job->status >= 0)
            job->status = eg_fail(&job->error, EG_E_CANCELLED, "interrupted");
    } while (job->status == EG_OK);
}

/* A batch of a stream: taken in order, looked at beside others. */
static bool stream_take(struct scan *s, struct job *job, struct eg_batch **batch,
                        struct eg_tally *tally) {
    pthread_mutex_lock(&s->reading);
    bool taken = !s->over;
    if (taken) {
        job->number = s->next++;
        job->status = s->type->next(s->source, job->number, batch, tally, &job->error);
        s->over = job->status != EG_OK;
    }
    pthread_mutex_unlock(&s->reading);
    return taken;
}

/* The next job, read and looked through; false: there is none. */
static bool job_take(struct scan *s, struct job *job, struct eg_frame_rows *rows,
                     struct eg_tally *tally) {
    if (s->plan.units == EG_UNITS_STREAM) {
        struct eg_batch *batch = NULL;
        if (!stream_take(s, job, &batch, tally)) return false;
        if (job->status == EG_OK) job->status = piece_add(job, rows, batch, &job->error);
        if (job->status < 0) eg_batch_unref(batch);
        return true;
    }
    pthread_mutex_lock(&s->reading);
    bool taken = !s->over && s->next < s->plan.units;
    if (taken) job->number = s->next++;
    pthread_mutex_unlock(&s->reading);
    if (taken) unit_read(s, job, rows, tally);
    return taken;
}

/* ---- giving out ---- */

static enum eg_status piece_give(struct scan *s, const struct piece *piece, struct eg_error *err) {
    const struct eg_column *offsets = &piece->batch->columns[EG_COL(RAW, offset)];
    const struct eg_column *names = &piece->batch->columns[EG_COL(RAW, interface)];
    struct eg_found found = {.file = s->question.input_name};
    for (uint32_t i = 0; i < piece->count; i++) {
        uint32_t row = piece->rows[i];
        eg_frame_of_row(piece->batch, row, &found.frame);
        found.offset = (uint64_t)eg_col_i64(offsets)[row];
        found.interface = eg_span(NULL, 0);
        if (eg_batch_valid(piece->batch, EG_COL(RAW, interface), row))
            found.interface = eg_col_text(names, row);
        s->account->found++;
        s->capture->found++;
        EG_TRY(s->how->put(s->how->put_to, &found, err));
        if (s->how->count_max && s->account->found >= s->how->count_max) return EG_END;
    }
    return EG_OK;
}

static void piece_count(struct scan *s, const struct piece *piece) {
    const struct eg_span *payloads = eg_col_view(&piece->batch->columns[EG_COL(RAW, payload)]);
    uint64_t bytes = 0;
    for (uint32_t row = 0; row < piece->batch->rows; row++)
        bytes += payloads[row].size + RECORD_HEAD;
    s->account->frames += piece->batch->rows;
    s->capture->frames += piece->batch->rows;
    s->account->bytes += bytes;
    s->capture->bytes += bytes;
}

static void progress_tell(struct scan *s) {
    struct eg_scan_progress seen = {.bytes_done = s->account->bytes, .frames = s->account->frames};
    seen.rows[EG_TABLE_PACKETS] = s->account->found;
    if (s->how->progress) s->how->progress(s->how->progress_to, &seen);
}

/* What is found in a job, then how reading it ended. EG_END: that was enough. */
static enum eg_status job_give(struct scan *s, struct job *job, struct eg_error *err) {
    for (size_t i = 0; i < job->count; i++) {
        piece_count(s, &job->pieces[i]);
        enum eg_status status = piece_give(s, &job->pieces[i], err);
        if (status != EG_OK) return status;
    }
    progress_tell(s);
    if (job->status == EG_E_CUT) {
        if (!s->account->trouble[0])
            snprintf(s->account->trouble, sizeof s->account->trouble, "%s", job->error.message);
    } else if (job->status < 0) {
        *err = job->error;
        return job->status;
    }
    return EG_OK;
}

/* Waits for the job's turn and takes it; false: it is over for all. */
static bool job_turn(struct scan *s, struct job *job) {
    struct eg_error err = {.status = EG_OK};
    pthread_mutex_lock(&s->lock);
    while (s->turn != job->number && !s->stop) pthread_cond_wait(&s->turned, &s->lock);
    bool mine = !s->stop;
    pthread_mutex_unlock(&s->lock);
    if (!mine) return false;
    enum eg_status status = job_give(s, job, &err);
    pthread_mutex_lock(&s->lock);
    s->turn++;
    if (status != EG_OK) {
        s->stop = true;
        s->enough = status == EG_END;
        s->status = status < 0 ? status : EG_OK;
        s->error = err;
    }
    pthread_cond_broadcast(&s->turned);
    pthread_mutex_unlock(&s->lock);
    return status == EG_OK;
}

static void scan_fail(struct scan *s, enum eg_status status, const struct eg_error *err) {
    pthread_mutex_lock(&s->lock);
    if (!s->stop) {
        s->status = status;
        s->error = *err;
    }
    s->stop = true;
    pthread_cond_broadcast(&s->turned);
    pthread_mutex_unlock(&s->lock);
}

static void *worker_run(void *given) {
    struct scan *s = given;
    struct eg_frame_rows *rows = NULL;
    struct eg_tally tally = {0};
    struct eg_error err;
    enum eg_status status = eg_frame_rows_new(&rows, s->env, &s->question, &err);
    if (status < 0) {
        scan_fail(s, status, &err);
        return NULL;
    }
    struct job job = {0};
    for (bool on = true; on && job_take(s, &job, rows, &tally); job_clear(&job))
        on = job_turn(s, &job);
    eg_free(job.pieces);
    pthread_mutex_lock(&s->lock);
    s->damaged += eg_tally_sum(&tally, EG_CAUSE_capture_damaged).records;
    pthread_mutex_unlock(&s->lock);
    eg_tally_reset(&tally);
    eg_frame_rows_free(rows);
    return NULL;
}

/* ---- captures ---- */

static uint32_t threads_for(const struct scan *s) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t threads = s->how->threads ? s->how->threads : cores > 0 ? (uint32_t)cores : 1;
    if (s->plan.bytes && s->plan.bytes < SMALL_BYTES) threads = 1;
    return threads < THREADS_MAX ? threads : THREADS_MAX;
}

static void workers_run(struct scan *s) {
    pthread_t threads[THREADS_MAX];
    uint32_t count = 0, wanted = threads_for(s) - 1;
    while (count < wanted && pthread_create(&threads[count], NULL, worker_run, s) == 0) count++;
    worker_run(s);
    for (uint32_t i = 0; i < count; i++) pthread_join(threads[i], NULL);
}

static enum eg_status capture_read(struct scan *s, const char *input, struct eg_error *err) {
    EG_TRY(s->type->open(s->env, input, s->options, &s->source, err));
    enum eg_status status = s->type->plan(s->source, NULL, 0, &s->plan, err);
    char *name = eg_utf8_escaped(input);
    s->question.input_name = name;
    s->capture = name ? eg_retrieved_of(s->account, name) : NULL;
    if (status >= 0 && !s->capture)
        status = eg_fail(err, EG_E_NOMEM, "no memory to read %s", input);
    s->next = s->turn = 0;
    s->over = false;
    s->damaged = 0;
    if (status >= 0) {
        workers_run(s);
        status = s->status;
        if (status < 0 && err) *err = s->error;
    }
    if (s->damaged > 0 && !s->account->trouble[0])
        snprintf(s->account->trouble, sizeof s->account->trouble,
                 "%.200s is damaged: %lld records of it could not be read", input,
                 (long long)s->damaged);
    s->type->close(s->source);
    s->question.input_name = NULL;
    eg_free(name);
    return status;
}

enum eg_status eg_retrieve_scan(const struct eg_env *env, const struct eg_retrieval *how,
                                struct eg_retrieved *account, struct eg_error *err) {
    const struct eg_packets_request *packets = how->packets;
    const struct eg_stage *stage = eg_registry_find(EG_STAGE_source, "file");
    EG_ASSERT(stage && stage->type);
    struct scan s = {
        .env = env,
        .how = how,
        .account = account,
        .type = stage->type,
        .status = EG_OK,
        .question = {.filter = packets->origin.filter,
                     .from_us = packets->origin.from_us,
                     .to_us = packets->origin.to_us,
                     .both = packets->both,
                     .outermost = packets->outermost,
                     .tests = how->tests,
                     .test_count = how->test_count},
    };
    pthread_mutex_init(&s.reading, NULL);
    pthread_mutex_init(&s.lock, NULL);
    pthread_cond_init(&s.turned, NULL);
    s.options = eg_calloc(1, s.type->options_size);
    enum eg_status status = s.options ? eg_options_preset(s.type->options, s.options, err)
                                      : eg_fail(err, EG_E_NOMEM, "no memory to read captures");
    for (size_t i = 0; i < packets->origin.capture_count && status >= 0 && !s.enough; i++)
        status = capture_read(&s, packets->origin.captures[i], err);
    if (s.options) eg_options_reset(s.type->options, s.options);
    eg_free(s.options);
    pthread_cond_destroy(&s.turned);
    pthread_mutex_destroy(&s.lock);
    pthread_mutex_destroy(&s.reading);
    return status;
}
