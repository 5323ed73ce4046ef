/* SPDX-License-Identifier: Apache-2.0
 * Split-block Bloom filters. */
#include "engine/parquet_bloom.h"

#include "engine/parquet_thrift.h"
#include "engine/parquet_thrift_read.h"

#include <string.h>
#include <xxhash.h>

#define BLOCK_BYTES ((uint32_t)EG_BLOOM_BLOCK)
#define BITS_EACH 8u /* per value: about one in forty of the others is found by mistake */

static const uint32_t salts[8] = {0x47b6137bu, 0x44974d91u, 0x8824ad5bu, 0xa2b7289du,
                                  0x705495c7u, 0x2df1424bu, 0x9efc4947u, 0x5c6bfb31u};

static uint32_t block_of(uint64_t hash, uint32_t bytes) {
    return (uint32_t)(((hash >> 32) * (bytes / BLOCK_BYTES)) >> 32) * BLOCK_BYTES;
}

static uint32_t bit_of(uint64_t hash, int word) {
    return UINT32_C(1) << (((uint32_t)hash * salts[word]) >> 27);
}

static void insert(uint8_t *filter, uint32_t bytes, uint64_t hash) {
    uint8_t *at = filter + block_of(hash, bytes);
    for (int i = 0; i < 8; i++) {
        uint32_t word;
        memcpy(&word, at + 4 * i, 4);
        word |= bit_of(hash, i);
        memcpy(at + 4 * i, &word, 4);
    }
}

bool eg_bloom_make(struct eg_strbuf *to, const struct eg_strbuf *dictionary, uint32_t count) {
    uint32_t bytes = BLOCK_BYTES; /* a power of two, as some readers want it */
    while (bytes < UINT32_C(1) << 27 && (uint64_t)bytes * 8 < (uint64_t)count * BITS_EACH * 3 / 4)
        bytes *= 2;
    struct eg_thrift t = {.to = to};
    eg_thrift_int(&t, 1, EG_THRIFT_I32, bytes);
    for (int id = 2; id <= 4; id++) { /* split blocks, XXH64, not compressed */
        eg_thrift_open(&t, id);
        eg_thrift_empty(&t, 1);
        eg_thrift_close(&t);
    }
    eg_strbuf_char(to, 0);
    if (!eg_strbuf_reserve(to, bytes)) return false;
    uint8_t *filter = (uint8_t *)to->text + to->size;
    memset(filter, 0, bytes);
    to->size += bytes;
    for (size_t at = 0; at < dictionary->size;) {
        uint32_t size;
        memcpy(&size, dictionary->text + at, 4);
        insert(filter, bytes, XXH64(dictionary->text + at + 4, size, 0));
        at += 4 + (size_t)size;
    }
    return true;
}

/* ---- asking ---- */

bool eg_bloom_head(struct eg_span begin, uint32_t *head, uint32_t *bytes) {
    struct eg_cursor c = eg_cursor_of(begin);
    struct eg_thrift_field f = {0};
    int64_t size = 0;
    while (eg_thrift_next(&c, &f))
        if (f.id == 1 && f.type == EG_THRIFT_I32)
            size = eg_thrift_read_int(&c);
        else
            eg_thrift_pass(&c, f.type);
    if (c.cut || size < BLOCK_BYTES || size > INT32_MAX || size % BLOCK_BYTES) return false;
    *head = (uint32_t)(begin.size - eg_cursor_left(&c));
    *bytes = (uint32_t)size;
    return true;
}

uint32_t eg_bloom_block_of(struct eg_span text, uint32_t bytes) {
    return block_of(XXH64(text.at, text.size, 0), bytes);
}

bool eg_bloom_may_hold(struct eg_span block, struct eg_span text) {
    uint64_t hash = XXH64(text.at, text.size, 0);
    for (int i = 0; i < 8; i++)
        if (!(eg_le32(block, (size_t)i * 4) & bit_of(hash, i))) return false;
    return true;
}
