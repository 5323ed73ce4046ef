/* SPDX-License-Identifier: Apache-2.0
 * Decompression step by step. Each kind is a constant table of three functions over one state. */
#include "source/unpack.h"

#include "base/alloc.h"
#include "source/block_unpack.h"

#include <limits.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define XZ_MEMORY_MAX (UINT64_C(256) << 20) /* a dictionary may ask for 4 GiB; xz -9 takes 65 MiB */

struct eg_unpack {
    enum eg_packing packing;
    z_stream gzip;
    bool gzip_open;
    ZSTD_DStream *zstd;
    LZ4F_dctx *lz4;
    lzma_stream xz;
    struct eg_block_unpack *blocks;
};

enum eg_packing eg_packing_of(struct eg_span head) {
    uint32_t magic = eg_le32(head, 0);
    if ((magic & 0xffffff) == 0x088b1f || eg_be16(head, 0) == 0x1f8b) return EG_PACKING_GZIP;
    if (magic == 0xfd2fb528) return EG_PACKING_ZSTD;
    if (magic == 0x184d2204) return EG_PACKING_LZ4;
    if (magic == 0x587a37fd && eg_le16(head, 4) == 0x005a) return EG_PACKING_XZ;
    /* A skippable frame, which zstd and lz4 share: parallel zstd writers begin with one. */
    if (magic >> 4 == 0x184d2a5) return EG_PACKING_ZSTD;
    return EG_PACKING_NONE;
}

const char *eg_packing_name(enum eg_packing packing) {
    switch (packing) {
    case EG_PACKING_NONE: return "none";
    case EG_PACKING_GZIP: return "gzip";
    case EG_PACKING_ZSTD: return "zstd";
    case EG_PACKING_LZ4: return "lz4";
    case EG_PACKING_XZ: return "xz";
    case EG_PACKING_ZLIB: return "zlib";
    case EG_PACKING_LZ4_BLOCKS: return "lz4";
    case EG_PACKING_SNAPPY_BLOCKS: return "snappy";
    }
    return "none";
}

enum eg_status eg_unpack_again(struct eg_unpack *u, struct eg_error *err) {
    bool ready = false;
    int window = u->packing == EG_PACKING_GZIP ? 15 + 16 : 15;
    switch (u->packing) {
    case EG_PACKING_NONE: break;
    case EG_PACKING_GZIP:
    case EG_PACKING_ZLIB:
        ready =
            u->gzip_open ? inflateReset(&u->gzip) == Z_OK : inflateInit2(&u->gzip, window) == Z_OK;
        u->gzip_open = ready || u->gzip_open;
        break;
    case EG_PACKING_LZ4_BLOCKS:
    case EG_PACKING_SNAPPY_BLOCKS:
        if (!u->blocks) u->blocks = eg_block_unpack_new(u->packing == EG_PACKING_SNAPPY_BLOCKS);
        if (u->blocks) eg_block_unpack_begin(u->blocks);
        ready = u->blocks;
        break;
    case EG_PACKING_ZSTD:
        if (!u->zstd) u->zstd = ZSTD_createDStream();
        ready = u->zstd && !ZSTD_isError(ZSTD_initDStream(u->zstd));
        break;
    case EG_PACKING_LZ4:
        if (u->lz4) LZ4F_resetDecompressionContext(u->lz4);
        ready = u->lz4 || !LZ4F_isError(LZ4F_createDecompressionContext(&u->lz4, LZ4F_VERSION));
        break;
    case EG_PACKING_XZ: ready = lzma_stream_decoder(&u->xz, XZ_MEMORY_MAX, 0) == LZMA_OK; break;
    }
    return ready ? EG_OK
                 : eg_fail(err, EG_E_NOMEM, "no memory to expand %s", eg_packing_name(u->packing));
}

enum eg_status eg_unpack_new(struct eg_unpack **out, enum eg_packing packing,
                             struct eg_error *err) {
    struct eg_unpack *u = eg_calloc(1, sizeof *u);
    if (!u) return eg_fail(err, EG_E_NOMEM, "no memory to expand %s", eg_packing_name(packing));
    u->packing = packing;
    u->xz = (lzma_stream)LZMA_STREAM_INIT;
    enum eg_status status = eg_unpack_again(u, err);
    if (status < 0) {
        eg_unpack_free(u);
        return status;
    }
    *out = u;
    return EG_OK;
}

void eg_unpack_free(struct eg_unpack *u) {
    if (!u) return;
    if (u->gzip_open) inflateEnd(&u->gzip);
    ZSTD_freeDStream(u->zstd);
    if (u->lz4) LZ4F_freeDecompressionContext(u->lz4);
    lzma_end(&u->xz);
    eg_block_unpack_free(u->blocks);
    eg_free(u);
}

static enum eg_status damaged(struct eg_error *err, enum eg_packing packing, const char *why) {
    return eg_fail(err, EG_E_FORMAT, "damaged %s (%s)", eg_packing_name(packing), why);
}

