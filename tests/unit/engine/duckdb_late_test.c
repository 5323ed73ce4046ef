/* SPDX-License-Identifier: Apache-2.0
 * DuckDB is loaded once, from whatever thread, and every function that is called is there. */
#define EG_DUCKDB_LOADER
#include "engine/duckdb_late.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void *loads(void *to) {
    *(enum eg_status *)to = eg_duckdb_load(NULL);
    return NULL;
}

static void loaded_once_by_all(void **state) {
    (void)state;
    pthread_t threads[4];
    enum eg_status status[4];
    assert_false(eg_duckdb.loaded); /* starting a program does not */
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, loads, &status[i]);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++) assert_int_equal(status[i], EG_OK);
    assert_true(eg_duckdb.loaded);
    size_t functions = 0;
#define EG_DUCKDB(name)                                                                            \
    assert_non_null(eg_duckdb.name);                                                               \
    functions++;
#include "engine/duckdb.def"
#undef EG_DUCKDB
    assert_true(functions > 100);
    assert_int_equal(*eg_duckdb.duckdb_library_version(), 'v');
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(loaded_once_by_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
