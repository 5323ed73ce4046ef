/* SPDX-License-Identifier: Apache-2.0
 * The tree as SQL and as the normal form. Both walk the same nodes, so that one cannot know a
 * condition that the other does not. */
#include "filter/render.h"

#include "filter/value.h"

#include <string.h>

struct writer {
    struct eg_strbuf *to;
    enum eg_sql_dialect dialect;
};

/* ---- SQL ---- */

/* Spark reads backslashes inside quotes, DuckDB does not. */
static void sql_quoted(const struct writer *w, const char *text, size_t size) {
    if (w->dialect == EG_SQL_DUCKDB) {
        eg_quoted_text(text, size, '\'', w->to);
        return;
    }
    eg_strbuf_char(w->to, '\'');
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\'' || text[i] == '\\') eg_strbuf_char(w->to, '\\');
        eg_strbuf_char(w->to, text[i]);
    }
    eg_strbuf_char(w->to, '\'');
}

/* The one column whose name is a word of SQL is quoted. */
static void sql_column(const struct writer *w, const char *name) {
    const char *quote = strcmp(name, "offset") != 0 ? "" : w->dialect == EG_SQL_SPARK ? "`" : "\"";
    eg_strbuf_printf(w->to, "%s%s%s", quote, name, quote);
}

#define DUCKDB_DURATION "(epoch_us(end_time) - epoch_us(start_time))"
#define SPARK_DURATION "(unix_micros(end_time) - unix_micros(start_time))"

static void sql_field(const struct writer *w, const struct eg_field *field) {
    const char *duration = w->dialect == EG_SQL_SPARK ? SPARK_DURATION : DUCKDB_DURATION;
    switch (field->kind) {
    case EG_FIELD_COLUMN: sql_column(w, field->name); return;
    case EG_FIELD_DURATION: eg_strbuf_text(w->to, duration); return;
    case EG_FIELD_PPS:
    case EG_FIELD_BPS:
        eg_strbuf_printf(w->to,
                         "(CASE WHEN %s > 0 THEN CAST(%s AS DOUBLE) * %s / CAST(%s AS DOUBLE) END)",
                         duration, field->kind == EG_FIELD_PPS ? "packets" : "bytes",
                         field->kind == EG_FIELD_PPS ? "1e6" : "8e6", duration);
        return;
    case EG_FIELD_BPP:
        eg_strbuf_text(w->to, "(CASE WHEN packets > 0 THEN CAST(bytes AS DOUBLE) / "
                              "CAST(packets AS DOUBLE) END)");
        return;
    }
}

static void sql_value(const struct writer *w, const struct eg_field *field,
                      const struct eg_value *value) {
    switch (field->type) {
    case EG_TYPE_TIME:
        eg_strbuf_text(w->to, w->dialect == EG_SQL_SPARK ? "TIMESTAMP " : "TIMESTAMPTZ ");
        eg_value_text(field, value, w->to);
        return;
    case EG_TYPE_TEXT:
    case EG_TYPE_NAME: sql_quoted(w, value->text, value->size); return;
    case EG_TYPE_ADDR:
    case EG_TYPE_MAC:
        eg_strbuf_char(w->to, '\'');
        eg_value_text(field, value, w->to);
        eg_strbuf_char(w->to, '\'');
        return;
    case EG_TYPE_BOOL: eg_value_text(field, value, w->to); return;
    case EG_TYPE_F64: eg_real_text(value->real, w->to); return;
    default: eg_strbuf_i64(w->to, value->number);
    }
}

static const char *const sql_compares[] = {"=", "<>", "<", "<=", ">", ">="};

static void sql_compare(const struct writer *w, const struct eg_node *node) {
    if (node->mask) {
        eg_strbuf_char(w->to, '(');
        sql_field(w, &node->field);
        eg_strbuf_text(w->to, " & ");
        eg_strbuf_i64(w->to, node->mask);
        eg_strbuf_char(w->to, ')');
    } else {
        sql_field(w, &node->field);
    }
    eg_strbuf_printf(w->to, " %s ", sql_compares[node->compare]);
    if (node->kind == EG_NODE_FIELDS)
        sql_field(w, &node->other);
    else
        sql_value(w, &node->field, &node->value);
}

static bool is_single(const struct eg_field *field, const struct eg_item *item) {
    return !item->range && (field->type != EG_TYPE_ADDR || item->bits == 128);
}

/* Single values in one IN; each range and net a condition of its own. */
static void sql_in(const struct writer *w, const struct eg_node *node) {
    const struct eg_field *field = &node->field;
    uint32_t singles = 0, parts = 0;
    for (uint32_t i = 0; i < node->item_count; i++) singles += is_single(field, &node->items[i]);
    bool many = node->item_count - singles + (singles > 0) > 1;
    if (many) eg_strbuf_char(w->to, '(');
    if (singles) {
        uint32_t written = 0;
        sql_field(w, field);
        eg_strbuf_text(w->to, " IN (");
        for (uint32_t i = 0; i < node->item_count; i++) {
            if (!is_single(field, &node->items[i])) continue;
            if (written++) eg_strbuf_text(w->to, ", ");
            sql_value(w, field, &node->items[i].low);
        }
        eg_strbuf_char(w->to, ')');
        parts++;
    }
    for (uint32_t i = 0; i < node->item_count; i++) {
        const struct eg_item *item = &node->items[i];
        if (is_single(field, item)) continue;
        if (parts++) eg_strbuf_text(w->to, " OR ");
        if (field->type == EG_TYPE_ADDR) {
            eg_strbuf_text(w->to, "in_subnet(");
            sql_field(w, field);
            eg_strbuf_text(w->to, ", '");
            eg_prefix_text(item, w->to);
            eg_strbuf_text(w->to, "')");
            continue;
        }
        sql_field(w, field);
        eg_strbuf_text(w->to, " BETWEEN ");
        sql_value(w, field, &item->low);
        eg_strbuf_text(w->to, " AND ");
        sql_value(w, field, &item->high);
    }
    if (many) eg_strbuf_char(w->to, ')');
}

