/* SPDX-License-Identifier: Apache-2.0
 * The evaluator: bitmaps over blocks of rows, one loop a condition.
 *
 * SQL's third value costs nothing here. "not" is pushed down to the conditions when the program is
 * made (De Morgan holds in SQL's logic), so each step only needs the rows where it is *true*: a
 * condition on a null is true neither as itself nor negated, and and/or of what is true is what
 * SQL selects. Steps get the rows that still matter (`need`) and skip blocks of 64 without one. */
#include "filter/step.h"

#include "table/address.h"

#include <string.h>

#define BLOCK_ROWS 4096u
#define BLOCK_WORDS (BLOCK_ROWS / 64)

/* The rows a step looks at: [first, first + rows) of the batch; first is a multiple of 64. */
struct block {
    const struct eg_batch *batch;
    uint32_t first, rows, words;
};

/* ---- bitmaps ---- */

/* 64 bytes of 0 or 1 to 64 bits. */
static uint64_t pack(const uint8_t *flags) {
    uint64_t bits = 0;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t eight;
        memcpy(&eight, flags + 8 * i, 8);
        bits |= (eight * UINT64_C(0x0102040810204080) >> 56) << (8 * i);
    }
    return bits;
}

static uint64_t tail_mask(const struct block *b, uint32_t word) {
    uint32_t left = b->rows - word * 64;
    return left >= 64 ? UINT64_MAX : (UINT64_C(1) << left) - 1;
}

static uint64_t valid_word(const struct block *b, const struct eg_column *col, uint32_t word) {
    if (!col->values) return 0;
    uint64_t bits = col->valid ? col->valid[(b->first >> 6) + word] : UINT64_MAX;
    return bits & tail_mask(b, word);
}

static uint32_t rows_of(const struct block *b, uint32_t word) {
    uint32_t left = b->rows - word * 64;
    return left < 64 ? left : 64;
}

static const struct eg_column *column_of(const struct block *b, const struct eg_field *field) {
    return &b->batch->columns[field->col];
}

/* ---- whole numbers ---- */

/* In [low, low + span], on up to 64 values; `span` and the difference wrap as unsigned do. */
#define IN_RANGE(name, type, utype)                                                                \
    static uint64_t name(const type *values, uint32_t count, int64_t mask, int64_t low,            \
                         int64_t high) {                                                           \
        uint8_t flags[64] = {0};                                                                   \
        const utype from = (utype)low, span = (utype)((uint64_t)high - (uint64_t)low);             \
        const utype keep = (utype)mask;                                                            \
        for (uint32_t i = 0; i < count; i++)                                                       \
            flags[i] = (utype)(((utype)values[i] & keep) - from) <= span;                          \
        return pack(flags);                                                                        \
    }
IN_RANGE(in_range_16, int16_t, uint16_t)
IN_RANGE(in_range_32, int32_t, uint32_t)
IN_RANGE(in_range_64, int64_t, uint64_t)

static bool whole_holds(const struct eg_step *s, int64_t value) {
    uint32_t low = 0, high = s->count;
    value &= s->mask;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (value < s->wholes[middle].low)
            high = middle;
        else if (value > s->wholes[middle].high)
            low = middle + 1;
        else
            return true;
    }
    return false;
}

/* The range as far as values of this width can fall into it; false: none can. */
static bool clamp(struct eg_whole_range *range, unsigned width) {
    int64_t least = width == 2 ? INT16_MIN : width == 4 ? INT32_MIN : INT64_MIN;
    int64_t most = width == 2 ? INT16_MAX : width == 4 ? INT32_MAX : INT64_MAX;
    if (range->low < least) range->low = least;
    if (range->high > most) range->high = most;
    return range->low <= range->high;
}

static uint64_t whole_word(const struct eg_step *s, const struct eg_column *col, uint32_t row,
                           uint32_t count, uint64_t need) {
    uint64_t bits = 0;
    if (col->type == EG_TYPE_BOOL || s->count > EG_STEP_FEW) {
        for (uint64_t left = need; left; left &= left - 1) {
            uint32_t i = (uint32_t)__builtin_ctzll(left);
            bits |= (uint64_t)whole_holds(s, eg_col_int(col, row + i)) << i;
        }
        return bits;
    }
    unsigned width = eg_type_width(col->type);
    for (uint32_t k = 0; k < s->count; k++) {
        struct eg_whole_range range = s->wholes[k];
        if (!clamp(&range, width)) continue;
        bits |= width == 2
                    ? in_range_16(eg_col_i16(col) + row, count, s->mask, range.low, range.high)
                : width == 4
                    ? in_range_32(eg_col_i32(col) + row, count, s->mask, range.low, range.high)
                    : in_range_64(eg_col_i64(col) + row, count, s->mask, range.low, range.high);
    }
    return bits;
}

