/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey help`: the overview, a verb's help, or its manual page. */
#include "cli/help.h"

#include <string.h>

struct help_options {
    const char *format;
};

static const struct eg_option options[] = {
    {.name = "format",
     .type = EG_OPT_CHOICE,
     .offset = offsetof(struct help_options, format),
     .preset = "text",
     .choices = "text|man|markdown",
     .help = "As text, as the source of a manual page, or as the reference's Markdown."},
    EG_OPTION_END,
};

static const char *const examples[] = {"earlgrey help top", "What `earlgrey top -h` shows.",
                                       "earlgrey help top --format man | man -l -",
                                       "The manual page of a verb.", NULL};

static void reference(void) {
    printf("<!-- Made by `make generated` from the option tables in src/cli; do not edit. -->\n"
           "# The program: verbs and options\n\n");
    eg_help_markdown(NULL, stdout);
    for (size_t i = 0; eg_verbs[i]; i++) {
        eg_help_markdown(eg_verbs[i], stdout);
        for (size_t k = 0; eg_verbs[i]->forms && eg_verbs[i]->forms[k]; k++)
            eg_help_markdown(eg_verbs[i]->forms[k], stdout);
    }
}

static enum eg_exit run(struct eg_call *call) {
    const struct help_options *o = call->options;
    const struct eg_verb *verb = NULL;
    if (call->word_count && !(verb = eg_verb_find(call->words[0])))
        return eg_complain_usage(call, "there is no verb '%s'", call->words[0]);
    const struct eg_verb *form = call->word_count == 2 ? eg_verb_form(verb, call->words[1]) : NULL;
    if (call->word_count > 1 && !form) return eg_complain_usage(call, "name one verb");
    if (form) verb = form;
    if (strcmp(o->format, "man") == 0)
        eg_help_man(verb, stdout);
    else if (strcmp(o->format, "markdown") == 0 && verb)
        eg_help_markdown(verb, stdout);
    else if (strcmp(o->format, "markdown") == 0)
        reference();
    else if (verb)
        eg_help_verb(verb, stdout);
    else
        eg_help_overview(stdout);
    return EG_EXIT_DONE;
}

const struct eg_verb eg_verb_help = {
    .name = "help",
    .summary = "this overview, a verb's help, or its manual page",
    .synopsis = "[VERB]",
    .description = "Without a verb, the overview. The same tables give -h, the manual pages, the "
                   "completions and docs/reference/cli.md.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct help_options),
    .run = run,
};
