/* SPDX-License-Identifier: Apache-2.0
 * Walks the tree for equalities. What it cannot use, it takes for "any row": so the answer may ask for
 * too little, never for too much. */
#include "filter/needs.h"

#include "filter/tree.h"

#include <string.h>

#define MAKE_MAX (EG_NEEDS_MAX / 2)

static void any_row(struct eg_needs *out) {
    out->count = 1;
    out->any[0].count = 0;
}

static bool is_any_row(const struct eg_needs *needs) {
    return needs->count == 1 && needs->any[0].count == 0;
}

static bool same_value(const struct eg_need_key *a, const struct eg_need_key *b) {
    if (a->type == EG_TYPE_ADDR) return memcmp(&a->addr, &b->addr, sizeof a->addr) == 0;
    return a->number == b->number;
}

/* Adds an equality; false: it contradicts another one. */
static bool key_add(struct eg_need *need, const struct eg_need_key *key) {
    uint32_t at = 0;
    while (at < need->count && need->keys[at].col < key->col) at++;
    if (at < need->count && need->keys[at].col == key->col) return same_value(&need->keys[at], key);
    if (need->count == EG_NEED_KEYS_MAX) return true;
    memmove(&need->keys[at + 1], &need->keys[at], (need->count - at) * sizeof *need->keys);
    need->keys[at] = *key;
    need->count++;
    return true;
}

static bool usable(const struct eg_node *node) {
    return node->field.kind == EG_FIELD_COLUMN && !node->mask &&
           (node->field.type == EG_TYPE_ADDR || eg_type_is_whole(node->field.type));
}

static void value_add(const struct eg_node *node, const struct eg_value *value,
                      struct eg_needs *out) {
    struct eg_need_key key = {.col = node->field.col, .type = node->field.type};
    if (key.type == EG_TYPE_ADDR)
        key.addr = value->addr;
    else
        key.number = value->number;
    out->any[out->count].count = 0;
    (void)key_add(&out->any[out->count++], &key);
}

/* field in (a, b, c) */
static void list_needs(const struct eg_node *node, struct eg_needs *out) {
    bool single = usable(node) && node->item_count <= MAKE_MAX;
    for (uint32_t i = 0; single && i < node->item_count; i++) {
        const struct eg_item *item = &node->items[i];
        single = node->field.type == EG_TYPE_ADDR
                     ? item->bits == 128
                     : !item->range || item->low.number == item->high.number;
    }
    out->count = 0;
    for (uint32_t i = 0; single && i < node->item_count; i++)
        value_add(node, &node->items[i].low, out);
    if (!single) any_row(out);
}

static void all_needs(const struct eg_node *node, struct eg_needs *out) {
    any_row(out);
    for (uint32_t k = 0; k < node->kid_count; k++) {
        struct eg_needs kid, both = {.count = 0};
        eg_node_needs(node->kids[k], &kid);
        if (is_any_row(&kid) || (uint64_t)out->count * kid.count > MAKE_MAX) continue;
        for (uint32_t i = 0; i < out->count; i++)
            for (uint32_t j = 0; j < kid.count; j++) {
                struct eg_need *need = &both.any[both.count];
                *need = out->any[i];
                bool possible = true;
                for (uint32_t key = 0; key < kid.any[j].count && possible; key++)
                    possible = key_add(need, &kid.any[j].keys[key]);
                both.count += possible;
            }
        *out = both;
    }
}

static void one_needs(const struct eg_node *node, struct eg_needs *out) {
    out->count = 0;
    for (uint32_t k = 0; k < node->kid_count; k++) {
        struct eg_needs kid;
        eg_node_needs(node->kids[k], &kid);
        if (is_any_row(&kid) || out->count + kid.count > MAKE_MAX) {
            any_row(out);
            return;
        }
        for (uint32_t j = 0; j < kid.count; j++) out->any[out->count++] = kid.any[j];
    }
}

void eg_node_needs(const struct eg_node *node, struct eg_needs *out) {
    any_row(out);
    switch (node->kind) {
    case EG_NODE_CONST:
        if (!node->truth) out->count = 0;
        return;
    case EG_NODE_AND: all_needs(node, out); return;
    case EG_NODE_OR: one_needs(node, out); return;
    case EG_NODE_IN: list_needs(node, out); return;
    case EG_NODE_COMPARE:
        if (node->compare != EG_EQ || !usable(node)) return;
        out->count = 0;
        value_add(node, &node->value, out);
        return;
    default: return;
    }
}
