/* SPDX-License-Identifier: Apache-2.0
 * The exchange of an hour's directory. Source: rename(2), flock(2), link(2) of Linux.
 *
 *   1 what stays of the hour is linked into the new directory; that is fsynced
 *   2 COMMIT.swap, which names what comes and what goes, is made durable
 *   3 the directories trade places: the decision
 *   4 their parents are fsynced
 *   5 COMMIT.swap -> COMMIT.done, and its directory is fsynced
 *
 * Cut off before 3 it never was; from 3 on, 4 and 5 are done by the next writer. Which of both it is
 * shows the directory itself: a new file has its place, or the old directory is aside. */
#include "store/swap.h"

#include "base/alloc.h"
#include "base/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 15 /* with a pause between them in which commits may begin */
#define TRIES_A_ROUND 400
#define TRY_NS 5000000L /* 5 ms */
#define PAUSE_NS 50000000L

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory to exchange an hour");
}

static void pause_ns(long ns) {
    struct timespec wait = {.tv_nsec = ns};
    nanosleep(&wait, NULL);
}

/* ---- locks ---- */

enum eg_status eg_swap_share(struct eg_lock *out, const char *root, struct eg_error *err) {
    struct eg_lock upkeep;
    char *path = eg_lock_path(root, "swap.lock");
    if (!path) return no_memory(err);
    enum eg_status status = eg_upkeep_begin(&upkeep, root, err);
    if (status >= 0) {
        status = eg_lock_take(out, path, EG_LOCK_SHARED_WAIT, "", NULL, err);
        eg_lock_give(&upkeep, false);
    }
    eg_free(path);
    return status;
}

/* One round: commits that have begun may end, none may begin. */
static enum eg_status try_round(struct eg_swap_hold *hold, const struct eg_dataset *ds,
                                const char *path, struct eg_error *err) {
    EG_TRY(eg_upkeep_begin(&hold->upkeep, ds->path, err));
    enum eg_status status = EG_E_LOCKED;
    for (int i = 0; i < TRIES_A_ROUND && status == EG_E_LOCKED; i++) {
        if (i) pause_ns(TRY_NS);
        if (eg_env_cancelled(ds->env)) break;
        status = eg_lock_take(&hold->swap, path, EG_LOCK_TRY, "swap", NULL, err);
    }
    if (status < 0) eg_lock_give(&hold->upkeep, false);
    return status;
}

