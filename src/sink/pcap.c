/* SPDX-License-Identifier: Apache-2.0
 * The sink `pcap:DIR`: raw rows as rotating capture files. Frames are written as they came;
 * datagrams as the UDP packets that may have carried them (LINKTYPE_RAW): exporter is the source,
 * the port it was received on the destination, so that they can be ingested and replayed. */
#include "sink/pcap.h"

#include "base/alloc.h"
#include "base/timetext.h"
#include "table/address.h"
#include "wire/datagram_frame.h"
#include "wire/dissect.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HOOK_WAIT_MS 30000 /* at the end of a run */

struct eg_sink {
    const struct eg_env *env;
    struct eg_recorder *recorder;
    struct eg_hook *hook;
    char *directory, *program, *pattern;
    char host[256];
    struct eg_strbuf packet; /* the one made of a datagram */
};

struct pcap_options {
    int64_t rotate, size, files, max_age, max_bytes, exec_at_once;
    const char *name, *exec, *format;
};

static const struct eg_option options[] = {
    {.name = "rotate",
     .type = EG_OPT_DURATION,
     .offset = offsetof(struct pcap_options, rotate),
     .preset = "1h",
     .max = INT64_MAX / 2,
     .value_name = "TIME",
     .help = "A new file begins at each full multiple of this (60s, 1h); 0 is never."},
    {.name = "size",
     .type = EG_OPT_INT,
     .offset = offsetof(struct pcap_options, size),
     .preset = "0",
     .max = INT64_MAX,
     .value_name = "BYTES",
     .help = "And when one would grow beyond this size (100M); 0 is no bound."},
    {.name = "name",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct pcap_options, name),
     .value_name = "PATTERN",
     .help = "Names of the files below the directory: strftime conversions in UTC, %{host}, "
             "%{interface}. Default: %Y/%m/%d/%{host}-%{interface}-%Y%m%dT%H%M%S.pcap."},
    {.name = "format",
     .type = EG_OPT_CHOICE,
     .offset = offsetof(struct pcap_options, format),
     .preset = "pcap",
     .choices = "pcap|pcapng",
     .value_name = "FORMAT",
     .help = "pcap holds one link type a file, pcapng any, and names interfaces."},
    {.name = "exec",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct pcap_options, exec),
     .value_name = "PROGRAM",
     .help = "Run for each finished file, with its path as the only argument; no shell."},
    {.name = "exec-at-once",
     .type = EG_OPT_INT,
     .offset = offsetof(struct pcap_options, exec_at_once),
     .preset = "2",
     .min = 1,
     .max = 64,
     .value_name = "N",
     .help = "How many of them may run at the same time; the others wait."},
    {.name = "files",
     .type = EG_OPT_INT,
     .offset = offsetof(struct pcap_options, files),
     .preset = "0",
     .max = INT64_MAX,
     .value_name = "N",
     .help = "Keeps the newest so many finished files, and removes the others; 0 keeps all."},
    {.name = "max-age",
     .type = EG_OPT_DURATION,
     .offset = offsetof(struct pcap_options, max_age),
     .preset = "0",
     .max = INT64_MAX / 2,
     .value_name = "TIME",
     .help = "Removes files that were finished longer ago; 0 keeps all."},
    {.name = "max-bytes",
     .type = EG_OPT_INT,
     .offset = offsetof(struct pcap_options, max_bytes),
     .preset = "0",
     .max = INT64_MAX,
     .value_name = "BYTES",
     .help = "Removes the oldest files while all together are larger; 0 keeps all."},
    EG_OPTION_END,
};
_Static_assert(sizeof(((struct pcap_options *)0)->rotate) == sizeof(int64_t), "see option.h");
_Static_assert(sizeof(((struct pcap_options *)0)->name) == sizeof(char *), "see option.h");

/* ---- opening and closing ---- */

/* "pcap:DIR"; also the bare directory. */
static const char *directory_of(const char *uri) {
    return strncmp(uri, "pcap:", 5) == 0 ? uri + 5 : uri;
}

static void sink_free(struct eg_sink *sink) {
    eg_recorder_free(sink->recorder);
    eg_hook_free(sink->hook);
    eg_strbuf_reset(&sink->packet);
    eg_free(sink->directory);
    eg_free(sink->program);
    eg_free(sink->pattern);
    eg_free(sink);
}

