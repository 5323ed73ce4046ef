/* SPDX-License-Identifier: Apache-2.0
 * All of one input in its order, by one thread, nothing of it being known: for whoever sends,
 * rewrites or looks through packets one after the other. */
#ifndef EG_TABLE_IN_ORDER_H
#define EG_TABLE_IN_ORDER_H

#include "table/stage.h"

struct eg_in_order {
    const struct eg_source_type *source;
    const void *source_options;
    const char *uri;
    /* Each raw batch, which is borrowed; NULL: a unit is over. Any answer but EG_OK ends the reading:
     * EG_END (enough) well, an error as one. */
    enum eg_status (*take)(void *to, struct eg_batch *, struct eg_error *);
    void *to;
};

/* What the source counts is added to `tally`. Errors: the source's (EG_E_CUT: all that is whole was
 * given), take's, EG_E_CANCELLED. */
EG_MUST_CHECK enum eg_status eg_in_order(const struct eg_env *, const struct eg_in_order *,
                                         struct eg_tally *tally, struct eg_error *err);

#endif
