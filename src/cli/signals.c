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

static void act(int number, void (*how)(int), int flags) {
    struct sigaction action = {.sa_handler = how, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

/* A terminal that closes ends the command in order; with nohup(1) it does not. */
void eg_signals_watch(void) {
    struct sigaction before;
    act(SIGINT, on_end, 0);
    act(SIGTERM, on_end, 0);
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        act(SIGHUP, on_end, 0);
    act(SIGUSR1, on_ask, SA_RESTART);
    act(SIGPIPE, SIG_IGN, 0); /* EPIPE is seen by the writer */
}

const atomic_bool *eg_signals_cancel(void) { return &cancelled; }

const atomic_bool *eg_signals_live(void) {
    act(SIGHUP, on_ask, SA_RESTART);
    atomic_store(&live, true);
    return &drain;
}

bool eg_signals_report(void) { return atomic_exchange(&report, false); }
unsigned eg_signals_reloads(void) { return atomic_load(&reloads); }
void eg_signals_end(void) { atomic_store(&drain, true); }
