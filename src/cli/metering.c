/* SPDX-License-Identifier: Apache-2.0
 * Options of metering as the meter takes them. */
#include "cli/metering.h"

#include <string.h>

struct usual {
    struct eg_metering_options given;
};

bool eg_metering_given(const struct eg_metering_options *o) {
    return o->idle_us || o->active_us || o->memory || o->one_way || o->outermost || o->payload ||
           o->key.count;
}

/* What the presets are, read as the options read them. */
static const struct eg_option usual_options[] = {
    EG_METERING_OPTIONS(struct usual, given),
    EG_OPTION_END,
};

bool eg_metering_unusual(const struct eg_metering_options *given) {
    struct eg_metering_options o = *given;
    struct usual usual = {0};
    if (eg_options_preset(usual_options, &usual, NULL) < 0) return true;
    if (o.idle_us == usual.given.idle_us) o.idle_us = 0;
    if (o.active_us == usual.given.active_us) o.active_us = 0;
    if (o.memory == usual.given.memory) o.memory = 0;
    eg_options_reset(usual_options, &usual);
    return eg_metering_given(&o);
}

enum eg_status eg_metering_choose(const struct eg_metering_options *options,
                                  struct eg_metering *out, struct eg_error *err) {
    *out = (struct eg_metering){
        .idle_us = options->idle_us,
        .active_us = options->active_us,
        .memory_max = (uint64_t)options->memory,
        .one_way = options->one_way,
        .outermost = options->outermost,
        .payload_bytes = (uint32_t)options->payload,
    };
    for (size_t i = 0; i < options->key.count; i++) {
        const char *name = options->key.items[i];
        if (strcmp(name, "vlan") == 0)
            out->vlan_key = true;
        else if (strcmp(name, "tunnel") == 0)
            out->tunnel_key = true;
        else
            return eg_fail(err, EG_E_USAGE, "--flow-key takes vlan and tunnel, not '%.60s'", name);
    }
    return EG_OK;
}
