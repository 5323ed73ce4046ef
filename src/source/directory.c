/* SPDX-License-Identifier: Apache-2.0
 * A table of the files below some directories, each with the sign by which a change is seen (inode,
 * size, time of the last change). Events and looks at everything end in the same question: is this
 * file new, or other than it was? */
#include "source/directory.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/hash.h"
#include "base/strbuf.h"
#include "base/timetext.h"
#include "source/afterwards.h"
#include "source/directory_table.h"
#include "source/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 10000
#define LOOK_SHARE 10 /* at most a tenth of the time is spent looking at everything */
#define REST_MS 60000
#define FILES_MAX 1000000
#define DEPTH_MAX 64
#define CANCEL_MS 100 /* how often waiting looks whether to go on */

struct eg_directory {
    const struct eg_env *env;
    struct eg_directory_options options; /* texts below are copies */
    char **roots;
    char *pattern, *move_to;
    dev_t move_device;
    ino_t move_inode;
    struct eg_file_table files;
    struct eg_watch *watch;
    struct eg_directory_account account;
    int64_t next_look_ms;
    bool look_now, no_memory;
    bool failed, failed_before; /* a directory could not be read in this look, in the last one */
    bool unwatched_told, unsure_told;
};

/* ---- names ---- */

bool eg_directory_ignores(const char *name) {
    static const char *const ends[] = {".tmp",        ".part", ".partial", ".filepart",
                                       ".crdownload", ".swp",  "~"};
    if (*name == '.' || *name == '_' || !*name) return true;
    size_t size = strlen(name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t end = strlen(ends[i]);
        if (size >= end && strcmp(name + size - end, ends[i]) == 0) return true;
    }
    return false;
}

/* What stands behind the root. */
static const char *relative_of(const struct eg_directory *d, const char *path) {
    size_t longest = 0;
    for (size_t i = 0; i < d->options.root_count; i++) {
        size_t size = strlen(d->roots[i]);
        if (size > longest && strncmp(path, d->roots[i], size) == 0 && path[size] == '/')
            longest = size;
    }
    return path + longest + (longest > 0);
}

static bool name_wanted(const struct eg_directory *d, const char *path, const char *name) {
    if (eg_directory_ignores(name)) return false;
    if (!d->pattern) return true;
    bool whole = strchr(d->pattern, '/');
    return fnmatch(d->pattern, whole ? relative_of(d, path) : name, whole ? FNM_PATHNAME : 0) == 0;
}

/* ---- telling ---- */

static void tell(const struct eg_directory *d, const struct eg_error *err) {
    if (d->env->log) d->env->log(d->env->log_to, 4, err->message);
}

static void tell_unread(struct eg_directory *d, const char *path, int errnum) {
    struct eg_error err;
    if (!d->failed && !d->failed_before) {
        (void)eg_fail_errno(&err, errnum, "cannot look into %s", path);
        tell(d, &err);
    }
    d->failed = true;
}

static void tell_unwatched(struct eg_directory *d, const char *path) {
    struct eg_error err;
    d->account.watching = false;
    if (d->unwatched_told) return;
    d->unwatched_told = true;
    (void)eg_fail(
        &err, EG_OK,
        "the system does not tell of changes in %s: they are found by looking every %.1f s", path,
        (double)d->options.look_ms / 1000);
    tell(d, &err);
}

/* ---- one file ---- */

static int64_t clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* False: it is gone, or nothing to be read. */
static bool sign_read(const char *path, struct eg_file_sign *sign) {
    struct stat is;
    if (stat(path, &is) != 0 || !S_ISREG(is.st_mode) || is.st_size == 0) return false;
    *sign = (struct eg_file_sign){.device = is.st_dev,
                                  .inode = is.st_ino,
                                  .size = is.st_size,
                                  .changed_ns = eg_timespec_ns(is.st_mtim),
                                  .touched_ns = eg_timespec_ns(is.st_ctim)};
    return true;
}

