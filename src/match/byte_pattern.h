/* SPDX-License-Identifier: Apache-2.0
 * Patterns of bytes, of one fixed length, found anywhere: the language of docs/byte-patterns.md, which
 * is the part of byteseek's sequence syntax that Metron's packet filters are written in.
 *
 * A pattern is a row of sets of bytes. The search looks for the two positions that are rarest in
 * packets (base/find.h), and compares the rest only there. */
#ifndef EG_MATCH_BYTE_PATTERN_H
#define EG_MATCH_BYTE_PATTERN_H

#include "base/find.h"
#include "base/status.h"

#define EG_PATTERN_MAX 4096     /* positions */
#define EG_PATTERN_DEPTH_MAX 32 /* of brackets */

struct eg_arena;

struct eg_byte_set {
    uint64_t bits[4];
};
static inline bool eg_byte_set_has(const struct eg_byte_set *set, uint8_t byte) {
    return set->bits[byte >> 6] >> (byte & 63) & 1;
}
/* The narrowest kind that holds all of the set's bytes (and maybe others). */
struct eg_byte_kind eg_byte_set_kind(const struct eg_byte_set *);

struct eg_byte_pattern {
    struct eg_byte_set *sets; /* one a position */
    uint32_t length;          /* at least 1 */
    struct eg_byte_pair pair; /* what is looked for first */
};

/* Lives in the arena. Errors: EG_E_USAGE, err->position a byte offset into `text`; EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_byte_pattern_parse(struct eg_byte_pattern **out, const char *text,
                                                   size_t size, struct eg_arena *,
                                                   struct eg_error *err);
/* Threads: any number at once. */
bool eg_byte_pattern_found(const struct eg_byte_pattern *, struct eg_span in);

#define EG_PATTERN_FRONT_MAX 64
/* In `back` with `front` (at most so many bytes; more: its end) standing before it. */
bool eg_byte_pattern_found_behind(const struct eg_byte_pattern *, struct eg_span front,
                                  struct eg_span back);

#endif
