/* SPDX-License-Identifier: Apache-2.0
 * IP and UDP headers made by hand, so that a datagram that is passed on keeps its first sender's
 * address and port. RFC 768, 791, 8200, 1071. */
#ifndef EG_SINK_SPOOF_H
#define EG_SINK_SPOOF_H

#include "table/address.h"

#define EG_SPOOF_HEADER 48 /* the larger: IPv6 and UDP */

/* Fills the headers of a datagram from `from` to `to`, both of one family; answers their size. */
size_t eg_spoof_header(uint8_t header[EG_SPOOF_HEADER], const struct eg_addr *from,
                       uint16_t from_port, const struct eg_addr *to, uint16_t to_port,
                       struct eg_span payload);

#endif
