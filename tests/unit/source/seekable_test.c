/* SPDX-License-Identifier: Apache-2.0
 * Any place of a seekable file, whoever wrote it; and files that lie about themselves. */
#include "source/seekable.h"

#include "base/alloc.h"
#include "torture.h"
#include "tree.h"

#include <zstd.h>

#define SIZE (2 * EG_SEEKABLE_FRAME + 4321)

static uint8_t bytes[SIZE];

static void bytes_make(void) {
    uint32_t seed = 5;
    for (size_t i = 0; i < SIZE; i++) {
        seed = seed * 1103515245 + 12345;
        bytes[i] = (uint8_t)(seed >> 28);
    }
}

static enum eg_status to_file(void *to, const void *from, size_t size, struct eg_error *err) {
    (void)err;
    return write(*(int *)to, from, size) == (ssize_t)size ? EG_OK : EG_E_IO;
}

static int file_new(const char *tree) {
    int fd = open(tree_path(tree, "file.zst"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

/* As we write it; `table` false: cut off before it. */
static int ours(const char *tree, bool table) {
    int fd = file_new(tree);
    struct eg_seekable_writer *w;
    assert_int_equal(eg_seekable_writer_new(&w, &(struct eg_seekable_out){to_file, &fd}, NULL),
                     EG_OK);
    assert_int_equal(eg_seekable_write(w, bytes, SIZE, NULL), EG_OK);
    assert_int_equal(table ? eg_seekable_table(w, NULL) : eg_seekable_frame(w, NULL), EG_OK);
    eg_seekable_writer_free(w);
    return fd;
}

static void check_places(struct eg_seekable *s) {
    static const uint64_t places[] = {0,
                                      1,
                                      100,
                                      131071,
                                      131072,
                                      EG_SEEKABLE_FRAME - 1,
                                      EG_SEEKABLE_FRAME,
                                      EG_SEEKABLE_FRAME + 1,
                                      2,
                                      SIZE - 5,
                                      SIZE - 1,
                                      2 * EG_SEEKABLE_FRAME - 50,
                                      7};
    uint8_t got_bytes[300000];
    size_t got;
    assert_int_equal(eg_seekable_bytes(s), SIZE);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        for (size_t size = 1; size <= sizeof got_bytes; size *= 23) {
            size_t want = size < SIZE - places[i] ? size : (size_t)(SIZE - places[i]);
            assert_int_equal(eg_seekable_read(s, places[i], got_bytes, size, &got, NULL), EG_OK);
            assert_int_equal(got, want);
            assert_memory_equal(got_bytes, bytes + places[i], want);
        }
    assert_int_equal(eg_seekable_read(s, SIZE, got_bytes, 1, &got, NULL), EG_OK);
    assert_int_equal(got, 0);
}

static void any_place(void **state) {
    for (int table = 1; table >= 0; table--) {
        int fd = ours(*state, table);
        struct eg_seekable *s;
        if (!table) assert_int_equal(eg_seekable_open(&s, fd, "f", false, NULL), EG_END);
        assert_int_equal(eg_seekable_open(&s, fd, "f", true, NULL), EG_OK);
        assert_int_equal(eg_seekable_frames(s), table ? 4 : 3);
        check_places(s);
        eg_seekable_close(s);
        close(fd);
    }
}

/* One byte costs one frame, and going on within it nothing more. */
static void reads_little(void **state) {
    int fd = ours(*state, true);
    struct eg_seekable *s;
    uint8_t byte;
    size_t got;
    assert_int_equal(eg_seekable_open(&s, fd, "f", false, NULL), EG_OK);
    uint64_t begin = eg_seekable_stored_read(s);
    uint64_t frame = eg_seekable_ends(s)->ends[1].stored - eg_seekable_ends(s)->ends[0].stored;
    assert_int_equal(eg_seekable_read(s, EG_SEEKABLE_FRAME, &byte, 1, &got, NULL), EG_OK);
    assert_true(eg_seekable_stored_read(s) - begin <= frame);
    assert_int_equal(eg_seekable_read(s, 2 * EG_SEEKABLE_FRAME - 1, &byte, 1, &got, NULL), EG_OK);
    assert_int_equal(eg_seekable_stored_read(s) - begin, frame);
    eg_seekable_close(s);
    close(fd);
}

/* Frames of another writer: no content sizes, checksums in the table. */
static void of_another_writer(void **state) {
    int fd = file_new(*state);
    uint8_t packed[70000], table[8 + 2 * 12 + 9] = {0x5e, 0x2a, 0x4d, 0x18, 2 * 12 + 9};
    size_t at = 8;
    for (int i = 0; i < 2; i++) {
        ZSTD_CCtx *zstd = ZSTD_createCCtx();
        ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 0);
        size_t size = ZSTD_compress2(zstd, packed, sizeof packed, bytes + i * 60000, 60000);
        ZSTD_freeCCtx(zstd);
        assert_int_equal(write(fd, packed, size), (ssize_t)size);
        uint32_t entry[3] = {(uint32_t)size, 60000, 0x12345678};
        memcpy(table + at, entry, sizeof entry);
        at += sizeof entry;
    }
    uint8_t footer[9] = {2, 0, 0, 0, 0x80, 0xb1, 0xea, 0x92, 0x8f};
    memcpy(table + at, footer, sizeof footer);
    assert_int_equal(write(fd, table, sizeof table), (ssize_t)sizeof table);
    struct eg_seekable *s;
    uint8_t got_bytes[20];
    size_t got;
    assert_int_equal(eg_seekable_open(&s, fd, "f", false, NULL), EG_OK);
    assert_int_equal(eg_seekable_bytes(s), 120000);
    assert_int_equal(eg_seekable_read(s, 59990, got_bytes, 20, &got, NULL), EG_OK);
    assert_memory_equal(got_bytes, bytes + 59990, 20);
    eg_seekable_close(s);
    /* without its table nobody can tell where a frame's bytes stand */
    assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) - 1), 0);
    assert_int_equal(eg_seekable_open(&s, fd, "f", true, NULL), EG_END);
    close(fd);
}

