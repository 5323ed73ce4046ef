/* SPDX-License-Identifier: Apache-2.0
 * Signals, as flags. The only variables of the program that change: a handler may touch no other. */
#include "cli/signals.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static atomic_bool live, drain, cancelled, report;
static atomic_uint reloads;

static void on_end(int number) {
    if (atomic_load(&live) && !atomic_exchange(&drain, true)) return;
    if (atomic_exchange(&cancelled, true)) _exit(128 + number);
}

static void on_ask(int number) {
    if (number == SIGHUP)
        atomic_fetch_add(&reloads, 1);
    else
        atomic_store(&report, true);
}

void eg_signals_watch(void) {
    struct sigaction action = {.sa_handler = on_end};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct sigaction quiet = {.sa_handler = SIG_IGN}; /* EPIPE is seen by the writer */
    sigaction(SIGPIPE, &quiet, NULL);
}

const atomic_bool *eg_signals_cancel(void) { return &cancelled; }

const atomic_bool *eg_signals_live(void) {
    struct sigaction action = {.sa_handler = on_ask, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    atomic_store(&live, true);
    return &drain;
}

bool eg_signals_report(void) { return atomic_exchange(&report, false); }
unsigned eg_signals_reloads(void) { return atomic_load(&reloads); }
void eg_signals_end(void) { atomic_store(&drain, true); }
