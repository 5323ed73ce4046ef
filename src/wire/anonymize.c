/* SPDX-License-Identifier: Apache-2.0
 * Rewriting a frame along its trail of headers: first all addresses, then, from the innermost header
 * outwards, the checksums that cover what was changed, then the cut.
 *
 * The frame as it was stands beside the one being changed: it is what is looked at, and what the
 * checksums are compared with. */
#include "wire/anonymize.h"

#include "table/address.h"
#include "wire/anonymize_inside.h"
#include "wire/capture.h"
#include "wire/checksum.h"
#include "wire/dissect.h"
#include "wire/dns_addresses.h"

#include <string.h>

enum {
    QUOTES_MAX = 2, /* a quote in a quote is none */
};

/* ---- headers ---- */

/* Hardware addresses of a kind that is not known are blank, and so is a protocol's that is not IPv4. */
static void arp_map(const struct change *c, uint32_t at) {
    enum { ARCNET = 1, FRAME_RELAY = 2, MAC = 6, INFINIBAND = EG_INFINIBAND_BYTES };
    uint32_t hardware = eg_u8(c->before, at + 4), k = at + 8;
    bool known =
        hardware == ARCNET || hardware == FRAME_RELAY || hardware == MAC || hardware == INFINIBAND;
    if (!known || eg_u8(c->before, at + 5) != 4 || eg_be16(c->before, at + 2) != 0x0800) {
        blank(c, k, SIZE_MAX);
        return;
    }
    for (unsigned side = 0; side < 2; side++, k += hardware + 4) {
        if (hardware == MAC)
            addresses_put(c, k, 6, 1);
        else if (hardware == INFINIBAND)
            eg_infiniband_map(c, k);
        else
            blank(c, k, hardware);
        addresses_put(c, k + hardware, 4, 1);
    }
}

/* ---- ICMP ---- */

static void headers_map(const struct change *c, uint32_t at, const struct eg_trail *trail,
                        unsigned quotes);

static void checksums_fix(const struct change *c, uint32_t base, const struct eg_trail *trail);

/* The packet that an error quotes: an IP packet, cut anywhere. Its payload is as any other's. Its own
 * checksums come first, since those around it cover them. */
static void quote_map(const struct change *c, uint32_t at, unsigned quotes) {
    if (quotes == QUOTES_MAX) {
        blank(c, at, SIZE_MAX);
        return;
    }
    struct eg_span quote = eg_span_from(c->before, at);
    struct eg_layers layers;
    struct eg_trail trail;
    uint32_t wire = (uint32_t)quote.size;
    eg_dissect_as(EG_VIEW_INNERMOST, EG_LINK_RAW, quote, wire, &trail, &layers);
    uint8_t first = trail.count ? trail.at[0].header : EG_HEADER_PAYLOAD;
    if (first != EG_HEADER_IPV4 && first != EG_HEADER_IPV6) {
        blank(c, at, SIZE_MAX);
        return;
    }
    headers_map(c, at, &trail, quotes + 1);
    for (uint32_t i = 0; i < trail.count && !c->by->keep_payload; i++)
        if (trail.at[i].header == EG_HEADER_PAYLOAD) blank(c, at + trail.at[i].offset, SIZE_MAX);
    checksums_fix(c, at, &trail);
}

/* What stands behind the quoted packet (RFC 4884): it has a length, `unit` bytes each, or was always 128
 * bytes long. Without its payload all of that is zeros already. */
static void objects_map(const struct change *c, uint32_t quote, uint32_t length, uint32_t unit) {
    enum { ALWAYS = 128, PLAIN = 0x2000 }; /* a version, and nothing else in the first bytes */
    uint32_t at = quote + (length ? length * unit : ALWAYS);
    if (!c->by->keep_payload || (!length && eg_be16(c->before, at) != PLAIN)) return;
    eg_icmp_objects_map(c, at);
}

