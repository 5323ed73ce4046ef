/* SPDX-License-Identifier: Apache-2.0
 * Opening: every bad place gets its own answer and stays as it was; positions; locks of sources. */
#include "scratch.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void answer(const char *path, enum eg_dataset_mode mode, enum eg_status expected,
                   const char *text) {
    struct eg_dataset *ds = NULL;
    scratch_err = (struct eg_error){0};
    enum eg_status status = eg_dataset_open(&ds, path, mode, &test_env, ERR);
    if (status >= 0) eg_dataset_close(ds);
    assert_int_equal(status, expected);
    if (!strstr(scratch_err.message, text) || !strstr(scratch_err.message, path))
        fail_msg("\"%s\" does not say \"%s\" and %s", scratch_err.message, text, path);
}

static void bad_places(void **state) {
    char *none = eg_path_join(*state, "none"), *file = eg_path_join(*state, "file");
    char *below = eg_path_join(file, "d"), *other = eg_path_join(*state, "other");
    answer(none, EG_DATASET_READ, EG_E_NOENT, "no dataset at");
    must(eg_file_create(file, "", 0, ERR));
    answer(file, EG_DATASET_READ, EG_E_FORMAT, "is a file");
    answer(file, EG_DATASET_WRITE, EG_E_FORMAT, "is a file");
    answer(below, EG_DATASET_WRITE, EG_E_NOENT, "cannot open");
    must(eg_dir_make(other, ERR));
    answer(other, EG_DATASET_READ, EG_E_NOENT, "no dataset at");
    char *thing = eg_path_join(other, "thing");
    must(eg_file_create(thing, "", 0, ERR));
    answer(other, EG_DATASET_READ, EG_E_FORMAT, "is no dataset: it holds other things (thing)");
    answer(other, EG_DATASET_WRITE, EG_E_FORMAT, "is not a dataset");
    answer(other, EG_DATASET_WRITE, EG_E_FORMAT, "choose an empty or a new directory");
    answer("", EG_DATASET_READ, EG_E_USAGE, "a dataset needs a name");
    answer("", EG_DATASET_WRITE, EG_E_USAGE, "a dataset needs a name");
    char *list = scratch_list(*state);
    assert_string_equal(list, "file\nother/thing\n");
    eg_free(list);
    eg_free(thing);
    eg_free(other);
    eg_free(below);
    eg_free(file);
    eg_free(none);
}

/* "." and empty names are left out; what the engine could not open is refused. */
static void names_of_places(void **state) {
    struct eg_strbuf odd = {0};
    struct eg_dataset *ds = NULL;
    eg_strbuf_printf(&odd, "%s/.//d/./", (const char *)*state);
    char *plain = eg_path_join(*state, "d");
    must(eg_dataset_open(&ds, odd.text, EG_DATASET_WRITE, &test_env, ERR));
    assert_string_equal(eg_dataset_path(ds), plain);
    eg_dataset_close(ds);
    must(eg_dataset_open(&ds, "/./", EG_DATASET_READ, &test_env, NULL) == EG_E_FORMAT ? EG_OK : EG_E_IO);
    answer(plain, EG_DATASET_READ, EG_E_NOENT, "no dataset at");
    char *bytes = eg_path_join(*state, "caf\xe9");
    answer(bytes, EG_DATASET_WRITE, EG_E_USAGE, "where all names are UTF-8");
    answer(bytes, EG_DATASET_READ, EG_E_USAGE, "where all names are UTF-8");
    eg_free(bytes);
    eg_free(plain);
    eg_strbuf_reset(&odd);
}

static void newer_version(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_dataset *ds = open_writer(root);
    must(try_commit(ds, 1, NULL, ERR));
    eg_dataset_close(ds);
    char *about = eg_path_join(root, "_earlgrey/dataset.json");
    const char *newer = "{\"schema\": 2, \"program\": \"0.9.7\"}";
    must(eg_file_replace(about, newer, strlen(newer), ERR));
    char *before = scratch_list(root);
    answer(root, EG_DATASET_READ, EG_E_TOO_NEW, "version 2, made by earlgrey 0.9.7");
    answer(root, EG_DATASET_WRITE, EG_E_TOO_NEW, "knows up to version 1");
    char *after = scratch_list(root);
    assert_string_equal(after, before);
    must(eg_file_replace(about, "[]", 2, ERR));
    answer(root, EG_DATASET_READ, EG_E_FORMAT, "no schema version");
    eg_free(before);
    eg_free(after);
    eg_free(about);
    eg_free(root);
}

