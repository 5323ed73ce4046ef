/* SPDX-License-Identifier: Apache-2.0
 * Configuration files (YAML, by libyaml's events) and the environment. */
#include "cli/config_file.h"

#include "base/alloc.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

extern char **environ;

static bool is_saved_filter(const char *key) { return strncmp(key, "filters.", 8) == 0; }

/* The option a key names: "top.number" of that verb, "dataset" of the first verb that has it. */
static const struct eg_option *option_of(const char *key) {
    const char *dot = strchr(key, '.');
    for (size_t i = 0; eg_verbs[i]; i++) {
        if (dot) {
            size_t size = (size_t)(dot - key);
            if (strlen(eg_verbs[i]->name) != size || strncmp(eg_verbs[i]->name, key, size) != 0)
                continue;
            return eg_option_find(eg_verbs[i]->options, dot + 1);
        }
        const struct eg_option *option = eg_option_find(eg_verbs[i]->options, key);
        if (option) return option;
    }
    return dot ? NULL : eg_option_find(eg_common_option_table, key);
}

static enum eg_status unknown_key(const char *key, const char *origin, struct eg_error *err) {
    const char *names[512];
    size_t count = 0;
    const char *dot = strchr(key, '.');
    const char *word = dot ? dot + 1 : key;
    for (size_t i = 0; eg_verbs[i]; i++) {
        if (dot && strncmp(eg_verbs[i]->name, key, (size_t)(dot - key)) != 0) continue;
        for (const struct eg_option *o = eg_verbs[i]->options; o->name && count < 511; o++)
            names[count++] = o->name;
        if (!dot) names[count++] = eg_verbs[i]->name;
    }
    const char *near = eg_nearest(word, names, count);
    if (near)
        return eg_fail(err, EG_E_USAGE, "%s: unknown key '%s' (did you mean '%.*s%s'?)", origin,
                       key, dot ? (int)(dot + 1 - key) : 0, key, near);
    return eg_fail(err, EG_E_USAGE, "%s: unknown key '%s'; 'earlgrey config show' lists them all",
                   origin, key);
}

/* Tries the value on a scratch options struct, so that a bad one is told with its place. */
static enum eg_status check_value(const struct eg_option *option, const char *value,
                                  const char *origin, struct eg_error *err) {
    struct eg_option alone[2] = {*option, EG_OPTION_END};
    alone[0].offset = 0;
    union {
        bool flag;
        int64_t number;
        char *text;
        struct eg_text_list list;
    } scratch;
    memset(&scratch, 0, sizeof scratch);
    enum eg_status status = eg_option_set(alone, &scratch, option->name, value, err);
    eg_options_reset(alone, &scratch);
    if (status < 0) eg_error_prefix(err, "%s", origin);
    return status;
}

static enum eg_status add(struct eg_settings *settings, const char *key, const char *value,
                          const char *origin, struct eg_error *err) {
    if (!is_saved_filter(key)) {
        const struct eg_option *option = option_of(key);
        if (!option) return unknown_key(key, origin, err);
        EG_TRY(check_value(option, value, origin, err));
    }
    if (settings->count == settings->room) {
        size_t room = settings->room ? settings->room * 2 : 16;
        struct eg_setting *items = eg_realloc(settings->items, room, sizeof *items);
        if (!items) return eg_fail(err, EG_E_NOMEM, "no memory for the configuration");
        settings->items = items;
        settings->room = room;
    }
    struct eg_setting *item = &settings->items[settings->count];
    *item = (struct eg_setting){eg_strdup(key), eg_strdup(value), eg_strdup(origin)};
    settings->count++;
    if (!item->key || !item->value || !item->origin)
        return eg_fail(err, EG_E_NOMEM, "no memory for the configuration");
    return EG_OK;
}

/* ---- YAML: a mapping of scalars, sequences and one level of mappings ---- */

struct reading {
    struct eg_settings *settings;
    const char *path;
    yaml_parser_t parser;
    char key[128];
    size_t prefix; /* length of "VERB." in `key` */
    bool have_key;
    int mappings;
    bool sequence;
    struct eg_strbuf list; /* a sequence's values, joined by commas */
};

