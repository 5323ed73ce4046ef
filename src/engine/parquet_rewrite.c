/* SPDX-License-Identifier: Apache-2.0
 * A query's rows as a file of one of our tables: texts of addresses and names become again what the
 * encoder takes, a row group at a time. */
#include "base/alloc.h"
#include "engine/inside.h"
#include "engine/parquet_crew.h"
#include "table/address.h"

#include <string.h>
#include <unistd.h>

struct rewriting {
    struct eg_parquet_crew *crew;
    struct eg_parquet_file *file;
    struct eg_builder *builder;
    const struct eg_table *table;
    uint32_t *into; /* for each column of the query, that of the table */
    struct known_address {
        struct eg_addr address; /* of the text before: sorted rows repeat it */
        char text[EG_ADDR_TEXT];
        size_t size;
    } * last;
};

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory to rewrite a file");
}

/* What a column of the table looks like in a query's result. */
static enum eg_type asked_as(enum eg_type type) {
    return type == EG_TYPE_ADDR || type == EG_TYPE_MAC || type == EG_TYPE_NAME ? EG_TYPE_TEXT
                                                                               : type;
}

static enum eg_status match_columns(struct rewriting *r, const struct eg_table *from,
                                    struct eg_error *err) {
    r->into = eg_calloc(from->count + 1, sizeof *r->into);
    r->last = eg_calloc(from->count + 1, sizeof *r->last);
    if (!r->into || !r->last) return no_memory(err);
    for (uint32_t i = 0; i < from->count; i++) {
        int at = eg_column_find(r->table, from->columns[i].name);
        if (at < 0)
            return eg_fail(err, EG_E_FORMAT, "%s has no column '%.100s'", r->table->name,
                           from->columns[i].name);
        if (asked_as(r->table->columns[at].type) != from->columns[i].type)
            return eg_fail(err, EG_E_FORMAT, "the column '%s' is %s here, not %s",
                           from->columns[i].name, eg_type_name(from->columns[i].type),
                           eg_type_name(r->table->columns[at].type));
        r->into[i] = (uint32_t)at;
    }
    return EG_OK;
}

static bool put_address(struct rewriting *r, uint32_t i, struct eg_span text) {
    struct known_address *last = &r->last[i];
    if (!text.size || text.size >= sizeof last->text) return false;
    if (text.size != last->size || memcmp(text.at, last->text, text.size) != 0) {
        last->size = 0;
        if (!eg_addr_parse(&last->address, (const char *)text.at, text.size)) return false;
        memcpy(last->text, text.at, text.size);
        last->size = text.size;
    }
    eg_put_addr(r->builder, r->into[i], &last->address);
    return true;
}

/* False: the text is not what the column holds. */
static bool put_value(struct rewriting *r, const struct eg_batch *from, uint32_t i, uint32_t row) {
    const struct eg_column *column = &from->columns[i];
    uint32_t at = r->into[i];
    int64_t mac;
    struct eg_span text;
    switch (r->table->columns[at].type) {
    case EG_TYPE_F64: eg_put_f64(r->builder, at, eg_col_f64(column)[row]); return true;
    case EG_TYPE_ADDR: return put_address(r, i, eg_col_text(column, row));
    case EG_TYPE_MAC:
        text = eg_col_text(column, row);
        if (!eg_mac_parse(&mac, (const char *)text.at, text.size)) return false;
        eg_put_int(r->builder, at, mac);
        return true;
    case EG_TYPE_NAME:
        text = eg_col_text(column, row);
        eg_put_name(r->builder, at, (const char *)text.at, text.size);
        return true;
    case EG_TYPE_TEXT:
    case EG_TYPE_BIN:
        text = eg_col_text(column, row);
        eg_put_text(r->builder, at, text.at, text.size);
        return true;
    default: eg_put_int(r->builder, at, eg_col_int(column, row)); return true;
    }
}

static enum eg_status put_group(struct rewriting *r, struct eg_error *err) {
    struct eg_batch *batch = NULL;
    enum eg_status status = eg_builder_seal(r->builder, &batch, err);
    if (status == EG_END) return EG_OK;
    struct eg_parquet_order order = {.file = r->file};
    if (status >= 0) status = eg_parquet_file_plan(r->file, &batch, 1, err);
    if (status >= 0) status = eg_parquet_crew_run(r->crew, &order, 1, err);
    eg_batch_unref(batch);
    return status;
}

static enum eg_status put_rows(struct rewriting *r, const struct eg_batch *from,
                               struct eg_error *err) {
    for (uint32_t row = 0; row < from->rows; row++) {
        for (uint32_t i = 0; i < from->table->count; i++) {
            if (from->columns[i].nulls == from->rows || !eg_batch_valid(from, i, row)) continue;
            if (put_value(r, from, i, row)) continue;
            struct eg_span text = eg_col_text(&from->columns[i], row);
            return eg_fail(err, EG_E_FORMAT, "'%.*s' is no value of the column '%s'",
                           text.size < 60 ? (int)text.size : 60, (const char *)text.at,
                           from->table->columns[i].name);
        }
        eg_builder_row(r->builder, 1);
        if (eg_builder_room(r->builder) == 0) EG_TRY(put_group(r, err));
    }
    return EG_OK;
}

static enum eg_status rewrite(struct rewriting *r, struct eg_result *result, struct eg_error *err) {
    EG_TRY(match_columns(r, eg_result_table(result), err));
    for (;;) {
        struct eg_batch *batch = NULL;
        enum eg_status status = eg_result_next(result, &batch, err);
        if (status == EG_END) return put_group(r, err);
        if (status >= 0) status = put_rows(r, batch, err);
        eg_batch_unref(batch);
        EG_TRY(status);
    }
}

enum eg_status eg_parquet_rewrite(struct eg_engine *engine, const char *sql, const char *path,
                                  enum eg_table_id table, const char *note,
                                  struct eg_parquet_stats *out, struct eg_error *err) {
    struct rewriting r = {.table = eg_table_get(table)};
    struct eg_parquet_setup setup = eg_parquet_setup_for(table);
    struct eg_result *result = NULL;
    EG_TRY(eg_engine_query(engine, sql, &result, err));
    enum eg_status status =
        eg_builder_new(&r.builder, r.table, table, EG_PARQUET_GROUP_ROWS, EG_COLUMNS_ALL, err);
    if (status >= 0) status = eg_parquet_crew_new(&r.crew, &engine->env, engine->threads, err);
    if (status >= 0) status = eg_parquet_file_new(&r.file, path, &setup, err);
    if (status >= 0) status = rewrite(&r, result, err);
    if (status >= 0) status = eg_parquet_file_finish(r.file, note ? note : "", out, err);
    eg_parquet_file_free(r.file);
    eg_parquet_crew_free(r.crew);
    eg_builder_free(r.builder);
    eg_result_free(result);
    eg_free(r.into);
    eg_free(r.last);
    return status;
}
