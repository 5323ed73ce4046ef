/* SPDX-License-Identifier: Apache-2.0
 * What a verb is: a name, its options declared once, and a function. Help, man page, completion and
 * `config` are printed from these tables; nothing else lists verbs or options. */
#ifndef EG_CLI_VERB_H
#define EG_CLI_VERB_H

#include "base/option.h"
#include "table/stage.h"

#include <stdio.h>

/* Exit codes of the program. */
enum eg_exit {
    EG_EXIT_DONE = 0,
    EG_EXIT_FAILED = 1,  /* no such file, no permission, full disk, dataset locked or too new */
    EG_EXIT_USAGE = 2,   /* usage, config or filter error: nothing was done */
    EG_EXIT_PARTIAL = 3, /* done, but some input or sink failed */
    EG_EXIT_EMPTY = 4,   /* no rows, with --exit-status */
};

struct eg_settings; /* the configuration (config_file.h) */

/* One call of the program, as a verb sees it. */
struct eg_call {
    const struct eg_verb *verb;
    void *options;  /* the verb's options struct, filled */
    uint64_t given; /* which of them the command line gave: a bit per table entry */
    char **words;   /* what follows the options: files, a filter, a statement */
    size_t word_count;
    struct eg_env env; /* cancel is set by SIGINT and SIGTERM */
    const struct eg_settings *settings;
    const struct eg_common_options *common;
    const char *program; /* argv[0] */
};

struct eg_verb {
    const char *name;
    const char *summary;         /* one line, no full stop */
    const char *synopsis;        /* what follows the options: "[FILTER]" */
    const char *description;     /* paragraphs for the man page, separated by blank lines */
    const char *const *examples; /* pairs: command, what it shows; ends with NULL */
    const struct eg_option *options;
    size_t options_size;
    bool config_verb; /* runs although the configuration has errors */
    bool one_dash;    /* options are written -name as well as --name, letters are not bundled */
    const struct eg_verb *const
        *forms; /* verbs of two words that begin with this one: "packets fixed";
                                           ends with NULL; NULL: none */
    enum eg_exit (*run)(struct eg_call *);
};

/* Whether the command line gave this option of the verb; false: a configuration did, or nobody. */
bool eg_call_given(const struct eg_call *, const char *option);

/* All verbs, in the order of the overview; ends with NULL. */
extern const struct eg_verb *const eg_verbs[];
const struct eg_verb *eg_verb_find(const char *name);
/* The form of a verb whose second word this is, or NULL. */
const struct eg_verb *eg_verb_form(const struct eg_verb *, const char *word);

/* Options every verb has; checked before the verb's own. */
struct eg_common_options {
    bool help, quiet;
    const char *config, *color, *progress;
};
extern const struct eg_option eg_common_option_table[];

/* Prints "earlgrey: VERB: message" to standard error and answers the exit code its status calls
 * for. */
/* Text for a terminal: control characters (names of files may hold any) are written as \xNN. */
void eg_put_visible(FILE *to, const char *text);
/* "earlgrey: VERB: message" */
void eg_say(const struct eg_call *, const char *message);
enum eg_exit eg_complain(const struct eg_call *, const struct eg_error *);
enum eg_exit eg_exit_of(enum eg_status);
/* Usage errors: prints the line and "Try 'earlgrey VERB -h'". */
enum eg_exit eg_complain_usage(const struct eg_call *, const char *format, ...) EG_PRINTF(2, 3);
void eg_note(const struct eg_call *, const char *format, ...) EG_PRINTF(2, 3); /* unless --quiet */

#endif
