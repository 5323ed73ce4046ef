/* SPDX-License-Identifier: Apache-2.0
 * Building the tree, and the memory it lives in. */
#include "filter/tree.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

#define CHUNK_BYTES 4096

struct eg_arena_chunk {
    struct eg_arena_chunk *older;
    size_t room;
    _Alignas(16) uint8_t bytes[];
};

void *eg_arena_get(struct eg_arena *arena, size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total) || total > SIZE_MAX / 2) return NULL;
    total = (total + 15) & ~(size_t)15;
    if (!arena->chunks || arena->chunks->room - arena->used < total) {
        size_t room = total > CHUNK_BYTES ? total : CHUNK_BYTES;
        struct eg_arena_chunk *chunk = eg_calloc(1, sizeof *chunk + room);
        if (!chunk) return NULL;
        chunk->older = arena->chunks;
        chunk->room = room;
        arena->chunks = chunk;
        arena->used = 0;
    }
    void *got = arena->chunks->bytes + arena->used;
    arena->used += total;
    return got;
}

void eg_arena_reset(struct eg_arena *arena) {
    while (arena->chunks) {
        struct eg_arena_chunk *older = arena->chunks->older;
        eg_free(arena->chunks);
        arena->chunks = older;
    }
    arena->used = 0;
}

/* ---- nodes ---- */

struct eg_node *eg_node_new(struct eg_arena *arena, enum eg_node_kind kind) {
    struct eg_node *node = eg_arena_get(arena, 1, sizeof *node);
    if (!node) return NULL;
    node->kind = kind;
    node->depth = 1;
    return node;
}

struct eg_node *eg_node_const(struct eg_arena *arena, bool truth) {
    struct eg_node *node = eg_node_new(arena, EG_NODE_CONST);
    if (node) node->truth = truth;
    return node;
}

static bool add_kid(struct eg_arena *arena, struct eg_node *node, struct eg_node *kid) {
    if (node->kid_count == node->kid_room) {
        uint32_t room = node->kid_room ? node->kid_room * 2 : 2;
        struct eg_node **kids = eg_arena_get(arena, room, sizeof(struct eg_node *));
        if (!kids) return false;
        if (node->kid_count) memcpy(kids, node->kids, node->kid_count * sizeof(struct eg_node *));
        node->kids = kids;
        node->kid_room = room;
    }
    node->kids[node->kid_count++] = kid;
    if (node->depth < kid->depth + 1) node->depth = kid->depth + 1;
    return true;
}

struct eg_node *eg_node_not(struct eg_arena *arena, struct eg_node *of) {
    if (!of) return NULL;
    if (of->kind == EG_NODE_CONST) return eg_node_const(arena, !of->truth);
    if (of->kind == EG_NODE_NOT) return of->kids[0];
    if (of->kind == EG_NODE_COMPARE || of->kind == EG_NODE_FIELDS) {
        static const enum eg_compare opposite[] = {EG_NE, EG_EQ, EG_GE, EG_GT, EG_LE, EG_LT};
        of->compare = opposite[of->compare];
        return of;
    }
    struct eg_node *node = eg_node_new(arena, EG_NODE_NOT);
    return node && add_kid(arena, node, of) ? node : NULL;
}

/* Adds `kid`, or what it consists of when it is a chain of the same kind. */
static bool add_chain(struct eg_arena *arena, struct eg_node *node, struct eg_node *kid) {
    if (kid->kind != node->kind) return add_kid(arena, node, kid);
    for (uint32_t i = 0; i < kid->kid_count; i++)
        if (!add_kid(arena, node, kid->kids[i])) return false;
    return true;
}

/* `left` is extended in place where it is already such a chain: the parser hands over the chain it
 * has just built, which nobody else holds. */
struct eg_node *eg_node_join(struct eg_arena *arena, enum eg_node_kind kind, struct eg_node *left,
                             struct eg_node *right) {
    if (!left || !right) return NULL;
    bool absorbing = kind == EG_NODE_OR;
    if (left->kind == EG_NODE_CONST) return left->truth == absorbing ? left : right;
    if (right->kind == EG_NODE_CONST) return right->truth == absorbing ? right : left;
    if (left->kind == kind) return add_chain(arena, left, right) ? left : NULL;
    struct eg_node *node = eg_node_new(arena, kind);
    if (!node || !add_kid(arena, node, left) || !add_chain(arena, node, right)) return NULL;
    return node;
}

