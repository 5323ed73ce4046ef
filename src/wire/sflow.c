/* SPDX-License-Identifier: Apache-2.0
 * sFlow version 5. Source: "sFlow Version 5", sflow.org, July 2004, with the structure numbers
 * registered there since; versions 2 and 4 (RFC 3176) are recognised and counted.
 *
 *   datagram, all of it in units of 4 bytes          sample
 *    0 │ version: 5                                   0 │ enterprise, 20 bits │ format, 12 bits
 *    4 │ type of the agent's address (1: 4, 2: 16)    4 │ length of what follows
 *    8 │ the address                                  8 │ flow: sequence, source, rate, …, records
 *      │ sub-agent                                      │ counters: sequence, source, records
 *      │ number of this datagram                      record
 *      │ sysUptime, ms                                0 │ enterprise, 20 bits │ format, 12 bits
 *      │ how many samples follow                      4 │ length of what follows
 *
 * Everything has a length, and what is not known is passed over by it. A length that is no multiple
 * of 4 is padded, as XDR has it. No count and no length is believed beyond the bytes that are there:
 * nothing is allocated by one, and a loop over one ends with the bytes. */
#include "wire/sflow.h"

#include "base/alloc.h"

enum { VERSION = 5, HEADER_MIN = 28, SAMPLE_MIN = 8, ADDRESS_NONE = 0, ADDRESS_V4, ADDRESS_V6 };
enum { FLOW = 1, COUNTERS = 2, FLOW_EXPANDED = 3, COUNTERS_EXPANDED = 4 };

struct eg_decoder {
    struct eg_strbuf text;
};

struct header {
    uint32_t version, address_type;
    struct eg_addr agent;
    uint32_t domain, sequence, uptime_ms, samples;
};

bool eg_sflow_take_address(struct eg_cursor *c, struct eg_addr *out) {
    *out = (struct eg_addr){{0}};
    uint32_t type = eg_take_be32(c);
    if (type == ADDRESS_V4) {
        struct eg_span bytes = eg_take(c, 4);
        if (eg_be32(bytes, 0)) {
            out->bytes[10] = out->bytes[11] = 0xff;
            (void)eg_span_copy(bytes, 0, out->bytes + 12, 4);
        }
    } else if (type == ADDRESS_V6) {
        (void)eg_span_copy(eg_take(c, 16), 0, out->bytes, 16);
    } else if (type != ADDRESS_NONE) {
        c->cut = true; /* its size is not known, so neither is what follows */
    }
    return !c->cut;
}

/* False: not all of it is there, or its address is of a kind that is none. */
static bool header_take(struct eg_cursor *c, struct header *h) {
    h->version = eg_take_be32(c);
    if (!eg_sflow_take_address(c, &h->agent)) return false;
    h->domain = eg_take_be32(c);
    h->sequence = eg_take_be32(c);
    h->uptime_ms = eg_take_be32(c);
    h->samples = eg_take_be32(c);
    return !c->cut;
}

/* A sample or a record: false where there is none, or not all of it is (c->cut). */
static bool block_take(struct eg_cursor *c, uint32_t *format, struct eg_span *body) {
    if (!eg_cursor_left(c)) return false;
    *format = eg_take_be32(c);
    uint32_t size = eg_take_be32(c);
    *body = eg_take(c, size);
    if (c->cut) return false;
    size_t padding = -size & 3, left = eg_cursor_left(c);
    eg_skip(c, padding < left ? padding : left);
    return true;
}

/* YES needs the lengths of all samples to meet the end exactly. */
static enum eg_probe sflow_probe(const struct eg_datagram *d) {
    if (d->payload.size < 8) return EG_PROBE_NO;
    uint32_t version = eg_be32(d->payload, 0), address = eg_be32(d->payload, 4);
    if (version != VERSION && version != 4 && version != 2) return EG_PROBE_NO;
    if (address != ADDRESS_V4 && address != ADDRESS_V6) return EG_PROBE_NO;
    struct eg_cursor c = eg_cursor_of(d->payload);
    struct header h;
    if (version != VERSION || !header_take(&c, &h) || d->length != d->payload.size)
        return EG_PROBE_MAYBE;
    uint32_t format, samples = 0;
    for (struct eg_span body; samples < h.samples && block_take(&c, &format, &body);) samples++;
    return samples == h.samples && !c.cut && !eg_cursor_left(&c) ? EG_PROBE_YES : EG_PROBE_MAYBE;
}

/* ---- counting ---- */

void eg_sflow_count(const struct eg_sflow *s, enum eg_cause cause, int64_t records, int64_t packets,
                    int64_t bytes) {
    struct eg_blame blame = {"sflow", &s->datagram->exporter, s->domain};
    eg_tally_add(&s->out->tally, cause, &blame, s->datagram->time_us, records, packets, bytes);
}

