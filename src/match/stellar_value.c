/* SPDX-License-Identifier: Apache-2.0
 * What two values are to each other, and how a value is written. */
#include "match/stellar_lex.h"
#include "match/stellar_tree.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_MAX (64 * 1024) /* of one value, for people */

const char *eg_stellar_kind_name(enum eg_stellar_kind kind) {
    switch (kind) {
    case EG_VALUE_NULL: return "null";
    case EG_VALUE_BOOL: return "true or false";
    case EG_VALUE_WHOLE:
    case EG_VALUE_REAL: return "a number";
    case EG_VALUE_TEXT: return "text";
    case EG_VALUE_BYTES: return "the packet's bytes";
    case EG_VALUE_LIST: return "a list";
    case EG_VALUE_MAP: return "a map";
    case EG_VALUE_LAMBDA: return "a lambda";
    }
    return "nothing";
}

/* ---- equality and order ---- */

static bool span_equal(struct eg_span a, struct eg_span b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

static const struct eg_stellar_value *map_find(struct eg_stellar_run *run,
                                               const struct eg_stellar_value *map,
                                               const struct eg_stellar_value *key) {
    for (uint32_t i = 0; i < map->count; i++)
        if (eg_stellar_equal(run, &map->items[2 * i], key)) return &map->items[2 * i + 1];
    return NULL;
}

static bool items_equal(struct eg_stellar_run *run, const struct eg_stellar_value *a,
                        const struct eg_stellar_value *b) {
    if (run->depth >= EG_STELLAR_CALLS_MAX)
        return eg_stellar_fail_bound(run, "it is nested too deep");
    run->depth++;
    bool same = true;
    for (uint32_t i = 0; i < a->count && same; i++) {
        if (a->kind == EG_VALUE_LIST) {
            same = eg_stellar_equal(run, &a->items[i], &b->items[i]);
        } else {
            const struct eg_stellar_value *other = map_find(run, b, &a->items[2 * i]);
            same = other && eg_stellar_equal(run, &a->items[2 * i + 1], other);
        }
    }
    run->depth--;
    return same;
}

bool eg_stellar_equal(struct eg_stellar_run *run, const struct eg_stellar_value *a,
                      const struct eg_stellar_value *b) {
    if (++run->steps > EG_STELLAR_STEPS_MAX)
        return eg_stellar_fail_bound(run, "it takes too many steps");
    if (eg_stellar_is_number(a) && eg_stellar_is_number(b)) {
        if (a->kind == EG_VALUE_WHOLE && b->kind == EG_VALUE_WHOLE) return a->whole == b->whole;
        return eg_stellar_number(a) == eg_stellar_number(b);
    }
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case EG_VALUE_NULL: return true;
    case EG_VALUE_BOOL: return a->truth == b->truth;
    case EG_VALUE_TEXT:
        eg_stellar_charge(run, a->text.size / 64);
        return span_equal(a->text, b->text);
    case EG_VALUE_BYTES: return true; /* there is one packet */
    case EG_VALUE_LIST:
    case EG_VALUE_MAP: return a->count == b->count && items_equal(run, a, b);
    case EG_VALUE_LAMBDA: return a->lambda.node == b->lambda.node;
    default: return false;
    }
}

static bool ordered(uint8_t sign, int order) {
    switch (sign) {
    case EG_STELLAR_LT: return order < 0;
    case EG_STELLAR_LE: return order <= 0;
    case EG_STELLAR_GT: return order > 0;
    default: return order >= 0;
    }
}

static bool reals_ordered(uint8_t sign, double a, double b) {
    if (isnan(a) || isnan(b)) return false;
    return ordered(sign, (a > b) - (a < b));
}

