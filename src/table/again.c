/* SPDX-License-Identifier: Apache-2.0
 * An input read once more, by one thread, while the reading that asked for it stands still: a second
 * source of the same name and options, planned with nothing known. */
#include "table/scan_input.h"

typedef enum eg_status (*take_fn)(void *to, struct eg_batch *, struct eg_error *);

/* A unit, or (of a stream) one batch. EG_END: there is no more of it. */
static enum eg_status batch_read(const struct egi_input *input, struct eg_source *source,
                                 uint64_t unit, take_fn take, void *to, struct eg_error *err) {
    struct eg_tally tally = {0}; /* was counted already, or will be */
    struct eg_batch *raw = NULL;
    if (input->closing || eg_env_cancelled(input->env))
        return eg_fail(err, EG_E_CANCELLED, "interrupted");
    enum eg_status status = input->request->source->next(source, unit, &raw, &tally, err);
    eg_tally_reset(&tally);
    if (status != EG_OK) return status;
    status = take(to, raw, err);
    eg_batch_unref(raw);
    return status;
}

static enum eg_status units_read(const struct egi_input *input, struct eg_source *source,
                                 uint64_t units, take_fn take, void *to, struct eg_error *err) {
    bool stream = units == EG_UNITS_STREAM;
    for (uint64_t unit = 0; unit < units; unit++) {
        enum eg_status status = EG_OK;
        do status = batch_read(input, source, unit, take, to, err);
        while (status == EG_OK && !stream);
        if (status < 0 || (stream && status != EG_OK)) return status;
        EG_TRY(take(to, NULL, err));
    }
    return EG_END;
}

enum eg_status egi_again_read(void *of, take_fn take, void *to, struct eg_error *err) {
    const struct egi_input *input = of;
    const struct eg_source_type *type = input->request->source;
    struct eg_source *source;
    struct eg_plan plan;
    if (input->closing) return eg_fail(err, EG_E_CANCELLED, "interrupted");
    EG_TRY(type->open(input->env, input->name, input->request->source_options, &source, err));
    enum eg_status status = type->plan(source, NULL, 0, &plan, err);
    if (status >= 0) status = units_read(input, source, plan.units, take, to, err);
    type->close(source);
    return status == EG_END ? EG_OK : status;
}
