/* SPDX-License-Identifier: Apache-2.0
 * From the first byte of a frame to its IP packet: link headers, 802.1Q tags, MPLS labels, LLC.
 *
 * Every link header is turned into one thing, an EtherType, so that what may stand behind Ethernet
 * may stand behind all of them. Sources: IEEE 802.3 and 802.1Q; the link-layer header types of
 * tcpdump.org; RFC 1042 (SNAP), 1661/1662 (PPP), 3032 (MPLS), 4928 (first nibble behind labels). */
#include "wire/dissect.h"

#include "wire/dissect_steps.h"

enum {
    TYPE_LENGTH_MAX = 1500, /* up to here the field is a length, and LLC follows */
    TYPE_IPV4 = 0x0800,
    TYPE_IPV6 = 0x86dd,
    TYPE_VLAN = 0x8100,
    TYPE_VLAN_SERVICE = 0x88a8,
    TYPE_VLAN_OLD_1 = 0x9100, /* before 802.1ad had a number of its own */
    TYPE_VLAN_OLD_2 = 0x9200,
    TYPE_VLAN_OLD_3 = 0x9300,
    TYPE_MPLS = 0x8847,
    TYPE_MPLS_MULTICAST = 0x8848,
    /* not EtherTypes: */
    TYPE_NONE = 0x10000, /* nothing that is followed */
    TYPE_IP_BY_VERSION,  /* IPv4 or IPv6: the first nibble tells */
    TYPE_LLC,
};

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

/* ---- link headers: each answers the EtherType of what follows ---- */

static inline uint64_t mac_at(struct eg_span s, size_t offset) {
    return (uint64_t)eg_be16(s, offset) << 32 | eg_be32(s, offset + 2);
}

/* A header that is cut: the addresses in front of the cut. */
static uint32_t ethernet_cut(struct eg_rest *rest, struct eg_layers *out) {
    (void)eg_rest_has(rest, 14, out);
    if (rest->span.size >= 6) {
        out->dst_mac = mac_at(rest->span, 0);
        out->has |= EG_HAS_DST_MAC;
    }
    if (rest->span.size >= 12) {
        out->src_mac = mac_at(rest->span, 6);
        out->has |= EG_HAS_SRC_MAC;
    }
    return TYPE_NONE;
}

static uint32_t ethernet(struct eg_rest *rest, struct eg_layers *out) {
    struct eg_span s = rest->span;
    if (s.size < 14) return ethernet_cut(rest, out);
    out->dst_mac = mac_at(s, 0);
    out->src_mac = mac_at(s, 6);
    out->has |= EG_HAS_DST_MAC | EG_HAS_SRC_MAC;
    eg_rest_skip(rest, 14);
    return eg_be16(s, 12);
}

/* NULL and LOOP: an address family of the capturing machine, in its own byte order (NULL) or in
 * network byte order (LOOP); some writers put an EtherType into the last two bytes. */
static uint32_t loopback(struct eg_rest *rest, struct eg_layers *out) {
    if (!eg_rest_has(rest, 4, out)) return TYPE_NONE;
    uint32_t stored = eg_be32(rest->span, 0), type = stored & 0xffff;
    uint32_t family = stored > UINT16_MAX ? __builtin_bswap32(stored) : stored;
    eg_rest_skip(rest, 4);
    switch (family) {
    case 2: return TYPE_IPV4;  /* AF_INET, everywhere */
    case 10:                   /* AF_INET6 of Linux, */
    case 23:                   /* Windows, */
    case 24:                   /* NetBSD and OpenBSD, */
    case 28:                   /* FreeBSD, */
    case 30: return TYPE_IPV6; /* Darwin */
    default: return type == TYPE_IPV4 || type == TYPE_IPV6 ? type : TYPE_NONE;
    }
}

