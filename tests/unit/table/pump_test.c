/* SPDX-License-Identifier: Apache-2.0
 * The pump: every row once in the sink, whatever stops it; losses, positions, commits, the account. */
#include "table/pump_scene.h"
#include "torture.h"

/* ---- all goes well ---- */

/* For eg_scan_request.keep_known. */
static enum eg_status look_at_known(void *to, struct eg_source *source, char *told, size_t room,
                                    struct eg_error *err) {
    (void)source;
    (void)told;
    (void)room;
    (void)err;
    ++*(int *)to;
    return EG_OK;
}

static void rows_and_account(void **state) {
    (void)state;
    for (uint32_t threads = 1; threads <= 3; threads++) {
        struct eg_env env = fake_env(64);
        struct eg_sink first = sink_new(), second = sink_new();
        struct eg_pump_sink sinks[] = {{&memory, &first, "first", NULL, false},
                                       {&memory, &second, "second", NULL, false}};
        struct eg_pump_request request = request_of(sinks, 2, three, 3);
        request.threads = threads;
        request.round_bytes = 20000;
        struct eg_pump_account account;
        assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
        struct fake_rows expected = {0};
        three_expected(&expected);
        size_t total = expected.count;
        fake_rows_are(&first.rows, &expected);
        three_expected(&expected);
        fake_rows_are(&second.rows, &expected);
        assert_in_range(first.flushes, 3,
                        30); /* rounds, and this source wants to hear of each input */
        assert_int_equal(account.kept[EG_TABLE_FLOWS] + account.kept[EG_TABLE_PACKETS], total);
        assert_int_equal(account.kept[EG_TABLE_LOSSES], 1);
        assert_int_equal(account.seen.frames, 1000 + 333 + 901);
        assert_int_equal(account.inputs, 3);
        assert_int_equal(account.inputs_known, 0);
        assert_int_equal(account.inputs_failed, 0);
        assert_int_equal(account.first_us, 0);
        assert_int_equal(account.last_us, INT64_C(1) << 40);
        assert_int_equal(account.trouble_count, 1); /* it is cut */
        assert_int_equal(account.troubles[0].status, EG_E_CUT);
        assert_int_equal(eg_tally_sum(&account.tally, EG_CAUSE_capture_cut).packets, 1);
        assert_int_equal(eg_tally_sum(&account.tally, EG_CAUSE_record_empty).records, 2234);
        /* only losses become rows, not what is merely noted */
        assert_int_equal(first.loss_rows, 1);
        assert_int_equal(first.lost_packets, 1);
        /* it has no time: the one at which it is told of stands beside the file */
        assert_memory_equal(first.extra, "{\"file\":\"a:1000:70:c\",\"ingested\":\"2", 35);
        /* a position per input and table, and the source was told of the last one */
        assert_int_equal(first.place_count, 6);
        for (size_t i = 0; i < 6; i++)
            assert_int_equal(first.places[i].offset, three_records[i / 2] * 10);
        assert_int_equal(fake_committed, 9010);
        eg_pump_account_reset(&account);

        /* again: nothing is new */
        request.threads = 2;
        int writes = first.writes, flushes = first.flushes;
        assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
        assert_int_equal(first.writes, writes);
        assert_int_equal(first.flushes, flushes);
        assert_int_equal(account.inputs_known, 3);
        assert_int_equal(account.trouble_count, 3);
        assert_string_equal(account.troubles[1].message,
                            "b:333:5:s: already ingested, nothing in it is new");
        assert_int_equal(account.kept[EG_TABLE_FLOWS], 0);
        assert_true(account.first_us > account.last_us);
        eg_pump_account_reset(&account);

        /* who looks at what is known may have found something that goes with a flush */
        int looked = 0;
        request.scan.keep_known = look_at_known;
        request.scan.keep_to = &looked;
        assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
        assert_int_equal(looked, 3);
        assert_int_equal(first.writes, writes);
        assert_int_equal(first.flushes, flushes + 1);
        assert_int_equal(first.place_count, 6);
        eg_pump_account_reset(&account);
        request.scan.keep_known = NULL;

        /* one has grown */
        const char *const grown[] = {"a:1100:70:", "b:333:5:s"};
        request.scan.inputs = grown;
        request.scan.input_count = 2;
        assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
        assert_int_equal(account.inputs_known, 1);
        /* the row that drain gave at the first end stands; a second one tells of all */
        assert_int_equal(account.kept[EG_TABLE_FLOWS] + account.kept[EG_TABLE_PACKETS], 100 + 2);
        eg_pump_account_reset(&account);
        sink_reset(&first);
        sink_reset(&second);
        fake_all_closed();
    }
}

