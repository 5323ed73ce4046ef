/* SPDX-License-Identifier: Apache-2.0
 * Link headers in front of one packet: each is taken off whole and cut anywhere, and what holds no packet
 * says so. */
#ifndef EG_TEST_LINK_SCENE_H
#define EG_TEST_LINK_SCENE_H

#include "frames_cut.h"

struct link_frame {
    uint32_t link_type;
    const char *frame; /* hex */
    uint32_t remarks;  /* of one without a packet */
};

/* Behind each of them stands UDP4. */
static inline void assert_packet_behind(const struct link_frame *frames, size_t count) {
    for (size_t i = 0; i < count; i++) {
        assert_true(eg_link_supported(frames[i].link_type));
        struct eg_layers got = whole_and_cut(frames[i].link_type, frames[i].frame);
        assert_udp4(&got);
    }
}

/* None of them holds IP. */
static inline void assert_no_packet_behind(const struct link_frame *frames, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct eg_layers got = whole_and_cut(frames[i].link_type, frames[i].frame);
        assert_int_equal(got.remarks, frames[i].remarks);
        assert_false(got.has & (EG_HAS_IP_VERSION | EG_HAS_SRC | EG_HAS_PROTO));
    }
}

#define LINK_FRAMES(list) (list), sizeof(list) / sizeof *(list)

#endif
