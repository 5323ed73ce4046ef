/* SPDX-License-Identifier: Apache-2.0
 * Whether somebody writes, and putting away without ever writing over anything. */
#include "source/afterwards.h"

#include "torture.h"

#include "tree.h"

#include <sys/wait.h>

static void in_use(void **state) {
    const char *tree = *state;
    char *path = tree_path(tree, "a");
    assert_int_equal(eg_file_in_use(path), EG_FILE_UNSURE); /* not there */
    tree_write(tree, "a", "x", 0);
    if (eg_file_in_use(path) == EG_FILE_UNSURE) skip(); /* no leases on this file system */
    assert_int_equal(eg_file_in_use(path), EG_FILE_FREE);
    FILE *reader = fopen(path, "r");
    assert_int_equal(eg_file_in_use(path), EG_FILE_FREE);
    FILE *writer = fopen(path, "a");
    assert_int_equal(eg_file_in_use(path), EG_FILE_WRITTEN);
    fclose(writer);
    fclose(reader);
    assert_int_equal(eg_file_in_use(path), EG_FILE_FREE);
}

/* Writers that come while we ask neither wait nor kill us. */
static void writers_come_meanwhile(void **state) {
    char *path = tree_path(*state, "a");
    tree_write(*state, "a", "x", 0);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 3000; i++) {
            int fd = open(path, O_WRONLY);
            if (fd >= 0) close(fd);
        }
        _exit(0);
    }
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) (void)eg_file_in_use(path);
    assert_int_equal(status, 0);
}

static void put_away(void **state) {
    const char *tree = *state;
    struct eg_error err;
    char *away = tree_path(tree, "away");
    for (int i = 0; i < 3; i++) {
        tree_write(tree, "a", i == 0 ? "0" : i == 1 ? "1" : "2", 0);
        assert_int_equal(eg_file_put_away(tree_path(tree, "a"), away, "x/y/a", &err), EG_OK);
        assert_false(tree_has(tree, "a"));
    }
    const char *const names[] = {"away/x/y/a", "away/x/y/a.1", "away/x/y/a.2"};
    for (int i = 0; i < 3; i++) {
        FILE *file = fopen(tree_path(tree, names[i]), "r");
        assert_non_null(file);
        assert_int_equal(fgetc(file), '0' + i);
        fclose(file);
    }
    assert_int_equal(eg_file_put_away(tree_path(tree, "a"), away, "a", &err), EG_E_NOENT);
    tree_write(tree, "a", "x", 0);
    tree_write(tree, "file", "x", 0);
    assert_true(eg_file_put_away(tree_path(tree, "a"), tree_path(tree, "file"), "a", &err) < 0);
    if (access("/dev/shm", W_OK) == 0) {
        struct stat one, two;
        stat("/dev/shm", &one);
        stat(tree, &two);
        if (one.st_dev != two.st_dev)
            assert_int_equal(eg_file_put_away(tree_path(tree, "a"), "/dev/shm", "eg-never", &err),
                             EG_E_USAGE);
    }
    assert_true(tree_has(tree, "a"));
}

static void no_memory(void **state) {
    const char *tree = *state;
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct eg_error err;
        if (!tree_has(tree, "a")) tree_write(tree, "a", "x", 0);
        torture_fail_after(n);
        enum eg_status status = eg_file_put_away(tree_path(tree, "a"), tree, "d/a", &err);
        failed = torture_off();
        if (failed) assert_int_equal(status, EG_E_NOMEM);
        assert_int_equal(tree_has(tree, "a"), failed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_use, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(writers_come_meanwhile, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(put_away, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(no_memory, tree_setup, tree_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
