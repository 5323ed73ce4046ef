/* SPDX-License-Identifier: Apache-2.0
 * Which files a pattern names, and which files SQL may read at all. DuckDB's own confinement does
 * not bind our table functions, so they ask here: links are resolved before the question, and what
 * was asked about is what is opened. */
#include "base/alloc.h"
#include "engine/inside.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 64        /* of directories below a ** */
#define MATCHES_MAX 1000000 /* of one pattern */

/* ---- the list of what may be read ---- */

/* "a//b/./c/../d" below the working directory -> "/cwd/a/b/d", by the text alone. */
static char *absolute(const char *path) {
    struct eg_strbuf text = {0};
    if (*path != '/') {
        char here[PATH_MAX];
        if (!getcwd(here, sizeof here)) return NULL;
        eg_strbuf_text(&text, here);
        if (text.size == 1) text.size = 0; /* the root itself */
    }
    for (const char *at = path; *at;) {
        at += strspn(at, "/");
        size_t size = strcspn(at, "/");
        if (size == 2 && memcmp(at, "..", 2) == 0) {
            while (text.size && text.text[--text.size] != '/') {}
        } else if (size && !(size == 1 && *at == '.')) {
            eg_strbuf_char(&text, '/');
            eg_strbuf_add(&text, at, size);
        }
        at += size;
    }
    if (!text.size) eg_strbuf_char(&text, '/');
    if (eg_strbuf_reserve(&text, 1)) text.text[text.size] = 0;
    return eg_strbuf_take(&text);
}

static enum eg_status add_root(struct eg_allow *allow, char *root, struct eg_error *err) {
    if (!root) return eg_fail(err, EG_E_NOMEM, "no memory for the list of allowed paths");
    if (eg_allow_holds(allow, root)) {
        eg_free(root);
        return EG_OK;
    }
    char **roots = eg_realloc(allow->roots, allow->count + 1, sizeof *roots);
    if (!roots) {
        eg_free(root);
        return eg_fail(err, EG_E_NOMEM, "no memory for the list of allowed paths");
    }
    allow->roots = roots;
    allow->roots[allow->count++] = root;
    return EG_OK;
}

enum eg_status eg_allow_make(struct eg_allow *allow, const char *const *paths, size_t count,
                             struct eg_error *err) {
    *allow = (struct eg_allow){.any = paths == NULL};
    for (size_t i = 0; paths && i < count; i++) {
        if (strcmp(paths[i], "-") == 0) {
            EG_TRY(add_root(allow, eg_strdup("-"), err));
            continue;
        }
        EG_TRY(add_root(allow, absolute(paths[i]), err));
        char resolved[PATH_MAX];
        if (realpath(paths[i], resolved)) EG_TRY(add_root(allow, eg_strdup(resolved), err));
    }
    return EG_OK;
}

void eg_allow_reset(struct eg_allow *allow) {
    for (size_t i = 0; i < allow->count; i++) eg_free(allow->roots[i]);
    eg_free(allow->roots);
    *allow = (struct eg_allow){0};
}

bool eg_allow_holds(const struct eg_allow *allow, const char *resolved) {
    if (allow->any) return true;
    for (size_t i = 0; i < allow->count; i++) {
        size_t size = strlen(allow->roots[i]);
        if (strncmp(resolved, allow->roots[i], size) != 0) continue;
        if (resolved[size] == 0 || resolved[size] == '/') return true;
        if (size == 1 && *resolved == '/') return true; /* the root directory is allowed */
    }
    return false;
}

static enum eg_status refuse(const char *pattern, struct eg_error *err) {
    return eg_fail(err, EG_E_ACCESS,
                   "'%s' cannot be read here: it is outside the directories that SQL may read (the current one, the dataset, files named with -r)",
                   pattern);
}

/* Whether the path may be opened; `resolved` (PATH_MAX) gets what to open. What does not exist is
 * told from what is forbidden only inside the allowed directories. */
static enum eg_status admit(const struct eg_allow *allow, const char *path, const char *pattern,
                            char *resolved, struct eg_error *err) {
    if (realpath(path, resolved))
        return eg_allow_holds(allow, resolved) ? EG_OK : refuse(pattern, err);
    int errnum = errno;
    if (!allow->any) {
        char *plain = absolute(path);
        bool inside = plain && eg_allow_holds(allow, plain);
        eg_free(plain);
        if (!inside) return refuse(pattern, err);
    }
    return eg_fail_errno(err, errnum, "%s", pattern);
}