struct flush_heard {
    const struct eg_sink *sink;
    int count;
    size_t positions;
    bool refuses;
};
static enum eg_status flush_hear(void *to, const struct eg_position *positions, size_t count,
                                 struct eg_error *err) {
    struct flush_heard *heard = to;
    assert_int_equal(heard->sink->flushes, heard->count++); /* before it */
    heard->positions += count;
    assert_int_equal(positions[count - 1].offset, 9010);
    return heard->refuses ? eg_fail(err, EG_E_NOSPACE, "full") : EG_OK;
}

/* A source that need not hear of commits: small inputs share a flush. */
static void small_inputs_share(void **state) {
    (void)state;
    struct eg_env env = fake_env(64);
    struct eg_source_type quiet = fake_source;
    quiet.commit = eg_source_commit_nop;
    struct eg_sink sink = sink_new();
    struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
    struct eg_pump_request request = request_of(sinks, 1, three, 3);
    request.scan.source = &quiet;
    struct flush_heard heard = {.sink = &sink};
    request.flushing = flush_hear;
    request.flushed_to = &heard;
    struct eg_pump_account account;
    assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
    assert_int_equal(sink.flushes, 1);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.positions, 6);
    assert_int_equal(sink.place_count, 6);
    struct fake_rows expected = {0};
    three_expected(&expected);
    fake_rows_are(&sink.rows, &expected);
    eg_pump_account_reset(&account);
    sink_reset(&sink);
    /* who cannot keep what goes with the positions has no flush */
    heard = (struct flush_heard){.sink = &sink, .count = sink.flushes, .refuses = true};
    struct eg_error err;
    assert_int_equal(eg_pump_run(&env, &request, &account, &err), EG_E_NOSPACE);
    assert_int_equal(sink.flushes, 0);
    assert_int_equal(account.kept[EG_TABLE_FLOWS], 0);
    eg_pump_account_reset(&account);
    sink_reset(&sink);
}

/* ---- what sinks lose at their end ---- */

struct end_heard {
    struct eg_sink *sink;
    int count;
};
static int64_t to_be_lost; /* by the sink of raw rows, when its losses are asked for */
static void end_hear(void *to) {
    struct end_heard *heard = to;
    assert_int_equal(heard->sink->flushes, 0); /* before the last flush, here the only one */
    heard->count++;
    to_be_lost = 7;
}
static void losses_late(struct eg_sink *sink, struct eg_tally *to) {
    (void)sink;
    if (to_be_lost) eg_tally_add(to, EG_CAUSE_recording_full, NULL, 5, 0, to_be_lost, 0);
    to_be_lost = 0;
}
static enum eg_status raw_take(struct eg_sink *sink, struct eg_batch *raw, struct eg_error *err) {
    (void)sink, (void)raw, (void)err;
    return EG_OK;
}

