/* SPDX-License-Identifier: Apache-2.0
 * The sinks a user named: "NAME:rest" is a sink of the registry, "-" standard output, anything else
 * a dataset's directory. */
#include "cli/sinks.h"

#include "base/alloc.h"
#include "store/dataset_sink.h"

#include <stdio.h>
#include <string.h>

/* "-, udp://HOST:PORT, pcap:DIR, …": what this build has, as it is written. */
static void sinks_list(struct eg_strbuf *to) {
    static const char *const forms[][2] = {
        {"udp", "udp://HOST:PORT"}, {"pcap", "pcap:DIR"}, {"seqfile", "seqfile:DIR"}};
    size_t count;
    const struct eg_stage *stages = eg_registry(&count);
    eg_strbuf_text(to, "- (standard output)");
    for (size_t i = 0; i < count; i++) {
        const char *name = stages[i].name, *form = NULL;
        if (stages[i].kind != EG_STAGE_sink || !stages[i].type || strcmp(name, "stdout") == 0 ||
            strcmp(name, "dataset") == 0)
            continue;
        for (size_t k = 0; k < sizeof forms / sizeof *forms; k++)
            if (strcmp(forms[k][0], name) == 0) form = forms[k][1];
        eg_strbuf_printf(to, form ? ", %s" : ", %s:", form ? form : name);
    }
    eg_strbuf_text(to, ", or a dataset's directory");
}

static enum eg_status no_sink(const char *uri, const char *scheme, struct eg_error *err) {
    struct eg_strbuf list = {0};
    const char *names[32], *near = NULL;
    size_t count, known = 0;
    const struct eg_stage *stages = eg_registry(&count);
    for (size_t i = 0; i < count && known < 32; i++)
        if (stages[i].kind == EG_STAGE_sink) names[known++] = stages[i].name;
    if (scheme[0]) near = eg_nearest(scheme, names, known);
    sinks_list(&list);
    eg_fail(err, EG_E_USAGE,
            "there is no sink '%.31s:'%s%s%s; there are %s; a directory's name with a colon is "
            "written ./%s",
            scheme[0] ? scheme : uri, near ? " (did you mean '" : "", near ? near : "",
            near ? ":'?)" : "", list.text ? list.text : "", uri);
    eg_strbuf_reset(&list);
    return EG_E_USAGE;
}

/* "stdout", "null", "udp": the name of a sink or source with nothing behind it is no directory. */
static enum eg_status no_bare_name(const char *uri, struct eg_error *err) {
    struct eg_strbuf list = {0};
    enum eg_status status = EG_OK;
    bool output = strcmp(uri, "stdout") == 0, dataset = strcmp(uri, "dataset") == 0;
    bool known = eg_registry_find(EG_STAGE_sink, uri) || eg_registry_find(EG_STAGE_source, uri);
    if (!known || dataset || strcmp(uri, "file") == 0) return EG_OK;
    sinks_list(&list);
    status = eg_fail(err, EG_E_USAGE,
                     "'%s' alone is no sink%s; there are %s; a directory of that name is written "
                     "./%s",
                     uri, output ? ": standard output is -" : "", list.text ? list.text : "", uri);
    eg_strbuf_reset(&list);
    return status;
}

static enum eg_status find_sink(const char *uri, const struct eg_stage **out,
                                struct eg_error *err) {
    const char *colon = strchr(uri, ':');
    const char *name = "dataset";
    char scheme[32] = "";
    if (strcmp(uri, "-") == 0) name = "stdout";
    if (colon && (size_t)(colon - uri) < sizeof scheme &&
        !memchr(uri, '/', (size_t)(colon - uri))) {
        memcpy(scheme, uri, (size_t)(colon - uri));
        name = scheme;
    }
    *out = eg_registry_find(EG_STAGE_sink, name);
    if (!*out) return no_sink(uri, scheme, err);
    if (!(*out)->type)
        return eg_fail(err, EG_E_USAGE, "the sink %s is not in this build: %s", name,
                       (*out)->unavailable);
    return EG_OK;
}

