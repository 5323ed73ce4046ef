/* SPDX-License-Identifier: Apache-2.0
 * Frames through the exports extract, whole and cut into units: both must give the same number of
 * rows and datagrams and the same counters.
 * The first byte: bit 0 link type Ethernet instead of RAW, bit 1 a port known to carry exports,
 * bits 2-3 capacity. The second: where to cut. Then frames, each with its length before it (two
 * bytes, big-endian, the top bit: captured only in part). */
#include "base/alloc.h"
#include "base/cursor.h"
#include "table/stage.h"
#include "wire/dissect.h"

#define FRAMES_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

extern const struct eg_extract_type eg_extract_exports;

struct seen {
    uint64_t rows, datagrams;
    struct eg_tally_entry sums[EG_CAUSE_COUNT];
    int64_t lost;
};

static struct eg_batch *frames_of(struct eg_cursor *c, uint32_t link_type) {
    struct eg_builder *b = NULL;
    struct eg_batch *batch = NULL;
    if (eg_builder_new(&b, eg_table_get(EG_TABLE_RAW), EG_TABLE_RAW, FRAMES_MAX, EG_COLUMNS_ALL,
                       NULL) != EG_OK)
        return NULL;
    while (eg_cursor_left(c) > 2 && eg_builder_room(b)) {
        uint32_t head = eg_take_be16(c), length = head & 0x7fff;
        size_t left = eg_cursor_left(c);
        struct eg_span frame = eg_take(c, length < left ? length : left);
        eg_put_int(b, EG_COL(RAW, time_ns), (INT64_C(1700000000) + b->rows) * 1000000000);
        eg_put_int(b, EG_COL(RAW, link_type), link_type);
        eg_put_int(b, EG_COL(RAW, length), (int64_t)frame.size + (head & 0x8000 ? 700 : 0));
        eg_put_view(b, EG_COL(RAW, payload), frame);
        eg_builder_row(b, 1);
    }
    if (eg_builder_seal(b, &batch, NULL) != EG_OK) batch = NULL;
    eg_builder_free(b);
    return batch;
}

static void take(struct seen *seen, struct eg_out *out) {
    eg_out_seal(out);
    for (uint32_t i = 0; i < out->ready_count; i++) {
        seen->rows += out->ready[i]->rows;
        eg_batch_unref(out->ready[i]);
    }
    out->ready_count = 0;
}

static void feed(struct eg_extract *x, const struct eg_batch *frames, uint32_t from, uint32_t to,
                 struct eg_out *out) {
    uint32_t rows[FRAMES_MAX];
    for (uint32_t i = from; i < to; i++) rows[i - from] = i;
    struct eg_extract_unit *u;
    struct eg_batch *raw = NULL;
    EG_ASSERT(eg_extract_exports.begin(x, 0, &u, NULL) == EG_OK);
    if (to > from) EG_ASSERT(eg_batch_pick(&raw, frames, rows, to - from, NULL) == EG_OK);
    if (raw) EG_ASSERT(eg_extract_exports.feed(u, raw, NULL, out, NULL) == EG_OK);
    EG_ASSERT(eg_extract_exports.join(x, u, out, NULL) == EG_OK);
    EG_ASSERT(eg_extract_exports.finish(u, out, NULL) == EG_OK);
    eg_batch_unref(raw);
}

static struct seen run(const struct eg_batch *frames, uint32_t cut, uint32_t capacity,
                       const struct eg_extract_options *options) {
    struct eg_env env = eg_env_plain;
    struct eg_extract *x;
    struct eg_out out = {0};
    struct seen seen = {0};
    EG_ASSERT(eg_extract_exports.open(&env, options, &x, NULL) == EG_OK);
    EG_ASSERT(eg_builder_new(&out.rows, eg_table_get(EG_TABLE_FLOWS), EG_TABLE_FLOWS, capacity,
                             EG_COLUMNS_ALL, NULL) == EG_OK);
    for (uint32_t at = 0; at < frames->rows; at += cut)
        feed(x, frames, at, frames->rows - at < cut ? frames->rows : at + cut, &out);
    EG_ASSERT(eg_extract_exports.join(x, NULL, &out, NULL) == EG_OK);
    take(&seen, &out);
    seen.datagrams = out.datagrams;
    seen.lost = out.tally.lost;
    for (int i = 0; i < EG_CAUSE_COUNT; i++)
        seen.sums[i] = eg_tally_sum(&out.tally, (enum eg_cause)i);
    eg_tally_reset(&out.tally);
    eg_free(out.ready);
    eg_builder_free(out.rows);
    eg_extract_exports.close(x);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const uint32_t capacities[] = {1, 7, 64, 4096};
    static const uint16_t port = 2055;
    struct eg_cursor c = eg_cursor(bytes, size);
    uint8_t how = eg_take_u8(&c), cut = eg_take_u8(&c);
    struct eg_batch *frames = frames_of(&c, how & 1 ? EG_LINK_ETHERNET : EG_LINK_RAW);
    if (!frames) return 0;
    struct eg_extract_options options = {
        .columns = EG_COLUMNS_ALL, .netflow_ports = &port, .netflow_port_count = how >> 1 & 1};
    struct seen whole = run(frames, FRAMES_MAX, 4096, &options);
    struct seen pieces = run(frames, 1 + cut % 16, capacities[how >> 2 & 3], &options);
    EG_ASSERT(whole.rows == pieces.rows && whole.datagrams == pieces.datagrams);
    EG_ASSERT(whole.lost == 0 && pieces.lost == 0);
    for (int i = 0; i < EG_CAUSE_COUNT; i++) {
        const struct eg_tally_entry *a = &whole.sums[i], *b = &pieces.sums[i];
        EG_ASSERT(a->records == b->records && a->packets == b->packets && a->bytes == b->bytes);
        EG_ASSERT(a->start_us == b->start_us && a->end_us == b->end_us);
    }
    eg_batch_unref(frames);
    return 0;
}
