/* SPDX-License-Identifier: Apache-2.0
 * The `iface` source: packets of network interfaces as they come. `iface:eth0`, several at once as
 * `iface:eth0,eth1`, all of them as `iface:any`. What the kernel or an interface dropped is asked
 * for once a second and counted. docs/internals/live-capture.md is the page about it. */
#include "source/iface.h"

#include "base/alloc.h"
#include "base/privileges.h"
#include "base/timetext.h"
#include "source/buffer.h"
#include "source/capture_device.h"
#include "source/frames.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define DEVICES_MAX 16
#define BUFFER_BYTES (1u << 20) /* of payloads a batch holds */
#define POOL_SPARE 8
#define WAIT_MS 100
#define DRAIN_US (2 * EG_SECOND_US) /* at most, though packets go on coming */
#define QUIET_WAITS 3               /* nothing for so long: the ring is empty */

static const struct eg_option options[] = {
    {.name = "bpf",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct eg_iface_options, bpf),
     .value_name = "FILTER",
     .help =
         "Captures only the packets that this filter of libpcap matches; the others are seen by "
         "nobody and counted nowhere."},
    {.name = "snaplen",
     .type = EG_OPT_INT,
     .offset = offsetof(struct eg_iface_options, snaplen),
     .preset = "262144",
     .min = 64,
     .max = 262144,
     .value_name = "BYTES",
     .help = "Bytes of each packet that are kept."},
    {.name = "promiscuous",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct eg_iface_options, promiscuous),
     .help = "Takes packets that are for others too."},
    {.name = "buffer",
     .type = EG_OPT_INT,
     .offset = offsetof(struct eg_iface_options, buffer),
     .preset = "64Mi",
     .min = 1 << 20,
     .max = INT64_C(2047) << 20,
     .value_name = "BYTES",
     .help = "Size of the ring in which packets wait for the program; for each interface."},
    {.name = "max-packets",
     .type = EG_OPT_INT,
     .offset = offsetof(struct eg_iface_options, max_packets),
     .preset = "0",
     .max = INT64_MAX,
     .value_name = "N",
     .help = "Ends after so many packets; 0 goes on."},
    {.name = "user",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct eg_iface_options, user),
     .value_name = "NAME",
     .help = "Becomes this user for good once the interfaces are open."},
    EG_OPTION_END,
};
_Static_assert(sizeof(((struct eg_iface_options *)0)->bpf) == sizeof(char *), "see option.h");
_Static_assert(sizeof(((struct eg_iface_options *)0)->buffer) == sizeof(int64_t), "see option.h");

struct device {
    struct eg_device *device; /* NULL: it went away */
    uint64_t given, until;    /* packets; `until`: where draining ends */
    bool down;
};

struct eg_source {
    const struct eg_env *env;
    char *uri;
    struct device devices[DEVICES_MAX];
    uint32_t count, turn; /* `turn`: whose packets are taken first */
    struct eg_pool *pool;
    struct eg_builder *rows;
    /* of the batch being built */
    struct eg_buffer *buffer;
    size_t used;
    int32_t name_index;
    char name[64];                 /* that `name_index` stands for */
    struct eg_iface_keeper keeper; /* NULL: nobody keeps frames */
    int32_t file_index;
    char file[256]; /* that `file_index` stands for */
    /* counters and draining */
    int64_t counted_us;   /* when the drops were asked for */
    int64_t drain_end_us; /* 0: not draining */
    uint32_t quiet;
    uint64_t given;
    uint64_t max;         /* ends then */
    atomic_ullong bytes;  /* of packets, as captured; for progress */
    struct eg_error last; /* why the last interface ended; its status is 0 while one is left */
    /* what became durable, for the source that may be opened in place of this one */
    struct eg_iface_memory *memory; /* NULL: nobody asks */
    bool filtered;
    bool reopened;      /* to be told */
    bool open;          /* capturing has begun */
    uint64_t gone_seen; /* of interfaces that went away */
    uint64_t missed;    /* what the one before owed, and what passed meanwhile */
    struct {
        uint64_t given, dropped;
        bool told;
    } now, reached, kept; /* so far; at the last position; at the last commit */
};

static void say(const struct eg_env *env, int level, const char *text) {
    env->log(env->log_to, level, text);
}

