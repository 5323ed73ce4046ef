/* SPDX-License-Identifier: Apache-2.0
 * Batches: building, sealing, sharing, picking rows. */
#include "table/batch.h"

#include "base/alloc.h"
#include "base/utf8.h"
#include "table/dict.h"

#include <string.h>

/* ---- owners ---- */

struct eg_owner *eg_owner_ref(struct eg_owner *owner) {
    atomic_fetch_add_explicit(&owner->refs, 1, memory_order_relaxed);
    return owner;
}

void eg_owner_unref(struct eg_owner *owner) {
    if (owner && atomic_fetch_sub_explicit(&owner->refs, 1, memory_order_acq_rel) == 1)
        owner->release(owner);
}

/* ---- batches ---- */

struct eg_batch *eg_batch_ref(struct eg_batch *batch) {
    atomic_fetch_add_explicit(&batch->refs, 1, memory_order_relaxed);
    return batch;
}

static void column_free(struct eg_column *col) {
    eg_free(col->valid);
    eg_free(col->values);
    eg_free(col->offsets);
    if (col->dict) eg_owner_unref(&col->dict->owner);
}

static void columns_free(struct eg_column *columns, uint32_t count) {
    for (uint32_t i = 0; columns && i < count; i++) column_free(&columns[i]);
    eg_free(columns);
}

void eg_batch_unref(struct eg_batch *batch) {
    if (!batch || atomic_fetch_sub_explicit(&batch->refs, 1, memory_order_acq_rel) != 1) return;
    columns_free(batch->columns, batch->table->count);
    for (uint32_t i = 0; i < batch->owner_count; i++) eg_owner_unref(batch->owners[i]);
    eg_free(batch->owners);
    eg_free(batch);
}

int64_t eg_col_int(const struct eg_column *col, uint32_t row) {
    switch (eg_type_width(col->type)) {
    case 0: return eg_bit(col->values, row); /* BOOL */
    case 2: return eg_col_i16(col)[row];
    case 4: return eg_col_i32(col)[row];
    default: return eg_col_i64(col)[row];
    }
}

struct eg_span eg_col_text(const struct eg_column *col, uint32_t row) {
    if (col->type == EG_TYPE_NAME) {
        const struct eg_dict_entry *entry = &col->dict->entries[eg_col_i32(col)[row]];
        return eg_span(entry->text, entry->size);
    }
    return eg_span((const char *)col->values + col->offsets[row],
                   (size_t)(col->offsets[row + 1] - col->offsets[row]));
}

static size_t bitmap_bytes(uint32_t rows) { return ((size_t)rows + 63) / 64 * 8; }

static bool has_bytes(enum eg_type type) { return type == EG_TYPE_TEXT || type == EG_TYPE_BIN; }

static size_t values_bytes(const struct eg_column *col, uint32_t rows) {
    if (has_bytes(col->type)) return (size_t)(uint32_t)col->offsets[rows];
    if (col->type == EG_TYPE_BOOL) return bitmap_bytes(rows);
    return (size_t)rows * eg_type_width(col->type);
}

size_t eg_batch_bytes(const struct eg_batch *batch) {
    size_t bytes = sizeof *batch + batch->table->count * sizeof *batch->columns;
    for (uint32_t i = 0; i < batch->table->count; i++) {
        const struct eg_column *col = &batch->columns[i];
        if (!col->values) continue;
        bytes += values_bytes(col, batch->rows);
        if (col->valid) bytes += bitmap_bytes(batch->rows);
        if (col->offsets) bytes += ((size_t)batch->rows + 1) * 4;
    }
    return bytes;
}

/* ---- building ---- */

