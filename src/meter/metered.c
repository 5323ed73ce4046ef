/* SPDX-License-Identifier: Apache-2.0
 * The extract `metered`: packets become flows. docs/internals/metering.md is the page about it.
 *
 * feed() takes frames apart and sorts what it saw of them into the unit's lists, one a shard. join()
 * hands the lists on, in the order of the input, and gives fragments their flow. finish() runs the
 * shards that have something to do and that nobody runs yet; who runs a shard goes on until its list
 * is empty, so that nothing is left when all units are finished. */
#include "base/alloc.h"
#include "base/timetext.h"
#include "meter/flow_fragments.h"
#include "meter/live_clock.h"
#include "meter/shard.h"

#include <sys/random.h>

#define DRAIN_FLOWS 16384 /* that a call of join(NULL) may give out */
#define TICK_FLOWS 4096   /* that a tick may end */
#define UNITS_WAITING 2   /* for a shard that is being run, before others wait for it */

/* ---- the extract and its units ---- */

/* A shard, and what waits for it. */
struct queue {
    pthread_mutex_t lock;
    struct eg_sighting_list list;
    int64_t tick_us; /* EG_NO_TIME: none waits */
    uint32_t units;  /* whose packets wait in the list */
    bool running;    /* somebody is at it */
    pthread_cond_t taken;
    struct eg_shard shard;
};

struct eg_extract {
    const struct eg_env *env;
    struct eg_metering how; /* with no zeros */
    struct eg_flow_secret secret;
    struct eg_extract_state own_state; /* where nobody asks */
    bool live, remarks;
    pthread_mutex_t clock_lock;
    struct eg_live_clock clock; /* of a live input; under its lock */
    struct eg_sighting_stock stock;
    struct queue queues[EG_SHARDS];
    /* join's own */
    struct eg_flow_fragments *fragments;
    struct eg_sighting_list settled[EG_SHARDS]; /* fragments that the unit at hand settled */
    struct eg_tally *tally;
    uint32_t draining; /* shards before it are drained */
};

struct eg_extract_unit {
    struct eg_extract *x;
    uint32_t number; /* of the next packet */
    int64_t tick_us;
    struct eg_sighting_list lists[EG_SHARDS];
    struct eg_flow_piece *pieces;
    uint32_t piece_count, piece_room;
};

/* ---- the time of a live input ---- */

/* While a batch is taken: units are fed side by side, so each with a copy of the clock. */
struct live {
    int64_t steady_us;
    struct eg_live_clock clock;
};

/* `idle`: a batch without rows, nothing waits to be read. */
static struct live live_begin(struct eg_extract *x, bool idle) {
    struct live live = {.steady_us = eg_env_steady_us(x->env)};
    pthread_mutex_lock(&x->clock_lock);
    if (idle) (void)eg_live_clock_now(&x->clock, live.steady_us);
    live.clock = x->clock;
    pthread_mutex_unlock(&x->clock_lock);
    return live;
}

/* How late it is; EG_NO_TIME where no packet has said when. */
static int64_t live_end(struct eg_extract *x, const struct live *live) {
    pthread_mutex_lock(&x->clock_lock);
    eg_live_clock_join(&x->clock, &live->clock);
    pthread_mutex_unlock(&x->clock_lock);
    return live->clock.begun ? live->clock.latest_us : EG_NO_TIME;
}

/* ---- frames ---- */

/* Columns of a raw batch of frames. */
struct frames {
    const struct eg_span *payloads;
    const int32_t *link_types;
    const int64_t *lengths;
    const int64_t *times;
    const uint64_t *times_valid, *frames_valid;
};

static struct frames frames_of(const struct eg_batch *raw) {
    return (struct frames){
        eg_col_view(&raw->columns[EG_COL(RAW, payload)]),
        eg_col_i32(&raw->columns[EG_COL(RAW, link_type)]),
        eg_col_i64(&raw->columns[EG_COL(RAW, length)]),
        eg_col_i64(&raw->columns[EG_COL(RAW, time_ns)]),
        raw->columns[EG_COL(RAW, time_ns)].valid,
        raw->columns[EG_COL(RAW, link_type)].valid,
    };
}

static struct eg_frame frame_of(const struct frames *frames, uint32_t row) {
    int64_t length = frames->lengths[row];
    struct eg_frame frame = {
        .link_type = (uint32_t)frames->link_types[row],
        .length = length < 0            ? 0
                  : length > UINT32_MAX ? UINT32_MAX
                                        : (uint32_t)length,
        .time_us = EG_NO_TIME,
    };
    if (frames->times && (!frames->times_valid || eg_bit(frames->times_valid, row))) {
        int64_t ns = frames->times[row];
        frame.time_us = ns / 1000 - (ns % 1000 < 0);
    }
    return frame;
}

