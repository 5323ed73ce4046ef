/* SPDX-License-Identifier: Apache-2.0
 * What a dissected frame says, in the columns of one row of `flows`: for exporters that send a piece
 * of the packet itself (sFlow, IPFIX dataLinkFrameSection and ipHeaderPacketSection). */
#ifndef EG_WIRE_FLOW_LAYERS_H
#define EG_WIRE_FLOW_LAYERS_H

#include "wire/dissect.h"

/* Puts what was seen into the row that is being built, over what was put there before; columns of
 * what was not seen stay as they are. Packets and bytes are the caller's. */
void eg_flow_put_layers(struct eg_builder *, const struct eg_layers *);
/* Of these, the tunnel's alone. */
void eg_flow_put_tunnel(struct eg_builder *, const struct eg_layers *);
/* MPLS labels, top first, as the column mpls_labels has them. */
void eg_flow_put_labels(struct eg_builder *, const uint32_t *labels, uint32_t count);

#endif
