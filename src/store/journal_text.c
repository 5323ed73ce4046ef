/* SPDX-License-Identifier: Apache-2.0
 * The journal as text and back: JSON, one object a line, closed by the digest of what stands before.
 *
 *   {"commit":"SESSION-000001","format":1,"program":"0.1.0","time_us":…}
 *   {"file":"flows/date=…/part-….parquet","table":"flows","rows":…,"bytes":…,"start_us":…,"end_us":…}
 *   {"gone":"flows/date=…/part-….parquet","folds":0}
 *   {"capture":"captures/2026-01-02/x-1a2b3c4d.pcap","keep":"copy","bytes":…,"digest":"…",…}
 *   {"key":"…","digest":"…","offset":…,"table":"flows","name":"…","session":"…","commit":1}
 *   (with "cut" and "cut_us", and "state", behind the offset where there are any)
 *   {"xxh3":"…"}
 */
#include "store/journal.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "table/encode.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define JOURNAL_FORMAT 1
#define FOLDS_MAX 2    /* snapshots that remember a file that is gone */
#define DIGEST_LINE 44 /* {"xxh3":"…32…"} and a newline: 9 + 32 + 3 */

static void add_text(struct eg_strbuf *to, const char *key, const char *text) {
    eg_strbuf_printf(to, "\"%s\":", key);
    eg_encode_json_text(text, strlen(text), to);
}

static void add_position(struct eg_strbuf *to, const struct eg_position *p) {
    eg_strbuf_char(to, '{');
    add_text(to, "key", p->key);
    eg_strbuf_char(to, ',');
    add_text(to, "digest", p->digest);
    eg_strbuf_printf(to, ",\"offset\":%" PRIu64 ",", p->offset);
    if (p->cut)
        eg_strbuf_printf(to, "\"cut\":%" PRIu64 ",\"cut_us\":%" PRId64 ",", p->cut_bytes,
                         p->cut_us);
    if (p->state[0]) {
        add_text(to, "state", p->state);
        eg_strbuf_char(to, ',');
    }
    add_text(to, "table", p->table);
    eg_strbuf_char(to, ',');
    add_text(to, "name", p->name);
}

/* A path may be bytes that are no text. */
static void add_place(struct eg_strbuf *to, const char *place) {
    struct eg_span bytes = eg_span(place, strlen(place));
    struct eg_strbuf escaped = {0};
    bool text = eg_utf8_good(bytes) == bytes.size;
    if (!text) eg_utf8_escape(bytes, &escaped);
    eg_strbuf_char(to, ',');
    if (text)
        add_text(to, "place", place);
    else if (escaped.failed)
        to->failed = true;
    else
        add_text(to, "place_escaped", escaped.text);
    eg_strbuf_reset(&escaped);
}

/* Without its end: whoever writes it may have more to say. */
static void add_capture(struct eg_strbuf *to, const struct eg_journal_capture *c) {
    eg_strbuf_char(to, '{');
    add_text(to, "capture", c->name);
    eg_strbuf_printf(to, ",\"keep\":\"%s\",\"at_us\":%" PRId64, c->copy ? "copy" : "link",
                     c->at_us);
    if (c->gone) {
        eg_strbuf_text(to, ",\"gone\":true");
        if (!c->digest[0]) return;
        eg_strbuf_printf(to, ",\"bytes\":%" PRIu64 ",", c->bytes);
        add_text(to, "digest", c->digest);
        return;
    }
    if (strcmp(c->name, c->place) != 0) add_place(to, c->place);
    if (c->seekable) eg_strbuf_text(to, ",\"seekable\":true");
    eg_strbuf_printf(to,
                     ",\"bytes\":%" PRIu64 ",\"stored\":%" PRIu64 ",\"changed_ns\":%" PRId64
                     ",\"packets\":%" PRIu64 ",\"link_type\":%d",
                     c->bytes, c->stored, c->changed_ns, c->packets, (int)c->link_type);
    if (c->first_us <= c->last_us)
        eg_strbuf_printf(to, ",\"first_us\":%" PRId64 ",\"last_us\":%" PRId64, c->first_us,
                         c->last_us);
    eg_strbuf_char(to, ',');
    add_text(to, "digest", c->digest);
}

