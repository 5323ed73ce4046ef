/* SPDX-License-Identifier: Apache-2.0
 * pcapng's record layer: every kind of block in both byte orders, clocks, and blocks that lie. */
#include "wire/pcapng.h"

#include "make_capture.h"
#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char hello[] = "hello, this is a frame";

/* What a reader of whole blocks sees. */
struct seen {
    unsigned frames;
    struct eg_frame frame[16];
    char name[16][32]; /* of its interface */
    size_t at;         /* where reading stopped */
    enum eg_record last;
    const char *why;
    struct eg_tally tally;
};

/* Feeds the capture as a reader does: as many bytes as are asked for, in a block of that size. */
static void capture_read(const struct made *m, struct seen *to) {
    *to = (struct seen){0};
    struct eg_pcapng ng = {0};
    uint64_t want = 12;
    while (to->frames < 16) {
        size_t left = m->size - to->at, size = want < left ? (size_t)want : left;
        uint8_t *copy = malloc(size ? size : 1);
        memcpy(copy, m->bytes + to->at, size);
        struct eg_frame *frame = &to->frame[to->frames];
        struct eg_record_note note;
        to->last = eg_pcapng_block(&ng, eg_span(copy, size), frame, &note, &to->tally);
        to->why = note.why;
        if (to->last == EG_RECORD_FRAME) {
            size_t place = (size_t)(frame->payload.at - copy);
            assert_true(place + frame->payload.size <= size);
            frame->payload.at = m->bytes + to->at + place;
            const char *name = ng.interfaces[frame->interface].name;
            snprintf(to->name[to->frames], sizeof to->name[0], "%s", name ? name : "-");
            to->frames++;
        }
        free(copy);
        if (to->last == EG_RECORD_MORE) {
            if (note.size > left) break;
            want = note.size;
            continue;
        }
        if (to->last != EG_RECORD_FRAME && to->last != EG_RECORD_OTHER) break;
        if (note.size > left) {
            to->last = EG_RECORD_MORE;
            break;
        }
        to->at += (size_t)note.size;
        want = 12;
    }
    eg_pcapng_reset(&ng);
}

static int64_t counted(const struct seen *seen, enum eg_cause cause) {
    return eg_tally_sum(&seen->tally, cause).records;
}

static void expect_clean(const struct seen *seen, const struct made *m) {
    assert_int_equal(seen->last, EG_RECORD_MORE);
    assert_int_equal(seen->at, m->size);
    assert_int_equal(seen->tally.count, 0);
}

static void reads_every_packet_block(void **state) {
    (void)state;
    for (int big = 0; big < 2; big++) {
        struct made m = {0};
        made_section(&m, big);
        struct made options = {.big = big};
        made_option(&options, 2, "eth7", 4);
        made_interface(&m, 1, 65535, &options);
        made_interface(&m, 113, 10, NULL);
        made_packet(&m, 0, 1700000000123456, sizeof hello, 900, hello, sizeof hello);
        made_packet(&m, 1, 1700000000123457, 3, 3, hello, 3);
        made_simple(&m, 5, hello, 5);
        struct made old = {.big = big};
        made_u16(&old, 1); /* the old packet block: interface and drops in 16 bits each */
        made_u16(&old, 77);
        made_u32(&old, 1700000000123458 >> 32);
        made_u32(&old, 1700000000123458 & 0xffffffff);
        made_u32(&old, 4);
        made_u32(&old, 8);
        made_add(&old, hello, 4);
        made_block(&m, 2, &old);
        struct seen seen;
        capture_read(&m, &seen);
        expect_clean(&seen, &m);
        assert_int_equal(seen.frames, 4);
        assert_int_equal(seen.frame[0].time_ns, INT64_C(1700000000123456000));
        assert_int_equal(seen.frame[0].length, 900);
        assert_int_equal(seen.frame[0].link_type, 1);
        assert_int_equal(seen.frame[0].payload.size, sizeof hello);
        assert_memory_equal(seen.frame[0].payload.at, hello, sizeof hello);
        assert_string_equal(seen.name[0], "eth7");
        assert_int_equal(seen.frame[1].link_type, 113);
        assert_string_equal(seen.name[1], "-");
        assert_int_equal(seen.frame[2].time_ns, EG_FRAME_NO_TIME);
        assert_int_equal(seen.frame[2].length, 5);
        assert_int_equal(seen.frame[2].payload.size, 5);
        assert_string_equal(seen.name[2], "eth7");
        assert_int_equal(seen.frame[3].time_ns, INT64_C(1700000000123458000));
        assert_int_equal(seen.frame[3].link_type, 113);
        assert_int_equal(seen.frame[3].length, 8);
        assert_int_equal(seen.frame[3].payload.size, 4);
        made_free(&m);
        made_free(&old);
        made_free(&options);
    }
}

