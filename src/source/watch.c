/* SPDX-License-Identifier: Apache-2.0
 * inotify: watch descriptors and the paths they stand for. Source: inotify(7). */
#include "source/watch.h"

#include "base/alloc.h"

#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define MASK                                                                                       \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_MOVED_FROM | IN_MOVE_SELF | IN_DELETE_SELF |    \
     IN_ONLYDIR)
#define NUMBERS_MAX (1u << 20) /* of watches given so far; they are not used again */

struct eg_watch {
    int fd;
    char **paths; /* by watch descriptor; NULL: none */
    size_t room;
    size_t at, have; /* in `events` */
    _Alignas(struct inotify_event) char events[16384];
};

struct eg_watch *eg_watch_new(void) {
    struct eg_watch *watch = eg_calloc(1, sizeof *watch);
    if (!watch) return NULL;
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->fd >= 0) return watch;
    eg_free(watch);
    return NULL;
}

void eg_watch_free(struct eg_watch *watch) {
    if (!watch) return;
    for (size_t i = 0; i < watch->room; i++) eg_free(watch->paths[i]);
    eg_free(watch->paths);
    close(watch->fd);
    eg_free(watch);
}

int eg_watch_fd(const struct eg_watch *watch) { return watch->fd; }

static bool paths_reserve(struct eg_watch *watch, size_t number) {
    if (number < watch->room) return true;
    size_t room = watch->room ? watch->room : 64;
    while (room <= number) room *= 2;
    char **paths = eg_realloc(watch->paths, room, sizeof *paths);
    if (!paths) return false;
    memset(paths + watch->room, 0, (room - watch->room) * sizeof *paths);
    watch->paths = paths;
    watch->room = room;
    return true;
}

bool eg_watch_add(struct eg_watch *watch, const char *directory) {
    char *copy = eg_strdup(directory);
    int number = copy ? inotify_add_watch(watch->fd, directory, MASK) : -1;
    if (number < 0 || (unsigned)number >= NUMBERS_MAX || !paths_reserve(watch, (size_t)number)) {
        if (number >= 0) (void)inotify_rm_watch(watch->fd, number);
        eg_free(copy);
        return false;
    }
    eg_free(watch->paths[number]); /* the same directory again, perhaps by its new name */
    watch->paths[number] = copy;
    return true;
}

/* False: there is nothing to tell of it. */
static bool event_told(struct eg_watch *watch, const struct inotify_event *e,
                       struct eg_watch_event *out) {
    const char *directory = e->wd >= 0 && (size_t)e->wd < watch->room ? watch->paths[e->wd] : NULL;
    bool of_directory = e->mask & IN_ISDIR;
    *out = (struct eg_watch_event){.directory = directory, .name = e->len ? e->name : NULL};
    if (e->mask & (IN_Q_OVERFLOW | IN_MOVE_SELF | IN_UNMOUNT) ||
        (e->mask & IN_MOVED_FROM && of_directory)) {
        *out = (struct eg_watch_event){.kind = EG_WATCH_LOST};
        return true;
    }
    if (e->mask & IN_IGNORED && directory) {
        eg_free(watch->paths[e->wd]);
        watch->paths[e->wd] = NULL;
        return false;
    }
    if (!directory || !out->name) return false;
    out->kind = of_directory ? EG_WATCH_DIRECTORY : EG_WATCH_FILE;
    /* a file that was only just made will be closed, too */
    return e->mask & (IN_CLOSE_WRITE | IN_MOVED_TO) || (e->mask & IN_CREATE && of_directory);
}

bool eg_watch_next(struct eg_watch *watch, struct eg_watch_event *out) {
    for (;;) {
        if (watch->at >= watch->have) {
            ssize_t size = read(watch->fd, watch->events, sizeof watch->events);
            if (size <= 0) return false;
            watch->at = 0;
            watch->have = (size_t)size;
        }
        const struct inotify_event *e =
            (const struct inotify_event *)(const void *)(watch->events + watch->at);
        watch->at += sizeof *e + e->len;
        if (event_told(watch, e, out)) return true;
    }
}