static void place_text(const struct reading *r, yaml_mark_t mark, char *out, size_t size) {
    snprintf(out, size, "%s:%zu:%zu", r->path, mark.line + 1, mark.column + 1);
}

static enum eg_status on_scalar(struct reading *r, const yaml_event_t *event,
                                struct eg_error *err) {
    const char *text = (const char *)event->data.scalar.value;
    char origin[1100];
    place_text(r, event->start_mark, origin, sizeof origin);
    if (r->sequence) {
        if (r->list.size) eg_strbuf_char(&r->list, ',');
        eg_strbuf_text(&r->list, text);
        return EG_OK;
    }
    if (!r->have_key) {
        snprintf(r->key + r->prefix, sizeof r->key - r->prefix, "%s", text);
        for (char *c = r->key; *c; c++)
            if (*c == '_') *c = '-';
        r->have_key = true;
        return EG_OK;
    }
    r->have_key = false;
    return add(r->settings, r->key, text, origin, err);
}

static enum eg_status on_event(struct reading *r, const yaml_event_t *event, struct eg_error *err) {
    char origin[1100];
    place_text(r, event->start_mark, origin, sizeof origin);
    switch (event->type) {
    case YAML_SCALAR_EVENT: return on_scalar(r, event, err);
    case YAML_MAPPING_START_EVENT:
        if (r->sequence || r->mappings == 2)
            return eg_fail(err, EG_E_USAGE, "%s: a mapping does not belong here", origin);
        r->mappings++;
        if (r->mappings == 2) {
            r->prefix = strlen(r->key);
            snprintf(r->key + r->prefix, sizeof r->key - r->prefix, ".");
            r->prefix = strlen(r->key);
            r->have_key = false;
        }
        return EG_OK;
    case YAML_MAPPING_END_EVENT:
        r->mappings--;
        r->prefix = 0;
        r->have_key = false;
        return EG_OK;
    case YAML_SEQUENCE_START_EVENT:
        if (!r->have_key || r->sequence)
            return eg_fail(err, EG_E_USAGE, "%s: a list does not belong here", origin);
        r->sequence = true;
        eg_strbuf_clear(&r->list);
        return EG_OK;
    case YAML_SEQUENCE_END_EVENT:
        r->sequence = r->have_key = false;
        return add(r->settings, r->key, r->list.text ? r->list.text : "", origin, err);
    case YAML_ALIAS_EVENT:
        return eg_fail(err, EG_E_USAGE, "%s: YAML aliases are not supported", origin);
    default: return EG_OK;
    }
}

static enum eg_status read_file(struct eg_settings *settings, const char *path, FILE *file,
                                struct eg_error *err) {
    struct reading r = {.settings = settings, .path = path};
    if (!yaml_parser_initialize(&r.parser))
        return eg_fail(err, EG_E_NOMEM, "no memory for the configuration");
    yaml_parser_set_input_file(&r.parser, file);
    enum eg_status status = EG_OK;
    for (bool over = false; !over && status >= 0;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&r.parser, &event)) {
            status = eg_fail(err, EG_E_USAGE, "%s:%zu:%zu: %s", path,
                             r.parser.problem_mark.line + 1, r.parser.problem_mark.column + 1,
                             r.parser.problem ? r.parser.problem : "not YAML");
            break;
        }
        over = event.type == YAML_STREAM_END_EVENT;
        status = on_event(&r, &event, err);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&r.parser);
    eg_strbuf_reset(&r.list);
    return status;
}

static enum eg_status read_path(struct eg_settings *settings, const char *path, bool must,
                                struct eg_error *err) {
    FILE *file = fopen(path, "re");
    if (!file) {
        if (!must && (errno == ENOENT || errno == ENOTDIR || errno == EACCES)) return EG_OK;
        eg_fail_errno(err, errno, "configuration file %s", path);
        if (err) err->status = EG_E_USAGE;
        return EG_E_USAGE;
    }
    enum eg_status status = read_file(settings, path, file, err);
    fclose(file);
    return status;
}

