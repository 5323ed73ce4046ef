/* SPDX-License-Identifier: Apache-2.0
 * Places in order, and a list of those that are not yet among them. */
#include "table/known.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

#define FRESH_MAX 1024
#define KEY_REACH 64 /* a place before it may have a key of fewer bytes than its input has now */

egi_parts egi_parts_all(const struct eg_scan_request *request) {
    return ((egi_parts)1 << request->part_count) - 1;
}

/* The parts that the position is of; none named: all. */
static egi_parts position_parts(const struct eg_position *p,
                                const struct eg_scan_request *request) {
    egi_parts parts = 0;
    for (uint32_t i = 0; i < request->part_count; i++)
        if (!p->table[0] || strcmp(p->table, request->parts[i].extract->position) == 0)
            parts |= (egi_parts)1 << i;
    return parts;
}

static int place_order(const void *left, const void *right) {
    const struct eg_position *a = left, *b = right;
    int order = strcmp(a->key, b->key);
    if (order) return order;
    if (a->offset != b->offset) return a->offset < b->offset ? -1 : 1;
    order = strcmp(a->digest, b->digest);
    return order ? order : strcmp(a->state, b->state);
}

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory for positions");
}

/* Makes room for those that wait, behind the places, which only grow. */
static bool places_reserve(struct egi_known *known) {
    size_t room = known->count + known->fresh_count + 1;
    struct eg_position *places = eg_realloc(known->places, room, sizeof *places);
    if (places) known->places = places;
    egi_parts *parts = eg_realloc(known->parts, room, sizeof *parts);
    if (parts) known->parts = parts;
    return places && parts;
}

/* Merges from the back, so that every place moves once at most; then joins what is the same place. */
static void places_merge(struct egi_known *known, const struct eg_scan_request *request) {
    size_t old = known->count, fresh = known->fresh_count, to = old + fresh;
    while (fresh) {
        bool later = old && place_order(&known->places[old - 1], &known->fresh[fresh - 1]) > 0;
        to--;
        if (later) {
            known->places[to] = known->places[--old];
            known->parts[to] = known->parts[old];
        } else {
            known->places[to] = known->fresh[--fresh];
            known->parts[to] = position_parts(&known->places[to], request);
            known->places[to].table[0] = 0; /* the parts tell, of the places that are one */
        }
    }
    size_t all = known->count + known->fresh_count, count = 0;
    known->differ = false;
    for (size_t i = 0; i < all; i++) {
        if (count && place_order(&known->places[count - 1], &known->places[i]) == 0) {
            known->parts[count - 1] |= known->parts[i];
            continue;
        }
        if (count != i) known->places[count] = known->places[i];
        known->parts[count++] = known->parts[i];
    }
    for (size_t i = 0; i < count; i++)
        known->differ = known->differ || known->parts[i] != egi_parts_all(request);
    known->count = count;
    known->fresh_count = 0;
}

enum eg_status egi_known_settle(struct egi_known *known, const struct eg_scan_request *request,
                                struct eg_error *err) {
    if (!known->fresh_count) return EG_OK;
    if (!places_reserve(known)) return no_memory(err);
    qsort(known->fresh, known->fresh_count, sizeof *known->fresh, place_order);
    places_merge(known, request);
    return EG_OK;
}

static bool fresh_reserve(struct egi_known *known, size_t room) {
    if (room <= known->fresh_room) return true;
    struct eg_position *fresh = eg_realloc(known->fresh, room, sizeof *fresh);
    if (!fresh) return false;
    known->fresh = fresh;
    known->fresh_room = room;
    return true;
}

enum eg_status egi_known_add(struct egi_known *known, const struct eg_scan_request *request,
                             const struct eg_position *position, struct eg_error *err) {
    if (!position_parts(position, request)) return EG_OK;
    if (known->fresh_count == FRESH_MAX) EG_TRY(egi_known_settle(known, request, err));
    size_t room = known->fresh_room ? known->fresh_room : 16;
    if (!fresh_reserve(known, room <= known->fresh_count ? room * 2 : room)) return no_memory(err);
    known->fresh[known->fresh_count++] = *position;
    return EG_OK;
}

bool egi_known_waits(const struct egi_known *known, const char *key) {
    for (size_t i = 0; i < known->fresh_count; i++)
        if (known->fresh[i].offset < KEY_REACH || strcmp(known->fresh[i].key, key) == 0)
            return true;
    return false;
}

enum eg_status egi_known_init(struct egi_known *known, const struct eg_scan_request *request,
                              const struct eg_position *positions, size_t count,
                              struct eg_error *err) {
    *known = (struct egi_known){0};
    enum eg_status status = fresh_reserve(known, count) ? EG_OK : no_memory(err);
    for (size_t i = 0; i < count && status >= 0; i++)
        if (position_parts(&positions[i], request))
            known->fresh[known->fresh_count++] = positions[i];
    if (status >= 0) status = egi_known_settle(known, request, err);
    if (status < 0 || count > FRESH_MAX) { /* so much is not needed again */
        eg_free(known->fresh);
        known->fresh = NULL;
        known->fresh_room = 0;
    }
    if (status < 0) egi_known_reset(known);
    return status;
}

void egi_known_reset(struct egi_known *known) {
    eg_free(known->places);
    eg_free(known->parts);
    eg_free(known->fresh);
    *known = (struct egi_known){0};
}
