/* SPDX-License-Identifier: Apache-2.0
 * IPFIX. Source: RFC 7011.
 *
 *   header, 16 bytes                set                     what its id says
 *       0 │ version = 10 │ length │     0 │ id   │ length │    2     templates
 *       4 │ wall clock, seconds         4 │ records …     │    3     templates of options
 *       8 │ number of the first record  └──────┴──────────┘    256…  records of that template
 *      12 │ observation domain
 *
 * The number counts data records, those of options too. */
#include "base/alloc.h"
#include "wire/message.h"

enum { HEADER = 16, VERSION = 10, TEMPLATES = 2, OPTIONS = 3 };

struct eg_decoder {
    struct eg_book *book;
    struct eg_rows *rows; /* made when it is first asked to decode */
};

/* False: not even the header is there. What stands behind the message is none of it. */
static bool message_of(const struct eg_datagram *d, struct eg_message *m) {
    if (d->payload.size < HEADER) return false;
    uint32_t wire = d->length > d->payload.size ? d->length : (uint32_t)d->payload.size;
    uint32_t length = eg_be16(d->payload, 2);
    if (length < HEADER || length > wire) length = wire;
    *m = (struct eg_message){
        .datagram = d,
        .source = "ipfix",
        .dialect = EG_DIALECT_IPFIX,
        .version = VERSION,
        .header_size = HEADER,
        .template_set = TEMPLATES,
        .options_set = OPTIONS,
        .now_us = eg_be32(d->payload, 4) * EG_SECOND_US,
        .sequence = eg_be32(d->payload, 8),
        .domain = eg_be32(d->payload, 12),
        .body = eg_span_sub(d->payload, HEADER, length - HEADER),
        .body_size = length - HEADER,
    };
    m->time_flag = eg_export_clock(d, &m->now_us);
    return true;
}

static enum eg_probe ipfix_probe(const struct eg_datagram *d) {
    if (eg_be16(d->payload, 0) != VERSION) return EG_PROBE_NO;
    struct eg_message m;
    if (!message_of(d, &m)) return EG_PROBE_MAYBE;
    bool whole = eg_be16(d->payload, 2) == d->length && d->payload.size == d->length;
    bool clock = eg_time_plausible(eg_be32(d->payload, 4) * EG_SECOND_US);
    return whole && clock && m.body_size >= EG_SET_HEADER && eg_message_covered(&m)
               ? EG_PROBE_YES
               : EG_PROBE_MAYBE;
}

static enum eg_status ipfix_open(const struct eg_env *env, const void *options,
                                 struct eg_book *book, struct eg_decoder **out,
                                 struct eg_error *err) {
    (void)env;
    (void)options;
    struct eg_decoder *self = eg_calloc(1, sizeof *self);
    if (!self) return eg_fail(err, EG_E_NOMEM, "no memory to decode IPFIX");
    self->book = book;
    *out = self;
    return EG_OK;
}

static void ipfix_learn(struct eg_decoder *self, const struct eg_datagram *d,
                        struct eg_sequence_note *note, struct eg_tally *tally) {
    struct eg_message m;
    *note = (struct eg_sequence_note){.source = "ipfix"};
    if (!message_of(d, &m)) return;
    bool open;
    uint32_t records = eg_message_learn(&m, self->book, tally, &open);
    *note = (struct eg_sequence_note){.source = "ipfix",
                                      .domain = m.domain,
                                      .first = m.sequence,
                                      .count = records,
                                      .present = true,
                                      .open = open};
}

static void count(const struct eg_message *m, struct eg_out *out, enum eg_cause cause,
                  int64_t bytes) {
    struct eg_blame blame = eg_message_blame(m);
    eg_tally_add(&out->tally, cause, &blame, m->datagram->time_us, 1, 1, bytes);
}

static void check_length(const struct eg_message *m, struct eg_out *out) {
    const struct eg_datagram *d = m->datagram;
    uint32_t length = eg_be16(d->payload, 2);
    uint32_t wire = d->length > d->payload.size ? d->length : (uint32_t)d->payload.size;
    if (length == wire) return;
    count(m, out, EG_CAUSE_message_length_bad,
          length < wire && length >= HEADER ? wire - length : 0);
}

static void ipfix_decode(struct eg_decoder *self, const struct eg_datagram *d, struct eg_out *out,
                         struct eg_sequence_note *note) {
    struct eg_message m;
    *note = (struct eg_sequence_note){.source = "ipfix"};
    if (!message_of(d, &m)) {
        struct eg_blame blame = {"ipfix", &d->exporter, -1};
        enum eg_cause cause = d->length < HEADER ? EG_CAUSE_short_header : EG_CAUSE_datagram_cut;
        eg_tally_add(&out->tally, cause, &blame, d->time_us, 1, 1, d->length);
        return;
    }
    check_length(&m, out);
    if (!self->rows) self->rows = eg_rows_new(self->book);
    if (self->rows)
        eg_message_decode(&m, self->rows, out);
    else
        out->tally.lost++;
}

static void ipfix_close(struct eg_decoder *self) {
    eg_rows_free(self->rows);
    eg_free(self);
}

const struct eg_decoder_type eg_decoder_ipfix = {
    .abi = EG_STAGE_ABI,
    .name = "ipfix",
    .help = "IPFIX (RFC 7011), over UDP, TCP and from files of messages",
    .options = (const struct eg_option[]){EG_OPTION_END},
    .probe = ipfix_probe,
    .open = ipfix_open,
    .learn = ipfix_learn,
    .decode = ipfix_decode,
    .close = ipfix_close,
};
