/* SPDX-License-Identifier: Apache-2.0
 * The merge as SQL over the old files; the proof is asked of both sides before anything is swapped. */
#include "store/merge.h"

#include "base/alloc.h"
#include "base/durable.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What look-ups ask for stands together: an address is in few row groups, whose ranges say so
 * (docs/decisions/0009-compaction.md has the figures). */
static const char *order_of(enum eg_table_id table) {
    switch (table) {
    case EG_TABLE_FLOWS: return "src_ip, dst_ip, start_time";
    case EG_TABLE_PACKETS: return "src_ip, dst_ip, time, time_ns, file, \"offset\"";
    case EG_TABLE_COUNTERS: return "exporter, interface, time";
    default: return "start_time, cause";
    }
}

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory to merge files");
}

/* ---- the texts ---- */

struct texts {
    struct eg_strbuf files;   /* ['/…', …] */
    struct eg_strbuf columns; /* "a", "b", … : those the files have */
};

static void texts_reset(struct texts *t) {
    eg_strbuf_reset(&t->files);
    eg_strbuf_reset(&t->columns);
}

static enum eg_status name_files(const struct eg_merge *merge, struct eg_strbuf *to,
                                 struct eg_error *err) {
    eg_strbuf_char(to, '[');
    for (size_t i = 0; i < merge->files->count; i++) {
        char *path = eg_path_join(merge->root, merge->files->names[i]);
        if (!path) return no_memory(err);
        if (i) eg_strbuf_char(to, ',');
        eg_sql_quote(path, to);
        eg_free(path);
    }
    eg_strbuf_char(to, ']');
    return to->failed ? no_memory(err) : EG_OK;
}

/* Each row of a query of one text column to a function. */
static enum eg_status each_text(struct eg_engine *engine, const char *sql,
                                enum eg_status (*see)(void *to, struct eg_span, struct eg_error *),
                                void *to, struct eg_error *err) {
    struct eg_result *result = NULL;
    EG_TRY(eg_engine_query(engine, sql, &result, err));
    enum eg_status status = EG_OK;
    while (status == EG_OK) {
        struct eg_batch *batch = NULL;
        status = eg_result_next(result, &batch, err);
        for (uint32_t row = 0; status == EG_OK && row < batch->rows; row++)
            if (eg_batch_valid(batch, 0, row))
                status = see(to, eg_col_text(&batch->columns[0], row), err);
        eg_batch_unref(batch);
    }
    eg_result_free(result);
    return status < 0 ? status : EG_OK;
}

struct columns {
    const struct eg_table *table;
    eg_column_set have;
};

static enum eg_status see_column(void *to, struct eg_span name, struct eg_error *err) {
    struct columns *c = to;
    char text[128];
    snprintf(text, sizeof text, "%.*s", (int)(name.size < 127 ? name.size : 127),
             (const char *)name.at);
    int at = eg_column_find(c->table, text);
    if (at < 0)
        return eg_fail(err, EG_E_FORMAT, "a file has the column '%s', which %s do not have here",
                       text, c->table->name);
    c->have |= UINT64_C(1) << at;
    return EG_OK;
}

/* Files of older versions lack columns; where all of them do, the column is not asked for. */
static enum eg_status name_columns(const struct eg_merge *merge, struct texts *t,
                                   struct eg_error *err) {
    struct columns c = {.table = eg_table_get(merge->table)};
    struct eg_strbuf sql = {0};
    eg_strbuf_printf(&sql,
                     "SELECT DISTINCT name FROM parquet_schema(%s) WHERE num_children IS NULL",
                     t->files.text);
    enum eg_status status =
        sql.failed ? no_memory(err) : each_text(merge->engine, sql.text, see_column, &c, err);
    eg_strbuf_reset(&sql);
    EG_TRY(status);
    for (uint32_t i = 0; i < c.table->count; i++)
        if (c.have >> i & 1)
            eg_strbuf_printf(&t->columns, "%s\"%s\"", t->columns.size ? ", " : "",
                             c.table->columns[i].name);
    if (t->columns.failed) return no_memory(err);
    if (!t->columns.size) return eg_fail(err, EG_E_FORMAT, "the files have no columns");
    return EG_OK;
}

/* ---- positions ---- */

static enum eg_status see_note(void *to, struct eg_span note, struct eg_error *err) {
    return eg_journal_read_note(to, note, err);
}

static enum eg_status join_notes(const struct eg_merge *merge, const struct texts *t,
                                 struct eg_strbuf *to, struct eg_error *err) {
    struct eg_journal marks = {0};
    struct eg_strbuf sql = {0};
    eg_strbuf_printf(&sql,
                     "SELECT decode(value) FROM parquet_kv_metadata(%s) WHERE key = "
                     "'earlgrey'::BLOB",
                     t->files.text);
    enum eg_status status =
        sql.failed ? no_memory(err) : each_text(merge->engine, sql.text, see_note, &marks, err);
    if (status >= 0) status = eg_journal_note_merged(merge->commit, &marks, to, err);
    eg_strbuf_reset(&sql);
    eg_journal_reset(&marks);
    return status;
}

