/* SPDX-License-Identifier: Apache-2.0
 * Two readings: of the file, and of the capture that it may be the beginning of, which must be the one
 * that was ingested, or it says nothing. */
#include "store/beginning.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/hash.h"
#include "source/input.h"
#include "store/dataset_own.h"

#include <string.h>
#include <sys/stat.h>

#define CHUNK (1u << 20)

/* A reading of one file, as far as it is asked for. */
struct reading {
    struct eg_input input;
    struct eg_hasher *hasher;
    uint8_t *chunk;
    uint64_t done;
};

static void reading_end(struct reading *r) {
    eg_input_reset(&r->input);
    eg_hasher_free(r->hasher);
    eg_free(r->chunk);
}

/* EG_END: it cannot be read, or (a pipe) would be waited for. */
static enum eg_status reading_begin(struct reading *r, const struct eg_env *env, const char *path,
                                    struct eg_error *err) {
    struct stat is;
    struct eg_error why;
    *r = (struct reading){.done = 0};
    if (stat(path, &is) != 0 || !S_ISREG(is.st_mode)) return EG_END;
    enum eg_status status = eg_input_open(&r->input, env, path, &why);
    if (status < 0) return EG_END;
    r->hasher = eg_hasher_new();
    r->chunk = eg_malloc(CHUNK);
    if (r->hasher && r->chunk) return EG_OK;
    reading_end(r);
    return eg_fail(err, EG_E_NOMEM, "no memory to compare %s with what is known", path);
}

/* The digest of its first `until` bytes. EG_END: it has fewer. */
static enum eg_status digest_until(struct reading *r, uint64_t until, char digest[33],
                                   struct eg_error *err) {
    struct eg_error why;
    while (r->done < until) {
        size_t want = until - r->done < CHUNK ? (size_t)(until - r->done) : CHUNK, got = 0;
        if (eg_env_cancelled(r->input.env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
        if (eg_input_read(&r->input, r->chunk, want, &got, &why) < 0 || !got) return EG_END;
        eg_hasher_add(r->hasher, r->chunk, got);
        r->done += got;
    }
    eg_digest_text(eg_hasher_digest(r->hasher), digest);
    return EG_OK;
}

/* Whether what stands at `path` is the known capture, and begins with these bytes. */
static enum eg_status compare(const struct eg_dataset *ds, const char *path, uint64_t size,
                              const char *digest, const struct eg_position *known,
                              struct eg_error *err) {
    struct reading r;
    char part[33], whole[33];
    enum eg_status status = reading_begin(&r, ds->env, path, err);
    if (status != EG_OK) return status;
    status = digest_until(&r, size, part, err);
    if (status == EG_OK && strcmp(part, digest) != 0) status = EG_END;
    if (status == EG_OK) status = digest_until(&r, known->offset, whole, err);
    if (status == EG_OK && strcmp(whole, known->digest) != 0) status = EG_END;
    reading_end(&r);
    return status;
}

static enum eg_status compare_kept(const struct eg_dataset *ds, uint64_t size, const char *digest,
                                   const struct eg_position *known, struct eg_error *err) {
    const struct eg_journal *journal = &ds->journal;
    enum eg_status status = EG_END;
    for (size_t i = 0; i < journal->capture_count && status == EG_END; i++) {
        const struct eg_journal_capture *c = &journal->captures[i];
        if (c->gone || c->bytes != known->offset || strcmp(c->digest, known->digest) != 0) continue;
        char *path = c->copy ? eg_path_join(ds->path, c->place) : eg_strdup(c->place);
        if (!path) return eg_fail(err, EG_E_NOMEM, "no memory to compare captures");
        status = compare(ds, path, size, digest, known, err);
        eg_free(path);
    }
    return status;
}

enum eg_status eg_beginning_of(const struct eg_dataset *ds, const char *name, uint64_t size,
                               const struct eg_position *known, struct eg_error *err) {
    struct reading own;
    char digest[33];
    enum eg_status status = reading_begin(&own, ds->env, name, err);
    if (status != EG_OK) return status;
    status = digest_until(&own, size, digest, err);
    reading_end(&own);
    if (status == EG_OK) status = compare_kept(ds, size, digest, known, err);
    if (status == EG_END) status = compare(ds, known->name, size, digest, known, err);
    return status;
}
