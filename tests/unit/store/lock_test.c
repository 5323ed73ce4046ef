/* SPDX-License-Identifier: Apache-2.0
 * Locks: one holder, whose name others read; gone with the process; safe against removal. */
#include "store/lock.h"

#include "scratch.h"

#include <signal.h>
#include <sys/wait.h>

static void one_holder(void **state) {
    char *path = eg_path_join(*state, "a.lock");
    struct eg_lock first = {0}, second = {0};
    struct eg_lock_holder holder;
    assert_false(eg_lock_busy(path, &holder)); /* not even a file */
    must(eg_lock_take(&first, path, EG_LOCK_TRY, "x.pcap", NULL, ERR));
    assert_int_equal(eg_lock_take(&second, path, EG_LOCK_TRY, "y", &holder, ERR), EG_E_LOCKED);
    assert_int_equal(holder.pid, getpid());
    assert_string_equal(holder.name, "x.pcap");
    assert_int_equal(eg_lock_take(&second, path, EG_LOCK_SHARED, "y", &holder, ERR), EG_E_LOCKED);
    assert_true(eg_lock_busy(path, &holder));
    assert_string_equal(holder.name, "x.pcap");
    eg_lock_give(&first, false);
    assert_false(eg_lock_held(&first));
    assert_false(eg_lock_busy(path, &holder));
    must(eg_lock_take(&first, path, EG_LOCK_SHARED, "", NULL, ERR));
    must(eg_lock_take(&second, path, EG_LOCK_SHARED, "", NULL, ERR));
    eg_lock_give(&first, false);
    assert_int_equal(eg_lock_take(&first, path, EG_LOCK_TRY, "", &holder, ERR), EG_E_LOCKED);
    eg_lock_give(&second, true);
    assert_int_equal(access(path, F_OK), -1);
    eg_free(path);
}

static void names_the_place(void **state) {
    char *path = eg_path_join(*state, "no/a.lock");
    struct eg_lock lock = {0};
    assert_int_equal(eg_lock_take(&lock, path, EG_LOCK_TRY, "", NULL, ERR), EG_E_NOENT);
    assert_non_null(strstr(scratch_err.message, path));
    eg_free(path);
}

static void goes_with_its_process(void **state) {
    char *path = eg_path_join(*state, "a.lock");
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct eg_lock lock;
        char is = eg_lock_take(&lock, path, EG_LOCK_TRY, "child", NULL, NULL) >= 0;
        if (write(ready[1], &is, 1) != 1) _exit(1);
        pause();
        _exit(0);
    }
    char got = 0;
    assert_int_equal(read(ready[0], &got, 1), 1);
    assert_int_equal(got, 1);
    struct eg_lock lock = {0};
    struct eg_lock_holder holder;
    assert_int_equal(eg_lock_take(&lock, path, EG_LOCK_TRY, "", &holder, ERR), EG_E_LOCKED);
    assert_int_equal(holder.pid, child);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    must(eg_lock_take(&lock, path, EG_LOCK_TRY, "", NULL, ERR));
    eg_lock_give(&lock, true);
    close(ready[0]);
    close(ready[1]);
    eg_free(path);
}

/* Ten processes take, count and remove the lock a hundred times: never two at once. */
static void removal_is_safe(void **state) {
    char *path = eg_path_join(*state, "a.lock"), *inside = eg_path_join(*state, "inside");
    for (int i = 0; i < 4; i++) {
        if (fork() != 0) continue;
        for (int j = 0; j < 100; j++) {
            struct eg_lock lock;
            if (eg_lock_take(&lock, path, EG_LOCK_WAIT, "", NULL, NULL) < 0) _exit(1);
            if (mkdir(inside, 0700) != 0) _exit(2);
            rmdir(inside);
            eg_lock_give(&lock, true);
        }
        _exit(0);
    }
    for (int i = 0; i < 4; i++) {
        int result;
        wait(&result);
        assert_int_equal(result, 0);
    }
    eg_free(path);
    eg_free(inside);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(one_holder), IN_SCRATCH(names_the_place),
                                       IN_SCRATCH(goes_with_its_process),
                                       IN_SCRATCH(removal_is_safe)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
