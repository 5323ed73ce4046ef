/* SPDX-License-Identifier: Apache-2.0
 * NetFlow v5: every field of a known datagram, the probe, times, and what does not fit. */
#include "exports_make.h"
#include "torture.h"

extern const struct eg_decoder_type eg_decoder_netflow5;

static struct eg_datagram datagram(const struct bytes *b) {
    return (struct eg_datagram){.payload = eg_span(b->at, b->size),
                                .length = b->size,
                                .time_us = BASE_US + 7,
                                .exporter = {{[10] = 0xff, [11] = 0xff, 1, 2, 3, 4}},
                                .exporter_port = 4000,
                                .local_port = 2055};
}
static struct result decode_into(const struct eg_datagram *d, uint32_t capacity,
                                 eg_column_set wanted, struct eg_sequence_note *note) {
    struct eg_out out;
    struct result r = {0};
    assert_true(out_new(&out, capacity, wanted));
    eg_decoder_netflow5.decode(NULL, d, &out, note);
    result_take(&r, &out);
    return r;
}
static struct result decode(const struct eg_datagram *d, struct eg_sequence_note *note) {
    return decode_into(d, 4096, EG_COLUMNS_ALL, note);
}

static const struct v5 plain = {.count = 5,
                                .uptime = 3600000,
                                .seconds = BASE_SECONDS,
                                .nanoseconds = 500000000,
                                .sequence = 77,
                                .engine = 0x0102,
                                .sampling = 1000};

static void every_field_stands_in_its_column(void **state) {
    (void)state;
    struct bytes b = make_v5(plain, 5000);
    struct eg_datagram d = datagram(&b);
    struct eg_sequence_note note;
    struct result r = decode(&d, &note);
    assert_int_equal(r.row_count, 5);
    /* 1700000000.5 s is sysUptime 3600 s; first 5 s and last 1 s before it */
#define COMMON                                                                                     \
    "start_time=1699999995500000 end_time=1699999999500000 received_time=1700000000000007 "
#define SHARED                                                                                     \
    "src_as=64512 dst_as=64513 src_mask=24 dst_mask=16 in_if=3 out_if=4 "                          \
    "exporter=00000000000000000000ffff01020304 domain=258 sequence=77 source=netflow5 "
    assert_string_equal(
        r.rows[0], COMMON
        "src_ip=00000000000000000000ffff0a000001 dst_ip=00000000000000000000ffffc0a80003 "
        "src_port=1024 dst_port=443 proto=6 packets=1 bytes=5000 sampling_rate=1000 tcp_flags=27 "
        "tos=32 " SHARED);
    assert_string_equal(
        r.rows[1],
        COMMON "src_ip=00000000000000000000ffff0a000002 dst_ip=00000000000000000000ffffc0a80003 "
               "src_port=1025 dst_port=443 proto=17 packets=2 bytes=5001 sampling_rate=1000 "
               "tos=32 next_hop=00000000000000000000ffff0a0000fe " SHARED);
    assert_string_equal(
        r.rows[4], COMMON /* ICMP echo request: type 8, code 0 */
        "src_ip=00000000000000000000ffff0a000005 dst_ip=00000000000000000000ffffc0a80003 "
        "proto=1 packets=5 bytes=5004 sampling_rate=1000 "
        "tos=32 icmp_type=8 icmp_code=0 next_hop=00000000000000000000ffff0a0000fe " SHARED);
    assert_int_equal(r.tally.count, 0);
    assert_true(note.present && note.has_boot);
    assert_int_equal(note.first, 77);
    assert_int_equal(note.count, 5);
    assert_int_equal(note.domain, 258);
    assert_int_equal(note.boot_ms, (uint32_t)(BASE_US / 1000 + 500 - 3600000));
    result_reset(&r);
}

