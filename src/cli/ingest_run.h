/* SPDX-License-Identifier: Apache-2.0
 * The run of one group: what its pump (ingest_group.c), its trying again (ingest_again.c) and what is told
 * of it while it goes on (ingest_show.c) share. */
#ifndef EG_CLI_INGEST_RUN_H
#define EG_CLI_INGEST_RUN_H

#include "cli/ingest.h"
#include "source/iface.h"

#define EG_INGEST_DRAIN_RETRIES 5 /* when it has been told to end */
#define EG_INGEST_AWAY_RETRIES 60 /* of a dataset that is not there: then it may be made anew */
#define EG_INGEST_ALARMS 4

struct eg_ingest_run {
    struct eg_ingest *in;
    struct eg_group *group;
    struct eg_book *book;
    struct eg_ingest_kept book_kept;
    struct eg_env env;
    bool book_stays;                       /* in the dataset, for the next run */
    unsigned reloads;                      /* done */
    const struct eg_pump_account *account; /* of the pump that runs; NULL: none does */
    struct {
        int64_t told, told_us; /* so many, then; 0: never */
    } alarmed[EG_INGEST_ALARMS];
    bool counted; /* its inputs are in the account */
    struct eg_iface_memory iface;
    struct eg_tally lost;   /* by runs of the pump that failed, to be told by the next one */
    struct eg_sinks *sinks; /* of the pump that runs; NULL: none does */
    struct eg_error ended;  /* the first failure to end one of them */
    /* of trying again */
    int drain_left, away_left;
    bool ran, told; /* something was stored; that it cannot be is told for as long as it lasts */
    /* as eg_tick_us: when the round began, and when something last had to wait; 0: never */
    int64_t began_us, behind_us;
};

/* One run of the pump over all inputs of the group, added to the account. */
EG_MUST_CHECK enum eg_status eg_ingest_run_once(struct eg_ingest_run *, struct eg_error *err);

/* The pump's `progress`: shows how far it is, to whoever asks. */
void eg_ingest_draw(void *run, const struct eg_scan_progress *);

/* Whether its source cannot give once more what a run that failed has read. */
bool eg_ingest_gives_once(const struct eg_ingest_run *);
/* The pump's `again`: a dataset's flush that failed is called again for as long as that may help. */
bool eg_ingest_flush_again(void *run, const struct eg_pump_sink *, const struct eg_error *);
/* Whether the round has read for long enough, since what could not be stored for a while, or spooled, is
 * to be seen soon after it can be: not only when an interval of --interval is over. */
bool eg_ingest_catches_up(struct eg_ingest_run *);
/* Of a run that failed, what nobody will give again: counted by the next one, which may also write it
 * down. */
void eg_ingest_lost_keep(struct eg_ingest_run *, struct eg_pump_account *);
/* Runs a live group until it is told to end, again whenever that failed in a way that may pass. */
EG_MUST_CHECK enum eg_status eg_ingest_live(void *run, struct eg_error *err);

#endif
