/* SPDX-License-Identifier: Apache-2.0
 * The commit protocol (docs/decisions/0004-commit-protocol.md):
 *
 *   1 the data files are finished as _NAME.parquet.tmp and fsynced; so are their directories
 *   2 the intent, which names them and the positions they reach, is made durable: the decision
 *   3 copies of captures get their names; then _NAME.parquet.tmp -> NAME.parquet, for each
 *   4 their directories are fsynced
 *   5 SESSION-N.intent -> SESSION-N.done, and its directory is fsynced
 *
 * Before 2 a crash leaves .tmp files that are removed; from 2 on it leaves an intent that is rolled
 * forward from 3, any number of times. A failed fsync is final: nothing is tried again. */
#include "store/catalog.h"
#include "store/dataset_own.h"

#include "base/alloc.h"
#include "base/durable.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct eg_commit {
    struct eg_dataset *ds;
    char id[EG_COMMIT_TEXT];
    struct commit_file {
        char *tmp;      /* absolute */
        char *relative; /* the finished name */
        enum eg_table_id table;
        bool done, made_directory;
    } * files;
    size_t file_count, file_room;
    struct eg_journal journal; /* what this commit adds */
    struct eg_lock swap;       /* shared: no directory is exchanged meanwhile */
    bool decided;              /* the intent may be on disk: nothing of it may be removed */
};

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory for a commit");
}

/* ---- directories of the files, each once ---- */

static char *directory_of(const char *root, const char *relative) {
    const char *slash = strrchr(relative, '/');
    struct eg_strbuf path = {0};
    eg_strbuf_printf(&path, "%s/%.*s", root, slash ? (int)(slash - relative) : 0, relative);
    return eg_strbuf_take(&path);
}

static bool same_directory(const char *a, const char *b) {
    const char *end_a = strrchr(a, '/'), *end_b = strrchr(b, '/');
    return end_a && end_b && end_a - a == end_b - b && memcmp(a, b, (size_t)(end_a - a)) == 0;
}

static enum eg_status sync_directories(const char *root, const struct eg_journal *journal,
                                       struct eg_error *err) {
    for (size_t i = 0; i < journal->file_count; i++) {
        const char *path = journal->files[i].path;
        bool before = false;
        for (size_t j = 0; j < i && !before; j++)
            before = same_directory(journal->files[j].path, path);
        if (before) continue;
        char *directory = directory_of(root, path);
        if (!directory) return no_memory(err);
        enum eg_status status = eg_dir_sync(directory, err);
        eg_free(directory);
        if (status < 0 && status != EG_E_NOENT) return status; /* gone: removed by somebody since */
    }
    return EG_OK;
}

/* The same for copies of captures, which are few. */
static enum eg_status sync_captures(const char *root, const struct eg_journal *journal,
                                    struct eg_error *err) {
    for (size_t i = 0; i < journal->capture_count; i++) {
        const struct eg_journal_capture *capture = &journal->captures[i];
        if (!capture->copy || capture->gone) continue;
        char *directory = directory_of(root, capture->place);
        if (!directory) return no_memory(err);
        enum eg_status status = eg_dir_sync(directory, err);
        eg_free(directory);
        if (status < 0 && status != EG_E_NOENT) return status;
    }
    return EG_OK;
}

/* ---- the second half: steps 3 to 5 ---- */

/* A copy of a capture gets its name with its first commit; later ones find it there. */
static enum eg_status name_capture(const char *root, const char *commit,
                                   const struct eg_journal_capture *capture, size_t *lost,
                                   struct eg_error *err) {
    char session[EG_SESSION_TEXT];
    struct eg_strbuf tmp = {0}, from = {0};
    if (!capture->copy || capture->gone) return EG_OK;
    snprintf(session, sizeof session, "%s", commit);
    eg_layout_capture_tmp(capture->place, session, &tmp);
    eg_strbuf_printf(&from, "%s/%s", root, tmp.failed ? "" : tmp.text);
    char *to = eg_path_join(root, capture->place);
    enum eg_status status =
        tmp.failed || from.failed || !to ? no_memory(err) : eg_file_rename(from.text, to, err);
    if (status == EG_E_NOENT) {
        status = EG_OK;
        if (access(to, F_OK) != 0) ++*lost;
    }
    eg_strbuf_reset(&tmp);
    eg_strbuf_reset(&from);
    eg_free(to);
    return status;
}

static enum eg_status rename_file(const char *root, const char *relative, size_t *lost,
                                  struct eg_error *err) {
    char *to = eg_path_join(root, relative);
    struct eg_strbuf from = {0};
    if (to) eg_layout_tmp(to, &from);
    enum eg_status status =
        to && !from.failed ? eg_file_rename(from.text, to, err) : no_memory(err);
    if (status == EG_E_NOENT) {
        status = EG_OK; /* renamed before the crash, or gone with its partition */
        if (access(to, F_OK) != 0) ++*lost;
    }
    eg_free(to);
    eg_strbuf_reset(&from);
    return status;
}

