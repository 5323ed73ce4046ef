/* SPDX-License-Identifier: Apache-2.0
 * The captures of a dataset's packet store, for `inspect`. */
#ifndef EG_CLI_INSPECT_CAPTURES_H
#define EG_CLI_INSPECT_CAPTURES_H

#include "cli/facts.h"
#include "store/captures.h"

/* How many there are, what they hold and what they take. */
EG_MUST_CHECK enum eg_status eg_captures_sum(struct eg_dataset *, struct eg_facts *,
                                             struct eg_error *err);
/* Each of them, looked at: whether it is there, and unchanged. */
EG_MUST_CHECK enum eg_status eg_captures_print(struct eg_dataset *, bool json, bool gap_before,
                                               size_t *shown, struct eg_error *err);

#endif