/* Whether its writer is done with it, as far as anybody can know. */
static bool at_rest(struct eg_directory *d, const struct eg_file *file) {
    switch (eg_file_in_use(file->path)) {
    case EG_FILE_FREE: return true;
    case EG_FILE_WRITTEN: return false;
    case EG_FILE_UNSURE: break;
    }
    int64_t age_us = d->env->now_us(d->env->clock) - file->sign.changed_ns / 1000;
    if (age_us >= d->options.rest_ms * 1000) return true;
    struct eg_error err;
    (void)eg_fail(&err, EG_E_ACCESS,
                  "whether %s is still written to cannot be told (only its owner may ask, root, or "
                  "who has CAP_LEASE; on some file systems nobody): such files are put away when "
                  "nothing has changed them for %lld seconds",
                  file->path, (long long)(d->options.rest_ms / 1000));
    if (!d->unsure_told) tell(d, &err);
    d->unsure_told = true;
    return false;
}

/* A file that was read whole: away with it, if that is asked for and can be done now. */
static void put_away(struct eg_directory *d, struct eg_file *file) {
    struct eg_error err;
    if (!at_rest(d, file)) return;
    enum eg_status status = EG_OK;
    if (d->options.after == EG_AFTER_MOVE)
        status = eg_file_put_away(file->path, d->move_to, relative_of(d, file->path), &err);
    else if (unlink(file->path) != 0)
        status = eg_fail_errno(&err, errno, "cannot delete %s", file->path);
    file->owes = false;
    if (status >= 0) {
        d->account.moved += d->options.after == EG_AFTER_MOVE;
        d->account.deleted += d->options.after == EG_AFTER_DELETE;
    } else if (status != EG_E_NOENT) {
        tell(d, &err);
        return;
    }
    eg_file_table_drop(&d->files, file);
}

static bool same_as_before(const struct eg_file *file, const struct eg_file_sign *sign) {
    return eg_file_sign_same(&file->sign, sign) &&
           !(file->failed && file->sign.touched_ns != sign->touched_ns);
}

/* A file of this name is, or may be, there. */
static void file_look(struct eg_directory *d, const char *path) {
    struct eg_file_sign sign;
    struct eg_file *file = eg_file_table_find(&d->files, path);
    if (!sign_read(path, &sign)) return; /* if it is gone, the next look at everything drops it */
    if (!file) {
        if (d->files.count >= d->options.files_max) {
            d->account.left_out++;
            return;
        }
        file = eg_file_table_add(&d->files, path);
        if (!file) {
            d->no_memory = true;
            return;
        }
    } else if (file->state == EG_FILE_OFFERED || same_as_before(file, &sign)) {
        file->look = d->account.looks;
        if (file->state == EG_FILE_DONE && file->owes) put_away(d, file);
        return;
    }
    file->look = d->account.looks;
    file->sign = sign;
    file->owes = file->failed = false;
    eg_file_table_set(&d->files, file, EG_FILE_READY);
}

/* ---- directories ---- */

/* A dataset, or the place where files are moved to, is nothing to be read. */
static bool passed_over(const struct eg_directory *d, const char *path) {
    struct stat is;
    if (d->move_to && stat(path, &is) == 0 && is.st_dev == d->move_device &&
        is.st_ino == d->move_inode)
        return true;
    char *own = eg_path_join(path, "_earlgrey/dataset.json");
    bool dataset = own && access(own, F_OK) == 0;
    eg_free(own);
    return dataset;
}

static void directory_look(struct eg_directory *d, const char *path, int depth);

static void entry_look(struct eg_directory *d, const char *path, const struct dirent *entry,
                       int depth) {
    struct stat is;
    unsigned char type = entry->d_type;
    if (type == DT_UNKNOWN && lstat(path, &is) == 0)
        type = S_ISDIR(is.st_mode) ? DT_DIR : S_ISREG(is.st_mode) ? DT_REG : DT_LNK;
    if (type == DT_DIR && !d->options.flat && !eg_directory_ignores(entry->d_name))
        directory_look(d, path,
                       depth + 1); /* links to directories are not followed: they may lead back */
    else if ((type == DT_REG || type == DT_LNK) && name_wanted(d, path, entry->d_name))
        file_look(d, path);
}

