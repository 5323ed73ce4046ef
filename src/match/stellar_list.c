/* SPDX-License-Identifier: Apache-2.0
 * Stellar's functions on lists and maps, and those that call lambdas. Values never change: what adds
 * to a list gives a new one. */
#include "match/stellar_tree.h"

#include <string.h>

static bool list_of(struct eg_stellar_value *out, const struct eg_stellar_value *items,
                    uint32_t count) {
    *out = (struct eg_stellar_value){.kind = EG_VALUE_LIST, .count = count, .items = items};
    return true;
}

/* ---- sizes ---- */

static bool length(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    const struct eg_stellar_value *value = &c->args[0];
    switch (value->kind) {
    case EG_VALUE_NULL: *out = eg_stellar_whole(0); return true;
    case EG_VALUE_TEXT: *out = eg_stellar_whole((int64_t)value->text.size); return true;
    case EG_VALUE_BYTES:
        *out = eg_stellar_whole((int64_t)(value->bytes.front.size + value->bytes.back.size));
        return true;
    case EG_VALUE_LIST:
    case EG_VALUE_MAP: *out = eg_stellar_whole(value->count); return true;
    default:
        return eg_stellar_fail(c->run, "LENGTH wants text or a list, not %s",
                               eg_stellar_kind_name(value->kind));
    }
}

static bool is_empty(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    struct eg_stellar_value size;
    if (!length(c, &size)) return false;
    *out = eg_stellar_bool(size.whole == 0);
    return true;
}

/* ---- parts of lists ---- */

static bool part(const struct eg_stellar_call *c, int64_t i, struct eg_stellar_value *out) {
    const struct eg_stellar_value *list;
    if (!eg_stellar_list_arg(c, 0, &list)) return eg_stellar_lacking(c, out, eg_stellar_null());
    if (i < 0) i += list->count;
    if (i >= 0 && i < list->count) *out = list->items[i];
    return true;
}
static bool get(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    int64_t i;
    if (!eg_stellar_whole_arg(c, 1, &i)) return false;
    return i < 0 ? true : part(c, i, out);
}
static bool get_first(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    return part(c, 0, out);
}
static bool get_last(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    return part(c, -1, out);
}

static bool list_add(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    const struct eg_stellar_value *list;
    if (!eg_stellar_list_arg(c, 0, &list)) return eg_stellar_lacking(c, out, eg_stellar_null());
    struct eg_stellar_value *items = eg_stellar_get(c->run, list->count + 1, sizeof *items);
    if (!items) return false;
    if (list->count) memcpy(items, list->items, list->count * sizeof *items);
    items[list->count] = c->args[1];
    return list_of(out, items, list->count + 1);
}

/* ---- lambdas ---- */

static bool map(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    const struct eg_stellar_value *list;
    if (!eg_stellar_list_arg(c, 0, &list)) return eg_stellar_lacking(c, out, eg_stellar_null());
    struct eg_stellar_value *items = eg_stellar_get(c->run, list->count + 1, sizeof *items);
    if (!items) return false;
    for (uint32_t i = 0; i < list->count; i++)
        if (!eg_stellar_apply(c->run, "MAP", &c->args[1], &list->items[i], 1, &items[i]))
            return false;
    return list_of(out, items, list->count);
}

static bool filter(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    const struct eg_stellar_value *list;
    uint32_t kept = 0;
    if (!eg_stellar_list_arg(c, 0, &list)) return eg_stellar_lacking(c, out, eg_stellar_null());
    struct eg_stellar_value *items = eg_stellar_get(c->run, list->count + 1, sizeof *items);
    if (!items) return false;
    for (uint32_t i = 0; i < list->count; i++) {
        struct eg_stellar_value holds;
        if (!eg_stellar_apply(c->run, "FILTER", &c->args[1], &list->items[i], 1, &holds))
            return false;
        if (holds.kind != EG_VALUE_BOOL && holds.kind != EG_VALUE_NULL)
            return eg_stellar_fail(c->run, "FILTER wants a lambda that gives true or false");
        if (holds.kind == EG_VALUE_BOOL && holds.truth) items[kept++] = list->items[i];
    }
    return list_of(out, items, kept);
}

static bool reduce(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    const struct eg_stellar_value *list;
    struct eg_stellar_value pair[2] = {c->args[2]};
    if (!eg_stellar_list_arg(c, 0, &list)) return eg_stellar_lacking(c, out, eg_stellar_null());
    for (uint32_t i = 0; i < list->count; i++) {
        pair[1] = list->items[i];
        if (!eg_stellar_apply(c->run, "REDUCE", &c->args[1], pair, 2, out)) return false;
        pair[0] = *out;
    }
    *out = pair[0];
    return true;
}