enum eg_status eg_builder_new(struct eg_builder **out, const struct eg_table *table,
                              enum eg_table_id table_id, uint32_t capacity, eg_column_set wanted,
                              struct eg_error *err) {
    EG_ASSERT(table->count <= EG_COLUMNS_MAX && capacity > 0);
    struct eg_builder *b = eg_calloc(1, sizeof *b);
    if (!b) return eg_fail(err, EG_E_NOMEM, "no memory for a batch builder");
    b->table = table;
    b->table_id = table_id;
    b->capacity = capacity;
    b->wanted = wanted;
    b->columns = eg_calloc(table->count, sizeof *b->columns);
    b->filled = eg_calloc(table->count, sizeof *b->filled);
    b->dicts = eg_calloc(table->count, sizeof(struct eg_dict *));
    if (!b->columns || !b->filled || !b->dicts) {
        eg_builder_free(b);
        return eg_fail(err, EG_E_NOMEM, "no memory for a batch builder");
    }
    for (uint32_t i = 0; i < table->count; i++) b->columns[i].type = table->columns[i].type;
    *out = b;
    return EG_OK;
}

void eg_builder_free(struct eg_builder *b) {
    if (!b) return;
    columns_free(b->columns, b->table->count);
    for (uint32_t i = 0; b->dicts && i < b->table->count; i++)
        if (b->dicts[i]) eg_owner_unref(&b->dicts[i]->owner);
    for (uint32_t i = 0; i < b->owner_count; i++) eg_owner_unref(b->owners[i]);
    eg_free(b->owners);
    eg_free(b->filled);
    eg_free(b->dicts);
    eg_free(b);
}

static bool column_alloc(struct eg_builder *b, struct eg_column *col) {
    if (has_bytes(col->type)) {
        col->value_bytes_room = b->capacity * 16 < 4096 ? b->capacity * 16 : 4096;
        col->offsets = eg_aligned(((size_t)b->capacity + 1) * 4);
        col->values = eg_aligned(col->value_bytes_room);
        if (!col->offsets || !col->values) {
            eg_free(col->offsets);
            eg_free(col->values);
            col->offsets = NULL;
            col->values = NULL;
        }
    } else if (col->type == EG_TYPE_BOOL) {
        col->values = eg_aligned(bitmap_bytes(b->capacity));
    } else {
        col->values = eg_aligned((size_t)b->capacity * eg_type_width(col->type));
    }
    if (!col->values) b->failed = true;
    return col->values != NULL;
}

static void bits_fill(uint64_t *bits, uint32_t from, uint32_t to) {
    for (; from < to && (from & 63); from++) bits[from >> 6] |= UINT64_C(1) << (from & 63);
    for (; from + 64 <= to; from += 64) bits[from >> 6] = UINT64_MAX;
    for (; from < to; from++) bits[from >> 6] |= UINT64_C(1) << (from & 63);
}

static int64_t bits_count(const uint64_t *bits, uint32_t count) {
    int64_t set = 0;
    for (uint32_t i = 0; i < count / 64; i++) set += __builtin_popcountll(bits[i]);
    if (count & 63)
        set += __builtin_popcountll(bits[count >> 6] & ((UINT64_C(1) << (count & 63)) - 1));
    return set;
}

/* Rows [filled, to) of the column become null. */
static bool fill_null(struct eg_builder *b, uint32_t i, uint32_t to) {
    struct eg_column *col = &b->columns[i];
    if (b->filled[i] >= to) return true;
    if (!col->valid) {
        col->valid = eg_aligned(bitmap_bytes(b->capacity));
        if (!col->valid) {
            b->failed = true;
            return false;
        }
        bits_fill(col->valid, 0, b->filled[i]);
    }
    if (col->offsets) {
        for (uint32_t row = b->filled[i]; row < to; row++)
            col->offsets[row + 1] = col->offsets[row];
    }
    col->nulls += to - b->filled[i];
    b->filled[i] = to;
    return true;
}

/* Makes the column ready to take values for the row being built; false: not wanted, or no memory. */
static bool column_open(struct eg_builder *b, uint32_t i) {
    if (!eg_builder_wants(b, i)) return false;
    struct eg_column *col = &b->columns[i];
    if (!col->values && !column_alloc(b, col)) return false;
    if (b->filled[i] < b->rows) return fill_null(b, i, b->rows);
    return true;
}

