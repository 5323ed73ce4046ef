/* SPDX-License-Identifier: Apache-2.0
 * Packets that a question selects, as the frames they were: looked up in an index and fetched from where
 * they stand, or found by reading captures from end to end. docs/internals/retrieval.md. */
#ifndef EG_QUERY_RETRIEVAL_H
#define EG_QUERY_RETRIEVAL_H

#include "query/analysis.h"
#include "query/frame_rows.h"

/* One packet on its way out; everything in it lives until the call that gets it returns. */
struct eg_found {
    struct eg_frame frame;
    struct eg_span interface; /* its name; empty: none */
    const char *file;         /* as the column `file` has it */
    uint64_t offset;
};

struct eg_retrieval {
    const struct eg_packets_request *packets;
    struct eg_frame_test *const *tests; /* of the bytes; all must hold */
    size_t test_count;
    uint64_t count_max; /* packets; 0: all */
    uint32_t threads;   /* 0: one a core */
    /* In order, never concurrent with itself. EG_END: that is enough. */
    enum eg_status (*put)(void *to, const struct eg_found *, struct eg_error *);
    void *put_to;
    void (*progress)(void *to, const struct eg_scan_progress *); /* NULL: nobody looks */
    void *progress_to;
};

/* What it took. Zeroed before, freed after. */
struct eg_retrieved {
    uint64_t rows;   /* of the index that were followed */
    uint64_t frames; /* read */
    uint64_t bytes;  /* of captures, as stored */
    uint64_t found;
    uint64_t
        not_kept; /* rows whose bytes nothing holds: captured live, or piped in, without a copy */
    struct eg_retrieved_capture {
        char *name; /* as rows call it */
        uint64_t frames, bytes, found;
    } * captures;
    size_t capture_count, capture_room;
    char
        trouble[sizeof((struct eg_error *)0)
                    ->message]; /* of a capture that is cut or damaged: what came before was kept */
};
void eg_retrieved_reset(struct eg_retrieved *);

/* By the index of a dataset (or of captures that the engine reads first): in the order of time, merged
 * over files. Errors: as eg_engine_query, eg_capture_find and eg_pick_frame; EG_E_FORMAT where a packet
 * is not the one that was indexed. */
EG_MUST_CHECK enum eg_status eg_retrieve(struct eg_engine *, const struct eg_env *,
                                         const struct eg_retrieval *, struct eg_retrieved *,
                                         struct eg_error *err);
/* The same of a dataset, without an engine: for questions that name addresses or times, and have few
 * answers (packet_lookup.h). EG_END: it is no such question; nothing was put. */
EG_MUST_CHECK enum eg_status eg_retrieve_few(const struct eg_env *, const struct eg_retrieval *,
                                             struct eg_retrieved *, struct eg_error *err);
/* By reading the origin's captures: in their order. Errors: as the source `file`; a capture that is cut
 * or damaged is none (see `trouble`). */
EG_MUST_CHECK enum eg_status eg_retrieve_scan(const struct eg_env *, const struct eg_retrieval *,
                                              struct eg_retrieved *, struct eg_error *err);

/* ---- for the files of this room ---- */

/* The entry of a capture, made when there is none yet; NULL: no memory. Valid until the next call. */
struct eg_retrieved_capture *eg_retrieved_of(struct eg_retrieved *, const char *name);

#endif
