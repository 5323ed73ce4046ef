/* SPDX-License-Identifier: Apache-2.0
 * Rows as JSON objects: one array of them, or one a line. Source: RFC 8259. */
#include "base/alloc.h"
#include "table/encode.h"
#include "table/encoding.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

/* ---- strings ---- */

static const char hex_digits[] = "0123456789abcdef";

/* What may stand in a string as it is: printable ASCII but for the quote and the backslash. */
static size_t harmless(struct eg_span s) {
    size_t count = 0;
    while (count < s.size && s.at[count] >= 0x20 && s.at[count] < 0x7f && s.at[count] != '"' &&
           s.at[count] != '\\')
        count++;
    return count;
}

/* One character that cannot be copied blindly; answers how many bytes it took. */
static size_t add_character(struct eg_strbuf *to, struct eg_span text) {
    size_t size;
    int32_t point = eg_utf8_next(text, &size);
    char *at = eg_strbuf_room(to, 16);
    if (!at) return size;
    const char *shorts =
        point > 0 && point < 0x80 ? strchr("\"\"\\\\\nn\rr\tt\bb\ff", point) : NULL;
    if (point < 0) {
        memcpy(at, EG_UTF8_REPLACEMENT, 3);
        at += 3;
    } else if (point < 0xa0 && shorts && !islower(point)) {
        *at++ = '\\';
        *at++ = shorts[1];
    } else if (point < 0xa0) { /* C0, DEL and C1 */
        memcpy(at, "\\u00", 4);
        at[4] = hex_digits[point >> 4];
        at[5] = hex_digits[point & 15];
        at += 6;
    } else {
        memcpy(at, text.at, size);
        at += size;
    }
    eg_strbuf_wrote(to, at);
    return size;
}

void eg_encode_json_text(const char *text, size_t size, struct eg_strbuf *to) {
    struct eg_span rest = eg_span(text, size);
    eg_strbuf_char(to, '"');
    while (rest.size) {
        size_t run = harmless(rest);
        if (run) eg_strbuf_add(to, rest.at, run);
        rest = eg_span_from(rest, run);
        if (rest.size) rest = eg_span_from(rest, add_character(to, rest));
    }
    eg_strbuf_char(to, '"');
}

void eg_encode_json_name(const char *name, struct eg_strbuf *to) {
    char *escaped = eg_utf8_escaped(name);
    if (escaped)
        eg_encode_json_text(escaped, strlen(escaped), to);
    else
        to->failed = true;
    eg_free(escaped);
}

/* ---- texts that are JSON already ---- */

#define DEPTH_MAX 32

/* Copies one JSON value without the blanks between its tokens, so that it fits one line; false
 * where it is none. */
static bool copy_value(struct eg_span *in, struct eg_strbuf *to, int depth);

static char peek(struct eg_span *in) {
    while (in->size && (eg_u8(*in, 0) == ' ' || eg_u8(*in, 0) == '\n' || eg_u8(*in, 0) == '\t' ||
                        eg_u8(*in, 0) == '\r'))
        *in = eg_span_from(*in, 1);
    return (char)eg_u8(*in, 0);
}

static void copy_bytes(struct eg_span *in, size_t size, struct eg_strbuf *to) {
    eg_strbuf_add(to, in->at, size);
    *in = eg_span_from(*in, size);
}

static bool copy_string(struct eg_span *in, struct eg_strbuf *to) {
    if (peek(in) != '"') return false;
    copy_bytes(in, 1, to);
    for (;;) {
        copy_bytes(in, harmless(*in), to);
        if (!in->size || eg_u8(*in, 0) < 0x20) return false;
        if (eg_u8(*in, 0) == '"') {
            copy_bytes(in, 1, to);
            return true;
        }
        if (eg_u8(*in, 0) != '\\') {
            *in = eg_span_from(*in, add_character(to, *in));
            continue;
        }
        char kind = (char)eg_u8(*in, 1);
        if (!kind || !strchr("\"\\/bfnrtu", kind)) return false;
        for (size_t i = 2; kind == 'u' && i < 6; i++)
            if (!isxdigit(eg_u8(*in, i))) return false;
        copy_bytes(in, kind == 'u' ? 6 : 2, to);
    }
}

static size_t digits_at(struct eg_span in, size_t at) {
    size_t count = 0;
    while (isdigit(eg_u8(in, at + count))) count++;
    return count;
}

static bool copy_number(struct eg_span *in, struct eg_strbuf *to) {
    size_t size = eg_u8(*in, 0) == '-', digits = digits_at(*in, size);
    if (!digits || (digits > 1 && eg_u8(*in, size) == '0')) return false;
    size += digits;
    if (eg_u8(*in, size) == '.') {
        if (!(digits = digits_at(*in, size + 1))) return false;
        size += 1 + digits;
    }
    if (eg_u8(*in, size) == 'e' || eg_u8(*in, size) == 'E') {
        size++;
        if (eg_u8(*in, size) == '+' || eg_u8(*in, size) == '-') size++;
        if (!(digits = digits_at(*in, size))) return false;
        size += digits;
    }
    copy_bytes(in, size, to);
    return true;
}

static bool copy_word(struct eg_span *in, const char *word, struct eg_strbuf *to) {
    size_t size = strlen(word);
    if (in->size < size || memcmp(in->at, word, size) != 0) return false;
    copy_bytes(in, size, to);
    return true;
}

