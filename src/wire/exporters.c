/* SPDX-License-Identifier: Apache-2.0
 * Exporters that are recognised: a table that only grows. */
#include "wire/exporters.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <string.h>

#define NONE UINT32_MAX

static uint32_t slot_of(const struct eg_exporters *k, const struct eg_addr *address,
                        uint16_t port) {
    uint64_t hash = eg_hash64(address, sizeof *address, port);
    uint32_t mask = k->slot_count - 1, slot = (uint32_t)(hash ^ hash >> 32) & mask;
    for (; k->slots[slot] != NONE; slot = (slot + 1) & mask) {
        const struct eg_exporter *item = &k->items[k->slots[slot]];
        if (item->port == port && memcmp(&item->address, address, sizeof *address) == 0) break;
    }
    return slot;
}

bool eg_exporters_has(const struct eg_exporters *k, const struct eg_addr *address, uint16_t port) {
    return k->count && k->slots[slot_of(k, address, port)] != NONE;
}

static bool grow(struct eg_exporters *k) {
    uint32_t room = k->room ? k->room * 2 : 16;
    struct eg_exporter *items = eg_realloc(k->items, room, sizeof *items);
    if (!items) return false;
    k->items = items;
    uint32_t *slots = eg_malloc((size_t)room * 2 * sizeof *slots);
    if (!slots) return false;
    eg_free(k->slots);
    k->slots = slots;
    k->slot_count = room * 2;
    k->room = room;
    memset(slots, 0xff, (size_t)k->slot_count * sizeof *slots);
    for (uint32_t i = 0; i < k->count; i++) slots[slot_of(k, &items[i].address, items[i].port)] = i;
    return true;
}

void eg_exporters_add(struct eg_exporters *k, const struct eg_addr *address, uint16_t port,
                      uint64_t at) {
    if (eg_exporters_has(k, address, port) || k->count == EG_EXPORTERS_MAX) return;
    if (k->count == k->room && !grow(k)) {
        k->short_of_memory = true;
        return;
    }
    k->slots[slot_of(k, address, port)] = k->count;
    k->items[k->count++] = (struct eg_exporter){*address, port, at};
}

void eg_exporters_reset(struct eg_exporters *k) {
    eg_free(k->items);
    eg_free(k->slots);
    *k = (struct eg_exporters){0};
}
