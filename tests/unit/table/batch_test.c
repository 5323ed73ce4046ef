/* SPDX-License-Identifier: Apache-2.0
 * Batches: every type in and out, nulls, the same rows at any capacity, rows abandoned and picked,
 * owners and dictionaries kept alive, and memory that runs out at every request. */
#include "table/batch.h"

#include "base/alloc.h"
#include "numbers.h"
#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A table of every type there is. */
static const struct eg_column_info every_columns[] = {
    {"time", EG_TYPE_TIME, "", "", "", ""},  {"i16", EG_TYPE_I16, "", "", "", ""},
    {"i32", EG_TYPE_I32, "", "", "", ""},    {"i64", EG_TYPE_I64, "", "", "", ""},
    {"f64", EG_TYPE_F64, "", "", "", ""},    {"flag", EG_TYPE_BOOL, "", "", "", ""},
    {"text", EG_TYPE_TEXT, "", "", "", ""},  {"name", EG_TYPE_NAME, "", "", "", ""},
    {"addr", EG_TYPE_ADDR, "", "", "", ""},  {"mac", EG_TYPE_MAC, "", "", "", ""},
    {"bin", EG_TYPE_BIN, "", "", "", ""},    {"view", EG_TYPE_VIEW, "", "", "", ""},
    {"absent", EG_TYPE_I64, "", "", "", ""},
};
enum { TIME, I16, I32, I64, F64, FLAG, TEXT, NAME, ADDR, MAC, BIN, VIEW, ABSENT, COLUMNS };
static const struct eg_table every = {"every", "All types.", every_columns, COLUMNS};

/* What row n holds is a function of n, so that any reader can tell what it should see. */
static bool is_null(uint32_t n, uint32_t col) {
    return col == ABSENT || mix_of(n * 64 + col) % 3 == 0;
}
static const char payload[] = "the bytes that views look into, kept alive by their owner";

struct row_texts {
    char text[40], name[16];
    size_t text_size, name_size;
    struct eg_addr addr;
    struct eg_span view;
};
static struct row_texts texts_of(uint32_t n) {
    struct row_texts t;
    uint64_t m = mix_of(n);
    t.text_size = m % 7 == 0 ? 0
                             : (size_t)snprintf(t.text, sizeof t.text, "row %u%s", n,
                                                m % 5 == 0 ? " and a good deal more" : "");
    t.name_size = (size_t)snprintf(t.name, sizeof t.name, "name%u", (unsigned)(m % 23));
    for (int i = 0; i < 16; i++) t.addr.bytes[i] = (uint8_t)(m >> (i & 7) * 8);
    t.view = eg_span(payload + m % 20, m % 30);
    return t;
}

static void put_row(struct eg_builder *b, uint32_t n) {
    struct row_texts t = texts_of(n);
    int64_t m = (int64_t)mix_of(n);
    if (!is_null(n, TIME)) eg_put_int(b, TIME, m);
    if (!is_null(n, I16)) eg_put_int(b, I16, (int16_t)m);
    if (!is_null(n, I32)) eg_put_int(b, I32, (int32_t)m);
    if (!is_null(n, I64)) eg_put_int(b, I64, ~m);
    if (!is_null(n, F64)) eg_put_f64(b, F64, (double)n / 8);
    if (!is_null(n, FLAG)) eg_put_int(b, FLAG, m & 1);
    if (!is_null(n, TEXT)) eg_put_text(b, TEXT, t.text, t.text_size);
    if (!is_null(n, NAME)) eg_put_name(b, NAME, t.name, t.name_size);
    if (!is_null(n, ADDR)) eg_put_addr(b, ADDR, &t.addr);
    if (!is_null(n, MAC)) eg_put_int(b, MAC, m & INT64_C(0xffffffffffff));
    if (!is_null(n, BIN)) eg_put_text(b, BIN, &t.addr, n % 17);
    if (!is_null(n, VIEW)) eg_put_view(b, VIEW, t.view);
}

static void same_text(const struct eg_column *col, uint32_t row, const void *text, size_t size) {
    struct eg_span got = eg_col_text(col, row);
    assert_int_equal(got.size, size);
    if (size) assert_memory_equal(got.at, text, size);
}

