/* SPDX-License-Identifier: Apache-2.0
 * Values of the SQL types that batches do not have, as text: dates, times, intervals, wide numbers,
 * UUIDs; lists, structs, maps and unions as JSON. Vectors must be flat. */
#include "base/timetext.h"
#include "engine/inside.h"
#include "table/encode.h"

#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 64

/* ---- what is known ---- */

static bool known(duckdb_logical_type type, int depth);

static bool known_child(duckdb_logical_type child, int depth) {
    bool yes = known(child, depth + 1);
    duckdb_destroy_logical_type(&child);
    return yes;
}

static bool known_struct(duckdb_logical_type type, int depth) {
    idx_t count = duckdb_struct_type_child_count(type);
    for (idx_t i = 0; i < count; i++)
        if (!known_child(duckdb_struct_type_child_type(type, i), depth)) return false;
    return true;
}

static bool known_union(duckdb_logical_type type, int depth) {
    idx_t count = duckdb_union_type_member_count(type);
    for (idx_t i = 0; i < count; i++)
        if (!known_child(duckdb_union_type_member_type(type, i), depth)) return false;
    return true;
}

static bool known(duckdb_logical_type type, int depth) {
    if (depth > DEPTH_MAX) return false;
    switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_INVALID:
    case DUCKDB_TYPE_BIT:
    case DUCKDB_TYPE_ANY:
    case DUCKDB_TYPE_BIGNUM:
    case DUCKDB_TYPE_TIME_NS:
    case DUCKDB_TYPE_STRING_LITERAL:
    case DUCKDB_TYPE_INTEGER_LITERAL: return false;
    case DUCKDB_TYPE_LIST: return known_child(duckdb_list_type_child_type(type), depth);
    case DUCKDB_TYPE_ARRAY: return known_child(duckdb_array_type_child_type(type), depth);
    case DUCKDB_TYPE_MAP:
        return known_child(duckdb_map_type_key_type(type), depth) &&
               known_child(duckdb_map_type_value_type(type), depth);
    case DUCKDB_TYPE_STRUCT: return known_struct(type, depth);
    case DUCKDB_TYPE_UNION: return known_union(type, depth);
    default: return duckdb_get_type_id(type) <= DUCKDB_TYPE_INTEGER_LITERAL;
    }
}

bool eg_cell_known(duckdb_logical_type type) { return known(type, 0); }

/* ---- numbers ---- */

static void put_u128(unsigned __int128 value, uint32_t scale, bool negative,
                     struct eg_strbuf *to) {
    char digits[64];
    char *at = digits + sizeof digits;
    uint32_t written = 0;
    do {
        if (scale && written == scale) *--at = '.';
        *--at = (char)('0' + (int)(value % 10));
        value /= 10;
        written++;
    } while (value || written <= scale);
    if (negative) *--at = '-';
    eg_strbuf_add(to, at, (size_t)(digits + sizeof digits - at));
}

static void put_i128(__int128 value, uint32_t scale, struct eg_strbuf *to) {
    bool negative = value < 0;
    unsigned __int128 size = negative ? -(unsigned __int128)value : (unsigned __int128)value;
    put_u128(size, scale, negative, to);
}

static __int128 huge(const duckdb_hugeint *value) {
    return (__int128)(((unsigned __int128)(uint64_t)value->upper << 64) | value->lower);
}

static void put_decimal(duckdb_logical_type type, const void *values, idx_t row,
                        struct eg_strbuf *to) {
    uint32_t scale = duckdb_decimal_scale(type);
    switch (duckdb_decimal_internal_type(type)) {
    case DUCKDB_TYPE_SMALLINT: put_i128(((const int16_t *)values)[row], scale, to); break;
    case DUCKDB_TYPE_INTEGER: put_i128(((const int32_t *)values)[row], scale, to); break;
    case DUCKDB_TYPE_BIGINT: put_i128(((const int64_t *)values)[row], scale, to); break;
    default: put_i128(huge(&((const duckdb_hugeint *)values)[row]), scale, to);
    }
}

static void put_double(double value, bool json, struct eg_strbuf *to) {
    if (json && (value != value || value > 1.7976931348623157e308 || value < -1.7976931348623157e308))
        eg_strbuf_text(to, "null");
    else eg_strbuf_printf(to, "%.17g", value);
}