static uint32_t ppp_protocol(struct eg_rest *rest, struct eg_layers *out) {
    if (!eg_rest_has(rest, eg_u8(rest->span, 0) == 0xff ? 2 : 1, out)) return TYPE_NONE;
    if (eg_be16(rest->span, 0) == 0xff03) eg_rest_skip(rest, 2); /* address and control */
    if (!eg_rest_has(rest, 1, out)) return TYPE_NONE;
    uint32_t protocol = eg_u8(rest->span, 0);
    if (protocol & 1) { /* compressed to one byte */
        eg_rest_skip(rest, 1);
    } else {
        if (!eg_rest_has(rest, 2, out)) return TYPE_NONE;
        protocol = eg_be16(rest->span, 0);
        eg_rest_skip(rest, 2);
    }
    switch (protocol) {
    case 0x0021: return TYPE_IPV4;
    case 0x0057: return TYPE_IPV6;
    case 0x0281: return TYPE_MPLS;
    case 0x0283: return TYPE_MPLS_MULTICAST;
    default: return TYPE_NONE;
    }
}

/* PPP with or without its HDLC address; some serial lines frame EtherTypes likewise. */
static uint32_t ppp(struct eg_rest *rest, struct eg_layers *out) {
    uint8_t address = eg_u8(rest->span, 0);
    if (address != 0x0f && address != 0x8f) return ppp_protocol(rest, out);
    /* Cisco HDLC: unicast or multicast address, control, EtherType */
    if (!eg_rest_has(rest, 4, out)) return TYPE_NONE;
    uint32_t type = eg_be16(rest->span, 2);
    eg_rest_skip(rest, 4);
    return type;
}

/* The kernel's "cooked" headers: the sender's address, and no receiver's. */
static uint32_t cooked(struct eg_rest *rest, struct eg_layers *out, uint32_t size, size_t type_at,
                       size_t hardware_at, uint32_t address_size, size_t address_at) {
    enum { HARDWARE_ETHERNET = 1, HARDWARE_NETLINK = 824, COOKED_802_3 = 1, COOKED_LLC = 4 };
    if (!eg_rest_has(rest, size, out)) return TYPE_NONE;
    struct eg_span s = rest->span;
    uint32_t hardware = eg_be16(s, hardware_at);
    if (hardware == HARDWARE_ETHERNET && address_size == 6) {
        out->src_mac = mac_at(s, address_at);
        out->has |= EG_HAS_SRC_MAC;
    }
    uint32_t type = eg_be16(s, type_at);
    eg_rest_skip(rest, size);
    if (hardware == HARDWARE_NETLINK) return TYPE_NONE; /* the field is a netlink family */
    if (type == COOKED_LLC) return TYPE_LLC;
    return type > TYPE_LENGTH_MAX ? type : TYPE_NONE;
}

static uint32_t link_header(uint32_t link_type, struct eg_rest *rest, struct eg_layers *out) {
    switch (link_type) {
    case EG_LINK_ETHERNET: return ethernet(rest, out);
    case EG_LINK_NULL:
    case EG_LINK_LOOP: return loopback(rest, out);
    case EG_LINK_PPP:
    case EG_LINK_PPP_HDLC: return ppp(rest, out);
    case EG_LINK_SLL: return cooked(rest, out, 16, 14, 2, eg_be16(rest->span, 4), 6);
    case EG_LINK_SLL2: return cooked(rest, out, 20, 0, 8, eg_u8(rest->span, 11), 12);
    case EG_LINK_RAW_BSD:
    case EG_LINK_RAW_OPENBSD:
    case EG_LINK_RAW: return TYPE_IP_BY_VERSION;
    case EG_LINK_MPLS: return TYPE_MPLS;
    case EG_LINK_IPV4: return TYPE_IPV4;
    case EG_LINK_IPV6: return TYPE_IPV6;
    default: out->remarks |= EG_REMARK_LINK_TYPE_UNSUPPORTED; return TYPE_NONE;
    }
}

/* ---- between link and network ---- */

