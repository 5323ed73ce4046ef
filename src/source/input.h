/* SPDX-License-Identifier: Apache-2.0
 * A file or standard input as a run of uncompressed bytes: opening with errors worth reading,
 * telling compression by content, reading on, reading at a place, starting over. */
#ifndef EG_SOURCE_INPUT_H
#define EG_SOURCE_INPUT_H

#include "source/unpack.h"
#include "table/stage.h"

struct eg_input {
    const struct eg_env *env;
    char *name; /* the path, or "standard input" */
    int fd;
    bool owned;      /* fd is ours to close */
    bool regular;    /* has a size and can be read at any place, again and again */
    bool identified; /* has an identity worth remembering: a regular file, not standard input */
    uint64_t size;   /* as stored, when it was opened; 0 where not regular */
    enum eg_packing packing;
    atomic_ullong stored_read; /* stored bytes consumed by eg_input_read */
    /* below: eg_input_read's own */
    struct eg_unpack *unpack;
    uint8_t *packed; /* stored bytes not used up yet: [packed_at, packed_end) */
    size_t packed_at, packed_end;
    bool stored_over;        /* the descriptor gave its last byte */
    bool member_over;        /* a compressed member ended; another may follow */
    struct eg_error trouble; /* sticks; status EG_OK: none yet */
};

/* Opens "-", a path, or a file: URI. Errors, each one line: EG_E_NOENT, EG_E_ACCESS, EG_E_USAGE (a
 * directory), EG_E_FORMAT (empty), EG_E_IO, EG_E_CANCELLED. */
EG_MUST_CHECK enum eg_status eg_input_open(struct eg_input *, const struct eg_env *,
                                           const char *uri, struct eg_error *err);
void eg_input_reset(struct eg_input *);

/* The next uncompressed bytes, at least one and at most `size`; *got 0 at the end. Errors: EG_E_CUT
 * where compressed input ends early, EG_E_FORMAT where it is damaged (both only after everything
 * before was given, and again on each later call), EG_E_IO, EG_E_CANCELLED, EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_input_read(struct eg_input *, void *to, size_t size, size_t *got,
                                           struct eg_error *err);
/* Whether eg_input_read would answer at once (within `wait_ms`). */
bool eg_input_ready(const struct eg_input *, int wait_ms);
/* Whether the file is shorter now than it was when it was opened. */
bool eg_input_shrunk(const struct eg_input *);
/* Begins anew; regular inputs only. */
EG_MUST_CHECK enum eg_status eg_input_rewind(struct eg_input *, struct eg_error *err);
/* Bytes at a place of a regular, uncompressed input; fewer than `size` only at its end. Any
 * number of threads. */
EG_MUST_CHECK enum eg_status eg_input_pread(const struct eg_input *, void *to, size_t size,
                                            uint64_t offset, size_t *got, struct eg_error *err);

#endif