/* In a process without root's rights. */
static int as_nobody(void (*what)(const char *root), const char *root) {
    pid_t child = fork();
    if (child == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0) _exit(77);
        what(root);
        _exit(0);
    }
    int result;
    waitpid(child, &result, 0);
    return WIFEXITED(result) ? WEXITSTATUS(result) : 1000;
}

static void read_it(const char *root) {
    struct eg_dataset *ds;
    struct eg_dataset_file *files;
    size_t count;
    if (eg_dataset_open(&ds, root, EG_DATASET_READ, &test_env, NULL) < 0) _exit(1);
    if (eg_dataset_files(ds, EG_TABLE_FLOWS, NOON, NOON, &files, &count, NULL) < 0) _exit(2);
    if (count != 1) _exit(3);
    eg_dataset_files_free(files, count);
    eg_dataset_close(ds);
}

static void fail_to_write(const char *root) {
    struct eg_dataset *ds = NULL;
    struct eg_error err = {0};
    if (eg_dataset_open(&ds, root, EG_DATASET_WRITE, &test_env, &err) != EG_E_ACCESS) _exit(1);
    if (!strstr(err.message, root) || !strstr(err.message, "-d")) _exit(2);
}

static void without_permission(void **state) {
    if (getuid() != 0) skip();
    char *root = eg_path_join(*state, "d"), *new_one = eg_path_join(*state, "e");
    struct eg_dataset *ds = open_writer(root);
    must(try_commit(ds, 2, NULL, ERR));
    eg_dataset_close(ds);
    assert_int_equal(chmod(*state, 0755), 0);
    assert_int_equal(as_nobody(read_it, root), 0);
    assert_int_equal(as_nobody(fail_to_write, root), 0);
    assert_int_equal(as_nobody(fail_to_write, new_one), 0);
    /* … and without the catalog, out of the journal alone */
    char *catalog = eg_path_join(root, "_earlgrey/catalog.sqlite");
    unlink(catalog);
    assert_int_equal(as_nobody(read_it, root), 0);
    assert_int_equal(access(catalog, F_OK), -1);
    eg_free(catalog);
    eg_free(new_one);
    eg_free(root);
}

