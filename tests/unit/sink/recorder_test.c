/* SPDX-License-Identifier: Apache-2.0
 * Rotation by time and size, lanes, keep rules, a full disk, a killed run: what is on disk, and the
 * account of it. */
#include "sink/recorder.h"

#include "base/timetext.h"
#include "sink/captures.h"
#include "torture.h"

#include <signal.h>
#include <sys/resource.h>

static const uint8_t bytes[200] = {1, 2, 3, 4};

static struct eg_recorder_options usual(const char *directory) {
    return (struct eg_recorder_options){
        .directory = directory, .pattern = "%{interface}-%H%M%S.pcap", .host = "h"};
}

static struct eg_recorder *opened(const struct eg_recorder_options *options) {
    struct eg_recorder *r = NULL;
    struct eg_error err;
    if (eg_recorder_open(&r, &test_env, options, &err) != EG_OK) fail_msg("%s", err.message);
    eg_recorder_now(r, clock_us);
    return r;
}

/* A frame of 100 bytes, so many seconds after noon. */
static void put_of(struct eg_recorder *r, double after, const char *interface, int32_t link_type) {
    struct eg_frame frame = {.time_ns = (NOON + (int64_t)(after * 1e6)) * 1000,
                             .link_type = link_type,
                             .length = 100,
                             .payload = eg_span(bytes, 100)};
    struct eg_error err;
    if (eg_recorder_put(r, &frame, eg_span(interface, strlen(interface)), &err) != EG_OK)
        fail_msg("%s", err.message);
}
static void put(struct eg_recorder *r, double after) { put_of(r, after, "eth0", 1); }

static struct eg_tally_entry lost_by(struct eg_recorder *r, enum eg_cause cause) {
    struct eg_tally tally = {0};
    eg_recorder_losses(r, &tally);
    struct eg_tally_entry sum = eg_tally_sum(&tally, cause);
    eg_tally_reset(&tally);
    return sum;
}

static void by_time(void **state) {
    struct eg_recorder_options o = usual(*state);
    o.rotate_us = 60 * EG_SECOND_US;
    struct eg_recorder *r = opened(&o);
    assert_string_equal(listing(*state), ""); /* nothing before the first frame */
    put(r, 1);
    put(r, 59.999999);
    assert_string_equal(listing(*state), ".eth0-120001.pcap.tmp");
    put(r, 60); /* a multiple of the minute, not a minute later */
    put(r, 59); /* late: stays with what is open */
    put(r, 250);
    assert_string_equal(listing(*state), ".eth0-120410.pcap.tmp eth0-120001.pcap eth0-120100.pcap");
    assert_int_equal(size_of(*state, "eth0-120001.pcap"), 24 + 2 * 116);
    assert_int_equal(size_of(*state, "eth0-120100.pcap"), 24 + 2 * 116);
    assert_int_equal(eg_recorder_finish(r, NULL), EG_OK);
    assert_string_equal(listing(*state), "eth0-120001.pcap eth0-120100.pcap eth0-120410.pcap");
    assert_int_equal(eg_recorder_account(r)->packets, 5);
    assert_int_equal(eg_recorder_account(r)->files, 3);
    eg_recorder_free(r);
}

/* Nobody sends anything: the file is published when its time is over by the clock, which goes on
 * from the last frame's time, also where that lies in the past. */
static void by_time_without_traffic(void **state) {
    struct eg_recorder_options o = usual(*state);
    o.rotate_us = 60 * EG_SECOND_US;
    struct eg_recorder *r = opened(&o);
    clock_us = NOON + 1000 * EG_HOUR_US;
    eg_recorder_now(r, clock_us);
    put(r, 50);
    assert_int_equal(eg_recorder_sync(r, NULL), EG_OK);
    assert_string_equal(listing(*state), ".eth0-120050.pcap.tmp");
    assert_int_equal(size_of(*state, ".eth0-120050.pcap.tmp"), 24 + 116); /* durable already */
    eg_recorder_now(r, clock_us + 9 * EG_SECOND_US);
    assert_int_equal(eg_recorder_sync(r, NULL), EG_OK);
    assert_string_equal(listing(*state), ".eth0-120050.pcap.tmp");
    eg_recorder_now(r, clock_us + 10 * EG_SECOND_US);
    assert_int_equal(eg_recorder_sync(r, NULL), EG_OK);
    assert_string_equal(listing(*state), "eth0-120050.pcap");
    eg_recorder_free(r);
}

