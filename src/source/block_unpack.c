/* SPDX-License-Identifier: Apache-2.0
 * Hadoop's block codecs, chunk by chunk. A chunk is collected whole, which its bound makes cheap. */
#include "source/block_unpack.h"

#include "base/alloc.h"

#include <lz4.h>

struct eg_block_unpack {
    bool snappy;
    uint8_t number[4]; /* the length that is being read */
    uint32_t number_size;
    uint32_t run_left; /* expanded bytes that the run still promises */
    uint32_t chunk;    /* the chunk's size; 0: its length is to be read */
    uint32_t chunk_have;
    size_t at, end; /* in `expanded`: not given out yet */
    uint8_t stored[EG_CHUNK_BYTES_MAX], expanded[EG_CHUNK_BYTES_MAX];
};

struct eg_block_unpack *eg_block_unpack_new(bool snappy) {
    struct eg_block_unpack *u = eg_malloc(sizeof *u);
    if (!u) return NULL;
    u->snappy = snappy;
    eg_block_unpack_begin(u);
    return u;
}

void eg_block_unpack_free(struct eg_block_unpack *u) { eg_free(u); }

void eg_block_unpack_begin(struct eg_block_unpack *u) {
    u->number_size = u->run_left = u->chunk = u->chunk_have = 0;
    u->at = u->end = 0;
}

/* ---- snappy ---- */

/* A copy may reach into what it makes: byte by byte then. */
static bool copy_back(uint8_t *to, size_t *at, size_t room, size_t offset, size_t length) {
    if (offset == 0 || offset > *at || length > room - *at) return false;
    for (size_t i = 0; i < length; i++) to[*at + i] = to[*at - offset + i];
    *at += length;
    return true;
}

static bool literal(struct eg_cursor *from, uint8_t tag, uint8_t *to, size_t *at, size_t room) {
    size_t length = tag >> 2, bytes = length < 60 ? 0 : length - 59;
    if (bytes) length = 0;
    for (size_t i = 0; i < bytes; i++) length |= (size_t)eg_take_u8(from) << (8 * i);
    length++;
    if (length > room - *at) return false;
    struct eg_span piece = eg_take(from, length);
    if (!eg_span_copy(piece, 0, to + *at, length)) return false;
    *at += length;
    return true;
}

bool eg_snappy_expand(struct eg_span bytes, uint8_t *to, size_t room, size_t *size) {
    struct eg_cursor from = eg_cursor_of(bytes);
    size_t promised = eg_take_varint(&from), at = 0;
    if (promised > room || from.cut) return false;
    while (eg_cursor_left(&from)) {
        uint8_t tag = eg_take_u8(&from);
        size_t length = (size_t)(tag >> 2) + 1, offset = 0;
        bool good;
        if ((tag & 3) == 0) {
            good = literal(&from, tag, to, &at, promised);
        } else {
            if ((tag & 3) == 1) length = (size_t)(tag >> 2 & 7) + 4;
            for (unsigned i = 0, bytes_of[] = {0, 1, 2, 4}; i < bytes_of[tag & 3]; i++)
                offset |= (size_t)eg_take_u8(&from) << (8 * i);
            if ((tag & 3) == 1) offset |= (size_t)(tag >> 5) << 8;
            good = copy_back(to, &at, promised, offset, length);
        }
        if (!good || from.cut) return false;
    }
    *size = at;
    return at == promised;
}

/* ---- runs and chunks ---- */

static enum eg_status damaged(const struct eg_block_unpack *u, const char *why,
                              struct eg_error *err) {
    return eg_fail(err, EG_E_FORMAT, "damaged %s (%s)", u->snappy ? "snappy" : "lz4", why);
}

/* Collects up to `want` bytes at `to`; *have counts them. True: they are all there. */
static bool collect(struct eg_span from, size_t *took, uint8_t *to, uint32_t *have, uint32_t want) {
    struct eg_span piece = eg_span_sub(from, *took, want - *have);
    (void)eg_span_copy(piece, 0, to + *have, piece.size);
    *have += (uint32_t)piece.size;
    *took += piece.size;
    return *have == want;
}

static enum eg_status chunk_expand(struct eg_block_unpack *u, struct eg_error *err) {
    size_t size = 0;
    if (u->snappy) {
        if (!eg_snappy_expand(eg_span(u->stored, u->chunk), u->expanded, sizeof u->expanded, &size))
            return damaged(u, "a chunk cannot be expanded", err);
    } else {
        int got = LZ4_decompress_safe((const char *)u->stored, (char *)u->expanded, (int)u->chunk,
                                      sizeof u->expanded);
        if (got < 0) return damaged(u, "a chunk cannot be expanded", err);
        size = (size_t)got;
    }
    if (size == 0 || size > u->run_left) return damaged(u, "a chunk of another size", err);
    u->run_left -= (uint32_t)size;
    u->chunk = u->chunk_have = 0;
    u->at = 0;
    u->end = size;
    return EG_OK;
}

/* A length was read: of a run, or of a chunk in it. */
static enum eg_status number_take(struct eg_block_unpack *u, struct eg_error *err) {
    uint32_t number = eg_be32(eg_span(u->number, 4), 0);
    u->number_size = 0;
    if (!u->run_left) {
        u->run_left = number;
        return EG_OK;
    }
    if (number == 0 || number > EG_CHUNK_BYTES_MAX) return damaged(u, "a chunk's length", err);
    u->chunk = number;
    return EG_OK;
}

enum eg_status eg_block_unpack_step(struct eg_block_unpack *u, struct eg_span from, size_t *took,
                                    void *to, size_t room, size_t *gave, struct eg_error *err) {
    *took = *gave = 0;
    for (;;) {
        struct eg_span ready = eg_span_sub(eg_span(u->expanded, u->end), u->at, room - *gave);
        (void)eg_span_copy(ready, 0, (uint8_t *)to + *gave, ready.size);
        u->at += ready.size;
        *gave += ready.size;
        if (u->at < u->end || *took == from.size) return EG_OK;
        if (u->chunk) {
            if (collect(from, took, u->stored, &u->chunk_have, u->chunk))
                EG_TRY(chunk_expand(u, err));
        } else if (collect(from, took, u->number, &u->number_size, 4)) {
            EG_TRY(number_take(u, err));
        }
    }
}
