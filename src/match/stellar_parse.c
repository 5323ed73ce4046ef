/* SPDX-License-Identifier: Apache-2.0
 * The grammar of Stellar, as Metron publishes it, by recursive descent:
 *
 *   expression  if test then expression else expression | name -> expression
 *             | (names) -> expression | match{ … } | logic [? expression : expression]
 *   logic       member {and|or member}         read from the left, `and` no tighter than `or`
 *   member      comparison [[not] in member]   `in` binds looser than a comparison behind it
 *   comparison  sum {== != < <= > >= sum}      sum  product {+|- product}
 *   product     operand {*|/ operand}
 *
 * Where the published grammar refuses brackets or an operand that has one meaning only, it is taken. */
#include "base/option.h"
#include "match/stellar_lex.h"
#include "match/stellar_tree.h"

#include <stdio.h>
#include <string.h>

#define LAMBDA_ARGS_MAX 8
#define PARSE_DEPTH_MAX (2 * EG_STELLAR_DEPTH_MAX) /* a bracket is an expression and a member */

struct parser {
    struct eg_stellar_lexer lexer;
    struct eg_stellar_token token;
    struct eg_arena *arena;
    struct eg_stellar_databases databases;
    struct eg_error *err;
    enum eg_status status; /* EG_OK until something went wrong */
    unsigned depth;
    struct eg_span names[EG_STELLAR_SLOTS_MAX]; /* of the lambdas' arguments, the innermost last */
    uint32_t name_count;
    bool reads_layers;
    bool joined;   /* the last chain had more than one part */
    char odd[300]; /* "": nothing is odd */
};

static struct eg_stellar_node *fail_at(struct parser *p, size_t at, const char *wrong) {
    if (p->status != EG_OK) return NULL;
    p->status = eg_fail(p->err, EG_E_USAGE, "in the Stellar expression: %s", wrong);
    if (p->err) p->err->position = (int64_t)at;
    return NULL;
}

static struct eg_stellar_node *expected(struct parser *p, const char *what) {
    char text[200];
    const struct eg_stellar_token *token = &p->token;
    if (token->kind == EG_STELLAR_BAD) return fail_at(p, token->begin, token->why);
    if (token->kind == EG_STELLAR_END)
        snprintf(text, sizeof text, "expected %s, and it ends", what);
    else
        snprintf(text, sizeof text, "expected %s before '%.*s'", what,
                 (int)(token->end - token->begin > 40 ? 40 : token->end - token->begin),
                 p->lexer.text + token->begin);
    return fail_at(p, token->begin, text);
}

static struct eg_stellar_node *no_memory(struct parser *p) {
    if (p->status == EG_OK)
        p->status = eg_fail(p->err, EG_E_NOMEM, "no memory for a Stellar expression");
    return NULL;
}

static void next(struct parser *p) { p->token = eg_stellar_lex(&p->lexer); }
static bool is(const struct parser *p, enum eg_stellar_token_kind kind) {
    return p->token.kind == kind;
}
static bool take(struct parser *p, enum eg_stellar_token_kind kind) {
    if (!is(p, kind)) return false;
    next(p);
    return true;
}

static struct eg_stellar_node *node_new(struct parser *p, enum eg_stellar_op op, size_t at) {
    struct eg_stellar_node *node = eg_arena_get(p->arena, 1, sizeof *node);
    if (!node) return no_memory(p);
    node->op = op;
    node->at = (uint32_t)at;
    return node;
}

/* Adds a kid, and the sign that stands before it; false: no memory, or `kid` is NULL. */
static bool adopt(struct parser *p, struct eg_stellar_node *node, struct eg_stellar_node *kid,
                  uint8_t sign) {
    if (!kid) return false;
    if (node->count == node->room) {
        uint32_t room = node->room ? 2 * node->room : 4;
        struct eg_stellar_node **kids = eg_arena_get(p->arena, room, sizeof *kids);
        uint8_t *signs = eg_arena_get(p->arena, room, 1);
        if (!kids || !signs) {
            no_memory(p);
            return false;
        }
        if (node->count) {
            memcpy(kids, node->kids, node->count * sizeof *kids);
            memcpy(signs, node->signs, node->count);
        }
        node->kids = kids;
        node->signs = signs;
        node->room = room;
    }
    if (node->count) node->signs[node->count - 1] = sign;
    node->kids[node->count++] = kid;
    return true;
}

static struct eg_stellar_node *expression(struct parser *p);
static struct eg_stellar_node *member(struct parser *p);