static void check_row(const struct eg_batch *batch, uint32_t row, uint32_t n) {
    const struct eg_column *c = batch->columns;
    struct row_texts t = texts_of(n);
    int64_t m = (int64_t)mix_of(n);
    for (uint32_t col = 0; col < COLUMNS; col++)
        if (eg_batch_valid(batch, col, row) == is_null(n, col))
            fail_msg("row %u, %s: null is wrong", n, every_columns[col].name);
    if (!is_null(n, TIME)) assert_int_equal(eg_col_int(&c[TIME], row), m);
    if (!is_null(n, I16)) assert_int_equal(eg_col_int(&c[I16], row), (int16_t)m);
    if (!is_null(n, I32)) assert_int_equal(eg_col_int(&c[I32], row), (int32_t)m);
    if (!is_null(n, I64)) assert_int_equal(eg_col_int(&c[I64], row), ~m);
    if (!is_null(n, F64)) assert_true(eg_col_f64(&c[F64])[row] == (double)n / 8);
    if (!is_null(n, FLAG)) assert_int_equal(eg_col_int(&c[FLAG], row), m & 1);
    if (!is_null(n, TEXT)) same_text(&c[TEXT], row, t.text, t.text_size);
    if (!is_null(n, NAME)) same_text(&c[NAME], row, t.name, t.name_size);
    if (!is_null(n, ADDR)) assert_memory_equal(&eg_col_addr(&c[ADDR])[row], &t.addr, 16);
    if (!is_null(n, MAC)) assert_int_equal(eg_col_int(&c[MAC], row), m & INT64_C(0xffffffffffff));
    if (!is_null(n, BIN)) same_text(&c[BIN], row, &t.addr, n % 17);
    if (!is_null(n, VIEW)) assert_true(eg_col_view(&c[VIEW])[row].at == t.view.at);
}

/* Buffers are as Arrow wants them: aligned, counts of nulls right. */
static void check_layout(const struct eg_batch *batch) {
    for (uint32_t i = 0; i < COLUMNS; i++) {
        const struct eg_column *col = &batch->columns[i];
        assert_int_equal((uintptr_t)col->values % EG_ALIGN, 0);
        assert_int_equal((uintptr_t)col->valid % EG_ALIGN, 0);
        assert_int_equal((uintptr_t)col->offsets % EG_ALIGN, 0);
        if (!col->values) continue;
        int64_t nulls = 0;
        for (uint32_t row = 0; row < batch->rows; row++) nulls += !eg_batch_valid(batch, i, row);
        assert_int_equal(col->nulls, nulls);
        if (!col->offsets) continue;
        assert_int_equal(col->offsets[0], 0);
        for (uint32_t row = 0; row < batch->rows; row++)
            assert_true(col->offsets[row] <= col->offsets[row + 1]);
    }
    assert_null(batch->columns[ABSENT].values);
    assert_true(eg_batch_bytes(batch) > batch->rows * 8);
}

static struct eg_builder *builder_new(uint32_t capacity, eg_column_set wanted) {
    struct eg_builder *b = NULL;
    struct eg_error err;
    assert_int_equal(eg_builder_new(&b, &every, EG_TABLE_COUNT, capacity, wanted, &err), EG_OK);
    return b;
}

static void same_rows_at_any_capacity(void **state) {
    (void)state;
    const uint32_t capacities[] = {1, 7, 64, 65, 4096}, total = 10000;
    for (size_t k = 0; k < sizeof capacities / sizeof *capacities; k++) {
        struct eg_builder *b = builder_new(capacities[k], EG_COLUMNS_ALL);
        struct eg_batch *batch, *kept = NULL;
        uint32_t checked = 0;
        for (uint32_t n = 0; n <= total; n++) {
            if (eg_builder_room(b) == 0 || n == total) {
                assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
                assert_int_equal(b->rows, 0);
                check_layout(batch);
                for (uint32_t row = 0; row < batch->rows; row++) check_row(batch, row, checked++);
                if (!kept) kept = eg_batch_ref(batch); /* sees later names come and go */
                eg_batch_unref(batch);
            }
            if (n == total) break;
            put_row(b, n);
            eg_builder_row(b, 1);
        }
        assert_int_equal(checked, total);
        assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_END);
        assert_null(batch);
        eg_builder_free(b);
        for (uint32_t row = 0; row < kept->rows; row++) check_row(kept, row, row);
        eg_batch_unref(kept);
    }
}

