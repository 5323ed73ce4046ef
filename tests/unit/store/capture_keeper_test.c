/* SPDX-License-Identifier: Apache-2.0
 * Captures are kept while they are read: what stands in the store is what was read, whichever way it
 * came and however often reading was taken up again. */
#include "capture_made.h"
#include "torture.h"

#include <signal.h>
#include <sys/wait.h>

static struct eg_capture only_capture(const char *root) {
    struct eg_capture *list;
    assert_int_equal(captures_of(root, &list), 1);
    struct eg_capture capture = list[0];
    eg_free(list);
    return capture;
}

static void expect_holds(const struct eg_capture *capture, const struct made *m, size_t size) {
    size_t have;
    uint8_t *bytes = copy_read(capture, &have);
    assert_int_equal(capture->bytes, size);
    assert_true(have >= size);
    assert_memory_equal(bytes, m->bytes, size);
    eg_free(bytes);
}

static void links_plain_files(void **state) {
    const char *root = path_of(*state, "d"), *path = path_of(*state, "a.pcap");
    struct made m = capture_of(10, 1);
    capture_write(path, &m, m.size, false);
    struct kept_case how = {.rule = {.choose = true}};
    must(try_ingest(root, &path, 1, &how, ERR));
    assert_int_equal(how.account.linked, 1);
    assert_int_equal(how.account.copied, 0);
    struct eg_capture capture = only_capture(root);
    assert_string_equal(capture.name, path);
    assert_string_equal(capture.place, path);
    assert_int_equal(capture.keep, EG_KEEP_LINK);
    assert_int_equal(capture.packets, 10);
    assert_int_equal(capture.bytes, m.size);
    assert_int_equal(capture.link_type, 1);
    assert_int_equal(capture.first_us, NOON);
    assert_int_equal(capture.last_us, NOON + 9000009);
    assert_int_equal(ask(root, EG_TABLE_PACKETS, "count(distinct file)"), 1);
    assert_int_equal(ask(root, EG_TABLE_PACKETS, "max(\"offset\")"), 24 + 9 * RECORD);
    struct eg_strbuf sql = {0};
    eg_strbuf_printf(&sql, "count(*) filter (file = '%s')", path);
    assert_int_equal(ask(root, EG_TABLE_PACKETS, sql.text), 10);
    eg_strbuf_reset(&sql);
    assert_int_equal(scratch_count(root, "captures/"), 0);
    made_free(&m);
}

static void copies_plain_and_packed(void **state) {
    for (int packed = 0; packed < 2; packed++) {
        const char *root = path_of(*state, packed ? "packed" : "plain");
        const char *path = path_of(*state, packed ? "in a.pcap.zst" : "in a.pcap");
        struct made m = capture_of(20000, 2);
        capture_write(path, &m, m.size, packed);
        struct kept_case how = {.rule = {.choose = packed, .keep = EG_KEEP_COPY}};
        must(try_ingest(root, &path, 1, &how, ERR));
        assert_int_equal(how.account.copied, 1);
        assert_int_equal(how.account.bytes, m.size);
        struct eg_capture capture = only_capture(root);
        struct stat is;
        assert_int_equal(stat(capture.place, &is), 0);
        assert_int_equal(how.account.stored, is.st_size);
        assert_int_equal(capture.seekable, packed);
        assert_int_equal(strncmp(capture.name, "captures/2026-01-02/in-a-", 25), 0);
        assert_string_equal(capture.name + 25 + 8, packed ? ".pcap.zst" : ".pcap");
        expect_holds(&capture, &m, m.size);
        assert_int_equal(scratch_count(root, "captures/"), 1);
        assert_int_equal(ask(root, EG_TABLE_PACKETS, "count(distinct file)"), 1);
        struct eg_capture found;
        must(capture_find(root, capture.name, true, &found));
        made_free(&m);
    }
}

