/* SPDX-License-Identifier: Apache-2.0
 * Evaluating. Null rules: a variable that a packet does not have is null; null is false where truth
 * is asked for, and < <= > >= with it are false; == tells null from everything else. */
#include "base/alloc.h"
#include "match/stellar_lex.h"
#include "match/stellar_tree.h"
#include "table/address.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CHUNK_BYTES 4096

struct eg_stellar_chunk {
    struct eg_stellar_chunk *older;
    size_t room;
    _Alignas(16) uint8_t bytes[];
};

void *eg_stellar_get(struct eg_stellar_run *run, size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total) || total > EG_STELLAR_MEMORY_MAX) goto none;
    total = (total + 15) & ~(size_t)15;
    if (total > EG_STELLAR_MEMORY_MAX - run->taken) goto none;
    if (!run->chunks || run->chunks->room - run->used < total) {
        size_t room = total > CHUNK_BYTES ? total : CHUNK_BYTES;
        struct eg_stellar_chunk *chunk = eg_malloc(sizeof *chunk + room);
        if (!chunk) run->no_memory = true;
        if (!chunk) goto none;
        chunk->older = run->chunks;
        chunk->room = room;
        run->chunks = chunk;
        run->used = 0;
    }
    void *got = run->chunks->bytes + run->used;
    run->used += total;
    run->taken += total;
    return got;
none:
    eg_stellar_fail_bound(run, "it takes too much memory");
    return NULL;
}

void eg_stellar_run_reset(struct eg_stellar_run *run) {
    while (run->chunks) {
        struct eg_stellar_chunk *older = run->chunks->older;
        eg_free(run->chunks);
        run->chunks = older;
    }
}

bool eg_stellar_fail(struct eg_stellar_run *run, const char *format, ...) {
    va_list args;
    if (run->failed) return false;
    run->failed = true;
    va_start(args, format);
    vsnprintf(run->why, sizeof run->why, format, args);
    va_end(args);
    return false;
}

void eg_stellar_place(struct eg_stellar_run *run, const struct eg_stellar_node *node) {
    if (run->placed) return;
    run->placed = true;
    run->at = node->at;
}

bool eg_stellar_fail_bound(struct eg_stellar_run *run, const char *why) {
    if (!run->failed) run->bounded = true;
    return eg_stellar_fail(run, "%s", why);
}

bool eg_stellar_keep(struct eg_stellar_run *run, const void *text, size_t size,
                     struct eg_stellar_value *out) {
    uint8_t *copy = eg_stellar_get(run, size + 1, 1);
    if (!copy) return false;
    if (size) memcpy(copy, text, size);
    *out = eg_stellar_text(eg_span(copy, size));
    return true;
}

/* ---- variables ---- */

static bool address(struct eg_stellar_run *run, uint32_t has, const struct eg_addr *addr,
                    struct eg_stellar_value *out) {
    char text[EG_ADDR_TEXT];
    if (!(run->facts->layers->has & has)) return true;
    size_t size = eg_addr_text(addr, text);
    return eg_stellar_keep(run, text, size, out);
}

static void number(struct eg_stellar_run *run, uint32_t has, int64_t value,
                   struct eg_stellar_value *out) {
    if (run->facts->layers->has & has) *out = eg_stellar_whole(value);
}

static bool variable(struct eg_stellar_run *run, enum eg_stellar_variable variable,
                     struct eg_stellar_value *out) {
    const struct eg_layers *layers = run->facts->layers;
    *out = eg_stellar_null();
    if (variable == EG_VARIABLE_PACKET) {
        out->kind = EG_VALUE_BYTES;
        out->bytes.front = run->facts->front;
        out->bytes.back = run->facts->packet;
        return true;
    }
    if (!layers) return true;
    switch (variable) {
    case EG_VARIABLE_SRC_ADDR: return address(run, EG_HAS_SRC, &layers->src, out);
    case EG_VARIABLE_DST_ADDR: return address(run, EG_HAS_DST, &layers->dst, out);
    case EG_VARIABLE_SRC_PORT: number(run, EG_HAS_PORTS, layers->src_port, out); return true;
    case EG_VARIABLE_DST_PORT: number(run, EG_HAS_PORTS, layers->dst_port, out); return true;
    case EG_VARIABLE_PROTOCOL: number(run, EG_HAS_PROTO, layers->proto, out); return true;
    default: return true;
    }
}

/* ---- operators ---- */

bool eg_stellar_truth(struct eg_stellar_run *run, const struct eg_stellar_node *node,
                      const struct eg_stellar_value *value, bool *out) {
    *out = value->kind == EG_VALUE_BOOL && value->truth;
    if (value->kind == EG_VALUE_BOOL || value->kind == EG_VALUE_NULL) return true;
    eg_stellar_place(run, node);
    return eg_stellar_fail(run, "%s where true or false is wanted",
                           eg_stellar_kind_name(value->kind));
}

static bool truth(struct eg_stellar_run *run, const struct eg_stellar_node *node, bool *out) {
    struct eg_stellar_value value;
    if (!eg_stellar_eval(run, node, &value)) return false;
    return eg_stellar_truth(run, node, &value, out);
}

