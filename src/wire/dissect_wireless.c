/* SPDX-License-Identifier: Apache-2.0
 * 802.11, and the headers that capturing cards put in front of it.
 *
 * Sources: IEEE 802.11-2020 section 9; radiotap.org; the link-layer header types of tcpdump.org. */
#include "wire/dissect_steps.h"

enum {
    TYPE_MANAGEMENT = 0,
    TYPE_DATA = 2,
    TO_DS = 0x01,
    FROM_DS = 0x02,
    PROTECTED = 0x40,
    ORDERED = 0x80,
    SUBTYPE_NULL = 0x40, /* a data frame without data */
    SUBTYPE_QOS = 0x80,
    SEVERAL = 0x80, /* in the QoS field: frames in this one */
};

/* ---- 802.11 ---- */

/* Which of the addresses are the ends' own: those between them are access points. */
static void addresses(struct eg_walk *walk, bool data, uint8_t flags) {
    size_t dst = 4, src = 10;
    if (data && flags & TO_DS) dst = 16;
    if (data && flags & FROM_DS) src = flags & TO_DS ? 24 : 16;
    eg_walk_link_begins(walk);
    eg_walk_macs(walk, dst, src);
}

/* The first of several frames in one: its own addresses, a length, and LLC. */
static uint32_t first_of_several(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    struct eg_layers *out = walk->out;
    uint32_t length = eg_be16(s, 12);
    if (eg_span_has(s, 0, 12)) {
        out->dst_mac = eg_be48(s, 0);
        out->src_mac = eg_be48(s, 6);
    }
    if (!eg_walk_take(walk, EG_LINK_HEADER_MACS, 14)) return EG_NEXT_NONE;
    eg_rest_bound(&walk->rest, length);
    return EG_NEXT_LLC;
}

uint32_t eg_step_wireless(struct eg_walk *walk, bool swapped) {
    struct eg_span s = walk->rest.span;
    if (!eg_walk_has(walk, 2)) return EG_NEXT_NONE;
    uint8_t control = eg_u8(s, 0), flags = eg_u8(s, 1);
    if (swapped && (control & 0x0f) != TYPE_DATA << 2 && (flags & 0x0f) == TYPE_DATA << 2) {
        control = eg_u8(s, 1);
        flags = eg_u8(s, 0);
    }
    uint32_t type = control >> 2 & 3, size = 24;
    if (control & 3 || (type != TYPE_DATA && type != TYPE_MANAGEMENT)) return EG_NEXT_NONE;
    addresses(walk, type == TYPE_DATA, flags);
    if (type == TYPE_MANAGEMENT) {
        (void)eg_walk_take(walk, EG_LINK_HEADER_WIRELESS_3, size);
        return EG_NEXT_NONE;
    }
    bool quality = control & SUBTYPE_QOS, several = false;
    enum eg_link_header header = EG_LINK_HEADER_WIRELESS_3;
    if ((flags & (TO_DS | FROM_DS)) == (TO_DS | FROM_DS)) {
        header = EG_LINK_HEADER_WIRELESS_4;
        size += 6;
    }
    if (quality) {
        several = eg_u8(s, size) & SEVERAL;
        size += 2;
        if (flags & ORDERED) size += 4; /* the HT control field */
    }
    bool whole = eg_walk_take(walk, header, size);
    if (!whole || control & SUBTYPE_NULL || flags & PROTECTED) return EG_NEXT_NONE;
    if (walk->padded && size & 2) (void)eg_walk_take(walk, EG_LINK_HEADER_BARE, 2);
    return several ? first_of_several(walk) : EG_NEXT_LLC;
}

/* ---- what the card says ---- */

/* Is the 802.11 header padded to a multiple of 4? The flag stands behind a time stamp, if any. */
static bool radiotap_padded(struct eg_span s) {
    enum { TIME = 1 << 0, FLAGS = 1 << 1, MORE = 1u << 31, PADDED = 0x20 };
    uint32_t present = eg_le32(s, 4);
    size_t at = 8;
    for (uint32_t word = present; word & MORE && at < s.size; at += 4) word = eg_le32(s, at);
    if (present & TIME) at = ((at + 7) & ~(size_t)7) + 8;
    return present & FLAGS && eg_u8(s, at) & PADDED;
}

static uint32_t radiotap(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    if (!eg_walk_has(walk, 8)) return EG_NEXT_NONE;
    uint32_t size = eg_le16(s, 2);
    if (eg_u8(s, 0) != 0 || size < 8) {
        walk->out->remarks |= EG_REMARK_HEADER_BAD;
        return EG_NEXT_NONE;
    }
    walk->padded = radiotap_padded(eg_span_sub(s, 0, size));
    return eg_walk_take(walk, EG_LINK_HEADER_BARE, size) ? EG_NEXT_WIRELESS : EG_NEXT_NONE;
}

/* Both begin with a number and their own length; Prism in the card's byte order, AVS in that of the
 * network. AVS may stand where Prism is announced. */
static uint32_t prism_or_avs(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    if (!eg_walk_has(walk, 8)) return EG_NEXT_NONE;
    bool avs = (eg_be32(s, 0) & 0xfffff000) == 0x80211000;
    uint32_t size = eg_be32(s, 4), other = eg_le32(s, 4);
    if (!avs && other < size) size = other;
    if (size < 8 || size > UINT16_MAX) {
        walk->out->remarks |= EG_REMARK_HEADER_BAD;
        return EG_NEXT_NONE;
    }
    return eg_walk_take(walk, EG_LINK_HEADER_UNTOLD, size) ? EG_NEXT_WIRELESS : EG_NEXT_NONE;
}

uint32_t eg_step_radio(struct eg_walk *walk) {
    switch (walk->link_type) {
    case EG_LINK_RADIOTAP: return radiotap(walk);
    case EG_LINK_PRISM:
    case EG_LINK_AVS: return prism_or_avs(walk);
    default: return EG_NEXT_WIRELESS;
    }
}