static void mark_valid(struct eg_builder *b, uint32_t i, uint32_t count) {
    struct eg_column *col = &b->columns[i];
    if (col->valid) bits_fill(col->valid, b->rows, b->rows + count);
    b->filled[i] = b->rows + count;
}

void *eg_builder_slots(struct eg_builder *b, uint32_t i, uint32_t count) {
    EG_ASSERT(count <= eg_builder_room(b));
    if (!column_open(b, i)) return NULL;
    struct eg_column *col = &b->columns[i];
    EG_ASSERT(!has_bytes(col->type) && col->type != EG_TYPE_BOOL);
    mark_valid(b, i, count);
    return (uint8_t *)col->values + (size_t)b->rows * eg_type_width(col->type);
}

void eg_builder_bits(struct eg_builder *b, uint32_t i, uint32_t count, uint64_t values) {
    EG_ASSERT(count <= eg_builder_room(b) && count <= 64);
    if (!count || !column_open(b, i)) return;
    struct eg_column *col = &b->columns[i];
    EG_ASSERT(col->type == EG_TYPE_BOOL);
    uint64_t keep = count < 64 ? UINT64_MAX << count : 0;
    uint64_t *word = (uint64_t *)col->values + (b->rows >> 6);
    uint32_t shift = b->rows & 63;
    values &= ~keep;
    word[0] = (word[0] & ~(~keep << shift)) | values << shift;
    if (shift && shift + count > 64)
        word[1] = (word[1] & ~(~keep >> (64 - shift))) | values >> (64 - shift);
    mark_valid(b, i, count);
}

void eg_builder_nulls(struct eg_builder *b, uint32_t i, uint64_t which) {
    struct eg_column *col = &b->columns[i];
    if (!which || !eg_builder_wants(b, i) || b->filled[i] <= b->rows) return;
    uint32_t count = b->filled[i] - b->rows;
    if (count < 64) which &= (UINT64_C(1) << count) - 1;
    if (!col->valid) {
        col->valid = eg_aligned(bitmap_bytes(b->capacity));
        if (!col->valid) {
            b->failed = true;
            return;
        }
        bits_fill(col->valid, 0, b->filled[i]);
    }
    uint64_t *word = &col->valid[b->rows >> 6];
    uint32_t shift = b->rows & 63;
    word[0] &= ~(which << shift);
    if (shift && which >> (64 - shift)) word[1] &= ~(which >> (64 - shift));
    col->nulls += __builtin_popcountll(which);
}

void eg_builder_row(struct eg_builder *b, uint32_t count) {
    EG_ASSERT(count <= eg_builder_room(b));
    b->rows += count;
}

void eg_builder_abandon(struct eg_builder *b) {
    for (uint32_t i = 0; i < b->table->count; i++) {
        struct eg_column *col = &b->columns[i];
        for (uint32_t row = b->rows; col->valid && row < b->filled[i]; row++)
            col->valid[row >> 6] &= ~(UINT64_C(1) << (row & 63));
        if (b->filled[i] > b->rows) b->filled[i] = b->rows;
    }
}

void eg_builder_keep(struct eg_builder *b, struct eg_owner *owner) {
    if (b->owner_count && b->owners[b->owner_count - 1] == owner) return;
    if (b->owner_count == b->owner_room) {
        uint32_t room = b->owner_room ? b->owner_room * 2 : 4;
        struct eg_owner **owners = eg_realloc(b->owners, room, sizeof *owners);
        if (!owners) {
            b->failed = true;
            return;
        }
        b->owners = owners;
        b->owner_room = room;
    }
    b->owners[b->owner_count++] = eg_owner_ref(owner);
}

