/* SPDX-License-Identifier: Apache-2.0
 * Opening a dataset: is it one, may we, is it of our age; its positions, and the locks of sources. */
#include "store/catalog.h"
#include "store/dataset_own.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/hash.h"
#include "base/utf8.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define ABOUT_BYTES_MAX 65536

const char *eg_dataset_path(const struct eg_dataset *ds) { return ds->path; }

enum eg_status eg_dataset_about(const char *path, int *schema, char program[64],
                                struct eg_error *err) {
    char *about = eg_path_join(path, EG_LAYOUT_ABOUT);
    if (!about) return eg_fail(err, EG_E_NOMEM, "no memory to open %s", path);
    char *text;
    size_t size;
    enum eg_status status = eg_file_read(&text, &size, about, ABOUT_BYTES_MAX, err);
    if (status >= 0) {
        json_t *json = json_loadb(text, size, 0, NULL);
        json_t *number = json_object_get(json, "schema");
        const char *by = json_string_value(json_object_get(json, "program"));
        if (!json_is_integer(number)) {
            status = eg_fail(err, EG_E_FORMAT, "%s is damaged: it names no schema version", about);
        } else {
            *schema = (int)json_integer_value(number);
            snprintf(program, 64, "%s", by ? by : "unknown");
        }
        json_decref(json);
        eg_free(text);
    }
    if (status >= 0 && *schema > EG_DATASET_SCHEMA)
        status = eg_fail(err, EG_E_TOO_NEW,
                         "the dataset %s has schema version %d, made by earlgrey %s; this is "
                         "earlgrey %s, which knows up to version %d: use the newer program",
                         path, *schema, program, eg_version(), EG_DATASET_SCHEMA);
    eg_free(about);
    return status;
}

/* ---- open ---- */

/* "/a//./b/" as "/a/b"; a ".." stays, since what it leaves may be a link. */
static void names_add(struct eg_strbuf *to, const char *path) {
    for (const char *at = path; *at;) {
        at += strspn(at, "/");
        size_t size = strcspn(at, "/");
        if (size && !(size == 1 && *at == '.')) {
            eg_strbuf_char(to, '/');
            eg_strbuf_add(to, at, size);
        }
        at += size;
    }
}

static char *absolute(const char *path) {
    struct eg_strbuf text = {0};
    if (path[0] != '/') {
        char here[4096];
        if (!getcwd(here, sizeof here)) return NULL;
        names_add(&text, here);
    }
    names_add(&text, path);
    if (!text.size) eg_strbuf_char(&text, '/');
    return eg_strbuf_take(&text);
}

/* Its files are read by an engine that takes no other names. */
static enum eg_status must_be_text(const char *path, struct eg_error *err) {
    if (eg_utf8_good(eg_span(path, strlen(path))) == strlen(path)) return EG_OK;
    return eg_fail(
        err, EG_E_USAGE,
        "%s: a dataset must stand where all names are UTF-8: choose another place with -d", path);
}

/* May a dataset be made here? Asked before anything is read, so that a long run does not end with
 * "permission denied". */
static enum eg_status may_make(const char *path, struct eg_error *err) {
    char *at = eg_strdup(path);
    if (!at) return eg_fail(err, EG_E_NOMEM, "no memory to open %s", path);
    while (access(at, F_OK) != 0 && errno == ENOENT) {
        char *slash = strrchr(at, '/');
        if (!slash || slash == at) break;
        *slash = 0;
    }
    enum eg_status status = EG_OK;
    if (access(at, W_OK | X_OK) != 0 && errno != ENOENT)
        status = eg_fail_errno(err, errno,
                               "cannot make the dataset %s: write to %s, or choose another place "
                               "with -d",
                               path, at);
    eg_free(at);
    return status;
}

static enum eg_status may_write(const char *path, struct eg_error *err) {
    static const char *const inside[] = {"", EG_LAYOUT_OWN, EG_LAYOUT_COMMITS, EG_LAYOUT_LOCKS};
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
        char *at = eg_path_join(path, inside[i]);
        if (!at) return eg_fail(err, EG_E_NOMEM, "no memory to open %s", path);
        int errnum = access(at, W_OK | X_OK) == 0 ? 0 : errno;
        eg_free(at);
        if (errnum && errnum != ENOENT)
            return eg_fail_errno(err, errnum,
                                 "no permission to write to the dataset %s: run as its owner, or "
                                 "choose another with -d",
                                 path);
    }
    return EG_OK;
}

