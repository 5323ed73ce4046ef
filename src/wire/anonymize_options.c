/* SPDX-License-Identifier: Apache-2.0
 * Options of headers: those that hold addresses are mapped, those that are known to hold none stay, and of
 * all others the data becomes zeros: their kinds and lengths stay. Sources: RFC 791, 2113 (IPv4), 8200, 2473,
 * 2675, 2711, 6275 (IPv6), 9293, 8684 (TCP), 8926 (GENEVE), 1701 (routes of GRE), 4884 (ICMP). */
#include "wire/anonymize_inside.h"
#include "wire/checksum.h"

/* Data that nobody here knows; that it held something is told. */
static void unknown_blank(const struct change *c, size_t at, size_t size) {
    struct eg_span piece = eg_span_sub(c->before, at, size);
    for (size_t i = 0; i < piece.size && c->blanked && !*c->blanked; i++)
        *c->blanked = eg_u8(piece, i) != 0;
    blank(c, at, size);
}

/* ---- IPv4 ---- */

static void ipv4_option_map(const struct change *c, uint32_t at, uint32_t size) {
    enum {
        RECORD_ROUTE = 7,
        PROBE_MTU = 11,
        REPLY_MTU = 12,
        QUICK_START = 25,
        TIME = 68,
        SECURITY = 130,
        LOOSE = 131,
        MORE_SECURITY = 133,
        LABELS = 134,
        STREAM = 136,
        STRICT = 137,
        ALERT = 148
    };
    switch (eg_u8(c->before, at)) {
    case RECORD_ROUTE:
    case LOOSE:
    case STRICT:
        for (uint32_t k = at + 3; k + 4 <= at + size; k += 4) v4_put(c, k);
        break;
    case TIME:
        for (uint32_t k = at + 4; eg_u8(c->before, at + 3) & 15 && k + 8 <= at + size; k += 8)
            v4_put(c, k);
        break;
    case PROBE_MTU:
    case REPLY_MTU:
    case QUICK_START:
    case SECURITY:
    case MORE_SECURITY:
    case LABELS:
    case STREAM:
    case ALERT: break;
    default: unknown_blank(c, at + 2, size - 2);
    }
}

/* Those of IPv4 and TCP are alike: a kind, and, but for two kinds, a length. */
static void options_map(const struct change *c, uint32_t at, uint32_t end,
                        void (*map)(const struct change *, uint32_t at, uint32_t size)) {
    enum { END = 0, NOP = 1 };
    while (at < end) {
        uint8_t option = eg_u8(c->before, at), size = eg_u8(c->before, at + 1);
        if (option == END) {
            unknown_blank(c, at + 1, end - at - 1);
            return;
        }
        if (option == NOP) {
            at++;
            continue;
        }
        if (size < 2 || size > end - at) {
            unknown_blank(c, at, end - at);
            return;
        }
        map(c, at, size);
        at += size;
    }
}

void eg_ipv4_options_map(const struct change *c, uint32_t at, uint32_t end) {
    options_map(c, at, end, ipv4_option_map);
}

/* ---- TCP ---- */

/* Multipath TCP tells further addresses of a host: the address behind its number, then a port, then what
 * authenticates them, or not. */
static void multipath_map(const struct change *c, uint32_t at, uint32_t size) {
    enum { ADD_ADDRESS = 3, FRONT = 4, PORT = 2, PROOF = 8 };
    if (eg_u8(c->before, at + 2) >> 4 != ADD_ADDRESS) return;
    for (uint32_t width = 4; width <= 16; width += 12)
        for (uint32_t more = 0; more <= PORT + PROOF; more += more == PORT ? 6 : 2)
            if (size == FRONT + width + more) {
                addresses_put(c, at + FRONT, width, 1);
                return;
            }
    unknown_blank(c, at + FRONT, size > FRONT ? size - FRONT : 0);
}

static void tcp_option_map(const struct change *c, uint32_t at, uint32_t size) {
    enum {
        SEGMENT = 2,
        SCALE = 3,
        SACK_PERMITTED = 4,
        SACK = 5,
        TIMES = 8,
        MD5 = 19,
        TIMEOUT = 28,
        AUTHENTICATION = 29,
        MULTIPATH = 30,
        COOKIE = 34
    };
    switch (eg_u8(c->before, at)) {
    case SEGMENT:
    case SCALE:
    case SACK_PERMITTED:
    case SACK:
    case TIMES:
    case MD5:
    case TIMEOUT:
    case AUTHENTICATION:
    case COOKIE: break;
    case MULTIPATH: multipath_map(c, at, size); break;
    default: unknown_blank(c, at + 2, size - 2);
    }
}

void eg_tcp_options_map(const struct change *c, uint32_t at, uint32_t end) {
    options_map(c, at, end, tcp_option_map);
}

/* ---- IPv6 ---- */

