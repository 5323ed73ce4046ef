/* SPDX-License-Identifier: Apache-2.0
 * Giving up privileges: in a process of its own, since it is for good. */
#include "base/privileges.h"

#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* What the drop answered and left, as the exit code of a child: 0 is as asked for. */
static int in_child(int (*body)(void)) {
    pid_t pid = fork();
    if (pid == 0) _exit(body());
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static unsigned long long capabilities(const char *set) {
    char line[256];
    unsigned long long value = 1;
    FILE *file = fopen("/proc/thread-self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, set, strlen(set)) == 0) sscanf(line + strlen(set), "%llx", &value);
    if (file) fclose(file);
    return value;
}

static int becomes_nobody(void) {
    struct eg_error err;
    if (eg_privileges_drop("nobody", &err) != EG_OK) return 1;
    if (getuid() == 0 || geteuid() == 0 || getgid() == 0 || getegid() == 0) return 2;
    gid_t groups[64];
    int count = getgroups(64, groups);
    for (int i = 0; i < count; i++)
        if (groups[i] == 0) return 3;
    if (setuid(0) == 0 || setgid(0) == 0) return 4;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return 5;
    if (capabilities("CapEff:") || capabilities("CapPrm:") || capabilities("CapInh:")) return 6;
    return eg_privileges_root() ? 7 : 0;
}

static void for_good(void **state) {
    (void)state;
    if (!eg_privileges_root()) skip();
    assert_int_equal(in_child(becomes_nobody), 0);
    assert_true(eg_privileges_root());
}

static int refuses_names(void) {
    struct eg_error err;
    if (eg_privileges_drop("no-such-user-here", &err) != EG_E_USAGE) return 1;
    if (!strstr(err.message, "no-such-user-here")) return 2;
    if (eg_privileges_drop("root", &err) != EG_E_USAGE) return 3;
    if (!strstr(err.message, "nothing would be given up")) return 4;
    return 0;
}

static void who_it_can_be(void **state) {
    (void)state;
    uid_t before = geteuid();
    assert_int_equal(in_child(refuses_names), 0);
    assert_int_equal(geteuid(), before);
}

static int cannot_without_root(void) {
    struct eg_error err;
    if (setresgid(65534, 65534, 65534) != 0 || setresuid(12345, 12345, 12345) != 0) return 1;
    if (eg_privileges_drop("nobody", &err) != EG_E_ACCESS) return 2;
    return strstr(err.message, "only root can") ? 0 : 3;
}

static void only_root_can(void **state) {
    (void)state;
    if (!eg_privileges_root()) skip();
    assert_int_equal(in_child(cannot_without_root), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(for_good),
        cmocka_unit_test(who_it_can_be),
        cmocka_unit_test(only_root_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
