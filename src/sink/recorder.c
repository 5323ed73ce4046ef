/* SPDX-License-Identifier: Apache-2.0
 * Frames into rotating capture files. docs/internals/live-capture.md is the page about it. */
#include "sink/recorder.h"

#include "base/alloc.h"
#include "base/timetext.h"
#include "sink/capture_file.h"
#include "wire/seqfile_write.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define LANES_MAX 64u
#define BUFFER_BYTES (256u << 10)
#define INTERFACES_MAX 1024u /* of one pcapng file */
#define RETRY_US EG_SECOND_US
#define NAME_MAX_BYTES 64
#define DESCRIPTION_MAX 512u /* bytes that a frame's interface may add */

struct described { /* an interface that a pcapng file has described */
    char name[NAME_MAX_BYTES];
    size_t name_size;
    int32_t link_type;
};

struct lane {
    struct eg_capture_file file;
    char interface[NAME_MAX_BYTES]; /* as it came; cut */
    size_t interface_size;
    int32_t link_type;
    int64_t slot_end_us; /* INT64_MAX: not by time */
    int64_t last_us;     /* time of the last frame */
    int64_t last_wall_us;
    uint64_t used_at; /* the frame that used it last */
    struct described *described;
    uint32_t described_count;
    struct eg_seqfile_writer seqfile;
};

struct eg_recorder {
    const struct eg_env *env;
    struct eg_recorder_options options;
    bool by_interface;
    struct eg_capture_journal *journal;
    bool begun;
    struct lane lanes[LANES_MAX];
    uint32_t lane_count, latest;
    uint64_t clock; /* counts frames, for the lane that was used the longest ago */
    int64_t now_us;
    int64_t full_until_us; /* no space: not tried again before */
    uint64_t full_lost;    /* since the disk became full; UINT64_MAX: it is not */
    struct eg_recorder_account account;
    struct eg_tally tally;
};

#define NOT_FULL UINT64_MAX

static const struct eg_blame blame = {"packet", NULL, -1};

static void say(const struct eg_recorder *r, int level, const char *format, ...) EG_PRINTF(3, 4);
static void say(const struct eg_recorder *r, int level, const char *format, ...) {
    char text[900], message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(message, sizeof message, "%.100s: %s", r->options.directory, text);
    r->env->log(r->env->log_to, level, message);
}

/* ---- opening ---- */

enum eg_status eg_recorder_open(struct eg_recorder **out, const struct eg_env *env,
                                const struct eg_recorder_options *options, struct eg_error *err) {
    char name[EG_CAPTURE_NAME_MAX];
    struct eg_capture_naming naming = {options->pattern, options->host, "eth0",
                                       env->now_us(env->clock) * 1000};
    EG_TRY(eg_capture_name(name, &naming, err));
    struct eg_recorder *r = eg_calloc(1, sizeof *r);
    if (!r) return eg_fail(err, EG_E_NOMEM, "%s: no memory to record", options->directory);
    r->env = env;
    r->options = *options;
    r->by_interface = eg_capture_name_has_interface(options->pattern);
    r->full_lost = NOT_FULL;
    for (uint32_t i = 0; i < LANES_MAX; i++) r->lanes[i].file.fd = -1;
    *out = r;
    return EG_OK;
}

static void published(struct eg_recorder *r, const struct eg_published *file) {
    if (!file->name[0]) return;
    r->account.files++;
    if (!r->options.hook) return;
    char path[4096];
    int size = snprintf(path, sizeof path, "%s/%s", r->options.directory, file->name);
    if (size > 0 && (size_t)size < sizeof path) eg_hook_run(r->options.hook, path);
}

static enum eg_status leftovers_recover(struct eg_recorder *r, struct eg_error *err) {
    for (size_t left = r->journal->open_count; left; left--) {
        struct eg_published file;
        EG_TRY(eg_capture_recover(r->journal, r->journal->open[0], r->now_us, &file, err));
        if (file.cut)
            eg_tally_add(&r->tally, EG_CAUSE_recording_cut, &blame, r->now_us, 0, 0,
                         (int64_t)file.cut);
        if (!file.packets) continue;
        r->account.recovered++;
        eg_tally_add(&r->tally, EG_CAUSE_recording_recovered, &blame, r->now_us, 0,
                     (int64_t)file.packets, (int64_t)file.bytes);
        say(r, 4,
            "%s was left by a run that was killed: %llu packets kept, %llu bytes behind them "
            "cut off",
            file.name, (unsigned long long)file.packets, (unsigned long long)file.cut);
        published(r, &file);
    }
    return EG_OK;
}

