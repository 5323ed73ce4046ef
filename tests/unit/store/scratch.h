/* SPDX-License-Identifier: Apache-2.0
 * What the tests of this room share: a directory of their own, a clock that stands still, a listing
 * of what is on disk, commits of files that only pretend to be Parquet. */
#ifndef EG_TEST_SCRATCH_H
#define EG_TEST_SCRATCH_H

#include "base/alloc.h"
#include "base/durable.h"
#include "store/dataset.h"
#include "store/dataset_own.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NOON INT64_C(1767355200000000) /* 2026-01-02T12:00:00Z */
#define HOUR INT64_C(3600000000)

static int64_t still_clock(void *clock) {
    (void)clock;
    return NOON;
}
static char last_log[1024];
static void keep_log(void *to, int level, const char *message) {
    (void)to, (void)level;
    snprintf(last_log, sizeof last_log, "%s", message);
}
static const struct eg_env test_env = {
    .now_us = still_clock, .log = keep_log, .batch_rows = EG_BATCH_ROWS};

static inline int scratch_setup(void **state) {
    char name[] = P_tmpdir "/eg-store-XXXXXX";
    if (!mkdtemp(name)) return -1;
    *state = strdup(name);
    last_log[0] = 0;
    return 0;
}
static int scratch_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}
static inline void scratch_clear(const char *path) {
    nftw(path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
static inline int scratch_teardown(void **state) {
    scratch_clear(*state);
    free(*state);
    return 0;
}

/* Every file below a directory, sorted, one a line; names with a session get it as "S". */
static struct eg_names scratch_found;
static size_t scratch_root;
static int scratch_note(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st, (void)ftw;
    if (flag == FTW_D || strlen(path) <= scratch_root) return 0;
    char shown[512];
    snprintf(shown, sizeof shown, "%s", path + scratch_root + 1);
    char commit[EG_COMMIT_TEXT], session[EG_SESSION_TEXT];
    char *slash = strrchr(shown, '/'), *name = slash ? slash + 1 : shown;
    if (eg_layout_commit_of(name, commit, session)) {
        char *at = strstr(name, session);
        memmove(at + 1, at + 16, strlen(at + 16) + 1);
        *at = 'S';
    }
    scratch_found.names = realloc(scratch_found.names, (scratch_found.count + 1) * sizeof(char *));
    scratch_found.names[scratch_found.count++] = strdup(shown);
    return 0;
}
static int scratch_order(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}
static inline char *scratch_list(const char *root) {
    scratch_found = (struct eg_names){0};
    scratch_root = strlen(root);
    nftw(root, scratch_note, 16, FTW_PHYS);
    if (scratch_found.count)
        qsort(scratch_found.names, scratch_found.count, sizeof(char *), scratch_order);
    struct eg_strbuf text = {0};
    eg_strbuf_text(&text, "");
    for (size_t i = 0; i < scratch_found.count; i++) {
        eg_strbuf_printf(&text, "%s\n", scratch_found.names[i]);
        free(scratch_found.names[i]);
    }
    free(scratch_found.names);
    return eg_strbuf_take(&text);
}
/* How many files below the directory have names that contain `part`. */
static inline int scratch_count(const char *root, const char *part) {
    char *list = scratch_list(root);
    int count = 0;
    for (char *line = list; line && *line; line = strchr(line, '\n') + 1) {
        char *end = strchr(line, '\n');
        char *hit = strstr(line, part);
        count += hit && hit < end;
    }
    eg_free(list);
    return count;
}

#define must(call)                                                                                 \
    do {                                                                                           \
        struct eg_error *must_err_ = &scratch_err;                                                 \
        if ((call) < 0) fail_msg("%s: %s", #call, must_err_->message);                             \
    } while (0)
static struct eg_error scratch_err;
#define ERR (&scratch_err)

static inline struct eg_dataset *open_writer(const char *path) {
    struct eg_dataset *ds = NULL;
    must(eg_dataset_open(&ds, path, EG_DATASET_WRITE, &test_env, ERR));
    return ds;
}
static inline struct eg_dataset *open_reader(const char *path) {
    struct eg_dataset *ds = NULL;
    must(eg_dataset_open(&ds, path, EG_DATASET_READ, &test_env, ERR));
    return ds;
}
static inline struct eg_position position_at(const char *key, uint64_t offset) {
    struct eg_position p = {.offset = offset, .table = "flows"};
    snprintf(p.key, sizeof p.key, "%s", key);
    snprintf(p.name, sizeof p.name, "%s.pcap", key);
    snprintf(p.digest, sizeof p.digest, "%032x", (unsigned)offset);
    return p;
}
/* One commit of `hours` files of 10 rows, from NOON on, and a position. Answers the status. */
static inline enum eg_status try_commit(struct eg_dataset *ds, int hours,
                                        const struct eg_position *position, struct eg_error *err) {
    struct eg_commit *commit = NULL;
    enum eg_status status = eg_commit_begin(&commit, ds, err);
    for (int i = 0; status >= 0 && i < hours; i++) {
        const char *path;
        int64_t hour = NOON + i * HOUR;
        status = eg_commit_file(commit, EG_TABLE_FLOWS, hour, &path, err);
        if (status >= 0) status = eg_file_create(path, "whole", 5, err);
        if (status >= 0) status = eg_commit_file_done(commit, path, 10, hour, hour + HOUR - 1, err);
    }
    if (status >= 0) status = eg_commit_finish(commit, position, position ? 1 : 0, err);
    eg_commit_free(commit);
    return status;
}

static inline void commit_times(const char *root, int times) {
    struct eg_dataset *ds = open_writer(root);
    for (int i = 0; i < times; i++) {
        struct eg_position p = position_at("k", (uint64_t)i + 1);
        must(try_commit(ds, 2, &p, ERR));
    }
    eg_dataset_close(ds);
}

#endif