/* Why decoding ended before the header's count of samples. */
static void count_end(const struct eg_sflow *s, const struct eg_cursor *c, uint32_t claimed,
                      uint32_t done) {
    const struct eg_datagram *d = s->datagram;
    /* a count that the datagram has no room for says nothing of how many were lost */
    bool possible = claimed <= d->length / SAMPLE_MIN;
    uint32_t lost = possible ? claimed - done : 0;
    if (d->payload.size < d->length && lost)
        eg_sflow_count(s, EG_CAUSE_datagram_cut, lost, 1, 0);
    else if (c->cut)
        eg_sflow_count(s, EG_CAUSE_set_length_bad, lost ? lost : 1, 1, 0);
    else if (claimed != done)
        eg_sflow_count(s, EG_CAUSE_count_mismatch, lost, 1, 0);
    else if (eg_cursor_left(c))
        eg_sflow_count(s, EG_CAUSE_trailing_bytes, 0, 1, (int64_t)eg_cursor_left(c));
}

/* ---- records ---- */

bool eg_sflow_record(const struct eg_sflow *s, struct eg_cursor *c, uint32_t *format,
                     struct eg_span *body) {
    if (block_take(c, format, body)) return true;
    if (c->cut) eg_sflow_count(s, EG_CAUSE_record_cut, 1, 1, 0);
    return false;
}

void eg_sflow_records_end(const struct eg_sflow *s, const struct eg_cursor *c, uint32_t missing) {
    if (c->cut) return; /* counted */
    if (missing) eg_sflow_count(s, EG_CAUSE_count_mismatch, 0, 1, 0);
    size_t left = eg_cursor_left(c);
    if (left) eg_sflow_count(s, EG_CAUSE_trailing_bytes, 0, 1, (int64_t)left);
}

struct eg_span eg_sflow_take_text(struct eg_cursor *c) {
    uint32_t size = eg_take_be32(c);
    struct eg_span text = eg_take(c, size);
    size_t padding = -size & 3, left = eg_cursor_left(c);
    eg_skip(c, padding < left ? padding : left);
    return text;
}

/* ---- the datagram ---- */

static void decode_sample(const struct eg_sflow *s, uint32_t format, struct eg_span sample) {
    switch (format) {
    case FLOW:
    case FLOW_EXPANDED: eg_sflow_flow_sample(s, sample, format == FLOW_EXPANDED); break;
    case COUNTERS:
    case COUNTERS_EXPANDED: eg_sflow_counter_sample(s, sample, format == COUNTERS_EXPANDED); break;
    default: eg_sflow_count(s, EG_CAUSE_sample_unknown, 1, 1, 0);
    }
}

/* A datagram that gives nothing: of another version, or without a whole header. */
static void count_whole(const struct eg_sflow *s, const struct header *h) {
    const struct eg_datagram *d = s->datagram;
    enum eg_cause cause = EG_CAUSE_short_header;
    if (h->version != VERSION && d->payload.size >= 8)
        cause = h->version == 4 || h->version == 2 ? EG_CAUSE_version_unsupported
                                                   : EG_CAUSE_version_unknown;
    else if (h->address_type > ADDRESS_V6)
        cause = EG_CAUSE_version_unknown;
    else if (d->payload.size < d->length)
        cause = EG_CAUSE_datagram_cut;
    eg_sflow_count(s, cause, 1, 1, d->length);
}

static void sflow_decode(struct eg_decoder *self, const struct eg_datagram *d, struct eg_out *out,
                         struct eg_sequence_note *note) {
    *note = (struct eg_sequence_note){.source = "sflow"};
    struct eg_sflow s = {.datagram = d, .out = out, .text = &self->text, .domain = -1};
    struct eg_cursor c = eg_cursor_of(d->payload);
    struct header h = {.version = eg_be32(d->payload, 0), .address_type = eg_be32(d->payload, 4)};
    if (h.version != VERSION || !header_take(&c, &h)) {
        count_whole(&s, &h);
        return;
    }
    static const struct eg_addr unknown;
    s.domain = h.domain;
    s.sequence = h.sequence;
    s.agent = h.agent;
    s.relayed = memcmp(&h.agent, &unknown, sizeof unknown) != 0 &&
                memcmp(&h.agent, &d->exporter, sizeof h.agent) != 0;
    uint32_t done = 0, format;
    for (struct eg_span sample; done < h.samples && block_take(&c, &format, &sample); done++)
        decode_sample(&s, format, sample);
    count_end(&s, &c, h.samples, done);
    *note = (struct eg_sequence_note){
        .source = "sflow", .domain = h.domain, .first = h.sequence, .count = 1, .present = true};
}

/* ---- the stage ---- */

static enum eg_status sflow_open(const struct eg_env *env, const void *options,
                                 struct eg_book *book, struct eg_decoder **out,
                                 struct eg_error *err) {
    (void)env, (void)options, (void)book;
    struct eg_decoder *self = eg_calloc(1, sizeof *self);
    if (!self) return eg_fail(err, EG_E_NOMEM, "no memory to decode sFlow");
    *out = self;
    return EG_OK;
}

static void sflow_close(struct eg_decoder *self) {
    eg_strbuf_reset(&self->text);
    eg_free(self);
}

const struct eg_decoder_type eg_decoder_sflow = {
    .abi = EG_STAGE_ABI,
    .name = "sflow",
    .help = "sFlow version 5: sampled packets and interface counters of switches and hosts",
    .options = (const struct eg_option[]){EG_OPTION_END},
    .probe = sflow_probe,
    .open = sflow_open,
    .learn = eg_decoder_learn_nop,
    .decode = sflow_decode,
    .close = sflow_close,
};
