/* SPDX-License-Identifier: Apache-2.0
 * Exporters that are recognised: address and port, and where in a unit that was first so. */
#ifndef EG_WIRE_EXPORTERS_H
#define EG_WIRE_EXPORTERS_H

#include "table/batch.h"

#define EG_EXPORTERS_MAX 65536

struct eg_exporter {
    struct eg_addr address;
    uint16_t port;
    uint64_t at; /* the row of the unit */
};

struct eg_exporters {
    struct eg_exporter *items; /* by `at` */
    uint32_t count, room;
    uint32_t *slots;
    uint32_t slot_count;
    bool short_of_memory; /* some exporter is not in it that should be */
};

bool eg_exporters_has(const struct eg_exporters *, const struct eg_addr *address, uint16_t port);
/* Without room the exporter stays unknown: only what is certain is decoded of it, and what would
 * have been decoded otherwise is counted. */
void eg_exporters_add(struct eg_exporters *, const struct eg_addr *address, uint16_t port,
                      uint64_t at);
void eg_exporters_reset(struct eg_exporters *);

#endif
