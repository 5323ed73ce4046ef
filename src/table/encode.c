/* SPDX-License-Identifier: Apache-2.0
 * The formats by name, and values as text. Source: RFC 4648 (base64). */
#include "table/encode.h"

#include "base/alloc.h"
#include "base/timetext.h"
#include "table/address.h"
#include "table/encoding.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- formats ---- */

static const char *const names[EG_FORMAT_COUNT] = {
    [EG_FORMAT_TABLE] = "table",       [EG_FORMAT_WIDE] = "wide",       [EG_FORMAT_CSV] = "csv",
    [EG_FORMAT_TSV] = "tsv",           [EG_FORMAT_JSON] = "json",       [EG_FORMAT_JSONL] = "jsonl",
    [EG_FORMAT_MARKDOWN] = "markdown", [EG_FORMAT_PARQUET] = "parquet", [EG_FORMAT_ARROW] = "arrow",
};

/* NULL: not a text format; Parquet is written by the engine, Arrow by arrow_ipc.h. */
static const struct eg_encoding *const encodings[EG_FORMAT_COUNT] = {
    [EG_FORMAT_TABLE] = &eg_encoding_table,       [EG_FORMAT_WIDE] = &eg_encoding_wide,
    [EG_FORMAT_CSV] = &eg_encoding_csv,           [EG_FORMAT_TSV] = &eg_encoding_tsv,
    [EG_FORMAT_JSON] = &eg_encoding_json,         [EG_FORMAT_JSONL] = &eg_encoding_jsonl,
    [EG_FORMAT_MARKDOWN] = &eg_encoding_markdown,
};

const char *eg_format_name(enum eg_format format) {
    return (unsigned)format < EG_FORMAT_COUNT ? names[format] : NULL;
}

enum eg_format eg_format_by_name(const char *name) {
    unsigned format = 0;
    while (format < EG_FORMAT_COUNT && strcmp(names[format], name) != 0) format++;
    return (enum eg_format)format;
}

static const struct eg_column_info record_column[] = {
    {"record", EG_TYPE_TEXT, "", "never", "", "One encoded record."},
};
const struct eg_table eg_records_table = {"records", "Encoded records.", record_column, 1};

/* ---- encoders ---- */

enum eg_status eg_encoding_open_nop(struct eg_encoder *e, struct eg_error *err) {
    (void)e;
    (void)err;
    return EG_OK;
}

enum eg_status eg_encoder_new(struct eg_encoder **out, const struct eg_table *table,
                              const uint32_t *columns, uint32_t column_count,
                              const struct eg_encode_style *style, struct eg_error *err) {
    if ((unsigned)style->format >= EG_FORMAT_COUNT || !encodings[style->format])
        return eg_fail(err, EG_E_USAGE, "%s is not a text format",
                       (unsigned)style->format < EG_FORMAT_COUNT ? names[style->format] : "this");
    struct eg_encoder *e = eg_calloc(1, sizeof *e);
    if (!e) return eg_fail(err, EG_E_NOMEM, "no memory for an encoder");
    e->encoding = encodings[style->format];
    e->table = table;
    e->style = *style;
    e->column_count = column_count;
    e->columns = eg_calloc(column_count, sizeof *e->columns);
    enum eg_status status = EG_OK;
    if (!e->columns) {
        status = eg_fail(err, EG_E_NOMEM, "no memory for an encoder");
    } else {
        for (uint32_t i = 0; i < column_count; i++) {
            EG_ASSERT(columns[i] < table->count);
            e->columns[i] = columns[i];
        }
        status = e->encoding->open(e, err);
    }
    if (status < 0)
        eg_encoder_free(e);
    else
        *out = e;
    return status;
}

void eg_encoder_free(struct eg_encoder *e) {
    if (!e) return;
    eg_strbuf_reset(&e->parts);
    eg_free(e->ends);
    eg_free(e->columns);
    eg_free(e);
}

void eg_encoder_begin(struct eg_encoder *e, struct eg_strbuf *to) { e->encoding->begin(e, to); }
void eg_encoder_rows(struct eg_encoder *e, const struct eg_batch *batch, struct eg_strbuf *to) {
    e->encoding->rows(e, batch, to);
}
void eg_encoder_end(struct eg_encoder *e, struct eg_strbuf *to) { e->encoding->end(e, to); }

bool eg_encoder_part(struct eg_encoder *e) {
    if (e->end_count == e->end_room) {
        size_t room = e->end_room ? e->end_room * 2 : 64;
        size_t *ends = eg_realloc(e->ends, room, sizeof *ends);
        if (!ends) {
            e->parts.failed = true;
            return false;
        }
        e->ends = ends;
        e->end_room = room;
    }
    e->ends[e->end_count++] = e->parts.size;
    return !e->parts.failed;
}

/* ---- values of fixed width ---- */

char *eg_write_i64(char *at, int64_t value) {
    char digits[20];
    int count = 0;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    if (value < 0) *at++ = '-';
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    while (count) *at++ = digits[--count];
    return at;
}

