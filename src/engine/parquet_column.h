/* SPDX-License-Identifier: Apache-2.0
 * One column of one row group as Parquet has it: a dictionary page or none, one data page, and what
 * the footer says about them. */
#ifndef EG_ENGINE_PARQUET_COLUMN_H
#define EG_ENGINE_PARQUET_COLUMN_H

#include "base/strbuf.h"
#include "engine/parquet_distinct.h"
#include "engine/parquet_thrift.h"

#include <zstd.h>

/* Rows [from, from + count) of a batch. */
struct eg_parquet_piece {
    const struct eg_batch *batch;
    uint32_t from, count;
};

/* Memory of one encoding thread. Zero-initialise. */
struct eg_parquet_scratch {
    struct eg_distinct distinct;
    int64_t *ints;
    struct eg_addr *addrs;
    struct eg_span *texts;
    size_t int_room, addr_room, text_room;
    uint64_t *bits; /* validity of the row group */
    size_t bit_room;
    struct eg_strbuf page, made;
    struct eg_strbuf *mended; /* texts that were no UTF-8 */
    size_t mended_count;
    ZSTD_CCtx *zstd;
};
void eg_parquet_scratch_reset(struct eg_parquet_scratch *);

/* A finished column chunk. */
struct eg_parquet_chunk {
    struct eg_strbuf bytes;  /* dictionary page and data page, headers included */
    struct eg_strbuf bloom;  /* Bloom filter with its header, or empty */
    size_t dictionary_bytes; /* of `bytes`; 0: there is no dictionary */
    uint64_t raw_bytes;      /* before compression, headers included */
    int encoding;            /* of the data page */
    int64_t nulls, distinct; /* distinct -1: not known */
    bool has_range;          /* least and most are set */
    struct eg_strbuf least, most; /* PLAIN, texts without their length */
};
void eg_parquet_chunk_reset(struct eg_parquet_chunk *);

/* False: no memory. */
bool eg_parquet_encode(struct eg_parquet_scratch *, enum eg_type, uint32_t col,
                       const struct eg_parquet_piece *pieces, size_t piece_count, uint32_t rows,
                       bool bloom, struct eg_parquet_chunk *out);

/* Parquet's numbers for an earlgrey type. */
struct eg_parquet_type {
    int physical, converted; /* converted -1: none */
};
struct eg_parquet_type eg_parquet_type_of(enum eg_type);

#endif
