/* SPDX-License-Identifier: Apache-2.0
 * Input that can be read only once. */
#include "cli/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool eg_spool_needed(const char *path) {
    struct stat info;
    if (strcmp(path, "-") == 0) return fstat(STDIN_FILENO, &info) != 0 || !S_ISREG(info.st_mode);
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

static enum eg_status copy_all(const struct eg_env *env, int from, int to, struct eg_error *err) {
    char bytes[1 << 16];
    for (;;) {
        if (eg_env_cancelled(env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
        ssize_t n = read(from, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return eg_fail_errno(err, errno, "cannot read the input");
        if (n == 0) return EG_OK;
        for (ssize_t done = 0; done < n;) {
            ssize_t wrote = write(to, bytes + done, (size_t)(n - done));
            if (wrote < 0 && errno == EINTR) continue;
            if (wrote < 0)
                return eg_fail_errno(err, errno,
                                     "cannot keep the input in a temporary file (TMPDIR "
                                     "names another place)");
            done += wrote;
        }
    }
}

enum eg_status eg_spool(const struct eg_env *env, const char *path, char copy[EG_SPOOL_PATH],
                        struct eg_error *err) {
    const char *temp = getenv("TMPDIR");
    copy[0] = 0;
    bool standard = strcmp(path, "-") == 0;
    int from = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return eg_env_cancelled(env) ? eg_fail(err, EG_E_CANCELLED, "interrupted")
                                     : eg_fail_errno(err, errno, "cannot read %s", path);
    snprintf(copy, EG_SPOOL_PATH, "%.990s/earlgrey-input-XXXXXX", temp && *temp ? temp : "/tmp");
    int to = mkostemp(copy, O_CLOEXEC);
    enum eg_status status = to < 0
                                ? eg_fail_errno(err, errno, "cannot make a temporary file %s", copy)
                                : copy_all(env, from, to, err);
    if (!standard) close(from);
    if (to >= 0) close(to);
    if (status < 0 && to >= 0) unlink(copy);
    if (status < 0) copy[0] = 0;
    return status;
}

void eg_spool_drop(const char *copy) {
    if (*copy) unlink(copy);
}
