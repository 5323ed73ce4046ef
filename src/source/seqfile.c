/* SPDX-License-Identifier: Apache-2.0
 * Records of sequence files into raw rows. A block's keys and sizes, which are small, are expanded
 * before its first row; its values one by one as they come, so that memory does not depend on how
 * large a block a writer chose. */
#include "source/seqfile.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "source/buffer.h"
#include "source/frames.h"
#include "source/unpack.h"

#define VALUES_BYTES (1u << 20) /* of expanded values that share a buffer */
#define SPARE_BUFFERS 16
#define EXPAND_BYTES (16u << 10)
#define NUMBER_MAX 5u /* bytes of a size of 32 bits */

_Static_assert(VALUES_BYTES >= EG_SEQFILE_VALUE_MAX, "a value must fit a buffer");

/* What comes next. */
enum part {
    PART_RECORD, /* a record, a mark, a block */
    PART_LOST,   /* damage: whatever is before the next mark is passed over */
    PART_KEY_SIZES,
    PART_KEYS,
    PART_VALUE_SIZES,
    PART_VALUES,
};

struct eg_seqfile_reader {
    struct eg_seqfile file;
    eg_seqfile_bad bad;
    void *bad_to;
    enum part part;
    uint64_t whole;
    bool over; /* no more bytes will come */
    /* PART_LOST */
    const char *why;
    size_t lost_skip; /* the search begins so far behind what was damaged */
    uint32_t lost_packets;
    const char *passed; /* in this step: why, and where */
    uint64_t passed_at;
    /* expanding */
    struct eg_unpack *unpack; /* NULL: nothing is compressed */
    struct eg_pool *pool;
    struct eg_buffer *values;
    size_t used; /* of `values` */
    bool kept;   /* by the batch that is being built */
    /* the block */
    uint64_t begin;
    uint32_t count, next;
    bool opened, ended, broken; /* the piece: its size was read; its data ended, or cannot go on */
    uint64_t left;              /* of the piece, as stored */
    struct eg_strbuf keys, sizes, prefix;
    size_t sizes_at;
    uint32_t value_size, value_have; /* the value that is being expanded; 0: none */
};

/* Everything up to the next mark is passed over; it is looked for `skip` bytes behind. */
static enum eg_record lose(struct eg_seqfile_reader *r, const char *why, size_t skip) {
    r->lost_packets = r->part == PART_VALUES ? r->count - r->next : 0;
    r->part = PART_LOST;
    r->why = why;
    r->lost_skip = skip;
    return EG_RECORD_OTHER;
}

/* ---- life ---- */

enum eg_status eg_seqfile_reader_new(struct eg_seqfile_reader **out, const struct eg_seqfile *file,
                                     struct eg_error *err) {
    static const enum eg_packing packings[] = {[EG_SEQFILE_ZLIB] = EG_PACKING_ZLIB,
                                               [EG_SEQFILE_GZIP] = EG_PACKING_GZIP,
                                               [EG_SEQFILE_ZSTD] = EG_PACKING_ZSTD,
                                               [EG_SEQFILE_LZ4] = EG_PACKING_LZ4_BLOCKS,
                                               [EG_SEQFILE_SNAPPY] = EG_PACKING_SNAPPY_BLOCKS};
    struct eg_seqfile_reader *r = eg_calloc(1, sizeof *r);
    if (!r) return eg_fail(err, EG_E_NOMEM, "no memory to read a sequence file");
    r->file = *file;
    r->whole = file->head_size;
    if (file->layout != EG_SEQFILE_PLAIN) {
        enum eg_status status = eg_unpack_new(&r->unpack, packings[file->codec], err);
        r->pool = eg_pool_new(VALUES_BYTES, SPARE_BUFFERS);
        if (status >= 0 && !r->pool)
            status = eg_fail(err, EG_E_NOMEM, "no memory to read a sequence file");
        if (status < 0) {
            eg_seqfile_reader_free(r);
            return status;
        }
    }
    *out = r;
    return EG_OK;
}

