/* SPDX-License-Identifier: Apache-2.0
 * NetFlow version 1. Source: Cisco, "NetFlow Services Solutions Guide", version 1 formats.
 *
 *   header, 16 bytes: as version 5's first 16      record, 48 bytes: as version 5's first 36, and
 *    0 │ version: 1    │ records that follow         36 │ padding        │protocol│ ToS    │
 *    4 │ sysUptime, ms                               40 │ flags  │ padding and reserved, 7 bytes
 *    8 │ wall clock, seconds
 *   12 │ wall clock, nanoseconds
 *
 * It numbers nothing, so what is lost on the way cannot be told. */
#include "wire/netflow_fixed.h"

static const struct eg_netflow_fixed layout = {.source = "netflow1",
                                               .version = 1,
                                               .header = 16,
                                               .record = 48,
                                               .count_max = 24,
                                               .tcp_flags_at = 40,
                                               .tos_at = 39};

static enum eg_probe netflow1_probe(const struct eg_datagram *d) {
    return eg_netflow_fixed_probe(&layout, d);
}

static void netflow1_decode(struct eg_decoder *self, const struct eg_datagram *d,
                            struct eg_out *out, struct eg_sequence_note *note) {
    (void)self;
    eg_netflow_fixed_decode(&layout, d, out, note);
}

const struct eg_decoder_type eg_decoder_netflow1 = {
    .abi = EG_STAGE_ABI,
    .name = "netflow1",
    .help = "NetFlow version 1, the first",
    .options = (const struct eg_option[]){EG_OPTION_END},
    .probe = netflow1_probe,
    .open = eg_decoder_open_nop,
    .learn = eg_decoder_learn_nop,
    .decode = netflow1_decode,
    .close = eg_decoder_close_nop,
};
