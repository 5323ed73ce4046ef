/* SPDX-License-Identifier: Apache-2.0
 * A datagram that came through a socket as the packet that may have carried it: IPv4 (RFC 791) or
 * IPv6 (RFC 8200) and UDP (RFC 768), checksums included, link type RAW. */
#ifndef EG_WIRE_DATAGRAM_FRAME_H
#define EG_WIRE_DATAGRAM_FRAME_H

#include "base/strbuf.h"
#include "table/batch.h"

struct eg_udp_ends {
    struct eg_addr src, dst; /* of one family */
    uint16_t src_port, dst_port;
};

#define EG_DATAGRAM_HEAD 48u /* the larger: IPv6 and UDP */

/* The headers in front of the payload; answers their size, or 0: no UDP packet can hold so much.
 * `fragments`: IPv4 routers may cut it into pieces. */
size_t eg_datagram_head(uint8_t head[EG_DATAGRAM_HEAD], const struct eg_udp_ends *,
                        struct eg_span payload, bool fragments);
/* Adds the packet, which was one to us, to `to`. False: no UDP packet can hold so much; nothing was added. */
bool eg_datagram_frame(struct eg_strbuf *to, const struct eg_udp_ends *, struct eg_span payload);

#endif
