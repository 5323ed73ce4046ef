/* SPDX-License-Identifier: Apache-2.0
 * Where the rows of a watch go: a file that only grows behind what a checkpoint vouches for, a file
 * that is replaced by each answer, blocks on standard output, or a screen drawn again and again. */
#include "cli/watch.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool grows(const struct eg_watch_out *out) {
    return out->path && out->mode != EG_WATCH_COMPLETE;
}

enum eg_status eg_watch_out_tail(const struct eg_watch_out *out, char tail[33],
                                 struct eg_error *err) {
    char bytes[EG_CHECKPOINT_TAIL];
    tail[0] = 0;
    if (!grows(out) || !out->length) return EG_OK;
    size_t size = out->length < EG_CHECKPOINT_TAIL ? (size_t)out->length : EG_CHECKPOINT_TAIL;
    for (size_t done = 0; done < size;) {
        ssize_t n = pread(out->fd, bytes + done, size - done, out->length - (int64_t)(size - done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return eg_fail_errno(err, n ? errno : EIO, "cannot read %s", out->path);
        done += (size_t)n;
    }
    eg_digest_text(eg_hash128(bytes, size), tail);
    return EG_OK;
}

/* The file as the checkpoint knows it, and whatever a killed program wrote behind that cut off. */
static enum eg_status take_up(struct eg_watch_out *out, const struct eg_checkpoint *known,
                              struct eg_error *err) {
    struct stat is;
    if (fstat(out->fd, &is) != 0) return eg_fail_errno(err, errno, "cannot read %s", out->path);
    out->length = known->length;
    char tail[33] = "";
    bool other = is.st_size < known->length;
    if (!other) EG_TRY(eg_watch_out_tail(out, tail, err));
    if (other || strcmp(tail, known->tail) != 0)
        return eg_fail(err, EG_E_FORMAT,
                       "%s is not the file the checkpoint speaks of: bring that back, or begin "
                       "anew with another checkpoint and another file",
                       out->path);
    if (is.st_size > known->length && ftruncate(out->fd, known->length) != 0)
        return eg_fail_errno(err, errno, "cannot cut %s", out->path);
    return EG_OK;
}

static enum eg_status begin_anew(struct eg_watch_out *out, bool keeps, struct eg_error *err) {
    struct stat is;
    if (fstat(out->fd, &is) != 0) return eg_fail_errno(err, errno, "cannot read %s", out->path);
    if (!S_ISREG(is.st_mode) && keeps)
        return eg_fail(err, EG_E_USAGE, "a checkpoint needs a regular file behind -w, not %s",
                       out->path);
    if (!S_ISREG(is.st_mode)) return EG_OK;
    if (keeps && is.st_size)
        return eg_fail(err, EG_E_USAGE,
                       "%s holds something that no checkpoint speaks of: remove it, or name "
                       "another file with -w",
                       out->path);
    return ftruncate(out->fd, 0) == 0 ? EG_OK
                                      : eg_fail_errno(err, errno, "cannot write %s", out->path);
}

enum eg_status eg_watch_out_open(struct eg_watch_out *out, const struct eg_checkpoint *known,
                                 bool keeps, struct eg_error *err) {
    out->fd = -1;
    if (!grows(out)) return EG_OK;
    out->fd = open(out->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (out->fd < 0) return eg_fail_errno(err, errno, "cannot write %s", out->path);
    if (flock(out->fd, LOCK_EX | LOCK_NB) != 0)
        return eg_fail(err, EG_E_LOCKED,
                       "%s is being written by another process: wait for it to end, or stop it",
                       out->path);
    return known ? take_up(out, known, err) : begin_anew(out, keeps, err);
}

static enum eg_status write_all(struct eg_watch_out *out, int fd, const char *text, size_t size,
                                struct eg_error *err) {
    while (size && !out->gone) {
        ssize_t n = grows(out) ? pwrite(fd, text, size, out->length) : write(fd, text, size);
        if (n < 0 && errno == ESPIPE) n = write(fd, text, size); /* -w names a device or pipe */
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EPIPE && !out->path)
            out->gone = true;
        else if (n < 0)
            return eg_fail_errno(err, errno, "cannot write %s",
                                 out->path ? out->path : "standard output");
        else
            text += n, size -= (size_t)n, out->length += n;
    }
    return EG_OK;
}

/* The screen from its upper left corner, each line cleared to its end, no more lines than there are. */
static void frame(const struct eg_strbuf *text, bool first, struct eg_strbuf *to) {
    uint32_t lines = eg_terminal_lines(), line = 0;
    eg_strbuf_text(to, first ? "\x1b[2J\x1b[H" : "\x1b[H");
    for (const char *at = text->text; at && *at && (!lines || line + 1 < lines); line++) {
        size_t size = strcspn(at, "\n");
        eg_strbuf_add(to, at, size);
        eg_strbuf_text(to, "\x1b[K\n");
        at += size + (at[size] == '\n');
    }
    eg_strbuf_text(to, "\x1b[J");
}

enum eg_status eg_watch_out_put(struct eg_watch_out *out, const struct eg_strbuf *text,
                                struct eg_error *err) {
    if (text->failed) return eg_fail(err, EG_E_NOMEM, "no memory for the answer");
    const char *bytes = text->text ? text->text : "";
    if (out->path && !grows(out)) return eg_file_replace(out->path, bytes, text->size, err);
    if (grows(out)) {
        EG_TRY(write_all(out, out->fd, bytes, text->size, err));
        if (text->size && fsync(out->fd) != 0 && errno != EINVAL)
            return eg_fail_errno(err, errno, "cannot make %s durable", out->path);
        return EG_OK;
    }
    if (!out->screen) return write_all(out, STDOUT_FILENO, bytes, text->size, err);
    struct eg_strbuf drawn = {0};
    frame(text, !out->drawn, &drawn);
    out->drawn = true;
    enum eg_status status = drawn.failed
                                ? eg_fail(err, EG_E_NOMEM, "no memory for the answer")
                                : write_all(out, STDOUT_FILENO, drawn.text, drawn.size, err);
    eg_strbuf_reset(&drawn);
    return status;
}

void eg_watch_out_close(struct eg_watch_out *out) {
    if (out->fd >= 0) close(out->fd);
    out->fd = -1;
}
