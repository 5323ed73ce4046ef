/* SPDX-License-Identifier: Apache-2.0
 * A plain pcap file in units that threads read at the same time. A unit holds the records that
 * begin in its range of the file; where its first record begins is never guessed, but follows from
 * the record headers of the units before it (docs/internals/reading.md). */
#ifndef EG_SOURCE_UNITS_H
#define EG_SOURCE_UNITS_H

#include "base/hash.h"
#include "source/input.h"
#include "wire/pcap.h"

struct eg_units;

/* `input` must be regular and not compressed, and outlive this. One unit begins at `resume`, if
 * that lies behind the file header. Errors: EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_units_new(struct eg_units **out, const struct eg_input *input,
                                          const struct eg_pcap *, uint64_t resume,
                                          struct eg_error *err);
void eg_units_free(struct eg_units *); /* NULL is fine */
uint64_t eg_units_count(const struct eg_units *);
const struct eg_pcap *eg_units_pcap(const struct eg_units *);

/* What is read is hashed from here on, in the order of the file, so that eg_units_end can tell the digest
 * of what rows were made of, whatever becomes of the file. `head` is what stands before the first record.
 * Before the first unit is read. Errors: EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_units_hash(struct eg_units *, struct eg_span head,
                                           struct eg_error *err);
/* And passed on, once, in order; calls are never concurrent. */
void eg_units_pass_on(struct eg_units *,
                      void (*bytes)(void *to, uint64_t offset, const void *bytes, size_t size),
                      void *to);
/* As a source's next(). Errors: EG_E_CUT as the last answer of the unit in which the file ends early
 * or is damaged (err->position: where); the units behind it are empty. */
EG_MUST_CHECK enum eg_status eg_units_next(struct eg_units *, uint64_t unit, struct eg_batch **out,
                                           struct eg_tally *, struct eg_error *err);
/* Where the unit behind `unit` begins: the end of all whole records of the units up to it; and the
 * digest of what was read before that, where it is hashed (NULL: nobody asks). */
EG_MUST_CHECK enum eg_status eg_units_end(struct eg_units *, uint64_t unit, uint64_t *offset,
                                          struct eg_digest *, struct eg_error *err);
/* The same of what stands before `resume`, once a unit behind it was read. False: it is not known. */
bool eg_units_resumed(struct eg_units *, struct eg_digest *);

/* Whether the file's end was counted as capture_cut; and how many bytes, under which time. */
bool eg_units_cut(struct eg_units *, uint64_t *bytes, int64_t *time_us);

#endif