static void capacity_and_columns_change_nothing_else(void **state) {
    (void)state;
    struct v5 h = plain;
    h.count = 30;
    h.sampling = 0x4000 | 5; /* a mode makes a text column as well */
    struct bytes b = make_v5(h, 100);
    struct eg_datagram d = datagram(&b);
    struct eg_sequence_note note;
    struct result all = decode(&d, &note);
    assert_int_equal(all.row_count, 30);
    assert_non_null(strstr(all.rows[0], "sampling_rate=5 "));
    assert_non_null(strstr(all.rows[29], "extra={\"sampling_mode\":1} "));
    for (uint32_t capacity = 1; capacity < 70; capacity++) {
        struct result r = decode_into(&d, capacity, EG_COLUMNS_ALL, &note);
        assert_int_equal(r.row_count, 30);
        for (uint32_t i = 0; i < 30; i++) assert_string_equal(r.rows[i], all.rows[i]);
        result_reset(&r);
    }
    struct result r = decode_into(&d, 7, EG_SET(FLOWS, bytes) | EG_SET(FLOWS, dst_port), &note);
    assert_int_equal(r.row_count, 30);
    assert_string_equal(r.rows[0], "dst_port=443 bytes=100 ");
    assert_string_equal(r.rows[4], "bytes=104 ");
    result_reset(&r);
    result_reset(&all);
}

static enum eg_probe probe(struct v5 h, uint32_t cut, uint32_t more) {
    struct bytes b = make_v5(h, 1);
    b.size = b.size - cut + more;
    struct eg_datagram d = datagram(&b);
    return eg_decoder_netflow5.probe(&d);
}

static void probes_strictly(void **state) {
    (void)state;
    assert_int_equal(probe(plain, 0, 0), EG_PROBE_YES);
    assert_int_equal(probe(plain, 1, 0), EG_PROBE_MAYBE);
    assert_int_equal(probe(plain, 0, 1), EG_PROBE_MAYBE);
    struct v5 h = plain;
    h.claimed = 6;
    assert_int_equal(probe(h, 0, 0), EG_PROBE_MAYBE);
    h = plain;
    h.count = 31;
    assert_int_equal(probe(h, 0, 0), EG_PROBE_MAYBE);
    h = plain;
    h.seconds = 100 * 86400; /* 1970, and not counted from boot */
    assert_int_equal(probe(h, 0, 0), EG_PROBE_MAYBE);
    h.seconds = h.uptime / 1000 + 2; /* 1970: the clock was never set */
    assert_int_equal(probe(h, 0, 0), EG_PROBE_YES);
    h = plain;
    h.nanoseconds = 1000000000;
    assert_int_equal(probe(h, 0, 0), EG_PROBE_MAYBE);
    struct bytes b = make_v5(plain, 1);
    struct eg_datagram d = datagram(&b);
    for (d.payload.size = 0; d.payload.size < 24; d.payload.size++) {
        d.length = (uint32_t)d.payload.size;
        assert_int_equal(eg_decoder_netflow5.probe(&d),
                         d.length < 2 ? EG_PROBE_NO : EG_PROBE_MAYBE);
    }
    b.at[1] = 9;
    d = datagram(&b);
    assert_int_equal(eg_decoder_netflow5.probe(&d), EG_PROBE_NO);
}

/* The one row of a record with these times. */
static struct result timed(uint32_t seconds, uint32_t uptime, uint32_t first, uint32_t final,
                           int64_t received_us) {
    struct v5 h = plain;
    h.count = 1;
    h.seconds = seconds;
    h.nanoseconds = 0;
    h.uptime = uptime;
    struct bytes b = make_v5(h, 1);
    b.size = 24 + 24;
    put_be(&b, first, 4), put_be(&b, final, 4);
    b.size = 72;
    struct eg_datagram d = datagram(&b);
    d.time_us = received_us;
    struct eg_sequence_note note;
    return decode_into(
        &d, 4, EG_SET(FLOWS, start_time) | EG_SET(FLOWS, end_time) | EG_SET(FLOWS, time_flag),
        &note);
}
static void expect_times(uint32_t seconds, uint32_t uptime, uint32_t first, uint32_t final,
                         int64_t received_us, const char *row, enum eg_cause cause) {
    struct result r = timed(seconds, uptime, first, final, received_us);
    assert_string_equal(r.rows[0], row);
    assert_int_equal(r.tally.count, cause != EG_CAUSE_COUNT);
    if (r.tally.count) {
        assert_int_equal(r.tally.entries[0].cause, cause);
        assert_int_equal(r.tally.entries[0].records, 1);
    }
    result_reset(&r);
}

