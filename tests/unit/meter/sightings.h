/* SPDX-License-Identifier: Apache-2.0
 * Sightings made by hand. */
#ifndef EG_SIGHTINGS_H
#define EG_SIGHTINGS_H

#include "meter/shard.h"

#define SECOND INT64_C(1000000)
#define T0 (INT64_C(1700000000) * SECOND)

static const struct eg_flow_secret secret = {{1, 2}};

static inline struct eg_addr v4(unsigned last) {
    return (struct eg_addr){{[10] = 255, [11] = 255, 10, 0, 0, (uint8_t)last}};
}

/* A packet from 10.0.0.<src> to 10.0.0.<dst>, 100 bytes on the wire, at T0 + us. */
static inline struct eg_sighting seen(unsigned proto, unsigned src, unsigned src_port, unsigned dst,
                                      unsigned dst_port, int64_t us) {
    static const struct eg_metering both_ways = {.idle_us = 0};
    struct eg_layers layers = {
        .has = EG_HAS_SRC | EG_HAS_DST | EG_HAS_PROTO | EG_HAS_PORTS | EG_HAS_TTL | EG_HAS_TOS,
        .src = v4(src),
        .dst = v4(dst),
        .proto = (uint8_t)proto,
        .src_port = (uint16_t)src_port,
        .dst_port = (uint16_t)dst_port,
        .ttl = (uint8_t)(60 + src),
        .ip_version = 4,
    };
    struct eg_frame frame = {.link_type = 1, .length = 100, .time_us = T0 + us};
    struct eg_sighting s = {.number = 0};
    eg_sighting_of(&both_ways, &secret, &frame, &layers, &s);
    return s;
}

/* A TCP segment. */
static inline struct eg_sighting segment(bool down, int64_t us, unsigned flags, uint32_t seq,
                                         uint32_t ack, uint32_t payload) {
    struct eg_sighting s = down ? seen(6, 2, 80, 1, 1000, us) : seen(6, 1, 1000, 2, 80, us);
    s.has |= EG_SEEN_TCP | EG_SEEN_SEGMENT;
    s.flags = (uint16_t)flags;
    s.seq = seq;
    s.ack = ack;
    s.payload = payload;
    s.window = 100;
    return s;
}

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, ACK = 0x10 };

#endif
