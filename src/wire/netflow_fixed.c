/* SPDX-License-Identifier: Apache-2.0
 * Fixed records, row by row; the reasons for what is done with counts and clocks stand in netflow5.c.
 * Sources: Cisco, "NetFlow Services Solutions Guide", tables of the version 1 and 7 formats. */
#include "wire/netflow_fixed.h"

#include "table/address.h"
#include "wire/export_clock.h"

#define MIN(a, b) ((a) < (b) ? (a) : (b))
enum { ICMP = 1, TCP = 6, UDP = 17, DCCP = 33, SCTP = 132, UDP_LITE = 136 };

struct header {
    uint32_t count, uptime_ms, seconds, nanoseconds, sequence;
    int64_t now_us; /* the wall clock at sysUptime */
    int16_t time_flag;
};

static struct header header_read(const struct eg_netflow_fixed *f, const struct eg_datagram *d) {
    struct header h = {
        .count = eg_be16(d->payload, 2),
        .uptime_ms = eg_be32(d->payload, 4),
        .seconds = eg_be32(d->payload, 8),
        .nanoseconds = eg_be32(d->payload, 12),
        .sequence = f->sequence_at ? eg_be32(d->payload, f->sequence_at) : 0,
    };
    h.now_us = h.seconds * EG_SECOND_US + h.nanoseconds / 1000;
    h.time_flag = eg_export_clock(d, &h.now_us);
    return h;
}

enum eg_probe eg_netflow_fixed_probe(const struct eg_netflow_fixed *f,
                                     const struct eg_datagram *d) {
    if (eg_be16(d->payload, 0) != f->version) return EG_PROBE_NO;
    if (d->payload.size < f->header) return EG_PROBE_MAYBE;
    struct header h = header_read(f, d);
    bool clock = eg_export_clock_plausible(h.seconds, h.uptime_ms);
    bool whole =
        h.count >= 1 && h.count <= f->count_max && d->length == f->header + f->record * h.count;
    return whole && clock && h.nanoseconds < 1000000000 ? EG_PROBE_YES : EG_PROBE_MAYBE;
}

/* ---- a row ---- */

static struct eg_addr put_address(struct eg_builder *row, uint32_t col, struct eg_span record,
                                  size_t offset) {
    struct eg_addr address = eg_addr_v4(eg_be32(record, offset));
    eg_put_addr(row, col, &address);
    return address;
}

/* Answers EG_TIME_ORDER and EG_TIME_RANGE as they apply. */
static int16_t put_times(struct eg_builder *row, struct eg_span record, const struct header *h) {
    int64_t first_ago = eg_uptime_ago(h->uptime_ms, eg_be32(record, 24));
    int64_t last_ago = eg_uptime_ago(h->uptime_ms, eg_be32(record, 28));
    int16_t flag = last_ago > first_ago ? EG_TIME_ORDER : 0;
    int64_t start_us = h->now_us - first_ago * INT64_C(1000);
    int64_t end_us = flag ? start_us : h->now_us - last_ago * INT64_C(1000);
    if (start_us < EG_YEAR_1990_US || end_us >= EG_YEAR_2100_US) flag |= EG_TIME_RANGE;
    eg_put_int(row, EG_COL(FLOWS, start_time), start_us);
    eg_put_int(row, EG_COL(FLOWS, end_time), end_us);
    if (flag | h->time_flag) eg_put_int(row, EG_COL(FLOWS, time_flag), flag | h->time_flag);
    return flag;
}

static void put_protocol(struct eg_builder *row, const struct eg_netflow_fixed *f,
                         struct eg_span record) {
    uint8_t proto = eg_u8(record, 38);
    eg_put_int(row, EG_COL(FLOWS, proto), proto);
    if (proto == TCP || proto == UDP || proto == DCCP || proto == SCTP || proto == UDP_LITE) {
        eg_put_int(row, EG_COL(FLOWS, src_port), eg_be16(record, 32));
        eg_put_int(row, EG_COL(FLOWS, dst_port), eg_be16(record, 34));
    } else if (proto == ICMP) { /* type and code stand where the destination port would */
        eg_put_int(row, EG_COL(FLOWS, icmp_type), eg_u8(record, 34));
        eg_put_int(row, EG_COL(FLOWS, icmp_code), eg_u8(record, 35));
    }
    if (proto == TCP) eg_put_int(row, EG_COL(FLOWS, tcp_flags), eg_u8(record, f->tcp_flags_at));
    eg_put_int(row, EG_COL(FLOWS, tos), eg_u8(record, f->tos_at));
}

