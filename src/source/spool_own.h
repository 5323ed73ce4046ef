/* SPDX-License-Identifier: Apache-2.0
 * What the spool's files share, and nobody else sees. */
#ifndef EG_SOURCE_SPOOL_OWN_H
#define EG_SOURCE_SPOOL_OWN_H

#include "source/spool.h"

#include <pthread.h>

#define EG_SPOOL_SUFFIX ".spool" /* segments are called NUMBER (16 hex digits) and this */

struct egi_segment {
    uint64_t number, bytes;
};

struct eg_spool {
    const struct eg_env *env;
    char *directory;
    int lock_fd; /* flocked while the spool is open */
    uint8_t id[16];
    char key[33];
    struct eg_spool_options options;
    /* under the lock */
    pthread_mutex_t lock;
    pthread_cond_t more;          /* something was appended */
    struct egi_segment *segments; /* in order */
    size_t count, room;
    uint64_t bytes, written, synced, sequence, syncs, sync_failures;
    uint64_t number;    /* of the newest segment ever known */
    uint64_t forgotten; /* everything before it is kept elsewhere */
    uint64_t unsure;    /* a sync failed: what stands before it may not be on the disk */
    bool active;        /* the last segment is being written to */
    /* the writer's alone */
    int fd; /* of that segment; else -1 */
    uint64_t at;
};

/* Locks the directory and reads its id, made anew where there is none. */
EG_MUST_CHECK enum eg_status egi_spool_claim(struct eg_spool *, struct eg_error *err);
/* The segments there are, in order, with their sizes. */
EG_MUST_CHECK enum eg_status egi_spool_list(struct eg_spool *, struct eg_error *err);
char *egi_segment_path(const struct eg_spool *, uint64_t number); /* eg_free it; NULL: no memory */
/* The first segment whose number is `number` or more; false: there is none. *last: it is the newest
 * (and more may be appended to it). */
bool egi_segment_find(struct eg_spool *, uint64_t number, struct egi_segment *out, bool *last);

#endif
