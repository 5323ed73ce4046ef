/* SPDX-License-Identifier: Apache-2.0
 * Split-block Bloom filters: a reader that looks for one value skips the row groups that cannot hold
 * it. Source: BloomFilter.md of the Parquet format. */
#ifndef EG_ENGINE_PARQUET_BLOOM_H
#define EG_ENGINE_PARQUET_BLOOM_H

#include "base/cursor.h"
#include "base/strbuf.h"

/* The filter over the texts of a PLAIN dictionary page, with its header. False: no memory. */
bool eg_bloom_make(struct eg_strbuf *to, const struct eg_strbuf *dictionary, uint32_t count);

/* A filter in a file: how large its header is, and the blocks behind it. False: it is none of ours. */
#define EG_BLOOM_HEAD_MAX 64
#define EG_BLOOM_BLOCK 32
bool eg_bloom_head(struct eg_span begin, uint32_t *head, uint32_t *bytes);
/* The one block that tells of a text, counted in bytes from the first block; and what it tells. */
uint32_t eg_bloom_block_of(struct eg_span text, uint32_t bytes);
bool eg_bloom_may_hold(struct eg_span block, struct eg_span text);

#endif
