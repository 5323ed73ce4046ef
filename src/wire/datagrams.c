/* SPDX-License-Identifier: Apache-2.0
 * UDP datagrams out of raw rows. Sources: RFC 768, RFC 791 and 8200 for the fragments. */
#include "wire/datagrams.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "wire/dissect.h"
#include "wire/fragments.h"

#include <string.h>

#define KNOWN_MAX 8192u /* exporters that are recognised; a power of two */
#define DECODERS_MAX 16

enum { UDP = 17, UDP_HEADER = 8 };

/* ---- datagrams ---- */

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

static enum eg_datagram_found fragment_take(struct eg_datagrams *d, const struct eg_layers *layers,
                                            struct eg_datagram *out) {
    struct eg_fragment piece = {
        .src = layers->src,
        .dst = layers->dst,
        .id = layers->ip_id,
        .proto = layers->piece_proto,
        .more = layers->more_fragments,
        .offset = layers->fragment_offset,
        .length = layers->piece_length,
        .bytes = layers->piece,
        .time_us = out->time_us,
    };
    struct eg_span whole;
    if (piece.proto != UDP) return EG_DATAGRAM_NONE;
    if (!eg_fragments_add(d->fragments, &piece, &whole)) return EG_DATAGRAM_WAIT;
    uint32_t length = eg_be16(whole, 4);
    if (whole.size < UDP_HEADER || length < UDP_HEADER || length > whole.size)
        return EG_DATAGRAM_NONE;
    out->exporter_port = eg_be16(whole, 0);
    out->local_port = eg_be16(whole, 2);
    out->length = length - UDP_HEADER;
    out->payload = eg_span_sub(whole, UDP_HEADER, out->length);
    return EG_DATAGRAM_WHOLE;
}

static enum eg_datagram_found frame_take(struct eg_datagrams *d, int64_t link_type,
                                         struct eg_span frame, int64_t length,
                                         struct eg_datagram *out) {
    struct eg_layers layers;
    uint32_t wire = length < 0 || length > UINT32_MAX ? UINT32_MAX : (uint32_t)length;
    eg_dissect((uint32_t)link_type, frame, wire, &layers);
    out->exporter = layers.src;
    if (!(layers.has & EG_HAS_SRC)) return EG_DATAGRAM_NONE;
    if (layers.fragment) return fragment_take(d, &layers, out);
    if (layers.proto != UDP || !(layers.has & EG_HAS_PORTS) || !(layers.has & EG_HAS_PAYLOAD))
        return EG_DATAGRAM_NONE;
    out->exporter_port = layers.src_port;
    out->local_port = layers.dst_port;
    out->length = layers.datagram_length;
    out->payload = layers.payload;
    return out->payload.size < out->length ? EG_DATAGRAM_CUT : EG_DATAGRAM_WHOLE;
}

static int64_t number(const struct eg_batch *raw, uint32_t col, uint32_t row, int64_t otherwise) {
    return eg_batch_valid(raw, col, row) ? eg_col_int(&raw->columns[col], row) : otherwise;
}

enum eg_datagram_found eg_datagrams_take(struct eg_datagrams *d, const struct eg_batch *raw,
                                         uint32_t row, struct eg_datagram *out) {
    int64_t time_ns = number(raw, EG_COL(RAW, time_ns), row, INT64_MIN);
    int64_t link_type = number(raw, EG_COL(RAW, link_type), row, -1);
    int64_t length = number(raw, EG_COL(RAW, length), row, 0);
    struct eg_span bytes = eg_col_view(&raw->columns[EG_COL(RAW, payload)])[row];
    *out = (struct eg_datagram){
        .time_us = time_ns == INT64_MIN ? INT64_MIN : time_ns / 1000,
        .transport = UDP,
    };
    if (link_type >= 0) return frame_take(d, link_type, bytes, length, out);
    out->payload = bytes;
    out->length = (uint32_t)bytes.size;
    if (eg_batch_valid(raw, EG_COL(RAW, peer), row))
        out->exporter = eg_col_addr(&raw->columns[EG_COL(RAW, peer)])[row];
    out->exporter_port = (uint16_t)number(raw, EG_COL(RAW, peer_port), row, 0);
    out->local_port = (uint16_t)number(raw, EG_COL(RAW, local_port), row, 0);
    out->transport = (uint8_t)number(raw, EG_COL(RAW, transport), row, UDP);
    return length > (int64_t)bytes.size ? EG_DATAGRAM_CUT : EG_DATAGRAM_WHOLE;
}

/* ---- which of them are exports ---- */

struct known {
    struct eg_addr address;
    uint16_t port;
    bool used;
};

struct eg_export_judge {
    const struct eg_decoder_type *decoders[DECODERS_MAX];
    uint32_t decoder_count, known_count;
    struct known known[KNOWN_MAX];
};

struct eg_export_judge *eg_export_judge_new(void) {
    struct eg_export_judge *judge = eg_calloc(1, sizeof *judge);
    size_t count;
    const struct eg_stage *stages = eg_registry(&count);
    for (size_t i = 0; judge && i < count; i++)
        if (stages[i].kind == EG_STAGE_decoder && stages[i].type &&
            judge->decoder_count < DECODERS_MAX)
            judge->decoders[judge->decoder_count++] = stages[i].type;
    return judge;
}

void eg_export_judge_free(struct eg_export_judge *judge) { eg_free(judge); }

/* Where the exporter stands, or would. */
static struct known *known_slot(struct eg_export_judge *judge, const struct eg_datagram *d) {
    uint64_t hash = eg_hash64(&d->exporter, sizeof d->exporter, d->exporter_port);
    for (uint32_t slot = (uint32_t)(hash ^ hash >> 32) & (KNOWN_MAX - 1);;
         slot = (slot + 1) & (KNOWN_MAX - 1)) {
        struct known *k = &judge->known[slot];
        if (!k->used || (k->port == d->exporter_port &&
                         memcmp(&k->address, &d->exporter, sizeof d->exporter) == 0))
            return k;
    }
}

bool eg_export_judge(struct eg_export_judge *judge, const struct eg_datagram *d) {
    enum eg_probe best = EG_PROBE_NO;
    for (uint32_t i = 0; i < judge->decoder_count && best != EG_PROBE_YES; i++) {
        enum eg_probe answer = judge->decoders[i]->probe(d);
        if (answer > best) best = answer;
    }
    if (best == EG_PROBE_NO) return false;
    struct known *k = known_slot(judge, d);
    if (best == EG_PROBE_MAYBE) return k->used;
    if (!k->used && judge->known_count < KNOWN_MAX / 2) {
        *k = (struct known){d->exporter, d->exporter_port, true};
        judge->known_count++;
    }
    return true;
}
