/* SPDX-License-Identifier: Apache-2.0
 * A few rows out of Parquet files of ours, without the SQL engine: row groups are passed over by ranges,
 * Bloom filters and dictionaries; of the others only the columns that are needed are read, and only the
 * rows that are left are decoded. docs/decisions/0014-look-ups.md. */
#ifndef EG_ENGINE_PARQUET_LOOKUP_H
#define EG_ENGINE_PARQUET_LOOKUP_H

#include "engine/parquet_footer.h"
#include "engine/parquet_pages.h"
#include "filter/needs.h"

struct eg_lookup {
    const struct eg_table *table;
    enum eg_table_id table_id;
    const struct eg_needs *needs; /* what every row that is looked for has */
    uint32_t time;                /* the column of times, which must lie in … */
    int64_t from_us, to_us;       /* … this range; INT64_MIN, INT64_MAX: or be missing */
    eg_column_set asks;           /* the columns that `select` reads */
    /* As that of a predicate (table/scan.h). Any thread. NULL: all rows. */
    uint32_t (*select)(void *from, const struct eg_batch *, uint32_t *rows);
    void *select_from;
    eg_column_set gives; /* the columns of what is found */
};

/* A row group that may hold such rows. */
struct eg_lookup_group {
    const char *path; /* as eg_lookup_file was given it */
    uint32_t rows;
    uint32_t needs; /* bit i: needs->any[i] may be met in it */
    struct eg_parquet_place *places;
};
struct eg_lookup_groups {
    struct eg_lookup_group *all;
    size_t count, room;
};
void eg_lookup_groups_reset(struct eg_lookup_groups *);

/* The memory of one thread, for one look-up. Zero-initialise. */
struct eg_lookup_scratch {
    ZSTD_DCtx *zstd;
    struct eg_strbuf stored;
    struct eg_parquet_pages columns[EG_COLUMNS_MAX];
    uint8_t taken[EG_COLUMNS_MAX]; /* of the columns, in this row group: nothing, dictionary, all */
    uint64_t *hits, *rows;
    uint32_t *list;
    size_t hit_room, row_room, list_room;
    struct eg_builder *asked;
};
void eg_lookup_scratch_reset(struct eg_lookup_scratch *);

/* Adds the file's row groups in which there may be such rows. Errors: EG_E_FORMAT: the file is not as our
 * writer makes it; EG_E_NOENT, …, of opening it; EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_lookup_file(const struct eg_lookup *, struct eg_lookup_scratch *,
                                            const char *path, struct eg_lookup_groups *,
                                            struct eg_error *err);

/* Puts a row group's rows into a builder, in their order; one that is full is given to `full`, which seals
 * it. Errors: as eg_lookup_file, and what `full` answers. */
struct eg_lookup_output {
    struct eg_builder *rows;
    enum eg_status (*full)(void *to, struct eg_error *);
    void *to;
};
EG_MUST_CHECK enum eg_status eg_lookup_group_rows(const struct eg_lookup *,
                                                  struct eg_lookup_scratch *,
                                                  const struct eg_lookup_group *,
                                                  const struct eg_lookup_output *,
                                                  struct eg_error *err);

#endif
