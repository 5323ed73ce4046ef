/* SPDX-License-Identifier: Apache-2.0
 * Frames of interfaces in captures of the store: each stands where its row says, once that is
 * committed, and the captures change with the hour. */
#include "capture_made.h"
#include "store/capture_live.h"
#include "torture.h"
#include "wire/pcap.h"

struct stage {
    struct eg_dataset *ds;
    struct eg_keeper *keeper;
    struct eg_live *live;
};

static struct stage stage_open(const char *root) {
    struct stage s = {.ds = open_writer(root)};
    must(eg_keeper_new(&s.keeper, s.ds, &(struct eg_keep_rule){.keep = EG_KEEP_COPY}, ERR));
    must(eg_live_new(&s.live, s.keeper, &test_env, ERR));
    return s;
}

static void stage_close(struct stage *s) {
    eg_live_free(s->live);
    eg_keeper_free(s->keeper);
    eg_dataset_close(s->ds);
}

static void commit(struct stage *s) {
    struct eg_commit *commit;
    struct eg_journal lines = {0};
    must(eg_live_settle(s->live, ERR));
    must(eg_commit_begin(&commit, s->ds, ERR));
    must(eg_keeper_lines(s->keeper, &lines, ERR));
    for (size_t i = 0; i < lines.capture_count; i++)
        must(eg_commit_capture(commit, &lines.captures[i], ERR));
    must(eg_commit_finish(commit, NULL, 0, ERR));
    eg_commit_free(commit);
    eg_keeper_committed(s->keeper);
    eg_journal_reset(&lines);
}

struct place {
    char name[256];
    uint64_t offset;
};

/* A frame of 100 bytes, all `mark`, `ns` behind noon. */
static struct place put(struct stage *s, const char *interface, int32_t link_type, int64_t ns,
                        uint8_t mark) {
    uint8_t payload[100];
    struct place place = {.offset = 0};
    memset(payload, mark, sizeof payload);
    struct eg_frame frame = {.time_ns = NOON * 1000 + ns,
                             .link_type = link_type,
                             .interface = -1,
                             .length = 1000,
                             .payload = eg_span(payload, sizeof payload)};
    const char *name = eg_live_frame(s->live, &frame, interface, &place.offset);
    assert_non_null(name);
    snprintf(place.name, sizeof place.name, "%s", name);
    return place;
}

static void expect_at(const char *root, const struct place *place, int64_t ns, uint8_t mark) {
    struct eg_capture capture;
    struct eg_pcap pcap;
    struct eg_frame frame;
    struct eg_record_note note;
    size_t size;
    must(capture_find(root, place->name, true, &capture));
    uint8_t *bytes = copy_read(&capture, &size);
    must(eg_pcap_open(&pcap, eg_span(bytes, size), ERR));
    assert_int_equal(eg_pcap_record(&pcap, eg_span_from(eg_span(bytes, size), place->offset),
                                    &frame, &note, NULL),
                     EG_RECORD_FRAME);
    assert_int_equal(frame.time_ns, NOON * 1000 + ns);
    assert_int_equal(frame.length, 1000);
    assert_int_equal(frame.payload.size, 100);
    assert_int_equal(eg_u8(frame.payload, 99), mark);
    eg_free(bytes);
}

static void frames_stand_where_they_say(void **state) {
    const char *root = path_of(*state, "d");
    struct stage s = stage_open(root);
    struct place places[6];
    for (uint8_t i = 0; i < 6; i++)
        places[i] = put(&s, i & 1 ? "eth1" : "eth0", i == 4 ? 113 : 1, i * 1001, i);
    assert_string_equal(places[0].name, places[2].name);
    assert_string_not_equal(places[0].name, places[1].name);
    assert_string_not_equal(places[0].name, places[4].name); /* another link type */
    assert_int_equal(places[0].offset, 24);
    assert_int_equal(places[2].offset, 24 + 116);
    assert_int_equal(strncmp(places[0].name, "captures/2026-01-02/eth0-20260102T120000-", 41), 0);
    commit(&s);
    for (uint8_t i = 0; i < 6; i++) expect_at(root, &places[i], i * 1001, i);
    /* it goes on in the same captures, and what is not committed changes nothing of what was */
    struct place more = put(&s, "eth0", 1, 1000000, 77);
    assert_string_equal(more.name, places[0].name);
    assert_int_equal(more.offset, 24 + 2 * 116);
    for (uint8_t i = 0; i < 6; i++) expect_at(root, &places[i], i * 1001, i);
    commit(&s);
    expect_at(root, &more, 1000000, 77);
    struct eg_capture *list;
    assert_int_equal(captures_of(root, &list), 3);
    uint64_t packets = 0;
    for (size_t i = 0; i < 3; i++) packets += list[i].packets;
    assert_int_equal(packets, 7);
    eg_free(list);
    stage_close(&s);
    assert_int_equal(scratch_count(root, ".tmp"), 0);
}

