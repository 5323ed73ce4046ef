/* SPDX-License-Identifier: Apache-2.0
 * Stellar's FORMAT: of Java's format strings the part that C has too: %d %x %X %o, %f %e, %s %S, %b,
 * %c, %n and %%, with flags - 0 + # and blank, a width, a precision, and a position (%2$s). */
#include "match/stellar_tree.h"

#include <stdio.h>
#include <string.h>

#define WIDTH_MAX 200

struct piece {
    char flags[8];
    int width, precision; /* -1: none */
    char sign;
    uint32_t position; /* from 1; 0: the next */
};

static unsigned digits(struct eg_span text, size_t *at) {
    unsigned value = 0;
    for (; eg_u8(text, *at) >= '0' && eg_u8(text, *at) <= '9'; (*at)++)
        if (value <= WIDTH_MAX) value = 10 * value + (eg_u8(text, *at) - '0');
    return value;
}

/* What stands behind a %, which *at stands behind. */
static bool piece_read(struct eg_span text, size_t *at, struct piece *out) {
    size_t flags = 0, begin = *at;
    *out = (struct piece){.width = -1, .precision = -1};
    unsigned number = digits(text, at);
    if (*at > begin && eg_u8(text, *at) == '$') {
        out->position = number;
        (*at)++;
    } else {
        *at = begin;
    }
    for (uint8_t c = eg_u8(text, *at); c && strchr("-0+# ", c); c = eg_u8(text, *at)) {
        if (!strchr(out->flags, c) && flags < sizeof out->flags - 1) out->flags[flags++] = (char)c;
        (*at)++;
    }
    begin = *at;
    number = digits(text, at);
    if (*at > begin) out->width = (int)number;
    if (eg_u8(text, *at) == '.') {
        begin = ++*at;
        out->precision = (int)digits(text, at);
        if (*at == begin) return false;
    }
    out->sign = (char)eg_u8(text, (*at)++);
    return *at <= text.size && out->sign && strchr("dxXofeEsSbcn%", out->sign) &&
           out->width <= WIDTH_MAX && out->precision <= WIDTH_MAX;
}

/* "%" flags width .precision `ending`, for snprintf; at most 24 bytes. */
static void directive(const struct piece *piece, const char *ending, char text[32]) {
    int size = snprintf(text, 32, "%%%s", piece->flags);
    if (piece->width >= 0) size += snprintf(text + size, (size_t)(32 - size), "%d", piece->width);
    if (piece->precision >= 0)
        size += snprintf(text + size, (size_t)(32 - size), ".%d", piece->precision);
    snprintf(text + size, (size_t)(32 - size), "%s", ending);
}

static bool number_put(const struct eg_stellar_call *c, const struct piece *piece,
                       const struct eg_stellar_value *value, struct eg_strbuf *to) {
    char text[WIDTH_MAX + 400], how[32], ending[4] = {'l', 'l', piece->sign, 0};
    bool whole = strchr("dxXo", piece->sign) != NULL;
    if (value->kind != (whole ? EG_VALUE_WHOLE : EG_VALUE_REAL))
        return eg_stellar_fail(c->run, "FORMAT: %%%c wants %s", piece->sign,
                               whole ? "a whole number" : "a fraction (see TO_DOUBLE)");
    directive(piece, whole ? ending : ending + 2, how);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    if (whole)
        snprintf(text, sizeof text, how, (long long)value->whole);
    else
        snprintf(text, sizeof text, how, value->real);
#pragma GCC diagnostic pop
    eg_strbuf_text(to, text);
    return true;
}

/* Text in its width; %S in capitals. */
static void text_put(const struct piece *piece, const struct eg_stellar_value *value,
                     struct eg_strbuf *to) {
    struct eg_strbuf text = {0};
    eg_stellar_write(value, true, &text);
    size_t size = piece->precision >= 0 && (size_t)piece->precision < text.size
                      ? (size_t)piece->precision
                      : text.size;
    size_t width = piece->width > 0 ? (size_t)piece->width : 0;
    bool left = strchr(piece->flags, '-') != NULL;
    for (size_t i = size; i < width && !left; i++) eg_strbuf_char(to, ' ');
    for (size_t i = 0; i < size; i++) {
        char c = text.text[i];
        eg_strbuf_char(to, piece->sign == 'S' && c >= 'a' && c <= 'z' ? (char)(c - 32) : c);
    }
    for (size_t i = size; i < width && left; i++) eg_strbuf_char(to, ' ');
    eg_strbuf_reset(&text);
}

static bool piece_put(const struct eg_stellar_call *c, const struct piece *piece, uint32_t *next,
                      struct eg_strbuf *to) {
    if (piece->sign == '%' || piece->sign == 'n') {
        eg_strbuf_char(to, piece->sign == 'n' ? '\n' : '%');
        return true;
    }
    uint32_t i = piece->position ? piece->position : ++*next;
    if (i >= c->count)
        return eg_stellar_fail(c->run, "FORMAT: there is no argument for %%%c", piece->sign);
    const struct eg_stellar_value *value = &c->args[i];
    if (value->kind == EG_VALUE_NULL || strchr("sSb", piece->sign)) {
        text_put(piece, value, to);
        return true;
    }
    if (piece->sign != 'c') return number_put(c, piece, value, to);
    if (value->kind != EG_VALUE_WHOLE || value->whole < 1 || value->whole > 127)
        return eg_stellar_fail(c->run, "FORMAT: %%c wants the number of an ASCII character");
    char one = (char)value->whole;
    struct eg_stellar_value text = eg_stellar_text(eg_span(&one, 1));
    text_put(piece, &text, to);
    return true;
}

bool eg_stellar_format(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    struct eg_strbuf made = {0};
    struct eg_span text;
    uint32_t next = 0;
    bool good = true;
    if (!eg_stellar_text_arg(c, 0, &text))
        return eg_stellar_fail(c->run, "FORMAT wants a text to fill in");
    for (size_t at = 0; at < text.size && good;) {
        uint8_t byte = eg_u8(text, at++);
        struct piece piece;
        if (byte != '%')
            eg_strbuf_char(&made, (char)byte);
        else if (piece_read(text, &at, &piece))
            good = piece_put(c, &piece, &next, &made);
        else
            good = eg_stellar_fail(c->run, "FORMAT: a %% that means nothing here");
        if (made.size > EG_STELLAR_MEMORY_MAX || made.failed)
            good = eg_stellar_fail_bound(c->run, "it takes too much memory");
    }
    if (good) good = eg_stellar_keep(c->run, made.text, made.size, out);
    eg_strbuf_reset(&made);
    return good;
}
