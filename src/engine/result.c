/* SPDX-License-Identifier: Apache-2.0
 * Queries, and their rows as batches. The result streams: rows are made while they are fetched.
 * The columns become a struct eg_table of their own; names that are ours bring unit and meaning. */
#include "base/alloc.h"
#include "engine/inside.h"

#include <string.h>

/* How a column of the result becomes a column of a batch. */
enum take {
    TAKE_COPY,    /* the same width and meaning */
    TAKE_WIDEN,   /* integers of another width */
    TAKE_HUGE,    /* 128 bits that fit 64 */
    TAKE_SCALE,   /* times of another unit */
    TAKE_DECIMAL, /* with digits behind the point, as double */
    TAKE_BOOL,
    TAKE_STRING,
    TAKE_TEXT, /* whatever eg_cell_text makes of it */
};

struct shape_column {
    enum take take;
    duckdb_type id; /* for decimals: what it is kept as */
    duckdb_logical_type type;
    double divisor; /* DECIMAL */
    bool json;
};

/* The columns of a result; batches hold on to it. */
struct shape {
    struct eg_owner owner;
    struct eg_table table;
    struct eg_column_info *infos;
    struct shape_column *columns;
};

struct eg_result {
    struct eg_engine *engine;
    duckdb_prepared_statement statement;
    duckdb_result result;
    duckdb_data_chunk chunk; /* being given out */
    idx_t at, rows;
    bool over;
    struct shape *shape;
    struct eg_strbuf scratch;
};

/* ---- the shape ---- */

static void shape_release(struct eg_owner *owner) {
    struct shape *shape = (struct shape *)(void *)owner;
    for (uint32_t i = 0; i < shape->table.count; i++) {
        if (shape->infos) eg_free((void *)(uintptr_t)shape->infos[i].name);
        if (shape->columns) duckdb_destroy_logical_type(&shape->columns[i].type);
    }
    eg_free(shape->infos);
    eg_free(shape->columns);
    eg_free(shape);
}

/* Unit and meaning of a name: ours, or of what our views and macros make. */
static void describe(struct eg_column_info *info) {
    static const struct {
        const char *name, *unit, *meaning;
    } made[] = {
        {"scaled_bytes", "bytes", "Bytes times the sampling rate."},
        {"scaled_packets", "packets", "Packets times the sampling rate."},
        {"flows", "flows", "Number of flow records."},
        {"duration", "s", "Seconds from the first to the last packet."},
        {"duration_us", "µs", "Microseconds from the first to the last packet."},
        {"bps", "bit/s", "Bits a second."},
        {"pps", "packets/s", "Packets a second."},
        {"in_bps", "bit/s", "Bits a second, coming in."},
        {"out_bps", "bit/s", "Bits a second, going out."},
    };
    info->unit = info->meaning = info->elsewhere = info->null_rule = "";
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        if (strcmp(made[i].name, info->name) != 0) continue;
        info->unit = made[i].unit;
        info->meaning = made[i].meaning;
        return;
    }
    for (int table = EG_TABLE_FLOWS; table <= EG_TABLE_LOSSES; table++) {
        const struct eg_table *from = eg_table_get((enum eg_table_id)table);
        int col = eg_column_find(from, info->name);
        if (col < 0) continue;
        info->unit = from->columns[col].unit;
        info->meaning = from->columns[col].meaning;
        info->null_rule = from->columns[col].null_rule;
        info->elsewhere = from->columns[col].elsewhere;
        return;
    }
}

static void set(struct shape *shape, uint32_t i, enum eg_type type, enum take take) {
    shape->infos[i].type = type;
    shape->columns[i].take = take;
}

static void shape_decimal(struct shape *shape, uint32_t i) {
    struct shape_column *col = &shape->columns[i];
    col->id = duckdb_decimal_internal_type(col->type);
    uint8_t scale = duckdb_decimal_scale(col->type);
    col->divisor = 1;
    for (uint8_t k = 0; k < scale; k++) col->divisor *= 10;
    if (scale) set(shape, i, EG_TYPE_F64, TAKE_DECIMAL);
    else set(shape, i, EG_TYPE_I64, col->id == DUCKDB_TYPE_HUGEINT ? TAKE_HUGE : TAKE_WIDEN);
}

