/* SPDX-License-Identifier: Apache-2.0
 * An eg_out that collects rows of flows, and rows as comparable texts. */
#ifndef EG_METER_ROWS_H
#define EG_METER_ROWS_H

#include "table/stage.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FLOW(name) EG_COL(FLOWS, name)

static inline void out_open(struct eg_out *out, uint32_t capacity, eg_column_set columns) {
    *out = (struct eg_out){0};
    if (eg_builder_new(&out->rows, eg_table_get(EG_TABLE_FLOWS), EG_TABLE_FLOWS, capacity, columns,
                       NULL) < 0)
        abort();
}

static inline void out_close(struct eg_out *out) {
    for (uint32_t i = 0; i < out->ready_count; i++) eg_batch_unref(out->ready[i]);
    eg_free(out->ready);
    eg_builder_free(out->rows);
    eg_tally_reset(&out->tally);
}

static inline uint64_t out_rows(struct eg_out *out) {
    uint64_t rows = 0;
    eg_out_seal(out);
    for (uint32_t i = 0; i < out->ready_count; i++) rows += out->ready[i]->rows;
    return rows;
}

/* The value of the n-th row; INT64_MIN: null. */
static inline int64_t out_value(struct eg_out *out, uint32_t col, uint64_t row) {
    eg_out_seal(out);
    for (uint32_t i = 0; i < out->ready_count; i++) {
        const struct eg_batch *b = out->ready[i];
        if (row < b->rows)
            return eg_batch_valid(b, col, (uint32_t)row)
                       ? eg_col_int(&b->columns[col], (uint32_t)row)
                       : INT64_MIN;
        row -= b->rows;
    }
    return INT64_MAX;
}

static inline int64_t out_sum(struct eg_out *out, uint32_t col) {
    int64_t sum = 0;
    uint64_t rows = out_rows(out);
    for (uint64_t i = 0; i < rows; i++) {
        int64_t value = out_value(out, col, i);
        if (value != INT64_MIN) sum += value;
    }
    return sum;
}

/* ---- rows as texts ---- */

struct texts {
    char **items;
    size_t count;
};

static inline char *row_text(const struct eg_batch *b, uint32_t row) {
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    for (uint32_t col = 0; col < b->table->count; col++) {
        const struct eg_column *column = &b->columns[col];
        fputc('|', to);
        if (!eg_batch_valid(b, col, row)) continue;
        switch (column->type) {
        case EG_TYPE_ADDR:
            for (int i = 0; i < 16; i++) fprintf(to, "%02x", eg_col_addr(column)[row].bytes[i]);
            break;
        case EG_TYPE_TEXT:
        case EG_TYPE_NAME: {
            struct eg_span s = eg_col_text(column, row);
            fwrite(s.at, 1, s.size, to);
            break;
        }
        default: fprintf(to, "%" PRId64, eg_col_int(column, row));
        }
    }
    fclose(to);
    return text;
}

static inline void texts_add(struct texts *texts, struct eg_out *out) {
    texts->items = realloc(texts->items, (texts->count + out_rows(out) + 1) * sizeof(char *));
    for (uint32_t i = 0; i < out->ready_count; i++)
        for (uint32_t row = 0; row < out->ready[i]->rows; row++)
            texts->items[texts->count++] = row_text(out->ready[i], row);
}

static inline int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}
static inline void texts_sort(struct texts *texts) {
    qsort(texts->items, texts->count, sizeof(char *), by_text);
}
static inline bool texts_same(const struct texts *a, const struct texts *b) {
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0) return false;
    return true;
}
static inline void texts_free(struct texts *texts) {
    for (size_t i = 0; i < texts->count; i++) free(texts->items[i]);
    free(texts->items);
    *texts = (struct texts){0};
}

#endif
