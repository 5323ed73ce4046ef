/* SPDX-License-Identifier: Apache-2.0
 * What follows IP: TCP (RFC 9293), UDP (768), UDP-Lite (3828), SCTP (9260), DCCP (4340), ICMP
 * (792), ICMPv6 (4443). Everything else is a protocol number and no more. */
#include "wire/dissect_steps.h"

enum {
    PROTO_ICMP = 1,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_DCCP = 33,
    PROTO_ICMPV6 = 58,
    PROTO_SCTP = 132,
    PROTO_UDP_LITE = 136,
};

static bool ports(struct eg_rest *rest, struct eg_layers *out) {
    if (rest->span.size < 4) return false;
    out->src_port = eg_be16(rest->span, 0);
    out->dst_port = eg_be16(rest->span, 2);
    out->has |= EG_HAS_PORTS;
    return true;
}

/* What is behind a header of `header` bytes, all of which must be there to be behind it. */
static void payload(struct eg_rest *rest, struct eg_layers *out, uint32_t header) {
    if (header > rest->wire) { /* the header says it is longer than its packet */
        if (!out->fragment) out->remarks |= EG_REMARK_HEADER_BAD;
        return;
    }
    out->payload_length = rest->wire - header;
    out->payload = eg_span_from(rest->span, header);
    out->has |= EG_HAS_PAYLOAD;
    if (rest->span.size < header) out->remarks |= EG_REMARK_FRAME_CUT;
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

static void tcp(struct eg_rest *rest, struct eg_layers *out) {
    struct eg_span s = rest->span;
    if (s.size >= 20) {
        (void)ports(rest, out);
        out->tcp_seq = eg_be32(s, 4);
        out->tcp_ack = eg_be32(s, 8);
        out->tcp_flags = eg_be16(s, 12) & 0x0fff;
        out->tcp_window = eg_be16(s, 14);
        out->has |= EG_HAS_TCP_SEQ | EG_HAS_TCP_ACK | EG_HAS_TCP_FLAGS | EG_HAS_TCP_WINDOW;
    } else {
        (void)eg_rest_has(rest, 20, out);
        if (ports(rest, out)) tcp_cut(s, out);
        if (s.size < 13 || rest->wire < 20) return;
    }
    uint32_t header = (eg_u8(s, 12) >> 4) * 4u;
    if (header >= 20)
        payload(rest, out, header);
    else
        out->remarks |= EG_REMARK_HEADER_BAD;
}

static void udp(struct eg_rest *rest, struct eg_layers *out, bool lite) {
    bool whole = eg_rest_has(rest, 8, out);
    if (!ports(rest, out) || rest->span.size < 6 || (!whole && rest->wire < 8)) return;
    uint32_t length = lite ? 0 : eg_be16(rest->span, 4); /* 0: too large for the field, or unset */
    if (length && length < 8) {
        out->remarks |= EG_REMARK_HEADER_BAD;
        return;
    }
    payload(rest, out, 8);
    out->datagram_length = out->payload_length;
    if (!length || length - 8 >= out->payload_length) return;
    out->datagram_length = length - 8;
    out->payload = eg_span_sub(out->payload, 0, length - 8);
}

static void icmp(struct eg_rest *rest, struct eg_layers *out) {
    struct eg_span s = rest->span;
    if (!eg_rest_has(rest, 2, out)) return;
    out->icmp_type = eg_u8(s, 0);
    out->icmp_code = eg_u8(s, 1);
    out->has |= EG_HAS_ICMP;
    if (eg_rest_has(rest, 8, out) || rest->wire >= 8) payload(rest, out, 8);
}

static void dccp(struct eg_rest *rest, struct eg_layers *out) {
    if (!eg_rest_has(rest, 12, out) && rest->wire < 12) return;
    if (!ports(rest, out) || rest->span.size < 5) return;
    uint32_t header = eg_u8(rest->span, 4) * 4u;
    if (header < 12)
        out->remarks |= EG_REMARK_HEADER_BAD;
    else
        payload(rest, out, header);
}

void eg_dissect_transport(uint8_t proto, struct eg_rest rest, struct eg_layers *out) {
    switch (proto) {
    case PROTO_TCP: tcp(&rest, out); break;
    case PROTO_UDP: udp(&rest, out, false); break;
    case PROTO_UDP_LITE: udp(&rest, out, true); break;
    case PROTO_ICMP:
    case PROTO_ICMPV6: icmp(&rest, out); break;
    case PROTO_SCTP:
        if (ports(&rest, out) || !eg_rest_has(&rest, 12, out)) payload(&rest, out, 12);
        break;
    case PROTO_DCCP: dccp(&rest, out); break;
    default: break;
    }
}
