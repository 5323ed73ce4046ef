/* SPDX-License-Identifier: Apache-2.0
 * What the program asks of the source `iface` beyond the contract of sources: to let frames be kept
 * while they come, and to say in its rows where. */
#ifndef EG_SOURCE_IFACE_H
#define EG_SOURCE_IFACE_H

#include "table/stage.h"
#include "wire/capture.h"

extern const struct eg_source_type eg_source_iface;

/* What outlives a source that is closed since a sink failed, for the one that is opened in its place: it
 * tells what nobody stored. All zero at first. */
struct eg_iface_memory {
    bool closed;     /* there was one before */
    uint64_t owed;   /* packets that the kernel saw and that never became durable */
    uint32_t passed; /* the interfaces' own counters when it was closed */
};

/* What the source takes. `memory` is no option; NULL: nothing comes before or after it. */
struct eg_iface_options {
    const char *bpf, *user;
    int64_t buffer, snaplen, max_packets;
    bool promiscuous;
    struct eg_iface_memory *memory;
};

struct eg_iface_keeper {
    /* Keeps a frame; answers the name of the capture it went to and its place there. NULL: it was not
     * kept. The text stays until the next call. */
    const char *(*frame)(void *to, const struct eg_frame *, const char *interface,
                         uint64_t *offset);
    void *to;
};
/* Before the first next(); copied. */
void eg_iface_keep(struct eg_source *, const struct eg_iface_keeper *);

#endif