char *eg_write_f64(char *at, double value) {
    if (value > -1e15 && value < 1e15 && value == (double)(int64_t)value)
        return eg_write_i64(at, (int64_t)value);
    int size = 0;
    for (int digits = 15; digits <= 17; digits++) {
        size = snprintf(at, EG_VALUE_TEXT, "%.*g", digits, value);
        if (digits == 17 || strtod(at, NULL) == value) break;
    }
    for (int i = 0; i < size; i++) /* a host program's locale may have another decimal point */
        if (!strchr("0123456789+-einf", at[i])) at[i] = '.';
    return at + size;
}

char *eg_write_fixed(char *at, const struct eg_column *col, uint32_t row, bool epoch) {
    switch (col->type) {
    case EG_TYPE_TIME:
        return epoch ? eg_write_i64(at, eg_col_i64(col)[row])
                     : at + eg_time_text(eg_col_i64(col)[row], at);
    case EG_TYPE_F64: return eg_write_f64(at, eg_col_f64(col)[row]);
    case EG_TYPE_ADDR: return at + eg_addr_text(&eg_col_addr(col)[row], at);
    case EG_TYPE_MAC: return at + eg_mac_text(eg_col_i64(col)[row], at);
    case EG_TYPE_BOOL: {
        bool is_true = eg_col_int(col, row) != 0;
        memcpy(at, is_true ? "true" : "false", 5);
        return at + (is_true ? 4 : 5);
    }
    default: return eg_write_i64(at, eg_col_int(col, row));
    }
}

/* ---- texts and bytes ---- */

struct eg_span eg_value_bytes(const struct eg_column *col, uint32_t row) {
    return col->type == EG_TYPE_VIEW ? eg_col_view(col)[row] : eg_col_text(col, row);
}

static const char hex_digits[] = "0123456789abcdef";

/* Bytes that stand for themselves, up to the first that does not. */
static size_t printable(struct eg_span s) {
    size_t count = 0;
    while (count < s.size && s.at[count] >= 0x20 && s.at[count] < 0x7f) count++;
    return count;
}

void eg_add_plain(struct eg_strbuf *to, struct eg_span text) {
    while (text.size) {
        size_t size = printable(text);
        if (size) {
            eg_strbuf_add(to, text.at, size);
            text = eg_span_from(text, size);
            continue;
        }
        int32_t point = eg_utf8_next(text, &size);
        char *at = eg_strbuf_room(to, 16);
        if (!at) return;
        if (point < 0) {
            memcpy(at, EG_UTF8_REPLACEMENT, 3);
            at += 3;
        } else if (point < 0xa0) { /* C0, DEL and C1 */
            memcpy(at, "\\x", 2);
            at[2] = hex_digits[point >> 4];
            at[3] = hex_digits[point & 15];
            at += 4;
        } else {
            memcpy(at, text.at, size);
            at += size;
        }
        eg_strbuf_wrote(to, at);
        text = eg_span_from(text, size);
    }
}

void eg_add_hex(struct eg_strbuf *to, struct eg_span bytes) {
    char *at = eg_strbuf_room(to, bytes.size * 2);
    if (!at) return;
    for (size_t i = 0; i < bytes.size; i++) {
        uint32_t byte = eg_u8(bytes, i);
        *at++ = hex_digits[byte >> 4];
        *at++ = hex_digits[byte & 15];
    }
    eg_strbuf_wrote(to, at);
}

void eg_add_base64(struct eg_strbuf *to, struct eg_span bytes) {
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *at = eg_strbuf_room(to, (bytes.size + 2) / 3 * 4);
    if (!at) return;
    for (size_t i = 0; i < bytes.size; i += 3) {
        uint32_t three = (uint32_t)eg_u8(bytes, i) << 16 | (uint32_t)eg_u8(bytes, i + 1) << 8 |
                         eg_u8(bytes, i + 2);
        size_t left = bytes.size - i;
        *at++ = letters[three >> 18];
        *at++ = letters[three >> 12 & 63];
        *at++ = left > 1 ? letters[three >> 6 & 63] : '=';
        *at++ = left > 2 ? letters[three & 63] : '=';
    }
    eg_strbuf_wrote(to, at);
}

void eg_encode_value(const struct eg_batch *batch, uint32_t col, uint32_t row,
                     struct eg_strbuf *to) {
    if (!eg_batch_valid(batch, col, row)) return;
    const struct eg_column *column = &batch->columns[col];
    if (eg_type_fixed(column->type)) {
        if (column->type == EG_TYPE_F64 && isnan(eg_col_f64(column)[row])) {
            eg_strbuf_text(to, "nan");
            return;
        }
        char *at = eg_strbuf_room(to, EG_VALUE_TEXT);
        if (at) eg_strbuf_wrote(to, eg_write_fixed(at, column, row, false));
    } else if (column->type == EG_TYPE_BIN || column->type == EG_TYPE_VIEW) {
        eg_add_hex(to, eg_value_bytes(column, row));
    } else {
        eg_add_plain(to, eg_value_bytes(column, row));
    }
}