static void icmp_map(const struct change *c, uint32_t at, unsigned quotes) {
    enum { UNREACHABLE = 3, QUENCH = 4, REDIRECT = 5, ADVERTISEMENT = 9, EXCEEDED = 11, BAD = 12 };
    switch (eg_u8(c->before, at)) {
    case REDIRECT: addresses_put(c, at + 4, 4, 1); __attribute__((fallthrough));
    case UNREACHABLE:
    case QUENCH:
    case EXCEEDED:
    case BAD:
        quote_map(c, at + 8, quotes);
        objects_map(c, at + 8, eg_u8(c->before, at + 5), 4);
        break;
    case ADVERTISEMENT:
        for (uint32_t i = 0, k = at + 8; i < eg_u8(c->before, at + 4); i++, k += 8)
            addresses_put(c, k, 4, 1);
        break;
    default: break;
    }
}

/* Options of neighbour discovery (RFC 4861 section 4.6, RFC 8106). */
static void nd_options_map(const struct change *c, uint32_t at, unsigned quotes) {
    enum { SOURCE_MAC = 1, TARGET_MAC = 2, PREFIX = 3, REDIRECTED = 4, SERVERS = 25 };
    for (;;) {
        uint32_t size = eg_u8(c->before, at + 1) * 8u;
        if (!size || !eg_span_has(c->before, at, size)) {
            blank(c, at, SIZE_MAX);
            return;
        }
        switch (eg_u8(c->before, at)) {
        case SOURCE_MAC:
        case TARGET_MAC: mac_put(c, at + 2); break;
        case PREFIX: v6_put(c, at + 16); break;
        case REDIRECTED: quote_map(c, at + 8, quotes); break;
        case SERVERS: addresses_put(c, at + 8, 16, (size - 8) / 16); break;
        default: break;
        }
        at += size;
    }
}

/* Records of a multicast listener report (RFC 3810 section 5.2). */
static void listener_records_map(const struct change *c, uint32_t at) {
    uint32_t count = eg_be16(c->before, at + 6), k = at + 8;
    for (uint32_t i = 0; i < count && eg_span_has(c->before, k, 1); i++) {
        uint32_t sources = eg_be16(c->before, k + 2);
        addresses_put(c, k + 4, 16, 1u + sources);
        k += 20 + 16 * sources + 4u * eg_u8(c->before, k + 1);
    }
}

static void icmpv6_map(const struct change *c, uint32_t at, unsigned quotes) {
    enum {
        QUERY = 130,
        LISTENER = 131,
        LEAVER = 132,
        ROUTER_SOLICITATION = 133,
        ROUTER = 134,
        SOLICITATION = 135,
        NEIGHBOUR = 136,
        REDIRECT = 137,
        REPORT = 143
    };
    uint8_t type = eg_u8(c->before, at);
    switch (type) {
    case 1:
    case 2:
    case 3:
    case 4:
        quote_map(c, at + 8, quotes);
        if (type == 1 || type == 3) objects_map(c, at + 8, eg_u8(c->before, at + 4), 8);
        break;
    case QUERY:
        addresses_put(c, at + 8, 16, 1);
        addresses_put(c, at + 28, 16, eg_be16(c->before, at + 26));
        break;
    case LISTENER:
    case LEAVER: addresses_put(c, at + 8, 16, 1); break;
    case ROUTER_SOLICITATION: nd_options_map(c, at + 8, quotes); break;
    case ROUTER: nd_options_map(c, at + 16, quotes); break;
    case SOLICITATION:
    case NEIGHBOUR:
        addresses_put(c, at + 8, 16, 1);
        nd_options_map(c, at + 24, quotes);
        break;
    case REDIRECT:
        addresses_put(c, at + 8, 16, 2);
        nd_options_map(c, at + 40, quotes);
        break;
    case REPORT: listener_records_map(c, at); break;
    default: break;
    }
}

/* ---- DNS ---- */

