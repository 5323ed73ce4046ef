/* SPDX-License-Identifier: Apache-2.0
 * Frames taken apart: the loop over the steps, what a tunnel does to the facts, and the trail.
 *
 * Every step answers what stands behind its header as one number, an EtherType where there is one,
 * so that what may stand behind Ethernet may stand behind anything. There is no recursion: a packet
 * in a packet is one more turn of the loop, and headers and tunnels are counted. */
#include "wire/dissect.h"

#include "wire/dissect_steps.h"
#include "wire/plain.h"

const char *eg_tunnel_name(enum eg_tunnel tunnel) {
    static const char *const names[EG_TUNNEL_COUNT] = {
        [EG_TUNNEL_NONE] = "",         [EG_TUNNEL_GRE] = "gre",
        [EG_TUNNEL_ERSPAN] = "erspan", [EG_TUNNEL_VXLAN] = "vxlan",
        [EG_TUNNEL_GENEVE] = "geneve", [EG_TUNNEL_GTP] = "gtp",
        [EG_TUNNEL_TEREDO] = "teredo", [EG_TUNNEL_IPIP] = "ipip",
        [EG_TUNNEL_L2TP] = "l2tp",     [EG_TUNNEL_MPLS] = "mpls",
        [EG_TUNNEL_CAPWAP] = "capwap", [EG_TUNNEL_ETHERIP] = "etherip",
    };
    return (unsigned)tunnel < EG_TUNNEL_COUNT ? names[tunnel] : "";
}

/* ---- the trail ---- */

void eg_trail_note(struct eg_walk *walk, enum eg_header header, uint8_t detail, uint32_t size) {
    struct eg_trail *trail = walk->trail;
    struct eg_span s = walk->rest.span;
    if (size > s.size) size = (uint32_t)s.size;
    if (!size || trail->count == EG_TRAIL_MAX) return;
    trail->at[trail->count].header = (uint8_t)header;
    trail->at[trail->count].detail = detail;
    trail->at[trail->count].offset = (uint32_t)(s.at - walk->frame);
    trail->at[trail->count++].size = size;
}

/* ---- Ethernet ---- */

void eg_walk_link_begins(struct eg_walk *walk) {
    if (!walk->inside) return;
    walk->inside = false;
    walk->tags = 0;
    struct eg_layers *out = walk->out;
    out->has &= ~(uint32_t)(EG_HAS_SRC_MAC | EG_HAS_DST_MAC | EG_HAS_VLAN | EG_HAS_MPLS);
    out->src_mac = out->dst_mac = 0;
    out->vlan = 0;
    out->mpls_count = 0;
}

void eg_walk_macs(struct eg_walk *walk, size_t dst, size_t src) {
    struct eg_layers *out = walk->out;
    struct eg_span s = walk->rest.span;
    if (out->has & EG_HAS_DST_MAC) return;
    if (eg_span_has(s, dst, 6)) {
        out->dst_mac = eg_be48(s, dst);
        out->has |= EG_HAS_DST_MAC;
    }
    if (eg_span_has(s, src, 6)) {
        out->src_mac = eg_be48(s, src);
        out->has |= EG_HAS_SRC_MAC;
    }
}

/* A header that is cut: the addresses in front of the cut. */
static uint32_t ethernet_cut(struct eg_walk *walk) {
    (void)eg_walk_has(walk, 14);
    eg_walk_macs(walk, 0, 6);
    eg_walk_pass(walk, EG_HEADER_ETHERNET, 0, 14);
    return EG_NEXT_NONE;
}

static inline uint32_t ethernet(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    if (__builtin_expect(s.size < 14, 0)) return ethernet_cut(walk);
    struct eg_layers *out = walk->out;
    if (__builtin_expect(!(out->has & EG_HAS_DST_MAC), 1)) {
        out->dst_mac = eg_be48(s, 0);
        out->src_mac = eg_be48(s, 6);
        out->has |= EG_HAS_DST_MAC | EG_HAS_SRC_MAC;
    }
    eg_walk_pass(walk, EG_HEADER_ETHERNET, 0, 14);
    return eg_be16(s, 12);
}

uint32_t eg_step_ethernet(struct eg_walk *walk) {
    eg_walk_link_begins(walk);
    return ethernet(walk);
}

/* ---- tunnels ---- */

static void tunnel_name(struct eg_layers *out, enum eg_tunnel tunnel, int64_t id) {
    out->has |= EG_HAS_TUNNEL;
    out->tunnel = (uint8_t)tunnel;
    out->tunnel_id = id < 0 ? 0 : (uint64_t)id;
    if (id < 0)
        out->has &= ~(uint32_t)EG_HAS_TUNNEL_ID;
    else
        out->has |= EG_HAS_TUNNEL_ID;
}

