/* SPDX-License-Identifier: Apache-2.0
 * The list of a recorder's capture files, on disk: those that are being written, so that a killed
 * run's are found again, and those that were published, so that only they are ever removed.
 *
 *   DIR/.earlgrey-captures   + TEMP   = BYTES TIME FINAL TEMP   - FINAL     (a line each, tabs)
 *
 * It is locked while it is open. A further recorder of the same directory has a list of its own
 * (.earlgrey-captures-1, …); one that opens takes over the lists that nobody holds. Names are paths
 * below the directory. */
#ifndef EG_SINK_CAPTURE_JOURNAL_H
#define EG_SINK_CAPTURE_JOURNAL_H

#include "base/status.h"

struct eg_captured_file {
    char *name;
    uint64_t bytes;
    int64_t time_us; /* when it was published */
};

#define EG_CAPTURE_GIVEN 64

struct eg_capture_journal {
    char *directory, *path;
    int fd;
    struct eg_captured_file *files; /* published and not removed, oldest first */
    size_t count, room;
    char **open; /* temporary files, in the order in which they were begun */
    size_t open_count, open_room;
    uint64_t bytes; /* of `files` */
    struct {
        uint64_t digest;       /* of a name that was wanted … */
        uint32_t next;         /* … and the counter that is free; 0: an empty place */
    } given[EG_CAPTURE_GIVEN]; /* latest last, in a ring: names are not given again when files go */
    uint32_t given_at;
};

#define EG_CAPTURE_JOURNALS_MAX 16 /* recorders of one directory at a time */

/* Makes the directory and the list where they are not there. Errors: EG_E_LOCKED: too many recorders
 * write there; EG_E_NOSPACE, EG_E_ACCESS, EG_E_IO. */
EG_MUST_CHECK enum eg_status eg_capture_journal_open(struct eg_capture_journal **out,
                                                     const char *directory, struct eg_error *err);
/* Whether there is a list in that directory, so that somebody recorded there. */
bool eg_capture_journal_there(const char *directory);
/* Before the temporary file is made. */
EG_MUST_CHECK enum eg_status eg_capture_journal_begin(struct eg_capture_journal *, const char *temp,
                                                      struct eg_error *err);
/* The temporary file is gone: renamed to `name`, or (NULL) removed. The list in memory is right
 * even where the line could not be written. */
EG_MUST_CHECK enum eg_status eg_capture_journal_end(struct eg_capture_journal *, const char *temp,
                                                    const char *name, uint64_t bytes,
                                                    int64_t time_us, struct eg_error *err);
/* Removes the oldest file, and directories that it leaves empty. */
EG_MUST_CHECK enum eg_status eg_capture_journal_drop(struct eg_capture_journal *,
                                                     struct eg_error *err);
void eg_capture_journal_close(struct eg_capture_journal *); /* NULL is fine */

#endif
