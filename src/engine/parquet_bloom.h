/* SPDX-License-Identifier: Apache-2.0
 * Split-block Bloom filters: a reader that looks for one value skips the row groups that cannot hold
 * it. Source: BloomFilter.md of the Parquet format. */
#ifndef EG_ENGINE_PARQUET_BLOOM_H
#define EG_ENGINE_PARQUET_BLOOM_H

#include "base/strbuf.h"

/* The filter over the texts of a PLAIN dictionary page, with its header. False: no memory. */
bool eg_bloom_make(struct eg_strbuf *to, const struct eg_strbuf *dictionary, uint32_t count);

#endif
