/* SPDX-License-Identifier: Apache-2.0
 * Several files at once: the same bytes as one after the other, the first error, cancelling, memory. */
#include "engine/parquet_crew.h"

#include "every_table.h"
#include "torture.h"

#define FILES 6

struct files {
    char directory[64], paths[FILES][128];
    struct every_batches rows[FILES];
    struct eg_parquet_order orders[FILES];
};

static void files_make(struct files *f) {
    made_directory(f->directory);
    for (int i = 0; i < FILES; i++) {
        const struct every_shape shape = {200, 3};
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        made_path(f->paths[i], sizeof f->paths[i], f->directory, name);
        f->rows[i] = every_make(i == 2 ? 0 : 300u * (uint32_t)(FILES - i), 100, &shape);
    }
}

static void files_free(struct files *f) {
    for (int i = 0; i < FILES; i++) every_free(&f->rows[i]);
    made_remove(f->directory);
}

static enum eg_status files_write(struct files *f, struct eg_parquet_crew *crew, int count,
                                  struct eg_error *err) {
    enum eg_status status = EG_OK;
    const struct eg_parquet_setup setup = {.table = &every_table};
    for (int i = 0; i < count; i++) f->orders[i] = (struct eg_parquet_order){.finish = true, .note = "n"};
    for (int i = 0; i < count && status >= 0; i++) {
        struct eg_parquet_order *order = &f->orders[i];
        status = eg_parquet_file_new(&order->file, f->paths[i], &setup, err);
        if (status >= 0)
            status = eg_parquet_file_plan(order->file, f->rows[i].batches, f->rows[i].count, err);
    }
    if (status >= 0) status = eg_parquet_crew_run(crew, f->orders, (size_t)count, err);
    for (int i = 0; i < count; i++) eg_parquet_file_free(f->orders[i].file);
    return status;
}

static void many_files_are_as_one_by_one(void **state) {
    (void)state;
    struct files alone, together;
    struct eg_error err;
    files_make(&alone);
    files_make(&together);
    for (uint32_t threads = 1; threads <= 5; threads += 2) {
        struct eg_parquet_crew *crew = NULL;
        assert_int_equal(eg_parquet_crew_new(&crew, &eg_env_plain, threads, &err), EG_OK);
        assert_int_equal(files_write(&together, crew, FILES, &err), EG_OK);
        for (int i = 0; i < FILES; i++) {
            struct files one = alone;
            memcpy(one.paths[0], alone.paths[i], sizeof one.paths[0]);
            one.rows[0] = alone.rows[i];
            assert_int_equal(files_write(&one, crew, 1, &err), EG_OK);
            assert_int_equal(together.orders[i].stats.rows, i == 2 ? 0 : 300 * (FILES - i));
            assert_int_equal(one.orders[0].stats.bytes, together.orders[i].stats.bytes);
            char command[512];
            snprintf(command, sizeof command, "cmp -s '%s' '%s'", alone.paths[i], together.paths[i]);
            assert_int_equal(system(command), 0);
        }
        eg_parquet_crew_free(crew);
    }
    files_free(&alone);
    files_free(&together);
}

static void the_first_error_ends_it(void **state) {
    (void)state;
    struct files f;
    struct eg_error err;
    files_make(&f);
    struct eg_parquet_crew *crew = NULL;
    assert_int_equal(eg_parquet_crew_new(&crew, &eg_env_plain, 3, &err), EG_OK);
    snprintf(f.paths[3], sizeof f.paths[3], "%s/no/such", f.directory);
    assert_int_equal(files_write(&f, crew, FILES, &err), EG_E_NOENT);
    assert_non_null(strstr(err.message, f.paths[3]));
    snprintf(f.paths[2], sizeof f.paths[2], "%s/nor/this", f.directory); /* the one without rows */
    assert_int_equal(files_write(&f, crew, FILES, &err), EG_E_NOENT);
    assert_non_null(strstr(err.message, f.paths[2]));
    assert_int_equal(files_write(&f, crew, FILES, NULL), EG_E_NOENT);
    eg_parquet_crew_free(crew);
    files_free(&f);
}

static void cancelling_ends_it(void **state) {
    (void)state;
    struct files f;
    struct eg_error err;
    atomic_bool cancelled = true;
    struct eg_env env = eg_env_plain;
    env.cancel = &cancelled;
    files_make(&f);
    struct eg_parquet_crew *crew = NULL;
    assert_int_equal(eg_parquet_crew_new(&crew, &env, 2, &err), EG_OK);
    assert_int_equal(files_write(&f, crew, 2, &err), EG_E_CANCELLED);
    assert_int_not_equal(access(f.paths[0], F_OK), 0);
    cancelled = false;
    assert_int_equal(files_write(&f, crew, 2, &err), EG_OK);
    eg_parquet_crew_free(crew);
    files_free(&f);
}

static void memory_may_run_out(void **state) {
    (void)state;
    struct files f;
    files_make(&f);
    bool failed = true;
    int refused = 0;
    for (long n = 0; failed && n < 3000; n += 1 + n / 20) {
        struct eg_error err;
        struct eg_parquet_crew *crew = NULL;
        torture_fail_after(n);
        enum eg_status status = eg_parquet_crew_new(&crew, &eg_env_plain, 2, &err);
        if (status >= 0) status = files_write(&f, crew, 3, &err);
        failed = torture_off();
        if (status < 0) {
            assert_int_equal(status, EG_E_NOMEM);
            refused++;
        } else {
            for (int i = 0; i < 3; i++) assert_int_equal(access(f.paths[i], F_OK), 0);
        }
        eg_parquet_crew_free(crew);
    }
    assert_false(failed);
    assert_true(refused > 20);
    files_free(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_files_are_as_one_by_one),
        cmocka_unit_test(the_first_error_ends_it),
        cmocka_unit_test(cancelling_ends_it),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
