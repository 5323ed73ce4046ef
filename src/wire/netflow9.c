/* SPDX-License-Identifier: Apache-2.0
 * NetFlow version 9. Source: RFC 3954.
 *
 *   header, 20 bytes               flowset                 what its id says
 *       0 │ version = 9 │ count │      0 │ id   │ length │    0     templates
 *       4 │ sysUptime: ms since boot   4 │ records …     │    1     templates of options
 *       8 │ wall clock, seconds        └──────┴──────────┘    256…  records of that template
 *      12 │ number of the datagram
 *      16 │ source id
 *
 * `count` is advisory: exporters count records, or flowsets, or neither. All flowsets are read. */
#include "base/alloc.h"
#include "wire/message.h"

enum { HEADER = 20, VERSION = 9, TEMPLATES = 0, OPTIONS = 1 };

struct eg_decoder {
    struct eg_book *book;
    struct eg_rows *rows; /* made when it is first asked to decode */
};

/* False: not even the header is there. */
static bool message_of(const struct eg_datagram *d, struct eg_message *m) {
    if (d->payload.size < HEADER) return false;
    uint32_t seconds = eg_be32(d->payload, 8);
    *m = (struct eg_message){
        .datagram = d,
        .source = "netflow9",
        .dialect = EG_DIALECT_NETFLOW9,
        .version = VERSION,
        .header_size = HEADER,
        .template_set = TEMPLATES,
        .options_set = OPTIONS,
        .uptime_ms = eg_be32(d->payload, 4),
        .has_uptime = true,
        .now_us = seconds * EG_SECOND_US,
        .sequence = eg_be32(d->payload, 12),
        .domain = eg_be32(d->payload, 16),
        .body = eg_span_from(d->payload, HEADER),
        .body_size = (d->length > d->payload.size ? d->length : (uint32_t)d->payload.size) - HEADER,
    };
    m->time_flag = eg_export_clock(d, &m->now_us);
    return true;
}

static enum eg_probe netflow9_probe(const struct eg_datagram *d) {
    if (eg_be16(d->payload, 0) != VERSION) return EG_PROBE_NO;
    struct eg_message m;
    if (!message_of(d, &m)) return EG_PROBE_MAYBE;
    bool clock = eg_export_clock_plausible(eg_be32(d->payload, 8), m.uptime_ms);
    bool some = m.body_size >= EG_SET_HEADER && d->payload.size == d->length;
    return clock && some && eg_message_covered(&m) ? EG_PROBE_YES : EG_PROBE_MAYBE;
}

static enum eg_status netflow9_open(const struct eg_env *env, const void *options,
                                    struct eg_book *book, struct eg_decoder **out,
                                    struct eg_error *err) {
    (void)env;
    (void)options;
    struct eg_decoder *self = eg_calloc(1, sizeof *self);
    if (!self) return eg_fail(err, EG_E_NOMEM, "no memory to decode NetFlow v9");
    self->book = book;
    *out = self;
    return EG_OK;
}

static void netflow9_learn(struct eg_decoder *self, const struct eg_datagram *d,
                           struct eg_sequence_note *note, struct eg_tally *tally) {
    struct eg_message m;
    *note = (struct eg_sequence_note){.source = "netflow9"};
    if (!message_of(d, &m)) return;
    bool open;
    eg_message_learn(&m, self->book, tally, &open);
    *note = (struct eg_sequence_note){.source = "netflow9",
                                      .domain = m.domain,
                                      .first = m.sequence,
                                      .count = 1,
                                      .boot_ms = eg_be32(d->payload, 8) * 1000 - m.uptime_ms,
                                      .present = true,
                                      .has_boot = true};
}

static void netflow9_decode(struct eg_decoder *self, const struct eg_datagram *d,
                            struct eg_out *out, struct eg_sequence_note *note) {
    struct eg_message m;
    *note = (struct eg_sequence_note){.source = "netflow9"};
    if (!message_of(d, &m)) {
        struct eg_blame blame = {"netflow9", &d->exporter, -1};
        enum eg_cause cause = d->length < HEADER ? EG_CAUSE_short_header : EG_CAUSE_datagram_cut;
        eg_tally_add(&out->tally, cause, &blame, d->time_us, 1, 1, d->length);
        return;
    }
    if (!self->rows) self->rows = eg_rows_new(self->book);
    if (self->rows)
        eg_message_decode(&m, self->rows, out);
    else
        out->tally.lost++;
}

static void netflow9_close(struct eg_decoder *self) {
    eg_rows_free(self->rows);
    eg_free(self);
}

const struct eg_decoder_type eg_decoder_netflow9 = {
    .abi = EG_STAGE_ABI,
    .name = "netflow9",
    .help = "NetFlow version 9, with templates and options",
    .options = (const struct eg_option[]){EG_OPTION_END},
    .probe = netflow9_probe,
    .open = netflow9_open,
    .learn = netflow9_learn,
    .decode = netflow9_decode,
    .close = netflow9_close,
};
