/* SPDX-License-Identifier: Apache-2.0
 * Parquet's encodings of integers, read back: what parquet_pack.c writes, out of any bytes. All answer
 * false where that many values are not there.
 * Source: Encodings.md of the Parquet format ("RLE", "DELTA_BINARY_PACKED"). */
#ifndef EG_ENGINE_PARQUET_UNPACK_H
#define EG_ENGINE_PARQUET_UNPACK_H

#include "base/cursor.h"

/* Runs and packed groups of eight, of `width` bits (1 to 32). */
bool eg_unpack_hybrid(struct eg_span, uint32_t width, size_t count, uint32_t *to);
/* The same of one bit, into a bitmap with room for whole words; *set: how many of them are 1. */
bool eg_unpack_bits(struct eg_span, size_t count, uint64_t *to, size_t *set);
/* Differences, in blocks of 128 and quarters of them. */
bool eg_unpack_delta(struct eg_span, size_t count, int64_t *to);

#endif