/* What is only known to be lost when a sink ends stands in the account and in the rows. */
static void losses_of_the_end_are_rows(void **state) {
    (void)state;
    struct eg_env env = fake_env(64);
    struct eg_source_type quiet = fake_source;
    quiet.commit = eg_source_commit_nop;
    struct eg_sink_type raw = memory;
    raw.takes = EG_TAKES_RAW;
    raw.write = raw_take;
    raw.losses = losses_late;
    struct eg_sink sink, recording;
    memset(&sink, 0, sizeof sink);
    memset(&recording, 0, sizeof recording);
    sink_reset(&sink);
    sink_reset(&recording);
    struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false},
                                   {&raw, &recording, "r", NULL, false}};
    static const char *const whole[] = {"a:1000:70:"};
    struct eg_pump_request request = request_of(sinks, 2, whole, 1);
    request.scan.source = &quiet;
    struct end_heard heard = {.sink = &sink};
    request.ending = end_hear;
    request.flushed_to = &heard;
    struct eg_pump_account account;
    assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
    assert_int_equal(heard.count, 1);
    assert_int_equal(recording.flushes, 2); /* before that, and with the others */
    assert_int_equal(sink.lost_flushed, 7);
    assert_int_equal(eg_tally_sum(&account.tally, EG_CAUSE_recording_full).packets, 7);
    assert_int_equal(account.raw[0].lost, 7);
    eg_pump_account_reset(&account);
    sink_reset(&sink);
    sink_reset(&recording);
}

/* ---- raw sinks ---- */

static int64_t raw_next; /* the offset that must come */
static enum eg_status raw_write(struct eg_sink *sink, struct eg_batch *batch,
                                struct eg_error *err) {
    (void)sink;
    (void)err;
    assert_int_equal(batch->table_id, EG_TABLE_RAW);
    for (uint32_t i = 0; i < batch->rows; i++, raw_next += 10)
        assert_int_equal(eg_col_i64(&batch->columns[EG_COL(RAW, offset)])[i], raw_next);
    return EG_OK;
}

static int raw_asked; /* how often it was asked what it lost: two packets each time */
static void raw_losses(struct eg_sink *sink, struct eg_tally *to) {
    (void)sink;
    raw_asked++;
    eg_tally_add(to, EG_CAUSE_recording_full, NULL, INT64_MIN, 0, 2, 0);
}

/* They see all input, in order, and nothing else; of a grown input what is new. What they took and lost is
 * counted, once. */
static void raw_sinks_see_the_input(void **state) {
    (void)state;
    struct eg_sink_type raw = memory;
    raw.takes = EG_TAKES_RAW;
    raw.write = raw_write;
    raw.losses = raw_losses;
    const char *const inputs[] = {"a:1000:70:", "a:1300:70:", "a:1305:70:s"};
    for (uint32_t threads = 1; threads <= 3; threads++) {
        struct eg_sink sink = sink_new(), none = sink_new();
        struct eg_env env = fake_env(64);
        struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false},
                                       {&raw, &none, "r", NULL, false}};
        raw_next = raw_asked = 0;
        struct eg_pump_account all = {.first_us = INT64_MAX, .last_us = INT64_MIN};
        for (int i = 0; i < 3; i++) {
            struct eg_pump_request request = request_of(sinks, 2, &inputs[i], 1);
            request.threads = threads;
            request.round_bytes = 5000;
            struct eg_pump_account account;
            assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
            assert_int_equal(eg_pump_account_merge(&all, &account, NULL), EG_OK);
            eg_pump_account_reset(&account);
        }
        assert_int_equal(raw_next, 13050);
        assert_int_equal(all.raw_count, 1);
        assert_int_equal(all.raw[0].rows, 1305);
        assert_true(raw_asked > 3);
        assert_int_equal(all.raw[0].lost, 2 * raw_asked);
        assert_int_equal(eg_tally_sum(&all.tally, EG_CAUSE_recording_full).packets, 2 * raw_asked);
        eg_pump_account_reset(&all);
        sink_reset(&sink);
        sink_reset(&none);
        fake_all_closed();
    }
}

/* ---- and when it does not ---- */

/* Stopped by a sink at a random place, again and again: in the end every row is there once. */
static void stopped_and_resumed(void **state) {
    (void)state;
    for (int round = 0; round < 40; round++) {
        struct eg_env env = fake_env(16);
        struct eg_source_type quiet = fake_source;
        quiet.commit = eg_source_commit_nop;
        struct eg_sink sink = sink_new();
        struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
        struct eg_pump_request request = request_of(sinks, 1, three, 3);
        if (round % 2) request.scan.source = &quiet;
        request.threads = 1 + random_below(3);
        request.round_bytes = 1000 + random_below(20000);
        uint64_t kept = 0;
        enum eg_status status = EG_E_IO;
        for (int life = 0; status < 0; life++) status = stopped_run(&env, &request, life, &kept);
        struct fake_rows expected = {0};
        three_expected(&expected);
        assert_int_equal(kept, expected.count);
        fake_rows_are(&sink.rows, &expected);
        sink_reset(&sink);
    }
}