/* All 802.1Q tags from here on; answers the EtherType behind the last. */
static uint32_t vlan_tags(struct eg_rest *rest, struct eg_layers *out, uint32_t type) {
    for (int tags = 0;; tags++) {
        switch (type) {
        case TYPE_VLAN:
        case TYPE_VLAN_SERVICE:
        case TYPE_VLAN_OLD_1:
        case TYPE_VLAN_OLD_2:
        case TYPE_VLAN_OLD_3: break;
        default: return type;
        }
        if (tags == EG_VLAN_TAGS_MAX) {
            out->remarks |= EG_REMARK_DEPTH_EXCEEDED;
            return TYPE_NONE;
        }
        if (tags == 0 && rest->span.size >= 2) {
            out->vlan = eg_be16(rest->span, 0) & 0x0fff;
            out->has |= EG_HAS_VLAN;
        }
        if (!eg_rest_has(rest, 4, out)) return TYPE_NONE;
        type = eg_be16(rest->span, 2);
        eg_rest_skip(rest, 4);
    }
}

/* All labels of a stack. What follows the last is not named anywhere: the first nibble tells. */
static uint32_t mpls_labels(struct eg_rest *rest, struct eg_layers *out) {
    for (;;) {
        if (out->mpls_count == EG_MPLS_LABELS_MAX) {
            out->remarks |= EG_REMARK_DEPTH_EXCEEDED;
            return TYPE_NONE;
        }
        if (!eg_rest_has(rest, 4, out)) return TYPE_NONE;
        uint32_t entry = eg_be32(rest->span, 0);
        out->mpls[out->mpls_count++] = entry >> 12;
        out->has |= EG_HAS_MPLS;
        eg_rest_skip(rest, 4);
        if (entry & 0x100) break; /* bottom of stack */
    }
    if (!eg_rest_has(rest, 1, out)) return TYPE_NONE;
    uint8_t version = eg_u8(rest->span, 0) >> 4;
    return version == 4 ? TYPE_IPV4 : version == 6 ? TYPE_IPV6 : TYPE_NONE;
}

/* 802.2: IP stands behind a SNAP header with an EtherType, or behind its own access point. */
static uint32_t llc(struct eg_rest *rest, struct eg_layers *out) {
    if (!eg_rest_has(rest, 3, out)) return TYPE_NONE;
    uint32_t header = eg_be24(rest->span, 0);
    if (header == 0x060603) {
        eg_rest_skip(rest, 3);
        return TYPE_IPV4;
    }
    if (header != 0xaaaa03) return TYPE_NONE;
    if (!eg_rest_has(rest, 8, out)) return TYPE_NONE;
    uint32_t organisation = eg_be24(rest->span, 3);
    uint32_t type = eg_be16(rest->span, 6);
    eg_rest_skip(rest, 8);
    if (organisation != 0x000000 && organisation != 0x0000f8) return TYPE_NONE;
    return type > TYPE_LENGTH_MAX ? type : TYPE_NONE;
}

static void network(struct eg_rest *rest, struct eg_layers *out, uint32_t type) {
    if (type == TYPE_IP_BY_VERSION) {
        if (!eg_rest_has(rest, 1, out)) return;
        uint8_t version = eg_u8(rest->span, 0) >> 4;
        type = version == 4 ? TYPE_IPV4 : version == 6 ? TYPE_IPV6 : TYPE_NONE;
        if (type == TYPE_NONE) out->remarks |= EG_REMARK_HEADER_BAD;
    }
    if (type == TYPE_IPV4)
        eg_dissect_ipv4(*rest, out);
    else if (type == TYPE_IPV6)
        eg_dissect_ipv6(*rest, out);
}

void eg_dissect(uint32_t link_type, struct eg_span frame, uint32_t wire_length,
                struct eg_layers *out) {
    memset(out, 0, offsetof(struct eg_layers, mpls));
    if (wire_length < frame.size) wire_length = (uint32_t)frame.size;
    struct eg_rest rest = {frame, wire_length};
    uint32_t type = link_header(link_type, &rest, out);
    if (__builtin_expect(type != TYPE_IPV4 && type != TYPE_IPV6, 0)) {
        type = vlan_tags(&rest, out, type);
        if (type <= TYPE_LENGTH_MAX) {
            eg_rest_bound(&rest, type);
            type = TYPE_LLC;
        }
        if (type == TYPE_LLC) type = vlan_tags(&rest, out, llc(&rest, out));
        if (type == TYPE_MPLS || type == TYPE_MPLS_MULTICAST) type = mpls_labels(&rest, out);
    }
    network(&rest, out, type);
}
