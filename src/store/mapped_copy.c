/* SPDX-License-Identifier: Apache-2.0
 * The copy as SQL: each file of the dataset becomes one of the other, columns of addresses through
 * the engine's mapped_ip() and mapped_mac(). */
#include "store/mapped_copy.h"

#include "base/alloc.h"
#include "base/timetext.h"
#include "store/journal.h"
#include "store/layout.h"

#include <string.h>
#include <sys/stat.h>

struct copying {
    struct eg_mapped_copy *what;
    struct eg_engine *engine;
    struct eg_dataset *from, *to;
    struct eg_commit *commit;
    const struct eg_env *env;
    struct eg_strbuf note; /* of every file: which commit made it */
    uint64_t bytes, bytes_total;
};

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory to copy a dataset");
}

/* ---- one file ---- */

static bool left_out(enum eg_table_id table, const char *column) {
    if (strcmp(column, "extra") == 0) return true;
    return table == EG_TABLE_PACKETS &&
           (strcmp(column, "file") == 0 || strcmp(column, "offset") == 0);
}

/* Only columns that the file has are asked for: the writer puts null for the others. */
static void columns_put(enum eg_table_id table, struct eg_strbuf *sql) {
    const struct eg_table *t = eg_table_get(table);
    const char *between = "";
    for (uint32_t i = 0; i < t->count; i++) {
        const struct eg_column_info *col = &t->columns[i];
        if (left_out(table, col->name)) continue;
        const char *call = col->type == EG_TYPE_ADDR  ? "mapped_ip"
                           : col->type == EG_TYPE_MAC ? "mapped_mac"
                                                      : "";
        eg_strbuf_printf(sql, "%s%s(\"%s\") AS \"%s\"", between, call, col->name, col->name);
        between = ", ";
    }
}

static enum eg_status file_copy(struct copying *c, enum eg_table_id table,
                                const struct eg_dataset_file *file, bool quarantine,
                                struct eg_error *err) {
    int64_t hour_us = file->start_us - ((file->start_us % EG_HOUR_US) + EG_HOUR_US) % EG_HOUR_US;
    if (quarantine) hour_us = INT64_MIN;
    struct eg_strbuf sql = {0};
    struct eg_parquet_stats stats = {0};
    const char *path;
    EG_TRY(eg_commit_file(c->commit, table, hour_us, &path, err));
    eg_strbuf_text(&sql, "SELECT ");
    columns_put(table, &sql);
    eg_strbuf_text(&sql, " FROM ");
    enum eg_status status = eg_dataset_files_relation(file, 1, table, &sql, err);
    if (status >= 0 && sql.failed) status = no_memory(err);
    if (status >= 0)
        status = eg_parquet_rewrite(c->engine, sql.text, path, table, c->note.text, &stats, err);
    if (status >= 0)
        status =
            eg_commit_file_done(c->commit, path, stats.rows, file->start_us, file->end_us, err);
    eg_strbuf_reset(&sql);
    if (status < 0) return status;
    c->what->files++;
    c->what->rows[table] += stats.rows;
    if (quarantine) c->what->quarantined += stats.rows;
    c->bytes += file->bytes;
    if (c->what->progress) c->what->progress(c->what->progress_to, c->bytes, c->bytes_total);
    return EG_OK;
}

/* ---- all files ---- */

static const enum eg_table_id tables[] = {EG_TABLE_FLOWS, EG_TABLE_PACKETS, EG_TABLE_COUNTERS,
                                          EG_TABLE_LOSSES};
#define TABLES (sizeof tables / sizeof *tables)

struct listing { /* what times can be had of, and what stands in quarantine */
    struct eg_dataset_file *files[TABLES][2];
    size_t counts[TABLES][2];
};

static enum eg_status files_list(struct copying *c, struct listing *out, struct eg_error *err) {
    for (size_t i = 0; i < TABLES; i++) {
        EG_TRY(eg_dataset_files(c->from, tables[i], INT64_MIN, INT64_MAX, &out->files[i][0],
                                &out->counts[i][0], err));
        EG_TRY(eg_dataset_quarantine_files(c->from, tables[i], &out->files[i][1],
                                           &out->counts[i][1], err));
        for (int aside = 0; aside < 2; aside++)
            for (size_t k = 0; k < out->counts[i][aside]; k++)
                c->bytes_total += out->files[i][aside][k].bytes;
    }
    return EG_OK;
}

