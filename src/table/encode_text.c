/* SPDX-License-Identifier: Apache-2.0
 * Rows for people: aligned tables, which wait for all rows before they are written, and Markdown.
 * Source: GitHub Flavored Markdown, tables. */
#include "table/encode.h"
#include "table/encoding.h"

#include "base/alloc.h"
#include "base/timetext.h"
#include "table/fit.h"
#include "table/human.h"

#include <math.h>
#include <string.h>
#include <time.h>

#define CELL_MAX 48 /* where a table shortens a text; wide never does */

/* ---- one cell ---- */

static bool is_number(enum eg_type type) {
    return type == EG_TYPE_I16 || type == EG_TYPE_I32 || type == EG_TYPE_I64 || type == EG_TYPE_F64;
}

/* "2026-01-02T13:00:00.123+01:00"; a table needs no more than milliseconds. */
static void add_time(const struct eg_encoder *e, int64_t time_us, struct eg_strbuf *to) {
    char *at = eg_strbuf_room(to, EG_VALUE_TEXT);
    if (!at) return;
    int64_t offset = 0;
    time_t second = (time_t)(time_us / EG_SECOND_US - (time_us % EG_SECOND_US < 0));
    struct tm local;
    if (e->style.utc_offset && localtime_r(&second, &local)) offset = local.tm_gmtoff;
    if (__builtin_add_overflow(time_us, offset * EG_SECOND_US, &time_us)) offset = 0;
    at += eg_time_text(time_us, at) - 1;
    if (e->style.format == EG_FORMAT_TABLE) at -= 3;
    if (offset || e->style.utc_offset) {
        int64_t minutes = (offset < 0 ? -offset : offset) / 60;
        *at++ = offset < 0 ? '-' : '+';
        *at++ = (char)('0' + minutes / 600);
        *at++ = (char)('0' + minutes / 60 % 10);
        *at++ = ':';
        *at++ = (char)('0' + minutes % 60 / 10);
        *at++ = (char)('0' + minutes % 10);
    } else {
        *at++ = 'Z';
    }
    eg_strbuf_wrote(to, at);
}

static void add_cell(const struct eg_encoder *e, uint32_t i, const struct eg_batch *batch,
                     uint32_t row, struct eg_strbuf *to) {
    const struct eg_column *col = &batch->columns[e->columns[i]];
    const struct eg_column_info *info = eg_encoder_column(e, i);
    if (!eg_batch_valid(batch, e->columns[i], row)) return;
    if (info->type == EG_TYPE_TIME) {
        if (e->style.epoch)
            eg_strbuf_i64(to, eg_col_i64(col)[row]);
        else
            add_time(e, eg_col_i64(col)[row], to);
        return;
    }
    if (e->style.format == EG_FORMAT_TABLE && is_number(info->type)) {
        char text[EG_HUMAN_TEXT];
        bool is_real = info->type == EG_TYPE_F64;
        double value = is_real ? eg_col_f64(col)[row] : (double)eg_col_int(col, row);
        size_t size = e->style.human ? eg_human_text(value, info->unit, text) : 0;
        if (!size && is_real) size = eg_rounded_text(value, text);
        eg_strbuf_add(to, text, size);
        if (size) return;
    }
    eg_encode_value(batch, e->columns[i], row, to);
}

/* ---- widths ---- */

/* How many columns of a terminal a character takes: 2 for East Asian and pictures, 0 for marks that
 * combine with the letter before. */
