/* SPDX-License-Identifier: Apache-2.0
 * What the sinks that record raw rows in files have in common (`pcap:`, `seqfile:`), and what a run
 * that records wants to know of them. */
#ifndef EG_SINK_RECORDING_H
#define EG_SINK_RECORDING_H

#include "base/strbuf.h"
#include "sink/capture_stream.h"

struct eg_sink {
    const struct eg_env *env;
    struct eg_recorder *recorder;        /* NULL: to standard output */
    struct eg_capture_stream *stream;    /* else NULL */
    struct eg_hook *hook;                /* NULL: none */
    char *directory, *program, *pattern; /* owned */
    char host[256];
    struct eg_strbuf packet; /* the one made of a datagram */
};

/* Opens such a sink into `out`, by a recorder's options without their texts and hook. `pattern` and
 * `exec` (NULL: none) are copied; the directory is what stands in the URI behind "NAME:". */
struct eg_recording_options {
    const char *uri, *pattern, *exec;
    uint32_t exec_at_once;
    bool streams;   /* the directory "-" is standard output; see capture_stream.h */
    uint64_t every; /* for that */
    struct eg_recorder_options how;
};
EG_MUST_CHECK enum eg_status eg_recording_open(struct eg_sink **out, const struct eg_env *,
                                               const struct eg_recording_options *,
                                               struct eg_error *err);
/* The slots of such a sink. */
enum eg_status eg_recording_write(struct eg_sink *, struct eg_batch *, struct eg_error *);
enum eg_status eg_recording_flush(struct eg_sink *, const struct eg_position *, size_t,
                                  struct eg_error *);
void eg_recording_losses(struct eg_sink *, struct eg_tally *);
void eg_recording_close(struct eg_sink *);

bool eg_sink_records(const struct eg_sink_type *); /* whether it is one */
/* At the start of a run: publishes what a killed one left in the directory, also where nothing will be
 * written there. */
EG_MUST_CHECK enum eg_status eg_recording_recover(struct eg_sink *, struct eg_error *err);
/* Publishes the files that are being written; what finds no room is counted as lost. */
enum eg_status eg_recording_finish(struct eg_sink *, struct eg_error *err);
/* What was written. The sink's; it goes on changing. */
const struct eg_recorder_account *eg_recording_account(const struct eg_sink *);

#endif
