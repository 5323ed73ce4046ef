/* SPDX-License-Identifier: Apache-2.0
 * Which files a question must read. The directories say which files there are (other tools and
 * their owners may add and remove some); the catalog, or else the journal, says what times each one
 * spans, so that a flow is found by its end as well as by its start. */
#include "store/catalog.h"
#include "store/dataset_own.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/timetext.h"
#include "engine/engine.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 5 /* to see the same commits before and after the walk */

struct finding {
    struct eg_dataset *ds;
    int64_t from_us, to_us;
    bool quarantine;                /* those instead */
    const struct eg_journal *known; /* the catalog's files, or the journal's */
    struct eg_names intents;        /* commits under way: all of their files, or none */
    struct eg_dataset_file *files;
    size_t count, room;
};

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory for the list of files");
}

void eg_dataset_files_free(struct eg_dataset_file *files, size_t count) {
    for (size_t i = 0; i < count; i++) eg_free(files[i].path);
    eg_free(files);
}

static bool under_way(const struct finding *f, const char *name) {
    char commit[EG_COMMIT_TEXT], session[EG_SESSION_TEXT], other[EG_COMMIT_TEXT];
    if (!f->intents.count || !eg_layout_commit_of(name, commit, session)) return false;
    for (size_t i = 0; i < f->intents.count; i++)
        if (eg_layout_ends(f->intents.names[i], ".intent") &&
            eg_layout_commit_of(f->intents.names[i], other, session) && strcmp(commit, other) == 0)
            return true;
    return false;
}

static enum eg_status add(struct finding *f, const struct eg_dataset_file *file,
                          const char *relative, struct eg_error *err) {
    if (f->count == f->room) {
        size_t room = f->room ? f->room * 2 : 32;
        struct eg_dataset_file *grown = eg_realloc(f->files, room, sizeof *grown);
        if (!grown) return no_memory(err);
        f->files = grown;
        f->room = room;
    }
    char *path = eg_path_join(f->ds->path, relative);
    if (!path) return no_memory(err);
    f->files[f->count] = *file;
    f->files[f->count++].path = path;
    return EG_OK;
}

static enum eg_status consider(void *to, const char *relative, const char *name, int64_t hour_us,
                               struct eg_error *err) {
    struct finding *f = to;
    if (!eg_layout_ends(name, ".parquet") || under_way(f, name)) return EG_OK;
    /* One that nobody wrote down: its hour says when it begins, nothing says when it ends. */
    struct eg_dataset_file file = {.start_us = hour_us, .end_us = INT64_MAX};
    uint32_t at = eg_index_find(&f->known->file_index, relative);
    if (at != EG_INDEX_NONE) {
        const struct eg_journal_file *known = &f->known->files[at];
        file = (struct eg_dataset_file){NULL, known->rows, known->bytes, known->start_us,
                                        known->end_us};
        bool timeless = file.start_us > file.end_us;
        if (!timeless && (file.start_us > f->to_us || file.end_us < f->from_us)) return EG_OK;
    }
    return add(f, &file, relative, err);
}

static enum eg_status note_file(void *to, const struct eg_journal_file *file,
                                struct eg_error *err) {
    return eg_journal_add_file(to, file, err);
}

/* What is known of the files: out of the catalog when it is fresh, else out of the journal. */
static enum eg_status learn(struct eg_dataset *ds, enum eg_table_id table, struct eg_journal *to,
                            struct eg_error *err) {
    struct eg_catalog_visit visit = {note_file, to};
    enum eg_status status = eg_catalog_files(ds->path, table, &visit, NULL, err);
    if (status != EG_END) return status;
    eg_journal_reset(to);
    return eg_journal_refresh(to, ds->path, ds->env, err);
}

static bool same_names(const struct eg_names *a, const struct eg_names *b) {
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->names[i], b->names[i]) != 0) return false;
    return true;
}

static void forget(struct finding *f) {
    eg_dataset_files_free(f->files, f->count);
    eg_names_reset(&f->intents);
    f->files = NULL;
    f->count = f->room = 0;
}

/* One attempt; EG_OK_WARN: a commit began or ended meanwhile. */
static enum eg_status attempt(struct finding *f, const char *commits, enum eg_table_id table,
                              struct eg_error *err) {
    EG_TRY(eg_names_read(&f->intents, commits, err));
    struct eg_journal known = {0};
    f->known = &known;
    enum eg_status status = learn(f->ds, table, &known, err);
    struct eg_layout_walk walk = {consider, f, f->to_us, f->quarantine};
    if (status >= 0) status = eg_layout_walk(f->ds->path, table, &walk, err);
    struct eg_names after = {0};
    if (status >= 0) status = eg_names_read(&after, commits, err);
    if (status >= 0) status = same_names(&f->intents, &after) ? EG_OK : EG_OK_WARN;
    eg_names_reset(&after);
    eg_journal_reset(&known);
    return status;
}

static enum eg_status find(struct finding *f, enum eg_table_id table, struct eg_error *err) {
    char *commits = eg_path_join(f->ds->path, EG_LAYOUT_COMMITS);
    if (!commits) return no_memory(err);
    enum eg_status status = EG_OK_WARN;
    for (int i = 0; i < TRIES && status == EG_OK_WARN; i++) {
        forget(f);
        status = attempt(f, commits, table, err);
    }
    eg_free(commits);
    eg_names_reset(&f->intents);
    if (status < 0) forget(f);
    return status < 0 ? status : EG_OK;
}

