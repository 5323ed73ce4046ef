/* SPDX-License-Identifier: Apache-2.0
 * The list of verbs: one line each. */
#include "cli/verb.h"

#include <string.h>

extern const struct eg_verb eg_verb_ingest, eg_verb_top, eg_verb_flows, eg_verb_trend,
    eg_verb_watch, eg_verb_losses, eg_verb_sql, eg_verb_inspect, eg_verb_fields, eg_verb_config,
    eg_verb_doctor, eg_verb_completion, eg_verb_help, eg_verb_compact, eg_verb_expire,
    eg_verb_replay, eg_verb_anonymize, eg_verb_packets;

const struct eg_verb *const eg_verbs[] = {
    &eg_verb_ingest,
    &eg_verb_top,
    &eg_verb_flows,
    &eg_verb_trend,
    &eg_verb_packets,
    &eg_verb_watch,
    &eg_verb_losses,
    &eg_verb_sql,
    &eg_verb_inspect,
    &eg_verb_compact,
    &eg_verb_expire,
    &eg_verb_replay,
    &eg_verb_anonymize,
    &eg_verb_fields,
    &eg_verb_config,
    &eg_verb_doctor,
    &eg_verb_completion,
    &eg_verb_help,
    NULL,
};

const struct eg_verb *eg_verb_find(const char *name) {
    for (size_t i = 0; eg_verbs[i]; i++)
        if (strcmp(eg_verbs[i]->name, name) == 0) return eg_verbs[i];
    return NULL;
}

const struct eg_verb *eg_verb_form(const struct eg_verb *verb, const char *word) {
    size_t size = strlen(verb->name);
    for (size_t i = 0; verb->forms && verb->forms[i]; i++)
        if (strcmp(verb->forms[i]->name + size + 1, word) == 0) return verb->forms[i];
    return NULL;
}
