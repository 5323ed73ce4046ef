/* SPDX-License-Identifier: Apache-2.0
 * The spool's directory: the lock that makes it one process's, the file `id` that names the spool,
 * and the segments that stand in it. */
#include "source/spool_own.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static enum eg_status no_memory(const struct eg_spool *spool, struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory for the spool %.300s", spool->directory);
}

/* ---- one process at a time ---- */

/* "; process 123 has it" as far as the file tells; the text is for people only. */
static void owner_text(int fd, char *text, size_t size) {
    char pid[24] = "";
    ssize_t got = pread(fd, pid, sizeof pid - 1, 0);
    size_t digits = got > 0 ? strspn(pid, "0123456789") : 0;
    *text = 0;
    if (digits) snprintf(text, size, " (process %.*s)", (int)digits, pid);
}

static void owner_write(int fd) {
    char pid[24];
    int size = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)size, 0) != size)
        return; /* a full disk: the lock holds all the same */
}

static enum eg_status folder_lock(struct eg_spool *spool, struct eg_error *err) {
    char *path = eg_path_join(spool->directory, "lock");
    if (!path) return no_memory(spool, err);
    spool->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    enum eg_status status = EG_OK;
    if (spool->lock_fd < 0) {
        status = eg_fail_errno(err, errno, "cannot open %.300s", path);
    } else if (flock(spool->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        int failed = errno;
        char owner[40];
        owner_text(spool->lock_fd, owner, sizeof owner);
        if (failed == EWOULDBLOCK)
            status = eg_fail(err, EG_E_LOCKED,
                             "the spool %.300s is in use by another earlgrey%s: stop that one, or "
                             "give this one a directory of its own",
                             spool->directory, owner);
        else
            status = eg_fail_errno(err, failed, "cannot lock %.300s", path);
    } else {
        owner_write(spool->lock_fd);
    }
    eg_free(path);
    return status;
}

/* ---- its name ---- */

static bool id_parse(struct eg_spool *spool, const char *text) {
    struct eg_digest id;
    memcpy(spool->key, text, 32);
    spool->key[32] = 0;
    if (!eg_digest_parse(&id, spool->key)) return false;
    for (int i = 0; i < 8; i++) {
        spool->id[i] = (uint8_t)(id.high >> (56 - 8 * i));
        spool->id[8 + i] = (uint8_t)(id.low >> (56 - 8 * i));
    }
    return true;
}

static enum eg_status id_make(struct eg_spool *spool, const char *path, struct eg_error *err) {
    struct eg_digest id;
    if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id)
        return eg_fail_errno(err, errno, "cannot make a name for the spool %.300s",
                             spool->directory);
    char text[34];
    eg_digest_text(id, text);
    (void)id_parse(spool, text);
    text[32] = '\n';
    return eg_file_replace(path, text, 33, err);
}

static enum eg_status folder_id(struct eg_spool *spool, struct eg_error *err) {
    char *path = eg_path_join(spool->directory, "id"), *text = NULL;
    size_t size = 0;
    if (!path) return no_memory(spool, err);
    enum eg_status status = EG_OK;
    if (access(path, F_OK) != 0 && errno == ENOENT)
        status = id_make(spool, path, err);
    else
        status = eg_file_read(&text, &size, path, 4096, err);
    if (status == EG_OK && text && (size != 33 || !id_parse(spool, text)))
        status = eg_fail(err, EG_E_FORMAT,
                         "%.300s is no spool's id: is %.300s the right directory? Otherwise move "
                         "what is in it away",
                         path, spool->directory);
    eg_free(text);
    eg_free(path);
    return status;
}

enum eg_status egi_spool_claim(struct eg_spool *spool, struct eg_error *err) {
    EG_TRY(eg_dir_make(spool->directory, err));
    EG_TRY(folder_lock(spool, err));
    return folder_id(spool, err);
}

/* ---- segments ---- */

char *egi_segment_path(const struct eg_spool *spool, uint64_t number) {
    char name[40];
    snprintf(name, sizeof name, "%016llx" EG_SPOOL_SUFFIX, (unsigned long long)number);
    return eg_path_join(spool->directory, name);
}

static bool segment_number(const char *name, uint64_t *number) {
    if (strspn(name, "0123456789abcdef") != 16 || strcmp(name + 16, EG_SPOOL_SUFFIX) != 0)
        return false;
    *number = strtoull(name, NULL, 16);
    return *number < UINT64_C(1) << (63 - EG_SPOOL_SHIFT);
}

static int segment_order(const void *a, const void *b) {
    const struct egi_segment *first = a, *second = b;
    return (first->number > second->number) - (first->number < second->number);
}

static enum eg_status segment_add(struct eg_spool *spool, DIR *dir, const char *name,
                                  struct eg_error *err) {
    uint64_t number;
    struct stat found;
    if (!segment_number(name, &number)) return EG_OK; /* not ours: left alone */
    if (fstatat(dirfd(dir), name, &found, 0) != 0 || !S_ISREG(found.st_mode)) return EG_OK;
    if (spool->count == spool->room) {
        size_t room = spool->room ? 2 * spool->room : 16;
        struct egi_segment *grown = eg_realloc(spool->segments, room, sizeof *grown);
        if (!grown) return no_memory(spool, err);
        spool->segments = grown;
        spool->room = room;
    }
    uint64_t bytes = (uint64_t)found.st_size, most = (UINT64_C(1) << EG_SPOOL_SHIFT) - 1;
    spool->segments[spool->count++] = (struct egi_segment){number, bytes < most ? bytes : most};
    spool->bytes += bytes;
    return EG_OK;
}

enum eg_status egi_spool_list(struct eg_spool *spool, struct eg_error *err) {
    DIR *dir = opendir(spool->directory);
    if (!dir) return eg_fail_errno(err, errno, "cannot read %.300s", spool->directory);
    enum eg_status status = EG_OK;
    for (struct dirent *entry; status == EG_OK && (entry = readdir(dir));)
        status = segment_add(spool, dir, entry->d_name, err);
    closedir(dir);
    if (spool->count) {
        qsort(spool->segments, spool->count, sizeof *spool->segments, segment_order);
        spool->number = spool->segments[spool->count - 1].number;
    }
    return status;
}

bool egi_segment_find(struct eg_spool *spool, uint64_t number, struct egi_segment *out,
                      bool *last) {
    pthread_mutex_lock(&spool->lock);
    size_t i = 0;
    while (i < spool->count && spool->segments[i].number < number) i++;
    bool found = i < spool->count;
    if (found) {
        *out = spool->segments[i];
        *last = i + 1 == spool->count;
    }
    pthread_mutex_unlock(&spool->lock);
    return found;
}
