/* SPDX-License-Identifier: Apache-2.0
 * Reading seekable zstd (contrib/seekable_format; frames: RFC 8878). The table is believed only where
 * its sizes add up to the file; a frame is expanded as a stream, so that its size costs no memory. */
#include "source/seekable.h"

#include "base/alloc.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define STORED_BYTES (128u << 10)
#define WINDOW_BYTES (128u << 10)
#define TABLE_CHUNK (64u << 10)
#define HEAD_MAX 18u /* of a frame: magic, descriptor, window, dictionary, content size */
#define ZSTD_MAGIC 0xfd2fb528u
#define SKIPPABLE_MAGIC 0x184d2a5u /* less its last digit */

struct eg_seekable {
    int fd;
    char *name;
    uint64_t size, stored_read;
    struct eg_seekable_index index;
    ZSTD_DStream *zstd;
    size_t frame;       /* the one that is being expanded; index.count: none */
    uint64_t stored_at; /* in the file: what the stream gets next */
    uint64_t bytes_at;  /* of what it expands to: behind the window */
    uint8_t *stored;
    size_t stored_from, stored_to;
    uint8_t *window; /* what was expanded last */
    size_t window_size;
};

static enum eg_status no_memory(const struct eg_seekable *s, struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory to read %s", s->name ? s->name : "zstd");
}

/* As many bytes as there are. */
static enum eg_status bytes_at(struct eg_seekable *s, uint64_t offset, void *to, size_t size,
                               size_t *got, struct eg_error *err) {
    *got = 0;
    while (*got < size) {
        ssize_t count = pread(s->fd, (uint8_t *)to + *got, size - *got, (off_t)(offset + *got));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return eg_fail_errno(err, errno, "cannot read %s", s->name);
        if (count == 0) break;
        *got += (size_t)count;
    }
    s->stored_read += *got;
    return EG_OK;
}

/* ---- the table ---- */

static void index_clear(struct eg_seekable *s) { s->index.count = 0; }

/* The entries of a table that begins at `at`; EG_END where they do not add up to what stands before. */
static enum eg_status entries_read(struct eg_seekable *s, uint64_t at, uint32_t count,
                                   uint32_t each, struct eg_error *err) {
    uint8_t *chunk = eg_malloc(TABLE_CHUNK);
    if (!chunk) return no_memory(s, err);
    enum eg_status status = EG_OK;
    uint64_t from = at + 8, stored = 0;
    uint32_t fit = TABLE_CHUNK / each;
    for (uint32_t i = 0; status == EG_OK && i < count;) {
        uint32_t part = count - i < fit ? count - i : fit;
        size_t got;
        status = bytes_at(s, from, chunk, (size_t)part * each, &got, err);
        if (status == EG_OK && got < (size_t)part * each) status = EG_END;
        struct eg_span span = eg_span(chunk, (size_t)part * each);
        for (uint32_t k = 0; status == EG_OK && k < part; k++) {
            stored += eg_le32(span, (size_t)k * each);
            if (stored > at)
                status = EG_END;
            else if (!eg_seekable_add(&s->index, eg_le32(span, (size_t)k * each),
                                      eg_le32(span, (size_t)k * each + 4)))
                status = no_memory(s, err);
        }
        i += part;
        from += (uint64_t)part * each;
    }
    eg_free(chunk);
    if (status == EG_OK && stored != at) status = EG_END;
    /* the table itself counts for whoever goes on behind it */
    if (status == EG_OK && !eg_seekable_add(&s->index, s->size - at, 0)) status = no_memory(s, err);
    return status;
}

static enum eg_status table_read(struct eg_seekable *s, struct eg_error *err) {
    uint8_t footer[EG_SEEKABLE_FOOTER], head[8];
    size_t got;
    if (s->size < 8 + EG_SEEKABLE_FOOTER) return EG_END;
    EG_TRY(bytes_at(s, s->size - sizeof footer, footer, sizeof footer, &got, err));
    struct eg_span end = eg_span(footer, got);
    uint32_t count = eg_le32(end, 0), each = eg_u8(end, 4) & 0x80 ? 12 : 8;
    if (got < sizeof footer || eg_le32(end, 5) != EG_SEEKABLE_MAGIC || eg_u8(end, 4) & 0x7c ||
        count > EG_SEEKABLE_FRAMES_MAX)
        return EG_END;
    uint64_t body = (uint64_t)count * each + EG_SEEKABLE_FOOTER;
    if (body + 8 > s->size) return EG_END;
    uint64_t at = s->size - body - 8;
    EG_TRY(bytes_at(s, at, head, sizeof head, &got, err));
    struct eg_span begin = eg_span(head, got);
    if (eg_le32(begin, 0) != EG_SEEKABLE_SKIPPABLE || eg_le32(begin, 4) != body) return EG_END;
    return entries_read(s, at, count, each, err);
}

