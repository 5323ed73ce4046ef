/* SPDX-License-Identifier: Apache-2.0
 * Frames into the columns of a raw batch. */
#ifndef EG_SOURCE_FRAMES_H
#define EG_SOURCE_FRAMES_H

#include "wire/pcap.h"

/* A builder of raw batches. Errors: EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_frames_builder(struct eg_builder **out, uint32_t rows,
                                               struct eg_error *err);
/* One frame. `interface_name` is what eg_builder_intern gave for its interface; -1: not named. */
void eg_frame_put(struct eg_builder *, const struct eg_frame *, uint64_t offset,
                  int32_t interface_name);
/* One message of a file of messages: from nobody known, at no known time. */
void eg_message_put(struct eg_builder *, const struct eg_frame *, uint64_t offset);

/* Puts the pcap records of `have` from `*at` on, which begin before `until`, until the builder is
 * full; remarks go to the tally. Answers EG_RECORD_FRAME when it is full, EG_RECORD_OTHER when
 * `until` was reached, else why it stopped at `*at` (MORE, DAMAGED). */
enum eg_record eg_frames_fill(struct eg_builder *, const struct eg_pcap *, struct eg_span have,
                              size_t *at, size_t until, uint64_t base, struct eg_record_note *,
                              struct eg_tally *);

/* What keeps a capture from being read on at `place`: counts it, and fills *err (with its position)
 * for the last answer. `record` is MORE where the capture ends too early, or DAMAGED; both are
 * EG_E_CUT, since what came before is whole and may be vouched for. `bytes` are lost; `time_us` is
 * the lost frame's, or INT64_MIN. */
enum eg_status eg_frames_trouble(const char *name, enum eg_record record,
                                 const struct eg_record_note *, uint64_t place, uint64_t bytes,
                                 int64_t time_us, struct eg_tally *, struct eg_error *err);
/* The same for a file that lost its end while it was read. */
enum eg_status eg_frames_shrunk(const char *name, uint64_t place, uint64_t bytes, int64_t time_us,
                                struct eg_tally *, struct eg_error *err);

#endif
