/* SPDX-License-Identifier: Apache-2.0
 * What `earlgrey replay` is asked for, and what it did. */
#ifndef EG_CLI_REPLAY_H
#define EG_CLI_REPLAY_H

#include "base/pace.h"
#include "cli/ports.h"
#include "cli/verb.h"
#include "sink/sender.h"
#include "wire/datagrams.h"

struct eg_replay_plan {
    struct eg_pace pace;
    uint64_t count_max;          /* 0: no bound */
    int64_t loops;               /* how often the files are sent */
    struct eg_ports ports;       /* count 0: exports are recognised by content */
    struct eg_sender *datagrams; /* one of the two */
    struct eg_frame_sender *frames;
};

/* Packets that were passed over for one reason, and the first of them. */
struct eg_replay_misfits {
    uint64_t count;
    const char *file; /* the call's word */
    uint64_t number;  /* in the file, from 1 */
    uint64_t bytes;
};

struct eg_replay_account {
    uint64_t sent, bytes;
    uint64_t other;                   /* packets that are no export, or go to another port */
    uint64_t cut;                     /* datagrams, frames that the capture does not hold whole */
    uint64_t fragments;               /* datagrams of which fragments are missing */
    struct eg_replay_misfits large;   /* frames that the interface takes none of that size */
    struct eg_replay_misfits strange; /* frames that are not Ethernet */
    uint64_t unsendable;              /* datagrams: too large, of another address family */
    uint64_t failed;                  /* the system would not send them */
    struct eg_error first_failure;
    uint64_t inputs_cut; /* files that end too early or are damaged */
    uint32_t exporters;
    uint64_t refusals;
    double seconds;
};

/* Sends the files' datagrams or frames, loop by loop. EG_E_CANCELLED: interrupted; the account holds
 * what was sent in all cases. */
EG_MUST_CHECK enum eg_status eg_replay_run(struct eg_call *, char *const *files, size_t file_count,
                                           struct eg_replay_plan *, struct eg_replay_account *,
                                           struct eg_error *err);

#endif
