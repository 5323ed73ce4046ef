/* SPDX-License-Identifier: Apache-2.0
 * A shard: which packets are one flow. docs/internals/metering.md has the rules in words.
 *
 * Two rules end a flow, and either may come first. By its packets: one that comes too late for its
 * flow ends it and begins the next. By the clock: a flow that nobody has touched for longer than
 * that is given out, so that memory and rows do not wait for a packet that may never come; a few at
 * a time, so that a leap of the clock is no burst. */
#include "meter/shard.h"

#include "meter/flow_row.h"
#include "meter/tcp_talk.h"

#define POPS_EACH 4 /* flows that may be given out by the clock at each packet */

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, ACK = 0x10 };

/* So many ticks behind the first packet no other is later than the active timeout; none, where ticks
 * could have begun anew between two packets of a flow. */
static int16_t active_ticks(const struct eg_metering *how) {
    const int64_t most = INT64_C(1) << (EG_FLOW_TICK + 13);
    if (how->active_us > most || how->idle_us > most) return INT16_MIN;
    return (int16_t)(how->active_us >> EG_FLOW_TICK);
}

void eg_shard_init(struct eg_shard *shard, const struct eg_metering *how, uint64_t memory_max,
                   bool analyse, uint64_t *given, uint64_t leave) {
    if (memory_max < EG_SHARD_MEMORY_MIN) memory_max = EG_SHARD_MEMORY_MIN;
    *shard = (struct eg_shard){
        .how = how,
        .analyse = analyse,
        .active_ticks = active_ticks(how),
        .clock_us = EG_NO_TIME,
        .previous_us = EG_NO_TIME,
        .given = given,
        .leave = leave,
    };
    eg_flow_cache_init(&shard->cache, memory_max, sizeof(struct eg_tcp_talk));
}

void eg_shard_reset(struct eg_shard *shard) { eg_flow_cache_reset(&shard->cache); }

/* ---- giving out ---- */

/* False: an earlier run has given it, and counted what there was to count. */
static bool give_way(struct eg_shard *shard, const struct eg_flow *flow, bool second,
                     enum eg_end_reason reason, struct eg_out *out) {
    struct eg_flow_row row = {second, shard->how->one_way, (uint8_t)reason};
    if (++*shard->given <= shard->leave) return false;
    eg_flow_row_put(&shard->cache, flow, &row, out);
    return true;
}

/* Its last packet's time as packets are stamped now. */
static int64_t stamp_of(const struct eg_shard *shard, const struct eg_flow *flow) {
    if (flow->last_us == EG_NO_TIME) return EG_NO_TIME;
    return flow->last_us - shard->shift_s * INT64_C(1000000);
}

/* One row a direction, that of who began first, and forgets the flow. */
static void give(struct eg_shard *shard, uint32_t number, enum eg_end_reason reason,
                 struct eg_out *out) {
    const struct eg_flow *flow = eg_flow_at(&shard->cache, number);
    if (flow->state & EG_FLOW_CLOSED) reason = EG_END_SEEN;
    bool two = flow->second != EG_NONE;
    bool second_first = two && flow->state & EG_FLOW_OPENER_KNOWN &&
                        !(flow->state & EG_FLOW_OPENER_DOWN) != !(flow->state & EG_FLOW_FIRST_DOWN);
    bool fresh = give_way(shard, flow, second_first, reason, out);
    if (two) (void)give_way(shard, flow, !second_first, reason, out);
    if (fresh && reason == EG_END_RESOURCES)
        eg_tally_add(&out->tally, EG_CAUSE_flow_emergency, NULL, stamp_of(shard, flow), 1, 0, 0);
    eg_flow_drop(&shard->cache, number);
}

static bool is_over(int64_t now, int64_t then, int64_t after) {
    return then != EG_NO_TIME && now - then > after;
}

