/* SPDX-License-Identifier: Apache-2.0
 * Frames to standard output. */
#include "sink/capture_stream.h"

#include "base/alloc.h"
#include "base/timetext.h"
#include "wire/capture_write.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define BUFFER_BYTES (256u << 10) /* written at once, at most that and a frame */

struct eg_capture_stream {
    const struct eg_env *env;
    uint64_t every;
    bool begun;
    int32_t link_type;
    int64_t last_ns;
    struct eg_strbuf buffer;
    struct eg_recorder_account account;
    struct eg_tally tally;
};

static const struct eg_blame blame = {"packet", NULL, -1};

enum eg_status eg_capture_stream_new(struct eg_capture_stream **out, const struct eg_env *env,
                                     uint64_t every, struct eg_error *err) {
    struct eg_capture_stream *s = eg_calloc(1, sizeof *s);
    if (!s) return eg_fail(err, EG_E_NOMEM, "standard output: no memory");
    s->env = env;
    s->every = every;
    s->last_ns = EG_FRAME_NO_TIME;
    *out = s;
    return EG_OK;
}

void eg_capture_stream_free(struct eg_capture_stream *s) {
    if (!s) return;
    eg_strbuf_reset(&s->buffer);
    eg_tally_reset(&s->tally);
    eg_free(s);
}

void eg_capture_stream_unfit(struct eg_capture_stream *s, int64_t time_us, uint64_t bytes) {
    s->account.lost++;
    eg_tally_add(&s->tally, EG_CAUSE_recording_unfit, &blame, time_us, 0, 1, (int64_t)bytes);
}

/* As pycapa's, without what only its bus knows. */
static void line_put(struct eg_capture_stream *s, const struct eg_frame *frame) {
    struct eg_civil t = eg_time_civil(frame->time_ns / 1000);
    eg_strbuf_printf(&s->buffer,
                     "Packet received[%llu]: date=%04lld-%02d-%02d %02d:%02d:%02d.%06d len=%zu\n",
                     (unsigned long long)s->account.packets, (long long)t.year, t.month, t.day,
                     t.hour, t.minute, t.second, t.micros, frame->payload.size);
}

enum eg_status eg_capture_stream_put(struct eg_capture_stream *s, const struct eg_frame *given,
                                     struct eg_error *err) {
    struct eg_frame frame = *given;
    if (frame.time_ns == EG_FRAME_NO_TIME)
        frame.time_ns =
            s->last_ns == EG_FRAME_NO_TIME ? s->env->now_us(s->env->clock) * 1000 : s->last_ns;
    s->last_ns = frame.time_ns;
    if (!s->every && s->begun && frame.link_type != s->link_type) {
        eg_capture_stream_unfit(s, frame.time_ns / 1000, frame.length);
        return EG_OK;
    }
    s->account.packets++;
    if (!s->every && !s->begun) eg_write_pcap_head(&s->buffer, frame.link_type);
    s->link_type = frame.link_type;
    s->begun = true;
    if (!s->every && !eg_write_time_fits(EG_WRITE_PCAP, frame.time_ns))
        eg_tally_add(&s->tally, EG_CAUSE_recording_time, &blame, frame.time_ns / 1000, 0, 1,
                     (int64_t)frame.length);
    if (!s->every)
        eg_write_pcap_record(&s->buffer, &frame);
    else if (s->account.packets % s->every == 0)
        line_put(s, &frame);
    if (s->buffer.failed) return eg_fail(err, EG_E_NOMEM, "standard output: no memory");
    return s->buffer.size < BUFFER_BYTES ? EG_OK : eg_capture_stream_flush(s, err);
}

enum eg_status eg_capture_stream_flush(struct eg_capture_stream *s, struct eg_error *err) {
    size_t done = 0;
    while (done < s->buffer.size) {
        ssize_t wrote = write(STDOUT_FILENO, s->buffer.text + done, s->buffer.size - done);
        if (wrote >= 0) {
            done += (size_t)wrote;
        } else if (errno == EPIPE) {
            return eg_fail(err, EG_E_CANCELLED, "standard output was closed by its reader");
        } else if (errno == EAGAIN) { /* somebody made it non-blocking */
            struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
            (void)poll(&out, 1, 100);
            if (eg_env_cancelled(s->env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
        } else if (errno != EINTR) {
            return eg_fail_errno(err, errno, "cannot write to standard output");
        }
    }
    eg_strbuf_clear(&s->buffer);
    return EG_OK;
}

const struct eg_recorder_account *eg_capture_stream_account(const struct eg_capture_stream *s) {
    return &s->account;
}
void eg_capture_stream_losses(struct eg_capture_stream *s, struct eg_tally *to) {
    eg_tally_merge(to, &s->tally);
    eg_tally_reset(&s->tally);
}