/* A directory that is not a dataset: empty (or the beginning of one), or somebody else's. */
static enum eg_status is_vacant(const char *path, bool writes, struct eg_error *err) {
    struct eg_names names;
    EG_TRY(eg_names_read(&names, path, err));
    const char *other = NULL;
    for (size_t i = 0; i < names.count && !other; i++)
        if (strcmp(names.names[i], EG_LAYOUT_OWN) != 0 && strcmp(names.names[i], "lost+found") != 0)
            other = names.names[i];
    enum eg_status status = EG_OK;
    if (other && writes)
        status = eg_fail(err, EG_E_FORMAT,
                         "%s holds other things and is not a dataset (it has no %s): choose an "
                         "empty or a new directory with -d",
                         path, EG_LAYOUT_ABOUT);
    else if (other)
        status = eg_fail(err, EG_E_FORMAT, "%s is no dataset: it holds other things (%.200s)", path,
                         other);
    eg_names_reset(&names);
    return status;
}

static enum eg_status not_migrating(const char *path, struct eg_error *err) {
    char *lock = eg_lock_path(path, "dataset.lock");
    if (!lock) return eg_fail(err, EG_E_NOMEM, "no memory to open %s", path);
    struct eg_lock_holder holder;
    bool busy = eg_lock_busy(lock, &holder);
    eg_free(lock);
    if (!busy) return EG_OK;
    return eg_fail(err, EG_E_LOCKED, "the dataset %s is being migrated by process %ld: wait for it",
                   path, holder.pid);
}

static enum eg_status no_dataset(const char *path, struct eg_error *err) {
    return eg_fail(err, EG_E_NOENT,
                   "no dataset at %s: make one with `earlgrey ingest FILE -d %s`, or name another "
                   "with -d",
                   path, path);
}

/* Neither behind the journal nor cut off in the middle of a change. */
static bool catalog_whole(const char *path) {
    char *left = eg_path_join(path, EG_LAYOUT_CATALOG "-journal");
    bool cut_off = left && access(left, F_OK) == 0;
    eg_free(left);
    enum eg_catalog_state state;
    return !cut_off && eg_catalog_files(path, EG_TABLE_FLOWS, NULL, &state, NULL) >= 0 &&
           state == EG_CATALOG_FRESH;
}

/* Leftovers of dead writers, before anything is read or written. */
static enum eg_status settle(struct eg_dataset *ds, struct eg_error *err) {
    struct eg_lock upkeep;
    enum eg_status status = eg_upkeep_begin(&upkeep, ds->path, err);
    if (status == EG_E_NOENT) return EG_OK; /* no locks directory: nobody ever wrote */
    if (status < 0) return status;
    struct eg_leftovers found;
    status = eg_settle(ds->path, ds->session, EG_SETTLE_DEAD, ds->env, &found, err);
    eg_lock_give(&upkeep, false);
    if (status >= 0 && !catalog_whole(ds->path)) eg_dataset_tidy(ds);
    return status;
}

static enum eg_status look(struct eg_dataset *ds, struct eg_error *err) {
    struct stat is;
    const char *path = ds->path;
    bool writes = ds->mode == EG_DATASET_WRITE;
    if (stat(path, &is) != 0) {
        if (errno == ENOENT) return writes ? may_make(path, err) : no_dataset(path, err);
        return eg_fail_errno(err, errno, "cannot open the dataset %s", path);
    }
    if (!S_ISDIR(is.st_mode))
        return eg_fail(err, EG_E_FORMAT, "%s is a file; a dataset is a directory", path);
    int schema;
    char program[64];
    enum eg_status status = eg_dataset_about(path, &schema, program, err);
    if (status == EG_E_NOENT) {
        enum eg_status vacant = is_vacant(path, writes, err);
        if (vacant < 0) return vacant;
        return writes ? may_make(path, err) : no_dataset(path, err);
    }
    EG_TRY(status);
    EG_TRY(not_migrating(path, err));
    if (!writes) return EG_OK;
    EG_TRY(may_write(path, err));
    return settle(ds, err);
}

static enum eg_status session_new(char session[EG_SESSION_TEXT], struct eg_error *err) {
    uint64_t id;
    if (getrandom(&id, sizeof id, 0) != sizeof id)
        return eg_fail_errno(err, errno, "no random numbers from the system");
    snprintf(session, EG_SESSION_TEXT, "%016llx", (unsigned long long)id);
    return EG_OK;
}

enum eg_status eg_dataset_open(struct eg_dataset **out, const char *path, enum eg_dataset_mode mode,
                               const struct eg_env *env, struct eg_error *err) {
    if (!path[0]) return eg_fail(err, EG_E_USAGE, "a dataset needs a name");
    struct eg_dataset *ds = eg_calloc(1, sizeof *ds);
    if (!ds) return eg_fail(err, EG_E_NOMEM, "no memory to open %s", path);
    ds->mode = mode;
    ds->env = env;
    ds->path = absolute(path);
    enum eg_status status = ds->path ? session_new(ds->session, err)
                                     : eg_fail(err, EG_E_NOMEM, "no memory to open %s", path);
    if (status >= 0) status = must_be_text(ds->path, err);
    if (status >= 0) status = look(ds, err);
    if (status < 0) {
        eg_dataset_close(ds);
        return status;
    }
    *out = ds;
    return EG_OK;
}

