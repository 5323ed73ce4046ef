/* SPDX-License-Identifier: Apache-2.0
 * Whether captures hold flow exports: where they do, these are their flows; else they are metered. */
#ifndef EG_ENGINE_EXPORTS_LOOK_H
#define EG_ENGINE_EXPORTS_LOOK_H

#include "table/scan.h"

struct eg_exports_look {
    bool found;
    uint64_t frames; /* read until then */
};
/* Looks at one capture, up to the first export. What is wrong with it is for whoever reads it in
 * earnest to tell: an input that cannot be read holds none. Errors: EG_E_NOMEM, EG_E_CANCELLED. */
EG_MUST_CHECK enum eg_status eg_exports_look(const struct eg_env *, const char *path,
                                             const uint16_t *ports, uint32_t port_count,
                                             struct eg_exports_look *out, struct eg_error *err);

#endif
