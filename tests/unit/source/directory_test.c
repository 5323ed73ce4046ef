/* SPDX-License-Identifier: Apache-2.0
 * Following real directories: what is offered, when, in which order, how often; what goes wrong
 * between finding a file and being done with it; moving and deleting. */
#include "source/directory.h"

#include "base/alloc.h"

#include "torture.h"
#include "tree.h"

#include <dirent.h>
#include <sys/resource.h>
#include <time.h>

#define NEVER 3600000 /* ms between looks: what is found then was told */

static char log_text[1024];
static int log_count;
static void keep_log(void *to, int level, const char *message) {
    (void)to, (void)level;
    snprintf(log_text, sizeof log_text, "%s", message);
    log_count++;
}
static atomic_bool cancel;
static struct eg_env test_env(void) {
    struct eg_env env = eg_env_plain;
    env.log = keep_log;
    env.cancel = &cancel;
    cancel = false;
    log_text[0] = 0;
    log_count = 0;
    return env;
}

static struct eg_env env_kept;
static struct eg_directory *follow(const char *tree, struct eg_directory_options options) {
    struct eg_directory *d = NULL;
    struct eg_error err = {0};
    env_kept = test_env();
    const char *const roots[] = {tree};
    if (!options.roots) options.roots = roots, options.root_count = 1;
    if (eg_directory_open(&d, &env_kept, &options, &err) != EG_OK) fail_msg("%s", err.message);
    return d;
}

/* What is offered within the time, below the tree, in order, one a blank. */
static char *offered(struct eg_directory *d, const char *tree, int64_t timeout_ms) {
    static char text[4096];
    struct eg_paths paths = {0};
    struct eg_error err;
    enum eg_status status = eg_directory_wait(d, timeout_ms, &paths, &err);
    assert_int_equal(status, paths.count ? EG_OK : EG_AGAIN);
    text[0] = 0;
    for (size_t i = 0; i < paths.count; i++) {
        assert_int_equal(strncmp(paths.paths[i], tree, strlen(tree)), 0);
        size_t size = strlen(text);
        snprintf(text + size, sizeof text - size, "%s%s", i ? " " : "", paths.paths[i] + strlen(tree) + 1);
    }
    eg_paths_reset(&paths);
    return text;
}

static void done(struct eg_directory *d, const char *tree, const char *name,
                 enum eg_directory_outcome outcome) {
    eg_directory_done(d, tree_path(tree, name), outcome);
}

