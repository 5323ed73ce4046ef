/* SPDX-License-Identifier: Apache-2.0
 * The reader of our own Parquet files on any bytes: footers (first byte 0xff), and column chunks, whose
 * pages are made from the input, since nothing finds its way through a compression's checks. Places must
 * lie in the file; a value that is looked up must be kept where it stands; nothing outside an exact-size
 * copy of the input may be read. */
#include "engine/parquet_bloom.h"
#include "engine/parquet_footer.h"
#include "engine/parquet_pages.h"
#include "engine/parquet_thrift.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* ---- footers ---- */

#define FILE_BYTES 1000000u

static enum eg_status group_see(void *to, const struct eg_parquet_row_group *group,
                                struct eg_error *err) {
    (void)to;
    (void)err;
    for (uint32_t i = 0; i < eg_table_get(EG_TABLE_PACKETS)->count; i++) {
        const struct eg_parquet_place *place = &group->places[i];
        if (place->at > FILE_BYTES || place->bytes > FILE_BYTES - place->at ||
            place->dictionary_bytes > place->bytes || place->bloom_at > FILE_BYTES ||
            place->bloom_bytes > FILE_BYTES - place->bloom_at)
            abort();
    }
    return EG_OK;
}

static void footer_read(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) abort();
    if (size) memcpy(copy, bytes, size);
    (void)eg_parquet_footer_groups(eg_span(copy, size), FILE_BYTES, eg_table_get(EG_TABLE_PACKETS),
                                   group_see, NULL, NULL);
    uint32_t head, blocks;
    if (eg_bloom_head(eg_span(copy, size), &head, &blocks) &&
        (head > size || blocks < EG_BLOOM_BLOCK))
        abort();
    free(copy);
}

/* ---- column chunks ---- */

/* A page of these bytes, as it would be stored; freed by the caller. */
static struct eg_span page_make(struct eg_strbuf *to, int type, struct eg_span raw, uint32_t values,
                                int encoding) {
    struct eg_thrift t = {.to = to};
    size_t bound = ZSTD_compressBound(raw.size);
    char *packed = malloc(bound);
    if (!packed) abort();
    size_t made = ZSTD_compress(packed, bound, raw.at, raw.size, 1);
    if (ZSTD_isError(made)) abort();
    eg_thrift_int(&t, 1, EG_THRIFT_I32, type);
    eg_thrift_int(&t, 2, EG_THRIFT_I32, (int64_t)raw.size);
    eg_thrift_int(&t, 3, EG_THRIFT_I32, (int64_t)made);
    eg_thrift_open(&t, type ? 7 : 5);
    eg_thrift_int(&t, 1, EG_THRIFT_I32, values);
    eg_thrift_int(&t, 2, EG_THRIFT_I32, encoding);
    eg_thrift_close(&t);
    eg_strbuf_char(to, 0);
    eg_strbuf_add(to, packed, made);
    free(packed);
    if (to->failed) abort();
    return eg_span(to->text, to->size);
}

static const struct eg_column_info columns[] = {
    {"a", EG_TYPE_TIME, "", "", "", ""}, {"b", EG_TYPE_I16, "", "", "", ""},
    {"c", EG_TYPE_I32, "", "", "", ""},  {"d", EG_TYPE_I64, "", "", "", ""},
    {"e", EG_TYPE_F64, "", "", "", ""},  {"f", EG_TYPE_BOOL, "", "", "", ""},
    {"g", EG_TYPE_TEXT, "", "", "", ""}, {"h", EG_TYPE_NAME, "", "", "", ""},
    {"i", EG_TYPE_ADDR, "", "", "", ""}, {"j", EG_TYPE_MAC, "", "", "", ""},
    {"k", EG_TYPE_BIN, "", "", "", ""},
};
#define COLUMNS (sizeof columns / sizeof *columns)
static const struct eg_table table = {"any", "", columns, COLUMNS};

/* Puts all rows; where an address or number is looked up, its row must be among those that are kept. */
static void rows_read(struct eg_parquet_pages *pages, uint32_t col, uint32_t rows) {
    struct eg_builder *b;
    struct eg_batch *batch;
    if (eg_builder_new(&b, &table, EG_TABLE_COUNT, rows, UINT64_C(1) << col, NULL) < 0) abort();
    for (uint32_t row = 0; row < rows; row++) {
        if (eg_parquet_pages_put(pages, row, b, col, NULL) < 0) break;
        eg_builder_row(b, 1);
    }
    if (eg_builder_seal(b, &batch, NULL) == EG_OK) {
        enum eg_type type = columns[col].type;
        for (uint32_t row = 0; row < batch->rows && row < 5; row++) {
            struct eg_need_key key = {.col = col, .type = type};
            uint64_t kept[4096 / 64];
            memset(kept, 0xff, sizeof kept);
            if (!eg_batch_valid(batch, col, row)) continue;
            if (type == EG_TYPE_ADDR)
                key.addr = eg_col_addr(&batch->columns[col])[row];
            else if (type == EG_TYPE_I16 || type == EG_TYPE_I32 || type == EG_TYPE_I64)
                key.number = eg_col_int(&batch->columns[col], row);
            else
                continue;
            int64_t place = eg_parquet_pages_find(pages, &key);
            if (place >= 0) eg_parquet_pages_keep(pages, (uint32_t)place, kept);
        }
        eg_batch_unref(batch);
    }
    eg_builder_free(b);
}

static void chunk_read(struct eg_span in) {
    uint32_t col = eg_u8(in, 0) % COLUMNS, rows = eg_le16(in, 1) % 4096;
    size_t split = eg_le16(in, 3);
    int encoding = eg_u8(in, 5);
    struct eg_parquet_pages pages = {0};
    struct eg_strbuf dictionary = {0}, page = {0};
    ZSTD_DCtx *zstd = ZSTD_createDCtx();
    if (!zstd) abort();
    in = eg_span_from(in, 6);
    eg_parquet_pages_begin(&pages, columns[col].type, rows);
    enum eg_status status = EG_OK;
    if (split) {
        struct eg_span made =
            page_make(&dictionary, 2, eg_span_sub(in, 2, split), eg_le16(in, 0), 0);
        status = eg_parquet_pages_dictionary(&pages, zstd, made, NULL);
        in = eg_span_from(in, 2 + split);
    }
    struct eg_span made = page_make(&page, 0, in, rows, encoding);
    if (status >= 0) status = eg_parquet_pages_rows(&pages, zstd, made, NULL);
    if (status >= 0 && rows) rows_read(&pages, col, rows);
    eg_strbuf_reset(&dictionary);
    eg_strbuf_reset(&page);
    eg_parquet_pages_reset(&pages);
    ZSTD_freeDCtx(zstd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (!size || size > 100000) return 0;
    if (*bytes == 0xff)
        footer_read(bytes + 1, size - 1);
    else
        chunk_read(eg_span(bytes, size));
    return 0;
}
