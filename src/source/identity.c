/* SPDX-License-Identifier: Apache-2.0
 * Keys, digests, and the search for what is known: one pass over the input, with a look at the
 * digest at each offset that a known position names. */
#include "source/identity.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

void eg_identity_key(char key[40], struct eg_span head, uint64_t offset) {
    size_t size = head.size < EG_KEY_BYTES ? head.size : EG_KEY_BYTES;
    if (offset < size) size = (size_t)offset;
    eg_digest_text(eg_hash128(head.at, size), key);
}

/* A known position that may be of this input. */
struct candidate {
    const struct eg_position *position;
    bool met;
};

static int by_offset(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    if (x->position->offset != y->position->offset)
        return x->position->offset < y->position->offset ? -1 : 1;
    return 0;
}

/* The first of the known ones, which are in the order of their keys, whose key is not before `key`. */
static size_t key_find(const struct eg_position *known, size_t known_count, const char *key) {
    size_t from = 0, to = known_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (strcmp(known[middle].key, key) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

struct candidates {
    struct candidate *list;
    size_t count, room;
};

static bool candidate_add(struct candidates *to, const struct eg_position *position) {
    if (to->count == to->room) {
        size_t room = to->room ? to->room * 2 : 16;
        struct candidate *list = eg_realloc(to->list, room, sizeof *list);
        if (!list) return false;
        to->list = list;
        to->room = room;
    }
    to->list[to->count++] = (struct candidate){.position = position};
    return true;
}

/* A position behind the first EG_KEY_BYTES has the key of these; one before has a key of its own. */
static bool candidates_find(struct candidates *to, struct eg_span head, uint64_t least,
                            const struct eg_position *known, size_t known_count) {
    for (uint64_t size = least < EG_KEY_BYTES ? least : EG_KEY_BYTES; size <= EG_KEY_BYTES;
         size++) {
        char key[40];
        eg_identity_key(key, head, size);
        for (size_t i = key_find(known, known_count, key);
             i < known_count && strcmp(known[i].key, key) == 0; i++) {
            bool fits = size < EG_KEY_BYTES ? known[i].offset == size : known[i].offset >= size;
            if (known[i].offset < least || !known[i].digest[0] || !fits) continue;
            if (!candidate_add(to, &known[i])) return false;
        }
    }
    if (to->count) qsort(to->list, to->count, sizeof *to->list, by_offset);
    return true;
}

/* The next bytes; *got 0 where the input ends, also where compressed input ends early or is damaged:
 * then the positions behind that are not met. */
static enum eg_status bytes_read(struct eg_input *input, uint8_t *to, size_t size, size_t *got,
                                 struct eg_error *err) {
    if (eg_env_cancelled(input->env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
    struct eg_error told = {.position = -1};
    enum eg_status status = eg_input_read(input, to, size, got, &told);
    if (status == EG_E_CUT || status == EG_E_FORMAT) return EG_OK;
    if (status < 0 && err) *err = told;
    return status;
}

enum eg_status eg_identity_lock(char lock[40], struct eg_input *input, struct eg_span head,
                                struct eg_error *err) {
    uint8_t bytes[EG_LOCK_BYTES];
    size_t size = 0, got;
    EG_TRY(eg_input_rewind(input, err));
    do {
        EG_TRY(bytes_read(input, bytes + size, sizeof bytes - size, &got, err));
        size += got;
    } while (got && size < sizeof bytes);
    if (size < sizeof bytes)
        eg_identity_key(lock, head, UINT64_MAX);
    else
        eg_digest_text(eg_hash128(bytes, size), lock);
    return EG_OK;
}

/* Hashes the input up to each candidate's offset in turn; *at is how far it came. */
static enum eg_status candidates_check(struct candidate *list, size_t count, struct eg_input *input,
                                       struct eg_hasher *hasher, uint8_t *chunk, uint64_t *at,
                                       struct eg_error *err) {
    *at = 0;
    for (size_t i = 0; i < count; i++) {
        while (*at < list[i].position->offset) {
            uint64_t want = list[i].position->offset - *at;
            size_t got;
            EG_TRY(bytes_read(input, chunk, want < EG_IDENTITY_REST ? want : EG_IDENTITY_REST, &got,
                              err));
            if (got == 0) return EG_OK;
            eg_hasher_add(hasher, chunk, got);
            *at += got;
        }
        char digest[33];
        eg_digest_text(eg_hasher_digest(hasher), digest);
        list[i].met = strcmp(digest, list[i].position->digest) == 0;
    }
    return EG_OK;
}

/* The furthest position met of each table; of those the nearest: what is behind it is not known to
 * at least one table. */
static void identity_settle(struct eg_identity *out, const struct candidate *list, size_t count) {
    out->state = count ? EG_PLAN_CHANGED : EG_PLAN_NEW;
    out->like = count ? list[count - 1].position : NULL;
    for (size_t i = 0; i < count; i++) {
        if (!list[i].met) continue;
        bool further = false;
        for (size_t k = i + 1; k < count; k++)
            if (list[k].met && strcmp(list[k].position->table, list[i].position->table) == 0)
                further = true;
        if (further) continue;
        if (out->state != EG_PLAN_GROWN || list[i].position->offset < out->like->offset) {
            out->state = EG_PLAN_GROWN;
            out->like = list[i].position;
        }
    }
    out->offset = out->like ? out->like->offset : 0;
}

static enum eg_status rest_read(struct eg_identity *out, struct eg_input *input, uint64_t at,
                                struct eg_error *err) {
    out->followed = at > out->offset;
    while (!out->followed && out->rest_size < EG_IDENTITY_REST) {
        size_t got;
        EG_TRY(bytes_read(input, out->rest + out->rest_size, EG_IDENTITY_REST - out->rest_size,
                          &got, err));
        if (got == 0) break;
        out->rest_size += got;
    }
    return EG_OK;
}

enum eg_status eg_identity_find(struct eg_identity *out, struct eg_input *input,
                                struct eg_span head, uint64_t least,
                                const struct eg_position *known, size_t known_count,
                                struct eg_error *err) {
    *out = (struct eg_identity){.state = EG_PLAN_NEW};
    if (known_count == 0) return EG_OK;
    struct candidates found = {0};
    out->rest = eg_malloc(EG_IDENTITY_REST);
    struct eg_hasher *hasher = eg_hasher_new();
    enum eg_status status;
    if (!out->rest || !hasher || !candidates_find(&found, head, least, known, known_count)) {
        status =
            eg_fail(err, EG_E_NOMEM, "no memory to compare %s with what is known", input->name);
        goto out;
    }
    uint64_t at;
    status = candidates_check(found.list, found.count, input, hasher, out->rest, &at, err);
    if (status != EG_OK) goto out;
    identity_settle(out, found.list, found.count);
    if (found.count && at < found.list[found.count - 1].position->offset) out->ends = at;
    if (out->state == EG_PLAN_GROWN) status = rest_read(out, input, at, err);
out:
    eg_hasher_free(hasher);
    eg_free(found.list);
    return status;
}

void eg_identity_reset(struct eg_identity *identity) {
    eg_free(identity->rest);
    *identity = (struct eg_identity){.state = EG_PLAN_NEW};
}