static void add_captures(struct eg_strbuf *to, const struct eg_journal *journal, bool fold) {
    for (size_t i = 0; i < journal->capture_count; i++) {
        const struct eg_journal_capture *c = &journal->captures[i];
        if (fold && c->gone && c->folds >= FOLDS_MAX) continue;
        add_capture(to, c);
        if (c->gone) eg_strbuf_printf(to, ",\"folds\":%u", c->folds + fold);
        eg_strbuf_text(to, "}\n");
    }
}

static void add_digest(struct eg_strbuf *to) {
    char digest[33];
    if (to->failed) return;
    eg_digest_text(eg_hash128(to->text, to->size), digest);
    eg_strbuf_printf(to, "{\"xxh3\":\"%s\"}\n", digest);
}

enum eg_status eg_journal_text(const struct eg_journal *journal, const char *commit, int64_t now_us,
                               struct eg_strbuf *to, struct eg_error *err) {
    eg_strbuf_printf(
        to, "{\"commit\":\"%s\",\"format\":%d,\"program\":\"%s\",\"time_us\":%" PRId64 "}\n",
        commit, JOURNAL_FORMAT, eg_version(), now_us);
    for (size_t i = 0; i < journal->file_count; i++) {
        const struct eg_journal_file *file = &journal->files[i];
        eg_strbuf_char(to, '{');
        add_text(to, "file", file->path);
        eg_strbuf_printf(to,
                         ",\"table\":\"%s\",\"rows\":%" PRIu64 ",\"bytes\":%" PRIu64
                         ",\"start_us\":%" PRId64 ",\"end_us\":%" PRId64 "}\n",
                         eg_table_name(file->table), file->rows, file->bytes, file->start_us,
                         file->end_us);
    }
    bool fold = strcmp(commit, "snapshot") == 0;
    for (size_t i = 0; i < journal->gone_count; i++) {
        uint32_t folds = journal->gone[i].folds;
        if (fold && folds >= FOLDS_MAX) continue;
        eg_strbuf_char(to, '{');
        add_text(to, "gone", journal->gone[i].path);
        eg_strbuf_printf(to, ",\"folds\":%u}\n", folds + fold);
    }
    add_captures(to, journal, fold);
    for (size_t i = 0; i < journal->mark_count; i++) {
        const struct eg_journal_mark *mark = &journal->marks[i];
        add_position(to, mark->position);
        eg_strbuf_printf(to, ",\"session\":\"%s\",\"commit\":%u}\n", mark->session, mark->commit);
    }
    add_digest(to);
    return to->failed ? eg_fail(err, EG_E_NOMEM, "no memory for the journal of the dataset")
                      : EG_OK;
}

/* ,"captures":[…]; nothing where there are none. */
static void note_captures(struct eg_strbuf *to, const struct eg_journal *of) {
    bool any = false;
    for (size_t i = 0; of && i < of->capture_count; i++) {
        if (of->captures[i].gone) continue;
        eg_strbuf_text(to, any ? "," : ",\"captures\":[");
        add_capture(to, &of->captures[i]);
        eg_strbuf_char(to, '}');
        any = true;
    }
    if (any) eg_strbuf_char(to, ']');
}

enum eg_status eg_journal_note(const char *commit, const struct eg_position *positions,
                               size_t count, const struct eg_journal *of, struct eg_strbuf *to,
                               struct eg_error *err) {
    eg_strbuf_printf(to, "{\"commit\":\"%s\",\"program\":\"%s\",\"positions\":[", commit,
                     eg_version());
    for (size_t i = 0; i < count; i++) {
        if (i) eg_strbuf_char(to, ',');
        add_position(to, &positions[i]);
        eg_strbuf_char(to, '}');
    }
    eg_strbuf_char(to, ']');
    note_captures(to, of);
    eg_strbuf_char(to, '}');
    return to->failed ? eg_fail(err, EG_E_NOMEM, "no memory for a note") : EG_OK;
}