static void names(void **state) {
    (void)state;
    const char *const bad[] = {"",        ".a.pcap",  "_a",        "a.tmp",          "a.part",     ".a.pcap.X3sQ1",
                               "a.swp",   "a.pcap~",  "a.partial", "a.crdownload",   "a.filepart", "~"};
    const char *const good[] = {"a.pcap", "a", "a.tmp.pcap", "part", "a_b", "tmp", "a.parts", "a~b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_true(eg_directory_ignores(bad[i]));
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_false(eg_directory_ignores(good[i]));
}

static void tree_of_files(const char *tree) {
    tree_make(tree, "sub");
    tree_make(tree, "sub/deep");
    tree_make(tree, ".hidden");
    tree_make(tree, "data");
    tree_make(tree, "data/_earlgrey");
    tree_write(tree, "data/_earlgrey/dataset.json", "{}", 50);
    tree_write(tree, "data/flows", "x", 50);
    tree_write(tree, "b.pcap", "x", 100);
    tree_write(tree, "a.pcap", "x", 300);
    tree_write(tree, "sub/c.pcap", "x", 200);
    tree_write(tree, "sub/deep/d.cap", "x", 200);
    tree_write(tree, "sub/.e.pcap.x", "x", 50);
    tree_write(tree, "f.pcap.tmp", "x", 50);
    tree_write(tree, ".hidden/g.pcap", "x", 50);
    tree_write(tree, "empty.pcap", "", 50);
    assert_int_equal(mkfifo(tree_path(tree, "pipe.pcap"), 0666), 0);
    assert_int_equal(symlink("..", tree_path(tree, "sub/up")), 0);
    assert_int_equal(symlink("nowhere", tree_path(tree, "dangling.pcap")), 0);
}

static void what_is_offered(void **state) {
    const char *tree = *state;
    tree_of_files(tree);
    const struct {
        struct eg_directory_options options;
        const char *expected;
    } cases[] = {
        {{0}, "b.pcap sub/c.pcap sub/deep/d.cap a.pcap"},
        {{.latest_first = true}, "a.pcap sub/deep/d.cap sub/c.pcap b.pcap"},
        {{.flat = true}, "b.pcap a.pcap"},
        {{.pattern = "*.pcap"}, "b.pcap sub/c.pcap a.pcap"},
        {{.pattern = "sub/*.pcap"}, "sub/c.pcap"},
        {{.pattern = "sub/*/d*"}, "sub/deep/d.cap"},
        {{.offer_max = 3}, "b.pcap sub/c.pcap sub/deep/d.cap"},
        {{.pattern = "*.none"}, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eg_directory *d = follow(tree, cases[i].options);
        assert_string_equal(offered(d, tree, 0), cases[i].expected);
        assert_string_equal(offered(d, tree, 0), cases[i].options.offer_max ? "a.pcap" : "");
        assert_int_equal(log_count, 0);
        eg_directory_close(d);
    }
    char slashes[600];
    snprintf(slashes, sizeof slashes, "%s//", tree);
    struct eg_directory *d = follow(slashes, (struct eg_directory_options){.pattern = "sub/c*"});
    assert_string_equal(offered(d, tree, 0), "sub/c.pcap");
    eg_directory_close(d);
    /* a link is followed to a file */
    assert_int_equal(symlink("../a.pcap", tree_path(tree, "sub/link.pcap")), 0);
    d = follow(tree, (struct eg_directory_options){.pattern = "link*"});
    assert_string_equal(offered(d, tree, 0), "sub/link.pcap");
    eg_directory_close(d);
}

static void several_roots(void **state) {
    const char *tree = *state;
    tree_make(tree, "one");
    tree_make(tree, "two");
    tree_write(tree, "one/a", "x", 2);
    tree_write(tree, "two/b", "x", 1);
    const char *const roots[] = {tree_path(tree, "one"), tree_path(tree, "two")};
    struct eg_directory *d = follow(tree, (struct eg_directory_options){.roots = roots, .root_count = 2});
    assert_string_equal(offered(d, tree, 0), "two/b one/a");
    eg_directory_close(d);
}

/* Told by the system, long before the next look. */
static void told(void **state) {
    const char *tree = *state;
    struct eg_directory *d = follow(tree, (struct eg_directory_options){.look_ms = NEVER});
    assert_string_equal(offered(d, tree, 1), "");
    assert_true(eg_directory_account(d).watching);
    tree_write(tree, "a", "x", 0);
    assert_string_equal(offered(d, tree, 5000), "a");
    done(d, tree, "a", EG_DIRECTORY_READ);
    assert_string_equal(offered(d, tree, 1), "");
    tree_write(tree, ".b.part", "x", 0);
    assert_string_equal(offered(d, tree, 50), "");
    tree_rename(tree, ".b.part", "b");
    assert_string_equal(offered(d, tree, 5000), "b");
    tree_make(tree, "sub");
    tree_make(tree, "sub/sub");
    tree_write(tree, "sub/sub/c", "x", 0); /* before anybody watches there */
    assert_string_equal(offered(d, tree, 5000), "sub/sub/c");
    tree_write(tree, "sub/sub/d", "x", 0);
    assert_string_equal(offered(d, tree, 5000), "sub/sub/d");
    assert_int_equal(eg_directory_account(d).looks, 1);
    assert_int_equal(eg_directory_account(d).offered, 4);
    eg_directory_close(d);
}

static void grown_and_changed(void **state) {
    const char *tree = *state;
    tree_write(tree, "a", "x", 100);
    struct eg_directory *d = follow(tree, (struct eg_directory_options){0});
    assert_string_equal(offered(d, tree, 0), "a");
    tree_write(tree, "a", "y", 0); /* while it is read: offered again once that is done */
    assert_string_equal(offered(d, tree, 0), "");
    done(d, tree, "a", EG_DIRECTORY_READ);
    assert_string_equal(offered(d, tree, 0), "a");
    done(d, tree, "a", EG_DIRECTORY_CUT);
    assert_string_equal(offered(d, tree, 0), "");
    /* a writer that goes on without closing */
    FILE *writer = fopen(tree_path(tree, "a"), "a");
    fputs("z", writer);
    fflush(writer);
    assert_string_equal(offered(d, tree, 0), "a");
    done(d, tree, "a", EG_DIRECTORY_READ);
    fclose(writer); /* nothing new in it: that is no change */
    assert_string_equal(offered(d, tree, 0), "");
    /* another one of the same size and time by the same name */
    struct stat is;
    assert_int_equal(stat(tree_path(tree, "a"), &is), 0);
    tree_write(tree, "b.tmp", "123", 0);
    struct timespec times[2] = {is.st_mtim, is.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, tree_path(tree, "b.tmp"), times, 0), 0);
    tree_rename(tree, "b.tmp", "a");
    assert_string_equal(offered(d, tree, 0), "a");
    done(d, tree, "a", EG_DIRECTORY_LATER);
    assert_string_equal(offered(d, tree, 0), "a");
    done(d, tree, "a", EG_DIRECTORY_READ);
    done(d, tree, "a", EG_DIRECTORY_LATER); /* it is not the caller's any more */
    done(d, tree, "never heard of", EG_DIRECTORY_READ);
    assert_int_equal(truncate(tree_path(tree, "a"), 0), 0); /* what is empty waits */
    assert_string_equal(offered(d, tree, 0), "");
    tree_write(tree, "a", "again", 0);
    assert_string_equal(offered(d, tree, 0), "a");
    eg_directory_close(d);
}

static void failed_files_wait_for_a_change(void **state) {
    const char *tree = *state;
    tree_write(tree, "a", "x", 100);
    struct eg_directory *d = follow(tree, (struct eg_directory_options){0});
    assert_string_equal(offered(d, tree, 0), "a");
    done(d, tree, "a", EG_DIRECTORY_FAILED);
    assert_string_equal(offered(d, tree, 20), ""); /* times of files go in steps of a few ms */
    assert_int_equal(chmod(tree_path(tree, "a"), 0600), 0); /* it may be readable now */
    assert_string_equal(offered(d, tree, 0), "a");
    done(d, tree, "a", EG_DIRECTORY_READ);
    assert_int_equal(chmod(tree_path(tree, "a"), 0644), 0); /* that is no matter once it was read */
    assert_string_equal(offered(d, tree, 0), "");
    eg_directory_close(d);
}

static void files_that_go(void **state) {
    const char *tree = *state;
    tree_write(tree, "a", "x", 100);
    tree_write(tree, "b", "x", 200);
    struct eg_directory *d = follow(tree, (struct eg_directory_options){.offer_max = 1});
    assert_string_equal(offered(d, tree, 0), "a");
    unlink(tree_path(tree, "a")); /* between offering and reading */
    unlink(tree_path(tree, "b")); /* between finding and offering */
    done(d, tree, "a", EG_DIRECTORY_FAILED);
    assert_string_equal(offered(d, tree, 50), "");
    assert_int_equal(eg_directory_account(d).known, 0);
    tree_write(tree, "a", "x", 100);
    assert_string_equal(offered(d, tree, 0), "a");
    done(d, tree, "a", EG_DIRECTORY_READ);
    tree_rename(tree, "a", "c"); /* its positions tell that it is known */
    assert_string_equal(offered(d, tree, 0), "c");
    assert_int_equal(eg_directory_account(d).known, 1);
    eg_directory_close(d);
}

static void directories_that_go(void **state) {
    const char *tree = *state;
    tree_make(tree, "root");
    tree_make(tree, "root/sub");
    tree_write(tree, "root/sub/a", "x", 100);
    const char *root = tree_path(tree, "root");
    struct eg_directory *d = follow(root, (struct eg_directory_options){.look_ms = 20});
    assert_string_equal(offered(d, tree, 0), "root/sub/a");
    done(d, tree, "root/sub/a", EG_DIRECTORY_READ);
    tree_clear(root);
    assert_string_equal(offered(d, tree, 200), "");
    assert_int_equal(log_count, 1); /* told once, though looked at many times */
    assert_non_null(strstr(log_text, root));
    assert_true(eg_directory_account(d).looks > 3);
    tree_make(tree, "root");
    tree_write(tree, "root/b", "x", 0);
    assert_string_equal(offered(d, tree, 5000), "root/b");
    done(d, tree, "root/b", EG_DIRECTORY_READ);
    assert_string_equal(offered(d, tree, 50), "");
    tree_clear(root);
    assert_string_equal(offered(d, tree, 100), "");
    assert_int_equal(log_count, 2);
    eg_directory_close(d);
}

/* A directory that moves takes its watch along: names told by it must not be the old ones. */
static void directories_that_move(void **state) {
    const char *tree = *state;
    tree_make(tree, "one");
    tree_make(tree, "one/sub");
    struct eg_directory *d = follow(tree, (struct eg_directory_options){.look_ms = NEVER});
    assert_string_equal(offered(d, tree, 1), "");
    tree_rename(tree, "one", "two");
    tree_write(tree, "two/sub/a", "x", 0);
    assert_string_equal(offered(d, tree, 5000), "two/sub/a");
    done(d, tree, "two/sub/a", EG_DIRECTORY_READ);
    tree_write(tree, "two/sub/b", "x", 0);
    assert_string_equal(offered(d, tree, 5000), "two/sub/b");
    assert_true(eg_directory_account(d).lost > 0);
    eg_directory_close(d);
}

static void permission_lost(void **state) {
    const char *tree = *state;
    if (geteuid() == 0) assert_int_equal(chmod(tree, 0777), 0);
    tree_make(tree, "sub");
    tree_write(tree, "sub/a", "x", 100);
    tree_write(tree, "b", "x", 200);
    bool root = geteuid() == 0;
    if (root) assert_int_equal(chown(tree_path(tree, "sub"), 65534, 65534), 0);
    if (root) assert_int_equal(seteuid(65534), 0);
    struct eg_directory *d = follow(tree, (struct eg_directory_options){0});
    assert_string_equal(offered(d, tree, 0), "sub/a b");
    done(d, tree, "sub/a", EG_DIRECTORY_READ);
    done(d, tree, "b", EG_DIRECTORY_READ);
    assert_int_equal(chmod(tree_path(tree, "sub"), 0), 0);
    for (int i = 0; i < 3; i++) assert_string_equal(offered(d, tree, 0), "");
    assert_int_equal(log_count, 1);
    assert_non_null(strstr(log_text, "sub: Permission denied"));
    assert_int_equal(eg_directory_account(d).known, 2); /* nobody knows that it is gone */
    assert_int_equal(chmod(tree_path(tree, "sub"), 0755), 0);
    assert_string_equal(offered(d, tree, 0), "");
    eg_directory_close(d);
    if (root) assert_int_equal(seteuid(0), 0);
}

/* More files than the queue of events holds (16,384 events at most, two for a file). */
static void very_many_files(void **state) {
    const char *tree = *state;
    struct eg_directory *d = follow(tree, (struct eg_directory_options){.look_ms = NEVER, .offer_max = 3000});
    assert_string_equal(offered(d, tree, 1), "");
    for (int i = 0; i < 10000; i++) {
        char name[32];
        snprintf(name, sizeof name, "%05d", i);
        int fd = open(tree_path(tree, name), O_WRONLY | O_CREAT, 0666);
        assert_int_equal(write(fd, "x", 1), 1);
        close(fd);
    }
    char *seen = calloc(10000, 1);
    size_t count = 0;
    for (;;) {
        struct eg_paths paths = {0};
        enum eg_status status = eg_directory_wait(d, 10, &paths, NULL);
        assert_true(paths.count <= 3000);
        for (size_t i = 0; i < paths.count; i++) {
            int number = atoi(strrchr(paths.paths[i], '/') + 1);
            assert_int_equal(seen[number]++, 0);
            count++;
            eg_directory_done(d, paths.paths[i], EG_DIRECTORY_READ);
        }
        eg_paths_reset(&paths);
        if (status == EG_AGAIN) break;
    }
    assert_int_equal(count, 10000);
    free(seen);
    struct eg_directory_account account = eg_directory_account(d);
    assert_int_equal(account.known, 10000);
    assert_int_equal(account.offered, 10000);
    FILE *limit = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
    int most = 0;
    if (limit && fscanf(limit, "%d", &most) == 1 && most < 20000) assert_true(account.lost > 0);
    if (limit) fclose(limit);
    eg_directory_close(d);
}

static void no_more_files_than_remembered(void **state) {
    const char *tree = *state;
    for (int i = 0; i < 10; i++) {
        char name[8];
        snprintf(name, sizeof name, "%d", i);
        tree_write(tree, name, "x", 100 + i);
    }
    struct eg_directory *d = follow(tree, (struct eg_directory_options){.files_max = 4, .after = EG_AFTER_DELETE, .rest_ms = 1});
    size_t all = 0;
    for (int i = 0; i < 20; i++) {
        struct eg_paths paths = {0};
        if (eg_directory_wait(d, 0, &paths, NULL) == EG_AGAIN) break;
        if (i == 0) assert_int_equal(eg_directory_account(d).left_out, 6);
        assert_int_equal(paths.count, i < 2 ? 4 : 2);
        all += paths.count;
        for (size_t k = 0; k < paths.count; k++) eg_directory_done(d, paths.paths[k], EG_DIRECTORY_READ);
        eg_paths_reset(&paths);
    }
    assert_int_equal(all, 10);
    assert_int_equal(eg_directory_account(d).deleted, 10);
    eg_directory_close(d);
}

/* Where the system has no watches left, looking finds everything. */
static void without_watches(void **state) {
    const char *tree = *state;
    struct rlimit before, none;
    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    int next = open("/dev/null", O_RDONLY);
    close(next);
    none.rlim_cur = (rlim_t)next;
    setrlimit(RLIMIT_NOFILE, &none);
    struct eg_directory *d = follow(tree, (struct eg_directory_options){.look_ms = 30});
    setrlimit(RLIMIT_NOFILE, &before);
    assert_false(eg_directory_account(d).watching);
    assert_int_equal(log_count, 1);
    assert_non_null(strstr(log_text, "looking every 0.0 s"));
    assert_string_equal(offered(d, tree, 1), "");
    tree_write(tree, "a", "x", 0);
    assert_string_equal(offered(d, tree, 5000), "a");
    eg_directory_close(d);
}

static void waiting_ends(void **state) {
    const char *tree = *state;
    struct eg_directory *d = follow(tree, (struct eg_directory_options){.look_ms = NEVER});
    struct eg_paths paths = {0};
    struct eg_error err;
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    assert_int_equal(eg_directory_wait(d, 250, &paths, &err), EG_AGAIN);
    clock_gettime(CLOCK_MONOTONIC, &to);
    assert_in_range((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000, 249, 5000);
    cancel = true;
    assert_int_equal(eg_directory_wait(d, -1, &paths, &err), EG_E_CANCELLED);
    eg_directory_close(d);
    eg_directory_close(NULL);
}

/* ---- afterwards ---- */

static void moved_when_read(void **state) {
    const char *tree = *state;
    tree_make(tree, "in");
    tree_make(tree, "in/sub");
    tree_write(tree, "in/sub/a", "x", 100);
    tree_write(tree, "in/cut", "x", 200);
    tree_write(tree, "in/failed", "x", 300);
    tree_write(tree, "in/later", "x", 400);
    tree_write(tree, "in/changed", "x", 500);
    const char *in = tree_path(tree, "in");
    struct eg_directory *d = follow(in, (struct eg_directory_options){
        .after = EG_AFTER_MOVE, .move_to = tree_path(tree, "in/done")});
    assert_string_equal(offered(d, tree, 0), "in/sub/a in/cut in/failed in/later in/changed");
    tree_write(tree, "in/changed", "y", 0);
    done(d, tree, "in/sub/a", EG_DIRECTORY_READ);
    done(d, tree, "in/cut", EG_DIRECTORY_CUT);
    done(d, tree, "in/failed", EG_DIRECTORY_FAILED);
    done(d, tree, "in/later", EG_DIRECTORY_LATER);
    done(d, tree, "in/changed", EG_DIRECTORY_READ);
    assert_true(tree_has(tree, "in/done/sub/a") && !tree_has(tree, "in/sub/a"));
    assert_true(tree_has(tree, "in/cut") && tree_has(tree, "in/failed") && tree_has(tree, "in/later") &&
                tree_has(tree, "in/changed"));
    assert_string_equal(offered(d, tree, 0), "in/later in/changed"); /* nothing of in/done */
    done(d, tree, "in/later", EG_DIRECTORY_READ);
    done(d, tree, "in/changed", EG_DIRECTORY_READ);
    tree_write(tree, "in/cut", "rest", 0);
    assert_string_equal(offered(d, tree, 0), "in/cut");
    done(d, tree, "in/cut", EG_DIRECTORY_READ);
    assert_true(tree_has(tree, "in/done/cut") && tree_has(tree, "in/done/later") &&
                tree_has(tree, "in/done/changed"));
    assert_int_equal(eg_directory_account(d).moved, 4);
    assert_int_equal(eg_directory_account(d).known, 1);
    assert_int_equal(log_count, 0);
    eg_directory_close(d);
}

/* As long as somebody has it open for writing, a file stays, even when all that is in it was read. */
static void writers_keep_their_files(void **state) {
    const char *tree = *state;
    FILE *writer = fopen(tree_path(tree, "a"), "w");
    fputs("x", writer);
    fflush(writer);
    struct eg_directory *d = follow(tree, (struct eg_directory_options){.after = EG_AFTER_DELETE, .look_ms = 20});
    assert_string_equal(offered(d, tree, 0), "a");
    done(d, tree, "a", EG_DIRECTORY_READ);
    assert_string_equal(offered(d, tree, 100), "");
    assert_true(tree_has(tree, "a"));
    fputs("y", writer);
    fflush(writer);
    assert_string_equal(offered(d, tree, 5000), "a");
    done(d, tree, "a", EG_DIRECTORY_READ);
    assert_true(tree_has(tree, "a"));
    fclose(writer);
    assert_string_equal(offered(d, tree, 200), "");
    assert_false(tree_has(tree, "a"));
    assert_int_equal(eg_directory_account(d).deleted, 1);
    assert_int_equal(eg_directory_account(d).known, 0);
    eg_directory_close(d);
}

/* Of another user's file nobody says whether it is written to: that is told once, and time must do. */
static void others_files_wait(void **state) {
    const char *tree = *state;
    if (geteuid() != 0) skip();
    assert_int_equal(chmod(tree, 0777), 0);
    tree_write(tree, "a", "x", 0);
    tree_write(tree, "b", "y", 0);
    assert_int_equal(seteuid(65534), 0);
    struct eg_directory *d = follow(tree, (struct eg_directory_options){.after = EG_AFTER_DELETE});
    assert_string_equal(offered(d, tree, 0), "a b");
    done(d, tree, "a", EG_DIRECTORY_READ);
    done(d, tree, "b", EG_DIRECTORY_READ);
    assert_int_equal(log_count, 1);
    assert_non_null(strstr(log_text, "CAP_LEASE"));
    eg_directory_close(d);
    assert_int_equal(seteuid(0), 0);
    assert_true(tree_has(tree, "a") && tree_has(tree, "b"));
}

static void what_cannot_be_deleted_stays(void **state) {
    const char *tree = *state;
    if (geteuid() == 0) assert_int_equal(chmod(tree, 0777), 0);
    tree_make(tree, "sub");
    tree_write(tree, "sub/a", "x", 100);
    bool root = geteuid() == 0;
    if (root) assert_int_equal(chown(tree_path(tree, "sub/a"), 65534, 65534), 0);
    assert_int_equal(chmod(tree_path(tree, "sub"), 0555), 0);
    if (root) assert_int_equal(seteuid(65534), 0);
    struct eg_directory *d = follow(tree, (struct eg_directory_options){.after = EG_AFTER_DELETE, .rest_ms = 1});
    assert_string_equal(offered(d, tree, 0), "sub/a");
    done(d, tree, "sub/a", EG_DIRECTORY_READ);
    assert_int_equal(log_count, 1);
    assert_non_null(strstr(log_text, "cannot delete"));
    for (int i = 0; i < 3; i++) assert_string_equal(offered(d, tree, 0), "");
    assert_int_equal(log_count, 1); /* not again and again */
    eg_directory_close(d);
    if (root) assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(tree_path(tree, "sub"), 0755), 0);
}

/* ---- what is refused ---- */

static void refused(const char *root, const char *move_to, enum eg_status expected, const char *says) {
    const char *const roots[] = {root};
    struct eg_directory_options options = {.roots = roots, .root_count = 1};
    if (move_to) options.after = EG_AFTER_MOVE, options.move_to = move_to;
    struct eg_directory *d = NULL;
    struct eg_error err = {0};
    struct eg_env env = test_env();
    assert_int_equal(eg_directory_open(&d, &env, &options, &err), expected);
    assert_null(d);
    if (!strstr(err.message, says)) fail_msg("\"%s\" does not say \"%s\"", err.message, says);
}

static void bad_places(void **state) {
    const char *tree = *state;
    tree_write(tree, "file", "x", 0);
    refused(tree_path(tree, "gone"), NULL, EG_E_NOENT, "gone");
    refused(tree_path(tree, "file"), NULL, EG_E_USAGE, "is not a directory");
    refused(tree, tree, EG_E_USAGE, "moved out of");
    refused(tree, "", EG_E_USAGE, "to some directory");
    struct stat one, two;
    if (stat("/dev/shm", &one) == 0 && stat(tree, &two) == 0 && one.st_dev != two.st_dev &&
        access("/dev/shm", W_OK) == 0)
        refused(tree, "/dev/shm", EG_E_USAGE, "on another file system");
}

static void no_memory(void **state) {
    const char *tree = *state;
    tree_make(tree, "sub");
    tree_write(tree, "a", "x", 100);
    tree_write(tree, "sub/b", "x", 200);
    const char *const roots[] = {tree};
    bool failed = true;
    struct eg_env env = test_env();
    for (long n = 0; failed; n++) {
        struct eg_directory_options options = {.roots = roots, .root_count = 1, .pattern = "*"};
        struct eg_directory *d = NULL;
        struct eg_paths paths = {0};
        torture_fail_after(n);
        enum eg_status status = eg_directory_open(&d, &env, &options, NULL);
        if (status >= 0) status = eg_directory_wait(d, 0, &paths, NULL);
        failed = torture_off();
        if (status < 0) assert_int_equal(status, EG_E_NOMEM);
        /* nothing is forgotten by it */
        if (d) {
            size_t all = paths.count;
            if (all < 2 && eg_directory_wait(d, 0, &paths, NULL) == EG_OK) all = paths.count;
            assert_int_equal(all, 2);
        }
        eg_paths_reset(&paths);
        eg_directory_close(d);
    }
}

#define IN_TREE(test) cmocka_unit_test_setup_teardown(test, tree_setup, tree_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        IN_TREE(what_is_offered),
        IN_TREE(several_roots),
        IN_TREE(told),
        IN_TREE(grown_and_changed),
        IN_TREE(failed_files_wait_for_a_change),
        IN_TREE(files_that_go),
        IN_TREE(directories_that_go),
        IN_TREE(directories_that_move),
        IN_TREE(permission_lost),
        IN_TREE(very_many_files),
        IN_TREE(no_more_files_than_remembered),
        IN_TREE(without_watches),
        IN_TREE(waiting_ends),
        IN_TREE(moved_when_read),
        IN_TREE(writers_keep_their_files),
        IN_TREE(what_cannot_be_deleted_stays),
        IN_TREE(others_files_wait),
        IN_TREE(bad_places),
        IN_TREE(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
