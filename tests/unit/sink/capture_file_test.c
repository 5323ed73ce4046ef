/* SPDX-License-Identifier: Apache-2.0
 * One capture file: hidden until it is whole, never over another one, and recovered from a cut at
 * any byte. */
#include "sink/capture_file.h"

#include "base/alloc.h"
#include "sink/captures.h"
#include "torture.h"
#include "wire/capture_write.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

static void frames_add(struct eg_capture_file *file, uint32_t count) {
    static const uint8_t bytes[100] = {1, 2, 3};
    if (!file->buffer.size && !file->written) eg_write_pcap_head(&file->buffer, 1);
    for (uint32_t i = 0; i < count; i++) {
        struct eg_frame frame = {
            .time_ns = NOON * 1000 + i, .length = 100, .payload = eg_span(bytes, i % 100)};
        eg_write_pcap_record(&file->buffer, &frame);
        file->packets++;
    }
}

static void hidden_until_whole(void **state) {
    struct eg_capture_journal *j = journal_of(*state);
    struct eg_capture_file file = {.fd = -1};
    struct eg_published out;
    assert_int_equal(eg_capture_file_create(&file, j, "d/a.pcap", NULL), EG_OK);
    frames_add(&file, 3);
    assert_string_equal(listing(*state), "d/.a.pcap.tmp");
    assert_int_equal(size_of(*state, "d/.a.pcap.tmp"), 0);
    assert_int_equal(eg_capture_file_sync(&file, NULL), EG_OK);
    assert_int_equal(size_of(*state, "d/.a.pcap.tmp"), 24 + 3 * 16 + 3);
    assert_int_equal(eg_capture_file_publish(&file, j, NOON, &out, NULL), EG_OK);
    assert_string_equal(listing(*state), "d/a.pcap");
    assert_string_equal(out.name, "d/a.pcap");
    assert_int_equal(out.bytes, 24 + 3 * 16 + 3);
    assert_int_equal(out.packets, 3);
    assert_int_equal(file.fd, -1);
    assert_int_equal(j->count, 1);
    assert_int_equal(j->open_count, 0);
    eg_capture_file_reset(&file);
    eg_capture_journal_close(j);
}

static void names_are_not_taken_twice(void **state) {
    struct eg_capture_journal *j = journal_of(*state);
    struct eg_capture_file file = {.fd = -1}, other = {.fd = -1};
    struct eg_published out;
    write_text(*state, "a.pcap", "mine", 4);
    assert_int_equal(eg_capture_file_create(&file, j, "a.pcap", NULL), EG_OK);
    assert_int_equal(eg_capture_file_create(&other, j, "a.pcap", NULL), EG_OK);
    assert_string_equal(file.name, "a-1.pcap");
    assert_string_equal(other.name, "a-2.pcap");
    write_text(*state, "a-1.pcap", "too late", 8); /* somebody was faster */
    frames_add(&file, 1);
    assert_int_equal(eg_capture_file_publish(&file, j, NOON, &out, NULL), EG_OK);
    assert_string_equal(out.name, "a-1-1.pcap");
    assert_int_equal(size_of(*state, "a.pcap"), 4);
    assert_int_equal(size_of(*state, "a-1.pcap"), 8);
    assert_int_equal(size_of(*state, "a-1-1.pcap"), 24 + 16);
    eg_capture_file_reset(&file);
    eg_capture_file_reset(&other);
    eg_capture_journal_close(j);
}

/* Left by a run that was killed at every place: the whole packets are kept, nothing else. */
static void recovered_from_any_cut(void **state) {
    struct eg_capture_file file = {.fd = -1};
    frames_add(&file, 4); /* 16, 17, 18, 19 bytes */
    struct eg_strbuf whole = file.buffer;
    for (size_t cut = 0; cut <= whole.size; cut++) {
        struct eg_capture_journal *j = journal_of(*state);
        struct eg_capture_file leftover = {.fd = -1};
        struct eg_published out;
        assert_int_equal(eg_capture_file_create(&leftover, j, "a.pcap", NULL), EG_OK);
        eg_strbuf_add(&leftover.buffer, whole.text, cut);
        assert_int_equal(eg_capture_file_write(&leftover, NULL), EG_OK);
        eg_capture_file_reset(&leftover);
        eg_capture_journal_close(j);

        j = journal_of(*state);
        assert_int_equal(j->open_count, 1);
        assert_int_equal(eg_capture_recover(j, j->open[0], NOON, &out, NULL), EG_OK);
        uint64_t packets = (uint64_t)(cut >= 40) + (cut >= 57) + (cut >= 75) + (cut >= 94);
        uint64_t bytes = packets == 4 ? 94 : packets == 3 ? 75 : packets == 2 ? 57 : 40;
        assert_int_equal(out.packets, packets);
        assert_int_equal(j->open_count, 0);
        assert_string_equal(listing(*state), packets ? "a.pcap" : "");
        if (packets) {
            assert_int_equal(out.cut, cut - bytes);
            assert_int_equal(size_of(*state, "a.pcap"), (long)bytes);
            assert_int_equal(eg_capture_journal_drop(j, NULL), EG_OK);
        }
        eg_capture_journal_close(j);
    }
    eg_capture_file_reset(&file);
}