void eg_dataset_close(struct eg_dataset *ds) {
    if (!ds) return;
    eg_dataset_unready(ds);
    eg_journal_reset(&ds->journal);
    eg_free(ds->path);
    eg_free(ds);
}

/* ---- positions and source locks ---- */

enum eg_status eg_dataset_positions(struct eg_dataset *ds, struct eg_position **out, size_t *count,
                                    struct eg_error *err) {
    EG_TRY(eg_journal_refresh(&ds->journal, ds->path, ds->env, err));
    const struct eg_journal *journal = &ds->journal;
    struct eg_position *list = NULL;
    if (journal->mark_count) {
        list = eg_calloc(journal->mark_count, sizeof *list);
        if (!list) return eg_fail(err, EG_E_NOMEM, "no memory for the positions of %s", ds->path);
    }
    for (size_t i = 0; i < journal->mark_count; i++) list[i] = *journal->marks[i].position;
    ds->positions_given = true;
    ds->given_version = journal->version;
    *out = list;
    *count = journal->mark_count;
    return EG_OK;
}

enum eg_status eg_dataset_news(struct eg_dataset *ds, struct eg_position **out, size_t *count,
                               struct eg_error *err) {
    *out = NULL;
    *count = 0;
    if (!ds->positions_given) return EG_OK;
    EG_TRY(eg_journal_refresh(&ds->journal, ds->path, ds->env, err));
    const struct eg_journal *journal = &ds->journal;
    if (journal->version == ds->given_version) return EG_OK;
    struct eg_position *list = eg_calloc(journal->mark_count, sizeof *list);
    if (!list) return eg_fail(err, EG_E_NOMEM, "no memory for the positions of %s", ds->path);
    for (size_t i = 0; i < journal->mark_count; i++) {
        const struct eg_journal_mark *mark = &journal->marks[i];
        if (mark->version > ds->given_version && strcmp(mark->session, ds->session) != 0)
            list[(*count)++] = *mark->position;
    }
    ds->given_version = journal->version;
    if (*count) {
        *out = list;
        return EG_OK;
    }
    eg_free(list);
    return EG_OK;
}

/* The other process may read the same capture by another name. */
static enum eg_status source_taken(const struct eg_dataset *ds, const char *name,
                                   const struct eg_lock_holder *holder, struct eg_error *err) {
    bool renamed = holder->name[0] && strncmp(holder->name, name, EG_LOCK_NAME) != 0;
    return eg_fail(err, EG_E_LOCKED,
                   "%.200s is being ingested into %.200s by process %ld%s%.200s%s: wait for it to "
                   "end, or stop it",
                   name, ds->path, holder->pid, renamed ? " (as " : "", renamed ? holder->name : "",
                   renamed ? ")" : "");
}

static enum eg_status take_source(struct eg_dataset *ds, const char *key, const char *lock,
                                  const char *name, struct eg_error *err) {
    struct eg_lock_holder holder;
    switch (eg_source_lock_look(ds->path, ds->session, lock, &holder)) {
    case EG_SOURCE_OURS: return EG_OK;
    case EG_SOURCE_TAKEN: return source_taken(ds, name, &holder, err);
    case EG_SOURCE_FREE: break;
    }
    /* One that was too short for a lock of its own when it was opened is locked by its key; it may
     * be this one, which has grown since. */
    if (strcmp(key, lock) != 0 &&
        eg_source_lock_look(ds->path, ds->session, key, &holder) == EG_SOURCE_TAKEN)
        return source_taken(ds, name, &holder, err);
    if (!eg_names_add(&ds->sources, lock)) return eg_fail(err, EG_E_NOMEM, "no memory for a lock");
    return eg_source_lock_take(ds->path, ds->session, lock, name, err);
}

enum eg_status eg_dataset_lock_source(struct eg_dataset *ds, const char *key, const char *lock,
                                      const char *name, struct eg_error *err) {
    EG_TRY(eg_dataset_ready(ds, err));
    /* Under the upkeep lock, so that nobody's look at leftovers is taken for an owner, and before
     * settling once more: the last owner may have died since this dataset was opened. */
    struct eg_lock upkeep;
    EG_TRY(eg_upkeep_begin(&upkeep, ds->path, err));
    struct eg_leftovers found;
    enum eg_status status = take_source(ds, key, lock, name, err);
    if (status >= 0)
        status = eg_settle(ds->path, ds->session, EG_SETTLE_DEAD, ds->env, &found, err);
    eg_lock_give(&upkeep, false);
    return status;
}

void eg_dataset_unlock_sources(struct eg_dataset *ds) {
    for (size_t i = 0; i < ds->sources.count; i++)
        eg_source_lock_give(ds->path, ds->session, ds->sources.names[i]);
    eg_names_reset(&ds->sources);
}

bool eg_dataset_unsettled(const struct eg_dataset *ds) { return ds->unsettled; }
