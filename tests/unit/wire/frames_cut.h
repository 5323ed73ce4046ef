/* SPDX-License-Identifier: Apache-2.0
 * Frames cut at every byte: what stands in front of the cut is what the whole frame says. */
#ifndef EG_TEST_FRAMES_CUT_H
#define EG_TEST_FRAMES_CUT_H

#include "frames.h"

/* What stands in front of the cut must be what the whole frame says. */
static inline void assert_prefix(const struct eg_layers *part, const struct eg_layers *whole) {
#define SAME(bit, member)                                                                          \
    if (part->has & EG_HAS_##bit)                                                                  \
    assert_memory_equal(&part->member, &whole->member, sizeof part->member)
    assert_int_equal(part->has & ~whole->has, 0);
    SAME(TUNNEL, tunnel);
    SAME(TUNNEL_ID, tunnel_id);
    SAME(OUTER, outer_src);
    SAME(OUTER, outer_dst);
    SAME(SRC_MAC, src_mac);
    SAME(DST_MAC, dst_mac);
    SAME(VLAN, vlan);
    SAME(IP_VERSION, ip_version);
    SAME(TOS, tos);
    SAME(IP_ID, ip_id);
    SAME(FRAGMENT, fragment_offset);
    SAME(FRAGMENT, more_fragments);
    SAME(DONT_FRAGMENT, dont_fragment);
    SAME(TTL, ttl);
    if (part->proto != 51) SAME(PROTO, proto); /* what is behind it may have been cut off */
    SAME(SRC, src);
    SAME(DST, dst);
    SAME(PORTS, src_port);
    SAME(PORTS, dst_port);
    SAME(TCP_SEQ, tcp_seq);
    SAME(TCP_ACK, tcp_ack);
    SAME(TCP_FLAGS, tcp_flags);
    SAME(TCP_WINDOW, tcp_window);
    SAME(ICMP, icmp_type);
    SAME(ICMP, icmp_code);
    SAME(PAYLOAD, payload_length);
    assert_true(part->mpls_count <= whole->mpls_count);
    assert_memory_equal(part->mpls, whole->mpls, part->mpls_count * sizeof *part->mpls);
    if (part->has == whole->has) return;
    /* a header that does not even fit the frame's length is bad, cut or not */
    bool bad = part->remarks & whole->remarks & EG_REMARK_HEADER_BAD;
    assert_true(part->remarks & EG_REMARK_FRAME_CUT || bad);
}

/* A trail lies in its frame, in order, and what stands in front of the cut is the same. */
static inline void assert_trails(const struct eg_trail *part, size_t size,
                                 const struct eg_trail *whole) {
    uint32_t end = 0;
    for (uint32_t i = 0; i < part->count; i++) {
        assert_true(part->at[i].offset >= end && part->at[i].size);
        end = part->at[i].offset + part->at[i].size;
        assert_true(end <= size);
        if (end == size || part->at[i].header == EG_HEADER_PAYLOAD) continue;
        assert_true(i < whole->count);
        assert_int_equal(part->at[i].header, whole->at[i].header);
        assert_int_equal(part->at[i].detail, whole->at[i].detail);
        assert_int_equal(part->at[i].offset, whole->at[i].offset);
        assert_int_equal(part->at[i].size, whole->at[i].size);
    }
}

/* The whole frame, from either side of its tunnels. */
struct seen {
    struct eg_layers layers, outermost;
    struct eg_trail trail;
    struct eg_span frame;
};

/* A cut may stand in front of what the tunnels of the whole frame hold. */
static inline void assert_part(const struct eg_layers *part, struct eg_span frame,
                               const struct seen *whole) {
    if (!(part->has & EG_HAS_OUTER)) {
        assert_prefix(part, whole->layers.has & EG_HAS_OUTER ? &whole->outermost : &whole->layers);
        return;
    }
    assert_true(whole->layers.has & EG_HAS_OUTER);
    if (part->ip.size && part->ip.at - frame.at == whole->layers.ip.at - whole->frame.at)
        assert_prefix(part, &whole->layers);
}

/* A frame, both ways, cut at every byte; answers how often. Each piece is a block of its own. */
static inline unsigned cut_everywhere(uint32_t link_type, struct eg_span frame, uint32_t wire) {
    struct eg_layers part, again;
    struct eg_trail trail;
    struct seen whole = {.frame = frame};
    unsigned prefixes = 0;
    eg_dissect_as(EG_VIEW_OUTERMOST, link_type, frame, wire, NULL, &whole.outermost);
    eg_dissect_as(EG_VIEW_INNERMOST, link_type, frame, wire, &whole.trail, &whole.layers);
    assert_trails(&whole.trail, frame.size, &whole.trail);
    size_t step = 1;
    for (size_t size = 0; size < frame.size; size += step) {
        uint8_t *block = malloc(size ? size : 1);
        memcpy(block, frame.at, size);
        struct eg_span cut = eg_span(block, size);
        eg_dissect_as(EG_VIEW_INNERMOST, link_type, cut, wire, &trail, &part);
        assert_part(&part, cut, &whole);
        assert_trails(&trail, size, &whole.trail);
        eg_dissect(link_type, cut, wire, &again);
        assert_memory_equal(&part, &again, offsetof(struct eg_layers, mpls));
        eg_dissect_as(EG_VIEW_OUTERMOST, link_type, cut, wire, NULL, &part);
        assert_prefix(&part, &whole.outermost);
        free(block);
        prefixes++;
        if (size >= 192) step = 97; /* no header is that deep, but the lengths go on */
    }
    return prefixes;
}

/* The whole packet behind some headers, which say nothing else when it is cut. */
static inline struct eg_layers whole_and_cut(uint32_t link_type, const char *hex) {
    struct eg_span frame = frame_of(hex);
    (void)cut_everywhere(link_type, frame, (uint32_t)frame.size);
    frame_free(frame);
    return layers_of(link_type, hex, 0);
}

#endif
