/* SPDX-License-Identifier: Apache-2.0
 * The scan gives the rows and counts that reading in order gives, however it is called. */
#include "table/scan.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "table/scan_fake.h"
#include "torture.h"

static uint64_t seed = 20261121;
static uint32_t random_below(uint32_t n) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 20) % n;
}

static struct eg_scan_request request_of(const char *const *inputs, size_t count) {
    return (struct eg_scan_request){
        .source = &fake_source,
        .inputs = inputs,
        .input_count = count,
        .parts = {{.extract = &fake_packets, .columns = EG_COLUMNS_ALL},
                  {.extract = &fake_exports, .columns = EG_COLUMNS_ALL}},
        .part_count = 2,
        .claim = true,
    };
}

static struct eg_env env_of(uint32_t batch_rows) {
    struct eg_env env = eg_env_plain;
    env.batch_rows = batch_rows;
    return env;
}

static void all_closed(void) {
    assert_int_equal(fake_open_sources, 0);
    assert_int_equal(fake_open_extracts, 0);
    assert_int_equal(fake_open_units, 0);
}

static void rows_equal(struct fake_rows *got, struct fake_rows *expected) {
    fake_sort(got);
    fake_sort(expected);
    for (size_t i = 0; i < got->count && i < expected->count; i++)
        if (fake_compare(&got->rows[i], &expected->rows[i]) != 0)
            fail_msg("row %zu: table %d time %ld number %ld before %ld, not %d %ld %ld %ld", i,
                     got->rows[i].table, got->rows[i].time_us, got->rows[i].number,
                     got->rows[i].before, expected->rows[i].table, expected->rows[i].time_us,
                     expected->rows[i].number, expected->rows[i].before);
    assert_int_equal(got->count, expected->count);
    fake_rows_reset(got);
    fake_rows_reset(expected);
}

