/* SPDX-License-Identifier: Apache-2.0
 * The workers give the rows and counts that reading in order gives, however they are called. */
#include "table/scan_scene.h"

/* Any number of workers, called from one thread in random order until each has answered EG_END. */
static void one_thread_any_order(void **state) {
    (void)state;
    const uint32_t capacities[] = {1, 7, 4096};
    for (int round = 0; round < 60; round++) {
        uint32_t workers = 1 + random_below(8), left = workers;
        struct eg_env env = fake_env(capacities[round % 3]);
        struct eg_scan_request request = request_of(four, 4);
        struct eg_scan *scan;
        struct eg_scan_worker *worker[8];
        struct fake_rows got = {0}, expected = {0};
        fake_most_open_units = 0;
        assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
        for (uint32_t i = 0; i < workers; i++)
            assert_int_equal(eg_scan_worker_new(&worker[i], scan, NULL), EG_OK);
        bool over[8] = {false};
        while (left) {
            uint32_t i = random_below(workers);
            struct eg_batch *batch;
            if (over[i]) continue;
            enum eg_status status = eg_scan_next(worker[i], &batch, NULL);
            if (status == EG_END) {
                over[i] = true;
                left--;
                continue;
            }
            assert_int_equal(status, EG_OK);
            assert_in_range(batch->rows, 1, env.batch_rows);
            fake_add_batch(&got, batch);
            eg_batch_unref(batch);
        }
        assert_true(eg_scan_over(scan));
        tally_is(eg_scan_tally(scan), four_records, 4, 2);
        struct eg_scan_progress seen = eg_scan_progress(scan);
        assert_int_equal(seen.frames, 1000 + 333 + 901);
        assert_int_equal(seen.rows[EG_TABLE_FLOWS] + seen.rows[EG_TABLE_PACKETS], got.count);
        assert_int_equal(seen.datagrams, seen.rows[EG_TABLE_FLOWS] - 4);
        assert_int_equal(seen.bytes_total, 22340);
        assert_int_equal(seen.bytes_done, 22340);
        size_t troubles;
        const struct eg_trouble *trouble = eg_scan_troubles(scan, &troubles);
        assert_int_equal(troubles, 2);
        assert_string_equal(trouble[0].input, "b:333:5:sc");
        assert_int_equal(trouble[0].status, EG_E_CUT);
        assert_string_equal(trouble[1].message, "c: ends in the middle of a record");
        assert_in_range(fake_most_open_units, 1, 2 * (workers * 4 > 8 ? workers * 4 : 8));
        for (uint32_t i = 0; i < workers; i++) eg_scan_worker_free(worker[i]);
        eg_scan_free(scan);
        four_expected(&expected);
        rows_equal(&got, &expected);
        fake_all_closed();
    }
}

/* A worker that is called once and then left alone, in the middle of the first unit: the other one
 * reads all there is, and does not run ahead without bound meanwhile. */
static void left_alone(void **state) {
    (void)state;
    const char *const inputs[] = {"a:1200:3:", "b:1200:3:s"};
    for (int i = 0; i < 2; i++) {
        struct eg_env env = fake_env(1);
        struct eg_scan_request request = request_of(&inputs[i], 1);
        struct eg_scan *scan;
        struct eg_scan_worker *left, *busy;
        struct eg_batch *batch;
        struct fake_rows got = {0}, expected = {0};
        fake_most_open_units = 0;
        assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
        assert_int_equal(eg_scan_worker_new(&left, scan, NULL), EG_OK);
        assert_int_equal(eg_scan_worker_new(&busy, scan, NULL), EG_OK);
        assert_int_equal(eg_scan_next(left, &batch, NULL), EG_OK);
        fake_add_batch(&got, batch);
        eg_batch_unref(batch);
        struct eg_scan_worker *const both[] = {busy, left};
        for (int k = 0; k < 2; k++) {
            enum eg_status status;
            while ((status = eg_scan_next(both[k], &batch, NULL)) == EG_OK) {
                fake_add_batch(&got, batch);
                eg_batch_unref(batch);
            }
            assert_int_equal(status, EG_END);
            assert_true(eg_scan_over(scan));                 /* after the first of them already */
            assert_in_range(fake_most_open_units, 2, 2 * 8); /* of two parts */
        }
        eg_scan_worker_free(left);
        eg_scan_worker_free(busy);
        eg_scan_free(scan);
        fake_expect(&expected, 1200, true, true, true, true);
        rows_equal(&got, &expected);
        fake_all_closed();
    }
}

static void many_threads(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 24; round++) {
        uint32_t workers = 1 + round % 8;
        struct eg_env env = fake_env(round % 3 == 0 ? 1 : 32);
        struct eg_scan_request request = request_of(four, 4);
        struct fake_rows got = {0}, expected = {0};
        struct eg_scan *scan = threads_read(&env, &request, workers, &got);
        tally_is(eg_scan_tally(scan), four_records, 4, 2);
        eg_scan_free(scan);
        four_expected(&expected);
        rows_equal(&got, &expected);
        fake_all_closed();
    }
}

