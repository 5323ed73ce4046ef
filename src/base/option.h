/* SPDX-License-Identifier: Apache-2.0
 * Options declared once: a const table says name, type, place in a struct, default and help; the
 * command line, the configuration file, the environment, a URI's query, `-h`, the man page and the
 * completions all read the same table. */
#ifndef EG_BASE_OPTION_H
#define EG_BASE_OPTION_H

#include "base/status.h"

enum eg_option_type {
    EG_OPT_FLAG,     /* bool */
    EG_OPT_INT,      /* int64_t; "10k", "1.5M", "2Gi" are accepted */
    EG_OPT_TEXT,     /* const char *, owned by the struct (eg_options_reset frees it) */
    EG_OPT_DURATION, /* int64_t, µs */
    EG_OPT_CHOICE,   /* const char *, one of `choices` */
    EG_OPT_LIST,     /* struct eg_text_list: repeatable, and split at commas where given so */
};

struct eg_text_list {
    char **items;
    size_t count;
};

struct eg_option {
    const char *name;  /* long name, without dashes: "netflow-port" */
    char letter;       /* short name, or 0 */
    const char *brief; /* short name of several letters, for commands that write one dash; or NULL */
    enum eg_option_type type;
    size_t offset;     /* offsetof in the options struct */
    const char *preset; /* default as text; NULL: zero, NULL, empty */
    int64_t min, max;  /* INT, DURATION; both 0: no bound */
    const char *choices; /* CHOICE: "table|wide|csv" */
    const char *value_name; /* "FILE", "N": shown in help */
    bool secret;       /* never shown */
    const char *help;  /* one sentence */
    const char *unavailable; /* why this build does not have it, or NULL */
};
#define EG_OPTION_END {.name = NULL}

/* Fills `to` (zeroed by the caller) with the defaults. Errors: EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_options_preset(const struct eg_option *, void *to,
                                               struct eg_error *err);
/* Sets one option from text ("true"/"false"/NULL for a flag). Errors: EG_E_USAGE naming the option,
 * the value and what would be right; an unknown name gets the nearest one as a suggestion. */
EG_MUST_CHECK enum eg_status eg_option_set(const struct eg_option *, void *to, const char *name,
                                           const char *text, struct eg_error *err);
void eg_options_reset(const struct eg_option *, void *options); /* frees texts and lists */
const struct eg_option *eg_option_find(const struct eg_option *, const char *name);

/* "10k" -> 10000, "1.5M", "2Gi", "100": SI and IEC suffixes. False: not a number. */
bool eg_quantity_parse(int64_t *out, const char *text);
/* The same back: whole MiB and more as "256Mi", "1Ti"; else all digits. */
void eg_quantity_text(int64_t value, char text[24]);
/* The candidate nearest to `word` by edit distance, or NULL when none is near enough (a third of
 * its letters). For "did you mean". */
const char *eg_nearest(const char *word, const char *const *candidates, size_t count);

#endif
