/* SPDX-License-Identifier: Apache-2.0
 * Paths in a table, held against a plain list. */
#include "source/directory_table.h"

#include "torture.h"

#include "tree.h"

#include <stdlib.h>

#define NAMES 3000

static char *name_of(int i) {
    static char name[32];
    snprintf(name, sizeof name, "/some/where/%d", i);
    return name;
}

static void as_a_list(void **state) {
    (void)state;
    struct eg_file_table table = {0};
    int states[NAMES], counts[3] = {0};
    uint64_t looks[NAMES] = {0};
    for (int i = 0; i < NAMES; i++) states[i] = -1;
    assert_null(eg_file_table_find(&table, "/x"));
    srand(5);
    for (int step = 0; step < 60000; step++) {
        int i = rand() % NAMES;
        struct eg_file *file = eg_file_table_find(&table, name_of(i));
        assert_int_equal(file != NULL, states[i] >= 0);
        if (!file) {
            file = eg_file_table_add(&table, name_of(i));
            assert_non_null(file);
            counts[states[i] = EG_FILE_READY]++;
        } else if (rand() % 4 == 0) {
            eg_file_table_drop(&table, file);
            counts[states[i]]--;
            states[i] = -1;
            continue;
        }
        assert_string_equal(file->path, name_of(i));
        assert_int_equal(file->state, states[i]);
        counts[states[i]]--;
        counts[states[i] = rand() % 3]++;
        eg_file_table_set(&table, file, (enum eg_file_state)states[i]);
        file->look = looks[i] = (uint64_t)step;
        assert_int_equal(table.count, counts[0] + counts[1] + counts[2]);
        assert_int_equal(table.ready, counts[EG_FILE_READY]);
        if (step % 10000 || step < 3000) continue;
        eg_file_table_drop_unseen(&table, (uint64_t)step - 3000);
        for (int k = 0; k < NAMES; k++) {
            if (states[k] < 0 || states[k] == EG_FILE_OFFERED ||
                looks[k] >= (uint64_t)step - 3000)
                continue;
            counts[states[k]]--;
            states[k] = -1;
        }
    }
    struct eg_file **ready = calloc(table.ready, sizeof *ready);
    eg_file_table_ready(&table, ready);
    for (size_t i = 0; i < table.ready; i++) assert_int_equal(ready[i]->state, EG_FILE_READY);
    free(ready);
    eg_file_table_reset(&table);
    assert_int_equal(table.count, 0);
}

static void signs(void **state) {
    (void)state;
    const struct eg_file_sign a = {1, 2, 3, 4, 5};
    struct eg_file_sign b = a;
    b.touched_ns++; /* that is no change of its content */
    assert_true(eg_file_sign_same(&a, &b));
    for (int i = 0; i < 4; i++) {
        b = a;
        b.device += i == 0, b.inode += i == 1, b.size += i == 2, b.changed_ns += i == 3;
        assert_false(eg_file_sign_same(&a, &b));
    }
}

static void no_memory(void **state) {
    (void)state;
    for (long n = 0; n < 3; n++) {
        struct eg_file_table table = {0};
        torture_fail_after(n);
        for (int i = 0; i < 100; i++) (void)eg_file_table_add(&table, name_of(i));
        torture_off();
        assert_int_equal(table.count, 99);
        eg_file_table_reset(&table);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_a_list), cmocka_unit_test(signs),
                                       cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
