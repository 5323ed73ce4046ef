/* SPDX-License-Identifier: Apache-2.0
 * One network interface being captured: a libpcap handle over a packet socket with a ring in shared
 * memory (TPACKET_V3), never blocking, and its counters. */
#ifndef EG_SOURCE_CAPTURE_DEVICE_H
#define EG_SOURCE_CAPTURE_DEVICE_H

#include "wire/capture.h"

struct eg_device_options {
    const char *bpf; /* NULL or empty: everything */
    int64_t buffer_bytes;
    int64_t snaplen;
    bool promiscuous;
};

struct eg_device;

/* Opens the interface (`any`: all of them). `*warning` is set to what libpcap remarks, else to an
 * empty text. Errors: EG_E_NOENT with the interfaces there are, EG_E_ACCESS with the remedy,
 * EG_E_USAGE for a filter, in libpcap's words. */
EG_MUST_CHECK enum eg_status eg_device_open(struct eg_device **out, const char *name,
                                            const struct eg_device_options *, char warning[300],
                                            struct eg_error *err);
void eg_device_close(struct eg_device *); /* NULL is fine */

const char *eg_device_name(const struct eg_device *);
int eg_device_fd(const struct eg_device *); /* becomes readable when there are packets */

/* Gives out at most `max` packets that wait in the ring, until `take` answers false. The frame's
 * bytes are only there during the call; `interface` is the name of the one it came through.
 * *taken says how many. Errors: EG_E_CUT: the interface went away, nothing more will come;
 * EG_E_IO. */
typedef bool (*eg_device_take)(void *to, const struct eg_frame *, const char *interface);
EG_MUST_CHECK enum eg_status eg_device_read(struct eg_device *, uint32_t max, eg_device_take take,
                                            void *to, uint32_t *taken, struct eg_error *err);

/* What was dropped since the last call. */
struct eg_device_drops {
    uint64_t kernel;    /* the ring was full */
    uint64_t interface; /* by the interface or its driver */
};
struct eg_device_drops eg_device_drops(struct eg_device *);
/* How many packets passed the interface so far, in and out, by its own counters, which wrap; of a loopback
 * interface those that came in. Of `any` the sum of all. */
uint32_t eg_device_passed(const struct eg_device *);
/* How many packets the kernel has seen since it was opened, as far as `drops` knows: put into the ring, or
 * dropped. */
uint64_t eg_device_seen(const struct eg_device *);
/* How many packets the kernel has put into the ring since it was opened, as far as `drops` knows. */
uint64_t eg_device_arrived(const struct eg_device *);

/* A counter of 32 bits that wraps, as one of 64 that does not. */
struct eg_wide_counter {
    uint32_t last;
    uint64_t sum;
};
uint64_t eg_wide_advance(struct eg_wide_counter *, uint32_t now); /* by how much it grew */

#endif
