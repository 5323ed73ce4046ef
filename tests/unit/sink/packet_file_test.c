/* SPDX-License-Identifier: Apache-2.0
 * Captures of chosen packets: what is written is read again; times keep every nanosecond, whenever the
 * first one comes that needs it; several files; nothing is left of what fails, nothing written over. */
#include "sink/packet_file.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "torture.h"
#include "wire/pcap.h"
#include "wire/pcapng.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], path[128];

static int setup(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/earlgrey-packets-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/out.pcap", folder);
    return 0;
}

/* The names in the folder, in order; `remove_them` besides. */
static unsigned names(char *to, size_t size, bool remove_them) {
    struct dirent **list;
    int count = scandir(folder, &list, NULL, alphasort);
    unsigned seen = 0;
    *to = 0;
    for (int i = 0; i < count; i++) {
        char full[400];
        snprintf(full, sizeof full, "%s/%s", folder, list[i]->d_name);
        if (strcmp(list[i]->d_name, ".") != 0 && strcmp(list[i]->d_name, "..") != 0) {
            snprintf(to + strlen(to), size - strlen(to), "%s ", list[i]->d_name);
            seen++;
            if (remove_them) unlink(full);
        }
        free(list[i]);
    }
    free(list);
    return seen;
}

static int teardown(void **state) {
    (void)state;
    char text[1000];
    names(text, sizeof text, true);
    return rmdir(folder);
}

static struct eg_frame frame_of(uint32_t i, int64_t extra_ns) {
    static const uint8_t bytes[300] = {1, 2, 3, 4, 5};
    return (struct eg_frame){.time_ns = INT64_C(1700000000000000000) + i * 1000 + extra_ns,
                             .link_type = 1,
                             .interface = -1,
                             .length = 400 + i,
                             .payload = eg_span(bytes, i % 300)};
}

static struct eg_packet_file *opened(struct eg_packet_file_options options) {
    struct eg_packet_file *file;
    struct eg_error err;
    if (!options.path) options.path = path;
    if (eg_packet_file_open(&file, &options, &err) != EG_OK) fail_msg("%s", err.message);
    return file;
}

static void put(struct eg_packet_file *file, uint32_t i, int64_t extra_ns) {
    struct eg_frame frame = frame_of(i, extra_ns);
    struct eg_error err;
    if (eg_packet_file_put(file, &frame, eg_span(NULL, 0), &err) != EG_OK)
        fail_msg("%s", err.message);
}

static void finish(struct eg_packet_file *file) {
    struct eg_error err;
    if (eg_packet_file_finish(file, &err) != EG_OK) fail_msg("%s", err.message);
}

/* Reads a pcap file: packet k of it is frame_of(from + k, …); answers whether it is in nanoseconds. */
static bool expect_pcap(const char *name, uint32_t from, uint32_t count, uint32_t odd_at) {
    char *bytes, full[200];
    size_t size, at = EG_PCAP_HEAD;
    snprintf(full, sizeof full, "%s/%s", folder, name);
    assert_int_equal(eg_file_read(&bytes, &size, full, 1 << 24, NULL), EG_OK);
    struct eg_pcap pcap;
    struct eg_span have = eg_span(bytes, size);
    assert_int_equal(eg_pcap_open(&pcap, have, NULL), EG_OK);
    for (uint32_t k = 0; k < count; k++) {
        struct eg_frame frame, want = frame_of(from + k, k >= odd_at ? 7 : 0);
        struct eg_record_note note;
        assert_int_equal(eg_pcap_record(&pcap, eg_span_from(have, at), &frame, &note, NULL),
                         EG_RECORD_FRAME);
        assert_int_equal(frame.time_ns, want.time_ns);
        assert_int_equal(frame.length, want.length);
        assert_int_equal(frame.payload.size, want.payload.size);
        at += (size_t)note.size;
    }
    assert_int_equal(at, size);
    eg_free(bytes);
    return pcap.tick_ns == 1;
}

static void microseconds_until_more_is_needed(void **state) {
    (void)state;
    char text[400];
    for (uint32_t odd = 0; odd <= 20000; odd += 5000) {
        struct eg_packet_file *file =
            opened((struct eg_packet_file_options){.replace = true, .digest = true});
        for (uint32_t i = 0; i < 20000; i++) put(file, i, i >= odd ? 7 : 0);
        names(text, sizeof text, false);
        assert_true(strstr(text, ".out.pcap.earlgrey-") != NULL);
        finish(file);
        size_t count;
        const struct eg_packet_file_written *written = eg_packet_file_written(file, &count);
        struct eg_packet_file_account account = eg_packet_file_account(file);
        assert_int_equal(count, 1);
        assert_int_equal(written[0].packets, 20000);
        assert_int_equal(strlen(written[0].digest), 64);
        assert_int_equal(account.packets, 20000);
        assert_int_equal(account.first_ns, frame_of(0, odd == 0 ? 7 : 0).time_ns);
        assert_int_equal(account.last_ns, frame_of(19999, odd < 20000 ? 7 : 0).time_ns);
        assert_int_equal(expect_pcap("out.pcap", 0, 20000, odd), odd < 20000);
        eg_packet_file_free(file);
        assert_int_equal(names(text, sizeof text, false), 1);
    }
}

