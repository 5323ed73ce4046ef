/* SPDX-License-Identifier: Apache-2.0
 * The catalog in SQLite. Rollback journal, not WAL: a reader without permission to write must be
 * able to open it. */
#include "store/catalog.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/timetext.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS 5000

static const char schema_sql[] =
    "pragma user_version = 1;"
    "create table if not exists about (key text primary key, value text);"
    "create table if not exists commits (name text primary key) without rowid;"
    "create table if not exists files (path text primary key, in_table text not null,"
    " rows integer not null, bytes integer not null, start_us integer, end_us integer)"
    " without rowid;"
    "create index if not exists files_by_time on files (in_table, start_us, end_us);"
    "create table if not exists positions (session text, in_table text, key text, name text,"
    " digest text, offset integer, commit_number integer,"
    " primary key (session, in_table, key, name)) without rowid;"
    "create table if not exists captures (name text primary key, place text not null, keep text,"
    " seekable integer, bytes integer, stored integer, changed_ns integer, packets integer,"
    " first_us integer, last_us integer, link_type integer, digest text, at_us integer)"
    " without rowid;";

const char *eg_catalog_state_name(enum eg_catalog_state state) {
    switch (state) {
    case EG_CATALOG_FRESH: return "fresh";
    case EG_CATALOG_MISSING: return "missing";
    case EG_CATALOG_OLD: return "old";
    case EG_CATALOG_DAMAGED: return "damaged";
    case EG_CATALOG_UNFINISHED: return "unfinished, since a run was killed while it wrote it";
    }
    return "unknown";
}

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory for the catalog");
}

static enum eg_status fail_sqlite(sqlite3 *db, struct eg_error *err) {
    int code = db ? sqlite3_errcode(db) : SQLITE_NOMEM;
    enum eg_status status = code == SQLITE_FULL                               ? EG_E_NOSPACE
                            : code == SQLITE_NOMEM                            ? EG_E_NOMEM
                            : code == SQLITE_BUSY || code == SQLITE_LOCKED    ? EG_E_LOCKED
                            : code == SQLITE_READONLY || code == SQLITE_PERM  ? EG_E_ACCESS
                            : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? EG_E_FORMAT
                                                                              : EG_E_IO;
    return eg_fail(err, status, "the catalog: %s", db ? sqlite3_errmsg(db) : "no memory");
}

/* ---- small statements ---- */

static enum eg_status run(sqlite3 *db, const char *sql, struct eg_error *err) {
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? EG_OK : fail_sqlite(db, err);
}

static enum eg_status prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out,
                              struct eg_error *err) {
    return sqlite3_prepare_v2(db, sql, -1, out, NULL) == SQLITE_OK ? EG_OK : fail_sqlite(db, err);
}

/* Runs a prepared statement that gives no rows, and makes it ready again. */
static enum eg_status step_once(sqlite3 *db, sqlite3_stmt *statement, struct eg_error *err) {
    int code = sqlite3_step(statement);
    enum eg_status status = code == SQLITE_DONE ? EG_OK : fail_sqlite(db, err);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return status;
}

static enum eg_status about_put(sqlite3 *db, const char *key, const char *value,
                                struct eg_error *err) {
    sqlite3_stmt *statement = NULL;
    EG_TRY(prepare(db, "insert or replace into about values (?, ?)", &statement, err));
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, value, -1, SQLITE_STATIC);
    enum eg_status status = step_once(db, statement, err);
    sqlite3_finalize(statement);
    return status;
}

/* EG_END: no such key. */
static enum eg_status about_get(sqlite3 *db, const char *key, struct eg_strbuf *to,
                                struct eg_error *err) {
    sqlite3_stmt *statement = NULL;
    EG_TRY(prepare(db, "select value from about where key = ?", &statement, err));
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    int code = sqlite3_step(statement);
    enum eg_status status = code == SQLITE_ROW    ? EG_OK
                            : code == SQLITE_DONE ? EG_END
                                                  : fail_sqlite(db, err);
    if (status == EG_OK) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        eg_strbuf_text(to, text ? text : "");
        if (to->failed) status = no_memory(err);
    }
    sqlite3_finalize(statement);
    return status;
}

