/* SPDX-License-Identifier: Apache-2.0
 * What of an expression fails whatever the packet: parts that no packet has a say in are evaluated once,
 * when it is compiled. What constants alone keep from being reached is passed over, as every evaluation
 * does; so is what takes more than a glance: that shows when it is asked. */
#include "match/stellar_lex.h"
#include "match/stellar_tree.h"

#include <stdio.h>

#define CONSTANT_STEPS 20000 /* of all constants of one expression */

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
            if (!walk(run, kid, outer, false)) return false;
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
    return true;
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
    return run->failed || walk_parts(run, node, outer, truth);
}

bool eg_stellar_constants_good(const struct eg_stellar_node *root, bool truth,
                               struct eg_stellar_wrong *out) {
    static const struct eg_stellar_value none[EG_STELLAR_SLOTS_MAX];
    struct eg_stellar_run run = {.slots = none, .steps = EG_STELLAR_STEPS_MAX - CONSTANT_STEPS};
    bool good = walk(&run, root, 0, truth) || run.bounded;
    out->at = run.at;
    out->no_memory = run.no_memory;
    snprintf(out->why, sizeof out->why, "%s", run.why);
    eg_stellar_run_reset(&run);
    return good && !out->no_memory;
}