/* Sound, but what it takes to expand it is not given to any file that asks for it. */
static enum eg_status too_large(struct eg_error *err, enum eg_packing packing, int mib,
                                const char *expander) {
    return eg_fail(err, EG_E_FORMAT,
                   "expanding its %s data takes more than the %d MiB of memory that are allowed; "
                   "expand it first: %s FILE | earlgrey ingest -",
                   eg_packing_name(packing), mib, expander);
}

static enum eg_status step_gzip(struct eg_unpack *u, struct eg_span from, size_t *took, void *to,
                                size_t room, size_t *gave, struct eg_error *err) {
    z_stream *z = &u->gzip;
    z->next_in = (Bytef *)(uintptr_t)from.at;
    z->avail_in = from.size < UINT_MAX ? (uInt)from.size : UINT_MAX;
    z->next_out = to;
    z->avail_out = room < UINT_MAX ? (uInt)room : UINT_MAX;
    uInt in = z->avail_in, out = z->avail_out;
    int answer = inflate(z, Z_NO_FLUSH);
    *took = in - z->avail_in;
    *gave = out - z->avail_out;
    if (answer == Z_STREAM_END) return EG_END;
    if (answer == Z_OK || answer == Z_BUF_ERROR) return EG_OK;
    if (answer == Z_MEM_ERROR) return eg_fail(err, EG_E_NOMEM, "no memory to expand gzip");
    return damaged(err, u->packing, z->msg ? z->msg : "needs a dictionary");
}

static enum eg_status step_zstd(struct eg_unpack *u, struct eg_span from, size_t *took, void *to,
                                size_t room, size_t *gave, struct eg_error *err) {
    ZSTD_inBuffer in = {from.at, from.size, 0};
    ZSTD_outBuffer out = {to, room, 0};
    size_t answer = ZSTD_decompressStream(u->zstd, &out, &in);
    *took = in.pos;
    *gave = out.pos;
    if (ZSTD_getErrorCode(answer) == ZSTD_error_frameParameter_windowTooLarge)
        return too_large(err, u->packing, 128, "zstd -dc --long=31"); /* its own limit, as ours */
    if (ZSTD_isError(answer)) return damaged(err, u->packing, ZSTD_getErrorName(answer));
    return answer == 0 ? EG_END : EG_OK;
}

static enum eg_status step_lz4(struct eg_unpack *u, struct eg_span from, size_t *took, void *to,
                               size_t room, size_t *gave, struct eg_error *err) {
    *took = from.size;
    *gave = room;
    size_t answer = LZ4F_decompress(u->lz4, to, gave, from.at, took, NULL);
    if (LZ4F_isError(answer)) {
        *took = *gave = 0;
        return damaged(err, u->packing, LZ4F_getErrorName(answer));
    }
    return answer == 0 ? EG_END : EG_OK;
}

static enum eg_status step_xz(struct eg_unpack *u, struct eg_span from, size_t *took, void *to,
                              size_t room, size_t *gave, struct eg_error *err) {
    u->xz.next_in = from.at;
    u->xz.avail_in = from.size;
    u->xz.next_out = to;
    u->xz.avail_out = room;
    lzma_ret answer = lzma_code(&u->xz, LZMA_RUN);
    *took = from.size - u->xz.avail_in;
    *gave = room - u->xz.avail_out;
    switch (answer) {
    case LZMA_OK:
    case LZMA_BUF_ERROR: return EG_OK;
    case LZMA_STREAM_END: return EG_END;
    case LZMA_MEM_ERROR: return eg_fail(err, EG_E_NOMEM, "no memory to expand xz");
    case LZMA_MEMLIMIT_ERROR: return too_large(err, u->packing, XZ_MEMORY_MAX >> 20, "xz -dc");
    case LZMA_OPTIONS_ERROR: return damaged(err, u->packing, "unknown options");
    default: return damaged(err, u->packing, "data corrupt");
    }
}

enum eg_status eg_unpack_step(struct eg_unpack *u, struct eg_span from, size_t *took, void *to,
                              size_t room, size_t *gave, struct eg_error *err) {
    *took = *gave = 0;
    switch (u->packing) {
    case EG_PACKING_GZIP:
    case EG_PACKING_ZLIB: return step_gzip(u, from, took, to, room, gave, err);
    case EG_PACKING_ZSTD: return step_zstd(u, from, took, to, room, gave, err);
    case EG_PACKING_LZ4: return step_lz4(u, from, took, to, room, gave, err);
    case EG_PACKING_XZ: return step_xz(u, from, took, to, room, gave, err);
    case EG_PACKING_LZ4_BLOCKS:
    case EG_PACKING_SNAPPY_BLOCKS:
        return eg_block_unpack_step(u->blocks, from, took, to, room, gave, err);
    case EG_PACKING_NONE: break;
    }
    return damaged(err, u->packing, "not compressed");
}
