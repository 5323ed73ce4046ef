/* SPDX-License-Identifier: Apache-2.0
 * From the tree to steps. "not" is pushed down to the conditions here, so that eval.c needs no
 * third truth value; conditions on numbers all become ranges; the cheap ones go first. */
#include "filter/step.h"

#include "table/address.h"

#include <math.h>
#include <string.h>

struct maker {
    struct eg_arena *arena;
};

/* ---- what a condition on numbers comes to ---- */

/* The whole numbers for which `compare` holds; false: none (x < the least there is). */
static bool whole_range(enum eg_compare compare, int64_t value, struct eg_whole_range *out) {
    *out = (struct eg_whole_range){INT64_MIN, INT64_MAX};
    switch (compare) {
    case EG_EQ:
    case EG_NE: *out = (struct eg_whole_range){value, value}; return true;
    case EG_LT: out->high = value - (value > INT64_MIN); return value > INT64_MIN;
    case EG_LE: out->high = value; return true;
    case EG_GT: out->low = value + (value < INT64_MAX); return value < INT64_MAX;
    case EG_GE: out->low = value; return true;
    }
    return false;
}

static struct eg_real_range real_range(enum eg_compare compare, double value) {
    struct eg_real_range range = {-INFINITY, INFINITY, false, false};
    if (compare == EG_EQ || compare == EG_NE || compare == EG_GT || compare == EG_GE)
        range.low = value;
    if (compare == EG_EQ || compare == EG_NE || compare == EG_LT || compare == EG_LE)
        range.high = value;
    range.open_low = compare == EG_GT;
    range.open_high = compare == EG_LT;
    return range;
}

static bool wholes(struct maker *m, struct eg_step *step, const struct eg_node *node) {
    bool listed = node->kind == EG_NODE_IN;
    struct eg_whole_range *ranges =
        eg_arena_get(m->arena, listed ? node->item_count : 1, sizeof *ranges);
    if (!ranges) return false;
    step->kind = node->field.kind == EG_FIELD_COLUMN ? EG_STEP_WHOLE : EG_STEP_MADE;
    step->wholes = ranges;
    step->mask = node->mask ? node->mask : -1;
    if (!listed) {
        step->count = whole_range(node->compare, node->value.number, ranges);
        step->negate ^= node->compare == EG_NE;
        return true;
    }
    for (uint32_t i = 0; i < node->item_count; i++)
        ranges[i] = (struct eg_whole_range){node->items[i].low.number, node->items[i].high.number};
    step->count = node->item_count;
    return true;
}

static bool reals(struct maker *m, struct eg_step *step, const struct eg_node *node) {
    bool listed = node->kind == EG_NODE_IN;
    struct eg_real_range *ranges =
        eg_arena_get(m->arena, listed ? node->item_count : 1, sizeof *ranges);
    if (!ranges) return false;
    step->kind = EG_STEP_REAL;
    step->reals = ranges;
    step->count = listed ? node->item_count : 1;
    if (!listed) {
        *ranges = real_range(node->compare, node->value.real);
        step->negate ^= node->compare == EG_NE;
    }
    for (uint32_t i = 0; listed && i < node->item_count; i++)
        ranges[i] =
            (struct eg_real_range){node->items[i].low.real, node->items[i].high.real, false, false};
    return true;
}

/* ---- addresses ---- */

static struct eg_prefix prefix_of(const struct eg_item *item) {
    struct eg_prefix prefix = {.not_v4 = false};
    uint8_t mask[16];
    for (int i = 0; i < 16; i++) {
        int bits = item->bits - 8 * i;
        mask[i] = (uint8_t)(bits >= 8 ? 0xff : bits <= 0 ? 0 : 0xff00 >> bits);
    }
    memcpy(prefix.mask, mask, 16);
    memcpy(prefix.want, item->low.addr.bytes, 16);
    for (int i = 0; i < 2; i++) prefix.want[i] &= prefix.mask[i];
    struct eg_addr v4 = eg_addr_v4(0);
    prefix.not_v4 = item->bits < 96 && eg_prefix_holds(&item->low.addr, item->bits, &v4);
    return prefix;
}

