/* SPDX-License-Identifier: Apache-2.0
 * Which SQL a user may run: one SELECT, or EXPLAIN of one.
 *
 * Settings, COPY, ATTACH and the like are other kinds of statement and easily told. But some of
 * DuckDB's table functions have effects (enable_logging writes files, checkpoint, query runs a
 * text), and they are called in a SELECT; so the statement is parsed first (json_serialize_sql, which
 * parses and does nothing else) and every table function in it must be one of a list. */
#include "base/alloc.h"
#include "engine/inside.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define ONLY_SELECT                                                                                \
    "only SELECT statements can be run here (one at a time; EXPLAIN before it is fine)"
#define DEPTH_MAX 2000

static const char *const table_functions[] = {
    "read_flows", "read_packets", "read_losses", "read_parquet", "parquet_scan", "parquet_metadata",
    "parquet_schema", "parquet_file_metadata", "parquet_full_metadata", "parquet_kv_metadata",
    "parquet_bloom_probe", "read_csv", "read_csv_auto", "sniff_csv", "read_json", "read_json_auto",
    "read_json_objects", "read_json_objects_auto", "read_ndjson", "read_ndjson_auto",
    "read_ndjson_objects", "read_text", "read_blob", "glob", "range", "generate_series", "unnest",
    "repeat", "repeat_row", "json_each", "json_tree", "summary", "histogram", "histogram_values",
    "test_all_types", "duckdb_columns", "duckdb_databases", "duckdb_functions", "duckdb_keywords",
    "duckdb_memory", "duckdb_schemas", "duckdb_settings", "duckdb_tables", "duckdb_types",
    "duckdb_views", "pragma_table_info", "pragma_version", "pg_timezone_names",
    "icu_calendar_names", "sql_auto_complete"};

/* Scalar functions with effects. */
static const char *const scalar_functions[] = {"write_log", "nextval", "setseed"};

static bool listed(const char *name, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(name, names[i]) == 0) return true;
    return false;
}
#define LISTED(name, names) listed(name, names, sizeof(names) / sizeof *(names))

