/* SPDX-License-Identifier: Apache-2.0
 * UDP packets around datagrams. Checksums: RFC 1071; the pseudo headers: RFC 768 and RFC 8200
 * section 8.1. */
#include "wire/datagram_frame.h"

#include "table/address.h"
#include "wire/checksum.h"

#include <string.h>

enum { IPV4 = 20, IPV6 = 40, UDP = 8, PROTO_UDP = 17, HOPS = 64 };

static void put16(uint8_t *to, uint32_t value) {
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static void ipv4_head(uint8_t *head, const struct eg_udp_ends *ends, uint32_t size,
                      bool fragments) {
    head[0] = 0x45;
    put16(head + 2, IPV4 + size);
    head[6] = fragments ? 0 : 0x40;
    head[8] = HOPS;
    head[9] = PROTO_UDP;
    memcpy(head + 12, ends->src.bytes + 12, 4);
    memcpy(head + 16, ends->dst.bytes + 12, 4);
    put16(head + 10, ~eg_sum(0, eg_span(head, IPV4)) & 0xffff);
}

static void ipv6_head(uint8_t *head, const struct eg_udp_ends *ends, uint32_t size) {
    head[0] = 0x60;
    put16(head + 4, size);
    head[6] = PROTO_UDP;
    head[7] = HOPS;
    memcpy(head + 8, ends->src.bytes, 16);
    memcpy(head + 24, ends->dst.bytes, 16);
}

size_t eg_datagram_head(uint8_t head[EG_DATAGRAM_HEAD], const struct eg_udp_ends *ends,
                        struct eg_span payload, bool fragments) {
    bool v4 = eg_addr_is_v4(&ends->src);
    uint32_t ip = v4 ? IPV4 : IPV6, room = 65535 - UDP - (v4 ? IPV4 : 0);
    if (payload.size > room) return 0;
    uint32_t size = UDP + (uint32_t)payload.size;
    uint8_t *udp = head + ip;
    memset(head, 0, EG_DATAGRAM_HEAD);
    if (v4)
        ipv4_head(head, ends, size, fragments);
    else
        ipv6_head(head, ends, size);
    put16(udp, ends->src_port);
    put16(udp + 2, ends->dst_port);
    put16(udp + 4, size);
    uint32_t addresses = v4 ? 8 : 32;
    uint32_t sum = eg_sum(PROTO_UDP + size, eg_span(udp - addresses, addresses + UDP));
    sum = ~eg_sum(sum, payload) & 0xffff;
    put16(udp + 6, sum ? sum : 0xffff); /* 0 would say that there is none */
    return ip + UDP;
}

bool eg_datagram_frame(struct eg_strbuf *to, const struct eg_udp_ends *ends,
                       struct eg_span payload) {
    uint8_t head[EG_DATAGRAM_HEAD];
    size_t size = eg_datagram_head(head, ends, payload, false);
    if (!size) return false;
    eg_strbuf_add(to, head, size);
    eg_strbuf_add(to, payload.at, payload.size);
    return true;
}
