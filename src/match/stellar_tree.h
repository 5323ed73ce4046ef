/* SPDX-License-Identifier: Apache-2.0
 * What an expression is parsed into, and the values it is evaluated to. Chains (a + b - c, a and b
 * or c) are one node with many kids, so the depth of the tree is that of brackets. */
#ifndef EG_MATCH_STELLAR_TREE_H
#define EG_MATCH_STELLAR_TREE_H

#include "base/status.h"
#include "filter/regex.h"
#include "filter/tree.h"
#include "match/byte_pattern.h"
#include "match/stellar.h"

enum eg_stellar_kind {
    EG_VALUE_NULL,
    EG_VALUE_BOOL,
    EG_VALUE_WHOLE,
    EG_VALUE_REAL,
    EG_VALUE_TEXT,
    EG_VALUE_BYTES, /* of the packet: `front` and `back` */
    EG_VALUE_LIST,
    EG_VALUE_MAP, /* `count` pairs, a key and its value */
    EG_VALUE_LAMBDA,
};

struct eg_stellar_node;

struct eg_stellar_value {
    enum eg_stellar_kind kind;
    uint32_t count; /* LIST, MAP */
    union {
        bool truth;
        int64_t whole;
        double real;
        struct eg_span text;
        struct {
            struct eg_span front, back;
        } bytes;
        const struct eg_stellar_value *items;
        struct {
            const struct eg_stellar_node *node;
            const struct eg_stellar_value *slots; /* the variables around it, as they were */
        } lambda;
    };
};

enum eg_stellar_variable {
    EG_VARIABLE_SRC_ADDR,
    EG_VARIABLE_DST_ADDR,
    EG_VARIABLE_SRC_PORT,
    EG_VARIABLE_DST_PORT,
    EG_VARIABLE_PROTOCOL,
    EG_VARIABLE_PACKET,
    EG_VARIABLE_NONE, /* a name that stands for nothing */
};

enum eg_stellar_op {
    EG_STELLAR_OP_CONST,    /* `constant` */
    EG_STELLAR_OP_VARIABLE, /* `variable` */
    EG_STELLAR_OP_SLOT,     /* a lambda's argument: `slot` */
    EG_STELLAR_OP_EXISTS,   /* kids[0], a VARIABLE or SLOT, is not null */
    EG_STELLAR_OP_LIST,
    EG_STELLAR_OP_MAP,   /* kids: key, value, … */
    EG_STELLAR_OP_CHAIN, /* kids joined by signs[i] (a token kind) between i and i + 1: + - or
                              * /, from the left; comparisons, from the left; and, or */
    EG_STELLAR_OP_NOT,
    EG_STELLAR_OP_IN,     /* kids[0] in kids[1]; `inverted` */
    EG_STELLAR_OP_IF,     /* kids: test, then, else */
    EG_STELLAR_OP_MATCH,  /* kids: test, value, …, default */
    EG_STELLAR_OP_LAMBDA, /* kids[0]; takes `arity` arguments, which stand from `slot` on */
    EG_STELLAR_OP_CALL,   /* `function` of kids */
};

struct eg_stellar_function;

struct eg_stellar_node {
    enum eg_stellar_op op;
    bool inverted;
    uint32_t at; /* in the text */
    struct eg_stellar_value constant;
    enum eg_stellar_variable variable;
    uint32_t slot, arity;
    const struct eg_stellar_function *function;
    const struct eg_byte_pattern *pattern; /* of a function's constant argument, made beforehand */
    const struct eg_regex *regex;
    const struct eg_mmdb *mmdb; /* that the function asks */
    struct eg_stellar_node **kids;
    uint8_t *signs;
    uint32_t count, room;
};

struct eg_stellar {
    const struct eg_stellar_node *root; /* NULL: holds for every packet */
    bool reads_layers;
};

/* ---- evaluating ---- */

#define EG_STELLAR_CALLS_MAX 400 /* one inside the other */
#define EG_STELLAR_SLOTS_MAX 32  /* arguments of all lambdas around a place */