/* ---- names and constants ---- */

static struct eg_stellar_node *constant(struct parser *p, struct eg_stellar_value value) {
    struct eg_stellar_node *node = node_new(p, EG_STELLAR_OP_CONST, p->token.begin);
    if (!node) return NULL;
    node->constant = value;
    next(p);
    return node;
}

/* A quoted text with its escapes undone. */
static struct eg_stellar_node *quoted(struct parser *p) {
    struct eg_span raw = p->token.text;
    uint8_t *text = eg_arena_get(p->arena, raw.size + 1, 1);
    size_t size = 0;
    if (!text) return no_memory(p);
    for (size_t i = 0; i < raw.size; i++) {
        uint8_t c = eg_u8(raw, i);
        if (c == '\\') {
            c = eg_u8(raw, ++i);
            c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
        }
        text[size++] = c;
    }
    return constant(p, eg_stellar_text(eg_span(text, size)));
}

static enum eg_stellar_variable variable(struct eg_span name, const char **nearest) {
    static const char *const names[] = {"ip_src_addr", "ip_dst_addr", "ip_src_port",
                                        "ip_dst_port", "protocol",    "packet"};
    char text[64];
    for (int i = 0; i < EG_VARIABLE_NONE; i++)
        if (strlen(names[i]) == name.size && memcmp(names[i], name.at, name.size) == 0)
            return (enum eg_stellar_variable)i;
    snprintf(text, sizeof text, "%.*s", (int)(name.size > 63 ? 63 : name.size),
             (const char *)name.at);
    *nearest = eg_nearest(text, names, EG_VARIABLE_NONE);
    return EG_VARIABLE_NONE;
}

static struct eg_stellar_node *named(struct parser *p) {
    struct eg_span name = p->token.text;
    struct eg_stellar_node *node = node_new(p, EG_STELLAR_OP_VARIABLE, p->token.begin);
    if (!node) return NULL;
    next(p);
    for (uint32_t i = p->name_count; i-- > 0;)
        if (p->names[i].size == name.size && memcmp(p->names[i].at, name.at, name.size) == 0) {
            node->op = EG_STELLAR_OP_SLOT;
            node->slot = i;
            return node;
        }
    const char *nearest = NULL;
    node->variable = variable(name, &nearest);
    if (node->variable != EG_VARIABLE_PACKET) p->reads_layers = true;
    if (node->variable == EG_VARIABLE_NONE && !p->odd[0])
        snprintf(p->odd, sizeof p->odd,
                 "the Stellar variable '%.*s' is null for every packet: there is none of that "
                 "name%s%s%s",
                 (int)(name.size > 60 ? 60 : name.size), (const char *)name.at,
                 nearest ? " (did you mean '" : "", nearest ? nearest : "", nearest ? "'?)" : "");
    return node;
}

/* ---- calls ---- */

/* What a function does with a constant argument can be done once, and be wrong before anything is
 * read. A position in a quoted text without escapes is one in the expression. */
static bool prepare(struct parser *p, struct eg_stellar_node *call, uint32_t arg, bool bytes) {
    const struct eg_stellar_node *kid = call->kids[arg];
    struct eg_error wrong = {.position = -1};
    struct eg_byte_pattern *pattern = NULL;
    struct eg_regex *regex = NULL;
    if (kid->op != EG_STELLAR_OP_CONST || kid->constant.kind != EG_VALUE_TEXT) return true;
    const char *text = (const char *)kid->constant.text.at;
    size_t size = kid->constant.text.size;
    p->status = bytes ? eg_byte_pattern_parse(&pattern, text, size, p->arena, &wrong)
                      : eg_regex_parse(&regex, text, size, p->arena, &wrong);
    call->pattern = pattern;
    call->regex = regex;
    if (p->status == EG_OK) return true;
    if (wrong.position >= 0) wrong.position += kid->at + 1;
    if (p->err) *p->err = wrong;
    return false;
}