bool eg_stellar_compare(struct eg_stellar_run *run, uint8_t sign, const struct eg_stellar_value *a,
                        const struct eg_stellar_value *b, bool *out) {
    if (sign == EG_STELLAR_EQ || sign == EG_STELLAR_NE) {
        *out = eg_stellar_equal(run, a, b) == (sign == EG_STELLAR_EQ);
        return !run->failed;
    }
    if (a->kind == EG_VALUE_NULL || b->kind == EG_VALUE_NULL) {
        *out = false;
    } else if (a->kind == EG_VALUE_WHOLE && b->kind == EG_VALUE_WHOLE) {
        *out = ordered(sign, (a->whole > b->whole) - (a->whole < b->whole));
    } else if (eg_stellar_is_number(a) && eg_stellar_is_number(b)) {
        *out = reals_ordered(sign, eg_stellar_number(a), eg_stellar_number(b));
    } else if (a->kind == EG_VALUE_TEXT && b->kind == EG_VALUE_TEXT) {
        *out = ordered(sign, eg_span_order(a->text, b->text));
    } else if (a->kind == EG_VALUE_BOOL && b->kind == EG_VALUE_BOOL) {
        *out = ordered(sign, (int)a->truth - (int)b->truth);
    } else {
        return eg_stellar_fail(run, "%s and %s have no order", eg_stellar_kind_name(a->kind),
                               eg_stellar_kind_name(b->kind));
    }
    return true;
}

bool eg_stellar_member(struct eg_stellar_run *run, const struct eg_stellar_value *value,
                       const struct eg_stellar_value *of) {
    switch (of->kind) {
    case EG_VALUE_NULL: return false;
    case EG_VALUE_TEXT:
        if (value->kind != EG_VALUE_TEXT) return false;
        eg_stellar_charge(run, of->text.size / 64);
        return value->text.size == 0 ||
               (of->text.size &&
                memmem(of->text.at, of->text.size, value->text.at, value->text.size) != NULL);
    case EG_VALUE_LIST:
        for (uint32_t i = 0; i < of->count; i++)
            if (eg_stellar_equal(run, value, &of->items[i])) return true;
        return false;
    case EG_VALUE_MAP: return map_find(run, of, value) != NULL;
    default: return eg_stellar_equal(run, value, of);
    }
}

/* ---- arithmetic ---- */

static bool wholes(struct eg_stellar_run *run, uint8_t sign, int64_t a, int64_t b, int64_t *out) {
    bool over;
    switch (sign) {
    case EG_STELLAR_PLUS: over = __builtin_add_overflow(a, b, out); break;
    case EG_STELLAR_MINUS: over = __builtin_sub_overflow(a, b, out); break;
    case EG_STELLAR_TIMES: over = __builtin_mul_overflow(a, b, out); break;
    default:
        if (b == 0) return eg_stellar_fail(run, "a division by zero");
        over = a == INT64_MIN && b == -1;
        if (!over) *out = a / b;
    }
    return over ? eg_stellar_fail(run, "a whole number beyond 64 bits") : true;
}

static double reals(uint8_t sign, double a, double b) {
    switch (sign) {
    case EG_STELLAR_PLUS: return a + b;
    case EG_STELLAR_MINUS: return a - b;
    case EG_STELLAR_TIMES: return a * b;
    default: return a / b;
    }
}

bool eg_stellar_arithmetic(struct eg_stellar_run *run, uint8_t sign,
                           const struct eg_stellar_value *a, const struct eg_stellar_value *b,
                           struct eg_stellar_value *out) {
    if (!eg_stellar_is_number(a) || !eg_stellar_is_number(b))
        return eg_stellar_fail(run, "arithmetic with %s",
                               eg_stellar_kind_name(eg_stellar_is_number(a) ? b->kind : a->kind));
    if (a->kind == EG_VALUE_WHOLE && b->kind == EG_VALUE_WHOLE) {
        *out = eg_stellar_whole(0);
        return wholes(run, sign, a->whole, b->whole, &out->whole);
    }
    *out = eg_stellar_real(reals(sign, eg_stellar_number(a), eg_stellar_number(b)));
    return true;
}

