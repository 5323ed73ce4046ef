/* SPDX-License-Identifier: Apache-2.0
 * One capture file. The order that survives a crash at any place: the journal's line, the hidden
 * file, its bytes, fsync, the name, fsync of the directory, the journal's line. */
#include "sink/capture_file.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/hash.h"
#include "wire/capture_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT_MAX 100000 /* files that want one name */

static char *parent_of(const char *directory, const char *name) {
    char *path = eg_path_join(directory, name);
    char *slash = path ? strrchr(path, '/') : NULL;
    if (slash) *slash = 0;
    return path;
}

static enum eg_status no_memory(const char *name, struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "%s: no memory", name);
}

static bool exists(const struct eg_capture_journal *j, const char *name) {
    char *path = eg_path_join(j->directory, name);
    bool there = path && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    eg_free(path);
    return there;
}

/* ---- making ---- */

static enum eg_status parent_make(const struct eg_capture_journal *j, const char *name,
                                  struct eg_error *err) {
    char *parent = parent_of(j->directory, name);
    if (!parent) return no_memory(name, err);
    enum eg_status status = eg_dir_make(parent, err);
    eg_free(parent);
    return status;
}

/* The place of that name; else the oldest, emptied. */
static uint32_t given_find(struct eg_capture_journal *j, uint64_t digest) {
    for (uint32_t i = 0; i < EG_CAPTURE_GIVEN; i++)
        if (j->given[i].next && j->given[i].digest == digest) return i;
    uint32_t at = j->given_at++ % EG_CAPTURE_GIVEN;
    j->given[at].next = 0;
    return at;
}

enum eg_status eg_capture_file_create(struct eg_capture_file *file, struct eg_capture_journal *j,
                                      const char *name, struct eg_error *err) {
    uint64_t digest = eg_hash64(name, strlen(name), 0);
    uint32_t at = given_find(j, digest), count = j->given[at].next;
    if (count == COUNT_MAX) count = 0; /* from the beginning, rather than not at all */
    file->fd = -1;
    do {
        if (count == COUNT_MAX || !eg_capture_name_count(file->name, name, count) ||
            !eg_capture_name_hide(file->temp, file->name))
            return eg_fail(err, EG_E_USAGE, "%.300s: no name is left for a capture file", name);
        count++;
    } while (exists(j, file->name) || exists(j, file->temp));
    j->given[at].digest = digest;
    j->given[at].next = count;
    EG_TRY(parent_make(j, file->temp, err));
    EG_TRY(eg_capture_journal_begin(j, file->temp, err));
    char *path = eg_path_join(j->directory, file->temp);
    if (!path) return no_memory(name, err);
    file->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    enum eg_status status =
        file->fd < 0 ? eg_fail_errno(err, errno, "cannot create %s", path) : EG_OK;
    eg_free(path);
    if (status < 0) (void)!eg_capture_journal_end(j, file->temp, NULL, 0, 0, NULL);
    eg_strbuf_clear(&file->buffer);
    file->written = file->packets = 0;
    return status;
}

/* ---- writing ---- */

enum eg_status eg_capture_file_write(struct eg_capture_file *file, struct eg_error *err) {
    struct eg_strbuf *buffer = &file->buffer;
    size_t done = 0;
    int failed = 0;
    while (done < buffer->size && !failed) {
        ssize_t wrote = write(file->fd, buffer->text + done, buffer->size - done);
        if (wrote > 0)
            done += (size_t)wrote;
        else if (wrote < 0 && errno != EINTR)
            failed = errno;
    }
    file->written += done;
    if (done) memmove(buffer->text, buffer->text + done, buffer->size - done);
    buffer->size -= done;
    return failed ? eg_fail_errno(err, failed, "cannot write %s", file->name) : EG_OK;
}

enum eg_status eg_capture_file_sync(struct eg_capture_file *file, struct eg_error *err) {
    EG_TRY(eg_capture_file_write(file, err));
    if (fdatasync(file->fd) == 0) return EG_OK;
    return eg_fail_errno(err, errno, "cannot make %s durable", file->name);
}

void eg_capture_file_reset(struct eg_capture_file *file) {
    if (file->fd >= 0) close(file->fd);
    file->fd = -1;
    eg_strbuf_reset(&file->buffer);
}

/* ---- publishing ---- */

/* Gives the file its name, or the next free one: never over another file. */
static enum eg_status name_give(const struct eg_capture_journal *j, const char *temp,
                                const char *wanted, char name[EG_CAPTURE_NAME_MAX],
                                struct eg_error *err) {
    char *from = eg_path_join(j->directory, temp);
    enum eg_status status = from ? EG_END : no_memory(wanted, err);
    for (uint32_t count = 0; status == EG_END; count++) {
        if (count == COUNT_MAX || !eg_capture_name_count(name, wanted, count)) {
            status = eg_fail(err, EG_E_USAGE, "%.300s: no name is left", wanted);
            break;
        }
        char *to = eg_path_join(j->directory, name);
        if (!to) {
            status = no_memory(wanted, err);
            break;
        }
        int done = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
        if (done != 0 && (errno == EINVAL || errno == ENOSYS)) { /* not on this file system */
            done = link(from, to);
            if (done == 0) done = unlink(from);
        }
        if (done == 0)
            status = EG_OK;
        else if (errno != EEXIST)
            status = eg_fail_errno(err, errno, "cannot rename %s to %s", from, to);
        eg_free(to);
    }
    eg_free(from);
    return status;
}