/* The first sink, whose positions count, is never ahead of the others. */
static void first_sink_is_last(void **state) {
    (void)state;
    struct eg_env env = fake_env(16);
    struct eg_sink first = sink_new(), second = sink_new();
    second.fail_flush_after = 2;
    struct eg_pump_sink sinks[] = {{&memory, &first, "first", NULL, false},
                                   {&memory, &second, "second", NULL, false}};
    struct eg_pump_request request = request_of(sinks, 2, three, 3);
    request.round_bytes = 5000;
    struct eg_pump_account account;
    struct eg_error err;
    assert_int_equal(eg_pump_run(&env, &request, &account, &err), EG_E_NOSPACE);
    assert_string_equal(err.message, "memory: full at the barrier");
    assert_int_equal(first.flushes, 2);
    assert_int_equal(second.flushes, 2);
    assert_int_equal(account.kept[EG_TABLE_FLOWS] + account.kept[EG_TABLE_PACKETS],
                     first.rows.count);
    eg_pump_account_reset(&account);
    sink_reset(&first);
    sink_reset(&second);
    fake_all_closed();
}

/* What a run had counted since its last flush when it failed is told apart, and becomes part of the account
 * that it is added to. */
static void what_a_failed_run_counted(void **state) {
    (void)state;
    const char *const input[] = {"a:1000:70:c"};
    for (int fails = 0; fails < 2; fails++) {
        struct eg_env env = fake_env(64);
        struct eg_sink sink = sink_new();
        if (fails) sink.fail_flush_after = 0;
        struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
        struct eg_pump_request request = request_of(sinks, 1, input, 1);
        struct eg_pump_account account, all = {.first_us = INT64_MAX, .last_us = INT64_MIN};
        assert_int_equal(eg_pump_run(&env, &request, &account, NULL), fails ? EG_E_NOSPACE : EG_OK);
        assert_true(account.seen.frames > 0);
        assert_int_equal(account.settled.frames, fails ? 0 : account.seen.frames);
        const struct eg_tally *here = fails ? &account.unflushed : &account.tally;
        assert_int_equal(eg_tally_sum(here, EG_CAUSE_record_empty).records, 1000);
        assert_int_equal((fails ? account.tally : account.unflushed).count, 0);
        assert_int_equal(eg_pump_account_merge(&all, &account, NULL), EG_OK);
        assert_int_equal(eg_tally_sum(&all.tally, EG_CAUSE_record_empty).records, 1000);
        eg_pump_account_reset(&account);
        eg_pump_account_reset(&all);
        sink_reset(&sink);
    }
}

struct attempts {
    int asked, ready;
};

static bool three_times(void *to, const struct eg_pump_sink *of, const struct eg_error *err) {
    struct attempts *attempts = to;
    assert_string_equal(of->name, "m");
    assert_int_equal(err->status, EG_E_NOSPACE);
    of->sink->fail_flush_after = attempts->asked < 2 ? 0 : -1;
    return ++attempts->asked <= 3;
}

/* What goes with a flush finds no room the second time. */
static enum eg_status make_ready(void *to, const struct eg_position *positions, size_t count,
                                 struct eg_error *err) {
    struct attempts *attempts = to;
    assert_int_equal(count, 2);
    assert_int_equal(positions[0].offset, 10000);
    return ++attempts->ready == 2 ? eg_fail(err, EG_E_NOSPACE, "full") : EG_OK;
}

/* A flush that failed is called again, with the same rows and positions, for as long as it is wanted; what
 * goes with it is made ready each time. */