/* ---- times ---- */

static void put_date(int32_t days, struct eg_strbuf *to) {
    struct eg_civil civil = eg_time_civil((int64_t)days * EG_DAY_US);
    eg_strbuf_printf(to, "%04lld-%02d-%02d", (long long)civil.year, civil.month, civil.day);
}

static void put_clock(int64_t us, struct eg_strbuf *to) {
    int64_t s = us / EG_SECOND_US;
    eg_strbuf_printf(to, "%02lld:%02lld:%02lld", (long long)(s / 3600), (long long)(s / 60 % 60),
                     (long long)(s % 60));
    if (us % EG_SECOND_US) eg_strbuf_printf(to, ".%06lld", (long long)(us % EG_SECOND_US));
}

/* "2 months 3 days 01:02:03" with the zero parts left out. */
static void put_interval(const duckdb_interval *value, struct eg_strbuf *to) {
    size_t before = to->size;
    if (value->months) eg_strbuf_printf(to, "%d months", value->months);
    if (value->days)
        eg_strbuf_printf(to, "%s%d days", to->size > before ? " " : "", value->days);
    if (value->micros || to->size == before) {
        if (to->size > before) eg_strbuf_char(to, ' ');
        if (value->micros < 0) eg_strbuf_char(to, '-');
        put_clock(value->micros < 0 ? -value->micros : value->micros, to);
    }
}

static void put_time(int64_t us, struct eg_strbuf *to) {
    char text[40];
    eg_strbuf_add(to, text, eg_time_text(us, text));
}

static void put_uuid(const duckdb_hugeint *value, struct eg_strbuf *to) {
    uint64_t high = (uint64_t)value->upper ^ (UINT64_C(1) << 63); /* kept so that it sorts */
    eg_strbuf_printf(to, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(high >> 32),
                     (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xffff),
                     (unsigned)(value->lower >> 48),
                     (unsigned long long)(value->lower & UINT64_C(0xffffffffffff)));
}

/* ---- texts ---- */

static void put_string(const duckdb_string_t *value, bool json, struct eg_strbuf *to) {
    duckdb_string_t copy = *value;
    const char *text = duckdb_string_t_data(&copy);
    uint32_t size = duckdb_string_t_length(copy);
    if (json) eg_encode_json_text(text, size, to);
    else eg_strbuf_add(to, text, size);
}

static void put_bytes(const duckdb_string_t *value, struct eg_strbuf *to) {
    duckdb_string_t copy = *value;
    const char *bytes = duckdb_string_t_data(&copy);
    for (uint32_t i = 0; i < duckdb_string_t_length(copy); i++)
        eg_strbuf_printf(to, "%02x", (unsigned)(unsigned char)bytes[i]);
}

static void put_enum(duckdb_logical_type type, const void *values, idx_t row, bool json,
                     struct eg_strbuf *to) {
    idx_t index = 0;
    switch (duckdb_enum_internal_type(type)) {
    case DUCKDB_TYPE_UTINYINT: index = ((const uint8_t *)values)[row]; break;
    case DUCKDB_TYPE_USMALLINT: index = ((const uint16_t *)values)[row]; break;
    default: index = ((const uint32_t *)values)[row];
    }
    char *text = duckdb_enum_dictionary_value(type, index);
    if (text && json) eg_encode_json_text(text, strlen(text), to);
    else if (text) eg_strbuf_text(to, text);
    duckdb_free(text);
}

/* ---- nested ---- */

static void put_items(duckdb_vector child, duckdb_logical_type type, idx_t from, idx_t count,
                      struct eg_strbuf *to) {
    eg_strbuf_char(to, '[');
    for (idx_t i = 0; i < count; i++) {
        if (i) eg_strbuf_char(to, ',');
        eg_cell_text(child, type, from + i, true, to);
    }
    eg_strbuf_char(to, ']');
    duckdb_destroy_logical_type(&type);
}