void eg_seqfile_reader_free(struct eg_seqfile_reader *r) {
    if (!r) return;
    eg_unpack_free(r->unpack);
    eg_buffer_unref(r->values);
    eg_pool_close(r->pool);
    eg_strbuf_reset(&r->keys);
    eg_strbuf_reset(&r->sizes);
    eg_strbuf_reset(&r->prefix);
    eg_free(r);
}

void eg_seqfile_reader_restart(struct eg_seqfile_reader *r, uint64_t offset) {
    r->part = PART_RECORD;
    r->whole = offset;
    r->over = false;
    eg_strbuf_clear(&r->prefix);
}

void eg_seqfile_reader_watch(struct eg_seqfile_reader *r, eg_seqfile_bad bad, void *to) {
    r->bad = bad;
    r->bad_to = to;
}

bool eg_seqfile_reader_over(struct eg_seqfile_reader *r, struct eg_span have) {
    bool found = false;
    if (r->file.layout == EG_SEQFILE_RECORDS && r->part == PART_RECORD)
        (void)eg_seqfile_mark_find(&r->file, have, 1, &found);
    if (found) (void)lose(r, "a record that is longer than the file", 1);
    found = found || !r->over;
    r->over = true;
    return found;
}

void eg_seqfile_reader_sealed(struct eg_seqfile_reader *r) { r->kept = false; }

const char *eg_seqfile_reader_lost(const struct eg_seqfile_reader *r) {
    return r->part == PART_LOST ? r->why : NULL;
}

struct eg_span eg_seqfile_reader_within(const struct eg_seqfile_reader *r) {
    uint64_t size = r->whole > r->begin ? r->whole - r->begin : 0;
    return eg_span_sub(eg_span(r->prefix.text, r->prefix.size), 0, (size_t)size);
}

/* ---- damage ---- */

static enum eg_record lost_step(struct eg_seqfile_reader *r, struct eg_span have, uint64_t offset,
                                struct eg_seqfile_step *step, struct eg_record_note *note,
                                struct eg_tally *tally) {
    bool found;
    note->size = r->lost_skip + EG_SEQFILE_MARK;
    if (have.size < note->size) return EG_RECORD_MORE;
    step->took = eg_seqfile_mark_find(&r->file, have, r->lost_skip, &found);
    r->lost_skip = 0;
    if (!found) return EG_RECORD_OTHER;
    r->passed = r->why;
    r->passed_at = r->whole;
    eg_tally_add(tally, EG_CAUSE_capture_damaged, NULL, INT64_MIN, 1, r->lost_packets,
                 (int64_t)(offset + step->took - r->whole));
    r->whole = offset + step->took;
    r->part = PART_RECORD;
    eg_strbuf_clear(&r->prefix);
    return EG_RECORD_OTHER;
}

/* ---- rows ---- */

/* A record whose framing is right, but that holds no packet. */
static enum eg_record record_bad(struct eg_seqfile_reader *r, uint64_t offset, int64_t time_ns,
                                 size_t size, const char *why, struct eg_tally *tally) {
    r->passed = why;
    r->passed_at = offset;
    eg_tally_add(tally, EG_CAUSE_capture_damaged, NULL,
                 time_ns == EG_FRAME_NO_TIME ? INT64_MIN : time_ns / 1000, 1, 1, (int64_t)size);
    if (r->bad) r->bad(r->bad_to, time_ns, why);
    return EG_RECORD_OTHER;
}

static enum eg_record packet_put(struct eg_seqfile_reader *r, struct eg_span key,
                                 struct eg_span bytes, uint64_t offset, struct eg_builder *b,
                                 struct eg_tally *tally) {
    struct eg_frame frame;
    const char *why;
    if (!eg_seqfile_packet(&r->file, key, bytes, &frame, &why, tally))
        return record_bad(r, offset, frame.time_ns, bytes.size, why, tally);
    eg_frame_put(b, &frame, offset, -1);
    return EG_RECORD_FRAME;
}

