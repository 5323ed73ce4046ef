/* SPDX-License-Identifier: Apache-2.0
 * After a crash: what dead writers decided is rolled forward, what they did not is removed. A writer
 * is dead when nobody holds its lock; a live one's files are never touched. Every step may be cut
 * off by the next crash and is then done again. */
#include "store/swap.h"

#include "base/alloc.h"
#include "base/durable.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct settling {
    const char *root, *session;
    enum eg_settle_mode mode;
    const struct eg_env *env;
    struct eg_leftovers *found;
    struct eg_names alive;   /* sessions */
    struct eg_names damaged; /* commits whose .tmp files must stay */
    struct eg_lock *dead;    /* locks of dead writers, held while we settle */
    size_t dead_count;
};

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory to settle the dataset");
}

static bool is_alive(const struct settling *s, const char *session) {
    return strcmp(session, s->session) == 0 || eg_names_hold(&s->alive, session);
}

/* ---- writers ---- */

/* "writer-SESSION.lock" */
static bool writer_of(const char *name, char session[EG_SESSION_TEXT]) {
    int used = 0;
    return sscanf(name, "writer-%16[0-9a-f].lock%n", session, &used) == 1 && used && !name[used] &&
           strlen(session) == EG_SESSION_TEXT - 1;
}

static enum eg_status see_writer(struct settling *s, const char *path, const char *session,
                                 struct eg_error *err) {
    struct eg_lock lock = {0};
    bool alive;
    if (s->mode == EG_SETTLE_LOOK) {
        alive = eg_lock_busy(path, NULL);
    } else {
        enum eg_status status = eg_lock_take(&lock, path, EG_LOCK_TRY, "settling", NULL, err);
        if (status < 0 && status != EG_E_LOCKED) return status;
        alive = status == EG_E_LOCKED;
    }
    if (alive) {
        s->found->writers_alive++;
        return eg_names_add(&s->alive, session) ? EG_OK : no_memory(err);
    }
    s->found->writers_dead++;
    if (s->mode != EG_SETTLE_LOOK) s->dead[s->dead_count++] = lock;
    return EG_OK;
}

static enum eg_status see_locks(struct settling *s, struct eg_error *err) {
    char *locks = eg_path_join(s->root, EG_LAYOUT_LOCKS);
    struct eg_names names = {0};
    enum eg_status status = locks ? eg_names_read(&names, locks, err) : no_memory(err);
    if (names.count) s->dead = eg_calloc(names.count, sizeof *s->dead);
    if (names.count && !s->dead) status = no_memory(err);
    char session[EG_SESSION_TEXT];
    for (size_t i = 0; status >= 0 && i < names.count; i++) {
        if (!writer_of(names.names[i], session) || strcmp(session, s->session) == 0) continue;
        char *path = eg_lock_path(s->root, names.names[i]);
        status = path ? see_writer(s, path, session, err) : no_memory(err);
        eg_free(path);
    }
    if (status >= 0 && s->dead_count)
        status = eg_source_locks_settle(s->root, s->session, &s->alive, err);
    eg_names_reset(&names);
    eg_free(locks);
    return status < 0 ? status : EG_OK;
}

/* ---- intents ---- */

static void tell(const struct settling *s, int level, const char *text) {
    if (s->env && s->env->log && s->mode != EG_SETTLE_LOOK)
        s->env->log(s->env->log_to, level, text);
}

static enum eg_status see_intent(struct settling *s, const char *path, const char *commit,
                                 struct eg_error *err) {
    struct eg_journal journal = {0};
    struct eg_error own = {0};
    char digest[33], text[512];
    size_t lost = 0;
    enum eg_status status = eg_journal_read(&journal, path, digest, &own);
    if (status == EG_E_FORMAT) {
        s->found->damaged++;
        tell(s, 3, own.message);
        status = eg_names_add(&s->damaged, commit) ? EG_OK : no_memory(err);
    } else if (status == EG_E_NOENT) {
        status = EG_OK; /* its writer finished it while we looked */
    } else if (status < 0) {
        if (err) *err = own;
    } else {
        s->found->intents++;
        if (s->mode != EG_SETTLE_LOOK) {
            status = eg_roll_forward(s->root, commit, &journal, &lost, err);
            snprintf(text, sizeof text, "completed the commit %s of a writer that was cut off",
                     commit);
            if (status >= 0) tell(s, 6, text);
        }
        s->found->lost_files += lost;
    }
    eg_journal_reset(&journal);
    return status;
}

/* An exchange of an hour that was cut off. */
static enum eg_status see_swap(struct settling *s, const char *commit, struct eg_error *err) {
    struct eg_error own = {0};
    char text[512];
    bool done = false;
    s->found->swaps++;
    if (s->mode == EG_SETTLE_LOOK) return EG_OK;
    enum eg_status status = eg_swap_recover(s->root, commit, &done, &own);
    if (status == EG_E_FORMAT) {
        s->found->damaged++;
        tell(s, 3, own.message);
        return EG_OK;
    }
    if (status == EG_E_NOENT) return EG_OK; /* its owner finished it while we looked */
    if (status < 0 && err) *err = own;
    snprintf(text, sizeof text, "%s the exchange %s of an hour that was cut off",
             done ? "completed" : "took back", commit);
    if (status >= 0) tell(s, 6, text);
    return status;
}

