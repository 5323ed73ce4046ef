/* SPDX-License-Identifier: Apache-2.0
 * Leases tell whether a file is open for writing; a rename that does not replace puts it away.
 * Source: fcntl(2), "Leases"; renameat2(2). */
#include "source/afterwards.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define TRIES 10000 /* names for one file */

/* File systems that others may write to without our kernel's knowing. Source: statfs(2). */
static bool is_remote(int fd) {
    static const uint32_t kinds[] = {
        0x6969,     /* NFS */
        0x517B,     /* SMB */
        0xFF534D42, /* CIFS */
        0xFE534D42, /* SMB 2 */
        0x65735546, /* FUSE */
        0x01021997, /* 9P */
        0x00C36400, /* Ceph */
        0x5346414F, /* AFS */
        0x7461636F, /* OCFS2 */
        0x01161970, /* GFS2 */
        0x0BD00BD0, /* Lustre */
    };
    struct statfs is;
    if (fstatfs(fd, &is) != 0) return true;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if ((uint32_t)is.f_type == kinds[i]) return true;
    return false;
}

enum eg_file_use eg_file_in_use(const char *path) {
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return EG_FILE_UNSURE;
    enum eg_file_use use = EG_FILE_UNSURE;
    if (is_remote(fd)) {
        close(fd);
        return use;
    }
    /* Whoever opens it for writing while we hold the lease makes the kernel send us a signal, which
     * must be one that does nothing by default. */
    if (fcntl(fd, F_SETSIG, SIGURG) == 0) {
        if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
            use = EG_FILE_FREE;
            (void)fcntl(fd, F_SETLEASE, F_UNLCK);
        } else if (errno == EAGAIN) {
            use = EG_FILE_WRITTEN;
        }
    }
    close(fd);
    return use;
}

/* Renames unless there is such a name. File systems without that promise get it nearly. */
static int rename_new(const char *from, const char *to) {
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return -1;
    if (access(to, F_OK) == 0) {
        errno = EEXIST;
        return -1;
    }
    return rename(from, to);
}

static enum eg_status parent_make(const char *path, struct eg_error *err) {
    char *parent = eg_strdup(path);
    if (!parent) return eg_fail(err, EG_E_NOMEM, "no memory for a path");
    char *slash = strrchr(parent, '/');
    if (slash) *slash = 0;
    enum eg_status status = slash && *parent ? eg_dir_make(parent, err) : EG_OK;
    eg_free(parent);
    return status;
}

static enum eg_status put_to(const char *path, struct eg_strbuf *to, struct eg_error *err) {
    size_t size = to->size;
    for (int i = 0; i < TRIES && !to->failed; i++) {
        if (i) {
            to->size = size;
            eg_strbuf_printf(to, ".%d", i);
            if (to->failed) break;
        }
        if (rename_new(path, to->text) == 0) return EG_OK;
        if (errno == EXDEV)
            return eg_fail(err, EG_E_USAGE,
                           "%s cannot be moved to %s, which is on another file system", path,
                           to->text);
        if (errno != EEXIST)
            return eg_fail_errno(err, errno, "cannot move %s to %s", path, to->text);
    }
    return to->failed
               ? eg_fail(err, EG_E_NOMEM, "no memory for a path")
               : eg_fail(err, EG_E_IO, "cannot move %s: there are too many of its name", path);
}

enum eg_status eg_file_put_away(const char *path, const char *directory, const char *relative,
                                struct eg_error *err) {
    struct eg_strbuf to = {0};
    eg_strbuf_printf(&to, "%s/%s", directory, relative);
    enum eg_status status =
        to.failed ? eg_fail(err, EG_E_NOMEM, "no memory for a path") : parent_make(to.text, err);
    if (status >= 0) status = put_to(path, &to, err);
    eg_strbuf_reset(&to);
    return status;
}