static void a_flush_is_called_again(void **state) {
    (void)state;
    const char *const input[] = {"a:1000:70:c"};
    for (int for_good = 0; for_good < 2; for_good++) {
        struct eg_env env = fake_env(64);
        struct eg_sink sink = sink_new();
        sink.fail_flush_after = 0;
        struct attempts attempts = {.asked = for_good ? 3 : 0};
        struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
        struct eg_pump_request request = request_of(sinks, 1, input, 1);
        request.again = three_times;
        request.flushing = make_ready;
        request.flushed_to = &attempts;
        struct eg_pump_account account;
        assert_int_equal(eg_pump_run(&env, &request, &account, NULL),
                         for_good ? EG_E_NOSPACE : EG_OK);
        assert_int_equal(attempts.asked, for_good ? 4 : 3);
        assert_int_equal(attempts.ready, for_good ? 1 : 4);
        assert_int_equal(sink.flushes, !for_good);
        assert_int_equal(account.kept[EG_TABLE_FLOWS] + account.kept[EG_TABLE_PACKETS],
                         sink.rows.count);
        assert_int_equal(sink.rows.count > 0, !for_good);
        eg_pump_account_reset(&account);
        sink_reset(&sink);
        fake_all_closed();
    }
}

struct readied {
    const struct eg_sink *first, *second;
    int asked, again;
};
static enum eg_status ready_behind_the_other(void *to, const struct eg_position *positions,
                                             size_t count, struct eg_error *err) {
    struct readied *r = to;
    (void)positions;
    assert_true(count > 0);
    assert_int_equal(r->second->flushes, r->first->flushes + 1);
    return r->asked++ % 2 ? EG_OK : eg_fail(err, EG_E_NOSPACE, "no room beside the rows");
}
static bool once_more(void *to, const struct eg_pump_sink *of, const struct eg_error *err) {
    struct readied *r = to;
    assert_ptr_equal(of->sink, r->first);
    assert_int_equal(err->status, EG_E_NOSPACE);
    r->again++;
    return true;
}

/* What goes with the positions is made ready for the sink that vouches for them, whose flush it belongs to:
 * once for each attempt, and the other sinks neither wait for it nor are asked whether to try again. */
static void made_ready_for_the_first_sink(void **state) {
    (void)state;
    struct eg_env env = fake_env(16);
    struct eg_sink first = sink_new(), second = sink_new();
    struct eg_pump_sink sinks[] = {{&memory, &first, "first", NULL, false},
                                   {&memory, &second, "second", NULL, false}};
    struct eg_pump_request request = request_of(sinks, 2, three, 3);
    struct readied readied = {.first = &first, .second = &second};
    request.round_bytes = 5000;
    request.flushing = ready_behind_the_other;
    request.again = once_more;
    request.flushed_to = &readied;
    struct eg_pump_account account;
    assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
    assert_true(first.flushes > 1);
    assert_int_equal(second.flushes, first.flushes);
    assert_int_equal(readied.asked, 2 * first.flushes);
    assert_int_equal(readied.again, first.flushes);
    struct fake_rows expected = {0};
    three_expected(&expected);
    fake_rows_are(&first.rows, &expected);
    eg_pump_account_reset(&account);
    sink_reset(&first);
    sink_reset(&second);
    fake_all_closed();
}

static void tried_again(void **state) {
    (void)state;
    for (int busy = 3; busy <= 5; busy += 2) {
        struct eg_env env = fake_env(64);
        struct eg_sink sink = sink_new();
        sink.retriable = busy;
        const char *const input[] = {"a:10:10:"};
        struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
        struct eg_pump_request request = request_of(sinks, 1, input, 1);
        struct eg_pump_account account;
        struct eg_error err = {0};
        enum eg_status status = eg_pump_run(&env, &request, &account, &err);
        if (busy == 3) {
            struct fake_rows expected = {0};
            fake_expect(&expected, 10, true, true, true, true);
            assert_int_equal(status, EG_OK);
            fake_rows_are(&sink.rows, &expected);
        } else {
            assert_int_equal(status, EG_E_IO);
            assert_string_equal(err.message, "memory: busy");
            assert_int_equal(sink.rows.count, 0);
        }
        eg_pump_account_reset(&account);
        sink_reset(&sink);
    }
}