void eg_put_int(struct eg_builder *b, uint32_t i, int64_t value) {
    EG_ASSERT(eg_builder_room(b) > 0);
    if (!column_open(b, i)) return;
    struct eg_column *col = &b->columns[i];
    switch (col->type) {
    case EG_TYPE_BOOL: {
        uint64_t bit = UINT64_C(1) << (b->rows & 63);
        uint64_t *word = (uint64_t *)col->values + (b->rows >> 6);
        *word = value ? *word | bit : *word & ~bit;
        break;
    }
    case EG_TYPE_I16: ((int16_t *)col->values)[b->rows] = (int16_t)value; break;
    case EG_TYPE_I32:
    case EG_TYPE_NAME: ((int32_t *)col->values)[b->rows] = (int32_t)value; break;
    case EG_TYPE_TIME:
    case EG_TYPE_I64:
    case EG_TYPE_MAC: ((int64_t *)col->values)[b->rows] = value; break;
    default: eg_assert_failed("eg_put_int into a column of integers", __FILE__, __LINE__);
    }
    mark_valid(b, i, 1);
}

void eg_put_f64(struct eg_builder *b, uint32_t i, double value) {
    double *slot = eg_builder_slots(b, i, 1);
    if (slot) *slot = value;
}

void eg_put_addr(struct eg_builder *b, uint32_t i, const struct eg_addr *value) {
    struct eg_addr *slot = eg_builder_slots(b, i, 1);
    if (slot) *slot = *value;
}

void eg_put_view(struct eg_builder *b, uint32_t i, struct eg_span value) {
    struct eg_span *slot = eg_builder_slots(b, i, 1);
    if (slot) *slot = value;
}

static bool bytes_reserve(struct eg_builder *b, struct eg_column *col, size_t used, size_t more) {
    size_t need = used + more;
    if (need <= col->value_bytes_room) return true;
    if (need > INT32_MAX) {
        b->failed = true;
        return false;
    }
    size_t room = col->value_bytes_room;
    while (room < need) room *= 2;
    uint8_t *values = eg_aligned(room);
    if (!values) {
        b->failed = true;
        return false;
    }
    memcpy(values, col->values, used);
    eg_free(col->values);
    col->values = values;
    col->value_bytes_room = (uint32_t)room;
    return true;
}

static void put_bytes(struct eg_builder *b, uint32_t i, const void *text, size_t size) {
    struct eg_column *col = &b->columns[i];
    size_t used = (size_t)col->offsets[b->rows];
    if (!bytes_reserve(b, col, used, size)) return;
    if (size) memcpy((uint8_t *)col->values + used, text, size);
    col->offsets[b->rows + 1] = (int32_t)(used + size);
    mark_valid(b, i, 1);
}

/* What is not UTF-8 becomes so here, at the one gate: every reader of texts relies on it. */
static bool mend(struct eg_builder *b, const void *text, size_t size, struct eg_strbuf *to) {
    eg_utf8_repair(eg_span(text, size), to);
    if (to->failed) b->failed = true;
    return !to->failed;
}

void eg_put_text(struct eg_builder *b, uint32_t i, const void *text, size_t size) {
    EG_ASSERT(eg_builder_room(b) > 0);
    if (!column_open(b, i)) return;
    EG_ASSERT(has_bytes(b->columns[i].type));
    if (b->columns[i].type == EG_TYPE_BIN || eg_utf8_good(eg_span(text, size)) == size) {
        put_bytes(b, i, text, size);
        return;
    }
    struct eg_strbuf mended = {0};
    if (mend(b, text, size, &mended)) put_bytes(b, i, mended.text, mended.size);
    eg_strbuf_reset(&mended);
}

static int32_t intern(struct eg_builder *b, uint32_t i, const char *text, size_t size) {
    int32_t index = eg_dict_intern(&b->dicts[i], text, size);
    if (index < 0) b->failed = true;
    return index;
}

int32_t eg_builder_intern(struct eg_builder *b, uint32_t i, const char *text, size_t size) {
    if (!eg_builder_wants(b, i)) return -1;
    EG_ASSERT(b->table->columns[i].type == EG_TYPE_NAME);
    if (eg_utf8_good(eg_span(text, size)) == size) return intern(b, i, text, size);
    struct eg_strbuf mended = {0};
    int32_t index = -1;
    if (mend(b, text, size, &mended)) index = intern(b, i, mended.text, mended.size);
    eg_strbuf_reset(&mended);
    return index;
}

