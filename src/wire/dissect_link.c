/* SPDX-License-Identifier: Apache-2.0
 * Link headers by the number that the capture format has for them.
 *
 * Source: the link-layer header types of tcpdump.org. */
#include "wire/dissect_steps.h"

/* NULL and LOOP: an address family of the capturing machine, in its own byte order (NULL) or in
 * network byte order (LOOP); some writers put an EtherType into the last two bytes. */
static uint32_t loopback(struct eg_walk *walk) {
    if (!eg_walk_has(walk, 4)) return EG_NEXT_NONE;
    uint32_t stored = eg_be32(walk->rest.span, 0), type = stored & 0xffff;
    uint32_t family = stored > UINT16_MAX ? __builtin_bswap32(stored) : stored;
    eg_walk_pass(walk, EG_HEADER_LINK, EG_LINK_HEADER_BARE, 4);
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

/* The kernel's "cooked" headers: the sender's address, and no receiver's. */
static uint32_t cooked(struct eg_walk *walk, uint32_t size, size_t type_at, size_t hardware_at,
                       uint32_t address_size, size_t address_at) {
    enum { HARDWARE_ETHERNET = 1, HARDWARE_NETLINK = 824, COOKED_LLC = 4 };
    struct eg_span s = walk->rest.span;
    struct eg_layers *out = walk->out;
    bool whole = eg_walk_has(walk, size);
    eg_walk_pass(walk, EG_HEADER_LINK,
                 size == 16 ? EG_LINK_HEADER_COOKED_1 : EG_LINK_HEADER_COOKED_2, size);
    if (!whole) return EG_NEXT_NONE;
    uint32_t hardware = eg_be16(s, hardware_at), type = eg_be16(s, type_at);
    if (hardware == HARDWARE_ETHERNET && address_size == 6) {
        out->src_mac = eg_be48(s, address_at);
        out->has |= EG_HAS_SRC_MAC;
    }
    if (hardware == HARDWARE_NETLINK) return EG_NEXT_NONE; /* the field is a netlink family */
    if (type == COOKED_LLC) return EG_NEXT_LLC;
    return type > EG_NEXT_LENGTH_MAX ? type : EG_NEXT_NONE;
}

/* Which file knows a link type; NULL: none. */
typedef uint32_t (*link_step)(struct eg_walk *);

static uint32_t raw(struct eg_walk *walk) {
    switch (walk->link_type) {
    case EG_LINK_MPLS: return EG_NEXT_MPLS;
    case EG_LINK_IPV4: return EG_NEXT_IPV4;
    case EG_LINK_IPV6: return EG_NEXT_IPV6;
    default: return EG_NEXT_IP_BY_VERSION;
    }
}

static uint32_t cooked_1(struct eg_walk *walk) {
    return cooked(walk, 16, 14, 2, eg_be16(walk->rest.span, 4), 6);
}
static uint32_t cooked_2(struct eg_walk *walk) {
    return cooked(walk, 20, 0, 8, eg_u8(walk->rest.span, 11), 12);
}

static link_step step_of(uint32_t link_type) {
    switch (link_type) {
    case EG_LINK_ETHERNET: return eg_step_ethernet;
    case EG_LINK_NULL:
    case EG_LINK_LOOP: return loopback;
    case EG_LINK_SLL: return cooked_1;
    case EG_LINK_SLL2: return cooked_2;
    case EG_LINK_RAW_BSD:
    case EG_LINK_RAW_OPENBSD:
    case EG_LINK_RAW:
    case EG_LINK_MPLS:
    case EG_LINK_IPV4:
    case EG_LINK_IPV6: return raw;
    case EG_LINK_SLIP:
    case EG_LINK_PPP:
    case EG_LINK_PPP_HDLC:
    case EG_LINK_PPP_ETHER:
    case EG_LINK_CISCO_HDLC:
    case EG_LINK_FRAME_RELAY:
    case EG_LINK_MFR:
    case EG_LINK_PPP_PPPD:
    case EG_LINK_PPP_WITH_DIRECTION:
    case EG_LINK_HDLC_WITH_DIRECTION:
    case EG_LINK_FRAME_RELAY_WITH_DIRECTION: return eg_step_serial;
    case EG_LINK_TOKEN_RING:
    case EG_LINK_FDDI:
    case EG_LINK_ARCNET_BSD:
    case EG_LINK_ARCNET_LINUX:
    case EG_LINK_ATM_RFC1483:
    case EG_LINK_FIREWIRE:
    case EG_LINK_IPOIB:
    case EG_LINK_NETANALYZER:
    case EG_LINK_BRCM:
    case EG_LINK_BRCM_PREPENDED:
    case EG_LINK_DSA:
    case EG_LINK_EDSA: return eg_step_lan;
    case EG_LINK_WIRELESS:
    case EG_LINK_RADIOTAP:
    case EG_LINK_PRISM:
    case EG_LINK_AVS: return eg_step_radio;
    case EG_LINK_ENC:
    case EG_LINK_PFLOG:
    case EG_LINK_IPNET:
    case EG_LINK_NFLOG:
    case EG_LINK_PPI:
    case EG_LINK_PKTAP:
    case EG_LINK_PKTAP_USER:
    case EG_LINK_JUNIPER_ETHER:
    case EG_LINK_JUNIPER_PPP:
    case EG_LINK_JUNIPER_FRAME_RELAY:
    case EG_LINK_JUNIPER_HDLC: return eg_step_wrapped;
    default: return NULL;
    }
}

bool eg_link_supported(uint32_t link_type) { return step_of(link_type) != NULL; }

uint32_t eg_step_link(struct eg_walk *walk) {
    link_step step = step_of(walk->link_type);
    if (step) return step(walk);
    walk->out->remarks |= EG_REMARK_LINK_TYPE_UNSUPPORTED;
    return EG_NEXT_NONE;
}
