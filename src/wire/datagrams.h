/* SPDX-License-Identifier: Apache-2.0
 * The UDP datagrams in raw rows: out of frames, put together again where they came in fragments, or
 * as they are where a row is a datagram already. */
#ifndef EG_WIRE_DATAGRAMS_H
#define EG_WIRE_DATAGRAMS_H

#include "table/stage.h"
#include "wire/fragments.h"

/* ---- one row, by itself ---- */

enum eg_row_kind { EG_ROW_OTHER, EG_ROW_DATAGRAM, EG_ROW_FRAGMENT };
struct eg_row {
    struct eg_datagram datagram; /* stands as long as the batch does */
    struct eg_fragment fragment; /* of UDP */
    bool received;               /* the datagram came to a port of ours, and not in a frame */
    bool begun;                  /* the capture holds its UDP header */
};
/* What a raw row holds; only that part of `out` is filled in. */
enum eg_row_kind eg_row_take(const struct eg_batch *raw, uint32_t row, struct eg_row *out);
/* The datagram that this fragment made whole; false: its UDP header says otherwise. */
bool eg_datagram_joined(const struct eg_fragment *, struct eg_span whole, struct eg_datagram *out);

/* ---- all of them, in order ---- */

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

#endif
