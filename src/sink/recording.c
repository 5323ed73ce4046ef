/* SPDX-License-Identifier: Apache-2.0
 * Raw rows into the files of a recorder. Frames are written as they came; datagrams as the UDP packets
 * that may have carried them (LINKTYPE_RAW): exporter is the source, the port it was received on the
 * destination, so that they can be ingested and replayed. */
#include "sink/recording.h"

#include "base/alloc.h"
#include "sink/capture_journal.h"
#include "table/address.h"
#include "wire/datagram_frame.h"
#include "wire/dissect.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HOOK_WAIT_MS 10000 /* at the end of a run */

/* ---- opening and closing ---- */

static void sink_free(struct eg_sink *sink) {
    eg_recorder_free(sink->recorder);
    eg_capture_stream_free(sink->stream);
    eg_hook_free(sink->hook);
    eg_strbuf_reset(&sink->packet);
    eg_free(sink->directory);
    eg_free(sink->program);
    eg_free(sink->pattern);
    eg_free(sink);
}

static enum eg_status texts_copy(struct eg_sink *sink, const struct eg_recording_options *o,
                                 struct eg_error *err) {
    const char *colon = strchr(o->uri, ':');
    size_t name = colon ? (size_t)(colon - o->uri) : 0;
    sink->directory = eg_strdup(colon && !memchr(o->uri, '/', name) ? colon + 1 : o->uri);
    sink->pattern = eg_strdup(o->pattern);
    if (o->exec) sink->program = eg_strdup(o->exec);
    if (!sink->directory || !sink->pattern || (o->exec && !sink->program))
        return eg_fail(err, EG_E_NOMEM, "%.200s: no memory", o->uri);
    if (!sink->directory[0])
        return eg_fail(err, EG_E_USAGE, "'%.200s' names no directory: %.*s:DIR", o->uri, (int)name,
                       o->uri);
    if (gethostname(sink->host, sizeof sink->host - 1) != 0 || !sink->host[0])
        snprintf(sink->host, sizeof sink->host, "localhost");
    return EG_OK;
}

static enum eg_status parts_open(struct eg_sink *sink, const struct eg_recording_options *o,
                                 struct eg_error *err) {
    if (o->streams && strcmp(sink->directory, "-") == 0)
        return eg_capture_stream_new(&sink->stream, sink->env, o->every, err);
    if (o->every) return eg_fail(err, EG_E_USAGE, "pretty-print is for standard output: pcap:-");
    if (sink->program)
        EG_TRY(eg_hook_open(&sink->hook, sink->env, sink->program, o->exec_at_once, err));
    struct eg_recorder_options how = o->how;
    how.directory = sink->directory;
    how.pattern = sink->pattern;
    how.host = sink->host;
    how.hook = sink->hook;
    return eg_recorder_open(&sink->recorder, sink->env, &how, err);
}

enum eg_status eg_recording_open(struct eg_sink **out, const struct eg_env *env,
                                 const struct eg_recording_options *options, struct eg_error *err) {
    struct eg_sink *sink = eg_calloc(1, sizeof *sink);
    if (!sink) return eg_fail(err, EG_E_NOMEM, "%.200s: no memory", options->uri);
    sink->env = env;
    enum eg_status status = texts_copy(sink, options, err);
    if (status >= 0) status = parts_open(sink, options, err);
    if (status < 0) {
        sink_free(sink);
        return status;
    }
    *out = sink;
    return EG_OK;
}

enum eg_status eg_recording_recover(struct eg_sink *sink, struct eg_error *err) {
    if (sink->stream || !eg_capture_journal_there(sink->directory)) return EG_OK;
    eg_recorder_now(sink->recorder, sink->env->now_us(sink->env->clock));
    enum eg_status status = eg_recorder_begin(sink->recorder, err);
    return status == EG_E_NOSPACE ? EG_OK : status; /* later, when there is room */
}

enum eg_status eg_recording_finish(struct eg_sink *sink, struct eg_error *err) {
    if (sink->stream) return eg_capture_stream_flush(sink->stream, err);
    eg_recorder_now(sink->recorder, sink->env->now_us(sink->env->clock));
    return eg_recorder_finish(sink->recorder, err);
}

void eg_recording_close(struct eg_sink *sink) {
    (void)!eg_recording_finish(sink, NULL); /* it has told the log */
    if (sink->hook) eg_hook_finish(sink->hook, HOOK_WAIT_MS);
    sink_free(sink);
}

/* ---- rows ---- */

static int64_t number(const struct eg_batch *batch, uint32_t col, uint32_t row, int64_t otherwise) {
    return eg_batch_valid(batch, col, row) ? eg_col_int(&batch->columns[col], row) : otherwise;
}

