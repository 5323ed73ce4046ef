/* SPDX-License-Identifier: Apache-2.0
 * Addresses in flight (16 bytes, IPv4-mapped) and as text: RFC 5952 for IPv6, dotted for IPv4. An
 * IPv4-mapped IPv6 address on the wire and its IPv4 twin are the same value here. */
#ifndef EG_TABLE_ADDRESS_H
#define EG_TABLE_ADDRESS_H

#include "base/cursor.h"
#include "table/batch.h"

#define EG_ADDR_TEXT 46 /* the longest address text and its NUL */
#define EG_MAC_TEXT 18

struct eg_addr eg_addr_v4(uint32_t host_order);
bool eg_addr_is_v4(const struct eg_addr *);
static inline unsigned __int128 eg_addr_number(const struct eg_addr *addr) {
    struct eg_span bytes = eg_span(addr->bytes, sizeof addr->bytes);
    return (unsigned __int128)eg_be64(bytes, 0) << 64 | eg_be64(bytes, 8);
}
size_t eg_addr_text(const struct eg_addr *, char text[EG_ADDR_TEXT]);
/* False: not an address. Accepts exactly what inet_pton does, for both families. */
bool eg_addr_parse(struct eg_addr *out, const char *text, size_t size);
/* "10.0.0.0/8", "2001:db8::/32" or a bare address (then /32 or /128). *bits counts from the start
 * of the 16 bytes, so 96 + 8 for the first. Host bits need not be zero; they are cleared. */
bool eg_prefix_parse(struct eg_addr *out, int *bits, const char *text, size_t size);
bool eg_prefix_holds(const struct eg_addr *prefix, int bits, const struct eg_addr *);
size_t eg_mac_text(int64_t mac, char text[EG_MAC_TEXT]);
bool eg_mac_parse(int64_t *out, const char *text, size_t size);

#endif
