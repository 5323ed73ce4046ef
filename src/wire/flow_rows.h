/* SPDX-License-Identifier: Apache-2.0
 * From the records of data sets to rows of `flows`. */
#ifndef EG_WIRE_FLOW_ROWS_H
#define EG_WIRE_FLOW_ROWS_H

#include "wire/message.h"

/* The sets that follow are of this message. */
void eg_rows_begin(struct eg_rows *, const struct eg_message *, struct eg_out *);
/* One data set. Sets whose template is not known are left out: learn() saw to them. */
void eg_rows_set(struct eg_rows *, const struct eg_set *);

#endif