/* Gives out what the clock has ended, at most so many. */
static void expire(struct eg_shard *shard, uint32_t most, struct eg_out *out) {
    const int64_t after[EG_FLOW_LISTS] = {shard->how->idle_us + EG_SLACK_US,
                                          EG_LINGER_US + EG_SLACK_US};
    if (shard->clock_us == EG_NO_TIME) return;
    for (int i = 0; i < EG_FLOW_LISTS; i++) {
        for (; most; most--) {
            uint32_t oldest = shard->cache.lists[i].oldest;
            if (oldest == EG_NONE) break;
            struct eg_flow *flow = eg_flow_at(&shard->cache, oldest);
            if (!is_over(shard->clock_us, flow->touched_us, after[i])) {
                if (shard->near[i] != oldest) eg_flow_prefetch_ways(&shard->cache, flow);
                shard->near[i] = oldest;
                break;
            }
            if (flow->last_us == EG_NO_TIME ||
                is_over(shard->clock_us, flow->last_us, after[i] - EG_SLACK_US)) {
                give(shard, oldest, EG_END_IDLE, out);
                eg_flow_prefetch_oldest(&shard->cache, (enum eg_flow_list)i);
                continue;
            }
            flow->touched_us = shard->clock_us; /* a packet from before the clock leapt */
            eg_flow_touch(&shard->cache, (enum eg_flow_list)i, oldest);
        }
    }
}

/* Gives out the flow that has been idle the longest, a closed one first. False: there is none. */
static bool make_room(struct eg_shard *shard, struct eg_out *out) {
    uint32_t closed = shard->cache.lists[EG_FLOWS_CLOSED].oldest;
    uint32_t live = shard->cache.lists[EG_FLOWS_LIVE].oldest;
    if (closed == EG_NONE && live == EG_NONE) return false;
    give(shard, closed != EG_NONE ? closed : live, EG_END_RESOURCES, out);
    return true;
}

/* ---- does a packet belong to the flow? ---- */

/* A SYN that cannot be of this conversation: another begins on the same ports. */
static bool opens_another(const struct eg_flow *flow, const struct eg_sighting *s) {
    return s->has & EG_SEEN_TCP && (s->flags & (SYN | ACK)) == SYN &&
           flow->state & EG_FLOW_BASE_UP << s->way && flow->base[s->way] != s->seq;
}

static uint16_t tick_of(int64_t time_us) { return (uint16_t)((uint64_t)time_us >> EG_FLOW_TICK); }

/* Why the packet does not go on with the flow; 0: it does. */
static int parts(const struct eg_shard *shard, const struct eg_flow *flow,
                 const struct eg_sighting *s) {
    bool closed = flow->state & EG_FLOW_CLOSED;
    if (opens_another(flow, s)) return EG_END_SEEN;
    int64_t seen_us = eg_sighting_us(s);
    if (seen_us == EG_NO_TIME || flow->last_us == EG_NO_TIME) return 0;
    int64_t gap = seen_us - flow->last_us;
    if (gap < 0) gap = -gap;
    if (closed && gap > EG_LINGER_US) return EG_END_SEEN;
    if (gap > shard->how->idle_us) return EG_END_IDLE;
    int16_t ticks = (int16_t)(tick_of(seen_us) - flow->began);
    if (ticks < shard->active_ticks) return 0; /* its beginning need not be looked at */
    if (shard->active_ticks != INT16_MIN && ticks > shard->active_ticks + 1) return EG_END_ACTIVE;
    int64_t start_us = eg_flow_start(&shard->cache, flow);
    return s->time_us - start_us > shard->how->active_us ? EG_END_ACTIVE : 0;
}

/* ---- what a packet adds ---- */

static void way_begin(struct eg_flow_way *way) {
    way->first_us = way->last_us = EG_NO_TIME;
    way->min_length = UINT32_MAX;
    way->min_ttl = UINT8_MAX;
}

/* What is of the first packet that has it. */
static void way_mark(struct eg_flow_way *way, const struct eg_sighting *s) {
    uint8_t fresh = s->has & (uint8_t)~way->has;
    if (fresh & EG_SEEN_TOS) way->tos = s->tos;
    if (fresh & EG_SEEN_VLAN) way->vlan = s->vlan;
    if (fresh & EG_SEEN_SRC_MAC) memcpy(way->src_mac, s->src_mac, sizeof way->src_mac);
    if (fresh & EG_SEEN_DST_MAC) memcpy(way->dst_mac, s->dst_mac, sizeof way->dst_mac);
    if (fresh & EG_SEEN_ICMP) way->flags = s->flags;
    way->has |= s->has;
}

