/* SPDX-License-Identifier: Apache-2.0
 * What stages share: the plain environment, the functions that do nothing, and where rows go when
 * a batch is full. */
#include "table/stage.h"

#include "base/alloc.h"

#include <time.h>

static int64_t clock_read(clockid_t which) {
    struct timespec now;
    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t clock_now_us(void *clock) {
    (void)clock;
    return clock_read(CLOCK_REALTIME);
}

int64_t eg_env_steady_us(const struct eg_env *env) {
    return env->steady_us ? env->steady_us(env->clock) : clock_read(CLOCK_BOOTTIME);
}

static void log_nothing(void *log_to, int level, const char *message) {
    (void)log_to;
    (void)level;
    (void)message;
}

const struct eg_env eg_env_plain = {
    .now_us = clock_now_us,
    .log = log_nothing,
    .batch_rows = EG_BATCH_ROWS,
};

enum eg_status eg_source_commit_nop(struct eg_source *source, const struct eg_position *position,
                                    struct eg_error *err) {
    (void)source;
    (void)position;
    (void)err;
    return EG_OK;
}

enum eg_status eg_sink_flush_nop(struct eg_sink *sink, const struct eg_position *positions,
                                 size_t count, struct eg_error *err) {
    (void)sink;
    (void)positions;
    (void)count;
    (void)err;
    return EG_OK;
}

enum eg_status eg_sink_positions_none(struct eg_sink *sink, struct eg_position **out, size_t *count,
                                      struct eg_error *err) {
    (void)sink;
    (void)err;
    *out = NULL;
    *count = 0;
    return EG_OK;
}

void eg_sink_losses_none(struct eg_sink *sink, struct eg_tally *tally) {
    (void)sink;
    (void)tally;
}

enum eg_status eg_extract_join_nop(struct eg_extract *extract, struct eg_extract_unit *unit,
                                   struct eg_out *out, struct eg_error *err) {
    (void)extract;
    (void)unit;
    (void)out;
    (void)err;
    return EG_OK;
}

enum eg_status eg_decoder_open_nop(const struct eg_env *env, const void *options,
                                   struct eg_book *book, struct eg_decoder **out,
                                   struct eg_error *err) {
    (void)env;
    (void)options;
    (void)book;
    (void)err;
    *out = NULL;
    return EG_OK;
}

void eg_decoder_learn_nop(struct eg_decoder *decoder, const struct eg_datagram *datagram,
                          struct eg_sequence_note *note, struct eg_tally *tally) {
    (void)decoder;
    (void)datagram;
    (void)note;
    (void)tally;
}

void eg_decoder_close_nop(struct eg_decoder *decoder) { (void)decoder; }

/* ---- rows on their way out ---- */

static bool ready_reserve(struct eg_out *out) {
    if (out->ready_count < out->ready_room) return true;
    uint32_t room = out->ready_room ? out->ready_room * 2 : 8;
    struct eg_batch **ready = eg_realloc(out->ready, room, sizeof(struct eg_batch *));
    if (!ready) return false;
    out->ready = ready;
    out->ready_room = room;
    return true;
}

static void builder_seal(struct eg_out *out, struct eg_builder *builder) {
    uint32_t rows = builder->rows;
    bool has_place = ready_reserve(out);
    struct eg_batch *batch;
    enum eg_status status = eg_builder_seal(builder, &batch, NULL);
    if (status == EG_OK && has_place) {
        batch->unit = out->unit;
        out->ready[out->ready_count++] = batch;
        return;
    }
    if (status == EG_END) return;
    if (status == EG_OK) eg_batch_unref(batch);
    out->failed = true;
    bool frames = builder->table_id == EG_TABLE_PACKETS || builder->table_id == EG_TABLE_RAW;
    eg_tally_add(&out->tally, EG_CAUSE_no_memory, NULL, INT64_MIN, frames ? 0 : rows,
                 frames ? rows : 0, 0);
}

void eg_out_seal(struct eg_out *out) {
    builder_seal(out, out->rows);
    if (out->also) builder_seal(out, out->also);
}

uint32_t eg_out_room(struct eg_out *out, uint32_t want) {
    if (eg_builder_room(out->rows) == 0) builder_seal(out, out->rows);
    uint32_t room = eg_builder_room(out->rows);
    return want < room ? (want ? want : 1) : room;
}

bool eg_out_also(struct eg_out *out) {
    if (out->also && eg_builder_room(out->also) == 0) builder_seal(out, out->also);
    return out->also;
}
