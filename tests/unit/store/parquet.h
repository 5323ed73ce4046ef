/* SPDX-License-Identifier: Apache-2.0
 * What the tests share that need real Parquet: an open sink, batches of flows, and what the engine
 * finds in a dataset. */
#ifndef EG_TEST_PARQUET_H
#define EG_TEST_PARQUET_H

#include "engine/engine.h"
#include "scratch.h"
#include "store/dataset_sink.h"

static inline struct eg_sink *sink_open_at(const char *root) {
    struct eg_sink *sink = NULL;
    must(eg_sink_dataset.open(&test_env, root, NULL, &sink, ERR));
    return sink;
}

/* `count` flows from `start` on, `step` apart, a minute long; bytes are 1, 2, 3 … */
static inline struct eg_batch *flows_at(int64_t start, int64_t step, uint32_t count) {
    struct eg_builder *b;
    struct eg_batch *batch;
    must(eg_builder_new(&b, eg_table_get(EG_TABLE_FLOWS), EG_TABLE_FLOWS, count, EG_COLUMNS_ALL, ERR));
    struct eg_addr exporter = {{[10] = 0xff, [11] = 0xff, 10, 0, 0, 1}};
    for (uint32_t i = 0; i < count; i++) {
        eg_put_int(b, EG_COL(FLOWS, start_time), start + (int64_t)i * step);
        eg_put_int(b, EG_COL(FLOWS, end_time), start + (int64_t)i * step + 60000000);
        eg_put_int(b, EG_COL(FLOWS, bytes), i + 1);
        eg_put_int(b, EG_COL(FLOWS, packets), 1);
        eg_put_addr(b, EG_COL(FLOWS, exporter), &exporter);
        eg_put_int(b, EG_COL(FLOWS, domain), 7);
        eg_put_name(b, EG_COL(FLOWS, source), "netflow5", 8);
        eg_builder_row(b, 1);
    }
    must(eg_builder_seal(b, &batch, ERR));
    eg_builder_free(b);
    return batch;
}

static inline void sink_write_flows(struct eg_sink *sink, int64_t start, int64_t step,
                                    uint32_t count) {
    struct eg_batch *batch = flows_at(start, step, count);
    must(eg_sink_dataset.write(sink, batch, ERR));
    eg_batch_unref(batch);
}

/* The first value of "select WHAT from the table's relation". */
static inline int64_t ask(const char *root, enum eg_table_id table, const char *what) {
    struct eg_engine *engine;
    struct eg_engine_options plain = {.threads = 1};
    struct eg_strbuf sql = {0};
    struct eg_result *result;
    struct eg_batch *batch;
    struct eg_dataset *ds = open_reader(root);
    eg_strbuf_printf(&sql, "select (%s)::bigint from ", what);
    must(eg_dataset_relation(ds, table, INT64_MIN, INT64_MAX, &sql, ERR));
    must(eg_engine_open(&engine, &test_env, &plain, ERR));
    must(eg_engine_query(engine, sql.text, &result, ERR));
    must(eg_result_next(result, &batch, ERR));
    int64_t value = eg_batch_valid(batch, 0, 0) ? eg_col_int(&batch->columns[0], 0) : INT64_MIN;
    eg_batch_unref(batch);
    eg_result_free(result);
    eg_engine_close(engine);
    eg_strbuf_reset(&sql);
    eg_dataset_close(ds);
    return value;
}

/* A dataset of one commit: three flows, an hour apart. */
static inline char *filled_once(void *state) {
    char *root = eg_path_join(state, "d");
    struct eg_sink *sink = sink_open_at(root);
    struct eg_position p = position_at("k", 100);
    sink_write_flows(sink, NOON, HOUR, 3);
    must(eg_sink_dataset.flush(sink, &p, 1, ERR));
    eg_sink_dataset.close(sink);
    return root;
}

#endif