static void way_add(struct eg_flow_way *way, const struct eg_sighting *s) {
    if (s->has & (uint8_t)~way->has) way_mark(way, s);
    if (s->has & EG_SEEN_TCP) way->flags |= s->flags;
    if (s->has & EG_SEEN_TTL) {
        if (s->ttl < way->min_ttl) way->min_ttl = s->ttl;
        if (s->ttl > way->max_ttl) way->max_ttl = s->ttl;
    }
    way->packets++;
    way->bytes += s->length;
    if (s->length < way->min_length) way->min_length = s->length;
    if (s->length > way->max_length) way->max_length = s->length;
    if (s->time_us == EG_NO_TIME) return;
    if (way->first_us == EG_NO_TIME || s->time_us < way->first_us) way->first_us = s->time_us;
    if (way->last_us == EG_NO_TIME || s->time_us > way->last_us) way->last_us = s->time_us;
}

/* Where the numbers of each direction begin: shown by it, or by what the other acknowledges. */
static void bases_add(struct eg_flow *flow, const struct eg_sighting *s) {
    const uint8_t own = s->way == EG_WAY_UP ? EG_FLOW_BASE_UP : EG_FLOW_BASE_DOWN;
    const uint8_t other = s->way == EG_WAY_UP ? EG_FLOW_BASE_DOWN : EG_FLOW_BASE_UP;
    if (!(flow->state & own)) {
        flow->state |= own;
        flow->base[s->way] = s->seq - !(s->flags & SYN);
    }
    if (!(flow->state & other) && s->flags & ACK) {
        flow->state |= other;
        flow->base[!s->way] = s->ack - 1;
    }
}

/* Who began, and whether it is over. */
static void state_add(const struct eg_shard *shard, struct eg_flow *flow,
                      const struct eg_sighting *s) {
    if (!(s->has & EG_SEEN_TCP)) return;
    bool down = s->way == EG_WAY_DOWN;
    bases_add(flow, s);
    if (s->flags & SYN && !(flow->state & EG_FLOW_OPENER_KNOWN)) {
        bool answer = s->flags & ACK;
        flow->state |= EG_FLOW_OPENER_KNOWN;
        if (down != answer) flow->state |= EG_FLOW_OPENER_DOWN;
    }
    const uint8_t both = EG_FLOW_FIN_UP | EG_FLOW_FIN_DOWN;
    if (s->flags & FIN && shard->how->one_way)
        flow->state |= both;
    else if (s->flags & FIN)
        flow->state |= down ? EG_FLOW_FIN_DOWN : EG_FLOW_FIN_UP;
    if (s->flags & RST || (flow->state & both) == both) flow->state |= EG_FLOW_CLOSED;
}

/* The direction the packet goes; NULL: there is no room for it. */
static struct eg_flow_way *way_of(struct eg_shard *shard, struct eg_flow *flow,
                                  const struct eg_sighting *s) {
    bool first_down = flow->state & EG_FLOW_FIRST_DOWN, down = s->way == EG_WAY_DOWN;
    if (first_down == down) return &flow->first;
    bool fresh = flow->second == EG_NONE;
    struct eg_flow_way *way = eg_flow_second(&shard->cache, flow);
    if (way && fresh) way_begin(way);
    return way;
}

static void keep_extras(struct eg_shard *shard, struct eg_flow_way *way,
                        const struct eg_sightings *chunk, const struct eg_sighting *s) {
    struct eg_extras extras;
    struct eg_span payload;
    if (way->more == EG_NONE && eg_sighting_extras(chunk, s, &extras, &payload))
        (void)eg_flow_keep_extras(&shard->cache, way, &extras, payload);
}

static void analyse(struct eg_shard *shard, struct eg_flow *flow, const struct eg_sighting *s) {
    if (flow->talk == EG_NONE) {
        flow->talk = eg_pool_take(&shard->cache.talks, &shard->cache);
        if (flow->talk == EG_NONE) return; /* the columns are null then */
        eg_tcp_talk_begin(eg_pool_at(&shard->cache.talks, flow->talk));
    }
    eg_tcp_talk_add(eg_pool_at(&shard->cache.talks, flow->talk), s);
}

/* The flow is not idle. Its place in the list is renewed once a second, which is exact enough. */
static void touch(struct eg_shard *shard, uint32_t number, struct eg_flow *flow, bool was_closed) {
    bool closed = flow->state & EG_FLOW_CLOSED, listed = flow->touched_us != EG_NO_TIME;
    if (listed && closed == was_closed && shard->clock_us - flow->touched_us < EG_TOUCH_US) return;
    flow->touched_us = shard->clock_us;
    eg_flow_touch(&shard->cache, closed ? EG_FLOWS_CLOSED : EG_FLOWS_LIVE, number);
}

