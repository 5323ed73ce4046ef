/* SPDX-License-Identifier: Apache-2.0
 * A capture to standard output: what comes out of the pipe is what went in, at once; other link types;
 * lines; a reader that goes away. */
#include "sink/capture_stream.h"

#include "sink/captures.h"
#include "torture.h"
#include "wire/pcap.h"

#include <fcntl.h>
#include <signal.h>

static int saved;

/* Standard output becomes a pipe; answers its other end. */
static int pipe_begin(void) {
    int ends[2];
    fflush(stdout);
    saved = dup(STDOUT_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return ends[0];
}
static void pipe_end(int end) {
    dup2(saved, STDOUT_FILENO);
    close(saved);
    if (end >= 0) close(end);
}

static struct eg_frame frame(int64_t time_ns, int32_t link_type) {
    return (struct eg_frame){.time_ns = time_ns,
                             .link_type = link_type,
                             .length = 100,
                             .payload = eg_span("twelve bytes", 12)};
}

static void a_capture_at_once(void **state) {
    (void)state;
    struct eg_capture_stream *s;
    uint8_t bytes[1000];
    int end = pipe_begin();
    bool right = eg_capture_stream_new(&s, &test_env, 0, NULL) == EG_OK;
    struct eg_frame one = frame(NOON * 1000 + 7, 113), other = frame(NOON * 1000, 1),
                    timeless = frame(EG_FRAME_NO_TIME, 113);
    right = right && eg_capture_stream_put(s, &one, NULL) == EG_OK;
    right = right && eg_capture_stream_flush(s, NULL) == EG_OK;
    ssize_t first = read(end, bytes, sizeof bytes);
    right = right && eg_capture_stream_put(s, &other, NULL) == EG_OK;
    right = right && eg_capture_stream_put(s, &timeless, NULL) == EG_OK;
    right = right && eg_capture_stream_flush(s, NULL) == EG_OK;
    ssize_t second = read(end, bytes + 52, sizeof bytes - 52);
    pipe_end(end);
    assert_true(right);
    assert_int_equal(first, 24 + 16 + 12);
    assert_int_equal(second, 16 + 12);
    struct eg_pcap pcap;
    struct eg_frame got;
    struct eg_record_note note;
    assert_int_equal(eg_pcap_open(&pcap, eg_span(bytes, 80), NULL), EG_OK);
    assert_int_equal(pcap.link_type, 113);
    for (int i = 0; i < 2; i++) {
        struct eg_span have = eg_span(bytes + 24 + 28 * i, 28);
        assert_int_equal(eg_pcap_record(&pcap, have, &got, &note, NULL), EG_RECORD_FRAME);
        /* one without a time gets that of the one before it */
        assert_true(got.time_ns == (i ? NOON * 1000 : NOON * 1000 + 7));
        assert_int_equal(got.length, 100);
        assert_memory_equal(got.payload.at, "twelve bytes", 12);
    }
    assert_int_equal(eg_capture_stream_account(s)->packets, 2);
    assert_int_equal(eg_capture_stream_account(s)->lost, 1);
    struct eg_tally lost = {0};
    eg_capture_stream_losses(s, &lost);
    eg_capture_stream_losses(s, &lost); /* once is enough */
    assert_int_equal(eg_tally_sum(&lost, EG_CAUSE_recording_unfit).packets, 1);
    assert_int_equal(eg_tally_sum(&lost, EG_CAUSE_recording_time).packets, 0);
    eg_tally_reset(&lost);
    eg_capture_stream_free(s);
}

static void times_that_do_not_fit(void **state) {
    (void)state;
    struct eg_capture_stream *s;
    struct eg_tally noted = {0};
    uint8_t got[1000];
    int end = pipe_begin();
    bool right = eg_capture_stream_new(&s, &test_env, 0, NULL) == EG_OK;
    for (int i = 0; i < 3 && right; i++) {
        struct eg_frame f = frame(0, 1);
        f.time_ns = i ? INT64_C(4294967296) * 1000000000 : 5;
        right = eg_capture_stream_put(s, &f, NULL) == EG_OK;
    }
    right = right && eg_capture_stream_flush(s, NULL) == EG_OK;
    ssize_t size = read(end, got, sizeof got);
    pipe_end(end);
    assert_true(right);
    assert_int_equal(size, 24 + 3 * 28);
    eg_capture_stream_losses(s, &noted);
    assert_int_equal(eg_tally_sum(&noted, EG_CAUSE_recording_time).packets, 2);
    eg_tally_reset(&noted);
    eg_capture_stream_free(s);
}

static void lines(void **state) {
    (void)state;
    struct eg_capture_stream *s;
    char text[1000] = "";
    int end = pipe_begin();
    bool right = eg_capture_stream_new(&s, &test_env, 2, NULL) == EG_OK;
    for (int i = 0; i < 5 && right; i++) {
        struct eg_frame f = frame((NOON + i) * 1000, i);
        right = eg_capture_stream_put(s, &f, NULL) == EG_OK;
    }
    right = right && eg_capture_stream_flush(s, NULL) == EG_OK;
    ssize_t got = read(end, text, sizeof text - 1);
    pipe_end(end);
    assert_true(right && got > 0);
    assert_string_equal(text, "Packet received[2]: date=2026-01-02 12:00:00.000001 len=12\n"
                              "Packet received[4]: date=2026-01-02 12:00:00.000003 len=12\n");
    assert_int_equal(eg_capture_stream_account(s)->packets, 5);
    eg_capture_stream_free(s);
}

static void nobody_reads(void **state) {
    (void)state;
    struct eg_capture_stream *s;
    struct eg_error err = {0};
    struct eg_frame f = frame(0, 1);
    signal(SIGPIPE, SIG_IGN);
    int end = pipe_begin();
    close(end);
    enum eg_status status = eg_capture_stream_new(&s, &test_env, 0, NULL);
    if (status == EG_OK) status = eg_capture_stream_put(s, &f, &err);
    if (status == EG_OK) status = eg_capture_stream_flush(s, &err);
    pipe_end(-1);
    assert_int_equal(status, EG_E_CANCELLED);
    assert_string_equal(err.message, "standard output was closed by its reader");
    eg_capture_stream_free(s);
}

static void without_memory(void **state) {
    (void)state;
    struct eg_capture_stream *s = NULL;
    torture_fail_after(0);
    assert_int_equal(eg_capture_stream_new(&s, &test_env, 0, NULL), EG_E_NOMEM);
    assert_true(torture_off());
    assert_int_equal(eg_capture_stream_new(&s, &test_env, 0, NULL), EG_OK);
    struct eg_frame f = frame(0, 1);
    torture_fail_after(0);
    assert_int_equal(eg_capture_stream_put(s, &f, NULL), EG_E_NOMEM);
    assert_true(torture_off());
    eg_capture_stream_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_capture_at_once),
        cmocka_unit_test(times_that_do_not_fit),
        cmocka_unit_test(lines),
        cmocka_unit_test(nobody_reads),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