/* Behind the opening bracket, which is copied already. */
static bool copy_members(struct eg_span *in, char close, struct eg_strbuf *to, int depth) {
    if (peek(in) == close) {
        copy_bytes(in, 1, to);
        return true;
    }
    for (;;) {
        if (close == '}') {
            if (!copy_string(in, to) || peek(in) != ':') return false;
            copy_bytes(in, 1, to);
        }
        if (!copy_value(in, to, depth + 1)) return false;
        char next = peek(in);
        if (next != ',' && next != close) return false;
        copy_bytes(in, 1, to);
        if (next == close) return true;
    }
}

static bool copy_value(struct eg_span *in, struct eg_strbuf *to, int depth) {
    if (depth > DEPTH_MAX) return false;
    char first = peek(in);
    switch (first) {
    case '{':
    case '[': copy_bytes(in, 1, to); return copy_members(in, first == '{' ? '}' : ']', to, depth);
    case '"': return copy_string(in, to);
    case 't': return copy_word(in, "true", to);
    case 'f': return copy_word(in, "false", to);
    case 'n': return copy_word(in, "null", to);
    default: return copy_number(in, to);
    }
}

/* A text that ought to be JSON: as the value it is, or else as a string. */
static void add_nested(struct eg_strbuf *to, struct eg_span text) {
    size_t before = to->size;
    struct eg_span rest = text;
    if (copy_value(&rest, to, 0) && peek(&rest) == 0 && rest.size == 0) return;
    to->size = before;
    if (to->text) to->text[before] = 0;
    eg_encode_json_text((const char *)text.at, text.size, to);
}

/* ---- rows ---- */

/* `{"first":` and `,"other":`, ready to be copied. */
static enum eg_status json_open(struct eg_encoder *e, struct eg_error *err) {
    for (uint32_t i = 0; i < e->column_count; i++) {
        const char *name = eg_encoder_column(e, i)->name;
        eg_strbuf_char(&e->parts, i ? ',' : '{');
        eg_encode_json_text(name, strlen(name), &e->parts);
        eg_strbuf_char(&e->parts, ':');
        if (!eg_encoder_part(e)) return eg_fail(err, EG_E_NOMEM, "no memory for an encoder");
    }
    return EG_OK;
}

static bool quoted(enum eg_type type, bool epoch) {
    return type == EG_TYPE_ADDR || type == EG_TYPE_MAC || (type == EG_TYPE_TIME && !epoch);
}

static char *write_fixed(const struct eg_encoder *e, char *at, const struct eg_column *col,
                         uint32_t row) {
    if (col->type == EG_TYPE_F64 && !isfinite(eg_col_f64(col)[row])) {
        memcpy(at, "null", 4);
        return at + 4;
    }
    bool quotes = quoted(col->type, e->style.epoch);
    if (quotes) *at++ = '"';
    at = eg_write_fixed(at, col, row, e->style.epoch);
    if (quotes) *at++ = '"';
    return at;
}

static void add_variable(struct eg_strbuf *to, const struct eg_column_info *info,
                         const struct eg_column *col, uint32_t row) {
    struct eg_span bytes = eg_value_bytes(col, row);
    if (info->type == EG_TYPE_BIN || info->type == EG_TYPE_VIEW) {
        eg_strbuf_char(to, '"');
        eg_add_base64(to, bytes);
        eg_strbuf_char(to, '"');
    } else if (strcmp(info->unit, "JSON") == 0) {
        add_nested(to, bytes);
    } else {
        eg_encode_json_text((const char *)bytes.at, bytes.size, to);
    }
}

static void add_row(struct eg_encoder *e, const struct eg_batch *batch, uint32_t row,
                    struct eg_strbuf *to) {
    size_t from = 0;
    for (uint32_t i = 0; i < e->column_count; i++) {
        size_t key = e->ends[i] - from;
        char *at = eg_strbuf_room(to, key + EG_VALUE_TEXT);
        if (!at) return;
        memcpy(at, e->parts.text + from, key);
        at += key;
        from = e->ends[i];
        const struct eg_column *col = &batch->columns[e->columns[i]];
        bool valid = eg_batch_valid(batch, e->columns[i], row);
        if (!valid) {
            memcpy(at, "null", 4);
            at += 4;
        } else if (eg_type_fixed(col->type)) {
            at = write_fixed(e, at, col, row);
        }
        eg_strbuf_wrote(to, at);
        if (valid && !eg_type_fixed(col->type)) add_variable(to, eg_encoder_column(e, i), col, row);
    }
    eg_strbuf_text(to, e->column_count ? "}" : "{}");
}

static void json_begin(struct eg_encoder *e, struct eg_strbuf *to) {
    (void)e;
    eg_strbuf_char(to, '[');
}

static void json_rows(struct eg_encoder *e, const struct eg_batch *batch, struct eg_strbuf *to) {
    for (uint32_t row = 0; row < batch->rows; row++) {
        eg_strbuf_text(to, e->row_count++ ? ",\n" : "\n");
        add_row(e, batch, row, to);
    }
}

static void json_end(struct eg_encoder *e, struct eg_strbuf *to) {
    eg_strbuf_text(to, e->row_count ? "\n]\n" : "]\n");
}

static void jsonl_nothing(struct eg_encoder *e, struct eg_strbuf *to) {
    (void)e;
    (void)to;
}

static void jsonl_rows(struct eg_encoder *e, const struct eg_batch *batch, struct eg_strbuf *to) {
    for (uint32_t row = 0; row < batch->rows; row++) {
        add_row(e, batch, row, to);
        eg_strbuf_char(to, '\n');
    }
    e->row_count += batch->rows;
}

const struct eg_encoding eg_encoding_json = {"json", json_open, json_begin, json_rows, json_end};
const struct eg_encoding eg_encoding_jsonl = {"jsonl", json_open, jsonl_nothing, jsonl_rows,
                                              jsonl_nothing};