/* Flags 64 at a time, at any place of a word, are as if put one by one. */
static void flags(void **state) {
    (void)state;
    const uint64_t pattern = UINT64_C(0xf0c3a5961e2d7b48);
    for (uint32_t before = 0; before < 130; before += 13) {
        for (uint32_t count = 1; count <= 64; count += 7) {
            struct eg_builder *b = builder_new(200, EG_COLUMNS_ALL);
            struct eg_batch *batch;
            for (uint32_t i = 0; i < before; i++) {
                eg_put_int(b, FLAG, i % 3 == 0);
                eg_builder_row(b, 1);
            }
            eg_builder_bits(b, FLAG, count, UINT64_MAX);
            eg_builder_bits(b, FLAG, count, pattern); /* the last put wins */
            eg_builder_nulls(b, FLAG, 2);
            eg_builder_row(b, count);
            eg_put_int(b, FLAG, 1);
            eg_builder_row(b, 1);
            assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
            const struct eg_column *col = &batch->columns[FLAG];
            for (uint32_t i = 0; i < before; i++) assert_int_equal(eg_col_int(col, i), i % 3 == 0);
            for (uint32_t i = 0; i < count; i++) {
                assert_int_equal(eg_batch_valid(batch, FLAG, before + i), i != 1);
                if (i != 1) assert_int_equal(eg_col_int(col, before + i), pattern >> i & 1);
            }
            assert_int_equal(eg_col_int(col, before + count), 1);
            eg_batch_unref(batch);
            eg_builder_free(b);
        }
    }
}

/* Columns written in blocks, with gaps between, are as if written one by one. */
static void slots(void **state) {
    (void)state;
    struct eg_builder *b = builder_new(200, EG_COLUMNS_ALL & ~(UINT64_C(1) << I16));
    struct eg_batch *batch;
    eg_builder_row(b, 3);
    int64_t *values = eg_builder_slots(b, I64, 100);
    for (int i = 0; i < 100; i++) values[i] = i;
    eg_builder_nulls(b, I64, UINT64_C(1) << 63 | 5);
    assert_null(eg_builder_slots(b, I16, 100)); /* not wanted */
    assert_false(eg_builder_wants(b, I16));
    eg_builder_row(b, 100);
    struct eg_addr *addrs = eg_builder_slots(b, ADDR, 2);
    memset(addrs, 7, 2 * sizeof *addrs);
    eg_builder_nulls(b, ADDR, UINT64_MAX); /* only the two there are */
    eg_builder_row(b, 2);
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    assert_int_equal(batch->rows, 105);
    for (uint32_t row = 0; row < 105; row++) {
        uint32_t i = row - 3;
        bool valid = row >= 3 && row < 103 && i != 0 && i != 2 && i != 63;
        assert_int_equal(eg_batch_valid(batch, I64, row), valid);
        if (valid) assert_int_equal(eg_col_int(&batch->columns[I64], row), i);
        assert_false(eg_batch_valid(batch, ADDR, row));
    }
    assert_int_equal(batch->columns[I64].nulls, 8);
    assert_int_equal(batch->columns[ADDR].nulls, 105);
    assert_null(batch->columns[I16].values);
    eg_batch_unref(batch);
    eg_builder_free(b);
}

static void abandoned_rows_leave_nothing(void **state) {
    (void)state;
    struct eg_builder *b = builder_new(4096, EG_COLUMNS_ALL);
    struct eg_batch *batch;
    for (uint32_t n = 0; n < 1000; n++) {
        if (mix_of(n) % 2) {
            put_row(b, n + 7777);
            int64_t *more = eg_builder_slots(b, I64, 70); /* a whole block of it */
            assert_non_null(more);
            eg_builder_nulls(b, I64, UINT64_MAX);
            eg_builder_abandon(b);
        }
        put_row(b, n);
        eg_builder_row(b, 1);
    }
    put_row(b, 5); /* begun, never finished */
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    assert_int_equal(batch->rows, 1000);
    check_layout(batch);
    for (uint32_t row = 0; row < 1000; row++) check_row(batch, row, row);
    eg_batch_unref(batch);
    put_row(b, 5);
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_END);
    eg_builder_free(b);
}

