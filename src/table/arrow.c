/* SPDX-License-Identifier: Apache-2.0
 * Batches as ArrowSchema and ArrowArray. Every child stands on its own (it holds its name, or its
 * reference to the batch), since a consumer may move children out and release the parent before.
 * Source: the Arrow C data interface. */
#include "table/arrow.h"

#include "base/alloc.h"
#include "table/address.h"

#include <string.h>

/* ---- schemas ---- */

static void schema_release(struct ArrowSchema *schema) {
    for (int64_t i = 0; i < schema->n_children; i++) {
        struct ArrowSchema *child = schema->children[i];
        if (child && child->release) child->release(child);
        eg_free(child);
    }
    eg_free(schema->children);
    if (schema->dictionary && schema->dictionary->release)
        schema->dictionary->release(schema->dictionary);
    eg_free(schema->dictionary);
    eg_free(schema->private_data); /* the name */
    schema->release = NULL;
}

static bool schema_set(struct ArrowSchema *schema, const char *format, const char *name) {
    char *copy = eg_strdup(name);
    if (!copy) return false;
    *schema = (struct ArrowSchema){.format = format,
                                   .name = copy,
                                   .flags = ARROW_FLAG_NULLABLE,
                                   .release = schema_release,
                                   .private_data = copy};
    return true;
}

static const char *format_of(enum eg_type type, enum eg_arrow_style style) {
    switch (type) {
    case EG_TYPE_TIME: return "tsu:UTC";
    case EG_TYPE_I16: return "s";
    case EG_TYPE_I32: return "i";
    case EG_TYPE_I64: return "l";
    case EG_TYPE_F64: return "g";
    case EG_TYPE_BOOL: return "b";
    case EG_TYPE_TEXT: return "u";
    case EG_TYPE_NAME: return style == EG_ARROW_NATIVE ? "i" : "u";
    case EG_TYPE_ADDR: return style == EG_ARROW_NATIVE ? "w:16" : "u";
    case EG_TYPE_MAC: return style == EG_ARROW_NATIVE ? "l" : "u";
    case EG_TYPE_BIN:
    case EG_TYPE_VIEW: return "z";
    }
    return "n";
}

static bool schema_child(const struct eg_column_info *info, enum eg_arrow_style style,
                         struct ArrowSchema *child) {
    if (!schema_set(child, format_of(info->type, style), info->name)) return false;
    if (info->type != EG_TYPE_NAME || style != EG_ARROW_NATIVE) return true;
    child->dictionary = eg_calloc(1, sizeof *child->dictionary);
    return child->dictionary && schema_set(child->dictionary, "u", "");
}

static uint32_t set_count(const struct eg_table *table, eg_column_set columns) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < table->count; i++) count += (uint32_t)(columns >> i & 1);
    return count;
}

enum eg_status eg_arrow_schema(const struct eg_table *table, eg_column_set columns,
                               enum eg_arrow_style style, struct ArrowSchema *out,
                               struct eg_error *err) {
    struct ArrowSchema root;
    if (!schema_set(&root, "+s", ""))
        return eg_fail(err, EG_E_NOMEM, "no memory for the schema of %s", table->name);
    root.flags = 0; /* rows are never null */
    uint32_t count = set_count(table, columns);
    root.children = eg_calloc(count, sizeof *root.children);
    bool whole = root.children != NULL;
    for (uint32_t i = 0; whole && i < table->count; i++) {
        if (!(columns >> i & 1)) continue;
        struct ArrowSchema *child = eg_calloc(1, sizeof *child);
        whole = child && schema_child(&table->columns[i], style, child);
        if (child) root.children[root.n_children++] = child;
    }
    if (!whole) {
        schema_release(&root);
        return eg_fail(err, EG_E_NOMEM, "no memory for the schema of %s", table->name);
    }
    *out = root;
    return EG_OK;
}

/* ---- arrays ---- */

/* What a child array keeps: the batch its buffers are in, and the buffers made for it alone. */
struct keep {
    const void *buffers[3];
    void *own[3];
    struct eg_batch *batch;
};