struct dns_message {
    const struct change *c;
    uint32_t at;
};

/* The part of an address that a client subnet option tells; its family is 1 or 2. */
static void prefix_put(const struct change *c, const struct eg_dns_found *what, uint32_t at) {
    struct eg_addr addr = {{0}};
    bool v4 = what->detail == 1;
    if ((what->detail != 1 && what->detail != 2) || what->size > (v4 ? 4u : 16u)) {
        blank(c, at, what->size);
        return;
    }
    if (v4) addr.bytes[10] = addr.bytes[11] = 0xff;
    uint8_t *part = addr.bytes + (v4 ? 12 : 0);
    if (!eg_span_copy(c->before, at, part, what->size)) return;
    addr = eg_address_map_ip(c->by->map, addr);
    put(c, at, part, what->size);
}

static void dns_found(void *to, const struct eg_dns_found *what) {
    struct dns_message *m = to;
    uint32_t at = m->at + what->offset;
    switch (what->place) {
    case EG_DNS_V4: v4_put(m->c, at); break;
    case EG_DNS_V6: v6_put(m->c, at); break;
    case EG_DNS_PREFIX: prefix_put(m->c, what, at); break;
    case EG_DNS_NIBBLE:
    case EG_DNS_LABEL: /* digits would change in number: the name keeps its shape only */
        for (uint32_t i = 0; i < what->size; i++) put(m->c, at + i, "x", 1);
        break;
    }
}

static bool dns_port(uint16_t port) { return port == 53 || port == 5353 || port == 5355; }

/* What stands behind the header, of `length` bytes as is said in front of it: it may go on in another
 * packet, or was not captured whole, and then it ends with a piece of who knows what. */
static void transport_map(const struct change *c, uint32_t at, uint32_t header, uint32_t length) {
    if (!dns_port(eg_be16(c->before, at)) && !dns_port(eg_be16(c->before, at + 2))) return;
    struct dns_message m = {c, at + header};
    struct eg_span message = eg_span_from(c->before, m.at);
    uint32_t whole = eg_dns_addresses(message, dns_found, &m);
    if (length > message.size) blank(c, m.at + whole, SIZE_MAX);
}

/* ---- tunnels ---- */

/* Teredo (RFC 4380 section 5.1.1): what authenticates a client names it; where it came from stands in an
 * origin indication, every bit of it the other way round. */
static void teredo_map(const struct change *c, uint32_t at, uint32_t size) {
    enum { AUTHENTICATION = 1, ORIGIN = 8 };
    uint32_t begin = at, end = at + size;
    if (size && eg_be16(c->before, at) == AUTHENTICATION) {
        begin += 4u + eg_u8(c->before, at + 2) + eg_u8(c->before, at + 3) + 9;
        blank(c, at + 4, begin - at - 4);
    }
    if (end < begin + ORIGIN) return;
    struct eg_addr addr = {.bytes = {[10] = 0xff, [11] = 0xff}};
    uint32_t client = ~eg_be32(c->before, begin + 4);
    for (unsigned i = 0; i < 4; i++) addr.bytes[12 + i] = (uint8_t)(client >> (24 - 8 * i));
    addr = eg_address_map_ip(c->by->map, addr);
    for (unsigned i = 0; i < 4; i++) addr.bytes[12 + i] ^= 0xff;
    put(c, begin + 4, addr.bytes + 12, 4);
}

/* CAPWAP (RFC 5415 section 4.3): a flag says that the radio's own address stands in the header. */
static void capwap_map(const struct change *c, uint32_t at, uint32_t size) {
    enum { FLAGS = 3, RADIO = 0x10, LENGTH = 8 };
    if (size <= LENGTH || !(eg_u8(c->before, at + FLAGS) & RADIO)) return;
    if (eg_u8(c->before, at + LENGTH) == 6)
        addresses_put(c, at + LENGTH + 1, 6, 1);
    else
        blank(c, at + LENGTH + 1, size - LENGTH - 1);
}

