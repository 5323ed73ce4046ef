/* SPDX-License-Identifier: Apache-2.0
 * Stellar expressions about a packet: the core of the language of Apache Metron, as docs/stellar.md
 * has it. Source: Metron's description of the language and its published grammar.
 *
 * An evaluation is bounded in steps, depth and memory, whatever the expression. */
#ifndef EG_MATCH_STELLAR_H
#define EG_MATCH_STELLAR_H

#include "base/strbuf.h"
#include "match/truth.h"
#include "wire/dissect.h"

#define EG_STELLAR_TEXT_MAX (64 * 1024)
#define EG_STELLAR_DEPTH_MAX 64             /* of brackets */
#define EG_STELLAR_STEPS_MAX 1000000        /* of one evaluation */
#define EG_STELLAR_MEMORY_MAX (1024 * 1024) /* of one evaluation, bytes */
#define EG_STELLAR_WHY 200

struct eg_arena;
struct eg_mmdb;
struct eg_stellar;

/* The databases that GEO_GET and ASN_GET ask, which live as long as the expression; NULL: there is none, and
 * what would ask it is refused. */
struct eg_stellar_databases {
    const struct eg_mmdb *places, *as_numbers;
};

/* What the variables stand for. */
struct eg_stellar_facts {
    const struct eg_layers *layers; /* NULL: no variable but `packet` exists */
    struct eg_span front, packet;   /* `packet` is both, one behind the other */
};

/* Lives in the arena; `databases` NULL: there are none. EG_OK_WARN: it stands, and err->message says what is odd about it (a variable
 * that there is not). Errors: EG_E_USAGE, err->position a byte offset into `text`; EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_stellar_parse(struct eg_stellar **out, const char *text,
                                              const struct eg_stellar_databases *databases,
                                              struct eg_arena *, struct eg_error *err);
/* Whether it asks for more than `packet`. */
bool eg_stellar_reads_layers(const struct eg_stellar *);

/* null does not hold; EG_UNANSWERED: it could not be evaluated, and `why` says why. Threads: any
 * number at once. */
enum eg_truth eg_stellar_ask(const struct eg_stellar *, const struct eg_stellar_facts *,
                             char why[EG_STELLAR_WHY]);
/* The value, as the language writes it; of an expression of any type (eg_stellar_parse_any). False:
 * it could not be evaluated. */
bool eg_stellar_value(const struct eg_stellar *, const struct eg_stellar_facts *,
                      struct eg_strbuf *to, char why[EG_STELLAR_WHY]);
/* As eg_stellar_parse, for expressions that are not true or false. */
EG_MUST_CHECK enum eg_status eg_stellar_parse_any(struct eg_stellar **out, const char *text,
                                                  const struct eg_stellar_databases *databases,
                                                  struct eg_arena *, struct eg_error *err);

#endif
