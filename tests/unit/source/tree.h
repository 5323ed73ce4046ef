/* SPDX-License-Identifier: Apache-2.0
 * A directory of a test's own, and files in it. */
#ifndef EG_TEST_TREE_H
#define EG_TEST_TREE_H

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static inline int tree_setup(void **state) {
    char name[] = P_tmpdir "/eg-tree-XXXXXX";
    if (!mkdtemp(name)) return -1;
    *state = strdup(name);
    return 0;
}
static int tree_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}
static inline void tree_clear(const char *path) {
    nftw(path, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
static inline int tree_teardown(void **state) {
    tree_clear(*state);
    free(*state);
    return 0;
}

/* A path below the tree, good until the next 64 calls. */
static inline char *tree_path(const char *tree, const char *name) {
    static char paths[64][512];
    static unsigned at;
    char *path = paths[at++ % 64];
    snprintf(path, sizeof paths[0], "%s/%s", tree, name);
    return path;
}

static inline void tree_make(const char *tree, const char *directory) {
    assert_int_equal(mkdir(tree_path(tree, directory), 0777), 0);
}

/* Appends to a file, with a time of its last change in seconds (0: as it comes). */
static inline void tree_write(const char *tree, const char *name, const char *text, long time) {
    FILE *file = fopen(tree_path(tree, name), "a");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    struct timespec times[2] = {{.tv_sec = time}, {.tv_sec = time}};
    if (time) assert_int_equal(utimensat(AT_FDCWD, tree_path(tree, name), times, 0), 0);
}

static inline void tree_rename(const char *tree, const char *from, const char *to) {
    assert_int_equal(rename(tree_path(tree, from), tree_path(tree, to)), 0);
}

static inline bool tree_has(const char *tree, const char *name) {
    return access(tree_path(tree, name), F_OK) == 0;
}

#endif
