/* SPDX-License-Identifier: Apache-2.0
 * A look at a capture: exports are found, what cannot be read holds none. */
#include "engine/exports_look.h"

#include "engine_make.h"

static void look_at(const char *path, bool found, uint64_t frames) {
    struct eg_exports_look look;
    const uint16_t port = 2055;
    assert_int_equal(eg_exports_look(&eg_env_plain, path, &port, 1, &look, NULL), EG_OK);
    assert_int_equal(look.found, found);
    assert_int_equal(look.frames, frames);
}

/* The only export is the last packet of many units: whoever finds it, it is found. */
static void look_far(const char *directory) {
    char path[128];
    struct made m = {0}, frame = {0}, nothing = {0}, records = {0}, export = {0};
    made_pcap_head(&m, 0xa1b2c3d4, 65535, 1);
    made_udp(&frame, &nothing);
    for (uint32_t i = 0; i < 3000; i++)
        made_record(&m, 1767225600 + i, 0, (uint32_t)frame.size, (uint32_t)frame.size, frame.bytes);
    for (int with = 0; with < 2; with++) {
        if (with) {
            made_netflow5(&records, 0, 3, 1767229000);
            made_udp(&export, &records);
            made_record(&m, 1767229000, 0, (uint32_t) export.size, (uint32_t) export.size,
                        export.bytes);
        }
        made_write(made_path(path, sizeof path, directory, "far.pcap"), &m);
        struct eg_env env = eg_env_plain;
        env.unit_bytes = 1000;
        struct eg_exports_look look;
        for (int again = 0; again < 20; again++) {
            assert_int_equal(eg_exports_look(&env, path, NULL, 0, &look, NULL), EG_OK);
            assert_int_equal(look.found, with);
            if (!with) assert_int_equal(look.frames, 3000);
        }
    }
    made_free(&m);
    made_free(&frame);
    made_free(&records);
    made_free(&export);
}

static void exports_are_found(void **state) {
    (void)state;
    char directory[64], path[128], other[128];
    made_directory(directory);
    made_flows(made_path(path, sizeof path, directory, "a.pcap"), 30);
    look_at(path, true, 1);
    struct made m = {0}, frame = {0}, nothing = {0};
    made_pcap_head(&m, 0xa1b2c3d4, 65535, 1);
    made_udp(&frame, &nothing);
    for (uint32_t i = 0; i < 5; i++)
        made_record(&m, 1767225600 + i, 0, (uint32_t)frame.size, (uint32_t)frame.size, frame.bytes);
    made_write(made_path(other, sizeof other, directory, "b.pcap"), &m);
    made_free(&m);
    made_free(&frame);
    look_at(other, false, 5);
    look_at("/nowhere.pcap", false, 0);
    look_far(directory);
    struct eg_env env = eg_env_plain;
    atomic_bool cancel = true;
    env.cancel = &cancel;
    struct eg_exports_look look;
    assert_int_equal(eg_exports_look(&env, path, NULL, 0, &look, NULL), EG_E_CANCELLED);

    /* and read_flows makes of each capture what it is */
    struct eg_engine *engine = made_engine();
    char sql[512];
    const char *const asked[][2] = {{"", "netflow5\t30\npacket\t1"},
                                    {", source := 'exports'", "netflow5\t30"},
                                    {", source := 'packet'", "packet\t2"},
                                    {", source := 'all'", "netflow5\t30\npacket\t1"}};
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        snprintf(sql, sizeof sql,
                 "SELECT source, count(*) FROM read_flows(['%s', '%s']%s) GROUP BY 1 ORDER BY 1",
                 path, other, asked[i][0]);
        answers(engine, sql, asked[i][1]);
    }
    snprintf(sql, sizeof sql, "SELECT packets FROM read_flows('%s', filter := 'packets > 1')",
             other);
    answers(engine, sql, "5");
    snprintf(sql, sizeof sql,
             "SELECT packets FROM read_flows('%s', idle_us := 500000, one_way := true)", other);
    answers(engine, sql, "1\n1\n1\n1\n1");
    snprintf(sql, sizeof sql, "SELECT count(*) FROM read_flows('%s', source := 'sflow')", other);
    refuses(engine, sql, "EG_E_USAGE", "is none of auto, exports, packet, all");
    snprintf(sql, sizeof sql, "SELECT count(*) FROM read_flows('%s', flow_key := 'vlan,port')",
             other);
    refuses(engine, sql, "EG_E_USAGE", "takes vlan, tunnel");
    snprintf(sql, sizeof sql, "SELECT count(*) FROM read_flows('%s', idle_us := -1)", other);
    refuses(engine, sql, "EG_E_USAGE", "idle_us must be a number");
    eg_engine_close(engine);
    made_remove(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(exports_are_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
