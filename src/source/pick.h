/* SPDX-License-Identifier: Apache-2.0
 * Single packets out of a capture, by their offsets, reading only the bytes they take. */
#ifndef EG_SOURCE_PICK_H
#define EG_SOURCE_PICK_H

#include "table/stage.h"
#include "wire/capture.h"

struct eg_pick;

/* Opens a capture in any form the source `file` reads (pcap, pcapng, sequence file; plain, seekable
 * zstd, compressed otherwise). Threads: one at a time. Errors: as the source `file`. */
EG_MUST_CHECK enum eg_status eg_pick_open(struct eg_pick **out, const char *path,
                                          const struct eg_env *, struct eg_error *err);
/* The frame whose record begins at `offset` of the uncompressed bytes. Cheap where offsets grow from
 * call to call. Ownership: out->payload until the next call. Errors: EG_E_FORMAT (no record begins
 * there), EG_E_CUT, EG_E_IO. */
EG_MUST_CHECK enum eg_status eg_pick_frame(struct eg_pick *, uint64_t offset, struct eg_frame *out,
                                           struct eg_error *err);
/* Bytes of the file read so far, for the receipt. */
uint64_t eg_pick_bytes(const struct eg_pick *);
void eg_pick_close(struct eg_pick *);

#endif
