/* SPDX-License-Identifier: Apache-2.0
 * Which numbers an exporter used and we never saw. One account per exporter, domain and protocol;
 * it only counts, and never touches what is decoded.
 * Source: what the numbers of NetFlow v5 count (flow records), reliability rows B50 and P17.
 *
 * A gap stays open for EG_SEQUENCE_WINDOW datagrams, and of live inputs for EG_SEQUENCE_OPEN_US: late ones
 * are taken off it. It is counted when it closes, so that a cause never has to be taken back. Repeated datagrams change nothing. A new
 * numbering (the exporter's boot time moved, or two datagrams agree on other numbers) is no loss. A gap that is
 * none if the exporter counts a datagram's own records into its number stays open until one knows which
 * it does; where the input ends before, it is not counted. */
#ifndef EG_WIRE_SEQUENCE_H
#define EG_WIRE_SEQUENCE_H

#include "table/stage.h"

#define EG_SEQUENCE_WINDOW 64                     /* datagrams */
#define EG_SEQUENCE_OPEN_US 3000000               /* of the receipt's clock */
#define EG_SEQUENCE_AHEAD_MAX (UINT32_C(1) << 24) /* a longer jump forward is a new numbering */
#define EG_SEQUENCE_STREAMS_MAX 16384

/* Datagrams of one stream that followed each other without a hole, in the same second: all but the last
 * moved the number by `step`, the last by `last`. What a run says does not depend on how it was put
 * together. */
struct eg_sequence_run {
    struct eg_addr exporter;
    int64_t domain;
    const char *source; /* static */
    uint16_t port;      /* where those at the address are told apart by it; else 0 */
    int64_t time_us;    /* of the first datagram */
    uint32_t first, step, last, datagrams;
    uint32_t boot_ms;
    bool has_boot;
    bool open; /* its last datagram moved the number by at least `last` */
};

/* A run of the one datagram; `port`: by which its exporter is told from others, each of which numbers
 * by itself (eg_book_port), or 0. */
struct eg_sequence_run eg_sequence_run_of(const struct eg_datagram *, uint16_t port,
                                          const struct eg_sequence_note *);
/* Adds a datagram of that time to the end of a run; false, and nothing changed, where it does not
 * continue it. */
bool eg_sequence_run_extend(struct eg_sequence_run *, const struct eg_sequence_note *,
                            int64_t time_us);

struct eg_sequences; /* the accounts of one input */

struct eg_sequences *eg_sequences_new(void); /* NULL: no memory */
/* Takes the runs of all streams in the order of the input. What is settled goes into `tally`:
 * sequence_gap, sequence_late (both at the time the gap was noticed), sequence_reset,
 * sequence_repeated (at the second it came). */
void eg_sequences_feed(struct eg_sequences *, const struct eg_sequence_run *,
                       struct eg_tally *tally);
/* Closes the gaps that are older than EG_SEQUENCE_OPEN_US. */
void eg_sequences_age(struct eg_sequences *, int64_t now_us, struct eg_tally *tally);
/* Closes all gaps; the accounts begin anew. */
void eg_sequences_drain(struct eg_sequences *, struct eg_tally *tally);
void eg_sequences_free(struct eg_sequences *); /* NULL is fine */

#endif
