/* SPDX-License-Identifier: Apache-2.0
 * Hidden files of writers, living and dead. A process number says little where several machines or
 * containers write to one directory, hence the mark besides; one that is our own, unmarked, was of a
 * process that had it before us. Source: flock(2), kill(2). */
#include "base/draft.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/strbuf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK ".earlgrey-"
#define END ".tmp"
#define NAMES_MAX 100000 /* of a directory that are looked at */

char *eg_draft_name(const char *path) {
    struct eg_strbuf name = {0};
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    eg_strbuf_printf(&name, "%.*s.%s" MARK "%ld" END, (int)(base - path), path, base,
                     (long)getpid());
    return eg_strbuf_take(&name);
}

void eg_draft_mark(int fd) { (void)!flock(fd, LOCK_EX | LOCK_NB); }

/* The process that a draft is of; 0: it is none. */
static long writer_of(const char *name) {
    size_t size = strlen(name), end = sizeof END - 1;
    if (name[0] != '.' || size <= end || strcmp(name + size - end, END) != 0) return 0;
    size_t first = size -= end;
    while (first && name[first - 1] >= '0' && name[first - 1] <= '9') first--;
    size_t mark = sizeof MARK - 1, digits = size - first;
    bool is =
        digits && digits < 10 && first > mark + 1 && memcmp(name + first - mark, MARK, mark) == 0;
    return is ? strtol(name + first, NULL, 10) : 0;
}

static bool is_gone(long pid) {
    return pid == (long)getpid() || (kill((pid_t)pid, 0) != 0 && errno == ESRCH);
}

/* Takes the mark, which a writer that is alive holds, and removes the file. */
static bool draft_remove(int directory, const char *name) {
    struct stat info;
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return false;
    bool removed = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
                   flock(fd, LOCK_EX | LOCK_NB) == 0 && unlinkat(directory, name, 0) == 0;
    close(fd);
    return removed;
}

size_t eg_drafts_sweep(const char *path) {
    char *directory = eg_path_directory(path);
    DIR *dir = directory ? opendir(directory) : NULL;
    size_t removed = 0;
    struct dirent *entry;
    for (int i = 0; dir && i < NAMES_MAX && (entry = readdir(dir)); i++) {
        long pid = writer_of(entry->d_name);
        if (pid && is_gone(pid)) removed += draft_remove(dirfd(dir), entry->d_name);
    }
    if (dir) closedir(dir);
    eg_free(directory);
    return removed;
}
