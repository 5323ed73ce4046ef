/* SPDX-License-Identifier: Apache-2.0
 * Which datagrams are exports: every decoder is asked by content, and a datagram that only may be
 * one is believed where it came to a known port, or from where a certain one came before. */
#ifndef EG_WIRE_PROBES_H
#define EG_WIRE_PROBES_H

#include "table/stage.h"
#include "wire/exporters.h"

#define EG_DECODERS_MAX 16

struct eg_probes {
    const struct eg_decoder_type *types[EG_DECODERS_MAX]; /* the decoders of the registry */
    uint32_t count;
};
struct eg_probes eg_probes_all(void);

/* The best answer; *decoder: whose it is, unless it is NO. */
enum eg_probe eg_probes_ask(const struct eg_probes *, const struct eg_datagram *,
                            uint32_t *decoder);
/* Whether a datagram that got this answer is an export; `expected`: it came to a known port. From a
 * certain one its sender becomes known. */
bool eg_probes_believe(enum eg_probe, const struct eg_datagram *, bool expected,
                       struct eg_exporters *known);

#endif