enum eg_status eg_swap_begin(struct eg_swap_hold *hold, const struct eg_dataset *ds,
                             struct eg_error *err) {
    *hold = (struct eg_swap_hold){0};
    char *path = eg_lock_path(ds->path, "swap.lock");
    if (!path) return no_memory(err);
    enum eg_status status = EG_E_LOCKED;
    for (int i = 0; i < ROUNDS && status == EG_E_LOCKED && !eg_env_cancelled(ds->env); i++) {
        if (i) pause_ns(PAUSE_NS);
        status = try_round(hold, ds, path, err);
    }
    eg_free(path);
    if (status != EG_E_LOCKED) return status;
    if (eg_env_cancelled(ds->env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
    status =
        eg_fail(err, EG_E_LOCKED, "writers of %s are busy with commits: try again later", ds->path);
    if (err) err->retriable = true;
    return status;
}

void eg_swap_end(struct eg_swap_hold *hold) {
    eg_lock_give(&hold->swap, false);
    eg_lock_give(&hold->upkeep, false);
}

/* ---- the places ---- */

struct places {
    char *hour, *day;     /* the partition and the directory above it */
    char *aside, *asides; /* COMMIT.hour and the directory above it */
    char *note, *done, *commits;
};

static void places_reset(struct places *p) {
    eg_free(p->hour);
    eg_free(p->day);
    eg_free(p->aside);
    eg_free(p->asides);
    eg_free(p->note);
    eg_free(p->done);
    eg_free(p->commits);
}

static char *joined(const char *root, const char *directory, const char *name, const char *end) {
    struct eg_strbuf path = {0};
    eg_strbuf_printf(&path, "%s/%s/%s%s", root, directory, name, end);
    return eg_strbuf_take(&path);
}

static enum eg_status places_find(struct places *p, const char *root, const char *partition,
                                  const char *commit, struct eg_error *err) {
    const char *slash = strrchr(partition, '/');
    struct eg_strbuf day = {0};
    eg_strbuf_printf(&day, "%s/%.*s", root, slash ? (int)(slash - partition) : 0, partition);
    *p = (struct places){
        .hour = eg_path_join(root, partition),
        .day = eg_strbuf_take(&day),
        .aside = joined(root, EG_LAYOUT_ASIDE, commit, ".hour"),
        .asides = eg_path_join(root, EG_LAYOUT_ASIDE),
        .note = joined(root, EG_LAYOUT_COMMITS, commit, ".swap"),
        .done = joined(root, EG_LAYOUT_COMMITS, commit, ".done"),
        .commits = eg_path_join(root, EG_LAYOUT_COMMITS),
    };
    if (p->hour && p->day && p->aside && p->asides && p->note && p->done && p->commits)
        return EG_OK;
    places_reset(p);
    return no_memory(err);
}

/* ---- the exchange ---- */

/* What of a directory should go, and what else is in it. */
struct census {
    size_t going, more;
};

/* Links what stands in `from` and is not to go into `to`; `to` NULL: only counts. */
static enum eg_status link_others(const char *from, const char *to, const char *partition,
                                  const struct eg_journal *change, struct census *out,
                                  struct eg_error *err) {
    struct eg_names names;
    EG_TRY(eg_names_read(&names, from, err));
    enum eg_status status = EG_OK;
    for (size_t i = 0; status >= 0 && i < names.count; i++) {
        struct eg_strbuf relative = {0}, old = {0}, new = {0};
        eg_strbuf_printf(&relative, "%s/%s", partition, names.names[i]);
        eg_strbuf_printf(&old, "%s/%s", from, names.names[i]);
        eg_strbuf_printf(&new, "%s/%s", to ? to : "", names.names[i]);
        if (relative.failed || old.failed || new.failed)
            status = no_memory(err);
        else if (eg_index_find(&change->gone_index, relative.text) != EG_INDEX_NONE)
            out->going++;
        else if (to && link(old.text, new.text) != 0 && errno != EEXIST)
            status = eg_fail_errno(err, errno, "cannot keep %s", old.text);
        else if (!to && !eg_layout_ends(names.names[i], ".parquet"))
            status = eg_fail(err, EG_E_FORMAT, "%s is nothing of ours: the hour stays as it is",
                             old.text);
        else
            out->more++;
        eg_strbuf_reset(&relative);
        eg_strbuf_reset(&old);
        eg_strbuf_reset(&new);
    }
    eg_names_reset(&names);
    return status;
}

/* Step 1. EG_END: some file that should go is not there, or where none is to stay, another came. */
static enum eg_status keep_others(const struct places *p, const char *partition,
                                  const struct eg_journal *change, struct eg_error *err) {
    bool exchange = change->file_count > 0;
    struct census census = {0};
    EG_TRY(link_others(p->hour, exchange ? p->aside : NULL, partition, change, &census, err));
    return census.going != change->gone_count || (!exchange && census.more) ? EG_END : EG_OK;
}

static enum eg_status write_note(const struct eg_dataset *ds, const struct places *p,
                                 const char *commit, const struct eg_journal *change,
                                 struct eg_error *err) {
    struct eg_strbuf text = {0};
    enum eg_status status =
        eg_journal_text(change, commit, ds->env->now_us(ds->env->clock), &text, err);
    if (status >= 0) status = eg_file_replace(p->note, text.text, text.size, err);
    eg_strbuf_reset(&text);
    return status;
}

/* Step 3. */
static enum eg_status trade(const struct places *p, bool exchange, struct eg_error *err) {
    int failed = exchange ? renameat2(AT_FDCWD, p->aside, AT_FDCWD, p->hour, RENAME_EXCHANGE)
                          : rename(p->hour, p->aside);
    if (!failed) return EG_OK;
    if (exchange && (errno == EINVAL || errno == ENOSYS))
        return eg_fail(err, EG_E_IO, "%s: this file system cannot exchange two directories",
                       p->hour);
    return eg_fail_errno(err, errno, "cannot take the place of %s", p->hour);
}

/* Steps 4 and 5; any number of times. What somebody who knows nothing of our locks put there between
 * steps 1 and 3 is brought over first. */
static enum eg_status make_durable(const struct places *p, const char *partition,
                                   const struct eg_journal *change, struct eg_error *err) {
    struct census census = {0};
    if (change->file_count > 0) {
        EG_TRY(link_others(p->aside, p->hour, partition, change, &census, err));
        if (census.more) EG_TRY(eg_dir_sync(p->hour, err));
    }
    enum eg_status status = eg_dir_sync(p->day, err);
    if (status < 0 && status != EG_E_NOENT) return status; /* gone: its last hour expired */
    EG_TRY(eg_dir_sync(p->asides, err));
    EG_TRY(eg_file_rename(p->note, p->done, err));
    return eg_dir_sync(p->commits, err);
}

static void remove_tree(const char *path, int depth);

/* The disk is too full for the note that an hour leaves: it goes at once, and the note takes of the
 * room it had. Cut off in between, the journal names files that are not there, and no more. */
static enum eg_status make_room(struct eg_dataset *ds, const struct places *p, const char *commit,
                                const struct eg_journal *change, struct eg_error *err) {
    EG_TRY(trade(p, false, err));
    (void)rmdir(p->day);
    remove_tree(p->aside, 2);
    ds->committed = true;
    EG_TRY(write_note(ds, p, commit, change, err));
    EG_TRY(eg_file_rename(p->note, p->done, err));
    return eg_dir_sync(p->commits, err);
}

static enum eg_status swap(struct eg_dataset *ds, const struct places *p, const char *partition,
                           const char *commit, const struct eg_journal *change,
                           struct eg_error *err) {
    bool exchange = change->file_count > 0;
    EG_TRY(eg_dir_make(exchange ? p->aside : p->asides, err));
    enum eg_status status = keep_others(p, partition, change, err);
    if (status != EG_OK) return status;
    if (exchange) EG_TRY(eg_dir_sync(p->aside, err));
    EG_TRY(eg_dir_sync(p->asides, err));
    status = write_note(ds, p, commit, change, err);
    if (status == EG_E_NOSPACE && !exchange) return make_room(ds, p, commit, change, err);
    if (status >= 0) status = trade(p, exchange, err);
    if (status < 0) {
        (void)unlink(p->note); /* one that stays is found without its exchange, and forgotten */
        return status;
    }
    if (!exchange) (void)rmdir(p->day); /* when it was the day's last hour */
    status = make_durable(p, partition, change, err);
    if (status < 0)
        ds->unsettled = true;
    else
        ds->committed = true;
    return status;
}

enum eg_status eg_swap_hour(struct eg_dataset *ds, const char *partition, const char *commit,
                            const struct eg_journal *change, struct eg_error *err) {
    struct places p;
    EG_TRY(places_find(&p, ds->path, partition, commit, err));
    enum eg_status status = swap(ds, &p, partition, commit, change, err);
    places_reset(&p);
    return status;
}

/* ---- after a crash ---- */

static enum eg_status recover(const char *root, const char *commit, const struct eg_journal *change,
                              bool *done, struct eg_error *err) {
    const char *any = change->file_count   ? change->files[0].path
                      : change->gone_count ? change->gone[0].path
                                           : "";
    struct places p;
    char *partition = eg_strdup(any), *mark = eg_path_join(root, any);
    char *slash = partition ? strrchr(partition, '/') : NULL;
    if (slash) *slash = 0;
    enum eg_status status =
        partition && mark ? places_find(&p, root, partition, commit, err) : no_memory(err);
    if (status >= 0) {
        *done = slash && access(change->file_count ? mark : p.aside, F_OK) == 0;
        if (*done)
            status = make_durable(&p, partition, change, err);
        else if (unlink(p.note) != 0 && errno != ENOENT)
            status = eg_fail_errno(err, errno, "cannot remove %s", p.note);
        places_reset(&p);
    }
    eg_free(partition);
    eg_free(mark);
    return status;
}

enum eg_status eg_swap_recover(const char *root, const char *commit, bool *done,
                               struct eg_error *err) {
    struct eg_journal change = {0};
    char digest[33];
    char *note = joined(root, EG_LAYOUT_COMMITS, commit, ".swap");
    enum eg_status status = note ? eg_journal_read(&change, note, digest, err) : no_memory(err);
    if (status >= 0) status = recover(root, commit, &change, done, err);
    eg_journal_reset(&change);
    eg_free(note);
    return status;
}

/* ---- what lies aside ---- */

/* Files, and one level of directories below (the engine's, when it ran out of memory). */
static void remove_tree(const char *path, int depth) {
    struct eg_names names;
    if (eg_names_read(&names, path, NULL) < 0) return;
    for (size_t i = 0; i < names.count; i++) {
        char *inside = eg_path_join(path, names.names[i]);
        if (inside && unlink(inside) != 0 && (errno == EISDIR || errno == EPERM) && depth > 0)
            remove_tree(inside, depth - 1);
        eg_free(inside);
    }
    eg_names_reset(&names);
    (void)rmdir(path);
}

void eg_swap_drop(const char *root, const char *commit) {
    char *path = joined(root, EG_LAYOUT_ASIDE, commit, ".hour");
    if (path) remove_tree(path, 2);
    eg_free(path);
}

/* A directory's time of change is when it was put aside, or last written to. By the system's clock,
 * since the file system's times are. */
static bool grace_over(const char *path, int64_t grace_us) {
    struct stat is;
    struct timespec now;
    if (grace_us <= 0) return true;
    if (stat(path, &is) != 0 || clock_gettime(CLOCK_REALTIME, &now) != 0) return false;
    int64_t age_us = (int64_t)(now.tv_sec - is.st_ctim.tv_sec) * 1000000 +
                     (now.tv_nsec - is.st_ctim.tv_nsec) / 1000;
    return age_us >= grace_us || age_us < -grace_us; /* a clock that was set back is no reason */
}

static bool undecided(const char *root, const char *commit) {
    char *note = joined(root, EG_LAYOUT_COMMITS, commit, ".swap");
    bool there = !note || access(note, F_OK) == 0;
    eg_free(note);
    return there;
}

enum eg_status eg_swap_sweep(const struct eg_sweep *sweep, size_t *left, struct eg_error *err) {
    *left = 0;
    char *asides = eg_path_join(sweep->root, EG_LAYOUT_ASIDE);
    if (!asides) return no_memory(err);
    struct eg_names names;
    char commit[EG_COMMIT_TEXT], session[EG_SESSION_TEXT];
    enum eg_status status = eg_names_read(&names, asides, err);
    for (size_t i = 0; status >= 0 && i < names.count; i++) {
        if (!eg_layout_commit_of(names.names[i], commit, session) ||
            sweep->spare(sweep->to, session))
            continue;
        char *path = eg_path_join(asides, names.names[i]);
        if (!path)
            status = no_memory(err);
        else if (sweep->look || undecided(sweep->root, commit) ||
                 !grace_over(path, sweep->grace_us))
            ++*left;
        else
            remove_tree(path, 2);
        eg_free(path);
    }
    if (names.count) eg_names_reset(&names);
    eg_free(asides);
    return status < 0 ? status : EG_OK;
}
