/* SPDX-License-Identifier: Apache-2.0
 * The steps of eg_dissect, one a layer; nobody else calls them. */
#ifndef EG_WIRE_DISSECT_STEPS_H
#define EG_WIRE_DISSECT_STEPS_H

#include "wire/dissect.h"

/* What is left of a frame, from the layer at hand on: the bytes there are, and how many there were
 * on the wire. wire >= span.size always. */
struct eg_rest {
    struct eg_span span;
    uint32_t wire;
};

static inline void eg_rest_skip(struct eg_rest *rest, uint32_t size) {
    rest->span = eg_span_from(rest->span, size);
    rest->wire -= size < rest->wire ? size : rest->wire;
}
/* Cuts the rest to what a length field says it has. */
static inline void eg_rest_bound(struct eg_rest *rest, uint32_t wire) {
    if (wire >= rest->wire) return;
    rest->wire = wire;
    rest->span = eg_span_sub(rest->span, 0, wire);
}
/* Are `size` bytes there? If not: the frame was cut, or it never had them and a length lied (but a
 * fragment may be as small as it likes). */
static inline bool eg_rest_has(const struct eg_rest *rest, uint32_t size, struct eg_layers *out) {
    if (__builtin_expect(rest->span.size >= size, 1)) return true;
    bool cut = rest->wire > rest->span.size;
    if (rest->wire >= size || (cut && out->fragment))
        out->remarks |= EG_REMARK_FRAME_CUT;
    else if (!out->fragment)
        out->remarks |= EG_REMARK_HEADER_BAD;
    return false;
}

void eg_dissect_ipv4(struct eg_rest rest, struct eg_layers *out);
void eg_dissect_ipv6(struct eg_rest rest, struct eg_layers *out);
/* `rest` is what the IP length says, behind the IP headers. */
void eg_dissect_transport(uint8_t proto, struct eg_rest rest, struct eg_layers *out);

#endif
