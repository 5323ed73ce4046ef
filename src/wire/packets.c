/* SPDX-License-Identifier: Apache-2.0
 * The extract `packets`: one row a frame, whatever the frame holds.
 *
 * Works on blocks of up to 64 frames: each is taken apart into a struct eg_layers, then every column
 * that is asked for is filled over the block in one loop, and what was not seen is one bit in a
 * word. No frame knows of another, so a unit has no state and join() has nothing to settle. Where no
 * column needs a look into the frames, none is taken (and no remark on them counted). */
#include "wire/dissect.h"

#include "base/alloc.h"
#include "table/stage.h"

#include <stdio.h>

#define BLOCK 64

/* A unit only points back at what all units share. */
struct eg_extract_unit {
    const struct eg_extract *of;
};

struct eg_extract {
    struct eg_extract_unit unit;
    enum eg_view view;
    char *input_name; /* NULL: none */
};

/* Frames of one raw batch on their way into rows. */
struct block {
    const struct eg_batch *raw;
    uint32_t rows[BLOCK]; /* of the raw batch */
    uint32_t count;
    uint32_t has_all, has_any; /* EG_HAS_… that all frames have, that any has */
    struct eg_layers layers[BLOCK];
};

/* ---- columns out of the layers ---- */

struct layer_column {
    uint8_t column;
    uint8_t width; /* bytes of the member: 1, 2, 4, 8; 16: an address */
    uint16_t offset;
    uint32_t has;
};
#define LAYER(name, bit, member)                                                                   \
    {                                                                                              \
        EG_COL(PACKETS, name), sizeof((struct eg_layers *)0)->member,                              \
            offsetof(struct eg_layers, member), EG_HAS_##bit                                       \
    }

static const struct layer_column layer_columns[] = {
    LAYER(src_ip, SRC, src),
    LAYER(dst_ip, DST, dst),
    LAYER(src_port, PORTS, src_port),
    LAYER(dst_port, PORTS, dst_port),
    LAYER(proto, PROTO, proto),
    LAYER(ip_version, IP_VERSION, ip_version),
    LAYER(payload_length, PAYLOAD, payload_length),
    LAYER(ttl, TTL, ttl),
    LAYER(tos, TOS, tos),
    LAYER(fragment_offset, FRAGMENT, fragment_offset),
    LAYER(more_fragments, FRAGMENT, more_fragments),
    LAYER(dont_fragment, DONT_FRAGMENT, dont_fragment),
    LAYER(ip_id, IP_ID, ip_id),
    LAYER(tcp_flags, TCP_FLAGS, tcp_flags),
    LAYER(tcp_seq, TCP_SEQ, tcp_seq),
    LAYER(tcp_ack, TCP_ACK, tcp_ack),
    LAYER(tcp_window, TCP_WINDOW, tcp_window),
    LAYER(icmp_type, ICMP, icmp_type),
    LAYER(icmp_code, ICMP, icmp_code),
    LAYER(vlan, VLAN, vlan),
    LAYER(src_mac, SRC_MAC, src_mac),
    LAYER(dst_mac, DST_MAC, dst_mac),
    LAYER(tunnel_id, TUNNEL_ID, tunnel_id),
    LAYER(outer_src_ip, OUTER, outer_src),
    LAYER(outer_dst_ip, OUTER, outer_dst),
};
#define LAYER_COLUMNS (sizeof layer_columns / sizeof *layer_columns)

static eg_column_set layer_column_set(void) {
    eg_column_set set = EG_SET(PACKETS, mpls_labels) | EG_SET(PACKETS, tunnel);
    for (size_t i = 0; i < LAYER_COLUMNS; i++) set |= UINT64_C(1) << layer_columns[i].column;
    return set;
}

static inline const void *member(const struct eg_layers *layers, uint16_t offset) {
    return (const uint8_t *)layers + offset;
}

/* A loop over the block, from a member of one width to values of another. Members that were not
 * seen are 0, so nothing has to be masked. */
#define COPY_LOOP(from_type, to_type)                                                              \
    for (uint32_t k = 0; k < count; k++) {                                                         \
        from_type value;                                                                           \
        memcpy(&value, member(layers + k, offset), sizeof value);                                  \
        ((to_type *)slots)[k] = (to_type)value;                                                    \
    }

static void copy_members(const struct eg_layers *layers, uint32_t count, uint16_t offset,
                         uint8_t width, enum eg_type type, void *slots) {
    switch (width) {
    case 1: COPY_LOOP(uint8_t, int16_t) break;
    case 2: COPY_LOOP(uint16_t, int32_t) break;
    case 4: COPY_LOOP(uint32_t, int64_t) break;
    case 8: COPY_LOOP(uint64_t, int64_t) break;
    case 16: COPY_LOOP(struct eg_addr, struct eg_addr) break;
    default: EG_ASSERT(type != type);
    }
}