static void array_release(struct ArrowArray *array) {
    for (int64_t i = 0; i < array->n_children; i++) {
        struct ArrowArray *child = array->children[i];
        if (child && child->release) child->release(child);
        eg_free(child);
    }
    eg_free(array->children);
    if (array->dictionary && array->dictionary->release)
        array->dictionary->release(array->dictionary);
    eg_free(array->dictionary);
    struct keep *keep = array->private_data;
    for (int i = 0; i < 3; i++) eg_free(keep->own[i]);
    eg_batch_unref(keep->batch);
    eg_free(keep);
    array->release = NULL;
}

/* An array of no buffers yet; `batch` NULL: it looks into none. */
static struct keep *array_set(struct ArrowArray *array, int64_t length, struct eg_batch *batch) {
    struct keep *keep = eg_calloc(1, sizeof *keep);
    if (!keep) return NULL;
    if (batch) keep->batch = eg_batch_ref(batch);
    *array = (struct ArrowArray){.length = length,
                                 .n_buffers = 1,
                                 .buffers = keep->buffers,
                                 .release = array_release,
                                 .private_data = keep};
    return keep;
}

/* What absent columns look into; a batch of the usual size needs no more of any type. */
#define ZEROES_SIZE (EG_BATCH_ROWS * 16)
static const _Alignas(EG_ALIGN) uint8_t zeroes[ZEROES_SIZE];

static bool point_at_zeroes(struct keep *keep, int buffer, size_t size) {
    keep->buffers[buffer] = zeroes;
    if (size <= ZEROES_SIZE) return true;
    keep->buffers[buffer] = keep->own[buffer] = eg_aligned(size);
    return keep->own[buffer] != NULL;
}

static bool is_text(const char *format) { return *format == 'u' || *format == 'z'; }

static bool absent_child(const char *format, struct ArrowArray *array, struct keep *keep) {
    size_t rows = (size_t)array->length;
    array->null_count = array->length;
    array->n_buffers = is_text(format) ? 3 : 2;
    return point_at_zeroes(keep, 0, (rows + 7) / 8) && point_at_zeroes(keep, 1, (rows + 1) * 16) &&
           point_at_zeroes(keep, 2, 1);
}

/* ---- values rendered as text ---- */

/* The bytes of one value as it leaves; `room` holds what has to be made. */
static struct eg_span rendered(const struct eg_column *col, uint32_t row, char room[EG_ADDR_TEXT]) {
    switch (col->type) {
    case EG_TYPE_ADDR: return eg_span(room, eg_addr_text(&eg_col_addr(col)[row], room));
    case EG_TYPE_MAC: return eg_span(room, eg_mac_text(eg_col_i64(col)[row], room));
    case EG_TYPE_VIEW: return eg_col_view(col)[row];
    default: return eg_col_text(col, row);
    }
}

/* At most so many bytes does the value take. */
static size_t rendered_room(const struct eg_column *col, uint32_t row) {
    switch (col->type) {
    case EG_TYPE_ADDR: return eg_addr_is_v4(&eg_col_addr(col)[row]) ? 15 : 39;
    case EG_TYPE_MAC: return EG_MAC_TEXT - 1;
    case EG_TYPE_VIEW: return eg_col_view(col)[row].size;
    default: return eg_col_text(col, row).size;
    }
}

static bool rendered_child(const struct eg_batch *batch, uint32_t i, struct keep *keep) {
    const struct eg_column *col = &batch->columns[i];
    size_t room = 0;
    for (uint32_t row = 0; row < batch->rows; row++)
        if (eg_batch_valid(batch, i, row)) room += rendered_room(col, row);
    if (room > INT32_MAX) return false;
    int32_t *offsets = keep->own[1] = eg_aligned(((size_t)batch->rows + 1) * sizeof *offsets);
    char *bytes = keep->own[2] = eg_aligned(room);
    if (!offsets || !bytes) return false;
    for (uint32_t row = 0; row < batch->rows; row++) {
        offsets[row + 1] = offsets[row];
        if (!eg_batch_valid(batch, i, row)) continue;
        char text[EG_ADDR_TEXT];
        struct eg_span value = rendered(col, row, text);
        if (value.size) memcpy(bytes + offsets[row], value.at, value.size);
        offsets[row + 1] += (int32_t)value.size;
    }
    keep->buffers[1] = offsets;
    keep->buffers[2] = bytes;
    return true;
}

