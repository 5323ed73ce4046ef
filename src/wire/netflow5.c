/* SPDX-License-Identifier: Apache-2.0
 * NetFlow version 5: the decoder to read first.
 * Source: Cisco, "NetFlow Export Datagram Format", tables B-3 (header) and B-4 (record).
 *
 * All of it is fixed, in network byte order: a header of 24 bytes, then `count` records of 48.
 *
 *   header 0        1        2        3         record 0        1        2        3
 *         ┌────────┴────────┼────────┴────────┐        ┌────────┴────────┴────────┴────────┐
 *       0 │ version = 5     │ count, 1..30    │      0 │ source address                    │
 *       4 │ sysUptime: ms since boot          │      4 │ destination address               │
 *       8 │ wall clock, seconds               │      8 │ next hop                          │
 *      12 │ wall clock, nanoseconds           │     12 │ input interface │ output interface│
 *      16 │ number of the first record        │     16 │ packets                           │
 *      20 │ engine │ engine │mode│ sampling   │     20 │ bytes                             │
 *         │ type   │ id     │ 2b │ interval   │     24 │ first packet, in sysUptime        │
 *         └────────┴────────┴────┴────────────┘     28 │ last packet, in sysUptime         │
 *                                                   32 │ source port     │ destination port│
 *   sysUptime wraps every 49.7 days. A signed       36 │ padding│ flags  │protocol│ ToS    │
 *   32-bit difference to the header's is right      40 │ source AS       │ destination AS  │
 *   on both sides of the wrap, and also for a       44 │src mask│dst mask│ padding         │
 *   record dated a little after the header.            └────────┴────────┴─────────────────┘
 *
 * How it works: the records of a datagram are written column by column, a loop per column that is
 * asked for; a column nobody asks for costs one comparison. */
#include "wire/export_clock.h"

#define MIN(a, b) ((a) < (b) ? (a) : (b))
enum { HEADER = 24, RECORD = 48, COUNT_MAX = 30, PIECE = 64 }; /* PIECE: bits of a mask */

struct header {
    uint32_t count, uptime_ms, seconds, nanoseconds, sequence;
    uint16_t engine, mode, interval;
    int64_t now_us; /* the wall clock at sysUptime */
    int16_t time_flag;
};

static struct header header_read(const struct eg_datagram *d) {
    struct header h = {
        .count = eg_be16(d->payload, 2),
        .uptime_ms = eg_be32(d->payload, 4),
        .seconds = eg_be32(d->payload, 8),
        .nanoseconds = eg_be32(d->payload, 12),
        .sequence = eg_be32(d->payload, 16),
        .engine = eg_be16(d->payload, 20),
        .mode = eg_be16(d->payload, 22) >> 14,
        .interval = eg_be16(d->payload, 22) & 0x3fff,
    };
    h.now_us = h.seconds * EG_SECOND_US + h.nanoseconds / 1000;
    h.time_flag = eg_export_clock(d, &h.now_us);
    return h;
}

/* YES needs all of the header to fit: one in 10^10 random datagrams does. */
static enum eg_probe netflow5_probe(const struct eg_datagram *d) {
    if (eg_be16(d->payload, 0) != 5) return EG_PROBE_NO;
    if (d->payload.size < HEADER) return EG_PROBE_MAYBE;
    struct header h = header_read(d);
    bool clock = eg_export_clock_plausible(h.seconds, h.uptime_ms);
    bool whole = h.count >= 1 && h.count <= COUNT_MAX && d->length == HEADER + RECORD * h.count;
    return whole && clock && h.nanoseconds < 1000000000 ? EG_PROBE_YES : EG_PROBE_MAYBE;
}

/* ---- columns: `records` holds whole records, at most PIECE ---- */

#define PUT(name, type, read)                                                                      \
    static inline void name(struct eg_builder *b, uint32_t col, struct eg_span all, size_t at) {   \
        type *to = eg_builder_slots(b, col, (uint32_t)(all.size / RECORD));                        \
        for (size_t k = 0; to && k < all.size / RECORD; k++)                                       \
            to[k] = read(eg_span_record(all, RECORD, k), at);                                      \
    }
PUT(put_u8_i16, int16_t, eg_u8)
PUT(put_u8_i32, int32_t, eg_u8)
PUT(put_u16_i32, int32_t, eg_be16)
PUT(put_u16_i64, int64_t, eg_be16)
PUT(put_u32_i64, int64_t, eg_be32)
/* Answers which of them are 0.0.0.0. */
static inline uint64_t put_address(struct eg_builder *b, uint32_t col, struct eg_span records,
                                   size_t offset) {
    struct eg_addr *to = eg_builder_slots(b, col, (uint32_t)(records.size / RECORD));
    uint64_t zero = 0;
    for (size_t k = 0; to && k < records.size / RECORD; k++) {
        struct eg_span record = eg_span_record(records, RECORD, k);
        to[k] = (struct eg_addr){{[10] = 0xff, [11] = 0xff}};
        eg_span_copy(record, offset, to[k].bytes + 12, 4);
        zero |= (uint64_t)(eg_be32(record, offset) == 0) << k;
    }
    return zero;
}
static void put_same(struct eg_builder *b, uint32_t col, size_t count, int64_t value) {
    int64_t *to = eg_builder_slots(b, col, (uint32_t)count);
    for (size_t k = 0; to && k < count; k++) to[k] = value;
}

