/* SPDX-License-Identifier: Apache-2.0
 * Compaction and expiry in the background: one thread that sleeps, does a turn, and sleeps again. */
#include "store/upkeep.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define EVERY_US INT64_C(600000000)

struct eg_upkeep {
    char *path;
    struct eg_env env;
    struct eg_upkeep_plan plan;
    atomic_bool stop;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    pthread_t thread;
    struct eg_upkeep_total total; /* the thread's until it is joined */
};

static void add(struct eg_upkeep_account *total, const struct eg_upkeep_account *one) {
    total->hours += one->hours;
    total->files_before += one->files_before;
    total->files_after += one->files_after;
    total->rows += one->rows;
    total->bytes_before += one->bytes_before;
    total->bytes_after += one->bytes_after;
    total->captures += one->captures;
    total->captures_bytes += one->captures_bytes;
    total->captures_unlinked += one->captures_unlinked;
    total->failed += one->failed;
    total->postponed += one->postponed;
    total->short_of = one->short_of;
    if (one->from_us < total->from_us) total->from_us = one->from_us;
    if (one->to_us > total->to_us) total->to_us = one->to_us;
}

static void tell_hour(void *to, const struct eg_upkeep_hour *hour) {
    const struct eg_upkeep *upkeep = to;
    if (hour->status < 0 && upkeep->env.log && hour->problem)
        upkeep->env.log(upkeep->env.log_to, 4, hour->problem);
}

static void account_for(struct eg_upkeep *upkeep, const char *what, struct eg_upkeep_account *total,
                        enum eg_status status, const struct eg_upkeep_account *account,
                        const struct eg_error *err) {
    char text[sizeof err->message + 64];
    add(total, account);
    if (!upkeep->env.log) return;
    if (account->hours) {
        snprintf(text, sizeof text,
                 "%s: %" PRIu64 " hours, %" PRIu64 " files to %" PRIu64 ", %" PRIu64 " rows", what,
                 account->hours, account->files_before, account->files_after, account->rows);
        upkeep->env.log(upkeep->env.log_to, 6, text);
    }
    /* No dataset yet, somebody else at it, or the end: nothing to tell. */
    if (status >= 0 || status == EG_E_NOENT || status == EG_E_LOCKED || status == EG_E_CANCELLED)
        return;
    snprintf(text, sizeof text, "%s: %s", what, err->message);
    upkeep->env.log(upkeep->env.log_to, 4, text);
}

static void turn(struct eg_upkeep *upkeep) {
    const struct eg_upkeep_plan *plan = &upkeep->plan;
    struct eg_upkeep_call call = {.grace_us = plan->grace_us, .told = tell_hour, .to = upkeep};
    struct eg_upkeep_account account = {.from_us = INT64_MAX, .to_us = INT64_MIN};
    struct eg_error err = {0};
    if (plan->expires) {
        enum eg_status status =
            eg_expire(upkeep->path, &upkeep->env, &call, &plan->expire, &account, &err);
        account_for(upkeep, "expire", &upkeep->total.expired, status, &account, &err);
    }
    if (plan->compacts && !atomic_load(&upkeep->stop)) {
        enum eg_status status =
            eg_compact(upkeep->path, &upkeep->env, &call, &plan->compact, &account, &err);
        account_for(upkeep, "compact", &upkeep->total.compacted, status, &account, &err);
    }
}

/* False: it is time to stop. */
static bool sleep_until_due(struct eg_upkeep *upkeep) {
    struct timespec due;
    clock_gettime(CLOCK_MONOTONIC, &due);
    due.tv_sec += upkeep->plan.every_us / 1000000;
    due.tv_nsec += upkeep->plan.every_us % 1000000 * 1000;
    if (due.tv_nsec >= 1000000000) {
        due.tv_nsec -= 1000000000;
        due.tv_sec++;
    }
    int result = 0;
    pthread_mutex_lock(&upkeep->mutex);
    while (!atomic_load(&upkeep->stop) && result == 0)
        result = pthread_cond_timedwait(&upkeep->wake, &upkeep->mutex, &due);
    pthread_mutex_unlock(&upkeep->mutex);
    return !atomic_load(&upkeep->stop);
}

static void *run(void *of) {
    struct eg_upkeep *upkeep = of;
    while (sleep_until_due(upkeep)) turn(upkeep);
    return NULL;
}

static bool make_wake(pthread_cond_t *wake) {
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) return false;
    bool made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(wake, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return made;
}

enum eg_status eg_upkeep_start(struct eg_upkeep **out, const char *path, const struct eg_env *env,
                               const struct eg_upkeep_plan *plan, struct eg_error *err) {
    struct eg_upkeep *upkeep = eg_calloc(1, sizeof *upkeep);
    if (!upkeep) return eg_fail(err, EG_E_NOMEM, "no memory for upkeep");
    upkeep->path = eg_strdup(path);
    upkeep->env = *env;
    upkeep->env.cancel = &upkeep->stop;
    upkeep->plan = *plan;
    if (!plan->every_us) upkeep->plan.every_us = EVERY_US;
    const struct eg_upkeep_account none = {.from_us = INT64_MAX, .to_us = INT64_MIN};
    upkeep->total = (struct eg_upkeep_total){none, none};
    bool mutex = upkeep->path && pthread_mutex_init(&upkeep->mutex, NULL) == 0;
    bool wake = mutex && make_wake(&upkeep->wake);
    if (wake && pthread_create(&upkeep->thread, NULL, run, upkeep) == 0) {
        *out = upkeep;
        return EG_OK;
    }
    if (wake) pthread_cond_destroy(&upkeep->wake);
    if (mutex) pthread_mutex_destroy(&upkeep->mutex);
    eg_free(upkeep->path);
    eg_free(upkeep);
    return eg_fail(err, EG_E_NOMEM, "no thread for upkeep");
}

void eg_upkeep_stop(struct eg_upkeep *upkeep, struct eg_upkeep_total *total) {
    if (!upkeep) return;
    pthread_mutex_lock(&upkeep->mutex);
    atomic_store(&upkeep->stop, true);
    pthread_cond_signal(&upkeep->wake);
    pthread_mutex_unlock(&upkeep->mutex);
    pthread_join(upkeep->thread, NULL);
    if (total) *total = upkeep->total;
    pthread_cond_destroy(&upkeep->wake);
    pthread_mutex_destroy(&upkeep->mutex);
    eg_free(upkeep->path);
    eg_free(upkeep);
}
