/* SPDX-License-Identifier: Apache-2.0
 * Matching: a set of states stepped over the text, once, whatever the expression. */
#include "base/utf8.h"
#include "filter/regex_code.h"

#include <string.h>

uint32_t eg_regex_char(const uint8_t *text, size_t size, size_t *at) {
    size_t taken;
    int32_t c = eg_utf8_next(eg_span(text + *at, size - *at), &taken);
    *at += taken;
    return c < 0 ? 0xfffd : (uint32_t)c;
}

struct states {
    uint16_t list[EG_REGEX_INSTS_MAX];
    uint32_t count;
    uint64_t seen[(EG_REGEX_INSTS_MAX + 63) / 64];
};

struct walk {
    const struct eg_regex *re;
    bool begin, end; /* where in the text */
    bool found;
};

static void states_clear(const struct eg_regex *re, struct states *set) {
    set->count = 0;
    memset(set->seen, 0, (re->inst_count + 63) / 64 * sizeof *set->seen);
}

/* Adds a state and all that can be reached from it without a character. The list itself is the
 * queue of what is left to follow. */
static void states_add(struct walk *walk, struct states *set, uint16_t state) {
    uint32_t from = set->count;
    if (set->seen[state >> 6] >> (state & 63) & 1) return;
    set->seen[state >> 6] |= UINT64_C(1) << (state & 63);
    set->list[set->count++] = state;
    for (; from < set->count; from++) {
        const struct eg_inst *inst = &walk->re->insts[set->list[from]];
        uint16_t next[2];
        unsigned ways = 0;
        switch (inst->op) {
        case EG_OP_SET: break;
        case EG_OP_SPLIT: next[ways++] = inst->y; /* fall through */
        case EG_OP_JUMP: next[ways++] = inst->x; break;
        case EG_OP_BEGIN:
            if (walk->begin) next[ways++] = (uint16_t)(set->list[from] + 1);
            break;
        case EG_OP_END:
            if (walk->end) next[ways++] = (uint16_t)(set->list[from] + 1);
            break;
        case EG_OP_FOUND: walk->found = true; break;
        }
        while (ways--) {
            uint16_t to = next[ways];
            if (set->seen[to >> 6] >> (to & 63) & 1) continue;
            set->seen[to >> 6] |= UINT64_C(1) << (to & 63);
            set->list[set->count++] = to;
        }
    }
}

static bool holds(const struct eg_regex *re, const struct eg_inst *set, uint32_t c) {
    for (uint32_t i = 0; i < set->count; i++) {
        const struct eg_range *range = &re->ranges[set->first + i];
        if (c >= range->low && c <= range->high) return !set->inverted;
    }
    return set->inverted;
}

bool eg_regex_match(const struct eg_regex *re, struct eg_span text) {
    struct states sets[2];
    struct states *now = &sets[0], *next = &sets[1];
    struct walk walk = {.re = re, .begin = true, .end = text.size == 0};
    states_clear(re, now);
    states_add(&walk, now, 0);
    for (size_t at = 0; at < text.size && !walk.found;) {
        uint32_t c = eg_regex_char(text.at, text.size, &at);
        walk.begin = false;
        walk.end = at == text.size;
        states_clear(re, next);
        for (uint32_t i = 0; i < now->count; i++) {
            const struct eg_inst *inst = &re->insts[now->list[i]];
            if (inst->op == EG_OP_SET && holds(re, inst, c))
                states_add(&walk, next, (uint16_t)(now->list[i] + 1));
        }
        states_add(&walk, next, 0);
        struct states *old = now;
        now = next;
        next = old;
    }
    return walk.found;
}
