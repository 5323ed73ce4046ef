/* SPDX-License-Identifier: Apache-2.0
 * Headers by hand. What the kernel fills in (IPv4: header checksum, identification) is left zero. */
#include "sink/spoof.h"

#define UDP 17
#define HOPS 64

static void put16(uint8_t *to, size_t value) {
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static uint64_t sum_of(struct eg_span bytes) {
    uint64_t sum = 0;
    for (size_t i = 0; i + 1 < bytes.size; i += 2) sum += eg_be16(bytes, i);
    if (bytes.size & 1) sum += (uint64_t)eg_u8(bytes, bytes.size - 1) << 8;
    return sum;
}

/* Over the pseudo header, the UDP header and the payload. IPv4-mapped addresses add the same to
 * every sum (a constant 0xffff, which is zero in one's complement). */
static uint16_t udp_checksum(const struct eg_addr *from, const struct eg_addr *to,
                             struct eg_span udp, struct eg_span payload) {
    uint64_t sum = sum_of(eg_span(from, 16)) + sum_of(eg_span(to, 16)) + UDP +
                   (udp.size + payload.size) + sum_of(udp) + sum_of(payload);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    uint16_t check = (uint16_t)~sum;
    return check ? check : 0xffff; /* zero means that there is none */
}

size_t eg_spoof_header(uint8_t header[EG_SPOOF_HEADER], const struct eg_addr *from,
                       uint16_t from_port, const struct eg_addr *to, uint16_t to_port,
                       struct eg_span payload) {
    memset(header, 0, EG_SPOOF_HEADER);
    bool v4 = eg_addr_is_v4(from);
    size_t ip = v4 ? 20 : 40, length = 8 + payload.size;
    if (v4) {
        header[0] = 0x45;
        put16(header + 2, ip + length);
        header[8] = HOPS;
        header[9] = UDP;
        memcpy(header + 12, from->bytes + 12, 4);
        memcpy(header + 16, to->bytes + 12, 4);
    } else {
        header[0] = 0x60;
        put16(header + 4, length);
        header[6] = UDP;
        header[7] = HOPS;
        memcpy(header + 8, from->bytes, 16);
        memcpy(header + 24, to->bytes, 16);
    }
    uint8_t *udp = header + ip;
    put16(udp, from_port);
    put16(udp + 2, to_port);
    put16(udp + 4, length);
    put16(udp + 6, udp_checksum(from, to, eg_span(udp, 8), payload));
    return ip + 8;
}
