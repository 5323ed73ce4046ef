/* SPDX-License-Identifier: Apache-2.0
 * The positions that a scan knows, in the order of their keys, each place once. Those that come while
 * it runs (its own, mostly) wait in a short list, since putting each into order at once would cost as
 * much as there are others, for every input. Internal to the scan. */
#ifndef EG_TABLE_KNOWN_H
#define EG_TABLE_KNOWN_H

#include "table/scan.h"

/* Parts of a request, by index: bit i is parts[i]. */
typedef uint32_t egi_parts;

struct egi_known {
    struct eg_position *places;
    egi_parts *parts; /* whose tables are known up to there */
    size_t count;
    bool differ;               /* some place is not known of all parts */
    struct eg_position *fresh; /* not yet among the places */
    size_t fresh_count, fresh_room;
};

enum eg_status egi_known_init(struct egi_known *, const struct eg_scan_request *,
                              const struct eg_position *, size_t count, struct eg_error *);
void egi_known_reset(struct egi_known *);
/* One more place, of the table it names; it counts from the next egi_known_settle on. Errors:
 * EG_E_NOMEM. */
enum eg_status egi_known_add(struct egi_known *, const struct eg_scan_request *,
                             const struct eg_position *, struct eg_error *err);
/* Whether one that waits may be of an input with this key. */
bool egi_known_waits(const struct egi_known *, const char *key);
/* Puts those that wait among the places. Errors: EG_E_NOMEM. */
enum eg_status egi_known_settle(struct egi_known *, const struct eg_scan_request *,
                                struct eg_error *err);

/* All parts of a request. */
egi_parts egi_parts_all(const struct eg_scan_request *);

#endif
