/* SPDX-License-Identifier: Apache-2.0
 * Bloom filters: what was put in is found; DuckDB finds it too (parquet_file_test). */
#include "engine/parquet_bloom.h"

#include "engine_make.h"

#include <xxhash.h>

/* The check as the format describes it, written apart from the code that fills the filter. */
static bool holds(const uint8_t *filter, uint32_t bytes, const char *text) {
    static const uint32_t salts[8] = {0x47b6137bU, 0x44974d91U, 0x8824ad5bU, 0xa2b7289dU,
                                      0x705495c7U, 0x2df1424bU, 0x9efc4947U, 0x5c6bfb31U};
    uint64_t hash = XXH64(text, strlen(text), 0);
    uint64_t block = ((hash >> 32) * (bytes / 32)) >> 32;
    for (int i = 0; i < 8; i++) {
        uint32_t bit = (uint32_t)((uint32_t)hash * salts[i]) >> 27, word = 0;
        memcpy(&word, filter + block * 32 + (size_t)i * 4, 4);
        if (!(word >> bit & 1)) return false;
    }
    return true;
}

static void what_is_in_is_found(void **state) {
    (void)state;
    const uint32_t counts[] = {1, 10, 5000};
    for (int c = 0; c < 3; c++) {
        struct eg_strbuf page = {0}, to = {0};
        char text[32];
        for (uint32_t i = 0; i < counts[c]; i++) {
            uint32_t size = (uint32_t)snprintf(text, sizeof text, "10.0.%u.%u", i / 256, i % 256);
            eg_strbuf_add(&page, &size, 4);
            eg_strbuf_add(&page, text, size);
        }
        assert_true(eg_bloom_make(&to, &page, counts[c]));
        uint32_t bytes = 32;
        while (bytes * 2 <= to.size) bytes *= 2;
        assert_true(to.size > bytes && to.size < bytes + 32); /* a short header before it */
        const uint8_t *filter = (const uint8_t *)to.text + to.size - bytes;
        uint32_t wrong = 0;
        for (uint32_t i = 0; i < counts[c]; i++) {
            snprintf(text, sizeof text, "10.0.%u.%u", i / 256, i % 256);
            assert_true(holds(filter, bytes, text));
            snprintf(text, sizeof text, "11.0.%u.%u", i / 256, i % 256);
            wrong += holds(filter, bytes, text);
        }
        assert_true(wrong <= counts[c] / 10);
        eg_strbuf_reset(&page);
        eg_strbuf_reset(&to);
    }
}

/* Block by block, as a reader asks a file. */
static bool may_hold(const struct eg_strbuf *filter, uint32_t head, uint32_t bytes,
                     const char *text) {
    struct eg_span span = eg_span(text, strlen(text));
    uint32_t at = eg_bloom_block_of(span, bytes);
    assert_true(at % EG_BLOOM_BLOCK == 0 && at < bytes);
    return eg_bloom_may_hold(eg_span(filter->text + head + at, EG_BLOOM_BLOCK), span);
}

static void asked_block_by_block(void **state) {
    (void)state;
    struct eg_strbuf page = {0}, to = {0};
    char text[32];
    for (uint32_t i = 0; i < 5000; i++) {
        uint32_t size = (uint32_t)snprintf(text, sizeof text, "10.0.%u.%u", i / 256, i % 256);
        eg_strbuf_add(&page, &size, 4);
        eg_strbuf_add(&page, text, size);
    }
    assert_true(eg_bloom_make(&to, &page, 5000));
    uint32_t head, bytes;
    assert_true(eg_bloom_head(eg_span(to.text, EG_BLOOM_HEAD_MAX), &head, &bytes));
    assert_int_equal((size_t)head + bytes, to.size);
    for (uint32_t i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "10.0.%u.%u", i / 256, i % 256);
        assert_true(may_hold(&to, head, bytes, text));
        snprintf(text, sizeof text, "11.0.%u.%u", i / 256, i % 256);
        const uint8_t *filter = (const uint8_t *)to.text + head;
        assert_int_equal(may_hold(&to, head, bytes, text), holds(filter, bytes, text));
    }
    for (uint32_t size = 0; size < head; size++)
        assert_false(eg_bloom_head(eg_span(to.text, size), &head, &bytes));
    assert_false(eg_bloom_head(eg_span("\x15\x02\x00", 3), &head, &bytes)); /* one byte of blocks */
    assert_false(eg_bloom_head(eg_span("\x15\x41\x00", 3), &head, &bytes)); /* fewer than none */
    eg_strbuf_reset(&page);
    eg_strbuf_reset(&to);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_is_found),
        cmocka_unit_test(asked_block_by_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
