/* SPDX-License-Identifier: Apache-2.0
 * What the program asks of the dataset sink beyond the contract of sinks: to lock the sources it
 * reads, and to tell what it put into quarantine. */
#ifndef EG_STORE_DATASET_SINK_H
#define EG_STORE_DATASET_SINK_H

#include "table/stage.h"

extern const struct eg_sink_type eg_sink_dataset;

/* For eg_scan_request.claim_source, with the open sink as `claim_to`: takes the lock of the source
 * until the sink is closed or told to release. `news` are the positions that others committed since
 * the sink was last asked. Errors: EG_E_LOCKED naming the process that reads it. */
EG_MUST_CHECK enum eg_status eg_dataset_sink_claim(void *sink, const char *key, const char *lock,
                                                   const char *name, struct eg_position **news,
                                                   size_t *news_count, struct eg_error *err);
/* Between two runs of the pump: gives the locks of all sources back, and drops what a run that failed
 * has written and not flushed. */
void eg_dataset_sink_release(void *sink);
/* Rows put into quarantine since the sink was opened, under EG_CAUSE_quarantined; the sink writes
 * them to `losses` itself, so they are for the account only. Borrowed until the sink is closed. */
const struct eg_tally *eg_dataset_sink_tally(const struct eg_sink *sink);

#endif
