/* SPDX-License-Identifier: Apache-2.0
 * Between the sockets and whoever keeps what they bring: receivers fill blocks, each its own, and
 * put them into one bounded queue; one consumer takes them out, in order. What finds no room is
 * dropped and counted, whole datagrams only. */
#ifndef EG_SOURCE_INTAKE_H
#define EG_SOURCE_INTAKE_H

#include "source/block.h"

struct eg_intake;

/* At most `queue_bytes` wait (and at least two blocks). Errors: EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_intake_new(struct eg_intake **out, uint64_t queue_bytes,
                                           struct eg_error *err);
void eg_intake_free(struct eg_intake *); /* all fillers finished, the consumer gone; NULL is fine */

/* A clock that never steps, µs: for intervals. */
int64_t eg_tick_us(void);

/* ---- receivers: one filler a thread ---- */

struct eg_filler {
    struct eg_intake *intake;
    struct eg_block block;
    int64_t since_us; /* eg_tick_us when its first datagram came */
    uint64_t bytes;   /* of payload in the block */
};
void eg_filler_init(struct eg_filler *, struct eg_intake *);
/* False: there was no room; the datagram was counted as dropped. */
bool eg_filler_put(struct eg_filler *, const struct eg_received *);
/* Whether the next datagram, however long, finds room for certain: for those who can wait. */
bool eg_filler_ready(struct eg_filler *);
/* To be called now and then: hands over what has waited long enough, if the consumer would take it
 * at once (a block that must wait is better filled on). */
void eg_filler_rest(struct eg_filler *);
/* A socket or session that is still fed when it should end is left after LAST; what it brought waits for
 * room at most FINISH. */
#define EG_FILLER_LAST_US 2000000
#define EG_FILLER_FINISH_US 5000000
/* The last call: hands over what there is; where there is no room for `wait_us`, it is dropped and
 * counted. */
void eg_filler_finish(struct eg_filler *, int64_t wait_us);

/* ---- the consumer ---- */

/* The oldest block, which is the caller's (eg_buffer_unref its buffer); false: none came within
 * `wait_us`, or eg_intake_wake was called. */
bool eg_intake_take(struct eg_intake *, struct eg_block *out, int64_t wait_us);
void eg_intake_wake(struct eg_intake *);
/* While it cannot store what it took: what is dropped meanwhile is counted as `spool`. */
void eg_intake_stuck(struct eg_intake *, bool stuck);
/* A block that it took and could not store is counted as dropped, and freed. */
void eg_intake_drop(struct eg_intake *, struct eg_block *);
/* The same of datagrams of a block that it took, where it used the others. */
void eg_intake_lost(struct eg_intake *, uint64_t datagrams, uint64_t bytes);
/* No filler will put anything more; so it is; and all was taken, too. */
void eg_intake_close(struct eg_intake *);
bool eg_intake_closed(struct eg_intake *);
bool eg_intake_over(struct eg_intake *);

struct eg_intake_counts {
    uint64_t queue_dropped, queue_dropped_bytes; /* the consumer was too slow */
    uint64_t spool_dropped, spool_dropped_bytes; /* the consumer was stuck */
    uint64_t queued_bytes;                       /* waiting now */
};
void eg_intake_counts(struct eg_intake *, struct eg_intake_counts *out);

#endif