/* A disk that is mounted read-only, as root sees it. */
static void read_only_disk(void **state) {
    char *root = eg_path_join(*state, "d");
    must(eg_dir_make(root, ERR));
    if (getuid() != 0 || mount("none", root, "tmpfs", 0, "size=1m") != 0) skip();
    struct eg_dataset *ds = open_writer(root);
    must(try_commit(ds, 2, NULL, ERR));
    eg_dataset_close(ds);
    assert_int_equal(mount("none", root, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=1m"), 0);
    read_it(root);
    answer(root, EG_DATASET_WRITE, EG_E_ACCESS, "no permission to write");
    assert_int_equal(umount(root), 0);
    eg_free(root);
}

/* A full disk: the commit fails with its path, nothing is left of it, and it works once there is
 * room again. */
static void full_disk(void **state) {
    char *root = eg_path_join(*state, "d"), *ballast = eg_path_join(*state, "d/ballast");
    must(eg_dir_make(root, ERR));
    if (getuid() != 0 || mount("none", root, "tmpfs", 0, "size=1m") != 0) skip();
    struct eg_position p = position_at("k", 100);
    struct eg_dataset *ds = open_writer(root);
    must(try_commit(ds, 1, NULL, ERR));
    char *before = scratch_list(root);
    static char block[4096];
    FILE *fill = fopen(ballast, "w");
    while (fwrite(block, 1, sizeof block, fill) == sizeof block && fflush(fill) == 0) continue;
    fclose(fill);
    assert_int_equal(try_commit(ds, 3, &p, ERR), EG_E_NOSPACE);
    assert_non_null(strstr(scratch_err.message, root));
    unlink(ballast);
    char *after = scratch_list(root);
    assert_string_equal(after, before);
    must(try_commit(ds, 3, &p, ERR));
    assert_int_equal(scratch_count(root, ".parquet"), 4);
    eg_dataset_close(ds);
    eg_free(before);
    eg_free(after);
    assert_int_equal(umount(root), 0);
    eg_free(root);
    eg_free(ballast);
}

static size_t position_count(struct eg_dataset *ds) {
    struct eg_position *positions;
    size_t count;
    must(eg_dataset_positions(ds, &positions, &count, ERR));
    eg_free(positions);
    return count;
}

static void positions(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_dataset *ds = open_writer(root);
    struct eg_position p = position_at("k", 100), q = position_at("k", 200);
    assert_int_equal(position_count(ds), 0); /* there is nothing on disk at all */
    must(try_commit(ds, 1, &p, ERR));
    must(try_commit(ds, 1, &q, ERR));
    assert_int_equal(position_count(ds), 1);
    struct eg_dataset *other = open_reader(root);
    struct eg_position *list;
    size_t count;
    must(eg_dataset_positions(other, &list, &count, ERR));
    assert_int_equal(count, 1);
    assert_memory_equal(list, &q, sizeof q);
    eg_free(list);
    eg_dataset_close(other);
    eg_dataset_close(ds);
    eg_free(root);
}

static void source_locks(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_dataset *one = open_writer(root), *two = open_writer(root);
    must(eg_dataset_lock_source(one, "topic/7", "topic/7", "a.pcap", ERR));
    must(eg_dataset_lock_source(one, "topic/7", "topic/7", "a.pcap", ERR)); /* ours already */
    must(eg_dataset_lock_source(two, "topic/8", "topic/8", "b.pcap", ERR));
    assert_int_equal(eg_dataset_lock_source(two, "topic/7", "topic/7", "copy.pcap", ERR),
                     EG_E_LOCKED);
    char process[64];
    snprintf(process, sizeof process, "copy.pcap is being ingested into %.20s", root);
    assert_non_null(strstr(scratch_err.message, process));
    snprintf(process, sizeof process, "by process %d", (int)getpid());
    assert_non_null(strstr(scratch_err.message, process));
    eg_dataset_close(one);
    must(eg_dataset_lock_source(two, "topic/7", "topic/7", "copy.pcap", ERR));
    eg_dataset_close(two);
    char *list = scratch_list(root); /* nobody put anything in */
    assert_string_equal(list, "");
    eg_free(list);
    eg_free(root);
}

/* Many captures begin alike: each has a lock of its own, but for those too short for one. */
static void source_locks_of_one_key(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_dataset *one = open_writer(root), *two = open_writer(root);
    must(eg_dataset_lock_source(one, "k", "lock a", "a.pcap", ERR));
    must(eg_dataset_lock_source(two, "k", "lock b", "b.pcap", ERR));
    assert_int_equal(eg_dataset_lock_source(two, "k", "lock a", "copy.pcap", ERR), EG_E_LOCKED);
    char process[64];
    snprintf(process, sizeof process, "by process %d (as a.pcap): wait", (int)getpid());
    assert_non_null(strstr(scratch_err.message, process));
    assert_int_equal(eg_dataset_lock_source(two, "k", "lock a", "a.pcap", ERR), EG_E_LOCKED);
    assert_null(strstr(scratch_err.message, "(as"));
    must(eg_dataset_lock_source(one, "k", "k", "short.pcap", ERR));
    must(eg_dataset_lock_source(one, "k", "lock c", "c.pcap", ERR)); /* the short one is ours */
    assert_int_equal(eg_dataset_lock_source(two, "k", "lock d", "grown.pcap", ERR), EG_E_LOCKED);
    assert_non_null(strstr(scratch_err.message, "(as short.pcap)"));
    eg_dataset_close(one);
    must(eg_dataset_lock_source(two, "k", "lock d", "grown.pcap", ERR));
    eg_dataset_close(two);
    eg_free(root);
}

static size_t news_count(struct eg_dataset *ds, const char *key) {
    struct eg_position *news;
    size_t count;
    must(eg_dataset_news(ds, &news, &count, ERR));
    for (size_t i = 0; i < count; i++) assert_string_equal(news[i].key, key);
    eg_free(news);
    return count;
}

/* Positions read, then somebody else finishes the source, then we get its lock: that is news. */
static void finished_meanwhile(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_position p = position_at("k", 100), own = position_at("own", 7);
    struct eg_dataset *two = open_writer(root);
    assert_int_equal(news_count(two, ""), 0); /* nothing was asked for */
    assert_int_equal(position_count(two), 0);
    struct eg_dataset *one = open_writer(root);
    must(eg_dataset_lock_source(one, "k", "k", "k.pcap", ERR));
    must(try_commit(one, 1, &p, ERR));
    eg_dataset_close(one);
    must(eg_dataset_lock_source(two, "k", "k", "k.pcap", ERR));
    assert_int_equal(news_count(two, "k"), 1);
    assert_int_equal(news_count(two, "k"), 0); /* told once */
    must(try_commit(two, 1, &own, ERR));
    assert_int_equal(news_count(two, ""), 0); /* one's own are none */
    assert_int_equal(position_count(two), 2);
    eg_dataset_close(two);
    eg_free(root);
}

/* Far more sources than files a process may have open, and given back between runs. */
static void very_many_sources(void **state) {
    char *root = eg_path_join(*state, "d"), lock[40];
    struct rlimit before, few;
    getrlimit(RLIMIT_NOFILE, &before);
    few = before;
    few.rlim_cur = 40;
    struct eg_dataset *one = open_writer(root), *two = open_writer(root);
    setrlimit(RLIMIT_NOFILE, &few);
    for (int i = 0; i < 200; i++) {
        snprintf(lock, sizeof lock, "lock %d", i);
        must(eg_dataset_lock_source(one, "k", lock, "a\nb.pcap", ERR));
    }
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(scratch_count(root, "source-"), 200);
    assert_int_equal(eg_dataset_lock_source(two, "k", "lock 7", "a b.pcap", ERR), EG_E_LOCKED);
    assert_null(strstr(scratch_err.message, "(as"));
    eg_dataset_unlock_sources(one);
    assert_int_equal(scratch_count(root, "source-"), 0);
    must(eg_dataset_lock_source(two, "k", "lock 7", "b.pcap", ERR));
    assert_int_equal(eg_dataset_lock_source(one, "k", "lock 7", "a.pcap", ERR), EG_E_LOCKED);
    eg_dataset_close(one);
    assert_int_equal(scratch_count(root, "source-"), 1); /* not ours to give back */
    eg_dataset_close(two);
    eg_free(root);
}

static void migration_keeps_out(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_dataset *ds = open_writer(root);
    must(try_commit(ds, 1, NULL, ERR));
    eg_dataset_close(ds);
    struct eg_lock lock;
    char *path = eg_lock_path(root, "dataset.lock");
    must(eg_lock_take(&lock, path, EG_LOCK_TRY, "migration", NULL, ERR));
    answer(root, EG_DATASET_READ, EG_E_LOCKED, "being migrated");
    answer(root, EG_DATASET_WRITE, EG_E_LOCKED, "being migrated");
    eg_lock_give(&lock, false);
    eg_free(path);
    eg_free(root);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(bad_places),       IN_SCRATCH(names_of_places),
        IN_SCRATCH(newer_version), IN_SCRATCH(without_permission),
        IN_SCRATCH(read_only_disk),   IN_SCRATCH(full_disk),     IN_SCRATCH(positions),
        IN_SCRATCH(source_locks),     IN_SCRATCH(source_locks_of_one_key),
        IN_SCRATCH(finished_meanwhile), IN_SCRATCH(very_many_sources),
        IN_SCRATCH(migration_keeps_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
