/* SPDX-License-Identifier: Apache-2.0
 * One column of one row group, read back: what parquet_column.c writes (a dictionary page or none, one
 * page of rows), out of any bytes. First the dictionary alone can be asked whether a value is in it.
 * Source: parquet.thrift and Encodings.md of the Parquet format. */
#ifndef EG_ENGINE_PARQUET_PAGES_H
#define EG_ENGINE_PARQUET_PAGES_H

#include "base/strbuf.h"
#include "filter/needs.h"
#include "table/batch.h"

#include <zstd.h>

/* Zero-initialise; used again for one column chunk after the other. */
struct eg_parquet_pages {
    enum eg_type type;
    uint32_t rows, values;             /* values: rows that are not null */
    struct eg_strbuf dictionary, page; /* as they were before they were compressed */
    uint32_t dictionary_count;
    int encoding;          /* of the page */
    struct eg_span packed; /* the values, in the page */
    bool nulls;
    uint64_t *valid;  /* where there are nulls */
    uint32_t *places; /* of the values in the dictionary */
    int64_t *numbers; /* that were differences */
    uint32_t *begins; /* of texts: in the dictionary, or in the page; one more than there are */
    bool begins_made;
    size_t valid_room, place_room, number_room, begin_room;
    uint32_t word,
        value; /* where the last row that was asked for was, and the values before that */
};
void eg_parquet_pages_reset(struct eg_parquet_pages *);

/* Forgets the chunk before. */
void eg_parquet_pages_begin(struct eg_parquet_pages *, enum eg_type, uint32_t rows);
/* Takes in the dictionary page, then the page of rows, as they are stored. Errors: EG_E_FORMAT: it is
 * damaged, or not as our writer makes it; EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_parquet_pages_dictionary(struct eg_parquet_pages *, ZSTD_DCtx *,
                                                         struct eg_span stored,
                                                         struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_parquet_pages_rows(struct eg_parquet_pages *, ZSTD_DCtx *,
                                                   struct eg_span stored, struct eg_error *err);

/* The value's place in the dictionary; -1: it is not in it. */
int64_t eg_parquet_pages_find(const struct eg_parquet_pages *, const struct eg_need_key *);
/* Of the rows that are set in a bitmap, those stay that have the value of this place (all of them, where
 * the rows have no places in a dictionary). */
void eg_parquet_pages_keep(struct eg_parquet_pages *, uint32_t place, uint64_t *rows);
/* Those stay that have a number from `low` to `high`. */
void eg_parquet_pages_keep_between(struct eg_parquet_pages *, int64_t low, int64_t high,
                                   uint64_t *rows);
/* Puts a row's value into a column of the row being built. Rows are asked for in rising order. Errors:
 * EG_E_FORMAT: the value is none of its type. */
EG_MUST_CHECK enum eg_status eg_parquet_pages_put(struct eg_parquet_pages *, uint32_t row,
                                                  struct eg_builder *, uint32_t col,
                                                  struct eg_error *err);

#endif
