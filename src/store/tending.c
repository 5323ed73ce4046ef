/* SPDX-License-Identifier: Apache-2.0
 * The frame of compaction and expiry. */
#include "store/tending.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/timetext.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum eg_status take_lock(struct eg_tending *t, const char *name, struct eg_error *err) {
    char *path = eg_lock_path(t->ds->path, "compact.lock");
    if (!path) return eg_fail(err, EG_E_NOMEM, "no memory for a lock");
    struct eg_lock_holder holder = {0};
    enum eg_status status = eg_lock_take(&t->lock, path, EG_LOCK_TRY, name, &holder, err);
    eg_free(path);
    if (status != EG_E_LOCKED) return status;
    status = eg_fail(err, EG_E_LOCKED,
                     "process %ld is at it already (%.40s of %.300s): wait for it to end",
                     holder.pid, holder.name[0] ? holder.name : "upkeep", t->ds->path);
    if (err) err->retriable = true;
    return status;
}

enum eg_status eg_tending_begin(struct eg_tending *t, const char *path, const struct eg_env *env,
                                const struct eg_upkeep_call *call, const char *name,
                                struct eg_upkeep_account *account, struct eg_error *err) {
    *t = (struct eg_tending){.call = call, .account = account};
    *account = (struct eg_upkeep_account){.from_us = INT64_MAX, .to_us = INT64_MIN};
    struct eg_dataset *there = NULL;
    EG_TRY(eg_dataset_open(&there, path, EG_DATASET_READ, env, err)); /* must exist */
    if (call->dry_run) {
        t->ds = there;
    } else {
        eg_dataset_close(there);
        EG_TRY(eg_dataset_open(&t->ds, path, EG_DATASET_WRITE, env, err));
        EG_TRY(eg_dataset_ready(t->ds, err));
        EG_TRY(take_lock(t, name, err));
    }
    EG_TRY(eg_journal_refresh(&t->ds->journal, t->ds->path, env, err));
    return eg_hours_read(&t->hours, t->ds->path, call->tables ? call->tables : EG_HOURS_ALL,
                         &t->ds->journal, err);
}

void eg_tending_tell(struct eg_tending *t, const struct eg_upkeep_hour *hour) {
    struct eg_upkeep_account *account = t->account;
    if (hour->status == EG_OK) {
        account->hours++;
        account->rows += hour->rows;
        account->files_before += hour->files_before;
        account->files_after += hour->files_after;
        account->bytes_before += hour->bytes_before;
        account->bytes_after += hour->bytes_after;
        int64_t end_us = hour->hour_us + EG_HOUR_US;
        if (hour->hour_us < account->from_us) account->from_us = hour->hour_us;
        if (end_us > account->to_us) account->to_us = end_us;
    } else if (hour->status == EG_END) {
        account->postponed++;
    } else {
        account->failed++;
    }
    if (t->call->told) t->call->told(t->call->to, hour);
}

enum eg_status eg_tending_swap(struct eg_tending *t, const struct eg_hour *hour, const char *commit,
                               const struct eg_journal *change, struct eg_error *err) {
    struct eg_swap_hold hold;
    struct eg_leftovers found;
    struct eg_strbuf partition = {0};
    eg_layout_partition(hour->table, hour->hour_us, &partition);
    if (partition.failed) return eg_fail(err, EG_E_NOMEM, "no memory to exchange an hour");
    enum eg_status status = eg_swap_begin(&hold, t->ds, err);
    if (status >= 0) {
        status = eg_settle(t->ds->path, t->ds->session, EG_SETTLE_DEAD, t->ds->env, &found, err);
        if (status >= 0) status = eg_swap_hour(t->ds, partition.text, commit, change, err);
        eg_swap_end(&hold);
    }
    eg_strbuf_reset(&partition);
    if (status != EG_OK) return status;
    t->swapped = true;
    eg_dataset_tidy(t->ds);
    return EG_OK;
}

/* ---- the end ---- */

static bool is_others(void *to, const char *session) {
    const struct eg_dataset *ds = to;
    char name[64];
    if (strcmp(session, ds->session) == 0) return false;
    snprintf(name, sizeof name, "writer-%.16s.lock", session);
    char *path = eg_lock_path(ds->path, name);
    bool alive = !path || eg_lock_busy(path, NULL);
    eg_free(path);
    return alive;
}

static size_t sweep(struct eg_tending *t) {
    struct eg_sweep all = {
        .root = t->ds->path, .spare = is_others, .to = t->ds, .grace_us = t->call->grace_us};
    struct eg_error err = {0};
    size_t left = 0;
    if (eg_swap_sweep(&all, &left, &err) < 0 && t->ds->env->log)
        t->ds->env->log(t->ds->env->log_to, 4, err.message);
    return left;
}

/* Readers that have begun to list a directory end meanwhile. Who is interrupted leaves the rest to
 * the next one. */
static void wait_out(struct eg_tending *t) {
    const struct timespec step = {.tv_nsec = 50000000};
    size_t left = sweep(t);
    for (int64_t us = 0; left && us <= t->call->grace_us; us += 50000) {
        if (eg_env_cancelled(t->ds->env)) return;
        nanosleep(&step, NULL);
        left = sweep(t);
    }
}

void eg_tending_end(struct eg_tending *t, enum eg_status so_far) {
    eg_hours_reset(&t->hours);
    if (t->ds && eg_lock_held(&t->lock)) {
        if (t->swapped && so_far >= 0)
            wait_out(t);
        else
            (void)sweep(t);
    }
    eg_lock_give(&t->lock, false);
    eg_dataset_close(t->ds);
}
