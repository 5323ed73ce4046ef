/* SPDX-License-Identifier: Apache-2.0
 * What the recording sinks share: who is one, what their URIs name, opening without memory. Rows are
 * in pcap_test and seqfile_test. */
#include "sink/recording.h"

#include "sink/captures.h"
#include "torture.h"

extern const struct eg_sink_type eg_sink_pcap, eg_sink_seqfile, eg_sink_null;

static void who_records(void **state) {
    (void)state;
    assert_true(eg_sink_records(&eg_sink_pcap));
    assert_true(eg_sink_records(&eg_sink_seqfile));
    assert_false(eg_sink_records(&eg_sink_null));
}

static void what_the_uri_names(void **state) {
    static const struct {
        const char *uri, *directory;
    } cases[] = {
        {"pcap:out", "out"}, {"seqfile:/a/b:c", "/a/b:c"}, {"./a:b", "./a:b"}, {"out", "out"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eg_recording_options o = {.uri = cases[i].uri, .pattern = "x.pcap"};
        struct eg_sink *sink;
        assert_int_equal(eg_recording_open(&sink, &test_env, &o, NULL), EG_OK);
        assert_string_equal(sink->directory, cases[i].directory);
        assert_int_equal(eg_recording_account(sink)->packets, 0);
        struct eg_tally tally = {0};
        eg_recording_losses(sink, &tally);
        assert_int_equal(tally.count, 0);
        eg_recording_close(sink); /* nothing was written: nothing is made */
    }
    struct eg_recording_options none = {.uri = "pcap:", .pattern = "x.pcap"};
    struct eg_sink *sink;
    struct eg_error err;
    assert_int_equal(eg_recording_open(&sink, &test_env, &none, &err), EG_E_USAGE);
    assert_string_equal(err.message, "'pcap:' names no directory: pcap:DIR");
}

static void without_memory(void **state) {
    (void)state;
    struct eg_recording_options o = {.uri = "pcap:out", .pattern = "x.pcap"};
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct eg_sink *sink = NULL;
        torture_fail_after(n);
        enum eg_status status = eg_recording_open(&sink, &test_env, &o, NULL);
        failed = torture_off();
        assert_int_equal(status, failed ? EG_E_NOMEM : EG_OK);
        if (status == EG_OK) eg_recording_close(sink);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_records),
        cmocka_unit_test(what_the_uri_names),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
