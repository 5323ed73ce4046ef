/* SPDX-License-Identifier: Apache-2.0
 * Fixed records of old NetFlow versions: counts, cuts, clocks and capacities. */
#include "netflow_make.h"
#include "torture.h"

extern const struct eg_decoder_type eg_decoder_netflow1, eg_decoder_netflow7;

static const struct version {
    uint16_t number;
    uint32_t header, record;
    const struct eg_decoder_type *type;
} versions[] = {{1, 16, 48, &eg_decoder_netflow1}, {7, 24, 52, &eg_decoder_netflow7}};

static struct result decode(const struct version *v, const struct eg_datagram *d) {
    struct eg_sequence_note note;
    return decode_by(v->type, d, 4096, EG_COLUMNS_ALL, &note);
}

static void capacity_and_columns_change_nothing_else(void **state) {
    (void)state;
    for (int v = 0; v < 2; v++) {
        struct bytes b = make_old(plain_old(versions[v].number, 20));
        struct eg_datagram d = datagram(&b);
        struct eg_sequence_note note;
        struct result all = decode(&versions[v], &d);
        for (uint32_t capacity = 1; capacity < 22; capacity += 3) {
            struct result r = decode_by(versions[v].type, &d, capacity, EG_COLUMNS_ALL, &note);
            assert_int_equal(r.row_count, 20);
            for (uint32_t i = 0; i < 20; i++) assert_string_equal(r.rows[i], all.rows[i]);
            result_reset(&r);
        }
        struct result r = decode_by(versions[v].type, &d, 7, EG_SET(FLOWS, bytes), &note);
        assert_string_equal(r.rows[19], "bytes=1019 ");
        result_reset(&r);
        result_reset(&all);
    }
}

static void counts_that_do_not_fit(void **state) {
    (void)state;
    static const struct {
        uint32_t records, claimed, more, rows;
        enum eg_cause cause;
        int64_t lost;
    } cases[] = {
        {3, 5, 0, 3, EG_CAUSE_count_mismatch, 2},
        {3, 2, 0, 2, EG_CAUSE_count_mismatch, 0},
        {3, 65535, 0, 3, EG_CAUSE_count_mismatch, 0},
        {3, 3, 7, 3, EG_CAUSE_trailing_bytes, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int v = 0; v < 2; v++) {
            struct old h = plain_old(versions[v].number, cases[i].records);
            h.claimed = cases[i].claimed;
            struct bytes b = make_old(h);
            b.size += cases[i].more;
            struct eg_datagram d = datagram(&b);
            struct result r = decode(&versions[v], &d);
            assert_int_equal(r.row_count, cases[i].rows);
            assert_int_equal(r.tally.count, 1);
            assert_int_equal(records_of(&r, cases[i].cause), cases[i].lost);
            assert_int_equal(packets_of(&r, cases[i].cause), 1);
            result_reset(&r);
        }
}

static void cut_anywhere(void **state) {
    (void)state;
    for (int v = 0; v < 2; v++) {
        struct bytes b = make_old(plain_old(versions[v].number, 3));
        uint32_t header = versions[v].header;
        for (uint32_t size = 2; size < b.size; size++) {
            uint32_t whole = size < header ? 0 : (size - header) / versions[v].record;
            struct eg_datagram d = datagram(&b);
            d.payload.size = size; /* captured in part */
            struct result r = decode(&versions[v], &d);
            assert_int_equal(r.row_count, whole);
            assert_int_equal(records_of(&r, EG_CAUSE_datagram_cut), size < header ? 1 : 3 - whole);
            assert_int_equal(r.tally.count, 1);
            result_reset(&r);
            d.length = size; /* never was longer */
            r = decode(&versions[v], &d);
            assert_int_equal(r.row_count, whole);
            assert_int_equal(r.tally.count, 1);
            assert_int_equal(
                records_of(&r, size < header ? EG_CAUSE_short_header : EG_CAUSE_count_mismatch),
                size < header ? 1 : 3 - whole);
            result_reset(&r);
        }
    }
}

static void clocks(void **state) {
    (void)state;
    for (int v = 0; v < 2; v++) {
        struct old h = plain_old(versions[v].number, 1);
        h.uptime = 2000; /* since the wrap; the flow began before it */
        struct bytes b = make_old(h);
        struct eg_datagram d = datagram(&b);
        struct result r = decode(&versions[v], &d);
        assert_int_equal(strncmp(r.rows[0], OLD_TIMES, strlen(OLD_TIMES)), 0);
        result_reset(&r);
        h = plain_old(versions[v].number, 1);
        h.last_ago = 6000; /* before it began */
        b = make_old(h);
        r = decode(&versions[v], &d);
        assert_non_null(strstr(r.rows[0], "end_time=1699999995500000 "));
        assert_non_null(strstr(r.rows[0], "time_flag=2 "));
        assert_int_equal(records_of(&r, EG_CAUSE_time_order), 1);
        result_reset(&r);
        h = plain_old(versions[v].number, 1);
        h.seconds = 0; /* never set */
        b = make_old(h);
        r = decode(&versions[v], &d);
        assert_non_null(strstr(r.rows[0], "start_time=1699999995000007 "));
        assert_non_null(strstr(r.rows[0], "time_flag=1 "));
        assert_int_equal(records_of(&r, EG_CAUSE_time_corrected), 1);
        result_reset(&r);
        d.time_us = INT64_MIN; /* nor is the receipt known */
        r = decode(&versions[v], &d);
        assert_null(strstr(r.rows[0], "received_time"));
        assert_non_null(strstr(r.rows[0], "time_flag=4 "));
        result_reset(&r);
        h = plain_old(versions[v].number, 2);
        h.packets = 0;
        b = make_old(h);
        d = datagram(&b);
        r = decode(&versions[v], &d);
        assert_int_equal(r.row_count, 2);
        assert_int_equal(records_of(&r, EG_CAUSE_record_empty), 2);
        result_reset(&r);
    }
}

static void probes_need_all_of_the_header(void **state) {
    (void)state;
    for (int v = 0; v < 2; v++) {
        struct bytes b = make_old(plain_old(versions[v].number, 2));
        struct eg_datagram d = datagram(&b);
        assert_int_equal(versions[v].type->probe(&d), EG_PROBE_YES);
        for (uint32_t size = 0; size < b.size; size++) {
            d.payload.size = d.length = size;
            assert_int_equal(versions[v].type->probe(&d), size < 2 ? EG_PROBE_NO : EG_PROBE_MAYBE);
        }
        struct old h = plain_old(versions[v].number, 2);
        h.seconds = 100 * 86400;
        b = make_old(h);
        d = datagram(&b);
        assert_int_equal(versions[v].type->probe(&d), EG_PROBE_MAYBE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capacity_and_columns_change_nothing_else),
        cmocka_unit_test(counts_that_do_not_fit),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(clocks),
        cmocka_unit_test(probes_need_all_of_the_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
