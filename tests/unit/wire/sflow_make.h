/* SPDX-License-Identifier: Apache-2.0
 * For the tests of sFlow: datagrams put together from samples and records, and what comes of them. */
#ifndef EG_TEST_SFLOW_MAKE_H
#define EG_TEST_SFLOW_MAKE_H

#include "exports_make.h"
#include "wire/sflow.h"

extern const struct eg_decoder_type eg_decoder_sflow;

/* Begins a block (sample or record): format, and a length that block_end fills in. */
static inline uint32_t block(struct bytes *b, uint32_t format) {
    put_be(b, format, 4), put_be(b, 0, 4);
    return b->size;
}
static inline void length_set(struct bytes *b, uint32_t began, uint32_t length) {
    struct bytes at = {.size = 0};
    put_be(&at, length, 4);
    memcpy(b->at + began - 4, at.at, 4);
}
static inline void block_end(struct bytes *b, uint32_t began) {
    length_set(b, began, b->size - began);
}
static inline void put_words(struct bytes *b, uint32_t count, ...) {
    va_list words;
    va_start(words, count);
    for (uint32_t i = 0; i < count; i++) put_be(b, va_arg(words, unsigned), 4);
    va_end(words);
}
static inline void put_xdr_text(struct bytes *b, const char *text) {
    size_t size = strlen(text);
    put_be(b, size, 4);
    for (size_t i = 0; i < size; i++) put_be(b, (uint8_t)text[i], 1);
    while (b->size & 3) put_be(b, 0, 1);
}
/* Agent 1.2.3.4, sub-agent 9, number 77. */
static inline struct bytes begin(uint32_t samples) {
    struct bytes b = {.size = 0};
    put_words(&b, 7, 5, 1, 0x01020304, 9, 77, 1000, samples);
    return b;
}
/* Begins a flow sample: source interface 3, 1 of 1000, in 3, out 4. */
static inline uint32_t flow(struct bytes *b, uint32_t records) {
    uint32_t began = block(b, 1);
    put_words(b, 8, 11, 3, 1000, 5000, 0, 3, 4, records);
    return began;
}
static inline uint32_t counter(struct bytes *b, uint32_t records) {
    uint32_t began = block(b, 2);
    put_words(b, 3, 12, 3, records);
    return began;
}
/* A sampled header of 4 * words bytes of IPv4 and UDP 1024 > 53, total length 100. */
static inline void put_header(struct bytes *b, uint32_t claimed, uint32_t there) {
    struct bytes ip = {.size = 0};
    put_words(&ip, 7, 0x45100064, 0x00010000, 0x40110000, 0x0a000001, 0x0a000002, 0x04000035,
              0x00500000);
    uint32_t record = block(b, 1);
    put_words(b, 4, 11, 104, 4, claimed);
    for (uint32_t i = 0; i < there; i++) put_be(b, ip.at[i], 1);
    block_end(b, record);
}
/* What a row of that header begins and ends with. */
#define TIMES                                                                                      \
    "start_time=1700000000000007 end_time=1700000000000007 received_time=1700000000000007 "
#define V4(text) "00000000000000000000ffff" text
#define FROM "exporter=" V4("01020304") " domain=9 sequence=77 source=sflow "
#define HEADER_ROW                                                                                 \
    TIMES "src_ip=" V4("0a000001") " dst_ip=" V4(                                                  \
        "0a000002") " src_port=1024 dst_port=53 "                                                  \
                    "proto=17 packets=1 bytes=100 sampling_rate=1000 tos=16 min_ttl=64 "           \
                    "max_ttl=64 "                                                                  \
                    "in_if=3 out_if=4 direction=0 " FROM

static inline struct eg_datagram datagram(const struct bytes *b) { return datagram_to(b, 6343); }

/* Decodes; the rows of `flows` go to *flows, those of `counters` to *counters where it is not NULL. */
static inline void decode_into(const struct eg_datagram *d, uint32_t capacity, eg_column_set wanted,
                               struct result *flows, struct result *counters,
                               struct eg_sequence_note *note) {
    struct eg_out out;
    assert_true(out_new(&out, capacity, wanted));
    if (counters)
        assert_int_equal(eg_builder_new(&out.also, eg_table_get(EG_TABLE_COUNTERS),
                                        EG_TABLE_COUNTERS, capacity, wanted, NULL),
                         EG_OK);
    struct eg_decoder *self;
    assert_int_equal(eg_decoder_sflow.open(&eg_env_plain, NULL, NULL, &self, NULL), EG_OK);
    struct eg_sequence_note unasked;
    eg_decoder_sflow.decode(self, d, &out, note ? note : &unasked);
    eg_decoder_sflow.close(self);
    eg_out_seal(&out);
    struct eg_builder *also = out.also;
    if (counters) *counters = (struct result){0};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < out.ready_count; i++) {
        struct eg_batch *batch = out.ready[i];
        if (batch->table_id != EG_TABLE_COUNTERS) {
            out.ready[kept++] = batch;
            continue;
        }
        for (uint32_t row = 0; row < batch->rows; row++)
            result_text(counters, row_text(batch, row));
        eg_batch_unref(batch);
    }
    out.ready_count = kept;
    *flows = (struct result){0};
    result_take(flows, &out);
    eg_builder_free(also);
}
static inline struct result decode(const struct bytes *b) {
    struct eg_datagram d = datagram(b);
    struct result flows;
    decode_into(&d, 4096, EG_COLUMNS_ALL, &flows, NULL, NULL);
    return flows;
}
/* The one row of a datagram; the caller frees it. */
static inline char *one_row(const struct bytes *b, uint32_t entries) {
    struct result r = decode(b);
    assert_int_equal(r.row_count, 1);
    assert_int_equal(r.tally.count, entries);
    char *text = strdup(r.rows[0]);
    result_reset(&r);
    return text;
}

#endif