static uint64_t flags_of(const struct eg_layers *layers, uint32_t count, uint16_t offset) {
    uint64_t flags = 0;
    for (uint32_t k = 0; k < count; k++)
        flags |= (uint64_t)(*(const bool *)member(layers + k, offset)) << k;
    return flags;
}

static void put_layer_column(struct eg_builder *rows, const struct layer_column *col,
                             const struct block *block, uint32_t from, uint32_t count) {
    const struct eg_layers *layers = block->layers + from;
    if (!(block->has_any & col->has)) return; /* null everywhere: absent costs nothing */
    enum eg_type type = rows->table->columns[col->column].type;
    if (type == EG_TYPE_BOOL) {
        eg_builder_bits(rows, col->column, count, flags_of(layers, count, col->offset));
    } else {
        void *slots = eg_builder_slots(rows, col->column, count);
        if (!slots) return;
        copy_members(layers, count, col->offset, col->width, type, slots);
    }
    if (block->has_all & col->has) return;
    uint64_t nulls = 0;
    for (uint32_t k = 0; k < count; k++) nulls |= (uint64_t) !(layers[k].has & col->has) << k;
    eg_builder_nulls(rows, col->column, nulls);
}

static void put_labels(struct eg_builder *rows, const struct eg_layers *layers) {
    char text[EG_MPLS_LABELS_MAX * 8 + 1]; /* 20 bits are at most 7 digits, and a comma */
    int size = 0;
    for (uint8_t i = 0; i < layers->mpls_count; i++)
        size +=
            snprintf(text + size, sizeof text - (size_t)size, i ? ",%u" : "%u", layers->mpls[i]);
    if (size) eg_put_text(rows, EG_COL(PACKETS, mpls_labels), text, (size_t)size);
}

/* ---- columns out of the raw batch ---- */

static const struct eg_column *raw_column(const struct block *block, uint32_t column) {
    return &block->raw->columns[column];
}

static int64_t floor_div(int64_t value, int64_t by) { return value / by - (value % by < 0); }

static void put_times(struct eg_builder *rows, const struct block *block, uint32_t from,
                      uint32_t count) {
    const struct eg_column *times = raw_column(block, EG_COL(RAW, time_ns));
    if (!times->values) return;
    uint64_t nulls = 0;
    for (uint32_t k = 0; times->valid && k < count; k++)
        nulls |= (uint64_t)!eg_bit(times->valid, block->rows[from + k]) << k;
    int64_t *us = eg_builder_slots(rows, EG_COL(PACKETS, time), count);
    int16_t *ns = eg_builder_slots(rows, EG_COL(PACKETS, time_ns), count);
    for (uint32_t k = 0; k < count; k++) {
        int64_t value = nulls >> k & 1 ? 0 : eg_col_i64(times)[block->rows[from + k]];
        int64_t whole = floor_div(value, 1000);
        if (us) us[k] = whole;
        if (ns) ns[k] = (int16_t)(value - whole * 1000);
    }
    eg_builder_nulls(rows, EG_COL(PACKETS, time), nulls);
    eg_builder_nulls(rows, EG_COL(PACKETS, time_ns), nulls);
}

static void put_i64(struct eg_builder *rows, const struct block *block, uint32_t from,
                    uint32_t count, uint32_t raw, uint32_t column) {
    const struct eg_column *values = raw_column(block, raw);
    if (!values->values) return;
    int64_t *slots = eg_builder_slots(rows, column, count);
    if (!slots) return;
    uint64_t nulls = 0;
    for (uint32_t k = 0; k < count; k++) {
        uint32_t row = block->rows[from + k];
        bool valid = !values->valid || eg_bit(values->valid, row);
        slots[k] = valid ? eg_col_i64(values)[row] : 0;
        nulls |= (uint64_t)!valid << k;
    }
    eg_builder_nulls(rows, column, nulls);
}

static void put_frame_facts(struct eg_builder *rows, const struct block *block, uint32_t from,
                            uint32_t count) {
    const struct eg_span *payloads = eg_col_view(raw_column(block, EG_COL(RAW, payload)));
    const int32_t *link_types = eg_col_i32(raw_column(block, EG_COL(RAW, link_type)));
    int64_t *captured = eg_builder_slots(rows, EG_COL(PACKETS, captured), count);
    for (uint32_t k = 0; captured && k < count; k++)
        captured[k] = (int64_t)payloads[block->rows[from + k]].size;
    int32_t *link = eg_builder_slots(rows, EG_COL(PACKETS, link_type), count);
    for (uint32_t k = 0; link && k < count; k++) link[k] = link_types[block->rows[from + k]];
}

