/* SPDX-License-Identifier: Apache-2.0
 * A table of every type there is, with rows that a reader can tell from their numbers. */
#ifndef EG_EVERY_TABLE_H
#define EG_EVERY_TABLE_H

#include "engine_make.h"
#include "numbers.h"

static const struct eg_column_info every_columns[] = {
    {"time", EG_TYPE_TIME, "", "", "", ""}, {"i16", EG_TYPE_I16, "", "", "", ""},
    {"i32", EG_TYPE_I32, "", "", "", ""},   {"i64", EG_TYPE_I64, "", "", "", ""},
    {"f64", EG_TYPE_F64, "", "", "", ""},   {"flag", EG_TYPE_BOOL, "", "", "", ""},
    {"txt", EG_TYPE_TEXT, "", "", "", ""},  {"name", EG_TYPE_NAME, "", "", "", ""},
    {"addr", EG_TYPE_ADDR, "", "", "", ""}, {"mac", EG_TYPE_MAC, "", "", "", ""},
    {"bin", EG_TYPE_BIN, "", "", "", ""},   {"absent", EG_TYPE_I64, "", "", "", ""},
};
enum { E_TIME, E_I16, E_I32, E_I64, E_F64, E_FLAG, E_TEXT, E_NAME, E_ADDR, E_MAC, E_BIN, E_ABSENT, E_COUNT };
static const struct eg_table every_table = {"every", "All types.", every_columns, E_COUNT};

/* How the values of a run of rows look. */
struct every_shape {
    uint64_t distinct; /* about how many different values a column has */
    unsigned nulls;    /* one row in so many is null; 0: none */
};

static inline void every_row(struct eg_builder *b, uint64_t n, const struct every_shape *shape) {
    static const char *const names[] = {"short", "a name of more than twelve bytes", "", "Grüße"};
    for (uint32_t col = 0; col < E_ABSENT; col++) {
        uint64_t m = mix_of(mix_of(n * 16 + col) % shape->distinct + col);
        if (shape->nulls && mix_of(n * 32 + col) % shape->nulls == 0) continue;
        char text[64];
        switch (col) {
        case E_TIME: eg_put_int(b, col, 1767225600000000 + (int64_t)(m % 100000000000)); break;
        case E_I16: eg_put_int(b, col, (int16_t)m); break;
        case E_I32: eg_put_int(b, col, (int32_t)m); break;
        case E_I64: eg_put_int(b, col, (int64_t)m); break;
        case E_F64: eg_put_f64(b, col, (double)(int64_t)m / 1024); break;
        case E_FLAG: eg_put_int(b, col, (int64_t)(m & 1)); break;
        case E_TEXT:
            eg_put_text(b, col, text, (size_t)(m % 9 ? snprintf(text, sizeof text, "text %llu", (unsigned long long)m) : 0));
            break;
        case E_NAME: eg_put_name(b, col, names[m % 4], strlen(names[m % 4])); break;
        case E_ADDR: {
            struct eg_addr addr = eg_addr_v4((uint32_t)m);
            if (m % 5 == 0) addr.bytes[0] = 0xfd;
            eg_put_addr(b, col, &addr);
            break;
        }
        case E_MAC: eg_put_int(b, col, (int64_t)(m & 0xffffffffffff)); break;
        default: eg_put_text(b, col, &m, m % 9);
        }
    }
    eg_builder_row(b, 1);
}

struct every_batches {
    struct eg_batch **batches;
    size_t count;
};

static inline struct every_batches every_make(uint64_t rows, uint32_t capacity, const struct every_shape *shape) {
    struct every_batches all = {calloc(rows / capacity + 2, sizeof(struct eg_batch *)), 0};
    struct eg_builder *b = NULL;
    struct eg_error err;
    if (eg_builder_new(&b, &every_table, EG_TABLE_COUNT, capacity, EG_COLUMNS_ALL, &err) < 0) abort();
    for (uint64_t n = 0; n < rows; n++) {
        every_row(b, n, shape);
        if (eg_builder_room(b) && n + 1 < rows) continue;
        if (eg_builder_seal(b, &all.batches[all.count++], &err) != EG_OK) abort();
    }
    eg_builder_free(b);
    return all;
}
static inline void every_free(struct every_batches *all) {
    for (size_t i = 0; i < all->count; i++) eg_batch_unref(all->batches[i]);
    free(all->batches);
}

/* The rows as TSV, made without SQL. */
static inline char *every_text(const struct every_batches *all) {
    struct eg_strbuf text = {0};
    uint32_t columns[E_COUNT];
    for (uint32_t i = 0; i < E_COUNT; i++) columns[i] = i;
    struct eg_encode_style style = {.format = EG_FORMAT_TSV};
    struct eg_encoder *encoder = NULL;
    struct eg_error err;
    if (eg_encoder_new(&encoder, &every_table, columns, E_COUNT, &style, &err) < 0) abort();
    eg_encoder_begin(encoder, &text);
    for (size_t i = 0; i < all->count; i++) eg_encoder_rows(encoder, all->batches[i], &text);
    eg_encoder_end(encoder, &text);
    eg_encoder_free(encoder);
    return eg_strbuf_take(&text);
}

#endif