/* ---- opening ---- */

/* What the kernel saw, less what is durable: rows, and drops that were counted. */
static void memory_leave(struct eg_source *source) {
    struct eg_iface_memory *memory = source->memory;
    uint64_t seen = 0, kept = source->kept.given + source->kept.dropped;
    uint32_t passed = 0;
    for (uint32_t i = 0; i < source->count; i++) {
        if (!source->devices[i].device) continue;
        (void)eg_device_drops(source->devices[i].device); /* which asks the kernel */
        seen += eg_device_seen(source->devices[i].device);
        passed += eg_device_passed(source->devices[i].device);
    }
    seen += source->gone_seen;
    *memory = (struct eg_iface_memory){true, seen > kept ? seen - kept : 0, passed};
    if (!source->kept.told) memory->owed += source->missed;
}

/* A source was closed in the middle of capturing, and this one goes on. */
static void memory_take(struct eg_source *source) {
    const struct eg_iface_memory *memory = source->memory;
    if (!memory || !memory->closed) return;
    uint32_t passed = 0;
    for (uint32_t i = 0; i < source->count; i++)
        passed += eg_device_passed(source->devices[i].device);
    passed -= memory->passed;
    if (passed > INT32_MAX) passed = 0; /* an interface was made anew, and counts from 0 */
    source->missed = memory->owed + (source->filtered ? 0 : passed);
    source->reopened = true;
}

static void iface_close(struct eg_source *source) {
    if (source->memory && source->open) memory_leave(source);
    for (uint32_t i = 0; i < source->count; i++) eg_device_close(source->devices[i].device);
    eg_buffer_unref(source->buffer);
    eg_builder_free(source->rows);
    eg_pool_close(source->pool);
    eg_free(source->uri);
    eg_free(source);
}

static const char *names_of(const char *uri) {
    return strncmp(uri, "iface:", 6) == 0 ? uri + 6 : uri;
}

static enum eg_status devices_open(struct eg_source *source, const struct eg_iface_options *opts,
                                   struct eg_error *err) {
    const char *names = names_of(source->uri);
    const struct eg_device_options how = {opts->bpf, opts->buffer, opts->snaplen,
                                          opts->promiscuous};
    do {
        char name[64], warning[300];
        size_t size = strcspn(names, ",");
        if (source->count == DEVICES_MAX)
            return eg_fail(err, EG_E_USAGE, "%.200s: at most %d interfaces", source->uri,
                           DEVICES_MAX);
        if (!size || size >= sizeof name)
            return eg_fail(err, EG_E_USAGE, "'%.200s' names no interface: iface:NAME or iface:any",
                           source->uri);
        snprintf(name, sizeof name, "%.*s", (int)size, names);
        EG_TRY(eg_device_open(&source->devices[source->count].device, name, &how, warning, err));
        source->count++;
        if (warning[0]) say(source->env, 4, warning);
        names += size;
    } while (*names++ == ',');
    return EG_OK;
}

static enum eg_status rights_drop(const struct eg_source *source, const char *user,
                                  struct eg_error *err) {
    char text[400];
    snprintf(text, sizeof text, "capturing on %.300s", names_of(source->uri));
    say(source->env, 6, text);
    if (user && *user) {
        EG_TRY(eg_privileges_drop(user, err));
        snprintf(text, sizeof text,
                 "from here on this is the user %.60s, and what it writes is "
                 "that user's",
                 user);
        say(source->env, 6, text);
    } else if (eg_privileges_root()) {
        say(source->env, 6,
            "this runs as root; with user=NAME it gives that up once capturing is "
            "open");
    }
    return EG_OK;
}