eg_column_set eg_node_columns(const struct eg_node *node) {
    eg_column_set set = node->field.reads | node->other.reads;
    for (uint32_t i = 0; i < node->kid_count; i++) set |= eg_node_columns(node->kids[i]);
    return set;
}

/* ---- lists ---- */

int eg_value_order(enum eg_type type, const struct eg_value *a, const struct eg_value *b) {
    switch (type) {
    case EG_TYPE_F64: return (a->real > b->real) - (a->real < b->real);
    case EG_TYPE_ADDR: return memcmp(a->addr.bytes, b->addr.bytes, sizeof a->addr.bytes);
    case EG_TYPE_TEXT:
    case EG_TYPE_NAME: return eg_span_order(eg_span(a->text, a->size), eg_span(b->text, b->size));
    default: return (a->number > b->number) - (a->number < b->number);
    }
}

bool eg_item_is_v4(const struct eg_item *item) {
    return item->bits >= 96 && eg_addr_is_v4(&item->low.addr);
}

static int by_number(const void *a, const void *b) {
    return eg_value_order(EG_TYPE_I64, &((const struct eg_item *)a)->low,
                          &((const struct eg_item *)b)->low);
}
static int by_real(const void *a, const void *b) {
    return eg_value_order(EG_TYPE_F64, &((const struct eg_item *)a)->low,
                          &((const struct eg_item *)b)->low);
}
static int by_text(const void *a, const void *b) {
    return eg_value_order(EG_TYPE_TEXT, &((const struct eg_item *)a)->low,
                          &((const struct eg_item *)b)->low);
}
static int by_prefix(const void *a, const void *b) {
    const struct eg_item *left = a, *right = b;
    bool left_v4 = eg_item_is_v4(left), right_v4 = eg_item_is_v4(right);
    if (left_v4 != right_v4) return left_v4 ? -1 : 1;
    int order = eg_value_order(EG_TYPE_ADDR, &left->low, &right->low);
    return order ? order : left->bits - right->bits;
}

/* The settled entry `a` makes its successor in the order, `b`, needless; it may grow for that. */
static bool covers(enum eg_type type, struct eg_item *a, const struct eg_item *b) {
    switch (type) {
    case EG_TYPE_TEXT:
    case EG_TYPE_NAME: return eg_value_order(type, &a->low, &b->low) == 0;
    case EG_TYPE_ADDR:
        return eg_item_is_v4(a) == eg_item_is_v4(b) && a->bits <= b->bits &&
               eg_prefix_holds(&a->low.addr, a->bits, &b->low.addr);
    case EG_TYPE_MAC: /* no ranges of these */
    case EG_TYPE_BOOL: return a->low.number == b->low.number;
    case EG_TYPE_F64:
        if (b->low.real > a->high.real) return false;
        if (b->high.real > a->high.real) a->high = b->high;
        a->range = a->low.real < a->high.real;
        return true;
    default:
        if (a->high.number != INT64_MAX && b->low.number > a->high.number + 1) return false;
        if (b->high.number > a->high.number) a->high = b->high;
        a->range = a->low.number < a->high.number;
        return true;
    }
}

void eg_items_settle(enum eg_type type, struct eg_item *items, uint32_t *count) {
    int (*order)(const void *, const void *) = type == EG_TYPE_ADDR    ? by_prefix
                                               : eg_type_is_text(type) ? by_text
                                               : type == EG_TYPE_F64   ? by_real
                                                                       : by_number;
    for (uint32_t i = 0; i < *count; i++)
        if (items[i].range && eg_value_order(type, &items[i].low, &items[i].high) == 0)
            items[i].range = false;
    if (*count < 2) return;
    qsort(items, *count, sizeof *items, order);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < *count; i++)
        if (!covers(type, &items[kept - 1], &items[i])) items[kept++] = items[i];
    *count = kept;
}
