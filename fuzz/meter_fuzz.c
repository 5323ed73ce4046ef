/* SPDX-License-Identifier: Apache-2.0
 * The meter: frames made of the input, fed in one piece and in pieces that the input chooses. Both
 * times as many packets and bytes come out as went in, from each shard as many rows, and whatever the
 * frames say, the cache stays within its bounds.
 *
 * Input: a byte of options, then frames: a byte of link type and division, a byte of time, a byte of
 * size, and so many bytes. */
#include "table/stage.h"

#include "base/alloc.h"

#include <stdlib.h>

extern const struct eg_extract_type eg_extract_metered;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { FRAMES_MAX = 512 };

struct frames {
    struct {
        struct eg_span bytes;
        int64_t time_ns;
        uint8_t link, cut; /* cut: 1 a batch ends here, 3 a unit */
    } items[FRAMES_MAX];
    uint32_t count;
};

static void frames_read(struct frames *frames, struct eg_span input) {
    static const uint8_t links[] = {1, 101, 0, 113};
    int64_t now = INT64_C(1700000000000000000);
    size_t at = 0;
    frames->count = 0;
    while (at + 3 <= input.size && frames->count < FRAMES_MAX) {
        uint8_t what = eg_u8(input, at), step = eg_u8(input, at + 1), length = eg_u8(input, at + 2);
        int64_t second = INT64_C(1000000000);
        now += step < 128 ? step * INT64_C(1000) : (step - 160) * second;
        frames->items[frames->count].bytes = eg_span_sub(input, at + 3, length);
        frames->items[frames->count].time_ns = step == 255 ? INT64_MIN : now;
        frames->items[frames->count].link = links[what & 3];
        frames->items[frames->count++].cut = what >> 2 & 3;
        at += 3 + (size_t)length;
    }
}

static struct eg_batch *raw_of(const struct frames *frames, uint32_t from, uint32_t to) {
    struct eg_builder *b;
    struct eg_batch *raw = NULL;
    if (eg_builder_new(&b, eg_table_get(EG_TABLE_RAW), EG_TABLE_RAW, to - from, EG_COLUMNS_ALL,
                       NULL))
        abort();
    for (uint32_t i = from; i < to; i++) {
        if (frames->items[i].time_ns != INT64_MIN)
            eg_put_int(b, EG_COL(RAW, time_ns), frames->items[i].time_ns);
        eg_put_int(b, EG_COL(RAW, link_type), frames->items[i].link);
        eg_put_int(b, EG_COL(RAW, length), (int64_t)frames->items[i].bytes.size + i % 3);
        eg_put_view(b, EG_COL(RAW, payload), frames->items[i].bytes);
        eg_builder_row(b, 1);
    }
    if (eg_builder_seal(b, &raw, NULL)) abort();
    eg_builder_free(b);
    return raw;
}

struct result {
    int64_t packets, bytes;
    struct eg_extract_state state;
};

static void sum(struct result *result, struct eg_out *out) {
    eg_out_seal(out);
    for (uint32_t i = 0; i < out->ready_count; i++) {
        const struct eg_batch *b = out->ready[i];
        for (uint32_t row = 0; row < b->rows; row++) {
            result->packets += eg_col_int(&b->columns[EG_COL(FLOWS, packets)], row);
            result->bytes += eg_col_int(&b->columns[EG_COL(FLOWS, bytes)], row);
        }
        eg_batch_unref(out->ready[i]);
    }
    out->ready_count = 0;
}

static uint32_t piece_end(const struct frames *frames, uint32_t at, bool pieces, uint8_t mask) {
    if (!pieces) return frames->count;
    while (at + 1 < frames->count && (frames->items[at].cut & mask) != mask) at++;
    return at + 1;
}

static struct result run(const struct frames *frames, const struct eg_metering *how, bool pieces) {
    struct result result = {.packets = 0};
    struct eg_extract_options options = {
        .columns = EG_COLUMNS_ALL, .metering = how, .state = &result.state};
    struct eg_extract *x;
    struct eg_extract_unit *unit, *late = NULL;
    struct eg_out out = {0};
    if (eg_builder_new(&out.rows, eg_table_get(EG_TABLE_FLOWS), EG_TABLE_FLOWS, 16, EG_COLUMNS_ALL,
                       NULL) ||
        eg_extract_metered.open(&eg_env_plain, &options, &x, NULL))
        abort();
    for (uint32_t at = 0; at < frames->count;) {
        uint32_t end = piece_end(frames, at, pieces, 3);
        if (eg_extract_metered.begin(x, 0, &unit, NULL)) abort();
        while (at < end) {
            uint32_t batch = piece_end(frames, at, pieces, 1);
            struct eg_batch *raw = raw_of(frames, at, batch);
            if (eg_extract_metered.feed(unit, raw, NULL, &out, NULL)) abort();
            eg_batch_unref(raw);
            at = batch;
        }
        if (eg_extract_metered.join(x, unit, &out, NULL)) abort();
        if (late && eg_extract_metered.finish(late, &out, NULL)) abort();
        late = unit;
    }
    if (late && eg_extract_metered.finish(late, &out, NULL)) abort();
    while (eg_extract_metered.join(x, NULL, &out, NULL) == EG_AGAIN) sum(&result, &out);
    sum(&result, &out);
    eg_extract_metered.close(x);
    eg_free(out.ready);
    eg_builder_free(out.rows);
    eg_tally_reset(&out.tally);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct eg_span input = eg_span(bytes, size);
    uint8_t options = eg_u8(input, 0);
    struct eg_metering how = {
        .one_way = options & 1,
        .vlan_key = options & 2,
        .tunnel_key = options & 4,
        .outermost = options & 8,
        .payload_bytes = options >> 4,
        .memory_max = 1,
    };
    static struct frames frames;
    frames_read(&frames, eg_span_from(input, 1));
    int64_t octets = 0;
    for (uint32_t i = 0; i < frames.count; i++)
        octets += (int64_t)frames.items[i].bytes.size + i % 3;
    struct result one = run(&frames, &how, false), other = run(&frames, &how, true);
    if (one.packets != frames.count || one.bytes != octets) abort();
    if (other.packets != one.packets || other.bytes != one.bytes) abort();
    if (memcmp(one.state.given, other.state.given, sizeof one.state.given) != 0) abort();
    return 0;
}