/* The texts of a dictionary up to the last that this batch uses: its builder may be adding more. */
static bool dictionary_child(const struct eg_batch *batch, uint32_t i, struct ArrowArray *array) {
    const struct eg_column *col = &batch->columns[i];
    uint32_t count = 0;
    size_t room = 0;
    for (uint32_t row = 0; row < batch->rows; row++)
        if (eg_batch_valid(batch, i, row) && (uint32_t)eg_col_i32(col)[row] >= count)
            count = (uint32_t)eg_col_i32(col)[row] + 1;
    for (uint32_t k = 0; k < count; k++) room += col->dict->entries[k].size;
    array->dictionary = eg_calloc(1, sizeof *array->dictionary);
    if (!array->dictionary || room > INT32_MAX) return false;
    struct keep *keep = array_set(array->dictionary, count, NULL);
    if (!keep) return false;
    int32_t *offsets = keep->own[1] = eg_aligned(((size_t)count + 1) * sizeof *offsets);
    char *bytes = keep->own[2] = eg_aligned(room);
    if (!offsets || !bytes) return false;
    for (uint32_t k = 0; k < count; k++) {
        memcpy(bytes + offsets[k], col->dict->entries[k].text, col->dict->entries[k].size);
        offsets[k + 1] = offsets[k] + (int32_t)col->dict->entries[k].size;
    }
    keep->buffers[1] = offsets;
    keep->buffers[2] = bytes;
    array->dictionary->n_buffers = 3;
    return true;
}

static bool array_child(struct eg_batch *batch, uint32_t i, enum eg_arrow_style style,
                        struct ArrowArray *array) {
    struct keep *keep = array_set(array, batch->rows, batch);
    if (!keep) return false;
    const struct eg_column *col = &batch->columns[i];
    enum eg_type type = batch->table->columns[i].type;
    const char *format = format_of(type, style);
    bool has_dictionary = type == EG_TYPE_NAME && style == EG_ARROW_NATIVE;
    if (has_dictionary && !dictionary_child(batch, i, array)) return false;
    if (!col->values) return absent_child(format, array, keep);
    array->null_count = col->valid ? col->nulls : 0;
    keep->buffers[0] = array->null_count ? col->valid : NULL;
    array->n_buffers = is_text(format) ? 3 : 2;
    if (is_text(format) && type != EG_TYPE_TEXT && type != EG_TYPE_BIN)
        return rendered_child(batch, i, keep);
    keep->buffers[1] = is_text(format) ? (const void *)col->offsets : col->values;
    keep->buffers[2] = is_text(format) ? col->values : NULL;
    return true;
}

enum eg_status eg_arrow_array(struct eg_batch *batch, eg_column_set columns,
                              enum eg_arrow_style style, struct ArrowArray *out,
                              struct eg_error *err) {
    struct ArrowArray root;
    if (!array_set(&root, batch->rows, NULL))
        return eg_fail(err, EG_E_NOMEM, "no memory to hand out a batch");
    root.children = eg_calloc(set_count(batch->table, columns), sizeof *root.children);
    bool whole = root.children != NULL;
    for (uint32_t i = 0; whole && i < batch->table->count; i++) {
        if (!(columns >> i & 1)) continue;
        struct ArrowArray *child = eg_calloc(1, sizeof *child);
        whole = child && array_child(batch, i, style, child);
        if (child) root.children[root.n_children++] = child;
    }
    if (!whole) {
        array_release(&root);
        return eg_fail(err, EG_E_NOMEM, "no memory to hand out a batch");
    }
    *out = root;
    return EG_OK;
}
