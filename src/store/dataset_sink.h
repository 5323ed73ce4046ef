/* SPDX-License-Identifier: Apache-2.0
 * What the program asks of the dataset sink beyond the contract of sinks: to lock the sources it
 * reads, and to tell what it put into quarantine. */
#ifndef EG_STORE_DATASET_SINK_H
#define EG_STORE_DATASET_SINK_H

#include "store/capture_keeper.h"
#include "table/stage.h"

extern const struct eg_sink_type eg_sink_dataset;

/* For eg_scan_request.claim_source, with the open sink as `claim_to`: takes the lock of the source
 * until the sink is closed or told to release. `news` are the positions that others committed since
 * the sink was last asked. Errors: EG_E_LOCKED naming the process that reads it. */
EG_MUST_CHECK enum eg_status eg_dataset_sink_claim(void *sink, const char *key, const char *lock,
                                                   const char *name, struct eg_position **news,
                                                   size_t *news_count, struct eg_error *err);
/* For eg_scan_request.known_begins, likewise. */
EG_MUST_CHECK enum eg_status eg_dataset_sink_begins(void *sink, const char *name, uint64_t size,
                                                    const struct eg_position *known,
                                                    struct eg_error *err);
/* From here on the captures that are read are kept by that rule; asked for once. */
EG_MUST_CHECK enum eg_status eg_dataset_sink_keep(struct eg_sink *, const struct eg_keep_rule *,
                                                  struct eg_error *err);
/* For eg_scan_request.keep_source, with the open sink as `keep_to`; the source is `file`. */
EG_MUST_CHECK enum eg_status eg_dataset_sink_take(void *sink, struct eg_source *, char *file,
                                                  size_t room, struct eg_error *err);
/* The same where the source is `iface`: its frames are kept below captures/. */
EG_MUST_CHECK enum eg_status eg_dataset_sink_record(void *sink, struct eg_source *, char *file,
                                                    size_t room, struct eg_error *err);
/* For eg_scan_request.keep_known. */
EG_MUST_CHECK enum eg_status eg_dataset_sink_known(void *sink, struct eg_source *, char *told,
                                                   size_t room, struct eg_error *err);
/* What was kept since it was opened. */
void eg_dataset_sink_kept(const struct eg_sink *, struct eg_keep_account *out);
/* Between two runs of the pump: gives the locks of all sources back, and drops what a run that failed
 * has written and not flushed. */
void eg_dataset_sink_release(void *sink);
/* From here on the dataset remembers how many packets of this input, which cannot be read again, stand in no
 * flow yet; what a run before left so is told as EG_CAUSE_metering_ended. Asked for once; it does nothing
 * while another process does so for the same input. Packets are those written as rows, … */
void eg_dataset_sink_meter(struct eg_sink *, const char *input);
/* … or, where they are not kept, so many that were metered until now; said before each flush. */
void eg_dataset_sink_metered(struct eg_sink *, uint64_t packets, uint64_t bytes);
/* From here on batches of more than `bytes` (0: 32 MiB) are not kept as they are until the flush: those of
 * a table and hour that has `rows` (0: as many as make a row group of half the usual size) are encoded, and
 * kept so. Not with eg_dataset_sink_lost, which could not look at them. */
#define EG_DATASET_SINK_BYTES (UINT64_C(32) << 20)
#define EG_DATASET_SINK_ROWS UINT64_C(65536)
void eg_dataset_sink_bound(struct eg_sink *, uint64_t bytes, uint64_t rows);
/* From here on flows of exports are live ones: of hours far from now they make only so many (far_hours.h), the
 * rest stands in quarantine. Errors: EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_dataset_sink_live(struct eg_sink *, struct eg_error *err);
/* The dataset is there after a run that ended well, also where it has nothing to hold. */
EG_MUST_CHECK enum eg_status eg_dataset_sink_make(struct eg_sink *, struct eg_error *err);
/* Whether a flush that failed may be called again: all rows are there, and nothing is decided. */
bool eg_dataset_sink_whole(const struct eg_sink *);
/* What is in the sink will never be flushed: its rows are added under EG_CAUSE_batch_lost, of packets that
 * were metered only the flows where `flows_only`, and dropped. */
void eg_dataset_sink_lost(struct eg_sink *, bool flows_only, struct eg_tally *);
/* Losses for the sink to tell as its own, moved into it. Those that nobody asked for before are given back by
 * eg_dataset_sink_lost. */
void eg_dataset_sink_owes(struct eg_sink *, struct eg_tally *losses);
/* Rows put into quarantine since the sink was opened, under EG_CAUSE_quarantined; the sink writes
 * them to `losses` itself, so they are for the account only. Borrowed until the sink is closed. */
const struct eg_tally *eg_dataset_sink_tally(const struct eg_sink *sink);

#endif