static void times_wrap_with_the_uptime(void **state) { /* B46, B47 */
    (void)state;
    expect_times(BASE_SECONDS, 3381, UINT32_MAX, 2577, BASE_US, /* first before the wrap */
                 "start_time=1699999996618000 end_time=1699999999196000 ", EG_CAUSE_COUNT);
    expect_times(BASE_SECONDS, 1000000, 999000, 1000250, BASE_US, /* last after the header */
                 "start_time=1699999999000000 end_time=1700000000250000 ", EG_CAUSE_COUNT);
    expect_times(BASE_SECONDS, UINT32_MAX, 4294966296, 250, BASE_US, /* both */
                 "start_time=1699999999001000 end_time=1700000000251000 ", EG_CAUSE_COUNT);
    expect_times(BASE_SECONDS, 1000000, 999000, 998000, BASE_US,
                 "start_time=1699999999000000 end_time=1699999999000000 time_flag=2 ",
                 EG_CAUSE_time_order);
}

static void implausible_clocks_give_way_to_the_receipt(void **state) { /* B48, B51 */
    (void)state;
    const char *corrected = "start_time=1699999999000000 end_time=1699999999500000 time_flag=1 ";
    const uint32_t wrong[] = {
        3600, 0, 631151999, BASE_SECONDS + 86401, 4102444800, BASE_SECONDS - 20 * 365 * 86400 - 1};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect_times(wrong[i], 3600000, 3599000, 3599500, BASE_US, corrected,
                     EG_CAUSE_time_corrected);
    /* replayed years later, or the zone is off by eight hours: as reported */
    expect_times(1267531200, 3600000, 3599000, 3599500, BASE_US,
                 "start_time=1267531199000000 end_time=1267531199500000 ", EG_CAUSE_COUNT);
    expect_times(BASE_SECONDS + 8 * 3600, 3600000, 3599000, 3599500, BASE_US,
                 "start_time=1700028799000000 end_time=1700028799500000 ", EG_CAUSE_COUNT);
}

static void impossible_dates_are_marked_and_kept(void **state) { /* B49 */
    (void)state;
    expect_times(3600, 3600000, 3599000, 3599500, INT64_MIN, /* nothing to correct it by */
                 "start_time=3599000000 end_time=3599500000 time_flag=4 ", EG_CAUSE_COUNT);
    expect_times(3600, 3600000, 3599000, 3599500, 12345678, /* the receipt is no better */
                 "start_time=3599000000 end_time=3599500000 time_flag=4 ", EG_CAUSE_COUNT);
    expect_times(UINT32_MAX, 3600000, 3599000, 3599500, INT64_MIN,
                 "start_time=4294967294000000 end_time=4294967294500000 time_flag=4 ",
                 EG_CAUSE_COUNT);
}

/* `there` records on the wire, `claimed` in the header, `more` bytes behind them. */
static void expect_rows(uint32_t there, uint32_t claimed, uint32_t more, uint32_t rows,
                        enum eg_cause cause, int64_t records) {
    struct v5 h = plain;
    h.count = there;
    h.claimed = claimed;
    struct bytes b = make_v5(h, 1);
    if (!claimed) b.at[2] = b.at[3] = 0;
    b.size += more;
    struct eg_datagram d = datagram(&b);
    struct eg_sequence_note note;
    struct result r = decode(&d, &note);
    assert_int_equal(r.row_count, rows);
    /* what is missing is counted here, so it is no gap; what nobody sends moves nothing */
    assert_int_equal(note.count, claimed > 30 ? rows : claimed);
    assert_int_equal(r.tally.count, cause != EG_CAUSE_COUNT);
    if (r.tally.count) {
        assert_int_equal(r.tally.entries[0].cause, cause);
        assert_int_equal(r.tally.entries[0].records, records);
        assert_int_equal(r.tally.entries[0].packets, 1);
    }
    result_reset(&r);
}

