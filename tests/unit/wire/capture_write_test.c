/* SPDX-License-Identifier: Apache-2.0
 * Capture files as they are written: our own reader finds every frame again, cut anywhere the walk
 * finds the last whole one, and sizes are as promised. */
#include "wire/capture_write.h"

#include "torture.h"
#include "wire/pcap.h"
#include "wire/pcapng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FRAMES 5u
static const uint8_t bytes[64] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static struct eg_frame frame_of(uint32_t i) {
    return (struct eg_frame){.time_ns = INT64_C(1767355200123456789) + i,
                             .link_type = i % 2 ? 101 : 1,
                             .length = 1000 + i,
                             .payload = eg_span(bytes, i * 7)};
}

static struct eg_strbuf pcap_made(void) {
    struct eg_strbuf to = {0};
    eg_write_pcap_head(&to, 276);
    for (uint32_t i = 0; i < FRAMES; i++) {
        struct eg_frame frame = frame_of(i);
        size_t before = to.size;
        eg_write_pcap_record(&to, &frame);
        assert_int_equal(to.size - before, eg_write_size(EG_WRITE_PCAP, frame.payload.size));
    }
    assert_false(to.failed);
    return to;
}

static struct eg_strbuf pcapng_made(void) {
    struct eg_strbuf to = {0};
    eg_write_pcapng_head(&to, "earlgrey");
    eg_write_pcapng_interface(&to, 1, eg_span("eth0", 4));
    eg_write_pcapng_interface(&to, 101, eg_span("", 0));
    for (uint32_t i = 0; i < FRAMES; i++) {
        struct eg_frame frame = frame_of(i);
        size_t before = to.size;
        eg_write_pcapng_record(&to, &frame, i % 2);
        assert_int_equal(to.size - before, eg_write_size(EG_WRITE_PCAPNG, frame.payload.size));
    }
    return to;
}

static void same(const struct eg_frame *got, uint32_t i, bool ng) {
    struct eg_frame want = frame_of(i);
    assert_int_equal(got->time_ns, want.time_ns);
    assert_int_equal(got->length, want.length);
    assert_int_equal(got->link_type, ng ? want.link_type : 276);
    assert_int_equal(got->payload.size, want.payload.size);
    assert_memory_equal(got->payload.at, want.payload.at, want.payload.size);
}

static void pcap_is_read_again(void **state) {
    (void)state;
    struct eg_strbuf made = pcap_made();
    struct eg_span have = eg_span(made.text, made.size);
    struct eg_pcap pcap;
    assert_int_equal(eg_pcap_open(&pcap, have, NULL), EG_OK);
    assert_int_equal(pcap.tick_ns, 1);
    have = eg_span_from(have, EG_PCAP_HEAD);
    for (uint32_t i = 0; i < FRAMES; i++) {
        struct eg_frame frame;
        struct eg_record_note note;
        assert_int_equal(eg_pcap_record(&pcap, have, &frame, &note, NULL), EG_RECORD_FRAME);
        same(&frame, i, false);
        have = eg_span_from(have, note.size);
    }
    assert_int_equal(have.size, 0);
    eg_strbuf_reset(&made);
}

static void pcapng_is_read_again(void **state) {
    (void)state;
    struct eg_strbuf made = pcapng_made();
    struct eg_span have = eg_span(made.text, made.size);
    struct eg_pcapng ng = {0};
    uint32_t found = 0;
    while (have.size) {
        struct eg_frame frame;
        struct eg_record_note note;
        enum eg_record what = eg_pcapng_block(&ng, have, &frame, &note, NULL);
        assert_true(what == EG_RECORD_FRAME || what == EG_RECORD_OTHER);
        if (what == EG_RECORD_FRAME) same(&frame, found++, true);
        have = eg_span_from(have, note.size);
    }
    assert_int_equal(found, FRAMES);
    assert_string_equal(ng.interfaces[0].name, "eth0");
    assert_null(ng.interfaces[1].name);
    eg_pcapng_reset(&ng);
    eg_strbuf_reset(&made);
}

/* Cut at every byte, and read in two pieces: the walk ends at a record's end, never behind the cut,
 * and less than a record before it. */
