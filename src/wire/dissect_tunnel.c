/* SPDX-License-Identifier: Apache-2.0
 * Headers of tunnels, behind IP or UDP.
 *
 * A UDP port alone proves little: what does not look like the tunnel's header is left alone, without
 * a remark. Sources: RFC 2784, 2890, 2637 (GRE), draft-foschiano-erspan, RFC 7348 and
 * draft-ietf-nvo3-vxlan-gpe (VXLAN), 8926 (GENEVE), 3GPP TS 29.281 (GTP-U), RFC 4380 (Teredo), 2003,
 * 4213 and 2473 (IP in IP), 2661 and 3931 (L2TP), 7510 and 4023 (MPLS), 5415 and 5416 (CAPWAP), 3378
 * (EtherIP), 8986 (frames in IPv6). */
#include "wire/dissect_steps.h"

/* As eg_walk_has, for a header that is only supposed to be there: too short is something else. */
static bool may_have(struct eg_walk *walk, uint32_t size) {
    return walk->rest.wire >= size && eg_walk_has(walk, size);
}

/* ---- GRE ---- */

enum { GRE_CHECKSUM = 0x8000, GRE_ROUTING = 0x4000, GRE_KEY = 0x2000, GRE_SEQUENCE = 0x1000 };

/* Source routes of version 0, up to the empty one. Answers what they end at; 0: not whole. */
static uint32_t gre_routes(struct eg_walk *walk, uint32_t at) {
    for (uint32_t routes = 0; routes < 16; routes++) {
        if (!eg_walk_has(walk, at + 4)) return 0;
        uint8_t length = eg_u8(walk->rest.span, at + 3);
        at += 4;
        if (!length) return at;
        at += length;
    }
    walk->out->remarks |= EG_REMARK_DEPTH_EXCEEDED;
    return 0;
}

/* The mirrored frame of ERSPAN: type I has no header of its own, and no sequence number in GRE. */
static uint32_t erspan(struct eg_walk *walk, uint32_t type, bool numbered, uint32_t at) {
    if (type == EG_NEXT_ERSPAN && !numbered)
        return eg_walk_tunnel(walk, EG_TUNNEL_ERSPAN, -1, at, EG_NEXT_ETHERNET_BRIDGED);
    uint32_t size = at + (type == EG_NEXT_ERSPAN ? 8 : 12);
    struct eg_span s = walk->rest.span;
    if (!eg_walk_has(walk, size)) return EG_NEXT_NONE;
    uint32_t session = eg_be16(s, at + 2) & 0x3ff, inner = EG_NEXT_ETHERNET_BRIDGED;
    if (type == EG_NEXT_ERSPAN_3) {
        uint32_t last = eg_be16(s, at + 10), frame = last >> 10 & 0x1f;
        if (last & 1) size += 8; /* a header of the platform */
        inner = frame == 0   ? EG_NEXT_ETHERNET_BRIDGED
                : frame == 2 ? EG_NEXT_IP_OR_PPP
                             : EG_NEXT_NONE;
        if (!eg_walk_has(walk, size)) return EG_NEXT_NONE;
    }
    return eg_walk_tunnel(walk, EG_TUNNEL_ERSPAN, session, size, inner);
}

/* A web cache's redirection: its own header, or none, in front of the packet. */
static uint32_t redirected(struct eg_walk *walk, int64_t id, uint32_t at) {
    uint8_t version = eg_u8(walk->rest.span, at) >> 4;
    return eg_walk_tunnel(walk, EG_TUNNEL_GRE, id, version == 4 ? at : at + 4, EG_NEXT_IPV4);
}

static uint32_t gre(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    if (!eg_walk_has(walk, 4)) return EG_NEXT_NONE;
    uint32_t flags = eg_be16(s, 0), type = eg_be16(s, 2), version = flags & 7, at = 4;
    if (version > 1) return EG_NEXT_NONE;
    int64_t id = -1;
    if (flags & (GRE_CHECKSUM | GRE_ROUTING) && version == 0) at += 4;
    if (flags & GRE_KEY) {
        id = version ? eg_be16(s, at + 2) : eg_be32(s, at); /* version 1: length, and the call */
        at += 4;
    }
    if (flags & GRE_SEQUENCE) at += 4;
    if (version == 1 && flags & 0x80) at += 4; /* an acknowledgement */
    if (!eg_walk_has(walk, at)) return EG_NEXT_NONE;
    if (flags & GRE_ROUTING && version == 0 && !(at = gre_routes(walk, at))) return EG_NEXT_NONE;
    if (version == 1 && (!(flags & GRE_SEQUENCE) || type != EG_NEXT_PPP)) type = EG_NEXT_NONE;
    if (type == EG_NEXT_ERSPAN || type == EG_NEXT_ERSPAN_3)
        return erspan(walk, type, flags & GRE_SEQUENCE, at);
    if (type == EG_NEXT_REDIRECTED) return redirected(walk, id, at);
    if (type == EG_NEXT_METADATA) type = EG_NEXT_METADATA_GRE;
    if (type <= EG_NEXT_LENGTH_MAX) type = EG_NEXT_NONE; /* a keepalive */
    return eg_walk_tunnel(walk, EG_TUNNEL_GRE, id, at, type);
}

