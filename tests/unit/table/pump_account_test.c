/* SPDX-License-Identifier: Apache-2.0
 * Accounts add up: counts, ranges, tallies, and the troubles up to a bound. */
#include "table/pump.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "torture.h"

static struct eg_pump_account one(size_t troubles, int64_t first_us, int64_t last_us) {
    struct eg_pump_account a = {.inputs = 2, .inputs_failed = 1, .first_us = first_us};
    a.last_us = last_us;
    a.seen.frames = 10;
    a.seen.rows[EG_TABLE_FLOWS] = 5;
    a.kept[EG_TABLE_FLOWS] = 4;
    a.metered = 3;
    a.inputs_known = 1;
    eg_tally_add(&a.tally, EG_CAUSE_record_empty, NULL, INT64_MIN, 3, 0, 0);
    eg_tally_add(&a.unflushed, EG_CAUSE_batch_lost, NULL, INT64_MIN, 2, 0, 0);
    struct eg_pump_raw *raw = eg_pump_account_raw(&a, "pcap");
    raw->rows = 7;
    raw->lost = 1;
    a.troubles = troubles ? eg_calloc(troubles, sizeof *a.troubles) : NULL;
    for (size_t i = 0; i < troubles; i++)
        a.troubles[i] = (struct eg_trouble){.input = eg_strdup("in"), .status = EG_E_IO};
    a.trouble_count = troubles;
    return a;
}

static void runs_add_up(void **state) {
    (void)state;
    struct eg_pump_account sum = {.first_us = INT64_MAX, .last_us = INT64_MIN};
    for (int i = 0; i < 3; i++) {
        struct eg_pump_account a = one(2, 100 - i, 200 + i);
        assert_int_equal(eg_pump_account_merge(&sum, &a, NULL), EG_OK);
        eg_pump_account_reset(&a);
    }
    assert_int_equal(sum.inputs, 6);
    assert_int_equal(sum.inputs_failed, 3);
    assert_int_equal(sum.inputs_known, 3);
    assert_int_equal(sum.metered, 9);
    assert_int_equal(sum.raw_count, 1);
    assert_int_equal(sum.raw[0].rows, 21);
    assert_int_equal(sum.raw[0].lost, 3);
    assert_int_equal(eg_tally_sum(&sum.tally, EG_CAUSE_batch_lost).records, 6);
    assert_int_equal(sum.seen.frames, 30);
    assert_int_equal(sum.seen.rows[EG_TABLE_FLOWS], 15);
    assert_int_equal(sum.kept[EG_TABLE_FLOWS], 12);
    assert_int_equal(eg_tally_sum(&sum.tally, EG_CAUSE_record_empty).records, 9);
    assert_int_equal(sum.first_us, 98);
    assert_int_equal(sum.last_us, 202);
    assert_int_equal(sum.trouble_count, 6);
    assert_string_equal(sum.troubles[5].input, "in");
    eg_pump_account_reset(&sum);
    assert_true(sum.first_us > sum.last_us);
}

struct eg_sink {
    int64_t lost;
};
static void losses_give(struct eg_sink *sink, struct eg_tally *out) {
    eg_tally_add(out, EG_CAUSE_queue_full, NULL, INT64_MIN, 0, sink->lost, 0);
    sink->lost = 0;
}

/* Of a sink of raw rows they are told by its name, too. */
static void what_sinks_lost(void **state) {
    (void)state;
    for (int raw = 0; raw < 2; raw++) {
        struct eg_sink sink = {.lost = 7};
        const struct eg_sink_type type = {.takes = raw ? EG_TAKES_RAW : EG_TAKES_BATCH,
                                          .losses = losses_give};
        const struct eg_pump_sink named = {.type = &type, .sink = &sink, .name = "s"};
        struct eg_pump_account account = {0};
        struct eg_tally to = {0};
        eg_pump_account_losses(&account, &named, &to);
        sink.lost = 5;
        eg_pump_account_losses(&account, &named, &to);
        assert_int_equal(eg_tally_sum(&to, EG_CAUSE_queue_full).packets, 12);
        assert_int_equal(account.raw_count, raw);
        if (raw) assert_int_equal(eg_pump_account_raw(&account, "s")->lost, 12);
        eg_tally_reset(&to);
        eg_pump_account_reset(&account);
    }
}

static void troubles_are_bounded(void **state) {
    (void)state;
    struct eg_pump_account sum = {0};
    for (int i = 0; i < 3; i++) {
        struct eg_pump_account a = one(400, 0, 0);
        assert_int_equal(eg_pump_account_merge(&sum, &a, NULL), EG_OK);
        eg_pump_account_reset(&a);
    }
    assert_int_equal(sum.trouble_count, 1000);
    eg_pump_account_reset(&sum);
}

static void without_memory(void **state) {
    (void)state;
    bool more = true;
    for (long n = 0; more; n++) {
        struct eg_pump_account sum = {0}, a = one(3, 0, 0);
        torture_fail_after(n);
        enum eg_status status = eg_pump_account_merge(&sum, &a, NULL);
        more = torture_off();
        if (status < 0) assert_int_equal(status, EG_E_NOMEM);
        assert_int_equal(sum.seen.frames, 10);
        eg_pump_account_reset(&a);
        eg_pump_account_reset(&sum);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_add_up),
        cmocka_unit_test(what_sinks_lost),
        cmocka_unit_test(troubles_are_bounded),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
