/* SPDX-License-Identifier: Apache-2.0
 * Names and places of a dataset's files, and the walk over them. */
#include "store/layout.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/timetext.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void eg_layout_partition(enum eg_table_id table, int64_t hour_us, struct eg_strbuf *to) {
    if (hour_us == INT64_MIN) {
        eg_strbuf_printf(to, "quarantine/%s", eg_table_name(table));
        return;
    }
    struct eg_civil c = eg_time_civil(hour_us);
    eg_strbuf_printf(to, "%s/date=%04d-%02d-%02d/hour=%02d", eg_table_name(table), (int)c.year,
                     c.month, c.day, c.hour);
}

void eg_layout_commit(const char *session, uint32_t commit, char text[EG_COMMIT_TEXT]) {
    snprintf(text, EG_COMMIT_TEXT, "%.16s-%06u", session, commit);
}

void eg_layout_part(const char *commit, uint32_t file, struct eg_strbuf *to) {
    eg_strbuf_printf(to, "part-%s-%04u.parquet", commit, file);
}

void eg_layout_sorted(const char *commit, uint32_t file, struct eg_strbuf *to) {
    eg_strbuf_printf(to, "sorted-%s-%04u.parquet", commit, file);
}

bool eg_layout_is_sorted(const char *name) {
    char commit[EG_COMMIT_TEXT], session[EG_SESSION_TEXT];
    return strncmp(name, "sorted-", 7) == 0 && eg_layout_ends(name, ".parquet") &&
           eg_layout_commit_of(name, commit, session);
}

void eg_layout_aside(const char *commit, struct eg_strbuf *to) {
    eg_strbuf_printf(to, EG_LAYOUT_ASIDE "/%s.hour", commit);
}

void eg_layout_tmp(const char *part, struct eg_strbuf *to) {
    const char *slash = strrchr(part, '/');
    size_t directory = slash ? (size_t)(slash - part) + 1 : 0;
    eg_strbuf_add(to, part, directory);
    eg_strbuf_printf(to, "_%s.tmp", part + directory);
}

static size_t span_of(const char *text, const char *of) { return strspn(text, of); }

bool eg_layout_commit_of(const char *name, char commit[EG_COMMIT_TEXT],
                         char session[EG_SESSION_TEXT]) {
    const char *id = name + (name[0] == '_');
    if (strncmp(id, "part-", 5) == 0)
        id += 5;
    else if (strncmp(id, "sorted-", 7) == 0)
        id += 7;
    if (span_of(id, "0123456789abcdef") != EG_SESSION_TEXT - 1 || id[EG_SESSION_TEXT - 1] != '-')
        return false;
    size_t digits = span_of(id + EG_SESSION_TEXT, "0123456789");
    size_t size = EG_SESSION_TEXT + digits;
    if (digits < 6 || size >= EG_COMMIT_TEXT) return false;
    if (id[size] != '-' && id[size] != '.') return false;
    memcpy(session, id, EG_SESSION_TEXT - 1);
    session[EG_SESSION_TEXT - 1] = 0;
    memcpy(commit, id, size);
    commit[size] = 0;
    return true;
}

void eg_layout_capture_tmp(const char *place, const char *session, struct eg_strbuf *to) {
    const char *slash = strrchr(place, '/');
    size_t directory = slash ? (size_t)(slash - place) + 1 : 0;
    eg_strbuf_add(to, place, directory);
    eg_strbuf_printf(to, "_%s.%s.tmp", place + directory, session);
}

bool eg_layout_capture_session(const char *name, char session[EG_SESSION_TEXT]) {
    size_t size = strlen(name), end = EG_SESSION_TEXT - 1 + 4;
    if (name[0] != '_' || size < end + 3 || !eg_layout_ends(name, ".tmp")) return false;
    const char *id = name + size - end;
    if (id[-1] != '.' || span_of(id, "0123456789abcdef") != EG_SESSION_TEXT - 1) return false;
    memcpy(session, id, EG_SESSION_TEXT - 1);
    session[EG_SESSION_TEXT - 1] = 0;
    return true;
}

bool eg_layout_ends(const char *name, const char *suffix) {
    size_t size = strlen(name), end = strlen(suffix);
    return size >= end && strcmp(name + size - end, suffix) == 0;
}

/* ---- names of a directory ---- */

void eg_names_reset(struct eg_names *names) {
    for (size_t i = 0; i < names->count; i++) eg_free(names->names[i]);
    eg_free(names->names);
    *names = (struct eg_names){0};
}

bool eg_names_add(struct eg_names *names, const char *name) {
    if (names->count == names->room) {
        size_t room = names->room ? names->room * 2 : 16;
        char **grown = eg_realloc(names->names, room, sizeof *grown);
        if (!grown) return false;
        names->names = grown;
        names->room = room;
    }
    names->names[names->count] = eg_strdup(name);
    return names->names[names->count] && ++names->count;
}

bool eg_names_hold(const struct eg_names *names, const char *name) {
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->names[i], name) == 0) return true;
    return false;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum eg_status eg_names_read(struct eg_names *out, const char *directory, struct eg_error *err) {
    *out = (struct eg_names){0};
    DIR *dir = opendir(directory);
    if (!dir && (errno == ENOENT || errno == ENOTDIR)) return EG_OK;
    if (!dir) return eg_fail_errno(err, errno, "cannot list %s", directory);
    enum eg_status status = EG_OK;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (eg_names_add(out, entry->d_name)) continue;
        status = eg_fail(err, EG_E_NOMEM, "no memory to list %s", directory);
        break;
    }
    if (status == EG_OK && errno != 0 && errno != ENOENT)
        status = eg_fail_errno(err, errno, "cannot list %s", directory);
    closedir(dir);
    if (status < 0)
        eg_names_reset(out);
    else if (out->count)
        qsort(out->names, out->count, sizeof *out->names, by_text);
    return status;
}

