/* SPDX-License-Identifier: Apache-2.0
 * The UDP datagrams in raw rows, whole: out of frames, put together again where they came in
 * fragments, or as they are where a row is a datagram already. */
#ifndef EG_WIRE_DATAGRAMS_H
#define EG_WIRE_DATAGRAMS_H

#include "table/stage.h"

struct eg_datagrams; /* fragments in progress of one input */

enum eg_datagram_found {
    EG_DATAGRAM_WHOLE,
    EG_DATAGRAM_NONE, /* something else */
    EG_DATAGRAM_WAIT, /* a fragment; the datagram comes with its last one, or never */
    EG_DATAGRAM_CUT,  /* the capture does not hold all of it */
};

struct eg_datagrams *eg_datagrams_new(void);   /* NULL: no memory */
void eg_datagrams_free(struct eg_datagrams *); /* NULL is fine */
/* The datagram of a row, which stands until the next call and as long as the batch does. */
enum eg_datagram_found eg_datagrams_take(struct eg_datagrams *, const struct eg_batch *raw,
                                         uint32_t row, struct eg_datagram *out);
/* Datagrams of which fragments are missing so far. */
uint64_t eg_datagrams_lost(struct eg_datagrams *);

/* Which datagrams are exports, by their content: certainly those that a decoder is sure of, and
 * those that may be some from where certain ones came. */
struct eg_export_judge;
struct eg_export_judge *eg_export_judge_new(void); /* NULL: no memory */
void eg_export_judge_free(struct eg_export_judge *);
bool eg_export_judge(struct eg_export_judge *, const struct eg_datagram *);

#endif
