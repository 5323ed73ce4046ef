/* SPDX-License-Identifier: Apache-2.0
 * What the filter tests share: filters from text at a fixed time with some saved filters, and
 * batches from short tables of text. */
#ifndef EG_TEST_FILTER_MAKE_H
#define EG_TEST_FILTER_MAKE_H

#include "filter/filter.h"
#include "table/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEST_NOW INT64_C(1767225600000000) /* 2026-01-01T00:00:00Z */

static inline const char *test_saved(void *from, const char *name) {
    (void)from;
    static const char *const saved[][2] = {
        {"web", "port in (80, 443)"}, {"nothing", "  -- nothing\n"}, {"deep", "@web or @dns"},
        {"dns", "udp and port 53"},   {"loop", "tcp or @loop2"},     {"loop2", "@loop"},
        {"bad", "tcp and prot 5"},    {"open", "tcp and (udp"},
    };
    for (size_t i = 0; i < sizeof saved / sizeof *saved; i++)
        if (strcmp(saved[i][0], name) == 0) return saved[i][1];
    return NULL;
}

static inline enum eg_status test_parse(struct eg_filter **out, const char *text,
                                        enum eg_table_id table, struct eg_error *err) {
    struct eg_filter_names names = {test_saved, NULL, TEST_NOW};
    return eg_filter_parse(out, text, table, &names, err);
}

static inline struct eg_filter *test_filter(const char *text, enum eg_table_id table) {
    struct eg_filter *filter = NULL;
    struct eg_error err = {0};
    if (test_parse(&filter, text, table, &err) != EG_OK)
        fail_msg("'%s' at %d: %s", text, (int)err.position, err.message);
    return filter;
}

/* The normal form of `text`, which must also be the normal form of itself. */
static inline void normal_is(const char *text, const char *expected, enum eg_table_id table) {
    struct eg_filter *filter = test_filter(text, table);
    struct eg_strbuf got = {0}, again = {0};
    eg_filter_text(filter, &got);
    if (strcmp(got.text, expected) != 0)
        fail_msg("'%s' became '%s', not '%s'", text, got.text, expected);
    struct eg_filter *second = test_filter(got.text, table);
    eg_filter_text(second, &again);
    assert_string_equal(again.text, got.text);
    assert_true(eg_filter_columns(filter) == eg_filter_columns(second));
    eg_strbuf_reset(&got);
    eg_strbuf_reset(&again);
    eg_filter_free(filter);
    eg_filter_free(second);
}

static inline void sql_is(const char *text, const char *expected, enum eg_sql_dialect dialect,
                          enum eg_table_id table) {
    struct eg_filter *filter = test_filter(text, table);
    struct eg_strbuf got = {0};
    eg_filter_sql_for(filter, dialect, &got);
    assert_string_equal(got.text, expected);
    eg_strbuf_reset(&got);
    eg_filter_free(filter);
}

static inline void wrong_is(const char *text, int position, const char *message,
                            enum eg_table_id table) {
    struct eg_filter *filter = NULL;
    struct eg_error err = {0};
    if (test_parse(&filter, text, table, &err) == EG_OK) fail_msg("'%s' was accepted", text);
    assert_null(filter);
    assert_int_equal(err.status, EG_E_USAGE);
    if (err.position != position || strcmp(err.message, message) != 0)
        fail_msg("'%s' gave %d: %s", text, (int)err.position, err.message);
}

/* ---- batches ---- */

static inline void test_put(struct eg_builder *b, const char *name, const char *text) {
    int found = eg_column_find(b->table, name);
    assert_true(found >= 0);
    uint32_t col = (uint32_t)found;
    struct eg_addr addr;
    int64_t mac;
    if (!text) return;
    switch (b->table->columns[col].type) {
    case EG_TYPE_TEXT: eg_put_text(b, col, text, strlen(text)); return;
    case EG_TYPE_NAME: eg_put_name(b, col, text, strlen(text)); return;
    case EG_TYPE_ADDR:
        assert_true(eg_addr_parse(&addr, text, strlen(text)));
        eg_put_addr(b, col, &addr);
        return;
    case EG_TYPE_MAC:
        assert_true(eg_mac_parse(&mac, text, strlen(text)));
        eg_put_int(b, col, mac);
        return;
    default: eg_put_int(b, col, strtoll(text, NULL, 10));
    }
}

/* One column; the values are texts, NULL is null. */
static inline struct eg_batch *test_column(enum eg_table_id table, const char *name,
                                           const char *const *values, uint32_t count) {
    struct eg_builder *b;
    struct eg_batch *batch;
    assert_int_equal(eg_builder_new(&b, eg_table_get(table), table, count, EG_COLUMNS_ALL, NULL),
                     EG_OK);
    for (uint32_t i = 0; i < count; i++) {
        test_put(b, name, values[i]);
        eg_builder_row(b, 1);
    }
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    eg_builder_free(b);
    return batch;
}

/* The rows `text` selects, as "0 2 5". */
static inline void selects(const char *text, const struct eg_batch *batch, const char *expected) {
    struct eg_filter *filter = test_filter(text, batch->table_id);
    const struct eg_predicate *predicate = eg_filter_predicate(filter);
    uint32_t *rows = calloc(batch->rows, sizeof *rows);
    uint32_t count = predicate->select(predicate, batch, rows);
    struct eg_strbuf got = {0};
    eg_strbuf_text(&got, "");
    for (uint32_t i = 0; i < count; i++)
        eg_strbuf_printf(&got, "%s%u", i ? " " : "", (unsigned)rows[i]);
    if (strcmp(got.text, expected) != 0)
        fail_msg("'%s' selected '%s', not '%s'", text, got.text, expected);
    eg_strbuf_reset(&got);
    free(rows);
    eg_filter_free(filter);
}

/* What filters become, and where others are wrong; of flows. */
struct normal_case {
    const char *text, *normal;
};
static inline void all_normal(const struct normal_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) normal_is(cases[i].text, cases[i].normal, EG_TABLE_FLOWS);
}

struct wrong_case {
    const char *text;
    int position;
    const char *message;
};
static inline void all_wrong(const struct wrong_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++)
        wrong_is(cases[i].text, cases[i].position, cases[i].message, EG_TABLE_FLOWS);
}

#endif
