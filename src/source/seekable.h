/* SPDX-License-Identifier: Apache-2.0
 * Seekable zstd: independent frames and a table of their sizes in a skippable frame at the end, so
 * that any place is reached by expanding one frame (zstd's contrib/seekable_format, version 0.1.0).
 * Whoever knows only zstd reads it as any other file.
 *
 *   frame frame … [8 bytes of skippable header | 8 bytes a frame: stored size, size | footer]
 *
 * A file that grows keeps its old tables where they are: each counts as a frame that holds nothing. */
#ifndef EG_SOURCE_SEEKABLE_H
#define EG_SOURCE_SEEKABLE_H

#include "base/cursor.h"
#include "base/status.h"

#define EG_SEEKABLE_FRAME (512u << 10) /* uncompressed bytes of a frame, as we write them */

/* ---- reading ---- */

struct eg_seekable;
/* `fd` is that of a regular file, read at places (pread), and stays the caller's; `name` is for
 * errors and copied. EG_END: zstd without a table, or no zstd. A table that is cut off or missing is
 * made up for by walking the frames where each says how much it holds, as ours do (`walk`).
 * Errors: EG_E_NOMEM, EG_E_IO. */
EG_MUST_CHECK enum eg_status eg_seekable_open(struct eg_seekable **out, int fd, const char *name,
                                              bool walk, struct eg_error *err);
void eg_seekable_close(struct eg_seekable *);            /* NULL is fine */
uint64_t eg_seekable_bytes(const struct eg_seekable *);  /* uncompressed */
uint64_t eg_seekable_frames(const struct eg_seekable *); /* those that hold nothing too */
/* The bytes at `offset`; fewer than `size` only at the end. Going on where the last call ended, or
 * further on in the same frame, is cheap. Errors: EG_E_FORMAT (damage, with the frame's place),
 * EG_E_IO, EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_seekable_read(struct eg_seekable *, uint64_t offset, void *to,
                                              size_t size, size_t *got, struct eg_error *err);
uint64_t eg_seekable_stored_read(const struct eg_seekable *); /* bytes of the file read so far */

/* ---- writing ---- */

struct eg_seekable_out {
    enum eg_status (*put)(void *to, const void *bytes, size_t size, struct eg_error *err);
    void *to;
};
struct eg_seekable_writer;
EG_MUST_CHECK enum eg_status eg_seekable_writer_new(struct eg_seekable_writer **out,
                                                    const struct eg_seekable_out *,
                                                    struct eg_error *err);
/* Goes on behind what `from` holds, all of it; the next byte put is the file's next one. */
EG_MUST_CHECK enum eg_status eg_seekable_writer_resume(struct eg_seekable_writer *,
                                                       const struct eg_seekable *from,
                                                       struct eg_error *err);
void eg_seekable_writer_free(struct eg_seekable_writer *); /* NULL is fine */
/* A failed put is final: nothing more is written. */
EG_MUST_CHECK enum eg_status eg_seekable_write(struct eg_seekable_writer *, const void *bytes,
                                               size_t size, struct eg_error *err);
/* Ends the frame where we are; no frame is written without bytes. */
EG_MUST_CHECK enum eg_status eg_seekable_frame(struct eg_seekable_writer *, struct eg_error *err);
/* Ends the frame and writes the table of all so far: what was put is a whole file now, which may go
 * on. */
EG_MUST_CHECK enum eg_status eg_seekable_table(struct eg_seekable_writer *, struct eg_error *err);
uint64_t eg_seekable_written(const struct eg_seekable_writer *); /* stored bytes */

/* ---- of both ---- */

/* Sizes of frames, by their ends. */
struct eg_seekable_index {
    struct eg_seekable_end {
        uint64_t stored, bytes; /* up to and including the frame */
    } * ends;
    size_t count, room;
};
EG_MUST_CHECK bool eg_seekable_add(struct eg_seekable_index *, uint64_t stored, uint64_t bytes);
const struct eg_seekable_index *eg_seekable_ends(const struct eg_seekable *);

#define EG_SEEKABLE_SKIPPABLE 0x184d2a5eu
#define EG_SEEKABLE_MAGIC 0x8f92eab1u
#define EG_SEEKABLE_FOOTER 9u
#define EG_SEEKABLE_FRAMES_MAX 0x8000000u

#endif
