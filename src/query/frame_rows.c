/* SPDX-License-Identifier: Apache-2.0
 * Frames selected without an index. The filter is about rows of `packets`: the extract makes them, with
 * the columns that the filter reads, and its k-th row is that of the k-th frame (datagrams and messages have none). */
#include "query/frame_rows.h"

#include "base/alloc.h"

#include <string.h>

struct eg_frame_rows {
    struct eg_frame_question question;
    const struct eg_predicate *predicate; /* NULL: none */
    const struct eg_extract_type *type;
    struct eg_metering metering;
    struct eg_extract *extract;
    struct eg_out out;
    struct eg_column *exchanged; /* room for the columns of a batch seen from the other end */
    uint32_t *some;              /* row numbers */
    uint8_t *chosen;             /* a byte a row */
    uint32_t room;
    struct eg_builder *one; /* for a frame by itself */
    uint64_t units;
};

/* Columns that change places where a packet is seen from the other end. */
static const uint32_t ends[][2] = {
    {EG_COL(PACKETS, src_ip), EG_COL(PACKETS, dst_ip)},
    {EG_COL(PACKETS, src_port), EG_COL(PACKETS, dst_port)},
    {EG_COL(PACKETS, src_mac), EG_COL(PACKETS, dst_mac)},
    {EG_COL(PACKETS, outer_src_ip), EG_COL(PACKETS, outer_dst_ip)},
};
#define ENDS (sizeof ends / sizeof *ends)

uint32_t eg_packet_column_other_end(uint32_t col) {
    for (size_t i = 0; i < ENDS; i++)
        for (size_t k = 0; k < 2; k++)
            if (ends[i][k] == col) return ends[i][1 - k];
    return col;
}

struct eg_batch eg_packets_other_end(const struct eg_batch *batch, struct eg_column *columns) {
    for (uint32_t i = 0; i < batch->table->count; i++)
        columns[i] = batch->columns[eg_packet_column_other_end(i)];
    return (struct eg_batch){.table = batch->table,
                             .table_id = batch->table_id,
                             .rows = batch->rows,
                             .columns = columns};
}

static eg_column_set columns_read(const struct eg_frame_rows *f) {
    eg_column_set columns = f->predicate->columns;
    for (size_t i = 0; i < ENDS && f->question.both; i++) {
        eg_column_set pair = UINT64_C(1) << ends[i][0] | UINT64_C(1) << ends[i][1];
        if (columns & pair) columns |= pair;
    }
    return columns;
}

static enum eg_status extract_open(struct eg_frame_rows *f, const struct eg_env *env,
                                   struct eg_error *err) {
    const struct eg_stage *stage = eg_registry_find(EG_STAGE_extract, "packets");
    EG_ASSERT(stage && stage->type);
    f->type = stage->type;
    f->metering.outermost = f->question.outermost;
    eg_column_set columns = columns_read(f);
    struct eg_extract_options options = {
        .columns = columns, .input_name = f->question.input_name, .metering = &f->metering};
    EG_TRY(f->type->open(env, &options, &f->extract, err));
    EG_TRY(eg_builder_new(&f->out.rows, eg_table_get(EG_TABLE_PACKETS), EG_TABLE_PACKETS,
                          env->batch_rows, columns, err));
    f->exchanged = eg_calloc(eg_table_get(EG_TABLE_PACKETS)->count, sizeof *f->exchanged);
    return f->exchanged ? EG_OK : eg_fail(err, EG_E_NOMEM, "no memory to select packets");
}

enum eg_status eg_frame_rows_new(struct eg_frame_rows **out, const struct eg_env *env,
                                 const struct eg_frame_question *question, struct eg_error *err) {
    struct eg_frame_rows *f = eg_calloc(1, sizeof *f);
    if (!f) return eg_fail(err, EG_E_NOMEM, "no memory to select packets");
    f->question = *question;
    enum eg_status status = EG_OK;
    if (question->filter && !eg_filter_is_all(question->filter)) {
        f->predicate = eg_filter_predicate(question->filter);
        status = extract_open(f, env, err);
    }
    if (status < 0) {
        eg_frame_rows_free(f);
        return status;
    }
    *out = f;
    return EG_OK;
}

static void ready_drop(struct eg_out *out) {
    for (uint32_t i = 0; i < out->ready_count; i++) eg_batch_unref(out->ready[i]);
    out->ready_count = 0;
}

void eg_frame_rows_free(struct eg_frame_rows *f) {
    if (!f) return;
    ready_drop(&f->out);
    eg_free(f->out.ready);
    eg_builder_free(f->out.rows);
    eg_builder_free(f->one);
    eg_tally_reset(&f->out.tally);
    if (f->extract) f->type->close(f->extract);
    eg_free(f->exchanged);
    eg_free(f->some);
    eg_free(f->chosen);
    eg_free(f);
}

bool eg_frame_of_row(const struct eg_batch *raw, uint32_t row, struct eg_frame *out) {
    const struct eg_column *c = raw->columns;
    if (!eg_batch_valid(raw, EG_COL(RAW, link_type), row)) return false;
    *out = (struct eg_frame){
        .time_ns = EG_FRAME_NO_TIME,
        .link_type = eg_col_i32(&c[EG_COL(RAW, link_type)])[row],
        .interface = -1,
        .payload = eg_col_view(&c[EG_COL(RAW, payload)])[row],
    };
    if (eg_batch_valid(raw, EG_COL(RAW, time_ns), row))
        out->time_ns = eg_col_i64(&c[EG_COL(RAW, time_ns)])[row];
    int64_t length = eg_batch_valid(raw, EG_COL(RAW, length), row)
                         ? eg_col_i64(&c[EG_COL(RAW, length)])[row]
                         : 0;
    out->length = length > (int64_t)out->payload.size ? (uint64_t)length : out->payload.size;
    return true;
}