static enum eg_status iface_open(const struct eg_env *env, const char *uri, const void *given,
                                 struct eg_source **out, struct eg_error *err) {
    static const struct eg_iface_options usual = {.buffer = INT64_C(64) << 20,
                                                  .snaplen = EG_FRAME_BYTES_MAX};
    const struct eg_iface_options *opts = given ? given : &usual;
    struct eg_source *source = eg_calloc(1, sizeof *source);
    if (!source) return eg_fail(err, EG_E_NOMEM, "no memory to open %.200s", uri);
    source->env = env;
    source->max = opts->max_packets ? (uint64_t)opts->max_packets : UINT64_MAX;
    source->memory = opts->memory;
    source->filtered = opts->bpf && opts->bpf[0];
    source->uri = eg_strdup(uri);
    source->pool = eg_pool_new(BUFFER_BYTES, POOL_SPARE);
    enum eg_status status = EG_OK;
    if (!source->uri || !source->pool)
        status = eg_fail(err, EG_E_NOMEM, "no memory to open %.200s", uri);
    if (status >= 0)
        status = eg_frames_builder(&source->rows, env->batch_rows ? env->batch_rows : EG_BATCH_ROWS,
                                   err);
    if (status >= 0) status = devices_open(source, opts, err);
    source->open = status >= 0;
    if (source->open) memory_take(source);
    if (status >= 0) status = rights_drop(source, opts->user, err);
    if (status < 0) {
        iface_close(source);
        return status;
    }
    *out = source;
    return EG_OK;
}

static enum eg_status iface_plan(struct eg_source *source, const struct eg_position *known,
                                 size_t known_count, struct eg_plan *out, struct eg_error *err) {
    (void)known;
    (void)known_count;
    (void)err;
    *out = (struct eg_plan){
        .state = EG_PLAN_NEW, .units = EG_UNITS_STREAM, .live = true, .bytes_read = &source->bytes};
    return EG_OK;
}

/* ---- what was lost ---- */

static const struct eg_blame blame = {"packet", NULL, -1};

static void drops_count(struct eg_source *source, struct device *one, int64_t now_us,
                        struct eg_tally *tally) {
    struct eg_device_drops drops = eg_device_drops(one->device);
    source->now.dropped += drops.kernel;
    if (drops.kernel)
        eg_tally_add(tally, EG_CAUSE_capture_drop, &blame, now_us, 0, (int64_t)drops.kernel, 0);
    if (drops.interface)
        eg_tally_add(tally, EG_CAUSE_interface_drop, &blame, now_us, 0, (int64_t)drops.interface,
                     0);
}

static void drops_all(struct eg_source *source, int64_t now_us, struct eg_tally *tally) {
    source->counted_us = now_us;
    for (uint32_t i = 0; i < source->count; i++)
        if (source->devices[i].device) drops_count(source, &source->devices[i], now_us, tally);
}

static bool any_left(const struct eg_source *source) {
    for (uint32_t i = 0; i < source->count; i++)
        if (source->devices[i].device) return true;
    return false;
}

/* An interface went away: what it dropped is still told. The last one ends the source, behind the
 * rows that are being built. */
static void device_lost(struct eg_source *source, struct device *one, struct eg_tally *tally,
                        enum eg_status status, const struct eg_error *why) {
    int64_t now_us = source->env->now_us(source->env->clock);
    drops_count(source, one, now_us, tally);
    source->gone_seen += eg_device_seen(one->device);
    eg_tally_add(tally, EG_CAUSE_interface_gone, &blame, now_us, 1, 0, 0);
    eg_device_close(one->device);
    one->device = NULL;
    if (any_left(source)) {
        say(source->env, 3, why->message);
        return;
    }
    source->last = *why;
    source->last.status = status;
}

/* ---- packets ---- */

static bool batch_full(const struct eg_source *source) {
    return eg_builder_room(source->rows) == 0 || BUFFER_BYTES - source->used < EG_FRAME_BYTES_MAX;
}

/* The frame goes to whoever keeps it, and the row says where it is. */
static void frame_keep(struct eg_source *source, const struct eg_frame *frame,
                       const char *interface) {
    struct eg_builder *rows = source->rows;
    uint64_t offset;
    const char *file = source->keeper.frame(source->keeper.to, frame, interface, &offset);
    if (!file) return;
    if (!source->file[0] || strcmp(source->file, file) != 0) {
        source->file_index = eg_builder_intern(rows, EG_COL(RAW, file), file, strlen(file));
        snprintf(source->file, sizeof source->file, "%s", source->file_index < 0 ? "" : file);
    }
    if (source->file_index < 0) return;
    eg_put_int(rows, EG_COL(RAW, file), source->file_index);
    eg_put_int(rows, EG_COL(RAW, offset), (int64_t)offset);
}

void eg_iface_keep(struct eg_source *source, const struct eg_iface_keeper *keeper) {
    source->keeper = *keeper;
}

