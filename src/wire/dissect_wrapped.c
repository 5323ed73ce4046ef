/* SPDX-License-Identifier: Apache-2.0
 * Headers that the capturing system puts in front of a frame or a packet: what it was doing with it.
 *
 * Sources: the link-layer header types of tcpdump.org; Apple's and Juniper's header layouts as their
 * tools write them. */
#include "wire/dissect_steps.h"

static uint32_t of_family(uint32_t family) {
    switch (family) {
    case 2: return EG_NEXT_IPV4;  /* AF_INET */
    case 10:                      /* AF_INET6 of Linux, */
    case 24:                      /* NetBSD and OpenBSD, */
    case 26:                      /* Solaris, */
    case 28:                      /* FreeBSD, */
    case 30: return EG_NEXT_IPV6; /* Darwin */
    default: return EG_NEXT_NONE;
    }
}

/* A frame of a link type that the wrapping names. */
static uint32_t holds(struct eg_walk *walk, uint32_t link_type) {
    walk->link_type = link_type;
    return EG_NEXT_LINK;
}

static uint32_t bad(struct eg_walk *walk) {
    walk->out->remarks |= EG_REMARK_HEADER_BAD;
    return EG_NEXT_NONE;
}

/* OpenBSD: address family, in either order, security parameters, flags. */
static uint32_t enc(struct eg_walk *walk) {
    uint32_t family = eg_be32(walk->rest.span, 0);
    if (family > UINT16_MAX) family = __builtin_bswap32(family);
    return eg_walk_take(walk, EG_LINK_HEADER_BARE, 12) ? of_family(family) : (uint32_t)EG_NEXT_NONE;
}

/* A packet filter's log: its length, without padding, and the address family. */
static uint32_t pflog(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    if (!eg_walk_has(walk, 4)) return EG_NEXT_NONE;
    uint32_t size = (eg_u8(s, 0) + 3u) & ~3u, family = eg_u8(s, 1);
    if (size < 4) return bad(walk);
    return eg_walk_take(walk, EG_LINK_HEADER_PFLOG, size) ? of_family(family)
                                                           : (uint32_t)EG_NEXT_NONE;
}

static uint32_t ipnet(struct eg_walk *walk) {
    uint32_t family = eg_u8(walk->rest.span, 1);
    return eg_walk_take(walk, EG_LINK_HEADER_BARE, 24) ? of_family(family) : (uint32_t)EG_NEXT_NONE;
}

/* Linux netfilter: a family, then fields with length and type in the order of the machine that
 * captured; the packet is one of them. */
static uint32_t nflog(struct eg_walk *walk) {
    enum { FIELD_HEADER = 4, PACKET = 9 };
    struct eg_span s = walk->rest.span;
    if (!eg_walk_has(walk, 4)) return EG_NEXT_NONE;
    uint32_t family = eg_u8(s, 0), at = 4;
    bool big = eg_le16(s, 4) > eg_be16(s, 4) && eg_be16(s, 4) >= FIELD_HEADER;
    while (eg_span_has(s, at, FIELD_HEADER)) {
        uint32_t length = eg_u16(s, at, big), type = eg_u16(s, at + 2, big) & 0x7fff;
        if (length < FIELD_HEADER) return bad(walk);
        if (type == PACKET) {
            (void)eg_walk_take(walk, EG_LINK_HEADER_NFLOG, at + FIELD_HEADER);
            eg_rest_bound(&walk->rest, length - FIELD_HEADER);
            return of_family(family);
        }
        at += (length + 3) & ~3u;
    }
    if (at < walk->rest.wire) (void)eg_walk_has(walk, at + FIELD_HEADER);
    return EG_NEXT_NONE;
}

/* Its fields are in little-endian order whatever the file's is. */
static uint32_t ppi(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    if (!eg_walk_has(walk, 8)) return EG_NEXT_NONE;
    uint32_t size = eg_le16(s, 2), link_type = eg_le32(s, 4);
    if (eg_u8(s, 0) || size < 8) return bad(walk);
    return eg_walk_take(walk, EG_LINK_HEADER_PPI, size) ? holds(walk, link_type)
                                                        : (uint32_t)EG_NEXT_NONE;
}

static uint32_t pktap(struct eg_walk *walk) {
    enum { LEAST = 12, FRAME = 1 };
    struct eg_span s = walk->rest.span;
    if (!eg_walk_has(walk, LEAST)) return EG_NEXT_NONE;
    uint32_t size = eg_le32(s, 0), kind = eg_le32(s, 4), link_type = eg_le32(s, 8);
    if (size < LEAST || size > UINT16_MAX) return bad(walk);
    if (!eg_walk_take(walk, EG_LINK_HEADER_PKTAP, size) || kind != FRAME) return EG_NEXT_NONE;
    return holds(walk, link_type);
}

/* Juniper: a magic number, flags, extensions of a length of their own; and where the flags say that
 * the link header was taken off, four bytes instead of it. */
static uint32_t juniper(struct eg_walk *walk) {
    enum { EXTENDED = 0x80, NO_LINK = 0x02 };
    struct eg_span s = walk->rest.span;
    uint32_t size = 4, link_type = walk->link_type;
    if (!eg_walk_has(walk, size)) return EG_NEXT_NONE;
    if (eg_be24(s, 0) != 0x4d4743) return bad(walk);
    uint8_t flags = eg_u8(s, 3);
    if (flags & EXTENDED) {
        if (!eg_walk_has(walk, 6)) return EG_NEXT_NONE;
        size = 6u + eg_be16(s, 4);
    }
    if (flags & NO_LINK) size += 4;
    if (!eg_walk_take(walk, EG_LINK_HEADER_JUNIPER, size)) return EG_NEXT_NONE;
    if (flags & NO_LINK) return EG_NEXT_IP_OR_PPP;
    switch (link_type) {
    case EG_LINK_JUNIPER_PPP: return holds(walk, EG_LINK_PPP);
    case EG_LINK_JUNIPER_FRAME_RELAY: return holds(walk, EG_LINK_FRAME_RELAY);
    case EG_LINK_JUNIPER_HDLC: return holds(walk, EG_LINK_CISCO_HDLC);
    default: return holds(walk, EG_LINK_ETHERNET);
    }
}

uint32_t eg_step_wrapped(struct eg_walk *walk) {
    switch (walk->link_type) {
    case EG_LINK_ENC: return enc(walk);
    case EG_LINK_PFLOG: return pflog(walk);
    case EG_LINK_IPNET: return ipnet(walk);
    case EG_LINK_NFLOG: return nflog(walk);
    case EG_LINK_PPI: return ppi(walk);
    case EG_LINK_PKTAP:
    case EG_LINK_PKTAP_USER: return pktap(walk);
    default: return juniper(walk);
    }
}
