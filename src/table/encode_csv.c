/* SPDX-License-Identifier: Apache-2.0
 * Rows as comma-separated values (RFC 4180, lines ending in LF) and as tab-separated ones. Control
 * characters are written \xNN in both, so a row is always one line. */
#include "table/encode.h"
#include "table/encoding.h"

#include <math.h>
#include <string.h>

/* In quotes where a comma, a quote or a blank at an end asks for it, and where it is empty: nothing
 * at all is null. */
static void add_field(struct eg_strbuf *to, struct eg_span text) {
    bool quotes = text.size == 0 || eg_u8(text, 0) == ' ' || eg_u8(text, text.size - 1) == ' ' ||
                  memchr(text.at, ',', text.size) || memchr(text.at, '"', text.size);
    if (quotes) eg_strbuf_char(to, '"');
    while (text.size) {
        const uint8_t *quote = quotes ? memchr(text.at, '"', text.size) : NULL;
        size_t run = quote ? (size_t)(quote - text.at) + 1 : text.size;
        eg_add_plain(to, eg_span_sub(text, 0, run));
        if (quote) eg_strbuf_char(to, '"');
        text = eg_span_from(text, run);
    }
    if (quotes) eg_strbuf_char(to, '"');
}

static void add_variable(struct eg_strbuf *to, const struct eg_column *col, uint32_t row,
                         char separator) {
    struct eg_span bytes = eg_value_bytes(col, row);
    if (col->type == EG_TYPE_BIN || col->type == EG_TYPE_VIEW) {
        if (bytes.size)
            eg_add_hex(to, bytes);
        else if (separator == ',')
            eg_strbuf_text(to, "\"\"");
    } else if (separator == ',') {
        add_field(to, bytes);
    } else {
        eg_add_plain(to, bytes);
    }
}

static void add_row(struct eg_encoder *e, const struct eg_batch *batch, uint32_t row,
                    struct eg_strbuf *to, char separator) {
    for (uint32_t i = 0; i < e->column_count; i++) {
        const struct eg_column *col = &batch->columns[e->columns[i]];
        char *at = eg_strbuf_room(to, EG_VALUE_TEXT);
        if (!at) return;
        if (i) *at++ = separator;
        bool valid = eg_batch_valid(batch, e->columns[i], row);
        bool fixed = eg_type_fixed(col->type);
        if (valid && fixed) {
            bool nan = col->type == EG_TYPE_F64 && isnan(eg_col_f64(col)[row]);
            if (nan) memcpy(at, "nan", 3);
            at = nan ? at + 3 : eg_write_fixed(at, col, row, e->style.epoch);
        }
        eg_strbuf_wrote(to, at);
        if (valid && !fixed) add_variable(to, col, row, separator);
    }
    eg_strbuf_char(to, '\n');
}

static void begin(struct eg_encoder *e, struct eg_strbuf *to, char separator) {
    if (!e->style.header) return;
    for (uint32_t i = 0; i < e->column_count; i++) {
        const char *name = eg_encoder_column(e, i)->name;
        if (i) eg_strbuf_char(to, separator);
        if (separator == ',')
            add_field(to, eg_span(name, strlen(name)));
        else
            eg_add_plain(to, eg_span(name, strlen(name)));
    }
    eg_strbuf_char(to, '\n');
}

static void rows(struct eg_encoder *e, const struct eg_batch *batch, struct eg_strbuf *to,
                 char separator) {
    for (uint32_t row = 0; row < batch->rows; row++) add_row(e, batch, row, to, separator);
    e->row_count += batch->rows;
}

static void csv_begin(struct eg_encoder *e, struct eg_strbuf *to) { begin(e, to, ','); }
static void csv_rows(struct eg_encoder *e, const struct eg_batch *batch, struct eg_strbuf *to) {
    rows(e, batch, to, ',');
}
static void tsv_begin(struct eg_encoder *e, struct eg_strbuf *to) { begin(e, to, '\t'); }
static void tsv_rows(struct eg_encoder *e, const struct eg_batch *batch, struct eg_strbuf *to) {
    rows(e, batch, to, '\t');
}
static void end(struct eg_encoder *e, struct eg_strbuf *to) {
    (void)e;
    (void)to;
}

const struct eg_encoding eg_encoding_csv = {"csv", eg_encoding_open_nop, csv_begin, csv_rows, end};
const struct eg_encoding eg_encoding_tsv = {"tsv", eg_encoding_open_nop, tsv_begin, tsv_rows, end};