/* ---- is it fresh? ---- */

/* What the dataset has on disk: the snapshot's digest and the .done files. */
struct standing {
    char snapshot[33];
    struct eg_names commits;
};

static void standing_reset(struct standing *s) { eg_names_reset(&s->commits); }

static enum eg_status standing_read(struct standing *s, const char *root, struct eg_error *err) {
    *s = (struct standing){0};
    char *commits = eg_path_join(root, EG_LAYOUT_COMMITS);
    enum eg_status status = commits ? eg_names_read(&s->commits, commits, err) : no_memory(err);
    if (status >= 0) status = eg_journal_snapshot(root, s->snapshot, err);
    eg_free(commits);
    return status;
}

/* FRESH where the catalog holds the snapshot and each commit; `same_base`: the snapshot at least. */
static enum eg_status compare(sqlite3 *db, const char *snapshot, const struct eg_names *commits,
                              enum eg_catalog_state *state, bool *same_base, struct eg_error *err) {
    struct eg_strbuf held = {0};
    *state = EG_CATALOG_OLD;
    *same_base = false;
    enum eg_status status = about_get(db, "snapshot", &held, err);
    if (status == EG_OK) *same_base = strcmp(held.text ? held.text : "", snapshot) == 0;
    eg_strbuf_reset(&held);
    if (status != EG_OK || !*same_base) return status < 0 ? status : EG_OK;
    sqlite3_stmt *statement = NULL;
    EG_TRY(prepare(db, "select 1 from commits where name = ?", &statement, err));
    bool all = true;
    for (size_t i = 0; status == EG_OK && all && i < commits->count; i++) {
        if (!eg_layout_ends(commits->names[i], ".done")) continue;
        sqlite3_bind_text(statement, 1, commits->names[i], -1, SQLITE_STATIC);
        int code = sqlite3_step(statement);
        if (code == SQLITE_DONE)
            all = false;
        else if (code != SQLITE_ROW)
            status = fail_sqlite(db, err);
        sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
    if (status == EG_OK && all) *state = EG_CATALOG_FRESH;
    return status;
}

static enum eg_status open_catalog(const char *root, int flags, sqlite3 **out,
                                   struct eg_error *err) {
    char *path = eg_path_join(root, EG_LAYOUT_CATALOG);
    if (!path) return no_memory(err);
    *out = NULL;
    enum eg_status status = EG_OK;
    if (!(flags & SQLITE_OPEN_CREATE) && access(path, F_OK) != 0)
        status = eg_fail_errno(err, errno, "%s", path);
    else if (sqlite3_open_v2(path, out, flags, NULL) != SQLITE_OK)
        status = fail_sqlite(*out, err);
    if (status >= 0) sqlite3_busy_timeout(*out, BUSY_MS);
    eg_free(path);
    if (status < 0) {
        sqlite3_close(*out);
        *out = NULL;
    }
    return status;
}

/* ---- reading ---- */

static enum eg_status visit_files(sqlite3 *db, enum eg_table_id table,
                                  const struct eg_catalog_visit *visit, struct eg_error *err) {
    sqlite3_stmt *statement = NULL;
    EG_TRY(prepare(db, "select path, rows, bytes, start_us, end_us from files where in_table = ?",
                   &statement, err));
    sqlite3_bind_text(statement, 1, eg_table_name(table), -1, SQLITE_STATIC);
    enum eg_status status = EG_OK;
    int code = SQLITE_DONE;
    while (status >= 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct eg_journal_file file = {
            .path = (char *)(uintptr_t)sqlite3_column_text(statement, 0),
            .table = table,
            .rows = (uint64_t)sqlite3_column_int64(statement, 1),
            .bytes = (uint64_t)sqlite3_column_int64(statement, 2),
            .start_us = sqlite3_column_int64(statement, 3),
            .end_us = sqlite3_column_int64(statement, 4),
        };
        status = file.path ? visit->file(visit->to, &file, err) : no_memory(err);
    }
    if (status >= 0 && code != SQLITE_DONE) status = fail_sqlite(db, err);
    sqlite3_finalize(statement);
    return status;
}

/* Whether a change of the catalog was begun and not ended, or it was only just created. */
static bool cut_off(const char *root) {
    struct stat is;
    char *path = eg_path_join(root, EG_LAYOUT_CATALOG);
    char *left = eg_path_join(root, EG_LAYOUT_CATALOG "-journal");
    bool cut =
        (left && access(left, F_OK) == 0) || (path && stat(path, &is) == 0 && is.st_size == 0);
    eg_free(path);
    eg_free(left);
    return cut;
}

static enum eg_catalog_state unreadable(const char *root) {
    return cut_off(root) ? EG_CATALOG_UNFINISHED : EG_CATALOG_DAMAGED;
}

/* Opens the catalog to be read, and says whether it is fresh; *db may be NULL. */
static enum eg_status fresh_open(const char *root, sqlite3 **db, enum eg_catalog_state *found,
                                 struct eg_error *err) {
    struct standing now;
    struct eg_error own = {0};
    bool same_base;
    *db = NULL;
    *found = EG_CATALOG_MISSING;
    enum eg_status status = standing_read(&now, root, err);
    if (status >= 0) {
        enum eg_status opened = open_catalog(root, SQLITE_OPEN_READONLY, db, &own);
        if (opened >= 0) opened = compare(*db, now.snapshot, &now.commits, found, &same_base, &own);
        if (opened < 0 && opened != EG_E_NOENT) *found = unreadable(root);
    }
    standing_reset(&now);
    return status;
}

enum eg_status eg_catalog_files(const char *root, enum eg_table_id table,
                                const struct eg_catalog_visit *visit, enum eg_catalog_state *state,
                                struct eg_error *err) {
    enum eg_catalog_state found;
    sqlite3 *db;
    enum eg_status status = fresh_open(root, &db, &found, err);
    if (status >= 0) {
        status = found == EG_CATALOG_FRESH ? EG_OK : EG_END;
        if (status == EG_OK && visit) status = visit_files(db, table, visit, err);
        if (status == EG_E_FORMAT || status == EG_E_IO) {
            found = unreadable(root);
            status = EG_END;
        }
    }
    if (state) *state = found;
    sqlite3_close(db);
    return status;
}

static enum eg_status visit_captures(sqlite3 *db, const struct eg_catalog_captures *visit,
                                     struct eg_error *err) {
    sqlite3_stmt *statement = NULL;
    EG_TRY(prepare(db,
                   "select name, place, keep, seekable, bytes, stored, changed_ns, packets,"
                   " first_us, last_us, link_type, digest, at_us from captures where"
                   " (?1 is null or name = ?1) and"
                   " (first_us > last_us or (first_us <= ?3 and last_us >= ?2)) order by name",
                   &statement, err));
    if (visit->name) sqlite3_bind_text(statement, 1, visit->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, visit->from_us);
    sqlite3_bind_int64(statement, 3, visit->to_us);
    enum eg_status status = EG_OK;
    int code = SQLITE_DONE;
    while (status >= 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *keep = (const char *)sqlite3_column_text(statement, 2);
        const char *digest = (const char *)sqlite3_column_text(statement, 11);
        struct eg_journal_capture c = {
            .name = (char *)(uintptr_t)sqlite3_column_text(statement, 0),
            .place = (char *)(uintptr_t)sqlite3_column_text(statement, 1),
            .copy = keep && strcmp(keep, "copy") == 0,
            .seekable = sqlite3_column_int(statement, 3),
            .bytes = (uint64_t)sqlite3_column_int64(statement, 4),
            .stored = (uint64_t)sqlite3_column_int64(statement, 5),
            .changed_ns = sqlite3_column_int64(statement, 6),
            .packets = (uint64_t)sqlite3_column_int64(statement, 7),
            .first_us = sqlite3_column_int64(statement, 8),
            .last_us = sqlite3_column_int64(statement, 9),
            .link_type = sqlite3_column_int(statement, 10),
            .at_us = sqlite3_column_int64(statement, 12),
        };
        snprintf(c.digest, sizeof c.digest, "%s", digest ? digest : "");
        status = c.name && c.place && keep && digest ? visit->capture(visit->to, &c, err)
                                                     : no_memory(err);
    }
    if (status >= 0 && code != SQLITE_DONE) status = fail_sqlite(db, err);
    sqlite3_finalize(statement);
    return status;
}

enum eg_status eg_catalog_captures(const char *root, const struct eg_catalog_captures *visit,
                                   struct eg_error *err) {
    enum eg_catalog_state found;
    sqlite3 *db;
    struct eg_error own = {0};
    enum eg_status status = fresh_open(root, &db, &found, err);
    if (status >= 0 && found == EG_CATALOG_FRESH) {
        status = visit_captures(db, visit, &own);
        if (status < 0 && err) *err = own;
        /* one of an older version has no such table */
        if (status == EG_E_FORMAT || status == EG_E_IO) status = EG_END;
    } else if (status >= 0) {
        status = EG_END;
    }
    sqlite3_close(db);
    return status;
}

enum eg_status eg_catalog_remade(const char *root, struct eg_strbuf *to, struct eg_error *err) {
    sqlite3 *db;
    EG_TRY(open_catalog(root, SQLITE_OPEN_READONLY, &db, err));
    enum eg_status status = about_get(db, "remade", to, err);
    sqlite3_close(db);
    return status < 0 ? status : EG_OK;
}

/* ---- writing ---- */

static enum eg_status put_file(sqlite3 *db, sqlite3_stmt *statement,
                               const struct eg_journal_file *file, struct eg_error *err) {
    sqlite3_bind_text(statement, 1, file->path, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, eg_table_name(file->table), -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, (int64_t)file->rows);
    sqlite3_bind_int64(statement, 4, (int64_t)file->bytes);
    sqlite3_bind_int64(statement, 5, file->start_us);
    sqlite3_bind_int64(statement, 6, file->end_us);
    return step_once(db, statement, err);
}

static enum eg_status put_files(sqlite3 *db, const struct eg_journal *journal,
                                struct eg_error *err) {
    sqlite3_stmt *statement = NULL;
    EG_TRY(prepare(db, "insert or replace into files values (?, ?, ?, ?, ?, ?)", &statement, err));
    enum eg_status status = EG_OK;
    for (size_t i = 0; status >= 0 && i < journal->file_count; i++)
        status = put_file(db, statement, &journal->files[i], err);
    sqlite3_finalize(statement);
    return status;
}

static enum eg_status put_marks(sqlite3 *db, const struct eg_journal *journal,
                                struct eg_error *err) {
    sqlite3_stmt *statement = NULL;
    EG_TRY(prepare(db, "insert or replace into positions values (?, ?, ?, ?, ?, ?, ?)", &statement,
                   err));
    enum eg_status status = EG_OK;
    for (size_t i = 0; status >= 0 && i < journal->mark_count; i++) {
        const struct eg_journal_mark *mark = &journal->marks[i];
        sqlite3_bind_text(statement, 1, mark->session, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 2, mark->position->table, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 3, mark->position->key, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 4, mark->position->name, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 5, mark->position->digest, -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 6, (int64_t)mark->position->offset);
        sqlite3_bind_int64(statement, 7, mark->commit);
        status = step_once(db, statement, err);
    }
    sqlite3_finalize(statement);
    return status;
}

static void bind_capture(sqlite3_stmt *statement, const struct eg_journal_capture *c) {
    const int64_t numbers[] = {(int64_t)c->bytes,   (int64_t)c->stored, c->changed_ns,
                               (int64_t)c->packets, c->first_us,        c->last_us,
                               c->link_type};
    sqlite3_bind_text(statement, 1, c->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, c->place, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, c->copy ? "copy" : "link", -1, SQLITE_STATIC);
    sqlite3_bind_int(statement, 4, c->seekable);
    for (int i = 0; i < 7; i++) sqlite3_bind_int64(statement, 5 + i, numbers[i]);
    sqlite3_bind_text(statement, 12, c->digest, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 13, c->at_us);
}

static enum eg_status put_captures(sqlite3 *db, const struct eg_journal *journal,
                                   struct eg_error *err) {
    sqlite3_stmt *put = NULL, *drop = NULL;
    EG_TRY(prepare(db,
                   "insert or replace into captures values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   &put, err));
    enum eg_status status = prepare(db, "delete from captures where name = ?", &drop, err);
    for (size_t i = 0; status >= 0 && i < journal->capture_count; i++) {
        const struct eg_journal_capture *c = &journal->captures[i];
        sqlite3_stmt *statement = c->gone ? drop : put;
        if (c->gone)
            sqlite3_bind_text(statement, 1, c->name, -1, SQLITE_STATIC);
        else
            bind_capture(statement, c);
        status = step_once(db, statement, err);
    }
    sqlite3_finalize(put);
    sqlite3_finalize(drop);
    return status;
}

static enum eg_status put_commits(sqlite3 *db, const struct eg_journal *journal,
                                  struct eg_error *err) {
    sqlite3_stmt *statement = NULL;
    EG_TRY(prepare(db, "insert or ignore into commits values (?)", &statement, err));
    enum eg_status status = EG_OK;
    for (size_t i = 0; status >= 0 && i < journal->done_count; i++) {
        sqlite3_bind_text(statement, 1, journal->done[i], -1, SQLITE_STATIC);
        status = step_once(db, statement, err);
    }
    sqlite3_finalize(statement);
    return status;
}

/* Files of commits that the catalog has not; the commit's id is part of the file's name. */
static enum eg_status put_new_files(sqlite3 *db, const struct eg_journal *journal,
                                    struct eg_error *err) {
    sqlite3_stmt *known = NULL, *insert = NULL;
    EG_TRY(prepare(db, "select 1 from commits where name = ?", &known, err));
    enum eg_status status =
        prepare(db, "insert or replace into files values (?, ?, ?, ?, ?, ?)", &insert, err);
    for (size_t i = 0; status >= 0 && i < journal->file_count; i++) {
        const struct eg_journal_file *file = &journal->files[i];
        char commit[EG_COMMIT_TEXT], session[EG_SESSION_TEXT], name[EG_COMMIT_TEXT + 8];
        const char *slash = strrchr(file->path, '/');
        if (!eg_layout_commit_of(slash ? slash + 1 : file->path, commit, session)) continue;
        snprintf(name, sizeof name, "%s.done", commit);
        if (eg_index_find(&journal->done_index, name) == EG_INDEX_NONE) continue; /* folded */
        sqlite3_bind_text(known, 1, name, -1, SQLITE_STATIC);
        bool has = sqlite3_step(known) == SQLITE_ROW;
        sqlite3_reset(known);
        if (!has) status = put_file(db, insert, file, err);
    }
    sqlite3_finalize(known);
    sqlite3_finalize(insert);
    return status;
}

static enum eg_status drop_gone(sqlite3 *db, const struct eg_journal *journal,
                                struct eg_error *err) {
    sqlite3_stmt *statement = NULL;
    EG_TRY(prepare(db, "delete from files where path = ?", &statement, err));
    enum eg_status status = EG_OK;
    for (size_t i = 0; status >= 0 && i < journal->gone_count; i++) {
        sqlite3_bind_text(statement, 1, journal->gone[i].path, -1, SQLITE_STATIC);
        status = step_once(db, statement, err);
    }
    sqlite3_finalize(statement);
    return status;
}

static enum eg_status write_all(sqlite3 *db, const struct eg_journal *journal, const char *why,
                                const struct eg_env *env, struct eg_error *err) {
    EG_TRY(run(db, schema_sql, err));
    EG_TRY(run(db,
               "delete from commits; delete from files; delete from positions;"
               " delete from captures",
               err));
    EG_TRY(put_files(db, journal, err));
    EG_TRY(put_captures(db, journal, err));
    EG_TRY(put_marks(db, journal, err));
    EG_TRY(put_commits(db, journal, err));
    if (why) {
        char now[40], text[128];
        eg_time_text(env->now_us(env->clock), now);
        snprintf(text, sizeof text, "%s, since it was %s", now, why);
        EG_TRY(about_put(db, "remade", text, err));
    }
    return about_put(db, "snapshot", journal->snapshot, err);
}

/* The journal's commits as the names compare() takes. */
static struct eg_names names_of(const struct eg_journal *journal) {
    return (struct eg_names){journal->done, journal->done_count, journal->done_count};
}

/* A rollback journal that a killed writer left; with the write lock ours it is nobody else's. */
static bool journal_left(const char *root) {
    char *path = eg_path_join(root, EG_LAYOUT_CATALOG "-journal");
    bool left = path && access(path, F_OK) == 0;
    eg_free(path);
    return left;
}

static enum eg_status bring_up(sqlite3 *db, const char *root, const struct eg_journal *journal,
                               bool existed, const struct eg_env *env, struct eg_error *err) {
    enum eg_catalog_state state = EG_CATALOG_MISSING;
    bool same_base = false;
    struct eg_names commits = names_of(journal);
    EG_TRY(run(db, "pragma journal_mode = delete; begin immediate", err));
    if (existed) EG_TRY(compare(db, journal->snapshot, &commits, &state, &same_base, err));
    enum eg_status status = EG_OK;
    if (state != EG_CATALOG_FRESH && same_base) {
        status = put_new_files(db, journal, err);
        if (status >= 0) status = drop_gone(db, journal, err);
        if (status >= 0) status = run(db, schema_sql, err); /* one of an older version has no … */
        if (status >= 0) status = put_captures(db, journal, err); /* … table of captures */
        if (status >= 0) status = put_marks(db, journal, err);
        if (status >= 0) status = put_commits(db, journal, err);
    } else if (state != EG_CATALOG_FRESH) {
        bool first = journal->done_count <= 1 && !journal->snapshot[0];
        status = write_all(db, journal, existed || first ? NULL : "missing", env, err);
    } else if (journal_left(root)) {
        status = about_put(db, "snapshot", journal->snapshot, err); /* any write removes it */
    }
    if (status >= 0) status = run(db, "commit", err);
    return status;
}

static void unlink_catalog(const char *root) {
    static const char *const ends[] = {"", "-journal", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct eg_strbuf path = {0};
        eg_strbuf_printf(&path, "%s/%s%s", root, EG_LAYOUT_CATALOG, ends[i]);
        if (!path.failed) unlink(path.text);
        eg_strbuf_reset(&path);
    }
}

/* What cannot be read is thrown away: everything in it stands elsewhere. */
static enum eg_status make_anew(const char *root, const struct eg_journal *journal,
                                const struct eg_env *env, bool cut, struct eg_error *err) {
    sqlite3 *db;
    unlink_catalog(root);
    EG_TRY(open_catalog(root, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db, err));
    enum eg_status status = run(db, "pragma journal_mode = delete; begin immediate", err);
    if (status >= 0) status = write_all(db, journal, cut ? "unfinished" : "damaged", env, err);
    if (status >= 0) status = run(db, "commit", err);
    sqlite3_close(db);
    if (status >= 0 && env->log)
        env->log(
            env->log_to, 4,
            cut ? "the catalog was left unfinished by a run that was killed; it was made again "
                  "from the journal, nothing is lost"
                : "the catalog was damaged; it was made again from the journal");
    return status;
}

enum eg_status eg_catalog_update(const char *root, const struct eg_journal *journal,
                                 const struct eg_env *env, struct eg_error *err) {
    char *path = eg_path_join(root, EG_LAYOUT_CATALOG);
    if (!path) return no_memory(err);
    bool existed = access(path, F_OK) == 0, cut = cut_off(root); /* before it is opened */
    eg_free(path);
    sqlite3 *db;
    enum eg_status status =
        open_catalog(root, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db, err);
    if (status >= 0) {
        status = bring_up(db, root, journal, existed, env, err);
        sqlite3_close(db); /* rolls back what was not committed */
    }
    if (existed && (status == EG_E_FORMAT || status == EG_E_IO))
        status = make_anew(root, journal, env, cut, err);
    return status;
}