enum eg_status eg_recorder_begin(struct eg_recorder *r, struct eg_error *err) {
    if (r->begun) return EG_OK;
    if (r->now_us == 0) r->now_us = r->env->now_us(r->env->clock);
    if (!r->journal) EG_TRY(eg_capture_journal_open(&r->journal, r->options.directory, err));
    EG_TRY(leftovers_recover(r, err));
    r->begun = true;
    return EG_OK;
}

void eg_recorder_now(struct eg_recorder *r, int64_t now_us) { r->now_us = now_us; }

/* ---- a full disk ---- */

static void full_begin(struct eg_recorder *r) {
    r->full_until_us = r->now_us + RETRY_US;
    if (r->full_lost != NOT_FULL) return;
    r->full_lost = 0;
    say(r, 3, "the disk is full: packets are not recorded until there is space again");
}

static void full_end(struct eg_recorder *r) {
    if (r->full_lost == NOT_FULL) return;
    say(r, 4, "there is space again; %llu packets were not recorded",
        (unsigned long long)r->full_lost);
    r->full_lost = NOT_FULL;
}

static bool full_now(const struct eg_recorder *r) {
    return r->full_lost != NOT_FULL && r->now_us < r->full_until_us;
}

static void lost(struct eg_recorder *r, int64_t time_us, uint64_t packets, uint64_t bytes) {
    r->account.lost += packets;
    if (r->full_lost != NOT_FULL) r->full_lost += packets;
    eg_tally_add(&r->tally, EG_CAUSE_recording_full, &blame, time_us, 0, (int64_t)packets,
                 (int64_t)bytes);
}

void eg_recorder_unfit(struct eg_recorder *r, int64_t time_us, uint64_t bytes) {
    r->account.lost++;
    eg_tally_add(&r->tally, EG_CAUSE_recording_unfit, &blame, time_us, 0, 1, (int64_t)bytes);
}

/* ---- the keep rules ---- */

static uint64_t bytes_all(const struct eg_recorder *r) {
    uint64_t bytes = r->journal->bytes;
    for (uint32_t i = 0; i < r->lane_count; i++)
        if (r->lanes[i].file.fd >= 0)
            bytes += r->lanes[i].file.written + r->lanes[i].file.buffer.size;
    return bytes;
}

static bool too_much(const struct eg_recorder *r) {
    const struct eg_recorder_options *o = &r->options;
    const struct eg_capture_journal *j = r->journal;
    if (!j->count) return false;
    return (o->files_max && j->count > o->files_max) ||
           (o->age_max_us && j->files[0].time_us < r->now_us - o->age_max_us) ||
           (o->bytes_max && bytes_all(r) > o->bytes_max);
}

static void keep_rules(struct eg_recorder *r) {
    while (too_much(r)) {
        struct eg_error err;
        if (eg_capture_journal_drop(r->journal, &err) < 0) say(r, 4, "%s", err.message);
        r->account.removed++;
    }
}

/* ---- lanes ---- */

/* Somebody removed the lane's file, and as a rule all its directory: what was recorded in it is gone, and
 * the list of files begins anew. */
static enum eg_status lane_gone(struct eg_recorder *r, struct lane *lane, struct eg_error *err) {
    uint64_t packets = lane->file.packets;
    if (lane->file.fd >= 0) close(lane->file.fd);
    lane->file.fd = -1;
    lane->file.packets = 0;
    eg_strbuf_clear(&lane->file.buffer);
    r->account.packets -= packets;
    r->account.lost += packets;
    eg_tally_add(&r->tally, EG_CAUSE_recording_removed, &blame, lane->last_us, 0, (int64_t)packets,
                 (int64_t)lane->file.written);
    say(r, 3, "%s was removed while it was written: the %llu packets in it are lost",
        lane->file.name, (unsigned long long)packets);
    if (access(r->journal->path, F_OK) == 0)
        return eg_capture_journal_end(r->journal, lane->file.temp, NULL, 0, 0, err);
    struct eg_capture_journal *fresh;
    EG_TRY(eg_capture_journal_open(&fresh, r->options.directory, err));
    eg_capture_journal_close(r->journal);
    r->journal = fresh;
    return EG_OK;
}

