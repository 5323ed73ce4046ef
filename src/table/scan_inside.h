/* SPDX-License-Identifier: Apache-2.0
 * What the files of a scan share: the scan itself, which one lock guards. scan.c is the scan as its caller
 * has it, scan_begin.c the step from one input to the next, scan_work.c the workers. */
#ifndef EG_TABLE_SCAN_INSIDE_H
#define EG_TABLE_SCAN_INSIDE_H

#include "table/scan.h"
#include "table/scan_input.h"
#include "table/troubles.h"

#include <pthread.h>

struct eg_scan {
    struct eg_env env;
    struct eg_scan_request request; /* a copy, texts included; what is known stands below */
    struct egi_known known;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* all of these with the lock */
    struct egi_input *inputs;  /* not wholly joined, in order; the last one may be `current` */
    struct egi_input *current; /* the one that units are taken from */
    size_t next_input;
    struct egi_pass passes[EG_SCAN_PARTS_MAX]; /* over the input at next_input */
    uint32_t pass, pass_count;                 /* the next of them; equal: not told yet */
    struct egi_unit *parked;                   /* in no order */
    uint64_t open_units;
    uint32_t workers;
    bool reading; /* a worker is opening an input, or reading a stream, without the lock */
    bool held;
    struct eg_tally tally; /* of inputs that are over */
    struct egi_troubles troubles;
    struct eg_error error;
    atomic_bool failed; /* `error` is set; written with the lock */
    /* progress */
    atomic_ullong bytes_done, bytes_total, frames, datagrams, rows[EG_TABLE_COUNT];
    atomic_ullong known_bytes, known_frames, known_datagrams, others, other_bytes;
};

/* With the lock: the first failure is the scan's; whoever waits is woken. Answers `status`. */
enum eg_status egi_scan_fail(struct eg_scan *, enum eg_status, const struct eg_error *);
/* Without the lock: that failure. */
enum eg_status egi_scan_error(struct eg_scan *, struct eg_error *err);
/* With the lock: what there is to tell of an input. */
void egi_scan_trouble(struct eg_scan *, size_t index, enum eg_status, enum eg_plan_state, bool rest,
                      const char *message);
/* With the lock: an input's source failed: a trouble of that input, or the end of the scan. */
void egi_scan_source_failed(struct eg_scan *, size_t index, enum eg_plan_state, enum eg_status,
                            const struct eg_error *why);

/* With the lock: lets go of inputs that are over, in order; the one that is current stays for its
 * position. */
void egi_scan_settle(struct eg_scan *);
/* With the lock, which is given up meanwhile: opens the next input, or begins the next pass over one. */
void egi_scan_begin(struct eg_scan *);
/* With the lock: takes the unit that stands at `at` out of the list of parked ones; NULL: none does. */
struct egi_unit *egi_scan_unpark(struct egi_unit **at);

static inline void egi_scan_add(atomic_ullong *to, uint64_t more) {
    if (more) atomic_fetch_add_explicit(to, more, memory_order_relaxed);
}

static inline uint64_t egi_scan_seen(const atomic_ullong *from) {
    return atomic_load_explicit((atomic_ullong *)(uintptr_t)from, memory_order_relaxed);
}

#endif