static void tunnel_map(const struct change *c, uint8_t tunnel, uint32_t at, uint32_t size) {
    switch ((enum eg_tunnel)tunnel) {
    case EG_TUNNEL_TEREDO: teredo_map(c, at, size); break;
    case EG_TUNNEL_CAPWAP: capwap_map(c, at, size); break;
    case EG_TUNNEL_GENEVE: eg_geneve_map(c, at, size); break;
    case EG_TUNNEL_GRE:
    case EG_TUNNEL_ERSPAN: eg_gre_map(c, at, size); break;
    default: break;
    }
}

static bool is_gre(uint8_t tunnel) { return tunnel == EG_TUNNEL_GRE || tunnel == EG_TUNNEL_ERSPAN; }

/* ---- along the trail ---- */

static void headers_map(const struct change *c, uint32_t base, const struct eg_trail *trail,
                        unsigned quotes) {
    for (uint32_t i = 0; i < trail->count; i++) {
        uint32_t at = base + trail->at[i].offset, size = trail->at[i].size;
        switch ((enum eg_header)trail->at[i].header) {
        case EG_HEADER_ETHERNET: addresses_put(c, at, 6, 2); break;
        case EG_HEADER_LINK: eg_link_header_map(c, trail->at[i].detail, at, size); break;
        case EG_HEADER_ARP: arp_map(c, at); break;
        case EG_HEADER_IPV4:
            addresses_put(c, at + 12, 4, 2);
            eg_ipv4_options_map(c, at + 20, at + size);
            break;
        case EG_HEADER_IPV6: addresses_put(c, at + 8, 16, 2); break;
        case EG_HEADER_IPV6_MORE: eg_ipv6_extension_map(c, trail->at[i].detail, at, size); break;
        case EG_HEADER_ICMP: icmp_map(c, at, quotes); break;
        case EG_HEADER_ICMPV6: icmpv6_map(c, at, quotes); break;
        case EG_HEADER_UDP: {
            uint32_t length = eg_be16(c->before, at + 4);
            transport_map(c, at, 8, length > 8 ? length - 8 : 0);
            break;
        }
        case EG_HEADER_TCP: /* of DNS, a length stands first */
            eg_tcp_options_map(c, at + 20, at + size);
            transport_map(c, at, size + 2, eg_be16(c->before, at + size));
            break;
        case EG_HEADER_TUNNEL: tunnel_map(c, trail->at[i].detail, at, size); break;
        case EG_HEADER_VLAN:
        case EG_HEADER_MPLS:
        case EG_HEADER_SCTP:
        case EG_HEADER_DCCP:
        case EG_HEADER_PAYLOAD: break;
        }
    }
}

/* ---- checksums ---- */

static struct eg_span after_of(const struct change *c) { return eg_span(c->after, c->before.size); }

static void range_changed(const struct change *c, struct eg_sum_change *sum, size_t at,
                          size_t size) {
    eg_sum_changed(sum, eg_span_sub(c->before, at, size), eg_span_sub(after_of(c), at, size));
}

/* The destination that counts for checksums: with a routing header that is not at its end yet, the
 * last one on the way (RFC 8200 section 8.1, RFC 8754 section 2). */
static size_t final_destination(const struct change *c, uint32_t base, const struct eg_trail *trail,
                                uint32_t ip, uint32_t transport) {
    enum { ROUTING = 43, SEGMENTS = 4 };
    size_t found = base + trail->at[ip].offset + 24;
    for (uint32_t i = ip + 1; i < transport; i++) {
        if (trail->at[i].header != EG_HEADER_IPV6_MORE || trail->at[i].detail != ROUTING) continue;
        size_t at = base + trail->at[i].offset, size = trail->at[i].size;
        if (size < 24 || !eg_u8(c->before, at + 3)) continue;
        found = eg_u8(c->before, at + 2) == SEGMENTS ? at + 8 : at + size - 16;
    }
    return found;
}