/* Marks of one commit need not stand together: each is a commit of its own here. */
enum eg_status eg_journal_note_merged(const char *commit, const struct eg_journal *of,
                                      struct eg_strbuf *to, struct eg_error *err) {
    eg_strbuf_printf(to, "{\"commit\":\"%s\",\"program\":\"%s\",\"positions\":[],\"merged\":[",
                     commit, eg_version());
    for (size_t i = 0; i < of->mark_count; i++) {
        char id[EG_COMMIT_TEXT];
        eg_layout_commit(of->marks[i].session, of->marks[i].commit, id);
        eg_strbuf_printf(to, "%s{\"commit\":\"%s\",\"positions\":[", i ? "," : "", id);
        add_position(to, of->marks[i].position);
        eg_strbuf_text(to, "}]}");
    }
    eg_strbuf_char(to, ']');
    note_captures(to, of);
    eg_strbuf_char(to, '}');
    return to->failed ? eg_fail(err, EG_E_NOMEM, "no memory for a note") : EG_OK;
}

/* ---- back ---- */

static bool copy_text(json_t *object, const char *key, char *to, size_t room) {
    const char *text = json_string_value(json_object_get(object, key));
    if (!text || strlen(text) >= room) return false;
    memcpy(to, text, strlen(text) + 1);
    return true;
}

/* A name is for people: what does not fit is left off. */
static bool copy_name(json_t *object, char *to, size_t room) {
    const char *text = json_string_value(json_object_get(object, "name"));
    if (text) snprintf(to, room, "%s", text);
    return text != NULL;
}

static bool get_i64(json_t *object, const char *key, int64_t *out) {
    json_t *value = json_object_get(object, key);
    if (!json_is_integer(value)) return false;
    *out = json_integer_value(value);
    return true;
}

static enum eg_status bad(struct eg_error *err, const char *what) {
    return eg_fail(err, EG_E_FORMAT, "damaged: %s", what);
}

static enum eg_status parse_file(struct eg_journal *journal, json_t *line, struct eg_error *err) {
    struct eg_journal_file file = {0};
    int64_t rows, bytes;
    const char *table = json_string_value(json_object_get(line, "table"));
    file.path = (char *)(uintptr_t)json_string_value(json_object_get(line, "file"));
    file.table = table ? eg_table_by_name(table) : EG_TABLE_COUNT;
    /* A path is followed by renames: it must not lead out of the dataset. */
    if (!file.path || file.path[0] == '/' || strstr(file.path, "..") ||
        file.table >= EG_TABLE_RAW || !get_i64(line, "rows", &rows) ||
        !get_i64(line, "bytes", &bytes) || !get_i64(line, "start_us", &file.start_us) ||
        !get_i64(line, "end_us", &file.end_us))
        return bad(err, "a file's line");
    file.rows = (uint64_t)rows;
    file.bytes = (uint64_t)bytes;
    return eg_journal_add_file(journal, &file, err);
}

bool eg_journal_position(json_t *object, struct eg_position *out) {
    int64_t offset, cut, cut_us;
    if (!copy_text(object, "key", out->key, sizeof out->key) ||
        !copy_text(object, "digest", out->digest, sizeof out->digest) ||
        !copy_text(object, "table", out->table, sizeof out->table) ||
        !copy_name(object, out->name, sizeof out->name) || !get_i64(object, "offset", &offset))
        return false;
    out->offset = (uint64_t)offset;
    if (json_object_get(object, "state") &&
        !copy_text(object, "state", out->state, sizeof out->state))
        return false;
    if (get_i64(object, "cut", &cut) && get_i64(object, "cut_us", &cut_us)) {
        out->cut = true;
        out->cut_bytes = (uint64_t)cut;
        out->cut_us = cut_us;
    }
    return true;
}

