/* SPDX-License-Identifier: Apache-2.0
 * Counting by cause: what was seen and not kept, or kept with a remark. One tally belongs to one
 * thread; tallies are merged in file order, so that the sums and the first and last times do not
 * depend on how the work was divided. It becomes rows of the table `losses`. */
#ifndef EG_TABLE_TALLY_H
#define EG_TABLE_TALLY_H

#include "table/batch.h"

enum eg_cause {
#define EG_CAUSE(name, kind, meaning) EG_CAUSE_##name,
#include "table/causes.def"
#undef EG_CAUSE
    EG_CAUSE_COUNT
};

struct eg_cause_info {
    const char *name;
    bool is_loss;
    bool is_unseen; /* counted in datagrams: the records in them are in sequence_gap, too */
    bool is_kept;   /* in the table `losses`: every loss, and some remarks */
    const char *meaning;
};
const struct eg_cause_info *eg_cause_info(enum eg_cause);

/* Who a loss belongs to. Texts are static or outlive the tally. */
struct eg_blame {
    const char *source;             /* "packet", "netflow5", … */
    const struct eg_addr *exporter; /* NULL: none */
    int64_t domain;                 /* -1: none */
};

struct eg_tally_entry {
    enum eg_cause cause;
    const char *source;
    bool has_exporter;
    struct eg_addr exporter;
    int64_t domain;
    int64_t hour;             /* of start_time, in hours since the epoch; INT64_MIN: time unknown */
    int64_t start_us, end_us; /* INT64_MIN: unknown */
    int64_t records, packets, bytes;
};

#define EG_TALLY_MAX                                                                               \
    65536 /* entries; beyond them exporter, domain and hour are no longer told apart */

struct eg_tally {
    struct eg_tally_entry *entries; /* in the order in which they first appeared */
    uint32_t count, room;
    uint32_t *slots; /* open addressing over `entries` */
    uint32_t slot_count;
    uint32_t latest; /* the entry that was added to last */
    int64_t lost; /* additions that found no memory; merged into a tally they are no_memory there */
};

void eg_tally_reset(struct eg_tally *);
/* time_us may be INT64_MIN. `blame` may be NULL: source "packet", no exporter. */
void eg_tally_add(struct eg_tally *, enum eg_cause, const struct eg_blame *blame, int64_t time_us,
                  int64_t records, int64_t packets, int64_t bytes);
void eg_tally_merge(struct eg_tally *into, const struct eg_tally *from);
/* The sum over all entries of a cause. */
struct eg_tally_entry eg_tally_sum(const struct eg_tally *, enum eg_cause);
/* Its entries as rows of `losses`; only is_kept causes unless `notes` too; entries that sum to
 * nothing are left out. `losses` must have room for tally->count rows. Errors: EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_tally_rows(const struct eg_tally *, bool notes,
                                           struct eg_builder *losses, struct eg_error *err);

#endif