/* What a transport checksum covers: the addresses of the IP header before it, and all up to the end
 * of that packet. */
static void transport_fix(const struct change *c, uint32_t base, const struct eg_trail *trail,
                          uint32_t i, uint32_t field, bool pseudo) {
    uint32_t ip = i;
    while (ip && trail->at[ip].header != EG_HEADER_IPV4 && trail->at[ip].header != EG_HEADER_IPV6)
        ip--;
    bool v4 = trail->at[ip].header == EG_HEADER_IPV4;
    if (!v4 && trail->at[ip].header != EG_HEADER_IPV6) return;
    size_t head = base + trail->at[ip].offset, at = base + trail->at[i].offset;
    size_t length = v4 ? eg_be16(c->before, head + 2) : 40u + eg_be16(c->before, head + 4);
    if (length <= at - head)
        length = SIZE_MAX - head; /* segments that were cut by the card later */
    struct eg_sum_change sum = {0};
    if (pseudo && v4) range_changed(c, &sum, head + 12, 8);
    if (pseudo && !v4) {
        range_changed(c, &sum, head + 8, 16);
        range_changed(c, &sum, final_destination(c, base, trail, ip, i), 16);
    }
    range_changed(c, &sum, at, head + length - at);
    uint16_t was = eg_be16(c->before, at + field);
    bool udp = trail->at[i].header == EG_HEADER_UDP;
    if (udp && !was) return; /* there is none */
    uint16_t is = eg_sum_apply(&sum, was);
    if (eg_span_has(c->before, at + field, 2)) put16(c, at + field, udp && !is ? 0xffff : is);
}

/* From the innermost header outwards: what an outer one covers is right then. */
static void checksums_fix(const struct change *c, uint32_t base, const struct eg_trail *trail) {
    for (uint32_t i = trail->count; i-- > 0;) {
        size_t at = base + trail->at[i].offset;
        struct eg_sum_change sum = {0};
        switch ((enum eg_header)trail->at[i].header) {
        case EG_HEADER_IPV4:
            range_changed(c, &sum, at, trail->at[i].size);
            put16(c, at + 10, eg_sum_apply(&sum, eg_be16(c->before, at + 10)));
            break;
        case EG_HEADER_TCP: transport_fix(c, base, trail, i, 16, true); break;
        case EG_HEADER_UDP: transport_fix(c, base, trail, i, 6, true); break;
        case EG_HEADER_ICMP: transport_fix(c, base, trail, i, 2, false); break;
        case EG_HEADER_ICMPV6: transport_fix(c, base, trail, i, 2, true); break;
        case EG_HEADER_TUNNEL:
            if (is_gre(trail->at[i].detail) && eg_u8(c->before, at) & 0x80) {
                range_changed(c, &sum, at, SIZE_MAX - at);
                put16(c, at + 4, eg_sum_apply(&sum, eg_be16(c->before, at + 4)));
            }
            break;
        default: break;
        }
    }
}

/* ---- the cut ---- */

/* Where a frame in a frame ends, by the header in front of it: what stands behind is not looked at. */
static uint32_t frame_end(const struct change *c, const struct eg_trail *trail) {
    size_t end = c->before.size;
    for (uint32_t i = 0; i < trail->count; i++) {
        if (trail->at[i].header != EG_HEADER_LINK) continue;
        size_t found =
            eg_link_header_end(c, trail->at[i].detail, trail->at[i].offset, trail->at[i].size);
        if (found < end) end = found;
    }
    return (uint32_t)end;
}

/* What may stay of a frame: headers that were understood; of payload, what stands behind a transport
 * header, where it is kept; of ICMP errors and neighbour discovery the mapped message. */