static bool lane_removed(const struct lane *lane) {
    struct stat about;
    return lane->file.fd >= 0 && fstat(lane->file.fd, &about) == 0 && about.st_nlink == 0;
}

/* Publishes the lane's file. A full disk leaves it open. */
static enum eg_status lane_publish(struct eg_recorder *r, struct lane *lane, struct eg_error *err) {
    struct eg_published file;
    if (lane->file.fd < 0) return EG_OK;
    if (lane_removed(lane)) return lane_gone(r, lane, err);
    enum eg_status status = eg_capture_file_publish(&lane->file, r->journal, r->now_us, &file, err);
    if (status == EG_E_NOENT) return lane_gone(r, lane, err);
    if (status < 0) return status;
    full_end(r);
    published(r, &file);
    keep_rules(r);
    return EG_OK;
}

static bool lane_fits(const struct eg_recorder *r, const struct lane *lane,
                      const struct eg_frame *frame, struct eg_span interface) {
    if (r->options.format == EG_WRITE_PCAP && lane->link_type != frame->link_type) return false;
    return !r->by_interface || (lane->interface_size == interface.size &&
                                memcmp(lane->interface, interface.at, interface.size) == 0);
}

/* The lane of the frame: the latest one as a rule; a new one; the one that was used the longest
 * ago, its file published. */
static enum eg_status lane_find(struct eg_recorder *r, const struct eg_frame *frame,
                                struct eg_span interface, struct lane **out, struct eg_error *err) {
    struct lane *lane = &r->lanes[r->latest];
    bool found = r->lane_count && lane_fits(r, lane, frame, interface);
    for (uint32_t i = 0; !found && i < r->lane_count; i++) {
        lane = &r->lanes[i];
        found = lane_fits(r, lane, frame, interface);
    }
    if (!found && r->lane_count < LANES_MAX) {
        lane = &r->lanes[r->lane_count++];
    } else if (!found) {
        lane = r->lanes;
        for (uint32_t i = 1; i < LANES_MAX; i++)
            if (r->lanes[i].used_at < lane->used_at) lane = &r->lanes[i];
        EG_TRY(lane_publish(r, lane, err));
    }
    if (!found) {
        eg_span_copy(interface, 0, lane->interface, interface.size);
        lane->interface_size = interface.size;
        lane->link_type = frame->link_type;
        lane->last_us = r->now_us;
    }
    r->latest = (uint32_t)(lane - r->lanes);
    lane->used_at = r->clock++;
    *out = lane;
    return EG_OK;
}

static enum eg_status head_put(const struct eg_recorder *r, struct lane *lane,
                               struct eg_error *err) {
    uint8_t mark[16];
    if (r->options.format == EG_WRITE_PCAP) {
        eg_write_pcap_head(&lane->file.buffer, lane->link_type);
    } else if (r->options.format == EG_WRITE_PCAPNG) {
        eg_write_pcapng_head(&lane->file.buffer, "earlgrey");
    } else {
        if (getrandom(mark, sizeof mark, 0) != sizeof mark)
            return eg_fail_errno(err, errno, "no random numbers from the system");
        eg_seqfile_begin(&lane->seqfile, mark, &lane->file.buffer);
    }
    return EG_OK;
}

/* When a file that begins at `time_us` is over. */
static int64_t slot_end(const struct eg_recorder_options *o, int64_t time_us) {
    if (o->span_us) return time_us + o->span_us;
    if (!o->rotate_us) return INT64_MAX;
    return (time_us / o->rotate_us + (time_us >= 0)) * o->rotate_us;
}

