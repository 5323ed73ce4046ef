/* SPDX-License-Identifier: Apache-2.0
 * Frames written as hexadecimal text. Each stands in a heap block of exactly its size, so that a
 * read past its end is seen by the sanitizers. */
#ifndef EG_TEST_FRAMES_H
#define EG_TEST_FRAMES_H

#include "wire/dissect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static inline int frame_nibble(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

/* Blanks are left out. The caller frees `at`. */
static inline struct eg_span frame_of(const char *hex) {
    uint8_t *bytes = malloc(strlen(hex) / 2 + 1);
    size_t size = 0;
    int high = -1;
    for (; *hex; hex++) {
        int nibble = frame_nibble(*hex);
        if (nibble < 0) continue;
        if (high < 0) {
            high = nibble;
        } else {
            bytes[size++] = (uint8_t)(high << 4 | nibble);
            high = -1;
        }
    }
    uint8_t *exact = malloc(size ? size : 1);
    memcpy(exact, bytes, size);
    free(bytes);
    return eg_span(exact, size);
}

static inline void frame_free(struct eg_span frame) { free((void *)(uintptr_t)frame.at); }

/* Takes the frame apart as if it had `wire` bytes (0: as many as there are). Spans of the result
 * must not be looked into. */
static inline struct eg_layers layers_of(uint32_t link_type, const char *hex, uint32_t wire) {
    struct eg_layers out;
    memset(&out, 0xa5, sizeof out); /* whatever a frame before it left */
    struct eg_span frame = frame_of(hex);
    eg_dissect(link_type, frame, wire ? wire : (uint32_t)frame.size, &out);
    frame_free(frame);
    return out;
}

/* Pieces to write frames with. */
#define MACS "0a0b0c0d0e0f 010203040506 "
#define IP4(total, proto) "4500" total "1234 4000 40" proto "0000 0a000001 0a000002 "
#define IP6(length, next)                                                                          \
    "60000000" length next "40 20010db8000000000000000000000001"                                   \
    "20010db8000000000000000000000002 "
#define UDP(length) "1f90 0035" length "0000 "
#define TCP "1f90 0050 00000001 00000002 5012 0400 0000 0000 "

/* A whole packet, and what it must say. */
#define UDP4 IP4("001d", "11") UDP("0009") "55"

static inline void assert_udp4(const struct eg_layers *layers) {
    assert_int_equal(layers->remarks, 0);
    assert_int_equal(layers->ip_version, 4);
    assert_int_equal(layers->proto, 17);
    assert_int_equal(layers->src.bytes[10], 0xff);
    assert_int_equal(layers->src.bytes[15], 1);
    assert_int_equal(layers->dst.bytes[15], 2);
    assert_true(layers->has & EG_HAS_PORTS);
    assert_int_equal(layers->src_port, 8080);
    assert_int_equal(layers->dst_port, 53);
    assert_int_equal(layers->payload_length, 1);
}

#endif