static enum eg_status see_commits(struct settling *s, struct eg_error *err) {
    char *commits = eg_path_join(s->root, EG_LAYOUT_COMMITS);
    struct eg_names names = {0};
    enum eg_status status = commits ? eg_names_read(&names, commits, err) : no_memory(err);
    char commit[EG_COMMIT_TEXT], session[EG_SESSION_TEXT];
    for (size_t i = 0; status >= 0 && i < names.count; i++) {
        if (!eg_layout_commit_of(names.names[i], commit, session) || is_alive(s, session)) continue;
        struct eg_strbuf path = {0};
        eg_strbuf_printf(&path, "%s/%s", commits, names.names[i]);
        if (path.failed) {
            status = no_memory(err);
        } else if (eg_layout_ends(names.names[i], ".intent")) {
            status = see_intent(s, path.text, commit, err);
        } else if (eg_layout_ends(names.names[i], ".swap")) {
            status = see_swap(s, commit, err);
        } else if (eg_layout_ends(names.names[i], ".tmp")) {
            s->found->temporary++;
            if (s->mode != EG_SETTLE_LOOK) unlink(path.text); /* never was an intent */
        }
        eg_strbuf_reset(&path);
    }
    eg_names_reset(&names);
    eg_free(commits);
    return status < 0 ? status : EG_OK;
}

/* ---- leftovers in the partitions ---- */

/* What no commit gave its name is counted, and removed unless we only look. */
static enum eg_status leftover_remove(struct settling *s, const char *relative,
                                      struct eg_error *err) {
    s->found->temporary++;
    if (s->mode == EG_SETTLE_LOOK) return EG_OK;
    char *path = eg_path_join(s->root, relative);
    if (!path) return no_memory(err);
    unlink(path);
    eg_free(path);
    return EG_OK;
}

static enum eg_status see_file(void *to, const char *relative, const char *name, int64_t hour_us,
                               struct eg_error *err) {
    (void)hour_us;
    struct settling *s = to;
    char commit[EG_COMMIT_TEXT], session[EG_SESSION_TEXT];
    if (!eg_layout_ends(name, ".parquet.tmp") || !eg_layout_commit_of(name, commit, session) ||
        is_alive(s, session) || eg_names_hold(&s->damaged, commit))
        return EG_OK;
    return leftover_remove(s, relative, err);
}

/* A copy of a capture that no commit gave its name. Intents of its session that are damaged keep it. */
static enum eg_status see_capture(void *to, const char *relative, const char *name, int64_t hour_us,
                                  struct eg_error *err) {
    (void)hour_us;
    struct settling *s = to;
    char session[EG_SESSION_TEXT];
    if (!eg_layout_capture_session(name, session) || is_alive(s, session)) return EG_OK;
    for (size_t i = 0; i < s->damaged.count; i++)
        if (strncmp(s->damaged.names[i], session, EG_SESSION_TEXT - 1) == 0) return EG_OK;
    return leftover_remove(s, relative, err);
}

static enum eg_status see_partitions(struct settling *s, struct eg_error *err) {
    for (int table = 0; table < EG_TABLE_RAW; table++) {
        struct eg_layout_walk walk = {see_file, s, INT64_MAX, false};
        EG_TRY(eg_layout_walk(s->root, (enum eg_table_id)table, &walk, err));
        walk.quarantine = true;
        EG_TRY(eg_layout_walk(s->root, (enum eg_table_id)table, &walk, err));
    }
    struct eg_layout_walk captures = {see_capture, s, INT64_MAX, false};
    return eg_layout_walk_captures(s->root, &captures, err);
}

static bool is_spared(void *to, const char *session) { return is_alive(to, session); }

static enum eg_status see_aside(struct settling *s, struct eg_error *err) {
    struct eg_sweep sweep = {.root = s->root,
                             .spare = is_spared,
                             .to = s,
                             .grace_us = EG_SWAP_GRACE_US,
                             .look = s->mode == EG_SETTLE_LOOK};
    return eg_swap_sweep(&sweep, &s->found->aside, err);
}

enum eg_status eg_settle(const char *root, const char *session, enum eg_settle_mode mode,
                         const struct eg_env *env, struct eg_leftovers *out, struct eg_error *err) {
    *out = (struct eg_leftovers){0};
    struct settling s = {.root = root, .session = session, .mode = mode, .env = env, .found = out};
    enum eg_status status = see_locks(&s, err);
    if (status >= 0) status = see_commits(&s, err);
    if (status >= 0 && (out->writers_dead || out->intents || mode == EG_SETTLE_WHOLE))
        status = see_partitions(&s, err);
    if (status >= 0) status = see_aside(&s, err);
    /* Last of all: as long as its lock's file is there, a dead writer is found again. */
    for (size_t i = 0; i < s.dead_count; i++) eg_lock_give(&s.dead[i], status >= 0);
    eg_free(s.dead);
    eg_names_reset(&s.alive);
    eg_names_reset(&s.damaged);
    return status < 0 ? status : EG_OK;
}