/* When the flow begins, after one of its directions has begun, or begins earlier, with a packet seen
 * then; `fresh`: no packet before it had a time. */
static void start_note(const struct eg_shard *shard, struct eg_flow *flow, int64_t seen_us,
                       bool fresh) {
    flow->state &= (uint16_t)~EG_FLOW_SECOND_EARLIER;
    if (flow->second != EG_NONE) {
        const struct eg_flow_way *second = eg_pool_at(&shard->cache.ways, flow->second);
        int64_t first_us = flow->first.first_us, second_us = second->first_us;
        if (second_us != EG_NO_TIME && (first_us == EG_NO_TIME || second_us < first_us))
            flow->state |= EG_FLOW_SECOND_EARLIER;
    }
    uint16_t tick = tick_of(seen_us);
    if (fresh || (int16_t)(tick - flow->began) < 0) flow->began = tick;
}

/* Adds the packet; false: the other direction found no room. */
static bool add(struct eg_shard *shard, uint32_t number, const struct eg_sightings *chunk,
                const struct eg_sighting *s) {
    struct eg_flow *flow = eg_flow_at(&shard->cache, number);
    struct eg_flow_way *way = way_of(shard, flow, s);
    if (!way) return false;
    bool closed = flow->state & EG_FLOW_CLOSED;
    way_add(way, s);
    state_add(shard, flow, s);
    if (s->extras) keep_extras(shard, way, chunk, s);
    if (shard->analyse && s->has & EG_SEEN_SEGMENT) analyse(shard, flow, s);
    if (s->time_us != EG_NO_TIME) {
        bool fresh = flow->last_us == EG_NO_TIME;
        flow->last_us = eg_sighting_us(s);
        if (s->time_us == way->first_us) start_note(shard, flow, flow->last_us, fresh);
    }
    touch(shard, number, flow, closed);
    return true;
}

/* A new flow for the packet; EG_NONE: not even an empty cache has room. */
static uint32_t begin(struct eg_shard *shard, const struct eg_sighting *s, struct eg_out *out) {
    uint32_t number;
    while ((number = eg_flow_add(&shard->cache, s->hash, &s->key)) == EG_NONE)
        if (!make_room(shard, out)) return EG_NONE;
    struct eg_flow *flow = eg_flow_at(&shard->cache, number);
    flow->last_us = flow->touched_us = EG_NO_TIME;
    if (s->way == EG_WAY_DOWN) flow->state = EG_FLOW_FIRST_DOWN;
    way_begin(&flow->first);
    return number;
}

/* ---- a conversation that goes on in another flow ---- */

struct rest {
    uint32_t base[2];
    uint16_t state;
    bool has_talk;
    struct eg_tcp_talk talk;
};

static void rest_keep(const struct eg_shard *shard, const struct eg_flow *flow, bool opener,
                      struct rest *rest) {
    rest->state = flow->state & (uint16_t) ~(EG_FLOW_FIRST_DOWN | EG_FLOW_SECOND_EARLIER);
    if (opener && !(flow->state & EG_FLOW_OPENER_KNOWN))
        rest->state |=
            EG_FLOW_OPENER_KNOWN | (flow->state & EG_FLOW_FIRST_DOWN ? EG_FLOW_OPENER_DOWN : 0);
    rest->base[0] = flow->base[0];
    rest->base[1] = flow->base[1];
    rest->has_talk = flow->talk != EG_NONE;
    if (!rest->has_talk) return;
    rest->talk = *(const struct eg_tcp_talk *)eg_pool_at(&shard->cache.talks, flow->talk);
    eg_tcp_talk_go_on(&rest->talk);
}

static void rest_take(struct eg_shard *shard, struct eg_flow *flow, const struct rest *rest) {
    flow->state |= rest->state;
    flow->base[0] = rest->base[0];
    flow->base[1] = rest->base[1];
    if (!rest->has_talk) return;
    flow->talk = eg_pool_take(&shard->cache.talks, &shard->cache);
    if (flow->talk == EG_NONE) return;
    *(struct eg_tcp_talk *)eg_pool_at(&shard->cache.talks, flow->talk) = rest->talk;
}

/* ---- packets ---- */

static void clock_move(struct eg_shard *shard, const struct eg_sighting *s) {
    int64_t time_us = eg_sighting_us(s);
    if (time_us == EG_NO_TIME) return;
    shard->shift_s = s->shift_s;
    bool leap = shard->previous_us != EG_NO_TIME && time_us - shard->previous_us > EG_LEAP_US;
    if (shard->clock_us == EG_NO_TIME || (time_us > shard->clock_us && !leap))
        shard->clock_us = time_us;
    shard->previous_us = time_us;
}