static void by_size(void **state) {
    struct eg_recorder_options o = usual(*state);
    o.size_max = 24 + 3 * 116;
    struct eg_recorder *r = opened(&o);
    for (int i = 0; i < 7; i++) put(r, 0);
    assert_string_equal(listing(*state),
                        ".eth0-120000-2.pcap.tmp eth0-120000-1.pcap eth0-120000.pcap");
    assert_int_equal(size_of(*state, "eth0-120000.pcap"), 24 + 3 * 116);
    assert_int_equal(eg_recorder_finish(r, NULL), EG_OK);
    assert_int_equal(size_of(*state, "eth0-120000-2.pcap"), 24 + 116);
    eg_recorder_free(r);
    o.size_max = 1; /* smaller than any packet: one each */
    r = opened(&o);
    put(r, 1);
    put(r, 1);
    assert_int_equal(eg_recorder_finish(r, NULL), EG_OK);
    assert_int_equal(size_of(*state, "eth0-120001-1.pcap"), 24 + 116);
    eg_recorder_free(r);
}

/* pcap holds one link type a file; the name tells interfaces apart. No flapping. */
static void lanes(void **state) {
    struct eg_recorder_options o = usual(*state);
    struct eg_recorder *r = opened(&o);
    for (int i = 0; i < 10; i++) {
        put_of(r, 0, "eth0", 1);
        put_of(r, 0, "eth0", 101);
        put_of(r, 0, "eth1", 1);
        put_of(r, 0, "", 1);
    }
    assert_int_equal(eg_recorder_finish(r, NULL), EG_OK);
    assert_string_equal(listing(*state), "capture-120000.pcap eth0-120000-1.pcap eth0-120000.pcap "
                                         "eth1-120000.pcap");
    assert_int_equal(size_of(*state, "eth0-120000-1.pcap"), 24 + 10 * 116);
    eg_recorder_free(r);
}

static void pcapng_holds_all(void **state) {
    struct eg_recorder_options o = usual(*state);
    o.pattern = "all.pcapng";
    o.format = EG_WRITE_PCAPNG;
    struct eg_recorder *r = opened(&o);
    for (int i = 0; i < 10; i++) {
        put_of(r, 0, "eth0", 1);
        put_of(r, 0, "eth0", 101);
        put_of(r, 0, "eth1", 1);
    }
    assert_int_equal(eg_recorder_finish(r, NULL), EG_OK);
    assert_string_equal(listing(*state), "all.pcapng");
    assert_int_equal(size_of(*state, "all.pcapng"), 28 + 16 + 3 * (20 + 8 + 8 + 4) + 30 * 132);
    eg_recorder_free(r);
}

/* More interfaces than lanes: the one that was used the longest ago gives way, nothing is lost. */
static void many_lanes(void **state) {
    struct eg_recorder_options o = usual(*state);
    struct eg_recorder *r = opened(&o);
    char name[16];
    for (int i = 0; i < 150; i++) {
        snprintf(name, sizeof name, "i%d", i % 75);
        put_of(r, 0, name, 1);
    }
    assert_int_equal(eg_recorder_finish(r, NULL), EG_OK);
    assert_int_equal(eg_recorder_account(r)->packets, 150);
    listing(*state);
    assert_int_equal(found_count, eg_recorder_account(r)->files);
    assert_in_range(found_count, 75, 150);
    eg_recorder_free(r);
}