static struct eg_stellar_node *call_checked(struct parser *p, struct eg_stellar_node *call) {
    const struct eg_stellar_function *f = call->function;
    char text[200];
    if (call->count < f->least || (f->most < 255 && call->count > f->most)) {
        if (f->least == f->most)
            snprintf(text, sizeof text, "%s takes %u argument%s", f->name, f->least,
                     f->least == 1 ? "" : "s");
        else if (f->most == 255)
            snprintf(text, sizeof text, "%s takes at least %u argument%s", f->name, f->least,
                     f->least == 1 ? "" : "s");
        else
            snprintf(text, sizeof text, "%s takes %u to %u arguments", f->name, f->least, f->most);
        return fail_at(p, call->at, text);
    }
    if (strcmp(f->name, "BYTEARRAY_MATCHER") == 0 && !prepare(p, call, 0, true)) return NULL;
    if (strcmp(f->name, "REGEXP_MATCH") == 0 && !prepare(p, call, 1, false)) return NULL;
    if (strcmp(f->name, "IF_THEN_ELSE") == 0) call->op = EG_STELLAR_OP_IF;
    return call;
}

/* The database that the function asks. False: it is not there. */
static bool database_take(struct parser *p, struct eg_stellar_node *call) {
    enum eg_stellar_database database = eg_stellar_database_of(call->function);
    bool places = database == EG_DATABASE_PLACES;
    char text[120];
    if (database == EG_DATABASE_NONE) return true;
    call->mmdb = places ? p->databases.places : p->databases.as_numbers;
    if (call->mmdb) return true;
    snprintf(text, sizeof text, "%s needs a database of %s: name one with %s FILE.mmdb",
             call->function->name, places ? "places" : "AS numbers", places ? "--geo" : "--asn");
    fail_at(p, call->at, text);
    return false;
}

static struct eg_stellar_node *call(struct parser *p) {
    struct eg_stellar_node *node = node_new(p, EG_STELLAR_OP_CALL, p->token.begin);
    const char *nearest = NULL;
    char text[200];
    if (!node) return NULL;
    struct eg_span name = p->token.text;
    node->function = eg_stellar_function(name, &nearest);
    if (!node->function || node->function->refused) {
        int size = (int)(name.size > 60 ? 60 : name.size);
        if (node->function)
            snprintf(text, sizeof text, "%.*s %s", size, (const char *)name.at,
                     node->function->refused);
        else
            snprintf(text, sizeof text, "there is no function %.*s%s%s%s", size,
                     (const char *)name.at, nearest ? " (did you mean " : "",
                     nearest ? nearest : "", nearest ? "?)" : "");
        return fail_at(p, node->at, text);
    }
    if (!database_take(p, node)) return NULL;
    next(p);
    next(p); /* ( */
    while (!is(p, EG_STELLAR_CLOSE)) {
        if (node->count && !take(p, EG_STELLAR_COMMA)) return expected(p, "a comma or )");
        if (!adopt(p, node, expression(p), 0)) return NULL;
    }
    next(p);
    return call_checked(p, node);
}

/* ---- lambdas ---- */

/* Whether what begins here, at a "(", is a lambda's list of arguments: looks ahead, takes nothing. */
static bool lambda_ahead(const struct parser *p) {
    struct eg_stellar_lexer lexer = p->lexer;
    struct eg_stellar_token token = eg_stellar_lex(&lexer);
    if (token.kind == EG_STELLAR_CLOSE) return eg_stellar_lex(&lexer).kind == EG_STELLAR_ARROW;
    for (;;) {
        if (token.kind != EG_STELLAR_NAME) return false;
        token = eg_stellar_lex(&lexer);
        if (token.kind == EG_STELLAR_CLOSE) return eg_stellar_lex(&lexer).kind == EG_STELLAR_ARROW;
        if (token.kind != EG_STELLAR_COMMA) return false;
        token = eg_stellar_lex(&lexer);
    }
}

static bool argument_name(struct parser *p, struct eg_stellar_node *lambda) {
    if (!is(p, EG_STELLAR_NAME)) return expected(p, "the name of an argument") != NULL;
    if (lambda->arity >= LAMBDA_ARGS_MAX || p->name_count >= EG_STELLAR_SLOTS_MAX)
        return fail_at(p, p->token.begin, "too many arguments of lambdas") != NULL;
    p->names[p->name_count++] = p->token.text;
    lambda->arity++;
    next(p);
    return true;
}

static struct eg_stellar_node *lambda(struct parser *p) {
    struct eg_stellar_node *node = node_new(p, EG_STELLAR_OP_LAMBDA, p->token.begin);
    uint32_t before = p->name_count;
    if (!node) return NULL;
    node->slot = before;
    if (take(p, EG_STELLAR_OPEN)) {
        while (!is(p, EG_STELLAR_CLOSE)) {
            if (node->arity) next(p); /* the comma: lambda_ahead() saw it */
            if (!argument_name(p, node)) return NULL;
        }
        next(p);
    } else if (!argument_name(p, node)) {
        return NULL;
    }
    next(p); /* -> */
    if (!adopt(p, node, expression(p), 0)) return NULL;
    p->name_count = before;
    return node;
}

