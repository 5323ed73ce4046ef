/* SPDX-License-Identifier: Apache-2.0
 * The tables and columns of columns.def as C names: EG_FLOWS_src_ip is the index of the column in
 * its table, eg_table_get(EG_TABLE_FLOWS)->columns[EG_FLOWS_src_ip] describes it. */
#ifndef EG_TABLE_COLUMNS_H
#define EG_TABLE_COLUMNS_H

#include <earlgrey.h>

#define EG_TABLE(id, name, meaning)
#define EG_COLUMN(table, name, type, unit, null_rule, elsewhere, meaning) EG_##table##_##name,
/* One enum holds them all; the _BASE constants turn it into an index inside each table. */
enum eg_column_all {
#include "table/columns.def"
    EG_COLUMN_ALL_COUNT
};
#undef EG_TABLE
#undef EG_COLUMN

#define EG_COLUMNS_MAX 64 /* columns a table may have: a set of them fits one uint64_t */

/* A table's description: one of columns.def, or one made for the result of a query. */
struct eg_table {
    const char *name;
    const char *meaning;
    const struct eg_column_info *columns;
    uint32_t count;
};

/* A set of columns of one table, by index. */
typedef uint64_t eg_column_set;
#define EG_COLUMNS_ALL UINT64_MAX
#define EG_SET(table, name) (UINT64_C(1) << EG_COL(table, name))

/* The index of a column inside its table: EG_COL(FLOWS, src_ip). */
#define EG_COL(table, name) ((uint32_t)(EG_##table##_##name - EG_##table##_FIRST))
enum {
    EG_FLOWS_FIRST = EG_FLOWS_start_time,
    EG_PACKETS_FIRST = EG_PACKETS_time,
    EG_COUNTERS_FIRST = EG_COUNTERS_time,
    EG_LOSSES_FIRST = EG_LOSSES_start_time,
    EG_RAW_FIRST = EG_RAW_time_ns,
    EG_RAW_END = EG_COLUMN_ALL_COUNT,
};
_Static_assert(EG_PACKETS_FIRST - EG_FLOWS_FIRST <= EG_COLUMNS_MAX, "flows has too many columns");
_Static_assert(EG_COUNTERS_FIRST - EG_PACKETS_FIRST <= EG_COLUMNS_MAX, "packets has too many columns");

const struct eg_table *eg_table_get(enum eg_table_id);
const char *eg_table_meaning(enum eg_table_id);
/* The index of the column of that name, or -1. */
int eg_column_find(const struct eg_table *, const char *name);
/* The name a column has elsewhere: eg_column_elsewhere(info, "ecs", …) -> true and the text up to
 * the next blank in `out`; false when that system has none. */
bool eg_column_elsewhere(const struct eg_column_info *, const char *system, char *out, size_t size);
/* "timestamp", "int16", …, "text", "binary": as the documentation and `earlgrey fields` say it. */
const char *eg_type_name(enum eg_type);
/* Bytes a row takes in a batch's buffer; 0 for BOOL, TEXT, BIN. */
uint32_t eg_type_width(enum eg_type);

#endif
