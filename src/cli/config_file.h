/* SPDX-License-Identifier: Apache-2.0
 * Configuration: YAML files and the environment as a flat list of settings, each knowing where it
 * came from. Order of precedence: flag, environment, --config file, the user's file,
 * /etc/earlgrey/earlgrey.yaml and conf.d, default.
 *
 * Keys: `OPTION: value` sets that option for every verb that has it; `VERB: {OPTION: value}` for one
 * verb; `filters: {NAME: text}` are saved filters (@NAME). Environment: EARLGREY_OPTION,
 * EARLGREY_VERB_OPTION, with dashes as underscores. */
#ifndef EG_CLI_CONFIG_FILE_H
#define EG_CLI_CONFIG_FILE_H

#include "cli/verb.h"

struct eg_setting {
    char *key;    /* "dataset", "top.number", "filters.web" */
    char *value;  /* "true", "10": always text */
    char *origin; /* "FILE:LINE:COLUMN" or "environment EARLGREY_DATASET" */
};

struct eg_settings {
    struct eg_setting *items; /* in rising precedence: a later one wins */
    size_t count, room;
};

/* Reads the files that exist (a --config file must) and the environment. Errors: EG_E_USAGE with
 * FILE:LINE:COLUMN for broken YAML, an unknown key (with a suggestion), a bad value. */
EG_MUST_CHECK enum eg_status eg_settings_read(struct eg_settings *out, const char *config_path,
                                              struct eg_error *err);
void eg_settings_reset(struct eg_settings *);
/* The last setting of `option` for `verb` (its own key wins over the shared one), or NULL. */
const struct eg_setting *eg_settings_find(const struct eg_settings *, const char *verb,
                                          const char *option);
/* Puts the settings of a verb into its options, leaving those in `given` alone. */
EG_MUST_CHECK enum eg_status eg_settings_apply(const struct eg_settings *, const struct eg_verb *,
                                               void *options, uint64_t given, struct eg_error *err);

#endif