/* Makes room for the packet inside: what carries it steps back. */
static void tunnel_enter(struct eg_walk *walk) {
    struct eg_layers *out = walk->out, *carrier = &walk->carrier;
    *carrier = *out;
    memset(out, 0, offsetof(struct eg_layers, mpls));
    out->remarks = carrier->remarks;
    out->has = carrier->has & (EG_HAS_SRC_MAC | EG_HAS_DST_MAC | EG_HAS_VLAN | EG_HAS_MPLS);
    out->src_mac = carrier->src_mac;
    out->dst_mac = carrier->dst_mac;
    out->vlan = carrier->vlan;
    out->mpls_count = carrier->mpls_count;
    bool first = !(carrier->has & EG_HAS_OUTER);
    out->outer_src = first ? carrier->src : carrier->outer_src;
    out->outer_dst = first ? carrier->dst : carrier->outer_dst;
    out->has |= EG_HAS_OUTER;
    walk->inside = true;
    walk->tunnels++;
}

uint32_t eg_walk_tunnel(struct eg_walk *walk, enum eg_tunnel tunnel, int64_t id, uint32_t size,
                        uint32_t inner) {
    struct eg_layers *out = walk->out;
    if (!(out->has & EG_HAS_TUNNEL)) tunnel_name(out, tunnel, id);
    if (walk->view == EG_VIEW_OUTERMOST) return EG_NEXT_NONE;
    if (walk->tunnels == EG_TUNNELS_MAX) {
        out->remarks |= EG_REMARK_DEPTH_EXCEEDED;
        return EG_NEXT_NONE;
    }
    eg_walk_pass(walk, EG_HEADER_TUNNEL, (uint8_t)tunnel, size);
    tunnel_enter(walk);
    tunnel_name(out, tunnel, id);
    return inner;
}

/* There was no IP packet in the last tunnel: what carries it stands for the frame. */
static void tunnel_leave(struct eg_walk *walk) {
    uint32_t remarks = walk->out->remarks;
    *walk->out = walk->carrier;
    walk->out->remarks = remarks;
}

/* ---- the loop ---- */

static uint32_t arp(struct eg_walk *walk) {
    struct eg_span s =
        walk->rest.span; /* two addresses of either kind, their sizes in the header */
    uint32_t size = 8 + 2u * eg_u8(s, 4) + 2u * eg_u8(s, 5);
    eg_walk_pass(walk, EG_HEADER_ARP, 0, size);
    return EG_NEXT_NONE;
}

static uint32_t by_version(struct eg_walk *walk, uint32_t next) {
    if (!eg_walk_has(walk, 1)) return EG_NEXT_NONE;
    uint8_t version = eg_u8(walk->rest.span, 0) >> 4;
    if (version == 4) return EG_NEXT_IPV4;
    if (version == 6) return EG_NEXT_IPV6;
    if (next == EG_NEXT_IP_OR_PPP)
        return eg_be16(walk->rest.span, 0) == 0xff03 ? EG_NEXT_PPP : EG_NEXT_NONE;
    walk->out->remarks |= EG_REMARK_HEADER_BAD;
    return EG_NEXT_NONE;
}

static uint32_t step(struct eg_walk *walk, uint32_t next) {
    if (next <= EG_NEXT_LENGTH_MAX) {
        eg_rest_bound(&walk->rest, next);
        return eg_step_llc(walk);
    }
    if (next > EG_NEXT_TUNNELS) return eg_step_tunnel(walk, next);
    switch (next) {
    case EG_NEXT_IPV4: return eg_step_ipv4(walk);
    case EG_NEXT_IPV6: return eg_step_ipv6(walk);
    case EG_NEXT_IP_BY_VERSION:
    case EG_NEXT_IP_OR_PPP: return by_version(walk, next);
    case EG_NEXT_ARP:
    case EG_NEXT_RARP: return arp(walk);
    case EG_NEXT_LINK: return eg_step_link(walk);
    case EG_NEXT_WIRELESS:
    case EG_NEXT_WIRELESS_SWAPPED: return eg_step_wireless(walk, next == EG_NEXT_WIRELESS_SWAPPED);
    case EG_NEXT_LLC: return eg_step_llc(walk);
    case EG_NEXT_SNAP: return eg_step_snap(walk, 0);
    case EG_NEXT_ETHERNET_BRIDGED: return eg_step_ethernet(walk);
    case EG_NEXT_PPP: return eg_step_ppp(walk);
    default: return eg_step_between(walk, next);
    }
}

/* ---- plain frames ---- */

static void v4_put(struct eg_addr *out, struct eg_span frame, size_t at) {
    out->bytes[10] = out->bytes[11] = 0xff;
    (void)eg_span_copy(frame, at, out->bytes + 12, 4);
}