void eg_put_name(struct eg_builder *b, uint32_t i, const char *text, size_t size) {
    int32_t index = eg_builder_intern(b, i, text, size);
    if (index >= 0) eg_put_int(b, i, index);
}

/* ---- sealing ---- */

/* Readies the builder for its next batch: `columns` are those of the last one, freed, or new. */
static void builder_renew(struct eg_builder *b, struct eg_column *columns) {
    for (uint32_t i = 0; i < b->table->count; i++) {
        columns[i] = (struct eg_column){.type = b->table->columns[i].type};
        b->filled[i] = 0;
    }
    b->columns = columns;
    b->rows = 0;
    b->failed = false;
    b->owners = NULL;
    b->owner_count = b->owner_room = 0;
}

/* Forgets all rows; needs no memory, so the builder is as new whatever went wrong before. */
static void builder_drop(struct eg_builder *b) {
    for (uint32_t i = 0; i < b->table->count; i++) column_free(&b->columns[i]);
    for (uint32_t i = 0; i < b->owner_count; i++) eg_owner_unref(b->owners[i]);
    eg_free(b->owners);
    builder_renew(b, b->columns);
}

/* Every column that has values gets one, or a null, for every row. */
static bool columns_fill(struct eg_builder *b) {
    for (uint32_t i = 0; i < b->table->count; i++) {
        struct eg_column *col = &b->columns[i];
        if (!col->values) continue;
        if (!fill_null(b, i, b->rows)) return false;
        /* Counted anew: a row that was abandoned may have had nulls. */
        col->nulls = col->valid ? b->rows - bits_count(col->valid, b->rows) : 0;
    }
    return true;
}

enum eg_status eg_builder_seal(struct eg_builder *b, struct eg_batch **out, struct eg_error *err) {
    *out = NULL;
    if (b->rows == 0 && !b->failed) {
        builder_drop(b);
        return EG_END;
    }
    struct eg_column *fresh = eg_calloc(b->table->count, sizeof *fresh);
    struct eg_batch *batch = eg_calloc(1, sizeof *batch);
    if (!fresh || !batch || b->failed || !columns_fill(b)) {
        eg_free(fresh);
        eg_free(batch);
        builder_drop(b);
        return eg_fail(err, EG_E_NOMEM, "no memory for a batch of %s", b->table->name);
    }
    *batch = (struct eg_batch){.table = b->table,
                               .table_id = b->table_id,
                               .rows = b->rows,
                               .columns = b->columns,
                               .owners = b->owners,
                               .owner_count = b->owner_count};
    atomic_init(&batch->refs, 1);
    for (uint32_t i = 0; i < b->table->count; i++) {
        if (!b->columns[i].values || !b->dicts[i]) continue;
        b->columns[i].dict = b->dicts[i];
        eg_owner_ref(&b->dicts[i]->owner);
    }
    builder_renew(b, fresh);
    *out = batch;
    return EG_OK;
}

/* ---- picking ---- */

static void pick_fixed(const struct eg_column *from, struct eg_column *to, const uint32_t *rows,
                       uint32_t count) {
    uint32_t width = eg_type_width(from->type);
    switch (width) {
    case 2:
        for (uint32_t k = 0; k < count; k++) ((int16_t *)to->values)[k] = eg_col_i16(from)[rows[k]];
        break;
    case 4:
        for (uint32_t k = 0; k < count; k++) ((int32_t *)to->values)[k] = eg_col_i32(from)[rows[k]];
        break;
    case 8:
        for (uint32_t k = 0; k < count; k++) ((int64_t *)to->values)[k] = eg_col_i64(from)[rows[k]];
        break;
    default:
        for (uint32_t k = 0; k < count; k++)
            ((struct eg_addr *)to->values)[k] = eg_col_addr(from)[rows[k]];
    }
}