/* ---- the filter ---- */

static bool room_make(struct eg_frame_rows *f, uint32_t rows) {
    if (f->room >= rows) return true;
    eg_free(f->some);
    eg_free(f->chosen);
    f->some = eg_calloc(rows, sizeof *f->some);
    f->chosen = eg_calloc(rows, 1);
    f->room = f->some && f->chosen ? rows : 0;
    return f->room > 0;
}

static void rows_choose(struct eg_frame_rows *f, const struct eg_batch *batch, uint32_t base) {
    uint32_t count = f->predicate->select(f->predicate, batch, f->some);
    for (uint32_t i = 0; i < count; i++) f->chosen[base + f->some[i]] = 1;
    if (!f->question.both) return;
    struct eg_batch other = eg_packets_other_end(batch, f->exchanged);
    count = f->predicate->select(f->predicate, &other, f->some);
    for (uint32_t i = 0; i < count; i++) f->chosen[base + f->some[i]] = 1;
}

static enum eg_status rows_make(struct eg_frame_rows *f, struct eg_batch *raw,
                                struct eg_error *err) {
    struct eg_extract_unit *unit;
    EG_TRY(f->type->begin(f->extract, f->units++, &unit, err));
    enum eg_status status = f->type->feed(unit, raw, NULL, &f->out, err);
    if (status >= 0) status = f->type->join(f->extract, unit, &f->out, err);
    enum eg_status finished = f->type->finish(unit, &f->out, status < 0 ? NULL : err);
    eg_out_seal(&f->out);
    if (status >= 0) status = finished;
    if (status >= 0 && f->out.failed) status = eg_fail(err, EG_E_NOMEM, "no memory for packets");
    return status;
}

/* Marks the rows for which the filter holds in `chosen`. */
static enum eg_status filter_apply(struct eg_frame_rows *f, struct eg_batch *raw,
                                   struct eg_error *err) {
    if (!room_make(f, raw->rows)) return eg_fail(err, EG_E_NOMEM, "no memory to select packets");
    memset(f->chosen, 0, raw->rows);
    enum eg_status status = rows_make(f, raw, err);
    uint32_t base = 0;
    for (uint32_t i = 0; status >= 0 && i < f->out.ready_count; i++) {
        struct eg_batch *batch = f->out.ready[i];
        EG_ASSERT(base + batch->rows <= raw->rows);
        rows_choose(f, batch, base);
        base += batch->rows;
    }
    ready_drop(&f->out);
    return status;
}

/* ---- selecting ---- */

static int64_t floor_us(int64_t time_ns) { return time_ns / 1000 - (time_ns % 1000 < 0); }

static bool in_time(const struct eg_frame_question *q, const struct eg_frame *frame) {
    if (q->from_us == INT64_MIN && q->to_us == INT64_MAX) return true;
    if (frame->time_ns == EG_FRAME_NO_TIME) return false;
    int64_t time_us = floor_us(frame->time_ns);
    return time_us >= q->from_us && time_us <= q->to_us;
}

static bool tests_hold(const struct eg_frame_question *q, const struct eg_frame *frame) {
    for (size_t i = 0; i < q->test_count; i++)
        if (!eg_frame_test_holds(q->tests[i], frame, NULL)) return false;
    return true;
}

enum eg_status eg_frame_rows_select(struct eg_frame_rows *f, struct eg_batch *raw, uint32_t *rows,
                                    uint32_t *count, struct eg_error *err) {
    uint32_t frames = 0;
    *count = 0;
    if (f->predicate) EG_TRY(filter_apply(f, raw, err));
    for (uint32_t row = 0; row < raw->rows; row++) {
        struct eg_frame frame;
        if (!eg_frame_of_row(raw, row, &frame)) continue;
        if (f->predicate && !f->chosen[frames++]) continue;
        if (!in_time(&f->question, &frame)) continue;
        if (f->question.test_count && !tests_hold(&f->question, &frame)) continue;
        rows[(*count)++] = row;
    }
    return EG_OK;
}

enum eg_status eg_frame_rows_holds(struct eg_frame_rows *f, const struct eg_frame *frame,
                                   bool *holds, struct eg_error *err) {
    *holds = false;
    if (!f->predicate) {
        *holds = in_time(&f->question, frame) && tests_hold(&f->question, frame);
        return EG_OK;
    }
    struct eg_batch *raw;
    uint32_t row, count;
    if (!f->one)
        EG_TRY(eg_builder_new(&f->one, eg_table_get(EG_TABLE_RAW), EG_TABLE_RAW, 1, EG_COLUMNS_ALL,
                              err));
    if (frame->time_ns != EG_FRAME_NO_TIME)
        eg_put_int(f->one, EG_COL(RAW, time_ns), frame->time_ns);
    eg_put_int(f->one, EG_COL(RAW, link_type), frame->link_type);
    eg_put_int(f->one, EG_COL(RAW, length), (int64_t)frame->length);
    eg_put_view(f->one, EG_COL(RAW, payload), frame->payload);
    eg_put_int(f->one, EG_COL(RAW, offset), 0);
    eg_builder_row(f->one, 1);
    EG_TRY(eg_builder_seal(f->one, &raw, err));
    enum eg_status status = eg_frame_rows_select(f, raw, &row, &count, err);
    eg_batch_unref(raw);
    *holds = status >= 0 && count == 1;
    return status;
}