struct eg_stellar_run {
    const struct eg_stellar_facts *facts;
    const struct eg_stellar_value *slots;
    struct eg_stellar_chunk *chunks;
    size_t used, taken; /* of the newest chunk; of all */
    uint32_t steps, depth;
    bool failed;
    bool bounded;   /* failed for what it took: the expression itself may be right */
    bool no_memory; /* and there was none left in the machine */
    bool placed;
    uint32_t at; /* where in the text it failed */
    char why[EG_STELLAR_WHY];
};

/* Memory until the end of the evaluation; NULL, and failed: none left of what it may take. */
void *eg_stellar_get(struct eg_stellar_run *, size_t count, size_t size);
/* What is done with many bytes in one go counts as several steps. */
static inline void eg_stellar_charge(struct eg_stellar_run *run, size_t steps) {
    run->steps += steps > EG_STELLAR_STEPS_MAX ? EG_STELLAR_STEPS_MAX : (uint32_t)steps;
}
/* Always false. The place is the innermost part that is being evaluated, unless one was told. */
bool eg_stellar_fail(struct eg_stellar_run *, const char *format, ...) EG_PRINTF(2, 3);
void eg_stellar_place(struct eg_stellar_run *, const struct eg_stellar_node *);
/* The same where a bound was reached. */
bool eg_stellar_fail_bound(struct eg_stellar_run *, const char *why);
bool eg_stellar_eval(struct eg_stellar_run *, const struct eg_stellar_node *,
                     struct eg_stellar_value *out);
/* A part's value where truth is asked for: null is false; what is neither true nor false is an error. */
bool eg_stellar_truth(struct eg_stellar_run *, const struct eg_stellar_node *,
                      const struct eg_stellar_value *, bool *out);
void eg_stellar_run_reset(struct eg_stellar_run *);
/* Calls a lambda (any other value is an error). */
bool eg_stellar_apply(struct eg_stellar_run *, const char *whose, const struct eg_stellar_value *f,
                      const struct eg_stellar_value *args, uint32_t count,
                      struct eg_stellar_value *out);

/* ---- constants ---- */

struct eg_stellar_wrong {
    uint32_t at;
    bool no_memory;
    char why[EG_STELLAR_WHY];
    char odd[EG_STELLAR_WHY]; /* of what is good: a comparison that holds for no packet; "": none */
};
/* The kind of value that a part gives, where it is not null; EG_VALUE_NULL: that shows when it is asked. */
enum eg_stellar_kind eg_stellar_gives(const struct eg_stellar_node *);
/* Whether no part that a packet may reach fails for every packet (that has what is asked of it), or
 * (`truth`: the whole must be true or false) is of the wrong kind. */
bool eg_stellar_constants_good(const struct eg_stellar_node *root, bool truth,
                               struct eg_stellar_wrong *out);

/* ---- values ---- */

/* Equality of the language: numbers by value, whatever their kind; null is null; else the same kind
 * and the same content. Counts steps. */
bool eg_stellar_equal(struct eg_stellar_run *, const struct eg_stellar_value *,
                      const struct eg_stellar_value *);
/* `sign`: one of the six comparisons. False: the two cannot be compared. */
bool eg_stellar_compare(struct eg_stellar_run *, uint8_t sign, const struct eg_stellar_value *,
                        const struct eg_stellar_value *, bool *out);
bool eg_stellar_arithmetic(struct eg_stellar_run *, uint8_t sign, const struct eg_stellar_value *,
                           const struct eg_stellar_value *, struct eg_stellar_value *out);
bool eg_stellar_member(struct eg_stellar_run *, const struct eg_stellar_value *,
                       const struct eg_stellar_value *of);
/* "a number", "text", … */
const char *eg_stellar_kind_name(enum eg_stellar_kind);
/* As the language writes it; `plain`: text without quotes. */
void eg_stellar_write(const struct eg_stellar_value *, bool plain, struct eg_strbuf *to);

