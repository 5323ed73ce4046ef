/* SPDX-License-Identifier: Apache-2.0
 * A filter as steps over a batch: what program.c makes of the tree and eval.c runs. */
#ifndef EG_FILTER_STEP_H
#define EG_FILTER_STEP_H

#include "filter/tree.h"
#include "table/scan.h"

#define EG_STEP_FEW 4 /* so many ranges are tried one after another; more are searched */

enum eg_step_kind {
    EG_STEP_CONST,
    EG_STEP_ALL,
    EG_STEP_ANY,
    EG_STEP_NULL,
    EG_STEP_WHOLE, /* a stored integer of any width, in ranges */
    EG_STEP_MADE,  /* a duration, in ranges */
    EG_STEP_REAL,  /* pps, bps, bpp, F64 columns, in ranges */
    EG_STEP_ADDR,  /* in prefixes, few */
    EG_STEP_ADDRS, /* in ranges of addresses, many */
    EG_STEP_TEXT,  /* in or by order */
    EG_STEP_MATCH,
    EG_STEP_FIELDS,
};

struct eg_whole_range {
    int64_t low, high;
};
struct eg_real_range {
    double low, high;
    bool open_low, open_high;
};
struct eg_prefix {
    uint64_t want[2], mask[2]; /* in the byte order of memory */
    bool not_v4;               /* IPv6 nets that would cover ::ffff:0:0/96 leave IPv4 out */
};
struct eg_addr_range {
    unsigned __int128 low, high;
};

struct eg_step {
    enum eg_step_kind kind;
    bool negate;
    bool truth;
    enum eg_compare compare;
    struct eg_field field, other;
    int64_t mask;
    union {
        const struct eg_whole_range *wholes;
        const struct eg_real_range *reals;
        const struct eg_prefix *prefixes;
        const struct eg_addr_range *addrs;
        const struct eg_value *texts;
    };
    uint32_t count;
    const struct eg_regex *regex;
    const struct eg_step **kids;
    uint32_t kid_count;
};

struct eg_program {
    struct eg_predicate predicate; /* first: select finds the rest from it */
    const struct eg_step *root;
};

/* The program lives in the arena and shares texts with the tree. NULL: no memory. */
struct eg_program *eg_program_new(struct eg_arena *, const struct eg_node *);
/* The predicate's function. Thread-safe; allocates nothing. */
uint32_t eg_program_select(const struct eg_predicate *, const struct eg_batch *, uint32_t *rows);

#endif
