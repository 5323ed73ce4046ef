/* SPDX-License-Identifier: Apache-2.0
 * From a text to a number. */
#include "store/index.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <string.h>

static uint32_t slot_of(const struct eg_index *index, const char *text) {
    uint32_t at = (uint32_t)eg_hash64(text, strlen(text), 0) & (index->room - 1);
    while (index->slots[at].text && strcmp(index->slots[at].text, text) != 0)
        at = (at + 1) & (index->room - 1);
    return at;
}

uint32_t eg_index_find(const struct eg_index *index, const char *text) {
    if (!index->room) return EG_INDEX_NONE;
    const struct eg_index_slot *slot = &index->slots[slot_of(index, text)];
    return slot->text ? slot->value : EG_INDEX_NONE;
}

static bool grow(struct eg_index *index) {
    struct eg_index bigger = {.room = index->room ? index->room * 2 : 64};
    bigger.slots = eg_calloc(bigger.room, sizeof *bigger.slots);
    if (!bigger.slots) return false;
    for (uint32_t i = 0; i < index->room; i++)
        if (index->slots[i].text)
            bigger.slots[slot_of(&bigger, index->slots[i].text)] = index->slots[i];
    bigger.count = index->count;
    eg_free(index->slots);
    *index = bigger;
    return true;
}

bool eg_index_put(struct eg_index *index, const char *text, uint32_t value) {
    if (index->count * 2 >= index->room && !grow(index)) return false;
    struct eg_index_slot *slot = &index->slots[slot_of(index, text)];
    if (!slot->text) index->count++;
    *slot = (struct eg_index_slot){text, value};
    return true;
}

/* What stands behind a hole and had been pushed on by it moves up, so that it is still found. */
void eg_index_take(struct eg_index *index, const char *text) {
    if (!index->room) return;
    uint32_t mask = index->room - 1, hole = slot_of(index, text);
    if (!index->slots[hole].text) return;
    for (uint32_t at = (hole + 1) & mask; index->slots[at].text; at = (at + 1) & mask) {
        const char *other = index->slots[at].text;
        uint32_t home = (uint32_t)eg_hash64(other, strlen(other), 0) & mask;
        if (((at - home) & mask) < ((at - hole) & mask)) continue; /* it begins behind the hole */
        index->slots[hole] = index->slots[at];
        hole = at;
    }
    index->slots[hole] = (struct eg_index_slot){0};
    index->count--;
}

void eg_index_reset(struct eg_index *index) {
    eg_free(index->slots);
    *index = (struct eg_index){0};
}