static inline struct eg_stellar_value eg_stellar_bool(bool truth) {
    return (struct eg_stellar_value){.kind = EG_VALUE_BOOL, .truth = truth};
}
static inline struct eg_stellar_value eg_stellar_whole(int64_t whole) {
    return (struct eg_stellar_value){.kind = EG_VALUE_WHOLE, .whole = whole};
}
static inline struct eg_stellar_value eg_stellar_real(double real) {
    return (struct eg_stellar_value){.kind = EG_VALUE_REAL, .real = real};
}
static inline struct eg_stellar_value eg_stellar_text(struct eg_span text) {
    return (struct eg_stellar_value){.kind = EG_VALUE_TEXT, .text = text};
}
static inline bool eg_stellar_is_number(const struct eg_stellar_value *value) {
    return value->kind == EG_VALUE_WHOLE || value->kind == EG_VALUE_REAL;
}
static inline double eg_stellar_number(const struct eg_stellar_value *value) {
    return value->kind == EG_VALUE_REAL ? value->real : (double)value->whole;
}

/* ---- functions ---- */

#define EG_ARGS_ANY 255

struct eg_stellar_call {
    struct eg_stellar_run *run;
    const struct eg_stellar_node *node;
    const struct eg_stellar_value *args;
    uint32_t count;
};

struct eg_stellar_function {
    const char *name;
    uint8_t least, most;        /* arguments; most EG_ARGS_ANY: any number */
    enum eg_stellar_kind gives; /* EG_VALUE_NULL: it depends */
    /* *out is null before. False: the evaluation has failed (eg_stellar_fail). */
    bool (*run)(const struct eg_stellar_call *, struct eg_stellar_value *out);
    const char *refused; /* not NULL: there is no such function here, and this is why */
    /* Whether no argument is wrong whatever the others are: of a call of which only some are known, the
     * others being null. NULL: only a call can tell. */
    bool (*args_good)(const struct eg_stellar_call *);
};

extern const struct eg_stellar_function eg_stellar_packet_functions[];
extern const struct eg_stellar_function eg_stellar_text_functions[];
extern const struct eg_stellar_function eg_stellar_list_functions[];
extern const struct eg_stellar_function eg_stellar_number_functions[];
extern const struct eg_stellar_function
    eg_stellar_place_functions[]; /* each ends with a NULL name */

enum eg_stellar_database {
    EG_DATABASE_NONE,
    EG_DATABASE_PLACES,
    EG_DATABASE_AS_NUMBERS,
};
/* Which database a function asks. */
enum eg_stellar_database eg_stellar_database_of(const struct eg_stellar_function *);

/* By its name; NULL: there is none, and *nearest is one that there is, or NULL. */
const struct eg_stellar_function *eg_stellar_function(struct eg_span name, const char **nearest);

/* The i-th argument as text. False: it is null, or left out; or something else, which is an error. */
bool eg_stellar_text_arg(const struct eg_stellar_call *, uint32_t i, struct eg_span *out);
/* As a whole number, as a number; null is an error too. */
bool eg_stellar_whole_arg(const struct eg_stellar_call *, uint32_t i, int64_t *out);
bool eg_stellar_number_arg(const struct eg_stellar_call *, uint32_t i, double *out);
/* As a list; null is false without an error. */
bool eg_stellar_list_arg(const struct eg_stellar_call *, uint32_t i,
                         const struct eg_stellar_value **out);
/* Both false: the value that the i-th argument is, or holds, is of the wrong kind; its text is no good. */
bool eg_stellar_wrong_value(const struct eg_stellar_call *, uint32_t i,
                            const struct eg_stellar_value *, const char *wanted);
bool eg_stellar_wrong_text(const struct eg_stellar_call *, uint32_t i, const struct eg_error *why);
/* What a function answers where an argument was not there: `otherwise`, unless that was an error. */
bool eg_stellar_lacking(const struct eg_stellar_call *, struct eg_stellar_value *out,
                        struct eg_stellar_value otherwise);
bool eg_stellar_format(const struct eg_stellar_call *, struct eg_stellar_value *out); /* FORMAT */
/* A copy that lives until the end of the evaluation. */
bool eg_stellar_keep(struct eg_stellar_run *, const void *text, size_t size,
                     struct eg_stellar_value *out);

static inline struct eg_stellar_value eg_stellar_null(void) {
    return (struct eg_stellar_value){.kind = EG_VALUE_NULL};
}

#endif
