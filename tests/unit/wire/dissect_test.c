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

#define UDP4 IP4("001d", "11") UDP("0009") "55"

static void assert_udp4(const struct eg_layers *layers) {
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

static void test_other_links(void **state) {
    (void)state;
    static const struct {
        uint32_t link_type;
        const char *frame;
    } good[] = {
        {EG_LINK_NULL, "02000000" UDP4},
        {EG_LINK_NULL, "00000002" UDP4},
        {EG_LINK_NULL, "0f000800" UDP4}, /* an EtherType behind something */
        {EG_LINK_LOOP, "00000002" UDP4},
        {EG_LINK_RAW, UDP4},
        {EG_LINK_RAW_BSD, UDP4},
        {EG_LINK_RAW_OPENBSD, UDP4},
        {EG_LINK_IPV4, UDP4},
        {EG_LINK_PPP, "ff03 0021" UDP4},
        {EG_LINK_PPP, "ff03 21" UDP4},
        {EG_LINK_PPP, "0021" UDP4},
        {EG_LINK_PPP, "21" UDP4},
        {EG_LINK_PPP, "0f00 0800" UDP4},
        {EG_LINK_PPP_HDLC, "ff03 0021" UDP4},
        {EG_LINK_PPP_HDLC, "8f00 0800" UDP4},
        {EG_LINK_PPP_HDLC, "ff03 0281 00010140" UDP4},
        {EG_LINK_SLL, "0000 0001 0006 010203040506 0000 0800" UDP4},
        {EG_LINK_SLL, "0000 0001 0006 010203040506 0000 8100 0064 0800" UDP4},
        {EG_LINK_SLL, "0000 0001 0006 010203040506 0000 0004 aaaa03 000000 0800" UDP4},
        {EG_LINK_SLL2, "0800 0000 00000003 0001 00 06 0102030405060000" UDP4},
        {EG_LINK_ETHERNET, MACS "0025 aaaa03 000000 0800" UDP4},
        {EG_LINK_ETHERNET, MACS "0020 060603" UDP4},
        {EG_LINK_ETHERNET, MACS "8100 0064 0025 aaaa03 0000f8 0800" UDP4},
        {EG_LINK_MPLS, "00064040 000c8140" UDP4},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(eg_link_supported(good[i].link_type));
        struct eg_layers got = layers_of(good[i].link_type, good[i].frame, 0);
        assert_udp4(&got);
    }
    struct eg_layers got = layers_of(EG_LINK_SLL, good[16].frame, 0);
    assert_true(got.src_mac == 0x010203040506 && !(got.has & EG_HAS_DST_MAC));
    got = layers_of(EG_LINK_SLL2, good[19].frame, 0);
    assert_true(got.src_mac == 0x010203040506);

    static const char *const families[] = {"1c000000", "1e000000", "18000000", "0000000a"};
    for (size_t i = 0; i < 4; i++) {
        char frame[300];
        snprintf(frame, sizeof frame, "%s%s", families[i], IP6("0008", "11") UDP("0008"));
        got = layers_of(EG_LINK_NULL, frame, 0);
        assert_int_equal(got.ip_version, 6);
        assert_int_equal(got.dst_port, 53);
    }
    got = layers_of(EG_LINK_IPV6, IP6("0008", "11") UDP("0008"), 0);
    assert_int_equal(got.ip_version, 6);
}

static void test_frames_without_ip_are_no_trouble(void **state) {
    (void)state;
    static const struct {
        uint32_t link_type;
        const char *frame;
    } other[] = {
        {EG_LINK_NULL, "07000000 4500"},                             /* another family */
        {EG_LINK_PPP, "ff03 c021 0100"},                             /* LCP */
        {EG_LINK_SLL, "0004 0338 0000 0000000000000000 0800 4500"},  /* netlink */
        {EG_LINK_SLL, "0000 0001 0006 010203040506 0000 0001 ffff"}, /* raw 802.3 */
        {EG_LINK_ETHERNET, MACS "0003 424203"},                      /* spanning tree */
        {EG_LINK_ETHERNET, MACS "0008 aaaa03 00000c 2000"},          /* somebody's SNAP */
        {EG_LINK_ETHERNET, MACS "05ee 4500"},                        /* not length, not type */
        {EG_LINK_ETHERNET, MACS "8847 00010140 00"},                 /* no IP in the labels */
    };
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        struct eg_layers got = layers_of(other[i].link_type, other[i].frame, 0);
        assert_int_equal(got.remarks, 0);
        assert_false(got.has & (EG_HAS_IP_VERSION | EG_HAS_SRC | EG_HAS_PROTO));
    }
}

