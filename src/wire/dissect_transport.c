/* SPDX-License-Identifier: Apache-2.0
 * What follows IP: TCP (RFC 9293), UDP (768), UDP-Lite (3828), SCTP (9260), DCCP (4340), ICMP
 * (792), ICMPv6 (4443), and by protocol number or UDP port, tunnels. Everything else is a protocol
 * number and no more. */
#include "wire/dissect_steps.h"

enum {
    PROTO_ICMP = 1,
    PROTO_IPV4 = 4,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_DCCP = 33,
    PROTO_IPV6 = 41,
    PROTO_GRE = 47,
    PROTO_ICMPV6 = 58,
    PROTO_ETHER_IP = 97,
    PROTO_L2TP = 115,
    PROTO_SCTP = 132,
    PROTO_UDP_LITE = 136,
    PROTO_MPLS = 137,
    PROTO_ETHERNET = 143,
};

static bool ports(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    struct eg_layers *out = walk->out;
    if (s.size < 4) return false;
    out->src_port = eg_be16(s, 0);
    out->dst_port = eg_be16(s, 2);
    out->has |= EG_HAS_PORTS;
    return true;
}

/* What is behind a header of `size` bytes, all of which must be there to be behind it. */
static inline void payload(struct eg_walk *walk, enum eg_header header, uint32_t size) {
    struct eg_layers *out = walk->out;
    struct eg_rest *rest = &walk->rest;
    if (size > rest->wire) { /* the header says it is longer than its packet */
        if (!out->fragment) out->remarks |= EG_REMARK_HEADER_BAD;
        eg_walk_pass(walk, header, 0, size);
        return;
    }
    if (rest->span.size < size) out->remarks |= EG_REMARK_FRAME_CUT;
    eg_walk_note(walk, header, 0, size);
    struct eg_rest behind = *rest; /* in registers: what was just written is slow to read back */
    eg_rest_skip(&behind, size);
    *rest = behind;
    out->payload_length = behind.wire;
    out->payload = behind.span;
    out->has |= EG_HAS_PAYLOAD;
}

/* A header that is not whole. */
static void incomplete(struct eg_walk *walk, enum eg_header header) {
    eg_walk_pass(walk, header, 0, UINT32_MAX);
}

/* The fields that are there, of a header that is cut or too short. */
static void tcp_cut(struct eg_span s, struct eg_layers *out) {
    if (s.size >= 8) {
        out->tcp_seq = eg_be32(s, 4);
        out->has |= EG_HAS_TCP_SEQ;
    }
    if (s.size >= 12) {
        out->tcp_ack = eg_be32(s, 8);
        out->has |= EG_HAS_TCP_ACK;
    }
    if (s.size >= 14) {
        out->tcp_flags = eg_be16(s, 12) & 0x0fff;
        out->has |= EG_HAS_TCP_FLAGS;
    }
    if (s.size >= 16) {
        out->tcp_window = eg_be16(s, 14);
        out->has |= EG_HAS_TCP_WINDOW;
    }
}

static uint32_t tcp(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    struct eg_layers *out = walk->out;
    if (s.size >= 20) {
        (void)ports(walk);
        out->tcp_seq = eg_be32(s, 4);
        out->tcp_ack = eg_be32(s, 8);
        out->tcp_flags = eg_be16(s, 12) & 0x0fff;
        out->tcp_window = eg_be16(s, 14);
        out->has |= EG_HAS_TCP_SEQ | EG_HAS_TCP_ACK | EG_HAS_TCP_FLAGS | EG_HAS_TCP_WINDOW;
    } else {
        (void)eg_walk_has(walk, 20);
        if (ports(walk)) tcp_cut(s, out);
        if (s.size < 13 || walk->rest.wire < 20) {
            incomplete(walk, EG_HEADER_TCP);
            return EG_NEXT_NONE;
        }
    }
    uint32_t header = (eg_u8(s, 12) >> 4) * 4u;
    if (header >= 20) {
        payload(walk, EG_HEADER_TCP, header);
    } else {
        out->remarks |= EG_REMARK_HEADER_BAD;
        eg_walk_pass(walk, EG_HEADER_TCP, 0, 20);
    }
    return EG_NEXT_NONE;
}

/* By where it is sent to; a reply to what was sent to a tunnel's port comes back from it. */
static inline uint32_t tunnel_of_port(uint16_t port) {
    switch (port) {
    case 1701: return EG_NEXT_L2TP;
    case 2152: return EG_NEXT_GTP;
    case 3544: return EG_NEXT_TEREDO;
    case 4789: return EG_NEXT_VXLAN;
    case 4790: return EG_NEXT_VXLAN_GPE;
    case 5247: return EG_NEXT_CAPWAP;
    case 6081: return EG_NEXT_GENEVE;
    case 6635: return EG_NEXT_MPLS_UDP;
    case 8472: return EG_NEXT_VXLAN_OLD;
    default: return EG_NEXT_NONE;
    }
}