static enum eg_status lane_begin(struct eg_recorder *r, struct lane *lane, int64_t time_ns,
                                 struct eg_error *err) {
    char interface[NAME_MAX_BYTES + 1] = "", name[EG_CAPTURE_NAME_MAX];
    memcpy(interface, lane->interface, lane->interface_size);
    struct eg_capture_naming naming = {r->options.pattern, r->options.host,
                                       interface[0] ? interface : "capture", time_ns};
    EG_TRY(eg_recorder_begin(r, err));
    EG_TRY(eg_capture_name(name, &naming, err));
    EG_TRY(eg_capture_file_create(&lane->file, r->journal, name, err));
    lane->described_count = 0;
    lane->slot_end_us = slot_end(&r->options, time_ns / 1000);
    if (!eg_strbuf_reserve(&lane->file.buffer, BUFFER_BYTES + EG_WRITTEN_PIECE))
        return eg_fail(err, EG_E_NOMEM, "%s: no memory to record", r->options.directory);
    return head_put(r, lane, err);
}

/* The number of the frame's interface in the lane's pcapng file, which describes it first. */
static uint32_t interface_number(struct lane *lane, const struct eg_frame *frame,
                                 struct eg_span name) {
    for (uint32_t i = 0; i < lane->described_count; i++) {
        const struct described *d = &lane->described[i];
        if (d->link_type == frame->link_type && d->name_size == name.size &&
            memcmp(d->name, name.at, name.size) == 0)
            return i;
    }
    struct described *d = &lane->described[lane->described_count];
    eg_span_copy(name, 0, d->name, name.size);
    d->name_size = name.size;
    d->link_type = frame->link_type;
    eg_write_pcapng_interface(&lane->file.buffer, frame->link_type, name);
    return lane->described_count++;
}

static enum eg_status described_make(const struct eg_recorder *r, struct lane *lane,
                                     struct eg_error *err) {
    if (r->options.format != EG_WRITE_PCAPNG || lane->described) return EG_OK;
    lane->described = eg_calloc(INTERFACES_MAX, sizeof *lane->described);
    if (lane->described) return EG_OK;
    return eg_fail(err, EG_E_NOMEM, "%s: no memory to record", r->options.directory);
}

/* Makes the lane's file ready for the frame: its time, its size, its buffer. */
static enum eg_status lane_ready(struct eg_recorder *r, struct lane *lane, int64_t time_ns,
                                 uint64_t size, struct eg_error *err) {
    struct eg_capture_file *file = &lane->file;
    uint64_t max = r->options.size_max, packets_max = r->options.packets_max;
    bool over = file->fd >= 0 &&
                (time_ns / 1000 >= lane->slot_end_us || lane->described_count == INTERFACES_MAX ||
                 (packets_max && file->packets >= packets_max) ||
                 (max && file->packets && file->written + file->buffer.size + size > max));
    if (over) EG_TRY(lane_publish(r, lane, err));
    if (file->fd < 0) {
        EG_TRY(described_make(r, lane, err));
        EG_TRY(lane_begin(r, lane, time_ns, err));
    }
    if (file->buffer.size + size + DESCRIPTION_MAX <= BUFFER_BYTES || file->buffer.size == 0)
        return EG_OK;
    EG_TRY(eg_capture_file_write(file, err));
    full_end(r);
    keep_rules(r);
    return EG_OK;
}

/* Finds the frame's lane and makes room in it; EG_E_NOSPACE where there is none, or was none a
 * moment ago. */
static enum eg_status place_find(struct eg_recorder *r, struct eg_frame *frame,
                                 struct eg_span interface, struct lane **out,
                                 struct eg_error *err) {
    struct lane *lane;
    EG_TRY(lane_find(r, frame, interface, &lane, err));
    *out = lane;
    if (frame->time_ns == EG_FRAME_NO_TIME) frame->time_ns = lane->last_us * 1000;
    uint64_t size = eg_write_size(r->options.format, frame->payload.size);
    bool needs_disk =
        lane->file.fd < 0 || lane->file.buffer.size + size + DESCRIPTION_MAX > BUFFER_BYTES;
    if (needs_disk && full_now(r)) return EG_E_NOSPACE;
    return lane_ready(r, lane, frame->time_ns, size, err);
}