static void count_lost(struct eg_tally *tally, const struct eg_sighting *s) {
    eg_tally_add(tally, EG_CAUSE_no_memory, NULL, s->time_us, 0, 1, s->length);
}

static bool piece_keep(struct eg_extract_unit *u, const struct eg_layers *layers,
                       const struct eg_sighting *s, const struct eg_extras *extras) {
    if (u->piece_count == u->piece_room) {
        uint32_t room = u->piece_room ? u->piece_room * 2 : 16;
        struct eg_flow_piece *grown = eg_realloc(u->pieces, room, sizeof *grown);
        if (!grown) return false;
        u->pieces = grown;
        u->piece_room = room;
    }
    u->pieces[u->piece_count++] = (struct eg_flow_piece){
        .sighting = *s,
        .extras = extras ? *extras : (struct eg_extras){.has = 0},
        .has_extras = extras,
        .first = layers->fragment_offset == 0,
        .id = layers->ip_id,
        .proto = layers->piece_proto,
    };
    return true;
}

/* A plain frame at a possible time, of which no payload is kept; false: it is not one. */
static bool take_plain(struct eg_extract_unit *u, const struct eg_frame *frame,
                       struct eg_span bytes, struct eg_tally *tally) {
    struct eg_extract *x = u->x;
    struct eg_plain plain;
    struct eg_flow_quick quick;
    if (x->how.payload_bytes || !eg_time_possible(frame->time_us)) return false;
    if (!eg_plain_take(frame->link_type, bytes, &plain)) return false;
    eg_flow_quick_of(&x->how, &x->secret, &plain, eg_u8(bytes, EG_PLAIN_ABOVE),
                     eg_u8(bytes, EG_PLAIN_ABOVE + 1), &quick);
    struct eg_sighting *s = eg_sighting_next(&u->lists[quick.shard], &x->stock);
    if (s) {
        eg_sighting_plain(&quick, frame, bytes, &plain, s);
        s->number = u->number;
    } else {
        struct eg_sighting lost = {.time_us = frame->time_us, .length = frame->length};
        count_lost(tally, &lost);
    }
    u->number++;
    return true;
}

static void take_frame(struct eg_extract_unit *u, const struct eg_frame *frame,
                       struct eg_span bytes, struct eg_tally *tally) {
    struct eg_extract *x = u->x;
    struct eg_layers layers;
    struct eg_sighting s;
    struct eg_extras extras;
    eg_dissect_as(x->how.outermost ? EG_VIEW_OUTERMOST : EG_VIEW_INNERMOST, frame->link_type, bytes,
                  frame->length, NULL, &layers);
    if (layers.remarks && x->remarks)
        eg_remarks_count(layers.remarks, frame->time_us, frame->length, tally);
    eg_sighting_of(&x->how, &x->secret, frame, &layers, &s);
    s.number = u->number++;
    bool has_extras = eg_extras_of(&x->how, &layers, &extras);
    const struct eg_extras *more = has_extras ? &extras : NULL;
    if (layers.fragment && s.key.kind & EG_KEY_IP) {
        bool kept = piece_keep(u, &layers, &s, more);
        if (!kept && layers.fragment_offset) count_lost(tally, &s);
        if (layers.fragment_offset) return; /* its flow is told in join() */
    }
    if (!eg_sighting_add(&u->lists[eg_flow_shard(&s.key)], &x->stock, &s, more, layers.payload))
        count_lost(tally, &s);
}

/* `live`: NULL, where packet time is all there is. */
static void take_frames(struct eg_extract_unit *u, const struct eg_batch *raw,
                        const uint64_t *claimed, struct live *live, struct eg_tally *tally) {
    struct frames frames = frames_of(raw);
    for (uint32_t row = 0; row < raw->rows; row++) {
        if (claimed && eg_bit(claimed, row)) continue;
        if (frames.frames_valid && !eg_bit(frames.frames_valid, row)) continue; /* a datagram */
        struct eg_frame frame = frame_of(&frames, row);
        if (live && frame.time_us != EG_NO_TIME)
            frame.shift_s = eg_live_clock_see(&live->clock, frame.time_us, live->steady_us);
        if (!take_plain(u, &frame, frames.payloads[row], tally))
            take_frame(u, &frame, frames.payloads[row], tally);
    }
}

/* ---- joining ---- */

