/* SPDX-License-Identifier: Apache-2.0
 * Drafts of the dead are removed; those of the living, and whatever else is hidden, are not. */
#include "base/draft.h"

#include "base/alloc.h"
#include "torture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64];

static int setup(void **state) {
    (void)state;
    snprintf(root, sizeof root, "/tmp/eg-draft-XXXXXX");
    return mkdtemp(root) && chdir(root) == 0 ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void make(const char *name) {
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0666);
    assert_true(fd >= 0);
    close(fd);
}

static bool there(const char *name) { return access(name, F_OK) == 0; }

static void names(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"out.pcap", ".out.pcap"}, {"a/b/out", "a/b/.out"}, {"/x", "/.x"}};
    char want[100];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *name = eg_draft_name(rows[i][0]);
        snprintf(want, sizeof want, "%s.earlgrey-%d.tmp", rows[i][1], (int)getpid());
        assert_string_equal(name, want);
        eg_free(name);
    }
    torture_fail_after(0);
    char *none = eg_draft_name("out.pcap");
    assert_true(torture_off());
    assert_null(none);
}

/* A child that makes a draft and, told to, dies. */
static pid_t writer(char name[100], int *wait_fd) {
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char *draft = eg_draft_name("out.pcap");
        int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL, 0666);
        eg_draft_mark(fd);
        (void)!write(ready[1], "x", 1);
        for (;;) pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    *wait_fd = ready[1];
    snprintf(name, 100, ".out.pcap.earlgrey-%d.tmp", (int)pid);
    assert_true(there(name));
    return pid;
}

static void of_the_dead(void **state) {
    (void)state;
    char name[100], others[100];
    int fd;
    pid_t pid = writer(name, &fd);
    assert_int_equal(eg_drafts_sweep("other.pcap"), 0); /* it is alive */
    assert_true(there(name));
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(fd);
    /* a process elsewhere may have that number: it has its draft marked */
    snprintf(others, sizeof others, ".far.pcap.earlgrey-%d.tmp", (int)pid);
    make(others);
    int far = open(others, O_RDONLY);
    assert_int_equal(flock(far, LOCK_EX), 0);
    assert_int_equal(eg_drafts_sweep("other.pcap"), 1);
    assert_false(there(name));
    assert_true(there(others));
    close(far);
    assert_int_equal(eg_drafts_sweep("./other.pcap"), 1);
    assert_false(there(others));
}

static void of_our_own(void **state) {
    (void)state;
    char *name = eg_draft_name("out.pcap");
    make(name); /* of one that had our number */
    assert_int_equal(eg_drafts_sweep("out.pcap"), 1);
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0666);
    eg_draft_mark(fd);
    assert_int_equal(eg_drafts_sweep("out.pcap"), 0);
    assert_true(there(name));
    close(fd);
    unlink(name);
    eg_free(name);
}

/* No process has the number 999999999. */
static void what_is_none(void **state) {
    (void)state;
    static const char *const kept[] = {
        ".earlgrey-999999999.tmp",     "x.earlgrey-999999999.tmp", ".x.earlgrey-.tmp",
        ".x.earlgrey-999999999",       ".x.tmp-999999999",         ".x.earlgrey-9x9.tmp",
        ".x.earlgrey-99999999999.tmp", ".x.earlgrey-0.tmp",
    };
    size_t count = sizeof kept / sizeof *kept;
    for (size_t i = 0; i < count; i++) make(kept[i]);
    make("file");
    assert_int_equal(symlink("file", ".link.earlgrey-999999999.tmp"), 0);
    assert_int_equal(mkdir(".dir.earlgrey-999999999.tmp", 0777), 0);
    assert_int_equal(mkfifo(".pipe.earlgrey-999999999.tmp", 0666), 0);
    assert_int_equal(eg_drafts_sweep("x"), 0);
    for (size_t i = 0; i < count; i++)
        if (!there(kept[i])) fail_msg("%s was removed", kept[i]);
    assert_true(there("file") && there(".pipe.earlgrey-999999999.tmp"));
    assert_int_equal(eg_drafts_sweep("nowhere/x"), 0);
    make(".x.earlgrey-999999999.tmp");
    torture_fail_after(0);
    assert_int_equal(eg_drafts_sweep("x"), 0);
    assert_true(torture_off());
    assert_int_equal(eg_drafts_sweep("x"), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names, setup, teardown),
        cmocka_unit_test_setup_teardown(of_the_dead, setup, teardown),
        cmocka_unit_test_setup_teardown(of_our_own, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_none, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
