/* SPDX-License-Identifier: Apache-2.0
 * pcap: a file header of 24 bytes, then records, each a header of 16 bytes and the frame.
 * draft-ietf-opsawg-pcap; the "modified" variant (magic a1b2cd34) has record headers of 24 bytes. */
#ifndef EG_WIRE_PCAP_H
#define EG_WIRE_PCAP_H

#include "wire/capture.h"

#define EG_PCAP_MICRO                                                                              \
    0xa1b2c3d4u /* the first four bytes, by what the fraction of a second counts */
#define EG_PCAP_NANO 0xa1b23c4du
#define EG_PCAP_HEAD 24u /* bytes of the file header */
#define EG_PCAP_RECORD_MAX (EG_FRAME_BYTES_MAX + 24u)

struct eg_pcap {
    bool big;             /* byte order of the file */
    bool swapped;         /* lengths stand in the other order (versions before 2.3) */
    bool unsure;          /* version 2.3: they may */
    uint32_t header_size; /* of a record: 16 or 24 */
    uint32_t tick_ns;     /* what the fraction of a second counts: 1 or 1000 ns */
    uint32_t ticks;       /* of them in a second */
    uint32_t snaplen;     /* as the file says; not believed */
    int32_t link_type;
};

/* Whether the bytes begin like a pcap file (4 bytes are enough to tell). */
bool eg_pcap_is(struct eg_span head);
/* Reads the file header. Errors: EG_E_FORMAT (err->position: the field at fault) for a version or a
 * link type field nobody can read; EG_E_CUT where there are fewer than EG_PCAP_HEAD bytes. */
EG_MUST_CHECK enum eg_status eg_pcap_open(struct eg_pcap *out, struct eg_span head,
                                          struct eg_error *err);

/* The record at the beginning of `have`. `tally` gets remarks on it; it may be NULL. */
enum eg_record eg_pcap_record(const struct eg_pcap *, struct eg_span have, struct eg_frame *,
                              struct eg_record_note *, struct eg_tally *tally);

/* The time in the record header at the beginning of `have`, in µs; INT64_MIN where that is not
 * whole or impossible. */
int64_t eg_pcap_time_us(const struct eg_pcap *, struct eg_span have);

/* Where the frames of a run go: one array a column. */
struct eg_pcap_run {
    int64_t *time_ns;
    int32_t *link_type;
    int64_t *length;
    struct eg_span *payload;
    int64_t *offset;
};
/* As many records as can be read without a remark: whole, with a possible time, and holding no more
 * than the frame's length. Starts at `*at` in `have`, moves it behind the last one, and stops after
 * `room` of them, before one that begins at `until` or later, and before one that eg_pcap_record
 * must look at. `base` is the offset of `have` in the file. Answers how many. */
uint32_t eg_pcap_run(const struct eg_pcap *, struct eg_span have, size_t *at, size_t until,
                     uint64_t base, const struct eg_pcap_run *to, uint32_t room);

/* Steps over whole records from `at` until one begins at `until` or later, or is not whole, or is
 * damaged; answers where that one begins. */
size_t eg_pcap_walk(const struct eg_pcap *, struct eg_span have, size_t at, size_t until);

#endif
