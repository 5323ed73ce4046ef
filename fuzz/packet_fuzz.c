/* SPDX-License-Identifier: Apache-2.0
 * Frames of any link type, any bytes: taken apart from an exact-size copy; every span must lie in
 * it, no length may exceed the wire, and a second look must say the same; so from the outside of its
 * tunnels; the headers noted must follow each other inside it. What was found also gets a Community
 * ID, the same from either side.
 *
 * Byte 0 chooses the link type, byte 1 how much longer the frame was on the wire. */
#include "wire/community_id.h"
#include "wire/dissect.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const uint32_t links[] = {
    EG_LINK_ETHERNET,     EG_LINK_NULL,          EG_LINK_PPP,         EG_LINK_PPP_HDLC,
    EG_LINK_RAW,          EG_LINK_LOOP,          EG_LINK_SLL,         EG_LINK_IPV4,
    EG_LINK_IPV6,         EG_LINK_SLL2,          EG_LINK_RAW_BSD,     147 /* not taken apart */,
    EG_LINK_TOKEN_RING,   EG_LINK_ARCNET_BSD,    EG_LINK_SLIP,        EG_LINK_FDDI,
    EG_LINK_PPP_ETHER,    EG_LINK_ATM_RFC1483,   EG_LINK_CISCO_HDLC,  EG_LINK_WIRELESS,
    EG_LINK_FRAME_RELAY,  EG_LINK_ENC,           EG_LINK_PFLOG,       EG_LINK_PRISM,
    EG_LINK_RADIOTAP,     EG_LINK_ARCNET_LINUX,  EG_LINK_FIREWIRE,    EG_LINK_AVS,
    EG_LINK_PPP_PPPD,     EG_LINK_JUNIPER_ETHER, EG_LINK_JUNIPER_PPP, EG_LINK_JUNIPER_FRAME_RELAY,
    EG_LINK_JUNIPER_HDLC, EG_LINK_MFR,           EG_LINK_PPI,         EG_LINK_PPP_WITH_DIRECTION,
    EG_LINK_MPLS,         EG_LINK_IPNET,         EG_LINK_NFLOG,       EG_LINK_NETANALYZER,
    EG_LINK_IPOIB,        EG_LINK_PKTAP,         EG_LINK_BRCM,        EG_LINK_BRCM_PREPENDED,
    EG_LINK_DSA,          EG_LINK_EDSA,
};

static void span_check(struct eg_span frame, struct eg_span inside) {
    if (!inside.at && !inside.size) return;
    if (inside.at < frame.at || inside.at + inside.size > frame.at + frame.size) abort();
}

static void trail_check(struct eg_span frame, const struct eg_trail *trail) {
    size_t end = 0;
    if (trail->count > EG_TRAIL_MAX) abort();
    for (uint32_t i = 0; i < trail->count; i++) {
        if (trail->at[i].offset < end || !trail->at[i].size) abort();
        if (!eg_span_has(frame, trail->at[i].offset, trail->at[i].size)) abort();
        end = trail->at[i].offset + (size_t)trail->at[i].size;
    }
}

static void tunnel_check(const struct eg_layers *inner, const struct eg_layers *outer) {
    const uint32_t ends = EG_HAS_SRC | EG_HAS_DST;
    if (outer->has & EG_HAS_OUTER) abort();
    if (!(inner->has & EG_HAS_OUTER)) {
        if (inner->has != outer->has || inner->tunnel != outer->tunnel) abort();
        return;
    }
    if (!(inner->has & EG_HAS_TUNNEL) || (inner->has & ends) != ends) abort();
    if (!(outer->has & EG_HAS_TUNNEL) || (outer->has & ends) != ends) abort();
    if (memcmp(&inner->outer_src, &outer->src, sizeof inner->outer_src) != 0 ||
        memcmp(&inner->outer_dst, &outer->dst, sizeof inner->outer_dst) != 0)
        abort();
}

static void layers_check(struct eg_span frame, uint32_t wire, const struct eg_layers *layers) {
    span_check(frame, layers->ip);
    span_check(frame, layers->piece);
    span_check(frame, layers->payload);
    if (wire < frame.size) wire = (uint32_t)frame.size;
    if (layers->ip_length > wire || layers->payload_length > wire || layers->piece_length > wire ||
        layers->datagram_length > layers->payload_length || layers->ip.size > layers->ip_length ||
        layers->payload.size > layers->payload_length || layers->mpls_count > EG_MPLS_LABELS_MAX)
        abort();
    bool later = layers->has & EG_HAS_FRAGMENT && layers->fragment_offset;
    if (later && layers->has & (EG_HAS_PORTS | EG_HAS_PAYLOAD | EG_HAS_ICMP)) abort();
    if (layers->remarks & EG_REMARK_LINK_TYPE_UNSUPPORTED && layers->has) abort();
}

static void community_check(const struct eg_layers *layers) {
    struct eg_community_tuple there = {
        .src = layers->src, .dst = layers->dst, .proto = layers->proto};
    there.has_ports = layers->has & EG_HAS_PORTS;
    there.src_port = layers->src_port;
    there.dst_port = layers->dst_port;
    if (there.proto == 1 || there.proto == 58) there.has_ports = false;
    struct eg_community_tuple back = {.src = there.dst,
                                      .dst = there.src,
                                      .proto = there.proto,
                                      .has_ports = there.has_ports,
                                      .src_port = there.dst_port,
                                      .dst_port = there.src_port};
    char one[EG_COMMUNITY_ID_TEXT], two[EG_COMMUNITY_ID_TEXT];
    size_t size = eg_community_id(&there, 0, false, one);
    if (eg_community_id(&back, 0, false, two) != size || memcmp(one, two, size) != 0) abort();
    there.has_ports = true; /* of ICMP: type and code */
    there.src_port = layers->icmp_type;
    there.dst_port = layers->icmp_code;
    if (eg_community_id(&there, 1, true, one) != 42) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (size < 2) return 0;
    uint32_t link_type = links[bytes[0] % (sizeof links / sizeof *links)];
    uint32_t wire = (uint32_t)(size - 2) + bytes[1] * 257u;
    if (bytes[1] == 255) wire = 0; /* less than there is */
    size_t held = size - 2;
    uint8_t *copy = malloc(held ? held : 1);
    if (!copy) return 0;
    if (held) memcpy(copy, bytes + 2, held);
    struct eg_span frame = eg_span(copy, held);
    struct eg_layers one, two, outer;
    struct eg_trail trail;
    memset(&one, 0x5a, sizeof one);
    memset(&two, 0xa5, sizeof two);
    eg_dissect(link_type, frame, wire, &one);
    eg_dissect_as(EG_VIEW_OUTERMOST, link_type, frame, wire, &trail, &outer);
    trail_check(frame, &trail);
    layers_check(frame, wire, &outer);
    tunnel_check(&one, &outer);
    eg_dissect_as(EG_VIEW_INNERMOST, link_type, frame, wire, &trail, &two);
    trail_check(frame, &trail);
    if (memcmp(&one, &two, offsetof(struct eg_layers, mpls)) != 0) abort();
    layers_check(frame, wire, &one);
    community_check(&one);
    free(copy);
    return 0;
}
