/* SPDX-License-Identifier: Apache-2.0
 * A first look at captures: which of them hold flow exports? */
#include "engine/exports_look.h"
#include "query/analysis.h"

enum eg_status eg_capture_look(const struct eg_env *env, const struct eg_origin *origin,
                               struct eg_capture_kind *out, struct eg_error *err) {
    *out = (struct eg_capture_kind){0};
    for (size_t i = 0; i < origin->capture_count; i++) {
        struct eg_exports_look look;
        EG_TRY(eg_exports_look(env, origin->captures[i], origin->netflow_ports,
                               origin->netflow_port_count, &look, err));
        out->with += look.found;
        out->without += !look.found;
        out->frames += look.frames;
    }
    return EG_OK;
}