/* ---- behind UDP ---- */

/* `strict`: everything that is reserved must be 0. */
static uint32_t vxlan(struct eg_walk *walk, bool strict) {
    struct eg_span s = walk->rest.span;
    if (!may_have(walk, 8) || !(eg_u8(s, 0) & 0x08)) return EG_NEXT_NONE;
    if (strict && (eg_be32(s, 0) != 0x08000000 || eg_u8(s, 7))) return EG_NEXT_NONE;
    return eg_walk_tunnel(walk, EG_TUNNEL_VXLAN, eg_be24(s, 4), 8, EG_NEXT_ETHERNET_BRIDGED);
}

static uint32_t vxlan_gpe(struct eg_walk *walk) {
    enum { VERSION = 0x30, INSTANCE = 0x08, PROTOCOL = 0x04 };
    static const uint32_t protocols[] = {EG_NEXT_NONE, EG_NEXT_IPV4,
                                         EG_NEXT_IPV6, EG_NEXT_ETHERNET_BRIDGED,
                                         EG_NEXT_NSH,  EG_NEXT_MPLS};
    struct eg_span s = walk->rest.span;
    if (!may_have(walk, 8)) return EG_NEXT_NONE;
    uint8_t flags = eg_u8(s, 0), protocol = eg_u8(s, 3);
    if (flags & VERSION || !(flags & (INSTANCE | PROTOCOL))) return EG_NEXT_NONE;
    uint32_t inner = EG_NEXT_ETHERNET_BRIDGED;
    if (flags & PROTOCOL) inner = protocol < 6 ? protocols[protocol] : (uint32_t)EG_NEXT_NONE;
    int64_t id = flags & INSTANCE ? (int64_t)eg_be24(s, 4) : -1;
    return eg_walk_tunnel(walk, EG_TUNNEL_VXLAN, id, 8, inner);
}

static uint32_t geneve(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    if (!may_have(walk, 8) || eg_u8(s, 0) >> 6) return EG_NEXT_NONE;
    uint32_t size = 8 + (eg_u8(s, 0) & 0x3fu) * 4, type = eg_be16(s, 2);
    if (type <= EG_NEXT_LENGTH_MAX || !may_have(walk, size)) return EG_NEXT_NONE;
    return eg_walk_tunnel(walk, EG_TUNNEL_GENEVE, eg_be24(s, 4), size, type);
}

/* Extension headers, each with the kind of the next at its end. Answers what they end at; 0: that
 * is no such chain, or not whole. */
static uint32_t gtp_extensions(struct eg_walk *walk) {
    uint32_t at = 12;
    uint8_t kind = eg_u8(walk->rest.span, 11);
    for (uint32_t count = 0; kind; count++) {
        if (count == 16 || !may_have(walk, at + 4)) return 0;
        uint32_t size = eg_u8(walk->rest.span, at) * 4u;
        if (!size || !may_have(walk, at + size)) return 0;
        at += size;
        kind = eg_u8(walk->rest.span, at - 1);
    }
    return at;
}

static uint32_t gtp(struct eg_walk *walk) {
    enum { VERSION_1 = 0x20, GTP = 0x10, MORE = 0x07, EXTENSION = 0x04, PACKET = 255 };
    struct eg_span s = walk->rest.span;
    if (!may_have(walk, 8)) return EG_NEXT_NONE;
    uint8_t flags = eg_u8(s, 0);
    if ((flags & 0xf0) != (VERSION_1 | GTP) || eg_u8(s, 1) != PACKET) return EG_NEXT_NONE;
    uint32_t size = 8, length = 8u + eg_be16(s, 2);
    if (flags & MORE) {
        size = 12;
        if (!may_have(walk, 12)) return EG_NEXT_NONE;
        if (flags & EXTENSION) size = gtp_extensions(walk);
    }
    if (!size || size > length) return EG_NEXT_NONE;
    if (walk->view == EG_VIEW_INNERMOST) eg_rest_bound(&walk->rest, length);
    return eg_walk_tunnel(walk, EG_TUNNEL_GTP, eg_be32(s, 4), size, EG_NEXT_IP_OR_PPP);
}

/* Up to two indications, of authentication and of the origin, in front of the IPv6 packet. */
static uint32_t teredo(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    uint32_t at = 0;
    if (!may_have(walk, 4)) return EG_NEXT_NONE;
    if (eg_be16(s, at) == 1) at += 4u + eg_u8(s, 2) + eg_u8(s, 3) + 9;
    if (!may_have(walk, at + 1)) return EG_NEXT_NONE;
    if (eg_u8(s, at) == 0) at += 8;
    if (!may_have(walk, at + 40) || eg_u8(s, at) >> 4 != 6) return EG_NEXT_NONE;
    return eg_walk_tunnel(walk, EG_TUNNEL_TEREDO, -1, at, EG_NEXT_IPV6);
}

