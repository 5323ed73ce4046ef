/* SPDX-License-Identifier: Apache-2.0
 * Runs, packed bits, packed differences: the way back. */
#include "engine/parquet_unpack.h"

#include "engine/parquet_pack.h"

#include <string.h>

/* ---- the hybrid ---- */

/* A run, or packed groups, as its head says. */
struct stretch {
    bool packed;
    uint32_t value;       /* of a run */
    struct eg_span bytes; /* of packed groups */
    size_t count;         /* of what is still wanted */
};

static bool take_stretch(struct eg_cursor *c, uint32_t width, size_t wanted, struct stretch *out) {
    uint64_t head = eg_take_varint(c), count = head >> 1;
    *out = (struct stretch){.packed = head & 1};
    if (c->cut || !count) return false;
    if (out->packed) {
        if (count > eg_cursor_left(c) / width) return false;
        out->bytes = eg_take(c, count * width);
        count *= 8;
    } else {
        struct eg_span value = eg_take(c, (width + 7) / 8);
        for (size_t i = value.size; i-- > 0;) out->value = out->value << 8 | eg_u8(value, i);
    }
    out->count = count < wanted ? (size_t)count : wanted;
    return !c->cut;
}

/* Values of `width` bits, LSB first; all of them are there. */
static void unpack(struct eg_span from, uint32_t width, size_t count, uint32_t *to) {
    if (width == 8) {
        for (size_t i = 0; i < count; i++) to[i] = eg_u8(from, i);
        return;
    }
    if (width == 16) {
        for (size_t i = 0; i < count; i++) to[i] = eg_le16(from, 2 * i);
        return;
    }
    uint64_t word = 0, mask = (UINT64_C(1) << width) - 1;
    uint32_t bits = 0;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        while (bits < width) {
            word |= (uint64_t)eg_u8(from, at++) << bits;
            bits += 8;
        }
        to[i] = (uint32_t)(word & mask);
        word >>= width;
        bits -= width;
    }
}

bool eg_unpack_hybrid(struct eg_span from, uint32_t width, size_t count, uint32_t *to) {
    struct eg_cursor c = eg_cursor_of(from);
    if (width < 1 || width > 32) return false;
    for (size_t done = 0; done < count;) {
        struct stretch stretch;
        if (!take_stretch(&c, width, count - done, &stretch)) return false;
        if (stretch.packed)
            unpack(stretch.bytes, width, stretch.count, to + done);
        else
            for (size_t i = 0; i < stretch.count; i++) to[done + i] = stretch.value;
        done += stretch.count;
    }
    return true;
}

/* Eight bits, from the i-th on. */
static uint64_t byte_of(const struct stretch *stretch, size_t i) {
    if (stretch->packed) return eg_u8(stretch->bytes, i / 8);
    return stretch->value & 1 ? 0xff : 0;
}

/* Bits [done, done + count) of the bitmap, whole bytes at once where they begin with one. */
static void put_bits(const struct stretch *stretch, size_t done, uint64_t *to) {
    size_t i = 0;
    for (; done % 8 == 0 && i + 8 <= stretch->count; i += 8)
        to[(done + i) / 64] |= byte_of(stretch, i) << ((done + i) % 64);
    for (; i < stretch->count; i++) {
        uint64_t bit = byte_of(stretch, i) >> (i % 8) & 1;
        to[(done + i) / 64] |= bit << ((done + i) % 64);
    }
}

bool eg_unpack_bits(struct eg_span from, size_t count, uint64_t *to, size_t *set) {
    struct eg_cursor c = eg_cursor_of(from);
    size_t words = (count + 63) / 64;
    if (words) memset(to, 0, words * 8);
    *set = 0;
    for (size_t done = 0; done < count;) {
        struct stretch stretch;
        if (!take_stretch(&c, 1, count - done, &stretch)) return false;
        put_bits(&stretch, done, to);
        done += stretch.count;
    }
    for (size_t w = 0; w < words; w++) *set += (size_t)__builtin_popcountll(to[w]);
    return true;
}

/* ---- differences ---- */

static int64_t take_zigzag(struct eg_cursor *c) {
    uint64_t value = eg_take_varint(c);
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/* The next values of a quarter of a block, each `least` and a packed number above the one before. */
static void add_mini(struct eg_span packed, uint32_t width, uint64_t least, size_t count,
                     uint64_t *value, int64_t *to) {
    unsigned __int128 word = 0;
    uint32_t bits = 0;
    size_t at = 0;
    uint64_t mask = width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
    for (size_t i = 0; i < count; i++) {
        while (bits < width) {
            word |= (unsigned __int128)eg_le32(packed, at) << bits;
            at += 4;
            bits += 32;
        }
        *value += least + ((uint64_t)word & mask);
        to[i] = (int64_t)*value;
        word >>= width;
        bits -= width;
    }
}

bool eg_unpack_delta(struct eg_span from, size_t count, int64_t *to) {
    struct eg_cursor c = eg_cursor_of(from);
    uint64_t block = eg_take_varint(&c), minis = eg_take_varint(&c), total = eg_take_varint(&c);
    uint64_t value = (uint64_t)take_zigzag(&c);
    if (c.cut || block != EG_PACK_BLOCK || minis != EG_PACK_BLOCK / EG_PACK_MINI || total != count)
        return false;
    if (count) to[0] = (int64_t)value;
    for (size_t done = 1; done < count;) {
        uint64_t least = (uint64_t)take_zigzag(&c);
        struct eg_span widths = eg_take(&c, EG_PACK_BLOCK / EG_PACK_MINI);
        for (uint32_t m = 0; m < EG_PACK_BLOCK / EG_PACK_MINI && done < count; m++) {
            uint32_t width = eg_u8(widths, m);
            if (c.cut || width > 64) return false;
            struct eg_span packed = eg_take(&c, (size_t)width * EG_PACK_MINI / 8);
            if (c.cut) return false;
            size_t here = count - done < EG_PACK_MINI ? count - done : EG_PACK_MINI;
            add_mini(packed, width, least, here, &value, to + done);
            done += here;
        }
    }
    return true;
}