static void put_struct(duckdb_vector vector, duckdb_logical_type type, idx_t row,
                       struct eg_strbuf *to) {
    idx_t count = duckdb_struct_type_child_count(type);
    eg_strbuf_char(to, '{');
    for (idx_t i = 0; i < count; i++) {
        if (i) eg_strbuf_char(to, ',');
        char *name = duckdb_struct_type_child_name(type, i);
        eg_encode_json_text(name ? name : "", name ? strlen(name) : 0, to);
        duckdb_free(name);
        eg_strbuf_char(to, ':');
        duckdb_logical_type child = duckdb_struct_type_child_type(type, i);
        eg_cell_text(duckdb_struct_vector_get_child(vector, i), child, row, true, to);
        duckdb_destroy_logical_type(&child);
    }
    eg_strbuf_char(to, '}');
}

/* JSON's keys are texts: a key of another type is written as the text of its JSON. */
static void put_map(duckdb_vector vector, duckdb_logical_type type, idx_t row,
                    struct eg_strbuf *to) {
    const duckdb_list_entry *entry = (const duckdb_list_entry *)duckdb_vector_get_data(vector) + row;
    duckdb_vector pairs = duckdb_list_vector_get_child(vector);
    duckdb_logical_type key = duckdb_map_type_key_type(type);
    duckdb_logical_type value = duckdb_map_type_value_type(type);
    struct eg_strbuf name = {0};
    eg_strbuf_char(to, '{');
    for (idx_t i = 0; i < entry->length; i++) {
        if (i) eg_strbuf_char(to, ',');
        eg_strbuf_clear(&name);
        eg_cell_text(duckdb_struct_vector_get_child(pairs, 0), key, entry->offset + i, false, &name);
        eg_encode_json_text(name.text ? name.text : "", name.size, to);
        eg_strbuf_char(to, ':');
        eg_cell_text(duckdb_struct_vector_get_child(pairs, 1), value, entry->offset + i, true, to);
    }
    eg_strbuf_char(to, '}');
    eg_strbuf_reset(&name);
    duckdb_destroy_logical_type(&key);
    duckdb_destroy_logical_type(&value);
}

/* A union is kept as a struct: the tag, then every member. */
static void put_union(duckdb_vector vector, duckdb_logical_type type, idx_t row, bool json,
                      struct eg_strbuf *to) {
    duckdb_vector tags = duckdb_struct_vector_get_child(vector, 0);
    uint8_t tag = ((const uint8_t *)duckdb_vector_get_data(tags))[row];
    if (tag >= duckdb_union_type_member_count(type)) {
        eg_strbuf_text(to, "null");
        return;
    }
    duckdb_logical_type member = duckdb_union_type_member_type(type, tag);
    eg_cell_text(duckdb_struct_vector_get_child(vector, (idx_t)tag + 1), member, row, json, to);
    duckdb_destroy_logical_type(&member);
}

/* ---- one value ---- */

/* The types that are texts in JSON. */
static bool put_quoted(duckdb_type id, const void *values, idx_t row, struct eg_strbuf *to) {
    switch (id) {
    case DUCKDB_TYPE_DATE: put_date(((const int32_t *)values)[row], to); return true;
    case DUCKDB_TYPE_TIME: put_clock(((const int64_t *)values)[row], to); return true;
    case DUCKDB_TYPE_TIME_TZ: {
        duckdb_time_tz_struct time = duckdb_from_time_tz(((const duckdb_time_tz *)values)[row]);
        eg_strbuf_printf(to, "%02d:%02d:%02d.%06d%+03d:%02d", time.time.hour, time.time.min,
                         time.time.sec, time.time.micros, time.offset / 3600,
                         (time.offset < 0 ? -time.offset : time.offset) / 60 % 60);
        return true;
    }
    case DUCKDB_TYPE_INTERVAL: put_interval(&((const duckdb_interval *)values)[row], to); return true;
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ: put_time(((const int64_t *)values)[row], to); return true;
    case DUCKDB_TYPE_TIMESTAMP_S:
        put_time(((const int64_t *)values)[row] * EG_SECOND_US, to);
        return true;
    case DUCKDB_TYPE_TIMESTAMP_MS: put_time(((const int64_t *)values)[row] * 1000, to); return true;
    case DUCKDB_TYPE_TIMESTAMP_NS: put_time(((const int64_t *)values)[row] / 1000, to); return true;
    case DUCKDB_TYPE_UUID: put_uuid(&((const duckdb_hugeint *)values)[row], to); return true;
    case DUCKDB_TYPE_BLOB: put_bytes(&((const duckdb_string_t *)values)[row], to); return true;
    default: return false;
    }
}