enum eg_status eg_dataset_files(struct eg_dataset *ds, enum eg_table_id table, int64_t from_us,
                                int64_t to_us, struct eg_dataset_file **out, size_t *count,
                                struct eg_error *err) {
    struct finding f = {.ds = ds, .from_us = from_us, .to_us = to_us};
    EG_TRY(find(&f, table, err));
    *out = f.files;
    *count = f.count;
    return EG_OK;
}

static bool has_quarantine(const struct eg_dataset *ds, enum eg_table_id table) {
    struct eg_strbuf place = {0};
    eg_strbuf_printf(&place, "%s/", ds->path);
    eg_layout_partition(table, INT64_MIN, &place);
    bool there = place.failed || access(place.text, F_OK) == 0;
    eg_strbuf_reset(&place);
    return there;
}

enum eg_status eg_dataset_quarantine_files(struct eg_dataset *ds, enum eg_table_id table,
                                           struct eg_dataset_file **out, size_t *count,
                                           struct eg_error *err) {
    struct finding f = {.ds = ds, .from_us = INT64_MIN, .to_us = INT64_MAX, .quarantine = true};
    *out = NULL;
    *count = 0;
    if (!has_quarantine(ds, table)) return EG_OK; /* nearly always: nothing is opened */
    EG_TRY(find(&f, table, err));
    *out = f.files;
    *count = f.count;
    return EG_OK;
}

enum eg_status eg_dataset_quarantined(struct eg_dataset *ds, enum eg_table_id table, uint64_t *rows,
                                      struct eg_error *err) {
    struct eg_dataset_file *files;
    size_t count;
    *rows = 0;
    EG_TRY(eg_dataset_quarantine_files(ds, table, &files, &count, err));
    for (size_t i = 0; i < count; i++) *rows += files[i].rows;
    eg_dataset_files_free(files, count);
    return EG_OK;
}

/* Whether there is such a name in the directory below the dataset. */
static enum eg_status has_name(const struct eg_dataset *ds, const char *directory,
                               bool (*is)(const char *name), bool *out, struct eg_error *err) {
    struct eg_names names = {0};
    char *path = eg_path_join(ds->path, directory);
    *out = false;
    if (!path) return no_memory(err);
    enum eg_status status = eg_names_read(&names, path, err);
    for (size_t i = 0; status >= 0 && i < names.count && !*out; i++) *out = is(names.names[i]);
    eg_names_reset(&names);
    eg_free(path);
    return status;
}

static bool is_day(const char *name) { return strncmp(name, "date=", 5) == 0; }
static bool is_swap(const char *name) { return eg_layout_ends(name, ".swap"); }

enum eg_status eg_dataset_removed(struct eg_dataset *ds, enum eg_table_id table, uint64_t *rows,
                                  struct eg_error *err) {
    struct eg_journal known = {0};
    bool there, leaving;
    *rows = 0;
    EG_TRY(has_name(ds, eg_table_name(table), is_day, &there, err));
    if (there) return EG_OK;
    /* the last hour may be on its way out, and not be written down yet */
    EG_TRY(has_name(ds, EG_LAYOUT_COMMITS, is_swap, &leaving, err));
    if (leaving) return EG_OK;
    enum eg_status status = learn(ds, table, &known, err);
    for (size_t i = 0; status >= 0 && i < known.file_count; i++)
        if (known.files[i].table == table && strncmp(known.files[i].path, "quarantine/", 11) != 0)
            *rows += known.files[i].rows;
    eg_journal_reset(&known);
    return status < 0 ? status : EG_OK;
}

/* ---- as SQL ---- */

static const char *sql_type(enum eg_type type) {
    switch (type) {
    case EG_TYPE_TIME: return "timestamp with time zone";
    case EG_TYPE_I16: return "smallint";
    case EG_TYPE_I32: return "integer";
    case EG_TYPE_I64: return "bigint";
    case EG_TYPE_F64: return "double";
    case EG_TYPE_BOOL: return "boolean";
    case EG_TYPE_BIN: return "blob";
    default: return "varchar";
    }
}

/* No file: a relation with all the columns and no rows, so that every question has an answer. */
static void no_rows(enum eg_table_id id, struct eg_strbuf *sql) {
    const struct eg_table *table = eg_table_get(id);
    eg_strbuf_text(sql, "(select ");
    for (uint32_t i = 0; i < table->count; i++)
        eg_strbuf_printf(sql, "%snull::%s as \"%s\"", i ? ", " : "",
                         sql_type(table->columns[i].type), table->columns[i].name);
    eg_strbuf_text(sql, " where false)");
}

enum eg_status eg_dataset_files_relation(const struct eg_dataset_file *files, size_t count,
                                         enum eg_table_id table, struct eg_strbuf *sql,
                                         struct eg_error *err) {
    if (count == 0) {
        no_rows(table, sql);
    } else {
        eg_strbuf_text(sql, "read_parquet([");
        for (size_t i = 0; i < count; i++) {
            if (i) eg_strbuf_char(sql, ',');
            eg_sql_quote(files[i].path, sql);
        }
        eg_strbuf_text(sql, "], union_by_name=true, hive_partitioning=false)");
    }
    return sql->failed ? no_memory(err) : EG_OK;
}

enum eg_status eg_dataset_relation(struct eg_dataset *ds, enum eg_table_id table, int64_t from_us,
                                   int64_t to_us, struct eg_strbuf *sql, struct eg_error *err) {
    struct eg_dataset_file *files;
    size_t count;
    EG_TRY(eg_dataset_files(ds, table, from_us, to_us, &files, &count, err));
    enum eg_status status = eg_dataset_files_relation(files, count, table, sql, err);
    eg_dataset_files_free(files, count);
    return status;
}