/* ---- names: the same text for many rows, so found once ---- */

static void put_same_name(struct eg_builder *rows, uint32_t column, uint32_t count,
                          const char *text) {
    if (!text || !eg_builder_wants(rows, column)) return;
    int32_t index = eg_builder_intern(rows, column, text, strlen(text));
    int32_t *slots = index < 0 ? NULL : eg_builder_slots(rows, column, count);
    for (uint32_t k = 0; slots && k < count; k++) slots[k] = index;
}

/* Names that the raw rows have. */
static void put_names(struct eg_builder *rows, const struct block *block, uint32_t from,
                      uint32_t count, uint32_t raw, uint32_t column) {
    if (!eg_builder_wants(rows, column) || !raw_column(block, raw)->values) return;
    int32_t *slots = eg_builder_slots(rows, column, count);
    if (!slots) return;
    int32_t raw_last = -1, index_last = -1;
    uint64_t nulls = 0;
    for (uint32_t k = 0; k < count; k++) {
        uint32_t row = block->rows[from + k];
        slots[k] = 0;
        bool valid = eg_batch_valid(block->raw, raw, row);
        if (valid && eg_col_i32(raw_column(block, raw))[row] != raw_last) {
            struct eg_span name = eg_col_text(raw_column(block, raw), row);
            raw_last = eg_col_i32(raw_column(block, raw))[row];
            index_last = eg_builder_intern(rows, column, (const char *)name.at, name.size);
        }
        if (valid && index_last >= 0)
            slots[k] = index_last;
        else
            nulls |= UINT64_C(1) << k;
    }
    eg_builder_nulls(rows, column, nulls);
}

static void put_tunnels(struct eg_builder *rows, const struct block *block, uint32_t from,
                        uint32_t count) {
    const uint32_t column = EG_COL(PACKETS, tunnel);
    if (!(block->has_any & EG_HAS_TUNNEL) || !eg_builder_wants(rows, column)) return;
    int32_t *slots = eg_builder_slots(rows, column, count), index = -1;
    if (!slots) return;
    uint8_t last = EG_TUNNEL_NONE;
    uint64_t nulls = 0;
    for (uint32_t k = 0; k < count; k++) {
        uint8_t tunnel = block->layers[from + k].tunnel;
        if (tunnel != EG_TUNNEL_NONE && tunnel != last) {
            const char *name = eg_tunnel_name(tunnel);
            last = tunnel;
            index = eg_builder_intern(rows, column, name, strlen(name));
        }
        bool valid = tunnel != EG_TUNNEL_NONE && index >= 0;
        slots[k] = valid ? index : 0;
        nulls |= (uint64_t)!valid << k;
    }
    eg_builder_nulls(rows, column, nulls);
}

/* ---- the block ---- */

/* Fills the rows of frames [from, from + count) of the block. */
static void put_rows(const struct eg_extract *extract, struct eg_builder *rows,
                     const struct block *block, uint32_t from, uint32_t count) {
    put_times(rows, block, from, count);
    put_i64(rows, block, from, count, EG_COL(RAW, length), EG_COL(PACKETS, length));
    put_i64(rows, block, from, count, EG_COL(RAW, offset), EG_COL(PACKETS, offset));
    put_frame_facts(rows, block, from, count);
    put_names(rows, block, from, count, EG_COL(RAW, interface), EG_COL(PACKETS, interface));
    put_names(rows, block, from, count, EG_COL(RAW, file), EG_COL(PACKETS, file));
    put_same_name(rows, EG_COL(PACKETS, file), count, extract->input_name);
    put_same_name(rows, EG_COL(PACKETS, source), count, "packet");
    for (size_t i = 0; i < LAYER_COLUMNS; i++)
        if (eg_builder_wants(rows, layer_columns[i].column))
            put_layer_column(rows, &layer_columns[i], block, from, count);
    put_tunnels(rows, block, from, count);
    if (count == 1 && block->has_any & EG_HAS_MPLS) put_labels(rows, &block->layers[from]);
    eg_builder_row(rows, count);
}

static void count_remarks(struct eg_tally *tally, const struct block *block, uint32_t k) {
    uint32_t row = block->rows[k];
    int64_t time_us = INT64_MIN;
    if (eg_batch_valid(block->raw, EG_COL(RAW, time_ns), row))
        time_us = floor_div(eg_col_i64(raw_column(block, EG_COL(RAW, time_ns)))[row], 1000);
    int64_t length = eg_col_i64(raw_column(block, EG_COL(RAW, length)))[row];
    eg_remarks_count(block->layers[k].remarks, time_us, length, tally);
}

