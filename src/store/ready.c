/* SPDX-License-Identifier: Apache-2.0
 * Becoming a writer, and ceasing to be one. Nothing is made on disk before a writer has something
 * to say; a dataset that was made and stayed empty is removed again, unless that is wanted. */
#include "store/dataset_own.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/timetext.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TRIES 8 /* against another writer that removes the empty dataset it had made */

char *eg_lock_path(const char *root, const char *name) {
    struct eg_strbuf path = {0};
    eg_strbuf_printf(&path, "%s/%s/%s", root, EG_LAYOUT_LOCKS, name);
    return eg_strbuf_take(&path);
}

enum eg_status eg_upkeep_begin(struct eg_lock *out, const char *root, struct eg_error *err) {
    char *path = eg_lock_path(root, "upkeep.lock");
    if (!path) return eg_fail(err, EG_E_NOMEM, "no memory for a lock");
    enum eg_status status = eg_lock_take(out, path, EG_LOCK_WAIT, "upkeep", NULL, err);
    eg_free(path);
    return status;
}

static enum eg_status make_directory(const char *root, const char *relative, struct eg_error *err) {
    char *path = eg_path_join(root, relative);
    if (!path) return eg_fail(err, EG_E_NOMEM, "no memory to make %s", root);
    enum eg_status status = eg_dir_make(path, err);
    eg_free(path);
    return status;
}

static enum eg_status write_about(struct eg_dataset *ds, struct eg_error *err) {
    struct eg_strbuf text = {0};
    char created[40];
    eg_time_text(ds->env->now_us(ds->env->clock), created);
    eg_strbuf_printf(&text, "{\"schema\": %d, \"created\": \"%s\", \"program\": \"%s\"}\n",
                     EG_DATASET_SCHEMA, created, eg_version());
    char *path = eg_path_join(ds->path, EG_LAYOUT_ABOUT);
    enum eg_status status = path && !text.failed
                                ? eg_file_replace(path, text.text, text.size, err)
                                : eg_fail(err, EG_E_NOMEM, "no memory to make %s", ds->path);
    eg_strbuf_reset(&text);
    eg_free(path);
    return status;
}

/* Under the upkeep lock. */
static enum eg_status about_and_locks(struct eg_dataset *ds, struct eg_error *err) {
    int schema;
    char program[64], name[64];
    enum eg_status status = eg_dataset_about(ds->path, &schema, program, err);
    if (status == EG_E_NOENT) {
        EG_TRY(write_about(ds, err));
        ds->made = true;
    } else {
        EG_TRY(status);
    }
    char *shared = eg_lock_path(ds->path, "dataset.lock");
    snprintf(name, sizeof name, "writer-%s.lock", ds->session);
    char *writer = eg_lock_path(ds->path, name);
    char *locks = eg_path_join(ds->path, EG_LAYOUT_LOCKS);
    struct eg_lock_holder holder = {0};
    status = shared && writer && locks ? EG_OK : eg_fail(err, EG_E_NOMEM, "no memory for a lock");
    if (status >= 0) status = eg_lock_take(&ds->shared, shared, EG_LOCK_SHARED, "", &holder, err);
    if (status == EG_E_LOCKED)
        eg_fail(err, EG_E_LOCKED, "the dataset %s is being migrated by process %ld: wait for it",
                ds->path, holder.pid);
    if (status >= 0) status = eg_lock_take(&ds->writer, writer, EG_LOCK_TRY, "writer", NULL, err);
    if (status >= 0) status = eg_dir_sync(locks, err); /* leftovers are found by this file */
    eg_free(shared);
    eg_free(writer);
    eg_free(locks);
    return status;
}

enum eg_status eg_dataset_ready(struct eg_dataset *ds, struct eg_error *err) {
    EG_ASSERT(ds->mode == EG_DATASET_WRITE);
    if (ds->ready) return EG_OK;
    enum eg_status status = EG_OK;
    struct eg_lock upkeep = {0};
    ds->made_directory = access(ds->path, F_OK) != 0;
    for (int i = 0; i < TRIES && !eg_lock_held(&upkeep); i++) {
        EG_TRY(make_directory(ds->path, EG_LAYOUT_LOCKS, err));
        status = eg_upkeep_begin(&upkeep, ds->path, err);
        if (status < 0 && status != EG_E_NOENT) return status;
    }
    EG_TRY(status);
    status = make_directory(ds->path, EG_LAYOUT_COMMITS, err);
    if (status >= 0) status = about_and_locks(ds, err);
    eg_lock_give(&upkeep, false);
    ds->ready = true; /* also after a failure: close undoes what there is */
    if (status >= 0) return EG_OK;
    struct eg_error kept = err ? *err : (struct eg_error){0};
    eg_dataset_unready(ds);
    if (err) *err = kept;
    return status;
}