static void directory_look(struct eg_directory *d, const char *path, int depth) {
    if (depth > DEPTH_MAX || (depth > 0 && passed_over(d, path))) return;
    DIR *directory = opendir(path);
    if (!directory) {
        if (errno != ENOENT || depth == 0) tell_unread(d, path, errno);
        return;
    }
    /* before reading it, so that nothing falls in between */
    if (d->watch && !eg_watch_add(d->watch, path) && access(path, F_OK) == 0)
        tell_unwatched(d, path);
    const struct dirent *entry;
    errno = 0;
    while (!d->no_memory && !eg_env_cancelled(d->env) && (entry = readdir(directory))) {
        char *below = eg_path_join(path, entry->d_name);
        if (below)
            entry_look(d, below, entry, depth);
        else
            d->no_memory = true;
        eg_free(below);
        errno = 0;
    }
    if (errno) tell_unread(d, path, errno);
    closedir(directory);
}

static void look_at_everything(struct eg_directory *d) {
    int64_t before = clock_ms();
    d->failed_before = d->failed;
    d->failed = d->look_now = false;
    d->account.left_out = 0;
    d->account.looks++;
    if (d->watch) d->account.watching = true;
    for (size_t i = 0; i < d->options.root_count; i++) directory_look(d, d->roots[i], 0);
    if (!d->failed && !d->no_memory && !eg_env_cancelled(d->env))
        eg_file_table_drop_unseen(&d->files, d->account.looks);
    int64_t now = clock_ms(), rest = (now - before) * LOOK_SHARE;
    d->next_look_ms = now + (rest > d->options.look_ms ? rest : d->options.look_ms);
}

/* ---- events ---- */

/* Watches anew: of directories that went elsewhere the old ones would tell wrong names. */
static void events_lost(struct eg_directory *d) {
    eg_watch_free(d->watch);
    d->watch = eg_watch_new();
    d->account.watching = d->watch != NULL;
    d->account.lost++;
    d->look_now = true;
}

static void events_take(struct eg_directory *d) {
    struct eg_watch_event event;
    while (!d->look_now && !d->no_memory && eg_watch_next(d->watch, &event)) {
        if (event.kind == EG_WATCH_LOST) {
            events_lost(d);
            return;
        }
        char *path = eg_path_join(event.directory, event.name);
        if (!path)
            d->no_memory = true;
        else if (event.kind == EG_WATCH_FILE && name_wanted(d, path, event.name))
            file_look(d, path);
        else if (event.kind == EG_WATCH_DIRECTORY && !d->options.flat &&
                 !eg_directory_ignores(event.name))
            directory_look(d, path, 1);
        eg_free(path);
    }
}

/* ---- offering ---- */

void eg_paths_reset(struct eg_paths *paths) {
    for (size_t i = 0; i < paths->count; i++) eg_free(paths->paths[i]);
    eg_free(paths->paths);
    *paths = (struct eg_paths){0};
}

static bool paths_add(struct eg_paths *to, const char *path) {
    if (to->count == to->room) {
        size_t room = to->room ? to->room * 2 : 64;
        char **paths = eg_realloc(to->paths, room, sizeof *paths);
        if (!paths) return false;
        to->paths = paths;
        to->room = room;
    }
    char *copy = eg_strdup(path);
    if (!copy) return false;
    to->paths[to->count++] = copy;
    return true;
}

static int oldest_first(const void *a, const void *b) {
    const struct eg_file *x = *(struct eg_file *const *)a, *y = *(struct eg_file *const *)b;
    if (x->sign.changed_ns != y->sign.changed_ns)
        return x->sign.changed_ns < y->sign.changed_ns ? -1 : 1;
    return strcmp(x->path, y->path);
}

static int latest_first(const void *a, const void *b) { return oldest_first(b, a); }

