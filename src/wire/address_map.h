/* SPDX-License-Identifier: Apache-2.0
 * Addresses mapped by a key, prefixes preserved: two addresses that share their first n bits share
 * as many afterwards, and no more. The mapping is that of Crypto-PAn (Xu, Fan, Ammar, Moon 2002) with
 * AES-128, applied to 32, 128 and, for MAC addresses, 48 bits. */
#ifndef EG_WIRE_ADDRESS_MAP_H
#define EG_WIRE_ADDRESS_MAP_H

#include "table/batch.h"

#define EG_ADDRESS_KEY_BYTES 32 /* 16 of the cipher, 16 that become the padding */

/* What stays as it is, since it names no host: 0.0.0.0, 127/8, 224/4, 255.255.255.255, ::, ::1,
 * ff00::/8 (but the low bits of a solicited-node group are those of a host), broadcast and group
 * MACs (likewise). Of link-local IPv6 addresses the first 64 bits stay. `everything` maps these,
 * too, as the publication does; without it no other address becomes one of them. */
struct eg_address_map;

/* NULL: no memory. Threads: one at a time (it remembers what it has mapped). */
struct eg_address_map *eg_address_map_new(const uint8_t key[EG_ADDRESS_KEY_BYTES], bool everything);
void eg_address_map_free(struct eg_address_map *); /* NULL is fine */

struct eg_addr eg_address_map_ip(struct eg_address_map *, struct eg_addr); /* IPv4 stays IPv4 */
uint64_t eg_address_map_mac(struct eg_address_map *, uint64_t mac);

#endif
