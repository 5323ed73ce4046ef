/* SPDX-License-Identifier: Apache-2.0
 * Rows known by a digest: equal ones are equal, all others differ; the set holds what was put in. */
#include "query/row_digests.h"

#include "base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct eg_column_info infos[] = {
    {"a", EG_TYPE_TEXT, "", "", "", ""},
    {"b", EG_TYPE_TEXT, "", "", "", ""},
    {"n", EG_TYPE_I64, "", "", "", ""},
};
static const struct eg_table table = {"rows", "", infos, 3};

/* Rows whose values read alike when they are put one behind the other. */
static struct eg_batch *rows(uint32_t from) {
    static const struct {
        const char *a, *b;
        int64_t n;
    } all[] = {{"x", "yz", 1},   {"xy", "z", 1},   {"xyz", "", 1},  {"xyz", NULL, 1},
               {NULL, "xyz", 1}, {"x", "yz", 2},   {"x", "yz", -1}, {"", NULL, -1},
               {NULL, "", -1},   {"x=1;", "y", 1}, {"x", "=1;y", 1}};
    struct eg_builder *b;
    struct eg_batch *batch;
    assert_int_equal(eg_builder_new(&b, &table, EG_TABLE_COUNT, 16, EG_COLUMNS_ALL, NULL), EG_OK);
    for (uint32_t i = from; i < sizeof all / sizeof *all; i++) {
        if (all[i].a) eg_put_text(b, 0, all[i].a, strlen(all[i].a));
        if (all[i].b) eg_put_text(b, 1, all[i].b, strlen(all[i].b));
        if (all[i].n >= 0) eg_put_int(b, 2, all[i].n);
        eg_builder_row(b, 1);
    }
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    eg_builder_free(b);
    return batch;
}

static void digests_tell_rows_apart(void **state) {
    (void)state;
    struct eg_batch *batch = rows(0), *later = rows(3);
    struct eg_strbuf scratch = {0};
    struct eg_row_digests set = {0};
    for (uint32_t row = 0; row < batch->rows; row++) {
        struct eg_digest digest = eg_row_digest(batch, row, &scratch);
        eg_row_digests_sort(&set);
        assert_false(eg_row_digests_hold(&set, digest));
        assert_true(eg_row_digests_add(&set, digest));
    }
    eg_row_digests_sort(&set);
    assert_int_equal(set.count, batch->rows);
    for (uint32_t row = 0; row < later->rows; row++)
        assert_true(eg_row_digests_hold(&set, eg_row_digest(later, row, &scratch)));
    eg_row_digests_reset(&set);
    assert_false(eg_row_digests_hold(&set, eg_row_digest(later, 0, &scratch)));
    eg_strbuf_reset(&scratch);
    eg_batch_unref(batch);
    eg_batch_unref(later);
}

static void many(void **state) {
    (void)state;
    struct eg_row_digests set = {0};
    for (uint64_t i = 0; i < 5000; i++)
        assert_true(eg_row_digests_add(&set, (struct eg_digest){i % 7, i * 2654435761u}));
    eg_row_digests_sort(&set);
    for (uint64_t i = 0; i < 5000; i++) {
        assert_true(eg_row_digests_hold(&set, (struct eg_digest){i % 7, i * 2654435761u}));
        assert_false(eg_row_digests_hold(&set, (struct eg_digest){7, i}));
    }
    eg_row_digests_reset(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_tell_rows_apart),
        cmocka_unit_test(many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