/* Types 0, 2 and 4 keep 16-byte addresses from the ninth byte on. */
static void routing_map(const struct change *c, uint32_t at, uint32_t size) {
    uint8_t type = eg_u8(c->before, at + 2);
    uint32_t k = at + 8;
    if (type == 0 || type == 2 || type == 4)
        for (; k + 16 <= at + size && eg_span_has(c->before, k, 16); k += 16) v6_put(c, k);
    if (k < at + size) unknown_blank(c, k, at + size - k);
}

static void ipv6_options_map(const struct change *c, uint32_t at, uint32_t end) {
    enum {
        PAD = 0,
        TUNNEL_LIMIT = 4,
        ALERT = 5,
        QUICK_START = 0x26,
        JUMBO = 0xc2,
        HOME_ADDRESS = 0xc9
    };
    while (at < end) {
        uint8_t option = eg_u8(c->before, at), size = eg_u8(c->before, at + 1);
        if (option == PAD) {
            at++;
            continue;
        }
        if (end - at < 2u + size) { /* what is behind is of another header */
            unknown_blank(c, at, end - at);
            return;
        }
        if (option == HOME_ADDRESS && size == 16)
            addresses_put(c, at + 2, 16, 1);
        else if (option != TUNNEL_LIMIT && option != ALERT && option != QUICK_START &&
                 option != JUMBO)
            unknown_blank(c, at + 2, size);
        at += 2u + size;
    }
}

/* Authentication and the place of a fragment name nobody; what hosts tell each other about their other
 * addresses (mobility, HIP, shim6) does. */
void eg_ipv6_extension_map(const struct change *c, uint8_t number, uint32_t at, uint32_t size) {
    enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, AUTHENTICATION = 51, DESTINATION = 60 };
    switch (number) {
    case HOP_BY_HOP:
    case DESTINATION: ipv6_options_map(c, at + 2, at + size); break;
    case ROUTING: routing_map(c, at, size); break;
    case FRAGMENT:
    case AUTHENTICATION: break;
    default: unknown_blank(c, at + 8, size > 8 ? size - 8 : 0);
    }
}

/* ---- tunnels ---- */

void eg_geneve_map(const struct change *c, uint32_t at, uint32_t size) {
    enum { HEADER = 8, OPTION = 4 };
    uint32_t k = at + HEADER, end = at + size;
    while (k < end && end - k >= OPTION) {
        uint32_t length = (eg_u8(c->before, k + 3) & 0x1fu) * 4;
        if (length > end - k - OPTION) length = end - k - OPTION;
        unknown_blank(c, k + OPTION, length);
        k += OPTION + length;
    }
    if (k < end) unknown_blank(c, k, end - k);
}

/* Source routes of GRE (RFC 1701): addresses of the protocol that each names. */
void eg_gre_map(const struct change *c, uint32_t at, uint32_t size) {
    enum { ROUTING = 0x4000, KEY = 0x2000, SEQUENCE = 0x1000, VERSION = 7, IPV4 = 0x0800 };
    uint32_t flags = eg_be16(c->before, at), end = at + size;
    uint32_t k = at + 8 + (flags & KEY ? 4 : 0) + (flags & SEQUENCE ? 4 : 0);
    if (!(flags & ROUTING) || flags & VERSION) return;
    while (k + 4 <= end) {
        uint32_t family = eg_be16(c->before, k), length = eg_u8(c->before, k + 3);
        k += 4;
        if (!length) return;
        if (length > end - k) length = end - k;
        uint32_t whole = family == IPV4 ? length / 4 : 0;
        addresses_put(c, k, 4, whole);
        unknown_blank(c, k + 4 * whole, length - 4 * whole);
        k += length;
    }
}

/* ---- ICMP ---- */

/* Behind the packet that an error quotes: objects, of which labels of MPLS name nobody, and interfaces,
 * with their addresses and names, do (RFC 5837). */
void eg_icmp_objects_map(const struct change *c, size_t at) {
    enum { VERSION = 2, HEADER = 4, LABELS = 1 };
    size_t k = at + HEADER;
    if (!eg_span_has(c->before, at, HEADER) || eg_u8(c->before, at) >> 4 != VERSION) return;
    while (eg_span_has(c->before, k, HEADER)) {
        size_t size = eg_be16(c->before, k);
        if (size < HEADER) break;
        if (eg_u8(c->before, k + 2) != LABELS) unknown_blank(c, k + HEADER, size - HEADER);
        k += size;
    }
    uint16_t was = eg_be16(c->before, at + 2);
    struct eg_sum_change sum = {0};
    eg_sum_changed(&sum, eg_span_sub(c->before, at, k - at),
                   eg_span_sub(eg_span(c->after, c->before.size), at, k - at));
    if (was) put16(c, at + 2, eg_sum_apply(&sum, was));
}
