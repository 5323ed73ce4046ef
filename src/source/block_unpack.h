/* SPDX-License-Identifier: Apache-2.0
 * Hadoop's block codecs: compressed chunks, each with its length in front, in runs that begin with
 * the length of what they expand to (both 4 bytes, big-endian). The chunks are lz4 blocks or snappy.
 * Source: org.apache.hadoop.io.compress.BlockCompressorStream. */
#ifndef EG_SOURCE_BLOCK_UNPACK_H
#define EG_SOURCE_BLOCK_UNPACK_H

#include "base/cursor.h"
#include "base/status.h"

#define EG_CHUNK_BYTES_MAX (1u << 20) /* of a chunk, stored and expanded; Hadoop makes 256 KiB */

struct eg_block_unpack;

struct eg_block_unpack *eg_block_unpack_new(bool snappy); /* NULL: no memory */
void eg_block_unpack_free(struct eg_block_unpack *);      /* NULL is fine */
void eg_block_unpack_begin(struct eg_block_unpack *);     /* forgets what it was at */
/* As eg_unpack_step. EG_END: a run ended. */
EG_MUST_CHECK enum eg_status eg_block_unpack_step(struct eg_block_unpack *, struct eg_span from,
                                                  size_t *took, void *to, size_t room, size_t *gave,
                                                  struct eg_error *err);

/* Expands a snappy block. False: it is damaged, or expands to more than `room`. Source: the format
 * description of google/snappy. */
bool eg_snappy_expand(struct eg_span from, uint8_t *to, size_t room, size_t *size);

#endif
