/* SPDX-License-Identifier: Apache-2.0
 * Live captures of the packet store. A *lane* is a capture that is being written: it ends with its hour,
 * when it has grown large, or when another lane needs its place. */
#include "store/capture_live.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/timetext.h"
#include "source/file.h"
#include "wire/capture_write.h"

#include <stdio.h>
#include <string.h>

#define LANES_MAX 32
#define BUFFER_BYTES (256u << 10)

struct lane {
    struct eg_kept *kept; /* NULL: the lane is free */
    char interface[64];
    int32_t link_type;
    int64_t end_us; /* of its hour */
    struct eg_strbuf buffer;
    struct eg_hasher *hasher;
    struct eg_file_reach reach; /* its digest is made when it is asked for */
    bool fresh;                 /* something came since then */
    uint64_t used_at;
};

struct eg_live {
    struct eg_keeper *keeper;
    const struct eg_env *env;
    struct lane lanes[LANES_MAX];
    uint64_t frames;
    struct eg_error trouble; /* the first since the last settling */
};

enum eg_status eg_live_new(struct eg_live **out, struct eg_keeper *keeper, const struct eg_env *env,
                           struct eg_error *err) {
    struct eg_live *live = eg_calloc(1, sizeof *live);
    if (!live) return eg_fail(err, EG_E_NOMEM, "no memory to keep packets");
    live->keeper = keeper;
    live->env = env;
    *out = live;
    return EG_OK;
}

static void trouble_note(struct eg_live *live, enum eg_status status, const struct eg_error *err) {
    if (status >= 0 || live->trouble.status < 0) return;
    live->trouble = *err;
    live->trouble.status = status;
}

static void lane_write(struct lane *lane) {
    if (!lane->buffer.size) return;
    eg_hasher_add(lane->hasher, lane->buffer.text, lane->buffer.size);
    eg_kept_write(lane->kept, lane->buffer.text, lane->buffer.size);
    eg_strbuf_clear(&lane->buffer);
}

static void lane_settle(struct eg_live *live, struct lane *lane) {
    struct eg_error err = {0};
    if (!lane->kept || !lane->fresh) return;
    lane_write(lane);
    eg_digest_text(eg_hasher_digest(lane->hasher), lane->reach.digest);
    trouble_note(live, eg_kept_reach(lane->kept, &lane->reach, &err), &err);
    lane->fresh = false;
}

static void lane_end(struct eg_live *live, struct lane *lane) {
    if (!lane->kept) return;
    lane_settle(live, lane);
    eg_kept_close(lane->kept);
    eg_hasher_free(lane->hasher);
    eg_strbuf_reset(&lane->buffer);
    *lane = (struct lane){.kept = NULL};
}

void eg_live_free(struct eg_live *live) {
    if (!live) return;
    for (size_t i = 0; i < LANES_MAX; i++) lane_end(live, &live->lanes[i]);
    eg_free(live);
}

enum eg_status eg_live_settle(struct eg_live *live, struct eg_error *err) {
    for (size_t i = 0; i < LANES_MAX; i++) lane_settle(live, &live->lanes[i]);
    if (live->trouble.status >= 0) return EG_OK;
    if (err) *err = live->trouble;
    enum eg_status status = live->trouble.status;
    live->trouble = (struct eg_error){.status = EG_OK};
    return status;
}

/* "eth0-20260102T120000" */
static enum eg_status lane_begin(struct eg_live *live, struct lane *lane, int64_t time_us,
                                 const char *interface, int32_t link_type, struct eg_error *err) {
    char stem[96];
    struct eg_civil c = eg_time_civil(time_us);
    snprintf(stem, sizeof stem, "%.60s-%04d%02d%02dT%02d%02d%02d", interface, (int)c.year, c.month,
             c.day, c.hour, c.minute, c.second);
    *lane = (struct lane){.link_type = link_type,
                          .reach = {.first_us = INT64_MAX, .last_us = INT64_MIN}};
    snprintf(lane->interface, sizeof lane->interface, "%s", interface);
    int64_t slot = time_us / EG_LIVE_ROTATE_US - (time_us % EG_LIVE_ROTATE_US < 0);
    lane->end_us = (slot + 1) * EG_LIVE_ROTATE_US;
    lane->hasher = eg_hasher_new();
    enum eg_status status = EG_OK;
    if (!lane->hasher || !eg_strbuf_reserve(&lane->buffer, BUFFER_BYTES + EG_WRITTEN_PIECE))
        status = eg_fail(err, EG_E_NOMEM, "no memory to keep packets");
    if (status >= 0)
        status = eg_keeper_make(live->keeper, stem, time_us, link_type, &lane->kept, err);
    if (status < 0) {
        eg_hasher_free(lane->hasher);
        eg_strbuf_reset(&lane->buffer);
        *lane = (struct lane){.kept = NULL};
        return status;
    }
    eg_write_pcap_head(&lane->buffer, link_type);
    lane->reach.offset = lane->buffer.size;
    return EG_OK;
}

/* The lane of the frame, or the free one, or the one that was used the longest ago. */
static struct lane *lane_find(struct eg_live *live, const char *interface, int32_t link_type) {
    struct lane *best = &live->lanes[0];
    for (size_t i = 0; i < LANES_MAX; i++) {
        struct lane *lane = &live->lanes[i];
        if (lane->kept && lane->link_type == link_type &&
            strncmp(lane->interface, interface, sizeof lane->interface - 1) == 0)
            return lane;
        if (best->kept && (!lane->kept || lane->used_at < best->used_at)) best = lane;
    }
    lane_end(live, best);
    return best;
}

const char *eg_live_frame(void *of, const struct eg_frame *given, const char *interface,
                          uint64_t *offset) {
    struct eg_live *live = of;
    struct eg_frame frame = *given;
    struct eg_error err = {0};
    if (live->trouble.status < 0) return NULL; /* the step fails as a whole */
    if (frame.time_ns == EG_FRAME_NO_TIME)
        frame.time_ns = live->env->now_us(live->env->clock) * 1000;
    int64_t time_us = frame.time_ns / 1000;
    uint64_t size = eg_write_size(EG_WRITE_PCAP, frame.payload.size);
    struct lane *lane = lane_find(live, interface, frame.link_type);
    if (lane->kept && (time_us >= lane->end_us || lane->reach.offset + size > EG_LIVE_BYTES_MAX))
        lane_end(live, lane);
    if (!lane->kept) {
        trouble_note(live, lane_begin(live, lane, time_us, interface, frame.link_type, &err), &err);
        if (!lane->kept) return NULL;
    }
    if (lane->buffer.size + size > BUFFER_BYTES) lane_write(lane);
    eg_write_pcap_record(&lane->buffer, &frame);
    *offset = lane->reach.offset;
    lane->reach.offset += size;
    lane->reach.packets++;
    if (time_us < lane->reach.first_us) lane->reach.first_us = time_us;
    if (time_us > lane->reach.last_us) lane->reach.last_us = time_us;
    lane->fresh = true;
    lane->used_at = ++live->frames;
    return eg_kept_name(lane->kept);
}
