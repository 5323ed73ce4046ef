/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey config`: what is in force and where it came from; whether a file is right. */
#include "base/strbuf.h"
#include "cli/config_file.h"
#include "table/encode.h"

#include <stdio.h>
#include <string.h>

struct config_options {
    bool origin, json;
};

static const struct eg_option options[] = {
    {.name = "origin",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct config_options, origin),
     .help = "Shows where each value came from."},
    {.name = "json",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct config_options, json),
     .help = "One JSON object a setting: key, value and origin."},
    EG_OPTION_END,
};

static const char *const examples[] = {"earlgrey config show --origin",
                                       "Every option of every verb, its value, and who set it.",
                                       "earlgrey config show --json",
                                       "The same for programs.",
                                       "earlgrey config check --config earlgrey.yaml",
                                       "Whether a file is right; 2 if not.",
                                       NULL};

static void show_one(const struct config_options *how, const char *key, const char *value,
                     const char *origin) {
    struct eg_strbuf line = {0};
    const char *const pairs[][2] = {{"key", key}, {"value", value}, {"origin", origin}};
    if (!how->json) {
        printf("%s: %s", key, value);
        if (how->origin) printf("  # %s", origin);
        putchar('\n');
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        eg_strbuf_printf(&line, "%s\"%s\":", i ? "," : "{", pairs[i][0]);
        eg_encode_json_text(pairs[i][1], strlen(pairs[i][1]), &line);
    }
    if (line.text) printf("%.*s}\n", (int)line.size, line.text);
    eg_strbuf_reset(&line);
}

static void show_option(const struct eg_call *call, const char *verb, const struct eg_option *o,
                        const struct config_options *how) {
    char key[128];
    const struct eg_setting *found = eg_settings_find(call->settings, verb, o->name);
    const char *value = found                    ? found->value
                        : o->preset              ? o->preset
                        : o->type == EG_OPT_FLAG ? "false"
                                                 : "";
    snprintf(key, sizeof key, "%s.%s", verb, o->name);
    show_one(how, key, o->secret && *value ? "(hidden)" : value, found ? found->origin : "default");
}

static enum eg_exit show(struct eg_call *call, const struct config_options *how) {
    for (size_t i = 0; eg_verbs[i]; i++)
        for (const struct eg_option *o = eg_verbs[i]->options; o->name; o++)
            show_option(call, eg_verbs[i]->name, o, how);
    for (size_t i = 0; i < call->settings->count; i++) {
        const struct eg_setting *s = &call->settings->items[i];
        if (strncmp(s->key, "filters.", 8) != 0) continue;
        show_one(how, s->key, s->value, s->origin);
    }
    return EG_EXIT_DONE;
}

static enum eg_exit run(struct eg_call *call) {
    const struct config_options *o = call->options;
    const char *word = call->word_count == 1 ? call->words[0] : "";
    struct eg_settings again = {0};
    struct eg_error err;
    enum eg_status status = eg_settings_read(&again, call->common->config, &err);
    size_t count = again.count;
    eg_settings_reset(&again);
    if (strcmp(word, "show") != 0 && strcmp(word, "check") != 0)
        return eg_complain_usage(call, "say what: show or check");
    if (status < 0) return eg_complain(call, &err);
    if (strcmp(word, "show") == 0) return show(call, o);
    eg_note(call, "configuration is right: %zu settings", count);
    return EG_EXIT_DONE;
}

const struct eg_verb eg_verb_config = {
    .name = "config",
    .summary = "what is configured, and whether it is right",
    .synopsis = "show|check",
    .description =
        "Options can be set, in this order, on the command line, in the environment "
        "(EARLGREY_OPTION or EARLGREY_VERB_OPTION), in a file named with --config, in the user's "
        "earlgrey/earlgrey.yaml below XDG_CONFIG_HOME, in /etc/earlgrey/earlgrey.yaml and its "
        "conf.d directory. A file is YAML: 'OPTION: value' for every verb that has it, "
        "'VERB: {OPTION: value}' for one, 'filters: {NAME: text}' for filters used as @NAME.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct config_options),
    .config_verb = true,
    .run = run,
};
