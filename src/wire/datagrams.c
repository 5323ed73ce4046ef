/* SPDX-License-Identifier: Apache-2.0
 * UDP datagrams out of raw rows. Sources: RFC 768, RFC 791 and 8200 for the fragments. */
#include "wire/datagrams.h"

#include "base/alloc.h"
#include "wire/dissect.h"

enum { UDP = 17, UDP_HEADER = 8, CUT_LENGTH = 16 /* of what was cut before it told its own */ };

/* ---- one row ---- */

/* Most frames are told at a glance: Ethernet, IPv4, and then TCP or ICMP. */
static bool may_hold_udp(uint32_t link_type, struct eg_span frame) {
    enum { ICMP = 1, TCP = 6 };
    if (link_type != EG_LINK_ETHERNET || eg_be16(frame, 12) != 0x0800) return true;
    uint8_t proto = eg_u8(frame, 23);
    return proto != TCP && proto != ICMP;
}

static enum eg_row_kind frame_take(uint32_t link_type, struct eg_span frame, uint32_t length,
                                   int64_t time_us, struct eg_row *out) {
    struct eg_layers layers;
    eg_dissect(link_type, frame, length, &layers);
    if (layers.fragment) {
        out->fragment = (struct eg_fragment){
            .src = layers.src,
            .dst = layers.dst,
            .id = layers.ip_id,
            .proto = UDP,
            .more = layers.more_fragments,
            .offset = layers.fragment_offset,
            .length = layers.piece_length,
            .bytes = layers.piece,
            .time_us = time_us,
        };
        return layers.piece_proto == UDP ? EG_ROW_FRAGMENT : EG_ROW_OTHER;
    }
    if (layers.proto != UDP || !(layers.has & EG_HAS_PORTS)) return EG_ROW_OTHER;
    /* Cut before the UDP length: whatever it was, it was not captured. */
    out->begun = (layers.has & EG_HAS_PAYLOAD) != 0;
    if (!out->begun && layers.remarks & EG_REMARK_FRAME_CUT) layers.datagram_length = CUT_LENGTH;
    out->received = false;
    out->datagram = (struct eg_datagram){
        .payload = layers.payload,
        .length = layers.datagram_length,
        .time_us = time_us,
        .exporter = layers.src,
        .exporter_port = layers.src_port,
        .local_port = layers.dst_port,
        .transport = UDP,
    };
    return EG_ROW_DATAGRAM;
}

static int64_t time_of(const struct eg_batch *raw, uint32_t row) {
    if (!eg_batch_valid(raw, EG_COL(RAW, time_ns), row)) return INT64_MIN;
    int64_t ns = eg_col_i64(&raw->columns[EG_COL(RAW, time_ns)])[row];
    return ns / 1000 - (ns % 1000 < 0);
}

static int64_t number(const struct eg_batch *raw, uint32_t col, uint32_t row, int64_t otherwise) {
    return eg_batch_valid(raw, col, row) ? eg_col_int(&raw->columns[col], row) : otherwise;
}

enum eg_row_kind eg_row_take(const struct eg_batch *raw, uint32_t row, struct eg_row *out) {
    if (!eg_batch_valid(raw, EG_COL(RAW, payload), row)) return EG_ROW_OTHER;
    struct eg_span bytes = eg_col_view(&raw->columns[EG_COL(RAW, payload)])[row];
    uint32_t length = (uint32_t)bytes.size;
    int64_t wire = number(raw, EG_COL(RAW, length), row, 0);
    if (wire > length && wire <= UINT32_MAX) length = (uint32_t)wire;
    if (eg_batch_valid(raw, EG_COL(RAW, link_type), row)) {
        uint32_t link_type = (uint32_t)eg_col_i32(&raw->columns[EG_COL(RAW, link_type)])[row];
        if (!may_hold_udp(link_type, bytes)) return EG_ROW_OTHER;
        return frame_take(link_type, bytes, length, time_of(raw, row), out);
    }
    if (!eg_batch_valid(raw, EG_COL(RAW, peer), row)) return EG_ROW_OTHER;
    out->received = out->begun = true;
    out->datagram = (struct eg_datagram){
        .payload = bytes,
        .length = length,
        .time_us = time_of(raw, row),
        .exporter = eg_col_addr(&raw->columns[EG_COL(RAW, peer)])[row],
        .exporter_port = (uint16_t)number(raw, EG_COL(RAW, peer_port), row, 0),
        .local_port = (uint16_t)number(raw, EG_COL(RAW, local_port), row, 0),
        .transport = (uint8_t)number(raw, EG_COL(RAW, transport), row, UDP),
    };
    return EG_ROW_DATAGRAM;
}

bool eg_datagram_joined(const struct eg_fragment *last, struct eg_span whole,
                        struct eg_datagram *out) {
    uint32_t length = eg_be16(whole, 4);
    if (whole.size < UDP_HEADER || length < UDP_HEADER || length > whole.size) return false;
    *out = (struct eg_datagram){
        .payload = eg_span_sub(whole, UDP_HEADER, length - UDP_HEADER),
        .length = length - UDP_HEADER,
        .time_us = last->time_us,
        .exporter = last->src,
        .exporter_port = eg_be16(whole, 0),
        .local_port = eg_be16(whole, 2),
        .transport = UDP,
    };
    return true;
}

/* ---- all of them ---- */

struct eg_datagrams {
    struct eg_fragments *fragments;
    uint64_t lost;
};

static void fragments_lost(void *to, const struct eg_fragments_lost *lost) {
    struct eg_datagrams *d = to;
    (void)lost;
    d->lost++;
}

struct eg_datagrams *eg_datagrams_new(void) {
    struct eg_datagrams *d = eg_calloc(1, sizeof *d);
    if (d) d->fragments = eg_fragments_new(fragments_lost, d);
    if (d && !d->fragments) {
        eg_free(d);
        return NULL;
    }
    return d;
}

void eg_datagrams_free(struct eg_datagrams *d) {
    if (!d) return;
    eg_fragments_free(d->fragments);
    eg_free(d);
}

uint64_t eg_datagrams_lost(struct eg_datagrams *d) {
    eg_fragments_drain(d->fragments);
    return d->lost;
}

enum eg_datagram_found eg_datagrams_take(struct eg_datagrams *d, const struct eg_batch *raw,
                                         uint32_t row, struct eg_datagram *out) {
    struct eg_row found;
    struct eg_span whole;
    switch (eg_row_take(raw, row, &found)) {
    case EG_ROW_FRAGMENT:
        if (!eg_fragments_add(d->fragments, &found.fragment, &whole)) return EG_DATAGRAM_WAIT;
        return eg_datagram_joined(&found.fragment, whole, out) ? EG_DATAGRAM_WHOLE
                                                               : EG_DATAGRAM_NONE;
    case EG_ROW_DATAGRAM:
        *out = found.datagram;
        if (!found.begun) return EG_DATAGRAM_NONE;
        return out->payload.size < out->length ? EG_DATAGRAM_CUT : EG_DATAGRAM_WHOLE;
    default: return EG_DATAGRAM_NONE;
    }
}
