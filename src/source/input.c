/* SPDX-License-Identifier: Apache-2.0
 * Opening, reading and expanding an input. */
#include "source/input.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PACKED_BYTES (256u << 10)
#define MAGIC_BYTES 6u
#define LOOK_BYTES 4096u /* of a file, to tell its packing: it may be read at places */
#define POLL_MS 100

/* ---- names ---- */

/* The path in "file:PATH", "file:///PATH", "file://localhost/PATH" (RFC 8089), %XX resolved. */
static char *path_of_uri(const char *rest) {
    if (strncmp(rest, "//localhost/", 12) == 0)
        rest += 11;
    else if (strncmp(rest, "///", 3) == 0)
        rest += 2;
    char *path = eg_strdup(rest);
    if (!path) return NULL;
    char *to = path;
    for (const char *from = rest; *from; from++) {
        int high = *from == '%' ? eg_hex_value(from[1]) : -1;
        int low = high >= 0 ? eg_hex_value(from[2]) : -1;
        bool escaped = low >= 0 && (high || low);
        int byte = escaped ? high * 16 + low : *from;
        *to++ = (char)byte;
        if (escaped) from += 2;
    }
    *to = 0;
    return path;
}

static enum eg_status name_set(struct eg_input *in, const char *uri, struct eg_error *err) {
    if (strcmp(uri, "-") == 0)
        in->name = eg_strdup("standard input");
    else if (strncmp(uri, "file:", 5) == 0)
        in->name = path_of_uri(uri + 5);
    else
        in->name = eg_strdup(uri);
    return in->name ? EG_OK : eg_fail(err, EG_E_NOMEM, "no memory to open %.200s", uri);
}

/* ---- stored bytes ---- */

