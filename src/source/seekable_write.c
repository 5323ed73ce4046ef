/* SPDX-License-Identifier: Apache-2.0
 * Writing seekable zstd. A frame is compressed when it is whole, so that it says how much it holds:
 * frames can be found again where no table stands behind them. */
#include "source/seekable.h"

#include "base/alloc.h"
#include "base/strbuf.h"

#include <zstd.h>

#define LEVEL 1 /* of zstd: packed while captures are read */

struct eg_seekable_writer {
    struct eg_seekable_out out;
    ZSTD_CCtx *zstd;
    uint8_t *frame; /* bytes of the frame that is being built */
    size_t frame_size;
    uint8_t *packed;
    size_t packed_room;
    struct eg_seekable_index index;
    uint64_t tables; /* frames that a table was written for; 0: none, or there are newer ones */
    struct eg_error trouble;
};

bool eg_seekable_add(struct eg_seekable_index *index, uint64_t stored, uint64_t bytes) {
    if (index->count == index->room) {
        size_t room = index->room ? index->room * 2 : 64;
        void *grown = eg_realloc(index->ends, room, sizeof *index->ends);
        if (!grown) return false;
        index->ends = grown;
        index->room = room;
    }
    struct eg_seekable_end last = {0};
    if (index->count) last = index->ends[index->count - 1];
    index->ends[index->count++] =
        (struct eg_seekable_end){last.stored + stored, last.bytes + bytes};
    return true;
}

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory to write zstd");
}

void eg_seekable_writer_free(struct eg_seekable_writer *w) {
    if (!w) return;
    ZSTD_freeCCtx(w->zstd);
    eg_free(w->frame);
    eg_free(w->packed);
    eg_free(w->index.ends);
    eg_free(w);
}

enum eg_status eg_seekable_writer_new(struct eg_seekable_writer **out,
                                      const struct eg_seekable_out *to, struct eg_error *err) {
    struct eg_seekable_writer *w = eg_calloc(1, sizeof *w);
    if (!w) return no_memory(err);
    w->out = *to;
    w->packed_room = ZSTD_compressBound(EG_SEEKABLE_FRAME);
    w->frame = eg_malloc(EG_SEEKABLE_FRAME);
    w->packed = eg_malloc(w->packed_room);
    w->zstd = ZSTD_createCCtx();
    if (!w->frame || !w->packed || !w->zstd ||
        ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, LEVEL)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1))) {
        eg_seekable_writer_free(w);
        return no_memory(err);
    }
    *out = w;
    return EG_OK;
}

enum eg_status eg_seekable_writer_resume(struct eg_seekable_writer *w,
                                         const struct eg_seekable *from, struct eg_error *err) {
    const struct eg_seekable_index *ends = eg_seekable_ends(from);
    struct eg_seekable_end last = {0};
    for (size_t i = 0; i < ends->count; i++) {
        struct eg_seekable_end end = ends->ends[i];
        if (!eg_seekable_add(&w->index, end.stored - last.stored, end.bytes - last.bytes))
            return no_memory(err);
        last = end;
    }
    return EG_OK;
}

uint64_t eg_seekable_written(const struct eg_seekable_writer *w) {
    return w->index.count ? w->index.ends[w->index.count - 1].stored : 0;
}

/* What a failed put has written of a frame nobody knows: it is the last one. */
static enum eg_status put(struct eg_seekable_writer *w, const void *bytes, size_t size,
                          uint64_t holds, struct eg_error *err) {
    enum eg_status status = w->out.put(w->out.to, bytes, size, &w->trouble);
    if (status >= 0 && !eg_seekable_add(&w->index, size, holds)) status = no_memory(&w->trouble);
    if (status >= 0) return EG_OK;
    w->trouble.status = status;
    if (err) *err = w->trouble;
    return status;
}

enum eg_status eg_seekable_frame(struct eg_seekable_writer *w, struct eg_error *err) {
    if (w->trouble.status < 0) {
        if (err) *err = w->trouble;
        return w->trouble.status;
    }
    if (!w->frame_size) return EG_OK;
    if (w->index.count + 1 >= EG_SEEKABLE_FRAMES_MAX)
        return eg_fail(err, EG_E_FORMAT, "more zstd frames than a seek table holds");
    size_t size = ZSTD_compress2(w->zstd, w->packed, w->packed_room, w->frame, w->frame_size);
    if (ZSTD_isError(size))
        return eg_fail(err, EG_E_NOMEM, "cannot write zstd: %s", ZSTD_getErrorName(size));
    EG_TRY(put(w, w->packed, size, w->frame_size, err));
    w->frame_size = 0;
    return EG_OK;
}

enum eg_status eg_seekable_write(struct eg_seekable_writer *w, const void *bytes, size_t size,
                                 struct eg_error *err) {
    const uint8_t *from = bytes;
    while (size) {
        size_t room = EG_SEEKABLE_FRAME - w->frame_size, part = size < room ? size : room;
        memcpy(w->frame + w->frame_size, from, part);
        w->frame_size += part;
        from = eg_ahead(from, part);
        size -= part;
        if (w->frame_size == EG_SEEKABLE_FRAME) EG_TRY(eg_seekable_frame(w, err));
    }
    return EG_OK;
}

static void add_le32(struct eg_strbuf *to, uint64_t value) {
    uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                        (uint8_t)(value >> 24)};
    eg_strbuf_add(to, bytes, sizeof bytes);
}

enum eg_status eg_seekable_table(struct eg_seekable_writer *w, struct eg_error *err) {
    EG_TRY(eg_seekable_frame(w, err));
    if (w->tables == w->index.count && w->tables) return EG_OK; /* it stands there already */
    struct eg_strbuf table = {0};
    struct eg_seekable_end last = {0};
    add_le32(&table, EG_SEEKABLE_SKIPPABLE);
    add_le32(&table, w->index.count * 8 + EG_SEEKABLE_FOOTER);
    for (size_t i = 0; i < w->index.count; i++) {
        struct eg_seekable_end end = w->index.ends[i];
        add_le32(&table, end.stored - last.stored);
        add_le32(&table, end.bytes - last.bytes);
        last = end;
    }
    add_le32(&table, w->index.count);
    eg_strbuf_char(&table, 0); /* no checksums here: the frames have their own */
    add_le32(&table, EG_SEEKABLE_MAGIC);
    enum eg_status status = table.failed ? no_memory(err) : put(w, table.text, table.size, 0, err);
    if (status >= 0) w->tables = w->index.count;
    eg_strbuf_reset(&table);
    return status;
}
