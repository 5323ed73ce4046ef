/* SPDX-License-Identifier: Apache-2.0
 * The sink `pcap:`: raw rows of both kinds in files that our own source reads again. */
#include "sink/recording.h"

#include "sink/captures.h"
#include "table/address.h"
#include "torture.h"

extern const struct eg_source_type eg_source_file;
extern const struct eg_sink_type eg_sink_pcap;

static char uri[1200];

static struct eg_sink *opened(const char *directory, const char *const *settings) {
    struct eg_sink *sink = NULL;
    struct eg_error err;
    void *options = calloc(1, eg_sink_pcap.options_size);
    assert_int_equal(eg_options_preset(eg_sink_pcap.options, options, &err), EG_OK);
    for (; settings && *settings; settings += 2)
        if (eg_option_set(eg_sink_pcap.options, options, settings[0], settings[1], &err) < 0)
            fail_msg("%s", err.message);
    snprintf(uri, sizeof uri, "pcap:%s/out", directory);
    if (eg_sink_pcap.open(&test_env, uri, options, &sink, &err) < 0) fail_msg("%s", err.message);
    eg_options_reset(eg_sink_pcap.options, options); /* the sink keeps none of it */
    free(options);
    return sink;
}

/* Three rows: a frame with everything, one without time and interface, a datagram over each family,
 * and one that no packet holds. */
static struct eg_batch *rows_made(void) {
    static const uint8_t bytes[70000] = {9, 8, 7};
    struct eg_builder *b;
    struct eg_batch *batch;
    struct eg_addr peer = eg_addr_v4(0xc0000201);
    assert_int_equal(eg_builder_new(&b, eg_table_get(EG_TABLE_RAW), EG_TABLE_RAW, 16,
                                    EG_COLUMNS_ALL, NULL),
                     EG_OK);
    for (int i = 0; i < 5; i++) {
        size_t size = i == 4 ? sizeof bytes : 50;
        if (i != 1) eg_put_int(b, EG_COL(RAW, time_ns), (NOON + i) * 1000 + 7);
        eg_put_int(b, EG_COL(RAW, length), i == 0 ? 1500 : (int64_t)size);
        eg_put_view(b, EG_COL(RAW, payload), eg_span(bytes, size));
        if (i < 2) eg_put_int(b, EG_COL(RAW, link_type), 1);
        if (i == 0) eg_put_name(b, EG_COL(RAW, interface), "eth7", 4);
        if (i == 3) assert_true(eg_addr_parse(&peer, "2001:db8::7", 11));
        if (i >= 2) eg_put_addr(b, EG_COL(RAW, peer), &peer);
        if (i >= 2) eg_put_int(b, EG_COL(RAW, peer_port), 40000 + i);
        if (i >= 2) eg_put_int(b, EG_COL(RAW, local_port), 2055);
        eg_builder_row(b, 1);
    }
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    eg_builder_free(b);
    return batch;
}

/* "link:length:captured:microseconds" of every packet in the file. */
static const char *packets_of(const char *directory, const char *name) {
    static char text[2000];
    char path[1200];
    struct eg_source *source;
    struct eg_plan plan;
    struct eg_batch *batch;
    struct eg_tally tally = {0};
    snprintf(path, sizeof path, "%s/out/%s", directory, name);
    text[0] = 0;
    assert_int_equal(eg_source_file.open(&test_env, path, NULL, &source, NULL), EG_OK);
    assert_int_equal(eg_source_file.plan(source, NULL, 0, &plan, NULL), EG_OK);
    while (eg_source_file.next(source, 0, &batch, &tally, NULL) == EG_OK) {
        for (uint32_t i = 0; i < batch->rows; i++) {
            size_t at = strlen(text);
            snprintf(text + at, sizeof text - at, "%s%lld:%lld:%zu:%lld", at ? " " : "",
                     (long long)eg_col_int(&batch->columns[EG_COL(RAW, link_type)], i),
                     (long long)eg_col_int(&batch->columns[EG_COL(RAW, length)], i),
                     eg_col_view(&batch->columns[EG_COL(RAW, payload)])[i].size,
                     (long long)eg_col_int(&batch->columns[EG_COL(RAW, time_ns)], i) - NOON * 1000);
        }
        eg_batch_unref(batch);
    }
    eg_source_file.close(source);
    assert_int_equal(tally.count, 0);
    return text;
}

static int64_t lost_by(struct eg_sink *sink, enum eg_cause cause) {
    struct eg_tally tally = {0};
    eg_sink_pcap.losses(sink, &tally);
    int64_t packets = eg_tally_sum(&tally, cause).packets;
    eg_tally_reset(&tally);
    return packets;
}