static void rings(void **state) {
    struct eg_recorder_options o = usual(*state);
    o.rotate_us = EG_SECOND_US;
    o.files_max = 3;
    struct eg_recorder *r = opened(&o);
    for (int i = 0; i < 10; i++) put(r, i);
    assert_string_equal(listing(*state),
                        ".eth0-120009.pcap.tmp eth0-120006.pcap eth0-120007.pcap eth0-120008.pcap");
    assert_int_equal(eg_recorder_finish(r, NULL), EG_OK);
    assert_int_equal(eg_recorder_account(r)->removed, 7);
    eg_recorder_free(r);
    o.files_max =
        0; /* by size of all, over a restart; somebody else's file is not ours to remove */
    o.bytes_max = 3 * (24 + 116) + 10;
    write_text(*state, "aaa.pcap", "precious", 8);
    r = opened(&o);
    put(r, 20);
    put(r, 21);
    assert_int_equal(eg_recorder_sync(r, NULL), EG_OK);
    assert_string_equal(listing(*state),
                        ".eth0-120021.pcap.tmp aaa.pcap eth0-120009.pcap eth0-120020.pcap");
    assert_int_equal(eg_recorder_finish(r, NULL), EG_OK);
    eg_recorder_free(r);
    o.bytes_max = 0;
    o.age_max_us = 60 * EG_SECOND_US;
    r = opened(&o);
    eg_recorder_now(r, NOON + 60 * EG_SECOND_US);
    put(r, 30);
    assert_int_equal(eg_recorder_sync(r, NULL), EG_OK);
    assert_string_equal(listing(*state), ".eth0-120030.pcap.tmp aaa.pcap eth0-120009.pcap "
                                         "eth0-120020.pcap eth0-120021.pcap");
    eg_recorder_now(r, NOON + 60 * EG_SECOND_US + 1);
    assert_int_equal(eg_recorder_sync(r, NULL), EG_OK);
    assert_string_equal(listing(*state), ".eth0-120030.pcap.tmp aaa.pcap");
    eg_recorder_free(r);
}

/* Two at once in one directory: neither sees the other's files as its own, or as left over. */
static void two_recorders(void **state) {
    struct eg_recorder_options o = usual(*state);
    o.files_max = 1;
    o.rotate_us = EG_SECOND_US;
    struct eg_recorder *a = opened(&o), *b = opened(&o);
    for (int i = 0; i < 3; i++) {
        put_of(a, i, "a", 1);
        put_of(b, i, "b", 1);
    }
    assert_string_equal(listing(*state),
                        ".a-120002.pcap.tmp .b-120002.pcap.tmp a-120001.pcap b-120001.pcap");
    assert_int_equal(eg_recorder_finish(a, NULL), EG_OK);
    assert_int_equal(eg_recorder_finish(b, NULL), EG_OK);
    assert_int_equal(eg_recorder_account(a)->recovered + eg_recorder_account(b)->recovered, 0);
    eg_recorder_free(a);
    eg_recorder_free(b);
    a = opened(&o); /* and one that comes after them has all of theirs */
    assert_int_equal(eg_recorder_sync(a, NULL), EG_OK);
    assert_string_equal(listing(*state), "b-120002.pcap");
    eg_recorder_free(a);
}

static void killed_and_recovered(void **state) {
    struct eg_recorder_options o = usual(*state);
    struct eg_recorder *r = opened(&o);
    for (int i = 0; i < 5; i++) put(r, i);
    assert_int_equal(eg_recorder_sync(r, NULL), EG_OK);
    put(r, 5);           /* in the buffer only */
    eg_recorder_free(r); /* as a kill leaves it */
    write_text(*state, ".eth0-120000.pcap.tmp", "half a record", 13);
    r = opened(&o);
    assert_string_equal(listing(*state), ".eth0-120000.pcap.tmp");
    assert_int_equal(eg_recorder_begin(r, NULL), EG_OK);
    assert_int_equal(eg_recorder_begin(r, NULL), EG_OK);
    assert_string_equal(listing(*state), "eth0-120000.pcap");
    assert_int_equal(size_of(*state, "eth0-120000.pcap"), 24 + 5 * 116);
    assert_int_equal(eg_recorder_account(r)->recovered, 1);
    struct eg_tally tally = {0};
    eg_recorder_losses(r, &tally);
    assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_recording_recovered).packets, 5);
    assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_recording_cut).bytes, 13);
    eg_tally_reset(&tally);
    eg_recorder_losses(r, &tally); /* they were moved */
    assert_int_equal(tally.count, 0);
    assert_non_null(strstr(log_last, "5 packets kept, 13 bytes behind them cut off"));
    eg_recorder_free(r);
}

/* While there is no space packets are counted, told of once; then it goes on, and what had been
 * buffered is there. */
