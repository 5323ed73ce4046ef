/* SPDX-License-Identifier: Apache-2.0
 * The footer of a Parquet file that parquet_file.c wrote, read back: where the columns of each row group
 * are, and what is known of their values. Files of other writers, or of other columns, are not for us.
 * Source: parquet.thrift of the Parquet format, version 2.10. */
#ifndef EG_ENGINE_PARQUET_FOOTER_H
#define EG_ENGINE_PARQUET_FOOTER_H

#include "base/strbuf.h"
#include "table/columns.h"

#include "base/cursor.h"

/* A column chunk. */
struct eg_parquet_place {
    uint64_t at, bytes;        /* its pages, in the file */
    uint64_t dictionary_bytes; /* of them; 0: no dictionary */
    uint64_t bloom_at;         /* 0: no Bloom filter */
    uint64_t bloom_bytes;
    int64_t nulls; /* -1: not known */
    bool ranged;
    struct eg_span least, most; /* PLAIN, texts without their length; they lie in the footer */
};

struct eg_parquet_row_group {
    uint32_t rows;
    const struct eg_parquet_place *places; /* one for each column of the table */
};

/* The footer of an open file. Errors: EG_E_FORMAT: no Parquet file; EG_E_NOMEM, and those of reading. */
EG_MUST_CHECK enum eg_status eg_parquet_footer_load(int fd, struct eg_strbuf *to,
                                                    struct eg_error *err);

/* Tells of each row group, in order; places lie within `file_bytes`. Errors: EG_E_FORMAT: it is not as our
 * writer makes it, for this table; and whatever `visit` answers. */
EG_MUST_CHECK enum eg_status eg_parquet_footer_groups(
    struct eg_span footer, uint64_t file_bytes, const struct eg_table *table,
    enum eg_status (*visit)(void *to, const struct eg_parquet_row_group *, struct eg_error *),
    void *to, struct eg_error *err);

#endif
