/* SPDX-License-Identifier: Apache-2.0
 * The grammar, by recursive descent. Every function answers NULL after an error, which the parser
 * remembers; the first one counts.
 *
 *   any-of  := all-of { or all-of }            primary := @name | any | exists FIELD | TARGET test
 *   all-of  := unary { and unary }                     | PROTOCOL [primary] | ip [primary] | VALUE
 *   unary   := not unary | ( any-of ) | primary        (the tests: condition.c)
 */
#include "filter/parse.h"

#include "filter/parser.h"
#include "filter/value.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- errors ---- */

void eg_parser_fail(struct eg_parser *p, size_t position, const char *format, ...) {
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

void *eg_parser_no_memory(struct eg_parser *p) {
    if (p->status >= 0) p->status = eg_fail(p->err, EG_E_NOMEM, "no memory for a filter");
    return NULL;
}

/* "expected WHAT, not 'token'" */
void eg_parser_expected(struct eg_parser *p, const char *what) {
    const struct eg_token *token = &p->token;
    int size = (int)(token->end - token->begin < 60 ? token->end - token->begin : 60);
    if (token->kind == EG_TOKEN_BAD)
        eg_parser_fail(p, token->begin, "%s", token->why);
    else if (token->kind == EG_TOKEN_END)
        eg_parser_fail(p, token->begin, "expected %s, but the filter ends here", what);
    else
        eg_parser_fail(p, token->begin,
                       token->kind == EG_TOKEN_QUOTED ? "expected %s, not %.*s"
                                                      : "expected %s, not '%.*s'",
                       what, size, p->lexer.text + token->begin);
}

/* ---- tokens ---- */

void eg_parser_advance(struct eg_parser *p) { p->token = eg_lex(&p->lexer); }

struct eg_token eg_parser_peek(const struct eg_parser *p) {
    struct eg_lexer ahead = p->lexer;
    return eg_lex(&ahead);
}

bool eg_parser_accept(struct eg_parser *p, const char *word) {
    if (p->token.kind != EG_TOKEN_WORD || !eg_token_is(&p->token, word)) return false;
    eg_parser_advance(p);
    return true;
}

bool eg_token_is_value(const struct eg_token *token) {
    return token->kind == EG_TOKEN_WORD || token->kind == EG_TOKEN_QUOTED;
}

/* '=' and its kin, also as words (nfdump, Wireshark). */
bool eg_token_compare(const struct eg_token *token, enum eg_compare *out) {
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

bool eg_token_ends(const struct eg_token *token) {
    return token->kind == EG_TOKEN_END || token->kind == EG_TOKEN_CLOSE ||
           token->kind == EG_TOKEN_AND || token->kind == EG_TOKEN_OR;
}

/* ---- words ---- */

static struct eg_node *primary(struct eg_parser *p);

static struct eg_node *pair_test(struct eg_parser *p, const struct eg_token *word,
                                 enum eg_word what, unsigned direction) {
    struct eg_target target;
    if (!eg_target_pair(&target, p->table, what, direction)) {
        eg_parser_fail(p, word->begin, "the table %s has nothing for '%.*s'",
                       eg_table_name(p->table), (int)word->size, word->at);
        return NULL;
    }
    return eg_condition(p, &target);
}

static struct eg_node *field_test(struct eg_parser *p, const struct eg_token *word,
                                  const char *name) {
    struct eg_target target = {.count = 1, .proto = -1};
    if (!eg_field_named(&target.fields[0], p->table, name)) {
        eg_parser_fail(p, word->begin, "the table %s has nothing for '%.*s'",
                       eg_table_name(p->table), (int)word->size, word->at);
        return NULL;
    }
    return eg_condition(p, &target);
}

/* "src", "dst", "src or dst", "src and dst", then what of it; without that, a host. */
static struct eg_node *directed(struct eg_parser *p, const struct eg_token *word, bool is_dst) {
    unsigned direction = is_dst ? 2 : 1;
    struct eg_token next = eg_parser_peek(p);
    enum eg_word other = is_dst ? EG_WORD_SRC : EG_WORD_DST;
    if ((p->token.kind == EG_TOKEN_OR || p->token.kind == EG_TOKEN_AND) &&
        eg_word_of(&next) == other) {
        direction = p->token.kind == EG_TOKEN_OR ? 0 : 3;
        eg_parser_advance(p);
        eg_parser_advance(p);
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
    eg_parser_advance(p);
    return pair_test(p, word, what, direction);
}

/* What may stand behind a protocol or an IP version to say more: "tcp port 80", "ip host A". */
static bool goes_on(const struct eg_parser *p, bool after_version) {
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

static bool is_bpf_bytes(struct eg_parser *p, const struct eg_token *word) {
    if (p->token.kind != EG_TOKEN_OPEN || *p->token.at != '[') return false;
    eg_parser_fail(p, word->begin,
                   "'%.*s[…]' reads bytes of packets: that is BPF, not a filter on rows",
                   (int)word->size, word->at);
    return true;
}

static struct eg_node *version_node(struct eg_parser *p, const struct eg_token *word, bool is_v4) {
    struct eg_node *node = eg_node_new(p->arena, EG_NODE_COMPARE);
    struct eg_item *net = eg_arena_get(p->arena, 1, sizeof *net);
    if (!node || !net) return eg_parser_no_memory(p);
    if (eg_field_named(&node->field, p->table, "ip_version")) {
        node->value.number = is_v4 ? 4 : 6;
        return node;
    }
    if (!eg_field_named(&node->field, p->table, "src_ip")) {
        eg_parser_fail(p, word->begin, "the table %s has nothing for '%.*s'",
                       eg_table_name(p->table), (int)word->size, word->at);
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
static struct eg_node *version(struct eg_parser *p, const struct eg_token *word,
                               enum eg_word what) {
    struct eg_token next = eg_parser_peek(p);
    bool not_in = p->token.kind == EG_TOKEN_NOT && eg_token_is(&next, "in");
    bool more = goes_on(p, true);
    if (!more && !not_in && (eg_token_ends(&p->token) || p->token.kind == EG_TOKEN_NOT))
        return version_node(p, word, what != EG_WORD_IP6);
    if (is_bpf_bytes(p, word)) return NULL;
    if (!more) return pair_test(p, word, EG_WORD_HOST, 0);
    struct eg_node *first = version_node(p, word, what != EG_WORD_IP6);
    struct eg_node *rest = first ? primary(p) : NULL;
    return rest ? eg_node_join(p->arena, EG_NODE_AND, first, rest) : NULL;
}

static struct eg_node *protocol(struct eg_parser *p, const struct eg_token *word, int number) {
    if (is_bpf_bytes(p, word)) return NULL;
    struct eg_node *first = eg_node_new(p->arena, EG_NODE_COMPARE);
    if (!first) return eg_parser_no_memory(p);
    if (!eg_field_named(&first->field, p->table, "proto")) {
        eg_parser_fail(p, word->begin, "the table %s has no protocols", eg_table_name(p->table));
        return NULL;
    }
    first->value.number = number;
    if (!goes_on(p, false)) return first;
    struct eg_node *rest = primary(p);
    return rest ? eg_node_join(p->arena, EG_NODE_AND, first, rest) : NULL;
}

/* "flags SA": these are set. With an operator, what the column holds. */
static struct eg_node *flags(struct eg_parser *p, const struct eg_token *word) {
    enum eg_compare compare;
    bool plain = eg_token_is_value(&p->token) && !eg_token_compare(&p->token, &compare) &&
                 !eg_token_is(&p->token, "in") && !eg_token_is(&p->token, "is");
    if (!plain) return field_test(p, word, "tcp_flags");
    struct eg_target target = {.count = 1, .proto = -1};
    if (!eg_field_named(&target.fields[0], p->table, "tcp_flags")) {
        eg_parser_fail(p, word->begin, "the table %s has no TCP flags", eg_table_name(p->table));
        return NULL;
    }
    struct eg_item bits;
    size_t begin = p->token.begin;
    if (!eg_condition_value(p, &target, &bits)) return NULL;
    if (bits.range) {
        eg_parser_fail(p, begin, "expected letters of FSRPAUECN, or a number");
        return NULL;
    }
    struct eg_node leaf = {
        .kind = EG_NODE_COMPARE, .depth = 1, .mask = bits.low.number, .value = bits.low};
    return eg_condition_spread(p, &target, &leaf, false);
}

static struct eg_node *interface(struct eg_parser *p, const struct eg_token *word,
                                 const char *name) {
    if (eg_parser_accept(p, "if")) return field_test(p, word, name);
    eg_parser_expected(p, "'if' (in if 5, out if 5), or a field before 'in'");
    return NULL;
}

static struct eg_node *ether(struct eg_parser *p, const struct eg_token *word) {
    unsigned direction = 0;
    if (eg_parser_accept(p, "src"))
        direction = 1;
    else if (eg_parser_accept(p, "dst"))
        direction = 2;
    (void)eg_parser_accept(p, "host");
    if (eg_token_is(&p->token, "proto") || is_bpf_bytes(p, word)) {
        eg_parser_fail(p, word->begin,
                       "'ether proto' reads packets: that is BPF, not a filter on rows");
        return NULL;
    }
    return pair_test(p, word, EG_WORD_MAC, direction);
}

static void unknown(struct eg_parser *p, const struct eg_token *word) {
    int size = (int)(word->size < 60 ? word->size : 60);
    enum eg_table_id other = p->table == EG_TABLE_FLOWS ? EG_TABLE_PACKETS : EG_TABLE_FLOWS;
    bool rows = p->table == EG_TABLE_FLOWS || p->table == EG_TABLE_PACKETS;
    struct eg_field field;
    char name[61];
    snprintf(name, sizeof name, "%.*s", size, word->at);
    if (rows && eg_field_named(&field, other, name)) {
        eg_parser_fail(p, word->begin, "%s have no field '%s', %s have it", eg_table_name(p->table),
                       name, eg_table_name(other));
        return;
    }
    const char *near = eg_word_nearest(p->table, word->at, word->size);
    if (near)
        eg_parser_fail(p, word->begin, "unknown field '%.*s' (did you mean '%s'?)", size, word->at,
                       near);
    else
        eg_parser_fail(p, word->begin, "unknown field '%.*s' (earlgrey fields %s lists them)", size,
                       word->at, eg_table_name(p->table));
}

/* A value with nothing before it: an address is a host; else it goes on from the word before. */
static struct eg_node *bare_value(struct eg_parser *p) {
    struct eg_target target;
    struct eg_item scratch;
    const struct eg_token *token = &p->token;
    if (p->last.count && token->kind == EG_TOKEN_WORD && !eg_type_is_text(p->last.fields[0].type) &&
        eg_value_parse(&scratch, &p->last.fields[0], token, p->last.by_net, p->now_us, p->arena,
                       NULL) == EG_OK) {
        target = p->last;
        return eg_condition(p, &target);
    }
    bool digit = *token->at >= '0' && *token->at <= '9';
    if (token->kind == EG_TOKEN_WORD && eg_target_pair(&target, p->table, EG_WORD_HOST, 0)) {
        bool fits =
            eg_value_parse(&scratch, &target.fields[0], token, false, 0, p->arena, NULL) == EG_OK;
        bool meant =
            digit && (memchr(token->at, '.', token->size) || memchr(token->at, ':', token->size));
        if (fits || meant) return eg_condition(p, &target);
    }
    if (token->kind == EG_TOKEN_QUOTED || digit)
        eg_parser_expected(p, "a field or a word such as host, port, tcp before a value");
    else
        unknown(p, token);
    return NULL;
}

static struct eg_node *exists(struct eg_parser *p) {
    bool open = p->token.kind == EG_TOKEN_OPEN;
    char close = open && *p->token.at == '[' ? ']' : ')';
    if (open) eg_parser_advance(p);
    struct eg_target target;
    if (p->token.kind != EG_TOKEN_WORD) {
        eg_parser_expected(p, "a field behind exists");
        return NULL;
    }
    if (!eg_target_find(&target, p->table, p->token.at, p->token.size)) {
        enum eg_word what = eg_word_of(&p->token);
        if (!eg_target_pair(&target, p->table, what == EG_WORD_IP ? EG_WORD_HOST : what, 0)) {
            unknown(p, &p->token);
            return NULL;
        }
    }
    eg_parser_advance(p);
    if (open && (p->token.kind != EG_TOKEN_CLOSE || *p->token.at != close)) {
        eg_parser_expected(p, "the closing bracket");
        return NULL;
    }
    if (open) eg_parser_advance(p);
    struct eg_node leaf = {.kind = EG_NODE_NULL, .depth = 1};
    struct eg_target each = target;
    each.both = true; /* null only where both are */
    struct eg_node *node = target.count == 1 ? eg_condition_spread(p, &target, &leaf, true)
                                             : eg_condition_spread(p, &each, &leaf, false);
    return target.count == 1 ? node : eg_node_not(p->arena, node);
}

/* ---- saved filters ---- */

static struct eg_node *any_of(struct eg_parser *p);

static struct eg_node *expand(struct eg_parser *p, const char *name, const char *text) {
    struct eg_lexer outer = p->lexer;
    struct eg_token at = p->token;
    size_t size = strlen(text);
    if (size > EG_FILTER_TEXT_MAX - p->text_size) {
        eg_parser_fail(p, at.begin, "with @%.64s the filter is longer than %d bytes", name,
                       EG_FILTER_TEXT_MAX);
        return NULL;
    }
    p->text_size += size;
    if (!p->saved_depth) p->saved_at = at.begin;
    p->saved[p->saved_depth++] = name;
    p->lexer = (struct eg_lexer){text, size, 0};
    p->last.count = 0;
    eg_parser_advance(p);
    struct eg_node *node =
        p->token.kind == EG_TOKEN_END ? eg_node_const(p->arena, true) : any_of(p);
    if (node && p->token.kind != EG_TOKEN_END) {
        eg_parser_expected(p, "'and', 'or' or the end");
        node = NULL;
    }
    p->saved_depth--;
    p->lexer = outer;
    p->token = at;
    p->last.count = 0;
    return node ? node : p->status < 0 ? NULL : eg_parser_no_memory(p);
}

static struct eg_node *saved(struct eg_parser *p) {
    char *name = eg_arena_get(p->arena, p->token.size + 1, 1);
    if (!name) return eg_parser_no_memory(p);
    memcpy(name, p->token.at, p->token.size);
    for (unsigned i = 0; i < p->saved_depth; i++) {
        if (strcmp(p->saved[i], name) != 0) continue;
        eg_parser_fail(p, p->token.begin, "@%.64s refers to itself", name);
        return NULL;
    }
    if (p->saved_depth >= EG_SAVED_DEPTH_MAX) {
        eg_parser_fail(p, p->token.begin, "saved filters nested more than %d deep",
                       EG_SAVED_DEPTH_MAX);
        return NULL;
    }
    const char *text = p->names && p->names->lookup ? p->names->lookup(p->names->from, name) : NULL;
    if (!text) {
        eg_parser_fail(p, p->token.begin, "there is no saved filter @%.64s", name);
        return NULL;
    }
    struct eg_node *node = expand(p, name, text);
    if (node) eg_parser_advance(p);
    return node;
}

/* ---- the grammar ---- */

static struct eg_node *word_test(struct eg_parser *p, const struct eg_token *word,
                                 enum eg_word what) {
    eg_parser_advance(p);
    switch (what) {
    case EG_WORD_ANY: {
        struct eg_node *node = eg_node_const(p->arena, true);
        return node ? node : eg_parser_no_memory(p);
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
        if (eg_parser_accept(p, "ip")) return field_test(p, word, "next_hop");
        eg_parser_expected(p, "'ip' behind 'next'");
        return NULL;
    case EG_WORD_ROUTER: (void)eg_parser_accept(p, "ip"); return field_test(p, word, "exporter");
    case EG_WORD_FLAGS: return flags(p, word);
    case EG_WORD_VLAN: return field_test(p, word, "vlan");
    case EG_WORD_EXISTS: return exists(p);
    case EG_WORD_BPF:
        eg_parser_fail(p, word->begin,
                       "'%.*s' is a word of BPF, which reads packets; a filter reads rows",
                       (int)word->size, word->at);
        return NULL;
    default: return pair_test(p, word, what, 0);
    }
}

static struct eg_node *primary(struct eg_parser *p) {
    struct eg_token word = p->token;
    struct eg_target target;
    if (word.kind == EG_TOKEN_SAVED) return saved(p);
    if (!eg_token_is_value(&word)) {
        eg_parser_expected(p, "a field or a word such as host, port, tcp");
        return NULL;
    }
    if (word.kind == EG_TOKEN_QUOTED) return bare_value(p);
    enum eg_word what = eg_word_of(&word);
    if (what != EG_WORD_NONE) return word_test(p, &word, what);
    int number = eg_proto_number(word.at, word.size, true);
    if (number >= 0) {
        eg_parser_advance(p);
        return protocol(p, &word, number);
    }
    if (!eg_target_find(&target, p->table, word.at, word.size)) return bare_value(p);
    eg_parser_advance(p);
    return eg_condition(p, &target);
}

static bool deeper(struct eg_parser *p) {
    if (p->level < EG_FILTER_DEPTH_MAX) return ++p->level;
    eg_parser_fail(p, p->token.begin, "nested more than %d levels deep", EG_FILTER_DEPTH_MAX);
    return false;
}

static struct eg_node *bracketed(struct eg_parser *p) {
    struct eg_token open = p->token;
    if (*open.at == '[') {
        eg_parser_expected(p, "a field or a word such as host, port, tcp");
        return NULL;
    }
    p->last.count = 0;
    eg_parser_advance(p);
    struct eg_node *node = any_of(p);
    if (!node) return NULL;
    if (p->token.kind != EG_TOKEN_CLOSE || *p->token.at != ')') {
        eg_parser_expected(p, "'and', 'or' or ')'");
        return NULL;
    }
    p->last.count = 0;
    eg_parser_advance(p);
    return node;
}

/* A bracket right behind "not" is on the same level as the "not". */
static struct eg_node *unary(struct eg_parser *p) {
    bool negate = p->token.kind == EG_TOKEN_NOT;
    if (!negate && p->token.kind != EG_TOKEN_OPEN) {
        struct eg_node *node = primary(p);
        if (p->last_end != p->token.begin) p->last.count = 0;
        return node;
    }
    if (!deeper(p)) return NULL;
    if (negate) eg_parser_advance(p);
    struct eg_node *node = p->token.kind == EG_TOKEN_OPEN ? bracketed(p) : unary(p);
    p->level--;
    if (!node || !negate) return node;
    node = eg_node_not(p->arena, node);
    return node ? node : eg_parser_no_memory(p);
}

static struct eg_node *chain(struct eg_parser *p, enum eg_token_kind sign, enum eg_node_kind kind,
                             struct eg_node *(*part)(struct eg_parser *)) {
    struct eg_node *node = part(p);
    while (node && p->token.kind == sign) {
        eg_parser_advance(p);
        struct eg_node *right = part(p);
        if (!right) return NULL;
        node = eg_node_join(p->arena, kind, node, right);
        if (!node) return eg_parser_no_memory(p);
    }
    return node;
}

static struct eg_node *all_of(struct eg_parser *p) {
    return chain(p, EG_TOKEN_AND, EG_NODE_AND, unary);
}
static struct eg_node *any_of(struct eg_parser *p) {
    return chain(p, EG_TOKEN_OR, EG_NODE_OR, all_of);
}

enum eg_status eg_tree_parse(struct eg_node **out, struct eg_arena *arena, const char *text,
                             enum eg_table_id table, const struct eg_filter_names *names,
                             int64_t now_us, struct eg_error *err) {
    size_t size = strlen(text);
    struct eg_parser p = {.arena = arena,
                          .table = table,
                          .names = names,
                          .now_us = now_us,
                          .err = err,
                          .lexer = {text, size, 0},
                          .text_size = size};
    if (size > EG_FILTER_TEXT_MAX) {
        eg_parser_fail(&p, EG_FILTER_TEXT_MAX, "a filter is at most %d bytes long",
                       EG_FILTER_TEXT_MAX);
        return p.status;
    }
    eg_parser_advance(&p);
    struct eg_node *node = p.token.kind == EG_TOKEN_END ? eg_node_const(arena, true) : any_of(&p);
    if (node && p.token.kind != EG_TOKEN_END) eg_parser_expected(&p, "'and', 'or' or the end");
    if (node && node->depth > EG_FILTER_DEPTH_MAX)
        eg_parser_fail(&p, 0, "nested more than %d levels deep", EG_FILTER_DEPTH_MAX);
    if (!node && p.status >= 0) eg_parser_no_memory(&p);
    if (p.status < 0) return p.status;
    *out = node;
    return EG_OK;
}