/* The crash came between the journal's line and the file, or between the name and the line. */
static void recovered_where_nothing_is(void **state) {
    struct eg_capture_journal *j = journal_of(*state);
    struct eg_published out;
    assert_int_equal(eg_capture_journal_begin(j, ".a.pcap.tmp", NULL), EG_OK);
    assert_int_equal(eg_capture_recover(j, j->open[0], NOON, &out, NULL), EG_OK);
    assert_int_equal(out.packets + j->open_count + j->count, 0);
    assert_int_equal(eg_capture_journal_begin(j, ".b.pcap.tmp", NULL), EG_OK);
    write_text(*state, "b.pcap", "12345", 5);
    assert_int_equal(eg_capture_recover(j, j->open[0], NOON, &out, NULL), EG_OK);
    assert_int_equal(j->count, 1);
    assert_int_equal(j->bytes, 5);
    eg_capture_journal_close(j);
}

/* No space in the middle of a record: what did not fit waits, and is written when there is space;
 * at the end of a run the file is cut back to what is whole. */
static void a_full_disk(void **state) {
    struct eg_capture_journal *j = journal_of(*state);
    struct eg_capture_file file = {.fd = -1};
    struct eg_published out;
    struct eg_error err;
    struct rlimit before, small;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (int space_returns = 0; space_returns < 2; space_returns++) {
        assert_int_equal(eg_capture_file_create(&file, j, "a.pcap", NULL), EG_OK);
        frames_add(&file, 50);
        size_t all = file.buffer.size;
        small = (struct rlimit){333, before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        assert_int_equal(eg_capture_file_write(&file, &err), EG_E_NOSPACE);
        assert_int_equal(file.written, 333);
        assert_int_equal(file.buffer.size, all - 333);
        assert_int_equal(eg_capture_file_publish(&file, j, NOON, &out, &err), EG_E_NOSPACE);
        assert_true(file.fd >= 0);
        if (space_returns) {
            assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
            assert_int_equal(eg_capture_file_publish(&file, j, NOON, &out, &err), EG_OK);
            assert_int_equal(out.bytes, all);
            assert_int_equal(out.packets, 50);
        } else {
            assert_int_equal(eg_capture_file_salvage(&file, j, NOON, &out, &err), EG_OK);
            assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
            assert_in_range(out.packets, 1, 20);
            assert_int_equal(file.packets, 50 - out.packets);
        }
        assert_int_equal(size_of(*state, out.name), (long)out.bytes);
    }
    eg_capture_file_reset(&file);
    eg_capture_journal_close(j);
}

static void without_memory(void **state) {
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct eg_capture_journal *j = journal_of(*state);
        struct eg_capture_file file = {.fd = -1};
        struct eg_published out;
        torture_fail_after(n);
        enum eg_status status = eg_capture_file_create(&file, j, "d/a.pcap", NULL);
        if (status == EG_OK) frames_add(&file, 1);
        bool lost = file.buffer.failed;
        if (status == EG_OK && !lost)
            status = eg_capture_file_publish(&file, j, NOON, &out, NULL);
        failed = torture_off();
        if (status != EG_OK) assert_int_equal(status, EG_E_NOMEM);
        eg_capture_file_reset(&file);
        eg_capture_journal_close(j);
        j = journal_of(*state);
        while (j->open_count) /* whatever was left can be recovered */
            assert_int_equal(eg_capture_recover(j, j->open[0], NOON, &out, NULL), EG_OK);
        eg_capture_journal_close(j);
        assert_null(strstr(listing(*state), ".tmp"));
        captures_clear(*state); /* or names would be looked for longer each time */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hidden_until_whole, captures_setup, captures_teardown),
        cmocka_unit_test_setup_teardown(names_are_not_taken_twice, captures_setup,
                                        captures_teardown),
        cmocka_unit_test_setup_teardown(recovered_from_any_cut, captures_setup, captures_teardown),
        cmocka_unit_test_setup_teardown(recovered_where_nothing_is, captures_setup,
                                        captures_teardown),
        cmocka_unit_test_setup_teardown(a_full_disk, captures_setup, captures_teardown),
        cmocka_unit_test_setup_teardown(without_memory, captures_setup, captures_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