static void last_put_wins(void **state) {
    (void)state;
    struct eg_builder *b = builder_new(2, EG_COLUMNS_ALL);
    struct eg_batch *batch;
    eg_put_int(b, FLAG, 1);
    eg_put_int(b, FLAG, 0);
    eg_put_text(b, TEXT, "a long text", 11);
    eg_put_text(b, TEXT, "short", 5);
    eg_put_int(b, I32, 1);
    eg_put_int(b, I32, -2);
    eg_builder_row(b, 1);
    eg_put_text(b, TEXT, "next", 4);
    eg_builder_row(b, 1);
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    assert_int_equal(eg_col_int(&batch->columns[FLAG], 0), 0);
    assert_int_equal(eg_col_int(&batch->columns[I32], 0), -2);
    same_text(&batch->columns[TEXT], 0, "short", 5);
    same_text(&batch->columns[TEXT], 1, "next", 4);
    eg_batch_unref(batch);
    eg_builder_free(b);
}

static void pick(void **state) {
    (void)state;
    struct eg_builder *b = builder_new(1000, EG_COLUMNS_ALL);
    struct eg_batch *batch, *picked;
    for (uint32_t n = 0; n < 1000; n++) {
        put_row(b, n);
        eg_builder_row(b, 1);
    }
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    eg_builder_free(b);
    batch->unit = 12;
    uint32_t rows[300];
    for (uint32_t k = 0; k < 300; k++) rows[k] = (uint32_t)(mix_of(k) % 1000); /* any order, twice */
    assert_int_equal(eg_batch_pick(&picked, batch, rows, 300, NULL), EG_OK);
    eg_batch_unref(batch);
    assert_int_equal(picked->rows, 300);
    assert_int_equal(picked->unit, 12);
    check_layout(picked);
    for (uint32_t k = 0; k < 300; k++) check_row(picked, k, rows[k]);
    assert_int_equal(eg_batch_pick(&batch, picked, rows, 0, NULL), EG_OK);
    assert_int_equal(batch->rows, 0);
    eg_batch_unref(batch);
    eg_batch_unref(picked);
}

struct mapped {
    struct eg_owner owner;
    int *released;
};
static void mapped_release(struct eg_owner *owner) {
    ++*((struct mapped *)(void *)owner)->released;
    free(owner);
}

static void owners_live_as_long_as_batches(void **state) {
    (void)state;
    int released = 0;
    struct eg_builder *b = builder_new(8, EG_COLUMNS_ALL);
    struct eg_batch *batch, *picked;
    for (int i = 0; i < 20; i++) {
        struct mapped *m = calloc(1, sizeof *m);
        m->owner.release = mapped_release;
        m->released = &released;
        atomic_init(&m->owner.refs, 1);
        eg_builder_keep(b, &m->owner);
        eg_builder_keep(b, &m->owner);
        eg_owner_unref(&m->owner);
    }
    assert_int_equal(released, 0);
    eg_put_int(b, I64, 1);
    eg_builder_row(b, 1);
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    eg_builder_free(b);
    uint32_t row = 0;
    assert_int_equal(eg_batch_pick(&picked, batch, &row, 1, NULL), EG_OK);
    eg_batch_unref(batch);
    assert_int_equal(released, 0);
    eg_batch_unref(picked);
    assert_int_equal(released, 20);
    eg_batch_unref(NULL);
    eg_builder_free(NULL);
    eg_owner_unref(NULL);
}

