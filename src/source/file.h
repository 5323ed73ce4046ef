/* SPDX-License-Identifier: Apache-2.0
 * What the program asks of the source `file` beyond the contract of sources: what it reads, and to
 * pass every byte on while it reads it, so that it need not be read again to be kept. */
#ifndef EG_SOURCE_FILE_H
#define EG_SOURCE_FILE_H

#include "source/unpack.h"
#include "table/stage.h"

extern const struct eg_source_type eg_source_file;

/* How far whole records were read. */
struct eg_file_reach {
    uint64_t offset;
    char digest[33];
    uint64_t packets;
    int64_t first_us, last_us; /* first > last: none has a time */
};

/* Who gets the uncompressed bytes. Calls are never concurrent, whatever the source's are. */
struct eg_file_tee {
    /* The bytes at `offset`, each once, in order. What goes wrong is for `reached` to tell. */
    void (*bytes)(void *to, uint64_t offset, const void *bytes, size_t size);
    /* The position was asked for. Bytes behind it may have been given already. A failure is that of
     * position(). */
    enum eg_status (*reached)(void *to, const struct eg_file_reach *, struct eg_error *err);
    void (*closed)(void *to); /* the last call */
    void *to;
};

struct eg_file_facts {
    const char *name; /* the path as it was given, or "standard input" */
    bool regular;
    enum eg_packing packing;
    bool messages;         /* it is a file of messages: there are no packets in it */
    const char *ending;    /* of names of such files: ".pcap"; static */
    int64_t first_us;      /* of the first packet, if it stands near the beginning; INT64_MIN */
    int32_t link_type;     /* of the same; -1 */
    uint64_t size;         /* as stored, when it was opened; 0 where not regular */
    int64_t changed_ns;    /* when it was changed last, then */
    char head[40];         /* digest of its first bytes (struct eg_plan.lock) */
    uint64_t known;        /* so many bytes of it are known (0: none) … */
    char known_digest[33]; /* … with this digest */
};
/* After plan() and before the first next(). Errors: EG_E_IO, EG_E_CANCELLED. */
EG_MUST_CHECK enum eg_status eg_file_facts(struct eg_source *, struct eg_file_facts *out,
                                           struct eg_error *err);
/* From here on; copied. */
EG_MUST_CHECK enum eg_status eg_file_pass_on(struct eg_source *, const struct eg_file_tee *,
                                             struct eg_error *err);

#endif