static const char *text_of(const json_t *object, const char *member) {
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

/* The name of the first function in the tree that may not be called, or NULL. */
static const char *forbidden(const json_t *node, int depth) {
    if (depth > DEPTH_MAX) return "(too deep)";
    const char *found = NULL;
    if (json_is_array(node)) {
        for (size_t i = 0; !found && i < json_array_size(node); i++)
            found = forbidden(json_array_get(node, i), depth + 1);
        return found;
    }
    if (!json_is_object(node)) return NULL;
    const char *type = text_of(node, "type");
    if (strcmp(type, "TABLE_FUNCTION") == 0) {
        const char *name = text_of(json_object_get(node, "function"), "function_name");
        if (!LISTED(name, table_functions)) return *name ? name : "(without a name)";
    } else if (strcmp(type, "FUNCTION") == 0) {
        const char *name = text_of(node, "function_name");
        if (LISTED(name, scalar_functions)) return name;
    }
    for (void *at = json_object_iter((json_t *)(uintptr_t)node); at && !found;
         at = json_object_iter_next((json_t *)(uintptr_t)node, at))
        found = forbidden(json_object_iter_value(at), depth + 1);
    return found;
}

static enum eg_status parse_error(const json_t *tree, size_t shift, struct eg_error *err) {
    if (strcmp(text_of(tree, "error_type"), "not implemented") == 0)
        return eg_fail(err, EG_E_USAGE, ONLY_SELECT);
    const char *why = text_of(tree, "error_message"), *place = text_of(tree, "position");
    enum eg_status status = eg_fail(err, EG_E_USAGE, "%s", *why ? why : "this is no SQL statement");
    if (err && *place) err->position = (int64_t)shift + strtoll(place, NULL, 10);
    return status;
}

/* `shift`: how far the parsed text stands behind the beginning of the user's. */
static enum eg_status check_tree(const char *text, size_t shift, struct eg_error *err) {
    /* some of its places are 2^64 - 1, which jansson takes as a real only */
    json_t *tree = text ? json_loads(text, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL) : NULL;
    if (!tree) return eg_fail(err, EG_E_USAGE, "this SQL cannot be checked; write it more simply");
    enum eg_status status = EG_OK;
    const json_t *statements = json_object_get(tree, "statements");
    if (!json_is_false(json_object_get(tree, "error"))) {
        status = parse_error(tree, shift, err);
    } else if (json_array_size(statements) != 1) {
        status = eg_fail(err, EG_E_USAGE,
                         json_array_size(statements) ? ONLY_SELECT
                                                     : "there is no SQL statement in this text");
    } else {
        const char *name = forbidden(tree, 0);
        if (name)
            status = eg_fail(err, EG_E_USAGE,
                             "the function '%s' cannot be called here, since it does more than read",
                             name);
    }
    json_decref(tree);
    return status;
}

/* Parses the text with DuckDB's own parser, without binding or running it. */
static enum eg_status check_select(struct eg_engine *engine, const char *sql, size_t shift,
                                   struct eg_error *err) {
    duckdb_prepared_statement parse = NULL;
    duckdb_result result = {0};
    enum eg_status status = EG_OK;
    if (duckdb_prepare(engine->connection, "SELECT json_serialize_sql(CAST($1 AS VARCHAR))",
                       &parse) != DuckDBSuccess ||
        duckdb_bind_varchar(parse, 1, sql) != DuckDBSuccess ||
        duckdb_execute_prepared(parse, &result) != DuckDBSuccess) {
        status = eg_fail(err, EG_E_USAGE, "this SQL cannot be checked: it is not UTF-8 text");
    } else {
        char *text = duckdb_value_varchar(&result, 0, 0);
        status = check_tree(text, shift, err);
        duckdb_free(text);
    }
    duckdb_destroy_result(&result);
    duckdb_destroy_prepare(&parse);
    return status;
}

/* The text behind blanks and comments. */
static const char *skip_blank(const char *at) {
    for (;;) {
        if (isspace((unsigned char)*at)) {
            at++;
        } else if (at[0] == '-' && at[1] == '-') {
            at += strcspn(at, "\n");
        } else if (at[0] == '/' && at[1] == '*') {
            const char *end = strstr(at + 2, "*/");
            if (!end) return at;
            at = end + 2;
        } else {
            return at;
        }
    }
}

/* The text behind a leading EXPLAIN, or NULL. */
static const char *behind_explain(const char *sql) {
    const char *at = skip_blank(sql);
    if (strncasecmp(at, "explain", 7) != 0) return NULL;
    if (isalnum((unsigned char)at[7]) || at[7] == '_') return NULL;
    return at + 7;
}

static enum eg_status prepare_one(struct eg_engine *engine, const char *sql, bool explain,
                                  duckdb_prepared_statement *out, struct eg_error *err) {
    duckdb_extracted_statements parts = NULL;
    idx_t count = duckdb_extract_statements(engine->connection, sql, &parts);
    duckdb_prepared_statement made = NULL;
    enum eg_status status = EG_OK;
    if (count == 0) {
        const char *why = duckdb_extract_statements_error(parts);
        status = why ? eg_engine_fault(engine, why, 0, err)
                     : eg_fail(err, EG_E_USAGE, "there is no SQL statement in this text");
    } else if (count > 1) {
        status = eg_fail(err, EG_E_USAGE, "%s", engine->locked ? ONLY_SELECT
                                                : "more than one SQL statement");
    } else if (duckdb_prepare_extracted_statement(engine->connection, parts, 0, &made) !=
               DuckDBSuccess) {
        status = eg_engine_fault(engine, duckdb_prepare_error(made), 0, err);
    } else if (engine->locked &&
               duckdb_prepared_statement_type(made) !=
                   (explain ? DUCKDB_STATEMENT_TYPE_EXPLAIN : DUCKDB_STATEMENT_TYPE_SELECT)) {
        status = eg_fail(err, EG_E_USAGE, ONLY_SELECT);
    } else if (duckdb_nparams(made) > 0) {
        status = eg_fail(err, EG_E_USAGE, "this SQL has parameters ($1, ?), and no values for them");
    }
    if (status < 0) duckdb_destroy_prepare(&made);
    else *out = made;
    duckdb_destroy_extracted(&parts);
    return status;
}

enum eg_status eg_statement_prepare(struct eg_engine *engine, const char *sql,
                                    duckdb_prepared_statement *out, struct eg_error *err) {
    if (!engine->locked) return prepare_one(engine, sql, false, out, err);
    const char *select = behind_explain(sql);
    EG_TRY(check_select(engine, select ? select : sql, select ? (size_t)(select - sql) : 0, err));
    if (!select) return prepare_one(engine, sql, false, out, err);
    /* What stands behind the word is one SELECT by now (EXPLAIN ANALYZE is none: it would run). */
    struct eg_strbuf text = {0};
    size_t before = (size_t)(select - sql);
    for (size_t i = 7; i < before; i++) eg_strbuf_char(&text, ' '); /* positions stay as they are */
    eg_strbuf_text(&text, "EXPLAIN");
    eg_strbuf_text(&text, select);
    enum eg_status status = text.failed ? eg_fail(err, EG_E_NOMEM, "no memory for a statement")
                                        : prepare_one(engine, text.text, true, out, err);
    eg_strbuf_reset(&text);
    return status;
}
