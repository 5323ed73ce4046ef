/* SPDX-License-Identifier: Apache-2.0
 * The grammar, by recursive descent. Every function answers NULL after an error, which the parser
 * remembers; the first one counts.
 *
 *   any-of  := all-of { or all-of }            primary := @name | any | exists FIELD | TARGET test
 *   all-of  := unary { and unary }                     | PROTOCOL [primary] | ip [primary] | VALUE
 *   unary   := not unary | ( any-of ) | primary
 *   test    := [not] in list | is [not] null | OP value | OP FIELD | ~ "regex" | & bits OP value
 *            | value | list                            (the last two: equals, one of)
 */
#include "filter/parse.h"

#include "filter/lex.h"
#include "filter/value.h"
#include "filter/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SAVED_DEPTH_MAX 16
#define REGEX_COUNT_MAX 64

struct parser {
    struct eg_arena *arena;
    enum eg_table_id table;
    const struct eg_filter_names *names;
    int64_t now_us;
    struct eg_error *err;
    enum eg_status status;

    struct eg_lexer lexer;
    struct eg_token token; /* the one to be read */
    struct eg_target last; /* of the word just read: "port 80 or 443"; count 0: none */
    size_t last_end;       /* that condition ended here, and the next one may go on from it */
    unsigned level;
    unsigned regex_count;
    size_t text_size;                   /* saved filters included */
    const char *saved[SAVED_DEPTH_MAX]; /* names being expanded */
    unsigned saved_depth;
    size_t saved_at; /* where the outermost of them stands */
};

/* ---- errors ---- */

static void fail(struct parser *p, size_t position, const char *format, ...) EG_PRINTF(3, 4);
static void fail(struct parser *p, size_t position, const char *format, ...) {
    if (p->status < 0) return;
    char message[600];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    p->status = eg_fail(p->err, EG_E_USAGE, "%s", message);
    for (unsigned i = p->saved_depth; i-- > 0;)
        eg_error_prefix(p->err, "in the saved filter @%.64s", p->saved[i]);
    if (p->err) p->err->position = (int64_t)(p->saved_depth ? p->saved_at : position);
}

static void *no_memory(struct parser *p) {
    if (p->status >= 0) p->status = eg_fail(p->err, EG_E_NOMEM, "no memory for a filter");
    return NULL;
}

/* "expected WHAT, not 'token'" */
static void expected(struct parser *p, const char *what) {
    const struct eg_token *token = &p->token;
    int size = (int)(token->end - token->begin < 60 ? token->end - token->begin : 60);
    if (token->kind == EG_TOKEN_BAD)
        fail(p, token->begin, "%s", token->why);
    else if (token->kind == EG_TOKEN_END)
        fail(p, token->begin, "expected %s, but the filter ends here", what);
    else
        fail(p, token->begin, "expected %s, not '%.*s'", what, size, p->lexer.text + token->begin);
}

/* ---- tokens ---- */

static void advance(struct parser *p) { p->token = eg_lex(&p->lexer); }

static struct eg_token peek(const struct parser *p) {
    struct eg_lexer ahead = p->lexer;
    return eg_lex(&ahead);
}

static bool accept_word(struct parser *p, const char *word) {
    if (p->token.kind != EG_TOKEN_WORD || !eg_token_is(&p->token, word)) return false;
    advance(p);
    return true;
}

static bool is_value(const struct eg_token *token) {
    return token->kind == EG_TOKEN_WORD || token->kind == EG_TOKEN_QUOTED;
}

/* '=' and its kin, also as words (nfdump, Wireshark). */
static bool compare_of(const struct eg_token *token, enum eg_compare *out) {
    static const char *const names[] = {"eq", "ne", "lt", "le", "gt", "ge"};
    if (token->kind >= EG_TOKEN_EQ && token->kind <= EG_TOKEN_GE) {
        *out = (enum eg_compare)(token->kind - EG_TOKEN_EQ);
        return true;
    }
    for (unsigned i = 0; token->kind == EG_TOKEN_WORD && i < 6; i++) {
        if (!eg_token_is(token, names[i])) continue;
        *out = (enum eg_compare)i;
        return true;
    }
    return false;
}

/* ---- leaves ---- */

/* One leaf for each field of the target, joined as it asks; `negate` where the user wrote !=, not
 * in or !~: of two fields that is "neither". */
