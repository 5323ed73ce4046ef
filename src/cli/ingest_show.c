/* SPDX-License-Identifier: Apache-2.0
 * What is told of a group while it is read: how far it is, counters when they are asked for, alarms. */
#include "cli/account.h"
#include "cli/ingest_run.h"
#include "cli/signals.h"

#define ALARM_EVERY_US 60000000

/* What an operator wants to hear of while it happens; once a minute at most. */
static const struct {
    enum eg_cause cause;
    const char *text;
} alarms[EG_INGEST_ALARMS] = {
    {EG_CAUSE_template_changed, "known templates were defined anew with other fields; 'earlgrey "
                                "losses' tells whose"},
    {EG_CAUSE_socket_drop, "datagrams were dropped by the kernel: a larger receive-buffer or more "
                           "workers may help"},
    {EG_CAUSE_queue_full, "datagrams were dropped: decoding or writing is too slow"},
    {EG_CAUSE_spool_full, "datagrams were dropped: the spool has no room"},
};

static struct eg_ingest_shown *shown_of(struct eg_ingest_run *run) {
    return &run->in->shown[run->group - run->in->groups];
}

static void alarm_tell(struct eg_ingest_run *run, const struct eg_ingest_shown *shown) {
    int64_t now_us = run->env.now_us(run->env.clock);
    for (size_t i = 0; i < EG_INGEST_ALARMS; i++) {
        int64_t count = shown->sums[alarms[i].cause].records;
        if (count < run->alarmed[i].told) run->alarmed[i].told = 0; /* another run of the pump */
        if (count == run->alarmed[i].told) continue;
        if (run->alarmed[i].told_us && now_us - run->alarmed[i].told_us < ALARM_EVERY_US) continue;
        eg_note(run->in->call, "earlgrey: %lld %s (%s)", (long long)(count - run->alarmed[i].told),
                alarms[i].text, eg_cause_info(alarms[i].cause)->name);
        run->alarmed[i].told = count;
        run->alarmed[i].told_us = now_us;
    }
}

/* On the pump's thread, which is the one that writes its account. */
static void show(struct eg_ingest_run *run, const struct eg_scan_progress *seen) {
    struct eg_ingest_shown fresh = {.seen = *seen};
    const struct eg_tally *tally = &run->account->tally;
    for (uint32_t i = 0; i < tally->count; i++) {
        const struct eg_tally_entry *e = &tally->entries[i];
        fresh.sums[e->cause].records += e->records;
        fresh.sums[e->cause].packets += e->packets;
        fresh.sums[e->cause].bytes += e->bytes;
    }
    pthread_mutex_lock(&run->in->lock);
    *shown_of(run) = fresh;
    pthread_mutex_unlock(&run->in->lock);
    alarm_tell(run, &fresh);
}

/* The counters of all groups: of their runs that are over, and of those that go on. */
static void tell_counters(struct eg_ingest *in) {
    struct eg_pump_account all = {.first_us = INT64_MAX, .last_us = INT64_MIN};
    struct eg_error ignored;
    pthread_mutex_lock(&in->lock);
    for (size_t i = 0; i < in->group_count; i++) {
        const struct eg_ingest_shown *shown = &in->shown[i];
        struct eg_pump_account one = {
            .seen = shown->seen, .first_us = INT64_MAX, .last_us = INT64_MIN};
        for (int c = 0; c < EG_CAUSE_COUNT; c++)
            eg_tally_add(&one.tally, (enum eg_cause)c, NULL, INT64_MIN, shown->sums[c].records,
                         shown->sums[c].packets, shown->sums[c].bytes);
        if (eg_pump_account_merge(&all, &one, &ignored) < 0) all.tally.lost++;
        eg_tally_reset(&one.tally);
        eg_ingest_listen_tell(in, &in->groups[i]);
    }
    if (eg_pump_account_merge(&all, &in->account, &ignored) < 0) all.tally.lost++;
    eg_account_counters(in->call, &all);
    pthread_mutex_unlock(&in->lock);
    eg_pump_account_reset(&all);
}

void eg_ingest_draw(void *to, const struct eg_scan_progress *seen) {
    struct eg_ingest_run *run = to;
    if (run->in->live) {
        show(run, seen);
        if (eg_signals_report()) tell_counters(run->in);
    }
    eg_progress_draw(run->in->progress, seen);
}

void eg_ingest_account(struct eg_ingest_run *run, const struct eg_pump_account *account) {
    struct eg_error ignored;
    pthread_mutex_lock(&run->in->lock);
    if (eg_pump_account_merge(&run->in->account, account, &ignored) < 0)
        run->in->account.tally.lost++;
    *shown_of(run) = (struct eg_ingest_shown){.seen = {0}};
    pthread_mutex_unlock(&run->in->lock);
}
