/* SPDX-License-Identifier: Apache-2.0
 * Looking captures up, and at them. The catalog answers while it is fresh, else the journal does. */
#include "store/captures.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/hash.h"
#include "base/timetext.h"
#include "source/input.h"
#include "store/catalog.h"
#include "store/dataset_own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (1u << 20)
#define FROM_WHERE_IT_IS "ingest it from where it is now (it is known, and is read from there)"

struct found {
    const struct eg_dataset *ds;
    const char *name; /* NULL: any */
    int64_t from_us, to_us;
    struct eg_capture *list;
    struct stamp { /* of the file, as registered */
        uint64_t stored;
        int64_t changed_ns;
    } * stamps;
    size_t count, room;
};

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory for the list of captures");
}

static void found_reset(struct found *f) {
    eg_free(f->list);
    eg_free(f->stamps);
    f->list = NULL;
    f->stamps = NULL;
    f->count = f->room = 0;
}

static enum eg_status found_room(struct found *f, struct eg_error *err) {
    if (f->count < f->room) return EG_OK;
    size_t room = f->room ? f->room * 2 : f->name ? 1 : 16;
    struct eg_capture *list = eg_realloc(f->list, room, sizeof *list);
    if (list) f->list = list;
    struct stamp *stamps = list ? eg_realloc(f->stamps, room, sizeof *stamps) : NULL;
    if (!stamps) return no_memory(err);
    f->stamps = stamps;
    f->room = room;
    return EG_OK;
}

static enum eg_status on_capture(void *to, const struct eg_journal_capture *c,
                                 struct eg_error *err) {
    struct found *f = to;
    bool timeless = c->first_us > c->last_us;
    if (c->gone || (f->name && strcmp(f->name, c->name) != 0) ||
        (!timeless && (c->first_us > f->to_us || c->last_us < f->from_us)))
        return EG_OK;
    EG_TRY(found_room(f, err));
    struct eg_capture *capture = &f->list[f->count];
    *capture = (struct eg_capture){.keep = c->copy ? EG_KEEP_COPY : EG_KEEP_LINK,
                                   .seekable = c->seekable,
                                   .bytes = c->bytes,
                                   .packets = c->packets,
                                   .first_us = c->first_us,
                                   .last_us = c->last_us,
                                   .link_type = c->link_type};
    snprintf(capture->name, sizeof capture->name, "%s", c->name);
    if (c->copy)
        snprintf(capture->place, sizeof capture->place, "%s/%s", f->ds->path, c->place);
    else
        snprintf(capture->place, sizeof capture->place, "%s", c->place);
    memcpy(capture->digest, c->digest, sizeof capture->digest);
    f->stamps[f->count++] = (struct stamp){c->stored, c->changed_ns};
    return EG_OK;
}

static enum eg_status find(struct found *f, struct eg_error *err) {
    struct eg_catalog_captures visit = {f->name, f->from_us, f->to_us, on_capture, f};
    enum eg_status status = eg_catalog_captures(f->ds->path, &visit, err);
    if (status != EG_END) return status;
    found_reset(f);
    struct eg_journal journal = {0};
    status = eg_journal_refresh(&journal, f->ds->path, f->ds->env, err);
    for (size_t i = 0; status >= 0 && i < journal.capture_count; i++)
        status = on_capture(f, &journal.captures[i], err);
    eg_journal_reset(&journal);
    return status < 0 ? status : EG_OK;
}

static int by_name(const void *a, const void *b) {
    const struct eg_capture *x = a, *y = b;
    return strcmp(x->name, y->name);
}

enum eg_status eg_captures(struct eg_dataset *ds, int64_t from_us, int64_t to_us,
                           struct eg_capture **out, size_t *count, struct eg_error *err) {
    struct found f = {.ds = ds, .from_us = from_us, .to_us = to_us};
    *out = NULL;
    *count = 0;
    enum eg_status status = find(&f, err);
    if (status >= 0) {
        if (f.count) qsort(f.list, f.count, sizeof *f.list, by_name);
        *out = f.list;
        *count = f.count;
        f.list = NULL;
    }
    found_reset(&f);
    return status;
}

/* ---- is it the one that was read? ---- */

static enum eg_status changed(const struct eg_capture *c, const char *how, struct eg_error *err) {
    if (c->keep == EG_KEEP_COPY)
        return eg_fail(err, EG_E_FORMAT,
                       "%s, a copy of the dataset's own, is damaged (%s): ingest the capture again "
                       "from the original, whose packets are then read from there, or restore the "
                       "copy from a backup",
                       c->place, how);
    return eg_fail(
        err, EG_E_FORMAT,
        "%s was changed since its packets were ingested (%s): put the old file back, or, "
        "if it was moved, " FROM_WHERE_IT_IS "; a new one there goes into another dataset",
        c->place, how);
}

