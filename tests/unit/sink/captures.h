/* SPDX-License-Identifier: Apache-2.0
 * What the tests of recording share: a directory of their own, a clock that is set, the last line
 * of the log, and a listing of what is on disk. */
#ifndef EG_TEST_CAPTURES_H
#define EG_TEST_CAPTURES_H

#include "base/strbuf.h"
#include "sink/capture_journal.h"
#include "table/stage.h"

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

static int64_t clock_us = NOON;
static char log_last[1024];
static int log_count;
static inline int64_t set_clock(void *clock) {
    (void)clock;
    return clock_us;
}
static inline void keep_log(void *to, int level, const char *message) {
    (void)to, (void)level;
    log_count++;
    snprintf(log_last, sizeof log_last, "%s", message);
}
static const struct eg_env test_env = {
    .now_us = set_clock, .log = keep_log, .batch_rows = EG_BATCH_ROWS};

static inline int captures_setup(void **state) {
    char name[] = P_tmpdir "/eg-captures-XXXXXX";
    if (!mkdtemp(name)) return -1;
    *state = strdup(name);
    clock_us = NOON;
    log_last[0] = 0;
    log_count = 0;
    return 0;
}
static int captures_remove(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}
static inline int captures_teardown(void **state) {
    nftw(*state, captures_remove, 16, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return 0;
}

static inline int captures_remove_below(const char *path, const struct stat *st, int flag,
                                        struct FTW *ftw) {
    (void)st, (void)flag;
    return (size_t)ftw->level > 0 ? remove(path) : 0;
}
/* Removes what is in the directory. */
static inline void captures_clear(const char *directory) {
    nftw(directory, captures_remove_below, 16, FTW_DEPTH | FTW_PHYS);
}

static char *found[512];
static size_t found_count, found_root;
static int found_note(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st, (void)ftw;
    if (flag != FTW_D && !strstr(path, "/.earlgrey-captures") && found_count < 512)
        found[found_count++] = strdup(path + found_root + 1);
    return 0;
}
static int found_order(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}
/* The files below the directory, sorted, separated by blanks; the journal is left out. */
static inline const char *listing(const char *directory) {
    static char text[16384];
    found_count = 0;
    found_root = strlen(directory);
    nftw(directory, found_note, 16, FTW_PHYS);
    qsort(found, found_count, sizeof *found, found_order);
    text[0] = 0;
    for (size_t i = 0; i < found_count; i++) {
        size_t at = strlen(text);
        snprintf(text + at, sizeof text - at, "%s%s", i ? " " : "", found[i]);
        free(found[i]);
    }
    return text;
}

static inline long size_of(const char *directory, const char *name) {
    char path[1200];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

static inline void write_text(const char *directory, const char *name, const void *text,
                              size_t size) {
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "ab");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static inline struct eg_capture_journal *journal_of(const char *directory) {
    struct eg_capture_journal *j = NULL;
    struct eg_error err;
    if (eg_capture_journal_open(&j, directory, &err) != EG_OK) fail_msg("%s", err.message);
    return j;
}

#endif