/* ---- the walk ---- */

/* "date=2026-01-02" -> its first microsecond. */
static bool date_of(const char *name, int64_t *day_us) {
    struct eg_civil c = {0};
    int year, used = 0;
    if (sscanf(name, "date=%4d-%2d-%2d%n", &year, &c.month, &c.day, &used) != 3 || name[used] ||
        used != 15)
        return false;
    c.year = year;
    if (c.month < 1 || c.month > 12 || c.day < 1 || c.day > 31) return false;
    *day_us = eg_time_from_civil(&c);
    return true;
}

static bool hour_of(const char *name, int64_t *hour_us) {
    if (strncmp(name, "hour=", 5) != 0 || span_of(name + 5, "0123456789") != 2 || name[7])
        return false;
    int hour = (name[5] - '0') * 10 + (name[6] - '0');
    *hour_us = hour * EG_HOUR_US;
    return hour < 24;
}

static enum eg_status walk_files(const char *root, const char *relative, int64_t hour_us,
                                 const struct eg_layout_walk *walk, struct eg_error *err) {
    char *path = eg_path_join(root, relative);
    if (!path) return eg_fail(err, EG_E_NOMEM, "no memory to list %s", root);
    struct eg_names names;
    enum eg_status status = eg_names_read(&names, path, err);
    eg_free(path);
    struct eg_strbuf file = {0};
    for (size_t i = 0; status >= 0 && i < names.count; i++) {
        eg_strbuf_clear(&file);
        eg_strbuf_printf(&file, "%s/%s", relative, names.names[i]);
        status = file.failed ? eg_fail(err, EG_E_NOMEM, "no memory to list %s", root)
                             : walk->visit(walk->to, file.text, names.names[i], hour_us, err);
    }
    eg_strbuf_reset(&file);
    if (names.count) eg_names_reset(&names);
    return status < 0 ? status : EG_OK;
}

static enum eg_status walk_day(const char *root, const char *relative, int64_t day_us,
                               const struct eg_layout_walk *walk, struct eg_error *err) {
    char *path = eg_path_join(root, relative);
    if (!path) return eg_fail(err, EG_E_NOMEM, "no memory to list %s", root);
    struct eg_names hours;
    enum eg_status status = eg_names_read(&hours, path, err);
    eg_free(path);
    for (size_t i = 0; status >= 0 && i < hours.count; i++) {
        int64_t hour_us;
        if (!hour_of(hours.names[i], &hour_us) || day_us + hour_us > walk->last_us) continue;
        struct eg_strbuf hour = {0};
        eg_strbuf_printf(&hour, "%s/%s", relative, hours.names[i]);
        status = hour.failed ? eg_fail(err, EG_E_NOMEM, "no memory to list %s", root)
                             : walk_files(root, hour.text, day_us + hour_us, walk, err);
        eg_strbuf_reset(&hour);
    }
    if (hours.count) eg_names_reset(&hours);
    return status < 0 ? status : EG_OK;
}

enum eg_status eg_layout_walk(const char *root, enum eg_table_id table,
                              const struct eg_layout_walk *walk, struct eg_error *err) {
    struct eg_strbuf top = {0};
    if (walk->quarantine) {
        eg_layout_partition(table, INT64_MIN, &top);
        enum eg_status status = top.failed ? eg_fail(err, EG_E_NOMEM, "no memory to list %s", root)
                                           : walk_files(root, top.text, INT64_MIN, walk, err);
        eg_strbuf_reset(&top);
        return status;
    }
    char *path = eg_path_join(root, eg_table_name(table));
    if (!path) return eg_fail(err, EG_E_NOMEM, "no memory to list %s", root);
    struct eg_names days;
    enum eg_status status = eg_names_read(&days, path, err);
    eg_free(path);
    for (size_t i = 0; status >= 0 && i < days.count; i++) {
        int64_t day_us;
        if (!date_of(days.names[i], &day_us) || day_us > walk->last_us) continue;
        eg_strbuf_clear(&top);
        eg_strbuf_printf(&top, "%s/%s", eg_table_name(table), days.names[i]);
        status = top.failed ? eg_fail(err, EG_E_NOMEM, "no memory to list %s", root)
                            : walk_day(root, top.text, day_us, walk, err);
    }
    eg_strbuf_reset(&top);
    if (days.count) eg_names_reset(&days);
    return status < 0 ? status : EG_OK;
}

enum eg_status eg_layout_walk_captures(const char *root, const struct eg_layout_walk *walk,
                                       struct eg_error *err) {
    struct eg_names days;
    char *path = eg_path_join(root, EG_LAYOUT_CAPTURES);
    if (!path) return eg_fail(err, EG_E_NOMEM, "no memory to list %s", root);
    enum eg_status status = eg_names_read(&days, path, err);
    eg_free(path);
    struct eg_strbuf day = {0};
    for (size_t i = 0; status >= 0 && i < days.count; i++) {
        eg_strbuf_clear(&day);
        eg_strbuf_printf(&day, EG_LAYOUT_CAPTURES "/%s", days.names[i]);
        status = day.failed ? eg_fail(err, EG_E_NOMEM, "no memory to list %s", root)
                            : walk_files(root, day.text, INT64_MIN, walk, err);
    }
    eg_strbuf_reset(&day);
    eg_names_reset(&days);
    return status < 0 ? status : EG_OK;
}
