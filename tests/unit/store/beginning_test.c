/* SPDX-License-Identifier: Apache-2.0
 * A shorter copy of a known capture: told where the capture is still there, in whatever form and at
 * whichever place; never of what only begins alike. */
#include "store/beginning.h"

#include "capture_made.h"
#include "torture.h"

/* What the dataset knows of its only capture. */
static struct eg_position known_of(struct eg_dataset *ds) {
    struct eg_position *list, known;
    size_t count;
    must(eg_dataset_positions(ds, &list, &count, ERR));
    assert_int_equal(count, 1);
    known = list[0];
    eg_free(list);
    return known;
}

static enum eg_status begins(const char *root, const char *name, uint64_t size) {
    struct eg_dataset *ds;
    must(eg_dataset_open(&ds, root, EG_DATASET_WRITE, &test_env, ERR));
    struct eg_position known = known_of(ds);
    enum eg_status status = eg_beginning_of(ds, name, size, &known, ERR);
    eg_dataset_close(ds);
    return status;
}

static void of_links_copies_and_files(void **state) {
    const char *path = path_of(*state, "a"), *part = path_of(*state, "part");
    const char *moved = path_of(*state, "moved");
    struct made m = capture_of(1000, 3), other = capture_of(1000, 4);
    const size_t size = 24 + 300 * RECORD + 17;
    for (int way = 0; way < 6; way++) {
        char name[20];
        enum eg_keep keep = (enum eg_keep)(way / 2);
        bool packed = way % 2;
        snprintf(name, sizeof name, "d%d", way);
        const char *root = path_of(*state, name);
        capture_write(path, &m, m.size, packed);
        ingest_as(root, path, keep);
        capture_write(part, &m, size, !packed);
        assert_int_equal(begins(root, part, size), EG_OK);
        assert_int_equal(rename(path, moved), 0); /* only a copy is left then */
        assert_int_equal(begins(root, part, size), keep == EG_KEEP_COPY ? EG_OK : EG_END);
        capture_write(path, &other, m.size, packed); /* another one stands there now */
        assert_int_equal(begins(root, part, size), keep == EG_KEEP_COPY ? EG_OK : EG_END);
        m.bytes[m.size - 9] ^= 1; /* or one that differs only behind what they share */
        capture_write(path, &m, m.size, packed);
        m.bytes[m.size - 9] ^= 1;
        assert_int_equal(begins(root, part, size), keep == EG_KEEP_COPY ? EG_OK : EG_END);
        assert_int_equal(rename(moved, path), 0);
        m.bytes[size - 1] ^= 1; /* it differs at its end */
        capture_write(part, &m, size, packed);
        m.bytes[size - 1] ^= 1;
        assert_int_equal(begins(root, part, size), EG_END);
        assert_int_equal(unlink(part), 0);
        assert_int_equal(begins(root, part, size), EG_END);
    }
    made_free(&m);
    made_free(&other);
}

/* The file itself became shorter: nothing tells what it was. */
static void of_itself(void **state) {
    const char *root = path_of(*state, "d"), *path = path_of(*state, "a");
    struct made m = capture_of(100, 3);
    capture_write(path, &m, m.size, false);
    ingest_as(root, path, EG_KEEP_LINK);
    assert_int_equal(truncate(path, 1000), 0);
    assert_int_equal(begins(root, path, 1000), EG_END);
    made_free(&m);
}

static void interrupted(void **state) {
    const char *root = path_of(*state, "d"), *path = path_of(*state, "a");
    const char *part = path_of(*state, "part");
    struct made m = capture_of(100, 3);
    atomic_bool cancel = false;
    struct eg_env env = test_env;
    struct eg_dataset *ds;
    env.cancel = &cancel;
    capture_write(path, &m, m.size, false);
    ingest_as(root, path, EG_KEEP_LINK);
    capture_write(part, &m, 1000, false);
    must(eg_dataset_open(&ds, root, EG_DATASET_WRITE, &env, ERR));
    struct eg_position known = known_of(ds);
    assert_int_equal(eg_beginning_of(ds, part, 1000, &known, ERR), EG_OK);
    atomic_store(&cancel, true);
    assert_int_equal(eg_beginning_of(ds, part, 1000, &known, ERR), EG_E_CANCELLED);
    eg_dataset_close(ds);
    made_free(&m);
}

static void no_memory(void **state) {
    const char *root = path_of(*state, "d"), *path = path_of(*state, "a");
    const char *part = path_of(*state, "part");
    struct made m = capture_of(100, 3);
    capture_write(path, &m, m.size, false);
    ingest_as(root, path, EG_KEEP_LINK);
    capture_write(part, &m, 1000, false);
    struct eg_dataset *ds;
    must(eg_dataset_open(&ds, root, EG_DATASET_WRITE, &test_env, ERR));
    struct eg_position known = known_of(ds);
    for (long n = 0;; n++) {
        torture_fail_after(n);
        enum eg_status status = eg_beginning_of(ds, part, 1000, &known, ERR);
        if (!torture_off()) {
            assert_int_equal(status, EG_OK);
            break;
        }
        assert_true(status == EG_E_NOMEM || status == EG_END || status == EG_OK);
    }
    eg_dataset_close(ds);
    made_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(of_links_copies_and_files, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(of_itself, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(interrupted, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(no_memory, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
