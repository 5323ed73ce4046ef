/* SPDX-License-Identifier: Apache-2.0
 * Sequence files of packets as they are written: uncompressed, LongWritable keys (ns since 1970),
 * each value a pcap of one packet, marks as far apart as Hadoop 3 puts them. And their names:
 *
 *   pcap_TOPIC_TIME_PARTITION_RUN      TIME: of the first packet, ns; TOPIC may hold a '_' */
#ifndef EG_WIRE_SEQFILE_WRITE_H
#define EG_WIRE_SEQFILE_WRITE_H

#include "base/strbuf.h"
#include "wire/seqfile.h"

struct eg_seqfile_writer {
    uint8_t mark[16];
    uint64_t size;   /* of the file so far */
    uint64_t marked; /* its size behind the last mark */
};

/* Begins a file: adds the header. `mark` should be random. */
void eg_seqfile_begin(struct eg_seqfile_writer *, const uint8_t mark[16], struct eg_strbuf *to);
/* Adds a packet, whose time must not be EG_FRAME_NO_TIME; before 1970 it becomes 1970. Payloads are
 * cut at EG_FRAME_BYTES_MAX. */
void eg_seqfile_put(struct eg_seqfile_writer *, const struct eg_frame *, struct eg_strbuf *to);
/* What a packet may add to a file. */
uint64_t eg_seqfile_put_size(size_t payload);

/* How far the bytes at the beginning of `have`, behind the header, are whole records: answers that,
 * and how many. *damaged: what follows cannot be a record, whatever comes. */
size_t eg_seqfile_whole(const struct eg_seqfile *, struct eg_span have, uint64_t *records,
                        bool *damaged);

struct eg_seqfile_name {
    struct eg_span topic, run; /* in the text */
    uint64_t time_ns;
    uint32_t partition;
};
/* Takes the last component of a path apart, from its end. False: it is no such name. */
bool eg_seqfile_name_read(struct eg_seqfile_name *out, const char *path);

#endif