/* The digest of what was ingested: of the first c->bytes uncompressed bytes. */
static enum eg_status digest_check(const struct eg_dataset *ds, const struct eg_capture *c,
                                   struct eg_error *err) {
    struct eg_input input;
    EG_TRY(eg_input_open(&input, ds->env, c->place, err));
    uint8_t *chunk = eg_malloc(CHUNK);
    struct eg_hasher *hasher = eg_hasher_new();
    enum eg_status status = chunk && hasher ? EG_OK : no_memory(err);
    uint64_t done = 0;
    while (status == EG_OK && done < c->bytes) {
        size_t want = c->bytes - done < CHUNK ? (size_t)(c->bytes - done) : CHUNK, got = 0;
        status = eg_env_cancelled(ds->env) ? eg_fail(err, EG_E_CANCELLED, "interrupted")
                                           : eg_input_read(&input, chunk, want, &got, err);
        if (status == EG_E_CUT || status == EG_E_FORMAT || (status == EG_OK && !got))
            status = changed(c, "it ends before all of them", err);
        if (status == EG_OK) eg_hasher_add(hasher, chunk, got);
        done += got;
    }
    char digest[33];
    if (status == EG_OK) eg_digest_text(eg_hasher_digest(hasher), digest);
    if (status == EG_OK && strcmp(digest, c->digest) != 0)
        status = changed(c, "its checksum is another", err);
    eg_hasher_free(hasher);
    eg_free(chunk);
    eg_input_reset(&input);
    return status;
}

static enum eg_status look(const struct eg_dataset *ds, const struct eg_capture *c,
                           const struct stamp *stamp, bool whole, struct eg_error *err) {
    struct stat is;
    if (stat(c->place, &is) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return eg_fail(err, EG_E_NOENT,
                       "%s is gone, and its packets with it: %s, or ask only for what the index "
                       "holds",
                       c->place,
                       c->keep == EG_KEEP_COPY
                           ? "ingest the capture again from the original, or restore the dataset's "
                             "captures/ from a backup"
                           : "put it back where it was, or " FROM_WHERE_IT_IS);
    if (stat(c->place, &is) != 0) return eg_fail_errno(err, errno, "cannot read %s", c->place);
    if (!S_ISREG(is.st_mode)) /* a pipe there would be waited for */
        return eg_fail(
            err, EG_E_FORMAT,
            "%s is no longer the file that was ingested: put the old file back, or, if it "
            "was moved, " FROM_WHERE_IT_IS,
            c->place);
    int64_t changed_ns = eg_timespec_ns(is.st_mtim);
    uint64_t size = (uint64_t)is.st_size;
    bool same = size == stamp->stored && changed_ns == stamp->changed_ns;
    /* our own file, to which a running ingest appends */
    bool growing = c->keep == EG_KEEP_COPY && size > stamp->stored;
    return (same || growing) && !whole ? EG_OK : digest_check(ds, c, err);
}

enum eg_status eg_capture_find(struct eg_dataset *ds, const char *name, bool whole,
                               struct eg_capture *out, struct eg_error *err) {
    struct found f = {.ds = ds, .name = name, .from_us = INT64_MIN, .to_us = INT64_MAX};
    enum eg_status status = find(&f, err);
    if (status >= 0 && !f.count)
        status = eg_fail(err, EG_E_NOENT,
                         "%.1000s is not in the packet store of %s: its packets were ingested with "
                         "--keep none, or by a version that had none; ingest it into another "
                         "dataset to retrieve them",
                         name, ds->path);
    if (status >= 0) {
        *out = f.list[0];
        status = look(ds, out, &f.stamps[0], whole, err);
    }
    found_reset(&f);
    return status < 0 ? status : EG_OK;
}

/* Whether rows of such a table are there of the hour, or (`or_before`) of any before it. */
static bool has_rows(const struct eg_journal *journal, enum eg_table_id table, int64_t hour_us,
                     bool or_before) {
    for (size_t i = 0; i < journal->file_count; i++) {
        const struct eg_journal_file *f = &journal->files[i];
        if (f->table == table && f->start_us < hour_us + EG_HOUR_US &&
            (or_before || f->end_us >= hour_us) && strncmp(f->path, "quarantine/", 11) != 0)
            return true;
    }
    return false;
}

bool eg_capture_expired(const struct eg_dataset *ds, uint64_t bytes, const char *digest,
                        int64_t first_us) {
    const struct eg_journal *journal = &ds->journal;
    bool known = false;
    if (!bytes || !eg_time_possible(first_us)) return false;
    int64_t hour_us = first_us - first_us % EG_HOUR_US;
    for (size_t i = 0; i < journal->capture_count; i++) {
        const struct eg_journal_capture *c = &journal->captures[i];
        if (c->bytes != bytes || strcmp(c->digest, digest) != 0) continue;
        if (!c->gone) return false;
        known = true;
    }
    if (known || has_rows(journal, EG_TABLE_PACKETS, hour_us, true)) return known;
    /* lines of what is gone are forgotten in time; that there was an expiry is not */
    char *expired = eg_path_join(ds->path, EG_LAYOUT_POSITIONS);
    known = expired && access(expired, F_OK) == 0;
    eg_free(expired);
    return known && !has_rows(journal, EG_TABLE_FLOWS, hour_us, false);
}

bool eg_capture_lost(struct eg_dataset *ds, const struct eg_journal_capture *c) {
    struct found f = {.ds = ds, .name = c->name, .from_us = INT64_MIN, .to_us = INT64_MAX};
    enum eg_status status = on_capture(&f, c, NULL);
    if (status >= 0 && f.count) status = look(ds, f.list, f.stamps, false, NULL);
    found_reset(&f);
    return status == EG_E_NOENT || status == EG_E_FORMAT;
}
