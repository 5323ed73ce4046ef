/* SPDX-License-Identifier: Apache-2.0
 * Remarks and troubles of inputs, kept in the order of the inputs. */
#include "table/troubles.h"

#include "base/alloc.h"

#include <string.h>

static bool trouble_copy(struct eg_trouble *to, const struct eg_trouble *from) {
    *to = *from;
    to->input = eg_strdup(from->input);
    to->message = from->message ? eg_strdup(from->message) : NULL;
    if (to->input && (to->message || !from->message)) return true;
    eg_free(to->input);
    eg_free(to->message);
    return false;
}

void egi_troubles_free(struct eg_trouble *troubles, size_t count) {
    for (size_t i = 0; i < count; i++) {
        eg_free(troubles[i].input);
        eg_free(troubles[i].message);
    }
    eg_free(troubles);
}

void egi_troubles_reset(struct egi_troubles *list) {
    egi_troubles_free(list->items, list->count);
    eg_free(list->places);
    *list = (struct egi_troubles){0};
}

static bool room_for_one(struct egi_troubles *list) {
    if (list->count < list->room) return true;
    size_t room = list->room ? list->room * 2 : 8;
    void *items = eg_realloc(list->items, room, sizeof *list->items);
    if (!items) return false;
    list->items = items;
    void *places = eg_realloc(list->places, room, sizeof *list->places);
    if (!places) return false;
    list->places = places;
    list->room = room;
    return true;
}

enum eg_status egi_troubles_note(struct egi_troubles *list, size_t place,
                                 const struct eg_trouble *what, struct eg_error *err) {
    for (size_t i = 0; what->status < 0 && i < list->count; i++)
        if (list->places[i] == place && list->items[i].status < 0) return EG_OK;
    struct eg_trouble copy;
    if (!room_for_one(list) || !trouble_copy(&copy, what))
        return eg_fail(err, EG_E_NOMEM, "%s: no memory to note what happened", what->input);
    size_t at = list->count++;
    for (; at && list->places[at - 1] > place; at--) {
        list->places[at] = list->places[at - 1];
        list->items[at] = list->items[at - 1];
    }
    list->places[at] = place;
    list->items[at] = copy;
    return EG_OK;
}

enum eg_status egi_troubles_copy(struct eg_trouble **out, size_t *count,
                                 const struct eg_trouble *from, size_t from_count,
                                 struct eg_error *err) {
    *count = 0;
    *out = eg_calloc(from_count + 1, sizeof **out);
    bool whole = *out != NULL;
    for (; whole && *count < from_count; *count += whole)
        whole = trouble_copy(&(*out)[*count], &from[*count]);
    return whole ? EG_OK : eg_fail(err, EG_E_NOMEM, "no memory for a list of troubles");
}
