/* SPDX-License-Identifier: Apache-2.0
 * The sink `seqfile:`: names, when a file is over, what a killed run leaves; and that our own source
 * reads what it wrote. tests/system/test_seqfile.py reads it with Hadoop. */
#include "sink/captures.h"
#include "sink/recording.h"
#include "wire/seqfile_write.h"

extern const struct eg_sink_type eg_sink_seqfile;
extern const struct eg_source_type eg_source_file;

static char uri[1200];

static struct eg_sink *opened(const char *directory, const char *const *settings,
                              struct eg_error *err) {
    struct eg_sink *sink = NULL;
    void *options = calloc(1, eg_sink_seqfile.options_size);
    assert_int_equal(eg_options_preset(eg_sink_seqfile.options, options, err), EG_OK);
    for (; settings && *settings; settings += 2)
        if (eg_option_set(eg_sink_seqfile.options, options, settings[0], settings[1], err) < 0)
            fail_msg("%s", err->message);
    snprintf(uri, sizeof uri, "seqfile:%s", directory);
    enum eg_status status = eg_sink_seqfile.open(&test_env, uri, options, &sink, err);
    eg_options_reset(eg_sink_seqfile.options, options); /* the sink keeps none of it */
    free(options);
    return status < 0 ? NULL : sink;
}

/* One packet, so many microseconds after noon. */
static void put(struct eg_sink *sink, int64_t after_us) {
    struct eg_builder *b;
    struct eg_batch *batch;
    struct eg_error err;
    assert_int_equal(
        eg_builder_new(&b, eg_table_get(EG_TABLE_RAW), EG_TABLE_RAW, 1, EG_COLUMNS_ALL, NULL),
        EG_OK);
    eg_put_int(b, EG_COL(RAW, time_ns), (NOON + after_us) * 1000 + 7);
    eg_put_int(b, EG_COL(RAW, length), 1500);
    eg_put_int(b, EG_COL(RAW, link_type), after_us % 2 ? 113 : 1);
    eg_put_view(b, EG_COL(RAW, payload), eg_span("a frame of 23 bytes ...", 23));
    eg_builder_row(b, 1);
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    eg_builder_free(b);
    if (eg_sink_seqfile.write(sink, batch, &err) != EG_OK) fail_msg("%s", err.message);
    eg_batch_unref(batch);
}

#define SETTINGS(...)                                                                              \
    (const char *const[]) { "run", "r", __VA_ARGS__, NULL }

static void by_number(void **state) {
    struct eg_error err;
    struct eg_sink *sink =
        opened(*state, SETTINGS("num-packets", "3", "topic", "a_b", "partition", "7"), &err);
    for (int i = 0; i < 7; i++) put(sink, i);
    assert_string_equal(listing(*state),
                        ".pcap_a_b_1767355200000006007_7_r.tmp pcap_a_b_1767355200000000007_7_r "
                        "pcap_a_b_1767355200000003007_7_r");
    assert_int_equal(size_of(*state, "pcap_a_b_1767355200000000007_7_r"), 95 + 3 * (20 + 40 + 23));
    eg_sink_seqfile.close(sink);
    assert_string_equal(listing(*state), "pcap_a_b_1767355200000000007_7_r "
                                         "pcap_a_b_1767355200000003007_7_r "
                                         "pcap_a_b_1767355200000006007_7_r");
}

/* By the packets' times, from the first one of a file; an earlier one ends nothing. */
static void by_time(void **state) {
    struct eg_error err;
    struct eg_sink *sink = opened(*state, SETTINGS("max-time", "2s"), &err);
    put(sink, 100);
    put(sink, -5000000);
    put(sink, 2000099);
    put(sink, 2000100);
    put(sink, 2000101);
    assert_string_equal(listing(*state),
                        ".pcap_pcap_1767355202000100007_0_r.tmp pcap_pcap_1767355200000100007_0_r");
    eg_sink_seqfile.close(sink);
    assert_int_equal(size_of(*state, "pcap_pcap_1767355200000100007_0_r"), 95 + 3 * (20 + 40 + 23));
    assert_int_equal(size_of(*state, "pcap_pcap_1767355202000100007_0_r"), 95 + 2 * (20 + 40 + 23));
}

static void names_that_are_taken(void **state) {
    struct eg_error err;
    for (int i = 0; i < 2; i++) {
        struct eg_sink *sink = opened(*state, SETTINGS("num-packets", "0"), &err);
        put(sink, 0);
        eg_sink_seqfile.close(sink);
    }
    assert_string_equal(listing(*state), "pcap_pcap_1767355200000000007_0_r "
                                         "pcap_pcap_1767355200000000007_0_r-1");
    struct eg_sink *sink = opened(*state, NULL, &err); /* a run names itself */
    put(sink, 0);
    eg_sink_seqfile.close(sink);
    const char *own = strstr(listing(*state), "_0_earlgrey-");
    assert_non_null(own);
    assert_int_equal(strspn(own + 12, "0123456789abcdef"), 16);
}

