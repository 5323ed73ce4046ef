/* SPDX-License-Identifier: Apache-2.0
 * Link headers of local networks that are not Ethernet, and Ethernet with a switch's tag in it.
 *
 * Sources: IEEE 802.5, ANSI X3.139 (FDDI), RFC 1051 and 1201 (ARCnet), 2684 (ATM), 2734 (IEEE
 * 1394), 4391 (InfiniBand); for the switches' tags the link-layer header types of tcpdump.org. */
#include "wire/dissect_steps.h"

static void addresses(struct eg_walk *walk, size_t dst, size_t src) {
    eg_walk_link_begins(walk);
    eg_walk_macs(walk, dst, src);
}

/* ---- ARCnet ---- */

/* One byte of address each; on Linux two bytes of buffer management behind them. RFC 1201 splits
 * packets: behind an exception's marker stands the header proper. */
static uint32_t arcnet(struct eg_walk *walk, uint32_t at) {
    enum { IP = 0xd4, ARP = 0xd5, RARP = 0xd6, IP_OLD = 0xf0, ARP_OLD = 0xf1, IP6 = 0xc4 };
    struct eg_span s = walk->rest.span;
    if (!eg_walk_has(walk, at + 1)) return EG_NEXT_NONE;
    uint8_t type = eg_u8(s, at);
    uint32_t size = at + 1;
    bool split = false;
    if (type != IP_OLD && type != ARP_OLD) {
        if (eg_u8(s, at + 1) == 0xff) size += 4;
        split = eg_u8(s, size) > 1 && !(eg_u8(s, size) & 1); /* a later piece */
        size += 3;
    }
    if (!eg_walk_take(walk, EG_LINK_HEADER_ARCNET, size) || split) return EG_NEXT_NONE;
    switch (type) {
    case IP:
    case IP_OLD: return EG_NEXT_IPV4;
    case IP6: return EG_NEXT_IPV6;
    case ARP:
    case ARP_OLD: return EG_NEXT_ARP;
    case RARP: return EG_NEXT_RARP;
    default: return EG_NEXT_NONE;
    }
}

/* ---- rings ---- */

static uint32_t fddi(struct eg_walk *walk) {
    enum { LLC_FRAME = 0x50 };
    uint8_t control = eg_u8(walk->rest.span, 0);
    addresses(walk, 1, 7);
    if (!eg_walk_take(walk, EG_LINK_HEADER_UNTOLD, 13)) return EG_NEXT_NONE;
    return (control & 0xf0) == LLC_FRAME ? EG_NEXT_LLC : EG_NEXT_NONE;
}

/* The source address's highest bit says that a route follows, which begins with its length. */
static uint32_t token_ring(struct eg_walk *walk) {
    enum { LLC_FRAME = 0x40, ROUTED = 0x80 };
    struct eg_span s = walk->rest.span;
    uint32_t size = 14;
    uint8_t control = eg_u8(s, 1);
    if (eg_u8(s, 8) & ROUTED) size += eg_u8(s, 14) & 0x1f;
    addresses(walk, 2, 8);
    walk->out->src_mac &= ~(UINT64_C(1) << 47);
    if (!eg_walk_take(walk, EG_LINK_HEADER_UNTOLD, size)) return EG_NEXT_NONE;
    return (control & 0xc0) == LLC_FRAME ? EG_NEXT_LLC : EG_NEXT_NONE;
}

/* ---- headers that end with an EtherType ---- */

static uint32_t type_at(struct eg_walk *walk, enum eg_link_header header, uint32_t at,
                        uint32_t size) {
    uint32_t type = eg_be16(walk->rest.span, at);
    if (!eg_walk_take(walk, header, size)) return EG_NEXT_NONE;
    return type;
}

/* ---- tags of switches ---- */

/* Marvell's tag stands where 802.1Q's would, and holds what that would have held. */
static void dsa_tag(struct eg_walk *walk, size_t at) {
    enum { TAGGED = 0x20 };
    struct eg_span s = walk->rest.span;
    struct eg_layers *out = walk->out;
    if (!eg_span_has(s, at, 4) || !(eg_u8(s, at) & TAGGED) || out->has & EG_HAS_VLAN) return;
    out->vlan = eg_be16(s, at + 2) & 0x0fff;
    out->has |= EG_HAS_VLAN;
}

/* A frame with `tag` bytes between its addresses and its EtherType. */
static uint32_t tagged_frame(struct eg_walk *walk, uint32_t tag) {
    addresses(walk, 0, 6);
    uint32_t type = eg_be16(walk->rest.span, 12 + tag);
    bool whole = eg_walk_has(walk, 14 + tag);
    eg_walk_pass(walk, EG_HEADER_ETHERNET, 0, 14 + tag);
    return whole ? type : EG_NEXT_NONE;
}

uint32_t eg_step_lan(struct eg_walk *walk) {
    enum { BRCM_TAG = 4, DSA_TAG = 4, EDSA_TAG = 8, CAPTURE_HEADER = 4 };
    switch (walk->link_type) {
    case EG_LINK_TOKEN_RING: return token_ring(walk);
    case EG_LINK_FDDI: return fddi(walk);
    case EG_LINK_ARCNET_BSD: return arcnet(walk, 2);
    case EG_LINK_ARCNET_LINUX: return arcnet(walk, 4);
    case EG_LINK_ATM_RFC1483: return EG_NEXT_LLC;
    case EG_LINK_FIREWIRE: return type_at(walk, EG_LINK_HEADER_UNTOLD, 16, 18);
    case EG_LINK_IPOIB: /* behind the global routing header */
        return type_at(walk, EG_LINK_HEADER_INFINIBAND, 40, 44);
    case EG_LINK_BRCM: return tagged_frame(walk, BRCM_TAG);
    case EG_LINK_DSA: dsa_tag(walk, 12); return tagged_frame(walk, DSA_TAG);
    case EG_LINK_EDSA: dsa_tag(walk, 16); return tagged_frame(walk, EDSA_TAG);
    case EG_LINK_BRCM_PREPENDED:
    case EG_LINK_NETANALYZER:
    default:
        return eg_walk_take(walk, EG_LINK_HEADER_BARE, CAPTURE_HEADER) ? EG_NEXT_ETHERNET_BRIDGED
                                                                       : EG_NEXT_NONE;
    }
}