/* From the left: an `or` behind what is true, and an `and` behind what is false, decide all. That is
 * the grammar's nesting to the right, without the nesting. */
static bool logic(struct eg_stellar_run *run, const struct eg_stellar_node *node,
                  struct eg_stellar_value *out) {
    bool holds = false;
    for (uint32_t i = 0; i < node->count; i++) {
        if (!truth(run, node->kids[i], &holds)) return false;
        if (i + 1 < node->count && holds == (node->signs[i] == EG_STELLAR_OR)) break;
    }
    *out = eg_stellar_bool(holds);
    return true;
}

static bool chain(struct eg_stellar_run *run, const struct eg_stellar_node *node,
                  struct eg_stellar_value *out) {
    struct eg_stellar_value right;
    if (node->signs[0] == EG_STELLAR_AND || node->signs[0] == EG_STELLAR_OR)
        return logic(run, node, out);
    if (!eg_stellar_eval(run, node->kids[0], out)) return false;
    for (uint32_t i = 1; i < node->count; i++) {
        uint8_t sign = node->signs[i - 1];
        bool holds;
        if (!eg_stellar_eval(run, node->kids[i], &right)) return false;
        if (sign >= EG_STELLAR_PLUS) {
            struct eg_stellar_value left = *out;
            if (!eg_stellar_arithmetic(run, sign, &left, &right, out)) return false;
        } else {
            if (!eg_stellar_compare(run, sign, out, &right, &holds)) return false;
            *out = eg_stellar_bool(holds);
        }
    }
    return true;
}

static bool list(struct eg_stellar_run *run, const struct eg_stellar_node *node,
                 struct eg_stellar_value *out) {
    struct eg_stellar_value *made = eg_stellar_get(run, node->count + 1, sizeof *made);
    if (!made) return false;
    for (uint32_t i = 0; i < node->count; i++)
        if (!eg_stellar_eval(run, node->kids[i], &made[i])) return false;
    *out = (struct eg_stellar_value){.kind = EG_VALUE_LIST, .count = node->count, .items = made};
    return true;
}

/* Of a key that is said twice the later value counts. */
static bool map(struct eg_stellar_run *run, const struct eg_stellar_node *node,
                struct eg_stellar_value *out) {
    struct eg_stellar_value *made = eg_stellar_get(run, node->count + 1, sizeof *made);
    uint32_t count = 0;
    if (!made) return false;
    for (uint32_t i = 0; i < node->count; i += 2) {
        struct eg_stellar_value key;
        uint32_t k = 0;
        if (!eg_stellar_eval(run, node->kids[i], &key)) return false;
        while (k < count && !eg_stellar_equal(run, &made[2 * k], &key)) k++;
        if (run->failed) return false;
        made[2 * k] = key;
        if (!eg_stellar_eval(run, node->kids[i + 1], &made[2 * k + 1])) return false;
        if (k == count) count++;
    }
    *out = (struct eg_stellar_value){.kind = EG_VALUE_MAP, .count = count, .items = made};
    return true;
}

static bool choice(struct eg_stellar_run *run, const struct eg_stellar_node *node,
                   struct eg_stellar_value *out) {
    uint32_t i = 0;
    for (bool holds = false; i + 1 < node->count; i += 2) {
        if (!truth(run, node->kids[i], &holds)) return false;
        if (!holds) continue;
        i++;
        break;
    }
    if (!eg_stellar_eval(run, node->kids[i], out)) return false;
    if (node->op == EG_STELLAR_OP_MATCH && out->kind == EG_VALUE_LAMBDA &&
        out->lambda.node->arity == 0) {
        struct eg_stellar_value lambda = *out;
        return eg_stellar_apply(run, "match", &lambda, NULL, 0, out);
    }
    return true;
}

/* A lambda remembers the arguments of the lambdas around it, as they are now. */
static bool lambda(struct eg_stellar_run *run, const struct eg_stellar_node *node,
                   struct eg_stellar_value *out) {
    struct eg_stellar_value *slots = eg_stellar_get(run, node->slot + 1, sizeof *slots);
    if (!slots) return false;
    if (node->slot) memcpy(slots, run->slots, node->slot * sizeof *slots);
    *out = (struct eg_stellar_value){.kind = EG_VALUE_LAMBDA};
    out->lambda.node = node;
    out->lambda.slots = slots;
    return true;
}

bool eg_stellar_apply(struct eg_stellar_run *run, const char *whose,
                      const struct eg_stellar_value *f, const struct eg_stellar_value *args,
                      uint32_t count, struct eg_stellar_value *out) {
    if (f->kind != EG_VALUE_LAMBDA)
        return eg_stellar_fail(run, "%s wants a lambda, not %s", whose,
                               eg_stellar_kind_name(f->kind));
    const struct eg_stellar_node *node = f->lambda.node;
    if (node->arity != count)
        return eg_stellar_fail(run, "%s wants a lambda of %u arguments, not of %u", whose, count,
                               node->arity);
    struct eg_stellar_value *slots = eg_stellar_get(run, node->slot + count + 1, sizeof *slots);
    const struct eg_stellar_value *before = run->slots;
    if (!slots) return false;
    if (node->slot) memcpy(slots, f->lambda.slots, node->slot * sizeof *slots);
    for (uint32_t i = 0; i < count; i++) slots[node->slot + i] = args[i];
    run->slots = slots;
    bool good = eg_stellar_eval(run, node->kids[0], out);
    run->slots = before;
    return good;
}