static void run_whole(const struct eg_step *s, const struct block *b, const uint64_t *need,
                      uint64_t *out) {
    const struct eg_column *col = column_of(b, &s->field);
    for (uint32_t w = 0; w < b->words; w++) {
        uint64_t live = valid_word(b, col, w) & need[w];
        out[w] = 0;
        if (!live) continue;
        uint64_t bits = whole_word(s, col, b->first + w * 64, rows_of(b, w), live);
        out[w] = (s->negate ? ~bits : bits) & live;
    }
}

/* ---- numbers of any field, row by row ---- */

/* False: null, which a duration that does not fit is too. */
static bool duration_at(const struct eg_batch *batch, const struct eg_field *field, uint32_t row,
                        int64_t *out) {
    if (!eg_batch_valid(batch, field->start, row) || !eg_batch_valid(batch, field->end, row))
        return false;
    return !__builtin_sub_overflow(eg_col_i64(&batch->columns[field->end])[row],
                                   eg_col_i64(&batch->columns[field->start])[row], out);
}

/* A whole field's value; false: null. */
static bool whole_at(const struct eg_batch *batch, const struct eg_field *field, uint32_t row,
                     int64_t *out) {
    if (field->kind != EG_FIELD_COLUMN) return duration_at(batch, field, row, out);
    if (!eg_batch_valid(batch, field->col, row)) return false;
    *out = eg_col_int(&batch->columns[field->col], row);
    return true;
}

static bool count_at(const struct eg_batch *batch, uint32_t col, uint32_t row, double *out) {
    if (!eg_batch_valid(batch, col, row)) return false;
    *out = (double)eg_col_i64(&batch->columns[col])[row];
    return true;
}

/* Any number as a double; what has no value (no duration, no packets) is null. */
static bool real_at(const struct eg_batch *batch, const struct eg_field *field, uint32_t row,
                    double *out) {
    if (field->type != EG_TYPE_F64) {
        int64_t whole;
        if (!whole_at(batch, field, row, &whole)) return false;
        *out = (double)whole;
        return true;
    }
    if (field->kind == EG_FIELD_COLUMN) {
        if (!eg_batch_valid(batch, field->col, row)) return false;
        *out = eg_col_f64(&batch->columns[field->col])[row];
        return true;
    }
    double above, below;
    if (field->kind == EG_FIELD_BPP) {
        if (!count_at(batch, field->bytes, row, &above) ||
            !count_at(batch, field->packets, row, &below) || below <= 0)
            return false;
        *out = above / below;
        return true;
    }
    int64_t us;
    bool is_pps = field->kind == EG_FIELD_PPS;
    if (!duration_at(batch, field, row, &us) || us <= 0 ||
        !count_at(batch, is_pps ? field->packets : field->bytes, row, &above))
        return false;
    *out = above * (is_pps ? 1e6 : 8e6) / (double)us;
    return true;
}

static bool real_holds(const struct eg_step *s, double value) {
    for (uint32_t i = 0; i < s->count; i++) {
        const struct eg_real_range *range = &s->reals[i];
        bool above = range->open_low ? value > range->low : value >= range->low;
        bool below = range->open_high ? value < range->high : value <= range->high;
        if (above && below) return true;
    }
    return false;
}

/* ---- addresses ---- */

static uint64_t prefix_word(const struct eg_prefix *p, const struct eg_addr *values,
                            uint32_t count) {
    uint8_t flags[64] = {0};
    const uint64_t want0 = p->want[0], want1 = p->want[1], mask0 = p->mask[0], mask1 = p->mask[1];
    for (uint32_t i = 0; i < count; i++) {
        uint64_t half[2];
        memcpy(half, values[i].bytes, 16);
        flags[i] = (((half[0] ^ want0) & mask0) | ((half[1] ^ want1) & mask1)) == 0;
    }
    return pack(flags);
}

/* Rows whose address is an IPv4 one. */
static uint64_t v4_word(const struct eg_addr *values, uint32_t count) {
    uint64_t bits = 0;
    for (uint32_t i = 0; i < count; i++) bits |= (uint64_t)eg_addr_is_v4(&values[i]) << i;
    return bits;
}