static void several_files(void **state) {
    (void)state;
    char text[400];
    struct eg_packet_file *file = opened((struct eg_packet_file_options){.records_max = 100});
    for (uint32_t i = 0; i < 250; i++) put(file, i, i >= 200 ? 7 : 0);
    finish(file);
    eg_packet_file_free(file);
    names(text, sizeof text, false);
    assert_string_equal(text, "out+0001.pcap out+0002.pcap out+0003.pcap ");
    assert_false(expect_pcap("out+0001.pcap", 0, 100, 100));
    assert_false(expect_pcap("out+0002.pcap", 100, 100, 100));
    assert_true(expect_pcap("out+0003.pcap", 200, 50, 0));
    file = opened((struct eg_packet_file_options){.records_max = 100, .replace = true});
    finish(file); /* no packets: no numbered file */
    eg_packet_file_free(file);
}

static void exists_already(void **state) {
    (void)state;
    char text[400];
    struct eg_packet_file *file;
    struct eg_error err;
    assert_int_equal(eg_file_create(path, "mine", 4, NULL), EG_OK);
    struct eg_packet_file_options options = {.path = path};
    assert_int_equal(eg_packet_file_open(&file, &options, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "exists; --force"));
    unlink(path);
    file = opened(options);
    put(file, 1, 0);
    assert_int_equal(eg_file_create(path, "mine", 4, NULL), EG_OK); /* meanwhile */
    assert_int_equal(eg_packet_file_finish(file, &err), EG_E_USAGE);
    eg_packet_file_free(file);
    names(text, sizeof text, false);
    assert_string_equal(text, "out.pcap ");
    char *bytes;
    size_t size;
    assert_int_equal(eg_file_read(&bytes, &size, path, 100, NULL), EG_OK);
    assert_string_equal(bytes, "mine");
    eg_free(bytes);
    options.replace = true;
    file = opened(options);
    put(file, 0, 0);
    finish(file);
    eg_packet_file_free(file);
    assert_false(expect_pcap("out.pcap", 0, 1, 1));
}

static void all_or_none(void **state) {
    (void)state;
    char text[400], third[200];
    snprintf(third, sizeof third, "%s/out+0003.pcap", folder);
    struct eg_packet_file *file = opened((struct eg_packet_file_options){.records_max = 1});
    for (uint32_t i = 0; i < 4; i++) put(file, i, 0);
    assert_int_equal(eg_file_create(third, "mine", 4, NULL), EG_OK);
    struct eg_error err;
    assert_int_equal(eg_packet_file_finish(file, &err), EG_E_USAGE);
    eg_packet_file_free(file);
    names(text, sizeof text, false);
    assert_string_equal(text, "out+0003.pcap ");
    unlink(third);
    file = opened((struct eg_packet_file_options){0}); /* never finished */
    put(file, 1, 0);
    eg_packet_file_free(file);
    assert_int_equal(names(text, sizeof text, false), 0);
}

/* A pcap record has 32 bits of seconds. */
static void late_times(void **state) {
    (void)state;
    const int64_t last_ns = INT64_C(4294967295) * 1000000000;
    struct eg_error err;
    struct eg_frame frame = frame_of(2, 3);
    struct eg_packet_file *file = opened((struct eg_packet_file_options){0});
    frame.time_ns = last_ns;
    assert_int_equal(eg_packet_file_put(file, &frame, eg_span(NULL, 0), &err), EG_OK);
    frame.time_ns = last_ns + 1000000000;
    assert_int_equal(eg_packet_file_put(file, &frame, eg_span(NULL, 0), &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "--format pcapng"));
    eg_packet_file_free(file);
    file = opened((struct eg_packet_file_options){.format = EG_WRITE_PCAPNG});
    assert_int_equal(eg_packet_file_put(file, &frame, eg_span(NULL, 0), &err), EG_OK);
    eg_packet_file_free(file);
}

