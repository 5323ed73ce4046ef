/* SPDX-License-Identifier: Apache-2.0
 * Batches as Arrow: formats, values read out of the buffers as a consumer would, nothing copied in
 * the native style, children that outlive their parent, and memory that runs out. */
#include "table/arrow.h"

#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "every.h"

static const char *const formats[2][EVERY_COLUMNS] = {
    [EG_ARROW_TEXT] = {"tsu:UTC", "s", "i", "l", "g", "b", "u", "u", "u", "u", "z", "z", "u", "l",
                       "u", "u"},
    [EG_ARROW_NATIVE] = {"tsu:UTC", "s", "i", "l", "g", "b", "u", "i", "w:16", "l", "z", "z", "u",
                         "l", "i", "u"},
};

static void schemas(void **state) {
    (void)state;
    for (int style = 0; style < 2; style++) {
        struct ArrowSchema schema;
        assert_int_equal(
            eg_arrow_schema(&every, EG_COLUMNS_ALL, (enum eg_arrow_style)style, &schema, NULL),
            EG_OK);
        assert_string_equal(schema.format, "+s");
        assert_int_equal(schema.n_children, EVERY_COLUMNS);
        for (int i = 0; i < EVERY_COLUMNS; i++) {
            const struct ArrowSchema *child = schema.children[i];
            assert_string_equal(child->name, every_columns[i].name);
            assert_string_equal(child->format, formats[style][i]);
            assert_int_equal(child->flags, ARROW_FLAG_NULLABLE);
            bool has_dictionary = style == EG_ARROW_NATIVE && every_columns[i].type == EG_TYPE_NAME;
            assert_int_equal(child->dictionary != NULL, has_dictionary);
            if (has_dictionary) assert_string_equal(child->dictionary->format, "u");
        }
        struct ArrowSchema moved = *schema.children[NAME];
        schema.children[NAME]->release = NULL;
        schema.release(&schema);
        assert_null(schema.release);
        assert_string_equal(moved.name, "name"); /* still there */
        moved.release(&moved);
        assert_null(moved.release);
    }
}

static bool valid_at(const struct ArrowArray *array, int64_t row) {
    const uint8_t *bits = array->buffers[0];
    return !bits || bits[row / 8] >> row % 8 & 1;
}

static void text_at(const struct ArrowArray *array, int64_t row, const void *text, size_t size) {
    const int32_t *offsets = array->buffers[1];
    assert_int_equal(offsets[row + 1] - offsets[row], size);
    if (size) assert_memory_equal((const char *)array->buffers[2] + offsets[row], text, size);
}

static void check_value(const struct ArrowArray *array, uint32_t row, uint32_t n, uint32_t col,
                        enum eg_arrow_style style) {
    struct every_row r = every_row(n);
    const void *values = array->buffers[1];
    char text[EG_ADDR_TEXT];
    bool native = style == EG_ARROW_NATIVE;
    switch (col) {
    case TIME: assert_int_equal(((const int64_t *)values)[row], r.time); break;
    case I16: assert_int_equal(((const int16_t *)values)[row], r.i16); break;
    case I32: assert_int_equal(((const int32_t *)values)[row], r.i32); break;
    case I64: assert_int_equal(((const int64_t *)values)[row], r.i64); break;
    case F64: assert_true(((const double *)values)[row] == r.f64); break;
    case FLAG: assert_int_equal(((const uint8_t *)values)[row / 8] >> row % 8 & 1, r.flag); break;
    case TEXT: text_at(array, row, r.text, strlen(r.text)); break;
    case NAME:
        if (native) {
            int32_t index = ((const int32_t *)values)[row];
            assert_true(index >= 0 && index < array->dictionary->length);
            text_at(array->dictionary, index, r.name, strlen(r.name));
        } else {
            text_at(array, row, r.name, strlen(r.name));
        }
        break;
    case ADDR:
        if (native)
            assert_memory_equal((const char *)values + 16 * (size_t)row, &r.addr, 16);
        else
            text_at(array, row, text, eg_addr_text(&r.addr, text));
        break;
    case MAC:
        if (native)
            assert_int_equal(((const int64_t *)values)[row], r.mac);
        else
            text_at(array, row, text, eg_mac_text(r.mac, text));
        break;
    case BIN:
    case VIEW: text_at(array, row, r.bin.at, r.bin.size); break;
    default: text_at(array, row, "{ \"a\" : [1, {}] }", 17);
    }
}

static void check_array(const struct ArrowArray *root, uint32_t from, uint32_t count,
                        enum eg_arrow_style style) {
    assert_int_equal(root->length, count);
    assert_int_equal(root->null_count, 0);
    assert_int_equal(root->n_buffers, 1);
    assert_null(root->buffers[0]);
    assert_int_equal(root->n_children, EVERY_COLUMNS);
    for (uint32_t col = 0; col < EVERY_COLUMNS; col++) {
        const struct ArrowArray *child = root->children[col];
        char format = *formats[style][col];
        assert_int_equal(child->n_buffers, format == 'u' || format == 'z' ? 3 : 2);
        assert_int_equal(child->length, count);
        assert_int_equal(child->offset, 0);
        int64_t nulls = 0;
        for (uint32_t row = 0; row < count; row++) {
            bool valid = valid_at(child, row);
            assert_int_equal(valid, !every_null(from + row, col));
            if (valid) check_value(child, row, from + row, col, style);
            nulls += !valid;
        }
        assert_int_equal(child->null_count, nulls);
        for (int k = 0; k < child->n_buffers; k++)
            assert_int_equal((uintptr_t)child->buffers[k] % 64, 0);
    }
}