static void sql_match(const struct writer *w, const struct eg_node *node) {
    struct eg_strbuf pattern = {0};
    eg_regex_portable(node->regex, &pattern);
    if (pattern.failed) w->to->failed = true;
    if (w->dialect == EG_SQL_DUCKDB) eg_strbuf_text(w->to, "regexp_matches(");
    sql_field(w, &node->field);
    eg_strbuf_text(w->to, w->dialect == EG_SQL_DUCKDB ? ", " : " RLIKE ");
    sql_quoted(w, pattern.text, pattern.size);
    if (w->dialect == EG_SQL_DUCKDB) eg_strbuf_char(w->to, ')');
    eg_strbuf_reset(&pattern);
}

static void sql(const struct writer *w, const struct eg_node *node) {
    switch (node->kind) {
    case EG_NODE_CONST: eg_strbuf_text(w->to, node->truth ? "true" : "false"); return;
    case EG_NODE_AND:
    case EG_NODE_OR:
        eg_strbuf_char(w->to, '(');
        for (uint32_t i = 0; i < node->kid_count; i++) {
            if (i) eg_strbuf_text(w->to, node->kind == EG_NODE_AND ? " AND " : " OR ");
            sql(w, node->kids[i]);
        }
        eg_strbuf_char(w->to, ')');
        return;
    case EG_NODE_NOT:
        if (node->kids[0]->kind == EG_NODE_NULL) {
            sql_field(w, &node->kids[0]->field);
            eg_strbuf_text(w->to, " IS NOT NULL");
            return;
        }
        eg_strbuf_text(w->to, "NOT (");
        sql(w, node->kids[0]);
        eg_strbuf_char(w->to, ')');
        return;
    case EG_NODE_COMPARE:
    case EG_NODE_FIELDS: sql_compare(w, node); return;
    case EG_NODE_IN: sql_in(w, node); return;
    case EG_NODE_MATCH: sql_match(w, node); return;
    case EG_NODE_NULL:
        sql_field(w, &node->field);
        eg_strbuf_text(w->to, " IS NULL");
        return;
    }
}

void eg_tree_sql(const struct eg_node *node, enum eg_sql_dialect dialect, struct eg_strbuf *to) {
    struct writer w = {to, dialect};
    sql(&w, node);
}

/* ---- the normal form ---- */

static void leaf_text(const struct eg_node *node, struct eg_strbuf *to) {
    static const char *const compares[] = {"=", "!=", "<", "<=", ">", ">="};
    eg_strbuf_text(to, node->field.name);
    switch (node->kind) {
    case EG_NODE_COMPARE:
    case EG_NODE_FIELDS:
        if (node->mask) eg_strbuf_printf(to, " & 0x%llx", (unsigned long long)node->mask);
        eg_strbuf_printf(to, " %s ", compares[node->compare]);
        if (node->kind == EG_NODE_FIELDS)
            eg_strbuf_text(to, node->other.name);
        else if (node->mask && node->value.number >= 0)
            eg_strbuf_printf(to, "0x%llx", (unsigned long long)node->value.number);
        else
            eg_value_text(&node->field, &node->value, to);
        return;
    case EG_NODE_IN:
        eg_strbuf_text(to, " in (");
        for (uint32_t i = 0; i < node->item_count; i++) {
            if (i) eg_strbuf_text(to, ", ");
            eg_item_text(&node->field, &node->items[i], to);
        }
        eg_strbuf_char(to, ')');
        return;
    case EG_NODE_MATCH: {
        struct eg_span source = eg_regex_source(node->regex);
        eg_strbuf_text(to, " ~ ");
        eg_quoted_text((const char *)source.at, source.size, '"', to);
        return;
    }
    default: eg_strbuf_text(to, " is null");
    }
}

static void tree_text(const struct eg_node *node, struct eg_strbuf *to, bool bracket) {
    switch (node->kind) {
    case EG_NODE_CONST: eg_strbuf_text(to, node->truth ? "any" : "not any"); return;
    case EG_NODE_AND:
    case EG_NODE_OR:
        if (bracket) eg_strbuf_char(to, '(');
        for (uint32_t i = 0; i < node->kid_count; i++) {
            if (i) eg_strbuf_text(to, node->kind == EG_NODE_AND ? " and " : " or ");
            tree_text(node->kids[i], to, true);
        }
        if (bracket) eg_strbuf_char(to, ')');
        return;
    case EG_NODE_NOT:
        if (node->kids[0]->kind == EG_NODE_NULL) {
            eg_strbuf_printf(to, "%s is not null", node->kids[0]->field.name);
            return;
        }
        eg_strbuf_text(to, "not (");
        tree_text(node->kids[0], to, false);
        eg_strbuf_char(to, ')');
        return;
    default: leaf_text(node, to);
    }
}

void eg_tree_text(const struct eg_node *node, struct eg_strbuf *to) { tree_text(node, to, false); }
