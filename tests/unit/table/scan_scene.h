/* SPDX-License-Identifier: Apache-2.0
 * What tests of the scan share: requests to the model's source, workers on threads, and what must come of
 * them. */
#ifndef EG_TEST_SCAN_SCENE_H
#define EG_TEST_SCAN_SCENE_H

#include "table/scan.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "numbers.h"
#include "table/scan_fake.h"

static uint64_t seed = 20261121;
static inline uint32_t random_below(uint32_t n) { return xorshift_below(&seed, n); }

/* The parts stand in the wrong order: the scan puts them right. */
static inline struct eg_scan_request request_of(const char *const *inputs, size_t count) {
    struct eg_scan_request request = fake_request(inputs, count);
    struct eg_scan_part first = request.parts[0];
    request.parts[0] = request.parts[1];
    request.parts[1] = first;
    return request;
}

static inline void rows_equal(struct fake_rows *got, struct fake_rows *expected) {
    fake_rows_are(got, expected);
    fake_rows_reset(got);
}

/* The tally of the model: over `records` records of one input, all of them rows (claimed). */
static inline void tally_is(const struct eg_tally *tally, const unsigned long *records,
                            size_t inputs, int cuts) {
    int64_t order = 0, bytes = 0, rows = 0, first = INT64_MAX, last = INT64_MIN;
    for (size_t k = 0; k < inputs; k++) {
        rows += (int64_t)records[k];
        for (unsigned long i = 0; i < records[k]; i++) {
            int64_t number = (int64_t)fake_number(i), time_us = (int64_t)i * 1000;
            if (number % 11 != 0) continue;
            order++;
            bytes += number;
            if (time_us < first) first = time_us;
            if (time_us > last) last = time_us;
        }
    }
    struct eg_tally_entry sum = eg_tally_sum(tally, EG_CAUSE_time_order);
    assert_int_equal(sum.records, order);
    assert_int_equal(sum.bytes, bytes);
    if (order) {
        assert_int_equal(sum.start_us, first);
        assert_int_equal(sum.end_us, last);
    }
    assert_int_equal(eg_tally_sum(tally, EG_CAUSE_record_empty).records, rows);
    assert_int_equal(eg_tally_sum(tally, EG_CAUSE_capture_cut).packets, cuts);
}

static const char *const four[] = {"a:1000:70:", "b:333:5:sc", "empty:0:10:", "c:901:900:c"};
static const unsigned long four_records[] = {1000, 333, 0, 901};

static inline void four_expected(struct fake_rows *expected) {
    for (int i = 0; i < 4; i++) fake_expect(expected, four_records[i], true, true, true, true);
}

struct runner {
    struct eg_scan *scan;
    struct eg_scan_worker *worker;
    struct fake_rows got;
    enum eg_status status;
    struct eg_error err;
    atomic_bool *cancel; /* set after `cancel_after` batches */
    int cancel_after;
};

static inline void *run(void *arg) {
    struct runner *r = arg;
    struct eg_batch *batch;
    while ((r->status = eg_scan_next(r->worker, &batch, &r->err)) == EG_OK) {
        fake_add_batch(&r->got, batch);
        eg_batch_unref(batch);
        if (r->cancel && r->cancel_after-- == 0) atomic_store(r->cancel, true);
    }
    return NULL;
}

static inline void threads_run(struct eg_scan *scan, struct runner *runners, uint32_t count) {
    pthread_t threads[8];
    for (uint32_t i = 0; i < count; i++) {
        runners[i].scan = scan;
        assert_int_equal(eg_scan_worker_new(&runners[i].worker, scan, NULL), EG_OK);
    }
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, &runners[i]), 0);
    for (uint32_t i = 0; i < count; i++) pthread_join(threads[i], NULL);
    for (uint32_t i = 0; i < count; i++) eg_scan_worker_free(runners[i].worker);
}

static inline void rows_move(struct fake_rows *to, struct fake_rows *from) {
    for (size_t i = 0; i < from->count; i++) fake_add(to, from->rows[i]);
    fake_rows_reset(from);
}

/* Reads a scan to its end on so many threads; answers it, for what it tells. */
static inline struct eg_scan *threads_read(const struct eg_env *env,
                                           const struct eg_scan_request *request, uint32_t workers,
                                           struct fake_rows *got) {
    struct eg_scan *scan;
    struct runner runners[8] = {{0}};
    assert_int_equal(eg_scan_open(&scan, env, request, NULL), EG_OK);
    threads_run(scan, runners, workers);
    for (uint32_t i = 0; i < workers; i++) {
        assert_int_equal(runners[i].status, EG_END);
        rows_move(got, &runners[i].got);
    }
    assert_true(eg_scan_over(scan));
    return scan;
}

/* Reads until `most` rows are there or the input is over, then holds; answers the position. */
static inline enum eg_status read_some(struct eg_scan *scan, uint32_t workers, uint32_t most,
                                       struct fake_rows *got, struct eg_position *position) {
    struct eg_scan_worker *worker[8];
    for (uint32_t i = 0; i < workers; i++)
        assert_int_equal(eg_scan_worker_new(&worker[i], scan, NULL), EG_OK);
    size_t before = got->count;
    for (uint32_t left = workers; left;) {
        uint32_t i = random_below(left);
        struct eg_batch *batch;
        enum eg_status status = eg_scan_next(worker[i], &batch, NULL);
        if (status == EG_END) {
            eg_scan_worker_free(worker[i]);
            worker[i] = worker[--left];
            continue;
        }
        assert_int_equal(status, EG_OK);
        fake_add_batch(got, batch);
        eg_batch_unref(batch);
        if (got->count - before >= most) eg_scan_hold(scan, true);
    }
    return eg_scan_position(scan, position, NULL);
}

#endif
