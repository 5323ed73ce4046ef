/* SPDX-License-Identifier: Apache-2.0
 * Input that can be read only once. */
#include "cli/spool.h"

#include "source/refusal.h"
#include "wire/message_file.h"
#include "wire/pcap.h"
#include "wire/pcapng.h"
#include "wire/seqfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PREFIX "earlgrey-input-"
#define HEAD 64    /* bytes that tell what it is */
#define YOUNG_S 60 /* a copy that is locked no later than that */

bool eg_spool_needed(const char *path) {
    struct stat info;
    if (strcmp(path, "-") == 0) return fstat(STDIN_FILENO, &info) != 0 || !S_ISREG(info.st_mode);
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

static bool keep_whole(int to, const char *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t wrote = write(to, bytes + done, size - done);
        if (wrote < 0 && errno != EINTR) return false;
        if (wrote > 0) done += (size_t)wrote;
    }
    return true;
}

/* Whether this may be the beginning of a capture. What is packed shows that only when it is unpacked. */
static enum eg_status head_check(const char *name, struct eg_span head, struct eg_error *err) {
    enum eg_packing packing = eg_packing_of(head);
    if (!head.size) return eg_fail(err, EG_E_FORMAT, "%s is empty", name);
    if (packing != EG_PACKING_NONE || eg_pcap_is(head) || eg_pcapng_is(head) ||
        eg_seqfile_is(head) || eg_message_file_is(head))
        return EG_OK;
    return eg_refuse(err, name, packing, head);
}

/* Endless input of another kind would fill the disk: so its beginning is looked at first. */
static enum eg_status copy_all(const struct eg_env *env, const char *name, int from, int to,
                               struct eg_error *err) {
    char bytes[1 << 16];
    size_t have = 0;
    for (bool begun = false;;) {
        if (eg_env_cancelled(env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
        ssize_t n = read(from, bytes + have, sizeof bytes - have);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return eg_fail_errno(err, errno, "cannot read %s", name);
        have += (size_t)n;
        if (!begun && n && have < HEAD) continue;
        if (!begun) EG_TRY(head_check(name, eg_span(bytes, have), err));
        begun = true;
        if (!keep_whole(to, bytes, have))
            return eg_fail_errno(err, errno,
                                 "cannot keep the input in a temporary file (TMPDIR names another "
                                 "place)");
        have = 0;
        if (n == 0) return EG_OK;
    }
}

/* ---- what a kill left ---- */

/* A copy that nobody holds is removed, unless it is so young that its owner may be about to. */
static void left_remove(int folder, const char *name) {
    int fd = openat(folder, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    if (fd < 0) return;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid() &&
        time(NULL) - info.st_mtime > YOUNG_S && flock(fd, LOCK_EX | LOCK_NB) == 0)
        unlinkat(folder, name, 0);
    close(fd);
}

static void left_sweep(const char *temp) {
    DIR *folder = opendir(temp);
    if (!folder) return;
    for (const struct dirent *entry; (entry = readdir(folder));)
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0)
            left_remove(dirfd(folder), entry->d_name);
    closedir(folder);
}

/* ---- from outside ---- */

enum eg_status eg_spool_keep(struct eg_spool *spool, const struct eg_env *env, const char *path,
                             struct eg_error *err) {
    const char *temp = getenv("TMPDIR");
    if (!temp || !*temp) temp = "/tmp";
    bool standard = strcmp(path, "-") == 0;
    spool->name = standard ? "standard input" : path;
    spool->path[0] = 0;
    int from = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return eg_env_cancelled(env) ? eg_fail(err, EG_E_CANCELLED, "interrupted")
                                     : eg_fail_errno(err, errno, "cannot read %s", path);
    left_sweep(temp);
    snprintf(spool->path, sizeof spool->path, "%.990s/" PREFIX "XXXXXX", temp);
    spool->lock = mkostemp(spool->path, O_CLOEXEC);
    enum eg_status status;
    if (spool->lock < 0) {
        status = eg_fail_errno(err, errno, "cannot make a temporary file %s", spool->path);
        spool->path[0] = 0;
    } else {
        (void)flock(spool->lock, LOCK_SH);
        status = copy_all(env, spool->name, from, spool->lock, err);
    }
    if (!standard) close(from);
    if (status < 0) eg_spool_drop(spool);
    return status;
}

void eg_spool_drop(struct eg_spool *spool) {
    if (!spool->path[0]) return;
    unlink(spool->path);
    close(spool->lock);
    spool->path[0] = 0;
}
