/* SPDX-License-Identifier: Apache-2.0
 * The scan as its caller has it: held and gone on with, its positions, stopped, short of memory. */
#include "table/scan_scene.h"
#include "torture.h"

/* Held at random places, stopped there, and begun anew from the position: every row once. */
static void hold_and_resume(void **state) {
    (void)state;
    const char *const kinds[] = {"a:1000:30:", "a:1000:9:s", "a:1000:30:c"};
    for (int round = 0; round < 60; round++) {
        struct eg_env env = fake_env(round % 2 ? 7 : 64);
        struct eg_scan_request request = request_of(&kinds[round % 3], 1);
        struct eg_position known = {0}, position;
        struct fake_rows got = {0}, expected = {0};
        struct eg_tally losses = {0};
        for (int life = 0;; life++) {
            struct eg_scan *scan;
            assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
            bool done = eg_scan_over(scan);
            for (uint32_t rounds = random_below(3) + 1; !done && rounds; rounds--) {
                enum eg_status status =
                    read_some(scan, 1 + random_below(4), 1 + random_below(300), &got, &position);
                assert_int_equal(status, EG_OK);
                assert_true(position.offset > known.offset || eg_scan_over(scan));
                known = position;
                eg_scan_losses(scan, &losses);
                done = eg_scan_over(scan);
                eg_scan_hold(scan, false);
            }
            eg_scan_free(scan);
            request.known = &known;
            request.known_count = 1;
            if (done) break;
            assert_in_range(life, 0, 2000);
        }
        assert_int_equal(known.offset, 10000);
        const unsigned long records = 1000;
        tally_is(&losses, &records, 1, round % 3 == 2);
        eg_tally_reset(&losses);
        fake_expect(&expected, 1000, true, true, true, true);
        rows_equal(&got, &expected);
        fake_all_closed();
    }
}

/* With `pause`, workers stop at each input's end, and positions are per input. */
static void pauses(void **state) {
    (void)state;
    struct eg_env env = fake_env(16);
    struct eg_scan_request request = request_of(four, 4);
    request.pause = true;
    struct eg_scan *scan;
    assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
    for (int i = 0; i < 4; i++) {
        struct fake_rows got = {0}, expected = {0};
        struct eg_position position;
        struct eg_tally losses = {0};
        if (i == 0) {
            assert_int_equal(eg_scan_position(scan, &position, NULL), EG_END);
        }
        enum eg_status status = read_some(scan, 3, 1000000, &got, &position);
        assert_int_equal(status, four_records[i] ? EG_OK : EG_END);
        if (four_records[i]) assert_int_equal(position.offset, four_records[i] * 10);
        assert_string_equal(eg_scan_input(scan), four[i]);
        assert_int_equal(eg_scan_over(scan), i == 3);
        assert_int_equal(eg_scan_commit(scan, &position, NULL), EG_OK);
        assert_int_equal(fake_committed, position.offset);
        eg_scan_losses(scan, &losses);
        tally_is(&losses, &four_records[i], 1, i == 1 || i == 3);
        eg_tally_reset(&losses);
        fake_expect(&expected, four_records[i], true, true, true, true);
        rows_equal(&got, &expected);
        eg_scan_hold(scan, false);
    }
    assert_true(eg_scan_over(scan));
    eg_scan_free(scan);
    fake_all_closed();
}

/* A position never vouches for what stands behind a unit that could not be read. */
static void position_before_failure(void **state) {
    (void)state;
    const char *const inputs[] = {"b:200:10:f", "c:200:10:sf"};
    for (int i = 0; i < 2; i++)
        for (uint32_t workers = 1; workers < 5; workers++) {
            struct eg_env env = fake_env(4);
            struct eg_scan_request request = request_of(&inputs[i], 1);
            request.keep_going = request.pause = true;
            struct eg_scan *scan;
            struct eg_position position;
            struct fake_rows got = {0};
            assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
            assert_int_equal(read_some(scan, workers, 1000000, &got, &position), EG_OK);
            assert_int_equal(position.offset, i == 0 ? 400 : 160);
            fake_rows_reset(&got);
            eg_scan_free(scan);
            fake_all_closed();
        }
}

