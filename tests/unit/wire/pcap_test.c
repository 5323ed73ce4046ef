/* SPDX-License-Identifier: Apache-2.0
 * pcap's record layer: every variant of the format, and records that lie. */
#include "wire/pcap.h"

#include "make_capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char hello[] = "hello, this is a frame";

static struct eg_pcap opened(const struct made *m) {
    struct eg_pcap pcap;
    struct eg_error err;
    assert_int_equal(eg_pcap_open(&pcap, eg_span(m->bytes, m->size), &err), EG_OK);
    return pcap;
}

static enum eg_record first(const struct eg_pcap *pcap, const struct made *m,
                            struct eg_frame *frame, struct eg_record_note *note,
                            struct eg_tally *tally) {
    return eg_pcap_record(pcap, eg_span(m->bytes + EG_PCAP_HEAD, m->size - EG_PCAP_HEAD), frame,
                          note, tally);
}

static void reads_every_variant(void **state) {
    (void)state;
    static const struct {
        uint32_t magic;
        uint32_t header, tick;
    } kinds[] = {{0xa1b2c3d4, 16, 1000}, {0xa1b23c4d, 16, 1}, {0xa1b2cd34, 24, 1000}};
    for (unsigned k = 0; k < 3; k++)
        for (int big = 0; big < 2; big++) {
            struct made m = {.big = big};
            made_pcap_head(&m, kinds[k].magic, 65535, 1);
            made_u32(&m, 1700000000);
            made_u32(&m, 123456);
            made_u32(&m, sizeof hello);
            made_u32(&m, 1000);
            made_add(&m, NULL, kinds[k].header - 16);
            made_add(&m, hello, sizeof hello);
            struct eg_pcap pcap = opened(&m);
            assert_int_equal(pcap.big, big);
            assert_int_equal(pcap.link_type, 1);
            struct eg_frame frame;
            struct eg_record_note note;
            struct eg_tally tally = {0};
            assert_int_equal(first(&pcap, &m, &frame, &note, &tally), EG_RECORD_FRAME);
            assert_int_equal(note.size, kinds[k].header + sizeof hello);
            assert_int_equal(frame.time_ns, INT64_C(1700000000000000000) + 123456 * kinds[k].tick);
            assert_int_equal(frame.length, 1000);
            assert_int_equal(frame.payload.size, sizeof hello);
            assert_memory_equal(frame.payload.at, hello, sizeof hello);
            assert_int_equal(frame.interface, -1);
            assert_int_equal(tally.count, 0);
            made_free(&m);
        }
}

static void link_types_are_of_one_kind(void **state) {
    (void)state;
    static const struct {
        uint32_t field;
        int32_t type;
    } cases[] = {{1, 1},          {12, 101},         {14, 101},         {101, 101},
                 {0x30000001, 1}, {0xf4000071, 113}, {0x300000e5, 229}, {9, 9}};
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct made m = {0};
        made_pcap_head(&m, 0xa1b2c3d4, 65535, cases[k].field);
        assert_int_equal(opened(&m).link_type, cases[k].type);
        made_free(&m);
    }
}

static void refuses_what_it_cannot_read(void **state) {
    (void)state;
    struct eg_pcap pcap;
    struct eg_error err;
    struct made m = {0};
    made_pcap_head(&m, 0xa1b2c3d4, 65535, 0x00300000);
    assert_int_equal(eg_pcap_open(&pcap, eg_span(m.bytes, m.size), &err), EG_E_FORMAT);
    assert_int_equal(err.position, 20);
    made_set32(&m, 20, 1);
    m.bytes[4] = 1;
    assert_int_equal(eg_pcap_open(&pcap, eg_span(m.bytes, m.size), &err), EG_E_FORMAT);
    assert_int_equal(err.position, 4);
    assert_non_null(strstr(err.message, "version 1.4"));
    m.bytes[4] = 2;
    for (size_t size = 0; size < EG_PCAP_HEAD; size++)
        assert_int_equal(eg_pcap_open(&pcap, eg_span(m.bytes, size), NULL),
                         size < 4 ? EG_E_FORMAT : EG_E_CUT);
    m.bytes[0] = 0;
    assert_int_equal(eg_pcap_open(&pcap, eg_span(m.bytes, m.size), &err), EG_E_FORMAT);
    made_free(&m);
}

