/* SPDX-License-Identifier: Apache-2.0
 * Batches as an Arrow IPC stream. The metadata are flatbuffers; the few tables needed are written
 * front to back: a table first, with blanks for its offsets, then what they point to.
 * Source: Arrow columnar format; Schema.fbs and Message.fbs; the FlatBuffers binary format. */
#include "table/arrow_ipc.h"

#include "table/arrow.h"

#include <string.h>

/* ---- flatbuffers ---- */

struct flat {
    struct eg_strbuf *to;
    size_t base; /* where the flatbuffer begins in it; it aligns from there */
};

static size_t flat_here(const struct flat *f) { return f->to->size - f->base; }

static void flat_align(struct flat *f, size_t align) {
    static const char zeroes[8] = {0};
    eg_strbuf_add(f->to, zeroes, (align - flat_here(f) % align) % align);
}

static void flat_put(struct flat *f, uint64_t value, size_t size) {
    eg_strbuf_add(f->to, &value, size);
}

/* Writes over a blank that was left at `at`. */
static void flat_set(struct flat *f, size_t at, uint64_t value, size_t size) {
    if (!f->to->failed) memcpy(f->to->text + f->base + at, &value, size);
}

/* The blank offset at `at` now points here. */
static void flat_point(struct flat *f, size_t at) { flat_set(f, at, flat_here(f) - at, 4); }

/* A table of up to 8 fields by their sizes (0: left out, which means its default), with blanks;
 * `places` says where each field is. `from` is the offset that points to the table. */
static void flat_table(struct flat *f, size_t from, const uint8_t *sizes, size_t count,
                       size_t *places) {
    uint16_t layout[10] = {(uint16_t)(4 + 2 * count), 0};
    size_t used = 4; /* the table begins with the way back to its layout */
    for (size_t i = 0; i < count; i++) {
        if (!sizes[i]) continue;
        used = (used + sizes[i] - 1) / sizes[i] * sizes[i];
        layout[2 + i] = (uint16_t)used;
        used += sizes[i];
    }
    layout[1] = (uint16_t)used;
    flat_align(f, 8);
    size_t lead = (8 - (size_t)layout[0] % 8) % 8; /* so that the table itself is aligned to 8 */
    flat_put(f, 0, lead);
    size_t layout_at = flat_here(f);
    eg_strbuf_add(f->to, layout, layout[0]);
    size_t table_at = flat_here(f);
    flat_point(f, from);
    flat_put(f, table_at - layout_at, 4);
    for (size_t left = used - 4; left; left -= left < 8 ? left : 8)
        flat_put(f, 0, left < 8 ? left : 8);
    for (size_t i = 0; i < count; i++) places[i] = table_at + layout[2 + i];
}

static void flat_string(struct flat *f, size_t from, const char *text) {
    flat_align(f, 4);
    flat_point(f, from);
    flat_put(f, strlen(text), 4);
    eg_strbuf_add(f->to, text, strlen(text) + 1);
}

/* A vector's length; its elements, aligned as asked, follow. Answers where the first stands. */
static size_t flat_vector(struct flat *f, size_t from, size_t count, size_t align) {
    flat_align(f, 4);
    while (!f->to->failed && (flat_here(f) + 4) % align) flat_put(f, 0, 4);
    flat_point(f, from);
    flat_put(f, count, 4);
    return flat_here(f);
}

/* ---- messages ---- */

enum { HEADER_SCHEMA = 1, HEADER_BATCH = 3, VERSION_5 = 4 };