static void run_addr(const struct eg_step *s, const struct block *b, const uint64_t *need,
                     uint64_t *out) {
    const struct eg_column *col = column_of(b, &s->field);
    for (uint32_t w = 0; w < b->words; w++) {
        uint64_t live = valid_word(b, col, w) & need[w], bits = 0;
        out[w] = 0;
        if (!live) continue;
        const struct eg_addr *values = eg_col_addr(col) + b->first + w * 64;
        for (uint32_t k = 0; k < s->count; k++) {
            uint64_t some = prefix_word(&s->prefixes[k], values, rows_of(b, w));
            if (some && s->prefixes[k].not_v4) some &= ~v4_word(values, rows_of(b, w));
            bits |= some;
        }
        out[w] = (s->negate ? ~bits : bits) & live;
    }
}

static bool addr_holds(const struct eg_step *s, const struct eg_addr *addr) {
    unsigned __int128 value = eg_addr_number(addr);
    uint32_t low = 0, high = s->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (value < s->addrs[middle].low)
            high = middle;
        else if (value > s->addrs[middle].high)
            low = middle + 1;
        else
            return true;
    }
    return false;
}

/* ---- texts ---- */

static bool order_holds(enum eg_compare compare, int order) {
    switch (compare) {
    case EG_EQ: return order == 0;
    case EG_NE: return order != 0;
    case EG_LT: return order < 0;
    case EG_LE: return order <= 0;
    case EG_GT: return order > 0;
    case EG_GE: return order >= 0;
    }
    return false;
}

