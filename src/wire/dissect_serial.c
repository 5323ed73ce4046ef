/* SPDX-License-Identifier: Apache-2.0
 * Link headers of serial lines: PPP, Cisco HDLC, Frame Relay, SLIP.
 *
 * Sources: RFC 1661 and 1662 (PPP), 1547 and the makers' documents (Cisco HDLC), 2427 and ITU-T
 * Q.922 (Frame Relay), FRF.16.1 (bundles of them), 1055 (SLIP). */
#include "wire/dissect_steps.h"

/* Unicast or multicast address, control, EtherType. */
static uint32_t cisco_hdlc(struct eg_walk *walk) {
    uint32_t type = eg_be16(walk->rest.span, 2);
    if (!eg_walk_take(walk, EG_LINK_HEADER_BARE, 4)) return EG_NEXT_NONE;
    return type > EG_NEXT_LENGTH_MAX ? type : EG_NEXT_NONE;
}

/* PPP with or without its HDLC address; some serial lines frame EtherTypes likewise. */
static uint32_t ppp(struct eg_walk *walk) {
    uint8_t address = eg_u8(walk->rest.span, 0);
    return address == 0x0f || address == 0x8f ? cisco_hdlc(walk) : eg_step_ppp(walk);
}

/* The address, two to four bytes of which the last has its lowest bit set; then either a control
 * byte and what ISO calls the protocol, or an EtherType as Cisco has it. */
static uint32_t frame_relay(struct eg_walk *walk) {
    enum { CONTROL_UI = 0x03, PADDING = 0x00, SNAP = 0x80, IPV6 = 0x8e, IPV4 = 0xcc };
    struct eg_span s = walk->rest.span;
    uint32_t at = 1;
    if (!eg_walk_has(walk, 2)) return EG_NEXT_NONE;
    while (at < 4 && !(eg_u8(s, at) & 1)) at++;
    at++;
    if (!eg_walk_has(walk, at + 2)) return EG_NEXT_NONE;
    if (eg_u8(s, at) != CONTROL_UI) {
        uint32_t type = eg_be16(s, at);
        (void)eg_walk_take(walk, EG_LINK_HEADER_BARE, at + 2);
        return type > EG_NEXT_LENGTH_MAX ? type : EG_NEXT_NONE;
    }
    at++;
    if (eg_u8(s, at) == PADDING) at++;
    uint8_t protocol = eg_u8(s, at++);
    if (!eg_walk_take(walk, EG_LINK_HEADER_BARE, at)) return EG_NEXT_NONE;
    switch (protocol) {
    case IPV4: return EG_NEXT_IPV4;
    case IPV6: return EG_NEXT_IPV6;
    case SNAP: return EG_NEXT_SNAP;
    default: return EG_NEXT_NONE;
    }
}

/* One link of a bundle: only the first piece of a frame has its address. */
static uint32_t bundle(struct eg_walk *walk) {
    enum { BEGIN = 0x80, CONTROL = 0x20 };
    uint8_t flags = eg_u8(walk->rest.span, 0);
    if (!eg_walk_take(walk, EG_LINK_HEADER_BARE, 2) || !(flags & BEGIN) || flags & CONTROL)
        return EG_NEXT_NONE;
    return frame_relay(walk);
}

/* In front of the packet the capturing machine puts the direction, and what the packet looked like
 * before its header was expanded. */
static uint32_t slip(struct eg_walk *walk) {
    enum { HEADER = 16, COMPRESSED = 0x80 };
    uint8_t kind = eg_u8(walk->rest.span, 1);
    if (!eg_walk_take(walk, EG_LINK_HEADER_SLIP, HEADER) || kind & COMPRESSED) return EG_NEXT_NONE;
    return EG_NEXT_IP_BY_VERSION;
}

uint32_t eg_step_serial(struct eg_walk *walk) {
    switch (walk->link_type) {
    case EG_LINK_PPP_WITH_DIRECTION:
    case EG_LINK_HDLC_WITH_DIRECTION:
    case EG_LINK_FRAME_RELAY_WITH_DIRECTION:
        if (!eg_walk_take(walk, EG_LINK_HEADER_BARE, 1)) return EG_NEXT_NONE;
        break;
    case EG_LINK_PPP_PPPD: /* the direction stands where the address was */
        if (!eg_walk_take(walk, EG_LINK_HEADER_BARE, 2)) return EG_NEXT_NONE;
        break;
    default: break;
    }
    switch (walk->link_type) {
    case EG_LINK_PPP_ETHER: return EG_NEXT_PPPOE;
    case EG_LINK_CISCO_HDLC:
    case EG_LINK_HDLC_WITH_DIRECTION: return cisco_hdlc(walk);
    case EG_LINK_FRAME_RELAY:
    case EG_LINK_FRAME_RELAY_WITH_DIRECTION: return frame_relay(walk);
    case EG_LINK_MFR: return bundle(walk);
    case EG_LINK_SLIP: return slip(walk);
    default: return ppp(walk);
    }
}