/* False: a type that nothing is known of. */
static bool shape_type(struct shape *shape, uint32_t i) {
    struct shape_column *col = &shape->columns[i];
    col->id = duckdb_get_type_id(col->type);
    switch (col->id) {
    case DUCKDB_TYPE_BOOLEAN: set(shape, i, EG_TYPE_BOOL, TAKE_BOOL); return true;
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_UTINYINT: set(shape, i, EG_TYPE_I16, TAKE_WIDEN); return true;
    case DUCKDB_TYPE_SMALLINT: set(shape, i, EG_TYPE_I16, TAKE_COPY); return true;
    case DUCKDB_TYPE_USMALLINT: set(shape, i, EG_TYPE_I32, TAKE_WIDEN); return true;
    case DUCKDB_TYPE_INTEGER: set(shape, i, EG_TYPE_I32, TAKE_COPY); return true;
    case DUCKDB_TYPE_UINTEGER: set(shape, i, EG_TYPE_I64, TAKE_WIDEN); return true;
    case DUCKDB_TYPE_BIGINT: set(shape, i, EG_TYPE_I64, TAKE_COPY); return true;
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT: set(shape, i, EG_TYPE_I64, TAKE_HUGE); return true;
    case DUCKDB_TYPE_DECIMAL: shape_decimal(shape, i); return true;
    case DUCKDB_TYPE_FLOAT: set(shape, i, EG_TYPE_F64, TAKE_WIDEN); return true;
    case DUCKDB_TYPE_DOUBLE: set(shape, i, EG_TYPE_F64, TAKE_COPY); return true;
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_TIMESTAMP_NS: set(shape, i, EG_TYPE_TIME, TAKE_SCALE); return true;
    case DUCKDB_TYPE_VARCHAR: set(shape, i, EG_TYPE_TEXT, TAKE_STRING); return true;
    case DUCKDB_TYPE_BLOB: set(shape, i, EG_TYPE_BIN, TAKE_STRING); return true;
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_ARRAY:
    case DUCKDB_TYPE_STRUCT:
    case DUCKDB_TYPE_MAP:
    case DUCKDB_TYPE_UNION:
        col->json = true;
        shape->infos[i].unit = "JSON";
        set(shape, i, EG_TYPE_TEXT, TAKE_TEXT);
        return eg_cell_known(col->type);
    default: set(shape, i, EG_TYPE_TEXT, TAKE_TEXT); return eg_cell_known(col->type);
    }
}

static enum eg_status shape_make(struct eg_result *result, struct eg_error *err) {
    idx_t count = duckdb_column_count(&result->result);
    struct shape *shape = eg_calloc(1, sizeof *shape);
    if (!shape) return eg_fail(err, EG_E_NOMEM, "no memory for the result's columns");
    result->shape = shape;
    atomic_init(&shape->owner.refs, 1);
    shape->owner.release = shape_release;
    shape->infos = eg_calloc(count ? count : 1, sizeof *shape->infos);
    shape->columns = eg_calloc(count ? count : 1, sizeof *shape->columns);
    if (!shape->infos || !shape->columns)
        return eg_fail(err, EG_E_NOMEM, "no memory for the result's columns");
    shape->table = (struct eg_table){"result", "The rows of a query.", shape->infos, 0};
    for (uint32_t i = 0; i < count; i++) {
        const char *name = duckdb_column_name(&result->result, i);
        shape->infos[i].name = eg_strdup(name ? name : "");
        if (!shape->infos[i].name)
            return eg_fail(err, EG_E_NOMEM, "no memory for the result's columns");
        shape->table.count = i + 1;
        describe(&shape->infos[i]);
        shape->columns[i].type = duckdb_column_logical_type(&result->result, i);
        if (!shape_type(shape, i))
            return eg_fail(err, EG_E_USAGE,
                           "the column '%s' is of a type that cannot be shown; write it as "
                           "CAST(… AS VARCHAR)",
                           shape->infos[i].name);
    }
    return EG_OK;
}