/* By a commit of nothing, which keeps it from being taken for one that nobody wanted. */
enum eg_status eg_dataset_make(struct eg_dataset *ds, struct eg_error *err) {
    char *about = eg_path_join(ds->path, EG_LAYOUT_ABOUT);
    if (!about) return eg_fail(err, EG_E_NOMEM, "no memory to make %s", ds->path);
    bool there = access(about, F_OK) == 0;
    eg_free(about);
    if (ds->committed || (there && !ds->made)) return EG_OK;
    struct eg_commit *commit;
    EG_TRY(eg_commit_begin(&commit, ds, err));
    enum eg_status status = eg_commit_finish(commit, NULL, 0, err);
    eg_commit_free(commit);
    return status;
}

static void remove_at(const char *root, const char *relative, bool directory) {
    char *path = eg_path_join(root, relative);
    if (path && directory)
        rmdir(path);
    else if (path)
        unlink(path);
    eg_free(path);
}

/* Whether a directory holds nothing but these names, as many as there are up to NULL. */
static bool holds_only(const char *root, const char *relative, const char *const *only_names) {
    char *path = eg_path_join(root, relative);
    struct eg_names names = {0};
    bool only = path && eg_names_read(&names, path, NULL) >= 0;
    for (size_t i = 0; i < names.count; i++) {
        bool known = false;
        for (size_t k = 0; only_names[k] && !known; k++)
            known = strcmp(names.names[i], only_names[k]) == 0;
        only = only && known;
    }
    eg_names_reset(&names);
    eg_free(path);
    return only;
}

/* Nobody else is there and nothing was ever put in (a directory of commits that holds any stays):
 * as if no writer had been here. */
static void remove_empty(struct eg_dataset *ds) {
    static const char *const locks[] = {"dataset.lock", "upkeep.lock", "swap.lock", "compact.lock",
                                        NULL};
    static const char *const vacant[] = {EG_LAYOUT_OWN, "lost+found", NULL};
    struct eg_lock upkeep;
    if (eg_upkeep_begin(&upkeep, ds->path, NULL) < 0) return;
    remove_at(ds->path, EG_LAYOUT_SOURCES, true); /* stays if there is any */
    if (!holds_only(ds->path, EG_LAYOUT_LOCKS, locks) || !holds_only(ds->path, "", vacant)) {
        eg_lock_give(&upkeep, false);
        return;
    }
    remove_at(ds->path, EG_LAYOUT_COMMITS, true);
    char *commits = eg_path_join(ds->path, EG_LAYOUT_COMMITS);
    bool empty = commits && access(commits, F_OK) != 0;
    eg_free(commits);
    if (empty) {
        remove_at(ds->path, EG_LAYOUT_ABOUT, false);
        remove_at(ds->path, EG_LAYOUT_LOCKS "/dataset.lock", false);
        remove_at(ds->path, EG_LAYOUT_LOCKS "/swap.lock", false);
        remove_at(ds->path, EG_LAYOUT_LOCKS "/compact.lock", false);
    }
    eg_lock_give(&upkeep, empty); /* who waits for it finds it gone, and begins again */
    remove_at(ds->path, EG_LAYOUT_LOCKS, true);
    remove_at(ds->path, EG_LAYOUT_OWN, true);
    if (ds->made_directory) rmdir(ds->path);
}

void eg_dataset_unready(struct eg_dataset *ds) {
    if (!ds->ready) return;
    eg_dataset_unlock_sources(ds);
    eg_lock_give(&ds->shared, false);
    /* The file of a writer that leaves something undecided stays, and is found by the next one. */
    eg_lock_give(&ds->writer, !ds->unsettled);
    if (!ds->committed && !ds->unsettled) remove_empty(ds);
    ds->ready = false;
}
