/* SPDX-License-Identifier: Apache-2.0
 * Captures made byte by byte, for tests. */
#ifndef EG_MAKE_CAPTURE_H
#define EG_MAKE_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "numbers.h"

struct made {
    uint8_t *bytes;
    size_t size, room;
    bool big;
};

static inline void made_free(struct made *m) {
    free(m->bytes);
    *m = (struct made){0};
}

static inline void made_add(struct made *m, const void *bytes, size_t size) {
    while (m->size + size > m->room) {
        m->room = m->room ? m->room * 2 : 4096;
        m->bytes = realloc(m->bytes, m->room);
        if (!m->bytes) abort();
    }
    if (size && bytes)
        memcpy(m->bytes + m->size, bytes, size);
    else if (size)
        memset(m->bytes + m->size, 0, size);
    m->size += size;
}

static inline void made_number(struct made *m, uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++) {
        unsigned shift = 8 * (m->big ? bytes - 1 - i : i);
        uint8_t byte = (uint8_t)(value >> shift);
        made_add(m, &byte, 1);
    }
}
static inline void made_u16(struct made *m, unsigned value) { made_number(m, value, 2); }
static inline void made_u32(struct made *m, uint64_t value) { made_number(m, value, 4); }

/* Overwrites a number. */
static inline void made_set32(struct made *m, size_t at, uint32_t value) {
    size_t size = m->size;
    m->size = at;
    made_u32(m, value);
    m->size = size;
}

static inline void made_pcap_head(struct made *m, uint32_t magic, uint32_t snaplen, uint32_t link) {
    made_u32(m, magic);
    made_u16(m, 2);
    made_u16(m, 4);
    made_u32(m, 0);
    made_u32(m, 0);
    made_u32(m, snaplen);
    made_u32(m, link);
}

static inline void made_record(struct made *m, uint32_t seconds, uint32_t fraction,
                               uint32_t captured, uint32_t length, const void *payload) {
    made_u32(m, seconds);
    made_u32(m, fraction);
    made_u32(m, captured);
    made_u32(m, length);
    made_add(m, payload, captured);
}

static inline void made_block(struct made *m, uint32_t type, const struct made *body) {
    uint32_t size = (uint32_t)(body->size + 3) / 4 * 4 + 12;
    made_u32(m, type);
    made_u32(m, size);
    made_add(m, body->bytes, body->size);
    made_add(m, NULL, size - 12 - body->size);
    made_u32(m, size);
}

static inline void made_section(struct made *m, bool big) {
    m->big = big;
    struct made body = {.big = big};
    made_u32(&body, 0x1a2b3c4d);
    made_u16(&body, 1);
    made_u16(&body, 0);
    made_number(&body, UINT64_MAX, 8);
    made_block(m, 0x0a0d0d0a, &body);
    made_free(&body);
}

static inline void made_option(struct made *m, unsigned code, const void *value, unsigned size) {
    made_u16(m, code);
    made_u16(m, size);
    made_add(m, value, size);
    made_add(m, NULL, (4 - size % 4) % 4);
}

/* `options` may be NULL; it is not ended. */
static inline void made_interface(struct made *m, unsigned link, uint32_t snaplen,
                                  const struct made *options) {
    struct made body = {.big = m->big};
    made_u16(&body, link);
    made_u16(&body, 0);
    made_u32(&body, snaplen);
    if (options) {
        made_add(&body, options->bytes, options->size);
        made_u32(&body, 0);
    }
    made_block(m, 1, &body);
    made_free(&body);
}

static inline void made_packet(struct made *m, uint32_t interface, uint64_t stamp,
                               uint32_t captured, uint32_t length, const void *payload,
                               size_t payload_size) {
    struct made body = {.big = m->big};
    made_u32(&body, interface);
    made_u32(&body, stamp >> 32);
    made_u32(&body, stamp & 0xffffffff);
    made_u32(&body, captured);
    made_u32(&body, length);
    made_add(&body, payload, payload_size);
    made_block(m, 6, &body);
    made_free(&body);
}

static inline void made_simple(struct made *m, uint32_t length, const void *payload,
                               size_t payload_size) {
    struct made body = {.big = m->big};
    made_u32(&body, length);
    made_add(&body, payload, payload_size);
    made_block(m, 3, &body);
    made_free(&body);
}

static inline uint64_t made_random(uint64_t *state) { return xorshift_next(state); }

#endif