/* ---- wide numbers ---- */

static bool fits_i64(const struct shape_column *col, const void *values, idx_t row, int64_t *out) {
    if (col->id == DUCKDB_TYPE_UBIGINT) {
        uint64_t value = ((const uint64_t *)values)[row];
        *out = (int64_t)value;
        return value <= INT64_MAX;
    }
    const duckdb_hugeint *value = (const duckdb_hugeint *)values + row;
    *out = (int64_t)value->lower;
    if (col->id == DUCKDB_TYPE_UHUGEINT) return value->upper == 0 && *out >= 0;
    return value->upper == (*out < 0 ? -1 : 0);
}

static bool row_valid(const uint64_t *valid, idx_t row) {
    return !valid || valid[row / 64] >> (row % 64) & 1;
}

/* Sums are 128 bits wide in SQL. They are given as 64 unless the first rows already need more. */
static void shape_widths(struct eg_result *result) {
    for (uint32_t i = 0; i < result->shape->table.count && result->chunk; i++) {
        struct shape_column *col = &result->shape->columns[i];
        if (col->take != TAKE_HUGE) continue;
        duckdb_vector vector = duckdb_data_chunk_get_vector(result->chunk, i);
        const uint64_t *valid = duckdb_vector_get_validity(vector);
        const void *values = duckdb_vector_get_data(vector);
        for (idx_t row = 0; row < result->rows; row++) {
            int64_t value;
            if (!row_valid(valid, row) || fits_i64(col, values, row, &value)) continue;
            set(result->shape, i, EG_TYPE_TEXT, TAKE_TEXT);
            break;
        }
    }
}

/* ---- columns of a batch ---- */

struct piece {
    struct eg_result *result;
    const struct shape_column *col;
    duckdb_vector vector;
    const uint64_t *valid;
    const void *values;
    idx_t from;
    uint32_t count;
    struct eg_column *to;
};

static bool take_nulls(struct piece *p) {
    if (!p->valid) return true;
    struct eg_column *to = p->to;
    to->valid = eg_aligned(((size_t)p->count + 63) / 64 * 8);
    if (!to->valid) return false;
    for (uint32_t k = 0; k < p->count; k++) {
        if (row_valid(p->valid, p->from + k)) to->valid[k / 64] |= UINT64_C(1) << (k % 64);
        else to->nulls++;
    }
    return true;
}

static int64_t integer_at(const struct piece *p, idx_t row) {
    switch (p->col->id) {
    case DUCKDB_TYPE_TINYINT: return ((const int8_t *)p->values)[row];
    case DUCKDB_TYPE_UTINYINT: return ((const uint8_t *)p->values)[row];
    case DUCKDB_TYPE_SMALLINT: return ((const int16_t *)p->values)[row];
    case DUCKDB_TYPE_USMALLINT: return ((const uint16_t *)p->values)[row];
    case DUCKDB_TYPE_INTEGER: return ((const int32_t *)p->values)[row];
    case DUCKDB_TYPE_UINTEGER: return ((const uint32_t *)p->values)[row];
    default: return ((const int64_t *)p->values)[row];
    }
}

static void take_widened(struct piece *p) {
    for (uint32_t k = 0; k < p->count; k++) {
        idx_t row = p->from + k;
        switch (p->to->type) {
        case EG_TYPE_F64:
            ((double *)p->to->values)[k] = (double)((const float *)p->values)[row];
            break;
        case EG_TYPE_I16: ((int16_t *)p->to->values)[k] = (int16_t)integer_at(p, row); break;
        case EG_TYPE_I32: ((int32_t *)p->to->values)[k] = (int32_t)integer_at(p, row); break;
        default: ((int64_t *)p->to->values)[k] = integer_at(p, row);
        }
    }
}

