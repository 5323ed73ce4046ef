/* SPDX-License-Identifier: Apache-2.0
 * Locks of sources: whose they are, what a dead writer leaves, files that say nothing. */
#include "store/source_lock.h"

#include "scratch.h"

#include "base/alloc.h"
#include "base/durable.h"

#include <unistd.h>

#define ME "00000000000000aa"
#define OTHER "00000000000000bb"
#define DEAD "00000000000000cc"

static char *root_made(void *state, struct eg_lock *other) {
    char *root = eg_path_join(state, "d"), *locks = eg_path_join(root, EG_LAYOUT_LOCKS);
    must(eg_dir_make(locks, ERR));
    char *writer = eg_path_join(locks, "writer-" OTHER ".lock");
    must(eg_lock_take(other, writer, EG_LOCK_TRY, "writer", NULL, ERR));
    eg_free(writer);
    eg_free(locks);
    return root;
}

static void whose(void **state) {
    struct eg_lock other;
    struct eg_lock_holder holder;
    char *root = root_made(*state, &other);
    assert_int_equal(eg_source_lock_look(root, ME, "l", &holder), EG_SOURCE_FREE);
    must(eg_source_lock_take(root, OTHER, "l", "two\nlines", ERR));
    assert_int_equal(eg_source_lock_look(root, ME, "l", &holder), EG_SOURCE_TAKEN);
    assert_int_equal(holder.pid, getpid());
    assert_string_equal(holder.name, "two lines");
    assert_int_equal(eg_source_lock_look(root, OTHER, "l", NULL), EG_SOURCE_OURS);
    assert_int_equal(eg_source_lock_look(root, ME, "m", NULL), EG_SOURCE_FREE);
    eg_source_lock_give(root, ME, "l"); /* not ours */
    assert_int_equal(eg_source_lock_look(root, ME, "l", NULL), EG_SOURCE_TAKEN);
    eg_lock_give(&other, true); /* its writer dies */
    assert_int_equal(eg_source_lock_look(root, ME, "l", &holder), EG_SOURCE_FREE);
    must(eg_source_lock_take(root, ME, "l", "", ERR));
    assert_int_equal(eg_source_lock_look(root, ME, "l", NULL), EG_SOURCE_OURS);
    eg_source_lock_give(root, ME, "l");
    eg_source_lock_give(root, ME, "l");
    assert_int_equal(eg_source_lock_look(root, ME, "l", NULL), EG_SOURCE_FREE);
    eg_free(root);
}

static void long_names_are_cut(void **state) {
    struct eg_lock other;
    struct eg_lock_holder holder;
    char *root = root_made(*state, &other), name[3000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    must(eg_source_lock_take(root, OTHER, "l", name, ERR));
    assert_int_equal(eg_source_lock_look(root, ME, "l", &holder), EG_SOURCE_TAKEN);
    assert_int_equal(strlen(holder.name), EG_LOCK_NAME);
    eg_lock_give(&other, true);
    eg_free(root);
}

/* What a crash may leave: nothing, half a line, a line of somebody who is gone. */
static void leftovers(void **state) {
    struct eg_lock other;
    struct eg_names alive = {0};
    char *root = root_made(*state, &other), *sources = eg_path_join(root, EG_LAYOUT_SOURCES);
    must(eg_source_locks_settle(root, ME, &alive, ERR)); /* no directory */
    must(eg_source_lock_take(root, ME, "mine", "a", ERR));
    must(eg_source_lock_take(root, OTHER, "other", "b", ERR));
    must(eg_source_lock_take(root, DEAD, "dead", "c", ERR));
    const char *const broken[] = {"", "00", DEAD, OTHER " 12 name without an end"};
    for (int i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "source-%d.lock", i);
        char *path = eg_path_join(sources, name);
        must(eg_file_create(path, broken[i], strlen(broken[i]), ERR));
        eg_free(path);
    }
    assert_int_equal(scratch_count(root, "source-"), 7);
    assert_true(eg_names_add(&alive, OTHER));
    must(eg_source_locks_settle(root, ME, &alive, ERR));
    assert_int_equal(scratch_count(root, "source-"), 2);
    assert_int_equal(eg_source_lock_look(root, ME, "mine", NULL), EG_SOURCE_OURS);
    assert_int_equal(eg_source_lock_look(root, ME, "other", NULL), EG_SOURCE_TAKEN);
    eg_names_reset(&alive);
    eg_lock_give(&other, true);
    eg_free(sources);
    eg_free(root);
}

static void no_place(void **state) {
    char *root = eg_path_join(*state, "nowhere");
    assert_int_equal(eg_source_lock_take(root, ME, "l", "a", ERR), EG_E_NOENT);
    eg_free(root);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(whose), IN_SCRATCH(long_names_are_cut),
                                       IN_SCRATCH(leftovers), IN_SCRATCH(no_place)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
