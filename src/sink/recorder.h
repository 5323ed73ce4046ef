/* SPDX-License-Identifier: Apache-2.0
 * Frames into rotating capture files of one directory (pcap, pcapng, sequence files): which file a frame belongs to, when that
 * file is complete, and which old ones go. A *lane* is a file being written: one for each
 * interface that the name tells apart, and of pcap for each link type.
 *
 * A full disk is no error here: what does not fit the lanes' buffers is counted, and writing goes
 * on when there is space. */
#ifndef EG_SINK_RECORDER_H
#define EG_SINK_RECORDER_H

#include "sink/hook.h"
#include "table/stage.h"
#include "wire/capture_write.h"

struct eg_recorder_options {
    const char *directory;
    const char *pattern; /* of names; outlives the recorder */
    const char *host;
    enum eg_capture_format format;
    int64_t rotate_us;    /* at multiples of it; 0: not by time */
    int64_t span_us;      /* so long after a file's first frame, instead; 0: rotate_us decides */
    uint64_t packets_max; /* of a file; 0: not by their number */
    uint64_t size_max;    /* bytes of a file; 0: not by size */
    uint64_t files_max;   /* published ones that are kept; 0: all */
    int64_t age_max_us;   /* 0: of any age */
    uint64_t bytes_max;   /* of all together; 0: no bound */
    struct eg_hook *hook; /* run for each published file; NULL: none */
};

struct eg_recorder_account {
    uint64_t packets;   /* in the files and buffers */
    uint64_t lost;      /* packets that found no space */
    uint64_t files;     /* published, the recovered ones too */
    uint64_t recovered; /* files of a killed run */
    uint64_t removed;   /* by the keep rules */
};

struct eg_recorder;

/* Changes nothing outside. The options' texts and the env outlive it. Errors: EG_E_USAGE (the
 * pattern), EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_recorder_open(struct eg_recorder **out, const struct eg_env *,
                                              const struct eg_recorder_options *,
                                              struct eg_error *err);
/* Makes the directory and its list, recovers what a killed run left. Before the first frame; harmless
 * again. */
EG_MUST_CHECK enum eg_status eg_recorder_begin(struct eg_recorder *, struct eg_error *err);
/* The clock for what follows; a batch's frames share it. */
void eg_recorder_now(struct eg_recorder *, int64_t now_us);
/* One frame. Without a time it gets the one before it in its lane, or now. */
EG_MUST_CHECK enum eg_status eg_recorder_put(struct eg_recorder *, const struct eg_frame *,
                                             struct eg_span interface, struct eg_error *err);
/* A packet that the caller could not make a frame of. */
void eg_recorder_unfit(struct eg_recorder *, int64_t time_us, uint64_t bytes);
/* All that was put is durable, in files that may still grow; those whose time is over are
 * published, the keep rules applied. */
EG_MUST_CHECK enum eg_status eg_recorder_sync(struct eg_recorder *, struct eg_error *err);
/* Publishes what there is. Errors: the first; it goes on with the others. */
EG_MUST_CHECK enum eg_status eg_recorder_finish(struct eg_recorder *, struct eg_error *err);
void eg_recorder_free(struct eg_recorder *); /* NULL is fine; what was not published is recovered
                                                at the next start */
const struct eg_recorder_account *eg_recorder_account(const struct eg_recorder *);
/* Moves what was counted since the last call. */
void eg_recorder_losses(struct eg_recorder *, struct eg_tally *to);

#endif
