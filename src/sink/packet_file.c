/* SPDX-License-Identifier: Apache-2.0
 * Chosen packets as capture files. pcap is written in microseconds, as most programs do, until a packet
 * has a time that needs more: then what stands in the file is made over in place, which changes numbers
 * and no sizes. A file is on the disk before it has its name, and its name before that is said, unless who asks does
 * not want to wait for it. */
#include "sink/packet_file.h"

#include "base/alloc.h"
#include "base/draft.h"
#include "base/durable.h"
#include "base/hash.h"
#include "wire/dissect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES (512u << 10) /* holds any record */

struct interface {
    int32_t link_type;
    char *name;
    size_t name_size;
};

struct eg_packet_file {
    char *path;
    int output; /* what "-" is */
    enum eg_capture_format format;
    const char *format_option;
    uint64_t records_max;
    bool replace, nanoseconds, asked_digest, unsynced;
    bool gone;     /* the reader of standard output went away */
    int fd;        /* -1: no file is open */
    bool in_place; /* it is no regular file (a device, a pipe): written as it is */
    struct eg_strbuf buffer;
    struct eg_sha256 *running; /* of standard output */
    int32_t link_type;         /* of the current pcap file; -1: no packet yet */
    bool fine;                 /* the current pcap file is in nanoseconds */
    struct interface *interfaces;
    uint32_t interface_count, interface_room;
    struct eg_packet_file_written *files; /* the last one is open where fd >= 0 */
    size_t count, room;
    size_t named; /* files that have got their names */
    struct eg_packet_file_account account;
};

static bool to_output(const struct eg_packet_file *f) { return strcmp(f->path, "-") == 0; }

static enum eg_status no_memory(const struct eg_packet_file *f, struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory to write %.200s", f->path);
}

/* ---- names ---- */

/* "out.pcap" and 3 -> "out+0003.pcap"; NULL: no memory. */
static char *file_name(const struct eg_packet_file *f, size_t number) {
    if (!f->records_max || to_output(f)) return eg_strdup(f->path);
    const char *base = strrchr(f->path, '/');
    const char *dot = strrchr(base ? base : f->path, '.');
    struct eg_strbuf name = {0};
    size_t stem = dot && dot != f->path ? (size_t)(dot - f->path) : strlen(f->path);
    eg_strbuf_add(&name, f->path, stem);
    eg_strbuf_printf(&name, "+%04zu%s", number, f->path + stem);
    return eg_strbuf_take(&name);
}

static enum eg_status must_not_exist(const struct eg_packet_file *f, const char *name,
                                     struct eg_error *err) {
    struct stat info;
    if (f->replace || lstat(name, &info) != 0) return EG_OK;
    if (!S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode)) return EG_OK;
    if (S_ISLNK(info.st_mode) && stat(name, &info) == 0 && !S_ISREG(info.st_mode)) return EG_OK;
    return eg_fail(err, EG_E_USAGE, "%s exists; --force writes over it", name);
}

enum eg_status eg_packet_file_open(struct eg_packet_file **out,
                                   const struct eg_packet_file_options *options,
                                   struct eg_error *err) {
    struct eg_packet_file *f = eg_calloc(1, sizeof *f);
    if (!f) return eg_fail(err, EG_E_NOMEM, "no memory to write %.200s", options->path);
    f->fd = -1;
    f->link_type = -1;
    f->output = options->fd > 0 ? options->fd : STDOUT_FILENO;
    f->format = options->format;
    f->format_option = options->format_option ? options->format_option : "--format";
    f->records_max = options->records_max;
    f->replace = options->replace;
    f->nanoseconds = options->nanoseconds;
    f->asked_digest = options->digest;
    f->unsynced = options->unsynced;
    f->account.first_ns = INT64_MAX;
    f->account.last_ns = INT64_MIN;
    f->path = eg_strdup(options->path);
    char *first = f->path ? file_name(f, 1) : NULL;
    enum eg_status status =
        first ? EG_OK : eg_fail(err, EG_E_NOMEM, "no memory to write a capture");
    if (status >= 0 && f->records_max && to_output(f))
        status = eg_fail(err, EG_E_USAGE, "standard output is one capture: it cannot be split");
    if (status >= 0 && !to_output(f)) status = must_not_exist(f, first, err);
    eg_free(first);
    if (status < 0) {
        eg_packet_file_free(f);
        return status;
    }
    *out = f;
    return EG_OK;
}

/* ---- bytes ---- */

