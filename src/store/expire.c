/* SPDX-License-Identifier: Apache-2.0
 * Expiry: whole hours leave, the oldest first, by age, by size, or to make room. */
#include "store/capture_expire.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/timetext.h"
#include "store/record.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#define TRIES 5 /* against late commits to the hour that leaves */

struct expiry {
    struct eg_tending tending;
    const struct eg_expire_rule *rule;
    bool noted;                     /* the positions stand in a file of their own */
    bool packets;                   /* the table is among those to deal with */
    struct eg_capture_sizes copies; /* then */
};

/* ---- how many hours ---- */

/* Bytes that must go so that the rules of size and room hold. */
static enum eg_status bytes_to_go(const struct expiry *x, uint64_t *out, struct eg_error *err) {
    const struct eg_hours *hours = &x->tending.hours;
    uint64_t total = x->copies.total;
    *out = 0;
    for (size_t i = 0; i < hours->count; i++) total += hours->list[i].bytes;
    if (x->rule->max_bytes && total > x->rule->max_bytes) *out = total - x->rule->max_bytes;
    if (!x->rule->min_free_permille) return EG_OK;
    struct statvfs disk;
    const char *path = x->tending.ds->path;
    if (statvfs(path, &disk) != 0)
        return eg_fail_errno(err, errno, "cannot see how much room %s has", path);
    /* of what may be used by us, as df counts it */
    uint64_t usable = disk.f_blocks - disk.f_bfree + disk.f_bavail;
    uint64_t wanted = (usable * x->rule->min_free_permille + 999) / 1000;
    if (disk.f_bavail < wanted) {
        uint64_t bytes = (wanted - disk.f_bavail) * disk.f_frsize;
        if (bytes > *out) *out = bytes;
    }
    return EG_OK;
}

/* The copies whose last hour is this one, or an earlier one that has no rows; `at` moves on. */
static uint64_t copies_of(const struct expiry *x, const struct eg_hour *hour, size_t *at) {
    uint64_t bytes = 0;
    if (hour->table != EG_TABLE_PACKETS) return 0;
    for (; *at < x->copies.count && x->copies.list[*at].last_hour_us <= hour->hour_us; ++*at)
        bytes += x->copies.list[*at].bytes;
    return bytes;
}

/* The first so many of the hours go. */
static enum eg_status choose(const struct expiry *x, size_t *count, struct eg_error *err) {
    const struct eg_env *env = x->tending.ds->env;
    const struct eg_hours *hours = &x->tending.hours;
    int64_t now = env->now_us(env->clock);
    uint64_t bytes, gone = 0;
    size_t n = 0, copy = 0;
    EG_TRY(bytes_to_go(x, &bytes, err));
    for (; n < hours->count; n++) {
        int64_t end = hours->list[n].hour_us + EG_HOUR_US;
        bool old = x->rule->older_us && end <= now - x->rule->older_us;
        if (end > now - EG_UPKEEP_CLOSED_US || (!old && gone >= bytes)) break;
        gone += hours->list[n].bytes + copies_of(x, &hours->list[n], &copy);
    }
    x->tending.account->short_of = gone < bytes;
    *count = n;
    return EG_OK;
}

/* ---- one hour ---- */

/* Once, before the first hour goes. */
static enum eg_status note_positions(struct expiry *x, struct eg_error *err) {
    if (x->noted) return EG_OK;
    enum eg_status status = eg_record_positions(x->tending.ds, &x->tending.ds->journal, err);
    x->noted = status >= 0;
    return status;
}

static enum eg_status expire_hour(struct expiry *x, const struct eg_hour *hour,
                                  struct eg_error *err) {
    struct eg_dataset *ds = x->tending.ds;
    char commit[EG_COMMIT_TEXT];
    struct eg_journal change = {0};
    EG_TRY(note_positions(x, err));
    eg_layout_commit(ds->session, ++ds->commits, commit);
    enum eg_status status = EG_OK;
    for (size_t i = 0; status >= 0 && i < hour->files.count; i++)
        status = eg_journal_add_gone(&change, hour->files.names[i], 0, err);
    if (status >= 0) status = eg_tending_swap(&x->tending, hour, commit, &change, err);
    eg_journal_reset(&change);
    return status;
}

/* Late rows may come to the hour while it is being taken away: then with them. */
static enum eg_status expire_all_of(struct expiry *x, struct eg_hour *hour, struct eg_error *err) {
    struct eg_dataset *ds = x->tending.ds;
    enum eg_status status = expire_hour(x, hour, err);
    for (int i = 0; i < TRIES && status == EG_END; i++) {
        EG_TRY(eg_journal_refresh(&ds->journal, ds->path, ds->env, err));
        EG_TRY(eg_hour_read(hour, ds->path, &ds->journal, err));
        if (hour->files.count == 0) return EG_END; /* somebody else removed it */
        status = expire_hour(x, hour, err);
    }
    return status;
}

