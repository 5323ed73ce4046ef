/* SPDX-License-Identifier: Apache-2.0
 * What is asked of a field:
 *
 *   test := [not] in list | is [not] null | OP value | OP FIELD | ~ "regex" | & bits OP value
 *         | value | list                                  (the last two: equals, one of)
 */
#include "filter/parser.h"
#include "filter/value.h"

#include <stdio.h>
#include <string.h>

#define REGEX_COUNT_MAX 64

/* ---- leaves ---- */

/* One leaf for each field of the target, joined as it asks; `negate` where the user wrote !=, not
 * in or !~: of two fields that is "neither". */
struct eg_node *eg_condition_spread(struct eg_parser *p, const struct eg_target *target,
                                    const struct eg_node *leaf, bool negate) {
    struct eg_node *whole = NULL;
    for (unsigned i = 0; i < target->count; i++) {
        struct eg_node *one = eg_node_new(p->arena, leaf->kind);
        if (!one) return eg_parser_no_memory(p);
        *one = *leaf;
        one->field = target->fields[i];
        if (target->both && negate) one = eg_node_not(p->arena, one);
        whole =
            i ? eg_node_join(p->arena, target->both ? EG_NODE_AND : EG_NODE_OR, whole, one) : one;
    }
    if (negate && !target->both) whole = eg_node_not(p->arena, whole);
    if (target->proto >= 0) {
        struct eg_node *proto = eg_node_new(p->arena, EG_NODE_COMPARE);
        if (!proto) return eg_parser_no_memory(p);
        if (!eg_field_named(&proto->field, p->table, "proto")) {
            eg_parser_fail(p, p->token.begin, "the table %s has no protocols",
                           eg_table_name(p->table));
            return NULL;
        }
        proto->value.number = target->proto;
        whole = eg_node_join(p->arena, EG_NODE_AND, proto, whole);
    }
    return whole ? whole : eg_parser_no_memory(p);
}

static struct eg_node *items_test(struct eg_parser *p, const struct eg_target *target,
                                  struct eg_item *items, uint32_t count, bool negate) {
    eg_items_settle(target->fields[0].type, items, &count);
    struct eg_node leaf = {.kind = EG_NODE_IN, .depth = 1, .items = items, .item_count = count};
    bool net = target->fields[0].type == EG_TYPE_ADDR && items->bits < 128;
    if (count == 1 && !items->range && !net) {
        leaf.kind = EG_NODE_COMPARE;
        leaf.value = items->low;
    }
    return eg_condition_spread(p, target, &leaf, negate);
}

/* ---- values ---- */

bool eg_condition_value(struct eg_parser *p, const struct eg_target *target, struct eg_item *out) {
    struct eg_field called = target->fields[0];
    if (target->word) called.name = target->word;
    const struct eg_field *field = &called;
    if (!eg_token_is_value(&p->token)) {
        eg_parser_expected(p, "a value");
        return false;
    }
    struct eg_error why = {0};
    enum eg_status status =
        eg_value_parse(out, field, &p->token, target->by_net, p->now_us, p->arena, &why);
    if (status == EG_E_NOMEM)
        eg_parser_no_memory(p);
    else if (status < 0)
        eg_parser_fail(p, p->token.begin, "%s", why.message);
    if (status < 0) return false;
    eg_parser_advance(p);
    return true;
}

/* "net 10.0.0.0 mask 255.0.0.0", and nfdump's form without the word. */
static bool netmask(struct eg_parser *p, struct eg_item *item) {
    struct eg_addr mask;
    bool said = eg_word_of(&p->token) == EG_WORD_MASK;
    struct eg_token token = said ? eg_parser_peek(p) : p->token;
    if (token.kind != EG_TOKEN_WORD || !eg_addr_parse(&mask, token.at, token.size)) {
        if (!said) return true;
        eg_parser_advance(p);
        eg_parser_expected(p, "a mask such as 255.255.255.0");
        return false;
    }
    if (said) eg_parser_advance(p);
    uint32_t bits = (uint32_t)mask.bytes[12] << 24 | (uint32_t)mask.bytes[13] << 16 |
                    (uint32_t)mask.bytes[14] << 8 | mask.bytes[15];
    if (!eg_addr_is_v4(&mask) || !eg_item_is_v4(item) || (~bits & (~bits + 1))) {
        eg_parser_fail(p, token.begin, "'%.*s' is not a net mask; write ADDRESS/BITS",
                       (int)(token.size < 60 ? token.size : 60), token.at);
        return false;
    }
    item->bits = 96 + __builtin_popcount(bits);
    for (int i = 0; i < 4; i++) item->low.addr.bytes[12 + i] &= mask.bytes[12 + i];
    eg_parser_advance(p);
    return true;
}