static void first_error_is_everyones(void **state) {
    (void)state;
    const char *const inputs[] = {"a:3000:10:f", "b:100:10:"};
    struct eg_env env = fake_env(16);
    struct eg_scan_request request = request_of(inputs, 2);
    struct eg_scan *scan;
    struct runner runners[4] = {{0}};
    assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
    threads_run(scan, runners, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(runners[i].status, EG_E_IO);
        assert_string_equal(runners[i].err.message, "a: input/output error");
        fake_rows_reset(&runners[i].got);
    }
    assert_false(eg_scan_over(scan));
    eg_scan_free(scan);
    fake_all_closed();

    const char *const gone[] = {"gone:1:1:o"};
    request = request_of(gone, 1);
    struct eg_error err = {0};
    scan = NULL;
    assert_int_equal(eg_scan_open(&scan, &env, &request, &err), EG_E_NOENT);
    assert_null(scan);
    assert_string_equal(err.message, "gone:1:1:o: no such input");
}

static void cancelled(void **state) {
    (void)state;
    const char *const inputs[] = {"a:100000:400:", "b:100000:10:s"};
    for (uint32_t workers = 1; workers <= 4; workers++) {
        atomic_bool cancel = false;
        struct eg_env env = fake_env(4);
        env.cancel = &cancel;
        struct eg_scan_request request = request_of(inputs, 2);
        request.keep_going = true;
        struct eg_scan *scan;
        struct runner runners[4] = {{0}};
        assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
        runners[0].cancel = &cancel;
        runners[0].cancel_after = 20;
        threads_run(scan, runners, workers);
        for (uint32_t i = 0; i < workers; i++) {
            assert_int_equal(runners[i].status, EG_E_CANCELLED);
            fake_rows_reset(&runners[i].got);
        }
        eg_scan_free(scan);
        fake_all_closed();
    }
}

static uint32_t select_even(const struct eg_predicate *p, const struct eg_batch *b,
                            uint32_t *rows) {
    (void)p;
    uint32_t count = 0;
    for (uint32_t i = 0; i < b->rows; i++)
        if (fake_value(b, EG_COL(FLOWS, bytes), i) % 2 == 0) rows[count++] = i;
    return count;
}

static void predicate(void **state) {
    (void)state;
    const char *const inputs[] = {"a:1000:30:"};
    const struct eg_predicate even = {EG_SET(FLOWS, bytes), select_even};
    for (uint32_t rows = 1; rows < 5000; rows = rows * 7 + 1) {
        struct eg_env env = fake_env(rows);
        struct eg_scan_request request = request_of(inputs, 1);
        request.parts[0] =
            (struct eg_scan_part){&fake_exports, EG_SET(FLOWS, start_time), &even, 0};
        request.part_count = 1;
        struct eg_scan *scan;
        struct runner runner = {0};
        assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
        threads_run(scan, &runner, 1);
        assert_int_equal(eg_scan_progress(scan).rows[EG_TABLE_FLOWS], runner.got.count);
        eg_scan_free(scan);
        struct fake_rows all = {0}, expected = {0};
        fake_expect(&all, 1000, true, false, false, true);
        for (size_t i = 0; i < all.count; i++) {
            all.rows[i].before = -1; /* was not asked for */
            if (all.rows[i].number % 2 == 0) fake_add(&expected, all.rows[i]);
        }
        assert_true(expected.count > 50 && expected.count < all.count);
        fake_rows_reset(&all);
        rows_equal(&runner.got, &expected);
    }
}

/* What an extract gives out at the end in pieces: no piece is asked for before the one before it was given
 * out, by any of the workers, not even while the scan is held, and it is not over before the last. */
static void drained_in_pieces(void **state) {
    (void)state;
    const char *const inputs[] = {"a:1000:70:"};
    for (uint32_t workers = 1; workers <= 3; workers++) {
        struct eg_env env = fake_env(64);
        struct eg_scan_request request = request_of(inputs, 1);
        request.parts[0] =
            (struct eg_scan_part){.extract = &fake_metered, .columns = EG_COLUMNS_ALL};
        request.part_count = 1;
        request.claim = false;
        struct eg_scan *scan;
        struct eg_scan_worker *worker[3];
        struct fake_rows got = {0}, expected = {0};
        fake_drains = 0;
        assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
        for (uint32_t i = 0; i < workers; i++)
            assert_int_equal(eg_scan_worker_new(&worker[i], scan, NULL), EG_OK);
        unsigned long long drains = 0, pieces = 0;
        for (uint32_t over = 0, i = 0; over < workers; i++) {
            struct eg_batch *batch;
            enum eg_status status = eg_scan_next(worker[i % workers], &batch, NULL);
            assert_in_range(fake_drains - drains, 0, 1 + (status == EG_END));
            drains = fake_drains;
            over = status == EG_END ? over + 1 : 0;
            if (status == EG_END) continue;
            assert_int_equal(status, EG_OK);
            if (drains) {
                pieces++;
                eg_scan_hold(scan, true);
            }
            fake_add_batch(&got, batch);
            eg_batch_unref(batch);
        }
        assert_true(drains > EG_SHARDS / 2 && pieces >= drains - 1 && eg_scan_over(scan));
        for (uint32_t i = 0; i < workers; i++) eg_scan_worker_free(worker[i]);
        eg_scan_free(scan);
        fake_expect_held(&expected, 0, 1000, false);
        rows_equal(&got, &expected);
        fake_all_closed();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_any_order),
        cmocka_unit_test(left_alone),
        cmocka_unit_test(many_threads),
        cmocka_unit_test(first_error_is_everyones),
        cmocka_unit_test(cancelled),
        cmocka_unit_test(predicate),
        cmocka_unit_test(drained_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
