/* SPDX-License-Identifier: Apache-2.0
 * Keeping captures while they are read. A copy is appended to and never written over: what a
 * commit registered of it stays as it is, and what a killed run wrote behind that is cut off by the next
 * one that goes on with it. */
#include "store/capture_keeper.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/hash.h"
#include "base/timetext.h"
#include "base/utf8.h"
#include "source/file.h"
#include "source/seekable.h"
#include "store/copy_place.h"
#include "store/dataset_own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 1000 /* for a name that is free */

/* One capture that is being read, or was since the last commit. */
struct eg_kept {
    struct eg_keeper *keeper;
    struct eg_journal_capture line; /* name and place are ours */
    struct eg_kept *next;
    /* of a copy */
    int fd;     /* -1: closed, or a link */
    char *path; /* where it stands now: as .tmp until its first commit */
    bool named;
    uint64_t skip;                     /* bytes that were in it before */
    uint64_t written;                  /* stored bytes */
    struct eg_seekable_writer *writer; /* NULL: as it comes */
    struct eg_error trouble;           /* the first */
    bool reached, over; /* reached: since the last commit; over: the source is closed */
    char *given_up;     /* of a link that takes the place of a damaged copy: that one */
    bool counted;       /* in the account … */
    uint64_t told_bytes, told_stored; /* … with so much */
};

struct eg_keeper {
    struct eg_dataset *ds;
    struct eg_keep_rule rule;
    struct eg_kept *list;
    uint64_t names; /* given to what has no identity */
    struct eg_keep_account account;
};

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory to keep a capture");
}

enum eg_status eg_keeper_new(struct eg_keeper **out, struct eg_dataset *ds,
                             const struct eg_keep_rule *rule, struct eg_error *err) {
    struct eg_keeper *keeper = eg_calloc(1, sizeof *keeper);
    if (!keeper) return no_memory(err);
    keeper->ds = ds;
    keeper->rule = *rule;
    *out = keeper;
    return EG_OK;
}

void eg_keeper_account(const struct eg_keeper *keeper, struct eg_keep_account *out) {
    *out = keeper->account;
}

/* ---- the copy's bytes ---- */

static void kept_close(struct eg_kept *kept) {
    if (kept->fd >= 0) close(kept->fd);
    kept->fd = -1;
    eg_seekable_writer_free(kept->writer);
    kept->writer = NULL;
}

/* Directories that only this copy needed go with it. */
static void copy_remove(struct eg_kept *kept) {
    size_t root = strlen(kept->keeper->ds->path);
    unlink(kept->path);
    for (char *slash; (slash = strrchr(kept->path, '/')) && (size_t)(slash - kept->path) > root;) {
        *slash = 0;
        if (rmdir(kept->path) != 0) break;
    }
}

static void kept_free(struct eg_kept *kept) {
    kept_close(kept);
    /* once the commit may be decided, the file is for recovery to name */
    if (kept->path && !kept->named && !kept->keeper->ds->unsettled) copy_remove(kept);
    eg_free(kept->path);
    eg_free(kept->given_up);
    eg_free(kept->line.name);
    eg_free(kept->line.place);
    eg_free(kept);
}

void eg_keeper_free(struct eg_keeper *keeper) {
    if (!keeper) return;
    for (struct eg_kept *kept = keeper->list, *next; kept; kept = next) {
        next = kept->next;
        kept_free(kept);
    }
    eg_free(keeper);
}

static enum eg_status put_failed(const struct eg_kept *kept, int errnum, struct eg_error *err) {
    enum eg_status status = eg_fail_errno(err, errnum, "cannot write %s", kept->path);
    if (status != EG_E_NOSPACE) return status;
    return eg_fail(err, status,
                   "the disk of the dataset %s is full: nothing of this step was kept, all before "
                   "it stands; free some space, or do without copies (--keep link, none), and run "
                   "the same command again (cannot write %s)",
                   kept->keeper->ds->path, kept->path);
}

