/* SPDX-License-Identifier: Apache-2.0
 * One column chunk: encodings chosen, ranges, nulls, memory that runs out. */
#include "engine/parquet_column.h"

#include "every_table.h"
#include "torture.h"

static struct eg_parquet_chunk encode(struct eg_parquet_scratch *scratch, const struct every_batches *all,
                                      uint32_t col, bool bloom) {
    struct eg_parquet_piece pieces[64];
    uint32_t rows = 0;
    assert_true(all->count <= 64);
    for (size_t i = 0; i < all->count; i++) {
        pieces[i] = (struct eg_parquet_piece){all->batches[i], 0, all->batches[i]->rows};
        rows += all->batches[i]->rows;
    }
    struct eg_parquet_chunk chunk = {0};
    assert_true(eg_parquet_encode(scratch, every_columns[col].type, col, pieces, all->count, rows, bloom, &chunk));
    return chunk;
}

static void encodings_fit_the_values(void **state) {
    (void)state;
    struct eg_parquet_scratch scratch = {0};
    const struct every_shape few = {50, 0}, many = {UINT64_MAX, 3}, none = {50, 1};
    struct every_batches all[] = {every_make(9000, 4096, &few), every_make(9000, 4096, &many),
                                  every_make(100, 100, &none)};
    enum { DICTIONARY = 8 };
    static const int expected[2][E_COUNT] = {
        [0] = {[E_TIME] = DICTIONARY, [E_I16] = DICTIONARY, [E_I32] = DICTIONARY, [E_I64] = DICTIONARY,
               [E_TEXT] = DICTIONARY, [E_NAME] = DICTIONARY, [E_ADDR] = DICTIONARY, [E_MAC] = DICTIONARY,
               [E_BIN] = DICTIONARY},
        [1] = {[E_NAME] = DICTIONARY,
               [E_ADDR] = DICTIONARY},
    };
    for (uint32_t col = 0; col < E_COUNT; col++) {
        for (int s = 0; s < 2; s++) {
            struct eg_parquet_chunk chunk = encode(&scratch, &all[s], col, col == E_ADDR);
            if (chunk.encoding != expected[s][col]) fail_msg("%s: %d", every_columns[col].name, chunk.encoding);
            assert_int_equal(chunk.dictionary_bytes > 0, expected[s][col] == DICTIONARY);
            assert_int_equal(chunk.distinct >= 0, expected[s][col] == DICTIONARY);
            assert_int_equal(chunk.bloom.size > 0, col == E_ADDR);
            int64_t nulls = 0;
            for (size_t b = 0; b < all[s].count; b++)
                for (uint32_t row = 0; row < all[s].batches[b]->rows; row++)
                    nulls += !eg_batch_valid(all[s].batches[b], col, row);
            assert_int_equal(chunk.nulls, nulls);
            assert_int_equal(chunk.has_range, col != E_ABSENT);
            eg_parquet_chunk_reset(&chunk);
        }
        struct eg_parquet_chunk empty = encode(&scratch, &all[2], col, true);
        assert_int_equal(empty.nulls, 100);
        assert_false(empty.has_range);
        assert_true(empty.bytes.size < 80);
        eg_parquet_chunk_reset(&empty);
    }
    for (int s = 0; s < 3; s++) every_free(&all[s]);
    eg_parquet_scratch_reset(&scratch);
}

/* Values near each other are packed as differences; far apart they are not (every reader must agree). */
static void differences_are_packed_when_small(void **state) {
    (void)state;
    struct eg_parquet_scratch scratch = {0};
    for (int shift = 20; shift <= 40; shift += 10) {
        struct eg_builder *b = NULL;
        struct eg_batch *batch = NULL;
        struct eg_error err;
        assert_int_equal(eg_builder_new(&b, &every_table, EG_TABLE_COUNT, 9000, EG_COLUMNS_ALL, &err), EG_OK);
        for (uint64_t n = 0; n < 9000; n++) {
            eg_put_int(b, E_TIME, 1767225600000000 + (int64_t)(mix_of(n) >> (64 - shift)));
            eg_builder_row(b, 1);
        }
        assert_int_equal(eg_builder_seal(b, &batch, &err), EG_OK);
        struct every_batches all = {&batch, 1};
        struct eg_parquet_chunk chunk = encode(&scratch, &all, E_TIME, false);
        assert_int_equal(chunk.encoding, shift == 20 ? 5 : 0);
        eg_parquet_chunk_reset(&chunk);
        eg_batch_unref(batch);
        eg_builder_free(b);
    }
    eg_parquet_scratch_reset(&scratch);
}