/* Many prefixes become ranges in the order of their numbers; IPv4 is cut out of IPv6 nets around
 * it, whose nets the settled list keeps apart. */
static bool addr_ranges(struct maker *m, struct eg_step *step, const struct eg_item *items,
                        uint32_t count) {
    struct eg_addr_range *ranges = eg_arena_get(m->arena, (size_t)count + 1, sizeof *ranges);
    if (!ranges) return false;
    struct eg_addr v4_net = eg_addr_v4(0), v4_last = eg_addr_v4(UINT32_MAX);
    unsigned __int128 v4_low = eg_addr_number(&v4_net), v4_high = eg_addr_number(&v4_last);
    uint32_t made = 0, v4_count = 0;
    while (v4_count < count && eg_item_is_v4(&items[v4_count])) v4_count++;
    bool v4_done = false;
    for (uint32_t i = v4_count; i <= count; i++) {
        struct eg_addr_range range = {0, 0};
        bool last = i == count;
        if (!last) {
            unsigned __int128 size = items[i].bits
                                         ? ((unsigned __int128)1 << (128 - items[i].bits)) - 1
                                         : ~(unsigned __int128)0;
            range.low = eg_addr_number(&items[i].low.addr);
            range.high = range.low + size;
        }
        bool around = !last && range.low < v4_low && range.high > v4_high;
        if (around) ranges[made++] = (struct eg_addr_range){range.low, v4_low - 1};
        if (!v4_done && (last || around || range.low > v4_high)) {
            for (uint32_t k = 0; k < v4_count; k++) {
                struct eg_addr_range *v4 = &ranges[made++];
                v4->low = eg_addr_number(&items[k].low.addr);
                v4->high = v4->low + (((unsigned __int128)1 << (128 - items[k].bits)) - 1);
            }
            v4_done = true;
        }
        if (around) range.low = v4_high + 1;
        if (!last) ranges[made++] = range;
    }
    step->kind = EG_STEP_ADDRS;
    step->addrs = ranges;
    step->count = made;
    return true;
}

static bool addrs(struct maker *m, struct eg_step *step, const struct eg_node *node) {
    struct eg_item one = {.low = node->value, .bits = 128};
    const struct eg_item *items = node->kind == EG_NODE_IN ? node->items : &one;
    uint32_t count = node->kind == EG_NODE_IN ? node->item_count : 1;
    step->negate ^= node->kind == EG_NODE_COMPARE && node->compare == EG_NE;
    if (count > EG_STEP_FEW) return addr_ranges(m, step, items, count);
    struct eg_prefix *prefixes = eg_arena_get(m->arena, count, sizeof *prefixes);
    if (!prefixes) return false;
    for (uint32_t i = 0; i < count; i++) prefixes[i] = prefix_of(&items[i]);
    step->kind = EG_STEP_ADDR;
    step->prefixes = prefixes;
    step->count = count;
    return true;
}

/* ---- texts ---- */

static bool texts(struct maker *m, struct eg_step *step, const struct eg_node *node) {
    bool listed = node->kind == EG_NODE_IN;
    uint32_t count = listed ? node->item_count : 1;
    struct eg_value *values = eg_arena_get(m->arena, count, sizeof *values);
    if (!values) return false;
    values[0] = node->value;
    for (uint32_t i = 0; listed && i < count; i++) values[i] = node->items[i].low;
    step->kind = EG_STEP_TEXT;
    step->texts = values;
    step->count = count;
    step->compare = listed ? EG_EQ : node->compare;
    return true;
}

/* ---- steps ---- */

