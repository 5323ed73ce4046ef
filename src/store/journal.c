/* SPDX-License-Identifier: Apache-2.0
 * The journal in memory: files, captures and positions, each once. Its text stands in journal_text.c. */
#include "store/journal.h"

#include "base/alloc.h"
#include "base/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define JOURNAL_BYTES_MAX ((size_t)1 << 31)
#define DIGEST_TAIL 35 /* from the digest's first digit to the end of a snapshot */
#define FOLD_FROM 64   /* .done files; a reader without a catalog opens each of them */

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory for the journal of the dataset");
}

static void forget_captures(struct eg_journal *journal) {
    for (size_t i = 0; i < journal->capture_count; i++) {
        eg_free(journal->captures[i].name);
        eg_free(journal->captures[i].place);
    }
    journal->capture_count = 0;
    eg_index_reset(&journal->capture_index);
}

void eg_journal_reset(struct eg_journal *journal) {
    for (size_t i = 0; i < journal->file_count; i++) eg_free(journal->files[i].path);
    for (size_t i = 0; i < journal->mark_count; i++) {
        eg_free(journal->marks[i].position);
        eg_free(journal->marks[i].identity);
    }
    for (size_t i = 0; i < journal->done_count; i++) eg_free(journal->done[i]);
    for (size_t i = 0; i < journal->gone_count; i++) eg_free(journal->gone[i].path);
    forget_captures(journal);
    eg_names_reset(&journal->damaged);
    eg_free(journal->captures);
    eg_free(journal->files);
    eg_free(journal->gone);
    eg_free(journal->marks);
    eg_free(journal->done);
    eg_index_reset(&journal->file_index);
    eg_index_reset(&journal->mark_index);
    eg_index_reset(&journal->done_index);
    eg_index_reset(&journal->gone_index);
    *journal = (struct eg_journal){0};
}

/* Room for one more of `size` bytes each. */
static bool more_room(void *items, size_t count, size_t *room, size_t size) {
    if (count < *room) return true;
    size_t wanted = *room ? *room * 2 : 16;
    void **at = items;
    void *grown = eg_realloc(*at, wanted, size);
    if (!grown) return false;
    *at = grown;
    *room = wanted;
    return true;
}

/* The last file takes the place of the one that goes. */
static void drop_file(struct eg_journal *journal, const char *path) {
    uint32_t at = eg_index_find(&journal->file_index, path);
    if (at == EG_INDEX_NONE) return;
    eg_index_take(&journal->file_index, path);
    eg_free(journal->files[at].path);
    size_t last = --journal->file_count;
    if (at == last) return;
    journal->files[at] = journal->files[last];
    eg_index_take(&journal->file_index, journal->files[at].path); /* so that there is room */
    EG_ASSERT(eg_index_put(&journal->file_index, journal->files[at].path, at));
}

enum eg_status eg_journal_add_gone(struct eg_journal *journal, const char *path, uint32_t folds,
                                   struct eg_error *err) {
    uint32_t at = eg_index_find(&journal->gone_index, path);
    if (at != EG_INDEX_NONE) {
        if (journal->gone[at].folds < folds) journal->gone[at].folds = folds;
        return EG_OK;
    }
    if (!more_room(&journal->gone, journal->gone_count, &journal->gone_room, sizeof *journal->gone))
        return no_memory(err);
    char *copy = eg_strdup(path);
    if (!copy || !eg_index_put(&journal->gone_index, copy, (uint32_t)journal->gone_count)) {
        eg_free(copy);
        return no_memory(err);
    }
    journal->gone[journal->gone_count++] = (struct eg_journal_gone){copy, folds};
    drop_file(journal, path);
    return EG_OK;
}