static bool pick_bytes(const struct eg_column *from, struct eg_column *to, const uint32_t *rows,
                       uint32_t count) {
    size_t total = 0;
    for (uint32_t k = 0; k < count; k++) total += eg_col_text(from, rows[k]).size;
    if (total > INT32_MAX) return false;
    to->offsets = eg_aligned(((size_t)count + 1) * 4);
    to->values = eg_aligned(total);
    if (!to->offsets || !to->values) return false;
    for (uint32_t k = 0; k < count; k++) {
        struct eg_span text = eg_col_text(from, rows[k]);
        if (text.size) memcpy((uint8_t *)to->values + to->offsets[k], text.at, text.size);
        to->offsets[k + 1] = to->offsets[k] + (int32_t)text.size;
    }
    return true;
}

static bool pick_column(const struct eg_column *from, struct eg_column *to, const uint32_t *rows,
                        uint32_t count) {
    if (from->valid) {
        to->valid = eg_aligned(bitmap_bytes(count));
        if (!to->valid) return false;
        for (uint32_t k = 0; k < count; k++) {
            if (eg_bit(from->valid, rows[k]))
                to->valid[k >> 6] |= UINT64_C(1) << (k & 63);
            else
                to->nulls++;
        }
    }
    if (from->dict) {
        to->dict = from->dict;
        eg_owner_ref(&to->dict->owner);
    }
    if (has_bytes(from->type)) return pick_bytes(from, to, rows, count);
    if (from->type == EG_TYPE_BOOL) {
        to->values = eg_aligned(bitmap_bytes(count));
        for (uint32_t k = 0; to->values && k < count; k++)
            if (eg_bit(from->values, rows[k]))
                ((uint64_t *)to->values)[k >> 6] |= UINT64_C(1) << (k & 63);
        return to->values != NULL;
    }
    to->values = eg_aligned((size_t)count * eg_type_width(from->type));
    if (to->values) pick_fixed(from, to, rows, count);
    return to->values != NULL;
}

enum eg_status eg_batch_pick(struct eg_batch **out, const struct eg_batch *from,
                             const uint32_t *rows, uint32_t count, struct eg_error *err) {
    struct eg_batch *batch = eg_calloc(1, sizeof *batch);
    if (!batch) return eg_fail(err, EG_E_NOMEM, "no memory to pick rows");
    *batch = (struct eg_batch){
        .table = from->table, .table_id = from->table_id, .rows = count, .unit = from->unit};
    atomic_init(&batch->refs, 1);
    batch->columns = eg_calloc(from->table->count, sizeof *batch->columns);
    if (batch->columns && from->owner_count)
        batch->owners = eg_calloc(from->owner_count, sizeof(struct eg_owner *));
    bool whole = batch->columns && (batch->owners || !from->owner_count);
    for (uint32_t i = 0; whole && i < from->owner_count; i++) {
        batch->owners[i] = eg_owner_ref(from->owners[i]);
        batch->owner_count++;
    }
    for (uint32_t i = 0; whole && i < from->table->count; i++) {
        batch->columns[i].type = from->columns[i].type;
        if (from->columns[i].values)
            whole = pick_column(&from->columns[i], &batch->columns[i], rows, count);
    }
    if (!whole) {
        eg_batch_unref(batch);
        return eg_fail(err, EG_E_NOMEM, "no memory to pick rows");
    }
    *out = batch;
    return EG_OK;
}

enum eg_status eg_batch_empty(struct eg_batch **out, enum eg_table_id table, struct eg_error *err) {
    *out = eg_calloc(1, sizeof **out);
    struct eg_column *columns = eg_calloc(eg_table_get(table)->count, sizeof *columns);
    if (!*out || !columns) {
        eg_free(*out);
        eg_free(columns);
        *out = NULL;
        return eg_fail(err, EG_E_NOMEM, "no memory for a batch");
    }
    **out = (struct eg_batch){.table = eg_table_get(table), .table_id = table, .columns = columns};
    atomic_init(&(*out)->refs, 1);
    return EG_OK;
}
