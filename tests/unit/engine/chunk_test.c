/* SPDX-License-Identifier: Apache-2.0
 * Batches in chunks: every type, nulls across pieces, long texts, texts that are no UTF-8. */
#include "every_table.h"
#include "torture.h"

/* The rows of all chunks as text, cell by cell. */
static void cells(const struct eg_chunk *chunk, duckdb_data_chunk given, struct eg_strbuf *to) {
    for (uint32_t row = 0; row < chunk->rows; row++) {
        for (uint32_t i = 0; i < chunk->column_count; i++) {
            duckdb_vector vector = duckdb_data_chunk_get_vector(given, i);
            duckdb_logical_type type = duckdb_vector_get_column_type(vector);
            eg_strbuf_char(to, i ? '\t' : '\n');
            eg_cell_text(vector, type, row, false, to);
            duckdb_destroy_logical_type(&type);
        }
    }
}

static duckdb_data_chunk chunk_new(enum eg_address_form form) {
    duckdb_logical_type types[E_COUNT];
    for (uint32_t i = 0; i < E_COUNT; i++) types[i] = eg_column_sql_type(&every_columns[i], form);
    duckdb_data_chunk made = duckdb_create_data_chunk(types, E_COUNT);
    for (uint32_t i = 0; i < E_COUNT; i++) duckdb_destroy_logical_type(&types[i]);
    return made;
}

/* All rows through chunks, in pieces of at most `step` rows. */
static char *through_chunks(const struct every_batches *all, uint32_t step, enum eg_address_form form,
                            struct eg_address_codes *codes) {
    uint32_t cols[E_COUNT];
    for (uint32_t i = 0; i < E_COUNT; i++) cols[i] = i;
    struct eg_chunk chunk;
    struct eg_error err;
    struct eg_strbuf text = {0};
    assert_int_equal(eg_chunk_init(&chunk, cols, E_COUNT, form, codes, &err), EG_OK);
    duckdb_data_chunk given = chunk_new(form);
    eg_chunk_begin(&chunk, given);
    for (size_t b = 0; b < all->count; b++) {
        for (uint32_t at = 0; at < all->batches[b]->rows;) {
            uint32_t left = all->batches[b]->rows - at, room = chunk.room - chunk.rows;
            uint32_t count = left < step ? left : step;
            if (count > room) count = room;
            eg_chunk_add(&chunk, all->batches[b], at, count);
            at += count;
            if (chunk.rows < chunk.room) continue;
            eg_chunk_end(&chunk);
            cells(&chunk, given, &text);
            duckdb_data_chunk_reset(given);
            eg_chunk_begin(&chunk, given);
        }
    }
    eg_chunk_end(&chunk);
    assert_int_equal(duckdb_data_chunk_get_size(given), chunk.rows);
    cells(&chunk, given, &text);
    assert_false(chunk.failed);
    duckdb_destroy_data_chunk(&given);
    eg_chunk_reset(&chunk);
    return eg_strbuf_take(&text);
}

static void pieces_do_not_matter(void **state) {
    (void)state;
    const struct every_shape shapes[] = {{UINT64_MAX, 0}, {UINT64_MAX, 3}, {40, 2}, {40, 1}};
    for (size_t s = 0; s < 4; s++) {
        struct every_batches whole = every_make(5000, 5000, &shapes[s]);
        char *expected = through_chunks(&whole, 5000, EG_ADDRESS_TEXT, NULL);
        assert_true(strlen(expected) > 5000 * 12);
        const uint32_t capacities[] = {1, 7, 64, 100, 2048, 4096}, steps[] = {1, 3, 64, 5000};
        for (size_t c = 0; c < 6; c++) {
            struct every_batches all = every_make(5000, capacities[c], &shapes[s]);
            char *text = through_chunks(&all, steps[c % 4], EG_ADDRESS_TEXT, NULL);
            assert_string_equal(text, expected);
            eg_free(text);
            every_free(&all);
        }
        eg_free(expected);
        every_free(&whole);
    }
}

static void values_are_right(void **state) {
    (void)state;
    const struct every_shape shape = {UINT64_MAX, 3};
    struct every_batches all = every_make(300, 100, &shape);
    char *text = through_chunks(&all, 100, EG_ADDRESS_TEXT, NULL);
    struct eg_strbuf expected = {0};
    for (size_t b = 0; b < all.count; b++)
        for (uint32_t row = 0; row < all.batches[b]->rows; row++)
            for (uint32_t col = 0; col < E_COUNT; col++) {
                eg_strbuf_char(&expected, col ? '\t' : '\n');
                if (!eg_batch_valid(all.batches[b], col, row)) eg_strbuf_text(&expected, "null");
                else if (col == E_F64) eg_strbuf_printf(&expected, "%.17g", eg_col_f64(&all.batches[b]->columns[col])[row]);
                else if (col == E_TEXT || col == E_NAME) {
                    struct eg_span t = eg_col_text(&all.batches[b]->columns[col], row);
                    eg_strbuf_add(&expected, t.at, t.size);
                } else eg_encode_value(all.batches[b], col, row, &expected);
            }
    assert_string_equal(text, expected.text);
    eg_strbuf_reset(&expected);
    eg_free(text);
    every_free(&all);
}

