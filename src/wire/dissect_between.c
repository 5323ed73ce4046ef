/* SPDX-License-Identifier: Apache-2.0
 * What may stand between a link header and IP: tags, labels, LLC, PPP, and headers that services
 * put in front of packets.
 *
 * Sources: IEEE 802.1Q, 802.1ad, 802.1ah, 802.1BR (VN-Tag), 802.1AE; RFC 1042 and 2684 (SNAP), 1661
 * (PPP), 3518 (bridging), 2516 (PPPoE), 3032 and 4928 (labels), 4385 and 4448 (pseudowires), 8300
 * (NSH). What Arista and Cisco MetaData headers look like: their makers' documents. */
#include "wire/dissect_steps.h"

/* ---- tags and labels ---- */

static uint32_t vlan_tag(struct eg_walk *walk) {
    struct eg_layers *out = walk->out;
    struct eg_span s = walk->rest.span;
    eg_walk_link_begins(walk);
    if (walk->tags++ == EG_VLAN_TAGS_MAX) {
        out->remarks |= EG_REMARK_DEPTH_EXCEEDED;
        return EG_NEXT_NONE;
    }
    if (!(out->has & EG_HAS_VLAN) && s.size >= 2) {
        out->vlan = eg_be16(s, 0) & 0x0fff;
        out->has |= EG_HAS_VLAN;
    }
    bool whole = eg_walk_has(walk, 4);
    eg_walk_pass(walk, EG_HEADER_VLAN, 0, 4);
    return whole ? eg_be16(s, 2) : EG_NEXT_NONE;
}

/* Does a frame stand there, by what follows its addresses? */
static bool frame_at(struct eg_span s, size_t at) {
    switch (eg_be16(s, at + 12)) {
    case EG_NEXT_IPV4:
    case EG_NEXT_ARP:
    case EG_NEXT_IPV6:
    case EG_NEXT_VLAN:
    case EG_NEXT_VLAN_SERVICE:
    case EG_NEXT_MPLS:
    case EG_NEXT_PPPOE: return true;
    default: return false;
    }
}

/* What follows the last label is not named anywhere. The first nibble tells IP; a pseudowire begins
 * with a control word of nibble 0, or at once with the frame. */
static uint32_t behind_labels(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    if (!eg_walk_has(walk, 1)) return EG_NEXT_NONE;
    uint8_t nibble = eg_u8(s, 0) >> 4;
    if (nibble == 4) return EG_NEXT_IPV4;
    if (nibble == 6) return EG_NEXT_IPV6;
    if (nibble == 0 && frame_at(s, 4)) {
        eg_walk_pass(walk, EG_HEADER_LINK, EG_LINK_HEADER_BARE, 4);
        return EG_NEXT_ETHERNET_BRIDGED;
    }
    if (frame_at(s, 0)) return EG_NEXT_ETHERNET_BRIDGED;
    if (s.size < 18 && s.size < walk->rest.wire) walk->out->remarks |= EG_REMARK_FRAME_CUT;
    return EG_NEXT_NONE;
}

static uint32_t labels_end(struct eg_walk *walk, struct eg_rest first) {
    struct eg_rest behind = walk->rest;
    walk->rest = first;
    eg_walk_note(walk, EG_HEADER_MPLS, 0, first.wire - behind.wire);
    walk->rest = behind;
    return EG_NEXT_NONE;
}

static uint32_t labels(struct eg_walk *walk) {
    struct eg_layers *out = walk->out;
    struct eg_rest first = walk->rest;
    eg_walk_link_begins(walk);
    for (uint32_t entry = 0; !(entry & 0x100);) { /* bottom of stack */
        if (out->mpls_count == EG_MPLS_LABELS_MAX) {
            out->remarks |= EG_REMARK_DEPTH_EXCEEDED;
            return labels_end(walk, first);
        }
        if (!eg_walk_has(walk, 4)) {
            eg_rest_skip(&walk->rest, 4);
            return labels_end(walk, first);
        }
        entry = eg_be32(walk->rest.span, 0);
        out->mpls[out->mpls_count++] = entry >> 12;
        out->has |= EG_HAS_MPLS;
        eg_rest_skip(&walk->rest, 4);
    }
    (void)labels_end(walk, first);
    return behind_labels(walk);
}

/* ---- LLC and PPP ---- */