/* Begins a message; `header` is the offset for its schema or batch to be pointed from. */
static struct flat message_begin(struct eg_strbuf *to, int kind, int64_t body_size,
                                 size_t *header) {
    static const uint8_t sizes[] = {2, 1, 4, 8}; /* version, header_type, header, bodyLength */
    size_t places[4];
    uint64_t prefix = UINT32_MAX; /* the mark of a message; its size is set at the end */
    eg_strbuf_add(to, &prefix, 8);
    struct flat f = {to, to->size};
    flat_put(&f, 0, 4); /* root */
    flat_table(&f, 0, sizes, 4, places);
    flat_set(&f, places[0], VERSION_5, 2);
    flat_set(&f, places[1], (uint64_t)kind, 1);
    flat_set(&f, places[3], (uint64_t)body_size, 8);
    *header = places[2];
    return f;
}

static void message_end(struct flat *f) {
    flat_align(f, 8);
    uint32_t size = (uint32_t)flat_here(f);
    if (!f->to->failed) memcpy(f->to->text + f->base - 4, &size, 4);
}

/* ---- schema ---- */

enum {
    TYPE_INT = 2,
    TYPE_FLOAT = 3,
    TYPE_BINARY = 4,
    TYPE_UTF8 = 5,
    TYPE_BOOL = 6,
    TYPE_TIME = 10
};

static uint8_t type_kind(const char *format) {
    switch (*format) {
    case 's':
    case 'i':
    case 'l': return TYPE_INT;
    case 'g': return TYPE_FLOAT;
    case 'b': return TYPE_BOOL;
    case 't': return TYPE_TIME;
    case 'z': return TYPE_BINARY;
    default: return TYPE_UTF8;
    }
}

static void put_type(struct flat *f, size_t from, const char *format) {
    static const uint8_t int_sizes[] = {4, 1}, float_sizes[] = {2}, time_sizes[] = {2, 4};
    size_t places[2];
    switch (type_kind(format)) {
    case TYPE_INT: /* bitWidth, is_signed */
        flat_table(f, from, int_sizes, 2, places);
        flat_set(f, places[0], *format == 's' ? 16 : *format == 'i' ? 32 : 64, 4);
        flat_set(f, places[1], 1, 1);
        break;
    case TYPE_FLOAT: /* precision: double */
        flat_table(f, from, float_sizes, 1, places);
        flat_set(f, places[0], 2, 2);
        break;
    case TYPE_TIME: /* unit: microsecond; timezone */
        flat_table(f, from, time_sizes, 2, places);
        flat_set(f, places[0], 2, 2);
        flat_string(f, places[1], "UTC");
        break;
    default: flat_table(f, from, NULL, 0, places);
    }
}

static void put_field(struct flat *f, size_t from, const struct ArrowSchema *field) {
    /* name, nullable, type_type, type, dictionary, children */
    static const uint8_t sizes[] = {4, 1, 1, 4, 0, 4};
    size_t places[6];
    flat_table(f, from, sizes, 6, places);
    flat_set(f, places[1], 1, 1);
    flat_set(f, places[2], type_kind(field->format), 1);
    flat_string(f, places[0], field->name);
    put_type(f, places[3], field->format);
    flat_vector(f, places[5], 0, 4);
}

enum eg_status eg_arrow_ipc_begin(const struct eg_table *table, eg_column_set columns,
                                  struct eg_strbuf *to, struct eg_error *err) {
    static const uint8_t sizes[] = {2, 4}; /* endianness, fields */
    struct ArrowSchema schema;
    EG_TRY(eg_arrow_schema(table, columns, EG_ARROW_TEXT, &schema, err));
    size_t header, places[2], count = (size_t)schema.n_children;
    struct flat f = message_begin(to, HEADER_SCHEMA, 0, &header);
    flat_table(&f, header, sizes, 2, places);
    size_t first = flat_vector(&f, places[1], count, 4);
    for (size_t i = 0; i < count; i++) flat_put(&f, 0, 4);
    for (size_t i = 0; i < count; i++) put_field(&f, first + 4 * i, schema.children[i]);
    message_end(&f);
    schema.release(&schema);
    return to->failed ? eg_fail(err, EG_E_NOMEM, "no memory for an Arrow schema") : EG_OK;
}

