/* SPDX-License-Identifier: Apache-2.0
 * Compresses bytes by each of the formats that captures come in, with a flush behind every so many
 * bytes: so a test knows what the beginning of the result is enough for. */
#ifndef EG_PACK_H
#define EG_PACK_H

#include <lz4frame.h>
#include <lzma.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum pack_kind { PACK_GZIP, PACK_ZSTD, PACK_LZ4, PACK_XZ, PACK_KINDS };
static const char *const pack_names[] = {"gzip, ", "zstd, ", "lz4, ", "xz, "};

struct packed {
    enum pack_kind kind;
    uint8_t *bytes;
    size_t size, room;
    size_t *ends; /* behind each piece of the input */
    size_t piece_count;
};

static inline void packed_free(struct packed *p) {
    free(p->bytes);
    free(p->ends);
}

static inline uint8_t *pack_room(struct packed *p, size_t more) {
    while (p->room - p->size < more) {
        p->room = p->room ? p->room * 2 : 65536;
        p->bytes = realloc(p->bytes, p->room);
        if (!p->bytes) abort();
    }
    return p->bytes + p->size;
}

#define PACK_MORE 4096 /* more than a piece takes */

static inline void pack_gzip(struct packed *p, uint8_t *from, size_t size, size_t piece) {
    z_stream z = {.next_in = from};
    if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) abort();
    for (size_t at = 0; at <= size; at += piece) {
        size_t left = size - at;
        z.avail_in = (uInt)(left < piece ? left : piece);
        z.next_out = pack_room(p, PACK_MORE);
        z.avail_out = PACK_MORE;
        if (deflate(&z, left < piece ? Z_FINISH : Z_SYNC_FLUSH) < 0 || z.avail_in) abort();
        p->size += PACK_MORE - z.avail_out;
        p->ends[p->piece_count++] = p->size;
    }
    deflateEnd(&z);
}

static inline void pack_zstd(struct packed *p, uint8_t *from, size_t size, size_t piece) {
    ZSTD_CCtx *z = ZSTD_createCCtx();
    if (!z) abort();
    for (size_t at = 0; at <= size; at += piece) {
        size_t left = size - at;
        ZSTD_inBuffer in = {from + at, left < piece ? left : piece, 0};
        ZSTD_outBuffer out = {pack_room(p, PACK_MORE), PACK_MORE, 0};
        if (ZSTD_compressStream2(z, &out, &in, left < piece ? ZSTD_e_end : ZSTD_e_flush)) abort();
        p->size += out.pos;
        p->ends[p->piece_count++] = p->size;
    }
    ZSTD_freeCCtx(z);
}

static inline void pack_lz4(struct packed *p, uint8_t *from, size_t size, size_t piece) {
    LZ4F_cctx *z;
    LZ4F_preferences_t how = {.frameInfo = {.contentChecksumFlag = LZ4F_contentChecksumEnabled}};
    const size_t room = 300000; /* its bound counts a whole block */
    if (LZ4F_isError(LZ4F_createCompressionContext(&z, LZ4F_VERSION))) abort();
    p->size += LZ4F_compressBegin(z, pack_room(p, room), room, &how);
    for (size_t at = 0; at <= size; at += piece) {
        size_t left = size - at, take = left < piece ? left : piece;
        size_t gave = LZ4F_compressUpdate(z, pack_room(p, room), room, from + at, take, NULL);
        if (LZ4F_isError(gave)) abort();
        p->size += gave;
        gave = left < piece ? LZ4F_compressEnd(z, pack_room(p, room), room, NULL)
                            : LZ4F_flush(z, pack_room(p, room), room, NULL);
        if (LZ4F_isError(gave)) abort();
        p->size += gave;
        p->ends[p->piece_count++] = p->size;
    }
    LZ4F_freeCompressionContext(z);
}

static inline void pack_xz(struct packed *p, uint8_t *from, size_t size, size_t piece) {
    lzma_stream z = LZMA_STREAM_INIT;
    if (lzma_easy_encoder(&z, 0, LZMA_CHECK_CRC32) != LZMA_OK) abort();
    for (size_t at = 0; at <= size; at += piece) {
        size_t left = size - at;
        z.next_in = from + at;
        z.avail_in = left < piece ? left : piece;
        z.next_out = pack_room(p, PACK_MORE);
        z.avail_out = PACK_MORE;
        if (lzma_code(&z, left < piece ? LZMA_FINISH : LZMA_SYNC_FLUSH) != LZMA_STREAM_END) abort();
        p->size += PACK_MORE - z.avail_out;
        p->ends[p->piece_count++] = p->size;
    }
    lzma_end(&z);
}

/* In pieces of `piece` bytes, at most 2048; the last one is shorter, if only by nothing. */
static inline struct packed pack(enum pack_kind kind, uint8_t *from, size_t size, size_t piece) {
    struct packed p = {.kind = kind, .ends = calloc(size / piece + 1, sizeof(size_t))};
    if (!p.ends || piece > 2048) abort();
    switch (kind) {
    case PACK_GZIP: pack_gzip(&p, from, size, piece); break;
    case PACK_ZSTD: pack_zstd(&p, from, size, piece); break;
    case PACK_LZ4: pack_lz4(&p, from, size, piece); break;
    case PACK_XZ: pack_xz(&p, from, size, piece); break;
    case PACK_KINDS: abort();
    }
    return p;
}

#endif
