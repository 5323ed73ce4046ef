/* SPDX-License-Identifier: Apache-2.0
 * Link headers by the number that the capture format has for them.
 *
 * Sources: the link-layer header types of tcpdump.org; RFC 1661 and 1662 (PPP), 1547 (Cisco HDLC). */
#include "wire/dissect_steps.h"

bool eg_link_supported(uint32_t link_type) {
    switch (link_type) {
    case EG_LINK_NULL:
    case EG_LINK_ETHERNET:
    case EG_LINK_PPP:
    case EG_LINK_RAW_BSD:
    case EG_LINK_RAW_OPENBSD:
    case EG_LINK_PPP_HDLC:
    case EG_LINK_RAW:
    case EG_LINK_LOOP:
    case EG_LINK_SLL:
    case EG_LINK_MPLS:
    case EG_LINK_IPV4:
    case EG_LINK_IPV6:
    case EG_LINK_SLL2: return true;
    default: return false;
    }
}

/* NULL and LOOP: an address family of the capturing machine, in its own byte order (NULL) or in
 * network byte order (LOOP); some writers put an EtherType into the last two bytes. */
static uint32_t loopback(struct eg_walk *walk) {
    if (!eg_walk_has(walk, 4)) return EG_NEXT_NONE;
    uint32_t stored = eg_be32(walk->rest.span, 0), type = stored & 0xffff;
    uint32_t family = stored > UINT16_MAX ? __builtin_bswap32(stored) : stored;
    eg_walk_pass(walk, EG_HEADER_LINK, 0, 4);
    switch (family) {
    case 2: return EG_NEXT_IPV4;  /* AF_INET, everywhere */
    case 10:                      /* AF_INET6 of Linux, */
    case 23:                      /* Windows, */
    case 24:                      /* NetBSD and OpenBSD, */
    case 28:                      /* FreeBSD, */
    case 30: return EG_NEXT_IPV6; /* Darwin */
    default: return type == EG_NEXT_IPV4 || type == EG_NEXT_IPV6 ? type : (uint32_t)EG_NEXT_NONE;
    }
}

/* Unicast or multicast address, control, EtherType. */
static uint32_t cisco_hdlc(struct eg_walk *walk) {
    if (!eg_walk_has(walk, 4)) return EG_NEXT_NONE;
    uint32_t type = eg_be16(walk->rest.span, 2);
    eg_walk_pass(walk, EG_HEADER_LINK, 0, 4);
    return type > EG_NEXT_LENGTH_MAX ? type : EG_NEXT_NONE;
}

/* PPP with or without its HDLC address; some serial lines frame EtherTypes likewise. */
static uint32_t serial(struct eg_walk *walk) {
    uint8_t address = eg_u8(walk->rest.span, 0);
    return address == 0x0f || address == 0x8f ? cisco_hdlc(walk) : eg_step_ppp(walk);
}

/* The kernel's "cooked" headers: the sender's address, and no receiver's. */
static uint32_t cooked(struct eg_walk *walk, uint32_t size, size_t type_at, size_t hardware_at,
                       uint32_t address_size, size_t address_at) {
    enum { HARDWARE_ETHERNET = 1, HARDWARE_NETLINK = 824, COOKED_LLC = 4 };
    struct eg_span s = walk->rest.span;
    struct eg_layers *out = walk->out;
    bool whole = eg_walk_has(walk, size);
    eg_walk_pass(walk, EG_HEADER_LINK, 0, size);
    if (!whole) return EG_NEXT_NONE;
    uint32_t hardware = eg_be16(s, hardware_at), type = eg_be16(s, type_at);
    if (hardware == HARDWARE_ETHERNET && address_size == 6) {
        out->src_mac = eg_mac_at(s, address_at);
        out->has |= EG_HAS_SRC_MAC;
    }
    if (hardware == HARDWARE_NETLINK) return EG_NEXT_NONE; /* the field is a netlink family */
    if (type == COOKED_LLC) return EG_NEXT_LLC;
    return type > EG_NEXT_LENGTH_MAX ? type : EG_NEXT_NONE;
}

uint32_t eg_step_link(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    switch (walk->link_type) {
    case EG_LINK_ETHERNET: return eg_step_ethernet(walk);
    case EG_LINK_NULL:
    case EG_LINK_LOOP: return loopback(walk);
    case EG_LINK_PPP:
    case EG_LINK_PPP_HDLC: return serial(walk);
    case EG_LINK_SLL: return cooked(walk, 16, 14, 2, eg_be16(s, 4), 6);
    case EG_LINK_SLL2: return cooked(walk, 20, 0, 8, eg_u8(s, 11), 12);
    case EG_LINK_RAW_BSD:
    case EG_LINK_RAW_OPENBSD:
    case EG_LINK_RAW: return EG_NEXT_IP_BY_VERSION;
    case EG_LINK_MPLS: return EG_NEXT_MPLS;
    case EG_LINK_IPV4: return EG_NEXT_IPV4;
    case EG_LINK_IPV6: return EG_NEXT_IPV6;
    default: walk->out->remarks |= EG_REMARK_LINK_TYPE_UNSUPPORTED; return EG_NEXT_NONE;
    }
}
