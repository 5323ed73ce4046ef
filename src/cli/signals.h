/* SPDX-License-Identifier: Apache-2.0
 * What the program was asked by signals. SIGINT and SIGTERM ask for an end: an orderly one where
 * something live is read (all that came is kept), a quick one elsewhere; a second one does not wait.
 * SIGUSR1 asks for the counters, SIGHUP for the configuration to be read again. */
#ifndef EG_CLI_SIGNALS_H
#define EG_CLI_SIGNALS_H

#include <stdatomic.h>
#include <stdbool.h>

void eg_signals_watch(void);
const atomic_bool *eg_signals_cancel(void); /* for eg_env.cancel */
/* From now on the first SIGINT or SIGTERM sets this instead, and the second one `cancel`. */
const atomic_bool *eg_signals_live(void);
/* What SIGTERM asks for, from inside. */
void eg_signals_end(void);
/* Whether that was asked since the last call. */
bool eg_signals_report(void);
/* How often that was asked so far: there may be several who have to do it. */
unsigned eg_signals_reloads(void);

#endif
