/* SPDX-License-Identifier: Apache-2.0
 * The pump's side of a sink: another try, one caller at a time, text cut into records. */
#include "table/outlet.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "table/scan_fake.h"

struct eg_sink {
    int busy; /* calls to refuse with `retriable` */
    int calls;
    int64_t rows;
    atomic_int inside;
    char records[64][64];
    uint32_t record_count;
};

static enum eg_status note_write(struct eg_sink *sink, struct eg_batch *batch,
                                 struct eg_error *err) {
    assert_int_equal(atomic_fetch_add(&sink->inside, 1), 0);
    sink->calls++;
    enum eg_status status = EG_OK;
    if (sink->busy-- > 0) {
        status = eg_fail(err, EG_E_IO, "busy");
        err->retriable = true;
    } else {
        sink->rows += batch->rows;
        for (uint32_t i = 0; i < batch->rows && batch->table == &eg_records_table; i++) {
            struct eg_span record = eg_col_text(&batch->columns[0], i);
            snprintf(sink->records[sink->record_count++ % 64], 64, "%.*s", (int)record.size,
                     (const char *)record.at);
        }
    }
    atomic_fetch_sub(&sink->inside, 1);
    return status;
}

static enum eg_status no_open(const struct eg_env *env, const char *uri, const void *options,
                              struct eg_sink **out, struct eg_error *err) {
    (void)env;
    (void)uri;
    (void)options;
    (void)out;
    return eg_fail(err, EG_E_USAGE, "not here");
}
static void no_close(struct eg_sink *sink) { (void)sink; }

static const struct eg_sink_type batches = {
    .abi = EG_STAGE_ABI,
    .name = "note",
    .help = "",
    .options = fake_options,
    .options_size = 1,
    .takes = EG_TAKES_BATCH,
    .open = no_open,
    .write = note_write,
    .flush = eg_sink_flush_nop,
    .positions = eg_sink_positions_none,
    .losses = eg_sink_losses_none,
    .close = no_close,
};
static const struct eg_sink_type records = {
    .abi = EG_STAGE_ABI,
    .name = "note",
    .help = "",
    .options = fake_options,
    .options_size = 1,
    .takes = EG_TAKES_RECORDS,
    .open = no_open,
    .write = note_write,
    .flush = eg_sink_flush_nop,
    .positions = eg_sink_positions_none,
    .losses = eg_sink_losses_none,
    .close = no_close,
};

static const struct eg_scan_request one_table = {
    .parts = {{.extract = &fake_exports,
               .columns = EG_SET(FLOWS, bytes) | EG_SET(FLOWS, application)}},
    .part_count = 1,
};

static struct eg_batch *flows(int64_t from, int64_t to) {
    struct eg_builder *b;
    struct eg_batch *batch;
    assert_int_equal(
        eg_builder_new(&b, eg_table_get(EG_TABLE_FLOWS), EG_TABLE_FLOWS, 64, EG_COLUMNS_ALL, NULL),
        EG_OK);
    for (int64_t i = from; i < to; i++) {
        eg_put_int(b, EG_COL(FLOWS, bytes), i);
        eg_builder_row(b, 1);
    }
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    eg_builder_free(b);
    return batch;
}

static struct egi_outlet outlet_of(const struct eg_sink_type *type, struct eg_sink *sink,
                                   const struct eg_env *env, struct eg_pump_sink *to,
                                   const char *format) {
    struct egi_outlet outlet;
    *to = (struct eg_pump_sink){type, sink, "note", format, false};
    assert_int_equal(egi_outlet_init(&outlet, env, to, &one_table, NULL), EG_OK);
    return outlet;
}

static void tries(void **state) {
    (void)state;
    struct eg_sink sink = {.busy = 2};
    struct eg_pump_sink to;
    struct eg_error err = {0};
    atomic_bool cancel = false;
    struct eg_env env = eg_env_plain;
    env.cancel = &cancel;
    struct egi_outlet outlet = outlet_of(&batches, &sink, &env, &to, NULL);
    struct eg_batch *batch = flows(0, 10);
    assert_int_equal(egi_outlet_write(&outlet, batch, &err), EG_OK);
    assert_int_equal(sink.calls, 3);
    assert_int_equal(sink.rows, 10);
    cancel = true; /* then there is no waiting */
    sink.busy = 2;
    assert_int_equal(egi_outlet_write(&outlet, batch, &err), EG_E_IO);
    assert_int_equal(sink.calls, 4);
    assert_true(err.retriable);
    eg_batch_unref(batch);
    egi_outlet_reset(&outlet);
}

static void *write_many(void *arg) {
    struct eg_batch *batch = flows(0, 5);
    for (int i = 0; i < 200; i++)
        if (egi_outlet_write(arg, batch, NULL) < 0) abort();
    eg_batch_unref(batch);
    return NULL;
}

static void one_at_a_time(void **state) {
    (void)state;
    const struct eg_sink_type *const types[] = {&batches, &records};
    for (int t = 0; t < 2; t++) {
        struct eg_sink sink = {0};
        struct eg_pump_sink to;
        struct egi_outlet outlet = outlet_of(types[t], &sink, &eg_env_plain, &to, "jsonl");
        pthread_t threads[4];
        for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, write_many, &outlet);
        for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
        assert_int_equal(sink.rows, 4000);
        egi_outlet_reset(&outlet);
    }
}

/* A record of a line format is one line; of the others, what one batch gave. */
static void cut_into_records(void **state) {
    (void)state;
    struct eg_sink sink = {0};
    struct eg_pump_sink to;
    struct eg_env env = eg_env_plain;
    env.batch_rows = 3; /* records go to the sink by threes */
    struct egi_outlet outlet = outlet_of(&records, &sink, &env, &to, "csv");
    struct eg_batch *batch = flows(100, 105);
    assert_int_equal(egi_outlet_write(&outlet, batch, NULL), EG_OK);
    assert_int_equal(sink.record_count, 6);
    assert_int_equal(sink.calls, 2);
    assert_string_equal(sink.records[0], "bytes,application\n");
    assert_string_equal(sink.records[5], "104,\n");
    assert_int_equal(egi_outlet_write(&outlet, batch, NULL), EG_OK);
    assert_int_equal(egi_outlet_finish(&outlet, NULL), EG_OK);
    assert_int_equal(sink.record_count, 11); /* one header */
    egi_outlet_reset(&outlet);

    sink = (struct eg_sink){0};
    outlet = outlet_of(&records, &sink, &env, &to, "json");
    assert_int_equal(egi_outlet_write(&outlet, batch, NULL), EG_OK);
    assert_int_equal(egi_outlet_write(&outlet, batch, NULL), EG_OK);
    assert_int_equal(egi_outlet_finish(&outlet, NULL), EG_OK);
    assert_int_equal(sink.record_count, 3);
    assert_int_equal(sink.records[0][0], '[');
    assert_non_null(strchr(sink.records[2], ']'));
    egi_outlet_reset(&outlet);
    eg_batch_unref(batch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tries),
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(cut_into_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