/* The packet of a value that stands, expanded, at `used`. */
static enum eg_record value_put(struct eg_seqfile_reader *r, struct eg_span key, size_t size,
                                uint64_t offset, struct eg_builder *b, struct eg_seqfile_step *step,
                                struct eg_tally *tally) {
    struct eg_span value = eg_span(r->values->bytes + r->used, size);
    struct eg_span bytes = eg_span_from(value, 4);
    if (size < 4 || eg_be32(value, 0) != bytes.size) {
        int64_t time_ns = r->file.key_size == 8 ? (int64_t)eg_be64(key, 0) : EG_FRAME_NO_TIME;
        return record_bad(r, offset, time_ns, size, "a value whose length contradicts its record's",
                          tally);
    }
    enum eg_record record = packet_put(r, key, bytes, offset, b, tally);
    if (record != EG_RECORD_FRAME) return record;
    if (!r->kept) {
        eg_builder_keep(b, &r->values->owner);
        step->kept += r->values->size;
        r->kept = true;
    }
    r->used += size;
    return record;
}

/* Makes room for an expanded value. */
static bool values_room(struct eg_seqfile_reader *r, size_t size) {
    if (r->values && r->values->size - r->used >= size) return true;
    eg_buffer_unref(r->values);
    r->values = eg_buffer_take(r->pool);
    r->used = 0;
    r->kept = false;
    return r->values != NULL;
}

/* ---- records by themselves ---- */

/* EG_RECORD_DAMAGED: the value cannot be expanded. */
static enum eg_record record_expand(struct eg_seqfile_reader *r,
                                    const struct eg_seqfile_record *record, uint64_t offset,
                                    struct eg_builder *b, struct eg_seqfile_step *step,
                                    struct eg_tally *tally) {
    if (!values_room(r, EG_SEQFILE_VALUE_MAX) || eg_unpack_again(r->unpack, NULL) < 0)
        return EG_RECORD_NO_MEMORY;
    size_t size = 0, used = 0, took, gave;
    enum eg_status status;
    do {
        status = eg_unpack_step(r->unpack, eg_span_from(record->value, used), &took,
                                r->values->bytes + r->used + size, EG_SEQFILE_VALUE_MAX - size,
                                &gave, NULL);
        used += took;
        size += gave;
    } while (status == EG_OK && (took || gave));
    if (status == EG_E_NOMEM) return EG_RECORD_NO_MEMORY;
    if (status < 0 || used < record->value.size) return EG_RECORD_DAMAGED;
    return value_put(r, record->key, size, offset, b, step, tally);
}

/* One that cannot be expanded is passed over, where another follows it; else its length may lie. */
static enum eg_record record_pass(struct eg_seqfile_reader *r,
                                  const struct eg_seqfile_record *record, struct eg_span have,
                                  uint64_t offset, struct eg_record_note *note,
                                  struct eg_tally *tally) {
    static const char why[] = "a value that cannot be expanded";
    struct eg_seqfile_record next;
    struct eg_record_note ahead;
    struct eg_span behind = eg_span_from(have, (size_t)note->size);
    if (eg_seqfile_next(&r->file, behind, &next, &ahead) == EG_RECORD_DAMAGED)
        return lose(r, why, 1);
    if (behind.size < EG_SEQFILE_MARK && !r->over) {
        note->size += EG_SEQFILE_MARK;
        return EG_RECORD_MORE;
    }
    int64_t time_ns = r->file.key_size == 8 ? (int64_t)eg_be64(record->key, 0) : EG_FRAME_NO_TIME;
    return record_bad(r, offset, time_ns, record->value.size, why, tally);
}