static struct eg_node *spread(struct parser *p, const struct eg_target *target,
                              const struct eg_node *leaf, bool negate) {
    struct eg_node *whole = NULL;
    for (unsigned i = 0; i < target->count; i++) {
        struct eg_node *one = eg_node_new(p->arena, leaf->kind);
        if (!one) return no_memory(p);
        *one = *leaf;
        one->field = target->fields[i];
        if (target->both && negate) one = eg_node_not(p->arena, one);
        whole =
            i ? eg_node_join(p->arena, target->both ? EG_NODE_AND : EG_NODE_OR, whole, one) : one;
    }
    if (negate && !target->both) whole = eg_node_not(p->arena, whole);
    if (target->proto >= 0) {
        struct eg_node *proto = eg_node_new(p->arena, EG_NODE_COMPARE);
        if (!proto) return no_memory(p);
        if (!eg_field_named(&proto->field, p->table, "proto")) {
            fail(p, p->token.begin, "the table %s has no protocols", eg_table_name(p->table));
            return NULL;
        }
        proto->value.number = target->proto;
        whole = eg_node_join(p->arena, EG_NODE_AND, proto, whole);
    }
    return whole ? whole : no_memory(p);
}

static struct eg_node *items_test(struct parser *p, const struct eg_target *target,
                                  struct eg_item *items, uint32_t count, bool negate) {
    eg_items_settle(target->fields[0].type, items, &count);
    struct eg_node leaf = {.kind = EG_NODE_IN, .depth = 1, .items = items, .item_count = count};
    bool net = target->fields[0].type == EG_TYPE_ADDR && items->bits < 128;
    if (count == 1 && !items->range && !net) {
        leaf.kind = EG_NODE_COMPARE;
        leaf.value = items->low;
    }
    return spread(p, target, &leaf, negate);
}

/* ---- values ---- */

static bool value(struct parser *p, const struct eg_target *target, struct eg_item *out) {
    const struct eg_field *field = &target->fields[0];
    if (!is_value(&p->token)) {
        expected(p, "a value");
        return false;
    }
    struct eg_error why = {0};
    enum eg_status status =
        eg_value_parse(out, field, &p->token, target->by_net, p->now_us, p->arena, &why);
    if (status == EG_E_NOMEM)
        no_memory(p);
    else if (status < 0)
        fail(p, p->token.begin, "%s", why.message);
    if (status < 0) return false;
    advance(p);
    return true;
}

/* "net 10.0.0.0 mask 255.0.0.0", and nfdump's form without the word. */
static bool netmask(struct parser *p, struct eg_item *item) {
    struct eg_addr mask;
    bool said = eg_word_of(&p->token) == EG_WORD_MASK;
    struct eg_token token = said ? peek(p) : p->token;
    if (token.kind != EG_TOKEN_WORD || !eg_addr_parse(&mask, token.at, token.size)) {
        if (!said) return true;
        advance(p);
        expected(p, "a mask such as 255.255.255.0");
        return false;
    }
    if (said) advance(p);
    uint32_t bits = (uint32_t)mask.bytes[12] << 24 | (uint32_t)mask.bytes[13] << 16 |
                    (uint32_t)mask.bytes[14] << 8 | mask.bytes[15];
    if (!eg_addr_is_v4(&mask) || !eg_item_is_v4(item) || (~bits & (~bits + 1))) {
        fail(p, token.begin, "'%.*s' is not a net mask; write ADDRESS/BITS",
             (int)(token.size < 60 ? token.size : 60), token.at);
        return false;
    }
    item->bits = 96 + __builtin_popcount(bits);
    for (int i = 0; i < 4; i++) item->low.addr.bytes[12 + i] &= mask.bytes[12 + i];
    advance(p);
    return true;
}

/* VALUE [.. VALUE] */
static bool item(struct parser *p, const struct eg_target *target, struct eg_item *out) {
    size_t begin = p->token.begin;
    if (!value(p, target, out)) return false;
    if (target->by_net && out->bits == 128 && eg_item_is_v4(out) && !netmask(p, out)) return false;
    if (p->token.kind != EG_TOKEN_DOTS) return true;
    const struct eg_field *field = &target->fields[0];
    if (!eg_value_has_order(field) || out->range) {
        fail(p, p->token.begin, "%s has no ranges%s", field->name,
             field->type == EG_TYPE_ADDR ? "; write a net such as 10.0.0.0/8" : "");
        return false;
    }
    advance(p);
    struct eg_item high;
    if (!value(p, target, &high)) return false;
    out->high = high.high;
    out->range = true;
    if (eg_value_order(field->type, &out->high, &out->low) >= 0) return true;
    fail(p, begin, "the range runs backwards");
    return false;
}

struct list {
    struct eg_item *items;
    uint32_t count, room;
};

