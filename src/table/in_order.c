/* SPDX-License-Identifier: Apache-2.0
 * One input from its first unit to its last; each batch of a stream is a unit of its own. */
#include "table/in_order.h"

/* EG_END: the unit is over. */
static enum eg_status batch_take(const struct eg_env *env, const struct eg_in_order *how,
                                 struct eg_source *source, uint64_t unit, bool *enough,
                                 struct eg_tally *tally, struct eg_error *err) {
    struct eg_batch *raw = NULL;
    if (eg_env_cancelled(env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
    enum eg_status status = how->source->next(source, unit, &raw, tally, err);
    if (status != EG_OK) return status;
    status = how->take(how->to, raw, err);
    eg_batch_unref(raw);
    *enough = status == EG_END;
    return status;
}

static enum eg_status units_take(const struct eg_env *env, const struct eg_in_order *how,
                                 struct eg_source *source, uint64_t units, struct eg_tally *tally,
                                 struct eg_error *err) {
    bool stream = units == EG_UNITS_STREAM, enough = false;
    for (uint64_t unit = 0; unit < units; unit++) {
        enum eg_status status;
        do status = batch_take(env, how, source, unit, &enough, tally, err);
        while (status == EG_OK && !stream);
        if (status < 0 || enough || (stream && status != EG_OK)) return status;
        status = how->take(how->to, NULL, err);
        if (status != EG_OK) return status;
    }
    return EG_END;
}

enum eg_status eg_in_order(const struct eg_env *env, const struct eg_in_order *how,
                           struct eg_tally *tally, struct eg_error *err) {
    struct eg_source *source;
    struct eg_plan plan;
    EG_TRY(how->source->open(env, how->uri, how->source_options, &source, err));
    enum eg_status status = how->source->plan(source, NULL, 0, &plan, err);
    if (status >= 0) status = units_take(env, how, source, plan.units, tally, err);
    how->source->close(source);
    return status < 0 ? status : EG_OK;
}
