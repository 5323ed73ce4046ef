/* SPDX-License-Identifier: Apache-2.0
 * The one way to read bytes that came from outside.
 *
 * Two shapes. A *cursor* walks: every read checks what is left; a read past the end gives zero,
 * sets `cut` and stays there, so a decoder reads a header and then asks once whether it was whole.
 * A *span* is a bounded piece: its readers take a constant offset and check it against the size,
 * which the compiler folds away when the size is a constant too. Nothing here allocates, and no
 * other file may read packet bytes through a pointer (tests/tidy holds that). */
#ifndef EG_BASE_CURSOR_H
#define EG_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct eg_span {
    const uint8_t *at;
    size_t size;
};

struct eg_cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool cut; /* a read went past the end */
};

static inline uint16_t eg_load_be16(const uint8_t *p) { return (uint16_t)((p[0] << 8) | p[1]); }
static inline uint32_t eg_load_be32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return __builtin_bswap32(v);
}
static inline uint64_t eg_load_be64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    return __builtin_bswap64(v);
}
static inline uint16_t eg_load_le16(const uint8_t *p) { return (uint16_t)((p[1] << 8) | p[0]); }
static inline uint32_t eg_load_le32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "big-endian hosts need the swaps turned");

/* ---- span ---- */

static inline struct eg_span eg_span(const void *at, size_t size) {
    return (struct eg_span){(const uint8_t *)at, size};
}
static inline bool eg_span_has(struct eg_span s, size_t offset, size_t size) {
    return offset <= s.size && size <= s.size - offset;
}
/* at + size, and for an empty span that is nowhere NULL: C does not allow NULL + 0 (compilers make one
 * addition of this). */
static inline const uint8_t *eg_ahead(const uint8_t *at, size_t size) {
    return size ? at + size : at;
}
/* The piece [offset, offset+size), cut to what there is. */
static inline struct eg_span eg_span_sub(struct eg_span s, size_t offset, size_t size) {
    if (offset > s.size) offset = s.size;
    size_t rest = s.size - offset;
    return (struct eg_span){eg_ahead(s.at, offset), size < rest ? size : rest};
}
static inline struct eg_span eg_span_from(struct eg_span s, size_t offset) {
    return eg_span_sub(s, offset, SIZE_MAX);
}
/* The readers give 0 outside the span; ask eg_span_has first where 0 means something. */
static inline uint8_t eg_u8(struct eg_span s, size_t offset) {
    return eg_span_has(s, offset, 1) ? s.at[offset] : 0;
}
static inline uint16_t eg_be16(struct eg_span s, size_t offset) {
    return eg_span_has(s, offset, 2) ? eg_load_be16(s.at + offset) : 0;
}
static inline uint32_t eg_be24(struct eg_span s, size_t offset) {
    return eg_span_has(s, offset, 3)
               ? ((uint32_t)s.at[offset] << 16) | eg_load_be16(s.at + offset + 1)
               : 0;
}
static inline uint32_t eg_be32(struct eg_span s, size_t offset) {
    return eg_span_has(s, offset, 4) ? eg_load_be32(s.at + offset) : 0;
}
static inline uint64_t eg_be64(struct eg_span s, size_t offset) {
    return eg_span_has(s, offset, 8) ? eg_load_be64(s.at + offset) : 0;
}
static inline uint16_t eg_le16(struct eg_span s, size_t offset) {
    return eg_span_has(s, offset, 2) ? eg_load_le16(s.at + offset) : 0;
}
static inline uint32_t eg_le32(struct eg_span s, size_t offset) {
    return eg_span_has(s, offset, 4) ? eg_load_le32(s.at + offset) : 0;
}
static inline uint64_t eg_le64(struct eg_span s, size_t offset) {
    return (uint64_t)eg_le32(s, offset + 4) << 32 | eg_le32(s, offset);
}
/* A MAC address. */
static inline uint64_t eg_be48(struct eg_span s, size_t offset) {
    return (uint64_t)eg_be16(s, offset) << 32 | eg_be32(s, offset + 2);
}
/* Either byte order, as files with a magic number need. */
static inline uint16_t eg_u16(struct eg_span s, size_t offset, bool big) {
    return big ? eg_be16(s, offset) : eg_le16(s, offset);
}
static inline uint32_t eg_u32(struct eg_span s, size_t offset, bool big) {
    return big ? eg_be32(s, offset) : eg_le32(s, offset);
}
/* The k-th of the records of `size` bytes that follow each other in the span; empty where there is
 * none. In a loop over k < s.size / size, with a constant size, this check and those of the fields
 * at constant offsets are known to hold, and the compiler leaves them out. */