static enum eg_status texts_copy(struct eg_sink *sink, const char *uri,
                                 const struct pcap_options *opts, struct eg_error *err) {
    static const char usual[] = "%Y/%m/%d/%{host}-%{interface}-%Y%m%dT%H%M%S.";
    char pattern[sizeof usual + 16];
    snprintf(pattern, sizeof pattern, "%s%s", usual, opts->format);
    bool named = opts->name && opts->name[0];
    sink->directory = eg_strdup(directory_of(uri));
    sink->pattern = eg_strdup(named ? opts->name : pattern);
    if (opts->exec) sink->program = eg_strdup(opts->exec);
    if (!sink->directory || !sink->pattern || (opts->exec && !sink->program))
        return eg_fail(err, EG_E_NOMEM, "%.200s: no memory", uri);
    if (!sink->directory[0])
        return eg_fail(err, EG_E_USAGE, "'%.200s' names no directory: pcap:DIR", uri);
    if (gethostname(sink->host, sizeof sink->host - 1) != 0 || !sink->host[0])
        snprintf(sink->host, sizeof sink->host, "localhost");
    return EG_OK;
}

static enum eg_status parts_open(struct eg_sink *sink, const struct pcap_options *opts,
                                 struct eg_error *err) {
    if (sink->program)
        EG_TRY(
            eg_hook_open(&sink->hook, sink->env, sink->program, (uint32_t)opts->exec_at_once, err));
    struct eg_recorder_options how = {
        .directory = sink->directory,
        .pattern = sink->pattern,
        .host = sink->host,
        .format = strcmp(opts->format, "pcapng") == 0 ? EG_WRITE_PCAPNG : EG_WRITE_PCAP,
        .rotate_us = opts->rotate,
        .size_max = (uint64_t)opts->size,
        .files_max = (uint64_t)opts->files,
        .age_max_us = opts->max_age,
        .bytes_max = (uint64_t)opts->max_bytes,
        .hook = sink->hook,
    };
    return eg_recorder_open(&sink->recorder, sink->env, &how, err);
}

static enum eg_status pcap_open(const struct eg_env *env, const char *uri, const void *given,
                                struct eg_sink **out, struct eg_error *err) {
    const struct pcap_options *opts = given;
    struct eg_sink *sink = eg_calloc(1, sizeof *sink);
    if (!sink) return eg_fail(err, EG_E_NOMEM, "%.200s: no memory", uri);
    sink->env = env;
    enum eg_status status = texts_copy(sink, uri, opts, err);
    if (status >= 0) status = parts_open(sink, opts, err);
    if (status < 0) {
        sink_free(sink);
        return status;
    }
    *out = sink;
    return EG_OK;
}

static void pcap_close(struct eg_sink *sink) {
    eg_recorder_now(sink->recorder, sink->env->now_us(sink->env->clock));
    (void)!eg_recorder_finish(sink->recorder, NULL); /* it has told the log */
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
        eg_recorder_unfit(sink->recorder,
                          frame.time_ns == EG_FRAME_NO_TIME ? INT64_MIN : frame.time_ns / 1000,
                          frame.length);
        return EG_OK;
    }
    if (sink->packet.failed) return eg_fail(err, EG_E_NOMEM, "%s: no memory", sink->directory);
    return eg_recorder_put(sink->recorder, &frame, interface, err);
}

static enum eg_status pcap_write(struct eg_sink *sink, struct eg_batch *batch,
                                 struct eg_error *err) {
    if (batch->table_id != EG_TABLE_RAW) return EG_OK;
    eg_recorder_now(sink->recorder, sink->env->now_us(sink->env->clock));
    for (uint32_t row = 0; row < batch->rows; row++) EG_TRY(row_put(sink, batch, row, err));
    if (sink->hook) eg_hook_tend(sink->hook);
    return EG_OK;
}

static enum eg_status pcap_flush(struct eg_sink *sink, const struct eg_position *positions,
                                 size_t count, struct eg_error *err) {
    (void)positions;
    (void)count;
    eg_recorder_now(sink->recorder, sink->env->now_us(sink->env->clock));
    if (sink->hook) eg_hook_tend(sink->hook);
    return eg_recorder_sync(sink->recorder, err);
}

const struct eg_recorder_account *eg_pcap_sink_account(const struct eg_sink *sink) {
    return eg_recorder_account(sink->recorder);
}
const struct eg_tally *eg_pcap_sink_tally(const struct eg_sink *sink) {
    return eg_recorder_tally(sink->recorder);
}

const struct eg_sink_type eg_sink_pcap = {
    .abi = EG_STAGE_ABI,
    .name = "pcap",
    .help = "Records packets and datagrams as they came, in rotating capture files.",
    .options = options,
    .options_size = sizeof(struct pcap_options),
    .takes = EG_TAKES_RAW,
    .open = pcap_open,
    .write = pcap_write,
    .flush = pcap_flush,
    .positions = eg_sink_positions_none,
    .close = pcap_close,
};
