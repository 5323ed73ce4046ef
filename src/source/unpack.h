/* SPDX-License-Identifier: Apache-2.0
 * Decompression step by step: gzip (RFC 1952), zstd (RFC 8878), lz4 frames, xz; zlib (RFC 1950) and
 * Hadoop's block codecs. Members or frames that follow each other are one stream, as the formats'
 * own tools have it. */
#ifndef EG_SOURCE_UNPACK_H
#define EG_SOURCE_UNPACK_H

#include "base/cursor.h"
#include "base/status.h"

enum eg_packing {
    EG_PACKING_NONE,
    EG_PACKING_GZIP,
    EG_PACKING_ZSTD,
    EG_PACKING_LZ4,
    EG_PACKING_XZ,
    /* inside sequence files only; never told by first bytes */
    EG_PACKING_ZLIB,
    EG_PACKING_LZ4_BLOCKS, /* block_unpack.h */
    EG_PACKING_SNAPPY_BLOCKS,
};

/* By the first bytes (6 are enough). */
enum eg_packing eg_packing_of(struct eg_span head);
const char *eg_packing_name(enum eg_packing); /* "gzip"; "none" */

struct eg_unpack;
EG_MUST_CHECK enum eg_status eg_unpack_new(struct eg_unpack **out, enum eg_packing,
                                           struct eg_error *err);
void eg_unpack_free(struct eg_unpack *); /* NULL is fine */

/* Turns stored bytes into others: *took of `from` were used, *gave written to `to`. EG_OK: go on
 * (with more input, when nothing was given); EG_END: a member ended, and the next may begin.
 * Errors: EG_E_FORMAT for damage (what was given before it is right), EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_unpack_step(struct eg_unpack *, struct eg_span from, size_t *took,
                                            void *to, size_t room, size_t *gave,
                                            struct eg_error *err);
/* Makes ready for another member: after EG_END, or anywhere to begin anew. */
EG_MUST_CHECK enum eg_status eg_unpack_again(struct eg_unpack *, struct eg_error *err);

#endif