/* ---- frames without a table ---- */

/* What stands at `at`: a frame of *stored bytes that holds *bytes. EG_END: none that is whole and says
 * so. A frame's blocks each have a header of three bytes that says how long they are. */
static enum eg_status frame_walk(struct eg_seekable *s, uint64_t at, uint64_t *stored,
                                 uint64_t *bytes, struct eg_error *err) {
    uint8_t raw[HEAD_MAX];
    size_t got;
    EG_TRY(bytes_at(s, at, raw, sizeof raw, &got, err));
    struct eg_span head = eg_span(raw, got);
    if (got >= 8 && eg_le32(head, 0) >> 4 == SKIPPABLE_MAGIC) {
        *stored = 8 + (uint64_t)eg_le32(head, 4);
        *bytes = 0;
        return *stored <= s->size - at ? EG_OK : EG_END;
    }
    if (got < 5 || eg_le32(head, 0) != ZSTD_MAGIC) return EG_END;
    unsigned long long content = ZSTD_getFrameContentSize(raw, got);
    if (content == ZSTD_CONTENTSIZE_UNKNOWN || content == ZSTD_CONTENTSIZE_ERROR) return EG_END;
    static const uint8_t content_sizes[] = {0, 2, 4, 8}, dictionary_sizes[] = {0, 1, 2, 4};
    uint8_t descriptor = eg_u8(head, 4);
    bool single = descriptor & 0x20, checksum = descriptor & 0x04;
    uint64_t place = at + 5 + !single + dictionary_sizes[descriptor & 3] +
                     content_sizes[descriptor >> 6] + (single && descriptor >> 6 == 0);
    for (bool last = false; !last;) {
        EG_TRY(bytes_at(s, place, raw, 3, &got, err));
        struct eg_span three = eg_span(raw, got);
        uint32_t block = (uint32_t)eg_le16(three, 0) | (uint32_t)eg_u8(three, 2) << 16;
        if (got < 3) return EG_END;
        uint32_t kind = block >> 1 & 3;
        if (kind == 3) return EG_END;
        last = block & 1;
        place += 3 + (kind == 1 ? 1 : block >> 3);
    }
    place += checksum ? 4 : 0;
    *stored = place - at;
    *bytes = content;
    return place <= s->size ? EG_OK : EG_END;
}

static enum eg_status frames_walk(struct eg_seekable *s, struct eg_error *err) {
    uint64_t at = 0;
    enum eg_status status = EG_OK;
    while (status == EG_OK && at < s->size) {
        uint64_t stored = 0, bytes = 0;
        status = frame_walk(s, at, &stored, &bytes, err);
        if (status == EG_OK && bytes > INT64_MAX - eg_seekable_bytes(s))
            status = EG_END; /* it lies */
        if (status == EG_OK && !eg_seekable_add(&s->index, stored, bytes))
            status = no_memory(s, err);
        at += stored;
    }
    if (status < 0) return status;
    return s->index.count && s->index.ends[s->index.count - 1].bytes ? EG_OK : EG_END;
}

/* ---- opening ---- */

static enum eg_status parts_make(struct eg_seekable *s, const char *name, struct eg_error *err) {
    s->name = eg_strdup(name);
    s->stored = eg_malloc(STORED_BYTES);
    s->window = eg_malloc(WINDOW_BYTES);
    s->zstd = ZSTD_createDStream();
    return s->name && s->stored && s->window && s->zstd ? EG_OK : no_memory(s, err);
}

enum eg_status eg_seekable_open(struct eg_seekable **out, int fd, const char *name, bool walk,
                                struct eg_error *err) {
    struct stat about;
    if (fstat(fd, &about) != 0) return eg_fail_errno(err, errno, "cannot read %s", name);
    if (!S_ISREG(about.st_mode)) return EG_END;
    struct eg_seekable *s = eg_calloc(1, sizeof *s);
    if (!s) return eg_fail(err, EG_E_NOMEM, "no memory to read %s", name);
    s->fd = fd;
    s->size = (uint64_t)about.st_size;
    enum eg_status status = parts_make(s, name, err);
    if (status == EG_OK) status = table_read(s, err);
    if (status == EG_END && walk) {
        index_clear(s);
        status = frames_walk(s, err);
    }
    s->frame = s->index.count;
    if (status == EG_OK) {
        *out = s;
        return EG_OK;
    }
    eg_seekable_close(s);
    return status;
}