/* ---- the proof ---- */

struct proof {
    int64_t rows, start_us, end_us; /* start > end: no row has a time */
    char sum[48];                   /* of the digests of all rows */
};

static const char *times_of(enum eg_table_id table) {
    switch (table) {
    case EG_TABLE_FLOWS:
    case EG_TABLE_LOSSES:
        return "epoch_us(min(start_time)), epoch_us(max(greatest(start_time, end_time)))";
    default: return "epoch_us(min(time)), epoch_us(max(time))";
    }
}

static enum eg_status prove(const struct eg_merge *merge, const struct texts *t, const char *files,
                            struct proof *out, struct eg_error *err) {
    struct eg_strbuf sql = {0};
    struct eg_batch *row = NULL;
    *out = (struct proof){.start_us = INT64_MAX, .end_us = INT64_MIN};
    eg_strbuf_printf(&sql,
                     "SELECT count(*), %s, CAST(coalesce(sum(CAST(hash(%s) AS HUGEINT)), 0) AS "
                     "VARCHAR) FROM read_parquet(%s, union_by_name=true, hive_partitioning=false)",
                     times_of(merge->table), t->columns.text, files);
    enum eg_status status =
        sql.failed ? no_memory(err) : eg_engine_first(merge->engine, sql.text, &row, err);
    if (status == EG_OK) {
        struct eg_span sum = eg_col_text(&row->columns[3], 0);
        out->rows = eg_col_int(&row->columns[0], 0);
        snprintf(out->sum, sizeof out->sum, "%.*s", (int)sum.size, (const char *)sum.at);
        if (eg_batch_valid(row, 1, 0) && eg_batch_valid(row, 2, 0)) {
            out->start_us = eg_col_int(&row->columns[1], 0);
            out->end_us = eg_col_int(&row->columns[2], 0);
        }
    }
    eg_batch_unref(row);
    eg_strbuf_reset(&sql);
    return status < 0 ? status : EG_OK;
}

static enum eg_status prove_same(const struct eg_merge *merge, const struct texts *t,
                                 struct eg_journal_file *out, struct eg_error *err) {
    struct proof before, after;
    struct eg_strbuf made = {0};
    eg_strbuf_char(&made, '[');
    eg_sql_quote(merge->path, &made);
    eg_strbuf_char(&made, ']');
    enum eg_status status = made.failed ? no_memory(err) : EG_OK;
    if (status >= 0) status = prove(merge, t, t->files.text, &before, err);
    if (status >= 0) status = prove(merge, t, made.text, &after, err);
    eg_strbuf_reset(&made);
    EG_TRY(status);
    if (before.rows != after.rows || strcmp(before.sum, after.sum) != 0 ||
        (uint64_t)before.rows != out->rows)
        return eg_fail(err, EG_E_FORMAT,
                       "the merged file would not hold the same rows (%lld of %lld, %s and %s): "
                       "nothing was changed",
                       (long long)after.rows, (long long)before.rows, after.sum, before.sum);
    out->start_us = before.start_us;
    out->end_us = before.end_us;
    return EG_OK;
}

/* ---- the merge ---- */

static enum eg_status write_merged(const struct eg_merge *merge, const struct texts *t,
                                   struct eg_journal_file *out, struct eg_error *err) {
    struct eg_strbuf sql = {0}, note = {0};
    struct eg_parquet_stats stats = {0};
    eg_strbuf_printf(&sql,
                     "SELECT %s FROM read_parquet(%s, union_by_name=true, hive_partitioning=false) "
                     "ORDER BY %s",
                     t->columns.text, t->files.text, order_of(merge->table));
    enum eg_status status = join_notes(merge, t, &note, err);
    if (status >= 0 && sql.failed) status = no_memory(err);
    if (status >= 0)
        status = eg_parquet_rewrite(merge->engine, sql.text, merge->path, merge->table, note.text,
                                    &stats, err);
    eg_strbuf_reset(&sql);
    eg_strbuf_reset(&note);
    out->table = merge->table;
    out->rows = stats.rows;
    out->bytes = stats.bytes;
    return status;
}

enum eg_status eg_merge(const struct eg_merge *merge, struct eg_journal_file *out,
                        struct eg_error *err) {
    struct texts t = {0};
    enum eg_status status = name_files(merge, &t.files, err);
    if (status >= 0) status = name_columns(merge, &t, err);
    if (status >= 0) status = write_merged(merge, &t, out, err);
    if (status >= 0) {
        status = prove_same(merge, &t, out, err);
        if (status < 0) (void)unlink(merge->path);
    }
    texts_reset(&t);
    return status;
}