/* Lists side by side: as long as the shortest, or (`longest`) the longest, with null. */
static bool zipped(const struct eg_stellar_call *c, bool longest, struct eg_stellar_value *out) {
    uint32_t rows = longest ? 0 : UINT32_MAX;
    const struct eg_stellar_value *list;
    for (uint32_t k = 0; k < c->count; k++) {
        if (!eg_stellar_list_arg(c, k, &list)) return eg_stellar_lacking(c, out, eg_stellar_null());
        if (longest ? list->count > rows : list->count < rows) rows = list->count;
    }
    struct eg_stellar_value *items = eg_stellar_get(c->run, rows + 1, sizeof *items);
    struct eg_stellar_value *cells = eg_stellar_get(c->run, rows + 1, c->count * sizeof *cells);
    if (!items || !cells) return false;
    for (uint32_t i = 0; i < rows; i++, cells += c->count) {
        for (uint32_t k = 0; k < c->count; k++)
            cells[k] = i < c->args[k].count ? c->args[k].items[i] : eg_stellar_null();
        list_of(&items[i], cells, c->count);
    }
    return list_of(out, items, rows);
}
static bool zip(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    return zipped(c, false, out);
}
static bool zip_longest(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    return zipped(c, true, out);
}

/* ---- maps ---- */

/* The map of the call's i-th argument. False: null, or something else, which is an error. */
static bool map_arg(const struct eg_stellar_call *c, uint32_t i) {
    if (c->args[i].kind == EG_VALUE_MAP) return true;
    if (c->args[i].kind != EG_VALUE_NULL)
        eg_stellar_fail(c->run, "%s wants a map, not %s", c->node->function->name,
                        eg_stellar_kind_name(c->args[i].kind));
    return false;
}

static bool map_exists(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    *out = eg_stellar_bool(false);
    if (c->count < 2) return true; /* as the original: nothing asked, nothing there */
    if (!map_arg(c, 1)) return !c->run->failed;
    *out = eg_stellar_bool(eg_stellar_member(c->run, &c->args[0], &c->args[1]));
    return true;
}

static bool map_get(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    if (c->count > 2) *out = c->args[2];
    if (!map_arg(c, 1)) return !c->run->failed;
    const struct eg_stellar_value *of = &c->args[1];
    for (uint32_t i = of->count; i-- > 0;)
        if (eg_stellar_equal(c->run, &of->items[2 * i], &c->args[0])) {
            *out = of->items[2 * i + 1];
            return true;
        }
    return true;
}

/* Whatever stands under the key already is passed over: what is said last counts. */
static bool map_put(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    const struct eg_stellar_value *of = &c->args[2];
    if (!map_arg(c, 2) && c->run->failed) return false;
    uint32_t count = of->kind == EG_VALUE_MAP ? of->count : 0, kept = 0;
    struct eg_stellar_value *items = eg_stellar_get(c->run, 2 * (count + 1), sizeof *items);
    if (!items) return false;
    for (uint32_t i = 0; i < count; i++) {
        if (eg_stellar_equal(c->run, &of->items[2 * i], &c->args[0])) continue;
        items[2 * kept] = of->items[2 * i];
        items[2 * kept + 1] = of->items[2 * i + 1];
        kept++;
    }
    items[2 * kept] = c->args[0];
    items[2 * kept + 1] = c->args[1];
    *out = (struct eg_stellar_value){.kind = EG_VALUE_MAP, .count = kept + 1, .items = items};
    return true;
}

const struct eg_stellar_function eg_stellar_list_functions[] = {
    {"FILTER", 2, 2, EG_VALUE_LIST, filter, NULL, NULL},
    {"GET", 2, 2, EG_VALUE_NULL, get, NULL, NULL},
    {"GET_FIRST", 1, 1, EG_VALUE_NULL, get_first, NULL, NULL},
    {"GET_LAST", 1, 1, EG_VALUE_NULL, get_last, NULL, NULL},
    {"IF_THEN_ELSE", 3, 3, EG_VALUE_NULL, NULL, NULL, NULL}, /* the parser makes an if of it */
    {"IS_EMPTY", 1, 1, EG_VALUE_BOOL, is_empty, NULL, NULL},
    {"LENGTH", 1, 1, EG_VALUE_WHOLE, length, NULL, NULL},
    {"LIST_ADD", 2, 2, EG_VALUE_LIST, list_add, NULL, NULL},
    {"MAP", 2, 2, EG_VALUE_LIST, map, NULL, NULL},
    {"MAP_EXISTS", 0, 2, EG_VALUE_BOOL, map_exists, NULL, NULL},
    {"MAP_GET", 2, 3, EG_VALUE_NULL, map_get, NULL, NULL},
    {"MAP_PUT", 3, 3, EG_VALUE_MAP, map_put, NULL, NULL},
    {"REDUCE", 3, 3, EG_VALUE_NULL, reduce, NULL, NULL},
    {"ZIP", 1, EG_ARGS_ANY, EG_VALUE_LIST, zip, NULL, NULL},
    {"ZIP_LONGEST", 1, EG_ARGS_ANY, EG_VALUE_LIST, zip_longest, NULL, NULL},
    {0},
};
