/* SPDX-License-Identifier: Apache-2.0
 * A file for each source that is being read: "SESSION PID NAME\n". */
#include "store/source_lock.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_ROOM (EG_SESSION_TEXT + 24 + EG_LOCK_NAME + 2)

static char *lock_path(const char *root, const char *lock) {
    char digest[33];
    struct eg_strbuf path = {0};
    eg_digest_text(eg_hash128(lock, strlen(lock)), digest);
    eg_strbuf_printf(&path, "%s/%s/source-%s.lock", root, EG_LAYOUT_SOURCES, digest);
    return eg_strbuf_take(&path);
}

/* False: there is no such file, or it was never finished, and then nobody holds it. */
static bool owner_read(const char *path, char session[EG_SESSION_TEXT],
                       struct eg_lock_holder *holder) {
    char text[TEXT_ROOM + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC), used = 0;
    if (fd < 0) return false;
    ssize_t size = read(fd, text, TEXT_ROOM);
    close(fd);
    if (size <= 0) return false;
    text[size] = 0;
    char *end = strchr(text, '\n');
    *holder = (struct eg_lock_holder){0};
    if (!end || sscanf(text, "%16[0-9a-f] %ld %n", session, &holder->pid, &used) != 2 || !used)
        return false;
    *end = 0;
    snprintf(holder->name, sizeof holder->name, "%.*s", EG_LOCK_NAME, text + used);
    return true;
}

static bool writer_lives(const char *root, const char *session) {
    struct eg_strbuf path = {0};
    eg_strbuf_printf(&path, "%s/%s/writer-%s.lock", root, EG_LAYOUT_LOCKS, session);
    bool lives = path.failed || eg_lock_busy(path.text, NULL);
    eg_strbuf_reset(&path);
    return lives;
}

enum eg_source_holding eg_source_lock_look(const char *root, const char *session, const char *lock,
                                           struct eg_lock_holder *holder) {
    struct eg_lock_holder own;
    char owner[EG_SESSION_TEXT];
    char *path = lock_path(root, lock);
    if (!path) return EG_SOURCE_FREE; /* taking it will tell */
    bool named = owner_read(path, owner, holder ? holder : &own);
    eg_free(path);
    if (!named) return EG_SOURCE_FREE;
    if (strcmp(owner, session) == 0) return EG_SOURCE_OURS;
    return writer_lives(root, owner) ? EG_SOURCE_TAKEN : EG_SOURCE_FREE;
}

static enum eg_status text_write(const char *path, const char *text, size_t size,
                                 struct eg_error *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return eg_fail_errno(err, errno, "cannot make the lock %s", path);
    ssize_t done = write(fd, text, size);
    int why = done < 0 ? errno : ENOSPC;
    close(fd);
    if (done == (ssize_t)size) return EG_OK;
    unlink(path);
    return eg_fail_errno(err, why, "cannot write the lock %s", path);
}

enum eg_status eg_source_lock_take(const char *root, const char *session, const char *lock,
                                   const char *name, struct eg_error *err) {
    char text[TEXT_ROOM];
    char *path = lock_path(root, lock), *directory = eg_path_join(root, EG_LAYOUT_SOURCES);
    enum eg_status status = EG_OK;
    if (!path || !directory)
        status = eg_fail(err, EG_E_NOMEM, "no memory for a lock");
    else if (mkdir(directory, 0777) != 0 && errno != EEXIST)
        status = eg_fail_errno(err, errno, "cannot make the directory %s", directory);
    if (status >= 0) {
        int size =
            snprintf(text, sizeof text, "%s %ld %.*s", session, (long)getpid(), EG_LOCK_NAME, name);
        for (int i = 0; i < size; i++)
            if (text[i] == '\n') text[i] = ' ';
        text[size++] = '\n';
        status = text_write(path, text, (size_t)size, err);
    }
    eg_free(path);
    eg_free(directory);
    return status;
}

void eg_source_lock_give(const char *root, const char *session, const char *lock) {
    struct eg_lock_holder holder;
    char owner[EG_SESSION_TEXT];
    char *path = lock_path(root, lock);
    if (path && owner_read(path, owner, &holder) && strcmp(owner, session) == 0) unlink(path);
    eg_free(path);
}

enum eg_status eg_source_locks_settle(const char *root, const char *session,
                                      const struct eg_names *alive, struct eg_error *err) {
    char *directory = eg_path_join(root, EG_LAYOUT_SOURCES);
    struct eg_names names = {0};
    enum eg_status status = directory ? eg_names_read(&names, directory, err)
                                      : eg_fail(err, EG_E_NOMEM, "no memory for a lock");
    for (size_t i = 0; status >= 0 && i < names.count; i++) {
        struct eg_lock_holder holder;
        char owner[EG_SESSION_TEXT];
        char *path = eg_path_join(directory, names.names[i]);
        if (!path) status = eg_fail(err, EG_E_NOMEM, "no memory for a lock");
        if (path && (!owner_read(path, owner, &holder) ||
                     (strcmp(owner, session) != 0 && !eg_names_hold(alive, owner))))
            unlink(path);
        eg_free(path);
    }
    eg_names_reset(&names);
    eg_free(directory);
    return status < 0 ? status : EG_OK;
}