static void old_versions_swap_the_lengths(void **state) {
    (void)state;
    for (unsigned minor = 0; minor < 5; minor++) {
        struct made m = {0};
        made_pcap_head(&m, 0xa1b2c3d4, 65535, 1);
        m.bytes[6] = (uint8_t)minor;
        made_u32(&m, 1);
        made_u32(&m, 2);
        made_u32(&m, minor < 4 ? 100 : 5); /* before 2.4 (2.3: perhaps): the length comes first */
        made_u32(&m, minor < 4 ? 5 : 100);
        made_add(&m, hello, 5);
        struct eg_pcap pcap = opened(&m);
        struct eg_frame frame;
        struct eg_record_note note;
        assert_int_equal(first(&pcap, &m, &frame, &note, NULL), EG_RECORD_FRAME);
        assert_int_equal(frame.payload.size, 5);
        assert_int_equal(frame.length, 100);
        made_free(&m);
    }
}

/* B31, B33, B35: snap lengths that mean nothing. */
static void snap_lengths_are_not_believed(void **state) {
    (void)state;
    static const uint32_t snaplens[] = {0, 1, 7, 0xfffffff0, 0xffffffff};
    for (unsigned k = 0; k < sizeof snaplens / sizeof *snaplens; k++) {
        struct made m = {0};
        made_pcap_head(&m, 0xa1b2c3d4, snaplens[k], 1);
        made_record(&m, 1, 2, sizeof hello, sizeof hello, hello);
        struct eg_pcap pcap = opened(&m);
        struct eg_frame frame;
        struct eg_record_note note;
        assert_int_equal(first(&pcap, &m, &frame, &note, NULL), EG_RECORD_FRAME);
        assert_int_equal(frame.payload.size, sizeof hello);
        made_free(&m);
    }
}

static void impossible_records(void **state) {
    (void)state;
    struct made m = {0};
    made_pcap_head(&m, 0xa1b2c3d4, 65535, 1);
    made_record(&m, 1, 2, EG_FRAME_BYTES_MAX, EG_FRAME_BYTES_MAX, NULL);
    struct eg_pcap pcap = opened(&m);
    struct eg_frame frame;
    struct eg_record_note note;
    struct eg_tally tally = {0};
    assert_int_equal(first(&pcap, &m, &frame, &note, &tally), EG_RECORD_FRAME);
    static const uint32_t sizes[] = {EG_FRAME_BYTES_MAX + 1, 0x7fffffff, 0xffffffff};
    for (unsigned k = 0; k < 3; k++) {
        made_set32(&m, 24 + 8, sizes[k]);
        assert_int_equal(first(&pcap, &m, &frame, &note, &tally), EG_RECORD_DAMAGED);
        assert_non_null(note.why);
    }
    assert_int_equal(tally.count, 0);
    /* B34: more captured than there was */
    made_set32(&m, 24 + 8, 50);
    made_set32(&m, 24 + 12, 40);
    assert_int_equal(first(&pcap, &m, &frame, &note, &tally), EG_RECORD_FRAME);
    assert_int_equal(frame.length, 50);
    assert_int_equal(frame.payload.size, 50);
    assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_capture_length_clamped).records, 1);
    /* a fraction of a second that is more than one */
    made_set32(&m, 24 + 4, 999999);
    made_set32(&m, 24 + 12, 50);
    assert_int_equal(first(&pcap, &m, &frame, &note, &tally), EG_RECORD_FRAME);
    assert_int_equal(frame.time_ns, 1999999000);
    made_set32(&m, 24 + 4, 1000000);
    assert_int_equal(first(&pcap, &m, &frame, &note, &tally), EG_RECORD_FRAME);
    assert_int_equal(frame.time_ns, EG_FRAME_NO_TIME);
    assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_time_impossible).records, 1);
    assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_capture_length_clamped).records, 1);
    eg_tally_reset(&tally);
    made_free(&m);
}

