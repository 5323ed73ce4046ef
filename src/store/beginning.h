/* SPDX-License-Identifier: Apache-2.0
 * Whether a file is the beginning of a capture that is known: all its bytes stand there, and nothing in
 * it is new. A position has one digest, of all before its offset, so the capture itself is read: the one
 * in the packet store, or the file that was ingested, as long as it is what it was then. */
#ifndef EG_STORE_BEGINNING_H
#define EG_STORE_BEGINNING_H

#include "store/dataset.h"

/* `name` holds `size` uncompressed bytes, less than the position's offset. EG_OK: it is the beginning;
 * EG_END: it is not, or there is nothing left to compare it with. Errors: EG_E_NOMEM, EG_E_CANCELLED. */
EG_MUST_CHECK enum eg_status eg_beginning_of(const struct eg_dataset *, const char *name,
                                             uint64_t size, const struct eg_position *,
                                             struct eg_error *err);

#endif
