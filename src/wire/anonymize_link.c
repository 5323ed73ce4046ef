/* SPDX-License-Identifier: Apache-2.0
 * Link headers without what they say of hosts. MAC addresses are mapped; names of processes, rules and
 * interfaces, and fields that are not understood, become zeros, so that lengths stay.
 *
 * Sources: the link-layer header types of tcpdump.org; RFC 4391 (InfiniBand), 8300 (NSH); IEEE 802.1AE;
 * for NFLOG the header files of Linux. */
#include "wire/anonymize_inside.h"

/* ---- cooked, serial ---- */

/* The sender's address, in a field of eight bytes. */
static void cooked_map(const struct change *c, size_t at, size_t length) {
    enum { FIELD = 8, MAC = 6 };
    if (length != MAC) {
        blank(c, at, FIELD);
        return;
    }
    addresses_put(c, at, MAC, 1);
    blank(c, at + MAC, FIELD - MAC);
}

/* ---- local networks ---- */

/* A global identifier is an IPv6 address; of the group that asks for a host (RFC 4391 section 4) the
 * lowest bits are that host's. */
static void identifier_map(const struct change *c, size_t at) {
    enum { GROUP = 0xff, SIGNATURE_V6 = 0x601b };
    addresses_put(c, at, 16, 1);
    if (eg_u8(c->before, at) == GROUP && eg_be16(c->before, at + 2) == SIGNATURE_V6 &&
        eg_u8(c->before, at + 12) == GROUP)
        blank(c, at + 13, 3);
}

/* The number of a host's queue names it as much as its address does. */
void eg_infiniband_map(const struct change *c, size_t at) {
    enum { QUEUE_OF_GROUPS = 0xffffff };
    if (eg_be24(c->before, at + 1) != QUEUE_OF_GROUPS) blank(c, at, 4);
    identifier_map(c, at + 4);
}

/* 40 bytes: a routing header with both identifiers, or nothing in particular and the receiver's
 * address. Either way the last 16 are the receiver's identifier. */
static void infiniband_header_map(const struct change *c, size_t at) {
    enum { ROUTING_VERSION = 6, SENDER = 8, ADDRESS = 20, IDENTIFIER = 24 };
    if (eg_u8(c->before, at) >> 4 == ROUTING_VERSION) {
        identifier_map(c, at + SENDER);
        identifier_map(c, at + IDENTIFIER);
        return;
    }
    blank(c, at, ADDRESS);
    eg_infiniband_map(c, at + ADDRESS);
}

/* ---- what the capturing system says ---- */

/* A field of netfilter's log: its value, without length and type. */
static void nflog_field_map(const struct change *c, uint32_t type, size_t at, size_t size) {
    enum {
        HOOK = 1,
        TIME = 3,
        INTERFACE_FIRST = 4,
        INTERFACE_LAST = 7,
        SENDER = 8,
        SEQUENCE = 12,
        SEQUENCE_GLOBAL = 13,
        HARDWARE = 15,
        HEADER = 16,
        HEADER_LENGTH = 17,
        ETHERNET = 14,
    };
    switch (type) {
    case SENDER: /* its length, padding, eight bytes of address */
        blank(c, at + 2, 2);
        cooked_map(c, at + 4, eg_be16(c->before, at));
        if (size > 12) blank(c, at + 12, size - 12);
        break;
    case HEADER:
        if (size == ETHERNET)
            addresses_put(c, at, 6, 2);
        else
            blank(c, at, size);
        break;
    case HOOK:
    case TIME:
    case SEQUENCE:
    case SEQUENCE_GLOBAL:
    case HARDWARE:
    case HEADER_LENGTH: break;
    default:
        if (type < INTERFACE_FIRST || type > INTERFACE_LAST) blank(c, at, size);
        break;
    }
}

enum { NFLOG_FIELDS = 4, NFLOG_FIELD_HEADER = 4 };

/* The order of bytes in fields, told as the dissector tells it. */
static bool nflog_big(const struct change *c, size_t at) {
    size_t first = at + NFLOG_FIELDS;
    uint16_t big = eg_be16(c->before, first);
    return eg_le16(c->before, first) > big && big >= NFLOG_FIELD_HEADER;
}

/* Where the packet's field ends, behind whose length and type the header does. */
static size_t nflog_end(const struct change *c, size_t at, size_t size) {
    size_t field = at + size - NFLOG_FIELD_HEADER;
    return field + eg_u16(c->before, field, nflog_big(c, at));
}

static void nflog_map(const struct change *c, size_t at, size_t size) {
    bool big = nflog_big(c, at);
    size_t k = at + NFLOG_FIELDS, end = at + size;
    while (k + NFLOG_FIELD_HEADER < end) {
        size_t length = eg_u16(c->before, k, big), padded = (length + 3) & ~(size_t)3;
        if (length < NFLOG_FIELD_HEADER || padded > end - k) {
            blank(c, k, end - k);
            return;
        }
        nflog_field_map(c, eg_u16(c->before, k + 2, big) & 0x7fff, k + NFLOG_FIELD_HEADER,
                        length - NFLOG_FIELD_HEADER);
        blank(c, k + length, padded - length);
        k += padded;
    }
    blank(c, nflog_end(c, at, size), SIZE_MAX); /* padding, and fields behind the packet */
}

/* Fields of kind, length, value behind the first eight bytes. Those that are known are the card's words
 * about the radio, and which interface it was. */