/* Answers which records end before they start; their end becomes their start. */
static uint64_t put_times(struct eg_builder *b, struct eg_span records, const struct header *h) {
    uint32_t count = (uint32_t)(records.size / RECORD);
    int64_t *start = eg_builder_slots(b, EG_COL(FLOWS, start_time), count);
    int64_t *end = eg_builder_slots(b, EG_COL(FLOWS, end_time), count);
    const struct header now = *h;
    uint64_t order = 0, range = 0;
    for (size_t k = 0; k < records.size / RECORD; k++) {
        struct eg_span record = eg_span_record(records, RECORD, k);
        int64_t first_ago = eg_uptime_ago(now.uptime_ms, eg_be32(record, 24));
        int64_t last_ago = eg_uptime_ago(now.uptime_ms, eg_be32(record, 28));
        order |= (uint64_t)(last_ago > first_ago) << k;
        int64_t start_us = now.now_us - first_ago * INT64_C(1000);
        int64_t end_us = now.now_us - (last_ago > first_ago ? first_ago : last_ago) * INT64_C(1000);
        range |= (uint64_t)(start_us < EG_YEAR_1990_US || end_us >= EG_YEAR_2100_US) << k;
        if (start) start[k] = start_us;
        if (end) end[k] = end_us;
    }
    if (!h->time_flag && !(order | range)) return 0;
    int16_t *flag = eg_builder_slots(b, EG_COL(FLOWS, time_flag), count);
    for (uint32_t k = 0; flag && k < count; k++)
        flag[k] = (int16_t)(h->time_flag | (int)(order >> k & 1) * EG_TIME_ORDER |
                            (int)(range >> k & 1) * EG_TIME_RANGE);
    if (!h->time_flag) eg_builder_nulls(b, EG_COL(FLOWS, time_flag), ~(order | range));
    return order;
}

/* What means something for some protocols only. Answers which records have no packets. */
static uint64_t put_protocol(struct eg_builder *b, struct eg_span records) {
    uint64_t ported = 0, tcp = 0, icmp = 0, empty = 0;
    for (size_t k = 0; k < records.size / RECORD; k++) {
        struct eg_span record = eg_span_record(records, RECORD, k);
        uint8_t proto = eg_u8(record, 38);
        tcp |= (uint64_t)(proto == 6) << k;
        icmp |= (uint64_t)(proto == 1) << k; /* and UDP, DCCP, SCTP, UDP-Lite have ports: */
        ported |= (uint64_t)(proto == 17 || proto == 33 || proto == 132 || proto == 136) << k;
        empty |= (uint64_t)(eg_be32(record, 16) == 0) << k;
    }
    put_u8_i16(b, EG_COL(FLOWS, proto), records, 38);
    put_u16_i32(b, EG_COL(FLOWS, src_port), records, 32);
    eg_builder_nulls(b, EG_COL(FLOWS, src_port), ~(ported | tcp));
    put_u16_i32(b, EG_COL(FLOWS, dst_port), records, 34);
    eg_builder_nulls(b, EG_COL(FLOWS, dst_port), ~(ported | tcp));
    put_u8_i32(b, EG_COL(FLOWS, tcp_flags), records, 37);
    eg_builder_nulls(b, EG_COL(FLOWS, tcp_flags), ~tcp);
    if (icmp) { /* type and code stand where the destination port would */
        put_u8_i16(b, EG_COL(FLOWS, icmp_type), records, 34);
        eg_builder_nulls(b, EG_COL(FLOWS, icmp_type), ~icmp);
        put_u8_i16(b, EG_COL(FLOWS, icmp_code), records, 35);
        eg_builder_nulls(b, EG_COL(FLOWS, icmp_code), ~icmp);
    }
    return empty;
}

/* What all records of the datagram share. */
static void put_header(struct eg_builder *b, uint32_t count, const struct header *h,
                       const struct eg_datagram *d) {
    if (d->time_us != INT64_MIN) put_same(b, EG_COL(FLOWS, received_time), count, d->time_us);
    if (h->interval) put_same(b, EG_COL(FLOWS, sampling_rate), count, h->interval);
    put_same(b, EG_COL(FLOWS, domain), count, h->engine);
    put_same(b, EG_COL(FLOWS, sequence), count, h->sequence);
    int32_t name = eg_builder_intern(b, EG_COL(FLOWS, source), "netflow5", 8);
    int32_t *source = name < 0 ? NULL : eg_builder_slots(b, EG_COL(FLOWS, source), count);
    struct eg_addr *exporter = eg_builder_slots(b, EG_COL(FLOWS, exporter), count);
    for (uint32_t k = 0; source && k < count; k++) source[k] = name;
    for (uint32_t k = 0; exporter && k < count; k++) exporter[k] = d->exporter;
}