enum eg_status eg_query_set(const struct eg_option *table, void *to, const char *query,
                            struct eg_error *err) {
    while (query && *query) {
        char name[64], value[1024];
        size_t pair = strcspn(query, "&"), eq = strcspn(query, "=");
        if (eq >= pair) eq = pair;
        if (eq >= sizeof name || pair - eq >= sizeof value)
            return eg_fail(err, EG_E_USAGE, "the option '%.40s…' is too long", query);
        snprintf(name, sizeof name, "%.*s", (int)eq, query);
        snprintf(value, sizeof value, "%.*s", eq < pair ? (int)(pair - eq - 1) : 0, query + eq + 1);
        EG_TRY(eg_option_set(table, to, name, eq < pair ? value : "true", err));
        query += pair + (query[pair] == '&');
    }
    return EG_OK;
}

enum eg_status eg_query_options(const struct eg_option *table, size_t size, const char *query,
                                void **out, struct eg_error *err) {
    *out = eg_calloc(1, size + 1);
    if (!*out) return eg_fail(err, EG_E_NOMEM, "out of memory");
    enum eg_status status = eg_options_preset(table, *out, err);
    if (status >= 0) status = eg_query_set(table, *out, query, err);
    if (status >= 0) return EG_OK;
    eg_options_reset(table, *out);
    eg_free(*out);
    *out = NULL;
    return status;
}

static enum eg_status open_one(struct eg_sinks *sinks, const struct eg_env *env, const char *uri,
                               const char *format, struct eg_error *err) {
    if (sinks->count == EG_SINKS_MAX)
        return eg_fail(err, EG_E_USAGE, "at most %d sinks", EG_SINKS_MAX);
    const struct eg_stage *stage;
    EG_TRY(find_sink(uri, &stage, err));
    const struct eg_sink_type *type = stage->type;
    char *path = eg_strdup(uri);
    if (!path) return eg_fail(err, EG_E_NOMEM, "out of memory");
    char *query = strchr(uri, ':') ? strchr(path, '?') : NULL;
    if (query) *query++ = 0;
    void *options;
    struct eg_pump_sink *sink = &sinks->items[sinks->count];
    enum eg_status status =
        eg_query_options(type->options, type->options_size, query, &options, err);
    if (status >= 0) {
        if (type->takes == EG_TAKES_RECORDS && eg_option_find(type->options, "format"))
            status = eg_option_set(type->options, options, "format", format, err);
        if (status >= 0) status = type->open(env, path, options, &sink->sink, err);
        if (status < 0) {
            eg_options_reset(type->options, options);
            eg_free(options);
        }
    }
    eg_free(path);
    if (status < 0) return status;
    sink->type = type;
    sink->name = uri;
    sink->format = format;
    sinks->options[sinks->count++] = options;
    if (type == &eg_sink_dataset && !sinks->dataset) {
        sinks->dataset = sink->sink;
        sinks->dataset_path = uri;
    }
    return EG_OK;
}

enum eg_status eg_sinks_open(struct eg_sinks *sinks, const struct eg_env *env, const char *dataset,
                             const struct eg_text_list *to, const char *format,
                             struct eg_error *err) {
    *sinks = (struct eg_sinks){0};
    if (dataset) EG_TRY(open_one(sinks, env, dataset, format, err));
    for (size_t i = 0; i < to->count; i++) {
        EG_TRY(no_bare_name(to->items[i], err));
        EG_TRY(open_one(sinks, env, to->items[i], format, err));
    }
    return EG_OK;
}

void eg_sinks_close(struct eg_sinks *sinks) {
    for (size_t i = 0; i < sinks->count; i++) {
        sinks->items[i].type->close(sinks->items[i].sink);
        eg_options_reset(sinks->items[i].type->options, sinks->options[i]);
        eg_free(sinks->options[i]);
    }
    *sinks = (struct eg_sinks){0};
}
