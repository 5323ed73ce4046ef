/* SPDX-License-Identifier: Apache-2.0
 * A program that is run for each finished file: without a shell, the file's path its one argument,
 * a bounded number at once, the others waiting in order. */
#ifndef EG_SINK_HOOK_H
#define EG_SINK_HOOK_H

#include "table/stage.h"

#define EG_HOOK_WAITING_MAX 4096 /* files; beyond, the run counts as failed */

struct eg_hook;

/* Errors: EG_E_USAGE where `program` cannot be run; EG_E_NOMEM. `program` and the env outlive it. */
EG_MUST_CHECK enum eg_status eg_hook_open(struct eg_hook **out, const struct eg_env *,
                                          const char *program, uint32_t at_once,
                                          struct eg_error *err);
/* Runs it for `path`, now or when another one is over. */
void eg_hook_run(struct eg_hook *, const char *path);
/* Looks after those that run; does not wait. */
void eg_hook_tend(struct eg_hook *);
uint64_t eg_hook_failures(const struct eg_hook *);
uint64_t eg_hook_runs(const struct eg_hook *); /* that were begun */
/* Runs what still waits, for at most `wait_ms` (and hardly longer than a second once the env is
 * cancelled); what then runs is left to itself. That it waits is told. */
void eg_hook_finish(struct eg_hook *, int64_t wait_ms);
void eg_hook_free(struct eg_hook *); /* NULL is fine */

#endif