static enum eg_status mark_done(const char *root, const char *commit, struct eg_error *err) {
    struct eg_strbuf from = {0}, to = {0};
    eg_strbuf_printf(&from, "%s/%s/%s.intent", root, EG_LAYOUT_COMMITS, commit);
    eg_strbuf_printf(&to, "%s/%s/%s.done", root, EG_LAYOUT_COMMITS, commit);
    char *commits = eg_path_join(root, EG_LAYOUT_COMMITS);
    enum eg_status status = from.failed || to.failed || !commits
                                ? no_memory(err)
                                : eg_file_rename(from.text, to.text, err);
    if (status >= 0) status = eg_dir_sync(commits, err);
    eg_strbuf_reset(&from);
    eg_strbuf_reset(&to);
    eg_free(commits);
    return status;
}

enum eg_status eg_roll_forward(const char *root, const char *commit,
                               const struct eg_journal *journal, size_t *lost,
                               struct eg_error *err) {
    for (size_t i = 0; i < journal->capture_count; i++)
        EG_TRY(name_capture(root, commit, &journal->captures[i], lost, err));
    EG_TRY(sync_captures(root, journal, err));
    for (size_t i = 0; i < journal->file_count; i++)
        EG_TRY(rename_file(root, journal->files[i].path, lost, err));
    EG_TRY(sync_directories(root, journal, err));
    return mark_done(root, commit, err);
}

/* ---- the first half ---- */

enum eg_status eg_commit_begin(struct eg_commit **out, struct eg_dataset *ds,
                               struct eg_error *err) {
    if (ds->unsettled)
        return eg_fail(err, EG_E_IO,
                       "a commit to %s failed half way: close it, and run the command again",
                       ds->path);
    EG_TRY(eg_dataset_ready(ds, err));
    struct eg_commit *commit = eg_calloc(1, sizeof *commit);
    if (!commit) return no_memory(err);
    commit->ds = ds;
    enum eg_status status = eg_swap_share(&commit->swap, ds->path, err);
    if (status < 0) {
        eg_free(commit);
        return status;
    }
    eg_layout_commit(ds->session, ++ds->commits, commit->id);
    *out = commit;
    return EG_OK;
}

const char *eg_commit_id(const struct eg_commit *commit) { return commit->id; }

static struct commit_file *more_file(struct eg_commit *commit) {
    if (commit->file_count == commit->file_room) {
        size_t room = commit->file_room ? commit->file_room * 2 : 8;
        struct commit_file *grown = eg_realloc(commit->files, room, sizeof *grown);
        if (!grown) return NULL;
        commit->files = grown;
        commit->file_room = room;
    }
    struct commit_file *file = &commit->files[commit->file_count];
    *file = (struct commit_file){0};
    return file;
}

enum eg_status eg_commit_file(struct eg_commit *commit, enum eg_table_id table, int64_t hour_us,
                              const char **tmp_path, struct eg_error *err) {
    EG_ASSERT(table < EG_TABLE_RAW && !commit->decided);
    struct commit_file *file = more_file(commit);
    if (!file) return no_memory(err);
    const char *root = commit->ds->path;
    struct eg_strbuf relative = {0}, tmp = {0};
    eg_layout_partition(table, hour_us, &relative);
    char *directory = relative.failed ? NULL : eg_path_join(root, relative.text);
    eg_strbuf_char(&relative, '/');
    eg_layout_part(commit->id, (uint32_t)commit->file_count, &relative);
    eg_strbuf_printf(&tmp, "%s/", root);
    if (!relative.failed) eg_layout_tmp(relative.text, &tmp);
    file->table = table;
    file->made_directory = directory && access(directory, F_OK) != 0;
    file->relative = eg_strbuf_take(&relative);
    file->tmp = eg_strbuf_take(&tmp);
    enum eg_status status =
        directory && file->relative && file->tmp ? eg_dir_make(directory, err) : no_memory(err);
    eg_free(directory);
    if (status < 0) {
        eg_free(file->relative);
        eg_free(file->tmp);
        return status;
    }
    commit->file_count++;
    *tmp_path = file->tmp;
    return EG_OK;
}

enum eg_status eg_commit_file_done(struct eg_commit *commit, const char *tmp_path, uint64_t rows,
                                   int64_t start_us, int64_t end_us, struct eg_error *err) {
    for (size_t i = 0; i < commit->file_count; i++) {
        struct commit_file *file = &commit->files[i];
        if (strcmp(file->tmp, tmp_path) != 0) continue;
        struct stat is;
        if (stat(tmp_path, &is) != 0) return eg_fail_errno(err, errno, "%s is gone", tmp_path);
        struct eg_journal_file entry = {file->relative,       file->table, rows,
                                        (uint64_t)is.st_size, start_us,    end_us};
        EG_TRY(eg_journal_add_file(&commit->journal, &entry, err));
        file->done = true;
        return EG_OK;
    }
    return eg_fail(err, EG_E_USAGE, "%s does not belong to this commit", tmp_path);
}

