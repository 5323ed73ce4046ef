/* SPDX-License-Identifier: Apache-2.0
 * Reading footers. */
#include "engine/parquet_footer.h"

#include "engine/parquet_file.h"
#include "engine/parquet_thrift_read.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOOTER_MAX (64u << 20)
#define ROWS_MAX (2 * EG_PARQUET_GROUP_ROWS) /* of a row group of ours */
#define TAIL 8                               /* the footer's size, and "PAR1" */

static enum eg_status other(struct eg_error *err) {
    return eg_fail(err, EG_E_FORMAT, "a Parquet file of another kind than ours");
}

/* ---- loading ---- */

static enum eg_status load(int fd, uint64_t at, size_t size, struct eg_strbuf *to,
                           struct eg_error *err) {
    eg_strbuf_clear(to);
    if (!eg_strbuf_reserve(to, size)) return eg_fail(err, EG_E_NOMEM, "no memory for a footer");
    while (to->size < size) {
        ssize_t got = pread(fd, to->text + to->size, size - to->size, (off_t)(at + to->size));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return eg_fail_errno(err, errno, "cannot read a Parquet file");
        if (got == 0) return other(err);
        to->size += (size_t)got;
    }
    return EG_OK;
}

enum eg_status eg_parquet_footer_load(int fd, struct eg_strbuf *to, struct eg_error *err) {
    struct stat st;
    if (fstat(fd, &st) != 0) return eg_fail_errno(err, errno, "cannot read a Parquet file");
    uint64_t bytes = (uint64_t)st.st_size;
    if (bytes < TAIL) return other(err);
    EG_TRY(load(fd, bytes - TAIL, TAIL, to, err));
    uint32_t size = eg_le32(eg_span(to->text, to->size), 0);
    if (memcmp(to->text + 4, "PAR1", 4) != 0 || size > FOOTER_MAX || size > bytes - TAIL)
        return other(err);
    return load(fd, bytes - TAIL - size, size, to, err);
}

/* ---- the schema ---- */

/* An element: a column, or, without `info`, the root of `columns` of them. */
static bool element_is(struct eg_cursor *c, const struct eg_column_info *info, uint32_t columns) {
    struct eg_thrift_field f = {0};
    bool named = false, sized = info != NULL, typed = info == NULL;
    while (eg_thrift_next(c, &f)) {
        if (f.id == 4 && f.type == EG_THRIFT_BINARY)
            named = eg_span_is(eg_thrift_read_binary(c), info ? info->name : "earlgrey_schema");
        else if (f.id == 5 && f.type == EG_THRIFT_I32)
            sized = !info && eg_thrift_read_int(c) == columns;
        else if (f.id == 1 && f.type == EG_THRIFT_I32)
            typed = info && eg_thrift_read_int(c) == eg_parquet_type_of(info->type).physical;
        else
            eg_thrift_pass(c, f.type);
    }
    return named && sized && typed;
}

static bool schema_is(struct eg_cursor *c, const struct eg_table *table) {
    int type;
    uint32_t count = eg_thrift_read_list(c, &type);
    if (type != EG_THRIFT_STRUCT || count != table->count + 1) return false;
    if (!element_is(c, NULL, table->count)) return false;
    for (uint32_t i = 0; i < table->count; i++)
        if (!element_is(c, &table->columns[i], 0)) return false;
    return !c->cut;
}

/* ---- row groups ---- */

static void read_statistics(struct eg_cursor *c, struct eg_parquet_place *place) {
    struct eg_thrift_field f = {0};
    bool most = false, least = false;
    while (eg_thrift_next(c, &f)) {
        if (f.id == 5 && f.type == EG_THRIFT_BINARY) {
            place->most = eg_thrift_read_binary(c);
            most = true;
        } else if (f.id == 6 && f.type == EG_THRIFT_BINARY) {
            place->least = eg_thrift_read_binary(c);
            least = true;
        } else if (f.id == 3 && f.type == EG_THRIFT_I64) {
            place->nulls = eg_thrift_read_int(c);
        } else {
            eg_thrift_pass(c, f.type);
        }
    }
    place->ranged = most && least;
}

/* What ColumnMetaData says; the rest is passed over. */
struct told {
    int64_t codec, values, bytes, data_at, dictionary_at, bloom_at, bloom_bytes;
};

static int64_t *told_of(struct told *told, int32_t id) {
    switch (id) {
    case 4: return &told->codec;
    case 5: return &told->values;
    case 7: return &told->bytes;
    case 9: return &told->data_at;
    case 11: return &told->dictionary_at;
    case 14: return &told->bloom_at;
    case 15: return &told->bloom_bytes;
    default: return NULL;
    }
}

static bool lies_within(int64_t at, int64_t bytes, uint64_t file_bytes) {
    return at >= 0 && bytes >= 0 && (uint64_t)at <= file_bytes &&
           (uint64_t)bytes <= file_bytes - (uint64_t)at;
}