static void inputs_that_fail(void **state) {
    (void)state;
    const char *const inputs[] = {"gone:1:1:o", "a:10:10:", "b:100:10:sf"};
    struct eg_env env = fake_env(64);
    struct eg_sink sink = sink_new();
    struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
    struct eg_pump_request request = request_of(sinks, 1, inputs, 3);
    struct eg_pump_account account;
    assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
    assert_int_equal(account.inputs_failed, 2);
    assert_int_equal(account.trouble_count, 2);
    struct fake_rows expected = {0};
    fake_expect(&expected, 10, true, true, true, true);
    fake_expect(&expected, 40, true, true, true, true);
    fake_rows_are(&sink.rows, &expected);
    for (size_t i = 0; i < sink.place_count; i++)
        assert_int_equal(sink.places[i].offset, i < 2 ? 100 : 400);
    eg_pump_account_reset(&account);
    sink_reset(&sink);

    request = request_of(sinks, 1, inputs, 1);
    request.scan.keep_going = false;
    assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_E_NOENT);
    assert_int_equal(sink.writes + sink.flushes, 0);
    eg_pump_account_reset(&account);
    fake_all_closed();
}

/* Rows behind a failed read were already with the sink: nothing of the step is kept, and the next
 * run has every row once. */
static void failure_behind_what_was_given(void **state) {
    (void)state;
    const char *const inputs[] = {"a:10:10:", "b:100:10:b"}, *const again[] = {"a:10:10:",
                                                                               "b:100:10:"};
    struct eg_env env = fake_env(4);
    struct eg_sink sink = sink_new();
    struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
    struct eg_pump_request request = request_of(sinks, 1, inputs, 2);
    struct eg_pump_account account;
    struct eg_error err;
    assert_int_equal(eg_pump_run(&env, &request, &account, &err), EG_E_IO);
    assert_non_null(strstr(err.message, "run the same command again"));
    remember_close(&sink);
    eg_pump_account_reset(&account);
    request = request_of(sinks, 1, again, 2);
    assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
    struct fake_rows expected = {0};
    fake_expect(&expected, 10, true, true, true, true);
    fake_expect(&expected, 100, true, true, true, true);
    fake_rows_are(&sink.rows, &expected);
    eg_pump_account_reset(&account);
    sink_reset(&sink);
    fake_all_closed();
}

static void cancel_it(void *to, const struct eg_scan_progress *seen) {
    if (seen->frames > 1000) atomic_store((atomic_bool *)to, true);
}

static void cancelled(void **state) {
    (void)state;
    const char *const inputs[] = {"a:200000000:400000:"};
    atomic_bool cancel = false;
    struct eg_env env = fake_env(64);
    env.cancel = &cancel;
    struct eg_sink sink = sink_new();
    struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
    struct eg_pump_request request = request_of(sinks, 1, inputs, 1);
    request.round_bytes = 1 << 20;
    request.progress = cancel_it;
    request.progress_to = &cancel;
    struct eg_pump_account account;
    assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_E_CANCELLED);
    assert_int_equal(account.kept[EG_TABLE_FLOWS] + account.kept[EG_TABLE_PACKETS],
                     sink.rows.count);
    assert_true(account.seen.frames > 1000);
    eg_pump_account_reset(&account);
    sink_reset(&sink);
    fake_all_closed();
}

/* A table's position is of that table only: where tables are known to different places each one
 * gets what it lacks, and no row a second time. */