/* ---- operands ---- */

static struct eg_stellar_node *list(struct parser *p) {
    struct eg_stellar_node *node = node_new(p, EG_STELLAR_OP_LIST, p->token.begin);
    if (!node) return NULL;
    next(p);
    while (!is(p, EG_STELLAR_CLOSE_LIST)) {
        if (node->count && !take(p, EG_STELLAR_COMMA)) return expected(p, "a comma or ]");
        if (!adopt(p, node, expression(p), 0)) return NULL;
    }
    next(p);
    return node;
}

static struct eg_stellar_node *map(struct parser *p) {
    struct eg_stellar_node *node = node_new(p, EG_STELLAR_OP_MAP, p->token.begin);
    if (!node) return NULL;
    next(p);
    while (!is(p, EG_STELLAR_CLOSE_MAP)) {
        if (node->count && !take(p, EG_STELLAR_COMMA)) return expected(p, "a comma or }");
        if (!adopt(p, node, member(p), 0)) return NULL;
        if (!take(p, EG_STELLAR_COLON)) return expected(p, "a colon");
        if (!adopt(p, node, expression(p), 0)) return NULL;
    }
    next(p);
    return node;
}

static struct eg_stellar_node *logic(struct parser *p);

/* match{ test => value, …, default => value }; the older form has colons. */
static struct eg_stellar_node *match(struct parser *p) {
    struct eg_stellar_node *node = node_new(p, EG_STELLAR_OP_MATCH, p->token.begin);
    bool last = false;
    if (!node) return NULL;
    next(p);
    if (!take(p, EG_STELLAR_OPEN_MAP)) return expected(p, "{");
    while (!last) {
        if (is(p, EG_STELLAR_CLOSE_MAP))
            return fail_at(p, p->token.begin, "a match ends with: default => …");
        if (node->count && !take(p, EG_STELLAR_COMMA)) return expected(p, "a comma");
        last = take(p, EG_STELLAR_DEFAULT);
        if (!last && !adopt(p, node, is(p, EG_STELLAR_IF) ? expression(p) : logic(p), 0))
            return NULL;
        if (!take(p, EG_STELLAR_DOUBLE_ARROW) && !take(p, EG_STELLAR_COLON))
            return expected(p, "=>");
        if (!adopt(p, node, expression(p), 0)) return NULL;
    }
    if (!take(p, EG_STELLAR_CLOSE_MAP)) return expected(p, "} behind the default");
    return node;
}

static struct eg_stellar_node *exists(struct parser *p) {
    struct eg_stellar_node *node = node_new(p, EG_STELLAR_OP_EXISTS, p->token.begin);
    if (!node) return NULL;
    next(p);
    if (!take(p, EG_STELLAR_OPEN)) return expected(p, "(");
    if (!is(p, EG_STELLAR_NAME)) return expected(p, "the name of a variable");
    if (!adopt(p, node, named(p), 0)) return NULL;
    if (!take(p, EG_STELLAR_CLOSE)) return expected(p, ")");
    return node;
}

static struct eg_stellar_node *opposite(struct parser *p) {
    struct eg_stellar_node *node = node_new(p, EG_STELLAR_OP_NOT, p->token.begin);
    if (!node) return NULL;
    next(p);
    if (!take(p, EG_STELLAR_OPEN)) return expected(p, "a bracket behind 'not', as in not( … ),");
    if (!adopt(p, node, expression(p), 0)) return NULL;
    if (!take(p, EG_STELLAR_CLOSE)) return expected(p, ")");
    return node;
}

static struct eg_stellar_node *negative(struct parser *p) {
    next(p);
    if (is(p, EG_STELLAR_WHOLE)) return constant(p, eg_stellar_whole(-p->token.whole));
    if (is(p, EG_STELLAR_REAL)) return constant(p, eg_stellar_real(-p->token.real));
    return expected(p, "a number behind the minus");
}