static bool put_number(duckdb_type id, const void *values, idx_t row, bool json,
                       struct eg_strbuf *to) {
    switch (id) {
    case DUCKDB_TYPE_BOOLEAN:
        eg_strbuf_text(to, ((const bool *)values)[row] ? "true" : "false");
        return true;
    case DUCKDB_TYPE_TINYINT: eg_strbuf_i64(to, ((const int8_t *)values)[row]); return true;
    case DUCKDB_TYPE_SMALLINT: eg_strbuf_i64(to, ((const int16_t *)values)[row]); return true;
    case DUCKDB_TYPE_INTEGER: eg_strbuf_i64(to, ((const int32_t *)values)[row]); return true;
    case DUCKDB_TYPE_BIGINT: eg_strbuf_i64(to, ((const int64_t *)values)[row]); return true;
    case DUCKDB_TYPE_UTINYINT: eg_strbuf_i64(to, ((const uint8_t *)values)[row]); return true;
    case DUCKDB_TYPE_USMALLINT: eg_strbuf_i64(to, ((const uint16_t *)values)[row]); return true;
    case DUCKDB_TYPE_UINTEGER: eg_strbuf_i64(to, ((const uint32_t *)values)[row]); return true;
    case DUCKDB_TYPE_UBIGINT: put_u128(((const uint64_t *)values)[row], 0, false, to); return true;
    case DUCKDB_TYPE_HUGEINT: put_i128(huge(&((const duckdb_hugeint *)values)[row]), 0, to); return true;
    case DUCKDB_TYPE_UHUGEINT:
        put_u128((unsigned __int128)huge(&((const duckdb_hugeint *)values)[row]), 0, false, to);
        return true;
    case DUCKDB_TYPE_FLOAT: put_double((double)((const float *)values)[row], json, to); return true;
    case DUCKDB_TYPE_DOUBLE: put_double(((const double *)values)[row], json, to); return true;
    default: return false;
    }
}

void eg_cell_text(duckdb_vector vector, duckdb_logical_type type, idx_t row, bool json,
                   struct eg_strbuf *to) {
    uint64_t *valid = duckdb_vector_get_validity(vector);
    duckdb_type id = duckdb_get_type_id(type);
    if (id == DUCKDB_TYPE_SQLNULL || (valid && !(valid[row / 64] >> (row % 64) & 1))) {
        eg_strbuf_text(to, "null");
        return;
    }
    const void *values = duckdb_vector_get_data(vector);
    if (put_number(id, values, row, json, to)) return;
    switch (id) {
    case DUCKDB_TYPE_VARCHAR: put_string(&((const duckdb_string_t *)values)[row], json, to); return;
    case DUCKDB_TYPE_DECIMAL: put_decimal(type, values, row, to); return;
    case DUCKDB_TYPE_ENUM: put_enum(type, values, row, json, to); return;
    case DUCKDB_TYPE_LIST: {
        const duckdb_list_entry *entry = (const duckdb_list_entry *)values + row;
        put_items(duckdb_list_vector_get_child(vector), duckdb_list_type_child_type(type),
                  entry->offset, entry->length, to);
        return;
    }
    case DUCKDB_TYPE_ARRAY: {
        idx_t size = duckdb_array_type_array_size(type);
        put_items(duckdb_array_vector_get_child(vector), duckdb_array_type_child_type(type),
                  row * size, size, to);
        return;
    }
    case DUCKDB_TYPE_STRUCT: put_struct(vector, type, row, to); return;
    case DUCKDB_TYPE_MAP: put_map(vector, type, row, to); return;
    case DUCKDB_TYPE_UNION: put_union(vector, type, row, json, to); return;
    default: break;
    }
    if (json) eg_strbuf_char(to, '"');
    (void)put_quoted(id, values, row, to);
    if (json) eg_strbuf_char(to, '"');
}
