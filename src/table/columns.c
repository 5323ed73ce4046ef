/* SPDX-License-Identifier: Apache-2.0
 * The tables of columns.def as data. */
#include "table/columns.h"

#include <string.h>

/* One array for all; each table is a piece of it. */
static const struct eg_column_info all_columns[] = {
#define EG_TABLE(id, name, meaning)
#define EG_COLUMN(table, name, type, unit, null_rule, elsewhere, meaning)                          \
    {#name, EG_TYPE_##type, unit, null_rule, elsewhere, meaning},
#include "table/columns.def"
#undef EG_TABLE
#undef EG_COLUMN
};

static const char *const meanings[EG_TABLE_COUNT] = {
#define EG_TABLE(id, name, meaning) [EG_TABLE_##id] = meaning,
#define EG_COLUMN(table, name, type, unit, null_rule, elsewhere, meaning)
#include "table/columns.def"
#undef EG_TABLE
#undef EG_COLUMN
};

#define PIECE(id, name, end)                                                                       \
    { name, NULL, all_columns + EG_##id##_FIRST, (uint32_t)((end)-EG_##id##_FIRST) }

static const struct eg_table tables[EG_TABLE_COUNT] = {
    [EG_TABLE_FLOWS] = PIECE(FLOWS, "flows", EG_PACKETS_FIRST),
    [EG_TABLE_PACKETS] = PIECE(PACKETS, "packets", EG_COUNTERS_FIRST),
    [EG_TABLE_COUNTERS] = PIECE(COUNTERS, "counters", EG_LOSSES_FIRST),
    [EG_TABLE_LOSSES] = PIECE(LOSSES, "losses", EG_RAW_FIRST),
    [EG_TABLE_RAW] = PIECE(RAW, "raw", EG_RAW_END),
};

const struct eg_table *eg_table_get(enum eg_table_id table) {
    return (unsigned)table < EG_TABLE_COUNT ? &tables[table] : NULL;
}

const char *eg_table_name(enum eg_table_id table) {
    return (unsigned)table < EG_TABLE_COUNT ? tables[table].name : NULL;
}

enum eg_table_id eg_table_by_name(const char *name) {
    unsigned table = 0;
    while (table < EG_TABLE_COUNT && strcmp(tables[table].name, name) != 0) table++;
    return (enum eg_table_id)table;
}

const char *eg_table_meaning(enum eg_table_id table) {
    return (unsigned)table < EG_TABLE_COUNT ? meanings[table] : NULL;
}

const struct eg_column_info *eg_table_columns(enum eg_table_id table, uint32_t *count) {
    const struct eg_table *found = eg_table_get(table);
    *count = found ? found->count : 0;
    return found ? found->columns : NULL;
}

int eg_column_find(const struct eg_table *table, const char *name) {
    for (uint32_t i = 0; i < table->count; i++)
        if (strcmp(table->columns[i].name, name) == 0) return (int)i;
    return -1;
}

bool eg_column_elsewhere(const struct eg_column_info *column, const char *system, char *out,
                         size_t size) {
    size_t system_size = strlen(system);
    for (const char *at = column->elsewhere; *at;) {
        size_t word = strcspn(at, " ");
        if (word > system_size && strncmp(at, system, system_size) == 0 && at[system_size] == '=') {
            size_t name = word - system_size - 1;
            if (name + 1 > size) return false;
            memcpy(out, at + system_size + 1, name);
            out[name] = 0;
            return true;
        }
        at += word;
        at += strspn(at, " ");
    }
    return false;
}

const char *eg_type_name(enum eg_type type) {
    switch (type) {
    case EG_TYPE_TIME: return "timestamp";
    case EG_TYPE_I16: return "int16";
    case EG_TYPE_I32: return "int32";
    case EG_TYPE_I64: return "int64";
    case EG_TYPE_F64: return "float64";
    case EG_TYPE_BOOL: return "bool";
    case EG_TYPE_TEXT:
    case EG_TYPE_NAME:
    case EG_TYPE_ADDR:
    case EG_TYPE_MAC: return "text";
    case EG_TYPE_BIN:
    case EG_TYPE_VIEW: return "binary";
    }
    return "unknown";
}

uint32_t eg_type_width(enum eg_type type) {
    switch (type) {
    case EG_TYPE_I16: return 2;
    case EG_TYPE_I32:
    case EG_TYPE_NAME: return 4;
    case EG_TYPE_TIME:
    case EG_TYPE_I64:
    case EG_TYPE_F64:
    case EG_TYPE_MAC: return 8;
    case EG_TYPE_ADDR:
    case EG_TYPE_VIEW: return 16;
    case EG_TYPE_BOOL:
    case EG_TYPE_TEXT:
    case EG_TYPE_BIN: return 0;
    }
    return 0;
}
