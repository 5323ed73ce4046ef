/* SPDX-License-Identifier: Apache-2.0
 * The tree a filter is parsed into. Words are gone by then: what is left is and/or/not over a
 * handful of conditions on fields, which the SQL, the normal form and the evaluator all walk. */
#ifndef EG_FILTER_TREE_H
#define EG_FILTER_TREE_H

#include "filter/regex.h"
#include "table/address.h"

#define EG_FILTER_DEPTH_MAX 64 /* of the tree, and of brackets in the text */
/* Saved filters it names included. More than people write (64 KiB): a normal form, which other
 * rooms pass on as text, repeats a list for each side. */
#define EG_FILTER_TEXT_MAX (256 * 1024)
#define EG_FILTER_LIST_MAX 65536 /* entries */

/* Memory that goes all at once. */
struct eg_arena {
    struct eg_arena_chunk *chunks;
    size_t used; /* in the newest chunk */
};
void *eg_arena_get(struct eg_arena *, size_t count, size_t size); /* zeroed; NULL: no memory */
void eg_arena_reset(struct eg_arena *);

/* What a field is: a column, or made of columns. */
enum eg_field_kind {
    EG_FIELD_COLUMN,
    EG_FIELD_DURATION, /* end_time - start_time, µs */
    EG_FIELD_PPS,
    EG_FIELD_BPS, /* bits a second */
    EG_FIELD_BPP, /* bytes a packet */
};

/* What values of a number mean: its bounds, names and units. */
enum eg_measure {
    EG_MEASURE_NONE,
    EG_MEASURE_PORT,
    EG_MEASURE_PROTO,
    EG_MEASURE_OCTET,
    EG_MEASURE_VLAN,
    EG_MEASURE_MASK,
    EG_MEASURE_AS,
    EG_MEASURE_FLAGS,
    EG_MEASURE_MICROS,   /* microseconds; a plain number is fine */
    EG_MEASURE_DURATION, /* microseconds, but a plain number would be a guess */
};

struct eg_field {
    const char *name; /* the canonical one */
    enum eg_field_kind kind;
    enum eg_type type; /* duration: I64; pps, bps, bpp: F64 */
    enum eg_measure measure;
    uint32_t col;                        /* COLUMN */
    uint32_t start, end, bytes, packets; /* the others: the columns they are made of */
    eg_column_set reads;
};

/* One value; which part of it counts follows from the field's type. */
struct eg_value {
    int64_t number; /* TIME I16 I32 I64 MAC BOOL */
    double real;    /* F64 */
    struct eg_addr addr;
    const char *text; /* TEXT NAME BIN */
    size_t size;
};

/* An entry of a list: low..high for numbers and times; ADDR: the first `bits` of low.addr. */
struct eg_item {
    struct eg_value low, high;
    int bits;
    bool range;
};

enum eg_compare { EG_EQ, EG_NE, EG_LT, EG_LE, EG_GT, EG_GE };

enum eg_node_kind {
    EG_NODE_CONST,   /* `truth` */
    EG_NODE_AND,     /* kids */
    EG_NODE_OR,      /* kids */
    EG_NODE_NOT,     /* kids[0] */
    EG_NODE_COMPARE, /* field (& mask) compare value */
    EG_NODE_FIELDS,  /* field compare other */
    EG_NODE_IN,      /* field in items: sorted, merged, at least one */
    EG_NODE_MATCH,   /* field ~ regex */
    EG_NODE_NULL,    /* field is null */
};

struct eg_node {
    enum eg_node_kind kind;
    enum eg_compare compare;
    bool truth;
    uint32_t depth; /* 1 for a leaf */
    struct eg_field field, other;
    int64_t mask; /* 0: none */
    struct eg_value value;
    struct eg_item *items;
    uint32_t item_count;
    struct eg_regex *regex;
    struct eg_node **kids;
    uint32_t kid_count, kid_room;
};

/* All of these answer NULL when memory ran out (and take NULL, answering NULL). Constants and
 * double negations are folded, and and/or are flattened, none of which SQL's logic can tell. */
struct eg_node *eg_node_new(struct eg_arena *, enum eg_node_kind);
struct eg_node *eg_node_const(struct eg_arena *, bool truth);
struct eg_node *eg_node_not(struct eg_arena *, struct eg_node *);
struct eg_node *eg_node_join(struct eg_arena *, enum eg_node_kind, struct eg_node *,
                             struct eg_node *);
eg_column_set eg_node_columns(const struct eg_node *);

static inline bool eg_type_is_whole(enum eg_type type) {
    return type == EG_TYPE_I16 || type == EG_TYPE_I32 || type == EG_TYPE_I64;
}
static inline bool eg_type_is_text(enum eg_type type) {
    return type == EG_TYPE_TEXT || type == EG_TYPE_NAME;
}

/* The prefix is of IPv4 addresses; ::/0 is not: it holds IPv6 addresses only. */
bool eg_item_is_v4(const struct eg_item *);

/* The item list sorted, without what another entry covers; numbers that touch become one range. */
void eg_items_settle(enum eg_type, struct eg_item *items, uint32_t *count);
/* <0, 0, >0; values of that type. */
int eg_value_order(enum eg_type, const struct eg_value *, const struct eg_value *);

#endif