static uint32_t what_stays(const struct change *c, const struct eg_trail *trail,
                           const struct eg_layers *layers) {
    if (!trail->count) return 0;
    uint32_t size = frame_end(c, trail), behind = 0;
    uint8_t last = trail->at[0].header;
    for (uint32_t i = 0; i < trail->count; i++) {
        if (trail->at[i].header == EG_HEADER_PAYLOAD) break;
        last = trail->at[i].header;
        behind = trail->at[i].offset + trail->at[i].size;
    }
    uint32_t at = behind;
    switch ((enum eg_header)last) {
    case EG_HEADER_ICMP:
    case EG_HEADER_ICMPV6: {
        for (uint32_t i = 0; i < trail->count; i++)
            if (trail->at[i].header == last) at = trail->at[i].offset;
        uint8_t type = eg_u8(c->before, at);
        bool echo = last == EG_HEADER_ICMP ? type == 0 || type == 8 : type == 128 || type == 129;
        if (!echo || c->by->keep_payload) return size;
        return at + 8 < size ? at + 8 : size;
    }
    case EG_HEADER_ARP: return behind < size ? behind : size;
    case EG_HEADER_UDP: /* what a tunnel's header that was cut begins is no payload */
        if (layers->remarks & EG_REMARK_FRAME_CUT) return behind < size ? behind : size;
        __attribute__((fallthrough));
    case EG_HEADER_TCP:
    case EG_HEADER_DCCP:
    case EG_HEADER_SCTP: return c->by->keep_payload ? size : behind;
    default: {
        enum { TCP = 6, UDP = 17, ESP = 50, SCTP = 132 };
        bool piece =
            layers->fragment && (layers->piece_proto == TCP || layers->piece_proto == UDP ||
                                 layers->piece_proto == SCTP);
        bool opaque = layers->has & EG_HAS_PROTO && layers->proto == ESP;
        return c->by->keep_payload && (piece || opaque) ? size : behind;
    }
    }
}

/* Netfilter's log gives the packet as a field of its own length, which readers take whole or not at
 * all: its payload becomes zeros. */
static bool told_whole(const struct eg_trail *trail) {
    for (uint32_t i = 0; i < trail->count; i++)
        if (trail->at[i].header == EG_HEADER_LINK && trail->at[i].detail == EG_LINK_HEADER_NFLOG)
            return true;
    return false;
}

/* A frame ends before a link header that nobody has told the names in. */
static void trail_end_at_untold(struct eg_trail *trail) {
    for (uint32_t i = 0; i < trail->count; i++)
        if (trail->at[i].header == EG_HEADER_LINK && trail->at[i].detail == EG_LINK_HEADER_UNTOLD)
            trail->count = i;
}

uint32_t eg_anonymize(const struct eg_anonymizer *by, uint32_t link_type, uint8_t *frame,
                      uint32_t size, uint32_t wire_length, struct eg_tally *tally) {
    if (size > EG_FRAME_BYTES_MAX) size = EG_FRAME_BYTES_MAX;
    memcpy(by->before, frame, size);
    bool blanked = false;
    struct change c = {by, eg_span(by->before, size), frame, &blanked};
    struct eg_layers layers;
    struct eg_trail trail;
    eg_dissect_as(EG_VIEW_INNERMOST, link_type, c.before, wire_length, &trail, &layers);
    trail_end_at_untold(&trail);
    bool other = layers.remarks & EG_REMARK_LINK_TYPE_UNSUPPORTED;
    if (other || (!trail.count && size)) {
        eg_tally_add(tally, EG_CAUSE_link_type_unsupported, NULL, INT64_MIN, 0, 1, size);
        return 0;
    }
    headers_map(&c, 0, &trail, 0);
    uint32_t left = what_stays(&c, &trail, &layers);
    if (told_whole(&trail)) {
        uint32_t end = frame_end(&c, &trail);
        blank(&c, left, end - left);
        left = end;
    }
    checksums_fix(&c, 0, &trail);
    if (blanked && by->options_blanked) ++*by->options_blanked;
    return left;
}