/* VALUE [.. VALUE] */
static bool item(struct eg_parser *p, const struct eg_target *target, struct eg_item *out) {
    size_t begin = p->token.begin;
    if (!eg_condition_value(p, target, out)) return false;
    if (target->by_net && out->bits == 128 && eg_item_is_v4(out) && !netmask(p, out)) return false;
    if (p->token.kind != EG_TOKEN_DOTS) return true;
    const struct eg_field *field = &target->fields[0];
    if (!eg_value_has_order(field) || out->range) {
        eg_parser_fail(p, p->token.begin, "%s has no ranges%s", field->name,
                       field->type == EG_TYPE_ADDR ? "; write a net such as 10.0.0.0/8" : "");
        return false;
    }
    eg_parser_advance(p);
    struct eg_item high;
    if (!eg_condition_value(p, target, &high)) return false;
    out->high = high.high;
    out->range = true;
    if (eg_value_order(field->type, &out->high, &out->low) >= 0) return true;
    eg_parser_fail(p, begin, "the range runs backwards");
    return false;
}

struct list {
    struct eg_item *items;
    uint32_t count, room;
};

static bool list_add(struct eg_parser *p, struct list *list, const struct eg_item *one) {
    if (list->count == EG_FILTER_LIST_MAX) {
        eg_parser_fail(p, p->token.begin, "a list has at most %d entries", EG_FILTER_LIST_MAX);
        return false;
    }
    if (list->count == list->room) {
        uint32_t room = list->room ? list->room * 2 : 4;
        struct eg_item *items = eg_arena_get(p->arena, room, sizeof *items);
        if (!items) return eg_parser_no_memory(p);
        if (list->count) memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = *one;
    return true;
}

/* ( a, b, c..d ), with commas, "or" or nothing between. */
static bool list_of(struct eg_parser *p, const struct eg_target *target, struct list *out) {
    *out = (struct list){0};
    char close = *p->token.at == '(' ? ')' : ']';
    eg_parser_advance(p);
    while (out->count == 0 || p->token.kind != EG_TOKEN_CLOSE) {
        struct eg_item one;
        if (out->count && (p->token.kind == EG_TOKEN_COMMA || p->token.kind == EG_TOKEN_OR))
            eg_parser_advance(p);
        else if (out->count && !eg_token_is_value(&p->token)) {
            eg_parser_expected(p, close == ')' ? "',' or ')'" : "',' or ']'");
            return false;
        }
        if (!item(p, target, &one) || !list_add(p, out, &one)) return false;
    }
    if (*p->token.at != close) {
        eg_parser_expected(p, close == ')' ? "',' or ')'" : "',' or ']'");
        return false;
    }
    eg_parser_advance(p);
    return true;
}

/* A list, or one value where a list could stand. */
static struct eg_node *one_of(struct eg_parser *p, const struct eg_target *target, bool negate) {
    struct list list = {0};
    if (p->token.kind == EG_TOKEN_OPEN) {
        if (!list_of(p, target, &list)) return NULL;
    } else {
        struct eg_item one;
        if (!item(p, target, &one) || !list_add(p, &list, &one)) return NULL;
    }
    return items_test(p, target, list.items, list.count, negate);
}

/* ---- tests ---- */

/* Whether two fields can be compared, and by order. */
static bool comparable(const struct eg_field *a, const struct eg_field *b, bool *order) {
    *order = true;
    if (eg_value_has_order(a) && eg_value_has_order(b))
        return (a->type == EG_TYPE_TIME) == (b->type == EG_TYPE_TIME);
    if (eg_type_is_text(a->type) && eg_type_is_text(b->type)) return true;
    *order = false;
    return a->type == b->type && a->type != EG_TYPE_BIN && a->type != EG_TYPE_VIEW;
}

/* The token names a field to compare with: its own name, or one with a dot, without quotes. */
static bool names_field(const struct eg_parser *p, struct eg_target *out) {
    const struct eg_token *token = &p->token;
    if (token->kind != EG_TOKEN_WORD || !eg_target_find(out, p->table, token->at, token->size))
        return false;
    return eg_token_is(token, out->fields[0].name) || memchr(token->at, '.', token->size);
}

static struct eg_node *fields_test(struct eg_parser *p, const struct eg_target *target,
                                   const struct eg_target *other, enum eg_compare compare) {
    const struct eg_field *a = &target->fields[0], *b = &other->fields[0];
    bool order;
    if (other->count != 1 || other->proto >= 0) {
        eg_parser_fail(p, p->token.begin, "compare with one field, such as %s", b->name);
        return NULL;
    }
    if (!comparable(a, b, &order)) {
        eg_parser_fail(p, p->token.begin, "%s (%s) cannot be compared with %s (%s)", a->name,
                       a->type == EG_TYPE_ADDR ? "address" : eg_type_name(a->type), b->name,
                       b->type == EG_TYPE_ADDR ? "address" : eg_type_name(b->type));
        return NULL;
    }
    if (!order && compare != EG_EQ && compare != EG_NE) {
        eg_parser_fail(p, p->token.begin, "%s and %s have no order; use = or !=", a->name, b->name);
        return NULL;
    }
    eg_parser_advance(p);
    bool negate = compare == EG_NE;
    struct eg_node leaf = {.kind = EG_NODE_FIELDS, .depth = 1, .other = *b};
    leaf.compare = negate ? EG_EQ : compare;
    return eg_condition_spread(p, target, &leaf, negate);
}

static struct eg_node *compare_test(struct eg_parser *p, const struct eg_target *target,
                                    enum eg_compare compare, size_t sign) {
    struct eg_target other;
    if (names_field(p, &other)) return fields_test(p, target, &other, compare);
    if (compare == EG_EQ || compare == EG_NE) return one_of(p, target, compare == EG_NE);
    const struct eg_field *field = &target->fields[0];
    if (!eg_value_has_order(field) && !eg_type_is_text(field->type)) {
        eg_parser_fail(p, sign, "%s is %s, which has no order: use =, != or in", field->name,
                       field->type == EG_TYPE_ADDR  ? "an address"
                       : field->type == EG_TYPE_MAC ? "a MAC address"
                                                    : "true or false");
        return NULL;
    }
    struct eg_item one;
    size_t begin = p->token.begin;
    if (!item(p, target, &one)) return NULL;
    if (one.range) {
        eg_parser_fail(p, begin, "a range goes with = or in, not with an order");
        return NULL;
    }
    struct eg_node leaf = {
        .kind = EG_NODE_COMPARE, .depth = 1, .compare = compare, .value = one.low};
    return eg_condition_spread(p, target, &leaf, false);
}

static struct eg_node *match_test(struct eg_parser *p, const struct eg_target *target,
                                  bool negate) {
    const struct eg_field *field = &target->fields[0];
    if (!eg_type_is_text(field->type)) {
        eg_parser_fail(p, p->token.begin, "~ needs a text, and %s is none", field->name);
        return NULL;
    }
    if (p->token.kind != EG_TOKEN_QUOTED) {
        eg_parser_expected(p, "an expression in quotes");
        return NULL;
    }
    if (p->regex_count++ >= REGEX_COUNT_MAX) {
        eg_parser_fail(p, p->token.begin, "more than %d expressions in one filter",
                       REGEX_COUNT_MAX);
        return NULL;
    }
    struct eg_item text;
    size_t begin = p->token.begin + 1;
    if (!eg_condition_value(p, target, &text)) return NULL;
    struct eg_node leaf = {.kind = EG_NODE_MATCH, .depth = 1};
    struct eg_error why = {0};
    enum eg_status status =
        eg_regex_parse(&leaf.regex, text.low.text, text.low.size, p->arena, &why);
    if (status == EG_E_NOMEM) return eg_parser_no_memory(p);
    if (status < 0) {
        eg_parser_fail(p, begin + (size_t)why.position, "%s", why.message);
        return NULL;
    }
    return eg_condition_spread(p, target, &leaf, negate);
}

/* "& 0x12 = 0x12" */
static struct eg_node *mask_test(struct eg_parser *p, const struct eg_target *target) {
    const struct eg_field *field = &target->fields[0];
    if (!eg_type_is_whole(field->type) || field->kind != EG_FIELD_COLUMN) {
        eg_parser_fail(p, p->token.begin - 1, "& needs a whole number, and %s is none",
                       field->name);
        return NULL;
    }
    struct eg_item bits, want;
    size_t begin = p->token.begin;
    if (!eg_condition_value(p, target, &bits)) return NULL;
    if (bits.range || bits.low.number <= 0) {
        eg_parser_fail(p, begin, "expected the bits to look at, such as 0x12");
        return NULL;
    }
    enum eg_compare compare;
    if (!eg_token_compare(&p->token, &compare)) {
        eg_parser_expected(p, "= or != behind the bits");
        return NULL;
    }
    eg_parser_advance(p);
    begin = p->token.begin;
    if (!eg_condition_value(p, target, &want)) return NULL;
    if (want.range) {
        eg_parser_fail(p, begin, "expected one number");
        return NULL;
    }
    bool negate = compare == EG_NE;
    struct eg_node leaf = {.kind = EG_NODE_COMPARE,
                           .depth = 1,
                           .compare = negate ? EG_EQ : compare,
                           .mask = bits.low.number,
                           .value = want.low};
    return eg_condition_spread(p, target, &leaf, negate);
}

/* "null" or "not null", behind "is": both columns of a pair null, or not both. */
static struct eg_node *null_test(struct eg_parser *p, const struct eg_target *target) {
    bool negate = p->token.kind == EG_TOKEN_NOT;
    if (negate) eg_parser_advance(p);
    if (!eg_parser_accept(p, "null")) {
        eg_parser_expected(p, negate ? "null" : "null or not null");
        return NULL;
    }
    struct eg_target both = *target;
    both.both = false;
    struct eg_node leaf = {.kind = EG_NODE_NULL, .depth = 1};
    if (target->count == 1) return eg_condition_spread(p, &both, &leaf, negate);
    both.both = true;
    struct eg_node *node = eg_condition_spread(p, &both, &leaf, false);
    return negate ? eg_node_not(p->arena, node) : node;
}

static struct eg_node *bare_test(struct eg_parser *p, const struct eg_target *target) {
    const struct eg_field *field = &target->fields[0];
    if (field->type == EG_TYPE_BOOL) {
        struct eg_node leaf = {.kind = EG_NODE_COMPARE, .depth = 1, .value.number = 1};
        return eg_condition_spread(p, target, &leaf, false);
    }
    if (strcmp(field->name, "vlan") == 0) {
        struct eg_node leaf = {.kind = EG_NODE_NULL, .depth = 1};
        return eg_condition_spread(p, target, &leaf, true);
    }
    char what[160];
    snprintf(what, sizeof what, "an operator or a value behind %s",
             target->word ? target->word : field->name);
    eg_parser_expected(p, what);
    return NULL;
}

struct eg_node *eg_condition(struct eg_parser *p, const struct eg_target *target) {
    struct eg_token token = p->token;
    enum eg_compare compare;
    if (eg_token_compare(&token, &compare)) {
        eg_parser_advance(p);
        return compare_test(p, target, compare, token.begin);
    }
    struct eg_token next = eg_parser_peek(p);
    if (token.kind == EG_TOKEN_NOT && next.kind == EG_TOKEN_WORD && eg_token_is(&next, "in")) {
        eg_parser_advance(p);
        eg_parser_advance(p);
        return one_of(p, target, true);
    }
    if (eg_parser_accept(p, "in")) return one_of(p, target, false);
    if (eg_parser_accept(p, "is")) return null_test(p, target);
    if (token.kind == EG_TOKEN_MATCH || token.kind == EG_TOKEN_NO_MATCH) {
        eg_parser_advance(p);
        return match_test(p, target, token.kind == EG_TOKEN_NO_MATCH);
    }
    if (eg_parser_accept(p, "matches")) return match_test(p, target, false);
    if (token.kind == EG_TOKEN_MASK) {
        eg_parser_advance(p);
        return mask_test(p, target);
    }
    if (eg_token_ends(&token)) return bare_test(p, target);
    if (!eg_token_is_value(&token) && token.kind != EG_TOKEN_OPEN) return bare_test(p, target);
    struct eg_node *node = one_of(p, target, false);
    p->last = *target;
    p->last_end = p->token.begin;
    return node;
}