static void a_full_disk(void **state) {
    struct eg_recorder_options o = usual(*state);
    struct eg_recorder *r = opened(&o);
    struct rlimit before, small;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){5000, before.rlim_max};
    put(r, 0); /* the journal is there */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    uint64_t given = 1;
    for (; given < 5000; given++) put(r, 0);
    uint64_t lost = eg_recorder_account(r)->lost;
    assert_in_range(lost, 2000, 4000); /* a buffer holds 256 KiB */
    assert_int_equal(log_count, 1);
    assert_non_null(strstr(log_last, "the disk is full"));
    assert_int_equal(eg_recorder_sync(r, NULL), EG_OK);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    put(r, 0); /* not tried again within a second */
    assert_int_equal(eg_recorder_account(r)->lost, lost + 1);
    eg_recorder_now(r, clock_us + EG_SECOND_US);
    put(r, 0);
    given += 2;
    assert_int_equal(eg_recorder_account(r)->lost, lost + 1);
    assert_non_null(strstr(log_last, "there is space again"));
    assert_int_equal(log_count, 2);
    assert_int_equal(eg_recorder_finish(r, NULL), EG_OK);
    uint64_t kept = given - lost - 1;
    assert_int_equal(eg_recorder_account(r)->packets, kept);
    assert_int_equal(lost_by(r, EG_CAUSE_recording_full).packets, lost + 1);
    assert_int_equal(size_of(*state, "eth0-120000.pcap"), (long)(24 + kept * 116));
    eg_recorder_free(r);
}

/* The disk is full to the end: what is whole is published, the rest counted. */
/* The directory is removed under it: what was in the file is counted, and recording goes on in a new one. */
static void removed_meanwhile(void **state) {
    for (int synced = 0; synced < 2; synced++) {
        char path[300], command[400];
        snprintf(path, sizeof path, "%s/r%d", (const char *)*state, synced);
        snprintf(command, sizeof command, "%s/.earlgrey-captures", path);
        struct eg_recorder_options o = usual(path);
        o.rotate_us = 60 * EG_SECOND_US;
        struct eg_recorder *r = opened(&o);
        put(r, 1);
        put(r, 2);
        unlink(command);
        snprintf(command, sizeof command, "%s/.eth0-120001.pcap.tmp", path);
        assert_int_equal(unlink(command), 0);
        assert_int_equal(rmdir(path), 0);
        if (synced) assert_int_equal(eg_recorder_sync(r, NULL), EG_OK);
        put(r, 61);
        put(r, 62);
        put(r, 63);
        assert_non_null(strstr(log_last, "was removed while it was written: the 2 packets"));
        assert_int_equal(eg_recorder_finish(r, NULL), EG_OK);
        assert_string_equal(listing(path), "eth0-120101.pcap");
        assert_int_equal(size_of(path, "eth0-120101.pcap"), 24 + 3 * 116);
        assert_int_equal(eg_recorder_account(r)->packets, 3);
        assert_int_equal(eg_recorder_account(r)->lost, 2);
        assert_int_equal(lost_by(r, EG_CAUSE_recording_removed).packets, 2);
        eg_recorder_free(r);
    }
}

/* Three files of one second, of which one is kept: none has the name of one before it. */
static void names_are_given_once(void **state) {
    struct eg_recorder_options o = usual(*state);
    o.packets_max = 1;
    o.files_max = 1;
    struct eg_recorder *r = opened(&o);
    for (int i = 0; i < 4; i++) put(r, 1);
    assert_int_equal(eg_recorder_finish(r, NULL), EG_OK);
    assert_string_equal(listing(*state), "eth0-120001-3.pcap");
    assert_int_equal(eg_recorder_account(r)->files, 4);
    eg_recorder_free(r);
}

static void full_to_the_end(void **state) {
    struct eg_recorder_options o = usual(*state);
    struct eg_recorder *r = opened(&o);
    struct rlimit before, small;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    put(r, 0);
    small = (struct rlimit){5000, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 1; i < 100; i++) put(r, 0);
    assert_int_equal(eg_recorder_finish(r, NULL), EG_OK);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    uint64_t kept = (5000 - 24) / 116;
    assert_int_equal(size_of(*state, "eth0-120000.pcap"), (long)(24 + kept * 116));
    assert_int_equal(eg_recorder_account(r)->packets, kept);
    assert_int_equal(eg_recorder_account(r)->lost, 100 - kept);
    eg_recorder_free(r);
}

