/* SPDX-License-Identifier: Apache-2.0
 * Frames to standard output as they come: a pcap that another program reads through a pipe, or a line
 * for every n-th packet. What is put is written when it is flushed. */
#ifndef EG_SINK_CAPTURE_STREAM_H
#define EG_SINK_CAPTURE_STREAM_H

#include "base/strbuf.h"
#include "sink/recorder.h"

struct eg_capture_stream;

/* `every` 0: a pcap, of the link type of the first frame; else so many packets a line. */
EG_MUST_CHECK enum eg_status eg_capture_stream_new(struct eg_capture_stream **out,
                                                   const struct eg_env *, uint64_t every,
                                                   struct eg_error *err);
void eg_capture_stream_free(
    struct eg_capture_stream *); /* NULL is fine; what was not flushed is lost */

/* One that no pcap of that link type holds is counted (recording_unfit). One without a time gets the
 * one before it, or now. */
EG_MUST_CHECK enum eg_status eg_capture_stream_put(struct eg_capture_stream *,
                                                   const struct eg_frame *, struct eg_error *err);
void eg_capture_stream_unfit(struct eg_capture_stream *, int64_t time_us, uint64_t bytes);
/* Errors: EG_E_CANCELLED: nobody reads any more; EG_E_IO. */
EG_MUST_CHECK enum eg_status eg_capture_stream_flush(struct eg_capture_stream *,
                                                     struct eg_error *err);
const struct eg_recorder_account *eg_capture_stream_account(const struct eg_capture_stream *);
/* What was not written since the last call, by cause. */
void eg_capture_stream_losses(struct eg_capture_stream *, struct eg_tally *);

#endif
