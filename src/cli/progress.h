/* SPDX-License-Identifier: Apache-2.0
 * One line of progress on standard error while something long runs; nothing of it stays. */
#ifndef EG_CLI_PROGRESS_H
#define EG_CLI_PROGRESS_H

#include "cli/verb.h"
#include "engine/engine.h"
#include "table/scan.h"

struct eg_progress;
/* Watches the engine's scans from a thread of its own. NULL where no progress is wanted. */
struct eg_progress *eg_progress_start(const struct eg_call *, struct eg_engine *);
void eg_progress_stop(struct eg_progress *); /* NULL is fine */

/* For work that reports by itself: draws at most ten times a second, after half a second. */
struct eg_progress *eg_progress_manual(const struct eg_call *);
void eg_progress_draw(void *progress, const struct eg_scan_progress *);

#endif