static enum eg_status read_conf_d(struct eg_settings *settings, const char *directory,
                                  struct eg_error *err) {
    struct dirent **names;
    int count = scandir(directory, &names, NULL, alphasort);
    enum eg_status status = EG_OK;
    for (int i = 0; i < count; i++) {
        size_t size = strlen(names[i]->d_name);
        if (status >= 0 && names[i]->d_name[0] != '.' && size > 5 &&
            strcmp(names[i]->d_name + size - 5, ".yaml") == 0) {
            char path[1024];
            snprintf(path, sizeof path, "%s/%s", directory, names[i]->d_name);
            status = read_path(settings, path, false, err);
        }
        free(names[i]);
    }
    if (count >= 0) free(names);
    return status;
}

/* EARLGREY_TOP_NUMBER -> "top.number", EARLGREY_DATASET -> "dataset", EARLGREY_NETFLOW_PORT ->
 * "netflow-port": the longest verb name in front wins, if the rest is an option of it. */
static bool key_of_variable(const char *variable, char *key, size_t size) {
    char word[128];
    size_t n = 0;
    for (const char *c = variable + 9; *c && *c != '=' && n + 1 < sizeof word; c++)
        word[n++] = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
    word[n] = 0;
    for (size_t i = 0; eg_verbs[i]; i++) {
        size_t verb = strlen(eg_verbs[i]->name);
        if (strncmp(word, eg_verbs[i]->name, verb) == 0 && word[verb] == '-' &&
            eg_option_find(eg_verbs[i]->options, word + verb + 1)) {
            snprintf(key, size, "%s.%s", eg_verbs[i]->name, word + verb + 1);
            return true;
        }
    }
    snprintf(key, size, "%s", word);
    return option_of(key) != NULL;
}

static enum eg_status read_environment(struct eg_settings *settings, struct eg_error *err) {
    for (char **at = environ; *at; at++) {
        if (strncmp(*at, "EARLGREY_", 9) != 0) continue;
        const char *equals = strchr(*at, '=');
        char key[128], origin[160];
        if (!equals || !key_of_variable(*at, key, sizeof key)) continue;
        snprintf(origin, sizeof origin, "environment %.*s", (int)(equals - *at), *at);
        EG_TRY(add(settings, key, equals + 1, origin, err));
    }
    return EG_OK;
}

enum eg_status eg_settings_read(struct eg_settings *out, const char *config_path,
                                struct eg_error *err) {
    EG_TRY(read_path(out, "/etc/earlgrey/earlgrey.yaml", false, err));
    EG_TRY(read_conf_d(out, "/etc/earlgrey/conf.d", err));
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char path[1024];
    if (xdg && *xdg)
        snprintf(path, sizeof path, "%s/earlgrey/earlgrey.yaml", xdg);
    else
        snprintf(path, sizeof path, "%s/.config/earlgrey/earlgrey.yaml", home ? home : "");
    EG_TRY(read_path(out, path, false, err));
    if (config_path) EG_TRY(read_path(out, config_path, true, err));
    return read_environment(out, err);
}

void eg_settings_reset(struct eg_settings *settings) {
    for (size_t i = 0; i < settings->count; i++) {
        eg_free(settings->items[i].key);
        eg_free(settings->items[i].value);
        eg_free(settings->items[i].origin);
    }
    eg_free(settings->items);
    *settings = (struct eg_settings){0};
}

const struct eg_setting *eg_settings_find(const struct eg_settings *settings, const char *verb,
                                          const char *option) {
    char key[128];
    snprintf(key, sizeof key, "%s.%s", verb, option);
    const struct eg_setting *shared = NULL, *own = NULL;
    for (size_t i = 0; i < settings->count; i++) {
        if (strcmp(settings->items[i].key, key) == 0) own = &settings->items[i];
        if (strcmp(settings->items[i].key, option) == 0) shared = &settings->items[i];
    }
    return own ? own : shared;
}

enum eg_status eg_settings_apply(const struct eg_settings *settings, const struct eg_verb *verb,
                                 void *options, uint64_t given, struct eg_error *err) {
    for (const struct eg_option *o = verb->options; o->name; o++) {
        if (given >> (o - verb->options) & 1) continue;
        const struct eg_setting *found = eg_settings_find(settings, verb->name, o->name);
        if (!found) continue;
        enum eg_status status = eg_option_set(verb->options, options, o->name, found->value, err);
        if (status < 0) {
            eg_error_prefix(err, "%s", found->origin);
            return status;
        }
    }
    return EG_OK;
}
