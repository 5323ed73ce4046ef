/* SPDX-License-Identifier: Apache-2.0
 * The readers and filters of the public interface (include/earlgrey.h): captures pulled as batches,
 * by one worker of a scan that the caller's own thread runs. */
#include "base/alloc.h"
#include "filter/filter.h"
#include "table/arrow.h"
#include "table/scan.h"
#include "wire/book.h"

#include <string.h>

struct eg_reader {
    struct eg_scan *scan;
    struct eg_book *book;
    struct eg_scan_worker *worker;
    struct eg_filter *filter;
    const struct eg_source_type *source;
    void *source_options;
    const struct eg_table *table;
    eg_column_set columns;
    enum eg_arrow_style style;
};

static enum eg_status columns_choose(const struct eg_table *table,
                                     const struct eg_reader_options *options, eg_column_set *out,
                                     struct eg_error *err) {
    *out = table->count == 64 ? EG_COLUMNS_ALL : (UINT64_C(1) << table->count) - 1;
    if (!options->columns) return EG_OK;
    *out = 0;
    for (uint32_t i = 0; i < options->column_count; i++) {
        int column = eg_column_find(table, options->columns[i]);
        if (column >= 0) {
            *out |= UINT64_C(1) << column;
            continue;
        }
        const char *names[EG_COLUMNS_MAX];
        for (uint32_t k = 0; k < table->count; k++) names[k] = table->columns[k].name;
        const char *near = eg_nearest(options->columns[i], names, table->count);
        return eg_fail(err, EG_E_USAGE, "%s has no column '%s'%s%s%s", table->name,
                       options->columns[i], near ? "; did you mean '" : "", near ? near : "",
                       near ? "'?" : "");
    }
    return EG_OK;
}

/* What names an input, but for standard input, can be opened twice: so the first one at fault is
 * told before anything is read. The scan itself opens the first. */
static enum eg_status paths_check(const struct eg_reader *reader, const struct eg_env *env,
                                  const char *const *paths, size_t count, struct eg_error *err) {
    for (size_t i = 1; i < count; i++) {
        struct eg_source *source;
        if (strcmp(paths[i], "-") == 0) continue;
        EG_TRY(reader->source->open(env, paths[i], reader->source_options, &source, err));
        reader->source->close(source);
    }
    return EG_OK;
}

static enum eg_status source_choose(struct eg_reader *reader, struct eg_error *err) {
    const struct eg_stage *file = eg_registry_find(EG_STAGE_source, "file");
    EG_ASSERT(file && file->type);
    reader->source = file->type;
    reader->source_options = eg_calloc(1, reader->source->options_size);
    if (!reader->source_options) return eg_fail(err, EG_E_NOMEM, "no memory for a reader");
    return eg_options_preset(reader->source->options, reader->source_options, err);
}

static enum eg_status reader_begin(struct eg_reader *reader, const char *const *paths,
                                   size_t path_count, const struct eg_reader_options *options,
                                   struct eg_error *err) {
    struct eg_env env = eg_env_plain;
    if (options->batch_rows) env.batch_rows = options->batch_rows;
    const char *name = options->table != EG_TABLE_FLOWS ? "packets"
                       : options->metered               ? "metered"
                                                        : "exports";
    const struct eg_stage *extract = eg_registry_find(EG_STAGE_extract, name);
    EG_ASSERT(extract && extract->type);
    EG_TRY(columns_choose(reader->table, options, &reader->columns, err));
    if (options->filter)
        EG_TRY(eg_filter_parse(&reader->filter, options->filter, options->table, NULL, err));
    EG_TRY(source_choose(reader, err));
    EG_TRY(eg_book_new(&reader->book, err));
    struct eg_scan_request request = {
        .source = reader->source,
        .book = reader->book,
        .source_options = reader->source_options,
        .inputs = paths,
        .input_count = path_count,
        .parts = {{.extract = extract->type, .columns = reader->columns}},
        .part_count = 1,
        .netflow_ports = options->netflow_ports,
        .netflow_port_count = options->netflow_port_count,
    };
    if (reader->filter && !eg_filter_is_all(reader->filter))
        request.parts[0].predicate = eg_filter_predicate(reader->filter);
    EG_TRY(eg_scan_open(&reader->scan, &env, &request, err));
    EG_TRY(paths_check(reader, &env, paths, path_count, err));
    return eg_scan_worker_new(&reader->worker, reader->scan, err);
}

enum eg_status eg_reader_open(struct eg_reader **out, const char *const *paths, size_t path_count,
                              const struct eg_reader_options *options, struct eg_error *err) {
    if (options->table != EG_TABLE_FLOWS && options->table != EG_TABLE_PACKETS)
        return eg_fail(err, EG_E_USAGE, "captures hold flows and packets, not %s",
                       eg_table_name(options->table) ? eg_table_name(options->table) : "that");
    struct eg_reader *reader = eg_calloc(1, sizeof *reader);
    if (!reader) return eg_fail(err, EG_E_NOMEM, "no memory for a reader");
    reader->table = eg_table_get(options->table);
    reader->style = options->style;
    enum eg_status status = reader_begin(reader, paths, path_count, options, err);
    if (status < 0) {
        eg_reader_free(reader);
        return status;
    }
    *out = reader;
    return EG_OK;
}

void eg_reader_free(struct eg_reader *reader) {
    if (!reader) return;
    eg_scan_worker_free(reader->worker);
    eg_scan_free(reader->scan);
    eg_book_free(reader->book);
    eg_filter_free(reader->filter);
    if (reader->source_options) eg_options_reset(reader->source->options, reader->source_options);
    eg_free(reader->source_options);
    eg_free(reader);
}

static enum eg_status reader_next(void *from, struct eg_batch **out, struct eg_error *err) {
    struct eg_reader *reader = from;
    return eg_scan_next(reader->worker, out, err);
}

static void reader_release(void *from) { eg_reader_free(from); }

enum eg_status eg_reader_stream(struct eg_reader *reader, struct ArrowArrayStream *out,
                                struct eg_error *err) {
    struct eg_arrow_feed feed = {.next = reader_next, .release = reader_release, .from = reader};
    return eg_arrow_stream(reader->table, reader->columns, reader->style, feed, out, err);
}

/* ---- filters ---- */

enum eg_status eg_filter_to_sql(char **sql, const char *filter, enum eg_table_id table,
                                struct eg_error *err) {
    struct eg_filter *parsed;
    struct eg_strbuf text = {0};
    if (table != EG_TABLE_FLOWS && table != EG_TABLE_PACKETS)
        return eg_fail(err, EG_E_USAGE, "filters are for flows and packets");
    EG_TRY(eg_filter_parse(&parsed, filter, table, NULL, err));
    eg_filter_sql(parsed, &text);
    eg_filter_free(parsed);
    char *taken = eg_strbuf_take(&text);
    if (!taken) return eg_fail(err, EG_E_NOMEM, "no memory for the text of a filter");
    *sql = taken;
    return EG_OK;
}

void eg_text_free(char *text) { eg_free(text); }
