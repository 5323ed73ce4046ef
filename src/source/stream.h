/* SPDX-License-Identifier: Apache-2.0
 * A capture read from its beginning to its end, batch by batch: everything that cannot be cut into
 * units (pcapng, compressed files, pipes), sequence files, and files of IPFIX messages. */
#ifndef EG_SOURCE_STREAM_H
#define EG_SOURCE_STREAM_H

#include "base/hash.h"
#include "source/input.h"
#include "source/seqfile.h"
#include "wire/message_file.h"
#include "wire/pcap.h"
#include "wire/pcapng.h"

struct eg_stream;

enum eg_capture_format {
    EG_CAPTURE_PCAP,
    EG_CAPTURE_PCAPNG,
    EG_CAPTURE_IPFIX,
    EG_CAPTURE_SEQUENCE,
};

/* Begins at the beginning of `input`, which must outlive this, and reads its head. Errors:
 * EG_E_FORMAT for what is not a capture, EG_E_NOMEM, EG_E_IO, EG_E_CANCELLED. */
EG_MUST_CHECK enum eg_status eg_stream_new(struct eg_stream **out, struct eg_input *input,
                                           struct eg_error *err);
void eg_stream_free(struct eg_stream *); /* NULL is fine */

enum eg_capture_format eg_stream_format(const struct eg_stream *);
const struct eg_pcap *eg_stream_pcap(const struct eg_stream *);
const struct eg_seqfile *eg_stream_seqfile(const struct eg_stream *);
/* Tells of the records of a sequence file that hold no packet. */
void eg_stream_watch(struct eg_stream *, eg_seqfile_bad, void *to);
/* What it is known by: the first uncompressed bytes, at least EG_STREAM_HEAD of them where there are
 * so many; of a sequence file, whose first bytes are those of all others, its mark. Only before
 * eg_stream_start. */
struct eg_span eg_stream_head(const struct eg_stream *);
#define EG_STREAM_HEAD 64u

/* Makes ready for the first eg_stream_next, at the beginning of the capture (a regular input may
 * have been read meanwhile). `resume`: no batch holds rows from both sides of that offset. */
EG_MUST_CHECK enum eg_status eg_stream_start(struct eg_stream *, uint64_t resume,
                                             struct eg_error *err);

/* Who gets the uncompressed bytes as they are used up. Before eg_stream_start has been followed by
 * eg_stream_next. */
struct eg_stream_tee {
    void (*bytes)(void *to, uint64_t offset, const void *, size_t);
    void *to;
};
EG_MUST_CHECK enum eg_status eg_stream_pass_on(struct eg_stream *, const struct eg_stream_tee *,
                                               struct eg_error *err);
/* The time and the link type of the first frame, if it stands in what is read at once; else
 * INT64_MIN and -1. After eg_stream_start, before eg_stream_next. */
EG_MUST_CHECK enum eg_status eg_stream_first(struct eg_stream *, int64_t *time_us,
                                             int32_t *link_type, struct eg_error *err);

/* As a source's next(). Errors: EG_E_CUT as the last answer of a capture that ends early or is
 * damaged (err->position: where), also where what was damaged could be passed over. */
EG_MUST_CHECK enum eg_status eg_stream_next(struct eg_stream *, struct eg_batch **out,
                                            struct eg_tally *, struct eg_error *err);
/* The end of the whole records given so far, and the digest of everything before it. */
void eg_stream_end(struct eg_stream *, uint64_t *offset, struct eg_digest *digest);
/* Whether the end was counted as capture_cut; and how many bytes, under which time. */
bool eg_stream_cut(const struct eg_stream *, uint64_t *bytes, int64_t *time_us);

#endif