/* A new capture with the hour of the packets; the old one is whole. */
static void changes_with_the_hour(void **state) {
    const char *root = path_of(*state, "d");
    struct stage s = stage_open(root);
    struct place first = put(&s, "eth0", 1, 0, 1);
    struct place last = put(&s, "eth0", 1, HOUR * 1000 - 1000, 2);
    struct place next = put(&s, "eth0", 1, HOUR * 1000, 3);
    assert_string_equal(first.name, last.name);
    assert_string_not_equal(last.name, next.name);
    assert_non_null(strstr(next.name, "eth0-20260102T130000-"));
    commit(&s);
    expect_at(root, &first, 0, 1);
    expect_at(root, &last, HOUR * 1000 - 1000, 2);
    expect_at(root, &next, HOUR * 1000, 3);
    stage_close(&s);
}

/* More interfaces than there are lanes: captures end early, and none of them is broken. */
static void many_interfaces(void **state) {
    const char *root = path_of(*state, "d");
    struct stage s = stage_open(root);
    struct place places[120];
    for (int i = 0; i < 120; i++) {
        char name[20];
        snprintf(name, sizeof name, "if%d", i % 40);
        places[i] = put(&s, name, 1, i, (uint8_t)i);
        if (i % 50 == 0) commit(&s);
    }
    commit(&s);
    for (int i = 0; i < 120; i++) expect_at(root, &places[i], i, (uint8_t)i);
    stage_close(&s);
}

/* What was not committed leaves nothing; what was stays. */
static void given_up(void **state) {
    const char *root = path_of(*state, "d");
    struct stage s = stage_open(root);
    put(&s, "eth0", 1, 0, 1);
    stage_close(&s);
    assert_int_equal(scratch_count(root, "captures"), 0);
    s = stage_open(root);
    struct place kept = put(&s, "eth0", 1, 0, 1);
    commit(&s);
    put(&s, "eth0", 1, 5, 2);
    stage_close(&s);
    expect_at(root, &kept, 0, 1);
    struct eg_capture capture;
    must(capture_find(root, kept.name, false, &capture));
    assert_int_equal(capture.packets, 1);
}

/* Where there is no place for a capture the step fails, once, with the reason. */
static void no_place(void **state) {
    const char *root = path_of(*state, "d");
    struct stage s = stage_open(root);
    must(eg_dataset_ready(s.ds, ERR));
    bytes_write(path_of(root, "captures"), "in the way", 10);
    uint64_t offset;
    struct eg_frame frame = {.time_ns = NOON * 1000, .link_type = 1, .length = 0};
    assert_null(eg_live_frame(s.live, &frame, "eth0", &offset));
    assert_null(eg_live_frame(s.live, &frame, "eth0", &offset));
    assert_true(eg_live_settle(s.live, ERR) < 0);
    assert_non_null(strstr(scratch_err.message, "captures"));
    unlink(path_of(root, "captures"));
    struct place place = put(&s, "eth0", 1, 0, 9);
    commit(&s);
    expect_at(root, &place, 0, 9);
    stage_close(&s);
}

static void no_memory(void **state) {
    for (long n = 0;; n++) {
        const char *root = path_of(*state, "d");
        struct stage s = stage_open(root);
        must(eg_dataset_ready(s.ds, ERR));
        uint64_t offset;
        struct eg_frame frame = {.time_ns = NOON * 1000, .link_type = 1, .length = 0};
        torture_fail_after(n);
        const char *name = eg_live_frame(s.live, &frame, "eth0", &offset);
        bool failed = torture_off();
        enum eg_status status = eg_live_settle(s.live, ERR);
        assert_int_equal(status, name ? EG_OK : EG_E_NOMEM);
        if (!name) assert_true(failed);
        stage_close(&s);
        scratch_clear(root);
        if (!failed) break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(frames_stand_where_they_say, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(changes_with_the_hour, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(many_interfaces, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(given_up, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(no_place, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(no_memory, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