/* The tally of the model: over `records` records of one input, all of them rows (claimed). */
static void tally_is(const struct eg_tally *tally, const unsigned long *records, size_t inputs,
                     int cuts) {
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

static void four_expected(struct fake_rows *expected) {
    for (int i = 0; i < 4; i++) fake_expect(expected, four_records[i], true, true, true, true);
}

/* Any number of workers, called from one thread in random order until each has answered EG_END. */
static void one_thread_any_order(void **state) {
    (void)state;
    const uint32_t capacities[] = {1, 7, 4096};
    for (int round = 0; round < 60; round++) {
        uint32_t workers = 1 + random_below(8), left = workers;
        struct eg_env env = env_of(capacities[round % 3]);
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
        all_closed();
    }
}

/* A worker that is called once and then left alone, in the middle of the first unit: the other one
 * reads all there is, and does not run ahead without bound meanwhile. */
static void left_alone(void **state) {
    (void)state;
    const char *const inputs[] = {"a:1200:3:", "b:1200:3:s"};
    for (int i = 0; i < 2; i++) {
        struct eg_env env = env_of(1);
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
        all_closed();
    }
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

static void *run(void *arg) {
    struct runner *r = arg;
    struct eg_batch *batch;
    while ((r->status = eg_scan_next(r->worker, &batch, &r->err)) == EG_OK) {
        fake_add_batch(&r->got, batch);
        eg_batch_unref(batch);
        if (r->cancel && r->cancel_after-- == 0) atomic_store(r->cancel, true);
    }
    return NULL;
}

static void threads_run(struct eg_scan *scan, struct runner *runners, uint32_t count) {
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

static void rows_move(struct fake_rows *to, struct fake_rows *from) {
    for (size_t i = 0; i < from->count; i++) fake_add(to, from->rows[i]);
    fake_rows_reset(from);
}

static void many_threads(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 24; round++) {
        uint32_t workers = 1 + round % 8;
        struct eg_env env = env_of(round % 3 == 0 ? 1 : 32);
        struct eg_scan_request request = request_of(four, 4);
        struct eg_scan *scan;
        struct runner runners[8] = {{0}};
        struct fake_rows got = {0}, expected = {0};
        assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
        threads_run(scan, runners, workers);
        for (uint32_t i = 0; i < workers; i++) {
            assert_int_equal(runners[i].status, EG_END);
            rows_move(&got, &runners[i].got);
        }
        assert_true(eg_scan_over(scan));
        tally_is(eg_scan_tally(scan), four_records, 4, 2);
        eg_scan_free(scan);
        four_expected(&expected);
        rows_equal(&got, &expected);
        all_closed();
    }
}

/* Reads until `most` rows are there or the input is over, then holds; answers the position. */
static enum eg_status read_some(struct eg_scan *scan, uint32_t workers, uint32_t most,
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

/* Held at random places, stopped there, and begun anew from the position: every row once. */
static void hold_and_resume(void **state) {
    (void)state;
    const char *const kinds[] = {"a:1000:30:", "a:1000:9:s", "a:1000:30:c"};
    for (int round = 0; round < 60; round++) {
        struct eg_env env = env_of(round % 2 ? 7 : 64);
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
        all_closed();
    }
}

/* Known whole: nothing is read, and it is said. */
static void known_inputs(void **state) {
    (void)state;
    const char *const inputs[] = {"a:100:10:", "b:50:10:", "c:70:10:s"};
    struct eg_position known[] = {{.key = "a", .offset = 1000}, {.key = "c", .offset = 700}};
    struct eg_env env = env_of(16);
    struct eg_scan_request request = request_of(inputs, 3);
    request.known = known;
    request.known_count = 2;
    struct eg_scan *scan;
    struct runner runner = {0};
    struct fake_rows expected = {0};
    assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
    threads_run(scan, &runner, 1);
    size_t troubles;
    const struct eg_trouble *trouble = eg_scan_troubles(scan, &troubles);
    assert_int_equal(troubles, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(trouble[i].status, EG_OK);
        assert_int_equal(trouble[i].state, EG_PLAN_KNOWN);
        assert_non_null(strstr(trouble[i].message, "already ingested"));
    }
    assert_string_equal(trouble[1].input, inputs[2]);
    eg_scan_free(scan);
    fake_expect(&expected, 50, true, true, true, true);
    rows_equal(&runner.got, &expected);
    all_closed();
}

/* With `pause`, workers stop at each input's end, and positions are per input. */
static void pauses(void **state) {
    (void)state;
    struct eg_env env = env_of(16);
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
    all_closed();
}

/* ---- trouble ---- */

static void inputs_that_fail(void **state) {
    (void)state;
    const char *const inputs[] = {"a:100:10:", "gone:1:1:o", "b:200:10:f", "c:200:10:sf",
                                  "d:30:7:"};
    for (uint32_t workers = 1; workers <= 4; workers += 3) {
        struct eg_env env = env_of(16);
        struct eg_scan_request request = request_of(inputs, 5);
        request.keep_going = true;
        struct eg_scan *scan;
        struct runner runners[4] = {{0}};
        struct fake_rows got = {0}, expected = {0};
        assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
        threads_run(scan, runners, workers);
        for (uint32_t i = 0; i < workers; i++) {
            assert_int_equal(runners[i].status, EG_END);
            rows_move(&got, &runners[i].got);
        }
        assert_true(eg_scan_over(scan));
        size_t count;
        const struct eg_trouble *trouble = eg_scan_troubles(scan, &count);
        assert_int_equal(count, 3);
        assert_string_equal(trouble[0].message, "gone:1:1:o: no such input");
        assert_int_equal(trouble[0].status, EG_E_NOENT);
        assert_string_equal(trouble[1].input, inputs[2]);
        assert_int_equal(trouble[1].status, EG_E_IO);
        assert_string_equal(trouble[2].message, "c: input/output error");
        eg_scan_free(scan);
        const unsigned long records[] = {100, 40, 40, 30};
        for (int i = 0; i < 4; i++) fake_expect(&expected, records[i], true, true, true, true);
        rows_equal(&got, &expected);
        fake_rows_reset(&got);
        all_closed();
    }
}

/* A position never vouches for what stands behind a unit that could not be read. */
static void position_before_failure(void **state) {
    (void)state;
    const char *const inputs[] = {"b:200:10:f", "c:200:10:sf"};
    for (int i = 0; i < 2; i++)
        for (uint32_t workers = 1; workers < 5; workers++) {
            struct eg_env env = env_of(4);
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
            all_closed();
        }
}

/* Where rows behind such a unit were given out all the same, there is no honest position. */
static void failure_behind_what_was_given(void **state) {
    (void)state;
    const char *const inputs[] = {"b:200:10:b"};
    for (uint32_t workers = 1; workers < 4; workers++) {
        struct eg_env env = env_of(4);
        struct eg_scan_request request = request_of(inputs, 1);
        request.keep_going = request.pause = true;
        struct eg_scan *scan;
        struct eg_position position;
        struct fake_rows got = {0};
        assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
        assert_int_equal(read_some(scan, workers, 1000000, &got, &position), EG_E_IO);
        fake_rows_reset(&got);
        eg_scan_free(scan);
        all_closed();
    }
}

static void first_error_is_everyones(void **state) {
    (void)state;
    const char *const inputs[] = {"a:3000:10:f", "b:100:10:"};
    struct eg_env env = env_of(16);
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
    all_closed();

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
        struct eg_env env = env_of(4);
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
        all_closed();
    }
}

static enum eg_status refuse(void *to, const char *key, const char *lock, const char *name,
                             struct eg_position **news, size_t *news_count, struct eg_error *err) {
    (void)name;
    assert_null(*news);
    assert_int_equal(*news_count, 0);
    if (strcmp(key, to) != 0) return strcmp(lock, key) == 0 ? EG_OK : EG_E_IO;
    return eg_fail(err, EG_E_LOCKED, "%s is being read (%s)", key, lock);
}

/* A source that another process owns ends the scan, keep_going or not. */
static void locked(void **state) {
    (void)state;
    const char *const inputs[] = {"a:100:10:", "b:100:10:"};
    struct eg_env env = env_of(16);
    struct eg_scan_request request = request_of(inputs, 2);
    char owned[] = "b";
    request.keep_going = true;
    request.claim_source = refuse;
    request.claim_to = owned;
    struct eg_scan *scan;
    struct runner runner = {0};
    assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
    threads_run(scan, &runner, 1);
    assert_int_equal(runner.status, EG_E_LOCKED);
    assert_string_equal(runner.err.message, "b is being read (lock of b)");
    fake_rows_reset(&runner.got);
    eg_scan_free(scan);
    all_closed();
}

/* What another process has made durable since the scan was opened, told with the claim. */
struct gossip {
    const char *of;
    uint64_t offset;
    int asked;
};

static enum eg_status tell(void *to, const char *key, const char *lock, const char *name,
                           struct eg_position **news, size_t *news_count, struct eg_error *err) {
    (void)name, (void)lock, (void)err;
    struct gossip *gossip = to;
    gossip->asked++;
    if (strcmp(key, gossip->of) != 0) return EG_OK;
    *news = eg_calloc(2, sizeof **news);
    snprintf((*news)[0].key, sizeof(*news)[0].key, "elsewhere");
    snprintf((*news)[1].key, sizeof(*news)[1].key, "%s", key);
    (*news)[1].offset = gossip->offset;
    *news_count = 2;
    return EG_OK;
}

/* An input that somebody else went on with is planned anew: nothing of it comes twice. */
static void news_of_others(void **state) {
    (void)state;
    const char *const inputs[] = {"a:100:10:", "b:100:10:", "c:100:10:"};
    const uint64_t offsets[] = {0, 400, 1000};
    for (int i = 0; i < 3; i++) {
        struct gossip gossip = {"b", offsets[i], 0};
        struct eg_env env = env_of(16);
        struct eg_scan_request request = request_of(inputs, 3);
        request.claim_source = tell;
        request.claim_to = &gossip;
        struct eg_scan *scan;
        struct runner runner = {0};
        assert_int_equal(eg_scan_open(&scan, &env, &request, NULL), EG_OK);
        threads_run(scan, &runner, 1);
        assert_int_equal(runner.status, EG_END);
        struct eg_scan_progress seen = eg_scan_progress(scan);
        uint64_t least = 300 - offsets[i] / 10, given = seen.rows[EG_TABLE_FLOWS] + seen.rows[EG_TABLE_PACKETS];
        if (given < least || given > least + 6) fail_msg("%llu rows, not %llu", (unsigned long long)given, (unsigned long long)least);
        assert_int_equal(gossip.asked, 3);
        size_t troubles;
        const struct eg_trouble *trouble = eg_scan_troubles(scan, &troubles);
        assert_int_equal(troubles, i == 2);
        if (troubles) assert_non_null(strstr(trouble->message, "already ingested"));
        fake_rows_reset(&runner.got);
        eg_scan_free(scan);
        all_closed();
    }
}

/* What a pipe gave is known, though not what it will give. */
static void bytes_of_a_pipe(void **state) {
    (void)state;
    const char *const inputs[] = {"a:100:10:", "p:333:5:sp"};
    struct eg_env env = env_of(16);
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
    all_closed();
}

static void stopped_from_outside(void **state) {
    (void)state;
    const char *const inputs[] = {"a:1000:10:"};
    struct eg_env env = env_of(4);
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
    all_closed();
}

/* ---- predicates ---- */

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
        struct eg_env env = env_of(rows);
        struct eg_scan_request request = request_of(inputs, 1);
        request.parts[0] = (struct eg_scan_part){&fake_exports, EG_SET(FLOWS, start_time), &even, 0};
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

/* ---- memory ---- */

/* Every request for memory fails once: an error or a counted loss, no crash, no leak. */
static void torture(void **state) {
    (void)state;
    const char *const inputs[] = {"a:60:20:", "b:20:5:sc", "gone:1:1:o"};
    bool more = true;
    for (long n = 0; more; n++) {
        struct eg_env env = env_of(8);
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
        all_closed();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_any_order),
        cmocka_unit_test(left_alone),
        cmocka_unit_test(many_threads),
        cmocka_unit_test(hold_and_resume),
        cmocka_unit_test(known_inputs),
        cmocka_unit_test(pauses),
        cmocka_unit_test(inputs_that_fail),
        cmocka_unit_test(position_before_failure),
        cmocka_unit_test(failure_behind_what_was_given),
        cmocka_unit_test(first_error_is_everyones),
        cmocka_unit_test(cancelled),
        cmocka_unit_test(locked),
        cmocka_unit_test(news_of_others),
        cmocka_unit_test(bytes_of_a_pipe),
        cmocka_unit_test(stopped_from_outside),
        cmocka_unit_test(predicate),
        cmocka_unit_test(torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
