/* SPDX-License-Identifier: Apache-2.0
 * TCP analysis: a segment is judged by what both sides had shown before it. */
#include "meter/tcp_talk.h"

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, ACK = 0x10 };

enum { /* of a segment */
       KEEP_ALIVE = 1 << 0,
       WINDOW_PROBE = 1 << 1,
       SEEN = 1 << 2, /* there was one: its window is known */
};

#define FAST_US 20000 /* a segment so soon after repeated acknowledgements was asked for by them */
#define REORDERED_US 3000 /* without a handshake's time: so late a segment may only be reordered */

/* Sequence numbers wrap: what is less than half of them ahead is ahead. */
static inline bool before(uint32_t a, uint32_t b) { return (int32_t)(a - b) < 0; }

static bool syn_or_fin(const struct eg_sighting *s) { return s->flags & (SYN | FIN); }
static bool plain(const struct eg_sighting *s) { return !(s->flags & (SYN | FIN | RST)); }

/* Time since `then`, as large as can be where it is not known or negative. */
static uint64_t since(const struct eg_sighting *s, int64_t then) {
    if (s->time_us == EG_NO_TIME || then == EG_NO_TIME) return UINT64_MAX;
    return (uint64_t)s->time_us - (uint64_t)then;
}

/* What a segment without news says: is this side asking for something again? */
static void judge_ack(struct eg_tcp_side *own, const struct eg_tcp_side *other,
                      const struct eg_sighting *s, uint8_t *marks) {
    if (s->payload == 1 && s->seq == own->next && other->marks & SEEN && !other->window) {
        *marks |= WINDOW_PROBE;
        return;
    }
    if (s->payload <= 1 && s->seq == own->next - 1 && plain(s)) *marks |= KEEP_ALIVE;
    bool same = s->payload == 0 && s->window == own->window && s->seq == own->next &&
                s->ack == own->ack && plain(s);
    if (!same || !s->window || other->marks & KEEP_ALIVE) return;
    if (own->repeats < UINT16_MAX) own->repeats++;
}

/* A segment that takes up sequence numbers: new, sent again, or overtaken? */
static void judge_segment(struct eg_tcp_talk *talk, struct eg_tcp_side *own,
                          const struct eg_tcp_side *other, const struct eg_sighting *s,
                          uint8_t marks) {
    uint32_t end = s->seq + s->payload;
    if ((!s->payload && !syn_or_fin(s)) || marks & KEEP_ALIVE) return;
    bool old = own->next && before(s->seq, own->next);
    if (s->payload > 1 && own->next - 1 == s->seq) old = false; /* after a probe of one byte */
    if (s->payload && other->ack && !before(other->ack, end)) {
        own->retransmissions++; /* all of it had been acknowledged */
        return;
    }
    if (!old) return;
    bool asked = other->repeats >= 2 && other->ack == s->seq && since(s, other->ack_us) < FAST_US;
    uint64_t soon = talk->rtt_us > 0 ? (uint64_t)talk->rtt_us : REORDERED_US;
    bool at_end = own->next == end + syn_or_fin(s);
    if (!asked && since(s, own->next_us) < soon && !at_end)
        own->out_of_order++;
    else
        own->retransmissions++;
}

static void remember(struct eg_tcp_side *own, const struct eg_sighting *s, uint8_t marks) {
    uint32_t next = s->seq + s->payload + syn_or_fin(s);
    if (!(marks & WINDOW_PROBE) && (!own->next || before(own->next, next))) {
        own->next = next;
        own->next_us = s->time_us;
    }
    own->window = s->window;
    own->ack = s->ack;
    own->ack_us = s->time_us;
    own->marks = marks | SEEN;
}

/* From the latest SYN to the first acknowledgement behind it that is not the SYN's answer; of
 * whichever side and number, as Wireshark takes it. */
static void handshake(struct eg_tcp_talk *talk, const struct eg_sighting *s) {
    if ((s->flags & (SYN | ACK)) == SYN) talk->syn_us = s->time_us;
    if ((s->flags & (SYN | ACK)) == ACK && talk->rtt_us == EG_NO_TIME &&
        talk->syn_us != EG_NO_TIME && s->time_us != EG_NO_TIME)
        talk->rtt_us = s->time_us - talk->syn_us;
}

void eg_tcp_talk_begin(struct eg_tcp_talk *talk) {
    *talk = (struct eg_tcp_talk){.syn_us = EG_NO_TIME, .rtt_us = EG_NO_TIME};
}

void eg_tcp_talk_add(struct eg_tcp_talk *talk, const struct eg_sighting *s) {
    struct eg_tcp_side *own = &talk->sides[s->way], *other = &talk->sides[!s->way];
    uint8_t marks = 0;
    handshake(talk, s);
    judge_ack(own, other, s, &marks);
    if (s->ack != own->ack) own->repeats = 0;
    judge_segment(talk, own, other, s, marks);
    remember(own, s, marks);
}

void eg_tcp_talk_go_on(struct eg_tcp_talk *talk) {
    talk->told = talk->rtt_us != EG_NO_TIME;
    for (int i = 0; i < 2; i++) talk->sides[i].retransmissions = talk->sides[i].out_of_order = 0;
}