/* ---- writing ---- */

/* As Java writes it: with a point, and a power of ten where it is not between 0.001 and 10^7. */
static void real_write(double value, struct eg_strbuf *to) {
    char text[40];
    if (isnan(value) || isinf(value)) {
        eg_strbuf_text(to, isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
        return;
    }
    int digits = 1, power = 0;
    for (; digits <= 17; digits++) { /* as few as tell it from its neighbours */
        snprintf(text, sizeof text, "%.*e", digits - 1, value);
        if (strtod(text, NULL) == value) break;
    }
    const char *e = strchr(text, 'e');
    if (e) power = (int)strtol(e + 1, NULL, 10);
    if (power >= -3 && power < 7) {
        int behind = digits - 1 - power;
        snprintf(text, sizeof text, "%.*f", behind > 1 ? behind : 1, value);
        eg_strbuf_text(to, text);
        return;
    }
    snprintf(text, sizeof text, "%.*e", digits > 2 ? digits - 1 : 1, value);
    eg_strbuf_add(to, text, strcspn(text, "e"));
    eg_strbuf_printf(to, "E%d", power);
}

static void text_write(struct eg_span text, bool plain, struct eg_strbuf *to) {
    if (plain) {
        eg_strbuf_add(to, text.at, text.size);
        return;
    }
    eg_strbuf_char(to, '\'');
    for (size_t i = 0; i < text.size; i++) {
        char c = (char)eg_u8(text, i);
        const char *sign = c ? strchr("\n\r\t\\'", c) : NULL;
        if (sign) eg_strbuf_char(to, '\\');
        eg_strbuf_char(to, c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : c);
    }
    eg_strbuf_char(to, '\'');
}

static void items_write(const struct eg_stellar_value *value, bool plain, unsigned depth,
                        struct eg_strbuf *to);

static void write_at(const struct eg_stellar_value *value, bool plain, unsigned depth,
                     struct eg_strbuf *to) {
    if (to->size > WRITE_MAX) return;
    switch (value->kind) {
    case EG_VALUE_NULL: eg_strbuf_text(to, "null"); return;
    case EG_VALUE_BOOL: eg_strbuf_text(to, value->truth ? "true" : "false"); return;
    case EG_VALUE_WHOLE: eg_strbuf_i64(to, value->whole); return;
    case EG_VALUE_REAL: real_write(value->real, to); return;
    case EG_VALUE_TEXT: text_write(value->text, plain, to); return;
    case EG_VALUE_BYTES:
        eg_strbuf_printf(to, "<%zu bytes>", value->bytes.front.size + value->bytes.back.size);
        return;
    case EG_VALUE_LAMBDA: eg_strbuf_text(to, "<lambda>"); return;
    default: break;
    }
    if (depth > EG_STELLAR_DEPTH_MAX)
        eg_strbuf_text(to, "…");
    else
        items_write(value, plain, depth, to);
}

static void items_write(const struct eg_stellar_value *value, bool plain, unsigned depth,
                        struct eg_strbuf *to) {
    bool list = value->kind == EG_VALUE_LIST;
    eg_strbuf_char(to, list ? '[' : '{');
    for (uint32_t i = 0; i < value->count; i++) {
        if (i) eg_strbuf_text(to, ", ");
        if (list) {
            write_at(&value->items[i], plain, depth + 1, to);
            continue;
        }
        write_at(&value->items[2 * i], plain, depth + 1, to);
        eg_strbuf_text(to, plain ? "=" : " : "); /* plain: as Java writes maps */
        write_at(&value->items[2 * i + 1], plain, depth + 1, to);
    }
    eg_strbuf_char(to, list ? ']' : '}');
}

void eg_stellar_write(const struct eg_stellar_value *value, bool plain, struct eg_strbuf *to) {
    write_at(value, plain, 0, to);
}