/* ---- lists ---- */

void eg_path_list_reset(struct eg_path_list *list) {
    for (size_t i = 0; i < list->count; i++) eg_free(list->paths[i]);
    eg_free(list->paths);
    *list = (struct eg_path_list){0};
}

static enum eg_status list_add(struct eg_path_list *list, const char *path, struct eg_error *err) {
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 8;
        char **paths = eg_realloc(list->paths, room, sizeof *paths);
        if (!paths) return eg_fail(err, EG_E_NOMEM, "no memory for a list of files");
        list->paths = paths;
        list->room = room;
    }
    char *copy = eg_strdup(path);
    if (!copy) return eg_fail(err, EG_E_NOMEM, "no memory for a list of files");
    list->paths[list->count++] = copy;
    return EG_OK;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_sort(struct eg_path_list *list, size_t from) {
    if (list->count > from) qsort(list->paths + from, list->count - from, sizeof(char *), by_name);
}

/* ---- walking ---- */

static bool has_wildcard(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (strchr("*?[", text[i])) return true;
    return false;
}

static void join(struct eg_strbuf *to, const char *directory, const char *name) {
    eg_strbuf_clear(to);
    eg_strbuf_text(to, directory);
    if (to->size && to->text[to->size - 1] != '/') eg_strbuf_char(to, '/');
    eg_strbuf_text(to, name);
}

struct walk {
    struct eg_path_list *to;
    struct eg_error *err;
};

static enum eg_status walk(struct walk *w, const char *directory, const char *pattern, int depth);

/* One name of a directory against the first part of the pattern; `rest` is what follows it. */
static enum eg_status visit(struct walk *w, const char *path, bool is_directory, const char *rest,
                            int depth) {
    if (*rest) return is_directory ? walk(w, path, rest, depth + 1) : EG_OK;
    if (is_directory) return EG_OK;
    if (w->to->count >= MATCHES_MAX)
        return eg_fail(w->err, EG_E_USAGE, "the pattern matches more than %d files", MATCHES_MAX);
    return list_add(w->to, path, w->err);
}

