/* SPDX-License-Identifier: Apache-2.0
 * Becoming another user for good. Sources: credentials(7), capabilities(7), prctl(2). Groups go
 * first, since that takes the user's rights; then each step is checked by what the kernel says. */
#include "base/privileges.h"

#include "base/alloc.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PASSWD_BYTES 65536

struct target {
    uid_t user;
    gid_t group;
};

bool eg_privileges_root(void) { return geteuid() == 0; }

const char *eg_privileges_raw_remedy(char text[EG_RAW_REMEDY]) {
    char path[512];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    path[size > 0 ? size : 0] = 0;
    snprintf(text, EG_RAW_REMEDY,
             "run as root, or give the program the right, once: setcap cap_net_raw+ep %s",
             path[0] ? path : "PROGRAM");
    return text;
}

static enum eg_status user_find(struct target *out, const char *name, struct eg_error *err) {
    struct passwd entry, *found = NULL;
    char *room = eg_malloc(PASSWD_BYTES);
    if (!room) return eg_fail(err, EG_E_NOMEM, "no memory to look for the user %.100s", name);
    int failed = getpwnam_r(name, &entry, room, PASSWD_BYTES, &found);
    if (found) *out = (struct target){found->pw_uid, found->pw_gid};
    eg_free(room);
    if (!found && failed)
        return eg_fail_errno(err, failed, "cannot look for the user %.100s", name);
    if (!found) return eg_fail(err, EG_E_USAGE, "there is no user '%.100s'", name);
    if (out->user == 0)
        return eg_fail(err, EG_E_USAGE, "the user %.100s is root: nothing would be given up", name);
    return EG_OK;
}

/* Takes every capability from this thread. */
static bool capabilities_clear(void) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}}, left[2];
    if (syscall(SYS_capset, &head, none) != 0) return false;
    if (syscall(SYS_capget, &head, left) != 0) return false;
    return memcmp(left, none, sizeof none) == 0;
}

static bool is_now(const struct target *to) {
    uid_t user, effective, saved;
    gid_t group, group_effective, group_saved;
    return getresuid(&user, &effective, &saved) == 0 &&
           getresgid(&group, &group_effective, &group_saved) == 0 && user == to->user &&
           effective == to->user && saved == to->user && group == to->group &&
           group_effective == to->group && group_saved == to->group;
}

static enum eg_status become(const struct target *to, const char *name, struct eg_error *err) {
    if (geteuid() == 0) {
        if (initgroups(name, to->group) != 0)
            return eg_fail_errno(err, errno, "cannot take the groups of %.100s", name);
        if (setresgid(to->group, to->group, to->group) != 0)
            return eg_fail_errno(err, errno, "cannot take the group of %.100s", name);
        if (setresuid(to->user, to->user, to->user) != 0)
            return eg_fail_errno(err, errno, "cannot become the user %.100s", name);
    }
    if (!is_now(to))
        return eg_fail(err, EG_E_ACCESS, "cannot become the user %.100s: only root can", name);
    return EG_OK;
}

enum eg_status eg_privileges_drop(const char *user, struct eg_error *err) {
    struct target to = {0};
    EG_TRY(user_find(&to, user, err));
    EG_TRY(become(&to, user, err));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return eg_fail_errno(err, errno, "cannot give up new privileges");
    if (!capabilities_clear())
        return eg_fail(err, EG_E_ACCESS, "cannot give up the capabilities of this process");
    if (setuid(0) == 0 || geteuid() == 0) /* the proof of it */
        return eg_fail(err, EG_E_ACCESS, "became %.100s, but could become root again", user);
    return EG_OK;
}
