/* SPDX-License-Identifier: Apache-2.0
 * Packets by an index: its rows come in the order of time, each says where its packet stands, and just
 * those bytes are read. What is found must be the packet that was indexed. */
#include "query/retrieval.h"

#include "base/alloc.h"
#include "base/utf8.h"
#include "query/packet_lookup.h"
#include "source/pick.h"
#include "store/captures.h"

#include <stdio.h>
#include <string.h>

#define OPEN_MAX_FILES 64 /* at once; the one that was not used for the longest is closed */

struct opened {
    char *name;
    struct eg_pick *pick;
    uint64_t used; /* when, counted in packets */
    uint64_t told; /* of its bytes: are in the account */
};

struct lookup {
    const struct eg_env *env;
    const struct eg_retrieval *how;
    struct eg_retrieved *account;
    struct eg_frame_rows *rows; /* NULL: what the index says is all that is asked */
    struct opened files[OPEN_MAX_FILES];
    uint32_t file_count, last;
    const uint32_t *cols; /* of the batches, by what they are: AT_… */
    bool input_gone;      /* what came through standard input was not kept */
};

enum { AT_TIME, AT_TIME_NS, AT_FILE, AT_OFFSET, AT_CAPTURED, AT_INTERFACE };

static const uint32_t cols_of_result[] = {0, 1, 2, 3, 4, 5};
static const uint32_t cols_of_packets[] = {
    EG_COL(PACKETS, time),   EG_COL(PACKETS, time_ns),  EG_COL(PACKETS, file),
    EG_COL(PACKETS, offset), EG_COL(PACKETS, captured), EG_COL(PACKETS, interface),
};

/* ---- the account ---- */

struct eg_retrieved_capture *eg_retrieved_of(struct eg_retrieved *r, const char *name) {
    for (size_t i = r->capture_count; i-- > 0;)
        if (strcmp(r->captures[i].name, name) == 0) return &r->captures[i];
    if (r->capture_count == r->capture_room) {
        size_t room = r->capture_room ? r->capture_room * 2 : 8;
        struct eg_retrieved_capture *more = eg_realloc(r->captures, room, sizeof *more);
        if (!more) return NULL;
        r->captures = more;
        r->capture_room = room;
    }
    struct eg_retrieved_capture *entry = &r->captures[r->capture_count];
    *entry = (struct eg_retrieved_capture){.name = eg_strdup(name)};
    if (!entry->name) return NULL;
    r->capture_count++;
    return entry;
}

void eg_retrieved_reset(struct eg_retrieved *r) {
    for (size_t i = 0; i < r->capture_count; i++) eg_free(r->captures[i].name);
    eg_free(r->captures);
    *r = (struct eg_retrieved){0};
}

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory to retrieve packets");
}

/* Brings what was read of a file into the account; false: no memory. */
static bool file_tell(struct lookup *l, struct opened *file, uint64_t found) {
    struct eg_retrieved_capture *entry = eg_retrieved_of(l->account, file->name);
    uint64_t bytes = eg_pick_bytes(file->pick);
    if (!entry) return false;
    entry->bytes += bytes - file->told;
    l->account->bytes += bytes - file->told;
    file->told = bytes;
    entry->frames++;
    entry->found += found;
    return true;
}

/* ---- files ---- */

static void file_close(struct opened *file) {
    eg_pick_close(file->pick);
    eg_free(file->name);
    *file = (struct opened){0};
}

/* The capture, as it was named, that rows call so: a name that is no text was escaped for them. */
static const char *capture_named(const struct eg_origin *origin, const char *name) {
    for (size_t i = 0; i < origin->capture_count; i++)
        if (strcmp(origin->captures[i], name) == 0) return origin->captures[i];
    const char *found = name;
    for (size_t i = 0; i < origin->capture_count && found == name; i++) {
        char *escaped = eg_utf8_escaped(origin->captures[i]);
        if (escaped && strcmp(escaped, name) == 0) found = origin->captures[i];
        eg_free(escaped);
    }
    return found;
}

/* Where the capture is that rows call by this name, and whether it is still that one. */
static enum eg_status file_find(struct lookup *l, const char *name, char *place, size_t size,
                                struct eg_error *err) {
    const struct eg_origin *origin = &l->how->packets->origin;
    struct eg_capture capture;
    if (origin->dataset) EG_TRY(eg_capture_find(origin->dataset, name, false, &capture, err));
    snprintf(place, size, "%s", origin->dataset ? capture.place : capture_named(origin, name));
    return EG_OK;
}

