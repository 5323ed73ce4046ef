/* SPDX-License-Identifier: Apache-2.0
 * IPv4 (RFC 791) and IPv6 with its extension headers (RFC 8200, 4302, 2675).
 *
 * The IP length decides what is payload and what is padding; a length that the frame does not have
 * is bounded by it, and a length of 0 means that the capturing machine left it to its network card. */
#include "wire/dissect_steps.h"

enum {
    NEXT_HOP_BY_HOP = 0,
    NEXT_TCP = 6,
    NEXT_UDP = 17,
    NEXT_ROUTING = 43,
    NEXT_FRAGMENT = 44,
    NEXT_AUTHENTICATION = 51,
    NEXT_NONE = 59,
    NEXT_DESTINATION = 60,
    NEXT_MOBILITY = 135,
    NEXT_HIP = 139,
    NEXT_SHIM6 = 140,
};

/* ---- IPv4 ---- */

static void addr_v4(struct eg_addr *out, struct eg_span s, size_t offset) {
    out->bytes[10] = out->bytes[11] = 0xff;
    (void)eg_span_copy(s, offset, out->bytes + 12, 4);
}

/* The fields that `size` bytes of the header hold. */
static inline void ipv4_fields(struct eg_span s, struct eg_layers *out) {
    uint16_t flags = eg_be16(s, 6);
    out->ip_id = eg_be16(s, 4);
    out->dont_fragment = flags & 0x4000;
    out->more_fragments = flags & 0x2000;
    out->fragment_offset = (uint16_t)(flags << 3);
    out->ttl = eg_u8(s, 8);
    out->proto = eg_u8(s, 9);
    addr_v4(&out->src, s, 12);
    addr_v4(&out->dst, s, 16);
}

#define IPV4_HAS                                                                                   \
    (EG_HAS_IP_ID | EG_HAS_FRAGMENT | EG_HAS_DONT_FRAGMENT | EG_HAS_TTL | EG_HAS_PROTO |           \
     EG_HAS_SRC | EG_HAS_DST)

/* A header that the capture cut: only the fields in front of the cut. */
static void ipv4_cut(struct eg_span s, struct eg_layers *out) {
    uint8_t header[20] = {0};
    (void)eg_span_copy(s, 0, header, s.size);
    ipv4_fields(eg_span(header, sizeof header), out);
    out->has |= (s.size >= 6 ? EG_HAS_IP_ID : 0u) |
                (s.size >= 8 ? EG_HAS_FRAGMENT | EG_HAS_DONT_FRAGMENT : 0u) |
                (s.size >= 9 ? EG_HAS_TTL : 0u) | (s.size >= 10 ? EG_HAS_PROTO : 0u) |
                (s.size >= 16 ? EG_HAS_SRC : 0u);
    if (s.size < 6) out->ip_id = 0;
    if (s.size < 8) {
        out->fragment_offset = 0;
        out->more_fragments = out->dont_fragment = false;
    }
    if (s.size < 16) out->src = (struct eg_addr){{0}};
    out->dst = (struct eg_addr){{0}};
}

/* IPv4 knows one extension header (RFC 4302). False: it is not whole. */
static bool authentication(struct eg_walk *walk) {
    struct eg_layers *out = walk->out;
    if (!eg_walk_has(walk, 12)) {
        eg_walk_pass(walk, EG_HEADER_IPV6_MORE, NEXT_AUTHENTICATION, 12);
        return false;
    }
    struct eg_span s = walk->rest.span;
    uint32_t size = (eg_u8(s, 1) + 2u) * 4;
    bool whole = eg_walk_has(walk, size);
    eg_walk_pass(walk, EG_HEADER_IPV6_MORE, NEXT_AUTHENTICATION, size);
    if (!whole) return false;
    out->proto = eg_u8(s, 0);
    out->ip_header_length += size;
    walk->headers++;
    return true;
}

/* What the header says it has; false: it cannot be. */
static bool ipv4_length(struct eg_walk *walk, uint32_t header, uint32_t *total) {
    struct eg_span s = walk->rest.span;
    *total = eg_be16(s, 2);
    if (*total == 0) *total = walk->rest.wire;
    return *total >= header || s.size < 4;
}