static void both_kinds(void **state) {
    const char *settings[] = {"name", "%{interface}.pcap", NULL};
    struct eg_sink *sink = opened(*state, settings);
    struct eg_batch *batch = rows_made();
    struct eg_position *positions;
    size_t count = 3;
    assert_string_equal(listing(*state), "");
    assert_int_equal(eg_sink_pcap.write(sink, batch, NULL), EG_OK);
    assert_int_equal(batch->refs, 1); /* nothing is kept of it */
    assert_int_equal(eg_sink_pcap.flush(sink, NULL, 0, NULL), EG_OK);
    assert_int_equal(eg_sink_pcap.positions(sink, &positions, &count, NULL), EG_OK);
    assert_int_equal(count, 0);
    assert_int_equal(eg_recording_account(sink)->packets, 4);
    assert_int_equal(lost_by(sink, EG_CAUSE_recording_unfit), 1);
    eg_sink_pcap.close(sink);
    assert_string_equal(listing(*state), "out/capture.pcap out/eth7.pcap out/exports.pcap");
    assert_string_equal(packets_of(*state, "eth7.pcap"), "1:1500:50:7");
    assert_string_equal(packets_of(*state, "capture.pcap"), "1:50:50:0"); /* now: noon */
    assert_string_equal(packets_of(*state, "exports.pcap"), "101:78:78:2007 101:98:98:3007");
    eg_batch_unref(batch);
}

static void as_pcapng(void **state) {
    const char *settings[] = {"name", "all.pcapng", "format", "pcapng", NULL};
    struct eg_sink *sink = opened(*state, settings);
    struct eg_batch *batch = rows_made();
    assert_int_equal(eg_sink_pcap.write(sink, batch, NULL), EG_OK);
    eg_sink_pcap.close(sink);
    assert_string_equal(packets_of(*state, "all.pcapng"),
                        "1:1500:50:7 1:50:50:0 101:78:78:2007 101:98:98:3007");
    eg_batch_unref(batch);
}

/* Batches of other tables are passed over; a sink that got nothing leaves nothing but its list. */
static void nothing_to_record(void **state) {
    struct eg_sink *sink = opened(*state, NULL);
    struct eg_builder *b;
    struct eg_batch *batch;
    assert_int_equal(eg_builder_new(&b, eg_table_get(EG_TABLE_FLOWS), EG_TABLE_FLOWS, 1,
                                    EG_COLUMNS_ALL, NULL),
                     EG_OK);
    eg_builder_row(b, 1);
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    assert_int_equal(eg_sink_pcap.write(sink, batch, NULL), EG_OK);
    eg_sink_pcap.close(sink);
    assert_string_equal(listing(*state), "");
    eg_batch_unref(batch);
    eg_builder_free(b);
}

static void the_hook_is_run(void **state) {
    char script[1300], text[2000];
    snprintf(script, sizeof script, "%s/hook", (char *)*state);
    snprintf(text, sizeof text, "#!/bin/sh\ncp \"$1\" %s/copied\n", (char *)*state);
    write_text(*state, "hook", text, strlen(text));
    assert_int_equal(chmod(script, 0755), 0);
    const char *settings[] = {"exec", script, "name", "%{interface}.pcap", NULL};
    struct eg_sink *sink = opened(*state, settings);
    struct eg_batch *batch = rows_made();
    struct eg_batch *one;
    uint32_t first = 0;
    assert_int_equal(eg_batch_pick(&one, batch, &first, 1, NULL), EG_OK);
    assert_int_equal(eg_sink_pcap.write(sink, one, NULL), EG_OK);
    eg_sink_pcap.close(sink); /* waits for it */
    assert_int_equal(size_of(*state, "copied"), 24 + 16 + 50);
    eg_batch_unref(one);
    eg_batch_unref(batch);
}

static void refused(void **state) {
    (void)state;
    struct eg_sink *sink;
    struct eg_error err;
    void *options = calloc(1, eg_sink_pcap.options_size);
    assert_int_equal(eg_options_preset(eg_sink_pcap.options, options, &err), EG_OK);
    assert_int_equal(eg_sink_pcap.open(&test_env, "pcap:", options, &sink, &err), EG_E_USAGE);
    assert_int_equal(eg_option_set(eg_sink_pcap.options, options, "name", "/abs", &err), EG_OK);
    assert_int_equal(eg_sink_pcap.open(&test_env, "pcap:x", options, &sink, &err), EG_E_USAGE);
    assert_int_equal(eg_option_set(eg_sink_pcap.options, options, "format", "snoop", &err),
                     EG_E_USAGE);
    eg_options_reset(eg_sink_pcap.options, options);
    free(options);
}

static void without_memory(void **state) {
    struct eg_batch *batch = rows_made();
    void *options = calloc(1, eg_sink_pcap.options_size);
    assert_int_equal(eg_options_preset(eg_sink_pcap.options, options, NULL), EG_OK);
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct eg_sink *sink = NULL;
        snprintf(uri, sizeof uri, "pcap:%s/out", (char *)*state);
        torture_fail_after(n);
        enum eg_status status = eg_sink_pcap.open(&test_env, uri, options, &sink, NULL);
        bool is_open = status == EG_OK;
        if (is_open) status = eg_sink_pcap.write(sink, batch, NULL);
        failed = torture_off();
        if (status != EG_OK) assert_int_equal(status, EG_E_NOMEM);
        if (is_open) eg_sink_pcap.close(sink);
        captures_clear(*state);
    }
    eg_options_reset(eg_sink_pcap.options, options);
    free(options);
    eg_batch_unref(batch);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, captures_setup, captures_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(both_kinds),      TEST(as_pcapng), TEST(nothing_to_record),
        TEST(the_hook_is_run), TEST(refused),   TEST(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
