/* SPDX-License-Identifier: Apache-2.0
 * Programs run for files: each once, with its path, no more at once than allowed; failures are
 * counted and told. */
#include "sink/hook.h"

#include "sink/captures.h"
#include "torture.h"

#include <signal.h>
#include <sys/stat.h>
#include <time.h>

static char program[1200];

/* A script that notes its arguments and how many like it run, and ends as told. */
static void script(const char *directory, const char *last) {
    char text[2000];
    snprintf(program, sizeof program, "%s/hook", directory);
    snprintf(text, sizeof text,
             "#!/bin/sh\ncd %s\nmkdir run-$$\nls -d run-* | wc -l >>at-once\nread line\n"
             "sleep 0.05\nrmdir run-$$\necho \"$#:$1:$line\" >>args\n%s\n",
             directory, last);
    write_text(directory, "hook", text, strlen(text));
    assert_int_equal(chmod(program, 0755), 0);
}

static int lines_of(const char *directory, const char *name, int *largest) {
    char path[1200], line[1200];
    int count = 0;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        count++;
        if (largest && atoi(line) > *largest) *largest = atoi(line);
    }
    if (file) fclose(file);
    return count;
}

static void each_once_and_bounded(void **state) {
    struct eg_hook *hook;
    int largest = 0;
    char path[100], line[1200] = "";
    script(*state, "exit 0");
    assert_int_equal(eg_hook_open(&hook, &test_env, program, 2, NULL), EG_OK);
    for (int i = 0; i < 9; i++) {
        snprintf(path, sizeof path, "/captures/a file; $(x) %d.pcap", i);
        eg_hook_run(hook, path);
    }
    eg_hook_finish(hook, 20000);
    assert_int_equal(eg_hook_runs(hook), 9);
    assert_int_equal(eg_hook_failures(hook), 0);
    assert_int_equal(lines_of(*state, "args", NULL), 9);
    assert_int_equal(lines_of(*state, "at-once", &largest), 9);
    assert_in_range(largest, 1, 2);
    snprintf(path, sizeof path, "%s/args", (char *)*state);
    FILE *file = fopen(path, "r");
    assert_non_null(fgets(line, sizeof line, file)); /* one argument, no shell, empty input */
    fclose(file);
    assert_true(strncmp(line, "1:/captures/a file; $(x) ", 25) == 0);
    assert_string_equal(line + strlen(line) - 7, ".pcap:\n");
    eg_hook_free(hook);
}

static void failures_are_told(void **state) {
    struct eg_hook *hook;
    script(*state, "exit 3");
    assert_int_equal(eg_hook_open(&hook, &test_env, program, 1, NULL), EG_OK);
    eg_hook_run(hook, "/a.pcap");
    eg_hook_finish(hook, 20000);
    assert_int_equal(eg_hook_failures(hook), 1);
    assert_non_null(strstr(log_last, "for /a.pcap: exited with 3"));
    eg_hook_run(hook, "/b.pcap");
    eg_hook_run(hook, "/c.pcap"); /* has to wait, and is not waited for */
    eg_hook_finish(hook, 0);
    assert_int_equal(eg_hook_failures(hook), 2);
    assert_non_null(strstr(log_last, "for /c.pcap: was not run before the end"));
    for (int i = 0; i < 500 && eg_hook_failures(hook) < 3; i++) {
        usleep(10000);
        eg_hook_tend(hook);
    }
    assert_int_equal(eg_hook_failures(hook), 3);
    eg_hook_free(hook);
}

static void signals_are_told(void **state) {
    struct eg_hook *hook;
    script(*state, "kill -9 $$");
    assert_int_equal(eg_hook_open(&hook, &test_env, program, 1, NULL), EG_OK);
    eg_hook_run(hook, "/a.pcap");
    eg_hook_finish(hook, 20000);
    assert_non_null(strstr(log_last, "was ended by signal 9"));
    /* gone meanwhile */
    unlink(program);
    eg_hook_run(hook, "/b.pcap");
    eg_hook_finish(hook, 20000);
    assert_non_null(strstr(log_last, "cannot be run: error 2"));
    assert_int_equal(eg_hook_failures(hook), 2);
    eg_hook_free(hook);
}