static void simple_packets_are_cut_to_the_snap_length(void **state) {
    (void)state;
    struct made m = {0};
    made_section(&m, false);
    made_interface(&m, 1, 10, NULL);
    made_simple(&m, 100, hello, 10);
    made_simple(&m, 7, hello, 7);
    struct seen seen;
    capture_read(&m, &seen);
    expect_clean(&seen, &m);
    assert_int_equal(seen.frame[0].payload.size, 10);
    assert_int_equal(seen.frame[0].length, 100);
    assert_int_equal(seen.frame[1].payload.size, 7);
    made_free(&m);
}

/* B38: sections in both byte orders, each with interfaces of its own. */
static void sections_begin_anew(void **state) {
    (void)state;
    struct made m = {0};
    made_section(&m, true);
    made_interface(&m, 1, 0, NULL);
    made_packet(&m, 0, 1, 2, 2, hello, 2);
    made_section(&m, false);
    made_packet(&m, 0, 1, 2, 2, hello, 2); /* no interface yet in this section */
    made_interface(&m, 14, 0, NULL);
    made_packet(&m, 0, 2, 3, 3, hello, 3);
    struct seen seen;
    capture_read(&m, &seen);
    assert_int_equal(seen.at, m.size);
    assert_int_equal(seen.frames, 2);
    assert_int_equal(seen.frame[0].link_type, 1);
    assert_int_equal(seen.frame[1].link_type, 101);
    assert_int_equal(seen.frame[1].payload.size, 3);
    assert_int_equal(counted(&seen, EG_CAUSE_capture_interface_unknown), 1);
    eg_tally_reset(&seen.tally);
    made_free(&m);
}

static void clocks(void **state) {
    (void)state;
    static const struct {
        uint8_t resolution;
        int64_t offset;
        uint64_t stamp;
        int64_t ns;
    } cases[] = {
        {6, 0, 1700000000000001, 1700000000000001000},
        {9, 0, 1700000000000000001, 1700000000000000001},
        {0, 0, 1700000000, 1700000000000000000},
        {3, 0, 1700000000123, 1700000000123000000},
        {10, 0, 17000000000000000019u, 1700000000000000001},
        {12, 0, 1999, 1},
        {19, 0, UINT64_MAX, 1844674407},
        {0x80, 0, 1700000000, 1700000000000000000}, /* 2^0: seconds */
        {0x80 | 1, 0, 3, 1500000000},
        {0x80 | 32, 0, UINT64_C(5) << 32 | 0x80000000, 5500000000},
        {0x80 | 63, 0, UINT64_C(1) << 62, 500000000},
        {6, -10, 11000000, 1000000000}, /* B37: a negative offset */
        {6, -10, 9000000, -1000000000},
        {6, 1700000000, 1, 1700000000000001000},
        {0, 0, UINT64_MAX, EG_FRAME_NO_TIME},
        {6, INT64_MAX, 0, EG_FRAME_NO_TIME},
        {6, INT64_MIN, 0, EG_FRAME_NO_TIME},
        {6, 0, UINT64_MAX, EG_FRAME_NO_TIME},
    };
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct eg_pcapng_interface interface = {.resolution = cases[k].resolution,
                                                .offset_s = cases[k].offset};
        assert_int_equal(eg_pcapng_time(&interface, cases[k].stamp), cases[k].ns);
        for (int big = 0; big < 2; big++) { /* the same through the options */
            struct made m = {0}, options = {.big = big};
            made_section(&m, big);
            struct made offset = {.big = big};
            made_number(&offset, (uint64_t)cases[k].offset, 8);
            made_option(&options, 9, &cases[k].resolution, 1);
            made_option(&options, 14, offset.bytes, 8);
            made_interface(&m, 1, 0, &options);
            made_packet(&m, 0, cases[k].stamp, 1, 1, hello, 1);
            struct seen seen;
            capture_read(&m, &seen);
            assert_int_equal(seen.frames, 1);
            assert_int_equal(seen.frame[0].time_ns, cases[k].ns);
            assert_int_equal(counted(&seen, EG_CAUSE_time_impossible),
                             cases[k].ns == EG_FRAME_NO_TIME);
            assert_int_equal(counted(&seen, EG_CAUSE_capture_option_bad), 0);
            eg_tally_reset(&seen.tally);
            made_free(&m);
            made_free(&options);
            made_free(&offset);
        }
    }
}

