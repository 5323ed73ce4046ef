/* SPDX-License-Identifier: Apache-2.0
 * Packed integers read back: what parquet_pack.c wrote (held against the specification by its own test),
 * and any bytes. */
#include "engine/parquet_unpack.h"

#include "engine/parquet_pack.h"
#include "packed_make.h"

static struct eg_span span_of(const struct eg_strbuf *from) {
    return eg_span(from->text, from->size);
}

static void hybrids(void **state) {
    (void)state;
    uint64_t seed = 1;
    uint32_t values[PACKED_MAX], got[PACKED_MAX];
    for (uint32_t width = 1; width <= 32; width++) {
        for (int round = 0; round < 30; round++) {
            size_t count = packed_make(values, width, round % 2 == 0, &seed);
            struct eg_strbuf to = {0};
            eg_pack_hybrid(values, count, width, &to);
            assert_true(eg_unpack_hybrid(span_of(&to), width, count, got));
            if (count) assert_memory_equal(got, values, count * sizeof *got);
            if (count)
                assert_false(eg_unpack_hybrid(eg_span(to.text, to.size - 1), width, count, got));
            eg_strbuf_reset(&to);
        }
    }
    assert_false(eg_unpack_hybrid(eg_span("\x10\x00", 2), 0, 1, got));
    assert_false(eg_unpack_hybrid(eg_span("\x10\x00\x00\x00\x00\x00", 6), 33, 1, got));
    assert_false(eg_unpack_hybrid(eg_span("\x00\x00\x00", 3), 8, 1, got)); /* runs of nothing */
    assert_false(
        eg_unpack_hybrid(eg_span("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10), 32, 9, got));
}

static void bits(void **state) {
    (void)state;
    uint64_t seed = 2;
    for (int round = 0; round < 300; round++) {
        size_t count = made_random(&seed) % 700 + 1, set, want = 0;
        uint64_t from[11], got[11];
        for (size_t i = 0; i < 11; i++) from[i] = made_random(&seed) | (round % 3 ? 0 : UINT64_MAX);
        if (count % 64) from[count / 64] &= (UINT64_C(1) << count % 64) - 1;
        for (size_t i = 0; i < count; i++) want += eg_bit(from, (uint32_t)i);
        struct eg_strbuf to = {0};
        if (round % 3)
            eg_pack_bits(from, count, &to);
        else
            eg_pack_run(1, count, 1, &to);
        assert_true(eg_unpack_bits(span_of(&to), count, got, &set));
        assert_memory_equal(got, from, (count + 63) / 64 * 8);
        assert_int_equal(set, want);
        assert_false(eg_unpack_bits(eg_span(to.text, to.size - 1), count, got, &set));
        eg_strbuf_reset(&to);
    }
    /* a run that ends within a byte: five times 1, then packed 10100101 …, of which three are wanted */
    uint64_t got;
    size_t set;
    assert_true(eg_unpack_bits(eg_span("\x0a\x01\x03\xa5", 4), 8, &got, &set));
    assert_int_equal(got, 0x1f | 5 << 5);
    assert_int_equal(set, 7);
}

static void differences(void **state) {
    (void)state;
    uint64_t seed = 3;
    int64_t values[700], got[700];
    for (int round = 0; round < 400; round++) {
        size_t count = made_random(&seed) % 700;
        uint32_t width = (uint32_t)(made_random(&seed) % 65);
        for (size_t i = 0; i < count; i++) {
            uint64_t m = made_random(&seed);
            values[i] = (int64_t)(width ? m >> (64 - width) : 7);
        }
        struct eg_strbuf to = {0};
        assert_true(eg_pack_delta(values, count, 64, &to));
        assert_true(eg_unpack_delta(span_of(&to), count, got));
        if (count) assert_memory_equal(got, values, count * 8);
        assert_false(eg_unpack_delta(span_of(&to), count + 1, got));
        if (count > 1) assert_false(eg_unpack_delta(eg_span(to.text, to.size / 2), count, got));
        eg_strbuf_reset(&to);
    }
    assert_false(eg_unpack_delta(eg_span("\x80\x01\x08\x03\x00", 5), 3, got)); /* other blocks */
    /* a width of more than 64 bits */
    assert_false(eg_unpack_delta(eg_span("\x80\x01\x04\x02\x00\x00\x41\x00\x00\x00", 10), 2, got));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hybrids),
        cmocka_unit_test(bits),
        cmocka_unit_test(differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
