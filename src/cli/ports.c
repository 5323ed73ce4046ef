/* SPDX-License-Identifier: Apache-2.0
 * Lists of ports. */
#include "cli/ports.h"

#include <stdlib.h>

enum eg_status eg_ports_read(struct eg_ports *out, const struct eg_text_list *words,
                             struct eg_error *err) {
    *out = (struct eg_ports){0};
    if (words->count > EG_PORTS_MAX)
        return eg_fail(err, EG_E_USAGE, "--netflow-port: at most %d ports", EG_PORTS_MAX);
    for (size_t i = 0; i < words->count; i++) {
        char *end;
        long port = strtol(words->items[i], &end, 10);
        if (*end || end == words->items[i] || port < 1 || port > 65535)
            return eg_fail(err, EG_E_USAGE, "--netflow-port: '%s' is no port (1 to 65535)",
                           words->items[i]);
        out->list[out->count++] = (uint16_t)port;
    }
    return EG_OK;
}