/* A fragment whose flow is known: behind the packets of that flow that stand before it. */
static void settled(void *to, const struct eg_flow_piece *piece) {
    struct eg_extract *x = to;
    uint32_t shard = eg_flow_shard(&piece->sighting.key);
    if (!eg_sighting_add(&x->settled[shard], &x->stock, &piece->sighting,
                         piece->has_extras ? &piece->extras : NULL, eg_span(NULL, 0)))
        count_lost(x->tally, &piece->sighting);
}

static void queue_put(struct queue *queue, struct eg_sighting_list *list, int64_t tick_us) {
    pthread_mutex_lock(&queue->lock);
    if (list->first) {
        if (queue->list.last)
            queue->list.last->next = list->first;
        else
            queue->list.first = list->first;
        queue->list.last = list->last;
        queue->units++;
        *list = (struct eg_sighting_list){0};
    }
    if (tick_us != EG_NO_TIME) queue->tick_us = tick_us;
    pthread_mutex_unlock(&queue->lock);
}

static void unit_join(struct eg_extract *x, struct eg_extract_unit *u) {
    for (uint32_t i = 0; i < u->piece_count; i++)
        eg_flow_fragments_add(x->fragments, &u->pieces[i]);
    for (uint32_t i = 0; i < EG_SHARDS; i++) {
        uint64_t lost = 0;
        if (x->settled[i].first) eg_sighting_merge(&u->lists[i], &x->settled[i], &x->stock, &lost);
        if (lost) eg_tally_add(x->tally, EG_CAUSE_no_memory, NULL, EG_NO_TIME, 0, (int64_t)lost, 0);
        queue_put(&x->queues[i], &u->lists[i], u->tick_us);
    }
}

/* ---- running ---- */

/* Runs a shard until nothing waits for it, unless somebody is at it. Where that one falls behind (one
 * conversation is most of the traffic), reading waits: what is queued is memory. */
static void queue_run(struct eg_extract *x, struct queue *queue, struct eg_out *out) {
    pthread_mutex_lock(&queue->lock);
    while (queue->running && queue->units > UNITS_WAITING)
        pthread_cond_wait(&queue->taken, &queue->lock);
    if (queue->running) {
        pthread_mutex_unlock(&queue->lock);
        return;
    }
    queue->running = true;
    while (queue->list.first || queue->tick_us != EG_NO_TIME) {
        struct eg_sighting_list list = queue->list;
        int64_t tick_us = queue->tick_us;
        queue->list = (struct eg_sighting_list){0};
        queue->tick_us = EG_NO_TIME;
        queue->units = 0;
        pthread_cond_broadcast(&queue->taken);
        pthread_mutex_unlock(&queue->lock);
        eg_shard_run(&queue->shard, list.first, out);
        eg_sighting_list_reset(&list, &x->stock);
        if (tick_us != EG_NO_TIME) eg_shard_tick(&queue->shard, tick_us, TICK_FLOWS, out);
        pthread_mutex_lock(&queue->lock);
    }
    queue->running = false;
    pthread_cond_broadcast(&queue->taken);
    pthread_mutex_unlock(&queue->lock);
}

static void unit_free(struct eg_extract_unit *u) {
    for (uint32_t i = 0; i < EG_SHARDS; i++) eg_sighting_list_reset(&u->lists[i], &u->x->stock);
    eg_free(u->pieces);
    eg_free(u);
}

/* The input is over. Gives out one piece of what lives: all of it at once would be rows in memory
 * beside the flows. False: there is more. */
static bool drain(struct eg_extract *x, struct eg_out *out) {
    eg_flow_fragments_drain(x->fragments);
    for (uint32_t i = 0; i < EG_SHARDS; i++) {
        queue_put(&x->queues[i], &x->settled[i], EG_NO_TIME);
        queue_run(x, &x->queues[i], out);
    }
    for (uint32_t left = DRAIN_FLOWS; x->draining < EG_SHARDS; x->draining++) {
        struct eg_shard *shard = &x->queues[x->draining].shard;
        uint32_t live = shard->cache.flows.used;
        if (!eg_shard_drain(shard, left, out)) return false;
        left -= live;
        eg_shard_reset(shard); /* its memory is for rows now */
    }
    return true;
}

/* ---- the contract ---- */

static void metered_close(struct eg_extract *x) {
    if (!x) return;
    for (uint32_t i = 0; i < EG_SHARDS; i++) {
        eg_sighting_list_reset(&x->queues[i].list, &x->stock);
        eg_sighting_list_reset(&x->settled[i], &x->stock);
        eg_shard_reset(&x->queues[i].shard);
        pthread_cond_destroy(&x->queues[i].taken);
        pthread_mutex_destroy(&x->queues[i].lock);
    }
    pthread_mutex_destroy(&x->clock_lock);
    eg_sighting_stock_reset(&x->stock);
    eg_flow_fragments_free(x->fragments);
    eg_free(x);
}