static uint32_t tunnel_of_ports(const struct eg_layers *out) {
    uint32_t next = tunnel_of_port(out->dst_port);
    if (next != EG_NEXT_NONE) return next;
    next = tunnel_of_port(out->src_port);
    switch (next) {
    case EG_NEXT_L2TP:
    case EG_NEXT_GTP:
    case EG_NEXT_TEREDO:
    case EG_NEXT_CAPWAP: return next;
    default: return EG_NEXT_NONE; /* the others choose their source port for its entropy */
    }
}

static uint32_t udp(struct eg_walk *walk, bool lite) {
    struct eg_layers *out = walk->out;
    struct eg_rest *rest = &walk->rest;
    bool whole = eg_walk_has(walk, 8);
    if (!ports(walk) || rest->span.size < 6 || (!whole && rest->wire < 8)) {
        incomplete(walk, EG_HEADER_UDP);
        return EG_NEXT_NONE;
    }
    uint32_t length = lite ? 0 : eg_be16(rest->span, 4); /* 0: too large for the field, or unset */
    if (length && length < 8) {
        out->remarks |= EG_REMARK_HEADER_BAD;
        eg_walk_pass(walk, EG_HEADER_UDP, 0, 8);
        return EG_NEXT_NONE;
    }
    payload(walk, EG_HEADER_UDP, 8);
    out->datagram_length = out->payload_length;
    if (length && length - 8 < out->payload_length) {
        out->datagram_length = length - 8;
        eg_rest_bound(rest, length - 8);
        out->payload = rest->span;
    }
    return lite ? EG_NEXT_NONE : tunnel_of_ports(out);
}

static uint32_t icmp(struct eg_walk *walk, enum eg_header header) {
    struct eg_span s = walk->rest.span;
    struct eg_layers *out = walk->out;
    if (!eg_walk_has(walk, 2)) {
        incomplete(walk, header);
        return EG_NEXT_NONE;
    }
    out->icmp_type = eg_u8(s, 0);
    out->icmp_code = eg_u8(s, 1);
    out->has |= EG_HAS_ICMP;
    if (eg_walk_has(walk, 8) || walk->rest.wire >= 8)
        payload(walk, header, 8);
    else
        incomplete(walk, header);
    return EG_NEXT_NONE;
}

static uint32_t sctp(struct eg_walk *walk) {
    if (ports(walk) || !eg_walk_has(walk, 12)) payload(walk, EG_HEADER_SCTP, 12);
    return EG_NEXT_NONE;
}

static uint32_t dccp(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    bool enough = eg_walk_has(walk, 12) || walk->rest.wire >= 12;
    if (!enough || !ports(walk) || s.size < 5) {
        incomplete(walk, EG_HEADER_DCCP);
        return EG_NEXT_NONE;
    }
    uint32_t header = eg_u8(s, 4) * 4u;
    if (header < 12) {
        walk->out->remarks |= EG_REMARK_HEADER_BAD;
        header = 12;
        eg_walk_pass(walk, EG_HEADER_DCCP, 0, header);
    } else {
        payload(walk, EG_HEADER_DCCP, header);
    }
    return EG_NEXT_NONE;
}

uint32_t eg_step_transport(struct eg_walk *walk, uint8_t proto) {
    walk->headers++;
    switch (proto) {
    case PROTO_TCP: return tcp(walk);
    case PROTO_UDP: return udp(walk, false);
    case PROTO_UDP_LITE: return udp(walk, true);
    case PROTO_ICMP: return icmp(walk, EG_HEADER_ICMP);
    case PROTO_ICMPV6: return icmp(walk, EG_HEADER_ICMPV6);
    case PROTO_SCTP: return sctp(walk);
    case PROTO_DCCP: return dccp(walk);
    case PROTO_IPV4: return EG_NEXT_IN_IP4;
    case PROTO_IPV6: return EG_NEXT_IN_IP6;
    case PROTO_GRE: return EG_NEXT_GRE;
    case PROTO_ETHER_IP: return EG_NEXT_ETHER_IP;
    case PROTO_L2TP: return EG_NEXT_L2TP_IP;
    case PROTO_MPLS: return EG_NEXT_IN_IP_MPLS;
    case PROTO_ETHERNET: return EG_NEXT_ETHERNET_IN_IP;
    default: return EG_NEXT_NONE;
    }
}