static enum eg_status copy_put(void *to, const void *bytes, size_t size, struct eg_error *err) {
    struct eg_kept *kept = to;
    const uint8_t *from = bytes;
    for (size_t done = 0; done < size;) {
        ssize_t count = write(kept->fd, from + done, size - done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return put_failed(kept, errno, err);
        done += (size_t)count;
    }
    kept->written += size;
    return EG_OK;
}

static void trouble_note(struct eg_kept *kept, enum eg_status status, const struct eg_error *err) {
    if (status >= 0 || kept->trouble.status < 0) return;
    kept->trouble = *err;
    kept->trouble.status = status;
}

static void on_bytes(void *to, uint64_t offset, const void *bytes, size_t size) {
    struct eg_kept *kept = to;
    struct eg_error err = {0};
    if (kept->fd < 0 || kept->trouble.status < 0 || offset + size <= kept->skip) return;
    size_t known = offset < kept->skip ? (size_t)(kept->skip - offset) : 0;
    const uint8_t *from = (const uint8_t *)bytes + known;
    enum eg_status status = kept->writer ? eg_seekable_write(kept->writer, from, size - known, &err)
                                         : copy_put(kept, from, size - known, &err);
    trouble_note(kept, status, &err);
}

/* Everything given so far is in the file, on disk; the line says how it was seen there. */
static enum eg_status copy_settle(struct eg_kept *kept, struct eg_error *err) {
    struct stat about;
    if (kept->fd < 0 || kept->trouble.status < 0) return EG_OK;
    if (kept->writer) EG_TRY(eg_seekable_table(kept->writer, err));
    if (fsync(kept->fd) != 0 || fstat(kept->fd, &about) != 0)
        return eg_fail_errno(err, errno, "cannot make %s durable", kept->path);
    kept->line.stored = (uint64_t)about.st_size;
    kept->line.changed_ns = eg_timespec_ns(about.st_mtim);
    return EG_OK;
}

static enum eg_status on_reached(void *to, const struct eg_file_reach *reach,
                                 struct eg_error *err) {
    struct eg_kept *kept = to;
    if (kept->trouble.status < 0) {
        if (err) *err = kept->trouble;
        return kept->trouble.status;
    }
    kept->line.bytes = reach->offset;
    kept->line.packets = reach->packets;
    kept->line.first_us = reach->first_us;
    kept->line.last_us = reach->last_us;
    memcpy(kept->line.digest, reach->digest, sizeof kept->line.digest);
    kept->reached = true;
    return EG_OK;
}

/* Many inputs wait for one commit: their descriptors need not. */
static void on_closed(void *to) {
    struct eg_kept *kept = to;
    struct eg_error err = {0};
    if (kept->reached) trouble_note(kept, copy_settle(kept, &err), &err);
    kept_close(kept);
    kept->over = true;
}

/* ---- names ---- */

/* Whether this run has a line for it. */
static bool is_taken(const struct eg_keeper *keeper, const char *name) {
    for (const struct eg_kept *kept = keeper->list; kept; kept = kept->next)
        if (kept->line.name && strcmp(kept->line.name, name) == 0) return true;
    return false;
}

static bool name_taken(const struct eg_keeper *keeper, const char *name) {
    return eg_journal_capture(&keeper->ds->journal, name) || is_taken(keeper, name);
}

static enum eg_status copy_name(struct eg_keeper *keeper, struct eg_kept *kept,
                                const struct eg_file_facts *facts, bool packed,
                                struct eg_error *err) {
    /* what has no identity gets a name that nobody else can have */
    uint64_t seed = eg_hash64(facts->head, strlen(facts->head), 0);
    if (!facts->head[0])
        seed = eg_hash64(keeper->ds->session, strlen(keeper->ds->session), ++keeper->names);
    for (uint64_t i = 0; i < TRIES; i++) {
        struct eg_strbuf place = {0};
        eg_copy_place(&place, facts, i ? eg_hash64(&i, sizeof i, seed) : seed, packed);
        char *path = place.failed ? NULL : eg_path_join(keeper->ds->path, place.text);
        bool free = path && !name_taken(keeper, place.text) &&
                    faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
        bool failed = !path;
        eg_free(path);
        if (failed || free) {
            kept->line.place = eg_strbuf_take(&place);
            kept->line.name = kept->line.place ? eg_strdup(kept->line.place) : NULL;
            return kept->line.name ? EG_OK : no_memory(err);
        }
        eg_strbuf_reset(&place);
    }
    return eg_fail(err, EG_E_USAGE, "no name is left for a copy of %s", facts->name);
}

/* ---- taking a capture ---- */

/* The registered capture that holds exactly what is known of the input. */
static const struct eg_journal_capture *known_find(const struct eg_keeper *keeper,
                                                   const struct eg_file_facts *facts, bool copy,
                                                   const char *place) {
    const struct eg_journal *journal = &keeper->ds->journal;
    for (size_t i = 0; facts->known && i < journal->capture_count; i++) {
        const struct eg_journal_capture *c = &journal->captures[i];
        if (!c->gone && c->bytes == facts->known && c->copy == copy &&
            strcmp(c->digest, facts->known_digest) == 0 && (copy || strcmp(c->place, place) == 0))
            return c;
    }
    return NULL;
}

/* The registered capture, from this index on, that held exactly what is known of the input, and is lost:
 * a link whose file is gone or another one, a copy that is gone or damaged. `links`: no copy. */
static const struct eg_journal_capture *lost_find(const struct eg_keeper *keeper,
                                                  const struct eg_file_facts *facts, bool links,
                                                  size_t *from) {
    const struct eg_journal *journal = &keeper->ds->journal;
    while (facts->known && *from < journal->capture_count) {
        const struct eg_journal_capture *c = &journal->captures[(*from)++];
        if (!c->gone && !(c->copy && links) && c->bytes == facts->known &&
            strcmp(c->digest, facts->known_digest) == 0 && eg_capture_lost(keeper->ds, c))
            return c;
    }
    return NULL;
}

static bool is_seekable(const struct eg_file_facts *facts, const char *place) {
    struct eg_seekable *seekable = NULL;
    int fd = facts->packing == EG_PACKING_ZSTD ? open(place, O_RDONLY | O_CLOEXEC) : -1;
    bool is = fd >= 0 && eg_seekable_open(&seekable, fd, place, false, NULL) == EG_OK;
    eg_seekable_close(seekable);
    if (fd >= 0) close(fd);
    return is;
}

static enum eg_status link_take(struct eg_keeper *keeper, struct eg_kept *kept,
                                const struct eg_file_facts *facts, struct eg_error *err) {
    char *place = realpath(facts->name, NULL);
    if (!place) return eg_fail_errno(err, errno, "cannot find the place of %s", facts->name);
    const struct eg_journal_capture *known = known_find(keeper, facts, false, place);
    size_t from = 0;
    if (!known) known = lost_find(keeper, facts, true, &from); /* it was moved, and has grown */
    struct eg_strbuf name = {0};
    struct eg_span as_text = eg_span(place, strlen(place));
    if (known)
        eg_strbuf_text(&name, known->name);
    else
        eg_utf8_escape(as_text, &name); /* rows hold text */
    /* what stood there before may have been another capture: its rows must not find this one */
    for (int64_t mark = facts->changed_ns; !known && !name.failed && name_taken(keeper, name.text);
         mark++) {
        eg_strbuf_clear(&name);
        eg_utf8_escape(as_text, &name);
        eg_strbuf_printf(&name, "#%08x", (unsigned)eg_hash64(&mark, sizeof mark, facts->size));
    }
    kept->line.place = eg_strdup(place);
    kept->line.name = eg_strbuf_take(&name);
    free(place);
    if (!kept->line.place || !kept->line.name) return no_memory(err);
    kept->line.stored = facts->size;
    kept->line.changed_ns = facts->changed_ns;
    kept->line.seekable = is_seekable(facts, kept->line.place);
    return EG_OK;
}

static enum eg_status writer_make(struct eg_kept *kept, struct eg_error *err) {
    struct eg_seekable_out out = {copy_put, kept};
    return eg_seekable_writer_new(&kept->writer, &out, err);
}

/* Opens a copy that was registered, to go on behind what was. EG_END: that cannot be done. */
static enum eg_status copy_resume(struct eg_keeper *keeper, struct eg_kept *kept,
                                  const struct eg_journal_capture *known, struct eg_error *err) {
    struct stat about;
    struct eg_seekable *held = NULL;
    uint64_t keep = known->seekable ? known->stored : known->bytes;
    kept->path = eg_path_join(keeper->ds->path, known->place);
    kept->line.name = eg_strdup(known->name);
    kept->line.place = eg_strdup(known->place);
    kept->line.seekable = known->seekable;
    kept->named = true;
    if (!kept->path || !kept->line.name || !kept->line.place) return no_memory(err);
    kept->fd = open(kept->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (kept->fd < 0 && errno == ENOENT) return EG_END;
    /* with this, expiry leaves it alone; one that it has removed meanwhile has no name any more */
    if (kept->fd < 0 || flock(kept->fd, LOCK_SH) != 0 || fstat(kept->fd, &about) != 0)
        return eg_fail_errno(err, errno, "cannot open %s", kept->path);
    if (!S_ISREG(about.st_mode) || !about.st_nlink || (uint64_t)about.st_size < keep) return EG_END;
    if (ftruncate(kept->fd, (off_t)keep) != 0 || lseek(kept->fd, 0, SEEK_END) < 0)
        return eg_fail_errno(err, errno, "cannot write %s", kept->path);
    kept->skip = kept->told_bytes = known->bytes;
    kept->told_stored = known->stored;
    if (!known->seekable) return EG_OK;
    enum eg_status status = eg_seekable_open(&held, kept->fd, kept->path, true, err);
    if (status == EG_OK && eg_seekable_bytes(held) != known->bytes) status = EG_END;
    if (status == EG_OK) status = writer_make(kept, err);
    if (status == EG_OK) status = eg_seekable_writer_resume(kept->writer, held, err);
    eg_seekable_close(held);
    return status;
}

static enum eg_status copy_create(struct eg_keeper *keeper, struct eg_kept *kept,
                                  const struct eg_file_facts *facts, struct eg_error *err) {
    bool packed = facts->packing != EG_PACKING_NONE;
    EG_TRY(copy_name(keeper, kept, facts, packed, err));
    kept->line.seekable = packed;
    struct eg_strbuf tmp = {0}, path = {0};
    eg_layout_capture_tmp(kept->line.place, keeper->ds->session, &tmp);
    eg_strbuf_printf(&path, "%s/%s", keeper->ds->path, tmp.failed ? "" : tmp.text);
    kept->path = tmp.failed ? NULL : eg_strbuf_take(&path);
    eg_strbuf_reset(&tmp);
    eg_strbuf_reset(&path);
    if (!kept->path) return no_memory(err);
    char *slash = strrchr(kept->path, '/');
    *slash = 0;
    enum eg_status status = eg_dir_make(kept->path, err);
    *slash = '/';
    if (status < 0) return status;
    kept->fd = open(kept->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (kept->fd < 0 || flock(kept->fd, LOCK_SH) != 0)
        return eg_fail_errno(err, errno, "cannot create %s", kept->path);
    return packed ? writer_make(kept, err) : EG_OK;
}

static void copy_forget(struct eg_kept *kept) {
    kept_close(kept);
    eg_free(kept->path);
    eg_free(kept->line.name);
    eg_free(kept->line.place);
    kept->path = kept->line.name = kept->line.place = NULL;
    kept->named = kept->line.seekable = false;
    kept->skip = kept->told_bytes = kept->told_stored = 0;
}

static enum eg_status copy_take(struct eg_keeper *keeper, struct eg_kept *kept,
                                const struct eg_file_facts *facts, struct eg_error *err) {
    EG_TRY(eg_dataset_ready(keeper->ds, err));
    const struct eg_journal_capture *known = known_find(keeper, facts, true, NULL);
    kept->line.copy = true;
    if (known) {
        enum eg_status status = copy_resume(keeper, kept, known, err);
        if (status != EG_END) return status;
        copy_forget(kept);
    }
    return copy_create(keeper, kept, facts, err);
}

enum eg_status eg_keeper_take(struct eg_keeper *keeper, struct eg_source *source, char *file,
                              size_t room, struct eg_error *err) {
    struct eg_file_facts facts;
    if (!keeper->rule.choose && keeper->rule.keep == EG_KEEP_NONE) return EG_OK;
    EG_TRY(eg_file_facts(source, &facts, err));
    if (facts.messages) return EG_OK; /* it holds no packets */
    enum eg_keep keep = keeper->rule.keep;
    if (keeper->rule.choose)
        keep = facts.regular && facts.packing == EG_PACKING_NONE ? EG_KEEP_LINK : EG_KEEP_COPY;
    if (keep == EG_KEEP_LINK && !facts.regular)
        return eg_fail(err, EG_E_USAGE,
                       "%s cannot be pointed to, since it can be read only once: --keep copy keeps "
                       "it, --keep none does without",
                       facts.name);
    struct eg_kept *kept = eg_calloc(1, sizeof *kept);
    if (!kept) return no_memory(err);
    kept->keeper = keeper;
    kept->fd = -1;
    kept->line.link_type = facts.link_type;
    kept->line.first_us = INT64_MAX;
    kept->line.last_us = INT64_MIN;
    struct eg_file_tee tee = {on_bytes, on_reached, on_closed, kept};
    enum eg_status status = keep == EG_KEEP_LINK ? link_take(keeper, kept, &facts, err)
                                                 : copy_take(keeper, kept, &facts, err);
    if (status == EG_E_NOENT && keep == EG_KEEP_COPY) status = EG_E_IO; /* not the input is gone */
    if (status >= 0 && strlen(kept->line.name) >= sizeof((struct eg_capture *)0)->name)
        status = eg_fail(err, EG_E_USAGE, "%s: its path is too long to be kept", facts.name);
    if (status >= 0) status = eg_file_pass_on(source, &tee, err);
    if (status < 0) {
        kept_free(kept);
        return status;
    }
    kept->next = keeper->list;
    keeper->list = kept;
    snprintf(file, room, "%s", kept->line.name);
    return EG_OK;
}

/* ---- captures that are found again ---- */

/* The same capture, at another place. */
static enum eg_status link_move(struct eg_keeper *keeper, const struct eg_journal_capture *lost,
                                const struct eg_file_facts *facts, const char *place,
                                struct eg_error *err) {
    struct eg_kept *kept = eg_calloc(1, sizeof *kept);
    if (!kept) return no_memory(err);
    kept->keeper = keeper;
    kept->fd = -1;
    kept->line = *lost;
    kept->line.copy = false; /* a damaged copy is given up */
    kept->line.name = eg_strdup(lost->name);
    kept->line.place = eg_strdup(place);
    if (lost->copy) kept->given_up = eg_path_join(keeper->ds->path, lost->place);
    if (!kept->line.name || !kept->line.place || (lost->copy && !kept->given_up)) {
        kept_free(kept);
        return no_memory(err);
    }
    kept->line.stored = facts->size;
    kept->line.changed_ns = facts->changed_ns;
    kept->line.seekable = is_seekable(facts, place);
    kept->line.folds = 0;
    kept->reached = kept->over = true;
    kept->next = keeper->list;
    keeper->list = kept;
    return EG_OK;
}

enum eg_status eg_keeper_known(struct eg_keeper *keeper, struct eg_source *source, char *told,
                               size_t room, struct eg_error *err) {
    struct eg_file_facts facts;
    const struct eg_keep_rule *rule = &keeper->rule;
    EG_TRY(eg_file_facts(source, &facts, err));
    if (eg_capture_expired(keeper->ds, facts.known, facts.known_digest, facts.first_us)) {
        snprintf(told, room,
                 "; its packets expired, on purpose: to have them again, ingest it into another "
                 "dataset");
        return EG_OK;
    }
    if (rule->leaves || (!rule->choose && rule->keep == EG_KEEP_NONE)) return EG_OK;
    char *place = facts.messages || !facts.regular ? NULL : realpath(facts.name, NULL);
    enum eg_status status = EG_OK;
    const struct eg_journal_capture *lost;
    for (size_t from = 0;
         place && status >= 0 && (lost = lost_find(keeper, &facts, false, &from));) {
        if (strlen(place) >= sizeof((struct eg_capture *)0)->place || is_taken(keeper, lost->name))
            continue;
        if (strcmp(lost->name, place) == 0)
            snprintf(told, room, "; its packets are found here again");
        else
            snprintf(told, room,
                     "; the packets of %.1000s, which is not there any more%s, are found here",
                     lost->name, lost->copy ? " or damaged" : "");
        status = link_move(keeper, lost, &facts, place, err);
    }
    free(place);
    return status;
}

/* ---- captures that are made ---- */

enum eg_status eg_keeper_make(struct eg_keeper *keeper, const char *stem, int64_t first_us,
                              int32_t link_type, struct eg_kept **out, struct eg_error *err) {
    struct eg_file_facts facts = {.name = stem, .ending = ".pcap", .first_us = first_us};
    EG_TRY(eg_dataset_ready(keeper->ds, err));
    struct eg_kept *kept = eg_calloc(1, sizeof *kept);
    if (!kept) return no_memory(err);
    kept->keeper = keeper;
    kept->fd = -1;
    kept->line.copy = true;
    kept->line.link_type = link_type;
    enum eg_status status = copy_create(keeper, kept, &facts, err);
    if (status < 0) {
        kept_free(kept);
        return status;
    }
    kept->next = keeper->list;
    keeper->list = *out = kept;
    return EG_OK;
}

const char *eg_kept_name(const struct eg_kept *kept) { return kept->line.name; }

void eg_kept_write(struct eg_kept *kept, const void *bytes, size_t size) {
    on_bytes(kept, kept->written, bytes, size);
}

enum eg_status eg_kept_reach(struct eg_kept *kept, const struct eg_file_reach *reach,
                             struct eg_error *err) {
    return on_reached(kept, reach, err);
}

void eg_kept_close(struct eg_kept *kept) { on_closed(kept); }

/* ---- commits ---- */

/* Now, but in any case later than what is registered under that name: a clock may be set back. */
static int64_t line_time(const struct eg_dataset *ds, const char *name) {
    int64_t now_us = ds->env->now_us(ds->env->clock);
    uint32_t at = eg_index_find(&ds->journal.capture_index, name);
    int64_t last_us = at == EG_INDEX_NONE ? INT64_MIN : ds->journal.captures[at].at_us;
    return now_us > last_us ? now_us : last_us + 1;
}

bool eg_keeper_waits(const struct eg_keeper *keeper) {
    for (const struct eg_kept *kept = keeper->list; kept; kept = kept->next)
        if (kept->reached && kept->line.packets) return true;
    return false;
}

/* One that is not open may have been removed by expiry, since all its rows were; rows that would point
 * into it now must not be committed. */
static enum eg_status copy_check(const struct eg_kept *kept, struct eg_error *err) {
    if (!kept->line.copy || kept->fd >= 0 || access(kept->path, F_OK) == 0) return EG_OK;
    return eg_fail(err, EG_E_IO,
                   "%s was removed while packets were added to it: nothing of this step is kept; "
                   "run the same command again",
                   kept->path);
}

enum eg_status eg_keeper_lines(struct eg_keeper *keeper, struct eg_journal *lines,
                               struct eg_error *err) {
    struct eg_dataset *ds = keeper->ds;
    for (struct eg_kept *kept = keeper->list; kept; kept = kept->next) {
        if (!kept->reached || !kept->line.packets) continue;
        EG_TRY(copy_settle(kept, err));
        EG_TRY(copy_check(kept, err));
        if (kept->trouble.status < 0) {
            if (err) *err = kept->trouble;
            return kept->trouble.status;
        }
        kept->line.at_us = line_time(ds, kept->line.name);
        EG_TRY(eg_journal_add_capture(lines, &kept->line, err));
    }
    return EG_OK;
}

static void account_add(struct eg_keeper *keeper, struct eg_kept *kept) {
    struct eg_keep_account *to = &keeper->account;
    if (!kept->counted) *(kept->line.copy ? &to->copied : &to->linked) += 1;
    kept->counted = true;
    if (!kept->line.copy) return;
    to->bytes += kept->line.bytes - kept->told_bytes;
    to->stored += kept->line.stored - kept->told_stored;
    kept->told_bytes = kept->line.bytes;
    kept->told_stored = kept->line.stored;
}

/* Its commit gave it its name. Without memory to remember that, nothing is looked up by it. */
static void name_note(struct eg_kept *kept) {
    char *path = kept->line.copy && !kept->named
                     ? eg_path_join(kept->keeper->ds->path, kept->line.place)
                     : NULL;
    kept->named = true;
    if (!path) return;
    eg_free(kept->path);
    kept->path = path;
}

void eg_keeper_committed(struct eg_keeper *keeper) {
    for (struct eg_kept **at = &keeper->list, *kept; (kept = *at);) {
        if (kept->reached && kept->line.packets) {
            account_add(keeper, kept);
            name_note(kept);
            if (kept->given_up) unlink(kept->given_up); /* all of it stands elsewhere */
        }
        kept->reached = false;
        if (!kept->over) {
            at = &kept->next;
            continue;
        }
        *at = kept->next;
        kept_free(kept);
    }
}
