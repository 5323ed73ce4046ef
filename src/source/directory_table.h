/* SPDX-License-Identifier: Apache-2.0
 * The files that eg_directory knows, by path. */
#ifndef EG_SOURCE_DIRECTORY_TABLE_H
#define EG_SOURCE_DIRECTORY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is other when a file has changed. */
struct eg_file_sign {
    uint64_t device, inode;
    int64_t size, changed_ns;
    int64_t touched_ns; /* also of its owner, rights, links */
};
/* Whether the content is the same, as far as can be seen. */
bool eg_file_sign_same(const struct eg_file_sign *, const struct eg_file_sign *);

enum eg_file_state {
    EG_FILE_READY,   /* to be offered */
    EG_FILE_OFFERED, /* the caller's */
    EG_FILE_DONE,    /* offered again when its sign is another */
};

struct eg_file {
    struct eg_file *next; /* of the same bucket */
    uint64_t hash;
    uint64_t look; /* the last that saw it */
    struct eg_file_sign sign;
    enum eg_file_state state; /* by eg_file_table_set */
    bool failed;              /* DONE: it was no use; new rights may mend that */
    bool counted;             /* as one of those that were read */
    bool owes; /* DONE: it is to be moved or deleted once its writer is done with it */
    char path[];
};

struct eg_file_table {
    struct eg_file **buckets;
    size_t room; /* a power of two */
    size_t count, ready;
};

struct eg_file *eg_file_table_find(const struct eg_file_table *, const char *path);
/* One that is not there yet, as READY; NULL: no memory. */
struct eg_file *eg_file_table_add(struct eg_file_table *, const char *path);
void eg_file_table_set(struct eg_file_table *, struct eg_file *, enum eg_file_state);
void eg_file_table_drop(struct eg_file_table *, struct eg_file *);
/* Drops those that were last seen before `look`, but for what is offered. */
void eg_file_table_drop_unseen(struct eg_file_table *, uint64_t look);
/* Those that are ready, as many as `ready` says. */
void eg_file_table_ready(const struct eg_file_table *, struct eg_file **to);
void eg_file_table_reset(struct eg_file_table *);

#endif
