/* SPDX-License-Identifier: Apache-2.0
 * A dataset copied with its addresses mapped: the same rows but for those, all or nothing. */
#include "store/mapped_copy.h"

#include "parquet.h"
#include "wire/address_map.h"

struct copying {
    struct eg_address_map *map;
    char from[256], to[256];
};

static void setup(struct copying *c, const char *root) {
    static const uint8_t key[EG_ADDRESS_KEY_BYTES] = {9, 8, 7};
    c->map = eg_address_map_new(key, false);
    snprintf(c->from, sizeof c->from, "%s/from", root);
    snprintf(c->to, sizeof c->to, "%s/to", root);
    struct eg_sink *sink = sink_open_at(c->from);
    sink_write_flows(sink, NOON, 60000000, 100); /* an hour and more: two partitions */
    struct eg_position p = position_at("one", 100);
    must(eg_sink_dataset.flush(sink, &p, 1, ERR));
    eg_sink_dataset.close(sink);
}

static void see_progress(void *to, uint64_t done, uint64_t total) {
    assert_true(done <= total);
    ++*(int *)to;
}

static void copies(void **state) {
    struct copying c;
    int told = 0;
    setup(&c, *state);
    struct eg_mapped_copy copy = {.map = c.map, .progress = see_progress, .progress_to = &told};
    must(eg_dataset_mapped_copy(&copy, c.from, c.to, &test_env, ERR));
    assert_int_equal(copy.files, 2);
    assert_int_equal(told, 2);
    assert_int_equal(copy.rows[EG_TABLE_FLOWS], 100);
    assert_int_equal(ask(c.to, EG_TABLE_FLOWS, "count(*)"), 100);
    assert_int_equal(ask(c.to, EG_TABLE_FLOWS, "sum(bytes)"), 5050);
    assert_int_equal(ask(c.to, EG_TABLE_FLOWS, "sum(domain)"), 700);
    assert_int_equal(ask(c.to, EG_TABLE_FLOWS, "count(distinct exporter)"), 1);
    assert_int_equal(ask(c.to, EG_TABLE_FLOWS, "count(*) filter (exporter = '10.0.0.1')"), 0);
    assert_int_equal(ask(c.to, EG_TABLE_FLOWS, "count(src_ip) + count(extra)"), 0); /* null stays */
    eg_address_map_free(c.map);
}

/* Rows of times that cannot be are copied like all others, to where nobody asks by time. */
static void quarantine(void **state) {
    struct copying c;
    setup(&c, *state);
    struct eg_sink *sink = sink_open_at(c.from);
    sink_write_flows(sink, INT64_C(400000000000000000), 0, 3);
    must(eg_sink_dataset.flush(sink, NULL, 0, ERR));
    eg_sink_dataset.close(sink);
    struct eg_mapped_copy copy = {.map = c.map};
    must(eg_dataset_mapped_copy(&copy, c.from, c.to, &test_env, ERR));
    assert_int_equal(copy.quarantined, 3);
    assert_int_equal(copy.rows[EG_TABLE_FLOWS], 103);
    assert_int_equal(ask(c.to, EG_TABLE_FLOWS, "count(*)"), 100);
    struct eg_dataset *ds = open_reader(c.to);
    struct eg_dataset_file *files;
    struct eg_engine *engine;
    struct eg_engine_options plain = {.threads = 1};
    struct eg_batch *batch;
    size_t count;
    must(eg_dataset_quarantine_files(ds, EG_TABLE_FLOWS, &files, &count, ERR));
    assert_int_equal(count, 1);
    struct eg_strbuf sql = {0};
    eg_strbuf_text(&sql, "select count(*)::bigint, count(*) filter (exporter = '10.0.0.1')::bigint from ");
    must(eg_dataset_files_relation(files, count, EG_TABLE_FLOWS, &sql, ERR));
    must(eg_engine_open(&engine, &test_env, &plain, ERR));
    must(eg_engine_first(engine, sql.text, &batch, ERR));
    assert_int_equal(eg_col_int(&batch->columns[0], 0), 3);
    assert_int_equal(eg_col_int(&batch->columns[1], 0), 0); /* it is another one there */
    eg_batch_unref(batch);
    eg_engine_close(engine);
    eg_strbuf_reset(&sql);
    eg_dataset_files_free(files, count);
    eg_dataset_close(ds);
    char gone[300];
    snprintf(gone, sizeof gone, "%s/flows", c.to);
    scratch_clear(gone); /* rows that are in quarantine alone are rows, too */
    assert_int_equal(eg_dataset_mapped_copy(&copy, c.from, c.to, &test_env, ERR), EG_E_USAGE);
    eg_address_map_free(c.map);
}

static void never_into_rows_of_others(void **state) {
    struct copying c;
    setup(&c, *state);
    struct eg_mapped_copy copy = {.map = c.map};
    must(eg_dataset_mapped_copy(&copy, c.from, c.to, &test_env, ERR));
    assert_int_equal(eg_dataset_mapped_copy(&copy, c.from, c.to, &test_env, ERR), EG_E_USAGE);
    assert_non_null(strstr(ERR->message, "holds rows"));
    assert_int_equal(ask(c.to, EG_TABLE_FLOWS, "count(*)"), 100);
    assert_int_equal(eg_dataset_mapped_copy(&copy, "/nowhere/at/all", c.to, &test_env, ERR),
                     EG_E_NOENT);
    eg_address_map_free(c.map);
}

/* A copy inside of what is copied, also by another name of it, is refused before anything is written. */
static void never_inside_itself(void **state) {
    struct copying c;
    char within[300], link[300], by_link[320];
    setup(&c, *state);
    struct eg_mapped_copy copy = {.map = c.map};
    snprintf(within, sizeof within, "%s/sub/deeper", c.from);
    snprintf(link, sizeof link, "%s/link", (const char *)*state);
    snprintf(by_link, sizeof by_link, "%s/sub", link);
    assert_int_equal(symlink(c.from, link), 0);
    const char *const places[] = {within, by_link, c.from, link};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        assert_int_equal(eg_dataset_mapped_copy(&copy, c.from, places[i], &test_env, ERR),
                         EG_E_USAGE);
        assert_non_null(strstr(ERR->message, "is inside what is read"));
    }
    snprintf(within, sizeof within, "%s/sub", c.from);
    assert_int_not_equal(access(within, F_OK), 0);
    eg_address_map_free(c.map);
}

static void interrupted(void **state) {
    struct copying c;
    atomic_bool cancel = true;
    struct eg_env env = test_env;
    setup(&c, *state);
    env.cancel = &cancel;
    struct eg_mapped_copy copy = {.map = c.map};
    assert_int_equal(eg_dataset_mapped_copy(&copy, c.from, c.to, &env, ERR), EG_E_CANCELLED);
    must(eg_dataset_mapped_copy(&copy, c.from, c.to, &test_env, ERR)); /* and again, whole */
    assert_int_equal(ask(c.to, EG_TABLE_FLOWS, "count(*)"), 100);
    eg_address_map_free(c.map);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(copies), IN_SCRATCH(quarantine), IN_SCRATCH(never_into_rows_of_others),
                                       IN_SCRATCH(never_inside_itself), IN_SCRATCH(interrupted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