static void put_rows(struct eg_out *out, struct eg_span records, const struct header *h,
                     const struct eg_datagram *d, const struct eg_blame *blame) {
    struct eg_builder *b = out->rows;
    uint32_t count = (uint32_t)(records.size / RECORD);
    put_header(b, count, h, d);
    uint64_t order = put_times(b, records, h), empty = put_protocol(b, records);
    put_address(b, EG_COL(FLOWS, src_ip), records, 0);
    put_address(b, EG_COL(FLOWS, dst_ip), records, 4);
    uint64_t hopless = put_address(b, EG_COL(FLOWS, next_hop), records, 8);
    eg_builder_nulls(b, EG_COL(FLOWS, next_hop), hopless);
    put_u16_i64(b, EG_COL(FLOWS, in_if), records, 12);
    put_u16_i64(b, EG_COL(FLOWS, out_if), records, 14);
    put_u32_i64(b, EG_COL(FLOWS, packets), records, 16);
    put_u32_i64(b, EG_COL(FLOWS, bytes), records, 20);
    put_u8_i16(b, EG_COL(FLOWS, tos), records, 39);
    put_u16_i64(b, EG_COL(FLOWS, src_as), records, 40);
    put_u16_i64(b, EG_COL(FLOWS, dst_as), records, 42);
    put_u8_i16(b, EG_COL(FLOWS, src_mask), records, 44);
    put_u8_i16(b, EG_COL(FLOWS, dst_mask), records, 45);
    int ordered = __builtin_popcountll(order), emptied = __builtin_popcountll(empty);
    if (order) eg_tally_add(&out->tally, EG_CAUSE_time_order, blame, d->time_us, ordered, 0, 0);
    if (empty) eg_tally_add(&out->tally, EG_CAUSE_record_empty, blame, d->time_us, emptied, 0, 0);
    char extra[] = {"{\"sampling_mode\":0}"};
    extra[17] = (char)('0' + h->mode);
    uint32_t texts = h->mode && eg_builder_wants(b, EG_COL(FLOWS, extra)) ? count : 0; /* by row: */
    for (uint32_t k = 0; k < texts; k++, eg_builder_row(b, 1))
        eg_put_text(b, EG_COL(FLOWS, extra), extra, sizeof extra - 1);
    eg_builder_row(b, count - texts);
}

static void netflow5_decode(struct eg_decoder *self, const struct eg_datagram *d,
                            struct eg_out *out, struct eg_sequence_note *note) {
    (void)self;
    struct eg_blame blame = {"netflow5", &d->exporter, -1};
    *note = (struct eg_sequence_note){.source = "netflow5"};
    if (d->payload.size < HEADER) {
        enum eg_cause cause = d->length < HEADER ? EG_CAUSE_short_header : EG_CAUSE_datagram_cut;
        eg_tally_add(&out->tally, cause, &blame, d->time_us, 1, 1, d->length);
        return;
    }
    struct header h = header_read(d);
    blame.domain = h.engine;
    /* What the header claims, what the datagram had room for, and what of that was captured. */
    uint32_t captured = (uint32_t)d->payload.size - HEADER;
    uint32_t body = d->length < d->payload.size ? captured : d->length - HEADER;
    uint32_t sent = MIN(h.count, body / RECORD), whole = MIN(sent, captured / RECORD);
    uint32_t moved = h.count > COUNT_MAX ? sent : h.count; /* the sequence number, by this one */
    if (h.count != body / RECORD) {
        eg_tally_add(&out->tally, EG_CAUSE_count_mismatch, &blame, d->time_us, moved - sent, 1, 0);
    } else if (body % RECORD) {
        eg_tally_add(&out->tally, EG_CAUSE_trailing_bytes, &blame, d->time_us, 0, 1, body % RECORD);
    }
    uint32_t cut = sent - whole;
    if (cut) eg_tally_add(&out->tally, EG_CAUSE_datagram_cut, &blame, d->time_us, cut, 1, 0);
    if (whole && h.time_flag)
        eg_tally_add(&out->tally, EG_CAUSE_time_corrected, &blame, d->time_us, whole, 1, 0);
    for (uint32_t done = 0, n; done < whole; done += n) {
        n = eg_out_room(out, MIN(whole - done, PIECE));
        put_rows(out, eg_span_sub(d->payload, HEADER + RECORD * done, RECORD * n), &h, d, &blame);
    }
    *note =
        (struct eg_sequence_note){"netflow5", h.engine, h.sequence, moved, 0, true, true, false};
    note->boot_ms = h.seconds * 1000 + h.nanoseconds / 1000000 - h.uptime_ms;
}

const struct eg_decoder_type eg_decoder_netflow5 = {
    .abi = EG_STAGE_ABI,
    .name = "netflow5",
    .help = "NetFlow version 5, as routers and softflowd send it",
    .options = (const struct eg_option[]){EG_OPTION_END},
    .probe = netflow5_probe,
    .open = eg_decoder_open_nop,
    .learn = eg_decoder_learn_nop,
    .decode = netflow5_decode,
    .close = eg_decoder_close_nop,
};
