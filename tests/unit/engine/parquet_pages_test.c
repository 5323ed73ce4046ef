/* SPDX-License-Identifier: Apache-2.0
 * Column chunks read back: every type, with and without nulls, as dictionaries, differences and plain;
 * values looked up and rows kept; damaged anywhere. */
#include "engine/parquet_pages.h"

#include "engine/parquet_column.h"
#include "every_table.h"
#include "torture.h"

struct encoded {
    struct eg_parquet_chunk chunk;
    struct eg_batch *batch;
    uint32_t col;
};

static void encode(struct encoded *e, struct eg_parquet_scratch *s, struct eg_batch *batch,
                   uint32_t col) {
    const struct eg_parquet_piece piece = {batch, 0, batch->rows};
    *e = (struct encoded){.batch = batch, .col = col};
    assert_true(eg_parquet_encode(s, every_columns[col].type, col, &piece, 1, batch->rows, false,
                                  &e->chunk));
}

static enum eg_status take(struct eg_parquet_pages *p, ZSTD_DCtx *zstd, const struct encoded *e,
                           struct eg_span bytes, struct eg_error *err) {
    size_t split = e->chunk.dictionary_bytes;
    eg_parquet_pages_begin(p, every_columns[e->col].type, e->batch->rows);
    if (split) EG_TRY(eg_parquet_pages_dictionary(p, zstd, eg_span_sub(bytes, 0, split), err));
    return eg_parquet_pages_rows(p, zstd, eg_span_from(bytes, split), err);
}

static struct eg_span bytes_of(const struct encoded *e) {
    return eg_span(e->chunk.bytes.text, e->chunk.bytes.size);
}

/* A cell as text. */
static void cell(const struct eg_batch *batch, uint32_t col, uint32_t row, struct eg_strbuf *to) {
    const struct eg_column *c = &batch->columns[col];
    eg_strbuf_clear(to);
    if (!eg_batch_valid(batch, col, row)) {
        eg_strbuf_text(to, "null");
        return;
    }
    struct eg_span text;
    switch (every_columns[col].type) {
    case EG_TYPE_F64: text = eg_span(&eg_col_f64(c)[row], 8); break;
    case EG_TYPE_ADDR: text = eg_span(&eg_col_addr(c)[row], 16); break;
    case EG_TYPE_TEXT:
    case EG_TYPE_NAME:
    case EG_TYPE_BIN: text = eg_col_text(c, row); break;
    default: eg_strbuf_i64(to, eg_col_int(c, row)); return;
    }
    eg_strbuf_char(to, '=');
    eg_strbuf_add(to, text.at, text.size);
}

static void same_column(const struct encoded *e, struct eg_parquet_pages *p) {
    struct eg_builder *b;
    struct eg_batch *batch;
    struct eg_error err;
    assert_int_equal(eg_builder_new(&b, &every_table, EG_TABLE_COUNT, e->batch->rows,
                                    UINT64_C(1) << e->col, &err),
                     EG_OK);
    for (uint32_t row = 0; row < e->batch->rows; row++) {
        assert_int_equal(eg_parquet_pages_put(p, row, b, e->col, &err), EG_OK);
        eg_builder_row(b, 1);
    }
    assert_int_equal(eg_builder_seal(b, &batch, &err), EG_OK);
    eg_builder_free(b);
    struct eg_strbuf want = {0}, got = {0};
    for (uint32_t row = 0; row < e->batch->rows; row++) {
        cell(e->batch, e->col, row, &want);
        cell(batch, e->col, row, &got);
        assert_int_equal(got.size, want.size);
        assert_memory_equal(got.text, want.text, want.size);
    }
    eg_strbuf_reset(&want);
    eg_strbuf_reset(&got);
    eg_batch_unref(batch);
}

/* A row's value, and one that no row has, looked up; then the rows that have it. */
static void looked_up(const struct encoded *e, struct eg_parquet_pages *p, uint32_t row) {
    enum eg_type type = every_columns[e->col].type;
    bool whole = type == EG_TYPE_I16 || type == EG_TYPE_I32 || type == EG_TYPE_I64;
    if ((!whole && type != EG_TYPE_ADDR) || !e->chunk.dictionary_bytes) return;
    if (!eg_batch_valid(e->batch, e->col, row)) return;
    const struct eg_column *c = &e->batch->columns[e->col];
    struct eg_need_key key = {.col = e->col, .type = type};
    if (whole)
        key.number = eg_col_int(c, row);
    else
        key.addr = eg_col_addr(c)[row];
    int64_t place = eg_parquet_pages_find(p, &key);
    assert_true(place >= 0);
    uint32_t words = (e->batch->rows + 63) / 64;
    uint64_t *rows = calloc(words, 8);
    for (uint32_t i = 0; i < e->batch->rows; i++)
        if (i % 3 || i == row) rows[i / 64] |= UINT64_C(1) << i % 64;
    eg_parquet_pages_keep(p, (uint32_t)place, rows);
    struct eg_strbuf one = {0}, other = {0};
    cell(e->batch, e->col, row, &one);
    for (uint32_t i = 0; i < e->batch->rows; i++) {
        cell(e->batch, e->col, i, &other);
        bool same = one.size == other.size && memcmp(one.text, other.text, one.size) == 0;
        assert_int_equal(eg_bit(rows, i), same && (i % 3 || i == row));
    }
    key.number = type == EG_TYPE_I16 ? 40000 : INT64_C(5000000001);
    memset(&key.addr, 0x20, sizeof key.addr);
    assert_int_equal(eg_parquet_pages_find(p, &key), -1);
    eg_strbuf_reset(&one);
    eg_strbuf_reset(&other);
    free(rows);
}