/* Version 2 carries PPP. What version 3 carries was agreed upon elsewhere. */
static uint32_t l2tp(struct eg_walk *walk) {
    enum { CONTROL = 0x8000, LENGTH = 0x4000, NUMBERED = 0x0800, OFFSET = 0x0200, ZERO = 0x34f0 };
    struct eg_span s = walk->rest.span;
    if (!may_have(walk, 6)) return EG_NEXT_NONE;
    uint32_t flags = eg_be16(s, 0), at = flags & LENGTH ? 4 : 2;
    if ((flags & (CONTROL | 0x0fff)) == 3 && !eg_be16(s, 2))
        return eg_walk_tunnel(walk, EG_TUNNEL_L2TP, eg_be32(s, 4), 8, EG_NEXT_NONE);
    if ((flags & 0x0f) != 2 || flags & (CONTROL | ZERO)) return EG_NEXT_NONE;
    uint32_t length = flags & LENGTH ? eg_be16(s, 2) : UINT32_MAX;
    if (!may_have(walk, at + 4)) return EG_NEXT_NONE;
    int64_t id = eg_be32(s, at); /* the tunnel's and the session's number */
    at += 4;
    if (flags & NUMBERED) at += 4;
    if (flags & OFFSET) {
        if (!may_have(walk, at + 2)) return EG_NEXT_NONE;
        at += 2u + eg_be16(s, at);
    }
    if (at > length || !may_have(walk, at)) return EG_NEXT_NONE;
    if (walk->view == EG_VIEW_INNERMOST) eg_rest_bound(&walk->rest, length);
    return eg_walk_tunnel(walk, EG_TUNNEL_L2TP, id, at, EG_NEXT_PPP);
}

static uint32_t l2tp_ip(struct eg_walk *walk) {
    if (!eg_walk_has(walk, 4) || !eg_be32(walk->rest.span, 0)) return EG_NEXT_NONE; /* control */
    return eg_walk_tunnel(walk, EG_TUNNEL_L2TP, eg_be32(walk->rest.span, 0), 4, EG_NEXT_NONE);
}

/* The first piece of a frame from or to an access point, as 802.3 or as it was in the air. */
static uint32_t capwap(struct eg_walk *walk) {
    enum { NATIVE = 0x100, FRAGMENT = 0x80, KEEPALIVE = 0x08, WIRELESS = 1 };
    struct eg_span s = walk->rest.span;
    if (!may_have(walk, 8) || eg_u8(s, 0)) return EG_NEXT_NONE; /* another version, or encrypted */
    uint32_t word = eg_be24(s, 1), size = (word >> 19) * 4, binding = word >> 9 & 0x1f;
    if (size < 8 || word & KEEPALIVE || !may_have(walk, size)) return EG_NEXT_NONE;
    if (word & FRAGMENT && eg_be16(s, 6) >> 3) return EG_NEXT_NONE;
    uint32_t inner = EG_NEXT_ETHERNET_BRIDGED;
    if (word & NATIVE) inner = binding == WIRELESS ? EG_NEXT_WIRELESS_SWAPPED : EG_NEXT_NONE;
    return eg_walk_tunnel(walk, EG_TUNNEL_CAPWAP, -1, size, inner);
}

/* ---- directly behind IP ---- */

static uint32_t ether_ip(struct eg_walk *walk) {
    if (!eg_walk_has(walk, 2) || eg_u8(walk->rest.span, 0) >> 4 != 3) return EG_NEXT_NONE;
    return eg_walk_tunnel(walk, EG_TUNNEL_ETHERIP, -1, 2, EG_NEXT_ETHERNET_BRIDGED);
}

uint32_t eg_step_tunnel(struct eg_walk *walk, uint32_t next) {
    switch (next) {
    case EG_NEXT_GRE: return gre(walk);
    case EG_NEXT_VXLAN: return vxlan(walk, false);
    case EG_NEXT_VXLAN_OLD: return vxlan(walk, true);
    case EG_NEXT_VXLAN_GPE: return vxlan_gpe(walk);
    case EG_NEXT_GENEVE: return geneve(walk);
    case EG_NEXT_GTP: return gtp(walk);
    case EG_NEXT_TEREDO: return teredo(walk);
    case EG_NEXT_IN_IP4: return eg_walk_tunnel(walk, EG_TUNNEL_IPIP, -1, 0, EG_NEXT_IPV4);
    case EG_NEXT_IN_IP6: return eg_walk_tunnel(walk, EG_TUNNEL_IPIP, -1, 0, EG_NEXT_IPV6);
    case EG_NEXT_IN_IP_MPLS:
    case EG_NEXT_MPLS_UDP: return eg_walk_tunnel(walk, EG_TUNNEL_MPLS, -1, 0, EG_NEXT_MPLS);
    case EG_NEXT_ETHER_IP: return ether_ip(walk);
    case EG_NEXT_ETHERNET_IN_IP:
        return eg_walk_tunnel(walk, EG_TUNNEL_ETHERIP, -1, 0, EG_NEXT_ETHERNET_BRIDGED);
    case EG_NEXT_L2TP: return l2tp(walk);
    case EG_NEXT_L2TP_IP: return l2tp_ip(walk);
    case EG_NEXT_CAPWAP: return capwap(walk);
    default: return EG_NEXT_NONE;
    }
}
