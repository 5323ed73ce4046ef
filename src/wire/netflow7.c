/* SPDX-License-Identifier: Apache-2.0
 * NetFlow version 7, of Catalyst 5000 switches; version 8, of aggregates, is recognised and counted.
 * Source: Cisco, "NetFlow Services Solutions Guide", version 7 and 8 formats.
 *
 *   header, 24 bytes: as version 5's first 20      record, 52 bytes: as version 5's first 36, and
 *   16 │ number of the first record                  36 │ which  │ flags  │protocol│ ToS    │
 *   20 │ reserved                                       │ fields │        │        │        │
 *                                                    40 │ source AS       │ destination AS  │
 *                                                    44 │src mask│dst mask│ which fields    │
 *                                                    48 │ router that the switch went round │
 *
 * The switch leaves fields it does not know 0, and says so in two fields of bits that no document
 * describes whole; they are not used. */
#include "wire/netflow_fixed.h"

enum { AGGREGATES = 8, AGGREGATES_HEADER = 28 };

static const struct eg_netflow_fixed layout = {.source = "netflow7",
                                               .version = 7,
                                               .header = 24,
                                               .record = 52,
                                               .count_max = 28,
                                               .sequence_at = 16,
                                               .tcp_flags_at = 37,
                                               .tos_at = 39,
                                               .as_at = 40,
                                               .mask_at = 44,
                                               .router_at = 48};

static enum eg_probe netflow7_probe(const struct eg_datagram *d) {
    if (eg_be16(d->payload, 0) == AGGREGATES)
        return d->payload.size >= AGGREGATES_HEADER ? EG_PROBE_MAYBE : EG_PROBE_NO;
    return eg_netflow_fixed_probe(&layout, d);
}

static void netflow7_decode(struct eg_decoder *self, const struct eg_datagram *d,
                            struct eg_out *out, struct eg_sequence_note *note) {
    (void)self;
    if (eg_be16(d->payload, 0) != AGGREGATES) {
        eg_netflow_fixed_decode(&layout, d, out, note);
        return;
    }
    struct eg_blame blame = {"netflow8", &d->exporter, -1};
    *note = (struct eg_sequence_note){.source = "netflow8"};
    eg_tally_add(&out->tally, EG_CAUSE_version_unsupported, &blame, d->time_us, 1, 1, d->length);
}

const struct eg_decoder_type eg_decoder_netflow7 = {
    .abi = EG_STAGE_ABI,
    .name = "netflow7",
    .help = "NetFlow version 7, of Catalyst switches; version 8 is recognised and counted",
    .options = (const struct eg_option[]){EG_OPTION_END},
    .probe = netflow7_probe,
    .open = eg_decoder_open_nop,
    .learn = eg_decoder_learn_nop,
    .decode = netflow7_decode,
    .close = eg_decoder_close_nop,
};
