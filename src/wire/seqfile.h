/* SPDX-License-Identifier: Apache-2.0
 * Hadoop sequence files of packets (version 6): a header with the names of the classes and a random
 * mark, then records of a key (the time) and a value (a pcap of one packet, or a frame), the mark
 * between them now and then. Source: the format as org.apache.hadoop.io.SequenceFile of Hadoop 3
 * documents it, and files that it wrote. */
#ifndef EG_WIRE_SEQFILE_H
#define EG_WIRE_SEQFILE_H

#include "wire/capture.h"

#define EG_SEQFILE_HEAD_MAX (64u << 10) /* longer headers are refused */
#define EG_SEQFILE_MARK 20u             /* an escape and the file's 16 random bytes */
#define EG_SEQFILE_VALUE_MAX (EG_FRAME_BYTES_MAX + 64u)      /* a value, expanded */
#define EG_SEQFILE_RECORD_MAX (EG_SEQFILE_VALUE_MAX + 4096u) /* a record, as stored */
#define EG_SEQFILE_BLOCK_RECORDS_MAX (1u << 20)

enum eg_seqfile_layout {
    EG_SEQFILE_PLAIN,   /* records as they are */
    EG_SEQFILE_RECORDS, /* each value is compressed */
    EG_SEQFILE_BLOCKS,  /* many records together: the sizes of the keys, the keys, the sizes of the
                           values, the values, each compressed */
};

enum eg_seqfile_codec {
    EG_SEQFILE_ZLIB, /* DefaultCodec, DeflateCodec */
    EG_SEQFILE_GZIP,
    EG_SEQFILE_ZSTD,
    EG_SEQFILE_LZ4, /* this and the next in the framing of Hadoop's block codecs */
    EG_SEQFILE_SNAPPY,
    EG_SEQFILE_CODECS,
};

struct eg_seqfile {
    enum eg_seqfile_layout layout;
    enum eg_seqfile_codec codec; /* where it is compressed */
    uint32_t key_size;           /* 8: LongWritable; 4: IntWritable */
    uint32_t head_size;
    uint8_t mark[16];
};

const char *eg_seqfile_codec_name(enum eg_seqfile_codec); /* the class; static */

/* Whether the bytes begin like a sequence file of any version (4 bytes are enough). */
bool eg_seqfile_is(struct eg_span head);
/* Reads the header. Errors: EG_E_CUT where `head` does not hold all of it; EG_E_FORMAT (with its
 * position) for another version, for keys and values that are no packets, for a codec that cannot
 * be expanded, by its name. */
EG_MUST_CHECK enum eg_status eg_seqfile_open(struct eg_seqfile *out, struct eg_span head,
                                             struct eg_error *err);

struct eg_seqfile_record {
    struct eg_span key, value; /* `value` as stored: a BytesWritable, or that compressed */
};
/* What stands at the beginning of `have`, of a file that is not in blocks: EG_RECORD_FRAME: a
 * record; EG_RECORD_OTHER: a mark. */
enum eg_record eg_seqfile_next(const struct eg_seqfile *, struct eg_span have,
                               struct eg_seqfile_record *, struct eg_record_note *);
/* The beginning of a block: the mark and how many records it holds. EG_RECORD_OTHER, MORE, DAMAGED. */
enum eg_record eg_seqfile_block(const struct eg_seqfile *, struct eg_span have, uint32_t *count,
                                struct eg_record_note *);
/* A number of variable length, at most 9 bytes; *size what it takes. False: it is not whole. */
bool eg_seqfile_number(struct eg_span have, int64_t *out, size_t *size);
/* Where the file's next mark begins in `have`, at `from` or behind; where there is none, the first
 * place at which one may begin that goes on behind `have`. */
size_t eg_seqfile_mark_find(const struct eg_seqfile *, struct eg_span have, size_t from,
                            bool *found);

/* The packet of a record, `bytes` being its BytesWritable's content. False: it is none, *why says in
 * what way (static), and frame->time_ns what is known of its time. Remarks go to the tally. */
bool eg_seqfile_packet(const struct eg_seqfile *, struct eg_span key, struct eg_span bytes,
                       struct eg_frame *, const char **why, struct eg_tally *tally);

#endif