/* B37: a bad option costs that option. */
static void bad_options_are_ignored(void **state) {
    (void)state;
    static const struct {
        unsigned code, size;
        const char *value;
        int bad;
        const char *name;
    } cases[] = {
        {2, 0, "", 0, "-"},
        {2, 3, "a\0b", 0, "a"},
        {2, 2, "\xff\xfe", 1, "-"},
        {2, 3, "\xe2\x82\xac", 0, "\xe2\x82\xac"},
        {2, 3, "\xed\xa0\x80", 1, "-"},
        {2, 2, "\xc0\x80", 1, "-"},
        {2, 2, "\xe2\x82", 1, "-"},
        {9, 0, "", 1, "-"},
        {9, 2, "\6\6", 1, "-"},
        {9, 1, "\x14", 1, "-"}, /* 10^-20 */
        {9, 1, "\xc0", 1, "-"}, /* 2^-64 */
        {14, 4, "\1\0\0\0", 1, "-"},
        {4711, 5, "other", 0, "-"},
    };
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct made m = {0}, options = {0};
        made_section(&m, false);
        made_option(&options, cases[k].code, cases[k].value, cases[k].size);
        made_interface(&m, 1, 0, &options);
        made_packet(&m, 0, 5, 1, 1, hello, 1);
        struct seen seen;
        capture_read(&m, &seen);
        assert_int_equal(seen.frames, 1);
        assert_int_equal(seen.frame[0].time_ns, 5000);
        assert_string_equal(seen.name[0], cases[k].name);
        assert_int_equal(counted(&seen, EG_CAUSE_capture_option_bad), cases[k].bad);
        eg_tally_reset(&seen.tally);
        made_free(&m);
        made_free(&options);
    }
    /* one that goes past its block; those before it hold */
    struct made m = {0}, options = {0};
    made_section(&m, false);
    made_option(&options, 2, "eth0", 4);
    made_u16(&options, 9);
    made_u16(&options, 4000);
    made_interface(&m, 1, 0, &options);
    made_packet(&m, 0, 5, 1, 1, hello, 1);
    struct seen seen;
    capture_read(&m, &seen);
    assert_int_equal(seen.frames, 1);
    assert_string_equal(seen.name[0], "eth0");
    assert_int_equal(counted(&seen, EG_CAUSE_capture_option_bad), 1);
    eg_tally_reset(&seen.tally);
    made_free(&m);
    made_free(&options);
    /* a name too long */
    char name[300];
    memset(name, 'n', sizeof name);
    made_section(&m, false);
    made_option(&options, 2, name, 256);
    made_interface(&m, 1, 0, &options);
    capture_read(&m, &seen);
    assert_int_equal(counted(&seen, EG_CAUSE_capture_option_bad), 1);
    eg_tally_reset(&seen.tally);
    made_free(&m);
    made_free(&options);
}

/* What is wrong inside a block costs that packet alone. */
static void bad_packets_are_left_out(void **state) {
    (void)state;
    struct made m = {0};
    made_section(&m, false);
    made_interface(&m, 1, 0xffffffff, NULL);          /* B35 */
    made_packet(&m, 0, 1, 0xffffffff, 60, hello, 20); /* B33 */
    made_packet(&m, 0, 2, 21, 60, hello, 20);         /* in the padding there is none */
    made_packet(&m, 9, 3, 20, 60, hello, 20);         /* B37 */
    made_packet(&m, 0xffffffff, 3, 20, 60, hello, 20);
    struct made odd = {0};
    made_u32(&odd, 0);
    made_block(&m, 6, &odd); /* a packet block without its fields */
    made_block(&m, 2, &odd);
    made_packet(&m, 0, 4, 20, 7, hello, 20); /* B34 */
    made_packet(&m, 0, 5, 20, 20, hello, 20);
    struct seen seen;
    capture_read(&m, &seen);
    assert_int_equal(seen.at, m.size);
    assert_int_equal(seen.frames, 2);
    assert_int_equal(seen.frame[0].time_ns, 4000);
    assert_int_equal(seen.frame[0].length, 20);
    assert_int_equal(seen.frame[1].time_ns, 5000);
    assert_int_equal(counted(&seen, EG_CAUSE_capture_damaged), 4);
    assert_int_equal(counted(&seen, EG_CAUSE_capture_interface_unknown), 2);
    assert_int_equal(counted(&seen, EG_CAUSE_capture_length_clamped), 1);
    eg_tally_reset(&seen.tally);
    made_free(&m);
    made_free(&odd);
}