static void link_types(void **state) {
    (void)state;
    struct eg_error err;
    struct eg_frame frame = frame_of(2, 3);
    struct eg_packet_file *file = opened((struct eg_packet_file_options){0});
    put(file, 1, 0);
    frame.link_type = 113;
    assert_int_equal(eg_packet_file_put(file, &frame, eg_span(NULL, 0), &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "link types 1 and 113"));
    assert_non_null(strstr(err.message, "; --format pcapng holds both"));
    eg_packet_file_free(file);
    file = opened((struct eg_packet_file_options){.format_option = "-of"}); /* of who calls it so */
    put(file, 1, 0);
    assert_int_equal(eg_packet_file_put(file, &frame, eg_span(NULL, 0), &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "; -of pcapng holds both"));
    eg_packet_file_free(file);

    file = opened((struct eg_packet_file_options){.format = EG_WRITE_PCAPNG});
    const char *interfaces[] = {"eth0", "", "eth0", "eth1"};
    const int32_t links[] = {1, 113, 1, 1};
    for (uint32_t i = 0; i < 4; i++) {
        frame = frame_of(i, 9);
        frame.link_type = links[i];
        struct eg_span name = eg_span(interfaces[i], strlen(interfaces[i]));
        assert_int_equal(eg_packet_file_put(file, &frame, name, &err), EG_OK);
    }
    finish(file);
    eg_packet_file_free(file);
    char *bytes;
    size_t size, at = 0;
    uint32_t k = 0;
    assert_int_equal(eg_file_read(&bytes, &size, path, 1 << 20, NULL), EG_OK);
    struct eg_pcapng ng = {0};
    struct eg_tally tally = {0};
    while (at < size) {
        struct eg_record_note note;
        enum eg_record record =
            eg_pcapng_block(&ng, eg_span(bytes + at, size - at), &frame, &note, &tally);
        if (record == EG_RECORD_FRAME) {
            assert_int_equal(frame.time_ns, frame_of(k, 9).time_ns);
            assert_int_equal(frame.link_type, links[k]);
            const char *name = ng.interfaces[frame.interface].name;
            assert_string_equal(name ? name : "", interfaces[k]);
            k++;
        }
        at += (size_t)note.size;
    }
    assert_int_equal(k, 4);
    assert_int_equal(ng.count, 3);
    eg_pcapng_reset(&ng);
    eg_tally_reset(&tally);
    eg_free(bytes);
}

static void timeless(void **state) {
    (void)state;
    struct eg_packet_file *file = opened((struct eg_packet_file_options){0});
    struct eg_frame frame = frame_of(1, 0);
    frame.time_ns = EG_FRAME_NO_TIME;
    assert_int_equal(eg_packet_file_put(file, &frame, eg_span(NULL, 0), NULL), EG_OK);
    assert_int_equal(eg_packet_file_account(file).timeless, 1);
    assert_true(eg_packet_file_account(file).first_ns > eg_packet_file_account(file).last_ns);
    frame.time_ns = -1;
    assert_int_equal(eg_packet_file_put(file, &frame, eg_span(NULL, 0), NULL), EG_OK);
    assert_int_equal(eg_packet_file_account(file).timeless, 1);
    assert_int_equal(eg_packet_file_account(file).early, 1);
    finish(file);
    eg_packet_file_free(file);
}

static void cannot_be_written(void **state) {
    (void)state;
    struct eg_error err;
    struct eg_frame frame = frame_of(1, 0);
    struct eg_packet_file *file =
        opened((struct eg_packet_file_options){.path = "/nowhere/out.pcap"});
    assert_int_equal(eg_packet_file_put(file, &frame, eg_span(NULL, 0), &err), EG_E_NOENT);
    eg_packet_file_free(file);
    file = opened((struct eg_packet_file_options){.path = "/dev/full"});
    enum eg_status status = EG_OK;
    for (uint32_t i = 0; i < 20000 && status == EG_OK; i++) {
        frame = frame_of(i, 0);
        status = eg_packet_file_put(file, &frame, eg_span(NULL, 0), &err);
    }
    assert_int_equal(status, EG_E_NOSPACE);
    eg_packet_file_free(file);
}

static void without_memory(void **state) {
    (void)state;
    char text[400];
    for (long n = 0;; n++) {
        struct eg_packet_file *file = NULL;
        struct eg_packet_file_options options = {
            .path = path, .format = EG_WRITE_PCAPNG, .digest = true};
        torture_fail_after(n);
        enum eg_status status = eg_packet_file_open(&file, &options, NULL);
        struct eg_frame frame = frame_of(5, 0);
        if (status == EG_OK) status = eg_packet_file_put(file, &frame, eg_span("eth0", 4), NULL);
        if (status == EG_OK) status = eg_packet_file_finish(file, NULL);
        bool failed = torture_off();
        eg_packet_file_free(file);
        if (!failed) {
            assert_int_equal(status, EG_OK);
            break;
        }
        assert_int_equal(status, EG_E_NOMEM);
        assert_int_equal(names(text, sizeof text, false), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(microseconds_until_more_is_needed, setup, teardown),
        cmocka_unit_test_setup_teardown(several_files, setup, teardown),
        cmocka_unit_test_setup_teardown(exists_already, setup, teardown),
        cmocka_unit_test_setup_teardown(all_or_none, setup, teardown),
        cmocka_unit_test_setup_teardown(late_times, setup, teardown),
        cmocka_unit_test_setup_teardown(link_types, setup, teardown),
        cmocka_unit_test_setup_teardown(timeless, setup, teardown),
        cmocka_unit_test_setup_teardown(cannot_be_written, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
