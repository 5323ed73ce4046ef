/* SPDX-License-Identifier: Apache-2.0
 * Records of sequence files into raw rows, step by step: expanding what is compressed, and going on
 * at the next mark where something is damaged. The bytes come from whoever reads (stream.h).
 *
 * A row's offset is where its record begins. Records that are compressed together, in a block, have
 * no place of their own: the n-th of a block has the n-th byte of the block, which no other row has
 * (a block of more records than bytes is refused). */
#ifndef EG_SOURCE_SEQFILE_H
#define EG_SOURCE_SEQFILE_H

#include "table/batch.h"
#include "wire/seqfile.h"

struct eg_seqfile_reader;

EG_MUST_CHECK enum eg_status eg_seqfile_reader_new(struct eg_seqfile_reader **out,
                                                   const struct eg_seqfile *, struct eg_error *err);
void eg_seqfile_reader_free(struct eg_seqfile_reader *); /* NULL is fine */

/* Goes on at `offset`, where a record, a mark or a block begins. */
void eg_seqfile_reader_restart(struct eg_seqfile_reader *, uint64_t offset);

/* Told of each record that holds no packet, in its place among the others; `time_ns` may be
 * EG_FRAME_NO_TIME. */
typedef void (*eg_seqfile_bad)(void *to, int64_t time_ns, const char *why);
void eg_seqfile_reader_watch(struct eg_seqfile_reader *, eg_seqfile_bad, void *to);

struct eg_seqfile_step {
    size_t took;    /* bytes of `have` that are done with */
    uint64_t whole; /* where the rows so far end: everything before is told */
    /* That is not where the bytes done with end: in a block, or at something damaged. */
    bool inside;
    size_t kept; /* bytes of memory that the batch keeps besides, from now on */
    bool viewed; /* the row looks into `have` */
    const char *passed; /* why something was passed over, with this step; NULL: nothing was */
    uint64_t passed_at; /* where that begins */
};
/* The next step at the beginning of `have`, which stands at `offset`. EG_RECORD_FRAME: a row was put
 * into the builder, which has room for one; EG_RECORD_OTHER: it went on; EG_RECORD_MORE,
 * EG_RECORD_NO_MEMORY: as they say. Damage is counted and stepped over. */
enum eg_record eg_seqfile_reader_step(struct eg_seqfile_reader *, struct eg_span have,
                                      uint64_t offset, struct eg_builder *,
                                      struct eg_seqfile_step *, struct eg_record_note *,
                                      struct eg_tally *);
/* No more bytes than `have` will come. True: something can be made of them yet, go on (a record that
 * seems to be longer than the file, with a mark inside: compressed values hold none). */
bool eg_seqfile_reader_over(struct eg_seqfile_reader *, struct eg_span have);
/* The batch was sealed: what it keeps of the reader's memory, the next one keeps by itself. */
void eg_seqfile_reader_sealed(struct eg_seqfile_reader *);
/* `inside`: the bytes of the block that stand before `whole`; none where it is not in a block. */
struct eg_span eg_seqfile_reader_within(const struct eg_seqfile_reader *);
/* Why what was read last is not whole, where that is damage and not just the end; else NULL. */
const char *eg_seqfile_reader_lost(const struct eg_seqfile_reader *);

#endif
