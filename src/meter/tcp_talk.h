/* SPDX-License-Identifier: Apache-2.0
 * What a TCP conversation shows of itself: segments sent again or out of order, in each direction, and
 * the round trip time of its handshake.
 *
 * The rules are those that Wireshark publishes ("TCP Analysis" of its user's guide), so that
 * numbers can be compared: see tests/conformance/test_tcp.py. */
#ifndef EG_METER_TCP_TALK_H
#define EG_METER_TCP_TALK_H

#include "meter/sighting.h"

struct eg_tcp_side {
    int64_t next_us; /* when `next` was reached */
    int64_t ack_us;  /* of the latest segment */
    uint32_t next;   /* behind the highest number of a segment; 0: none was sent yet */
    uint32_t ack;    /* the latest */
    uint32_t retransmissions, out_of_order;
    uint8_t marks;    /* of the latest segment */
    uint16_t window;  /* the latest */
    uint16_t repeats; /* of the latest acknowledgement */
};

struct eg_tcp_talk {
    struct eg_tcp_side sides[2]; /* enum eg_way */
    int64_t syn_us;              /* of the latest SYN; EG_NO_TIME */
    int64_t rtt_us;              /* EG_NO_TIME: no whole handshake */
    bool told;                   /* the handshake was that of a flow which has ended */
};

void eg_tcp_talk_begin(struct eg_tcp_talk *);
/* A sighting with EG_SEEN_SEGMENT. */
void eg_tcp_talk_add(struct eg_tcp_talk *, const struct eg_sighting *);
/* The conversation goes on in another flow: what was counted belongs to the one that ended. */
void eg_tcp_talk_go_on(struct eg_tcp_talk *);

#endif