/* Offers what is ready and still there, with the sign it has now: what changes from now on, while it
 * is being read or after, is seen. */
static enum eg_status offer(struct eg_directory *d, struct eg_paths *out, struct eg_error *err) {
    size_t count = d->files.ready, given = 0;
    size_t most = d->options.offer_max ? d->options.offer_max : count;
    struct eg_file **list = eg_calloc(count, sizeof(struct eg_file *));
    if (!list) return eg_fail(err, EG_E_NOMEM, "no memory for a list of files");
    eg_file_table_ready(&d->files, list);
    qsort(list, count, sizeof *list, d->options.latest_first ? latest_first : oldest_first);
    enum eg_status status = EG_AGAIN;
    for (size_t i = 0; i < count && given < most; i++) {
        if (!sign_read(list[i]->path, &list[i]->sign)) {
            eg_file_table_drop(&d->files, list[i]);
            continue;
        }
        if (!paths_add(out, list[i]->path)) {
            /* what was added is offered; the rest stays ready */
            if (!given) status = eg_fail(err, EG_E_NOMEM, "no memory for a list of files");
            break;
        }
        eg_file_table_set(&d->files, list[i], EG_FILE_OFFERED);
        given++;
        status = EG_OK;
    }
    eg_free(list);
    d->account.offered += given;
    return status;
}

/* Waits for an event, but not beyond `until`, nor without looking up now and then. */
static void rest(struct eg_directory *d, int64_t until, int64_t now) {
    int64_t span = until < d->next_look_ms ? until - now : d->next_look_ms - now;
    if (span > CANCEL_MS) span = CANCEL_MS;
    struct pollfd events = {.fd = d->watch ? eg_watch_fd(d->watch) : -1, .events = POLLIN};
    if (span > 0) (void)poll(&events, 1, (int)span);
}

