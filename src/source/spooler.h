/* SPDX-License-Identifier: Apache-2.0
 * The thread that moves blocks from the intake to the spool and makes them durable: every so often,
 * every so many bytes, and when it is asked to. While the spool has no room, it tries again four
 * times a second, and the intake keeps what it can. Once nothing more will come it waits for room so
 * long and no longer, and where the run was told to end at once not at all: what then finds no room is
 * dropped and counted. */
#ifndef EG_SOURCE_SPOOLER_H
#define EG_SOURCE_SPOOLER_H

#include "source/intake.h"
#include "source/spool.h"

struct eg_spooler_options {
    int64_t sync_interval_us;
    uint64_t sync_bytes;
    int64_t give_up_us; /* how long it waits for room once nothing more will come; 0: as usual */
};

struct eg_spooler;

/* Borrows the intake and the spool. It ends by itself once the intake is closed and all of it was
 * stored or given up. */
EG_MUST_CHECK enum eg_status eg_spooler_start(struct eg_spooler **out, const struct eg_env *,
                                              struct eg_intake *, struct eg_spool *,
                                              const struct eg_spooler_options *,
                                              struct eg_error *err);
/* Waits for a sync that begins after the call, at most `wait_us`; false: there was none in time. */
bool eg_spooler_sync(struct eg_spooler *, int64_t wait_us);
/* Whether it has stored and synced (or given up) the last block there will be. */
bool eg_spooler_over(const struct eg_spooler *);
bool eg_spooler_stuck(const struct eg_spooler *); /* the spool has no room now */
void eg_spooler_free(struct eg_spooler *); /* the intake closed before; waits. NULL is fine */

#endif
