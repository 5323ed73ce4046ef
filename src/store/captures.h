/* SPDX-License-Identifier: Apache-2.0
 * The packet store: which captures the rows of `packets` point into, where each of them is, and
 * whether it is still the one that was read. docs/internals/packet-store.md. */
#ifndef EG_STORE_CAPTURES_H
#define EG_STORE_CAPTURES_H

#include "store/dataset.h"

/* What becomes of a capture whose packets are ingested (`--keep`). */
enum eg_keep {
    EG_KEEP_LINK, /* pointed to where it is */
    EG_KEEP_COPY, /* copied below captures/; what came compressed becomes seekable zstd */
    EG_KEEP_NONE, /* not registered: its packets cannot be retrieved */
};

struct eg_capture {
    char name[1024];   /* as the column `file` of `packets` has it */
    char place[4096];  /* absolute path of what is read */
    enum eg_keep keep; /* LINK or COPY */
    bool seekable;     /* `place` is zstd with a seek table; offsets are of what it holds */
    uint64_t bytes;    /* uncompressed */
    uint64_t packets;
    int64_t first_us, last_us; /* of its packets; first > last: none */
    int32_t link_type;         /* of its first packet; -1: none */
    char digest[33];           /* of its uncompressed bytes */
};

/* The captures whose packets may lie in [from_us, to_us], by name. Free with eg_free. Errors: as
 * eg_dataset_files. */
EG_MUST_CHECK enum eg_status eg_captures(struct eg_dataset *, int64_t from_us, int64_t to_us,
                                         struct eg_capture **out, size_t *count,
                                         struct eg_error *err);
/* The capture that a row's `file` names, looked at: is it there, and is it unchanged (size and time
 * of change as registered, else its digest; `whole`: the digest in any case)? Errors: EG_E_NOENT: not
 * in the store, or it vanished; EG_E_FORMAT: it was changed. The message names it and the remedy. */
EG_MUST_CHECK enum eg_status eg_capture_find(struct eg_dataset *, const char *name, bool whole,
                                             struct eg_capture *out, struct eg_error *err);

/* Whether the packets of a capture that is known whole (so many bytes, their digest, the time of its first
 * packet or INT64_MIN) expired: nothing is registered with these bytes, and of their first hour no row is
 * left. */
bool eg_capture_expired(const struct eg_dataset *, uint64_t bytes, const char *digest,
                        int64_t first_us);

/* Whether what is registered so is not there any more, or was changed. */
struct eg_journal_capture;
bool eg_capture_lost(struct eg_dataset *, const struct eg_journal_capture *);

#endif
