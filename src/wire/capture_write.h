/* SPDX-License-Identifier: Apache-2.0
 * Bytes of capture files that are being written: pcap (draft-ietf-opsawg-pcap) and pcapng
 * (draft-ietf-opsawg-pcapng), little-endian, times in nanoseconds. And how far a file that was
 * written so (or as seqfile_write.h does), and then cut anywhere, is whole. */
#ifndef EG_WIRE_CAPTURE_WRITE_H
#define EG_WIRE_CAPTURE_WRITE_H

#include "base/strbuf.h"
#include "wire/seqfile.h"

enum eg_capture_format {
    EG_WRITE_PCAP,
    EG_WRITE_PCAPNG,
    EG_WRITE_SEQFILE, /* seqfile_write.h */
};

/* Each adds to `to`, whose `failed` says whether memory ran out. */
void eg_write_pcap_head(struct eg_strbuf *to, int32_t link_type);
/* A frame's time must not be EG_FRAME_NO_TIME; one that the format cannot hold becomes the nearest
 * that it can. Payloads are cut at EG_FRAME_BYTES_MAX. */
void eg_write_pcap_record(struct eg_strbuf *to, const struct eg_frame *);
/* The same in microseconds, what is below one left out. */
void eg_write_pcap_head_us(struct eg_strbuf *to, int32_t link_type);
void eg_write_pcap_record_us(struct eg_strbuf *to, const struct eg_frame *);
/* Makes whole records in microseconds, and the file header before them where `head`, such in
 * nanoseconds, in place. Answers how many bytes that were; what is left is no whole record. */
size_t eg_write_pcap_refine(void *bytes, size_t size, bool head);
void eg_write_pcapng_head(struct eg_strbuf *to, const char *program);
/* Interfaces are numbered from 0 in the order in which they are written. `name` may be empty. */
void eg_write_pcapng_interface(struct eg_strbuf *to, int32_t link_type, struct eg_span name);
void eg_write_pcapng_record(struct eg_strbuf *to, const struct eg_frame *, uint32_t interface);

/* Whether a record has this time, and not the nearest that it can hold. */
bool eg_write_time_fits(enum eg_capture_format, int64_t time_ns);

/* Bytes that a record adds to a file, at most. */
uint64_t eg_write_size(enum eg_capture_format, size_t payload);

/* How far the bytes are whole. Starts zeroed; give it pieces one behind the other, each beginning
 * where `offset` says; it stops where a record is not whole (`have` may hold more of it next time)
 * or cannot be one, `damaged` set. */
struct eg_written {
    uint64_t offset; /* the end of the last whole record (or block, or file header) */
    uint64_t packets;
    bool begun, damaged;
    enum eg_capture_format format;
    struct eg_seqfile seqfile; /* EG_WRITE_SEQFILE */
};
#define EG_WRITTEN_PIECE (EG_FRAME_BYTES_MAX + 4096u) /* a piece this large holds any record */
void eg_written_walk(struct eg_written *, struct eg_span have);

#endif