static enum eg_status parse_mark(struct eg_journal *journal, json_t *line, struct eg_error *err) {
    struct eg_position position = {0};
    char session[EG_SESSION_TEXT];
    int64_t commit;
    if (!eg_journal_position(line, &position) ||
        !copy_text(line, "session", session, sizeof session) || !get_i64(line, "commit", &commit))
        return bad(err, "a position's line");
    return eg_journal_add_mark(journal, &position, session, (uint32_t)commit, err);
}

static bool capture_facts(json_t *line, struct eg_journal_capture *c) {
    int64_t bytes, stored, packets, link_type;
    if (!get_i64(line, "bytes", &bytes) || !get_i64(line, "stored", &stored) ||
        !get_i64(line, "packets", &packets) || !get_i64(line, "link_type", &link_type) ||
        !get_i64(line, "changed_ns", &c->changed_ns) ||
        !copy_text(line, "digest", c->digest, sizeof c->digest))
        return false;
    c->bytes = (uint64_t)bytes;
    c->stored = (uint64_t)stored;
    c->packets = (uint64_t)packets;
    c->link_type = (int32_t)link_type;
    c->seekable = json_is_true(json_object_get(line, "seekable"));
    if (!get_i64(line, "first_us", &c->first_us) || !get_i64(line, "last_us", &c->last_us)) {
        c->first_us = INT64_MAX;
        c->last_us = INT64_MIN;
    }
    return true;
}

/* A copy's place is renamed, appended to and removed: it must stand below captures/. */
static bool capture_place_fits(const struct eg_journal_capture *c) {
    if (!c->copy) return c->place[0] == '/';
    return strncmp(c->place, EG_LAYOUT_CAPTURES "/", sizeof EG_LAYOUT_CAPTURES) == 0 &&
           !strstr(c->place, "..");
}

static enum eg_status capture_add(struct eg_journal *journal, json_t *line, const char *place,
                                  struct eg_error *err) {
    struct eg_journal_capture c = {0};
    int64_t folds;
    const char *keep = json_string_value(json_object_get(line, "keep"));
    c.name = (char *)(uintptr_t)json_string_value(json_object_get(line, "capture"));
    c.place = place ? (char *)(uintptr_t)place : c.name;
    c.gone = json_is_true(json_object_get(line, "gone"));
    if (!c.name || !keep || !get_i64(line, "at_us", &c.at_us)) return bad(err, "a capture's line");
    c.copy = strcmp(keep, "copy") == 0;
    if (get_i64(line, "folds", &folds)) c.folds = (uint32_t)folds;
    if (!capture_place_fits(&c) || (!c.gone && !capture_facts(line, &c)))
        return bad(err, "a capture's line");
    int64_t bytes; /* that one is known to be gone by */
    if (c.gone && get_i64(line, "bytes", &bytes) &&
        copy_text(line, "digest", c.digest, sizeof c.digest))
        c.bytes = (uint64_t)bytes;
    return eg_journal_add_capture(journal, &c, err);
}

static enum eg_status parse_capture(struct eg_journal *journal, json_t *line,
                                    struct eg_error *err) {
    const char *place = json_string_value(json_object_get(line, "place"));
    const char *escaped = json_string_value(json_object_get(line, "place_escaped"));
    struct eg_strbuf bytes = {0};
    if (!escaped) return capture_add(journal, line, place, err);
    enum eg_status status = EG_OK;
    if (!eg_utf8_unescape(eg_span(escaped, strlen(escaped)), &bytes))
        status = bad(err, "a capture's line");
    else if (bytes.failed)
        status = eg_fail(err, EG_E_NOMEM, "no memory for the journal of the dataset");
    else
        status = capture_add(journal, line, bytes.text, err);
    eg_strbuf_reset(&bytes);
    return status;
}