/* Waits for a pipe in steps, so that a cancelled reader does not wait for ever. */
static enum eg_status stored_wait(const struct eg_input *in, struct eg_error *err) {
    while (!in->regular) {
        if (eg_env_cancelled(in->env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
        if (eg_input_ready(in, POLL_MS)) break;
    }
    return EG_OK;
}

static enum eg_status stored_read(struct eg_input *in, void *to, size_t size, size_t *got,
                                  struct eg_error *err) {
    *got = 0;
    if (in->stored_over) return EG_OK;
    EG_TRY(stored_wait(in, err));
    ssize_t count;
    do count = read(in->fd, to, size);
    while (count < 0 && errno == EINTR && !eg_env_cancelled(in->env));
    if (count < 0 && errno == EINTR) return eg_fail(err, EG_E_CANCELLED, "interrupted");
    if (count < 0) return eg_fail_errno(err, errno, "cannot read %s", in->name);
    if (count == 0) in->stored_over = true;
    *got = (size_t)count;
    atomic_fetch_add_explicit(&in->stored_read, (unsigned long long)count, memory_order_relaxed);
    return EG_OK;
}

/* Reads on until at least `want` stored bytes wait, or there are no more. */
static enum eg_status packed_fill(struct eg_input *in, size_t want, struct eg_error *err) {
    if (in->packed_end - in->packed_at >= want) return EG_OK;
    memmove(in->packed, in->packed + in->packed_at, in->packed_end - in->packed_at);
    in->packed_end -= in->packed_at;
    in->packed_at = 0;
    while (in->packed_end < want && !in->stored_over) {
        size_t got;
        EG_TRY(
            stored_read(in, in->packed + in->packed_end, PACKED_BYTES - in->packed_end, &got, err));
        in->packed_end += got;
    }
    return EG_OK;
}

static struct eg_span packed_span(const struct eg_input *in) {
    return eg_span(in->packed + in->packed_at, in->packed_end - in->packed_at);
}

/* ---- opening ---- */

static enum eg_status descriptor_open(struct eg_input *in, const char *uri, struct eg_error *err) {
    bool standard = strcmp(uri, "-") == 0;
    /* That of a FIFO would wait for a writer, deaf to a signal that another thread gets: the first
     * read waits instead, in steps. */
    do in->fd = standard ? STDIN_FILENO : open(in->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (in->fd < 0 && errno == EINTR && !eg_env_cancelled(in->env));
    if (in->fd < 0 && errno == EINTR) return eg_fail(err, EG_E_CANCELLED, "interrupted");
    if (in->fd < 0) return eg_fail_errno(err, errno, "cannot open %s", in->name);
    in->owned = !standard;
    struct stat about;
    if (fstat(in->fd, &about) != 0) return eg_fail_errno(err, errno, "cannot open %s", in->name);
    if (S_ISDIR(about.st_mode))
        return eg_fail(err, EG_E_FORMAT, "%s is a directory, not a capture: name the files in it",
                       in->name);
    int flags = standard ? 0 : fcntl(in->fd, F_GETFL);
    if (flags & O_NONBLOCK && fcntl(in->fd, F_SETFL, flags & ~O_NONBLOCK) != 0)
        return eg_fail_errno(err, errno, "cannot open %s", in->name);
    in->regular = !standard && S_ISREG(about.st_mode);
    in->identified = in->regular;
    if (in->regular) {
        in->size = (uint64_t)about.st_size;
        (void)posix_fadvise(in->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    return EG_OK;
}

static enum eg_status packing_find(struct eg_input *in, struct eg_error *err) {
    in->packed = eg_malloc(PACKED_BYTES);
    if (!in->packed) return eg_fail(err, EG_E_NOMEM, "no memory to read %s", in->name);
    if (in->regular) EG_TRY(stored_read(in, in->packed, LOOK_BYTES, &in->packed_end, err));
    EG_TRY(packed_fill(in, MAGIC_BYTES, err));
    if (in->packed_end == 0) return eg_fail(err, EG_E_FORMAT, "%s is empty", in->name);
    in->packing = eg_packing_of(packed_span(in));
    if (in->packing == EG_PACKING_NONE) return EG_OK;
    enum eg_status status = eg_unpack_new(&in->unpack, in->packing, err);
    if (status < 0) eg_error_prefix(err, "%s", in->name);
    return status;
}

enum eg_status eg_input_open(struct eg_input *in, const struct eg_env *env, const char *uri,
                             struct eg_error *err) {
    *in = (struct eg_input){.env = env, .fd = -1};
    atomic_init(&in->stored_read, 0);
    enum eg_status status = name_set(in, uri, err);
    if (status == EG_OK) status = descriptor_open(in, uri, err);
    if (status == EG_OK) status = packing_find(in, err);
    if (status < 0) eg_input_reset(in);
    return status;
}

void eg_input_reset(struct eg_input *in) {
    eg_unpack_free(in->unpack);
    eg_free(in->packed);
    if (in->owned && in->fd >= 0) close(in->fd);
    eg_free(in->name);
    in->unpack = NULL;
    in->packed = NULL;
    in->name = NULL;
    in->owned = false;
    in->fd = -1;
}

/* ---- reading on ---- */

static enum eg_status trouble_keep(struct eg_input *in, const struct eg_error *told) {
    in->trouble = *told;
    return told->status;
}

/* After a member: whether another begins (EG_OK), or nothing but padding follows (EG_END). */
static enum eg_status member_next(struct eg_input *in, struct eg_error *err) {
    for (;;) {
        EG_TRY(packed_fill(in, MAGIC_BYTES, err));
        struct eg_span rest = packed_span(in);
        if (rest.size == 0) return EG_END;
        if (eg_packing_of(rest) == in->packing) {
            in->member_over = false;
            return eg_unpack_again(in->unpack, err);
        }
        if (eg_u8(rest, 0) != 0)
            return eg_fail(err, EG_E_FORMAT, "something that is not %s follows the %s data",
                           eg_packing_name(in->packing), eg_packing_name(in->packing));
        in->packed_at++; /* tapes and xz pad with zeros */
    }
}

static enum eg_status unpacked_read(struct eg_input *in, void *to, size_t size, size_t *got,
                                    struct eg_error *err) {
    for (;;) {
        if (in->member_over) {
            enum eg_status next = member_next(in, err);
            if (next != EG_OK) return next;
        }
        EG_TRY(packed_fill(in, 1, err));
        struct eg_span stored = packed_span(in);
        size_t took;
        enum eg_status status = eg_unpack_step(in->unpack, stored, &took, to, size, got, err);
        in->packed_at += took;
        if (status < 0) return status;
        in->member_over = status == EG_END;
        if (*got) return EG_OK;
        if (status == EG_END || took) continue;
        if (stored.size == 0)
            return eg_fail(err, EG_E_CUT, "the %s data ends early", eg_packing_name(in->packing));
        return eg_fail(err, EG_E_FORMAT, "damaged %s (no progress)", eg_packing_name(in->packing));
    }
}

enum eg_status eg_input_read(struct eg_input *in, void *to, size_t size, size_t *got,
                             struct eg_error *err) {
    *got = 0;
    if (in->trouble.status != EG_OK) {
        if (err) *err = in->trouble;
        return in->trouble.status;
    }
    if (in->packing == EG_PACKING_NONE) {
        struct eg_span waiting = eg_span_sub(packed_span(in), 0, size);
        if (waiting.size == 0) return stored_read(in, to, size, got, err);
        memcpy(to, waiting.at, waiting.size);
        in->packed_at += waiting.size;
        *got = waiting.size;
        return EG_OK;
    }
    struct eg_error told = {.status = EG_OK, .position = -1};
    enum eg_status status = unpacked_read(in, to, size, got, &told);
    if (status >= 0) return EG_OK;
    if (status == EG_E_CUT || status == EG_E_FORMAT) {
        (void)trouble_keep(in, &told);
        if (*got) return EG_OK; /* what came before the damage first */
    }
    if (err) *err = told;
    return status;
}

bool eg_input_ready(const struct eg_input *in, int wait_ms) {
    if (in->regular || in->packed_at < in->packed_end) return true;
    struct pollfd waiting = {.fd = in->fd, .events = POLLIN};
    int count = poll(&waiting, 1, wait_ms);
    return count > 0 || (count < 0 && errno != EINTR); /* what is wrong, the read will tell */
}

bool eg_input_shrunk(const struct eg_input *in) {
    struct stat now;
    return in->regular && fstat(in->fd, &now) == 0 && (uint64_t)now.st_size < in->size;
}

enum eg_status eg_input_rewind(struct eg_input *in, struct eg_error *err) {
    EG_ASSERT(in->regular);
    if (lseek(in->fd, 0, SEEK_SET) != 0)
        return eg_fail_errno(err, errno, "cannot read %s", in->name);
    in->packed_at = in->packed_end = 0;
    in->stored_over = in->member_over = false;
    in->trouble.status = EG_OK;
    atomic_store(&in->stored_read, 0);
    return in->unpack ? eg_unpack_again(in->unpack, err) : EG_OK;
}

enum eg_status eg_input_pread(const struct eg_input *in, void *to, size_t size, uint64_t offset,
                              size_t *got, struct eg_error *err) {
    *got = 0;
    while (*got < size) {
        ssize_t count = pread(in->fd, (uint8_t *)to + *got, size - *got, (off_t)(offset + *got));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return eg_fail_errno(err, errno, "cannot read %s", in->name);
        if (count == 0) break;
        *got += (size_t)count;
    }
    return EG_OK;
}
