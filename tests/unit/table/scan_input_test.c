/* SPDX-License-Identifier: Apache-2.0
 * One input by itself: opening and its failures, units in steps, joins out of one hand. */
#include "table/scan_input.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "table/scan_fake.h"
#include "torture.h"

static struct eg_env env;

/* As the scan opens it, with one known position or none, for both parts. */
static enum eg_status open_input(struct egi_input **out, const struct eg_scan_request *request,
                                 enum eg_plan_state *planned, struct eg_error *err) {
    struct egi_known known;
    EG_TRY(egi_known_init(&known, request, request->known, request->known_count, err));
    bool refused;
    enum eg_status status =
        egi_input_open(out, &env, request, &known, 0, &(struct egi_pass){.parts = 3}, planned, err);
    if (status == EG_OK) status = egi_input_begin(*out, &known, &refused, err);
    if (status < 0 && *out) {
        egi_input_free(*out);
        *out = NULL;
    }
    egi_known_reset(&known);
    return status;
}

static struct eg_scan_request request_of(const char *const *input) {
    env = fake_env(16);
    return fake_request(input, 1);
}

static void opening(void **state) {
    (void)state;
    const char *const good = "a:100:30:", *const bad = "gone:1:1:o";
    struct eg_position known = {.key = "a", .offset = 500};
    struct egi_input *input = NULL;
    enum eg_plan_state planned;
    struct eg_error err = {0};

    struct eg_scan_request request = request_of(&good);
    assert_int_equal(open_input(&input, &request, &planned, &err), EG_OK);
    assert_int_equal(planned, EG_PLAN_NEW);
    assert_int_equal(input->plan.units, 4);
    assert_false(input->muted);
    egi_input_free(input);

    request.known = &known;
    request.known_count = 1;
    assert_int_equal(open_input(&input, &request, &planned, &err), EG_OK);
    assert_int_equal(planned, EG_PLAN_GROWN);
    assert_int_equal(input->plan.resume_offset, 500);
    assert_true(input->muted);
    egi_input_free(input);

    known.offset = 1000;
    assert_int_equal(open_input(&input, &request, &planned, &err), EG_END);
    assert_int_equal(planned, EG_PLAN_KNOWN);
    assert_null(input->extracts[0]); /* nothing to extract from */
    egi_input_free(input);

    request = request_of(&bad);
    assert_int_equal(open_input(&input, &request, &planned, &err), EG_E_NOENT);
    assert_null(input);
    assert_int_equal(fake_open_sources, 0);
    assert_int_equal(fake_open_extracts, 0);
}

/* Steps the unit to its end; answers what the last step answered. */
static enum eg_status step_all(struct egi_unit *unit, struct egi_scratch *scratch,
                               struct egi_batches *ready, struct egi_counts *counts,
                               bool *of_source) {
    enum eg_status status;
    while ((status = egi_unit_step(unit, scratch, ready, counts, of_source, NULL)) == EG_OK) {
    }
    return status;
}

static int64_t rows_of(struct egi_batches *ready) {
    int64_t rows = 0;
    struct eg_batch *batch;
    while ((batch = egi_batches_pop(ready))) {
        rows += batch->rows;
        eg_batch_unref(batch);
    }
    return rows;
}

/* What is before the place to go on from is read for its state only: no rows, no counts. */
static void muted_units(void **state) {
    (void)state;
    const char *const uri = "a:100:30:";
    struct eg_position known = {.key = "a", .offset = 500};
    struct eg_scan_request request = request_of(&uri);
    request.known = &known;
    request.known_count = 1;
    struct egi_input *input;
    enum eg_plan_state planned;
    assert_int_equal(open_input(&input, &request, &planned, NULL), EG_OK);
    assert_int_equal(input->plan.units, 4); /* 30, 20 known; 30, 20 new */
    struct egi_scratch scratch = {0};
    struct egi_batches ready = {0};
    struct egi_counts counts = {0};
    int64_t rows = 0;
    for (uint64_t i = 0; i < 4; i++) {
        struct egi_unit *unit;
        bool of_source;
        assert_int_equal(egi_unit_new(&unit, input, i, NULL), EG_OK);
        assert_int_equal(step_all(unit, &scratch, &ready, &counts, &of_source), EG_END);
        assert_false(of_source);
        assert_int_equal(egi_unit_join(unit, &scratch, &ready, &counts, NULL), EG_OK);
        assert_int_equal(egi_unit_finish(unit, &scratch, &ready, &counts, NULL), EG_OK);
        egi_unit_settle(unit);
        rows += rows_of(&ready);
        if (i == 1) {
            assert_int_equal(rows, 0);
            assert_int_equal(input->tally.count, 0);
            assert_true(input->muted);
        }
    }
    assert_false(input->muted);
    assert_int_equal(rows, 50);
    assert_int_equal(counts.frames, 100); /* read, all the same */
    assert_int_equal(egi_input_drain(input, &scratch, &ready, &counts, NULL), EG_OK);
    assert_int_equal(rows_of(&ready), 2);
    assert_int_equal(eg_tally_sum(&input->tally, EG_CAUSE_record_empty).records, 100);
    egi_input_free(input);
    egi_batches_reset(&ready);
    egi_scratch_reset(&scratch);
}