static void positions_are_of_tables(void **state) {
    (void)state;
    for (uint32_t threads = 1; threads <= 3; threads++) {
        struct eg_env env = fake_env(16);
        struct eg_sink sink = sink_new();
        const char *const inputs[] = {"a:1000:70:", "b:333:5:s", "c:901:900:", "d:500:40:"};
        const struct eg_position places[] = {{.key = "b", .offset = 3330, .table = "packets"},
                                             {.key = "a", .offset = 10000, .table = "flows"},
                                             {.key = "c", .offset = 9010, .table = "packets"},
                                             {.key = "c", .offset = 9010, .table = "flows"},
                                             {.key = "d", .offset = 2000, .table = "flows"},
                                             {.key = "d", .offset = 3000, .table = "packets"}};
        memcpy(sink.places, places, sizeof places);
        sink.place_count = 6;
        struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
        struct eg_pump_request request = request_of(sinks, 1, inputs, 4);
        request.threads = threads;
        struct eg_pump_account account;
        assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK);
        assert_int_equal(account.inputs_known, 1);
        assert_int_equal(account.inputs, 4);
        assert_int_equal(account.seen.frames, 1000 + 333 + 300 + 200); /* what is new */
        struct fake_rows expected = {0}, all = {0};
        fake_expect(&expected, 1000, false, true, true, true);
        fake_expect(&expected, 333, true, false, true, true);
        fake_expect(&all, 500, true, true, true, true);
        for (size_t i = 0; i < all.count; i++)
            if (all.rows[i].time_us >= (all.rows[i].table == EG_TABLE_FLOWS ? 200000 : 300000))
                fake_add(&expected, all.rows[i]);
        fake_rows_reset(&all);
        fake_rows_are(&sink.rows, &expected);
        assert_int_equal(sink.place_count, 8);
        for (size_t i = 0; i < 8; i++)
            assert_int_equal(sink.places[i].offset, sink.places[i].key[0] == 'a'   ? 10000
                                                    : sink.places[i].key[0] == 'b' ? 3330
                                                    : sink.places[i].key[0] == 'c' ? 9010
                                                                                   : 5000);
        eg_pump_account_reset(&account);

        assert_int_equal(eg_pump_run(&env, &request, &account, NULL), EG_OK); /* and all is known */
        assert_int_equal(account.inputs_known, 4);
        assert_int_equal(account.seen.frames, 0);
        eg_pump_account_reset(&account);
        sink_reset(&sink);
        fake_all_closed();
    }
}

/* ---- memory ---- */

static void torture(void **state) {
    (void)state;
    const char *const inputs[] = {"a:60:20:c", "b:20:5:s", "gone:1:1:o"};
    bool more = true;
    for (long n = 0; more; n++) {
        struct eg_env env = fake_env(8);
        struct eg_sink_type type = text_memory();
        struct eg_sink sink = sink_new(), text = sink_new();
        struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false},
                                       {&type, &text, "t", "jsonl", false}};
        struct eg_pump_request request = request_of(sinks, 2, inputs, 3);
        request.threads = 1;
        struct eg_pump_account account;
        fake_add(&sink.rows, (struct fake_row){0}); /* the test's own lists are not to fail */
        sink.rows.count = 0;
        fake_add(&sink.written, (struct fake_row){0});
        sink.written.count = 0;
        eg_strbuf_reserve(&text.text, 1 << 16);
        torture_fail_after(n);
        enum eg_status status = eg_pump_run(&env, &request, &account, NULL);
        more = torture_off();
        if (status < 0)
            assert_int_equal(status, EG_E_NOMEM);
        else if (sink.rows.count != 84)
            assert_true(eg_tally_sum(&account.tally, EG_CAUSE_no_memory).records +
                            eg_tally_sum(&account.tally, EG_CAUSE_no_memory).packets +
                            account.tally.lost >
                        0);
        eg_pump_account_reset(&account);
        sink_reset(&sink);
        sink_reset(&text);
        fake_all_closed();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_account),
        cmocka_unit_test(losses_of_the_end_are_rows),
        cmocka_unit_test(small_inputs_share),
        cmocka_unit_test(raw_sinks_see_the_input),
        cmocka_unit_test(stopped_and_resumed),
        cmocka_unit_test(first_sink_is_last),
        cmocka_unit_test(what_a_failed_run_counted),
        cmocka_unit_test(a_flush_is_called_again),
        cmocka_unit_test(made_ready_for_the_first_sink),
        cmocka_unit_test(tried_again),
        cmocka_unit_test(inputs_that_fail),
        cmocka_unit_test(failure_behind_what_was_given),
        cmocka_unit_test(cancelled),
        cmocka_unit_test(positions_are_of_tables),
        cmocka_unit_test(torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
