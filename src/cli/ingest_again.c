/* SPDX-License-Identifier: Apache-2.0
 * When a live group's dataset cannot be written to for a while (a full disk), the group keeps what it has read
 * and tries again; what arrives waits with the source. It outlives its pump as well: one that failed is run
 * again from what is durable. docs/internals/collecting.md is the page about it. */
#include "cli/ingest_run.h"
#include "source/listener.h"
#include "store/dataset_sink.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define RETRY_US 1000000 /* between two runs of a live group whose sink failed */
#define ROUND_US 1000000 /* of reading what had to wait meanwhile */
#define AFTER_US 5000000 /* for so long after it could be stored again, or spooled */

bool eg_ingest_gives_once(const struct eg_ingest_run *run) {
    const struct eg_udp_options *o = run->group->source_options;
    if (run->group->kind == EG_GROUP_LISTEN) return !o->listener || !eg_listener_spool(o->listener);
    return run->group->kind == EG_GROUP_LIVE;
}

void eg_ingest_wait(const struct eg_env *env, int64_t us) {
    bool draining = eg_env_draining(env);
    for (; us > 0 && !eg_env_cancelled(env); us -= 100000) {
        if (!draining && eg_env_draining(env)) return;
        struct timespec nap = {.tv_nsec = (us < 100000 ? us : 100000) * 1000};
        nanosleep(&nap, NULL);
    }
}

bool eg_ingest_may_pass(enum eg_status status) {
    return status == EG_E_NOSPACE || status == EG_E_IO || status == EG_E_NOMEM;
}

/* Whether the spool has no room now. */
static bool spool_stuck(const struct eg_ingest_run *run) {
    const struct eg_udp_options *o = run->group->source_options;
    if (run->group->kind != EG_GROUP_LISTEN || !o->listener) return false;
    struct eg_listener_counts counts;
    eg_listener_counts(o->listener, &counts);
    return counts.spool_stuck;
}

bool eg_ingest_catches_up(struct eg_ingest_run *run) {
    int64_t now_us = eg_tick_us();
    if (run->told || spool_stuck(run)) run->behind_us = now_us;
    return run->behind_us && now_us - run->behind_us < AFTER_US &&
           now_us - run->began_us >= ROUND_US;
}

/* Waits, after telling; false: it is over. What could be written to once may come back: a disk is mounted
 * again. */
static bool again_later(struct eg_ingest_run *run, enum eg_status status,
                        const struct eg_error *err) {
    bool away = run->ran && (status == EG_E_ACCESS || status == EG_E_NOENT);
    if ((!away && !eg_ingest_may_pass(status)) || eg_env_cancelled(&run->env)) return false;
    if (eg_env_draining(&run->env) && run->drain_left-- <= 0) return false;
    if (!run->told)
        eg_note(run->in->call, "earlgrey: %s; trying again every second, what arrives waits",
                err->message);
    run->told = true;
    eg_ingest_wait(&run->env, RETRY_US);
    return true;
}

/* The flush of a dataset that failed: what was read is kept, and nothing more is read meanwhile. */
bool eg_ingest_flush_again(void *to, const struct eg_pump_sink *sink, const struct eg_error *err) {
    struct eg_ingest_run *run = to;
    if (sink->type != &eg_sink_dataset || !eg_dataset_sink_whole(sink->sink)) return false;
    if (!eg_ingest_may_pass(err->status) && run->away_left-- <= 0) return false;
    return again_later(run, err->status, err) && !eg_env_cancelled(&run->env);
}

void eg_ingest_lost_keep(struct eg_ingest_run *run, struct eg_pump_account *account) {
    const struct eg_tally *from = &account->unflushed;
    if (!run->iface.closed) eg_tally_merge(&run->lost, from);
    /* the rest is told of as a whole when the interface is opened again */
    for (uint32_t i = 0; run->iface.closed && i < from->count; i++) {
        const struct eg_tally_entry *e = &from->entries[i];
        const struct eg_blame blame = {e->source, e->has_exporter ? &e->exporter : NULL, e->domain};
        if (e->cause == EG_CAUSE_batch_lost)
            eg_tally_add(&run->lost, e->cause, &blame, e->start_us, e->records, e->packets,
                         e->bytes);
    }
    eg_tally_reset(&account->unflushed);
}

/* There is no next run that could tell what was lost. */
static void lost_account(struct eg_ingest_run *run) {
    struct eg_pump_account account = {.first_us = INT64_MAX, .last_us = INT64_MIN};
    eg_tally_merge(&account.tally, &run->lost);
    if (run->iface.closed)
        eg_tally_add(&account.tally, EG_CAUSE_batch_lost, NULL, run->env.now_us(run->env.clock), 0,
                     (int64_t)run->iface.owed, 0);
    eg_tally_reset(&run->lost);
    eg_ingest_account(run, &account);
    eg_pump_account_reset(&account);
}

/* Whether the dataset that was written to is there no more, and with it, as a rule, the spool. A place that
 * cannot be seen now (a disk, permissions) may come back; this does not. */
static bool dataset_removed(const struct eg_ingest *in) {
    char path[PATH_MAX];
    int size =
        in->dataset ? snprintf(path, sizeof path, "%s/_earlgrey/dataset.json", in->dataset) : 0;
    if (size <= 0 || (size_t)size >= sizeof path || access(path, F_OK) == 0) return false;
    return errno == ENOENT;
}

/* What is read once more is read with the book as it was then: nothing of it waits already. */
static enum eg_status book_again(struct eg_ingest_run *run, struct eg_error *err) {
    struct eg_book *book;
    bool spooled = run->group->kind == EG_GROUP_LISTEN && !eg_ingest_gives_once(run);
    if (!run->book_stays || !spooled) return EG_OK;
    if (run->book_kept.there && access(run->in->dataset, F_OK) != 0)
        return eg_fail_errno(err, errno, "cannot reach the dataset %s", run->in->dataset);
    EG_TRY(eg_book_alike(&book, run->book, err));
    eg_book_free(run->book);
    run->book = book;
    eg_ingest_book_restore(run->in, run->group, book, &run->book_kept);
    return EG_OK;
}

enum eg_status eg_ingest_live(void *to, struct eg_error *err) {
    struct eg_ingest_run *run = to;
    bool again = false;
    for (;;) {
        enum eg_status status = again ? book_again(run, err) : EG_OK;
        if (status >= 0) status = eg_ingest_run_once(run, err);
        if (status >= 0) return status;
        bool removed = run->ran && status == EG_E_NOENT && dataset_removed(run->in);
        if (removed)
            status = eg_fail(err, EG_E_IO,
                             "the dataset %s was removed while it was written to: what was not "
                             "committed yet is lost, unless its spool is elsewhere",
                             run->in->dataset);
        again = !removed && again_later(run, status, err);
        if (again) continue;
        lost_account(run);
        return status;
    }
}
