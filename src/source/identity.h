/* SPDX-License-Identifier: Apache-2.0
 * How a capture is known again: a key of its first bytes, and the digest of everything before an
 * offset. Both are of the uncompressed bytes, so that a copy, a renamed or a compressed one is the
 * same capture (docs/internals/reading.md). */
#ifndef EG_SOURCE_IDENTITY_H
#define EG_SOURCE_IDENTITY_H

#include "base/hash.h"
#include "source/input.h"

#define EG_KEY_BYTES 64u
#define EG_LOCK_BYTES 4096u

/* The key by the first min(EG_KEY_BYTES, offset) bytes of `head`. */
void eg_identity_key(char key[40], struct eg_span head, uint64_t offset);

/* What two processes must not read at once: by the first EG_LOCK_BYTES of `input`, which must be
 * regular (the caller rewinds it). A shorter one may yet grow: its lock is its key, by `head`. */
EG_MUST_CHECK enum eg_status eg_identity_lock(char lock[40], struct eg_input *input,
                                              struct eg_span head, struct eg_error *err);

/* What a look at the known positions found. */
struct eg_identity {
    enum eg_plan_state state; /* NEW, CHANGED, or GROWN where a known offset was met */
    uint64_t
        ends; /* where it ended, before the furthest place that it was to be compared at; else 0 */
    uint64_t offset; /* GROWN: how far it is known; CHANGED: before where it differs */
    const struct eg_position *like; /* the known one that it was compared with; NULL: none */
    /* The bytes behind `offset`, as far as was looked (EG_IDENTITY_REST bytes, or to the end);
     * they tell a grown input from a known one. `followed`: there are known bytes behind it. */
    uint8_t *rest;
    size_t rest_size;
    bool followed;
};
#define EG_IDENTITY_REST (512u << 10)

/* Reads `input`, which must be regular and at its beginning, as far as there are positions to
 * check (the caller rewinds it). Positions before `least` do not count: so little is the same in
 * many captures. The known ones are in the order of their keys. Where positions of several tables match, the table that knows least decides.
 * *out is to be reset, also on failure. Errors: EG_E_NOMEM, EG_E_IO, EG_E_CANCELLED. */
EG_MUST_CHECK enum eg_status eg_identity_find(struct eg_identity *out, struct eg_input *input,
                                              struct eg_span head, uint64_t least,
                                              const struct eg_position *known, size_t known_count,
                                              struct eg_error *err);
void eg_identity_reset(struct eg_identity *);

#endif
