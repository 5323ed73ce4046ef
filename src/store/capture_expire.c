/* SPDX-License-Identifier: Apache-2.0
 * Captures leave. With both locks of an exchange held, so that no commit is under way: the line that
 * says they are gone is made durable first, the files are removed then; one that a kill leaves behind
 * is removed by the next expiry, by that line. */
#include "store/capture_expire.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/timetext.h"
#include "store/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory to remove captures");
}

static int64_t hour_of(int64_t time_us) {
    int64_t into = time_us % EG_HOUR_US;
    return time_us - into - (into < 0 ? EG_HOUR_US : 0);
}

/* ---- sizes ---- */

static int by_hour(const void *a, const void *b) {
    const struct eg_capture_size *x = a, *y = b;
    return x->last_hour_us < y->last_hour_us ? -1 : x->last_hour_us > y->last_hour_us;
}

enum eg_status eg_capture_sizes(struct eg_capture_sizes *out, const struct eg_journal *journal,
                                struct eg_error *err) {
    *out = (struct eg_capture_sizes){0};
    if (!journal->capture_count) return EG_OK;
    out->list = eg_calloc(journal->capture_count, sizeof *out->list);
    if (!out->list) return no_memory(err);
    for (size_t i = 0; i < journal->capture_count; i++) {
        const struct eg_journal_capture *c = &journal->captures[i];
        if (c->gone || !c->copy || c->first_us > c->last_us) continue;
        out->list[out->count++] = (struct eg_capture_size){hour_of(c->last_us), c->stored};
        out->total += c->stored;
    }
    if (out->count) qsort(out->list, out->count, sizeof *out->list, by_hour);
    return EG_OK;
}

void eg_capture_sizes_reset(struct eg_capture_sizes *sizes) {
    eg_free(sizes->list);
    *sizes = (struct eg_capture_sizes){0};
}

/* ---- which ---- */

static bool leaves(const struct eg_journal_capture *c, int64_t before_us, const int64_t *left,
                   size_t left_count) {
    if (c->gone || c->first_us > c->last_us || hour_of(c->last_us) + EG_HOUR_US > before_us)
        return false;
    size_t from = 0, to = left_count;
    while (from < to) { /* the first hour that may hold a packet of it */
        size_t middle = from + (to - from) / 2;
        if (left[middle] < hour_of(c->first_us))
            from = middle + 1;
        else
            to = middle;
    }
    return from == left_count || left[from] > c->last_us;
}

/* ---- how ---- */

/* Takes the copy for itself; false: an ingest writes to it. *fd stays open meanwhile; -1: no file. */
static bool copy_claim(const char *path, int *fd) {
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0 || flock(*fd, LOCK_EX | LOCK_NB) == 0) return true;
    close(*fd);
    return false;
}

struct leaving {
    struct eg_tending *t;
    struct eg_journal change;
    int *fds; /* of the copies, which are ours as long as they are open */
    size_t fd_count;
};

static enum eg_status note_leaving(struct leaving *l, const struct eg_journal_capture *c,
                                   struct eg_error *err) {
    const struct eg_dataset *ds = l->t->ds;
    struct eg_upkeep_account *account = l->t->account;
    if (c->copy && !l->t->call->dry_run) {
        char *path = eg_path_join(ds->path, c->place);
        if (!path) return no_memory(err);
        bool ours = copy_claim(path, &l->fds[l->fd_count]);
        eg_free(path);
        if (!ours) return EG_OK;
        if (l->fds[l->fd_count] >= 0) l->fd_count++;
    }
    int64_t now_us = ds->env->now_us(ds->env->clock);
    struct eg_journal_capture gone = {.name = c->name,
                                      .place = c->place,
                                      .copy = c->copy,
                                      .gone = true,
                                      .bytes = c->bytes,
                                      .at_us = now_us > c->at_us ? now_us : c->at_us + 1};
    memcpy(gone.digest, c->digest, sizeof gone.digest);
    EG_TRY(eg_journal_add_capture(&l->change, &gone, err));
    account->captures += c->copy;
    account->captures_unlinked += !c->copy;
    account->captures_bytes += c->copy ? c->stored : 0;
    return EG_OK;
}

/* The copies that lines say are gone, also those of a removal that was cut off. */
static void remove_copies(struct eg_dataset *ds) {
    const struct eg_journal *journal = &ds->journal;
    for (size_t i = 0; i < journal->capture_count; i++) {
        const struct eg_journal_capture *c = &journal->captures[i];
        if (!c->gone || !c->copy) continue;
        char *path = eg_path_join(ds->path, c->place);
        if (path && unlink(path) == 0) {
            char *slash = strrchr(path, '/');
            *slash = 0;
            (void)!rmdir(path); /* its day, if nothing else is of it */
        }
        eg_free(path);
    }
}

static enum eg_status let_go(struct leaving *l, int64_t before_us, const int64_t *left,
                             size_t left_count, struct eg_error *err) {
    struct eg_dataset *ds = l->t->ds;
    const struct eg_journal *journal = &ds->journal;
    l->fds = eg_calloc(journal->capture_count + 1, sizeof *l->fds);
    enum eg_status status = l->fds ? EG_OK : no_memory(err);
    for (size_t i = 0; status >= 0 && i < journal->capture_count; i++)
        if (leaves(&journal->captures[i], before_us, left, left_count))
            status = note_leaving(l, &journal->captures[i], err);
    if (l->t->call->dry_run || status < 0) return status;
    if (l->change.capture_count) {
        status = eg_record_write(ds, &l->change, err);
        if (status >= 0) status = eg_journal_refresh(&ds->journal, ds->path, ds->env, err);
    }
    if (status >= 0) remove_copies(ds);
    return status;
}

enum eg_status eg_captures_expire(struct eg_tending *t, int64_t before_us, const int64_t *left,
                                  size_t left_count, struct eg_error *err) {
    struct leaving l = {.t = t};
    struct eg_swap_hold hold;
    if (!t->ds->journal.capture_count) return EG_OK;
    if (!t->call->dry_run) {
        EG_TRY(eg_swap_begin(&hold, t->ds, err));
        enum eg_status fresh = eg_journal_refresh(&t->ds->journal, t->ds->path, t->ds->env, err);
        if (fresh < 0) {
            eg_swap_end(&hold);
            return fresh;
        }
    }
    enum eg_status status = let_go(&l, before_us, left, left_count, err);
    for (size_t i = 0; i < l.fd_count; i++) close(l.fds[i]);
    eg_free(l.fds);
    if (!t->call->dry_run) eg_swap_end(&hold);
    if (status >= 0 && !t->call->dry_run && l.change.capture_count) eg_dataset_tidy(t->ds);
    eg_journal_reset(&l.change);
    return status;
}
