/* SPDX-License-Identifier: Apache-2.0
 * Scalar functions of one name and several signatures; nulls. */
#include "engine/scalar.h"

#include "engine_make.h"

static void one(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
    (void)info;
    for (idx_t row = 0; row < duckdb_data_chunk_get_size(in); row++) {
        struct eg_arg arg = eg_arg(in, 0);
        if (eg_arg_valid(&arg, row)) eg_out_text(out, row, "a text of more than twelve bytes", 32);
        else eg_out_null(out, row);
    }
}
static void two(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
    (void)info;
    for (idx_t row = 0; row < duckdb_data_chunk_get_size(in); row++) eg_out_text(out, row, "short", 5);
}

static void signatures_are_told_apart(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    const struct eg_scalar scalars[] = {
        {"eg_test", DUCKDB_TYPE_VARCHAR, {DUCKDB_TYPE_BIGINT}, 1, one},
        {"eg_test", DUCKDB_TYPE_VARCHAR, {DUCKDB_TYPE_VARCHAR}, 1, two},
    };
    struct eg_error err;
    assert_int_equal(eg_register_scalars(engine, scalars, 2, &err), EG_OK);
    answers(engine, "SELECT eg_test(1), eg_test('x'), eg_test(NULL::BIGINT)",
            "a text of more than twelve bytes\tshort\t");
    answers(engine, "SELECT count(eg_test(CASE WHEN range % 2 = 0 THEN range END)) FROM range(5000)", "2500");
    eg_engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