static void counts_that_do_not_fit(void **state) { /* B02 */
    (void)state;
    expect_rows(5, 5, 0, 5, EG_CAUSE_COUNT, 0);
    expect_rows(5, 0, 0, 0, EG_CAUSE_count_mismatch, 0);
    expect_rows(5, 4, 0, 4, EG_CAUSE_count_mismatch, 0);
    expect_rows(5, 7, 0, 5, EG_CAUSE_count_mismatch, 2);
    expect_rows(5, 7, 47, 5, EG_CAUSE_count_mismatch, 2);
    expect_rows(5, 65535, 0, 5, EG_CAUSE_count_mismatch, 0); /* nobody sends so many */
    expect_rows(5, 5, 47, 5, EG_CAUSE_trailing_bytes, 0);
    expect_rows(5, 5, 48, 5, EG_CAUSE_count_mismatch, 0);
    expect_rows(40, 40, 0, 40, EG_CAUSE_COUNT, 0); /* more than the format says, but whole */
}

/* B01, B22: cut at every byte, sent so or captured so; always the whole records and one remark. */
static void cut_at_every_byte(void **state) {
    (void)state;
    struct bytes b = make_v5(plain, 1);
    for (uint32_t size = 0; size <= b.size; size++) {
        for (int captured = 0; captured < 2; captured++) {
            uint8_t *copy = reallocarray(NULL, 1, size ? size : 1); /* exact, for the sanitizer */
            memcpy(copy, b.at, size);
            struct eg_datagram d = datagram(&b);
            d.payload = eg_span(copy, size);
            d.length = captured ? b.size : size;
            struct eg_sequence_note note;
            struct result r = decode(&d, &note);
            uint32_t rows = size < 24 ? 0 : (size - 24) / 48;
            assert_int_equal(r.row_count, rows);
            assert_int_equal(r.tally.count, size < b.size);
            enum eg_cause cause = captured    ? EG_CAUSE_datagram_cut
                                  : size < 24 ? EG_CAUSE_short_header
                                              : EG_CAUSE_count_mismatch;
            if (r.tally.count) assert_int_equal(r.tally.entries[0].cause, cause);
            assert_int_equal(note.present, size >= 24);
            if (note.present) assert_int_equal(note.count, 5);
            result_reset(&r);
            free(copy);
        }
    }
}

static void the_most_that_a_datagram_can_hold(void **state) {
    (void)state;
    static uint8_t bytes[65507];
    memset(bytes, 0xff, sizeof bytes);
    bytes[0] = 0, bytes[1] = 5;
    struct eg_datagram d = {
        .payload = eg_span(bytes, sizeof bytes), .length = sizeof bytes, .time_us = BASE_US};
    struct eg_sequence_note note;
    struct result r = decode(&d, &note);
    assert_int_equal(r.row_count, (sizeof bytes - 24) / 48);
    result_reset(&r);
    memset(bytes + 2, 0, sizeof bytes - 2);
    bytes[2] = bytes[3] = 0xff;
    r = decode(&d, &note);
    assert_int_equal(records_of(&r, EG_CAUSE_record_empty), (sizeof bytes - 24) / 48);
    assert_non_null(strstr(r.rows[0], "proto=0 packets=0 bytes=0 tos=0 src_as=0"));
    assert_null(strstr(r.rows[0], "sampling_rate")); /* B23: 0 is not known */
    result_reset(&r);
}

static void memory_may_run_out(void **state) {
    (void)state;
    struct bytes b = make_v5(plain, 1);
    struct eg_datagram d = datagram(&b);
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct eg_sequence_note note;
        struct eg_out out;
        struct result r = {0};
        assert_true(out_new(&out, 3, EG_COLUMNS_ALL));
        torture_fail_after(n);
        eg_decoder_netflow5.decode(NULL, &d, &out, &note);
        eg_out_seal(&out);
        failed = torture_off();
        result_take(&r, &out);
        int64_t missing = records_of(&r, EG_CAUSE_no_memory);
        assert_true(r.row_count + missing == 5 || r.tally.lost);
        if (!failed) assert_int_equal(r.row_count, 5);
        result_reset(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_stands_in_its_column),
        cmocka_unit_test(capacity_and_columns_change_nothing_else),
        cmocka_unit_test(probes_strictly),
        cmocka_unit_test(times_wrap_with_the_uptime),
        cmocka_unit_test(implausible_clocks_give_way_to_the_receipt),
        cmocka_unit_test(impossible_dates_are_marked_and_kept),
        cmocka_unit_test(counts_that_do_not_fit),
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(the_most_that_a_datagram_can_hold),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