static enum eg_record record_step(struct eg_seqfile_reader *r, struct eg_span have, uint64_t offset,
                                  struct eg_builder *b, struct eg_seqfile_step *step,
                                  struct eg_record_note *note, struct eg_tally *tally) {
    struct eg_seqfile_record record;
    enum eg_record found = eg_seqfile_next(&r->file, have, &record, note);
    if (found == EG_RECORD_MORE) return found;
    if (found == EG_RECORD_DAMAGED) return lose(r, note->why, 1);
    if (found == EG_RECORD_FRAME && r->unpack) {
        found = record_expand(r, &record, offset, b, step, tally);
        if (found == EG_RECORD_DAMAGED) found = record_pass(r, &record, have, offset, note, tally);
    } else if (found == EG_RECORD_FRAME) {
        found = packet_put(r, record.key, eg_span_from(record.value, 4), offset, b, tally);
        step->viewed = found == EG_RECORD_FRAME;
    }
    if (found == EG_RECORD_NO_MEMORY || found == EG_RECORD_MORE || r->part == PART_LOST)
        return found;
    step->took = (size_t)note->size;
    r->whole = offset + note->size;
    return found;
}

/* ---- blocks ---- */

/* The first bytes of a block, one for each of its records: what a place inside it is made of. */
static bool prefix_add(struct eg_seqfile_reader *r, struct eg_span have, uint64_t offset) {
    uint64_t behind = r->begin + r->prefix.size - offset;
    struct eg_span piece = eg_span_sub(have, (size_t)behind, r->count - r->prefix.size);
    eg_strbuf_add(&r->prefix, piece.at, piece.size);
    return !r->prefix.failed;
}

static enum eg_record block_begin(struct eg_seqfile_reader *r, struct eg_span have, uint64_t offset,
                                  struct eg_seqfile_step *step, struct eg_record_note *note) {
    enum eg_record found = eg_seqfile_block(&r->file, have, &r->count, note);
    if (found == EG_RECORD_MORE) return found;
    if (found == EG_RECORD_DAMAGED) return lose(r, note->why, 1);
    r->begin = offset;
    r->next = 0;
    r->part = PART_KEY_SIZES;
    r->opened = false;
    r->sizes_at = r->value_size = 0;
    eg_strbuf_clear(&r->keys);
    eg_strbuf_clear(&r->sizes);
    eg_strbuf_clear(&r->prefix);
    step->took = (size_t)note->size;
    return prefix_add(r, have, offset) ? EG_RECORD_OTHER : EG_RECORD_NO_MEMORY;
}

/* The size in front of a piece. */
static enum eg_record piece_open(struct eg_seqfile_reader *r, struct eg_span have, uint64_t offset,
                                 struct eg_seqfile_step *step, struct eg_record_note *note) {
    int64_t size;
    note->size = have.size + 1;
    if (!eg_seqfile_number(have, &size, &step->took)) return EG_RECORD_MORE;
    if (size < 0 || size > INT32_MAX) return lose(r, "a piece of a block of an impossible size", 0);
    if (eg_unpack_again(r->unpack, NULL) < 0) return EG_RECORD_NO_MEMORY;
    r->left = (uint64_t)size;
    r->opened = true;
    r->ended = r->broken = false;
    /* each row has a byte of the block for its place */
    if (r->part == PART_VALUES && r->count > offset + step->took - r->begin + r->left)
        return lose(r, "a block of more records than bytes", 0);
    return EG_RECORD_OTHER;
}