static struct eg_stellar_node *operand(struct parser *p) {
    struct eg_stellar_node *node;
    switch (p->token.kind) {
    case EG_STELLAR_QUOTED: return quoted(p);
    case EG_STELLAR_WHOLE: return constant(p, eg_stellar_whole(p->token.whole));
    case EG_STELLAR_REAL: return constant(p, eg_stellar_real(p->token.real));
    case EG_STELLAR_NAN: return constant(p, eg_stellar_real(__builtin_nan("")));
    case EG_STELLAR_TRUE: return constant(p, eg_stellar_bool(true));
    case EG_STELLAR_FALSE: return constant(p, eg_stellar_bool(false));
    case EG_STELLAR_NULL: return constant(p, (struct eg_stellar_value){.kind = EG_VALUE_NULL});
    case EG_STELLAR_MINUS: return negative(p);
    case EG_STELLAR_OPEN_LIST: return list(p);
    case EG_STELLAR_OPEN_MAP: return map(p);
    case EG_STELLAR_MATCH: return match(p);
    case EG_STELLAR_EXISTS: return exists(p);
    case EG_STELLAR_NOT: return opposite(p);
    case EG_STELLAR_OPEN:
        next(p);
        if (!(node = expression(p))) return NULL;
        return take(p, EG_STELLAR_CLOSE) ? node : expected(p, ")");
    case EG_STELLAR_NAME: {
        struct eg_stellar_lexer ahead = p->lexer;
        return eg_stellar_lex(&ahead).kind == EG_STELLAR_OPEN ? call(p) : named(p);
    }
    default: return expected(p, "a value");
    }
}

/* ---- operators ---- */

/* `next` joined by signs from `low` to `high`; one alone is itself. */
static struct eg_stellar_node *chain(struct parser *p, enum eg_stellar_token_kind low,
                                     enum eg_stellar_token_kind high,
                                     struct eg_stellar_node *(*part)(struct parser *)) {
    struct eg_stellar_node *first = part(p), *node = NULL;
    while (first && p->token.kind >= low && p->token.kind <= high) {
        uint8_t sign = (uint8_t)p->token.kind;
        if (!node) {
            node = node_new(p, EG_STELLAR_OP_CHAIN, p->token.begin);
            if (!node || !adopt(p, node, first, 0)) return NULL;
        }
        next(p);
        if (!adopt(p, node, part(p), sign)) return NULL;
    }
    p->joined = node != NULL;
    return node ? node : first;
}

static struct eg_stellar_node *product(struct parser *p) {
    return chain(p, EG_STELLAR_TIMES, EG_STELLAR_DIVIDE, operand);
}
static struct eg_stellar_node *sum(struct parser *p) {
    return chain(p, EG_STELLAR_PLUS, EG_STELLAR_MINUS, product);
}
static struct eg_stellar_node *comparison(struct parser *p) {
    return chain(p, EG_STELLAR_EQ, EG_STELLAR_GE, sum);
}

/* `left` was read, and an `in`, or a `not` before one, comes next. */
static struct eg_stellar_node *member_rest(struct parser *p, struct eg_stellar_node *left) {
    struct eg_stellar_node *node = node_new(p, EG_STELLAR_OP_IN, p->token.begin);
    bool inverted = is(p, EG_STELLAR_NOT);
    next(p);
    if (inverted && !take(p, EG_STELLAR_IN)) return expected(p, "'in' behind 'not'");
    if (!node || !adopt(p, node, left, 0) || !adopt(p, node, member(p), 0)) return NULL;
    node->inverted = inverted;
    return node;
}

/* Whatever is nested goes through here or through expression(): both count how deep they are. */
static struct eg_stellar_node *member(struct parser *p) {
    size_t begin = p->token.begin;
    if (++p->depth > PARSE_DEPTH_MAX) return fail_at(p, begin, "it is nested too deep");
    struct eg_stellar_node *left = comparison(p);
    bool more = left && (is(p, EG_STELLAR_NOT) || is(p, EG_STELLAR_IN));
    if (more && p->joined) return fail_at(p, begin, "put the comparison before 'in' into brackets");
    if (more) left = member_rest(p, left);
    p->depth--;
    return left;
}

static struct eg_stellar_node *logic(struct parser *p) {
    return chain(p, EG_STELLAR_AND, EG_STELLAR_OR, member);
}

static struct eg_stellar_node *choice(struct parser *p) {
    struct eg_stellar_node *node = node_new(p, EG_STELLAR_OP_IF, p->token.begin);
    next(p);
    if (!node || !adopt(p, node, logic(p), 0)) return NULL;
    if (!take(p, EG_STELLAR_THEN)) return expected(p, "'then'");
    if (!adopt(p, node, expression(p), 0)) return NULL;
    if (!take(p, EG_STELLAR_ELSE)) return expected(p, "'else'");
    return adopt(p, node, expression(p), 0) ? node : NULL;
}