static void names_keep_their_index(void **state) {
    (void)state;
    struct eg_builder *b = builder_new(16, EG_COLUMNS_ALL);
    struct eg_batch *first, *batch;
    char name[16];
    assert_int_equal(eg_builder_intern(b, NAME, "", 0), 0);
    eg_put_int(b, NAME, 0);
    eg_builder_row(b, 1);
    assert_int_equal(eg_builder_seal(b, &first, NULL), EG_OK);
    for (int n = 1; n < 5000; n++) {
        int size = snprintf(name, sizeof name, "if%d", n);
        assert_int_equal(eg_builder_intern(b, NAME, name, (size_t)size), n);
    }
    for (int n = 1; n < 5000; n++) {
        int size = snprintf(name, sizeof name, "if%d", n);
        assert_int_equal(eg_builder_intern(b, NAME, name, (size_t)size), n);
    }
    assert_int_equal(eg_builder_intern(b, NAME, "", 0), 0);
    eg_put_int(b, NAME, 4321);
    eg_builder_row(b, 1);
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    eg_builder_free(b);
    same_text(&batch->columns[NAME], 0, "if4321", 6);
    same_text(&first->columns[NAME], 0, "", 0);
    eg_batch_unref(first);
    eg_batch_unref(batch);
}

/* Texts and names are mended on their way in; bytes are not. */
static void texts_are_utf8(void **state) {
    (void)state;
    struct eg_builder *b = builder_new(2, EG_COLUMNS_ALL);
    struct eg_batch *batch;
    eg_put_text(b, TEXT, "a\xff\xc3\xa9", 4);
    eg_put_text(b, BIN, "a\xff", 2);
    eg_put_name(b, NAME, "eth\x80", 4);
    assert_int_equal(eg_builder_intern(b, NAME, "eth\xef\xbf\xbd", 6), 0); /* the same, mended */
    eg_builder_row(b, 1);
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    same_text(&batch->columns[TEXT], 0, "a\xef\xbf\xbd\xc3\xa9", 6);
    same_text(&batch->columns[BIN], 0, "a\xff", 2);
    same_text(&batch->columns[NAME], 0, "eth\xef\xbf\xbd", 6);
    eg_batch_unref(batch);
    for (long n = 0; n < 4; n++) {
        torture_fail_after(n);
        eg_put_text(b, TEXT, "\xff", 1);
        bool failed = torture_off();
        assert_int_equal(b->failed, failed);
        eg_builder_row(b, 1);
        assert_int_equal(eg_builder_seal(b, &batch, NULL), failed ? EG_E_NOMEM : EG_OK);
        eg_batch_unref(batch);
    }
    eg_builder_free(b);
}

/* With the n-th request failed, for every n: no leak, the failure is told, what is sealed is whole,
 * and the builder goes on as new. */
static void memory_runs_out(void **state) {
    (void)state;
    bool failed = true;
    long n = 0;
    for (; failed; n++) {
        struct eg_builder *b = NULL;
        struct eg_batch *batch = NULL, *picked = NULL;
        uint32_t rows[40], sealed = 0, lost = 0;
        bool picks = true;
        torture_fail_after(n);
        if (eg_builder_new(&b, &every, EG_TABLE_COUNT, 40, EG_COLUMNS_ALL, NULL) == EG_OK) {
            for (int round = 0; round < 3; round++) {
                for (uint32_t k = 0; k < 40; k++) {
                    put_row(b, k);
                    eg_builder_row(b, 1);
                    rows[k] = k;
                }
                enum eg_status status = eg_builder_seal(b, &batch, NULL);
                assert_int_equal(b->rows, 0);
                if (status != EG_OK) {
                    assert_int_equal(status, EG_E_NOMEM);
                    assert_null(batch);
                    lost++;
                    continue;
                }
                sealed++;
                check_layout(batch);
                for (uint32_t row = 0; row < 40; row++) check_row(batch, row, row);
                picks &= eg_batch_pick(&picked, batch, rows, 40, NULL) == EG_OK;
                eg_batch_unref(picked);
                picked = NULL;
                eg_batch_unref(batch);
            }
            assert_int_equal(sealed + lost, 3);
            assert_true(lost <= 1); /* one request failed: the next batch is whole again */
        }
        eg_builder_free(b);
        failed = torture_off();
        assert_int_equal(failed, !b || lost || !picks);
    }
    assert_true(n > 60);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_rows_at_any_capacity),
        cmocka_unit_test(flags),
        cmocka_unit_test(slots),
        cmocka_unit_test(abandoned_rows_leave_nothing),
        cmocka_unit_test(last_put_wins),
        cmocka_unit_test(pick),
        cmocka_unit_test(owners_live_as_long_as_batches),
        cmocka_unit_test(names_keep_their_index),
        cmocka_unit_test(texts_are_utf8),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