static void ppi_map(const struct change *c, size_t at, size_t size) {
    enum { RADIO_FIRST = 2, RADIO_LAST = 4, INTERFACE = 8, WIRED = 9, HEADER = 8, FIELD = 4 };
    size_t k = at + HEADER, end = at + size;
    while (k + FIELD <= end) {
        uint32_t kind = eg_le16(c->before, k), length = eg_le16(c->before, k + 2);
        bool known =
            (kind >= RADIO_FIRST && kind <= RADIO_LAST) || kind == INTERFACE || kind == WIRED;
        k += FIELD;
        if (length > end - k) break;
        if (!known) blank(c, k, length);
        k += length;
    }
    if (k < end) blank(c, k, end - k);
}

/* A header of a fixed layout whose names stand between `from` and `to`. */
struct name_place {
    uint32_t from, to;
};

static void names_blank(const struct change *c, size_t at, size_t size,
                        const struct name_place places[2], size_t more) {
    for (size_t i = 0; i < 2; i++) {
        if (size <= places[i].from) return;
        size_t end = size < places[i].to ? size : places[i].to;
        blank(c, at + places[i].from, end - places[i].from);
    }
    if (size > more) blank(c, at + more, size - more);
}

/* Flags, families and lengths stay; interface, processes and all that later versions added do not. */
static void pktap_map(const struct change *c, size_t at, size_t size) {
    static const struct name_place places[2] = {{12, 36}, {52, 76}};
    enum { MORE = 84 };
    names_blank(c, at, size, places, MORE);
}

/* A packet filter's log: what was done, by the how manyth rule, and the direction stay; interface and
 * rules by name, users, processes, and the addresses that later versions added do not. */
static void pflog_map(const struct change *c, size_t at, size_t size) {
    static const struct name_place places[2] = {{4, 36}, {44, 60}};
    enum { MORE = 61 };
    names_blank(c, at, size, places, MORE);
}

/* Extensions of kind, length, value: numbers of interfaces and kinds of media stay. */
static void juniper_map(const struct change *c, size_t at, size_t size) {
    enum { EXTENDED = 0x80, EXTENSIONS = 6, NAME = 2, KNOWN_LAST = 6 };
    if (!(eg_u8(c->before, at + 3) & EXTENDED) || size <= EXTENSIONS) return;
    size_t k = at + EXTENSIONS, end = k + eg_be16(c->before, at + 4);
    if (end > at + size) end = at + size;
    while (k + 2 <= end) {
        uint8_t kind = eg_u8(c->before, k), length = eg_u8(c->before, k + 1);
        k += 2;
        if (length > end - k) break;
        if (!kind || kind == NAME || kind > KNOWN_LAST) blank(c, k, length);
        k += length;
    }
    if (k < end) blank(c, k, end - k);
}

/* ---- by kind ---- */

void eg_link_header_map(const struct change *c, uint8_t kind, size_t at, size_t size) {
    enum { MACSEC_SHORT = 6, SERVICE_PATH = 8, SLIP_KIND = 2 };
    switch ((enum eg_link_header)kind) {
    case EG_LINK_HEADER_MACS: addresses_put(c, at, 6, 2); break;
    case EG_LINK_HEADER_WIRELESS_4: addresses_put(c, at + 24, 6, 1); __attribute__((fallthrough));
    case EG_LINK_HEADER_WIRELESS_3: addresses_put(c, at + 4, 6, 3); break;
    case EG_LINK_HEADER_COOKED_1: cooked_map(c, at + 6, eg_be16(c->before, at + 4)); break;
    case EG_LINK_HEADER_COOKED_2: cooked_map(c, at + 12, eg_u8(c->before, at + 11)); break;
    case EG_LINK_HEADER_SLIP: /* the packet's first bytes as they were on the line */
        if (size > SLIP_KIND) blank(c, at + SLIP_KIND, size - SLIP_KIND);
        break;
    case EG_LINK_HEADER_ARCNET: blank(c, at, 2); break;
    case EG_LINK_HEADER_INFINIBAND: infiniband_header_map(c, at); break;
    case EG_LINK_HEADER_MACSEC: /* its long form names the sender */
        if (size > MACSEC_SHORT) addresses_put(c, at + MACSEC_SHORT, 6, 1);
        break;
    case EG_LINK_HEADER_SERVICE:
        if (size > SERVICE_PATH) blank(c, at + SERVICE_PATH, size - SERVICE_PATH);
        break;
    case EG_LINK_HEADER_NFLOG: nflog_map(c, at, size); break;
    case EG_LINK_HEADER_PPI: ppi_map(c, at, size); break;
    case EG_LINK_HEADER_PKTAP: pktap_map(c, at, size); break;
    case EG_LINK_HEADER_PFLOG: pflog_map(c, at, size); break;
    case EG_LINK_HEADER_JUNIPER: juniper_map(c, at, size); break;
    case EG_LINK_HEADER_BARE: break;
    case EG_LINK_HEADER_UNTOLD: blank(c, at, SIZE_MAX); break;
    }
}

size_t eg_link_header_end(const struct change *c, uint8_t kind, size_t at, size_t size) {
    enum { SEVERAL = 14 };
    switch ((enum eg_link_header)kind) {
    case EG_LINK_HEADER_MACS: return at + SEVERAL + eg_be16(c->before, at + 12);
    case EG_LINK_HEADER_NFLOG: return at + ((nflog_end(c, at, size) - at + 3) & ~(size_t)3);
    default: return SIZE_MAX;
    }
}