#define ARGS_HELD 8 /* so many arguments take no memory */

static bool call(struct eg_stellar_run *run, const struct eg_stellar_node *node,
                 struct eg_stellar_value *out) {
    struct eg_stellar_value held[ARGS_HELD], *args = held;
    if (node->count > ARGS_HELD && !(args = eg_stellar_get(run, node->count, sizeof *args)))
        return false;
    for (uint32_t i = 0; i < node->count; i++)
        if (!eg_stellar_eval(run, node->kids[i], &args[i])) return false;
    *out = eg_stellar_null();
    struct eg_stellar_call made = {run, node, args, node->count};
    return node->function->run(&made, out) && !run->failed;
}

static bool eval(struct eg_stellar_run *run, const struct eg_stellar_node *node,
                 struct eg_stellar_value *out) {
    struct eg_stellar_value left, right;
    bool holds;
    switch (node->op) {
    case EG_STELLAR_OP_CONST: *out = node->constant; return true;
    case EG_STELLAR_OP_VARIABLE: return variable(run, node->variable, out);
    case EG_STELLAR_OP_SLOT: *out = run->slots[node->slot]; return true;
    case EG_STELLAR_OP_EXISTS:
        if (!eg_stellar_eval(run, node->kids[0], &left)) return false;
        *out = eg_stellar_bool(left.kind != EG_VALUE_NULL);
        return true;
    case EG_STELLAR_OP_LIST: return list(run, node, out);
    case EG_STELLAR_OP_MAP: return map(run, node, out);
    case EG_STELLAR_OP_CHAIN: return chain(run, node, out);
    case EG_STELLAR_OP_NOT:
        if (!truth(run, node->kids[0], &holds)) return false;
        *out = eg_stellar_bool(!holds);
        return true;
    case EG_STELLAR_OP_IN:
        if (!eg_stellar_eval(run, node->kids[0], &left) ||
            !eg_stellar_eval(run, node->kids[1], &right))
            return false;
        *out = eg_stellar_bool(eg_stellar_member(run, &left, &right) != node->inverted);
        return !run->failed;
    case EG_STELLAR_OP_IF:
    case EG_STELLAR_OP_MATCH: return choice(run, node, out);
    case EG_STELLAR_OP_LAMBDA: return lambda(run, node, out);
    case EG_STELLAR_OP_CALL: return call(run, node, out);
    }
    return eg_stellar_fail(run, "an operation that there is not");
}

bool eg_stellar_eval(struct eg_stellar_run *run, const struct eg_stellar_node *node,
                     struct eg_stellar_value *out) {
    if (++run->steps > EG_STELLAR_STEPS_MAX)
        return eg_stellar_fail_bound(run, "it takes too many steps");
    if (run->depth >= EG_STELLAR_CALLS_MAX)
        return eg_stellar_fail_bound(run, "it is nested too deep");
    run->depth++;
    bool good = eval(run, node, out);
    run->depth--;
    if (!good) eg_stellar_place(run, node);
    return good;
}

/* ---- whole ---- */

static bool evaluate(const struct eg_stellar *stellar, struct eg_stellar_run *run,
                     struct eg_stellar_value *out) {
    *out = eg_stellar_bool(true);
    return !stellar->root || eg_stellar_eval(run, stellar->root, out);
}

enum eg_truth eg_stellar_ask(const struct eg_stellar *stellar, const struct eg_stellar_facts *facts,
                             char why[EG_STELLAR_WHY]) {
    struct eg_stellar_run run = {.facts = facts};
    struct eg_stellar_value value;
    enum eg_truth answer = EG_UNTRUE;
    bool good = evaluate(stellar, &run, &value);
    if (good && value.kind != EG_VALUE_BOOL && value.kind != EG_VALUE_NULL)
        good = eg_stellar_fail(&run, "it gives %s, not true or false",
                               eg_stellar_kind_name(value.kind));
    if (good)
        answer = value.kind == EG_VALUE_BOOL && value.truth ? EG_TRUE : EG_UNTRUE;
    else
        answer = EG_UNANSWERED;
    if (!good) snprintf(why, EG_STELLAR_WHY, "%s", run.why);
    eg_stellar_run_reset(&run);
    return answer;
}

bool eg_stellar_value(const struct eg_stellar *stellar, const struct eg_stellar_facts *facts,
                      struct eg_strbuf *to, char why[EG_STELLAR_WHY]) {
    struct eg_stellar_run run = {.facts = facts};
    struct eg_stellar_value value;
    bool good = evaluate(stellar, &run, &value);
    if (good)
        eg_stellar_write(&value, false, to);
    else
        snprintf(why, EG_STELLAR_WHY, "%s", run.why);
    eg_stellar_run_reset(&run);
    return good;
}
