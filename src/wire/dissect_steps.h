/* SPDX-License-Identifier: Apache-2.0
 * The steps of eg_dissect, one a layer; nobody else calls them.
 *
 * A step reads the header that stands at walk->rest, moves the rest behind it, and answers what
 * stands there now: an EtherType, or one of enum eg_next. The loop in dissect.c calls the next. */
#ifndef EG_WIRE_DISSECT_STEPS_H
#define EG_WIRE_DISSECT_STEPS_H

#include "wire/dissect.h"

/* What may stand next. Below 0x10000 an EtherType, and up to 1500 the length of what LLC begins. */
enum eg_next {
    EG_NEXT_LENGTH_MAX = 1500,
    EG_NEXT_IPV4 = 0x0800,
    EG_NEXT_ARP = 0x0806,
    EG_NEXT_RARP = 0x8035,
    EG_NEXT_ETHERNET_BRIDGED = 0x6558, /* a frame, from its MAC addresses on */
    EG_NEXT_VLAN = 0x8100,
    EG_NEXT_IPV6 = 0x86dd,
    EG_NEXT_PPP = 0x880b,
    EG_NEXT_REDIRECTED = 0x883e, /* WCCP, behind GRE */
    EG_NEXT_MPLS = 0x8847,
    EG_NEXT_MPLS_MULTICAST = 0x8848,
    EG_NEXT_PPPOE = 0x8864,
    EG_NEXT_VLAN_SERVICE = 0x88a8,
    EG_NEXT_ERSPAN = 0x88be,
    EG_NEXT_MACSEC = 0x88e5,
    EG_NEXT_PBB = 0x88e7,
    EG_NEXT_ERSPAN_3 = 0x22eb,
    EG_NEXT_METADATA = 0x8909, /* Cisco MetaData */
    EG_NEXT_VN_TAG = 0x8926,
    EG_NEXT_NSH = 0x894f,
    EG_NEXT_VLAN_OLD_1 = 0x9100, /* before 802.1ad had a number of its own */
    EG_NEXT_VLAN_OLD_2 = 0x9200,
    EG_NEXT_VLAN_OLD_3 = 0x9300,
    EG_NEXT_ARISTA = 0xd28b,
    /* no EtherTypes: */
    EG_NEXT_NONE = 0x10000, /* nothing that is followed */
    EG_NEXT_IP_BY_VERSION,  /* IPv4 or IPv6: the first nibble tells; anything else is bad */
    EG_NEXT_IP_OR_PPP,      /* likewise, and anything else is something else */
    EG_NEXT_METADATA_GRE,
    EG_NEXT_LLC,
    EG_NEXT_SNAP,             /* LLC without its first three bytes */
    EG_NEXT_LINK,             /* what walk->link_type says */
    EG_NEXT_WIRELESS,         /* 802.11 */
    EG_NEXT_WIRELESS_SWAPPED, /* perhaps with its first two bytes in the wrong order */
    EG_NEXT_TUNNELS,          /* what follows is a tunnel's header */
    EG_NEXT_GRE,
    EG_NEXT_VXLAN,
    EG_NEXT_VXLAN_OLD, /* on the port from before it had a number of its own */
    EG_NEXT_VXLAN_GPE,
    EG_NEXT_GENEVE,
    EG_NEXT_GTP,
    EG_NEXT_TEREDO,
    EG_NEXT_IN_IP4, /* IP directly in IP */
    EG_NEXT_IN_IP6,
    EG_NEXT_IN_IP_MPLS,
    EG_NEXT_ETHER_IP,
    EG_NEXT_ETHERNET_IN_IP,
    EG_NEXT_L2TP,
    EG_NEXT_L2TP_IP, /* version 3, directly behind IP */
    EG_NEXT_MPLS_UDP,
    EG_NEXT_CAPWAP,
};

/* What is left of a frame, from the layer at hand on: the bytes there are, and how many there were
 * on the wire. wire >= span.size always. */
struct eg_rest {
    struct eg_span span;
    uint32_t wire;
};

#define EG_HEADERS_MAX (EG_TRAIL_MAX - 2) /* of a frame; the payload and a cut header go besides */

/* Where the dissection stands. */
struct eg_walk {
    struct eg_rest rest;
    struct eg_layers *out;
    struct eg_trail *trail; /* NULL: not asked for */
    const uint8_t *frame;   /* where it begins */
    enum eg_view view;
    uint32_t link_type; /* of what stands at the rest, where a step answers EG_NEXT_LINK */
    uint32_t headers;   /* passed, but for those of a plain frame */
    uint32_t tunnels;   /* entered */
    uint32_t tags;      /* 802.1Q, of the link layer at hand */
    bool inside;        /* a tunnel has just been entered: what link layer comes is another one */
    bool padded;        /* 802.11 headers have sizes of a multiple of 4 */
    struct eg_layers carrier; /* tunnels: what carries the tunnel entered last */
};