static bool text_holds(const struct eg_step *s, struct eg_span text) {
    if (s->kind == EG_STEP_MATCH) return eg_regex_match(s->regex, text);
    if (s->count == 1) {
        if (s->compare == EG_EQ && text.size != s->texts->size) return false;
        return order_holds(s->compare,
                           eg_span_order(text, eg_span(s->texts->text, s->texts->size)));
    }
    uint32_t low = 0, high = s->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = eg_span_order(text, eg_span(s->texts[middle].text, s->texts[middle].size));
        if (order == 0) return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* Texts of a dictionary are looked at once a block. */
#define MEMO_MAX 1024u

static void run_text(const struct eg_step *s, const struct block *b, const uint64_t *need,
                     uint64_t *out) {
    const struct eg_column *col = column_of(b, &s->field);
    uint8_t memo[MEMO_MAX];
    bool named = col->type == EG_TYPE_NAME && col->values;
    if (named) memset(memo, 0, col->dict->count < MEMO_MAX ? col->dict->count : MEMO_MAX);
    for (uint32_t w = 0; w < b->words; w++) {
        uint64_t live = valid_word(b, col, w) & need[w];
        out[w] = 0;
        for (uint64_t left = live; left; left &= left - 1) {
            uint32_t i = (uint32_t)__builtin_ctzll(left), row = b->first + w * 64 + i;
            uint32_t entry = named ? (uint32_t)eg_col_i32(col)[row] : MEMO_MAX;
            bool holds;
            if (entry < MEMO_MAX) {
                if (!memo[entry]) memo[entry] = (uint8_t)(1 + text_holds(s, eg_col_text(col, row)));
                holds = memo[entry] == 2;
            } else {
                holds = text_holds(s, eg_col_text(col, row));
            }
            out[w] |= (uint64_t)(holds != s->negate) << i;
        }
    }
}

/* ---- two fields ---- */

/* <0, 0, >0 into *order; false: one of them is null. */
static bool fields_order(const struct eg_step *s, const struct eg_batch *batch, uint32_t row,
                         int *order) {
    const struct eg_field *a = &s->field, *b = &s->other;
    if (a->type == EG_TYPE_F64 || b->type == EG_TYPE_F64) {
        double left, right;
        if (!real_at(batch, a, row, &left) || !real_at(batch, b, row, &right)) return false;
        *order = (left > right) - (left < right);
        return true;
    }
    if (a->kind == EG_FIELD_COLUMN && b->kind == EG_FIELD_COLUMN &&
        (a->type == EG_TYPE_ADDR || eg_type_is_text(a->type))) {
        const struct eg_column *left = &batch->columns[a->col], *right = &batch->columns[b->col];
        if (!eg_batch_valid(batch, a->col, row) || !eg_batch_valid(batch, b->col, row))
            return false;
        if (a->type == EG_TYPE_ADDR) {
            *order = memcmp(&eg_col_addr(left)[row], &eg_col_addr(right)[row], 16);
        } else {
            *order = eg_span_order(eg_col_text(left, row), eg_col_text(right, row));
        }
        return true;
    }
    int64_t left, right;
    if (!whole_at(batch, a, row, &left) || !whole_at(batch, b, row, &right)) return false;
    *order = (left > right) - (left < right);
    return true;
}

/* What is decided row by row: true only where it is known. */
static bool row_holds(const struct eg_step *s, const struct eg_batch *batch, uint32_t row) {
    int64_t whole;
    double real;
    int order;
    switch (s->kind) {
    case EG_STEP_MADE:
        return whole_at(batch, &s->field, row, &whole) && whole_holds(s, whole) != s->negate;
    case EG_STEP_REAL:
        return real_at(batch, &s->field, row, &real) && real_holds(s, real) != s->negate;
    case EG_STEP_ADDRS:
        return eg_batch_valid(batch, s->field.col, row) &&
               addr_holds(s, &eg_col_addr(&batch->columns[s->field.col])[row]) != s->negate;
    case EG_STEP_FIELDS:
        return fields_order(s, batch, row, &order) && order_holds(s->compare, order) != s->negate;
    case EG_STEP_NULL: {
        bool known;
        if (s->field.kind == EG_FIELD_COLUMN)
            known = eg_batch_valid(batch, s->field.col, row);
        else if (s->field.type == EG_TYPE_F64)
            known = real_at(batch, &s->field, row, &real);
        else
            known = whole_at(batch, &s->field, row, &whole);
        return known == s->negate;
    }
    default: return false;
    }
}

static void run_rows(const struct eg_step *s, const struct block *b, const uint64_t *need,
                     uint64_t *out) {
    for (uint32_t w = 0; w < b->words; w++) {
        out[w] = 0;
        for (uint64_t left = need[w]; left; left &= left - 1) {
            uint32_t i = (uint32_t)__builtin_ctzll(left);
            out[w] |= (uint64_t)row_holds(s, b->batch, b->first + w * 64 + i) << i;
        }
    }
}

/* ---- running ---- */

static void run(const struct eg_step *, const struct block *, const uint64_t *need, uint64_t *out);

static void run_all(const struct eg_step *s, const struct block *b, const uint64_t *need,
                    uint64_t *out) {
    uint64_t some[BLOCK_WORDS];
    memcpy(out, need, b->words * sizeof *out);
    for (uint32_t k = 0; k < s->kid_count; k++) {
        uint64_t left = 0;
        run(s->kids[k], b, out, some);
        for (uint32_t w = 0; w < b->words; w++) left |= out[w] = some[w];
        if (!left) return;
    }
}

static void run_any(const struct eg_step *s, const struct block *b, const uint64_t *need,
                    uint64_t *out) {
    uint64_t some[BLOCK_WORDS], open[BLOCK_WORDS];
    memcpy(open, need, b->words * sizeof *open);
    memset(out, 0, b->words * sizeof *out);
    for (uint32_t k = 0; k < s->kid_count; k++) {
        uint64_t left = 0;
        run(s->kids[k], b, open, some);
        for (uint32_t w = 0; w < b->words; w++) {
            out[w] |= some[w];
            left |= open[w] &= ~some[w];
        }
        if (!left) return;
    }
}

/* Sets the bits of `out` for the rows of `need` where the step is true, and no other. */
static void run(const struct eg_step *s, const struct block *b, const uint64_t *need,
                uint64_t *out) {
    switch (s->kind) {
    case EG_STEP_CONST:
        for (uint32_t w = 0; w < b->words; w++) out[w] = s->truth ? need[w] : 0;
        return;
    case EG_STEP_ALL: run_all(s, b, need, out); return;
    case EG_STEP_ANY: run_any(s, b, need, out); return;
    case EG_STEP_WHOLE: run_whole(s, b, need, out); return;
    case EG_STEP_ADDR: run_addr(s, b, need, out); return;
    case EG_STEP_TEXT:
    case EG_STEP_MATCH: run_text(s, b, need, out); return;
    default: run_rows(s, b, need, out);
    }
}

uint32_t eg_program_select(const struct eg_predicate *predicate, const struct eg_batch *batch,
                           uint32_t *rows) {
    const struct eg_program *program = (const struct eg_program *)(const void *)predicate;
    uint64_t need[BLOCK_WORDS], out[BLOCK_WORDS];
    uint32_t count = 0;
    for (uint32_t first = 0; first < batch->rows; first += BLOCK_ROWS) {
        uint32_t left = batch->rows - first;
        struct block b = {batch, first, left < BLOCK_ROWS ? left : BLOCK_ROWS, 0};
        b.words = (b.rows + 63) / 64;
        for (uint32_t w = 0; w < b.words; w++) need[w] = tail_mask(&b, w);
        run(program->root, &b, need, out);
        for (uint32_t w = 0; w < b.words; w++)
            for (uint64_t bits = out[w]; bits; bits &= bits - 1)
                rows[count++] = first + w * 64 + (uint32_t)__builtin_ctzll(bits);
    }
    return count;
}
