/* SPDX-License-Identifier: Apache-2.0
 * Sequence files made piece by piece, compressed or not, for tests. Numbers are big-endian there. */
#ifndef EG_MAKE_SEQFILE_H
#define EG_MAKE_SEQFILE_H

#include "make_capture.h"
#include "wire/seqfile.h"

#include <zlib.h>

static const uint8_t seq_mark[16] = "sixteen bytes...";

static inline void seq_vint(struct made *m, int64_t value) {
    uint8_t bytes[9];
    unsigned more = 0;
    bool negative = value < 0;
    uint64_t rest = (uint64_t)(negative ? ~value : value);
    if (value >= -112 && value <= 127) {
        bytes[0] = (uint8_t)value;
        made_add(m, bytes, 1);
        return;
    }
    for (uint64_t left = rest; left; left >>= 8) more++;
    bytes[0] = (uint8_t)((negative ? -120 : -112) - (int)more);
    for (unsigned i = 0; i < more; i++) bytes[1 + i] = (uint8_t)(rest >> (8 * (more - 1 - i)));
    made_add(m, bytes, 1 + more);
}

static inline void seq_word(struct made *m, const char *word) {
    seq_vint(m, (int64_t)strlen(word));
    made_add(m, word, strlen(word));
}

/* `codec` NULL: not compressed. */
static inline void seq_head(struct made *m, const char *key, const char *codec, bool blocks) {
    m->big = true;
    made_add(m, "SEQ\6", 4);
    seq_word(m, key);
    seq_word(m, "org.apache.hadoop.io.BytesWritable");
    made_number(m, codec != NULL, 1);
    made_number(m, blocks, 1);
    if (codec) seq_word(m, codec);
    made_u32(m, 0);
    made_add(m, seq_mark, 16);
}
#define SEQ_LONG "org.apache.hadoop.io.LongWritable"
#define SEQ_INT "org.apache.hadoop.io.IntWritable"
#define SEQ_DEFAULT "org.apache.hadoop.io.compress.DefaultCodec"

static inline void seq_mark_put(struct made *m) {
    made_u32(m, UINT32_MAX);
    made_add(m, seq_mark, 16);
}

/* A BytesWritable: a pcap of one packet in `big` or little order. */
static inline void seq_value(struct made *m, bool big, uint32_t magic, int64_t time_ns,
                             const void *payload, uint32_t size) {
    struct made pcap = {.big = big};
    made_pcap_head(&pcap, magic, 65535, 1);
    int64_t fraction = time_ns % 1000000000;
    made_record(&pcap, (uint32_t)(time_ns / 1000000000),
                (uint32_t)(magic == 0xa1b23c4d ? fraction : fraction / 1000), size, size, payload);
    m->big = true;
    made_u32(m, pcap.size);
    made_add(m, pcap.bytes, pcap.size);
    made_free(&pcap);
}

static inline void seq_zlib(struct made *m, const struct made *from) {
    uLongf size = compressBound(from->size);
    uint8_t *packed = malloc(size);
    if (!packed || compress(packed, &size, from->bytes ? from->bytes : packed, from->size) != Z_OK)
        abort();
    made_add(m, packed, size);
    free(packed);
}

/* A record of a LongWritable and a serialised value, which is compressed where `packed`. */
static inline void seq_record(struct made *m, int64_t key, const struct made *value, bool packed) {
    struct made stored = {.big = true};
    if (packed)
        seq_zlib(&stored, value);
    else
        made_add(&stored, value->bytes, value->size);
    m->big = true;
    made_u32(m, 8 + stored.size);
    made_u32(m, 8);
    made_number(m, (uint64_t)key, 8);
    made_add(m, stored.bytes, stored.size);
    made_free(&stored);
}

/* A block being collected. */
struct seq_block {
    uint32_t count;
    struct made pieces[4]; /* sizes of keys, keys, sizes of values, values */
};

static inline void seq_block_add(struct seq_block *b, int64_t key, const struct made *value) {
    b->count++;
    b->pieces[1].big = true;
    seq_vint(&b->pieces[0], 8);
    made_number(&b->pieces[1], (uint64_t)key, 8);
    seq_vint(&b->pieces[2], (int64_t)value->size);
    made_add(&b->pieces[3], value->bytes, value->size);
}

static inline void seq_block_put(struct made *m, struct seq_block *b) {
    seq_mark_put(m);
    seq_vint(m, b->count);
    for (int i = 0; i < 4; i++) {
        struct made packed = {0};
        seq_zlib(&packed, &b->pieces[i]);
        seq_vint(m, (int64_t)packed.size);
        made_add(m, packed.bytes, packed.size);
        made_free(&packed);
        made_free(&b->pieces[i]);
    }
    *b = (struct seq_block){0};
}

#define SEQ_T0 INT64_C(1700000000000000000)

/* Packet `i`: its bytes differ enough that no block holds more records than bytes. */
static inline void seq_packet(struct made *value, uint32_t i) {
    uint8_t payload[90];
    uint64_t seed = i * 7919 + 1;
    for (size_t k = 0; k < sizeof payload; k++) payload[k] = (uint8_t)made_random(&seed);
    seq_value(value, i % 2, i % 3 ? 0xa1b2c3d4 : 0xa1b23c4d, SEQ_T0 + i * INT64_C(1000), payload,
              20 + i % 70);
}

/* `count` packets; marks (or blocks) every `each`. */
static inline struct made seq_file(enum eg_seqfile_layout layout, uint32_t count, uint32_t each) {
    struct made m = {0};
    struct seq_block block = {0};
    seq_head(&m, SEQ_LONG, layout == EG_SEQFILE_PLAIN ? NULL : SEQ_DEFAULT,
             layout == EG_SEQFILE_BLOCKS);
    for (uint32_t i = 0; i < count; i++) {
        struct made value = {0};
        seq_packet(&value, i);
        if (i && i % each == 0 && layout == EG_SEQFILE_BLOCKS)
            seq_block_put(&m, &block);
        else if (i && i % each == 0)
            seq_mark_put(&m);
        if (layout == EG_SEQFILE_BLOCKS)
            seq_block_add(&block, SEQ_T0 + i * INT64_C(1000), &value);
        else
            seq_record(&m, SEQ_T0 + i * INT64_C(1000), &value, layout == EG_SEQFILE_RECORDS);
        made_free(&value);
    }
    if (block.count) seq_block_put(&m, &block);
    return m;
}

#endif