enum eg_status eg_packet_file_flush(struct eg_packet_file *f, struct eg_error *err) {
    if (f->fd < 0) return EG_OK;
    if (f->buffer.failed) return no_memory(f, err);
    size_t done = 0;
    while (done < f->buffer.size && !f->gone) {
        ssize_t n = write(f->fd, f->buffer.text + done, f->buffer.size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EPIPE) {
            f->gone = true;
        } else if (n < 0) {
            return eg_fail_errno(err, errno, "cannot write %s",
                                 to_output(f) ? "standard output" : f->files[f->count - 1].name);
        } else {
            done += (size_t)n;
        }
    }
    if (f->running) eg_sha256_add(f->running, f->buffer.text, done);
    f->files[f->count - 1].bytes += done;
    f->account.bytes += done;
    eg_strbuf_clear(&f->buffer);
    return f->gone ? EG_END : EG_OK;
}

static enum eg_status file_create(struct eg_packet_file *f, const char *name,
                                  struct eg_error *err) {
    struct stat info;
    EG_TRY(must_not_exist(f, name, err));
    f->in_place = stat(name, &info) == 0 && !S_ISREG(info.st_mode);
    char *tmp = f->in_place ? eg_strdup(name) : eg_draft_name(name);
    if (!tmp) return no_memory(f, err);
    f->fd =
        open(tmp, f->in_place ? O_WRONLY | O_CLOEXEC : O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (f->fd >= 0 && !f->in_place) eg_draft_mark(f->fd);
    eg_free(tmp);
    return f->fd >= 0 ? EG_OK : eg_fail_errno(err, errno, "cannot write %s", name);
}

static enum eg_status file_begin(struct eg_packet_file *f, struct eg_error *err) {
    if (f->count == f->room) {
        size_t room = f->room ? f->room * 2 : 4;
        struct eg_packet_file_written *more = eg_realloc(f->files, room, sizeof *more);
        if (!more) return no_memory(f, err);
        f->files = more;
        f->room = room;
    }
    struct eg_packet_file_written file = {.name = file_name(f, f->count + 1)};
    if (!file.name) return no_memory(f, err);
    enum eg_status status = EG_OK;
    if (to_output(f)) {
        f->fd = f->output;
        if (f->asked_digest && !(f->running = eg_sha256_new())) status = no_memory(f, err);
    } else {
        status = file_create(f, file.name, err);
    }
    if (status < 0) {
        eg_free(file.name);
        return status;
    }
    f->files[f->count++] = file;
    f->link_type = -1;
    f->fine = f->nanoseconds;
    return EG_OK;
}

/* ---- pcap ---- */

/* The current file, written in microseconds, made over. */
static enum eg_status file_refine(struct eg_packet_file *f, struct eg_error *err) {
    enum eg_status status = eg_packet_file_flush(f, err);
    if (status != EG_OK) return status;
    uint8_t *chunk = eg_malloc(BUFFER_BYTES);
    if (!chunk) return no_memory(f, err);
    off_t at = 0, end = (off_t)f->files[f->count - 1].bytes;
    while (status == EG_OK && at < end) {
        ssize_t got = pread(f->fd, chunk, BUFFER_BYTES, at);
        size_t done = got > 0 ? eg_write_pcap_refine(chunk, (size_t)got, at == 0) : 0;
        if (done == 0 || pwrite(f->fd, chunk, done, at) != (ssize_t)done)
            status = eg_fail_errno(err, got < 0 || done ? errno : EIO, "cannot write %s",
                                   f->files[f->count - 1].name);
        at += (off_t)done;
    }
    eg_free(chunk);
    f->fine = true;
    return status;
}

static enum eg_status pcap_put(struct eg_packet_file *f, const struct eg_frame *frame,
                               struct eg_error *err) {
    static const int64_t ends_ns = ((int64_t)UINT32_MAX + 1) * 1000000000;
    bool needs_ns = frame->time_ns % 1000 != 0;
    if (frame->time_ns >= ends_ns)
        return eg_fail(err, EG_E_USAGE,
                       "packets of after 2106-02-07 are among them, and a pcap file cannot say so; "
                       "%s pcapng holds their times",
                       f->format_option);
    if (f->link_type < 0) {
        f->link_type = frame->link_type;
        f->fine = f->fine || needs_ns;
        if (f->fine)
            eg_write_pcap_head(&f->buffer, frame->link_type);
        else
            eg_write_pcap_head_us(&f->buffer, frame->link_type);
    }
    if (f->link_type != frame->link_type)
        return eg_fail(err, EG_E_USAGE,
                       "packets of link types %d and %d are among them, and a pcap file holds one; "
                       "%s pcapng holds both",
                       f->link_type, frame->link_type, f->format_option);
    if (needs_ns && !f->fine && !f->in_place && !to_output(f)) EG_TRY(file_refine(f, err));
    if (f->fine)
        eg_write_pcap_record(&f->buffer, frame);
    else
        eg_write_pcap_record_us(&f->buffer, frame);
    return EG_OK;
}

/* ---- pcapng ---- */

static bool interface_is(const struct interface *i, int32_t link_type, struct eg_span name) {
    return i->link_type == link_type && i->name_size == name.size &&
           (!name.size || memcmp(i->name, name.at, name.size) == 0);
}

static enum eg_status interface_add(struct eg_packet_file *f, int32_t link_type,
                                    struct eg_span name, struct eg_error *err) {
    if (f->interface_count == f->interface_room) {
        uint32_t room = f->interface_room ? f->interface_room * 2 : 4;
        struct interface *more = eg_realloc(f->interfaces, room, sizeof *more);
        if (!more) return no_memory(f, err);
        f->interfaces = more;
        f->interface_room = room;
    }
    char *text = eg_strndup(name.size ? (const char *)name.at : "", name.size);
    if (!text) return no_memory(f, err);
    f->interfaces[f->interface_count++] = (struct interface){link_type, text, name.size};
    eg_write_pcapng_interface(&f->buffer, link_type, name);
    return EG_OK;
}

static void interfaces_forget(struct eg_packet_file *f) {
    for (uint32_t i = 0; i < f->interface_count; i++) eg_free(f->interfaces[i].name);
    f->interface_count = 0;
}

static enum eg_status pcapng_put(struct eg_packet_file *f, const struct eg_frame *frame,
                                 struct eg_span name, struct eg_error *err) {
    if (f->files[f->count - 1].packets == 0) {
        interfaces_forget(f);
        eg_write_pcapng_head(&f->buffer, "earlgrey");
    }
    uint32_t i = 0;
    while (i < f->interface_count && !interface_is(&f->interfaces[i], frame->link_type, name)) i++;
    if (i == f->interface_count) EG_TRY(interface_add(f, frame->link_type, name, err));
    eg_write_pcapng_record(&f->buffer, frame, i);
    return EG_OK;
}

/* ---- packets ---- */

static void put_count(struct eg_packet_file *f, const struct eg_frame *frame, bool timeless) {
    f->files[f->count - 1].packets++;
    f->account.packets++;
    f->account.timeless += timeless;
    if (timeless) return;
    f->account.early += frame->time_ns < 0;
    if (frame->time_ns < f->account.first_ns) f->account.first_ns = frame->time_ns;
    if (frame->time_ns > f->account.last_ns) f->account.last_ns = frame->time_ns;
}

/* The file is written to its end; its name comes later. */
static enum eg_status file_end(struct eg_packet_file *f, struct eg_error *err) {
    enum eg_status status = eg_packet_file_flush(f, err);
    if (status < 0 || to_output(f)) return status;
    if (!f->in_place && !f->unsynced && fdatasync(f->fd) != 0)
        status = eg_fail_errno(err, errno, "cannot write %s", f->files[f->count - 1].name);
    if (close(f->fd) != 0 && status >= 0)
        status = eg_fail_errno(err, errno, "cannot write %s", f->files[f->count - 1].name);
    f->fd = -1;
    return status;
}

enum eg_status eg_packet_file_put(struct eg_packet_file *f, const struct eg_frame *given,
                                  struct eg_span interface, struct eg_error *err) {
    struct eg_frame frame = *given;
    bool timeless = frame.time_ns == EG_FRAME_NO_TIME;
    if (timeless) frame.time_ns = 0;
    if (f->gone) return EG_END;
    if (f->fd >= 0 && f->records_max && f->files[f->count - 1].packets == f->records_max)
        EG_TRY(file_end(f, err));
    if (f->fd < 0) EG_TRY(file_begin(f, err));
    if (f->format == EG_WRITE_PCAP)
        EG_TRY(pcap_put(f, &frame, err));
    else
        EG_TRY(pcapng_put(f, &frame, interface, err));
    put_count(f, &frame, timeless);
    return f->buffer.size < BUFFER_BYTES && !f->buffer.failed ? EG_OK
                                                              : eg_packet_file_flush(f, err);
}

/* ---- the end ---- */

static enum eg_status digest_make(struct eg_packet_file_written *file, struct eg_error *err) {
    char *tmp = eg_draft_name(file->name);
    struct eg_sha256 *sha = eg_sha256_new();
    uint8_t *chunk = eg_malloc(BUFFER_BYTES);
    enum eg_status status =
        tmp && sha && chunk ? EG_OK : eg_fail(err, EG_E_NOMEM, "no memory to read %s", file->name);
    int fd = status >= 0 ? open(tmp, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t got = 1;
    while (fd >= 0 && got > 0) {
        got = read(fd, chunk, BUFFER_BYTES);
        if (got > 0) eg_sha256_add(sha, chunk, (size_t)got);
    }
    if (status >= 0 && (fd < 0 || got < 0))
        status = eg_fail_errno(err, errno, "cannot read %s", file->name);
    if (status >= 0) eg_sha256_text(sha, file->digest);
    if (fd >= 0) close(fd);
    eg_free(chunk);
    eg_sha256_free(sha);
    eg_free(tmp);
    return status;
}

/* Gives a file its name; never over another one, unless that was asked for. */
static enum eg_status file_name_give(struct eg_packet_file *f, const char *name,
                                     struct eg_error *err) {
    char *tmp = eg_draft_name(name);
    if (!tmp) return no_memory(f, err);
    enum eg_status status = EG_OK;
    if (f->replace) {
        if (rename(tmp, name) != 0) status = eg_fail_errno(err, errno, "cannot write %s", name);
    } else if (renameat2(AT_FDCWD, tmp, AT_FDCWD, name, RENAME_NOREPLACE) != 0) {
        if (errno == EINVAL && link(tmp, name) == 0) /* a file system that cannot */
            unlink(tmp);
        else if (errno == EEXIST)
            status = eg_fail(err, EG_E_USAGE, "%s exists; --force writes over it", name);
        else
            status = eg_fail_errno(err, errno, "cannot write %s", name);
    }
    eg_free(tmp);
    return status;
}

/* Gives all files their names, and forces these to the disk. */
static enum eg_status names_give(struct eg_packet_file *f, struct eg_error *err) {
    char *directory = eg_path_directory(f->path);
    enum eg_status status = directory ? EG_OK : no_memory(f, err);
    for (; f->named < f->count && status >= 0; f->named += status >= 0)
        status = file_name_give(f, f->files[f->named].name, err);
    if (status >= 0 && !f->unsynced) status = eg_dir_sync(directory, err);
    eg_free(directory);
    return status == EG_E_ACCESS && f->named == f->count
               ? EG_OK /* one may write into what one may not read */
               : status;
}

/* A capture that holds nothing. */
static enum eg_status empty_write(struct eg_packet_file *f, struct eg_error *err) {
    EG_TRY(file_begin(f, err));
    if (f->format == EG_WRITE_PCAPNG)
        eg_write_pcapng_head(&f->buffer, "earlgrey");
    else if (f->fine)
        eg_write_pcap_head(&f->buffer, EG_LINK_ETHERNET);
    else
        eg_write_pcap_head_us(&f->buffer, EG_LINK_ETHERNET);
    return EG_OK;
}

enum eg_status eg_packet_file_finish(struct eg_packet_file *f, struct eg_error *err) {
    if (f->count == 0 && !f->records_max) EG_TRY(empty_write(f, err));
    if (f->fd >= 0) EG_TRY(file_end(f, err));
    if (to_output(f)) {
        if (f->running) eg_sha256_text(f->running, f->files[0].digest);
        f->fd = -1;
        return EG_OK;
    }
    if (f->in_place) return EG_OK;
    for (size_t i = 0; i < f->count && f->asked_digest; i++) EG_TRY(digest_make(&f->files[i], err));
    return names_give(f, err);
}

/* All files or none: what was named before one failed goes too, unless it took another's place. */
static void files_remove(struct eg_packet_file *f) {
    if (f->in_place || to_output(f) || f->named == f->count) return;
    for (size_t i = 0; i < f->count; i++) {
        char *tmp = eg_draft_name(f->files[i].name);
        if (i < f->named && !f->replace) unlink(f->files[i].name);
        if (i >= f->named && tmp) unlink(tmp);
        eg_free(tmp);
    }
}

void eg_packet_file_free(struct eg_packet_file *f) {
    if (!f) return;
    if (f->fd >= 0 && f->path && !to_output(f)) close(f->fd);
    if (f->path) files_remove(f);
    for (size_t i = 0; i < f->count; i++) eg_free(f->files[i].name);
    eg_free(f->files);
    interfaces_forget(f);
    eg_free(f->interfaces);
    eg_sha256_free(f->running);
    eg_strbuf_reset(&f->buffer);
    eg_free(f->path);
    eg_free(f);
}

const struct eg_packet_file_written *eg_packet_file_written(const struct eg_packet_file *f,
                                                            size_t *count) {
    *count = f->count;
    return f->files;
}

struct eg_packet_file_account eg_packet_file_account(const struct eg_packet_file *f) {
    return f->account;
}