/* ---- record batches ---- */

static size_t padded(size_t size) { return (size + 7) & ~(size_t)7; }

static bool is_text(enum eg_type type) {
    return type == EG_TYPE_TEXT || type == EG_TYPE_BIN || type == EG_TYPE_VIEW ||
           type == EG_TYPE_NAME || type == EG_TYPE_ADDR || type == EG_TYPE_MAC;
}

/* Bytes of a child's buffer as far as its rows go. */
static size_t buffer_size(const struct ArrowArray *array, int buffer, enum eg_type type) {
    size_t rows = (size_t)array->length;
    if (buffer == 0) return array->null_count ? (rows + 7) / 8 : 0;
    if (!is_text(type)) return type == EG_TYPE_BOOL ? (rows + 7) / 8 : rows * eg_type_width(type);
    if (buffer == 1) return (rows + 1) * 4;
    return (size_t)((const int32_t *)array->buffers[1])[rows];
}

/* The i-th child of the set is which column. */
static uint32_t next_column(eg_column_set columns, uint32_t from) {
    while (!(columns >> from & 1)) from++;
    return from;
}

/* Walks the buffers of all children: their places as metadata, or the bytes themselves. */
static size_t walk_buffers(const struct eg_table *table, eg_column_set columns,
                           const struct ArrowArray *root, struct flat *places,
                           struct eg_strbuf *bytes) {
    static const char zeroes[8] = {0};
    size_t offset = 0;
    uint32_t col = 0;
    for (int64_t i = 0; i < root->n_children; i++, col++) {
        const struct ArrowArray *child = root->children[i];
        col = next_column(columns, col);
        for (int k = 0; k < child->n_buffers; k++) {
            size_t size = buffer_size(child, k, table->columns[col].type);
            if (places) {
                flat_put(places, offset, 8);
                flat_put(places, size, 8);
            }
            if (bytes && size) {
                eg_strbuf_add(bytes, child->buffers[k], size);
                eg_strbuf_add(bytes, zeroes, padded(size) - size);
            }
            offset += padded(size);
        }
    }
    return offset;
}

static void put_batch(const struct eg_table *table, eg_column_set columns,
                      const struct ArrowArray *root, struct eg_strbuf *to) {
    static const uint8_t sizes[] = {8, 4, 4}; /* length, nodes, buffers */
    size_t header, places[3], buffers = 0;
    size_t body = walk_buffers(table, columns, root, NULL, NULL);
    struct flat f = message_begin(to, HEADER_BATCH, (int64_t)body, &header);
    flat_table(&f, header, sizes, 3, places);
    flat_set(&f, places[0], (uint64_t)root->length, 8);
    flat_vector(&f, places[1], (size_t)root->n_children, 8);
    for (int64_t i = 0; i < root->n_children; i++) {
        flat_put(&f, (uint64_t)root->length, 8);
        flat_put(&f, (uint64_t)root->children[i]->null_count, 8);
        buffers += (size_t)root->children[i]->n_buffers;
    }
    flat_vector(&f, places[2], buffers, 8);
    walk_buffers(table, columns, root, &f, NULL);
    message_end(&f);
    walk_buffers(table, columns, root, NULL, to);
}

enum eg_status eg_arrow_ipc_batch(struct eg_batch *batch, eg_column_set columns,
                                  struct eg_strbuf *to, struct eg_error *err) {
    struct ArrowArray root;
    EG_TRY(eg_arrow_array(batch, columns, EG_ARROW_TEXT, &root, err));
    put_batch(batch->table, columns, &root, to);
    root.release(&root);
    return to->failed ? eg_fail(err, EG_E_NOMEM, "no memory for an Arrow batch") : EG_OK;
}

void eg_arrow_ipc_end(struct eg_strbuf *to) {
    const uint64_t end = UINT32_MAX; /* the mark, and a size of 0 */
    eg_strbuf_add(to, &end, 8);
}