/* What a copy that failed has left is a dataset without rows. */
static enum eg_status target_check(struct copying *c, struct eg_error *err) {
    for (size_t i = 0; i < TABLES; i++) {
        struct eg_dataset_file *files = NULL;
        size_t count = 0;
        EG_TRY(eg_dataset_files(c->to, tables[i], INT64_MIN, INT64_MAX, &files, &count, err));
        eg_dataset_files_free(files, count);
        uint64_t aside;
        EG_TRY(eg_dataset_quarantined(c->to, tables[i], &aside, err));
        if (count || aside)
            return eg_fail(err, EG_E_USAGE,
                           "%s exists and holds rows: name a dataset that is to be made",
                           eg_dataset_path(c->to));
    }
    return EG_OK;
}

static enum eg_status files_copy(struct copying *c, const struct listing *list,
                                 struct eg_error *err) {
    for (size_t i = 0; i < 2 * TABLES; i++)
        for (size_t k = 0; k < list->counts[i / 2][i % 2]; k++) {
            if (eg_env_cancelled(c->env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
            EG_TRY(file_copy(c, tables[i / 2], &list->files[i / 2][i % 2][k], i % 2, err));
        }
    return EG_OK;
}

static enum eg_status copy(struct copying *c, struct eg_error *err) {
    struct eg_engine_options wanted = {.mapping = c->what->map};
    struct listing list = {0};
    EG_TRY(target_check(c, err));
    EG_TRY(eg_engine_open(&c->engine, c->env, &wanted, err));
    EG_TRY(eg_commit_begin(&c->commit, c->to, err));
    EG_TRY(eg_journal_note(eg_commit_id(c->commit), NULL, 0, NULL, &c->note, err));
    enum eg_status status = files_list(c, &list, err);
    if (status >= 0) status = files_copy(c, &list, err);
    for (size_t i = 0; i < 2 * TABLES; i++)
        eg_dataset_files_free(list.files[i / 2][i % 2], list.counts[i / 2][i % 2]);
    return status < 0 ? status : eg_commit_finish(c->commit, NULL, 0, err);
}

/* Whether `path`, of which only a part may be there yet, is the directory `of` or lies inside it. */
static bool lies_in(const char *path, const char *of) {
    struct stat outer, at;
    char *above = stat(of, &outer) == 0 ? eg_strdup(path) : NULL, *slash = above;
    bool found = false;
    while (slash && *above && !found) {
        found = stat(above, &at) == 0 && at.st_dev == outer.st_dev && at.st_ino == outer.st_ino;
        slash = strrchr(above, '/');
        if (slash) *slash = 0;
    }
    eg_free(above);
    return found;
}

/* A copy inside the dataset would be read as a part of it. */
static enum eg_status apart_check(const struct eg_dataset *from, const struct eg_dataset *to,
                                  struct eg_error *err) {
    const char *in = eg_dataset_path(from), *out = eg_dataset_path(to);
    if (!lies_in(out, in)) return EG_OK;
    return eg_fail(err, EG_E_USAGE, "%s is inside what is read, %s: name a place beside it", out,
                   in);
}

enum eg_status eg_dataset_mapped_copy(struct eg_mapped_copy *what, const char *from, const char *to,
                                      const struct eg_env *env, struct eg_error *err) {
    struct copying c = {.what = what, .env = env};
    what->files = what->quarantined = 0;
    memset(what->rows, 0, sizeof what->rows);
    EG_TRY(eg_dataset_open(&c.from, from, EG_DATASET_READ, env, err));
    enum eg_status status = eg_dataset_open(&c.to, to, EG_DATASET_WRITE, env, err);
    if (status >= 0) status = apart_check(c.from, c.to, err);
    if (status >= 0) status = copy(&c, err);
    eg_commit_free(c.commit);
    eg_engine_close(c.engine);
    eg_strbuf_reset(&c.note);
    eg_dataset_close(c.to);
    eg_dataset_close(c.from);
    return status;
}
