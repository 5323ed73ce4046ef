/* SPDX-License-Identifier: Apache-2.0
 * Runs filters over rows, for tests in other languages: filter_rows TABLE CAPACITY < input.
 *
 *   input    COLUMN<tab>COLUMN…, a row a line (\N is null; \t \n \\ are escapes), an empty line,
 *            then a filter a line (the same escapes)
 *   output   for each filter a line: "rows<tab>1,5,9<tab>SQL<0x1f>NORMAL FORM", or
 *            "error<tab>POSITION<tab>MESSAGE" */
#include "base/alloc.h"
#include "filter/filter.h"
#include "table/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCHES_MAX 65536

struct rows {
    const struct eg_table *table;
    struct eg_builder *builder;
    uint32_t columns[EG_COLUMNS_MAX], column_count;
    struct eg_batch *batches[BATCHES_MAX];
    uint32_t batch_count;
};

static void die(const char *what, const char *detail) {
    fprintf(stderr, "filter_rows: %s: %s\n", what, detail);
    exit(2);
}

static size_t unescape(char *text) {
    char *to = text;
    for (char *from = text; *from; from++) {
        if (*from == '\\' && from[1]) {
            from++;
            *to++ = (char)(*from == 't' ? '\t' : *from == 'n' ? '\n' : *from);
        } else {
            *to++ = *from;
        }
    }
    *to = 0;
    return (size_t)(to - text);
}

static void put(struct rows *r, uint32_t col, char *text) {
    struct eg_addr addr;
    int64_t mac;
    if (strcmp(text, "\\N") == 0) return;
    size_t size = unescape(text);
    switch (r->table->columns[col].type) {
    case EG_TYPE_TEXT: eg_put_text(r->builder, col, text, size); return;
    case EG_TYPE_NAME: eg_put_name(r->builder, col, text, size); return;
    case EG_TYPE_F64: eg_put_f64(r->builder, col, strtod(text, NULL)); return;
    case EG_TYPE_ADDR:
        if (!eg_addr_parse(&addr, text, size)) die("not an address", text);
        eg_put_addr(r->builder, col, &addr);
        return;
    case EG_TYPE_MAC:
        if (!eg_mac_parse(&mac, text, size)) die("not a MAC", text);
        eg_put_int(r->builder, col, mac);
        return;
    default: eg_put_int(r->builder, col, strtoll(text, NULL, 10));
    }
}

static void seal(struct rows *r) {
    struct eg_batch *batch;
    if (eg_builder_seal(r->builder, &batch, NULL) != EG_OK) return;
    if (r->batch_count == BATCHES_MAX) die("too many batches", "use a larger capacity");
    r->batches[r->batch_count++] = batch;
}

static char *cut(char **at) {
    char *begin = *at;
    if (!begin) return NULL;
    char *tab = strchr(begin, '\t');
    if (tab) *tab = 0;
    *at = tab ? tab + 1 : NULL;
    return begin;
}

static bool line(char **text, size_t *room) {
    ssize_t size = getline(text, room, stdin);
    if (size < 0) return false;
    if (size && (*text)[size - 1] == '\n') (*text)[size - 1] = 0;
    return true;
}

static void read_rows(struct rows *r) {
    char *text = NULL;
    size_t room = 0;
    if (!line(&text, &room)) die("no input", "expected column names");
    char *at = text;
    for (char *name; (name = cut(&at)) && r->column_count < EG_COLUMNS_MAX;) {
        int col = eg_column_find(r->table, name);
        if (col < 0) die("no such column", name);
        r->columns[r->column_count++] = (uint32_t)col;
    }
    while (line(&text, &room) && *text) {
        at = text;
        for (uint32_t i = 0; i < r->column_count; i++) {
            char *value = cut(&at);
            if (!value) die("a row is short", text);
            put(r, r->columns[i], value);
        }
        eg_builder_row(r->builder, 1);
        if (!eg_builder_room(r->builder)) seal(r);
    }
    seal(r);
    free(text);
}

static void show(struct rows *r, const char *text, enum eg_table_id table) {
    struct eg_filter *filter;
    struct eg_error err = {0};
    if (eg_filter_parse(&filter, text, table, NULL, &err) != EG_OK) {
        printf("error\t%lld\t%s\n", (long long)err.position, err.message);
        return;
    }
    const struct eg_predicate *predicate = eg_filter_predicate(filter);
    uint64_t first = 0;
    const char *comma = "";
    printf("rows\t");
    for (uint32_t i = 0; i < r->batch_count; i++) {
        uint32_t *rows = eg_calloc(r->batches[i]->rows, sizeof *rows);
        if (!rows) die("no memory", "");
        uint32_t count = predicate->select(predicate, r->batches[i], rows);
        for (uint32_t k = 0; k < count; k++) {
            printf("%s%llu", comma, (unsigned long long)(first + rows[k]));
            comma = ",";
        }
        first += r->batches[i]->rows;
        eg_free(rows);
    }
    struct eg_strbuf sql = {0}, normal = {0};
    eg_filter_sql(filter, &sql);
    eg_filter_text(filter, &normal);
    printf("\t%s\x1f%s\n", sql.text, normal.text);
    eg_strbuf_reset(&sql);
    eg_strbuf_reset(&normal);
    eg_filter_free(filter);
}

int main(int argc, char **argv) {
    static struct rows r;
    if (argc != 3) die("usage", "filter_rows TABLE CAPACITY");
    enum eg_table_id table = eg_table_by_name(argv[1]);
    if (table >= EG_TABLE_COUNT) die("no such table", argv[1]);
    r.table = eg_table_get(table);
    uint32_t capacity = (uint32_t)strtoul(argv[2], NULL, 10);
    if (eg_builder_new(&r.builder, r.table, table, capacity ? capacity : 1, EG_COLUMNS_ALL, NULL))
        die("no memory", "");
    read_rows(&r);
    char *text = NULL;
    size_t room = 0;
    while (line(&text, &room)) {
        (void)unescape(text);
        show(&r, text, table);
    }
    free(text);
    for (uint32_t i = 0; i < r.batch_count; i++) eg_batch_unref(r.batches[i]);
    eg_builder_free(r.builder);
    return 0;
}