static bool frame_take(void *to, const struct eg_frame *frame, const char *interface) {
    struct eg_source *source = to;
    struct eg_builder *rows = source->rows;
    uint8_t *copy = source->buffer->bytes + source->used;
    eg_span_copy(frame->payload, 0, copy, frame->payload.size);
    source->used += frame->payload.size;
    atomic_fetch_add_explicit(&source->bytes, frame->payload.size, memory_order_relaxed);
    if (source->name_index < 0 || strcmp(source->name, interface) != 0) {
        source->name_index =
            eg_builder_intern(rows, EG_COL(RAW, interface), interface, strlen(interface));
        snprintf(source->name, sizeof source->name, "%s", interface);
    }
    eg_put_int(rows, EG_COL(RAW, time_ns), frame->time_ns);
    eg_put_int(rows, EG_COL(RAW, link_type), frame->link_type);
    eg_put_int(rows, EG_COL(RAW, length), (int64_t)frame->length);
    eg_put_view(rows, EG_COL(RAW, payload), eg_span(copy, frame->payload.size));
    if (source->name_index >= 0) eg_put_int(rows, EG_COL(RAW, interface), source->name_index);
    if (source->keeper.frame) frame_keep(source, frame, interface);
    eg_builder_row(rows, 1);
    return !batch_full(source);
}

static void device_read(struct eg_source *source, struct device *one, struct eg_tally *tally) {
    struct eg_error why = {0};
    uint32_t taken, room = eg_builder_room(source->rows);
    uint64_t left = source->max - source->given;
    if (left < room) room = (uint32_t)left;
    enum eg_status status = eg_device_read(one->device, room, frame_take, source, &taken, &why);
    one->given += taken;
    source->given += taken;
    if (taken) one->down = false;
    if (status < 0) device_lost(source, one, tally, status, &why);
}

/* Takes what waits in the rings, until the batch is full. */
static void rings_read(struct eg_source *source, struct eg_tally *tally) {
    for (uint32_t i = 0; i < source->count && !batch_full(source) && source->given < source->max;
         i++) {
        struct device *one = &source->devices[(source->turn + i) % source->count];
        if (one->device) device_read(source, one, tally);
    }
    source->turn = (source->turn + 1) % source->count;
}

/* Waits until packets come, or a while; an interface that went down says so here, once. */
static void rings_wait(struct eg_source *source, int wait_ms, struct eg_tally *tally) {
    struct pollfd fds[DEVICES_MAX];
    for (uint32_t i = 0; i < source->count; i++) {
        const struct eg_device *device = source->devices[i].device;
        fds[i] = (struct pollfd){.fd = device ? eg_device_fd(device) : -1, .events = POLLIN};
    }
    if (poll(fds, source->count, wait_ms) <= 0) return;
    for (uint32_t i = 0; i < source->count; i++) {
        struct device *one = &source->devices[i];
        if (!(fds[i].revents & POLLERR) || one->down || !one->device) continue;
        char text[200];
        one->down = true; /* reading tells whether it is gone altogether */
        snprintf(text, sizeof text,
                 "the interface %.60s went down; capturing goes on when it is up",
                 eg_device_name(one->device));
        say(source->env, 4, text);
        eg_tally_add(tally, EG_CAUSE_interface_down, &blame,
                     source->env->now_us(source->env->clock), 1, 0, 0);
    }
}

/* ---- draining: what had arrived when it began is given out, and no more ---- */

static void drain_begin(struct eg_source *source, int64_t now_us, struct eg_tally *tally) {
    source->drain_end_us = now_us + DRAIN_US;
    source->quiet = 0; /* before now it says nothing of what has just come */
    drops_all(source, now_us, tally);
    for (uint32_t i = 0; i < source->count; i++)
        if (source->devices[i].device)
            source->devices[i].until = eg_device_arrived(source->devices[i].device);
}

static bool drain_over(const struct eg_source *source, int64_t now_us) {
    if (now_us >= source->drain_end_us || source->quiet >= QUIET_WAITS) return true;
    for (uint32_t i = 0; i < source->count; i++)
        if (source->devices[i].device && source->devices[i].given < source->devices[i].until)
            return false;
    return true;
}