static enum eg_status file_open(struct lookup *l, struct opened *file, const char *name,
                                struct eg_error *err) {
    char place[4096];
    EG_TRY(file_find(l, name, place, sizeof place, err));
    *file = (struct opened){.name = eg_strdup(name)};
    if (!file->name) return no_memory(err);
    enum eg_status status = eg_pick_open(&file->pick, place, l->env, err);
    if (status >= 0) return status;
    eg_free(file->name);
    *file = (struct opened){0};
    return status;
}

static enum eg_status file_of(struct lookup *l, struct eg_span name, struct opened **out,
                              struct eg_error *err) {
    uint32_t at = l->last, oldest = 0;
    for (uint32_t i = 0; i < l->file_count; i++, at = (at + 1) % l->file_count) {
        struct opened *file = &l->files[at];
        if (strlen(file->name) == name.size && memcmp(file->name, name.at, name.size) == 0) {
            l->last = at;
            file->used = l->account->rows;
            *out = file;
            return EG_OK;
        }
        if (file->used < l->files[oldest].used) oldest = at;
    }
    at = oldest;
    if (l->file_count < OPEN_MAX_FILES) {
        at = l->file_count;
    } else {
        file_close(&l->files[at]);
        l->files[at] = l->files[--l->file_count];
        at = l->file_count;
        l->last = 0;
    }
    char *text = eg_strndup((const char *)name.at, name.size);
    if (!text) return no_memory(err);
    enum eg_status status = file_open(l, &l->files[at], text, err);
    eg_free(text);
    if (status < 0) return status;
    l->file_count++;
    l->last = at;
    l->files[at].used = l->account->rows;
    *out = &l->files[at];
    return EG_OK;
}

/* ---- packets ---- */

static bool has(const struct lookup *l, const struct eg_batch *batch, uint32_t at, uint32_t row) {
    return eg_batch_valid(batch, l->cols[at], row);
}

static int64_t number(const struct lookup *l, const struct eg_batch *batch, uint32_t at,
                      uint32_t row, int64_t otherwise) {
    return has(l, batch, at, row) ? eg_col_int(&batch->columns[l->cols[at]], row) : otherwise;
}

static bool is_indexed(const struct lookup *l, const struct eg_batch *batch, uint32_t row,
                       const struct eg_frame *frame) {
    if (number(l, batch, AT_CAPTURED, row, -1) != (int64_t)frame->payload.size) return false;
    if (!has(l, batch, AT_TIME, row)) return frame->time_ns == EG_FRAME_NO_TIME;
    return frame->time_ns ==
           number(l, batch, AT_TIME, row, 0) * 1000 + number(l, batch, AT_TIME_NS, row, 0);
}

/* The capture of a row; EG_END: nothing holds its packet. */
static enum eg_status file_of_row(struct lookup *l, const struct eg_batch *batch, uint32_t row,
                                  struct opened **out, struct eg_error *err) {
    if (!has(l, batch, AT_FILE, row)) return EG_END; /* captured live */
    struct eg_span name = eg_col_text(&batch->columns[l->cols[AT_FILE]], row);
    bool input = l->how->packets->origin.dataset && name.size == 1 && *name.at == '-';
    if (input && l->input_gone) return EG_END;
    enum eg_status status = file_of(l, name, out, err);
    l->input_gone = input && status == EG_E_NOENT;
    return l->input_gone ? EG_END : status;
}

static enum eg_status row_follow(struct lookup *l, const struct eg_batch *batch, uint32_t row,
                                 struct eg_error *err) {
    struct opened *file = NULL;
    struct eg_found found = {.offset = (uint64_t)number(l, batch, AT_OFFSET, row, 0)};
    l->account->rows++;
    enum eg_status status = file_of_row(l, batch, row, &file, err);
    l->account->not_kept += status == EG_END;
    if (status != EG_OK) return status < 0 ? status : EG_OK;
    EG_TRY(eg_pick_frame(file->pick, found.offset, &found.frame, err));
    l->account->frames++;
    if (!is_indexed(l, batch, row, &found.frame))
        return eg_fail(
            err, EG_E_FORMAT,
            "%s: the packet at byte %llu is not the one that was indexed: the capture was changed; "
            "put the old file back, or ingest it again from where it is now",
            file->name, (unsigned long long)found.offset);
    bool holds = true;
    if (l->rows) EG_TRY(eg_frame_rows_holds(l->rows, &found.frame, &holds, err));
    if (!file_tell(l, file, holds)) return no_memory(err);
    if (!holds) return EG_OK;
    found.file = file->name;
    if (has(l, batch, AT_INTERFACE, row))
        found.interface = eg_col_text(&batch->columns[l->cols[AT_INTERFACE]], row);
    l->account->found++;
    status = l->how->put(l->how->put_to, &found, err);
    if (status == EG_OK && l->how->count_max && l->account->found >= l->how->count_max)
        return EG_END;
    return status;
}