/* Many rounds, each a commit: the copy grows with them, its extent is that of the last. */
static void many_rounds(void **state) {
    for (int packed = 0; packed < 2; packed++) {
        const char *root = path_of(*state, packed ? "packed" : "plain");
        const char *path = path_of(*state, packed ? "a.zst" : "a");
        struct made m = capture_of(60000, 3);
        struct eg_env env = test_env;
        env.unit_bytes = 100000;
        env.batch_rows = 500;
        capture_write(path, &m, m.size, packed);
        struct kept_case how = {
            .rule = {.keep = EG_KEEP_COPY}, .round_bytes = 1 << 20, .env = &env};
        must(try_ingest(root, &path, 1, &how, ERR));
        assert_true(scratch_count(root, ".done") > 3);
        assert_int_equal(how.account.bytes, m.size);
        struct eg_capture capture = only_capture(root);
        assert_int_equal(capture.packets, 60000);
        expect_holds(&capture, &m, m.size);
        assert_int_equal(ask(root, EG_TABLE_PACKETS, "count(*)"), 60000);
        assert_int_equal(ask(root, EG_TABLE_PACKETS, "count(distinct file)"), 1);
        must(capture_find(root, capture.name, true, &capture));
        made_free(&m);
    }
}

/* It grows from one ingest to the next, also by half a record. */
static void grows(void **state) {
    for (int way = 0; way < 4; way++) {
        char name[20];
        bool copy = way & 1, packed = way & 2;
        snprintf(name, sizeof name, "d%d", way);
        const char *root = path_of(*state, name), *path = path_of(*state, "grows");
        struct made m = capture_of(1000, 4);
        static const size_t records[] = {3, 3, 10, 500, 1000};
        for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
            size_t size = 24 + records[i] * RECORD, extra = records[i] < 1000 ? i * 7 : 0;
            capture_write(path, &m, size + extra, packed);
            ingest_as(root, path, copy ? EG_KEEP_COPY : EG_KEEP_LINK);
            struct eg_capture capture = only_capture(root);
            assert_int_equal(capture.bytes, size);
            assert_int_equal(capture.packets, records[i]);
            assert_int_equal(capture.last_us, NOON + (int64_t)(records[i] - 1) * 1000001);
            if (copy) expect_holds(&capture, &m, size);
            must(capture_find(root, capture.name, true, &capture));
        }
        assert_int_equal(ask(root, EG_TABLE_PACKETS, "count(*)"), 1000);
        assert_int_equal(ask(root, EG_TABLE_PACKETS, "count(distinct file)"), 1);
        made_free(&m);
    }
}

/* A link whose file was moved is found again where the same bytes are ingested from, packed ones, too,
 * and also where they have grown meanwhile; rows keep its name. */
static void found_again(void **state) {
    const char *root = path_of(*state, "moved"), *first = path_of(*state, "one.pcap");
    const char *second = path_of(*state, "two.pcap"), *packed = path_of(*state, "three.pcap.zst");
    struct made m = capture_of(20, 9), other = capture_of(20, 10);
    struct eg_capture capture;
    size_t size = 24 + 10 * RECORD;
    capture_write(first, &m, size, false);
    ingest_as(root, first, EG_KEEP_LINK);
    capture_write(second, &m, size, false);
    assert_int_equal(ingest_as(root, second, EG_KEEP_LINK).account.linked, 0); /* it is there */
    assert_int_equal(rename(first, path_of(*state, "elsewhere")), 0);
    assert_int_equal(ingest_as(root, second, EG_KEEP_NONE).account.linked, 0);
    assert_int_equal(capture_find(root, first, true, &capture), EG_E_NOENT);
    assert_int_equal(ingest_as(root, second, EG_KEEP_LINK).account.linked, 1);
    must(capture_find(root, first, true, &capture));
    assert_string_equal(capture.place, second);
    assert_int_equal(capture.packets, 10);
    assert_int_equal(ingest_as(root, second, EG_KEEP_LINK).account.linked, 0);
    capture_write(second, &other, size, false); /* another capture, of the same size */
    capture_write(packed, &m, size, true);
    assert_int_equal(ingest_as(root, packed, EG_KEEP_LINK).account.linked, 1);
    must(capture_find(root, first, true, &capture));
    assert_string_equal(capture.place, packed);
    unlink(packed);
    capture_write(second, &m, m.size, false);
    ingest_as(root, second, EG_KEEP_LINK);
    capture = only_capture(root);
    assert_string_equal(capture.name, first);
    assert_string_equal(capture.place, second);
    assert_int_equal(capture.packets, 20);
    assert_int_equal(ask(root, EG_TABLE_PACKETS, "count(*)"), 20);
    assert_int_equal(ask(root, EG_TABLE_PACKETS, "count(distinct file)"), 1);
    made_free(&m);
    made_free(&other);
}