enum eg_status eg_journal_add_file(struct eg_journal *journal, const struct eg_journal_file *file,
                                   struct eg_error *err) {
    if (eg_index_find(&journal->gone_index, file->path) != EG_INDEX_NONE) return EG_OK;
    uint32_t at = eg_index_find(&journal->file_index, file->path);
    if (at != EG_INDEX_NONE) {
        char *path = journal->files[at].path;
        journal->files[at] = *file;
        journal->files[at].path = path;
        return EG_OK;
    }
    if (!more_room(&journal->files, journal->file_count, &journal->file_room,
                   sizeof *journal->files))
        return no_memory(err);
    char *path = eg_strdup(file->path);
    if (!path || !eg_index_put(&journal->file_index, path, (uint32_t)journal->file_count)) {
        eg_free(path);
        return no_memory(err);
    }
    struct eg_journal_file *added = &journal->files[journal->file_count++];
    *added = *file;
    added->path = path;
    return EG_OK;
}

/* Whether a registration is later than another of the same name. */
static bool capture_later(const struct eg_journal_capture *a, const struct eg_journal_capture *b) {
    if (a->at_us != b->at_us) return a->at_us > b->at_us;
    if (a->gone != b->gone) return a->gone;
    if (a->bytes != b->bytes) return a->bytes > b->bytes;
    return strcmp(a->digest, b->digest) > 0;
}

static enum eg_status capture_change(struct eg_journal_capture *to,
                                     const struct eg_journal_capture *from, struct eg_error *err) {
    char *name = to->name, *place = eg_strdup(from->place);
    if (!place) return no_memory(err);
    eg_free(to->place);
    *to = *from;
    to->name = name;
    to->place = place;
    return EG_OK;
}

enum eg_status eg_journal_add_capture(struct eg_journal *journal,
                                      const struct eg_journal_capture *capture,
                                      struct eg_error *err) {
    uint32_t at = eg_index_find(&journal->capture_index, capture->name);
    if (at != EG_INDEX_NONE) {
        struct eg_journal_capture *known = &journal->captures[at];
        if (capture_later(capture, known)) return capture_change(known, capture, err);
        if (!capture_later(known, capture) && known->folds < capture->folds)
            known->folds = capture->folds;
        return EG_OK;
    }
    if (!more_room(&journal->captures, journal->capture_count, &journal->capture_room,
                   sizeof *journal->captures))
        return no_memory(err);
    struct eg_journal_capture *added = &journal->captures[journal->capture_count];
    *added = *capture;
    added->name = eg_strdup(capture->name);
    added->place = eg_strdup(capture->place);
    if (!added->name || !added->place ||
        !eg_index_put(&journal->capture_index, added->name, (uint32_t)journal->capture_count)) {
        eg_free(added->name);
        eg_free(added->place);
        return no_memory(err);
    }
    journal->capture_count++;
    return EG_OK;
}

const struct eg_journal_capture *eg_journal_capture(const struct eg_journal *journal,
                                                    const char *name) {
    uint32_t at = eg_index_find(&journal->capture_index, name);
    return at == EG_INDEX_NONE || journal->captures[at].gone ? NULL : &journal->captures[at];
}

enum eg_status eg_journal_add_mark(struct eg_journal *journal, const struct eg_position *position,
                                   const char *session, uint32_t commit, struct eg_error *err) {
    struct eg_strbuf identity = {0};
    eg_strbuf_printf(&identity, "%s %s %s %s", session, position->table, position->key,
                     position->name);
    char *name = eg_strbuf_take(&identity);
    if (!name) return no_memory(err);
    uint32_t at = eg_index_find(&journal->mark_index, name);
    if (at != EG_INDEX_NONE) {
        eg_free(name);
        struct eg_journal_mark *mark = &journal->marks[at];
        if (mark->commit >= commit) return EG_OK;
        *mark->position = *position;
        mark->commit = commit;
        mark->version = ++journal->version;
        return EG_OK;
    }
    struct eg_position *copy = eg_malloc(sizeof *copy);
    if (copy) *copy = *position;
    if (!copy ||
        !more_room(&journal->marks, journal->mark_count, &journal->mark_room,
                   sizeof *journal->marks) ||
        !eg_index_put(&journal->mark_index, name, (uint32_t)journal->mark_count)) {
        eg_free(copy);
        eg_free(name);
        return no_memory(err);
    }
    struct eg_journal_mark *mark = &journal->marks[journal->mark_count++];
    *mark = (struct eg_journal_mark){
        .position = copy, .identity = name, .commit = commit, .version = ++journal->version};
    snprintf(mark->session, sizeof mark->session, "%s", session);
    return EG_OK;
}

