/* SPDX-License-Identifier: Apache-2.0
 * DuckDB's errors as ours: one line, a status, a position. With errors_as_json set DuckDB gives
 * {"exception_type", "exception_message", "position"}, at times behind a prefix of its own. */
#include "base/alloc.h"
#include "engine/inside.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Whoever asked did nothing wrong: a file is damaged. */
static bool not_parquet(const char *message) {
    return strstr(message, "No magic bytes found") || strstr(message, "to be a Parquet file");
}

static enum eg_status status_of(const char *type, const char *message) {
    static const struct {
        const char *type;
        enum eg_status status;
    } known[] = {
        {"Parser", EG_E_USAGE},
        {"Binder", EG_E_USAGE},
        {"Catalog", EG_E_USAGE},
        {"Syntax Error", EG_E_USAGE},
        {"Conversion", EG_E_USAGE},
        {"Invalid Input", EG_E_USAGE},
        {"Out of Range", EG_E_USAGE},
        {"Mismatch Type", EG_E_USAGE},
        {"Invalid type", EG_E_USAGE},
        {"Parameter Not Resolved", EG_E_USAGE},
        {"Permission", EG_E_ACCESS},
        {"Out of Memory", EG_E_NOMEM},
        {"INTERRUPT", EG_E_CANCELLED},
        {"Interrupt", EG_E_CANCELLED},
        {"IO", EG_E_IO},
    };
    if (strstr(message, "No space left on device") || strstr(message, "Disk quota exceeded"))
        return EG_E_NOSPACE;
    if (strncmp(message, "No files found that match", 25) == 0 ||
        strstr(message, "No such file or directory"))
        return EG_E_NOENT;
    if (not_parquet(message)) return EG_E_FORMAT;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].type, type) == 0) return known[i].status;
    return EG_E_ENGINE;
}

/* Line breaks become "; " where text goes on, and nothing at the end. */
static void one_line(struct eg_strbuf *to, const char *text) {
    const char *at = text;
    while (*at) {
        size_t line = strcspn(at, "\n");
        eg_strbuf_add(to, at, line);
        at += line;
        at += strspn(at, "\n \t");
        if (*at)
            eg_strbuf_text(to, to->size && strchr("!.:?,", to->text[to->size - 1]) ? " " : "; ");
    }
}

static const char *member(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static enum eg_status fill(const char *type, const char *message, int64_t position,
                           struct eg_error *err) {
    struct eg_strbuf line = {0};
    one_line(&line, message);
    if (not_parquet(message))
        eg_strbuf_text(&line, ": it is damaged; of a dataset, 'earlgrey doctor -d' says more");
    enum eg_status status = status_of(type, message);
    eg_fail(err, status, "%s", line.text && !line.failed ? line.text : "the SQL engine failed");
    if (err) err->position = position;
    eg_strbuf_reset(&line);
    return status;
}

enum eg_status eg_engine_fault(struct eg_engine *engine, const char *text, size_t shift,
                               struct eg_error *err) {
    pthread_mutex_lock(&engine->mutex);
    struct eg_error fault = engine->fault;
    engine->fault = (struct eg_error){.status = EG_OK};
    pthread_mutex_unlock(&engine->mutex);
    if (eg_env_cancelled(&engine->env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
    if (fault.status != EG_OK) {
        if (err) *err = fault;
        return fault.status;
    }
    if (!text) return eg_fail(err, EG_E_ENGINE, "the SQL engine failed without saying why");
    const char *brace = strchr(text, '{');
    json_t *json = brace ? json_loads(brace, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
    enum eg_status status;
    if (json && *member(json, "exception_message")) {
        const char *place = member(json, "position");
        int64_t position = *place ? strtoll(place, NULL, 10) - (int64_t)shift : -1;
        status = fill(member(json, "exception_type"), member(json, "exception_message"),
                      position < 0 ? -1 : position, err);
    } else {
        status = fill("", text, -1, err);
    }
    json_decref(json);
    return status;
}