/* The next piece, or what stands behind the block. */
static enum eg_record piece_close(struct eg_seqfile_reader *r, uint64_t behind) {
    r->opened = false;
    switch (r->part) {
    case PART_KEY_SIZES:
        for (size_t i = 0, at = 0, size; i < r->count; i++, at += size) {
            int64_t number;
            struct eg_span sizes = eg_span(r->keys.text, r->keys.size);
            if (!eg_seqfile_number(eg_span_from(sizes, at), &number, &size) ||
                number != r->file.key_size)
                return lose(r, "a key of another length than its class", 0);
        }
        eg_strbuf_clear(&r->keys);
        r->part = PART_KEYS;
        break;
    case PART_KEYS:
        if (r->keys.size != (size_t)r->count * r->file.key_size)
            return lose(r, "a block of more or fewer keys than records", 0);
        r->part = PART_VALUE_SIZES;
        break;
    case PART_VALUE_SIZES: r->part = PART_VALUES; break;
    default:
        r->part = PART_RECORD;
        r->whole = behind;
        eg_strbuf_clear(&r->prefix);
        break;
    }
    return EG_RECORD_OTHER;
}

/* Expands what there is of a piece of keys or sizes. */
static enum eg_record piece_expand(struct eg_seqfile_reader *r, struct eg_span stored,
                                   struct eg_seqfile_step *step) {
    struct eg_strbuf *to = r->part == PART_VALUE_SIZES ? &r->sizes : &r->keys;
    size_t each = r->part == PART_KEYS ? r->file.key_size : NUMBER_MAX;
    size_t most = (size_t)r->count * each, took, gave;
    enum eg_status status;
    do {
        if (!eg_strbuf_reserve(to, EXPAND_BYTES)) return EG_RECORD_NO_MEMORY;
        status = eg_unpack_step(r->unpack, eg_span_from(stored, step->took), &took,
                                to->text + to->size, EXPAND_BYTES, &gave, NULL);
        step->took += took;
        to->size += gave;
        if (status == EG_E_NOMEM) return EG_RECORD_NO_MEMORY;
        if (status < 0) return lose(r, "a block that cannot be expanded", 0);
        if (to->size > most) return lose(r, "a block of more keys or sizes than records", 0);
    } while (status == EG_OK && (took || gave));
    r->ended = status == EG_END;
    if (r->ended && step->took < r->left)
        return lose(r, "a piece of a block that is longer than what it holds", 0);
    return EG_RECORD_OTHER;
}

/* The size of the next value, and room for it. */
static enum eg_record value_begin(struct eg_seqfile_reader *r) {
    int64_t size;
    size_t took;
    struct eg_span sizes = eg_span(r->sizes.text, r->sizes.size);
    if (!eg_seqfile_number(eg_span_from(sizes, r->sizes_at), &size, &took))
        return lose(r, "a block of fewer sizes than records", 0);
    if (size < 4 || size > EG_SEQFILE_VALUE_MAX)
        return lose(r, "a value of an impossible length", 0);
    if (!values_room(r, (size_t)size)) return EG_RECORD_NO_MEMORY;
    r->sizes_at += took;
    r->value_size = (uint32_t)size;
    r->value_have = 0;
    return EG_RECORD_OTHER;
}

/* Expands the next value as far as there is of it. EG_RECORD_OTHER: it is whole; EG_RECORD_MORE: it
 * takes more than `stored`. */
static enum eg_record value_expand(struct eg_seqfile_reader *r, struct eg_span stored,
                                   struct eg_seqfile_step *step) {
    while (r->value_have < r->value_size) {
        size_t took, gave;
        if (r->ended) return lose(r, "a block whose values end early", 0);
        if (r->broken) return lose(r, "a block that cannot be expanded", 0);
        enum eg_status status = eg_unpack_step(r->unpack, eg_span_from(stored, step->took), &took,
                                               r->values->bytes + r->used + r->value_have,
                                               r->value_size - r->value_have, &gave, NULL);
        step->took += took;
        r->value_have += (uint32_t)gave;
        r->ended = status == EG_END;
        r->broken = status < 0; /* what came before it is right */
        if (status == EG_E_NOMEM) return EG_RECORD_NO_MEMORY;
        if (r->broken) continue;
        if (!took && !gave && !r->ended) {
            if (step->took < r->left) return EG_RECORD_MORE;
            r->ended = true;
        }
    }
    return EG_RECORD_OTHER;
}