/* ---- files of the journal ---- */

enum eg_status eg_journal_read(struct eg_journal *journal, const char *path, char digest[33],
                               struct eg_error *err) {
    char *text;
    size_t size;
    EG_TRY(eg_file_read(&text, &size, path, JOURNAL_BYTES_MAX, err));
    enum eg_status status = eg_journal_parse(journal, text, size, digest, err);
    eg_free(text);
    if (status < 0) eg_error_prefix(err, "%s", path);
    return status;
}

static void tell(const struct eg_env *env, const struct eg_error *err) {
    if (env && env->log) env->log(env->log_to, 3, err->message);
}

/* A damaged file costs its own commit and no other: it is noted, and reading goes on. */
static enum eg_status read_or_note(struct eg_journal *journal, const char *path, char digest[33],
                                   const struct eg_env *env, struct eg_error *err) {
    struct eg_error own = {0};
    enum eg_status status = eg_journal_read(journal, path, digest, &own);
    if (status == EG_E_NOENT) return EG_END; /* folded meanwhile: the snapshot has it */
    if (status == EG_E_FORMAT) {
        const char *name = strrchr(path, '/') + 1;
        if (eg_names_hold(&journal->damaged, name)) return EG_END;
        tell(env, &own);
        return eg_names_add(&journal->damaged, name) ? EG_END : no_memory(err);
    }
    if (status < 0 && err) *err = own;
    return status;
}

static enum eg_status remember_done(struct eg_journal *journal, const char *name,
                                    struct eg_error *err) {
    char *copy = eg_strdup(name);
    if (!copy ||
        !more_room(&journal->done, journal->done_count, &journal->done_room,
                   sizeof *journal->done) ||
        !eg_index_put(&journal->done_index, copy, (uint32_t)journal->done_count)) {
        eg_free(copy);
        return no_memory(err);
    }
    journal->done[journal->done_count++] = copy;
    return EG_OK;
}

static enum eg_status refresh_done(struct eg_journal *journal, const char *root,
                                   const struct eg_names *names, const struct eg_env *env,
                                   struct eg_error *err) {
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->names[i];
        if (!eg_layout_ends(name, ".done")) continue;
        if (eg_index_find(&journal->done_index, name) != EG_INDEX_NONE) continue;
        struct eg_strbuf path = {0};
        eg_strbuf_printf(&path, "%s/%s/%s", root, EG_LAYOUT_COMMITS, name);
        char digest[33];
        enum eg_status status =
            path.failed ? no_memory(err) : read_or_note(journal, path.text, digest, env, err);
        eg_strbuf_reset(&path);
        if (status < 0) return status;
        if (status == EG_OK) EG_TRY(remember_done(journal, name, err));
    }
    return EG_OK;
}

enum eg_status eg_journal_snapshot(const char *root, char digest[33], struct eg_error *err) {
    char *path = eg_path_join(root, EG_LAYOUT_SNAPSHOT);
    if (!path) return no_memory(err);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    digest[0] = digest[32] = 0;
    if (fd >= 0) {
        if (lseek(fd, -DIGEST_TAIL, SEEK_END) < 0 || read(fd, digest, 32) != 32) digest[0] = 0;
        close(fd);
    }
    eg_free(path);
    return EG_OK;
}

/* The snapshot is another than before: what it says no more was folded away, and must not be kept
 * here. Positions stay: they are never taken back. */