/* Ends a flow that the packet does not go on with, or finds no room in; true: its conversation goes
 * on, and `rest` is what there is to know of it. */
static bool part(struct eg_shard *shard, uint32_t number, int reason, const struct eg_sighting *s,
                 struct rest *rest, struct eg_out *out) {
    struct eg_flow *flow = eg_flow_at(&shard->cache, number);
    bool goes_on = !opens_another(flow, s);
    bool opener = reason != EG_END_IDLE && !shard->how->one_way;
    if (goes_on) rest_keep(shard, flow, opener, rest);
    give(shard, number, reason ? (enum eg_end_reason)reason : EG_END_RESOURCES, out);
    return goes_on;
}

static void take(struct eg_shard *shard, const struct eg_sightings *chunk,
                 const struct eg_sighting *s, struct eg_out *out) {
    struct rest rest;
    bool goes_on = false;
    uint32_t number = eg_flow_find(&shard->cache, s->hash, &s->key);
    if (number != EG_NONE) {
        int reason = parts(shard, eg_flow_at(&shard->cache, number), s);
        if (!reason && add(shard, number, chunk, s)) return;
        goes_on = part(shard, number, reason, s, &rest, out);
    }
    number = begin(shard, s, out);
    if (number == EG_NONE) {
        eg_tally_add(&out->tally, EG_CAUSE_no_memory, NULL, s->time_us, 0, 1, s->length);
        return;
    }
    if (goes_on) rest_take(shard, eg_flow_at(&shard->cache, number), &rest);
    (void)add(shard, number, chunk, s); /* its first direction needs no room */
}

enum { SLOT_AHEAD = 28, FLOW_AHEAD = 18, REST_AHEAD = 8 }; /* packets */

/* A place in a list of chunks. */
struct place {
    const struct eg_sightings *chunk;
    uint32_t at;
};

/* The sighting there, and goes behind it; NULL at the end. */
static inline const struct eg_sighting *place_next(struct place *place) {
    while (place->chunk && place->at >= place->chunk->count)
        *place = (struct place){place->chunk->next, 0};
    return place->chunk ? &place->chunk->items[place->at++] : NULL;
}

void eg_shard_run(struct eg_shard *shard, const struct eg_sightings *first, struct eg_out *out) {
    struct place slots = {first, 0}, flows = slots, here = slots;
    struct {
        uint32_t flow;
        uint8_t way;
    } likely[16] = {{EG_NONE, 0}}; /* of the packets from REST_AHEAD to FLOW_AHEAD ahead */
    const struct eg_sighting *s;
    for (uint32_t step = 0;; step++) {
        if ((s = place_next(&slots))) eg_flow_prefetch_slot(&shard->cache, s->hash);
        if (step < SLOT_AHEAD - FLOW_AHEAD) continue;
        s = place_next(&flows);
        likely[step % 16].flow = s ? eg_flow_prefetch(&shard->cache, s->hash) : EG_NONE;
        if (s) likely[step % 16].way = s->way;
        if (step < SLOT_AHEAD - REST_AHEAD) continue;
        uint32_t rest = (step - (FLOW_AHEAD - REST_AHEAD)) % 16;
        eg_flow_prefetch_rest(&shard->cache, likely[rest].flow, likely[rest].way);
        if (step < SLOT_AHEAD) continue;
        if (!(s = place_next(&here))) return;
        clock_move(shard, s);
        take(shard, here.chunk, s, out);
        expire(shard, POPS_EACH, out);
    }
}

void eg_shard_tick(struct eg_shard *shard, int64_t now_us, uint32_t most, struct eg_out *out) {
    if (shard->clock_us == EG_NO_TIME || now_us > shard->clock_us) shard->clock_us = now_us;
    expire(shard, most, out);
}

bool eg_shard_drain(struct eg_shard *shard, uint32_t most, struct eg_out *out) {
    for (int i = 0; i < EG_FLOW_LISTS; i++) {
        uint32_t oldest;
        while ((oldest = shard->cache.lists[i].oldest) != EG_NONE) {
            if (!most--) return false;
            give(shard, oldest, EG_END_FORCED, out);
        }
    }
    return true;
}