static bool is_directory(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A directory that cannot be read has no matches, as in a shell. */
static enum eg_status walk_names(struct walk *w, const char *directory, const char *part,
                                 const char *rest, bool any_depth, const char *whole, int depth) {
    DIR *dir = opendir(*directory ? directory : ".");
    if (!dir) return EG_OK;
    struct eg_strbuf path = {0};
    enum eg_status status = EG_OK;
    for (struct dirent *entry; status >= 0 && (entry = readdir(dir));) {
        const char *name = entry->d_name;
        if (*name == '.' && *part != '.') continue;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        if (!any_depth && fnmatch(part, name, FNM_PERIOD) != 0) continue;
        join(&path, directory, name);
        if (path.failed) {
            status = eg_fail(w->err, EG_E_NOMEM, "no memory for a list of files");
            break;
        }
        bool below = is_directory(path.text);
        if (!any_depth) {
            status = visit(w, path.text, below, rest, depth);
        } else if (below && entry->d_type != DT_LNK) { /* links are not followed: they may circle */
            status = walk(w, path.text, whole, depth + 1);
        }
    }
    eg_strbuf_reset(&path);
    closedir(dir);
    return status;
}

/* Matches `pattern` (relative) below `directory` ("" is the working one). */
static enum eg_status walk(struct walk *w, const char *directory, const char *pattern, int depth) {
    if (depth > DEPTH_MAX) return EG_OK;
    pattern += strspn(pattern, "/");
    size_t size = strcspn(pattern, "/");
    const char *rest = pattern + size;
    rest += strspn(rest, "/");
    char *part = eg_strndup(pattern, size);
    if (!part) return eg_fail(w->err, EG_E_NOMEM, "no memory for a pattern");
    enum eg_status status = EG_OK;
    if (strcmp(part, "**") == 0) {
        status = walk(w, directory, *rest ? rest : "*", depth + 1); /* no directory at all */
        if (status >= 0) status = walk_names(w, directory, "", rest, true, pattern, depth);
    } else if (has_wildcard(part, size)) {
        status = walk_names(w, directory, part, rest, false, pattern, depth);
    } else {
        struct eg_strbuf path = {0};
        join(&path, directory, part);
        struct stat st;
        if (path.failed) status = eg_fail(w->err, EG_E_NOMEM, "no memory for a pattern");
        else if (stat(path.text, &st) == 0)
            status = visit(w, path.text, S_ISDIR(st.st_mode), rest, depth);
        eg_strbuf_reset(&path);
    }
    eg_free(part);
    return status;
}

/* ---- expanding ---- */

/* The part of the pattern before the first wildcard's name: "/a/b" of "/a/b/c*.pcap". */
static char *literal_part(const char *pattern) {
    size_t wild = strcspn(pattern, "*?[");
    while (wild && pattern[wild - 1] != '/') wild--;
    return wild ? eg_strndup(pattern, wild) : eg_strdup(".");
}

static enum eg_status expand_pattern(const struct eg_allow *allow, const char *pattern,
                                     struct eg_path_list *to, struct eg_error *err) {
    /* "*" and then ".." would tell what exists outside, by what is said about it */
    const char *wild = pattern + strcspn(pattern, "*?[");
    if (!allow->any && strstr(wild, "..")) return refuse(pattern, err);
    char *base = literal_part(pattern);
    if (!base) return eg_fail(err, EG_E_NOMEM, "no memory for a pattern");
    char resolved[PATH_MAX];
    enum eg_status status = admit(allow, base, pattern, resolved, err);
    eg_free(base);
    EG_TRY(status);
    struct walk w = {to, err};
    size_t from = to->count;
    EG_TRY(walk(&w, *pattern == '/' ? "/" : "", pattern, 0));
    if (to->count == from) return eg_fail(err, EG_E_NOENT, "no file matches '%s'", pattern);
    list_sort(to, from);
    for (size_t i = from; i < to->count && !allow->any; i++) {
        EG_TRY(admit(allow, to->paths[i], pattern, resolved, err));
        char *copy = eg_strdup(resolved);
        if (!copy) return eg_fail(err, EG_E_NOMEM, "no memory for a list of files");
        eg_free(to->paths[i]);
        to->paths[i] = copy;
    }
    return EG_OK;
}

/* The visible files of a directory, one level deep; unfinished ones (.tmp) are left out. */
static enum eg_status expand_directory(const struct eg_allow *allow, const char *path,
                                       struct eg_path_list *to, struct eg_error *err) {
    size_t from = to->count;
    struct walk w = {to, err};
    EG_TRY(walk(&w, path, "*", 0));
    size_t kept = from;
    for (size_t i = from; i < to->count; i++) {
        size_t size = strlen(to->paths[i]);
        bool unfinished = size > 4 && strcmp(to->paths[i] + size - 4, ".tmp") == 0;
        char resolved[PATH_MAX];
        if (unfinished || !realpath(to->paths[i], resolved) || !eg_allow_holds(allow, resolved))
            eg_free(to->paths[i]);
        else to->paths[kept++] = to->paths[i];
    }
    to->count = kept;
    if (kept == from) return eg_fail(err, EG_E_NOENT, "there is no file in the directory '%s'", path);
    list_sort(to, from);
    return EG_OK;
}

enum eg_status eg_paths_expand(const struct eg_allow *allow, const char *pattern,
                               struct eg_path_list *to, struct eg_error *err) {
    if (!*pattern) return eg_fail(err, EG_E_USAGE, "a path is empty");
    if (strcmp(pattern, "-") == 0) {
        if (!eg_allow_holds(allow, "-")) return refuse(pattern, err);
        return list_add(to, pattern, err);
    }
    struct stat st;
    bool exists = stat(pattern, &st) == 0;
    if (!exists && has_wildcard(pattern, strlen(pattern)))
        return expand_pattern(allow, pattern, to, err);
    char resolved[PATH_MAX];
    EG_TRY(admit(allow, pattern, pattern, resolved, err));
    const char *opened = allow->any ? pattern : resolved;
    if (exists && S_ISDIR(st.st_mode)) return expand_directory(allow, opened, to, err);
    return list_add(to, opened, err);
}