/* A copy that was damaged, or is gone, is replaced by the original that is ingested again: rows keep its
 * name. */
static void copies_given_up(void **state) {
    for (int way = 0; way < 4; way++) {
        char name[20];
        bool packed = way & 1, gone = way & 2;
        snprintf(name, sizeof name, "d%d", way);
        const char *root = path_of(*state, name), *path = path_of(*state, packed ? "b.zst" : "b");
        struct made m = capture_of(100, 11);
        capture_write(path, &m, m.size, packed);
        ingest_as(root, path, EG_KEEP_COPY);
        struct eg_capture before = only_capture(root), after;
        assert_int_equal(ingest_as(root, path, EG_KEEP_COPY).account.linked, 0); /* it is fine */
        if (gone)
            assert_int_equal(unlink(before.place), 0);
        else
            bytes_write(before.place, m.bytes, 50);
        assert_int_equal(capture_find(root, before.name, false, &after),
                         gone ? EG_E_NOENT : EG_E_FORMAT);
        assert_non_null(strstr(ERR->message, "ingest the capture again from the original"));
        assert_int_equal(ingest_as(root, path, EG_KEEP_NONE).account.linked, 0);
        assert_int_equal(ingest_as(root, path, EG_KEEP_COPY).account.linked, 1);
        must(capture_find(root, before.name, true, &after));
        assert_string_equal(after.place, path);
        assert_int_equal(after.packets, 100);
        assert_int_equal(scratch_count(root, "captures/"), 0);
        assert_int_equal(ask(root, EG_TABLE_PACKETS, "count(*)"), 100);
        assert_int_equal(ingest_as(root, path, EG_KEEP_COPY).account.linked, 0);
        made_free(&m);
    }
}

/* Two of one name, and another capture where one stood: each row finds its own. */
static void others_of_one_name(void **state) {
    const char *root = path_of(*state, "d"), *path = path_of(*state, "a.pcap");
    struct made one = capture_of(10, 5), two = capture_of(20, 6);
    for (int keep = EG_KEEP_LINK; keep <= EG_KEEP_COPY; keep++) {
        root = path_of(*state, keep == EG_KEEP_COPY ? "copies" : "links");
        struct eg_capture *list;
        capture_write(path, &one, one.size, false);
        ingest_as(root, path, (enum eg_keep)keep);
        capture_write(path, &two, two.size, false);
        ingest_as(root, path, (enum eg_keep)keep);
        assert_int_equal(captures_of(root, &list), 2);
        assert_string_not_equal(list[0].name, list[1].name);
        assert_int_equal(list[0].packets + list[1].packets, 30);
        assert_int_equal(ask(root, EG_TABLE_PACKETS, "count(distinct file)"), 2);
        struct eg_capture found;
        for (int i = 0; i < 2; i++) {
            enum eg_status status = capture_find(root, list[i].name, false, &found);
            bool stands = keep == EG_KEEP_COPY || list[i].packets == 20;
            assert_int_equal(status, stands ? EG_OK : EG_E_FORMAT);
        }
        eg_free(list);
    }
    made_free(&one);
    made_free(&two);
}

static void keeps_nothing(void **state) {
    const char *root = path_of(*state, "d"), *path = path_of(*state, "a.pcap");
    struct made m = capture_of(5, 7);
    capture_write(path, &m, m.size, false);
    ingest_as(root, path, EG_KEEP_NONE);
    struct eg_capture *list, found;
    assert_int_equal(captures_of(root, &list), 0);
    assert_int_equal(ask(root, EG_TABLE_PACKETS, "count(*)"), 5);
    assert_int_equal(capture_find(root, path, false, &found), EG_E_NOENT);
    assert_non_null(strstr(scratch_err.message, "--keep none"));
    /* and what came without packets leaves no copy behind */
    const char *other = path_of(*state, "other");
    capture_write(path, &m, 24, false);
    ingest_as(other, path, EG_KEEP_COPY);
    assert_int_equal(scratch_count(other, "captures/"), 0);
    made_free(&m);
}