static struct eg_stellar_node *ternary(struct parser *p) {
    struct eg_stellar_node *test = logic(p);
    if (!test || !is(p, EG_STELLAR_QUESTION)) return test;
    struct eg_stellar_node *node = node_new(p, EG_STELLAR_OP_IF, p->token.begin);
    next(p);
    if (!node || !adopt(p, node, test, 0) || !adopt(p, node, expression(p), 0)) return NULL;
    if (!take(p, EG_STELLAR_COLON)) return expected(p, "a colon");
    return adopt(p, node, expression(p), 0) ? node : NULL;
}

static bool lambda_begins(const struct parser *p) {
    if (is(p, EG_STELLAR_OPEN)) return lambda_ahead(p);
    struct eg_stellar_lexer ahead = p->lexer;
    return is(p, EG_STELLAR_NAME) && eg_stellar_lex(&ahead).kind == EG_STELLAR_ARROW;
}

static struct eg_stellar_node *expression(struct parser *p) {
    struct eg_stellar_node *node;
    if (++p->depth > PARSE_DEPTH_MAX) return fail_at(p, p->token.begin, "it is nested too deep");
    if (is(p, EG_STELLAR_IF))
        node = choice(p);
    else if (lambda_begins(p))
        node = lambda(p);
    else
        node = ternary(p);
    p->depth--;
    return node;
}

/* ---- whole ---- */

/* What is wrong whatever the packet is wrong now. */
static void constants_check(struct parser *p, const struct eg_stellar_node *root, bool any) {
    struct eg_stellar_wrong wrong;
    bool good = eg_stellar_constants_good(root, !any, &wrong);
    if (good && wrong.odd[0] && !p->odd[0]) snprintf(p->odd, sizeof p->odd, "%s", wrong.odd);
    if (good) return;
    if (wrong.no_memory)
        no_memory(p);
    else
        fail_at(p, wrong.at, wrong.why);
}

static enum eg_status parse(struct eg_stellar **out, const char *text, bool any,
                            const struct eg_stellar_databases *databases, struct eg_arena *arena,
                            struct eg_error *err) {
    size_t size = strlen(text);
    struct parser p = {
        .lexer = {.text = text, .size = size}, .arena = arena, .err = err, .status = EG_OK};
    if (databases) p.databases = *databases;
    struct eg_stellar *made = eg_arena_get(arena, 1, sizeof *made);
    char wrong[120];
    if (!made) return eg_fail(err, EG_E_NOMEM, "no memory for a Stellar expression");
    if (size > EG_STELLAR_TEXT_MAX) {
        fail_at(&p, EG_STELLAR_TEXT_MAX, "it is longer than 64 KiB");
        return p.status;
    }
    next(&p);
    struct eg_stellar_node *root = is(&p, EG_STELLAR_END) ? NULL : expression(&p);
    if (p.status == EG_OK && !is(&p, EG_STELLAR_END)) expected(&p, "an operator or the end");
    enum eg_stellar_kind kind = p.status == EG_OK && root ? eg_stellar_gives(root) : EG_VALUE_BOOL;
    if (p.status == EG_OK && !any && kind != EG_VALUE_BOOL && kind != EG_VALUE_NULL) {
        snprintf(wrong, sizeof wrong, "it gives %s, not true or false", eg_stellar_kind_name(kind));
        fail_at(&p, root->at, wrong);
    }
    if (p.status == EG_OK && root) constants_check(&p, root, any);
    if (p.status != EG_OK) return p.status;
    *made = (struct eg_stellar){.root = root, .reads_layers = p.reads_layers};
    *out = made;
    return p.odd[0] ? eg_fail(err, EG_OK_WARN, "%s", p.odd) : EG_OK;
}

enum eg_status eg_stellar_parse(struct eg_stellar **out, const char *text,
                                const struct eg_stellar_databases *databases,
                                struct eg_arena *arena, struct eg_error *err) {
    return parse(out, text, false, databases, arena, err);
}

enum eg_status eg_stellar_parse_any(struct eg_stellar **out, const char *text,
                                    const struct eg_stellar_databases *databases,
                                    struct eg_arena *arena, struct eg_error *err) {
    return parse(out, text, true, databases, arena, err);
}

bool eg_stellar_reads_layers(const struct eg_stellar *stellar) { return stellar->reads_layers; }