static enum eg_record value_step(struct eg_seqfile_reader *r, struct eg_span stored,
                                 struct eg_builder *b, struct eg_seqfile_step *step,
                                 struct eg_tally *tally) {
    enum eg_record record = EG_RECORD_OTHER;
    if (!r->value_size) record = value_begin(r);
    if (record == EG_RECORD_OTHER && r->part == PART_VALUES) record = value_expand(r, stored, step);
    if (record != EG_RECORD_OTHER || r->part != PART_VALUES) return record;
    struct eg_span keys = eg_span(r->keys.text, r->keys.size);
    struct eg_span key = eg_span_record(keys, r->file.key_size, r->next);
    record = value_put(r, key, r->value_size, r->begin + r->next, b, step, tally);
    r->value_size = 0;
    r->whole = r->begin + ++r->next;
    return record;
}

/* Behind the last value: the end of what was compressed, and of the piece. */
static enum eg_record values_end(struct eg_seqfile_reader *r, struct eg_span stored,
                                 struct eg_seqfile_step *step) {
    uint8_t more;
    size_t gave = 0;
    enum eg_status status = EG_END;
    if (!r->ended && !r->broken)
        status = eg_unpack_step(r->unpack, stored, &step->took, &more, 1, &gave, NULL);
    if (status == EG_E_NOMEM) return EG_RECORD_NO_MEMORY;
    if (status < 0 || r->broken) return lose(r, "a block that cannot be expanded", 0);
    r->ended = status == EG_END;
    if (gave || (r->ended && step->took < r->left))
        return lose(r, "a piece of a block that is longer than what it holds", 0);
    return EG_RECORD_OTHER;
}

static enum eg_record piece_step(struct eg_seqfile_reader *r, struct eg_span have, uint64_t offset,
                                 struct eg_builder *b, struct eg_seqfile_step *step,
                                 struct eg_record_note *note, struct eg_tally *tally) {
    if (!prefix_add(r, have, offset)) return EG_RECORD_NO_MEMORY;
    if (!r->opened) return piece_open(r, have, offset, step, note);
    struct eg_span stored = eg_span_sub(have, 0, (size_t)r->left);
    bool values = r->part == PART_VALUES && r->next < r->count;
    enum eg_record record;
    note->size = have.size + 1;
    if (values && r->prefix.size <= r->next) return EG_RECORD_MORE;
    if (values)
        record = value_step(r, stored, b, step, tally);
    else if (r->part == PART_VALUES)
        record = values_end(r, stored, step);
    else
        record = piece_expand(r, stored, step);
    r->left -= step->took;
    if (r->part == PART_LOST || record == EG_RECORD_FRAME || record == EG_RECORD_NO_MEMORY)
        return record;
    if (values) return record == EG_RECORD_MORE && step->took ? EG_RECORD_OTHER : record;
    if (!r->left) return piece_close(r, offset + step->took);
    return step->took ? EG_RECORD_OTHER : EG_RECORD_MORE;
}

enum eg_record eg_seqfile_reader_step(struct eg_seqfile_reader *r, struct eg_span have,
                                      uint64_t offset, struct eg_builder *b,
                                      struct eg_seqfile_step *step, struct eg_record_note *note,
                                      struct eg_tally *tally) {
    enum eg_record record;
    *step = (struct eg_seqfile_step){.took = 0};
    note->why = r->passed = NULL;
    if (r->part == PART_LOST)
        record = lost_step(r, have, offset, step, note, tally);
    else if (r->file.layout != EG_SEQFILE_BLOCKS)
        record = record_step(r, have, offset, b, step, note, tally);
    else if (r->part == PART_RECORD)
        record = block_begin(r, have, offset, step, note);
    else
        record = piece_step(r, have, offset, b, step, note, tally);
    step->whole = r->whole;
    step->inside = r->part != PART_RECORD;
    step->passed = r->passed;
    step->passed_at = r->passed_at;
    return record;
}