static int point_width(int32_t point) {
    static const struct {
        int32_t first, last;
    } wide[] = {{0x1100, 0x115f},   {0x2e80, 0xa4cf},  {0xac00, 0xd7a3}, {0xf900, 0xfaff},
                {0xfe30, 0xfe6f},   {0xff00, 0xff60},  {0xffe0, 0xffe6}, {0x1f300, 0x1f64f},
                {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
    if (point >= 0x300 && point <= 0x36f) return 0;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (point >= wide[i].first && point <= wide[i].last) return 2;
    return 1;
}

/* The bytes of `text` that fit `width_max`, and the width they take. */
static size_t fit(struct eg_span text, size_t width_max, size_t *width) {
    size_t used = 0;
    *width = 0;
    while (used < text.size) {
        size_t size;
        size_t wide = (size_t)point_width(eg_utf8_next(eg_span_from(text, used), &size));
        if (*width + wide > width_max) break;
        *width += wide;
        used += size;
    }
    return used;
}

static size_t width_of(struct eg_span text) {
    size_t width;
    fit(text, SIZE_MAX, &width);
    return width;
}

/* Cuts what was put into `to` since `from` to CELL_MAX, and shows that it did. */
static void shorten(const struct eg_encoder *e, struct eg_strbuf *to, size_t from) {
    size_t width;
    struct eg_span text = eg_span(to->text + from, to->size - from);
    if (fit(text, CELL_MAX, &width) == text.size) return;
    const char *mark = e->style.unicode ? "…" : "...";
    to->size = from + fit(text, CELL_MAX - (e->style.unicode ? 1 : 3), &width);
    eg_strbuf_text(to, mark);
}

/* ---- tables ---- */

static void table_begin(struct eg_encoder *e, struct eg_strbuf *to) {
    (void)to;
    for (uint32_t i = 0; i < e->column_count; i++) {
        const char *name = eg_encoder_column(e, i)->name;
        eg_add_plain(&e->parts, eg_span(name, strlen(name)));
        eg_encoder_part(e);
    }
}

static void table_rows(struct eg_encoder *e, const struct eg_batch *batch, struct eg_strbuf *to) {
    for (uint32_t row = 0; row < batch->rows; row++) {
        for (uint32_t i = 0; i < e->column_count; i++) {
            size_t from = e->parts.size;
            add_cell(e, i, batch, row, &e->parts);
            if (e->parts.size == from && !eg_batch_valid(batch, e->columns[i], row))
                eg_strbuf_char(&e->parts, '-');
            if (e->style.format == EG_FORMAT_TABLE && e->parts.text && !e->parts.failed)
                shorten(e, &e->parts, from);
            eg_encoder_part(e);
        }
    }
    e->row_count += batch->rows;
    if (e->parts.failed) to->failed = true;
}

static struct eg_span cell_at(const struct eg_encoder *e, size_t cell) {
    size_t from = cell ? e->ends[cell - 1] : 0;
    return eg_span(e->parts.text + from, e->ends[cell] - from);
}

static void add_times(struct eg_strbuf *to, const char *text, size_t count) {
    while (count--) eg_strbuf_text(to, text);
}

static void add_line(const struct eg_encoder *e, size_t line, const struct eg_fit_column *fit,
                     struct eg_strbuf *to) {
    size_t pad = 0; /* behind the column before */
    bool first = true;
    for (uint32_t i = 0; i < e->column_count; i++) {
        if (!fit[i].shown) continue;
        struct eg_span cell = cell_at(e, line * e->column_count + i);
        bool right = is_number(eg_encoder_column(e, i)->type);
        add_times(to, " ", pad);
        if (!first) eg_strbuf_text(to, e->style.unicode ? " │ " : "  ");
        pad = fit[i].width - width_of(cell);
        if (right) add_times(to, " ", pad);
        if (right) pad = 0;
        if (line == 0 && e->style.color) eg_strbuf_text(to, "\x1b[1m");
        eg_strbuf_add(to, cell.at, cell.size);
        if (line == 0 && e->style.color) eg_strbuf_text(to, "\x1b[0m");
        first = false;
    }
    eg_strbuf_char(to, '\n');
}

static void add_rule(const struct eg_encoder *e, const struct eg_fit_column *fit,
                     struct eg_strbuf *to) {
    bool first = true;
    for (uint32_t i = 0; i < e->column_count; i++) {
        if (!fit[i].shown) continue;
        if (!first) eg_strbuf_text(to, "─┼─");
        add_times(to, "─", fit[i].width);
        first = false;
    }
    eg_strbuf_char(to, '\n');
}

static void measure(const struct eg_encoder *e, size_t first, struct eg_fit_column *fit) {
    for (uint32_t i = 0; i < e->column_count; i++)
        fit[i] = (struct eg_fit_column){
            .name = eg_encoder_column(e, i)->name, .empty = e->row_count > 0, .shown = true};
    size_t cells = (size_t)(e->row_count + 1) * e->column_count;
    for (size_t cell = first * e->column_count; cell < cells; cell++) {
        struct eg_fit_column *column = &fit[cell % e->column_count];
        struct eg_span text = cell_at(e, cell);
        size_t width = width_of(text);
        if (width > column->width) column->width = width;
        if (cell >= e->column_count && !(text.size == 1 && eg_u8(text, 0) == '-'))
            column->empty = false;
    }
}

static void table_end(struct eg_encoder *e, struct eg_strbuf *to) {
    struct eg_fit_column *fit = eg_calloc(e->column_count, sizeof *fit);
    if (!fit || e->parts.failed || !e->column_count) {
        if (e->column_count) to->failed = true;
        eg_free(fit);
        return;
    }
    size_t first = e->style.header ? 0 : 1;
    uint32_t left_out = 0;
    measure(e, first, fit);
    if (e->style.width && e->style.format == EG_FORMAT_TABLE)
        left_out = eg_fit(fit, e->column_count, e->style.width, e->style.unicode ? 3 : 2);
    for (size_t line = first; line <= e->row_count; line++) {
        add_line(e, line, fit, to);
        if (line == 0 && e->style.unicode) add_rule(e, fit, to);
    }
    if (left_out)
        eg_strbuf_printf(to, "%s %u column%s not shown; -o wide shows all\n",
                         e->style.unicode ? "…" : "...", left_out, left_out > 1 ? "s" : "");
    eg_free(fit);
}

/* ---- Markdown ---- */

/* What would end the cell or be taken for markup gets a backslash. */
static void add_marked(struct eg_strbuf *to, struct eg_span text) {
    for (size_t i = 0; i < text.size; i++) {
        char c = (char)eg_u8(text, i);
        if (c && strchr("|\\`*<[]~", c)) eg_strbuf_char(to, '\\');
        eg_strbuf_char(to, c);
    }
}

static void markdown_begin(struct eg_encoder *e, struct eg_strbuf *to) {
    eg_strbuf_char(to, '|');
    for (uint32_t i = 0; i < e->column_count; i++) {
        const char *name = eg_encoder_column(e, i)->name;
        eg_strbuf_clear(&e->parts);
        eg_add_plain(&e->parts, eg_span(name, strlen(name)));
        eg_strbuf_char(to, ' ');
        add_marked(to, eg_span(e->parts.text, e->parts.size));
        eg_strbuf_text(to, " |");
        if (e->parts.failed) to->failed = true;
    }
    eg_strbuf_text(to, "\n|");
    for (uint32_t i = 0; i < e->column_count; i++)
        eg_strbuf_text(to, is_number(eg_encoder_column(e, i)->type) ? " ---: |" : " --- |");
    eg_strbuf_char(to, '\n');
}

static void markdown_rows(struct eg_encoder *e, const struct eg_batch *batch,
                          struct eg_strbuf *to) {
    for (uint32_t row = 0; row < batch->rows; row++) {
        eg_strbuf_char(to, '|');
        for (uint32_t i = 0; i < e->column_count; i++) {
            eg_strbuf_clear(&e->parts);
            add_cell(e, i, batch, row, &e->parts);
            eg_strbuf_char(to, ' ');
            add_marked(to, eg_span(e->parts.text, e->parts.size));
            eg_strbuf_text(to, " |");
            if (e->parts.failed) to->failed = true;
        }
        eg_strbuf_char(to, '\n');
    }
    e->row_count += batch->rows;
}

static void markdown_end(struct eg_encoder *e, struct eg_strbuf *to) {
    (void)e;
    (void)to;
}

const struct eg_encoding eg_encoding_table = {"table", eg_encoding_open_nop, table_begin,
                                              table_rows, table_end};
const struct eg_encoding eg_encoding_wide = {"wide", eg_encoding_open_nop, table_begin, table_rows,
                                             table_end};
const struct eg_encoding eg_encoding_markdown = {"markdown", eg_encoding_open_nop, markdown_begin,
                                                 markdown_rows, markdown_end};