static void plain_put(const struct eg_plain *plain, struct eg_span frame, struct eg_layers *out) {
    out->dst_mac = eg_be48(frame, 0);
    out->src_mac = eg_be48(frame, 6);
    out->ip_version = 4;
    out->tos = eg_u8(frame, 15);
    out->ip_id = eg_be16(frame, 18);
    out->dont_fragment = eg_be16(frame, 20) & 0x4000;
    out->ttl = eg_u8(frame, 22);
    out->proto = plain->proto;
    v4_put(&out->src, frame, 26);
    v4_put(&out->dst, frame, 30);
    out->ip = eg_span_sub(frame, EG_PLAIN_IP, plain->total);
    out->ip_length = plain->total;
    out->ip_header_length = 20;
    uint32_t behind = plain->total - 20 - plain->header, span = behind;
    out->has = EG_HAS_SRC_MAC | EG_HAS_DST_MAC | EG_HAS_IP_VERSION | EG_HAS_TOS | EG_HAS_IP_ID |
               EG_HAS_FRAGMENT | EG_HAS_DONT_FRAGMENT | EG_HAS_TTL | EG_HAS_PROTO | EG_HAS_SRC |
               EG_HAS_DST | EG_HAS_PAYLOAD;
    if (plain->proto == EG_PLAIN_ICMP) {
        out->icmp_type = eg_u8(frame, 34);
        out->icmp_code = eg_u8(frame, 35);
        out->has |= EG_HAS_ICMP;
    } else {
        out->src_port = plain->ports[0];
        out->dst_port = plain->ports[1];
        out->has |= EG_HAS_PORTS;
    }
    if (plain->proto == EG_PLAIN_TCP) {
        out->tcp_seq = eg_be32(frame, 38);
        out->tcp_ack = eg_be32(frame, 42);
        out->tcp_flags = eg_be16(frame, 46) & 0x0fff;
        out->tcp_window = eg_be16(frame, 48);
        out->has |= EG_HAS_TCP_SEQ | EG_HAS_TCP_ACK | EG_HAS_TCP_FLAGS | EG_HAS_TCP_WINDOW;
    } else if (plain->proto == EG_PLAIN_UDP) {
        uint32_t length = eg_be16(frame, 38);
        if (length && length - 8 < span) span = length - 8;
        out->datagram_length = span;
    }
    out->payload_length = behind;
    out->payload = eg_span_sub(frame, EG_PLAIN_ABOVE + (size_t)plain->header, span);
}

void eg_dissect_as(enum eg_view view, uint32_t link_type, struct eg_span frame,
                   uint32_t wire_length, struct eg_trail *trail, struct eg_layers *out) {
    memset(out, 0, offsetof(struct eg_layers, mpls));
    struct eg_plain plain;
    if (!trail && eg_plain_take(link_type, frame, &plain)) {
        plain_put(&plain, frame, out);
        return;
    }
    if (wire_length < frame.size) wire_length = (uint32_t)frame.size;
    struct eg_walk walk; /* not all of it: the carrier is large, and for tunnels only */
    walk.rest = (struct eg_rest){frame, wire_length};
    walk.out = out;
    walk.trail = trail;
    walk.frame = frame.at;
    walk.view = view;
    walk.link_type = link_type;
    walk.headers = walk.tunnels = walk.tags = 0;
    walk.inside = walk.padded = false;
    if (trail) trail->count = 0;
    uint32_t next = link_type == EG_LINK_ETHERNET ? ethernet(&walk) : EG_NEXT_LINK;
    if (__builtin_expect(next == EG_NEXT_IPV4, 1)) next = eg_step_ipv4(&walk); /* most are plain */
    for (; next != EG_NEXT_NONE; next = step(&walk, next))
        if (walk.headers++ == EG_HEADERS_MAX) {
            out->remarks |= EG_REMARK_DEPTH_EXCEEDED;
            break;
        }
    if (__builtin_expect(walk.tunnels, 0) && (~out->has & (EG_HAS_SRC | EG_HAS_DST)))
        tunnel_leave(&walk);
    eg_walk_note(&walk, EG_HEADER_PAYLOAD, 0, UINT32_MAX);
}

void eg_dissect(uint32_t link_type, struct eg_span frame, uint32_t wire_length,
                struct eg_layers *out) {
    eg_dissect_as(EG_VIEW_INNERMOST, link_type, frame, wire_length, NULL, out);
}

void eg_remarks_count(uint32_t remarks, int64_t time_us, int64_t length, struct eg_tally *tally) {
    static const struct {
        uint32_t remark;
        enum eg_cause cause;
    } causes[] = {
        {EG_REMARK_FRAME_CUT, EG_CAUSE_frame_cut},
        {EG_REMARK_HEADER_BAD, EG_CAUSE_header_bad},
        {EG_REMARK_DEPTH_EXCEEDED, EG_CAUSE_depth_exceeded},
        {EG_REMARK_LINK_TYPE_UNSUPPORTED, EG_CAUSE_link_type_unsupported},
    };
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (remarks & causes[i].remark)
            eg_tally_add(tally, causes[i].cause, NULL, time_us, 0, 1, length);
}