/* A cut gives what is whole, and its status is told apart from a failure to decode. */
static void cut_and_failed_units(void **state) {
    (void)state;
    const char *const cut = "a:20:30:c", *const failing = "b:200:20:f";
    struct egi_scratch scratch = {0};
    struct egi_batches ready = {0};
    struct egi_counts counts = {0};
    struct egi_input *input;
    struct egi_unit *unit;
    enum eg_plan_state planned;
    bool of_source = false;

    struct eg_scan_request request = request_of(&cut);
    assert_int_equal(open_input(&input, &request, &planned, NULL), EG_OK);
    assert_int_equal(egi_unit_new(&unit, input, 0, NULL), EG_OK);
    assert_int_equal(step_all(unit, &scratch, &ready, &counts, &of_source), EG_E_CUT);
    assert_true(of_source);
    assert_int_equal(egi_unit_join(unit, &scratch, &ready, &counts, NULL), EG_OK);
    assert_int_equal(egi_unit_finish(unit, &scratch, &ready, &counts, NULL), EG_OK);
    egi_unit_settle(unit);
    assert_int_equal(rows_of(&ready), 20);
    assert_int_equal(eg_tally_sum(&input->tally, EG_CAUSE_capture_cut).packets, 1);
    egi_input_free(input);

    /* behind a unit that failed, nothing is given */
    request = request_of(&failing);
    assert_int_equal(open_input(&input, &request, &planned, NULL), EG_OK);
    atomic_store(&input->failed_at, 2);
    assert_int_equal(egi_unit_new(&unit, input, 3, NULL), EG_OK);
    counts = (struct egi_counts){0};
    assert_int_equal(step_all(unit, &scratch, &ready, &counts, &of_source), EG_END);
    assert_int_equal(counts.frames, 0);
    egi_unit_pend(unit); /* and what is left pending goes with the input */
    for (uint64_t i = 3; i-- > 0;) {
        assert_int_equal(egi_unit_new(&unit, input, i, NULL), EG_OK);
        egi_unit_pend(unit);
        assert_int_equal(input->pending->number, i); /* in order */
    }
    egi_input_free(input);
    assert_int_equal(fake_open_units, 0);
    egi_batches_reset(&ready);
    egi_scratch_reset(&scratch);
}

static void without_memory(void **state) {
    (void)state;
    const char *const uri = "a:40:40:";
    bool more = true;
    for (long n = 0; more; n++) {
        struct eg_scan_request request = request_of(&uri);
        struct egi_scratch scratch = {0};
        struct egi_batches ready = {0};
        struct egi_counts counts = {0};
        struct egi_input *input = NULL;
        struct egi_unit *unit = NULL;
        enum eg_plan_state planned;
        bool of_source = false;
        torture_fail_after(n);
        enum eg_status status = open_input(&input, &request, &planned, NULL);
        if (status == EG_OK) status = egi_unit_new(&unit, input, 0, NULL);
        if (status == EG_OK) status = step_all(unit, &scratch, &ready, &counts, &of_source);
        if (status == EG_END) {
            enum eg_status joined = egi_unit_join(unit, &scratch, &ready, &counts, NULL);
            status = egi_unit_finish(unit, &scratch, &ready, &counts, NULL);
            if (joined < 0) status = joined;
            egi_unit_settle(unit);
        } else if (unit) {
            egi_unit_pend(unit);
        }
        if (status == EG_OK) status = egi_input_drain(input, &scratch, &ready, &counts, NULL);
        more = torture_off();
        if (status < 0) assert_int_equal(status, EG_E_NOMEM);
        egi_input_free(input);
        egi_batches_reset(&ready);
        egi_scratch_reset(&scratch);
        assert_int_equal(fake_open_units, 0);
        assert_int_equal(fake_open_sources, 0);
        assert_int_equal(fake_open_extracts, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening),
        cmocka_unit_test(muted_units),
        cmocka_unit_test(cut_and_failed_units),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