static void progress_tell(struct lookup *l) {
    struct eg_scan_progress seen = {.bytes_done = l->account->bytes, .frames = l->account->frames};
    seen.rows[EG_TABLE_PACKETS] = l->account->found;
    if (l->how->progress) l->how->progress(l->how->progress_to, &seen);
}

static enum eg_status rows_follow(struct lookup *l, struct eg_result *result,
                                  struct eg_error *err) {
    for (;;) {
        struct eg_batch *batch;
        enum eg_status status = eg_result_next(result, &batch, err);
        if (status != EG_OK) return status;
        for (uint32_t row = 0; row < batch->rows && status == EG_OK; row++)
            status = row_follow(l, batch, row, err);
        eg_batch_unref(batch);
        if (status != EG_OK) return status;
        progress_tell(l);
    }
}

/* What must be looked at in the frames themselves. */
static enum eg_status lookup_begin(struct lookup *l, struct eg_error *err) {
    const struct eg_packets_request *packets = l->how->packets;
    struct eg_frame_question question = {
        .filter = packets->outermost ? packets->origin.filter : NULL,
        .from_us = INT64_MIN,
        .to_us = INT64_MAX,
        .both = packets->both,
        .outermost = packets->outermost,
        .tests = l->how->tests,
        .test_count = l->how->test_count,
    };
    if (!packets->outermost && !l->how->test_count) return EG_OK;
    return eg_frame_rows_new(&l->rows, l->env, &question, err);
}

static void lookup_end(struct lookup *l) {
    for (uint32_t i = 0; i < l->file_count; i++) file_close(&l->files[i]);
    eg_frame_rows_free(l->rows);
}

/* Captures that the engine read for it may be damaged; a dataset's are not read through. */
static void trouble_note(struct eg_retrieved *account, struct eg_engine *engine) {
    size_t count;
    const struct eg_trouble *troubles = eg_engine_troubles(engine, &count);
    for (size_t i = 0; i < count && !account->trouble[0]; i++)
        if (troubles[i].status < 0 && troubles[i].message)
            snprintf(account->trouble, sizeof account->trouble, "%s", troubles[i].message);
}

enum eg_status eg_retrieve(struct eg_engine *engine, const struct eg_env *env,
                           const struct eg_retrieval *how, struct eg_retrieved *account,
                           struct eg_error *err) {
    struct lookup l = {.env = env, .how = how, .account = account, .cols = cols_of_result};
    struct eg_strbuf sql = {0};
    struct eg_result *result = NULL;
    enum eg_status status = eg_sql_packet_places(how->packets, &sql, err);
    if (status >= 0) status = lookup_begin(&l, err);
    if (status >= 0) status = eg_engine_query(engine, sql.text, &result, err);
    if (status >= 0) status = rows_follow(&l, result, err);
    eg_result_free(result);
    if (status >= 0) trouble_note(account, engine);
    lookup_end(&l);
    eg_strbuf_reset(&sql);
    return status < 0 ? status : EG_OK;
}

#define TELL_EVERY 2048 /* packets */

static enum eg_status places_follow(struct lookup *l, const struct eg_packet_places *places,
                                    struct eg_error *err) {
    for (size_t i = 0; i < places->count; i++) {
        const struct eg_packet_place *place = &places->order[i];
        if (i % TELL_EVERY == 0 && eg_env_cancelled(l->env))
            return eg_fail(err, EG_E_CANCELLED, "interrupted");
        enum eg_status status = row_follow(l, places->batches[place->batch], place->row, err);
        if (status != EG_OK) return status;
        if (i % TELL_EVERY == TELL_EVERY - 1) progress_tell(l);
    }
    progress_tell(l);
    return EG_OK;
}

enum eg_status eg_retrieve_few(const struct eg_env *env, const struct eg_retrieval *how,
                               struct eg_retrieved *account, struct eg_error *err) {
    struct lookup l = {.env = env, .how = how, .account = account, .cols = cols_of_packets};
    struct eg_packet_places places;
    enum eg_status status = eg_packet_lookup(env, how->packets, how->threads, &places, err);
    if (status != EG_OK) return status;
    status = lookup_begin(&l, err);
    if (status >= 0) status = places_follow(&l, &places, err);
    eg_packet_places_reset(&places);
    lookup_end(&l);
    return status < 0 ? status : EG_OK;
}
