/* SPDX-License-Identifier: Apache-2.0
 * Link headers, tags, labels; and every frame of the shared captures cut at every byte. */
#include "wire/dissect.h"

#include "frames_cut.h"
#include "make_capture.h"
#include "table/stage.h"
#include "wire/plain.h"

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

/* ---- plain frames, at a glance and by the steps ---- */

/* With a trail asked for, every frame goes by the steps. True: it was told at a glance. */
static bool both_agree(struct eg_span frame, uint32_t wire_length) {
    struct eg_layers glance, steps;
    struct eg_trail trail;
    struct eg_plain plain;
    for (enum eg_view view = EG_VIEW_INNERMOST; view <= EG_VIEW_OUTERMOST; view++) {
        eg_dissect_as(view, EG_LINK_ETHERNET, frame, wire_length, NULL, &glance);
        eg_dissect_as(view, EG_LINK_ETHERNET, frame, wire_length, &trail, &steps);
        assert_memory_equal(&glance, &steps, offsetof(struct eg_layers, mpls));
    }
    return eg_plain_take(EG_LINK_ETHERNET, frame, &plain);
}

static void test_plain_frames_are_told_the_same(void **state) {
    (void)state;
    static const uint8_t protos[] = {1, 6, 17};
    uint64_t dice = 3;
    unsigned plain = 0, changed = 0;
    for (int i = 0; i < 40000; i++) {
        uint8_t bytes[160];
        for (size_t k = 0; k < sizeof bytes; k++) bytes[k] = (uint8_t)made_random(&dice);
        uint32_t size = 42 + (uint32_t)(made_random(&dice) % 100), total = size - 14;
        static const uint8_t head[] = {0x08, 0, 0x45, 0};
        memcpy(bytes + 12, head, sizeof head);
        bytes[16] = 0;
        bytes[17] = (uint8_t)(total - made_random(&dice) % 8); /* padding behind it */
        bytes[20] &= 0xc0;
        bytes[21] = 0;
        bytes[23] = protos[i % 3];
        if (bytes[23] == 6) bytes[46] = (uint8_t)(0x50 + (made_random(&dice) % 3 << 4));
        if (bytes[23] == 17) bytes[38] = 0;
        plain += both_agree(eg_span(bytes, size), size + (uint32_t)(made_random(&dice) % 3));
        bytes[12 + made_random(&dice) % 40] = (uint8_t)made_random(&dice); /* a header that lies */
        changed += !both_agree(eg_span(bytes, size), size);
        both_agree(eg_span(bytes, made_random(&dice) % size), size);
    }
    assert_true(plain > 20000 && changed > 2000);
    struct eg_span frame = frame_of(MACS "0800" UDP4);
    uint8_t *bytes = malloc(frame.size);
    for (uint32_t port = 0; port < 65536; port++)
        for (size_t at = 34; at < 38; at += 2) {
            memcpy(bytes, frame.at, frame.size);
            bytes[at] = (uint8_t)(port >> 8);
            bytes[at + 1] = (uint8_t)port;
            both_agree(eg_span(bytes, frame.size), (uint32_t)frame.size);
        }
    free(bytes);
    frame_free(frame);
}

/* ---- every frame of the shared captures, cut at every byte ---- */

struct sweep {
    unsigned captures, frames, prefixes;
};

static void sweep_batch(const struct eg_batch *raw, struct sweep *sweep) {
    const int32_t *links = eg_col_i32(&raw->columns[EG_COL(RAW, link_type)]);
    const int64_t *lengths = eg_col_i64(&raw->columns[EG_COL(RAW, length)]);
    const struct eg_span *frames = eg_col_view(&raw->columns[EG_COL(RAW, payload)]);
    for (uint32_t row = 0; row < raw->rows && row < 60; row++) {
        sweep->frames++;
        sweep->prefixes +=
            cut_everywhere((uint32_t)links[row], frames[row], (uint32_t)lengths[row]);
    }
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
        cmocka_unit_test(test_plain_frames_are_told_the_same),
        cmocka_unit_test(test_captures_cut_at_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