enum eg_status eg_commit_capture(struct eg_commit *commit, const struct eg_journal_capture *capture,
                                 struct eg_error *err) {
    EG_ASSERT(!commit->decided);
    return eg_journal_add_capture(&commit->journal, capture, err);
}

/* Step 2. Once the rename may have reached the disk, the outcome is for recovery to tell. */
static enum eg_status decide(struct eg_commit *commit, struct eg_error *err) {
    struct eg_dataset *ds = commit->ds;
    struct eg_strbuf text = {0}, path = {0};
    eg_strbuf_printf(&path, "%s/%s/%s.intent", ds->path, EG_LAYOUT_COMMITS, commit->id);
    enum eg_status status = path.failed
                                ? no_memory(err)
                                : eg_journal_text(&commit->journal, commit->id,
                                                  ds->env->now_us(ds->env->clock), &text, err);
    if (status >= 0) {
        status = eg_file_replace(path.text, text.text, text.size, err);
        commit->decided = status >= 0 || access(path.text, F_OK) == 0;
    }
    eg_strbuf_reset(&text);
    eg_strbuf_reset(&path);
    return status;
}

/* The catalog is a cache, and folding only tidies: neither can fail a commit that is done. */
void eg_dataset_tidy(struct eg_dataset *ds) {
    struct eg_error err = {0};
    enum eg_status status = eg_journal_refresh(&ds->journal, ds->path, ds->env, &err);
    if (status >= 0 && eg_journal_wants_fold(&ds->journal)) {
        struct eg_lock lock;
        status = eg_upkeep_begin(&lock, ds->path, &err);
        if (status >= 0) {
            status = eg_journal_refresh(&ds->journal, ds->path, ds->env, &err);
            if (status >= 0)
                status =
                    eg_journal_fold(&ds->journal, ds->path, ds->env->now_us(ds->env->clock), &err);
            eg_lock_give(&lock, false);
        }
    }
    if (status >= 0) status = eg_catalog_update(ds->path, &ds->journal, ds->env, &err);
    if (status < 0 && ds->env->log) ds->env->log(ds->env->log_to, 4, err.message);
}

enum eg_status eg_commit_finish(struct eg_commit *commit, const struct eg_position *positions,
                                size_t count, struct eg_error *err) {
    struct eg_dataset *ds = commit->ds;
    for (size_t i = 0; i < commit->file_count; i++)
        if (!commit->files[i].done)
            return eg_fail(err, EG_E_USAGE, "%s was not finished", commit->files[i].tmp);
    for (size_t i = 0; i < count; i++)
        EG_TRY(eg_journal_add_mark(&commit->journal, &positions[i], ds->session, ds->commits, err));
    EG_TRY(sync_captures(ds->path, &commit->journal, err));
    EG_TRY(sync_directories(ds->path, &commit->journal, err));
    size_t lost = 0;
    enum eg_status status = decide(commit, err);
    if (status >= 0) status = eg_roll_forward(ds->path, commit->id, &commit->journal, &lost, err);
    if (status >= 0 && lost)
        status = eg_fail(err, EG_E_IO, "%s: %zu files vanished while they were committed", ds->path,
                         lost);
    if (status < 0) {
        ds->unsettled = commit->decided;
        return status;
    }
    ds->committed = true;
    eg_lock_give(&commit->swap, false); /* before the lock for upkeep is asked for */
    eg_dataset_tidy(ds);
    return EG_OK;
}

/* Directories that only this commit needed go with it, unless another writer might be about to
 * put a file there. */
static void remove_directories(const struct eg_commit *commit) {
    const char *root = commit->ds->path;
    struct eg_leftovers others;
    struct eg_lock lock;
    if (eg_upkeep_begin(&lock, root, NULL) < 0) return;
    bool alone = eg_settle(root, commit->ds->session, EG_SETTLE_LOOK, NULL, &others, NULL) >= 0 &&
                 others.writers_alive == 0;
    for (size_t i = 0; alone && i < commit->file_count; i++) {
        if (!commit->files[i].made_directory) continue;
        char *directory = directory_of(root, commit->files[i].relative);
        size_t stop = strlen(root);
        while (directory && strlen(directory) > stop && rmdir(directory) == 0)
            *strrchr(directory, '/') = 0;
        eg_free(directory);
    }
    eg_lock_give(&lock, false);
}

void eg_commit_free(struct eg_commit *commit) {
    if (!commit) return;
    for (size_t i = 0; i < commit->file_count && !commit->decided; i++)
        unlink(commit->files[i].tmp);
    eg_lock_give(&commit->swap, false);
    if (!commit->decided && commit->file_count) remove_directories(commit);
    for (size_t i = 0; i < commit->file_count; i++) {
        eg_free(commit->files[i].tmp);
        eg_free(commit->files[i].relative);
    }
    eg_free(commit->files);
    eg_journal_reset(&commit->journal);
    eg_free(commit);
}
