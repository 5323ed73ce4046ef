/* SPDX-License-Identifier: Apache-2.0
 * A frame taken apart: link layer, tags, labels, tunnels, the innermost IP packet and its transport
 * header, as facts in one struct. Pure, bounded, without state: what one frame says never shows in
 * another. docs/internals/dissection.md is the page about it.
 *
 * A frame that ends early or contradicts itself gives what stands before that place, and a remark.
 * Sources: the link-layer header types of tcpdump.org; each file names those of its part. */
#ifndef EG_WIRE_DISSECT_H
#define EG_WIRE_DISSECT_H

#include "table/batch.h"
#include "table/tally.h"

/* Link types (LINKTYPE_ numbers of the capture formats) that are taken apart. */
enum eg_link {
    EG_LINK_NULL = 0,
    EG_LINK_ETHERNET = 1,
    EG_LINK_TOKEN_RING = 6,
    EG_LINK_ARCNET_BSD = 7,
    EG_LINK_SLIP = 8,
    EG_LINK_PPP = 9,
    EG_LINK_FDDI = 10,
    EG_LINK_RAW_BSD = 12, /* what some writers put for RAW */
    EG_LINK_RAW_OPENBSD = 14,
    EG_LINK_PPP_HDLC = 50,
    EG_LINK_PPP_ETHER = 51,
    EG_LINK_ATM_RFC1483 = 100,
    EG_LINK_RAW = 101,
    EG_LINK_CISCO_HDLC = 104,
    EG_LINK_WIRELESS = 105,
    EG_LINK_FRAME_RELAY = 107,
    EG_LINK_LOOP = 108,
    EG_LINK_ENC = 109,
    EG_LINK_SLL = 113,
    EG_LINK_PFLOG = 117,
    EG_LINK_PRISM = 119,
    EG_LINK_RADIOTAP = 127,
    EG_LINK_ARCNET_LINUX = 129,
    EG_LINK_FIREWIRE = 138,   /* IP over IEEE 1394 */
    EG_LINK_PKTAP_USER = 149, /* what Apple wrote before PKTAP had a number */
    EG_LINK_AVS = 163,
    EG_LINK_PPP_PPPD = 166,
    EG_LINK_JUNIPER_ETHER = 178,
    EG_LINK_JUNIPER_PPP = 179,
    EG_LINK_JUNIPER_FRAME_RELAY = 180,
    EG_LINK_JUNIPER_HDLC = 181,
    EG_LINK_MFR = 182,
    EG_LINK_PPI = 192,
    EG_LINK_PPP_WITH_DIRECTION = 204,
    EG_LINK_HDLC_WITH_DIRECTION = 205,
    EG_LINK_FRAME_RELAY_WITH_DIRECTION = 206,
    EG_LINK_MPLS = 219, /* begins with a label */
    EG_LINK_IPNET = 226,
    EG_LINK_IPV4 = 228,
    EG_LINK_IPV6 = 229,
    EG_LINK_NFLOG = 239,
    EG_LINK_NETANALYZER = 240,
    EG_LINK_IPOIB = 242,
    EG_LINK_PKTAP = 258,
    EG_LINK_SLL2 = 276,
    EG_LINK_BRCM = 281,
    EG_LINK_BRCM_PREPENDED = 282,
    EG_LINK_DSA = 284,
    EG_LINK_EDSA = 285,
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
    EG_HAS_TUNNEL = 1 << 20,
    EG_HAS_TUNNEL_ID = 1 << 21,
    EG_HAS_OUTER = 1 << 22, /* outer_src, outer_dst */
};

/* Kinds of tunnels, as the column `tunnel` has them (eg_tunnel_name). */
enum eg_tunnel {
    EG_TUNNEL_NONE,
    EG_TUNNEL_GRE,
    EG_TUNNEL_ERSPAN,
    EG_TUNNEL_VXLAN,
    EG_TUNNEL_GENEVE,
    EG_TUNNEL_GTP,
    EG_TUNNEL_TEREDO,
    EG_TUNNEL_IPIP, /* 4in4, 6in4, 4in6, 6in6 */
    EG_TUNNEL_L2TP,
    EG_TUNNEL_MPLS, /* labels behind UDP or IP */
    EG_TUNNEL_CAPWAP,
    EG_TUNNEL_ETHERIP, /* frames directly behind IP */
    EG_TUNNEL_COUNT,
};
const char *eg_tunnel_name(enum eg_tunnel); /* "vxlan"; static */

