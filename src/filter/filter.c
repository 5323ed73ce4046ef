/* SPDX-License-Identifier: Apache-2.0
 * The filter as others see it. */
#include "filter/filter.h"

#include "base/alloc.h"
#include "filter/needs.h"
#include "filter/parse.h"
#include "filter/render.h"
#include "filter/step.h"
#include "table/stage.h"

#include <string.h>

struct eg_filter {
    struct eg_arena arena;
    const struct eg_node *root;
    const struct eg_program *program;
};

enum eg_status eg_filter_parse(struct eg_filter **out, const char *text, enum eg_table_id table,
                               const struct eg_filter_names *names, struct eg_error *err) {
    EG_ASSERT(eg_table_get(table) != NULL);
    struct eg_filter *filter = eg_calloc(1, sizeof *filter);
    if (!filter) return eg_fail(err, EG_E_NOMEM, "no memory for a filter");
    int64_t now_us =
        names && names->now_us ? names->now_us : eg_env_plain.now_us(eg_env_plain.clock);
    struct eg_node *root = NULL;
    enum eg_status status = eg_tree_parse(&root, &filter->arena, text, table, names, now_us, err);
    if (status == EG_OK) {
        filter->root = root;
        filter->program = eg_program_new(&filter->arena, root);
        if (!filter->program) status = eg_fail(err, EG_E_NOMEM, "no memory for a filter");
    }
    if (status < 0) {
        eg_filter_free(filter);
        return status;
    }
    *out = filter;
    return EG_OK;
}

void eg_filter_free(struct eg_filter *filter) {
    if (!filter) return;
    eg_arena_reset(&filter->arena);
    eg_free(filter);
}

bool eg_filter_is_all(const struct eg_filter *filter) {
    return filter->root->kind == EG_NODE_CONST && filter->root->truth;
}

eg_column_set eg_filter_columns(const struct eg_filter *filter) {
    return filter->program->predicate.columns;
}

const struct eg_predicate *eg_filter_predicate(const struct eg_filter *filter) {
    return &filter->program->predicate;
}

void eg_filter_sql(const struct eg_filter *filter, struct eg_strbuf *to) {
    eg_tree_sql(filter->root, EG_SQL_DUCKDB, to);
}

void eg_filter_sql_for(const struct eg_filter *filter, enum eg_sql_dialect dialect,
                       struct eg_strbuf *to) {
    eg_tree_sql(filter->root, dialect, to);
}

void eg_filter_needs(const struct eg_filter *filter, struct eg_needs *out) {
    eg_node_needs(filter->root, out);
}

void eg_filter_text(const struct eg_filter *filter, struct eg_strbuf *to) {
    eg_tree_text(filter->root, to);
}

/* ---- the caret ---- */

#define CARET_BEFORE 60
#define CARET_AFTER 30

static bool continues(char c) { return ((unsigned char)c & 0xc0) == 0x80; }

void eg_filter_caret(const char *text, int64_t position, struct eg_strbuf *to) {
    size_t size = strlen(text);
    size_t at = position < 0 ? 0 : (uint64_t)position > size ? size : (size_t)position;
    size_t begin = at, end = at;
    while (begin > 0 && text[begin - 1] != '\n' && at - begin < CARET_BEFORE) begin--;
    while (begin < at && continues(text[begin])) begin++;
    while (end < size && text[end] != '\n' && end - at < CARET_AFTER) end++;
    while (end < size && continues(text[end])) end++;
    size_t blanks = 0;
    for (size_t i = begin; i < end; i++) { /* control characters would move the caret */
        unsigned char c = (unsigned char)text[i];
        eg_strbuf_char(to, c < 0x20 || c == 0x7f ? ' ' : text[i]);
        blanks += i < at && !continues(text[i]);
    }
    eg_strbuf_char(to, '\n');
    while (blanks--) eg_strbuf_char(to, ' ');
    eg_strbuf_text(to, "^\n");
}

/* An equality on an address column, as "host A" has one for each side. */
static bool is_address_equality(const struct eg_node *node) {
    return node->kind == EG_NODE_COMPARE && node->compare == EG_EQ && !node->mask &&
           node->field.kind == EG_FIELD_COLUMN && node->field.type == EG_TYPE_ADDR;
}

static bool is_either_side(const struct eg_node *node) {
    return node->kind == EG_NODE_OR && node->kid_count == 2 && is_address_equality(node->kids[0]) &&
           is_address_equality(node->kids[1]);
}

bool eg_filter_sides(const struct eg_filter *filter, struct eg_strbuf *first,
                     struct eg_strbuf *second) {
    const struct eg_node *root = filter->root, *either = is_either_side(root) ? root : NULL;
    for (uint32_t i = 0; root->kind == EG_NODE_AND && !either && i < root->kid_count; i++)
        if (is_either_side(root->kids[i])) either = root->kids[i];
    if (!either) return false;
    struct eg_strbuf *sides[2] = {first, second};
    for (int side = 0; side < 2; side++) {
        eg_tree_sql(either->kids[side], EG_SQL_DUCKDB, sides[side]);
        for (uint32_t i = 0; root != either && i < root->kid_count; i++) {
            if (root->kids[i] == either) continue;
            eg_strbuf_text(sides[side], " AND ");
            eg_tree_sql(root->kids[i], EG_SQL_DUCKDB, sides[side]);
        }
    }
    eg_strbuf_text(second, " AND (");
    eg_tree_sql(either->kids[0], EG_SQL_DUCKDB, second);
    eg_strbuf_text(second, ") IS NOT TRUE");
    return true;
}