/* What only some versions have. */
static void put_routes(struct eg_builder *row, const struct eg_netflow_fixed *f,
                       struct eg_span record) {
    if (f->as_at) {
        eg_put_int(row, EG_COL(FLOWS, src_as), eg_be16(record, f->as_at));
        eg_put_int(row, EG_COL(FLOWS, dst_as), eg_be16(record, f->as_at + 2u));
    }
    if (f->mask_at) {
        eg_put_int(row, EG_COL(FLOWS, src_mask), eg_u8(record, f->mask_at));
        eg_put_int(row, EG_COL(FLOWS, dst_mask), eg_u8(record, f->mask_at + 1u));
    }
    if (!f->router_at || !eg_be32(record, f->router_at)) return;
    if (!eg_builder_wants(row, EG_COL(FLOWS, extra))) return;
    char text[EG_ADDR_TEXT + 24] = "{\"router\":\"";
    size_t size = strlen(text);
    struct eg_addr router = eg_addr_v4(eg_be32(record, f->router_at));
    size += eg_addr_text(&router, text + size);
    text[size++] = '"';
    text[size++] = '}';
    eg_put_text(row, EG_COL(FLOWS, extra), text, size);
}

/* What all records of the datagram share. */
static void put_header(struct eg_builder *row, const struct eg_netflow_fixed *f,
                       const struct header *h, const struct eg_datagram *d) {
    if (d->time_us != INT64_MIN) eg_put_int(row, EG_COL(FLOWS, received_time), d->time_us);
    if (f->sequence_at) eg_put_int(row, EG_COL(FLOWS, sequence), h->sequence);
    eg_put_addr(row, EG_COL(FLOWS, exporter), &d->exporter);
    eg_put_name(row, EG_COL(FLOWS, source), f->source, strlen(f->source));
}

static void put_row(struct eg_out *out, const struct eg_netflow_fixed *f, struct eg_span record,
                    const struct header *h, const struct eg_datagram *d,
                    const struct eg_blame *blame) {
    (void)eg_out_room(out, 1);
    struct eg_builder *row = out->rows;
    put_header(row, f, h, d);
    int16_t flag = put_times(row, record, h);
    (void)put_address(row, EG_COL(FLOWS, src_ip), record, 0);
    (void)put_address(row, EG_COL(FLOWS, dst_ip), record, 4);
    if (eg_be32(record, 8)) (void)put_address(row, EG_COL(FLOWS, next_hop), record, 8);
    eg_put_int(row, EG_COL(FLOWS, in_if), eg_be16(record, 12));
    eg_put_int(row, EG_COL(FLOWS, out_if), eg_be16(record, 14));
    eg_put_int(row, EG_COL(FLOWS, packets), eg_be32(record, 16));
    eg_put_int(row, EG_COL(FLOWS, bytes), eg_be32(record, 20));
    put_protocol(row, f, record);
    put_routes(row, f, record);
    eg_builder_row(row, 1);
    if (flag & EG_TIME_ORDER)
        eg_tally_add(&out->tally, EG_CAUSE_time_order, blame, d->time_us, 1, 0, 0);
    if (!eg_be32(record, 16))
        eg_tally_add(&out->tally, EG_CAUSE_record_empty, blame, d->time_us, 1, 0, 0);
}

/* ---- the datagram ---- */

void eg_netflow_fixed_decode(const struct eg_netflow_fixed *f, const struct eg_datagram *d,
                             struct eg_out *out, struct eg_sequence_note *note) {
    struct eg_blame blame = {f->source, &d->exporter, -1};
    *note = (struct eg_sequence_note){.source = f->source};
    if (d->payload.size < f->header) {
        enum eg_cause cause = d->length < f->header ? EG_CAUSE_short_header : EG_CAUSE_datagram_cut;
        eg_tally_add(&out->tally, cause, &blame, d->time_us, 1, 1, d->length);
        return;
    }
    struct header h = header_read(f, d);
    /* What the header claims, what the datagram had room for, and what of that was captured. */
    uint32_t captured = (uint32_t)d->payload.size - f->header;
    uint32_t body = d->length < d->payload.size ? captured : d->length - f->header;
    uint32_t sent = MIN(h.count, body / f->record), whole = MIN(sent, captured / f->record);
    uint32_t moved = h.count > f->count_max ? sent : h.count;
    if (h.count != body / f->record)
        eg_tally_add(&out->tally, EG_CAUSE_count_mismatch, &blame, d->time_us, moved - sent, 1, 0);
    else if (body % f->record)
        eg_tally_add(&out->tally, EG_CAUSE_trailing_bytes, &blame, d->time_us, 0, 1,
                     body % f->record);
    if (sent > whole)
        eg_tally_add(&out->tally, EG_CAUSE_datagram_cut, &blame, d->time_us, sent - whole, 1, 0);
    if (whole && h.time_flag)
        eg_tally_add(&out->tally, EG_CAUSE_time_corrected, &blame, d->time_us, whole, 1, 0);
    struct eg_span records = eg_span_from(d->payload, f->header);
    for (uint32_t k = 0; k < whole; k++)
        put_row(out, f, eg_span_record(records, f->record, k), &h, d, &blame);
    if (!f->sequence_at) return;
    *note = (struct eg_sequence_note){.source = f->source,
                                      .domain = -1,
                                      .first = h.sequence,
                                      .count = moved,
                                      .present = true,
                                      .has_boot = true};
    note->boot_ms = h.seconds * 1000 + h.nanoseconds / 1000000 - h.uptime_ms;
}
