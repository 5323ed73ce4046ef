/* SPDX-License-Identifier: Apache-2.0
 * Sequence files made piece by piece, compressed or not, for tests. Numbers are big-endian there. */
#ifndef EG_MAKE_SEQFILE_H
#define EG_MAKE_SEQFILE_H

#include "make_capture.h"

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

#endif