/* An organisation and its number for the protocol, `at` bytes from the rest on. */
uint32_t eg_step_snap(struct eg_walk *walk, uint32_t at) {
    enum { ETHERTYPES = 0, ETHERTYPES_BRIDGED = 0xf8, BRIDGED = 0x0080c2 };
    struct eg_span s = walk->rest.span;
    if (!eg_walk_has(walk, at + 5)) return EG_NEXT_NONE;
    uint32_t organisation = eg_be24(s, at), type = eg_be16(s, at + 3);
    if (organisation == BRIDGED && (type == 1 || type == 7)) { /* 802.3 */
        uint32_t padding = walk->link_type == EG_LINK_ATM_RFC1483 ? 2 : 0;
        return eg_walk_take(walk, EG_LINK_HEADER_BARE, at + 5 + padding) ? EG_NEXT_ETHERNET_BRIDGED
                                                                         : EG_NEXT_NONE;
    }
    if (organisation != ETHERTYPES && organisation != ETHERTYPES_BRIDGED) return EG_NEXT_NONE;
    (void)eg_walk_take(walk, EG_LINK_HEADER_BARE, at + 5);
    return type > EG_NEXT_LENGTH_MAX ? type : EG_NEXT_NONE;
}

/* 802.2: IP stands behind a SNAP header with an EtherType, or behind its own access point. */
uint32_t eg_step_llc(struct eg_walk *walk) {
    if (!eg_walk_has(walk, 3)) return EG_NEXT_NONE;
    uint32_t header = eg_be24(walk->rest.span, 0);
    if (header == 0xaaaa03) return eg_step_snap(walk, 3);
    if (header != 0x060603) return EG_NEXT_NONE;
    (void)eg_walk_take(walk, EG_LINK_HEADER_BARE, 3);
    return EG_NEXT_IPV4;
}

/* Bridging behind PPP: flags, the kind of frame, and where the flags say so, a LAN's number. */
static uint32_t ppp_bridged(struct eg_walk *walk) {
    enum { LAN_ID = 0x20, ETHERNET = 1 };
    if (!eg_walk_has(walk, 2)) return EG_NEXT_NONE;
    uint8_t flags = eg_u8(walk->rest.span, 0), kind = eg_u8(walk->rest.span, 1);
    if (kind != ETHERNET) return EG_NEXT_NONE;
    uint32_t size = flags & LAN_ID ? 6 : 2;
    if (!eg_walk_has(walk, size)) return EG_NEXT_NONE;
    eg_walk_pass(walk, EG_HEADER_LINK, EG_LINK_HEADER_BARE, size);
    return EG_NEXT_ETHERNET_BRIDGED;
}

uint32_t eg_step_ppp(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    if (!eg_walk_has(walk, eg_u8(s, 0) == 0xff ? 2 : 1)) return EG_NEXT_NONE;
    uint32_t at = eg_be16(s, 0) == 0xff03 ? 2 : 0; /* address and control */
    if (!eg_walk_has(walk, at + 1)) return EG_NEXT_NONE;
    uint32_t protocol = eg_u8(s, at++);
    if (!(protocol & 1)) { /* else it was compressed to one byte */
        if (!eg_walk_has(walk, at + 1)) return EG_NEXT_NONE;
        protocol = protocol << 8 | eg_u8(s, at++);
    }
    eg_walk_pass(walk, EG_HEADER_LINK, EG_LINK_HEADER_BARE, at);
    switch (protocol) {
    case 0x0021: return EG_NEXT_IPV4;
    case 0x0031: return ppp_bridged(walk);
    case 0x0057: return EG_NEXT_IPV6;
    case 0x0281: return EG_NEXT_MPLS;
    case 0x0283: return EG_NEXT_MPLS_MULTICAST;
    default: return EG_NEXT_NONE;
    }
}

static uint32_t pppoe(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    if (!eg_walk_has(walk, 6)) return EG_NEXT_NONE;
    uint32_t length = eg_be16(s, 4);
    eg_walk_pass(walk, EG_HEADER_LINK, EG_LINK_HEADER_BARE, 6);
    if (eg_be16(s, 0) != 0x1100) return EG_NEXT_NONE; /* version 1, type 1, a session's frame */
    eg_rest_bound(&walk->rest, length);
    return EG_NEXT_PPP;
}

/* ---- headers of services ---- */

/* A header of `size` bytes that ends with an EtherType. */
static uint32_t ends_with_type(struct eg_walk *walk, uint32_t size) {
    if (!eg_walk_has(walk, size)) return EG_NEXT_NONE;
    uint32_t type = eg_be16(walk->rest.span, size - 2);
    eg_walk_pass(walk, EG_HEADER_LINK, EG_LINK_HEADER_BARE, size);
    return type;
}