/* Which packet of a tunnelled frame stands in the main members. */
enum eg_view {
    /* The innermost IP packet that has its addresses. It was in a tunnel: the outermost addresses
     * stand in outer_…, `tunnel` is the innermost one, and MAC addresses, VLAN and labels are those
     * inside it where it has a link layer of its own. A tunnel that holds no such packet (ARP, a
     * frame that was cut) is only named, without outer_…. */
    EG_VIEW_INNERMOST,
    EG_VIEW_OUTERMOST, /* tunnels are named, and not looked into */
};

#define EG_TUNNELS_MAX 4 /* nested; deeper ones are a remark */

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
    struct eg_addr outer_src, outer_dst;
    uint64_t tunnel_id; /* VNI, GRE key, TEID */
    uint8_t tunnel;     /* enum eg_tunnel */

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

/* Every header of a frame, in order, for whoever changes a frame or looks for a place in it. Each
 * tag and extension header has its own entry, a stack of labels one. A header that was cut is the
 * last entry, with what there is of it. */
enum eg_header {
    EG_HEADER_ETHERNET,
    EG_HEADER_LINK, /* any other link layer's */
    EG_HEADER_VLAN,
    EG_HEADER_MPLS,
    EG_HEADER_ARP,
    EG_HEADER_IPV4,
    EG_HEADER_IPV6,
    EG_HEADER_IPV6_MORE, /* an extension header */
    EG_HEADER_TCP,
    EG_HEADER_UDP,
    EG_HEADER_SCTP,
    EG_HEADER_DCCP,
    EG_HEADER_ICMP,
    EG_HEADER_ICMPV6,
    EG_HEADER_TUNNEL,  /* GRE, VXLAN, …: what stands between an outer and an inner packet */
    EG_HEADER_PAYLOAD, /* what is behind the last header; `size` is what the lengths say, at most
                          what was captured */
};
/* Of EG_HEADER_LINK: how such a header names hosts. A new one is UNTOLD until somebody knows. */
enum eg_link_header {
    EG_LINK_HEADER_UNTOLD,     /* it is not known where */
    EG_LINK_HEADER_BARE,       /* not at all: kinds of what follows, lengths, channels */
    EG_LINK_HEADER_MACS,       /* it begins with two MAC addresses */
    EG_LINK_HEADER_WIRELESS_3, /* 802.11, three addresses */
    EG_LINK_HEADER_WIRELESS_4,
    EG_LINK_HEADER_COOKED_1,
    EG_LINK_HEADER_COOKED_2,
    EG_LINK_HEADER_SLIP,
    EG_LINK_HEADER_ARCNET,
    EG_LINK_HEADER_INFINIBAND,
    EG_LINK_HEADER_MACSEC,
    EG_LINK_HEADER_SERVICE, /* NSH */
    EG_LINK_HEADER_NFLOG,   /* up to the packet, one of its fields */
    EG_LINK_HEADER_PPI,
    EG_LINK_HEADER_PKTAP,
    EG_LINK_HEADER_PFLOG,
    EG_LINK_HEADER_JUNIPER,
};

#define EG_TRAIL_MAX 64
struct eg_trail {
    uint32_t count;
    struct {
        uint8_t header;        /* enum eg_header */
        uint8_t detail;        /* of a tunnel: enum eg_tunnel; of IPV6_MORE: its number; of
                             LINK: enum eg_link_header */
        uint32_t offset, size; /* in the frame; all of that was captured */
    } at[EG_TRAIL_MAX];
};

/* As eg_dissect, with a choice of the view; `trail` (NULL: not asked for) is filled besides. */
void eg_dissect_as(enum eg_view view, uint32_t link_type, struct eg_span frame,
                   uint32_t wire_length, struct eg_trail *trail, struct eg_layers *out);

/* Takes a frame apart, EG_VIEW_INNERMOST. `frame` is what was captured of it, `wire_length` what it
 * had on the wire (less than captured: captured counts). Ownership: the spans of *out point into
 * `frame`. Threads: any. Errors: none; see remarks. */
void eg_dissect(uint32_t link_type, struct eg_span frame, uint32_t wire_length,
                struct eg_layers *out);

/* Counts a frame (so long on the wire) under the cause of each of its remarks. */
void eg_remarks_count(uint32_t remarks, int64_t time_us, int64_t length, struct eg_tally *);

#endif
