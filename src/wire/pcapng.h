/* SPDX-License-Identifier: Apache-2.0
 * pcapng: a run of blocks, each framed by its length in front and behind; sections that set the
 * byte order, interfaces that set link type and clock, and packet blocks. draft-ietf-opsawg-pcapng. */
#ifndef EG_WIRE_PCAPNG_H
#define EG_WIRE_PCAPNG_H

#include "wire/capture.h"

#define EG_PCAPNG_BLOCK_MAX (512u << 10) /* what is looked at of a block; a packet's must fit */
#define EG_PCAPNG_INTERFACES_MAX 65536u  /* of a section; further ones are not known */
#define EG_PCAPNG_NAME_MAX 255u          /* longer names of interfaces are ignored */

struct eg_pcapng_interface {
    int32_t link_type;  /* -1: its description is damaged, its packets are not kept */
    uint32_t snaplen;   /* 0: no limit */
    int64_t offset_s;   /* if_tsoffset */
    uint8_t resolution; /* if_tsresol as stored: 10^-n, or 2^-n where the top bit is set */
    char *name;         /* if_name; NULL: none */
};

struct eg_pcapng {
    bool big;         /* byte order of the section */
    uint64_t trailer; /* a long block was skipped up to its trailer, which must say this; else 0 */
    uint32_t section; /* counts the sections; interfaces are numbered anew in each */
    struct eg_pcapng_interface *interfaces;
    uint32_t count, room;
};

/* Whether the bytes begin like a pcapng file (12 are needed). */
bool eg_pcapng_is(struct eg_span head);
/* Frees what `eg_pcapng_block` made; a zeroed struct is ready for use. */
void eg_pcapng_reset(struct eg_pcapng *);

/* The block at the beginning of `have`. Packets go to *frame with a payload inside `have`. Remarks
 * (blocks skipped, packets that cannot be kept) go to the tally. */
enum eg_record eg_pcapng_block(struct eg_pcapng *, struct eg_span have, struct eg_frame *frame,
                               struct eg_record_note *, struct eg_tally *tally);
/* Whether the block that begins here is one that holds a packet, in the section's byte order. */
bool eg_pcapng_holds_packet(const struct eg_pcapng *, struct eg_span have);
/* Whether a whole block can stand at the beginning of `have`, in either byte order; `more`: there
 * are further bytes behind `have`. */
bool eg_pcapng_block_follows(struct eg_span have, bool more);

/* A time stamp of an interface in ns since 1970; EG_FRAME_NO_TIME where it cannot be stored. */
int64_t eg_pcapng_time(const struct eg_pcapng_interface *, uint64_t stamp);

#endif