/* The packet that may have carried the datagram. Nobody tells to which of our addresses it went. */
static bool datagram_wrap(struct eg_sink *sink, const struct eg_batch *batch, uint32_t row,
                          struct eg_frame *frame) {
    static const struct eg_addr here6 = {{[15] = 1}};
    struct eg_udp_ends ends = {
        .src = eg_addr_v4(0),
        .src_port = (uint16_t)number(batch, EG_COL(RAW, peer_port), row, 0),
        .dst_port = (uint16_t)number(batch, EG_COL(RAW, local_port), row, 0),
    };
    if (eg_batch_valid(batch, EG_COL(RAW, peer), row))
        ends.src = eg_col_addr(&batch->columns[EG_COL(RAW, peer)])[row];
    ends.dst = eg_addr_is_v4(&ends.src) ? eg_addr_v4(0x7f000001) : here6;
    eg_strbuf_clear(&sink->packet);
    if (!eg_datagram_frame(&sink->packet, &ends, frame->payload)) return false;
    frame->link_type = EG_LINK_RAW;
    frame->length += sink->packet.size - frame->payload.size;
    frame->payload = eg_span(sink->packet.text, sink->packet.size);
    return true;
}

static enum eg_status row_put(struct eg_sink *sink, const struct eg_batch *batch, uint32_t row,
                              struct eg_error *err) {
    struct eg_frame frame = {
        .time_ns = number(batch, EG_COL(RAW, time_ns), row, EG_FRAME_NO_TIME),
        .link_type = (int32_t)number(batch, EG_COL(RAW, link_type), row, -1),
        .payload = eg_col_view(&batch->columns[EG_COL(RAW, payload)])[row],
    };
    int64_t length = number(batch, EG_COL(RAW, length), row, 0);
    frame.length = length > (int64_t)frame.payload.size ? (uint64_t)length : frame.payload.size;
    struct eg_span interface = {0};
    bool datagram = frame.link_type < 0;
    if (eg_batch_valid(batch, EG_COL(RAW, interface), row))
        interface = eg_col_text(&batch->columns[EG_COL(RAW, interface)], row);
    else if (datagram)
        interface = eg_span("exports", 7);
    if (datagram && !datagram_wrap(sink, batch, row, &frame)) {
        int64_t time_us = frame.time_ns == EG_FRAME_NO_TIME ? INT64_MIN : frame.time_ns / 1000;
        if (sink->stream)
            eg_capture_stream_unfit(sink->stream, time_us, frame.length);
        else
            eg_recorder_unfit(sink->recorder, time_us, frame.length);
        return EG_OK;
    }
    if (sink->packet.failed) return eg_fail(err, EG_E_NOMEM, "%s: no memory", sink->directory);
    if (sink->stream) return eg_capture_stream_put(sink->stream, &frame, err);
    return eg_recorder_put(sink->recorder, &frame, interface, err);
}

enum eg_status eg_recording_write(struct eg_sink *sink, struct eg_batch *batch,
                                  struct eg_error *err) {
    if (batch->table_id != EG_TABLE_RAW) return EG_OK;
    if (sink->recorder) eg_recorder_now(sink->recorder, sink->env->now_us(sink->env->clock));
    for (uint32_t row = 0; row < batch->rows; row++) EG_TRY(row_put(sink, batch, row, err));
    if (sink->stream) return eg_capture_stream_flush(sink->stream, err);
    if (sink->hook) eg_hook_tend(sink->hook);
    return EG_OK;
}

enum eg_status eg_recording_flush(struct eg_sink *sink, const struct eg_position *positions,
                                  size_t count, struct eg_error *err) {
    (void)positions;
    (void)count;
    if (sink->stream) return eg_capture_stream_flush(sink->stream, err);
    eg_recorder_now(sink->recorder, sink->env->now_us(sink->env->clock));
    if (sink->hook) eg_hook_tend(sink->hook);
    return eg_recorder_sync(sink->recorder, err);
}

/* ---- what others ask ---- */

bool eg_sink_records(const struct eg_sink_type *type) { return type->write == eg_recording_write; }

const struct eg_recorder_account *eg_recording_account(const struct eg_sink *sink) {
    if (sink->stream) return eg_capture_stream_account(sink->stream);
    return eg_recorder_account(sink->recorder);
}

void eg_recording_losses(struct eg_sink *sink, struct eg_tally *tally) {
    if (sink->stream)
        eg_capture_stream_losses(sink->stream, tally);
    else
        eg_recorder_losses(sink->recorder, tally);
}