/* What arrived before draining began and no time was left for: it is lost like what found no room.
 * With a filter, and of `any`, the kernel counts packets that nobody was to see. */
static void left_behind(struct eg_source *source, int64_t now_us, struct eg_tally *tally) {
    if (source->filtered || now_us < source->drain_end_us) return;
    for (uint32_t i = 0; i < source->count; i++) {
        const struct device *one = &source->devices[i];
        if (!one->device || one->given >= one->until) continue;
        if (strcmp(eg_device_name(one->device), "any") == 0) continue;
        eg_tally_add(tally, EG_CAUSE_capture_drop, &blame, now_us, 0,
                     (int64_t)(one->until - one->given), 0);
    }
}

/* ---- the source's calls ---- */

/* A buffer for the rows' bytes; one that no row came into is still there. */
static enum eg_status buffer_ready(struct eg_source *source, struct eg_error *err) {
    if (source->buffer) return EG_OK;
    source->used = 0;
    source->buffer = eg_buffer_take(source->pool);
    if (!source->buffer)
        return eg_fail(err, EG_E_NOMEM, "no memory for packets of %s", source->uri);
    eg_builder_keep(source->rows, &source->buffer->owner);
    return EG_OK;
}

static enum eg_status rows_give(struct eg_source *source, uint64_t unit, struct eg_batch **out,
                                struct eg_error *err) {
    enum eg_status status = eg_builder_seal(source->rows, out, err);
    eg_buffer_unref(source->buffer);
    source->buffer = NULL;
    if (status == EG_OK) (*out)->unit = unit;
    return status;
}

static enum eg_status ends(struct eg_source *source, int64_t now_us, struct eg_tally *tally) {
    if (source->drain_end_us && source->given < source->max) left_behind(source, now_us, tally);
    drops_all(source, now_us, tally);
    return EG_END;
}

static enum eg_status iface_next(struct eg_source *source, uint64_t unit, struct eg_batch **out,
                                 struct eg_tally *tally, struct eg_error *err) {
    const struct eg_env *env = source->env;
    int64_t now_us = env->now_us(env->clock);
    if (eg_env_cancelled(env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
    if (source->last.status < 0) {
        if (err) *err = source->last;
        return source->last.status;
    }
    if (source->reopened && !source->now.told)
        eg_tally_add(tally, EG_CAUSE_interface_reopened, &blame, now_us, 1, (int64_t)source->missed,
                     0);
    source->now.told = true;
    if (!source->drain_end_us && eg_env_draining(env)) drain_begin(source, now_us, tally);
    if (source->given >= source->max || (source->drain_end_us && drain_over(source, now_us)))
        return ends(source, now_us, tally);
    if (now_us - source->counted_us >= EG_SECOND_US || now_us < source->counted_us)
        drops_all(source, now_us, tally);
    EG_TRY(buffer_ready(source, err));
    for (int wait_ms = 0; wait_ms <= WAIT_MS && !source->rows->rows; wait_ms += WAIT_MS) {
        rings_wait(source, wait_ms, tally);
        rings_read(source, tally);
    }
    source->quiet = source->rows->rows ? 0 : source->quiet + 1;
    return source->rows->rows ? rows_give(source, unit, out, err) : EG_AGAIN;
}

static enum eg_status iface_position(struct eg_source *source, uint64_t last,
                                     struct eg_position *out, struct eg_error *err) {
    (void)last;
    (void)err;
    source->now.given = source->given;
    source->reached = source->now;
    *out = (struct eg_position){.offset = source->given}; /* no key: nothing of it comes again */
    snprintf(out->name, sizeof out->name, "%s", source->uri);
    return EG_OK;
}

/* What stands before the last position is durable. */
static enum eg_status iface_commit(struct eg_source *source, const struct eg_position *position,
                                   struct eg_error *err) {
    (void)position;
    (void)err;
    source->kept = source->reached;
    return EG_OK;
}

const struct eg_source_type eg_source_iface = {
    .abi = EG_STAGE_ABI,
    .name = "iface",
    .help = "packets of network interfaces as they come: iface:NAME, iface:any",
    .options = options,
    .options_size = sizeof(struct eg_iface_options),
    .open = iface_open,
    .plan = iface_plan,
    .next = iface_next,
    .position = iface_position,
    .commit = iface_commit,
    .close = iface_close,
};