/* As with a file, the path must not lead out of the dataset. */
static enum eg_status parse_gone(struct eg_journal *journal, json_t *line, struct eg_error *err) {
    const char *path = json_string_value(json_object_get(line, "gone"));
    int64_t folds;
    if (!path || path[0] == '/' || strstr(path, "..") || !get_i64(line, "folds", &folds))
        return bad(err, "the line of a file that is gone");
    return eg_journal_add_gone(journal, path, (uint32_t)folds, err);
}

static enum eg_status read_commit(struct eg_journal *to, json_t *json, struct eg_error *err) {
    const char *id = json_string_value(json_object_get(json, "commit"));
    char commit[EG_COMMIT_TEXT], session[EG_SESSION_TEXT], name[EG_COMMIT_TEXT + 2];
    snprintf(name, sizeof name, "%.31s.", id ? id : "");
    if (!eg_layout_commit_of(name, commit, session)) return EG_OK;
    uint32_t number = 0;
    sscanf(commit + EG_SESSION_TEXT, "%u", &number);
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(json, "captures"), i, entry) {
        struct eg_error ignored; /* what is not ours says nothing */
        if (parse_capture(to, entry, &ignored) == EG_E_NOMEM)
            return eg_fail(err, EG_E_NOMEM, "no memory for the journal of the dataset");
    }
    json_array_foreach(json_object_get(json, "positions"), i, entry) {
        struct eg_position position = {0};
        if (eg_journal_position(entry, &position))
            EG_TRY(eg_journal_add_mark(to, &position, session, number, err));
    }
    return EG_OK;
}

enum eg_status eg_journal_read_note(struct eg_journal *to, struct eg_span note,
                                    struct eg_error *err) {
    json_t *json = json_loadb((const char *)note.at, note.size, 0, NULL), *entry;
    enum eg_status status = read_commit(to, json, err);
    size_t i;
    json_array_foreach(json_object_get(json, "merged"), i, entry) {
        if (status >= 0) status = read_commit(to, entry, err);
    }
    json_decref(json);
    return status;
}

static enum eg_status parse_line(struct eg_journal *journal, const char *text, size_t size,
                                 bool head, struct eg_error *err) {
    json_t *line = json_loadb(text, size, 0, NULL);
    if (!line) return bad(err, "a line is not JSON");
    enum eg_status status = EG_OK;
    int64_t format;
    if (head && !get_i64(line, "format", &format))
        status = bad(err, "no head");
    else if (head && format > JOURNAL_FORMAT)
        status = eg_fail(err, EG_E_TOO_NEW,
                         "written in format %d by a newer earlgrey; this one knows up to %d",
                         (int)format, JOURNAL_FORMAT);
    else if (!head && json_object_get(line, "file"))
        status = parse_file(journal, line, err);
    else if (!head && json_object_get(line, "capture"))
        status = parse_capture(journal, line, err);
    else if (!head && json_object_get(line, "gone"))
        status = parse_gone(journal, line, err);
    else if (!head && json_object_get(line, "key"))
        status = parse_mark(journal, line, err);
    json_decref(line);
    return status;
}

enum eg_status eg_journal_parse(struct eg_journal *journal, const char *text, size_t size,
                                char digest[33], struct eg_error *err) {
    if (size <= DIGEST_LINE) return bad(err, "too short");
    size_t body = size - DIGEST_LINE;
    char expected[DIGEST_LINE + 1];
    eg_digest_text(eg_hash128(text, body), digest);
    snprintf(expected, sizeof expected, "{\"xxh3\":\"%s\"}\n", digest);
    if (memcmp(expected, text + body, DIGEST_LINE) != 0)
        return bad(err, "its digest does not fit what it says");
    bool head = true;
    for (size_t at = 0; at < body;) {
        const char *end = memchr(text + at, '\n', body - at);
        if (!end) return bad(err, "a line without an end");
        size_t line = (size_t)(end - (text + at));
        EG_TRY(parse_line(journal, text + at, line, head, err));
        head = false;
        at += line + 1;
    }
    return EG_OK;
}