static void codes_stand_for_addresses(void **state) {
    (void)state;
    const struct every_shape shape = {300, 4};
    struct every_batches all = every_make(3000, 500, &shape);
    struct eg_address_codes *codes = eg_address_codes_new();
    char *text = through_chunks(&all, 77, EG_ADDRESS_CODE, codes);
    char *line = text + 1;
    for (size_t b = 0; b < all.count; b++)
        for (uint32_t row = 0; row < all.batches[b]->rows; row++) {
            char *cell = line;
            for (int i = 0; i < E_ADDR; i++) cell = strchr(cell, '\t') + 1;
            struct eg_addr addr;
            bool valid = eg_batch_valid(all.batches[b], E_ADDR, row);
            assert_int_equal(strncmp(cell, "null", 4) != 0, valid);
            if (valid) {
                assert_true(eg_address_of_code(codes, strtoll(cell, NULL, 10), &addr));
                assert_memory_equal(&addr, &eg_col_addr(&all.batches[b]->columns[E_ADDR])[row], sizeof addr);
            }
            line = strchr(line, '\n');
            if (line) line++;
        }
    eg_free(text);
    eg_address_codes_free(codes);
    every_free(&all);
}

static void broken_texts_are_mended(void **state) {
    (void)state;
    struct eg_builder *b = NULL;
    struct eg_error err;
    assert_int_equal(eg_builder_new(&b, &every_table, EG_TABLE_COUNT, 4, EG_COLUMNS_ALL, &err), EG_OK);
    eg_put_text(b, E_TEXT, "a\xff\xff" "and more than twelve", 23);
    eg_put_name(b, E_NAME, "\xc3", 1);
    eg_put_text(b, E_BIN, "\xff\0", 2);
    eg_builder_row(b, 1);
    struct eg_batch *batch = NULL;
    assert_int_equal(eg_builder_seal(b, &batch, &err), EG_OK);
    struct every_batches all = {&batch, 1};
    char *text = through_chunks(&all, 1, EG_ADDRESS_TEXT, NULL);
    assert_non_null(strstr(text, "\ta\xef\xbf\xbd\xef\xbf\xbd" "and more than twelve"));
    assert_non_null(strstr(text, "\t\xef\xbf\xbd\t"));
    assert_non_null(strstr(text, "\tff00\t"));
    eg_free(text);
    eg_batch_unref(batch);
    eg_builder_free(b);
}

/* Batches of many builders in one chunk, each gone before the next is made: their dictionaries may come
 * to stand at the same place. */
static void names_are_of_their_batch(void **state) {
    (void)state;
    const uint32_t cols[] = {E_NAME};
    struct eg_chunk chunk;
    struct eg_error err;
    duckdb_logical_type type = eg_column_sql_type(&every_columns[E_NAME], EG_ADDRESS_TEXT);
    duckdb_data_chunk given = duckdb_create_data_chunk(&type, 1);
    assert_int_equal(eg_chunk_init(&chunk, cols, 1, EG_ADDRESS_TEXT, NULL, &err), EG_OK);
    eg_chunk_begin(&chunk, given);
    for (int i = 0; i < 200; i++) {
        struct eg_builder *b = NULL;
        struct eg_batch *batch = NULL;
        char name[16];
        snprintf(name, sizeof name, "name %d", i);
        assert_int_equal(eg_builder_new(&b, &every_table, EG_TABLE_COUNT, 4, EG_COLUMNS_ALL, &err), EG_OK);
        eg_put_name(b, E_NAME, name, strlen(name));
        eg_builder_row(b, 1);
        assert_int_equal(eg_builder_seal(b, &batch, &err), EG_OK);
        eg_builder_free(b);
        eg_chunk_add(&chunk, batch, 0, 1);
        eg_batch_unref(batch);
    }
    eg_chunk_end(&chunk);
    for (uint32_t i = 0; i < 200; i++) {
        struct eg_strbuf text = {0};
        char name[16];
        snprintf(name, sizeof name, "name %u", i);
        eg_cell_text(duckdb_data_chunk_get_vector(given, 0), type, i, false, &text);
        assert_string_equal(text.text, name);
        eg_strbuf_reset(&text);
    }
    eg_chunk_reset(&chunk);
    duckdb_destroy_data_chunk(&given);
    duckdb_destroy_logical_type(&type);
}

static void memory_may_run_out(void **state) {
    (void)state;
    const struct every_shape shape = {40, 3};
    struct every_batches all = every_make(100, 100, &shape);
    uint32_t cols[E_COUNT];
    for (uint32_t i = 0; i < E_COUNT; i++) cols[i] = i;
    bool failed = true;
    for (long n = 0; failed && n < 50; n++) {
        duckdb_data_chunk given = chunk_new(EG_ADDRESS_TEXT);
        struct eg_chunk chunk;
        struct eg_error err;
        torture_fail_after(n);
        enum eg_status status = eg_chunk_init(&chunk, cols, E_COUNT, EG_ADDRESS_TEXT, NULL, &err);
        if (status >= 0) {
            eg_chunk_begin(&chunk, given);
            eg_chunk_add(&chunk, all.batches[0], 0, 100);
        }
        failed = torture_off();
        assert_int_equal(status < 0 || chunk.failed, failed);
        if (status >= 0) eg_chunk_reset(&chunk);
        duckdb_destroy_data_chunk(&given);
    }
    assert_false(failed);
    every_free(&all);
}

static int engine_load(void **state) {
    (void)state;
    return eg_duckdb_load(NULL) == EG_OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_do_not_matter),
        cmocka_unit_test(values_are_right),
        cmocka_unit_test(codes_stand_for_addresses),
        cmocka_unit_test(broken_texts_are_mended),
        cmocka_unit_test(names_are_of_their_batch),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, engine_load, NULL);
}
