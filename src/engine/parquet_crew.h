/* SPDX-License-Identifier: Apache-2.0
 * The threads that encode Parquet, with their memory: one crew at work on several files at once. */
#ifndef EG_ENGINE_PARQUET_CREW_H
#define EG_ENGINE_PARQUET_CREW_H

#include "engine/parquet_file.h"

/* One file to be worked on: eg_parquet_file_plan was called. */
struct eg_parquet_order {
    struct eg_parquet_file *file;
    bool finish;                   /* also the footer, as soon as its last group is written */
    const char *note;              /* for the footer */
    struct eg_parquet_stats stats; /* filled when finished */
    size_t end;                    /* the crew's: tasks of this order and all before it */
};

/* Encodes and writes what was planned of all the files, one after the other, without a pause
 * between them: while one thread writes and syncs a file, the others are at the next. The first
 * error ends it. */
EG_MUST_CHECK enum eg_status eg_parquet_crew_run(struct eg_parquet_crew *,
                                                 struct eg_parquet_order *, size_t count,
                                                 struct eg_error *err);

#endif
