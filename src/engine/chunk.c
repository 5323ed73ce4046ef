/* SPDX-License-Identifier: Apache-2.0
 * Rows of batches into the vectors of a DuckDB chunk: fixed widths are copied, texts of at most 12
 * bytes are written in place, and a longer text that comes again in the same chunk is given out
 * again instead of copied. Several small batches may fill one chunk. */
#include "base/alloc.h"
#include "base/utf8.h"
#include "engine/inside.h"
#include "table/address.h"

#include <string.h>

#define SEEN 256u /* addresses remembered of a chunk and column; a power of two */

struct eg_chunk_seen {
    uint64_t chunk; /* number of the chunk it was seen in */
    struct eg_addr addr;
    duckdb_string_t text;
};

/* ---- columns and types ---- */

duckdb_logical_type eg_column_sql_type(const struct eg_column_info *info,
                                       enum eg_address_form addresses) {
    duckdb_type type = DUCKDB_TYPE_VARCHAR;
    switch (info->type) {
    case EG_TYPE_TIME: type = DUCKDB_TYPE_TIMESTAMP_TZ; break;
    case EG_TYPE_I16: type = DUCKDB_TYPE_SMALLINT; break;
    case EG_TYPE_I32: type = DUCKDB_TYPE_INTEGER; break;
    case EG_TYPE_I64: type = DUCKDB_TYPE_BIGINT; break;
    case EG_TYPE_F64: type = DUCKDB_TYPE_DOUBLE; break;
    case EG_TYPE_BOOL: type = DUCKDB_TYPE_BOOLEAN; break;
    case EG_TYPE_ADDR:
        if (addresses == EG_ADDRESS_CODE) type = DUCKDB_TYPE_BIGINT;
        break;
    case EG_TYPE_BIN:
    case EG_TYPE_VIEW: type = DUCKDB_TYPE_BLOB; break;
    case EG_TYPE_TEXT:
    case EG_TYPE_NAME:
    case EG_TYPE_MAC: break;
    }
    return duckdb_create_logical_type(type);
}

duckdb_string_t eg_inline_string(const char *text, size_t size) {
    EG_ASSERT(size <= EG_INLINE_MAX);
    duckdb_string_t string;
    memset(&string, 0, sizeof string);
    string.value.inlined.length = (uint32_t)size;
    if (size) memcpy(string.value.inlined.inlined, text, size);
    return string;
}

/* ---- the chunk ---- */

enum eg_status eg_chunk_init(struct eg_chunk *chunk, const uint32_t *cols, uint32_t count,
                             enum eg_address_form addresses, struct eg_address_codes *codes,
                             struct eg_error *err) {
    *chunk = (struct eg_chunk){.addresses = addresses,
                               .codes = codes,
                               .column_count = count,
                               .room = (uint32_t)duckdb_vector_size()};
    chunk->columns = eg_calloc(count ? count : 1, sizeof *chunk->columns);
    bool made = chunk->columns != NULL;
    for (uint32_t i = 0; made && i < count; i++) chunk->columns[i].col = cols[i];
    if (!made) return eg_fail(err, EG_E_NOMEM, "no memory for a chunk of rows");
    return EG_OK;
}

/* The dictionary that names were taken from, held as long as it is compared with: another one could
 * come to stand at the same place in memory. */
static void dict_hold(struct eg_chunk_column *col, const struct eg_dict *dict) {
    struct eg_dict *next = (struct eg_dict *)(uintptr_t)dict;
    struct eg_dict *held = (struct eg_dict *)(uintptr_t)col->dict;
    if (next) eg_owner_ref(&next->owner);
    if (held) eg_owner_unref(&held->owner);
    col->dict = dict;
}

void eg_chunk_reset(struct eg_chunk *chunk) {
    for (uint32_t i = 0; chunk->columns && i < chunk->column_count; i++) {
        eg_free(chunk->columns[i].names);
        eg_free(chunk->columns[i].named);
        eg_free(chunk->columns[i].seen);
        dict_hold(&chunk->columns[i], NULL);
    }
    eg_free(chunk->columns);
    eg_strbuf_reset(&chunk->scratch);
    *chunk = (struct eg_chunk){0};
}

void eg_chunk_begin(struct eg_chunk *chunk, duckdb_data_chunk given) {
    chunk->chunk = given;
    chunk->rows = 0;
    chunk->number++;
    for (uint32_t i = 0; i < chunk->column_count; i++) {
        struct eg_chunk_column *col = &chunk->columns[i];
        col->vector = duckdb_data_chunk_get_vector(given, i);
        col->values = duckdb_vector_get_data(col->vector);
        col->valid = NULL;
        dict_hold(col, NULL);
    }
}