/* Where rows behind such a unit were given out all the same, there is no honest position. */
static void failure_behind_what_was_given(void **state) {
    (void)state;
    const char *const inputs[] = {"b:200:10:b"};
    for (uint32_t workers = 1; workers < 4; workers++) {
        struct eg_env env = fake_env(4);
        struct eg_scan_request request = request_of(inputs, 1);
        request.keep_going = request.pause = true;
        struct eg_scan *scan;
        struct eg_position position;
        struct fake_rows got = {0};
        assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
        assert_int_equal(read_some(scan, workers, 1000000, &got, &position), EG_E_IO);
        fake_rows_reset(&got);
        eg_scan_free(scan);
        fake_all_closed();
    }
}

/* What a pipe gave is known, though not what it will give. */
static void bytes_of_a_pipe(void **state) {
    (void)state;
    const char *const inputs[] = {"a:100:10:", "p:333:5:sp"};
    struct eg_env env = fake_env(16);
    struct eg_scan_request request = request_of(inputs, 2);
    struct eg_scan *scan;
    struct runner runner = {0};
    assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
    threads_run(scan, &runner, 1);
    assert_int_equal(runner.status, EG_END);
    struct eg_scan_progress seen = eg_scan_progress(scan);
    assert_int_equal(seen.bytes_total, 1000);
    assert_int_equal(seen.bytes_done, 1000 + 3330);
    fake_rows_reset(&runner.got);
    eg_scan_free(scan);
    fake_all_closed();
}

static void stopped_from_outside(void **state) {
    (void)state;
    const char *const inputs[] = {"a:1000:10:"};
    struct eg_env env = fake_env(4);
    struct eg_scan_request request = request_of(inputs, 1);
    struct eg_scan *scan;
    struct eg_scan_worker *worker;
    struct eg_batch *batch;
    struct eg_error err = {0}, why = {.status = EG_E_NOSPACE, .message = "sink: full"};
    assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
    assert_int_equal(eg_scan_worker_new(&worker, scan, NULL), EG_OK);
    assert_int_equal(eg_scan_next(worker, &batch, NULL), EG_OK);
    eg_batch_unref(batch);
    eg_scan_stop(scan, &why);
    why.status = EG_E_IO;
    eg_scan_stop(scan, &why); /* the first stays */
    assert_int_equal(eg_scan_next(worker, &batch, &err), EG_E_NOSPACE);
    assert_string_equal(err.message, "sink: full");
    eg_scan_worker_free(worker);
    eg_scan_free(scan);
    fake_all_closed();
}

/* Every request for memory fails once: an error or a counted loss, no crash, no leak. */
static void torture(void **state) {
    (void)state;
    const char *const inputs[] = {"a:60:20:", "b:20:5:sc", "gone:1:1:o"};
    bool more = true;
    for (long n = 0; more; n++) {
        struct eg_env env = fake_env(8);
        struct eg_scan_request request = request_of(inputs, 3);
        request.keep_going = true;
        struct eg_scan *scan;
        struct eg_scan_worker *worker;
        struct eg_batch *batch;
        uint64_t rows = 0;
        torture_fail_after(n);
        enum eg_status status = eg_scan_open(&scan, &env, &request, NULL);
        if (status == EG_OK) {
            status = eg_scan_worker_new(&worker, scan, NULL);
            if (status == EG_OK) {
                while ((status = eg_scan_next(worker, &batch, NULL)) == EG_OK) {
                    rows += batch->rows;
                    eg_batch_unref(batch);
                }
                eg_scan_worker_free(worker);
            }
            more = torture_off();
            int64_t lost = eg_tally_sum(eg_scan_tally(scan), EG_CAUSE_no_memory).packets +
                           eg_tally_sum(eg_scan_tally(scan), EG_CAUSE_no_memory).records +
                           eg_scan_tally(scan)->lost;
            if (status == EG_END && rows != 60 + 20 + 4) assert_true(lost > 0);
            eg_scan_free(scan);
        }
        more = torture_off() || more;
        if (status != EG_END) assert_int_equal(status, EG_E_NOMEM);
        fake_all_closed();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hold_and_resume),
        cmocka_unit_test(pauses),
        cmocka_unit_test(position_before_failure),
        cmocka_unit_test(failure_behind_what_was_given),
        cmocka_unit_test(bytes_of_a_pipe),
        cmocka_unit_test(stopped_from_outside),
        cmocka_unit_test(torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
