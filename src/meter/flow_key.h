/* SPDX-License-Identifier: Apache-2.0
 * Which flow a packet belongs to: a key that is the same for both directions of a conversation, its
 * keyed hash (the place in a table), and its shard.
 *
 * The hash has a random key, so that nobody outside can aim flows at one place of a table; the shard
 * has none, since a run that goes on where another ended must find each flow in the same shard. */
#ifndef EG_METER_FLOW_KEY_H
#define EG_METER_FLOW_KEY_H

#include "table/stage.h"
#include "wire/dissect.h"
#include "wire/plain.h"

enum {
    EG_KEY_IP = 1 << 0,    /* else the addresses are MAC addresses, and `tunnel_id` the link type */
    EG_KEY_V4 = 1 << 1,    /* both addresses are IPv4 */
    EG_KEY_PROTO = 1 << 2, /* the protocol is known */
    EG_KEY_PORTS = 1 << 3,
    EG_KEY_ICMP = 1 << 4, /* both ports are type * 256 + code of the request */
    EG_KEY_VLAN = 1 << 5, /* tagged, and that counts */
    EG_KEY_TUNNEL = 1 << 6,
    EG_KEY_UNDATED =
        1 << 7, /* its packets have no possible time: they are flows of their own, so that
                                what a dataset leaves out of its packets it leaves out of its flows */
};

/* No padding: compared as bytes. `low` and its port come first in the order of bytes; where each
 * direction is a flow of its own, `low` is the source. */
struct eg_flow_key {
    struct eg_addr low, high;
    uint16_t low_port, high_port;
    uint8_t proto, kind; /* EG_KEY_… */
    uint16_t vlan;
    uint64_t tunnel_id;
};
_Static_assert(sizeof(struct eg_flow_key) == 48, "a flow key has holes");

/* A packet's direction inside its conversation. */
enum eg_way { EG_WAY_UP, EG_WAY_DOWN }; /* from low to high; from high to low */

/* The key of a frame that was taken apart. */
enum eg_way eg_flow_key_of(const struct eg_metering *, const struct eg_layers *, uint32_t link_type,
                           struct eg_flow_key *out);

static inline bool eg_flow_key_same(const struct eg_flow_key *a, const struct eg_flow_key *b) {
    return memcmp(a, b, sizeof *a) == 0;
}

struct eg_flow_secret {
    uint64_t key[2];
};
uint32_t eg_flow_hash(const struct eg_flow_secret *, const struct eg_flow_key *);
uint32_t eg_flow_shard(const struct eg_flow_key *); /* below EG_SHARDS */

/* The same of a plain frame (wire/plain.h) at a possible time, in registers: the words of its key, whose
 * tunnel is 0, and what follows from them. */
struct eg_flow_quick {
    uint64_t low, high; /* second words of the addresses; the first ones are 0 */
    uint64_t ends;      /* ports, protocol, kind, VLAN */
    uint32_t hash, shard;
    enum eg_way way;
};
void eg_flow_quick_of(const struct eg_metering *, const struct eg_flow_secret *,
                      const struct eg_plain *, uint8_t icmp_type, uint8_t icmp_code,
                      struct eg_flow_quick *out);

#endif
