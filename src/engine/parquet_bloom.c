/* SPDX-License-Identifier: Apache-2.0
 * Split-block Bloom filters. */
#include "engine/parquet_bloom.h"

#include "engine/parquet_thrift.h"

#include <string.h>
#include <xxhash.h>

#define BLOCK_BYTES 32u
#define BITS_EACH 8u /* per value: about one in forty of the others is found by mistake */

static const uint32_t salts[8] = {0x47b6137bu, 0x44974d91u, 0x8824ad5bu, 0xa2b7289du,
                                  0x705495c7u, 0x2df1424bu, 0x9efc4947u, 0x5c6bfb31u};

static void insert(uint8_t *filter, uint32_t blocks, uint64_t hash) {
    uint32_t block = (uint32_t)(((hash >> 32) * blocks) >> 32);
    uint8_t *at = filter + (size_t)block * BLOCK_BYTES;
    for (int i = 0; i < 8; i++) {
        uint32_t word;
        memcpy(&word, at + 4 * i, 4);
        word |= UINT32_C(1) << (((uint32_t)hash * salts[i]) >> 27);
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
        insert(filter, bytes / BLOCK_BYTES, XXH64(dictionary->text + at + 4, size, 0));
        at += 4 + (size_t)size;
    }
    return true;
}
