/* SPDX-License-Identifier: Apache-2.0
 * A frame taken apart: link layer, tags, labels, the outermost IP packet and its transport header,
 * as facts in one struct. Pure, bounded, without state: what one frame says never shows in another.
 *
 * A frame that ends early or contradicts itself gives what stands before that place, and a remark.
 * Sources: IEEE 802.3, 802.1Q, 802.1ad; RFC 1042, 1661, 3032, 791, 8200, 9293, 768, 792, 4443. */
#ifndef EG_WIRE_DISSECT_H
#define EG_WIRE_DISSECT_H

#include "table/batch.h"

/* Link types (LINKTYPE_ numbers of the capture formats) that are taken apart. */
enum eg_link {
    EG_LINK_NULL = 0,
    EG_LINK_ETHERNET = 1,
    EG_LINK_PPP = 9,
    EG_LINK_RAW_BSD = 12, /* what some writers put for RAW */
    EG_LINK_RAW_OPENBSD = 14,
    EG_LINK_PPP_HDLC = 50,
    EG_LINK_RAW = 101,
    EG_LINK_LOOP = 108,
    EG_LINK_SLL = 113,
    EG_LINK_MPLS = 219, /* begins with a label */
    EG_LINK_IPV4 = 228,
    EG_LINK_IPV6 = 229,
    EG_LINK_SLL2 = 276,
};
bool eg_link_supported(uint32_t link_type);

#define EG_VLAN_TAGS_MAX 8
#define EG_MPLS_LABELS_MAX 16
#define EG_IPV6_HEADERS_MAX 16

/* Which members of struct eg_layers were seen; a member whose bit is not set is 0. */
enum eg_has {
    EG_HAS_SRC_MAC = 1 << 0,
    EG_HAS_DST_MAC = 1 << 1,
    EG_HAS_VLAN = 1 << 2,
    EG_HAS_MPLS = 1 << 3,
    EG_HAS_IP_VERSION = 1 << 4,
    EG_HAS_TOS = 1 << 5,
    EG_HAS_IP_ID = 1 << 6,
    EG_HAS_FRAGMENT = 1 << 7, /* fragment_offset, more_fragments */
    EG_HAS_DONT_FRAGMENT = 1 << 8,
    EG_HAS_TTL = 1 << 9,
    EG_HAS_PROTO = 1 << 10,
    EG_HAS_SRC = 1 << 11,
    EG_HAS_DST = 1 << 12,
    EG_HAS_PORTS = 1 << 13,
    EG_HAS_TCP_SEQ = 1 << 14,
    EG_HAS_TCP_ACK = 1 << 15,
    EG_HAS_TCP_FLAGS = 1 << 16,
    EG_HAS_TCP_WINDOW = 1 << 17,
    EG_HAS_ICMP = 1 << 18,    /* icmp_type, icmp_code */
    EG_HAS_PAYLOAD = 1 << 19, /* payload, payload_length */
};

/* What is worth counting about a frame; each becomes the cause of the same name. */
enum eg_remark {
    EG_REMARK_FRAME_CUT = 1 << 0,
    EG_REMARK_HEADER_BAD = 1 << 1,
    EG_REMARK_DEPTH_EXCEEDED = 1 << 2,
    EG_REMARK_LINK_TYPE_UNSUPPORTED = 1 << 3,
};

struct eg_layers {
    uint32_t has;     /* EG_HAS_… */
    uint32_t remarks; /* EG_REMARK_… */

    struct eg_addr src, dst;
    uint16_t src_port, dst_port;
    uint8_t proto; /* what follows the IP headers; of IPv6, at the end of its chain */
    uint8_t ip_version, ttl, tos;
    uint16_t fragment_offset; /* bytes */
    bool more_fragments, dont_fragment;
    bool fragment; /* a piece of a packet: an offset, or more to come */
    uint8_t icmp_type, icmp_code;
    uint8_t mpls_count; /* of mpls */
    uint16_t vlan;      /* the outermost tag's id */
    uint16_t tcp_flags; /* twelve bits */
    uint16_t tcp_window;
    uint32_t ip_id, tcp_seq, tcp_ack;
    uint32_t payload_length; /* behind the transport header, by the IP length, at most the frame */
    uint64_t src_mac, dst_mac;

    /* For readers of what is inside. Spans are what was captured, padding of the link layer left
     * out; they are empty where the layer was not reached. */
    struct eg_span ip;         /* the IP packet from its header on */
    uint32_t ip_length;        /* of it on the wire, bounded by the frame */
    uint32_t ip_header_length; /* IPv4 header, or IPv6 header and the extension headers */
    struct eg_span piece;      /* `fragment`: the data that stands at fragment_offset */
    uint32_t piece_length;     /* of it on the wire */
    uint8_t piece_proto;       /* the header that data of offset 0 begins with */
    struct eg_span payload;    /* behind the transport header; of UDP, only what its length says */
    uint32_t datagram_length;  /* UDP: length of the data on the wire, by both lengths */

    uint32_t mpls[EG_MPLS_LABELS_MAX]; /* labels, top first; only mpls_count of them are set */
};

/* Takes a frame apart. `frame` is what was captured of it, `wire_length` what it had on the wire
 * (less than captured: captured counts). Ownership: the spans of *out point into `frame`.
 * Threads: any. Errors: none; see remarks. */
void eg_dissect(uint32_t link_type, struct eg_span frame, uint32_t wire_length,
                struct eg_layers *out);

#endif
