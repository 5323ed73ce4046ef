/* SPDX-License-Identifier: Apache-2.0
 * Parquet's encodings of integers: the hybrid of runs and packed bits, and packed differences.
 * Source: Encodings.md of the Parquet format ("RLE", "DELTA_BINARY_PACKED"). */
#ifndef EG_ENGINE_PARQUET_PACK_H
#define EG_ENGINE_PARQUET_PACK_H

#include "base/strbuf.h"

/* Packed differences stand in blocks, of which each quarter has a width of its own. */
#define EG_PACK_BLOCK 128u
#define EG_PACK_MINI 32u

/* The fewest bits, at least 1, that hold `value`. */
uint32_t eg_pack_width(uint64_t value);
/* Values below 2^width as runs and packed groups of eight; width 1 to 32. */
void eg_pack_hybrid(const uint32_t *values, size_t count, uint32_t width, struct eg_strbuf *to);
/* `count` times the same value. */
void eg_pack_run(uint32_t value, size_t count, uint32_t width, struct eg_strbuf *to);
/* A bitmap (LSB first) as packed groups of width 1. */
void eg_pack_bits(const uint64_t *bits, size_t count, struct eg_strbuf *to);
/* 64-bit values as differences. False: some need more than `width_max` bits, and
 * what stands in `to` is of no use. */
bool eg_pack_delta(const int64_t *values, size_t count, uint32_t width_max, struct eg_strbuf *to);

#endif