static uint32_t ipv4_behind(struct eg_walk *walk) {
    struct eg_layers *out = walk->out;
    if (__builtin_expect(out->fragment, 0)) {
        out->piece = walk->rest.span;
        out->piece_length = walk->rest.wire;
        out->piece_proto = out->proto;
        if (out->fragment_offset) return EG_NEXT_NONE;
    }
    if (__builtin_expect(out->proto == NEXT_AUTHENTICATION, 0) && !authentication(walk))
        return EG_NEXT_NONE;
    return eg_step_transport(walk, out->proto);
}

uint32_t eg_step_ipv4(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    struct eg_layers *out = walk->out;
    if (!eg_walk_has(walk, 1)) return EG_NEXT_NONE;
    uint32_t header = (eg_u8(s, 0) & 15u) * 4, total;
    if (eg_u8(s, 0) >> 4 != 4 || header < 20) {
        out->remarks |= EG_REMARK_HEADER_BAD;
        return EG_NEXT_NONE;
    }
    out->ip_version = 4;
    out->has |= EG_HAS_IP_VERSION;
    if (s.size >= 2) {
        out->tos = eg_u8(s, 1);
        out->has |= EG_HAS_TOS;
    }
    if (!ipv4_length(walk, header, &total)) {
        out->remarks |= EG_REMARK_HEADER_BAD;
        return EG_NEXT_NONE;
    }
    if (!eg_walk_has(walk, 20)) {
        ipv4_cut(s, out);
        eg_walk_pass(walk, EG_HEADER_IPV4, 0, header);
        return EG_NEXT_NONE;
    }
    ipv4_fields(s, out);
    out->has |= IPV4_HAS;
    struct eg_rest rest = walk->rest; /* in registers: what was just written is slow to read back */
    eg_rest_bound(&rest, total);
    walk->rest = rest;
    out->ip = rest.span;
    out->ip_length = rest.wire;
    out->ip_header_length = header;
    out->fragment = eg_be16(s, 6) & 0x3fff; /* more of them, or an offset */
    bool whole = eg_walk_has(walk, header);
    eg_walk_pass(walk, EG_HEADER_IPV4, 0, header);
    return whole ? ipv4_behind(walk) : EG_NEXT_NONE;
}

/* ---- IPv6 ---- */

/* The length that the jumbo payload option of a hop-by-hop header gives, or 0. */
static uint32_t jumbo_length(struct eg_span header) {
    enum { OPTION_PAD1 = 0, OPTION_JUMBO = 0xc2 };
    for (size_t at = 2; at < header.size;) {
        uint8_t option = eg_u8(header, at);
        if (option == OPTION_PAD1) {
            at++;
            continue;
        }
        uint8_t size = eg_u8(header, at + 1);
        if (option == OPTION_JUMBO && size == 4) return eg_be32(header, at + 2);
        at += 2 + (size_t)size;
    }
    return 0;
}

/* What is meant by a payload length of 0: a jumbogram, or a segment that was captured before the
 * network card cut it into packets; else nothing. `wire` is what there is behind the header. */
static uint32_t long_length(struct eg_span s, uint8_t next, uint32_t wire) {
    if ((next == NEXT_TCP && wire >= 20) || (next == NEXT_UDP && wire >= 8)) return wire;
    if (next != NEXT_HOP_BY_HOP) return 0;
    struct eg_span header = eg_span_from(s, 40);
    size_t size = (eg_u8(header, 1) + 1u) * 8;
    if (!eg_span_has(header, 0, size)) return wire; /* cut: the option may have stood there */
    return jumbo_length(eg_span_sub(header, 0, size));
}

static bool is_extension(uint8_t next) {
    switch (next) {
    case NEXT_HOP_BY_HOP:
    case NEXT_ROUTING:
    case NEXT_FRAGMENT:
    case NEXT_AUTHENTICATION:
    case NEXT_DESTINATION:
    case NEXT_MOBILITY:
    case NEXT_HIP:
    case NEXT_SHIM6: return true;
    default: return false;
    }
}

/* Headers that may stand for themselves, with nothing behind them. */
static bool is_signal(uint8_t next) {
    return next == NEXT_MOBILITY || next == NEXT_HIP || next == NEXT_SHIM6;
}

