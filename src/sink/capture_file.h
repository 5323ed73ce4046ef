/* SPDX-License-Identifier: Apache-2.0
 * One capture file from its first byte to its name: written under a hidden name, published under
 * its own only when complete, never over another file; and what a killed run left, made whole. */
#ifndef EG_SINK_CAPTURE_FILE_H
#define EG_SINK_CAPTURE_FILE_H

#include "base/strbuf.h"
#include "sink/capture_journal.h"
#include "sink/capture_name.h"

struct eg_capture_file {
    int fd;                                                    /* -1: none is open */
    char name[EG_CAPTURE_NAME_MAX], temp[EG_CAPTURE_NAME_MAX]; /* below the directory */
    struct eg_strbuf buffer;                                   /* not written yet */
    uint64_t written;                                          /* bytes in the file */
    uint64_t packets; /* in the file and the buffer; the caller's to count */
};

/* Makes the file under a hidden name, with a counter where `name` is taken. Errors: EG_E_NOSPACE,
 * EG_E_ACCESS, EG_E_IO. */
EG_MUST_CHECK enum eg_status eg_capture_file_create(struct eg_capture_file *,
                                                    struct eg_capture_journal *, const char *name,
                                                    struct eg_error *err);
/* Writes the buffer. EG_E_NOSPACE: what could not be written stays in the buffer. */
EG_MUST_CHECK enum eg_status eg_capture_file_write(struct eg_capture_file *, struct eg_error *err);
/* Writes the buffer and makes the bytes durable. */
EG_MUST_CHECK enum eg_status eg_capture_file_sync(struct eg_capture_file *, struct eg_error *err);

struct eg_published {
    char name[EG_CAPTURE_NAME_MAX]; /* "" where there was nothing to publish */
    uint64_t bytes, packets;
    uint64_t cut; /* bytes behind the last whole packet that were taken away */
};
/* Writes, fsyncs, names, and closes the file. After EG_E_NOSPACE it is still open; after another
 * failure it is closed and stays for the next start to recover. */
EG_MUST_CHECK enum eg_status eg_capture_file_publish(struct eg_capture_file *,
                                                     struct eg_capture_journal *, int64_t now_us,
                                                     struct eg_published *, struct eg_error *err);
/* Gives up what is in the buffer, cuts the file back to its last whole packet, and publishes that:
 * for the end of a run on a full disk. */
EG_MUST_CHECK enum eg_status eg_capture_file_salvage(struct eg_capture_file *,
                                                     struct eg_capture_journal *, int64_t now_us,
                                                     struct eg_published *, struct eg_error *err);
void eg_capture_file_reset(struct eg_capture_file *); /* closes; what is on disk stays */

/* A temporary file that a killed run left: cut back to its last whole packet and published, or
 * removed where it holds none. */
EG_MUST_CHECK enum eg_status eg_capture_recover(struct eg_capture_journal *, const char *temp,
                                                int64_t now_us, struct eg_published *,
                                                struct eg_error *err);

#endif