static void cuts_are_found(void **state) {
    (void)state;
    for (int ng = 0; ng < 2; ng++) {
        struct eg_strbuf made = ng ? pcapng_made() : pcap_made();
        uint64_t last = 0, packets = 0;
        for (size_t cut = 0; cut <= made.size; cut++) {
            struct eg_written w = {0};
            eg_written_walk(&w, eg_span(made.text, cut / 2));
            eg_written_walk(&w, eg_span(made.text + w.offset, cut - w.offset));
            assert_false(w.damaged);
            assert_true(w.offset <= cut && cut - w.offset < 100);
            assert_true(w.offset >= last && w.packets >= packets && w.packets <= packets + 1);
            assert_int_equal(w.format == EG_WRITE_PCAPNG, ng && cut >= 24);
            last = w.offset;
            packets = w.packets;
        }
        assert_int_equal(last, made.size);
        assert_int_equal(packets, FRAMES);
        eg_strbuf_reset(&made);
    }
}

static void damage_ends_the_walk(void **state) {
    (void)state;
    static const uint8_t zeros[64];
    for (int ng = 0; ng < 2; ng++) {
        struct eg_strbuf made = ng ? pcapng_made() : pcap_made();
        size_t whole = made.size;
        eg_strbuf_add(&made, zeros, sizeof zeros); /* what a lost power supply leaves */
        struct eg_written w = {0};
        eg_written_walk(&w, eg_span(made.text, made.size));
        assert_true(w.damaged);
        assert_int_equal(w.offset, whole);
        assert_int_equal(w.packets, FRAMES);
        made.size = whole;
        eg_strbuf_add(&made, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                      16);
        w = (struct eg_written){0};
        eg_written_walk(&w, eg_span(made.text, made.size));
        assert_true(w.damaged && w.offset == whole);
        eg_strbuf_reset(&made);
    }
    struct eg_written w = {0};
    eg_written_walk(&w, eg_span("this is no capture file at all", 30));
    assert_true(w.damaged && w.offset == 0 && w.packets == 0);
}

static void impossible_frames_are_bounded(void **state) {
    (void)state;
    struct eg_strbuf to = {0};
    static const uint8_t large[EG_FRAME_BYTES_MAX + 10];
    struct eg_frame frame = {
        .time_ns = -5, .length = UINT64_MAX, .payload = eg_span(large, sizeof large)};
    eg_write_pcap_record(&to, &frame);
    assert_int_equal(to.size, 16 + EG_FRAME_BYTES_MAX);
    struct eg_span head = eg_span(to.text, to.size);
    assert_int_equal(eg_le32(head, 0), 0);
    assert_int_equal(eg_le32(head, 4), 0);
    assert_int_equal(eg_le32(head, 12), UINT32_MAX);
    eg_strbuf_clear(&to);
    frame.time_ns = INT64_MAX;
    eg_write_pcap_record(&to, &frame);
    assert_int_equal(eg_le32(eg_span(to.text, to.size), 0), UINT32_MAX);
    eg_strbuf_reset(&to);
    static const int64_t ends_ns = INT64_C(4294967296) * 1000000000;
    for (int format = EG_WRITE_PCAP; format <= EG_WRITE_SEQFILE; format++) {
        assert_false(eg_write_time_fits((enum eg_capture_format)format, -1));
        assert_true(eg_write_time_fits((enum eg_capture_format)format, 0));
        assert_true(eg_write_time_fits((enum eg_capture_format)format, ends_ns - 1));
        assert_int_equal(eg_write_time_fits((enum eg_capture_format)format, ends_ns),
                         format == EG_WRITE_PCAPNG);
    }
}

static void without_memory(void **state) {
    (void)state;
    struct eg_strbuf to = {0};
    torture_fail_after(0);
    eg_write_pcapng_head(&to, "earlgrey");
    assert_true(torture_off());
    assert_true(to.failed);
    eg_strbuf_reset(&to);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pcap_is_read_again),
        cmocka_unit_test(pcapng_is_read_again),
        cmocka_unit_test(cuts_are_found),
        cmocka_unit_test(damage_ends_the_walk),
        cmocka_unit_test(impossible_frames_are_bounded),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