static void fragment_header(struct eg_span s, struct eg_layers *out) {
    uint16_t word = eg_be16(s, 2);
    out->fragment_offset = word & 0xfff8;
    out->more_fragments = word & 1;
    out->ip_id = eg_be32(s, 4);
    out->fragment = out->fragment_offset || out->more_fragments;
    out->has |= EG_HAS_FRAGMENT | EG_HAS_IP_ID;
}

/* The size of an extension header, each kind of which counts in its own way. */
static uint32_t extension_size(struct eg_span s, uint8_t kind) {
    if (kind == NEXT_AUTHENTICATION) return (eg_u8(s, 1) + 2u) * 4;
    return kind == NEXT_FRAGMENT ? 8 : (eg_u8(s, 1) + 1u) * 8;
}

/* One header of the chain; false: it is not whole. `*next`: what it is, then what follows. */
static bool extension_header(struct eg_walk *walk, uint8_t *next) {
    struct eg_span s = walk->rest.span;
    bool whole = eg_walk_has(walk, 8);
    uint32_t size = extension_size(s, *next);
    if (whole && *next == NEXT_FRAGMENT) fragment_header(s, walk->out);
    whole = whole && eg_walk_has(walk, size);
    eg_walk_pass(walk, EG_HEADER_IPV6_MORE, *next, size);
    if (!whole) return false;
    *next = eg_u8(s, 0);
    walk->out->ip_header_length += size;
    walk->headers++;
    return true;
}

/* Follows the chain of extension headers. True: `*next` is what follows them. */
static bool extension_headers(struct eg_walk *walk, uint8_t *next) {
    struct eg_layers *out = walk->out;
    for (int headers = 0; is_extension(*next); headers++) {
        if (headers == EG_IPV6_HEADERS_MAX || walk->headers >= EG_HEADERS_MAX) {
            out->remarks |= EG_REMARK_DEPTH_EXCEEDED;
            return false;
        }
        uint8_t this = *next;
        if (!extension_header(walk, next)) return false;
        if (*next == NEXT_NONE && is_signal(this)) { /* the header was the message */
            *next = this;
            break;
        }
        if (this == NEXT_FRAGMENT && out->fragment) {
            out->piece = walk->rest.span;
            out->piece_length = walk->rest.wire;
            out->piece_proto = *next;
            if (out->fragment_offset) break; /* what follows is the middle of something */
        }
    }
    return true;
}

/* The fields of the fixed header that are there. */
static void ipv6_fields(struct eg_span s, struct eg_layers *out) {
    out->ip_version = 6;
    out->has |= EG_HAS_IP_VERSION;
    if (s.size >= 2) {
        out->tos = (uint8_t)(eg_be16(s, 0) >> 4);
        out->has |= EG_HAS_TOS;
    }
    if (s.size >= 8) {
        out->ttl = eg_u8(s, 7);
        out->has |= EG_HAS_TTL;
    }
    if (eg_span_copy(s, 8, out->src.bytes, 16)) out->has |= EG_HAS_SRC;
    if (eg_span_copy(s, 24, out->dst.bytes, 16)) out->has |= EG_HAS_DST;
}

uint32_t eg_step_ipv6(struct eg_walk *walk) {
    struct eg_span s = walk->rest.span;
    struct eg_layers *out = walk->out;
    if (!eg_walk_has(walk, 1)) return EG_NEXT_NONE;
    if (eg_u8(s, 0) >> 4 != 6) {
        out->remarks |= EG_REMARK_HEADER_BAD;
        return EG_NEXT_NONE;
    }
    ipv6_fields(s, out);
    if (!eg_walk_has(walk, 40)) {
        eg_walk_pass(walk, EG_HEADER_IPV6, 0, 40);
        return EG_NEXT_NONE;
    }
    uint32_t length = eg_be16(s, 4), behind = walk->rest.wire - 40;
    uint8_t next = eg_u8(s, 6);
    if (length == 0) length = long_length(s, next, behind);
    if (length < behind) eg_rest_bound(&walk->rest, 40 + length);
    out->ip = walk->rest.span;
    out->ip_length = walk->rest.wire;
    out->ip_header_length = 40;
    eg_walk_pass(walk, EG_HEADER_IPV6, 0, 40);
    if (!extension_headers(walk, &next)) return EG_NEXT_NONE;
    out->proto = next;
    out->has |= EG_HAS_PROTO;
    return out->fragment_offset ? EG_NEXT_NONE : eg_step_transport(walk, next);
}