static void a_damaged_interface_keeps_its_number(void **state) {
    (void)state;
    struct made m = {0}, nothing = {0};
    made_section(&m, false);
    made_block(&m, 1, &nothing);
    made_interface(&m, 9, 0, NULL);
    made_packet(&m, 0, 1, 1, 1, hello, 1);
    made_packet(&m, 1, 2, 1, 1, hello, 1);
    struct seen seen;
    capture_read(&m, &seen);
    assert_int_equal(seen.frames, 1);
    assert_int_equal(seen.frame[0].link_type, 9);
    assert_int_equal(counted(&seen, EG_CAUSE_capture_damaged), 1);
    assert_int_equal(counted(&seen, EG_CAUSE_capture_interface_unknown), 1);
    eg_tally_reset(&seen.tally);
    made_free(&m);
}

/* B32: where the framing does not hold, reading stops. */
static void bad_framing_stops(void **state) {
    (void)state;
    static const struct {
        size_t at; /* in the second packet block: 4 its length, -4 the trailing one */
        uint32_t value;
    } cases[] = {{4, 0},          {4, 4},      {4, 11},  {4, 8},  {4, 53},
                 {4, 0x80000001}, {4, 52 + 4}, {48, 56}, {48, 0}, {4, EG_PCAPNG_BLOCK_MAX + 4}};
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct made m = {0};
        made_section(&m, false);
        made_interface(&m, 1, 0, NULL);
        made_packet(&m, 0, 1, 20, 20, hello, 20);
        size_t place = m.size;
        made_packet(&m, 0, 2, 20, 20, hello, 20);
        made_packet(&m, 0, 3, 20, 20, hello, 20);
        made_set32(&m, place + cases[k].at, cases[k].value);
        struct seen seen;
        capture_read(&m, &seen);
        assert_int_equal(seen.last, EG_RECORD_DAMAGED);
        assert_non_null(seen.why);
        assert_int_equal(seen.at, place);
        assert_int_equal(seen.frames, 1);
        assert_int_equal(seen.tally.count, 0);
        made_free(&m);
    }
}

static void bad_sections_stop(void **state) {
    (void)state;
    static const struct {
        size_t at;
        uint32_t value;
    } cases[] = {{8, 0}, {8, 0x1a2b3c4e}, {12, 0x00010002}, {12, 0}, {4, 24}, {4, 29}};
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct made m = {0};
        made_section(&m, false);
        size_t place = m.size;
        made_section(&m, false);
        made_set32(&m, place + cases[k].at, cases[k].value);
        struct seen seen;
        capture_read(&m, &seen);
        assert_int_equal(seen.last, EG_RECORD_DAMAGED);
        assert_int_equal(seen.at, place);
        made_free(&m);
    }
}

static void other_blocks_are_skipped(void **state) {
    (void)state;
    for (int big = 0; big < 2; big++) {
        struct made m = {0}, small = {.big = big}, large = {.big = big};
        made_section(&m, big);
        made_add(&small, hello, 7);
        made_add(&large, NULL, 3u << 20);
        made_block(&m, 4, &small);
        made_block(&m, 0xbad, &large); /* longer than what is looked at */
        made_interface(&m, 1, 0, NULL);
        made_block(&m, 0x80001234, &small);
        made_packet(&m, 0, 1, 20, 20, hello, 20);
        struct seen seen;
        capture_read(&m, &seen);
        assert_int_equal(seen.at, m.size);
        assert_int_equal(seen.frames, 1);
        struct eg_tally_entry sum = eg_tally_sum(&seen.tally, EG_CAUSE_capture_block_skipped);
        assert_int_equal(sum.records, 3);
        assert_int_equal(sum.packets, 0);
        assert_int_equal(sum.bytes, 20 + 20 + (3 << 20) + 12);
        eg_tally_reset(&seen.tally);
        /* the trailer of a long block counts too */
        made_set32(&m, 28 + 20 + 12 + (3u << 20) - 4, 4711);
        capture_read(&m, &seen);
        assert_int_equal(seen.last, EG_RECORD_DAMAGED);
        assert_int_equal(seen.frames, 0);
        eg_tally_reset(&seen.tally);
        made_free(&m);
        made_free(&small);
        made_free(&large);
    }
}

