/* SPDX-License-Identifier: Apache-2.0
 * Chosen packets as capture files: one, several of a bounded number of packets, or standard output.
 * Files get their names when all is written, or never; a file that exists is not touched. */
#ifndef EG_SINK_PACKET_FILE_H
#define EG_SINK_PACKET_FILE_H

#include "table/stage.h"
#include "wire/capture_write.h"

struct eg_packet_file_options {
    const char *path; /* "-": standard output */
    int fd;           /* "-": this descriptor instead, which stays the caller's; 0: none */
    enum eg_capture_format format;
    const char
        *format_option;   /* by which who asks chooses it, for messages; NULL: --format. Borrowed */
    uint64_t records_max; /* a file: NAME+0001.pcap, …; 0: all in one */
    bool replace;         /* files that exist */
    bool nanoseconds;     /* pcap: from the beginning; else from the first time on that needs it,
                             for which a file (but not standard output) is made over */
    bool digest;          /* of what was written */
    bool unsynced;        /* files get their names without waiting for the disk */
};

struct eg_packet_file;
/* Makes nothing yet. Errors: EG_E_USAGE for a file that exists; EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_packet_file_open(struct eg_packet_file **out,
                                                 const struct eg_packet_file_options *,
                                                 struct eg_error *err);
/* One packet behind the others; the payload is copied. EG_END: nobody reads the output any more. Errors:
 * EG_E_USAGE where a pcap file would need two link types; EG_E_ACCESS, EG_E_NOSPACE, EG_E_IO. */
EG_MUST_CHECK enum eg_status eg_packet_file_put(struct eg_packet_file *, const struct eg_frame *,
                                                struct eg_span interface, struct eg_error *err);
/* Hands on what waits, for whoever reads along. */
EG_MUST_CHECK enum eg_status eg_packet_file_flush(struct eg_packet_file *, struct eg_error *err);
/* Names the files, which a kill thus leaves whole or not at all. Without packets: one empty capture, or no numbered file. */
EG_MUST_CHECK enum eg_status eg_packet_file_finish(struct eg_packet_file *, struct eg_error *err);
/* Removes what has no name yet. NULL is fine. */
void eg_packet_file_free(struct eg_packet_file *);

struct eg_packet_file_written {
    char *name;
    uint64_t bytes, packets;
    char digest[65]; /* SHA-256; "" where not asked for */
};
/* The files, once finished (standard output is "-"). */
const struct eg_packet_file_written *eg_packet_file_written(const struct eg_packet_file *,
                                                            size_t *count);
struct eg_packet_file_account {
    uint64_t packets, bytes;
    uint64_t timeless, early;  /* packets without a time, and of before 1970: they stand at 1970 */
    int64_t first_ns, last_ns; /* smallest and largest time; first > last: none */
};
struct eg_packet_file_account eg_packet_file_account(const struct eg_packet_file *);

#endif
