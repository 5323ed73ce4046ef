/* SPDX-License-Identifier: Apache-2.0
 * What of an expression fails whatever the packet: parts that no packet has a say in are evaluated once,
 * when it is compiled; of the others the kind of value is known, which an operator may want nothing of. What constants alone keep from being reached is passed over, as every evaluation
 * does; so is what takes more than a glance: that shows when it is asked. */
#include "match/stellar_lex.h"
#include "match/stellar_tree.h"

#include <stdio.h>

#define CONSTANT_STEPS 20000 /* of all constants of one expression */

/* ---- kinds ---- */

static enum eg_stellar_kind variable_gives(enum eg_stellar_variable variable) {
    switch (variable) {
    case EG_VARIABLE_SRC_ADDR:
    case EG_VARIABLE_DST_ADDR: return EG_VALUE_TEXT;
    case EG_VARIABLE_SRC_PORT:
    case EG_VARIABLE_DST_PORT:
    case EG_VARIABLE_PROTOCOL: return EG_VALUE_WHOLE;
    case EG_VARIABLE_PACKET: return EG_VALUE_BYTES;
    case EG_VARIABLE_NONE: break;
    }
    return EG_VALUE_NULL;
}

enum eg_stellar_kind eg_stellar_gives(const struct eg_stellar_node *node) {
    switch (node->op) {
    case EG_STELLAR_OP_CONST: return node->constant.kind;
    case EG_STELLAR_OP_LIST: return EG_VALUE_LIST;
    case EG_STELLAR_OP_MAP: return EG_VALUE_MAP;
    case EG_STELLAR_OP_LAMBDA: return EG_VALUE_LAMBDA;
    case EG_STELLAR_OP_CALL: return node->function->gives;
    case EG_STELLAR_OP_CHAIN:
        return node->signs[0] >= EG_STELLAR_PLUS && node->signs[0] <= EG_STELLAR_DIVIDE
                   ? EG_VALUE_WHOLE /* or a fraction */
                   : EG_VALUE_BOOL;
    case EG_STELLAR_OP_VARIABLE: return variable_gives(node->variable);
    case EG_STELLAR_OP_EXISTS:
    case EG_STELLAR_OP_NOT:
    case EG_STELLAR_OP_IN: return EG_VALUE_BOOL;
    case EG_STELLAR_OP_SLOT:
    case EG_STELLAR_OP_IF:
    case EG_STELLAR_OP_MATCH: break;
    }
    return EG_VALUE_NULL;
}

static enum eg_stellar_kind plain(enum eg_stellar_kind kind) {
    return kind == EG_VALUE_REAL ? EG_VALUE_WHOLE : kind;
}

static bool unlike(enum eg_stellar_kind a, enum eg_stellar_kind b) {
    return a != EG_VALUE_NULL && b != EG_VALUE_NULL && plain(a) != plain(b);
}

static bool has_order(enum eg_stellar_kind a, enum eg_stellar_kind b) {
    bool orders = plain(a) == EG_VALUE_WHOLE || a == EG_VALUE_TEXT || a == EG_VALUE_BOOL;
    return a == EG_VALUE_NULL || b == EG_VALUE_NULL || (orders && !unlike(a, b));
}

/* ---- constants ---- */

/* What is looked at, and what was odd about it. */
struct look {
    struct eg_stellar_run run;
    char odd[EG_STELLAR_WHY];
};

enum known {
    KNOWN_NOT, /* it depends on the packet, or on an argument of a lambda around it */
    KNOWN,
    KNOWN_WRONG, /* run->why */
};

/* `outer`: arguments of the lambdas around the part; what it binds itself is its own. */
static bool is_constant(const struct eg_stellar_node *node, uint32_t outer) {
    if (node->op == EG_STELLAR_OP_VARIABLE) return false;
    if (node->op == EG_STELLAR_OP_SLOT) return node->slot >= outer;
    for (uint32_t i = 0; i < node->count; i++)
        if (!is_constant(node->kids[i], outer)) return false;
    return true;
}

static enum known value_of(struct eg_stellar_run *run, const struct eg_stellar_node *node,
                           uint32_t outer, struct eg_stellar_value *out) {
    *out = eg_stellar_null();
    bool lambda = node->op == EG_STELLAR_OP_LAMBDA; /* it is what is in it that counts */
    if (run->failed || lambda || !is_constant(node, outer)) return KNOWN_NOT;
    if (eg_stellar_eval(run, node, out)) return KNOWN;
    *out = eg_stellar_null();
    return run->bounded ? KNOWN_NOT : KNOWN_WRONG;
}

