/* SPDX-License-Identifier: Apache-2.0
 * A compiled expression: what regex.c makes and regex_match.c runs. */
#ifndef EG_FILTER_REGEX_CODE_H
#define EG_FILTER_REGEX_CODE_H

#include "filter/regex.h"

#define EG_REGEX_INSTS_MAX (4 * EG_REGEX_STATES_MAX)
#define EG_REGEX_RANGES_MAX 4096

enum eg_op {
    EG_OP_SET,   /* one character, of the ranges [first, first + count) */
    EG_OP_SPLIT, /* go on at x and at y */
    EG_OP_JUMP,  /* go on at x */
    EG_OP_BEGIN,
    EG_OP_END,
    EG_OP_FOUND,
};

struct eg_inst {
    enum eg_op op;
    bool inverted;
    uint16_t x, y;
    uint32_t first, count;
};

struct eg_range {
    uint32_t low, high;
};

struct eg_regex {
    struct eg_span source;
    struct eg_inst *insts;
    uint32_t inst_count;
    struct eg_range *ranges;
    uint32_t range_count;
    char *portable;
    size_t portable_size;
};

/* The next character of a text, which must not be at its end. A byte that is not UTF-8 counts as
 * U+FFFD. */
uint32_t eg_regex_char(const uint8_t *text, size_t size, size_t *at);

#endif