static enum eg_status take_huge(struct piece *p, const char *name, struct eg_error *err) {
    for (uint32_t k = 0; k < p->count; k++) {
        int64_t value = 0;
        if (row_valid(p->valid, p->from + k) && !fits_i64(p->col, p->values, p->from + k, &value))
            return eg_fail(err, EG_E_USAGE,
                           "a value of '%s' is above 64 bits; write it as CAST(… AS VARCHAR) or "
                           "CAST(… AS DOUBLE)",
                           name);
        ((int64_t *)p->to->values)[k] = value;
    }
    return EG_OK;
}

static void put_null(struct piece *p, uint32_t k) {
    if (!p->to->valid || !eg_bit(p->to->valid, k)) return;
    p->to->valid[k / 64] &= ~(UINT64_C(1) << (k % 64));
    p->to->nulls++;
}

/* Infinite times become null: no other format has them. */
static bool take_times(struct piece *p) {
    int64_t *to = p->to->values;
    for (uint32_t k = 0; k < p->count; k++) {
        int64_t value = ((const int64_t *)p->values)[p->from + k];
        bool bad = value == INT64_MAX || value <= -INT64_MAX;
        if (p->col->id == DUCKDB_TYPE_TIMESTAMP_S)
            bad |= __builtin_mul_overflow(value, INT64_C(1000000), &to[k]);
        else if (p->col->id == DUCKDB_TYPE_TIMESTAMP_MS)
            bad |= __builtin_mul_overflow(value, INT64_C(1000), &to[k]);
        else if (p->col->id == DUCKDB_TYPE_TIMESTAMP_NS)
            to[k] = value / 1000 - (value % 1000 < 0);
        else to[k] = value;
        if (!bad || !row_valid(p->valid, p->from + k)) continue;
        if (!p->to->valid) {
            p->to->valid = eg_aligned(((size_t)p->count + 63) / 64 * 8);
            if (!p->to->valid) return false;
            for (uint32_t i = 0; i < p->count; i++)
                p->to->valid[i / 64] |= UINT64_C(1) << (i % 64);
        }
        put_null(p, k);
    }
    return true;
}

static void take_decimals(struct piece *p) {
    for (uint32_t k = 0; k < p->count; k++) {
        idx_t row = p->from + k;
        double value = p->col->id == DUCKDB_TYPE_HUGEINT
                           ? duckdb_hugeint_to_double(((const duckdb_hugeint *)p->values)[row])
                           : (double)integer_at(p, row);
        ((double *)p->to->values)[k] = value / p->col->divisor;
    }
}

static void take_bools(struct piece *p) {
    for (uint32_t k = 0; k < p->count; k++) /* below a null stands any byte */
        if (row_valid(p->valid, p->from + k) && ((const uint8_t *)p->values)[p->from + k])
            ((uint64_t *)p->to->values)[k / 64] |= UINT64_C(1) << (k % 64);
}

/* All texts of the piece go through the scratch buffer, then into a buffer of their size. */
static bool take_texts(struct piece *p) {
    struct eg_strbuf *all = &p->result->scratch;
    eg_strbuf_clear(all);
    p->to->offsets = eg_aligned(((size_t)p->count + 1) * 4);
    if (!p->to->offsets) return false;
    for (uint32_t k = 0; k < p->count; k++) {
        idx_t row = p->from + k;
        if (row_valid(p->valid, row)) {
            if (p->col->take == TAKE_STRING) {
                duckdb_string_t value = ((const duckdb_string_t *)p->values)[row];
                eg_strbuf_add(all, duckdb_string_t_data(&value), duckdb_string_t_length(value));
            } else {
                eg_cell_text(p->vector, p->col->type, row, p->col->json, all);
            }
        }
        if (all->failed || all->size > INT32_MAX) return false;
        p->to->offsets[k + 1] = (int32_t)all->size;
    }
    p->to->values = eg_aligned(all->size ? all->size : 1);
    if (p->to->values && all->size) memcpy(p->to->values, all->text, all->size);
    return p->to->values != NULL;
}