/* Whatever the place of a cut, the packets before it are there and nothing else. */
static void cut_anywhere(void **state) {
    (void)state;
    struct made m = {0};
    made_section(&m, false);
    made_interface(&m, 1, 0, NULL);
    size_t ends[5];
    for (unsigned i = 0; i < 5; i++) {
        made_packet(&m, 0, i, 20 + i, 100, hello, 20);
        made_set32(&m, m.size - 52 + 20, 20);
        ends[i] = m.size;
    }
    size_t whole = m.size;
    for (size_t size = 0; size < whole; size++) {
        m.size = size;
        struct seen seen;
        capture_read(&m, &seen);
        unsigned expected = 0;
        while (expected < 5 && ends[expected] <= size) expected++;
        assert_int_equal(seen.frames, expected);
        assert_int_equal(seen.last, EG_RECORD_MORE);
        assert_int_equal(seen.tally.count, 0);
    }
    made_free(&m);
}

static void interfaces_have_a_maximum(void **state) {
    (void)state;
    struct made m = {0};
    made_section(&m, false);
    for (unsigned i = 0; i <= EG_PCAPNG_INTERFACES_MAX; i++) made_interface(&m, 1, 0, NULL);
    made_packet(&m, EG_PCAPNG_INTERFACES_MAX - 1, 1, 1, 1, hello, 1);
    made_packet(&m, EG_PCAPNG_INTERFACES_MAX, 1, 1, 1, hello, 1);
    struct seen seen;
    capture_read(&m, &seen);
    assert_int_equal(seen.frames, 1);
    assert_int_equal(counted(&seen, EG_CAUSE_capture_damaged), 1);
    assert_int_equal(counted(&seen, EG_CAUSE_capture_interface_unknown), 1);
    eg_tally_reset(&seen.tally);
    made_free(&m);
}

static void survives_lack_of_memory(void **state) {
    (void)state;
    struct made m = {0}, options = {0};
    made_section(&m, false);
    size_t begin = m.size;
    made_option(&options, 2, "eth0", 4);
    made_interface(&m, 1, 0, &options);
    struct eg_span have = eg_span(m.bytes + begin, m.size - begin);
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct eg_pcapng ng = {0};
        struct eg_frame frame;
        struct eg_record_note note;
        torture_fail_after(n);
        enum eg_record record = eg_pcapng_block(&ng, have, &frame, &note, NULL);
        failed = torture_off();
        assert_int_equal(record, failed ? EG_RECORD_NO_MEMORY : EG_RECORD_OTHER);
        assert_int_equal(ng.count, failed ? 0 : 1);
        eg_pcapng_reset(&ng);
    }
    made_free(&m);
    made_free(&options);
}

static void tells_whether_a_block_follows(void **state) {
    (void)state;
    for (int big = 0; big < 2; big++) {
        struct made m = {.big = big};
        made_packet(&m, 0, 1, 20, 20, hello, 20);
        for (size_t size = 0; size < m.size; size++) {
            assert_false(eg_pcapng_block_follows(eg_span(m.bytes, size), false));
            assert_int_equal(eg_pcapng_block_follows(eg_span(m.bytes, size), true), size >= 12);
        }
        assert_true(eg_pcapng_block_follows(eg_span(m.bytes, m.size), false));
        made_set32(&m, m.size - 4, 1);
        assert_false(eg_pcapng_block_follows(eg_span(m.bytes, m.size), false));
        made_free(&m);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_packet_block),
        cmocka_unit_test(simple_packets_are_cut_to_the_snap_length),
        cmocka_unit_test(sections_begin_anew),
        cmocka_unit_test(clocks),
        cmocka_unit_test(bad_options_are_ignored),
        cmocka_unit_test(bad_packets_are_left_out),
        cmocka_unit_test(a_damaged_interface_keeps_its_number),
        cmocka_unit_test(bad_framing_stops),
        cmocka_unit_test(bad_sections_stop),
        cmocka_unit_test(other_blocks_are_skipped),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(interfaces_have_a_maximum),
        cmocka_unit_test(survives_lack_of_memory),
        cmocka_unit_test(tells_whether_a_block_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