static void forget_files(struct eg_journal *journal) {
    forget_captures(journal);
    for (size_t i = 0; i < journal->file_count; i++) eg_free(journal->files[i].path);
    for (size_t i = 0; i < journal->gone_count; i++) eg_free(journal->gone[i].path);
    for (size_t i = 0; i < journal->done_count; i++) eg_free(journal->done[i]);
    journal->file_count = journal->gone_count = journal->done_count = 0;
    eg_index_reset(&journal->file_index);
    eg_index_reset(&journal->gone_index);
    eg_index_reset(&journal->done_index);
    journal->snapshot[0] = 0;
}

/* The .done files first, the snapshot last: one that is folded in between is in the snapshot. */
static enum eg_status refresh_once(struct eg_journal *journal, const char *root,
                                   const char *commits, const struct eg_env *env,
                                   struct eg_error *err) {
    struct eg_names names = {0};
    char digest[33] = "";
    enum eg_status status = eg_names_read(&names, commits, err);
    if (status >= 0) status = refresh_done(journal, root, &names, env, err);
    if (status >= 0) status = eg_journal_snapshot(root, digest, err);
    eg_names_reset(&names);
    if (status < 0 || (digest[0] && strcmp(digest, journal->snapshot) == 0)) return status;
    if (journal->snapshot[0]) return EG_OK_WARN;
    char *snapshot = eg_path_join(root, EG_LAYOUT_SNAPSHOT);
    status = snapshot ? read_or_note(journal, snapshot, digest, env, err) : no_memory(err);
    if (status == EG_OK) memcpy(journal->snapshot, digest, sizeof digest);
    eg_free(snapshot);
    return status < 0 ? status : EG_OK;
}

enum eg_status eg_journal_refresh(struct eg_journal *journal, const char *root,
                                  const struct eg_env *env, struct eg_error *err) {
    char *commits = eg_path_join(root, EG_LAYOUT_COMMITS);
    if (!commits) return no_memory(err);
    enum eg_status status = refresh_once(journal, root, commits, env, err);
    if (status == EG_OK_WARN) {
        forget_files(journal);
        status = refresh_once(journal, root, commits, env, err);
    }
    eg_free(commits);
    return status < 0 ? status : EG_OK;
}

bool eg_journal_wants_fold(const struct eg_journal *journal) {
    return journal->done_count >= FOLD_FROM + journal->file_count / 256;
}

static void remove_done(struct eg_journal *journal, const char *root) {
    for (size_t i = 0; i < journal->done_count; i++) {
        struct eg_strbuf path = {0};
        eg_strbuf_printf(&path, "%s/%s/%s", root, EG_LAYOUT_COMMITS, journal->done[i]);
        if (!path.failed) unlink(path.text); /* one that stays is read again, to the same effect */
        eg_strbuf_reset(&path);
        eg_free(journal->done[i]);
    }
    journal->done_count = 0;
    eg_index_reset(&journal->done_index);
}

enum eg_status eg_journal_fold(struct eg_journal *journal, const char *root, int64_t now_us,
                               struct eg_error *err) {
    if (journal->damaged.count)
        return EG_OK; /* nothing is thrown away before somebody has looked */
    struct eg_strbuf text = {0};
    char *snapshot = eg_path_join(root, EG_LAYOUT_SNAPSHOT);
    enum eg_status status =
        snapshot ? eg_journal_text(journal, "snapshot", now_us, &text, err) : no_memory(err);
    if (status >= 0) status = eg_file_replace(snapshot, text.text, text.size, err);
    if (status >= 0) {
        /* the digest line is {"xxh3":"…32…"} and a newline */
        EG_ASSERT(text.size > 36);
        memcpy(journal->snapshot, text.text + text.size - 35, 32);
        journal->snapshot[32] = 0;
        remove_done(journal, root);
    }
    eg_strbuf_reset(&text);
    eg_free(snapshot);
    return status;
}
