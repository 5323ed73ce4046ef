/* SPDX-License-Identifier: Apache-2.0
 * Community ID, version 1: one short text for a conversation, the same from either side and from
 * every tool that knows it. Source: the Community ID specification of Corelight. */
#ifndef EG_WIRE_COMMUNITY_ID_H
#define EG_WIRE_COMMUNITY_ID_H

#include "table/batch.h"

#define EG_COMMUNITY_ID_TEXT 43 /* "1:", 40 hex digits at most, and a NUL */

struct eg_community_tuple {
    struct eg_addr src, dst;
    uint8_t proto;
    bool has_ports;              /* else only addresses and protocol count */
    uint16_t src_port, dst_port; /* of ICMP and ICMPv6: type and code */
};

/* Writes the ID and answers its length. `hex`: the digest in hexadecimal instead of base64.
 * Ownership: `text` is the caller's. Threads: any. Errors: none. Source: the specification. */
size_t eg_community_id(const struct eg_community_tuple *, uint16_t seed, bool hex,
                       char text[EG_COMMUNITY_ID_TEXT]);

#endif
