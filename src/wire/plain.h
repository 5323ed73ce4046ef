/* SPDX-License-Identifier: Apache-2.0
 * Frames as most are: Ethernet without tags, IPv4 without options and not in pieces, and TCP, UDP or
 * ICMP, all headers whole and true to each other, and no tunnel. Told at a glance, in registers; every
 * other frame is for the steps of eg_dissect, which say the same of these (dissect_test.c holds both
 * against each other). */
#ifndef EG_WIRE_PLAIN_H
#define EG_WIRE_PLAIN_H

#include "wire/dissect.h"

enum { EG_PLAIN_ICMP = 1, EG_PLAIN_TCP = 6, EG_PLAIN_UDP = 17 };

#define EG_PLAIN_IP 14u    /* where the IP header begins, of 20 bytes */
#define EG_PLAIN_ABOVE 34u /* and the one above it */

struct eg_plain {
    uint32_t src, dst; /* as numbers */
    uint32_t total;    /* IP header and all behind it; that much was captured */
    uint32_t header;   /* size of the one above IP */
    uint16_t ports[2]; /* source and destination; ICMP: 0 */
    uint8_t proto;     /* EG_PLAIN_… */
};

/* Ports that a tunnel may be known by. */
static inline bool eg_plain_tunnels(uint16_t port) {
    switch (port) {
    case 1701:
    case 2152:
    case 3544:
    case 4789:
    case 4790:
    case 5247:
    case 6081:
    case 6635:
    case 8472: return true;
    default: return false;
    }
}

/* False: not such a frame, or it is for others to say. */
static inline bool eg_plain_take(uint32_t link_type, struct eg_span frame, struct eg_plain *out) {
    if (link_type != EG_LINK_ETHERNET || frame.size < 42) return false;
    if (eg_be16(frame, 12) != 0x0800 || eg_u8(frame, EG_PLAIN_IP) != 0x45) return false;
    uint32_t total = eg_be16(frame, 16);
    if (total < 28 || total > frame.size - EG_PLAIN_IP || eg_be16(frame, 20) & 0x3fff) return false;
    out->proto = eg_u8(frame, 23);
    out->src = eg_be32(frame, 26);
    out->dst = eg_be32(frame, 30);
    out->total = total;
    out->header = 8;
    out->ports[0] = out->ports[1] = 0;
    if (out->proto == EG_PLAIN_ICMP) return true;
    out->ports[0] = eg_be16(frame, 34);
    out->ports[1] = eg_be16(frame, 36);
    if (out->proto == EG_PLAIN_TCP) {
        if (frame.size < 54) return false;
        out->header = (eg_u8(frame, 46) >> 4) * 4u;
        return out->header >= 20 && out->header <= total - 20;
    }
    if (out->proto != EG_PLAIN_UDP) return false;
    uint32_t length = eg_be16(frame, 38);
    return (length == 0 || length >= 8) && !eg_plain_tunnels(out->ports[0]) &&
           !eg_plain_tunnels(out->ports[1]);
}

#endif
