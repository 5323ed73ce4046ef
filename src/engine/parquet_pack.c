/* SPDX-License-Identifier: Apache-2.0
 * Runs, packed bits, packed differences. */
#include "engine/parquet_pack.h"

#include <string.h>

#define RUN_MIN 16 /* shorter runs cost more than they save: they end a packed run */

uint32_t eg_pack_width(uint64_t value) {
    return value ? 64 - (uint32_t)__builtin_clzll(value) : 1;
}

/* ---- the hybrid ---- */

/* `count` values, LSB first; the last group of eight is filled up with zeros. `to` has room for
 * whole groups and 8 bytes more. */
static uint8_t *pack(const uint32_t *values, size_t count, uint32_t width, uint8_t *to) {
    if (width == 8) {
        for (size_t i = 0; i < count; i++) to[i] = (uint8_t)values[i];
        memset(to + count, 0, (8 - count % 8) % 8);
        return to + (count + 7) / 8 * 8;
    }
    if (width == 16) {
        for (size_t i = 0; i < count; i++) {
            to[2 * i] = (uint8_t)values[i];
            to[2 * i + 1] = (uint8_t)(values[i] >> 8);
        }
        memset(to + 2 * count, 0, (8 - count % 8) % 8 * 2);
        return to + (count + 7) / 8 * 16;
    }
    uint64_t word = 0;
    uint32_t bits = 0;
    uint8_t *at = to;
    for (size_t i = 0; i < count; i++) {
        word |= (uint64_t)values[i] << bits;
        bits += width;
        if (bits >= 32) {
            uint32_t low = (uint32_t)word;
            memcpy(at, &low, 4);
            at += 4;
            word >>= 32;
            bits -= 32;
        }
    }
    memcpy(at, &word, 8);
    uint8_t *end = to + (count + 7) / 8 * width;
    if (end > at + 8) memset(at + 8, 0, (size_t)(end - at - 8));
    return end;
}

static void put_packed(const uint32_t *values, size_t count, uint32_t width,
                       struct eg_strbuf *to) {
    if (!count) return;
    size_t groups = (count + 7) / 8;
    eg_strbuf_varint(to, (uint64_t)groups << 1 | 1);
    if (!eg_strbuf_reserve(to, groups * width + 64)) return;
    uint8_t *at = (uint8_t *)to->text + to->size;
    to->size += (size_t)(pack(values, count, width, at) - at);
}

void eg_pack_run(uint32_t value, size_t count, uint32_t width, struct eg_strbuf *to) {
    if (!count) return;
    eg_strbuf_varint(to, (uint64_t)count << 1);
    eg_strbuf_add(to, &value, (width + 7) / 8);
}

void eg_pack_hybrid(const uint32_t *values, size_t count, uint32_t width, struct eg_strbuf *to) {
    size_t from = 0; /* values before it are written */
    for (size_t i = 0; i < count;) {
        size_t end = i + 1;
        while (end < count && values[end] == values[i]) end++;
        size_t fill = (8 - (i - from) % 8) % 8; /* of this run, to end the packed run before it */
        if (end - i >= RUN_MIN + fill) {
            put_packed(values + from, i - from + fill, width, to);
            eg_pack_run(values[i], end - i - fill, width, to);
            from = end;
        }
        i = end;
    }
    put_packed(values + from, count - from, width, to);
}

void eg_pack_bits(const uint64_t *bits, size_t count, struct eg_strbuf *to) {
    size_t groups = (count + 7) / 8;
    eg_strbuf_varint(to, (uint64_t)groups << 1 | 1);
    eg_strbuf_add(to, bits, groups);
}

/* ---- differences ---- */

/* 32 values of `width` bits, 0 to 64. */
static void pack_mini(const uint64_t *values, uint32_t width, struct eg_strbuf *to) {
    if (!width || !eg_strbuf_reserve(to, (size_t)width * 4 + 16)) return;
    uint8_t *at = (uint8_t *)to->text + to->size;
    unsigned __int128 word = 0;
    uint32_t bits = 0;
    for (uint32_t i = 0; i < EG_PACK_MINI; i++) {
        word |= (unsigned __int128)values[i] << bits;
        bits += width;
        if (bits >= 64) {
            uint64_t low = (uint64_t)word;
            memcpy(at, &low, 8);
            at += 8;
            word >>= 64;
            bits -= 64;
        }
    }
    uint64_t low = (uint64_t)word;
    memcpy(at, &low, (bits + 7) / 8);
    to->size += (size_t)width * 4;
}

static bool put_block(const int64_t *values, uint32_t count, uint32_t width_max,
                      struct eg_strbuf *to) {
    uint64_t deltas[EG_PACK_BLOCK];
    int64_t least = INT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        deltas[i] = (uint64_t)values[i + 1] - (uint64_t)values[i];
        if ((int64_t)deltas[i] < least) least = (int64_t)deltas[i];
    }
    uint8_t widths[EG_PACK_BLOCK / EG_PACK_MINI] = {0};
    for (uint32_t i = 0; i < count; i++) deltas[i] -= (uint64_t)least;
    for (uint32_t i = count; i < EG_PACK_BLOCK; i++) deltas[i] = 0;
    for (uint32_t m = 0; m < EG_PACK_BLOCK / EG_PACK_MINI; m++) {
        uint64_t all = 0;
        for (uint32_t i = 0; i < EG_PACK_MINI; i++) all |= deltas[m * EG_PACK_MINI + i];
        widths[m] = all ? (uint8_t)eg_pack_width(all) : 0;
        if (widths[m] > width_max) return false;
    }
    eg_strbuf_zigzag(to, least);
    eg_strbuf_add(to, widths, sizeof widths);
    for (uint32_t m = 0; m * EG_PACK_MINI < count; m++)
        pack_mini(deltas + m * EG_PACK_MINI, widths[m], to);
    return true;
}

bool eg_pack_delta(const int64_t *values, size_t count, uint32_t width_max, struct eg_strbuf *to) {
    eg_strbuf_varint(to, EG_PACK_BLOCK);
    eg_strbuf_varint(to, EG_PACK_BLOCK / EG_PACK_MINI);
    eg_strbuf_varint(to, count);
    eg_strbuf_zigzag(to, count ? values[0] : 0);
    for (size_t i = 0; i + 1 < count; i += EG_PACK_BLOCK) {
        size_t left = count - 1 - i;
        if (!put_block(values + i, left < EG_PACK_BLOCK ? (uint32_t)left : EG_PACK_BLOCK, width_max,
                       to))
            return false;
    }
    return true;
}