static void words_that_are_no_part_of_a_name(void **state) {
    static const char *const bad[][2] = {{"topic", "a/b"}, {"topic", ""},  {"topic", "a b"},
                                         {"run", "a_b"},   {"run", "a/b"}, {"topic", "%H"}};
    struct eg_error err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *const settings[] = {bad[i][0], bad[i][1], NULL};
        assert_null(opened(*state, settings, &err));
        assert_int_equal(err.status, EG_E_USAGE);
        assert_memory_equal(err.message, bad[i][0], strlen(bad[i][0]));
    }
    assert_string_equal(listing(*state), "");
    uri[0] = 0;
    assert_null(opened("", NULL, &err));
    assert_non_null(strstr(err.message, "names no directory: seqfile:DIR"));
}

/* Flushed, a killed run's packets are there; the next start gives the file its name, cut back to the
 * last whole one. */
static void a_killed_run(void **state) {
    struct eg_error err;
    struct eg_sink *sink = opened(*state, SETTINGS("num-packets", "0"), &err);
    put(sink, 0);
    put(sink, 1);
    assert_int_equal(eg_sink_seqfile.flush(sink, NULL, 0, &err), EG_OK);
    const char *temp = ".pcap_pcap_1767355200000000007_0_r.tmp";
    assert_int_equal(size_of(*state, temp), 95 + 2 * (20 + 40 + 23));
    char path[1200], kept[1200];
    snprintf(path, sizeof path, "%s/%s", (char *)*state, temp);
    snprintf(kept, sizeof kept, "cp -a '%s' '%s.was'", (char *)*state, (char *)*state);
    assert_int_equal(system(kept), 0); /* as the kill leaves it */
    eg_sink_seqfile.close(sink);
    char was[1200];
    snprintf(was, sizeof was, "%s.was", (char *)*state);
    snprintf(path, sizeof path, "%s/%s", was, temp);
    assert_int_equal(truncate(path, 95 + 83 + 82), 0);
    sink = opened(was, SETTINGS("num-packets", "0"), &err);
    put(sink, 5000000);
    assert_string_equal(listing(was), ".pcap_pcap_1767355205000000007_0_r.tmp "
                                      "pcap_pcap_1767355200000000007_0_r");
    assert_int_equal(size_of(was, "pcap_pcap_1767355200000000007_0_r"), 95 + 83);
    struct eg_tally tally = {0};
    eg_sink_seqfile.losses(sink, &tally);
    assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_recording_recovered).packets, 1);
    assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_recording_cut).bytes, 82);
    eg_tally_reset(&tally);
    eg_sink_seqfile.close(sink);
    nftw(was, captures_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static void our_source_reads_it(void **state) {
    struct eg_error err;
    struct eg_sink *sink = opened(*state, SETTINGS("num-packets", "0"), &err);
    for (int i = 0; i < 3000; i++) put(sink, i);
    eg_sink_seqfile.close(sink);
    char path[1200];
    snprintf(path, sizeof path, "%s/pcap_pcap_1767355200000000007_0_r", (char *)*state);
    struct eg_source *source;
    struct eg_plan plan;
    struct eg_batch *batch;
    struct eg_tally tally = {0};
    int64_t rows = 0;
    assert_int_equal(eg_source_file.open(&test_env, path, NULL, &source, NULL), EG_OK);
    assert_int_equal(eg_source_file.plan(source, NULL, 0, &plan, NULL), EG_OK);
    while (eg_source_file.next(source, 0, &batch, &tally, NULL) == EG_OK) {
        const struct eg_column *c = batch->columns;
        for (uint32_t i = 0; i < batch->rows; i++, rows++) {
            assert_true(eg_col_int(&c[EG_COL(RAW, time_ns)], i) == (NOON + rows) * 1000 + 7);
            assert_int_equal(eg_col_int(&c[EG_COL(RAW, length)], i), 1500);
            assert_int_equal(eg_col_int(&c[EG_COL(RAW, link_type)], i), rows % 2 ? 113 : 1);
            assert_int_equal(eg_col_view(&c[EG_COL(RAW, payload)])[i].size, 23);
        }
        eg_batch_unref(batch);
    }
    eg_source_file.close(source);
    assert_int_equal(rows, 3000);
    assert_int_equal(tally.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(by_number, captures_setup, captures_teardown),
        cmocka_unit_test_setup_teardown(by_time, captures_setup, captures_teardown),
        cmocka_unit_test_setup_teardown(names_that_are_taken, captures_setup, captures_teardown),
        cmocka_unit_test_setup_teardown(words_that_are_no_part_of_a_name, captures_setup,
                                        captures_teardown),
        cmocka_unit_test_setup_teardown(a_killed_run, captures_setup, captures_teardown),
        cmocka_unit_test_setup_teardown(our_source_reads_it, captures_setup, captures_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
