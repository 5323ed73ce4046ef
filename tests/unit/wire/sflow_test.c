/* SPDX-License-Identifier: Apache-2.0
 * sFlow: the datagram around the samples, the probe, and lengths and counts that lie. */
#include "sflow_make.h"
#include "torture.h"

/* Two flow samples and a counter sample nobody asks for. */
static struct bytes plain(uint32_t claimed) {
    struct bytes b = begin(claimed);
    for (int i = 0; i < 2; i++) {
        uint32_t sample = flow(&b, 1);
        put_header(&b, 28, 28);
        block_end(&b, sample);
    }
    uint32_t sample = counter(&b, 1), record = block(&b, 1);
    put_words(&b, 22, 3, 6, 0, 1000, 1, 3, 0, 5, 6, 0, 0, 0, 0, 0, 0, 7, 8, 0, 0, 0, 0, 0);
    block_end(&b, record);
    block_end(&b, sample);
    return b;
}

static void samples_become_rows(void **state) {
    (void)state;
    struct bytes b = plain(3);
    struct eg_datagram d = datagram(&b);
    struct eg_sequence_note note;
    struct result r, counters;
    decode_into(&d, 4096, EG_COLUMNS_ALL, &r, &counters, &note);
    assert_int_equal(r.row_count, 2);
    assert_string_equal(r.rows[0], HEADER_ROW);
    assert_string_equal(r.rows[1], HEADER_ROW);
    assert_int_equal(counters.row_count, 1);
    assert_int_equal(r.tally.count, 0);
    assert_true(note.present && !note.has_boot && !note.open);
    assert_string_equal(note.source, "sflow");
    assert_int_equal(note.domain, 9);
    assert_int_equal(note.first, 77);
    assert_int_equal(note.count, 1);
    result_reset(&counters);
    result_reset(&r);
    for (uint32_t capacity = 1; capacity < 4; capacity++) {
        decode_into(&d, capacity, EG_COLUMNS_ALL, &r, &counters, &note);
        assert_int_equal(r.row_count, 2);
        assert_int_equal(counters.row_count, 1);
        result_reset(&counters);
        result_reset(&r);
    }
    decode_into(&d, 7, EG_SET(FLOWS, bytes) | EG_SET(FLOWS, proto), &r, NULL, &note);
    assert_int_equal(r.row_count, 2);
    assert_string_equal(r.rows[1], "proto=17 bytes=100 ");
    result_reset(&r);
}

static enum eg_probe probe(const struct bytes *b) {
    struct eg_datagram d = datagram(b);
    return eg_decoder_sflow.probe(&d);
}

static void probes_strictly(void **state) {
    (void)state;
    struct bytes b = plain(3);
    assert_int_equal(probe(&b), EG_PROBE_YES);
    struct eg_datagram d = datagram(&b);
    d.length++; /* captured in part */
    assert_int_equal(eg_decoder_sflow.probe(&d), EG_PROBE_MAYBE);
    for (uint32_t size = 0; size < b.size; size++) {
        d = datagram(&b);
        d.payload.size = d.length = size;
        assert_int_equal(eg_decoder_sflow.probe(&d), size < 8 ? EG_PROBE_NO : EG_PROBE_MAYBE);
    }
    b.size += 4;
    assert_int_equal(probe(&b), EG_PROBE_MAYBE);
    b = plain(2);
    assert_int_equal(probe(&b), EG_PROBE_MAYBE);
    b = plain(4);
    assert_int_equal(probe(&b), EG_PROBE_MAYBE);
    b = plain(3);
    b.at[3] = 4; /* versions that are recognised */
    assert_int_equal(probe(&b), EG_PROBE_MAYBE);
    b.at[3] = 2;
    assert_int_equal(probe(&b), EG_PROBE_MAYBE);
    b.at[3] = 6;
    assert_int_equal(probe(&b), EG_PROBE_NO);
    b = plain(3);
    b.at[7] = 3;
    assert_int_equal(probe(&b), EG_PROBE_NO);
    struct bytes v5 = make_v5((struct v5){.count = 2, .seconds = BASE_SECONDS}, 1);
    assert_int_equal(probe(&v5), EG_PROBE_NO);
}

/* What a cause holds after decoding: {records, packets}; all else must be 0. */
static void expect(const struct bytes *b, uint32_t rows, enum eg_cause cause, int64_t records,
                   int64_t packets) {
    struct result r = decode(b);
    assert_int_equal(r.row_count, rows);
    assert_int_equal(r.tally.count, 1);
    assert_int_equal(records_of(&r, cause), records);
    assert_int_equal(packets_of(&r, cause), packets);
    assert_true(packets);
    assert_string_equal(r.tally.entries[0].source, "sflow");
    result_reset(&r);
}

