/* SPDX-License-Identifier: Apache-2.0
 * The pump with extracts that hold rows back: each row once, whatever stops the run; what is counted, once. */
#include "table/pump_scene.h"

/* Rows that are held back over the whole input: a run that was stopped anywhere, taken up by any number
 * of threads and units of any size, gives those it had not given yet, and of the others none. So it is
 * also when the input has grown since, whose flows end where it did. */
static void held_rows_stopped_and_resumed(void **state) {
    (void)state;
    static const char *const inputs[][3] = {{"a:1000:70:", "b:333:5:s", "c:901:900:"},
                                            {"a:1000:13:", "b:333:9:s", "c:901:100:"},
                                            {"a:1500:70:", "b:700:5:s", "c:1901:333:"}};
    static const unsigned long records[2][3] = {{1000, 333, 901}, {1500, 700, 1901}};
    for (int round = 0; round < 60; round++) {
        struct eg_env env = fake_env(16);
        struct eg_source_type quiet = fake_source;
        quiet.commit = eg_source_commit_nop;
        struct eg_sink sink = sink_new();
        struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
        struct fake_rows expected = {0};
        uint64_t kept = 0;
        for (int grown = 0; grown < 2; grown++) {
            enum eg_status status = EG_E_IO;
            for (int life = 0; status < 0; life++) {
                struct eg_pump_request request =
                    request_of(sinks, 1, inputs[grown ? 2 : life % 2], 3);
                request.scan.parts[2] =
                    (struct eg_scan_part){.extract = &fake_metered, .columns = EG_COLUMNS_ALL};
                request.scan.part_count = 3;
                request.scan.claim = round % 3 != 0;
                if (round % 2) request.scan.source = &quiet;
                request.threads = 1 + random_below(3);
                request.round_bytes = 1000 + random_below(20000);
                status = stopped_run(&env, &request, life, &kept);
            }
            for (int i = 0; i < 3; i++) {
                unsigned long from = grown ? records[0][i] : 0, to = records[grown][i];
                struct fake_rows whole = {0};
                fake_expect(&whole, to, true, true, round % 3 != 0, true);
                for (size_t k = 0; k < whole.count;
                     k++) /* the rows drained at each end are there */
                    if (whole.rows[k].time_us >= (int64_t)from * 1000)
                        fake_add(&expected, whole.rows[k]);
                fake_rows_reset(&whole);
                fake_expect_held(&expected, from, to, round % 3 != 0);
            }
        }
        assert_int_equal(kept, expected.count);
        fake_rows_are(&sink.rows, &expected);
        sink_reset(&sink);
    }
}

/* What the source and the extracts count is told once, however often the input was begun. */
static void held_counts_once(void **state) {
    (void)state;
    const char *const input[] = {"a:1000:70:c"};
    for (int round = 0; round < 30; round++) {
        struct eg_env env = fake_env(16);
        struct eg_sink sink = sink_new();
        struct eg_pump_sink sinks[] = {{&memory, &sink, "m", NULL, false}};
        enum eg_status status = EG_E_IO;
        while (status < 0) {
            struct eg_pump_request request = request_of(sinks, 1, input, 1);
            request.scan.parts[1] =
                (struct eg_scan_part){.extract = &fake_metered, .columns = EG_COLUMNS_ALL};
            request.threads = 1 + random_below(3);
            request.round_bytes = 1000 + random_below(20000);
            struct eg_pump_account account;
            sink.fail_flush_after = (int)random_below(4);
            status = eg_pump_run(&env, &request, &account, NULL);
            eg_pump_account_reset(&account);
            remember_close(&sink);
        }
        assert_int_equal(sink.lost_packets, 1); /* that it is cut */
        sink_reset(&sink);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held_rows_stopped_and_resumed),
        cmocka_unit_test(held_counts_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
