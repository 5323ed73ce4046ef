/* SPDX-License-Identifier: Apache-2.0
 * Being told what happens in directories (inotify). Only a hint: events may be lost, on network
 * file systems there are none, so whoever listens also looks for himself from time to time. */
#ifndef EG_SOURCE_WATCH_H
#define EG_SOURCE_WATCH_H

#include "base/status.h"

struct eg_watch;

enum eg_watch_kind {
    EG_WATCH_FILE,      /* a file was closed after writing, or moved in */
    EG_WATCH_DIRECTORY, /* a directory appeared */
    EG_WATCH_LOST,      /* events were lost, or directories went elsewhere: look at everything, with
                           a new watch */
};

struct eg_watch_event {
    enum eg_watch_kind kind;
    const char *directory, *name; /* borrowed until the next call; NULL for LOST */
};

/* NULL: the system has no watches to give (or no memory). */
struct eg_watch *eg_watch_new(void);
void eg_watch_free(struct eg_watch *); /* NULL is fine */
/* False: this directory cannot be watched; it is gone, or there are too many watches. */
bool eg_watch_add(struct eg_watch *, const char *directory);
/* What poll() is asked about. */
int eg_watch_fd(const struct eg_watch *);
/* The next event, if there is one now. */
bool eg_watch_next(struct eg_watch *, struct eg_watch_event *out);

#endif
