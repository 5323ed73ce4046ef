/* SPDX-License-Identifier: Apache-2.0
 * An input read once more, by one thread, while the reading that asked for it stands still: a second
 * source of the same name and options, planned with nothing known. */
#include "table/in_order.h"
#include "table/scan_input.h"

struct again {
    const struct egi_input *input;
    enum eg_status (*take)(void *to, struct eg_batch *, struct eg_error *);
    void *to;
};

static enum eg_status unless_closing(void *to, struct eg_batch *raw, struct eg_error *err) {
    const struct again *again = to;
    if (again->input->closing) return eg_fail(err, EG_E_CANCELLED, "interrupted");
    return again->take(again->to, raw, err);
}

enum eg_status
egi_again_read(void *of, enum eg_status (*take)(void *to, struct eg_batch *, struct eg_error *),
               void *to, struct eg_error *err) {
    const struct egi_input *input = of;
    struct again again = {input, take, to};
    struct eg_in_order how = {.source = input->request->source,
                              .source_options = input->request->source_options,
                              .uri = input->name,
                              .take = unless_closing,
                              .to = &again};
    struct eg_tally tally = {0}; /* was counted already, or will be */
    if (input->closing) return eg_fail(err, EG_E_CANCELLED, "interrupted");
    enum eg_status status = eg_in_order(input->env, &how, &tally, err);
    eg_tally_reset(&tally);
    return status;
}
