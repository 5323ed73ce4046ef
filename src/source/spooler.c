/* SPDX-License-Identifier: Apache-2.0
 * From the intake to the spool. */
#include "source/spooler.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define RETRY_US 250000
#define WAKE_US 100000
#define SAY_US 10000000     /* between two remarks about the same trouble */
#define GIVE_UP_US 10000000 /* without any room, once nothing more will come */

struct eg_spooler {
    const struct eg_env *env;
    struct eg_intake *intake;
    struct eg_spool *spool;
    struct eg_spooler_options options;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t synced;
    uint64_t wanted, done; /* syncs asked for, and answered */
    atomic_bool over, stuck;
    /* the thread's own */
    struct eg_block block; /* taken and not stored yet */
    int64_t unsynced_us, said_stuck_us, said_sync_us;
    int64_t waits_us; /* since then, for room, with nothing more to come; 0: it does not */
    bool said, gave_up;
    uint64_t unsynced_bytes;
};

static void say(const struct eg_spooler *s, int level, const char *what, const char *more) {
    char line[900];
    snprintf(line, sizeof line, "%s%s", what, more);
    s->env->log(s->env->log_to, level, line);
}

/* Whether the trouble last told at *said_us may be told again. */
static bool say_due(int64_t *said_us) {
    int64_t now_us = eg_tick_us();
    if (*said_us && now_us - *said_us < SAY_US) return false;
    *said_us = now_us;
    return true;
}

/* ---- syncing ---- */

static void sync_now(struct eg_spooler *s) {
    pthread_mutex_lock(&s->lock);
    uint64_t wanted = s->wanted;
    pthread_mutex_unlock(&s->lock);
    struct eg_error err;
    if (eg_spool_sync(s->spool, &err) < 0 && say_due(&s->said_sync_us))
        say(s, 3, err.message,
            ": what was received since the last sync may be lost in a power cut");
    s->unsynced_bytes = 0;
    pthread_mutex_lock(&s->lock);
    s->done = wanted;
    pthread_cond_broadcast(&s->synced);
    pthread_mutex_unlock(&s->lock);
}

static bool sync_due(struct eg_spooler *s) {
    pthread_mutex_lock(&s->lock);
    bool asked = s->wanted != s->done;
    pthread_mutex_unlock(&s->lock);
    if (asked || !s->unsynced_bytes) return asked;
    return s->unsynced_bytes >= s->options.sync_bytes ||
           eg_tick_us() - s->unsynced_us >= s->options.sync_interval_us;
}

/* ---- storing ---- */

static void stuck_set(struct eg_spooler *s, const struct eg_error *err) {
    bool was = atomic_exchange(&s->stuck, err != NULL);
    if (was == (err != NULL)) return;
    eg_intake_stuck(s->intake, err != NULL);
    if (err) {
        s->said = say_due(&s->said_stuck_us);
        if (s->said) say(s, 4, err->message, ": what comes is kept in memory as far as that goes");
    } else if (s->said) {
        say(s, 6, "the spool has room again", "");
    }
}

/* Whether what finds no room now will find none in time. Those who empty the spool make room by whole
 * segments, so any room at all begins the wait anew; after it, nothing waits any more. */
static bool gives_up(struct eg_spooler *s) {
    if (eg_env_cancelled(s->env)) return true;
    if (!s->gave_up && eg_intake_closed(s->intake)) {
        if (!s->waits_us) s->waits_us = eg_tick_us();
        s->gave_up = eg_tick_us() - s->waits_us >= s->options.give_up_us;
    }
    return s->gave_up;
}

static void block_store(struct eg_spooler *s) {
    struct eg_error err;
    uint32_t size = s->block.size;
    if (eg_spool_append(s->spool, &s->block, &err) < 0) {
        stuck_set(s, &err);
        if (gives_up(s)) eg_intake_drop(s->intake, &s->block);
        return;
    }
    stuck_set(s, NULL);
    s->waits_us = 0;
    if (!s->unsynced_bytes) s->unsynced_us = eg_tick_us();
    s->unsynced_bytes += size;
    eg_buffer_unref(s->block.buffer);
    s->block = (struct eg_block){0};
}

static void *spooler_run(void *argument) {
    struct eg_spooler *s = argument;
    while (s->block.buffer || !eg_intake_over(s->intake)) {
        if (s->block.buffer) { /* there was no room for it a moment ago */
            struct timespec nap = {.tv_nsec = RETRY_US * 1000L};
            nanosleep(&nap, NULL);
            block_store(s);
        } else if (eg_intake_take(s->intake, &s->block, WAKE_US)) {
            block_store(s);
        }
        if (sync_due(s)) sync_now(s);
    }
    sync_now(s);
    /* told, or who asked during that last sync would wait for another one */
    pthread_mutex_lock(&s->lock);
    atomic_store(&s->over, true);
    pthread_cond_broadcast(&s->synced);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- from outside ---- */

enum eg_status eg_spooler_start(struct eg_spooler **out, const struct eg_env *env,
                                struct eg_intake *intake, struct eg_spool *spool,
                                const struct eg_spooler_options *options, struct eg_error *err) {
    struct eg_spooler *s = eg_calloc(1, sizeof *s);
    if (!s) return eg_fail(err, EG_E_NOMEM, "no memory for the spool's thread");
    s->env = env;
    s->intake = intake;
    s->spool = spool;
    s->options = *options;
    if (!s->options.give_up_us) s->options.give_up_us = GIVE_UP_US;
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&s->synced, &steady);
    pthread_condattr_destroy(&steady);
    pthread_mutex_init(&s->lock, NULL);
    int failed = pthread_create(&s->thread, NULL, spooler_run, s);
    if (failed) {
        pthread_cond_destroy(&s->synced);
        pthread_mutex_destroy(&s->lock);
        eg_free(s);
        return eg_fail_errno(err, failed, "cannot start the spool's thread");
    }
    *out = s;
    return EG_OK;
}

bool eg_spooler_sync(struct eg_spooler *s, int64_t wait_us) {
    int64_t until_us = eg_tick_us() + wait_us;
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    pthread_mutex_lock(&s->lock);
    uint64_t mine = ++s->wanted;
    pthread_mutex_unlock(&s->lock);
    eg_intake_wake(s->intake);
    pthread_mutex_lock(&s->lock);
    int waited = 0;
    while (s->done < mine && !waited && !atomic_load(&s->over))
        waited = pthread_cond_timedwait(&s->synced, &s->lock, &until);
    bool done = s->done >= mine;
    pthread_mutex_unlock(&s->lock);
    return done || atomic_load(&s->over);
}

bool eg_spooler_over(const struct eg_spooler *s) { return atomic_load(&s->over); }

bool eg_spooler_stuck(const struct eg_spooler *s) { return atomic_load(&s->stuck); }

void eg_spooler_free(struct eg_spooler *s) {
    if (!s) return;
    pthread_join(s->thread, NULL);
    pthread_cond_destroy(&s->synced);
    pthread_mutex_destroy(&s->lock);
    eg_free(s);
}
