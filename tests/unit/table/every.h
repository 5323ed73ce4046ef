/* SPDX-License-Identifier: Apache-2.0
 * A table of every column type and rows of it for the tests of what leaves a batch. What row n holds
 * is a function of n. */
#ifndef EG_TEST_EVERY_H
#define EG_TEST_EVERY_H

#include "table/address.h"
#include "table/batch.h"

#include "numbers.h"

#include <stdio.h>
#include <string.h>

static const struct eg_column_info every_columns[] = {
    {"time", EG_TYPE_TIME, "µs UTC", "", "", ""},  {"i16", EG_TYPE_I16, "", "", "", ""},
    {"i32", EG_TYPE_I32, "packets", "", "", ""},   {"i64", EG_TYPE_I64, "bytes", "", "", ""},
    {"f64", EG_TYPE_F64, "", "", "", ""},          {"flag", EG_TYPE_BOOL, "", "", "", ""},
    {"text", EG_TYPE_TEXT, "", "", "", ""},        {"name", EG_TYPE_NAME, "", "", "", ""},
    {"addr", EG_TYPE_ADDR, "", "", "", ""},        {"mac", EG_TYPE_MAC, "", "", "", ""},
    {"bin", EG_TYPE_BIN, "", "", "", ""},          {"view", EG_TYPE_VIEW, "", "", "", ""},
    {"extra", EG_TYPE_TEXT, "JSON", "", "", ""},   {"absent", EG_TYPE_I64, "", "", "", ""},
    {"absent_name", EG_TYPE_NAME, "", "", "", ""}, {"absent_text", EG_TYPE_TEXT, "", "", "", ""},
};
enum {
    TIME,
    I16,
    I32,
    I64,
    F64,
    FLAG,
    TEXT,
    NAME,
    ADDR,
    MAC,
    BIN,
    VIEW,
    EXTRA,
    ABSENT,
    ABSENT_NAME,
    ABSENT_TEXT,
    EVERY_COLUMNS
};
static const struct eg_table every = {"every", "All types.", every_columns, EVERY_COLUMNS};

static inline bool every_null(uint32_t n, uint32_t col) {
    return col >= ABSENT || mix_of(n * 64 + col) % 4 == 0;
}

static const char *const every_texts[] = {
    "",          "plain", "a,b",    "say \"hi\"",  "two\nlines",
    "tab\there", " led",  "日本語", "back\\slash", "a | b"};
#define EVERY_TEXTS (sizeof every_texts / sizeof *every_texts)

struct every_row {
    int64_t time, i64, mac;
    int16_t i16;
    int32_t i32;
    double f64;
    bool flag;
    const char *text;
    char name[16];
    struct eg_addr addr;
    struct eg_span bin;
};
static inline struct every_row every_row(uint32_t n) {
    uint64_t m = mix_of(n);
    struct every_row r = {
        .time = INT64_C(1767787200000000) + n,
        .i64 = (int64_t)m,
        .mac = (int64_t)(m >> 16),
        .i16 = (int16_t)m,
        .i32 = (int32_t)m,
        .f64 = (double)n / 4,
        .flag = m & 1,
        .text = every_texts[m % EVERY_TEXTS],
        .addr = m % 3 ? eg_addr_v4((uint32_t)m) : (struct eg_addr){{0x20, 1, 0xd, 0xb8, [15] = 7}},
        .bin = eg_span("0123456789", n % 10),
    };
    snprintf(r.name, sizeof r.name, "name%u", (unsigned)(m % 23));
    return r;
}

static inline void every_put(struct eg_builder *b, uint32_t n) {
    struct every_row r = every_row(n);
    if (!every_null(n, TIME)) eg_put_int(b, TIME, r.time);
    if (!every_null(n, I16)) eg_put_int(b, I16, r.i16);
    if (!every_null(n, I32)) eg_put_int(b, I32, r.i32);
    if (!every_null(n, I64)) eg_put_int(b, I64, r.i64);
    if (!every_null(n, F64)) eg_put_f64(b, F64, r.f64);
    if (!every_null(n, FLAG)) eg_put_int(b, FLAG, r.flag);
    if (!every_null(n, TEXT)) eg_put_text(b, TEXT, r.text, strlen(r.text));
    if (!every_null(n, NAME)) eg_put_name(b, NAME, r.name, strlen(r.name));
    if (!every_null(n, ADDR)) eg_put_addr(b, ADDR, &r.addr);
    if (!every_null(n, MAC)) eg_put_int(b, MAC, r.mac);
    if (!every_null(n, BIN)) eg_put_text(b, BIN, r.bin.at, r.bin.size);
    if (!every_null(n, VIEW)) eg_put_view(b, VIEW, r.bin);
    if (!every_null(n, EXTRA)) eg_put_text(b, EXTRA, "{ \"a\" : [1, {}] }", 17);
    eg_builder_row(b, 1);
}

/* The rows [from, from+count) in one batch; NULL: no memory. */
static inline struct eg_batch *every_batch(uint32_t from, uint32_t count) {
    struct eg_builder *b;
    struct eg_batch *batch = NULL;
    if (eg_builder_new(&b, &every, EG_TABLE_COUNT, count ? count : 1, EG_COLUMNS_ALL, NULL) !=
        EG_OK)
        return NULL;
    for (uint32_t i = 0; i < count; i++) every_put(b, from + i);
    (void)!eg_builder_seal(b, &batch, NULL);
    eg_builder_free(b);
    return batch;
}

#endif
