/* SPDX-License-Identifier: Apache-2.0
 * The state of an extract that holds rows back, in the words of a position: what had been read when
 * it was so (an offset, and the digest of what stands before it, since many captures begin alike),
 * and the rows made by each shard. docs/internals/pump.md tells what it is for. Internal to the scan. */
#ifndef EG_TABLE_SCAN_STATE_H
#define EG_TABLE_SCAN_STATE_H

#include "table/stage.h"

/* "OFFSET:DIGEST:N,N,…" into `to`, of rows made since nothing was held. False: nothing was made, so
 * that there is no state; or it does not fit. */
bool egi_state_text(const struct eg_extract_state *, const struct eg_position *reached,
                    char to[256]);
/* Back: the rows become those to be left out. False: these are not such words. */
bool egi_state_read(const char *text, struct eg_extract_state *, struct eg_position *reached);
/* Whether `a` is of later than `b`: shards only ever make more rows. */
bool egi_state_later(const struct eg_extract_state *a, const struct eg_extract_state *b);

#endif
