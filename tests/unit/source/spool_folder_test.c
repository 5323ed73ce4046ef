/* SPDX-License-Identifier: Apache-2.0
 * The spool's directory: made, locked, named; what is not the spool's is left alone. */
#include "spool_case.h"

#include "base/durable.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static void a_second_one_is_told_who_has_it(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    struct eg_spool *second;
    struct eg_error err;
    assert_int_equal(eg_spool_open(&second, &c.env, &c.options, &err), EG_E_LOCKED);
    char pid[40];
    snprintf(pid, sizeof pid, "(process %ld)", (long)getpid());
    assert_non_null(strstr(err.message, pid));
    assert_non_null(strstr(err.message, c.directory));
    case_again(&c);
    case_end(&c);
}

static void the_lock_ends_with_its_process(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    eg_spool_close(c.spool);
    pid_t child = fork();
    if (child == 0) {
        struct eg_spool *spool;
        if (eg_spool_open(&spool, &c.env, &c.options, NULL) != EG_OK) _exit(1);
        kill(getpid(), SIGKILL);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
    case_open(&c);
    case_end(&c);
}

static void each_spool_has_a_name_of_its_own(void **state) {
    (void)state;
    struct spool_case a, b;
    case_begin(&a);
    case_begin(&b);
    assert_int_equal(strlen(eg_spool_key(a.spool)), 32);
    assert_string_not_equal(eg_spool_key(a.spool), eg_spool_key(b.spool));
    case_end(&a);
    case_end(&b);
}

static void what_is_no_id_is_not_taken_for_one(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    eg_spool_close(c.spool);
    char path[100];
    snprintf(path, sizeof path, "%s/id", c.directory);
    const char *wrong[] = {"", "hello\n", "0123456789abcdef0123456789abcdeg\n",
                           "0123456789abcdef0123456789abcdef"};
    for (size_t i = 0; i < 4; i++) {
        struct eg_error err;
        assert_int_equal(eg_file_replace(path, wrong[i], strlen(wrong[i]), NULL), EG_OK);
        assert_int_equal(eg_spool_open(&c.spool, &c.env, &c.options, &err), EG_E_FORMAT);
        assert_non_null(strstr(err.message, path));
    }
    const char *right = "0123456789abcdef0123456789abcdef\n";
    assert_int_equal(eg_file_replace(path, right, 33, NULL), EG_OK);
    case_open(&c);
    assert_memory_equal(eg_spool_key(c.spool), right, 32);
    assert_int_equal(case_append(&c, 2, 8, NULL), EG_OK);
    assert_int_equal(case_read_from(&c, 0).count, 2);
    case_end(&c);
}

static void files_of_others_are_left_alone(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    assert_int_equal(case_append(&c, 2, 8, NULL), EG_OK);
    const char *names[] = {"readme", "0000000000000001.spool.bak", "000000000000000g.spool",
                           "ffffffffffffffff.spool", "1.spool"};
    char path[100];
    for (size_t i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "%s/%s", c.directory, names[i]);
        assert_int_equal(eg_file_create(path, "x", 1, NULL), EG_OK);
    }
    snprintf(path, sizeof path, "%s/0000000000000003.spool", c.directory);
    assert_int_equal(mkdir(path, 0700), 0);
    case_again(&c);
    struct case_seen seen = case_read_from(&c, 0);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.damage.places, 0);
    eg_spool_forget(c.spool, seen.end);
    for (size_t i = 0; i < 5; i++) {
        char other[100];
        snprintf(other, sizeof other, "%s/%s", c.directory, names[i]);
        assert_int_equal(access(other, F_OK), 0);
    }
    rmdir(path);
    case_end(&c);
}

static void places_that_cannot_be_are_told(void **state) {
    (void)state;
    struct eg_spool *spool;
    struct eg_error err;
    struct eg_spool_options options = {.directory = "/proc/no/such"};
    assert_true(eg_spool_open(&spool, &eg_env_plain, &options, &err) < 0);
    assert_non_null(strstr(err.message, "/proc/no"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_one_is_told_who_has_it),
        cmocka_unit_test(the_lock_ends_with_its_process),
        cmocka_unit_test(each_spool_has_a_name_of_its_own),
        cmocka_unit_test(what_is_no_id_is_not_taken_for_one),
        cmocka_unit_test(files_of_others_are_left_alone),
        cmocka_unit_test(places_that_cannot_be_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
