/* SPDX-License-Identifier: Apache-2.0
 * Expiry: whole hours leave, the oldest first, by age, by size, or to make room. */
#include "store/tending.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/timetext.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#define TRIES 5 /* against late commits to the hour that leaves */

struct expiry {
    struct eg_tending tending;
    const struct eg_expire_rule *rule;
    bool noted; /* the positions stand in a file of their own */
};

/* ---- how many hours ---- */

/* Bytes that must go so that the rules of size and room hold. */
static enum eg_status bytes_to_go(const struct expiry *x, uint64_t *out, struct eg_error *err) {
    const struct eg_hours *hours = &x->tending.hours;
    uint64_t total = 0;
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

/* The first so many of the hours go. */
static enum eg_status choose(const struct expiry *x, size_t *count, struct eg_error *err) {
    const struct eg_env *env = x->tending.ds->env;
    const struct eg_hours *hours = &x->tending.hours;
    int64_t now = env->now_us(env->clock);
    uint64_t bytes, gone = 0;
    size_t n = 0;
    EG_TRY(bytes_to_go(x, &bytes, err));
    for (; n < hours->count; n++) {
        int64_t end = hours->list[n].hour_us + EG_HOUR_US;
        bool old = x->rule->older_us && end <= now - x->rule->older_us;
        if (end > now - EG_UPKEEP_CLOSED_US || (!old && gone >= bytes)) break;
        gone += hours->list[n].bytes;
    }
    x->tending.account->short_of = gone < bytes;
    *count = n;
    return EG_OK;
}

/* ---- one hour ---- */

/* What the journal says of positions once more, beside it: those that stood in the files that go would
 * be lost with the journal, and the rest of their sources be read again. */
static enum eg_status note_positions(struct expiry *x, struct eg_error *err) {
    struct eg_dataset *ds = x->tending.ds;
    if (x->noted) return EG_OK;
    struct eg_journal marks = ds->journal; /* a look, not a copy */
    marks.file_count = marks.gone_count = 0;
    struct eg_strbuf text = {0};
    char *path = eg_path_join(ds->path, EG_LAYOUT_POSITIONS);
    enum eg_status status =
        path ? eg_journal_text(&marks, "positions", ds->env->now_us(ds->env->clock), &text, err)
             : eg_fail(err, EG_E_NOMEM, "no memory for the positions");
    if (status >= 0) status = eg_file_replace(path, text.text, text.size, err);
    /* A full disk is what expiry is for; the journal has them all the same. */
    if (status == EG_E_NOSPACE) status = EG_OK;
    x->noted = status >= 0;
    eg_strbuf_reset(&text);
    eg_free(path);
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

enum eg_status eg_expire(const char *path, const struct eg_env *env,
                         const struct eg_upkeep_call *call, const struct eg_expire_rule *rule,
                         struct eg_upkeep_account *out, struct eg_error *err) {
    if (!rule->older_us && !rule->max_bytes && !rule->min_free_permille)
        return eg_fail(err, EG_E_USAGE, "say what is to go: by age, by size, or to make room");
    struct expiry x = {.rule = rule};
    struct eg_tending *t = &x.tending;
    size_t count = 0;
    enum eg_status status = eg_tending_begin(t, path, env, call, "expire", out, err);
    if (status >= 0) status = choose(&x, &count, err);
    for (size_t i = 0; status >= 0 && i < count; i++)
        status = eg_env_cancelled(env) ? eg_fail(err, EG_E_CANCELLED, "interrupted")
                                       : one_hour(&x, &t->hours.list[i], err);
    eg_tending_end(t, status);
    return status;
}