static void headers_that_give_nothing(void **state) {
    (void)state;
    struct bytes b = plain(3);
    b.size = 27;
    expect(&b, 0, EG_CAUSE_short_header, 1, 1);
    b.at[3] = 4;
    expect(&b, 0, EG_CAUSE_version_unsupported, 1, 1);
    b.at[3] = 2;
    expect(&b, 0, EG_CAUSE_version_unsupported, 1, 1);
    b.at[3] = 5;
    b.at[7] = 9;
    expect(&b, 0, EG_CAUSE_version_unknown, 1, 1);
    b = plain(3);
    struct eg_datagram d = datagram(&b);
    d.payload.size = 20;
    struct result r;
    struct eg_sequence_note note;
    decode_into(&d, 1, EG_COLUMNS_ALL, &r, NULL, &note);
    assert_int_equal(records_of(&r, EG_CAUSE_datagram_cut), 1);
    assert_false(note.present);
    result_reset(&r);
}

static void counts_that_do_not_fit(void **state) {
    (void)state;
    struct bytes b = plain(5);
    expect(&b, 2, EG_CAUSE_count_mismatch, 2, 1);
    b = plain(0x80000000); /* says nothing of how many there were */
    expect(&b, 2, EG_CAUSE_count_mismatch, 0, 1);
    b = plain(2);
    expect(&b, 2, EG_CAUSE_trailing_bytes, 0, 1);
    b = plain(0);
    expect(&b, 0, EG_CAUSE_trailing_bytes, 0, 1);
}

static void lengths_that_do_not_fit(void **state) {
    (void)state;
    uint32_t first = 28 + 8, second = first + 32 + 8 + 16 + 28 + 8;
    static const uint32_t wrong[] = {0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffc, 2000};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct bytes b = plain(3);
        length_set(&b, second, wrong[i]); /* the second sample, and the third, which is behind it */
        expect(&b, 1, EG_CAUSE_set_length_bad, 2, 1);
        b = plain(0xffffffff);
        length_set(&b, first, wrong[i]);
        expect(&b, 0, EG_CAUSE_set_length_bad, 1, 1);
    }
    /* too small for a flow sample: the others stand */
    struct bytes b = begin(2);
    uint32_t sample = block(&b, 1);
    put_words(&b, 7, 1, 2, 3, 4, 5, 6, 7);
    block_end(&b, sample);
    sample = flow(&b, 1);
    put_header(&b, 28, 28);
    block_end(&b, sample);
    expect(&b, 1, EG_CAUSE_set_length_bad, 1, 1);
    /* one byte short at the end: the padding is not missed */
    b = begin(2);
    sample = block(&b, 77);
    put_be(&b, 0, 3);
    block_end(&b, sample);
    put_be(&b, 0, 1);
    sample = flow(&b, 1);
    put_header(&b, 28, 28);
    block_end(&b, sample);
    expect(&b, 1, EG_CAUSE_sample_unknown, 1, 1);
}

static void captured_in_part(void **state) {
    (void)state;
    struct bytes b = plain(3);
    for (uint32_t size = 28; size < b.size; size++) {
        struct eg_datagram d = datagram(&b);
        d.payload.size = size;
        struct result r;
        decode_into(&d, 64, EG_COLUMNS_ALL, &r, NULL, NULL);
        uint32_t whole = (size - 28) / 92 < 2 ? (size - 28) / 92 : 2; /* the third is longer */
        assert_int_equal(r.row_count, whole);
        assert_int_equal(records_of(&r, EG_CAUSE_datagram_cut), 3 - whole);
        assert_int_equal(r.tally.count, 1);
        result_reset(&r);
    }
}

static void agents_of_all_families(void **state) {
    (void)state;
    struct bytes b = {.size = 0};
    put_words(&b, 10, 5, 2, 0x20010db8, 0, 0, 1, 9, 77, 1000, 1);
    uint32_t sample = flow(&b, 1);
    put_header(&b, 28, 28);
    block_end(&b, sample);
    assert_int_equal(probe(&b), EG_PROBE_YES);
    char *row = one_row(&b, 0);
    assert_string_equal(row, HEADER_ROW "extra={\"agent\":\"2001:db8::1\"} ");
    free(row);
    b.size = 0; /* an agent that does not know its address */
    put_words(&b, 6, 5, 0, 9, 77, 1000, 1);
    sample = flow(&b, 1);
    put_header(&b, 28, 28);
    block_end(&b, sample);
    row = one_row(&b, 0);
    assert_string_equal(row, HEADER_ROW);
    free(row);
}

static void memory_runs_out(void **state) {
    (void)state;
    struct eg_decoder *self = NULL;
    torture_fail_after(0);
    struct eg_error err;
    assert_int_equal(eg_decoder_sflow.open(&eg_env_plain, NULL, NULL, &self, &err), EG_E_NOMEM);
    assert_true(torture_off());
    assert_null(self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_become_rows),       cmocka_unit_test(probes_strictly),
        cmocka_unit_test(headers_that_give_nothing), cmocka_unit_test(counts_that_do_not_fit),
        cmocka_unit_test(lengths_that_do_not_fit),   cmocka_unit_test(captured_in_part),
        cmocka_unit_test(agents_of_all_families),    cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