static bool list_add(struct parser *p, struct list *list, const struct eg_item *one) {
    if (list->count == list->room) {
        uint32_t room = list->room ? list->room * 2 : 4;
        struct eg_item *items = eg_arena_get(p->arena, room, sizeof *items);
        if (!items) return no_memory(p);
        if (list->count) memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = *one;
    return true;
}

/* ( a, b, c..d ), with commas, "or" or nothing between; the text's size bounds the count. */
static bool list_of(struct parser *p, const struct eg_target *target, struct list *out) {
    *out = (struct list){0};
    char close = *p->token.at == '(' ? ')' : ']';
    advance(p);
    while (out->count == 0 || p->token.kind != EG_TOKEN_CLOSE) {
        struct eg_item one;
        if (out->count && (p->token.kind == EG_TOKEN_COMMA || p->token.kind == EG_TOKEN_OR))
            advance(p);
        else if (out->count && !is_value(&p->token)) {
            expected(p, close == ')' ? "',' or ')'" : "',' or ']'");
            return false;
        }
        if (!item(p, target, &one) || !list_add(p, out, &one)) return false;
    }
    if (*p->token.at != close) {
        expected(p, close == ')' ? "',' or ')'" : "',' or ']'");
        return false;
    }
    advance(p);
    return true;
}

/* A list, or one value where a list could stand. */
static struct eg_node *one_of(struct parser *p, const struct eg_target *target, bool negate) {
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
static bool names_field(const struct parser *p, struct eg_target *out) {
    const struct eg_token *token = &p->token;
    if (token->kind != EG_TOKEN_WORD || !eg_target_find(out, p->table, token->at, token->size))
        return false;
    return eg_token_is(token, out->fields[0].name) || memchr(token->at, '.', token->size);
}

static struct eg_node *fields_test(struct parser *p, const struct eg_target *target,
                                   const struct eg_target *other, enum eg_compare compare) {
    const struct eg_field *a = &target->fields[0], *b = &other->fields[0];
    bool order;
    if (other->count != 1 || other->proto >= 0) {
        fail(p, p->token.begin, "compare with one field, such as %s", b->name);
        return NULL;
    }
    if (!comparable(a, b, &order)) {
        fail(p, p->token.begin, "%s (%s) cannot be compared with %s (%s)", a->name,
             a->type == EG_TYPE_ADDR ? "address" : eg_type_name(a->type), b->name,
             b->type == EG_TYPE_ADDR ? "address" : eg_type_name(b->type));
        return NULL;
    }
    if (!order && compare != EG_EQ && compare != EG_NE) {
        fail(p, p->token.begin, "%s and %s have no order; use = or !=", a->name, b->name);
        return NULL;
    }
    advance(p);
    bool negate = compare == EG_NE;
    struct eg_node leaf = {.kind = EG_NODE_FIELDS, .depth = 1, .other = *b};
    leaf.compare = negate ? EG_EQ : compare;
    return spread(p, target, &leaf, negate);
}

static struct eg_node *compare_test(struct parser *p, const struct eg_target *target,
                                    enum eg_compare compare, size_t sign) {
    struct eg_target other;
    if (names_field(p, &other)) return fields_test(p, target, &other, compare);
    if (compare == EG_EQ || compare == EG_NE) return one_of(p, target, compare == EG_NE);
    const struct eg_field *field = &target->fields[0];
    if (!eg_value_has_order(field) && !eg_type_is_text(field->type)) {
        fail(p, sign, "%s is %s, which has no order: use =, != or in", field->name,
             field->type == EG_TYPE_ADDR  ? "an address"
             : field->type == EG_TYPE_MAC ? "a MAC address"
                                          : "true or false");
        return NULL;
    }
    struct eg_item one;
    size_t begin = p->token.begin;
    if (!item(p, target, &one)) return NULL;
    if (one.range) {
        fail(p, begin, "a range goes with = or in, not with an order");
        return NULL;
    }
    struct eg_node leaf = {
        .kind = EG_NODE_COMPARE, .depth = 1, .compare = compare, .value = one.low};
    return spread(p, target, &leaf, false);
}

static struct eg_node *match_test(struct parser *p, const struct eg_target *target, bool negate) {
    const struct eg_field *field = &target->fields[0];
    if (!eg_type_is_text(field->type)) {
        fail(p, p->token.begin, "~ needs a text, and %s is none", field->name);
        return NULL;
    }
    if (p->token.kind != EG_TOKEN_QUOTED) {
        expected(p, "an expression in quotes");
        return NULL;
    }
    if (p->regex_count++ >= REGEX_COUNT_MAX) {
        fail(p, p->token.begin, "more than %d expressions in one filter", REGEX_COUNT_MAX);
        return NULL;
    }
    struct eg_item text;
    size_t begin = p->token.begin + 1;
    if (!value(p, target, &text)) return NULL;
    struct eg_node leaf = {.kind = EG_NODE_MATCH, .depth = 1};
    struct eg_error why = {0};
    enum eg_status status =
        eg_regex_parse(&leaf.regex, text.low.text, text.low.size, p->arena, &why);
    if (status == EG_E_NOMEM) return no_memory(p);
    if (status < 0) {
        fail(p, begin + (size_t)why.position, "%s", why.message);
        return NULL;
    }
    return spread(p, target, &leaf, negate);
}

/* "& 0x12 = 0x12" */
static struct eg_node *mask_test(struct parser *p, const struct eg_target *target) {
    const struct eg_field *field = &target->fields[0];
    if (!eg_type_is_whole(field->type) || field->kind != EG_FIELD_COLUMN) {
        fail(p, p->token.begin - 1, "& needs a whole number, and %s is none", field->name);
        return NULL;
    }
    struct eg_item bits, want;
    size_t begin = p->token.begin;
    if (!value(p, target, &bits)) return NULL;
    if (bits.range || bits.low.number <= 0) {
        fail(p, begin, "expected the bits to look at, such as 0x12");
        return NULL;
    }
    enum eg_compare compare;
    if (!compare_of(&p->token, &compare)) {
        expected(p, "= or != behind the bits");
        return NULL;
    }
    advance(p);
    begin = p->token.begin;
    if (!value(p, target, &want)) return NULL;
    if (want.range) {
        fail(p, begin, "expected one number");
        return NULL;
    }
    bool negate = compare == EG_NE;
    struct eg_node leaf = {.kind = EG_NODE_COMPARE,
                           .depth = 1,
                           .compare = negate ? EG_EQ : compare,
                           .mask = bits.low.number,
                           .value = want.low};
    return spread(p, target, &leaf, negate);
}

/* "null" or "not null", behind "is": both columns of a pair null, or not both. */
static struct eg_node *null_test(struct parser *p, const struct eg_target *target) {
    bool negate = p->token.kind == EG_TOKEN_NOT;
    if (negate) advance(p);
    if (!accept_word(p, "null")) {
        expected(p, negate ? "null" : "null or not null");
        return NULL;
    }
    struct eg_target both = *target;
    both.both = false;
    struct eg_node leaf = {.kind = EG_NODE_NULL, .depth = 1};
    if (target->count == 1) return spread(p, &both, &leaf, negate);
    both.both = true;
    struct eg_node *node = spread(p, &both, &leaf, false);
    return negate ? eg_node_not(p->arena, node) : node;
}

static bool ends_condition(const struct eg_token *token) {
    return token->kind == EG_TOKEN_END || token->kind == EG_TOKEN_CLOSE ||
           token->kind == EG_TOKEN_AND || token->kind == EG_TOKEN_OR;
}

static struct eg_node *bare_test(struct parser *p, const struct eg_target *target) {
    const struct eg_field *field = &target->fields[0];
    if (field->type == EG_TYPE_BOOL) {
        struct eg_node leaf = {.kind = EG_NODE_COMPARE, .depth = 1, .value.number = 1};
        return spread(p, target, &leaf, false);
    }
    if (strcmp(field->name, "vlan") == 0) {
        struct eg_node leaf = {.kind = EG_NODE_NULL, .depth = 1};
        return spread(p, target, &leaf, true);
    }
    char what[160];
    snprintf(what, sizeof what, "an operator or a value behind %s", field->name);
    expected(p, what);
    return NULL;
}

static struct eg_node *test(struct parser *p, const struct eg_target *target) {
    struct eg_token token = p->token;
    enum eg_compare compare;
    if (compare_of(&token, &compare)) {
        advance(p);
        return compare_test(p, target, compare, token.begin);
    }
    struct eg_token next = peek(p);
    if (token.kind == EG_TOKEN_NOT && next.kind == EG_TOKEN_WORD && eg_token_is(&next, "in")) {
        advance(p);
        advance(p);
        return one_of(p, target, true);
    }
    if (accept_word(p, "in")) return one_of(p, target, false);
    if (accept_word(p, "is")) return null_test(p, target);
    if (token.kind == EG_TOKEN_MATCH || token.kind == EG_TOKEN_NO_MATCH) {
        advance(p);
        return match_test(p, target, token.kind == EG_TOKEN_NO_MATCH);
    }
    if (accept_word(p, "matches")) return match_test(p, target, false);
    if (token.kind == EG_TOKEN_MASK) {
        advance(p);
        return mask_test(p, target);
    }
    if (ends_condition(&token)) return bare_test(p, target);
    if (!is_value(&token) && token.kind != EG_TOKEN_OPEN) return bare_test(p, target);
    struct eg_node *node = one_of(p, target, false);
    p->last = *target;
    p->last_end = p->token.begin;
    return node;
}

/* ---- words ---- */

static struct eg_node *primary(struct parser *p);

static struct eg_node *pair_test(struct parser *p, const struct eg_token *word, enum eg_word what,
                                 unsigned direction) {
    struct eg_target target;
    if (!eg_target_pair(&target, p->table, what, direction)) {
        fail(p, word->begin, "the table %s has nothing for '%.*s'", eg_table_name(p->table),
             (int)word->size, word->at);
        return NULL;
    }
    return test(p, &target);
}

static struct eg_node *field_test(struct parser *p, const struct eg_token *word, const char *name) {
    struct eg_target target = {.count = 1, .proto = -1};
    if (!eg_field_named(&target.fields[0], p->table, name)) {
        fail(p, word->begin, "the table %s has nothing for '%.*s'", eg_table_name(p->table),
             (int)word->size, word->at);
        return NULL;
    }
    return test(p, &target);
}

/* "src", "dst", "src or dst", "src and dst", then what of it; without that, a host. */
static struct eg_node *directed(struct parser *p, const struct eg_token *word, bool is_dst) {
    unsigned direction = is_dst ? 2 : 1;
    struct eg_token next = peek(p);
    enum eg_word other = is_dst ? EG_WORD_SRC : EG_WORD_DST;
    if ((p->token.kind == EG_TOKEN_OR || p->token.kind == EG_TOKEN_AND) &&
        eg_word_of(&next) == other) {
        direction = p->token.kind == EG_TOKEN_OR ? 0 : 3;
        advance(p);
        advance(p);
    }
    enum eg_word what = eg_word_of(&p->token);
    switch (what) {
    case EG_WORD_IP:
    case EG_WORD_IP4:
    case EG_WORD_IP6: what = EG_WORD_HOST; break;
    case EG_WORD_HOST:
    case EG_WORD_NET:
    case EG_WORD_PORT:
    case EG_WORD_PORTRANGE:
    case EG_WORD_AS:
    case EG_WORD_MAC:
    case EG_WORD_MASK: break;
    default: return pair_test(p, word, EG_WORD_HOST, direction);
    }
    advance(p);
    return pair_test(p, word, what, direction);
}

/* What may stand behind a protocol or an IP version to say more: "tcp port 80", "ip host A". */
static bool goes_on(const struct parser *p, bool after_version) {
    switch (eg_word_of(&p->token)) {
    case EG_WORD_SRC:
    case EG_WORD_DST:
    case EG_WORD_HOST:
    case EG_WORD_NET:
    case EG_WORD_PORT:
    case EG_WORD_PORTRANGE: return true;
    case EG_WORD_FLAGS: return !after_version;
    default: break;
    }
    if (!after_version || p->token.kind != EG_TOKEN_WORD) return false;
    return eg_token_is(&p->token, "proto") ||
           eg_proto_number(p->token.at, p->token.size, true) >= 0;
}

static bool is_bpf_bytes(struct parser *p, const struct eg_token *word) {
    if (p->token.kind != EG_TOKEN_OPEN || *p->token.at != '[') return false;
    fail(p, word->begin,
         "'%.*s[…]' reads bytes of packets: that is BPF (--bpf), not a filter on rows",
         (int)word->size, word->at);
    return true;
}

static struct eg_node *version_node(struct parser *p, const struct eg_token *word, bool is_v4) {
    struct eg_node *node = eg_node_new(p->arena, EG_NODE_COMPARE);
    struct eg_item *net = eg_arena_get(p->arena, 1, sizeof *net);
    if (!node || !net) return no_memory(p);
    if (eg_field_named(&node->field, p->table, "ip_version")) {
        node->value.number = is_v4 ? 4 : 6;
        return node;
    }
    if (!eg_field_named(&node->field, p->table, "src_ip")) {
        fail(p, word->begin, "the table %s has nothing for '%.*s'", eg_table_name(p->table),
             (int)word->size, word->at);
        return NULL;
    }
    if (is_v4) net->low.addr = eg_addr_v4(0);
    net->bits = is_v4 ? 96 : 0;
    node->kind = EG_NODE_IN;
    node->items = net;
    node->item_count = 1;
    return node;
}

/* "ip": a host where a value follows, else IPv4, alone or before more words. */
static struct eg_node *version(struct parser *p, const struct eg_token *word, enum eg_word what) {
    struct eg_token next = peek(p);
    bool not_in = p->token.kind == EG_TOKEN_NOT && eg_token_is(&next, "in");
    bool more = goes_on(p, true);
    if (!more && !not_in && (ends_condition(&p->token) || p->token.kind == EG_TOKEN_NOT))
        return version_node(p, word, what != EG_WORD_IP6);
    if (is_bpf_bytes(p, word)) return NULL;
    if (!more) return pair_test(p, word, EG_WORD_HOST, 0);
    struct eg_node *first = version_node(p, word, what != EG_WORD_IP6);
    struct eg_node *rest = first ? primary(p) : NULL;
    return rest ? eg_node_join(p->arena, EG_NODE_AND, first, rest) : NULL;
}

static struct eg_node *protocol(struct parser *p, const struct eg_token *word, int number) {
    if (is_bpf_bytes(p, word)) return NULL;
    struct eg_node *first = eg_node_new(p->arena, EG_NODE_COMPARE);
    if (!first) return no_memory(p);
    if (!eg_field_named(&first->field, p->table, "proto")) {
        fail(p, word->begin, "the table %s has no protocols", eg_table_name(p->table));
        return NULL;
    }
    first->value.number = number;
    if (!goes_on(p, false)) return first;
    struct eg_node *rest = primary(p);
    return rest ? eg_node_join(p->arena, EG_NODE_AND, first, rest) : NULL;
}

/* "flags SA": these are set. With an operator, what the column holds. */
static struct eg_node *flags(struct parser *p, const struct eg_token *word) {
    enum eg_compare compare;
    bool plain = is_value(&p->token) && !compare_of(&p->token, &compare) &&
                 !eg_token_is(&p->token, "in") && !eg_token_is(&p->token, "is");
    if (!plain) return field_test(p, word, "tcp_flags");
    struct eg_target target = {.count = 1, .proto = -1};
    if (!eg_field_named(&target.fields[0], p->table, "tcp_flags")) {
        fail(p, word->begin, "the table %s has no TCP flags", eg_table_name(p->table));
        return NULL;
    }
    struct eg_item bits;
    size_t begin = p->token.begin;
    if (!value(p, &target, &bits)) return NULL;
    if (bits.range) {
        fail(p, begin, "expected letters of FSRPAUECN, or a number");
        return NULL;
    }
    struct eg_node leaf = {
        .kind = EG_NODE_COMPARE, .depth = 1, .mask = bits.low.number, .value = bits.low};
    return spread(p, &target, &leaf, false);
}

static struct eg_node *interface(struct parser *p, const struct eg_token *word, const char *name) {
    if (accept_word(p, "if")) return field_test(p, word, name);
    expected(p, "'if' (in if 5, out if 5), or a field before 'in'");
    return NULL;
}

static struct eg_node *ether(struct parser *p, const struct eg_token *word) {
    unsigned direction = 0;
    if (accept_word(p, "src"))
        direction = 1;
    else if (accept_word(p, "dst"))
        direction = 2;
    (void)accept_word(p, "host");
    if (eg_token_is(&p->token, "proto") || is_bpf_bytes(p, word)) {
        fail(p, word->begin,
             "'ether proto' reads packets: that is BPF (--bpf), not a filter on rows");
        return NULL;
    }
    return pair_test(p, word, EG_WORD_MAC, direction);
}

static void unknown(struct parser *p, const struct eg_token *word) {
    int size = (int)(word->size < 60 ? word->size : 60);
    const char *near = eg_word_nearest(p->table, word->at, word->size);
    if (near)
        fail(p, word->begin, "unknown field '%.*s' (did you mean '%s'?)", size, word->at, near);
    else
        fail(p, word->begin, "unknown field '%.*s' in the table %s", size, word->at,
             eg_table_name(p->table));
}

/* A value with nothing before it: an address is a host; else it goes on from the word before. */
static struct eg_node *bare_value(struct parser *p) {
    struct eg_target target;
    struct eg_item scratch;
    bool follows = p->last.count && p->token.kind == EG_TOKEN_WORD;
    if (follows &&
        eg_value_parse(&scratch, &p->last.fields[0], &p->token, p->last.by_net, p->now_us, p->arena,
                       NULL) == EG_OK &&
        !eg_type_is_text(p->last.fields[0].type)) {
        target = p->last;
        return test(p, &target);
    }
    if (p->token.kind == EG_TOKEN_WORD && eg_target_pair(&target, p->table, EG_WORD_HOST, 0) &&
        eg_value_parse(&scratch, &target.fields[0], &p->token, false, 0, p->arena, NULL) == EG_OK)
        return test(p, &target);
    if (p->token.kind == EG_TOKEN_QUOTED || (*p->token.at >= '0' && *p->token.at <= '9'))
        expected(p, "a field or a word such as host, port, tcp before a value");
    else
        unknown(p, &p->token);
    return NULL;
}

static struct eg_node *exists(struct parser *p) {
    bool open = p->token.kind == EG_TOKEN_OPEN;
    char close = open && *p->token.at == '[' ? ']' : ')';
    if (open) advance(p);
    struct eg_target target;
    if (p->token.kind != EG_TOKEN_WORD) {
        expected(p, "a field behind exists");
        return NULL;
    }
    if (!eg_target_find(&target, p->table, p->token.at, p->token.size)) {
        enum eg_word what = eg_word_of(&p->token);
        if (!eg_target_pair(&target, p->table, what == EG_WORD_IP ? EG_WORD_HOST : what, 0)) {
            unknown(p, &p->token);
            return NULL;
        }
    }
    advance(p);
    if (open && (p->token.kind != EG_TOKEN_CLOSE || *p->token.at != close)) {
        expected(p, "the closing bracket");
        return NULL;
    }
    if (open) advance(p);
    struct eg_node leaf = {.kind = EG_NODE_NULL, .depth = 1};
    struct eg_target each = target;
    each.both = true; /* null only where both are */
    struct eg_node *node =
        target.count == 1 ? spread(p, &target, &leaf, true) : spread(p, &each, &leaf, false);
    return target.count == 1 ? node : eg_node_not(p->arena, node);
}

/* ---- saved filters ---- */

static struct eg_node *any_of(struct parser *p);

static struct eg_node *expand(struct parser *p, const char *name, const char *text) {
    struct eg_lexer outer = p->lexer;
    struct eg_token at = p->token;
    size_t size = strlen(text);
    if (size > EG_FILTER_TEXT_MAX - p->text_size) {
        fail(p, at.begin, "with @%.64s the filter is longer than %d bytes", name,
             EG_FILTER_TEXT_MAX);
        return NULL;
    }
    p->text_size += size;
    if (!p->saved_depth) p->saved_at = at.begin;
    p->saved[p->saved_depth++] = name;
    p->lexer = (struct eg_lexer){text, size, 0};
    p->last.count = 0;
    advance(p);
    struct eg_node *node =
        p->token.kind == EG_TOKEN_END ? eg_node_const(p->arena, true) : any_of(p);
    if (node && p->token.kind != EG_TOKEN_END) {
        expected(p, "'and', 'or' or the end");
        node = NULL;
    }
    p->saved_depth--;
    p->lexer = outer;
    p->token = at;
    p->last.count = 0;
    return node ? node : p->status < 0 ? NULL : no_memory(p);
}

static struct eg_node *saved(struct parser *p) {
    char *name = eg_arena_get(p->arena, p->token.size + 1, 1);
    if (!name) return no_memory(p);
    memcpy(name, p->token.at, p->token.size);
    for (unsigned i = 0; i < p->saved_depth; i++) {
        if (strcmp(p->saved[i], name) != 0) continue;
        fail(p, p->token.begin, "@%.64s refers to itself", name);
        return NULL;
    }
    if (p->saved_depth >= SAVED_DEPTH_MAX) {
        fail(p, p->token.begin, "saved filters nested more than %d deep", SAVED_DEPTH_MAX);
        return NULL;
    }
    const char *text = p->names && p->names->lookup ? p->names->lookup(p->names->from, name) : NULL;
    if (!text) {
        fail(p, p->token.begin, "there is no saved filter @%.64s", name);
        return NULL;
    }
    struct eg_node *node = expand(p, name, text);
    if (node) advance(p);
    return node;
}

/* ---- the grammar ---- */

static struct eg_node *word_test(struct parser *p, const struct eg_token *word, enum eg_word what) {
    advance(p);
    switch (what) {
    case EG_WORD_ANY: {
        struct eg_node *node = eg_node_const(p->arena, true);
        return node ? node : no_memory(p);
    }
    case EG_WORD_SRC: return directed(p, word, false);
    case EG_WORD_DST: return directed(p, word, true);
    case EG_WORD_IP:
    case EG_WORD_IP4:
    case EG_WORD_IP6: return version(p, word, what);
    case EG_WORD_ETHER: return ether(p, word);
    case EG_WORD_IN: return interface(p, word, "in_if");
    case EG_WORD_OUT: return interface(p, word, "out_if");
    case EG_WORD_NEXT:
        if (accept_word(p, "ip")) return field_test(p, word, "next_hop");
        expected(p, "'ip' behind 'next'");
        return NULL;
    case EG_WORD_ROUTER: (void)accept_word(p, "ip"); return field_test(p, word, "exporter");
    case EG_WORD_FLAGS: return flags(p, word);
    case EG_WORD_VLAN: return field_test(p, word, "vlan");
    case EG_WORD_EXISTS: return exists(p);
    case EG_WORD_BPF:
        fail(p, word->begin,
             "'%.*s' is a word of BPF, which reads packets (--bpf); a filter reads rows",
             (int)word->size, word->at);
        return NULL;
    default: return pair_test(p, word, what, 0);
    }
}

static struct eg_node *primary(struct parser *p) {
    struct eg_token word = p->token;
    struct eg_target target;
    if (word.kind == EG_TOKEN_SAVED) return saved(p);
    if (!is_value(&word)) {
        expected(p, "a field or a word such as host, port, tcp");
        return NULL;
    }
    if (word.kind == EG_TOKEN_QUOTED) return bare_value(p);
    enum eg_word what = eg_word_of(&word);
    if (what != EG_WORD_NONE) return word_test(p, &word, what);
    int number = eg_proto_number(word.at, word.size, true);
    if (number >= 0) {
        advance(p);
        return protocol(p, &word, number);
    }
    if (!eg_target_find(&target, p->table, word.at, word.size)) return bare_value(p);
    advance(p);
    return test(p, &target);
}

static bool deeper(struct parser *p) {
    if (p->level < EG_FILTER_DEPTH_MAX) return ++p->level;
    fail(p, p->token.begin, "nested more than %d levels deep", EG_FILTER_DEPTH_MAX);
    return false;
}

static struct eg_node *bracketed(struct parser *p) {
    struct eg_token open = p->token;
    if (*open.at == '[') {
        expected(p, "a field or a word such as host, port, tcp");
        return NULL;
    }
    p->last.count = 0;
    advance(p);
    struct eg_node *node = any_of(p);
    if (!node) return NULL;
    if (p->token.kind != EG_TOKEN_CLOSE || *p->token.at != ')') {
        expected(p, "'and', 'or' or ')'");
        return NULL;
    }
    p->last.count = 0;
    advance(p);
    return node;
}

/* A bracket right behind "not" is on the same level as the "not". */
static struct eg_node *unary(struct parser *p) {
    bool negate = p->token.kind == EG_TOKEN_NOT;
    if (!negate && p->token.kind != EG_TOKEN_OPEN) {
        struct eg_node *node = primary(p);
        if (p->last_end != p->token.begin) p->last.count = 0;
        return node;
    }
    if (!deeper(p)) return NULL;
    if (negate) advance(p);
    struct eg_node *node = p->token.kind == EG_TOKEN_OPEN ? bracketed(p) : unary(p);
    p->level--;
    if (!node || !negate) return node;
    node = eg_node_not(p->arena, node);
    return node ? node : no_memory(p);
}

static struct eg_node *chain(struct parser *p, enum eg_token_kind sign, enum eg_node_kind kind,
                             struct eg_node *(*part)(struct parser *)) {
    struct eg_node *node = part(p);
    while (node && p->token.kind == sign) {
        advance(p);
        struct eg_node *right = part(p);
        if (!right) return NULL;
        node = eg_node_join(p->arena, kind, node, right);
        if (!node) return no_memory(p);
    }
    return node;
}

static struct eg_node *all_of(struct parser *p) {
    return chain(p, EG_TOKEN_AND, EG_NODE_AND, unary);
}
static struct eg_node *any_of(struct parser *p) {
    return chain(p, EG_TOKEN_OR, EG_NODE_OR, all_of);
}

enum eg_status eg_tree_parse(struct eg_node **out, struct eg_arena *arena, const char *text,
                             enum eg_table_id table, const struct eg_filter_names *names,
                             int64_t now_us, struct eg_error *err) {
    size_t size = strlen(text);
    struct parser p = {.arena = arena,
                       .table = table,
                       .names = names,
                       .now_us = now_us,
                       .err = err,
                       .lexer = {text, size, 0},
                       .text_size = size};
    if (size > EG_FILTER_TEXT_MAX) {
        fail(&p, EG_FILTER_TEXT_MAX, "a filter is at most %d bytes long", EG_FILTER_TEXT_MAX);
        return p.status;
    }
    advance(&p);
    struct eg_node *node = p.token.kind == EG_TOKEN_END ? eg_node_const(arena, true) : any_of(&p);
    if (node && p.token.kind != EG_TOKEN_END) expected(&p, "'and', 'or' or the end");
    if (node && node->depth > EG_FILTER_DEPTH_MAX)
        fail(&p, 0, "nested more than %d levels deep", EG_FILTER_DEPTH_MAX);
    if (!node && p.status >= 0) no_memory(&p);
    if (p.status < 0) return p.status;
    *out = node;
    return EG_OK;
}
