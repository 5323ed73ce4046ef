/* SPDX-License-Identifier: Apache-2.0
 * Single packets out of a sequence file. */
#include "source/pick_records.h"

#include "base/alloc.h"
#include "source/frames.h"

#define SEARCH_BYTES (64u << 10) /* for a mark, at once */
#define NUMBER_MAX 9u

struct eg_pick_records {
    struct eg_seqfile file;
    eg_pick_reach reach;
    void *from;
    struct eg_seqfile_reader *reader;
    struct eg_builder *builder;
    struct eg_batch *row;    /* the one given out */
    struct eg_tally remarks; /* nobody asks for them */
    uint64_t at;             /* where the reader goes on */
    /* of a file of blocks: the one that the reader is in, and where the next one begins */
    uint64_t begin, end, last; /* `last`: the row given out; 0: none */
};

enum eg_status eg_pick_records_new(struct eg_pick_records **out, const struct eg_seqfile *file,
                                   eg_pick_reach reach, void *from, struct eg_error *err) {
    struct eg_pick_records *p = eg_calloc(1, sizeof *p);
    if (!p) return eg_fail(err, EG_E_NOMEM, "no memory to read a sequence file");
    p->file = *file;
    p->reach = reach;
    p->from = from;
    enum eg_status status = eg_seqfile_reader_new(&p->reader, file, err);
    if (status == EG_OK) status = eg_frames_builder(&p->builder, 1, err);
    if (status < 0) {
        eg_pick_records_free(p);
        return status;
    }
    *out = p;
    return EG_OK;
}

void eg_pick_records_free(struct eg_pick_records *p) {
    if (!p) return;
    eg_batch_unref(p->row);
    eg_builder_free(p->builder);
    eg_seqfile_reader_free(p->reader);
    eg_tally_reset(&p->remarks);
    eg_free(p);
}

/* ---- rows ---- */

/* The next row that the reader gives, into p->row. EG_END: something else stands there. */
static enum eg_status row_next(struct eg_pick_records *p, struct eg_error *err) {
    eg_batch_unref(p->row);
    p->row = NULL;
    for (size_t want = 1;;) {
        struct eg_span have;
        struct eg_seqfile_step step;
        struct eg_record_note note;
        EG_TRY(p->reach(p->from, p->at, want, &have, err));
        enum eg_record record =
            eg_seqfile_reader_step(p->reader, have, p->at, p->builder, &step, &note, &p->remarks);
        p->at += step.took;
        if (record == EG_RECORD_NO_MEMORY)
            return eg_fail(err, EG_E_NOMEM, "no memory to read a sequence file");
        if (record == EG_RECORD_FRAME) break;
        if (eg_seqfile_reader_lost(p->reader)) return EG_END;
        bool blocks = p->file.layout == EG_SEQFILE_BLOCKS;
        if (record == EG_RECORD_OTHER && (!blocks || !step.inside)) return EG_END;
        if (record == EG_RECORD_MORE && have.size < note.size && have.size < want &&
            !eg_seqfile_reader_over(p->reader, have))
            return EG_E_CUT;
        want = record == EG_RECORD_MORE ? (size_t)note.size : 1;
    }
    enum eg_status status = eg_builder_seal(p->builder, &p->row, err);
    eg_seqfile_reader_sealed(p->reader);
    return status;
}

static uint64_t row_offset(const struct eg_pick_records *p) {
    return (uint64_t)eg_col_int(&p->row->columns[EG_COL(RAW, offset)], 0);
}

static void frame_of(const struct eg_pick_records *p, struct eg_frame *out) {
    const struct eg_column *c = p->row->columns;
    bool timed = eg_batch_valid(p->row, EG_COL(RAW, time_ns), 0);
    *out = (struct eg_frame){
        .time_ns = timed ? eg_col_int(&c[EG_COL(RAW, time_ns)], 0) : EG_FRAME_NO_TIME,
        .link_type = (int32_t)eg_col_int(&c[EG_COL(RAW, link_type)], 0),
        .interface = -1,
        .length = (uint64_t)eg_col_int(&c[EG_COL(RAW, length)], 0),
        .payload = eg_col_view(&c[EG_COL(RAW, payload)])[0],
    };
}

