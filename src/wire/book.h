/* SPDX-License-Identifier: Apache-2.0
 * The book: what exporters said of how to read them. docs/internals/templates.md is the page about it.
 *
 * Written by learn(), which runs in the order of the input, one at a time; read by decode(), of many
 * datagrams at once and in any order. So nothing in it changes: an entry has versions, each in force
 * from a place in the input (`at`) until the next one's, and a reader asks for the version at its
 * datagram's place. Versions that no datagram can ask for any more are freed as the input moves on.
 *
 * One book serves all inputs of a run, so that a capture may begin where another one ended. */
#ifndef EG_WIRE_BOOK_H
#define EG_WIRE_BOOK_H

#include "table/stage.h"

EG_MUST_CHECK enum eg_status eg_book_new(struct eg_book **out, struct eg_error *err);
void eg_book_free(struct eg_book *); /* NULL is fine */

/* The next place in the order of the input; never 0. Joining threads only. */
uint64_t eg_book_next(struct eg_book *);
/* From now on nobody asks for a place before this one. */
void eg_book_retire(struct eg_book *, uint64_t before);

/* A piece of a datagram that had to wait: a datagram of its own, of header and sets. */
struct eg_released {
    const char *source; /* the decoder's name */
    struct eg_datagram datagram;
    void *memory; /* holds the payload; eg_free it */
};
/* Pieces whose template came with the last learn(); false: there is none (any more). */
bool eg_book_release(struct eg_book *, struct eg_released *);
/* The input is over: what still waits is counted as template_missing. */
void eg_book_drain(struct eg_book *, struct eg_tally *);

#endif