static void what_cannot_be(void **state) {
    struct eg_recorder_options o = usual(*state);
    struct eg_recorder *r;
    struct eg_error err;
    o.pattern = "../%H.pcap";
    assert_int_equal(eg_recorder_open(&r, &test_env, &o, &err), EG_E_USAGE);
    o.pattern = "a.pcap";
    r = opened(&o);
    put(r, 0);
    struct eg_frame frame = {
        .time_ns = EG_FRAME_NO_TIME, .payload = eg_span(bytes, 10), .length = 10};
    assert_int_equal(eg_recorder_put(r, &frame, eg_span("", 0), NULL), EG_OK);
    eg_recorder_unfit(r, NOON, 70000);
    assert_int_equal(eg_recorder_account(r)->lost, 1);
    assert_int_equal(lost_by(r, EG_CAUSE_recording_unfit).bytes, 70000);
    assert_int_equal(eg_recorder_finish(r, NULL), EG_OK);
    eg_recorder_free(r);
}

/* What a file cannot say of a packet's time is counted, and the packet is there all the same. */
static void times_that_do_not_fit(void **state) {
    static const int64_t times_ns[] = {-1, 0, INT64_C(4294967295) * 1000000000,
                                       INT64_C(4294967296) * 1000000000};
    static const uint64_t counted[] = {
        [EG_WRITE_PCAP] = 2, [EG_WRITE_PCAPNG] = 1, [EG_WRITE_SEQFILE] = 2};
    for (int format = EG_WRITE_PCAP; format <= EG_WRITE_SEQFILE; format++) {
        struct eg_recorder_options o = usual(*state);
        char pattern[20];
        snprintf(pattern, sizeof pattern, "a%d", format);
        o.pattern = pattern;
        o.format = (enum eg_capture_format)format;
        struct eg_recorder *r = opened(&o);
        for (size_t i = 0; i < 4; i++) {
            struct eg_frame frame = {.time_ns = times_ns[i],
                                     .link_type = 1,
                                     .length = 100,
                                     .payload = eg_span(bytes, 100)};
            assert_int_equal(eg_recorder_put(r, &frame, eg_span("eth0", 4), NULL), EG_OK);
        }
        assert_int_equal(eg_recorder_finish(r, NULL), EG_OK);
        assert_int_equal(eg_recorder_account(r)->packets, 4);
        struct eg_tally_entry noted = lost_by(r, EG_CAUSE_recording_time);
        assert_int_equal(noted.packets, counted[format]);
        assert_int_equal(noted.bytes, 100 * counted[format]);
        eg_recorder_free(r);
    }
}

static void without_memory(void **state) {
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct eg_recorder_options o = usual(*state);
        struct eg_recorder *r = NULL;
        struct eg_frame frame = {
            .time_ns = NOON * 1000, .length = 100, .payload = eg_span(bytes, 100)};
        o.format = n % 2 ? EG_WRITE_PCAP : EG_WRITE_PCAPNG;
        torture_fail_after(n / 2);
        enum eg_status status = eg_recorder_open(&r, &test_env, &o, NULL);
        if (status == EG_OK) {
            eg_recorder_now(r, NOON);
            status = eg_recorder_put(r, &frame, eg_span("e", 1), NULL);
            if (status == EG_OK) status = eg_recorder_sync(r, NULL);
            if (status == EG_OK) status = eg_recorder_finish(r, NULL);
        }
        failed = torture_off() || !(n % 2);
        if (status != EG_OK) assert_int_equal(status, EG_E_NOMEM);
        eg_recorder_free(r);
        r = opened(&o); /* whatever was left can be recovered */
        assert_int_equal(eg_recorder_begin(r, NULL), EG_OK);
        assert_null(strstr(listing(*state), ".tmp"));
        eg_recorder_free(r);
        captures_clear(*state);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, captures_setup, captures_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(by_time),
        TEST(by_time_without_traffic),
        TEST(by_size),
        TEST(lanes),
        TEST(pcapng_holds_all),
        TEST(many_lanes),
        TEST(rings),
        TEST(two_recorders),
        TEST(killed_and_recovered),
        TEST(a_full_disk),
        TEST(full_to_the_end),
        TEST(names_are_given_once),
        TEST(removed_meanwhile),
        TEST(what_cannot_be),
        TEST(times_that_do_not_fit),
        TEST(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
