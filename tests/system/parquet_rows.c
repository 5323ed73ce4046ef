/* SPDX-License-Identifier: Apache-2.0
 * Writes rows as Parquet, for tests in other languages: parquet_rows DIRECTORY. Makes NAME.parquet and
 * NAME.jsonl (the same rows by the JSON encoder, which knows nothing of Parquet) for several shapes of
 * rows of `flows` and `packets`. */
#include "base/alloc.h"
#include "engine/engine.h"
#include "table/address.h"
#include "table/encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct shape {
    const char *name;
    enum eg_table_id table;
    uint32_t rows, capacity, distinct, null_every; /* null_every 0: no nulls */
};
static const struct shape shapes[] = {
    {"none", EG_TABLE_FLOWS, 0, 10, 1, 0},
    {"one", EG_TABLE_FLOWS, 1, 1, 1, 0},
    {"few", EG_TABLE_FLOWS, 5000, 7, 40, 0},
    {"many", EG_TABLE_FLOWS, 30000, 4096, UINT32_MAX, 3},
    {"nulls", EG_TABLE_FLOWS, 1000, 4096, 5, 1},
    {"packets", EG_TABLE_PACKETS, 20000, 2048, 900, 5},
    {"groups", EG_TABLE_PACKETS, 200000, 4096, 100000, 9},
};

static uint64_t mix(uint64_t n) {
    n = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
    n ^= n >> 29;
    n *= UINT64_C(0xbf58476d1ce4e5b9);
    return n ^ n >> 32;
}

static _Noreturn void die(const char *what, const char *why) {
    fprintf(stderr, "parquet_rows: %s: %s\n", what, why);
    exit(2);
}

static void put(struct eg_builder *b, const struct shape *shape, uint32_t col, uint64_t n) {
    if (shape->null_every && mix(n * 128 + col) % shape->null_every == 0) return;
    uint64_t m = mix(mix(n * 64 + col) % shape->distinct + col);
    char text[64];
    switch (b->table->columns[col].type) {
    case EG_TYPE_TIME:
        eg_put_int(b, col, INT64_C(1767225600000000) + (int64_t)(m % 100000000));
        break;
    case EG_TYPE_ADDR: {
        struct eg_addr addr = eg_addr_v4((uint32_t)m);
        if (m % 7 == 0) memcpy(addr.bytes, "\x20\x01\x0d\xb8", 4);
        eg_put_addr(b, col, &addr);
        break;
    }
    case EG_TYPE_MAC: eg_put_int(b, col, (int64_t)(m & 0xffffffffffff)); break;
    case EG_TYPE_BOOL: eg_put_int(b, col, (int64_t)(m & 1)); break;
    case EG_TYPE_F64: eg_put_f64(b, col, (double)(int64_t)m / 4096); break;
    case EG_TYPE_TEXT:
    case EG_TYPE_BIN:
    case EG_TYPE_NAME: {
        int size = snprintf(text, sizeof text, "{\"ü\":%u}", (unsigned)(m % 5000));
        if (b->table->columns[col].type == EG_TYPE_NAME)
            eg_put_name(b, col, text, (size_t)size);
        else
            eg_put_text(b, col, text, (size_t)size);
        break;
    }
    case EG_TYPE_I16: eg_put_int(b, col, (int16_t)m); break;
    case EG_TYPE_I32: eg_put_int(b, col, (int32_t)m); break;
    default: eg_put_int(b, col, (int64_t)m);
    }
}

static void write_text(const char *path, const struct eg_table *table, struct eg_batch **batches,
                       size_t count) {
    struct eg_error err;
    struct eg_strbuf text = {0};
    struct eg_encoder *encoder = NULL;
    struct eg_encode_style style = {.format = EG_FORMAT_JSONL, .epoch = true};
    uint32_t columns[EG_COLUMNS_MAX];
    for (uint32_t i = 0; i < table->count; i++) columns[i] = i;
    if (eg_encoder_new(&encoder, table, columns, table->count, &style, &err) < 0)
        die(path, err.message);
    FILE *file = fopen(path, "w");
    if (!file) die(path, "cannot be written");
    for (size_t i = 0; i < count; i++) {
        eg_strbuf_clear(&text);
        eg_encoder_rows(encoder, batches[i], &text);
        if (fwrite(text.text, 1, text.size, file) != text.size) die(path, "cannot be written");
    }
    if (fclose(file) != 0) die(path, "cannot be written");
    eg_encoder_free(encoder);
    eg_strbuf_reset(&text);
}

static void write_shape(struct eg_parquet_crew *crew, const char *directory,
                        const struct shape *shape) {
    const struct eg_table *table = eg_table_get(shape->table);
    struct eg_builder *b = NULL;
    struct eg_error err;
    size_t count = 0;
    struct eg_batch **batches =
        calloc(shape->rows / shape->capacity + 2, sizeof(struct eg_batch *));
    if (!batches ||
        eg_builder_new(&b, table, shape->table, shape->capacity, EG_COLUMNS_ALL, &err) < 0)
        die(shape->name, "no memory");
    for (uint64_t n = 0; n < shape->rows; n++) {
        for (uint32_t col = 0; col < table->count; col++) put(b, shape, col, n);
        eg_builder_row(b, 1);
        if (eg_builder_room(b) && n + 1 < shape->rows) continue;
        if (eg_builder_seal(b, &batches[count++], &err) != EG_OK) die(shape->name, err.message);
    }
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.parquet", directory, shape->name);
    struct eg_parquet_job job = {path, shape->table, batches, count, shape->name, NULL, {0, 0}};
    if (eg_parquet_write(crew, &job, 1, &err) < 0) die(path, err.message);
    snprintf(path, sizeof path, "%s/%s.jsonl", directory, shape->name);
    write_text(path, table, batches, count);
    for (size_t i = 0; i < count; i++) eg_batch_unref(batches[i]);
    free(batches);
    eg_builder_free(b);
}

int main(int argc, char **argv) {
    struct eg_parquet_crew *crew = NULL;
    struct eg_error err;
    if (argc != 2) die("usage", "parquet_rows DIRECTORY");
    if (eg_parquet_crew_new(&crew, &eg_env_plain, 0, &err) < 0) die("encoder", err.message);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        write_shape(crew, argv[1], &shapes[i]);
    eg_parquet_crew_free(crew);
    return 0;
}