static void ranges_are_the_values(void **state) {
    (void)state;
    struct eg_parquet_scratch scratch = {0};
    struct eg_builder *b = NULL;
    struct eg_error err;
    assert_int_equal(eg_builder_new(&b, &every_table, EG_TABLE_COUNT, 8, EG_COLUMNS_ALL, &err), EG_OK);
    const int64_t numbers[] = {5, -3, 7};
    const double reals[] = {0.0, 2.5, -1.0};
    const char *const texts[] = {"b", "", "ba"};
    for (int i = 0; i < 3; i++) {
        eg_put_int(b, E_I64, numbers[i]);
        eg_put_int(b, E_I16, numbers[i]);
        eg_put_f64(b, E_F64, i == 2 ? (double)0 / 1 : reals[i]);
        eg_put_text(b, E_TEXT, texts[i], strlen(texts[i]));
        struct eg_addr addr = eg_addr_v4(i == 0 ? 0x09000001 : 0x0a000001);
        eg_put_addr(b, E_ADDR, &addr);
        eg_builder_row(b, 1);
    }
    struct eg_batch *batch = NULL;
    assert_int_equal(eg_builder_seal(b, &batch, &err), EG_OK);
    struct every_batches all = {&batch, 1};
    struct eg_parquet_chunk chunk = encode(&scratch, &all, E_I64, false);
    assert_memory_equal(chunk.least.text, &numbers[1], 8);
    assert_memory_equal(chunk.most.text, &numbers[2], 8);
    eg_parquet_chunk_reset(&chunk);
    chunk = encode(&scratch, &all, E_I16, false);
    const int32_t least = -3;
    assert_int_equal(chunk.least.size, 4);
    assert_memory_equal(chunk.least.text, &least, 4);
    eg_parquet_chunk_reset(&chunk);
    chunk = encode(&scratch, &all, E_TEXT, false);
    assert_int_equal(chunk.least.size, 0);
    assert_string_equal(chunk.most.text, "ba");
    eg_parquet_chunk_reset(&chunk);
    chunk = encode(&scratch, &all, E_ADDR, false); /* as texts, since texts are what is stored */
    assert_string_equal(chunk.least.text, "10.0.0.1");
    assert_string_equal(chunk.most.text, "9.0.0.1");
    eg_parquet_chunk_reset(&chunk);
    eg_batch_unref(batch);
    eg_builder_free(b);
    eg_parquet_scratch_reset(&scratch);
}

static void memory_may_run_out(void **state) {
    (void)state;
    const struct every_shape shape = {300, 3};
    struct every_batches all = every_make(2000, 2000, &shape);
    struct eg_parquet_piece piece = {all.batches[0], 0, 2000};
    for (uint32_t col = 0; col < E_COUNT; col++) {
        bool failed = true;
        for (long n = 0; failed && n < 100; n++) {
            struct eg_parquet_scratch scratch = {0};
            struct eg_parquet_chunk chunk = {0};
            torture_fail_after(n);
            bool whole = eg_parquet_encode(&scratch, every_columns[col].type, col, &piece, 1, 2000, true, &chunk);
            failed = torture_off();
            assert_int_equal(whole, !failed);
            eg_parquet_chunk_reset(&chunk);
            eg_parquet_scratch_reset(&scratch);
        }
        assert_false(failed);
    }
    every_free(&all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodings_fit_the_values),
        cmocka_unit_test(differences_are_packed_when_small),
        cmocka_unit_test(ranges_are_the_values),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