/* The program has a process group of its own (what ends us by the keyboard does not end it), and ignores no
 * signal that we ignore. */
static void a_process_of_its_own(void **state) {
    struct eg_hook *hook;
    char command[700];
    snprintf(command, sizeof command,
             "{ cut -d' ' -f1,5 /proc/$$/stat; grep SigI /proc/$$/status; } > %s/out",
             (char *)*state);
    script(*state, command);
    void (*old)(int) = signal(SIGUSR2, SIG_IGN);
    assert_int_equal(eg_hook_open(&hook, &test_env, program, 1, NULL), EG_OK);
    eg_hook_run(hook, "/a.pcap");
    eg_hook_finish(hook, 20000);
    assert_int_equal(eg_hook_failures(hook), 0);
    eg_hook_free(hook);
    signal(SIGUSR2, old);
    snprintf(command, sizeof command, "%s/out", (char *)*state);
    FILE *out = fopen(command, "r");
    long pid, group, ignored;
    assert_non_null(out);
    assert_int_equal(fscanf(out, "%ld %ld", &pid, &group), 2);
    assert_int_equal(group, pid);
    assert_int_equal(fscanf(out, " SigIgn: %lx", &ignored), 1);
    const long reserved = 3L << 31; /* of the C library: nobody may change those */
    assert_int_equal(ignored & ~reserved, 0);
    fclose(out);
    unlink(command);
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void the_end_is_not_held_up(void **state) {
    atomic_bool cancel = false;
    struct eg_env env = test_env;
    struct eg_hook *hook;
    env.cancel = &cancel;
    script(*state, "sleep 6");
    assert_int_equal(eg_hook_open(&hook, &env, program, 1, NULL), EG_OK);
    eg_hook_run(hook, "/a.pcap");
    double began = seconds_now();
    eg_hook_finish(hook, 1500);
    assert_true(seconds_now() - began < 5);
    assert_non_null(strstr(log_last, "still runs: it is waited for"));
    eg_hook_run(hook, "/b.pcap");
    cancel = true; /* somebody will not wait so long */
    began = seconds_now();
    eg_hook_finish(hook, 20000);
    assert_true(seconds_now() - began < 5);
    assert_non_null(strstr(log_last, "for /b.pcap: was not run before the end"));
    eg_hook_free(hook);
}

static void what_cannot_be_run(void **state) {
    struct eg_hook *hook;
    struct eg_error err;
    assert_int_equal(eg_hook_open(&hook, &test_env, "/no/such/program", 1, &err), EG_E_USAGE);
    assert_int_equal(err.status, EG_E_USAGE);
    assert_int_equal(eg_hook_open(&hook, &test_env, *state, 1, &err), EG_E_USAGE);
    write_text(*state, "plain", "x", 1);
    snprintf(program, sizeof program, "%s/plain", (char *)*state);
    assert_int_equal(eg_hook_open(&hook, &test_env, program, 1, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "no program that may be run"));
}

static void without_memory(void **state) {
    script(*state, "exit 0");
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct eg_hook *hook = NULL;
        torture_fail_after(n);
        enum eg_status status = eg_hook_open(&hook, &test_env, program, 3, NULL);
        if (status == EG_OK) eg_hook_run(hook, "/a.pcap");
        failed = torture_off();
        if (status != EG_OK) assert_int_equal(status, EG_E_NOMEM);
        if (status == EG_OK) eg_hook_finish(hook, 20000);
        if (status == EG_OK && failed) assert_int_equal(eg_hook_failures(hook), 1);
        if (status == EG_OK) eg_hook_free(hook);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_once_and_bounded, captures_setup, captures_teardown),
        cmocka_unit_test_setup_teardown(failures_are_told, captures_setup, captures_teardown),
        cmocka_unit_test_setup_teardown(signals_are_told, captures_setup, captures_teardown),
        cmocka_unit_test_setup_teardown(a_process_of_its_own, captures_setup, captures_teardown),
        cmocka_unit_test_setup_teardown(the_end_is_not_held_up, captures_setup, captures_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_run, captures_setup, captures_teardown),
        cmocka_unit_test_setup_teardown(without_memory, captures_setup, captures_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
