/* SPDX-License-Identifier: Apache-2.0
 * Finding captures: by time, by name, out of the catalog or without it; those that are gone or
 * changed are told, with what to do. */
#include "capture_made.h"
#include "torture.h"

#include <fcntl.h>
#include <utime.h>

static void linked(void **state, const char **root, const char **path, struct made *m) {
    *root = path_of(*state, "d");
    *path = path_of(*state, "a.pcap");
    *m = capture_of(10, 1);
    capture_write(*path, m, m->size, false);
    ingest_as(*root, *path, EG_KEEP_LINK);
}

static void by_time(void **state) {
    const char *root = path_of(*state, "d");
    for (unsigned i = 0; i < 3; i++) { /* of ten seconds, one an hour */
        struct made m = {0};
        uint8_t payload[60] = {(uint8_t)i};
        char name[20];
        snprintf(name, sizeof name, "%u.pcap", i);
        made_pcap_head(&m, 0xa1b2c3d4, 65535, 1);
        for (uint32_t k = 0; k <= 10; k++)
            made_record(&m, (uint32_t)((NOON + i * HOUR) / 1000000) + k, 0, 60, 60, payload);
        capture_write(path_of(*state, name), &m, m.size, false);
        ingest_as(root, path_of(*state, name), EG_KEEP_LINK);
        made_free(&m);
    }
    static const struct {
        int64_t from, to;
        size_t count;
    } cases[] = {{INT64_MIN, INT64_MAX, 3},
                 {NOON, NOON, 1},
                 {NOON + 10000000, NOON + HOUR, 2},
                 {NOON + 10000001, NOON + HOUR - 1, 0},
                 {NOON + HOUR + 5000000, NOON + HOUR + 6000000, 1}};
    char *catalog = path_of(root, "_earlgrey/catalog.sqlite");
    for (int without = 0; without < 2; without++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct eg_dataset *ds = open_reader(root);
            struct eg_capture *list;
            size_t count;
            must(eg_captures(ds, cases[i].from, cases[i].to, &list, &count, ERR));
            assert_int_equal(count, cases[i].count);
            for (size_t k = 1; k < count; k++)
                assert_true(strcmp(list[k - 1].name, list[k].name) < 0);
            eg_free(list);
            eg_dataset_close(ds);
        }
        unlink(catalog);
    }
}

static void gone_and_changed(void **state) {
    const char *root, *path;
    struct made m;
    struct eg_capture found;
    linked(state, &root, &path, &m);
    must(capture_find(root, path, false, &found));
    /* touched, and nothing else: its checksum is looked at */
    struct utimbuf later = {.actime = 5, .modtime = 5};
    assert_int_equal(utime(path, &later), 0);
    must(capture_find(root, path, false, &found));
    /* more stands behind what was ingested */
    struct made more = capture_of(20, 1);
    capture_write(path, &more, more.size, false);
    must(capture_find(root, path, true, &found));
    assert_int_equal(found.bytes, m.size);
    /* one byte is another */
    more.bytes[m.size - 1] ^= 1;
    capture_write(path, &more, more.size, false);
    assert_int_equal(capture_find(root, path, false, &found), EG_E_FORMAT);
    assert_non_null(strstr(scratch_err.message, path));
    assert_non_null(strstr(scratch_err.message, "was changed since its packets were ingested"));
    assert_non_null(strstr(scratch_err.message, "put the old file back"));
    assert_non_null(strstr(scratch_err.message, "if it was moved, ingest it from where it is now"));
    capture_write(path, &m, m.size - 1, false);
    assert_int_equal(capture_find(root, path, false, &found), EG_E_FORMAT);
    unlink(path);
    assert_int_equal(capture_find(root, path, false, &found), EG_E_NOENT);
    assert_non_null(strstr(scratch_err.message, "is gone"));
    assert_non_null(strstr(scratch_err.message, "put it back where it was, or ingest it from"));
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(capture_find(root, path, false, &found), EG_E_FORMAT);
    assert_non_null(strstr(scratch_err.message, "if it was moved, ingest it from where it is now"));
    rmdir(path);
    capture_write(path, &m, m.size, false);
    must(capture_find(root, path, false, &found));
    made_free(&m);
    made_free(&more);
}

/* Same size, same time of change, another byte: only a whole look finds it. */
static void changed_in_secret(void **state) {
    const char *root, *path;
    struct made m;
    struct eg_capture found;
    struct stat before;
    linked(state, &root, &path, &m);
    assert_int_equal(stat(path, &before), 0);
    m.bytes[100] ^= 1;
    capture_write(path, &m, m.size, false);
    struct timespec times[2] = {before.st_atim, before.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    must(capture_find(root, path, false, &found));
    assert_int_equal(capture_find(root, path, true, &found), EG_E_FORMAT);
    made_free(&m);
}

/* The journal is lost: doctor --rebuild has the captures from the Parquet files. */
static void rebuilt(void **state) {
    const char *root = path_of(*state, "d"), *path = path_of(*state, "a.zst");
    struct made m = capture_of(1000, 2);
    capture_write(path, &m, m.size, true);
    ingest_as(root, path, EG_KEEP_COPY);
    struct eg_capture *before, *after;
    assert_int_equal(captures_of(root, &before), 1);
    scratch_clear(path_of(root, "_earlgrey/commits"));
    struct eg_finding *findings;
    size_t count;
    must(eg_dataset_doctor(root, true, &test_env, &findings, &count, ERR));
    eg_findings_free(findings, count);
    assert_int_equal(captures_of(root, &after), 1);
    assert_memory_equal(after, before, sizeof *after);
    struct eg_capture found;
    must(capture_find(root, after->name, true, &found));
    eg_free(before);
    eg_free(after);
    made_free(&m);
}

static void no_memory(void **state) {
    const char *root, *path;
    struct made m;
    struct eg_capture found;
    linked(state, &root, &path, &m);
    for (int without = 0; without < 2; without++) {
        for (long n = 0;; n++) {
            struct eg_dataset *ds = open_reader(root);
            torture_fail_after(n);
            enum eg_status status = eg_capture_find(ds, path, true, &found, ERR);
            bool failed = torture_off();
            if (status < 0) assert_true(failed);
            eg_dataset_close(ds);
            if (!failed) break;
        }
        unlink(path_of(root, "_earlgrey/catalog.sqlite"));
    }
    made_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(by_time, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(gone_and_changed, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(changed_in_secret, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(rebuilt, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(no_memory, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
