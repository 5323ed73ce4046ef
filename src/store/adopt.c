/* SPDX-License-Identifier: Apache-2.0
 * The journal made again out of Parquet footers. */
#include "store/adopt.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "engine/engine.h"
#include "store/record.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct search {
    struct eg_dataset *ds;
    const struct eg_journal *known;
    struct eg_names found; /* relative paths */
    enum eg_table_id *tables;
    enum eg_table_id table; /* being walked */
};

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory to look for files");
}

static enum eg_status see(void *to, const char *relative, const char *name, int64_t hour_us,
                          struct eg_error *err) {
    (void)hour_us;
    struct search *s = to;
    if (!eg_layout_ends(name, ".parquet")) return EG_OK;
    if (eg_index_find(&s->known->file_index, relative) != EG_INDEX_NONE) return EG_OK;
    size_t count = s->found.count;
    enum eg_table_id *tables = eg_realloc(s->tables, count + 1, sizeof *tables);
    if (!tables) return no_memory(err);
    s->tables = tables;
    s->tables[count] = s->table;
    return eg_names_add(&s->found, relative) ? EG_OK : no_memory(err);
}

static enum eg_status search(struct search *s, struct eg_error *err) {
    for (int table = 0; table < EG_TABLE_RAW; table++) {
        struct eg_layout_walk walk = {see, s, INT64_MAX, false};
        s->table = (enum eg_table_id)table;
        EG_TRY(eg_layout_walk(s->ds->path, s->table, &walk, err));
        walk.quarantine = true;
        EG_TRY(eg_layout_walk(s->ds->path, s->table, &walk, err));
    }
    return EG_OK;
}

/* ---- footers ---- */

/* One row: rows, first start, last end, our note. */
static void footer_sql(const char *path, struct eg_strbuf *sql) {
    eg_strbuf_text(sql, "select (select sum(num_rows)::bigint from parquet_file_metadata(");
    eg_sql_quote(path, sql);
    eg_strbuf_text(sql, ")), (select min(epoch_us(stats_min_value::timestamptz)) from "
                        "parquet_metadata(");
    eg_sql_quote(path, sql);
    eg_strbuf_text(sql,
                   ") where path_in_schema in ('start_time', 'time')), "
                   "(select max(epoch_us(stats_max_value::timestamptz)) from parquet_metadata(");
    eg_sql_quote(path, sql);
    eg_strbuf_text(sql, ") where path_in_schema in ('start_time', 'end_time', 'time')), "
                        "(select any_value(decode(value)) from parquet_kv_metadata(");
    eg_sql_quote(path, sql);
    eg_strbuf_text(sql, ") where key = 'earlgrey'::blob)");
}

static enum eg_status read_row(const struct eg_batch *row, struct eg_journal_file *file,
                               struct eg_journal *to, struct eg_error *err) {
    file->start_us = INT64_MAX;
    file->end_us = INT64_MIN;
    if (eg_batch_valid(row, 0, 0)) file->rows = (uint64_t)eg_col_int(&row->columns[0], 0);
    if (eg_batch_valid(row, 1, 0) && eg_batch_valid(row, 2, 0)) {
        file->start_us = eg_col_int(&row->columns[1], 0);
        file->end_us = eg_col_int(&row->columns[2], 0);
    }
    EG_TRY(eg_journal_add_file(to, file, err));
    if (!eg_batch_valid(row, 3, 0)) return EG_OK;
    return eg_journal_read_note(to, eg_col_text(&row->columns[3], 0), err);
}

static enum eg_status read_footer(struct eg_engine *engine, const char *root, const char *relative,
                                  enum eg_table_id table, struct eg_journal *to,
                                  struct eg_error *err) {
    char *path = eg_path_join(root, relative);
    struct stat is;
    if (!path) return no_memory(err);
    struct eg_journal_file file = {.path = (char *)(uintptr_t)relative, .table = table};
    if (stat(path, &is) == 0) file.bytes = (uint64_t)is.st_size;
    struct eg_strbuf sql = {0};
    footer_sql(path, &sql);
    struct eg_batch *row = NULL;
    enum eg_status status =
        sql.failed ? no_memory(err) : eg_engine_first(engine, sql.text, &row, err);
    if (status == EG_OK) status = read_row(row, &file, to, err);
    eg_batch_unref(row);
    eg_strbuf_reset(&sql);
    eg_free(path);
    return status;
}