static void arrays(void **state) {
    (void)state;
    const uint32_t counts[] = {1, 7, 64, 4096,
                               5000}; /* the last: absent columns need more zeroes */
    for (int style = 0; style < 2; style++) {
        for (size_t c = 0; c < 5; c++) {
            struct eg_batch *batch = every_batch(100, counts[c]);
            struct ArrowArray array;
            assert_int_equal(
                eg_arrow_array(batch, EG_COLUMNS_ALL, (enum eg_arrow_style)style, &array, NULL),
                EG_OK);
            eg_batch_unref(batch); /* the array keeps what it needs */
            check_array(&array, 100, counts[c], (enum eg_arrow_style)style);
            array.release(&array);
            assert_null(array.release);
        }
    }
}

static void native_copies_nothing(void **state) {
    (void)state;
    struct eg_batch *batch = every_batch(0, 100);
    struct ArrowArray array;
    assert_int_equal(eg_arrow_array(batch, EG_COLUMNS_ALL, EG_ARROW_NATIVE, &array, NULL), EG_OK);
    for (uint32_t col = 0; col < ABSENT; col++) {
        if (col == VIEW) continue; /* pieces of memory elsewhere: gathered */
        const struct eg_column *column = &batch->columns[col];
        bool has_offsets = array.children[col]->n_buffers == 3;
        assert_ptr_equal(array.children[col]->buffers[0], column->valid);
        assert_ptr_equal(array.children[col]->buffers[has_offsets ? 2 : 1], column->values);
        if (has_offsets) assert_ptr_equal(array.children[col]->buffers[1], column->offsets);
    }
    assert_ptr_equal(array.children[ABSENT]->buffers[1], array.children[ABSENT_TEXT]->buffers[1]);
    array.release(&array);
    eg_batch_unref(batch);
}

static void children_outlive_their_parent(void **state) {
    (void)state;
    for (int style = 0; style < 2; style++) {
        struct eg_batch *batch = every_batch(0, 50);
        struct ArrowArray array, moved[EVERY_COLUMNS];
        assert_int_equal(
            eg_arrow_array(batch, EG_COLUMNS_ALL, (enum eg_arrow_style)style, &array, NULL), EG_OK);
        eg_batch_unref(batch);
        for (uint32_t col = 0; col < EVERY_COLUMNS; col++) {
            moved[col] = *array.children[col];
            array.children[col]->release = NULL;
        }
        array.release(&array);
        for (uint32_t col = 0; col < EVERY_COLUMNS; col++) {
            for (uint32_t row = 0; row < 50; row++)
                if (!every_null(row, col))
                    check_value(&moved[col], row, row, col, (enum eg_arrow_style)style);
            moved[col].release(&moved[col]);
        }
    }
}

static void some_columns(void **state) {
    (void)state;
    eg_column_set set = UINT64_C(1) << ADDR | UINT64_C(1) << I16;
    struct eg_batch *batch = every_batch(0, 10);
    struct ArrowSchema schema;
    struct ArrowArray array;
    assert_int_equal(eg_arrow_schema(&every, set, EG_ARROW_TEXT, &schema, NULL), EG_OK);
    assert_int_equal(eg_arrow_array(batch, set, EG_ARROW_TEXT, &array, NULL), EG_OK);
    assert_int_equal(schema.n_children, 2);
    assert_string_equal(schema.children[0]->name, "i16"); /* in the order of the table */
    assert_string_equal(schema.children[1]->name, "addr");
    assert_int_equal(array.n_children, 2);
    check_value(array.children[0], 1, 1, I16, EG_ARROW_TEXT);
    schema.release(&schema);
    array.release(&array);
    eg_batch_unref(batch);
    assert_int_equal(eg_arrow_schema(&every, 0, EG_ARROW_TEXT, &schema, NULL), EG_OK);
    assert_int_equal(schema.n_children, 0);
    schema.release(&schema);
}

static void memory_runs_out(void **state) {
    (void)state;
    struct eg_batch *batch = every_batch(0, 5000);
    for (int style = 0; style < 2; style++) {
        bool failed = true;
        long n = 0;
        for (; failed; n++) {
            struct ArrowSchema schema = {0};
            struct ArrowArray array = {0};
            struct eg_error err;
            torture_fail_after(n);
            enum eg_status status =
                eg_arrow_schema(&every, EG_COLUMNS_ALL, (enum eg_arrow_style)style, &schema, &err);
            if (status == EG_OK)
                status =
                    eg_arrow_array(batch, EG_COLUMNS_ALL, (enum eg_arrow_style)style, &array, &err);
            failed = torture_off();
            assert_int_equal(status, failed ? EG_E_NOMEM : EG_OK);
            if (schema.release) schema.release(&schema);
            if (array.release) array.release(&array);
        }
        assert_true(n > 60);
    }
    eg_batch_unref(batch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas),
        cmocka_unit_test(arrays),
        cmocka_unit_test(native_copies_nothing),
        cmocka_unit_test(children_outlive_their_parent),
        cmocka_unit_test(some_columns),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
