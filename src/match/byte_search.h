/* SPDX-License-Identifier: Apache-2.0
 * What the parser asks of the search: see byte_pattern.h. */
#ifndef EG_MATCH_BYTE_SEARCH_H
#define EG_MATCH_BYTE_SEARCH_H

#include "match/byte_pattern.h"

/* Chooses what is looked for first, once the sets stand. */
void eg_byte_pattern_settle(struct eg_byte_pattern *);

#endif
