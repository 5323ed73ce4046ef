/* SPDX-License-Identifier: Apache-2.0
 * Files merged: the same rows, sorted, with all their positions; what cannot be merged is refused. */
#include "store/merge.h"

#include "parquet.h"

struct merging {
    struct eg_engine *engine;
    struct eg_names files;
    char *path;
};

/* Three commits of flows in one hour, by two writers. */
static void setup(struct merging *m, const char *root) {
    struct eg_engine_options plain = {.threads = 2};
    *m = (struct merging){.path = eg_path_join(root, "made.parquet")};
    for (uint64_t writer = 1; writer < 3; writer++) {
        struct eg_sink *sink = sink_open_at(root);
        for (uint64_t commit = 1; commit <= writer; commit++) {
            struct eg_position p = position_at(writer == 1 ? "one" : "two", 100 * commit);
            sink_write_flows(sink, NOON + (int64_t)(writer * 100 + commit) * 1000000, 1000000, 20);
            must(eg_sink_dataset.flush(sink, &p, 1, ERR));
        }
        eg_sink_dataset.close(sink);
    }
    struct eg_dataset *ds = open_reader(root);
    struct eg_dataset_file *files;
    size_t count;
    must(eg_dataset_files(ds, EG_TABLE_FLOWS, INT64_MIN, INT64_MAX, &files, &count, ERR));
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++)
        assert_true(eg_names_add(&m->files, files[i].path + strlen(root) + 1));
    eg_dataset_files_free(files, count);
    eg_dataset_close(ds);
    must(eg_engine_open(&m->engine, &test_env, &plain, ERR));
}

static void teardown(struct merging *m) {
    eg_engine_close(m->engine);
    eg_names_reset(&m->files);
    eg_free(m->path);
}

static enum eg_status merge(struct merging *m, const char *root, struct eg_journal_file *out,
                            struct eg_error *err) {
    struct eg_merge what = {m->engine, root, EG_TABLE_FLOWS, &m->files, "dddddddddddddddd-000001",
                            m->path};
    return eg_merge(&what, out, err);
}

/* The first column of a query's first row. */
static char *answer(struct merging *m, const char *format) {
    struct eg_result *result;
    struct eg_batch *batch;
    struct eg_strbuf sql = {0};
    for (const char *at = format; *at; at++) {
        if (*at == '@')
            eg_sql_quote(m->path, &sql);
        else
            eg_strbuf_char(&sql, *at);
    }
    must(eg_engine_query(m->engine, sql.text, &result, ERR));
    must(eg_result_next(result, &batch, ERR));
    struct eg_span text = eg_col_text(&batch->columns[0], 0);
    char *copy = eg_strndup((const char *)text.at, text.size);
    eg_batch_unref(batch);
    eg_result_free(result);
    eg_strbuf_reset(&sql);
    return copy;
}

static void the_same_rows(void **state) {
    const char *root = *state;
    struct merging m;
    struct eg_journal_file file = {0};
    setup(&m, root);
    must(merge(&m, root, &file, ERR));
    assert_int_equal(file.rows, 60);
    assert_int_equal(file.start_us, NOON + 101 * INT64_C(1000000));
    assert_int_equal(file.end_us, NOON + (202 + 19 + 60) * INT64_C(1000000));
    char *text = answer(&m, "select count(*) || ' ' || sum(bytes) || ' ' || sum(domain) || ' ' || "
                            "min(exporter) || ' ' || min(source) from read_parquet(@)");
    assert_string_equal(text, "60 630 420 10.0.0.1 netflow5");
    eg_free(text);
    text = answer(&m, "select (string_agg(epoch_us(start_time)::varchar, ' ') = string_agg("
                      "epoch_us(start_time)::varchar, ' ' order by start_time))::varchar from "
                      "read_parquet(@)");
    assert_string_equal(text, "true");
    eg_free(text);
    struct eg_journal marks = {0};
    text =
        answer(&m, "select decode(value) from parquet_kv_metadata(@) where key = 'earlgrey'::blob");
    must(eg_journal_read_note(&marks, eg_span(text, strlen(text)), ERR));
    assert_int_equal(marks.mark_count, 2); /* of the second writer, the later one */
    assert_int_equal(marks.marks[0].position->offset + marks.marks[1].position->offset, 300);
    eg_journal_reset(&marks);
    eg_free(text);
    teardown(&m);
}

static void refuses(void **state) {
    const char *root = *state;
    struct merging m;
    struct eg_journal_file file = {0};
    struct eg_strbuf sql = {0};
    setup(&m, root);
    eg_strbuf_printf(
        &sql,
        "copy (select now() as start_time, '10.0.0.1' as src_ip, 7 as mine) to '%s/x.parquet'",
        root);
    must(eg_engine_run(m.engine, sql.text, ERR));
    assert_true(eg_names_add(&m.files, "x.parquet"));
    assert_int_equal(merge(&m, root, &file, ERR), EG_E_FORMAT); /* a column of somebody else's */
    assert_non_null(strstr(ERR->message, "'mine'"));
    assert_int_equal(access(m.path, F_OK), -1);
    eg_strbuf_clear(&sql);
    eg_strbuf_printf(
        &sql, "copy (select now() as start_time, 'nobody' as src_ip) to '%s/x.parquet'", root);
    must(eg_engine_run(m.engine, sql.text, ERR));
    assert_int_equal(merge(&m, root, &file, ERR), EG_E_FORMAT); /* no address */
    assert_int_equal(access(m.path, F_OK), -1);
    eg_strbuf_clear(&sql);
    /* an address written in another way would be another text afterwards: the proof says so */
    eg_strbuf_printf(
        &sql, "copy (select now() as start_time, '2001:db8:0::1' as src_ip) to '%s/x.parquet'",
        root);
    must(eg_engine_run(m.engine, sql.text, ERR));
    assert_int_equal(merge(&m, root, &file, ERR), EG_E_FORMAT);
    assert_non_null(strstr(ERR->message, "same rows"));
    assert_int_equal(access(m.path, F_OK), -1);
    eg_strbuf_reset(&sql);
    teardown(&m);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(the_same_rows), IN_SCRATCH(refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
