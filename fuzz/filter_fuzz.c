/* SPDX-License-Identifier: Apache-2.0
 * The filter language under arbitrary text: parse, render, parse the normal form again (it must
 * come out the same), and select rows, where the normal form must select the same ones.
 * The first byte chooses the table. */
#include "filter/filter.h"

#include "table/address.h"

#include <string.h>

#define ROWS 70

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char *saved(void *from, const char *name) {
    (void)from;
    if (strcmp(name, "web") == 0) return "port in (80, 443) -- the web";
    if (strcmp(name, "a") == 0) return "@b or host 10.0.0.1";
    if (strcmp(name, "b") == 0) return "not @a";
    return NULL;
}

static void put(struct eg_builder *b, uint32_t col, uint32_t row) {
    static const char *const texts[] = {"", "http", "dns", "netflow5", "a\nb", "\xc3\xa9"};
    struct eg_addr addr = eg_addr_v4(0x0a000001u + row % 3);
    if (row % 2) addr.bytes[0] = (uint8_t)(0x20 + row);
    if ((row + col) % 5 == 0) return;
    const char *text = texts[(row + col) % 6];
    switch (b->table->columns[col].type) {
    case EG_TYPE_TEXT: eg_put_text(b, col, text, strlen(text)); return;
    case EG_TYPE_NAME: eg_put_name(b, col, text, strlen(text)); return;
    case EG_TYPE_F64: eg_put_f64(b, col, row * 0.5); return;
    case EG_TYPE_ADDR: eg_put_addr(b, col, &addr); return;
    case EG_TYPE_BIN:
    case EG_TYPE_VIEW: return;
    case EG_TYPE_BOOL: eg_put_int(b, col, row & 1); return;
    default: eg_put_int(b, col, row == 7 ? -1 : (int64_t)(row * (col + 1)) % 90);
    }
}

static struct eg_batch *make_batch(enum eg_table_id table) {
    struct eg_builder *b = NULL;
    struct eg_batch *batch = NULL;
    if (eg_builder_new(&b, eg_table_get(table), table, ROWS, EG_COLUMNS_ALL, NULL) != EG_OK)
        return NULL;
    for (uint32_t row = 0; row < ROWS; row++) {
        for (uint32_t col = 0; col + 2 < b->table->count; col++) put(b, col, row); /* two absent */
        eg_builder_row(b, 1);
    }
    if (eg_builder_seal(b, &batch, NULL) != EG_OK) batch = NULL;
    eg_builder_free(b);
    return batch;
}

static void try(const char *text, enum eg_table_id table, const struct eg_batch *batch) {
    struct eg_filter_names names = {saved, NULL, INT64_C(1767225600000000)};
    struct eg_filter *filter, *again;
    struct eg_error err;
    if (eg_filter_parse(&filter, text, table, &names, &err) != EG_OK) {
        struct eg_strbuf caret = {0};
        EG_ASSERT(err.position >= 0 && (uint64_t)err.position <= strlen(text));
        EG_ASSERT(err.message[0]);
        eg_filter_caret(text, err.position, &caret);
        eg_strbuf_reset(&caret);
        return;
    }
    struct eg_strbuf sql = {0}, normal = {0}, second = {0};
    eg_filter_sql(filter, &sql);
    eg_filter_sql_for(filter, EG_SQL_SPARK, &sql);
    eg_filter_text(filter, &normal);
    EG_ASSERT(!sql.failed && !normal.failed);
    uint32_t rows[ROWS], rows_again[ROWS];
    uint32_t count = eg_filter_predicate(filter)->select(eg_filter_predicate(filter), batch, rows);
    EG_ASSERT(count <= ROWS);
    enum eg_status status = eg_filter_parse(&again, normal.text, table, NULL, &err);
    /* the normal form of a long text may be longer than a text may be */
    EG_ASSERT(status == EG_OK || normal.size > 262144);
    if (status == EG_OK) {
        eg_filter_text(again, &second);
        EG_ASSERT(strcmp(normal.text, second.text) == 0);
        EG_ASSERT(eg_filter_columns(again) == eg_filter_columns(filter));
        EG_ASSERT(eg_filter_predicate(again)->select(eg_filter_predicate(again), batch,
                                                     rows_again) == count);
        EG_ASSERT(memcmp(rows, rows_again, count * sizeof *rows) == 0);
        eg_filter_free(again);
    }
    eg_strbuf_reset(&sql);
    eg_strbuf_reset(&normal);
    eg_strbuf_reset(&second);
    eg_filter_free(filter);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static struct eg_batch *batches[EG_TABLE_COUNT];
    if (size == 0) return 0;
    enum eg_table_id table = (enum eg_table_id)(bytes[0] % EG_TABLE_RAW);
    if (!batches[table]) batches[table] = make_batch(table);
    struct eg_strbuf text = {0};
    eg_strbuf_add(&text, bytes + 1, size - 1);
    if (batches[table] && text.text) try(text.text, table, batches[table]);
    eg_strbuf_reset(&text);
    return 0;
}
