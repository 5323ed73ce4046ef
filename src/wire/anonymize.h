/* SPDX-License-Identifier: Apache-2.0
 * A captured frame without the addresses of those who sent and received it: every address in every
 * header is mapped by a key (address_map.h), tunnels, ICMP quotes, ARP, neighbour discovery and DNS
 * included; payload is cut; checksums that were right are right again. Lengths and times stay. */
#ifndef EG_WIRE_ANONYMIZE_H
#define EG_WIRE_ANONYMIZE_H

#include "table/tally.h"
#include "wire/address_map.h"

struct eg_anonymizer {
    struct eg_address_map *map; /* borrowed */
    bool keep_payload;          /* else all behind the transport header is cut off */
    uint8_t *before;            /* scratch of EG_FRAME_BYTES_MAX bytes, the caller's */
    uint64_t *
        options_blanked; /* counts frames in which options that are not known became zeros; or NULL */
};

/* Rewrites a frame of `size` captured bytes (at most EG_FRAME_BYTES_MAX) in place, and answers how
 * many of them are left. A frame of a link type whose addresses cannot be told is left without any
 * (counted as link_type_unsupported). Errors: none. */
uint32_t eg_anonymize(const struct eg_anonymizer *, uint32_t link_type, uint8_t *frame,
                      uint32_t size, uint32_t wire_length, struct eg_tally *);

#endif