/* Killed after each of its calls and then run again: one whole copy, all rows, each once. */
static void child_ingest(const char *root, const char *path) {
    struct eg_env env = test_env;
    env.unit_bytes = 100000;
    env.batch_rows = 200;
    struct kept_case how = {.rule = {.keep = EG_KEEP_COPY}, .round_bytes = 200000, .env = &env};
    _exit(try_ingest(root, &path, 1, &how, NULL) < 0);
}

static void killed_anywhere(void **state) {
    for (int packed = 0; packed < 2; packed++) {
        struct made m = capture_of(4000, 8);
        char path[256];
        snprintf(path, sizeof path, "%s/a", (const char *)*state);
        capture_write(path, &m, m.size, packed);
        for (useconds_t wait = 0; wait < 60000; wait += 5000) {
            const char *root = path_of(*state, "d");
            pid_t child = fork();
            if (child == 0) child_ingest(root, path);
            usleep(wait);
            kill(child, SIGKILL);
            waitpid(child, NULL, 0);
            ingest_as(root, path, EG_KEEP_COPY);
            struct eg_capture capture = only_capture(root);
            expect_holds(&capture, &m, m.size);
            must(capture_find(root, capture.name, true, &capture));
            assert_int_equal(scratch_count(root, ".tmp"), 0);
            assert_int_equal(scratch_count(root, "captures/"), 1);
            assert_int_equal(ask(root, EG_TABLE_PACKETS, "count(*)"), 4000);
            assert_int_equal(ask(root, EG_TABLE_PACKETS, "count(distinct file)"), 1);
            assert_int_equal(ask(root, EG_TABLE_PACKETS, "count(distinct \"offset\")"), 4000);
            scratch_clear(root);
        }
        made_free(&m);
    }
}

static void no_memory(void **state) {
    char file[256];
    snprintf(file, sizeof file, "%s/a", (const char *)*state);
    const char *path = file;
    struct made m = capture_of(5, 9);
    capture_write(path, &m, m.size, true);
    for (long n = 0; n < 3000; n += 1 + n / 20) {
        const char *root = path_of(*state, "d");
        struct kept_case how = {.rule = {.keep = EG_KEEP_COPY}};
        torture_fail_after(n);
        enum eg_status status = try_ingest(root, &path, 1, &how, ERR);
        bool failed = torture_off();
        if (status < 0) {
            assert_true(failed);
            ingest_as(root, path, EG_KEEP_COPY); /* settles what was decided */
            struct eg_capture capture = only_capture(root);
            expect_holds(&capture, &m, m.size);
            assert_int_equal(scratch_count(root, ".tmp"), 0);
            assert_int_equal(scratch_count(root, "captures/"), 1);
        }
        scratch_clear(root);
        if (!failed) break;
    }
    made_free(&m);
}

/* A file that is renamed or removed between being opened and being kept is passed over. */
static void passes_over_what_is_gone(void **state) {
    char gone[256], there[256];
    const char *root = path_of(*state, "d");
    snprintf(gone, sizeof gone, "%s/gone.pcap", (const char *)*state);
    snprintf(there, sizeof there, "%s/there.pcap", (const char *)*state);
    struct made m = capture_of(10, 1), other = capture_of(7, 2);
    capture_write(gone, &m, m.size, false);
    capture_write(there, &other, other.size, false);
    struct kept_case how = {.rule = {.choose = true}, .vanishes = true};
    const char *paths[] = {gone, there};
    must(try_ingest(root, paths, 2, &how, ERR));
    assert_int_equal(how.account.linked, 1);
    struct eg_capture capture = only_capture(root);
    assert_string_equal(capture.name, there);
    assert_int_equal(ask(root, EG_TABLE_PACKETS, "count(*)"), 7);
    made_free(&m);
    made_free(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(passes_over_what_is_gone, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(links_plain_files, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(copies_plain_and_packed, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(many_rounds, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(grows, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(found_again, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(copies_given_up, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(others_of_one_name, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(keeps_nothing, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(killed_anywhere, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(no_memory, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