/* Pages are where the file is, the dictionary's first. */
static bool place_make(const struct told *told, uint64_t file_bytes,
                       struct eg_parquet_place *place) {
    bool dictionary = told->dictionary_at > 0;
    int64_t at = dictionary ? told->dictionary_at : told->data_at;
    if (told->codec != EG_PARQUET_ZSTD || !lies_within(at, told->bytes, file_bytes) ||
        told->data_at < at || told->data_at - at > told->bytes ||
        !lies_within(told->bloom_at, told->bloom_bytes, file_bytes))
        return false;
    place->at = (uint64_t)at;
    place->bytes = (uint64_t)told->bytes;
    place->dictionary_bytes = (uint64_t)(told->data_at - at);
    place->bloom_at = (uint64_t)told->bloom_at;
    place->bloom_bytes = (uint64_t)told->bloom_bytes;
    return true;
}

static bool read_column(struct eg_cursor *c, uint64_t file_bytes, struct eg_parquet_place *place,
                        int64_t *values) {
    struct eg_thrift_field f = {0};
    struct told told = {.codec = -1, .values = -1, .bytes = -1, .data_at = -1};
    *place = (struct eg_parquet_place){.nulls = -1};
    while (eg_thrift_next(c, &f)) {
        int64_t *number = told_of(&told, f.id);
        if (number && (f.type == EG_THRIFT_I32 || f.type == EG_THRIFT_I64))
            *number = eg_thrift_read_int(c);
        else if (f.id == 12 && f.type == EG_THRIFT_STRUCT)
            read_statistics(c, place);
        else
            eg_thrift_pass(c, f.type);
    }
    *values = told.values;
    return place_make(&told, file_bytes, place);
}

/* ColumnChunk: its pages stand in this file. */
static bool read_chunk(struct eg_cursor *c, uint64_t file_bytes, struct eg_parquet_place *place,
                       int64_t *values) {
    struct eg_thrift_field f = {0};
    bool found = false;
    while (eg_thrift_next(c, &f)) {
        if (f.id == 1) return false;
        if (f.id == 3 && f.type == EG_THRIFT_STRUCT)
            found = read_column(c, file_bytes, place, values);
        else
            eg_thrift_pass(c, f.type);
    }
    return found;
}

static bool read_group(struct eg_cursor *c, uint64_t file_bytes, const struct eg_table *table,
                       struct eg_parquet_place *places, uint32_t *rows) {
    struct eg_thrift_field f = {0};
    int64_t count = -1, values[EG_COLUMNS_MAX];
    bool columns = false;
    while (eg_thrift_next(c, &f)) {
        int type;
        if (f.id == 1 && f.type == EG_THRIFT_LIST && !columns) {
            columns = eg_thrift_read_list(c, &type) == table->count && type == EG_THRIFT_STRUCT;
            for (uint32_t i = 0; columns && i < table->count; i++)
                columns = read_chunk(c, file_bytes, &places[i], &values[i]);
            if (!columns) return false;
        } else if (f.id == 3 && f.type == EG_THRIFT_I64) {
            count = eg_thrift_read_int(c);
        } else {
            eg_thrift_pass(c, f.type);
        }
    }
    if (!columns || c->cut || count < 0 || count > ROWS_MAX) return false;
    for (uint32_t i = 0; i < table->count; i++)
        if (values[i] != count) return false;
    *rows = (uint32_t)count;
    return true;
}

enum eg_status eg_parquet_footer_groups(
    struct eg_span footer, uint64_t file_bytes, const struct eg_table *table,
    enum eg_status (*visit)(void *to, const struct eg_parquet_row_group *, struct eg_error *),
    void *to, struct eg_error *err) {
    struct eg_cursor c = eg_cursor_of(footer);
    struct eg_thrift_field f = {0};
    struct eg_parquet_place places[EG_COLUMNS_MAX];
    bool ours = false, groups = false;
    if (table->count > EG_COLUMNS_MAX) return other(err);
    while (eg_thrift_next(&c, &f)) {
        int type;
        if (f.id == 2 && f.type == EG_THRIFT_LIST) {
            ours = schema_is(&c, table);
            if (!ours) return other(err);
        } else if (f.id == 4 && f.type == EG_THRIFT_LIST && ours && !groups) {
            uint32_t count = eg_thrift_read_list(&c, &type);
            groups = count == 0 || type == EG_THRIFT_STRUCT;
            for (uint32_t i = 0; groups && i < count; i++) {
                struct eg_parquet_row_group group = {.places = places};
                if (!read_group(&c, file_bytes, table, places, &group.rows)) return other(err);
                EG_TRY(visit(to, &group, err));
            }
        } else {
            eg_thrift_pass(&c, f.type);
        }
    }
    return groups && !c.cut ? EG_OK : other(err);
}