static struct eg_metering metering_of(const struct eg_metering *asked) {
    struct eg_metering how = asked ? *asked : (struct eg_metering){0};
    if (how.idle_us <= 0) how.idle_us = EG_METERING_IDLE_US;
    if (how.active_us <= 0) how.active_us = EG_METERING_ACTIVE_US;
    if (!how.memory_max) how.memory_max = EG_METERING_MEMORY;
    if (how.payload_bytes > EG_PAYLOAD_MAX) how.payload_bytes = EG_PAYLOAD_MAX;
    return how;
}

static enum eg_status metered_open(const struct eg_env *env,
                                   const struct eg_extract_options *options,
                                   struct eg_extract **out, struct eg_error *err) {
    const eg_column_set talk =
        EG_SET(FLOWS, rtt_us) | EG_SET(FLOWS, retransmissions) | EG_SET(FLOWS, out_of_order);
    struct eg_extract *x = eg_calloc(1, sizeof *x);
    if (!x) return eg_fail(err, EG_E_NOMEM, "no memory to meter packets");
    x->env = env;
    x->how = metering_of(options->metering);
    x->live = options->live;
    x->remarks = !options->remarks_elsewhere;
    struct eg_extract_state *state = options->state ? options->state : &x->own_state;
    pthread_mutex_init(&x->clock_lock, NULL);
    eg_sighting_stock_init(&x->stock);
    for (uint32_t i = 0; i < EG_SHARDS; i++) {
        pthread_mutex_init(&x->queues[i].lock, NULL);
        pthread_cond_init(&x->queues[i].taken, NULL);
        x->queues[i].tick_us = EG_NO_TIME;
        eg_shard_init(&x->queues[i].shard, &x->how, x->how.memory_max / EG_SHARDS,
                      options->columns & talk, &state->given[i], state->leave[i]);
    }
    if (getrandom(&x->secret, sizeof x->secret, 0) != (ssize_t)sizeof x->secret) {
        metered_close(x);
        return eg_fail(err, EG_E_IO, "no random numbers from the system");
    }
    x->fragments = eg_flow_fragments_new(&x->secret, settled, x);
    if (!x->fragments) {
        metered_close(x);
        return eg_fail(err, EG_E_NOMEM, "no memory to meter packets");
    }
    *out = x;
    return EG_OK;
}

static enum eg_status metered_begin(struct eg_extract *x, uint64_t unit,
                                    struct eg_extract_unit **out, struct eg_error *err) {
    (void)unit;
    struct eg_extract_unit *u = eg_calloc(1, sizeof *u);
    if (!u) return eg_fail(err, EG_E_NOMEM, "no memory to meter packets");
    u->x = x;
    u->tick_us = EG_NO_TIME;
    *out = u;
    return EG_OK;
}

static enum eg_status metered_feed(struct eg_extract_unit *u, struct eg_batch *raw,
                                   uint64_t *claimed, struct eg_out *out, struct eg_error *err) {
    (void)err;
    struct eg_extract *x = u->x;
    struct live live;
    if (x->live) live = live_begin(x, raw->rows == 0);
    if (raw->rows && raw->columns[EG_COL(RAW, link_type)].values)
        take_frames(u, raw, claimed, x->live ? &live : NULL, &out->tally);
    if (x->live) u->tick_us = live_end(x, &live);
    return EG_OK;
}

static enum eg_status metered_join(struct eg_extract *x, struct eg_extract_unit *u,
                                   struct eg_out *out, struct eg_error *err) {
    (void)err;
    x->tally = &out->tally;
    if (!u) return drain(x, out) ? EG_OK : EG_AGAIN;
    unit_join(x, u);
    return EG_OK;
}

static enum eg_status metered_finish(struct eg_extract_unit *u, struct eg_out *out,
                                     struct eg_error *err) {
    (void)err;
    for (uint32_t i = 0; i < EG_SHARDS; i++) queue_run(u->x, &u->x->queues[i], out);
    unit_free(u);
    return EG_OK;
}

const struct eg_extract_type eg_extract_metered = {
    .abi = EG_STAGE_ABI,
    .name = "metered",
    .help = "packets of captures, metered into flows",
    .table = EG_TABLE_FLOWS,
    .also = EG_TABLE_COUNT,
    .position = "metered",
    .holds = true,
    .open = metered_open,
    .begin = metered_begin,
    .feed = metered_feed,
    .join = metered_join,
    .finish = metered_finish,
    .close = metered_close,
};
