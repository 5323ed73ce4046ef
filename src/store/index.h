/* SPDX-License-Identifier: Apache-2.0
 * From a text to a number: open addressing over texts that somebody else keeps. */
#ifndef EG_STORE_INDEX_H
#define EG_STORE_INDEX_H

#include "base/status.h"

#define EG_INDEX_NONE UINT32_MAX

struct eg_index {
    struct eg_index_slot {
        const char *text; /* borrowed: must outlive the index and never move; NULL: free */
        uint32_t value;
    } * slots;
    uint32_t count, room; /* room is a power of two */
};

uint32_t eg_index_find(const struct eg_index *, const char *text); /* EG_INDEX_NONE: not there */
bool eg_index_put(struct eg_index *, const char *text, uint32_t value); /* false: no memory */
void eg_index_take(struct eg_index *, const char *text); /* takes it out, if it is there */
void eg_index_reset(struct eg_index *);

#endif