/* ---- blocks ---- */

/* Where the block that begins at `begin` ends, by its own lengths. EG_END: no block is there. */
static enum eg_status block_measure(struct eg_pick_records *p, uint64_t begin, uint64_t *end,
                                    struct eg_error *err) {
    struct eg_span have;
    struct eg_record_note note;
    uint32_t count;
    EG_TRY(p->reach(p->from, begin, EG_SEQFILE_MARK + NUMBER_MAX, &have, err));
    if (eg_seqfile_block(&p->file, have, &count, &note) != EG_RECORD_OTHER) return EG_END;
    *end = begin + note.size;
    for (int piece = 0; piece < 4; piece++) {
        int64_t size;
        size_t took;
        EG_TRY(p->reach(p->from, *end, NUMBER_MAX, &have, err));
        if (!eg_seqfile_number(have, &size, &took) || size < 0 || size > INT32_MAX) return EG_END;
        *end += took + (uint64_t)size;
    }
    return EG_OK;
}

/* The next mark behind `from`. EG_END: there is none. */
static enum eg_status mark_next(struct eg_pick_records *p, uint64_t from, uint64_t *at,
                                struct eg_error *err) {
    for (bool found = false;;) {
        struct eg_span have;
        EG_TRY(p->reach(p->from, from, SEARCH_BYTES, &have, err));
        if (have.size < EG_SEQFILE_MARK) return EG_END;
        *at = from + eg_seqfile_mark_find(&p->file, have, 0, &found);
        if (found) return EG_OK;
        from = *at;
    }
}

static enum eg_status block_row(struct eg_pick_records *p, uint64_t offset, struct eg_error *err) {
    do {
        enum eg_status status = row_next(p, err);
        if (status != EG_OK) return status;
        p->last = row_offset(p);
    } while (p->last < offset);
    return p->last == offset ? EG_OK : EG_END;
}

/* Goes from block to block, and over damage from mark to mark, until one has the row. */
static enum eg_status block_find(struct eg_pick_records *p, uint64_t offset, struct eg_error *err) {
    bool here = p->end && offset >= p->begin && offset < p->end;
    if (here && p->last && offset > p->last) return block_row(p, offset, err);
    uint64_t begin = p->end && offset >= p->begin ? p->begin : p->file.head_size;
    while (begin <= offset) {
        uint64_t end;
        enum eg_status status = block_measure(p, begin, &end, err);
        if (status == EG_OK && offset >= end) {
            begin = end;
            continue;
        }
        if (status == EG_OK) {
            p->begin = p->at = begin;
            p->end = end;
            p->last = 0;
            eg_seqfile_reader_restart(p->reader, begin);
            status = block_row(p, offset, err);
        }
        if (status != EG_END) return status;
        p->end = 0;
        status = mark_next(p, begin + 1, &begin, err);
        if (status != EG_OK) return status;
    }
    return EG_END;
}

enum eg_status eg_pick_records_frame(struct eg_pick_records *p, uint64_t offset,
                                     struct eg_frame *out, struct eg_error *err) {
    enum eg_status status;
    if (offset < p->file.head_size) return EG_END;
    if (p->file.layout == EG_SEQFILE_BLOCKS) {
        status = block_find(p, offset, err);
    } else {
        struct eg_span have;
        EG_TRY(p->reach(p->from, offset, 1, &have, err));
        if (have.size == 0)
            return EG_END; /* it is shorter: nothing begins there that could be cut */
        p->at = offset;
        eg_seqfile_reader_restart(p->reader, offset);
        status = row_next(p, err);
    }
    if (status == EG_OK) frame_of(p, out);
    return status;
}