static bool leaf(struct maker *m, struct eg_step *step, const struct eg_node *node) {
    step->field = node->field;
    step->other = node->other;
    switch (node->kind) {
    case EG_NODE_CONST:
        step->kind = EG_STEP_CONST;
        step->truth = node->truth != step->negate;
        return true;
    case EG_NODE_MATCH:
        step->kind = EG_STEP_MATCH;
        step->regex = node->regex;
        return true;
    case EG_NODE_NULL: step->kind = EG_STEP_NULL; return true;
    case EG_NODE_FIELDS:
        step->kind = EG_STEP_FIELDS;
        step->compare = node->compare;
        return true;
    default: break;
    }
    if (node->field.type == EG_TYPE_ADDR) return addrs(m, step, node);
    if (node->field.type == EG_TYPE_F64) return reals(m, step, node);
    if (eg_type_is_text(node->field.type)) return texts(m, step, node);
    return wholes(m, step, node);
}

static unsigned cost(const struct eg_step *step) {
    unsigned sum = 0;
    switch (step->kind) {
    case EG_STEP_CONST: return 0;
    case EG_STEP_ALL:
    case EG_STEP_ANY:
        for (uint32_t i = 0; i < step->kid_count; i++) sum += cost(step->kids[i]);
        return sum;
    case EG_STEP_WHOLE: return step->count > EG_STEP_FEW ? 10 : 1;
    case EG_STEP_ADDR: return 2 * step->count;
    case EG_STEP_NULL: return 4;
    case EG_STEP_MADE:
    case EG_STEP_REAL:
    case EG_STEP_FIELDS:
    case EG_STEP_TEXT: return 10;
    case EG_STEP_ADDRS: return 20;
    case EG_STEP_MATCH: return 100;
    }
    return 0;
}

/* Cheap conditions first, otherwise as written. By buckets: chains may be thousands long. */
static bool order_kids(struct maker *m, struct eg_step *step) {
    static const unsigned limits[] = {1, 4, 9, 19, 99, UINT32_MAX};
    const struct eg_step **sorted = eg_arena_get(m->arena, step->kid_count, sizeof *sorted);
    if (!sorted) return false;
    uint32_t count = 0;
    for (size_t k = 0; k < sizeof limits / sizeof *limits; k++)
        for (uint32_t i = 0; i < step->kid_count; i++) {
            unsigned own = cost(step->kids[i]);
            if (own <= limits[k] && (k == 0 || own > limits[k - 1]))
                sorted[count++] = step->kids[i];
        }
    step->kids = sorted;
    return true;
}

static struct eg_step *step_of(struct maker *m, const struct eg_node *node, bool negate) {
    while (node->kind == EG_NODE_NOT) {
        node = node->kids[0];
        negate = !negate;
    }
    struct eg_step *step = eg_arena_get(m->arena, 1, sizeof *step);
    if (!step) return NULL;
    step->negate = negate;
    if (node->kind != EG_NODE_AND && node->kind != EG_NODE_OR)
        return leaf(m, step, node) ? step : NULL;
    step->kind = (node->kind == EG_NODE_AND) != negate ? EG_STEP_ALL : EG_STEP_ANY;
    step->kids = eg_arena_get(m->arena, node->kid_count, sizeof *step->kids);
    if (!step->kids) return NULL;
    for (uint32_t i = 0; i < node->kid_count; i++) {
        struct eg_step *kid = step_of(m, node->kids[i], negate);
        if (!kid) return NULL;
        step->kids[step->kid_count++] = kid;
    }
    return order_kids(m, step) ? step : NULL;
}

struct eg_program *eg_program_new(struct eg_arena *arena, const struct eg_node *node) {
    struct maker m = {arena};
    struct eg_program *program = eg_arena_get(arena, 1, sizeof *program);
    if (!program) return NULL;
    struct eg_step *root = step_of(&m, node, false);
    if (!root) return NULL;
    program->predicate.columns = eg_node_columns(node);
    program->predicate.select = eg_program_select;
    program->root = root;
    return program;
}