static enum eg_status take_column(struct piece *p, const struct eg_column_info *info,
                                  struct eg_error *err) {
    bool whole = take_nulls(p);
    uint32_t width = eg_type_width(info->type);
    if (whole && p->col->take != TAKE_STRING && p->col->take != TAKE_TEXT) {
        size_t bytes = p->col->take == TAKE_BOOL ? ((size_t)p->count + 63) / 64 * 8
                                                 : (size_t)p->count * width;
        p->to->values = eg_aligned(bytes);
        whole = p->to->values != NULL;
    }
    if (!whole) return eg_fail(err, EG_E_NOMEM, "no memory for the rows of a query");
    switch (p->col->take) {
    case TAKE_COPY:
        memcpy(p->to->values, (const uint8_t *)p->values + (size_t)p->from * width,
               (size_t)p->count * width);
        break;
    case TAKE_WIDEN: take_widened(p); break;
    case TAKE_HUGE: return take_huge(p, info->name, err);
    case TAKE_SCALE: whole = take_times(p); break;
    case TAKE_DECIMAL: take_decimals(p); break;
    case TAKE_BOOL: take_bools(p); break;
    case TAKE_STRING:
    case TAKE_TEXT: whole = take_texts(p); break;
    }
    if (!whole) return eg_fail(err, EG_E_NOMEM, "no memory for the rows of a query");
    return EG_OK;
}

/* ---- fetching ---- */

/* The next chunk with rows, or none (then `over`). */
static enum eg_status fetch(struct eg_result *result, struct eg_error *err) {
    duckdb_destroy_data_chunk(&result->chunk);
    result->at = result->rows = 0;
    while (!result->over) {
        result->chunk = duckdb_fetch_chunk(result->result);
        const char *why = duckdb_result_error(&result->result);
        if (!result->chunk && why && *why) {
            result->over = true;
            return eg_engine_fault(result->engine, why, 0, err);
        }
        if (eg_env_cancelled(&result->engine->env)) {
            result->over = true;
            return eg_fail(err, EG_E_CANCELLED, "interrupted");
        }
        if (!result->chunk) {
            result->over = true;
            break;
        }
        result->rows = duckdb_data_chunk_get_size(result->chunk);
        if (result->rows) break;
        duckdb_destroy_data_chunk(&result->chunk);
    }
    return EG_OK;
}

static enum eg_status run(struct eg_result *result, const char *sql, struct eg_error *err) {
    struct eg_engine *engine = result->engine;
    EG_TRY(eg_statement_prepare(engine, sql, &result->statement, err));
    duckdb_pending_result pending = NULL;
    enum eg_status status = EG_OK;
    if (duckdb_pending_prepared_streaming(result->statement, &pending) != DuckDBSuccess)
        status = eg_engine_fault(engine, duckdb_pending_error(pending), 0, err);
    else if (duckdb_execute_pending(pending, &result->result) != DuckDBSuccess)
        status = eg_engine_fault(engine, duckdb_result_error(&result->result), 0, err);
    duckdb_destroy_pending(&pending);
    EG_TRY(status);
    EG_TRY(fetch(result, err));
    EG_TRY(shape_make(result, err));
    shape_widths(result);
    return EG_OK;
}