void eg_chunk_end(struct eg_chunk *chunk) { duckdb_data_chunk_set_size(chunk->chunk, chunk->rows); }

/* ---- nulls ---- */

static void bits_copy(uint64_t *to, uint32_t at, const uint64_t *from, uint32_t start,
                      uint32_t count) {
    if ((at & 63) == 0 && (start & 63) == 0) {
        memcpy(to + at / 64, from + start / 64, ((size_t)count + 63) / 64 * 8);
        return;
    }
    for (uint32_t k = 0; k < count; k++) {
        uint64_t bit = UINT64_C(1) << ((at + k) & 63);
        if (eg_bit(from, start + k))
            to[(at + k) / 64] |= bit;
        else
            to[(at + k) / 64] &= ~bit;
    }
}

static void bits_set(uint64_t *to, uint32_t at, uint32_t count, bool value) {
    for (uint32_t k = at; k < at + count;) {
        uint64_t *word = &to[k / 64];
        if ((k & 63) == 0 && at + count - k >= 64) {
            *word = value ? UINT64_MAX : 0;
            k += 64;
            continue;
        }
        uint64_t bit = UINT64_C(1) << (k & 63);
        *word = value ? *word | bit : *word & ~bit;
        k++;
    }
}

static uint64_t *validity(struct eg_chunk_column *col) {
    if (!col->valid) {
        duckdb_vector_ensure_validity_writable(col->vector);
        col->valid = duckdb_vector_get_validity(col->vector);
    }
    return col->valid;
}

/* ---- values ---- */

static void put_string(struct eg_chunk_column *col, uint32_t row, const char *text, size_t size) {
    if (size <= EG_INLINE_MAX)
        ((duckdb_string_t *)col->values)[row] = eg_inline_string(text, size);
    else
        duckdb_unsafe_vector_assign_string_element_len(col->vector, row, text, size);
}

/* A text from outside, as DuckDB may have it: what is no UTF-8 becomes U+FFFD. */
static struct eg_span clean(struct eg_span text, struct eg_strbuf *scratch) {
    if (eg_utf8_good(text) == text.size) return text;
    eg_strbuf_clear(scratch);
    eg_utf8_repair(text, scratch);
    return eg_span(scratch->failed ? "" : scratch->text, scratch->failed ? 0 : scratch->size);
}

static bool add_bytes(struct eg_chunk *chunk, struct eg_chunk_column *col,
                      const struct eg_column *from, uint32_t at, uint32_t start, uint32_t count) {
    for (uint32_t k = 0; k < count; k++) {
        if (from->valid && !eg_bit(from->valid, start + k)) continue;
        struct eg_span text = eg_col_text(from, start + k);
        if (from->type == EG_TYPE_TEXT) text = clean(text, &chunk->scratch);
        put_string(col, at + k, (const char *)text.at, text.size);
    }
    return !chunk->scratch.failed;
}

static bool names_room(struct eg_chunk_column *col, uint32_t need) {
    if (need <= col->name_room) return true;
    uint32_t room = col->name_room ? col->name_room : 16;
    while (room < need) room *= 2;
    duckdb_string_t *names = eg_realloc(col->names, room, sizeof *names);
    if (names) col->names = names;
    uint8_t *named = eg_realloc(col->named, room, 1);
    if (named) col->named = named;
    if (!names || !named) return false;
    memset(named + col->name_room, 0, room - col->name_room);
    col->name_room = room;
    return true;
}

static bool add_names(struct eg_chunk *chunk, struct eg_chunk_column *col,
                      const struct eg_column *from, uint32_t at, uint32_t start, uint32_t count) {
    duckdb_string_t *to = (duckdb_string_t *)col->values + at;
    if (col->dict != from->dict) {
        if (col->named) memset(col->named, 0, col->name_room);
        dict_hold(col, from->dict);
    }
    const int32_t *index = eg_col_i32(from) + start;
    for (uint32_t k = 0; k < count; k++) {
        if (from->valid && !eg_bit(from->valid, start + k)) continue;
        uint32_t name = (uint32_t)index[k];
        if (!names_room(col, name + 1)) return false;
        if (!col->named[name]) {
            const struct eg_dict_entry *entry = &from->dict->entries[name];
            struct eg_span text = clean(eg_span(entry->text, entry->size), &chunk->scratch);
            put_string(col, at + k, (const char *)text.at, text.size);
            col->names[name] = to[k];
            col->named[name] = 1;
        } else {
            to[k] = col->names[name];
        }
    }
    return true;
}

