/* SPDX-License-Identifier: Apache-2.0
 * Link headers, tags, labels; and every frame of the shared captures cut at every byte. */
#include "wire/dissect.h"

#include "frames.h"
#include "table/stage.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

static void test_ethernet(void **state) {
    (void)state;
    struct eg_layers got = layers_of(EG_LINK_ETHERNET, MACS "0800" UDP4, 0);
    assert_udp4(&got);
    assert_true(got.dst_mac == 0x0a0b0c0d0e0f);
    assert_true(got.src_mac == 0x010203040506);
    assert_false(got.has & (EG_HAS_VLAN | EG_HAS_MPLS));

    got = layers_of(EG_LINK_ETHERNET, MACS "0806 00010800", 0); /* ARP */
    assert_int_equal(got.remarks, 0);
    assert_int_equal(got.has, EG_HAS_SRC_MAC | EG_HAS_DST_MAC);
    got = layers_of(EG_LINK_ETHERNET, "0a0b0c0d0e0f 0102", 60);
    assert_int_equal(got.remarks, EG_REMARK_FRAME_CUT);
    assert_int_equal(got.has, EG_HAS_DST_MAC);
    assert_true(got.src_mac == 0);
}

static void test_nothing_is_left_of_the_frame_before(void **state) {
    (void)state;
    struct eg_layers layers;
    struct eg_span full = frame_of(MACS "8100 0007 8847 0001 0140 " UDP4);
    eg_dissect(EG_LINK_ETHERNET, full, (uint32_t)full.size, &layers);
    assert_int_equal(layers.vlan, 7);
    assert_int_equal(layers.mpls_count, 1);
    eg_dissect(EG_LINK_ETHERNET, eg_span(full.at, 0), 0, &layers);
    struct eg_layers empty;
    memset(&empty, 0, sizeof empty);
    empty.remarks = EG_REMARK_HEADER_BAD;
    assert_memory_equal(&layers, &empty, offsetof(struct eg_layers, mpls));
    frame_free(full);
}

static void test_wire_length_below_the_captured_one(void **state) {
    (void)state;
    struct eg_layers got = layers_of(EG_LINK_ETHERNET, MACS "0800" UDP4, 3);
    assert_udp4(&got);
}

/* ---- every frame of the shared captures, cut at every byte ---- */

struct sweep {
    unsigned captures, frames, prefixes;
};

/* What stands in front of the cut must be what the whole frame says. */
static void assert_prefix(const struct eg_layers *part, const struct eg_layers *whole) {
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
static void assert_trails(const struct eg_trail *part, size_t size, const struct eg_trail *whole) {
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
static void assert_part(const struct eg_layers *part, struct eg_span frame,
                        const struct seen *whole) {
    if (!(part->has & EG_HAS_OUTER)) {
        assert_prefix(part, whole->layers.has & EG_HAS_OUTER ? &whole->outermost : &whole->layers);
        return;
    }
    assert_true(whole->layers.has & EG_HAS_OUTER);
    if (part->ip.size && part->ip.at - frame.at == whole->layers.ip.at - whole->frame.at)
        assert_prefix(part, &whole->layers);
}

static void sweep_frame(uint32_t link_type, struct eg_span frame, uint32_t wire,
                        struct sweep *sweep) {
    struct eg_layers part, again;
    struct eg_trail trail;
    struct seen whole = {.frame = frame};
    eg_dissect_as(EG_VIEW_OUTERMOST, link_type, frame, wire, NULL, &whole.outermost);
    eg_dissect_as(EG_VIEW_INNERMOST, link_type, frame, wire, &whole.trail, &whole.layers);
    assert_trails(&whole.trail, frame.size, &whole.trail);
    sweep->frames++;
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
        sweep->prefixes++;
        if (size >= 192) step = 97; /* no header is that deep, but the lengths go on */
    }
}

static void sweep_batch(const struct eg_batch *raw, struct sweep *sweep) {
    const int32_t *links = eg_col_i32(&raw->columns[EG_COL(RAW, link_type)]);
    const int64_t *lengths = eg_col_i64(&raw->columns[EG_COL(RAW, length)]);
    const struct eg_span *frames = eg_col_view(&raw->columns[EG_COL(RAW, payload)]);
    for (uint32_t row = 0; row < raw->rows && row < 60; row++)
        sweep_frame((uint32_t)links[row], frames[row], (uint32_t)lengths[row], sweep);
}

/* The first frames of a capture, read as the program reads it. */
static void sweep_capture(const char *path, struct sweep *sweep) {
    const struct eg_source_type *type = eg_registry_find(EG_STAGE_source, "file")->type;
    void *options = calloc(1, type->options_size ? type->options_size : 1);
    assert_int_equal(eg_options_preset(type->options, options, NULL), EG_OK);
    struct eg_source *source;
    struct eg_tally tally = {0};
    if (type->open(&eg_env_plain, path, options, &source, NULL) >= 0) {
        struct eg_plan plan;
        struct eg_batch *raw;
        if (type->plan(source, NULL, 0, &plan, NULL) >= 0 &&
            type->next(source, 0, &raw, &tally, NULL) == EG_OK) {
            sweep_batch(raw, sweep);
            sweep->captures++;
            eg_batch_unref(raw);
        }
        type->close(source);
    }
    eg_tally_reset(&tally);
    eg_options_reset(type->options, options);
    free(options);
}

static void sweep_directory(const char *path, struct sweep *sweep) {
    DIR *directory = opendir(path);
    if (!directory) return;
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] == '.') continue;
        char inside[1200];
        snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        struct stat is;
        if (stat(inside, &is) != 0) continue;
        if (S_ISDIR(is.st_mode))
            sweep_directory(inside, sweep);
        else if (strstr(entry->d_name, ".pcap") || strstr(entry->d_name, ".cap"))
            sweep_capture(inside, sweep);
    }
    closedir(directory);
}

static void test_captures_cut_at_every_byte(void **state) {
    (void)state;
    const char *shared = getenv("EG_SHARED");
    char path[1100];
    struct sweep sweep = {0};
    snprintf(path, sizeof path, "%s/data/packets", shared ? shared : "../shared");
    sweep_directory(path, &sweep);
    snprintf(path, sizeof path, "%s/data/flow-export", shared ? shared : "../shared");
    sweep_directory(path, &sweep);
    if (sweep.captures == 0) {
        const char *ci = getenv("CI");
        if (ci && strcmp(ci, "true") == 0) fail_msg("no captures at %s", path);
        print_message("no captures at %s (EG_SHARED names another place)\n", path);
        skip();
    }
    print_message("%u captures, %u frames, %u prefixes\n", sweep.captures, sweep.frames,
                  sweep.prefixes);
    assert_true(sweep.captures > 300 && sweep.frames > 3000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ethernet),
        cmocka_unit_test(test_nothing_is_left_of_the_frame_before),
        cmocka_unit_test(test_wire_length_below_the_captured_one),
        cmocka_unit_test(test_captures_cut_at_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