enum eg_status eg_directory_wait(struct eg_directory *d, int64_t timeout_ms, struct eg_paths *out,
                                 struct eg_error *err) {
    int64_t begun = clock_ms(), until = timeout_ms < 0 ? INT64_MAX : begun + timeout_ms;
    if (timeout_ms == 0) d->look_now = true;
    for (;;) {
        int64_t now = clock_ms();
        if (d->look_now || now >= d->next_look_ms) look_at_everything(d);
        if (d->watch) events_take(d);
        if (eg_env_cancelled(d->env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
        if (d->no_memory) {
            d->no_memory = false;
            d->look_now = true;
            return eg_fail(err, EG_E_NOMEM, "no memory for a list of files");
        }
        if (d->look_now) continue;
        if (d->files.ready) {
            enum eg_status status = offer(d, out, err);
            if (status != EG_AGAIN) return status;
        }
        now = clock_ms();
        if (now >= until) return EG_AGAIN;
        rest(d, until, now);
    }
}

void eg_directory_done(struct eg_directory *d, const char *path,
                       enum eg_directory_outcome outcome) {
    struct eg_file_sign sign;
    struct eg_file *file = eg_file_table_find(&d->files, path);
    if (!file || file->state != EG_FILE_OFFERED) return;
    if (!sign_read(path, &sign)) {
        eg_file_table_drop(&d->files, file);
        return;
    }
    bool changed = !eg_file_sign_same(&file->sign, &sign);
    file->sign = sign;
    eg_file_table_set(&d->files, file,
                      changed || outcome == EG_DIRECTORY_LATER ? EG_FILE_READY : EG_FILE_DONE);
    file->failed = file->state == EG_FILE_DONE && outcome == EG_DIRECTORY_FAILED;
    file->owes = file->state == EG_FILE_DONE && outcome == EG_DIRECTORY_READ &&
                 d->options.after != EG_AFTER_KEEP;
    if (file->owes) put_away(d, file);
}

bool eg_directory_first(struct eg_directory *d, const char *path) {
    struct eg_file *file = eg_file_table_find(&d->files, path);
    bool first = !file || !file->counted;
    if (file) file->counted = true;
    return first;
}

struct eg_directory_account eg_directory_account(const struct eg_directory *d) {
    struct eg_directory_account account = d->account;
    account.known = d->files.count;
    account.ready = d->files.ready;
    return account;
}

/* ---- opening ---- */

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory to follow a directory");
}

static enum eg_status root_copy(struct eg_directory *d, size_t i, struct eg_error *err) {
    const char *given = d->options.roots[i];
    struct stat is;
    if (stat(given, &is) != 0) return eg_fail_errno(err, errno, "cannot look into %s", given);
    if (!S_ISDIR(is.st_mode)) return eg_fail(err, EG_E_USAGE, "%s is not a directory", given);
    if (access(given, R_OK | X_OK) != 0)
        return eg_fail_errno(err, errno, "cannot look into %s", given);
    if (d->move_to && is.st_dev != d->move_device)
        return eg_fail(err, EG_E_USAGE,
                       "%s is on another file system than %s: files cannot be moved there",
                       d->move_to, given);
    if (d->move_to && is.st_ino == d->move_inode)
        return eg_fail(err, EG_E_USAGE, "%s is the directory that files are to be moved out of",
                       given);
    size_t size = strlen(given);
    while (size > 1 && given[size - 1] == '/') size--;
    d->roots[i] = eg_strndup(given, size);
    return d->roots[i] ? EG_OK : no_memory(err);
}

static enum eg_status move_to_make(struct eg_directory *d, struct eg_error *err) {
    struct stat is;
    if (!d->options.move_to || !*d->options.move_to)
        return eg_fail(err, EG_E_USAGE, "files that were read can only be moved to some directory");
    EG_TRY(eg_dir_make(d->options.move_to, err));
    if (stat(d->options.move_to, &is) != 0)
        return eg_fail_errno(err, errno, "cannot look into %s", d->options.move_to);
    d->move_device = is.st_dev;
    d->move_inode = is.st_ino;
    d->move_to = eg_strdup(d->options.move_to);
    return d->move_to ? EG_OK : no_memory(err);
}

static enum eg_status set_up(struct eg_directory *d, struct eg_error *err) {
    struct eg_directory_options *o = &d->options;
    if (o->look_ms <= 0) o->look_ms = LOOK_MS;
    if (o->rest_ms <= 0) o->rest_ms = REST_MS;
    if (!o->files_max) o->files_max = FILES_MAX;
    if (o->pattern && !(d->pattern = eg_strdup(o->pattern))) return no_memory(err);
    if (o->after == EG_AFTER_MOVE) EG_TRY(move_to_make(d, err));
    d->roots = eg_calloc(o->root_count, sizeof(char *));
    if (!d->roots) return no_memory(err);
    for (size_t i = 0; i < o->root_count; i++) EG_TRY(root_copy(d, i, err));
    o->roots = NULL;
    o->pattern = o->move_to = NULL;
    d->watch = eg_watch_new();
    if (!d->watch) tell_unwatched(d, d->roots[0]);
    d->look_now = true;
    return EG_OK;
}

enum eg_status eg_directory_open(struct eg_directory **out, const struct eg_env *env,
                                 const struct eg_directory_options *options, struct eg_error *err) {
    EG_ASSERT(options->root_count > 0);
    struct eg_directory *d = eg_calloc(1, sizeof *d);
    if (!d) return no_memory(err);
    d->env = env;
    d->options = *options;
    enum eg_status status = set_up(d, err);
    if (status < 0) {
        eg_directory_close(d);
        return status;
    }
    *out = d;
    return EG_OK;
}

void eg_directory_close(struct eg_directory *d) {
    if (!d) return;
    eg_watch_free(d->watch);
    eg_file_table_reset(&d->files);
    for (size_t i = 0; d->roots && i < d->options.root_count; i++) eg_free(d->roots[i]);
    eg_free(d->roots);
    eg_free(d->pattern);
    eg_free(d->move_to);
    eg_free(d);
}