static enum eg_status one_hour(struct expiry *x, struct eg_hour *hour, struct eg_error *err) {
    struct eg_error problem = {0};
    struct eg_upkeep_hour told = {.table = hour->table, .hour_us = hour->hour_us};
    if (!x->tending.call->dry_run) {
        told.status = expire_all_of(x, hour, &problem);
        told.problem = problem.message;
        bool local = told.status == EG_E_FORMAT || told.status >= 0;
        if (!local || x->tending.ds->unsettled) {
            if (err) *err = problem;
            return told.status;
        }
    }
    told.rows = hour->rows;
    told.files_before = hour->files.count;
    told.bytes_before = hour->bytes;
    eg_tending_tell(&x->tending, &told);
    return EG_OK;
}

/* ---- captures ---- */

/* The hours of `packets` that stay, in order; in a dry run, those that were not chosen. */
static enum eg_status hours_left(struct expiry *x, size_t chosen, int64_t **out, size_t *count,
                                 struct eg_error *err) {
    struct eg_hours now = {0};
    const struct eg_hours *hours = &x->tending.hours;
    bool dry = x->tending.call->dry_run;
    *out = NULL;
    *count = 0;
    if (!dry) {
        EG_TRY(eg_hours_read(&now, x->tending.ds->path, 1u << EG_TABLE_PACKETS, NULL, err));
        hours = &now;
    }
    enum eg_status status = EG_OK;
    *out = eg_calloc(hours->count + 1, sizeof **out);
    if (!*out) status = eg_fail(err, EG_E_NOMEM, "no memory for the hours of the dataset");
    for (size_t i = dry ? chosen : 0; *out && i < hours->count; i++)
        if (hours->list[i].table == EG_TABLE_PACKETS) (*out)[(*count)++] = hours->list[i].hour_us;
    eg_hours_reset(&now);
    return status;
}

/* All from before the end of the last hour that went, or older than the rule has it. */
static enum eg_status expire_captures(struct expiry *x, size_t chosen, struct eg_error *err) {
    struct eg_tending *t = &x->tending;
    const struct eg_env *env = t->ds->env;
    int64_t before_us = INT64_MIN, *left;
    size_t left_count;
    if (!x->packets) return EG_OK;
    if (x->rule->older_us) before_us = env->now_us(env->clock) - x->rule->older_us;
    for (size_t i = 0; i < chosen; i++)
        if (t->hours.list[i].table == EG_TABLE_PACKETS &&
            t->hours.list[i].hour_us + EG_HOUR_US > before_us)
            before_us = t->hours.list[i].hour_us + EG_HOUR_US;
    EG_TRY(hours_left(x, chosen, &left, &left_count, err));
    uint64_t gone = t->account->captures + t->account->captures_unlinked;
    enum eg_status status = eg_captures_expire(t, before_us, left, left_count, err);
    eg_free(left);
    if (status < 0 || t->call->dry_run) return status;
    x->noted = gone == t->account->captures + t->account->captures_unlinked;
    return x->noted ? EG_OK : note_positions(x, err); /* those that are gone are in it, too */
}

enum eg_status eg_expire(const char *path, const struct eg_env *env,
                         const struct eg_upkeep_call *call, const struct eg_expire_rule *rule,
                         struct eg_upkeep_account *out, struct eg_error *err) {
    if (!rule->older_us && !rule->max_bytes && !rule->min_free_permille)
        return eg_fail(err, EG_E_USAGE, "say what is to go: by age, by size, or to make room");
    struct expiry x = {.rule = rule};
    struct eg_tending *t = &x.tending;
    size_t count = 0;
    enum eg_status status = eg_tending_begin(t, path, env, call, "expire", out, err);
    x.packets = !call->tables || call->tables >> EG_TABLE_PACKETS & 1;
    if (status >= 0 && x.packets) status = eg_capture_sizes(&x.copies, &t->ds->journal, err);
    if (status >= 0) status = choose(&x, &count, err);
    for (size_t i = 0; status >= 0 && i < count; i++)
        status = eg_env_cancelled(env) ? eg_fail(err, EG_E_CANCELLED, "interrupted")
                                       : one_hour(&x, &t->hours.list[i], err);
    if (status >= 0) status = expire_captures(&x, count, err);
    eg_capture_sizes_reset(&x.copies);
    eg_tending_end(t, status);
    return status;
}