enum eg_status eg_engine_query(struct eg_engine *engine, const char *sql, struct eg_result **out,
                               struct eg_error *err) {
    if (engine->open_result)
        return eg_fail(err, EG_E_USAGE, "the result of the last query is still being read");
    if (engine->locks) EG_TRY(eg_engine_lock(engine, err));
    eg_engine_forget(engine);
    if (eg_env_cancelled(&engine->env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
    struct eg_result *result = eg_calloc(1, sizeof *result);
    if (!result) return eg_fail(err, EG_E_NOMEM, "no memory for a query");
    result->engine = engine;
    engine->open_result = result;
    eg_engine_begin(engine);
    enum eg_status status = run(result, sql, err);
    if (status < 0) {
        eg_result_free(result);
        return status;
    }
    *out = result;
    return EG_OK;
}

const struct eg_table *eg_result_table(const struct eg_result *result) {
    return &result->shape->table;
}

static struct eg_batch *batch_new(struct shape *shape, uint32_t rows) {
    struct eg_batch *batch = eg_calloc(1, sizeof *batch);
    if (!batch) return NULL;
    batch->table = &shape->table;
    batch->table_id = EG_TABLE_COUNT;
    batch->rows = rows;
    atomic_init(&batch->refs, 1);
    batch->columns = eg_calloc(shape->table.count ? shape->table.count : 1, sizeof *batch->columns);
    batch->owners = eg_calloc(1, sizeof(struct eg_owner *));
    if (!batch->columns || !batch->owners) {
        eg_free(batch->columns);
        eg_free(batch->owners);
        eg_free(batch);
        return NULL;
    }
    batch->owners[0] = eg_owner_ref(&shape->owner);
    batch->owner_count = 1;
    for (uint32_t i = 0; i < shape->table.count; i++) batch->columns[i].type = shape->infos[i].type;
    return batch;
}

enum eg_status eg_result_next(struct eg_result *result, struct eg_batch **out,
                              struct eg_error *err) {
    if (result->at == result->rows) EG_TRY(fetch(result, err));
    if (!result->chunk) return EG_END;
    idx_t left = result->rows - result->at;
    uint32_t capacity = result->engine->env.batch_rows;
    uint32_t count = (uint32_t)(capacity && left > capacity ? capacity : left);
    struct eg_batch *batch = batch_new(result->shape, count);
    if (!batch) return eg_fail(err, EG_E_NOMEM, "no memory for the rows of a query");
    for (uint32_t i = 0; i < result->shape->table.count; i++) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(result->chunk, i);
        struct piece piece = {.result = result,
                              .col = &result->shape->columns[i],
                              .vector = vector,
                              .valid = duckdb_vector_get_validity(vector),
                              .values = duckdb_vector_get_data(vector),
                              .from = result->at,
                              .count = count,
                              .to = &batch->columns[i]};
        enum eg_status status = take_column(&piece, &result->shape->infos[i], err);
        if (status < 0) {
            eg_batch_unref(batch);
            return status;
        }
    }
    result->at += count;
    *out = batch;
    return EG_OK;
}

/* An abandoned query lives on in its connection until the next one: a small one ends it. */
static void abandon(struct eg_result *result) {
    duckdb_result nothing = {0};
    duckdb_interrupt(result->engine->connection);
    if (duckdb_query(result->engine->connection, "SELECT 1", &nothing) != DuckDBSuccess) {
        /* interrupted, as asked: the old query is over */
    }
    duckdb_destroy_result(&nothing);
}

void eg_result_free(struct eg_result *result) {
    if (!result) return;
    duckdb_destroy_data_chunk(&result->chunk);
    duckdb_destroy_result(&result->result);
    if (result->statement && !result->over) abandon(result);
    duckdb_destroy_prepare(&result->statement);
    eg_engine_end(result->engine);
    result->engine->open_result = NULL;
    if (result->shape) eg_owner_unref(&result->shape->owner);
    eg_strbuf_reset(&result->scratch);
    eg_free(result);
}

enum eg_status eg_engine_first(struct eg_engine *engine, const char *sql, struct eg_batch **out,
                               struct eg_error *err) {
    struct eg_result *result;
    *out = NULL;
    EG_TRY(eg_engine_query(engine, sql, &result, err));
    enum eg_status status = eg_result_next(result, out, err);
    eg_result_free(result);
    return status;
}

enum eg_status eg_engine_numbers(struct eg_engine *engine, const char *sql, int64_t null,
                                 int64_t *out, uint32_t count, struct eg_error *err) {
    struct eg_batch *row;
    for (uint32_t i = 0; i < count; i++) out[i] = null;
    enum eg_status status = eg_engine_first(engine, sql, &row, err);
    for (uint32_t i = 0; status == EG_OK && i < count; i++)
        if (eg_batch_valid(row, i, 0)) out[i] = eg_col_int(&row->columns[i], 0);
    eg_batch_unref(row);
    return status < 0 ? status : EG_OK;
}
