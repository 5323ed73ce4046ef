/* SPDX-License-Identifier: Apache-2.0
 * Single packets out of a sequence file, by their offsets; the bytes come from pick.c. In a file of
 * blocks the lengths of the blocks lead to the one that is asked for, which alone is expanded. */
#ifndef EG_SOURCE_PICK_RECORDS_H
#define EG_SOURCE_PICK_RECORDS_H

#include "source/seqfile.h"

/* Makes `want` bytes at `offset` stand at *have, or as many as there are, until the next call. */
typedef enum eg_status (*eg_pick_reach)(void *from, uint64_t offset, size_t want,
                                        struct eg_span *have, struct eg_error *err);

struct eg_pick_records;
EG_MUST_CHECK enum eg_status eg_pick_records_new(struct eg_pick_records **out,
                                                 const struct eg_seqfile *, eg_pick_reach,
                                                 void *from, struct eg_error *err);
void eg_pick_records_free(struct eg_pick_records *); /* NULL is fine */

/* The frame of the record at `offset`, its payload until the next call. EG_END: no packet is there.
 * EG_E_CUT: the file ends inside it (*err is not filled). Errors: of reading; EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_pick_records_frame(struct eg_pick_records *, uint64_t offset,
                                                   struct eg_frame *out, struct eg_error *err);

#endif