static inline void eg_rest_skip(struct eg_rest *rest, uint32_t size) {
    rest->span = eg_span_from(rest->span, size);
    rest->wire -= size < rest->wire ? size : rest->wire;
}
/* Cuts the rest to what a length field says it has. */
static inline void eg_rest_bound(struct eg_rest *rest, uint32_t wire) {
    if (wire >= rest->wire) return;
    rest->wire = wire;
    rest->span = eg_span_sub(rest->span, 0, wire);
}

void eg_trail_note(struct eg_walk *walk, enum eg_header header, uint8_t detail, uint32_t size);

/* Notes the header that stands at the rest, or what there is of it. */
static inline void eg_walk_note(struct eg_walk *walk, enum eg_header header, uint8_t detail,
                                uint32_t size) {
    if (__builtin_expect(walk->trail != NULL, 0)) eg_trail_note(walk, header, detail, size);
}
/* ... and goes behind it. */
static inline void eg_walk_pass(struct eg_walk *walk, enum eg_header header, uint8_t detail,
                                uint32_t size) {
    eg_walk_note(walk, header, detail, size);
    eg_rest_skip(&walk->rest, size);
}
/* Are `size` bytes there? If not: the frame was cut, or it never had them and a length lied (but a
 * fragment may be as small as it likes). */
static inline bool eg_walk_has(const struct eg_walk *walk, uint32_t size) {
    const struct eg_rest *rest = &walk->rest;
    if (__builtin_expect(rest->span.size >= size, 1)) return true;
    bool cut = rest->wire > rest->span.size;
    if (rest->wire >= size || (cut && walk->out->fragment))
        walk->out->remarks |= EG_REMARK_FRAME_CUT;
    else if (!walk->out->fragment)
        walk->out->remarks |= EG_REMARK_HEADER_BAD;
    return false;
}
/* A link layer's header of `size` bytes; false: it is not whole. */
static inline bool eg_walk_take(struct eg_walk *walk, enum eg_link_header kind, uint32_t size) {
    bool whole = eg_walk_has(walk, size);
    eg_walk_pass(walk, EG_HEADER_LINK, (uint8_t)kind, size);
    return whole;
}

/* The header of walk->link_type; dissect_link.c. Those of a kind have a file of their own. */
uint32_t eg_step_link(struct eg_walk *);
uint32_t eg_step_serial(struct eg_walk *);
uint32_t eg_step_lan(struct eg_walk *);
uint32_t eg_step_wrapped(struct eg_walk *);
uint32_t eg_step_radio(struct eg_walk *);
/* 802.11; `swapped`: its first two bytes may stand in the wrong order. */
uint32_t eg_step_wireless(struct eg_walk *, bool swapped);
uint32_t eg_step_ethernet(struct eg_walk *);
/* A link layer begins: behind a tunnel, what is known of the one in front of it is forgotten. */
void eg_walk_link_begins(struct eg_walk *);
/* The addresses of the link header at hand, at these places, as far as they are there; one before it
 * that has told its own stays. */
void eg_walk_macs(struct eg_walk *, size_t dst, size_t src);

/* What stands between link and network; dissect_between.c. EG_NEXT_NONE for what is not known. */
uint32_t eg_step_between(struct eg_walk *, uint32_t next);
uint32_t eg_step_llc(struct eg_walk *);
uint32_t eg_step_snap(struct eg_walk *, uint32_t at);
uint32_t eg_step_ppp(struct eg_walk *);

uint32_t eg_step_ipv4(struct eg_walk *);
uint32_t eg_step_ipv6(struct eg_walk *);
/* The rest is what the IP length says, behind the IP headers. */
uint32_t eg_step_transport(struct eg_walk *, uint8_t proto);

/* The header of a tunnel; dissect_tunnel.c. */
uint32_t eg_step_tunnel(struct eg_walk *, uint32_t next);
/* A tunnel's header of `size` bytes stands at the rest, and `inner` behind it: goes there, unless
 * the view or the depth forbids it. `id` below 0: none. */
uint32_t eg_walk_tunnel(struct eg_walk *, enum eg_tunnel, int64_t id, uint32_t size,
                        uint32_t inner);

#endif