/* Frames that say they hold more than any file can. */
static void sizes_that_overflow(void **state) {
    static const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0,
                                    0,    0,    0,    0,    0x40, 1, 0, 0};
    int fd = file_new(*state);
    struct eg_seekable *s;
    assert_int_equal(write(fd, frame, sizeof frame), (ssize_t)sizeof frame);
    assert_int_equal(eg_seekable_open(&s, fd, "f", true, NULL), EG_OK);
    assert_int_equal(eg_seekable_bytes(s), UINT64_C(1) << 62);
    eg_seekable_close(s);
    assert_int_equal(write(fd, frame, sizeof frame), (ssize_t)sizeof frame);
    assert_int_equal(eg_seekable_open(&s, fd, "f", true, NULL), EG_OK); /* up to where it may be */
    assert_int_equal(eg_seekable_frames(s), 1);
    eg_seekable_close(s);
    close(fd);
}

/* Frames behind each other count up to the first that is not whole, of either kind. */
static void what_follows_is_not_whole(void **state) {
    static const uint8_t tails[][8] = {{0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0},
                                       {0x28, 0xb5, 0x2f, 0xfd, 0x20, 9, 0x41, 0}};
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        int fd = ours(*state, false);
        struct eg_seekable *s;
        assert_int_equal(lseek(fd, 0, SEEK_END) > 0, 1);
        assert_int_equal(write(fd, tails[i], sizeof tails[i]), (ssize_t)sizeof tails[i]);
        assert_int_equal(eg_seekable_open(&s, fd, "f", true, NULL), EG_OK);
        assert_int_equal(eg_seekable_frames(s), 3);
        check_places(s);
        eg_seekable_close(s);
        close(fd);
    }
}

/* A table whose sizes are not those of the frames: nothing of it is believed that turns out wrong. */
static void a_table_that_lies(void **state) {
    uint8_t packed[70000], got_bytes[100];
    for (int more = 0; more < 2; more++) {
        int fd = file_new(*state);
        ZSTD_CCtx *zstd = ZSTD_createCCtx();
        ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 0);
        size_t got, size = ZSTD_compress2(zstd, packed, sizeof packed, bytes, 60000);
        ZSTD_freeCCtx(zstd);
        assert_int_equal(write(fd, packed, size), (ssize_t)size);
        uint32_t table[5] = {0x184d2a5e, 8 + 9, (uint32_t)size, more ? 60001 : 59999, 1};
        assert_int_equal(write(fd, table, sizeof table), (ssize_t)sizeof table);
        uint8_t footer[5] = {0, 0xb1, 0xea, 0x92, 0x8f};
        assert_int_equal(write(fd, footer, sizeof footer), (ssize_t)sizeof footer);
        struct eg_seekable *s;
        struct eg_error err;
        assert_int_equal(eg_seekable_open(&s, fd, "f", false, NULL), EG_OK);
        assert_int_equal(eg_seekable_read(s, 59950, got_bytes, 100, &got, &err), EG_E_FORMAT);
        assert_non_null(strstr(err.message, more ? "it holds less" : "it holds more"));
        eg_seekable_close(s);
        close(fd);
    }
}

