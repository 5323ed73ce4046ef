/* SPDX-License-Identifier: Apache-2.0
 * Dictionaries: every text once, found by its hash. */
#include "table/dict.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <string.h>

static void dict_release(struct eg_owner *owner) {
    struct eg_dict *dict = (struct eg_dict *)(void *)owner;
    for (uint32_t i = 0; i < dict->count; i++) eg_free((void *)(uintptr_t)dict->entries[i].text);
    eg_free(dict->entries);
    eg_free(dict->slots);
    eg_free(dict);
}

/* `room` is a power of two. */
static struct eg_dict *dict_new(uint32_t room) {
    struct eg_dict *dict = eg_calloc(1, sizeof *dict);
    if (!dict) return NULL;
    atomic_init(&dict->owner.refs, 1);
    dict->owner.release = dict_release;
    dict->room = room;
    dict->entries = eg_calloc(room, sizeof *dict->entries);
    dict->slots = eg_calloc((size_t)room * 2, sizeof *dict->slots);
    if (dict->entries && dict->slots) return dict;
    dict_release(&dict->owner);
    return NULL;
}

/* The slot whose entry has that text, or the free one where it belongs. */
static uint32_t dict_slot(const struct eg_dict *dict, const char *text, size_t size) {
    uint32_t mask = dict->room * 2 - 1;
    uint32_t slot = (uint32_t)eg_hash64(text, size, 0) & mask;
    for (; dict->slots[slot]; slot = (slot + 1) & mask) {
        const struct eg_dict_entry *entry = &dict->entries[dict->slots[slot] - 1];
        if (entry->size == size && memcmp(entry->text, text, size) == 0) break;
    }
    return slot;
}

/* Adds a text that is not there yet; the index, or -1. There must be room. */
static int32_t dict_add(struct eg_dict *dict, const char *text, size_t size) {
    char *copy = eg_strndup(text, size);
    if (!copy) return -1;
    dict->entries[dict->count++] = (struct eg_dict_entry){copy, (uint32_t)size};
    dict->slots[dict_slot(dict, text, size)] = dict->count;
    return (int32_t)dict->count - 1;
}

/* A dictionary that sealed batches may share is never changed under them: when it is full a larger
 * copy takes its place, and the old one lives as long as its batches. */
static struct eg_dict *dict_grown(const struct eg_dict *old) {
    struct eg_dict *dict = dict_new(old->room * 2);
    if (!dict) return NULL;
    for (uint32_t i = 0; i < old->count; i++) {
        if (dict_add(dict, old->entries[i].text, old->entries[i].size) >= 0) continue;
        dict_release(&dict->owner);
        return NULL;
    }
    return dict;
}

int32_t eg_dict_intern(struct eg_dict **place, const char *text, size_t size) {
    if (!*place && !(*place = dict_new(8))) return -1;
    uint32_t found = (*place)->slots[dict_slot(*place, text, size)];
    if (found) return (int32_t)found - 1;
    if ((*place)->count == (*place)->room) {
        struct eg_dict *grown = dict_grown(*place);
        if (!grown) return -1;
        eg_owner_unref(&(*place)->owner);
        *place = grown;
    }
    return dict_add(*place, text, size);
}