void eg_seekable_close(struct eg_seekable *s) {
    if (!s) return;
    ZSTD_freeDStream(s->zstd);
    eg_free(s->index.ends);
    eg_free(s->stored);
    eg_free(s->window);
    eg_free(s->name);
    eg_free(s);
}

const struct eg_seekable_index *eg_seekable_ends(const struct eg_seekable *s) { return &s->index; }
uint64_t eg_seekable_frames(const struct eg_seekable *s) { return s->index.count; }
uint64_t eg_seekable_stored_read(const struct eg_seekable *s) { return s->stored_read; }
uint64_t eg_seekable_bytes(const struct eg_seekable *s) {
    return s->index.count ? s->index.ends[s->index.count - 1].bytes : 0;
}

/* ---- expanding ---- */

static struct eg_seekable_end frame_begin(const struct eg_seekable *s, size_t frame) {
    return frame ? s->index.ends[frame - 1] : (struct eg_seekable_end){0};
}

/* The frame in which the byte at `offset` stands: the first that ends behind it. */
static size_t frame_of(const struct eg_seekable *s, uint64_t offset) {
    size_t from = 0, to = s->index.count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (s->index.ends[middle].bytes <= offset)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static enum eg_status damaged(struct eg_seekable *s, const char *why, struct eg_error *err) {
    uint64_t at = frame_begin(s, s->frame).stored;
    s->frame = s->index.count; /* whoever asks again begins anew */
    s->window_size = 0;
    return eg_fail(err, EG_E_FORMAT, "%s: damaged zstd (%s) in the frame at byte %llu", s->name,
                   why, (unsigned long long)at);
}

static enum eg_status frame_start(struct eg_seekable *s, size_t frame, struct eg_error *err) {
    struct eg_seekable_end begin = frame_begin(s, frame);
    s->frame = frame;
    s->stored_at = begin.stored;
    s->bytes_at = begin.bytes;
    s->stored_from = s->stored_to = s->window_size = 0;
    if (ZSTD_isError(ZSTD_initDStream(s->zstd))) return no_memory(s, err);
    return EG_OK;
}

static enum eg_status stored_fill(struct eg_seekable *s, struct eg_error *err) {
    if (s->stored_from < s->stored_to) return EG_OK;
    uint64_t rest = s->index.ends[s->frame].stored - s->stored_at;
    size_t want = rest < STORED_BYTES ? (size_t)rest : STORED_BYTES;
    EG_TRY(bytes_at(s, s->stored_at, s->stored, want, &s->stored_to, err));
    s->stored_from = 0;
    s->stored_at += s->stored_to;
    return s->stored_to || !want ? EG_OK : damaged(s, "it ends early", err);
}

/* The next piece of the frame into the window. */
static enum eg_status window_next(struct eg_seekable *s, struct eg_error *err) {
    uint64_t end = s->index.ends[s->frame].bytes;
    ZSTD_outBuffer out = {s->window, WINDOW_BYTES, 0};
    s->window_size = 0;
    while (out.pos == 0) {
        EG_TRY(stored_fill(s, err));
        ZSTD_inBuffer in = {s->stored, s->stored_to, s->stored_from};
        size_t before = in.pos, answer = ZSTD_decompressStream(s->zstd, &out, &in);
        s->stored_from = in.pos;
        if (ZSTD_isError(answer)) return damaged(s, ZSTD_getErrorName(answer), err);
        if (out.pos == 0 && (answer == 0 || in.pos == before))
            return damaged(s, "it holds less than its table says", err);
    }
    if (out.pos > end - s->bytes_at) return damaged(s, "it holds more than its table says", err);
    s->window_size = out.pos;
    s->bytes_at += out.pos;
    return EG_OK;
}

enum eg_status eg_seekable_read(struct eg_seekable *s, uint64_t offset, void *to, size_t size,
                                size_t *got, struct eg_error *err) {
    *got = 0;
    uint64_t all = eg_seekable_bytes(s);
    while (*got < size && offset < all) {
        uint64_t from = s->bytes_at - s->window_size;
        size_t frame = s->frame;
        bool inside =
            frame < s->index.count && offset >= from && offset < s->index.ends[frame].bytes;
        if (!inside) {
            EG_TRY(frame_start(s, frame_of(s, offset), err));
        } else if (offset < s->bytes_at) {
            size_t skip = (size_t)(offset - from), have = s->window_size - skip;
            size_t part = size - *got < have ? size - *got : have;
            memcpy((uint8_t *)to + *got, s->window + skip, part);
            *got += part;
            offset += part;
            continue;
        }
        EG_TRY(window_next(s, err));
    }
    return EG_OK;
}