static void goes_on(void **state) {
    int fd = ours(*state, true);
    struct eg_seekable *s;
    struct eg_seekable_writer *w;
    assert_int_equal(eg_seekable_open(&s, fd, "f", true, NULL), EG_OK);
    assert_int_equal(eg_seekable_writer_new(&w, &(struct eg_seekable_out){to_file, &fd}, NULL),
                     EG_OK);
    assert_int_equal(eg_seekable_writer_resume(w, s, NULL), EG_OK);
    eg_seekable_close(s);
    assert_int_equal(eg_seekable_write(w, "the end", 7, NULL), EG_OK);
    assert_int_equal(eg_seekable_table(w, NULL), EG_OK);
    assert_int_equal(eg_seekable_written(w), lseek(fd, 0, SEEK_END));
    eg_seekable_writer_free(w);
    char got_bytes[12] = "";
    size_t got;
    for (int cut = 0; cut < 2; cut++) { /* with the last table, and without it */
        assert_int_equal(eg_seekable_open(&s, fd, "f", true, NULL), EG_OK);
        assert_int_equal(eg_seekable_bytes(s), SIZE + 7);
        assert_int_equal(eg_seekable_read(s, SIZE - 2, got_bytes, 11, &got, NULL), EG_OK);
        assert_int_equal(got, 9);
        assert_memory_equal(got_bytes, bytes + SIZE - 2, 2);
        assert_memory_equal(got_bytes + 2, "the end", 7);
        eg_seekable_close(s);
        assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) - 1), 0);
    }
    close(fd);
}

/* Cut anywhere: what opens gives right bytes or an error, never others. */
static void cut_anywhere(void **state) {
    int fd = ours(*state, true);
    off_t size = lseek(fd, 0, SEEK_END);
    for (off_t cut = size - 1; cut > 0; cut -= cut > size - 60 ? 1 : 9973) {
        struct eg_seekable *s;
        uint8_t got_bytes[64];
        size_t got;
        assert_int_equal(ftruncate(fd, cut), 0);
        enum eg_status status = eg_seekable_open(&s, fd, "f", true, NULL);
        if (status != EG_OK) {
            assert_int_equal(status, EG_END);
            continue;
        }
        uint64_t have = eg_seekable_bytes(s);
        assert_true(have <= SIZE && have >= EG_SEEKABLE_FRAME);
        assert_int_equal(eg_seekable_read(s, have - 10, got_bytes, 64, &got, NULL), EG_OK);
        assert_int_equal(got, 10);
        assert_memory_equal(got_bytes, bytes + have - 10, 10);
        eg_seekable_close(s);
    }
    close(fd);
}

/* A byte turned anywhere: an error with a place, or the right bytes. */
static void damaged_anywhere(void **state) {
    int fd = ours(*state, true);
    off_t size = lseek(fd, 0, SEEK_END);
    uint8_t *back = malloc(SIZE);
    int damaged = 0;
    for (off_t at = 0; at<size; at += at> size - 60 ? 1 : 20011) {
        uint8_t old, other;
        struct eg_seekable *s;
        struct eg_error err = {0};
        size_t got;
        assert_int_equal(pread(fd, &old, 1, at), 1);
        other = old ^ 0x41;
        assert_int_equal(pwrite(fd, &other, 1, at), 1);
        if (eg_seekable_open(&s, fd, "f", false, NULL) == EG_OK) {
            enum eg_status status = eg_seekable_read(s, 0, back, SIZE, &got, &err);
            if (status == EG_OK)
                assert_memory_equal(back, bytes, got);
            else
                assert_non_null(strstr(err.message, "f: damaged zstd ("));
            damaged += status == EG_E_FORMAT;
            eg_seekable_close(s);
        }
        assert_int_equal(pwrite(fd, &old, 1, at), 1);
    }
    assert_true(damaged > 10);
    free(back);
    close(fd);
}

static void no_memory(void **state) {
    int fd = ours(*state, true);
    for (long n = 0;; n++) {
        struct eg_seekable *s = NULL;
        uint8_t byte;
        size_t got;
        torture_fail_after(n);
        enum eg_status status = eg_seekable_open(&s, fd, "f", true, NULL);
        if (status == EG_OK) status = eg_seekable_read(s, 5, &byte, 1, &got, NULL);
        bool failed = torture_off();
        if (status != EG_OK) assert_true(failed);
        eg_seekable_close(s);
        if (!failed) break;
    }
    close(fd);
}

static void no_file(void **state) {
    struct eg_seekable *s;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(eg_seekable_open(&s, ends[0], "pipe", true, NULL), EG_END);
    assert_int_equal(eg_seekable_open(&s, -1, "gone", true, NULL), EG_E_IO);
    int fd = file_new(*state);
    assert_int_equal(eg_seekable_open(&s, fd, "empty", true, NULL), EG_END);
    assert_int_equal(write(fd, bytes, 1000), 1000);
    assert_int_equal(eg_seekable_open(&s, fd, "other", true, NULL), EG_END);
    close(fd);
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    bytes_make();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_place, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(reads_little, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(of_another_writer, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(sizes_that_overflow, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(what_follows_is_not_whole, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(a_table_that_lies, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(goes_on, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(cut_anywhere, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(damaged_anywhere, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(no_memory, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(no_file, tree_setup, tree_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
