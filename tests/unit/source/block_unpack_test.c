/* SPDX-License-Identifier: Apache-2.0
 * Hadoop's block codecs: runs and chunks in any pieces, snappy by its own rules, lengths that lie.
 * tests/system/test_seqfile.py reads what Hadoop compressed. */
#include "source/block_unpack.h"

#include "make_capture.h"
#include "torture.h"

#include <lz4.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void chunk_put(struct made *m, const char *text, size_t size) {
    char packed[4000];
    int got = LZ4_compress_default(text, packed, (int)size, sizeof packed);
    assert_true(got > 0);
    m->big = true;
    made_u32(m, (uint32_t)got);
    made_add(m, packed, (size_t)got);
}

static void runs_of_chunks_in_any_pieces(void **state) {
    (void)state;
    char text[3000];
    struct made m = {.big = true};
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(i * i >> 7);
    made_u32(&m, 2000); /* a run of two chunks, one of one */
    chunk_put(&m, text, 1500);
    chunk_put(&m, text + 1500, 500);
    made_u32(&m, 1000);
    chunk_put(&m, text + 2000, 1000);
    struct eg_block_unpack *u = eg_block_unpack_new(false);
    for (size_t in = 1; in < 40; in += 6)
        for (size_t room = 1; room < 900; room += 101) {
            uint8_t out[sizeof text + 1];
            size_t from = 0, to = 0, took = 1, gave = 1;
            eg_block_unpack_begin(u);
            while (took || gave) {
                size_t left = m.size - from, space = sizeof out - to;
                assert_int_equal(
                    eg_block_unpack_step(u, eg_span(m.bytes + from, left < in ? left : in), &took,
                                         out + to, space < room ? space : room, &gave, NULL),
                    EG_OK);
                from += took;
                to += gave;
            }
            assert_int_equal(from, m.size);
            assert_int_equal(to, sizeof text);
            assert_memory_equal(out, text, sizeof text);
        }
    eg_block_unpack_free(u);
    made_free(&m);
}

static enum eg_status whole(bool snappy, const struct made *m) {
    static uint8_t out[EG_CHUNK_BYTES_MAX];
    size_t took, gave;
    struct eg_error err = {0};
    struct eg_block_unpack *u = eg_block_unpack_new(snappy);
    enum eg_status status =
        eg_block_unpack_step(u, eg_span(m->bytes, m->size), &took, out, sizeof out, &gave, &err);
    if (status < 0) assert_non_null(strstr(err.message, snappy ? "snappy" : "lz4"));
    eg_block_unpack_free(u);
    return status;
}

static void lengths_that_lie(void **state) {
    (void)state;
    struct made m = {.big = true};
    made_u32(&m, 100);
    chunk_put(&m, "0123456789", 10);
    assert_int_equal(whole(false, &m), EG_OK); /* more of the run may come */
    made_set32(&m, 0, 9);
    assert_int_equal(whole(false, &m), EG_E_FORMAT);
    made_set32(&m, 0, 10);
    made_set32(&m, 4, EG_CHUNK_BYTES_MAX + 1);
    assert_int_equal(whole(false, &m), EG_E_FORMAT);
    made_set32(&m, 4, UINT32_MAX);
    assert_int_equal(whole(false, &m), EG_E_FORMAT);
    made_set32(&m, 4, 0);
    assert_int_equal(whole(false, &m), EG_E_FORMAT);
    made_set32(&m, 4, 3);
    assert_int_equal(whole(false, &m), EG_E_FORMAT);
    made_free(&m);
    m.big = true;
    made_u32(&m, 10);
    made_u32(&m, 1);
    made_u32(&m, 0);
    assert_int_equal(whole(true, &m), EG_E_FORMAT);
    made_free(&m);
}

#define SNAPPY(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

static void snappy_blocks(void **state) {
    (void)state;
    const struct {
        const uint8_t *bytes;
        size_t size;
        const char *text; /* NULL: damaged */
    } cases[] = {
        {SNAPPY(3, 2 << 2, 'a', 'b', 'c'), "abc"},
        {SNAPPY(0), ""},
        {SNAPPY(8, 0, 'a', 0 << 5 | 3 << 2 | 1, 1), "aaaaaaaa"},           /* 7 more, 1 back */
        {SNAPPY(9, 2 << 2, 'a', 'b', 'c', 5 << 2 | 2, 3, 0), "abcabcabc"}, /* 2 bytes of offset */
        {SNAPPY(9, 2 << 2, 'a', 'b', 'c', 5 << 2 | 3, 3, 0, 0, 0), "abcabcabc"},
        {SNAPPY(4, 60 << 2, 3, 'a', 'b', 'c', 'd'), "abcd"},
        {SNAPPY(4, 61 << 2, 3, 0, 'a', 'b', 'c', 'd'), "abcd"},
        {SNAPPY(4, 63 << 2, 3, 0, 0, 0, 'a', 'b', 'c', 'd'), "abcd"},
        {SNAPPY(4, 63 << 2, 0xff, 0xff, 0xff, 0xff, 'a', 'b', 'c', 'd'), NULL},
        {SNAPPY(4, 2 << 2, 'a', 'b', 'c'), NULL},             /* fewer than promised */
        {SNAPPY(2, 2 << 2, 'a', 'b', 'c'), NULL},             /* more */
        {SNAPPY(3, 2 << 2, 'a', 'b'), NULL},                  /* cut */
        {SNAPPY(8, 0, 'a', 3 << 2 | 1, 2), NULL},             /* before the beginning */
        {SNAPPY(8, 0, 'a', 3 << 2 | 1, 0), NULL},             /* nothing back */
        {SNAPPY(8, 0, 'a', 3 << 2 | 1), NULL},                /* cut */
        {SNAPPY(0xff, 0xff, 0xff, 0xff, 0x0f, 0, 'a'), NULL}, /* 4 GiB */
        {SNAPPY(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 'a'), NULL},
        {SNAPPY(0x80), NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t out[16];
        size_t size = 99;
        bool good =
            eg_snappy_expand(eg_span(cases[i].bytes, cases[i].size), out, sizeof out, &size);
        assert_int_equal(good, cases[i].text != NULL);
        if (!good) continue;
        assert_int_equal(size, strlen(cases[i].text));
        assert_memory_equal(out, cases[i].text, size);
    }
}

static void no_memory(void **state) {
    (void)state;
    torture_fail_after(0);
    assert_null(eg_block_unpack_new(false));
    assert_true(torture_off());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_of_chunks_in_any_pieces),
        cmocka_unit_test(lengths_that_lie),
        cmocka_unit_test(snappy_blocks),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