static void test_link_type_that_is_not_taken_apart(void **state) {
    (void)state;
    static const uint32_t links[] = {105, 127, 147, 4711, UINT32_MAX};
    for (size_t i = 0; i < 5; i++) {
        assert_false(eg_link_supported(links[i]));
        struct eg_layers got = layers_of(links[i], MACS "0800" UDP4, 0);
        assert_int_equal(got.remarks, EG_REMARK_LINK_TYPE_UNSUPPORTED);
        assert_int_equal(got.has, 0);
    }
}

static void test_vlan_tags(void **state) {
    (void)state;
    struct eg_layers got = layers_of(EG_LINK_ETHERNET, MACS "8100 e064 0800" UDP4, 0);
    assert_udp4(&got);
    assert_int_equal(got.vlan, 100); /* without priority */
    got = layers_of(EG_LINK_ETHERNET, MACS "88a8 00c8 8100 0064 0800" UDP4, 0);
    assert_udp4(&got);
    assert_int_equal(got.vlan, 200); /* the outermost */
    got = layers_of(EG_LINK_ETHERNET, MACS "9100 0001 9200 0002 9300 0003 0800" UDP4, 0);
    assert_udp4(&got);

    /* eight are followed, nine are not */
    const char *tag = "8100 0001 ";
    char frame[400] = MACS;
    for (int i = 0; i < 8; i++) strcat(frame, tag);
    size_t eight = strlen(frame);
    strcat(frame, "0800" UDP4);
    got = layers_of(EG_LINK_ETHERNET, frame, 0);
    assert_udp4(&got);
    frame[eight] = 0;
    strcat(frame, tag);
    strcat(frame, "0800" UDP4);
    got = layers_of(EG_LINK_ETHERNET, frame, 0);
    assert_int_equal(got.remarks, EG_REMARK_DEPTH_EXCEEDED);
    assert_int_equal(got.vlan, 1);
    assert_false(got.has & EG_HAS_IP_VERSION);

    got = layers_of(EG_LINK_ETHERNET, MACS "8100 0064", 64); /* cut in the tag */
    assert_int_equal(got.remarks, EG_REMARK_FRAME_CUT);
    assert_int_equal(got.vlan, 100);
}

static void test_mpls_labels(void **state) {
    (void)state;
    struct eg_layers got = layers_of(EG_LINK_ETHERNET, MACS "8847 00010040 fffff1ff" UDP4, 0);
    assert_udp4(&got);
    assert_int_equal(got.mpls_count, 2);
    assert_int_equal(got.mpls[0], 16);
    assert_int_equal(got.mpls[1], 0xfffff);
    got = layers_of(EG_LINK_ETHERNET, MACS "8848 00010140" IP6("0008", "11") UDP("0008"), 0);
    assert_int_equal(got.ip_version, 6);

    /* sixteen are followed, seventeen are not */
    char frame[600] = MACS "8847 ";
    for (int i = 0; i < 15; i++) strcat(frame, "00010040 ");
    size_t fifteen = strlen(frame);
    strcat(frame, "00011140" UDP4);
    got = layers_of(EG_LINK_ETHERNET, frame, 0);
    assert_udp4(&got);
    assert_int_equal(got.mpls_count, 16);
    assert_int_equal(got.mpls[15], 17);
    frame[fifteen] = 0;
    strcat(frame, "00010040 00011140" UDP4);
    got = layers_of(EG_LINK_ETHERNET, frame, 0);
    assert_int_equal(got.remarks, EG_REMARK_DEPTH_EXCEEDED);
    assert_int_equal(got.mpls_count, 16);
    assert_false(got.has & EG_HAS_IP_VERSION);

    got = layers_of(EG_LINK_ETHERNET, MACS "8847 00010040 0001", 100);
    assert_int_equal(got.remarks, EG_REMARK_FRAME_CUT);
    assert_int_equal(got.mpls_count, 1);
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
    SAME(PROTO, proto);
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

static void sweep_frame(uint32_t link_type, struct eg_span frame, uint32_t wire,
                        struct sweep *sweep) {
    struct eg_layers whole, part;
    eg_dissect(link_type, frame, wire, &whole);
    sweep->frames++;
    size_t step = 1;
    for (size_t size = 0; size < frame.size; size += step) {
        uint8_t *block = malloc(size ? size : 1);
        memcpy(block, frame.at, size);
        eg_dissect(link_type, eg_span(block, size), wire, &part);
        assert_prefix(&part, &whole);
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
        cmocka_unit_test(test_other_links),
        cmocka_unit_test(test_frames_without_ip_are_no_trouble),
        cmocka_unit_test(test_link_type_that_is_not_taken_apart),
        cmocka_unit_test(test_vlan_tags),
        cmocka_unit_test(test_mpls_labels),
        cmocka_unit_test(test_wire_length_below_the_captured_one),
        cmocka_unit_test(test_captures_cut_at_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