static bool walk(struct eg_stellar_run *run, const struct eg_stellar_node *node, uint32_t outer,
                 bool truth);

/* and, or: what is behind a constant that decides is never reached. */
static bool walk_logic(struct eg_stellar_run *run, const struct eg_stellar_node *node,
                       uint32_t outer) {
    for (uint32_t i = 0; i < node->count; i++) {
        struct eg_stellar_value value;
        bool holds;
        switch (value_of(run, node->kids[i], outer, &value)) {
        case KNOWN_WRONG: return false;
        case KNOWN_NOT:
            if (!walk(run, node->kids[i], outer, true)) return false;
            break;
        case KNOWN:
            if (!eg_stellar_truth(run, node->kids[i], &value, &holds)) return false;
            if (i + 1 < node->count && holds == (node->signs[i] == EG_STELLAR_OR)) return true;
        }
    }
    return true;
}

static bool is_whole(const struct eg_stellar_node *node) {
    return node->op == EG_STELLAR_OP_VARIABLE &&
           (node->variable == EG_VARIABLE_SRC_PORT || node->variable == EG_VARIABLE_DST_PORT ||
            node->variable == EG_VARIABLE_PROTOCOL);
}

/* + - * /: a constant that is no number, or by which no whole number can be divided. */
static bool walk_sum(struct eg_stellar_run *run, const struct eg_stellar_node *node,
                     uint32_t outer) {
    bool whole = true; /* all before is */
    for (uint32_t i = 0; i < node->count; i++) {
        const struct eg_stellar_node *kid = node->kids[i];
        struct eg_stellar_value value, left = eg_stellar_whole(0), ignored;
        enum known known = value_of(run, kid, outer, &value);
        if (known == KNOWN_WRONG) return false;
        if (known == KNOWN_NOT) {
            enum eg_stellar_kind kind = eg_stellar_gives(kid);
            if (!walk(run, kid, outer, false)) return false;
            if (kind != EG_VALUE_NULL && plain(kind) != EG_VALUE_WHOLE) {
                eg_stellar_place(run, kid);
                return eg_stellar_fail(run, "arithmetic with %s", eg_stellar_kind_name(kind));
            }
            whole = whole && is_whole(kid);
            continue;
        }
        uint8_t sign = node->signs[i ? i - 1 : 0];
        bool divides = i && sign == EG_STELLAR_DIVIDE;
        bool zero = value.kind == EG_VALUE_WHOLE && value.whole == 0;
        if (!eg_stellar_is_number(&value) || (divides && whole && zero)) {
            eg_stellar_place(run, kid);
            return eg_stellar_arithmetic(run, sign, &left, &value, &ignored);
        }
        whole = whole && value.kind == EG_VALUE_WHOLE;
    }
    return true;
}

/* The first comparison that holds for no packet is told: it is no error in the language. */
static void odd_note(struct eg_stellar_run *run, enum eg_stellar_kind a, enum eg_stellar_kind b) {
    struct look *look = (struct look *)run;
    if (!look->odd[0])
        snprintf(
            look->odd, sizeof look->odd,
            "a part of the Stellar expression is the same for every packet: %s never equals %s",
            eg_stellar_kind_name(a), eg_stellar_kind_name(b));
}

/* Comparisons, from the left: what the one before gives is true or false. */
static bool walk_comparisons(struct eg_stellar_run *run, const struct eg_stellar_node *node) {
    enum eg_stellar_kind left = eg_stellar_gives(node->kids[0]);
    for (uint32_t i = 1; i < node->count; i++) {
        enum eg_stellar_kind right = eg_stellar_gives(node->kids[i]);
        bool equality = node->signs[i - 1] == EG_STELLAR_EQ || node->signs[i - 1] == EG_STELLAR_NE;
        if (equality && unlike(left, right)) odd_note(run, left, right);
        if (!equality && !has_order(left, right)) {
            eg_stellar_place(run, node);
            return eg_stellar_fail(run, "%s and %s have no order", eg_stellar_kind_name(left),
                                   eg_stellar_kind_name(right));
        }
        left = EG_VALUE_BOOL;
    }
    return true;
}

/* A list none of whose members it can be. */
static void walk_member(struct eg_stellar_run *run, const struct eg_stellar_node *node) {
    const struct eg_stellar_node *list = node->kids[1];
    enum eg_stellar_kind kind = eg_stellar_gives(node->kids[0]);
    if (list->op != EG_STELLAR_OP_LIST || !list->count) return;
    for (uint32_t i = 0; i < list->count; i++)
        if (!unlike(kind, eg_stellar_gives(list->kids[i]))) return;
    odd_note(run, kind, eg_stellar_gives(list->kids[0]));
}

