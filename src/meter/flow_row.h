/* SPDX-License-Identifier: Apache-2.0
 * A direction of a flow as a row of `flows`. */
#ifndef EG_METER_FLOW_ROW_H
#define EG_METER_FLOW_ROW_H

#include "meter/flow_cache.h"

struct eg_flow_row {
    bool second;    /* of the direction that was not first; it must be there */
    bool one_way;   /* directions are flows of their own */
    uint8_t reason; /* enum eg_end_reason */
};
void eg_flow_row_put(const struct eg_flow_cache *, const struct eg_flow *,
                     const struct eg_flow_row *, struct eg_out *);

#endif