enum eg_status eg_recorder_put(struct eg_recorder *r, const struct eg_frame *given,
                               struct eg_span interface, struct eg_error *err) {
    struct eg_frame frame = *given;
    struct lane *lane = NULL;
    interface = interface.size ? eg_span_sub(interface, 0, NAME_MAX_BYTES) : eg_span("", 0);
    enum eg_status status = place_find(r, &frame, interface, &lane, err);
    if (status == EG_E_NOSPACE) {
        if (!full_now(r)) full_begin(r);
        lost(r, frame.time_ns == EG_FRAME_NO_TIME ? r->now_us : frame.time_ns / 1000, 1,
             frame.length);
        return EG_OK;
    }
    if (status < 0) return status;
    if (r->options.format == EG_WRITE_PCAP)
        eg_write_pcap_record(&lane->file.buffer, &frame);
    else if (r->options.format == EG_WRITE_SEQFILE)
        eg_seqfile_put(&lane->seqfile, &frame, &lane->file.buffer);
    else
        eg_write_pcapng_record(&lane->file.buffer, &frame,
                               interface_number(lane, &frame, interface));
    if (lane->file.buffer.failed)
        return eg_fail(err, EG_E_NOMEM, "%s: no memory to record", r->options.directory);
    if (!eg_write_time_fits(r->options.format, frame.time_ns))
        eg_tally_add(&r->tally, EG_CAUSE_recording_time, &blame, frame.time_ns / 1000, 0, 1,
                     (int64_t)frame.length);
    lane->last_us = frame.time_ns / 1000;
    lane->last_wall_us = r->now_us;
    lane->file.packets++;
    r->account.packets++;
    return EG_OK;
}

/* ---- barriers ---- */

/* Whether the lane's time is over although no frame came to say so: packet time goes on as the
 * clock does since the last one. */
static bool lane_over(const struct eg_recorder *r, const struct lane *lane) {
    return lane->slot_end_us != INT64_MAX &&
           lane->last_us + (r->now_us - lane->last_wall_us) >= lane->slot_end_us;
}

enum eg_status eg_recorder_sync(struct eg_recorder *r, struct eg_error *err) {
    enum eg_status begun = eg_recorder_begin(r, err);
    if (begun == EG_E_NOSPACE) {
        full_begin(r);
        return EG_OK;
    }
    if (begun < 0) return begun;
    for (uint32_t i = 0; i < r->lane_count; i++) {
        struct lane *lane = &r->lanes[i];
        if (lane->file.fd < 0) continue;
        enum eg_status status = lane_removed(lane)   ? lane_gone(r, lane, err)
                                : lane_over(r, lane) ? lane_publish(r, lane, err)
                                                     : eg_capture_file_sync(&lane->file, err);
        if (status == EG_E_NOSPACE)
            full_begin(r);
        else if (status < 0)
            return status;
    }
    keep_rules(r);
    return EG_OK;
}

static enum eg_status lane_finish(struct eg_recorder *r, struct lane *lane, struct eg_error *err) {
    enum eg_status status = lane_publish(r, lane, err);
    if (status != EG_E_NOSPACE || lane->file.fd < 0) return status;
    struct eg_published file;
    full_begin(r);
    status = eg_capture_file_salvage(&lane->file, r->journal, r->now_us, &file, err);
    if (status < 0) return status;
    r->account.packets -= lane->file.packets;
    lost(r, lane->last_us, lane->file.packets, 0);
    published(r, &file);
    return EG_OK;
}

enum eg_status eg_recorder_finish(struct eg_recorder *r, struct eg_error *err) {
    enum eg_status first = EG_OK;
    for (uint32_t i = 0; i < r->lane_count; i++) {
        struct eg_error own;
        enum eg_status status = lane_finish(r, &r->lanes[i], &own);
        if (status >= 0) continue;
        say(r, 3, "%s", own.message);
        if (first >= 0 && err) *err = own;
        if (first >= 0) first = status;
    }
    if (r->begun) keep_rules(r);
    return first;
}

void eg_recorder_free(struct eg_recorder *r) {
    if (!r) return;
    for (uint32_t i = 0; i < LANES_MAX; i++) {
        eg_capture_file_reset(&r->lanes[i].file);
        eg_free(r->lanes[i].described);
    }
    eg_capture_journal_close(r->journal);
    eg_tally_reset(&r->tally);
    eg_free(r);
}

const struct eg_recorder_account *eg_recorder_account(const struct eg_recorder *r) {
    return &r->account;
}
void eg_recorder_losses(struct eg_recorder *r, struct eg_tally *to) {
    eg_tally_merge(to, &r->tally);
    eg_tally_reset(&r->tally);
}
