/* SPDX-License-Identifier: Apache-2.0
 * The list of a directory's capture files. Lines are appended with one write each and made durable
 * before what they tell of happens; a last line that a crash cut is left out. When the list is
 * opened it is written anew, without what is over. */
#include "sink/capture_journal.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOURNAL_NAME ".earlgrey-captures"
#define JOURNAL_BYTES_MAX ((size_t)256 << 20)
#define FIELDS 5

static enum eg_status no_memory(const struct eg_capture_journal *j, struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "%s: no memory for the list of capture files", j->directory);
}

/* ---- the list in memory ---- */

static bool reserve(void **items, size_t count, size_t *room, size_t size) {
    if (count < *room) return true;
    size_t more = *room ? *room * 2 : 16;
    void *grown = eg_realloc(*items, more, size);
    if (!grown) return false;
    *items = grown;
    *room = more;
    return true;
}

static bool open_add(struct eg_capture_journal *j, const char *temp) {
    char *copy = eg_strdup(temp);
    if (!copy || !reserve((void **)&j->open, j->open_count, &j->open_room, sizeof *j->open)) {
        eg_free(copy);
        return false;
    }
    j->open[j->open_count++] = copy;
    return true;
}

static void open_remove(struct eg_capture_journal *j, const char *temp) {
    for (size_t i = 0; i < j->open_count; i++) {
        if (strcmp(j->open[i], temp) != 0) continue;
        eg_free(j->open[i]);
        memmove(&j->open[i], &j->open[i + 1], (--j->open_count - i) * sizeof *j->open);
        return;
    }
}

static bool file_add(struct eg_capture_journal *j, const char *name, uint64_t bytes,
                     int64_t time_us) {
    char *copy = eg_strdup(name);
    if (!copy || !reserve((void **)&j->files, j->count, &j->room, sizeof *j->files)) {
        eg_free(copy);
        return false;
    }
    j->files[j->count++] = (struct eg_captured_file){copy, bytes, time_us};
    j->bytes += bytes;
    return true;
}

static void file_remove(struct eg_capture_journal *j, const char *name) {
    for (size_t i = 0; i < j->count; i++) {
        if (strcmp(j->files[i].name, name) != 0) continue;
        j->bytes -= j->files[i].bytes;
        eg_free(j->files[i].name);
        memmove(&j->files[i], &j->files[i + 1], (--j->count - i) * sizeof *j->files);
        return;
    }
}

/* ---- the list on disk ---- */

static uint32_t fields_split(char *line, char *fields[FIELDS]) {
    uint32_t count = 0;
    for (char *at = line; at && count < FIELDS; count++) {
        fields[count] = at;
        at = strchr(at, '\t');
        if (at) *at++ = 0;
    }
    return count;
}

/* Lines that make no sense are left out: at worst a file is not removed, or not recovered. */
static bool line_take(struct eg_capture_journal *j, char *line) {
    char *fields[FIELDS];
    uint32_t count = fields_split(line, fields);
    if (count == 2 && strcmp(fields[0], "+") == 0) return open_add(j, fields[1]);
    if (count == 2 && strcmp(fields[0], "-") == 0) {
        file_remove(j, fields[1]);
        open_remove(j, fields[1]);
    } else if (count == FIELDS && strcmp(fields[0], "=") == 0) {
        open_remove(j, fields[4]);
        return file_add(j, fields[3], strtoull(fields[1], NULL, 10), strtoll(fields[2], NULL, 10));
    }
    return true;
}