static void dissect_block(struct block *block, enum eg_view view, struct eg_tally *tally) {
    const int32_t *link_types = eg_col_i32(raw_column(block, EG_COL(RAW, link_type)));
    const int64_t *lengths = eg_col_i64(raw_column(block, EG_COL(RAW, length)));
    const struct eg_span *payloads = eg_col_view(raw_column(block, EG_COL(RAW, payload)));
    block->has_all = UINT32_MAX;
    block->has_any = 0;
    for (uint32_t k = 0; k < block->count; k++) {
        uint32_t row = block->rows[k];
        int64_t length = lengths[row];
        uint32_t wire = length < 0 ? 0 : length > UINT32_MAX ? UINT32_MAX : (uint32_t)length;
        eg_dissect_as(view, (uint32_t)link_types[row], payloads[row], wire, NULL,
                      &block->layers[k]);
        block->has_all &= block->layers[k].has;
        block->has_any |= block->layers[k].has;
        if (block->layers[k].remarks) count_remarks(tally, block, k);
    }
}

/* Collects up to `room` frames from raw row `row` on that are rows here; answers the row behind. */
static uint32_t gather(struct block *block, uint32_t row, uint32_t room, const uint64_t *claimed) {
    const uint64_t *frames = raw_column(block, EG_COL(RAW, link_type))->valid;
    block->count = 0;
    for (; row < block->raw->rows && block->count < room; row++) {
        if (claimed && eg_bit(claimed, row)) continue;
        if (frames && !eg_bit(frames, row)) continue; /* a datagram, not a frame */
        block->rows[block->count++] = row;
    }
    return row;
}

/* ---- the contract ---- */

static enum eg_status packets_open(const struct eg_env *env,
                                   const struct eg_extract_options *options,
                                   struct eg_extract **out, struct eg_error *err) {
    (void)env;
    struct eg_extract *extract = eg_calloc(1, sizeof *extract);
    if (extract && options->input_name) extract->input_name = eg_strdup(options->input_name);
    if (!extract || (options->input_name && !extract->input_name)) {
        eg_free(extract);
        return eg_fail(err, EG_E_NOMEM, "no memory to read packets");
    }
    extract->unit.of = extract;
    bool outermost = options->metering && options->metering->outermost;
    extract->view = outermost ? EG_VIEW_OUTERMOST : EG_VIEW_INNERMOST;
    *out = extract;
    return EG_OK;
}

static enum eg_status packets_begin(struct eg_extract *extract, uint64_t unit,
                                    struct eg_extract_unit **out, struct eg_error *err) {
    (void)unit;
    (void)err;
    *out = &extract->unit;
    return EG_OK;
}

static enum eg_status packets_feed(struct eg_extract_unit *unit, struct eg_batch *raw,
                                   uint64_t *claimed, struct eg_out *out, struct eg_error *err) {
    (void)err;
    if (!raw->columns[EG_COL(RAW, link_type)].values) return EG_OK; /* datagrams only */
    struct block block;
    block.raw = raw;
    block.has_all = block.has_any = 0;
    bool look = out->rows->wanted & layer_column_set();
    bool labels = eg_builder_wants(out->rows, EG_COL(PACKETS, mpls_labels));
    for (uint32_t row = 0; row < raw->rows;) {
        row = gather(&block, row, eg_out_room(out, BLOCK), claimed);
        if (!block.count) break;
        if (look) dissect_block(&block, unit->of->view, &out->tally);
        if (!(labels && block.has_any & EG_HAS_MPLS)) {
            put_rows(unit->of, out->rows, &block, 0, block.count);
            continue;
        }
        for (uint32_t k = 0; k < block.count; k++) /* texts go in one by one */
            put_rows(unit->of, out->rows, &block, k, 1);
    }
    return EG_OK;
}

static enum eg_status packets_finish(struct eg_extract_unit *unit, struct eg_out *out,
                                     struct eg_error *err) {
    (void)unit;
    (void)out;
    (void)err;
    return EG_OK;
}

static void packets_close(struct eg_extract *extract) {
    if (!extract) return;
    eg_free(extract->input_name);
    eg_free(extract);
}

const struct eg_extract_type eg_extract_packets = {
    .abi = EG_STAGE_ABI,
    .name = "packets",
    .help = "One row a packet of a capture.",
    .table = EG_TABLE_PACKETS,
    .also = EG_TABLE_COUNT,
    .position = "packets",
    .open = packets_open,
    .begin = packets_begin,
    .feed = packets_feed,
    .join = eg_extract_join_nop,
    .finish = packets_finish,
    .close = packets_close,
};
