/* SPDX-License-Identifier: Apache-2.0
 * Packed integers, read back by readers that were written from the specification alone. */
#include "engine/parquet_pack.h"

#include "packed_make.h"

struct reader {
    const uint8_t *at, *end;
};
static uint64_t varint(struct reader *r) {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        assert_true(r->at < r->end);
        uint8_t byte = *r->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return value;
    }
}
static int64_t zigzag(struct reader *r) {
    uint64_t value = varint(r);
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}
static uint64_t bits_at(const uint8_t *from, size_t bit, uint32_t width) {
    uint64_t value = 0;
    for (uint32_t i = 0; i < width; i++, bit++)
        value |= (uint64_t)(from[bit / 8] >> (bit % 8) & 1) << i;
    return value;
}

static void read_hybrid(const struct eg_strbuf *from, uint32_t width, const uint32_t *expected, size_t count) {
    struct reader r = {(const uint8_t *)from->text, (const uint8_t *)from->text + from->size};
    size_t done = 0;
    while (done < count) {
        uint64_t head = varint(&r);
        if (head & 1) {
            size_t values = (size_t)(head >> 1) * 8, bytes = (size_t)(head >> 1) * width;
            assert_true(values > 0 && (size_t)(r.end - r.at) >= bytes);
            for (size_t i = 0; i < values; i++, done++)
                assert_int_equal(bits_at(r.at, i * width, width), done < count ? expected[done] : 0);
            r.at += bytes;
        } else {
            assert_true(head >> 1 > 0 && done + (head >> 1) <= count);
            uint64_t value = bits_at(r.at, 0, (width + 7) / 8 * 8);
            for (uint64_t i = 0; i < head >> 1; i++, done++) assert_int_equal(value, expected[done]);
            r.at += (width + 7) / 8;
        }
    }
    assert_true(r.at == r.end);
}

static void hybrids_read_back(void **state) {
    (void)state;
    uint64_t seed = 1;
    for (uint32_t width = 1; width <= 32; width++) {
        for (int round = 0; round < 40; round++) {
            uint32_t values[PACKED_MAX];
            size_t count = packed_make(values, width, round % 2 == 0, &seed);
            struct eg_strbuf to = {0};
            eg_pack_hybrid(values, count, width, &to);
            read_hybrid(&to, width, values, count);
            eg_strbuf_reset(&to);
        }
    }
}

static void runs_and_bits(void **state) {
    (void)state;
    uint32_t same[1000];
    for (size_t i = 0; i < 1000; i++) same[i] = 5;
    struct eg_strbuf to = {0};
    eg_pack_run(5, 1000, 3, &to);
    assert_int_equal(to.size, 3);
    read_hybrid(&to, 3, same, 1000);
    eg_strbuf_clear(&to);
    eg_pack_hybrid(same, 1000, 3, &to);
    assert_int_equal(to.size, 3);
    eg_strbuf_clear(&to);
    eg_pack_run(1, 0, 1, &to);
    assert_int_equal(to.size, 0);
    uint64_t bits[2] = {UINT64_C(0xf0f0f0f012345678), 0x1f};
    uint32_t expected[69];
    for (uint32_t i = 0; i < 69; i++) expected[i] = (uint32_t)(bits[i / 64] >> (i % 64) & 1);
    eg_pack_bits(bits, 69, &to);
    read_hybrid(&to, 1, expected, 69);
    eg_strbuf_reset(&to);
    assert_int_equal(eg_pack_width(0), 1);
    assert_int_equal(eg_pack_width(1), 1);
    assert_int_equal(eg_pack_width(255), 8);
    assert_int_equal(eg_pack_width(UINT64_MAX), 64);
}

static void read_delta(const struct eg_strbuf *from, const int64_t *expected, size_t count) {
    struct reader r = {(const uint8_t *)from->text, (const uint8_t *)from->text + from->size};
    uint64_t block = varint(&r), minis = varint(&r);
    assert_int_equal(block % 128, 0);
    assert_int_equal(block / minis % 32, 0);
    assert_int_equal(varint(&r), count);
    uint64_t value = (uint64_t)zigzag(&r);
    if (count) assert_int_equal((int64_t)value, expected[0]);
    for (size_t done = 1; done < count;) {
        uint64_t least = (uint64_t)zigzag(&r);
        const uint8_t *widths = r.at;
        r.at += minis;
        for (uint64_t m = 0; m < minis && done < count; m++) {
            size_t size = (size_t)(block / minis);
            assert_true((size_t)(r.end - r.at) >= size * widths[m] / 8);
            for (size_t i = 0; i < size && done < count; i++, done++) {
                value += least + bits_at(r.at, i * widths[m], widths[m]);
                assert_int_equal((int64_t)value, expected[done]);
            }
            r.at += size * widths[m] / 8;
        }
    }
    assert_true(r.at == r.end);
}

static void deltas_read_back(void **state) {
    (void)state;
    uint64_t seed = 7;
    static int64_t values[1000];
    for (int round = 0; round < 300; round++) {
        size_t count = (size_t)(made_random(&seed) % 1000);
        int shift = round % 64;
        for (size_t i = 0; i < count; i++) {
            int64_t step = (int64_t)(made_random(&seed) >> shift);
            values[i] = round % 3 ? step : (int64_t)((i ? (uint64_t)values[i - 1] : 0) + (uint64_t)(step % 100));
        }
        struct eg_strbuf to = {0};
        assert_true(eg_pack_delta(values, count, 64, &to));
        read_delta(&to, values, count);
        eg_strbuf_reset(&to);
    }
    const int64_t edges[] = {INT64_MIN, INT64_MAX, 0, INT64_MIN, -1, INT64_MAX, INT64_MAX};
    struct eg_strbuf to = {0};
    assert_true(eg_pack_delta(edges, 7, 64, &to));
    read_delta(&to, edges, 7);
    eg_strbuf_clear(&to);
    assert_false(eg_pack_delta(edges, 7, 63, &to));
    eg_strbuf_clear(&to);
    const int64_t steps[] = {0, 255, 300};
    assert_true(eg_pack_delta(steps, 3, 8, &to));
    eg_strbuf_clear(&to);
    assert_false(eg_pack_delta(steps, 3, 7, &to));
    eg_strbuf_reset(&to);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hybrids_read_back),
        cmocka_unit_test(runs_and_bits),
        cmocka_unit_test(deltas_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
