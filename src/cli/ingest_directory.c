/* SPDX-License-Identifier: Apache-2.0
 * Ingesting a directory: what is offered is read by one run of the pump (a trigger), and is done with
 * when that is durable. Positions see to it that every row comes once, also of files that grow and
 * after a restart. */
#include "cli/ingest.h"
#include "source/directory.h"

#include <stdio.h>
#include <string.h>

#define WAIT_MS 200      /* for a file, before looking whether it is to end */
#define RETRY_US 1000000 /* when a sink failed */
#define DRAIN_RETRIES 5

struct follow {
    struct eg_ingest *in;
    struct eg_ingest_run *run;
    const struct eg_env *env;
    struct eg_directory *directory;
    int retries;
};

static enum eg_status choose(struct eg_ingest *in, struct eg_group *group,
                             struct eg_directory_options *to, struct eg_error *err) {
    const struct eg_ingest_options *o = in->options;
    *to = (struct eg_directory_options){.roots = (const char *const *)group->inputs,
                                        .root_count = group->count,
                                        .flat = o->flat,
                                        .pattern = o->pattern,
                                        .latest_first = o->latest_first,
                                        .offer_max = (size_t)o->files_max};
    if (strcmp(o->after, "delete") == 0)
        to->after = EG_AFTER_DELETE;
    else if (strncmp(o->after, "move:", 5) == 0 && o->after[5])
        to->after = EG_AFTER_MOVE;
    else if (strcmp(o->after, "keep") != 0)
        return eg_fail(err, EG_E_USAGE, "--after takes keep, move:DIRECTORY or delete, not '%s'",
                       o->after);
    if (to->after == EG_AFTER_MOVE) to->move_to = o->after + 5;
    return EG_OK;
}

/* What became of a file, by what was told about it. Both lists are in the order of the inputs: *at is
 * the first trouble that is not of a file before. */
static enum eg_directory_outcome outcome_of(const struct eg_pump_account *account, const char *path,
                                            size_t *at) {
    enum eg_directory_outcome outcome = EG_DIRECTORY_READ;
    for (; *at < account->trouble_count; ++*at) {
        const struct eg_trouble *t = &account->troubles[*at];
        if (strcmp(t->input, path) != 0) break;
        if (t->status < 0 && t->status != EG_E_CUT) outcome = EG_DIRECTORY_FAILED;
        /* one that is known may end in the middle of a record all the same */
        if ((t->status == EG_E_CUT || t->rest) && outcome == EG_DIRECTORY_READ)
            outcome = EG_DIRECTORY_CUT;
    }
    return outcome;
}

/* That a file is known already is no news in a directory, nor, while it is followed, that one ends in
 * the middle of a record: it is being written. */
static void troubles_thin(struct eg_pump_account *account, bool follow) {
    for (size_t i = account->trouble_count; i-- > 0;) {
        const struct eg_trouble *t = &account->troubles[i];
        bool known = t->status == EG_OK && t->state == EG_PLAN_KNOWN;
        bool gone = t->status == EG_E_NOENT; /* somebody took it away again */
        if (gone && account->inputs_failed) account->inputs_failed--;
        if (known || gone || (follow && t->status == EG_E_CUT)) eg_pump_account_drop(account, i);
    }
}

/* A file that grows is one input, however often it is read. */
static void count_once(struct follow *f, const struct eg_paths *paths,
                       struct eg_pump_account *account) {
    for (size_t i = 0, at = 0; i < paths->count; i++) {
        bool again = !eg_directory_first(f->directory, paths->paths[i]);
        if (again) account->inputs--;
        for (; at < account->trouble_count; at++) {
            const struct eg_trouble *t = &account->troubles[at];
            if (strcmp(t->input, paths->paths[i]) != 0) break;
            bool known = t->status == EG_OK && t->state == EG_PLAN_KNOWN;
            if (again && known) account->inputs_known--;
        }
    }
}

/* Reads what was offered. */
static enum eg_status trigger(struct follow *f, const struct eg_paths *paths,
                              struct eg_error *err) {
    struct eg_pump_account account = {.first_us = INT64_MAX, .last_us = INT64_MIN};
    enum eg_status status =
        eg_ingest_pump(f->run, (const char *const *)paths->paths, paths->count, &account, err);
    count_once(f, paths, &account);
    for (size_t i = 0, at = 0; i < paths->count; i++)
        eg_directory_done(f->directory, paths->paths[i],
                          status < 0 ? EG_DIRECTORY_LATER
                                     : outcome_of(&account, paths->paths[i], &at));
    troubles_thin(&account, f->in->options->follow);
    eg_ingest_account(f->run, &account);
    eg_pump_account_reset(&account);
    bool again = status < 0 && f->in->options->follow && eg_ingest_may_pass(status) &&
                 !eg_env_cancelled(f->env) &&
                 (!eg_env_draining(f->env) || f->retries < DRAIN_RETRIES);
    if (!again) {
        f->retries = 0;
        return status;
    }
    if (f->retries++ == 0)
        eg_note(f->in->call, "earlgrey: %s; trying again every second", err->message);
    eg_ingest_wait(f->env, RETRY_US);
    return EG_OK;
}

static enum eg_status triggers(struct follow *f, struct eg_error *err) {
    const struct eg_ingest_options *o = f->in->options;
    for (;;) {
        bool last = !o->follow || eg_env_draining(f->env);
        struct eg_paths paths = {0};
        eg_ingest_reload_now(f->run);
        enum eg_status status = eg_directory_wait(f->directory, last ? 0 : WAIT_MS, &paths, err);
        if (status == EG_OK) status = trigger(f, &paths, err);
        eg_paths_reset(&paths);
        if (status < 0) return status;
        if (status == EG_AGAIN && last) return EG_OK;
        if (status == EG_OK && o->every_us && !last && !eg_env_draining(f->env))
            eg_ingest_wait(f->env, o->every_us); /* told to end, it reads the rest at once */
    }
}

enum eg_status eg_ingest_directory(struct eg_ingest *in, struct eg_group *group,
                                   struct eg_ingest_run *run, const struct eg_env *env,
                                   struct eg_error *err) {
    struct follow f = {.in = in, .run = run, .env = env};
    struct eg_directory_options options;
    EG_TRY(choose(in, group, &options, err));
    EG_TRY(eg_directory_open(&f.directory, env, &options, err));
    if (in->options->follow) eg_note(in->call, "earlgrey: watching %s", group->inputs[0]);
    enum eg_status status = triggers(&f, err);
    eg_directory_close(f.directory);
    return status;
}