static enum eg_status journal_read(struct eg_capture_journal *j, const char *path,
                                   struct eg_error *err) {
    char *text;
    size_t size;
    EG_TRY(eg_file_read(&text, &size, path, JOURNAL_BYTES_MAX, err));
    bool whole = true;
    char *line = text;
    for (char *end; whole && (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        whole = line_take(j, line);
    }
    eg_free(text);
    return whole ? EG_OK : no_memory(j, err);
}

/* Files that somebody else removed are not ours to count any more. */
static void files_check(struct eg_capture_journal *j) {
    size_t kept = 0;
    for (size_t i = 0; i < j->count; i++) {
        struct stat found;
        char *path = eg_path_join(j->directory, j->files[i].name);
        if (path && stat(path, &found) != 0 && errno == ENOENT) {
            j->bytes -= j->files[i].bytes;
            eg_free(j->files[i].name);
        } else {
            j->files[kept++] = j->files[i];
        }
        eg_free(path);
    }
    j->count = kept;
}

static enum eg_status line_append(struct eg_capture_journal *j, struct eg_strbuf *line,
                                  struct eg_error *err) {
    enum eg_status status = EG_OK;
    if (line->failed)
        status = no_memory(j, err);
    else if (line->size) {
        struct stat before;
        bool known = fstat(j->fd, &before) == 0;
        ssize_t wrote = write(j->fd, line->text, line->size);
        int failed = wrote < 0 ? errno : wrote < (ssize_t)line->size ? ENOSPC : 0;
        if (!failed && fdatasync(j->fd) != 0) failed = errno;
        if (failed && known && ftruncate(j->fd, before.st_size) != 0) { /* half a line is none */
        }
        if (failed) status = eg_fail_errno(err, failed, "cannot write %s", j->path);
    }
    eg_strbuf_reset(line);
    return status;
}

static void lines_of(const struct eg_capture_journal *j, struct eg_strbuf *to) {
    for (size_t i = 0; i < j->count; i++)
        eg_strbuf_printf(to, "=\t%llu\t%lld\t%s\t\n", (unsigned long long)j->files[i].bytes,
                         (long long)j->files[i].time_us, j->files[i].name);
    for (size_t i = 0; i < j->open_count; i++) eg_strbuf_printf(to, "+\t%s\n", j->open[i]);
}

/* Opens the file and locks it; the name may meanwhile stand for another one. -1: errno. */
static int lock_open(const char *path, int flags) {
    for (;;) {
        struct stat held, named;
        int fd = open(path, flags | O_RDWR | O_APPEND | O_CLOEXEC, 0666);
        if (fd < 0) return -1;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
            close(fd);
            errno = EWOULDBLOCK;
            return -1;
        }
        if (fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino &&
            held.st_dev == named.st_dev)
            return fd;
        close(fd);
    }
}

/* Replaces the file by one that holds what is still so; the new one is locked before it has the
 * name. False: the old one stands. */
static bool journal_renew(struct eg_capture_journal *j) {
    struct eg_strbuf lines = {0};
    char temp[4096];
    int size = snprintf(temp, sizeof temp, "%s.tmp", j->path);
    bool good = false;
    lines_of(j, &lines);
    int fd = size > 0 && (size_t)size < sizeof temp && !lines.failed
                 ? open(temp, O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)
                 : -1;
    if (fd >= 0) {
        good = flock(fd, LOCK_EX | LOCK_NB) == 0 &&
               write(fd, lines.text ? lines.text : "", lines.size) == (ssize_t)lines.size &&
               fsync(fd) == 0 && rename(temp, j->path) == 0;
        if (!good) unlink(temp);
        close(good ? j->fd : fd);
        if (good) j->fd = fd;
    }
    eg_strbuf_reset(&lines);
    return good && eg_dir_sync(j->directory, NULL) >= 0;
}

/* "DIR/.earlgrey-captures", "…-1", and so on. NULL: no memory. */
static char *path_of(const char *directory, uint32_t number) {
    char name[sizeof JOURNAL_NAME + 16];
    snprintf(name, sizeof name, number ? JOURNAL_NAME "-%u" : JOURNAL_NAME, number);
    return eg_path_join(directory, name);
}

/* The first list that nobody holds. */
static enum eg_status own_open(struct eg_capture_journal *j, struct eg_error *err) {
    for (uint32_t i = 0; i < EG_CAPTURE_JOURNALS_MAX; i++) {
        eg_free(j->path);
        j->path = path_of(j->directory, i);
        if (!j->path) return no_memory(j, err);
        j->fd = lock_open(j->path, O_CREAT);
        if (j->fd >= 0) return EG_OK;
        if (errno != EWOULDBLOCK) return eg_fail_errno(err, errno, "cannot open %s", j->path);
    }
    return eg_fail(err, EG_E_LOCKED, "%s: %d recorders write there already", j->directory,
                   EG_CAPTURE_JOURNALS_MAX);
}