/* if, match: of constant tests, only what they choose. */
static bool walk_choice(struct eg_stellar_run *run, const struct eg_stellar_node *node,
                        uint32_t outer, bool truth) {
    uint32_t i = 0;
    bool wanted = truth && node->op == EG_STELLAR_OP_IF; /* a match calls lambdas */
    for (; i + 1 < node->count; i += 2) {
        struct eg_stellar_value value;
        bool holds = true;
        enum known known = value_of(run, node->kids[i], outer, &value);
        if (known == KNOWN_WRONG) return false;
        if (known == KNOWN && !eg_stellar_truth(run, node->kids[i], &value, &holds)) return false;
        if (known == KNOWN_NOT && !walk(run, node->kids[i], outer, true)) return false;
        if (holds && !walk(run, node->kids[i + 1], outer, wanted)) return false;
        if (known == KNOWN && holds) return true;
    }
    return walk(run, node->kids[i], outer, wanted);
}

static bool walk_call(struct eg_stellar_run *run, const struct eg_stellar_node *node,
                      uint32_t outer) {
    struct eg_stellar_value *args = eg_stellar_get(run, node->count, sizeof *args);
    if (!args) return false;
    for (uint32_t i = 0; i < node->count; i++) {
        enum known known = value_of(run, node->kids[i], outer, &args[i]);
        if (known == KNOWN_WRONG) return false;
        if (known == KNOWN_NOT && !walk(run, node->kids[i], outer, false)) return false;
    }
    struct eg_stellar_call call = {run, node, args, node->count};
    return run->failed || !node->function->args_good || node->function->args_good(&call);
}

/* What a part that depends on the packet holds. */
static bool walk_parts(struct eg_stellar_run *run, const struct eg_stellar_node *node,
                       uint32_t outer, bool truth) {
    uint32_t inner = outer;
    switch (node->op) {
    case EG_STELLAR_OP_CHAIN:
        if (node->signs[0] == EG_STELLAR_AND || node->signs[0] == EG_STELLAR_OR)
            return walk_logic(run, node, outer);
        if (node->signs[0] >= EG_STELLAR_PLUS) return walk_sum(run, node, outer);
        break;
    case EG_STELLAR_OP_IF:
    case EG_STELLAR_OP_MATCH: return walk_choice(run, node, outer, truth);
    case EG_STELLAR_OP_CALL: return walk_call(run, node, outer);
    case EG_STELLAR_OP_NOT: return walk(run, node->kids[0], outer, true);
    case EG_STELLAR_OP_LAMBDA: inner = node->slot + node->arity; break;
    default: break;
    }
    for (uint32_t i = 0; i < node->count; i++)
        if (!walk(run, node->kids[i], inner, false)) return false;
    if (node->op == EG_STELLAR_OP_IN) walk_member(run, node);
    return node->op != EG_STELLAR_OP_CHAIN || walk_comparisons(run, node);
}

/* Each part is evaluated once: what is constant as a whole is not looked into. */
static bool walk(struct eg_stellar_run *run, const struct eg_stellar_node *node, uint32_t outer,
                 bool truth) {
    struct eg_stellar_value value;
    bool holds;
    switch (value_of(run, node, outer, &value)) {
    case KNOWN_WRONG: return false;
    case KNOWN: return !truth || eg_stellar_truth(run, node, &value, &holds);
    case KNOWN_NOT: break;
    }
    if (run->failed) return true;
    if (!walk_parts(run, node, outer, truth)) return false;
    enum eg_stellar_kind kind = eg_stellar_gives(node);
    value.kind = kind;
    return !truth || kind == EG_VALUE_NULL || eg_stellar_truth(run, node, &value, &holds);
}

bool eg_stellar_constants_good(const struct eg_stellar_node *root, bool truth,
                               struct eg_stellar_wrong *out) {
    static const struct eg_stellar_value none[EG_STELLAR_SLOTS_MAX];
    struct look look = {.run = {.slots = none, .steps = EG_STELLAR_STEPS_MAX - CONSTANT_STEPS}};
    struct eg_stellar_run *run = &look.run;
    bool good = walk(run, root, 0, truth) || run->bounded;
    out->at = run->at;
    out->no_memory = run->no_memory;
    snprintf(out->why, sizeof out->why, "%s", run->why);
    snprintf(out->odd, sizeof out->odd, "%s", look.odd);
    eg_stellar_run_reset(run);
    return good && !out->no_memory;
}