static enum eg_status name_publish(struct eg_capture_journal *j, const char *temp, int64_t now_us,
                                   struct eg_published *out, struct eg_error *err) {
    char wanted[EG_CAPTURE_NAME_MAX];
    if (!eg_capture_name_show(wanted, temp))
        return eg_fail(err, EG_E_FORMAT, "%.300s is no temporary capture file", temp);
    EG_TRY(name_give(j, temp, wanted, out->name, err));
    char *parent = parent_of(j->directory, out->name);
    if (!parent) return no_memory(out->name, err);
    enum eg_status status = eg_dir_sync(parent, err);
    eg_free(parent);
    if (status < 0) return status;
    /* the file has its name; a line that finds no room is made up for at the next start */
    (void)!eg_capture_journal_end(j, temp, out->name, out->bytes, now_us, NULL);
    return EG_OK;
}

enum eg_status eg_capture_file_publish(struct eg_capture_file *file, struct eg_capture_journal *j,
                                       int64_t now_us, struct eg_published *out,
                                       struct eg_error *err) {
    *out = (struct eg_published){.packets = file->packets};
    EG_TRY(eg_capture_file_write(file, err));
    out->bytes = file->written;
    int failed = fsync(file->fd) != 0 ? errno : 0;
    if (close(file->fd) != 0 && !failed) failed = errno;
    file->fd = -1;
    if (failed) return eg_fail_errno(err, failed, "cannot make %s durable", file->name);
    return name_publish(j, file->temp, now_us, out, err);
}

enum eg_status eg_capture_file_salvage(struct eg_capture_file *file, struct eg_capture_journal *j,
                                       int64_t now_us, struct eg_published *out,
                                       struct eg_error *err) {
    uint64_t packets = file->packets;
    close(file->fd);
    file->fd = -1;
    EG_TRY(eg_capture_recover(j, file->temp, now_us, out, err));
    file->packets = packets > out->packets ? packets - out->packets : 0; /* those that are lost */
    return EG_OK;
}

/* ---- recovering ---- */

static enum eg_status whole_find(int fd, const char *path, struct eg_written *whole,
                                 struct eg_error *err) {
    uint8_t *piece = eg_malloc(EG_WRITTEN_PIECE);
    if (!piece) return no_memory(path, err);
    enum eg_status status = EG_OK;
    for (;;) {
        uint64_t before = whole->offset;
        ssize_t got = pread(fd, piece, EG_WRITTEN_PIECE, (off_t)before);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = eg_fail_errno(err, errno, "cannot read %s", path);
        if (got <= 0) break;
        eg_written_walk(whole, eg_span(piece, (size_t)got));
        if (whole->damaged || whole->offset == before) break;
    }
    eg_free(piece);
    return status;
}

static enum eg_status leftover_cut(const char *path, int fd, struct eg_published *out,
                                   struct eg_error *err) {
    struct eg_written whole = {0};
    off_t size = lseek(fd, 0, SEEK_END);
    EG_TRY(whole_find(fd, path, &whole, err));
    out->bytes = whole.offset;
    out->packets = whole.packets;
    out->cut = size > (off_t)whole.offset ? (uint64_t)size - whole.offset : 0;
    if (!whole.packets) return EG_OK;
    if (out->cut && ftruncate(fd, (off_t)whole.offset) != 0)
        return eg_fail_errno(err, errno, "cannot cut %s", path);
    if (fsync(fd) != 0) return eg_fail_errno(err, errno, "cannot make %s durable", path);
    return EG_OK;
}

/* It was not made, or has its name already: the crash came before the journal's line. */
static enum eg_status leftover_gone(struct eg_capture_journal *j, const char *temp, int64_t now_us,
                                    struct eg_error *err) {
    char name[EG_CAPTURE_NAME_MAX];
    bool named = eg_capture_name_show(name, temp) && exists(j, name);
    uint64_t bytes = 0;
    char *path = named ? eg_path_join(j->directory, name) : NULL;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        off_t size = lseek(fd, 0, SEEK_END);
        bytes = size > 0 ? (uint64_t)size : 0;
        close(fd);
    }
    eg_free(path);
    return eg_capture_journal_end(j, temp, named ? name : NULL, bytes, now_us, err);
}

enum eg_status eg_capture_recover(struct eg_capture_journal *j, const char *leftover,
                                  int64_t now_us, struct eg_published *out, struct eg_error *err) {
    char temp[EG_CAPTURE_NAME_MAX]; /* the journal's own text goes when the journal is told */
    snprintf(temp, sizeof temp, "%s", leftover);
    *out = (struct eg_published){.bytes = 0};
    char *path = eg_path_join(j->directory, temp);
    if (!path) return no_memory(temp, err);
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    enum eg_status status = EG_OK;
    if (fd < 0 && errno == ENOENT) {
        eg_free(path);
        return leftover_gone(j, temp, now_us, err);
    }
    if (fd < 0)
        status = eg_fail_errno(err, errno, "cannot open %s", path);
    else
        status = leftover_cut(path, fd, out, err);
    if (fd >= 0) close(fd);
    if (status >= 0 && out->packets) {
        status = name_publish(j, temp, now_us, out, err);
    } else if (status >= 0) {
        unlink(path);
        status = eg_capture_journal_end(j, temp, NULL, 0, 0, err);
    }
    eg_free(path);
    return status;
}