static uint32_t seen_slot(const struct eg_addr *addr) {
    uint64_t word;
    memcpy(&word, addr->bytes + 8, 8);
    return (uint32_t)((word * UINT64_C(0x9E3779B97F4A7C15)) >> 56) & (SEEN - 1);
}

static bool add_address_texts(struct eg_chunk *chunk, struct eg_chunk_column *col,
                              const struct eg_column *from, uint32_t at, uint32_t start,
                              uint32_t count) {
    if (!col->seen && !(col->seen = eg_calloc(SEEN, sizeof *col->seen))) return false;
    duckdb_string_t *to = (duckdb_string_t *)col->values + at;
    const struct eg_addr *addrs = eg_col_addr(from) + start;
    for (uint32_t k = 0; k < count; k++) {
        if (from->valid && !eg_bit(from->valid, start + k)) continue;
        struct eg_chunk_seen *seen = &col->seen[seen_slot(&addrs[k])];
        if (seen->chunk == chunk->number && memcmp(&seen->addr, &addrs[k], sizeof *addrs) == 0) {
            to[k] = seen->text;
            continue;
        }
        char text[EG_ADDR_TEXT];
        put_string(col, at + k, text, eg_addr_text(&addrs[k], text));
        *seen = (struct eg_chunk_seen){chunk->number, addrs[k], to[k]};
    }
    return true;
}

static bool add_address_codes(struct eg_chunk *chunk, struct eg_chunk_column *col,
                              const struct eg_column *from, uint32_t at, uint32_t start,
                              uint32_t count) {
    int64_t *to = (int64_t *)col->values + at;
    const struct eg_addr *addrs = eg_col_addr(from) + start;
    for (uint32_t k = 0; k < count; k++) {
        if (from->valid && !eg_bit(from->valid, start + k)) continue;
        to[k] = eg_address_code(chunk->codes, &addrs[k]);
        if (to[k] < 0) return false;
    }
    return true;
}

static void add_macs(struct eg_chunk_column *col, const struct eg_column *from, uint32_t at,
                     uint32_t start, uint32_t count) {
    for (uint32_t k = 0; k < count; k++) {
        if (from->valid && !eg_bit(from->valid, start + k)) continue;
        char text[EG_MAC_TEXT];
        put_string(col, at + k, text, eg_mac_text(eg_col_i64(from)[start + k], text));
    }
}

static void add_column(struct eg_chunk *chunk, struct eg_chunk_column *col,
                       const struct eg_column *from, uint32_t start, uint32_t count) {
    uint32_t at = chunk->rows;
    if (!from->values) {
        bits_set(validity(col), at, count, false);
        return;
    }
    if (from->valid && from->nulls)
        bits_copy(validity(col), at, from->valid, start, count);
    else if (col->valid)
        bits_set(col->valid, at, count, true);
    uint32_t width = eg_type_width(from->type);
    bool fits = true;
    switch (from->type) {
    case EG_TYPE_BOOL:
        for (uint32_t k = 0; k < count; k++)
            ((bool *)col->values)[at + k] = eg_bit(from->values, start + k);
        break;
    case EG_TYPE_TEXT:
    case EG_TYPE_BIN: fits = add_bytes(chunk, col, from, at, start, count); break;
    case EG_TYPE_NAME: fits = add_names(chunk, col, from, at, start, count); break;
    case EG_TYPE_MAC: add_macs(col, from, at, start, count); break;
    case EG_TYPE_ADDR:
        fits = chunk->addresses == EG_ADDRESS_CODE
                   ? add_address_codes(chunk, col, from, at, start, count)
                   : add_address_texts(chunk, col, from, at, start, count);
        break;
    case EG_TYPE_VIEW: EG_ASSERT(from->type != EG_TYPE_VIEW); break; /* raw batches stay inside */
    default:
        memcpy((uint8_t *)col->values + (size_t)at * width,
               (const uint8_t *)from->values + (size_t)start * width, (size_t)count * width);
    }
    if (!fits) chunk->failed = true;
}

void eg_chunk_add(struct eg_chunk *chunk, const struct eg_batch *batch, uint32_t from,
                  uint32_t count) {
    EG_ASSERT(count <= chunk->room - chunk->rows);
    for (uint32_t i = 0; i < chunk->column_count; i++) {
        struct eg_chunk_column *col = &chunk->columns[i];
        if (col->col != UINT32_MAX) add_column(chunk, col, &batch->columns[col->col], from, count);
    }
    chunk->rows += count;
}
