/* SPDX-License-Identifier: Apache-2.0
 * Reading the command line. */
#include "cli/args.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

struct place {
    const struct eg_option *table;
    const struct eg_option *option;
    void *to;
    bool own; /* the verb's, not common */
};

static bool find_long(const struct eg_call *call, struct eg_common_options *common,
                      const char *name, struct place *out) {
    const struct eg_option *option = eg_option_find(call->verb->options, name);
    if (option) {
        *out = (struct place){call->verb->options, option, call->options, true};
        return true;
    }
    option = eg_option_find(eg_common_option_table, name);
    if (option) *out = (struct place){eg_common_option_table, option, common, false};
    return option != NULL;
}

static bool find_letter(const struct eg_call *call, struct eg_common_options *common, char letter,
                        struct place *out) {
    const struct eg_option *tables[2] = {call->verb->options, eg_common_option_table};
    void *targets[2] = {call->options, common};
    for (int t = 0; t < 2; t++)
        for (const struct eg_option *o = tables[t]; o->name; o++)
            if (o->letter == letter) {
                *out = (struct place){tables[t], o, targets[t], t == 0};
                return true;
            }
    return false;
}

static enum eg_status unknown_long(const struct eg_call *call, const char *name,
                                   struct eg_error *err) {
    const char *names[128];
    size_t count = 0;
    const struct eg_option *tables[2] = {call->verb->options, eg_common_option_table};
    for (int t = 0; t < 2; t++)
        for (const struct eg_option *o = tables[t]; o->name && count < 128; o++)
            names[count++] = o->name;
    const char *near = eg_nearest(name, names, count);
    if (near)
        return eg_fail(err, EG_E_USAGE, "unknown option --%s (did you mean --%s?)", name, near);
    return eg_fail(err, EG_E_USAGE, "unknown option --%s", name);
}

bool eg_call_given(const struct eg_call *call, const char *option) {
    const struct eg_option *options = call->verb->options;
    const struct eg_option *one = eg_option_find(options, option);
    return one && call->given >> (one - options) & 1;
}

static enum eg_status set(struct eg_call *call, const struct place *place, const char *value,
                          struct eg_error *err) {
    if (place->own) call->given |= UINT64_C(1) << (place->option - place->table);
    return eg_option_set(place->table, place->to, place->option->name, value, err);
}

static enum eg_status read_long(struct eg_call *call, struct eg_common_options *common, int *i,
                                int argc, char **argv, struct eg_error *err) {
    char name[64];
    const char *text = argv[*i] + 2;
    const char *equals = strchr(text, '=');
    size_t size = equals ? (size_t)(equals - text) : strlen(text);
    if (size >= sizeof name) return eg_fail(err, EG_E_USAGE, "unknown option --%.40s…", text);
    memcpy(name, text, size);
    name[size] = 0;
    struct place place;
    bool negated = false;
    if (!find_long(call, common, name, &place)) {
        negated = strncmp(name, "no-", 3) == 0 && find_long(call, common, name + 3, &place) &&
                  place.option->type == EG_OPT_FLAG;
        if (!negated) return unknown_long(call, name, err);
    }
    if (place.option->type == EG_OPT_FLAG)
        return set(call, &place, negated ? "false" : equals ? equals + 1 : "true", err);
    if (equals) return set(call, &place, equals + 1, err);
    if (*i + 1 >= argc)
        return eg_fail(err, EG_E_USAGE, "option --%s needs a value (%s)", name,
                       place.option->value_name ? place.option->value_name : "VALUE");
    return set(call, &place, argv[++*i], err);
}

static enum eg_status read_letters(struct eg_call *call, struct eg_common_options *common, int *i,
                                   int argc, char **argv, struct eg_error *err) {
    for (const char *at = argv[*i] + 1; *at; at++) {
        struct place place;
        if (!find_letter(call, common, *at, &place))
            return eg_fail(err, EG_E_USAGE, "unknown option -%c", *at);
        if (place.option->type == EG_OPT_FLAG) {
            EG_TRY(set(call, &place, "true", err));
            continue;
        }
        const char *value = at[1] ? at + 1 + (at[1] == '=') : NULL;
        if (!value && *i + 1 < argc) value = argv[++*i];
        if (!value)
            return eg_fail(err, EG_E_USAGE, "option -%c (--%s) needs a value (%s)", *at,
                           place.option->name,
                           place.option->value_name ? place.option->value_name : "VALUE");
        return set(call, &place, value, err);
    }
    return EG_OK;
}

/* -name, --name, -n: of a verb whose options are written with one dash. */
static enum eg_status read_one_dash(struct eg_call *call, struct eg_common_options *common, int *i,
                                    int argc, char **argv, struct eg_error *err) {
    const char *name = argv[*i] + 1 + (argv[*i][1] == '-');
    const struct eg_option *brief = call->verb->options;
    while (brief->name && !(brief->brief && strcmp(brief->brief, name) == 0)) brief++;
    struct place place = {call->verb->options, brief, call->options, true};
    bool found = brief->name || find_long(call, common, name, &place) ||
                 (name[0] && !name[1] && find_letter(call, common, name[0], &place));
    if (!found) return unknown_long(call, name, err);
    if (place.option->type == EG_OPT_FLAG) return set(call, &place, "true", err);
    if (*i + 1 >= argc)
        return eg_fail(err, EG_E_USAGE, "option %s needs a value (%s)", argv[*i],
                       place.option->value_name ? place.option->value_name : "VALUE");
    return set(call, &place, argv[++*i], err);
}

enum eg_status eg_args_read(struct eg_call *call, struct eg_common_options *common, int argc,
                            char **argv, struct eg_error *err) {
    bool options_over = false;
    for (int i = 0; i < argc; i++) {
        if (options_over || argv[i][0] != '-' || argv[i][1] == 0) {
            call->words[call->word_count++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            options_over = true;
        } else if (call->verb->one_dash) {
            EG_TRY(read_one_dash(call, common, &i, argc, argv, err));
        } else if (argv[i][1] == '-') {
            EG_TRY(read_long(call, common, &i, argc, argv, err));
        } else {
            EG_TRY(read_letters(call, common, &i, argc, argv, err));
        }
    }
    return EG_OK;
}