/* ---- into the journal ---- */

/* The positions and captures that expiry wrote down once more. One that is damaged says nothing. */
static enum eg_status read_positions(const struct search *s, struct eg_journal *to,
                                     struct eg_error *err) {
    struct eg_journal kept = {0};
    char digest[33];
    char *path = eg_path_join(s->ds->path, EG_LAYOUT_POSITIONS);
    enum eg_status status = path ? eg_journal_read(&kept, path, digest, err) : no_memory(err);
    if (status == EG_E_NOENT || status == EG_E_FORMAT) status = EG_OK;
    for (size_t i = 0; status >= 0 && i < kept.mark_count; i++) {
        const struct eg_journal_mark *mark = &kept.marks[i];
        if (eg_index_find(&s->known->mark_index, mark->identity) == EG_INDEX_NONE)
            status = eg_journal_add_mark(to, mark->position, mark->session, mark->commit, err);
    }
    for (size_t i = 0; status >= 0 && i < kept.capture_count; i++)
        status = eg_journal_add_capture(to, &kept.captures[i], err);
    eg_journal_reset(&kept);
    eg_free(path);
    return status;
}

/* A file that was accepted to be gone, or expired, and was put back: by its old name it stays gone in the
 * journal, so it gets another one. */
static enum eg_status name_anew(struct search *s, size_t i, struct eg_error *err) {
    const char *relative = s->found.names[i], *name = strrchr(relative, '/');
    if (!name || eg_index_find(&s->known->gone_index, relative) == EG_INDEX_NONE) return EG_OK;
    struct eg_strbuf again = {0};
    eg_strbuf_printf(&again, "%.*sagain-%s", (int)(name + 1 - relative), relative, name + 1);
    char *from = eg_path_join(s->ds->path, relative);
    char *to = again.failed ? NULL : eg_path_join(s->ds->path, again.text);
    bool taken = to && access(to, F_OK) == 0; /* put back twice: one of the two is left as it is */
    enum eg_status status = !from || !to ? no_memory(err)
                            : taken      ? EG_OK
                                         : eg_file_rename(from, to, err);
    eg_free(from);
    eg_free(to);
    if (status < 0 || taken) {
        eg_strbuf_reset(&again);
        return status;
    }
    eg_free(s->found.names[i]);
    s->found.names[i] = eg_strbuf_take(&again);
    return EG_OK;
}

static enum eg_status adopt(struct search *s, struct eg_strays *out, struct eg_error *err) {
    struct eg_engine *engine = NULL;
    struct eg_engine_options plain = {0};
    EG_TRY(eg_engine_open(&engine, s->ds->env, &plain, err));
    struct eg_journal record = {0};
    enum eg_status status = read_positions(s, &record, err);
    for (size_t i = 0; status >= 0 && i < s->found.count; i++) {
        status = name_anew(s, i, err);
        if (status < 0) break;
        status = read_footer(engine, s->ds->path, s->found.names[i], s->tables[i], &record, err);
        if (status != EG_E_ENGINE && status != EG_E_USAGE && status != EG_E_FORMAT) continue;
        if (!out->broken++)
            snprintf(out->first_broken, sizeof out->first_broken, "%s", s->found.names[i]);
        status = EG_OK; /* one file that is not Parquet costs that file */
    }
    if (status >= 0 && (record.file_count || record.mark_count || record.capture_count))
        status = eg_record_write(s->ds, &record, err);
    if (status >= 0) out->adopted = record.file_count;
    eg_journal_reset(&record);
    eg_engine_close(engine);
    return status < 0 ? status : EG_OK;
}

enum eg_status eg_strays(struct eg_dataset *ds, const struct eg_journal *known, bool take,
                         struct eg_strays *out, struct eg_error *err) {
    *out = (struct eg_strays){0};
    struct search s = {.ds = ds, .known = known};
    enum eg_status status = search(&s, err);
    out->count = s.found.count;
    if (status >= 0 && take) status = adopt(&s, out, err);
    eg_names_reset(&s.found);
    eg_free(s.tables);
    return status;
}
