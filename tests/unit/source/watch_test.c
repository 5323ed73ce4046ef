/* SPDX-License-Identifier: Apache-2.0
 * What the system tells, event by event. */
#include "source/watch.h"

#include "tree.h"

#include <poll.h>

static struct eg_watch *watch_made(const char *tree) {
    struct eg_watch *watch = eg_watch_new();
    assert_non_null(watch);
    assert_true(eg_watch_add(watch, tree));
    return watch;
}

/* The next event, which must come soon. */
static struct eg_watch_event told(struct eg_watch *watch) {
    struct eg_watch_event event = {0};
    struct pollfd fd = {.fd = eg_watch_fd(watch), .events = POLLIN};
    for (int i = 0; i < 50; i++) {
        if (eg_watch_next(watch, &event)) return event;
        (void)poll(&fd, 1, 100);
    }
    fail_msg("no event came");
    return event;
}

static void tells(struct eg_watch *watch, enum eg_watch_kind kind, const char *directory,
                  const char *name) {
    struct eg_watch_event event = told(watch);
    assert_int_equal(event.kind, kind);
    assert_string_equal(event.directory, directory);
    assert_string_equal(event.name, name);
}

static void files_and_directories(void **state) {
    const char *tree = *state;
    struct eg_watch *watch = watch_made(tree);
    struct eg_watch_event event;
    assert_false(eg_watch_next(watch, &event));
    tree_write(tree, "a", "x", 0);
    tells(watch, EG_WATCH_FILE, tree, "a");
    tree_rename(tree, "a", "b");
    tells(watch, EG_WATCH_FILE, tree, "b");
    tree_make(tree, "sub");
    tells(watch, EG_WATCH_DIRECTORY, tree, "sub");
    char *sub = tree_path(tree, "sub");
    assert_true(eg_watch_add(watch, sub));
    tree_write(tree, "sub/c", "x", 0);
    tells(watch, EG_WATCH_FILE, sub, "c");
    unlink(tree_path(tree, "sub/c"));
    assert_false(eg_watch_next(watch, &event));
    assert_false(eg_watch_add(watch, tree_path(tree, "b"))); /* no directory */
    assert_false(eg_watch_add(watch, tree_path(tree, "gone")));
    eg_watch_free(watch);
}

/* A file that is being written is told when it is closed, not before. */
static void not_before_it_is_closed(void **state) {
    const char *tree = *state;
    struct eg_watch *watch = watch_made(tree);
    struct eg_watch_event event;
    FILE *file = fopen(tree_path(tree, "a"), "w");
    fputs("x", file);
    fflush(file);
    assert_false(eg_watch_next(watch, &event));
    fclose(file);
    tells(watch, EG_WATCH_FILE, tree, "a");
    eg_watch_free(watch);
}

static void what_goes_elsewhere(void **state) {
    const char *tree = *state;
    tree_make(tree, "in");
    tree_make(tree, "in/sub");
    char *in = tree_path(tree, "in"), *sub = tree_path(tree, "in/sub");
    struct eg_watch *watch = watch_made(in);
    assert_true(eg_watch_add(watch, sub));
    tree_rename(tree, "in/sub", "out");
    assert_int_equal(told(watch).kind, EG_WATCH_LOST);
    eg_watch_free(watch);
    watch = watch_made(in);
    tree_rename(tree, "in", "in2");
    assert_int_equal(told(watch).kind, EG_WATCH_LOST);
    eg_watch_free(watch);
    /* what is deleted ends quietly */
    watch = watch_made(tree_path(tree, "in2"));
    rmdir(tree_path(tree, "in2"));
    struct eg_watch_event event;
    assert_false(eg_watch_next(watch, &event));
    eg_watch_free(watch);
    eg_watch_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_and_directories, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(not_before_it_is_closed, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(what_goes_elsewhere, tree_setup, tree_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