static int by_age(const void *a, const void *b) {
    const struct eg_captured_file *x = a, *y = b;
    if (x->time_us != y->time_us) return x->time_us < y->time_us ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* A crash between two lists may have left a file in both. */
static void files_sort(struct eg_capture_journal *j) {
    size_t kept = 0;
    if (j->count) qsort(j->files, j->count, sizeof *j->files, by_age);
    for (size_t i = 0; i < j->count; i++) {
        if (kept && by_age(&j->files[kept - 1], &j->files[i]) == 0) {
            j->bytes -= j->files[i].bytes;
            eg_free(j->files[i].name);
        } else {
            j->files[kept++] = j->files[i];
        }
    }
    j->count = kept;
}

/* Takes over the lists that nobody holds: they are removed once ours tells what they told. */
static enum eg_status others_adopt(struct eg_capture_journal *j, struct eg_error *err) {
    int held[EG_CAPTURE_JOURNALS_MAX];
    char *paths[EG_CAPTURE_JOURNALS_MAX] = {NULL};
    enum eg_status status = EG_OK;
    for (uint32_t i = 0; i < EG_CAPTURE_JOURNALS_MAX; i++) {
        held[i] = -1;
        paths[i] = status >= 0 ? path_of(j->directory, i) : NULL;
        if (!paths[i] && status >= 0) status = no_memory(j, err);
        if (status < 0 || strcmp(paths[i], j->path) == 0) continue;
        held[i] = lock_open(paths[i], 0);
        if (held[i] >= 0) status = journal_read(j, paths[i], err);
    }
    files_check(j);
    files_sort(j);
    bool told = status >= 0 && journal_renew(j);
    for (uint32_t i = 0; i < EG_CAPTURE_JOURNALS_MAX; i++) {
        if (held[i] >= 0 && told) unlink(paths[i]);
        if (held[i] >= 0) close(held[i]);
        eg_free(paths[i]);
    }
    return status;
}

bool eg_capture_journal_there(const char *directory) {
    bool there = false;
    for (uint32_t i = 0; i < EG_CAPTURE_JOURNALS_MAX && !there; i++) {
        char *path = path_of(directory, i);
        there = path && access(path, F_OK) == 0;
        eg_free(path);
    }
    return there;
}

enum eg_status eg_capture_journal_open(struct eg_capture_journal **out, const char *directory,
                                       struct eg_error *err) {
    struct eg_capture_journal *j = eg_calloc(1, sizeof *j);
    if (!j) return eg_fail(err, EG_E_NOMEM, "no memory for a list of capture files");
    j->fd = -1;
    j->directory = eg_strdup(directory);
    enum eg_status status = EG_OK;
    if (!j->directory) status = eg_fail(err, EG_E_NOMEM, "no memory for a list of capture files");
    if (status >= 0) status = eg_dir_make(directory, err);
    if (status >= 0) status = own_open(j, err);
    if (status >= 0) status = journal_read(j, j->path, err);
    if (status >= 0) status = others_adopt(j, err);
    if (status < 0) {
        eg_capture_journal_close(j);
        return status;
    }
    *out = j;
    return EG_OK;
}

void eg_capture_journal_close(struct eg_capture_journal *j) {
    if (!j) return;
    for (size_t i = 0; i < j->count; i++) eg_free(j->files[i].name);
    for (size_t i = 0; i < j->open_count; i++) eg_free(j->open[i]);
    if (j->fd >= 0) close(j->fd);
    eg_free(j->files);
    eg_free(j->open);
    eg_free(j->directory);
    eg_free(j->path);
    eg_free(j);
}

/* ---- changes ---- */

enum eg_status eg_capture_journal_begin(struct eg_capture_journal *j, const char *temp,
                                        struct eg_error *err) {
    struct eg_strbuf line = {0};
    eg_strbuf_printf(&line, "+\t%s\n", temp);
    EG_TRY(line_append(j, &line, err));
    return open_add(j, temp) ? EG_OK : no_memory(j, err);
}

enum eg_status eg_capture_journal_end(struct eg_capture_journal *j, const char *temp,
                                      const char *name, uint64_t bytes, int64_t time_us,
                                      struct eg_error *err) {
    struct eg_strbuf line = {0};
    if (name)
        eg_strbuf_printf(&line, "=\t%llu\t%lld\t%s\t%s\n", (unsigned long long)bytes,
                         (long long)time_us, name, temp);
    else
        eg_strbuf_printf(&line, "-\t%s\n", temp);
    open_remove(j, temp);
    if (name && !file_add(j, name, bytes, time_us)) {
        eg_strbuf_reset(&line);
        return no_memory(j, err);
    }
    return line_append(j, &line, err);
}

/* Directories that are empty now, up to our own. */
static void parents_remove(const char *directory, char *path) {
    size_t own = strlen(directory);
    for (char *slash; (slash = strrchr(path, '/')) && (size_t)(slash - path) > own;) {
        *slash = 0;
        if (rmdir(path) != 0) return;
    }
}

enum eg_status eg_capture_journal_drop(struct eg_capture_journal *j, struct eg_error *err) {
    if (!j->count) return EG_END;
    struct eg_strbuf line = {0};
    char *path = eg_path_join(j->directory, j->files[0].name);
    if (!path) return no_memory(j, err);
    eg_strbuf_printf(&line, "-\t%s\n", j->files[0].name);
    enum eg_status status = EG_OK;
    if (unlink(path) != 0 && errno != ENOENT)
        status = eg_fail_errno(err, errno, "cannot remove %s", path);
    else
        parents_remove(j->directory, path);
    eg_free(path);
    file_remove(j, j->files[0].name);
    enum eg_status noted = line_append(j, &line, err);
    return status < 0 ? status : noted;
}
