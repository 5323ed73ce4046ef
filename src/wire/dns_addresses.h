/* SPDX-License-Identifier: Apache-2.0
 * Where a DNS message (RFC 1035, 3596, 7871) holds addresses. Bounded by the message: names are
 * walked once, where they stand, and pointers are not followed. */
#ifndef EG_WIRE_DNS_ADDRESSES_H
#define EG_WIRE_DNS_ADDRESSES_H

#include "base/cursor.h"

enum eg_dns_place {
    EG_DNS_V4,     /* 4 bytes: of an A record */
    EG_DNS_V6,     /* 16 bytes: of an AAAA record */
    EG_DNS_PREFIX, /* `size` bytes of an address whose family is `detail` (1, 2): client subnet */
    EG_DNS_NIBBLE, /* 1 byte: a hex digit of an ip6.arpa name, of the address's nibble `detail` */
    EG_DNS_LABEL,  /* `size` digits of an in-addr.arpa name */
};
struct eg_dns_found {
    enum eg_dns_place place;
    uint8_t detail;
    uint32_t offset, size; /* in the message; always inside it */
};
/* Calls `found` for each, in order of their offsets; a message that ends early gives what it has.
 * Answers how far it was whole: behind that stands what may be a piece of an address. */
uint32_t eg_dns_addresses(struct eg_span message,
                          void (*found)(void *to, const struct eg_dns_found *), void *to);

#endif
