/* SPDX-License-Identifier: Apache-2.0
 * read_losses: what a reading could not keep. */
#include "engine_make.h"

static void losses_are_rows(void **state) {
    (void)state;
    char directory[64], path[128], sql[512];
    made_directory(directory);
    struct made m = {0};
    made_pcap_head(&m, 0xa1b2c3d4, 65535, 1);
    for (uint32_t k = 0; k < 3; k++) { /* ten records are missing between the datagrams */
        struct made export = {0}, frame = {0};
        made_netflow5(&export, k * 40, 30, 1767225600 + k);
        made_udp(&frame, &export);
        made_record(&m, 1767225600 + k, 0, (uint32_t)frame.size, (uint32_t)frame.size, frame.bytes);
        made_free(&export);
        made_free(&frame);
    }
    made_add(&m, "\1\2\3", 3); /* and the file ends inside a record */
    made_write(made_path(path, sizeof path, directory, "a.pcap"), &m);
    made_free(&m);
    for (uint32_t threads = 1; threads <= 3; threads++) {
        const struct eg_engine_options options = {.threads = threads};
        struct eg_env env = eg_env_plain;
        env.unit_bytes = 1024;
        struct eg_engine *engine = made_engine_with(&env, &options);
        snprintf(sql, sizeof sql, "SELECT cause, source, exporter FROM read_losses('%s') ORDER BY cause", path);
        answers(engine, sql, "capture_cut\tpacket\t\nsequence_gap\tnetflow5\t192.0.2.1");
        const struct eg_tally *tally = eg_engine_tally(engine);
        assert_int_equal(eg_tally_sum(tally, EG_CAUSE_sequence_gap).records, 20);
        snprintf(sql, sizeof sql, "SELECT count(*), typeof(any_value(start_time)) FROM read_losses('%s')", path);
        answers(engine, sql, "2\tTIMESTAMP WITH TIME ZONE");
        eg_engine_close(engine);
    }
    made_remove(directory);
}

static void no_losses_are_no_rows(void **state) {
    (void)state;
    char directory[64], path[128], sql[512];
    made_directory(directory);
    made_flows(made_path(path, sizeof path, directory, "a.pcap"), 300);
    struct eg_engine *engine = made_engine();
    snprintf(sql, sizeof sql, "SELECT * FROM read_losses('%s')", path);
    answers(engine, sql, "");
    snprintf(sql, sizeof sql, "SELECT count(*) FROM read_losses(['%s', '%s'], notes := true)", path, path);
    char *text = asked(engine, sql);
    assert_true(strncmp(text, "EG_E", 4) != 0);
    eg_free(text);
    eg_engine_close(engine);
    made_remove(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_are_rows),
        cmocka_unit_test(no_losses_are_no_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
