/* SPDX-License-Identifier: Apache-2.0
 * Registering scalar functions. All of them see nulls and answer them themselves, since DuckDB
 * hands null rows to functions of the C API in any case. */
#include "engine/scalar.h"

#include <string.h>

void eg_out_null(duckdb_vector out, idx_t row) {
    duckdb_vector_ensure_validity_writable(out);
    duckdb_validity_set_row_invalid(duckdb_vector_get_validity(out), row);
}

void eg_out_text(duckdb_vector out, idx_t row, const char *text, size_t size) {
    if (size <= EG_INLINE_MAX)
        ((duckdb_string_t *)duckdb_vector_get_data(out))[row] = eg_inline_string(text, size);
    else duckdb_vector_assign_string_element_len(out, row, text, size);
}

static duckdb_scalar_function make(struct eg_engine *engine, const struct eg_scalar *from) {
    duckdb_scalar_function function = duckdb_create_scalar_function();
    duckdb_scalar_function_set_name(function, from->name);
    for (uint32_t i = 0; i < from->parameter_count; i++) {
        duckdb_logical_type type = duckdb_create_logical_type(from->parameters[i]);
        duckdb_scalar_function_add_parameter(function, type);
        duckdb_destroy_logical_type(&type);
    }
    if (from->parameter_count == 0) {
        duckdb_logical_type any = duckdb_create_logical_type(DUCKDB_TYPE_ANY);
        duckdb_scalar_function_set_varargs(function, any);
        duckdb_destroy_logical_type(&any);
    }
    duckdb_logical_type result = duckdb_create_logical_type(from->result);
    duckdb_scalar_function_set_return_type(function, result);
    duckdb_destroy_logical_type(&result);
    duckdb_scalar_function_set_special_handling(function);
    duckdb_scalar_function_set_extra_info(function, engine, NULL);
    duckdb_scalar_function_set_function(function, from->function);
    return function;
}

enum eg_status eg_register_scalars(struct eg_engine *engine, const struct eg_scalar *scalars,
                                   size_t count, struct eg_error *err) {
    for (size_t i = 0; i < count;) {
        const char *name = scalars[i].name;
        duckdb_scalar_function_set set = duckdb_create_scalar_function_set(name);
        duckdb_state state = DuckDBSuccess;
        for (; i < count && strcmp(scalars[i].name, name) == 0; i++) {
            duckdb_scalar_function function = make(engine, &scalars[i]);
            if (state == DuckDBSuccess) state = duckdb_add_scalar_function_to_set(set, function);
            duckdb_destroy_scalar_function(&function);
        }
        if (state == DuckDBSuccess)
            state = duckdb_register_scalar_function_set(engine->connection, set);
        duckdb_destroy_scalar_function_set(&set);
        if (state != DuckDBSuccess)
            return eg_fail(err, EG_E_ENGINE, "the SQL engine does not take the function %s", name);
    }
    return EG_OK;
}
