/* SPDX-License-Identifier: Apache-2.0
 * Writing to a sink: serialised, retried, encoded where it takes records. */
#include "table/outlet.h"

#include "base/alloc.h"

#include <string.h>
#include <time.h>

#define TRIES 5
#define FIRST_WAIT_MS 100 /* doubled with each try */

static bool format_has_lines(enum eg_format format) {
    return format == EG_FORMAT_CSV || format == EG_FORMAT_TSV || format == EG_FORMAT_JSONL;
}

static enum eg_status encoder_make(struct egi_outlet *outlet, enum eg_table_id table_id,
                                   eg_column_set wanted, struct eg_error *err) {
    const struct eg_table *table = eg_table_get(table_id);
    uint32_t columns[EG_COLUMNS_MAX], count = 0;
    for (uint32_t i = 0; i < table->count; i++)
        if (wanted >> i & 1) columns[count++] = i;
    struct eg_encode_style style = {.format = outlet->format, .header = !outlet->to->bare};
    return eg_encoder_new(&outlet->encoders[table_id], table, columns, count, &style, err);
}

enum eg_status egi_outlet_init(struct egi_outlet *outlet, const struct eg_env *env,
                               const struct eg_pump_sink *to, const struct eg_scan_request *scan,
                               struct eg_error *err) {
    *outlet = (struct egi_outlet){.env = env, .to = to};
    pthread_mutex_init(&outlet->lock, NULL);
    if (to->type->takes != EG_TAKES_RECORDS) return EG_OK;
    const char *name = to->format ? to->format : "jsonl";
    outlet->format = eg_format_by_name(name);
    if (outlet->format == EG_FORMAT_COUNT)
        return eg_fail(err, EG_E_USAGE, "%s: there is no format '%s'", to->name, name);
    for (uint32_t i = 0; i < scan->part_count; i++) {
        const struct eg_scan_part *part = &scan->parts[i];
        enum eg_table_id table = part->extract->table, first = scan->parts[0].extract->table;
        if (table != first && outlet->format != EG_FORMAT_JSONL)
            return eg_fail(err, EG_E_USAGE,
                           "%s: %s holds one table, and %s and %s were asked for; choose one of "
                           "them, or jsonl",
                           to->name, name, eg_table_name(first), eg_table_name(table));
        if (outlet->encoders[table]) continue; /* another part fills it, too */
        EG_TRY(encoder_make(outlet, table, part->columns, err));
        if (part->also_columns && outlet->format == EG_FORMAT_JSONL)
            EG_TRY(encoder_make(outlet, part->extract->also, part->also_columns, err));
    }
    uint32_t rows = env->batch_rows ? env->batch_rows : EG_BATCH_ROWS;
    return eg_builder_new(&outlet->records, &eg_records_table, EG_TABLE_COUNT, rows, EG_COLUMNS_ALL,
                          err);
}

void egi_outlet_reset(struct egi_outlet *outlet) {
    if (!outlet->to) return;
    for (int i = 0; i < EG_TABLE_COUNT; i++) eg_encoder_free(outlet->encoders[i]);
    eg_builder_free(outlet->records);
    eg_strbuf_reset(&outlet->text);
    pthread_mutex_destroy(&outlet->lock);
    *outlet = (struct egi_outlet){0};
}

/* ---- writing ---- */

static void wait_ms(uint64_t ms) {
    struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000L};
    while (nanosleep(&left, &left) != 0) {
    }
}

static enum eg_status write_tried(struct egi_outlet *outlet, struct eg_batch *batch,
                                  struct eg_error *err) {
    for (int tries = 1;; tries++) {
        struct eg_error why = {0};
        enum eg_status status = outlet->to->type->write(outlet->to->sink, batch, &why);
        if (status >= 0) return EG_OK;
        bool again = why.retriable && tries < TRIES && !eg_env_cancelled(outlet->env);
        if (!again) {
            if (err) *err = why;
            return status;
        }
        wait_ms((uint64_t)FIRST_WAIT_MS << (tries - 1));
    }
}

static enum eg_status records_flush(struct egi_outlet *outlet, struct eg_error *err) {
    struct eg_batch *batch;
    enum eg_status status = eg_builder_seal(outlet->records, &batch, err);
    if (status != EG_OK) return status < 0 ? status : EG_OK;
    status = write_tried(outlet, batch, err);
    eg_batch_unref(batch);
    return status;
}

/* Hands the text that was encoded to the sink, cut into records, and empties it. */
static enum eg_status text_write(struct egi_outlet *outlet, struct eg_error *err) {
    struct eg_strbuf *text = &outlet->text;
    if (text->failed) return eg_fail(err, EG_E_NOMEM, "%s: no memory to encode", outlet->to->name);
    for (size_t at = 0; at < text->size;) {
        size_t size = text->size - at;
        const char *end =
            format_has_lines(outlet->format) ? memchr(text->text + at, '\n', size) : NULL;
        if (end) size = (size_t)(end + 1 - (text->text + at));
        eg_put_text(outlet->records, 0, text->text + at, size);
        eg_builder_row(outlet->records, 1);
        at += size;
        if (!eg_builder_room(outlet->records)) EG_TRY(records_flush(outlet, err));
    }
    eg_strbuf_clear(text);
    return records_flush(outlet, err);
}

static enum eg_status batch_encode(struct egi_outlet *outlet, const struct eg_batch *batch,
                                   struct eg_error *err) {
    struct eg_encoder *encoder = outlet->encoders[batch->table_id];
    if (!encoder) return EG_OK; /* a second table, in a format that holds one */
    if (!outlet->begun[batch->table_id]) eg_encoder_begin(encoder, &outlet->text);
    outlet->begun[batch->table_id] = true;
    eg_encoder_rows(encoder, batch, &outlet->text);
    return text_write(outlet, err);
}

enum eg_status egi_outlet_write(struct egi_outlet *outlet, struct eg_batch *batch,
                                struct eg_error *err) {
    pthread_mutex_lock(&outlet->lock);
    enum eg_status status = outlet->to->type->takes == EG_TAKES_RECORDS
                                ? batch_encode(outlet, batch, err)
                                : write_tried(outlet, batch, err);
    pthread_mutex_unlock(&outlet->lock);
    return status;
}

enum eg_status egi_outlet_finish(struct egi_outlet *outlet, struct eg_error *err) {
    for (int i = 0; i < EG_TABLE_COUNT; i++) {
        if (!outlet->encoders[i]) continue;
        if (!outlet->begun[i]) eg_encoder_begin(outlet->encoders[i], &outlet->text);
        outlet->begun[i] = true;
        eg_encoder_end(outlet->encoders[i], &outlet->text);
        EG_TRY(text_write(outlet, err));
    }
    return EG_OK;
}
