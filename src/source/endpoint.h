/* SPDX-License-Identifier: Apache-2.0
 * Where to listen, as the user writes it, and whom to listen to:
 *   udp://ADDR:PORT  udp://[v6]:PORT  udp://:PORT (all addresses)  udp://GROUP:PORT?interface=eth1
 *   tcp://…                                                        192.0.2.0/24, 2001:db8::/32 */
#ifndef EG_SOURCE_ENDPOINT_H
#define EG_SOURCE_ENDPOINT_H

#include "base/option.h"
#include "table/address.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct eg_endpoint {
    bool tcp;
    bool every;         /* no address was given: IPv6 and IPv4, where the machine has both */
    bool multicast;     /* a group to join */
    uint32_t interface; /* index, to join it on; 0: the system chooses */
    struct sockaddr_storage address;
    socklen_t address_size;
    char text[128]; /* as it was written, without the query */
};

/* `interface` is for a group whose URI names none; NULL: none. Errors: EG_E_USAGE (with what is
 * wrong and how it is written), EG_E_NOENT for an interface there is not. */
EG_MUST_CHECK enum eg_status eg_endpoint_parse(struct eg_endpoint *, const char *uri,
                                               const char *interface, struct eg_error *err);

/* A socket's address as a row has it. */
void eg_sockaddr_split(const struct sockaddr_storage *, struct eg_addr *address, uint16_t *port);

/* Whom to listen to. */
struct eg_senders {
    struct eg_sender {
        struct eg_addr prefix;
        int bits;
    } * entries;
    size_t count; /* 0: everybody */
};
/* Errors: EG_E_USAGE naming what is no prefix, EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_senders_parse(struct eg_senders *, const struct eg_text_list *words,
                                              struct eg_error *err);
void eg_senders_reset(struct eg_senders *);
static inline bool eg_senders_hold(const struct eg_senders *allow, const struct eg_addr *address) {
    for (size_t i = 0; i < allow->count; i++)
        if (eg_prefix_holds(&allow->entries[i].prefix, allow->entries[i].bits, address))
            return true;
    return allow->count == 0;
}

#endif
