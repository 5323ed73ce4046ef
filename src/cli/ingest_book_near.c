/* SPDX-License-Identifier: Apache-2.0
 * Books of other commands that read the same files, by the lines "#input PATH" behind their first one. */
#include "cli/ingest_book_near.h"

#include "base/alloc.h"
#include "base/durable.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK "#input "
#define LINES_BYTES 48000 /* of such lines in a book */
#define HEAD_BYTES 49152  /* of a book that is looked at */
#define LOOKED_AT 10000   /* books */
#define NAME_SIZE 16      /* hex digits */

void eg_book_inputs_put(struct eg_strbuf *to, char *const *inputs, size_t count) {
    size_t begin = to->size;
    for (size_t i = 0; i < count; i++) {
        char path[PATH_MAX];
        if (!realpath(inputs[i], path) || strchr(path, '\n')) continue;
        if (to->size - begin + strlen(path) + sizeof MARK >= LINES_BYTES) continue;
        eg_strbuf_printf(to, MARK "%s\n", path);
    }
}

/* ---- which inputs are near ---- */

struct paths {
    char **items; /* in order */
    size_t count;
};

static void paths_reset(struct paths *paths) {
    for (size_t i = 0; i < paths->count; i++) eg_free(paths->items[i]);
    eg_free(paths->items);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum eg_status paths_make(struct paths *out, char *const *inputs, size_t count,
                                 struct eg_error *err) {
    *out = (struct paths){.items = eg_calloc(count + 1, sizeof(char *))};
    if (!out->items) return eg_fail(err, EG_E_NOMEM, "no memory for the names of inputs");
    for (size_t i = 0; i < count; i++) {
        char path[PATH_MAX];
        if (!realpath(inputs[i], path)) continue;
        char *copy = eg_strdup(path);
        if (copy) out->items[out->count++] = copy;
    }
    qsort(out->items, out->count, sizeof *out->items, by_text);
    return EG_OK;
}

/* The first one that is not before the text. */
static size_t lower_bound(const struct paths *paths, const char *text) {
    size_t from = 0, to = paths->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (strcmp(paths->items[middle], text) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool has(const struct paths *paths, const char *text) {
    size_t at = lower_bound(paths, text);
    return at < paths->count && strcmp(paths->items[at], text) == 0;
}

/* `path` is one of them, lies in one, or one lies in it. It is written to, and restored. */
static bool near(const struct paths *paths, char *path, size_t size) {
    bool found = has(paths, path);
    for (size_t i = size; i-- > 1 && !found;) {
        if (path[i] != '/') continue;
        path[i] = 0;
        found = has(paths, path);
        path[i] = '/';
    }
    path[size] = '/'; /* where its end was */
    char behind = path[size + 1];
    path[size + 1] = 0;
    size_t at = lower_bound(paths, path);
    found = found || (at < paths->count && strncmp(paths->items[at], path, size + 1) == 0);
    path[size] = 0;
    path[size + 1] = behind;
    return found;
}

/* ---- books ---- */

/* Whether the book, of which this is the beginning (with two bytes of room behind it), is near. */
static bool head_near(const struct paths *paths, char *head) {
    const size_t mark = strlen(MARK);
    char *line = strchr(head, '\n');
    while (line && strncmp(line + 1, MARK, mark) == 0) {
        char *path = line + 1 + mark, *end = strchr(path, '\n');
        if (!end) return false;
        *end = 0;
        bool found = near(paths, path, (size_t)(end - path));
        *end = '\n';
        if (found) return true;
        line = end;
    }
    return false;
}

static bool book_near(const struct paths *paths, const char *path, char *room) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t size = pread(fd, room, HEAD_BYTES, 0);
    close(fd);
    if (size <= 0) return false;
    memset(room + size, 0, 2);
    return head_near(paths, room);
}

struct aged {
    char *path;
    struct timespec time;
};

static int by_age(const void *a, const void *b) {
    const struct aged *x = a, *y = b;
    if (x->time.tv_sec != y->time.tv_sec) return x->time.tv_sec < y->time.tv_sec ? -1 : 1;
    if (x->time.tv_nsec != y->time.tv_nsec) return x->time.tv_nsec < y->time.tv_nsec ? -1 : 1;
    return strcmp(x->path, y->path);
}

/* Takes the path where it answers true. */
static bool book_take(struct aged **books, size_t *count, char *path) {
    struct stat about;
    if (stat(path, &about) != 0) return false;
    struct aged *grown = eg_realloc(*books, *count + 1, sizeof *grown);
    if (!grown) return false;
    grown[(*count)++] = (struct aged){path, about.st_mtim};
    *books = grown;
    return true;
}

static void folder_look(DIR *folder, const char *name, const struct paths *paths, char *room,
                        struct aged **books, size_t *count) {
    const struct dirent *entry;
    for (int looked = 0; looked < LOOKED_AT && (entry = readdir(folder)); looked++) {
        if (strlen(entry->d_name) != NAME_SIZE ||
            strspn(entry->d_name, "0123456789abcdef") != NAME_SIZE)
            continue;
        char *path = eg_path_join(name, entry->d_name);
        if (!path || !book_near(paths, path, room) || !book_take(books, count, path)) eg_free(path);
    }
}

enum eg_status eg_near_books_find(struct eg_near_books *out, const char *folder,
                                  char *const *inputs, size_t count, struct eg_error *err) {
    struct paths paths;
    struct aged *books = NULL;
    size_t found = 0;
    *out = (struct eg_near_books){0};
    EG_TRY(paths_make(&paths, inputs, count, err));
    char *room = eg_malloc(HEAD_BYTES + 2);
    DIR *all = room ? opendir(folder) : NULL;
    if (all) folder_look(all, folder, &paths, room, &books, &found);
    if (all) closedir(all);
    if (found) qsort(books, found, sizeof *books, by_age);
    out->paths = eg_calloc(found + 1, sizeof *out->paths);
    for (size_t i = 0; i < found; i++)
        if (out->paths)
            out->paths[out->count++] = books[i].path;
        else
            eg_free(books[i].path);
    eg_free(books);
    eg_free(room);
    paths_reset(&paths);
    if (!room || !out->paths) return eg_fail(err, EG_E_NOMEM, "no memory for the list of books");
    return EG_OK;
}

void eg_near_books_reset(struct eg_near_books *books) {
    for (size_t i = 0; i < books->count; i++) eg_free(books->paths[i]);
    eg_free(books->paths);
    *books = (struct eg_near_books){0};
}
