/* SPDX-License-Identifier: Apache-2.0
 * Stellar's functions on numbers, and those that make numbers of other values. Whole numbers have 64
 * bits, fractions are IEEE doubles. */
#include "match/stellar_lex.h"
#include "match/stellar_tree.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- making numbers ---- */

/* The whole of a text as a C number; false: it is none, or too long for one. */
static bool text_number(struct eg_span text, bool whole, int64_t *number, double *real) {
    char copy[64], *end = copy;
    if (text.size == 0 || text.size >= sizeof copy || memchr(text.at, 0, text.size)) return false;
    (void)eg_span_copy(text, 0, copy, text.size);
    copy[text.size] = 0;
    if (!strchr("+-.0123456789", copy[0]) || strpbrk(copy, "xXnNpP")) return false;
    errno = 0;
    if (whole)
        *number = strtoll(copy, &end, 10);
    else
        *real = strtod(copy, &end);
    return *end == 0 && (!whole || errno == 0);
}

/* The part before the point, as Java casts; what is beyond 64 bits ends there. */
static int64_t cut(double value) {
    if (isnan(value)) return 0;
    if (value >= 9223372036854775807.0) return INT64_MAX;
    if (value <= -9223372036854775808.0) return INT64_MIN;
    return (int64_t)value;
}

/* null, and a text that is no number, give null. */
static bool to_integer(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    const struct eg_stellar_value *value = &c->args[0];
    int64_t number = 0;
    double real;
    switch (value->kind) {
    case EG_VALUE_NULL: return true;
    case EG_VALUE_WHOLE: *out = *value; return true;
    case EG_VALUE_REAL: *out = eg_stellar_whole(cut(value->real)); return true;
    case EG_VALUE_TEXT:
        if (text_number(value->text, true, &number, &real)) *out = eg_stellar_whole(number);
        return true;
    default:
        return eg_stellar_fail(c->run, "%s of %s", c->node->function->name,
                               eg_stellar_kind_name(value->kind));
    }
}

static bool to_double(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    const struct eg_stellar_value *value = &c->args[0];
    int64_t number;
    double real = 0;
    if (value->kind == EG_VALUE_NULL) return true;
    if (eg_stellar_is_number(value)) {
        *out = eg_stellar_real(eg_stellar_number(value));
    } else if (value->kind == EG_VALUE_TEXT) {
        if (text_number(value->text, false, &number, &real)) *out = eg_stellar_real(real);
    } else {
        return eg_stellar_fail(c->run, "%s of %s", c->node->function->name,
                               eg_stellar_kind_name(value->kind));
    }
    return true;
}

static bool is_integer(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    const struct eg_stellar_value *value = &c->args[0];
    int64_t number;
    double real;
    *out = eg_stellar_bool(
        value->kind == EG_VALUE_WHOLE ||
        (value->kind == EG_VALUE_TEXT && text_number(value->text, true, &number, &real)));
    return true;
}

/* ---- of one number ---- */

static bool absolute(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    const struct eg_stellar_value *value = &c->args[0];
    double real;
    if (value->kind == EG_VALUE_NULL) return true;
    if (value->kind == EG_VALUE_WHOLE && value->whole != INT64_MIN) {
        *out = eg_stellar_whole(value->whole < 0 ? -value->whole : value->whole);
        return true;
    }
    if (!eg_stellar_number_arg(c, 0, &real)) return false;
    *out = eg_stellar_real(fabs(real));
    return true;
}

static bool real_of(const struct eg_stellar_call *c, double (*f)(double),
                    struct eg_stellar_value *out) {
    double real;
    if (c->args[0].kind == EG_VALUE_NULL) return true;
    if (!eg_stellar_number_arg(c, 0, &real)) return false;
    *out = eg_stellar_real(f(real));
    return true;
}
static bool ceiling(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    return real_of(c, ceil, out);
}
static bool floored(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    return real_of(c, floor, out);
}
static bool root(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    return real_of(c, sqrt, out);
}
static bool log_natural(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    return real_of(c, log, out);
}
static bool log_two(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    return real_of(c, log2, out);
}
static bool log_ten(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    return real_of(c, log10, out);
}
static bool exponential(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    return real_of(c, exp, out);
}

/* To the nearest whole number, halves upwards. */
static bool rounded(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    double real;
    if (c->args[0].kind == EG_VALUE_NULL || c->args[0].kind == EG_VALUE_WHOLE) {
        *out = c->args[0];
        return true;
    }
    if (!eg_stellar_number_arg(c, 0, &real)) return false;
    *out = eg_stellar_whole(cut(floor(real + 0.5)));
    return true;
}

/* ---- of several ---- */

/* The greatest or least of a list, null left out; of none: null. */
static bool extreme(const struct eg_stellar_call *c, uint8_t sign, struct eg_stellar_value *out) {
    const struct eg_stellar_value *list;
    if (!eg_stellar_list_arg(c, 0, &list)) return eg_stellar_lacking(c, out, eg_stellar_null());
    for (uint32_t i = 0; i < list->count; i++) {
        bool better = true;
        if (list->items[i].kind == EG_VALUE_NULL) continue;
        if (out->kind != EG_VALUE_NULL &&
            !eg_stellar_compare(c->run, sign, &list->items[i], out, &better))
            return false;
        if (better) *out = list->items[i];
    }
    return true;
}
static bool greatest(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    return extreme(c, EG_STELLAR_GT, out);
}
static bool least(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    return extreme(c, EG_STELLAR_LT, out);
}

const struct eg_stellar_function eg_stellar_number_functions[] = {
    {"ABS", 1, 1, EG_VALUE_WHOLE, absolute, NULL, NULL},
    {"CEILING", 1, 1, EG_VALUE_REAL, ceiling, NULL, NULL},
    {"EXP", 1, 1, EG_VALUE_REAL, exponential, NULL, NULL},
    {"FLOOR", 1, 1, EG_VALUE_REAL, floored, NULL, NULL},
    {"IS_INTEGER", 1, 1, EG_VALUE_BOOL, is_integer, NULL, NULL},
    {"LN", 1, 1, EG_VALUE_REAL, log_natural, NULL, NULL},
    {"LOG10", 1, 1, EG_VALUE_REAL, log_ten, NULL, NULL},
    {"LOG2", 1, 1, EG_VALUE_REAL, log_two, NULL, NULL},
    {"MAX", 1, 1, EG_VALUE_NULL, greatest, NULL, NULL},
    {"MIN", 1, 1, EG_VALUE_NULL, least, NULL, NULL},
    {"ROUND", 1, 1, EG_VALUE_WHOLE, rounded, NULL, NULL},
    {"SQRT", 1, 1, EG_VALUE_REAL, root, NULL, NULL},
    {"TO_DOUBLE", 1, 1, EG_VALUE_REAL, to_double, NULL, NULL},
    {"TO_FLOAT", 1, 1, EG_VALUE_REAL, to_double, NULL, NULL},
    {"TO_INTEGER", 1, 1, EG_VALUE_WHOLE, to_integer, NULL, NULL},
    {"TO_LONG", 1, 1, EG_VALUE_WHOLE, to_integer, NULL, NULL},
    {0},
};
