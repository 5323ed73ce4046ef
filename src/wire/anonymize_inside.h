/* SPDX-License-Identifier: Apache-2.0
 * A frame that is being anonymized, as it was and as it becomes, between anonymize.c and its parts. */
#ifndef EG_WIRE_ANONYMIZE_INSIDE_H
#define EG_WIRE_ANONYMIZE_INSIDE_H

#include "wire/anonymize.h"
#include "wire/dissect.h"

#include <string.h>

struct change {
    const struct eg_anonymizer *by;
    struct eg_span before;
    uint8_t *after; /* as many bytes */
    bool *blanked;  /* data of options that are not known became zeros; NULL: nobody asks */
};

/* ---- putting ---- */

static inline void put(const struct change *c, size_t at, const void *bytes, size_t size) {
    if (eg_span_has(c->before, at, size)) memcpy(c->after + at, bytes, size);
}

static inline void put16(const struct change *c, size_t at, uint16_t value) {
    uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};
    put(c, at, bytes, 2);
}

static inline void v4_put(const struct change *c, size_t at) {
    struct eg_addr addr = {.bytes = {[10] = 0xff, [11] = 0xff}};
    if (!eg_span_copy(c->before, at, addr.bytes + 12, 4)) return;
    addr = eg_address_map_ip(c->by->map, addr);
    put(c, at, addr.bytes + 12, 4);
}

static inline void v6_put(const struct change *c, size_t at) {
    struct eg_addr addr;
    if (!eg_span_copy(c->before, at, addr.bytes, 16)) return;
    addr = eg_address_map_ip(c->by->map, addr);
    put(c, at, addr.bytes, 16);
}

static inline void mac_put(const struct change *c, size_t at) {
    if (!eg_span_has(c->before, at, 6)) return;
    uint64_t mac = (uint64_t)eg_be16(c->before, at) << 32 | eg_be32(c->before, at + 2);
    mac = eg_address_map_mac(c->by->map, mac);
    put16(c, at, (uint16_t)(mac >> 32));
    put16(c, at + 2, (uint16_t)(mac >> 16));
    put16(c, at + 4, (uint16_t)mac);
}

/* A piece of a frame that the capture cut inside an address would show its beginning. */
static inline void blank(const struct change *c, size_t at, size_t size) {
    struct eg_span piece = eg_span_sub(c->before, at, size);
    if (piece.size) memset(c->after + at, 0, piece.size);
}

static inline void addresses_put(const struct change *c, size_t at, size_t width, size_t count) {
    for (size_t i = 0; i < count; i++, at += width) {
        if (!eg_span_has(c->before, at, width)) {
            blank(c, at, width * (count - i));
            return;
        }
        if (width == 4)
            v4_put(c, at);
        else if (width == 6)
            mac_put(c, at);
        else
            v6_put(c, at);
    }
}

/* ---- options; anonymize_options.c ---- */

/* Options between `at` and `end`; an extension header, and headers of tunnels, of so many bytes. */
void eg_ipv4_options_map(const struct change *, uint32_t at, uint32_t end);
void eg_tcp_options_map(const struct change *, uint32_t at, uint32_t end);
void eg_ipv6_extension_map(const struct change *, uint8_t number, uint32_t at, uint32_t size);
void eg_geneve_map(const struct change *, uint32_t at, uint32_t size);
void eg_gre_map(const struct change *, uint32_t at, uint32_t size);
void eg_icmp_objects_map(const struct change *, size_t at); /* if that is where they begin */

/* ---- link headers; anonymize_link.c ---- */

enum { EG_INFINIBAND_BYTES = 20 }; /* a queue's number and a global identifier */
void eg_infiniband_map(const struct change *, size_t at);

/* Maps what a link header of this kind (enum eg_link_header), `size` bytes of which were captured, says
 * of hosts, and blanks what is not understood of it. */
void eg_link_header_map(const struct change *, uint8_t kind, size_t at, size_t size);

/* Where the frame or packet behind such a header ends; SIZE_MAX: the header does not say. */
size_t eg_link_header_end(const struct change *, uint8_t kind, size_t at, size_t size);

#endif