/* A backbone's frame: the service's number stands between its header and the customer's frame. */
static uint32_t provider_backbone(struct eg_walk *walk) {
    if (!eg_walk_has(walk, 4)) return EG_NEXT_NONE;
    eg_walk_pass(walk, EG_HEADER_LINK, EG_LINK_HEADER_BARE, 4);
    return EG_NEXT_ETHERNET_BRIDGED;
}

/* What is encrypted stays so; what is only signed is followed. */
static uint32_t macsec(struct eg_walk *walk) {
    enum { HAS_CHANNEL = 0x20, ENCRYPTED = 0x08, CHANGED = 0x04, CHECK = 16 };
    struct eg_span s = walk->rest.span;
    if (!eg_walk_has(walk, 6)) return EG_NEXT_NONE;
    uint8_t flags = eg_u8(s, 0), length = eg_u8(s, 1) & 0x3f;
    uint32_t size = flags & HAS_CHANNEL ? 14 : 6;
    bool whole = eg_walk_has(walk, size);
    eg_walk_pass(walk, EG_HEADER_LINK, EG_LINK_HEADER_MACSEC, size);
    if (!whole || flags & (ENCRYPTED | CHANGED)) return EG_NEXT_NONE;
    if (length) /* of a frame below 48 bytes; what follows is the check value and padding */
        eg_rest_bound(&walk->rest, length);
    else if (walk->rest.wire >= CHECK)
        eg_rest_bound(&walk->rest, walk->rest.wire - CHECK);
    return ends_with_type(walk, 2);
}

static uint32_t service_header(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    if (!eg_walk_has(walk, 4)) return EG_NEXT_NONE;
    uint32_t size = (eg_u8(s, 1) & 0x3fu) * 4, next = eg_u8(s, 3);
    if (eg_u8(s, 0) >> 6 || size < 8) return EG_NEXT_NONE; /* another version */
    bool whole = eg_walk_has(walk, size);
    eg_walk_pass(walk, EG_HEADER_LINK, EG_LINK_HEADER_SERVICE, size);
    if (!whole) return EG_NEXT_NONE;
    switch (next) {
    case 1: return EG_NEXT_IPV4;
    case 2: return EG_NEXT_IPV6;
    case 3: return EG_NEXT_ETHERNET_BRIDGED;
    case 4: return EG_NEXT_NSH;
    case 5: return EG_NEXT_MPLS;
    default: return EG_NEXT_NONE;
    }
}

/* A time stamp of 6 or 8 bytes behind two numbers that say which. */
static uint32_t arista(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    if (!eg_walk_has(walk, 4)) return EG_NEXT_NONE;
    uint32_t kind = eg_be16(s, 0), version = eg_be16(s, 2) & 0xff;
    if (kind != 1 || (version != 0x10 && version != 0x20)) return EG_NEXT_NONE;
    return ends_with_type(walk, 4 + (version == 0x10 ? 8 : 6) + 2);
}

/* Version and length, and so many words of options that tell who sent the packet. */
static uint32_t metadata(struct eg_walk *walk) {
    if (!eg_walk_has(walk, 2)) return EG_NEXT_NONE;
    return ends_with_type(walk, 2 + 4u * eg_u8(walk->rest.span, 1) + 2);
}

/* Behind GRE the EtherType stands in front. */
static uint32_t metadata_gre(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    if (!eg_walk_has(walk, 4)) return EG_NEXT_NONE;
    uint32_t size = 4 + 4u * eg_u8(s, 3);
    bool whole = eg_walk_has(walk, size);
    eg_walk_pass(walk, EG_HEADER_LINK, EG_LINK_HEADER_BARE, size);
    return whole ? eg_be16(s, 0) : EG_NEXT_NONE;
}

uint32_t eg_step_between(struct eg_walk *walk, uint32_t next) {
    switch (next) {
    case EG_NEXT_VLAN:
    case EG_NEXT_VLAN_SERVICE:
    case EG_NEXT_VLAN_OLD_1:
    case EG_NEXT_VLAN_OLD_2:
    case EG_NEXT_VLAN_OLD_3: return vlan_tag(walk);
    case EG_NEXT_MPLS:
    case EG_NEXT_MPLS_MULTICAST: return labels(walk);
    case EG_NEXT_PPPOE: return pppoe(walk);
    case EG_NEXT_PBB: return provider_backbone(walk);
    case EG_NEXT_VN_TAG: return ends_with_type(walk, 6);
    case EG_NEXT_MACSEC: return macsec(walk);
    case EG_NEXT_NSH: return service_header(walk);
    case EG_NEXT_ARISTA: return arista(walk);
    case EG_NEXT_METADATA: return metadata(walk);
    case EG_NEXT_METADATA_GRE: return metadata_gre(walk);
    default: return EG_NEXT_NONE;
    }
}