static inline struct eg_span eg_span_record(struct eg_span s, size_t size, size_t k) {
    if (k >= s.size / size) return (struct eg_span){s.at, 0};
    return (struct eg_span){s.at + k * size, size};
}
/* Copies `size` bytes to `to`; false, and `to` zeroed, where they are not all there. */
static inline bool eg_span_copy(struct eg_span s, size_t offset, void *to, size_t size) {
    if (!eg_span_has(s, offset, size)) {
        memset(to, 0, size);
        return false;
    }
    if (size) memcpy(to, s.at + offset, size);
    return true;
}

/* Bytewise, as memcmp does; of two that begin alike the shorter one is first. */
static inline int eg_span_order(struct eg_span a, struct eg_span b) {
    size_t least = a.size < b.size ? a.size : b.size;
    int order = least ? memcmp(a.at, b.at, least) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static inline bool eg_span_is(struct eg_span s, const char *text) {
    size_t size = strlen(text);
    return s.size == size && (!size || memcmp(s.at, text, size) == 0);
}

/* Of a hex digit; -1: it is none. */
static inline int eg_hex_value(int c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* ---- fields of records that follow each other ---- */

/* The same field of each record, checked once for all of them: where one is not inside, all are 0. */
struct eg_stride {
    const uint8_t *at;
    size_t step;
};
static inline struct eg_stride eg_stride(struct eg_span s, size_t offset, size_t width, size_t step,
                                         size_t count) {
    static const uint8_t zeros[8];
    if (!count || width > sizeof zeros || !eg_span_has(s, offset, width) ||
        (count > 1 && step > (s.size - offset - width) / (count - 1)))
        return (struct eg_stride){zeros, 0};
    return (struct eg_stride){s.at + offset, step};
}
static inline uint8_t eg_stride_u8(struct eg_stride f, size_t k) { return f.at[k * f.step]; }
static inline uint16_t eg_stride_be16(struct eg_stride f, size_t k) {
    return eg_load_be16(f.at + k * f.step);
}
static inline uint32_t eg_stride_be32(struct eg_stride f, size_t k) {
    return eg_load_be32(f.at + k * f.step);
}
static inline uint64_t eg_stride_be64(struct eg_stride f, size_t k) {
    return eg_load_be64(f.at + k * f.step);
}

/* ---- cursor ---- */

static inline struct eg_cursor eg_cursor(const void *at, size_t size) {
    const uint8_t *bytes = (const uint8_t *)at;
    return (struct eg_cursor){bytes, eg_ahead(bytes, size), false};
}
static inline struct eg_cursor eg_cursor_of(struct eg_span s) { return eg_cursor(s.at, s.size); }
static inline size_t eg_cursor_left(const struct eg_cursor *c) { return (size_t)(c->end - c->at); }

/* The next `size` bytes as a span; an empty one, and `cut` set, where they are not all there. */
static inline struct eg_span eg_take(struct eg_cursor *c, size_t size) {
    if (__builtin_expect(size > eg_cursor_left(c), 0)) {
        c->cut = true;
        c->at = c->end;
        return (struct eg_span){c->end, 0};
    }
    struct eg_span s = {c->at, size};
    c->at = eg_ahead(c->at, size);
    return s;
}
static inline void eg_skip(struct eg_cursor *c, size_t size) { (void)eg_take(c, size); }
static inline uint8_t eg_take_u8(struct eg_cursor *c) { return eg_u8(eg_take(c, 1), 0); }
static inline uint16_t eg_take_be16(struct eg_cursor *c) { return eg_be16(eg_take(c, 2), 0); }
static inline uint32_t eg_take_be32(struct eg_cursor *c) { return eg_be32(eg_take(c, 4), 0); }
static inline uint64_t eg_take_be64(struct eg_cursor *c) { return eg_be64(eg_take(c, 8), 0); }
/* Seven bits a byte, the low ones first, the high bit of a byte saying that another follows (LEB128, as
 * Parquet, Thrift and Snappy have it); 0, and `cut` set, where it has no end within 64 bits. */
static inline uint64_t eg_take_varint(struct eg_cursor *c) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = eg_take_u8(c);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return value;
    }
    c->cut = true;
    c->at = c->end;
    return 0;
}

#endif
