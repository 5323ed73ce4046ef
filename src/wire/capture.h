/* SPDX-License-Identifier: Apache-2.0
 * What the record layers of the capture formats (pcap.h, pcapng.h) have in common: one frame, and
 * what may stand at a place of a capture. */
#ifndef EG_WIRE_CAPTURE_H
#define EG_WIRE_CAPTURE_H

#include "base/cursor.h"
#include "table/tally.h"

#define EG_FRAME_BYTES_MAX 262144u /* as large as any capture program writes them */
#define EG_FRAME_NO_TIME INT64_MIN

struct eg_frame {
    int64_t time_ns;        /* EG_FRAME_NO_TIME: none, or an impossible one (counted) */
    int32_t link_type;      /* a LINKTYPE_ number */
    int32_t interface;      /* index among the section's interfaces; -1: none is named */
    uint64_t length;        /* on the wire; never less than payload.size */
    struct eg_span payload; /* points into the bytes that were given */
};

/* What stands at a place of a capture. */
enum eg_record {
    EG_RECORD_FRAME,     /* a frame; the record takes `size` bytes */
    EG_RECORD_OTHER,     /* something whole without a frame, of `size` bytes, which may be more than
                            were given */
    EG_RECORD_MORE,      /* nothing was taken: call again with at least `size` bytes */
    EG_RECORD_DAMAGED,   /* nothing behind this place can be trusted; `why` says in what way */
    EG_RECORD_NO_MEMORY, /* nothing was taken */
};

struct eg_record_note {
    uint64_t size;
    const char *why; /* static, fits "…: WHY". Of EG_RECORD_OTHER: a packet there had to be passed
                        over; NULL: none */
};

/* LINKTYPE_ and DLT_ numbers are not all the same, and files hold both: RAW has three. */
int32_t eg_link_type(uint32_t stored);

#endif
