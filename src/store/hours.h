/* SPDX-License-Identifier: Apache-2.0
 * What stands in each hour of each table: the view of a dataset that compaction and expiry share. */
#ifndef EG_STORE_HOURS_H
#define EG_STORE_HOURS_H

#include "store/journal.h"

struct eg_hour {
    enum eg_table_id table;
    int64_t hour_us;
    struct eg_names files; /* Parquet files, relative to the dataset */
    uint64_t rows;         /* of those the journal knows */
    uint64_t bytes, sorted_bytes;
    size_t sorted; /* of the files, those that compaction made */
};

struct eg_hours {
    struct eg_hour *list; /* oldest first; of one hour, in the order of the tables */
    size_t count, room;
};

#define EG_HOURS_ALL 15u /* a bit for each table: 1 << EG_TABLE_… */

/* The hours of the tables of a set. `known` (may be NULL) says how many rows a file has. */
EG_MUST_CHECK enum eg_status eg_hours_read(struct eg_hours *out, const char *root, uint32_t tables,
                                           const struct eg_journal *known, struct eg_error *err);
void eg_hours_reset(struct eg_hours *);
/* The files of one hour as they are now; `hour` keeps its table and time. */
EG_MUST_CHECK enum eg_status eg_hour_read(struct eg_hour *, const char *root,
                                          const struct eg_journal *known, struct eg_error *err);

#endif