static void cut_records_ask_for_more(void **state) {
    (void)state;
    struct made m = {0};
    made_pcap_head(&m, 0xa1b2c3d4, 65535, 1);
    made_record(&m, 7, 8, sizeof hello, sizeof hello, hello);
    struct eg_pcap pcap = opened(&m);
    for (size_t size = 0; size < 16 + sizeof hello; size++) {
        struct eg_frame frame;
        struct eg_record_note note;
        uint8_t *copy = malloc(size ? size : 1);
        memcpy(copy, m.bytes + EG_PCAP_HEAD, size);
        struct eg_span have = eg_span(copy, size);
        assert_int_equal(eg_pcap_record(&pcap, have, &frame, &note, NULL), EG_RECORD_MORE);
        assert_int_equal(note.size, size < 16 ? 16 : 16 + sizeof hello);
        assert_int_equal(eg_pcap_time_us(&pcap, have), size < 16 ? INT64_MIN : 7000008);
        assert_int_equal(eg_pcap_walk(&pcap, have, 0, SIZE_MAX), 0);
        free(copy);
    }
    made_free(&m);
}

/* A run gives what one record after the other gives, and stops where it should. */
static void runs_equal_records(void **state) {
    (void)state;
    struct made m = {.big = true};
    made_pcap_head(&m, 0xa1b23c4d, 65535, 113);
    size_t begins[41];
    for (unsigned i = 0; i < 40; i++) {
        begins[i] = m.size;
        made_record(&m, 1000 + i, i, i % 7, 100, hello);
    }
    begins[40] = m.size;
    struct eg_pcap pcap = opened(&m);
    struct eg_span have = eg_span(m.bytes, m.size);
    int64_t time[64], length[64], offset[64];
    int32_t link[64];
    struct eg_span payload[64];
    struct eg_pcap_run to = {time, link, length, payload, offset};
    size_t at = begins[3];
    assert_int_equal(eg_pcap_run(&pcap, have, &at, begins[20] + 1, 1000, &to, 64), 18);
    assert_int_equal(at, begins[21]);
    for (unsigned i = 0; i < 18; i++) {
        assert_int_equal(time[i], (INT64_C(1000) + i + 3) * 1000000000 + i + 3);
        assert_int_equal(link[i], 113);
        assert_int_equal(length[i], 100);
        assert_int_equal(payload[i].size, (i + 3) % 7);
        assert_ptr_equal(payload[i].at, m.bytes + begins[i + 3] + 16);
        assert_int_equal(offset[i], 1000 + begins[i + 3]);
    }
    at = begins[0];
    assert_int_equal(eg_pcap_run(&pcap, have, &at, m.size, 0, &to, 5), 5);
    assert_int_equal(at, begins[5]);
    made_set32(&m, begins[7] + 4, 1000000000); /* an impossible time is no ordinary record */
    assert_int_equal(eg_pcap_run(&pcap, have, &at, m.size, 0, &to, 64), 2);
    assert_int_equal(at, begins[7]);
    assert_int_equal(eg_pcap_walk(&pcap, have, begins[5], m.size), m.size);
    assert_int_equal(eg_pcap_walk(&pcap, have, begins[5], begins[9] - 1), begins[9]);
    assert_int_equal(eg_pcap_walk(&pcap, have, begins[5], begins[9]), begins[9]);
    made_set32(&m, begins[30] + 8, 0x10000000);
    assert_int_equal(eg_pcap_walk(&pcap, have, begins[5], m.size), begins[30]);
    made_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_variant),
        cmocka_unit_test(link_types_are_of_one_kind),
        cmocka_unit_test(refuses_what_it_cannot_read),
        cmocka_unit_test(old_versions_swap_the_lengths),
        cmocka_unit_test(snap_lengths_are_not_believed),
        cmocka_unit_test(impossible_records),
        cmocka_unit_test(cut_records_ask_for_more),
        cmocka_unit_test(runs_equal_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