static void every_column(void (*with)(const struct encoded *, struct eg_parquet_pages *,
                                      ZSTD_DCtx *)) {
    const struct every_shape shapes[] = {{UINT64_MAX, 0}, {UINT64_MAX, 3}, {60, 0}, {60, 2},
                                         {1, 0},          {1, 1},          {700, 7}};
    const uint32_t sizes[] = {1, 64, 1000, 3001};
    struct eg_parquet_scratch scratch = {0};
    struct eg_parquet_pages pages = {0};
    ZSTD_DCtx *zstd = ZSTD_createDCtx();
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (size_t z = 0; z < sizeof sizes / sizeof *sizes; z++) {
            struct every_batches all = every_make(sizes[z], sizes[z], &shapes[s]);
            for (uint32_t col = 0; col < E_COUNT; col++) {
                struct encoded e;
                encode(&e, &scratch, all.batches[0], col);
                with(&e, &pages, zstd);
                eg_parquet_chunk_reset(&e.chunk);
            }
            every_free(&all);
        }
    ZSTD_freeDCtx(zstd);
    eg_parquet_pages_reset(&pages);
    eg_parquet_scratch_reset(&scratch);
}

static void read_whole(const struct encoded *e, struct eg_parquet_pages *p, ZSTD_DCtx *zstd) {
    struct eg_error err;
    if (take(p, zstd, e, bytes_of(e), &err) < 0) fail_msg("column %u: %s", e->col, err.message);
    same_column(e, p);
    for (uint32_t row = 0; row < e->batch->rows; row += 1 + e->batch->rows / 3)
        looked_up(e, p, row);
}

/* What is cut or changed is told, or gives some values; nothing else is read. */
static void read_damaged(const struct encoded *e, struct eg_parquet_pages *p, ZSTD_DCtx *zstd) {
    static uint64_t seed = 9;
    struct eg_span bytes = bytes_of(e);
    struct eg_error err;
    for (int round = 0; round < 12; round++) {
        size_t size = round % 2 ? bytes.size : made_random(&seed) % bytes.size;
        uint8_t *copy = malloc(size ? size : 1);
        memcpy(copy, bytes.at, size);
        for (int i = 0; round % 2 && i < 1 + round / 4; i++)
            copy[made_random(&seed) % (i           ? size
                                       : size < 24 ? size
                                                   : 24)] ^=
                (uint8_t)(1u << made_random(&seed) % 8);
        enum eg_status status = take(p, zstd, e, eg_span(copy, size), &err);
        assert_true(status == EG_OK || status == EG_E_FORMAT);
        if (round % 2 == 0) assert_int_equal(status, EG_E_FORMAT);
        struct eg_builder *b = NULL;
        struct eg_batch *batch;
        assert_int_equal(eg_builder_new(&b, &every_table, EG_TABLE_COUNT, e->batch->rows,
                                        UINT64_C(1) << e->col, &err),
                         EG_OK);
        for (uint32_t row = 0; status == EG_OK && row < e->batch->rows; row++) {
            status = eg_parquet_pages_put(p, row, b, e->col, &err);
            if (status == EG_OK) eg_builder_row(b, 1);
        }
        assert_true(status == EG_OK || status == EG_E_FORMAT);
        if (eg_builder_seal(b, &batch, &err) == EG_OK) eg_batch_unref(batch);
        eg_builder_free(b);
        free(copy);
    }
}

static void reads_back(void **state) {
    (void)state;
    every_column(read_whole);
}

static void damaged_anywhere(void **state) {
    (void)state;
    every_column(read_damaged);
}

static void without_memory(void **state) {
    (void)state;
    const struct every_shape shape = {60, 5};
    struct every_batches all = every_make(3000, 3000, &shape);
    struct eg_parquet_scratch scratch = {0};
    ZSTD_DCtx *zstd = ZSTD_createDCtx();
    for (uint32_t col = 0; col < E_COUNT; col++) {
        struct encoded e;
        encode(&e, &scratch, all.batches[0], col);
        for (long n = 0;; n++) {
            struct eg_parquet_pages pages = {0};
            struct eg_error err;
            torture_fail_after(n);
            enum eg_status status = take(&pages, zstd, &e, bytes_of(&e), &err);
            bool hit = torture_off();
            assert_int_equal(status, hit ? EG_E_NOMEM : EG_OK);
            eg_parquet_pages_reset(&pages);
            if (!hit) break;
            assert_true(n < 100);
        }
        eg_parquet_chunk_reset(&e.chunk);
    }
    ZSTD_freeDCtx(zstd);
    eg_parquet_scratch_reset(&scratch);
    every_free(&all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back),
        cmocka_unit_test(damaged_anywhere),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
