/* SPDX-License-Identifier: Apache-2.0
 * What scalar functions share: arguments and results as rows of vectors, nulls included. */
#ifndef EG_ENGINE_SCALAR_H
#define EG_ENGINE_SCALAR_H

#include "engine/inside.h"

/* One argument of a chunk; vectors come flat. */
struct eg_arg {
    const void *values;
    const uint64_t *valid; /* NULL: no nulls */
};
static inline struct eg_arg eg_arg(duckdb_data_chunk chunk, idx_t index) {
    duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, index);
    return (struct eg_arg){duckdb_vector_get_data(vector), duckdb_vector_get_validity(vector)};
}
static inline bool eg_arg_valid(const struct eg_arg *arg, idx_t row) {
    return !arg->valid || arg->valid[row / 64] >> (row % 64) & 1;
}
static inline int64_t eg_arg_i64(const struct eg_arg *arg, idx_t row) {
    return ((const int64_t *)arg->values)[row];
}
static inline int32_t eg_arg_i32(const struct eg_arg *arg, idx_t row) {
    return ((const int32_t *)arg->values)[row];
}
/* The text of a VARCHAR argument; lives as long as the chunk. */
static inline struct eg_span eg_arg_text(const struct eg_arg *arg, idx_t row) {
    duckdb_string_t *string = (duckdb_string_t *)(uintptr_t)arg->values + row;
    return eg_span(duckdb_string_t_data(string), duckdb_string_t_length(*string));
}

void eg_out_null(duckdb_vector out, idx_t row);
void eg_out_text(duckdb_vector out, idx_t row, const char *text, size_t size);

#endif
