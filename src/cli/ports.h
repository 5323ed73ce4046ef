/* SPDX-License-Identifier: Apache-2.0
 * The option --netflow-port, which several verbs have. */
#ifndef EG_CLI_PORTS_H
#define EG_CLI_PORTS_H

#include "base/option.h"

#define EG_PORTS_MAX 64

struct eg_ports {
    uint16_t list[EG_PORTS_MAX];
    uint32_t count;
};

/* Errors: EG_E_USAGE naming what is no port. */
EG_MUST_CHECK enum eg_status eg_ports_read(struct eg_ports *out, const struct eg_text_list *words,
                                           struct eg_error *err);

#endif
